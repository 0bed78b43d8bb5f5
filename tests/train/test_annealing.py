"""Learning rates that fall, and stages that begin with what is measured."""

from __future__ import annotations

import csv
import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from drumjax import checkpoint
from drumjax.systems.system import Progress
from drumjax.train.annealing import AnnealedOptimizer, annealed
from drumjax.train.config import OptimizerConfig, make_optimizer
from drumjax.train.endings import Stopped
from drumjax.train.engine import Begin, Schedule, begun_with, fit, init_state, schedule_of
from drumjax.train.run import train
from drumjax.train.workdir import restore

STEPS = 100
HALF, LATE = (Progress(jnp.int32(1000 * fraction), jnp.float32(fraction)) for fraction in (0.5, 0.9))


def rates_by_hand(losses: list[float], rate: float, factor: float, patience: int) -> list[float]:
    """The learning rate after each validation, as "has not decreased for a fixed number of epochs" reads."""
    best, waited, rates = float("inf"), 0, []
    for loss in losses:
        better = loss < best * (1 - 1e-4)
        best, waited = (loss, 0) if better else (best, waited + 1)
        if waited == patience:
            rate, waited = rate * factor, 0
        rates.append(rate)
    return rates


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def bits(toy, workdir: Path, config: Any) -> list[bytes]:
    state = restore(checkpoint.latest(workdir), toy.abstract_state(config)).replace(key=None)
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]


def slow(toy, **changes: Any) -> Any:
    """A toy whose loss soon falls no more, with many looks at it."""
    settings = {
        "optimizer": OptimizerConfig(learning_rate=0.3, plateau_factor=0.5, plateau_patience=2),
        "validate_every_epochs": 1.0,
    }
    return replace(toy.RECIPE.presets["paper"], **(settings | changes))


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_the_rate_falls_after_so_many_validations_without_a_better_one(patience) -> None:
    losses = [5.0, 4.0, 4.0, 3.9999, 4.5, 3.0, 3.1, 3.2, float("nan"), 3.1, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5, float("inf"), 1.0]
    optimizer = make_optimizer(OptimizerConfig(learning_rate=0.1, plateau_factor=0.5, plateau_patience=patience))
    assert isinstance(optimizer, AnnealedOptimizer)
    state = optimizer.init(jnp.zeros(2))
    rates = []
    for loss in losses:
        state = state._replace(plateau=jax.jit(optimizer.listen)(state.plateau, jnp.float32(loss)))
        rates.append(float(optimizer.learning_rate(state, LATE)))
    np.testing.assert_allclose(rates, rates_by_hand(losses, 0.1, 0.5, patience), rtol=1e-6)
    assert len(set(rates)) > 2


def test_plateaus_leave_the_rate_at_its_floor() -> None:
    optimizer = make_optimizer(OptimizerConfig(learning_rate=0.1, plateau_factor=0.5, plateau_patience=1, plateau_floor=0.03))
    assert isinstance(optimizer, AnnealedOptimizer)
    state, rates = optimizer.init(jnp.zeros(2)), []
    for loss in (1.0, 1.0, 1.0, 1.0):
        state = state._replace(plateau=optimizer.listen(state.plateau, jnp.float32(loss)))
        rates.append(float(optimizer.learning_rate(state, LATE)))
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.03, 0.03], rtol=1e-6)
    with pytest.raises(ValueError, match="plateau_floor"):
        OptimizerConfig(learning_rate=0.1, plateau_floor=0.2)


def test_an_annealed_update_is_the_plain_one_at_the_lower_rate() -> None:
    plain = optax.adam(0.1)
    optimizer = annealed(plain, 0.1, factor=0.25, patience=1)
    state, kept = optimizer.init(jnp.zeros(3)), plain.init(jnp.zeros(3))
    for loss in (1.0, 1.0):  # the second is no better
        state = state._replace(plateau=optimizer.listen(state.plateau, jnp.float32(loss)))
    gradient = jnp.array([1.0, -2.0, 0.5])
    updates, state = optimizer.update(gradient, state, jnp.zeros(3), LATE)
    expected, kept = plain.update(gradient, kept)
    np.testing.assert_allclose(updates, 0.25 * expected, rtol=1e-6)
    for one, other in zip(jax.tree.leaves(state.rule), jax.tree.leaves(kept), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cosine_ends_at_nothing_whatever_the_length(toy) -> None:
    config = OptimizerConfig(name="sgd", learning_rate=0.1, schedule="cosine", plateau_factor=0.5, plateau_patience=1)
    optimizer = make_optimizer(config)
    assert isinstance(optimizer, AnnealedOptimizer)
    data = {name: array for name, array in toy.line_data(64).items() if name != "name"}
    for steps in (4, 9):
        _, history = fit(toy.line_system(), {"line": optimizer}, data, replace(slow(toy), batch_size=16, dispatch_steps=1), steps)
        expected = 0.05 * (1 + np.cos(np.pi * np.arange(steps) / steps))
        np.testing.assert_allclose([row["learning_rate"] for row in history], expected, rtol=1e-5)
    state = optimizer.init(jnp.zeros(1))
    for _ in range(2):  # a plateau on the way
        state = state._replace(plateau=optimizer.listen(state.plateau, jnp.float32(1)))
    np.testing.assert_allclose(optimizer.learning_rate(state, HALF), 0.025, rtol=1e-6)
    updates, _ = optimizer.update(jnp.ones(1), state, jnp.zeros(1), HALF)
    np.testing.assert_allclose(updates, -0.025, rtol=1e-6)


def test_a_rate_that_warms_up_rises_in_equal_parts() -> None:
    optimizer = make_optimizer(OptimizerConfig(name="sgd", b1=0.0, learning_rate=0.1, warmup_steps=3))
    state = optimizer.init(jnp.zeros(1))
    for step, share in enumerate((0.25, 0.5, 0.75, 1, 1)):
        progress = Progress(jnp.int32(step), jnp.float32(0))
        np.testing.assert_allclose(optimizer.learning_rate(state, progress), 0.1 * share, rtol=1e-6)
        np.testing.assert_allclose(optimizer.update(jnp.ones(1), state, jnp.zeros(1), progress)[0], -0.1 * share, rtol=1e-6)


def test_without_a_factor_the_optimiser_is_the_plain_one() -> None:
    assert not isinstance(make_optimizer(OptimizerConfig()), AnnealedOptimizer)


def test_a_training_follows_its_validations(toy, tmp_path) -> None:
    config = slow(toy, checkpoint_every_validations=99)
    train(toy.RECIPE, config, toy.point_set(), tmp_path, steps=STEPS)
    rows = rows_of(tmp_path)
    looks = [(int(row["step"]), float(row["valid_mse"])) for row in rows if row["valid_mse"]]
    after = dict(zip([step for step, _ in looks], rates_by_hand([mse for _, mse in looks], 0.3, 0.5, 2), strict=True))
    rate = 0.3
    for row in rows:
        np.testing.assert_allclose(float(row["learning_rate"]), rate, rtol=1e-6)
        rate = after.get(int(row["step"]), rate)
    assert len(set(after.values())) >= 3


def test_a_resumed_training_ends_with_the_same_bits_wherever_it_was_stopped(toy, tmp_path) -> None:
    config = slow(toy, keep_checkpoints=99, validate_every_epochs=2.0)
    whole = tmp_path / "whole"
    train(toy.RECIPE, config, toy.point_set(), whole, steps=STEPS)
    places = checkpoint.list_checkpoints(whole)
    memories = [restore(place, toy.abstract_state(config)).opt["line"].plateau for place in places]
    falls = [k for k, (one, other) in enumerate(itertools.pairwise(memories), 1) if other.scale < one.scale]
    waiting = [k for k, memory in enumerate(memories[:-1]) if memory.plateau_count == 1]
    # Stopped just when the rate fell, just before, and while it waits.
    for k in {falls[0], falls[0] - 1, waiting[-1]}:
        stopped = Path(shutil.copytree(whole, tmp_path / f"at{k}"))
        for place in places[k + 1 :]:
            shutil.rmtree(checkpoint.place_of(stopped, int(place.name)))
        train(toy.RECIPE, config, toy.point_set(), stopped)
        assert bits(toy, stopped, config) == bits(toy, whole, config)


def test_looks_that_a_signal_or_the_clock_brings_change_no_rate(toy, tmp_path) -> None:
    """A checkpoint before the first look on schedule is validated too."""
    config = slow(toy, validate_every_epochs=4.0)
    hasty = replace(config, checkpoint_every_seconds=1e-9, dispatch_steps=16)
    train(toy.RECIPE, config, toy.point_set(), tmp_path / "calm", steps=STEPS)
    with pytest.raises(Stopped):
        train(toy.RECIPE._replace(summarise=toy.stopping(1)), hasty, toy.point_set(), tmp_path / "hasty", steps=STEPS)
    train(toy.RECIPE, hasty, toy.point_set(), tmp_path / "hasty", steps=STEPS)
    looks = [{int(row["step"]) for row in rows_of(tmp_path / name) if row["valid_mse"]} for name in ("calm", "hasty")]
    assert looks[0] == looks[1]
    assert bits(toy, tmp_path / "hasty", hasty) == bits(toy, tmp_path / "calm", config)
    assert float(rows_of(tmp_path / "calm")[-1]["learning_rate"]) < 0.3


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_fit_anneals_too(toy, parallel) -> None:
    optimizers = {"line": make_optimizer(slow(toy).optimizer)}
    config = replace(slow(toy), batch_size=16)
    state, history = fit(
        toy.line_system(),
        optimizers,
        {name: array for name, array in toy.line_data(203).items() if name != "name"},
        config,
        STEPS,
        validation={name: array for name, array in toy.line_data(37, 1).items() if name != "name"},
        summarise=toy.summarise,
        anneal_by="mse",
        parallel=parallel,
    )
    losses = [row["valid_mse"] for row in history if "valid_mse" in row]
    np.testing.assert_allclose(
        float(optimizers["line"].learning_rate(state.opt["line"], LATE)),
        rates_by_hand(losses, 0.3, 0.5, 2)[-1],
        rtol=1e-6,
    )


def test_few_data_are_not_looked_at_after_every_step(toy) -> None:
    config = replace(toy.LineConfig(), validate_every_epochs=1.0, validate_every_steps=7)
    assert schedule_of(config, 0.25, 100) == Schedule(7, 100)
    assert schedule_of(config, 40.5, 100) == Schedule(40.5, 100)


@pytest.mark.parametrize("every", [1, 1.2, 7, 20.3])
def test_every_third_look_writes_a_checkpoint(every) -> None:
    schedule = Schedule(every, 101)
    looks = [step for step in range(1, 102) if schedule.is_due(step)]
    assert [step for step in range(1, 102) if schedule.is_one_in(3, step)] == sorted({*looks[2::3], 101})


def test_a_stage_begins_with_what_it_measured_once_and_a_resumed_training_does_not_measure(toy, tmp_path) -> None:
    measured = []

    def stages(config, info):
        def begin(train):
            measured.append(len(train["x"]))
            return Begin(params={"line": {"w": jnp.full(toy.FEATURES, 3.0), "b": jnp.float32(2.0)}}, extra={"centre": jnp.ones(5)})

        return [toy.one_stage(config, info)[0]._replace(begin=begin)]

    recipe = toy.RECIPE._replace(stages=stages)
    still = replace(toy.RECIPE.presets["paper"], optimizer=OptimizerConfig(name="sgd", learning_rate=1e-12))
    train(recipe, still, toy.point_set(), tmp_path / "timed", budget="2s")
    assert measured == [203]
    with pytest.raises(Stopped):
        train(recipe._replace(summarise=toy.stopping(1)), still, toy.point_set(), tmp_path / "stopped", steps=STEPS)
    train(recipe, still, toy.point_set(), tmp_path / "stopped")
    assert measured == [203, 203]
    playing = checkpoint.load_playing(checkpoint.latest(tmp_path / "stopped"))
    np.testing.assert_array_equal(playing.extra["centre"], np.ones(5))
    np.testing.assert_allclose(playing.params["line"]["w"], 3, atol=1e-5)  # the moving average begins there too


@pytest.mark.parametrize(
    "odd",
    [
        Begin(extra={"centre": jnp.zeros(4)}),
        Begin(extra={"center": jnp.zeros(5)}),
        Begin(params={"line": {"w": jnp.zeros(5)}}),
        Begin(extra={"centre": jnp.zeros(5, jnp.int32)}),
    ],
)
def test_a_beginning_of_another_shape_is_refused(toy, odd) -> None:
    stage = toy.one_stage(toy.LineConfig(), None)[0]
    state = init_state(stage.system, stage.optimizers, jax.random.key(0), {"x": jnp.zeros((4, toy.FEATURES))})
    with pytest.raises((ValueError, KeyError), match=r"cent|'b'"):
        begun_with(state, odd, stage.optimizers)
