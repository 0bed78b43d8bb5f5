"""The LSTM against a double loop in numpy, a naive scan, finite differences and PyTorch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from drumjax.nn.recurrent import BidirectionalLSTM, lstm

BATCH, STEPS, FEATURES, UNITS = 3, 7, 5, 4


def _arguments(dtype: type = np.float32) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(0).standard_normal
    shapes = (BATCH, STEPS, FEATURES), (FEATURES, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,)
    return tuple(draw(shape).astype(dtype) for shape in shapes)


def _by_loop(x: np.ndarray, wx: np.ndarray, wh: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The equations of Hochreiter and Schmidhuber with Gers's forget gate, one sequence and one step after the other."""
    x, wx, wh, b = (np.asarray(a, np.float64) for a in (x, wx, wh, b))

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    outputs, last_h, last_c = [], [], []
    for sequence in x:
        h, c, row = np.zeros(len(wh)), np.zeros(len(wh)), []
        for item in sequence:
            i, f, g, o = np.split(item @ wx + h @ wh + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            row.append(h)
        outputs.append(row)
        last_h.append(h)
        last_c.append(c)
    return np.array(outputs), np.array(last_h), np.array(last_c)


def _naive(x: jax.Array, wx: jax.Array, wh: jax.Array, b: jax.Array, reverse: bool) -> tuple:
    """What JAX differentiates by itself."""

    def step(state: tuple, item: jax.Array) -> tuple:
        h, c = state
        i, f, g, o = jnp.split(item @ wx + h @ wh + b, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[0], wh.shape[0]), x.dtype)
    state, outputs = jax.lax.scan(step, (zero, zero), jnp.swapaxes(x, 0, 1), reverse=reverse)
    return jnp.swapaxes(outputs, 0, 1), state


def _score(result: tuple) -> jax.Array:
    """A number in which outputs, last h and last c all have a part."""
    outputs, (h, c) = result
    ramp = jnp.linspace(0.5, 2, outputs.size, dtype=outputs.dtype).reshape(outputs.shape)
    return jnp.sum(jnp.sin(outputs) * ramp) + jnp.sum(h * h) + jnp.sum(jnp.cos(3 * c))


@pytest.mark.parametrize("jitted", [False, True])
def test_outputs_and_last_state_are_those_of_the_double_loop(jitted: bool) -> None:
    arguments = _arguments()
    outputs, (h, c) = (jax.jit(lstm) if jitted else lstm)(*arguments)
    for got, expected in zip((outputs, h, c), _by_loop(*arguments), strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-6)


def test_a_reversed_run_is_a_run_over_the_flipped_sequence() -> None:
    x, *weights = _arguments()
    outputs, state = lstm(x, *weights, reverse=True)
    flipped, flipped_state = lstm(x[:, ::-1], *weights)
    np.testing.assert_array_equal(outputs, flipped[:, ::-1])
    np.testing.assert_array_equal(state, flipped_state)


@pytest.mark.parametrize(("reverse", "jitted"), [(False, False), (False, True), (True, True)])
def test_gradients_of_input_and_weights_are_those_of_a_naive_scan(reverse: bool, jitted: bool) -> None:
    def ours(*arguments: jax.Array) -> jax.Array:
        return _score(lstm(*arguments, reverse=reverse))

    def naive(*arguments: jax.Array) -> jax.Array:
        return _score(_naive(*arguments, reverse=reverse))

    ours = jax.grad(ours, argnums=(0, 1, 2, 3))
    got = (jax.jit(ours) if jitted else ours)(*_arguments())
    for ours_, naive_ in zip(got, jax.jit(jax.grad(naive, argnums=(0, 1, 2, 3)))(*_arguments()), strict=True):
        np.testing.assert_allclose(ours_, naive_, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("reverse", [False, True])
def test_first_and_second_derivatives_are_those_of_finite_differences(reverse: bool) -> None:
    with jax.enable_x64(True):
        arguments = tuple(jnp.asarray(a) for a in _arguments(np.float64))
        assert arguments[0].dtype == jnp.float64
        check_grads(jax.jit(lambda *a: lstm(*a, reverse=reverse)), arguments, order=2, modes=["rev"])


def test_a_sequence_of_one_step_has_the_right_gradient() -> None:
    x, *weights = _arguments()
    ours = jax.jit(jax.grad(lambda x: _score(lstm(x, *weights))))(x[:, :1])
    naive = jax.jit(jax.grad(lambda x: _score(_naive(x, *weights, reverse=False))))(x[:, :1])
    np.testing.assert_allclose(ours, naive, rtol=1e-4, atol=1e-5)


def test_large_inputs_saturate_and_stay_finite() -> None:
    x, *weights = _arguments()
    outputs, gradient = jax.jit(lambda x: (lstm(x, *weights)[0], jax.grad(lambda x: _score(lstm(x, *weights)))(x)))(1e4 * x)
    assert np.all(np.abs(outputs) <= 1)
    assert np.all(np.isfinite(gradient))


def test_vmap_over_models_is_a_loop_over_models() -> None:
    x, wx, wh, b = _arguments()
    several = jnp.stack([wh, -wh])

    @jax.jit
    def gradient(wh: jax.Array) -> jax.Array:
        return jax.grad(lambda wh: _score(lstm(x, wx, wh, b)))(wh)

    np.testing.assert_allclose(jax.vmap(gradient)(several), [gradient(w) for w in several], rtol=1e-5, atol=1e-5)


def test_shard_map_adds_up_the_gradients_of_its_devices() -> None:
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    x, *weights = _arguments()
    gradient = jax.jit(jax.grad(lambda weights, x: _score(lstm(x, *weights))))
    split = jax.jit(jax.shard_map(gradient, mesh=mesh, in_specs=(jax.P(), jax.P("data")), out_specs=jax.P()))
    for got, expected in zip(split(tuple(weights), x), gradient(tuple(weights), x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_both_directions_stand_side_by_side_and_final_states_at_their_own_ends() -> None:
    x, *_ = _arguments()
    model = BidirectionalLSTM(UNITS)
    params = jax.jit(model.init)(jax.random.key(0), x)
    outputs, final = jax.jit(model.apply)(params, x)
    for n, (direction, end) in enumerate((("forward", -1), ("backward", 0))):
        weights = [params["params"][f"{direction}_{name}"] for name in ("wx", "wh", "b")]
        half = slice(n * UNITS, (n + 1) * UNITS)
        expected = _by_loop(x if n == 0 else x[:, ::-1], *weights)[0]
        np.testing.assert_allclose(outputs[..., half], expected if n == 0 else expected[:, ::-1], atol=2e-6)
        np.testing.assert_array_equal(final[:, half], outputs[:, end, half])


def test_initial_weights_are_orthogonal_by_gate_and_forget_nothing() -> None:
    params = jax.jit(BidirectionalLSTM(16).init)(jax.random.key(1), np.zeros((1, 2, 6), np.float32))["params"]
    for direction in ("forward", "backward"):
        for gate in np.split(params[f"{direction}_wh"], 4, axis=-1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(16), atol=1e-5)
        bound = np.sqrt(6 / (6 + 16))
        assert 0.9 * bound < np.abs(params[f"{direction}_wx"]).max() <= bound
        np.testing.assert_array_equal(np.split(params[f"{direction}_b"], 4), np.eye(4)[1][:, None] * np.ones(16))
    assert not np.allclose(params["forward_wh"], params["backward_wh"])


def test_bfloat16_compute_keeps_float32_parameters_gradients_and_state() -> None:
    x, *weights = _arguments()
    narrow, wide = BidirectionalLSTM(UNITS, jnp.bfloat16), BidirectionalLSTM(UNITS)
    params = jax.jit(narrow.init)(jax.random.key(0), x)
    outputs, final = jax.jit(narrow.apply)(params, x)
    assert outputs.dtype == final.dtype == jnp.bfloat16
    np.testing.assert_allclose(outputs.astype(np.float32), jax.jit(wide.apply)(params, x)[0], atol=0.03)
    gradient = jax.jit(jax.grad(lambda p: narrow.apply(p, x)[0].astype(jnp.float32).sum()))(params)
    expected = jax.jit(jax.grad(lambda p: wide.apply(p, x)[0].sum()))(params)
    assert {leaf.dtype for leaf in jax.tree.leaves((params, gradient))} == {jnp.dtype(jnp.float32)}
    for got, leaf in zip(jax.tree.leaves(gradient), jax.tree.leaves(expected), strict=True):
        assert np.linalg.norm(got - leaf) < 0.03 * np.linalg.norm(leaf)
    _, (_, c) = jax.eval_shape(lstm, *(jnp.asarray(a, jnp.bfloat16) for a in (x, *weights)))
    assert c.dtype == jnp.float32


def test_outputs_and_gradients_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    x, *_ = _arguments()
    model = BidirectionalLSTM(UNITS)
    params = jax.jit(model.init)(jax.random.key(2), x)
    theirs = torch.nn.LSTM(FEATURES, UNITS, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for direction, suffix in (("forward", ""), ("backward", "_reverse")):
            for name, weight in (("wx", "weight_ih"), ("wh", "weight_hh"), ("b", "bias_ih")):
                value = np.array(params["params"][f"{direction}_{name}"]).T
                getattr(theirs, f"{weight}_l0{suffix}").copy_(torch.from_numpy(value.copy()))
            getattr(theirs, f"bias_hh_l0{suffix}").zero_()
    their_x = torch.from_numpy(x).requires_grad_()
    their_outputs, (their_final, _) = theirs(their_x)
    (torch.sin(their_outputs).sum() + (their_final**2).sum()).backward()

    def score(params: dict, x: jax.Array) -> jax.Array:
        outputs, final = model.apply(params, x)
        return jnp.sin(outputs).sum() + (final**2).sum()

    outputs, final = model.apply(params, x)
    np.testing.assert_allclose(outputs, their_outputs.detach().numpy(), atol=2e-6)
    np.testing.assert_allclose(final, np.concatenate(their_final.detach().numpy(), -1), atol=2e-6)
    of_params, of_x = jax.jit(jax.grad(score, argnums=(0, 1)))(params, x)
    np.testing.assert_allclose(of_x, their_x.grad.numpy(), atol=1e-5)
    np.testing.assert_allclose(of_params["params"]["backward_wh"], theirs.weight_hh_l0_reverse.grad.numpy().T, rtol=1e-4, atol=1e-5)
