"""The vocoder of the Neural Drum Machine (Aouameur, Esling and Hadjeres, 2019), Sec. "MCNN inversion" and Fig. 2.

A multi-head convolutional network (Arık, Jun and Diamos, "Fast Spectrogram Inversion Using Multi-Head Convolutional Neural
Networks", 2019) that makes a waveform of a mel spectrogram. Every head is a stack of transposed convolutions without biases, each
followed by an ELU, and gives two signals: a part of the waveform and a part of the mask that silences what the wide kernels leave
behind a sound's end. Without biases silence stays silence: zero frames in give exact zeros out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from drumjax.nn.transposed import Form, fast_group, reach, resolve, subpixel_matrix, transposed_conv, windows

CROP = 1
"""Samples cut off the end: 86 frames of 256 make 22,016, and a sound has 22,015 (Sec. "Dataset")."""


@dataclass(frozen=True)
class MCNNConfig:
    """The shape of the MCNN. The defaults are the paper's where it gives a value."""

    bins: int = 512
    """Mel bands of a frame ("combine the 2048 FFT bins into 512 Mel-frequency bins", Sec. "MCNN inversion")."""
    heads: int = 8
    """Stacks whose outputs are summed (same section)."""
    channels: tuple[int, ...] = (128, 64, 32, 16, 8, 4, 2, 2)
    """Channels that each layer of a head gives; the last two are the waveform and the mask. The printed formula does not fit "the
    output of head h is a couple of 2 vectors"; this is the reading that does."""
    width: int = 13
    """Taps of a kernel (same section)."""
    stride: int = 2
    """Output steps of a layer for one of its input steps (same section); over all layers they multiply to the hop of the mel."""
    last_elu: bool = True
    """Whether the last layer too is followed by an ELU, as in Fig. 2."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What the layers compute in; parameters stay float32, as do sums over heads and what follows them."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size out of range."""
        for field in ("bins", "heads", "width", "stride"):
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of at least 1, found {getattr(self, field)}")
        if self.width % 2 == 0:
            raise ValueError(f"expected an odd width, found {self.width}")
        if min(self.channels, default=0) < 1 or self.channels[-1] != 2:
            raise ValueError(f"expected channels of at least one layer, each at least 1 and the last 2, found {self.channels}")

    @property
    def hop_samples(self) -> int:
        """Samples that a frame becomes."""
        return self.stride ** len(self.channels)

    def samples(self, frames: int) -> int:
        """Samples that so many frames become."""
        return frames * self.hop_samples - CROP


def elu(x: jax.Array) -> jax.Array:
    """x above 0, exp(x) - 1 below; 0 at 0 exactly.

    Within 6e-8 of `jax.nn.elu`, whose `expm1` costs several times as much on a CPU.
    """
    return jnp.where(x > 0, x, jnp.exp(jnp.minimum(x, 0)) - 1)


def init(config: MCNNConfig, key: jax.Array) -> dict[str, Any]:
    """The first parameters.

    Returns:
      `layers`: for each layer the kernels of all heads, float32 (heads, width, in, out), normal with the variance that keeps the
      signal's (our decision; the paper says nothing); `head_weights` float32 (heads,), 1 / heads each; `a` and `b`, the scale of
      the softsign, 1 each.
    """
    layers = []
    inputs = config.bins
    for layer, outputs in enumerate(config.channels):
        # An output step meets width / stride taps of every input channel.
        deviation = math.sqrt(config.stride / (config.width * inputs))
        shape = (config.heads, config.width, inputs, outputs)
        layers.append(deviation * jax.random.normal(jax.random.fold_in(key, layer), shape))
        inputs = outputs
    return {
        "layers": layers,
        "head_weights": jnp.full((config.heads,), 1 / config.heads),
        "a": jnp.float32(1),
        "b": jnp.float32(1),
    }


def heads(config: MCNNConfig, params: Any, mel: jax.Array, *, form: Form = "auto") -> list[jax.Array]:
    """The heads' signals, (n, frames · hop, 2) each: waveform and mask logits, not yet cropped.

    Args:
      config: the shape.
      params: the parameters.
      mel: float32 (n, frames, bins), plain mel magnitudes, at least 0.
      form: of the transposed convolutions (`drumjax.nn.transposed`).
    """
    dtype = jnp.dtype(config.dtype)
    x, form = mel.astype(dtype), resolve(form)
    n, frames, _ = x.shape
    first = params["layers"][0].astype(dtype)
    if form == "product":
        # The heads share the first layer's input: one product for all.
        matrix = jnp.concatenate([subpixel_matrix(kernel, stride=config.stride) for kernel in first], axis=1)
        rows = windows(x, *reach(config.width, config.stride))
        y = (rows.reshape(n * frames, -1) @ matrix).reshape(n, frames, config.heads, -1)
        stack = [y[:, :, head].reshape(n, frames * config.stride, -1) for head in range(config.heads)]
    else:
        stack = [transposed_conv(x, kernel, stride=config.stride, form=form) for kernel in first]
    last = len(config.channels) - 1
    # A loop: mapped over, the heads become a grouped convolution, which a CPU is slow at.
    for layer, kernels in enumerate(params["layers"]):
        for head in range(config.heads):
            if layer:
                steps, channels = stack[head].shape[1:]
                stack[head] = transposed_conv(
                    stack[head],
                    kernels[head].astype(dtype),
                    stride=config.stride,
                    form=form,
                    group=fast_group(steps, channels),
                )
            if layer < last or config.last_elu:
                stack[head] = elu(stack[head])
    return stack


def synthesize(config: MCNNConfig, params: Any, mel: jax.Array, *, form: Form = "auto") -> tuple[jax.Array, jax.Array]:
    """The waveform before the mask, and the mask's logits (eqs. 6 and 7; scaled softsign after Arık et al., Sec. III).

    Args:
      config: the shape.
      params: the parameters.
      mel: float32 (n, frames, bins), plain mel magnitudes, at least 0.
      form: of the transposed convolutions (`drumjax.nn.transposed`).

    Returns:
      Both float32 (n, frames · hop - 1): the waveform a·x / (1 + |b·x|) of the heads' weighted sum x, and the plain sum of the
      heads' mask signals, whose sigmoid is the mask.
    """
    signals = [signal.astype(jnp.float32)[:, : config.samples(mel.shape[1])] for signal in heads(config, params, mel, form=form)]
    x = sum(weight * signal[..., 0] for weight, signal in zip(params["head_weights"], signals, strict=True))
    mask = sum(signal[..., 1] for signal in signals)
    return params["a"] * x / (1 + jnp.abs(params["b"] * x)), mask


def vocode(config: MCNNConfig, params: Any, mel: jax.Array, *, form: Form = "auto") -> jax.Array:
    """Sounds: the waveform where the mask is above one half, else 0 ("at generation time the mask is binarized").

    Args:
      config: the shape.
      params: the parameters.
      mel: float32 (n, frames, bins), plain mel magnitudes, at least 0.
      form: of the transposed convolutions (`drumjax.nn.transposed`).

    Returns:
      float32 (n, frames · hop - 1).
    """
    waveform, mask = synthesize(config, params, mel, form=form)
    return jnp.where(mask > 0, waveform, 0)
