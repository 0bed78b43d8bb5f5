"""Transforms against librosa and SciPy, in both forms, jitted and not."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from drumjax.signal.spectrum import STFTConfig, frames_of, hann_window, istft, istft_of_parts, magnitudes, stft

PAPER = STFTConfig()
SMALL = STFTConfig(samples=1000, window_samples=64, hop_samples=24, fft_samples=128)
"""A window that is no multiple of its hop."""
BARE = STFTConfig(samples=640, window_samples=128, hop_samples=64, fft_samples=128)
"""A window as long as the transform and only two hops."""
CONFIGS = pytest.mark.parametrize("config", [PAPER, SMALL, BARE], ids=["paper", "small", "bare"])
FORMS = pytest.mark.parametrize("form", ["fft", "matrix"])


@pytest.fixture(params=[False, True], ids=["plain", "jitted"])
def jitted(request):
    return jax.jit if request.param else (lambda f: f)


def noise(config, *batch, samples=None):
    return np.random.default_rng(0).uniform(-1, 1, (*batch, samples or config.samples)).astype(np.float32)


def reference(audio, config):
    sizes = {"n_fft": config.fft_samples, "hop_length": config.hop_samples, "win_length": config.window_samples}
    return np.swapaxes(librosa.stft(audio, **sizes, window="hann", center=True, pad_mode="constant"), -1, -2)


def near(found, expected, part):
    """Within a part of the greatest expected magnitude."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=part * np.abs(expected).max())


@CONFIGS
@FORMS
def test_the_transform_is_librosas_to_a_millionth(config, form, jitted):
    audio = noise(config, 2)
    found = jitted(functools.partial(stft, config=config, form=form))(audio)
    assert found.dtype == jnp.complex64
    assert found.shape == (2, config.frames, config.fft_bins)
    near(found, reference(audio, config), 1e-6)


def test_the_transform_is_scipys_in_double_precision_to_a_millionth():
    audio = noise(SMALL)
    window = np.pad(scipy.signal.get_window("hann", SMALL.window_samples), (SMALL.fft_samples - SMALL.window_samples) // 2)
    expected = scipy.signal.ShortTimeFFT(window, SMALL.hop_samples, fs=1, phase_shift=None).stft(
        np.float64(audio), p0=0, p1=SMALL.frames
    )
    near(stft(audio, SMALL), expected.T, 1e-6)


@CONFIGS
@FORMS
def test_the_magnitudes_are_those_of_the_transform(config, form, jitted):
    audio = noise(config)
    near(jitted(functools.partial(magnitudes, config=config, form=form))(audio), np.abs(reference(audio, config)), 1e-6)


@CONFIGS
@FORMS
def test_the_inverse_gives_the_sound_back(config, form, jitted):
    audio = noise(config, 2)
    invert = jitted(functools.partial(istft, config=config, form=form))
    np.testing.assert_allclose(invert(stft(audio, config)), audio, rtol=0, atol=3e-6)


@FORMS
def test_the_inverse_of_a_spectrum_that_no_sound_has_is_librosas(form):
    parts = np.random.default_rng(1).normal(size=(2, PAPER.frames, PAPER.fft_bins)).astype(np.float32)
    spectrum = parts[0] + 1j * parts[1]
    expected = librosa.istft(spectrum.T, hop_length=256, win_length=1024, n_fft=2048, length=PAPER.samples)
    near(istft(spectrum, PAPER, form=form), expected, 2e-6)


def test_the_matrix_form_holds_no_complex_number():
    def there_and_back(audio):
        return istft_of_parts(magnitudes(audio, SMALL, form="matrix"), jnp.zeros((SMALL.frames, SMALL.fft_bins)), SMALL)

    text = jax.jit(there_and_back).lower(noise(SMALL)).as_text()
    assert "dot_general" in text
    assert "complex" not in text
    assert "fft" not in text


def test_22015_samples_are_86_frames_and_one_more_would_be_87():
    assert (PAPER.frames, PAPER.fft_bins) == (86, 1025)
    assert PAPER.samples == 86 * 256 - 1
    assert frames_of(PAPER.samples + 1, PAPER) == 87
    assert librosa.stft(noise(PAPER), n_fft=2048, hop_length=256).shape == (1025, 86)
    back = jax.eval_shape(lambda s: istft(s, PAPER), jax.ShapeDtypeStruct((86, 1025), jnp.complex64))
    assert back.shape == (22_015,)


@pytest.mark.parametrize("samples", [1, 23, 24, 25, 500])
def test_a_sound_of_any_length_has_the_frames_of_librosa_and_comes_back(samples):
    audio = noise(SMALL, samples=samples)
    padded = librosa.util.fix_length(audio, size=max(samples, 2 * SMALL.fft_samples))  # librosa wants as much as one transform
    spectrum = stft(audio, SMALL)
    assert len(spectrum) == 1 + samples // SMALL.hop_samples
    near(spectrum, reference(padded, SMALL)[: len(spectrum)], 1e-6)
    np.testing.assert_allclose(istft(spectrum, SMALL, samples=samples), audio, rtol=0, atol=3e-6)


def test_frames_of_another_length_are_an_error():
    with pytest.raises(ValueError, match="expected 86 frames for 22015 samples, found 85"):
        istft(jnp.zeros((85, 1025), jnp.complex64), PAPER)


@FORMS
def test_silence_gives_exact_zeros_and_a_finite_gradient(form):
    silence = jnp.zeros(SMALL.samples)
    found, gradient = jax.jit(jax.value_and_grad(lambda x: magnitudes(x, SMALL, form=form).sum()))(silence)
    assert found == 0
    np.testing.assert_array_equal(gradient, 0)


@FORMS
@pytest.mark.parametrize("size", [1e-42, 1e-22, 1e-12])
def test_the_gradient_of_hardly_any_sound_is_finite(form, size):
    sound = np.where(np.arange(SMALL.samples) < 500, np.float32(size), 0)
    gradient = jax.jit(jax.grad(lambda x: magnitudes(x, SMALL, form=form).sum()))(sound)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() < 1e3


def test_the_gradients_of_both_forms_agree_with_finite_differences():
    audio, step = noise(SMALL), 1e-2
    direction = np.random.default_rng(2).normal(size=audio.shape).astype(np.float32)

    def energy(x):  # a quadratic form: central differences are exact but for rounding
        return jnp.sum(jnp.square(magnitudes(x, SMALL)))

    expected = (energy(audio + step * direction) - energy(audio - step * direction)) / (2 * step)
    slopes = [
        jnp.vdot(jax.grad(lambda x, form=form: jnp.sum(jnp.square(magnitudes(x, SMALL, form=form))))(audio), direction)
        for form in ("fft", "matrix")
    ]
    np.testing.assert_allclose(slopes, expected, rtol=1e-3)


@pytest.mark.parametrize("samples", [8, 1024])
def test_the_window_is_scipys_periodic_hann(samples):
    np.testing.assert_allclose(hann_window(samples), scipy.signal.get_window("hann", samples), atol=1e-15)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"hop_samples": 0}, "hop_samples of at least 1"),
        ({"window_samples": 1023}, "even window"),
        ({"hop_samples": 600}, "at least two hops"),
        ({"window_samples": 4096}, "at most the transform"),
    ],
)
def test_sizes_out_of_range_are_an_error(sizes, message):
    with pytest.raises(ValueError, match=message):
        STFTConfig(**sizes)
