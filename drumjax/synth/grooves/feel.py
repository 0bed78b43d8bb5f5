"""Time and touch: from strokes on a grid to when and how loud a hand and a foot really strike.

Human deviations from the beat are correlated over long times, with a spectrum near 1/f (Hennig et al., "The nature and perception
of fluctuations in human musical rhythms", PLoS ONE 6(10), 2011): a track's limbs share such a drift, and each stroke has a small
error of its own. All arithmetic is elementwise or in a fixed order and ends in whole ticks and whole MIDI velocities, so that a
track is the same on every machine.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from drumjax.patterns import STEPS_PER_QUARTER
from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import LANES, Habits, Range
from drumjax.synth.rhythm import ACCENT, GHOST

TICKS_PER_STEP = 120
"""PocketVAE, Sec. 3.2: "16th note = 120 ticks"; half of it is an offset of 1."""
HALF_STEP = TICKS_PER_STEP // 2
_LOUDEST_GHOST, _SOFTEST_ACCENT = 0.42, 0.6
_OCTAVES = range(1, 8)


class Drummer(NamedTuple):
    """What a track has drawn from its genre's habits; see `Habits` for the meaning and units of the fields."""

    tempo_bpm: float
    eighths: float
    sixteenths: float
    push_ms: np.ndarray
    drift_ms: float
    jitter_ms: float
    loudness: np.ndarray
    gain: np.ndarray
    touch: float
    swell: float


def within(dice: Dice, limits: Range) -> float:
    """A number drawn evenly from a range."""
    return limits[0] + (limits[1] - limits[0]) * dice.real()


def drummer(dice: Dice, habits: Habits, tempo_bpm: float) -> Drummer:
    """Draws a track's drummer."""
    body = within(dice, habits.body_ms)
    loudness = [0.0, *(within(dice, getattr(habits, level)) for level in ("ghost", "soft", "normal", "accent"))]
    return Drummer(
        tempo_bpm=tempo_bpm,
        eighths=within(dice, habits.eighths),
        sixteenths=within(dice, habits.sixteenths),
        push_ms=np.array([body + within(dice, limits) for limits in habits.push_ms]),
        drift_ms=within(dice, habits.drift_ms),
        jitter_ms=within(dice, habits.jitter_ms),
        loudness=np.array(loudness),
        gain=np.array([within(dice, limits) for limits in habits.gain]),
        touch=within(dice, habits.touch),
        swell=within(dice, habits.swell),
    )


def pink(dice: Dice, steps: int) -> np.ndarray:
    """A wandering whose spectrum falls like 1/f, float64 (steps,), of mean 0 and standard deviation 1.

    The sum of noises of which the first changes every eighth and each other half as often as the one before (Voss's algorithm,
    after Gardner, "White and brown music, fractal curves and one-over-f fluctuations", Scientific American, April 1978).
    """
    total = np.zeros(steps)
    for octave in _OCTAVES:
        total += np.repeat(dice.bell(-(-steps >> octave)), 1 << octave)[:steps]
    return total / math.sqrt(len(_OCTAVES))


def swung(eighths: float, sixteenths: float) -> np.ndarray:
    """Where a beat's four sixteenths fall, in steps from the beat, float64 (4,): `[0, 1, 2, 3]` when both ratios are 1.

    The eighths divide the beat; the sixteenths divide each eighth, so in a triplet shuffle the second of four falls on the second
    triplet.
    """
    middle = STEPS_PER_QUARTER * eighths / (1 + eighths)
    long = sixteenths / (1 + sixteenths)
    return np.array([0.0, middle * long, middle, middle + (STEPS_PER_QUARTER - middle) * long])


def play(dice: Dice, levels: np.ndarray, who: Drummer) -> tuple[np.ndarray, np.ndarray]:
    """Strokes as a drummer plays them.

    A stroke that swing or lateness carries past the middle between two steps belongs to the next cell, as in a recording; of two
    strokes in one cell the louder stays. The first stroke is not before the beginning; what would fall behind the end is left out.

    Args:
      dice: the source of errors.
      levels: int8 (steps, 7), steps a multiple of 4.
      who: the drummer.

    Returns:
      MIDI velocities int64 0 to 127, 0 = no stroke, and ticks from the step, int64 −60 to 59, late positive, both (steps, 7).
    """
    steps = len(levels)
    swing = pink(dice, steps) * who.swell
    drift = pink(dice, steps) * who.drift_ms
    jitter = dice.bell(steps, LANES) * who.jitter_ms
    touch = dice.bell(steps, LANES) * who.touch
    loud = who.loudness[levels] * who.gain * (1 + swing[:, None] + touch)
    # Ghosts and accents stay what they are: a ghost never becomes a stroke to count on.
    loud = np.where(levels == GHOST, np.minimum(loud, _LOUDEST_GHOST), loud)
    loud = np.where(levels == ACCENT, np.maximum(loud, _SOFTEST_ACCENT), loud)
    midi = np.where(levels > 0, np.clip(np.floor(loud * 127 + 0.5), 6, 127), 0).astype(np.int64)

    ticks_per_ms = who.tempo_bpm * STEPS_PER_QUARTER * TICKS_PER_STEP / 60_000
    beat = swung(who.eighths, who.sixteenths) * TICKS_PER_STEP
    nominal = np.resize(beat, steps) + np.repeat(np.arange(0, steps, STEPS_PER_QUARTER), STEPS_PER_QUARTER) * TICKS_PER_STEP
    late = (who.push_ms + drift[:, None] + jitter) * ticks_per_ms
    ticks = np.floor(nominal[:, None] + late + 0.5).astype(np.int64)
    ticks[0] = np.maximum(ticks[0], 0)
    cell = (ticks + HALF_STEP) // TICKS_PER_STEP
    step, lane = np.nonzero((midi > 0) & (cell < steps) & (cell >= 0))
    order = np.argsort(midi[step, lane], kind="stable")
    step, lane = step[order], lane[order]
    to = cell[step, lane]
    velocity, offset = np.zeros_like(midi), np.zeros_like(midi)
    # Of two values for one cell the last written stays, which is the louder.
    velocity[to, lane] = midi[step, lane]
    offset[to, lane] = ticks[step, lane] - to * TICKS_PER_STEP
    return velocity, offset
