"""Skins: kick, snare, tom, conga, bongo, and the rim shot. Each function is one family of sounds of its class."""

from __future__ import annotations

import numpy as np

from drumjax.synth.circuits import decay
from drumjax.synth.one_shots.draws import Draws
from drumjax.synth.one_shots.primitives import (
    MEMBRANE,
    Clock,
    bandpass,
    filtered,
    glide,
    gliding_modes,
    highpass,
    lowpass,
    ring,
    room,
    strike,
    swell,
)


def skin(
    draws: Draws,
    clock: Clock,
    *,
    hz: np.ndarray,
    t60_s: np.ndarray,
    place: np.ndarray,
    damping: np.ndarray,
    bend: np.ndarray,
    bend_s: np.ndarray,
    modes: int = 8,
    stretch: np.ndarray | float = 1.0,
) -> np.ndarray:
    """A struck membrane: Bessel modes, excited as the place of the stroke says, the higher the sooner gone, all gliding together.

    Args:
      draws: where the scatter of the modes comes from: no skin is tuned evenly.
      clock: the grid.
      hz: of the lowest mode.
      t60_s: of the lowest mode.
      place: of the stroke, 0 middle to 1 rim.
      damping: mode i decays ratio**damping times as fast as the lowest.
      bend: by how much the first moment is sharper, a part of the frequency.
      bend_s: time constant with which that goes.
      modes: how many.
      stretch: exponent of the ratios: the air's load and a second head push them apart or together.
    """
    ratios = MEMBRANE[:modes] ** stretch * draws.around("mode_tuning", 1.0, 1.03, modes)
    ratios[:, :1] = 1.0
    level = strike(place, modes) * draws.around("mode_level", 1.0, 1.6, modes) / ratios**0.5
    level /= np.abs(level).sum(axis=1, keepdims=True)
    falls = t60_s / ratios**damping * draws.around("mode_decay", 1.0, 1.3, modes)
    return gliding_modes(glide(hz, bend, bend_s, clock), ratios, falls, level, clock)


def stick(draws: Draws, clock: Clock, hz: np.ndarray, q: np.ndarray | float, t60_s: np.ndarray) -> np.ndarray:
    """The knock of a stick, a beater or a finger: a band of noise that is soon gone; peak about 1."""
    knock = filtered(draws.white(clock.samples) * decay(clock.t, t60_s), clock, bandpass(hz, clock, q))
    return knock / np.maximum(np.abs(knock).max(axis=1, keepdims=True), 1e-9)


# Kick -----------------------------------------------------------------------------------------------------------------------------


def acoustic_kick(draws: Draws, clock: Clock) -> np.ndarray:
    """A felt beater on a large skin, the second head half an octave above, often damped by a pillow."""
    hz, t60 = draws.around("hz", 58.0, 1.5), draws.around("t60_s", 0.36, 2.2)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60,
        place=draws.uniform("place", 0.0, 0.3),
        damping=draws.uniform("damping", 0.6, 1.3),
        bend=draws.uniform("bend", 0.05, 0.7),
        bend_s=draws.log("bend_s", 0.005, 0.03),
        modes=7,
        stretch=draws.uniform("stretch", 0.75, 1.05),
    )
    beater = stick(
        draws, clock, draws.log("beater_hz", 700.0, 4_500.0), draws.log("beater_q", 0.4, 1.2), draws.log("beater_s", 0.006, 0.04)
    )
    air = filtered(draws.white(clock.samples) * decay(clock.t, t60 * 0.5), clock, lowpass(draws.log("air_hz", 120.0, 500.0), clock))
    return body + draws.log("beater_level", 0.02, 0.5) * beater + draws.log("air_level", 0.02, 0.4) * air


def circuit_kick(draws: Draws, clock: Clock) -> np.ndarray:
    """A bridged-T network, pushed up while the trigger lasts, and the trigger's click: from a long 808 to a hard 909."""
    hz, t60 = draws.around("hz", 50.0, 1.35), draws.log("t60_s", 0.25, 1.3)
    phase = glide(hz, draws.log("push", 0.6, 6.0), draws.log("push_s", 0.004, 0.03), clock)
    phase += glide(hz, draws.uniform("sag", 0.0, 0.25), draws.log("sag_s", 0.05, 0.15), clock) - 2 * np.pi * hz * clock.t
    body = np.sin(phase) * decay(clock.t, t60)
    drive = draws.log("drive", 0.3, 4.0)
    click = filtered(
        decay(clock.t, draws.log("click_s", 0.003, 0.015)), clock, lowpass(draws.log("click_hz", 1_000.0, 6_000.0), clock)
    )
    noise = stick(draws, clock, draws.log("noise_hz", 1_500.0, 7_000.0), 0.5, draws.log("noise_s", 0.005, 0.03))
    return np.tanh(drive * body) / np.tanh(drive) + draws.log("click", 0.03, 0.6) * click + draws.log("noise", 0.003, 0.25) * noise


def fm_kick(draws: Draws, clock: Clock) -> np.ndarray:
    """A sine bent by another, whose index falls faster than the level: a knock that turns into a tone."""
    hz, t60 = draws.around("hz", 54.0, 1.45), draws.log("t60_s", 0.2, 0.8)
    carrier = glide(hz, draws.log("push", 0.5, 5.0), draws.log("push_s", 0.005, 0.035), clock)
    index = draws.log("index", 0.3, 5.0) * decay(clock.t, draws.log("index_s", 0.02, 0.15))
    tone = np.sin(carrier + index * np.sin(carrier * draws.log("ratio", 0.5, 4.5))) * decay(clock.t, t60)
    knock = stick(draws, clock, draws.log("knock_hz", 800.0, 5_000.0), 0.6, draws.log("knock_s", 0.004, 0.02))
    return tone + draws.log("knock", 0.01, 0.3) * knock


# Snare ----------------------------------------------------------------------------------------------------------------------------


def acoustic_snare(draws: Draws, clock: Clock) -> np.ndarray:
    """Two heads coupled by the air, and wires that rattle as long as the lower head moves them."""
    hz, t60 = draws.around("hz", 185.0, 1.4), draws.around("t60_s", 0.22, 1.8)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60,
        place=draws.uniform("place", 0.05, 0.55),
        damping=draws.uniform("damping", 0.2, 1.0),
        bend=draws.uniform("bend", 0.0, 0.25),
        bend_s=draws.log("bend_s", 0.005, 0.02),
        modes=12,
        stretch=draws.uniform("stretch", 0.85, 1.1),
    )
    rattle = decay(clock.t, draws.around("wires_s", 0.24, 2.0)) * swell(draws.log("wires_rise_s", 0.0005, 0.004), clock)
    beat = 1 + draws.uniform("beat", 0.0, 0.5) * np.sin(2 * np.pi * draws.log("beat_hz", 20.0, 60.0) * clock.t)
    wires = filtered(
        draws.white(clock.samples) * rattle * beat,
        clock,
        highpass(draws.log("wires_low_hz", 500.0, 2_500.0), clock),
        lowpass(draws.log("wires_high_hz", 3_500.0, 10_000.0), clock),
    )
    tip = stick(
        draws, clock, draws.log("stick_hz", 900.0, 5_000.0), draws.log("stick_q", 0.5, 2.0), draws.log("stick_s", 0.006, 0.03)
    )
    dry = body + draws.log("wires", 0.08, 0.6) * wires + draws.log("stick", 0.03, 0.5) * tip
    wet = draws.chance("room", 0.4) * draws.log("room_mix", 0.02, 0.5)
    return room(dry, draws.white(clock.samples), draws.log("room_s", 0.15, 0.8), wet, draws.log("room_hz", 2_000.0, 8_000.0), clock)


def circuit_snare(draws: Draws, clock: Clock) -> np.ndarray:
    """Two resonators and high-passed noise under an envelope of its own: 808, 909 and their like."""
    hz = draws.around("hz", 180.0, 1.35)
    low = np.sin(glide(hz, draws.log("push", 0.05, 1.2), draws.log("push_s", 0.004, 0.02), clock)) * decay(
        clock.t, draws.log("low_s", 0.09, 0.35)
    )
    high = ring(hz * draws.uniform("interval", 1.5, 2.0), draws.log("high_s", 0.06, 0.2), draws.log("high", 0.2, 0.9), clock)
    snappy = filtered(
        draws.white(clock.samples) * decay(clock.t, draws.log("snappy_s", 0.1, 0.4)),
        clock,
        highpass(draws.log("snappy_hz", 700.0, 3_000.0), clock),
        lowpass(draws.log("snappy_high_hz", 5_000.0, 10_000.0), clock),
    )
    return low + high + draws.log("snappy", 0.15, 0.9) * snappy


def fm_snare(draws: Draws, clock: Clock) -> np.ndarray:
    """A drum of two tones, one bending the other into noise, and a hiss: the digital machines of the eighties."""
    hz = draws.around("hz", 195.0, 1.4)
    carrier = glide(hz, draws.uniform("push", 0.0, 1.0), draws.log("push_s", 0.006, 0.03), clock)
    index = draws.log("index", 0.4, 4.0) * decay(clock.t, draws.log("index_s", 0.03, 0.2))
    tone = np.sin(carrier + index * np.sin(carrier * draws.log("ratio", 1.3, 7.0))) * decay(clock.t, draws.log("t60_s", 0.1, 0.3))
    hiss = filtered(
        draws.white(clock.samples) * decay(clock.t, draws.log("hiss_s", 0.1, 0.4)),
        clock,
        bandpass(draws.log("hiss_hz", 2_000.0, 6_500.0), clock, draws.log("hiss_q", 0.35, 0.9)),
    )
    return tone + draws.log("hiss", 0.25, 1.2) * hiss


# Tom ------------------------------------------------------------------------------------------------------------------------------


def acoustic_tom(draws: Draws, clock: Clock) -> np.ndarray:
    """A stick on a skin over a shell: a clear pitch that sinks a little, overtones that go first."""
    hz, t60 = draws.around("hz", 140.0, 2.0), draws.around("t60_s", 0.55, 2.2)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60,
        place=draws.uniform("place", 0.15, 0.6),
        damping=draws.uniform("damping", 0.3, 1.2),
        bend=draws.uniform("bend", 0.0, 0.25),
        bend_s=draws.log("bend_s", 0.01, 0.08),
        modes=10,
        stretch=draws.uniform("stretch", 0.8, 1.05),
    )
    tip = stick(
        draws, clock, draws.log("stick_hz", 600.0, 4_500.0), draws.log("stick_q", 0.4, 1.2), draws.log("stick_s", 0.01, 0.06)
    )
    dry = body + draws.log("stick", 0.03, 0.5) * tip
    wet = draws.chance("room", 0.4) * draws.log("room_mix", 0.02, 0.3)
    return room(dry, draws.white(clock.samples), draws.log("room_s", 0.2, 0.9), wet, draws.log("room_hz", 1_500.0, 6_000.0), clock)


def circuit_tom(draws: Draws, clock: Clock) -> np.ndarray:
    """A resonator that falls to its pitch and some low noise for the skin; pushed further it becomes an electronic tom."""
    hz, t60 = draws.log("hz", 75.0, 230.0), draws.log("t60_s", 0.25, 1.1)
    body = np.sin(glide(hz, draws.log("push", 0.25, 2.0), draws.log("push_s", 0.01, 0.12), clock)) * decay(clock.t, t60)
    noise = filtered(
        draws.white(clock.samples) * decay(clock.t, t60 * draws.uniform("skin_s", 0.2, 0.7)),
        clock,
        lowpass(draws.log("skin_hz", 500.0, 3_500.0), clock),
    )
    return body + draws.log("skin", 0.05, 0.6) * noise


def fm_tom(draws: Draws, clock: Clock) -> np.ndarray:
    """A falling sine bent by one near one and a half times as high: a hollow skin."""
    hz, t60 = draws.log("hz", 80.0, 220.0), draws.log("t60_s", 0.25, 0.9)
    carrier = glide(hz, draws.log("push", 0.1, 1.2), draws.log("push_s", 0.02, 0.1), clock)
    index = draws.log("index", 0.3, 3.0) * decay(clock.t, t60 * draws.uniform("index_s", 0.15, 0.6))
    tone = np.sin(carrier + index * np.sin(carrier * draws.uniform("ratio", 1.3, 2.4))) * decay(clock.t, t60)
    return tone + draws.log("stick", 0.02, 0.3) * stick(
        draws, clock, draws.log("stick_hz", 700.0, 4_000.0), 0.7, draws.log("stick_s", 0.008, 0.03)
    )


# Conga and bongo ------------------------------------------------------------------------------------------------------------------


def open_conga(draws: Draws, clock: Clock) -> np.ndarray:
    """Fingers near the rim of a deep shell: the skin rings, the hollow below hums."""
    return _hand_drum(
        draws, clock, hz=draws.around("hz", 175.0, 1.45), t60_s=draws.around("t60_s", 0.5, 1.6), hollow=(0.4, 0.55), modes=8
    )


def muted_conga(draws: Draws, clock: Clock) -> np.ndarray:
    """The same with the other hand on the skin: short, the hollow louder."""
    return _hand_drum(
        draws, clock, hz=draws.around("hz", 165.0, 1.5), t60_s=draws.around("t60_s", 0.28, 1.5), hollow=(0.4, 0.55), modes=8
    )


def circuit_conga(draws: Draws, clock: Clock) -> np.ndarray:
    """A resonator alone, hardly gliding."""
    return _circuit_hand_drum(draws, clock, draws.log("hz", 150.0, 330.0), draws.log("t60_s", 0.25, 0.7))


def open_bongo(draws: Draws, clock: Clock) -> np.ndarray:
    """A fingertip on a small tight skin: high, dry, overtones well apart."""
    return _hand_drum(
        draws, clock, hz=draws.around("hz", 290.0, 1.5), t60_s=draws.around("t60_s", 0.38, 1.6), hollow=(0.45, 0.7), modes=10
    )


def circuit_bongo(draws: Draws, clock: Clock) -> np.ndarray:
    """A resonator, higher and shorter than a conga's."""
    return _circuit_hand_drum(draws, clock, draws.log("hz", 330.0, 640.0), draws.log("t60_s", 0.12, 0.4))


def _hand_drum(
    draws: Draws, clock: Clock, *, hz: np.ndarray, t60_s: np.ndarray, hollow: tuple[float, float], modes: int
) -> np.ndarray:
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60_s,
        place=draws.uniform("place", 0.1, 0.7),
        damping=draws.uniform("damping", 0.5, 1.3),
        bend=draws.uniform("bend", 0.0, 0.08),
        bend_s=draws.log("bend_s", 0.01, 0.05),
        modes=modes,
        stretch=draws.uniform("stretch", 0.85, 1.1),
    )
    hum = ring(
        hz * draws.uniform("hollow", *hollow),
        t60_s * draws.uniform("hollow_s", 0.4, 0.9),
        draws.log("hollow_level", 0.02, 0.4),
        clock,
    )
    hand = stick(
        draws, clock, draws.log("hand_hz", 500.0, 3_500.0), draws.log("hand_q", 0.4, 1.5), draws.log("hand_s", 0.006, 0.035)
    )
    dry = body + hum + draws.log("hand", 0.01, 0.25) * hand
    wet = draws.chance("room", 0.3) * draws.log("room_mix", 0.01, 0.15)
    return room(dry, draws.white(clock.samples), draws.log("room_s", 0.15, 0.6), wet, draws.log("room_hz", 1_500.0, 6_000.0), clock)


def _circuit_hand_drum(draws: Draws, clock: Clock, hz: np.ndarray, t60_s: np.ndarray) -> np.ndarray:
    body = np.sin(glide(hz, draws.log("push", 0.03, 0.4), draws.log("push_s", 0.003, 0.02), clock)) * decay(clock.t, t60_s)
    overtone = ring(
        hz * draws.uniform("interval", 1.5, 2.8),
        t60_s * draws.uniform("overtone_s", 0.15, 0.5),
        draws.log("overtone", 0.01, 0.4),
        clock,
    )
    tap = stick(draws, clock, draws.log("tap_hz", 800.0, 4_000.0), 0.7, draws.log("tap_s", 0.004, 0.02))
    return body + overtone + draws.log("tap", 0.005, 0.2) * tap


# Rim shot -------------------------------------------------------------------------------------------------------------------------


def side_stick(draws: Draws, clock: Clock) -> np.ndarray:
    """A stick laid across the drum knocks on the rim: modes of wood, the shell and the skin answering."""
    wood_hz = draws.log("wood_hz", 450.0, 1_900.0) * np.cumprod(draws.uniform("wood_interval", 1.15, 1.9, 5), axis=1)
    wood = ring(
        wood_hz, draws.log("wood_s", 0.03, 0.16) * draws.around("wood_scatter", 1.0, 1.5, 5), draws.log("wood", 0.1, 1.0, 5), clock
    )
    shell = ring(draws.log("shell_hz", 170.0, 420.0), draws.log("shell_s", 0.06, 0.25), draws.log("shell", 0.15, 1.5), clock)
    tip = stick(
        draws, clock, draws.log("stick_hz", 1_200.0, 6_000.0), draws.log("stick_q", 0.5, 2.0), draws.log("stick_s", 0.006, 0.04)
    )
    dry = wood + shell + draws.log("stick", 0.2, 2.0) * tip
    wet = draws.chance("room", 0.5) * draws.log("room_mix", 0.01, 0.25)
    return room(dry, draws.white(clock.samples), draws.log("room_s", 0.12, 0.6), wet, draws.log("room_hz", 2_000.0, 8_000.0), clock)


def rim_and_skin(draws: Draws, clock: Clock) -> np.ndarray:
    """A stroke that meets rim and skin at once: the snare's shells above all, with a crack."""
    hz = draws.around("hz", 300.0, 1.6)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=draws.around("t60_s", 0.2, 1.6),
        place=draws.uniform("place", 0.5, 0.95),
        damping=draws.uniform("damping", 0.1, 0.6),
        bend=draws.uniform("bend", 0.0, 0.1),
        bend_s=draws.log("bend_s", 0.005, 0.02),
        modes=14,
        stretch=draws.uniform("stretch", 0.85, 1.1),
    )
    crack = stick(
        draws, clock, draws.log("crack_hz", 1_000.0, 5_000.0), draws.log("crack_q", 0.6, 3.0), draws.log("crack_s", 0.015, 0.08)
    )
    return body + draws.log("crack", 0.2, 1.2) * crack


def circuit_rim(draws: Draws, clock: Clock) -> np.ndarray:
    """Two networks that ring for some ten milliseconds and overdrive their amplifier."""
    high = ring(draws.around("high_hz", 1_600.0, 1.4), draws.log("high_s", 0.02, 0.09), 0.7 * draws.around("high", 1.0, 1.5), clock)
    low = ring(draws.around("low_hz", 460.0, 1.4), draws.log("low_s", 0.03, 0.13), 0.6 * draws.around("low", 1.0, 1.5), clock)
    tap = stick(draws, clock, draws.log("tap_hz", 2_000.0, 8_000.0), 0.6, draws.log("tap_s", 0.003, 0.02))
    return filtered(
        np.tanh(draws.log("drive", 0.7, 5.0) * (high + low)) + draws.log("tap", 0.02, 0.5) * tap,
        clock,
        highpass(draws.log("cut_hz", 120.0, 400.0), clock),
    )
