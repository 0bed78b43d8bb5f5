"""Provenance: the record, its bytes, and the way through MIDI, WAV and FLAC files."""

from __future__ import annotations

import json

import mido
import numpy as np
import pytest
import soundfile

import drumjax
from drumjax.boundary import InputError
from drumjax.patterns import Pattern, write_midi
from drumjax.provenance import MAX_BYTES, dumps, is_record, loads, provenance, read_provenance, with_input
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
    parameters = {"measures": 1024, "path": "slerp", "tempo_bpm": 129.123456789, "channel": 10}
    value = with_input(record(model="m" * 5000, seed=2**32 - 1, parameters=parameters, inputs=[long, long]), long)
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
