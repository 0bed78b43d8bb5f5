"""The recipe `pattern-gan`, shrunken, from a few patterns to an instrument."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drumjax
from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.datasets.info import PatternSet
from drumjax.datasets.load import load_patterns
from drumjax.models.pattern_gan import PatternGANConfig
from drumjax.systems.pattern_gan import PatternGANLoss
from drumjax.train.config import OptimizerConfig
from drumjax.train.engine import init_state, make_step
from drumjax.train.recipes.pattern_gan import PRESETS, RECIPE, PatternGANTraining, stages
from drumjax.train.run import train

SHRUNKEN = PatternGANConfig(lstm_layers=1, lstm_units=8, conv_channels=(8, 8), encoder_widths=(16,), decoder_widths=(16,))
FEW, STEPS = 8, 400


def a_few() -> PatternSet:
    """Eight patterns to train on; the validation looks at the same ones."""
    whole = load_patterns("embedded")
    few = {name: array[:: len(array) // FEW][:FEW] for name, array in whole.splits["train"].items()}
    return PatternSet(replace(whole.info, counts={"train": FEW, "validation": FEW}), {"train": few, "validation": few})


def shrunken(encoder: str = "conv", **changes: Any) -> PatternGANTraining:
    """The preset `paper` with small layers and longer strides."""
    optimizer = OptimizerConfig(learning_rate=3e-3, b1=0.5)
    settings = {
        "model": replace(SHRUNKEN, encoder=encoder),
        "batch_size": FEW,
        "dispatch_steps": 50,
        "validate_every_epochs": 20,
        "discriminator_optimizer": optimizer,
        "generator_optimizer": optimizer,
    }
    return replace(PRESETS["paper"], **(settings | changes))


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def everything_in(place: Path) -> dict[str, np.ndarray]:
    params, _ = checkpoint.load_params(place)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("gan")
    train(RECIPE, shrunken(keep_checkpoints=9), a_few(), workdir, steps=STEPS)
    return workdir


def test_the_presets_hold_the_papers_constants_and_say_what_they_give_up() -> None:
    for name in ("paper", "plain"):
        preset = PRESETS[name]
        # Sec. "Generative Adversarial Networks" and "Deep and Recurrent Networks"; the optimiser and the batch are our decision.
        assert (preset.model.latent, preset.model.noise, preset.model.encoder, preset.model.lstm_layers) == (
            2,
            "gaussian",
            "lstm",
            3,
        )
        for optimizer in (preset.discriminator_optimizer, preset.generator_optimizer):
            assert (optimizer.name, optimizer.learning_rate, optimizer.b1, optimizer.b2) == ("adam", 2e-4, 0.5, 0.999)
        assert preset.batch_size == 64
    assert PRESETS["plain"].loss == PatternGANLoss(label_smoothing=0, r1_weight=0, instance_noise=0, heard_from=0)
    assert PRESETS["plain"].ema_decay == 0
    assert PRESETS["small"].model.encoder == "conv"
    assert set(RECIPE.summaries) == set(PRESETS)
    for name, preset in PRESETS.items():
        assert f"{preset.epochs:g} epochs" in RECIPE.summaries[name]
    assert "gives up the LSTM" in RECIPE.summaries["small"]
    assert "gives up stability" in RECIPE.summaries["plain"]


def test_two_steps_of_the_recurrent_form_leave_an_instrument_with_as_many_hits_as_were_asked_for(tmp_path) -> None:
    result = train(RECIPE, shrunken("lstm", hits_per_pattern=20.0), a_few(), tmp_path, steps=2)
    card = checkpoint.read_card(result.checkpoint)
    assert (card["system"], card["config"]["hits_per_pattern"]) == ("pattern-gan", 20)
    assert set(card["play"]) == {"drum_map", "genres", "steps", "threshold"}
    assert card["criterion"]["name"] == "distance_from_data"
    row = rows_of(tmp_path)[-1]
    for name in ("discriminator/loss", "generator/loss", "discriminator/real_accuracy", "discriminator/r1", "generator/fooled"):
        assert np.isfinite(float(row[name])), name
    made = [np.count_nonzero(pattern.hits) for pattern in drumjax.load(tmp_path).sample(600)]
    assert np.mean(made) == pytest.approx(20, rel=0.15)


def test_figures_improve_on_a_few_examples(trained) -> None:
    looks = [row for row in rows_of(trained) if row["valid_cell_rate_error"]]
    for figure in ("distance_from_data", "cell_rate_error"):
        first, last = (float(looks[i][f"valid_{figure}"]) for i in (0, -1))
        assert last < 0.9 * first, figure
    # Patterns of no structure at all, with as many hits, differ from these in over a hundred cells.
    trained_on = a_few().splits["train"]["velocity"] > 0
    made = np.stack([pattern.hits for pattern in drumjax.load(trained).sample(200)])
    nearest = np.array([[np.count_nonzero(one != other) for other in trained_on] for one in made]).min(1)
    shuffled = np.random.default_rng(0).permuted(made.reshape(200, -1), axis=1).reshape(made.shape)
    of_noise = np.array([[np.count_nonzero(one != other) for other in trained_on] for one in shuffled]).min(1)
    assert nearest.mean() < 0.7 * of_noise.mean()


def test_the_stored_threshold_gives_the_training_sets_mean_number_of_hits(trained) -> None:
    hits = np.count_nonzero(a_few().splits["train"]["velocity"], axis=(1, 2)).mean()
    made = [np.count_nonzero(pattern.hits) for pattern in drumjax.load(trained).sample(600)]
    assert np.mean(made) == pytest.approx(hits, rel=0.08)
    assert checkpoint.read_card(checkpoint.latest(trained))["config"]["hits_per_pattern"] == pytest.approx(hits)


def test_a_number_of_hits_that_no_pattern_has_is_refused() -> None:
    for wrong in (-1.0, 385.0):
        with pytest.raises(ValueError, match="hits_per_pattern"):
            PatternGANTraining(hits_per_pattern=wrong)


def test_a_stopped_training_goes_on_to_the_same_bits(trained, tmp_path) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(trained, stopped)
    places = checkpoint.list_checkpoints(stopped)
    assert len(places) >= 3
    for place in places[1:]:
        shutil.rmtree(place)
    train(RECIPE, shrunken(keep_checkpoints=9), a_few(), stopped)
    whole, resumed = (everything_in(checkpoint.latest(workdir)) for workdir in (trained, stopped))
    assert whole.keys() == resumed.keys()
    for name, leaf in whole.items():
        np.testing.assert_array_equal(leaf, resumed[name], err_msg=name)


def test_devices_that_share_a_batch_make_the_step_of_one() -> None:
    """The step as `pmap` runs it, with a mapped axis in the place of devices: no statistics of the batch are in the way."""
    config = shrunken(hits_per_pattern=60.0, loss=PatternGANLoss(heard_from=0.25))  # of the penalty: tests/systems
    ((system, optimizers, *_),) = stages(config, a_few().info)
    velocity = jnp.asarray(a_few().splits["train"]["velocity"])
    batch = {"velocity": velocity, "slot": jnp.arange(FEW), "mask": jnp.ones(FEW)}
    state = jax.jit(lambda key: init_state(system, optimizers, key, batch, ema_decay=0.9))(jax.random.key(0))
    whole, metrics = jax.jit(make_step(system, optimizers, ema_decay=0.9))(state, batch, jnp.int32(10))
    halves = jax.tree.map(lambda a: a.reshape(2, FEW // 2, *a.shape[1:]), batch)
    shared = make_step(system, optimizers, ema_decay=0.9, axis_name="devices")
    split, of_split = jax.jit(jax.vmap(shared, in_axes=(None, 0, None), axis_name="devices"))(state, halves, jnp.int32(10))
    for name, value in metrics.items():
        np.testing.assert_allclose(of_split[name], [value, value], rtol=1e-4, atol=1e-6, err_msg=name)
    # Adam's first step is the gradient's sign: what was summed in another order is compared before it.
    for moments, of_halves in zip(jax.tree.leaves(whole.opt), jax.tree.leaves(split.opt), strict=True):
        np.testing.assert_allclose(of_halves[0], of_halves[1])
        np.testing.assert_allclose(of_halves[0], moments, rtol=1e-3, atol=1e-6)


def test_only_the_generator_is_packed_and_it_plays_the_same(trained, tmp_path) -> None:
    packed = checkpoint.export_for_playing(
        checkpoint.best(trained), tmp_path / "packed", name="gan", kind="patterns", players=RECIPE.plays
    )
    params, card = checkpoint.load_params(packed)
    assert list(params) == ["generator"]
    assert json.dumps(card["play"]) == json.dumps(checkpoint.read_card(checkpoint.best(trained))["play"])
    for one, other in zip(drumjax.load(trained).sample(5), drumjax.load(packed).sample(5), strict=True):
        np.testing.assert_array_equal(one.velocity, other.velocity)


def test_a_grid_that_is_not_the_datas_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"model\.lanes: expected \d+, as in the data; found 5; leave it out"):
        train(RECIPE, shrunken(model=replace(SHRUNKEN, encoder="conv", lanes=5)), a_few(), tmp_path, steps=2)
    assert not (tmp_path / "config.json").exists()
