"""Against the recommendation's own numbers: its filters at 48 kHz, and tones whose loudness it or EBU Tech 3341 states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from drumjax.signal import loudness

RATES = (44_100, 48_000)


def tone(level_dbfs, seconds, rate, hz=1000.0):
    return 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def both(samples):
    return np.stack([samples, samples], axis=1)


def test_the_filters_at_48_khz_are_those_that_bs_1770_prints():
    impulse = np.zeros(200)
    impulse[0] = 1.0
    shelf = signal.lfilter(
        [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585], impulse
    )
    both_filters = signal.lfilter([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], shelf)
    np.testing.assert_allclose(loudness.k_weighted(impulse, 48_000), both_filters, atol=1e-9)


@pytest.mark.parametrize("rate", RATES)
def test_a_full_scale_tone_of_997_hz_in_one_channel_has_3_01_lufs_below_zero(rate):
    assert loudness.integrated_loudness(tone(0, 3, rate, 997.0), rate) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_ebu_tech_3341_cases_1_and_2(rate, level):
    assert loudness.integrated_loudness(both(tone(level, 20, rate)), rate) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_ebu_tech_3341_case_3_soft_parts_are_gated(rate):
    parts = [tone(-36, 10, rate), tone(-23, 60, rate), tone(-36, 10, rate)]
    assert loudness.integrated_loudness(both(np.concatenate(parts)), rate) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_ebu_tech_3341_case_4_silence_between_is_gated(rate):
    parts = [tone(level, seconds, rate) for level, seconds in ((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10))]
    assert loudness.integrated_loudness(both(np.concatenate(parts)), rate) == pytest.approx(-23, abs=0.1)


def test_silence_and_very_short_sounds_have_none():
    assert loudness.integrated_loudness(np.zeros(44_100), 44_100) == -math.inf
    assert loudness.integrated_loudness(np.ones(1000), 44_100) == -math.inf


def test_more_than_two_channels_are_an_error():
    with pytest.raises(ValueError, match="one or two channels"):
        loudness.integrated_loudness(np.zeros((44_100, 3)), 44_100)


@pytest.mark.parametrize("rate", [22_050, *RATES])
def test_the_loudest_moment_of_a_steady_tone_is_its_loudness(rate):
    assert loudness.loudest_moment(both(tone(-23, 2, rate)), rate) == pytest.approx(-23, abs=0.1)


def test_the_loudest_moment_of_half_a_block_is_three_decibels_below_a_whole_one():
    short, long = (loudness.loudest_moment(tone(-20, seconds, 48_000), 48_000) for seconds in (0.2, 2))
    assert long - short == pytest.approx(10 * math.log10(2), abs=0.1)


def test_the_loudest_moment_is_the_same_wherever_in_a_sound_it_lies():
    burst = tone(-20, 0.4, 48_000)
    late = np.concatenate([tone(-50, 1, 48_000), burst, tone(-50, 1, 48_000)])
    assert loudness.loudest_moment(late, 48_000) == pytest.approx(loudness.loudest_moment(burst, 48_000), abs=0.1)


@pytest.mark.parametrize("samples", [1, 30_000])
def test_silence_has_no_loudest_moment(samples):
    assert loudness.loudest_moment(np.zeros(samples), 22_050) == -math.inf
