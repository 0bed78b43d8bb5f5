"""One-shots from files and in windows, against sounds made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.signal.one_shot import read_one_shot, resampled, windowed


@pytest.fixture
def written(tmp_path):
    def write(samples, rate):
        path = tmp_path / "kick.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        return path

    return write


def tone(hz, rate, seconds=0.2):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def test_a_tone_keeps_its_pitch_and_level_at_another_rate(written):
    sound = read_one_shot(written(tone(1_000, 96_000), 96_000), 22_050)
    assert abs(len(sound) - 0.2 * 22_050) <= 1
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * 22_050 / len(sound) == pytest.approx(1_000, abs=5)
    assert np.abs(sound[500:-500]).max() == pytest.approx(0.5, rel=0.01)


def test_silence_before_the_onset_is_cut_but_for_half_a_millisecond(written):
    sound = read_one_shot(written(np.concatenate([np.zeros(10_000), np.ones(100), np.zeros(100)]), 44_100), 44_100)
    assert len(sound) == 200 + 22
    np.testing.assert_array_equal(sound[:22], 0)


def test_a_file_that_stands_on_another_level_than_zero_is_read_as_one_that_does_not(written):
    silence = np.zeros(10_000)
    hit = tone(100, 44_100) * np.exp(-np.arange(8_820) / 900)
    plain = read_one_shot(written(np.concatenate([silence, hit, silence]), 44_100), 44_100)
    for level in (0.01, -0.2):
        np.testing.assert_allclose(
            read_one_shot(written(np.concatenate([silence, hit, silence]) + level, 44_100), 44_100), plain, atol=1e-6
        )


@pytest.mark.parametrize("end", [0.1, -0.1])
def test_a_sound_that_is_cut_off_keeps_its_level(written, end):
    """It begins at once, or ends in the middle of a swing: neither is a level that the file stands on."""
    samples = np.concatenate([tone(100, 44_100), np.full(500, end)])
    np.testing.assert_allclose(read_one_shot(written(samples, 44_100), 44_100)[-500:], end, atol=1e-6)
    np.testing.assert_allclose(read_one_shot(written(samples[::-1], 44_100), 44_100)[:500], end, atol=1e-6)


def test_a_sound_of_which_the_rate_keeps_nothing_is_refused(written):
    ultrasound = tone(50_000, 192_000)
    path = written(ultrasound * np.hanning(len(ultrasound)), 192_000)
    with pytest.raises(InputError) as caught:
        read_one_shot(path, 22_050)
    assert caught.value.found == "nothing below 11,025 Hz"
    assert np.abs(read_one_shot(path, 192_000)).max() > 0.4


@pytest.mark.parametrize(("samples", "rate"), [(1, 44_100), (999, 44_100), (1_000, 8_000), (1_001, 48_000)])
def test_a_resampled_sound_has_the_length_that_its_time_says_rounded_up(samples, rate):
    assert len(resampled(np.zeros(samples, np.float32), rate, 22_050)) == -(-samples * 22_050 // rate)


def test_a_window_pads_short_sounds_and_cuts_and_fades_long_ones():
    short = windowed(np.array([0.25, -0.5]), 6, 22_050)
    np.testing.assert_array_equal(short, [0.5, -1, 0, 0, 0, 0])
    long = windowed(np.full(3_000, 0.1), 2_000, 22_050)
    assert long.dtype == np.float32
    np.testing.assert_allclose(long[:1_890], 1, rtol=1e-6)
    assert (np.diff(long[1_890:]) < 0).all()
    assert long[-1] == 0


def test_the_window_of_silence_is_silence():
    np.testing.assert_array_equal(windowed(np.zeros(5), 8, 22_050), 0)
