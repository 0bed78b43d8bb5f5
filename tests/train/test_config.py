"""Configurations: nothing in them is idle, and recipes are found by name."""

from __future__ import annotations

import ast
import dataclasses
from functools import cache
from pathlib import Path
from typing import get_type_hints

import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.checkpoint import dump_config, parse_config
from drumjax.train.config import OPERATIONAL, OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.recipe import RECIPES, recipe

ROOT = Path(__file__).resolve().parents[2]


@cache
def attributes_read() -> frozenset[str]:
    """Every attribute that the sources read outside the checks that a configuration makes of itself."""
    read: set[str] = set()
    for folder in ("drumjax", "train", "datasets"):
        for file in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text())
            own_checks = {
                node for check in ast.walk(tree) if getattr(check, "name", "") == "__post_init__" for node in ast.walk(check)
            }
            nodes = (node for node in ast.walk(tree) if node not in own_checks)
            read |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
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
    idle = [path for path, field in fields_of(recipe(name).config_type).items() if field not in attributes_read()]
    assert idle == []


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
