"""From a source to a `GrooveSet`: files, the embedded grooves, or both; splits by track."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from drumjax.boundary import InputError, file_sha256
from drumjax.configs import dump_config
from drumjax.datasets.grooves.info import KIND, GrooveInfo, GrooveSet, count_genres
from drumjax.datasets.grooves.sources import collect_grooves, groove_midi_table, wanted_genres
from drumjax.datasets.info import EMBEDDED, GROOVE_MIDI, WITH, check
from drumjax.datasets.licences import admits, licence_id
from drumjax.datasets.prepare import (
    EMBEDDED_LICENCE,
    Example,
    check_embedded_licence,
    count_licences,
    refuse_given,
    source_name,
    source_sha256,
    split_arrays,
    splitting,
)
from drumjax.datasets.sources import Collection
from drumjax.datasets.splits import split_groups
from drumjax.patterns.drum_map import POCKET
from drumjax.patterns.grooves import GROOVE_STEPS, KEEP, KeepRules, check_groove, check_window, groove_windows
from drumjax.patterns.midi import CellRule

VALIDATION = 0.1
TEST = 0.1
"""Shares of the tracks: 80/10/10 (the public code)."""
DUPLICATES = "repetitions of a groove that is there"


def groove_set(
    parts: Sequence[Sequence[Example]],
    *,
    name: str,
    source_sha256: str,
    left_out: Mapping[str, int],
    seed: int = 0,
    validation: float = VALIDATION,
    test: float = TEST,
) -> GrooveSet:
    """The arrays of every split.

    Args:
      parts: grooves, names all different; each part is split by itself: what is held out of a set stays so whatever it joins.
      name: what the set is called.
      source_sha256: see `GrooveInfo`.
      left_out: see `GrooveInfo`.
      seed: of the splits.
      validation: share of the tracks of every genre; every genre of three tracks or more has one in each split.
      test: likewise.

    Raises:
      ValueError: the grooves break a rule of `GrooveSet`, or there are too few tracks for the splits.
    """
    genres = tuple(sorted({example.genre for part in parts for example in part}))
    split = functools.partial(split_tracks, seed=seed, validation=validation, test=test)
    splits = split_arrays(parts, split, genres, (GROOVE_STEPS, len(POCKET.lanes)))
    info = GrooveInfo(
        kind=KIND,
        name=name,
        source_sha256=source_sha256,
        genres=genres,
        drum_map=POCKET,
        steps=GROOVE_STEPS,
        counts={split: len(arrays["name"]) for split, arrays in splits.items()},
        licences=count_licences(splits),
        genre_counts=count_genres(genres, splits),
        left_out=dict(left_out),
    )
    return check(GrooveSet(info, splits))


def split_tracks(examples: Sequence[Example], *, seed: int, validation: float, test: float) -> list[str]:
    """The split of every groove: shares are of tracks, not of windows, genre by genre.

    Raises:
      ValueError: see `split_groups`.

    Source: the public code; that a genre's first tracks by hash are held out, and that small genres are in every split, is ours.
    """
    genre_of: dict[str, str] = {}
    for example in sorted(examples, key=lambda example: example.genre):
        genre_of.setdefault(example.group, example.genre)
    tracks = list(genre_of)
    splits = split_groups(tracks, [*genre_of.values()], seed=seed, validation=validation, test=test, each=True)
    split_of = dict(zip(tracks, splits, strict=True))
    return [split_of[example.group] for example in examples]


def prepare_grooves(
    source: str | PathLike[str],
    *,
    genres: Sequence[str] = (),
    genres_csv: str | PathLike[str] | None = None,
    cell: CellRule = "louder",
    keep: KeepRules = KEEP,
    licence: str | None = None,
    licences: Sequence[str] = (),
    channel: int | None = None,
    with_embedded: bool = False,
    seed: int = 0,
    validation: float = VALIDATION,
    test: float = TEST,
    processes: int = 1,
    progress: bool = False,
) -> tuple[GrooveSet, Collection | None]:
    """A source as a `GrooveSet`, and, for files, what was left out.

    Args:
      source: "embedded", or a folder or file as for `drumjax.datasets.grooves.sources.survey_grooves`, which says what the other
        arguments mean.
      with_embedded: whether embedded grooves of the same genres join those of the folder, where `licences` admit them; of `genres`
        the folder need not have each then.
      seed: of the splits.
      validation: share of the tracks.
      test: likewise.

    Raises:
      InputError: see `collect_grooves`; for too few tracks to split; for a genre that is asked for and not there; `with_embedded`
        where the embedded grooves are the source.
    """
    wanted = wanted_genres(genres)
    shares: dict[str, Any] = {"seed": seed, "validation": validation, "test": test}
    if str(source) == EMBEDDED:
        refuse_groove_options(
            source, genres_csv=genres_csv, cell=cell, licence=licence, channel=channel, with_embedded=with_embedded
        )
        check_embedded_licence(licences)
        with splitting(source):
            return embedded_grooves(genres=wanted, keep=keep, **shares), None
    collection = collect_grooves(
        source,
        genres=genres,
        genres_csv=genres_csv,
        cell=cell,
        keep=keep,
        licence=licence,
        licences=licences,
        channel=channel,
        processes=processes,
        progress=progress,
    )
    parts, files = [list(collection.examples)], dict(collection.files)
    not_kept: Counter[str] = Counter()
    if with_embedded and admits(licences, EMBEDDED_LICENCE):
        of = wanted or tuple({example.genre for example in collection.examples})
        known = {example.velocity.tobytes() for example in collection.examples}
        composed, not_kept = embedded_examples(of, keep)
        parts.append([each for each in composed if each.velocity.tobytes() not in known])
        not_kept[DUPLICATES] += len(composed) - len(parts[-1])
        files[EMBEDDED] = examples_sha256(parts[-1])
    _check_all_there(source, wanted, parts)
    midi_table = groove_midi_table(source) if genres_csv is None else None
    labels = midi_table or genres_csv
    options = shares | {
        "kind": KIND,
        "genres": list(wanted),
        "labels": None if labels is None else file_sha256(labels),
        "cell": cell,
        "keep": dump_config(keep),
        "licence": None if licence is None else licence_id(licence),
        "licences": sorted(map(licence_id, licences)),
        "channel": channel,
    }
    if genres_csv is not None:
        options["named"] = True  # the same table found in its place brings a licence with it
    left_out = Counter({reason: n for reason, n, _ in collection.reasons()})
    left_out[DUPLICATES] += len(collection.duplicates)
    left_out += not_kept  # drops what is 0
    name = GROOVE_MIDI if midi_table else source_name(source, KIND)
    with splitting(source):
        made = groove_set(
            parts,
            name=f"{name}{WITH}{EMBEDDED}" if EMBEDDED in files else name,
            source_sha256=source_sha256(files, drum_map=POCKET, **options),
            left_out=left_out,
            **shares,
        )
    return made, collection


def _check_all_there(source: str | PathLike[str], wanted: Sequence[str], parts: Sequence[Sequence[Example]]) -> None:
    there = {example.genre for part in parts for example in part}
    if missing := [genre for genre in wanted if genre not in there]:
        raise InputError(
            source,
            rule=f"grooves of {', '.join(wanted)}",
            found=f"none of {', '.join(missing)}",
            remedy="leave them out of --genres; 'drumjax data inspect' shows what is left out, and why",
        )


_FLAGS = {
    "genres_csv": "--genres-csv",
    "licence": "--declared-licence",
    "channel": "--channel",
    "with_embedded": "--with-embedded",
    "genres": "--genres",
}


def refuse_groove_options(source: str | PathLike[str], *, cell: CellRule = "louder", **others: object) -> None:
    """Options that say how files are read mean nothing for grooves that are prepared, and are not passed over.

    Args:
      source: "embedded" or a prepared folder.
      cell: as given.
      **others: `genres_csv`, `licence`, `channel`, `with_embedded` and `genres` as given, empty or None where they are not.

    Raises:
      InputError: one of them is given.
    """
    given = [_FLAGS[name] for name, value in others.items() if value]
    refuse_given(source, given + ["--cell"] * (cell != "louder"), "genres and licences")


def embedded_examples(
    genres: Sequence[str] = (), keep: KeepRules = KEEP, per_genre: int | None = None
) -> tuple[list[Example], Counter[str]]:
    """The embedded grooves: windows of the tracks that `drumjax.synth.grooves` composes, by the rules for any other track.

    Args:
      genres: which; empty for all.
      keep: which tracks and windows are kept.
      per_genre: tracks of each genre; by default those of the published set.

    Returns:
      The grooves, and how many tracks and windows were left out for which reason.
    """
    from drumjax.synth.grooves import PER_GENRE, embedded

    examples = []
    left_out: Counter[str] = Counter()
    seen = set()
    for track in embedded(per_genre=PER_GENRE if per_genre is None else per_genre):
        if genres and track.genre not in genres:
            continue
        if fault := check_groove(track, keep):
            left_out[f"expected {fault.rule}"] += 1
            continue
        name = f"{EMBEDDED}:{track.name.replace('#', ' ')}"  # what follows the mark is the window's number
        for k, window in enumerate(groove_windows(track)):
            if fault := check_window(window, keep):
                left_out[f"expected {fault.rule}"] += 1
                continue
            if (same := window.velocity.tobytes()) in seen:
                left_out[DUPLICATES] += 1
                continue
            seen.add(same)
            examples.append(
                Example(
                    velocity=window.velocity,
                    offset=window.offset,
                    genre=track.genre,
                    tempo_bpm=track.tempo_bpm,
                    name=f"{name}#{k}",
                    group=name,
                    licence=EMBEDDED_LICENCE,
                )
            )
    return examples, left_out


def examples_sha256(examples: Sequence[Example]) -> str:
    """The hash of what is in grooves, and what they are called."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.name}/{example.group}/{example.genre}/{example.tempo_bpm!r}".encode())
        for array in (example.velocity, example.offset):
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def embedded_grooves(
    *,
    genres: Sequence[str] = (),
    keep: KeepRules = KEEP,
    per_genre: int | None = None,
    seed: int = 0,
    validation: float = VALIDATION,
    test: float = TEST,
) -> GrooveSet:
    """The embedded grooves, split.

    Args:
      genres: which of the embedded genres; by default all six.
      keep: which tracks and windows are kept.
      per_genre: see `embedded_examples`.
      seed: of the splits.
      validation: share of the tracks.
      test: likewise.

    Raises:
      InputError: a genre that the embedded grooves have not.
      ValueError: impossible shares, see `split_groups`.
    """
    wanted = wanted_genres(genres)
    examples, left_out = embedded_examples(wanted, keep, per_genre)
    _check_all_there(EMBEDDED, wanted, [examples])
    shares: dict[str, Any] = {"seed": seed, "validation": validation, "test": test}
    return groove_set(
        [examples],
        name=EMBEDDED,
        source_sha256=source_sha256({EMBEDDED: examples_sha256(examples)}, drum_map=POCKET, **shares),
        left_out=left_out,
        **shares,
    )
