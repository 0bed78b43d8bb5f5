"""Long short-term memory, with a gradient written by hand.

    i, f, g, o = σ, σ, tanh, σ of (x_t W_x + h_{t−1} W_h + b)
    c_t = f c_{t−1} + i g
    h_t = o tanh(c_t)

Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with the forget gate of Gers, Schmidhuber and Cummins,
"Learning to Forget", 2000.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

State = tuple[jax.Array, jax.Array]


def _step(state: State, projected: jax.Array, wh: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """One step: the new (h, c), and what the backward pass wants to know: activated gates and cell."""
    h, c = state
    units = wh.shape[0]
    z = projected + h @ wh
    s = jax.nn.sigmoid(z[:, : 2 * units]), jnp.tanh(z[:, 2 * units : 3 * units]), jax.nn.sigmoid(z[:, 3 * units :])
    gates = jnp.concatenate(s, -1)
    i, f, g, o = jnp.split(gates, 4, -1)
    c = f * c + i * g
    h = o * jnp.tanh(c)
    return (h, c), (gates, c)


def _forward(projected: jax.Array, wh: jax.Array, reverse: bool) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Outputs, gates and cells of every step, time-major."""

    def step(state: State, x: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array, jax.Array]]:
        state, (gates, c) = _step(state, x, wh)
        return state, (state[0], gates, c)

    zeros = jnp.zeros_like(projected[0, :, : wh.shape[0]])
    return lax.scan(step, (zeros, zeros), projected, reverse=reverse)[1]


def _recurrence_plain(projected: jax.Array, wh: jax.Array, reverse: bool) -> tuple[jax.Array, jax.Array]:
    outputs, _, cells = _forward(projected, wh, reverse)
    return outputs, cells[0 if reverse else -1]


_recurrence = jax.custom_vjp(_recurrence_plain, nondiff_argnums=(2,))


def _recurrence_fwd(projected: jax.Array, wh: jax.Array, reverse: bool) -> tuple[tuple[jax.Array, jax.Array], Any]:
    outputs, gates, cells = _forward(projected, wh, reverse)
    return (outputs, cells[0 if reverse else -1]), (outputs, gates, cells, wh)


def _shift(x: jax.Array, reverse: bool) -> jax.Array:
    """x of the step before, zero at the first step."""
    zero = jnp.zeros_like(x[:1])
    return jnp.concatenate([x[1:], zero] if reverse else [zero, x[:-1]])


def _recurrence_bwd(reverse: bool, residuals: Any, cotangents: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    outputs, gates, cells, wh = residuals
    d_outputs, d_cell = cotangents

    def step(carry: State, at: tuple[jax.Array, ...]) -> tuple[State, jax.Array]:
        dh, dc = carry
        d_output, gate, c, c_before = at
        i, f, g, o = jnp.split(gate, 4, -1)
        tanh_c = jnp.tanh(c)
        dh = dh + d_output
        dc = dc + dh * o * (1 - tanh_c**2)
        dz = jnp.concatenate(
            [dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g**2), dh * tanh_c * o * (1 - o)],
            -1,
        )
        return (dz @ wh.T, dc * f), dz

    start = (jnp.zeros_like(d_cell), d_cell)
    _, dz = lax.scan(step, start, (d_outputs, gates, cells, _shift(cells, reverse)), reverse=not reverse)
    d_wh = jnp.einsum("tbu,tbz->uz", _shift(outputs, reverse), dz)
    return dz, d_wh


_recurrence.defvjp(_recurrence_fwd, _recurrence_bwd)


def lstm(x: jax.Array, wx: jax.Array, wh: jax.Array, b: jax.Array, *, reverse: bool = False) -> tuple[jax.Array, State]:
    """Runs an LSTM from a state of zeros.

    Args:
        x: (batch, steps, features).
        wx: (features, 4 units), gates in the order i, f, g, o (PyTorch's and Keras's).
        wh: (units, 4 units), the same order.
        b: (4 units,).
        reverse: from the last step to the first. Output t then stands beside input t and the final state belongs to step 0.

    Returns:
        The outputs (batch, steps, units) and the final state (h, c), each (batch, units).
    """
    projected = jnp.swapaxes(x, 0, 1) @ wx + b
    outputs, c = _recurrence(projected, wh, reverse)
    return jnp.swapaxes(outputs, 0, 1), (outputs[0 if reverse else -1], c)


def _orthogonal_gates(key: jax.Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> jax.Array:
    """(units, 4 units): an orthogonal matrix for each gate (Saxe, McClelland and Ganguli, 2014)."""
    one = nn.initializers.orthogonal()
    return jnp.concatenate([one(k, (shape[0], shape[0]), dtype) for k in jax.random.split(key, 4)], -1)


def _forget_one(key: jax.Array, shape: tuple[int], dtype: Any = jnp.float32) -> jax.Array:
    """Zeros, and ones for the forget gate (Gers et al., 2000; Jozefowicz, Zaremba and Sutskever, 2015)."""
    return jnp.zeros(shape, dtype).at[shape[0] // 4 : shape[0] // 2].set(1)


class BidirectionalLSTM(nn.Module):
    """One LSTM from the first step to the last and one back, side by side.

    (batch, steps, features) -> outputs (batch, steps, 2 units) and final h (batch, 2 units): forward half, backward half.
    Parameters are float32: `{forward,backward}_{wx,wh,b}` as in `lstm`.
    """

    units: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        outputs, finals = [], []
        for name in ("forward", "backward"):
            wx = self.param(f"{name}_wx", nn.initializers.glorot_uniform(), (x.shape[-1], 4 * self.units))
            wh = self.param(f"{name}_wh", _orthogonal_gates, (self.units, 4 * self.units))
            b = self.param(f"{name}_b", _forget_one, (4 * self.units,))
            x, wx, wh, b = nn.dtypes.promote_dtype(x, wx, wh, b, dtype=self.dtype)
            output, (h, _) = lstm(x, wx, wh, b, reverse=name == "backward")
            outputs.append(output)
            finals.append(h)
        return jnp.concatenate(outputs, -1), jnp.concatenate(finals, -1)
