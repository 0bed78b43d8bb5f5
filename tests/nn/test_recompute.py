"""Gradients that compute again what they would otherwise keep."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.nn.recompute import recomputed


def layer(x: jax.Array, kernel: jax.Array, shift: jax.Array) -> jax.Array:
    return jnp.maximum(x + shift, 0) @ kernel


def arguments(n: int = 8) -> tuple[jax.Array, jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(0), 3)
    return jax.random.normal(keys[0], (n, 64)), jax.random.normal(keys[1], (64, 2)), jax.random.normal(keys[2], (64,))


def test_values_and_gradients_are_those_of_the_function() -> None:
    def loss(function):
        return lambda *args: jnp.sum(jnp.square(function(*args)))

    plain, anew = (jax.jit(jax.value_and_grad(loss(f), (0, 1, 2)))(*arguments()) for f in (layer, recomputed(layer)))
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(anew), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_what_lies_between_is_not_kept_on_a_cpu_either() -> None:
    """Four layers, each with an activation of a megabyte between input and result."""
    x, kernel, shift = jnp.zeros((4096, 64)), jnp.zeros((64, 64)), jnp.zeros(64)

    def bytes_of(function):
        def deep(kernel, shift, x):
            for _ in range(4):
                x = function(x, kernel, shift)
            return jnp.sum(jnp.square(x))

        return jax.jit(jax.grad(deep, (0, 1))).lower(kernel, shift, x).compile().memory_analysis().temp_size_in_bytes

    assert bytes_of(recomputed(layer)) <= bytes_of(layer) - 2 * x.nbytes
