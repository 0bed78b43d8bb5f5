"""From sounds to a `SoundSet`: splits, arrays, order. The embedded sounds go through the same as a folder's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from drumjax.datasets.info import EMBEDDED, name_order
from drumjax.datasets.prepare import EMBEDDED_LICENCE
from drumjax.datasets.sounds.info import PEAK, SAMPLE_RATE_HZ, SAMPLES, SoundInfo, SoundSet, check, filled, sound_info
from drumjax.datasets.splits import SPLITS, split_groups
from drumjax.patterns.classes import ALL_CLASSES, class_order

FORMAT = 1
"""Raised when the same source would be read into other sounds than before: part of every source hash."""
PER_CLASS = 200
"""How many embedded sounds of each class are made where nobody says otherwise."""
EMBEDDED_SEED = 0
"""Of the embedded sounds, so that `embedded:kick#7` is the same sound everywhere; the seed of the splits is another."""
VALIDATION, TEST = 0.1, 0.1
"""Shares held out: a fifth, as in the paper (section 5.1: 80/20, balanced by class), halved (our decision)."""


class Sound(NamedTuple):
    """One sound of a data set, but for its samples.

    Attributes:
      name: a file's path below the source, or `embedded:CLASS#k`; stands once in a set.
      group: sounds of one group are never split up.
      label: the name of its class.
      licence: an id of `drumjax.datasets.licences`.
      length: samples.
    """

    name: str
    group: str
    label: str
    licence: str
    length: int


def to_int16(audio: np.ndarray) -> np.ndarray:
    """Samples at full scale: the loudest of each sound becomes ±32,767.

    Args:
      audio: float (..., samples), not silent.

    Returns:
      int16 of the same shape.
    """
    audio = np.asarray(audio, np.float64)
    peak = np.abs(audio).max(axis=-1, keepdims=True)
    return np.rint(audio / peak * PEAK).astype(np.int16)


def assign_splits(
    sounds: Sequence[Sound], *, seed: int = 0, validation: float = VALIDATION, test: float = TEST
) -> dict[str, list[int]]:
    """Which sounds each split holds, in the order of their names: numbers into `sounds`.

    Raises:
      ValueError: impossible shares, or too few groups, see `split_groups`.
    """
    groups, labels = [sound.group for sound in sounds], [sound.label for sound in sounds]
    found = split_groups(groups, labels, seed=seed, validation=validation, test=test, each=True)
    order = sorted(range(len(sounds)), key=lambda i: name_order(sounds[i].name))
    return {split: [i for i in order if found[i] == split] for split in SPLITS}


def embedded_info(
    *,
    classes: Sequence[str] = ALL_CLASSES,
    per_class: int = PER_CLASS,
    seed: int = 0,
    validation: float = VALIDATION,
    test: float = TEST,
) -> SoundInfo:
    """What `embedded_sounds` would hold, without making it."""
    of = class_order(classes)
    sounds = [sound for label in of for sound in embedded_names(label, per_class)]
    splits = assign_splits(sounds, seed=seed, validation=validation, test=test)
    return sound_info(
        {split: [sounds[i].label for i in numbers] for split, numbers in splits.items()},
        [sound.licence for sound in sounds],
        name=EMBEDDED,
        source_sha256=source_sha256({EMBEDDED: embedded_sha256(of, per_class)}, seed=seed, validation=validation, test=test),
        classes=of,
    )


def embedded_sounds(
    *,
    classes: Sequence[str] = ALL_CLASSES,
    per_class: int = PER_CLASS,
    seed: int = 0,
    validation: float = VALIDATION,
    test: float = TEST,
) -> SoundSet:
    """The embedded one-shots, made on the fly and split.

    Args:
      classes: which, of `ALL_CLASSES`.
      per_class: how many of each.
      seed: of the splits; the sounds are always the same.
      validation: see `split_groups`.
      test: likewise.

    Raises:
      ValueError: impossible shares, see `split_groups`; an unknown class.
    """
    shares: dict[str, Any] = {"seed": seed, "validation": validation, "test": test}
    of = class_order(classes)
    made = [
        (sound._replace(length=len(audio)), audio)
        for label in of
        for sound, audio in zip(embedded_names(label, per_class), embedded_batch(label, 0, per_class), strict=True)
    ]
    splits = assign_splits([sound for sound, _ in made], **shares)
    info = embedded_info(classes=of, per_class=per_class, **shares)
    return check(SoundSet(info, {split: arrays([made[i] for i in numbers], info) for split, numbers in splits.items()}))


def arrays(made: Sequence[tuple[Sound, np.ndarray]], info: SoundInfo) -> dict[str, np.ndarray]:
    """The arrays of one split, from its sounds and their samples, int16 (length,)."""
    number = {label: i for i, label in enumerate(info.classes)}
    sounds = [sound for sound, _ in made]
    return {
        "audio": filled((audio for _, audio in made), len(made), info.samples),
        "length": np.array([sound.length for sound in sounds], np.int32),
        "label": np.array([number[sound.label] for sound in sounds], np.int32),
        "name": np.array([sound.name for sound in sounds], np.str_),
        "group": np.array([sound.group for sound in sounds], np.str_),
        "licence": np.array([sound.licence for sound in sounds], np.str_),
    }


def embedded_names(label: str, n: int) -> Iterator[Sound]:
    """What the embedded sounds of a class are called; their lengths are not known before they are made, and 0 here."""
    for k in range(n):
        name = f"{EMBEDDED}:{label}#{k}"
        yield Sound(name=name, group=name, label=label, licence=EMBEDDED_LICENCE, length=0)


def embedded_batch(label: str, first: int, n: int) -> list[np.ndarray]:
    """Sounds `first` to `first + n - 1` of a class, int16 (length,) each."""
    from drumjax.synth.one_shots import synthesize

    audio, lengths = synthesize(label, n, EMBEDDED_SEED, first=first, sample_rate_hz=SAMPLE_RATE_HZ, samples=SAMPLES)
    return [row[:length] for row, length in zip(to_int16(audio), lengths.tolist(), strict=True)]


def embedded_sha256(classes: Iterable[str], per_class: int) -> str:
    """The hash of which embedded sounds are meant. What they sound like is a function of the library's version alone, which raises
    `FORMAT` when it changes."""
    return hashlib.sha256(json.dumps([list(class_order(classes)), per_class, EMBEDDED_SEED]).encode()).hexdigest()


def source_sha256(files: Mapping[str, str], **options: Any) -> str:
    """The hash of all that decides a data set.

    Args:
      files: the SHA-256 of every file that gave a sound, by its path below the source, with `/` between folders.
      **options: everything else that the data depend on, JSON values.
    """
    decides = {"format": FORMAT, "kind": "one-shots", "files": sorted(files.items()), "options": options}
    return hashlib.sha256(json.dumps(decides, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
