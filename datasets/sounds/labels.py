"""What tables say of sound files and of folders of them: class, group and licence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import NamedTuple

from drumjax.boundary import InputError, read_csv
from drumjax.patterns.classes import class_label

MOST_BYTES, MOST_ROWS = 32 << 20, 200_000
"""Of a table: 160 bytes a sound for the largest sets that are prepared without a cluster."""
_PATH_COLUMNS = ("file", "path", "folder")
_CLASS_COLUMNS = ("class", "cls", "label")
_LICENCE_COLUMNS = ("licence", "license")


class SoundLabel(NamedTuple):
    """What a table says of a file or folder; "" where it says nothing."""

    label: str
    group: str
    licence: str


def read_sound_labels(path: str | PathLike[str]) -> dict[str, SoundLabel]:
    """What a CSV file says of the sounds of a folder.

    - A column `file` (or `path`, `folder`): a file, or a folder whose files all of the line holds for, as seen from the source
      folder.
    - Optional columns `class` (or `cls`, `label`; any of the names that `drumjax.patterns.classes` knows, or a class of your own),
      `group` (files of one group stay in one split) and `licence` (or `license`). An empty cell says nothing.

    Other columns are passed over.

    Raises:
      InputError: the file is no such table, names a path twice with different labels, or has a class that is no name.
    """
    rows = read_csv(path, max_bytes=MOST_BYTES, max_rows=MOST_ROWS)
    columns = list(rows[0]) if rows else []

    def column(names: Iterable[str]) -> str | None:
        return next((name for name in names if name in columns), None)

    path_column, class_column, licence_column = map(column, (_PATH_COLUMNS, _CLASS_COLUMNS, _LICENCE_COLUMNS))
    if path_column is None or not (class_column or licence_column or "group" in columns):
        raise InputError(
            path,
            rule=f"a column {' or '.join(_PATH_COLUMNS)}, and one of class, group and licence",
            found=f"the columns {', '.join(columns[:8])}" if columns else "no rows",
            remedy="name the columns in the first line: file,class,group,licence",
        )
    labels: dict[str, SoundLabel] = {}
    for row in rows:
        name = re.sub(r"^(?:\./)+", "", row[path_column].strip().replace("\\", "/")).rstrip("/") or "."
        text = row[class_column].strip() if class_column else ""
        named = class_label(text) if text else ""
        if named is None:
            raise InputError(
                path, rule="classes in letters, digits, '_' and '-'", found=f"{text!r} for {name}", remedy="rename the class"
            )
        label = SoundLabel(named, row.get("group", "").strip(), row[licence_column].strip() if licence_column else "")
        if labels.setdefault(name, label) != label:
            raise InputError(
                path, rule="the same labels each time a path is named", found=f"{name!r} twice", remedy="keep one of the lines"
            )
    return labels


def label_of(name: str, tables: Sequence[Mapping[str, SoundLabel]]) -> SoundLabel:
    """What tables say of one file: cell by cell the nearest, the file's own line before its folder's before the next above.

    Of several tables the first that says something of a path counts.
    """
    parts = name.split("/")
    places = [*("/".join(parts[:n]) for n in range(len(parts), 0, -1)), "."]
    found = [table[place] for place in places for table in tables if place in table]
    return SoundLabel(*(next((cell for cell in cells if cell), "") for cells in zip(*found, strict=True))) if found else _NOTHING


_NOTHING = SoundLabel("", "", "")
