"""The engine against plain numpy: order of updates, averages, dispatches of any length, validation, what stops it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from drumjax.boundary import InputError
from drumjax.datasets.pipeline import batch_indices
from drumjax.systems.system import System
from drumjax.train.config import TrainingConfig
from drumjax.train.engine import (
    NonFiniteLoss,
    Program,
    Schedule,
    compile_program,
    fit,
    init_state,
    played,
    run_steps,
    source_of,
    stage_key,
)
from drumjax.train.parallel import make_layout

CONFIG = TrainingConfig(batch_size=16, ema_decay=0.9, validate_every_epochs=1e9)


def same_bits(one, other) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    data = [[jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in pair] for pair in pairs]
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in data)


def constant_data(values) -> dict[str, np.ndarray]:
    return {"x": np.asarray(values, np.float32)}


def scalar_system(losses, start) -> System:
    def validate(params, extra, batch):
        return {"sum": jnp.sum(batch["mask"] * batch["x"]) + 0 * sum(params.values()), "n": jnp.sum(batch["mask"])}

    return System(lambda key, batch: (dict(start), {}), losses, validate, lambda *_: None)


@pytest.mark.parametrize("steps_a_dispatch", [7, 50])
def test_the_number_of_steps_a_dispatch_changes_no_bit(toy, steps_a_dispatch) -> None:
    data, optimizers = toy.line_data(101), {"line": optax.adam(1e-2)}
    one, _ = fit(toy.line_system(), optimizers, data, replace(CONFIG, dispatch_steps=1), 120)
    many, rows = fit(toy.line_system(), optimizers, data, replace(CONFIG, dispatch_steps=steps_a_dispatch), 120)
    assert len(rows) < 120
    assert same_bits(one, many)


def test_a_first_state_that_is_compiled_in_haste_has_the_bits_of_one_that_is_not(toy) -> None:
    system, optimizers = toy.line_system(), {"line": optax.adam(1e-2)}
    source = source_of(toy.line_data(101), CONFIG)
    program = compile_program(system, optimizers, source, None, ema_decay=0.9, layout=make_layout(16))
    key, batch = stage_key(3, 0), {"x": np.zeros((16, toy.FEATURES), np.float32)}
    plain = jax.jit(lambda key: init_state(system, optimizers, key, batch, ema_decay=0.9))(key)
    assert same_bits(program.start(key), plain)


def test_nothing_is_compiled_after_the_first_dispatch(toy, compilations) -> None:
    layout, source = make_layout(16), source_of(toy.line_data(101), replace(CONFIG, dispatch_steps=50))
    program = compile_program(toy.line_system(), {"line": optax.adam(1e-2)}, source, source, ema_decay=0.9, layout=layout)
    schedule = Schedule(30.5, 200)
    counts, kept = [], None
    for report in run_steps(program, program.start(stage_key(0, 0)), until=200, total=200, next_stop=schedule.next_stop, seconds=1):
        counts.append(report.step)
        if len(counts) == 1:
            program.validate(report.state)
            compilations.clear()
        if schedule.is_due(report.step):
            program.validate(report.state)
        if report.step == 61:
            kept = jax.device_get(report.state)
    assert len(set(np.diff(counts))) > 2  # dispatches of several lengths, remainders included
    assert kept is not None
    for report in run_steps(program, program.place(kept), until=80, total=200, next_stop=schedule.next_stop, seconds=1):
        last = report.step
    assert last == 80
    assert compilations == []


def test_steps_follow_gradient_descent_written_in_numpy(toy) -> None:
    data = toy.line_data(40)
    state, rows = fit(toy.line_system(0.0), {"line": optax.sgd(0.05)}, data, replace(CONFIG, ema_decay=0.0, dispatch_steps=1), 6)
    fresh, _ = fit(toy.line_system(0.0), {"line": optax.sgd(0.0)}, data, replace(CONFIG, ema_decay=0.0), 1)
    w, b = np.asarray(fresh.params["line"]["w"], np.float64), 0.0
    for index, row in zip(batch_indices(0, 0, 40, 16, 6), rows, strict=True):
        x, y = data["x"][index].astype(np.float64), data["y"][index]
        error = x @ w + b - y
        np.testing.assert_allclose(row["loss"], np.mean(error**2), rtol=1e-5)
        w, b = w - 0.05 * 2 * x.T @ error / 16, b - 0.05 * 2 * error.mean()
    np.testing.assert_allclose(state.params["line"]["w"], w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state.params["line"]["b"], b, rtol=1e-5, atol=1e-6)
    assert int(state.extra["seen"]) == 6


def test_a_player_moves_alone_and_sees_what_the_ones_before_it_became() -> None:
    def first(params, extra, batch, key, progress):
        return params["a"] * params["b"], (extra, {})

    def second(params, extra, batch, key, progress):
        return params["a"] * params["b"], (extra, {})

    system = scalar_system({"a": first, "b": second}, {"a": jnp.float32(2.0), "b": jnp.float32(3.0), "frozen": jnp.float32(7.0)})
    config = replace(CONFIG, batch_size=2, ema_decay=0.0)
    state, rows = fit(system, {"a": optax.sgd(0.1), "b": optax.sgd(0.1)}, constant_data([0, 1]), config, 1)
    a = 2 - 0.1 * 3
    assert np.isclose(state.params["a"], a)
    assert np.isclose(state.params["b"], 3 - 0.1 * a)
    assert float(state.params["frozen"]) == 7.0
    assert np.isclose(rows[0]["a/loss"], 6)
    assert np.isclose(rows[0]["b/loss"], 3 * a)
    assert np.isclose(rows[0]["b/grad_norm"], a)


def test_players_and_optimisers_must_be_the_same(toy) -> None:
    with pytest.raises(ValueError, match="optimiser for each of"):
        fit(toy.line_system(), {"lime": optax.sgd(0.1)}, toy.line_data(20), CONFIG, 1)


def test_metrics_are_means_over_the_dispatch_and_progress_counts_from_zero(toy) -> None:
    data, optimizers = toy.line_data(101), {"line": optax.adam(1e-2)}
    _, single = fit(toy.line_system(), optimizers, data, replace(CONFIG, dispatch_steps=1), 40)
    _, packed = fit(toy.line_system(), optimizers, data, replace(CONFIG, dispatch_steps=16), 40)
    np.testing.assert_allclose([row["fraction"] for row in single], np.arange(40) / 40, atol=1e-7)
    before = 0
    for row in packed:
        for name in ("loss", "bias", "grad_norm", "fraction"):
            np.testing.assert_allclose(row[name], np.mean([r[name] for r in single[before : row["step"]]]), rtol=1e-5, atol=1e-6)
        before = row["step"]
    assert before == 40


def test_the_moving_average_warms_up_and_is_what_is_validated(toy) -> None:
    data, held_out = toy.line_data(101), toy.line_data(37, 1)
    config = replace(CONFIG, dispatch_steps=1)
    state, rows = fit(toy.line_system(), {"line": optax.adam(0.1)}, data, config, 12, validation=held_out)
    before = [row["bias"] for row in rows]  # the parameter at the beginning of each step
    average = before[0]
    for step, bias in enumerate([*before[1:], float(state.params["line"]["b"])]):
        decay = min(0.9, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * bias
    np.testing.assert_allclose(state.ema["line"]["b"], average, rtol=1e-5)
    assert played(state) is state.ema
    error = held_out["x"] @ np.asarray(state.ema["line"]["w"]) + np.asarray(state.ema["line"]["b"]) - held_out["y"]
    np.testing.assert_allclose(rows[-1]["valid_squares"], np.sum(error.astype(np.float64) ** 2), rtol=1e-5)
    assert rows[-1]["valid_n"] == 37


@pytest.mark.parametrize("n", [1, 15, 16, 17, 100])
@pytest.mark.parametrize("streamed", [False, True])
def test_validation_counts_every_item_once_whatever_the_batch(toy, n, streamed) -> None:
    values = np.random.default_rng(0).normal(size=n).astype(np.float32)
    system = scalar_system({"a": lambda params, extra, *_: (params["a"] ** 2, (extra, {}))}, {"a": jnp.float32(1)})
    config = replace(CONFIG, ema_decay=0.0, stream_buffer_bytes=200, resident_limit_bytes=0 if streamed else 1 << 20)
    _, rows = fit(system, {"a": optax.sgd(0.1)}, constant_data([1.0]), config, 1, validation=constant_data(values))
    assert rows[-1]["valid_n"] == n
    np.testing.assert_allclose(rows[-1]["valid_sum"], values.astype(np.float64).sum(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dispatch_steps", [1, 50])
def test_a_loss_that_is_not_finite_stops_at_its_step(toy, dispatch_steps) -> None:
    data = toy.line_data(101)
    data["y"][42] = np.nan
    expected = next(k for k in range(100) if 42 in batch_indices(0, k, 101, 16))
    assert expected > 0
    with pytest.raises(NonFiniteLoss, match=f"loss.* at step {expected}") as caught:
        fit(toy.line_system(), {"line": optax.adam(1e-2)}, data, replace(CONFIG, dispatch_steps=dispatch_steps), 100)
    assert caught.value.step == expected


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    def loss(params, extra, batch, key, progress):
        # The slope of the square root is infinite at 0, which w reaches after two steps of slope 1.
        return jnp.sqrt(jnp.maximum(params["w"], 0)) * 2 * jnp.sqrt(jax.lax.stop_gradient(params["w"])), (extra, {})

    system = scalar_system({"w": loss}, {"w": jnp.float32(2.0)})
    with pytest.raises(NonFiniteLoss, match="grad_norm not finite at step 2"):
        fit(system, {"w": optax.sgd(1.0)}, constant_data([0, 1]), replace(CONFIG, batch_size=2, ema_decay=0.0), 10)


@pytest.mark.parametrize("player", ["first", "second"])
def test_of_several_players_the_one_at_fault_is_named(player) -> None:
    def loss_of(own):
        def loss(params, extra, batch, key, progress):
            at_fault = (own == player) & (progress.step >= 3)
            return jnp.where(at_fault, jnp.inf, params[own] ** 2), (extra, {})

        return loss

    names = ("first", "second")
    system = scalar_system({name: loss_of(name) for name in names}, {name: jnp.float32(1.0) for name in names})
    optimizers = {name: optax.sgd(0.1) for name in names}
    config = replace(CONFIG, batch_size=2, ema_decay=0.9)
    with pytest.raises(NonFiniteLoss, match=f"{player}/loss.* not finite at step 3") as caught:
        fit(system, optimizers, constant_data([0, 1]), config, 10)
    assert ("second" if player == "first" else "first") not in caught.value.what


def test_dispatches_grow_to_the_wanted_time_and_end_at_every_stop(monkeypatch) -> None:
    clock = [0.0]  # the machine's own would tell of what else it has to do
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def advance(state, feed, n, total):
        clock[0] += 0.0009 * n
        return state, n

    program = Program(None, None, None, None, lambda first, n: n, advance, lambda summary, first: {}, None, 1000, 1.0)
    state = type("S", (), {"step": 0})()
    stops = Schedule(33.3, 400)
    reports = list(run_steps(program, state, until=400, total=400, next_stop=stops.next_stop, seconds=0.02))
    steps = [report.step for report in reports]
    lengths = np.diff([0, *steps])
    assert steps[-1] == 400
    assert {round(33.3 * k) for k in range(1, 13)} <= set(steps)
    assert lengths.max() == 22  # as many as fit into the wanted time: a step takes 0.9 ms
    assert lengths[:2].tolist() == [1, 1]  # before anything is measured


def test_the_next_feed_is_made_while_a_dispatch_runs() -> None:
    prepared, made_before_its_end = [], []

    def advance(state, feed, n, total):
        return state, n

    def prepare(first, n):
        prepared.append(first)

    def read(summary, first):
        deadline = time.monotonic() + 60  # never reached, where somebody prepares meanwhile
        while first < 4 and first + 1 not in prepared and time.monotonic() < deadline:
            time.sleep(0.001)
        made_before_its_end.append(prepared[-1])
        return {}

    program = Program(None, None, None, None, prepare, advance, read, None, 1, 1.0)
    list(run_steps(program, type("S", (), {"step": 0})(), until=5, total=5, next_stop=lambda _: 5, seconds=1))
    assert made_before_its_end == [1, 2, 3, 4, 4]


def test_an_error_of_the_data_reaches_the_caller(toy) -> None:
    class Broken(list):
        def __getitem__(self, index):
            if index == 13:
                raise InputError("13.wav", rule="a sound", found="noise", remedy="record it again")
            return super().__getitem__(index)

    items = Broken({"x": x, "y": y} for x, y in zip(*[toy.line_data(20)[name] for name in "xy"], strict=True))
    with pytest.raises(InputError, match=r"13\.wav"):
        fit(toy.line_system(), {"line": optax.sgd(0.1)}, items, CONFIG, 10)


@pytest.mark.parametrize(("every", "total"), [(1.0, 5), (0.4, 5), (2.5, 11), (7.0, 20), (100.0, 20)])
def test_a_schedule_ends_with_the_last_step_and_never_stands_still(every, total) -> None:
    schedule = Schedule(every, total)
    stops, step = [], 0
    while step < total:
        step = schedule.next_stop(step)
        stops.append(step)
    assert stops == sorted(set(stops))
    assert stops[-1] == total
    assert [step for step in range(total + 1) if schedule.is_due(step)] == stops


def test_a_batch_that_cannot_be_split_evenly_is_an_error_that_says_what_fits() -> None:
    with pytest.raises(InputError, match="multiple of the number of devices, 3; found 64; take 63"):
        make_layout(64, devices=jax.devices()[:1] * 3)
    with pytest.raises(InputError, match="jit or pmap"):
        make_layout(64, "vmap")


def test_training_runs_in_a_thread_of_a_larger_program(toy) -> None:
    with ThreadPoolExecutor(1) as pool:
        state, _ = pool.submit(fit, toy.line_system(), {"line": optax.sgd(0.1)}, toy.line_data(20), CONFIG, 3).result()
    assert int(state.step) == 3
