"""Paths that an autonomous drummer takes through a plane of noise: the swirl, a circle, a random walk, a straight line.

Source: Off the Beaten Track, Sec. "Using GANs for autonomous drumming": "exploring the noise space in a smooth way. Exploration can
be designed in many ways and here we propose a very simple approach": the swirl, eq. 8. The other three are our decision. They move
as fast as the swirl does at the paper's length, .55 a measure, and stay where a standard normal prior has drawn noise in training.

Every path is a function of the measure's number alone: measure 7 of a performance is the same whether 8 measures are played or 512.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

PathName = Literal["swirl", "circle", "walk", "straight"]
PATHS: tuple[PathName, ...] = get_args(PathName)
SWIRL_FREQUENCIES = (2, 19, -20, 20)
"""ω₁ to ω₄ of eq. 8."""
SWIRL_AMPLITUDES = (1.0, -1 / 2, 1j / 3, 1 / 4)
"""The factors before its four terms."""
SWIRL_TURN = 128.0
"""t of eq. 8 runs from 0 to 2π in so many measures: the paper's performance of 512 bars is one turn. It is the same for every
length, because 2π / N for N measures would sample ω = 20 less than twice a turn where N is under 40."""
ROUND_TURN = 16.0
"""Measures of a turn of the circle, and of a way there and back on the straight line."""
CIRCLE_RADIUS = float(np.sqrt(2.0))
"""The root mean square radius of a standard normal plane; with 16 measures a turn the step is .55."""
STRAIGHT_END = 2.2
"""The straight line ends so far from the origin on either side, which makes its step .55; 97 % of a prior component lie between."""
WALK_SPREAD = 1.571
"""Measures: the standard deviation of the window that smooths the walk's noise. It makes the mean step .55."""
_WALK_REACH = 6
MOST_TURN = 65_536.0


def swirl(at: ArrayLike, turn: ArrayLike = SWIRL_TURN, frequencies: tuple[int, ...] = SWIRL_FREQUENCIES) -> jax.Array:
    """The swirl (eq. 8): f(t) = e^{jω₁t} − e^{jω₂t}/2 + j e^{jω₃t}/3 + e^{jω₄t}/4, its real and its imaginary part.

    The whole curve keeps between 0.116 and 2.072 from the origin, and its components reach from −1.91 to 1.82.

    Args:
      at: measures, float (points,) or a scalar; not necessarily whole.
      turn: measures in which t goes from 0 to 2π.
      frequencies: ω₁ to ω₄, whole numbers, so that a turn ends where it began.

    Returns:
      float32 (points, 2), or (2,) for a scalar.
    """
    at, turn = jnp.asarray(at, jnp.float32), jnp.asarray(turn, jnp.float32)
    # Whole turns are taken away before anything is rounded, once for t and once for each term: an angle of 20 t after a thousand
    # measures would have lost four digits.
    share = jnp.mod(at, turn) / turn
    angle = 2 * np.pi * jnp.mod(jnp.asarray(frequencies, jnp.float32) * share[..., None], 1.0)
    amplitude = np.asarray(SWIRL_AMPLITUDES)
    real, imaginary = np.float32(amplitude.real), np.float32(amplitude.imag)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    x = jnp.sum(real * cosine - imaginary * sine, axis=-1)
    y = jnp.sum(real * sine + imaginary * cosine, axis=-1)
    return jnp.stack([x, y], axis=-1)


def circle(at: ArrayLike, turn: ArrayLike = ROUND_TURN) -> jax.Array:
    """A circle of radius √2 around the origin, from (√2, 0) against the clock.

    Args:
      at: measures, float (points,) or a scalar.
      turn: measures of a turn.

    Returns:
      float32 (points, 2), or (2,) for a scalar.
    """
    at, turn = jnp.asarray(at, jnp.float32), jnp.asarray(turn, jnp.float32)
    angle = 2 * np.pi * (jnp.mod(at, turn) / turn)
    return CIRCLE_RADIUS * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def straight(at: ArrayLike, turn: ArrayLike = ROUND_TURN, angle: ArrayLike = 0.0) -> jax.Array:
    """A straight line through the origin, to and fro at one speed between −2.2 and 2.2 along a direction.

    Args:
      at: measures, float (points,) or a scalar.
      turn: measures there and back.
      angle: of the direction, in radians from the first axis.

    Returns:
      float32 (points, 2), or (2,) for a scalar.
    """
    at, turn = jnp.asarray(at, jnp.float32), jnp.asarray(turn, jnp.float32)
    share = jnp.mod(at, turn) / turn
    along = STRAIGHT_END * (1 - 2 * jnp.abs(2 * share - 1))
    return along[..., None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def walk(at: ArrayLike, key: jax.Array) -> jax.Array:
    """A smooth random walk whose every point is standard normal: it goes everywhere the prior goes and never drifts away.

    White noise, one draw a measure, under a sliding bell of 1.57 measures whose squared weights sum to one. In comparison with an
    Ornstein–Uhlenbeck walk of the same law and the same mean step it keeps its direction (successive steps correlate with .73 where
    those of the latter do with −.05), and any of its points can be had without the ones before.

    Args:
      at: measures, float (points,), at least 0.
      key: of the noise.

    Returns:
      float32 (points, 2).
    """
    at = jnp.asarray(at, jnp.float32)
    first = jnp.floor(at).astype(jnp.int32)
    around = jnp.arange(-_WALK_REACH, _WALK_REACH + 2)
    slots = first[..., None] + around + _WALK_REACH
    distance = at[..., None] - first[..., None] - around
    weight = jnp.exp(-0.5 * jnp.square(distance / WALK_SPREAD)) * (jnp.abs(distance) <= _WALK_REACH)
    weight = weight / jnp.sqrt(jnp.sum(jnp.square(weight), axis=-1, keepdims=True))
    keys = jax.vmap(lambda slot: jax.random.fold_in(key, slot))(slots.ravel())
    noise = jax.vmap(lambda own: jax.random.normal(own, (2,)))(keys).reshape(*slots.shape, 2)
    return jnp.sum(weight[..., None] * noise, axis=-2)


def turn_of(path: PathName, turn: float | None = None) -> float | None:
    """The measures of a path's turn: those given, else the path's own; None for the walk, which has no turns.

    Raises:
      ValueError: an unknown path, a turn out of range, or one for the walk.
    """
    if path not in PATHS:
        raise ValueError(f"expected a path of {', '.join(PATHS)}, found {path!r}")
    if turn is None:
        return {"swirl": SWIRL_TURN, "circle": ROUND_TURN, "straight": ROUND_TURN}.get(path)
    if path == "walk":
        raise ValueError(f"expected no turn for the walk, which never comes back, found {turn:g} measures")
    if not 2 <= turn <= MOST_TURN:
        raise ValueError(f"expected a turn of 2 to {MOST_TURN:,.0f} measures, found {turn:g}")
    return float(turn)


def points(path: PathName, at: ArrayLike, seed: int = 0, turn: float | None = None) -> jax.Array:
    """The points of a path at given measures.

    Args:
      path: "swirl", "circle", "walk" or "straight".
      at: measures, float (points,), at least 0; whole ones are those that are played.
      seed: decides the walk's noise and the straight line's direction; the swirl and the circle have nothing to draw.
      turn: measures of a turn, 2 to 65,536; None for 128 of the swirl, 16 of the circle and of the line. The walk has no turns.

    Returns:
      float32 (points, 2).

    Raises:
      ValueError: see `turn_of`.
    """
    length = turn_of(path, turn)
    at = jnp.asarray(at, jnp.float32)
    if path == "swirl":
        return _SWIRL(at, length)
    if path == "circle":
        return _CIRCLE(at, length)
    if path == "straight":
        return _STRAIGHT(at, length, jax.random.uniform(jax.random.key(seed), maxval=2 * np.pi))
    return _WALK(at, jax.random.key(seed))


_SWIRL, _CIRCLE, _STRAIGHT, _WALK = jax.jit(swirl), jax.jit(circle), jax.jit(straight), jax.jit(walk)


def plane(d: int, seed: int = 0) -> np.ndarray:
    """Where a path lies in a space of d dimensions: two orthonormal directions, float32 (2, d).

    In two dimensions these are the axes: "the real and the imaginary part of f are used to form the two components of vector z". In
    more they are drawn by the seed, every plane through the origin as likely as any other; a standard normal's shadow on such a
    plane is standard normal again.

    Raises:
      ValueError: fewer than 2 dimensions, which hold no plane.
    """
    if d < 2:
        raise ValueError(f"expected at least 2 dimensions for a path in a plane, found {d}")
    if d == 2:
        return np.eye(2, dtype=np.float32)
    # The walk draws from the same seed, one number a measure: its numbers never come near this one.
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 2**32 - 1), d)
    first, second = np.asarray(jax.random.normal(key, (2, d)), np.float64)
    first /= np.linalg.norm(first)
    second -= second @ first * first
    second /= np.linalg.norm(second)
    return np.stack([first, second]).astype(np.float32)


def to_uniform(z: ArrayLike) -> jax.Array:
    """Carries what moves through a standard normal prior into the uniform one on (−1, 1): 2 Φ(z) − 1 = erf(z / √2), componentwise.

    A standard normal becomes uniform, and the swirl, which leaves the cube as it stands, goes through the same quantiles inside it.

    Args:
      z: float (..., d).

    Returns:
      float32 (..., d) in [−1, 1].
    """
    return jax.lax.erf(jnp.asarray(z, jnp.float32) / np.float32(np.sqrt(2.0)))
