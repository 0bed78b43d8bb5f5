"""Mel spectrograms against librosa, standardisation against NumPy in double precision."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from drumjax.configs import dump_config, parse_config
from drumjax.signal.mel import (
    MelConfig,
    Standardizer,
    fit_standardizer,
    from_int16,
    from_log_mel,
    hz_of_mel,
    log_mel,
    mel,
    mel_filterbank,
    mel_of_hz,
    mel_of_magnitudes,
    moments,
    standardize,
    unstandardize,
)

PAPER = MelConfig()
SMALL = MelConfig(samples=2000, window_samples=128, hop_samples=64, fft_samples=256, bins=20)


@pytest.fixture(params=[False, True], ids=["plain", "jitted"])
def jitted(request):
    return jax.jit if request.param else (lambda f: f)


def test_the_sizes_of_the_paper_are_the_defaults():
    # Neural Drum Machine, Sec. "Dataset" (rate, length, window, hop, transform) and Sec. "MCNN inversion" (512 bins).
    sizes = (PAPER.sample_rate_hz, PAPER.samples, PAPER.window_samples, PAPER.hop_samples, PAPER.fft_samples, PAPER.bins)
    assert sizes == (22_050, 22_015, 1024, 256, 2048, 512)
    assert PAPER.floor == 1e-5
    assert (PAPER.frames, PAPER.fft_bins) == (86, 1025)


@pytest.mark.parametrize(
    "config", [PAPER, SMALL, MelConfig(sample_rate_hz=44_100, bins=128), MelConfig(sample_rate_hz=8000, bins=40)]
)
def test_the_filterbank_is_librosas_to_a_millionth(config):
    expected = librosa.filters.mel(sr=config.sample_rate_hz, n_fft=config.fft_samples, n_mels=config.bins)
    np.testing.assert_allclose(mel_filterbank(config), expected.T, rtol=0, atol=1e-6)


def test_every_one_of_the_512_bands_meets_a_bin():
    assert (mel_filterbank(PAPER) > 0).any(0).all()
    with pytest.warns(UserWarning, match="Empty filters"):  # why it is not the HTK scale
        librosa.filters.mel(sr=22_050, n_fft=2048, n_mels=512, htk=True)


def test_the_mel_scale_is_librosas_and_its_own_inverse():
    hz = np.array([0, 20, 440, 999.9, 1000, 1000.1, 5000, 11_025])
    np.testing.assert_allclose(mel_of_hz(hz), librosa.hz_to_mel(hz), rtol=1e-12)
    np.testing.assert_allclose(hz_of_mel(mel_of_hz(hz)), hz, rtol=1e-12)


@pytest.mark.parametrize("form", ["fft", "matrix"])
def test_the_mel_spectrogram_is_librosas_to_a_millionth(form, jitted):
    audio = np.random.default_rng(0).uniform(-1, 1, (3, PAPER.samples)).astype(np.float32)
    sizes = {"n_fft": 2048, "hop_length": 256, "win_length": 1024, "pad_mode": "constant"}
    expected = np.stack([librosa.feature.melspectrogram(y=x, sr=22_050, **sizes, n_mels=512, power=1).T for x in audio])
    found = jitted(functools.partial(mel, config=PAPER, form=form))(audio)
    assert (found.shape, found.dtype) == ((3, 86, 512), jnp.float32)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("config", [PAPER, SMALL, MelConfig(samples=2000, bins=65)], ids=["paper", "small", "65 bands"])
def test_bands_made_some_at_a_time_are_the_product_with_the_whole_filterbank(config, jitted):
    spectrum = np.random.default_rng(4).uniform(size=(2, 3, config.fft_bins)).astype(np.float32)
    found = jitted(functools.partial(mel_of_magnitudes, config=config))(spectrum)
    np.testing.assert_allclose(found, spectrum.astype(np.float64) @ mel_filterbank(config), rtol=1e-5)
    weights = np.random.default_rng(5).normal(size=found.shape).astype(np.float32)
    gradient = jax.jit(jax.grad(lambda s: jnp.vdot(mel_of_magnitudes(s, config), weights)))(jnp.asarray(spectrum))
    np.testing.assert_allclose(gradient, weights.astype(np.float64) @ mel_filterbank(config).T, rtol=1e-4, atol=1e-6)


def test_an_items_spectrogram_does_not_depend_on_its_batch():
    audio = np.random.default_rng(1).uniform(-1, 1, (3, 7, SMALL.samples)).astype(np.float32)
    made = jax.jit(functools.partial(mel, config=SMALL))(audio)
    assert made.shape == (3, 7, SMALL.frames, SMALL.bins)
    for i, j in ((0, 0), (1, 2), (2, 6)):
        np.testing.assert_allclose(made[i, j], mel(audio[i, j], SMALL), rtol=1e-5, atol=1e-7)


def test_the_gradient_of_many_sounds_is_that_of_each_alone():
    audio = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, (7, SMALL.samples)), jnp.float32)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(mel(x, SMALL)))))
    together = slope(audio)
    for i in (0, 3, 6):
        np.testing.assert_allclose(together[i], slope(audio[i]), rtol=1e-4, atol=1e-6)


def test_many_sounds_take_the_memory_of_a_few():
    def temporary(function, sounds):
        given = jax.ShapeDtypeStruct((sounds, PAPER.samples), jnp.float32)
        return jax.jit(function).lower(given).compile().memory_analysis().temp_size_in_bytes

    assert temporary(lambda x: mel(x, PAPER), 704) < 50 << 20
    # The gradient keeps the sounds, and once more so much for what it is made of, not their spectra.
    assert temporary(jax.grad(lambda x: mel(x, PAPER).sum()), 128) < 128 * 0.5 * 2**20


def test_zeros_give_exact_zeros_and_finite_gradients_through_the_logarithm():
    silence = jnp.zeros(SMALL.samples)
    np.testing.assert_array_equal(mel(silence, SMALL), 0)
    gradient = jax.jit(jax.grad(lambda x: log_mel(mel(x, SMALL), SMALL).sum()))(silence)
    assert np.isfinite(gradient).all()


def test_the_logarithm_is_undone(jitted):
    magnitudes = np.geomspace(1e-4, 50, 40, dtype=np.float32)
    there = jitted(functools.partial(log_mel, config=PAPER))(magnitudes)
    np.testing.assert_allclose(there, np.log(np.float64(magnitudes) + 1e-5), rtol=1e-6)
    np.testing.assert_allclose(jitted(functools.partial(from_log_mel, config=PAPER))(there), magnitudes, rtol=2e-3)


def test_no_magnitude_is_below_zero():
    np.testing.assert_array_equal(from_log_mel(jnp.array([-50.0, -12.0]), PAPER), 0)
    # The logarithm of silence itself: within the last bit of the floor.
    np.testing.assert_allclose(from_log_mel(log_mel(jnp.zeros(3), PAPER), PAPER), 0, atol=2e-11)


def test_full_scale_is_32767_both_ways(jitted):
    stored = np.array([-32_767, 0, 1, 32_767], np.int16)
    found = jitted(from_int16)(stored)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, stored / 32_767, rtol=1e-7)
    assert float(jnp.abs(found).max()) == 1


def spectrograms(n=37):
    """Log-mel spectrograms far from 0, as they are; two elements never vary."""
    x = np.random.default_rng(3).normal(-9, np.linspace(0.01, 3, 30).reshape(5, 6), (n, 5, 6)).astype(np.float32)
    x[:, 0, 0] = np.float32(np.log(1e-5))
    x[:, 4, 5] = 0.1
    return x


def batches(x, size):
    return (x[i : i + size] for i in range(0, len(x), size))


@pytest.mark.parametrize("size", [1, 8, 37])
def test_the_standardizer_is_numpys_mean_and_deviation_whatever_the_batches(size):
    x = spectrograms()
    fitted = fit_standardizer(batches(x, size))
    np.testing.assert_allclose(fitted.mean, x.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(fitted.deviation, x.std(0, dtype=np.float64), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1, 8])
def test_an_element_that_never_varies_has_deviation_exactly_0_and_its_value_as_mean(size):
    x = spectrograms()
    fitted = fit_standardizer(batches(x, size))
    assert np.flatnonzero(np.asarray(fitted.deviation).ravel() == 0).tolist() == [0, 29]
    assert fitted.mean[0, 0] == x[0, 0, 0]
    assert fitted.mean[4, 5] == x[0, 4, 5]


def test_standardized_spectrograms_have_mean_0_and_variance_1(jitted):
    x = spectrograms()
    fitted = fit_standardizer([x])
    made = np.asarray(jitted(standardize)(x, fitted), np.float64)
    varies = np.asarray(fitted.deviation) > 0
    np.testing.assert_allclose(made.mean(0)[varies], 0, atol=1e-4)
    np.testing.assert_allclose(made.var(0)[varies], 1, atol=1e-3)
    np.testing.assert_allclose(jitted(unstandardize)(made, fitted), x, rtol=1e-5, atol=1e-5)


def test_what_never_varied_is_0_on_the_way_in_and_its_mean_on_the_way_out(jitted):
    fitted = Standardizer(jnp.array([[2.0, -11.5]]), jnp.array([[0.5, 0.0]]))
    np.testing.assert_array_equal(jitted(standardize)(jnp.array([[[3.0, 7.0]]]), fitted), [[[2.0, 0.0]]])
    np.testing.assert_array_equal(jitted(unstandardize)(jnp.array([[[2.0, 1e9]]]), fitted), [[[3.0, -11.5]]])
    gradient = jax.grad(lambda x: jitted(standardize)(x, fitted).sum())(jnp.array([[[3.0, 7.0]]]))
    np.testing.assert_array_equal(gradient, [[[2.0, 0.0]]])


def test_masked_items_do_not_count(jitted):
    x = spectrograms()
    mask = np.arange(len(x)) % 3 > 0
    wild = np.where(mask[:, None, None], x, 1e30).astype(np.float32)
    for found, expected in zip(fit_standardizer([jitted(moments)(wild, mask)]), fit_standardizer([x[mask]]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_batch_without_items_changes_nothing():
    x = spectrograms()
    none = moments(x, np.zeros(len(x)))
    for found, expected in zip(fit_standardizer([none, x, none]), fit_standardizer([x]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_no_spectrogram_at_all_is_an_error():
    with pytest.raises(ValueError, match="at least one spectrogram"):
        fit_standardizer([])


def test_the_configuration_survives_json():
    assert parse_config(MelConfig, dump_config(SMALL)) == SMALL


@pytest.mark.parametrize("sizes", [{"bins": 0}, {"floor": 0.0}])
def test_sizes_out_of_range_are_an_error(sizes):
    with pytest.raises(ValueError, match="expected at least 1 bin and a floor above 0"):
        MelConfig(**sizes)
