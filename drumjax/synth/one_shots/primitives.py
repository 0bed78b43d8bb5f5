"""What voices are made of: damped modes, gliding tones, filters, collisions, rooms. All on batches, without a loop over samples.

Parameters are (sounds, 1) or (sounds, modes), signals float64 (sounds, samples). A row never depends on another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft, special

from drumjax.synth.circuits import decay

_BLOCK = 128


@dataclass(frozen=True)
class Clock:
    """The grid on which a batch is made.

    Attributes:
      sample_rate_hz: of the sounds.
      samples: of each.
    """

    sample_rate_hz: int
    samples: int

    @cached_property
    def t(self) -> np.ndarray:
        """Seconds, (samples,)."""
        return np.arange(self.samples) / self.sample_rate_hz

    @cached_property
    def fft_samples(self) -> int:
        """Length of the transforms of filters: what rings on past the end must not come round to the start."""
        return fft.next_fast_len(self.samples + self.sample_rate_hz // 2, real=True)

    @cached_property
    def unit_delay(self) -> np.ndarray:
        """A delay by one sample in the frequency domain, complex (bins,)."""
        return np.exp(-2j * np.pi * np.arange(self.fft_samples // 2 + 1) / self.fft_samples)

    @cached_property
    def bands(self) -> np.ndarray:
        """Weights of four bands that part at 500, 1,500 and 4,500 Hz, half an octave to either side, and sum to 1; (4, bins)."""
        hz = np.maximum(np.arange(self.fft_samples // 2 + 1) * self.sample_rate_hz / self.fft_samples, 1.0)
        at = np.array([[500.0], [1_500.0], [4_500.0]])
        below = 0.5 + 0.5 * np.cos(np.pi * np.clip(np.log2(hz / at) + 0.5, 0.0, 1.0))
        return np.diff(below, axis=0, prepend=0.0, append=1.0)


# The circular membrane ------------------------------------------------------------------------------------------------------------


def _membrane() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Up to eight nodal diameters; below the first mode with nine there is none but these.
    zeros = sorted((float(zero), m) for m in range(9) for zero in special.jn_zeros(m, 4) if zero < special.jn_zeros(9, 1)[0])
    zero = np.array([zero for zero, _ in zeros])
    return zero / zero[0], np.array([m for _, m in zeros]), zero


MEMBRANE, DIAMETERS, _ZEROS = _membrane()
"""Frequencies of the modes of an ideal circular membrane over that of the lowest, rising: zeros of the Bessel functions J_m over
the first of J_0; and the nodal diameters m of each (N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments)."""


def strike(place: np.ndarray, modes: int) -> np.ndarray:
    """How strongly a stroke excites the modes of a membrane: |J_m(j_mn r)|.

    Args:
      place: where it is struck, 0 in the middle, 1 on the rim, (sounds, 1).
      modes: how many, the lowest.

    Returns:
      (sounds, modes), at least 0.
    """
    return np.abs(special.jv(DIAMETERS[:modes], _ZEROS[:modes] * place))


# Tones ----------------------------------------------------------------------------------------------------------------------------


def ring(hz: np.ndarray, t60_s: np.ndarray, level: np.ndarray | float, clock: Clock, phase: np.ndarray | float = 0.0) -> np.ndarray:
    """A sum of damped sines, struck at time 0.

    exp(λ (128 a + b)) = exp(λ 128 a) exp(λ b): a block of 128 samples and the steps between blocks are computed, and the sum over
    the modes of their products is a matrix product. A mode costs four multiplications a sample, no sine.

    Args:
      hz: frequencies, (sounds, modes); those above 47 % of the sample rate are left out.
      t60_s: their times to fall by 60 dB, (sounds, modes) or (sounds, 1).
      level: their amplitudes, (sounds, modes) or (sounds, 1).
      clock: the grid.
      phase: radians at time 0.

    Returns:
      (sounds, samples).
    """
    hz, t60_s, level, phase = np.broadcast_arrays(hz, t60_s, level, np.asarray(phase))
    level = np.where(hz < 0.47 * clock.sample_rate_hz, level, 0.0)
    rate = (-np.log(1000.0) / t60_s + 2j * np.pi * hz) / clock.sample_rate_hz
    blocks = -(-clock.samples // _BLOCK)
    step = np.exp(rate[:, None, :] * (_BLOCK * np.arange(blocks))[:, None])
    within = np.exp(rate[:, :, None] * np.arange(_BLOCK) + 1j * phase[:, :, None]) * level[:, :, None]
    left = np.concatenate([step.real, step.imag], axis=2)
    right = np.concatenate([within.imag, within.real], axis=1)
    return (left @ right).reshape(len(hz), -1)[:, : clock.samples]


def glide(hz: np.ndarray, depth: np.ndarray, time_s: np.ndarray, clock: Clock) -> np.ndarray:
    """The phase in radians of a tone whose frequency falls to rest: hz (1 + depth exp(−t / time_s)), integrated in closed form."""
    t = clock.t
    return 2 * np.pi * hz * (t - depth * time_s * np.expm1(-t / time_s))


def bent(hz: np.ndarray, t60_s: np.ndarray, level: np.ndarray, depth: np.ndarray, time_s: np.ndarray, clock: Clock) -> np.ndarray:
    """Damped sines that start sharp and come to rest together, as the modes of a skin follow its tension.

    The sum is made without the glide at twice the rate and read along the bent time t + depth time_s (1 − exp(−t / time_s)) by
    cubic interpolation. Its error lies 80 dB below the sound at 1.5 kHz and 64 dB at 2.7 kHz, where the highest modes of skins are.

    Args:
      hz: at rest, (sounds, modes).
      t60_s: (sounds, modes).
      level: (sounds, modes).
      depth: by how much the first moment is sharper, a part of the frequency.
      time_s: time constant with which that goes; depth times time_s is at most 50 ms.
      clock: the grid.
    """
    fine = Clock(2 * clock.sample_rate_hz, 2 * clock.samples + clock.sample_rate_hz // 10 + 8)
    even = ring(hz, t60_s, level, fine)
    # One sample before time 0 for the interpolation: there the sound is odd, a sine from phase 0.
    even = np.concatenate([-even[:, 1:2], even], axis=1)
    place = fine.sample_rate_hz * (clock.t - depth * time_s * np.expm1(-clock.t / time_s))
    whole = np.floor(place)
    x, index = place - whole, whole.astype(np.intp)
    before, here, after, beyond = (np.take_along_axis(even, index + i, axis=1) for i in range(4))
    # Lagrange's cubic through the four neighbours
    return (
        here
        + x * (after - here / 2 - before / 3 - beyond / 6)
        + x**2 * ((before + after) / 2 - here)
        + x**3 * ((beyond - before) / 6 + (here - after) / 2)
    )


def squares(hz: np.ndarray, t60_s: np.ndarray, clock: Clock, phase: np.ndarray, partials: int = 14) -> np.ndarray:
    """Square oscillators as the sums of their odd partials below Nyquist, decaying; without aliases.

    Args:
      hz: (sounds, oscillators).
      t60_s: (sounds, 1).
      clock: the grid.
      phase: radians at time 0, (sounds, oscillators).
      partials: how many of each.
    """
    odd = 2 * np.arange(partials) + 1
    shape = (len(hz), -1)
    return ring(
        (hz[:, :, None] * odd).reshape(shape),
        t60_s,
        np.broadcast_to(4 / np.pi / odd / hz.shape[1], (*hz.shape, partials)).reshape(shape),
        clock,
        (phase[:, :, None] * odd).reshape(shape),
    )


# Filters --------------------------------------------------------------------------------------------------------------------------


def lowpass(hz: np.ndarray, clock: Clock, q: np.ndarray | float = 0.7071) -> np.ndarray:
    """Second-order low-pass, its response complex (sounds, bins): the analogue one by bilinear transform (R. Bristow-Johnson)."""
    cos, alpha = _warp(hz, q, clock)
    return _response((1 - cos) / 2, 1 - cos, (1 - cos) / 2, cos, alpha, clock)


def highpass(hz: np.ndarray, clock: Clock, q: np.ndarray | float = 0.7071) -> np.ndarray:
    """Second-order high-pass."""
    cos, alpha = _warp(hz, q, clock)
    return _response((1 + cos) / 2, -(1 + cos), (1 + cos) / 2, cos, alpha, clock)


def bandpass(hz: np.ndarray, clock: Clock, q: np.ndarray | float) -> np.ndarray:
    """Second-order band-pass, unit gain in the middle: the resonator of a bridged-T network, a jingle or a hollow of hands."""
    cos, alpha = _warp(hz, q, clock)
    return _response(alpha, 0 * alpha, -alpha, cos, alpha, clock)


def _warp(hz: np.ndarray, q: np.ndarray | float, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    angle = 2 * np.pi * np.minimum(hz, 0.47 * clock.sample_rate_hz) / clock.sample_rate_hz
    return np.cos(angle), np.sin(angle) / (2 * np.asarray(q))


def _response(b0: np.ndarray, b1: np.ndarray, b2: np.ndarray, cos: np.ndarray, alpha: np.ndarray, clock: Clock) -> np.ndarray:
    z = clock.unit_delay
    return (b0 + z * (b1 + z * b2)) / (1 + alpha + z * (-2 * cos + z * (1 - alpha)))


def onepole(hz: np.ndarray, clock: Clock) -> np.ndarray:
    """First-order low-pass, 6 dB an octave; its impulse response falls exponentially with the time constant 1 / (2 π hz)."""
    pole = np.exp(-2 * np.pi * hz / clock.sample_rate_hz)
    return (1 - pole) / (1 - pole * clock.unit_delay)


def filtered(signal: np.ndarray, clock: Clock, *responses: np.ndarray) -> np.ndarray:
    """A signal through filters, one after another; each response complex (sounds, bins)."""
    spectrum = fft.rfft(signal, clock.fft_samples)
    for response in responses:
        spectrum *= response
    return heard(spectrum, clock)


def heard(spectrum: np.ndarray, clock: Clock) -> np.ndarray:
    """The signal of a spectrum, complex (sounds, bins)."""
    return fft.irfft(spectrum, clock.fft_samples)[:, : clock.samples]


def to_peak(signal: np.ndarray) -> np.ndarray:
    """Each sound at a peak of 1; silence stays."""
    return signal / np.maximum(np.abs(signal).max(axis=1, keepdims=True), 1e-12)


# Envelopes and noise --------------------------------------------------------------------------------------------------------------


def swell(rise_s: np.ndarray, clock: Clock) -> np.ndarray:
    """From 0 to 1 along half a cosine."""
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(clock.t / rise_s, 1.0))


def dying(noise: np.ndarray, t60_s: np.ndarray, treble: np.ndarray, clock: Clock) -> np.ndarray:
    """Noise whose treble dies first, as it does in rooms, on skins and in wood; the spectrum of the sum, complex (sounds, bins).

    Args:
      noise: white, (sounds, samples).
      t60_s: of what lies below 500 Hz.
      treble: what lies above 4.5 kHz has this share of it; the two bands between, up to 1.5 and 4.5 kHz, lie evenly between.
      clock: the grid.
    """
    total = np.zeros((len(noise), len(clock.unit_delay)), complex)
    for index, band in enumerate(clock.bands):
        total += band * fft.rfft(noise * decay(clock.t, t60_s * treble ** (index / 3)), clock.fft_samples)
    return total


def bursts(starts_s: np.ndarray, time_s: np.ndarray, levels: np.ndarray, clock: Clock) -> np.ndarray:
    """Exponential bursts, each from its own start: starts, time constants and levels (sounds, bursts)."""
    total = np.zeros((len(starts_s), clock.samples))
    for burst in range(starts_s.shape[1]):
        column = slice(burst, burst + 1)
        since = clock.t - starts_s[:, column]
        total += levels[:, column] * np.where(since >= 0, np.exp(-np.maximum(since, 0.0) / time_s[:, column]), 0.0)
    return total


def collisions(
    energy: np.ndarray, per_second: np.ndarray, grain_s: np.ndarray, choice: np.ndarray, noise: np.ndarray, clock: Clock
) -> np.ndarray:
    """Beads or jingles that meet at random: P. R. Cook's PhISEM (Physically informed sonic modeling, Computer Music Journal 1997).

    A collision happens with the same probability in every sample; it adds the energy that the whole then has to the level of a
    noise that dies away fast. Resonators (`bandpass`) make of it the sound of a shell or of a jingle.

    Args:
      energy: what is left of the shake, (sounds, samples).
      per_second: collisions a second.
      grain_s: time constant of one collision.
      choice: white noise that says where collisions happen.
      noise: white noise that they sound with.
      clock: the grid.
    """
    happens = choice < 2 * np.minimum(per_second / clock.sample_rate_hz, 1.0) - 1
    return noise * filtered(np.where(happens, energy, 0.0), clock, onepole(1 / (2 * np.pi * grain_s), clock))


def room(signal: np.ndarray, noise: np.ndarray, t60_s: np.ndarray, mix: np.ndarray, treble: np.ndarray, clock: Clock) -> np.ndarray:
    """A signal and its short reverberation: noise that dies, the treble first, from 4 ms on.

    Args:
      signal: (sounds, samples).
      noise: white, (sounds, samples).
      t60_s: of the room's bass.
      mix: energy of the room's response over that of the sound alone.
      treble: see `dying`.
      clock: the grid.
    """
    response = dying(noise, t60_s, treble, clock)
    # Energy by Parseval; the two bins without a twin count half, which nobody hears.
    energy = 2 * np.sum(response.real**2 + response.imag**2, axis=1, keepdims=True) / clock.fft_samples
    delay = clock.unit_delay ** round(0.004 * clock.sample_rate_hz)
    return filtered(signal, clock, 1 + np.sqrt(mix / energy) * delay * response)
