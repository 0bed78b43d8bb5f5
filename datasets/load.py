"""From what a user names with `--data` to a `PatternSet`: the embedded set, a prepared folder, or an .npz file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from drumjax.boundary import InputError, list_files, read_json
from drumjax.datasets.info import BUILDER, CARD, NUMERIC, TEXTS, DataInfo, PatternSet, check, content_sha256, name_order
from drumjax.datasets.npz import read_npz
from drumjax.datasets.prepare import EMBEDDED, embedded_set
from drumjax.patterns.files import GRID_SUFFIXES, MIDI_SUFFIXES

__all__ = ["DataInfo", "PatternSet", "load_patterns", "prepared_folder"]

_DEPTH = 4
"""DIR/edm_patterns/CONFIG/VERSION, and one level above, for a folder of several such DIRs."""


def load_patterns(where: str | PathLike[str]) -> PatternSet:
    """The drum patterns that `where` names.

    Args:
      where: "embedded", a folder that `drumjax data build` wrote (or the TFDS version folder in it), or an .npz file that
        `drumjax data arrays` wrote. TFDS is imported for a folder only.

    Raises:
      InputError: there is nothing of the kind, several data sets, or one that breaks a rule; for raw files the message gives the
        command that prepares them.
    """
    if str(where) == EMBEDDED:
        return embedded_set()
    path = Path(where)
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that no file can have
        return load_folder(prepared_folder(path))
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if os.path.isfile(path):
        raise _unprepared(path, "a file that is not prepared data")
    raise InputError(
        path, rule="'embedded', a prepared folder or an .npz file", found="no such file or folder", remedy="check the spelling"
    )


def prepared_folder(path: Path) -> Path:
    """The one prepared data set at or below a folder: the TFDS version folder, with `drumjax.json` in it.

    Raises:
      InputError: there is none, or more than one.
    """
    found = prepared_folders(path)
    if len(found) == 1:
        return found[0]
    if not found:
        raise _unprepared(path, "none in this folder")
    names = ", ".join(str(folder.relative_to(path)) for folder in found[:5])
    raise InputError(path, rule="one prepared data set", found=f"{len(found)}: {names}", remedy="name one of these folders")


def is_prepared(path: Path) -> bool:
    """Whether a build wrote to this folder, or made it."""
    return (path / CARD).is_file() or any((path / BUILDER).glob(f"*/*/{CARD}"))


def prepared_folders(path: Path) -> list[Path]:
    """All prepared data sets at or below a folder, sorted; unfinished ones, in folders that begin with a dot, are passed over."""
    found = []
    for where, folders, files in os.walk(path):
        depth = len(Path(where).relative_to(path).parts)
        folders[:] = [name for name in folders if not name.startswith(".") and depth < _DEPTH]
        if CARD in files:
            found.append(Path(where))
    return sorted(found)


def read_card(folder: Path) -> dict[str, Any]:
    """The content of a prepared folder's `drumjax.json`, with `info` as a `DataInfo`.

    Raises:
      InputError: the file is damaged, or was written for another folder.
    """
    card = read_json(folder / CARD)
    try:
        info = DataInfo.from_json(card["info"])
        content = card["content_sha256"]
        if not isinstance(content, str):
            raise TypeError("content_sha256")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            folder / CARD,
            rule="the card of a prepared data set",
            found=f"{error}",
            remedy="the folder was changed: remove it and build the data again",
        ) from None
    if not folder.parent.name.endswith(f"_{info.source_sha256[:16]}"):
        raise InputError(
            folder,
            rule=f"a folder named after its source's hash, …_{info.source_sha256[:16]}/VERSION",
            found=f"{folder.parent.name}/{folder.name}",
            remedy="move the folder back, or build the data again",
        )
    return {**card, "info": info}


def load_folder(folder: Path) -> PatternSet:
    """The data set of one TFDS version folder with a `drumjax.json`.

    Raises:
      InputError: it is damaged, or does not fit its card.
    """
    card = read_card(folder)
    try:
        patterns = check(PatternSet(card["info"], _read_tfds(folder, card["info"])))
        if content_sha256(patterns) != card["content_sha256"]:
            raise ValueError("examples that do not fit the hash in drumjax.json")
    except Exception as error:  # TFDS and its readers raise whatever they please about damaged files
        raise InputError(
            folder,
            rule="the data set that 'drumjax data build' wrote here",
            found=f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}",
            remedy="the folder was changed: remove it and build the data again",
        ) from error
    return patterns


def _read_tfds(folder: Path, info: DataInfo) -> dict[str, dict[str, np.ndarray]]:
    import tensorflow_datasets as tfds

    # TFDS imports whatever module a feature's class is said to be in: only its own may be named.
    for name in _class_names(read_json(folder / "features.json")):
        if not str(name).startswith("tensorflow_datasets.core.features."):
            raise ValueError(f"features.json with a feature of the class {name!r}, which is not of TFDS")
    builder = tfds.builder_from_directory(str(folder))
    labels = tuple(builder.info.features["genre"].names)
    if labels != info.genres:
        raise ValueError(f"the genres {labels} where drumjax.json has {info.genres}")
    splits = {}
    for split in info.counts:
        # TFDS writes no split without examples.
        examples = list(builder.as_data_source(split)) if split in builder.info.splits else []
        examples.sort(key=lambda example: name_order(example["name"].decode()))
        columns = {name: np.array([example[name] for example in examples], NUMERIC[name]) for name in NUMERIC}
        grid = (len(examples), info.steps, len(info.drum_map.lanes))
        columns |= {name: columns[name].reshape(grid) for name in ("velocity", "offset")}
        splits[split] = columns | {name: np.array([example[name].decode() for example in examples], np.str_) for name in TEXTS}
    return splits


def _class_names(value: Any) -> Iterator[Any]:
    """Every `pythonClassName` of a features.json, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("pythonClassName", "python_class_name", "type"):
                yield inner
            yield from _class_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _class_names(inner)


def _unprepared(path: Path, found: str) -> InputError:
    """What to say of a path without prepared data; raw files can be prepared, and the message gives the command."""
    raw = MIDI_SUFFIXES + GRID_SUFFIXES
    is_raw = bool(list_files(path, raw)) if path.is_dir() else path.suffix.lower() in raw
    prepared = shlex.quote(f"{path.resolve().stem or 'patterns'}-prepared")
    return InputError(
        path,
        rule="prepared data",
        found=f"{found} (raw patterns have to be prepared once)" if is_raw else found,
        remedy=f"run: drumjax data build {shlex.quote(str(path))} -o {prepared} and then name {prepared}"
        if is_raw
        else "name a folder that 'drumjax data build' wrote, or 'embedded'",
    )
