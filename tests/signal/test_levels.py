"""Peaks of NumPy's and JAX's arrays, jitted and not, against numbers known beforehand."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.signal.levels import decibels, peak, peak_normalized


@pytest.fixture(params=["numpy", "jax", "jitted"])
def form(request):
    if request.param == "numpy":
        return lambda f, x: f(np.asarray(x, np.float32))
    return lambda f, x: (jax.jit(f) if request.param == "jitted" else f)(jnp.asarray(x, jnp.float32))


def test_the_peak_is_the_greatest_magnitude_of_either_sign(form):
    np.testing.assert_array_equal(form(peak, [[0.25, -0.5, 0.125], [0, 0, 0]]), [0.5, 0])


def test_a_normalized_sound_peaks_at_one_never_beyond_and_keeps_its_shape(form):
    sounds = np.random.default_rng(0).normal(scale=[[1e-4], [1], [300]], size=(3, 500)).astype(np.float32)
    made = np.asarray(form(peak_normalized, sounds))
    np.testing.assert_allclose(np.abs(made).max(1), 1, rtol=1e-7)
    assert np.abs(made).max() <= 1
    np.testing.assert_allclose(made, sounds / np.abs(sounds).max(1, keepdims=True), rtol=2e-7)


def test_normalized_silence_is_silence(form):
    np.testing.assert_array_equal(form(peak_normalized, np.zeros((2, 10))), 0)


def test_a_normalized_sound_peaks_at_the_level_asked_for():
    assert peak(peak_normalized(np.array([0.1, -4.0]), 0.25)) == 0.25


def test_decibels_are_twenty_for_a_factor_of_ten():
    assert [decibels(10), decibels(1), decibels(0.1)] == pytest.approx([20, 0, -20])
    assert decibels(0) == -math.inf
