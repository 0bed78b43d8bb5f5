"""From a folder of MIDI and step-grid files to examples, with a reason for everything that is left out.

Rules (our decision):

- A file's patterns are cut into consecutive windows of `steps` 16ths; a shorter one is repeated where its length divides `steps`, a
  remainder is dropped and counted. Patterns that are not in 4/4 are rejected; so are windows without a hit. `FILE#k` is window k,
  counted from 0 with the silent ones.
- Genre: the labels file; else the first folder level below the source; else what the step-grid file says; else "unknown".
- Licence: what the step-grid file says of the pattern; else the labels file; else what the caller declares for the whole folder.
- Group: the labels file; else the file (for step grids: the piece within the file, see `GridPattern.group`).
- Of patterns with the same velocities in every cell the first (by file and window) stays; offsets do not count. What the licence
  filter holds back is gone before that, so that a free copy is not lost to one that is not.
- One bad file never stops the rest: it is listed with its reason.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drumjax.boundary import InputError, file_sha256, list_files, read_csv
from drumjax.datasets.info import CARD, KIND, MOST_EXAMPLES, name_order, printable
from drumjax.datasets.licences import UNKNOWN, admits, licence_id
from drumjax.datasets.parallel import in_order, with_bar
from drumjax.datasets.prepare import Example
from drumjax.datasets.rejections import Rejection, fault, nothing_usable, ranked_reasons, rejection
from drumjax.patterns import MEASURE_STEPS, TR808, DrumMap
from drumjax.patterns.files import GRID_SUFFIXES, MIDI_SUFFIXES
from drumjax.patterns.grid_files import GridPattern, read_grid_file
from drumjax.patterns.midi import CellRule, read_midi_pattern, require_metre
from drumjax.patterns.pattern import Pattern
from drumjax.patterns.windows import windows

METRE = (4, 4)
UNKNOWN_GENRE = "unknown"
POOL_FILES = 200
"""From so many files on, several processes are worth their start (about a second)."""
LABELS_BYTES, LABELS_ROWS = 1 << 24, 100_000
"""The most that is read of labels: a row for as many files as a folder may have; the Expanded Groove MIDI Dataset has 45,537."""
_LONGEST_GENRE = 64
PERFORMANCE_FILE = "midi_filename"
"""How the tables of the Groove MIDI Datasets call the file of a performance."""
_FILE_COLUMNS = ("file", PERFORMANCE_FILE, "path")
_GENRE_COLUMNS = ("genre", "style")
_LICENCE_COLUMNS = ("licence", "license")


class Duplicate(NamedTuple):
    """An example that was left out because an earlier one has the same velocities."""

    name: str
    of: str
    genre: str
    genre_of: str


@dataclass(frozen=True)
class Collection:
    """What a folder holds, and what became of the rest.

    Attributes:
      kind: what the examples are, see `drumjax.datasets.kinds`.
      path: the folder or file.
      drum_map: what the lanes are.
      steps: the length of every example.
      files_read: how many MIDI, JSON and CSV files were looked at.
      files: the SHA-256 of every file that gave an example, by its path below the source.
      examples: in the order of their names; no two have the same velocities.
      rejections: files, patterns and windows that gave nothing, with the reason.
      duplicates: what was left out as a repetition, and of what.
      dropped: notes (hits) outside the drum map in all files that were read, by "pitch 49" or "row CP".
      channels: for every MIDI file with notes of the drum map the channel that was read.
      merged: notes of MIDI files that gave way to another on the same cell.
      remainder_windows: patterns whose end, behind the last whole window, was left out.
      remainder_hits: hits in these ends.
      unlabelled: files that the labels file does not name; empty without one.
      missing: files that the labels file names and that are not there.
      other_styles: tracks that were left out because their style means none of the genres, by style, the commonest first; "" where
        none is stated.
      advice: in sentences, what would make more of it usable.
    """

    kind: str
    path: str
    drum_map: DrumMap
    steps: int
    files_read: int
    files: Mapping[str, str]
    examples: Sequence[Example]
    rejections: Sequence[Rejection]
    duplicates: Sequence[Duplicate]
    dropped: Mapping[str, int]
    channels: Sequence[Channel]
    merged: int
    remainder_windows: int
    remainder_hits: int
    unlabelled: Sequence[str]
    missing: Sequence[str]
    other_styles: Mapping[str, int] = field(default_factory=dict)
    advice: Sequence[str] = ()

    def reasons(self) -> list[tuple[str, int, str]]:
        """Why things were rejected, the commonest first: the reason, how often, and in words what was found instead."""
        return ranked_reasons(self.rejections)


class Channel(NamedTuple):
    """The channel that a MIDI file's drums were read from, 1 to 16, and why that one."""

    name: str
    channel: int
    reason: str


class Label(NamedTuple):
    """What a labels file says of a file; "" where it says nothing."""

    genre: str
    group: str
    licence: str
    beat_type: str = ""
    metre: str = ""


class Cut(NamedTuple):
    """What became of a pattern.

    Attributes:
      windows: with their numbers, counted from 0.
      total: how many there were, those that are left out included.
      rejections: for each that is left out the reason and what was found.
      remainder_hits: behind the last window; None where nothing is left over.
    """

    windows: Sequence[tuple[int, Pattern]]
    total: int
    rejections: Sequence[tuple[str, str]] = ()
    remainder_hits: int | None = None


class _Window(NamedTuple):
    """One window and what its file says about it."""

    number: int
    velocity: np.ndarray
    offset: np.ndarray
    tempo_bpm: float
    genre: str
    licence: str
    group: str


@dataclass
class FileRead:
    """What one file gave; crosses from worker to parent."""

    sha256: str = ""
    genres: list[str] = field(default_factory=list)
    windows: list[_Window] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    channels: list[Channel] = field(default_factory=list)
    merged: int = 0
    remainder_windows: int = 0
    remainder_hits: int = 0


class Task(NamedTuple):
    """One file to read.

    Attributes:
      path: where it lies.
      name: what it is called below the source.
      drum_map: what the lanes are.
      channel: the MIDI channel, None as in `read_midi_pattern`.
      cut: makes windows of a pattern, which has the genre that its file or `label` gives, under the name in the second argument;
        InputError where it refuses the pattern. A function at the top of a module, for it crosses to the worker.
      label: what the labels file says; None where it does not name the file.
      cell: which of several notes in a cell stays.
    """

    path: str
    name: str
    drum_map: DrumMap
    channel: int | None
    cut: Callable[[Pattern, str], Cut]
    label: Label | None = None
    cell: CellRule = "louder"


def collect(path: str | PathLike[str], **options: Any) -> Collection:
    """All usable patterns at or below a path; the arguments are those of `survey`.

    Raises:
      InputError: as `survey`, and when not one example is left; then the commonest reasons are given.
    """
    collection = survey(path, **options)
    if not collection.examples:
        raise nothing_usable(path, "pattern", collection.files_read, collection.reasons())
    return collection


def survey(
    path: str | PathLike[str],
    *,
    drum_map: DrumMap = TR808,
    steps: int = MEASURE_STEPS,
    genres_csv: str | PathLike[str] | None = None,
    licence: str | None = None,
    licences: Sequence[str] = (),
    channel: int | None = None,
    processes: int = 1,
    progress: bool = False,
) -> Collection:
    """What is usable at or below a path, possibly nothing, and why the rest is not.

    Args:
      path: a folder with .mid, .midi, .json and .csv files at any depth, or one such file.
      drum_map: which pitches and rows fall on which lane.
      steps: the length of an example in 16ths.
      genres_csv: labels, see `read_labels`.
      licence: declared for whatever states none itself.
      licences: only examples under these are kept (see `drumjax.datasets.licences.admits`); empty keeps all.
      channel: the MIDI channel, 1 to 16; by default as in `read_midi_pattern`.
      processes: how many read at once when there are at least `POOL_FILES` files. With more than one, call from under
        `if __name__ == "__main__"`, as `multiprocessing` asks. The result does not depend on it.
      progress: whether to show a bar on a terminal.

    Raises:
      InputError: there are no such files at the path, or the labels cannot be read or name none of them.
    """
    files, labels = labelled_files(path, genres_csv)
    cut = functools.partial(_cut, steps=steps)
    tasks = [Task(str(file), name, drum_map, channel, cut, labels.get(name)) for name, file in files.items()]
    read = read_files(tasks, processes=processes, progress=progress)
    return gather(path, KIND, files, labels, read, drum_map=drum_map, steps=steps, licence=licence, licences=licences)


def labelled_files(path: str | PathLike[str], labels_csv: str | PathLike[str] | None) -> tuple[dict[str, Path], dict[str, Label]]:
    """The files at or below a path by their names, and what the labels file says of them.

    Raises:
      InputError: there are none, or the labels cannot be read or name none of them.
    """
    labels = {} if labels_csv is None else read_labels(labels_csv)
    files = _source_files(Path(path), labels_csv)
    if labels_csv is not None and not any(name in labels for name in files):
        raise InputError(
            labels_csv,
            rule=f"paths of files as seen from {path}, such as {next(iter(files))!r}",
            found=f"none of its {len(files)} files; the first one named is {next(iter(labels))!r}",
            remedy="correct the paths",
        )
    return files, labels


def read_files(tasks: Sequence[Task], *, processes: int = 1, progress: bool = False) -> dict[str, FileRead]:
    """What the files give, by their names; `processes` and `progress` as in `survey`.

    Raises:
      InputError: more windows than a data set may have, before the memory is full of them.
    """
    read = in_order(_read_file, tasks, processes if len(tasks) >= POOL_FILES else 1)
    shown = with_bar(read, len(tasks), progress and len(tasks) >= POOL_FILES, "reading")
    files: dict[str, FileRead] = {}
    total = 0
    for task, file in zip(tasks, shown, strict=True):
        total += len(file.windows)
        if total > MOST_EXAMPLES:
            raise InputError(
                task.path,
                rule=f"at most {MOST_EXAMPLES:,} windows in all files together",
                found=f"{total:,} up to this one",
                remedy="prepare fewer at a time: name a sub-folder",
            )
        files[task.name] = file
    return files


def gather(
    path: str | PathLike[str],
    kind: str,
    files: Mapping[str, Path],
    labels: Mapping[str, Label],
    read: Mapping[str, FileRead],
    *,
    drum_map: DrumMap,
    steps: int,
    licence: str | None,
    licences: Sequence[str],
    rejections: Iterable[Rejection] = (),
    regenre: Callable[[Example], Example | Rejection] = lambda example: example,
) -> Collection:
    """What files gave, once the licences are looked at and repetitions are left out.

    Args:
      path: the source.
      kind: what the examples are.
      files: all files of the source.
      labels: see `labelled_files`.
      read: see `read_files`; files may be missing that are among the rejections.
      drum_map: what the lanes are.
      steps: the length of an example.
      licence: see `survey`.
      licences: likewise.
      rejections: of files that were not read.
      regenre: gives an example the genre that it goes by in the data, or says why it is left out.
    """
    rejections = [*rejections, *(each for file in read.values() for each in file.rejections)]
    examples, duplicates = [], []
    seen: dict[bytes, Example] = {}
    for found in sorted(_examples(read, labels, licence), key=lambda example: name_order(example.name)):
        example = regenre(found)
        if isinstance(example, Rejection):
            rejections.append(example)
            continue
        if not admits(licences, example.licence):
            rejections.append(Rejection(example.name, f"expected a licence among {', '.join(licences)}", example.licence))
            continue
        first = seen.setdefault(hashlib.sha256(example.velocity.tobytes()).digest(), example)
        if first is example:
            examples.append(example)
        else:
            duplicates.append(Duplicate(example.name, first.name, example.genre, first.genre))
    dropped: Counter[str] = Counter()
    for file in read.values():
        dropped.update(file.dropped)
    return Collection(
        kind=kind,
        path=str(path),
        drum_map=drum_map,
        steps=steps,
        files_read=len(files),
        files={name: read[name].sha256 for name in sorted({name_order(example.name)[0] for example in examples})},
        examples=examples,
        rejections=rejections,
        duplicates=duplicates,
        dropped=dict(dropped.most_common()),
        channels=[channel for file in read.values() for channel in file.channels],
        merged=sum(file.merged for file in read.values()),
        remainder_windows=sum(file.remainder_windows for file in read.values()),
        remainder_hits=sum(file.remainder_hits for file in read.values()),
        unlabelled=[name for name in files if name not in labels] if labels else [],
        missing=[name for name in labels if name not in files],
    )


def _source_files(path: Path, genres_csv: str | PathLike[str] | None) -> dict[str, Path]:
    """The files to read, by their path below the source with `/` between folders; the labels file is not one of them."""
    suffixes = MIDI_SUFFIXES + GRID_SUFFIXES
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that no file can have
        listed = list_files(path, suffixes)
        prepared = {file.parent for file in listed if file.name == CARD}  # a build into its own source, built again
        files = {printable(file.relative_to(path).as_posix()): file for file in listed if file.parent not in prepared}
    elif os.path.exists(path):
        files = {printable(path.name): path}
    else:
        raise InputError(path, rule="a folder or file of drum patterns", found="nothing there", remedy="check the spelling")
    if genres_csv is not None:
        labels = os.path.realpath(genres_csv)
        files = {name: file for name, file in files.items() if os.path.realpath(file) != labels}
    if not files:
        raise InputError(
            path,
            rule=f"files that end in {', '.join(suffixes)}",
            found="none in this folder",
            remedy="name the folder that holds the patterns; it may have sub-folders, but links out of it are not followed",
        )
    return dict(sorted(files.items()))


def read_labels(path: str | PathLike[str]) -> dict[str, Label]:
    """What a CSV file says of the files of a folder.

    - A column `file` (or `midi_filename`, `path`): the file as seen from the source folder.
    - A column `genre` (or `style`); an empty cell leaves the genre to the file itself, not to its folder.
    - Optional columns `group` (files of one group stay in one split) and `licence` (or `license`). Without a group, files named by
      `midi_filename` are one where they share an `id`: the Expanded Groove MIDI Dataset has each performance once for every kit.

    Other columns are passed over, so the `info.csv` of the Groove MIDI Dataset can be used as it is.

    Raises:
      InputError: the file is no such table, or names a file twice with different labels.
    """
    rows = read_csv(path, max_bytes=LABELS_BYTES, max_rows=LABELS_ROWS)
    columns = list(rows[0]) if rows else []

    def column(names: Iterable[str]) -> str | None:
        return next((name for name in names if name in columns), None)

    file_column, genre_column, licence_column = map(column, (_FILE_COLUMNS, _GENRE_COLUMNS, _LICENCE_COLUMNS))
    if file_column is None or genre_column is None:
        raise InputError(
            path,
            rule=f"a column {' or '.join(_FILE_COLUMNS)} and a column {' or '.join(_GENRE_COLUMNS)}",
            found=f"the columns {', '.join(columns[:8])}" if columns else "no rows",
            remedy="name the columns in the first line: file,genre,group,licence",
        )
    labels: dict[str, Label] = {}
    of_id = Counter(row.get("id", "").strip() for row in rows) if file_column == PERFORMANCE_FILE else Counter()
    for row in rows:
        performance = row.get("id", "").strip()
        name = re.sub(r"^(?:\./)+", "", row[file_column].strip().replace("\\", "/"))
        label = Label(
            genre=clean_genre(row[genre_column]),
            group=row.get("group", "").strip() or (performance if of_id[performance] > 1 else ""),
            licence=row[licence_column].strip() if licence_column else "",
            beat_type=row.get("beat_type", "").strip(),
            metre=row.get("time_signature", "").strip(),
        )
        if labels.setdefault(name, label) != label:
            raise InputError(
                path, rule="the same labels each time a file is named", found=f"{name!r} twice", remedy="keep one of the lines"
            )
    return labels


def clean_genre(text: str) -> str:
    """A genre's name in lower case, what cannot be printed as single spaces, at most 64 characters."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text.lower()).split())[:_LONGEST_GENRE].strip()


def stated_genre(name: str, label: Label | None, own: str) -> str:
    """What is said of a pattern's genre: by the label and then by itself, without a label by its folder and then by itself.

    Args:
      name: of its file, below the source.
      label: what the labels file says of the file.
      own: what the file says of the pattern.
    """
    folder = clean_genre(name.split("/")[0]) if "/" in name else ""
    return (label.genre if label else folder) or clean_genre(own)


def _examples(read: Mapping[str, FileRead], labels: Mapping[str, Label], licence: str | None) -> Iterator[Example]:
    for name, file in read.items():
        label = labels.get(name)
        stem = name.rpartition(".")[0] or name
        for window in file.windows:
            piece = f":{hashlib.sha256(window.group.encode()).hexdigest()[:16]}" if window.group else ""
            yield Example(
                velocity=window.velocity,
                offset=window.offset,
                genre=window.genre or UNKNOWN_GENRE,
                tempo_bpm=window.tempo_bpm,
                name=f"{name}#{window.number}",
                group=f"label:{label.group}" if label and label.group else f"{stem}{piece}",
                licence=licence_id(window.licence or (label.licence if label else "") or licence or UNKNOWN),
            )


def _read_file(task: Task) -> FileRead:
    result = FileRead()
    try:
        result.sha256 = file_sha256(task.path)
        _read_windows(task, result)
    except InputError as error:
        result.rejections.append(rejection(task.path, task.name, error))
    except Exception as error:
        result.rejections.append(fault(task.name, error))
    return result


def _read_windows(task: Task, result: FileRead) -> None:
    if task.path.lower().endswith(MIDI_SUFFIXES):
        pattern, report = read_midi_pattern(task.path, drum_map=task.drum_map, channel=task.channel, cell=task.cell)
        result.dropped.update({f"pitch {pitch}": n for pitch, n in report.dropped.items()})
        result.channels.append(Channel(task.name, report.channel, report.channel_reason))
        result.merged += report.merged
        patterns = [GridPattern(pattern)]
    else:
        patterns, faults = read_grid_file(task.path, drum_map=task.drum_map)
        result.rejections += [rejection(task.path, task.name, error) for error in faults]
    count = 0
    for item in patterns:
        result.dropped.update({f"row {row}": n for row, n in item.dropped.items()})
        where = task.name if len(patterns) == 1 else f"{task.name} ({item.pattern.name[:60]})"
        genre = stated_genre(task.name, task.label, item.pattern.genre)
        try:
            require_metre(item.pattern, METRE, where)
            result.genres.append(genre)
            cut = task.cut(replace(item.pattern, genre=genre), where)
        except InputError as error:
            result.rejections.append(rejection(task.path, task.name, error))
            continue
        result.remainder_windows += cut.remainder_hits is not None
        result.remainder_hits += cut.remainder_hits or 0
        result.rejections += [Rejection(where, reason, found) for reason, found in cut.rejections]
        result.windows += [
            _Window(
                number=count + k,
                velocity=window.velocity,
                offset=window.offset,
                tempo_bpm=window.tempo_bpm,
                genre=genre,
                licence=item.licence,
                group=item.group,
            )
            for k, window in cut.windows
        ]
        count += cut.total


def _cut(pattern: Pattern, where: str, steps: int) -> Cut:
    """Consecutive windows, those without a hit left out."""
    found, report = windows(pattern, steps, path=where)
    return Cut(
        windows=list(zip(report.numbers, found, strict=True)),
        total=len(found) + report.empty,
        rejections=[("expected windows with a hit", "silence")] * report.empty,
        remainder_hits=report.remainder_hits if report.remainder_steps else None,
    )
