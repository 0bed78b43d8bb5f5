"""What a pattern instrument can do, in figures: the suites `patterns` and `generation` of `drumjax evaluate`.

`generation` asks of any instrument how good the patterns are that it makes from noise. `patterns` is for one with an encoder:
reconstruction and what it has to beat; transitions beside crossfades (Off the Beaten Track, "Pattern novelty" and "Crossfading vs.
interpolation in the representation space"), over all and for each ordered pair of genres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from drumjax.instruments.pattern import PatternInstrument
from drumjax.metrics import generation
from drumjax.metrics import patterns as metrics
from drumjax.metrics.report import Figure
from drumjax.patterns import Pattern

MOST_TRANSITIONS = 400
"""Data of many genres have many pairs of genres: so many transitions are drawn from all of them."""
MOST_MEMBERS = 1024
"""Of a larger genre the ends are drawn from so many of its patterns, themselves drawn: a million pairs to choose from."""
MOST_GENRES = 6
"""Figures for each pair of genres are given up to so many genres; 40 genres would have 14,400 of them."""
ON_TRAIN = "onset_f1_on_train"
"""The figure that tells what the code has room for from what the model has learned to generalise."""
SETS = 10
"""So many sets of generated patterns are measured, each as large as the held-out split."""
MOST_IN_SET, MOST_KNOWN = 1000, 4000
"""Of larger splits so many patterns are drawn, held out and to compare with: all their pairs are compared, in 64 MB at a time."""
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
    # All pairs of two genres are written down to draw from them: of 20,000 patterns each that would be gigabytes.
    members = [rng.choice(part, MOST_MEMBERS, replace=False) if len(part) > MOST_MEMBERS else part for part in members]
    ends: list[tuple[int, int]] = []
    for first in members:
        for last in members:
            order = rng.permutation(len(first) * len(last))
            starts, goals = first[order // max(len(last), 1)], last[order % max(len(last), 1)]
            differ = starts != goals
            ends += zip(starts[differ][:each].tolist(), goals[differ][:each].tolist(), strict=True)
    return [ends[i] for i in sorted(rng.permutation(len(ends))[:MOST_TRANSITIONS])]


def held_out(card: Mapping[str, Any], source_sha256: str, split: str) -> bool | None:
    """Whether a split of a data set was held out from a model's training: False for `train`, None where it is not known.

    It is known where the model, and all that it was begun with, was trained on that very data set; another one may hold the same
    patterns in other splits.

    Args:
      card: the model's.
      source_sha256: of the data set, see `DataInfo`.
      split: one of its splits.
    """
    trained_on = card.get("data")
    if not isinstance(trained_on, Mapping) or trained_on.get("source_sha256") != source_sha256:
        return None
    if split == "train":
        return False
    config = card.get("config")
    return None if isinstance(config, Mapping) and config.get("earlier_data") else True


def verdict(figures: Mapping[str, Figure], split: str, n: int, held_out: bool | None) -> str:
    """How the model's reconstructions compare with the best copies, and what the figures say of the reason, in words.

    Args:
      figures: of `evaluate`.
      split: what was measured.
      n: how many patterns it has.
      held_out: see `held_out`.
    """
    f1, gain = figures["onset_f1"].mean, figures["gain_over_neighbour"].mean
    said = f"On the split {split} ({n} patterns) the model reconstructs "
    if math.isnan(gain):
        return f"{said}at an onset F1 of {f1:.3f}; there is no copy to compare it with."
    said += (
        f"{'better' if gain > 0 else 'worse'} than the best copy from the split train, by {abs(gain):.3f} in onset F1, "
        f"at {f1:.3f} against {figures['neighbour_f1'].mean:.3f}."
    )
    if ON_TRAIN not in figures:
        return said
    train = figures[ON_TRAIN].mean
    said += f" It reconstructs the split train at {train:.3f}"
    if gain <= 0 and train > figures["neighbour_f1"].mean:
        return (
            f"{said}: the code has room for such patterns; what the model lacks is generalisation, for what it decodes lies near "
            "patterns that it knows."
        )
    if gain <= 0 and held_out:
        return (
            f"{said}, no better than those copies: already what it was trained on does not pass through it whole. A larger code, a "
            "smaller KL weight or a longer training can change that."
        )
    return f"{said}."


def gives_pairs(genres: Sequence[str]) -> bool:
    """Whether each ordered pair of these genres has figures of its own."""
    return 1 < len(genres) <= MOST_GENRES


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
      splits: prepared data: for each split `velocity` (n, steps, lanes), `genre` (n,), `group` (n,), `name` (n,); the split that is
        measured and `train` have at least one pattern.
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
    if split != "train":
        known = metrics.played(instrument.reconstruct_values(train["velocity"]), instrument.threshold) > 0
        figures[ON_TRAIN] = Figure(
            metrics.onset_f1(corpus, known), f"onset_f1 over the {len(corpus)} patterns of the split train of the same data"
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
        if gives_pairs(genres):
            for pair in dict.fromkeys(transition.genres for transition in made):
                part = [transition for transition in made if transition.genres == pair]
                figures |= {f"{name} {pair[0]}→{pair[1]}": figure for name, figure in _transition_figures(part, corpus).items()}
    return Evaluation(figures, made)


def _transition_figures(transitions: Sequence[Transition], corpus: np.ndarray) -> dict[str, Figure]:
    interpolations = np.stack([[pattern.hits for pattern in transition.interpolation] for transition in transitions])
    crossfades = np.stack([[pattern.hits for pattern in transition.crossfade] for transition in transitions])
    return metrics.evaluate_transitions(interpolations, crossfades, corpus)


class Generated(NamedTuple):
    """What generated patterns were measured to be, and what they were compared with, as hits (n, steps, lanes).

    Attributes:
      figures: by name, see `metrics.generation.evaluate`.
      sets: (s, n, steps, lanes).
      held_out: as many as in a set.
      train: the training patterns.
      independent: as many as in a set, every cell by itself.
    """

    figures: dict[str, Figure]
    sets: np.ndarray
    held_out: np.ndarray
    train: np.ndarray
    independent: np.ndarray


def evaluate_generation(
    instrument: PatternInstrument,
    splits: Mapping[str, Mapping[str, np.ndarray]],
    genres: Sequence[str],
    split: str,
    *,
    sets: int = SETS,
    seed: int = 0,
) -> Generated:
    """All figures of the suite `generation`: sampled patterns beside held-out ones and beside independent cells.

    Args:
      instrument: what is measured, at its own stored threshold.
      splits: prepared data, as for `evaluate`; at least two patterns in the split and in `train`.
      genres: the names of the genres.
      split: the held-out patterns, any but `train`: every generated set has as many.
      sets: how many sets are generated, with the seeds `seed`, `seed` + 1, …
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)

    def some(arrays: Mapping[str, np.ndarray], most: int) -> dict[str, np.ndarray]:
        n = len(arrays["velocity"])
        chosen = np.sort(rng.choice(n, most, replace=False)) if n > most else slice(None)
        return {name: arrays[name][chosen] for name in ("velocity", "genre")}

    known, held = some(splits["train"], MOST_KNOWN), some(splits[split], MOST_IN_SET)
    train, held_out = known["velocity"] > 0, held["velocity"] > 0
    made = [np.stack([pattern.hits for pattern in instrument.sample(len(held_out), seed + i)]) for i in range(sets)]
    figures = generation.evaluate(made, train, known["genre"], genres, held_out, seed=seed)
    return Generated(figures, np.stack(made), held_out, train, generation.draw_independent(train, len(held_out), seed))


def verdict_on_generation(figures: Mapping[str, Figure], split: str) -> str:
    """What the figures of `evaluate_generation` say, in words."""

    def three(name: str, form: str = ".3f") -> tuple[str, str, str]:
        return tuple(format(figures[name + of].mean, form) for of in ("", generation.OF_HELD_OUT, generation.OF_INDEPENDENT))  # type: ignore[return-value]

    to, of, none = three("distance_to_data", ".1f")
    precision, of_real, _ = three("precision")
    coverage, of_split, of_none = three("coverage")
    copies, near = (f"{100 * figures[name].mean:.1f} %" for name in ("copies", "near_copies"))
    return (
        f"A generated pattern differs in {to} cells from the nearest training pattern; one of the split {split} in {of}, one of "
        f"independent cells in {none}. {copies} are copies of training patterns, {near} copies or nearly so. Among the training "
        f"patterns (precision) lie {precision} of the generated ones and {of_real} of the held-out ones; as many patterns as the "
        f"split has cover {coverage} of the training patterns, the split itself {of_split}, independent cells {of_none}."
    )
