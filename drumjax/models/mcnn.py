"""The vocoder of the Neural Drum Machine (Aouameur, Esling and Hadjeres, 2019), Sec. "MCNN inversion" and Fig. 2.

A multi-head convolutional network (Arık, Jun and Diamos, "Fast Spectrogram Inversion Using Multi-Head Convolutional Neural
Networks", 2019) that makes a waveform of a mel spectrogram. Every head is a stack of transposed convolutions without biases, each
followed by an ELU, and gives two signals: a part of the waveform and a part of the mask that silences what the wide kernels leave
behind a sound's end. Without biases silence stays silence: zero frames in give exact zeros out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from drumjax.nn.transposed import Form, fast_group, resolve, subpixel_matrix, subpixel_product, transposed_conv

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


@jax.custom_vjp
def elu(x: jax.Array) -> jax.Array:
    """x above 0, exp(x) - 1 below; 0 at 0 exactly.

    Within 1e-7 of `jax.nn.elu`, whose `expm1` costs more on a CPU; its gradient is made of the result, which the next layer keeps
    anyway.
    """
    return jnp.where(x > 0, x, jnp.exp(jnp.minimum(x, 0)) - 1)


def _elu_and_result(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    y = elu(x)
    return y, y


def _elu_gradient(y: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
    return (gradient * (jnp.minimum(y, 0) + 1),)


elu.defvjp(_elu_and_result, _elu_gradient)


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


def arrange(config: MCNNConfig, params: Any, *, form: Form = "auto") -> Any:
    """The parameters as a player multiplies with them: made once, they save it more than half of its time.

    Args:
      config: the shape.
      params: the parameters.
      form: of the transposed convolutions (`drumjax.nn.transposed`).

    Returns:
      The parameters with `layers` in the dtype that is computed in: the first layer's of all heads together, which read the same
      frames, then those of each head (heads, …); in the form "product" as sub-pixel matrices, else kernels.
    """
    layers = [kernels.astype(jnp.dtype(config.dtype)) for kernels in params["layers"]]
    layers[0] = _side_by_side(layers[0])
    if resolve(form) == "product":
        matrices = [subpixel_matrix(layers[0], stride=config.stride)]
        for layer, kernels in enumerate(layers[1:], 1):
            group = _group(config, layer)
            matrices.append(jnp.stack([subpixel_matrix(kernel, stride=config.stride, group=group) for kernel in kernels]))
        layers = matrices
    return {**params, "layers": layers}


def _side_by_side(kernels: jax.Array) -> jax.Array:
    """(heads, width, in, out) → (width, in, heads · out)."""
    heads, width, inputs, outputs = kernels.shape
    return kernels.transpose(1, 2, 0, 3).reshape(width, inputs, heads * outputs)


def _group(config: MCNNConfig, layer: int) -> int:
    channels = (config.bins, *config.channels)[layer]
    return fast_group(channels, config.stride**layer) if layer else 1


Layer = Callable[[int, jax.Array, jax.Array], jax.Array]
"""(number of the layer, its input, its weights) → its output before the ELU."""


def _heads(config: MCNNConfig, weights: Sequence[Any], mel: jax.Array, layer_of: Layer) -> list[jax.Array]:
    """The heads' signals, (n, frames · hop, 2) each, from the first layer's weights and those of each head at each further one."""

    def elu_after(layer: int, y: jax.Array) -> jax.Array:
        return elu(y) if layer < len(config.channels) - 1 or config.last_elu else y

    together = layer_of(0, mel.astype(jnp.dtype(config.dtype)), weights[0])
    # A loop: mapped over, the heads become a grouped convolution, which a CPU is slow at.
    signals = [elu_after(0, y) for y in jnp.split(together, config.heads, axis=-1)]
    for layer in range(1, len(config.channels)):
        signals = [elu_after(layer, layer_of(layer, y, own)) for y, own in zip(signals, weights[layer], strict=True)]
    return signals


def _joined(config: MCNNConfig, params: Any, signals: Sequence[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Waveform and mask logits of the heads' signals."""
    signals = [signal.astype(jnp.float32)[:, :-CROP] for signal in signals]
    x = functools.reduce(jnp.add, (w * s[..., 0] for w, s in zip(params["head_weights"], signals, strict=True)))
    mask = functools.reduce(jnp.add, (s[..., 1] for s in signals))
    return params["a"] * x / (1 + jnp.abs(params["b"] * x)), mask


def synthesize(config: MCNNConfig, params: Any, mel: jax.Array, *, form: Form = "auto") -> tuple[jax.Array, jax.Array]:
    """The waveform before the mask, and the mask's logits (eqs. 6 and 7; scaled softsign: Fig. 2, and Arık et al.).

    Args:
      config: the shape.
      params: the parameters.
      mel: float32 (n, frames, bins), plain mel magnitudes, at least 0.
      form: of the transposed convolutions (`drumjax.nn.transposed`).

    Returns:
      Both float32 (n, frames · hop - 1): the waveform a·x / (1 + |b·x|) of the heads' weighted sum x, and the plain sum of the
      heads' mask signals, whose sigmoid is the mask.
    """
    kernels = [kernels.astype(jnp.dtype(config.dtype)) for kernels in params["layers"]]
    kernels[0] = _side_by_side(kernels[0])

    def layer_of(layer: int, y: jax.Array, kernel: jax.Array) -> jax.Array:
        return transposed_conv(y, kernel, stride=config.stride, form=form, group=_group(config, layer))

    return _joined(config, params, _heads(config, kernels, mel, layer_of))


def synthesize_arranged(config: MCNNConfig, arranged: Any, mel: jax.Array, *, form: Form = "auto") -> tuple[jax.Array, jax.Array]:
    """`synthesize` with the parameters of `arrange`, for the same form."""

    def layer_of(layer: int, y: jax.Array, weights: jax.Array) -> jax.Array:
        if resolve(form) == "stock":
            return transposed_conv(y, weights, stride=config.stride, form=form)
        return subpixel_product(y, weights, width=config.width, stride=config.stride, group=_group(config, layer))

    return _joined(config, arranged, _heads(config, arranged["layers"], mel, layer_of))


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
    return masked(*synthesize(config, params, mel, form=form))


def masked(waveform: jax.Array, mask_logits: jax.Array) -> jax.Array:
    """The waveform where the mask's sigmoid is above one half, else 0; at 0, the logit of silence, it is not."""
    return jnp.where(mask_logits > 0, waveform, 0)
