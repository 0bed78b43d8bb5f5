"""Hands and what they shake: clap, snap, shaker."""

from __future__ import annotations

import numpy as np
from scipy import fft

from drumjax.synth.circuits import decay
from drumjax.synth.one_shots.draws import Draws
from drumjax.synth.one_shots.primitives import (
    Clock,
    bandpass,
    bursts,
    collisions,
    filtered,
    heard,
    highpass,
    lowpass,
    room,
    swell,
    to_peak,
)


def circuit_clap(draws: Draws, clock: Clock) -> np.ndarray:
    """Noise in a band, in bursts some ten milliseconds apart, and a last one that rings on as if in a room."""
    count = 4
    gaps = draws.around("gap_s", 0.010, 1.5) * draws.around("gap", 1.0, 1.3, count - 1)
    starts = np.concatenate([np.zeros((len(draws), 1)), np.cumsum(gaps, axis=1)], axis=1)
    times = np.broadcast_to(draws.log("burst_s", 0.002, 0.006), starts.shape)
    levels = draws.uniform("burst", 0.6, 1.0, count) * np.where(np.arange(count) == 1, draws.chance("fourth", 0.7), 1.0)
    tail = _from(starts[:, -1:], draws.log("tail_s", 0.25, 0.9), clock)
    envelope = bursts(starts, times, levels, clock) + draws.log("tail", 0.2, 1.0) * tail
    band = bandpass(draws.around("hz", 1_500.0, 1.9), clock, draws.log("q", 0.4, 1.6))
    return envelope * filtered(draws.white(clock.samples), clock, band, highpass(draws.log("cut_hz", 200.0, 800.0), clock))


def hand_claps(draws: Draws, clock: Clock) -> np.ndarray:
    """One to six people: each a short burst coloured by the hollow of the hands, not quite together, in a room."""
    people = 6
    starts = draws.log("spread_s", 0.002, 0.03) * draws.uniform("start", 0.0, 1.0, people)
    here = np.arange(people) <= draws.pick("people", [5, 3, 2, 1, 1, 1])
    starts = np.where(here, starts, 1.0)
    starts -= starts.min(axis=1, keepdims=True)
    spectrum = np.zeros((len(draws), len(clock.unit_delay)), complex)
    for group in range(2):  # two hollows; the hands of one share a noise
        members = slice(group * 3, group * 3 + 3)
        envelope = bursts(
            starts[:, members], draws.log("clap_s", 0.003, 0.014, 3), draws.uniform("loud", 0.5, 1.0, 3) * here[:, members], clock
        )
        hollow = bandpass(draws.log("hollow_hz", 700.0, 3_200.0), clock, draws.log("hollow_q", 0.5, 2.5))
        slap = draws.log("slap", 0.05, 0.5) * highpass(draws.log("slap_hz", 1_500.0, 5_000.0), clock)
        spectrum += (hollow + slap) * fft.rfft(envelope * draws.white(clock.samples), clock.fft_samples)
    dry, wet = heard(spectrum, clock), draws.log("room_mix", 0.03, 1.0)
    return room(dry, draws.white(clock.samples), draws.log("room_s", 0.3, 1.4), wet, draws.log("room_treble", 0.25, 0.9), clock)


def snap(draws: Draws, clock: Clock) -> np.ndarray:
    """A finger slides off the thumb (a rustle) and strikes the palm: a click in the bands of the hollow, then a room."""
    slide = draws.log("slide_s", 0.004, 0.03)
    hz = draws.around("hz", 2_600.0, 1.7)
    click = fft.rfft(draws.white(clock.samples) * _from(slide, draws.log("click_s", 0.005, 0.03), clock), clock.fft_samples)
    second = bandpass(hz * draws.uniform("interval", 1.4, 2.8), clock, draws.log("second_q", 1.0, 6.0))
    bands = bandpass(hz, clock, draws.log("q", 1.0, 6.0)) + draws.log("second", 0.05, 1.0) * second
    air = draws.log("air", 0.05, 0.8) * highpass(draws.log("air_hz", 2_500.0, 6_000.0), clock)
    rustle = filtered(
        draws.white(clock.samples) * np.where(clock.t < slide, clock.t / slide, 0.0),
        clock,
        highpass(draws.log("rustle_hz", 1_500.0, 5_000.0), clock),
    )
    dry = to_peak(heard(click * (bands + air), clock)) + draws.log("rustle", 0.01, 0.12) * rustle
    wet = draws.log("room_mix", 0.3, 4.0)
    return room(dry, draws.white(clock.samples), draws.log("room_s", 0.7, 2.5), wet, draws.log("room_treble", 0.3, 0.9), clock)


def circuit_snap(draws: Draws, clock: Clock) -> np.ndarray:
    """Two short bursts in a narrow band: the machines' finger snap."""
    gap = draws.log("gap_s", 0.006, 0.02)
    starts = np.concatenate([0 * gap, gap], axis=1)
    levels = np.concatenate([draws.uniform("first", 0.1, 0.6), 1 + 0 * gap], axis=1)
    envelope = bursts(starts, draws.log("burst_s", 0.002, 0.008, 2), levels, clock)
    tail = draws.log("tail", 0.03, 0.4) * _from(gap, draws.log("tail_s", 0.3, 1.2), clock)
    noise = filtered(draws.white(clock.samples), clock, bandpass(draws.around("hz", 2_500.0, 1.6), clock, draws.log("q", 1.5, 5.0)))
    return (envelope + tail) * noise


def _from(start_s: np.ndarray, t60_s: np.ndarray, clock: Clock) -> np.ndarray:
    """An exponential that sets in at a time of its own."""
    return np.where(clock.t >= start_s, decay(np.maximum(clock.t - start_s, 0.0), t60_s), 0.0)


# Shaker ---------------------------------------------------------------------------------------------------------------------------


def _shake(draws: Draws, clock: Clock) -> np.ndarray:
    """The course of one shake: it swells while the hand speeds up, and stops when the beads lie; sometimes there and back."""
    rise, fall = draws.log("rise_s", 0.015, 0.08), draws.around("fall_s", 0.2, 1.8)
    there = swell(rise, clock) * np.where(clock.t >= rise, decay(clock.t - rise, fall), 1.0)
    back_at = rise + draws.uniform("back_at_s", 0.05, 0.13)
    since = np.maximum(clock.t - back_at, 0.0)
    back = 0.5 - 0.5 * np.cos(np.pi * np.minimum(since / rise, 1.0))
    back = back * np.where(since >= rise, decay(since - rise, fall), 1.0)
    return there + draws.chance("two_ways", 0.3) * draws.uniform("back", 0.2, 0.9) * back


def _beads(
    draws: Draws, clock: Clock, hz: np.ndarray, q: np.ndarray, per_second: np.ndarray, grain_s: np.ndarray, cut_hz: np.ndarray
) -> np.ndarray:
    rattle = collisions(_shake(draws, clock), per_second, grain_s, draws.white(clock.samples), draws.white(clock.samples), clock)
    second = draws.log("second", 0.05, 0.7) * bandpass(hz * draws.uniform("interval", 0.55, 1.6), clock, q)
    return filtered(rattle, clock, bandpass(hz, clock, q) + second, highpass(cut_hz, clock))


def egg_shaker(draws: Draws, clock: Clock) -> np.ndarray:
    """Small beads in a plastic egg: very high, dense."""
    return _beads(
        draws,
        clock,
        draws.around("hz", 9_500.0, 1.13),
        draws.log("q", 1.5, 6.0),
        draws.log("per_second", 1_500.0, 9_000.0),
        draws.log("grain_s", 0.0004, 0.002),
        draws.log("cut_hz", 4_000.0, 7_500.0),
    )


def maraca(draws: Draws, clock: Clock) -> np.ndarray:
    """Seeds in a gourd: fewer, with the gourd's own band."""
    return _beads(
        draws,
        clock,
        draws.around("hz", 4_600.0, 1.5),
        draws.log("q", 0.8, 3.0),
        draws.log("per_second", 500.0, 4_000.0),
        draws.log("grain_s", 0.0006, 0.003),
        draws.log("cut_hz", 1_200.0, 3_500.0),
    )


def circuit_shaker(draws: Draws, clock: Clock) -> np.ndarray:
    """A puff of high noise."""
    rise = draws.log("rise_s", 0.005, 0.04)
    noise = filtered(
        draws.white(clock.samples),
        clock,
        highpass(draws.log("cut_hz", 3_500.0, 8_500.0), clock),
        lowpass(draws.log("high_hz", 8_500.0, 11_000.0), clock),
    )
    return noise * swell(rise, clock) * decay(clock.t, draws.log("t60_s", 0.08, 0.3))
