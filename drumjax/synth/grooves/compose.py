"""The embedded grooves: tracks of six genres, each by a drummer of its own. The rules and measurements: docs/grooves_embedded.md.

PocketVAE's data (Sec. 3.1: 2,841 tracks of six genres) cannot be rebuilt, so the library composes tracks of its own: a theme of two
bars, one that answers it, repeated through a form with strokes that come and go, fills, and a drummer's time and touch
(`drumjax.synth.grooves.feel`). Frozen: a test pins the SHA-256 of the set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from drumjax.patterns import POCKET, Pattern
from drumjax.synth.dice import Dice
from drumjax.synth.grooves.blues import BLUES
from drumjax.synth.grooves.electronic import ELECTRONIC
from drumjax.synth.grooves.endings import FILLS
from drumjax.synth.grooves.feel import HALF_STEP, Drummer, drummer, play
from drumjax.synth.grooves.funk import FUNK
from drumjax.synth.grooves.hiphop import HIPHOP
from drumjax.synth.grooves.jazz import JAZZ
from drumjax.synth.grooves.rock import ROCK
from drumjax.synth.grooves.style import CRASH, HAT, KICK, LANES, OPEN, RIDE, THEME, GrooveStyle
from drumjax.synth.rhythm import ACCENT, BAR, NORMAL, REST

GENRES = ("blues", "electronic", "funk", "hiphop", "jazz", "rock")
PER_GENRE = 400
"""Tracks of each genre in the embedded set."""
STYLES: Mapping[str, GrooveStyle] = {
    "blues": BLUES,
    "electronic": ELECTRONIC,
    "funk": FUNK,
    "hiphop": HIPHOP,
    "jazz": JAZZ,
    "rock": ROCK,
}
NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    "blues": ("rock",),
    "electronic": ("hiphop", "funk"),
    "funk": ("hiphop", "rock"),
    "hiphop": ("funk", "electronic", "rock"),
    "jazz": ("blues", "funk"),
    "rock": ("blues", "hiphop", "funk"),
}
"""Whose themes a genre may borrow."""
_CROSSOVER = 0.06
_FORMS = {"A": 3, "AAAB": 5, "AB": 4, "AABB": 2, "AAB": 1}
"""Which theme a pair of bars plays, repeated to the track's length."""
_PHRASE = 4 * BAR


def compose(genre: str, index: int, seed: int = 0) -> Pattern:
    """Track `index` of a genre.

    Args:
      genre: one of `GENRES`.
      index: which track, in [0, 2**32).
      seed: in [0, 2**32).

    Returns:
      4 to 16 bars of 4/4 with the drum map `POCKET`: velocities are whole MIDI velocities / 127, offsets whole ticks / 60.

    Raises:
      ValueError: for an unknown genre.
    """
    if genre not in STYLES:
        raise ValueError(f"expected a genre of {GENRES}, found {genre!r}")
    dice = Dice(seed, GENRES.index(genre), index)
    levels, who = _written(dice, genre)
    midi, ticks = play(dice, levels, who)
    return Pattern(
        hits=midi > 0,
        velocity=(midi / 127).astype(np.float32),
        offset=(ticks / HALF_STEP).astype(np.float32),
        drum_map=POCKET,
        tempo_bpm=who.tempo_bpm,
        name=f"{genre}#{index}",
        genre=genre,
        provenance=None,
    )


def embedded(seed: int = 0, per_genre: int = PER_GENRE) -> Iterator[Pattern]:
    """The embedded set: tracks 0 to `per_genre` − 1 of every genre, in the order of `GENRES`. Seed 0 is the published set."""
    for genre in GENRES:
        for index in range(per_genre):
            yield compose(genre, index, seed)


def _written(dice: Dice, genre: str) -> tuple[np.ndarray, Drummer]:
    """The strokes of a track, int8 levels (steps, 7), and who plays them."""
    style = STYLES[genre]
    manner = style.manners[dice.pick(style.weights)]
    low, mode, high = manner.tempo_bpm
    who = drummer(dice, manner.habits, _triangle(dice.real(), low, mode, high))
    if dice.chance(_CROSSOVER):
        # Real genres overlap: a neighbour's theme, played with this genre's habits.
        style = STYLES[dice.one(NEIGHBOURS[genre])]
        manner = style.manners[dice.pick(style.weights)]
    theme = manner.theme(dice)
    second = theme.copy()
    style.answer(dice, second)
    form, pairs = dice.pick(_FORMS), dice.pick(style.lengths) // 2
    themes = [theme if letter == "A" else second for letter in np.resize(list(form), pairs)]
    chance = np.concatenate([each.chance for each in themes])
    drawn = dice.uniform(pairs * THEME, LANES) < chance
    levels = np.where(drawn, np.concatenate([each.levels for each in themes]), REST).astype(np.int8)
    _endings(dice, style, levels)
    levels[levels[:, OPEN] > REST, HAT] = REST  # the two hats are one instrument
    return levels, who


def _endings(dice: Dice, style: GrooveStyle, levels: np.ndarray) -> None:
    """Fills on the last bars of phrases, crashes on the bars that follow and sometimes at the start, in place."""
    if dice.chance(0.5 * style.crash):
        levels[0, CRASH] = ACCENT
    for end in range(_PHRASE, len(levels) + 1, _PHRASE):
        if not dice.chance(style.fill):
            continue
        FILLS[dice.pick(style.fills)](dice, levels[end - BAR : end])
        if end < len(levels) and dice.chance(style.crash):
            levels[end, [HAT, OPEN, RIDE]] = REST
            levels[end, CRASH] = ACCENT
            levels[end, KICK] = max(levels[end, KICK], NORMAL)


def _triangle(drawn: float, low: float, mode: float, high: float) -> float:
    """A tempo in whole BPM from the triangular distribution, by a number evenly drawn from [0, 1)."""
    split = (mode - low) / (high - low)
    if drawn < split:
        return float(round(low + math.sqrt(drawn * (high - low) * (mode - low))))
    return float(round(high - math.sqrt((1 - drawn) * (high - low) * (high - mode))))
