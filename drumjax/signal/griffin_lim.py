"""Sound from magnitudes without a network: Griffin–Lim, from spectra or from mel bands. The baseline of the trained vocoder."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.signal.mel import MelConfig, mel_filterbank
from drumjax.signal.spectrum import STFTConfig, istft, stft


def griffin_lim(mel_magnitudes: jax.Array, config: MelConfig, key: jax.Array, *, iterations: int = 60) -> jax.Array:
    """Sound whose mel spectrogram is near a given one: `magnitudes_of_mel`, then `from_magnitudes` from random phases.

    Args:
      mel_magnitudes: float (items, frames, bins), at least 0.
      config: framing and bands.
      key: of the random phases; each item's are drawn from its own key, whatever the batch.
      iterations: of `from_magnitudes`.

    Returns:
      float32 (items, samples).
    """
    return _griffin_lim(jnp.asarray(mel_magnitudes, jnp.float32), config, key, iterations)


@functools.partial(jax.jit, static_argnames=("config", "iterations"))
def _griffin_lim(mel_magnitudes: jax.Array, config: MelConfig, key: jax.Array, iterations: int) -> jax.Array:
    spectrum = magnitudes_of_mel(mel_magnitudes, config)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(len(spectrum)))
    turns = jax.vmap(lambda key: jax.random.uniform(key, spectrum.shape[1:]))(keys)
    return from_magnitudes(spectrum, jnp.exp(2j * jnp.pi * turns), config, iterations=iterations)


def magnitudes_of_mel(mel_magnitudes: jax.Array, config: MelConfig) -> jax.Array:
    """Magnitudes (..., frames, fft_bins), at least 0, whose mel bands are near the given ones (..., frames, bins)."""
    return jnp.maximum(jnp.matmul(mel_magnitudes, _pseudo_inverse(config), precision="highest"), 0)


@functools.lru_cache
def _pseudo_inverse(config: MelConfig) -> np.ndarray:
    """float32 (bins, fft_bins)."""
    return np.linalg.pinv(mel_filterbank(config).astype(np.float64)).astype(np.float32)


def from_magnitudes(
    spectrum: jax.Array, phases: jax.Array, config: STFTConfig, *, iterations: int = 60, momentum: float = 0.99
) -> jax.Array:
    """Sound from magnitudes of a spectrum, by Griffin and Lim's iteration with momentum (Perraudin, Balazs and Søndergaard, 2013).

    As `librosa.griffinlim`, from the same initial phases.

    Args:
      spectrum: float (..., frames, fft_bins), at least 0.
      phases: complex64 of that shape, magnitude 1: where the iteration begins.
      config: the framing.
      iterations: at least 0.
      momentum: 0 for Griffin and Lim's own (1984); in [0, 1).

    Returns:
      float32 (..., samples).
    """
    tiny = np.finfo(np.float32).tiny

    def iterate(_: int, carried: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        guess, last = carried
        rebuilt = stft(istft(guess, config), config)
        ahead = rebuilt - momentum / (1 + momentum) * last
        return spectrum * (ahead / (jnp.abs(ahead) + tiny)), rebuilt

    first = (spectrum * phases).astype(jnp.complex64)
    guess, _ = jax.lax.fori_loop(0, iterations, iterate, (first, jnp.zeros_like(first)))
    return istft(guess, config)
