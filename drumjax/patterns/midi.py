"""MIDI files to patterns and back.

Reading puts every drum note on the nearest 16th and keeps what is left of its time as the offset; `Pattern` defines both. Where a
MIDI file leaves a choice (channel, tempo, metre, length), `MidiReport` says what was chosen. The choices are our decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from operator import itemgetter
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from drumjax.boundary import MIDI_NOTES, STEPS, InputError, file_sha256, read_midi, write_bytes
from drumjax.patterns.drum_map import TR808, DrumMap
from drumjax.patterns.pattern import STEPS_PER_QUARTER, Pattern
from drumjax.provenance import dumps, is_record

if TYPE_CHECKING:
    import mido

DRUM_CHANNEL = 10
"""General MIDI's channel of percussion, counted from 1 as musicians do."""
TICKS_PER_QUARTER = 480
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
NOTE_TICKS = TICKS_PER_STEP // 2
"""How long a written note lasts at most: half a step."""
DEFAULT_TEMPO_US = 500_000
"""What a MIDI file without a tempo is played at: 120 BPM (the standard)."""
MIN_TEMPO_BPM, MAX_TEMPO_BPM = 4, 1000
"""MIDI cannot hold tempi under 3.58 BPM."""
CellRule = Literal["louder", "first"]
"""Which of several notes in a cell stays."""
_LENGTH = "drumjax steps "
"""The text event that gives the length of a grid that is no whole number of bars."""


@dataclass(frozen=True)
class MidiReport:
    """What a MIDI file held and what was chosen.

    Attributes:
      path: the file.
      midi_format: 0, 1 or 2.
      tracks: how many tracks the file has.
      ticks_per_quarter: its resolution.
      channel: the channel that was read, 1 to 16.
      channel_reason: why that one.
      notes: the notes of that channel whose pitch is in the drum map.
      merged: those of them that gave way to another in the same cell, by default a louder one.
      dropped: for each pitch of the channel outside the drum map, how many notes.
      other_channels: for each other channel with notes, how many.
      tempo_changes: how often the tempo changes; the pattern has the one that is in force longest.
      metre_changes: how often the metre changes; the pattern has the one that is in force longest.
    """

    path: str
    midi_format: int
    tracks: int
    ticks_per_quarter: int
    channel: int
    channel_reason: str
    notes: int
    merged: int
    dropped: dict[int, int]
    other_channels: dict[int, int]
    tempo_changes: int
    metre_changes: int

    def lines(self) -> list[str]:
        """The report in words, one fact a line; what is as expected (channel 10, nothing lost, no changes) is left out."""
        lines = [] if self.channel == DRUM_CHANNEL else [f"channel {self.channel}: {self.channel_reason} ({self.notes} notes)"]
        if self.dropped:
            pitches = ", ".join(f"{pitch} ({count})" for pitch, count in sorted(self.dropped.items()))
            lines.append(f"{sum(self.dropped.values())} notes outside the drum map, by pitch: {pitches}")
        if self.merged:
            lines.append(f"{self.merged} notes shared a cell with a louder one")
        if self.tempo_changes:
            lines.append(f"the tempo changes {self.tempo_changes} times; the one in force longest was taken")
        if self.metre_changes:
            lines.append(f"the metre changes {self.metre_changes} times; the one in force longest was taken")
        return lines


@dataclass(frozen=True)
class _Events:
    """The events of a song, times in ticks."""

    notes: np.ndarray  # int64 (notes, 5): tick, track, channel from 0, pitch, velocity above 0
    tempi: list[tuple[int, int]]  # (tick, microseconds a quarter)
    metres: list[tuple[int, tuple[int, int]]]
    ends: list[int]  # the end of each track
    texts: list[str]


def read_midi_pattern(
    path: str | PathLike[str],
    *,
    drum_map: DrumMap = TR808,
    channel: int | None = None,
    metre: tuple[int, int] | None = None,
    cell: CellRule = "louder",
) -> tuple[Pattern, MidiReport]:
    """The drums of a MIDI file as one pattern.

    - Channel: `channel` where given; else 10 where it holds notes; else the one with the most notes of the drum map.
    - Quantising: step = ⌊t / step + 1/2⌋, offset = what is left in half steps, in [-1, 1). Two notes in a cell: the louder, of
      equals the nearer to the step, then the earlier; or the first, of equals the louder. A note-on of velocity 0 is a note-off.
    - Length: the last hit's step, or the end of the channel's tracks rounded to the nearest step, whichever is later, up to whole
      bars of the metre. A file of `write_midi` keeps its own length.
    - Tempo and metre: those in force for most of the length (120 BPM and 4/4 where the file gives none).
    - Format 2: the tracks that hold notes of the channel are successive patterns, each from a bar line on, all in the tempo and
      metre of the first.

    Args:
      path: a standard MIDI file.
      drum_map: which pitches fall on which lane.
      channel: 1 to 16.
      metre: overrides the file's.
      cell: which of several notes in a cell stays, the louder (GrooVAE) or the first (PocketVAE's public code).

    Returns:
      The pattern, its name the file's, its provenance `{"path", "sha256"}` (and `channel` where it was given), and the report.

    Raises:
      InputError: when the file is no MIDI file that can be read (`drumjax.boundary.read_midi`), or holds no note of the drum map or
        on the channel.
      ValueError: for a `metre` of other than 1 to 64 beats of 1/1 to 1/64.
    """
    if channel is not None and not 1 <= channel <= 16:
        raise InputError(path, rule="a channel from 1 to 16", found=f"channel {channel}", remedy="count channels from 1")
    if metre is not None:
        _check_metre(metre)
    song = read_midi(path)
    division = song.ticks_per_beat
    events = _events(song.tracks)
    index, reason = _choose_channel(path, events.notes, drum_map, channel)

    on_channel = events.notes[events.notes[:, 2] == index]
    tracks = sorted(set(on_channel[:, 1].tolist()))
    end = max(events.ends[track] for track in tracks)
    timing = events
    if song.type == 2:
        timing, end = _events([song.tracks[tracks[0]]]), events.ends[tracks[0]]
    tempo_us, tempo_changes = _longest(timing.tempi, end, DEFAULT_TEMPO_US)
    metre_read, metre_changes = _longest(timing.metres, end, (4, 4))
    metre = metre or metre_read
    if song.type == 2:
        on_channel, end = _one_after_another(on_channel, {track: events.ends[track] for track in tracks}, metre, division)

    lane_of = np.full(128, -1)
    for pitch, lane in drum_map.lane_of_pitch.items():
        lane_of[pitch] = lane
    lanes = lane_of[on_channel[:, 3]]
    dropped = Counter(on_channel[lanes < 0, 3].tolist())
    kept, lanes = on_channel[lanes >= 0], lanes[lanes >= 0]
    if not len(kept):
        held = ", ".join(str(pitch) for pitch in sorted(dropped))
        raise InputError(
            path,
            rule=f"notes of the drum map {drum_map.name!r}",
            found=f"none on channel {index + 1}, which holds the pitches {held}",
            remedy="name another channel or drum map",
        )

    last = int(_steps(kept[:, 0], division).max())
    steps = _length(last, end, metre, division, events.texts)
    if steps > STEPS:
        raise InputError(path, rule=f"at most {STEPS:,} sixteenths of music", found=f"{steps:,}", remedy="split the song")
    hits, velocity, offset = _grid(kept[:, 0], lanes, kept[:, 4], steps, len(drum_map.lanes), division, cell)
    pattern = Pattern(
        hits=hits,
        velocity=velocity,
        offset=offset,
        drum_map=drum_map,
        tempo_bpm=_tempo_bpm(path, tempo_us),
        metre=metre,
        name=Path(path).stem,
        provenance={"path": str(path), "sha256": file_sha256(path)} | ({} if channel is None else {"channel": channel}),
    )
    others = Counter((events.notes[events.notes[:, 2] != index, 2] + 1).tolist())
    report = MidiReport(
        path=str(path),
        midi_format=song.type,
        tracks=len(song.tracks),
        ticks_per_quarter=division,
        channel=index + 1,
        channel_reason=reason,
        notes=len(kept),
        merged=len(kept) - int(hits.sum()),
        dropped=dict(dropped),
        other_channels=dict(others),
        tempo_changes=tempo_changes,
        metre_changes=metre_changes,
    )
    return pattern, report


def _check_metre(metre: tuple[int, int]) -> None:
    if not 1 <= metre[0] <= 64 or metre[1] not in (1, 2, 4, 8, 16, 32, 64):
        raise ValueError(f"expected a metre of 1 to 64 beats of 1/1 to 1/64, found {metre[0]}/{metre[1]}")


def require_metre(pattern: Pattern, metre: tuple[int, int], path: str | PathLike[str]) -> None:
    """Refuses a pattern of another metre, for models that know one only.

    Raises:
      InputError: when the pattern's metre differs.
    """
    if pattern.metre != metre:
        raise InputError(
            path,
            rule=f"a pattern in {metre[0]}/{metre[1]}",
            found=f"{pattern.metre[0]}/{pattern.metre[1]}",
            remedy=f"name a file in {metre[0]}/{metre[1]}",
        )


def _events(tracks: Sequence[mido.MidiTrack]) -> _Events:
    notes: list[tuple[int, int, int, int, int]] = []
    tempi: list[tuple[int, int]] = []
    metres: list[tuple[int, tuple[int, int]]] = []
    ends: list[int] = []
    texts: list[str] = []
    for index, track in enumerate(tracks):
        tick = 0
        for message in track:
            tick += message.time
            kind = message.type
            if kind == "note_on":
                if message.velocity:
                    notes.append((tick, index, message.channel, message.note, message.velocity))
            elif kind == "set_tempo":
                tempi.append((tick, message.tempo))
            elif kind == "time_signature":
                metres.append((tick, (message.numerator, message.denominator)))
            elif kind == "text":
                texts.append(message.text)
        ends.append(tick)
    return _Events(
        np.array(notes, np.int64).reshape(-1, 5), sorted(tempi, key=itemgetter(0)), sorted(metres, key=itemgetter(0)), ends, texts
    )


def _choose_channel(path: str | PathLike[str], notes: np.ndarray, drum_map: DrumMap, named: int | None) -> tuple[int, str]:
    """The channel's index from 0, and why."""
    counts = np.bincount(notes[:, 2], minlength=16)
    if not counts.any():
        raise InputError(path, rule="a MIDI file with notes", found="none", remedy="check that the drum track was exported")
    if named is not None:
        if not counts[named - 1]:
            held = ", ".join(str(i + 1) for i in np.flatnonzero(counts))
            raise InputError(path, rule=f"notes on channel {named}", found=f"notes on {held}", remedy="name one of these")
        return named - 1, "as asked"
    if counts[DRUM_CHANNEL - 1]:
        return DRUM_CHANNEL - 1, "General MIDI's drum channel"
    in_map = np.isin(notes[:, 3], list(drum_map.lane_of_pitch))
    mapped = np.bincount(notes[in_map, 2], minlength=16)
    best = int(mapped.argmax()) if mapped.any() else int(counts.argmax())
    return best, f"no notes on channel {DRUM_CHANNEL}, and this one has the most pitches of the drum map"


def _longest(changes: Sequence[tuple[int, object]], end: int, default: object) -> tuple:
    """The value in force for most ticks from 0 to `end` (of equals the first), and how often the value changes on the way."""
    points = [(0, default), *changes]
    spans: dict[object, int] = {}
    previous = None
    count = 0
    for i, (tick, value) in enumerate(points):
        following = min(points[i + 1][0], end) if i + 1 < len(points) else end
        # A value that is replaced on the spot was never in force, except where the whole file has no length.
        if following <= tick and i + 1 < len(points):
            continue
        if tick >= end and previous is not None:
            break
        spans[value] = spans.get(value, 0) + max(following - tick, 0)
        count += previous is not None and value != previous
        previous = value
    return max(spans, key=lambda value: spans[value]), count


def _steps(ticks: Any, division: int) -> Any:
    """⌊t / step + 1/2⌋ of one or many whole numbers; a step is division / 4 ticks, which need not be whole."""
    return (2 * STEPS_PER_QUARTER * ticks + division) // (2 * division)


def _length(last: int, end: int, metre: tuple[int, int], division: int, texts: Sequence[str]) -> int:
    """Steps of a grid whose last hit is on step `last` and whose tracks end at tick `end`."""
    steps = max(last + 1, _steps(end, division))
    if f"{_LENGTH}{steps}" in texts:
        return steps
    bar = Fraction(4 * STEPS_PER_QUARTER * metre[0], metre[1])  # 5/32 has two steps and a half
    bars = -(-steps // bar)
    return -int(-(bars * bar) // 1)


def _one_after_another(notes: np.ndarray, ends: Mapping[int, int], metre: tuple[int, int], division: int) -> tuple[np.ndarray, int]:
    """The notes of a format 2 file with each track from the bar line on which the one before has ended, and the end of all."""
    notes = notes.copy()
    start = 0
    first = np.searchsorted(notes[:, 1], [*ends])  # they stand in the order of their tracks
    for (track, end), begin in zip(ends.items(), first.tolist(), strict=True):
        mine = slice(begin, begin + int(np.searchsorted(notes[begin:, 1], track, side="right")))
        length = _length(int(_steps(notes[mine, 0], division).max()), end, metre, division, ())
        notes[mine, 0] += start
        start += -(-length * division // STEPS_PER_QUARTER)
    return notes, start


def _grid(
    ticks: np.ndarray, lanes: np.ndarray, velocities: np.ndarray, steps: int, n_lanes: int, division: int, cell: CellRule
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(hits, velocity, offset), each (steps, n_lanes)."""
    rows = _steps(ticks, division)
    cells = rows * n_lanes + lanes
    late = STEPS_PER_QUARTER * ticks - rows * division  # in ticks / 4, which is whole
    order = np.lexsort((-velocities, ticks, cells) if cell == "first" else (ticks, np.abs(late), -velocities, cells))
    first = order[np.unique(cells[order], return_index=True)[1]]
    hits = np.zeros((steps, n_lanes), bool)
    velocity = np.zeros((steps, n_lanes), np.float32)
    offset = np.zeros((steps, n_lanes), np.float32)
    at = rows[first], lanes[first]
    hits[at] = True
    velocity[at] = velocities[first] / 127
    offset[at] = 2 * late[first] / division
    return hits, velocity, offset


def _tempo_bpm(path: str | PathLike[str], microseconds: int) -> float:
    """Quarters a minute, with as few decimals as name the same whole number of microseconds: 465,116 is 129."""
    tempo_bpm = 6e7 / microseconds
    if not MIN_TEMPO_BPM <= tempo_bpm <= MAX_TEMPO_BPM:
        raise InputError(
            path,
            rule=f"a tempo of {MIN_TEMPO_BPM} to {MAX_TEMPO_BPM:,} BPM",
            found=f"{tempo_bpm:.4g}",
            remedy="correct the tempo in your sequencer",
        )
    for decimals in range(4):
        rounded = round(tempo_bpm, decimals)
        if round(6e7 / rounded) == microseconds:
            return rounded
    return tempo_bpm


def write_midi(path: str | PathLike[str], pattern: Pattern) -> None:
    """Writes a pattern as a MIDI file of format 0: channel 10, 480 ticks a quarter, as long as the grid.

    Velocities are rounded to 1/127 (at least 1), offsets to 1/60 of a half step (a tick). Notes last half a step or until the next
    of their pitch. A note early on the first step is put at time 0. Reading gives the same grid back. A text event carries the
    provenance of a pattern that a model made.

    Raises:
      InputError: when the file cannot be written there, and for more than 131,072 hits, which would not be read back.
      ValueError: for a tempo outside 4 to 1,000 BPM, a metre whose beat is no power of two up to 64, no steps, or more than 65,536.
    """
    if pattern.hits.sum() > MIDI_NOTES:
        raise InputError(
            path,
            rule=f"at most {MIDI_NOTES:,} hits in a MIDI file, which is what is read back",
            found=f"{pattern.hits.sum():,}",
            remedy="write fewer measures, or each into a file of its own",
        )
    write_bytes(path, midi_bytes(pattern))


def midi_bytes(pattern: Pattern) -> bytes:
    """The content of the file that `write_midi` writes."""
    import mido

    beats, unit = pattern.metre
    if not MIN_TEMPO_BPM <= pattern.tempo_bpm <= MAX_TEMPO_BPM:
        raise ValueError(
            f"expected a tempo of {MIN_TEMPO_BPM} to {MAX_TEMPO_BPM:,} BPM for a MIDI file, found {pattern.tempo_bpm:g}"
        )
    _check_metre(pattern.metre)
    if not 1 <= pattern.steps <= STEPS:
        raise ValueError(f"expected 1 to {STEPS:,} steps, found {pattern.steps:,}")

    end = pattern.steps * TICKS_PER_STEP
    meta = [mido.MetaMessage("track_name", name=pattern.name.encode("utf-8", "replace").decode("latin-1"))] if pattern.name else []
    meta += [
        mido.MetaMessage("set_tempo", tempo=round(6e7 / pattern.tempo_bpm)),
        mido.MetaMessage("time_signature", numerator=beats, denominator=unit),
    ]
    if pattern.provenance is not None and is_record(pattern.provenance):
        meta.append(mido.MetaMessage("text", text=dumps(pattern.provenance)))
    if _length(pattern.steps - 1, end, pattern.metre, TICKS_PER_QUARTER, ()) != pattern.steps:
        meta.append(mido.MetaMessage("text", text=f"{_LENGTH}{pattern.steps}"))

    rows, lanes = np.nonzero(pattern.hits)
    half = TICKS_PER_STEP // 2
    late = np.clip(np.rint(pattern.offset[rows, lanes].astype(np.float64) * half), -half, half - 1)
    ticks = np.maximum(rows * TICKS_PER_STEP + late.astype(np.int64), 0)
    velocities = np.clip(np.rint(pattern.velocity[rows, lanes].astype(np.float64) * 127), 1, 127).astype(np.int64)
    events: list[tuple[int, int, int, int]] = []  # (tick, 0 for off and 1 for on, pitch, velocity): offs first at equal times
    for lane, pitch in enumerate(pattern.drum_map.out_pitches):
        on = ticks[lanes == lane]
        off = np.minimum(on + NOTE_TICKS, np.append(on[1:], end))
        events += [
            (tick, 1, pitch, velocity) for tick, velocity in zip(on.tolist(), velocities[lanes == lane].tolist(), strict=True)
        ]
        events += [(tick, 0, pitch, 0) for tick in off.tolist()]

    track = mido.MidiTrack(meta)
    now = 0
    for tick, on_or_off, pitch, velocity in sorted(events):
        kind = "note_on" if on_or_off else "note_off"
        track.append(mido.Message(kind, channel=DRUM_CHANNEL - 1, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    buffer = BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_QUARTER, tracks=[track]).save(file=buffer)
    return buffer.getvalue()
