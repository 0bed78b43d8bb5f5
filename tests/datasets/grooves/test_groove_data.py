"""Grooves from a folder to arrays: what is kept, genres, splits by track, and the same data by every way in."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.cli import main
from drumjax.datasets.build import arrays, build
from drumjax.datasets.grooves.info import GrooveInfo, GrooveSet
from drumjax.datasets.grooves.prepare import DUPLICATES, embedded_examples, embedded_grooves, groove_set, prepare_grooves
from drumjax.datasets.grooves.sources import GROOVE_MIDI_LICENCE, collect_grooves, groove_midi_table, survey_grooves
from drumjax.datasets.info import CARD, check, content_sha256
from drumjax.datasets.load import load_data, load_grooves
from drumjax.datasets.splits import SPLITS
from drumjax.patterns.grooves import KeepRules
from drumjax.synth.grooves import compose

BEAT = {(step, pitch): 90 for step in range(0, 16, 4) for pitch in (35, 38, 42)}
"""A bar with kick, snare and hat in every quarter."""


def bars(n: int, mark: int) -> dict[tuple[int, int], int]:
    """`n` bars, no two windows of them and of other tracks alike: a tom on a step of its own, as loud as the bar's number says."""
    made = {(16 * bar + step, pitch): loud for bar in range(n) for (step, pitch), loud in BEAT.items()}
    return made | {(16 * bar + 1 + mark % 15, 47): 20 + 4 * bar + mark // 15 for bar in range(n)}


@pytest.fixture
def groove_midi(midi, tmp_path) -> Path:
    """A folder in the layout of the Groove MIDI Dataset: 20 tracks of rock, 10 of jazz, 10 of funk, 2 of afrobeat, and others."""
    rows = []

    def add(name: str, style: str, beat_type: str = "beat", metre: str = "4-4", **options) -> None:
        midi(f"gmd/drummer1/{name}.mid", **options)
        rows.append(
            {"drummer": "drummer1", "style": style, "beat_type": beat_type, "time_signature": metre}
            | {"midi_filename": f"drummer1/{name}.mid", "duration": "1"}
        )

    styles = ["rock"] * 12 + ["rock/indie"] * 8 + ["jazz/swing"] * 10 + ["funk"] * 10 + ["afrobeat"] * 2
    for i, style in enumerate(styles):
        n = 1 + i % 4  # 1, 1, 2 and 3 windows
        add(f"{i:02}_{style.replace('/', '-')}", style, notes=bars(n, i), steps=16 * n)
    add("fill", "rock", "fill", notes=bars(2, 50), steps=32)
    add("60_fill_by_name", "rock", notes=bars(2, 51), steps=32)
    add("three", "rock", metre="3-4", notes=bars(2, 52), steps=32)
    add("three_in_the_file", "rock", notes=bars(2, 53), steps=48, metre_of_file=(3, 4))
    add("few", "rock", notes=dict(list(BEAT.items())[:9]), steps=32)
    add("no_snare", "rock", notes={key: loud for key, loud in bars(2, 54).items() if key[1] != 38}, steps=32)
    add("no_snare_in_jazz", "jazz", notes={key: loud for key, loud in bars(2, 55).items() if key[1] != 38}, steps=32)
    quiet = {(step, pitch): loud for (step, pitch), loud in bars(4, 56).items() if step < 32 or pitch != 35}
    add("kick_in_two_bars_of_four", "rock", notes=quiet, steps=64)
    add("again", "rock", notes=bars(1, 0), steps=16)
    with (tmp_path / "gmd" / "info.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "gmd"


@pytest.fixture
def midi(midi):
    """The common writer, with the metre under another name: the table has one too."""

    def write(name, notes, steps, metre_of_file=(4, 4), **options):
        return midi(name, notes, steps=steps, metre=metre_of_file, **options)

    return write


def tracks(data: GrooveSet) -> dict[str, dict[str, str]]:
    """For every split its tracks and their genres."""
    return {
        split: {group: data.info.genres[genre] for group, genre in zip(each["group"].tolist(), each["genre"].tolist(), strict=True)}
        for split, each in data.splits.items()
    }


LEFT_OUT = {
    "expected a track that is no fill": 2,
    "expected a pattern in 4/4": 2,
    "expected a track of afrobeat, funk, jazz, rock": 0,
    "expected a track of at least 10 hits": 1,
    "expected a track with a snare (not asked of jazz)": 1,
    "expected a window with a kick (not asked of jazz)": 1,
}


def test_everything_left_out_is_counted_under_its_reason(groove_midi):
    collection = survey_grooves(groove_midi)
    reasons = {reason: n for reason, n, _ in collection.reasons()}
    assert reasons == {reason: n for reason, n in LEFT_OUT.items() if n}
    assert [duplicate.name for duplicate in collection.duplicates] == ["drummer1/again.mid#0"]
    # 11 times 1 + 1 + 2 + 3 windows are 42 of tracks 0 to 41 but two; one of jazz without a snare; two of three with a kick.
    windows = Counter(len(range(max(1, i % 4))) for i in range(42))
    assert len(collection.examples) == sum(n * count for n, count in windows.items()) + 1 + 2
    assert {example.licence for example in collection.examples} == {GROOVE_MIDI_LICENCE}


def test_a_kept_window_says_what_the_file_says(groove_midi):
    by_name = {example.name: example for example in survey_grooves(groove_midi).examples}
    example = by_name["drummer1/07_rock.mid#2"]  # bars 2 and 3 of a track whose tom is on step 8
    expected = np.zeros((32, 7), np.float32)
    for bar, loud in ((0, 20 + 8), (1, 20 + 12)):
        expected[16 * bar : 16 * bar + 16 : 4, [0, 1, 2]] = 90 / 127
        expected[16 * bar + 8, 4] = loud / 127
    np.testing.assert_allclose(example.velocity, expected, atol=1e-7)
    assert not example.offset.any()
    assert (example.genre, example.group, example.tempo_bpm) == ("rock", "drummer1/07_rock", 120.0)


def test_what_falls_under_none_of_the_genres_is_reported_by_style(groove_midi):
    collection = survey_grooves(groove_midi, genres=["Rock", "jazz"])
    found = {reason: (n, words) for reason, n, words in collection.reasons()}
    assert found["expected a track of jazz, rock"] == (12, "funk, afrobeat")
    assert collection.other_styles == {"funk": 10, "afrobeat": 2}
    assert {example.genre for example in collection.examples} == {"jazz", "rock"}
    # What else is wrong with a track of another genre is no matter: 26 of rock, few hits, no snare and a repetition among them.
    alone = {reason: n for reason, n, _ in survey_grooves(groove_midi, genres=["jazz"]).reasons()}
    assert alone == {"expected a track of jazz": 36, "expected a track that is no fill": 2, "expected a pattern in 4/4": 2}


def test_without_a_word_the_six_largest_genres_are_taken(midi, tmp_path):
    for k, style in enumerate(["rock", "rock", "latin", "latin", "soul", "pop", "punk", "reggae", "country", "nonsense"]):
        midi(f"source/{style}/{k}.mid", bars(2, k), steps=32)
    collection = survey_grooves(tmp_path / "source")
    assert {example.genre for example in collection.examples} == {"country", "latin", "pop", "punk", "reggae", "rock"}
    assert {each.found for each in collection.rejections} == {"soul", "nonsense"}


def test_no_track_stands_on_both_sides_of_a_split_by_any_of_five_seeds(groove_midi):
    examples = collect_grooves(groove_midi).examples
    held_out = []
    for seed in (0, 1, 2, 3, 4, 0):
        data = groove_set([examples], name="a", source_sha256="0" * 64, left_out={}, seed=seed)
        by_split = tracks(data)
        names = [name for found in by_split.values() for name in found]
        assert len(names) == len(set(names)) == 40 + 2 + 2
        files = {split: {name.rpartition("#")[0] for name in each["name"].tolist()} for split, each in data.splits.items()}
        assert not any(files[first] & files[second] for first, second in itertools.combinations(SPLITS, 2))
        # Tenths of the tracks, not of the windows, genre by genre: of 21 of rock, 11 of jazz and 10 of funk; 2 of afrobeat stay.
        for split in ("validation", "test"):
            assert Counter(by_split[split].values()) == {"rock": 2, "jazz": 1, "funk": 1}
        assert Counter(by_split["train"].values())["afrobeat"] == 2
        held_out.append(tuple(sorted(by_split["test"])))
    assert len(set(held_out)) == 5
    assert held_out[0] == held_out[5]


def test_every_way_in_gives_the_same_grooves(groove_midi, tmp_path):
    built = build(groove_midi, tmp_path / "out", kind="grooves", seed=1)
    direct = built.prepared.patterns
    assert built.folder.parent == tmp_path / "out" / "groove" / f"groove_midi_{direct.info.source_sha256[:16]}"
    arrays(tmp_path / "out", tmp_path / "g.npz", kind="grooves")
    for loaded in (load_data(tmp_path / "out", "grooves"), load_grooves(built.folder), load_grooves(tmp_path / "g.npz")):
        assert isinstance(loaded, GrooveSet)
        assert loaded.info == direct.info
        assert content_sha256(loaded) == content_sha256(direct)
    assert (direct.info.kind, direct.info.name, direct.info.steps, direct.info.drum_map.name) == (
        "grooves",
        "groove_midi",
        32,
        "pocket",
    )
    counted = {
        split: {genre: int((each["genre"] == i).sum()) for i, genre in enumerate(direct.info.genres)}
        for split, each in direct.splits.items()
    }
    assert direct.info.genre_counts == counted
    assert direct.info.left_out["expected a track that is no fill"] == 2
    assert direct.info.left_out[DUPLICATES] == 1
    assert json.loads((built.folder / CARD).read_text())["info"] == direct.info.to_json()
    assert not build(groove_midi, tmp_path / "out", kind="grooves", seed=1).is_new


def test_data_of_another_kind_are_refused(groove_midi, tmp_path):
    build(groove_midi, tmp_path / "out", kind="grooves")
    with pytest.raises(InputError, match="data of kind 'patterns'"):
        load_data(tmp_path / "out", "patterns")
    with pytest.raises(InputError, match="data of kind 'grooves'"):
        load_grooves(_patterns(groove_midi, tmp_path))
    with pytest.raises(InputError, match=r"drumjax data build \S+ -o \S+ --kind grooves and then"):
        load_grooves(groove_midi)


def _patterns(groove_midi: Path, tmp_path: Path) -> Path:
    return build(groove_midi, tmp_path / "patterns", genres_csv=groove_midi / "info.csv", steps=16).folder


def test_options_and_labels_decide_the_hash(groove_midi):
    (groove_midi / "labels.csv").write_text((groove_midi / "info.csv").read_text())
    rock = {"genres": ["rock"]}
    options = [
        {"seed": 1},
        {"cell": "first"},
        {"genres": ["rock", "jazz"]},
        {"test": 0.2},
        {"licences": ["cc-by"]},
        {"channel": 10},
    ]
    options += [{"keep": KeepRules(exempt=())}, {"licence": "cc0"}, {"genres_csv": groove_midi / "labels.csv"}]
    made = [prepare_grooves(groove_midi, **rock | each)[0].info.source_sha256 for each in ({}, *options)]
    table = groove_midi / "info.csv"
    table.write_text(table.read_text().replace("rock/indie", "rock/folk"))
    made.append(prepare_grooves(groove_midi, **rock)[0].info.source_sha256)
    assert len(set(made)) == len(made)


def test_a_licence_is_the_data_set_s_unless_one_is_declared_or_another_table_given(groove_midi):
    def licences(**options) -> set[str]:
        return {example.licence for example in survey_grooves(groove_midi, **options).examples}

    assert licences() == {GROOVE_MIDI_LICENCE}
    assert licences(licence="cc0") == {"cc0"}
    assert licences(genres_csv=groove_midi / "info.csv") == {"unknown"}


def test_the_channel_and_the_rule_of_a_cell_reach_the_files(tmp_path):
    import mido

    (tmp_path / "rock").mkdir()
    track = mido.MidiTrack()
    for step in range(32):
        for channel, soft, loud in ((9, 50, 90), (2, 30, 70)):
            for pitch in (36, 38, 42):
                track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=soft))
                track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=loud, time=1))
        track.append(mido.Message("note_on", channel=9, note=60, velocity=0, time=120 - 6))
        del step
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(tmp_path / "rock" / "a.mid")
    for options, loud, late in (
        ({}, 90, 1),
        ({"cell": "first"}, 50, 0),
        ({"channel": 3}, 70, 4),
        ({"channel": 3, "cell": "first"}, 30, 3),
    ):
        (example,) = survey_grooves(tmp_path, **options).examples
        assert np.rint(example.velocity[0, 0] * 127) == loud
        assert np.rint(example.offset[0, 0] * 60) == late


def test_a_folder_s_genres_come_from_its_folders_or_a_table(midi, tmp_path):
    for k in range(6):
        midi(f"source/{'Rock Ballads' if k % 2 else 'hip-hop'}/{k}.mid", bars(2, k), steps=32)
    data, _ = prepare_grooves(tmp_path / "source", validation=0.2, test=0.2)
    assert (data.info.name, data.info.genres) == ("source", ("hiphop", "rock"))
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,genre,licence\n" + "".join(f"{p.relative_to(tmp_path / 'source')},my own,CC0\n" for p in _files(tmp_path))
    )
    with pytest.raises(InputError, match="style that means a genre"):
        collect_grooves(tmp_path / "source", genres_csv=table)
    data, _ = prepare_grooves(tmp_path / "source", genres_csv=table, genres=["My Own"])
    assert (data.info.genres, data.info.licences) == (("my own",), {"cc0": 6})
    with pytest.raises(InputError, match="none of blues"):
        prepare_grooves(tmp_path / "source", genres=["rock", "blues"])


def test_in_a_tree_of_packs_the_surest_folder_says_the_genre_and_of_equals_the_outermost(midi, tmp_path):
    trees = {
        "Mega Pack/Blues GM/12-Bar Blues/082 Slow": "blues",
        "Mega Pack/Variety/Hip Hop": "hiphop",
        "rock/pop punk": "rock",
        "House of Loops/Funk HH RB GM/Hip Hop": "hiphop",  # what a folder says whole goes before what one begins with
        "Sample House/Jazz Brushes": "jazz",  # and that before what one ends in
        "Acme/Deep House": "electronic",
        "Mega Pack/8th Feel": None,
        "": None,
    }
    for k, folder in enumerate(trees):
        midi(f"source/{folder}/{k}.mid", bars(2, k), steps=32)
    collection = survey_grooves(tmp_path / "source")
    assert {example.group.rpartition("/")[0]: example.genre for example in collection.examples} == {
        folder: genre for folder, genre in trees.items() if genre
    }
    # What a folder is called stays the style that is reported.
    assert sorted(each.found for each in collection.rejections) == ["mega pack", "no style"]
    assert [line.partition(":")[0] for line in collection.advice] == ["2 files are in no folder whose name means a genre"]
    own = survey_grooves(tmp_path / "source", genres=["8th feel", "blues"])
    assert {example.genre for example in own.examples} == {"8th feel", "blues"}


def test_a_step_grid_says_its_genre_where_no_folder_does(grid, tmp_path):
    for k, folder in enumerate(["grids", "jazz"]):
        tracks = {"BD": "x" * (k + 1) + "..x...x...x...", "SD": "....x.......x...", "CH": "x.x.x.x.x.x.x.x."}
        grid(
            f"source/{folder}/a.json",
            [{"genre": "Rock", "tracks": {name: row.ljust(16, ".")[:16] for name, row in tracks.items()}}],
        )
    examples = survey_grooves(tmp_path / "source").examples
    assert {example.name: example.genre for example in examples} == {"grids/a.json#0": "rock", "jazz/a.json#0": "jazz"}


def test_a_genre_of_one_s_own_may_end_in_a_known_one(midi, tmp_path):
    for k, style in enumerate(["Deep House", "techno", "Acid House"]):
        midi(f"source/{style}/{k}.mid", bars(2, k), steps=32)
    assert {example.genre for example in survey_grooves(tmp_path / "source").examples} == {"electronic"}
    apart = survey_grooves(tmp_path / "source", genres=["deep house", "techno"]).examples
    assert [example.genre for example in apart] == ["electronic", "deep house", "electronic"]


def test_a_genre_may_be_called_in_any_script(midi, tmp_path):
    for k in range(4):
        midi(f"source/{'演歌' if k % 2 else '民謡'}/{k}.mid", bars(2, k), steps=32)
    data, _ = prepare_grooves(tmp_path / "source", genres=["演歌", "民謡"], validation=0, test=0)
    assert data.info.genre_counts["train"] == {"民謡": 2, "演歌": 2}


def test_files_that_no_folder_gives_a_genre_come_with_advice(midi, groove_midi, tmp_path):
    midi("flat/a.mid", bars(2, 0), steps=32)
    with pytest.raises(InputError, match=r"1 file is in no folder .* --genres-csv a table with the columns file,genre"):
        collect_grooves(tmp_path / "flat", genres=["funk"])
    for near in (groove_midi / "drummer1", groove_midi.parent):  # a level below the table, and a level above
        with pytest.raises(InputError, match=f"name {groove_midi}$"):
            collect_grooves(near)
    assert not survey_grooves(groove_midi).advice
    assert survey_grooves(groove_midi, genres=["jaz", "rock"]).advice == ("no style means 'jaz': perhaps you meant 'jazz'",)


def test_more_windows_than_a_set_may_have_are_refused_before_they_fill_the_memory(midi, monkeypatch, tmp_path):
    for k in range(3):
        midi(f"source/rock/{k}.mid", bars(4, k), steps=64)
    monkeypatch.setattr("drumjax.datasets.sources.MOST_EXAMPLES", 9)
    assert len(survey_grooves(tmp_path / "source").examples) == 9
    monkeypatch.setattr("drumjax.datasets.sources.MOST_EXAMPLES", 5)
    with pytest.raises(InputError, match=r"1\.mid: expected at most 5 windows .* found 6 up to this one; .* name a sub-folder"):
        survey_grooves(tmp_path / "source")


def _files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "source").rglob("*.mid"))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda text: text.replace("beat_type", "kind", 1).encode(), "info.csv: .*found none called beat_type"),
        (lambda text: text.partition("\n")[0].encode(), "info.csv: .*found no rows"),
        (lambda text: text.replace("rock", "rock,indie", 1).encode(), "info.csv: expected 6 fields"),
        (lambda text: text.encode("utf-16"), "info.csv: expected a CSV file in UTF-8"),
    ],
)
def test_a_damaged_table_of_the_groove_midi_dataset_is_not_passed_over(damage, match, groove_midi):
    table = groove_midi / "info.csv"
    table.write_bytes(damage(table.read_text()))
    with pytest.raises(InputError, match=match):
        survey_grooves(groove_midi)


def test_another_info_csv_is_no_groove_midi_dataset(tmp_path):
    (tmp_path / "info.csv").write_text("file,genre\na.mid,rock\n")
    assert groove_midi_table(tmp_path) is None
    assert groove_midi_table(tmp_path / "nowhere") is None
    (tmp_path / "info.csv").write_bytes(b"\xff\xfe\x00")
    assert groove_midi_table(tmp_path) is None


@pytest.fixture
def few_embedded(monkeypatch) -> int:
    """The embedded grooves, three tracks of each genre in the place of hundreds."""
    monkeypatch.setattr("drumjax.synth.grooves.PER_GENRE", 3)
    return 3


def test_the_embedded_grooves_are_a_set_like_any_other(few_embedded):
    data = load_data("embedded", "grooves")
    assert isinstance(data, GrooveSet)
    assert data.info.genres == ("blues", "electronic", "funk", "hiphop", "jazz", "rock")
    by_split = tracks(data)
    assert [len(by_split[split]) for split in SPLITS] == [6, 6, 6]  # three tracks a genre: one in each split
    assert all(name.startswith("embedded:") for name in by_split["train"])
    assert content_sha256(embedded_grooves()) == content_sha256(data)
    assert embedded_grooves(genres=["jazz", "blues"]).info.genres == ("blues", "jazz")
    with pytest.raises(InputError, match="none of latin"):
        embedded_grooves(genres=["latin"])


def test_embedded_grooves_join_those_of_their_genres_and_keep_their_splits(groove_midi, few_embedded):
    alone, joined = prepare_grooves(groove_midi)[0], prepare_grooves(groove_midi, with_embedded=True)[0]
    assert (joined.info.name, joined.info.genres) == ("groove_midi and embedded", alone.info.genres)
    embedded = embedded_grooves(genres=["rock", "jazz", "funk"])
    for split in SPLITS:
        assert set(tracks(joined)[split]) == set(tracks(alone)[split]) | set(tracks(embedded)[split])
    assert set(joined.info.licences) == {"cc-by-4.0", "apache-2.0"}
    more = prepare_grooves(groove_midi, with_embedded=True, genres=["rock", "electronic"])[0]
    assert more.info.genres == ("electronic", "rock")
    assert prepare_grooves(groove_midi, with_embedded=True, licences=["cc-by"])[0].info.licences == {
        "cc-by-4.0": len(_names(alone))
    }


def test_embedded_grooves_that_are_there_already_are_left_out(midi, few_embedded, monkeypatch, tmp_path):
    tracks = [compose("rock", index) for index in range(3)]
    monkeypatch.setattr("drumjax.synth.grooves.embedded", lambda per_genre: [*tracks, replace(tracks[1], name="rock#3")])
    composed, left_out = embedded_examples()
    of_track = Counter(example.group for example in composed)
    assert list(of_track) == [f"embedded:rock {index}" for index in range(3)]
    assert left_out[DUPLICATES] == of_track["embedded:rock 1"]

    for k in range(3):
        midi(f"source/rock/{k}.mid", bars(2, k), steps=32)
    tracks[0].save(tmp_path / "source" / "rock" / "a.mid")
    data, _ = prepare_grooves(tmp_path / "source", with_embedded=True, validation=0, test=0)
    assert data.info.left_out[DUPLICATES] == of_track["embedded:rock 1"] + of_track["embedded:rock 0"]
    assert len(_names(data)) == 3 + len(composed)


def _names(data: GrooveSet) -> list[str]:
    return [name for each in data.splits.values() for name in each["name"].tolist()]


def test_what_a_set_says_of_itself_is_checked(few_embedded):
    data = embedded_grooves()
    value = json.loads(json.dumps(data.info.to_json()))
    assert GrooveInfo.from_json(value) == data.info
    for field, wrong, match in (
        ("steps", 64, "32 steps"),
        ("kind", "patterns", "kind: expected 'grooves'"),
        ("genre_counts", value["genre_counts"] | {"test": {"blues": 1}}, "genre_counts: expected each of"),
        ("left_out", {"a": -1}, "left_out"),
    ):
        with pytest.raises(ValueError, match=match):
            GrooveInfo.from_json(value | {field: wrong})
    train = value["genre_counts"]["train"]
    swapped = value["genre_counts"] | {"train": dict(zip(train, list(train.values())[::-1], strict=True))}
    with pytest.raises(ValueError, match="expected the genres"):
        check(GrooveSet(GrooveInfo.from_json(value | {"genre_counts": swapped}), data.splits))


def test_the_builder_is_registered_and_writes_what_was_composed(few_embedded, tmp_path):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import dataset_metadata

    from drumjax.datasets.groove.groove_dataset_builder import Groove

    assert tfds.builder_cls("groove") is Groove
    metadata = Groove.get_metadata()
    assert metadata.tags
    assert set(metadata.tags) <= set(dataset_metadata.valid_tags())
    assert metadata.citation
    assert metadata.description
    builder = Groove(config="embedded", data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare()
    direct = embedded_grooves()
    for split, counted in direct.info.counts.items():
        examples = {example["name"].decode(): example for example in builder.as_data_source(split)}
        assert len(examples) == counted
        for i, name in enumerate(direct.splits[split]["name"].tolist()[:5]):
            np.testing.assert_array_equal(examples[name]["offset"], direct.splits[split]["offset"][i])


def test_the_command_inspects_builds_and_packs_grooves(groove_midi, tmp_path, capsys):
    assert main(["data", "inspect", str(groove_midi), "--kind", "grooves"]) == 0
    shown = capsys.readouterr().out
    assert "of kind 'grooves' from 44 of 51 files" in shown
    assert "expected a track that is no" in shown
    out = str(tmp_path / "out")
    assert (
        main(["data", "build", str(groove_midi), "--kind", "grooves", "-o", out, "--genres", "rock,jazz", "--cell", "first"]) == 0
    )
    shown = capsys.readouterr().out
    assert f"drumjax train pocketvae --data {out}" in shown
    assert [shown.count(words) for words in ("style of no genre here", "│ funk ", "│ afrobeat ")] == [1, 1, 1]
    (card,) = (tmp_path / "out").rglob(CARD)
    assert json.loads(card.read_text())["left_out"]["tracks_of_other_styles"] == {"funk": 10, "afrobeat": 2}
    assert load_grooves(out).info.genres == ("jazz", "rock")
    assert main(["data", "inspect", out]) == 0
    assert "of kind 'grooves', prepared, drum map 'pocket', 32 steps" in capsys.readouterr().out
    assert main(["data", "arrays", out, "-o", str(tmp_path / "g.npz")]) == 0
    assert load_grooves(tmp_path / "g.npz").info == load_grooves(out).info


@pytest.mark.parametrize(
    "options",
    [
        ["--kind", "grooves", "--drum-map", "gm"],
        ["--kind", "grooves", "--classes", "kick"],
        ["--kind", "patterns", "--genres", "rock"],
        ["--kind", "patterns", "--cell", "first"],
        ["--kind", "one-shots", "--genres", "rock"],
    ],
)
def test_options_of_other_kinds_are_refused(options, tmp_path, capsys):
    (tmp_path / "a.mid").touch()
    assert main(["data", "inspect", str(tmp_path), *options]) == 2
    assert "options for" in capsys.readouterr().err


def test_options_for_reading_are_refused_for_prepared_grooves(few_embedded, capsys):
    for options in (["--cell", "first"], ["--genres-csv", "a.csv"], ["--channel", "3"]):
        assert main(["data", "inspect", "embedded", "--kind", "grooves", *options]) == 2
    assert "prepared data as they are, with their own genres and licences" in capsys.readouterr().err.replace("\n", " ")
    assert main(["data", "inspect", "embedded", "--kind", "grooves", "--genres", "jazz"]) == 0
