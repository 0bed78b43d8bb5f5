"""The genre of a groove (PocketVAE, Lee, Kim and Nam, 2021, Sec. 4.2): a bidirectional GRU of two layers on notes, velocities and
microtimings.

Its sizes are those of the public code, which has an LSTM of one layer and reads its forward half alone; ours reads the final states
of both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from drumjax.nn.dropout import Dropout
from drumjax.nn.gru import BidirectionalGRU
from drumjax.nn.initial import at_once, uniform


@dataclass(frozen=True)
class GenreClassifierConfig:
    """The shape of the classifier."""

    genres: int = 6
    """How many there are."""
    steps: int = 32
    """16ths of a groove."""
    lanes: int = 7
    """Drums."""
    layers: int = 2
    """Bidirectional layers (Sec. 4.2)."""
    units: int = 64
    """Of a direction (the public code)."""
    dropout: float = 0.5
    """Rate (the public code)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size or rate out of range."""
        for field in ("genres", "steps", "lanes", "layers", "units"):
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of at least 1, found {getattr(self, field)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"expected dropout in [0, 1), found {self.dropout}")


class GenreClassifier(nn.Module):
    """[N, V, M] (items, steps, 3 lanes) → logits (items, genres)."""

    config: GenreClassifierConfig

    @nn.compact
    def __call__(self, x: jax.Array, drop: Dropout) -> jax.Array:
        config, units = self.config, self.config.units

        def dense(x: jax.Array, features: int, name: str) -> jax.Array:
            init = uniform(x.shape[-1])
            return cast(jax.Array, nn.Dense(features, kernel_init=init, bias_init=init, name=name)(x))

        x = drop(dense(x, units, "input"))
        for layer in range(config.layers):
            x, final = BidirectionalGRU(units, name=f"gru_{layer}")(drop(x) if layer else x)
        return dense(drop(final), config.genres, "output")


def init_classifier(config: GenreClassifierConfig, key: jax.Array) -> Any:
    """The classifier's first parameters."""
    x = jnp.zeros((1, config.steps, 3 * config.lanes))
    return at_once(lambda: GenreClassifier(config).init(key, x, Dropout(None, 0.0)), key)["params"]


def classify(
    config: GenreClassifierConfig, params: Any, velocity: jax.Array, offset: jax.Array, *, keys: jax.Array | None = None
) -> jax.Array:
    """Logits of the genres.

    Args:
      config: the model's shape.
      params: the classifier's.
      velocity: float (items, steps, lanes) in [0, 1], above 0 where there is a note.
      offset: the same shape, in [-1, 1); only its values where there is a note count.
      keys: (items,), random keys: training, with dropout; None: without.

    Returns:
      float32 (items, genres).
    """
    note = (velocity > 0).astype(velocity.dtype)
    x = jnp.concatenate([note, velocity, offset * note], -1)
    return cast(jax.Array, GenreClassifier(config).apply({"params": params}, x, Dropout(keys, config.dropout)))
