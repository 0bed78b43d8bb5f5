"""From files to examples: what is taken, what is not and why, and what an example is told about itself."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.datasets import sources
from drumjax.datasets.sources import clean_genre, collect, read_labels, survey
from drumjax.patterns import POCKET, TR808

BD, SD, CH, OH, RS, CB = range(6)


def names(collection: sources.Collection) -> list[str]:
    return [example.name for example in collection.examples]


def labels_file(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_the_grid_of_a_midi_file_holds_velocities_and_offsets_of_its_notes(midi, tmp_path):
    midi("a.mid", {(0, "BD"): 127, (4, "SD"): 64, (62, "CB"): 1})
    (example,) = collect(tmp_path).examples
    expected = np.zeros((64, 6), np.float32)
    expected[0, BD], expected[4, SD], expected[62, CB] = 1, 64 / 127, 1 / 127
    np.testing.assert_array_equal(example.velocity, expected)
    assert not example.offset.any()
    assert (example.name, example.group, example.genre, example.licence) == ("a.mid#0", "a", "unknown", "unknown")
    assert example.tempo_bpm == 120


def test_a_long_file_is_cut_into_consecutive_windows_of_one_group_and_its_end_is_counted(midi, tmp_path):
    midi("long.mid", {(0, "BD"): 100, (64, "SD"): 100, (130, "CH"): 100, (192, "CB"): 100, (195, "CB"): 90}, steps=208)
    collection = collect(tmp_path)
    assert names(collection) == ["long.mid#0", "long.mid#1", "long.mid#2"]
    assert {example.group for example in collection.examples} == {"long"}
    assert [np.argwhere(example.velocity).tolist() for example in collection.examples] == [[[0, BD]], [[0, SD]], [[2, CH]]]
    assert (collection.remainder_windows, collection.remainder_hits) == (1, 2)


def test_a_bar_is_repeated_four_times_and_three_bars_are_rejected(midi, tmp_path):
    midi("bar.mid", {(0, "BD"): 100, (6, "SD"): 100}, steps=16)
    midi("three.mid", {(0, "BD"): 100, (47, "SD"): 100}, steps=48)
    collection = collect(tmp_path)
    assert names(collection) == ["bar.mid#0"]
    assert np.flatnonzero(collection.examples[0].velocity[:, SD]).tolist() == [6, 22, 38, 54]
    (rejection,) = collection.rejections
    assert (rejection.name, rejection.found) == ("three.mid", "48 steps")
    assert "a length that divides 64" in rejection.reason


def test_other_metres_are_rejected_with_the_metre(midi, tmp_path):
    midi("waltz.mid", {(0, "BD"): 100}, steps=48, metre=(3, 4))
    midi("ok.mid", {(0, "BD"): 100})
    (rejection,) = collect(tmp_path).rejections
    assert rejection == ("waltz.mid", "expected a pattern in 4/4", "3/4")


def test_notes_outside_the_map_are_dropped_and_counted_by_pitch_and_row(midi, grid, tmp_path):
    midi("a.mid", {(0, "BD"): 100, (1, 49): 100, (2, 49): 100, (3, 51): 90})
    grid("b.json", [{"tracks": {"BD": "x...............", "CP": "....x.......x..."}}])
    collection = collect(tmp_path)
    assert collection.dropped == {"pitch 49": 2, "row CP": 2, "pitch 51": 1}


def test_the_channel_of_every_midi_file_is_kept_with_the_reason(midi, grid, tmp_path):
    midi("a.mid", {(0, "BD"): 100})
    midi("b.mid", {(1, "BD"): 100}, channel=2)
    midi("nothing.mid", {(1, 84): 100}, channel=2)
    grid("c.json", [{"tracks": {"BD": "xx.............."}}])
    by_file = {name: (channel, reason) for name, channel, reason in collect(tmp_path).channels}
    assert by_file == {
        "a.mid": (10, "General MIDI's drum channel"),
        "b.mid": (3, "no notes on channel 10, and this one has the most pitches of the drum map"),
    }
    assert [(read.channel, read.reason) for read in collect(tmp_path / "b.mid", channel=3).channels] == [(3, "as asked")]


def test_another_drum_map_gives_its_own_lanes(midi, tmp_path):
    midi("a.mid", {(0, 36): 100, (1, 49): 100})
    (example,) = collect(tmp_path, drum_map=POCKET).examples
    assert np.argwhere(example.velocity).tolist() == [[0, 0], [1, 6]]


def test_of_two_notes_on_a_cell_the_louder_stays(midi, tmp_path):
    midi("a.mid", {(0, 35): 50, (0, 36): 90})
    collection = collect(tmp_path)
    assert collection.examples[0].velocity[0, BD] == np.float32(90 / 127)
    assert collection.merged == 1


def test_duplicates_are_dropped_and_named_whatever_their_offsets_genre_or_format(midi, grid, tmp_path):
    midi(
        "idm/a.mid",
        {(0, "BD"): 100, (8, "BD"): 100, (16, "BD"): 100, (24, "BD"): 100} | {(32 + i, "BD"): 100 for i in (0, 8, 16, 24)},
    )
    row = "x.......x......."
    grid("techno/b.json", [{"tracks": {"BD": row}}, {"tracks": {"BD": row}, "offsets": {"BD": [0.5] + [0] * 15}}])
    grid("techno/c.json", [{"tracks": {"BD": "X.......x......."}}])
    collection = collect(tmp_path)
    assert names(collection) == ["idm/a.mid#0", "techno/c.json#0"]
    assert collection.duplicates == [
        ("techno/b.json#0", "idm/a.mid#0", "techno", "idm"),
        ("techno/b.json#1", "idm/a.mid#0", "techno", "idm"),
    ]


def test_silence_is_rejected_and_counts_as_a_window(midi, tmp_path):
    """`FILE#2` is what sounds from the ninth bar on, as where a pattern is named on the command line."""
    midi("a.mid", {(0, "BD"): 100, (128, "SD"): 100}, steps=192)
    collection = collect(tmp_path)
    assert names(collection) == ["a.mid#0", "a.mid#2"]
    assert np.argwhere(collection.examples[1].velocity).tolist() == [[0, SD]]
    assert [tuple(rejection) for rejection in collection.rejections] == [("a.mid", "expected windows with a hit", "silence")]


def test_example_names_are_what_the_command_line_calls_the_windows(midi, grid, tmp_path):
    from drumjax.patterns.files import read_file_windows

    midi("a.mid", {(0, "BD"): 100, (64, "CH"): 90, (192, "SD"): 100}, steps=256)
    rows = [{"BD": "x" * 24}, {"SD": "x..." * 32}, {"CH": "." * 64 + "x" * 64}, {"RS": "x" * 16}]
    grid("b.json", [{"tracks": tracks} for tracks in rows])
    collection = collect(tmp_path)
    # Window 1 of b.json repeats window 0, window 2 is silent.
    assert names(collection) == ["a.mid#0", "a.mid#1", "a.mid#3", "b.json#0", "b.json#3", "b.json#4"]
    for example in collection.examples:
        file, _, k = example.name.rpartition("#")
        np.testing.assert_array_equal(example.velocity, read_file_windows(tmp_path / file).windows[int(k)].velocity)


def test_one_bad_file_among_many_is_listed_and_the_rest_is_taken(midi, small_folder):
    (small_folder / "IDM" / "broken.mid").write_bytes(b"MThd\0\0\0\6\0\1")
    (small_folder / "IDM" / "empty.mid").write_bytes(b"")
    (small_folder / "wave.mid").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    (small_folder / "notes.json").write_text('{"patterns": [{"tracks": {"BD": "x..q"}}, {"name": "ok", "tracks": {"BD": "xxx."}}]}')
    collection = collect(small_folder)
    assert len(collection.examples) == 39 + 1
    rejected = {rejection.name: rejection.found for rejection in collection.rejections}
    assert set(rejected) == {"IDM/broken.mid", "IDM/empty.mid", "wave.mid", "notes.json, pattern 1"}
    assert rejected["wave.mid"] == "a WAV sound file"


def test_a_fault_of_ours_costs_one_file_and_is_called_what_it_is(small_folder, monkeypatch):
    real = sources.read_midi_pattern

    def faulty(path, **options):
        if path.endswith("07.mid"):
            raise ZeroDivisionError("division by zero")
        return real(path, **options)

    monkeypatch.setattr(sources, "read_midi_pattern", faulty)
    collection = collect(small_folder)
    assert [(r.name, r.found) for r in collection.rejections] == [("Techno/07.mid", "ZeroDivisionError: division by zero")]
    assert "report it" in collection.rejections[0].reason
    assert len(collection.examples) == 39 - 2


def test_nothing_usable_is_an_error_that_gives_the_commonest_reasons(midi, tmp_path):
    for i in range(3):
        midi(f"{i}.mid", {(0, "BD"): 100}, steps=48, metre=(3, 4))
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError) as caught:
        collect(tmp_path)
    assert caught.value.found.startswith(
        "none in 4 files: 3 × expected a pattern in 4/4 (found 3/4); 1 × expected at least one pattern"
    )
    assert "drumjax data inspect" in caught.value.remedy
    assert not survey(tmp_path).examples


@pytest.mark.parametrize("make", [lambda path: path / "none", lambda path: path])
def test_a_missing_folder_and_one_without_pattern_files_are_errors(make, tmp_path):
    (tmp_path / "readme.txt").write_text("x")
    with pytest.raises(InputError):
        survey(make(tmp_path))


def test_the_genre_is_the_first_folder_level_in_lower_case(midi, grid, tmp_path):
    midi("Deep  House/one/two/a.mid", {(0, "BD"): 100})
    grid("Techno/b.json", [{"genre": "idm", "tracks": {"SD": "x..."}}])
    grid("c.json", [{"genre": "Electro", "tracks": {"CH": "x..."}}, {"tracks": {"OH": "x..."}}])
    found = {example.name: example.genre for example in collect(tmp_path).examples}
    assert found == {
        "Deep  House/one/two/a.mid#0": "deep house",
        "Techno/b.json#0": "techno",
        "c.json#0": "electro",
        "c.json#1": "unknown",
    }


def test_a_sound_file_under_a_midi_name_is_called_what_it_is_whatever_its_size(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(b"RIFF\0\0\0\0WAVEfmt " + bytes(3_700_000))
    with pytest.raises(InputError, match=r"1 × expected a standard MIDI file \(found a WAV sound file\)"):
        collect(path)


def test_one_file_is_a_source_too(midi, tmp_path):
    path = midi("techno/a.mid", {(0, "BD"): 100})
    assert names(collect(path)) == ["a.mid#0"]


def test_labels_give_genre_group_and_licence_and_leave_the_rest_to_the_files(midi, grid, tmp_path):
    midi("x/a.mid", {(0, "BD"): 100})
    midi("x/b.mid", {(1, "BD"): 100})
    midi("x/c.mid", {(2, "BD"): 100})
    grid("x/d.json", [{"genre": "own", "licence": "MIT", "tracks": {"SD": "x..."}}, {"genre": "own", "tracks": {"CH": "x..."}}])
    labels = labels_file(
        tmp_path / "labels.csv",
        [
            ["file", "genre", "group", "licence"],
            ["x/a.mid", "IDM", "song", "CC BY 4.0"],
            ["./x/b.mid", "Techno", "song", ""],
            ["x\\d.json", "", "", "CC0"],
            ["x/gone.mid", "idm", "", ""],
        ],
    )
    collection = collect(tmp_path, genres_csv=labels, licence="BSD")
    found = {example.name: (example.genre, example.licence) for example in collection.examples}
    assert found == {
        "x/a.mid#0": ("idm", "cc-by-4.0"),
        "x/b.mid#0": ("techno", "bsd"),
        "x/c.mid#0": ("x", "bsd"),
        "x/d.json#0": ("own", "mit"),
        "x/d.json#1": ("own", "cc0"),
    }
    groups = [example.group for example in collection.examples]
    assert groups[0] == groups[1] == "label:song"
    assert len(set(groups)) == 3
    assert (collection.unlabelled, collection.missing) == (["x/c.mid"], ["x/gone.mid"])
    assert collection.files_read == 4  # the labels are no pattern file


def test_the_columns_of_the_groove_midi_dataset_are_known(tmp_path):
    columns = ["drummer", "style", "beat_type", "time_signature", "midi_filename"]
    path = labels_file(tmp_path / "info.csv", [columns, ["drummer1", "jazz/funk", "fill", "4-4", "d/1.mid"]])
    assert read_labels(path) == {"d/1.mid": ("jazz/funk", "", "", "fill", "4-4")}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["file", "mood"], ["a.mid", "x"]], "a column genre or style"),
        ([["name", "genre"], ["a.mid", "x"]], "a column file or midi_filename or path"),
        ([["file", "genre"], ["a.mid", "x"], ["a.mid", "y"]], "the same labels each time"),
        ([["file", "genre"], ["elsewhere/a.mid", "x"]], "paths of files as seen from"),
    ],
)
def test_labels_that_cannot_be_used_are_an_error(rows, message, midi, tmp_path):
    midi("a.mid", {(0, "BD"): 100})
    with pytest.raises(InputError, match=message):
        survey(tmp_path, genres_csv=labels_file(tmp_path / "labels.csv", rows))


def test_a_performance_that_a_table_has_once_for_every_kit_is_one_group(tmp_path):
    """As in the Expanded Groove MIDI Dataset."""
    rows = [
        ["id", "style", "midi_filename", "kit_name"],
        ["d1/s1/1", "rock", "1_kit1.mid", "one"],
        ["d1/s1/1", "rock", "1_kit2.mid", "two"],
        ["d1/s1/2", "rock", "2_kit1.mid", "one"],
    ]
    groups = {name: label.group for name, label in read_labels(labels_file(tmp_path / "a.csv", rows)).items()}
    assert groups == {"1_kit1.mid": "d1/s1/1", "1_kit2.mid": "d1/s1/1", "2_kit1.mid": ""}
    rows[0][2] = "file"  # an id in a table of one's own may mean anything
    assert {label.group for label in read_labels(labels_file(tmp_path / "b.csv", rows)).values()} == {""}


def test_the_labels_of_many_files_are_read(tmp_path):
    path = labels_file(tmp_path / "a.csv", [["file", "genre"], *([f"{number:0200}.mid", "rock"] for number in range(10_000))])
    assert path.stat().st_size > 1 << 21
    assert len(read_labels(path)) == 10_000


def test_a_licence_filter_comes_before_duplicates_are_dropped(grid, tmp_path):
    """The first of two equal patterns is not free; the second is, and must not be lost with it."""
    tracks = {"BD": "x..."}
    grid(
        "a.json",
        [
            {"licence": "GPL-3.0", "tracks": tracks},
            {"licence": "CC BY", "tracks": tracks},
            {"licence": "CC BY-SA", "tracks": {"SD": "x..."}},
        ],
    )
    collection = collect(tmp_path, licences=["cc-by"])
    assert names(collection) == ["a.json#1"]
    assert Counter(rejection.found for rejection in collection.rejections) == {"gpl-3.0": 1, "cc-by-sa": 1}
    assert not collection.duplicates


def test_pieces_of_a_grid_file_are_groups_and_files_keep_theirs_apart(grid, tmp_path):
    entries = [
        {"title": "Rock 1", "name": "Rock 1 A", "tracks": {"BD": "x..."}},
        {"title": "Rock 1", "name": "Rock 1 B", "tracks": {"BD": "xx.."}},
        {"title": "Rock 2", "name": "Rock 2 A", "tracks": {"BD": "xxx."}},
    ]
    grid("a.json", entries)
    grid("b.json", [{"title": "Rock 1", "tracks": {"SD": "x..."}}])
    first, second, third, other = [example.group for example in collect(tmp_path).examples]
    assert first == second
    assert len({first, third, other}) == 3
    assert first.startswith("a:")
    assert other.startswith("b:")


def test_several_processes_give_what_one_gives(small_folder, monkeypatch):
    monkeypatch.setattr(sources, "POOL_FILES", 10)
    (small_folder / "bad.mid").write_bytes(b"MThd")
    one, two = collect(small_folder), collect(small_folder, processes=2)
    assert names(one) == names(two)
    assert all(np.array_equal(a.velocity, b.velocity) for a, b in zip(one.examples, two.examples, strict=True))
    assert (one.files, one.rejections, one.dropped) == (two.files, two.rejections, two.dropped)


def test_files_are_hashed_only_if_something_of_them_is_used(midi, tmp_path):
    import hashlib

    path = midi("a.mid", {(0, "BD"): 100})
    midi("waltz.mid", {(0, "BD"): 100}, metre=(3, 4))
    assert collect(tmp_path).files == {"a.mid": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_prepared_folder_inside_the_source_is_passed_over(small_folder):
    inside = small_folder / "edm_patterns" / "folder_x" / "1.0.0"
    inside.mkdir(parents=True)
    for name in ("drumjax.json", "dataset_info.json", "features.json"):
        (inside / name).write_text("{}")
    assert not collect(small_folder).rejections


def test_names_that_no_terminal_prints_are_spelt_out(midi, tmp_path):
    midi("a\x1b[31m.mid", {(0, "BD"): 100})
    assert names(collect(tmp_path)) == ["a\\x1b[31m.mid#0"]
    assert clean_genre("  Drum\nand\x1b  BASS ") == "drum and bass"
    assert len(clean_genre("x" * 500)) == 64


def test_the_lanes_are_those_of_the_map():
    assert TR808.lanes == ("BD", "SD", "CH", "OH", "RS", "CB")
