"""The CWAE's shapes at the paper's size, and what its parts do at a tiny one."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models.cwae import (
    Block,
    CWAEConfig,
    CWAEDecoder,
    CWAEEncoder,
    decode,
    encode,
    init_cwae,
    reconstruct_in_training,
)

PAPER = CWAEConfig()
TINY = CWAEConfig(classes=3, frames=10, bins=20, channels=(2, 3), dense=(6, 5), latent=4)
QUICK = {"xla_backend_optimization_level": 0}
"""Half of the time that the compiler takes."""
ENCODE, DECODE = (jax.jit(partial(run, TINY), compiler_options=QUICK) for run in (encode, decode))


@pytest.fixture(scope="module")
def tiny():
    params, stats = jax.jit(partial(init_cwae, TINY), compiler_options=QUICK)(jax.random.key(0))
    # Classes that differ, averages that are not those of a fresh model.
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda a: a + jnp.asarray(rng.normal(0, 0.2, a.shape), jnp.float32), params)
    stats = jax.tree.map(lambda a: a + jnp.asarray(rng.uniform(0, 0.5, a.shape), jnp.float32), stats)
    return params, stats, jnp.asarray(rng.normal(size=(5, 10, 20)), jnp.float32), jnp.asarray(rng.normal(size=(5, 4)), jnp.float32)


def test_blocks_at_the_papers_size_have_the_papers_shapes():
    assert PAPER.sizes == ((86, 512), (43, 171), (22, 57), (11, 19))
    encoder, decoder = [], []

    def watch(shapes):
        def intercept(call, arguments, keywords, context):
            y = call(*arguments, **keywords)
            if isinstance(context.module, Block):
                shapes.append(y.shape[1:])
            return y

        return intercept

    with nn.intercept_methods(watch(encoder)):
        jax.eval_shape(CWAEEncoder(PAPER).init, jax.random.key(0), jnp.zeros((2, 86, 512)), jnp.zeros((2, 11)))
    with nn.intercept_methods(watch(decoder)):
        jax.eval_shape(CWAEDecoder(PAPER).init, jax.random.key(0), jnp.zeros((2, 64)), jnp.zeros((2, 11)))
    assert encoder == [(43, 171, 64), (22, 57, 64), (11, 19, 64)]
    assert decoder == [(22, 57, 64), (43, 171, 64), (86, 512, 1)]


def test_parameters_at_the_papers_size_are_counted():
    params, stats = jax.eval_shape(partial(init_cwae, PAPER), jax.random.key(0))
    kernels, flat, classes = 5 * 11, 11 * 19 * 64, 11
    encoder = kernels * (64 + 2 * 64 * 64) + flat * 1024 + 1024 * 512 + 512 * 64 + 64 + 2 * classes * (3 * 64 + 1024 + 512)
    decoder = kernels * (64 + 2 * 64 * 64) + 1 + (64 + classes) * 512 + 512 * 1024 + 1024 * flat
    decoder += 2 * classes * (3 * 64 + 1024 + 512)
    count = {part: sum(a.size for a in jax.tree.leaves(tree)) for part, tree in params.items()}
    assert count == {"encoder": encoder, "decoder": decoder} == {"encoder": 14_746_240, "decoder": 14_751_809}
    assert params["encoder"]["dense_0"]["kernel"].shape == (13_376, 1024)
    assert params["decoder"]["dense_0"]["kernel"].shape == (64 + 11, 512)
    assert sum(a.size for a in jax.tree.leaves(stats)) == 2 * 2 * (3 * 64 + 1024 + 512)


def test_codes_and_spectrograms_at_the_papers_size():
    params, stats = jax.eval_shape(partial(init_cwae, PAPER), jax.random.key(0))
    x, label = jax.ShapeDtypeStruct((704, 86, 512), jnp.float32), jax.ShapeDtypeStruct((704,), jnp.int32)
    z = jax.eval_shape(partial(encode, PAPER), params, stats, x, label)
    assert z.shape == (704, 64)
    assert jax.eval_shape(partial(decode, PAPER), params, stats, z, label).shape == (704, 86, 512)
    of_training = jax.eval_shape(partial(reconstruct_in_training, PAPER), params, stats, x, label)
    assert [a.shape for a in of_training[:2]] == [(704, 64), (704, 86, 512)]
    assert jax.tree.map(jnp.shape, of_training[2]) == jax.tree.map(jnp.shape, stats)


def test_every_part_of_the_model_learns_from_the_class_and_both_halves_depend_on_it(tiny):
    params, stats, x, z = tiny
    for run, argument in ((ENCODE, x), (DECODE, z)):
        of_class = [np.asarray(run(params, stats, argument, jnp.full(5, c))) for c in range(3)]
        assert min(np.abs(of_class[a] - of_class[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))) > 1e-3

    def loss(params):
        z, y, _ = reconstruct_in_training(TINY, params, stats, x, jnp.array([0, 1, 2, 0, 1]))
        return jnp.mean(jnp.square(y - x)) + jnp.mean(jnp.square(z - 1))

    for path, gradient in jax.tree.leaves_with_path(jax.jit(jax.grad(loss), compiler_options=QUICK)(params)):
        assert np.abs(gradient).max() > 0, jax.tree_util.keystr(path)


def test_a_class_alone_is_its_own_mix_and_a_mix_lies_elsewhere(tiny):
    params, stats, _, z = tiny
    label = jnp.array([0, 1, 2, 1, 0])
    whole = DECODE(params, stats, z, label)
    np.testing.assert_allclose(DECODE(params, stats, z, jax.nn.one_hot(label, 3)), whole, atol=1e-6)
    mixed = DECODE(params, stats, z, jnp.tile(jnp.array([0.5, 0.5, 0.0]), (5, 1)))
    assert np.abs(mixed[0] - whole[0]).max() > 1e-3


def test_outside_training_an_item_does_not_depend_on_its_batch(tiny):
    params, stats, x, z = tiny
    label = jnp.array([0, 1, 2, 1, 0])
    np.testing.assert_allclose(ENCODE(params, stats, x, label)[2:3], ENCODE(params, stats, x[2:3], label[2:3]), atol=1e-5)
    np.testing.assert_allclose(DECODE(params, stats, z, label)[2:3], DECODE(params, stats, z[2:3], label[2:3]), atol=1e-5)


def test_moving_averages_come_to_what_the_batch_has(tiny):
    params, stats, x, _ = tiny
    label = jnp.array([0, 1, 2, 1, 0])
    step = jax.jit(partial(reconstruct_in_training, TINY), compiler_options=QUICK)
    for _ in range(150):
        z, y, stats = step(params, stats, x, label)
    np.testing.assert_allclose(ENCODE(params, stats, x, label), z, atol=1e-4)
    np.testing.assert_allclose(DECODE(params, stats, z, label), y, atol=1e-4)


def test_half_precision_changes_little_and_keeps_float32_outside(tiny):
    params, stats, x, _ = tiny
    half, label = CWAEConfig(**{**vars(TINY), "dtype": "bfloat16"}), jnp.array([0, 1, 2, 1, 0])
    of_half, _ = jax.eval_shape(partial(init_cwae, half), jax.random.key(0))
    assert jax.tree.map(lambda a: a.dtype, of_half) == jax.tree.map(lambda a: a.dtype, params)
    z, expected = jax.jit(partial(encode, half))(params, stats, x, label), ENCODE(params, stats, x, label)
    assert z.dtype == jnp.float32
    np.testing.assert_allclose(z, expected, atol=0.1 * float(jnp.abs(expected).max()))


@pytest.mark.parametrize(
    ("field", "value"), [("classes", 0), ("bins", 0), ("channels", ()), ("dense", (4, 0)), ("statistics_decay", 1.0)]
)
def test_sizes_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        CWAEConfig(**{field: value})
