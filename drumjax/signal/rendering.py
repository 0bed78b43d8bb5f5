"""From patterns to sound: one-shots placed to the sample, chokes, velocity, headroom, and the audio crossfade.

Conventions (our decisions unless a source is named):

- **Time.** A hit sounds at `round(time * rate)`, where time counts from the first step of the first pattern: nothing accumulates,
  so the last hit of a long performance is as exact as the first. A hit early on the very first step is clamped to sample 0.
- **Velocity.** Gain = v², that is 40 log10(velocity / 127) dB: what the Downloadable Sounds specification (DLS 1) asks of a
  synthesiser, and near what R. B. Dannenberg, "The interpretation of MIDI velocity", ICMC 2006, measured on many.
- **Chokes.** A hit on a choker lane ends what still sounds on the choked lanes, within a raised-cosine fade of 4 ms that begins at
  the hit. Hits at the same sample do not choke each other.
- **Takes.** Where a kit has several takes of a lane's sound, the lane's hits go round them in order ("rotating between multiple
  samples for each of the instruments", Off the Beaten Track, Sec. "Robot experiment"): no take is heard twice in a row.
- **Clicks.** `Kit` fades the first and last samples of a one-shot that does not begin or end near zero.
- **Level.** The sum is multiplied by `HEADROOM`; only if it then exceeds −1 dBFS is the whole scaled to −1 dBFS. Hence renderings
  of ordinary patterns with one kit keep their relation, and nothing ever clips.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from drumjax.patterns import DrumMap, Pattern
from drumjax.patterns.classes import CLASS_OF_PITCH

HEADROOM = 0.5
"""The factor before the sum leaves the mixer: −6 dB."""
CEILING = 10 ** (-1 / 20)
"""The greatest peak of a rendering: −1 dBFS."""
TAIL_S = 1.0
"""How long a rendering goes on after the last step, so that the last hits ring out."""
_BLOCK = 1 << 17
_CHOKE_S = 0.004
_EDGE_IN_S = 0.0005
_EDGE_OUT_S = 0.003
_SILENT_EDGE = 1e-3
"""A one-shot whose first or last sample is below this part of its peak (−60 dB) needs no fade there."""

ChokeGroup = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Kit:
    """The sounds of a drum map's lanes.

    Attributes:
      samples: by lane, mono float32 (samples,) in any range, finite, at least one sample; copied, made read-only, and faded over
        0.5 ms at the start and 3 ms at the end where they do not begin or end near zero.
      sample_rate_hz: of all samples.
      chokes: pairs (choker lanes, choked lanes): a hit on one of the former ends what sounds on the latter.
      name: for reports.
      silent: lanes that are known to have no sound; a hit on them is reported by `render`, a hit on any other lane without a sample
        is an error.
      provenance: `{"path", "sha256"}` of the folder that the sounds were read from; None for sounds that the library makes.
      takes: by lane, further sounds of it like its sample; the lane's hits go round the sample and these, one after another.

    Raises:
      ValueError: when a sound is empty, not finite or not mono, the rate is not above 0, or a lane has takes and no sample.
    """

    samples: Mapping[str, np.ndarray]
    sample_rate_hz: int
    chokes: tuple[ChokeGroup, ...] = ()
    name: str = ""
    silent: tuple[str, ...] = ()
    provenance: Mapping[str, str] | None = None
    takes: Mapping[str, Sequence[np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sample_rate_hz <= 0:
            raise ValueError(f"expected a sample rate above 0 Hz, found {self.sample_rate_hz}")
        if not self.takes.keys() <= self.samples.keys():
            raise ValueError(f"expected takes of lanes that have a sample, found {sorted(self.takes.keys() - self.samples.keys())}")
        samples = {lane: self._faded(lane, sound) for lane, sound in self.samples.items()}
        takes = {lane: tuple(self._faded(lane, sound) for sound in sounds) for lane, sounds in self.takes.items()}
        object.__setattr__(self, "samples", MappingProxyType(samples))
        object.__setattr__(self, "takes", MappingProxyType(takes))

    def _faded(self, lane: str, samples: np.ndarray) -> np.ndarray:
        array = np.array(samples, np.float32)
        if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
            raise ValueError(f"lane {lane}: expected finite mono samples (n,), found shape {array.shape}")
        array = soft_edges(array, self.sample_rate_hz)
        array.setflags(write=False)
        return array

    def sounds(self, lane: str) -> tuple[np.ndarray, ...]:
        """What the hits of a lane go round: its sample, then its takes.

        Raises:
          KeyError: the lane has no sample.
        """
        return self.samples[lane], *self.takes.get(lane, ())


def hat_chokes(drum_map: DrumMap) -> tuple[ChokeGroup, ...]:
    """The choke group of a drum map's hats: lanes of closed and open hats cut lanes of open hats."""
    label = {lane: CLASS_OF_PITCH.get(out) for lane, out in zip(drum_map.lanes, drum_map.out_pitches, strict=True)}
    choked = tuple(lane for lane in drum_map.lanes if label[lane] == "hihat_open")
    chokers = tuple(lane for lane in drum_map.lanes if label[lane] in ("hihat_closed", "hihat_open"))
    return ((chokers, choked),) if choked else ()


def velocity_gain(velocity: np.ndarray) -> np.ndarray:
    """Gain of velocities in [0, 1]: their square, or 40 log10(v) dB (DLS 1)."""
    return np.square(velocity)


def render(patterns: Pattern | Sequence[Pattern], kit: Kit, *, tail_s: float = TAIL_S) -> np.ndarray:
    """Patterns played one after another, each at its own tempo.

    Args:
      patterns: one, or several; each lane that has hits must be one of the kit's.
      kit: the sounds; their sample rate is the rendering's.
      tail_s: seconds after the last step, at least 0; what rings on longer is faded out over the last 4 ms.

    Returns:
      float32 (round(duration * rate) + round(tail_s * rate),), peak at most −1 dBFS.

    Raises:
      ValueError: no patterns, a negative tail, or a hit on a lane that the kit does not know.

    Warns:
      UserWarning: hits on lanes that the kit calls silent, with their number.
    """
    return _level(_mix(patterns, kit, tail_s))


def render_crossfade(start: Pattern, goal: Pattern, measures: int, kit: Kit, *, tail_s: float = TAIL_S) -> np.ndarray:
    """The paper's baseline as audio: both patterns loop `measures` times, one fades out as the other fades in with equal power.

    Off the Beaten Track, experiment Q1: crossfades of 6 measures by "a standard function (equal power) of Logic Pro X".

    Args:
      start: what is heard at the start.
      goal: what is heard at the end, played at the tempo of `start`, of as many steps.
      measures: how often each is repeated, at least 1.
      kit: the sounds.
      tail_s: as in `render`; the goal rings out at full level, the start is silent by then.

    Returns:
      float32, as long as `render` of `measures` patterns.

    Raises:
      ValueError: fewer than one measure, or patterns of different lengths.
    """
    if measures < 1:
        raise ValueError(f"expected at least 1 measure, found {measures}")
    return render_between([start] * measures, [replace(goal, tempo_bpm=start.tempo_bpm)] * measures, kit, tail_s=tail_s)


def render_between(falling: Sequence[Pattern], rising: Sequence[Pattern], kit: Kit, *, tail_s: float = TAIL_S) -> np.ndarray:
    """Two performances at once, one fading out as the other fades in with equal power.

    Args:
      falling: what is heard at the start, at least one pattern.
      rising: what is heard at the end, as many; all patterns of both have one length and tempo.
      kit: the sounds.
      tail_s: as in `render`.

    Returns:
      float32, as long as `render` of one of the two.

    Raises:
      ValueError: performances of different numbers, or patterns of different lengths or tempi.
    """
    lengths = sorted({pattern.steps for pattern in (*falling, *rising)})
    if len(lengths) > 1:
        raise ValueError(f"expected patterns of one length, found {' and '.join(map(str, lengths[::-1]))} steps")
    if len(falling) != len(rising) or len({pattern.tempo_bpm for pattern in (*falling, *rising)}) > 1:
        raise ValueError(f"expected as many patterns of one tempo, found {len(falling)} and {len(rising)}")
    leaving, mix = (_mix(patterns, kit, tail_s) for patterns in (falling, rising))
    body = round(len(falling) * falling[0].duration_s * kit.sample_rate_hz)
    _equal_power(leaving[:body], mix[:body], out=mix[:body])
    return _level(mix)


def equal_power_crossfade(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`a` cos θ + `b` sin θ with θ from 0 at the first sample to π/2 at the last, so that the gains' squares sum to 1.

    Args:
      a: float (samples,) or (samples, channels), heard at the start.
      b: the same shape, heard at the end.

    Returns:
      float32 of that shape; up to √2 of the inputs' peak.

    Raises:
      ValueError: when the shapes differ.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"expected two sounds of one shape, found {a.shape} and {b.shape}")
    return _equal_power(a, b, out=np.empty(a.shape, np.float32))


def _equal_power(a: np.ndarray, b: np.ndarray, *, out: np.ndarray) -> np.ndarray:
    """`equal_power_crossfade` into an array, which may be one of the two; some samples at a time, because the gains are float64."""
    last = max(len(a) - 1, 1)
    for first in range(0, len(a), _BLOCK):
        part = slice(first, first + _BLOCK)
        angle = (np.arange(first, first + len(a[part])) * (np.pi / 2 / last)).reshape(-1, *[1] * (a.ndim - 1))
        out[part] = np.cos(angle) * a[part] + np.sin(angle) * b[part]
    return out


def _mix(patterns: Pattern | Sequence[Pattern], kit: Kit, tail_s: float) -> np.ndarray:
    """The sum before the level is set, float32."""
    patterns = [patterns] if isinstance(patterns, Pattern) else list(patterns)
    if not patterns:
        raise ValueError("expected at least one pattern, found none")
    if not tail_s >= 0:
        raise ValueError(f"expected a tail of at least 0 s, found {tail_s}")
    rate = kit.sample_rate_hz
    hits, duration_s = _hits(patterns, rate)
    unknown = {lane: len(found[0]) for lane, found in hits.items() if lane not in kit.samples}
    for lane in unknown:
        if lane not in kit.silent:
            raise ValueError(
                f"lane {lane} has {unknown[lane]} hits and the kit {kit.name!r} no sound for it; it has {[*kit.samples]}"
            )
    if unknown:
        warnings.warn(f"no sound for {', '.join(f'{lane} ({n} hits)' for lane, n in unknown.items())}", UserWarning, stacklevel=3)
    out = np.zeros(round(duration_s * rate) + round(tail_s * rate), np.float32)
    fade = _fall(max(round(_CHOKE_S * rate), 1))
    for lane, (onsets, gains) in hits.items():
        if lane in unknown:
            continue
        sounds = kit.sounds(lane)
        ends = _choked_at(onsets, lane, hits, kit.chokes)
        for number, (onset, gain, end) in enumerate(zip(onsets.tolist(), gains, ends.tolist(), strict=True)):
            sample = sounds[number % len(sounds)]
            room = len(out) - onset
            kept = min(len(sample), end - onset + len(fade), room)
            piece = gain * sample[:kept]
            if end - onset < kept:
                piece[end - onset :] *= fade[: kept - (end - onset)]
            out[onset : onset + kept] += piece
    cut = min(len(fade), len(out))
    out[len(out) - cut :] *= fade[len(fade) - cut :]
    return out


def _hits(patterns: Sequence[Pattern], rate: int) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], float]:
    """By lane, onset samples (int64, rising) and gains (float32) of all patterns; and how long they last in seconds."""
    found: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}
    start_s = 0.0
    for pattern in patterns:
        onsets = np.maximum(np.rint((start_s + pattern.onsets_s()) * rate), 0).astype(np.int64)
        for index, lane in enumerate(pattern.drum_map.lanes):
            steps = np.flatnonzero(pattern.hits[:, index])
            if len(steps):
                times, gains = found.setdefault(lane, ([], []))
                times.append(onsets[steps, index])
                gains.append(velocity_gain(pattern.velocity[steps, index]))
        start_s += pattern.duration_s
    return {lane: _sorted(np.concatenate(times), np.concatenate(gains)) for lane, (times, gains) in found.items()}, start_s


def _sorted(onsets: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(onsets, kind="stable")
    return onsets[order], gains[order]


def _choked_at(
    onsets: np.ndarray, lane: str, hits: Mapping[str, tuple[np.ndarray, np.ndarray]], chokes: tuple[ChokeGroup, ...]
) -> np.ndarray:
    """For each onset of a lane the sample at which the next choker strikes, int64; a very late one where none does."""
    chokers = {choker for group, choked in chokes if lane in choked for choker in group}
    strikes = [hits[choker][0] for choker in sorted(chokers) if choker in hits]
    never = np.iinfo(np.int64).max // 2
    times = np.append(np.sort(np.concatenate(strikes)) if strikes else np.empty(0, np.int64), never)
    return times[np.searchsorted(times[:-1], onsets, side="right")]


def _level(mix: np.ndarray) -> np.ndarray:
    """Sets the level of a mix where it lies."""
    mix *= np.float32(HEADROOM)
    peak = max(float(mix.max(initial=0.0)), -float(mix.min(initial=0.0)))
    if peak > CEILING:
        mix *= np.float32(CEILING / peak)
        np.clip(mix, -CEILING, CEILING, out=mix)  # the product's last bit may round above the ceiling
    return mix


def _fall(length: int) -> np.ndarray:
    """A raised cosine from below 1 to exactly 0, float32."""
    fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, length + 1) / length)
    fade[-1] = 0.0
    return fade.astype(np.float32)


def soft_edges(samples: np.ndarray, rate: int) -> np.ndarray:
    """Fades an edge that is not near zero, over 0.5 ms at the start and 3 ms at the end, where the samples lie.

    Of a very short sound no more than an eighth at the start and a quarter at the end.
    """
    limit = _SILENT_EDGE * np.abs(samples).max()
    rise = min(round(_EDGE_IN_S * rate), len(samples) // 8)
    fall = min(round(_EDGE_OUT_S * rate), len(samples) // 4)
    if rise and abs(samples[0]) > limit:
        samples[:rise] *= _fall(rise)[::-1]
    if fall and abs(samples[-1]) > limit:
        samples[-fall:] *= _fall(fall)
    return samples
