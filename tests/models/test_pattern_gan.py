"""The pattern GAN's shapes and constants (Off the Beaten Track, "Generative Adversarial Networks" and later)."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models import PatternDecoder, PatternGANConfig, PatternVAE, PatternVAEConfig
from drumjax.models.pattern_gan import discriminate, draw_noise, generate, init_discriminator, init_generator

SMALL = PatternGANConfig(lstm_units=8, conv_channels=(8, 8), encoder_widths=(16, 8), decoder_widths=(8, 16))


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def shapes(config):
    """The two players' parameters, without drawing them."""
    return {
        "generator": jax.eval_shape(lambda: init_generator(config, jax.random.key(0))),
        "discriminator": jax.eval_shape(lambda: init_discriminator(config, jax.random.key(0))),
    }


def test_noise_is_two_dimensional_and_normal_as_the_section_deep_and_recurrent_networks_says():
    config = PatternGANConfig()
    assert (config.steps, config.lanes, config.latent) == (64, 6, 2)
    assert (config.encoder, config.lstm_layers, len(config.encoder_widths), len(config.decoder_widths) + 1) == ("lstm", 3, 4, 5)
    assert config.noise == "gaussian"


def test_generator_is_the_vaes_decoder_and_discriminator_its_encoder_with_one_unit():
    config, vae = PatternGANConfig(), PatternVAEConfig(latent=2)
    model = PatternVAE(vae)
    theirs = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 64, 6)), jnp.zeros((1, 2))))["params"]
    ours = shapes(config)
    assert ours["generator"] == theirs["decoder"]
    assert ours["discriminator"]["trunk"] == theirs["trunk"]
    assert ours["discriminator"]["output"]["kernel"].shape == (32, 1)


def test_parameter_counts_are_the_sums_of_the_layers():
    ours = shapes(PatternGANConfig())
    lstm = sum(2 * 4 * 64 * (inputs + 64 + 1) for inputs in (6, 128, 128))
    dense = sum((a + 1) * b for a, b in itertools.pairwise([128, 256, 128, 64, 32, 1]))
    assert count(ours["discriminator"]) == lstm + dense
    assert count(ours["generator"]) == sum((a + 1) * b for a, b in itertools.pairwise([2, 32, 64, 128, 256, 384]))


@pytest.mark.parametrize("encoder", ["lstm", "conv"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_shapes_and_dtypes(encoder, dtype):
    config = replace(SMALL, encoder=encoder, dtype=dtype)
    generator, discriminator = init_generator(config, jax.random.key(0)), init_discriminator(config, jax.random.key(1))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((generator, discriminator)))
    logits = generate(config, generator, jnp.ones((3, 2)))
    verdict = discriminate(config, discriminator, jax.nn.sigmoid(logits))
    assert (logits.shape, verdict.shape) == ((3, 64, 6), (3,))
    assert logits.dtype == verdict.dtype == jnp.float32


def test_generate_is_the_decoder_by_hand():
    generator = init_generator(SMALL, jax.random.key(0))
    z = np.asarray(jax.random.normal(jax.random.key(1), (4, 2)))
    x = z
    for layer in ("dense_0", "dense_1"):
        x = np.maximum(x @ np.asarray(generator[layer]["kernel"]) + np.asarray(generator[layer]["bias"]), 0)
    x = x @ np.asarray(generator["output"]["kernel"]) + np.asarray(generator["output"]["bias"])
    np.testing.assert_allclose(generate(SMALL, generator, z), x.reshape(4, 64, 6), atol=1e-5)
    np.testing.assert_array_equal(generate(SMALL, generator, z), PatternDecoder(SMALL).apply({"params": generator}, z))


@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
def test_noise_of_a_slot_does_not_depend_on_how_a_batch_is_split(noise):
    config, key = replace(SMALL, noise=noise), jax.random.key(5)
    whole = draw_noise(config, key, jnp.arange(8))
    halves = jnp.concatenate([draw_noise(config, key, jnp.arange(4)), draw_noise(config, key, jnp.arange(4, 8))])
    np.testing.assert_array_equal(whole, halves)
    assert len(np.unique(np.asarray(whole))) == 16


def test_noise_has_the_moments_of_its_distribution():
    for noise, sd, bound in (("gaussian", 1.0, np.inf), ("uniform", 1 / np.sqrt(3), 1.0)):
        draws = np.asarray(draw_noise(replace(SMALL, noise=noise), jax.random.key(0), jnp.arange(20_000)))
        np.testing.assert_allclose(draws.mean(0), 0, atol=0.03)
        np.testing.assert_allclose(draws.std(0), sd, rtol=0.02)
        assert np.abs(draws).max() < bound
    assert np.abs(draws).max() > 0.99
