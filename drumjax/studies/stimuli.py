"""What listeners hear: transitions for the identification experiment, segments of a performance for the robot experiment, grooves
of people and of a model.

Source: Off the Beaten Track, Sec. "Identification experiment" and "Robot experiment"; of grooves PocketVAE, Sec. 4.1. All sounds of
a study have one loudness (`drumjax.signal.loudness`): an equal-power crossfade of two patterns that share hits is some 1.6 LU
louder than an interpolation (docs/studies.md), and nobody shall tell them apart by that. They are scaled and never limited. Stereo,
as in the paper, with both channels alike: the kits are mono.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from drumjax.boundary import InputError
from drumjax.instruments.groove import GrooveInstrument
from drumjax.instruments.pattern import PatternInstrument
from drumjax.patterns import MEASURE_STEPS, POCKET, STEPS_PER_QUARTER, TR808, DrumMap, Pattern, concatenate
from drumjax.patterns.templates import TemplateRules, template
from drumjax.signal.levels import decibels, peak
from drumjax.signal.loudness import integrated_loudness
from drumjax.signal.rendering import CEILING, TAIL_S, Kit, render, render_crossfade

PERFORMANCE_MEASURES = 128
"""512 bars, one turn of the swirl (Sec. "Robot experiment"; its "124 measures" is a slip)."""
BAR_STEPS = 16
LOUDNESS_LUFS = -24.0
"""ATSC A/85's programme loudness: the library's kit then peaks some 2 to 7 dB below full scale."""

GROOVE_TURNS = 2
"""How often a groove of two bars is played in a sound: 8 s at 120 beats a minute (our decision; the paper names no length)."""
GROOVE_TAKES = 4
"""Of each drum, which its hits go round: a person does not hit a drum twice alike, and a sample shall not give both away."""
TEMPLATE_VELOCITY = 100 / 127
"""Of a template's hits in sound: a sketch has one loudness."""

TOMS = DrumMap(
    name="tr808-toms",
    lanes=("BD", "SD", "CH", "OH", "HT", "LT"),
    in_pitches=((35, 36), (38, 40), (42, 44), (46,), (48, 50), (41, 43)),
    out_pitches=(36, 38, 42, 46, 50, 43),
)
"""The six lanes with a high tom in the place of the rim shot and a low tom in that of the cowbell (the paper: "transposed to be
played by toms"; which plays which is our decision)."""

Ends = Literal["patterns", "reconstructions"]
Path = Literal["slerp", "lerp"]


class Level(NamedTuple):
    """What a sound measures.

    Attributes:
      loudness_lufs: by ITU-R BS.1770-4, both channels; −inf for silence.
      peak_dbfs: the greatest sample.
      rms_dbfs: the root of the mean square; a full-scale square wave has 0.
      duration_s: tail included.
    """

    loudness_lufs: float
    peak_dbfs: float
    rms_dbfs: float
    duration_s: float


def interpolation(
    instrument: PatternInstrument, start: Pattern, goal: Pattern, measures: int, path: Path, tempo_bpm: float, kit: Kit
) -> np.ndarray:
    """An interpolation of so many measures, both ends included, which are the model's reconstructions: mono float32 (samples,)."""
    made = instrument.interpolate(replace(start, tempo_bpm=tempo_bpm), goal, measures - 1, path=path)
    return render(made, kit)


def crossfade(
    instrument: PatternInstrument, start: Pattern, goal: Pattern, measures: int, ends: Ends, tempo_bpm: float, kit: Kit
) -> np.ndarray:
    """An equal-power crossfade of the same length, between the patterns themselves or their reconstructions: mono float32.

    Patterns are played on the grid, whatever their timing: an interpolation has none, and its lack shall not tell the two apart.
    """
    if ends == "reconstructions":
        start, goal = instrument.reconstruct([start, goal])
    start, goal = (
        Pattern.from_grid(instrument.grid(each), drum_map=instrument.drum_map, tempo_bpm=tempo_bpm) for each in (start, goal)
    )
    return render_crossfade(start, goal, measures, kit)


def performance(instrument: PatternInstrument, measures: int, tempo_bpm: float) -> Pattern:
    """An autonomous drummer's performance, one turn of the swirl, as one long pattern on toms; nothing is humanised.

    Raises:
      InputError: the instrument has other lanes than the TR-808's six, or measures of other than 4 bars.
    """
    if instrument.config.steps != MEASURE_STEPS:
        raise InputError(
            instrument.name,
            rule=f"a drummer of measures of {MEASURE_STEPS} steps",
            found=f"{instrument.config.steps}",
            remedy="name another --drummer",
        )
    if instrument.drum_map != TR808:
        raise InputError(
            instrument.name,
            rule="a drummer of the drum map 'tr808', whose rim shot and cowbell move to toms",
            found=repr(instrument.drum_map.name),
            remedy="name another --drummer",
        )
    played = concatenate(instrument.wander(measures, path="swirl"))
    return on_toms(replace(played, tempo_bpm=tempo_bpm))


def on_toms(pattern: Pattern) -> Pattern:
    """A pattern of the TR-808's lanes with rim shot and cowbell moved to toms."""
    return replace(pattern, drum_map=TOMS)


def segment(played: Pattern, start_bar: int, bars: int, kit: Kit) -> np.ndarray:
    """So many bars of a performance from one on: mono float32 (samples,); the last hits ring out."""
    return render(played.window(start_bar * BAR_STEPS, bars * BAR_STEPS), kit)


def window(arrays: Mapping[str, np.ndarray], number: int, genres: Sequence[str]) -> Pattern:
    """A window of prepared grooves as it was played."""
    played = Pattern.from_grid(
        arrays["velocity"][number],
        drum_map=POCKET,
        tempo_bpm=float(arrays["tempo_bpm"][number]),
        name=str(arrays["name"][number]),
        genre=genres[int(arrays["genre"][number])],
    )
    return replace(played, offset=np.where(played.hits, arrays["offset"][number], 0).astype(np.float32))


def template_of(played: Pattern, rules: TemplateRules) -> Pattern:
    """The template of a performance as a sketch: all hits alike, on the grid."""
    grid = np.asarray(template(played.velocity, rules), np.float32) * np.float32(TEMPLATE_VELOCITY)
    return Pattern.from_grid(grid, drum_map=played.drum_map, tempo_bpm=played.tempo_bpm, name=played.name, genre=played.genre)


def groove(instrument: GrooveInstrument, played: Pattern, kind: str, seed: int) -> Pattern:
    """What is heard of a performance: itself ("human"), its "template", or what the model plays on the template alone ("ai").

    The model is told the performance's genre where it knows it, and neither its touch nor its timing.

    Raises:
      InputError: a template without hits.
    """
    if kind == "human":
        heard = played
    else:
        heard = template_of(played, instrument.rules)
        heard = instrument.groove(heard, seed=seed) if kind == "ai" else heard
    return concatenate([heard] * GROOVE_TURNS)


def duration_s(steps: int, tempo_bpm: float) -> float:
    """How long a sound of so many sixteenths is: 44.65 s for 6 measures at 129 BPM, and the second in which the last hits ring."""
    return steps * 60 / tempo_bpm / STEPS_PER_QUARTER + TAIL_S


def stereo(samples: np.ndarray) -> np.ndarray:
    """(samples,) → (samples, 2), both channels alike."""
    return np.repeat(samples[:, None], 2, axis=1)


def level(samples: np.ndarray, sample_rate_hz: int) -> Level:
    """Measures a sound, float32 (samples, channels)."""
    return Level(
        integrated_loudness(samples, sample_rate_hz),
        decibels(float(peak(samples, axis=None))),
        decibels(math.sqrt(np.mean(np.square(samples), dtype=np.float64))),
        len(samples) / sample_rate_hz,
    )


def common_loudness(levels: Iterable[Level], wanted_lufs: float) -> float:
    """The loudness that all of these sounds can have: the wanted one, or less where one of them would peak above −1 dBFS.

    In whole tenths of a decibel.
    """
    room = min((each.loudness_lufs - each.peak_dbfs + decibels(CEILING) for each in levels), default=math.inf)
    return math.floor(10 * min(wanted_lufs, room)) / 10


def at_loudness(samples: np.ndarray, measured: Level, loudness_lufs: float) -> np.ndarray:
    """A sound scaled from the loudness it was measured at to another: float32."""
    return (samples * 10 ** ((loudness_lufs - measured.loudness_lufs) / 20)).astype(np.float32)


def measure_levels(samples: np.ndarray, sample_rate_hz: int, parts: int) -> Sequence[float]:
    """The RMS in dBFS of so many equal parts of a sound's body, the tail left out: how its level runs, for the key."""
    body = len(samples) - round(TAIL_S * sample_rate_hz)
    edges = [body * i // parts for i in range(parts + 1)]
    return [decibels(math.sqrt(np.square(samples[a:b].astype(np.float64)).mean())) for a, b in itertools.pairwise(edges)]
