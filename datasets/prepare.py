"""From examples to a `PatternSet`: splits, arrays, order. Pure functions; the embedded set goes through the same as a folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drumjax.boundary import InputError
from drumjax.datasets.info import EMBEDDED, GROOVE_MIDI, KIND, WITH, DataInfo, PatternSet, check, name_order, printable
from drumjax.datasets.licences import admits
from drumjax.datasets.splits import SPLITS, split_groups
from drumjax.patterns import MEASURE_STEPS, PAPER_TEMPO_BPM, TR808, DrumMap
from drumjax.patterns.drum_map import drum_map_to_json

EMBEDDED_LICENCE = "apache-2.0"
"""The embedded patterns are the library's own and stand under its licence."""
FORMAT = 1
"""Raised when the same source would be read into other data than before: part of every source hash."""


class Example(NamedTuple):
    """One pattern of a data set.

    Attributes:
      velocity: float32 (steps, lanes) in [0, 1], 0 = no hit.
      offset: float32 (steps, lanes) in [-1, 1), half steps, late positive, 0 where there is no hit.
      genre: its name, lower case, "unknown" where nobody stated one.
      tempo_bpm: quarter notes a minute.
      name: `FILE#k`, the k-th window of a file from 0 (silent ones count), or `embedded:GENRE#k`; stands once in a set.
      group: examples of one group are never split up.
      licence: an id of `drumjax.datasets.licences`.
    """

    velocity: np.ndarray
    offset: np.ndarray
    genre: str
    tempo_bpm: float
    name: str
    group: str
    licence: str


def pattern_set(
    examples: Sequence[Example],
    *,
    joined: Sequence[Example] = (),
    name: str,
    source_sha256: str,
    drum_map: DrumMap = TR808,
    steps: int = MEASURE_STEPS,
    genres: Sequence[str] | None = None,
    seed: int = 0,
    validation: float = 0.05,
    test: float = 0.05,
) -> PatternSet:
    """The arrays of every split.

    Args:
      examples: at least one, names all different, in any order.
      joined: more of them, split by themselves: what is held out of a set stays held out whatever it joins.
      name: what the set is called.
      source_sha256: see `DataInfo`.
      drum_map: what the lanes are.
      steps: the length of every example.
      genres: the genres' order; by default the alphabet's.
      seed: of the splits.
      validation: see `split_groups`.
      test: likewise.

    Raises:
      ValueError: the examples break a rule of `PatternSet`, or there are too few groups for the splits.
    """
    genres = tuple(genres or sorted({example.genre for example in (*examples, *joined)}))

    def split(part: Sequence[Example]) -> list[str]:
        groups, named = [example.group for example in part], [example.genre for example in part]
        return split_groups(groups, named, seed=seed, validation=validation, test=test)

    splits = split_arrays((examples, joined) if joined else (examples,), split, genres, (steps, len(drum_map.lanes)))
    info = DataInfo(
        kind=KIND,
        name=name,
        source_sha256=source_sha256,
        genres=genres,
        drum_map=drum_map,
        steps=steps,
        counts={split: len(arrays["name"]) for split, arrays in splits.items()},
        licences=count_licences(splits),
    )
    return check(PatternSet(info, splits))


def split_arrays(
    parts: Sequence[Sequence[Example]],
    split: Callable[[Sequence[Example]], Sequence[str]],
    genres: Sequence[str],
    grid: tuple[int, int],
) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of every split, examples in the order of their names.

    Args:
      parts: examples, each part to be split by itself.
      split: gives the split of every example of a part.
      genres: their order.
      grid: steps and lanes of an example.
    """
    by_split: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for part in parts:
        for example, name in zip(part, split(part), strict=True):
            by_split[name].append(example)
    return {
        name: _arrays(sorted(part, key=lambda example: name_order(example.name)), genres, grid) for name, part in by_split.items()
    }


def count_licences(splits: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, int]:
    """Examples of every licence, all splits together."""
    return dict(sorted(Counter(licence for arrays in splits.values() for licence in arrays["licence"].tolist()).items()))


def _arrays(examples: Sequence[Example], genres: Sequence[str], grid: tuple[int, int]) -> dict[str, np.ndarray]:
    number = {genre: i for i, genre in enumerate(genres)}
    return {
        "velocity": np.array([example.velocity for example in examples], np.float32).reshape(-1, *grid),
        "offset": np.array([example.offset for example in examples], np.float32).reshape(-1, *grid),
        "genre": np.array([number[example.genre] for example in examples], np.int32),
        "tempo_bpm": np.array([example.tempo_bpm for example in examples], np.float32),
        "name": np.array([example.name for example in examples], np.str_),
        "group": np.array([example.group for example in examples], np.str_),
        "licence": np.array([example.licence for example in examples], np.str_),
    }


def embedded_examples() -> list[Example]:
    """The embedded set, 1,782 patterns (Off the Beaten Track, Table 1: 608 IDM, 690 Electro, 484 Techno), at the paper's tempo."""
    from drumjax.synth.grammar import GENRES, embedded

    data = embedded()
    number: Counter[str] = Counter()
    examples = []
    for velocity, genre_index, group in zip(data.velocity, data.genre, data.group, strict=True):
        genre = GENRES[genre_index]
        grid = velocity / np.float32(127)
        examples.append(
            Example(
                velocity=grid,
                offset=np.zeros_like(grid),
                genre=genre,
                tempo_bpm=PAPER_TEMPO_BPM,
                name=f"{EMBEDDED}:{genre}#{number[genre]}",
                group=f"{EMBEDDED}:{group}",
                licence=EMBEDDED_LICENCE,
            )
        )
        number[genre] += 1
    return examples


def embedded_sha256() -> str:
    """The hash of the embedded patterns, genres and groups."""
    from drumjax.synth.grammar import embedded

    data = embedded()
    arrays = (data.velocity, data.genre.astype("<i4"), data.group.astype("<i4"))
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def embedded_set(*, seed: int = 0, validation: float = 0.05, test: float = 0.05) -> PatternSet:
    """The embedded set, split; genres in the order of Table 1: idm, electro, techno.

    Raises:
      ValueError: impossible shares, see `split_groups`.
    """
    from drumjax.synth.grammar import GENRES

    return pattern_set(
        embedded_examples(),
        name=EMBEDDED,
        source_sha256=source_sha256({EMBEDDED: embedded_sha256()}, seed=seed, validation=validation, test=test),
        genres=GENRES,
        seed=seed,
        validation=validation,
        test=test,
    )


def source_sha256(files: Mapping[str, str], *, drum_map: DrumMap = TR808, **options: Any) -> str:
    """The hash of all that decides a data set.

    Args:
      files: the SHA-256 of every file that gave an example, by its path below the source, with `/` between folders.
      drum_map: what the lanes are.
      **options: everything else that the data depend on, JSON values.
    """
    decides = {"format": FORMAT, "files": sorted(files.items()), "drum_map": drum_map_to_json(drum_map), "options": options}
    return hashlib.sha256(json.dumps(decides, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def check_embedded_licence(licences: Sequence[str]) -> None:
    """Checks that a licence filter lets the library's own examples through.

    Raises:
      InputError: it does not.
    """
    if not admits(licences, EMBEDDED_LICENCE):
        raise InputError(
            EMBEDDED,
            rule=f"a licence among {', '.join(licences)}",
            found=f"{EMBEDDED_LICENCE}, the library's own",
            remedy=f"add {EMBEDDED_LICENCE} to --licence",
        )


def refuse_given(source: str | PathLike[str], given: Sequence[str], own: str) -> None:
    """Refuses options that mean nothing for data as they are.

    Args:
      source: what is named.
      given: the options' flags.
      own: what the data have themselves.

    Raises:
      InputError: one is given.
    """
    if given:
        raise InputError(
            source,
            rule=f"prepared data as they are, with their own {own}",
            found=", ".join(given),
            remedy="leave that away, or name the files that the data come from",
        )


def source_name(source: str | PathLike[str], default: str) -> str:
    """What the data of a folder or file are called, never as those that have a name of their own; `default` where it has none."""
    name = printable(Path(source).resolve().name) or default
    return f"{name} (folder)" if name.partition(WITH)[0] in (EMBEDDED, GROOVE_MIDI) else name


@contextlib.contextmanager
def splitting(source: str | PathLike[str]) -> Iterator[None]:
    """What is wrong with the shares or the number of groups is the user's to change: ValueError becomes InputError."""
    try:
        yield
    except InputError:
        raise
    except ValueError as error:
        rule, _, found = str(error).removeprefix("expected ").partition(", found ")
        raise InputError(source, rule=rule, found=found or "something else", remedy="add files, or change the shares") from error
