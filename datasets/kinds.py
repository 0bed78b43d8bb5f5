"""The kinds of data that this version prepares, loads and trains on, and in what they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from drumjax.boundary import AUDIO_SUFFIXES, InputError, list_files
from drumjax.datasets import info as patterns
from drumjax.datasets.grooves import info as grooves
from drumjax.datasets.grooves.info import GrooveInfo, GrooveSet
from drumjax.datasets.info import EMBEDDED, DataInfo, PatternSet
from drumjax.datasets.sounds import info as sounds
from drumjax.datasets.sounds.info import SoundInfo, SoundSet
from drumjax.patterns.files import GRID_SUFFIXES, MIDI_SUFFIXES

DataSet = PatternSet | SoundSet
"""A `GrooveSet` is a `PatternSet`, and a `GrooveInfo` a `DataInfo`."""
Info = DataInfo | SoundInfo


class Kind(NamedTuple):
    """A kind of data.

    Attributes:
      name: what a card and `--kind` call it.
      builder: its TFDS builder, and so the folder that a build makes.
      suffixes: how the names of raw files end.
      item: what one example is called.
      recipe: the recipe that is named first to whoever has prepared such data.
      read_info: what a data set says of itself, from JSON; ValueError for what breaks a rule.
      make_set: a data set of what it is and its splits.
      content_sha256: the hash of what is in a set's arrays, whatever they were read from.
    """

    name: str
    builder: str
    suffixes: tuple[str, ...]
    item: str
    recipe: str
    read_info: Callable[[Any], Info]
    make_set: Callable[[Any, Mapping[str, Mapping[str, np.ndarray]]], DataSet]
    content_sha256: Callable[[Any], str]


PATTERNS = Kind(
    name=patterns.KIND,
    builder=patterns.BUILDER,
    suffixes=MIDI_SUFFIXES + GRID_SUFFIXES,
    item="pattern",
    recipe="pattern-vae",
    read_info=DataInfo.from_json,
    make_set=PatternSet,
    content_sha256=patterns.content_sha256,
)
GROOVES = Kind(
    name=grooves.KIND,
    builder=grooves.BUILDER,
    suffixes=PATTERNS.suffixes,
    item="groove",
    recipe="pocketvae",
    read_info=GrooveInfo.from_json,
    make_set=GrooveSet,
    content_sha256=patterns.content_sha256,
)
ONE_SHOTS = Kind(
    name=sounds.KIND,
    builder=sounds.BUILDER,
    suffixes=AUDIO_SUFFIXES,
    item="sound",
    recipe="cwae",
    read_info=SoundInfo.from_json,
    make_set=SoundSet,
    content_sha256=sounds.content_sha256,
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in (PATTERNS, ONE_SHOTS, GROOVES)})


def read_info(value: Any) -> Info:
    """What a data set of any kind says of itself, from the JSON-like data that its `to_json` gave.

    Raises:
      ValueError: a rule is broken, see `DataInfo.from_json`, `GrooveInfo.from_json` and `SoundInfo.from_json`.
    """
    kind = value.get("kind") if isinstance(value, Mapping) else None
    return (KINDS.get(kind, PATTERNS) if isinstance(kind, str) else PATTERNS).read_info(value)


def content_sha256(data: DataSet) -> str:
    """The hash of what is in the arrays, whatever they were read from."""
    return KINDS[data.info.kind].content_sha256(data)


def detect_kind(source: str | PathLike[str], kind: str | None = None) -> str:
    """The kind of a source: what is asked for, or what most of its files are; patterns where they say nothing.

    Grooves have to be asked for: they are read from the same files as patterns.

    Raises:
      InputError: a kind that this version does not prepare.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(
            "--kind",
            rule=f"a kind that this version prepares: {', '.join(KINDS)}",
            found=repr(kind),
            remedy="leave --kind away to have it detected; songs are not supported yet",
        )
    path = Path(source)
    if kind or str(source) == EMBEDDED:
        return kind or PATTERNS.name
    if path.is_dir():
        count = {each.name: len(list_files(path, each.suffixes, max_files=sounds.MOST_SOUNDS)) for each in KINDS.values()}
        return max(count, key=lambda name: (count[name], name == PATTERNS.name))
    return ONE_SHOTS.name if path.suffix.lower() in ONE_SHOTS.suffixes else PATTERNS.name
