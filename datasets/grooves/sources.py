"""From a folder of performances to grooves, with a reason for everything that is left out.

Two layouts are read. The Groove MIDI Dataset's is known by its `info.csv`, which says of every file its style, its metre and
whether it is a fill. Of any other folder the style is what a labels file says, else what the folders on the file's path say
(`_label_of_folders`; `Mega Pack/Rock Essentials/8ths/a.mid` is rock), else what a step-grid file says.

Rules, in this order: no fills; 4/4; a style that means one of the genres; `KeepRules`, for the track and then for every window; the
licence filter; of grooves with the same velocities in every cell the first. The windows of a track overlap by a bar
(`groove_windows`), are called `FILE#k`, and are one group. One bad file never stops the rest.

Source: PocketVAE, Sec. 3.1 and 3.2, and its public code; the layout and the order are our decision.
"""

from __future__ import annotations

import difflib
import functools
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from drumjax.boundary import InputError, read_csv
from drumjax.datasets.grooves.info import KIND
from drumjax.datasets.rejections import Rejection, nothing_usable
from drumjax.datasets.sources import (
    LABELS_BYTES,
    LABELS_ROWS,
    METRE,
    PERFORMANCE_FILE,
    Collection,
    Cut,
    FileRead,
    Label,
    Task,
    clean_genre,
    gather,
    labelled_files,
    read_files,
)
from drumjax.patterns.drum_map import POCKET
from drumjax.patterns.files import GRID_SUFFIXES
from drumjax.patterns.grooves import (
    END,
    GENRE_ALIASES,
    GROOVE_STEPS,
    KEEP,
    KeepRules,
    check_groove,
    check_window,
    genre_of_style,
    groove_windows,
    is_fill,
    style_meaning,
)
from drumjax.patterns.midi import CellRule
from drumjax.patterns.pattern import Pattern

MOST_GENRES = 6
"""As many genres as the paper has: of a source that names none, the largest."""
GROOVE_MIDI_TABLE = "info.csv"
GROOVE_MIDI_COLUMNS = frozenset(("drummer", "style", "beat_type", "time_signature", PERFORMANCE_FILE))
GROOVE_MIDI_LICENCE = "cc-by-4.0"
"""Under which the Groove MIDI Dataset is published (magenta.tensorflow.org/datasets/groove)."""
_LONGEST_HEADER = 1 << 12
_NEAR = 2
"""So many levels above a source its table is looked for: `drummer1/session1` is two below it."""


def groove_midi_table(source: str | PathLike[str]) -> Path | None:
    """The table of a folder in the layout of the Groove MIDI Dataset, None for any other source.

    Raises:
      InputError: there is such a table, by its column `midi_filename`, and it is damaged or not whole. Without it fills would be
        taken for grooves, and drummers for styles.
    """
    table = Path(source) / GROOVE_MIDI_TABLE
    if not os.path.isfile(table):
        return None
    try:
        with table.open("rb") as file:
            header = file.readline(_LONGEST_HEADER)
    except OSError:
        return None
    if PERFORMANCE_FILE.encode() not in header.replace(b"\0", b""):  # a spreadsheet may have written UTF-16
        return None
    rows = read_csv(table, max_bytes=LABELS_BYTES, max_rows=LABELS_ROWS)
    columns = list(rows[0]) if rows else []
    if missing := sorted(GROOVE_MIDI_COLUMNS - set(columns)):
        raise InputError(
            table,
            rule=f"the table of the Groove MIDI Dataset, with the columns {', '.join(sorted(GROOVE_MIDI_COLUMNS))}",
            found=f"none called {', '.join(missing)}" if columns else "no rows",
            remedy="put the data set's own table there; a table of yours is named by --genres-csv",
        )
    return table


def collect_grooves(path: str | PathLike[str], **options: Any) -> Collection:
    """All usable grooves at or below a path; the arguments are those of `survey_grooves`.

    Raises:
      InputError: as `survey_grooves`, and when not one groove is left; then the commonest reasons are given.
    """
    collection = survey_grooves(path, **options)
    if not collection.examples:
        raise nothing_usable(path, "groove", collection.files_read, collection.reasons(), collection.advice)
    return collection


def survey_grooves(
    path: str | PathLike[str],
    *,
    genres: Sequence[str] = (),
    genres_csv: str | PathLike[str] | None = None,
    cell: CellRule = "louder",
    keep: KeepRules = KEEP,
    licence: str | None = None,
    licences: Sequence[str] = (),
    channel: int | None = None,
    processes: int = 1,
    progress: bool = False,
) -> Collection:
    """The grooves at or below a path, possibly none, and why the rest is none.

    Args:
      path: a folder with .mid, .midi, .json and .csv files at any depth, or one such file.
      genres: which are kept, in any spelling (`genre_of_style`); a name that the table does not know is a genre of the user's own.
        By default the `MOST_GENRES` that have most tracks in 4/4 that are no fills.
      genres_csv: labels, see `drumjax.datasets.sources.read_labels`; its columns `beat_type` and `time_signature` count too. By
        default the `info.csv` of the Groove MIDI Dataset's layout.
      cell: which of several notes in a cell stays.
      keep: which tracks and windows are kept.
      licence: declared for whatever states none itself; by default that of the Groove MIDI Dataset for its layout.
      licences: only grooves under these are kept; empty keeps all.
      channel: the MIDI channel, 1 to 16; by default as in `read_midi_pattern`.
      processes: see `drumjax.datasets.sources.survey`.
      progress: likewise.

    Raises:
      InputError: there are no such files at the path, or the labels cannot be read or name none of them; a genre without a name.
    """
    table = groove_midi_table(path) if genres_csv is None else None
    if table and licence is None:
        licence = GROOVE_MIDI_LICENCE
    wanted = wanted_genres(genres)
    own = tuple(genre for genre in wanted if genre not in GENRE_ALIASES)
    files, labels = labelled_files(path, table if genres_csv is None else genres_csv)
    rejections, tasks = [], []
    cut = functools.partial(_cut, keep=keep, own=own)
    for name, file in files.items():
        label = labels.get(name)
        metre = label.metre.replace("-", "/") if label else ""
        if is_fill(name, label.beat_type if label else ""):
            rejections.append(Rejection(name, "expected a track that is no fill", "a fill"))
        elif metre not in ("", f"{METRE[0]}/{METRE[1]}"):
            rejections.append(Rejection(name, "expected a pattern in 4/4", metre))
        else:
            tasks.append(Task(str(file), name, POCKET, channel, cut, label or _label_of_folders(name, own), cell))
    read = read_files(tasks, processes=processes, progress=progress)
    chosen = wanted or largest_genres(style for file in read.values() for style in file.genres)
    other_styles = Counter(style for name, found in read.items() for style in _keep_genres(name, found, chosen, own))
    collection = gather(
        path,
        KIND,
        files,
        labels,
        read,
        drum_map=POCKET,
        steps=GROOVE_STEPS,
        licence=licence,
        licences=licences,
        rejections=rejections,
    )
    nameless = sum(bool(file.genres) and not any(genre_of_style(style, own) for style in file.genres) for file in read.values())
    advice = _misspelt(own, read.values()) + (_where_genres_stand(path, files, nameless) if nameless and not labels else ())
    return replace(collection, other_styles=dict(other_styles.most_common()), advice=advice)


def wanted_genres(genres: Sequence[str]) -> tuple[str, ...]:
    """The genres that are asked for, in the alphabet's order: those of the table by their names there, others as they are written.

    What only ends in a tag of the table is one of these others.

    Raises:
      InputError: one of them has no letter or digit.
    """
    # "deep house" is what somebody may want to tell from other electronic music.
    meanings = {text: style_meaning(text) for text in genres}
    named = {meaning[1] if meaning and meaning[0] != END else clean_genre(text) for text, meaning in meanings.items()}
    if any(not any(mark.isalnum() for mark in name) for name in named):
        raise InputError("--genres", rule="names of genres", found=repr(list(genres)), remedy="write them with commas: rock,jazz")
    return tuple(sorted(named))


def largest_genres(styles: Iterable[str], most: int = MOST_GENRES) -> tuple[str, ...]:
    """The genres of most tracks, in the alphabet's order; of equally many the first in the alphabet.

    Args:
      styles: of every track.
      most: how many genres at most.
    """
    tracks = Counter(genre for style in styles if (genre := genre_of_style(style)))
    return tuple(sorted(sorted(tracks, key=lambda genre: (-tracks[genre], genre))[:most]))


def _label_of_folders(name: str, own: Sequence[str]) -> Label | None:
    """What the folders say of a file: the surest meaning (`style_meaning`), of equally sure ones the outermost folder's.

    Where none of them means a genre, a step grid goes by what it says itself, and a MIDI file by its first folder (None), so that
    it is reported as what somebody called it.
    """
    folders = [clean_genre(folder) for folder in name.split("/")[:-1]]
    meanings = [(meaning[0], depth) for depth, folder in enumerate(folders) if (meaning := style_meaning(folder, own))]
    if not meanings:
        return Label(genre="", group="", licence="") if name.lower().endswith(GRID_SUFFIXES) else None
    return Label(genre=folders[min(meanings)[1]], group="", licence="")


def _misspelt(own: Sequence[str], read: Iterable[FileRead]) -> tuple[str, ...]:
    """What helps where genres of the user's own are those of no file, and look like known ones."""
    there = {genre_of_style(style, own) for file in read for style in file.genres}
    near = {name: difflib.get_close_matches(name, GENRE_ALIASES, n=1) for name in own if name not in there}
    return tuple(f"no style means {name!r}: perhaps you meant {known[0]!r}" for name, known in near.items() if known)


def _where_genres_stand(path: str | PathLike[str], files: Iterable[str], nameless: int) -> tuple[str, ...]:
    """What helps where no label and no folder names the genre of so many files."""
    above = Path(path).resolve().parents[:_NEAR]
    below = [Path(path, name).parent for name in files if name.rpartition("/")[2] == GROOVE_MIDI_TABLE]
    for folder in (*above, *below):
        try:
            if groove_midi_table(folder):
                return (f"the Groove MIDI Dataset is read by the table in its own folder: name {folder}",)
        except InputError:
            continue
    are = "1 file is" if nameless == 1 else f"{nameless:,} files are"
    return (
        f"{are} in no folder whose name means a genre: call a folder by it, name folders of your own with --genres, or give "
        "--genres-csv a table with the columns file,genre",
    )


def _cut(pattern: Pattern, where: str, keep: KeepRules, own: Sequence[str]) -> Cut:
    """The windows of a track that are kept; its genre is the style that is stated."""
    del where  # the reader names what is refused
    track = replace(pattern, genre=genre_of_style(pattern.genre, own) or "")
    if fault := check_groove(track, keep):
        return Cut([], 0, [(f"expected {fault.rule}", fault.found)])
    windows = groove_windows(track)
    faults = [check_window(window, keep) for window in windows]
    return Cut(
        windows=[(k, window) for k, (window, fault) in enumerate(zip(windows, faults, strict=True)) if fault is None],
        total=len(windows),
        rejections=[(f"expected {fault.rule}", fault.found) for fault in faults if fault],
    )


def _keep_genres(name: str, file: FileRead, chosen: Sequence[str], own: Sequence[str]) -> list[str]:
    """Gives windows the names of their genres, and drops tracks of none of those that were chosen, whose styles it tells."""
    genre_of: Mapping[str, str | None] = {style: genre_of_style(style, own) for style in file.genres}
    others = [style for style in file.genres if genre_of[style] not in chosen]
    if others and len(others) == len(file.genres):  # what else is wrong with them is no matter
        file.rejections.clear()
    reason = f"expected a track of {', '.join(chosen)}" if chosen else "expected a style that means a genre"
    file.rejections += [Rejection(name, reason, style or "no style") for style in others]
    file.windows = [window._replace(genre=genre) for window in file.windows if (genre := genre_of[window.genre] or "") in chosen]
    return others
