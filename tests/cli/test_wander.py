"""The autonomous drummer and humanising, from the command line to MIDI, sound and picture."""

from __future__ import annotations

import typing
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import mido
import numpy as np
import pytest
import soundfile

import drumjax
from drumjax.cli.pattern import Wander
from drumjax.patterns import read_midi_pattern, read_windows, wandering
from drumjax.patterns.humanize import humanize
from drumjax.provenance import read_provenance

RATE = 44_100


@pytest.fixture
def gan(untrained_gan: Path) -> list[str]:
    """`--model` and a GAN."""
    return ["--model", str(untrained_gan)]


def notes(path: str) -> list[tuple[float, int, int]]:
    """Time in seconds, pitch and velocity of each note, by mido's own clock."""
    now, found = 0.0, []
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity:
            found.append((now, message.note, message.velocity))
    return found


@pytest.mark.smoke
def test_a_performance_has_its_measures_sound_and_picture(command, gan, untrained_gan) -> None:
    called = command("pattern", "wander", "--measures", 4, "-o", "o.mid", "--wav", "o.wav", "--plot", "o.png", *gan)
    assert (called.code, called.out) == (0, "wrote o.mid\nwrote o.wav\nwrote o.png\n")
    measures = 4 * 64 * 15 / 129
    assert mido.MidiFile("o.mid").length == pytest.approx(measures, abs=0.01)
    sound, rate = soundfile.read("o.wav")
    assert rate == RATE
    assert len(sound) == round(measures * RATE) + RATE
    assert 0.1 < np.abs(sound).max() < 0.9
    expected = drumjax.load(untrained_gan).wander(4)
    for pattern, read in zip(expected, read_windows("o.mid"), strict=True):
        np.testing.assert_array_equal(pattern.hits, read.hits)
    assert read_provenance("o.mid")["parameters"] == {"measures": 4, "path": "swirl", "turn": 128.0, "tempo_bpm": 129.0}
    assert read_provenance("o.wav") == read_provenance("o.mid")
    assert np.std(matplotlib.image.imread("o.png")) > 0.05


def test_without_options_it_is_the_128_measures_of_the_swirl(command, gan) -> None:
    assert command("pattern", "wander", *gan).out == "wrote wander.mid\n"
    assert read_provenance("wander.mid")["parameters"]["measures"] == 128
    assert Wander().model == "pattern-gan"


def test_the_paths_of_the_command_are_those_of_the_library() -> None:
    assert typing.get_args(typing.get_type_hints(Wander)["path"]) == wandering.PATHS


def test_a_longer_performance_begins_as_a_shorter_one(command, gan) -> None:
    for measures in (3, 7):
        assert command("pattern", "wander", "--measures", measures, "--path", "walk", "-o", f"{measures}/", *gan).code == 0
    for k in (1, 2, 3):
        assert notes(f"3/{k}.mid") == notes(f"7/{k}.mid")


def test_a_vae_wanders_too_and_its_picture_names_the_plane(command, model) -> None:
    called = command("pattern", "wander", "--measures", 2, "--path", "circle", "-o", "o.mid", "--plot", "o.svg", *model)
    assert called.code == 0
    assert len(read_windows("o.mid")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("wander --path walk --turn 8", "--turn: expected no turn for the walk, which never comes back; found 8 measures;"),
        ("wander --turn 1", "--turn: expected a turn of 2 to 65,536 measures; found 1;"),
        ("wander --measures 0", "--measures: expected 1 to 1024 measures; found 0;"),
        ("wander --measures 2000", "--measures: expected 1 to 1024 measures; found 2000;"),
        ("wander --no-humanize --humanize-takes 2", "--no-humanize: expected nothing to be humanised; found one of the options"),
        ("wander --seed -3", "expected a whole number from 0 to 4294967295; found -3;"),
        ("interpolate a.mid b.mid", "expected a model with an encoder, to interpolate between patterns; found a pattern GAN"),
        ("wander --humanize-velocity 0.5", "--humanize-velocity: expected 0 to 0.25; found 0.5;"),
        ("wander --humanize-timing-ms nan", "--humanize-timing-ms: expected 0 to 50.0; found nan;"),
        ("wander --humanize-takes 9", "--humanize-takes: expected 1 to 8; found 9;"),
        ("wander --humanize --humanize-seed -1", "--humanize-seed: expected 0 to 4,294,967,295; found -1;"),
    ],
)
def test_what_cannot_be_played_is_said_in_a_line_and_nothing_is_written(command, files, gan, words, said) -> None:
    called = command("pattern", *words.split(), "-o", "o.mid", *gan)
    assert (called.code, called.out) == (2, "")
    assert said in called.err
    assert called.err.count("\n") == 1
    assert not Path("o.mid").exists()


@pytest.mark.parametrize("words", ["--turn 1", "--measures 0", "--path walk --turn 3", "--humanize-takes 0"])
def test_numbers_are_refused_before_a_model_is_looked_for(command, words) -> None:
    called = command("pattern", "wander", *words.split(), "--model", "nowhere")
    assert called.err.startswith(f"drumjax: {words.split()[-2]}: expected")


def test_what_is_not_to_be_humanised_is_not(command, gan) -> None:
    for name, word in (("no", ["--no-humanize"]), ("plain", []), ("yes", ["--humanize"])):
        assert command("pattern", "sample", *word, "-o", f"{name}.mid", *gan).code == 0
    assert Path("no.mid").read_bytes() == Path("plain.mid").read_bytes() != Path("yes.mid").read_bytes()


@pytest.mark.parametrize("verb", ["interpolate", "crossfade"])
@pytest.mark.parametrize("humanized", [True, False])
def test_both_ways_of_a_picture_are_played_alike(command, files, model, monkeypatch, verb, humanized) -> None:
    drawn: list[list] = []
    draw = drumjax.plots.interpolation_beside_crossfade
    monkeypatch.setattr(drumjax.plots, "interpolation_beside_crossfade", lambda *both: drawn.extend(both) or draw(*both))
    words = ["pattern", verb, "a.mid", "b.mid", "--measures", 2, "--plot", "o.png", *model]
    assert command(*words, *(["--humanize"] if humanized else [])).code == 0
    assert len(drawn) == 2
    for patterns in drawn:
        assert [bool(pattern.offset.any()) for pattern in patterns] == [humanized] * 2


def test_a_gan_s_crossfade_is_drawn_without_an_interpolation(command, files, gan) -> None:
    called = command("pattern", "crossfade", "a.mid", "b.mid", "--measures", 3, "-o", "o.mid", "--plot", "o.png", *gan)
    assert (called.code, called.out) == (0, "wrote o.mid\nwrote o.png\n")


# Humanising


def test_nothing_is_humanised_unless_asked_for(command, gan) -> None:
    assert command("pattern", "sample", "-o", "o.mid", "--wav", "o.wav", *gan).code == 0
    steps = np.array([time for time, _, _ in notes("o.mid")]) / (15 / 129)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert not any(name.startswith("humanize") for name in read_provenance("o.wav")["parameters"])


@pytest.mark.parametrize("words", ["interpolate a.mid b.mid", "crossfade a.mid b.mid", "sample", "wander"])
def test_every_verb_humanises_its_patterns_and_says_how(command, files, model, words) -> None:
    plain, human = ([*words.split(), "--measures", 2, *model, "-o", name] for name in ("plain.mid", "human.mid"))
    assert command("pattern", *plain).code == 0
    assert command("pattern", *human, "--humanize", "--humanize-timing-ms", 8).code == 0
    before, after = (read_windows(name) for name in ("plain.mid", "human.mid"))
    late = []
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.hits, other.hits)
        late.append(1000 * (other.onsets_s() - one.onsets_s())[one.hits])
        assert 0.02 < np.std((other.velocity - one.velocity)[one.hits] / one.velocity[one.hits]) < 0.16
    assert 4 < np.std(np.concatenate(late)) < 12
    parameters = read_provenance("human.mid")["parameters"]
    settings = {name.removeprefix("humanize_"): value for name, value in parameters.items() if name.startswith("humanize_")}
    assert settings == {"seed": 0, "velocity": 0.08, "timing_ms": 8.0, "takes": 4}


def test_the_seed_of_the_errors_is_that_of_the_call_or_its_own(command, gan) -> None:
    calls = {"a": "--seed 5 --humanize", "b": "--seed 5 --humanize-seed 5", "c": "--seed 5 --humanize-seed 6"}
    for name, options in calls.items():
        assert command("pattern", "wander", "--measures", 1, *options.split(), "-o", f"{name}.mid", *gan).code == 0
    assert notes("a.mid") == notes("b.mid") != notes("c.mid")


def test_takes_are_heard_in_turn_and_only_when_humanised(command, gan, tmp_path) -> None:
    """A kit whose takes are clicks of two heights: strokes alternate between them, with the errors themselves turned off."""
    (tmp_path / "kit").mkdir()
    for lane in ("BD", "SD", "CH", "OH", "RS", "CB"):
        for take, height in ((1, 0.05), (2, 0.1)):
            soundfile.write(
                tmp_path / "kit" / f"{lane} {take}.wav", np.repeat([0.0, height, 0.0], [40, 1, 40]), RATE, subtype="FLOAT"
            )
    energies = {}
    for name, options in {"one": [], "two": ["--humanize-takes", 2, "--humanize-velocity", 0, "--humanize-timing-ms", 0]}.items():
        words = [
            "sample",
            "--measures",
            1,
            "--seed",
            2,
            "--kit",
            "kit",
            "--wav",
            f"{name}.wav",
            "-o",
            f"{name}.mid",
            *options,
            *gan,
        ]
        called = command("pattern", *words)
        assert called.code == 0
        assert ("goes round 1 more" in called.out) == (name == "two")
        energies[name] = soundfile.read(f"{name}.wav")[0].sum()
    assert notes("one.mid") == notes("two.mid")
    by_lane: dict[int, list[float]] = {}
    for _, pitch, velocity in notes("one.mid"):
        by_lane.setdefault(pitch, []).append((velocity / 127) ** 2)
    ratio = sum(sum(gains) + sum(gains[1::2]) for gains in by_lane.values()) / sum(sum(gains) for gains in by_lane.values())
    assert energies["two"] / energies["one"] == pytest.approx(ratio, rel=0.01)


def test_a_humanised_crossfade_sounds_as_its_ends_are_played(command, files, model) -> None:
    """Its sound is the equal-power crossfade of both ends with the same errors: onsets off the grid, every measure otherwise."""
    options = ["--measures", 3, "--tempo-bpm", 120, *model]
    assert command("pattern", "crossfade", "a.mid", "a.mid", *options, "--wav", "plain.wav").code == 0
    assert command("pattern", "crossfade", "a.mid", "a.mid", *options, "--wav", "human.wav", "--humanize").code == 0
    plain, human = (soundfile.read(name)[0] for name in ("plain.wav", "human.wav"))
    assert len(plain) == len(human)
    measures = [human[first : first + 8 * RATE] for first in (0, 8 * RATE, 16 * RATE)]
    assert np.corrcoef(measures[0], measures[1])[0, 1] < 0.98
    assert np.sqrt(np.mean(human**2)) == pytest.approx(np.sqrt(np.mean(plain**2)), rel=0.15)


# A pattern of one's own


def song(midi, name: str = "song.mid") -> Path:
    """Three bars of 3/4 at 101 beats a minute, with a tom, a crash and a triangle among its drums."""
    beat = {(s, "BD"): 100 for s in range(0, 36, 6)} | {(s, "CH"): 70 for s in range(0, 36, 2)}
    return midi(name, beat | {(0, 49): 120, (11, 45): 90, (20, 81): 60}, steps=36, metre=(3, 4), tempo_bpm=101.0)


def test_a_song_keeps_every_note_its_length_tempo_and_metre(command, midi) -> None:
    song(midi)
    called = command("pattern", "humanize", "song.mid", "-o", "o.mid", "--wav", "o.wav", "--plot", "o.png", "--humanize-seed", 3)
    assert called.out.splitlines() == ["wrote o.mid", "no sound for gm81 (1 hits)", "wrote o.wav", "wrote o.png"]
    before, after = notes("song.mid"), notes("o.mid")
    by_step = [sorted((round(time / (15 / 101)), pitch) for time, pitch, _ in each) for each in (before, after)]
    assert by_step[0] == by_step[1]
    late = [time - round(time / (15 / 101)) * (15 / 101) for time, _, _ in after]
    assert 0.002 < np.std(late) < 0.011
    messages = [message for track in mido.MidiFile("o.mid").tracks for message in track]
    assert [(m.numerator, m.denominator) for m in messages if m.type == "time_signature"] == [(3, 4)]
    assert mido.MidiFile("o.mid").length == pytest.approx(36 * 15 / 101, abs=0.01)
    assert read_provenance("o.mid")["parameters"]["drum_map"] == "gm"
    assert np.abs(soundfile.read("o.wav")[0]).max() > 0.1


@pytest.mark.parametrize(
    "words",
    [
        "song.mid --drum-map gm", "song.mid --drum-map tr808 --tempo-bpm 140.25", "long.mid", "long.mid#2 --humanize-takes 8",
        "a.mid --channel 10 --humanize-velocity 0.2 --humanize-timing-ms 3", "embedded:idm#5 --seed 7", "grid.json",
    ],
)  # fmt: skip
def test_what_was_humanised_is_made_again(command, files, midi, words) -> None:
    song(midi)
    (files / "grid.json").write_text('[{"name": "g", "tracks": {"BD": "x...x...x...x...", "SD": "....x.......x..."}}]')
    assert command("pattern", "humanize", *words.split(), "-o", "o.mid", "--wav", "o.wav").code == 0
    Path("moved").mkdir()
    for name in ("song.mid", "long.mid", "a.mid"):
        Path(name).rename(Path("moved") / f"other-{name}")
    moved = {"song": "moved/other-song.mid", "long": "moved/other-long.mid", "a.mi": "moved/other-a.mid"}.get(words[:4])
    for name in ("o.mid", "o.wav"):
        called = command("again", name, *(["--input", moved] if moved else []))
        assert (called.code, called.err) == (0, "")
        assert called.out.endswith(f"the same bytes as {name}\n")


def test_what_was_humanised_in_python_is_made_again(command, files) -> None:
    whole = read_midi_pattern("long.mid")[0]
    for k, pattern in enumerate([whole, *read_windows("long.mid")]):
        humanize(pattern, 5, timing_ms=10, first_step=64 * k).save(f"{k}.mid")
        called = command("again", f"{k}.mid")
        assert called.code == 0, called.err
        assert called.out.endswith(f"the same bytes as {k}.mid\n")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": 0}, "'steps' from 1 to 65,536"), ({"steps": 10**9}, "'steps' from 1 to"), ({"steps": None}, "found None"),
        ({"steps": 48}, "long.mid"), ({"first_step": -1}, "'first_step' from 0 to"), ({"first_step": 10**30}, "'first_step' from"),
        ({"drum_map": "mine"}, "drum_map"), ({"tempo_bpm": 1e9}, "tempo"),
        ({"humanize_seed": -1}, "o.mid: expected 0 to 4,294,967,295 as 'humanize_seed'"),
        ({"humanize_timing_ms": "6"}, "humanize_timing_ms"), ({"humanize_takes": 99}, "o.mid: expected 1 to 8 as 'humanize_takes'"),
    ],
)  # fmt: skip
def test_a_record_of_humanising_that_nobody_wrote_honestly_is_refused_in_a_line(command, files, changed, said) -> None:
    pattern = humanize(read_midi_pattern("long.mid")[0], 5)
    record = {**pattern.provenance, "parameters": {**pattern.provenance["parameters"], **changed}}
    replace(pattern, provenance=record).save("o.mid")
    called = command("again", "o.mid")
    assert called.code in (2, 3)
    assert said in called.err
    assert "Traceback" not in called.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("none.mid", "none.mid: expected"),
        ("two.json", "two.json: expected one pattern; found 2 patterns; name one as two.json#0"),
        ("embedded:techno --drum-map gm", "expected a model of the drum map 'tr808'"), ("a.mid#4", "expected a window from 0 to 0"),
        ("a.mid --humanize-timing-ms 51", "--humanize-timing-ms: expected 0 to 50.0; found 51.0;"),
    ],
)  # fmt: skip
def test_what_cannot_be_humanised_is_said(command, files, words, said) -> None:
    row = '{"name": "g", "tracks": {"BD": "x...x...x...x..."}}'
    (files / "two.json").write_text(f"[{row}, {row}]")
    called = command("pattern", "humanize", *words.split(), "-o", "o.mid")
    assert (called.code, called.out) == (2, "")
    assert said in called.err
    assert not Path("o.mid").exists()


# The drummer that ships


@pytest.mark.smoke
def test_the_drummer_that_ships_plays_sixteen_different_measures_aloud(command) -> None:
    called = command("pattern wander --measures 16 --humanize -o o.mid --wav o.wav --plot o.png")
    assert (called.code, called.out, called.err) == (0, "wrote o.mid\nwrote o.wav\nwrote o.png\n", "")
    measures = read_windows("o.mid")
    assert len(measures) == 16
    hits = np.array([pattern.hits.sum() for pattern in measures])
    assert hits.min() >= 4
    assert 25 < hits.mean() < 150
    assert len({pattern.hits.tobytes() for pattern in measures}) >= 14
    sound = soundfile.read("o.wav")[0]
    assert 0.2 < np.abs(sound).max() <= 10 ** (-1 / 20) + 1e-4
    assert -35 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -12
    assert read_provenance("o.wav")["model"]["name"] == "pattern-gan"
    assert command("again", "o.wav").code == 0


def test_the_drummer_that_ships_samples_and_says_what_it_cannot_do(command, files) -> None:
    assert command("pattern sample --model pattern-gan --measures 4 -o o.mid").code == 0
    assert len(read_windows("o.mid")) == 4
    called = command("pattern interpolate a.mid b.mid --model pattern-gan -o i.mid")
    assert called.code == 2
    assert "take a pattern VAE such as 'pattern-vae'; what a GAN plays is 'sample' and 'wander'" in called.err
