"""What a genre is to a drummer: a theme of two bars, and habits of time and touch. The genres' own files fill these in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.rhythm import BAR, REST, at, figure

KICK, SNARE, HAT, OPEN, TOM, RIDE, CRASH = range(7)
"""The lanes of `drumjax.patterns.POCKET`."""
LANES = 7
THEME = 2 * BAR
"""Steps of a theme: two bars, PocketVAE's window (Sec. 3.2)."""
Range = tuple[float, float]


class Theme:
    """Two bars as a drummer knows them: how loud each stroke is, and how surely it is played at every repetition.

    Attributes:
      levels: int8 loudness classes of `drumjax.synth.rhythm`, (32, 7).
      chance: float64 probability that the stroke is played, drawn anew at every repetition, (32, 7); 0 where there is none.
    """

    def __init__(self) -> None:
        self.levels = np.zeros((THEME, LANES), np.int8)
        self.chance = np.zeros((THEME, LANES))

    def line(self, lane: int, text: str, chance: float = 1.0) -> None:
        """Lays a line of `rhythm.figure` signs, repeated over both bars, over a lane; its rests leave what is there."""
        self._lay(lane, np.resize(figure(text), THEME), chance)

    def put(self, lane: int, steps: Iterable[int], level: int, chance: float = 1.0) -> None:
        """Lays strokes of one level on the given steps; steps below 16 alone do not repeat in the second bar."""
        self._lay(lane, at(steps, level, length=THEME), chance)

    def both(self, lane: int, steps: Iterable[int], level: int, chance: float = 1.0) -> None:
        """As `put`, in both bars."""
        steps = list(steps)
        self.put(lane, [*steps, *(step + BAR for step in steps)], level, chance)

    def hint(self, lane: int, chances: Mapping[int, float], level: int, scale: float = 1.0) -> None:
        """Strokes that may come, in both bars, each with its own chance; none where there is a stroke already."""
        for step, chance in chances.items():
            for place in (step, step + BAR):
                if self.levels[place, lane] == REST:
                    self.put(lane, [place], level, min(1.0, chance * scale))

    def clear(self, lane: int, steps: Iterable[int] = range(THEME)) -> None:
        """Takes strokes away."""
        steps = list(steps)
        self.levels[steps, lane] = REST
        self.chance[steps, lane] = 0.0

    def copy(self) -> Theme:
        """A theme of its own."""
        other = Theme()
        other.levels, other.chance = self.levels.copy(), self.chance.copy()
        return other

    def _lay(self, lane: int, levels: np.ndarray, chance: float) -> None:
        struck = levels > REST
        self.levels[struck, lane] = levels[struck]
        self.chance[struck, lane] = chance


class Habits(NamedTuple):
    """How the drummers of a genre play; a track draws its drummer evenly from every range.

    Attributes:
      eighths: long to short of a beat's two eighths; 1 is straight, 2 a triplet shuffle.
      sixteenths: long to short of an eighth's two sixteenths.
      push_ms: for each lane how late it is on the average, in milliseconds; negative is early (pushed).
      body_ms: how late the whole kit is, besides.
      drift_ms: standard deviation of the slow wandering that all limbs share.
      jitter_ms: standard deviation of what every stroke has of its own.
      ghost: loudness of a ghost stroke, as velocity.
      soft: of a soft one.
      normal: of a normal one.
      accent: of an accent; what exceeds 1 is played at 1.
      gain: for each lane what its velocities are multiplied by.
      touch: standard deviation of a stroke's loudness, as a share of it.
      swell: standard deviation of the slow wandering of loudness, as a share.
    """

    eighths: Range
    sixteenths: Range
    push_ms: tuple[Range, Range, Range, Range, Range, Range, Range]
    body_ms: Range
    drift_ms: Range
    jitter_ms: Range
    ghost: Range
    soft: Range
    normal: Range
    accent: Range
    gain: tuple[Range, Range, Range, Range, Range, Range, Range]
    touch: Range
    swell: Range


class Manner(NamedTuple):
    """One way of playing a genre (a shuffle, a slow blues, a straight eighth).

    Attributes:
      theme: draws the two bars.
      tempo_bpm: lowest, commonest and highest tempo; drawn from the triangle over them.
      habits: of time and touch.
    """

    theme: Callable[[Dice], Theme]
    tempo_bpm: tuple[float, float, float]
    habits: Habits


class GrooveStyle(NamedTuple):
    """One genre.

    Attributes:
      manners: the ways of playing it, by name.
      weights: how common each is.
      answer: changes a theme in place into one that answers it.
      lengths: bars of a track, with weights; even numbers.
      fill: chance that a phrase of four bars ends in a fill.
      fills: which fills, with weights; names of `drumjax.synth.grooves.endings.FILLS`.
      crash: chance of a crash on the bar after a fill, and on the first of a section.
    """

    manners: Mapping[str, Manner]
    weights: Mapping[str, float]
    answer: Callable[[Dice, Theme], None]
    lengths: Mapping[int, float]
    fill: float
    fills: Mapping[str, float]
    crash: float
