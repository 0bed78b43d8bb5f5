"""What a musician might have drawn by hand of a performance: its template and its two control patterns, as a line of text.

A model of grooves keeps some of its training set, of every genre: where a user gives no template, or no outline, one of these is
taken, so that what the network is told is of the kind that it has learnt from.

Source: PocketVAE, Sec. 3.2 (templates and control patterns) and Sec. 4.2, where grooves are made on templates of the data. Which
performances are kept, how they are written down, and what stands in the silent steps are our decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drumjax.patterns.drum_map import POCKET
from drumjax.patterns.templates import (
    CLOSED_HAT,
    KICK,
    LAID_BACK,
    ON_BEAT,
    PUSHED,
    RIDE,
    SNARE,
    VELOCITY_CLASSES,
    TemplateRules,
    template,
    timing_pattern,
    velocity_pattern,
)

SKETCHES_PER_GENRE = 32
"""Enough that a dozen new grooves hardly meet, and few enough for a card: 3 kB a genre."""
_LANES = (KICK, SNARE, CLOSED_HAT, RIDE)
"""Those that a template may hit; in text a step is a hexadecimal digit, the kick its lowest bit."""
_LETTERS = {PUSHED: "p", ON_BEAT: "o", LAID_BACK: "l"}
_BEAT = 4


class Sketch(NamedTuple):
    """What is left of a performance of some steps.

    Attributes:
      template: float32 of 0 and 1, (steps, 7), see `templates.template`.
      accents: classes of the cymbals' velocities, int32 (steps,), see `outlines_of`.
      feel: classes of the timing, int32 (steps,), see there.
    """

    template: np.ndarray
    accents: np.ndarray
    feel: np.ndarray


def sketch_of(velocity: np.ndarray, offset: np.ndarray, rules: TemplateRules) -> Sketch:
    """The sketch of a performance: velocities in [0, 1] and offsets in half steps, each float (steps, 7)."""
    return Sketch(template(velocity, rules), *outlines_of(velocity, offset))


def outlines_of(velocity: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The control patterns of a performance for other notes than its own: what it leaves open is filled.

    A step without hits has the timing that is the most usual on its 16th of a quarter, so that notes which are added there lean as
    the others do; a step without a cymbal likewise the most usual accent. On a 16th that is never hit the timing is the most usual
    of all, the accent a class below the softest of those that are usual elsewhere, as ghost notes are.

    Args:
      velocity: float in [0, 1], (steps, 7), above 0 where there is a hit.
      offset: float in [-1, 1), half steps, of the same shape.

    Returns:
      Accents, classes as of `templates.velocity_pattern`, and the feel, as of `templates.timing_pattern`: int32 (steps,) each.
    """
    hits = velocity > 0
    counts = hits.sum(axis=0)
    cymbal = hits[:, CLOSED_HAT if counts[CLOSED_HAT] > counts[RIDE] else RIDE]
    accents, feel = velocity_pattern(velocity), timing_pattern(velocity, offset)
    usual = [_usual(accents[place::_BEAT][cymbal[place::_BEAT]]) for place in range(_BEAT)]
    softest = max(min((each for each in usual if each is not None), default=VELOCITY_CLASSES // 2) - 1, 0)
    heard = np.asarray(hits.any(axis=1))
    return _filled(accents, cymbal, softest), _filled(feel, heard, ON_BEAT if (most := _usual(feel[heard])) is None else most)


def _usual(classes: np.ndarray) -> int | None:
    """The most usual class, of equals the lowest; None of none."""
    return int(np.bincount(classes).argmax()) if len(classes) else None


def _filled(classes: np.ndarray, heard: np.ndarray, otherwise: int) -> np.ndarray:
    """The classes with the most usual one of its 16th of a quarter on every step that is not heard."""
    filled = classes.copy()
    for place in range(_BEAT):
        of_place, at = classes[place::_BEAT], heard[place::_BEAT]
        usual = _usual(of_place[at])
        filled[place::_BEAT] = np.where(at, of_place, otherwise if usual is None else usual)
    return filled


def sketch_text(sketch: Sketch) -> str:
    """A sketch as three words of a character a step: the template, accents 0 to 4, and the timing's p, o and l."""
    bits = sum((sketch.template[:, lane] > 0).astype(int) << bit for bit, lane in enumerate(_LANES))
    steps = ("".join(f"{digit:x}" for digit in np.asarray(bits).tolist()), "".join(map(str, sketch.accents.tolist())))
    return " ".join((*steps, "".join(_LETTERS[name] for name in sketch.feel.tolist())))


def read_sketch(text: str, steps: int) -> Sketch:
    """The sketch that `sketch_text` wrote.

    Raises:
      ValueError: anything but three words of so many characters.
    """
    words = str(text).split(" ")
    numbers = {letter: number for number, letter in _LETTERS.items()}
    if len(words) != 3 or any(len(word) != steps for word in words):
        raise ValueError(f"expected a sketch of three words of {steps} characters, found {text!r:.60}")
    try:
        bits = np.array([int(digit, 16) for digit in words[0]])
        accents = np.array([int(digit, VELOCITY_CLASSES) for digit in words[1]], np.int32)
        feel = np.array([numbers[letter] for letter in words[2]], np.int32)
    except (KeyError, ValueError):
        raise ValueError(f"expected hexadecimal digits, digits 0 to 4 and letters p, o and l, found {text!r:.120}") from None
    grid = np.zeros((steps, len(POCKET.lanes)), np.float32)
    for bit, lane in enumerate(_LANES):
        grid[:, lane] = bits >> bit & 1
    return Sketch(grid, accents, feel)


def sketches_of(
    performances: Mapping[str, np.ndarray], genres: Sequence[str], rules: TemplateRules, most: int = SKETCHES_PER_GENRE
) -> dict[str, list[str]]:
    """Some sketches of every genre of a training set, as text: of its tracks in turn, in an order drawn once and for all.

    Args:
      performances: `velocity` and `offset` (n, steps, 7), `genre`, numbers (n,), and `group`, the track of each (n,).
      genres: the genres' names, by their numbers.
      rules: of the templates.
      most: of a genre.

    Returns:
      Genre → at most `most` sketches, no two with the same text; none of a genre that has no performance.
    """
    chosen: dict[str, list[str]] = {}
    groups = np.asarray(performances["group"])
    for number, name in enumerate(genres):
        members = np.flatnonzero(np.asarray(performances["genre"]) == number)
        rng = np.random.Generator(np.random.Philox(key=number))
        members = members[np.argsort(rng.random(len(members)), kind="stable")]
        # First one window of every track, then a second one, and so on.
        _, track = np.unique(groups[members], return_inverse=True)
        seen = np.zeros(track.max(initial=-1) + 1, int)
        turn = np.zeros(len(members), int)
        for at, of in enumerate(track.tolist()):
            turn[at], seen[of] = seen[of], seen[of] + 1
        texts: dict[str, None] = {}
        for member in members[np.argsort(turn, kind="stable")].tolist():
            if len(texts) == most:
                break
            texts[sketch_text(sketch_of(performances["velocity"][member], performances["offset"][member], rules))] = None
        if texts:
            chosen[name] = list(texts)
    return chosen
