"""A procedural TR-808: every voice computed from what its circuit does, without a sample.

Sources, all by K. J. Werner, J. S. Abel and J. O. Smith, 2014:

- "A physically-informed, circuit-bendable, digital model of the Roland TR-808 bass drum circuit", DAFx-14: a bridged-T network
  rings near 49.5 Hz and stands higher while the trigger lasts;
- "The TR-808 cymbal: a physically-informed, circuit-bendable, digital model", ICMC/SMC: six square oscillators at 205.3, 304.4,
  369.6, 522.7, 540 and 800 Hz, band-passed near 3.44 and 7.1 kHz, an envelope and a high-pass behind each band;
- "More cowbell: a physically-informed, circuit-bendable, digital model of the TR-808 cowbell", AES 137: the oscillators at 540
  and 800 Hz through a band-pass near 2.64 kHz.

These frequencies are theirs. All else is ours and was set by measurement: decay times, sweeps, band widths, levels, the snare's
shells at 180 and 330 Hz, and the voices that these papers do not treat. The circuits are not simulated. They are ringing filters
and gated oscillators for the most part, whose responses have closed forms; the bending in the hats' amplifiers, which adds tones
between the tones, is left out. Levels: under the weighting of ITU-R BS.1770 the loudest 100 ms fall from the bass drum by 4 dB to
the snare and the clap, 8 to the cowbell, the rim shot, the cymbal and the open hat, 12 to the closed hat.

Voices are mono and deterministic, begin and end at zero and carry no DC.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
from scipy import signal

from drumjax.patterns import DrumMap
from drumjax.signal.rendering import Kit, hat_chokes
from drumjax.synth.circuits import METAL_HZ, decay

SAMPLE_RATE_HZ = 44_100
_RUNNING_S = 0.2503
"""The oscillators run freely and have done so for this long when a voice is struck: their edges do not meet on the stroke."""
_FADE_S = 0.02


class Take(NamedTuple):
    """How one stroke of a voice differs from another.

    The noise and the six oscillators of the machine run freely, so that no two strokes of a snare, a clap, a hat or a cowbell are
    alike; its resonators drift a little with temperature and with what still rings. That they do is known, how far is our decision.

    Attributes:
      pitch: factor of the resonators' frequencies.
      decay: factor of the decay times.
      noise: which noise.
      running_s: how long the oscillators have been running when the voice is struck.
    """

    pitch: float = 1.0
    decay: float = 1.0
    noise: int = 0
    running_s: float = _RUNNING_S


FIRST = Take()
MOST_TAKES = 8
_DRIFT = (0.004, 0.04)
"""The most by which pitch and decay of a take differ from those of the first: 7 cents and 4 %."""


def numbered_take(number: int) -> Take:
    """The stroke of a number, the same for ever; number 0 is the machine as it stands.

    Raises:
      ValueError: a number below 0 or from `MOST_TAKES` on.
    """
    if not 0 <= number < MOST_TAKES:
        raise ValueError(f"expected a take from 0 to {MOST_TAKES - 1}, found {number}")
    if number == 0:
        return FIRST
    pitch, decay, phase = _noise(3, 1_000 + number)
    return Take(1 + _DRIFT[0] * pitch, 1 + _DRIFT[1] * decay, 100 * number, _RUNNING_S + 0.1 * (1 + phase))


class Voice(Protocol):
    """A voice: samples float32 at a rate, of one of its takes."""

    def __call__(self, sample_rate_hz: int, take: Take = FIRST) -> np.ndarray: ...


def bass_drum(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """BD: a bridged-T network rings at 49.5 Hz; the trigger pushes it up for some milliseconds and adds its click."""
    t = _time(0.85, sample_rate_hz)
    pitch_hz = 49.5 + 6.0 * np.exp(-t / 0.08) + 110.0 * np.exp(-t / 0.006)
    body = _ringing(pitch_hz, t60_s=0.65, t=t, sample_rate_hz=sample_rate_hz, take=take)
    click = 0.35 * _lowpass(np.exp(-t / 0.0012), 3_500.0, sample_rate_hz)
    return _finish(body + click, 0.9, sample_rate_hz)


def snare_drum(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """SD: two bridged-T networks at 180 and 330 Hz, and high-passed noise under an envelope of its own ("snappy")."""
    t = _time(0.4, sample_rate_hz)
    low = _ringing(180.0 + 40.0 * np.exp(-t / 0.005), t60_s=0.22, t=t, sample_rate_hz=sample_rate_hz, take=take)
    high = _ringing(330.0 + 60.0 * np.exp(-t / 0.004), t60_s=0.13, t=t, sample_rate_hz=sample_rate_hz, take=take)
    snappy = _highpass(_noise(len(t), 1, take), 1_500.0, sample_rate_hz, order=2) * decay(t, 0.24 * take.decay)
    return _finish(0.7 * low + 0.45 * high + 0.55 * snappy, 0.95, sample_rate_hz)


def closed_hat(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """CH: the upper band of the metal, cut short."""
    return _hat(0.16, 0.09, 0.5, sample_rate_hz, take)


def open_hat(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """OH: the same, left to ring."""
    return _hat(0.75, 0.55, 0.4, sample_rate_hz, take)


def rim_shot(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """RS: two networks ring at 1,667 and 455 Hz for some ten milliseconds and overdrive their amplifier a little."""
    t = _time(0.08, sample_rate_hz)
    high = _ringing(np.full_like(t, 1_667.0), t60_s=0.022, t=t, sample_rate_hz=sample_rate_hz, take=take)
    low = _ringing(np.full_like(t, 455.0), t60_s=0.035, t=t, sample_rate_hz=sample_rate_hz, take=take)
    return _finish(_highpass(np.tanh(2.2 * (0.7 * high + 0.6 * low)), 200.0, sample_rate_hz), 0.8, sample_rate_hz)


def cowbell(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """CB: the squares at 540 and 800 Hz, band-passed broadly around 2.64 kHz, falling fast at first and slowly after."""
    t = _time(0.5, sample_rate_hz)
    tone = _square(540.0, t, sample_rate_hz, take.running_s) + _square(800.0, t, sample_rate_hz, take.running_s)
    tone = _bandpass(tone, 2_640.0, 0.5, sample_rate_hz)
    return _finish(tone * (0.5 * decay(t, 0.06 * take.decay) + 0.5 * decay(t, 0.42 * take.decay)), 0.8, sample_rate_hz)


def _tom(rest_hz: float, t60_s: float) -> Voice:
    def voice(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
        t = _time(1.25 * t60_s, sample_rate_hz)
        body = _ringing(rest_hz * (1 + 0.5 * np.exp(-t / 0.012)), t60_s=t60_s, t=t, sample_rate_hz=sample_rate_hz, take=take)
        skin = _lowpass(_noise(len(t), 2, take), 1_200.0, sample_rate_hz) * decay(t, 0.5 * t60_s * take.decay)
        return _finish(body + 0.15 * skin, 0.55, sample_rate_hz)

    voice.__doc__ = f"A tom: a bridged-T network that falls to {rest_hz:g} Hz, and a little low noise for the skin."
    return voice


def _conga(rest_hz: float, t60_s: float) -> Voice:
    def voice(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
        t = _time(1.25 * t60_s, sample_rate_hz)
        sweep_hz = rest_hz * (1 + 0.12 * np.exp(-t / 0.008))
        return _finish(_ringing(sweep_hz, t60_s=t60_s, t=t, sample_rate_hz=sample_rate_hz, take=take), 0.5, sample_rate_hz)

    voice.__doc__ = f"A conga: the tom's network at {rest_hz:g} Hz, without the noise."
    return voice


def clap(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """CP: noise around 1 kHz in three bursts 10 ms apart, and a fourth that rings on as if in a room."""
    t = _time(0.45, sample_rate_hz)
    noise = _bandpass(_noise(len(t), 3, take), 1_050.0, 1.2, sample_rate_hz)
    bursts = [np.where(t >= start, np.exp(-(t - start) / 0.003), 0.0) for start in (0.0, 0.010, 0.020)]
    room = np.where(t >= 0.030, np.exp(-6.91 * (t - 0.030) / (0.3 * take.decay)), 0.0)
    return _finish(noise * (np.sum(bursts, axis=0) + 0.8 * room), 0.65, sample_rate_hz)


def claves(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """CL: one network rings at 2.5 kHz for a moment."""
    t = _time(0.09, sample_rate_hz)
    return _finish(
        _ringing(np.full_like(t, 2_500.0), t60_s=0.05, t=t, sample_rate_hz=sample_rate_hz, take=take), 0.5, sample_rate_hz
    )


def maracas(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """MA: a puff of high noise that swells for 8 ms and is gone."""
    t = _time(0.08, sample_rate_hz)
    noise = _highpass(_noise(len(t), 4, take), 5_000.0, sample_rate_hz, order=4)
    return _finish(noise * np.minimum(t / 0.008, 1.0) * decay(t, 0.06 * take.decay), 0.35, sample_rate_hz)


def cymbal(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """CY: the metal through both bands, the lower one long, the upper one longer at the start and brighter."""
    t = _time(1.6, sample_rate_hz)
    metal = _metal(t, sample_rate_hz, take)
    low = _highpass(_bandpass(metal, 3_440.0, 2.0, sample_rate_hz), 2_500.0, sample_rate_hz, order=2) * decay(t, 1.3 * take.decay)
    high = _highpass(_bandpass(metal, 7_100.0, 1.5, sample_rate_hz), 6_000.0, sample_rate_hz, order=2) * decay(t, 0.8 * take.decay)
    return _finish(0.5 * low + high, 0.35, sample_rate_hz)


def ride(sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """RD: not in the TR-808, our own: its cymbal played shorter, the lower band forward, with a stick's tick."""
    t = _time(0.9, sample_rate_hz)
    metal = _metal(t, sample_rate_hz, take)
    low = _highpass(_bandpass(metal, 3_440.0, 3.0, sample_rate_hz), 2_500.0, sample_rate_hz, order=2) * decay(t, 0.75 * take.decay)
    high = _highpass(_bandpass(metal, 7_100.0, 1.5, sample_rate_hz), 6_000.0, sample_rate_hz, order=2) * decay(t, 0.12 * take.decay)
    return _finish(low + high, 0.3, sample_rate_hz)


VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "BD": bass_drum,
        "SD": snare_drum,
        "CH": closed_hat,
        "OH": open_hat,
        "RS": rim_shot,
        "CB": cowbell,
        "LT": _tom(80.0, 0.55),
        "MT": _tom(120.0, 0.45),
        "HT": _tom(165.0, 0.38),
        "LC": _conga(185.0, 0.32),
        "MC": _conga(280.0, 0.24),
        "HC": _conga(410.0, 0.18),
        "CP": clap,
        "CL": claves,
        "MA": maracas,
        "CY": cymbal,
        "RD": ride,
    }
)
"""The voices by their names on the panel (RD is ours). The panel's tuning and decay knobs stand near the middle."""

_PITCHES = {
    "BD": (35, 36),
    "SD": (38, 40),
    "CH": (22, 42, 44),
    "OH": (26, 46),
    "RS": (37, 77),
    "CB": (56, 67, 68),
    "LT": (41, 43, 66),
    "MT": (45, 47),
    "HT": (48, 50, 65),
    "LC": (64,),
    "MC": (61, 63),
    "HC": (60, 62),
    "CP": (39,),
    "CL": (75, 76),
    "MA": (54, 69, 70),
    "CY": (49, 52, 55, 57),
    "RD": (51, 53, 59),
}
VOICE_OF_PITCH = MappingProxyType({pitch: voice for voice, pitches in _PITCHES.items() for pitch in pitches})
"""The voice of each General MIDI percussion key, the nearest there is. None comes near whistles (71, 72), guiros (73, 74), cuicas
(78, 79), triangles (80, 81) and the vibraslap (58)."""


def voices(sample_rate_hz: int = SAMPLE_RATE_HZ) -> dict[str, np.ndarray]:
    """All voices, the first take of each.

    Args:
      sample_rate_hz: at least 16,000, so that the hats have their band.

    Returns:
      by the names of `VOICES`, float32 (samples,) in [-1, 1], read-only, each at its place in the balance of the kit.

    Raises:
      ValueError: for a lower sample rate.
    """
    return {name: _made(name, sample_rate_hz, 0) for name in VOICES}


def kit_for(drum_map: DrumMap, sample_rate_hz: int = SAMPLE_RATE_HZ, *, takes: int = 1) -> Kit:
    """The TR-808 as a kit for any drum map.

    A lane gets the voice of the pitch that it is written as, else of the first of its pitches that has one; a lane with neither
    stands in the kit's `silent`. Either hat cuts the open hat off.

    Args:
      drum_map: the lanes.
      sample_rate_hz: at least 16,000.
      takes: of each voice, 1 to 8, for hits to go round; see `numbered_take`.

    Raises:
      ValueError: for a lower sample rate or another number of takes.
    """
    if not 1 <= takes <= MOST_TAKES:
        raise ValueError(f"expected 1 to {MOST_TAKES} takes, found {takes}")
    voice_of_lane = {}
    for lane, pitches, out in zip(drum_map.lanes, drum_map.in_pitches, drum_map.out_pitches, strict=True):
        found = [VOICE_OF_PITCH[pitch] for pitch in (out, *pitches) if pitch in VOICE_OF_PITCH]
        if found:
            voice_of_lane[lane] = found[0]
    return Kit(
        samples={lane: _made(voice, sample_rate_hz, 0) for lane, voice in voice_of_lane.items()},
        sample_rate_hz=sample_rate_hz,
        chokes=hat_chokes(drum_map),
        name="TR-808 (procedural)",
        silent=tuple(lane for lane in drum_map.lanes if lane not in voice_of_lane),
        takes={lane: [_made(voice, sample_rate_hz, i) for i in range(1, takes)] for lane, voice in voice_of_lane.items()},
    )


@lru_cache(maxsize=len(VOICES) * MOST_TAKES)
def _made(name: str, sample_rate_hz: int, number: int) -> np.ndarray:
    if sample_rate_hz < 16_000:
        raise ValueError(f"expected a sample rate of at least 16,000 Hz, where the hats have their band, found {sample_rate_hz:,}")
    samples = VOICES[name](sample_rate_hz, numbered_take(number))
    if number:
        # All takes are equally loud: their peaks are chance, for the noise and the oscillators' phases are.
        samples *= np.linalg.norm(_made(name, sample_rate_hz, 0)) / np.linalg.norm(samples)
    samples.setflags(write=False)
    return samples


def _time(length_s: float, sample_rate_hz: int) -> np.ndarray:
    return np.arange(round(length_s * sample_rate_hz)) / sample_rate_hz


def _ringing(pitch_hz: np.ndarray, *, t60_s: float, t: np.ndarray, sample_rate_hz: int, take: Take) -> np.ndarray:
    """A resonator struck at time 0: a sine from phase 0 whose frequency follows `pitch_hz` (samples,), decaying."""
    pitch_hz = take.pitch * pitch_hz
    phase = 2 * np.pi * (np.cumsum(pitch_hz) - pitch_hz) / sample_rate_hz
    return np.sin(phase) * decay(t, t60_s * take.decay)


def _square(frequency_hz: float, t: np.ndarray, sample_rate_hz: int, running_s: float = _RUNNING_S) -> np.ndarray:
    """A square wave of ±1 as the sum of its partials below 20 kHz and 90 % of the Nyquist frequency: without aliases."""
    top_hz = min(20_000.0, 0.45 * sample_rate_hz)
    odd = np.arange(1, int(top_hz / frequency_hz) + 1, 2)
    # sin((k + 2) x) = 2 cos(2 x) sin(k x) − sin((k − 2) x): two operations a partial in place of a sine
    x = 2 * np.pi * frequency_hz * (t + running_s)
    twice_cos, previous, current = 2 * np.cos(2 * x), -np.sin(x), np.sin(x)
    total = current.copy()
    for partial in odd[1:]:
        previous, current = current, twice_cos * current - previous
        total += current / partial
    return 4 / np.pi * total


def _metal(t: np.ndarray, sample_rate_hz: int, take: Take = FIRST) -> np.ndarray:
    """The six squares together, in [-1, 1]."""
    squares = [_square(frequency_hz, t, sample_rate_hz, take.running_s) for frequency_hz in METAL_HZ]
    return np.sum(squares, axis=0) / len(METAL_HZ)


def _hat(length_s: float, t60_s: float, peak: float, sample_rate_hz: int, take: Take) -> np.ndarray:
    t = _time(length_s, sample_rate_hz)
    band = _bandpass(_metal(t, sample_rate_hz, take), 7_100.0, 1.5, sample_rate_hz)
    band = band + 0.15 * _bandpass(_metal(t, sample_rate_hz, take), 3_440.0, 3.0, sample_rate_hz)
    return _finish(_highpass(band * decay(t, t60_s * take.decay), 6_000.0, sample_rate_hz, order=3), peak, sample_rate_hz)


def _noise(length: int, stream: int, take: Take = FIRST) -> np.ndarray:
    """White noise in [-1, 1), the same for ever: NumPy keeps the raw stream of its bit generators (NEP 19)."""
    raw = np.random.Philox(key=stream + take.noise).random_raw(length)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def _bandpass(samples: np.ndarray, centre_hz: float, quality: float, sample_rate_hz: int) -> np.ndarray:
    """A resonant band-pass of second order with unit gain at its centre, as the multiple-feedback stages of the machine are."""
    return signal.lfilter(*signal.iirpeak(min(centre_hz, 0.45 * sample_rate_hz), quality, fs=sample_rate_hz), samples)


def _highpass(samples: np.ndarray, cut_hz: float, sample_rate_hz: int, order: int = 1) -> np.ndarray:
    return signal.sosfilt(signal.butter(order, cut_hz, "highpass", fs=sample_rate_hz, output="sos"), samples)


def _lowpass(samples: np.ndarray, cut_hz: float, sample_rate_hz: int) -> np.ndarray:
    return signal.sosfilt(signal.butter(1, cut_hz, "lowpass", fs=sample_rate_hz, output="sos"), samples)


def _finish(samples: np.ndarray, peak: float, sample_rate_hz: int) -> np.ndarray:
    """Without DC, from (nearly) zero to exact zero, at its peak in the balance of the kit; float32."""
    samples = _highpass(samples, 15.0, sample_rate_hz)
    rise = max(round(0.0005 * sample_rate_hz), 1)
    samples[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    fall = round(_FADE_S * sample_rate_hz)
    window = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fall + 1) / fall)
    window[-1] = 0.0
    samples[-fall:] *= window
    samples = samples - _mean_removal(samples)
    return (peak / np.abs(samples).max() * samples).astype(np.float32)


def _mean_removal(samples: np.ndarray) -> np.ndarray:
    """A half-wave as long as the sound that carries its mean: what the cut leaves of DC; both ends stay at zero."""
    bump = np.sin(np.pi * np.arange(len(samples)) / (len(samples) - 1))
    bump[-1] = 0.0
    return bump * samples.sum() / bump.sum()
