"""Small folders of patterns, written with mido and json alone: the library's own writers are not asked about its readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mido
import pytest

PITCHES = {"BD": 36, "SD": 38, "CH": 42, "OH": 46, "RS": 37, "CB": 56}
TICKS = 24
"""A 16th at 96 ticks a quarter."""

MidiWriter = Callable[..., Path]
GridWriter = Callable[..., Path]


@pytest.fixture
def midi(tmp_path: Path) -> MidiWriter:
    """Writes `{(step, lane or pitch): velocity}` as a MIDI file of `steps` 16ths below the test's folder."""

    def write(
        name: str, notes: Mapping[tuple[int, str | int], int], steps: int = 64, metre: tuple[int, int] = (4, 4), channel: int = 9
    ) -> Path:
        track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])])
        now = 0
        for (step, lane), velocity in sorted(notes.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            pitch = PITCHES[lane] if isinstance(lane, str) else lane
            track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=step * TICKS - now))
            now = step * TICKS
        track.append(mido.MetaMessage("end_of_track", time=steps * TICKS - now))
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mido.MidiFile(type=0, ticks_per_beat=4 * TICKS, tracks=[track]).save(path)
        return path

    return write


@pytest.fixture
def grid(tmp_path: Path) -> GridWriter:
    """Writes patterns (`{"tracks": …}` and more) as a step-grid JSON file below the test's folder."""

    def write(name: str, patterns: Sequence[Mapping[str, Any]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"patterns": list(patterns)}))
        return path

    return write


@pytest.fixture
def small_folder(midi: MidiWriter, tmp_path: Path) -> Path:
    """Twenty MIDI files of two genres, one to three different windows each: 39 patterns."""
    for i in range(20):
        windows = 1 + i % 3
        # The window's number in a pitch of its own and the file's in the place of a second hit: no two are alike.
        notes = {(64 * w, "BD"): 100 for w in range(windows)} | {(64 * w + 1 + i, "SD"): 40 + w for w in range(windows)}
        midi(f"source/{'Techno' if i % 2 else 'IDM'}/{i:02}.mid", notes, steps=64 * windows)
    return tmp_path / "source"
