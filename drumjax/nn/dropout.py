"""Dropout with one random key an item, so that a result does not depend on how a batch is split."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp


class Dropout:
    """Inverted dropout (Srivastava et al., 2014): what stays is divided by its probability.

    Each call takes the next key of each item, so that what is dropped depends on the order of calls while tracing.

    Attributes:
      keys: (items,), random keys; None for none to be dropped.
      rate: the probability of a 0.
    """

    def __init__(self, keys: jax.Array | None, rate: float) -> None:
        self.keys, self.rate, self._calls = (keys if rate else None), rate, 0

    def factors(self, shape: tuple[int, ...]) -> jax.Array | None:
        """Factors float32 (items, *shape), 0 or 1 / (1 - rate); None where nothing is dropped."""
        if self.keys is None:
            return None
        self._calls += 1
        size, calls = math.prod(shape), self._calls
        if self.rate == 0.5:
            # A word decides on 32 numbers, where a word for each would be 32 times as much to draw.
            words = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, calls), (-(-size // 32),)))(self.keys)
            bits = (words[..., None] >> jnp.arange(32, dtype=words.dtype)) & 1
            stays = bits.reshape(len(words), -1)[:, :size]
        else:
            words = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, calls), (size,), jnp.uint16))(self.keys)
            stays = words >= round(self.rate * 2**16)
        return stays.reshape(len(words), *shape).astype(jnp.float32) / (1 - self.rate)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Drops numbers of x (items, ...)."""
        factors = self.factors(x.shape[1:])
        return x if factors is None else x * factors
