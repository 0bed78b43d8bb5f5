"""Normalisation that knows of classes."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def class_weights(label: jax.Array, classes: int) -> jax.Array:
    """How much of each class an item is: float32 (n, classes).

    Args:
      label: int (n,), a class each in [0, classes), or float (n, classes), a mix of classes, which is passed on as it is.
      classes: how many there are.

    Raises:
      ValueError: for another type or shape. (A number out of range cannot be refused in a compiled function: it gives no class.)
    """
    if jnp.issubdtype(label.dtype, jnp.integer) and label.ndim == 1:
        return jax.nn.one_hot(label, classes, dtype=jnp.float32)
    if jnp.issubdtype(label.dtype, jnp.floating) and label.ndim == 2 and label.shape[1] == classes:
        return label.astype(jnp.float32)
    raise ValueError(f"expected int labels (n,) or float weights (n, {classes}), found {label.dtype} {label.shape}")


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a scale and a shift of each class (de Vries et al., "Modulating early visual processing by
    language", 2017; FiLM: Perez et al., 2018).

    Mean and variance are taken over the whole batch, all classes alike, and over all axes but the last. A batch in training has no
    padding: all its items count.

    Call: x (n, ..., channels) and weights float32 (n, classes), which sum to 1 → scale and shift, of the type of x and of shapes
    that go with it, (n, 1..., channels): x · scale + shift is the normalised x. They are not applied here, so that what follows
    may keep x alone for its gradient. A mix of classes has the same mix of scales and shifts.

    Parameters, float32: `scale` (classes, channels), at first 1, and `shift` (classes, channels), at first 0. Collection
    `batch_stats`, float32: `mean` and `variance` (channels,), moving averages of the batches', which serve outside training.

    Attributes:
      train: normalise by the batch and, where `batch_stats` is mutable, move the averages.
      decay: how much of a moving average stays at a step.
      epsilon: added to the variance.
    """

    train: bool = False
    decay: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        channels = x.shape[-1]
        scales = self.param("scale", nn.initializers.ones_init(), (weights.shape[1], channels))
        shifts = self.param("shift", nn.initializers.zeros_init(), (weights.shape[1], channels))
        mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        variance = self.variable("batch_stats", "variance", jnp.ones, (channels,))
        over = tuple(range(x.ndim - 1))
        if self.train:
            wide = x.astype(jnp.float32)
            of_mean = jnp.mean(wide, over)
            # Of the squares, not of the differences: those would be written to memory, and read twice in the gradient (a third of
            # this layer's time). The subtraction loses about 1e-7 of the squared mean, which for the outputs of a layer is small.
            of_variance = jnp.maximum(jnp.mean(jnp.square(wide), over) - jnp.square(of_mean), 0)
            if self.is_mutable_collection("batch_stats") and not self.is_initializing():
                mean.value = self.decay * mean.value + (1 - self.decay) * of_mean
                variance.value = self.decay * variance.value + (1 - self.decay) * of_variance
        else:
            of_mean, of_variance = mean.value, variance.value
        scale = (weights @ scales) * jax.lax.rsqrt(of_variance + self.epsilon)
        shift = weights @ shifts - of_mean * scale
        shape: Any = (x.shape[0], *(1,) * (x.ndim - 2), channels)
        return scale.reshape(shape).astype(x.dtype), shift.reshape(shape).astype(x.dtype)
