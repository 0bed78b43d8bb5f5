"""The model that ships is the default of every verb: the main job right after an installation, in whatever folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import drumjax
from drumjax import checkpoint
from drumjax.instruments.loading import shipped_models
from drumjax.metrics.patterns import mean_pattern, onset_f1
from drumjax.patterns import read_windows
from drumjax.provenance import read_provenance
from drumjax.synth.grammar import embedded

pytestmark = pytest.mark.smoke
NAME = "pattern-vae"


def test_the_main_job_needs_no_model_of_ones_own(command, files) -> None:
    words = "pattern interpolate a.mid b.mid -o out.mid --wav out.wav --plot out.png"
    called = command(words)
    assert (called.code, called.err) == (0, "")
    assert called.out.splitlines() == ["wrote out.mid", "wrote out.wav", "wrote out.png"]
    assert len(read_windows("out.mid")) == 6
    sound, rate = soundfile.read("out.wav")
    assert rate == 44_100
    assert 0.05 < np.abs(sound).max() < 1
    assert Path("out.png").stat().st_size > 10_000
    origin = read_provenance("out.mid")
    assert origin["model"] == {"name": NAME, "sha256": checkpoint.fingerprint(shipped_models()[NAME])}


def test_the_installed_command_does_it_too(tmp_path) -> None:
    line = [str(Path(sys.executable).with_name("drumjax")), "pattern", "interpolate", "embedded:electro", "embedded:techno#3"]
    run = subprocess.run([*line, "-o", "out.mid"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "wrote out.mid\n", "")
    assert len(read_windows(tmp_path / "out.mid")) == 6


@pytest.mark.parametrize("words", ["pattern sample --measures 4", "pattern crossfade embedded:idm embedded:techno", "doctor"])
def test_every_other_verb_finds_it(command, words) -> None:
    called = command(words)
    assert (called.code, called.err) == (0, "")


def test_the_doctor_plays_it(command) -> None:
    assert f"ok    model {NAME}: hashes verified" in command("doctor").out


def test_it_is_listed_and_its_card_says_where_it_comes_from(command) -> None:
    assert any(line.startswith(f"{NAME}  system pattern-vae") for line in command("models list").out.splitlines())
    card = json.loads(command("models", "show", NAME, "--json").out)
    assert card["command"].startswith("drumjax train pattern-vae --data ")
    assert sum(card["data"]["licences"].values()) == sum(card["data"]["counts"].values())
    assert card["metrics"]["onset_f1"] > 0.5


def test_every_file_of_it_is_as_its_manifest_says_and_small() -> None:
    directory = shipped_models()[NAME]
    manifest = checkpoint.verify(directory)
    assert checkpoint.read_instrument(directory)[1] == {"model": directory}
    assert sum(entry["size"] for entry in manifest["files"].values()) <= 2 << 20


def test_it_reconstructs_better_than_the_best_constant_pattern() -> None:
    velocity = embedded().velocity[::20] / np.float32(127)
    instrument = drumjax.load()
    hits = instrument.reconstruct_values(velocity) >= instrument.threshold
    assert onset_f1(velocity > 0, hits) > mean_pattern(velocity > 0).f1 + 0.2
