"""Skins: kick, snare, tom, conga, bongo, and the rim shot. Each function is one family of sounds of its class."""

from __future__ import annotations

import numpy as np

from drumjax.synth.circuits import decay
from drumjax.synth.one_shots.draws import Draws
from drumjax.synth.one_shots.primitives import (
    MEMBRANE,
    Clock,
    bandpass,
    bent,
    dying,
    filtered,
    glide,
    heard,
    highpass,
    lowpass,
    onepole,
    ring,
    room,
    strike,
    swell,
    to_peak,
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
    stretch: np.ndarray,
    slope: np.ndarray | float = 0.5,
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
      slope: mode i is ratio**slope times as weak: a soft finger excites less of the treble than a stick.
    """
    ratios = MEMBRANE[:modes] ** stretch * draws.around("mode_tuning", 1.0, 1.03, modes)
    ratios[:, :1] = 1.0
    level = strike(place, modes) * draws.around("mode_level", 1.0, 1.6, modes) / ratios**slope
    level /= np.abs(level).sum(axis=1, keepdims=True)
    falls = t60_s / ratios**damping * draws.around("mode_decay", 1.0, 1.3, modes)
    # What has gone into the shell comes back for longer: the decay of a drum has a knee.
    back = draws.log("back", 0.02, 0.25)
    levels = np.concatenate([level * (1 - back), level * back], axis=1)
    all_falls = np.concatenate([falls, falls * draws.log("back_s", 2.0, 4.5)], axis=1)
    return bent(np.tile(hz * ratios, 2), all_falls, levels, bend, bend_s, clock)


def shock(
    draws: Draws, clock: Clock, hz: tuple[float, float], t60_s: tuple[float, float], treble: tuple[float, float]
) -> np.ndarray:
    """The noise of a stroke, of stick, beater or finger: all frequencies up to `hz` and less and less above; peak 1."""
    noise = dying(draws.white(clock.samples), draws.log("shock_s", *t60_s), draws.log("shock_treble", *treble), clock)
    low = highpass(draws.log("shock_low_hz", 40.0, 400.0), clock, 0.5)
    return to_peak(heard(noise * onepole(draws.log("shock_hz", *hz), clock) * low, clock))


def ambience(
    draws: Draws, clock: Clock, dry: np.ndarray, chance: float, mix: tuple[float, float], t60_s: tuple[float, float]
) -> np.ndarray:
    """A sound in a room with this chance, else as it is."""
    level = draws.chance("room", chance) * draws.log("room_mix", *mix)
    return room(dry, draws.white(clock.samples), draws.log("room_s", *t60_s), level, draws.log("room_treble", 0.2, 0.8), clock)


# Kick -----------------------------------------------------------------------------------------------------------------------------


def acoustic_kick(draws: Draws, clock: Clock) -> np.ndarray:
    """A felt beater on a large skin, often damped by a pillow: first the skin with its overtones, then the shell's slow hum."""
    hz, t60 = draws.around("hz", 58.0, 1.5), draws.around("t60_s", 0.36, 2.0)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60,
        place=draws.uniform("place", 0.0, 0.35),
        damping=draws.uniform("damping", 0.5, 1.2),
        bend=draws.uniform("bend", 0.05, 0.7),
        bend_s=draws.log("bend_s", 0.005, 0.03),
        modes=9,
        stretch=draws.uniform("stretch", 0.75, 1.05),
    )
    hum = ring(hz * draws.uniform("hum", 0.75, 1.2), t60 * draws.log("hum_s", 1.5, 4.0), draws.log("hum_level", 0.02, 0.3), clock)
    beater = shock(draws, clock, (250.0, 3_000.0), (0.03, 0.2), (0.15, 0.6))
    dry = body + hum + draws.log("beater", 0.02, 0.5) * beater
    return ambience(draws, clock, dry, 0.7, (0.01, 0.25), (0.3, 1.2))


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
    noise = shock(draws, clock, (600.0, 5_000.0), (0.01, 0.08), (0.3, 1.0))
    return np.tanh(drive * body) / np.tanh(drive) + draws.log("click", 0.03, 0.6) * click + draws.log("noise", 0.003, 0.25) * noise


def fm_kick(draws: Draws, clock: Clock) -> np.ndarray:
    """A sine bent by another, whose index falls faster than the level: a knock that turns into a tone."""
    hz, t60 = draws.around("hz", 54.0, 1.45), draws.log("t60_s", 0.2, 0.8)
    carrier = glide(hz, draws.log("push", 0.5, 5.0), draws.log("push_s", 0.005, 0.035), clock)
    index = draws.log("index", 0.3, 5.0) * decay(clock.t, draws.log("index_s", 0.02, 0.15))
    tone = np.sin(carrier + index * np.sin(carrier * draws.log("ratio", 0.5, 4.5))) * decay(clock.t, t60)
    return tone + draws.log("knock", 0.01, 0.3) * shock(draws, clock, (400.0, 4_000.0), (0.008, 0.05), (0.3, 1.0))


# Snare ----------------------------------------------------------------------------------------------------------------------------


def acoustic_snare(draws: Draws, clock: Clock) -> np.ndarray:
    """Two heads coupled by the air, and wires that rattle as long as the lower head moves them."""
    hz, t60 = draws.around("hz", 185.0, 1.4), draws.around("t60_s", 0.26, 1.8)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60,
        place=draws.uniform("place", 0.05, 0.6),
        damping=draws.uniform("damping", 0.1, 0.9),
        bend=draws.uniform("bend", 0.0, 0.25),
        bend_s=draws.log("bend_s", 0.005, 0.02),
        modes=18,
        stretch=draws.uniform("stretch", 0.85, 1.1),
    )
    rattle = decay(clock.t, draws.around("wires_s", 0.28, 2.0)) * swell(draws.log("wires_rise_s", 0.0005, 0.004), clock)
    beat = 1 + draws.uniform("beat", 0.0, 0.5) * np.sin(2 * np.pi * draws.log("beat_hz", 20.0, 60.0) * clock.t)
    wires = filtered(
        draws.white(clock.samples) * rattle * beat,
        clock,
        highpass(draws.log("wires_low_hz", 400.0, 2_500.0), clock, 0.5),
        onepole(draws.log("wires_high_hz", 1_500.0, 10_000.0), clock),
    )
    tip = shock(draws, clock, (800.0, 6_000.0), (0.03, 0.25), (0.15, 0.7))
    dry = to_peak(body) + draws.log("wires", 0.05, 0.7) * to_peak(wires) + draws.log("stick", 0.03, 0.5) * tip
    return ambience(draws, clock, dry, 0.8, (0.01, 0.5), (0.3, 1.2))


def circuit_snare(draws: Draws, clock: Clock) -> np.ndarray:
    """Two resonators and high-passed noise under an envelope of its own: 808, 909 and their like."""
    hz = draws.around("hz", 180.0, 1.35)
    glided = glide(hz, draws.log("push", 0.05, 1.2), draws.log("push_s", 0.004, 0.02), clock)
    low = np.sin(glided) * decay(clock.t, draws.log("low_s", 0.09, 0.35))
    high = ring(hz * draws.uniform("interval", 1.5, 2.0), draws.log("high_s", 0.06, 0.2), draws.log("high", 0.2, 0.9), clock)
    snappy = filtered(
        draws.white(clock.samples) * decay(clock.t, draws.log("snappy_s", 0.1, 0.5)),
        clock,
        highpass(draws.log("snappy_hz", 700.0, 3_000.0), clock),
        lowpass(draws.log("snappy_high_hz", 5_000.0, 10_000.0), clock),
    )
    return low + high + draws.log("snappy", 0.15, 0.9) * to_peak(snappy)


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
    return tone + draws.log("hiss", 0.2, 1.0) * to_peak(hiss)


# Tom ------------------------------------------------------------------------------------------------------------------------------


def acoustic_tom(draws: Draws, clock: Clock) -> np.ndarray:
    """A stick on a skin over a shell: a clear pitch that sinks a little, overtones that go first."""
    hz, t60 = draws.around("hz", 165.0, 1.65), draws.around("t60_s", 0.5, 2.5)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60,
        place=draws.uniform("place", 0.2, 0.75),
        damping=draws.uniform("damping", 0.1, 1.0),
        bend=draws.uniform("bend", 0.0, 0.2),
        bend_s=draws.log("bend_s", 0.01, 0.08),
        modes=18,
        stretch=draws.uniform("stretch", 0.8, 1.05),
    )
    tip = shock(draws, clock, (500.0, 7_000.0), (0.1, 0.6), (0.12, 0.5))
    dry = to_peak(body) + draws.log("stick", 0.03, 0.6) * tip
    return ambience(draws, clock, dry, 0.8, (0.01, 0.3), (0.3, 1.5))


def circuit_tom(draws: Draws, clock: Clock) -> np.ndarray:
    """A resonator that falls to its pitch and some low noise for the skin; pushed further it becomes an electronic tom."""
    hz, t60 = draws.log("hz", 100.0, 260.0), draws.log("t60_s", 0.25, 1.0)
    body = np.sin(glide(hz, draws.log("push", 0.25, 2.0), draws.log("push_s", 0.01, 0.12), clock)) * decay(clock.t, t60)
    under = decay(clock.t, t60 * draws.uniform("skin_s", 0.2, 0.7))
    noise = filtered(draws.white(clock.samples) * under, clock, lowpass(draws.log("skin_hz", 500.0, 3_500.0), clock))
    return body + draws.log("skin", 0.05, 0.5) * to_peak(noise)


def fm_tom(draws: Draws, clock: Clock) -> np.ndarray:
    """A falling sine bent by one near one and a half times as high: a hollow skin."""
    hz, t60 = draws.log("hz", 100.0, 250.0), draws.log("t60_s", 0.25, 0.8)
    carrier = glide(hz, draws.log("push", 0.1, 1.2), draws.log("push_s", 0.02, 0.1), clock)
    index = draws.log("index", 0.3, 3.0) * decay(clock.t, t60 * draws.uniform("index_s", 0.15, 0.6))
    tone = np.sin(carrier + index * np.sin(carrier * draws.uniform("ratio", 1.3, 2.4))) * decay(clock.t, t60)
    return tone + draws.log("stick", 0.02, 0.3) * shock(draws, clock, (500.0, 4_000.0), (0.02, 0.1), (0.2, 0.8))


# Conga and bongo ------------------------------------------------------------------------------------------------------------------


def open_conga(draws: Draws, clock: Clock) -> np.ndarray:
    """Fingers near the rim of a deep shell: the skin rings, the hollow below hums."""
    hz, t60 = draws.around("hz", 147.0, 1.3), draws.around("t60_s", 0.42, 1.7)
    return _hand_drum(draws, clock, hz=hz, t60_s=t60, hollow=(0.4, 0.6), hollow_level=(0.01, 0.2))


def muted_conga(draws: Draws, clock: Clock) -> np.ndarray:
    """The same with the other hand on the skin: short, the hollow louder."""
    hz, t60 = draws.around("hz", 142.0, 1.32), draws.around("t60_s", 0.3, 1.6)
    return _hand_drum(draws, clock, hz=hz, t60_s=t60, hollow=(0.4, 0.6), hollow_level=(0.03, 0.5))


def circuit_conga(draws: Draws, clock: Clock) -> np.ndarray:
    """A resonator alone, hardly gliding."""
    return _circuit_hand_drum(draws, clock, draws.log("hz", 125.0, 250.0), draws.log("t60_s", 0.25, 0.6))


def open_bongo(draws: Draws, clock: Clock) -> np.ndarray:
    """A fingertip on a small tight skin: high, dry, overtones well apart."""
    hz, t60 = draws.around("hz", 235.0, 1.4), draws.around("t60_s", 0.38, 1.7)
    return _hand_drum(draws, clock, hz=hz, t60_s=t60, hollow=(0.5, 0.8), hollow_level=(0.01, 0.3))


def circuit_bongo(draws: Draws, clock: Clock) -> np.ndarray:
    """A resonator, higher and shorter than a conga's."""
    return _circuit_hand_drum(draws, clock, draws.log("hz", 270.0, 540.0), draws.log("t60_s", 0.15, 0.5))


def _hand_drum(
    draws: Draws, clock: Clock, *, hz: np.ndarray, t60_s: np.ndarray, hollow: tuple[float, float], hollow_level: tuple[float, float]
) -> np.ndarray:
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=t60_s,
        place=draws.uniform("place", 0.0, 0.33),
        damping=draws.uniform("damping", 0.3, 1.1),
        bend=draws.uniform("bend", 0.0, 0.08),
        bend_s=draws.log("bend_s", 0.01, 0.05),
        modes=16,
        slope=draws.uniform("slope", 0.7, 1.9),
        stretch=draws.uniform("stretch", 0.85, 1.1),
    )
    hum_s = t60_s * draws.uniform("hollow_s", 0.6, 1.6)
    hum = ring(hz * draws.uniform("hollow", *hollow), hum_s, draws.log("hollow_level", *hollow_level), clock)
    hand = shock(draws, clock, (400.0, 5_000.0), (0.12, 0.6), (0.12, 0.5))
    dry = to_peak(body) + hum + draws.log("hand", 0.02, 0.35) * hand
    return ambience(draws, clock, dry, 0.8, (0.01, 0.2), (0.3, 1.2))


def _circuit_hand_drum(draws: Draws, clock: Clock, hz: np.ndarray, t60_s: np.ndarray) -> np.ndarray:
    body = np.sin(glide(hz, draws.log("push", 0.03, 0.4), draws.log("push_s", 0.003, 0.02), clock)) * decay(clock.t, t60_s)
    above_s = t60_s * draws.uniform("overtone_s", 0.15, 0.5)
    overtone = ring(hz * draws.uniform("interval", 1.5, 2.8), above_s, draws.log("overtone", 0.01, 0.4), clock)
    tap = shock(draws, clock, (600.0, 5_000.0), (0.01, 0.06), (0.3, 1.0))
    return body + overtone + draws.log("tap", 0.005, 0.2) * tap


# Rim shot -------------------------------------------------------------------------------------------------------------------------


def side_stick(draws: Draws, clock: Clock) -> np.ndarray:
    """A stick laid across the drum knocks on the rim: modes of wood, the shell and the skin answering."""
    wood_hz = draws.log("wood_hz", 400.0, 1_700.0) * np.cumprod(draws.uniform("wood_interval", 1.1, 1.8, 6), axis=1)
    wood_s = draws.log("wood_s", 0.04, 0.18) * draws.around("wood_scatter", 1.0, 1.5, 6)
    wood = ring(wood_hz, wood_s, draws.log("wood", 0.1, 1.0, 6), clock)
    shell = ring(
        draws.log("shell_hz", 150.0, 380.0) * np.cumprod(draws.uniform("shell_interval", 1.0, 1.8, 3), axis=1),
        draws.log("shell_s", 0.08, 0.35),
        draws.log("shell", 0.08, 1.2, 3),
        clock,
    )
    tip = shock(draws, clock, (1_000.0, 8_000.0), (0.08, 0.4), (0.2, 0.7))
    dry = wood + shell + draws.log("stick", 0.1, 1.5) * tip
    return ambience(draws, clock, dry, 0.85, (0.01, 0.3), (0.3, 1.2))


def rim_and_skin(draws: Draws, clock: Clock) -> np.ndarray:
    """A stroke that meets rim and skin at once: the snare's shells above all, with a crack."""
    hz = draws.around("hz", 290.0, 1.6)
    body = skin(
        draws,
        clock,
        hz=hz,
        t60_s=draws.around("t60_s", 0.25, 1.8),
        place=draws.uniform("place", 0.5, 0.95),
        damping=draws.uniform("damping", 0.0, 0.5),
        bend=draws.uniform("bend", 0.0, 0.1),
        bend_s=draws.log("bend_s", 0.005, 0.02),
        modes=21,
        stretch=draws.uniform("stretch", 0.85, 1.1),
    )
    crack = shock(draws, clock, (1_000.0, 6_000.0), (0.08, 0.35), (0.2, 0.7))
    return ambience(draws, clock, to_peak(body) + draws.log("crack", 0.2, 1.2) * crack, 0.8, (0.01, 0.25), (0.3, 1.2))


def circuit_rim(draws: Draws, clock: Clock) -> np.ndarray:
    """Two networks that ring for some ten milliseconds and overdrive their amplifier."""
    high = ring(draws.around("high_hz", 1_600.0, 1.4), draws.log("high_s", 0.03, 0.12), 0.7 * draws.around("high", 1.0, 1.5), clock)
    low = ring(draws.around("low_hz", 460.0, 1.4), draws.log("low_s", 0.05, 0.2), 0.6 * draws.around("low", 1.0, 1.5), clock)
    tap = shock(draws, clock, (2_000.0, 9_000.0), (0.01, 0.08), (0.4, 1.0))
    bent_up = np.tanh(draws.log("drive", 0.7, 5.0) * (high + low))
    return filtered(bent_up + draws.log("tap", 0.02, 0.5) * tap, clock, highpass(draws.log("cut_hz", 120.0, 400.0), clock))
