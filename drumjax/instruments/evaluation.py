"""What a pattern instrument can do, in figures: the suite `patterns` of `drumjax evaluate`.

Reconstruction and what it has to beat; transitions beside crossfades (Off the Beaten Track, "Pattern novelty" and "Crossfading vs.
interpolation in the representation space"), over all and for each ordered pair of genres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drumjax.instruments.pattern import PatternInstrument
from drumjax.metrics import patterns as metrics
from drumjax.metrics.report import Figure
from drumjax.patterns import Pattern

MOST_TRANSITIONS = 400
"""Data of many genres have many pairs of genres: so many transitions are drawn from all of them."""
MOST_GENRES = 6
"""Figures for each pair of genres are given up to so many genres; 40 genres would have 14,400 of them."""
MEASURES = 6
"""The length of the transitions of the identification experiment (Sec. "Identification experiment")."""


class Transition(NamedTuple):
    """A start, a goal and what leads from one to the other.

    Attributes:
      genres: the genres of start and goal.
      interpolation: the patterns through the space of codes, ends included.
      crossfade: the patterns of the crossfade between the same ends.
    """

    genres: tuple[str, str]
    interpolation: list[Pattern]
    crossfade: list[Pattern]


class Evaluation(NamedTuple):
    """Attributes: `figures` by name, over all genres and by genre pair; `transitions`, what they were measured on."""

    figures: dict[str, Figure]
    transitions: list[Transition]


def draw_ends(genre: np.ndarray, count: int, each: int, seed: int) -> list[tuple[int, int]]:
    """`each` pairs of different patterns for every ordered pair of genres, a genre with itself included.

    Args:
      genre: int (n,), the genre of each pattern.
      count: how many genres there are.
      each: pairs for a pair of genres; fewer where a genre has too few patterns for different ones.
      seed: of the draw.

    Returns:
      Indices of starts and goals, at most `MOST_TRANSITIONS`. A genre without patterns takes no part.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(genre == g) for g in range(count)]
    ends: list[tuple[int, int]] = []
    for first in members:
        for last in members:
            order = rng.permutation(len(first) * len(last))
            starts, goals = first[order // max(len(last), 1)], last[order % max(len(last), 1)]
            differ = starts != goals
            ends += zip(starts[differ][:each].tolist(), goals[differ][:each].tolist(), strict=True)
    return [ends[i] for i in sorted(rng.permutation(len(ends))[:MOST_TRANSITIONS])]


def make_transitions(
    instrument: PatternInstrument, patterns: Sequence[Pattern], ends: Sequence[tuple[int, int]], measures: int = MEASURES
) -> list[Transition]:
    """The interpolation and the crossfade between each pair of patterns."""
    return [
        Transition(
            (patterns[a].genre, patterns[b].genre),
            instrument.interpolate(patterns[a], patterns[b], measures - 1),
            instrument.crossfade(patterns[a], patterns[b], measures - 1),
        )
        for a, b in ends
    ]


def evaluate(
    instrument: PatternInstrument,
    splits: Mapping[str, Mapping[str, np.ndarray]],
    genres: Sequence[str],
    split: str,
    *,
    transitions_each: int = 10,
    measures: int = MEASURES,
    seed: int = 0,
) -> Evaluation:
    """All figures of the suite `patterns`.

    In a crossfade every velocity that sounds is a hit, as in its MIDI file: between its ends lie patterns with the hits of both.

    Args:
      instrument: what is measured, at its own stored threshold.
      splits: prepared data: for each split `velocity` (n, steps, lanes), `genre` (n,), `group` (n,), `name` (n,).
      genres: the names of the genres.
      split: the split that is measured; the split `train` is the data that yardsticks copy from. Where `split` is `train` itself,
        a pattern may not be copied from its own group.
      transitions_each: transitions for every ordered pair of genres.
      measures: patterns of a transition, ends included.
      seed: of the choice of transitions.
    """
    chosen, train = splits[split], splits["train"]
    reference, corpus = chosen["velocity"], train["velocity"] > 0
    estimate = metrics.played(instrument.reconstruct_values(reference), instrument.threshold)
    groups = (chosen["group"], train["group"]) if split == "train" else None
    figures = metrics.evaluate(reference, estimate)
    figures |= metrics.evaluate_yardsticks(reference > 0, corpus, groups=groups)
    figures["gain_over_neighbour"] = Figure(
        figures["onset_f1"].mean - figures["neighbour_f1"].mean,
        "onset_f1 - neighbour_f1: positive where the model reconstructs better than the best copy from the training set",
    )
    for index, genre in enumerate(genres):
        where = chosen["genre"] == index
        if where.any():
            f1 = metrics.onset_f1(reference[where] > 0, estimate[where] > 0)
            figures[f"onset_f1 {genre}"] = Figure(f1, f"onset_f1 over the {int(where.sum())} patterns of the genre {genre}")
    patterns = [
        Pattern.from_grid(grid, drum_map=instrument.drum_map, name=str(name), genre=genres[genre])
        for grid, name, genre in zip(reference, chosen["name"], chosen["genre"], strict=True)
    ]
    ends = draw_ends(chosen["genre"], len(genres), transitions_each, seed)
    made = make_transitions(instrument, patterns, ends, measures)
    if made:
        figures |= _transition_figures(made, corpus)
        if 1 < len(genres) <= MOST_GENRES:
            for pair in dict.fromkeys(transition.genres for transition in made):
                part = [transition for transition in made if transition.genres == pair]
                figures |= {f"{name} {pair[0]}→{pair[1]}": figure for name, figure in _transition_figures(part, corpus).items()}
    return Evaluation(figures, made)


def _transition_figures(transitions: Sequence[Transition], corpus: np.ndarray) -> dict[str, Figure]:
    interpolations = np.stack([[pattern.hits for pattern in transition.interpolation] for transition in transitions])
    crossfades = np.stack([[pattern.hits for pattern in transition.crossfade] for transition in transitions])
    return metrics.evaluate_transitions(interpolations, crossfades, corpus)
