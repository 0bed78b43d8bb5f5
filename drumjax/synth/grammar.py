"""The embedded drum patterns: a grammar of IDM, Electro and Techno for the six lanes of a TR-808. The rules: docs/grammar.md.

The data set of the paper (Off the Beaten Track, Table 1: 608 IDM, 690 Electro and 484 Techno patterns) is private. This grammar
composes as many of our own, as one person would in a sequencer: a theme, then up to five clips made from it by one or two changes.
Frozen: a test pins the SHA-256 of the whole set.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.edits import EDITS, with_fill
from drumjax.synth.electro import ELECTRO
from drumjax.synth.fills import FILLS
from drumjax.synth.idm import IDM
from drumjax.synth.rhythm import ACCENT, BAR, BD, CH, GHOST, OH, STEPS
from drumjax.synth.style import TIERS, Idea, Style, Tier
from drumjax.synth.techno import TECHNO

GENRES = ("idm", "electro", "techno")
COUNTS = {"idm": 608, "electro": 690, "techno": 484}
"""How many patterns a genre has: Off the Beaten Track, Table 1."""
PALETTES = ((0, 32, 64, 84, 112), (0, 40, 64, 92, 120), (0, 48, 72, 100, 127))
"""MIDI velocities of rest, ghost, soft, normal and accent: a theme keeps to one of three, as a programmer keeps to a few values."""
LANES = 6
LEAST_HITS = 3
_STYLES = {"idm": IDM, "electro": ELECTRO, "techno": TECHNO}
_VARIATIONS = {1: 10, 2: 15, 3: 20, 4: 22, 5: 18, 6: 15}
_EDITS = {1: 55, 2: 35, 3: 10}
_CROSSOVER = 0.04
_ATTEMPTS = 20


class Embedded(NamedTuple):
    """The whole set, in the order of `GENRES`, read-only.

    Attributes:
      velocity: uint8 MIDI velocities 0 to 127, 0 = no hit, (1782, 64, 6), lanes BD SD CH OH RS CB.
      genre: int32 index into `GENRES`, (1782,).
      group: int32 number of the theme, (1782,), counted through all genres; variations of a theme share it.
    """

    velocity: np.ndarray
    genre: np.ndarray
    group: np.ndarray


def compose(genre: str, index: int, seed: int = 0) -> np.ndarray:
    """Theme `index` of a genre and its variations.

    Args:
      genre: one of `GENRES`.
      index: which theme, in [0, 2**32).
      seed: in [0, 2**32).

    Returns:
      uint8 MIDI velocities, (variations, 64, 6), 1 to 6 variations, all different, the theme first.

    Raises:
      ValueError: for an unknown genre.
    """
    if genre not in _STYLES:
        raise ValueError(f"expected a genre of {GENRES}, found {genre!r}")
    dice = Dice(seed, GENRES.index(genre), index)
    style = _crossed(dice, genre) if dice.chance(_CROSSOVER) else _STYLES[genre]
    tier = dice.pick(TIERS)
    palette = np.array(PALETTES[dice.pick({0: 1, 1: 2, 2: 3})], np.uint8)
    theme = next(idea for idea in (_theme(dice, style, tier) for _ in range(1000)) if _is_loop(_write(idea)))
    grids = [_write(theme)]
    wanted = dice.pick(_VARIATIONS)
    for attempt in range(_ATTEMPTS):
        if len(grids) == wanted:
            break
        grid = _write(_vary(Dice(seed, GENRES.index(genre), index, attempt + 1), theme, style, tier))
        if _is_loop(grid) and not any(np.array_equal(grid, other) for other in grids):
            grids.append(grid)
    return palette[np.stack(grids)]


@lru_cache(maxsize=1)
def embedded(seed: int = 0) -> Embedded:
    """The embedded set: `COUNTS` patterns of each genre, no onset grid in two themes. Seed 0 is the published set.

    Themes are taken in the order of their index. A pattern whose onsets stand in an earlier theme is left out, so that no pattern
    of one theme repeats one of another with other loudness; the last theme of a genre is cut where the count is reached.
    """
    velocity, genres, groups = [], [], []
    taken: set[bytes] = set()
    group = 0
    for number, genre in enumerate(GENRES):
        left, index = COUNTS[genre], 0
        while left:
            grids = [grid for grid in compose(genre, index, seed) if np.packbits(grid > 0).tobytes() not in taken][:left]
            taken.update(np.packbits(grid > 0).tobytes() for grid in grids)
            velocity.extend(grids)
            genres.extend([number] * len(grids))
            groups.extend([group] * len(grids))
            group += bool(grids)
            left -= len(grids)
            index += 1
    arrays = np.stack(velocity), np.array(genres, np.int32), np.array(groups, np.int32)
    for array in arrays:
        array.setflags(write=False)
    return Embedded(*arrays)


def _crossed(dice: Dice, genre: str) -> Style:
    """The genre's style with some lanes, and perhaps the way bars are answered, of a neighbour: real genres overlap."""
    own, other = _STYLES[genre], _STYLES[dice.one([name for name in GENRES if name != genre])]
    borrowed = dice.pick({(0,): 3, (2, 3): 3, (0, 1): 4, (0, 1, 2, 3): 2})
    lanes = tuple(other.lanes[lane] if lane in borrowed else maker for lane, maker in enumerate(own.lanes))
    return own._replace(lanes=lanes, answer=other.answer if len(borrowed) > 2 else own.answer)


def _theme(dice: Dice, style: Style, tier: Tier) -> Idea:
    bar = np.zeros((BAR, LANES), np.int8)
    layers = {}
    for lane, (maker, probability) in enumerate(zip(style.lanes, style.presence[tier], strict=True)):
        levels = maker(dice, tier)
        if not dice.chance(probability):
            continue
        if len(levels) == BAR:
            bar[:, lane] = levels
        else:
            layers[lane] = np.resize(levels, STEPS)
    second = style.answer(dice, bar)
    bars = {"A": bar, "B": second, "C": style.answer(dice, bar), "D": style.answer(dice, second)}
    idea = Idea(bars=bars, layers=layers, form=dice.pick(style.forms), fill="none", fill_key=0)
    return with_fill(idea, dice.pick(style.fills), dice)


def _vary(dice: Dice, theme: Idea, style: Style, tier: Tier) -> Idea:
    idea = theme
    for name in dice.several(style.edits, dice.pick(_EDITS)):
        idea = EDITS[name](dice, idea, style, tier)
    return idea


def _is_loop(grid: np.ndarray) -> bool:
    """Whether there is more than a bare kick: before the fourth bar another lane has `LEAST_HITS` hits above a ghost's loudness."""
    return int((grid[: STEPS - BAR] > GHOST).sum(axis=0)[BD + 1 :].max()) >= LEAST_HITS


def _write(idea: Idea) -> np.ndarray:
    """Levels of the whole pattern, int8 (64, 6)."""
    grid = np.concatenate([idea.bars[letter] for letter in idea.form])
    for lane, layer in idea.layers.items():
        grid[:, lane] = layer
    for lane, first, last in idea.muted:
        grid[first:last, lane] = 0
    FILLS[idea.fill](Dice(idea.fill_key), grid)
    grid[grid[:, OH] > 0, CH] = 0  # the two hats are one instrument
    if not grid[:, BD].any():
        grid[0, BD] = ACCENT
    return grid
