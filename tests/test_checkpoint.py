"""Checkpoints: what goes in comes out, what was touched is named, what died half-way is not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import re
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError

CARD = {"system": "toy", "criterion": {"name": "f1", "mode": "max", "value": 0.5}}


def items() -> dict:
    params = {
        "player": {
            "dense": {"kernel": jnp.arange(12.0).reshape(3, 4) / 7, "bias": jnp.ones(3, jnp.bfloat16)},
            "without": {},
            "none": jnp.zeros((0, 5)),
        }
    }
    rest = {
        "opt": optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3)).init(params["player"]["dense"]),
        "key": jax.random.key(5),
        "keys": jax.random.split(jax.random.key(6, impl="rbg"), 3),
        "step": jnp.int32(7),
        "many": tuple(jnp.float32(i) for i in range(12)),  # more than ten: names sort otherwise than numbers
    }
    return {"play": {"params": params, "extra": {}}, "training": rest}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return checkpoint.save(
        tmp_path_factory.mktemp("work") / "checkpoints" / "7", items(), {"card.json": CARD, "notes/a.txt": b"drum"}
    )


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "7"))


def files_in(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def assert_same(one, other) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_every_kind_of_leaf_comes_back_with_its_bits_and_its_place(saved) -> None:
    assert_same(checkpoint.load(saved, items()), items())
    assert_same(checkpoint.load(saved, jax.eval_shape(items)), items())


def test_playing_needs_no_target_and_no_training_state(saved) -> None:
    playing = checkpoint.load_playing(saved)
    assert_same(playing.params, items()["play"]["params"])
    assert playing.extra == {}
    assert playing.card == CARD
    params, card = checkpoint.load_params(saved)
    assert_same(params, playing.params)
    assert card == CARD


def test_a_part_that_is_no_nested_dictionary_asks_for_a_target(saved) -> None:
    with pytest.raises(InputError, match="nested dictionaries"):
        checkpoint.load(saved)


def test_every_flipped_byte_is_found_and_its_file_named(saved, tmp_path) -> None:
    names = files_in(saved)
    assert len(names) > 10
    for k, name in enumerate(names):
        place = Path(shutil.copytree(saved, tmp_path / str(k)))
        raw = bytearray((place / name).read_bytes())
        raw[k * 37 % len(raw)] ^= 1 << k % 8
        (place / name).write_bytes(raw)
        with pytest.raises(InputError) as caught:
            checkpoint.load(place, items())
        assert Path(caught.value.path) == place / name


@pytest.mark.parametrize("offset", range(0, 400, 7))
def test_no_change_to_the_manifest_goes_unseen(copy, offset) -> None:
    raw = bytearray((copy / "manifest.json").read_bytes())
    raw[offset] = ord(" ") if raw[offset] != ord(" ") else ord("\t")
    (copy / "manifest.json").write_bytes(raw)
    with pytest.raises(InputError, match=r"manifest\.json"):
        checkpoint.verify(copy)


def test_cut_emptied_missing_swapped_and_added_files_are_named(copy) -> None:
    largest = max((copy / name for name in files_in(copy)), key=lambda path: path.stat().st_size)
    raw = largest.read_bytes()

    def fault() -> str:
        with pytest.raises(InputError) as caught:
            checkpoint.verify(copy)
        return caught.value.path

    for changed in (raw[:-1], b"", bytes(len(raw))):
        largest.write_bytes(changed)
        assert fault() == str(largest)
    largest.unlink()
    assert fault() == str(largest)
    largest.symlink_to("/dev/zero")
    assert fault() == str(largest)
    largest.unlink()
    largest.write_bytes(raw)
    checkpoint.verify(copy)
    (copy / "state" / "stranger").write_bytes(b"")
    assert fault() == str(copy / "state" / "stranger")
    (copy / "state" / "stranger").unlink()
    (copy / "state" / "folder").symlink_to(copy / "notes")
    assert fault() == str(copy / "state" / "folder")
    (copy / "state" / "folder").unlink()
    (copy / "card.json").write_bytes((copy / "manifest.json").read_bytes())
    assert fault() == str(copy / "card.json")


def test_a_directory_that_is_no_checkpoint_is_an_error(tmp_path) -> None:
    with pytest.raises(InputError, match="found none"):
        checkpoint.verify(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"manifest\.json"):
        checkpoint.verify(tmp_path)


def _renamed(tree):
    tree["play"]["params"]["player"]["dense"]["scale"] = tree["play"]["params"]["player"]["dense"].pop("bias")


def _reshaped(tree):
    tree["play"]["params"]["player"]["dense"]["kernel"] = jnp.zeros((4, 3))


def _retyped(tree):
    tree["play"]["params"]["player"]["dense"]["kernel"] = jnp.zeros((3, 4), jnp.bfloat16)


def _grown(tree):
    tree["training"]["more"] = jnp.zeros(1)


def _shrunk(tree):
    del tree["training"]["step"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_renamed, "an array params/player/dense/scale in play"),
        (_reshaped, r"play/params/player/dense/kernel as float32\(4, 3\); found float32\(3, 4\)"),
        (_retyped, r"bfloat16\(3, 4\); found float32\(3, 4\)"),
        (_grown, "an array more in training"),
        (_shrunk, "no array step in training"),
    ],
)
def test_another_structure_is_refused_before_anything_is_restored(saved, change, says) -> None:
    target = items()
    change(target)
    with pytest.raises(InputError, match=says):
        checkpoint.load(saved, target)


def test_a_failed_write_leaves_the_one_before_it(tmp_path, monkeypatch) -> None:
    place = checkpoint.save(tmp_path / "checkpoints" / "3", items(), {"card.json": CARD})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(place, items(), {"card.json": CARD | {"system": "other"}})
    monkeypatch.undo()
    assert checkpoint.load_playing(place).card == CARD
    assert [path.name for path in place.parent.iterdir()] == ["3"]


def test_a_checkpoint_is_replaced_whole(tmp_path) -> None:
    place = checkpoint.save(tmp_path / "checkpoints" / "3", items(), {"card.json": CARD})
    checkpoint.save(place, {"play": {"params": {}, "extra": {}}}, {"card.json": {"system": "other"}})
    assert checkpoint.load_playing(place) == ({}, {}, {"system": "other"})
    assert [path.name for path in place.parent.iterdir()] == ["3"]


def make(workdir: Path, step: int, value: float | None, mode: str = "max") -> Path:
    card = {"criterion": {"name": "f1", "mode": mode, "value": value}}
    return checkpoint.save(
        checkpoint.place_of(workdir, step), {"play": {"params": {"w": jnp.float32(step)}, "extra": {}}}, {"card.json": card}
    )


def test_best_is_by_the_criterion_and_the_later_of_equals(tmp_path) -> None:
    with pytest.raises(InputError, match="with checkpoints"):
        checkpoint.best(tmp_path)
    assert checkpoint.latest(tmp_path) is None
    for step, value in [(5, 0.7), (10, 0.9), (100, 0.9), (20, None)]:
        make(tmp_path, step, value)
    assert [path.name for path in checkpoint.list_checkpoints(tmp_path)] == ["5", "10", "20", "100"]
    assert checkpoint.best(tmp_path).name == "100"
    assert checkpoint.latest(tmp_path).name == "100"
    (checkpoint.place_of(tmp_path, 100) / "card.json").write_bytes(b"[")
    assert checkpoint.best(tmp_path).name == "10"
    good, faults = checkpoint.check_all(tmp_path)
    assert [path.name for path in good] == ["5", "10", "20"]
    assert [(path.name, Path(fault.path).name) for path, fault in faults.items()] == [("100", "card.json")]


def test_the_latest_is_the_best_where_none_competes(tmp_path) -> None:
    for step in (1, 2, 10):
        make(tmp_path, step, None)
    assert checkpoint.best(tmp_path).name == "10"
    assert sorted(path.name for path in checkpoint.prune(tmp_path, 1)) == ["1", "2"]


def test_less_is_better_where_the_criterion_says_so(tmp_path) -> None:
    for step, value in [(1, 3.0), (2, 1.0), (3, 2.0)]:
        make(tmp_path, step, value, "min")
    assert checkpoint.best(tmp_path).name == "2"
    assert sorted(path.name for path in checkpoint.prune(tmp_path, 1)) == ["1"]
    assert [path.name for path in checkpoint.list_checkpoints(tmp_path)] == ["2", "3"]


def test_what_a_killed_process_left_is_no_checkpoint_and_is_cleaned_up(tmp_path) -> None:
    make(tmp_path, 1, 0.1)
    folder = tmp_path / "checkpoints"
    shutil.copytree(folder / "1", folder / "2.tmp")
    shutil.copytree(folder / "1", folder / "3.removed")
    (folder / "1").rename(folder / "1.stale")  # killed between the two renames of a replacement
    (folder / "mine.tmp").mkdir()
    checkpoint.clean(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["1", "mine.tmp"]
    checkpoint.verify(folder / "1")


def test_what_ships_is_half_the_size_and_plays_alike(tmp_path) -> None:
    weights = jax.random.normal(jax.random.key(0), (200, 300))
    tree = {"play": {"params": {"p": {"w": weights}}, "extra": {"n": jnp.int32(3)}}, "training": {"opt": (weights,)}}
    place = checkpoint.save(tmp_path / "work" / "checkpoints" / "9", tree, {"card.json": CARD})
    out = checkpoint.export_for_playing(place, tmp_path / "out", name="toy", kind="patterns", half=True)
    playing = checkpoint.load_playing(checkpoint.find(out))
    assert playing.params["p"]["w"].dtype == np.float32
    np.testing.assert_array_equal(playing.params["p"]["w"], np.asarray(weights).astype(np.float16).astype(np.float32))
    assert playing.extra["n"] == 3
    assert playing.card["system"] == "toy"
    assert sum((out / name).stat().st_size for name in files_in(out)) < 0.6 * weights.nbytes
    with pytest.raises(InputError, match="'training'"):
        checkpoint.load(out, tree)
    content, members = checkpoint.read_instrument(out)
    assert (content["name"], content["kind"]) == ("toy", "patterns")
    assert members["model"] == out
    assert content["members"]["model"]["sha256"] == checkpoint.fingerprint(out)
    checkpoint.export_for_playing(place, out, name="toy", kind="patterns")  # an instrument may be replaced by another
    with pytest.raises(InputError, match="other files"):
        checkpoint.export_for_playing(place, tmp_path / "work", name="toy", kind="patterns")


@pytest.mark.parametrize("before", [False, True])
def test_an_export_that_is_cut_off_leaves_a_whole_instrument_or_none(tmp_path, monkeypatch, before) -> None:
    place, out = make(tmp_path / "a", 1, 0.1), tmp_path / "out"
    if before:
        checkpoint.export_for_playing(place, out, name="old", kind="patterns")
    flush = checkpoint.directory.flush_directory

    def dying_before_the_rename(path, target):
        raise KeyboardInterrupt

    def dying_after_the_rename(directory):
        if directory == tmp_path:
            raise KeyboardInterrupt
        flush(directory)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.directory, "flush_directory", dying_after_the_rename)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.export_for_playing(place, out, name="new", kind="patterns")
    assert checkpoint.read_instrument(out)[0]["name"] == "new"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying_before_the_rename)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.export_for_playing(place, out, name="newest", kind="patterns")
    assert checkpoint.read_instrument(out)[0]["name"] == "new"
    checkpoint.export_for_playing(place, out, name="newest", kind="patterns")
    assert checkpoint.read_instrument(out)[0]["name"] == "newest"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out.")]


def test_another_member_than_the_instrument_names_is_refused(tmp_path) -> None:
    one, other = make(tmp_path / "a", 1, 0.1), make(tmp_path / "b", 2, 0.2)
    out = checkpoint.export_for_playing(one, tmp_path / "out", name="toy", kind="patterns")
    swapped = checkpoint.export_for_playing(other, tmp_path / "swapped", name="toy", kind="patterns")
    shutil.copy(swapped / "instrument.json", out / "instrument.json")
    with pytest.raises(InputError, match="member 'model'"):
        checkpoint.find(out)
    (out / "instrument.json").write_text((out / "instrument.json").read_text().replace('"toy"', '"tom"'))
    with pytest.raises(InputError, match="seal"):
        checkpoint.find(out)


def test_an_instrument_of_several_members_names_and_verifies_each(tmp_path) -> None:
    model, vocoder = make(tmp_path / "a", 1, 0.1), make(tmp_path / "b", 2, 0.2)
    members = {"model": checkpoint.Member(model, {"credits": ["somebody"]}), "vocoder": checkpoint.Member(vocoder)}
    out = checkpoint.export_members(members, tmp_path / "out", name="two", kind="sounds", half=True)
    found = checkpoint.find_members(out)
    assert found == {"model": out / "model", "vocoder": out / "vocoder"}
    assert checkpoint.find(out) == out / "model"
    for role, place in (("model", model), ("vocoder", vocoder)):
        checkpoint.verify(found[role])
        assert_same(checkpoint.load_playing(found[role]).params, checkpoint.load_playing(place).params)
    assert checkpoint.read_card(out / "model")["credits"] == ["somebody"]
    both = checkpoint.fingerprint_members(found)
    assert both not in (checkpoint.fingerprint(found["model"]), checkpoint.fingerprint(found["vocoder"]))
    assert checkpoint.fingerprint_members({"model": found["model"]}) == checkpoint.fingerprint(found["model"])
    shutil.copytree(out / "model", tmp_path / "other")
    shutil.rmtree(out / "vocoder")
    with pytest.raises(InputError, match="the member 'vocoder'; found no checkpoint"):
        checkpoint.find_members(out)
    shutil.move(tmp_path / "other", out / "vocoder")
    with pytest.raises(InputError, match=r"the member 'vocoder' of instrument\.json; found another one"):
        checkpoint.find_members(out)
    checkpoint.export_members(members, out, name="two", kind="sounds")
    assert checkpoint.find_members(out).keys() == members.keys()
    for roles in ({"vocoder": members["vocoder"]}, {"model": members["model"], "../x": members["vocoder"]}):
        with pytest.raises(ValueError, match="expected roles"):
            checkpoint.export_members(roles, tmp_path / "none", name="x", kind="x")
    assert not (tmp_path / "none").exists()


def test_lists_come_back_as_lists_without_a_target(tmp_path) -> None:
    tree = {"layers": [jnp.ones(2), {"a": [jnp.zeros(3), {}], "b": [[]]}], "0": {"0": jnp.ones(1)}}
    place = checkpoint.save(tmp_path / "1", {"play": tree}, {"card.json": CARD})
    back = checkpoint.load(place)["play"]
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(tree), strict=True))
    manifest = json.loads((place / "manifest.json").read_text())
    manifest.pop("seal")
    for lists in (["layers", "0/0"], ["layers/0/1"], ["layers/0"], ["layers/1"], ["0", "0"], [""], [7], "layers"):
        manifest["items"]["play"]["lists"] = lists
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        sealed = manifest | {"seal": hashlib.sha256(text.encode()).hexdigest()}
        (place / "manifest.json").write_text(json.dumps(sealed, indent=1, sort_keys=True) + "\n")
        with pytest.raises(InputError, match=r"manifest\.json: expected"):
            checkpoint.load(place)


def test_values_beyond_half_precision_are_not_turned_into_infinity(tmp_path) -> None:
    with pytest.raises(ValueError, match="65504"):
        checkpoint.save(tmp_path / "1", {"play": {"w": jnp.float32(1e6)}}, {}, half=True)


def test_a_path_means_a_checkpoint_a_working_directory_or_nothing(tmp_path) -> None:
    first, second = make(tmp_path, 1, 0.9), make(tmp_path, 2, 0.1)
    assert checkpoint.find(second) == second
    assert checkpoint.find(tmp_path) == first
    with pytest.raises(InputError, match="no checkpoint in it"):
        checkpoint.find(tmp_path / "checkpoints")
    with pytest.raises(InputError, match="no such folder"):
        checkpoint.find(tmp_path / "x")


def test_which_is_the_best_is_not_said_where_a_card_is_damaged(tmp_path) -> None:
    """A changed figure in a card may not choose what is played, nor a damaged one be passed over in silence."""
    make(tmp_path, 1, 0.9)
    second = make(tmp_path, 2, 0.5)
    card = second / "card.json"
    card.write_text(card.read_text().replace("0.5", "0.99"))
    assert checkpoint.best(tmp_path).name == "1"
    with pytest.raises(InputError, match=r"card of the manifest.*the best of the others is .*checkpoints/1$") as caught:
        checkpoint.find(tmp_path)
    assert caught.value.path == str(card)
    for damaged in (b"", b"[]", b'{"criterion": [1]}'):
        card.write_bytes(damaged)
        assert checkpoint.best(tmp_path).name == "1"
        with pytest.raises(InputError):
            checkpoint.find(tmp_path)
    shutil.rmtree(second)
    assert checkpoint.find(tmp_path).name == "1"


def test_a_checkpoint_under_another_step_is_refused(tmp_path) -> None:
    for step in (1, 2):
        checkpoint.save(checkpoint.place_of(tmp_path, step), items(), {"card.json": CARD | {"step": step}})
    folder = tmp_path / "checkpoints"
    (folder / "1").rename(folder / "x")
    (folder / "2").rename(folder / "1")
    (folder / "x").rename(folder / "2")
    for step, other in ((1, 2), (2, 1)):
        with pytest.raises(InputError, match=f"the checkpoint of step {step}; found that of step {other}"):
            checkpoint.load(folder / str(step), items())
    assert checkpoint.check_all(tmp_path)[0] == []
    with pytest.raises(InputError, match="of step"):
        checkpoint.find(tmp_path)
    shutil.copytree(folder / "2", tmp_path / "elsewhere")  # outside a working directory a name says nothing
    checkpoint.verify(tmp_path / "elsewhere")


def test_a_checkpoint_put_aside_is_none_and_stays(tmp_path) -> None:
    make(tmp_path, 1, 0.1)
    for step in (2, 2):
        aside = checkpoint.put_aside(make(tmp_path, step, 0.9))
        assert aside.name == "2.bad"
    checkpoint.clean(tmp_path)
    assert checkpoint.prune(tmp_path, 1) == []
    assert checkpoint.best(tmp_path).name == "1"
    checkpoint.verify(aside)


def test_a_replacement_that_was_killed_between_its_renames_loses_nothing(tmp_path) -> None:
    """SIGKILL at the second rename; then a replacement that fails: the first one still stands there."""
    program = """
import os, pathlib, signal, sys
import jax.numpy as jnp
from drumjax import checkpoint
def save(k): checkpoint.save(sys.argv[1], {"play": {"params": {"w": jnp.float32(k)}, "extra": {}}}, {"card.json": {}})
save(1)
def kill(event, args):
    if event == "os.rename" and str(args[1]) == sys.argv[1]: os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
save(2)
"""
    place = tmp_path / "model"
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program, str(place)], env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.stale", "model.tmp"]
    with pytest.raises(TypeError):
        checkpoint.save(place, items(), {"card.json": object()})
    assert checkpoint.load_playing(place).params == {"w": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


# What somebody made on purpose: a seal can be computed by anyone.


def resealed(place: Path, change) -> Path:
    """The checkpoint with a changed manifest whose hashes and seal are right."""
    manifest = json.loads((place / "manifest.json").read_text())
    del manifest["seal"]
    for name in files_in(place):
        if name in manifest["files"]:
            raw = (place / name).read_bytes()
            manifest["files"][name] = {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    change(manifest)

    def text(content) -> str:
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    seal = hashlib.sha256(text(manifest).encode()).hexdigest()
    (place / "manifest.json").write_text(text(manifest | {"seal": seal}))
    return place


KERNEL = "params/player/dense/kernel"


def kernel(manifest: dict) -> dict:
    return manifest["items"]["play"]["arrays"][KERNEL]


def test_a_resealed_checkpoint_is_read_like_any_other(copy) -> None:
    assert_same(checkpoint.load(resealed(copy, lambda manifest: None), items()), items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: kernel(m).update(shape=[10**6, 10**6]), "at most .* bytes of arrays in .* bytes of play; found 4000000000"),
        (lambda m: kernel(m).update(shape=[2**63, 0]), "shape and type of numbers"),
        (lambda m: kernel(m).update(shape=[-3, 4]), "shape and type of numbers"),
        (lambda m: kernel(m).update(shape=[3.0, 4]), "shape and type of numbers"),
        (lambda m: kernel(m).update(shape=[300, 400]), r"as float32\(3, 4\) in parts"),
        (lambda m: kernel(m).update(shape=[2, 4]), r"as float32\(3, 4\) in parts"),
        (lambda m: kernel(m).update(dtype="int32"), r"as float32\(3, 4\) in parts"),
        (lambda m: kernel(m).update(dtype="object"), "shape and type of numbers"),
        (lambda m: kernel(m).update(dtype="S4"), "shape and type of numbers"),
        (lambda m: kernel(m).update(dtype="os.system"), "shape and type of numbers"),
        (lambda m: kernel(m).update(dtype=["f4"]), "shape and type of numbers"),
        (lambda m: kernel(m).update(impl="os.system"), "shape and type of numbers"),
        (lambda m: m["items"]["play"]["arrays"].update({KERNEL + "/more": kernel(m)}), "no array inside another"),
        (lambda m: m["items"]["play"]["arrays"].update({"params/other": kernel(m)}), "params/other"),
        (lambda m: m["items"]["play"]["arrays"].pop(KERNEL), "a stranger"),
        (lambda m: m["items"]["play"].update(arrays=[]), "arrays, empty and nested_dicts"),
        (lambda m: m["items"]["play"].update(empty=[3]), "names"),
        (lambda m: m["items"].update({"../../other": m["items"]["play"]}), "items named by letters"),
        (lambda m: m.update(items=[]), "tables of files and items"),
        (lambda m: m.pop("files"), "tables of files and items"),
        (lambda m: m["files"].update({"../../etc/passwd": m["files"]["card.json"]}), "no such file"),
        (lambda m: m["files"].update({"/etc/passwd": m["files"]["card.json"]}), "no such file"),
        (lambda m: m["files"].update({"card.json": "x"}), "SHA-256 and size of card.json"),
        (lambda m: m.update(format=2), "checkpoint format 1"),
        (lambda m: m.update(format="x" * 9999), "checkpoint format 1; found format x{40};"),
    ],
)
def test_a_crafted_manifest_is_refused_before_anything_is_allocated(copy, change, says) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=says):
        checkpoint.load_playing(resealed(copy, change))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # in KiB


def test_arrays_that_orbax_would_make_larger_than_the_manifest_says_are_refused(copy, monkeypatch) -> None:
    """The payload of another checkpoint under this one's manifest: the array in it is 400 MB of zeros in a few kB."""
    import orbax.checkpoint as ocp

    play = copy / "state" / "play"
    with ocp.StandardCheckpointer() as checkpointer:
        stored = {name: np.asarray(array) for name, array in checkpointer.restore(play).items()}
        shutil.rmtree(play)
        checkpointer.save(play, stored | {KERNEL: np.zeros((10_000, 10_000), np.float32)})

    def adopt(manifest: dict) -> None:
        names = [name for name in files_in(copy) if name != "manifest.json"]
        sums = {name: hashlib.sha256((copy / name).read_bytes()).hexdigest() for name in names}
        manifest["files"] = {name: {"sha256": sums[name], "size": (copy / name).stat().st_size} for name in names}

    monkeypatch.setattr(ocp.StandardCheckpointer, "restore", lambda *_: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"kernel as float32\(10000, 10000\)"):
        checkpoint.load(resealed(copy, adopt), items())
    with pytest.raises(InputError, match=r"kernel as float32\(10000, 10000\)"):
        checkpoint.load_playing(copy)


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return (Path.touch, (self.place,))


def test_no_code_in_a_checkpoint_runs(saved, tmp_path) -> None:
    """A pickle in the place of each of its files, hashes and seal right."""
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung))
    pickle.loads(trap)
    sprung.unlink()  # it does go off
    refused = dict.fromkeys(files_in(saved), 0)
    for k, name in enumerate(refused):
        for j, raw in enumerate((trap, npy_of_objects(trap))):
            place = Path(shutil.copytree(saved, tmp_path / f"{k}-{j}" / "7"))
            (place / name).write_bytes(raw)
            if name != "manifest.json":
                resealed(place, lambda manifest: None)
            for attempt in (lambda place: checkpoint.load(place, items()), checkpoint.load_playing):
                try:  # a file that orbax does not read does no harm
                    attempt(place)
                except InputError:
                    refused[name] += 1
                assert not sprung.exists(), name
            shutil.rmtree(place)
    # What is read is refused, in both formats: all for playing, and of the training's own where the whole is restored. How many
    # files of data orbax leaves that it then does not read differs from one time to the next.
    assert {re.sub(r"/d/\w+$", "/d", name): n for name, n in refused.items() if n} == {
        "card.json": 2, "manifest.json": 4,
        "state/play/_METADATA": 4, "state/play/manifest.ocdbt": 4, "state/play/d": 4,
        "state/training/_METADATA": 2, "state/training/manifest.ocdbt": 2, "state/training/d": 2,
    }  # fmt: skip


def npy_of_objects(trap: bytes) -> bytes:
    """An .npy file of an array of objects, which NumPy would unpickle if it were allowed to."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + trap


def test_a_crafted_card_chooses_and_crashes_nothing(tmp_path) -> None:
    """Deep nesting, huge and other numbers where the criterion and the step are looked for."""
    make(tmp_path, 1, 0.5)
    deep: dict = {}
    for _ in range(60):
        deep = {"a": deep}
    cards = [
        deep,
        {"criterion": {"mode": "max", "value": "9"}},
        {"criterion": {"mode": "max", "value": [9]}},
        {"criterion": {"mode": ["max"], "value": 10**400}},
        {"criterion": 10**400},
        {"criterion": {"mode": "max", "value": True}, "step": 10**400},
        {"step": "2"},
        {"step": None},
    ]
    for card in cards:
        checkpoint.save(checkpoint.place_of(tmp_path, 2), {"play": {"params": {}, "extra": {}}}, {"card.json": card})
        assert checkpoint.best(tmp_path).name in "12"
        with contextlib.suppress(InputError):
            checkpoint.find(tmp_path)
        with contextlib.suppress(InputError):
            checkpoint.load_playing(checkpoint.place_of(tmp_path, 2))
        checkpoint.check_all(tmp_path)


def test_a_checkpoint_does_not_tell_where_it_was_written(tmp_path) -> None:
    place = make(tmp_path / "a_private_folder", 1, 0.5)
    out = checkpoint.export_for_playing(place, tmp_path / "out", name="toy", kind="patterns")
    files = [path for folder in (place, out) for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"private_folder" in path.read_bytes() or str(tmp_path).encode() in path.read_bytes()]
    assert checkpoint.load_playing(out).params.keys() == checkpoint.load_playing(place).params.keys()


def test_an_instrument_without_its_manifest_names_the_file(tmp_path) -> None:
    out = checkpoint.export_for_playing(make(tmp_path, 1, 0.5), tmp_path / "out", name="toy", kind="patterns")
    (out / "manifest.json").unlink()
    (out / "manifest.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"manifest\.json: expected the member 'model'"):
        checkpoint.find(out)


@pytest.mark.parametrize(
    "members",
    [
        {"model": {"path": "../outside", "sha256": "0"}},
        {"model": {"path": "/etc", "sha256": "0"}},
        {"model": {"path": "link", "sha256": "0"}},
        {"model": {"path": "a\0b", "sha256": "0"}},
        {"model": {"path": 3, "sha256": "0"}},
        {"model": {"path": "."}},
        {"model": "."},
        {"model": None},
        ["model"],
        {},
        None,
    ],
)
def test_a_crafted_instrument_leads_nowhere(tmp_path, members) -> None:
    out = checkpoint.export_for_playing(make(tmp_path, 1, 0.5), tmp_path / "out", name="toy", kind="patterns")
    outside = checkpoint.export_for_playing(make(tmp_path, 2, 0.5), tmp_path / "outside", name="toy", kind="patterns")
    (out / "link").symlink_to(outside)
    content = {"name": "toy", "kind": "patterns", "members": members}
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    content["seal"] = hashlib.sha256(text.encode()).hexdigest()
    (out / "instrument.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    with pytest.raises(InputError, match=r"instrument\.json|an instrument with a member"):
        checkpoint.find(out)


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    widths: tuple[int, ...] = (3, 4)


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    kind: Literal["conv", "lstm"] = "lstm"
    epochs: float = 2.0
    seed: int = 0


def test_a_configuration_comes_back_equal() -> None:
    config = Outer(Inner(1e-30, (1, 2, 3)), "conv", 1 / 3, 2**40)
    data = json.loads(json.dumps(checkpoint.dump_config(config)))
    assert checkpoint.parse_config(Outer, data) == config
    assert checkpoint.parse_config(Outer, json.dumps(data)) == config


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"inner": {"rat": 0.2}}, "unknown key inner.rat; perhaps rate is meant"),
        ({"epoch": 1.0}, "unknown key epoch; perhaps epochs is meant"),
        ({"zzzzzz": 1.0}, "known here: inner, kind, epochs, seed"),
        ({"seed": "4"}, "seed: input should be a valid integer"),
        ({"seed": 4.5}, "seed: "),
        ({"kind": "gru"}, "kind: input should be 'conv' or 'lstm'; found 'gru'"),
        ({"inner": {"widths": [1, "2"]}}, "inner.widths.1: "),
        ([], "the whole: "),
        ("{", "the whole: invalid json"),
    ],
)
def test_a_fault_in_a_configuration_is_named_by_its_path(data, says) -> None:
    with pytest.raises(InputError) as caught:
        checkpoint.parse_config(Outer, data, "card.json")
    assert says in str(caught.value)
    assert caught.value.path == "card.json"
