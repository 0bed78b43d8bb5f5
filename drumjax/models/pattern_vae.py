"""The drum-pattern VAE of Off the Beaten Track (Borghuis et al.), Sec. "Deep and Recurrent Networks" and Fig. 1.

Encoder: three bidirectional LSTM layers, four dense ReLU layers, d = 4. Decoder: five dense layers, ReLU between, logistic units
last. The widths stand in a figure that the text does not repeat: those here are our decision, and fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from drumjax.nn.conv import StridedConv
from drumjax.nn.recurrent import BidirectionalLSTM


@dataclass(frozen=True)
class PatternNetworkConfig:
    """What the pattern networks share: the trunk that reads a pattern and the dense layers that write one.

    The defaults are the paper's where it gives a value.
    """

    steps: int = 64
    """Steps of a pattern: 4 bars of 16ths (Sec. "Electronic Dance Music Dataset")."""
    lanes: int = 6
    """Instruments of a pattern (same section)."""
    latent: int = 4
    """Size d of the code, or of the noise (Sec. "Deep and Recurrent Networks")."""
    encoder: Literal["lstm", "conv"] = "lstm"
    """What reads the steps: the paper's LSTM layers, or the convolutions that it found similar in reconstruction error."""
    lstm_layers: int = 3
    """Bidirectional LSTM layers (same section)."""
    lstm_units: int = 64
    """Units a direction (our decision)."""
    conv_channels: tuple[int, ...] = (64, 128, 128)
    """Channels of the convolutional variant's layers; each halves the steps (our decision)."""
    encoder_widths: tuple[int, ...] = (256, 128, 64, 32)
    """The four dense ReLU layers of the encoder (their number: same section; widths: our decision)."""
    decoder_widths: tuple[int, ...] = (32, 64, 128, 256)
    """The dense ReLU layers of the decoder before its logistic one of steps × lanes (five in all: same section; widths: ours)."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What the layers compute in; parameters stay float32."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size out of range."""
        for field in ("steps", "lanes", "latent", "lstm_layers", "lstm_units"):
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of at least 1, found {getattr(self, field)}")
        for field in ("conv_channels", "encoder_widths", "decoder_widths"):
            if min(getattr(self, field), default=0) < 1:
                raise ValueError(f"expected {field} of at least one layer, each at least 1 wide, found {getattr(self, field)}")
        halvings = len(self.conv_channels)
        if self.encoder == "conv" and self.steps % 2**halvings:
            raise ValueError(
                f"expected steps that {halvings} layers of conv_channels can halve, a multiple of {2**halvings}, found {self.steps}"
            )


@dataclass(frozen=True)
class PatternVAEConfig(PatternNetworkConfig):
    """The shape of the pattern VAE."""


class PatternTrunk(nn.Module):
    """What reads a pattern: recurrent or convolutional layers over the steps, then dense ReLU layers.

    Call: float (items, steps, lanes) → (items, encoder_widths[-1]). The GAN's discriminator has the same trunk (same section).
    """

    config: PatternNetworkConfig

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        config, dtype = self.config, jnp.dtype(self.config.dtype)
        x = x.astype(dtype)
        if config.encoder == "lstm":
            for layer in range(config.lstm_layers):
                sequence, final = BidirectionalLSTM(config.lstm_units, dtype=dtype, name=f"lstm_{layer}")(x)
                x = sequence
            x = final
        else:
            for layer, channels in enumerate(config.conv_channels):
                x = nn.relu(StridedConv(channels, dtype=dtype, name=f"conv_{layer}")(x))
            x = x.reshape(x.shape[0], -1)
        for layer, width in enumerate(config.encoder_widths):
            x = nn.relu(nn.Dense(width, dtype=dtype, name=f"dense_{layer}")(x))
        return x


class PatternDecoder(nn.Module):
    """From a code to a pattern's logits: float (items, d) → float32 (items, steps, lanes). The GAN's generator is the same."""

    config: PatternNetworkConfig

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        config, dtype = self.config, jnp.dtype(self.config.dtype)
        x = z.astype(dtype)
        for layer, width in enumerate(config.decoder_widths):
            x = nn.relu(nn.Dense(width, dtype=dtype, name=f"dense_{layer}")(x))
        x = nn.Dense(config.steps * config.lanes, dtype=dtype, name="output")(x)
        return x.reshape(x.shape[0], config.steps, config.lanes).astype(jnp.float32)


class PatternVAE(nn.Module):
    """The variational autoencoder.

    Velocities are soft targets in [0, 1], (items, steps, lanes). The mean and log-variance heads are linear: a ReLU there would
    forbid negative codes (our decision).
    """

    config: PatternVAEConfig

    def setup(self) -> None:
        self.trunk = PatternTrunk(self.config)
        self.mean = nn.Dense(self.config.latent)
        self.log_variance = nn.Dense(self.config.latent)
        self.decoder = PatternDecoder(self.config)

    def encode(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and log-variance of q(z|x), each float32 (items, d)."""
        features = self.trunk(x).astype(jnp.float32)
        return self.mean(features), self.log_variance(features)

    def decode(self, z: jax.Array) -> jax.Array:
        """Logits of the velocities, float32 (items, steps, lanes), for codes (items, d)."""
        return self.decoder(z)

    def __call__(self, x: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Logits, mean and log-variance for patterns `x` and standard normal `noise` (items, d)."""
        mean, log_variance = self.encode(x)
        return self.decode(mean + jnp.exp(0.5 * log_variance) * noise), mean, log_variance


def encode(model: PatternVAE, params: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`PatternVAE.encode` with parameters: mean and log-variance, float32 (items, d), for patterns (items, steps, lanes)."""
    return cast(tuple[jax.Array, jax.Array], model.apply({"params": params}, x, method="encode"))


def decode(model: PatternVAE, params: Any, z: jax.Array) -> jax.Array:
    """`PatternVAE.decode` with parameters: logits, float32 (items, steps, lanes), for codes (items, d)."""
    return cast(jax.Array, model.apply({"params": params}, z, method="decode"))
