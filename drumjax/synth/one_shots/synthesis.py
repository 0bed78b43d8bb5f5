"""One-shots by the thousand: which families a class has, and what happens to every sound before it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from drumjax.synth.one_shots import drums, hands, metal
from drumjax.synth.one_shots.draws import Draws
from drumjax.synth.one_shots.primitives import Clock, filtered, highpass, lowpass, onepole, to_peak

SAMPLE_RATE_HZ = 22_050
SAMPLES = 22_015
_BATCH = 48
"""Sounds that are made at once: about 100 MiB, however many are asked for."""
_TRIM = 0.01
_BEFORE_S = 0.001
"""A sound begins this long before it first exceeds 1 % of its peak."""


class Voice(NamedTuple):
    """How a class sounds.

    Attributes:
      families: functions that make it, and how often each is taken.
      longest_s: nothing is computed after this.
      low_hz: range of the high-pass that a recording may have had.
      high_hz: range of its low-pass.
      drive: the most that it may be overdriven.
    """

    families: tuple[tuple[float, Callable[[Draws, Clock], np.ndarray]], ...]
    longest_s: float
    low_hz: tuple[float, float] = (20.0, 60.0)
    high_hz: tuple[float, float] = (5_000.0, 10_500.0)
    drive: float = 3.0


VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "kick": Voice(
            ((5, drums.acoustic_kick), (3, drums.circuit_kick), (2, drums.fm_kick)), 1.0, (18.0, 35.0), (3_000.0, 10_500.0)
        ),
        "clap": Voice(((4, hands.circuit_clap), (5, hands.hand_claps)), 0.9, (40.0, 300.0)),
        "snare": Voice(((6, drums.acoustic_snare), (3, drums.circuit_snare), (1.5, drums.fm_snare)), 0.8, (20.0, 120.0)),
        "hihat_open": Voice(
            ((5, metal.acoustic_open_hat), (2, metal.circuit_open_hat), (1, metal.noise_open_hat), (1, metal.fm_open_hat)),
            1.0,
            (40.0, 800.0),
            (7_500.0, 10_800.0),
            1.5,
        ),
        "hihat_closed": Voice(
            ((5, metal.acoustic_closed_hat), (2, metal.circuit_closed_hat), (1, metal.noise_closed_hat), (1, metal.fm_closed_hat)),
            0.5,
            (40.0, 800.0),
            (8_000.0, 10_800.0),
            1.5,
        ),
        "tambourine": Voice(
            ((4, metal.shaken_tambourine), (4, metal.struck_tambourine), (1.5, metal.circuit_tambourine)),
            0.7,
            (40.0, 800.0),
            (9_000.0, 10_800.0),
            1.2,
        ),
        "conga": Voice(
            ((5, drums.open_conga), (3, drums.muted_conga), (1.5, drums.circuit_conga)), 0.9, (20.0, 60.0), (4_000.0, 10_500.0), 2.0
        ),
        "bongo": Voice(((6, drums.open_bongo), (2, drums.circuit_bongo)), 0.7, (20.0, 90.0), (4_000.0, 10_500.0), 2.0),
        "shaker": Voice(
            ((5, hands.egg_shaker), (3, hands.maraca), (1.5, hands.circuit_shaker)), 0.5, (60.0, 800.0), (8_000.0, 10_800.0), 1.2
        ),
        "snap": Voice(((5, hands.snap), (2, hands.circuit_snap)), 1.0, (40.0, 400.0)),
        "tom": Voice(((6, drums.acoustic_tom), (2, drums.circuit_tom), (1.5, drums.fm_tom)), 1.0, (20.0, 50.0)),
        "rim": Voice(((5, drums.side_stick), (1, drums.rim_and_skin), (2, drums.circuit_rim)), 0.6, (30.0, 200.0)),
        "cowbell": Voice(((4, metal.circuit_cowbell), (4, metal.struck_cowbell), (2, metal.fm_cowbell)), 0.7, (40.0, 350.0)),
        "cymbal": Voice(
            ((5, metal.crash), (3, metal.ride), (2, metal.circuit_cymbal)), 1.0, (40.0, 300.0), (7_000.0, 10_800.0), 1.5
        ),
    }
)
"""The classes: the paper's eleven, then three that other systems have."""


def synthesize(
    label: str, n: int, seed: int, *, first: int = 0, sample_rate_hz: int = SAMPLE_RATE_HZ, samples: int = SAMPLES
) -> tuple[np.ndarray, np.ndarray]:
    """Drum sounds of one class, no two alike.

    Sound k is a function of (label, seed, first + k) alone: the batch that it is made in does not matter.

    Args:
      label: one of `VOICES`.
      n: how many.
      seed: of the collection, at least 0, below 2**64.
      first: number of the first.
      sample_rate_hz: at least 16,000; the voices were tuned at 22,050. Noise differs from rate to rate.
      samples: length of the array; a longer sound is faded out before its end.

    Returns:
      float32 (n, samples), each at a peak of 1, starting within 5 ms, without DC, faded out, then zeros; and how many samples each
      sound has before the zeros, int32 (n,): .1 to 1 s where the array is long enough.

    Raises:
      ValueError: an unknown label, or a number out of range.
    """
    if label not in VOICES:
        raise ValueError(f"expected one of {', '.join(VOICES)}, found {label!r}")
    if n < 0 or first < 0 or first + n > 2**32 or not 0 <= seed < 2**64:
        raise ValueError(f"expected n and first from 0, below 2**32 together, and a seed below 2**64, found {n}, {first}, {seed}")
    if sample_rate_hz < 16_000 or samples < sample_rate_hz // 10:
        raise ValueError(f"expected at least 16,000 Hz and a tenth of a second, found {sample_rate_hz} Hz and {samples} samples")
    audio, lengths = np.zeros((n, samples), np.float32), np.zeros(n, np.int32)
    for start in range(0, n, _BATCH):
        numbers = np.arange(first + start, first + min(start + _BATCH, n))
        made, lengths[start : start + _BATCH] = _batch(label, seed, numbers, sample_rate_hz, samples)
        audio[start : start + len(made), : made.shape[1]] = made
    return audio, lengths


def _batch(label: str, seed: int, numbers: np.ndarray, sample_rate_hz: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    voice = VOICES[label]
    clock = Clock(sample_rate_hz, min(samples, round(voice.longest_s * sample_rate_hz)))
    draws = Draws(label, seed, numbers)
    family = draws.pick("family", [weight for weight, _ in voice.families])[:, 0]
    raw = np.empty((len(numbers), clock.samples))
    for index, (_, make) in enumerate(voice.families):
        rows = np.flatnonzero(family == index)
        if len(rows):
            raw[rows] = make(draws.only(rows), clock)
    return finish(raw, Draws(label, seed, numbers, "finish"), voice, clock)


def finish(raw: np.ndarray, draws: Draws, voice: Voice, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """What a sound goes through between drum and disk: an overdriven input, a recording's band, a sampler's few bits; then cut.

    Returns:
      float32 (sounds, clock.samples) and the lengths, int32 (sounds,), as `synthesize` gives them.
    """
    rate = clock.sample_rate_hz
    sound = to_peak(raw)
    drive = np.where(draws.chance("driven", 0.35) > 0, draws.log("drive", 0.3, max(voice.drive, 0.31)), 1e-3)
    sound = np.tanh(drive * sound) / drive
    low = draws.log("low_hz", *voice.low_hz)
    high = np.where(draws.chance("dull", 0.35) > 0, draws.log("high_hz", *voice.high_hz), 0.47 * rate)
    sound = to_peak(filtered(sound, clock, highpass(low, clock), lowpass(high, clock)))
    step = 2.0 ** (1 - draws.uniform("bits", 7.0, 12.0))
    sound = np.where(draws.chance("coarse", 0.15) > 0, step * np.round(sound / step), sound)

    start = np.maximum((np.abs(sound) > _TRIM).argmax(axis=1) - round(_BEFORE_S * rate), 0)
    place = np.arange(clock.samples) + start[:, None]
    sound = np.where(place < clock.samples, np.take_along_axis(sound, np.minimum(place, clock.samples - 1), axis=1), 0.0)

    gated = draws.chance("gated", 0.1) > 0
    floor = 10 ** (-np.where(gated, draws.uniform("gate_db", 22.0, 34.0), draws.uniform("floor_db", 45.0, 70.0)) / 20)
    last = clock.samples - 1 - (np.abs(sound) > floor)[:, ::-1].argmax(axis=1)
    held = np.where(gated, 0.0, draws.log("held_s", 0.003, 0.2))[:, 0]
    # What rings on for longer is cut here or there, not always at the same moment.
    longest = clock.samples * draws.uniform("longest", 0.75, 1.0)[:, 0]
    lengths = np.clip(last + 1 + (held * rate).astype(int), round(0.1 * rate), longest.astype(int))

    hiss = draws.chance("hiss", 0.5) * 10 ** (draws.uniform("hiss_db", -80.0, -48.0) / 20)
    sound = sound + hiss * to_peak(
        filtered(draws.white(clock.samples), clock, onepole(draws.log("hiss_hz", 100.0, 8_000.0), clock))
    )
    return _cut(sound, lengths, draws.log("fade_s", 0.008, 0.04)[:, 0], rate), lengths.astype(np.int32)


def _cut(sound: np.ndarray, lengths: np.ndarray, fade_s: np.ndarray, rate: int) -> np.ndarray:
    """Faded in over 0.4 ms and out before each length, without DC, at a peak of 1."""
    place = np.arange(sound.shape[1])
    rise = round(0.0004 * rate)
    sound = sound * (0.5 - 0.5 * np.cos(np.pi * np.minimum(place / rise, 1.0)))
    left = (lengths[:, None] - 1 - place) / np.minimum(fade_s * rate, lengths / 3)[:, None]
    sound = sound * (0.5 - 0.5 * np.cos(np.pi * np.clip(left, 0.0, 1.0)))
    bump = np.sin(np.pi * np.clip(place / (lengths[:, None] - 1), 0.0, 1.0))
    sound = sound - bump * (sound.sum(axis=1, keepdims=True) / bump.sum(axis=1, keepdims=True))
    return np.where(place < lengths[:, None] - 1, to_peak(sound), 0.0).astype(np.float32)
