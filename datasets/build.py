"""Preparing drum patterns: from a source to a TFDS folder; and what is common to the kinds of data that can be built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import drumjax
from drumjax.boundary import InputError, file_sha256
from drumjax.datasets.folders import already, write_folder
from drumjax.datasets.grooves.prepare import prepare_grooves
from drumjax.datasets.info import EMBEDDED, WITH, PatternSet, content_sha256
from drumjax.datasets.kinds import GROOVES, ONE_SHOTS, DataSet, detect_kind
from drumjax.datasets.licences import admits, licence_id
from drumjax.datasets.load import load_data
from drumjax.datasets.npz import write_npz
from drumjax.datasets.prepare import (
    EMBEDDED_LICENCE,
    FORMAT,
    Example,
    check_embedded_licence,
    embedded_examples,
    embedded_set,
    embedded_sha256,
    pattern_set,
    refuse_given,
    source_name,
    source_sha256,
    splitting,
)
from drumjax.datasets.sounds.build import BuiltSounds, build_sounds
from drumjax.datasets.sources import Collection, collect
from drumjax.patterns import MEASURE_STEPS, TR808, DrumMap


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


def prepare(
    source: str | PathLike[str],
    *,
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
      with_embedded: whether the embedded patterns join those of the folder, where `licences` admit them; a pattern that is among
        them already is left out. They are split as they are alone: what is held out of them stays so.
      seed: of the splits.
      validation: share of the examples, see `split_groups`.
      test: likewise.

    Raises:
      InputError: see `collect`; for too few files to split; `with_embedded` where they are the source.
    """
    if str(source) == EMBEDDED:
        if with_embedded:
            raise InputError(
                "--with-embedded",
                rule="files for the embedded patterns to join",
                found="these patterns alone",
                remedy="leave it out",
            )
        refuse_reading_options(source, drum_map=drum_map, steps=steps, genres_csv=genres_csv, licence=licence, channel=channel)
        check_embedded_licence(licences)
        with splitting(source):
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
    with splitting(source):
        patterns = pattern_set(
            examples,
            joined=joined,
            name=source_name(source, "patterns") + (f"{WITH}{EMBEDDED}" if EMBEDDED in files else ""),
            source_sha256=source_sha256(files, drum_map=drum_map, **options),
            drum_map=drum_map,
            steps=steps,
            seed=seed,
            validation=validation,
            test=test,
        )
    return Prepared(patterns, collection)


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
    refuse_given(source, given, "lanes, length, genres and licences")


_SOUND_FLAGS = {"labels": "--labels", "classes_csv": "--classes-csv", "licence": "--declared-licence"}


def refuse_sound_options(source: str | PathLike[str], *, classes: Sequence[str] = (), **others: object) -> None:
    """The same for one-shots.

    Args:
      source: "embedded" or a prepared folder.
      classes: as given; of the embedded sounds some may be asked for.
      **others: `labels`, `classes_csv` and `licence` as given, empty or None where they are not.

    Raises:
      InputError: one of them is given.
    """
    given = [_SOUND_FLAGS[name] for name, value in others.items() if value]
    given += ["--classes"] * bool(classes and str(source) != EMBEDDED)
    refuse_given(source, given, "classes and licences")


def build(
    source: str | PathLike[str], out_dir: str | PathLike[str], *, kind: str | None = None, **options: Any
) -> Built | BuiltSounds:
    """Writes a source as a TFDS folder below `out_dir`.

    Does nothing where the same data lie there already.

    Args:
      source: as for `prepare`, for `prepare_sounds` in `drumjax.datasets.sounds.build`, or for `prepare_grooves` in
        `drumjax.datasets.grooves.prepare`.
      out_dir: the folder, which is made.
      kind: see `detect_kind`.
      **options: the other arguments of `prepare`, `prepare_sounds` or `prepare_grooves`.

    Raises:
      InputError: see these three; another data set lies there, or the folder cannot be written.
    """
    found = detect_kind(source, kind)
    if found == ONE_SHOTS.name:
        return build_sounds(source, out_dir, **options)
    if found == GROOVES.name:
        return build_grooves(source, out_dir, **options)
    return build_patterns(source, out_dir, **options)


def build_patterns(source: str | PathLike[str], out_dir: str | PathLike[str], **options: Any) -> Built:
    """`build` of drum patterns."""
    from drumjax.datasets.edm_patterns.edm_patterns_dataset_builder import EdmPatterns

    return _build(prepare(source, **options), Path(out_dir), EdmPatterns)


def build_grooves(source: str | PathLike[str], out_dir: str | PathLike[str], **options: Any) -> Built:
    """`build` of grooves."""
    from drumjax.datasets.groove.groove_dataset_builder import Groove

    return _build(Prepared(*prepare_grooves(source, **options)), Path(out_dir), Groove)


def _build(prepared: Prepared, out: Path, builder_class: Callable[..., Any]) -> Built:
    from drumjax.datasets.pattern_builder import folder_config

    patterns = prepared.patterns
    content = content_sha256(patterns)
    if there := already(out, patterns.info, content):
        return Built(there, False, prepared)

    def builder(folder: Path) -> Any:
        return builder_class(config=folder_config(patterns), data_dir=folder, file_format="array_record")

    folder, is_new = write_folder(out, patterns.info, content, builder, lambda _: _card(prepared, content))
    return Built(folder, is_new, prepared)


def _card(prepared: Prepared, content: str) -> dict[str, Any]:
    """The content of drumjax.json: what the data are, and what was left out of them."""
    collection = prepared.collection
    left_out = None
    if collection is not None:
        left_out = {
            "files_read": collection.files_read,
            "files_used": len(collection.files),
            "rejections": {reason: count for reason, count, _ in collection.reasons()},
            "tracks_of_other_styles": dict(collection.other_styles),
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


def arrays(where: str | PathLike[str], out_npz: str | PathLike[str], *, kind: str | None = None) -> DataSet:
    """Writes prepared data (or "embedded") as one .npz file, which `load_data` reads without TFDS.

    Raises:
      InputError: see `load_data` and `write_npz`.
    """
    data = load_data(where, kind)
    write_npz(out_npz, data)
    return data
