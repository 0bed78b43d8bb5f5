"""`drumjax models` and `drumjax doctor`."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.cli.models import training_command
from drumjax.cli.train import train
from drumjax.configs import dump_config
from drumjax.train.recipes import pocketvae


def test_a_models_card_is_shown_in_words_and_as_json(command, model, tiny) -> None:
    words = command("models", "show", model[1]).out
    assert "\n  name: embedded\n" in words
    assert f"\n  threshold: {tiny.threshold}" in words
    assert json.loads(command("models", "show", model[1], "--json").out) == tiny.card


def test_the_doctor_names_versions_devices_and_what_is_wrong(command, monkeypatch) -> None:
    well = command("doctor")
    assert (well.code, well.out.splitlines()[-1]) == (0, "all is well")
    assert all(line.startswith("ok    ") for line in well.out.splitlines()[:-1])
    for text in ("jax ", "cpu:0", "a compiled matrix product is right", "voices of the drum machine"):
        assert text in well.out
    monkeypatch.setattr("drumjax.synth.tr808.voices", lambda: {"BD": np.zeros(10)})
    ill = command("doctor")
    assert ill.code == 1
    assert "FAIL  drum machine: a voice of the drum machine is silent" in ill.out
    assert ill.out.splitlines()[-1].startswith("1 of ")


def test_the_doctor_calls_a_damaged_model_the_users_to_restore(command, tiny_workdir, tmp_path, monkeypatch) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(checkpoint.best(tiny_workdir), damaged)
    monkeypatch.setattr("drumjax.instruments.loading.shipped_models", lambda: {"kick": damaged})
    assert command("doctor").code == 0
    (damaged / "card.json").write_text("{}")
    ill = command("doctor")
    assert (ill.code, ill.out.splitlines()[-1].startswith("1 of ")) == (2, True)
    assert "FAIL  model kick: " in ill.out
    monkeypatch.setattr("drumjax.synth.tr808.voices", lambda: {"BD": np.zeros(10)})
    assert command("doctor").code == 1


def test_a_model_of_sounds_is_shown_by_both_its_cards_and_heard_by_the_doctor(command, untrained_sounds, monkeypatch) -> None:
    packed = untrained_sounds / "packed"
    words = command("models", "show", packed).out
    assert [line for line in words.splitlines() if not line.startswith(" ")] == ["model:", "vocoder:"]
    cards = json.loads(command("models", "show", packed, "--json").out)
    assert {role: card["system"] for role, card in cards.items()} == {"model": "cwae", "vocoder": "mcnn"}
    monkeypatch.setattr("drumjax.instruments.loading.shipped_models", lambda: {"drums": packed})
    assert re.fullmatch(r"drums  system cwae, 0\.\d\d MB, trained on none\n", command("models list").out)
    assert "ok    model drums: hashes verified, a sound of each of 4 classes" in command("doctor").out


def trained(folder: Path, workdir: str, recipe: str, preset_changes: dict, data: str = "sounds/") -> Path:
    """What a training leaves that packing reads: the checkpoint, and `config.json` of a call that changed these fields."""
    from drumjax.configs import dump_config
    from drumjax.train.recipe import recipe as recipe_of

    place = Path(shutil.copytree(folder / workdir, workdir))
    config = dump_config(recipe_of(recipe).presets["paper"]) | preset_changes
    (place / "config.json").write_text(json.dumps({"recipe": recipe, "data_named": data, "steps": 7, "config": config}))
    return place


def test_a_model_of_sounds_is_packed_with_its_vocoder(command, untrained_sounds, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained(untrained_sounds, "cwae", "cwae", {"per_class": 3})
    trained(untrained_sounds, "mcnn", "mcnn", {"seed": 5}, data="/home/somebody/more_sounds")
    trained(untrained_sounds, "other", "mcnn", {})
    said = command("models pack cwae --vocoder mcnn -o out --name drums --half --credits Somebody")
    assert (said.code, said.out.splitlines()[0].split(",")[0]) == (0, "packed step 1 and 1"), said
    content, members = checkpoint.read_instrument(tmp_path / "out")
    assert (content["name"], content["kind"], list(members)) == ("drums", "sounds", ["model", "vocoder"])
    cards = {role: checkpoint.read_card(place) for role, place in members.items()}
    assert cards["model"]["command"] == "drumjax train cwae --data sounds/ --workdir RUN --steps 7 --per-class 3"
    assert cards["vocoder"]["command"] == "drumjax train mcnn --data more_sounds --workdir RUN --steps 7 --seed 5"
    assert cards["model"]["credits"] == cards["vocoder"]["credits"] == ["Somebody"]
    assert command("sound sample --class kick -o k.wav --model out").code == 0
    assert (
        command("models pack mcnn -o alone --name alone")
        .out.splitlines()[0]
        .endswith("hear a model through it with --vocoder alone")
    )
    assert command("sound sample --class kick -o k.wav --model out --vocoder alone").code == 0
    for words, fault in (
        ("cwae -o x", "--vocoder: expected a vocoder for a model of drum sounds; found none; name a training of"),
        ("mcnn --vocoder mcnn -o x", "found one, and a model that needs none; leave it out"),
        ("cwae --vocoder cwae -o x", "expected a training of a vocoder; found one of 'cwae'"),
        ("cwae --vocoder other -o x", "a vocoder of the model's spectrograms (fft_samples 256); found fft_samples 512"),
        ("cwae --vocoder nowhere -o x", "expected a trained model; found no such folder"),
        ("out -o x", "out: expected a training of 'drumjax train'; found a packed model; name the --workdir of"),
        ("cwae --vocoder out -o x", "out: expected a training of 'drumjax train'; found a packed model"),
    ):
        refused = command(f"models pack {words} --name drums")
        assert (refused.code, fault in refused.err) == (2, True), refused
    assert not Path("x").exists()


def test_the_command_of_a_card_asks_for_the_very_same_training(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("drumjax.cli.train._run", lambda chosen, call, team: asked.append(call.config))
    small = pocketvae.PRESETS["small"]
    model = replace(small.model, variant="2-step-vae", use_genre=False, use_patterns=True, codes=128)
    config = replace(small, model=model, augment=False, seed=3)
    run = {"recipe": "pocketvae", "config": dump_config(config), "data_named": "/home/me/grooves", "steps": 8000}
    line = training_command(run, dump_config(pocketvae.PRESETS["paper"]))
    assert "/home" not in line
    words = shlex.split(line)
    assert words[:2] == ["drumjax", "train"]
    train(words[2:], "drumjax train")
    # The steps say how long it takes.
    assert replace(asked[0], epochs=config.epochs, iterations=config.iterations) == config
    assert "--steps 8000" in line
