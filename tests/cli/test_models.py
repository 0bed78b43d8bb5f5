"""`drumjax models` and `drumjax doctor`."""

from __future__ import annotations

import json
import shutil

import numpy as np

from drumjax import checkpoint


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
