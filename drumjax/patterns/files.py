"""Pattern files of any kind: MIDI or step grids, whole or cut into windows."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

from drumjax.boundary import InputError, describe, read_head
from drumjax.patterns.drum_map import TR808, DrumMap
from drumjax.patterns.grid_files import read_grid_file
from drumjax.patterns.midi import read_midi_pattern, require_metre
from drumjax.patterns.pattern import MEASURE_STEPS, Pattern
from drumjax.patterns.windows import windows

MIDI_SUFFIXES = (".mid", ".midi")
GRID_SUFFIXES = (".json", ".csv")


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
    suffix = Path(path).suffix.lower()
    if suffix not in MIDI_SUFFIXES + GRID_SUFFIXES:
        content = describe(read_head(path, what="a pattern file (.mid, .midi, .json, .csv)"))
        suffix = {"a MIDI file": ".mid", "JSON text": ".json"}.get(content, "")
        if not suffix:
            raise InputError(
                path, rule="a pattern file (.mid, .midi, .json, .csv)", found=content, remedy="name a MIDI or step-grid file"
            )
    if suffix in MIDI_SUFFIXES:
        return [read_midi_pattern(path, drum_map=drum_map, channel=channel)[0]], []
    accepted, rejected = read_grid_file(path, drum_map=drum_map)
    return [entry.pattern for entry in accepted], rejected


def read_windows(
    path: str | PathLike[str],
    *,
    drum_map: DrumMap = TR808,
    steps: int = MEASURE_STEPS,
    channel: int | None = None,
    metre: tuple[int, int] = (4, 4),
) -> list[Pattern]:
    """The windows of a file's patterns of one metre, in the file's order: `FILE#k` of the command line is number k, from 0.

    Windows without a hit, remainders, and patterns that cannot be read, are of another metre or cannot be cut into windows are
    passed over. The provenance of window k is `{"path": "FILE#k", "sha256"}` ("FILE" alone for window 0).

    Raises:
      InputError: when not one window is left; it is the first pattern's fault.
    """
    patterns, faults = read_patterns(path, drum_map=drum_map, channel=channel)
    found: list[Pattern] = []
    for pattern in patterns:
        try:
            require_metre(pattern, metre, path)
            found += windows(pattern, steps, path=path)[0]
        except InputError as error:
            faults.append(error)
    if not found:
        raise (
            faults[0]
            if faults
            else InputError(path, rule=f"hits in a whole window of {steps} steps", found="none", remedy="name a longer file")
        )
    return [
        window if k == 0 or "path" not in (window.provenance or ()) else replace(window, provenance=_numbered(window, path, k))
        for k, window in enumerate(found)
    ]


def _numbered(window: Pattern, path: str | PathLike[str], k: int) -> dict:
    return {**(window.provenance or {}), "path": f"{path}#{k}"}
