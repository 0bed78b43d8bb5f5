"""Step-grid files: patterns typed as rows of x and dots, in JSON or CSV.

JSON: an object `{"patterns": [...]}`, a list of patterns, or one pattern alone. A pattern:

    {"name": "Amen", "genre": "breakbeat", "meter": "4/4", "bpm": 136, "steps_per_beat": 4,
     "tracks": {"BD": "x.x.......xx....", "SD": "....x..x.x..x..x", "CH": "x.x.x.x.x.x.x.x."}}

- A row is a string of `x` (velocity 100), `X` (127) and `.` or `-` (rest), or a list of velocities: whole numbers 0 to 127, or
  numbers 0 to 1 when none in the pattern is above 1. The row `AC` accents: every instrument on that step gets 127.
- Rows are named as the lanes of the drum map, by the codes or names of `INSTRUMENTS`, by names that the file's `instrument_names`
  translates into one of these, or as General MIDI keys "gm35" to "gm81". Rows outside the drum map are dropped and counted; of rows
  that share a lane the louder hit wins.
- `steps_per_beat` counts steps a quarter note (default 4). 1 and 2 are spread onto 16ths. 8 (32nds) and 16 go to the nearest 16th
  and keep the rest as offset; a 32nd behind the last 16th stays on it, 59/60 of a half step late. Others, triplets among them, are
  not on the grid of 16ths and rejected.
- `meter` is "beats/unit" (default "4/4"); "8/4" and other multiples of four quarters count as bars of 4/4.
- Tempo: `bpm`, else 60 × `bps`, else the middle of `tempo_range`, else 129 (the paper's).
- Optional: `offsets` (for each row a list of microtiming, half steps in [-1, 1)), `id`, `title`, `family`, `licence`, `source`,
  `group`, `steps` (checked against the rows).

CSV: one line a row of a pattern, in either form; lines with the same `pattern` belong together, and without that column the file is
one pattern. The columns `genre`, `family`, `licence`, `source`, `group`, `title`, `meter`, `bpm` and `steps_per_beat` may stand
beside them; the first line of a pattern that gives one counts.

    pattern,genre,lane,steps            lane,1,2,3,4,5,6,7,8
    Amen,breakbeat,BD,x.x.......xx....  BD,x,,,,x,,,
    Amen,breakbeat,SD,....x..x.x..x..x  CH,100,,40,,100,,40,
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from drumjax.boundary import STEPS, InputError, describe, file_sha256, read_csv, read_head, read_json, write_bytes
from drumjax.patterns.drum_map import TR808, DrumMap
from drumjax.patterns.midi import MAX_TEMPO_BPM, MIN_TEMPO_BPM
from drumjax.patterns.pattern import PAPER_TEMPO_BPM, STEPS_PER_QUARTER, Pattern
from drumjax.provenance import check_record, dumps, is_record

MAX_ENTRIES = 4096
MAX_STEPS = 1 << 18
"""In all patterns of a file: 4,096 of 64 steps."""
MAX_ROWS = 256
"""In one pattern: more than there are drums, even if every MIDI pitch has two names."""
PLAIN_VELOCITY = 100 / 127
"""A bare "x"; an accent is 1."""
LATEST = 59 / 60
"""The greatest offset that survives a MIDI file of 480 ticks a quarter."""
INSTRUMENTS = MappingProxyType(
    {
        "BD": ("kick", 36),
        "SD": ("snare", 38),
        "LT": ("tom_low", 45),
        "MT": ("tom_mid", 47),
        "HT": ("tom_high", 50),
        "CH": ("hihat_closed", 42),
        "OH": ("hihat_open", 46),
        "PH": ("hihat_pedal", 44),
        "CY": ("cymbal", 49),
        "RD": ("ride", 51),
        "RS": ("rim", 37),
        "CP": ("clap", 39),
        "CB": ("cowbell", 56),
        "TM": ("tambourine", 54),
        "SH": ("shaker", 70),
        "CL": ("clave", 75),
        "HC": ("conga_high", 63),
        "LC": ("conga_low", 64),
    }
)
"""The two-letter codes of drum machines, their names, and the General MIDI key that finds them in a drum map."""
_PITCHES = {key.lower(): pitch for code, (name, pitch) in INSTRUMENTS.items() for key in (code, name)}
_ACCENT = ("ac", "accent")
_ROW = re.compile(r"[xX.\-]*")


@dataclass(frozen=True)
class GridPattern:
    """A pattern of a grid file and what the file says about it.

    Attributes:
      pattern: the grid, with name, genre, tempo and metre.
      family: a coarse genre, "" where not given.
      licence: "" where not given.
      source: "" where not given.
      group: patterns of one group are variants of one piece and stay in one split: the file's `group`, else `title`, else `source`
        where the file has several, else the name without the letter of a variant ("Afro6a" and "Afro6b" are "Afro6").
      dropped: for each row outside the drum map, how many hits.
    """

    pattern: Pattern
    family: str = ""
    licence: str = ""
    source: str = ""
    group: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)


def read_grid_file(path: str | PathLike[str], *, drum_map: DrumMap = TR808) -> tuple[list[GridPattern], list[InputError]]:
    """The patterns of a step-grid file, in the format of this module's docstring.

    Returns:
      The accepted patterns in the file's order, and for each rejected one an `InputError` whose path is `FILE, pattern N (NAME)`.
      One bad pattern never stops the file. Metres other than 4/4 are kept: `drumjax.patterns.require_metre` refuses them.

    Raises:
      InputError: when the file itself is no JSON or CSV of patterns.
    """
    is_json = Path(path).suffix.lower() == ".json" or describe(read_head(path, what="a step-grid file")) == "JSON text"
    entries, instrument_names = _json_entries(path) if is_json else _csv_entries(path)
    if not entries:
        raise InputError(path, rule="at least one pattern", found="none", remedy="see the format in the documentation")
    if len(entries) > MAX_ENTRIES:
        raise InputError(path, rule=f"at most {MAX_ENTRIES:,} patterns", found=f"{len(entries):,}", remedy="split the file")
    sources = {entry["source"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("source"), str)}
    origin = {"path": str(path), "sha256": file_sha256(path)}
    steps = 0
    accepted: list[GridPattern] = []
    rejected: list[InputError] = []
    for number, entry in enumerate(entries):
        try:
            grid = _grid_pattern(entry, drum_map, instrument_names, Path(path).stem, len(sources) > 1, origin)
        except _Fault as fault:
            name = entry.get("name") if isinstance(entry, dict) else None
            where = f"{path}, pattern {number + 1}" + (f" ({name[:60]})" if isinstance(name, str) else "")
            rejected.append(InputError(where, rule=fault.rule, found=fault.found, remedy=fault.remedy))
            continue
        accepted.append(grid)
        steps += grid.pattern.steps
        if steps > MAX_STEPS:
            raise InputError(path, rule=f"at most {MAX_STEPS:,} sixteenths in a file", found="more", remedy="split the file")
    return accepted, rejected


class _Fault(Exception):
    """What is wrong with one pattern; becomes an `InputError` where file and number are known."""

    def __init__(self, rule: str, found: str, remedy: str = "correct the pattern") -> None:
        super().__init__(rule, found, remedy)
        self.rule, self.found, self.remedy = rule, found, remedy


def _json_entries(path: str | PathLike[str]) -> tuple[list[Any], dict[str, str]]:
    value = read_json(path)
    names: Any = {}
    if isinstance(value, dict) and "patterns" in value:
        names = value.get("instrument_names", {})
        value = value["patterns"]
    elif isinstance(value, dict) and "tracks" in value:
        value = [value]
    if not isinstance(value, list):
        raise InputError(
            path,
            rule="an object with 'patterns' or 'tracks', or a list of patterns",
            found=f"an object with {', '.join(map(repr, list(value)[:5]))}" if isinstance(value, dict) else f"{str(value)[:40]}",
            remedy="see the format in the documentation",
        )
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InputError(path, rule="'instrument_names' from code to name", found="something else", remedy="correct the file")
    return value, names


def _csv_entries(path: str | PathLike[str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """CSV rows gathered into the patterns that JSON would hold."""
    rows = read_csv(path)
    columns = list(rows[0]) if rows else []
    steps = sorted((name for name in columns if name.isdecimal() and len(name) < 6), key=int)
    if rows and ("lane" not in columns or ("steps" in columns) == bool(steps)):
        raise InputError(
            path,
            rule="a column 'lane' and either 'steps' or the columns 1, 2, 3, ...",
            found=", ".join(columns[:8]),
            remedy="name the columns in the first line",
        )
    if [int(name) for name in steps] != list(range(1, len(steps) + 1)):
        raise InputError(path, rule="columns 1, 2, 3, ... without a gap", found=", ".join(steps[:8]), remedy="number every step")
    entries: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = row.get("pattern", Path(path).stem)
        entry = entries.setdefault(name, {"name": name, "tracks": {}})
        for column in ("genre", "family", "licence", "source", "group", "title", "meter", "bpm", "steps_per_beat"):
            if row.get(column, "").strip():
                entry.setdefault(column, _number(row[column]) if column in ("bpm", "steps_per_beat") else row[column].strip())
        lane = row["lane"].strip()
        if lane in entry["tracks"]:
            entry["fault"] = _Fault("each lane once", f"{lane!r} twice", "give patterns different names, or remove a line")
        entry["tracks"][lane] = _cells([row[step].strip() for step in steps]) if steps else row["steps"].strip()
    return list(entries.values()), {}


def _cells(cells: Sequence[str]) -> str | list[Any]:
    """CSV cells as a string where they are all marks, else as velocities; an unreadable cell is left for `_row` to name."""
    marks = [cell or "." for cell in cells]
    if all(len(mark) == 1 and mark in "xX.-" for mark in marks):
        return "".join(marks)
    return [{"x": 100, "X": 127, ".": 0, "-": 0}[mark] if mark in ("x", "X", ".", "-") else _number(mark) for mark in marks]


def _number(text: str) -> Any:
    """The number that a text spells, or the text."""
    try:
        return int(text) if text.strip().lstrip("-").isdecimal() and len(text) < 20 else float(text)
    except ValueError:
        return text


def _grid_pattern(
    entry: Any, drum_map: DrumMap, instrument_names: Mapping[str, str], stem: str, several_sources: bool, origin: Mapping[str, str]
) -> GridPattern:
    if not isinstance(entry, dict):
        raise _Fault("an object for each pattern", str(entry)[:40])
    if "fault" in entry and isinstance(entry["fault"], _Fault):
        raise entry["fault"]
    texts = {key: _text(entry, key) for key in ("name", "id", "title", "genre", "family", "licence", "source", "group")}
    name = texts["name"] or texts["title"] or texts["id"] or stem
    tracks, offsets = entry.get("tracks"), entry.get("offsets", {})
    if not isinstance(tracks, dict) or not tracks:
        raise _Fault("'tracks' with a row for each lane", "none" if not tracks else str(tracks)[:40])
    if len(tracks) > MAX_ROWS:
        raise _Fault(f"at most {MAX_ROWS} rows", f"{len(tracks):,}")
    if not isinstance(offsets, dict) or not offsets.keys() <= tracks.keys():
        raise _Fault("'offsets' with rows that 'tracks' has too", str(offsets)[:40])

    full_scale = (
        127 if any(_is_number(cell) and cell > 1 for row in tracks.values() if isinstance(row, list) for cell in row) else 1
    )
    rows = {lane: _row(lane, row, full_scale) for lane, row in tracks.items()}
    if not isinstance(entry.get("steps", 0), int):
        raise _Fault("a whole number in 'steps'", str(entry["steps"])[:40])
    lengths = {len(row) for row in rows.values()} | ({entry["steps"]} if "steps" in entry else set())
    if len(lengths) != 1 or not 1 <= len(next(iter(rows.values()))) <= STEPS:
        raise _Fault(f"rows of one length of 1 to {STEPS:,}, equal to 'steps'", f"lengths {sorted(map(str, lengths))[:8]}")
    late = {lane: _offset_row(lane, row, len(rows[lane])) for lane, row in offsets.items()}

    accents = np.zeros(len(next(iter(rows.values()))), bool)
    for lane in [lane for lane in rows if lane.lower() in _ACCENT and lane not in drum_map.lanes]:
        accents |= rows.pop(lane) > 0
    velocity = np.zeros((len(accents), len(drum_map.lanes)), np.float32)
    offset = np.zeros_like(velocity)
    dropped: dict[str, int] = {}
    for lane, row in rows.items():
        index = _lane(lane, drum_map, instrument_names)
        if index is None:
            dropped[lane] = int((row > 0).sum())
            continue
        row = np.where((row > 0) & accents, np.float32(1), row)
        louder = row > velocity[:, index]
        velocity[louder, index] = row[louder]
        offset[louder, index] = late[lane][louder] if lane in late else 0
    velocity, offset = _on_sixteenths(velocity, offset, _steps_per_quarter(entry))
    if not velocity.any():
        raise _Fault(
            f"hits in the lanes of the drum map {drum_map.name!r} ({', '.join(drum_map.lanes[:8])})",
            f"rows {', '.join(tracks)[:80]} without one",
            "choose another drum map, or rename the rows",
        )

    pattern = Pattern(
        hits=velocity > 0,
        velocity=velocity,
        offset=offset,
        drum_map=drum_map,
        tempo_bpm=_tempo_bpm(entry),
        metre=_metre(entry),
        name=name,
        genre=texts["genre"],
        provenance=_record(entry.get("provenance"), origin),
    )
    group = texts["group"] or texts["title"] or (texts["source"] if several_sources else "")
    return GridPattern(
        pattern=pattern,
        family=texts["family"],
        licence=texts["licence"],
        source=texts["source"],
        group=group or re.sub(r"(?<=\d)[a-z]\Z", "", name),
        dropped=dropped,
    )


def _record(value: Any, origin: Mapping[str, str]) -> dict[str, Any]:
    """The record that a pattern carries; one that no version of ours wrote gives way to the file's own path and hash."""
    if isinstance(value, dict) and is_record(value):
        with contextlib.suppress(ValueError):
            check_record(value, origin["path"])
            dumps(value)
            return value
    return dict(origin)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise _Fault(f"a string in {key!r}", str(value)[:40])
    return (value or "").strip()


def _row(lane: str, row: Any, full_scale: int) -> np.ndarray:
    """float32 velocities (steps,)."""
    if isinstance(row, str):
        text = row.replace(" ", "").replace("|", "")
        _check_length(lane, text)
        if not _ROW.fullmatch(text):
            raise _Fault(f"x, X, . and - in the row {lane!r}", repr(row[:40]))
        return np.array([{"x": PLAIN_VELOCITY, "X": 1.0}.get(mark, 0.0) for mark in text], np.float32)
    if not isinstance(row, list):
        raise _Fault(f"a string or a list in the row {lane!r}", str(row)[:40])
    _check_length(lane, row)
    for cell in row:
        if not _is_number(cell) or not 0 <= cell <= full_scale or (full_scale == 127 and cell != int(cell)):
            raise _Fault(f"velocities as whole numbers 0 to 127, or all in 0 to 1, in the row {lane!r}", repr(cell)[:40])
    velocities = (np.array(row, np.float64) / full_scale).astype(np.float32)
    if np.any((velocities > 0) & (velocities < np.float32(1 / 127))):
        raise _Fault(f"velocities of 0 or at least 1/127 in the row {lane!r}", f"{velocities[velocities > 0].min():.3g}")
    return velocities


def _check_length(lane: str, row: str | list[Any]) -> None:
    if len(row) > STEPS:
        raise _Fault(f"rows of 1 to {STEPS:,} steps", f"{len(row):,} in the row {lane!r}")


def _offset_row(lane: str, row: Any, steps: int) -> np.ndarray:
    if not isinstance(row, list) or len(row) != steps or not all(_is_number(cell) and -1 <= cell < 1 for cell in row):
        raise _Fault(f"{steps} offsets from -1 to under 1 for the row {lane!r}", str(row)[:40])
    return np.clip(np.array(row, np.float32), -1, np.nextafter(np.float32(1), np.float32(0)))


def _lane(row: str, drum_map: DrumMap, instrument_names: Mapping[str, str]) -> int | None:
    """The lane of the drum map that a row's name means, None for one that the map lacks."""
    for name in (row, instrument_names.get(row, row)):
        if name in drum_map.lanes:
            return drum_map.lanes.index(name)
        key = re.fullmatch(r"gm(\d\d)", name.lower())
        pitch = int(key[1]) if key else _PITCHES.get(name.lower())
        if pitch in drum_map.lane_of_pitch:
            return drum_map.lane_of_pitch[pitch]
    return None


def _steps_per_quarter(entry: Mapping[str, Any]) -> int:
    value = entry.get("steps_per_beat", STEPS_PER_QUARTER)
    if value not in (1, 2, 4, 8, 16) or not _is_number(value):
        raise _Fault(
            "1, 2, 4, 8 or 16 steps a quarter note, which fall on 16ths",
            f"{value!r:.40} (triplets do not)" if value in (3, 6, 12) else f"{value!r:.40}",
            "write the pattern on a grid of 16ths",
        )
    return int(value)


def _on_sixteenths(velocity: np.ndarray, offset: np.ndarray, steps_per_quarter: int) -> tuple[np.ndarray, np.ndarray]:
    """The same hits on a grid of 16ths."""
    if steps_per_quarter == STEPS_PER_QUARTER:
        return velocity, offset
    rows, lanes = np.nonzero(velocity)
    velocities = velocity[rows, lanes]
    times = (rows + 0.5 * offset[rows, lanes].astype(np.float64)) * STEPS_PER_QUARTER / steps_per_quarter
    steps = -(-len(velocity) * STEPS_PER_QUARTER // steps_per_quarter)
    if steps > STEPS:
        raise _Fault(f"at most {STEPS:,} sixteenths", f"{steps:,}")
    cells = np.clip(np.floor(times + 0.5).astype(int), 0, steps - 1)
    late = np.clip(2 * (times - cells), -1, LATEST)
    new_velocity = np.zeros((steps, velocity.shape[1]), np.float32)
    new_offset = np.zeros_like(new_velocity)
    # The louder comes last, of equals the nearer to the step, then the earlier; the last assignment to a cell stays.
    order = np.lexsort((-times, -np.abs(times - cells), velocities))
    new_velocity[cells[order], lanes[order]] = velocities[order]
    new_offset[cells[order], lanes[order]] = late[order]
    return new_velocity, new_offset


def _metre(entry: Mapping[str, Any]) -> tuple[int, int]:
    value = entry.get("meter", "4/4")
    match = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(\d{1,2})\s*", value) if isinstance(value, str) else None
    if not match or not 1 <= int(match[1]) <= 64 or int(match[2]) not in (1, 2, 4, 8, 16, 32, 64):
        raise _Fault("a metre like '4/4' of up to 64 beats", repr(value)[:40])
    beats, unit = int(match[1]), int(match[2])
    return (4, 4) if unit == 4 and beats % 4 == 0 else (beats, unit)


def _tempo_bpm(entry: Mapping[str, Any]) -> float:
    value: Any = PAPER_TEMPO_BPM
    if "bpm" in entry:
        value = entry["bpm"]
    elif "bps" in entry:
        value = 60 * entry["bps"] if _is_number(entry["bps"]) else entry["bps"]
    elif isinstance(entry.get("tempo_range"), list) and entry["tempo_range"]:
        ends = entry["tempo_range"]
        value = sum(ends) / len(ends) if all(_is_number(end) and 0 < end <= MAX_TEMPO_BPM for end in ends) else ends
    if not _is_number(value) or not MIN_TEMPO_BPM <= value <= MAX_TEMPO_BPM:
        raise _Fault(f"a tempo of {MIN_TEMPO_BPM} to {MAX_TEMPO_BPM:,} BPM", str(value)[:40])
    return float(value)


def write_grid_json(path: str | PathLike[str], patterns: Sequence[Pattern | GridPattern]) -> None:
    """Writes patterns as a step-grid file for reading and editing by hand; `read_grid_file` gives the same grids back.

    Rows are strings where all velocities are 100 or 127 of 127, lists of whole numbers where they are multiples of 1/127, else
    lists of numbers from 0 to 1. Lanes without a hit are left out. The drum map is not written: name it when reading.

    Raises:
      InputError: when the file cannot be written there.
      ValueError: for a tempo outside 4 to 1,000 BPM, which would not be read back.
    """
    for item in patterns:
        tempo_bpm = (item.pattern if isinstance(item, GridPattern) else item).tempo_bpm
        if not MIN_TEMPO_BPM <= tempo_bpm <= MAX_TEMPO_BPM:
            raise ValueError(f"expected a tempo of {MIN_TEMPO_BPM} to {MAX_TEMPO_BPM:,} BPM for a grid file, found {tempo_bpm:g}")
    blocks = ",\n  ".join(_json_pattern(item if isinstance(item, GridPattern) else GridPattern(item)) for item in patterns)
    text = f'{{\n "patterns": [\n  {blocks}\n ]\n}}\n'
    write_bytes(path, text.encode("utf-8", "replace"))  # a name taken from a file's may hold bytes that are no text


def _json_pattern(item: GridPattern) -> str:
    pattern = item.pattern
    facts: dict[str, Any] = {
        "name": pattern.name,
        "genre": pattern.genre,
        "family": item.family,
        "licence": item.licence,
        "source": item.source,
        "group": item.group,
        "meter": f"{pattern.metre[0]}/{pattern.metre[1]}",
        "bpm": pattern.tempo_bpm,
        "steps": pattern.steps,
        "steps_per_beat": STEPS_PER_QUARTER,
    }
    if pattern.provenance is not None and is_record(pattern.provenance):
        facts["provenance"] = dict(pattern.provenance)
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items() if value != ""]
    lines.append(_json_rows("tracks", _velocity_rows(pattern)))
    late = {lane: _shortest(pattern.offset[:, i]) for i, lane in enumerate(pattern.drum_map.lanes) if pattern.offset[:, i].any()}
    if late:
        lines.append(_json_rows("offsets", late))
    return "{" + ",\n   ".join(lines) + "}"


def _json_rows(key: str, rows: Mapping[str, Any]) -> str:
    inner = ",\n    ".join(f"{json.dumps(lane)}: {json.dumps(row)}" for lane, row in rows.items())
    return f'"{key}": {{\n    {inner}}}'


def _shortest(row: np.ndarray) -> list[float]:
    """float32 numbers with the fewest digits that give them back."""
    return [float(str(value)) for value in row]


def _velocity_rows(pattern: Pattern) -> dict[str, Any]:
    midi = np.rint(pattern.velocity.astype(np.float64) * 127)
    used = [i for i in range(pattern.lanes) if pattern.hits[:, i].any()] or [0]
    names = pattern.drum_map.lanes
    if not np.array_equal((midi / 127).astype(np.float32), pattern.velocity) or midi.max(initial=0) <= 1:
        return {names[i]: _shortest(pattern.velocity[:, i]) for i in used}
    if np.isin(midi, (0, 100, 127)).all():
        return {names[i]: "".join({0: ".", 100: "x", 127: "X"}[int(value)] for value in midi[:, i]) for i in used}
    return {names[i]: midi[:, i].astype(int).tolist() for i in used}
