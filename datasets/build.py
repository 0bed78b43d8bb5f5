"""Preparing data: from a source to a TFDS folder that names its source's hash, with a card of ours beside TFDS's own files.

    DIR/edm_patterns/folder_0123456789abcdef/1.0.0/{*.array_record*, dataset_info.json, features.json, drumjax.json}

The folder is made in a temporary place inside DIR, read back, and renamed into place: what can be loaded is whole. Data that are
there already are never written over.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import drumjax
from drumjax.boundary import InputError, file_sha256, list_files, write_bytes
from drumjax.datasets.info import BUILDER, CARD, KIND, PatternSet, content_sha256, printable
from drumjax.datasets.licences import admits, licence_id
from drumjax.datasets.load import load_folder, load_patterns, prepared_folders, read_card
from drumjax.datasets.npz import write_npz
from drumjax.datasets.prepare import (
    EMBEDDED,
    EMBEDDED_LICENCE,
    FORMAT,
    Example,
    embedded_examples,
    embedded_set,
    embedded_sha256,
    pattern_set,
    source_sha256,
)
from drumjax.datasets.sources import Collection, collect
from drumjax.patterns import MEASURE_STEPS, TR808, DrumMap
from drumjax.patterns.files import GRID_SUFFIXES, MIDI_SUFFIXES

KINDS = (KIND,)
"""What this version prepares."""
_TEMPORARY = ".building-"
_SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff")


class Prepared(NamedTuple):
    """A data set in memory and, for a folder, what was left out of it."""

    patterns: PatternSet
    collection: Collection | None


class Built(NamedTuple):
    """A prepared data set on disk.

    Attributes:
      folder: the TFDS version folder, which `load_patterns` reads.
      is_new: False where the same data were there already.
      prepared: the data.
    """

    folder: Path
    is_new: bool
    prepared: Prepared


def detect_kind(source: str | PathLike[str], kind: str | None = None) -> str:
    """The kind of a source: what is asked for, or what its files say.

    Raises:
      InputError: a kind that this version does not prepare, a source of sound files, or none at all.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(
            "--kind",
            rule=f"a kind that this version prepares: {', '.join(KINDS)}",
            found=repr(kind),
            remedy="leave --kind away to have it detected; grooves, songs and one-shots are not supported yet",
        )
    path = Path(source)
    if kind or str(source) == EMBEDDED or not path.is_dir() or list_files(path, MIDI_SUFFIXES + GRID_SUFFIXES):
        return kind or KIND
    if list_files(path, _SOUND_SUFFIXES):
        raise InputError(
            path,
            rule=f"data of a kind that this version prepares: {', '.join(KINDS)} (MIDI files, step grids)",
            found="sound files",
            remedy="name a folder of .mid, .json or .csv files; songs and one-shots are not supported yet",
        )
    return KIND


def prepare(
    source: str | PathLike[str],
    *,
    kind: str | None = None,
    drum_map: DrumMap = TR808,
    steps: int = MEASURE_STEPS,
    genres_csv: str | PathLike[str] | None = None,
    licence: str | None = None,
    licences: Sequence[str] = (),
    channel: int | None = None,
    with_embedded: bool = False,
    seed: int = 0,
    validation: float = 0.05,
    test: float = 0.05,
    processes: int = 1,
    progress: bool = False,
) -> Prepared:
    """A source as a `PatternSet`.

    Args:
      source: "embedded", or a folder or file as for `drumjax.datasets.sources.survey`, which says what the other arguments mean.
      kind: "patterns"; None detects it.
      with_embedded: whether the embedded patterns join those of the folder, where `licences` admit them; a pattern that is among
        them already is left out. They are split as they are alone: what is held out of them stays so.
      seed: of the splits.
      validation: share of the examples, see `split_groups`.
      test: likewise.

    Raises:
      InputError: see `collect`; for too few files to split; `with_embedded` where they are the source.
    """
    detect_kind(source, kind)
    if str(source) == EMBEDDED:
        if with_embedded:
            raise InputError(
                "--with-embedded",
                rule="files for the embedded patterns to join",
                found="these patterns alone",
                remedy="leave it out",
            )
        refuse_reading_options(source, drum_map=drum_map, steps=steps, genres_csv=genres_csv, licence=licence, channel=channel)
        if not admits(licences, EMBEDDED_LICENCE):
            raise InputError(
                EMBEDDED,
                rule=f"a licence among {', '.join(licences)}",
                found=f"{EMBEDDED_LICENCE}, the library's own",
                remedy=f"add {EMBEDDED_LICENCE} to --licence",
            )
        with _as_input_error(source):
            return Prepared(embedded_set(seed=seed, validation=validation, test=test), None)
    collection = collect(
        source,
        drum_map=drum_map,
        steps=steps,
        genres_csv=genres_csv,
        licence=licence,
        licences=licences,
        channel=channel,
        processes=processes,
        progress=progress,
    )
    examples, files = list(collection.examples), dict(collection.files)
    joined: tuple[Example, ...] = ()
    if with_embedded and admits(licences, EMBEDDED_LICENCE):
        if drum_map != TR808 or steps != MEASURE_STEPS:
            raise InputError(
                "--with-embedded",
                rule=f"the drum map {TR808.name!r} and {MEASURE_STEPS} steps, as the embedded patterns have them",
                found=f"{drum_map.name!r} and {steps} steps",
                remedy="leave it away, or read the files with these",
            )
        joined = tuple(embedded_examples())
        known = {example.velocity.tobytes() for example in joined}
        examples = [example for example in examples if example.velocity.tobytes() not in known]
        files[EMBEDDED] = embedded_sha256()
    options = {
        "steps": steps,
        "labels": None if genres_csv is None else file_sha256(genres_csv),
        "licence": None if licence is None else licence_id(licence),
        "licences": sorted(map(licence_id, licences)),
        "channel": channel,
        "seed": seed,
        "validation": validation,
        "test": test,
    }
    with _as_input_error(source):
        patterns = pattern_set(
            examples,
            joined=joined,
            name=_name(Path(source)) + (f" and {EMBEDDED}" if EMBEDDED in files else ""),
            source_sha256=source_sha256(files, drum_map=drum_map, **options),
            drum_map=drum_map,
            steps=steps,
            seed=seed,
            validation=validation,
            test=test,
        )
    return Prepared(patterns, collection)


def _name(source: Path) -> str:
    name = printable(source.resolve().name) or "patterns"
    return f"{EMBEDDED} (folder)" if name == EMBEDDED else name


_FLAGS = {"genres_csv": "--genres-csv", "licence": "--declared-licence", "channel": "--channel"}


def refuse_reading_options(
    source: str | PathLike[str], *, drum_map: DrumMap = TR808, steps: int = MEASURE_STEPS, **others: object
) -> None:
    """Options that say how files are read mean nothing for data that are prepared, and are not passed over.

    Args:
      source: "embedded" or a prepared folder.
      drum_map: as given.
      steps: as given.
      **others: `genres_csv`, `licence` and `channel` as given, None where they are not.

    Raises:
      InputError: one of them is given.
    """
    given = [_FLAGS[name] for name, value in others.items() if value is not None]
    given += ["--drum-map"] * (drum_map != TR808) + ["--steps"] * (steps != MEASURE_STEPS)
    if given:
        raise InputError(
            source,
            rule="prepared data as they are, with their own lanes, length, genres and licences",
            found=", ".join(given),
            remedy="leave that away, or name the files that the data come from",
        )


@contextlib.contextmanager
def _as_input_error(source: str | PathLike[str]) -> Iterator[None]:
    """What is wrong with the shares or the number of groups is the user's to change."""
    try:
        yield
    except InputError:
        raise
    except ValueError as error:
        rule, _, found = str(error).removeprefix("expected ").partition(", found ")
        raise InputError(source, rule=rule, found=found or "something else", remedy="add files, or change the shares") from error


def build(source: str | PathLike[str], out_dir: str | PathLike[str], **options: Any) -> Built:
    """Writes a source as a TFDS folder below `out_dir`; the other arguments are those of `prepare`.

    Does nothing where the same data lie there already.

    Raises:
      InputError: see `prepare`; another data set lies there, or the folder cannot be written.
    """
    prepared = prepare(source, **options)
    out = Path(out_dir)
    content = content_sha256(prepared.patterns)
    if there := _already(out, prepared.patterns, content):
        return Built(there, False, prepared)
    try:
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        try:
            folder = _write(out, prepared, content)
        finally:
            for empty in made:  # of a build that failed nothing is left, the folders that were made for it included
                with contextlib.suppress(OSError):
                    empty.rmdir()
    except OSError as error:
        if there := _already(out, prepared.patterns, content):  # another process was faster
            return Built(there, False, prepared)
        raise InputError(
            out, rule="a folder to write prepared data to", found=error.strerror or str(error), remedy="name another with -o"
        ) from error
    return Built(folder, True, prepared)


def _already(out: Path, patterns: PatternSet, content: str) -> Path | None:
    """The same data below `out`, None where there are none; anything else that is prepared there is an error."""
    for folder in prepared_folders(out) if out.is_dir() else []:
        card = read_card(folder)
        if card["info"].source_sha256 == patterns.info.source_sha256 and card["content_sha256"] == content:
            return folder
        same_source = card["info"].source_sha256 == patterns.info.source_sha256
        raise InputError(
            out,
            rule="a folder without other prepared data",
            found=f"{folder.relative_to(out)}, made from "
            + ("the same source by another version" if same_source else f"{card['info'].name!r} with other files or options"),
            remedy="name another folder with -o, or remove that one",
        )
    return None


def _write(out: Path, prepared: Prepared, content: str) -> Path:
    from drumjax.datasets.edm_patterns.edm_patterns_dataset_builder import EdmPatterns, folder_config

    for stale in out.glob(f"{_TEMPORARY}*"):  # of builds that were killed; a day is longer than any build takes
        if time.time() - stale.stat().st_mtime > 86_400:
            shutil.rmtree(stale, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=out))
    try:
        with _quiet():
            builder = EdmPatterns(config=folder_config(prepared.patterns), data_dir=temporary, file_format="array_record")
            try:
                builder.download_and_prepare()
            except RuntimeError as error:  # how array_record says that the disk is full
                if "write() failed" not in str(error):
                    raise
                raise OSError(str(error).partition("write() failed: ")[2].partition(";")[0]) from error
        folder = Path(builder.data_dir)
        write_bytes(folder / CARD, json.dumps(_card(prepared, content), indent=1).encode())
        load_folder(folder)
        os.rename(temporary / BUILDER, out / BUILDER)
        return out / folder.relative_to(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS prints where it writes, with several bars, and absl warns of every configuration that is not in the class."""
    absl = logging.getLogger("absl")  # there since TFDS was imported
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        absl.setLevel(level)


def _card(prepared: Prepared, content: str) -> dict[str, Any]:
    """The content of drumjax.json: what the data are, and what was left out of them."""
    collection = prepared.collection
    left_out = None
    if collection is not None:
        left_out = {
            "files_read": collection.files_read,
            "files_used": len(collection.files),
            "rejections": {reason: count for reason, count, _ in collection.reasons()},
            "duplicates": len(collection.duplicates),
            "files_by_midi_channel": {
                str(n): count for n, count in sorted(Counter(c.channel for c in collection.channels).items())
            },
            "hits_outside_the_drum_map": dict(collection.dropped),
            "hits_behind_the_last_window": collection.remainder_hits,
            "hits_under_a_louder_one": collection.merged,
        }
    return {
        "format": FORMAT,
        "library_version": drumjax.__version__,
        "info": prepared.patterns.info.to_json(),
        "content_sha256": content,
        "left_out": left_out,
    }


def arrays(where: str | PathLike[str], out_npz: str | PathLike[str]) -> PatternSet:
    """Writes prepared data (or "embedded") as one .npz file, which `load_patterns` reads without TFDS.

    Raises:
      InputError: see `load_patterns` and `write_npz`.
    """
    patterns = load_patterns(where)
    write_npz(out_npz, patterns)
    return patterns
