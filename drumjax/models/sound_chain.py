"""From a code to a sound in one function: the CWAE's decoder, then the MCNN (Neural Drum Machine, Sec. "Generation Process").

code and class → decoder → undo the standardisation → exp → mel magnitudes → MCNN → binary mask
"""

from __future__ import annotations

from typing import Any

import jax

from drumjax.models import cwae, mcnn
from drumjax.models.cwae import CWAEConfig
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig, Standardizer, from_log_mel, unstandardize

Weights = dict[str, Any]
"""`cwae`, the CWAE's parameters; `stats`, the moving averages of its normalisations; `standardizer`, {"mean", "deviation"}; `mcnn`,
the MCNN's parameters, as they are stored or by `arrange`."""

CHUNK = 4
"""Sounds that the MCNN makes at a time on a CPU: 32 sounds in one graph took 1.4 times as long (benchmarks/sound_latency.py)."""


def decode_mel(config: CWAEConfig, mel_config: MelConfig, weights: Weights, z: jax.Array, label: jax.Array) -> jax.Array:
    """Mel magnitudes of codes.

    Args:
      config: the CWAE's shape.
      mel_config: of the spectrograms it was trained on.
      weights: as in `waveform`; `mcnn` is not read.
      z: float (n, latent).
      label: int (n,), or float (n, classes) for mixes of classes.

    Returns:
      float32 (n, frames, bins), at least 0; an element that never varied in training is what it always was.
    """
    y = cwae.decode(config, weights["cwae"], weights["stats"], z, label)
    return from_log_mel(unstandardize(y, Standardizer(**weights["standardizer"])), mel_config)


def vocode(config: MCNNConfig, arranged: Any, mel_magnitudes: jax.Array) -> jax.Array:
    """Sounds of mel magnitudes through the binary mask, in chunks where that is quicker.

    Args:
      config: the MCNN's shape.
      arranged: the MCNN's parameters by `drumjax.models.mcnn.arrange`.
      mel_magnitudes: float32 (n, frames, bins).

    Returns:
      float32 (n, samples).
    """

    def some(magnitudes: jax.Array) -> jax.Array:
        return mcnn.masked(*mcnn.synthesize_arranged(config, arranged, magnitudes))

    items = len(mel_magnitudes)
    if jax.default_backend() != "cpu" or items <= CHUNK or items % CHUNK:
        return some(mel_magnitudes)
    chunks = mel_magnitudes.reshape(items // CHUNK, CHUNK, *mel_magnitudes.shape[1:])
    return jax.lax.map(some, chunks).reshape(items, -1)


def arrange(config: MCNNConfig, weights: Weights) -> Weights:
    """The weights with the MCNN's as it multiplies with them: made once, not at each sound (`drumjax.models.mcnn.arrange`)."""
    return {**weights, "mcnn": mcnn.arrange(config, weights["mcnn"])}


def waveform(
    cwae_config: CWAEConfig, mcnn_config: MCNNConfig, mel_config: MelConfig, weights: Weights, z: jax.Array, label: jax.Array
) -> jax.Array:
    """Sounds of codes.

    Args:
      cwae_config: the CWAE's shape.
      mcnn_config: the MCNN's shape.
      mel_config: the spectrogram between the two.
      weights: of both; the MCNN's as stored.
      z: float (n, latent), n best a power of two (one compilation for each n).
      label: int (n,), or float (n, classes) for mixes of classes.

    Returns:
      float32 (n, samples).
    """
    return waveform_arranged(cwae_config, mcnn_config, mel_config, arrange(mcnn_config, weights), z, label)


def waveform_arranged(
    cwae_config: CWAEConfig, mcnn_config: MCNNConfig, mel_config: MelConfig, weights: Weights, z: jax.Array, label: jax.Array
) -> jax.Array:
    """`waveform` with weights of `arrange`: what whoever plays one sound after the other should compile."""
    return vocode(mcnn_config, weights["mcnn"], decode_mel(cwae_config, mel_config, weights, z, label))
