"""The pattern VAE's shapes and constants (Off the Beaten Track, "Deep and Recurrent Networks" and Fig. 1)."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models import PatternVAE, PatternVAEConfig

CONFIGS = {"lstm": PatternVAEConfig(), "conv": PatternVAEConfig(encoder="conv")}


def parameters(config):
    """The parameters' shapes, without drawing them."""
    model = PatternVAE(config)
    x, noise = jnp.zeros((1, config.steps, config.lanes)), jnp.zeros((1, config.latent))
    return jax.eval_shape(model.init, jax.random.key(0), x, noise)["params"]


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_defaults_are_those_of_the_section_deep_and_recurrent_networks():
    config = PatternVAEConfig()
    assert (config.steps, config.lanes) == (64, 6)
    assert config.latent == 4
    assert config.encoder == "lstm"
    assert config.lstm_layers == 3
    assert len(config.encoder_widths) == 4
    assert len(config.decoder_widths) + 1 == 5


def test_encoder_has_three_bidirectional_lstm_layers_and_four_dense_ones():
    trunk = parameters(CONFIGS["lstm"])["trunk"]
    assert sorted(trunk) == ["dense_0", "dense_1", "dense_2", "dense_3", "lstm_0", "lstm_1", "lstm_2"]
    assert all(any(name.startswith("backward") for name in trunk[f"lstm_{layer}"]) for layer in range(3))


def test_parameter_count_of_the_lstm_form_is_the_sum_of_its_layers():
    lstm = sum(2 * 4 * 64 * (inputs + 64 + 1) for inputs in (6, 128, 128))
    widths = [128, 256, 128, 64, 32]
    encoder = lstm + sum((a + 1) * b for a, b in itertools.pairwise(widths)) + 2 * (32 + 1) * 4
    widths = [4, 32, 64, 128, 256, 384]
    decoder = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    assert count(parameters(CONFIGS["lstm"])) == encoder + decoder == 452_808


def test_parameter_count_of_the_convolutional_form_is_pinned():
    assert count(parameters(CONFIGS["conv"])) == 548_360


@pytest.mark.parametrize("encoder", CONFIGS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_shapes_and_dtypes_of_every_stage(encoder, dtype):
    config = replace(CONFIGS[encoder], dtype=dtype, lstm_units=8)
    model = PatternVAE(config)
    x = jax.random.uniform(jax.random.key(1), (3, 64, 6))
    params = model.init(jax.random.key(0), x, jnp.zeros((3, 4)))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    for apply in (model.apply, jax.jit(model.apply, static_argnames="method")):
        mean, log_variance = apply(params, x, method="encode")
        logits = apply(params, mean, method="decode")
        assert mean.shape == log_variance.shape == (3, 4)
        assert logits.shape == (3, 64, 6)
        assert mean.dtype == log_variance.dtype == logits.dtype == jnp.float32


@pytest.mark.parametrize("encoder", CONFIGS)
def test_call_is_decode_of_the_reparametrised_code(encoder):
    config = replace(CONFIGS[encoder], lstm_units=8)
    model = PatternVAE(config)
    x, noise = jax.random.uniform(jax.random.key(1), (3, 64, 6)), jax.random.normal(jax.random.key(2), (3, 4))
    params = model.init(jax.random.key(0), x, noise)
    logits, mean, log_variance = model.apply(params, x, noise)
    z = np.asarray(mean) + np.sqrt(np.exp(np.asarray(log_variance))) * np.asarray(noise)
    np.testing.assert_allclose(logits, model.apply(params, z, method="decode"), atol=1e-5)


@pytest.mark.parametrize("encoder", CONFIGS)
def test_every_parameter_gets_a_gradient(encoder):
    model = PatternVAE(replace(CONFIGS[encoder], lstm_units=8))
    x, noise = jax.random.uniform(jax.random.key(1), (8, 64, 6)), jax.random.normal(jax.random.key(2), (8, 4))
    params = model.init(jax.random.key(0), x, noise)

    def loss(params):
        logits, mean, log_variance = model.apply(params, x, noise)
        return jnp.sum(logits**2) + jnp.sum(mean**2) + jnp.sum(log_variance**2)

    for path, gradient in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.abs(np.asarray(gradient)).max() > 0, jax.tree_util.keystr(path)


def test_the_code_sees_the_order_of_the_steps():
    """An encoder that only pooled over time would give a pattern and its reversal one code."""
    for config in CONFIGS.values():
        model = PatternVAE(replace(config, lstm_units=8))
        x = jax.random.uniform(jax.random.key(1), (1, 64, 6))
        params = model.init(jax.random.key(0), x, jnp.zeros((1, 4)))
        there, _ = model.apply(params, x, method="encode")
        back, _ = model.apply(params, x[:, ::-1], method="encode")
        assert np.abs(np.asarray(there - back)).max() > 1e-4
