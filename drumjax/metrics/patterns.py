"""How well patterns are reconstructed, and how new, smooth and plausible generated ones are.

Conventions:
  - `hits` are bool and `velocity` is float in [0, 1], 0 where there is no hit; both (..., steps, lanes). What a decoder puts out,
    before a threshold has made it either, is called `values`: float in [0, 1] of the same shape; `played` applies the threshold.
  - A cell is one step of one lane: (64, 6) has 384. A hit is found when reference and estimate hit the same cell; there is no
    tolerance in time, for grids are quantised.
  - Onset scores are pooled over all cells of all patterns (micro average) unless a name ends in `_per_pattern`. An empty estimate
    of an empty reference scores 1; any other quotient with nothing under it is 0.
  - Distances between patterns are Hamming distances of hits, counted in cells; velocities do not count.
  - A transition is a sequence of patterns, both ends included (`points` of them); its interior is what lies between the ends.

Sources: Off the Beaten Track names reconstruction ("D(z0) ≈ xs"), novelty and the respect for the data's distribution (Sec.
"Pattern novelty") without giving numbers; the measures and the yardsticks here are our decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from drumjax.metrics.report import Figure, over_items
from drumjax.patterns.pattern import LEAST_VELOCITY

_PAIRS_AT_ONCE = 1 << 22
"""How many pairs of patterns are compared at a time: their float64 scores fill 32 MiB."""


class OnsetScores(NamedTuple):
    """Pooled over all cells, each in [0, 1]."""

    f1: float
    precision: float
    recall: float


class VelocityError(NamedTuple):
    """Over matched hits, in units of velocity [0, 1]; NaN when no hit matches.

    Attributes:
      mae: mean absolute error.
      rmse: root of the mean squared error.
      matched: number of matched hits.
    """

    mae: float
    rmse: float
    matched: int


class Neighbours(NamedTuple):
    """The strongest copies.

    Attributes:
      indices: int64 (n,), the place in the corpus of the pattern with the best onset F1; of several, the first.
      f1: float64 (n,), its onset F1.
    """

    indices: np.ndarray
    f1: np.ndarray


class MeanPattern(NamedTuple):
    """The one pattern that serves a whole set best.

    Attributes:
      values: float64 (steps, lanes), the share of patterns with a hit in the cell.
      threshold: the share from which on a cell is a hit; above 1 for a set without hits, which no hit at all serves best.
      hits: bool (steps, lanes).
      f1: the pooled onset F1 on the set itself.
    """

    values: np.ndarray
    threshold: float
    hits: np.ndarray
    f1: float


class Distances(NamedTuple):
    """To the nearest pattern of the data, by each measure separately.

    Attributes:
      cells: int64 (...,), the least Hamming distance, in cells.
      f1_loss: float64 (...,), 1 - the best onset F1, in [0, 1].
    """

    cells: np.ndarray
    f1_loss: np.ndarray


def validate(reference: np.ndarray, estimate: np.ndarray) -> None:
    """Checks that two arrays can be compared cell by cell.

    Raises:
      ValueError: for different shapes, fewer than two axes, or numbers outside [0, 1].
    """
    if reference.shape != estimate.shape:
        raise ValueError(f"expected reference and estimate of one shape, found {reference.shape} and {estimate.shape}")
    if reference.ndim < 2:
        raise ValueError(f"expected grids (..., steps, lanes), found the shape {reference.shape}")
    for name, array in (("reference", reference), ("estimate", estimate)):
        if array.dtype != bool and array.size and not (array.min() >= 0 and array.max() <= 1):
            raise ValueError(f"expected the {name} in [0, 1], found {array.min()} to {array.max()}; divide MIDI velocities by 127")


def validate_hits(*arrays: np.ndarray) -> None:
    """Checks that arrays are hits.

    Raises:
      ValueError: for anything but bool; velocities become hits as `velocity > 0`, a decoder's values as `values >= threshold`.
    """
    for array in arrays:
        if array.dtype != bool:
            raise ValueError(f"expected hits of type bool, found {array.dtype}; apply a threshold first")


def played(values: np.ndarray, threshold: float) -> np.ndarray:
    """What is heard of a decoder's output: the rule of `Pattern.from_grid`, for arrays of any shape.

    Args:
      values: float in [0, 1].
      threshold: the least value that is a hit.

    Returns:
      Velocity, float32 of the same shape: at least 1/127 where the value reaches the threshold, 0 elsewhere.
    """
    values = np.asarray(values, np.float32)
    return np.where(values >= np.float32(threshold), np.clip(values, LEAST_VELOCITY, 1), np.float32(0))


# -- Reconstruction ------------------------------------------------------------------------------------------------------------


def onset_scores(reference: np.ndarray, estimate: np.ndarray) -> OnsetScores:
    """Precision, recall and F1 = 2 TP / (2 TP + FP + FN), pooled.

    Args:
      reference: hits, bool (..., steps, lanes).
      estimate: hits of the same shape.
    """
    validate(reference, estimate)
    validate_hits(reference, estimate)
    found, there, played_ = (int(np.count_nonzero(hits)) for hits in (reference & estimate, reference, estimate))
    if there == played_ == 0:
        return OnsetScores(1.0, 1.0, 1.0)
    return OnsetScores(f1=2 * found / (there + played_), precision=found / max(played_, 1), recall=found / max(there, 1))


def onset_f1(reference: np.ndarray, estimate: np.ndarray) -> float:
    """The pooled onset F1; see `onset_scores`."""
    return onset_scores(reference, estimate).f1


def onset_f1_per_pattern(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """The onset F1 of every pattern by itself.

    Args:
      reference: hits, bool (..., steps, lanes).
      estimate: hits of the same shape.

    Returns:
      float64 (...,); 1 for two empty patterns.
    """
    validate(reference, estimate)
    validate_hits(reference, estimate)
    found = np.count_nonzero(reference & estimate, axis=(-2, -1))
    return _f1(found, np.count_nonzero(reference, axis=(-2, -1)) + np.count_nonzero(estimate, axis=(-2, -1)))


def velocity_error(reference: np.ndarray, estimate: np.ndarray) -> VelocityError:
    """How far the velocities of matched hits are apart.

    Args:
      reference: velocity, float (..., steps, lanes), 0 where there is no hit.
      estimate: velocity of the same shape, 0 where there is no hit: after the threshold (`played`), not before.
    """
    validate(reference, estimate)
    matched = (reference > 0) & (estimate > 0)
    if not matched.any():
        return VelocityError(np.nan, np.nan, 0)
    error = estimate[matched].astype(np.float64) - reference[matched]
    return VelocityError(float(np.abs(error).mean()), float(np.sqrt((error**2).mean())), int(matched.sum()))


# -- Yardsticks ----------------------------------------------------------------------------------------------------------------


def nearest_neighbour(
    reference: np.ndarray, corpus: np.ndarray, *, groups: tuple[np.ndarray, np.ndarray] | None = None
) -> Neighbours:
    """For every pattern the one of the corpus that would reconstruct it best: the strongest copy, chosen knowing the answer.

    Args:
      reference: hits, bool (n, steps, lanes).
      corpus: hits, bool (m, steps, lanes).
      groups: group ids of the reference (n,) and of the corpus (m,); a pattern never takes one of its own group. With
        `np.arange(n)` twice, patterns of a corpus leave only themselves out.

    Raises:
      ValueError: for grids of different shapes, or a pattern to which its group leaves no candidate.
    """
    validate_hits(reference, corpus)
    indices, f1 = np.empty(len(reference), np.int64), np.empty(len(reference))
    for rows, found, total in _Pairs(reference, corpus):
        scores = _f1(found, total)
        if groups is not None:
            scores[np.asarray(groups[0])[rows, None] == np.asarray(groups[1])[None, :]] = -1
        indices[rows] = scores.argmax(axis=1)
        f1[rows] = scores.max(axis=1)
    if np.any(f1 < 0):
        raise ValueError("expected for every pattern a candidate of another group, found one whose group holds the whole corpus")
    return Neighbours(indices, f1)


def mean_pattern(train: np.ndarray) -> MeanPattern:
    """The constant answer of the best pooled onset F1: cells that are hit in a large enough share of patterns.

    No constant pattern does better on `train` than the best threshold on these shares, and every threshold is tried.

    Args:
      train: hits, bool (n, steps, lanes), n at least 1.
    """
    validate_hits(train)
    if not len(train):
        raise ValueError("expected at least one training pattern, found none")
    counts = np.count_nonzero(train, axis=0)
    levels = np.append(np.unique(counts), len(train) + 1)
    found = np.array([counts[counts >= level].sum() for level in levels])
    total = counts.sum() + len(train) * np.array([np.count_nonzero(counts >= level) for level in levels])
    f1 = _f1(found, total)
    level = levels[f1.argmax()]
    return MeanPattern(counts / len(train), float(level / len(train)), counts >= level, float(f1.max()))


# -- Transitions ---------------------------------------------------------------------------------------------------------------


def is_novel(interior: np.ndarray, corpus: np.ndarray, crossfade: np.ndarray) -> np.ndarray:
    """Which patterns are neither in the data nor in the crossfade of the same transition (Sec. "Pattern novelty").

    Two patterns are the same when all their hits are.

    Args:
      interior: hits, bool (transitions, points, steps, lanes): the generated patterns without the ends.
      corpus: hits, bool (m, steps, lanes): the training patterns.
      crossfade: hits, bool (transitions, any number, steps, lanes): the crossfades between the same ends, ends included.

    Returns:
      bool (transitions, points).
    """
    validate_hits(interior, corpus, crossfade)
    if interior.ndim != 4 or crossfade.ndim != 4 or len(interior) != len(crossfade) or interior.shape[2:] != crossfade.shape[2:]:
        raise ValueError(
            f"expected interior and crossfade (transitions, points, steps, lanes) of the same transitions and grids, "
            f"found {interior.shape} and {crossfade.shape}"
        )
    known = set(_keys(corpus))
    faded = [set(_keys(sequence)) for sequence in crossfade]
    novel = [[key not in known and key not in fade for key in _keys(points)] for points, fade in zip(interior, faded, strict=True)]
    return np.array(novel, bool).reshape(interior.shape[:2])


def novelty(interior: np.ndarray, corpus: np.ndarray, crossfade: np.ndarray) -> float:
    """The share of new patterns among the interior points of transitions, in [0, 1]; see `is_novel`. NaN for no points."""
    novel = is_novel(interior, corpus, crossfade)
    return float(novel.mean()) if novel.size else float("nan")


def smoothness(sequence: np.ndarray) -> np.ndarray:
    """How much changes from one pattern to the next.

    Args:
      sequence: hits, bool (..., points, steps, lanes), ends included, at least 2 points.

    Returns:
      int64 (..., points - 1): the Hamming distances between neighbours, in cells. Less is smoother; their sum can not be less than
      the distance between the ends, so a sequence is smoothest when it spreads that evenly.
    """
    validate_hits(sequence)
    if sequence.ndim < 3 or sequence.shape[-3] < 2:
        raise ValueError(f"expected sequences (..., points, steps, lanes) of at least 2 points, found the shape {sequence.shape}")
    return np.count_nonzero(sequence[..., 1:, :, :] != sequence[..., :-1, :, :], axis=(-2, -1))


def distance_to_data(patterns: np.ndarray, corpus: np.ndarray) -> Distances:
    """How far patterns lie from the nearest of the data.

    Args:
      patterns: hits, bool (..., steps, lanes).
      corpus: hits, bool (m, steps, lanes).
    """
    validate_hits(patterns, corpus)
    flat = patterns.reshape(-1, *patterns.shape[-2:])
    cells, f1_loss = np.empty(len(flat), np.int64), np.empty(len(flat))
    for rows, found, total in _Pairs(flat, corpus):
        cells[rows] = (total - 2 * found).min(axis=1)
        f1_loss[rows] = 1 - _f1(found, total).max(axis=1)
    shape = patterns.shape[:-2]
    return Distances(cells.reshape(shape), f1_loss.reshape(shape))


# -- Everything at once --------------------------------------------------------------------------------------------------------


def evaluate(reference: np.ndarray, estimate: np.ndarray) -> dict[str, Figure]:
    """All figures of reconstruction.

    Args:
      reference: velocity, float (n, steps, lanes), 0 where there is no hit.
      estimate: velocity of the same shape after the threshold (`played`).
    """
    validate(reference, estimate)
    there, found = reference > 0, estimate > 0
    scores, error = onset_scores(there, found), velocity_error(reference, estimate)
    return {
        "onset_f1": Figure(scores.f1, "2 TP / (2 TP + FP + FN) of hits, pooled over all cells of all patterns"),
        "onset_precision": Figure(scores.precision, "share of the reconstruction's hits that the pattern has too, pooled"),
        "onset_recall": Figure(scores.recall, "share of the patterns' hits that the reconstruction has too, pooled"),
        "onset_f1_per_pattern": over_items(
            onset_f1_per_pattern(there, found), "onset F1 of each pattern by itself, mean and standard deviation over patterns"
        ),
        "velocity_mae": Figure(error.mae, "mean absolute error of velocity [0, 1] over hits that pattern and reconstruction share"),
        "velocity_rmse": Figure(error.rmse, "root of the mean squared error of velocity [0, 1] over the same hits"),
    }


def evaluate_yardsticks(
    reference: np.ndarray, train: np.ndarray, *, groups: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, Figure]:
    """What reconstructions have to beat: a copy from the training set, and one pattern for all.

    Args:
      reference: hits, bool (n, steps, lanes).
      train: hits, bool (m, steps, lanes): the training patterns.
      groups: as for `nearest_neighbour`; needed where the reference patterns are training patterns themselves. Where all training
        patterns are of one group, and reference patterns are too, the copies' figures are NaN.
    """
    constant = np.broadcast_to(mean_pattern(train).hits, reference.shape)
    left_out = " that is of another group" if groups is not None else ""
    neighbour = f"for each pattern the training pattern{left_out} with the best onset F1, chosen knowing the answer"
    pooled, each = math.nan, np.empty(0)
    if groups is not None and len(np.unique(groups[1])) == 1 and np.isin(groups[0], groups[1]).any():
        neighbour += "; undefined here, for all training patterns are of one group"
    else:
        neighbours = nearest_neighbour(reference, train, groups=groups)
        pooled, each = onset_f1(reference, train[neighbours.indices]), neighbours.f1
    return {
        "neighbour_f1": Figure(pooled, f"pooled onset F1 of copies, {neighbour}"),
        "neighbour_f1_per_pattern": over_items(
            each, f"onset F1 of copies, mean and standard deviation over patterns; copies are {neighbour}"
        ),
        "mean_pattern_f1": Figure(
            onset_f1(reference, constant), "pooled onset F1 of the one constant pattern that does best on the training set"
        ),
        "mean_pattern_f1_per_pattern": over_items(
            onset_f1_per_pattern(reference, constant),
            "onset F1 of that constant pattern, mean and standard deviation over patterns",
        ),
    }


def evaluate_transitions(interpolations: np.ndarray, crossfades: np.ndarray, corpus: np.ndarray) -> dict[str, Figure]:
    """All figures of transitions, the interpolation's beside the crossfade's.

    Args:
      interpolations: hits, bool (transitions, points, steps, lanes), ends included, at least 3 points.
      crossfades: hits, bool of the same shape: the crossfades between the same ends. What counts as a hit while it fades is the
        caller's choice and belongs beside the figures: everything that sounds makes the interior the union of both ends, a
        threshold lets hits come and go one by one.
      corpus: hits, bool (m, steps, lanes): the training patterns.
    """
    validate(interpolations, crossfades)
    if interpolations.ndim != 4 or interpolations.shape[1] < 3:
        raise ValueError(
            f"expected transitions (transitions, points, steps, lanes) of at least 3 points, found {interpolations.shape}"
        )
    figures = {
        "novelty": over_items(
            is_novel(interpolations[:, 1:-1], corpus, crossfades).mean(axis=1),
            "share of a transition's interior patterns whose hits equal no training pattern's and none of its crossfade's, "
            "mean and standard deviation over transitions",
        )
    }
    for name, sequences in (("interpolation", interpolations), ("crossfade", crossfades)):
        steps, away = smoothness(sequences), distance_to_data(sequences[:, 1:-1], corpus)
        figures |= {
            f"{name}_step_mean": over_items(
                steps.mean(axis=1),
                f"cells whose hit changes from one pattern of the {name} to the next: mean over a transition's steps, "
                "mean and standard deviation over transitions",
            ),
            f"{name}_step_max": over_items(
                steps.max(axis=1),
                f"cells whose hit changes in the largest step of the {name}, mean and standard deviation over transitions",
            ),
            f"{name}_distance_cells": over_items(
                away.cells,
                f"Hamming distance in cells from the interior patterns of the {name} to the nearest training pattern, "
                "mean and standard deviation over patterns",
            ),
            f"{name}_distance_f1": over_items(
                away.f1_loss,
                f"1 - onset F1 between the interior patterns of the {name} and the nearest training pattern, "
                "mean and standard deviation over patterns",
            ),
        }
    return figures


class _Pairs:
    """All pairs of two sets of patterns, some rows at a time: (rows, matched hits, hits of both together), float64 (rows, m).

    A matrix product of hits counts the matches, exactly, for a float32 holds every whole number up to 2^24.
    """

    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        if left.ndim != 3 or right.ndim != 3 or left.shape[1:] != right.shape[1:]:
            raise ValueError(f"expected two sets (n, steps, lanes) of the same grid, found {left.shape} and {right.shape}")
        if not len(right):
            raise ValueError("expected at least one pattern to compare with, found none")
        self.left = left.reshape(len(left), -1).astype(np.float32)
        self.right = right.reshape(len(right), -1).astype(np.float32)

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        rows_at_once = max(1, _PAIRS_AT_ONCE // len(self.right))
        right_hits = self.right.sum(axis=1, dtype=np.float64)
        for first in range(0, len(self.left), rows_at_once):
            rows = slice(first, first + rows_at_once)
            left = self.left[rows]
            yield rows, (left @ self.right.T).astype(np.float64), left.sum(axis=1, dtype=np.float64)[:, None] + right_hits


def _f1(found: np.ndarray, total: np.ndarray) -> np.ndarray:
    """2 `found` / `total`, where `total` is the hits of both together; 1 where there is none in either."""
    return np.where(total == 0, 1.0, 2.0 * found / np.maximum(total, 1))


def _keys(hits: np.ndarray) -> list[bytes]:
    """What tells patterns (n, steps, lanes) apart."""
    return [row.tobytes() for row in np.packbits(hits.reshape(len(hits), -1), axis=1)]
