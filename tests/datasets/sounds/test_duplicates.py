"""Copies of sounds are found by what is heard, and different sounds are left alone."""

from __future__ import annotations

import io

import librosa
import numpy as np
import pytest
import soundfile

from drumjax.datasets.sounds.duplicates import THRESHOLD_DB, distance_db, fingerprint, repetitions
from drumjax.datasets.sounds.files import read_clip

RATE = 44_100


def struck(number: int, ring_s: float = 0.1) -> np.ndarray:
    """A membrane of a few modes with a burst of noise, float32 (0.4 s)."""
    rng = np.random.default_rng(number)
    t = np.arange(round(0.4 * RATE)) / RATE
    root = rng.uniform(60, 500)
    modes = sum(rng.uniform(0.1, 1) * np.sin(2 * np.pi * root * ratio * t) for ratio in (1, 1.59, 2.14, 2.3))
    noise = rng.uniform(0, 2) * rng.normal(size=len(t)) * np.exp(-t / rng.uniform(0.005, 0.05))
    return (0.1 * (modes + noise) * np.exp(-t / ring_s)).astype(np.float32)


def coded(samples: np.ndarray, **options) -> tuple[np.ndarray, int]:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, **options)
    return soundfile.read(io.BytesIO(buffer.getvalue()), dtype="float32")


COPIES = {
    "same": lambda x: (x, RATE),
    "level": lambda x: (0.1 * x, RATE),
    "upside down": lambda x: (-x, RATE),
    "16 bits, 12 dB down": lambda x: (np.rint(0.25 * x * 32767) / 32767, RATE),
    "48 kHz": lambda x: (librosa.resample(x, orig_sr=RATE, target_sr=48_000), 48_000),
    "22 kHz": lambda x: (librosa.resample(x, orig_sr=RATE, target_sr=22_050), 22_050),
    "two channels": lambda x: (np.stack([x, 0.5 * x], 1), RATE),
    "silence in front": lambda x: (np.concatenate([np.zeros(12_345, np.float32), x]), RATE),
    "a millionth of noise in front": lambda x: (
        np.concatenate([1e-6 * np.random.default_rng(0).normal(size=999), x]).astype(np.float32), RATE,
    ),
    "mp3": lambda x: coded(x, format="MP3", compression_level=0.0),
    "ogg": lambda x: coded(x, format="OGG", subtype="VORBIS", compression_level=0.2),
}  # fmt: skip


@pytest.fixture
def heard(tmp_path):
    """The fingerprint of a sound on its way through a file."""

    def make(samples: np.ndarray, rate: int = RATE) -> np.ndarray:
        soundfile.write(tmp_path / "x.wav", samples, rate, subtype="FLOAT")
        return fingerprint(read_clip(tmp_path / "x.wav", 22_050, 22_015).audio)

    return make


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_nearer_than_the_threshold(heard, copy):
    for number in range(4):
        original = struck(number)
        (distance,) = distance_db(heard(original), heard(*COPIES[copy](original))[None])
        assert distance < THRESHOLD_DB, number


def test_different_drums_and_other_hits_on_one_drum_are_farther(heard):
    prints = np.stack([heard(struck(number)) for number in range(12)])
    for i in range(12):
        assert (distance_db(prints[i], np.delete(prints, i, 0)) > 3).all()
    first = struck(1)
    noise = np.random.default_rng(5).normal(size=len(first)) * np.exp(-np.arange(len(first)) / 800)
    for other in (struck(1, ring_s=0.16), (first + 0.1 * noise).astype(np.float32), first[: len(first) // 8]):
        (distance,) = distance_db(prints[1], heard(other)[None])
        assert distance > THRESHOLD_DB


def test_two_clicks_are_told_apart_though_most_of_their_window_is_empty(heard):
    clicks = [np.random.default_rng(i).normal(size=500).astype(np.float32) * 0.1 for i in range(2)]
    (distance,) = distance_db(heard(clicks[0]), heard(clicks[1])[None])
    assert distance > 2 * THRESHOLD_DB


def test_repetitions_are_those_of_comparing_every_pair():
    """Prints at random distances, more than a block of them, against the plain loop over all pairs."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 200, (40, 88 * 32))
    prints = np.concatenate(
        [base, base[rng.integers(0, 40, 360)] + rng.integers(0, 14, (360, 1)) * rng.integers(-1, 2, (360, 88 * 32))]
    )
    prints = prints.clip(0, 200).astype(np.uint8)
    expected, kept = [], []
    for i in range(len(prints)):
        near = [j for j in kept if distance_db(prints[i], prints[j][None])[0] < THRESHOLD_DB]
        expected += [(i, near[0])] if near else []
        kept += [] if near else [i]
    assert 20 < len(expected) < 380
    assert list(repetitions(prints)) == expected


def test_no_sounds_have_no_repetitions():
    assert list(repetitions(np.zeros((0, 88 * 32), np.uint8))) == []
