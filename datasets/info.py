"""What a data set is, once it is prepared: `PatternSet`, the arrays of every split, and `DataInfo`, what they are.

Every way in (the embedded set, a prepared folder, an .npz file) gives the same `PatternSet` for the same data, bit for bit and in
the same order, so that a training does not depend on which one was taken; `check` is what all of them pass through.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from drumjax.datasets.splits import SPLITS
from drumjax.patterns import DrumMap
from drumjax.patterns.drum_map import drum_map_from_json, drum_map_to_json
from drumjax.patterns.pattern import LEAST_VELOCITY

KIND = "patterns"
BUILDER = "edm_patterns"
"""The name of the TFDS builder, and so of the folder that a build makes."""
CARD = "drumjax.json"
"""The file beside TFDS's own that says what the data are; its absence marks a folder as not ours, or not finished."""
EMBEDDED = "embedded"
"""What the sets are called that come with the library."""
GROOVE_MIDI = "groove_midi"
"""What the Groove MIDI Dataset is called."""
WITH = " and "
"""Between the name of a source and that of the embedded set, where these join it."""
HASH_DIGITS = 16
"""Of the source's SHA-256, in the name of a configuration: 64 bits, no two folders of one user meet."""
NUMERIC = MappingProxyType({"velocity": np.float32, "offset": np.float32, "genre": np.int32, "tempo_bpm": np.float32})
"""The arrays of a split that a model may see, and their types."""
TEXTS = ("name", "group", "licence")
"""The arrays of a split that say what an example is; fixed-width strings, never put on the device."""
MOST_EXAMPLES = 1 << 20
"""2**20 patterns of 64 steps and 47 lanes are 25 GB: whatever says it holds more is not read."""


@dataclass(frozen=True)
class DataInfo:
    """What a prepared data set is. Goes into the checkpoint of every model that was trained on it.

    Attributes:
      kind: "patterns", or that of a subclass.
      name: "embedded", or the name of the folder or file that it was made from.
      source_sha256: the hash of all that decides the data: files, labels, options, seed of the splits. Equal hashes, equal data.
      genres: their names, in the order of the examples' `genre`.
      drum_map: what the lanes are.
      steps: the length of a pattern in 16ths.
      counts: examples of every split.
      licences: examples of every licence, all splits together.
    """

    KIND: ClassVar[str] = KIND
    kind: str
    name: str
    source_sha256: str
    genres: tuple[str, ...]
    drum_map: DrumMap
    steps: int
    counts: Mapping[str, int]
    licences: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-like data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "source_sha256": self.source_sha256,
            "genres": list(self.genres),
            "drum_map": drum_map_to_json(self.drum_map),
            "steps": self.steps,
            "counts": dict(self.counts),
            "licences": dict(self.licences),
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """What `to_json` wrote.

        Raises:
          ValueError: a field is missing, unknown, of the wrong type, or out of its range; the message names it.
        """
        check_fields(value, tuple(field.name for field in fields(cls)), cls.KIND)
        return cls(**cls._fields_from_json(value))

    def check_counts(self, splits: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Checks what a subclass says of the arrays besides; ValueError where it is wrong."""

    @classmethod
    def _fields_from_json(cls, value: Mapping[str, Any]) -> dict[str, Any]:
        genres = texts_from_json(value, "genres")
        if type(value["steps"]) is not int or not 1 <= value["steps"] <= 1 << 16:
            raise ValueError(f"steps: expected a whole number from 1 to 65536, found {value['steps']!r}")
        return {
            "kind": cls.KIND,
            "name": value["name"],
            "source_sha256": value["source_sha256"],
            "genres": genres,
            "drum_map": drum_map_from_json(value["drum_map"]),
            "steps": value["steps"],
            "counts": counts_from_json(value, "counts"),
            "licences": counts_from_json(value, "licences"),
        }


def check_fields(value: Any, fields: Sequence[str], kind: str) -> None:
    """Checks what the information on every kind of data has: its fields, a name, a hash, and the kind.

    Raises:
      ValueError: `value` is something else; the message names the field.
    """
    if not isinstance(value, Mapping) or set(value) != set(fields):
        found = ", ".join(sorted(map(str, value))) if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"expected the fields {', '.join(fields)}, found {found}")
    for field in ("kind", "name"):
        if not isinstance(value[field], str):
            raise ValueError(f"{field}: expected a string, found {value[field]!r}")
    if value["kind"] != kind:
        raise ValueError(f"kind: expected {kind!r}, found {value['kind']!r}")
    if not isinstance(value["source_sha256"], str) or not re.fullmatch("[0-9a-f]{64}", value["source_sha256"]):
        raise ValueError(f"source_sha256: expected 64 hexadecimal digits, found {value['source_sha256']!r}")


def texts_from_json(value: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A list of different names; ValueError for anything else."""
    texts = value[field]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"{field}: expected a list of names, found {texts!r}")
    if len(set(texts)) != len(texts):
        raise ValueError(f"{field}: expected each name once, found {texts!r}")
    return tuple(texts)


def counts_from_json(value: Mapping[str, Any], field: str, most: int = MOST_EXAMPLES) -> dict[str, int]:
    """Names with whole numbers from 0 to `most`, those of `counts` splits; ValueError for anything else."""
    counts = value[field]
    if not isinstance(counts, Mapping) or not all(type(n) is int and 0 <= n <= most for n in counts.values()):
        raise ValueError(f"{field}: expected whole numbers from 0 to {most}, found {counts!r}")
    if field == "counts" and not set(counts) <= set(SPLITS):
        raise ValueError(f"counts: expected splits of {', '.join(SPLITS)}, found {', '.join(counts)}")
    return dict(counts)


def counts_by_split(
    value: Mapping[str, Any], field: str, names: Sequence[str], most: int = MOST_EXAMPLES
) -> dict[str, dict[str, int]]:
    """For each split of `value["counts"]` how many of its examples each of `names` has; ValueError for anything else."""
    counts, by_split = value["counts"], value[field]
    if not isinstance(by_split, Mapping) or set(by_split) != set(counts):
        raise ValueError(f"{field}: expected the splits {', '.join(counts)}, found {by_split!r}")
    read = {split: counts_from_json(by_split, split, most) for split in by_split}
    for split, found in read.items():
        if set(found) != set(names) or sum(found.values()) != counts[split]:
            raise ValueError(f"{field}: expected each of {', '.join(names)} in {split} and {counts[split]} in all, found {found!r}")
    return read


@dataclass(frozen=True, eq=False)
class PatternSet:
    """Prepared patterns.

    Attributes:
      info: what they are.
      splits: for each of "train", "validation" and "test" these arrays, examples in the order of their names:
        `velocity` float32 (n, steps, lanes) in [0, 1], at least 1/127 where there is a hit, 0 elsewhere;
        `offset` float32 (n, steps, lanes) in [-1, 1), half steps, late positive, 0 where there is no hit;
        `genre` int32 (n,), index into `info.genres`; `tempo_bpm` float32 (n,), quarter notes a minute;
        `name`, `group`, `licence` strings (n,). A name is `FILE#k`, the k-th window of a file from 0, or `embedded:GENRE#k`.
    """

    info: DataInfo
    splits: Mapping[str, Mapping[str, np.ndarray]]


AnyPatternSet = TypeVar("AnyPatternSet", bound=PatternSet)


def check(patterns: AnyPatternSet) -> AnyPatternSet:
    """The same set, once every rule of `PatternSet` is found kept.

    Raises:
      ValueError: a rule is broken; the message names the split and the array.
    """
    info = patterns.info
    check_splits(patterns.splits, info.counts, lambda split, arrays: _check_split(info, arrays, info.counts[split]))
    check_texts(patterns.splits, info.licences)
    info.check_counts(patterns.splits)
    return patterns


def check_splits(
    splits: Mapping[str, Mapping[str, np.ndarray]],
    counts: Mapping[str, int],
    check_split: Callable[[str, Mapping[str, np.ndarray]], None],
) -> None:
    """Checks that the splits are those that are counted, and each of them by the rules of its kind.

    Raises:
      ValueError: something is broken; the message names the split.
    """
    if set(splits) != set(counts):
        raise ValueError(f"expected the splits {', '.join(counts)}, found {', '.join(splits)}")
    for split, arrays in splits.items():
        try:
            check_split(split, arrays)
        except ValueError as error:
            raise ValueError(f"{split}: {error}") from None


def check_arrays(
    arrays: Mapping[str, np.ndarray], n: int, numeric: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Checks the names, shapes and types of a split's arrays: those of `numeric`, and `TEXTS`, which every kind of data has.

    Args:
      arrays: of the split.
      n: its examples.
      numeric: the type of each array of numbers.
      shapes: of one example, where it is not a single number.

    Raises:
      ValueError: an array is missing, unknown, or another; the message names it.
    """
    if set(arrays) != {*numeric, *TEXTS}:
        raise ValueError(f"expected the arrays {', '.join([*numeric, *TEXTS])}, found {', '.join(arrays)}")
    for name, array in arrays.items():
        shape = (n, *shapes.get(name, ()))
        if array.shape != shape:
            raise ValueError(f"{name}: expected the shape {shape}, found {array.shape}")
        if name in TEXTS and array.dtype.kind != "U":
            raise ValueError(f"{name}: expected strings, found {array.dtype}")
        if name in numeric and array.dtype != numeric[name]:
            raise ValueError(f"{name}: expected {np.dtype(numeric[name])}, found {array.dtype}")


def check_texts(splits: Mapping[str, Mapping[str, np.ndarray]], expected: Mapping[str, int]) -> None:
    """Checks what holds for every kind of data: names stand once, groups are not cut, the licences are those that are stated.

    Raises:
      ValueError: they are not.
    """
    names = np.concatenate([arrays["name"] for arrays in splits.values()])
    if len(np.unique(names)) != len(names):
        raise ValueError("expected every name once")
    groups = [set(arrays["group"].tolist()) for arrays in splits.values()]
    if sum(map(len, groups)) != len(set().union(*groups)):
        raise ValueError("expected each group in one split")
    licences = Counter(licence for arrays in splits.values() for licence in arrays["licence"].tolist())
    if dict(licences) != dict(expected):
        raise ValueError(f"expected the licences {dict(expected)}, found {dict(licences)}")


def _check_split(info: DataInfo, arrays: Mapping[str, np.ndarray], n: int) -> None:
    grid = (info.steps, len(info.drum_map.lanes))
    check_arrays(arrays, n, NUMERIC, {"velocity": grid, "offset": grid})
    velocity, offset, genre, tempo = (arrays[name] for name in NUMERIC)
    # Written so that NaN breaks the rule.
    if not ((velocity == 0) | (velocity >= LEAST_VELOCITY) & (velocity <= 1)).all():
        raise ValueError("velocity: expected 0 or numbers in [1/127, 1]")
    if not ((offset >= -1) & (offset < 1)).all() or offset[velocity == 0].any():
        raise ValueError("offset: expected half steps in [-1, 1), 0 where there is no hit")
    if not ((genre >= 0) & (genre < len(info.genres))).all():
        raise ValueError(f"genre: expected numbers from 0 to {len(info.genres) - 1}")
    if not ((tempo > 0) & (tempo < 1e5)).all():
        raise ValueError("tempo_bpm: expected beats a minute above 0")


def content_sha256(patterns: PatternSet) -> str:
    """The hash of what is in the arrays, whatever they were read from."""
    digest = hashlib.sha256()
    for split in sorted(patterns.splits):
        for name in sorted(patterns.splits[split]):
            array = patterns.splits[split][name]
            digest.update(f"{split}/{name}{array.shape}".encode())
            if array.dtype.kind == "U":
                digest.update("\0".join(array.tolist()).encode())
            else:
                digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


class Named(Protocol):
    """What is asked of the information on any kind of data."""

    @property
    def name(self) -> str:
        """What the set is called."""

    @property
    def source_sha256(self) -> str:
        """The hash of all that decides the data."""


def config_name(info: Named) -> str:
    """A TFDS configuration's name: `embedded_…`, `groove_midi_…` or `folder_…` with the first digits of the source's hash.

    TFDS takes a configuration of a known name for prepared and returns what lies there: under one name a second folder would
    silently give the first one's data.
    """
    first = info.name.partition(WITH)[0]
    return f"{first if first in (EMBEDDED, GROOVE_MIDI) else 'folder'}_{info.source_sha256[:HASH_DIGITS]}"


def printable(name: str) -> str:
    """A file's name as text that can be printed and stored: names need not be UTF-8, and may hold a terminal's control codes.

    A backslash is doubled, so that two names never become one.
    """
    return "".join(mark if mark.isprintable() and mark != "\\" else mark.encode("unicode_escape").decode() for mark in name)


def name_order(name: str) -> tuple[str, int]:
    """Where an example stands among others: by its file, then by its number in it (`a.mid#10` after `a.mid#9`)."""
    file, _, number = name.rpartition("#")
    return (file, int(number)) if number.isdecimal() and len(number) < 19 else (name, -1)
