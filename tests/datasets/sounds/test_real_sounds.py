"""The folders of real one-shots: what is accepted of them, and how it is split."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from drumjax.datasets.sounds.prepare import assign_splits
from drumjax.datasets.sounds.sources import SoundCollection, survey_sounds
from drumjax.patterns.classes import ALL_CLASSES


@pytest.fixture(scope="module")
def collection(data_folder) -> SoundCollection:
    return survey_sounds(data_folder, labels=[data_folder / "oneshots_index.csv"])


def index(data_folder: Path) -> dict[str, str]:
    with open(data_folder / "oneshots_index.csv", newline="") as file:
        return {row["path"]: row["cls"] for row in csv.DictReader(file)}


def test_nearly_every_sound_of_the_index_is_accepted_under_its_class(data_folder, collection):
    """All of 1,105 when this was written; they had been freed of silence, clicks and copies (by waveform) beforehand."""
    expected = index(data_folder)
    accepted = {sound.name: sound.label for sound in collection.sounds}
    assert {name: expected.get(name) for name in accepted} == accepted
    assert len(expected) - 11 <= len(accepted) <= len(expected)
    assert set(expected) - set(accepted) == {copy.name for copy in collection.duplicates} | (
        {rejection.name for rejection in collection.rejections} & set(expected)
    )
    assert collection.classes == ALL_CLASSES
    least = {"snap": 20, "bongo": 36, "cowbell": 5, "tom": 166, "snare": 228, "kick": 142}
    counts = Counter(accepted.values())
    assert all(counts[label] >= n for label, n in least.items())


def test_files_without_a_label_say_no_class_and_are_not_read(data_folder, collection):
    others = {rejection.name for rejection in collection.rejections} - set(index(data_folder))
    assert others
    assert all(name.startswith("loops_") for name in others)
    assert sorted(others) == sorted(collection.unlabelled)


def test_every_class_is_in_every_split_and_no_drum_in_two(collection):
    splits = assign_splits(collection.sounds)
    sounds = collection.sounds
    for numbers in splits.values():
        assert {sounds[i].label for i in numbers} == set(ALL_CLASSES)
    assert 0.76 < len(splits["train"]) / len(sounds) < 0.82
    where = defaultdict(set)
    for split, numbers in splits.items():
        for i in numbers:
            where[sounds[i].group].add(split)
    assert all(len(found) == 1 for found in where.values())
    # All 61 hits on one bass drum, and the rim shots of one snare drum.
    assert len({sound.group for sound in sounds if sound.name.startswith("oneshots_gogodze2/kick/")}) == 1
    assert len({sound.group for sound in sounds if "13b_rimshot" in sound.name}) == 1
