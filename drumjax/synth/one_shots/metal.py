"""Metal: hats, cymbals, the tambourine and the cowbell."""

from __future__ import annotations

import numpy as np
from scipy import fft

from drumjax.synth.circuits import METAL_HZ, decay
from drumjax.synth.one_shots.draws import Draws
from drumjax.synth.one_shots.primitives import (
    Clock,
    bandpass,
    collisions,
    dying,
    filtered,
    glide,
    heard,
    highpass,
    onepole,
    ring,
    squares,
    swell,
    to_peak,
)


def plate(
    draws: Draws, clock: Clock, modes: int, low_hz: np.ndarray, t60_s: np.ndarray, damping: np.ndarray, tilt: np.ndarray
) -> np.ndarray:
    """A thin plate: its modes lie evenly over the frequencies, above `low_hz`; the higher the sooner gone.

    Args:
      draws: where the modes come from.
      clock: the grid.
      modes: how many.
      low_hz: of the lowest.
      t60_s: of a mode at 3 kHz.
      damping: exponent with which decay quickens with frequency.
      tilt: exponent with which level falls with frequency; below 0 it rises.
    """
    place = (np.arange(modes) + draws.uniform("mode_place", 0.0, 1.0, modes)) / modes
    hz = low_hz + (0.46 * clock.sample_rate_hz - low_hz) * place
    level = draws.log("mode_level", 0.1, 1.0, modes) * (hz / 3_000.0) ** -tilt
    falls = t60_s * (hz / 3_000.0) ** -damping * draws.around("mode_decay", 1.0, 1.6, modes)
    return ring(
        hz, np.minimum(falls, 20.0), level / np.sqrt(modes), clock, 2 * np.pi * draws.uniform("mode_phase", 0.0, 1.0, modes)
    )


def wash(draws: Draws, clock: Clock, t60_s: np.ndarray, low_hz: tuple[float, float], treble: tuple[float, float]) -> np.ndarray:
    """The modes too dense to count: noise that decays, faintly below `low_hz`, its treble sooner or later; peak 1."""
    low = highpass(draws.log("wash_low_hz", *low_hz), clock, 0.5)
    return to_peak(heard(dying(draws.white(clock.samples), t60_s, draws.log("wash_treble", *treble), clock) * low, clock))


def oscillators(draws: Draws, clock: Clock, t60_s: np.ndarray) -> np.ndarray:
    """Six squares that belong to no chord, as in the TR-808 or tuned otherwise."""
    hz = np.array(METAL_HZ) * draws.log("tuning", 0.7, 1.6) * draws.around("detune", 1.0, 1.15, 6)
    return squares(hz, t60_s, clock, 2 * np.pi * draws.uniform("phase", 0.0, 1.0, 6), partials=24)


# Hats -----------------------------------------------------------------------------------------------------------------------------


def _pair(
    draws: Draws,
    clock: Clock,
    t60_s: np.ndarray,
    *,
    damping: tuple[float, float],
    tilt: tuple[float, float],
    sizzle: tuple[float, float],
    low_hz: tuple[float, float],
    treble: tuple[float, float],
    puff: tuple[float, float],
) -> np.ndarray:
    """Two small cymbals: modes, the noise of their touching, and the air between them that is pressed out."""
    body = plate(
        draws, clock, 64, draws.log("low_hz", 220.0, 700.0), t60_s, draws.uniform("damping", *damping), draws.uniform("tilt", *tilt)
    )
    sizzling = wash(draws, clock, t60_s * draws.uniform("sizzle_s", 0.6, 1.3), low_hz, treble)
    tick = wash(draws, clock, draws.log("tick_s", 0.015, 0.12), (40.0, 1_200.0), (0.4, 1.0))
    air_hz = draws.log("puff_hz", 80.0, 500.0) * draws.uniform("puff_interval", 1.0, 2.2, 3)
    air = ring(air_hz, draws.log("puff_s", 0.04, 0.25), draws.log("puff", *puff, 3), clock)
    return to_peak(body) + draws.log("sizzle", *sizzle) * sizzling + draws.log("tick", 0.05, 1.0) * tick + air


def acoustic_closed_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """Pressed together: everything is gone in a tenth of a second."""
    return _pair(
        draws,
        clock,
        draws.around("t60_s", 0.28, 2.3),
        damping=(-0.1, 0.5),
        tilt=(-0.6, 0.6),
        sizzle=(0.4, 3.0),
        low_hz=(150.0, 2_500.0),
        treble=(0.6, 1.5),
        puff=(0.02, 0.7),
    )


def acoustic_open_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """Hardly touching: long, sizzling, swelling a little before it falls; what lasts is a low ping."""
    rise = 1 - draws.uniform("rise", 0.1, 0.85) * decay(clock.t, draws.log("rise_s", 0.04, 0.2))
    pings = draws.log("ping_hz", 380.0, 780.0) * draws.uniform("ping_interval", 1.0, 1.9, 3)
    ping = ring(pings, draws.log("ping_s", 1.5, 6.0), draws.log("ping", 0.02, 0.3, 3), clock)
    pair = _pair(
        draws,
        clock,
        draws.log("t60_s", 1.2, 4.5),
        damping=(0.2, 0.9),
        tilt=(-0.4, 0.9),
        sizzle=(0.4, 3.0),
        low_hz=(100.0, 1_500.0),
        treble=(0.3, 0.9),
        puff=(0.005, 0.2),
    )
    return rise * (to_peak(pair) + ping)


def _circuit_hat(draws: Draws, clock: Clock, t60_s: np.ndarray) -> np.ndarray:
    metal = oscillators(draws, clock, t60_s)
    return filtered(
        metal,
        clock,
        bandpass(draws.around("band_hz", 7_100.0, 1.3), clock, draws.log("band_q", 0.6, 2.5)),
        highpass(draws.log("cut_hz", 3_500.0, 6_500.0), clock),
    )


def circuit_closed_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """Six squares through a band-pass and a high-pass, cut short."""
    return _circuit_hat(draws, clock, draws.log("t60_s", 0.06, 0.35))


def circuit_open_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """The same, left to ring."""
    return _circuit_hat(draws, clock, draws.log("t60_s", 0.6, 2.0))


def _noise_hat(draws: Draws, clock: Clock, t60_s: np.ndarray) -> np.ndarray:
    return wash(draws, clock, t60_s, (2_500.0, 7_000.0), (0.8, 1.2))


def noise_closed_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """High noise, as the simplest machines have it."""
    return _noise_hat(draws, clock, draws.log("t60_s", 0.05, 0.3))


def noise_open_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """The same, longer."""
    return _noise_hat(draws, clock, draws.log("t60_s", 0.5, 1.6))


def _fm_metal(draws: Draws, clock: Clock, t60_s: np.ndarray) -> np.ndarray:
    """Two tones that bend each other at a ratio far from whole: dense partials."""
    hz = draws.log("hz", 300.0, 1_600.0)
    modulator = np.sin(
        2 * np.pi * hz * draws.uniform("ratio", 1.3, 7.6) * clock.t
        + draws.log("second", 0.5, 4.0) * np.sin(2 * np.pi * hz * draws.uniform("second_ratio", 0.3, 3.7) * clock.t)
    )
    return np.sin(2 * np.pi * hz * clock.t + draws.log("index", 1.5, 9.0) * modulator) * decay(clock.t, t60_s)


def fm_closed_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """Bent tones, high-passed, short."""
    return filtered(
        _fm_metal(draws, clock, draws.log("t60_s", 0.06, 0.3)), clock, highpass(draws.log("cut_hz", 3_000.0, 6_500.0), clock)
    )


def fm_open_hat(draws: Draws, clock: Clock) -> np.ndarray:
    """Bent tones, high-passed, long."""
    return filtered(
        _fm_metal(draws, clock, draws.log("t60_s", 0.6, 2.0)), clock, highpass(draws.log("cut_hz", 2_500.0, 6_000.0), clock)
    )


# Cymbals --------------------------------------------------------------------------------------------------------------------------


def crash(draws: Draws, clock: Clock) -> np.ndarray:
    """A large thin plate: struck at the edge, the treble comes some ten milliseconds late, out of the lower modes."""
    t60 = draws.log("t60_s", 1.6, 6.0)
    body = plate(
        draws,
        clock,
        110,
        draws.log("low_hz", 120.0, 450.0),
        t60,
        draws.uniform("damping", 0.0, 0.5),
        draws.uniform("tilt", -0.5, 0.5),
    )
    late = wash(draws, clock, t60 * draws.uniform("wash_s", 0.4, 1.0), (80.0, 2_500.0), (0.5, 1.1))
    return to_peak(body) + draws.log("wash", 0.2, 1.6) * late * swell(draws.log("late_s", 0.004, 0.08), clock)


def ride(draws: Draws, clock: Clock) -> np.ndarray:
    """A heavy plate and the tip of a stick: some modes stand out of the wash; on the bell few."""
    t60 = draws.log("t60_s", 1.5, 6.0)
    body = plate(
        draws,
        clock,
        40,
        draws.log("low_hz", 180.0, 800.0),
        t60,
        draws.uniform("damping", -0.1, 0.4),
        draws.uniform("tilt", -0.5, 0.6),
    )
    under = wash(draws, clock, t60 * 0.6, (80.0, 2_500.0), (0.5, 1.1))
    tip = wash(draws, clock, draws.log("tip_s", 0.03, 0.15), (80.0, 2_000.0), (0.4, 1.0))
    return to_peak(body) + draws.log("wash", 0.05, 0.6) * under + draws.log("tip", 0.1, 1.0) * tip


def circuit_cymbal(draws: Draws, clock: Clock) -> np.ndarray:
    """Six squares through two bands with envelopes of their own."""
    t60 = draws.log("t60_s", 1.2, 3.5)
    phases = oscillators(draws, clock, t60)
    low = filtered(
        phases,
        clock,
        bandpass(draws.around("low_hz", 3_440.0, 1.2), clock, 1.5),
        highpass(draws.log("cut_hz", 1_800.0, 3_000.0), clock),
    )
    high = filtered(
        phases,
        clock,
        bandpass(draws.around("high_hz", 7_100.0, 1.2), clock, 1.2),
        highpass(np.full((len(draws), 1), 6_000.0), clock),
    )
    return draws.log("low", 0.4, 1.6) * low + high * decay(clock.t, draws.log("high_s", 0.6, 2.5))


# Tambourine -----------------------------------------------------------------------------------------------------------------------


def shaken_tambourine(draws: Draws, clock: Clock) -> np.ndarray:
    """Jingles that meet at random, each pair a resonator of its own."""
    return _jingles(
        draws,
        clock,
        swell(draws.log("rise_s", 0.004, 0.03), clock) * decay(clock.t, draws.around("shake_s", 0.25, 1.8)),
        draws.log("per_second", 300.0, 3_000.0),
    )


def struck_tambourine(draws: Draws, clock: Clock) -> np.ndarray:
    """A stroke on frame or skin sets them off at once; a low knock goes with it."""
    energy = swell(draws.log("rise_s", 0.001, 0.012), clock) * decay(clock.t, draws.around("shake_s", 0.4, 1.8))
    jingles = _jingles(draws, clock, energy, draws.log("per_second", 500.0, 5_000.0))
    hz = draws.log("frame_hz", 100.0, 500.0) * np.cumprod(draws.uniform("frame_interval", 1.0, 2.0, 4), axis=1)
    return jingles + ring(hz, draws.log("frame_s", 0.04, 0.2), draws.log("frame", 0.002, 0.1, 4), clock)


def _jingles(draws: Draws, clock: Clock, energy: np.ndarray, per_second: np.ndarray) -> np.ndarray:
    rattle = collisions(
        energy, per_second, draws.log("grain_s", 0.0006, 0.004), draws.white(clock.samples), draws.white(clock.samples), clock
    )
    # A jingle's strongest mode, and in two of eight a lower one, where real tambourines have a second hump.
    pairs = 8
    place = np.where(np.arange(pairs) < 2, draws.uniform("lower", 0.5, 0.72), 1.0)
    hz = draws.around("jingle_hz", 9_300.0, 1.15) * place * draws.around("pair", 1.0, 1.25, pairs)
    t60 = draws.log("jingle_s", 0.02, 0.2) * draws.around("pair_s", 1.0, 1.5, pairs)
    bell = ring(np.minimum(hz, 10_300.0), t60, draws.log("pair_level", 0.15, 1.0, pairs), clock)
    wide = bandpass(draws.around("wide_hz", 9_300.0, 1.15), clock, draws.log("wide_q", 0.6, 2.0))
    struck = filtered(rattle, clock, fft.rfft(bell, clock.fft_samples), highpass(draws.log("cut_hz", 1_500.0, 5_500.0), clock))
    rustle = filtered(rattle, clock, wide)
    # Bodies, hands and cuffs: what is not metal, at all frequencies.
    muffled = filtered(rattle, clock, onepole(draws.log("muffled_hz", 500.0, 6_000.0), clock))
    return to_peak(struck) + draws.log("rustle", 0.05, 0.8) * to_peak(rustle) + draws.log("muffled", 0.01, 0.2) * to_peak(muffled)


def circuit_tambourine(draws: Draws, clock: Clock) -> np.ndarray:
    """High noise in a narrow band, twice in a moment: the machines' tambourine."""
    gap = draws.log("gap_s", 0.01, 0.03)
    late = clock.t - gap
    envelope = decay(clock.t, draws.log("first_s", 0.02, 0.06)) + np.where(
        late > 0, decay(np.maximum(late, 0), draws.log("t60_s", 0.12, 0.4)), 0.0
    )
    metal = oscillators(draws, clock, np.full((len(draws), 1), 3.0)) + draws.log("noise", 0.05, 0.6) * draws.white(clock.samples)
    return envelope * filtered(
        metal,
        clock,
        bandpass(draws.around("band_hz", 8_900.0, 1.12), clock, draws.log("band_q", 1.5, 5.0)),
        highpass(draws.log("cut_hz", 4_500.0, 7_000.0), clock),
    )


# Cowbell --------------------------------------------------------------------------------------------------------------------------


def circuit_cowbell(draws: Draws, clock: Clock) -> np.ndarray:
    """Two squares through a band-pass, falling fast at first and slowly after."""
    hz = np.array((540.0, 800.0)) * draws.around("tuning", 1.0, 1.35) * draws.around("detune", 1.0, 1.06, 2)
    phase = 2 * np.pi * draws.uniform("phase", 0.0, 1.0, 2)
    band = bandpass(draws.around("band_hz", 1_800.0, 2.2), clock, draws.log("band_q", 0.4, 1.5))
    tone = filtered(squares(hz, np.full((len(draws), 1), 1e3), clock, phase), clock, band)
    share = draws.uniform("fast", 0.3, 0.8)
    return tone * (
        share * decay(clock.t, draws.log("fast_s", 0.03, 0.1)) + (1 - share) * decay(clock.t, draws.log("slow_s", 0.15, 0.5))
    )


def struck_cowbell(draws: Draws, clock: Clock) -> np.ndarray:
    """A bent sheet of steel: two strong modes a fifth or so apart, weaker ones above, and the stick."""
    modes = 9
    hz = draws.around("hz", 600.0, 1.6) * np.cumprod(
        np.concatenate([np.ones((len(draws), 1)), draws.uniform("interval", 1.2, 1.65, modes - 1)], axis=1), axis=1
    )
    level = draws.log("mode", 0.2, 1.0, modes) / (hz / hz[:, :1]) ** draws.uniform("tilt", 0.3, 1.3)
    t60 = draws.log("t60_s", 0.15, 0.6) / (hz / hz[:, :1]) ** draws.uniform("damping", 0.1, 0.6)
    tip = wash(draws, clock, draws.log("tip_s", 0.02, 0.1), (500.0, 3_000.0), (0.3, 1.0))
    return ring(hz, t60, level, clock) + draws.log("tip", 0.02, 0.5) * tip


def fm_cowbell(draws: Draws, clock: Clock) -> np.ndarray:
    """Two bent tones about a fifth apart."""
    hz = draws.around("hz", 580.0, 1.45)
    phase = glide(hz, draws.uniform("push", 0.0, 0.02), draws.log("push_s", 0.01, 0.03), clock)
    index = draws.log("index", 0.4, 3.0) * decay(clock.t, draws.log("index_s", 0.03, 0.3))
    bent = np.sin(phase + index * np.sin(phase * draws.uniform("ratio", 1.35, 3.1)))
    other = np.sin(phase * draws.uniform("interval", 1.4, 1.6) + 0.5 * index * np.sin(phase))
    return (bent + draws.uniform("other", 0.4, 1.0) * other) * decay(clock.t, draws.log("t60_s", 0.15, 0.5))
