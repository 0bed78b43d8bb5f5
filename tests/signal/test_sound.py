"""A sound: what it may hold, how it is cut, and that it says where it came from."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.provenance import provenance, read_provenance
from drumjax.signal.sound import Sound

RATE = 8_000


def record() -> dict:
    return provenance("sound sample", model="m", model_sha256="ab" * 32, seed=1, parameters={"n": 1})


@pytest.fixture
def sound() -> Sound:
    """A ramp up and down over 0.2 s, then 0.1 s at a thousandth of it, then 0.1 s of zeros."""
    loud = np.sin(np.linspace(0, np.pi, 1600)) * np.sin(np.arange(1600))
    return Sound(np.concatenate([loud, np.full(800, 5e-4), np.zeros(800)]), RATE, "kick", "k", record())


@pytest.mark.parametrize(
    ("audio", "rate", "said"),
    [
        ([[0.0]], 8000, "mono"),
        ([], 8000, "at least one"),
        ([np.nan], 8000, "finite"),
        ([np.inf], 8000, "finite"),
        ([1.01], 8000, r"in \[-1, 1\], found 1.01"),
        ([0.0], 0, "above 0 Hz"),
    ],
)
def test_what_is_no_sound_is_refused(audio, rate, said) -> None:
    with pytest.raises(ValueError, match=said):
        Sound(np.array(audio), rate)


def test_samples_are_copied_and_stay(sound) -> None:
    mine = np.zeros(4, np.float32)
    made = Sound(mine, RATE)
    mine[0] = 1
    assert made.is_silent
    assert not sound.is_silent
    with pytest.raises(ValueError, match="read-only"):
        made.audio[0] = 1
    assert sound.duration_s == 0.4


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_it_is_saved_with_its_record(sound, tmp_path, name) -> None:
    sound.save(tmp_path / name)
    audio, rate = soundfile.read(tmp_path / name)
    assert rate == RATE
    np.testing.assert_allclose(audio, sound.audio, atol=2 / 32767)
    assert read_provenance(tmp_path / name) == record()


def test_a_crop_keeps_what_is_asked_for_and_fades_its_edges(sound) -> None:
    part = sound.cropped(0.05, 0.15)
    assert len(part.audio) == 800
    np.testing.assert_array_equal(part.audio[4:-24], sound.audio[400:1200][4:-24])
    assert abs(part.audio[-1]) < 1e-6
    assert part.provenance["parameters"] == {"n": 1, "start_s": 0.05, "end_s": 0.15}
    assert (part.label, part.name) == ("kick", "k")
    np.testing.assert_array_equal(sound.cropped().audio, sound.audio)
    assert sound.cropped().provenance == record()
    np.testing.assert_array_equal(sound.cropped(end_s=9).audio, sound.audio)


@pytest.mark.parametrize(("silence_db", "length"), [(-200, 2400), (-70, 2400), (-60, 1600), (-6, 1325)])
def test_silence_at_the_end_is_cut_at_the_level_that_is_asked_for(sound, silence_db, length) -> None:
    part = sound.cropped(silence_db=silence_db)
    assert len(part.audio) == pytest.approx(length, abs=70)
    assert part.provenance["parameters"]["silence_db"] == silence_db
    kept = np.abs(sound.audio[len(part.audio) :])
    assert kept.max() <= np.abs(sound.audio).max() * 10 ** (silence_db / 20) + 1e-7


def test_a_sound_that_is_still_loud_at_its_end_does_not_click_though_nothing_is_cut() -> None:
    loud = Sound(np.cos(np.arange(800) / 5).astype(np.float32), 8_000)
    heard = loud.cropped(silence_db=-60).audio
    assert len(heard) == 800
    assert max(abs(heard[0]), abs(heard[-1])) < 1e-6
    np.testing.assert_array_equal(heard[4:-24], loud.audio[4:-24])


def test_silence_keeps_a_sample(sound) -> None:
    assert len(Sound(np.zeros(100), RATE).cropped(silence_db=-60).audio) == 1
    assert len(sound.cropped(0.35, silence_db=-60).audio) == 1
    assert len(sound.cropped(0.1, 0.1 + 1e-6).audio) == 1


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        ((-0.1,), "a part of the 0.400 s; found -0.1 to 0.4 s"),
        ((0.4,), "found 0.4 to 0.4 s"),
        ((0.2, 0.1), "found 0.2 to 0.1 s"),
        ((float("nan"),), "found nan"),
        ((0, float("nan")), "nan"),
    ],
)
def test_a_part_that_there_is_not_is_refused(sound, crop, said) -> None:
    with pytest.raises(InputError, match=said):
        sound.cropped(*crop)


@pytest.mark.parametrize("silence_db", [0, 3, -201, float("nan")])
def test_a_level_that_is_no_silence_is_refused(sound, silence_db) -> None:
    with pytest.raises(InputError, match="silence from -200 to below 0 dB"):
        sound.cropped(silence_db=silence_db)
