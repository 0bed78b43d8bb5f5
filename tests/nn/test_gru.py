"""The GRU and the decoder that reads what it wrote, against loops in numpy, finite differences and PyTorch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from drumjax.nn.gru import BidirectionalGRU, Decoder, Weights, autoregress, cell, gru

BATCH, STEPS, FEATURES, UNITS, OUTPUTS = 3, 6, 5, 4, 2


def arrays(*shapes, dtype=np.float32, seed=0):
    draw = np.random.default_rng(seed).standard_normal
    return [draw(shape).astype(dtype) for shape in shapes]


def weights(features=FEATURES, dtype=np.float32, seed=1):
    return Weights(*arrays((features, 3 * UNITS), (UNITS, 3 * UNITS), (3 * UNITS,), (3 * UNITS,), dtype=dtype, seed=seed))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_equations(x, w, h):
    """A step of PyTorch's documentation of `GRUCell`, one item after the other."""
    rows = []
    for one, state in zip(x, h, strict=True):
        (xr, xz, xn), (hr, hz, hn) = np.split(one @ w.wx + w.bx, 3), np.split(state @ w.wh + w.bh, 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        rows.append((1 - z) * np.tanh(xn + r * hn) + z * state)
    return np.array(rows)


@pytest.mark.parametrize("reverse", [False, True])
def test_outputs_and_last_state_are_those_of_the_equations(reverse):
    (x, h), w = arrays((BATCH, STEPS, FEATURES), (BATCH, UNITS)), weights()
    outputs, final = jax.jit(gru, static_argnames="reverse")(x, w, h, reverse=reverse)
    expected = {}
    for t in reversed(range(STEPS)) if reverse else range(STEPS):
        h = expected[t] = by_equations(x[:, t], w, h)
    np.testing.assert_allclose(outputs, np.stack([expected[t] for t in range(STEPS)], 1), atol=2e-6)
    np.testing.assert_allclose(final, h, atol=2e-6)


def test_written_out_gradient_is_that_of_finite_differences():
    with jax.enable_x64(True):
        arguments = arrays((BATCH, 3 * UNITS), (BATCH, 3 * UNITS), (BATCH, UNITS), dtype=np.float64)
        check_grads(jax.jit(cell), tuple(map(jnp.asarray, arguments)), order=1, modes=["rev"])


def test_both_directions_stand_side_by_side_each_with_its_first_state():
    x, initial = arrays((BATCH, STEPS, FEATURES), (BATCH, 2 * UNITS))
    model = BidirectionalGRU(UNITS)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x, initial)["params"]
    # As many as PyTorch's: 3 gates, two biases each, two directions.
    assert sum(a.size for a in jax.tree.leaves(shapes)) == 2 * 3 * UNITS * (FEATURES + UNITS + 2)
    sides = [weights(seed=1), weights(seed=2)]
    params = {f"{name}_{k}": v for name, w in zip(("forward", "backward"), sides, strict=True) for k, v in w._asdict().items()}
    run = jax.jit(model.apply)
    outputs, final = run({"params": params}, x, initial)
    for n, w in enumerate(sides):
        half = slice(n * UNITS, (n + 1) * UNITS)
        expected, last = jax.jit(gru, static_argnames="reverse")(x, w, initial[:, half], reverse=n == 1)
        np.testing.assert_allclose(outputs[..., half], expected, atol=1e-6)
        np.testing.assert_allclose(final[:, half], last, atol=1e-6)
    np.testing.assert_allclose(run({"params": params}, x)[0], run({"params": params}, x, 0 * initial)[0], atol=1e-6)


def decoder(dtype=np.float32):
    first, second = weights(OUTPUTS, dtype, 3), weights(UNITS, dtype, 4)
    known, initial, teacher, output = arrays(
        (BATCH, STEPS, 3 * UNITS), (BATCH, UNITS), (BATCH, STEPS, OUTPUTS), (UNITS, OUTPUTS), dtype=dtype, seed=5
    )
    rng = np.random.default_rng(6)
    forcing = rng.random((BATCH, STEPS)) < 0.5
    d1, d2 = (2.0 * (rng.random((BATCH, STEPS, UNITS)) < 0.5).astype(dtype) for _ in range(2))
    return first, second, known, initial, teacher, output, forcing, d1, d2


def ours(first, second, known, initial, teacher, output, forcing, d1, d2, carry_dropped=True):
    return autoregress(
        Decoder((first.wh, first.bh), second),
        known,
        initial,
        jnp.zeros_like(known, shape=(BATCH, OUTPUTS)),
        lambda fed: fed @ first.wx,
        lambda h, gain: gain * (h @ output),
        lambda result, gain: jnp.tanh(result) + gain,
        inputs=jnp.broadcast_to(jnp.arange(1.0, STEPS + 1, dtype=known.dtype)[:, None], (BATCH, STEPS, 1)),
        teacher=teacher,
        forcing=forcing,
        drop_first=d1,
        drop_second=d2,
        carry_dropped=carry_dropped,
    )


@pytest.mark.parametrize("carry_dropped", [True, False])
def test_decoder_reads_what_it_wrote_or_should_have_written(carry_dropped):
    first, second, known, initial, teacher, output, forcing, d1, d2 = arguments = decoder()
    results, feeds = jax.jit(ours, static_argnames="carry_dropped")(*arguments, carry_dropped=carry_dropped)
    # What is known is added to what is fed; the bias is in it.
    no_bias = first._replace(wx=np.eye(3 * UNITS), bx=0)
    h1, fed = initial, np.zeros((BATCH, OUTPUTS))
    for t in range(STEPS):
        h1 = by_equations(known[:, t] + fed @ first.wx, no_bias, h1)
        h2 = h1 if t == 0 else h2  # noqa: F821 - of the step before
        dropped = h1 * d1[:, t]
        h2 = by_equations(dropped, second, h2) * d2[:, t]
        h1 = dropped if carry_dropped else h1
        result = (t + 1) * (h2 @ output)
        fed = np.where(forcing[:, t, None], teacher[:, t], np.tanh(result) + t + 1)
        np.testing.assert_allclose(results[:, t], result, atol=1e-4)
        np.testing.assert_allclose(feeds[:, t], fed, atol=1e-5)


def test_gradients_pass_through_what_is_fed_back_unless_it_is_forced():
    with jax.enable_x64(True):
        first, second, known, initial, teacher, output, forcing, d1, d2 = decoder(np.float64)

        def score(wx, known, forcing):
            return jnp.sum(ours(first._replace(wx=wx), second, known, initial, 0 * teacher, output, forcing, d1, d2)[0] ** 2)

        run, gradient = jax.jit(score), jax.jit(jax.grad(score))
        along = np.random.default_rng(7).standard_normal(first.wx.shape)
        slope = (run(first.wx + 1e-5 * along, known, forcing) - run(first.wx - 1e-5 * along, known, forcing)) / 2e-5
        np.testing.assert_allclose(np.vdot(gradient(first.wx, known, forcing), along), slope, rtol=1e-6)
        assert abs(slope) > 0.1
        np.testing.assert_array_equal(gradient(first.wx, known, np.ones_like(forcing)), 0)


def test_outputs_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    x, initial = arrays((BATCH, STEPS, FEATURES), (BATCH, UNITS))
    w = weights()
    theirs = torch.nn.GRU(FEATURES, UNITS, batch_first=True)
    with torch.no_grad():
        for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), w, strict=True):
            getattr(theirs, f"{name}_l0").copy_(torch.from_numpy(value.T.copy()))
    their_x = torch.from_numpy(x).requires_grad_()
    outputs, final = theirs(their_x, torch.from_numpy(initial)[None])
    (torch.sin(outputs).sum() + (final**2).sum()).backward()

    def score(x, w):
        outputs, final = gru(x, w, initial)
        return jnp.sin(outputs).sum() + (final**2).sum(), (outputs, final)

    (of_x, of_w), (ours_, last) = jax.jit(jax.grad(score, argnums=(0, 1), has_aux=True))(x, w)
    np.testing.assert_allclose(ours_, outputs.detach().numpy(), atol=2e-6)
    np.testing.assert_allclose(last, final[0].detach().numpy(), atol=2e-6)
    np.testing.assert_allclose(of_x, their_x.grad.numpy(), atol=1e-5)
    np.testing.assert_allclose(of_w.wh, theirs.weight_hh_l0.grad.numpy().T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_w.bh, theirs.bias_hh_l0.grad.numpy(), rtol=1e-4, atol=1e-5)
