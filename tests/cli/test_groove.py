"""`drumjax groove`: files, options and refusals; and that `drumjax again` makes every file anew."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from drumjax.cli import demo
from drumjax.instruments import loading
from drumjax.patterns import GM, POCKET, read_midi_pattern, read_windows
from drumjax.provenance import read_provenance


@pytest.fixture
def beats(midi, untrained_grooves: Path, tmp_path: Path) -> list[str]:
    """`--model` and the untrained one; `beat.mid` and `played.mid` of four bars in the test's folder, and what cannot be used."""
    kicks = {(step, "BD"): 110 for step in range(0, 64, 8)} | {(step, "SD"): 100 for step in range(4, 64, 8)}
    midi("beat.mid", kicks, tempo_bpm=96.0)
    rng = np.random.default_rng(1)
    midi("played.mid", kicks | {(step, "CH"): int(rng.integers(30, 120)) for step in range(0, 64, 2)})
    midi("channel.mid", kicks, channel=3)
    midi("waltz.mid", {(0, "BD"): 100}, steps=48, metre=(3, 4))
    midi("one.mid", {(5, "OH"): 90}, steps=16)
    midi("bells.mid", {(step, 80): 90 for step in range(0, 64, 4)})
    midi("endless.mid", {(0, "BD"): 100, (159_999, "SD"): 100}, steps=160_000)
    return ["--model", str(untrained_grooves)]


def assert_same(command, path: Path | str) -> None:
    called = command("again", path)
    assert (called.code, called.out.splitlines()[-1:]) == (0, [f"the same bytes as {path}"]), called
    Path(path).with_name(f"{Path(path).stem}.again{Path(path).suffix}").unlink()


def test_every_verb_writes_what_again_makes_once_more(command, beats) -> None:
    calls = {
        "apply beat.mid --genre funk --keep-notes --amount-timing .5 --seed 3 --feel laid_back --accents 93": "apply",
        "transfer played.mid beat.mid#1 --amount-notes .7 --notes drawn --seed 2": "transfer",
        "humanize channel.mid --channel 4 --tempo-bpm 140 --temperature .5 --genre rock=.25,jazz=.75": "humanize",
        "apply embedded:techno#3": "techno",
        "transfer embedded:funk#2 embedded:jazz": "embedded",
        "generate --bars 3 --seed 9 --genre jazz": "generate",
    }
    for words, name in calls.items():
        called = command("groove", *words.split(), "-o", f"{name}.mid", *beats)
        assert (called.code, called.out) == (0, f"wrote {name}.mid\n"), called
        assert_same(command, f"{name}.mid")
    assert read_provenance("humanize.mid")["parameters"] == {
        "amount_velocity": 1.0, "amount_timing": 1.0, "temperature": 0.5, "genre": "rock=0.25,jazz=0.75", "drum_map": "gm",
        "steps": 64, "tempo_bpm": 140.0, "takes": 4,
    }  # fmt: skip
    pattern, _ = read_midi_pattern("apply.mid", drum_map=POCKET)
    assert (pattern.steps, pattern.tempo_bpm) == (64, 96.0)
    own, _ = read_midi_pattern("beat.mid", drum_map=POCKET)
    assert pattern.hits[own.hits].all()
    kept, _ = read_midi_pattern("humanize.mid", drum_map=GM)
    own, _ = read_midi_pattern("channel.mid", drum_map=GM, channel=4)
    np.testing.assert_array_equal(kept.hits, own.hits)
    changed = Path("beat.mid").read_bytes().replace(b"\x6e", b"\x6d")
    Path("beat.mid").write_bytes(changed)
    called = command("again", "apply.mid")
    assert (called.code, "expected the input 'beat.mid' with SHA-256" in called.err) == (2, True)


def test_notes_that_the_model_does_not_know_are_told_of_or_kept(command, beats, midi) -> None:
    notes = {(0, "BD"): 110, (4, "SD"): 100, (5, 54): 80, (6, 50): 90, (7, 41): 90}
    midi("full.mid", notes, steps=16)
    midi("roland.mid", notes | {(2, 22): 90}, steps=16)
    called = command("groove", "apply", "full.mid", "-o", "a.mid", *beats)
    assert (called.code, called.err) == (0, "full.mid: 1 notes outside the drum map, by pitch: 54 (1)\n")
    assert command("again", "a.mid").err == ""
    called = command("groove", "humanize", "full.mid", "-o", "h.mid", "--plot", "h.png", *beats)
    assert (called.code, called.err) == (0, "")
    one, other = (read_midi_pattern(name, drum_map=GM)[0].hits for name in ("full.mid", "h.mid"))
    np.testing.assert_array_equal(one, other)
    assert_same(command, "h.mid")
    # An electronic drum's hat has a key that is none of General MIDI's, and is heard.
    called = command("groove", "humanize", "roland.mid", "-o", "r.mid", *beats)
    assert (called.code, "54 (1)" in called.err) == (0, True)
    assert read_midi_pattern("r.mid", drum_map=POCKET)[0].hits[2, 2]
    assert_same(command, "r.mid")


def test_several_grooves_go_into_a_folder_with_sound_and_picture(command, beats) -> None:
    words = ["groove", "generate", "-n", "3", "--bars", "2", "--seed", "4", "--takes", "2", "--tempo-bpm", "200"]
    called = command(*words, "-o", "all", "--wav", "all.wav", "--plot", "all.png", *beats)
    assert called.out.split() == [
        word for name in ("all/1.mid", "all/2.mid", "all/3.mid", "all.wav", "all.png") for word in ("wrote", name)
    ]
    assert_same(command, "all/2.mid")
    assert_same(command, "all.wav")
    assert read_provenance("all/2.mid")["parameters"]["part"] == 2
    assert "part" not in read_provenance("all.wav")["parameters"]
    assert Path("all.png").read_bytes().startswith(b"\x89PNG")


def test_python_and_the_command_write_the_same_bytes(command, beats, grooves) -> None:
    assert command("groove", "apply", "beat.mid", "--seed", "3", "--takes", "1", "-o", "a.mid", *beats).code == 0
    (window,) = read_windows("beat.mid", drum_map=POCKET)
    named = dataclasses.replace(grooves, name=beats[1])
    made = named.groove(window, seed=3)
    made.save("python.mid")
    assert_same(command, "python.mid")
    parameters = {**made.provenance["parameters"], "takes": 1}
    dataclasses.replace(made, provenance={**made.provenance, "parameters": parameters}).save("python.mid")
    assert Path("python.mid").read_bytes() == Path("a.mid").read_bytes()
    made = named.transfer(window, read_windows("played.mid", drum_map=POCKET, steps=32)[0], "jazz")
    made.save("python.mid")
    assert_same(command, "python.mid")
    assert command("groove", "transfer", "beat.mid", "played.mid#0", "--genre", "jazz", "-o", "t.mid", *beats).code == 0
    assert [entry["path"] for entry in read_provenance("t.mid")["inputs"]] == ["beat.mid", "played.mid#0"]
    assert read_midi_pattern("t.mid", drum_map=POCKET)[0].equals(read_midi_pattern("python.mid", drum_map=POCKET)[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("apply waltz.mid", "waltz.mid: expected a pattern in 4/4; found 3/4; choose one in 4/4"),
        ("humanize bells.mid", "notes of the drum map 'pocket'; found none on channel 10, which holds the pitches 80"),
        ("apply endless.mid", "at most 65,536 sixteenths of music; found more in track 1; split the song"),
        ("transfer played.mid no.mid", "no.mid: expected a pattern file"),
        ("apply beat.mid --genre polka", "a genre of rock, funk, jazz; found 'polka'"),
        ("apply beat.mid --amount-notes 1.5", "--amount-notes: expected 0 to 1; found 1.5"),
        ("apply beat.mid --temperature nan", "--temperature: expected 0 to 10; found nan"),
        ("apply beat.mid --feel sideways", "--feel: expected push, on, laid_back"),
        ("apply beat.mid --accents 1a", "--accents: expected accents: one digit"),
        ("apply beat.mid --takes 9", "--takes: expected 1 to 8; found 9"),
        ("apply beat.mid --seed -1", "--seed: expected a whole number"),
        ("apply beat.mid -o beat.mid", "beat.mid: expected a name of its own"),
        ("transfer played.mid beat.mid -o played.mid", "played.mid: expected a name of its own"),
        ("apply embedded:polka", "found 'polka'"),
        ("generate -n 0", "-n: expected 1 to 1,024 grooves; found 0"),
        ("generate --bars 5000", "--bars: expected 1 to 4,096 bars"),
        ("apply beat.mid --model pattern-gan", "a model of grooves; found a model of patterns"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(command, beats, words: str, said: str) -> None:
    called = command("groove", *words.split(), *([] if "--model" in words else beats))
    assert (called.code, called.err.count("\n")) == (2, 1), called
    assert said in called.err
    assert not list(Path().glob("*.again*")) + list(Path().glob("apply.mid"))


def test_a_single_hit_is_played_and_a_record_that_was_tampered_with_is_refused(command, beats) -> None:
    assert command("groove", "apply", "one.mid", "-o", "a.mid", *beats).code == 0
    data = Path("a.mid").read_bytes()
    for old, new, said in (
        (b'"steps":16', b'"steps":-6', "'steps' from 1 to 65,536 in its provenance"),
        (b'"amount_notes":1.0', b'"amount_notes":9.0', "0 to 1 as 'amount_notes' in its provenance"),
        (b'"drum_map":"pocket"', b'"drum_map":"pocked"', "a drum map of tr808, pocket, gm in its provenance"),
        (b'"notes":"likely"', b'"notes":"loudly"', "notes"),
        (b'"takes":4', b'"takes":0', "1 to 8 as 'takes' in its provenance"),
    ):
        assert old in data
        Path("b.mid").write_bytes(data.replace(old, new))
        called = command("again", "b.mid")
        assert (called.code, said in called.err, "Traceback" in called.err) == (2, True, False), (said, called)


def test_a_packed_model_plays_the_same(command, beats, untrained_grooves) -> None:
    figures = {
        "2-step-vq+genres+patterns note_f1": 0.5, "2-step-vq+genres+patterns note_f1 split 1": 0.4, "k-nn note_f1": 0.3,
    }  # fmt: skip
    metrics = {name: {"mean": mean} for name, mean in figures.items()}
    report = {"suite": "pocketvae", "data": "few", "split": "test", "n": 2, "metrics": metrics}
    Path("report.json").write_text(json.dumps(report))
    called = command("models", "pack", untrained_grooves, "-o", "packed", "--name", "mine", "--reports", "report.json")
    assert called.code == 0, called
    assert json.loads(Path("packed/instrument.json").read_text())["kind"] == "grooves"
    (evaluation,) = loading.model_card("packed")["evaluation"]
    assert evaluation == {"suite": "pocketvae", "data": "few", "split": "test", "n": 2, "metrics": {"note_f1": 0.5}}
    one, other = (loading.load_grooves_instrument(place).generate("funk", seed=3)[0] for place in (untrained_grooves, "packed"))
    assert one.equals(other)


def test_the_demo_plays_its_interpolation_as_a_drummer_would(command, beats, tmp_path) -> None:
    shutil.copy("played.mid", "interpolation.mid")
    (made,) = demo.grooved(tmp_path, beats[1])
    assert {f"groove.{kind}" for kind in ("mid", "wav", "png")} <= {path.name for path in tmp_path.iterdir()} & set(demo.WRITTEN)
    assert read_midi_pattern(tmp_path / "groove.mid", drum_map=POCKET)[0].steps == made.steps == 64
    assert_same(command, tmp_path / "groove.mid")
