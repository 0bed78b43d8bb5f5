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


def _at(x: jax.Array, step: jax.Array) -> jax.Array:
    return lax.dynamic_index_in_dim(x, step, 1, keepdims=False)


def _put(x: jax.Array, value: jax.Array, step: jax.Array, column: int = 0) -> jax.Array:
    return lax.dynamic_update_slice(x, value[:, None], (0, step, column))


def _rows(x: jax.Array) -> jax.Array:
    """(batch, steps, n) -> (batch · steps, n). XLA transposes nothing then, and a batch spread over devices stays where it is."""
    return x.reshape(-1, x.shape[-1])


def _dot(x: jax.Array, w: jax.Array) -> jax.Array:
    """x @ w, multiplied in w's type and summed in x's."""
    return jnp.matmul(x.astype(w.dtype), w, preferred_element_type=x.dtype)


def _scan(projected: jax.Array, wh: jax.Array, b: jax.Array, reverse: bool, save: bool) -> tuple[jax.Array, State, tuple]:
    """Outputs, last state and, if `save`, what `_recurrence_bwd` needs: ∂c/∂z of i, f, g and ∂h/∂z of o; ∂c/∂h; f.

    All arguments are halved where a sigmoid follows: z is what the one tanh sees. Everything but wh is at least float32: XLA's CPU
    compiler copies a bfloat16 array as a whole at every write into it (32 times slower).
    """
    steps, units = projected.shape[1], wh.shape[0]
    empty = jnp.zeros_like(projected[..., :units])  # "like": it varies over the devices of a shard_map as its model does
    zero = jnp.zeros_like(projected[:, 0, :units])

    def step(n: jax.Array, carry: tuple) -> tuple:
        (h, c), outputs, inputs, *saved = carry
        t = steps - 1 - n if reverse else n
        i, f, g, o = jnp.split(jnp.tanh(_at(inputs, t) + _dot(h, wh) + b), 4, -1)
        i, f, o = i / 2 + 0.5, f / 2 + 0.5, o / 2 + 0.5
        before, c = c, f * c + i * g
        tanh_c = jnp.tanh(c)
        h = o * tanh_c
        if save:
            by_gate = (2 * g * i * (1 - i), 2 * before * f * (1 - f), i * (1 - g * g), 2 * tanh_c * o * (1 - o))
            for gate, value in enumerate(by_gate):
                inputs = _put(inputs, value, t, gate * units)
            saved = [_put(saved[0], o * (1 - tanh_c * tanh_c), t), _put(saved[1], f, t)]
        return (h, c), _put(outputs, h, t), inputs, *saved

    saved = (empty, empty) if save else ()
    state, outputs, *saved = lax.fori_loop(0, steps, step, ((zero, zero), empty, projected, *saved))
    return outputs, state, tuple(saved)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _recurrence(projected: jax.Array, wh: jax.Array, b: jax.Array, reverse: bool) -> tuple[jax.Array, State]:
    return _scan(projected, wh, b, reverse, save=False)[:2]


def _recurrence_fwd(projected: jax.Array, wh: jax.Array, b: jax.Array, reverse: bool) -> tuple[tuple[jax.Array, State], tuple]:
    outputs, state, saved = _scan(projected, wh, b, reverse, save=True)
    return (outputs, state), (outputs, wh, *saved)


def _recurrence_bwd(reverse: bool, residuals: tuple, cotangents: tuple[jax.Array, State]) -> tuple[jax.Array, ...]:
    outputs, wh, by_gate, by_cell, forget = residuals
    d_outputs, (dh, dc) = cotangents
    steps = outputs.shape[1]

    def step(n: jax.Array, carry: tuple) -> tuple:
        (dh, dc), by_gate = carry
        t = n if reverse else steps - 1 - n
        dh = dh + _at(d_outputs, t)
        dc = dc + dh * _at(by_cell, t)
        dz = _at(by_gate, t) * jnp.concatenate([dc, dc, dc, dh], -1)
        return (_dot(dz, wh.T), dc * _at(forget, t)), _put(by_gate, dz, t)

    _, dz = lax.fori_loop(0, steps, step, ((dh, dc), by_gate))
    kept, gap = (outputs[:, 1:], (0, 1)) if reverse else (outputs[:, :-1], (1, 0))
    before = jnp.pad(kept, ((0, 0), gap, (0, 0)))
    return dz, _rows(before).astype(wh.dtype).T @ _rows(dz).astype(wh.dtype), _rows(dz).sum(0)


_recurrence.defvjp(_recurrence_fwd, _recurrence_bwd)


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
    units = wh.shape[0]
    # "like x": in a shard_map the products with it vary over the devices, as the gradients that `_recurrence_bwd` returns do.
    halve = jnp.full_like(x, 0.5, shape=(4 * units,)).at[2 * units : 3 * units].set(1)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    projected = (_rows(x) @ (wx * halve)).reshape(*x.shape[:2], 4 * units)
    outputs, state = _recurrence(projected.astype(wide), wh * halve, (b * halve).astype(wide), reverse)
    return outputs.astype(x.dtype), state


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
        outputs, finals = [], []
        for direction in ("forward", "backward"):
            wx = self.param(f"{direction}_wx", _per_gate(nn.initializers.glorot_uniform()), (x.shape[-1], 4 * self.units))
            wh = self.param(f"{direction}_wh", _per_gate(nn.initializers.orthogonal()), (self.units, 4 * self.units))
            b = self.param(f"{direction}_b", _forget_one, (4 * self.units,))
            output, (h, _) = lstm(*nn.dtypes.promote_dtype(x, wx, wh, b, dtype=self.dtype), reverse=direction == "backward")
            outputs.append(output)
            finals.append(h)
        return jnp.concatenate(outputs, -1), jnp.concatenate(finals, -1).astype(self.dtype)
