"""Ways from a start to a goal: straight and on the sphere through codes, and the crossfade through patterns.

Source: Off the Beaten Track, Sec. "Linear and spherical interpolation" (eqs. 6 and 7) and "Crossfading vs. interpolation in the
representation space". Where eq. 7 breaks down, eq. 6 takes its place; the bounds are our decision and stand beside their constants.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

LEAST_ANGLE = 1e-3
"""Radians under which a path is straight: eq. 7 divides by sin θ, and the paths differ by less than 1e-7 of the codes there."""
GREATEST_ANGLE = np.pi - 0.1
"""Radians above which a path is straight: unequal codes blow up as 1 / (π - θ); up to here the weights stay under 10.1."""
LEAST_CODE = 1e-12
"""A code whose components all lie under this has no direction that float32 could tell from rounding: it counts as zero."""


def fractions(measures: int) -> np.ndarray:
    """μ_i = i / L for i = 0 … L (eq. 6), float32 (measures,), where L is `measures` - 1: both ends are included.

    Raises:
      ValueError: for fewer than 2 measures, which cannot hold a start and a goal.
    """
    if measures < 2:
        raise ValueError(f"expected at least 2 measures, the start and the goal, found {measures}")
    return np.arange(measures, dtype=np.float32) / np.float32(measures - 1)


def lerp(start: ArrayLike, goal: ArrayLike, mu: ArrayLike) -> jax.Array:
    """The straight path (eq. 6).

    Args:
      start: codes, (..., d).
      goal: codes, (..., d).
      mu: fractions of the way in [0, 1], a scalar or (points,).

    Returns:
      (..., d) for a scalar `mu`, else (..., points, d). At 0 and 1 exactly the start and the goal.
    """
    start, goal, mu = _along(start, goal, mu)
    return (1 - mu) * start + mu * goal


def slerp(start: ArrayLike, goal: ArrayLike, mu: ArrayLike) -> jax.Array:
    """The path on the sphere (eq. 7); the angle θ is that between the normalised codes, the codes keep their lengths.

    It is `lerp` for a pair whose angle is under `LEAST_ANGLE` or above `GREATEST_ANGLE` or of which a code is zero. For codes up to
    1e6 neither the values nor their gradients are ever NaN.

    Args:
      start: codes, (..., d).
      goal: codes, (..., d).
      mu: fractions of the way in [0, 1], a scalar or (points,).

    Returns:
      (..., d) for a scalar `mu`, else (..., points, d). At 0 and 1 exactly the start and the goal.
    """
    start, goal, mu = _along(start, goal, mu)
    start_direction, start_is_zero = _direction(start)
    goal_direction, goal_is_zero = _direction(goal)
    # The half-angle form keeps its precision at both ends, where arccos of a float32 cosine loses half of its digits.
    apart = jnp.sum((goal_direction - start_direction) ** 2, axis=-1, keepdims=True)
    together = jnp.sum((goal_direction + start_direction) ** 2, axis=-1, keepdims=True)
    # A square root has an infinite slope at 0, and 0 · inf is NaN even in the branch that `where` drops: the pairs that go straight
    # are replaced by a right angle before it, not after.
    straight = start_is_zero | goal_is_zero
    straight |= (apart <= (2 * np.sin(LEAST_ANGLE / 2)) ** 2) | (together <= (2 * np.cos(GREATEST_ANGLE / 2)) ** 2)
    theta = 2 * jnp.arctan2(jnp.sqrt(jnp.where(straight, 2, apart)), jnp.sqrt(jnp.where(straight, 2, together)))
    curved = (jnp.sin(theta * (1 - mu)) * start + jnp.sin(theta * mu) * goal) / jnp.sin(theta)
    # The ends are taken as they are: a quotient of sines is 1 only up to rounding once a compiler has rewritten it.
    return jnp.where(straight | (mu == 0) | (mu == 1), (1 - mu) * start + mu * goal, curved)


def crossfade(start: np.ndarray, goal: np.ndarray, measures: int) -> np.ndarray:
    """The crossfade in pattern space: eq. 6 with identities in place of encoder and decoder.

    Args:
      start: velocities in [0, 1], (..., steps, lanes), numpy or JAX.
      goal: velocities in [0, 1], of the same shape.
      measures: how many patterns, both ends included; at least 2.

    Returns:
      (..., measures, steps, lanes), of the inputs' kind and type; the first is the start and the last the goal, exactly.

    Raises:
      ValueError: for grids of different shapes or of fewer than two axes, or fewer than 2 measures.
    """
    if start.shape != goal.shape or start.ndim < 2:
        raise ValueError(f"expected two grids of one shape (..., steps, lanes), found {start.shape} and {goal.shape}")
    mu = fractions(measures)[:, None, None]
    return (1 - mu) * start[..., None, :, :] + mu * goal[..., None, :, :]


def _along(start: ArrayLike, goal: ArrayLike, mu: ArrayLike) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The codes with the axes of `mu` put before the last one, and `mu` against them."""
    start, goal, mu = jnp.asarray(start), jnp.asarray(goal), jnp.asarray(mu)
    axes = tuple(range(-1 - mu.ndim, -1))
    return jnp.expand_dims(start, axes), jnp.expand_dims(goal, axes), mu[..., None]


def _direction(code: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The unit vector along `code` (..., d), and whether the code counts as zero (..., 1); its direction is arbitrary then."""
    largest = jnp.max(jnp.abs(jax.lax.stop_gradient(code)), axis=-1, keepdims=True)
    is_zero = largest < LEAST_CODE
    # Divided by the largest component first, or the squares of small and large codes would leave float32. A direction does not
    # depend on the scale, so the scale needs no gradient.
    scaled = jnp.where(is_zero, 1.0, code / jnp.where(is_zero, 1.0, largest))
    return scaled / jnp.sqrt(jnp.sum(scaled**2, axis=-1, keepdims=True)), is_zero
