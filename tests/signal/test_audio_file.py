"""Sound files out: exact samples, equal bytes, and what is refused."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.provenance import provenance
from drumjax.signal.audio_file import write_audio


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
@pytest.mark.parametrize("shape", [(999,), (999, 1), (333, 3)])
def test_samples_are_rounded_to_16_bits(tmp_path, suffix, shape):
    samples = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    samples.flat[:3] = -1, 1, 0
    path = tmp_path / f"a{suffix}"
    write_audio(path, samples, 48_000)
    pcm, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == 48_000
    assert soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_array_equal(pcm, np.rint(samples.astype(np.float64) * 32767).reshape(len(samples), -1))
    assert pcm.flat[:3].tolist() == [-32767, 32767, 0]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_equal_input_gives_equal_bytes(tmp_path, suffix):
    record = provenance("demo", model=None, model_sha256=None, seed=1, parameters={})
    samples = np.random.default_rng(0).uniform(-1, 1, 5000)
    for name in ("a", "b"):
        write_audio(tmp_path / f"{name}{suffix}", samples, 44_100, record)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), r"of shape \(samples,\)"),
        (np.zeros((2, 2, 2)), r"of shape \(samples,\)"),
        (np.float32(0), r"of shape \(samples,\)"),
        (np.array([0, np.nan]), "finite samples"),
        (np.array([0, -np.inf]), "finite samples"),
        (np.array([0.5, -1.25]), r"in \[-1, 1\], found 1.25"),
    ],
)
def test_sound_that_cannot_be_written_faithfully_is_refused(tmp_path, samples, message):
    with pytest.raises(ValueError, match=message):
        write_audio(tmp_path / "a.wav", samples, 44_100)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("a.mp3", "ends in .wav or .flac"), ("a", "ends in .wav"), ("none/a.wav", "no folder")]
)
def test_places_and_formats_that_are_not_offered_are_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        write_audio(tmp_path / name, np.zeros(10), 44_100)
