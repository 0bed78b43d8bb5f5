"""What a genre is to the grammar: makers of lanes, an answer to a bar, fills, and how likely each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from drumjax.synth.dice import Dice

Tier = str
"""How busy a theme is: "sparse", "medium" or "dense"."""
TIERS: Mapping[Tier, float] = {"sparse": 0.25, "medium": 0.5, "dense": 0.25}
Maker = Callable[[Dice, Tier], np.ndarray]
"""Draws one lane: int8 levels of one bar (16,), or of a layer that runs through the whole pattern (64,)."""


class Style(NamedTuple):
    """One genre.

    Attributes:
      lanes: the maker of every lane, in the order BD SD CH OH RS CB.
      presence: for each tier, how probable it is that a theme uses the lane at all.
      answer: (dice, bar A (16, 6)) -> the bar B that answers it, (16, 6).
      forms: which letters the four bars are, with weights.
      fills: which end the fourth bar gets ("none" among them), with weights; names of `drumjax.synth.fills.FILLS`.
      edits: how a variation departs from its theme, with weights; names of `drumjax.synth.edits.EDITS`.
    """

    lanes: tuple[Maker, ...]
    presence: Mapping[Tier, tuple[float, ...]]
    answer: Callable[[Dice, np.ndarray], np.ndarray]
    forms: Mapping[str, float]
    fills: Mapping[str, float]
    edits: Mapping[str, float]


class Idea(NamedTuple):
    """A theme or a variation before it is written out.

    Attributes:
      bars: the bars by letter, each int8 levels (16, 6).
      layers: lanes that run through the pattern in their own period and replace the bars' lane, int8 levels (64,).
      form: four letters.
      fill: the fill's name.
      fill_key: where the fill's own dice start, so that an edit elsewhere leaves the fill as it was.
      muted: lanes left out, as (lane, first step, last step + 1).
    """

    bars: Mapping[str, np.ndarray]
    layers: Mapping[int, np.ndarray]
    form: str
    fill: str
    fill_key: int
    muted: tuple[tuple[int, int, int], ...] = ()
