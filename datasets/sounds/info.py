"""What a data set of one-shots is, once it is prepared: `SoundSet`, the arrays of every split, and `SoundInfo`, what they are.

The manners are those of `drumjax.datasets.info`. Sounds are kept as 16-bit whole numbers, half of what floats take, in one array a
split, of which the rest behind a short sound is zeros.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from drumjax.datasets.info import (
    TEXTS,
    check_arrays,
    check_fields,
    check_splits,
    check_texts,
    counts_by_split,
    counts_from_json,
    texts_from_json,
)
from drumjax.datasets.splits import SPLITS

KIND = "one-shots"
BUILDER = "one_shots"
"""The name of the TFDS builder, and so of the folder that a build makes."""
SAMPLE_RATE_HZ = 22_050
SAMPLES = 22_015
"""86 · 256 − 1, almost a second: what a short-time Fourier transform of 86 frames 256 samples apart is exact for (section 5.1)."""
PEAK = 32_767
"""The largest sample of every sound, in absolute value: full scale."""
NUMERIC = MappingProxyType({"audio": np.int16, "length": np.int32, "label": np.int32})
"""The arrays of a split that a model may see, and their types."""
MOST_SOUNDS = 1 << 20
MOST_SAMPLES = 1 << 33
"""In all splits together, with the zeros: 390,000 sounds in 17 GB. Whatever says it holds more is not read."""
_ROWS = 256
"""Sounds that are looked at at once, so that a check takes a few megabytes of its own."""


@dataclass(frozen=True)
class SoundInfo:
    """What a prepared data set of one-shots is. Goes into the checkpoint of every model that was trained on it.

    Attributes:
      kind: "one-shots".
      name: "embedded", or the name of the folder that it was made from.
      source_sha256: the hash of all that decides the data: files, labels, options, seed of the splits. Equal hashes, equal data.
      classes: their names, in the order of the examples' `label`; models have as many classes as there are here.
      sample_rate_hz: 22,050 unless it was asked for otherwise.
      samples: the length of the window, in samples; shorter sounds are filled up with zeros.
      counts: sounds of every split.
      class_counts: sounds of every class in every split.
      licences: sounds of every licence, all splits together.
    """

    kind: str
    name: str
    source_sha256: str
    classes: tuple[str, ...]
    sample_rate_hz: int
    samples: int
    counts: Mapping[str, int]
    class_counts: Mapping[str, Mapping[str, int]]
    licences: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-like data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "source_sha256": self.source_sha256,
            "classes": list(self.classes),
            "sample_rate_hz": self.sample_rate_hz,
            "samples": self.samples,
            "counts": dict(self.counts),
            "class_counts": {split: dict(counts) for split, counts in self.class_counts.items()},
            "licences": dict(self.licences),
        }

    @classmethod
    def from_json(cls, value: Any) -> SoundInfo:
        """What `to_json` wrote.

        Raises:
          ValueError: a field is missing, unknown, of the wrong type, or out of its range; the message names it.
        """
        check_fields(value, tuple(cls.__dataclass_fields__), KIND)
        for field, least, most in (("sample_rate_hz", 1000, 768_000), ("samples", 1, 1 << 17)):
            if type(value[field]) is not int or not least <= value[field] <= most:
                raise ValueError(f"{field}: expected a whole number from {least} to {most}, found {value[field]!r}")
        classes = texts_from_json(value, "classes")
        counts = counts_from_json(value, "counts", MOST_SOUNDS)
        if sum(counts.values()) * value["samples"] > MOST_SAMPLES:
            raise ValueError(f"counts: expected at most {MOST_SAMPLES:,} samples in all, found {counts!r} of {value['samples']:,}")
        return cls(
            kind=KIND,
            name=value["name"],
            source_sha256=value["source_sha256"],
            classes=classes,
            sample_rate_hz=value["sample_rate_hz"],
            samples=value["samples"],
            counts=counts,
            class_counts=counts_by_split(value, "class_counts", classes, MOST_SOUNDS),
            licences=counts_from_json(value, "licences", MOST_SOUNDS),
        )


@dataclass(frozen=True, eq=False)
class SoundSet:
    """Prepared one-shots.

    Attributes:
      info: what they are.
      splits: for each of "train", "validation" and "test" these arrays, sounds in the order of their names:
        `audio` int16 (n, samples), the loudest sample of each sound ±32,767, zeros from `length` on;
        `length` int32 (n,), samples before the zeros, from 1 to `info.samples`;
        `label` int32 (n,), index into `info.classes`;
        `name`, `group`, `licence` strings (n,). A name is a file's path below the source, or `embedded:CLASS#k`.
    """

    info: SoundInfo
    splits: Mapping[str, Mapping[str, np.ndarray]]


def check(sounds: SoundSet) -> SoundSet:
    """The same set, once every rule of `SoundSet` is found kept.

    Raises:
      ValueError: a rule is broken; the message names the split and the array.
    """
    info = sounds.info

    def check_split(split: str, arrays: Mapping[str, np.ndarray]) -> None:
        _check_split(info, arrays, info.counts[split], info.class_counts[split])

    check_splits(sounds.splits, info.counts, check_split)
    check_texts(sounds.splits, info.licences)
    return sounds


def _check_split(info: SoundInfo, arrays: Mapping[str, np.ndarray], n: int, class_counts: Mapping[str, int]) -> None:
    check_arrays(arrays, n, NUMERIC, {"audio": (info.samples,)})
    audio, length, label = (arrays[name] for name in NUMERIC)
    if not ((length >= 1) & (length <= info.samples)).all():
        raise ValueError(f"length: expected numbers from 1 to {info.samples}")
    if not ((label >= 0) & (label < len(info.classes))).all():
        raise ValueError(f"label: expected numbers from 0 to {len(info.classes) - 1}")
    found = dict(zip(info.classes, np.bincount(label, minlength=len(info.classes)).tolist(), strict=True))
    if found != dict(class_counts):
        raise ValueError(f"label: expected {dict(class_counts)}, found {found}")
    behind = np.arange(info.samples)
    for first in range(0, n, _ROWS):
        rows, ends = audio[first : first + _ROWS], length[first : first + _ROWS]
        if not ((rows.max(axis=1) == PEAK) | (rows.min(axis=1) == -PEAK)).all() or rows.min() < -PEAK:
            raise ValueError(f"audio: expected a loudest sample of ±{PEAK:,} in every sound")
        if (rows.astype(bool) & (behind >= ends[:, None])).any():
            raise ValueError("audio: expected zeros behind the end of each sound")


def filled(sounds: Iterable[np.ndarray], n: int, samples: int) -> np.ndarray:
    """Sounds of different lengths as one array, which is made first: what is read sound by sound is never in memory twice.

    Args:
      sounds: `n` of them, int16 (at most samples,).
      n: how many.
      samples: the length of the window.

    Returns:
      int16 (n, samples), zeros behind the end of each sound.
    """
    audio = np.zeros((n, samples), np.int16)
    for row, sound in zip(audio, sounds, strict=True):
        row[: len(sound)] = sound
    return audio


def sound_sha256(name: str, group: str, licence: str, label: str, audio: np.ndarray) -> str:
    """The hash of one sound; `audio` is int16 (length,), without the zeros behind it."""
    head = json.dumps([name, group, licence, label, len(audio)], ensure_ascii=True).encode()
    return hashlib.sha256(head + np.ascontiguousarray(audio, "<i2").tobytes()).hexdigest()


def joined_sha256(splits: Mapping[str, Iterable[str]]) -> str:
    """The hash of a set from the hashes of its sounds in order, so that no more than one of them need be in memory."""
    digest = hashlib.sha256()
    for split in sorted(splits):
        digest.update(split.encode())
        for sha256 in splits[split]:
            digest.update(bytes.fromhex(sha256))
    return digest.hexdigest()


def content_sha256(sounds: SoundSet) -> str:
    """The hash of what is in the arrays, whatever they were read from."""

    def hashes(arrays: Mapping[str, np.ndarray]) -> Iterable[str]:
        for i, length in enumerate(arrays["length"].tolist()):
            label = sounds.info.classes[arrays["label"][i]]
            name, group, licence = (str(arrays[text][i]) for text in TEXTS)
            yield sound_sha256(name, group, licence, label, arrays["audio"][i, :length])

    return joined_sha256({split: hashes(arrays) for split, arrays in sounds.splits.items()})


def sound_info(
    labels: Mapping[str, Iterable[str]],
    licences: Iterable[str],
    *,
    name: str,
    source_sha256: str,
    classes: tuple[str, ...],
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    samples: int = SAMPLES,
) -> SoundInfo:
    """What a set is, counted.

    Args:
      labels: the classes of the sounds of every split.
      licences: those of all sounds.
      name: see `SoundInfo`.
      source_sha256: likewise.
      classes: likewise.
      sample_rate_hz: likewise.
      samples: likewise.
    """
    counted = {split: Counter(labels.get(split, ())) for split in SPLITS}
    return SoundInfo(
        kind=KIND,
        name=name,
        source_sha256=source_sha256,
        classes=classes,
        sample_rate_hz=sample_rate_hz,
        samples=samples,
        counts={split: count.total() for split, count in counted.items()},
        class_counts={split: {label: count[label] for label in classes} for split, count in counted.items()},
        licences=dict(sorted(Counter(licences).items())),
    )
