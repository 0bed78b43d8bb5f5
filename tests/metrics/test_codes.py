"""Codes against the prior: the estimator against a double loop, both tests on draws that are normal and that are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from drumjax.metrics import codes

D = 64


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def test_the_discrepancy_is_eq_3_in_a_double_loop(draw) -> None:
    x, y = draw.normal(size=(5, D)), draw.normal(0.2, 1, (5, D))

    def k(a, b):
        return sum(128 * s / (128 * s + ((a - b) ** 2).sum()) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    n, within, between = 5, 0.0, 0.0
    for i in range(n):
        for j in range(n):
            between += k(x[i], y[j])
            if i != j:
                within += k(x[i], x[j]) + k(y[i], y[j])
    assert codes.mmd(x, y) == pytest.approx(within / (n * (n - 1)) - 2 * between / n**2, rel=1e-9)


def test_the_null_of_the_discrepancy_is_centred_and_its_quantile_is_reached_by_one_in_twenty(draw) -> None:
    found = [codes.against_prior(draw.normal(size=(10, 8)), seed=i, draws=99, prior=100) for i in range(100)]
    means = np.array([each.null_mean for each in found])
    assert abs(means.mean()) < 0.02
    assert np.mean([each.mmd > each.null_95 for each in found]) < 0.15
    # Under the prior the p-value is uniform.
    assert stats.kstest([each.p for each in found], "uniform").pvalue > 0.01


def test_the_mean_over_classes_has_a_narrower_null(draw) -> None:
    tests = [codes.against_prior(draw.normal(size=(8, 4)), seed=i, draws=100, prior=50) for i in range(9)]
    mean = codes.averaged(tests)
    assert mean.mmd == pytest.approx(np.mean([test.mmd for test in tests]))
    # Nine independent classes: a third of the spread of one.
    assert mean.null.std() == pytest.approx(np.mean([test.null.std() for test in tests]) / 3, rel=0.25)


DEPARTURES = {
    "shifted": lambda z, draw: z + 0.5,
    "shrunken": lambda z, draw: 0.6 * z,
    "of heavy tails": lambda z, draw: z / np.sqrt(draw.chisquare(3, (len(z), 1)) / 3),
    "in two halves": lambda z, draw: z + np.where(draw.random((len(z), 1)) < 0.5, 1, -1),
    "all alike": lambda z, draw: np.repeat(z[:1], len(z), 0),
}


@pytest.mark.parametrize("departure", DEPARTURES)
def test_both_tests_find_codes_that_are(departure, draw) -> None:
    odd = DEPARTURES[departure](draw.normal(size=(60, D)), draw)
    against = codes.against_prior(odd, draws=50, prior=200)
    assert against.mmd > against.null_95
    assert against.p == pytest.approx(1 / 51)
    assert codes.normality(odd).p < 0.001


def test_normal_codes_fail_the_test_of_normality_one_time_in_twenty(draw) -> None:
    # Also fewer codes than dimensions, where a covariance would be singular.
    failed = [codes.normality(draw.normal(size=(n, 8))).p < codes.LEVEL for n in (4, 30) for _ in range(150)]
    assert 0.01 < np.mean(failed) < 0.10


def test_normality_says_what_is_wrong(draw) -> None:
    z = draw.normal(size=(200, 16))
    z[:, :4] += 1
    found = codes.normality(z)
    assert found.rejected == pytest.approx(4 / 16)
    assert found.mean == pytest.approx(0.5, abs=0.05)
    # A common scale is in the length, however small in each dimension.
    scaled = codes.normality(draw.normal(0, 0.9, (200, 64)))
    assert scaled.length_p < 1e-6
    assert scaled.deviation == pytest.approx(0.9, abs=0.01)
    # A dependence leaves every dimension normal.
    twins = codes.normality(np.tile(draw.normal(size=(200, 1)), 16))
    assert twins.rejected == 0
    assert twins.length_p < 1e-6
    assert twins.p < 0.001


def test_classes_are_tested_by_themselves_and_single_codes_not_at_all(draw) -> None:
    z = draw.normal(size=(6, 3))
    parts = codes.by_class(z, np.array([2, 0, 2, 0, 1, 2]), ("kick", "clap", "snare", "tom"))
    assert list(parts) == ["kick", "snare"]
    np.testing.assert_array_equal(parts["snare"], z[[0, 2, 5]])


@pytest.mark.parametrize(
    ("z", "said"),
    [(np.zeros((1, 4)), "at least two codes"), (np.zeros(4), "at least two"), (np.full((3, 2), np.nan), "finite codes")],
)
def test_what_is_no_set_of_codes_is_refused(z, said) -> None:
    with pytest.raises(ValueError, match=said):
        codes.normality(z)
    with pytest.raises(ValueError, match=said):
        codes.against_prior(z)
