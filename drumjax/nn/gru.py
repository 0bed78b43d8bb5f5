"""Gated recurrent units in PyTorch's form, and a two-layer decoder that reads what it wrote.

    r, z = σ, σ of (x_t W_x + b_x + h_{t−1} W_h + b_h)
    n = tanh(x_t W_x + b_x + r (h_{t−1} W_h + b_h))
    h_t = (1 − z) n + z h_{t−1}

Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder", 2014, with the reset gate after the product. Gates stand in
the order r, z, n and there are two biases, as in PyTorch: weights and counts of parameters are those of `torch.nn.GRU`, transposed.

A step's gradient is written out: with the one that JAX derives, which keeps and multiplies more than it needs, a whole training
step of PocketVAE takes 1.16 (the paper's size) to 1.27 times (half the units) as long on two CPU cores. Weights' gradients in one
product after the loop, as `drumjax.nn.recurrent` has them, gain nothing beyond. There is no forward mode (jvp).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from drumjax.nn.initial import uniform


class Weights(NamedTuple):
    """One direction's: `wx` (features, 3 units), `wh` (units, 3 units), `bx` and `bh` (3 units,)."""

    wx: jax.Array
    wh: jax.Array
    bx: jax.Array
    bh: jax.Array


@jax.custom_vjp
def cell(x: jax.Array, a: jax.Array, h: jax.Array) -> jax.Array:
    """A step: projected input (items, 3 units), projected state (the same) and state (items, units) → the next state."""
    return _cell(x, a, h)[0]


def _cell(x: jax.Array, a: jax.Array, h: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    units = h.shape[-1]
    # σ(v) is ½ + ½ tanh(v/2): one vectorised loop.
    rz = 0.5 + 0.5 * jnp.tanh(0.5 * (x[..., : 2 * units] + a[..., : 2 * units]))
    r, z, a_n = rz[..., :units], rz[..., units:], a[..., 2 * units :]
    n = jnp.tanh(x[..., 2 * units :] + r * a_n)
    return n + z * (h - n), (r, z, n, a_n, h)


def _cell_gradient(saved: tuple[jax.Array, ...], d: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    r, z, n, a_n, h = saved
    d_n = d * (1 - z) * (1 - n * n)
    d_r = d_n * a_n * r * (1 - r)
    d_z = d * (h - n) * z * (1 - z)
    return jnp.concatenate([d_r, d_z, d_n], -1), jnp.concatenate([d_r, d_z, d_n * r], -1), d * z


cell.defvjp(_cell, _cell_gradient)


def gru(x: jax.Array, weights: Weights, initial: jax.Array | None = None, *, reverse: bool = False) -> tuple[jax.Array, jax.Array]:
    """Runs a GRU.

    Args:
      x: (items, steps, features).
      weights: of the layer.
      initial: (items, units), the state before the first step; None for zeros.
      reverse: from the last step to the first. Output t then still stands beside input t; the final state belongs to step 0.

    Returns:
      The outputs (items, steps, units) and the final state (items, units).
    """
    wx, wh, bx, bh = weights
    projected = x.swapaxes(0, 1) @ wx + bx
    h = jnp.zeros_like(x, shape=(x.shape[0], len(wh))) if initial is None else initial

    def step(h: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        h = cell(x, h @ wh + bh, h)
        return h, h

    final, outputs = lax.scan(step, h, projected, reverse=reverse)
    return outputs.swapaxes(0, 1), final


def gru_weights(module: nn.Module, name: str, features: int, units: int) -> Weights:
    """The parameters `{name}_wx`, `{name}_wh`, `{name}_bx`, `{name}_bh` of a module, at first uniform between ± 1/√units."""
    init, wide = uniform(units), 3 * units
    shapes = {"wx": (features, wide), "wh": (units, wide), "bx": (wide,), "bh": (wide,)}
    return Weights(**{part: module.param(f"{name}_{part}", init, shape) for part, shape in shapes.items()})


class BidirectionalGRU(nn.Module):
    """One GRU from the first step to the last and one back, side by side.

    (items, steps, features), and the states before the first step, (items, 2 units) or None for zeros → outputs (items, steps,
    2 units) and final states (items, 2 units), each the forward half, then the backward half.
    """

    units: int

    @nn.compact
    def __call__(self, x: jax.Array, initial: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        states = (None, None) if initial is None else jnp.split(initial, 2, -1)
        directions = [gru_weights(self, name, x.shape[-1], self.units) for name in ("forward", "backward")]
        runs = [gru(x, w, h, reverse=n == 1) for n, (w, h) in enumerate(zip(directions, states, strict=True))]
        return jnp.concatenate([run[0] for run in runs], -1), jnp.concatenate([run[1] for run in runs], -1)


def _wide(a: jax.Array, like: jax.Array) -> jax.Array:
    """With axes of 1 behind its own, as many as the other has."""
    return a.reshape(a.shape + (1,) * (like.ndim - a.ndim))


class Decoder(NamedTuple):
    """Weights of two GRUs, the second on the first one's state; `project` of `autoregress` is the first one's input."""

    first: tuple[jax.Array, jax.Array]
    """`wh` (units, 3 units) and `bh` (3 units,)."""
    second: Weights


def autoregress(
    weights: Decoder,
    known: jax.Array,
    initial: jax.Array,
    start: Any,
    project: Callable[[Any], jax.Array],
    emit: Callable[[jax.Array, Any], Any],
    feed: Callable[[Any, Any], Any],
    *,
    inputs: Any = None,
    teacher: Any = None,
    forcing: jax.Array | None = None,
    drop_first: jax.Array | None = None,
    drop_second: jax.Array | None = None,
    carry_dropped: bool = True,
) -> tuple[Any, Any]:
    """Two GRUs, step by step, each step reading what the last one wrote, or what it should have written (teacher forcing).

    The second GRU starts from the first one's state after step 0 (the public code).

    Args:
      weights: of both layers.
      known: (items, steps, 3 units), what the first layer's input is besides what is fed back, projected, with the bias.
      initial: (items, units), the first layer's state before the first step.
      start: what is fed at the first step: arrays (items, ...).
      project: from what is fed to its part of the first layer's input, (items, 3 units).
      emit: (second state, this step's `inputs`) → this step's result.
      feed: (result, this step's `inputs`) → what the next step is fed, unless it is forced.
      inputs: arrays (items, steps, ...), of which `emit` and `feed` see one step.
      teacher: the same shape as what is fed, with the steps second; at step t, what step t + 1 is fed where forced.
      forcing: bool (items, steps, ...), which axes of what is fed follow is free.
      drop_first: (items, steps, units), factors of the first layer's states; None for none.
      drop_second: the same for the second layer's.
      carry_dropped: the first layer's next step sees its state with the factors too; the second one's always does.

    Returns:
      The results, and what was fed back, both with the items first and the steps second.
    """

    def by_step(tree: Any) -> Any:
        return jax.tree.map(lambda a: a.swapaxes(0, 1), tree)

    wh, bh = weights.first
    wx2, wh2, bx2, bh2 = weights.second

    def step(carry: tuple, now: tuple) -> tuple:
        h1, h2, fed, first = carry
        known, inputs, teacher, forcing, d1, d2 = now
        h1 = cell(known + project(fed), h1 @ wh + bh, h1)
        h2 = jnp.where(first, h1, h2)
        s1 = h1 if d1 is None else h1 * d1
        h2 = cell(s1 @ wx2 + bx2, h2 @ wh2 + bh2, h2)
        h2 = h2 if d2 is None else h2 * d2
        result = emit(h2, inputs)
        fed = feed(result, inputs)
        if forcing is not None:
            fed = jax.tree.map(lambda t, f: jnp.where(_wide(forcing, f), t, f), teacher, fed)
        return (s1 if carry_dropped else h1, h2, fed, jnp.zeros_like(first)), (result, fed)

    now = by_step((known, inputs, teacher, forcing, drop_first, drop_second))
    carry = (initial, jnp.zeros_like(initial), start, jnp.ones_like(initial[:, :1], bool))
    results: tuple[Any, Any] = by_step(lax.scan(step, carry, now)[1])
    return results
