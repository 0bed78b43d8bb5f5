"""Drum maps: the built-in ones against their sources, users' files, and what is refused."""

from __future__ import annotations

import json

import pytest

from drumjax.boundary import InputError
from drumjax.patterns import BUILT_IN, GM, POCKET, TR808, DrumMap, drum_map_from_json, drum_map_to_json, load_drum_map

MINE = {"name": "mine", "lanes": [{"name": "BD", "in": [35, 36], "out": 36}, {"name": "clap", "in": [39], "out": 39}]}


def test_tr808_reads_the_general_midi_keys_of_its_six_instruments():
    expected = {35: "BD", 36: "BD", 38: "SD", 40: "SD", 42: "CH", 44: "CH", 46: "OH", 37: "RS", 56: "CB"}
    assert {pitch: TR808.lanes[lane] for pitch, lane in TR808.lane_of_pitch.items()} == expected
    assert dict(zip(TR808.lanes, TR808.out_pitches, strict=True)) == {"BD": 36, "SD": 38, "CH": 42, "OH": 46, "RS": 37, "CB": 56}


def test_maps_have_the_promised_sizes():
    assert {name: len(drum_map.lanes) for name, drum_map in BUILT_IN.items()} == {"tr808": 6, "pocket": 7, "gm": 47}
    assert sorted(GM.lane_of_pitch) == list(range(35, 82))


@pytest.mark.parametrize("drum_map", BUILT_IN.values(), ids=lambda drum_map: drum_map.name)
def test_json_gives_the_same_map_back(drum_map):
    assert drum_map_from_json(json.loads(json.dumps(drum_map_to_json(drum_map)))) == drum_map


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_maps_load_by_name(name):
    assert load_drum_map(name) is BUILT_IN[name]


def test_a_users_file_loads(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(MINE))
    assert load_drum_map(path) == DrumMap("mine", ("BD", "clap"), ((35, 36), (39,)), (36, 39))
    assert drum_map_to_json(load_drum_map(str(path))) == MINE


@pytest.mark.parametrize(("name", "near"), [("tr88", "tr808"), ("TR808", "tr808"), ("pockets", "pocket"), ("GM", "gm")])
def test_an_unknown_name_suggests_the_nearest(name, near):
    with pytest.raises(InputError, match=f"perhaps you meant '{near}'"):
        load_drum_map(name)


def test_a_name_near_none_lists_all():
    with pytest.raises(InputError, match=r"a built-in drum map \(tr808, pocket, gm\).*choose one of these"):
        load_drum_map("xyzzy")


def change(**fields):
    return {**MINE, **fields}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected an object with the fields name, lanes"),
        ({"name": "a"}, "expected an object with the fields name, lanes"),
        (change(colour="red"), "expected an object with the fields name, lanes"),
        (change(name=7), "a string in 'name'"),
        (change(lanes={}), "a list in 'lanes'"),
        (change(lanes=[]), "at least one lane"),
        (change(lanes=[7]), "lane 1 of the drum map 'mine'"),
        (change(lanes=[{"name": "a", "in": [36]}]), "fields name, in, out"),
        (change(lanes=[{"name": "a", "in": 36, "out": 36}]), "a list of pitches"),
        (change(lanes=[{"name": "a", "in": [36.0], "out": 36}]), "whole numbers"),
        (change(lanes=[{"name": "a", "in": [True], "out": 1}]), "whole numbers"),
        (change(lanes=[{"name": "a", "in": [128], "out": 128}]), "pitches 0 to 127"),
        (change(lanes=[{"name": "a", "in": [36], "out": 37}]), "out pitch 37"),
        (change(lanes=[{"name": "a", "in": [36], "out": 36}] * 2), "lane names must differ"),
        (change(lanes=[{"name": n, "in": [36], "out": 36} for n in "ab"]), "pitch 36 stands in lanes a and b"),
    ],
)
def test_faulty_maps_are_refused_with_what_is_wrong(tmp_path, value, message):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=message) as caught:
        load_drum_map(path)
    assert caught.value.path == str(path)
    with pytest.raises(ValueError, match=message):
        drum_map_from_json(value)


def test_pocket_reads_no_pitch_into_two_lanes():
    assert len(POCKET.lane_of_pitch) == sum(map(len, POCKET.in_pitches))
