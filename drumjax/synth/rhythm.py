"""The small change of rhythm: levels, bars written as text, Euclidean and looping figures, runs.

A figure is an int8 array of levels, one per 16th: rest or one of four loudness classes. A bar has 16 steps, a pattern 64.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BAR = 16
STEPS = 64
REST, GHOST, SOFT, NORMAL, ACCENT = range(5)
BD, SD, CH, OH, RS, CB = range(6)
"""The lanes of `drumjax.patterns.TR808`."""
_SIGNS = {".": REST, "g": GHOST, "o": SOFT, "x": NORMAL, "X": ACCENT}


def figure(text: str) -> np.ndarray:
    """Levels from text: `.` rest, `g` ghost, `o` soft, `x` normal, `X` accent; shape (len(text),)."""
    return np.array([_SIGNS[sign] for sign in text], np.int8)


def at(steps: Iterable[int], level: int = NORMAL, *, length: int = BAR) -> np.ndarray:
    """Levels with `level` on the given steps and rests elsewhere, shape (length,)."""
    bar = np.zeros(length, np.int8)
    bar[list(steps)] = level
    return bar


def euclid(hits: int, length: int, rotation: int = 0) -> np.ndarray:
    """`hits` onsets spread over `length` steps as evenly as the grid allows, bool (length,).

    Equal up to rotation to Bjorklund's algorithm (Toussaint, "The Euclidean algorithm generates traditional musical rhythms",
    BRIDGES 2005): (3, 8) is the tresillo, (5, 8) the cinquillo, (5, 16) the bossa nova necklace. Without rotation step 0 is a hit.
    """
    steps = (np.arange(length) - rotation) % length
    return steps * hits % length < hits


def contour(onsets: np.ndarray, levels: str) -> np.ndarray:
    """Levels for onsets: the text `levels` is repeated along the steps, so loudness follows the metre, not the count of hits."""
    return np.where(onsets, np.resize(figure(levels), onsets.shape), REST).astype(np.int8)


def dealt(onsets: np.ndarray, levels: str) -> np.ndarray:
    """Levels for onsets: the text `levels` is dealt to the hits one after another: loudness follows the figure, not the metre."""
    out = np.zeros(onsets.shape, np.int8)
    out[onsets] = np.resize(figure(levels), int(onsets.sum()))
    return out


def loop(cell: np.ndarray, restart: int = STEPS) -> np.ndarray:
    """A cell of any length repeated over a pattern and restarted every `restart` steps: a polymetric layer, shape (64,)."""
    return np.resize(np.resize(cell, restart), STEPS)


def ramp(start: int, stop: int, length: int) -> np.ndarray:
    """Levels rising or falling evenly from `start` to `stop` (both included), int8 (length,)."""
    span = max(length - 1, 1)
    return np.array([start + (2 * (stop - start) * i + span) // (2 * span) for i in range(length)], np.int8)
