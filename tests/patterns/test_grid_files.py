"""Step-grid files: the documented format row by row, rejections, round trips, and the three shared folders."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drumjax.boundary import InputError
from drumjax.patterns import BUILT_IN, GM, POCKET, TR808, DrumMap, GridPattern, Pattern, read_grid_file, write_grid_json
from drumjax.provenance import provenance

PLAIN = np.float32(100 / 127)


@pytest.fixture
def read(tmp_path):
    """Reads a value as a JSON file, a text as a CSV file."""

    def read(value, **options):
        path = tmp_path / ("grid.csv" if isinstance(value, str) else "grid.json")
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return read_grid_file(path, **options)

    return read


def one(answer) -> GridPattern:
    accepted, rejected = answer
    assert not rejected, rejected
    (grid,) = accepted
    return grid


def rows(pattern: Pattern) -> dict[str, list[int]]:
    """The lanes with hits as MIDI velocities."""
    midi = np.rint(pattern.velocity * 127).astype(int)
    return {lane: midi[:, i].tolist() for i, lane in enumerate(pattern.drum_map.lanes) if pattern.hits[:, i].any()}


def test_a_bare_x_is_100_and_an_accent_127(read):
    grid = one(read({"name": "a", "tracks": {"BD": "x..X", "SD": ".-x."}}))
    assert rows(grid.pattern) == {"BD": [100, 0, 0, 127], "SD": [0, 0, 100, 0]}
    np.testing.assert_array_equal(grid.pattern.velocity[0, 0], PLAIN)
    assert not grid.pattern.offset.any()


def test_bars_and_spaces_in_a_row_are_for_the_eye(read):
    assert rows(one(read({"tracks": {"BD": "x... x...|x... x..."}})).pattern)["BD"] == [100, 0, 0, 0] * 4


def test_the_accent_row_raises_every_instrument_on_its_steps(read):
    grid = one(read({"tracks": {"AC": "x.x.", "BD": "xx..", "CH": [10, 20, 30, 40]}}))
    assert rows(grid.pattern) == {"BD": [127, 100, 0, 0], "CH": [127, 20, 127, 40]}
    assert grid.dropped == {}


def test_lists_are_midi_velocities_when_any_in_the_pattern_is_above_1(read):
    grid = one(read({"tracks": {"BD": [127, 0, 1, 0], "SD": [0, 1, 0, 0]}}))
    assert rows(grid.pattern) == {"BD": [127, 0, 1, 0], "SD": [0, 1, 0, 0]}
    grid = one(read({"tracks": {"BD": [1, 0, 0.5, 0], "SD": [0, 1, 0, 0]}}))
    np.testing.assert_array_equal(grid.pattern.velocity[:, 0], np.float32([1, 0, 0.5, 0]))
    assert rows(grid.pattern)["SD"] == [0, 127, 0, 0]


def test_rows_outside_the_map_are_dropped_and_counted(read):
    grid = one(read({"tracks": {"BD": "x...", "CP": "..xx", "didgeridoo": "x..."}}))
    assert grid.dropped == {"CP": 2, "didgeridoo": 1}
    assert list(rows(grid.pattern)) == ["BD"]


@pytest.mark.parametrize(
    ("row", "drum_map", "lane"),
    [
        ("BD", TR808, "BD"),
        ("bd", TR808, "BD"),
        ("kick", TR808, "BD"),
        ("Hihat_Open", TR808, "OH"),
        ("PH", TR808, "CH"),
        ("gm38", TR808, "SD"),
        ("gm40", TR808, "SD"),
        ("MT", POCKET, "tom"),
        ("tom", POCKET, "tom"),
        ("rim", POCKET, "snare"),
        ("CP", GM, "gm39"),
        ("my_drum", TR808, "CB"),
    ],
)
def test_rows_find_their_lane_by_lane_code_name_key_or_translation(read, row, drum_map, lane):
    value = {"instrument_names": {"my_drum": "cowbell"}, "patterns": [{"tracks": {row: "x..."}}]}
    assert list(rows(one(read(value, drum_map=drum_map)).pattern)) == [lane]


def test_of_rows_that_share_a_lane_the_louder_hit_wins(read):
    grid = one(read({"tracks": {"LT": "x.X.", "HT": "X.xx"}}, drum_map=POCKET))
    assert rows(grid.pattern) == {"tom": [127, 0, 127, 100]}


@pytest.mark.parametrize(
    ("per_beat", "row", "expected"),
    [
        (1, "xx", {0: 0, 4: 0}),
        (2, "x.x.", {0: 0, 4: 0}),
        (2, ".x.x", {2: 0, 6: 0}),
        (4, "x..x", {0: 0, 3: 0}),
        (8, "x..xx...", {0: 0, 2: 0}),
        (8, ".x.x....", {1: -1, 2: -1}),
        (8, ".x......", {1: -1}),
        (8, ".......x", {3: 59 / 60}),
        (16, ".x..xx..", {0: 0.5, 1: 0}),
    ],
)
def test_other_resolutions_go_to_the_nearest_16th_and_keep_the_rest(read, per_beat, row, expected):
    pattern = one(read({"steps_per_beat": per_beat, "tracks": {"BD": row}})).pattern
    steps = np.flatnonzero(pattern.hits[:, 0]).tolist()
    assert dict(zip(steps, pattern.offset[steps, 0].tolist(), strict=True)) == pytest.approx(expected)
    assert pattern.steps == len(row) * 4 // per_beat


def test_a_32nd_gives_way_to_a_louder_hit_of_its_16th(read):
    pattern = one(read({"steps_per_beat": 8, "tracks": {"BD": ".Xx....."}})).pattern
    assert rows(pattern) == {"BD": [0, 127, 0, 0]}
    assert pattern.offset[1, 0] == -1
    pattern = one(read({"steps_per_beat": 8, "tracks": {"BD": ".xX....."}})).pattern
    assert rows(pattern) == {"BD": [0, 127, 0, 0]}
    assert pattern.offset[1, 0] == 0


@pytest.mark.parametrize(
    ("text", "metre"), [("4/4", (4, 4)), ("8/4", (4, 4)), ("16/4", (4, 4)), ("6/4", (6, 4)), ("12/8", (12, 8)), (" 3 / 4 ", (3, 4))]
)
def test_multiples_of_four_quarters_count_as_bars_of_4_4(read, text, metre):
    assert one(read({"meter": text, "tracks": {"BD": "x..."}})).pattern.metre == metre


@pytest.mark.parametrize(
    ("fields", "tempo_bpm"),
    [({}, 129), ({"bpm": 135.0}, 135), ({"bps": 2.25}, 135), ({"tempo_range": [112, 139]}, 125.5), ({"bpm": 90, "bps": 3}, 90)],
)
def test_tempo_is_bpm_then_bps_then_the_middle_of_the_range(read, fields, tempo_bpm):
    assert one(read({**fields, "tracks": {"BD": "x..."}})).pattern.tempo_bpm == tempo_bpm


def test_facts_are_kept(read):
    value = {"name": "A", "genre": "techno", "family": "edm", "licence": "CC0", "source": "me", "id": "7", "tracks": {"BD": "x..."}}
    grid = one(read(value))
    assert (grid.pattern.name, grid.pattern.genre, grid.family, grid.licence, grid.source) == ("A", "techno", "edm", "CC0", "me")
    assert grid.pattern.provenance["path"].endswith("grid.json")
    assert one(read({"tracks": {"BD": "x..."}})).pattern.name == "grid"
    assert one(read({"id": "7", "tracks": {"BD": "x..."}})).pattern.name == "7"


def test_groups_are_group_then_title_then_source_of_several_then_name_without_its_variant(read):
    def groups(*entries):
        accepted, rejected = read({"patterns": [{**entry, "tracks": {"BD": "x..."}} for entry in entries]})
        assert not rejected
        return [grid.group for grid in accepted]

    names = [{"name": name, "source": "s"} for name in ("Afro6a", "Afro6b", "Break1", "Break2", "Jungle", "Pattern00")]
    assert groups(*names) == ["Afro6", "Afro6", "Break1", "Break2", "Jungle", "Pattern00"]
    assert groups({"name": "a1", "source": "s"}, {"name": "b1", "source": "t"}, {"name": "c1b"}) == ["s", "t", "c1"]
    assert groups({"name": "a", "title": "T", "source": "s"}, {"name": "b", "source": "t", "group": "G", "title": "T"}) == [
        "T",
        "G",
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("x...", "an object for each pattern"),
        ({"name": "a"}, "'tracks' with a row"),
        ({"tracks": {}}, "'tracks' with a row"),
        ({"tracks": {"BD": "x..o"}}, "x, X, . and - in the row 'BD'"),
        ({"tracks": {"BD": 7}}, "a string or a list in the row 'BD'"),
        ({"tracks": {"BD": [0.5, 100]}}, "velocities as whole numbers"),
        ({"tracks": {"BD": [128, 0]}}, "velocities as whole numbers"),
        ({"tracks": {"BD": [-1, 0]}}, "velocities as whole numbers"),
        ({"tracks": {"BD": [True, 0]}}, "velocities as whole numbers"),
        ({"tracks": {"BD": [0.001, 0]}}, "velocities of 0 or at least 1/127"),
        ({"tracks": {"BD": "x...", "SD": "x.."}}, "rows of one length"),
        ({"steps": 8, "tracks": {"BD": "x..."}}, "rows of one length"),
        ({"steps": [8], "tracks": {"BD": "x..."}}, "a whole number in 'steps'"),
        ({"tracks": {"BD": ""}}, "rows of one length"),
        ({"tracks": {"BD": "...."}}, "hits in the lanes of the drum map 'tr808'"),
        ({"tracks": {"CP": "x..."}}, "hits in the lanes of the drum map 'tr808'"),
        ({"tracks": {"AC": "x..."}}, "hits in the lanes of the drum map 'tr808'"),
        ({"steps_per_beat": 3, "tracks": {"BD": "x..."}}, "triplets do not"),
        ({"steps_per_beat": "4", "tracks": {"BD": "x..."}}, "steps a quarter note"),
        ({"steps_per_beat": True, "tracks": {"BD": "x..."}}, "steps a quarter note"),
        ({"meter": "0/4", "tracks": {"BD": "x..."}}, "a metre like"),
        ({"meter": "4/3", "tracks": {"BD": "x..."}}, "a metre like"),
        ({"meter": 4, "tracks": {"BD": "x..."}}, "a metre like"),
        ({"bpm": 0, "tracks": {"BD": "x..."}}, "a tempo of 4 to 1,000 BPM"),
        ({"bpm": "fast", "tracks": {"BD": "x..."}}, "a tempo of 4 to 1,000 BPM"),
        ({"bps": None, "tracks": {"BD": "x..."}}, "a tempo of 4 to 1,000 BPM"),
        ({"tempo_range": [10**400, 1], "tracks": {"BD": "x..."}}, "a tempo of 4 to 1,000 BPM"),
        ({"genre": 7, "tracks": {"BD": "x..."}}, "a string in 'genre'"),
        ({"offsets": {"SD": [0]}, "tracks": {"BD": "x"}}, "'offsets' with rows that 'tracks' has too"),
        ({"offsets": {"BD": [1]}, "tracks": {"BD": "x"}}, "1 offsets from -1 to under 1"),
    ],
)
def test_a_faulty_pattern_is_rejected_and_the_others_are_read(read, entry, message):
    good = {"name": "good", "tracks": {"BD": "x..."}}
    accepted, rejected = read([good, entry, good])
    assert [grid.pattern.name for grid in accepted] == ["good", "good"]
    (error,) = rejected
    assert message in str(error)
    assert "grid.json, pattern 2" in error.path
    assert error.remedy


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "at least one pattern"),
        ({"patterns": {}}, "an object with 'patterns' or 'tracks'"),
        ({"rhythms": []}, "an object with 'rhythms'"),
        (7, "an object with 'patterns' or 'tracks'"),
        ({"patterns": [], "instrument_names": [1]}, "'instrument_names'"),
        ([{"tracks": {"BD": "x"}}] * 4097, "at most 4,096 patterns"),
        ([{"tracks": {"BD": "x" * 60_000}}] * 5, "at most 262,144 sixteenths in a file"),
        ("lane\nBD\n", "a column 'lane' and either"),
        ("lane,steps,1\nBD,x,x\n", "a column 'lane' and either"),
        ("pattern,steps\nBD,x\n", "a column 'lane' and either"),
        ("lane,1,3\nBD,x,x\n", "without a gap"),
        ("lane,steps\n", "at least one pattern"),
    ],
)
def test_a_file_that_holds_no_patterns_is_refused(read, value, message):
    with pytest.raises(InputError, match=message):
        read(value)


def test_csv_with_rows_of_marks_is_read_as_several_patterns(read):
    text = "pattern,genre,lane,steps,bpm\nAmen,breakbeat,BD,x.X.,136\nHaus,house,BD,x...,\nAmen,,SD,.x..,\n"
    accepted, rejected = read(text)
    assert not rejected
    amen, haus = accepted
    assert rows(amen.pattern) == {"BD": [100, 0, 127, 0], "SD": [0, 100, 0, 0]}
    assert (amen.pattern.name, amen.pattern.genre, amen.pattern.tempo_bpm) == ("Amen", "breakbeat", 136)
    assert (haus.pattern.name, haus.pattern.genre, haus.pattern.tempo_bpm) == ("Haus", "house", 129)


def test_csv_with_a_column_for_each_step_is_read_as_one_pattern(read):
    grid = one(read("lane,1,2,3,4\nBD,x,,X,.\nCH,100,,40,\nAC,,,,\nSD,-,x, ,50\n"))
    assert rows(grid.pattern) == {"BD": [100, 0, 127, 0], "SD": [0, 100, 0, 50], "CH": [100, 0, 40, 0]}
    assert grid.pattern.name == "grid"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lane,1,2\nBD,x,loud\n", "velocities as whole numbers"),
        ("lane,steps\nBD,x...\nBD,.x..\n", "'BD' twice"),
        ("lane,steps,bpm\nBD,x...,fast\n", "a tempo of 4"),
    ],
)
def test_faulty_csv_patterns_are_rejected(read, text, message):
    accepted, (error,) = read(text)
    assert not accepted
    assert message in str(error)


def test_content_counts_where_the_suffix_says_nothing(tmp_path):
    (tmp_path / "a.txt").write_text('{"tracks": {"BD": "x..."}}')
    (tmp_path / "b.txt").write_text("lane,steps\nBD,x...\n")
    assert rows(one(read_grid_file(tmp_path / "a.txt")).pattern) == rows(one(read_grid_file(tmp_path / "b.txt")).pattern)


@pytest.mark.parametrize("drum_map", BUILT_IN.values(), ids=lambda drum_map: drum_map.name)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 70),
    kind=st.sampled_from(["marks", "midi", "least", "float"]),
    tempo_bpm=st.floats(4, 1000),
)
def test_what_is_written_is_read_back_identically(tmp_path_factory, drum_map: DrumMap, seed, steps, kind, tempo_bpm):
    rng = np.random.default_rng(seed)
    shape = steps, len(drum_map.lanes)
    hits = rng.random(shape) < 0.3
    hits[0, 0] = True
    velocity = {
        "marks": rng.choice([100, 127], shape) / 127,
        "midi": rng.integers(1, 128, shape) / 127,
        "least": np.full(shape, 1 / 127),
        "float": rng.uniform(1 / 127, 1, shape),
    }[kind]
    offset = np.zeros(shape) if kind == "marks" else np.clip(rng.uniform(-1, 1, shape), -1, 0.999)
    pattern = Pattern(
        hits=hits,
        velocity=hits * np.maximum(velocity.astype(np.float32), np.float32(1 / 127)),
        offset=hits * offset,
        drum_map=drum_map,
        tempo_bpm=tempo_bpm,
        metre=(7, 8),
        name='Ünï "quoted"\n太鼓',
        genre="idm",
    )
    path = tmp_path_factory.mktemp("round") / "a.json"
    write_grid_json(path, [pattern, GridPattern(pattern, family="f", licence="l", source="s", group="g")])
    accepted, rejected = read_grid_file(path, drum_map=drum_map)
    assert not rejected
    for grid in accepted:
        assert grid.pattern.equals(pattern)
        assert (grid.pattern.tempo_bpm, grid.pattern.metre) == (tempo_bpm, (7, 8))
        assert (grid.pattern.name, grid.pattern.genre) == (pattern.name, pattern.genre)
    assert (accepted[1].family, accepted[1].licence, accepted[1].source, accepted[1].group) == ("f", "l", "s", "g")


def test_plain_patterns_are_written_as_marks(tmp_path):
    grid = np.zeros((8, 6), np.float32)
    grid[::4, 0], grid[4, 1] = PLAIN, 1
    write_grid_json(tmp_path / "a.json", [Pattern.from_grid(grid)])
    (entry,) = json.loads((tmp_path / "a.json").read_text())["patterns"]
    assert entry["tracks"] == {"BD": "x...x...", "SD": "....X..."}
    assert "offsets" not in entry


def test_a_tempo_that_would_not_be_read_back_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="a tempo of 4 to 1,000 BPM"):
        write_grid_json(tmp_path / "a.json", [Pattern.from_grid(np.ones((4, 6)), tempo_bpm=2000.0)])
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_no_text_is_written_with_marks_in_its_place(tmp_path):
    write_grid_json(tmp_path / "a.json", [Pattern.from_grid(np.ones((4, 6)), name="a\udcff")])
    assert one(read_grid_file(tmp_path / "a.json")).pattern.name == "a?"


def test_the_record_of_a_made_pattern_is_kept(tmp_path):
    record = provenance("pattern sample", model="vae", model_sha256="0" * 64, seed=3, parameters={"n": 1})
    write_grid_json(tmp_path / "a.json", [Pattern.from_grid(np.ones((4, 6)), provenance=record)])
    assert one(read_grid_file(tmp_path / "a.json")).pattern.provenance == record


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "total", "usable"), [("patterns_bardet200", 198, 170), ("patterns_lmms_edm", 142, 142), ("patterns_tidal", 283, 215)]
)
def test_the_shared_folders_give_their_4_4_patterns(data_folder, folder, total, usable):
    path = data_folder / folder / "patterns.json"
    accepted, rejected = read_grid_file(path)
    assert len(accepted) + len(rejected) == total
    in_4_4 = [grid for grid in accepted if grid.pattern.metre == (4, 4)]
    assert len(in_4_4) == usable
    assert {grid.pattern.steps for grid in in_4_4} <= {16, 32, 64}
    # Against a plain count of the file's marks, for the patterns on a grid of 16ths.
    entries = {entry["id"]: entry for entry in json.loads(path.read_text())["patterns"] if entry["steps_per_beat"] == 4}
    expected = Counter()
    for entry in entries.values():
        for lane in TR808.lanes:
            row = entry["tracks"].get(lane, "." * entry["steps"])
            accent = entry["tracks"].get("AC", "." * entry["steps"])
            expected.update(127 if a == "x" else 100 for mark, a in zip(row, accent, strict=True) if mark == "x")
    got = Counter()
    names = Counter(entry["name"] for entry in entries.values())
    for grid in accepted:
        if names[grid.pattern.name]:
            got.update(np.rint(grid.pattern.velocity[grid.pattern.hits] * 127).astype(int).tolist())
    assert got == expected
