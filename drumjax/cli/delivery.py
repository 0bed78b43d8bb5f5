"""How the verbs that write music deliver what they made, and how `drumjax again` makes one of their files anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from drumjax.boundary import InputError
from drumjax.cli.arguments import (
    Writing,
    check_options,
    destination,
    load_kit,
    parse,
    parse_reference,
    say,
    warnings_said,
    write_patterns,
    write_picture,
    write_sound,
)
from drumjax.cli.recall import Recall, Write, check_inputs, check_made, find_kit, parts
from drumjax.patterns import Pattern, concatenate
from drumjax.provenance import Named, joined
from drumjax.signal.audio_file import write_audio
from drumjax.signal.rendering import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from drumjax.signal.rendering import Kit

MOST_SOUND_S = 3 * 3600
"""Seconds of a sound: three hours are 2 GB while they are mixed, and a WAV file ends at 4 GB."""
Call = TypeVar("Call", bound=Writing)


class Made(NamedTuple):
    """What a verb made, before anything is written.

    Attributes:
      patterns: one a measure, each with its provenance; at least one.
      sound: renders them with a kit, float32 (samples,) in [-1, 1] at the kit's rate.
      picture: draws them.
      takes: how many takes of each sound the kit is to have.
    """

    patterns: Sequence[Pattern]
    sound: Callable[[Kit], np.ndarray]
    picture: Callable[[], Figure]
    takes: int = 1


def sheet(patterns: Sequence[Pattern]) -> Figure:
    from drumjax.plots import pattern_sheet

    return pattern_sheet(patterns)


def seeded(patterns: Sequence[Pattern], seed: int | None) -> list[Pattern]:
    """The patterns of a verb that draws nothing at random, the seed in their provenance where the user gave one all the same."""
    if seed is None:
        return list(patterns)
    return [replace(pattern, provenance={**(pattern.provenance or {}), "seed": seed}) for pattern in patterns]


def run(call_type: type[Call], make: Callable[[Call], Made], arguments: list[str], prog: str) -> int:
    """Reads a verb's arguments, makes what they ask for, writes it where they say, and says so.

    Sound and picture are made only where they are wanted, and nothing is written before all that goes in has been read.
    """
    call = parse(call_type, arguments, prog)
    check_options(call)
    made = make(call)
    if call.wav is not None and (seconds := sum(pattern.duration_s for pattern in made.patterns)) > MOST_SOUND_S:
        rule, remedy = f"at most {MOST_SOUND_S / 3600:g} hours of sound", "ask for fewer measures or a faster tempo"
        raise InputError(call.wav, rule=rule, found=f"{seconds / 3600:.1f} hours", remedy=remedy)
    kit = None if call.wav is None else load_kit(call.kit, made.patterns[0].drum_map, takes=made.takes)
    say(*write_patterns(made.patterns, destination(call)))
    if call.wav is not None and kit is not None:
        with warnings_said():
            samples = made.sound(kit)
        origin = joined([pattern.provenance for pattern in made.patterns])
        say(write_sound(samples, call.wav, origin, kit))
    if call.plot is not None:
        say(write_picture(made.picture(), call.plot))
    return 0


def remake(recall: Recall, made: Made, kit: Named | None) -> Write:
    """What writes a file once more: its part of what its call made, as patterns or as sound."""
    check_made(recall, joined([pattern.provenance for pattern in made.patterns]) or {"inputs": []})
    chosen = parts(recall, made.patterns)
    if recall.sound is None:
        whole = replace(concatenate(chosen), provenance=recall.origin)
        return whole.save
    sounds = find_kit(recall, kit, chosen[0].drum_map, recall.sound.sample_rate_hz, made.takes)
    # A part's sound was rendered from its patterns alone, whatever the whole sounds like.
    samples = made.sound(sounds) if len(chosen) == len(made.patterns) else render(chosen, sounds)
    return lambda place: write_audio(place, samples, sounds.sample_rate_hz, recall.origin)


def kit_entry(recall: Recall, patterns: int) -> Named | None:
    """The record's kit, which stands behind the patterns that went in; None where there is none.

    Raises:
      InputError: more or fewer inputs than so many patterns and, of a sound, a kit.
    """
    check_inputs(recall, patterns, patterns + (recall.sound is not None))
    return recall.record.inputs[patterns] if len(recall.record.inputs) > patterns else None


def checked(recall: Recall, call: Call) -> Call:
    """The call; where its own check refuses it, the file is at fault and not an option."""
    try:
        call.check()
    except InputError as error:
        rule = f"{error.rule} as {error.path.removeprefix('--').replace('-', '_')!r} in its provenance"
        raise recall.fault(rule, error.found, "get the file again from where it was made") from None
    return call


def name_then(pattern: Pattern, entry: Named, found: str) -> str:
    """A file's name is its pattern's, and stays so in what is made of it: it may have another now."""
    return Path(parse_reference(entry.name)[0]).stem if pattern.name == Path(parse_reference(found)[0]).stem else pattern.name
