"""From code to sound in one function: its steps one by one, its batches, its forms."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models import cwae, mcnn, sound_chain
from drumjax.signal.mel import MelConfig

MEL = MelConfig(samples=8 * 12 - 1, window_samples=32, hop_samples=8, fft_samples=64, bins=16)
CWAE = cwae.CWAEConfig(classes=3, frames=12, bins=16, channels=(4, 4), dense=(8,), latent=4)
MCNN = mcnn.MCNNConfig(bins=16, heads=2, channels=(4, 2, 2))
quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""Half of the time that the compiler takes."""
pytestmark = pytest.mark.usefixtures("compilation_cache")


@pytest.fixture(scope="module")
def weights(compilation_cache):
    params, stats = quick(lambda key: cwae.init_cwae(CWAE, key))(jax.random.key(0))
    rng = np.random.default_rng(0)
    deviation = rng.uniform(0.5, 2, (12, 16)).astype(np.float32)
    deviation[-2:] = 0
    mean = np.where(deviation > 0, rng.uniform(-4, 1, (12, 16)), np.log(1e-5)).astype(np.float32)
    vocoder = quick(lambda key: mcnn.init(MCNN, key))(jax.random.key(1))
    return {"cwae": params, "stats": stats, "standardizer": {"mean": mean, "deviation": deviation}, "mcnn": vocoder}


def codes(n):
    return jax.random.normal(jax.random.key(2), (n, 4)), jnp.arange(n) % 3


@pytest.fixture(scope="module")
def chain():
    return quick(lambda weights, z, label: sound_chain.waveform(CWAE, MCNN, MEL, weights, z, label))


def test_the_chain_is_its_steps_one_after_the_other(weights, chain):
    z, label = codes(2)
    decode = quick(lambda weights, z, label: cwae.decode(CWAE, weights["cwae"], weights["stats"], z, label))
    log_mel = np.asarray(decode(weights, z, label))
    log_mel = log_mel * weights["standardizer"]["deviation"] + weights["standardizer"]["mean"]
    magnitudes = np.maximum(np.exp(log_mel) - 1e-5, 0)
    decoded = quick(lambda weights, z, label: sound_chain.decode_mel(CWAE, MEL, weights, z, label))(weights, z, label)
    np.testing.assert_allclose(decoded, magnitudes, rtol=1e-4, atol=1e-6)
    assert magnitudes[:, -2:].max() < 1e-10, "what never varied is silent"
    expected = quick(mcnn.vocode, static_argnums=0)(MCNN, weights["mcnn"], magnitudes)
    sound = chain(weights, z, label)
    assert sound.shape == (2, 95)
    assert np.any(sound)
    np.testing.assert_allclose(sound, expected, atol=1e-5)


@pytest.mark.parametrize("n", [6, 8])
def test_a_sound_does_not_depend_on_its_batch(weights, chain, n):
    z, label = codes(n)
    np.testing.assert_allclose(chain(weights, z, label)[:2], chain(weights, z[:2], label[:2]), atol=1e-5)


def test_arranged_weights_give_the_same_sounds(weights, chain):
    z, label = codes(2)
    arranged = quick(lambda weights: sound_chain.arrange(MCNN, weights))(weights)
    run = quick(lambda weights, z, label: sound_chain.waveform_arranged(CWAE, MCNN, MEL, weights, z, label))
    np.testing.assert_allclose(run(arranged, z, label), chain(weights, z, label), atol=1e-6)


def test_classes_mix(weights, chain):
    z, label = codes(2)
    np.testing.assert_allclose(chain(weights, z, jax.nn.one_hot(label, 3)), chain(weights, z, label), atol=1e-5)
    half = chain(weights, z, jnp.full((2, 3), 1 / 3))
    assert not np.allclose(half, chain(weights, z, label), atol=1e-3)
