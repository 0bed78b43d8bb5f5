"""`drumjax groove …`: thin doors on the groove instrument.

A verb is a dataclass of its call and a function from the call to what was made, which writes nothing; the delivery is that of
`drumjax pattern`. How `drumjax again` makes a file anew says `drumjax.cli.groove_again`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, Suppress, arg

from drumjax.boundary import InputError
from drumjax.cli.arguments import HUMAN_TAKES, Channelled, Writing, check_patterns, parse_reference, read_whole
from drumjax.cli.delivery import Made, run
from drumjax.instruments.groove_outlines import read_accents, read_feel
from drumjax.patterns import BUILT_IN, GM, MIDI_SUFFIXES, PAPER_TEMPO_BPM, POCKET, TR808, Pattern, read_midi_pattern
from drumjax.patterns.midi import DRUM_CHANNEL
from drumjax.signal.rendering import render

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from drumjax.instruments.groove import GrooveInstrument

WINDOW = 32
"""Steps of `FILE#k`: a groove is two bars."""
MOST_PICTURED, MOST_GROOVES = 128, 8
"""Steps of a pattern on a sheet, and grooves."""


@dataclass(frozen=True, kw_only=True)
class Grooving(Writing):
    """The options of every verb that plays a model of grooves."""

    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """A .mid or .json file, or a folder for one file a groove: a name without a suffix, or with a stroke at its end. Default: the
    verb's name with .mid; with --wav or --plot no such file."""
    model: str = "pocketvae"
    """A shipped model's name (see 'drumjax models list') or the folder of one that you trained or packed."""
    genre: str | None = None
    """A genre that the model knows, by any of its names, or a mix such as jazz=.7,funk=.3."""
    feel: str | None = None
    """Outline of the timing: push, on or laid_back; or drawn, a letter p, o or l a step, repeated. Needs control patterns."""
    accents: str | None = None
    """Outline of the cymbals' loudness, drawn: a digit 0 to 9 a step, repeated, such as 9353. Needs control patterns."""
    takes: int = HUMAN_TAKES
    """Takes of each drum that its hits go round in sound, 1 to 8; of a kit's folder as many as it has."""
    seed: int = 0
    """The same seed plays the same."""

    @property
    def folders(self) -> tuple[Any, ...]:
        return self.kit, self.model

    @property
    def shares(self) -> tuple[str, ...]:
        """The numbers from 0 to 1 among the options."""
        return ()

    def check(self) -> None:
        from drumjax.instruments.groove import MOST_TEMPERATURE
        from drumjax.synth.tr808 import MOST_TAKES

        super().check()
        numbers = [("takes", 1, MOST_TAKES), ("temperature", 0, MOST_TEMPERATURE), *((name, 0, 1) for name in self.shares)]
        for name, least, most in numbers:
            value = getattr(self, name, least)
            if not least <= value <= most:
                option, remedy = f"--{name.replace('_', '-')}", "choose a number in that range"
                raise InputError(option, rule=f"{least} to {most:g}", found=f"{value:g}", remedy=remedy)
        for option, text, read in (("--feel", self.feel, read_feel), ("--accents", self.accents, read_accents)):
            try:
                _ = None if text is None else read(text)
            except InputError as error:
                raise InputError(option, rule=error.rule, found=error.found, remedy=error.remedy) from None


@dataclass(frozen=True, kw_only=True)
class Playing(Grooving, Channelled):
    """The options of the verbs that play a pattern of the user's."""

    pattern: Annotated[Positional[str], arg(metavar="X")]
    """The pattern: FILE (whole), FILE#k (its k-th two bars, from 0) or embedded:GENRE[#k]."""
    amount_velocity: float = 1.0
    """0 keeps your velocities, 1 takes the model's."""
    amount_timing: float = 1.0
    """0 keeps your timing, 1 takes the model's."""
    drum_map: Annotated[str | None, Suppress] = POCKET.name
    """What the notes were read as; None for `keys_of`."""
    steps: Annotated[int | None, Suppress] = None
    """The length that a record says."""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.pattern,)

    @property
    def shares(self) -> tuple[str, ...]:
        return "amount_velocity", "amount_timing"


@dataclass(frozen=True, kw_only=True)
class Noting(Playing):
    """The options of the verbs that change the notes too."""

    amount_notes: float = 1.0
    """How far the model decides on the notes: 0 leaves yours as they are, less than 1 changes those alone of which it is surer."""
    keep_notes: bool = False
    """Leave none of your notes out; others may be added."""
    notes: Literal["likely", "drawn"] = "likely"
    """Notes that are more likely than not, or drawn, as likely as the model says."""

    @property
    def shares(self) -> tuple[str, ...]:
        return *super().shares, "amount_notes"


@dataclass(frozen=True, kw_only=True)
class Apply(Noting):
    """A sketch of a beat as a drummer would play it: ghost notes and cymbals, touch and timing.

    X is any number of bars in 4/4; bars in which nothing is played stay silent. The model hears kicks, snares and an even
    cymbal of it, and plays its own on these.

    examples:
      drumjax groove apply beat.mid --genre funk -o out.mid --wav out.wav --plot out.png
      drumjax groove apply beat.mid --keep-notes --amount-timing .5 --seed 3 -o out.mid
      drumjax groove apply beat.mid --feel laid_back --accents 9353 --kit my_kit/ --wav out.wav
      drumjax groove apply embedded:techno#3 --genre jazz=.7,funk=.3 --wav out.wav
    """

    temperature: float = 1.0
    """0 for the most usual groove, 1 for what the model learned, to 10: stranger and stranger."""


@dataclass(frozen=True, kw_only=True)
class Referring(Channelled):
    """What a verb plays after; a class of its own, so that it is named before the pattern."""

    reference: Annotated[Positional[str], arg(metavar="REF")]
    """The performance whose groove is taken: FILE, FILE#k or embedded:GENRE[#k]."""


@dataclass(frozen=True, kw_only=True)
class Transfer(Noting, Referring):
    """The groove of a reference track on another beat, bar by bar.

    examples:
      drumjax groove transfer played.mid beat.mid -o out.mid --wav out.wav --plot out.png
      drumjax groove transfer embedded:funk#3 beat.mid#2 --amount-notes 0 -o out.mid
    """

    reference_drum_map: Annotated[str, Suppress] = POCKET.name
    """What the reference's notes were read as."""
    reference_steps: Annotated[int | None, Suppress] = None
    """The length that a record says of it."""
    channels: Annotated[tuple[int | None, int | None] | None, Suppress] = None
    """The channel of each, where they are not both `channel`."""

    @property
    def sources(self) -> tuple[str, ...]:
        return self.reference, self.pattern


@dataclass(frozen=True, kw_only=True)
class Humanize(Playing):
    """Your very notes with a drummer's touch and timing.

    Every note keeps its key. Drums that the model does not know stay as they are.

    examples:
      drumjax groove humanize song.mid --genre jazz -o out.mid --wav out.wav
      drumjax groove humanize beat.mid --amount-velocity 0 --feel push -o out.mid
    """

    temperature: float = 1.0
    """0 for the most usual touch and timing, 1 for what the model learned, to 10: stranger and stranger."""
    drum_map: Annotated[str | None, Suppress] = None


@dataclass(frozen=True, kw_only=True)
class Generate(Grooving):
    """New grooves of a genre, without a pattern of yours.

    examples:
      drumjax groove generate --genre funk --bars 8 -o out.mid --wav out.wav
      drumjax groove generate -n 16 --seed 7 -o grooves/ --plot sheet.png
    """

    n: Annotated[int, arg(aliases=["-n"])] = 1
    """How many grooves."""
    bars: int = 4
    """Bars of each."""
    notes: Literal["likely", "drawn"] = "likely"
    """Notes that are more likely than not, or drawn, as likely as the model says."""
    temperature: float = 1.0
    """0 for the most usual groove, 1 for what the model learned, to 10: stranger and stranger."""
    genre: str | None = None
    """A genre that the model knows, by any of its names, or a mix such as jazz=.7,funk=.3. Default: one after another."""
    tempo_bpm: float | None = None
    """Tempo in beats a minute. Default: 129."""

    @property
    def number(self) -> int:
        return self.n

    def check(self) -> None:
        from drumjax.instruments.groove import MOST_BARS, MOST_GROOVES

        super().check()
        remedy = "choose a number in that range"
        if not 1 <= self.n <= MOST_GROOVES:
            raise InputError("-n", rule=f"1 to {MOST_GROOVES:,} grooves", found=f"{self.n}", remedy=remedy)
        if not 1 <= self.bars <= MOST_BARS // self.n:
            rule = f"1 to {MOST_BARS // self.n:,} bars ({MOST_BARS:,} in all)"
            raise InputError("--bars", rule=rule, found=f"{self.bars:,}", remedy=remedy)


def load_instrument(model: str) -> GrooveInstrument:
    """The instrument of `--model`, which plays grooves."""
    from drumjax.instruments.loading import load_grooves_instrument

    return load_grooves_instrument(model)


def _read(argument: str, drum_map: str, channel: int | None, steps: int | None) -> Pattern:
    name, _ = parse_reference(argument)
    lanes = BUILT_IN[drum_map]
    if lanes is POCKET and name.removeprefix("embedded:").casefold() in _tr808_genres():
        lanes = TR808
    # Of a file that is made again it was said when it was made.
    return read_whole(argument, lanes, channel=channel, steps=steps, window=WINDOW, tell=steps is None)


def _tr808_genres() -> tuple[str, ...]:
    from drumjax.synth.grammar import GENRES

    return GENRES


def keys_of(argument: str, channel: int | None) -> str:
    """The drum map with which the notes of a file keep their keys, where nothing that the model hears is lost by it: General
    MIDI's; else the model's, as of electronic drums, whose hats have keys of their own (22 and 26)."""
    name, _ = parse_reference(argument)
    if Path(name).suffix.lower() not in MIDI_SUFFIXES:
        return POCKET.name
    _, report = read_midi_pattern(name, drum_map=POCKET, channel=channel)
    if channel is None and report.channel != DRUM_CHANNEL:
        return POCKET.name  # which decides the channel, too
    _, report = read_midi_pattern(name, drum_map=GM, channel=channel)
    return POCKET.name if report.dropped.keys() & POCKET.lane_of_pitch.keys() else GM.name


def _own(call: Playing) -> Pattern:
    channel = call.channels[1] if isinstance(call, Transfer) and call.channels is not None else call.channel
    drum_map = keys_of(call.pattern, channel) if call.drum_map is None else call.drum_map
    pattern = _read(call.pattern, drum_map, channel, call.steps)
    return pattern if call.tempo_bpm is None else replace(pattern, tempo_bpm=call.tempo_bpm)


def _shared(call: Grooving) -> dict[str, Any]:
    """What all verbs give to the instrument."""
    names = (
        "genre",
        "seed",
        "feel",
        "accents",
        "temperature",
        "notes",
        "keep_notes",
        "amount_notes",
        "amount_velocity",
        "amount_timing",
    )
    return {name: getattr(call, name) for name in names if hasattr(call, name)}


def made(call: Grooving, instrument: GrooveInstrument, patterns: Sequence[Pattern], own: Pattern | None = None) -> Made:
    """What a verb made, for its delivery; `own` is the user's pattern. The record knows of the takes."""
    told = [replace(pattern, provenance=_with_takes(pattern.provenance or {}, call.takes)) for pattern in patterns]
    return Made(told, lambda kit: render(told, kit), lambda: picture(call, instrument, told, own), call.takes)


def _with_takes(origin: Any, takes: int) -> dict[str, Any]:
    return {**origin, "parameters": {**origin["parameters"], "takes": takes}}


def picture(call: Grooving, instrument: GrooveInstrument, patterns: Sequence[Pattern], own: Pattern | None = None) -> Figure:
    """A sheet as the paper's Fig. 6: the pattern as it was written, and as it is played, with the template and the control patterns
    that were drawn. Of long patterns the first bars."""
    from drumjax.instruments.groove_outlines import accent_classes, feel_classes
    from drumjax.patterns.lanes import with_drum_map
    from drumjax.plots.grooves import Performance, groove_sheet

    def begins(pattern: Pattern) -> Pattern:
        return with_drum_map(pattern.window(0, MOST_PICTURED), instrument.drum_map)[0]

    def performance(label: str, pattern: Pattern, template: np.ndarray | None) -> Performance:
        steps = pattern.steps
        feel = None if call.feel is None else feel_classes(read_feel(call.feel), steps)
        accents = None if call.accents is None else accent_classes(read_accents(call.accents), steps)
        return Performance(label, pattern, template, accents, feel)

    if own is None:
        shown = [performance(pattern.name, begins(pattern), None) for pattern in patterns[:MOST_GROOVES]]
    else:
        template = instrument.template_of(own)[:MOST_PICTURED]
        shown = [Performance("as written", begins(own))]
        shown += [performance("as played", begins(pattern), template) for pattern in patterns]
    return groove_sheet(shown)


def make_apply(call: Apply) -> Made:
    """A sketch as a drummer would play it."""
    check_patterns(*call.sources)
    instrument, own = load_instrument(call.model), _own(call)
    return made(call, instrument, [instrument.groove(own, **_shared(call))], own)


def make_humanized(call: Humanize) -> Made:
    """The user's notes with a drummer's touch and timing."""
    check_patterns(*call.sources)
    instrument, own = load_instrument(call.model), _own(call)
    return made(call, instrument, [instrument.humanize(own, **_shared(call))], own)


def make_transfer(call: Transfer) -> Made:
    """The groove of one pattern on another."""
    check_patterns(*call.sources)
    instrument, own = load_instrument(call.model), _own(call)
    channel = call.channels[0] if call.channels is not None else call.channel
    reference = _read(call.reference, call.reference_drum_map, channel, call.reference_steps)
    return made(call, instrument, [instrument.transfer(reference, own, **_shared(call))], own)


def make_generated(call: Generate) -> Made:
    """New grooves."""
    tempo_bpm = PAPER_TEMPO_BPM if call.tempo_bpm is None else call.tempo_bpm
    instrument = load_instrument(call.model)
    return made(call, instrument, instrument.generate(n=call.n, bars=call.bars, tempo_bpm=tempo_bpm, **_shared(call)))


def apply(arguments: list[str], prog: str) -> int:
    """`drumjax groove apply`."""
    return run(Apply, make_apply, arguments, prog)


def transfer(arguments: list[str], prog: str) -> int:
    """`drumjax groove transfer`."""
    return run(Transfer, make_transfer, arguments, prog)


def generate(arguments: list[str], prog: str) -> int:
    """`drumjax groove generate`."""
    return run(Generate, make_generated, arguments, prog)


def humanize(arguments: list[str], prog: str) -> int:
    """`drumjax groove humanize`."""
    return run(Humanize, make_humanized, arguments, prog)
