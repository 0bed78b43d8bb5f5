"""Names of drums: which class a file's name, its folders, a user's table and a MIDI key stand for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from drumjax.boundary import InputError
from drumjax.patterns.classes import (
    ALL_CLASSES,
    CLASS_OF_PITCH,
    CLASSES,
    DRUMS,
    class_label,
    class_of_name,
    class_of_names,
    class_order,
    load_class_table,
)
from drumjax.synth.kits import VOICE_OF_DRUM
from drumjax.synth.tr808 import VOICE_OF_PITCH, VOICES


def test_the_paper_s_eleven_classes_come_first_and_in_its_order():
    assert ALL_CLASSES[:11] == CLASSES
    assert len(set(ALL_CLASSES)) == 14


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("808bd", "kick"), ("bd", "kick"), ("Kick_01", "kick"), ("snare", "snare"), ("sd", "snare"), ("clap", "clap"),
        ("cp", "clap"),
        ("hh", "hihat_closed"), ("hat-closed", "hihat_closed"), ("oh", "hihat_open"), ("HiHat Open 3", "hihat_open"),
        ("openHat", "hihat_open"), ("hihat_open", "hihat_open"), ("Hi-Hat Pedal", "hihat_closed"), ("tamb", "tambourine"),
        ("egg shaker", "shaker"), ("cabasa", "shaker"), ("maracas", "shaker"), ("FingerSnap", "snap"), ("conga_h", "conga"),
        ("bongos_2_01", "bongo"), ("floor tom", "tom"), ("rimshot", "rim"), ("cowb", "cowbell"),
        ("ride", "cymbal"), ("lc", "conga"),
        ("kickdrum 2", "kick"), ("Snaredrum_01", "snare"), ("HHopen", "hihat_open"), ("HH O 01", "hihat_open"),
        ("hat_o", "hihat_open"), ("HH C 01", "hihat_closed"), ("hhclosed", "hihat_closed"), ("TomTom", "tom"), ("lotom", "tom"),
        ("RimClick 3", "rim"), ("tamborine", "tambourine"), ("chat", None),
        ("kit/deep/Crash 16", "cymbal"), ("hat_snap", "hihat_closed"), ("claves", None), ("chord", None),
        ("", None), ("001", None),
    ],
)  # fmt: skip
def test_a_name_says_its_class(name, label):
    assert class_of_name(name) == label


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["Clap Layer", "Snares", "Pack"], "snare"), (["kick clap", "hihat_open"], "hihat_open"),
        (["open 1", "Hats"], "hihat_open"), (["china", "Cymbals"], "cymbal"),
        (["Open Hat", "Cymbals"], "hihat_open"), (["tight", "Hats"], "hihat_closed"), (["ht_vl1", "hihat_closed"], "hihat_closed"),
        (["1", "Open", "Hats"], "hihat_open"), (["1", "HH", "Open"], "hihat_open"), (["hat 1", "Open"], "hihat_open"),
        (["1", "Closed", "Hi Hats", "Open Source Pack"], "hihat_closed"), (["1", "Hats", "Open Source Pack"], "hihat_closed"),
        (["closed", "Hats", "Open"], "hihat_closed"), (["clap", "Snares"], "snare"), (["001", "Kicks", "snare"], "kick"),
        (["001", "Kicks", "Claps"], "kick"), (["deep", "909 Kick Drums (wet)"], "kick"), (["a", "b"], None),
    ],
)  # fmt: skip
def test_folders_that_say_nothing_but_a_drum_go_before_names_and_other_folders_behind(names, label):
    assert class_of_names(names) == label


def test_a_user_s_table_goes_before_ours_and_may_leave_files_out(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("pattern,class\nks_*,BD\nboom bap,Snares\nglass,glass bell\n*loop*,-\n")
    words = load_class_table(table)
    assert words == (("ks_*", "kick"), ("boom bap", "snare"), ("glass", "glass_bell"), ("*loop*", "-"))
    assert class_of_name("KS_vl1", words) == "kick"
    assert class_of_name("kick Boom-Bap 3", words) == "snare"
    assert class_of_names(["001", "Glass"], words) == "glass_bell"
    assert class_of_names(["kick loop", "kick"], words) is None
    assert class_of_name("kick", words) == "kick"


@pytest.mark.parametrize("text", ["", "pattern,klass\na,b\n", "pattern,class\n,kick\n", "pattern,class\nkick,?\n"])
def test_a_table_without_patterns_and_classes_is_an_input_error(tmp_path, text):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        load_class_table(tmp_path / "table.csv")
    assert caught.value.path.endswith("table.csv")


def test_classes_are_read_in_any_spelling_and_ordered_with_a_user_s_own_last():
    spelt = ["Snares", "Hi-Hat Open", "BD", "zither", "cow bell", "bell"]
    assert [class_label(text) for text in spelt] == ["snare", "hihat_open", "kick", "zither", "cowbell", "bell"]
    assert class_label("a/b") is None
    assert class_order(map(str, map(class_label, spelt))) == ("kick", "snare", "hihat_open", "cowbell", "bell", "zither")


def test_every_drum_of_the_table_has_a_known_class_and_kits_know_them_all_but_the_snap():
    assert {drum.label for drum in DRUMS} == {*ALL_CLASSES, None}
    assert {drum.name for drum in DRUMS} - set(VOICE_OF_DRUM) == {"snap"}
    assert set(VOICE_OF_DRUM.values()) <= set(VOICES)


def test_keys_with_a_voice_have_a_class_but_claves_and_wood_blocks():
    assert set(VOICE_OF_PITCH) - set(CLASS_OF_PITCH) == {75, 76, 77}
    assert set(CLASS_OF_PITCH.values()) == set(ALL_CLASSES) - {"snap"}
    assert [CLASS_OF_PITCH[pitch] for pitch in (36, 38, 42, 46, 37, 56)] == [
        "kick", "snare", "hihat_closed", "hihat_open", "rim", "cowbell",
    ]  # fmt: skip


def test_names_of_real_collections_never_contradict_their_folders_unless_by_a_code(data_folder: Path):
    with open(data_folder / "oneshots_index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    told = {row["path"]: class_of_names(row["path"].rpartition(".")[0].split("/")[::-1]) for row in rows}
    assert told == {row["path"]: row["cls"] for row in rows}
    by_name = [(row["cls"], class_of_name(Path(row["path"]).stem)) for row in rows]
    assert sum(found == label for label, found in by_name) > 600
