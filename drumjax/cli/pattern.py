"""`drumjax pattern …`: thin doors on the pattern instrument.

A verb is a dataclass of its call and a function `make_…` from the call to what was made, which writes nothing. One delivery serves
all verbs, and `drumjax again` makes a file anew with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from drumjax.cli.arguments import (
    Generating,
    Goal,
    Start,
    check_options,
    check_patterns,
    destination,
    load_instrument,
    load_kit,
    load_pattern,
    parse,
    say,
    warnings_said,
    write_patterns,
    write_picture,
    write_sound,
)
from drumjax.patterns import PAPER_TEMPO_BPM, Pattern
from drumjax.provenance import joined
from drumjax.signal.rendering import render, render_crossfade

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.signal.rendering import Kit

Call = TypeVar("Call", bound=Generating)


class Made(NamedTuple):
    """What a verb made, before anything is written.

    Attributes:
      patterns: one a measure, each with its provenance; at least one.
      sound: renders them with a kit, float32 (samples,) in [-1, 1] at the kit's rate.
      picture: draws them.
    """

    patterns: Sequence[Pattern]
    sound: Callable[[Kit], np.ndarray]
    picture: Callable[[], Figure]


@dataclass(frozen=True, kw_only=True)
class Leading(Generating):
    """The options of the verbs that lead from one pattern to another."""

    start: Start
    """The pattern to begin with."""
    goal: Goal
    """The pattern to end with."""
    measures: int = 6
    """Number of patterns of 4 bars, both ends included."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""
    seed: int | None = None
    """Written into the provenance where given; nothing is drawn at random."""

    @property
    def sources(self) -> tuple[str, ...]:
        return self.start, self.goal


@dataclass(frozen=True)
class Interpolate(Leading):
    """Drum patterns that lead from a start to a goal through the model's space of codes.

    A pattern is a MIDI file, a grid file (.json, .csv), FILE#k for its k-th window of 4 bars (from 0, silent ones
    count; without #k the first with hits), or embedded:GENRE[#k].

    examples:
      drumjax pattern interpolate a.mid b.mid -o out.mid
      drumjax pattern interpolate a.mid b.mid#2 --measures 12 --path lerp -o out.mid --wav out.wav --plot out.png
      drumjax pattern interpolate embedded:electro embedded:techno#3 --kit my_kit/ --wav out.wav
    """

    path: Literal["slerp", "lerp"] = "slerp"
    """Spherical (the paper's choice) or linear interpolation of the codes."""


@dataclass(frozen=True)
class Crossfade(Leading):
    """The baseline: one pattern faded into another; MIDI linear in velocity, sound with equal power.

    examples:
      drumjax pattern crossfade a.mid b.mid --measures 6 -o fade.mid --wav fade.wav
      drumjax pattern crossfade embedded:idm embedded:electro --plot fade.png
    """


@dataclass(frozen=True)
class Sample(Generating):
    """New drum patterns, decoded from codes drawn from the model's prior.

    examples:
      drumjax pattern sample -o new.mid --wav new.wav
      drumjax pattern sample --measures 16 --seed 7 -o folder/ --plot sheet.png
    """

    seed: int = 0
    """The same seed gives the same patterns."""


def _ends(call: Leading) -> tuple[PatternInstrument, Pattern, Pattern]:
    """The instrument and the two ends; that the ends are there is found before the model is loaded."""
    check_patterns(*call.sources)
    instrument = load_instrument(call.model)
    start, goal = (
        load_pattern(source, instrument.drum_map, steps=instrument.config.steps, channel=call.channel) for source in call.sources
    )
    return instrument, start if call.tempo_bpm is None else replace(start, tempo_bpm=call.tempo_bpm), goal


def _seeded(patterns: Sequence[Pattern], seed: int | None) -> list[Pattern]:
    """The patterns of a verb that draws nothing at random, the seed in their provenance where the user gave one all the same."""
    if seed is None:
        return list(patterns)
    return [replace(pattern, provenance={**(pattern.provenance or {}), "seed": seed}) for pattern in patterns]


def _side_by_side(composed: Sequence[Pattern], faded: Sequence[Pattern]) -> Figure:
    from drumjax.plots import interpolation_beside_crossfade

    return interpolation_beside_crossfade(composed, faded)


def make_interpolation(call: Interpolate) -> Made:
    """The patterns that lead from start to goal; the picture shows the crossfade above them."""
    instrument, start, goal = _ends(call)
    steps = call.measures - 1
    patterns = _seeded(instrument.interpolate(start, goal, steps, path=call.path), call.seed)
    return Made(
        patterns,
        sound=lambda kit: render(patterns, kit),
        picture=lambda: _side_by_side(patterns, instrument.crossfade(start, goal, steps)),
    )


def make_crossfade(call: Crossfade) -> Made:
    """One pattern faded into another; the sound is that of both ends, and the picture shows the interpolation below."""
    instrument, start, goal = _ends(call)
    steps = call.measures - 1
    patterns = _seeded(instrument.crossfade(start, goal, steps), call.seed)
    return Made(
        patterns,
        sound=lambda kit: render_crossfade(start, goal, call.measures, kit),
        picture=lambda: _side_by_side(instrument.interpolate(start, goal, steps), patterns),
    )


def make_samples(call: Sample) -> Made:
    """Patterns drawn from the prior; the picture is a sheet of them."""
    instrument = load_instrument(call.model)
    tempo_bpm = PAPER_TEMPO_BPM if call.tempo_bpm is None else call.tempo_bpm
    patterns = instrument.sample(call.measures, seed=call.seed, tempo_bpm=tempo_bpm)

    def picture() -> Figure:
        from drumjax.plots import pattern_sheet

        return pattern_sheet(patterns)

    return Made(patterns, sound=lambda kit: render(patterns, kit), picture=picture)


def _run(call_type: type[Call], make: Callable[[Call], Made], arguments: list[str], prog: str) -> int:
    """Reads a verb's arguments, makes what they ask for, writes it where they say, and says so.

    Sound and picture are made only where they are wanted, and nothing is written before all that goes in has been read.
    """
    call = parse(call_type, arguments, prog)
    check_options(call)
    made = make(call)
    kit = None if call.wav is None else load_kit(call.kit, made.patterns[0].drum_map)
    say(*write_patterns(made.patterns, destination(call)))
    if call.wav is not None and kit is not None:
        with warnings_said():
            samples = made.sound(kit)
        origin = joined([pattern.provenance for pattern in made.patterns])
        say(write_sound(samples, call.wav, origin, kit))
    if call.plot is not None:
        say(write_picture(made.picture(), call.plot))
    return 0


def interpolate(arguments: list[str], prog: str) -> int:
    """`drumjax pattern interpolate`."""
    return _run(Interpolate, make_interpolation, arguments, prog)


def crossfade(arguments: list[str], prog: str) -> int:
    """`drumjax pattern crossfade`."""
    return _run(Crossfade, make_crossfade, arguments, prog)


def sample(arguments: list[str], prog: str) -> int:
    """`drumjax pattern sample`."""
    return _run(Sample, make_samples, arguments, prog)
