"""What the one-shots are made of against closed forms and SciPy's own: Bessel zeros, sines, filters, Poisson counts, Schroeder."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, special

from drumjax.synth.circuits import decay
from drumjax.synth.one_shots.draws import Draws
from drumjax.synth.one_shots.primitives import (
    DIAMETERS,
    MEMBRANE,
    Clock,
    bandpass,
    bent,
    bursts,
    collisions,
    dying,
    filtered,
    glide,
    heard,
    highpass,
    lowpass,
    onepole,
    ring,
    room,
    squares,
    strike,
    swell,
    to_peak,
)

CLOCK = Clock(22_050, 11_025)


def column(*values: float) -> np.ndarray:
    """One parameter of several sounds."""
    return np.array(values)[:, None]


def white(sounds: int, seed: int = 0, clock: Clock = CLOCK) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (sounds, clock.samples))


def impulse(sounds: int) -> np.ndarray:
    return np.eye(1, CLOCK.samples).repeat(sounds, axis=0)


def test_the_modes_of_the_membrane_are_the_zeros_of_bessel_functions() -> None:
    # Fletcher and Rossing's table of the ideal membrane
    np.testing.assert_allclose(MEMBRANE[:8], [1, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501], atol=1e-3)
    first = special.jn_zeros(0, 1)[0]
    for ratio, diameters in zip(MEMBRANE, DIAMETERS, strict=True):
        assert abs(special.jv(diameters, ratio * first)) < 1e-12
    everything = sorted(zero for m in range(30) for zero in special.jn_zeros(m, 20))
    np.testing.assert_allclose(MEMBRANE * first, everything[: len(MEMBRANE)])


def test_a_stroke_in_the_middle_excites_round_modes_alone_and_one_on_the_rim_none() -> None:
    middle, rim = strike(column(0.0, 1.0), len(MEMBRANE))
    assert set(DIAMETERS[middle > 1e-12]) == {0}
    np.testing.assert_allclose(middle[DIAMETERS == 0], 1)
    np.testing.assert_allclose(rim, 0, atol=1e-12)


def test_rings_are_damped_sines() -> None:
    hz, t60 = np.array([[220.0, 1_000.5], [5_000.0, 60.0]]), np.array([[0.3, 0.05], [1.0, 20.0]])
    level, phase = np.array([[1.0, 0.5], [2.0, 0.1]]), np.array([[0.0, 1.0], [0.5, 0.0]])
    t = CLOCK.t
    expected = [
        sum(a * np.sin(2 * np.pi * f * t + p) * 10 ** (-3 * t / d) for f, d, a, p in zip(*row, strict=True))
        for row in zip(hz, t60, level, phase, strict=True)
    ]
    np.testing.assert_allclose(ring(hz, t60, level, CLOCK, phase), expected, atol=1e-9)


def test_a_ring_has_fallen_by_60_db_after_its_t60() -> None:
    sound = ring(column(500.0), column(0.25), 1.0, CLOCK)[0]
    envelope = np.abs(signal.hilbert(sound))
    at = round(0.25 * 22_050)
    assert 20 * np.log10(envelope[at] / envelope[2_000] * 10 ** (-3 * 2_000 / 22_050 / 0.25)) == pytest.approx(-60, abs=0.1)


def test_rings_above_nyquist_are_left_out() -> None:
    np.testing.assert_array_equal(ring(column(10_400.0, 30_000.0), column(1.0, 1.0), 1.0, CLOCK), 0)


def test_a_glide_is_the_integral_of_its_frequency() -> None:
    hz, depth, time_s = column(55.0), column(3.0), column(0.02)
    instant = hz * (1 + depth * np.exp(-CLOCK.t / time_s))
    steps = np.pi * (instant[:, 1:] + instant[:, :-1]) / 22_050
    phase = glide(hz, depth, time_s, CLOCK)
    assert phase[0, 0] == 0
    np.testing.assert_allclose(phase[:, 1:], np.cumsum(steps, axis=1), atol=2e-4)


@pytest.mark.parametrize(("hz", "off_db"), [(60, -100), (400, -98), (1_500, -80), (2_700, -64)])
def test_bent_modes_follow_the_glide(hz, off_db) -> None:
    depth, time_s = column(0.3), column(0.02)
    sound = bent(column(hz), column(0.4), column(1.0), depth, time_s, CLOCK)
    late = (1 - np.exp(-CLOCK.t / time_s)) * depth * time_s
    expected = np.sin(glide(column(hz), depth, time_s, CLOCK)) * decay(CLOCK.t + late, 0.4)
    assert 20 * np.log10(np.abs(sound - expected).max()) < off_db


def test_squares_are_their_fourier_series_and_have_no_aliases() -> None:
    hz, phase = np.array([[540.0, 800.0]]), np.array([[0.3, 1.1]])
    expected = sum(
        4 / np.pi / k / 2 * np.sin(k * (2 * np.pi * f * CLOCK.t + p))
        for f, p in zip(hz[0], phase[0], strict=True)
        for k in range(1, 28, 2)
        if k * f < 0.47 * 22_050
    )
    np.testing.assert_allclose(squares(hz, column(1e9), CLOCK, phase)[0], expected, atol=1e-6)


@pytest.mark.parametrize(("make", "kind"), [(lowpass, "low"), (highpass, "high"), (bandpass, "band")])
def test_filters_are_the_bilinear_transforms_of_the_analogue_ones(make, kind) -> None:
    hz, q = 1_200.0, 2.5
    w = 2 * 22_050 * np.tan(np.pi * hz / 22_050)
    top = {"low": [w**2], "high": [1, 0, 0], "band": [w / q, 0]}[kind]
    b, a = signal.bilinear(top, [1, w / q, w**2], 22_050)
    noise = white(2)
    np.testing.assert_allclose(filtered(noise, CLOCK, make(column(hz, hz), CLOCK, q)), signal.lfilter(b, a, noise), atol=1e-10)


def test_each_sound_has_a_filter_of_its_own() -> None:
    noise = white(2)
    both = filtered(noise, CLOCK, lowpass(column(300.0, 4_000.0), CLOCK))
    for row, hz in enumerate((300.0, 4_000.0)):
        sos = signal.butter(2, hz, "lowpass", fs=22_050, output="sos")
        np.testing.assert_allclose(both[row], signal.sosfilt(sos, noise[row]), atol=2e-5)


def test_a_one_pole_rings_off_with_its_time_constant() -> None:
    rung = filtered(impulse(1), CLOCK, onepole(column(1 / (2 * np.pi * 0.004)), CLOCK))[0]
    np.testing.assert_allclose(rung[:2_000] / rung[0], np.exp(-CLOCK.t[:2_000] / 0.004), atol=1e-9)
    assert rung.sum() == pytest.approx(1, abs=1e-6)


def test_dying_noise_without_a_shorter_treble_is_the_noise_under_one_envelope() -> None:
    noise = white(2)
    sound = heard(dying(noise, column(0.3, 0.1), column(1.0, 1.0), CLOCK), CLOCK)
    np.testing.assert_allclose(sound, noise * decay(CLOCK.t, column(0.3, 0.1)), atol=1e-10)


def test_the_treble_of_dying_noise_dies_as_much_sooner_as_asked() -> None:
    clock = Clock(22_050, 22_050)
    sound = heard(dying(white(200, clock=clock), column(*[0.8] * 200), column(*[0.25] * 200), clock), clock)

    def t60(low_hz: float, high_hz: float) -> float:
        band = signal.sosfilt(signal.butter(4, (low_hz, high_hz), "bandpass", fs=22_050, output="sos"), sound)
        level = 10 * np.log10((band**2).mean(axis=0))
        at = slice(1_000, 4_000)
        return -60 / (np.polyfit(clock.t[at], level[at], 1)[0])

    assert t60(80, 250) == pytest.approx(0.8, rel=0.15)
    assert t60(8_000, 10_000) == pytest.approx(0.2, rel=0.15)


def test_a_room_of_no_level_is_none_and_one_of_unit_mix_answers_with_the_energy_of_the_sound() -> None:
    sound = filtered(impulse(2), CLOCK, lowpass(column(3_000.0, 3_000.0), CLOCK))
    dead = room(sound, white(2), column(0.2, 0.2), column(0.0, 0.0), column(0.5, 0.5), CLOCK)
    np.testing.assert_allclose(dead, sound, atol=1e-12)
    answer = room(impulse(200), white(200), column(*[0.2] * 200), column(*[1.0] * 200), column(*[0.5] * 200), CLOCK) - impulse(200)
    np.testing.assert_allclose((answer**2).sum(axis=1), 1, rtol=0.02)
    before = slice(0, round(0.004 * 22_050) - 1)
    assert np.abs(answer[:, before]).max() < 0.01 * np.abs(answer).max()


def test_collisions_happen_as_often_as_asked_and_sound_with_what_is_left() -> None:
    clock = Clock(22_050, 22_050)
    energy = np.where(clock.t < 0.5, 1.0, 0.25) * np.ones((50, 1))
    ones = np.ones((50, clock.samples))
    grain = collisions(energy, column(*[300.0] * 50), column(*[1e-5] * 50), white(50, 1, clock), ones, clock)
    struck = grain > 0.05
    assert struck[:, : clock.samples // 2].sum() == pytest.approx(150 * 50, rel=0.05)
    assert grain[:, clock.samples // 2 :].sum() / grain[:, : clock.samples // 2].sum() == pytest.approx(0.25, rel=0.1)


def test_bursts_start_where_they_are_put_and_add_up() -> None:
    starts, times, levels = np.array([[0.0, 0.01]]), np.array([[0.002, 0.004]]), np.array([[1.0, 0.5]])
    total = bursts(starts, times, levels, CLOCK)[0]
    t = CLOCK.t
    expected = np.exp(-t / 0.002) + np.where(t >= 0.01, 0.5 * np.exp(-(t - 0.01) / 0.004), 0)
    np.testing.assert_allclose(total, expected, atol=1e-12)


def test_a_swell_rises_from_nothing_to_all_along_half_a_cosine() -> None:
    rise = swell(column(0.1), CLOCK)[0]
    assert rise[0] == 0
    assert rise[round(0.05 * 22_050)] == pytest.approx(0.5, abs=1e-3)
    assert (np.diff(rise) >= 0).all()
    assert (rise[round(0.1 * 22_050) + 1 :] == 1).all()


def test_silence_stays_silent_at_full_scale() -> None:
    np.testing.assert_array_equal(to_peak(np.array([[0.0, 0.0], [0.5, -2.0]])), [[0, 0], [0.25, -1]])


# Draws ----------------------------------------------------------------------------------------------------------------------------


def test_draws_have_the_distributions_that_they_are_named_after() -> None:
    draws = Draws("snare", 5, range(4_000))
    uniform, log, around = draws.uniform("u", 2, 4), draws.log("l", 1, 100), draws.around("a", 10, 2)
    chance, pick = draws.chance("c", 0.3), draws.pick("p", [1, 0, 3])
    assert (uniform.min() >= 2) & (uniform.max() < 4)
    assert uniform.mean() == pytest.approx(3, abs=0.03)
    assert np.median(log) == pytest.approx(10, rel=0.15)
    assert (around.min() > 5) & (around.max() < 20)
    # triangular: three quarters lie in the middle half
    assert np.mean(np.abs(np.log2(around / 10)) < 0.5) == pytest.approx(0.75, abs=0.03)
    assert set(np.unique(chance)) == {0, 1}
    assert chance.mean() == pytest.approx(0.3, abs=0.03)
    assert [np.mean(pick == i) for i in range(3)] == pytest.approx([0.25, 0, 0.75], abs=0.03)
    everything = np.concatenate([uniform, log, around, chance, pick], axis=1)
    correlation = np.corrcoef(everything.T) - np.eye(5)
    assert np.abs(correlation).max() < 0.06


def test_white_noise_is_white_uniform_and_another_at_every_call() -> None:
    draws = Draws("snare", 5, range(40))
    first, second = draws.white(4_001), draws.white(4_001)
    assert first.shape == (40, 4_001)
    for noise in (first, second):
        assert abs(noise.mean()) < 0.01
        assert noise.var() == pytest.approx(1 / 3, rel=0.02)
        assert (noise.min() >= -1) & (noise.max() < 1)
        assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 0.005
    assert abs(np.mean(first * second)) < 0.005
    assert abs(np.mean(first[:-1] * first[1:])) < 0.005


def test_draws_depend_on_label_seed_number_and_part_and_on_nothing_else() -> None:
    alone = Draws("snare", 5, [7])
    among = Draws("snare", 5, [3, 7, 1])
    rest = among.only(np.array([1]))
    np.testing.assert_array_equal(alone.uniform("x", 0, 1), rest.uniform("x", 0, 1))
    np.testing.assert_array_equal(alone.white(9), rest.white(9))
    others = [Draws("tom", 5, [7]), Draws("snare", 6, [7]), Draws("snare", 5, [8]), Draws("snare", 5, [7], "finish")]
    values = [float(draws.uniform("x", 0, 1)[0, 0]) for draws in (Draws("snare", 5, [7]), *others)]
    assert len(set(values)) == 5


def test_a_voice_that_draws_too_much_is_stopped() -> None:
    with pytest.raises(RuntimeError, match="more than"):
        Draws("snare", 0, [0]).uniform("x", 0, 1, 10_000)
