"""`drumjax sound`: files, names, refusals; kits that patterns are played with; and that `drumjax again` makes every file anew."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drumjax import checkpoint
from drumjax.cli import VERBS, sound_again
from drumjax.cli import sound as cli_sound
from drumjax.cli.again import WAYS
from drumjax.instruments import loading
from drumjax.instruments import sound as instrument_module
from drumjax.patterns import TR808, read_windows
from drumjax.provenance import read_provenance
from drumjax.signal.audio_file import write_audio
from drumjax.synth.kits import load_kit

SHA = "ab" * 32


@pytest.fixture
def packed(untrained_sounds: Path) -> list[str]:
    """`--model` and the untrained one."""
    return ["--model", str(untrained_sounds / "packed")]


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """Sound files to name: `snare.wav`, `tone.flac` of no drum's name; and what cannot be used."""
    t = np.arange(6_000) / 22_050
    tone = 0.5 * np.sin(2 * np.pi * 700 * t) * np.exp(-25 * t)
    soundfile.write(tmp_path / "snare.wav", tone, 22_050)
    soundfile.write(tmp_path / "tone.flac", np.repeat(tone[:, None], 2, 1), 44_100)
    soundfile.write(tmp_path / "dull.wav", np.tile(tone, 2), 8_000)
    soundfile.write(tmp_path / "silence.wav", np.zeros(5_000), 22_050)
    soundfile.write(tmp_path / "long.wav", np.tile(tone, 800), 8_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "snare.wav").read_bytes()[:5_000])
    (tmp_path / "text.wav").write_text("no sound at all")
    return tmp_path


def assert_same(command, path: Path | str, *words: str) -> None:
    called = command("again", path, *words)
    assert (called.code, called.out.splitlines()[-1:]) == (0, [f"the same bytes as {path}"]), called
    written = Path(path).with_name(f"{Path(path).stem}.again{Path(path).suffix}")
    assert written.read_bytes() == Path(path).read_bytes()
    written.unlink()


def assert_refused(called, *said: str) -> None:
    assert (called.code, called.err.count("\n")) == (2, 1), called
    for words in said:
        assert words in called.err, called.err


# What is written


def test_several_sounds_go_into_a_folder_and_one_into_a_file(command, packed, tones) -> None:
    called = command("sound", "sample", "--class", "bd", "-n", "11", "--seed", "4", "-o", "kicks", "--plot", "p.png", *packed)
    assert called.code == 0
    assert sorted(path.name for path in Path("kicks").iterdir()) == [f"kick_{i:02}.wav" for i in range(1, 12)]
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert command("sound", "sample", "--class", "kick", "--seed", "4", "-o", "one.flac", "--silence-db", "-200", *packed).code == 0
    first, one = soundfile.read("kicks/kick_01.wav")[0], soundfile.read("one.flac")[0]
    np.testing.assert_array_equal(one[: len(first) - 70], first[:-70])  # what is cut earlier is faded there
    assert read_provenance("one.flac")["parameters"] == {"label": "kick", "n": 1, "silence_db": -200.0}
    assert command("sound", "sample", "--mix", "kick=.7,oh=.3", "-n", "2", *packed).out.splitlines() == [
        "wrote sample/kick-hihat_open_1.wav",
        "wrote sample/kick-hihat_open_2.wav",
    ]
    assert command("sound", "sample", "-n", "2", "-o", "turns/", *packed).code == 0
    assert sorted(os.listdir("turns")) == ["kick_1.wav", "snare_2.wav"]
    assert command("sound", "at", "0", "-1.5", ".2", "--class", "oh", *packed).out == "wrote at.wav\n"
    assert command("sound", "at", "0", "0", "0", "--class", "oh", "--plot", "at.svg", *packed).out == "wrote at.svg\n"


def test_python_and_the_command_write_the_same_bytes(command, packed, tones, sounds) -> None:
    assert command("sound", "vary", "snare.wav", "-n", "2", "--seed", "3", "-o", "v", *packed).code == 0
    made = sounds.vary("snare.wav", 0.3, 2, 3)[1].cropped(silence_db=-60)
    dataclasses.replace(made, provenance=read_provenance("v/snare_2.wav")).save("python.wav")
    assert Path("python.wav").read_bytes() == Path("v/snare_2.wav").read_bytes()


def test_sounds_are_cropped_as_asked(command, packed, tones, sounds) -> None:
    words = ["sound", "sample", "--class", "kick", "-o", "c.wav", "--start-s", ".01", "--end-s", ".06", "--silence-db", "-200"]
    assert command(*words, *packed).code == 0
    audio, rate = soundfile.read("c.wav")
    whole = sounds.sample("kick")[0].audio
    assert len(audio) <= round(0.05 * rate) + 1
    np.testing.assert_allclose(audio[20:500], whole[round(0.01 * rate) :][20:500], atol=1e-4)
    assert_refused(command(*words[:-4], "--end-s", ".001", *packed), "expected a part of the 0.174 s; found 0.01 to 0.001 s")
    assert_refused(command(*words[:-2], "--silence-db", "3", *packed), "silence from -200 to below 0 dB; found 3")


def test_what_a_sound_is_read_as_is_said(command, packed, tones) -> None:
    called = command("sound", "encode", "snare.wav", *packed)
    assert called.out.startswith(
        "snare.wav: read as snare, as its name says\nsnare.wav: 0.3 s long; the model hears the first 0.17 s\n"
    )
    assert re.search(r"^snare.wav: P1 -?\d+\.\d\d, P2 -?\d+\.\d\d, P3 -?\d+\.\d\d$", called.out, re.M)
    assert "read as kick, as it is told" in command("sound", "encode", "tone.flac", "--class", "bd", *packed).out
    assert "as which the model reconstructs it best; --class names another" in command("sound", "encode", "tone.flac", *packed).out
    assert "dull.wav: 8,000 Hz hold nothing above 4,000 Hz, and the model hears up to 11,025" in (
        command("sound", "vary", "dull.wav", "--class", "kick", *packed).out
    )
    code = json.loads(Path("encode.json").read_text())
    assert (code["class_chosen_by"], len(code["code"]), code["name"]) == ("sound", 6, "tone")
    assert command("sound", "encode", "snare.wav", "-o", "s.json", "--plot", "s.png", *packed).code == 0
    assert "read as" not in command("sound", "vary", "s.json", *packed).out


# What is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sample --class glockenspiel", "expected a class of kick, snare, hihat_open, hihat_closed; found 'glockenspiel'"),
        ("sample --class hihat_opn", "did you mean 'hihat_open' or 'hihat_closed'?"),
        ("sample --class cowbell", "a class that the model was trained on (kick, snare"),
        ("sample --class kick --mix snare=1", "expected a class or a mix; found both"),
        ("sample --mix kick=.7,snare", "classes and weights such as kick=0.7,snare=0.3; found 'snare'"),
        ("sample --class kick -n 0", "-n: expected 1 to 1,024 sounds; found 0"),
        ("sample --class kick -n 1025", "found 1025"),
        ("sample --class kick --seed -1", "--seed: expected a whole number"),
        ("sample --class kick -n 2 -o a.wav", "a.wav: expected one sound for one file; found 2 sounds; name a folder"),
        ("sample --class kick -o a.mp3", "a sound file that ends in .wav, .flac"),
        ("sample --class kick -o no/a.wav", "no folder no"),
        ("sample --class kick --plot a.gif", "a picture that ends in"),
        ("at 0 0 0", "expected a class or --mix; found none; name one of kick"),
        ("at 99 0 0 --class kick", "within ±16 standard deviations"),
        ("at nan 0 0 --class kick", "found nan, 0, 0 times 1"),
        ("encode no.wav", "no.wav: expected a sound file"),
        ("encode silence.wav", "silence.wav: expected a sound above −80 dBFS; found silence"),
        ("encode long.wav", "long.wav: expected at most 30 s of sound; found 600.0 s"),
        ("encode cut.wav", "cut.wav: expected 12,000 bytes of sound, as the header says; found"),
        ("encode text.wav", "text.wav: expected a sound file (WAV, FLAC, AIFF, OGG, MP3)"),
        ("encode snare.wav -o s.wav", "a code file that ends in .json"),
        ("vary silence.wav", "found silence"),
        ("vary long.wav", "at most 30 s"),
        ("vary cut.wav", "the file is cut off"),
        ("vary snare.wav --distance 2", "distance: expected a number from 0 to 1; found 2.0"),
        ("vary snare.wav -o snare.wav", "a name of its own for what is written; found a file that goes in"),
        ("vary snare.wav -o .", "a name of its own for what is written; found a file that goes in"),
        ("morph snare.wav tone.flac -n 1", "-n: expected 2 to 1,024 sounds; found 1"),
        ("morph snare.wav no.flac", "no.flac: expected a sound file"),
        ("humanize snare.wav --variation -1", "variation: expected a number from 0 to 1"),
        ("kit --takes 9", "takes: expected 1 to 8 takes; found 9"),
        ("kit --drum-map tr909", "a built-in drum map"),
        ("kit -o kit.wav", "a folder for a kit; found a file's name"),
    ],
)
def test_bad_calls_are_refused_in_a_line_and_write_nothing(command, packed, tones, words, said) -> None:
    before = sorted(tones.rglob("*"))
    assert_refused(command("sound", *words.split(), *packed), said)
    assert sorted(tones.rglob("*")) == before


def test_a_vocoder_has_to_hear_the_models_spectrograms(command, untrained_sounds, tones) -> None:
    alone, other = untrained_sounds / "cwae", untrained_sounds / "other"
    call = ["sound", "sample", "--class", "kick", "-o", "k.wav", "--model", alone]
    assert_refused(
        command(*call, "--vocoder", other), "a vocoder of the model's spectrograms (fft_samples 256); found fft_samples 512"
    )
    assert_refused(command(*call, "--vocoder", "nowhere"), "nowhere: expected a shipped model's name or a model's folder")
    assert_refused(command("sound", "sample", "--model", "pattern-vae"), "expected a model of sounds; found a model of patterns")
    assert_refused(command("pattern", "sample", "--model", untrained_sounds / "packed"), "expected a model of patterns")
    assert not Path("k.wav").exists()


def test_a_sheet_that_does_not_show_all_sounds_says_so(command, packed, tones, monkeypatch) -> None:
    monkeypatch.setattr(cli_sound, "MOST_PICTURED", 2)
    assert command("sound", "sample", "-n", "3", "--plot", "s.png", *packed).out.splitlines()[-1] == "s.png: shows the first 2 of 3"
    assert "shows" not in command("sound", "sample", "-n", "2", "--plot", "s.png", *packed).out


def test_a_model_is_not_written_over(command, untrained_sounds, tones) -> None:
    shutil.copytree(untrained_sounds / "packed", "m")
    soundfile.write("m/a.wav", np.ones(9), 8_000)
    assert_refused(command("sound", "sample", "--class", "kick", "-o", "m/a.wav", "--model", "m"), "found a file of the model")


# Kits


def test_a_kit_is_read_lane_by_lane_and_take_by_take(command, packed, tones, sounds) -> None:
    called = command("sound", "kit", "--seed", "3", "--takes", "3", "-o", "kit", "--plot", "k.png", *packed)
    assert called.out.splitlines() == [
        "kit: BD kick, SD snare, CH hihat_closed, OH hihat_open, RS snare",
        "kit: no class of the model comes near CB",
        "wrote kit",
        "wrote k.png",
    ]
    loaded, report = load_kit("kit", TR808, 22_050, takes=8)
    assert report.sources == {lane: f"{lane}/1.wav" for lane in ("BD", "SD", "CH", "OH", "RS")} | {"CB": None}
    assert report.takes == {lane: (f"{lane}/2.wav", f"{lane}/3.wav") for lane in ("BD", "SD", "CH", "OH", "RS")}
    assert not report.refused
    made = sounds.kit(3, takes=3)
    for lane in ("BD", "SD", "CH", "OH", "RS"):
        for heard, sound in zip(loaded.sounds(lane), made.made[lane], strict=True):
            saved = sound.cropped(silence_db=-60).audio
            start = int(np.argmax(np.abs(saved) > 1e-3 * np.abs(saved).max()))
            np.testing.assert_allclose(heard[200:], saved[max(start - 11, 0) :][200 : len(heard)], atol=2e-4)
    # What is made again beside a take is no further take, neither for what plays the kit nor for what writes it anew.
    assert command("again", "kit/BD/2.wav").code == 0
    assert Path("kit/BD/2.again.wav").is_file()
    assert load_kit("kit", TR808, 22_050, takes=8)[1].takes == report.takes
    assert command("sound", "kit", "--seed", "4", "--takes", "3", "-o", "kit", *packed).code == 0
    # Of a kit with one take the files stand side by side; a second kit does not mix with the first.
    assert_refused(command("sound", "kit", "--takes", "1", "-o", "kit", *packed), "a folder without other sounds")
    assert command("sound", "kit", "--takes", "1", "-o", "flat", "--drum-map", "pocket", *packed).code == 0
    assert sorted(os.listdir("flat")) == [
        f"{lane}.wav" for lane in sorted(["kick", "snare", "closed_hat", "open_hat", "tom", "ride", "crash"])
    ]
    assert command("sound", "kit", "--takes", "1", "-o", "flat", "--drum-map", "pocket", "--seed", "9", *packed).code == 0


def test_patterns_are_played_with_a_kit_on_the_grid(command, packed, files) -> None:
    """From the model to the rendering: every hit begins where the grid says, and goes round the takes."""
    assert command("sound", "kit", "--seed", "3", "--takes", "2", "-o", "kit", *packed).code == 0
    words = ["pattern", "humanize", "a.mid", "--humanize-velocity", "0", "--humanize-timing-ms", "0", "--humanize-takes", "2"]
    called = command(*words, "--kit", "kit", "--wav", "a.wav", "-o", "h.mid")
    assert called.code == 0
    assert "kit: BD goes round 1 more: BD/2.wav" in called.out
    audio, rate = soundfile.read("a.wav")
    (pattern,) = read_windows("a.mid")
    loaded, _ = load_kit("kit", pattern.drum_map, rate, takes=2)
    onsets = [(step, lane) for step, lane in zip(*np.nonzero(pattern.hits), strict=True)]
    expected = np.zeros(len(audio))
    counts = dict.fromkeys(range(pattern.lanes), 0)
    for step, lane in onsets:
        heard = loaded.sounds(pattern.drum_map.lanes[lane])
        sound = heard[counts[lane] % len(heard)]
        counts[lane] += 1
        begin = round(step * 60 / 125 / 4 * rate)
        kept = min(len(sound), len(audio) - begin)
        expected[begin : begin + kept] += float(pattern.velocity[step, lane]) ** 2 * sound[:kept]
    gain = np.dot(audio, expected) / np.dot(expected, expected)
    np.testing.assert_allclose(audio, gain * expected, atol=2e-3)
    assert_same(command, "a.wav")
    shutil.move("kit", "moved")
    assert_same(command, "a.wav", "--input", "moved")


# Once more


CALLS = [
    ("sample --class bd -n 3 --seed 7", "sample/kick_2.wav"),
    ("sample -n 3", "sample/hihat_open_3.wav"),
    ("sample --mix kick=.7,snare=.2 --end-s .1 -o x.flac", "x.flac"),
    ("sample --class sd --vocoder griffin-lim --start-s .01 --silence-db -30 -o x.wav", "x.wav"),
    ("at -0.5 1 .25 --reach 1.5 --class sd --seed 3", "at.wav"),
    ("at 0 0 0 --mix oh=1,ch=2", "at.wav"),
    ("encode snare.wav --class bd", "encode.json"),
    ("encode tone.flac --seed 4294967295", "encode.json"),
    ("encode tone.flac --mix kick=1,snare=2 -o c.json", "c.json"),
    ("vary snare.wav --distance .4 -n 2 --seed 1", "vary/snare_2.wav"),
    ("vary tone.flac --class oh --distance 0", "vary.wav"),
    ("morph snare.wav tone.flac -n 3 --path lerp --seed 2", "morph/morph_2.wav"),
    ("morph tone.flac snare.wav --class kick", "morph/morph_5.wav"),
    ("humanize tone.flac -n 3 --variation .3 --seed 8 --class bd", "humanize/tone_3.wav"),
    ("kit --seed 5 --takes 2 --variation .2", "kit/SD/2.wav"),
    ("kit --takes 1 --drum-map pocket --silence-db -40", "kit/tom.wav"),
]
PLACES = {"model", "output", "plot", "drum_map"}


@pytest.mark.parametrize(("words", "path"), CALLS, ids=[words for words, _ in CALLS])
def test_every_kind_of_file_is_made_again(command, packed, tones, words, path) -> None:
    called = command("sound", *words.split(), *packed)
    assert called.code == 0, called.err
    assert_same(command, path)


def test_the_calls_name_every_option_that_a_file_can_depend_on() -> None:
    for verb in ("sample", "at", "encode", "vary", "morph", "humanize", "kit"):
        module, function = VERBS[f"sound {verb}"].where.split(":")
        call = getattr(importlib.import_module(module), verb.capitalize())
        assert callable(getattr(importlib.import_module(module), function))
        shown = " ".join(words for words, _ in CALLS if words.split()[0] == verb) + " "
        everywhere = " ".join(words for words, _ in CALLS)
        for field in dataclasses.fields(call):
            if field.name in {*PLACES, "sound", "start", "goal", "p1", "p2", "p3"}:
                continue
            option = {"n": "-n ", "label": "--class "}.get(field.name, f"--{field.name.replace('_', '-')} ")
            common = field.name in {"vocoder", "start_s", "end_s", "silence_db", "mix"}
            assert option in (everywhere if common else shown), (verb, field.name)


def test_codes_are_inputs_like_sounds_and_may_move(command, packed, tones) -> None:
    assert command("sound", "encode", "snare.wav", "-o", "s.json", *packed).code == 0
    assert command("sound", "morph", "s.json", "tone.flac", "-n", "2", "-o", "m", "--class", "snare", *packed).code == 0
    assert_same(command, "m/morph_1.wav")
    shutil.move("s.json", "elsewhere.json")
    assert_refused(command("again", "m/morph_1.wav"), "the input 's.json' with SHA-256", "name the file or folder")
    assert_same(command, "m/morph_1.wav", "--input", "elsewhere.json")
    shutil.move("snare.wav", "other.wav")
    shutil.move("elsewhere.json", "s.json")
    assert_same(command, "s.json", "--input", "other.wav")


def test_a_vocoder_beside_the_model_is_an_input_that_may_move(command, untrained_sounds, tones, monkeypatch) -> None:
    for name in ("cwae", "mcnn"):
        shutil.copytree(untrained_sounds / name, name)
    assert command("sound sample --class kick -n 2 -o k/ --model cwae --vocoder mcnn").code == 0
    assert_same(command, "k/kick_2.wav")
    shutil.move("mcnn", "vocoder")
    assert_refused(command("again", "k/kick_2.wav"), "the input 'mcnn' with SHA-256")
    assert_same(command, "k/kick_2.wav", "--input", "vocoder")
    shutil.move("cwae", "autoencoder")
    assert_refused(command("again", "k/kick_2.wav", "--input", "vocoder"), "the model 'cwae' with SHA-256", "--model")
    assert_same(command, "k/kick_2.wav", "--input", "vocoder", "--model", "autoencoder")
    # A shipped one is found wherever it is installed.
    monkeypatch.setattr(loading, "shipped_models", lambda: {"drums": untrained_sounds / "packed"})
    assert command("sound sample --class kick -o s.wav --model autoencoder").code == 0
    assert read_provenance("s.wav")["inputs"][0]["path"] == "drums"
    assert_same(command, "s.wav")
    assert command("sound sample --class kick -o t.wav --model drums").code == 0
    assert_same(command, "t.wav")


def test_a_packed_model_is_known_by_both_its_members(command, untrained_sounds, tones) -> None:
    shutil.copytree(untrained_sounds / "packed", "m")
    assert command("sound sample --class kick -o k.wav --model m").code == 0
    shutil.move("m", "n")
    assert_refused(command("again", "k.wav"), "the model 'm' with SHA-256")
    assert_same(command, "k.wav", "--model", "n")
    members = {
        "model": checkpoint.Member(untrained_sounds / "cwae" / "checkpoints" / "1"),
        "vocoder": checkpoint.Member("n/vocoder"),
    }
    checkpoint.export_members(members, "other", name="other", kind="sounds")
    assert_refused(command("again", "k.wav", "--model", "other"), "the model 'm' with SHA-256", "other with SHA-256")


def record_of(tones: Path, command, packed, words: str, path: str) -> dict:
    assert command("sound", *words.split(), *packed).code == 0
    return read_provenance(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 10**9}, "1 to 1,024 sounds as 'n' in its provenance"),
        ({"n": 0}, "a part from 1 to 0"),
        ({"n": 2.5}, "n: "),
        ({"part": 3}, "a part from 1 to 2"),
        ({"part": [1, 2]}, "a part from 1 to 2"),
        ({"part": None}, "a part from 1 to 2"),
        ({"part": True}, "a part from 1 to 2"),
        ({"label": "tuba"}, "hihat_closed as 'class' in its provenance; found 'tuba'"),
        ({"label": {"kick": -1}}, "weights of at least 0 as 'mix' in its provenance"),
        ({"label": 7}, "label"),
        ({"distance": 2.0}, "a number from 0 to 1 as 'distance' in its provenance"),
        ({"distance": "far"}, "distance"),
        ({"vocoder": "/etc/passwd"}, "vocoder"),
        ({"start_s": -1.0}, "as 'crop' in its provenance"),
        ({"end_s": 1e300, "start_s": 1e299}, "as 'crop' in its provenance"),
        ({"silence_db": 5.0}, "as 'crop' in its provenance"),
        ({"output": "/etc/passwd"}, "parameters of 'sound vary'"),
        ({"model": "x"}, "parameters of 'sound vary'"),
        ({"source": "/etc/passwd"}, "parameters of 'sound vary'"),
    ],
)
def test_a_record_that_nobody_wrote_honestly_is_refused_in_a_line(command, packed, tones, changes, said) -> None:
    record = record_of(tones, command, packed, "vary snare.wav -n 2 -o v", "v/snare_1.wav")
    record = {**record, "parameters": {**record["parameters"], **changes}}
    write_audio("x.wav", np.zeros(99), 22_050, record)
    before = sorted(tones.rglob("*"))
    assert_refused(command("again", "x.wav"), "x.wav: ", said)
    assert sorted(tones.rglob("*")) == before


def test_records_of_other_shapes_are_refused(command, packed, tones) -> None:
    record = record_of(tones, command, packed, "vary snare.wav -n 2 -o v", "v/snare_1.wav")
    for changed, said in (
        ({"inputs": []}, "1 inputs of 'sound vary' in its provenance, and a vocoder; found 0"),
        ({"inputs": record["inputs"] * 3}, "found 3"),
        ({"inputs": [*record["inputs"], {"path": "/etc", "sha256": SHA}]}, "the input '/etc'"),
        ({"inputs": [{"name": "x", "sha256": SHA}]}, "made in Python and never written"),
        ({"inputs": [{"path": "snare.wav", "sha256": SHA}]}, "the input 'snare.wav'"),
        ({"model": None}, "a model in its provenance"),
        ({"verb": "sound encode"}, "parameter"),
    ):
        write_audio("x.wav", np.zeros(99), 22_050, {**record, **changed})
        assert_refused(command("again", "x.wav"), said)
    code = record_of(tones, command, packed, "encode snare.wav", "encode.json")
    write_audio("x.wav", np.zeros(99), 22_050, code)
    assert_refused(command("again", "x.wav"), "a code file, as 'sound encode' writes; found another file")


def test_every_verb_that_records_itself_has_a_way_and_every_way_is_there() -> None:
    source = Path(instrument_module.__file__).read_text()
    recorded = {f"sound {verb}" for verb in re.findall(r'self\._provenance\(\s*"(\w+)"', source)}
    assert len(recorded) == 7
    assert recorded <= WAYS.keys()
    assert {f"drumjax.cli.sound_again:{name}" for name in dir(sound_again) if name.endswith("_again")} <= set(WAYS.values())
