"""Losses that systems share. Every function gives one value an item; the systems average over a batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def kl_standard_normal(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """KL divergence of diagonal Gaussians from the standard normal, in nats.

    Off the Beaten Track, eq. 4, prints its negative; this is the usual sign, at least 0.

    Args:
      mean: (items, d).
      log_variance: (items, d), natural logarithm of the variance.

    Returns:
      float32 (items,), summed over the d dimensions.
    """
    mean, log_variance = mean.astype(jnp.float32), log_variance.astype(jnp.float32)
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.expm1(log_variance) - log_variance, axis=-1)


def soft_bce(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Binary cross-entropy with soft targets, from logits, in nats (Off the Beaten Track, eq. 5 and "Deep and Recurrent Networks").

    Its least value is the targets' own entropy, which is above 0 for targets strictly between 0 and 1.

    Args:
      logits: (items, ...).
      targets: the same shape, in [0, 1].

    Returns:
      float32 (items,), summed over all but the first axis.
    """
    logits, targets = logits.astype(jnp.float32), targets.astype(jnp.float32)
    # log(1 + exp(l)) - l·t, written so that neither term overflows.
    losses = jnp.maximum(logits, 0) - logits * targets + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    return jnp.sum(losses, axis=tuple(range(1, losses.ndim)))


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """The mean of the values (items,) whose mask (items,) is 1; 0 for an empty mask."""
    return jnp.sum(values * mask) / jnp.maximum(jnp.sum(mask), 1)
