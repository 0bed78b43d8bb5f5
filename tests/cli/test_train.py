"""Trainings by command: stopped, resumed, finished, refused, played."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np

from drumjax import checkpoint
from drumjax.patterns import read_windows
from drumjax.train.recipes import pattern_vae

TINY = [
    *("--batch-size", "8", "--model.encoder", "conv", "--model.conv-channels", "8", "8", "--model.encoder-widths", "16"),
    *("--model.decoder-widths", "16", "--optimizer.learning-rate", "1e-2", "--validate-every-epochs", "3"),
]


def config_of(workdir: str) -> dict:
    return json.loads(Path(workdir, "config.json").read_text())


def test_a_training_is_made_resumed_finished_and_played(command, data, monkeypatch) -> None:
    words = ["train", "pattern-vae", "--data", data, "--workdir", "w", "--steps", "30", "--seed", "5", *TINY]
    recipe, seen = pattern_vae.RECIPE, []

    def interrupted(sums):
        seen.append(sums)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.2)  # the thread that reads signals has its turn
        return recipe.summarise(sums)

    with monkeypatch.context() as patch:
        patch.setattr(pattern_vae, "RECIPE", recipe._replace(summarise=interrupted))
        stopped = command(*words)
    assert stopped.code == 75
    assert "run again to resume" in stopped.err
    reached = int(checkpoint.latest("w").name)
    assert 0 < reached < 30
    done = command(*words)
    assert done.code == 0
    assert f"going on from step {reached} of 30" in done.err
    assert done.out.startswith("trained 30 steps in ")
    best = checkpoint.read_card(checkpoint.best("w"))["metrics"]
    assert f"best checkpoint: {checkpoint.best('w')}; its validation: bce {best['bce']:.4g}" in done.out
    assert f"next: drumjax evaluate w --data {data} -o w/report" in done.out
    config = config_of("w")
    assert (config["recipe"], config["steps"], config["data_named"], config["config"]["seed"]) == ("pattern-vae", 30, data, 5)
    assert config["config"]["model"]["conv_channels"] == [8, 8]
    assert config["config"]["optimizer"]["learning_rate"] == 0.01

    again = command(*words)
    assert (again.code, "nothing to do, all 30 steps are done" in again.err) == (3, True)
    other = command(*words, "--model.latent", "3")
    assert (other.code, "model.latent 4 became 3" in other.err) == (2, True)
    assert command(*words, "--resume", "never").code == 3

    assert command("pattern sample --model w --measures 2 -o new.mid").code == 0
    assert len(read_windows("new.mid")) <= 2
    shown = command("models show w").out
    assert f"folder: {checkpoint.best('w')}" in shown
    assert "system: pattern-vae" in shown


def test_a_preset_and_a_budget_go_into_the_configuration(command, data) -> None:
    called = command("train", "pattern-vae", "--data", data, "--workdir", "w", "--preset=small", "--budget", "1s", *TINY)
    assert called.code == 0
    config = config_of("w")
    assert (config["config"]["epochs"], config["steps_from"]) == (pattern_vae.PRESETS["small"].epochs, "--budget 1s")
    assert called.out.startswith(f"trained {config['steps']} steps in ")
    assert checkpoint.latest("w").name == str(config["steps"])


def test_data_of_another_drum_map_train_a_model_of_that_map(command, small_folder) -> None:
    assert command("data build source -o pocket --drum-map pocket --validation 0.2").code == 0
    assert command("data arrays pocket -o pocket.npz").out == "wrote pocket.npz\n"
    assert command("train", "pattern-vae", "--data", "pocket.npz", "--workdir", "w", "--steps", "2", *TINY).code == 0
    assert command("pattern interpolate source/IDM/00.mid source/Techno/01.mid --model w -o o.mid --measures 2").code == 0
    refused = command("pattern interpolate embedded:idm source/Techno/01.mid --model w")
    assert (refused.code, refused.err) == (
        2,
        "drumjax: embedded:idm: expected a model of the drum map 'tr808'; found 'pocket'; name files instead\n",
    )
    refused = command("evaluate w --data embedded")
    assert refused.code == 2
    assert refused.err.startswith(
        "drumjax: embedded: expected patterns of 64 steps on the model's drum map 'pocket'; found another"
    )


def test_a_cpu_that_stands_for_two_devices_trains_the_same_model(data) -> None:
    """In processes of their own: how many devices a CPU stands for is settled when JAX starts."""
    params = []
    for devices in ("1", "2"):
        words = ["train", "pattern-vae", "--data", data, "--workdir", devices, "--steps", "4", "--cpu-devices", devices, *TINY]
        run = subprocess.run([sys.executable, "-m", "drumjax", *words], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        params.append(checkpoint.load_params(checkpoint.latest(devices))[0])
    for one, two in zip(*map(jax.tree.leaves, params), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_cpu_stands_for_at_least_one_device(command, data) -> None:
    called = command("train", "pattern-vae", "--data", data, "--workdir", "w", "--cpu-devices", "0")
    assert (called.code, "1 to 256 devices" in called.err) == (2, True)
    assert not Path("w").exists()
