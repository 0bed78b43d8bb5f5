"""Losses that systems share. Every function gives one value an item; the systems average over a batch."""

from __future__ import annotations

from collections.abc import Callable

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


def discriminator_loss(real: jax.Array, fake: jax.Array, *, smoothing: float = 0.0) -> jax.Array:
    """What a discriminator minimises, from logits, in nats (Off the Beaten Track, eq. 1; Goodfellow et al., 2014).

    Args:
      real: (items,), logits of examples of the data.
      fake: (items,), logits of as many generated ones.
      smoothing: examples of the data have the target 1 - smoothing (one-sided label smoothing; Salimans et al., "Improved
        Techniques for Training GANs", 2016, Sec. 3.4); 0 is eq. 1.

    Returns:
      float32 (items,): L(D(x), 1) + L(D(G(z)), 0), 2 log 2 for a discriminator that cannot tell.
    """
    return soft_bce(real, jnp.full_like(real, 1 - smoothing)) + soft_bce(fake, jnp.zeros_like(fake))


def generator_loss(fake: jax.Array) -> jax.Array:
    """What a generator minimises, the non-saturating form, in nats: L(D(G(z)), 1) (Off the Beaten Track, eq. 2).

    Args:
      fake: (items,), the discriminator's logits of generated examples.

    Returns:
      float32 (items,).
    """
    return soft_bce(fake, jnp.ones_like(fake))


def r1_penalty(score: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """The squared length of a discriminator's gradient at examples of the data.

    Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", 2018, eq. 9, without its factor γ / 2.

    Args:
      score: (items, ...) → (items,), the logit of each item, which must depend on that item alone.
      x: (items, ...).

    Returns:
      float32 (items,), ‖∇ score(x)‖².
    """
    gradient = jax.grad(lambda x: jnp.sum(score(x)))(x)
    return jnp.sum(jnp.square(gradient.astype(jnp.float32)), axis=tuple(range(1, x.ndim)))


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """The mean of the values (items,) whose mask (items,) is 1; 0 for an empty mask."""
    return jnp.sum(values * mask) / jnp.maximum(jnp.sum(mask), 1)
