"""The conditional Wasserstein autoencoder of Neural Drum Machine (Aouameur, Esling and Hadjeres), Sec. "The Conditional WAE".

Encoder: blocks of a strided convolution, conditional batch normalisation and ReLU, then dense layers to the code. Decoder: the
mirror. Log-mel spectrograms, standardised per element, go in and come out. The paper writes spectrograms bins × frames; here they
are frames first, (n, frames, bins), and so is every kernel.

    part      shape at the paper's size
    blocks    86 × 512 → 43 × 171 → 22 × 57 → 11 × 19, 64 channels each
    dense     13,376 → 1,024 → 512 → 64

The number of channels, linear codes and outputs, and conditional batch normalisation between the dense layers too are our
reading; so are layers without a bias where a batch normalisation follows, which would take it away again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from drumjax.nn.conv import strided_conv2d, transposed_conv2d
from drumjax.nn.norms import ConditionalBatchNorm, class_weights
from drumjax.nn.recompute import recomputed

KERNEL, STRIDE, PADDING = (5, 11), (2, 3), (2, 5)
"""Of every convolution, (frames, bins)."""

Norm = tuple[jax.Array, jax.Array]
"""A scale and a shift, as `ConditionalBatchNorm` gives them."""
Stats = Any
"""The collection `batch_stats`: the moving averages of the batch normalisations, `{"encoder": ..., "decoder": ...}`."""


@dataclass(frozen=True)
class CWAEConfig:
    """The shape of the CWAE. The defaults are the paper's, or ours where it gives no value."""

    classes: int = 11
    """Classes of sounds (Sec. "Dataset")."""
    frames: int = 86
    """Frames of a spectrogram (same section: 22,015 samples, hop 256)."""
    bins: int = 512
    """Mel bands of a spectrogram (Sec. "MCNN inversion")."""
    channels: tuple[int, ...] = (64, 64, 64)
    """Channels of the encoder's convolutions, one block each, in its order; the decoder mirrors them (our decision)."""
    dense: tuple[int, ...] = (1024, 512)
    """Widths of the encoder's dense layers before the code; the decoder mirrors them (our decision)."""
    latent: int = 64
    """Size d of the code (Sec. "Experimental setup")."""
    statistics_decay: float = 0.9
    """How much of the batch normalisations' moving averages stays at a step (our decision)."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What the layers compute in; parameters stay float32."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size out of range."""
        for field in ("classes", "frames", "bins", "latent"):
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of at least 1, found {getattr(self, field)}")
        for field in ("channels", "dense"):
            if min(getattr(self, field), default=0) < 1:
                raise ValueError(f"expected {field} of at least one layer, each at least 1 wide, found {getattr(self, field)}")
        if not 0 <= self.statistics_decay < 1:
            raise ValueError(f"expected statistics_decay in [0, 1), found {self.statistics_decay}")

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(frames, bins) of the spectrogram and after every block: kernel, stride and padding divide by the stride, rounding up."""
        sizes = [(self.frames, self.bins)]
        for _ in self.channels:
            frames, bins = sizes[-1]
            sizes.append((-(-frames // STRIDE[0]), -(-bins // STRIDE[1])))
        return tuple(sizes)


class Block(nn.Module):
    """A strided convolution, or its transpose to a size, without bias: parameter `kernel` (*KERNEL, channels, features).

    The kernel starts normal with the variance that keeps the signal's, twice that where a ReLU follows (`gain`; He et al., 2015).
    With `norm`, a scale and a shift of the input, what is convolved is the ReLU of the scaled and shifted input.
    """

    features: int
    to: tuple[int, int] | None = None
    gain: float = 2.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, norm: Norm | None = None) -> jax.Array:
        # A cell of the transpose's result meets one in (rows times columns of the stride) of the kernel's taps.
        gain = self.gain * (1 if self.to is None else STRIDE[0] * STRIDE[1])
        init = nn.initializers.variance_scaling(gain, "fan_in", "normal")
        kernel = self.param("kernel", init, (*KERNEL, x.shape[-1], self.features))
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        to = self.to

        def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
            if to is None:
                return strided_conv2d(x, kernel, stride=STRIDE, padding=PADDING)
            return transposed_conv2d(x, kernel, stride=STRIDE, padding=PADDING, size=to)

        if norm is None:
            return convolve(x, kernel)

        # At the paper's batch each activation that need not be kept saves 1.2 GiB.
        @recomputed
        def activate_and_convolve(x: jax.Array, kernel: jax.Array, scale: jax.Array, shift: jax.Array) -> jax.Array:
            return convolve(nn.relu(x * scale + shift), kernel)

        return activate_and_convolve(x, kernel, *norm)


def _norm(config: CWAEConfig, train: bool, name: str) -> ConditionalBatchNorm:
    return ConditionalBatchNorm(train=train, decay=config.statistics_decay, name=name)


def _activated(x: jax.Array, norm: Norm | None) -> jax.Array:
    assert norm is not None
    scale, shift = norm
    return nn.relu(x * scale + shift)


def _dense_layers(config: CWAEConfig, widths: Sequence[int], x: jax.Array, weights: jax.Array, train: bool) -> jax.Array:
    """Dense layers without bias, each with its normalisation and ReLU; called inside a module."""
    for layer, width in enumerate(widths):
        init = nn.initializers.he_normal()
        x = nn.Dense(width, use_bias=False, kernel_init=init, dtype=jnp.dtype(config.dtype), name=f"dense_{layer}")(x)
        x = _activated(x, _norm(config, train, f"dense_norm_{layer}")(x, weights))
    return x


class CWAEEncoder(nn.Module):
    """From a spectrogram to its code: float (n, frames, bins) and weights (n, classes) → float32 (n, latent)."""

    config: CWAEConfig
    train: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, weights: jax.Array) -> jax.Array:
        config, dtype = self.config, jnp.dtype(self.config.dtype)
        x, norm = x.astype(dtype)[..., None], None
        for layer, channels in enumerate(config.channels):
            x = Block(channels, dtype=dtype, name=f"conv_{layer}")(x, norm)
            norm = _norm(config, self.train, f"conv_norm_{layer}")(x, weights)
        x = _activated(x, norm).reshape(len(x), -1)
        x = _dense_layers(config, config.dense, x, weights, self.train)
        return nn.Dense(config.latent, name="code")(x.astype(jnp.float32))


class CWAEDecoder(nn.Module):
    """From a code to a spectrogram: float (n, latent) and weights (n, classes) → float32 (n, frames, bins).

    The classes' weights stand beside the code too (Sec. "Generation Process": "concatenate it with the conditioning vector").
    """

    config: CWAEConfig
    train: bool = False

    @nn.compact
    def __call__(self, z: jax.Array, weights: jax.Array) -> jax.Array:
        config, dtype = self.config, jnp.dtype(self.config.dtype)
        x = jnp.concatenate([z, weights], -1).astype(dtype)
        x = _dense_layers(config, config.dense[::-1], x, weights, self.train)
        frames, bins = config.sizes[-1]
        last = nn.Dense(frames * bins * config.channels[-1], use_bias=False, dtype=dtype, name="unflatten")
        x = last(x).reshape(len(x), frames, bins, config.channels[-1])
        norm = _norm(config, self.train, "unflatten_norm")(x, weights)
        for layer in reversed(range(len(config.channels))):
            size = config.sizes[layer]
            if layer:
                x = Block(config.channels[layer - 1], size, dtype=dtype, name=f"conv_{layer}")(x, norm)
                norm = _norm(config, self.train, f"conv_norm_{layer}")(x, weights)
            else:
                x = Block(1, size, 1.0, dtype, name="output")(x, norm)
        return x[..., 0].astype(jnp.float32) + self.param("output_bias", nn.initializers.zeros_init(), ())


def init_cwae(config: CWAEConfig, key: jax.Array) -> tuple[dict[str, Any], Stats]:
    """The first parameters, `{"encoder": ..., "decoder": ...}`, and moving averages."""
    of_encoder, of_decoder = jax.random.split(key)
    weights = jnp.zeros((1, config.classes))
    encoder = CWAEEncoder(config).init(of_encoder, jnp.zeros((1, config.frames, config.bins)), weights)
    decoder = CWAEDecoder(config).init(of_decoder, jnp.zeros((1, config.latent)), weights)
    both = {"encoder": encoder, "decoder": decoder}
    return {name: v["params"] for name, v in both.items()}, {name: v["batch_stats"] for name, v in both.items()}


def encode(config: CWAEConfig, params: Any, stats: Stats, x: jax.Array, label: jax.Array) -> jax.Array:
    """The codes of spectrograms, by the moving averages.

    Args:
      config: the model's shape.
      params: `{"encoder": ...}`; more does not matter.
      stats: `{"encoder": ...}`; more does not matter.
      x: float (n, frames, bins), standardised log-mel.
      label: int (n,), or float (n, classes) for mixes of classes.

    Returns:
      float32 (n, latent).
    """
    variables = {"params": params["encoder"], "batch_stats": stats["encoder"]}
    return cast(jax.Array, CWAEEncoder(config).apply(variables, x, class_weights(label, config.classes)))


def decode(config: CWAEConfig, params: Any, stats: Stats, z: jax.Array, label: jax.Array) -> jax.Array:
    """The spectrograms of codes, by the moving averages.

    Args:
      config: the model's shape.
      params: `{"decoder": ...}`; more does not matter.
      stats: `{"decoder": ...}`; more does not matter.
      z: float (n, latent).
      label: int (n,), or float (n, classes) for mixes of classes.

    Returns:
      float32 (n, frames, bins), standardised log-mel.
    """
    variables = {"params": params["decoder"], "batch_stats": stats["decoder"]}
    return cast(jax.Array, CWAEDecoder(config).apply(variables, z, class_weights(label, config.classes)))


def reconstruct_in_training(
    config: CWAEConfig,
    params: Any,
    stats: Stats,
    x: jax.Array,
    label: jax.Array,
    moved: Callable[[jax.Array], jax.Array] = lambda z: z,
) -> tuple[jax.Array, jax.Array, Stats]:
    """Codes float32 (n, latent), their spectrograms float32 (n, frames, bins), by the batch's statistics, and the new averages.

    `moved` is what is done to the codes on the way to the decoder.
    """
    weights = class_weights(label, config.classes)
    encoder = {"params": params["encoder"], "batch_stats": stats["encoder"]}
    z, of_encoder = CWAEEncoder(config, train=True).apply(encoder, x, weights, mutable=["batch_stats"])
    decoder = {"params": params["decoder"], "batch_stats": stats["decoder"]}
    y, of_decoder = CWAEDecoder(config, train=True).apply(decoder, moved(z), weights, mutable=["batch_stats"])
    new = {"encoder": of_encoder["batch_stats"], "decoder": of_decoder["batch_stats"]}
    return cast(jax.Array, z), cast(jax.Array, y), new
