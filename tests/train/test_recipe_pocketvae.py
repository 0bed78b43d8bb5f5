"""The recipes `pocketvae` and `genre-classifier`, shrunken, from a few grooves to what an instrument needs."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.datasets.grooves.info import KIND, GrooveInfo, GrooveSet
from drumjax.models.genre_classifier import GenreClassifierConfig
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns.drum_map import POCKET, drum_map_to_json
from drumjax.patterns.sketches import sketches_of
from drumjax.patterns.templates import TemplateRules
from drumjax.systems.pocketvae import FORCING, PRIOR_FORCING, PocketVAELoss
from drumjax.train.recipes import genre_classifier
from drumjax.train.recipes.grooves import fitted_network
from drumjax.train.recipes.pocketvae import PRESETS, RECIPE, PocketVAETraining, stages
from drumjax.train.run import train

GENRES = ("funk", "jazz", "rock")
STEPS = 10
pytestmark = pytest.mark.usefixtures("compiled_quickly")


def groove_set(train_size: int = 9, held_out: int = 3) -> GrooveSet:
    """An even hat, a snare and a few other notes; the genres differ in nothing."""
    rng = np.random.default_rng(0)

    def split(n: int, name: str) -> dict[str, np.ndarray]:
        velocity = np.where(rng.uniform(size=(n, 32, 7)) < 0.1, rng.uniform(0.2, 1, (n, 32, 7)), 0).astype(np.float32)
        velocity[:, ::2, 2], velocity[:, 4::8, 1] = 0.6, 0.9
        names = np.array([f"{name}/{i}.mid#0" for i in range(n)])
        return {
            "velocity": velocity,
            "offset": np.where(velocity > 0, rng.uniform(-0.5, 0.5, velocity.shape), 0).astype(np.float32),
            "genre": (np.arange(n) % 3).astype(np.int32),
            "tempo_bpm": np.full(n, 100, np.float32),
            "name": names,
            "group": names,
            "licence": np.array(["CC0-1.0"] * n),
        }

    splits = {"train": split(train_size, "train"), "validation": split(held_out, "validation")}
    counts = {name: len(arrays["genre"]) for name, arrays in splits.items()}
    info = GrooveInfo(
        kind=KIND,
        name="few",
        source_sha256="d" * 64,
        genres=GENRES,
        drum_map=POCKET,
        steps=32,
        counts=counts,
        licences={"CC0-1.0": sum(counts.values())},
        genre_counts={name: dict.fromkeys(GENRES, n // 3) for name, n in counts.items()},
        left_out={},
    )
    return GrooveSet(info, splits)


def shrunken(**changes: Any) -> PocketVAETraining:
    """The preset `paper` with small layers and longer strides; a look at the validation split every two steps."""
    settings = {
        "model": PocketVAEConfig(
            skeleton_units=8, note_units=8, expressive_units=8, expressive_code=4, prior_units=8, codes=8, code_size=4
        ),
        "batch_size": 8,
        "validate_every_steps": 2,
        "checkpoint_every_validations": 1,
        "checkpoint_every_seconds": 1e5,  # a slow machine writes no others
        "keep_checkpoints": 99,
        "optimizer": replace(PRESETS["paper"].optimizer, learning_rate=1e-2, plateau_patience=1),
        "prior_share": 0.4,
        "ema_decay": 0.9,
    }
    return replace(PRESETS["paper"], **(settings | changes))


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def everything_in(place: Path) -> dict[str, np.ndarray]:
    """What is played of a checkpoint, by its name."""
    playing = checkpoint.load_playing(place)
    tree = {"params": playing.params, "extra": playing.extra}
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.fixture(scope="module")
def trained(compiled_quickly, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("pocketvae")
    train(RECIPE, shrunken(), groove_set(), workdir, steps=STEPS)
    return workdir


def test_the_presets_hold_the_papers_constants_and_say_what_they_give_up() -> None:
    paper = PRESETS["paper"]
    # The public code: 500 epochs of the modules and 500 of the prior, a look each; their own tests hold the other constants.
    assert (paper.epochs, paper.prior_share, paper.batch_size, paper.validate_every_epochs) == (1000, 0.5, 64, 1)
    assert (paper.model, paper.loss, paper.rules) == (PocketVAEConfig(), PocketVAELoss(), TemplateRules())
    assert (paper.forcing, paper.prior_forcing, paper.augment) == (FORCING, PRIOR_FORCING, True)
    for adam in (paper.optimizer, paper.prior_optimizer, genre_classifier.PRESETS["paper"].optimizer):
        assert (adam.name, adam.learning_rate, adam.b1, adam.b2) == ("adam", 2e-4, 0.5, 0.999)
        assert (adam.plateau_factor, adam.plateau_patience, adam.plateau_floor) == (0.5, 10, 1e-7)
    for recipe in (RECIPE, genre_classifier.RECIPE):
        assert set(recipe.summaries) == set(recipe.presets) == {"paper", "small"}
        assert "gives up" in recipe.summaries["small"]
    small = PRESETS["small"]
    prior = round(small.iterations * small.prior_share)
    assert f"{small.iterations - prior:,} steps of the modules and {prior:,} of the prior" in RECIPE.summaries["small"]


def test_the_modules_are_trained_and_then_the_prior_on_them(trained) -> None:
    cards = [checkpoint.read_card(place) for place in checkpoint.list_checkpoints(trained)]
    assert [(card["step"], card["stage"]) for card in cards] == [(2, 0), (4, 0), (6, 0), (8, 1), (10, 1)]
    # Only those with a prior can be the best.
    assert [card["criterion"]["value"] is None for card in cards] == [True] * 3 + [False] * 2
    card = cards[-1]
    assert card["play"] == {
        "drum_map": drum_map_to_json(POCKET),
        "genres": list(GENRES),
        "steps": 32,
        "rules": checkpoint.dump_config(TemplateRules()),
        "note_threshold": 0.5,
        "variant": "2-step-vq",
        "sketches": sketches_of(groove_set().splits["train"], GENRES, TemplateRules()),
    }
    assert {name: len(texts) for name, texts in card["play"]["sketches"].items()} == dict.fromkeys(GENRES, 3)
    assert card["config"]["model"]["genres"] == 3
    assert card["metrics"]["loss"] == card["metrics"]["prior_loss"]
    assert card["metrics"]["note_f1"] == cards[2]["metrics"]["note_f1"]
    border, last = (everything_in(checkpoint.list_checkpoints(trained)[n]) for n in (2, -1))
    assert {name.split("']")[1] for name in set(last) - set(border)} == {"['prior"}
    for name, leaf in border.items():
        np.testing.assert_array_equal(last[name], leaf, err_msg=name)


def test_a_stopped_training_goes_on_over_the_border_to_the_same_bits(trained, tmp_path) -> None:
    stopped = Path(shutil.copytree(trained, tmp_path / "stopped"))
    for place in checkpoint.list_checkpoints(stopped)[2:]:
        shutil.rmtree(place)
    train(RECIPE, shrunken(), groove_set(), stopped)
    whole, resumed = (everything_in(checkpoint.latest(workdir)) for workdir in (trained, stopped))
    assert whole.keys() == resumed.keys()
    for name, leaf in whole.items():
        np.testing.assert_array_equal(leaf, resumed[name], err_msg=name)
    figures = [
        {name: value for name, value in rows_of(workdir)[-1].items() if name.startswith("valid")} for workdir in (trained, stopped)
    ]
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("changes", "players"),
    [
        ({"variant": "1-step"}, ["pocketvae"]),
        ({"variant": "2-step-vae", "use_genre": False}, ["pocketvae"]),
        ({"use_genre": False}, ["pocketvae", "prior"]),
        ({}, ["pocketvae", "prior"]),
        ({"use_patterns": True}, ["pocketvae", "prior"]),
    ],
)
def test_every_row_of_table_1_has_its_stages(changes, players) -> None:
    config = shrunken(model=replace(shrunken().model, **changes))
    made = stages(RECIPE.fitted(config, groove_set().info), groove_set().info)
    assert [list(stage.optimizers) for stage in made] == [[player] for player in players]
    # Five cycles, each rising over nine tenths: the last fiftieth is at the height that the codes are played at.
    assert RECIPE.competes_from(config) == pytest.approx(0.98 if len(players) == 1 else 0)


def test_two_steps_of_the_classifier_leave_what_judging_needs(tmp_path) -> None:
    config = replace(genre_classifier.PRESETS["small"], model=GenreClassifierConfig(units=8), batch_size=8)
    result = train(genre_classifier.RECIPE, config, groove_set(), tmp_path, steps=2)
    card = checkpoint.read_card(result.checkpoint)
    assert card["play"] == {"drum_map": drum_map_to_json(POCKET), "genres": list(GENRES), "steps": 32}
    assert (card["system"], card["config"]["model"]["genres"]) == ("genre-classifier", 3)
    assert card["criterion"] | {"value": 0} == {"name": "balanced_accuracy", "mode": "max", "value": 0}
    assert 0 <= card["metrics"]["balanced_accuracy"] <= 1


def test_what_the_data_decide_cannot_be_asked_for_otherwise() -> None:
    info = groove_set().info
    for network in (PocketVAEConfig(genres=4), GenreClassifierConfig(genres=4)):
        with pytest.raises(InputError, match=r"model\.genres: expected 3, as in the data; found 4; leave it out"):
            fitted_network(network, info)
    assert fitted_network(PocketVAEConfig(), info).genres == 3
    with pytest.raises(ValueError, match="prior_share"):
        PocketVAETraining(prior_share=1.0)
