"""What the drum machine and the one-shots share of the circuits' facts. Without SciPy."""

from __future__ import annotations

import numpy as np

METAL_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
"""The six square oscillators of the TR-808 behind its hats and cymbal; the last two are the cowbell's (K. J. Werner, J. S. Abel and
J. O. Smith, The TR-808 cymbal, ICMC/SMC 2014)."""


def decay(t: np.ndarray, t60_s: float | np.ndarray) -> np.ndarray:
    """An exponential that has fallen by 60 dB after `t60_s`; t in seconds."""
    return np.exp(-np.log(1000.0) * t / t60_s)
