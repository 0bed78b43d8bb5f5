"""The procedural TR-808 against what the physics of each voice says; oracles: FFT, zero crossings, Schroeder integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal.windows import blackmanharris

from drumjax.patterns import GM, POCKET, TR808, DrumMap
from drumjax.synth.tr808 import METAL_HZ, VOICE_OF_PITCH, VOICES, kit_for, voices

RATE = 44_100


def spectrum(samples: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and power."""
    return np.fft.rfftfreq(len(samples), 1 / rate), np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2


def centroid_hz(samples: np.ndarray) -> float:
    hz, power = spectrum(samples)
    return float((hz * power).sum() / power.sum())


def share(samples: np.ndarray, low_hz: float, high_hz: float, rate: int = RATE) -> float:
    """The part of the energy between two frequencies."""
    hz, power = spectrum(samples, rate)
    return float(power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum())


def t60_s(samples: np.ndarray) -> float:
    """Three times the fall from −5 to −25 dB of the energy that is left (Schroeder)."""
    left = np.cumsum(samples[::-1].astype(np.float64) ** 2)[::-1]
    level_db = 10 * np.log10(left / left[0] + 1e-30)
    return 3 * float(np.argmax(level_db < -25) - np.argmax(level_db < -5)) / RATE


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_is_finite_within_full_scale_free_of_dc_and_silent_at_both_ends(name):
    samples = voices()[name]
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.isfinite(samples).all()
    assert 0.2 < np.abs(samples).max() <= 1
    assert abs(samples.mean(dtype=np.float64)) < 1e-6
    assert share(samples, 0, 15) < 0.01
    assert abs(samples[0]) < 1e-4
    assert samples[-1] == 0
    assert np.abs(samples[-20:]).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "low_hz", "high_hz"),
    [
        ("BD", 45, 120), ("SD", 800, 4_000), ("CH", 6_500, 11_000), ("OH", 6_500, 11_000), ("RS", 500, 1_800), ("CB", 700, 2_640),
        ("LT", 80, 110), ("MT", 120, 165), ("HT", 165, 230), ("LC", 180, 210), ("MC", 275, 310), ("HC", 400, 450),
        ("CP", 900, 3_000), ("CL", 2_400, 2_600), ("MA", 6_000, 16_000), ("CY", 3_440, 8_000), ("RD", 3_000, 6_000),
    ],
)  # fmt: skip
def test_spectral_centroids_lie_where_the_circuits_put_them(name, low_hz, high_hz):
    assert low_hz < centroid_hz(voices()[name]) < high_hz


def test_every_voice_has_a_centroid_test():
    marks = test_spectral_centroids_lie_where_the_circuits_put_them.pytestmark
    assert {case[0] for mark in marks for case in mark.args[1]} == set(VOICES)


@pytest.mark.parametrize(
    ("name", "low_s", "high_s"),
    [
        ("BD", 0.5, 0.8), ("SD", 0.15, 0.3), ("CH", 0.05, 0.12), ("OH", 0.4, 0.7), ("RS", 0.01, 0.05), ("CB", 0.25, 0.5),
        ("LT", 0.4, 0.7), ("MT", 0.3, 0.6), ("HT", 0.25, 0.5), ("CP", 0.2, 0.4), ("CL", 0.03, 0.07), ("CY", 1.0, 1.5),
    ],
)  # fmt: skip
def test_decay_times_lie_in_their_bands(name, low_s, high_s):
    assert low_s < t60_s(voices()[name]) < high_s


@pytest.mark.parametrize(("name", "low_hz", "high_hz"), [("BD", 49, 56), ("LT", 79, 84), ("MT", 119, 124), ("HT", 164, 170)])
def test_skins_come_to_rest_at_their_pitch(name, low_hz, high_hz):
    samples = voices()[name].astype(np.float64)
    part = samples[int(0.06 * RATE) : int(0.3 * RATE)]
    before = np.flatnonzero((part[:-1] < 0) & (part[1:] >= 0))
    crossings = before + part[before] / (part[before] - part[before + 1])
    assert low_hz < RATE / np.diff(crossings).mean() < high_hz


def test_the_bass_drum_falls_in_pitch():
    samples = voices()["BD"].astype(np.float64)
    crossings = np.flatnonzero(np.signbit(samples[1:]) != np.signbit(samples[:-1])) / RATE
    halves_s = np.diff(crossings[crossings > 0.001])
    assert 1 / (2 * halves_s[0]) > 1.25 / (2 * halves_s[10])


def test_the_snare_has_two_shells_and_noise_above():
    samples = voices()["SD"]
    hz, power = spectrum(samples)
    for shell_hz in (180, 330):
        near = power[(hz > shell_hz - 12) & (hz < shell_hz + 12)].max()
        assert near > 5 * np.median(power[(hz > 220) & (hz < 280)])
    assert 0.05 < share(samples, 1_500, 20_000) < 0.6


def test_the_cowbell_sounds_its_two_oscillators():
    hz, power = spectrum(voices()["CB"])
    strongest = hz[np.argsort(power)[::-1]]
    assert abs(strongest[0] - 800) < 5 or abs(strongest[0] - 540) < 5
    for tone_hz in (540, 800):
        around = (hz > tone_hz - 60) & (hz < tone_hz + 60)
        assert abs(hz[around][np.argmax(power[around])] - tone_hz) < 5


def test_the_cowbell_falls_fast_and_then_slowly():
    samples = voices()["CB"]
    level_db = [
        20 * np.log10(np.sqrt(np.mean(samples[int(t * RATE) : int((t + 0.02) * RATE)] ** 2))) for t in (0.0, 0.06, 0.2, 0.26)
    ]
    assert (level_db[0] - level_db[1]) > 1.2 * (level_db[2] - level_db[3])


@pytest.mark.parametrize("name", ["CH", "OH"])
def test_hats_have_nothing_low(name):
    assert share(voices()[name], 0, 1_000) < 1e-4


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_metal_has_its_own_partials_and_no_aliases(rate):
    """A naive square at the oscillators' frequencies folds energy between the partials; ours must not."""
    from drumjax.synth.tr808 import _metal, _time

    t = _time(1.0, rate)
    window = blackmanharris(len(t))

    def between(samples: np.ndarray) -> float:
        hz, power = spectrum(samples * window, rate)
        top_hz = min(20_000, 0.45 * rate)
        clear = np.ones(len(hz), bool)
        for tone_hz in METAL_HZ:
            for partial in np.arange(1, top_hz / tone_hz + 1, 2):
                clear &= np.abs(hz - partial * tone_hz) > 6
        return float(power[clear].sum() / power.sum())

    naive = np.mean([np.sign(np.sin(2 * np.pi * tone_hz * t + 0.1)) for tone_hz in METAL_HZ], axis=0)
    assert between(_metal(t, rate)) < 1e-8
    assert between(naive) > 1e-3


def test_the_square_is_its_fourier_series():
    from drumjax.synth.tr808 import _RUNNING_S, _square, _time

    t = _time(0.02, RATE)
    x = 2 * np.pi * 369.6 * (t + _RUNNING_S)
    expected = sum(4 / np.pi / k * np.sin(k * x) for k in range(1, int(0.45 * RATE / 369.6) + 1, 2))
    np.testing.assert_allclose(_square(369.6, t, RATE), expected, atol=1e-9)


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_other_rates_give_the_same_sounds(rate):
    for name in ("BD", "RS", "LT"):
        low, other = voices()[name], voices(rate)[name]
        assert abs(len(other) / rate - len(low) / RATE) < 1e-4
        hz, power = spectrum(other, rate)
        base_hz, base_power = spectrum(low)
        assert abs(hz[np.argmax(power)] - base_hz[np.argmax(base_power)]) < 3


def test_a_rate_too_low_for_the_hats_is_refused():
    with pytest.raises(ValueError, match="8,000"):
        voices(8_000)


def test_voices_are_deterministic():
    from drumjax.synth import tr808

    again = {name: voice(RATE) for name, voice in tr808.VOICES.items()}
    for name, samples in voices().items():
        np.testing.assert_array_equal(samples, again[name])


@pytest.mark.parametrize("drum_map", [TR808, POCKET], ids=lambda drum_map: drum_map.name)
def test_every_lane_of_the_small_maps_has_a_voice_of_its_own(drum_map):
    kit = kit_for(drum_map)
    assert tuple(kit.samples) == drum_map.lanes
    assert kit.silent == ()
    assert len({samples.tobytes() for samples in kit.samples.values()}) == len(drum_map.lanes)


def test_the_six_lanes_of_the_paper_are_their_namesakes():
    for lane, samples in kit_for(TR808).samples.items():
        np.testing.assert_array_equal(samples, voices()[lane])


def test_general_midi_lanes_without_a_voice_are_named_as_silent():
    kit = kit_for(GM)
    assert set(kit.samples) | set(kit.silent) == set(GM.lanes)
    assert set(kit.silent) == {f"gm{pitch}" for pitch in (58, 71, 72, 73, 74, 78, 79, 80, 81)}
    assert set(VOICE_OF_PITCH.values()) <= set(VOICES)


def test_both_hats_cut_the_open_one():
    assert kit_for(TR808).chokes == ((("CH", "OH"), ("OH",)),)
    assert kit_for(POCKET).chokes == ((("closed_hat", "open_hat"), ("open_hat",)),)
    assert kit_for(GM).chokes == ((("gm42", "gm44", "gm46"), ("gm46",)),)


def test_a_lane_written_as_a_pitch_without_a_voice_takes_another_of_its_pitches():
    drum_map = DrumMap("own", ("whistle_or_bell", "cuica"), ((71, 56), (78,)), (71, 78))
    kit = kit_for(drum_map)
    np.testing.assert_array_equal(kit.samples["whistle_or_bell"], voices()["CB"])
    assert kit.silent == ("cuica",)
    assert kit.chokes == ()


@pytest.mark.parametrize("name", VOICES)
def test_takes_of_a_voice_are_equally_loud_and_as_clean_as_the_first(name):
    first, *others = kit_of(name)
    for samples in others:
        assert samples.shape == first.shape
        assert not np.array_equal(samples, first)
        assert np.linalg.norm(samples) == pytest.approx(np.linalg.norm(first), rel=1e-5)
        assert np.abs(samples).max() < 1.3
        assert abs(samples.mean(dtype=np.float64)) < 1e-5
        assert abs(samples[0]) < 1e-3
        assert samples[-1] == 0
        assert centroid_hz(samples) == pytest.approx(centroid_hz(first), rel=0.2)


@pytest.mark.parametrize(("name", "least", "most"), [("BD", 0.95, 0.9999), ("SD", 0.5, 0.9), ("CH", -0.3, 0.3), ("CP", -0.3, 0.3)])
def test_takes_differ_as_the_circuits_do(name, least, most):
    """A resonator rings almost the same each time, noise and free oscillators do not: the correlation with the first stroke."""
    first, *others = kit_of(name)
    for samples in others:
        assert least < np.corrcoef(first, samples)[0, 1] < most


def kit_of(name: str) -> tuple[np.ndarray, ...]:
    """All eight takes of a voice."""
    pitch = next(pitch for pitch, voice in VOICE_OF_PITCH.items() if voice == name)
    return kit_for(DrumMap("one", ("X",), ((pitch,),), (pitch,)), takes=8).sounds("X")


@pytest.mark.parametrize("takes", [0, 9])
def test_other_numbers_of_takes_are_refused(takes):
    with pytest.raises(ValueError, match=f"1 to 8 takes, found {takes}"):
        kit_for(TR808, takes=takes)
