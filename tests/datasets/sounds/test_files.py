"""One sound file as one sound of a data set: what becomes of rates, channels, silence, length and level, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.datasets.sounds.duplicates import distance_db, fingerprint
from drumjax.datasets.sounds.files import Clip, read_clip
from drumjax.datasets.sounds.info import SAMPLE_RATE_HZ, SAMPLES

RATE = 44_100


def clip(path) -> Clip:
    return read_clip(path, SAMPLE_RATE_HZ, SAMPLES)


def tone(seconds: float, hz: float = 440.0, rate: int = RATE, level: float = 0.25) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return level * np.sin(2 * np.pi * hz * t) * np.exp(-t / 0.05)


def pitch_hz(audio: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(audio.astype(float), 1 << 16))) * SAMPLE_RATE_HZ / (1 << 16))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_any_rate_and_bit_depth_gives_the_same_tone_at_full_scale(sound, rate, subtype):
    made = clip(sound("kick.wav", tone(0.2, rate=rate), rate, subtype=subtype))
    assert made.audio.dtype == np.int16
    assert np.abs(made.audio.astype(int)).max() == 32767
    assert abs(pitch_hz(made.audio) - 440) < 4
    assert made.file_rate_hz == rate
    assert abs(len(made.audio) / SAMPLE_RATE_HZ - 0.2) < 0.01
    assert not made.is_cut


@pytest.mark.parametrize("name", ["a.flac", "a.aiff", "a.ogg", "a.mp3"])
def test_the_other_formats_are_read_too(sound, name):
    assert abs(pitch_hz(clip(sound(name, tone(0.3))).audio) - 440) < 4


def test_channels_are_averaged_and_silence_on_both_sides_left_off(sound):
    left, right = tone(0.2), tone(0.2, hz=880)
    both = np.concatenate([np.zeros((4410, 2)), np.stack([left, right], 1), np.zeros((44_100, 2))])
    made, mono = clip(sound("a.wav", both)), clip(sound("b.wav", (left + right) / 2))
    # 0.5 ms before the onset are kept where there are any.
    assert len(mono.audio) - 20 < len(made.audio) < len(mono.audio) + 40
    (distance,) = distance_db(fingerprint(made.audio), fingerprint(mono.audio)[None])
    assert distance < 1


def test_clips_far_shorter_than_the_window_keep_their_length(sound):
    assert 200 < len(clip(sound("a.wav", tone(0.01))).audio) < 240


def test_a_longer_sound_is_cut_at_the_window_and_fades_out(sound):
    made = clip(sound("a.wav", 0.5 * np.sin(np.arange(3 * RATE) / 20)))
    assert made.is_cut
    assert SAMPLES - 40 < len(made.audio) <= SAMPLES
    assert np.abs(made.audio[-10:].astype(int)).max() < 0.1 * 32767 < np.abs(made.audio[-200:-110].astype(int)).max()


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        (np.zeros(9000), "silence"),
        (np.full(9000, 0.3), "a constant"),
        (np.stack([tone(0.1), -tone(0.1)], 1), "channels that cancel each other"),
        (tone(0.002), "ms"),
        (np.concatenate([tone(0.1, level=0.01), np.zeros(2 * RATE), tone(0.1, level=0.9)]), "2.1 s behind the onset"),
        (np.tile(tone(1.0), 31), "31.0 s"),
        (np.full(9000, np.nan), "NaN"),
    ],
    ids=["silence", "constant", "opposite channels", "click", "late hit", "recording", "nan"],
)
def test_what_is_no_stroke_is_refused_with_what_was_found(sound, samples, found):
    with pytest.raises(InputError, match=found):
        clip(sound("a.wav", samples, subtype="FLOAT"))


def test_a_recording_is_refused_by_its_header(sound, monkeypatch):
    """Ten minutes: nothing of them is read."""
    import soundfile

    path = sound("a.flac", np.tile(tone(1.0, rate=8000), 600), 8000)
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("the sound was read"))
    with pytest.raises(InputError, match=r"at most 30 s of sound; found 600\.0 s"):
        clip(path)
