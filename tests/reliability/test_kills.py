"""kill -9, then the same command again: nothing differs from a training that ran through."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest


@pytest.mark.slow
def test_twenty_killed_trainings_end_with_the_bits_of_one_that_ran_through(faults) -> None:
    kills = faults("kills")
    row = kills.run(20, 0, print)
    assert not row.failures
    assert row.passed == row.total == 20
    assert {"payload", "manifest", "rename", "prune", "row", "configured", "compile", "moment"} <= set(row.details["points"])
    assert set(row.details["recipes"]) == set(faults("lives").RECIPES) >= {"pattern-vae", "pattern-gan"}


def test_the_comparison_of_two_trainings_sees_every_difference(faults, tiny_workdir, tmp_path) -> None:
    lives = faults("lives")
    from drumjax import checkpoint

    whole = lives.Training("pattern-vae", tiny_workdir, stepwise=True)
    other = lives.Training("pattern-vae", tmp_path / "other", stepwise=True)

    def compared() -> str:
        return "; ".join(lives.differences(whole, other))

    def anew() -> None:
        shutil.rmtree(other.workdir, ignore_errors=True)
        shutil.copytree(tiny_workdir, other.workdir)

    anew()
    assert compared() == ""
    table = other.workdir / "metrics.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    assert "metrics.csv" in compared()
    anew()
    (other.workdir / "checkpoints" / "7.tmp").mkdir()
    assert "left behind" in compared()
    anew()
    last = checkpoint.latest(other.workdir)
    items = {}
    for item in ("play", "training"):
        import orbax.checkpoint as ocp

        with ocp.StandardCheckpointer() as checkpointer:
            items[item] = {name: np.asarray(x) for name, x in checkpointer.restore(last / "state" / item).items()}
    card = json.loads((last / "card.json").read_text())
    checkpoint.save(last, items, {"card.json": card})
    assert compared() == ""
    items["training"]["step"] = items["training"]["step"] + 1
    checkpoint.save(last, items, {"card.json": card | {"validated_at_step": 1}})
    assert "training/step of the last checkpoint" in compared()
    assert "the card of the last checkpoint" in compared()
    shutil.rmtree(last)
    assert compared() == "no checkpoint"
