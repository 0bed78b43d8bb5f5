"""Peaks and decibels. The functions of arrays take those of NumPy and of JAX, under jit too."""

from __future__ import annotations

import math
from typing import Any, TypeVar

Array = TypeVar("Array", bound=Any)
"""A NumPy or a JAX array."""


def peak(audio: Array, axis: int | None = -1) -> Array:
    """The greatest magnitude along an axis, 0 for silence: float (..., samples) → (...)."""
    return abs(audio).max(axis=axis)


def peak_normalized(audio: Array, level: float = 1.0) -> Array:
    """Each sound (..., samples) scaled so that its greatest magnitude is `level` (Neural Drum Machine, Sec. "Dataset": 1).

    Returns:
      The same shape; silence stays silence. No sample is beyond ±level.
    """
    peaks = peak(audio)[..., None]
    # XLA divides by multiplying with a reciprocal, whose last bit may carry the peak beyond the level.
    return (audio / (peaks + (peaks == 0)) * level).clip(-level, level)


def decibels(ratio: float) -> float:
    """20 log10 of an amplitude ratio; −inf for 0 and below."""
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf
