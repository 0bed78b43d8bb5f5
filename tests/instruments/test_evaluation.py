"""The suite of figures: every number again by hand on a small set, and how transitions are drawn."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest
import sklearn.metrics

from drumjax.datasets.load import load_patterns
from drumjax.instruments import evaluation
from drumjax.instruments.evaluation import MOST_TRANSITIONS, draw_ends
from drumjax.metrics import generation
from drumjax.metrics.report import Figure
from drumjax.patterns import Pattern

Splits = dict[str, dict[str, np.ndarray]]
GENRES = ("idm", "electro", "techno")
EACH, MEASURES = 2, 5
SCORES = (sklearn.metrics.precision_score, sklearn.metrics.recall_score)


@pytest.fixture(scope="module")
def splits() -> Splits:
    """40 training and 9 test patterns of three genres."""
    whole = load_patterns("embedded").splits
    chosen = {"train": slice(None, None, 40), "test": slice(None, None, 10)}
    return {split: {name: array[part] for name, array in whole[split].items()} for split, part in chosen.items()}


@pytest.fixture(scope="module")
def measured(tiny, splits) -> Any:
    return evaluation.evaluate(tiny, splits, GENRES, "test", transitions_each=EACH, measures=MEASURES, seed=3)


def f1(reference: np.ndarray, estimate: np.ndarray) -> float:
    return sklearn.metrics.f1_score(np.ravel(reference), np.ravel(estimate), zero_division=1)


def reconstructed(tiny, velocity: np.ndarray) -> np.ndarray:
    return np.stack([pattern.velocity for pattern in tiny.reconstruct([Pattern.from_grid(grid) for grid in velocity])])


def test_reconstruction_is_measured_at_the_stored_threshold(tiny, splits, measured) -> None:
    reference = splits["test"]["velocity"]
    estimate = reconstructed(tiny, reference)
    figures = measured.figures
    assert figures["onset_f1"].mean == pytest.approx(f1(reference > 0, estimate > 0))
    precision, recall = (score(np.ravel(reference > 0), np.ravel(estimate > 0)) for score in SCORES)
    assert (figures["onset_precision"].mean, figures["onset_recall"].mean) == pytest.approx((precision, recall))
    each = [f1(one > 0, other > 0) for one, other in zip(reference, estimate, strict=True)]
    assert figures["onset_f1_per_pattern"].mean == pytest.approx(np.mean(each))
    assert figures["onset_f1_per_pattern"].sd == pytest.approx(np.std(each))
    both = (reference > 0) & (estimate > 0)
    assert figures["velocity_mae"].mean == pytest.approx(np.abs(reference - estimate)[both].mean(), rel=1e-5)
    for index, genre in enumerate(GENRES):
        where = splits["test"]["genre"] == index
        assert figures[f"onset_f1 {genre}"].mean == pytest.approx(f1(reference[where] > 0, estimate[where] > 0))


def test_yardsticks_are_the_best_copy_and_the_best_constant(splits, measured) -> None:
    reference, corpus = splits["test"]["velocity"] > 0, splits["train"]["velocity"] > 0
    scores = np.array([[f1(one, other) for other in corpus] for one in reference])
    figures = measured.figures
    assert figures["neighbour_f1_per_pattern"].mean == pytest.approx(scores.max(axis=1).mean())
    assert figures["neighbour_f1"].mean == pytest.approx(f1(reference, corpus[scores.argmax(axis=1)]))
    share = corpus.mean(axis=0)
    constants = [share >= level for level in np.unique(share)]
    best = max(constants, key=lambda constant: f1(corpus, np.broadcast_to(constant, corpus.shape)))
    assert figures["mean_pattern_f1"].mean == pytest.approx(f1(reference, np.broadcast_to(best, reference.shape)))
    assert figures["gain_over_neighbour"].mean == pytest.approx(figures["onset_f1"].mean - figures["neighbour_f1"].mean)


def test_on_the_training_split_no_pattern_is_copied_from_its_own_group(tiny, splits) -> None:
    train = splits["train"]
    grouped = {**splits, "train": {**train, "group": np.array([f"group {i // 2}" for i in range(len(train["group"]))])}}
    figures = evaluation.evaluate(tiny, grouped, GENRES, "train", transitions_each=1).figures
    hits = train["velocity"] > 0
    scores = np.array(
        [
            [-1.0 if i // 2 == j // 2 else 2 * (a & b).sum() / (a.sum() + b.sum()) for j, b in enumerate(hits)]
            for i, a in enumerate(hits)
        ]
    )
    assert figures["neighbour_f1_per_pattern"].mean == pytest.approx(scores.max(axis=1).mean())


def test_transitions_are_the_instruments_own_and_measured_by_hand(tiny, splits, measured) -> None:
    corpus = splits["train"]["velocity"] > 0
    known = {pattern.tobytes() for pattern in corpus}
    new, jumps, away = [], [], []
    for transition in measured.transitions:
        interpolation = np.stack([pattern.hits for pattern in transition.interpolation])
        crossfade = np.stack([pattern.hits for pattern in transition.crossfade])
        assert interpolation.shape == crossfade.shape == (MEASURES, 64, 6)
        faded = {pattern.tobytes() for pattern in crossfade}
        new.append(np.mean([point.tobytes() not in known | faded for point in interpolation[1:-1]]))
        jumps.append(np.mean([(a != b).sum() for a, b in itertools.pairwise(crossfade)]))
        away += [min((point != other).sum() for other in corpus) for point in interpolation[1:-1]]
    figures = measured.figures
    assert figures["novelty"].mean == pytest.approx(np.mean(new))
    assert (figures["crossfade_step_mean"].mean, figures["crossfade_step_mean"].sd) == pytest.approx(
        (np.mean(jumps), np.std(jumps))
    )
    assert figures["interpolation_distance_cells"].mean == pytest.approx(np.mean(away))
    first = measured.transitions[0]
    start, goal = (Pattern.from_grid(first.crossfade[i].velocity) for i in (0, -1))
    for one, other in zip(first.interpolation, tiny.interpolate(start, goal, MEASURES - 1), strict=True):
        np.testing.assert_array_equal(one.hits, other.hits)


def test_every_pair_of_genres_has_its_own_figures(measured) -> None:
    pairs = Counter(transition.genres for transition in measured.transitions)
    assert set(pairs) == {(a, b) for a in GENRES for b in GENRES}
    names = {f"{a}→{b}" for a, b in pairs}
    assert {name.rpartition(" ")[2] for name in measured.figures if "→" in name} == names
    steps = [
        np.mean([(a.hits != b.hits).sum() for a, b in itertools.pairwise(t.interpolation)])
        for t in measured.transitions
        if t.genres == ("idm", "techno")
    ]
    assert measured.figures["interpolation_step_mean idm→techno"].mean == pytest.approx(np.mean(steps))


def test_the_same_seed_draws_the_same_transitions_and_another_others() -> None:
    genre = np.repeat([0, 1, 2], 20)
    assert draw_ends(genre, 3, 4, 7) == draw_ends(genre, 3, 4, 7)
    assert draw_ends(genre, 3, 4, 7) != draw_ends(genre, 3, 4, 8)


@pytest.mark.parametrize("each", [1, 5, 1000])
def test_ends_differ_and_are_spread_over_all_ordered_pairs_of_genres(each) -> None:
    genre = np.array([0, 1, 0, 1, 1, 2])  # two, three and one; a genre 3 that no pattern has
    ends = draw_ends(genre, 4, each, 0)
    assert len(set(ends)) == len(ends)
    assert all(a != b for a, b in ends)
    sizes = {0: 2, 1: 3, 2: 1}
    counts = Counter((int(genre[a]), int(genre[b])) for a, b in ends)
    for a, n in sizes.items():
        for b, m in sizes.items():
            assert counts[a, b] == min(each, n * (n - 1) if a == b else n * m)


def test_of_very_many_pairs_so_many_are_drawn_from_all_genres() -> None:
    genre = np.repeat(np.arange(30), 3)
    ends = draw_ends(genre, 30, 2, 0)
    assert len(ends) == MOST_TRANSITIONS
    assert {int(genre[a]) for a, _ in ends} == set(range(30))


def test_of_large_genres_ends_are_drawn_in_little_memory() -> None:
    tracemalloc.start()
    ends = draw_ends(np.repeat([0, 1], 20_000), 2, 50, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert len(set(ends)) == 4 * 50
    assert Counter((a // 20_000, b // 20_000) for a, b in ends) == dict.fromkeys(itertools.product((0, 1), repeat=2), 50)
    assert np.std([a % 20_000 for a, _ in ends]) > 4000


def test_the_figure_on_training_patterns_is_their_reconstruction(tiny, splits, measured) -> None:
    train = splits["train"]["velocity"]
    assert measured.figures[evaluation.ON_TRAIN].mean == pytest.approx(f1(train > 0, reconstructed(tiny, train) > 0))


@pytest.mark.parametrize(
    ("own", "copy", "train", "held_out", "says"),
    [
        (0.7, 0.8, 0.97, True, "worse than the best copy from the split train, by 0.100 in onset F1, at 0.700 against 0.800."),
        (0.7, 0.8, 0.97, None, "at 0.970: the code has room for such patterns; what the model lacks is generalisation"),
        (0.7, 0.8, 0.75, True, "at 0.750, no better than those copies: already what it was trained on does not pass through"),
        (0.7, 0.8, 0.75, None, "It reconstructs the split train at 0.750."),
        (0.9, 0.8, 0.97, True, "better than the best copy from the split train, by 0.100"),
        (0.9, np.nan, 0.97, True, "there is no copy to compare it with."),
        (0.9, 0.8, None, False, "at 0.900 against 0.800."),
    ],
)
def test_the_verdict_gives_the_reason_that_the_figures_support(own, copy, train, held_out, says) -> None:
    values = {"onset_f1": own, "neighbour_f1": copy, "gain_over_neighbour": own - copy, evaluation.ON_TRAIN: train}
    figures = {name: Figure(value, "") for name, value in values.items() if value is not None}
    said = evaluation.verdict(figures, "test", 9, held_out)
    assert said.startswith("On the split test (9 patterns) the model reconstructs ")
    assert says in said
    assert ("generalisation" in said) == (own < copy < (train or 0))


def test_one_pattern_has_no_transitions_and_no_figures_of_them(tiny, splits) -> None:
    alone = {**splits, "test": {name: array[:1] for name, array in splits["test"].items()}}
    result = evaluation.evaluate(tiny, alone, GENRES, "test")
    assert result.transitions == []
    assert "novelty" not in result.figures
    assert result.figures["onset_f1"].mean == result.figures["onset_f1_per_pattern"].mean


def test_generated_patterns_are_measured_beside_held_out_ones(tiny, splits) -> None:
    result = evaluation.evaluate_generation(tiny, splits, GENRES, "test", sets=2, seed=4)
    n = len(splits["test"]["velocity"])
    assert result.sets.shape == (2, n, 64, 6)
    for i, made in enumerate(result.sets):
        np.testing.assert_array_equal(made, [pattern.hits for pattern in tiny.sample(n, 4 + i)])
    train, test = (splits[split]["velocity"] > 0 for split in ("train", "test"))
    expected = generation.evaluate(list(result.sets), train, splits["train"]["genre"], GENRES, test, seed=4)
    assert result.figures == expected
    said = evaluation.verdict_on_generation(result.figures, "test")
    for name in ("distance_to_data", "distance_to_data of held-out patterns", "distance_to_data of independent cells"):
        assert f"{expected[name].mean:.1f}" in said


def test_of_large_splits_some_patterns_are_measured(tiny, splits, monkeypatch) -> None:
    monkeypatch.setattr(evaluation, "MOST_IN_SET", 5)
    monkeypatch.setattr(evaluation, "MOST_KNOWN", 20)
    result = evaluation.evaluate_generation(tiny, splits, GENRES, "test", sets=1)
    assert (result.sets.shape[1], len(result.held_out), len(result.train)) == (5, 5, 20)
    known = {grid.tobytes() for grid in splits["train"]["velocity"] > 0}
    assert len({grid.tobytes() for grid in result.train} & known) == 20
