"""Preparing one-shots: from a source to a TFDS folder, in little memory however many there are.

A source is read once, in several processes. What is accepted of a file goes into a temporary file on the disk that the data go to,
a few megabytes at a time; in memory stay its name, its class and a fingerprint of 3 kB. From there the sounds go one by one to
TFDS, once it is known which are copies and who is held out.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import drumjax
from drumjax.boundary import InputError, file_sha256
from drumjax.datasets.folders import already, unwritable, write_folder
from drumjax.datasets.info import EMBEDDED, WITH, name_order
from drumjax.datasets.licences import admits, licence_id
from drumjax.datasets.load import open_tfds
from drumjax.datasets.parallel import in_order, with_bar
from drumjax.datasets.prepare import EMBEDDED_LICENCE, check_embedded_licence, source_name, splitting
from drumjax.datasets.sounds.beam import Row, download_config, make_record, pipeline_options, read_with_beam, sound_pipeline
from drumjax.datasets.sounds.info import MOST_SOUNDS, SoundInfo, joined_sha256, sound_info, sound_sha256
from drumjax.datasets.sounds.prepare import (
    FORMAT,
    PER_CLASS,
    TEST,
    VALIDATION,
    Sound,
    assign_splits,
    embedded_batch,
    embedded_names,
    embedded_sha256,
    source_sha256,
)
from drumjax.datasets.sounds.records import records_sha256
from drumjax.datasets.sounds.sources import SoundCollection, SoundFile, SoundTask, collect_sounds, wanted_classes
from drumjax.datasets.splits import SPLITS
from drumjax.patterns.classes import ALL_CLASSES, class_order

_BATCH = 48
"""Embedded sounds that a process makes at once."""
_POOL_BATCHES = 8
"""From so many batches on, several processes are worth their start."""


@dataclass(frozen=True, eq=False)
class PreparedSounds:
    """Sounds that are ready to be written, all but their names on the disk.

    Attributes:
      info: what they are.
      sounds: all of them.
      splits: which of them each split holds, in order.
      read: gives the samples of one, int16 (length,).
      content_sha256: the hash of what is in them, as `drumjax.datasets.sounds.info.content_sha256` has it; None where Beam's
        workers read them, and it is known once they are written.
      collection: what was left out of a folder; None for the embedded sounds.
      rows: with Beam, the sounds of each split as workers read them.
    """

    info: SoundInfo
    sounds: Sequence[Sound]
    splits: Mapping[str, Sequence[int]]
    read: Callable[[int], np.ndarray]
    content_sha256: str | None
    collection: SoundCollection | None
    rows: Mapping[str, Sequence[Row]] | None = None

    def examples(self, split: str) -> Iterator[tuple[Sound, np.ndarray]]:
        """The sounds of a split with their samples, one by one."""
        for i in self.splits[split]:
            yield self.sounds[i], self.read(i)


class BuiltSounds(NamedTuple):
    """Prepared sounds on disk.

    Attributes:
      folder: the TFDS version folder, which `load_data` reads.
      is_new: False where the same data were there already.
      info: what they are.
      collection: what was left out of a folder; None for the embedded sounds.
    """

    folder: Path
    is_new: bool
    info: SoundInfo
    collection: SoundCollection | None


class _Spool:
    """Sounds on the disk by their names, in a file that vanishes with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._as_input_error():
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0

    def keep(self, name: str, audio: np.ndarray) -> None:
        data = np.ascontiguousarray(audio, np.int16).tobytes()
        with self._as_input_error():
            self._file.seek(self._end)
            self._file.write(data)
        self._places[name] = (self._end, len(data))
        self._end += len(data)

    def read(self, name: str) -> np.ndarray:
        start, size = self._places[name]
        with self._as_input_error():  # what waited in the buffer is written now
            self._file.seek(start)
            return np.frombuffer(self._file.read(size), np.int16)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: nothing here is needed any more
            self._file.close()

    @contextlib.contextmanager
    def _as_input_error(self) -> Iterator[None]:
        """A disk that is full or locked is the user's to change."""
        try:
            yield
        except OSError as error:
            raise unwritable(self._folder, error) from error


@contextlib.contextmanager
def prepare_sounds(
    source: str | PathLike[str],
    *,
    labels: Sequence[str | PathLike[str]] = (),
    classes_csv: str | PathLike[str] | None = None,
    classes: Sequence[str] = (),
    licence: str | None = None,
    licences: Sequence[str] = (),
    with_embedded: bool = False,
    per_class: int | None = None,
    seed: int = 0,
    validation: float = VALIDATION,
    test: float = TEST,
    processes: int = 1,
    progress: bool = False,
    spool_in: str | PathLike[str] | None = None,
    beam_options: Any = None,
) -> Iterator[PreparedSounds]:
    """A source as sounds that can be written; what is on the disk is gone behind the `with`.

    Args:
      source: "embedded", or a folder or file as for `drumjax.datasets.sounds.sources.survey_sounds`, which says what the other
        arguments mean.
      labels: see `survey_sounds`.
      classes_csv: likewise.
      classes: likewise; of the embedded sounds only these are made.
      licence: likewise.
      licences: likewise.
      with_embedded: whether embedded sounds of the source's classes join those of the folder, where `licences` admit them. They are
        split by themselves: what is held out of a set stays so whatever it joins.
      per_class: how many embedded sounds of each class; None for `PER_CLASS`.
      seed: of the splits.
      validation: share of the sounds, see `split_groups`; every class of three groups or more has some.
      test: likewise.
      processes: how many read or make sounds at once where there are many.
      progress: whether to show a bar on a terminal.
      spool_in: a folder on the disk for the sounds in between; by default the system's temporary one.
      beam_options: where Beam's workers read the files and make the sounds, see `drumjax.datasets.sounds.beam.pipeline_options`;
        they have to see `source` and `spool_in`.

    Raises:
      InputError: see `collect_sounds`; for too few files to split; `with_embedded` where they are the source, or have none of the
        classes; a number of embedded sounds below 1 or where none are made, or a class that they have not.
    """
    if per_class is not None and not with_embedded and str(source) != EMBEDDED:
        raise InputError(
            "--per-class",
            rule="embedded sounds for it to count",
            found="files alone",
            remedy="leave it out, or add --with-embedded",
        )
    n_embedded = PER_CLASS if per_class is None else per_class
    place = Path(spool_in or tempfile.gettempdir())
    with contextlib.closing(_Spool(place)) as spool:
        wanted = wanted_classes(classes)
        shares: dict[str, Any] = {"seed": seed, "validation": validation, "test": test}
        running: dict[str, Any] = {"processes": processes, "progress": progress}
        tasks: dict[str, SoundTask] = {}

        def read_all(files: Sequence[SoundTask]) -> Iterable[SoundFile]:
            tasks.update((task.name, task) for task in files)
            return read_with_beam(files, beam_options, place)

        def make(classes: Sequence[str]) -> list[Sound]:
            check_embedded(classes, n_embedded, licences)
            if beam_options is None:
                return _make(classes, n_embedded, spool, **running)
            return [sound for label in classes for sound in embedded_names(label, n_embedded)]

        def prepared(parts: Sequence[Sequence[Sound]], collection: SoundCollection | None, **said: str) -> PreparedSounds:
            with splitting(source):
                found = [assign_splits(part, **shares) for part in parts]
            return _prepared(parts, found, spool, collection, None if beam_options is None else tasks, **said)

        if str(source) == EMBEDDED:
            _refuse(labels=labels, classes_csv=classes_csv, licence=licence, with_embedded=with_embedded)
            of = wanted or ALL_CLASSES
            files = {EMBEDDED: embedded_sha256(of, n_embedded)}
            yield prepared([make(of)], None, name=EMBEDDED, source_sha256=source_sha256(files, **shares))
            return
        reading = {"labels": labels, "classes_csv": classes_csv, "classes": classes, "licence": licence, "licences": licences}
        how = {"read_all": read_all} if beam_options is not None else {"keep": spool.keep}
        collection = collect_sounds(source, **how, **reading, **running)
        files, parts, name = dict(collection.files), [list(collection.sounds)], source_name(source, "sounds")
        of = tuple(label for label in wanted or collection.classes if label in ALL_CLASSES)
        if with_embedded and not of:
            raise InputError(
                "--with-embedded",
                rule=f"classes that the synthesiser makes: {', '.join(ALL_CLASSES)}",
                found=f"{', '.join(collection.classes)} alone",
                remedy="leave it out",
            )
        if with_embedded and admits(licences, EMBEDDED_LICENCE):
            parts.append(make(of))
            files[EMBEDDED] = embedded_sha256(of, n_embedded)
            name = f"{name}{WITH}{EMBEDDED}"
        options = shares | {
            "labels": [file_sha256(table) for table in labels],
            "classes_csv": None if classes_csv is None else file_sha256(classes_csv),
            "classes": list(wanted),
            "licence": None if licence is None else licence_id(licence),
            "licences": sorted(map(licence_id, licences)),
        }
        yield prepared(parts, collection, name=name, source_sha256=source_sha256(files, **options))


def _refuse(**given: Any) -> None:
    """Options that say how files are read mean nothing for sounds that are made, and are not passed over."""
    flags = {
        "labels": "--labels",
        "classes_csv": "--classes-csv",
        "licence": "--declared-licence",
        "with_embedded": "--with-embedded",
    }
    for name, flag in flags.items():
        if given[name]:
            raise InputError(
                flag, rule="files for it to say something of", found="the embedded sounds alone", remedy="leave it out"
            )


def check_embedded(classes: Sequence[str], per_class: int = PER_CLASS, licences: Sequence[str] = ()) -> None:
    """Checks what is asked of the embedded sounds.

    Raises:
      InputError: a class that the synthesiser does not make, another number than can be made, or licences that do not admit theirs.
    """
    unknown = [label for label in classes if label not in ALL_CLASSES]
    if unknown:
        raise InputError(
            "--classes", rule=f"classes among {', '.join(ALL_CLASSES)}", found=unknown[0], remedy="the synthesiser makes no others"
        )
    if not 1 <= per_class <= MOST_SOUNDS // len(ALL_CLASSES):
        raise InputError(
            "--per-class",
            rule=f"a number from 1 to {MOST_SOUNDS // len(ALL_CLASSES):,}",
            found=f"{per_class:,}",
            remedy="change it; the paper's set has 3,000 of each class",
        )
    check_embedded_licence(licences)


class _Batch(NamedTuple):
    """Embedded sounds that are made at once."""

    label: str
    first: int
    n: int


def _make_batch(batch: _Batch) -> list[np.ndarray]:
    return embedded_batch(batch.label, batch.first, batch.n)


def _make(classes: Sequence[str], per_class: int, spool: _Spool, *, processes: int, progress: bool) -> list[Sound]:
    """Makes embedded sounds and lays them on the disk."""
    batches = [_Batch(label, first, min(_BATCH, per_class - first)) for label in classes for first in range(0, per_class, _BATCH)]
    audio = (
        sound
        for batch in with_bar(
            in_order(_make_batch, batches, processes if len(batches) >= _POOL_BATCHES else 1, chunk=1),
            len(batches),
            progress and len(batches) >= _POOL_BATCHES,
            "making sounds",
        )
        for sound in batch
    )
    made = []
    for sound, samples in zip((sound for label in classes for sound in embedded_names(label, per_class)), audio, strict=True):
        spool.keep(sound.name, samples)
        made.append(sound._replace(length=len(samples)))
    return made


def _prepared(
    parts: Sequence[Sequence[Sound]],
    found: Sequence[Mapping[str, Sequence[int]]],
    spool: _Spool,
    collection: SoundCollection | None,
    tasks: Mapping[str, SoundTask] | None,
    *,
    name: str,
    source_sha256: str,
) -> PreparedSounds:
    """Parts that were split by themselves as one set."""
    sounds = [sound for part in parts for sound in part]
    starts = [sum(map(len, parts[:n])) for n in range(len(parts))]
    splits = {
        split: sorted(
            (start + i for start, numbers in zip(starts, found, strict=True) for i in numbers[split]),
            key=lambda i: name_order(sounds[i].name),
        )
        for split in SPLITS
    }
    info = sound_info(
        {split: [sounds[i].label for i in numbers] for split, numbers in splits.items()},
        [sound.licence for sound in sounds],
        name=name,
        source_sha256=source_sha256,
        classes=class_order(sound.label for sound in sounds),
    )

    if tasks is not None:
        hashes_of = collection.files if collection is not None else {}

        def row(i: int) -> Row:
            name = sounds[i].name
            return Row(sounds[i], tasks.get(name), hashes_of.get(name, ""))

        rows = {split: [row(i) for i in numbers] for split, numbers in splits.items()}

        def decoded(i: int) -> np.ndarray:
            return np.asarray(make_record(row(i))[1]["audio"])

        return PreparedSounds(info, sounds, splits, decoded, None, collection, rows)

    def read(i: int) -> np.ndarray:
        return spool.read(sounds[i].name)

    def hashes(numbers: Iterable[int]) -> Iterator[str]:
        for i in numbers:
            yield sound_sha256(sounds[i].name, sounds[i].group, sounds[i].licence, sounds[i].label, read(i))

    content = joined_sha256({split: hashes(numbers) for split, numbers in splits.items()})
    return PreparedSounds(info, sounds, splits, read, content, collection)


def build_sounds(
    source: str | PathLike[str], out_dir: str | PathLike[str], *, beam: str | None = None, **options: Any
) -> BuiltSounds:
    """Writes a source as a TFDS folder below `out_dir`.

    Does nothing where the same data lie there already.

    Args:
      source: see `prepare_sounds`.
      out_dir: the folder, which is made.
      beam: options of Apache Beam, "runner=…,…" or "", whose workers then do the reading and writing; None for this machine alone.
      **options: the other arguments of `prepare_sounds`.

    Raises:
      InputError: see `prepare_sounds` and `drumjax.datasets.sounds.beam.pipeline_options`; another data set lies there, or the
        folder cannot be written.
    """
    from drumjax.datasets.one_shots.one_shots_dataset_builder import OneShots, folder_config

    out = Path(out_dir)
    # Beside the data, where there is room for them: a system's temporary folder may lie in memory.
    beside = next(folder for folder in (out.resolve(), *out.resolve().parents) if folder.is_dir())
    beam_options = None if beam is None else pipeline_options(beam)
    with prepare_sounds(source, spool_in=beside, beam_options=beam_options, **options) as prepared:
        info, collection, content = prepared.info, prepared.collection, prepared.content_sha256
        if there := already(out, info, content):
            return BuiltSounds(there, False, info, collection)

        def builder(folder: Path) -> OneShots:
            config = folder_config(info, prepared.examples, sound_pipeline(prepared.rows) if prepared.rows else None)
            return OneShots(config=config, data_dir=folder, file_format="array_record")

        def card(folder: Path) -> dict[str, Any]:
            return _card(info, content or records_sha256(open_tfds(folder, "label", info.classes), info), collection)

        running = {} if beam_options is None else {"download_config": download_config(beam_options)}
        folder, is_new = write_folder(out, info, content, builder, card, **running)
        return BuiltSounds(folder, is_new, info, collection)


def _card(info: SoundInfo, content: str, collection: SoundCollection | None) -> dict[str, Any]:
    """The content of drumjax.json: what the data are, and what was left out of them."""
    left_out = None
    if collection is not None:
        left_out = {
            "files_read": collection.files_read,
            "files_used": len(collection.files),
            "rejections": {reason: count for reason, count, _ in collection.reasons()},
            "duplicates": len(collection.duplicates),
            "cut_at_the_window": collection.cut,
            "files_below_the_rate": {str(rate): n for rate, n in collection.low_rates.items()},
            "classes_without_a_sound": list(collection.without),
        }
    return {
        "format": FORMAT,
        "library_version": drumjax.__version__,
        "info": info.to_json(),
        "content_sha256": content,
        "left_out": left_out,
    }
