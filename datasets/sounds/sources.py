"""From a tree of sound files to sounds, with a reason for everything that is left out.

Rules (our decision):

- Class: the labels; else the user's words for drums; else what the names of folders and file say, see
  `drumjax.patterns.classes.class_of_names`. A file of no class is not read.
- Licence: the labels (a file's line, else its folder's); else what the caller declares for the whole tree.
- Group: the labels; else the file's name without its numbers, see `drumjax.datasets.sounds.takes`.
- What a file sounds like once it is read: see `drumjax.datasets.sounds.files`.
- Of sounds that are copies of each other the first by path stays, see `drumjax.datasets.sounds.duplicates`; what the licence filter
  holds back is gone before that, so that a free copy is not lost to one that is not.
- One bad file never stops the rest: it is listed with its reason.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drumjax.boundary import AUDIO_SUFFIXES, InputError, file_sha256, list_files
from drumjax.datasets.info import CARD, name_order, printable
from drumjax.datasets.licences import UNKNOWN, admits, licence_id
from drumjax.datasets.parallel import in_order, with_bar
from drumjax.datasets.rejections import Rejection, fault, nothing_usable, ranked_reasons, rejection
from drumjax.datasets.sounds.duplicates import fingerprint, repetitions
from drumjax.datasets.sounds.files import read_clip
from drumjax.datasets.sounds.info import MOST_SOUNDS, SAMPLE_RATE_HZ, SAMPLES
from drumjax.datasets.sounds.labels import SoundLabel, label_of, read_sound_labels
from drumjax.datasets.sounds.prepare import Sound
from drumjax.datasets.sounds.takes import series, take_groups
from drumjax.patterns.classes import (
    ALL_CLASSES,
    CLASSES,
    ClassTable,
    class_label,
    class_of_names,
    class_order,
    load_class_table,
    stated_class,
)

POOL_FILES = 200
"""From so many files on, several processes are worth their start (about half a second)."""
MOST_READERS = 8
"""Processes that read at once: each holds 150 MB, most of it the library that resamples."""
_FINGERPRINT = 88 * 32


class SoundDuplicate(NamedTuple):
    """A sound that was left out because it is a copy of an earlier one."""

    name: str
    of: str
    label: str
    label_of: str


@dataclass(frozen=True)
class SoundCollection:
    """What a tree holds, and what became of the rest.

    Attributes:
      path: the folder or file.
      sample_rate_hz: of the sounds.
      samples: the length of the window.
      files_read: how many sound files were looked at.
      files: the SHA-256 of every file that gave a sound, by its path below the source.
      sounds: in the order of their names; no two are copies of each other.
      rejections: files that gave nothing, with the reason.
      duplicates: what was left out as a copy, and of what.
      without: classes that were asked for, by name or by a folder or labels with files of theirs, and have no sound.
      taken_apart: classes whose numbered files are groups by themselves, because they would make fewer than three.
      cut: how many sounds are longer than the window.
      low_rates: how many files have which rate below that of the sounds.
      unlabelled: files that the labels do not name; empty without labels.
      missing: paths that the labels name and that are not there.
    """

    path: str
    sample_rate_hz: int
    samples: int
    files_read: int
    files: Mapping[str, str]
    sounds: Sequence[Sound]
    rejections: Sequence[Rejection]
    duplicates: Sequence[SoundDuplicate]
    without: Sequence[str]
    taken_apart: Sequence[str]
    cut: int
    low_rates: Mapping[int, int]
    unlabelled: Sequence[str]
    missing: Sequence[str]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that have a sound, in their order."""
        return class_order(sound.label for sound in self.sounds)

    def reasons(self) -> list[tuple[str, int, str]]:
        """Why files were rejected, the commonest first: the reason, how often, and in words what was found instead."""
        return ranked_reasons(self.rejections)


class SoundTask(NamedTuple):
    """One file to read."""

    path: str
    name: str
    sample_rate_hz: int
    samples: int


@dataclass
class SoundFile:
    """What one file gave; crosses from worker to parent.

    Attributes:
      rejection: why there is no sound; None where there is one.
      sha256: of the file.
      audio: int16 (length,); None where another process has it.
      length: samples.
      fingerprint: see `drumjax.datasets.sounds.duplicates`.
      file_rate_hz: the rate of the file.
      is_cut: whether it had more than the window holds.
    """

    rejection: Rejection | None = None
    sha256: str = ""
    audio: np.ndarray | None = None
    length: int = 0
    fingerprint: np.ndarray | None = None
    file_rate_hz: int = 0
    is_cut: bool = False


def read_sound_file(task: SoundTask) -> SoundFile:
    """The sound of one file, or why there is none."""
    try:
        clip = read_clip(
            task.path, task.sample_rate_hz, task.samples
        )  # before the hash: of a recording nothing but the header is read
        heard = fingerprint(clip.audio, task.sample_rate_hz)
        return SoundFile(None, file_sha256(task.path), clip.audio, len(clip.audio), heard, clip.file_rate_hz, clip.is_cut)
    except InputError as error:
        return SoundFile(rejection(task.path, task.name, error))
    except Exception as error:
        return SoundFile(fault(task.name, error))


Keep = Callable[[str, np.ndarray], None]
"""What is done with the samples of a file that was read: its name, int16 (length,)."""
ReadAll = Callable[[Sequence[SoundTask]], Iterable[SoundFile]]
"""What reads the files, in their order."""


def collect_sounds(path: str | PathLike[str], **options: Any) -> SoundCollection:
    """All usable sounds at or below a path; the arguments are those of `survey_sounds`.

    Raises:
      InputError: as `survey_sounds`, and when not one sound is left; then the commonest reasons are given.
    """
    collection = survey_sounds(path, **options)
    if not collection.sounds:
        raise nothing_usable(path, "sound", collection.files_read, collection.reasons())
    return collection


def survey_sounds(
    path: str | PathLike[str],
    *,
    labels: Sequence[str | PathLike[str]] = (),
    classes_csv: str | PathLike[str] | None = None,
    classes: Sequence[str] = (),
    licence: str | None = None,
    licences: Sequence[str] = (),
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    samples: int = SAMPLES,
    processes: int = 1,
    progress: bool = False,
    keep: Keep | None = None,
    read_all: ReadAll | None = None,
) -> SoundCollection:
    """What is usable at or below a path, possibly nothing, and why the rest is not.

    Args:
      path: a folder with sound files at any depth, or one such file.
      labels: tables, see `read_sound_labels`; what the first says of a path goes before the next.
      classes_csv: the user's words for drums, see `drumjax.patterns.classes.load_class_table`.
      classes: only these are kept; classes of the user's own have to be named here. Empty keeps all of `ALL_CLASSES`.
      licence: declared for whatever no table states one for.
      licences: only sounds under these are kept (see `drumjax.datasets.licences.admits`); empty keeps all.
      sample_rate_hz: of the sounds.
      samples: the length of the window.
      processes: how many read at once, at most `MOST_READERS`, when there are at least `POOL_FILES` files, see `in_order`. The
        result does not depend on it.
      progress: whether to show a bar on a terminal.
      keep: is given the samples of every file as it is read, copies included, where this process has them.
      read_all: what reads the files; by default `read_sound_file` in `processes` processes.

    Raises:
      InputError: there are no such files at the path, or a table cannot be read or names none of them.
    """
    wanted = wanted_classes(classes)
    tables = [read_sound_labels(table) for table in labels]
    words = load_class_table(classes_csv) if classes_csv is not None else ()
    files = _sound_files(Path(path))
    stated = {name: label_of(name, tables) for name in files}
    there = {".", *files, *(folder for name in files for folder in _folders(name))}
    _check_tables(path, labels, tables, files, there)
    classed, licensed, rejections = _before_reading(files, stated, words, wanted, licence, licences)

    names = list(classed)
    tasks = [SoundTask(str(files[name]), name, sample_rate_hz, samples) for name in names]
    readers = min(processes, MOST_READERS) if len(tasks) >= POOL_FILES else 1
    read = read_all(tasks) if read_all else in_order(read_sound_file, tasks, readers)
    prints = np.zeros((len(tasks), _FINGERPRINT), np.uint8)
    lengths, hashes = np.zeros(len(tasks), np.int64), [""] * len(tasks)
    good: list[int] = []
    low_rates: Counter[int] = Counter()
    cut = []
    for i, result in enumerate(with_bar(iter(read), len(tasks), progress and len(tasks) >= POOL_FILES, "reading")):
        if result.rejection:
            rejections.append(result.rejection)
            continue
        assert result.fingerprint is not None
        prints[len(good)], lengths[i], hashes[i] = result.fingerprint, result.length, result.sha256
        good.append(i)
        cut += [i] * result.is_cut
        low_rates[result.file_rate_hz] += result.file_rate_hz < sample_rate_hz
        if keep and result.audio is not None:
            keep(names[i], result.audio)
    copies = {good[i]: good[first] for i, first in repetitions(prints[: len(good)])}
    kept = [i for i in good if i not in copies]
    labelled = [classed[names[i]] for i in kept]
    groups, apart = take_groups([names[i] for i in kept], labelled, [stated[names[i]].group for i in kept])
    sounds = [
        Sound(names[i], group, label, licensed[names[i]], int(lengths[i]))
        for i, group, label in zip(kept, groups, labelled, strict=True)
    ]
    asked, heard = {*classed.values(), *(wanted or CLASSES)}, set(labelled)
    return SoundCollection(
        path=str(path),
        sample_rate_hz=sample_rate_hz,
        samples=samples,
        files_read=len(files),
        files={names[i]: hashes[i] for i in kept},
        sounds=sounds,
        rejections=rejections,
        duplicates=[SoundDuplicate(names[i], names[j], classed[names[i]], classed[names[j]]) for i, j in copies.items()],
        without=[label for label in class_order(asked) if label not in heard],
        taken_apart=apart,
        cut=sum(1 for i in cut if i not in copies),
        low_rates={rate: n for rate, n in sorted(low_rates.items()) if n},
        unlabelled=[name for name in files if stated[name] == SoundLabel("", "", "")] if tables else [],
        missing=sorted({place for table in tables for place in table if place not in there}),
    )


def wanted_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes that are asked for in any spelling, in their order; () for all that the library knows.

    Raises:
      InputError: something that cannot be a class's name.
    """
    named = [(text, class_label(text)) for text in classes]
    for text, label in named:
        if label is None:
            raise InputError(
                "--classes",
                rule="names of classes",
                found=repr(text),
                remedy=f"write them with commas: {','.join(ALL_CLASSES[:3])}; classes of your own in letters, digits, '_' and '-'",
            )
    return class_order(label for _, label in named if label)


def _sound_files(path: Path) -> dict[str, Path]:
    """The files to read, by their path below the source with `/` between folders, in the order of their names."""
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that no file can have
        listed = list_files(path, AUDIO_SUFFIXES, max_files=MOST_SOUNDS)
        prepared = {file.parent for file in list_files(path, (CARD,), max_files=MOST_SOUNDS)}  # a build into its own source
        files = {printable(file.relative_to(path).as_posix()): file for file in listed if file.parent not in prepared}
    elif os.path.exists(path):
        files = {printable(path.name): path}
    else:
        raise InputError(path, rule="a folder of sound files, or one such file", found="nothing there", remedy="check the spelling")
    if not files:
        raise InputError(
            path,
            rule=f"files that end in {', '.join(AUDIO_SUFFIXES)}",
            found="none in this folder",
            remedy="name the folder that holds the sounds; it may have sub-folders",
        )
    return dict(sorted(files.items(), key=lambda item: name_order(item[0])))


def _check_tables(
    path: str | PathLike[str],
    labels: Sequence[str | PathLike[str]],
    tables: Sequence[Mapping[str, SoundLabel]],
    files: Mapping[str, Path],
    there: Collection[str],
) -> None:
    for table, source in zip(tables, labels, strict=True):
        if not any(place in there for place in table):
            raise InputError(
                source,
                rule=f"paths as seen from {path}, such as {next(iter(files))!r}",
                found=f"none of its {len(files)} files and of their folders; the first one named is {next(iter(table))!r}",
                remedy="correct the paths",
            )


def _folders(name: str) -> list[str]:
    """The folders that a file lies in, below the source."""
    parts = name.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _before_reading(
    files: Mapping[str, Path],
    stated: Mapping[str, SoundLabel],
    words: ClassTable,
    wanted: Sequence[str],
    licence: str | None,
    licences: Sequence[str],
) -> tuple[dict[str, str], dict[str, str], list[Rejection]]:
    """Classes and licences of the files that are worth reading, and why the others are not."""
    known = wanted or ALL_CLASSES
    classed, licensed, rejections = {}, {}, []
    for name in files:
        folders = name.rpartition(".")[0].split("/")[::-1]
        label = stated[name].label or class_of_names(folders, words)
        terms = licence_id(stated[name].licence or licence or UNKNOWN)
        if label is None and stated_class(folders, words):
            rejections.append(Rejection(name, "left out by --classes-csv", series(name)))
        elif label is None:
            rejections.append(Rejection(name, "expected a folder, a name or a label that says a class", series(name)))
        elif label not in known:
            what = "" if wanted else " (name classes of your own with --classes)"
            rejections.append(Rejection(name, f"expected a class among {', '.join(known)}{what}", label))
        elif not admits(licences, terms):
            rejections.append(Rejection(name, f"expected a licence among {', '.join(licences)}", terms))
        else:
            classed[name], licensed[name] = label, terms
    return classed, licensed, rejections
