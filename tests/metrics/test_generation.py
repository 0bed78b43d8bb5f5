"""Oracles: SciPy for distances, double loops over patterns in plain Python for everything about neighbours, closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from drumjax.metrics import generation
from drumjax.metrics.generation import COVERAGE_K, DEFINITIONS, MANIFOLD_K, NEAR, OF_HELD_OUT, OF_INDEPENDENT, Data, measure

GENRES = ("idm", "techno")


@pytest.fixture(scope="module")
def train():
    return np.random.default_rng(0).random((14, 16, 3)) < 0.25


@pytest.fixture(scope="module")
def genre():
    return np.arange(14) % 3 % 2


@pytest.fixture(scope="module")
def made(train):
    """Nine patterns: two copies, one of them twice, two near copies, and others."""
    generator = np.random.default_rng(1)
    near = train[3:5] ^ (generator.permutation(48) < NEAR).reshape(16, 3)
    return np.concatenate([train[[5, 5, 6]], near, generator.random((4, 16, 3)) < 0.25])


def apart(a, b) -> int:
    return sum(x != y for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))


def ball(patterns, i: int, k: int) -> int:
    """How far the neighbourhood of pattern i reaches."""
    return sorted(apart(patterns[i], other) for j, other in enumerate(patterns) if j != i)[k - 1]


def test_distances_are_those_of_scipy(train, made):
    expected = 48 * cdist(made.reshape(9, -1), train.reshape(14, -1), "hamming")
    np.testing.assert_allclose(generation.hamming(made, train), expected)


def test_every_figure_is_that_of_a_double_loop(train, genre, made):
    figures = measure(made, Data(train, genre), GENRES)
    least = [min(apart(x, y) for y in train) for x in made]
    nearest = [min(range(14), key=lambda j, x=x: apart(x, train[j])) for x in made]
    numbers, of_train = ([int(x.sum()) for x in hits] for hits in (made, train))
    shares = [sum(genre[j] == g for j in nearest) / 9 for g in (0, 1)]
    expected = {
        "cell_rate_error": np.mean([abs(made[:, i, j].mean() - train[:, i, j].mean()) for i in range(16) for j in range(3)]),
        "hits_mean": np.mean(numbers),
        "hits_sd": np.std(numbers),
        "hits_distance": wasserstein_distance(numbers, of_train),
        "copies": 3 / 9,
        "near_copies": sum(d <= NEAR for d in least) / 9,
        "distance_to_data": np.mean(least),
        "distance_from_data": np.mean([min(apart(x, y) for x in made) for y in train]),
        "diversity": np.mean([apart(a, b) for a, b in itertools.permutations(made, 2)]),
        "distinct": 8 / 9,
        "precision": sum(any(apart(x, train[j]) <= ball(train, j, MANIFOLD_K) for j in range(14)) for x in made) / 9,
        "recall": sum(any(apart(made[i], y) <= ball(made, i, MANIFOLD_K) for i in range(9)) for y in train) / 14,
        "coverage": sum(any(apart(x, train[j]) <= ball(train, j, COVERAGE_K) for x in made) for j in range(14)) / 14,
        "nearest_used": len(set(nearest)) / 14,
        "genre_distance": sum(abs(share - np.mean(genre == g)) for g, share in enumerate(shares)) / 2,
        "genre_share idm": shares[0],
        "genre_share techno": shares[1],
    }
    assert figures == pytest.approx(expected)
    assert list(figures)[:-2] == list(DEFINITIONS)
    # The case tells them apart: nothing is trivially 0 or 1.
    assert figures["near_copies"] >= 5 / 9
    assert 0 < figures["precision"] < 1 or 0 < figures["coverage"] < 1


def test_the_data_themselves_are_copies_that_cover_everything(train, genre):
    figures = measure(train, Data(train, genre), GENRES)
    for name in ("copies", "near_copies", "distinct", "precision", "recall", "coverage", "nearest_used"):
        assert figures[name] == 1, name
    for name in ("cell_rate_error", "hits_distance", "distance_to_data", "distance_from_data", "genre_distance"):
        assert figures[name] == 0, name


def test_one_pattern_over_and_over_has_no_diversity_and_recalls_nothing_else(train, genre):
    figures = measure(np.repeat(train[:1], 6, axis=0), Data(train, genre), GENRES)
    assert (figures["diversity"], figures["distinct"], figures["copies"]) == (0, 1 / 6, 1)
    assert figures["recall"] == pytest.approx(1 / 14)
    assert figures["nearest_used"] == pytest.approx(1 / 14)


def test_a_neighbourhood_of_a_small_set_reaches_to_its_farthest_pattern():
    distances = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert generation.neighbourhood(distances, 3).tolist() == [2, 2]
    assert generation.neighbourhood(np.zeros((1, 1)), 3).tolist() == [0]


def test_independent_cells_have_the_rates_of_the_data_and_no_other_structure():
    train = np.zeros((100, 8, 2), bool)
    train[:30, :4] = True  # always together
    drawn = generation.draw_independent(train, 20_000, seed=3)
    np.testing.assert_allclose(drawn.mean(0), train.mean(0), atol=0.02)
    together = drawn[:, 0, 0] & drawn[:, 1, 0]
    assert together.mean() == pytest.approx(0.09, abs=0.01)
    np.testing.assert_array_equal(drawn, generation.draw_independent(train, 20_000, seed=3))


def test_every_figure_stands_beside_held_out_patterns_and_independent_cells(train, genre, made):
    held_out = np.random.default_rng(5).random((9, 16, 3)) < 0.25
    sets = [made, ~made]
    figures = generation.evaluate(sets, train, genre, GENRES, held_out, seed=7)
    names = [*DEFINITIONS, "genre_share idm", "genre_share techno"]
    assert set(figures) == {name + of for name in names for of in ("", OF_HELD_OUT, OF_INDEPENDENT)}
    data = Data(train, genre)
    each = [measure(hits, data, GENRES) for hits in sets]
    by_chance = [measure(generation.draw_independent(train, 9, seed), data, GENRES) for seed in (7, 8)]
    for name in names:
        assert figures[name].mean == pytest.approx(np.mean([one[name] for one in each]))
        assert figures[name].sd == pytest.approx(np.std([one[name] for one in each]))
        assert figures[name + OF_HELD_OUT].mean == pytest.approx(measure(held_out, data, GENRES)[name])
        assert figures[name + OF_INDEPENDENT].mean == pytest.approx(np.mean([one[name] for one in by_chance]))
        assert "2 sets of 9 generated patterns" in figures[name].definition


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda hits: generation.evaluate([hits], hits, np.zeros(4, int), ("a",), hits[:3]), "sets of one size"),
        (lambda hits: generation.evaluate([], hits, np.zeros(4, int), ("a",), hits), "sets of one size"),
        (lambda hits: Data(hits[:1], np.zeros(1, int)), "at least two training patterns"),
        (lambda hits: measure(hits[:1], Data(hits, np.zeros(4, int)), ("a",)), "at least two patterns"),
        (lambda hits: generation.hamming(hits, hits[:, :3]), "same grid"),
        (lambda hits: generation.hamming(hits, hits.astype(float)), "bool"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((4, 8, 2), bool))
