"""What a groove is asked for by hand: control patterns as text, a genre or a mix of genres, and sketches to begin with.

Source: PocketVAE, Sec. 3.2 (control patterns C_V and C_M) and Sec. 4.2, Fig. 6. How they are written down, what stands in their
place where nobody gives any, and the sketches are our decision.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from drumjax.boundary import InputError
from drumjax.instruments.common import is_a
from drumjax.instruments.sound_codes import Label, parse_mix
from drumjax.patterns import POCKET
from drumjax.patterns.grooves import genre_of_style
from drumjax.patterns.sketches import Sketch
from drumjax.patterns.templates import CLOSED_HAT, KICK, LAID_BACK, ON_BEAT, PUSHED, RIDE, SNARE, STEPS_PER_BAR

Genre = Label
"""A genre, a mix as text (jazz=0.7,funk=0.3), or genre → weight, at least 0; the weights are divided by their sum."""
Outline = str | Sequence[float]
MOST_DRAWN = 128
"""Steps of a drawn outline: 8 bars; it is repeated beyond. A record has room for so many."""
FEELS: Mapping[str, str] = {"push": "p", "on": "o", "laid_back": "l"}
"""Names of outlines of the timing that are the same on every step."""
_CLASS_OF_LETTER = {"p": PUSHED, "o": ON_BEAT, "l": LAID_BACK}
_RIDES = {"jazz": 0.7, "blues": 0.4, "latin": 0.4, "neworleans": 0.3}
_ON_THE_FLOOR = {"electronic": 0.6, "rock": 0.08, "funk": 0.04}
_KICKS = {2: 0.1, 4: 0.04, 6: 0.3, 8: 0.6, 10: 0.4, 12: 0.04, 14: 0.2}
"""How likely a sketch's kick is on the 8ths after the first, in steps of a bar."""


def read_genre(genre: Genre | None, genres: Sequence[str]) -> dict[str, float]:
    """A genre or mix as a model of these genres knows it: genre → weight, in the model's order, summing to 1; None is an even mix.

    Raises:
      InputError: a genre that is none of them, or weights that are below 0, not finite or all 0.
    """
    if genre is None:
        return dict.fromkeys(genres, float(f"{1 / len(genres):.6g}"))
    if not is_a(genre, str | Mapping):
        raise InputError("genre", rule="a genre, or genre → weight", found=f"{genre!r:.80}", remedy=f"choose {', '.join(genres)}")
    try:
        named = parse_mix(genre) if isinstance(genre, str) else genre
    except InputError as error:
        rule = "a genre, or weights such as jazz=0.7,funk=0.3"
        raise InputError("genre", rule=rule, found=error.found, remedy=error.remedy) from None
    given = {named: 1.0} if isinstance(named, str) else dict(named)
    weights: dict[str, float] = {}
    for name, weight in given.items():
        if not (is_a(weight, Real) and math.isfinite(weight) and weight >= 0):
            raise InputError("genre", rule="weights of at least 0", found=f"{name}={weight}", remedy="change the weight")
        known = _known(name, genres)
        weights[known] = weights.get(known, 0.0) + weight
    total = sum(weights.values())
    if not 0 < total < math.inf:
        raise InputError("genre", rule="a genre with a weight above 0", found="none", remedy="write jazz=0.7,funk=0.3")
    total = 1.0 if abs(total - 1) < 1e-5 else total  # a mix that was read from a record is that mix
    rounded = {name: float(f"{weights.get(name, 0.0) / total:.6g}") for name in genres}
    return {name: weight for name, weight in rounded.items() if weight > 0}


def _known(name: Any, genres: Sequence[str]) -> str:
    asked = str(name)
    meant = genre_of_style(asked, genres)
    if asked in genres or meant in genres:
        return asked if asked in genres else str(meant)
    near = difflib.get_close_matches(asked.casefold(), genres, n=2, cutoff=0.5)
    remedy = f"did you mean {' or '.join(map(repr, near))}?" if near else "choose one of these"
    raise InputError("genre", rule=f"a genre of {', '.join(genres)}", found=f"{asked!r:.60}", remedy=remedy)


def genre_row(mix: Mapping[str, float], genres: Sequence[str]) -> np.ndarray:
    """A mix as the condition of a network, float32 (genres,)."""
    return np.array([mix.get(name, 0.0) for name in genres], np.float32)


def read_feel(feel: Outline) -> str:
    """An outline of the timing (C_M) as it is written down: "push", "on", "laid_back", or a letter a step.

    Args:
      feel: one of the names; letters p (pushed), o (on the beat) and l (laid back), one a step; or numbers, one a step, below 0 for
        pushed, 0 for on the beat, above 0 for laid back.

    Raises:
      InputError: anything else, or more than 128 steps.
    """
    rule = "push, on, laid_back, or a drawn outline: one letter p, o or l a step"
    if isinstance(feel, str):
        named = feel.replace("-", "_").replace("laidback", "laid_back")
        if named in FEELS:
            return named
        if not feel or set(feel) - set(_CLASS_OF_LETTER):
            raise InputError("feel", rule=rule, found=f"{feel!r:.60}", remedy="write, for example, laid_back or oooloool")
        return _short(feel, "feel")
    numbers = _numbers(feel, "feel", rule)
    return _short("".join("p" if x < 0 else "l" if x > 0 else "o" for x in numbers), "feel")


def feel_classes(feel: str, steps: int) -> np.ndarray:
    """A written outline of the timing, repeated, as the classes of `templates.timing_pattern`, int32 (steps,)."""
    letters = FEELS.get(feel, feel)
    return np.resize(np.array([_CLASS_OF_LETTER[letter] for letter in letters], np.int32), steps)


def read_accents(accents: Outline) -> str:
    """An outline of the cymbals' velocities (C_V) as it is written down: a digit a step, tenths of the loudest.

    Args:
      accents: digits 0 to 9, one a step; or numbers from 0 to 1, one a step.

    Raises:
      InputError: anything else, or more than 128 steps.
    """
    rule = "accents: one digit from 0 to 9 a step"
    if isinstance(accents, str):
        if not (accents.isascii() and accents.isdigit()):
            raise InputError("accents", rule=rule, found=f"{accents!r:.60}", remedy="write, for example, 9353")
        return _short(accents, "accents")
    numbers = _numbers(accents, "accents", rule)
    if min(numbers) < 0 or max(numbers) > 1:
        remedy = "divide MIDI velocities by 127"
        raise InputError("accents", rule="accents from 0 to 1", found=f"{min(numbers):g} to {max(numbers):g}", remedy=remedy)
    return _short("".join(str(min(round(10 * x), 9)) for x in numbers), "accents")


def accent_classes(accents: str, steps: int) -> np.ndarray:
    """A written outline of the velocities, repeated, as the classes of `templates.velocity_pattern`, int32 (steps,)."""
    tenths = np.array([10 if digit == "9" else int(digit) for digit in accents], np.int32)
    return np.resize(np.maximum((tenths - 1) // 2, 0), steps)


def _numbers(values: Any, what: str, rule: str) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise InputError(what, rule=rule, found=f"{values!r:.60}", remedy="give a text or some numbers, one a step")
    return numbers


def _short(text: str, what: str) -> str:
    if len(text) > MOST_DRAWN:
        raise InputError(what, rule=f"at most {MOST_DRAWN} steps", found=f"{len(text):,}", remedy="shorten it: it is repeated")
    return text


# What is drawn where nobody gives it: a sketch of the model's training set, where its card has some; else what follows. The numbers
# are raw draws of Philox, the same on every machine (NEP 19).


def _draws(seed: int, slot: int, stream: int, count: int) -> np.ndarray:
    """Uniform in [0, 1), float64 (count,)."""
    raw = np.random.Philox(key=seed + (slot << 32) + (stream << 64)).random_raw(count)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drawn_sketch(sketches: Mapping[str, Sequence[Sketch]], genre: Mapping[str, float], seed: int, slot: int) -> Sketch | None:
    """One of the sketches of a genre, or of a mix of genres as often as it weighs; None where there is none."""
    known = {name: weight for name, weight in genre.items() if sketches.get(name)}
    if not known:
        return None
    which, place = _draws(seed, slot, 4, 2)
    reached, names = np.cumsum([*known.values()]), [*known]
    found = sketches[names[int(np.searchsorted(reached, which * reached[-1], side="right"))]]
    return found[int(place * len(found))]


def habitual_feel(seed: int, slot: int, steps: int) -> np.ndarray:
    """An outline of the timing as one drummer might have it: int32 (steps,).

    Each of the four 16ths of a quarter is early or late by habit; of the 16ths of a bar one in eight goes the other way.
    """
    draws = _draws(seed, slot, 1, 4 + STEPS_PER_BAR)
    late = np.tile(draws[:4] < 0.5, STEPS_PER_BAR // 4) ^ (draws[4:] < 0.125)
    return np.resize(np.where(late, LAID_BACK, PUSHED).astype(np.int32), steps)


def habitual_accents(seed: int, slot: int, steps: int) -> np.ndarray:
    """An outline of the velocities as one drummer might have it, int32 (steps,): beats above offbeats above the 16ths between."""
    draws = _draws(seed, slot, 2, 5)
    beat = np.array([4, 1, 2, 1]) - (draws[:4] < 0.4) + np.array([0, 0, 1, 0]) * (draws[4] < 0.3)
    return np.resize(beat.astype(np.int32), steps)


def sketch(genre: Mapping[str, float], seed: int, slot: int, steps: int) -> np.ndarray:
    """A template to begin with where a user has none, float32 (steps, 7) of 0 and 1: a drum machine's beat of two bars, repeated.

    Snares on the backbeats or at half time, an even cymbal, a kick on the one and on some of the other 8ths.
    """
    draws = iter(_draws(seed, slot, 3, 64))

    def likely(share: float) -> bool:
        return bool(next(draws) < share)

    def of(shares: Mapping[str, float], other: float) -> float:
        return sum(weight * shares.get(name, other) for name, weight in genre.items())

    bars = np.zeros((2, STEPS_PER_BAR, len(POCKET.lanes)), np.float32)
    with_ride, half_time = likely(of(_RIDES, 0.15)), likely(0.1)
    bars[:, :: 1 if likely(0.2) else 2, RIDE if with_ride else CLOSED_HAT] = 1
    if half_time:
        bars[:, 8, SNARE] = 1
    else:
        bars[:, [4, 12], SNARE] = 1
    if likely(of(_ON_THE_FLOOR, 0.02)):
        bars[:, ::4, KICK] = 1
    else:
        bars[:, 0, KICK] = 1
        for step, share in _KICKS.items():
            bars[:, step, KICK] = likely(share) and not bars[0, step, SNARE]
        for step in _KICKS:  # the second bar is the first one's variation
            if likely(0.12) and not bars[1, step, SNARE]:
                bars[1, step, KICK] = 1 - bars[1, step, KICK]
    whole = bars.reshape(2 * STEPS_PER_BAR, -1)
    return np.tile(whole, (-(-steps // len(whole)), 1))[:steps]
