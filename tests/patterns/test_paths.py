"""The closed forms of eqs. 6 and 7 in float64 are the oracle; hypothesis looks for codes that break the float32 ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drumjax.patterns import paths

MEASURES = 7
MU = paths.fractions(MEASURES)

PATHS = {"slerp": paths.slerp, "lerp": paths.lerp}
JACOBIANS = {name: jax.jit(jax.jacrev(path, argnums=(0, 1, 2))) for name, path in PATHS.items()}

finite = st.floats(min_value=-1e6, max_value=1e6, width=32, allow_subnormal=True)
codes = st.sampled_from([1, 2, 4]).flatmap(lambda d: st.tuples(*[hnp.arrays(np.float32, d, elements=finite)] * 2))


def angle_float64(start, goal):
    cosine = start @ goal / (np.linalg.norm(start) * np.linalg.norm(goal))
    # arccos alone is inexact near its ends, float64 or not.
    sine = np.sqrt(max(0.0, 1 - cosine**2))
    return np.arctan2(sine, cosine) if abs(cosine) < 1 else np.arccos(np.clip(cosine, -1, 1))


def slerp_float64(start, goal, mu):
    """Eq. 7 as printed, without any bound."""
    start, goal, mu = (np.asarray(x, np.float64) for x in (start, goal, mu))
    theta = angle_float64(start, goal)
    return (np.sin(theta * (1 - mu))[:, None] * start + np.sin(theta * mu)[:, None] * goal) / np.sin(theta)


def lerp_float64(start, goal, mu):
    start, goal, mu = (np.asarray(x, np.float64) for x in (start, goal, mu))
    return (1 - mu)[:, None] * start + mu[:, None] * goal


@pytest.mark.parametrize("call", [lambda f: f, jax.jit], ids=["eager", "jitted"])
@pytest.mark.parametrize("d", [2, 4, 32])
def test_slerp_is_equation_7(call, d):
    starts, goals = np.random.default_rng(d).normal(size=(2, 50, d)).astype(np.float32)
    curved = [angle_float64(*pair) < paths.GREATEST_ANGLE - 1e-3 for pair in zip(*(np.float64((starts, goals))), strict=True)]
    assert sum(curved) > 40
    found = call(paths.slerp)(starts, goals, MU)
    for i in np.flatnonzero(curved):
        np.testing.assert_allclose(found[i], slerp_float64(starts[i], goals[i], MU), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("call", [lambda f: f, jax.jit], ids=["eager", "jitted"])
def test_lerp_is_equation_6(call):
    start, goal = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_allclose(call(paths.lerp)(start, goal, MU), lerp_float64(start, goal, MU), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("theta", [1.2e-3, 0.01, 0.5, np.pi / 2, 3.0, np.pi - 0.11])
def test_slerp_keeps_a_circle_at_constant_speed(theta):
    start, goal = np.float32([2, 0]), np.float32([2 * np.cos(theta), 2 * np.sin(theta)])
    angles = theta * MU.astype(np.float64)
    expected = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    np.testing.assert_allclose(paths.slerp(start, goal, MU), expected, atol=5e-5)


@pytest.mark.parametrize("theta", [0.0, 1e-5, 9e-4, np.pi - 0.09, np.pi - 1e-4, np.pi])
def test_slerp_is_straight_for_parallel_and_opposite_codes(theta):
    start, goal = np.float32([1, 0]), np.float32([3 * np.cos(theta), 3 * np.sin(theta)])
    np.testing.assert_array_equal(paths.slerp(start, goal, MU), paths.lerp(start, goal, MU))


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_batch_of_pairs_gives_what_each_pair_gives_alone(path):
    start, goal = np.random.default_rng(1).normal(size=(2, 3, 5, 4)).astype(np.float32)
    goal[1, 2] = 0
    together = path(start, goal, MU)
    assert together.shape == (3, 5, MEASURES, 4)
    for index in np.ndindex(3, 5):
        np.testing.assert_allclose(together[index], path(start[index], goal[index], MU), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(together[index][2], path(start[index], goal[index], MU[2]), rtol=1e-6, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(codes, st.sampled_from(["any", "equal", "opposite", "zero goal"]), st.sampled_from(sorted(PATHS)))
def test_values_and_gradients_are_never_nan_and_the_ends_are_exact(pair, relation, name):
    start, goal = pair
    goal = {"any": goal, "equal": start, "opposite": -start, "zero goal": np.zeros_like(start)}[relation]
    path = PATHS[name]
    points = np.asarray(path(start, goal, MU))
    assert np.isfinite(points).all()
    # The processor may take denormal numbers for zero; no other difference is allowed.
    least = np.finfo(np.float32).tiny
    np.testing.assert_allclose(points[0], start, rtol=0, atol=least)
    np.testing.assert_allclose(points[-1], goal, rtol=0, atol=least)
    gradients = JACOBIANS[name](start, goal, MU)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@settings(max_examples=200, deadline=None)
@given(codes)
def test_slerp_agrees_with_float64_wherever_it_is_curved(pair):
    start, goal = pair
    assume(min(np.abs(start).max(), np.abs(goal).max()) > 1e-6)
    theta = angle_float64(start.astype(np.float64), goal.astype(np.float64))
    assume(2e-3 < theta < np.pi - 0.101)
    scale = max(np.abs(start).max(), np.abs(goal).max())
    difference = np.abs(np.asarray(paths.slerp(start, goal, MU)) - slerp_float64(start, goal, MU)).max()
    assert difference <= 1e-4 * scale


def test_gradients_of_slerp_are_those_of_the_closed_form():
    start, goal = np.random.default_rng(2).normal(size=(2, 4))
    weights = np.random.default_rng(3).normal(size=(MEASURES, 4))
    gradient = jax.grad(lambda s: jnp.sum(paths.slerp(s, goal.astype(np.float32), MU) * weights))(start.astype(np.float32))
    step = 1e-6
    expected = [
        (np.sum(slerp_float64(start + step * e, goal, MU) * weights) - np.sum(slerp_float64(start - step * e, goal, MU) * weights))
        / (2 * step)
        for e in np.eye(4)
    ]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3)


def test_slerp_of_tiny_codes_turns_as_that_of_large_ones():
    start, goal = np.random.default_rng(4).normal(size=(2, 4)).astype(np.float32)
    # Their squares are zero in float32.
    small = paths.slerp(start * np.float32(1e-10), goal * np.float32(1e-10), MU)
    np.testing.assert_allclose(small * np.float32(1e10), paths.slerp(start, goal, MU), rtol=1e-4, atol=1e-5)


def test_fractions_are_those_of_the_paper():
    np.testing.assert_allclose(paths.fractions(6), [0, 0.2, 0.4, 0.6, 0.8, 1.0], rtol=1e-6)
    assert paths.fractions(6).dtype == np.float32
    with pytest.raises(ValueError, match="at least 2 measures"):
        paths.fractions(1)


def test_crossfade_is_linear_in_every_cell_and_exact_at_both_ends():
    start, goal = np.random.default_rng(5).random((2, 64, 6), np.float32)
    faded = paths.crossfade(start, goal, 5)
    assert faded.shape == (5, 64, 6)
    assert faded.dtype == np.float32
    np.testing.assert_array_equal(faded[0], start)
    np.testing.assert_array_equal(faded[-1], goal)
    for i in range(5):
        for step in range(0, 64, 7):
            for lane in range(6):
                assert faded[i, step, lane] == pytest.approx((4 - i) / 4 * start[step, lane] + i / 4 * goal[step, lane], abs=1e-6)


def test_crossfade_takes_batches_and_jax_arrays():
    start, goal = np.random.default_rng(6).random((2, 3, 8, 2), np.float32)
    faded = paths.crossfade(start, goal, 4)
    assert faded.shape == (3, 4, 8, 2)
    np.testing.assert_array_equal(faded[1], paths.crossfade(start[1], goal[1], 4))
    np.testing.assert_allclose(jax.jit(paths.crossfade, static_argnums=2)(start, goal, 4), faded, rtol=1e-6)


def test_crossfade_of_grids_that_do_not_match_is_an_error():
    with pytest.raises(ValueError, match=r"\(64, 6\) and \(64, 7\)"):
        paths.crossfade(np.zeros((64, 6)), np.zeros((64, 7)), 3)
