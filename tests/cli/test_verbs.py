"""The verbs: found, explained with examples, and light until one is called."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import drumjax
from drumjax.cli import VERBS
from drumjax.train.recipe import RECIPES, recipe

PROMISED = {
    *("demo", "doctor", "models list", "models show", "data inspect", "data build", "data arrays", "train", "evaluate"),
    *("study make", "study analyse"),
    *("groove apply", "groove transfer", "groove generate", "groove humanize"),
    *("pattern interpolate", "pattern crossfade", "pattern sample", "pattern wander", "pattern humanize", "again"),
}


@pytest.mark.smoke
def test_every_verb_that_is_promised_is_there() -> None:
    assert set(VERBS) >= PROMISED


@pytest.mark.smoke
@pytest.mark.parametrize("verb", [*VERBS, *(f"train {recipe}" for recipe in RECIPES)])
def test_help_of_a_verb_shows_its_options_and_examples_of_itself(command, verb) -> None:
    called = command(*verb.split(), "--help")
    assert (called.code, called.err) == (0, "")
    assert called.out.startswith(f"usage: drumjax {verb}")
    head, _, examples = called.out.partition("\nexamples:\n")
    assert "STR STR" not in head
    lines = examples.split("\n\n")[0].splitlines()
    assert lines
    assert all(line.startswith(f"  drumjax {verb}") for line in lines)


@pytest.mark.smoke
@pytest.mark.parametrize("name", RECIPES)
def test_the_help_of_a_recipe_says_what_each_preset_is_and_how_to_name_it(command, name) -> None:
    shown = command("train", name, "--help").out
    words = " ".join(shown.split())
    for preset, summary in recipe(name).summaries.items():
        assert f" {preset}: {summary}" in words
    assert f"--preset {{{','.join(recipe(name).presets)}}}" in words
    assert shown.startswith(f"usage: drumjax train {name} [-h] [OPTIONS]\n")
    assert "(default: small)" in " ".join(command("train", name, "--preset", "small", "--help").out.split())


@pytest.mark.parametrize("verb", ["pattern interpolate", "pattern crossfade", "pattern sample", "pattern wander"])
def test_every_generating_verb_takes_the_promised_options(command, verb) -> None:
    shown = command(*verb.split(), "--help").out
    for option in ("--model", "--seed", "-o", "--wav", "--plot", "--kit", "--tempo-bpm", "--measures", "--humanize,"):
        assert f" {option} " in shown, option


@pytest.mark.parametrize("verb", ["groove apply", "groove transfer", "groove generate", "groove humanize"])
def test_every_verb_of_grooves_takes_the_promised_options(command, verb) -> None:
    shown = command(*verb.split(), "--help").out
    for option in ("--model", "--seed", "-o", "--wav", "--plot", "--kit", "--tempo-bpm", "--genre"):
        assert f" {option} " in shown, option


@pytest.mark.smoke
@pytest.mark.parametrize(("words", "code"), [("--help", 0), ("-h", 0), ("", 2), ("data --help", 0), ("data", 2), ("pattern", 2)])
def test_the_list_of_verbs_is_shown_whole_or_by_group(command, words, code) -> None:
    called = command(*words.split())
    assert called.code == code
    group = words.split()[0] if words and not words.startswith("-") else ""
    for name, verb in VERBS.items():
        assert (f"drumjax {name} " in called.out and verb.summary in called.out) == name.startswith(group), name
    assert "examples:" in called.out


@pytest.mark.smoke
def test_the_version_is_the_librarys(command) -> None:
    assert command("--version") == (0, f"drumjax {drumjax.__version__}\n", "")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("patern sample", "did you mean 'drumjax pattern sample'?"),
        ("pattern sampel -o x.mid", "did you mean 'drumjax pattern sample'?"),
        ("evalute runs/mine", "did you mean 'drumjax evaluate'?"),
        ("data bild x", "did you mean 'drumjax data build'?"),
        ("xyzzy", "see 'drumjax --help' for the list"),
        ("--nonsense", "see 'drumjax --help' for the list"),
    ],
)
def test_an_unknown_verb_is_met_with_the_nearest(command, words, says) -> None:
    called = command(*words.split())
    assert (called.code, called.out) == (2, "")
    assert called.err.startswith("drumjax: ")
    assert says in called.err
    assert called.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("pattern interpolate a.mid b.mid --measurs 7", "--measures"),
        ("pattern sample --temp-bpm 120", "--tempo-bpm"),
        ("train pattern-vae --data embedded --workdir w --optimizer.lerning-rate 1", "--optimizer.learning-rate"),
        ("evaluate x --dta embedded", "--data"),
    ],
)
def test_an_unknown_option_is_met_with_the_nearest(command, words, suggested) -> None:
    called = command(words)
    assert called.code == 2
    assert suggested in called.err
    assert "Traceback" not in called.err


@pytest.mark.smoke
def test_the_module_is_the_command() -> None:
    for module in ("drumjax", "drumjax.cli"):
        run = subprocess.run([sys.executable, "-m", module, "pattern", "nonsense"], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (2, "")
        assert "did you mean" in run.stderr or "see 'drumjax --help'" in run.stderr


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], {"jax", "tyro", "numpy"}),
        (["train", "--help"], {"jax", "flax", "optax"}),
        (["pattern", "interpolate", "--help"], {"jax", "flax", "matplotlib", "scipy", "soundfile", "tensorflow_datasets"}),
        (["models", "show", "--help"], {"jax"}),
    ],
)
def test_help_waits_for_nothing_heavy(words, absent) -> None:
    code = f"import sys; from drumjax.cli import main\ntry: main({words})\nexcept SystemExit: pass\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(run.stdout.splitlines()[-1].split())


@pytest.mark.smoke
@pytest.mark.parametrize("words", [["--help"], ["pattern", "interpolate", "--help"]])
def test_a_reader_that_stops_reading_is_no_error(words) -> None:
    code = f"import sys, time; time.sleep(0.2); from drumjax.cli import main; sys.exit(main({words}))"
    for unbuffered in ("", "1"):
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as run:
            assert run.stdout is not None
            assert run.stderr is not None
            run.stdout.close()
            assert (run.stderr.read(), run.wait()) == (b"", 0)


@pytest.mark.smoke
def test_a_terminal_that_cannot_show_a_character_is_no_error() -> None:
    line = [sys.executable, "-m", "drumjax", "train", "pattern-vae", "--help"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert "steps \\xd7 lanes" in " ".join(run.stdout.split())


def test_a_call_without_sound_does_not_wait_for_the_drum_machine(tmp_path) -> None:
    program = (
        "import sys; from drumjax.cli import main; "
        "code = main('pattern interpolate embedded:idm embedded:techno --measures 2 -o out.mid'.split()); "
        "sys.exit(code or 'scipy.signal' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
