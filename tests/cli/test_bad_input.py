"""What a user may get wrong: one message that says what to do, exit code 2, no traceback, and nothing written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drumjax import checkpoint


@pytest.fixture
def wrong(files: Path, midi) -> Path:
    """The folder of `files` with everything in it that is no pattern, no model, no kit."""
    soundfile.write(files / "sound.wav", np.zeros(100), 44_100)
    (files / "sound.wav").rename(files / "sound.mid")
    (files / "empty.mid").touch()
    (files / "nothing").mkdir()
    (files / "nothing" / "notes.txt").write_text("no patterns here")
    (files / "no_kit").mkdir()
    (files / "begun" / "checkpoints").mkdir(parents=True)
    midi("waltz.mid", {(s, "BD"): 100 for s in range(0, 72, 3)}, steps=72, metre=(3, 4))
    midi("melody.mid", {(s, 84): 100 for s in range(0, 64, 4)})
    midi("silent.mid", {})
    params = {"generator": {"w": np.ones(3, np.float32)}}
    card = {"system": "kick-gan", "criterion": {"name": "x", "mode": "max", "value": 1.0}}
    checkpoint.save(files / "cwae" / "checkpoints" / "5", {"play": {"params": params, "extra": {}}}, {"card.json": card})
    return files


@pytest.fixture
def damaged(tiny_workdir: Path, wrong: Path) -> Path:
    """A copy of the tiny model with one bit of its weights turned over."""
    shutil.copytree(tiny_workdir, wrong / "damaged")
    payload = max((checkpoint.best(wrong / "damaged") / "state").rglob("d/*"), key=lambda file: file.stat().st_size)
    content = bytearray(payload.read_bytes())
    content[-9] ^= 1
    payload.write_bytes(content)
    return payload


def assert_refused(called, *said: str) -> None:
    assert called.code == 2
    assert "Traceback" not in called.err
    assert "wrote" not in called.out
    for text in said:
        assert text in called.err, called.err


def assert_one_message(called, *said: str) -> None:
    assert_refused(called, *said)
    assert called.err.startswith("drumjax: ")
    assert called.err.count("\n") == 1
    rule, found, remedy = called.err.split(": ", 2)[-1].split("; ", 2)
    assert rule.startswith("expected ")
    assert found.startswith("found ")
    assert len(remedy) > 10


PATTERNS = [
    ("sound.mid", "found a WAV sound file; name a .mid file"),
    ("empty.mid", "found an empty file; export or download it again"),
    ("missing.mid", "found no such file; check the spelling"),
    ("nothing", "found a folder; name a file in it"),
    ("waltz.mid", "expected a pattern in 4/4; found 3/4; name a file in 4/4"),
    ("melody.mid", "melody.mid: expected"),
    ("silent.mid", "silent.mid: expected"),
    ("a.mid#99", "expected a window from 0 to 0; found #99"),
    ("long.mid#3", "expected a window from 0 to 2; found #3"),
    ("missing.mid#1", "missing.mid: expected"),
    ("embedded:polka", "electronic, funk, hiphop, jazz, rock; found 'polka'; write, for example, embedded:techno#3"),
    ("embedded", "expected a genre of idm, electro, techno, blues, electronic, funk, hiphop, jazz, rock; found ''"),
    ("embedded:techno#484", "expected a number from 0 to 483; found #484"),
    ("embedded:techno#x", "found 'techno#x'"),
    ("cwae", "found a folder; name a file in it"),
]


@pytest.mark.parametrize(("pattern", "said"), PATTERNS, ids=[pattern for pattern, _ in PATTERNS])
def test_what_is_no_pattern_is_refused(command, wrong, model, pattern, said) -> None:
    for words in ((pattern, "b.mid"), ("b.mid", pattern)):
        assert_one_message(command("pattern", "interpolate", *words, "-o", "o.mid", *model), said)
    assert not (wrong / "o.mid").exists()


MODELS = [
    ("cwae", "expected a checkpoint of 'pattern-vae' or 'pattern-gan'; found one of 'kick-gan'; name a pattern model"),
    ("begun", "expected a trained model; found no checkpoint in it; name a working directory of drumjax train"),
    ("nothing", "expected a trained model; found no checkpoint in it"),
    ("missing", "expected a shipped model's name or a model's folder; found neither"),
    ("a.mid", "expected a shipped model's name or a model's folder; found neither"),
]


@pytest.mark.parametrize(("name", "said"), MODELS, ids=[name for name, _ in MODELS])
def test_what_is_no_pattern_model_is_refused(command, wrong, name, said) -> None:
    for words in ("interpolate a.mid b.mid", "crossfade a.mid b.mid", "sample"):
        assert_one_message(command("pattern", *words.split(), "--model", name, "-o", "o.mid"), said)
    assert_one_message(command("evaluate", name, "--data", "embedded"), said)
    assert sorted(path.name for path in wrong.iterdir() if path.name in ("o.mid", "report")) == []


def test_a_damaged_model_is_refused_and_its_file_named(command, damaged) -> None:
    place = str(damaged.relative_to(Path.cwd()))
    assert_one_message(command("pattern sample --model damaged"), place, "damaged; restore it from a backup")
    assert_one_message(command("evaluate damaged --data embedded"), place)


OPTIONS = [
    ("--tempo-bpm 0", "expected 20 to 400 beats a minute; found 0"),
    ("--tempo-bpm nan", "expected 20 to 400 beats a minute; found nan"),
    ("--measures 1", "--measures: expected 2 to 1024 measures; found 1"),
    ("--measures -3", "expected 2 to 1024 measures; found -3"),
    ("--measures 1000000", "expected 2 to 1024 measures; found 1000000"),
    ("--channel 17", "--channel: expected a channel from 1 to 16; found channel 17"),
    ("--channel 0", "--channel: expected a channel from 1 to 16; found channel 0"),
    ("--seed -1", "--seed: expected a whole number from 0 to 4294967295; found -1"),
    ("--seed 99999999999999999999", "found 99999999999999999999"),
    ("-o=", "-o: expected a file or a folder; found an empty name"),
    ("-o o.xyz", "o.xyz: expected a pattern file that ends in .mid, .midi, .json; found the suffix '.xyz'; change the name"),
    ("-o no/such/o.mid", "expected a place to write a pattern file; found no folder no/such; make the folder first"),
    ("-o a.mid/parts", "a.mid/parts: expected a folder to write to; found Not a directory"),
    ("--wav o.mp3", "o.mp3: expected a sound file that ends in .wav, .flac"),
    ("--wav no/such/o.wav", "found no folder no/such"),
    ("--wav sound", "expected a sound file that ends in .wav, .flac; found no suffix"),
    ("--plot o.gif", "o.gif: expected a picture that ends in .png, .pdf, .svg"),
    ("--plot no/such/o.png", "found no folder no/such"),
    ("--kit no_kit --wav o.wav", "no_kit: expected sounds for 'tr808'"),
    ("--kit missing --wav o.wav", "missing: expected a folder; found no such folder"),
    ("--kit no_kit", "--kit: expected --wav beside it; found none; add --wav FILE"),
]


@pytest.mark.parametrize(("words", "said"), OPTIONS, ids=[words for words, _ in OPTIONS])
def test_options_at_fault_are_named_before_anything_is_written(command, wrong, model, words, said) -> None:
    before = sorted(wrong.rglob("*"))
    assert_one_message(command("pattern", "interpolate", "a.mid", "b.mid", *words.split(), *model), said)
    assert sorted(wrong.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("interpolate embedded:idm embedded:techno#3 --channel 3", "found embedded patterns, which have none; leave it out"),
        ("humanize embedded:idm --channel 3", "found embedded patterns, which have none; leave it out"),
        ("interpolate embedded:idm embedded:techno#3 --channel 0", "expected a channel from 1 to 16; found channel 0"),
        ("crossfade embedded:idm a.mid --channel 17", "expected a channel from 1 to 16; found channel 17"),
        ("humanize embedded:idm --channel 17", "expected a channel from 1 to 16; found channel 17"),
    ],
)
def test_a_channel_is_never_ignored(command, files, words, said) -> None:
    before = sorted(files.rglob("*"))
    assert_one_message(command("pattern", *words.split(), "-o", "o.mid"), f"--channel: {said}" if "expected" in said else said)
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("interpolate", "(start) pattern's own"), ("crossfade", "(start) pattern's own"), ("humanize", "(start) pattern's own"),
        ("sample", "Default: the paper's 129"), ("wander", "Default: the paper's 129"),
    ],
)  # fmt: skip
def test_help_says_of_each_verb_what_its_tempo_is(command, verb, said) -> None:
    shown = " ".join(command("pattern", verb, "--help").out.replace("│", " ").split())
    of_tempo = shown.partition("--tempo-bpm FLOAT")[2].partition("--humanize-seed")[0]
    assert said in of_tempo
    assert ("pattern's own" in of_tempo) == ("pattern's own" in said)


LONG = "n" * 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (f"pattern interpolate {LONG}.mid b.mid", "File name too long"),
        (f"pattern crossfade a.mid {LONG}.mid#2", "File name too long"),
        (f"pattern interpolate a.mid b.mid -o {LONG}.mid", "File name too long"),
        (f"pattern sample -o {LONG}", "File name too long"),
        (f"pattern sample --wav o.wav --kit {LONG}", "File name too long"),
        (f"pattern sample --model {LONG}", "File name too long"),
        (f"pattern wander --plot {LONG}/o.png", "File name too long"),
        (f"pattern humanize {LONG}.json", "File name too long"),
        (f"again {LONG}.mid", "File name too long"),
        (f"study make -o {LONG}", "File name too long"),
        ("pattern interpolate circle.mid b.mid", "Too many levels of symbolic links"),
        ("pattern humanize circle.mid", "Too many levels of symbolic links"),
        ("pattern humanize a.mid -o circle/o.mid", "found no folder circle"),
        ("pattern humanize circle/a.mid -o parts/", "Too many levels of symbolic links"),
        ("again circle.mid", "Too many levels of symbolic links"),
    ],
    ids=lambda value: value.replace(LONG, "LONG"),
)
def test_names_that_nothing_can_have_are_refused(command, wrong, words, said) -> None:
    for name in ("circle", "circle.mid"):
        (wrong / name).symlink_to(name)
    before = sorted(wrong.rglob("*"))
    assert_one_message(command(words), said)
    assert sorted(wrong.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--measures 0", "expected 1 to 1024 measures; found 0"),
        ("--seed -1", "expected a whole number from 0 to 4294967295; found -1"),
        ("--seed 99999999999999999999", "found 99999999999999999999"),
        ("--tempo-bpm 1e9", "found 1e+09"),
        ("--measures 1024 --tempo-bpm 20 --wav o.wav -o o.mid", "o.wav: expected at most 3 hours of sound; found 13.7 hours"),
    ],
)
def test_samples_out_of_range_are_refused(command, model, words, said) -> None:
    assert_one_message(command("pattern", "sample", *words.split(), *model), said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pattern interpolate a.mid", "The pattern to end with."),
        ("pattern interpolate a.mid b.mid c.mid", "c.mid"),
        ("pattern interpolate a.mid b.mid --measures six", "invalid literal for int() with base 10: 'six'"),
        ("pattern interpolate a.mid b.mid --path spline", "'slerp',"),
        ("pattern interpolate a.mid b.mid --tempo-bpm None", "could not convert string to float: 'None'"),
        ("evaluate x --data embedded --split dev", "'validation',"),
        ("evaluate x --data embedded --measures 2", "expected --measures of at least 3, found 2"),
        ("evaluate x --data embedded --transitions 0", "expected --transitions of at least 1, found 0"),
        ("evaluate x --data embedded --seed -1", "expected --seed of at least 0, found -1"),
        ("evaluate x", "--data"),
        ("train pattern-vae", "--workdir"),
    ],
)
def test_calls_of_the_wrong_form_point_to_the_help(command, words, said) -> None:
    called = command(words)
    assert_refused(called, said, "--help")
    assert called.out == ""


TRAININGS = [
    ("--batch-size 0", "expected batch_size of at least 1"),
    ("--seed -1", "expected a seed from 0 to 2³² − 1"),
    ("--epochs inf", "expected epochs and iterations of at least 0 and finite; found inf"),
    ("--ema-decay 1", "expected ema_decay in [0, 1)"),
    ("--model.latent 0", "expected latent of at least 1, found 0"),
    ("--model.lstm-layers 0", "expected lstm_layers of at least 1, found 0"),
    ("--model.decoder-widths 8 0", "expected decoder_widths of at least one layer"),
    ("--model.encoder conv --model.steps 63", "a multiple of 8, found 63"),
    ("--model.steps 32", "model.steps: expected 64, as in the data; found 32; leave it out"),
    ("--model.lanes 9", "model.lanes: expected 6, as in the data; found 9; leave it out"),
    ("--model.dtype float64", "'bfloat16'"),
    ("--loss.kl-weight nan", "expected kl_weight of at least 0, found nan"),
    ("--optimizer.learning-rate 0", "expected learning_rate above 0, found 0.0"),
    ("--preset huge", "--preset: expected one of paper, small; found 'huge'"),
    ("--preset", "--preset: expected one of paper, small; found ''"),
    ("--steps 0", "--steps: expected a number of at least 1; found 0"),
    ("--steps 2 --budget 3s", "--steps: expected --steps or --budget; found both"),
    ("--budget soon", "--budget: expected a time such as 90s, 10m or 1h; found 'soon'"),
]


@pytest.mark.parametrize(("words", "said"), TRAININGS, ids=[words for words, _ in TRAININGS])
def test_a_training_at_fault_never_begins(command, tmp_path, words, said) -> None:
    called = command("train", "pattern-vae", "--data", "embedded", "--workdir", "w", *words.split())
    flat = " ".join(word for word in called.err.split() if not set(word) <= set("│╭╮╰╯─"))
    assert called.code == 2
    assert said in flat
    assert "Traceback" not in flat
    # Nothing is left that a corrected call would have to go on with.
    assert not (tmp_path / "w" / "config.json").exists()


DATA = [
    (
        "train pattern-vae --workdir w --data source",
        "run: drumjax data build source -o source-prepared and then name source-prepared",
    ),
    ("train pattern-vae --workdir w --data missing", "expected 'embedded', a prepared folder or an .npz file; found no such file"),
    (
        "train pattern-vae --workdir source --data embedded",
        "source: expected a new or empty folder, or a training's; found IDM, Techno",
    ),
    ("train pattern-vae --workdir source/IDM/00.mid --data embedded", "expected a working directory; found File exists"),
    ("train pattern-va --workdir w --data embedded", "perhaps pattern-vae is meant"),
    ("data inspect nothing", "found none in this folder"),
    ("data inspect missing", "expected a folder or file of drum patterns; found nothing there"),
    (
        "data inspect source --kind songs",
        "--kind: expected a kind that this version prepares: patterns, one-shots, grooves; found 'songs'",
    ),
    ("data inspect source --drum-map other", "other: expected a built-in drum map (tr808, pocket, gm) or a .json file"),
    ("data build nothing -o out", "found none in this folder"),
    ("data build source -o source/IDM/00.mid", "expected a folder to write prepared data to; found File exists"),
    ("data build source -o out --validation 0.9 --test 0.3", "expected shares of 0 or more that leave something to train on"),
    ("data arrays source -o out.npz", "run: drumjax data build source"),
    ("data arrays embedded -o out.xyz", "expected a name that ends in .npz"),
    ("data arrays embedded -o no/such/out.npz", "found no folder"),
    ("models show missing", "expected a shipped model's name or a model's folder; found neither"),
]


@pytest.mark.parametrize(("words", "said"), DATA, ids=[words for words, _ in DATA])
def test_data_at_fault_are_named(command, small_folder, tmp_path, words, said) -> None:
    (tmp_path / "nothing").mkdir()
    assert_one_message(command(words), said)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_may_not_be_written_is_refused(command, files, model, tmp_path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.access(locked, os.W_OK):
        pytest.skip("the tests run as a user who may write everywhere")
    for words in (["-o", "locked/o.mid"], ["-o", "locked"], ["-o", "o.mid", "--plot", "locked/o.png"]):
        assert_refused(command("pattern", "interpolate", "a.mid", "b.mid", *words, *model), "locked")


def test_a_full_disk_is_the_users_to_know(command, files, model, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("drumjax.plots.save", full)
    called = command("pattern", "sample", "--plot", "o.png", *model)
    assert (called.code, called.err) == (
        2,
        "drumjax: o.png: expected a place to write to; found No space left on device; name another, or make room there\n",
    )


def test_a_process_ends_with_the_code_and_without_a_traceback(wrong, tiny_workdir) -> None:
    for words in (["sound.mid", "b.mid"], ["a.mid", "b.mid", "--model", "cwae"]):
        line = [sys.executable, "-m", "drumjax", "pattern", "interpolate", "--model", str(tiny_workdir), *words]
        run = subprocess.run(line, cwd=wrong, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith("drumjax: ")
        assert run.stderr.count("\n") == 1
