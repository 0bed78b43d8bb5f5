"""The recipe `mcnn`, shrunken: from a few sounds to a vocoder, alone and after a CWAE."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.models.cwae import decode, encode
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig, Standardizer, from_int16, from_log_mel, log_mel, mel, standardize, unstandardize
from drumjax.systems.mcnn import MCNNLoss
from drumjax.train.config import OptimizerConfig
from drumjax.train.recipes import cwae
from drumjax.train.recipes.mcnn import PRESETS, RECIPE, fitted, prepared, stored
from drumjax.train.run import train

STEPS = 40
STILL = OptimizerConfig(name="sgd", learning_rate=1e-12)


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def weights_in(place: Path) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(checkpoint.load_playing(place).params)]


@pytest.fixture(scope="module")
def trained(few_sounds, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("mcnn")
    train(RECIPE, few_sounds.shrunken_mcnn(), few_sounds.sound_set(), workdir, steps=STEPS)
    return workdir


@pytest.fixture(scope="module")
def autoencoder(few_sounds, tmp_path_factory) -> Path:
    """A CWAE that knows the same classes in another order."""
    workdir = tmp_path_factory.mktemp("cwae")
    sounds = few_sounds.sound_set(classes=("shaker", "snare", "kick"))
    train(cwae.RECIPE, few_sounds.shrunken_cwae(), sounds, workdir, steps=4)
    return workdir


def test_the_presets_hold_the_papers_constants_and_say_what_they_give_up() -> None:
    paper = PRESETS["paper"]  # Sec. "Experimental setup"
    assert (paper.batch_size, paper.iterations) == (128, 50_000)
    assert (paper.model, paper.loss, paper.mel) == (MCNNConfig(), MCNNLoss(), MelConfig())  # their own tests hold their constants
    adam = paper.optimizer
    assert (adam.name, adam.learning_rate, adam.plateau_factor, adam.plateau_patience) == ("adam", 1e-4, 0.2, 50)
    assert paper.validate_every_epochs == 1
    assert paper.validate_every_steps == 26_400 // 128
    assert set(RECIPE.summaries) == set(PRESETS)
    for name, preset in PRESETS.items():
        assert f"{preset.iterations:,} iterations" in RECIPE.summaries[name]
    assert "gives up" in RECIPE.summaries["small"]


def test_a_model_is_known_by_its_folders_name_wherever_it_is_named_from(tmp_path, monkeypatch) -> None:
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    for start in (".", "../first", str(tmp_path / "first")):
        assert stored(replace(PRESETS["paper"], start=start)) == replace(PRESETS["paper"], start="first")


def test_the_loss_falls_and_the_card_holds_the_spectrogram(few_sounds, trained) -> None:
    rows = rows_of(trained)
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])
    card = checkpoint.read_card(checkpoint.latest(trained))
    assert card["play"] == {"mel": checkpoint.dump_config(replace(few_sounds.MEL, samples=few_sounds.SAMPLES))}
    assert (card["system"], card["criterion"]["name"], card["criterion"]["mode"]) == ("mcnn", "loss", "min")
    assert (card["config"]["start"], card["config"]["spectrograms_of"]) == ("", "")


def test_a_stopped_training_goes_on_to_the_same_bits(few_sounds, trained, tmp_path) -> None:
    stopped = Path(shutil.copytree(trained, tmp_path / "stopped"))
    for place in checkpoint.list_checkpoints(stopped)[2:]:
        shutil.rmtree(place)
    train(RECIPE, few_sounds.shrunken_mcnn(), few_sounds.sound_set(), stopped)
    for one, other in zip(weights_in(checkpoint.latest(trained)), weights_in(checkpoint.latest(stopped)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_goes_on_from_a_trained_one_and_reads_what_a_cwae_makes(few_sounds, trained, autoencoder, tmp_path) -> None:
    config = few_sounds.shrunken_mcnn(start=str(trained), spectrograms_of=str(autoencoder), optimizer=STILL)
    result = train(RECIPE, config, few_sounds.sound_set(), tmp_path, steps=2)
    start, model = checkpoint.find(trained), checkpoint.find(autoencoder)
    for one, other in zip(weights_in(start), weights_in(result.checkpoint), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)
    stored = checkpoint.read_card(result.checkpoint)["config"]
    assert (stored["start_sha256"], stored["spectrograms_sha256"]) == (checkpoint.fingerprint(start), checkpoint.fingerprint(model))
    # Names without the folders of this machine.
    assert (stored["start"], stored["spectrograms_of"]) == (trained.name, autoencoder.name)
    # The same network, judged by the same sounds, reads something else.
    assert result.metrics["loss"] != pytest.approx(checkpoint.read_card(start)["metrics"]["loss"], rel=1e-3)
    told = tmp_path / "config.json"
    told.write_text(told.read_text().replace(stored["start_sha256"], "c" * 64))
    with pytest.raises(InputError, match=r"start_sha256 'cccccccccccc.*became"):
        train(RECIPE, config, few_sounds.sound_set(), tmp_path, steps=2)


def test_what_the_cwae_makes_is_that_of_each_sound_by_its_class(few_sounds, autoencoder) -> None:
    sounds = few_sounds.sound_set()
    config = fitted(few_sounds.shrunken_mcnn(spectrograms_of=str(autoencoder)), sounds.info)
    made = prepared(config, sounds.info, sounds.splits)["train"]["mel"]
    playing = checkpoint.load_playing(checkpoint.find(autoencoder))
    model = checkpoint.parse_config(cwae.CWAETraining, playing.card["config"]).model
    scale, stats, params = Standardizer(**playing.extra["standardizer"]), playing.extra["batch_stats"], playing.params["cwae"]
    for i in (0, 7, 13):  # a kick, a snare, a shaker: 2, 1, 0 in the model's own order
        label = np.array([2 - sounds.splits["train"]["label"][i]])
        x = standardize(
            log_mel(mel(from_int16(jnp.asarray(sounds.splits["train"]["audio"][i : i + 1])), config.mel), config.mel), scale
        )
        y = decode(model, params, stats, encode(model, params, stats, x, label), label)
        expected = np.asarray(from_log_mel(unstandardize(y, scale), config.mel))[0]
        np.testing.assert_allclose(made[i], expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"start": "autoencoder"}, "a trained mcnn for --start; found cwae; name one of drumjax train mcnn"),
        ({"spectrograms_of": "trained"}, "a trained cwae for --spectrograms-of; found mcnn"),
        ({"start": "trained", "mel": {"floor": 1e-4}}, r"for --start one whose mel\.floor is 0\.0001, as here; found 1e-05"),
        ({"spectrograms_of": "autoencoder", "mel": {"floor": 1e-4}}, r"for --spectrograms-of one whose mel\.floor is 0\.0001"),
        ({"start": "trained", "model": {"heads": 3}}, r"for --start one whose model\.heads is 3, as here; found 2"),
        ({"start": "trained", "start_sha256": "d" * 64}, "--start with the hash dddd"),
        ({"start_sha256": "d" * 64}, "a hash of what start names; found a hash alone"),
        ({"start": "nowhere"}, "a trained model; found no such folder"),
        ({"model": {"channels": (4, 2)}}, "strides that multiply to the hop, 64 samples"),
    ],
)
def test_what_it_cannot_build_on_is_said_before_anything_is_written(
    few_sounds, trained, autoencoder, tmp_path, changes, match
) -> None:
    places, config = {"trained": str(trained), "autoencoder": str(autoencoder)}, few_sounds.shrunken_mcnn()
    new: dict[str, Any] = {}
    for name, value in changes.items():
        new[name] = replace(getattr(config, name), **value) if isinstance(value, dict) else places.get(value, value)
    with pytest.raises(InputError, match=match):
        train(RECIPE, replace(config, **new), few_sounds.sound_set(), tmp_path / "new", steps=2)
    assert not (tmp_path / "new").exists()


def test_a_class_that_the_cwae_does_not_know_is_named(few_sounds, tmp_path, autoencoder) -> None:
    sounds = few_sounds.sound_set()
    renamed = replace(sounds.info, classes=("kick", "snare", "tom"))
    with pytest.raises(InputError, match="one that does not know tom"):
        fitted(few_sounds.shrunken_mcnn(spectrograms_of=str(autoencoder)), renamed)


def test_a_damaged_vocoder_is_not_built_on(few_sounds, trained, tmp_path) -> None:
    damaged = Path(shutil.copytree(checkpoint.find(trained), tmp_path / "damaged"))
    file = max((path for path in (damaged / "state").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(InputError, match="SHA-256"):
        fitted(few_sounds.shrunken_mcnn(start=str(damaged)), few_sounds.sound_set().info)
