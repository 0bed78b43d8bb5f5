"""What becomes of a tree of sound files: classes, licences, groups, copies, and a reason for all that is left out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.datasets.sounds import sources
from drumjax.datasets.sounds.labels import SoundLabel, label_of, read_sound_labels
from drumjax.datasets.sounds.sources import SoundCollection, collect_sounds, survey_sounds


def by_label(collection: SoundCollection) -> dict[str, list[str]]:
    return {label: [sound.name for sound in collection.sounds if sound.label == label] for label in collection.classes}


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_classes_come_from_folders_and_names(small_tree, sound):
    sound("pack/loose/808bd.wav", 90)
    sound("pack/loose/oh 1.wav", 91)
    found = by_label(collect_sounds(small_tree))
    assert {label: len(names) for label, names in found.items()} == {
        "kick": 11, "snare": 10, "hihat_open": 1, "hihat_closed": 10,
    }  # fmt: skip
    assert found["kick"][-1] == "loose/808bd.wav"
    assert tuple(found) == ("kick", "snare", "hihat_open", "hihat_closed")


def test_one_bad_file_among_many_is_listed_and_costs_no_other(small_tree, sound):
    (small_tree / "Kicks" / "x.wav").write_bytes(b"RIFF no sound at all")
    (small_tree / "Kicks" / "y.flac").write_bytes((small_tree / "Kicks" / "b.flac").read_bytes()[:200])
    sound("pack/snare/silent.wav", np.zeros(4000))
    sound("pack/snare/old.wav", 93, 8000)
    sound("pack/chord.wav", 92)
    sound("pack/snare/song.wav", np.zeros(8000 * 600), 8000)
    collection = survey_sounds(small_tree)
    assert len(collection.sounds) == 31
    assert collection.files_read == 36
    found = {rejection.name: rejection.found for rejection in collection.rejections}
    assert sorted(found) == ["Kicks/x.wav", "Kicks/y.flac", "chord.wav", "snare/silent.wav", "snare/song.wav"]
    assert found["snare/silent.wav"] == "silence"
    assert found["snare/song.wav"] == "600.0 s"
    assert found["chord.wav"] == "chord"
    assert collection.low_rates == {8000: 1}
    assert len(collection.files) + len(collection.rejections) + len(collection.duplicates) == collection.files_read


def test_a_fault_of_ours_costs_one_file_and_is_called_what_it_is(small_tree, monkeypatch):
    clip = sources.read_clip
    monkeypatch.setattr(sources, "read_clip", lambda path, *rest: 1 / 0 if path.endswith("a.wav") else clip(path, *rest))
    collection = survey_sounds(small_tree)
    assert len(collection.sounds) == 27
    assert collection.reasons() == [
        ("drumjax failed on this file: please report it", 3, "ZeroDivisionError: division by zero")
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not know")
def test_files_whose_names_look_alike_when_printed_are_both_taken(sound):
    for number, name in enumerate(("a\x1b.wav", "a\\x1b.wav")):
        sound(f"s/kick/{name}", number)
        path = sound("s/kick/b.wav", 9).parent
    assert [each.name for each in survey_sounds(path.parent).sounds] == ["kick/a\\\\x1b.wav", "kick/a\\x1b.wav", "kick/b.wav"]


def test_of_a_recording_nothing_but_the_header_is_read(sound, monkeypatch):
    path = sound("s/kick.flac", np.zeros(8000 * 60), 8000)
    monkeypatch.setattr(sources, "file_sha256", lambda *_: pytest.fail("the whole file was read"))
    read = sources.read_sound_file(sources.SoundTask(str(path), "kick.flac", 22_050, 22_015))
    assert read.rejection == ("kick.flac", "expected at most 30 s of sound", "60.0 s")


def test_copies_are_left_out_and_said_to_be_of_what(small_tree):
    shutil.copy(small_tree / "Kicks" / "a.wav", small_tree / "Kicks" / "z.wav")
    shutil.copy(small_tree / "Kicks" / "a.wav", small_tree / "snare" / "z.wav")
    collection = survey_sounds(small_tree)
    assert [(copy.name, copy.of, copy.label, copy.label_of) for copy in collection.duplicates] == [
        ("Kicks/z.wav", "Kicks/a.wav", "kick", "kick"),
        ("snare/z.wav", "Kicks/a.wav", "snare", "kick"),
    ]
    assert len(collection.sounds) == 30


def test_a_free_copy_is_not_lost_to_one_that_is_held_back(small_tree, tmp_path):
    shutil.copy(small_tree / "Kicks" / "a.wav", small_tree / "snare" / "z.wav")
    labels = table(tmp_path / "labels.csv", "folder,licence\nKicks,CC BY-NC 4.0\n.,CC0\n")
    collection = survey_sounds(small_tree, labels=[labels], licences=["cc0"])
    assert "snare/z.wav" in [sound.name for sound in collection.sounds]
    assert not collection.duplicates
    assert collection.reasons() == [("expected a licence among cc0", 10, "cc-by-nc-4.0")]
    assert {sound.licence for sound in collection.sounds} == {"cc0"}


def test_labels_say_class_group_and_licence_of_files_and_folders(small_tree, tmp_path):
    first = table(tmp_path / "a.csv", "path,cls,group,other\n./Kicks/a.wav,BD,,x\nKicks\\b.flac,Toms,left,y\ngone.wav,kick,,z\n")
    second = table(tmp_path / "b.csv", "file,licence,class\nKicks,CC BY 4.0,\nKicks/a.wav,,snare\n")
    collection = survey_sounds(small_tree, labels=[first, second], licence="CC0")
    sounds = {sound.name: sound for sound in collection.sounds}
    assert (sounds["Kicks/a.wav"].label, sounds["Kicks/a.wav"].licence) == ("kick", "cc-by-4.0")
    assert (sounds["Kicks/b.flac"].label, sounds["Kicks/b.flac"].group) == ("tom", "label:left")
    assert sounds["snare/a.wav"].licence == "cc0"
    assert collection.missing == ["gone.wav"]
    assert len(collection.unlabelled) == 20


def test_a_table_of_a_large_collection_is_read(tmp_path):
    rows = "".join(f"some/folder/of/a/large/collection/kick {i}.wav,kick,CC BY 4.0\n" for i in range(60_000))
    assert len(read_sound_labels(table(tmp_path / "x.csv", f"file,class,licence\n{rows}"))) == 60_000


def test_of_labels_the_nearest_cell_counts():
    tables = [
        {"a/b": SoundLabel("kick", "", "cc0"), "a/b/c.wav": SoundLabel("", "g", "")},
        {"a": SoundLabel("snare", "h", "mit"), ".": SoundLabel("tom", "", "bsd")},
    ]
    assert label_of("a/b/c.wav", tables) == SoundLabel("kick", "g", "cc0")
    assert label_of("a/x.wav", tables) == SoundLabel("snare", "h", "mit")
    assert label_of("y.wav", tables) == SoundLabel("tom", "", "bsd")
    assert label_of("y.wav", tables[:1]) == SoundLabel("", "", "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("file,class\n", "no rows"),
        ("name,class\na.wav,kick\n", "the columns name, class"),
        ("file,genre\na.wav,kick\n", "the columns file, genre"),
        ("file,class\na.wav,kick\na.wav,snare\n", "'a.wav' twice"),
        ("file,class\na.wav,<b>\n", "'<b>' for a.wav"),
    ],
)
def test_labels_that_cannot_be_read_are_input_errors(tmp_path, text, found):
    with pytest.raises(InputError, match=found):
        read_sound_labels(table(tmp_path / "x.csv", text))


def test_labels_of_other_files_are_an_input_error(small_tree, tmp_path):
    labels = table(tmp_path / "x.csv", "file,class\nelsewhere/a.wav,kick\n")
    with pytest.raises(InputError, match="paths as seen from"):
        survey_sounds(small_tree, labels=[labels])


def test_a_user_s_words_and_classes(small_tree, sound, tmp_path):
    sound("pack/glass_1.wav", 95)
    words = table(tmp_path / "words.csv", "pattern,class\nglass,bell\nhat closed,-\n")
    held_back = survey_sounds(small_tree, classes_csv=words)
    assert [(count, found) for _, count, found in held_back.reasons()][1:] == [(1, "bell")]
    assert held_back.reasons()[0][:2] == ("left out by --classes-csv", 10)
    collection = survey_sounds(small_tree, classes_csv=words, classes=["bell", "BD", "snap"])
    assert collection.classes == ("kick", "bell")
    assert collection.without == ["snap"]
    with pytest.raises(InputError, match="names of classes"):
        survey_sounds(small_tree, classes=["?"])


def test_classes_without_a_sound_are_named(small_tree, sound):
    sound("pack/cowbell/a.wav", np.zeros(500))
    without = survey_sounds(small_tree).without
    assert "cowbell" in without
    assert "snap" in without
    assert "kick" not in without
    assert "rim" not in without  # not among the paper's classes, and nobody asked for it


def test_nothing_usable_is_an_input_error_with_the_reasons(tmp_path, sound):
    sound("s/kick.wav", np.zeros(500))
    sound("s/chord.wav", 1)
    with pytest.raises(InputError, match=r"none in 2 files: 1 × expected a folder") as caught:
        collect_sounds(tmp_path / "s")
    assert "silence" in str(caught.value)
    assert not survey_sounds(tmp_path / "s").sounds


def test_no_sound_files_are_an_input_error(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, found in ((tmp_path / "empty", "none in this folder"), (tmp_path / "absent", "nothing there")):
        with pytest.raises(InputError, match=found):
            survey_sounds(path)


def test_several_processes_give_what_one_gives(small_tree, monkeypatch):
    monkeypatch.setattr(sources, "POOL_FILES", 10)
    (small_tree / "Kicks" / "x.wav").write_bytes(b"RIFF no sound at all")
    one: dict[str, np.ndarray] = {}
    two: dict[str, np.ndarray] = {}
    first = survey_sounds(small_tree, processes=1, keep=lambda name, audio: one.setdefault(name, audio))
    second = survey_sounds(small_tree, processes=2, keep=lambda name, audio: two.setdefault(name, audio))
    assert first == second
    assert list(one) == list(two)
    for name, audio in one.items():
        np.testing.assert_array_equal(audio, two[name])
