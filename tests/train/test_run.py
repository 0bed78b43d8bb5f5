"""Trainings in a working directory: stopped, resumed, damaged, refused."""

from __future__ import annotations

import csv
import errno
import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.systems.system import Progress
from drumjax.train import run
from drumjax.train.endings import Refused, Stopped
from drumjax.train.engine import NonFiniteLoss, fitting_batch
from drumjax.train.run import stage_ends, train
from drumjax.train.workdir import claimed, parse_budget, restore, write_config

STEPS = 100
TOY = Path(__file__).with_name("toy.py")


def bits(toy, path: Path, config) -> list[bytes]:
    """Every array of the state in a checkpoint, keys included."""
    state = restore(path, toy.abstract_state(config))
    leaves = [jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(state)]
    return [np.asarray(leaf).tobytes() for leaf in leaves]


def rows_of(workdir: Path) -> list[dict[str, str]]:
    with (workdir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def stopping_recipe(toy, at_validation: int, number=signal.SIGTERM):
    """The toy recipe, and a signal to ourselves at its k-th validation."""
    seen = []

    def summarise(sums):
        seen.append(sums)
        if len(seen) == at_validation:
            signal.raise_signal(number)
            time.sleep(0.2)  # the thread that reads signals has its turn
        return toy.summarise(sums)

    return toy.RECIPE._replace(summarise=summarise)


def in_process(arguments: dict, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOY), json.dumps(arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture(scope="session")
def uninterrupted(toy, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("uninterrupted")
    train(toy.RECIPE, None, toy.point_set(), workdir, steps=STEPS)
    return workdir


@pytest.fixture
def copied(uninterrupted, tmp_path) -> Path:
    return Path(shutil.copytree(uninterrupted, tmp_path / "work"))


def test_a_training_leaves_what_the_layout_promises(uninterrupted, toy) -> None:
    config = json.loads((uninterrupted / "config.json").read_text())
    assert (config["recipe"], config["steps"], config["steps_from"]) == ("line", STEPS, f"--steps {STEPS}")
    assert config["data"]["source_sha256"] == "a" * 64
    assert checkpoint.parse_config(toy.LineConfig, config["config"]) == toy.RECIPE.presets["paper"]
    assert list((uninterrupted / "tensorboard").glob("events.*"))
    last = checkpoint.latest(uninterrupted)
    assert last.name == str(STEPS)
    assert len(checkpoint.list_checkpoints(uninterrupted)) <= 3  # the last two and the best
    playing = checkpoint.load_playing(checkpoint.best(uninterrupted))
    assert (playing.card["system"], playing.card["play"]) == ("line", {"offset": 37.0})
    assert playing.card["criterion"] == {"name": "mse", "mode": "min", "value": playing.card["metrics"]["mse"]}
    held_out = toy.point_set().splits["validation"]
    params, mean = playing.params["line"], playing.extra["centre"]
    np.testing.assert_allclose(mean, toy.point_set().splits["train"]["x"].mean(0), atol=1e-6)
    mse = np.mean(((held_out["x"] - mean) @ params["w"] + params["b"] - held_out["y"]) ** 2)
    np.testing.assert_allclose(playing.card["metrics"]["mse"], mse, rtol=1e-5)


def test_tensorboard_reads_what_the_table_says(uninterrupted) -> None:
    from tensorboardX.proto.event_pb2 import Event

    (file,) = (uninterrupted / "tensorboard").iterdir()
    raw, events = file.read_bytes(), []
    while raw:  # length, its checksum, the event, its checksum
        length = int.from_bytes(raw[:8], "little")
        events.append(Event.FromString(raw[12 : 12 + length]))
        raw = raw[16 + length :]
    told = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    for row in rows_of(uninterrupted):
        for name in ("loss", "valid_mse"):
            assert ((int(row["step"]), name) in told) == bool(row[name])
            if row[name]:
                np.testing.assert_allclose(told[int(row["step"]), name], float(row[name]), rtol=1e-6)


def test_metrics_have_a_row_a_dispatch_and_figures_where_it_was_validated(uninterrupted) -> None:
    rows = rows_of(uninterrupted)
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS
    validated = [int(row["step"]) for row in rows if row["valid_mse"]]
    assert validated == [round(8 * k * 203 / 64) for k in (1, 2, 3)] + [STEPS]  # every 8 epochs of 203 / 64 steps
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    np.testing.assert_allclose(float(rows[-1]["epoch"]), STEPS * 64 / 203, atol=1e-3)


@pytest.mark.parametrize(("at", "number"), [(1, signal.SIGTERM), (3, signal.SIGINT)])
def test_a_stopped_and_resumed_training_ends_with_the_same_bits(toy, uninterrupted, tmp_path, at, number) -> None:
    with pytest.raises(Stopped) as caught:
        train(stopping_recipe(toy, at, number), None, toy.point_set(), tmp_path, steps=STEPS)
    assert caught.value.code == 75
    stopped_at = int(checkpoint.latest(tmp_path).name)
    assert 0 < stopped_at < STEPS
    assert str(caught.value) == f"stopped at step {stopped_at} of {STEPS}; run again to resume"
    # Rows of steps that the machine never saved, and half a row.
    with (tmp_path / "metrics.csv").open("a") as stream:
        stream.write(f"{stopped_at + 1}{',1' * (len(rows_of(tmp_path)[0]) - 1)}\n3,0.")
    result = train(toy.RECIPE, None, toy.point_set(), tmp_path)  # the number of steps is known from config.json
    assert result.steps == STEPS
    config = toy.RECIPE.presets["paper"]
    assert bits(toy, result.checkpoint, config) == bits(toy, checkpoint.latest(uninterrupted), config)
    assert result.best.name == checkpoint.best(uninterrupted).name
    steps = [int(row["step"]) for row in rows_of(tmp_path)]
    assert steps == sorted(set(steps))
    assert all(row["loss"] != "1" for row in rows_of(tmp_path))


def test_a_damaged_checkpoint_is_passed_over_and_said_so(toy, uninterrupted, copied, capsys) -> None:
    last, config = checkpoint.latest(copied), toy.RECIPE.presets["paper"]
    damaged = max((last / "state").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    before = checkpoint.list_checkpoints(copied)[-2]
    result = train(toy.RECIPE, None, toy.point_set(), copied, steps=STEPS)
    told = capsys.readouterr().err
    assert str(damaged) in told
    assert f"last good checkpoint, {before}" in told
    assert bits(toy, result.checkpoint, config) == bits(toy, checkpoint.latest(uninterrupted), config)
    for path in checkpoint.list_checkpoints(copied):
        (path / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"one good checkpoint; found \d damaged"):
        train(toy.RECIPE, None, toy.point_set(), copied, steps=STEPS)


def test_a_training_that_is_done_is_not_done_again(toy, copied) -> None:
    with pytest.raises(Refused, match=f"nothing to do, all {STEPS} steps are done") as caught:
        train(toy.RECIPE, None, toy.point_set(), copied)
    assert caught.value.code == 3


def test_a_program_that_trains_outlives_a_training_that_ends_early(toy, copied, tmp_path) -> None:
    ended = []
    for recipe, workdir in ((toy.RECIPE, copied), (stopping_recipe(toy, 1), tmp_path / "new")):
        try:
            train(recipe, None, toy.point_set(), workdir, steps=STEPS, resume_hint="call the demo again")
        except Exception as error:
            ended.append(error)
    refused, stopped = ended
    assert (type(refused), type(stopped)) == (Refused, Stopped)
    assert str(stopped).endswith(f"of {STEPS}; call the demo again")


def test_another_training_does_not_go_on_in_the_directory(toy, copied) -> None:
    paper = toy.RECIPE.presets["paper"]

    def fault(config=None, data=None, **options) -> str:
        with pytest.raises(InputError) as caught:
            train(options.pop("recipe", toy.RECIPE), config, data or toy.point_set(), copied, **options)
        return str(caught.value)

    changed = replace(paper, optimizer=replace(paper.optimizer, learning_rate=0.5), batch_size=8)
    assert "batch_size 64 became 8; optimizer.learning_rate 0.001 became 0.5; give the same" in fault(changed)
    assert "steps 100 became 7" in fault(steps=7)
    assert "seed 0 became 3" in fault(seed=3)
    assert f"data '{'a' * 64}' became '{'b' * 64}'" in fault(data=toy.point_set(sha="b" * 64))
    assert "recipe 'line' became 'two-lines'" in fault(recipe=toy.TWO_STAGES)
    assert "found grooves" in fault(data=type("Set", (), {"splits": {}, "info": type("Info", (), {"kind": "grooves"})})())
    # What changes only how the training runs may differ: this one is refused for being done.
    with pytest.raises(Refused):
        train(toy.RECIPE, replace(paper, keep_checkpoints=9, dispatch_steps=3), toy.point_set(), copied)


def test_never_resuming_refuses_what_is_there_and_takes_what_is_empty(toy, copied, tmp_path) -> None:
    held = sorted(path.name for path in copied.iterdir())
    with pytest.raises(Refused, match="not empty, and --resume never starts anew"):
        train(toy.RECIPE, None, toy.point_set(), copied, resume="never")
    assert sorted(path.name for path in copied.iterdir()) == held
    assert train(toy.RECIPE, None, toy.point_set(), tmp_path / "new", steps=2, resume="never").steps == 2


def test_a_folder_of_other_things_is_left_alone(toy, tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("\\section")
    with pytest.raises(InputError, match=r"found thesis\.tex; name another"):
        train(toy.RECIPE, None, toy.point_set(), tmp_path, steps=2)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_one_process_writes_in_a_directory(toy, copied) -> None:
    with (copied / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another training is at work there") as caught:
            train(toy.RECIPE, None, toy.point_set(), copied)
    assert caught.value.code == 3
    assert (copied / ".lock").exists()


def test_a_lock_that_its_holder_removed_is_no_lock(tmp_path, monkeypatch) -> None:
    lock = fcntl.flock

    def removed_meanwhile(stream, how):
        (tmp_path / ".lock").rename(tmp_path / "gone")
        (tmp_path / ".lock").touch()
        return lock(stream, how)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    with pytest.raises(Refused, match="another training is at work there"), claimed(tmp_path):
        pass


def test_a_disk_without_locks_is_not_taken_for_another_training(tmp_path, monkeypatch) -> None:
    def missing(stream, how):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)
    with pytest.raises(InputError, match="files can be locked; found Function not implemented"), claimed(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


def test_names_are_on_the_disk_as_well_as_what_they_name(tmp_path, monkeypatch) -> None:
    """A file that is flushed can still be lost with its folder's entry: each new name is flushed after it is there."""
    flushed: dict[int, set[str]] = {}

    def flush(descriptor: int) -> None:
        if stat.S_ISDIR((status := os.fstat(descriptor)).st_mode):
            flushed[status.st_ino] = set(os.listdir(descriptor))

    monkeypatch.setattr(os, "fsync", flush)
    workdir = tmp_path / "a" / "b"
    with claimed(workdir):
        write_config(workdir, {})
        assert "config.json" in flushed[workdir.stat().st_ino]
        checkpoint.save(checkpoint.place_of(workdir, 3), {"play": {"w": np.ones(2, np.float32)}}, {})
    for folder, name in ((tmp_path, "a"), (tmp_path / "a", "b"), (workdir, "checkpoints"), (workdir / "checkpoints", "3")):
        assert name in flushed[folder.stat().st_ino], folder


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 0}, "--steps: expected a number of at least 1"),
        ({"steps": 3, "budget": "1m"}, "--steps or --budget"),
        ({"budget": "soon"}, "a time such as 90s"),
        ({"resume": "perhaps"}, "auto or never"),
        ({"data": "nothing"}, "found no such file or folder"),
        ({"devices": jax.devices() * 3, "steps": 3}, "a multiple of the number of devices"),
        ({"recipe": "two", "steps": 1}, "at least a step for each of the 2 stages"),
    ],
)
def test_what_is_at_fault_is_named_and_leaves_nothing_behind(toy, tmp_path, options, says) -> None:
    recipe = toy.TWO_STAGES if options.get("recipe") else toy.RECIPE
    with pytest.raises(InputError, match=says):
        train(**{"config": None, "data": toy.point_set(), "workdir": tmp_path / "a" / "b"} | options | {"recipe": recipe})
    assert list(tmp_path.iterdir()) == []


def test_a_budget_is_kept_and_fixed_for_good(toy, tmp_path) -> None:
    began = time.monotonic()
    with pytest.raises(Stopped):
        train(stopping_recipe(toy, 1), None, toy.point_set(), tmp_path, budget="20s")
    assert time.monotonic() - began < 22
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["steps_from"] == "--budget 20s"
    assert content["steps"] > int(checkpoint.latest(tmp_path).name)
    (tmp_path / "config.json").write_text(json.dumps(content | {"steps": 60}))
    assert train(toy.RECIPE, None, toy.point_set(), tmp_path, budget="20s").steps == 60


@pytest.mark.parametrize(
    ("n", "devices", "batch"),
    [(8, 1, 8), (9, 1, 8), (63, 1, 32), (64, 1, 64), (1000, 1, 64), (1, 1, 1), (3, 8, 8), (20, 3, 16)],
)
def test_a_batch_holds_no_more_than_there_is_and_every_device_has_an_item(n, devices, batch) -> None:
    assert fitting_batch(64, n, devices) == batch


def test_few_examples_are_trained_on_for_a_step_an_epoch_and_said_to_be_few(toy, tmp_path, capsys) -> None:
    paper = replace(toy.RECIPE.presets["paper"], epochs=20)
    result = train(toy.RECIPE, paper, toy.point_set(9, 5), tmp_path / "few")
    told = capsys.readouterr().err
    assert "batches of 8 instead of 64: there are 9 training examples" in told
    assert "23 steps in all are few to learn from; --steps N trains longer" in told
    assert result.steps == 23  # ⌈20 · 9 / 8⌉
    assert json.loads((tmp_path / "few" / "config.json").read_text())["config"]["batch_size"] == 8
    with pytest.raises(Refused):  # the same call goes on with the same batch
        train(toy.RECIPE, paper, toy.point_set(9, 5), tmp_path / "few")
    capsys.readouterr()
    train(toy.RECIPE, paper, toy.point_set(), tmp_path / "asked", steps=3)
    assert "few to learn from" not in capsys.readouterr().err


@pytest.mark.parametrize(("share", "winner"), [(0.0, "25"), (0.5, "51"), (1.0, "100"), (1.1, "100")])
def test_validations_before_the_end_of_a_warm_up_do_not_compete(toy, tmp_path, share, winner) -> None:
    # More is better and the error falls: the earliest that competes wins, and where none does, the latest.
    recipe = toy.RECIPE._replace(criterion=("mse", "max"), competes_from=lambda config: share)
    result = train(recipe, None, toy.point_set(), tmp_path, steps=STEPS)
    assert result.best.name == winner
    values = [checkpoint.read_card(path)["criterion"]["value"] for path in checkpoint.list_checkpoints(tmp_path)]
    assert all(value is None for value in values) == (share > 1)


def test_stages_follow_one_another_and_resume_in_the_middle(toy, tmp_path) -> None:
    whole = train(toy.TWO_STAGES, None, toy.point_set(), tmp_path / "whole", steps=40)
    playing = checkpoint.load_playing(whole.checkpoint)
    assert list(playing.params) == ["second"]
    assert (playing.card["stage"], playing.card["step"]) == (1, 40)
    compared = {
        card["stage"]: card["criterion"]["value"]
        for card in map(checkpoint.read_card, checkpoint.list_checkpoints(tmp_path / "whole"))
    }
    assert all((value is not None) == (stage == 1) for stage, value in compared.items())
    assert {10, 40} <= {int(row["step"]) for row in rows_of(tmp_path / "whole")}
    for at in (1, 2):  # at the last step of the first stage, and within the second
        parts, recipe = tmp_path / str(at), stopping_recipe(toy, at)
        with pytest.raises(Stopped):
            train(recipe._replace(name=toy.TWO_STAGES.name, stages=toy.two_stages), None, toy.point_set(), parts, steps=40)
        assert int(checkpoint.latest(parts).name) < 40
        resumed = train(toy.TWO_STAGES, None, toy.point_set(), parts)
        again = checkpoint.load_playing(resumed.checkpoint)
        for one, other in zip(jax.tree.leaves(playing.params), jax.tree.leaves(again.params), strict=True):
            np.testing.assert_array_equal(one, other)


def test_shares_divide_the_steps_without_loss() -> None:
    assert stage_ends([1.0, 3.0], 40) == [10, 40]
    assert stage_ends([0.2], 7) == [7]
    assert stage_ends([1, 1, 1], 100)[-1] == 100
    with pytest.raises(ValueError, match="above 0"):
        stage_ends([1.0, 0.0], 10)


def test_a_training_that_diverges_keeps_its_last_good_checkpoint(toy, tmp_path) -> None:
    paper = toy.RECIPE.presets["paper"]
    steep = replace(
        paper, optimizer=replace(paper.optimizer, name="sgd", learning_rate=5.0, plateau_factor=1.0), validate_every_epochs=1
    )
    with pytest.raises(NonFiniteLoss) as caught:
        train(toy.RECIPE, steep, toy.point_set(), tmp_path, steps=STEPS)
    last = checkpoint.latest(tmp_path)
    assert int(last.name) <= caught.value.step < STEPS
    assert f"at step {caught.value.step}" in str(caught.value)
    assert f"the last good checkpoint is {last}" in str(caught.value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(checkpoint.load_playing(last).params))


def poisoned(toy, where: str, at: int = 40):
    """The toy recipe, in whose state something becomes NaN after step `at` without a trace in its loss and gradient."""

    def nan_from(step, leaf):
        return jnp.where(step >= at, jnp.nan, leaf).astype(leaf.dtype)

    def stages(config, info):
        stage = toy.one_stage(config, info)[0]
        system, inner = stage.system, stage.optimizers["line"]

        def init(key, batch):
            params, extra = system.init(key, batch)
            return {"line": {**params["line"], "unused": jnp.zeros(2)}}, {**extra, "mean": jnp.zeros(3)}

        def loss(params, extra, batch, key, progress):
            value, (kept, metrics) = system.losses["line"](params, extra, batch, key, progress)
            mean = nan_from(progress.step, extra["mean"]) if where == "extra" else extra["mean"]
            return value, ({**kept, "mean": mean}, metrics)

        def update(gradient, state, params, *progress):
            updates, kept = inner.update(gradient, state["inner"], params, Progress(jnp.int32(0), jnp.float32(0)))
            if where == "params":
                updates = {**updates, "unused": nan_from(state["count"], updates["unused"])}
            count = state["count"] + 1
            noise = nan_from(count, state["noise"]) if where == "opt" else state["noise"]
            return updates, {"inner": kept, "count": count, "noise": noise}

        def start(params):
            return {"inner": inner.init(params), "count": jnp.int32(0), "noise": jnp.full(2, jnp.inf)}

        chosen = system._replace(init=init, losses={"line": loss})
        return [stage._replace(system=chosen, optimizers={"line": optax.GradientTransformation(start, update)})]

    return toy.RECIPE._replace(stages=stages)


@pytest.mark.parametrize(
    ("where", "name"), [("params", "played params/line/unused"), ("extra", "extra/mean"), ("opt", "opt/line/noise")]
)
def test_a_state_with_nan_is_never_saved_though_its_loss_is_finite(toy, tmp_path, where, name) -> None:
    """Validation comes after 25 and 51 steps. An infinity in the optimiser's state is there from the start, and no fault."""
    with pytest.raises(NonFiniteLoss) as caught:
        train(poisoned(toy, where), None, toy.point_set(), tmp_path, steps=STEPS)
    last = checkpoint.latest(tmp_path)
    assert (last.name, caught.value.step) == ("25", 50)
    assert name in str(caught.value)
    assert str(caught.value).endswith(f"the last good checkpoint is {last}")
    checkpoint.verify(last)
    assert [path.name for path in last.parent.iterdir()] == ["25"]


def test_a_figure_that_is_no_number_is_told_and_does_not_compete(toy, tmp_path, capsys) -> None:
    seen = []

    def summarise(sums):
        seen.append(sums)
        return toy.summarise(sums) | ({"mse": float("nan")} if len(seen) == 2 else {})

    recipe = toy.RECIPE._replace(summarise=summarise, criterion=("mse", "max"))
    result = train(recipe, replace(recipe.presets["paper"], keep_checkpoints=9), toy.point_set(), tmp_path, steps=STEPS)
    assert "not a finite number on the validation split at step 51, left out of the card: mse" in capsys.readouterr().err
    assert result.best.name == "25"
    card = checkpoint.read_card(checkpoint.place_of(tmp_path, 51))
    assert (card["metrics"], card["criterion"]["value"]) == ({}, None)


def test_what_playing_needs_has_to_be_finite(toy, tmp_path) -> None:
    recipe = toy.RECIPE._replace(play=lambda config, info, sums: {"threshold": [float("inf")]})
    with pytest.raises(NonFiniteLoss, match="what the validation found for playing not finite at step 24"):
        train(recipe, None, toy.point_set(), tmp_path, steps=STEPS)


def test_options_may_change_while_nothing_is_saved_and_a_finished_one_is_left_alone(toy, tmp_path, capsys) -> None:
    """A training that met a full disk before its first checkpoint holds nobody to its options."""
    paper = toy.RECIPE.presets["paper"]
    steep = replace(paper, optimizer=replace(paper.optimizer, name="sgd", learning_rate=1e30))
    with pytest.raises(NonFiniteLoss):
        train(toy.RECIPE, steep, toy.point_set(), tmp_path, steps=STEPS)
    assert json.loads((tmp_path / "config.json").read_text())["config"]["optimizer"]["learning_rate"] == 1e30
    assert checkpoint.latest(tmp_path) is None
    capsys.readouterr()
    result = train(toy.RECIPE, None, toy.point_set(), tmp_path, steps=30)
    told = capsys.readouterr().err
    assert "ended before its first checkpoint; begun anew, with steps 100 became 30; optimizer.learning_rate 1e+30 became" in told
    content = json.loads((tmp_path / "config.json").read_text())
    assert (result.steps, content["steps"], content["config"]["optimizer"]["learning_rate"]) == (30, 30, 1e-3)
    assert [int(row["step"]) for row in rows_of(tmp_path)][-1] == 30
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
    with pytest.raises(InputError, match="steps 30 became 31"):
        train(toy.RECIPE, None, toy.point_set(), tmp_path, steps=31)


def test_a_checkpoint_of_another_training_is_not_gone_on_from(toy, copied, tmp_path, capsys) -> None:
    """Its bytes are right and its shapes are the same; only its card says that it does not belong here."""
    paper = toy.RECIPE.presets["paper"]
    other = train(toy.RECIPE, replace(paper, seed=5), toy.point_set(), tmp_path / "other", steps=STEPS)
    last = checkpoint.latest(copied)
    before = checkpoint.list_checkpoints(copied)[-2]
    shutil.rmtree(last)
    shutil.copytree(other.checkpoint, last)
    train(toy.RECIPE, None, toy.point_set(), copied)
    told = capsys.readouterr().err
    assert f"{last}: expected a checkpoint of this training; found seed 5 became 0" in told
    assert f"last good checkpoint, {before}" in told
    assert (copied / "checkpoints" / f"{STEPS}.bad").is_dir()


def signal_at_row(monkeypatch, number: int) -> None:
    """SIGTERM to ourselves while the number-th row is written."""
    add, seen = run.Logs.add, []

    def signalled(self, step, *rest):
        add(self, step, *rest)
        seen.append(step)
        if len(seen) == number:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.3)  # the thread that reads signals has its turn

    monkeypatch.setattr(run.Logs, "add", signalled)


def test_what_is_trained_again_after_damage_is_not_pruned_for_the_damaged(toy, copied, monkeypatch) -> None:
    """With one checkpoint to keep, a damaged later one would count as that one."""
    (checkpoint.latest(copied) / "card.json").write_bytes(b"{}")
    before = int(checkpoint.list_checkpoints(copied)[-2].name)
    config = replace(toy.RECIPE.presets["paper"], keep_checkpoints=1, checkpoint_every_seconds=1e-9)
    signal_at_row(monkeypatch, 1)
    with pytest.raises(Stopped, match=f"stopped at step {before + 1} of"):
        train(toy.RECIPE, config, toy.point_set(), copied)
    assert checkpoint.latest(copied).name == str(before + 1)


def test_a_signal_between_two_looks_does_not_end_without_a_checkpoint(toy, tmp_path, monkeypatch) -> None:
    """It comes while a row is written, after it was looked at whether to save."""
    signal_at_row(monkeypatch, 3)
    with pytest.raises(Stopped) as caught:
        train(toy.RECIPE, replace(toy.RECIPE.presets["paper"], dispatch_steps=2), toy.point_set(), tmp_path, steps=STEPS)
    assert f"stopped at step {checkpoint.latest(tmp_path).name} of" in str(caught.value)


@pytest.mark.parametrize("kilobytes", [3, 6])
def test_a_full_disk_ends_the_training_with_one_message_and_harms_nothing(toy, tmp_path, kilobytes) -> None:
    """A limit on the size of files stands for the disk: at 3 kB a checkpoint meets it, at 6 kB a log."""
    program = (
        "import resource, runpy, sys; limit = int(sys.argv.pop(1)); resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); "
    )
    program += f"sys.argv[0] = {str(TOY)!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    arguments = json.dumps(
        {"workdir": str(tmp_path), "steps": 20_000, "config": {"validate_every_epochs": 40, "dispatch_steps": 4}}
    )
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-c", program, str(kilobytes * 1024), arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 1
    last = [line for line in done.stderr.splitlines() if "InputError" in line][-1]
    assert "File too large; make room and run again" in last
    for path in checkpoint.list_checkpoints(tmp_path):
        checkpoint.verify(path)
    assert bool(checkpoint.list_checkpoints(tmp_path)) == (kilobytes == 6)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "make room and run again to resume from"),
        (errno.EROFS, "make it writable and run again to resume from"),
        (errno.EPIPE, None),
        (errno.EMFILE, None),
    ],
)
def test_only_a_fault_of_the_disk_is_told_as_one(toy, tmp_path, monkeypatch, number, says) -> None:
    save = run.save

    def failing(place, *rest):
        if checkpoint.latest(tmp_path):
            raise OSError(number, os.strerror(number))
        return save(place, *rest)

    monkeypatch.setattr(run, "save", failing)
    with pytest.raises(InputError if says else OSError) as caught:
        train(toy.RECIPE, None, toy.point_set(), tmp_path, steps=STEPS)
    if says:
        assert says in str(caught.value)
    else:
        assert caught.value.errno == number


def test_what_a_killed_measurement_of_the_pace_left_is_removed(toy, tmp_path) -> None:
    for name in (".timing", ".timing.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"half")
    train(toy.RECIPE, None, toy.point_set(20, 0), tmp_path, steps=2)
    assert not list(tmp_path.glob(".timing*"))


def test_a_training_goes_on_when_no_one_reads_what_it_says(toy, tmp_path) -> None:
    arguments = json.dumps({"workdir": str(tmp_path), "steps": STEPS})
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as unread:
        done = subprocess.run([sys.executable, str(TOY), arguments], stdout=subprocess.DEVNULL, stderr=unread, timeout=120)
    assert done.returncode == 0
    assert checkpoint.latest(tmp_path).name == str(STEPS)


def test_a_training_goes_on_when_its_terminal_is_closed(toy, tmp_path) -> None:
    ours, theirs = os.openpty()
    words = [sys.executable, str(TOY), json.dumps({"workdir": str(tmp_path), "steps": STEPS, "config": {"dispatch_steps": 1}})]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        assert os.read(ours, 1)  # the bar
        os.close(ours)
        assert process.wait(120) == 0
    assert checkpoint.latest(tmp_path).name == str(STEPS)


def test_a_set_without_validation_examples_is_validated_on_what_it_has(toy, tmp_path, capsys) -> None:
    result = train(toy.RECIPE, None, toy.point_set(20, 0), tmp_path, steps=3)
    assert "validation split is empty" in capsys.readouterr().err
    assert checkpoint.read_card(result.checkpoint)["play"] == {"offset": 20.0}


def test_a_bare_machine_trains_and_a_signalled_process_resumes_to_the_same_bits(toy, uninterrupted, tmp_path) -> None:
    """A process without TFDS, TensorFlow, the sound and MIDI libraries and tensorboardX; SIGTERM while it trains."""
    slow = {"workdir": str(tmp_path), "steps": 3_000_000, "bare": True}
    process = subprocess.Popen([sys.executable, str(TOY), json.dumps(slow)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "metrics.csv").exists() or len(rows_of(tmp_path)) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 75, told
    assert "tensorboardX is not installed" in told
    assert "SIGTERM: writing a checkpoint" in told
    stopped_at = int(checkpoint.latest(tmp_path).name)
    assert not (tmp_path / "tensorboard").exists()
    # The number of steps decides nothing but the progress that the loss sees, and the toy's loss does not look at it.
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["steps"] == 3_000_000
    straight = train(toy.RECIPE, None, toy.point_set(), tmp_path / "straight", steps=stopped_at)
    config = toy.RECIPE.presets["paper"]
    assert bits(toy, straight.checkpoint, config) == bits(toy, checkpoint.latest(tmp_path), config)


def test_a_budget_is_a_time() -> None:
    assert [parse_budget(text) for text in ("90s", "10m", "1.5h", " 2 m ")] == [90, 600, 5400, 120]
    for text in ("", "10", "m", "-3s", "0s", "1d", "1m30s"):
        with pytest.raises(InputError, match="--budget"):
            parse_budget(text)
