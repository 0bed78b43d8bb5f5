"""The pattern folders of real data: how many of their patterns are usable, counted once here by other means and pinned."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from drumjax.datasets.build import build
from drumjax.datasets.load import load_patterns
from drumjax.datasets.sources import Collection, collect

# folder: (in the file, rejected, duplicates, examples)
#
# Of the 623 patterns 503 are 16 steps of 16ths in 4/4. Three of these (1 Bardet, 2 Tidal) have hits in toms alone and none in the
# six lanes: 500. 25 of Tidal are 32 or 64 steps of 16ths in "8/4" or "16/4", which is 2 or 4 bars of 4/4, and 2 are a bar of 32nds,
# put on the nearest 16th: 527. 22 of these repeat another one of their file in the six lanes: 505 examples, and 503 of the three
# folders together. Rejected besides: 21 in 12/8, 6 in triplets (Bardet); 64 in 6/4, 2 in 3/4 (Tidal).
COUNTS = {
    "patterns_bardet200": (198, 28, 2, 168),
    "patterns_lmms_edm": (142, 0, 18, 124),
    "patterns_tidal": (283, 68, 2, 213),
}


def entries(folder: Path) -> list[dict]:
    return json.loads((folder / "patterns.json").read_text())["patterns"]


def whole_bars(folder: Path) -> list[frozenset[str]]:
    """The patterns in 16ths and whole bars of 4/4, as text; those without a hit in the six lanes are empty."""
    return [sixteenths(e) for e in entries(folder) if e["steps_per_beat"] == 4 and e["meter"] in ("4/4", "8/4", "16/4")]


def sixteenths(entry: dict) -> frozenset[str]:
    """The six lanes of a pattern in 16ths as text, with the accents, each repeated to 64 steps: an oracle without the library."""
    rows = {}
    accent = entry["tracks"].get("AC", "." * entry["steps"])
    for lane, row in entry["tracks"].items():
        if lane in ("BD", "SD", "CH", "OH", "RS", "CB") and "x" in row:
            marks = ["." if mark == "." else "X" if loud == "x" else "x" for mark, loud in zip(row, accent, strict=True)]
            rows[lane] = "".join(marks) * (64 // len(row))
    return frozenset(f"{lane}{row}" for lane, row in rows.items())


@pytest.mark.parametrize("name", COUNTS)
def test_the_usable_patterns_of_a_folder_are_these(name, data_folder):
    collection = collect(data_folder / name)
    accepted = len(collection.examples) + len(collection.duplicates)
    found = (
        accepted + len(collection.rejections),
        len(collection.rejections),
        len(collection.duplicates),
        len(collection.examples),
    )
    assert found == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_without_the_library_agrees(name, data_folder):
    """Every pattern in 16ths, of whole bars of 4/4, is counted by its text; the two of 32nds in Tidal come on top."""
    with_hits = [grid for grid in whole_bars(data_folder / name) if grid]
    thirty_seconds = 2 if name == "patterns_tidal" else 0
    total, rejected, _, examples = COUNTS[name]
    assert len(with_hits) + thirty_seconds == total - rejected
    assert len(set(with_hits)) + thirty_seconds == examples


def test_twenty_of_the_lmms_patterns_are_cc_by_or_bsd(data_folder):
    folder = data_folder / "patterns_lmms_edm"
    stated = Counter(entry["licence"] for entry in entries(folder))
    assert (stated["CC BY"], stated["BSD"]) == (16, 4)
    collection = collect(folder, licences=["cc0", "cc-by", "bsd", "mit"])
    assert len(collection.examples) + len(collection.duplicates) == 20
    assert Counter(example.licence for example in collection.examples) == {"cc-by": 16, "bsd": 4}
    assert len(collection.rejections) == 122
    assert {rejection.found for rejection in collection.rejections} == {
        "artistic-2.0",
        "gpl-2.0-or-later",
        "cc-by-sa",
        "cc-by-sa-4.0",
    }


def test_bars_of_one_song_are_one_group(data_folder):
    collection = collect(data_folder / "patterns_lmms_edm")
    songs = {entry["source"] for entry in entries(data_folder / "patterns_lmms_edm")}
    assert len({example.group for example in collection.examples}) == len(songs) == 28


def labelled(data_folder: Path, tmp_path: Path) -> Collection:
    """The three folders side by side: the genres stay those of the patterns, the licences those of the folders."""
    for name in COUNTS:
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "patterns.json").write_bytes((data_folder / name / "patterns.json").read_bytes())
    (tmp_path / "labels.csv").write_text(
        "file,genre,licence\npatterns_bardet200/patterns.json,,MIT\npatterns_lmms_edm/patterns.json,,\npatterns_tidal/patterns.json,,GPL-3.0\n"
    )
    return collect(tmp_path / "all", genres_csv=tmp_path / "labels.csv")


def test_the_three_folders_are_one_data_set_by_a_labels_file(data_folder, tmp_path):
    collection = labelled(data_folder, tmp_path)
    distinct = {grid for name in COUNTS for grid in whole_bars(data_folder / name) if grid}
    assert len(collection.examples) == len(distinct) + 2 == 503
    assert len(collection.duplicates) == 24
    genres = Counter(example.genre for example in collection.examples)
    assert not {"patterns_bardet200", "patterns_lmms_edm", "patterns_tidal"} & set(genres)
    assert genres["funk"] == 42
    licences = Counter(example.licence for example in collection.examples)
    assert (licences["mit"], licences["gpl-3.0"], licences["cc-by"], licences["bsd"]) == (168, 211, 16, 4)


def test_a_mixed_folder_with_a_broken_file_is_built_and_loaded(data_folder, tmp_path):
    folder = tmp_path / "mixed"
    (folder / "rock").mkdir(parents=True)
    for file in sorted((data_folder / "gmd" / "drummer1" / "session1").glob("*rock*4-4.mid"))[:12]:
        (folder / "rock" / file.name).write_bytes(file.read_bytes())
    (folder / "patterns.json").write_bytes((data_folder / "patterns_lmms_edm" / "patterns.json").read_bytes())
    (folder / "rock" / "broken.mid").write_bytes(b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\xff")
    built = build(folder, tmp_path / "out", licence="CC BY 4.0")
    assert built.prepared.collection is not None
    assert "rock/broken.mid" in {rejection.name for rejection in built.prepared.collection.rejections}
    loaded = load_patterns(tmp_path / "out")
    assert {"rock", "electronic"} <= set(loaded.info.genres)
    played = sum(int(arrays["offset"].any(axis=(1, 2)).sum()) for arrays in loaded.splits.values())
    assert played >= 10  # the drummer's windows keep their timing


@pytest.mark.slow
def test_the_groove_midi_dataset_is_a_source_by_its_own_table(data_folder):
    """1,021 files: 4/4 windows of 64 steps with a hit in the six lanes. Takes some 12 s."""
    folder = data_folder / "gmd"
    collection = collect(folder, genres_csv=folder / "info.csv", licence="CC BY 4.0", processes=2)
    assert (collection.files_read, collection.unlabelled, collection.missing) == (1021, [], [])
    assert {example.licence for example in collection.examples} == {"cc-by-4.0"}
    assert len(collection.files) > 900
    assert len(collection.examples) > 5000
    assert {example.genre.split("/")[0] for example in collection.examples} >= {"rock", "funk", "jazz", "latin", "hiphop"}
