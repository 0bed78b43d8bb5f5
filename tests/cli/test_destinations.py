"""Where results go: never over what went in, nor where nobody asked for them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from drumjax.patterns import TR808
from drumjax.synth.tr808 import kit_for

TAKEN = "expected a name of its own for what is written; found"


def assert_untouched(called, before: dict[str, bytes], folder: Path, said: str) -> None:
    assert (called.code, called.err.count("\n")) == (2, 1)
    assert f"{TAKEN} {said}" in called.err, called.err
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "words",
    [
        "interpolate a.mid b.mid -o a.mid",
        "interpolate long.mid#1 b.mid -o long.mid",
        "crossfade a.mid b.mid -o ./b.mid",
        "interpolate a.mid interpolate.mid",
        "crossfade crossfade.mid b.mid",
        "interpolate a.mid parts/2.mid -o parts",
        "interpolate a.mid parts/2.mid -o parts/",
        "interpolate a.mid b.mid -o linked.mid",
        "interpolate a.mid b.mid -o hard.mid",
    ],
)
def test_an_input_is_never_written_over(command, files, model, words) -> None:
    (files / "parts").mkdir()
    for copy in ("interpolate.mid", "crossfade.mid", "parts/2.mid"):
        shutil.copy(files / "b.mid", files / copy)
    (files / "linked.mid").symlink_to(files / "a.mid")
    os.link(files / "b.mid", files / "hard.mid")
    before = {path.name: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    assert_untouched(command("pattern", *words.split(), *model), before, files, "a file that goes in")


def test_parts_beside_an_input_of_another_number_are_written(command, files, model) -> None:
    (files / "parts").mkdir()
    shutil.copy(files / "b.mid", files / "parts" / "7.mid")
    assert command("pattern", "interpolate", "a.mid", "parts/7.mid", "-o", "parts", *model).code == 0
    assert (files / "parts" / "7.mid").read_bytes() == (files / "b.mid").read_bytes()
    assert len(list((files / "parts").iterdir())) == 7


def test_the_sounds_of_a_kit_are_never_written_over(command, files, model) -> None:
    (files / "own_kit").mkdir()
    for lane, samples in kit_for(TR808).samples.items():
        soundfile.write(files / "own_kit" / f"{lane}.wav", samples, 44_100)
    before = {path.name: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    called = command("pattern", "sample", "--kit", "own_kit", "--wav", "own_kit/BD.wav", *model)
    assert_untouched(called, before, files, "a file of the kit or the model")


def test_two_results_need_two_places(command, files, model) -> None:
    (files / "o.wav").touch()
    (files / "o.png").symlink_to(files / "o.wav")
    called = command("pattern", "sample", "--wav", "o.wav", "--plot", "o.png", *model)
    assert (called.code, f"o.png: {TAKEN} another result's name" in called.err) == (2, True)
    assert (files / "o.wav").read_bytes() == b""


@pytest.mark.parametrize("option", ["--wav o.wav", "--plot o.png"])
def test_who_asks_for_sound_or_a_picture_alone_gets_it_alone(command, files, model, option) -> None:
    before = set(files.iterdir())
    for verb, ends in (("interpolate", ["a.mid", "b.mid"]), ("crossfade", ["a.mid", "b.mid"]), ("sample", [])):
        called = command("pattern", verb, *ends, "--measures", "2", *option.split(), *model)
        assert (called.code, called.out) == (0, f"wrote {option.split()[1]}\n")
        assert set(files.iterdir()) - before == {files / option.split()[1]}


def test_a_stroke_at_the_end_names_a_folder_whatever_its_name(command, files, model) -> None:
    assert command("pattern", "sample", "--measures", "2", "-o", "v1.5/", *model).code == 0
    assert sorted(path.name for path in (files / "v1.5").iterdir()) == ["1.mid", "2.mid"]
    called = command("pattern", "sample", "-o", "v1.6", *model)
    assert (called.code, "found the suffix '.6'" in called.err) == (2, True)


def test_the_help_tells_start_and_goal_apart(command) -> None:
    for verb in ("interpolate", "crossfade"):
        usage = " ".join(command("pattern", verb, "--help").out.split("\n\n")[0].split())
        assert usage.endswith(" START GOAL")


def test_hits_that_a_kit_cannot_sound_are_said_in_a_line(command, files, model, monkeypatch) -> None:
    def without_bells(drum_map, **options):
        whole = kit_for(drum_map, **options)
        return replace(whole, samples={k: v for k, v in whole.samples.items() if k != "CB"}, takes={}, silent=("CB",))

    monkeypatch.setattr("drumjax.synth.tr808.kit_for", without_bells)
    called = command("pattern", "crossfade", "long.mid#0", "b.mid", "--measures", "2", "--wav", "o.wav", *model)
    assert (called.code, called.err) == (0, "")
    assert called.out == "no sound for CB (32 hits)\nwrote o.wav\n"
