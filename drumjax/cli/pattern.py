"""`drumjax pattern …`: thin doors on the pattern instrument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drumjax.cli.arguments import (
    Generating,
    Goal,
    Start,
    check_destinations,
    check_patterns,
    destination,
    load_instrument,
    load_kit,
    load_pattern,
    parse,
    recorded,
    say,
    warnings_said,
    with_tempo,
    write_patterns,
    write_picture,
    write_sound,
)
from drumjax.patterns import Pattern
from drumjax.signal.rendering import render, render_crossfade

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.signal.rendering import Kit


@dataclass(frozen=True)
class Interpolate(Generating):
    """Drum patterns that lead from a start to a goal through the model's space of codes.

    A pattern is a MIDI file, a grid file (.json, .csv), FILE#k for its k-th window of 4 bars (from 0, silent ones
    count; without #k the first with hits), or embedded:GENRE[#k].

    examples:
      drumjax pattern interpolate a.mid b.mid -o out.mid
      drumjax pattern interpolate a.mid b.mid#2 --measures 12 --path lerp -o out.mid --wav out.wav --plot out.png
      drumjax pattern interpolate embedded:electro embedded:techno#3 --kit my_kit/ --wav out.wav
    """

    start: Start
    """The pattern to begin with."""
    goal: Goal
    """The pattern to end with."""
    measures: int = 6
    """Number of patterns of 4 bars, both ends included."""
    path: Literal["slerp", "lerp"] = "slerp"
    """Spherical (the paper's choice) or linear interpolation of the codes."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""
    seed: int | None = None
    """Written into the provenance where given; interpolating draws nothing at random."""


@dataclass(frozen=True)
class Crossfade(Generating):
    """The baseline: one pattern faded into another; MIDI linear in velocity, sound with equal power.

    examples:
      drumjax pattern crossfade a.mid b.mid --measures 6 -o fade.mid --wav fade.wav
      drumjax pattern crossfade embedded:idm embedded:electro --plot fade.png
    """

    start: Start
    """The pattern to begin with."""
    goal: Goal
    """The pattern to end with."""
    measures: int = 6
    """Number of patterns of 4 bars, both ends included."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""
    seed: int | None = None
    """Written into the provenance where given; a crossfade draws nothing at random."""


@dataclass(frozen=True)
class Sample(Generating):
    """New drum patterns, decoded from codes drawn from the model's prior.

    examples:
      drumjax pattern sample -o new.mid --wav new.wav
      drumjax pattern sample --measures 16 --seed 7 -o folder/ --plot sheet.png
    """

    measures: int = 1
    """Number of patterns of 4 bars."""
    seed: int = 0
    """The same seed gives the same patterns."""


def _kit(call: Generating, instrument: PatternInstrument) -> Kit | None:
    """The sounds for `--wav`, None without it."""
    return None if call.wav is None else load_kit(call.kit, instrument.drum_map)


def _opened(call: Interpolate | Crossfade) -> tuple[PatternInstrument, Kit | None, Pattern, Pattern]:
    """The instrument, the sounds, and the two ends; whatever is wrong with the call is found before the model is loaded."""
    check_destinations(call, call.start, call.goal, measures=call.measures)
    check_patterns(call.start, call.goal)
    instrument = load_instrument(call.model)
    kit, steps = _kit(call, instrument), instrument.config.steps
    start = load_pattern(call.start, instrument.drum_map, steps=steps, channel=call.channel)
    goal = load_pattern(call.goal, instrument.drum_map, steps=steps, channel=call.channel)
    (start,) = with_tempo([start], call.tempo_bpm)
    return instrument, kit, start, goal


def _deliver(
    call: Generating,
    patterns: Sequence[Pattern],
    kit: Kit | None,
    sound: Callable[[Kit], np.ndarray],
    picture: Callable[[], Figure],
) -> int:
    """Writes what the call asks for, and says so; sound and picture are made only where they are wanted."""
    say(*write_patterns(patterns, destination(call)))
    if call.wav is not None and kit is not None:
        with warnings_said():
            samples = sound(kit)
        say(write_sound(samples, call.wav, patterns[0].provenance, kit))
    if call.plot is not None:
        say(write_picture(picture(), call.plot))
    return 0


def _side_by_side(composed: Sequence[Pattern], faded: Sequence[Pattern]) -> Figure:
    from drumjax.plots import interpolation_beside_crossfade

    return interpolation_beside_crossfade(composed, faded)


def interpolate(arguments: list[str], prog: str) -> int:
    """`drumjax pattern interpolate`."""
    call = parse(Interpolate, arguments, prog)
    instrument, kit, start, goal = _opened(call)
    steps = call.measures - 1
    made = instrument.interpolate(start, goal, steps, path=call.path)
    patterns = recorded(made, seed=call.seed, tempo_bpm=call.tempo_bpm, channel=call.channel)
    return _deliver(
        call,
        patterns,
        kit,
        sound=lambda kit: render(patterns, kit),
        picture=lambda: _side_by_side(patterns, instrument.crossfade(start, goal, steps)),
    )


def crossfade(arguments: list[str], prog: str) -> int:
    """`drumjax pattern crossfade`."""
    call = parse(Crossfade, arguments, prog)
    instrument, kit, start, goal = _opened(call)
    steps = call.measures - 1
    made = instrument.crossfade(start, goal, steps)
    patterns = recorded(made, seed=call.seed, tempo_bpm=call.tempo_bpm, channel=call.channel)
    return _deliver(
        call,
        patterns,
        kit,
        sound=lambda kit: render_crossfade(start, goal, call.measures, kit),
        picture=lambda: _side_by_side(instrument.interpolate(start, goal, steps), patterns),
    )


def sample(arguments: list[str], prog: str) -> int:
    """`drumjax pattern sample`."""
    call = parse(Sample, arguments, prog)
    check_destinations(call, measures=call.measures)
    instrument = load_instrument(call.model)
    kit = _kit(call, instrument)
    made = with_tempo(instrument.sample(call.measures, seed=call.seed), call.tempo_bpm)
    patterns = recorded(made, tempo_bpm=call.tempo_bpm)

    def picture() -> Figure:
        from drumjax.plots import pattern_sheet

        return pattern_sheet(patterns)

    return _deliver(call, patterns, kit, sound=lambda kit: render(patterns, kit), picture=picture)
