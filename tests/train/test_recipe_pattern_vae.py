"""The recipe `pattern-vae`, shrunken, from a few patterns to an instrument."""

from __future__ import annotations

import csv
import json
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
from drumjax.models.pattern_vae import PatternVAEConfig
from drumjax.patterns import POCKET
from drumjax.systems.pattern_vae import pattern_vae_system
from drumjax.train.config import OptimizerConfig
from drumjax.train.recipes.pattern_vae import PRESETS, RECIPE, PatternVAETraining
from drumjax.train.run import train

SHRUNKEN = PatternVAEConfig(lstm_layers=2, lstm_units=8, conv_channels=(8, 8), encoder_widths=(16,), decoder_widths=(16,))
FEW, STEPS = 8, 80


def a_few(lanes: int = 6) -> PatternSet:
    """Eight patterns to train on and four held out; further lanes repeat the first."""
    whole = load_patterns("embedded")
    splits = {}
    for split, n in (("train", FEW), ("validation", 4)):
        arrays = {name: array[:n] for name, array in whole.splits[split].items()}
        grids = {name: np.take(arrays[name], range(lanes), axis=-1, mode="wrap") for name in ("velocity", "offset")}
        splits[split] = arrays | grids
    info = replace(whole.info, counts={split: len(arrays["genre"]) for split, arrays in splits.items()})
    return PatternSet(info if lanes == 6 else replace(info, drum_map=POCKET), splits)


def shrunken(encoder: str, **changes: Any) -> PatternVAETraining:
    """The preset `paper` with small layers, 50 steps a dispatch."""
    model = replace(SHRUNKEN, encoder=encoder, **changes)
    optimizer = OptimizerConfig(learning_rate=1e-2)
    return replace(PRESETS["paper"], model=model, batch_size=FEW, dispatch_steps=50, validate_every_epochs=1e3, optimizer=optimizer)


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def params_of(workdir: Path) -> dict[str, np.ndarray]:
    params, _ = checkpoint.load_params(checkpoint.latest(workdir))
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


@pytest.fixture(scope="module", params=["lstm", "conv"])
def trained(request, tmp_path_factory) -> Path:
    """The working directory of a training of 80 steps with either encoder."""
    workdir = tmp_path_factory.mktemp(request.param)
    train(RECIPE, shrunken(request.param), a_few(), workdir, steps=STEPS)
    return workdir


@pytest.fixture(scope="module")
def trained_conv(tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("conv")
    train(RECIPE, shrunken("conv"), a_few(), workdir, steps=STEPS)
    return workdir


def test_the_loss_falls_on_a_few_examples(trained) -> None:
    rows = rows_of(trained)
    first, last = float(rows[0]["bce"]), float(rows[-1]["bce"])
    # A decoder of nothing but ones half costs 64 · 6 · log 2 nats.
    assert first == pytest.approx(64 * 6 * np.log(2), rel=0.1)
    assert last < 0.6 * first
    assert float(rows[0]["kl_weight"]) == 0
    assert float(rows[-1]["kl_weight"]) > 0.99


def test_what_was_trained_is_an_instrument(trained) -> None:
    instrument = drumjax.load(trained)
    assert instrument.config == shrunken(instrument.config.encoder).model
    assert instrument.card["system"] == "pattern-vae"
    assert instrument.genres == ("idm", "electro", "techno")
    assert [pattern.hits.shape for pattern in instrument.sample(3)] == [(64, 6)] * 3


def test_half_precision_trains_and_keeps_its_parameters_whole(trained_conv, tmp_path) -> None:
    train(RECIPE, shrunken("conv", dtype="bfloat16"), a_few(), tmp_path, steps=STEPS)
    whole, half = params_of(trained_conv), params_of(tmp_path)
    assert {leaf.dtype for leaf in half.values()} == {np.dtype(np.float32)}
    assert any(not np.array_equal(whole[name], half[name]) for name in whole)
    rows = rows_of(tmp_path)
    assert float(rows[-1]["bce"]) < 0.6 * float(rows[0]["bce"])


def test_dispatches_of_1_and_of_50_steps_end_with_the_same_parameters(trained_conv, tmp_path) -> None:
    train(RECIPE, replace(shrunken("conv"), dispatch_steps=1), a_few(), tmp_path, steps=STEPS)
    one, many = params_of(tmp_path), params_of(trained_conv)
    for name, leaf in one.items():
        np.testing.assert_allclose(leaf, many[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert len(rows_of(tmp_path)) == STEPS > len(rows_of(trained_conv))


def test_a_drum_map_of_other_lanes_changes_the_first_and_last_layer(tmp_path) -> None:
    train(RECIPE, shrunken("conv"), a_few(lanes=7), tmp_path, steps=2)
    instrument = drumjax.load(tmp_path)
    assert (instrument.drum_map, instrument.config.lanes) == (POCKET, 7)
    assert instrument.params["vae"]["decoder"]["output"]["bias"].shape == (64 * 7,)
    assert instrument.sample(1)[0].hits.shape == (64, 7)


@pytest.mark.parametrize(("field", "asked"), [("lanes", 5), ("steps", 32)])
def test_a_grid_that_is_not_the_datas_is_refused(field, asked, tmp_path) -> None:
    with pytest.raises(InputError, match=rf"model\.{field}: expected \d+, as in the data; found {asked}; leave it out"):
        train(RECIPE, shrunken("conv", **{field: asked}), a_few(), tmp_path, steps=2)
    assert not (tmp_path / "config.json").exists()


def test_data_that_the_convolutions_cannot_halve_are_refused() -> None:
    info = replace(a_few().info, steps=66)
    assert RECIPE.fitted(shrunken("lstm"), info).model.steps == 66
    with pytest.raises(InputError, match="expected patterns that the network can read; found expected steps that 2 layers"):
        RECIPE.fitted(shrunken("conv"), info)


def test_a_budget_becomes_a_number_of_steps_that_is_kept(tmp_path) -> None:
    result = train(RECIPE, shrunken("conv"), a_few(), tmp_path, budget="1s")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["steps"] == result.steps >= 1
    assert config["steps_from"] == "--budget 1s"
    assert int(rows_of(tmp_path)[-1]["step"]) == result.steps


OTHER_SHAPES = {
    "steps": ("conv", 128),
    "lanes": ("conv", 7),
    "latent": ("conv", 5),
    "encoder": ("conv", "lstm"),
    "lstm_layers": ("lstm", 1),
    "lstm_units": ("lstm", 9),
    "conv_channels": ("conv", (8, 9)),
    "encoder_widths": ("conv", (17,)),
    "decoder_widths": ("conv", (16, 17)),
    "dtype": ("conv", "bfloat16"),
}


@pytest.mark.parametrize("field", PatternVAEConfig.__dataclass_fields__)
def test_every_field_of_the_network_changes_its_weights_or_its_arithmetic(field) -> None:
    encoder, other = OTHER_SHAPES[field]
    before = replace(SHRUNKEN, encoder=encoder)

    def made_of(config: PatternVAEConfig) -> str:
        system = pattern_vae_system(config, PRESETS["paper"].loss)
        batch = {"velocity": jnp.zeros((1, config.steps, config.lanes)), "slot": jnp.arange(1), "mask": jnp.ones(1)}
        shapes, _ = jax.eval_shape(system.init, jax.random.key(0), batch)
        arithmetic = jax.make_jaxpr(lambda params: system.validate(params, {}, batch)["bce"])(shapes)
        return f"{shapes} {'bf16' in str(arithmetic)}"

    assert made_of(before) != made_of(replace(before, **{field: other}))


@pytest.mark.parametrize(("warm_up", "share"), [(0.0, 0.0), (0.1, 0.1), (3.0, 1.0)])
def test_what_is_validated_during_the_warm_up_does_not_compete(warm_up, share) -> None:
    config = replace(PRESETS["paper"], loss=replace(PRESETS["paper"].loss, kl_warmup=warm_up))
    assert RECIPE.competes_from(config) == share


def test_the_small_preset_says_what_it_gives_up() -> None:
    paper, small = PRESETS["paper"], PRESETS["small"]
    assert set(RECIPE.summaries) == set(PRESETS)
    for name, preset in PRESETS.items():
        assert f"{preset.epochs:g} epochs" in RECIPE.summaries[name]
    assert "convolutional encoder" in RECIPE.summaries["small"]
    assert "gives up the LSTM" in RECIPE.summaries["small"]
    assert (paper.model.encoder, small.model.encoder) == ("lstm", "conv")
    assert small.epochs < paper.epochs
    assert (paper.model.lstm_layers, len(paper.model.encoder_widths), len(paper.model.decoder_widths), paper.model.latent) == (
        3,
        4,
        4,
        4,
    )
