"""Building: what lies on the disk afterwards, what decides its name, and what is never written over."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.datasets import build as building
from drumjax.datasets.build import arrays, build, prepare
from drumjax.datasets.info import CARD, PatternSet, content_sha256
from drumjax.datasets.kinds import detect_kind
from drumjax.datasets.load import load_patterns
from drumjax.patterns import POCKET


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same(first: PatternSet, second: PatternSet) -> bool:
    return first.info == second.info and content_sha256(first) == content_sha256(second)


def test_building_says_nothing_and_leaves_the_log_as_it_was(small_folder, tmp_path, caplog, capfd):
    import tensorflow_datasets  # noqa: F401

    log = logging.getLogger("absl")
    before = log.level
    log.addHandler(caplog.handler)
    try:
        build(small_folder, tmp_path / "out")
    finally:
        log.removeHandler(caplog.handler)
    assert (caplog.messages, *capfd.readouterr()) == ([], "", "")
    assert log.level == before


def test_a_built_folder_is_loaded_as_it_was_prepared(small_folder, tmp_path):
    built = build(small_folder, tmp_path / "out", licence="CC0")
    assert built.is_new
    loaded = load_patterns(tmp_path / "out")
    assert same(loaded, built.prepared.patterns)
    assert same(loaded, load_patterns(built.folder))
    assert loaded.info.counts == {"train": 35, "validation": 2, "test": 2}
    assert loaded.info.genres == ("idm", "techno")
    assert loaded.info.licences == {"cc0": 39}
    for split, expected in built.prepared.patterns.splits.items():
        for name, array in expected.items():
            np.testing.assert_array_equal(loaded.splits[split][name], array)
            assert loaded.splits[split][name].dtype == array.dtype


@pytest.mark.smoke
def test_the_embedded_set_is_the_same_built_or_not_and_as_arrays(tmp_path):
    direct = load_patterns("embedded")
    build("embedded", tmp_path / "out")
    arrays("embedded", tmp_path / "direct.npz")
    arrays(tmp_path / "out", tmp_path / "built.npz")
    assert same(direct, load_patterns(tmp_path / "out"))
    assert same(direct, load_patterns(tmp_path / "built.npz"))
    assert (tmp_path / "direct.npz").read_bytes() == (tmp_path / "built.npz").read_bytes()


def test_the_folder_names_its_source_and_carries_a_card(small_folder, tmp_path):
    (small_folder / "bad.mid").write_bytes(b"MThd")
    built = build(small_folder, tmp_path / "out")
    sha = built.prepared.patterns.info.source_sha256
    assert built.folder == tmp_path / "out" / "edm_patterns" / f"folder_{sha[:16]}" / "1.0.0"
    card = json.loads((built.folder / CARD).read_text())
    assert card["info"]["source_sha256"] == sha
    assert card["info"]["name"] == "source"
    assert card["left_out"]["files_read"] == 21
    assert card["left_out"]["files_used"] == 20
    assert list(card["left_out"]["rejections"].values()) == [1]
    assert str(tmp_path) not in "".join(tree(tmp_path / "out")[str(path)].decode("latin-1") for path in tree(tmp_path / "out"))


def test_an_identical_build_changes_nothing_and_says_so(small_folder, tmp_path):
    build(small_folder, tmp_path / "out")
    before = tree(tmp_path / "out")
    (small_folder / "notes.txt").write_text("not a pattern")
    (small_folder / "useless.mid").write_bytes(b"MThd")  # not a usable file: the data are the same
    again = build(small_folder, tmp_path / "out")
    assert not again.is_new
    assert tree(tmp_path / "out") == before


def test_a_copied_source_gives_the_same_bytes_elsewhere(small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path / "copy" / "source")
    first, second = build(small_folder, tmp_path / "a"), build(tmp_path / "copy" / "source", tmp_path / "b")
    assert first.folder.parent.name == second.folder.parent.name
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_other_data_are_never_written_over(small_folder, tmp_path):
    build(small_folder, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match="name another folder with -o"):
        build(small_folder, tmp_path / "out", seed=1)
    with pytest.raises(InputError, match="made from 'source' with other files or options"):
        build("embedded", tmp_path / "out")
    assert tree(tmp_path / "out") == before


def test_the_same_source_read_otherwise_by_another_version_is_not_taken_for_the_same(small_folder, tmp_path, monkeypatch):
    build(small_folder, tmp_path / "out")
    monkeypatch.setattr(building, "content_sha256", lambda patterns: "f" * 64)
    with pytest.raises(InputError, match="the same source by another version"):
        build(small_folder, tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"validation": 0.1},
        {"test": 0.1},
        {"licence": "MIT"},
        {"licences": ["unknown"]},
        {"channel": 10},
        {"drum_map": POCKET},
        {"steps": 32},
    ],
    ids=str,
)
def test_every_option_is_in_the_hash(small_folder, options):
    assert prepare(small_folder).patterns.info.source_sha256 != prepare(small_folder, **options).patterns.info.source_sha256


def test_bytes_names_and_labels_of_files_are_in_the_hash(small_folder, midi):
    def sha(**options) -> str:
        return prepare(small_folder, **options).patterns.info.source_sha256

    found = [sha()]
    (small_folder / "IDM" / "00.mid").rename(small_folder / "Techno" / "00.mid")
    found.append(sha())
    midi("source/IDM/02.mid", {(0, "BD"): 1})
    found.append(sha())
    midi("source/IDM/new.mid", {(0, "BD"): 2})
    found.append(sha())
    (small_folder.parent / "labels.csv").write_text("file,genre\nIDM/02.mid,idm\n")
    found.append(sha(genres_csv=small_folder.parent / "labels.csv"))
    (small_folder.parent / "labels.csv").write_text("file,genre\nIDM/02.mid,techno\n")
    found.append(sha(genres_csv=small_folder.parent / "labels.csv"))
    assert len(set(found)) == 6


def test_equal_filters_in_another_spelling_or_order_are_one_hash(small_folder):
    first = prepare(small_folder, licence="CC BY 4.0", licences=["CC BY", "mit"])
    second = prepare(small_folder, licence="cc-by-4.0", licences=["MIT", "cc-by"])
    assert first.patterns.info.source_sha256 == second.patterns.info.source_sha256


def test_a_build_that_fails_leaves_nothing(small_folder, tmp_path, monkeypatch):
    def broken(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(building, "_card", broken)
    with pytest.raises(KeyboardInterrupt):
        build(small_folder, tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError):
        load_patterns(tmp_path)


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_nothing_that_loads(small_folder, tmp_path):
    """Killed at many moments: afterwards there is the whole data set or none, and the next build makes it whole."""
    call = f"build({str(small_folder)!r}, {str(tmp_path / 'out')!r})"
    code = f"from drumjax.datasets.build import build; print('go', flush=True); {call}"
    outcomes = set()
    for delay_s in (0.05, 0.2, 0.5, 0.8, 1.1, 1.6):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        process.kill()
        process.wait()
        (tmp_path / "out").mkdir(exist_ok=True)
        try:
            loaded = load_patterns(tmp_path / "out")
        except InputError:
            outcomes.add("none")
        else:
            outcomes.add("whole")
            assert sum(loaded.info.counts.values()) == 39
        build(small_folder, tmp_path / "out")
        assert sum(load_patterns(tmp_path / "out").info.counts.values()) == 39
    assert "none" in outcomes


def test_a_place_that_cannot_be_written_is_an_input_error(small_folder, tmp_path):
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="name another with -o"):
            build(small_folder, out)
    (tmp_path / "taken" / "edm_patterns" / "mine").mkdir(parents=True)
    with pytest.raises(InputError, match="name another with -o"):
        build(small_folder, tmp_path / "taken")
    assert os.listdir(tmp_path / "taken") == ["edm_patterns"]


def test_a_full_disk_is_an_input_error_and_leaves_nothing(small_folder, tmp_path):
    out = tmp_path / "out"
    code = f"""
import resource
from drumjax.boundary import InputError
from drumjax.datasets.build import build
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    build({str(small_folder)!r}, {str(out)!r})
except InputError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"{out}: expected a folder to write prepared data to; found File too large; name another with -o")
    assert not out.exists()


def test_what_a_killed_build_left_is_removed_after_a_day(small_folder, tmp_path):
    for name, age_s in (("old", 2 * 86_400), ("new", 0)):
        folder = tmp_path / "out" / f".building-{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age_s,) * 2)
    build(small_folder, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == [".building-new", "edm_patterns"]


def test_a_set_of_too_few_files_cannot_be_split(midi, tmp_path):
    for i in range(2):
        midi(f"s/{i}.mid", {(i, "BD"): 100})
    with pytest.raises(InputError, match="at least 3 groups") as caught:
        build(tmp_path / "s", tmp_path / "out")
    assert "add files" in caught.value.remedy
    assert not (tmp_path / "out").exists()
    assert build(tmp_path / "s", tmp_path / "out", validation=0, test=0).is_new
    assert load_patterns(tmp_path / "out").info.counts == {"train": 2, "validation": 0, "test": 0}


def test_impossible_shares_are_an_input_error(small_folder):
    with pytest.raises(InputError, match="shares of 0 or more"):
        prepare(small_folder, validation=1.5)


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"genres_csv": "x.csv"}, "--genres-csv"),
        ({"licence": "mit"}, "--declared-licence"),
        ({"channel": 3}, "--channel"),
        ({"drum_map": POCKET}, "--drum-map"),
    ],
)
def test_what_means_nothing_for_the_embedded_set_is_refused(options, flag):
    with pytest.raises(InputError, match=flag):
        prepare("embedded", **options)


def test_the_embedded_set_has_a_licence_that_filters_see():
    assert prepare("embedded", licences=["apache-2.0"]).patterns.info.licences == {"apache-2.0": 1782}
    with pytest.raises(InputError, match="the library's own"):
        prepare("embedded", licences=["cc0"])


def test_a_source_is_of_the_kind_that_most_of_its_files_are(tmp_path, small_folder):
    assert detect_kind(small_folder) == detect_kind("embedded") == detect_kind(small_folder, "patterns") == "patterns"
    assert detect_kind(small_folder, "grooves") == "grooves"  # from the same files, where it is asked for
    with pytest.raises(InputError, match="found 'songs'"):
        detect_kind(small_folder, "songs")
    (tmp_path / "sounds").mkdir()
    for name in ("kick.wav", "snare.flac", "index.csv"):
        (tmp_path / "sounds" / name).write_bytes(b"RIFF")
    assert detect_kind(tmp_path / "sounds") == detect_kind(tmp_path / "sounds" / "kick.wav") == "one-shots"
    assert detect_kind(tmp_path / "sounds" / "index.csv") == "patterns"
    with pytest.raises(InputError, match="at least one usable sound"):
        build(tmp_path / "sounds", tmp_path / "out")


def test_names_of_any_script_come_back_as_they_were(midi, tmp_path):
    for i, genre in enumerate(("Ñandú, «x» [y]", "日本 / テクノ", "a'b\"c")):
        for k in range(2):
            midi(f"s/{genre.replace('/', '∕')}/ä {i}{k}#1.mid", {(2 * i + k, "BD"): 100})
    built = build(tmp_path / "s", tmp_path / "out")
    loaded = load_patterns(tmp_path / "out")
    assert same(loaded, built.prepared.patterns)
    assert loaded.info.genres == ("a'b\"c", "ñandú, «x» [y]", "日本 ∕ テクノ")
    arrays(tmp_path / "out", tmp_path / "x.npz")
    assert same(load_patterns(tmp_path / "x.npz"), loaded)
