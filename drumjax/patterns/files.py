"""Pattern files of any kind: MIDI or step grids, whole or cut into windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from drumjax.boundary import InputError, describe, file_sha256, read_head
from drumjax.patterns.drum_map import TR808, DrumMap
from drumjax.patterns.grid_files import read_grid_file
from drumjax.patterns.midi import MidiReport, read_midi_pattern, require_metre
from drumjax.patterns.pattern import MEASURE_STEPS, Pattern
from drumjax.patterns.windows import windows

MIDI_SUFFIXES = (".mid", ".midi")
GRID_SUFFIXES = (".json", ".csv")


class FilePatterns(NamedTuple):
    """The patterns of a file.

    Attributes:
      patterns: the accepted ones.
      faults: an error for each rejected one.
      report: what a MIDI file held and what was chosen; None for step grids.
    """

    patterns: list[Pattern]
    faults: list[InputError]
    report: MidiReport | None


def read_file_patterns(path: str | PathLike[str], *, drum_map: DrumMap = TR808, channel: int | None = None) -> FilePatterns:
    """As `read_patterns`, with what was chosen and what is not heard of a MIDI file."""
    return FilePatterns(*_read(path, drum_map, channel))


def read_patterns(
    path: str | PathLike[str], *, drum_map: DrumMap = TR808, channel: int | None = None
) -> tuple[list[Pattern], list[InputError]]:
    """The patterns of a file at their full lengths: one of a MIDI file, all of a step-grid file.

    The suffix says which it is, or where it is none of theirs, the content.

    Args:
      path: a .mid, .midi, .json or .csv file, or one with such content.
      drum_map: which pitches or rows fall on which lane.
      channel: 1 to 16, for MIDI files; by default as in `read_midi_pattern`.

    Returns:
      The accepted patterns, and an error for each rejected one.

    Raises:
      InputError: when the file itself cannot be read, or a MIDI file holds no note of the drum map.
    """
    accepted, rejected, _ = _read(path, drum_map, channel)
    return accepted, rejected


def _read(
    path: str | PathLike[str], drum_map: DrumMap, channel: int | None
) -> tuple[list[Pattern], list[InputError], MidiReport | None]:
    suffix = Path(path).suffix.lower()
    if suffix not in MIDI_SUFFIXES + GRID_SUFFIXES:
        content = describe(read_head(path, what="a pattern file (.mid, .midi, .json, .csv)"))
        suffix = {"a MIDI file": ".mid", "JSON text": ".json"}.get(content, "")
        if not suffix:
            raise InputError(
                path, rule="a pattern file (.mid, .midi, .json, .csv)", found=content, remedy="name a MIDI or step-grid file"
            )
    if suffix in MIDI_SUFFIXES:
        pattern, report = read_midi_pattern(path, drum_map=drum_map, channel=channel)
        return [pattern], [], report
    accepted, rejected = read_grid_file(path, drum_map=drum_map)
    return [entry.pattern for entry in accepted], rejected, None


class FileWindows(NamedTuple):
    """The windows of a file.

    Attributes:
      windows: those that hold a hit, by their number: `FILE#k` of the command line is number k.
      total: how many windows there are, silent ones too; numbers run from 0 through all of them, in the file's order.
      report: what a MIDI file held and what was chosen; None for step grids.
    """

    windows: Mapping[int, Pattern]
    total: int
    report: MidiReport | None


def read_windows(path: str | PathLike[str], **options: Any) -> list[Pattern]:
    """The windows of a file that hold a hit, in the file's order; arguments and errors are those of `read_file_windows`."""
    return list(read_file_windows(path, **options).windows.values())


def read_file_windows(
    path: str | PathLike[str],
    *,
    drum_map: DrumMap = TR808,
    steps: int = MEASURE_STEPS,
    channel: int | None = None,
    metre: tuple[int, int] = (4, 4),
) -> FileWindows:
    """The windows of a file's patterns of one metre, by number.

    A song that is silent for its first four bars begins with window 1. Remainders, and patterns that cannot be read, are of another
    metre or cannot be cut into windows are passed over and not counted. Window k has the provenance `{"path": "FILE#k", "sha256"}`,
    window 0 "FILE" alone, whatever the file itself says of where its patterns came from; and `channel`, where it was given.

    Args:
      path: as for `read_patterns`.
      drum_map: likewise.
      steps: the length of a window.
      channel: as for `read_patterns`.
      metre: of the patterns that are taken.

    Raises:
      InputError: when not one window with a hit is left; it is the first pattern's fault.
    """
    patterns, faults, report = _read(path, drum_map, channel)
    found: dict[int, Pattern] = {}
    origin = {"sha256": file_sha256(path)} | ({} if channel is None or report is None else {"channel": channel})
    count = 0
    for pattern in patterns:
        try:
            require_metre(pattern, metre, path)
            cut, rest = windows(pattern, steps, path=path)
        except InputError as error:
            faults.append(error)
            continue
        for k, window in zip(rest.numbers, cut, strict=True):
            named = {"path": f"{path}#{count + k}" if count + k else str(path)}
            found[count + k] = replace(window, provenance=named | origin)
        count += len(cut) + rest.empty
    if not found:
        raise (
            faults[0]
            if faults
            else InputError(path, rule=f"hits in a whole window of {steps} steps", found="none", remedy="name a longer file")
        )
    return FileWindows(found, count, report)
