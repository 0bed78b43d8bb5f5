"""Initial weights, all drawn at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

T = TypeVar("T")
Draw = Callable[[int], jax.Array]
_draws: list[Draw] = []


def uniform(fan: int) -> Callable[..., jax.Array]:
    """An initialiser: uniform between ± 1/√fan, which PyTorch's dense, convolutional and recurrent layers begin with."""

    def draw(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        size = math.prod(shape)
        values = _draws[-1](size) if _draws else jax.random.uniform(key, (size,), minval=-1.0)
        return (fan**-0.5 * values.reshape(shape)).astype(dtype)

    return draw


@contextmanager
def _drawing(draw: Draw) -> Iterator[None]:
    _draws.append(draw)
    try:
        yield
    finally:
        _draws.pop()


def at_once(init: Callable[[], T], key: jax.Array) -> T:
    """What `init` gives, but every `uniform` of it takes its numbers from one draw, in the order of their calls.

    Each draw of its own is a program of its own to XLA: of a model with 80 weights they took most of the compiler's time, 14 s of a
    core on a CPU.
    """
    taken = 0

    def count(size: int) -> jax.Array:
        nonlocal taken
        taken += size
        return jnp.zeros(size)

    with _drawing(count):
        jax.eval_shape(init)
    values, taken = jax.random.uniform(key, (taken,), minval=-1.0), 0

    def slice_(size: int) -> jax.Array:
        nonlocal taken
        taken += size
        return values[taken - size : taken]

    with _drawing(slice_):
        return init()
