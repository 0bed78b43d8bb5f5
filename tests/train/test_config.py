"""Configurations: nothing in them is idle, and recipes are found by name."""

from __future__ import annotations

import ast
import csv
import dataclasses
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import jax.numpy as jnp
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.checkpoint import dump_config, parse_config
from drumjax.systems.system import Progress
from drumjax.train.annealing import AnnealedOptimizer
from drumjax.train.config import OPERATIONAL, OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.engine import source_of
from drumjax.train.recipe import RECIPES, recipe
from drumjax.train.run import train

ROOT = Path(__file__).resolve().parents[2]


@cache
def fields_read() -> frozenset[str]:
    """Every attribute that the sources read from a configuration or a part of one, outside the checks that it makes of itself."""
    owners = {"config", "loss", "model", "optimizer", "rules", "forcing"}
    read: set[str] = set()
    for folder in ("drumjax", "train", "datasets"):
        for file in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text())
            own_checks = {
                node for check in ast.walk(tree) if getattr(check, "name", "") == "__post_init__" for node in ast.walk(check)
            }
            nodes = (node for node in ast.walk(tree) if node not in own_checks)
            for node in nodes:
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
                    read |= {node.attr} if owner in owners else set()
    return frozenset(read)


def fields_of(config_type: type) -> dict[str, str]:
    """Dotted path and name of every field, nested configurations included."""
    found = {}
    for name, hint in get_type_hints(config_type).items():
        found[name] = name
        if dataclasses.is_dataclass(hint):
            found |= {f"{name}.{path}": field for path, field in fields_of(hint).items()}
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_no_field_of_a_configuration_is_idle(name) -> None:
    idle = [path for path, field in fields_of(recipe(name).config_type).items() if field not in fields_read()]
    assert idle == []


def observed(toy, config: TrainingConfig, workdir: Path) -> dict[str, Any]:
    """What a training of the toy and its source came to, nothing of which depends on how quick the machine is."""
    result = train(toy.RECIPE, config, toy.point_set(32, 5), workdir)
    with (workdir / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    saved = checkpoint.list_checkpoints(workdir)
    return {
        "length": result.steps,
        "weights": checkpoint.load_playing(result.checkpoint).params["line"]["w"].tobytes(),
        "validated": [row["step"] for row in rows if row["valid_mse"]],
        "checkpoints": [path.name for path in saved],
        "longest dispatch": int(np.diff([0, *(int(row["step"]) for row in rows)]).max()),
        "source": type(source_of(toy.line_data(32), config)).__name__,
        "streamed at once": source_of(toy.line_data(32), replace(config, resident_limit_bytes=0)).room,
    }


OTHERWISE: dict[str, tuple[Any, str]] = {
    "seed": (1, "weights"),
    "batch_size": (8, "weights"),
    "epochs": (3.0, "length"),
    "iterations": (5, "length"),
    "validate_every_steps": (3, "validated"),
    "validate_every_epochs": (2.0, "validated"),
    "checkpoint_every_validations": (3, "checkpoints"),
    "checkpoint_every_seconds": (1e-9, "checkpoints"),
    "keep_checkpoints": (1, "checkpoints"),
    "ema_decay": (0.5, "weights"),
    "resident_limit_bytes": (0, "source"),
    "stream_buffer_bytes": (1, "streamed at once"),
    "dispatch_steps": (1, "longest dispatch"),
    "dispatch_seconds": (1e-9, "longest dispatch"),
}
"""Another value for each field, and where it shows."""


@pytest.fixture(scope="module")
def plain(toy, tmp_path_factory) -> tuple[TrainingConfig, dict[str, Any]]:
    config = toy.LineConfig(batch_size=16, epochs=4.0, validate_every_epochs=1.0, keep_checkpoints=100, dispatch_seconds=60.0)
    return config, observed(toy, config, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TrainingConfig)])
def test_every_field_of_a_training_has_its_effect(toy, plain, tmp_path, field) -> None:
    config, before = plain
    value, where = OTHERWISE[field]
    others = {"epochs": 0.0} if field == "iterations" else {}
    assert observed(toy, replace(config, **{field: value}, **others), tmp_path)[where] != before[where]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(OptimizerConfig)])
def test_every_field_of_an_optimiser_has_its_effect(field) -> None:
    others = {"name": "sgd", "learning_rate": 0.2, "b1": 0.5, "b2": 0.5, "eps": 1e-2, "gradient_clip_norm": 1.0}
    others |= {"schedule": "cosine", "warmup_steps": 2, "plateau_factor": 0.25, "plateau_patience": 3, "plateau_floor": 0.06}

    def end(config: OptimizerConfig) -> list[float]:
        optimizer, position = make_optimizer(config), jnp.zeros(2)
        state = optimizer.init(position)
        for gradient in ([3.0, -4.0], [0.3, 0.1], [0.0, 1.0]):
            if isinstance(optimizer, AnnealedOptimizer):
                update, state = optimizer.update(jnp.asarray(gradient), state, position, Progress(jnp.int32(0), jnp.float32(0.5)))
                state = state._replace(plateau=optimizer.listen(state.plateau, jnp.float32(1)))  # the loss never falls
            else:
                update, state = optimizer.update(jnp.asarray(gradient), state, position)
            position = position + update
        return position.tolist()

    plain = {"learning_rate": 0.1} | ({"plateau_factor": 0.5, "plateau_patience": 1} if field.startswith("plateau") else {})
    assert end(OptimizerConfig(**plain)) != end(OptimizerConfig(**plain | {field: others[field]}))


@pytest.mark.parametrize("name", RECIPES)
def test_every_preset_of_a_recipe_survives_json(name) -> None:
    found = recipe(name)
    assert found.name == name
    assert "paper" in found.presets
    for preset in found.presets.values():
        assert isinstance(preset, TrainingConfig)
        assert parse_config(found.config_type, dump_config(preset)) == preset


def test_an_unknown_recipe_is_met_with_the_nearest() -> None:
    with pytest.raises(InputError, match="perhaps pattern-vae is meant"):
        recipe("patern_vae")
    with pytest.raises(InputError, match="choose one of them"):
        recipe("zzz")


def test_operational_fields_exist() -> None:
    assert set(OPERATIONAL) <= {field.name for field in dataclasses.fields(TrainingConfig)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"epochs": 0.0},
        {"iterations": 5},  # with epochs
        {"iterations": -1},
        {"validate_every_steps": 0},
        {"ema_decay": 1.0},
        {"seed": -1},
        {"validate_every_epochs": float("nan")},
        {"dispatch_steps": 0},
    ],
)
def test_numbers_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"eps": float("inf")},
        {"b1": 1.0},
        {"b2": -0.1},
        {"gradient_clip_norm": -1.0},
        {"plateau_factor": 0.0},
        {"plateau_factor": 1.1},
        {"plateau_patience": 0},
        {"warmup_steps": -1},
    ],
)
def test_numbers_of_an_optimiser_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OptimizerConfig(**wrong)


def test_the_optimisers_follow_their_textbook_updates() -> None:
    gradients = np.array([[3.0, -4.0], [0.3, 0.1]])

    def run(config):
        optimizer, position = make_optimizer(config), jnp.zeros(2)
        state = optimizer.init(position)
        for gradient in gradients:
            update, state = optimizer.update(jnp.asarray(gradient), state, position)
            position = position + update
        return position

    first = second = momentum = position = clipped = 0.0
    for t, g in enumerate(gradients, 1):
        first, second = 0.5 * first + 0.5 * g, 0.9 * second + 0.1 * g**2
        position = position - 0.1 * (first / (1 - 0.5**t)) / (np.sqrt(second / (1 - 0.9**t)) + 1e-3)
        momentum = 0.5 * momentum + g * min(1, 1 / np.linalg.norm(g))
        clipped = clipped - 0.1 * momentum
    np.testing.assert_allclose(run(OptimizerConfig(learning_rate=0.1, b1=0.5, b2=0.9, eps=1e-3)), position, rtol=1e-5)
    np.testing.assert_allclose(
        run(OptimizerConfig(name="sgd", learning_rate=0.1, b1=0.5, gradient_clip_norm=1.0)), clipped, rtol=1e-5
    )
