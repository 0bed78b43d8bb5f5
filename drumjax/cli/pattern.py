"""`drumjax pattern …`: thin doors on the pattern instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from drumjax.cli.arguments import (
    Generating,
    load_instrument,
    load_kit,
    load_pattern,
    parse,
    say,
    with_tempo,
    write_patterns,
    write_sound,
)
from drumjax.patterns import Pattern

if TYPE_CHECKING:
    from drumjax.instruments.pattern import PatternInstrument


@dataclass(frozen=True)
class Interpolate(Generating):
    """Drum patterns that lead from a start to a goal through the model's space of codes.

    A pattern is a MIDI file, a grid file (.json, .csv), FILE#k for the k-th window of 4 bars (from 0), or embedded:GENRE[#k].

    examples:
      drumjax pattern interpolate a.mid b.mid -o out.mid
      drumjax pattern interpolate a.mid b.mid#2 --measures 12 --path lerp -o out.mid --wav out.wav --plot out.png
      drumjax pattern interpolate embedded:electro embedded:techno#3 --kit my_kit/ --wav out.wav
    """

    start: Positional[str]
    """The pattern to begin with."""
    goal: Positional[str]
    """The pattern to end with."""
    measures: int = 6
    """Number of patterns of 4 bars, both ends included."""
    path: Literal["slerp", "lerp"] = "slerp"
    """Spherical (the paper's choice) or linear interpolation of the codes."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""
    seed: int = 0
    """Written into the provenance; interpolating draws nothing at random."""


@dataclass(frozen=True)
class Crossfade(Generating):
    """The baseline: one pattern faded into another; MIDI linear in velocity, sound with equal power.

    examples:
      drumjax pattern crossfade a.mid b.mid --measures 6 -o fade.mid --wav fade.wav
      drumjax pattern crossfade embedded:idm embedded:electro --plot fade.png
    """

    start: Positional[str]
    """The pattern to begin with."""
    goal: Positional[str]
    """The pattern to end with."""
    measures: int = 6
    """Number of patterns of 4 bars, both ends included."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""
    seed: int = 0
    """Written into the provenance; a crossfade draws nothing at random."""


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


def _deliver(call: Generating, patterns: Sequence[Pattern], default: str) -> None:
    """Writes the MIDI files, and says so."""
    say(*write_patterns(patterns, call.output or Path(default)))


def _render(call: Generating, instrument: PatternInstrument, patterns: Sequence[Pattern]) -> None:
    if call.wav is None:
        return
    from drumjax.signal.rendering import render

    kit = load_kit(call.kit, instrument.drum_map)
    say(write_sound(render(patterns, kit), call.wav, patterns[0].provenance, kit.sample_rate_hz))


def _ends(call: Interpolate | Crossfade, instrument: PatternInstrument) -> tuple[Pattern, Pattern]:
    steps = instrument.config.steps
    start = load_pattern(call.start, instrument.drum_map, steps=steps, channel=call.channel)
    goal = load_pattern(call.goal, instrument.drum_map, steps=steps, channel=call.channel)
    (start,) = with_tempo([start], call.tempo_bpm)
    return start, goal


def _plot_both(call: Generating, interpolation: Sequence[Pattern], crossfade: Sequence[Pattern]) -> None:
    if call.plot is None:
        return
    import drumjax.plots as plots

    plots.save(plots.interpolation_beside_crossfade(interpolation, crossfade), call.plot)
    say(call.plot)


def interpolate(arguments: list[str], prog: str) -> int:
    """`drumjax pattern interpolate`."""
    call = parse(Interpolate, arguments, prog)
    instrument = load_instrument(call.model)
    start, goal = _ends(call, instrument)
    patterns = instrument.interpolate(start, goal, call.measures - 1, path=call.path)
    _deliver(call, patterns, "interpolate.mid")
    _render(call, instrument, patterns)
    _plot_both(call, patterns, instrument.crossfade(start, goal, call.measures - 1))
    return 0


def crossfade(arguments: list[str], prog: str) -> int:
    """`drumjax pattern crossfade`."""
    call = parse(Crossfade, arguments, prog)
    instrument = load_instrument(call.model)
    start, goal = _ends(call, instrument)
    patterns = instrument.crossfade(start, goal, call.measures - 1)
    _deliver(call, patterns, "crossfade.mid")
    if call.wav is not None:
        from drumjax.signal.rendering import render_crossfade

        kit = load_kit(call.kit, instrument.drum_map)
        samples = render_crossfade(start, goal, call.measures, kit)
        say(write_sound(samples, call.wav, patterns[0].provenance, kit.sample_rate_hz))
    _plot_both(call, instrument.interpolate(start, goal, call.measures - 1), patterns)
    return 0


def sample(arguments: list[str], prog: str) -> int:
    """`drumjax pattern sample`."""
    call = parse(Sample, arguments, prog)
    instrument = load_instrument(call.model)
    patterns = with_tempo(instrument.sample(call.measures, seed=call.seed), call.tempo_bpm)
    _deliver(call, patterns, "sample.mid")
    _render(call, instrument, patterns)
    if call.plot is not None:
        import drumjax.plots as plots

        plots.save(plots.pattern_sheet(patterns), call.plot)
        say(call.plot)
    return 0
