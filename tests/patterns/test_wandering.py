"""The paths through noise against closed forms in complex float64, and the figures that the descriptions promise."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy import stats

from drumjax.patterns import wandering

MEASURES = np.arange(128)


def equation_8(t):
    """As printed, one term a line."""
    t = np.asarray(t, np.float64)
    return (
        np.exp(1j * 2 * t)  #
        - np.exp(1j * 19 * t) / 2
        + 1j * np.exp(1j * -20 * t) / 3
        + np.exp(1j * 20 * t) / 4
    )


def as_complex(plane):
    plane = np.asarray(plane, np.float64)
    return plane[..., 0] + 1j * plane[..., 1]


def steps_of(path, **options):
    return np.linalg.norm(np.diff(np.asarray(wandering.points(path, np.arange(129), **options), np.float64), axis=0), axis=1)


@pytest.mark.parametrize("call", [lambda f: f, jax.jit], ids=["eager", "jitted"])
@pytest.mark.parametrize("turn", [128.0, 100.0, 77.7])
def test_the_swirl_is_equation_8_at_any_measure(call, turn):
    at = np.concatenate([np.arange(1024), np.linspace(0, 300, 501)]).astype(np.float32)
    expected = equation_8(2 * np.pi * at.astype(np.float64) / np.float32(turn))
    found = as_complex(call(wandering.swirl)(at, turn))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_swirl_of_the_paper_starts_at_its_own_first_value_and_turns_once_in_128_measures():
    np.testing.assert_allclose(wandering.swirl(0.0), [1 - 1 / 2 + 1 / 4, 1 / 3], atol=1e-7)
    np.testing.assert_array_equal(wandering.swirl(MEASURES + 128), wandering.swirl(MEASURES))


def test_the_swirl_keeps_the_distances_that_its_description_gives():
    dense = as_complex(wandering.swirl(np.linspace(0, 128, 200_001)))
    assert abs(dense).min() == pytest.approx(0.116, abs=5e-4)
    assert abs(dense).max() == pytest.approx(2.072, abs=5e-4)
    assert min(dense.real.min(), dense.imag.min()) == pytest.approx(-1.91, abs=5e-3)
    assert max(dense.real.max(), dense.imag.max()) == pytest.approx(1.82, abs=5e-3)


@pytest.mark.parametrize("path", ["swirl", "circle", "straight"])
def test_a_step_of_the_fixed_paths_is_on_average_055(path):
    assert steps_of(path).mean() == pytest.approx(0.55, abs=0.005)


def test_a_step_of_the_walk_is_on_average_055():
    """Of a standard normal plane whose neighbours correlate with r the mean step is sqrt(π (1 − r)): .5501 here."""
    assert np.mean([steps_of("walk", seed=seed).mean() for seed in range(40)]) == pytest.approx(0.55, abs=0.015)


def test_the_walk_is_standard_normal_at_every_measure_and_between():
    """Oracle: the Kolmogorov–Smirnov test of SciPy on 4,000 walks, fixed seeds."""
    at = np.array([0.0, 5.0, 5.5, 1000.25], np.float32)
    walks = jax.vmap(lambda seed: wandering.walk(at, jax.random.key(seed)))(np.arange(4000))
    for place in range(len(at)):
        for component in range(2):
            assert stats.kstest(np.asarray(walks[:, place, component], np.float64), "norm").pvalue > 0.01
    np.testing.assert_allclose(np.cov(np.asarray(walks[:, 1]).T), np.eye(2), atol=0.06)


def test_the_walk_keeps_its_direction_from_step_to_step():
    paths = np.stack([np.asarray(wandering.points("walk", np.arange(256), seed)) for seed in range(40)]).astype(np.float64)
    steps = np.diff(paths, axis=1)
    correlation = np.sum(steps[:, 1:] * steps[:, :-1]) / np.sum(steps**2)
    assert correlation == pytest.approx(0.73, abs=0.05)


def test_the_walk_has_no_jump_between_measures():
    """At a thousandth of a measure the walk moves by a thousandth of its speed; a jump would be of the order of 1e-3 or more."""
    near = np.linspace(6.99, 7.01, 21).astype(np.float32)
    moved = np.linalg.norm(np.diff(np.asarray(wandering.points("walk", near, 3)), axis=0), axis=1)
    assert moved.max() < 3e-3


def test_the_circle_is_the_complex_exponential():
    at = np.linspace(0, 40, 101).astype(np.float32)
    np.testing.assert_allclose(
        as_complex(wandering.circle(at)), np.sqrt(2) * np.exp(2j * np.pi * at.astype(np.float64) / 16), atol=1e-5
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_straight_path_passes_the_origin_on_one_line_and_comes_back(seed):
    line = as_complex(wandering.points("straight", np.arange(33), seed))
    np.testing.assert_allclose(abs(line[[0, 8, 16]]), wandering.STRAIGHT_END, rtol=1e-6)
    np.testing.assert_allclose(line[[4, 12]], 0, atol=1e-6)
    np.testing.assert_allclose(line[8], -line[0], atol=1e-6)
    np.testing.assert_allclose(line[16:], line[:17], atol=1e-6)
    np.testing.assert_allclose((line * np.conj(line[0])).imag, 0, atol=1e-5)


def test_seeds_decide_the_walk_and_the_direction_and_nothing_else():
    for path in wandering.PATHS:
        first, second = (np.asarray(wandering.points(path, MEASURES, seed)) for seed in (0, 1))
        assert np.array_equal(first, second) == (path in ("swirl", "circle"))


@pytest.mark.parametrize("path", wandering.PATHS)
def test_a_long_path_begins_as_a_short_one(path):
    """But for the last bit, which a program compiled for another length may round otherwise."""
    long = np.asarray(wandering.points(path, np.arange(1024), 5))
    np.testing.assert_allclose(wandering.points(path, np.arange(32), 5), long[:32], atol=2e-6)


def test_no_path_leaves_what_the_prior_has_drawn():
    """1 in 1,000 draws of a standard normal plane lies beyond a radius of 3.72: exp(−r²/2)."""
    for path in wandering.PATHS:
        assert np.linalg.norm(wandering.points(path, np.arange(1024), 0), axis=-1).max() < 3.72


@pytest.mark.parametrize(
    ("path", "turn", "message"),
    [
        ("spiral", None, "swirl, circle, walk"),
        ("walk", 16.0, "no turn"),
        ("swirl", 1.0, "2 to 65,536"),
        ("circle", np.nan, "found nan"),
    ],
)
def test_paths_and_turns_that_are_none_are_refused(path, turn, message):
    with pytest.raises(ValueError, match=message):
        wandering.points(path, MEASURES, turn=turn)


@pytest.mark.parametrize("d", [3, 4, 16])
def test_a_plane_of_many_dimensions_is_orthonormal_and_a_seeds_own(d):
    found = wandering.plane(d, 1)
    np.testing.assert_allclose(found.astype(np.float64) @ found.T, np.eye(2), atol=1e-6)
    assert not np.array_equal(found, wandering.plane(d, 2))


def test_the_plane_of_two_dimensions_is_the_plane_itself_and_one_has_none():
    np.testing.assert_array_equal(wandering.plane(2, 7), np.eye(2))
    with pytest.raises(ValueError, match="at least 2"):
        wandering.plane(1)


def test_the_way_into_the_uniform_prior_is_the_normal_distribution_function():
    z = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
    found = np.asarray(wandering.to_uniform(z), np.float64)
    np.testing.assert_allclose(found, 2 * stats.norm.cdf(z.astype(np.float64)) - 1, atol=1e-6)
    assert stats.kstest(found.ravel(), stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert np.abs(wandering.to_uniform(wandering.swirl(np.linspace(0, 128, 1001)))).max() < 1
