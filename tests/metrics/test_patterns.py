"""Oracles: scikit-learn for scores, SciPy for distances, brute force over every pattern or threshold for what claims to be best."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from sklearn.metrics import f1_score, mean_absolute_error, precision_score, recall_score, root_mean_squared_error

from drumjax.metrics import patterns as metrics
from drumjax.patterns import Pattern
from drumjax.patterns.paths import crossfade

grids = hnp.arrays(bool, st.tuples(st.integers(1, 4), st.just(4), st.just(2)), elements=st.booleans())
pairs = st.tuples(st.integers(1, 4), st.booleans()).flatmap(
    lambda n: st.tuples(*[hnp.arrays(bool, (n[0], 4, 2), elements=st.booleans())] * 2)
)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def hits(generator, *shape, share=0.2):
    return generator.random(shape) < share


def velocities(generator, *shape, share=0.3):
    return np.where(hits(generator, *shape, share=share), generator.uniform(0.1, 1, shape), 0).astype(np.float32)


@settings(deadline=None)
@given(pairs)
def test_pooled_scores_are_those_of_scikit_learn(pair):
    reference, estimate = (array.ravel() for array in pair)
    scores = metrics.onset_scores(*pair)
    empty = not reference.any() and not estimate.any()
    assert scores.f1 == pytest.approx(1 if empty else f1_score(reference, estimate, zero_division=0))
    assert scores.precision == pytest.approx(1 if empty else precision_score(reference, estimate, zero_division=0))
    assert scores.recall == pytest.approx(1 if empty else recall_score(reference, estimate, zero_division=0))
    assert metrics.onset_f1(*pair) == scores.f1


@settings(deadline=None)
@given(pairs)
def test_scores_per_pattern_are_those_of_scikit_learn_and_1_for_two_empty_ones(pair):
    expected = [f1_score(a.ravel(), b.ravel(), zero_division=1) for a, b in zip(*pair, strict=True)]
    np.testing.assert_allclose(metrics.onset_f1_per_pattern(*pair), expected)


def test_a_value_equal_to_the_threshold_is_a_hit_everywhere(generator):
    reference = hits(generator, 5, 16, 6)
    values = np.where(reference, np.float32(0.3), np.float32(0.29)).astype(np.float32)
    threshold = float(np.float32(0.3))
    played = metrics.played(values, threshold)
    np.testing.assert_array_equal(played > 0, reference)
    np.testing.assert_array_equal(played[0], Pattern.from_grid(values[0], threshold=threshold).velocity)


def test_played_velocities_are_those_of_a_pattern(generator):
    values = generator.random((3, 64, 6), np.float32)
    values[0, 0, 0] = 1e-4
    for threshold in (1e-5, 0.5, 1.0):
        for played, value in zip(metrics.played(values, threshold), values, strict=True):
            np.testing.assert_array_equal(played, Pattern.from_grid(value, threshold=threshold).velocity)


def test_velocity_error_is_taken_over_matched_hits_only(generator):
    reference, estimate = velocities(generator, 7, 64, 6), velocities(generator, 7, 64, 6)
    both = [(a, b) for a, b in zip(reference.ravel(), estimate.ravel(), strict=True) if a > 0 and b > 0]
    error = metrics.velocity_error(reference, estimate)
    assert error.matched == len(both)
    assert error.mae == pytest.approx(mean_absolute_error(*zip(*both, strict=True)))
    assert error.rmse == pytest.approx(root_mean_squared_error(*zip(*both, strict=True)))


def test_velocity_error_without_a_matched_hit_is_undefined():
    reference, estimate = np.zeros((2, 1, 4, 2), np.float32)
    reference[0, 0, 0], estimate[0, 1, 0] = 0.5, 0.5
    error = metrics.velocity_error(reference, estimate)
    assert np.isnan(error.mae)
    assert np.isnan(error.rmse)
    assert error.matched == 0


@pytest.mark.parametrize("at_once", [1, 100, 1 << 22])
def test_the_nearest_neighbour_is_that_of_a_double_loop(generator, monkeypatch, at_once):
    monkeypatch.setattr(metrics, "_PAIRS_AT_ONCE", at_once)
    reference, corpus = hits(generator, 13, 8, 3), hits(generator, 29, 8, 3)
    reference[4] = corpus[17] = corpus[3] = False
    found = metrics.nearest_neighbour(reference, corpus)
    for i, pattern in enumerate(reference):
        scores = [f1_score(pattern.ravel(), other.ravel(), zero_division=1) for other in corpus]
        assert found.f1[i] == pytest.approx(max(scores))
        assert found.indices[i] == next(j for j, score in enumerate(scores) if np.isclose(score, max(scores)))
    assert found.indices[4] == 3
    assert found.f1[4] == 1


def test_a_pattern_never_takes_one_of_its_own_group(generator):
    corpus = hits(generator, 12, 8, 3)
    groups = np.repeat(np.arange(4), 3)
    corpus[1] = corpus[0]
    np.testing.assert_array_equal(metrics.nearest_neighbour(corpus, corpus).indices[[0, 1]], 0)
    itself = np.arange(12)
    assert metrics.nearest_neighbour(corpus, corpus, groups=(itself, itself)).indices[0] == 1
    found = metrics.nearest_neighbour(corpus, corpus, groups=(groups, groups))
    assert not np.any(groups[found.indices] == groups)
    for i in range(12):
        others = [f1_score(corpus[i].ravel(), corpus[j].ravel()) for j in range(12) if groups[j] != groups[i]]
        assert found.f1[i] == pytest.approx(max(others))


def test_a_group_that_holds_the_whole_corpus_is_an_error(generator):
    corpus = hits(generator, 3, 8, 3)
    with pytest.raises(ValueError, match="candidate of another group"):
        metrics.nearest_neighbour(corpus, corpus, groups=(np.zeros(3), np.zeros(3)))


@settings(deadline=None, max_examples=50)
@given(grids)
def test_no_constant_pattern_beats_the_mean_pattern(train):
    found = metrics.mean_pattern(train)
    constants = (np.array(cells, bool).reshape(4, 2) for cells in itertools.product([False, True], repeat=8))
    best = max(metrics.onset_f1(train, np.broadcast_to(constant, train.shape)) for constant in constants)
    assert found.f1 == pytest.approx(best)
    assert metrics.onset_f1(train, np.broadcast_to(found.hits, train.shape)) == pytest.approx(best)
    np.testing.assert_array_equal(found.values, train.mean(axis=0))
    np.testing.assert_array_equal(found.hits, found.values >= found.threshold)


def test_novelty_leaves_out_copies_of_the_data_and_of_the_own_crossfade(generator):
    corpus = hits(generator, 10, 8, 3)
    faded = hits(generator, 2, 5, 8, 3)
    interior = hits(generator, 2, 4, 8, 3)
    interior[0, 1] = corpus[7]
    interior[1, 2] = faded[1, 3]
    interior[1, 3] = faded[0, 3]  # the other transition's crossfade does not count
    expected = np.ones((2, 4), bool)
    expected[0, 1] = expected[1, 2] = False
    np.testing.assert_array_equal(metrics.is_novel(interior, corpus, faded), expected)
    assert metrics.novelty(interior, corpus, faded) == 6 / 8


def test_a_crossfade_is_never_novel_beside_itself(generator):
    start, goal = velocities(generator, 2, 6, 64, 6)
    faded = crossfade(start, goal, 6) >= 0.4
    assert metrics.novelty(faded[:, 1:-1], hits(generator, 5, 64, 6), faded) == 0


def test_smoothness_is_the_hamming_distance_between_neighbours(generator):
    sequences = hits(generator, 3, 6, 64, 6)
    found = metrics.smoothness(sequences)
    assert found.shape == (3, 5)
    for sequence, steps in zip(sequences, found, strict=True):
        flat = sequence.reshape(6, -1)
        np.testing.assert_allclose(steps, np.diag(cdist(flat, flat, "hamming"), 1) * 384)


def test_distance_to_data_is_the_least_of_all_distances(generator):
    patterns, corpus = hits(generator, 4, 3, 64, 6), hits(generator, 50, 64, 6)
    patterns[2, 1] = corpus[11]
    found = metrics.distance_to_data(patterns, corpus)
    assert found.cells.shape == found.f1_loss.shape == (4, 3)
    flat = patterns.reshape(12, -1), corpus.reshape(50, -1)
    np.testing.assert_allclose(found.cells.ravel(), cdist(*flat, "hamming").min(axis=1) * 384)
    np.testing.assert_allclose(found.f1_loss.ravel(), cdist(*flat, "dice").min(axis=1))
    assert found.cells[2, 1] == found.f1_loss[2, 1] == 0


def test_evaluate_gives_every_figure_with_a_definition(generator):
    reference, estimate = velocities(generator, 9, 64, 6), velocities(generator, 9, 64, 6)
    figures = metrics.evaluate(reference, estimate)
    assert figures["onset_f1"].mean == pytest.approx(f1_score((reference > 0).ravel(), (estimate > 0).ravel()))
    each = [f1_score((a > 0).ravel(), (b > 0).ravel()) for a, b in zip(reference, estimate, strict=True)]
    assert figures["onset_f1_per_pattern"].mean == pytest.approx(np.mean(each))
    assert figures["onset_f1_per_pattern"].sd == pytest.approx(np.std(each))
    assert figures["velocity_mae"].mean == metrics.velocity_error(reference, estimate).mae
    assert all(figure.definition for figure in figures.values())
    assert metrics.evaluate(reference, reference)["onset_f1"].mean == 1


def test_yardsticks_leave_the_own_group_out(generator):
    train = hits(generator, 20, 16, 6)
    train[1] = train[0]
    itself, groups = np.arange(20), np.arange(20) // 2
    copied = metrics.evaluate_yardsticks(train, train)
    honest = metrics.evaluate_yardsticks(train, train, groups=(itself, itself))
    honester = metrics.evaluate_yardsticks(train, train, groups=(groups, groups))
    assert copied["neighbour_f1"].mean == 1
    index = metrics.nearest_neighbour(train, train, groups=(itself, itself)).indices
    assert honest["neighbour_f1"].mean == pytest.approx(f1_score(train.ravel(), train[index].ravel()))
    assert honester["neighbour_f1_per_pattern"].mean < honest["neighbour_f1_per_pattern"].mean < 1
    assert copied["mean_pattern_f1"].mean == pytest.approx(metrics.mean_pattern(train).f1)


def test_transitions_are_measured_in_the_interior_and_beside_the_crossfade(generator):
    corpus = hits(generator, 30, 64, 6)
    ends = corpus[:8].reshape(4, 2, 64, 6)
    faded = crossfade(ends[:, 0].astype(np.float32), ends[:, 1].astype(np.float32), 5) > 0
    jumps = np.stack([ends[:, 0], ends[:, 0], ends[:, 0], ends[:, 1], ends[:, 1]], axis=1)
    figures = metrics.evaluate_transitions(jumps, faded, corpus)
    apart = np.count_nonzero(ends[:, 0] != ends[:, 1], axis=(1, 2))
    assert figures["novelty"].mean == 0
    assert figures["interpolation_distance_cells"].mean == 0
    assert figures["interpolation_step_max"].mean == pytest.approx(apart.mean())
    assert figures["interpolation_step_max"].sd == pytest.approx(apart.std())
    assert figures["interpolation_step_mean"].mean == pytest.approx(apart.mean() / 4)
    assert figures["crossfade_step_mean"].mean == pytest.approx(apart.mean() / 4)
    union = np.stack([ends.any(axis=1)] * 3, axis=1)
    assert figures["crossfade_distance_cells"].mean == pytest.approx(metrics.distance_to_data(union, corpus).cells.mean())
    assert figures["crossfade_distance_f1"].mean > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.onset_scores(np.zeros((2, 4, 2), bool), np.zeros((3, 4, 2), bool)), "one shape"),
        (lambda: metrics.onset_scores(np.zeros((2, 4, 2)), np.zeros((2, 4, 2))), "type bool"),
        (lambda: metrics.velocity_error(np.full((1, 4, 2), 127.0), np.zeros((1, 4, 2))), "divide MIDI velocities by 127"),
        (lambda: metrics.velocity_error(np.full((1, 4, 2), np.nan), np.zeros((1, 4, 2))), "in \\[0, 1\\]"),
        (lambda: metrics.onset_scores(np.zeros(4, bool), np.zeros(4, bool)), "steps, lanes"),
        (lambda: metrics.mean_pattern(np.zeros((0, 4, 2), bool)), "at least one training pattern"),
        (lambda: metrics.nearest_neighbour(np.zeros((1, 4, 2), bool), np.zeros((0, 4, 2), bool)), "at least one pattern"),
        (lambda: metrics.nearest_neighbour(np.zeros((1, 4, 2), bool), np.zeros((1, 4, 3), bool)), "same grid"),
        (lambda: metrics.smoothness(np.zeros((1, 4, 2), bool)), "at least 2 points"),
        (lambda: metrics.is_novel(*np.zeros((2, 1, 4, 2), bool), np.zeros((1, 4, 2), bool)), "transitions"),
        (lambda: metrics.evaluate_transitions(*np.zeros((2, 1, 2, 4, 2), bool), np.zeros((1, 4, 2), bool)), "at least 3"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_so(call, message):
    with pytest.raises(ValueError, match=message):
        call()
