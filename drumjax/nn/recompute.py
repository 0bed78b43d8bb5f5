"""Gradients that compute again what they would otherwise keep."""

from __future__ import annotations

from collections.abc import Callable

import jax


def recomputed(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The same function, whose gradient keeps its arguments alone and computes what lies between anew.

    `jax.checkpoint` is meant for this, but XLA's CPU backend finds that both computations are the same and keeps the first one's
    result after all. Here the second depends, by a zero, on the gradient that comes in. No forward mode (jvp).

    Args:
      function: of two or more float arrays, to one. What lies between has to depend on the last argument.
    """

    @jax.custom_vjp
    def call(*arguments: jax.Array) -> jax.Array:
        return function(*arguments)

    def forward(*arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        return function(*arguments), arguments

    def backward(arguments: tuple[jax.Array, ...], gradient: jax.Array) -> tuple[jax.Array, ...]:
        *others, last = arguments
        # 0 · g is no constant to a compiler: g may be infinite.
        late = last + (0 * gradient.ravel()[0]).astype(last.dtype)
        return jax.vjp(function, *others, late)[1](gradient)

    call.defvjp(forward, backward)
    return call
