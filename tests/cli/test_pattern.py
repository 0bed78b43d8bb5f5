"""The pattern verbs: from files to MIDI, sound and picture."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import librosa
import matplotlib.image
import mido
import numpy as np
import pytest
import soundfile

from drumjax.cli.arguments import PICTURE_SUFFIXES
from drumjax.patterns import read_windows
from drumjax.plots.style import FORMATS
from drumjax.provenance import read_provenance

RATE = 44_100
MEASURE_BEATS = 16
REAL = [
    *(("gmd", "mid"), ("multitrack_lmms_edm", "mid"), ("multitrack_tannerhelland", "mid"), ("multitrack_freedoom", "mid")),
    *(("patterns_bardet200", "json"), ("patterns_lmms_edm", "json"), ("patterns_tidal", "json"), ("gmd", "csv")),
]
LANES = {36: "BD", 38: "SD", 42: "CH", 46: "OH", 37: "RS", 56: "CB"}


def onsets_s(path: Path) -> list[float]:
    """When the notes of a MIDI file begin, by mido's own clock."""
    now, found = 0.0, []
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity:
            found.append(now)
    return found


def beats(path: Path) -> float:
    file = mido.MidiFile(path)
    return sum(message.time for message in max(file.tracks, key=len)) / file.ticks_per_beat


def picture(path: Path) -> np.ndarray:
    return matplotlib.image.imread(path)[..., :3]


@pytest.fixture
def clicks(tmp_path) -> Path:
    """A kit of six clicks: what is rendered with it is silent everywhere but where a note begins."""
    folder = tmp_path / "clicks"
    folder.mkdir()
    click = np.zeros(400)
    click[100:140] = np.linspace(0.9, 0, 40)
    for lane in LANES.values():
        soundfile.write(folder / f"{lane}.wav", click, RATE)
    return folder


# One call, all that it leaves behind


def test_interpolating_two_files_gives_midi_sound_and_picture(command, files, model) -> None:
    called = command("pattern", "interpolate", "a.mid", "b.mid", "-o", "out.mid", "--wav", "out.wav", "--plot", "out.png", *model)
    assert (called.code, called.err) == (0, "")
    assert called.out.splitlines() == ["wrote out.mid", "wrote out.wav", "wrote out.png"]
    assert beats(files / "out.mid") == 6 * MEASURE_BEATS
    assert {m.channel for m in mido.MidiFile(files / "out.mid") if m.type == "note_on"} == {9}
    assert {m.note for m in mido.MidiFile(files / "out.mid") if m.type == "note_on"} <= set(LANES)
    # a.mid's 125 beats a minute hold for all of it; a second more lets the last hits ring out.
    sound, rate = soundfile.read(files / "out.wav")
    assert (rate, soundfile.info(files / "out.wav").subtype, sound.ndim) == (RATE, "PCM_16", 1)
    assert len(sound) == round(6 * MEASURE_BEATS * 60 / 125 * RATE) + RATE
    assert np.isfinite(sound).all()
    assert 0.05 < np.abs(sound).max() < 1
    found = librosa.onset.onset_detect(y=sound.astype(np.float32), sr=RATE, units="time")
    written = np.array(onsets_s(files / "out.mid"))
    near = [np.abs(written - onset).min() < 0.05 for onset in found]
    assert len(found) > 20
    assert np.mean(near) > 0.95
    pixels = picture(files / "out.png")
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_sound_and_midi_carry_the_same_provenance_and_name_both_files(command, files, model) -> None:
    options = ["--tempo-bpm", "140", "--channel", "10", "--seed", "4", "--path", "lerp", "--measures", "2"]
    assert command("pattern", "interpolate", "a.mid", "long.mid#2", "-o", "o.mid", "--wav", "o.flac", *options, *model).code == 0
    origin = read_provenance(files / "o.mid")
    assert read_provenance(files / "o.flac") == origin
    assert origin["parameters"] == {"measures": 2, "path": "lerp", "tempo_bpm": 140.0}
    assert (origin["verb"], origin["seed"], origin["model"]["name"]) == ("pattern interpolate", 4, model[1])
    hashes = [hashlib.sha256((files / name).read_bytes()).hexdigest() for name in ("a.mid", "long.mid")]
    names = ("a.mid", "long.mid#2")
    assert origin["inputs"] == [{"path": p, "sha256": h, "channel": 10} for p, h in zip(names, hashes, strict=True)]
    assert str(files) not in json.dumps({**origin, "model": None})


def test_the_same_call_gives_the_same_bytes(command, files, model) -> None:
    for name in ("one", "two"):
        words = ["a.mid", "b.mid", "-o", f"{name}.mid", "--wav", f"{name}.wav", "--plot", f"{name}.png", "--measures", "2"]
        assert command("pattern", "interpolate", *words, *model).code == 0
    for suffix in ("mid", "wav", "png"):
        assert (files / f"one.{suffix}").read_bytes() == (files / f"two.{suffix}").read_bytes()


def test_every_note_of_the_midi_file_is_heard_at_its_sample_and_nothing_else(command, files, clicks, model) -> None:
    words = ["a.mid", "b.mid", "-o", "o.mid", "--wav", "o.wav", "--kit", clicks, "--tempo-bpm", "129.5"]
    called = command("pattern", "interpolate", *words, *model)
    assert called.code == 0
    assert called.out.splitlines()[0] == "kit: " + ", ".join(f"{lane} {lane}.wav" for lane in LANES.values())
    sound, _ = soundfile.read(files / "o.wav")
    loud = np.flatnonzero(np.abs(sound) > 1e-3)
    starts = loud[np.diff(loud, prepend=-RATE) > 200] / RATE
    written = np.unique(np.round(onsets_s(files / "o.mid"), 4))
    assert len(starts) == len(written)
    np.testing.assert_allclose(starts, written, atol=0.002)


def test_a_folder_gets_a_file_a_measure(command, files, model) -> None:
    assert command("pattern", "interpolate", "a.mid", "b.mid", "--measures", "11", "-o", "parts", *model).code == 0
    (files / "with.dot").mkdir()
    assert command("pattern", "interpolate", "a.mid", "b.mid", "--measures", "11", "-o", "with.dot", *model).code == 0
    assert command("pattern", "interpolate", "a.mid", "b.mid", "--measures", "11", "-o", "whole.mid", *model).code == 0
    parts = sorted((files / "parts").iterdir())
    assert [part.name for part in parts] == [f"{i:02}.mid" for i in range(1, 12)]
    assert len(list((files / "with.dot").iterdir())) == 11
    for part, window in zip(parts, read_windows(files / "whole.mid"), strict=True):
        assert beats(part) == MEASURE_BEATS
        assert read_windows(part)[0].equals(window)


def test_without_an_output_the_verb_names_the_file(command, files, model) -> None:
    for verb, words in (("interpolate", ["a.mid", "b.mid"]), ("crossfade", ["a.mid", "b.mid"]), ("sample", [])):
        assert command("pattern", verb, *words, *model).out == f"wrote {verb}.mid\n"
        assert (files / f"{verb}.mid").is_file()


def test_grid_files_come_out_and_go_in(command, files, model) -> None:
    assert command("pattern", "sample", "--measures", "3", "-o", "grid.json", *model).code == 0
    assert len(json.loads((files / "grid.json").read_text())["patterns"]) >= 1
    assert command("pattern", "interpolate", "grid.json#1", "a.mid", "-o", "o.mid", *model).code == 0
    assert read_provenance(files / "o.mid")["inputs"][0]["path"] == "grid.json#1"


# What a pattern argument names


def first_measure(path: Path) -> np.ndarray:
    return read_windows(path)[0].hits


def test_a_number_after_a_file_names_its_window(command, files, model, tiny) -> None:
    for k, window in enumerate(read_windows(files / "long.mid")):
        assert command("pattern", "interpolate", f"long.mid#{k}", "b.mid", "-o", "o.mid", *model).code == 0
        np.testing.assert_array_equal(first_measure(files / "o.mid"), tiny.reconstruct([window])[0].hits)
    assert k == 2


def test_a_file_whose_name_has_a_number_sign_is_found(command, files, model) -> None:
    (files / "a.mid").rename(files / "take#2.mid")
    (files / "b.mid").rename(files / "b#1")
    assert command("pattern", "interpolate", "take#2.mid", "b#1", "-o", "o.mid", *model).code == 0
    assert [entry["path"] for entry in read_provenance(files / "o.mid")["inputs"]] == ["take#2.mid", "b#1"]


def test_embedded_patterns_are_named_by_genre_and_number(command, files, model) -> None:
    assert command("pattern", "crossfade", "embedded:electro", "embedded:techno#3", "-o", "o.mid", *model).code == 0
    assert command("pattern", "crossfade", "embedded:techno#3", "embedded:electro#0", "-o", "back.mid", *model).code == 0
    there, back = read_windows(files / "o.mid"), read_windows(files / "back.mid")
    np.testing.assert_array_equal(there[0].hits, back[-1].hits)
    np.testing.assert_array_equal(there[-1].hits, back[0].hits)
    assert there[0].tempo_bpm == 129
    assert [entry["path"] for entry in read_provenance(files / "o.mid")["inputs"]] == ["embedded:electro#0", "embedded:techno#3"]


# Crossfade and sample


def test_a_crossfade_begins_and_ends_with_the_files_themselves(command, files, model) -> None:
    called = command("pattern", "crossfade", "a.mid", "b.mid", "-o", "o.mid", "--wav", "o.wav", "--plot", "o.png", *model)
    assert called.code == 0
    measures = read_windows(files / "o.mid")
    assert len(measures) == 6
    for measure, name in ((measures[0], "a.mid"), (measures[-1], "b.mid")):
        assert measure.equals(read_windows(files / name)[0])
    both = measures[0].hits | measures[-1].hits
    assert all(np.array_equal(measure.hits, both) for measure in measures[1:-1])
    sound, _ = soundfile.read(files / "o.wav")
    assert len(sound) == round(6 * MEASURE_BEATS * 60 / 125 * RATE) + RATE
    assert 0.05 < np.abs(sound).max() < 1
    assert picture(files / "o.png").std() > 0.05


def test_a_crossfade_in_sound_fades_one_end_out_and_the_other_in(command, files, midi, clicks, model) -> None:
    midi("bass.mid", {(s, "BD"): 127 for s in range(0, 64, 4)})
    midi("bell.mid", {(s, "CB"): 127 for s in range(2, 64, 4)})
    assert command("pattern", "crossfade", "bass.mid", "bell.mid", "--wav", "o.wav", "--kit", clicks, *model).code == 0
    sound, step = np.abs(soundfile.read(files / "o.wav")[0]), 60 / 120 / 4 * RATE
    peaks = np.array([sound[int(k * step) : int(k * step) + 400].max() for k in range(6 * 64)])
    out, into = peaks[0::4], peaks[2::4]
    assert (np.diff(out) < 1e-4).all()
    assert (np.diff(into) > -1e-4).all()
    assert out[-1] < 0.02 * out[0]
    assert into[0] < 0.02 * into[-1]
    middle = len(out) // 2
    np.testing.assert_allclose((out[middle], into[middle]), out[0] / np.sqrt(2), rtol=0.02)  # equal power


def test_a_seed_decides_the_samples(command, files, model) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        assert command("pattern", "sample", "--measures", 4, "--seed", seed, "-o", f"{name}.mid", *model).code == 0
    content = {name: (files / f"{name}.mid").read_bytes() for name in ("one", "again", "other")}
    assert content["one"] == content["again"] != content["other"]
    assert read_provenance(files / "one.mid")["seed"] == 7
    assert beats(files / "one.mid") == 4 * MEASURE_BEATS


def test_samples_take_a_tempo_a_kit_and_a_sheet(command, files, clicks, model) -> None:
    words = ["--measures", "2", "--tempo-bpm", "100", "--wav", "s.wav", "--kit", clicks, "--plot", "s.pdf", "-o", "s.mid"]
    assert command("pattern", "sample", *words, *model).code == 0
    assert soundfile.info(files / "s.wav").frames == round(2 * MEASURE_BEATS * 0.6 * RATE) + RATE
    assert (files / "s.pdf").read_bytes().startswith(b"%PDF")
    assert read_provenance(files / "s.mid")["parameters"] == {"measures": 2, "tempo_bpm": 100.0}


def test_one_shots_of_real_machines_make_a_kit(command, files, model, data_folder) -> None:
    words = ["a.mid", "b.mid", "--measures", "3", "--wav", "real.wav", "-o", "real.mid"]
    called = command("pattern", "interpolate", *words, "--kit", data_folder / "oneshots_drummachines_pd", *model)
    assert called.code == 0
    kit = next(line for line in called.out.splitlines() if line.startswith("kit: BD "))
    assert all(f"{lane} " in kit and folder in kit for lane, folder in (("BD", "kick/"), ("SD", "snare/"), ("CH", "hihat_closed/")))
    real = soundfile.read(files / "real.wav")[0]
    assert command("pattern", "interpolate", *words[:4], "--wav", "own.wav", "-o", "own.mid", *model).code == 0
    own = soundfile.read(files / "own.wav")[0]
    assert real.shape == own.shape
    assert np.abs(real).max() > 0.05
    assert not np.allclose(real, own)


def test_the_pictures_that_are_offered_are_those_that_are_drawn() -> None:
    assert set(PICTURE_SUFFIXES) == {f".{kind}" for kind in FORMATS}


# What is said of the files


def test_what_was_chosen_in_a_file_is_said_beside_the_results(command, files, midi, model) -> None:
    midi("bass.mid", {(s, "BD"): 100 for s in range(0, 64, 4)} | {(1, 50): 90, (2, 50): 90}, channel=2)
    called = command("pattern", "crossfade", "bass.mid", "long.mid", "-o", "o.mid", *model)
    assert (called.code, called.out) == (0, "wrote o.mid\n")
    assert called.err.splitlines() == [
        "bass.mid: channel 3: no notes on channel 10, and this one has the most pitches of the drum map (16 notes)",
        "bass.mid: 2 notes outside the drum map, by pitch: 50 (2)",
        "long.mid: window 0 of 3; long.mid#k names another",
    ]


def test_of_a_window_that_was_asked_for_nothing_is_said(command, files, model) -> None:
    called = command("pattern", "crossfade", "long.mid#1", "b.mid", "-o", "o.mid", *model)
    assert (called.code, called.err) == (0, "")


def test_windows_are_counted_with_the_silent_ones(command, files, midi, model) -> None:
    midi("song.mid", {(64 + s, "BD"): 100 for s in range(0, 64, 4)} | {(128 + s, "SD"): 100 for s in range(64)}, steps=192)
    silent = command("pattern", "crossfade", "song.mid#0", "b.mid", "-o", "o.mid", *model)
    assert silent.code == 2
    assert "song.mid#0: expected a window with hits; found silence" in silent.err
    assert "the first window with hits is song.mid#1" in silent.err
    assert not (files / "o.mid").exists()

    first = command("pattern", "crossfade", "song.mid", "b.mid", "-o", "o.mid", *model)
    assert first.err == "song.mid: window 1 of 3, the first with hits; song.mid#k names another\n"
    assert np.flatnonzero(first_measure(files / "o.mid").any(axis=1)).tolist() == list(range(0, 64, 4))
    assert command("pattern", "crossfade", "song.mid#2", "b.mid", "-o", "o.mid", *model).code == 0
    assert first_measure(files / "o.mid")[:, 1].all()


def test_a_genre_may_be_written_with_capitals(command, files, model) -> None:
    assert command("pattern", "crossfade", "embedded:Techno", "embedded:IDM#1", "-o", "o.mid", *model).code == 0
    assert [entry["path"] for entry in read_provenance(files / "o.mid")["inputs"]] == ["embedded:techno#0", "embedded:idm#1"]


@pytest.mark.parametrize("pattern", ["missing.mid", "missing.mid#1", "embedded:polka"])
def test_patterns_that_are_not_there_are_said_before_a_model_is_loaded(command, files, monkeypatch, pattern) -> None:
    monkeypatch.setattr("drumjax.cli.pattern.load_instrument", lambda _: pytest.fail("the model was loaded first"))
    for verb in ("interpolate", "crossfade"):
        for words in ((pattern, "b.mid"), ("b.mid", pattern)):
            called = command("pattern", verb, *words, "-o", "o.mid")
            assert called.code == 2
            assert pattern.partition("#")[0] in called.err


def test_a_sound_names_the_kit_that_it_was_played_with(command, files, clicks, model) -> None:
    words = ["pattern", "crossfade", "a.mid", "b.mid", "--measures", "2", "-o", "o.mid", "--wav"]
    assert command(*words, "own.wav", *model).code == 0
    assert command(*words, "kit.wav", "--kit", "clicks", *model).code == 0
    (clicks / "CB.wav").write_bytes((clicks / "CB.wav").read_bytes() + b"JUNK\0\0\0\0")
    assert command(*words, "other.flac", "--kit", "clicks", *model).code == 0
    own, kit, other = (read_provenance(files / name)["inputs"] for name in ("own.wav", "kit.wav", "other.flac"))
    assert [entry["path"] for entry in own] == ["a.mid", "b.mid"]
    assert kit[:2] == other[:2] == own
    assert [entry["path"] for entry in kit[2:] + other[2:]] == ["clicks", "clicks"]
    assert kit[2]["sha256"] != other[2]["sha256"]
    assert read_provenance(files / "o.mid")["inputs"] == own


def test_a_sample_names_the_kit_too(command, files, clicks, model) -> None:
    assert command("pattern", "sample", "-o", "s.mid", "--wav", "s.wav", "--kit", "clicks", *model).code == 0
    assert [entry["path"] for entry in read_provenance(files / "s.wav")["inputs"]] == ["clicks"]


def test_real_files_of_every_kind_are_interpolated_or_refused_in_a_line(command, files, model, data_folder) -> None:
    refused = {}
    for kind, suffix in REAL:
        name = sorted(data_folder.glob(f"{kind}/**/*.{suffix}"))[0]
        called = command("pattern", "interpolate", name, "a.mid", "-o", "o.mid", *model)
        if called.code:
            refused[kind, suffix] = called
            continue
        assert beats(files / "o.mid") == 6 * MEASURE_BEATS
        assert read_provenance(files / "o.mid")["inputs"][0]["sha256"] == hashlib.sha256(name.read_bytes()).hexdigest()
    assert len(refused) <= 3
    assert refused["gmd", "csv"].err.startswith("drumjax: ")  # the index of the collection
    for called in refused.values():
        assert (called.code, called.err.count("\n")) == (2, 1)
