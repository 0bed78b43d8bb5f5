"""Provenance: the record, its bytes, and the way through MIDI, WAV and FLAC files."""

from __future__ import annotations

import json
from dataclasses import replace

import mido
import numpy as np
import pytest
import soundfile

import drumjax
from drumjax.boundary import InputError, read_midi_texts
from drumjax.patterns import Pattern, write_grid_json, write_midi
from drumjax.provenance import (
    MAX_BYTES,
    check_record,
    dumps,
    in_part,
    is_record,
    joined,
    loads,
    provenance,
    read_provenance,
    with_input,
)
from drumjax.signal.audio_file import write_audio

SHA = "ab" * 32


def record(**changes):
    fields = {
        "model": "pattern-vae",
        "model_sha256": SHA,
        "seed": 7,
        "parameters": {"measures": 6, "path": "slerp", "tempo_bpm": 129.5},
        "inputs": [{"path": "lieder/Übung 太鼓.mid#2", "sha256": SHA}, {"path": "embedded:techno#3"}],
    }
    return provenance("pattern interpolate", **{**fields, **changes})


def write(path, value) -> None:
    if path.suffix == ".mid":
        write_midi(path, Pattern.from_grid(np.ones((16, 6)), provenance=value))
    else:
        write_audio(path, np.zeros(100, np.float32), 44_100, value)


def test_the_record_holds_what_is_needed_and_no_more():
    assert record() == {
        "drumjax": drumjax.__version__,
        "verb": "pattern interpolate",
        "model": {"name": "pattern-vae", "sha256": SHA},
        "seed": 7,
        "parameters": {"measures": 6, "path": "slerp", "tempo_bpm": 129.5},
        "inputs": [{"path": "lieder/Übung 太鼓.mid#2", "sha256": SHA}, {"path": "embedded:techno#3"}],
    }
    assert record(model=None, model_sha256=None)["model"] is None


def test_text_is_one_line_of_ascii_and_comes_back():
    text = dumps(record())
    assert text.isascii()
    assert "\n" not in text
    assert loads(text) == record()
    assert json.loads(text) == record()


def test_names_that_are_not_unicode_come_back():
    value = record(inputs=[{"path": "a\udcff.mid", "sha256": SHA}])
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("character", ["a", "é", "太", "🥁", '"'])
def test_long_paths_keep_their_end(character):
    value = record(inputs=[{"path": character * 5000 + "/name.mid", "sha256": SHA}] * 2)
    for entry in value["inputs"]:
        assert entry["path"].startswith("..." + character)
        assert entry["path"].endswith(character + "/name.mid")
        assert 280 < len(json.dumps(entry["path"])) - 2 <= 300
    assert loads(dumps(value)) == value
    exact = "b" * 300
    assert record(inputs=[{"path": exact, "sha256": SHA}])["inputs"][0]["path"] == exact


def test_a_record_of_long_paths_has_room_for_a_kit():
    long = {"path": "p" * 5000, "sha256": SHA}
    humanize = {"humanize_seed": 2**32 - 1, "humanize_velocity": 0.12345678901234567, "humanize_timing_ms": 12.345678901234567}
    parameters = {"measures": 1024, "path": "slerp", "tempo_bpm": 129.12345678901234, "part": [1000, 1024]}
    parameters |= humanize | {"humanize_takes": 8}
    inputs = [{**long, "channel": 16}] * 2
    value = with_input(record(model="m" * 5000, seed=2**32 - 1, parameters=parameters, inputs=inputs), long)
    assert [len(entry["path"]) for entry in value["inputs"]] == [300] * 3
    assert loads(dumps(value)) == value
    assert len(record()["inputs"]) == 2
    assert with_input(record(), {"path": "kit", "sha256": SHA})["inputs"] == [*record()["inputs"], {"path": "kit", "sha256": SHA}]


def test_a_made_pattern_that_was_never_written_is_named_by_verb_seed_and_hash():
    (entry,) = record(inputs=[record()])["inputs"]
    assert (entry["verb"], entry["seed"], len(entry["sha256"])) == ("pattern interpolate", 7, 64)
    assert record(inputs=[record(seed=8)])["inputs"][0]["sha256"] != entry["sha256"]


def test_too_long_a_record_is_refused_with_its_length():
    fits = record(parameters={"a": ""})
    room = MAX_BYTES - len(dumps(fits))
    assert len(dumps(record(parameters={"a": "x" * room}))) == MAX_BYTES
    with pytest.raises(ValueError, match="at most 2,000 bytes, found 2,001"):
        dumps(record(parameters={"a": "x" * (room + 1)}))


@pytest.mark.parametrize("value", [np.float32(1), object(), float("nan"), {1, 2}])
def test_parameters_that_are_no_json_are_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        dumps(record(parameters={"a": value}))


@pytest.mark.parametrize("text", ["", "hello", "[]", "{", '{"verb": "a"}', "{" * 5000, '{"drumjax": ' + "1" * 5000 + "}"])
def test_other_texts_are_no_provenance(text):
    with pytest.raises(ValueError, match="no provenance"):
        loads(text)


def test_the_path_and_hash_of_a_read_file_are_no_record():
    assert is_record(record())
    assert not is_record({"path": "a.mid", "sha256": SHA})


@pytest.mark.parametrize("suffix", [".mid", ".wav", ".flac"])
@pytest.mark.parametrize("filler", [0, 1])
def test_every_kind_of_file_gives_the_record_back_up_to_the_last_byte(tmp_path, suffix, filler):
    room = MAX_BYTES - len(dumps(record(parameters={"a": ""})))
    value = record(parameters={"a": "x" * (room * filler)})
    write(tmp_path / f"a{suffix}", value)
    assert read_provenance(tmp_path / f"a{suffix}") == value


@pytest.mark.parametrize("suffix", [".mid", ".wav", ".flac"])
def test_too_long_a_record_writes_no_file(tmp_path, suffix):
    with pytest.raises(ValueError, match="at most 2,000 bytes"):
        write(tmp_path / f"a{suffix}", record(parameters={"a": "x" * 2000}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mid", ".wav", ".flac"])
def test_a_file_without_a_record_is_refused(tmp_path, suffix):
    write(tmp_path / f"a{suffix}", None)
    with pytest.raises(InputError, match="drumjax's provenance; found none in it"):
        read_provenance(tmp_path / f"a{suffix}")


def test_other_texts_of_a_file_are_passed_over(tmp_path):
    track = mido.MidiTrack([mido.MetaMessage("text", text="{made by hand}"), mido.MetaMessage("text", text=dumps(record()))])
    mido.MidiFile(tracks=[track]).save(tmp_path / "a.mid")
    assert read_provenance(tmp_path / "a.mid") == record()
    with soundfile.SoundFile(tmp_path / "a.wav", "w", 44_100, 1) as sound:
        sound.comment = "recorded in the kitchen"
        sound.write(np.zeros(10))
    with pytest.raises(InputError, match="found none in it"):
        read_provenance(tmp_path / "a.wav")


def test_a_pattern_that_was_read_writes_no_record(tmp_path):
    write_midi(tmp_path / "a.mid", Pattern.from_grid(np.ones((16, 6)), provenance={"path": "b.mid", "sha256": SHA}))
    with pytest.raises(InputError, match="found none in it"):
        read_provenance(tmp_path / "a.mid")


@pytest.mark.parametrize(("content", "found"), [(b"[1]", "JSON text"), (b"", "an empty file"), (b"\x89PNG", "a PNG picture")])
def test_other_kinds_of_file_are_refused(tmp_path, content, found):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match=found):
        read_provenance(tmp_path / "a")


# Patterns that are played one after another


def parts(*numbers: int, measures: int = 6, **changes) -> list[dict]:
    parameters = {"measures": measures, "tempo_bpm": 129.0}
    return [in_part(record(parameters=parameters, **changes), k) for k in numbers]


def test_all_parts_of_a_call_are_the_call() -> None:
    whole = record(parameters={"measures": 6, "tempo_bpm": 129.0})
    assert joined(parts(*range(1, 7))) == whole
    assert joined([whole]) == whole
    assert joined(parts(3)) == in_part(whole, 3)
    assert joined(parts(2, 3, 4)) == in_part(whole, [2, 4])
    assert joined(parts(*range(1, 6))) == in_part(whole, [1, 5])


@pytest.mark.parametrize(
    "origins",
    [
        parts(1, 3),
        parts(2, 1),
        parts(1, 1),
        parts(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6),
        [*parts(1, 2), *parts(3, 4, seed=8)],
        [record(), record()],
        [record(), {"path": "a.mid", "sha256": SHA}],
        [None, record()],
        [record(seed=seed) for seed in range(100)],
    ],
)
def test_parts_of_several_calls_say_that_they_were_joined(origins) -> None:
    value = joined(origins)
    assert (value["verb"], value["model"], value["seed"]) == ("concatenate", None, None)
    assert loads(dumps(value)) == value
    assert check_record({**value, "inputs": [entry for entry in value["inputs"] if "sha256" in entry]}, "x").verb == "concatenate"


def test_joined_calls_are_named_by_their_hashes() -> None:
    one, other = parts(*range(1, 7)), parts(*range(1, 7), seed=8)
    value = joined([*one, *other])
    expected = record(inputs=[joined(one), joined(other)])["inputs"]
    assert value["inputs"] == expected
    assert joined([*other, *one])["inputs"] == expected[::-1]
    many = [joined([record(seed=seed) for seed in range(first, first + 100)]) for first in (0, 1)]
    assert [entry["name"] for value in many for entry in value["inputs"]] == ["100 patterns"] * 2
    assert many[0]["inputs"][0]["sha256"] != many[1]["inputs"][0]["sha256"]


def test_patterns_of_files_are_of_the_file_that_they_share() -> None:
    a, b = {"path": "a.mid", "sha256": SHA}, {"path": "b.mid", "sha256": SHA}
    assert joined([a, a]) == a
    assert joined([a, b]) is None
    assert joined([None, None]) is None


# Reading it from files of any kind and length


def test_a_grid_file_gives_the_record_of_its_patterns_back(tmp_path) -> None:
    grid = Pattern.from_grid(np.ones((16, 6)))
    write_grid_json(tmp_path / "a.json", [replace(grid, provenance=record()), replace(grid, provenance=record())])
    assert read_provenance(tmp_path / "a.json") == record()
    write_grid_json(tmp_path / "a.json", [replace(grid, provenance=record()), replace(grid, provenance=record(seed=8))])
    with pytest.raises(InputError, match="patterns of one provenance; found 2 that differ"):
        read_provenance(tmp_path / "a.json")
    for text in (
        '{"patterns": []}',
        '{"patterns": 1}',
        '{"patterns": [1, {"provenance": 2}]}',
        '{"patterns": [{"provenance": {}}]}',
        "{}",
    ):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InputError, match="found none in it"):
            read_provenance(tmp_path / "a.json")


def long_file(tmp_path):
    """A MIDI file of a record and more notes than the library reads, with a tempo, a name and a message before them."""
    texts = [
        mido.MetaMessage("track_name", name="x" * 200),
        mido.MetaMessage("text", text="by hand"),
        mido.MetaMessage("set_tempo"),
    ]
    events = [
        mido.Message("sysex", data=[1, 2, 3]),
        mido.MetaMessage("text", text=dumps(record())),
        mido.Message("note_on", note=36),
    ]
    notes = [mido.Message("note_on", note=36, time=1), mido.MetaMessage("text", text="behind a note")] * 70_000
    mido.MidiFile(type=0, tracks=[mido.MidiTrack([*texts, *events, *notes])]).save(tmp_path / "long.mid")
    return tmp_path / "long.mid"


def test_a_midi_file_of_any_length_gives_the_record_back(tmp_path) -> None:
    path = long_file(tmp_path)
    assert read_midi_texts(path) == ["by hand", dumps(record())]
    assert read_provenance(path) == record()


def test_whatever_a_midi_file_holds_its_texts_are_read_or_refused(tmp_path) -> None:
    content = long_file(tmp_path).read_bytes()[:4000]
    rng = np.random.default_rng(0)
    path = tmp_path / "x.mid"
    for i in range(300):
        broken = bytearray(content[: int(rng.integers(1, len(content)))])
        for place in rng.integers(0, len(broken), i % 8):
            broken[place] = int(rng.integers(256))
        path.write_bytes(broken)
        try:
            texts = read_midi_texts(path)
        except InputError:
            assert len(broken) < 14 or broken[:4] != b"MThd"
        else:
            assert all(len(text) <= 2048 for text in texts)
