"""Long short-term memory, arranged for XLA and with its gradient written out.

    i, f, g, o = σ, σ, tanh, σ of (x_t W_x + h_{t−1} W_h + b)
    c_t = f c_{t−1} + i g
    h_t = o tanh(c_t)

Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with the forget gate of Gers, Schmidhuber and Cummins,
"Learning to Forget", 2000. Gates stand in the order i, f, g, o, as in PyTorch and Keras.

What makes it quick (`benchmarks/recurrent.py` measures it):
- One tanh over all four gates, σ(z) being ½ + ½ tanh(z/2) and the halving moved into the weights: XLA's CPU compiler makes one
  vectorised loop of it, where four activations on slices cost more than the matrix product.
- The forward pass leaves what the backward pass multiplies with, so that a backward step is a few products and one matrix product;
  the weights' gradients are single matrix products after the loop.
- Loops write in place: the projected inputs give their memory to the derivatives of the gates and these to the gradient.
- The items stand first and nothing is transposed, so a batch that is split over devices needs no traffic but that of its gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

State = tuple[jax.Array, jax.Array]
Weights = tuple[jax.Array, jax.Array, jax.Array]
Each = tuple[Weights, ...]
"""One for each direction."""
Saved = tuple[()] | tuple[jax.Array, jax.Array]


def _at(x: jax.Array, step: jax.Array, column: int, width: int) -> jax.Array:
    return lax.dynamic_slice(x, (0, step, column), (x.shape[0], 1, width))[:, 0]


def _put(x: jax.Array, value: jax.Array, step: jax.Array, column: int) -> jax.Array:
    return lax.dynamic_update_slice(x, value[:, None], (0, step, column))


def _rows(x: jax.Array) -> jax.Array:
    """(batch, steps, n) -> (batch · steps, n). XLA transposes nothing then, and a batch spread over devices stays where it is."""
    return x.reshape(-1, x.shape[-1])


def _dot(x: jax.Array, w: jax.Array) -> jax.Array:
    """x @ w, multiplied in w's type and summed in x's."""
    return jnp.matmul(x.astype(w.dtype), w, preferred_element_type=x.dtype)


def _forward(
    inputs: jax.Array, wh: jax.Array, b: jax.Array, reverse: bool, column: int, outputs: jax.Array, saved: Saved
) -> tuple[State, jax.Array, jax.Array, Saved]:
    """One direction: its last state, outputs written from `column` on, and, unless `saved` is empty, what `_backward` needs.

    That is ∂c/∂z of i, f, g and ∂h/∂z of o in the place of `inputs`, and in `saved` ∂c/∂h and f from `column` on.
    """
    steps, units = inputs.shape[1], wh.shape[0]
    zero = jnp.zeros_like(inputs[:, 0, :units])

    def step(n: jax.Array, carry: tuple) -> tuple:
        (h, c), outputs, inputs, saved = carry
        t = steps - 1 - n if reverse else n
        i, f, g, o = jnp.split(jnp.tanh(_at(inputs, t, 0, 4 * units) + _dot(h, wh) + b), 4, -1)
        i, f, o = i / 2 + 0.5, f / 2 + 0.5, o / 2 + 0.5
        before, c = c, f * c + i * g
        tanh_c = jnp.tanh(c)
        h = o * tanh_c
        if saved:
            by_gate = (2 * g * i * (1 - i), 2 * before * f * (1 - f), i * (1 - g * g), 2 * tanh_c * o * (1 - o))
            for gate, value in enumerate(by_gate):
                inputs = _put(inputs, value, t, gate * units)
            saved = (_put(saved[0], o * (1 - tanh_c * tanh_c), t, column), _put(saved[1], f, t, column))
        return (h, c), _put(outputs, h, t, column), inputs, saved

    return lax.fori_loop(0, steps, step, ((zero, zero), outputs, inputs, saved))


def _backward(
    by_gate: jax.Array,
    by_cell: jax.Array,
    forget: jax.Array,
    wh: jax.Array,
    reverse: bool,
    column: int,
    d_outputs: jax.Array,
    d_state: State,
) -> jax.Array:
    """One direction's gradient for its z, in the place of `by_gate`."""
    steps, units = by_gate.shape[1], wh.shape[0]

    def step(n: jax.Array, carry: tuple) -> tuple:
        (dh, dc), by_gate = carry
        t = n if reverse else steps - 1 - n
        dh = dh + _at(d_outputs, t, column, units)
        dc = dc + dh * _at(by_cell, t, column, units)
        dz = _at(by_gate, t, 0, 4 * units) * jnp.concatenate([dc, dc, dc, dh], -1)
        return (_dot(dz, wh.T), dc * _at(forget, t, column, units)), _put(by_gate, dz, t, 0)

    return lax.fori_loop(0, steps, step, (d_state, by_gate))[1]


def _layer(x: jax.Array, weights: Each, reverse: tuple[bool, ...], save: bool) -> tuple[jax.Array, tuple[State, ...], Saved, list]:
    """LSTMs over one sequence: outputs side by side, last states, and what the gradient needs.

    The weights are halved where a sigmoid follows: z is what the one tanh sees. Everything between the matrix products is at least
    float32: XLA's CPU compiler copies a bfloat16 array as a whole at every write into it (32 times slower).
    """
    units, wide = weights[0][1].shape[0], jnp.promote_types(x.dtype, jnp.float32)
    # "like": it varies over the devices of a shard_map as x does.
    outputs = jnp.zeros_like(x, wide, shape=(*x.shape[:2], units * len(reverse)))
    saved: Saved = (outputs, outputs) if save else ()
    states, by_gate = [], []
    for n, ((wx, wh, b), backwards) in enumerate(zip(weights, reverse, strict=True)):
        inputs = (_rows(x) @ wx).reshape(*x.shape[:2], 4 * units).astype(wide)
        state, outputs, inputs, saved = _forward(inputs, wh, b.astype(wide), backwards, n * units, outputs, saved)
        states.append(state)
        by_gate.append(inputs)
    return outputs.astype(x.dtype), tuple(states), saved, by_gate


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _run(x: jax.Array, weights: Each, reverse: tuple[bool, ...]) -> tuple[jax.Array, tuple[State, ...]]:
    return _layer(x, weights, reverse, save=False)[:2]


def _run_fwd(x: jax.Array, weights: Each, reverse: tuple[bool, ...]) -> tuple[tuple, tuple]:
    outputs, states, saved, by_gate = _layer(x, weights, reverse, save=True)
    return (outputs, states), (x, weights, outputs, by_gate, *saved)


def _run_bwd(
    reverse: tuple[bool, ...], residuals: tuple, cotangents: tuple[jax.Array, tuple[State, ...]]
) -> tuple[jax.Array, Each]:
    x, weights, outputs, by_gate, by_cell, forget = residuals
    d_outputs, d_states = cotangents

    def product(a: jax.Array, dz: jax.Array) -> jax.Array:
        # The barrier has the transpose made first: XLA's CPU products are a sixth slower down the columns.
        return lax.optimization_barrier(_rows(a).T) @ dz

    d_x, d_weights = jnp.zeros_like(_rows(x)), []
    for n, ((wx, wh, _), backwards) in enumerate(zip(weights, reverse, strict=True)):
        units = wh.shape[0]
        d_z = _rows(_backward(by_gate[n], by_cell, forget, wh, backwards, n * units, d_outputs, d_states[n]))
        dz = d_z.astype(x.dtype)  # the factor of the products; the bias's gradient is summed wide
        h = outputs[..., n * units : (n + 1) * units]
        before = jnp.pad(h[:, 1:], ((0, 0), (0, 1), (0, 0))) if backwards else jnp.pad(h[:, :-1], ((0, 0), (1, 0), (0, 0)))
        d_x += dz @ wx.T
        d_weights.append((product(x, dz), product(before, dz), d_z.sum(0).astype(x.dtype)))
    return d_x.reshape(x.shape), tuple(d_weights)


_run.defvjp(_run_fwd, _run_bwd)


def _halved(x: jax.Array, wx: jax.Array, wh: jax.Array, b: jax.Array) -> Weights:
    """The weights for the one tanh. "like": in a shard_map they vary over the devices as x and the gradients in `_run_bwd` do."""
    units = wh.shape[0]
    halve = jnp.full_like(x, 0.5, shape=(4 * units,)).at[2 * units : 3 * units].set(1)
    return wx * halve, wh * halve, b * halve


def lstm(x: jax.Array, wx: jax.Array, wh: jax.Array, b: jax.Array, *, reverse: bool = False) -> tuple[jax.Array, State]:
    """Runs an LSTM from a state of zeros.

    Works under jit, vmap, shard_map and any number of reverse-mode derivatives; forward mode (jvp) is refused by JAX, because
    the gradient is written by hand.

    Args:
        x: (batch, steps, features), of one floating type with the weights.
        wx: (features, 4 units), gates in the order i, f, g, o.
        wh: (units, 4 units), the same order.
        b: (4 units,). PyTorch's two biases are one here: their sum.
        reverse: from the last step to the first. Output t then still stands beside input t; the final state belongs to step 0.

    Returns:
        The outputs (batch, steps, units) in x's type and the final state (h, c), each (batch, units) and at least float32.
    """
    outputs, (state,) = _run(x, (_halved(x, wx, wh, b),), (reverse,))
    return outputs, state


def _per_gate(init: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Each gate is drawn as the layer of its own that it is."""

    def draw(key: jax.Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> jax.Array:
        return jnp.concatenate([init(k, (shape[0], shape[1] // 4), dtype) for k in jax.random.split(key, 4)], -1)

    return draw


def _forget_one(key: jax.Array, shape: tuple[int], dtype: Any = jnp.float32) -> jax.Array:
    return jnp.zeros(shape, dtype).at[shape[0] // 4 : shape[0] // 2].set(1)


class BidirectionalLSTM(nn.Module):
    """One LSTM from the first step to the last and one back, side by side.

    (batch, steps, features) -> outputs (batch, steps, 2 units) and final h (batch, 2 units), each the forward half, then the
    backward half.

    Parameters, float32: `{forward,backward}_{wx,wh,b}`, shaped as `lstm` wants them. Each gate's input weights start Glorot uniform
    (Glorot and Bengio, 2010), its recurrent weights orthogonal (Saxe, McClelland and Ganguli, 2014), biases at 0, the forget gate's
    at 1 (Gers et al., 2000; Jozefowicz, Zaremba and Sutskever, 2015). The papers of this library do not say: our decision.

    Attributes:
        units: of each direction.
        dtype: type of the inputs, outputs and factors of the matrix products; the state and all between stay float32.
    """

    units: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, weights = x.astype(self.dtype), []
        for direction in ("forward", "backward"):
            wx = self.param(f"{direction}_wx", _per_gate(nn.initializers.glorot_uniform()), (x.shape[-1], 4 * self.units))
            wh = self.param(f"{direction}_wh", _per_gate(nn.initializers.orthogonal()), (self.units, 4 * self.units))
            b = self.param(f"{direction}_b", _forget_one, (4 * self.units,))
            weights.append(_halved(x, *(w.astype(self.dtype) for w in (wx, wh, b))))
        outputs, states = _run(x, tuple(weights), (False, True))
        return outputs, jnp.concatenate([h for h, _ in states], -1).astype(self.dtype)
