"""Loudness as ITU-R BS.1770-4 and EBU Tech 3341 define it: of a programme, and of a sound that may be shorter than a block.

The recommendation gives the K-weighting's filters at 48 kHz only; here they are made for any rate from their analogue parameters,
as B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145 (2018), and libebur128 have them.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import signal

_BLOCK_S = 0.4
_OVERLAP = 4
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_DB = -0.691


def integrated_loudness(samples: np.ndarray, sample_rate_hz: int) -> float:
    """The programme loudness of a sound in LUFS: K-weighted, in blocks of 400 ms every 100 ms, gated at −70 LUFS and 10 LU below.

    Args:
      samples: float (samples,) or (samples, channels), full scale at ±1; of at most two channels, which count alike.
      sample_rate_hz: at least 8,000.

    Returns:
      LUFS; −inf for silence and for sounds under 400 ms.
    """
    blocks = _block_powers(samples, sample_rate_hz)
    heard = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(heard):
        return -math.inf
    heard = heard[heard > heard.mean() * 10 ** (_RELATIVE_GATE_LU / 10)]
    return _lufs(heard.mean())


def loudest_moment(samples: np.ndarray, sample_rate_hz: int) -> float:
    """The greatest momentary loudness of a sound in LUFS: its loudest 400 ms, K-weighted, without a gate (EBU Tech 3341, Sec. 2.2).

    What compares one-shots: silence follows a sound, so that one of 20 ms has a loudness too, that of what it adds to 400 ms.

    Args:
      samples: float (samples,) or (samples, channels), full scale at ±1; of at most two channels, which count alike.
      sample_rate_hz: at least 8,000.

    Returns:
      LUFS; −inf for silence.
    """
    samples = np.asarray(samples)
    after = np.zeros((round(_BLOCK_S * sample_rate_hz), *samples.shape[1:]))
    loudest = _block_powers(np.concatenate([samples, after]), sample_rate_hz).max()
    return _lufs(loudest) if loudest > 0 else -math.inf


def _block_powers(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """K-weighted mean squares of 400 ms every 100 ms, summed over channels; none for a sound under 400 ms."""
    samples = np.asarray(samples).reshape(len(samples), -1)
    if samples.shape[1] > 2:
        raise ValueError(f"expected one or two channels, found {samples.shape[1]}")
    block, hop = round(_BLOCK_S * sample_rate_hz), round(_BLOCK_S / _OVERLAP * sample_rate_hz)
    if len(samples) < block:
        return np.empty(0)
    power = np.zeros(len(samples) + 1)
    for channel in samples.T:  # one after another: ten minutes take 210 MB a copy
        power[1:] += np.cumsum(np.square(k_weighted(channel, sample_rate_hz)))
    starts = np.arange(0, len(samples) - block + 1, hop)
    # A running sum of squares may fall by its last bit.
    return np.maximum(power[starts + block] - power[starts], 0) / block


def k_weighted(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The sound through BS.1770's two filters, a high shelf of 4 dB and a high-pass; along the first axis, float64."""
    samples = np.asarray(samples, np.float64)
    for b, a in (_shelf(sample_rate_hz), _highpass(sample_rate_hz)):
        samples = signal.lfilter(b, a, samples, axis=0)
    return samples


def _power(lufs: float) -> float:
    return 10 ** ((lufs - _OFFSET_DB) / 10)


def _lufs(power: float) -> float:
    return _OFFSET_DB + 10 * math.log10(power)


def _shelf(rate: int) -> tuple[np.ndarray, np.ndarray]:
    gain, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196
    k = math.tan(math.pi * 1681.974450955533 / rate)
    middle = gain**0.4996667741545416
    b = np.array([gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k])
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    return b / a[0], a / a[0]


def _highpass(rate: int) -> tuple[np.ndarray, np.ndarray]:
    q = 0.5003270373238773
    k = math.tan(math.pi * 38.13547087602444 / rate)
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    return np.array([1.0, -2.0, 1.0]), a / a[0]
