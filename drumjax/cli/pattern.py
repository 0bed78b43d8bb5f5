"""`drumjax pattern …`: thin doors on the pattern instrument.

A verb is a dataclass of its call and a function `make_…` from the call to what was made, which writes nothing. One delivery serves
all verbs, and `drumjax again` makes a file anew with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from tyro.conf import Positional, Suppress, arg

from drumjax.boundary import STEPS, InputError
from drumjax.cli.arguments import (
    Generating,
    Goal,
    Playing,
    Reading,
    Start,
    check_patterns,
    load_instrument,
    load_pattern,
    parse_reference,
    read_whole,
)
from drumjax.cli.delivery import Made, checked, kit_entry, name_then, remake, run, seeded, sheet
from drumjax.cli.recall import Recall, Write, find_model, find_pattern, rebuild
from drumjax.patterns import (
    BUILT_IN,
    GM,
    PAPER_TEMPO_BPM,
    STEPS_PER_QUARTER,
    TR808,
    DrumMap,
    Pattern,
)
from drumjax.patterns.humanize import MOST_STEPS, humanize_all
from drumjax.signal.rendering import render, render_between

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from drumjax.instruments.pattern import PatternInstrument

CURVE_POINTS = 12
"""Between two measures of a pictured path."""
HUMANIZE = ("humanize_seed", "humanize_velocity", "humanize_timing_ms", "humanize_takes")
"""What a record says of a call that was humanised."""
MOST_PICTURED = 32
"""Lines of four bars on the sheet of a long pattern."""
Call = TypeVar("Call", bound=Playing)
Lead = TypeVar("Lead", bound="Leading")


@dataclass(frozen=True, kw_only=True)
class Leading(Generating, Reading):
    """The options of the verbs that lead from one pattern to another."""

    start: Start
    """The pattern to begin with."""
    goal: Goal
    """The pattern to end with."""
    measures: int = 6
    """Number of patterns of 4 bars, both ends included."""
    seed: int | None = None
    """Written into the provenance where given; nothing is drawn at random."""
    channels: Annotated[tuple[int | None, int | None] | None, Suppress] = None
    """The channel of each end, where they are not both `channel`: in Python each file is read by itself."""

    @property
    def sources(self) -> tuple[str, ...]:
        return self.start, self.goal

    @property
    def least_measures(self) -> int:
        return 2


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


@dataclass(frozen=True)
class Wander(Generating):
    """An autonomous drummer: a performance of any length along a path through the noise of a GAN.

    The swirl is the paper's path; a performance of 128 measures, 512 bars, takes it once around. Measure k is the same
    however many there are. A VAE wanders too, in a plane of its space of codes that the seed draws.

    examples:
      drumjax pattern wander --measures 128 -o out.mid
      drumjax pattern wander --measures 16 --path walk --seed 7 --humanize -o out.mid --wav out.wav --plot out.png
      drumjax pattern wander --measures 32 --path circle --turn 8 --tempo-bpm 140 --wav out.flac
    """

    model: str = "pattern-gan"
    """A shipped model's name (see 'drumjax models list') or the folder of one that you trained."""
    measures: int = 128
    """Number of patterns of 4 bars."""
    path: Literal["swirl", "circle", "walk", "straight"] = "swirl"
    """The paper's swirl (eq. 8), a circle, a smooth random walk, or to and fro on a straight line."""
    turn: float | None = None
    """Measures of a turn, 2 to 65,536: the fewer, the larger the steps. Default: 128 of the swirl, 16 of the circle and the line.
    The walk has none."""
    seed: int = 0
    """Of the walk, of the straight line's direction, and of the plane in a model with more than two dimensions."""

    def check(self) -> None:
        super().check()
        from drumjax.patterns.wandering import turn_of

        try:
            turn_of(self.path, self.turn)
        except ValueError as error:
            rule, _, found = str(error).removeprefix("expected ").partition(", found ")
            raise InputError("--turn", rule=rule, found=found, remedy="choose another, or leave it out") from None


@dataclass(frozen=True)
class Humanize(Reading):
    """A pattern or a whole song of yours as a drummer would play it: small errors of timing and touch, the hits stay.

    FILE is read whole, at its own length, tempo and metre; FILE#k is its k-th window of 4 bars. In sound several takes of
    each drum are heard in turn.

    examples:
      drumjax pattern humanize song.mid -o human.mid
      drumjax pattern humanize a.mid#2 --humanize-timing-ms 12 --humanize-seed 3 -o out.mid --wav out.wav --plot out.png
      drumjax pattern humanize embedded:techno#3 --kit my_kit/ --wav out.wav
    """

    pattern: Annotated[Positional[str], arg(metavar="PATTERN")]
    """The pattern: FILE, FILE#k or embedded:GENRE[#k]."""
    drum_map: Literal["tr808", "pocket", "gm"] | None = None
    """What its notes are read as. Default: tr808 where that has a lane for each of them, else gm."""
    steps: Annotated[int | None, Suppress] = None
    """The length that a record says: a file was read whole, or its first window was."""
    first_step: Annotated[int, Suppress] = 0
    """How many steps came before, in Python."""

    @property
    def is_humanized(self) -> bool:
        return True

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.pattern,)


def _ends(call: Leading) -> tuple[PatternInstrument, Pattern, Pattern]:
    """The instrument and the two ends; that the ends are there is found before the model is loaded."""
    check_patterns(*call.sources)
    instrument = load_instrument(call.model)
    steps, channels = instrument.config.steps, call.channels or (call.channel, call.channel)
    start, goal = (
        load_pattern(source, instrument.drum_map, steps=steps, channel=channel)
        for source, channel in zip(call.sources, channels, strict=True)
    )
    return instrument, start if call.tempo_bpm is None else replace(start, tempo_bpm=call.tempo_bpm), goal


def _read_whole(call: Humanize) -> Pattern:
    """The pattern that a call names, whole or a window of it, by the least drum map that has all its hits."""

    def read(drum_map: DrumMap) -> Pattern:
        return read_whole(call.pattern, drum_map, channel=call.channel, steps=call.steps)

    if call.drum_map is not None:
        return read(BUILT_IN[call.drum_map])
    if parse_reference(call.pattern)[0].startswith("embedded"):
        return read(TR808)
    whole = read(GM)
    played = {GM.out_pitches[lane] for lane in np.flatnonzero(whole.hits.any(axis=0))}
    return read(TR808) if played <= TR808.lane_of_pitch.keys() else whole


def make_humanized(call: Humanize) -> Made:
    """A pattern of any length; the picture is a sheet of its first measures."""
    pattern = _read_whole(call)
    pattern = pattern if call.tempo_bpm is None else replace(pattern, tempo_bpm=call.tempo_bpm)
    patterns = _humanized(call, [pattern], call.first_step)

    def picture() -> Figure:
        bar = max(4 * STEPS_PER_QUARTER * pattern.metre[0] // pattern.metre[1], 1)
        starts = range(0, min(pattern.steps, MOST_PICTURED * 4 * bar), 4 * bar)
        return sheet([replace(patterns[0].window(first, 4 * bar), name=f"bar {first // bar + 1}") for first in starts])

    return Made(patterns, sound=lambda kit: render(patterns, kit), picture=picture, takes=_takes(call))


def _humanized(call: Playing, patterns: Sequence[Pattern], first_step: int = 0) -> list[Pattern]:
    """The patterns as a drummer would play them, where the call asks for it; provenance then says how, the kit's takes included."""
    settings = call.humanizing
    if settings is None:
        return list(patterns)
    made = humanize_all(patterns, settings.seed, velocity=settings.velocity, timing_ms=settings.timing_ms, first_step=first_step)
    return [replace(pattern, provenance=_with_takes(pattern.provenance or {}, settings.takes)) for pattern in made]


def _with_takes(origin: Mapping[str, Any], takes: int) -> dict[str, Any]:
    return {**origin, "parameters": {**origin["parameters"], "humanize_takes": takes}}


def _takes(call: Playing) -> int:
    return 1 if call.humanizing is None else call.humanizing.takes


def _side_by_side(composed: Sequence[Pattern], faded: Sequence[Pattern]) -> Figure:
    from drumjax.plots import interpolation_beside_crossfade

    return interpolation_beside_crossfade(composed, faded)


def make_interpolation(call: Interpolate) -> Made:
    """The patterns that lead from start to goal; the picture shows the crossfade above them, played alike."""
    instrument, start, goal = _ends(call)
    steps = call.measures - 1
    patterns = _humanized(call, seeded(instrument.interpolate(start, goal, steps, path=call.path), call.seed))
    return Made(
        patterns,
        sound=lambda kit: render(patterns, kit),
        picture=lambda: _side_by_side(patterns, _humanized(call, instrument.crossfade(start, goal, steps))),
        takes=_takes(call),
    )


def make_crossfade(call: Crossfade) -> Made:
    """One pattern faded into another; the sound is that of both ends, and the picture shows the interpolation below."""
    instrument, start, goal = _ends(call)
    steps = call.measures - 1
    patterns = _humanized(call, seeded(instrument.crossfade(start, goal, steps), call.seed))
    falling, rising = (
        _humanized(call, [replace(pattern, tempo_bpm=start.tempo_bpm, provenance=patterns[0].provenance)] * call.measures)
        for pattern in (start, goal)
    )
    return Made(
        patterns,
        sound=lambda kit: render_between(falling, rising, kit),
        picture=lambda: _crossfade_picture(call, instrument, start, goal, patterns),
        takes=_takes(call),
    )


def _crossfade_picture(
    call: Crossfade, instrument: PatternInstrument, start: Pattern, goal: Pattern, patterns: Sequence[Pattern]
) -> Figure:
    """With the interpolation below, played as it is; of a model that cannot interpolate, a sheet."""
    if not instrument.has_encoder:
        return sheet(patterns)
    return _side_by_side(_humanized(call, instrument.interpolate(start, goal, call.measures - 1)), patterns)


def make_samples(call: Sample) -> Made:
    """Patterns drawn from the prior; the picture is a sheet of them."""
    instrument = load_instrument(call.model)
    tempo_bpm = PAPER_TEMPO_BPM if call.tempo_bpm is None else call.tempo_bpm
    patterns = _humanized(call, instrument.sample(call.measures, seed=call.seed, tempo_bpm=tempo_bpm))
    return Made(patterns, sound=lambda kit: render(patterns, kit), picture=lambda: sheet(patterns), takes=_takes(call))


def make_wander(call: Wander) -> Made:
    """A performance; the picture shows its path through the noise beside it."""
    instrument = load_instrument(call.model)
    tempo_bpm = PAPER_TEMPO_BPM if call.tempo_bpm is None else call.tempo_bpm
    made = instrument.wander(call.measures, call.path, call.seed, turn=call.turn, tempo_bpm=tempo_bpm)
    patterns = _humanized(call, made)
    return Made(
        patterns,
        sound=lambda kit: render(patterns, kit),
        picture=lambda: _wandering(call, instrument, patterns),
        takes=_takes(call),
    )


def _wandering(call: Wander, instrument: PatternInstrument, patterns: Sequence[Pattern]) -> Figure:
    from drumjax.patterns import wandering
    from drumjax.plots import noise_path

    d, last = instrument.config.latent, call.measures - 1
    plane = wandering.plane(d, call.seed)

    def seen(at: np.ndarray) -> np.ndarray:
        return instrument.noise(at, call.path, call.seed, turn=call.turn) @ plane.T

    which = "component of the noise" if d == 2 else f"axis of the path's plane in {d} dimensions"
    return noise_path(
        seen(np.arange(call.measures)),
        seen(np.linspace(0, last, max(CURVE_POINTS * last, 1) + 1)),
        patterns,
        axis_names=(f"first {which}", f"second {which}"),
    )


def _rebuilt(recall: Recall, call_type: type[Call], must: Sequence[str], blank: Mapping[str, Any] | None = None) -> Call:
    """`rebuild`, of a call that may have been humanised; what was humanised in Python says nothing of takes, and was given none."""
    call = checked(recall, rebuild(recall, call_type, must, HUMANIZE, blank))
    return call if call.humanizing is None else replace(call, humanize_takes=call.humanize_takes or 1)


def _leading_again(recall: Recall, call_type: type[Lead], make: Callable[[Lead], Made], *must: str) -> Write:
    kit = kit_entry(recall, 2)
    call = _rebuilt(recall, call_type, must, blank={"start": "", "goal": ""})
    ends = recall.record.inputs[:2]
    start, goal = (find_pattern(recall, entry) for entry in ends)
    channels = (ends[0].channel, ends[1].channel)
    return remake(recall, make(replace(call, model=find_model(recall), start=start, goal=goal, channels=channels)), kit)


def interpolate_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `pattern interpolate`."""
    return _leading_again(recall, Interpolate, make_interpolation, "measures", "path", "tempo_bpm")


def crossfade_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `pattern crossfade`."""
    return _leading_again(recall, Crossfade, make_crossfade, "measures", "tempo_bpm")


def sample_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `pattern sample`."""
    kit = kit_entry(recall, 0)
    call = _rebuilt(recall, Sample, ("measures", "tempo_bpm"))
    return remake(recall, make_samples(replace(call, model=find_model(recall))), kit)


def wander_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `pattern wander`."""
    kit = kit_entry(recall, 0)
    call = _rebuilt(recall, Wander, ("measures", "path", "turn", "tempo_bpm"))
    return remake(recall, make_wander(replace(call, model=find_model(recall))), kit)


@dataclass(frozen=True)
class Reconstruct(Generating):
    """What a record of `PatternInstrument.reconstruct`, which is no verb of the command, holds beside its input."""


def reconstruct_again(recall: Recall) -> Write:
    """How `drumjax again` makes a file that was saved in Python after `PatternInstrument.reconstruct`."""
    kit = kit_entry(recall, 1)
    call = _rebuilt(recall, Reconstruct, ("tempo_bpm",))
    entry = recall.record.inputs[0]
    found = find_pattern(recall, entry)
    instrument = load_instrument(find_model(recall))
    pattern = load_pattern(found, instrument.drum_map, steps=instrument.config.steps, channel=entry.channel)
    named = replace(pattern, tempo_bpm=call.tempo_bpm or pattern.tempo_bpm, name=name_then(pattern, entry, found))
    patterns = _humanized(call, instrument.reconstruct([named]))
    return remake(recall, Made(patterns, lambda kit: render(patterns, kit), lambda: sheet(patterns), _takes(call)), kit)


def humanize_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `pattern humanize`."""
    kit = kit_entry(recall, 1)
    may = (*HUMANIZE, "first_step")
    call = checked(recall, rebuild(recall, Humanize, ("drum_map", "tempo_bpm", "steps"), may, blank={"pattern": ""}))
    for name, value, least, most in (("steps", call.steps, 1, STEPS), ("first_step", call.first_step, 0, MOST_STEPS)):
        if value is None or not least <= value <= most:
            remedy = "get the file again from where it was made"
            raise recall.fault(f"{name!r} from {least} to {most:,} in its provenance", f"{value}", remedy)
    entry = recall.record.inputs[0]
    found = find_pattern(recall, entry)
    made = make_humanized(replace(call, pattern=found, channel=entry.channel, humanize_takes=call.humanize_takes or 1))
    patterns = [replace(pattern, name=name_then(pattern, entry, found)) for pattern in made.patterns]
    return remake(recall, made._replace(patterns=patterns), kit)


def interpolate(arguments: list[str], prog: str) -> int:
    """`drumjax pattern interpolate`."""
    return run(Interpolate, make_interpolation, arguments, prog)


def crossfade(arguments: list[str], prog: str) -> int:
    """`drumjax pattern crossfade`."""
    return run(Crossfade, make_crossfade, arguments, prog)


def sample(arguments: list[str], prog: str) -> int:
    """`drumjax pattern sample`."""
    return run(Sample, make_samples, arguments, prog)


def wander(arguments: list[str], prog: str) -> int:
    """`drumjax pattern wander`."""
    return run(Wander, make_wander, arguments, prog)


def humanize(arguments: list[str], prog: str) -> int:
    """`drumjax pattern humanize`."""
    return run(Humanize, make_humanized, arguments, prog)
