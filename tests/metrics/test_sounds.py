"""Figures of reconstructed sounds against loops, closed forms and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from drumjax.metrics import sounds

CLASSES = ("kick", "clap", "snare")


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def spectrograms(draw, n=5, frames=4, bins=6):
    return draw.gamma(0.5, 1, (n, frames, bins)).astype(np.float32)


def test_the_three_figures_are_those_of_plain_loops(draw) -> None:
    reference, estimate = spectrograms(draw), spectrograms(draw)
    convergence, share, error = sounds.measure(reference, estimate, floor=1e-3).values()
    for i in range(len(reference)):
        off = whole = logs = of_reference = 0.0
        for m, e in zip(reference[i].ravel().tolist(), estimate[i].ravel().tolist(), strict=True):
            off, whole = off + (m - e) ** 2, whole + m**2
            logs += abs(math.log(m + 1e-3) - math.log(e + 1e-3))
            of_reference += abs(math.log(m + 1e-3))
        assert convergence[i] == pytest.approx(math.sqrt(off / whole), rel=1e-5)
        assert error[i] == pytest.approx(logs / reference[i].size, rel=1e-5)
        assert share[i] == pytest.approx(logs / of_reference, rel=1e-5)


def test_exact_copies_score_0_silence_1_and_a_gain_its_decibels(draw) -> None:
    reference = spectrograms(draw) + 1
    for figure in (sounds.spectral_convergence, sounds.log_difference, sounds.log_mel_error):
        np.testing.assert_array_equal(figure(reference, reference), 0)
    np.testing.assert_allclose(sounds.spectral_convergence(reference, 0 * reference), 1)
    np.testing.assert_allclose(sounds.spectral_convergence(reference, 3 * reference), 2, rtol=1e-6)
    # 20 dB, in decibels.
    np.testing.assert_allclose(sounds.DB_PER_NAT * sounds.log_difference(reference, 10 * reference), 20, rtol=1e-4)


@pytest.mark.parametrize(
    ("reference", "estimate", "said"),
    [
        (np.ones((2, 3)), np.ones((2, 3)), "stack single spectrograms"),
        (np.ones((2, 3, 4)), np.ones((2, 3, 5)), "of one shape"),
        (np.ones((2, 3, 4)), -np.ones((2, 3, 4)), "undo the logarithm"),
        (np.ones((2, 3, 4)), np.full((2, 3, 4), np.nan), "estimate as finite"),
        (np.zeros((2, 3, 4)), np.ones((2, 3, 4)), "silence in number 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(reference, estimate, said) -> None:
    with pytest.raises(ValueError, match=said):
        sounds.evaluate(reference, estimate, np.zeros(2, int), CLASSES)


def test_means_of_classes_are_over_their_own_sounds(draw) -> None:
    reference, estimate, labels = spectrograms(draw), spectrograms(draw), np.array([0, 2, 2, 0, 0])
    figures = sounds.evaluate(reference, estimate, labels, CLASSES)
    each = sounds.log_difference(reference, estimate)
    assert figures["log_difference"].mean == pytest.approx(each.mean())
    assert figures["log_difference kick"].mean == pytest.approx(each[[0, 3, 4]].mean())
    assert figures["log_difference snare"].sd == pytest.approx(each[[1, 2]].std())
    assert not [name for name in figures if name.endswith(" clap")]
    with pytest.raises(ValueError, match="labels below 3"):
        sounds.evaluate(reference, estimate, labels + 1, CLASSES)


def test_the_interval_of_a_difference_is_the_bootstrap_of_scipy(draw) -> None:
    first, second = draw.normal(1, 1, 60), draw.normal(1.3, 1, 60)
    found = sounds.paired_difference(first, second, resamples=20_000)
    oracle = stats.bootstrap((first - second,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert found.mean == pytest.approx((first - second).mean())
    assert (found.low, found.high) == pytest.approx(tuple(oracle), abs=0.02)
    assert found.share_below == np.mean(first < second)


def test_sounds_of_one_group_are_one_witness(draw) -> None:
    first = draw.normal(0, 1, 12)
    alone = sounds.paired_difference(first, 0 * first)
    takes = sounds.paired_difference(np.repeat(first, 9), np.zeros(108), np.repeat(np.arange(12), 9))
    # Nine copies of everything know no more than one.
    assert takes == pytest.approx(alone)
    nobody = sounds.paired_difference(first, 0 * first, np.zeros(12))
    assert math.isnan(nobody.low)
    assert math.isnan(nobody.high)
