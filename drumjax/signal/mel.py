"""Mel-scaled magnitude spectrograms, their logarithm, and its standardisation (Neural Drum Machine, eq. 10 and Sec. "Dataset").

Arrays are frames first, (..., frames, bins); the paper writes bins × frames. Functions of arrays are jit-able and differentiable.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.signal.spectrum import Form, STFTConfig, few_at_a_time, magnitudes

FULL_SCALE = 32_767
"""The int16 that stands for 1, as `drumjax.signal.audio_file` writes it."""

Array = jax.Array | np.ndarray

_BLOCK = 64
"""Bands of one product: of 16 to 128 this was the quickest, or within a tenth of it, for 1 and 32 sounds, gradient included."""

# Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above.
_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


@dataclass(frozen=True)
class MelConfig(STFTConfig):
    """Framing and bands of a mel spectrogram. The defaults are those of the Neural Drum Machine (Sec. "Dataset")."""

    bins: int = 512
    """Mel bands from 0 Hz to half the sample rate."""
    floor: float = 1e-5
    """What is added before the logarithm (our decision: −100 dB)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size out of range."""
        super().__post_init__()
        if self.bins < 1 or not self.floor > 0:
            raise ValueError(f"expected at least 1 bin and a floor above 0, found {self.bins} and {self.floor}")


def mel_of_hz(hz: np.ndarray | float) -> np.ndarray:
    """Slaney's mel scale, float64: linear below 1 kHz, logarithmic above."""
    hz = np.asarray(hz, np.float64)
    return np.where(hz < _BREAK_HZ, hz / _HZ_PER_MEL, _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP)


def hz_of_mel(mels: np.ndarray | float) -> np.ndarray:
    """The frequencies of mels, float64 Hz: the inverse of `mel_of_hz`."""
    mels = np.asarray(mels, np.float64)
    return np.where(
        mels < _BREAK_MEL, mels * _HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mels, _BREAK_MEL) - _BREAK_MEL))
    )


@functools.lru_cache
def mel_filterbank(config: MelConfig) -> np.ndarray:
    """The matrix F of eq. 10: triangles on Slaney's mel scale, each of area 1 (per Hz), as `librosa.filters.mel(...).T`.

    At the paper's sizes every one of the 512 bands meets a bin of the spectrum; on the HTK scale ten would be empty.

    Returns:
      float32 (fft_bins, bins), read-only, at least 0.
    """
    frequencies = np.arange(config.fft_bins) * (config.sample_rate_hz / config.fft_samples)
    edges = hz_of_mel(np.linspace(0, mel_of_hz(config.sample_rate_hz / 2), config.bins + 2))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - low) / (middle - low)
    falling = (high - frequencies[:, None]) / (high - middle)
    bank = (np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))).astype(np.float32)
    bank.setflags(write=False)
    return bank


def mel(audio: jax.Array, config: MelConfig, *, form: Form = "fft") -> jax.Array:
    """Mel-scaled magnitudes (power 1): |stft| · F.

    Args:
      audio: float (..., samples).
      config: framing and bands.
      form: how the transform is computed, see `drumjax.signal.spectrum`.

    Returns:
      float32 (..., frames, bins), at least 0; zeros give exact zeros.
    """
    audio = jnp.asarray(audio, jnp.float32)

    def bands(some: jax.Array) -> jax.Array:
        return mel_of_magnitudes(magnitudes(some, config, form=form), config)

    if form == "matrix" or jax.default_backend() != "cpu":
        return bands(audio)
    made = few_at_a_time(bands, audio.reshape(-1, audio.shape[-1]))
    return made.reshape(*audio.shape[:-1], *made.shape[1:])


def mel_of_magnitudes(spectrum: jax.Array, config: MelConfig) -> jax.Array:
    """Magnitudes (..., frames, fft_bins) in mel bands, (..., frames, bins): the product with `mel_filterbank`.

    On a CPU some bands at a time, with the bins that they meet and no others, for the matrix is all but empty: four times quicker,
    and so is its gradient (benchmarks/spectra.py). Elsewhere in one product, until a measurement says otherwise.
    """
    bank = mel_filterbank(config)
    if jax.default_backend() != "cpu":
        return jnp.matmul(spectrum, bank, precision="highest")
    parts = [jnp.matmul(spectrum[..., low:high], part, precision="highest") for low, high, part in _blocks(config)]
    return jnp.concatenate(parts, -1)


@functools.lru_cache
def _blocks(config: MelConfig) -> tuple[tuple[int, int, np.ndarray], ...]:
    """Of some bands at a time the bins [low, high) that they meet, and that part of the filterbank."""
    bank, blocks = mel_filterbank(config), []
    for first in range(0, config.bins, _BLOCK):
        part = bank[:, first : first + _BLOCK]
        met = np.flatnonzero(part.any(1))
        low, high = (int(met[0]), int(met[-1]) + 1) if len(met) else (0, 1)
        blocks.append((low, high, part[low:high]))
    return tuple(blocks)


def log_mel(magnitudes: jax.Array, config: MelConfig) -> jax.Array:
    """log(m + floor) of mel magnitudes, natural, any shape."""
    return jnp.log(magnitudes + config.floor)


def from_log_mel(log_magnitudes: jax.Array, config: MelConfig) -> jax.Array:
    """Mel magnitudes back from `log_mel`: max(exp(l) − floor, 0), any shape."""
    return jnp.maximum(jnp.exp(log_magnitudes) - config.floor, 0)


def from_int16(audio: jax.Array) -> jax.Array:
    """Stored sound, int16, as float32 in [−1, 1]: x / 32,767."""
    return audio.astype(jnp.float32) / FULL_SCALE


class Standardizer(NamedTuple):
    """What scales each element of a log-mel spectrogram to mean 0 and variance 1 (Sec. "Experimental setup")."""

    mean: jax.Array
    """float32 (frames, bins)."""
    deviation: jax.Array
    """float32 (frames, bins), of the population; exactly 0 where an element never varies."""


class Moments(NamedTuple):
    """What `fit_standardizer` knows of some spectrograms; two of them merge into one."""

    items: Array
    """How many, ()."""
    mean: Array
    """Of each element, (frames, bins), as all that follows."""
    squares: Array
    """Sum of the squared differences from the mean."""
    low: Array
    high: Array


def moments(log_magnitudes: jax.Array, mask: jax.Array | None = None) -> Moments:
    """Count, mean, spread and range of each element.

    Args:
      log_magnitudes: (items, frames, bins).
      mask: (items,), 1 for the items that count; None for all.

    Returns:
      float32: items (), the rest (frames, bins).
    """
    x = jnp.asarray(log_magnitudes, jnp.float32)
    counts = jnp.ones(x.shape[0], bool) if mask is None else jnp.asarray(mask) > 0
    here = counts[:, None, None]
    n = jnp.sum(counts).astype(jnp.float32)
    mean = jnp.sum(jnp.where(here, x, 0), 0) / jnp.maximum(n, 1)
    squares = jnp.sum(jnp.square(jnp.where(here, x - mean, 0)), 0)
    low, high = (jnp.min(jnp.where(here, x, jnp.inf), 0), jnp.max(jnp.where(here, x, -jnp.inf), 0))
    return Moments(n, mean, squares, low, high)


def fit_standardizer(batches: Iterable[jax.Array | Moments]) -> Standardizer:
    """Means and deviations of log-mel spectrograms, in one pass: batches are merged in float64 (Chan, Golub and LeVeque, 1983).

    Args:
      batches: spectrograms (items, frames, bins), or `moments` of them where they were measured elsewhere, say on the device.

    Raises:
      ValueError: when there is no spectrogram.
    """
    measure = jax.jit(moments)
    total = None
    for batch in batches:
        measured = batch if isinstance(batch, Moments) else measure(batch)
        found = Moments(*(np.asarray(part, np.float64) for part in measured))
        if found.items:
            total = found if total is None else _merged(total, found)
    if total is None:
        raise ValueError("expected at least one spectrogram, found none")
    # The range says exactly whether an element ever varies; a sum of squares is off by its last bits.
    varies = total.high > total.low
    mean = np.where(varies, total.mean, total.low)
    deviation = np.where(varies, np.sqrt(total.squares / total.items), 0)
    return Standardizer(jnp.asarray(mean, jnp.float32), jnp.asarray(deviation, jnp.float32))


def _merged(a: Moments, b: Moments) -> Moments:
    items, difference = a.items + b.items, b.mean - a.mean
    mean = a.mean + difference * (b.items / items)
    squares = a.squares + b.squares + np.square(difference) * (a.items * b.items / items)
    return Moments(items, mean, squares, np.minimum(a.low, b.low), np.maximum(a.high, b.high))


def standardize(log_magnitudes: jax.Array, standardizer: Standardizer) -> jax.Array:
    """(l − mean) / deviation, (..., frames, bins); 0 for an element that never varied, whatever it is now."""
    mean, deviation = standardizer
    varies = deviation > 0
    return jnp.where(varies, (log_magnitudes - mean) / jnp.where(varies, deviation, 1), 0)


def unstandardize(standardized: jax.Array, standardizer: Standardizer) -> jax.Array:
    """The inverse of `standardize`, (..., frames, bins); an element that never varied is its mean."""
    return standardized * standardizer.deviation + standardizer.mean
