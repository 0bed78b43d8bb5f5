"""Sounds out of a TFDS folder: all of them into arrays that are made first, or one by one into a hash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from drumjax.datasets.info import name_order
from drumjax.datasets.sounds.info import TEXTS, SoundInfo, joined_sha256, sound_sha256


def read_records(builder: Any, info: SoundInfo) -> dict[str, dict[str, np.ndarray]]:
    """The splits of a `SoundSet`, sounds in the order of their names.

    The folder is read twice, for it has them in the order of a hash: once for the names, once for the rest, so that no sound is in
    memory twice.

    Args:
      builder: a TFDS builder with the data.
      info: what they should be.

    Raises:
      ValueError: a sound is longer than the window, or there are others than there should be.
    """
    splits: dict[str, dict[str, np.ndarray]] = {}
    for split, n in info.counts.items():
        source = _source(builder, split)
        names = [example["name"].decode() for example in source]
        if len(names) != n:
            raise ValueError(f"{split}: expected {n} sounds, found {len(names)}")
        place = np.empty(n, np.int64)
        place[sorted(range(n), key=lambda i: name_order(names[i]))] = np.arange(n)
        audio, length = np.zeros((n, info.samples), np.int16), np.zeros(n, np.int32)
        label = np.zeros(n, np.int32)
        texts: dict[str, list[str]] = {name: [""] * n for name in TEXTS}
        for i, example in zip(place.tolist(), source, strict=True):
            samples = _samples(example, info)
            audio[i, : len(samples)], length[i], label[i] = samples, len(samples), example["label"]
            for name in TEXTS:
                texts[name][i] = example[name].decode()
        splits[split] = {"audio": audio, "length": length, "label": label}
        splits[split] |= {name: np.array(values, np.str_) for name, values in texts.items()}
    return splits


def records_sha256(builder: Any, info: SoundInfo) -> str:
    """The hash of all sounds as `drumjax.datasets.sounds.info.content_sha256` has it, in the memory of one sound.

    Raises:
      ValueError: a sound is longer than the window, or has no class of `info`.
    """

    def hashes(split: str) -> Iterator[str]:
        found = []
        for example in _source(builder, split):
            name, group, licence = (example[text].decode() for text in TEXTS)
            label = info.classes[int(example["label"])]
            found.append((name_order(name), sound_sha256(name, group, licence, label, _samples(example, info))))
        yield from (sha256 for _, sha256 in sorted(found))

    return joined_sha256({split: hashes(split) for split in info.counts})


def _source(builder: Any, split: str) -> Any:
    # TFDS writes no split without examples.
    return builder.as_data_source(split) if split in builder.info.splits else ()


def _samples(example: Any, info: SoundInfo) -> np.ndarray:
    samples = np.asarray(example["audio"])
    if samples.dtype != np.int16 or samples.ndim != 1 or len(samples) > info.samples:
        raise ValueError(f"audio: expected at most {info.samples} samples of 16 bits, found {samples.shape} of {samples.dtype}")
    return samples
