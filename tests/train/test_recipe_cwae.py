"""The recipe `cwae`, shrunken, from a few sounds to what an instrument needs."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments.evaluation import held_out
from drumjax.models.cwae import CWAEConfig, encode
from drumjax.patterns.classes import CLASSES
from drumjax.signal.mel import MelConfig, Standardizer, from_int16, log_mel, mel, standardize
from drumjax.systems.cwae import CWAELoss
from drumjax.train.config import OptimizerConfig
from drumjax.train.engine import init_state
from drumjax.train.recipes.cwae import PRESETS, RECIPE, CWAETraining, fitted, stages
from drumjax.train.recipes.sounds import CHUNK, measured_standardizer
from drumjax.train.run import train
from drumjax.train.workdir import restore

STEPS = 40


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def whole_state(few_sounds, workdir: Path, **changes: Any) -> dict[str, np.ndarray]:
    """Every array of the last checkpoint, by its name."""
    sounds = few_sounds.sound_set()
    config = fitted(few_sounds.shrunken_cwae(**changes), sounds.info)
    ((system, optimizers, *_),) = stages(config, sounds.info)
    abstract = jax.eval_shape(lambda key: init_state(system, optimizers, key, {}), jax.random.key(0))
    state = restore(checkpoint.latest(workdir), abstract).replace(key=None)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(state)}


@pytest.fixture(scope="module")
def trained(few_sounds, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("cwae")
    train(RECIPE, few_sounds.shrunken_cwae(), few_sounds.sound_set(), workdir, steps=STEPS)
    return workdir


def test_the_presets_hold_the_papers_constants_and_say_what_they_give_up() -> None:
    paper = PRESETS["paper"]  # Sec. "Experimental setup"
    assert (paper.per_class, paper.iterations) == (64, 110_000)
    assert (paper.model, paper.loss, paper.mel) == (CWAEConfig(), CWAELoss(), MelConfig())  # their own tests hold their constants
    adam = paper.optimizer
    assert (adam.name, adam.learning_rate, adam.plateau_factor, adam.plateau_patience) == ("adam", 1e-3, 0.5, 10)
    assert paper.validate_every_epochs == 1
    assert paper.validate_every_steps == 26_400 // 704
    assert PRESETS["small"].model.channels == (16, 16, 16)
    assert (PRESETS["small"].loss.mmd_weight, PRESETS["small"].loss.code_noise) == (0.163, 0.6)  # docs/sounds.md
    assert set(RECIPE.summaries) == set(PRESETS)
    for name, preset in PRESETS.items():
        assert f"{preset.iterations:,} iterations" in RECIPE.summaries[name]
    assert "gives up" in RECIPE.summaries["small"]


def test_a_batch_of_the_papers_classes_has_704_sounds_and_the_data_decide_the_number_of_classes(few_sounds) -> None:
    info = few_sounds.sound_set().info
    counts = {split: dict.fromkeys(CLASSES, 3000) for split in info.class_counts}
    paper = fitted(PRESETS["paper"], replace(info, classes=CLASSES, class_counts=counts, samples=22_015))
    assert (paper.batch_size, paper.model) == (704, CWAEConfig())
    few = fitted(PRESETS["paper"], replace(info, samples=22_015))
    assert (few.batch_size, few.model.classes) == (192, 3)


def test_the_loss_falls_and_the_learning_rate_with_it(trained) -> None:
    rows = rows_of(trained)
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] == pytest.approx(1e-2)


def test_the_checkpoint_holds_what_the_training_split_measures(few_sounds, trained) -> None:
    extra = checkpoint.load_playing(checkpoint.latest(trained)).extra
    audio = few_sounds.sound_set().splits["train"]["audio"]
    config = replace(few_sounds.MEL, samples=few_sounds.SAMPLES)
    spectrograms = np.asarray(log_mel(mel(from_int16(jnp.asarray(audio)), config), config), np.float64)
    np.testing.assert_allclose(extra["standardizer"]["mean"], spectrograms.mean(0), atol=1e-5)
    np.testing.assert_allclose(extra["standardizer"]["deviation"], spectrograms.std(0), atol=1e-5)


def test_statistics_do_not_depend_on_how_many_sounds_are_held_at_once(few_sounds) -> None:
    audio = np.resize(few_sounds.sound_set().splits["train"]["audio"], (2 * CHUNK + 5, few_sounds.SAMPLES))
    config = replace(few_sounds.MEL, samples=few_sounds.SAMPLES)
    spectrograms = np.asarray(log_mel(mel(from_int16(jnp.asarray(audio)), config), config), np.float64)
    measured = measured_standardizer(audio, config)
    np.testing.assert_allclose(measured.mean, spectrograms.mean(0), atol=1e-5)
    np.testing.assert_allclose(measured.deviation, spectrograms.std(0), atol=1e-5)


def test_the_card_holds_classes_spectrogram_and_the_principal_axes_of_the_held_out_codes(few_sounds, trained) -> None:
    place = checkpoint.latest(trained)
    playing, sounds = checkpoint.load_playing(place), few_sounds.sound_set()
    config = fitted(few_sounds.shrunken_cwae(), sounds.info)
    play = playing.card["play"]
    assert set(play) == {"classes", "mel", "pca"}
    assert play["classes"] == ["kick", "snare", "shaker"]
    assert play["mel"] == checkpoint.dump_config(config.mel)
    assert playing.card["config"]["batch_size"] == 12
    assert playing.card["criterion"]["name"] == "loss"
    held_out = sounds.splits["validation"]
    x = standardize(
        log_mel(mel(from_int16(jnp.asarray(held_out["audio"])), config.mel), config.mel),
        Standardizer(**playing.extra["standardizer"]),
    )
    z = np.asarray(encode(config.model, playing.params["cwae"], playing.extra["batch_stats"], x, held_out["label"]), np.float64)
    _, singular, axes = np.linalg.svd(z - z.mean(0), full_matrices=False)
    found = {name: np.array(value) for name, value in play["pca"].items()}
    np.testing.assert_allclose(found["mean"], z.mean(0), atol=1e-5)
    np.testing.assert_allclose(found["deviations"], singular[:3] / np.sqrt(len(z)), rtol=1e-3, atol=1e-5)
    # The last of the three may be one of hardly any spread, and any direction then.
    np.testing.assert_allclose(np.abs(np.sum(found["components"][:2] * axes[:2], 1)), 1, atol=1e-3)
    assert all(axis[np.argmax(np.abs(axis))] > 0 for axis in found["components"])


def test_a_stopped_training_goes_on_to_the_same_bits_over_a_fall_of_the_learning_rate(few_sounds, trained, tmp_path) -> None:
    stopped = Path(shutil.copytree(trained, tmp_path / "stopped"))
    rates = {int(row["step"]): float(row["learning_rate"]) for row in rows_of(trained)}
    for place in checkpoint.list_checkpoints(stopped)[1:]:
        shutil.rmtree(place)
    assert rates[int(checkpoint.latest(stopped).name)] > rates[STEPS]
    train(RECIPE, few_sounds.shrunken_cwae(), few_sounds.sound_set(), stopped)
    whole, resumed = (whole_state(few_sounds, workdir) for workdir in (trained, stopped))
    assert whole.keys() == resumed.keys()
    for name, leaf in whole.items():
        np.testing.assert_array_equal(leaf, resumed[name], err_msg=name)


def test_it_goes_on_from_a_trained_one_with_its_standardiser_and_says_what_that_had_seen(few_sounds, trained, tmp_path) -> None:
    other = few_sounds.sound_set(seed=1)
    other = replace(other, info=replace(other.info, source_sha256="c" * 64))
    still = OptimizerConfig(name="sgd", learning_rate=1e-12)
    config = few_sounds.shrunken_cwae(start=str(trained), optimizer=still)
    result = train(RECIPE, config, other, tmp_path / "next", steps=2)
    before, after = (checkpoint.load_playing(checkpoint.find(place)) for place in (trained, result.checkpoint))
    for one, two in zip(jax.tree.leaves(before.params), jax.tree.leaves(after.params), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-6)
    for name, leaf in before.extra["standardizer"].items():
        np.testing.assert_array_equal(after.extra["standardizer"][name], leaf)
    # The moving averages go on from what they were.
    averages = [np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(of.extra["batch_stats"])]) for of in (before, after)]
    assert np.abs(averages[1] - averages[0]).max() > 0
    begun = stages(fitted(config, other.info), other.info)[0].begin(other.splits["train"])
    for part, trees in (("params", before.params), ("extra", before.extra)):
        jax.tree.map(np.testing.assert_array_equal, dict(getattr(begun, part)), dict(trees))
    written = checkpoint.read_card(result.checkpoint)["config"]
    assert (written["start"], written["start_sha256"]) == (trained.name, checkpoint.fingerprint(checkpoint.find(trained)))
    assert written["earlier_data"] == ["b" * 64]
    # Of its own data alone it is known what was held out; what it began with may have learned from any of them.
    for card, known in ((before.card, True), (after.card, None)):
        assert held_out(card, card["data"]["source_sha256"], "validation") is known
        assert held_out(card, card["data"]["source_sha256"], "train") is False
    # One more training on, the first data are still told.
    last = train(RECIPE, few_sounds.shrunken_cwae(start=str(tmp_path / "next")), other, tmp_path / "last", steps=2)
    assert checkpoint.read_card(last.checkpoint)["config"]["earlier_data"] == ["b" * 64]
    same = train(RECIPE, few_sounds.shrunken_cwae(start=str(trained)), few_sounds.sound_set(), tmp_path / "same", steps=2)
    assert checkpoint.read_card(same.checkpoint)["config"]["earlier_data"] == []


def test_what_it_cannot_go_on_from_is_said_before_anything_is_written(few_sounds, trained, tmp_path) -> None:
    sounds = few_sounds.sound_set()
    config = few_sounds.shrunken_cwae(start=str(trained))
    others = few_sounds.sound_set(classes=("shaker", "snare", "kick"))
    refused(
        few_sounds, tmp_path, config, others, "a model of the classes of the data, shaker, snare, kick; found kick, snare, shaker"
    )
    wider = replace(config, model=replace(config.model, channels=(4,)))
    refused(few_sounds, tmp_path, wider, sounds, r"for --start one whose model\.channels is \(4,\), as here; found \(3,\)")
    softer = replace(config, mel=replace(config.mel, floor=1e-4))
    refused(few_sounds, tmp_path, softer, sounds, r"for --start one whose mel\.floor is 0\.0001, as here; found 1e-05")
    refused(few_sounds, tmp_path, replace(config, start_sha256="d" * 64), sounds, "--start with the hash dddd")
    refused(
        few_sounds, tmp_path, replace(config, start="", start_sha256="d" * 64), sounds, "a hash of what start names; found a hash"
    )
    refused(few_sounds, tmp_path, replace(config, earlier_data=("e" * 64,)), sounds, "earlier_data: expected none; found eeee")
    refused(few_sounds, tmp_path, replace(config, start=str(tmp_path / "nowhere")), sounds, "a trained model; found no such folder")
    damaged = Path(shutil.copytree(checkpoint.find(trained), tmp_path / "damaged"))
    file = max((path for path in (damaged / "state").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    refused(few_sounds, tmp_path, replace(config, start=str(damaged)), sounds, "SHA-256")


def test_eight_devices_make_the_steps_of_one_over_the_whole_batch(few_sounds, together, tmp_path) -> None:
    """Statistics of a batch and discrepancies are those of all devices together: three items on each would give others."""
    assert jax.device_count() == 1
    program = str(Path(few_sounds.__file__))
    arguments = {"workdir": str(tmp_path / "eight"), "steps": 4}
    quickly = "--xla_backend_optimization_level=0"  # a quarter of its time less
    process = together.started([sys.executable, program, json.dumps(arguments)], 8, quickly)
    changes = {"per_class": 8, "optimizer": few_sounds.STEADY}
    train(RECIPE, few_sounds.shrunken_cwae(**changes), few_sounds.sound_set(), tmp_path / "one", steps=4)
    ((code, _, errors),) = together.ended([process])
    assert code == 0, errors
    one, eight = (whole_state(few_sounds, tmp_path / name, **changes) for name in ("one", "eight"))
    for name, leaf in one.items():
        np.testing.assert_allclose(eight[name], leaf, rtol=1e-4, atol=1e-5, err_msg=name)


def refused(few_sounds, tmp_path, config: Any, data: Any, match: str, **options: Any) -> None:
    with pytest.raises(InputError, match=match):
        train(RECIPE, config, data, tmp_path / "new", steps=2, **options)
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_trained_is_said_before_anything_is_written(few_sounds, tmp_path) -> None:
    config, sounds = few_sounds.shrunken_cwae(), few_sounds.sound_set()
    patterns = SimpleNamespace(info=SimpleNamespace(kind="patterns", name="p"), splits={"train": {}})
    refused(few_sounds, tmp_path, config, patterns, "data of the kind one-shots; found patterns")
    one_empty = few_sounds.sound_set(counts=(6, 0, 5))
    refused(few_sounds, tmp_path, config, one_empty, "at least one training sound of each class; found none of snare")
    refused(few_sounds, tmp_path, config, sounds, "jit for cwae, .*; found pmap; use --parallel jit", parallel="pmap")
    asked = replace(config, batch_size=64)
    refused(few_sounds, tmp_path, asked, sounds, "batch_size: expected 12, 4 of each of 3 classes; found 64; .*--per-class")
    classes = replace(config, model=replace(config.model, classes=5))
    refused(few_sounds, tmp_path, classes, sounds, r"model\.classes: expected 3, .*; found 5; leave it out")
    rate = replace(config, mel=replace(config.mel, sample_rate_hz=44_100))
    refused(few_sounds, tmp_path, rate, sounds, r"mel\.sample_rate_hz: expected 22050, as in the data; found 44100")


def test_a_code_without_room_for_three_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="latent of at least 3"):
        CWAETraining(model=replace(PRESETS["paper"].model, latent=2))
