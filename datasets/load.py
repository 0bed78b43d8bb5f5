"""From what a user names with `--data` to a `PatternSet`, a `GrooveSet` or a `SoundSet`.

It names an embedded set, a prepared folder, or an .npz file.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from drumjax.boundary import InputError, list_files, read_json
from drumjax.datasets import info as patterns
from drumjax.datasets.grooves.info import GrooveInfo, GrooveSet
from drumjax.datasets.info import CARD, EMBEDDED, HASH_DIGITS, NUMERIC, TEXTS, DataInfo, PatternSet, name_order
from drumjax.datasets.kinds import GROOVES, KINDS, ONE_SHOTS, PATTERNS, DataSet, Info, content_sha256, detect_kind, read_info
from drumjax.datasets.npz import read_npz
from drumjax.datasets.prepare import embedded_set
from drumjax.datasets.sounds import info as sounds
from drumjax.datasets.sounds.info import SoundInfo, SoundSet

__all__ = [
    "DataInfo",
    "GrooveInfo",
    "GrooveSet",
    "PatternSet",
    "SoundInfo",
    "SoundSet",
    "load_data",
    "load_grooves",
    "load_patterns",
    "load_sounds",
    "prepared_folder",
]

_DEPTH = 4
"""DIR/BUILDER/CONFIG/VERSION, and one level above, for a folder of several such DIRs."""


def load_data(where: str | PathLike[str], kind: str | None = None) -> DataSet:
    """The prepared data that `where` names.

    Args:
      where: "embedded", a folder that `drumjax data build` wrote (or the TFDS version folder in it), or an .npz file that
        `drumjax data arrays` wrote. TFDS is imported for a folder only.
      kind: one of `drumjax.datasets.kinds.KINDS`: which kind the data have to be of, and which of several sets in a folder is
        meant; None takes what is there, and of the embedded sets the patterns.

    Raises:
      InputError: there is nothing of the kind, several data sets, one of another kind, or one that breaks a rule; for raw files the
        message gives the command that prepares them.
    """
    if str(where) == EMBEDDED:
        if kind == ONE_SHOTS.name:
            from drumjax.datasets.sounds.prepare import embedded_sounds

            return embedded_sounds()
        if kind == GROOVES.name:
            from drumjax.datasets.grooves.prepare import embedded_grooves

            return embedded_grooves()
        return embedded_set()
    path = Path(where)
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that no file can have
        return load_folder(prepared_folder(path, kind), kind)
    if path.suffix.lower() == ".npz":
        data = read_npz(path)
        _expect_kind(path, data.info, kind)
        return data
    if os.path.isfile(path):
        raise _unprepared(path, "a file that is not prepared data", kind)
    raise InputError(
        path, rule="'embedded', a prepared folder or an .npz file", found="no such file or folder", remedy="check the spelling"
    )


def load_patterns(where: str | PathLike[str]) -> PatternSet:
    """The drum patterns that `where` names; see `load_data`."""
    data = load_data(where, PATTERNS.name)
    assert isinstance(data, PatternSet)
    return data


def load_grooves(where: str | PathLike[str]) -> GrooveSet:
    """The grooves that `where` names; see `load_data`."""
    data = load_data(where, GROOVES.name)
    assert isinstance(data, GrooveSet)
    return data


def load_sounds(where: str | PathLike[str]) -> SoundSet:
    """The one-shots that `where` names; see `load_data`."""
    data = load_data(where, ONE_SHOTS.name)
    assert isinstance(data, SoundSet)
    return data


def _expect_kind(path: Path, info: Info, kind: str | None) -> None:
    if kind not in (None, info.kind):
        raise InputError(
            path,
            rule=f"data of kind {kind!r}",
            found=f"{info.kind!r}",
            remedy=f"name prepared {kind}: 'embedded', or a folder that 'drumjax data build … --kind {kind}' wrote",
        )


def prepared_folder(path: Path, kind: str | None = None) -> Path:
    """The one prepared data set at or below a folder: the TFDS version folder, with `drumjax.json` in it.

    Of several of different kinds it is the one of the kind that is asked for.

    Raises:
      InputError: there is none, or more than one.
    """
    found = prepared_folders(path)
    if kind is not None and len(found) > 1:
        found = [folder for folder in found if folder.parent.parent.name == KINDS[kind].builder] or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise _unprepared(path, "none in this folder", kind)
    names = ", ".join(str(folder.relative_to(path)) for folder in found[:5])
    raise InputError(path, rule="one prepared data set", found=f"{len(found)}: {names}", remedy="name one of these folders")


def is_prepared(path: Path) -> bool:
    """Whether a build wrote to this folder, or made it."""
    return (path / CARD).is_file() or any(any((path / kind.builder).glob(f"*/*/{CARD}")) for kind in KINDS.values())


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
    """The content of a prepared folder's `drumjax.json`, with `info` as a `DataInfo`, `GrooveInfo` or `SoundInfo`.

    Raises:
      InputError: the file is damaged, or was written for another folder.
    """
    card = read_json(folder / CARD)
    try:
        info = read_info(card["info"])
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
    if not folder.parent.name.endswith(f"_{info.source_sha256[:HASH_DIGITS]}"):
        raise InputError(
            folder,
            rule=f"a folder named after its source's hash, …_{info.source_sha256[:HASH_DIGITS]}/VERSION",
            found=f"{folder.parent.name}/{folder.name}",
            remedy="move the folder back, or build the data again",
        )
    return {**card, "info": info}


def load_folder(folder: Path, kind: str | None = None) -> DataSet:
    """The data set of one TFDS version folder with a `drumjax.json`.

    Raises:
      InputError: it is damaged, does not fit its card, or is of another kind than asked for.
    """
    card = read_card(folder)
    _expect_kind(folder, card["info"], kind)
    try:
        is_sounds = isinstance(card["info"], SoundInfo)
        data: DataSet = _load_sounds(folder, card["info"]) if is_sounds else _load_patterns(folder, card["info"])
        if content_sha256(data) != card["content_sha256"]:
            raise ValueError("examples that do not fit the hash in drumjax.json")
    except Exception as error:  # TFDS and its readers raise whatever they please about damaged files
        raise _damaged(folder, error) from error
    return data


def verify_folder(folder: Path) -> None:
    """Checks a folder against its card as `load_folder` does, sounds one by one: in little memory, however large the set is.

    Raises:
      InputError: see `load_folder`.
    """
    card = read_card(folder)
    if not isinstance(card["info"], SoundInfo):
        load_folder(folder)
        return
    try:
        builder = open_tfds(folder, "label", card["info"].classes)
        from drumjax.datasets.sounds.records import records_sha256

        if records_sha256(builder, card["info"]) != card["content_sha256"]:
            raise ValueError("examples that do not fit the hash in drumjax.json")
    except Exception as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> InputError:
    return InputError(
        folder,
        rule="the data set that 'drumjax data build' wrote here",
        found=f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}",
        remedy="the folder was changed: remove it and build the data again",
    )


def open_tfds(folder: Path, feature: str, labels: tuple[str, ...]) -> Any:
    """The TFDS builder of a version folder, once it is found to import nothing of others' and to have the labels of the card.

    Raises:
      ValueError: it does not.
    """
    import tensorflow_datasets as tfds

    # TFDS imports whatever module a feature's class is said to be in: only its own may be named.
    for name in _class_names(read_json(folder / "features.json")):
        if not str(name).startswith("tensorflow_datasets.core.features."):
            raise ValueError(f"features.json with a feature of the class {name!r}, which is not of TFDS")
    builder = tfds.builder_from_directory(str(folder))
    found = tuple(builder.info.features[feature].names)
    if found != labels:
        raise ValueError(f"the {'classes' if feature == 'label' else 'genres'} {found} where drumjax.json has {labels}")
    return builder


def _load_sounds(folder: Path, info: SoundInfo) -> SoundSet:
    from drumjax.datasets.sounds.records import read_records

    return sounds.check(SoundSet(info, read_records(open_tfds(folder, "label", info.classes), info)))


def _load_patterns(folder: Path, info: DataInfo) -> PatternSet:
    builder = open_tfds(folder, "genre", info.genres)
    splits = {}
    for split in info.counts:
        # TFDS writes no split without examples.
        examples = list(builder.as_data_source(split)) if split in builder.info.splits else []
        examples.sort(key=lambda example: name_order(example["name"].decode()))
        columns = {name: np.array([example[name] for example in examples], NUMERIC[name]) for name in NUMERIC}
        grid = (len(examples), info.steps, len(info.drum_map.lanes))
        columns |= {name: columns[name].reshape(grid) for name in ("velocity", "offset")}
        splits[split] = columns | {name: np.array([example[name].decode() for example in examples], np.str_) for name in TEXTS}
    made = KINDS[info.kind].make_set(info, splits)
    assert isinstance(made, PatternSet)
    return patterns.check(made)


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


def _unprepared(path: Path, found: str, kind: str | None) -> InputError:
    """What to say of a path without prepared data; raw files can be prepared, and the message gives the command."""
    raw = next((each for each in ([KINDS[kind]] if kind else KINDS.values()) if _holds(path, each.suffixes)), None)
    prepared = shlex.quote(f"{path.resolve().stem or 'data'}-prepared")
    flag = f" --kind {raw.name}" if raw and raw.name != detect_kind(path) else ""
    return InputError(
        path,
        rule="prepared data",
        found=f"{found} (raw {raw.item}s have to be prepared once)" if raw else found,
        remedy=f"run: drumjax data build {shlex.quote(str(path))} -o {prepared}{flag} and then name {prepared}"
        if raw
        else "name a folder that 'drumjax data build' wrote, or 'embedded'",
    )


def _holds(path: Path, suffixes: tuple[str, ...]) -> bool:
    return bool(list_files(path, suffixes)) if path.is_dir() else path.suffix.lower() in suffixes
