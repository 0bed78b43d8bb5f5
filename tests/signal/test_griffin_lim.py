"""Griffin–Lim against librosa's, and on recorded sounds."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile

from drumjax.losses import spectral_convergence
from drumjax.signal.griffin_lim import from_magnitudes, griffin_lim, magnitudes_of_mel, mel_pseudo_inverse
from drumjax.signal.levels import peak_normalized
from drumjax.signal.mel import MelConfig, mel, mel_filterbank
from drumjax.signal.spectrum import magnitudes

PAPER = MelConfig()
SMALL = MelConfig(samples=2000, window_samples=128, hop_samples=32, fft_samples=256, bins=40)


def drum(config=SMALL, items=2):
    """Decaying tones with a noisy beginning."""
    time = np.arange(config.samples) / config.sample_rate_hz
    rng = np.random.default_rng(0)
    tones = [
        np.exp(-60 * time) * np.sin(2 * np.pi * hz * time) + np.exp(-300 * time) * rng.normal(size=len(time)) for hz in (200, 900)
    ]
    return peak_normalized(np.asarray(tones[:items], np.float32))


@pytest.fixture(scope="module")
def recorded(data_folder: Path):
    """Four recorded one-shots of different classes, at the paper's rate, length and peak."""
    names = ["kick/bd_808", "snare/sn_dub", "hihat_open/drum_cymbal_open", "tom/drum_tom_lo_hard"]
    sounds = []
    for name in names:
        samples, rate = soundfile.read(data_folder / "oneshots_sonicpi" / f"{name}.flac", dtype="float32")
        sounds.append(librosa.util.fix_length(librosa.resample(samples, orig_sr=rate, target_sr=22_050), size=PAPER.samples))
    return peak_normalized(np.stack(sounds))


@pytest.mark.parametrize("momentum", [0.0, 0.99])
@pytest.mark.parametrize("batched", [False, True])
def test_it_is_librosas_from_the_same_phases(momentum, batched):
    spectrum = np.asarray(magnitudes(drum(), SMALL))
    turns = np.random.RandomState(5).random(size=spectrum[0].T.shape).T
    expected = librosa.griffinlim(
        spectrum[0].T, n_iter=8, hop_length=32, win_length=128, n_fft=256, length=2000, momentum=momentum, random_state=5
    )
    phases = np.exp(2j * np.pi * turns).astype(np.complex64)
    given = (spectrum, np.stack([phases] * 2)) if batched else (spectrum[0], phases)
    found = np.asarray(jax.jit(lambda s, p: from_magnitudes(s, p, SMALL, iterations=8, momentum=momentum))(*given))
    # Rounding grows from iteration to iteration where a magnitude is near 0.
    np.testing.assert_allclose(found[0] if batched else found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_its_error_falls_with_the_iterations(momentum):
    bands = mel(drum(), SMALL)
    errors = [
        float(
            spectral_convergence(
                bands, mel(griffin_lim(bands, SMALL, jax.random.key(1), iterations=n, momentum=momentum), SMALL)
            ).mean()
        )
        for n in (0, 8, 64)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]


def test_an_items_sound_does_not_depend_on_its_batch():
    bands = mel(drum(), SMALL)
    alone, together = (griffin_lim(given, SMALL, jax.random.key(1), iterations=2) for given in (bands[:1], bands))
    np.testing.assert_allclose(alone[0], together[0], atol=1e-5)


def test_keys_of_the_items_own_say_their_phases():
    bands, key = jnp.repeat(mel(drum(), SMALL)[:1], 3, 0), jax.random.key(1)
    own = jax.random.split(key, 2)[jnp.array([0, 1, 0])]
    first, other, again = griffin_lim(bands, SMALL, own, iterations=2)
    np.testing.assert_allclose(first, again, atol=1e-5)
    assert float(jnp.abs(first - other).max()) > 0.01 * float(jnp.abs(first).max())


def test_another_key_is_another_sound_and_the_same_key_the_same():
    bands = mel(drum(), SMALL)
    a, b, c = (griffin_lim(bands, SMALL, jax.random.key(key), iterations=2) for key in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.01


def test_silence_gives_silence():
    np.testing.assert_array_equal(griffin_lim(jnp.zeros((1, SMALL.frames, SMALL.bins)), SMALL, jax.random.key(0), iterations=3), 0)


@pytest.mark.parametrize("config", [PAPER, SMALL], ids=["paper", "small"])
def test_the_pseudo_inverse_is_numpys_at_the_true_rank(config):
    bank = mel_filterbank(config).astype(np.float64)
    values = np.linalg.svd(bank, compute_uv=False)
    rank = int((values > 1e-6 * values[0]).sum())
    assert rank == {PAPER: 436, SMALL: 40}[config]
    # The cut does not decide: above it lies no value under .005 of the greatest, below it rounding alone.
    assert values[rank - 1] > 0.005 * values[0]
    assert values[rank:].max(initial=0) < 1e-9 * values[0]
    expected = np.linalg.pinv(bank, rcond=1e-3)
    np.testing.assert_allclose(mel_pseudo_inverse(config), expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    # Moore and Penrose's first condition.
    np.testing.assert_allclose(bank @ mel_pseudo_inverse(config) @ bank, bank, rtol=0, atol=1e-6 * bank.max())


def test_the_magnitudes_of_mel_bands_are_not_negative_and_have_those_bands():
    bands = mel(drum(PAPER), PAPER)
    spectrum = jax.jit(lambda m: magnitudes_of_mel(m, PAPER))(bands)
    assert spectrum.shape == (2, 86, 1025)
    assert spectrum.min() >= 0
    assert float(spectral_convergence(bands, spectrum @ mel_filterbank(PAPER)).max()) < 5e-3


def test_recorded_sounds_come_back(recorded):
    bands = mel(recorded, PAPER)
    found = mel(griffin_lim(bands, PAPER, jax.random.key(0)), PAPER)
    errors = spectral_convergence(bands, found)
    assert float(errors.mean()) < 0.08
    assert float(errors.max()) < 0.15


def test_clipping_the_pseudo_inverse_loses_little_on_recorded_sounds_and_librosas_own_inverse_much(recorded):
    bands = mel(recorded[:1], PAPER)
    ours = magnitudes_of_mel(bands, PAPER)
    theirs = librosa.util.nnls(mel_filterbank(PAPER).T, np.asarray(bands[0]).T).T[None]
    error, reference = (float(spectral_convergence(bands, s @ mel_filterbank(PAPER))[0]) for s in (ours, theirs))
    assert error < 5e-3
    assert error < 0.1 * reference
