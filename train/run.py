"""A training from a recipe's name to checkpoints in a working directory: what `drumjax train` does.

    result = train("pattern-vae", preset, data="embedded", workdir="runs/first", steps=2000)

A run is a function of (recipe, configuration, data, number of steps): stopped by a signal, killed or resumed, it ends with the
same bits. `--budget` measures first, on a state that is thrown away, and then fixes the number of steps.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from drumjax import __version__
from drumjax.boundary import InputError
from drumjax.checkpoint import CARD, best, dump_config, fingerprint, latest, place_of, prune, read_card, save
from drumjax.train import workdir as folder
from drumjax.train.endings import Refused, Stopped
from drumjax.train.engine import (
    Begin,
    NonFiniteLoss,
    Program,
    Report,
    Schedule,
    State,
    begun_with,
    compile_program,
    fitting_batch,
    run_steps,
    schedule_of,
    source_of,
    stage_key,
    steps_in,
)
from drumjax.train.hosts import connected
from drumjax.train.logs import Logs, NoLogs, open_logs
from drumjax.train.parallel import Layout, Mode, make_layout, meet
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipe import recipe as find_recipe
from drumjax.train.signals import Stop, caught_signals
from drumjax.train.team import Team

BUDGET_MARGIN = 0.05
"""The share of a budget that is left alone, for a machine that grows slower."""
FEW_STEPS = 500
"""A training that epochs or a budget make shorter than this is warned of (our decision)."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says of a disk that is full, or of a limit on it that is reached."""
NO_WRITING = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENODEV, errno.ESTALE)
"""What it says of one that was taken away, or locked, while the training ran."""


class TrainingResult(NamedTuple):
    """What a training left behind.

    Attributes:
      workdir: the working directory.
      checkpoint: the checkpoint of the last step.
      best: the best one by the recipe's criterion.
      steps: how many steps were made, those before a resumption included.
      metrics: the validation figures of the last step.
      seconds: how long this call took.
    """

    workdir: Path
    checkpoint: Path
    best: Path
    steps: int
    metrics: dict[str, float]
    seconds: float


@dataclass
class _Run:
    """All that a run has at hand; nothing in it changes but `begun`, `validated` and `saved_at`."""

    recipe: Recipe
    config: Any
    info: Any
    workdir: Path
    team: Team
    stages: Sequence[Stage]
    program: Callable[[int], Program]
    training: Mapping[str, np.ndarray]
    layout: Layout
    resume_hint: str
    begun: dict[int, Begin] = field(default_factory=dict)
    """What `Stage.begin` gave, by stage: a budget asks for it twice."""
    validated: dict[str, Any] | None = None
    """`play` and `metrics` of the last validation, and its step."""
    saved_at: float = 0.0


def train(
    recipe: Recipe | str,
    config: Any,
    data: Any,
    workdir: str | Path,
    *,
    steps: int | None = None,
    budget: str | None = None,
    seed: int | None = None,
    resume: str = "auto",
    parallel: Mode = "jit",
    devices: Sequence[jax.Device] | None = None,
    resume_hint: str = "run again to resume",
    own_process: bool = False,
    team: Team | None = None,
) -> TrainingResult:
    """Trains, or goes on with a training that was begun in the working directory.

    Args:
      recipe: a recipe or its name.
      config: of the recipe's `config_type`; None for its preset `paper`.
      data: what `datasets.load.load_data` takes ("embedded", a prepared folder, an .npz file), or a set already loaded.
      workdir: a new or empty directory, or that of a training to go on with.
      steps: the length; takes the place of the configuration's epochs or iterations.
      budget: the length as a time such as "10m", all included; fixed as a number of steps once the pace is known. A resumed
        training keeps the number.
      seed: takes the place of the configuration's.
      resume: "auto", or "never" to refuse a directory that is not empty.
      parallel: "jit" or "pmap".
      devices: None for all.
      resume_hint: what the user is told to do after a signal has stopped the training.
      own_process: whether the process is there for this training alone, and a signal may end it: see `signals.caught_signals`.
      team: the processes that train together, as `hosts.joined` gives them, each of which calls this with the same arguments and
        the same data; `workdir` lies where all can read it, and process 0 writes. None: those that `jax.distributed` has joined.

    Returns:
      See `TrainingResult`.

    Raises:
      InputError: arguments, data or the directory are at fault. `NonFiniteLoss` is one: it names the step.
      Refused: the training is finished, another process is at it, or `resume` forbids it.
      Elsewhere: another process of the training ended early, with its code.
      Stopped: a signal came; the state is in the last checkpoint. (One that comes while there is nothing to save, as during the
        first compilation, ends the process at once with code 75 where `own_process` allows it.)
      KeyboardInterrupt: a second signal came, and the process is not ours to end.
    """
    began = time.monotonic()
    recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
    config = _checked_config(recipe, config, seed)
    if steps is not None and budget is not None:
        raise InputError("--steps", rule="--steps or --budget", found="both", remedy="leave one out")
    if steps is not None and steps < 1:
        raise InputError(
            "--steps", rule="a number of at least 1", found=str(steps), remedy="leave it out for the configuration's own length"
        )
    if resume not in ("auto", "never"):
        raise InputError("--resume", rule="auto or never", found=repr(resume), remedy="leave it out for auto")
    budget_seconds = None if budget is None else folder.parse_budget(budget)
    place = Path(workdir)
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(caught_signals(resume_hint, own_process=own_process))
        stop.at_once = True
        team = stack.enter_context(connected()) if team is None else team
        stop.leaving = team.leave
        loaded = data if hasattr(data, "splits") else _load(data, recipe.kind)
        info = loaded.info
        if info.kind != recipe.kind:
            remedy = f"name data of the kind {recipe.kind}, or another recipe"
            raise InputError(str(data), rule=f"data of the kind {recipe.kind}", found=info.kind, remedy=remedy)
        config = recipe.measured(recipe.fitted(config, info), loaded.splits["train"])
        n, among = len(next(iter(loaded.splits["train"].values()))), len(devices or jax.devices())
        if recipe.balance:
            _check_balance(recipe, config, loaded.splits["train"], among)
        elif (batch_size := fitting_batch(config.batch_size, n, among)) != config.batch_size:
            team.say(f"drumjax: batches of {batch_size} instead of {config.batch_size}: there are {n} training examples")
            config = replace(config, batch_size=batch_size)
        if recipe.whole_batch and parallel == "pmap":
            rule = f"jit for {recipe.name}, whose losses look at a batch as a whole"
            raise InputError("--parallel", rule=rule, found="pmap", remedy="use --parallel jit, the default")
        layout = make_layout(config.batch_size, parallel, devices)
        stages = recipe.stages(config, info)
        where = data if isinstance(data, str | Path) else info.name
        of_config = "iterations" if config.iterations else "epochs"
        length = f"--steps {steps}" if steps else of_config if budget is None else f"--budget {budget}"
        now = folder.describe(recipe.name, recipe.stored(config), info, str(where), steps or steps_in(config, n), length)
        _check_team(team, now, n, resume)
        meet(layout)
        # Only now: what is at fault in the arguments or the data leaves no trace.
        if team.is_first:
            stack.enter_context(folder.claimed(place))
        begun = team.first(lambda: _begin(place, resume, steps, now))
        total, fresh = begun["total"], not begun["goes_on"]
        now["steps"] = total
        checkpoint = None if begun["checkpoint"] is None else place_of(place, begun["checkpoint"])
        _check_sight(team, checkpoint, begun["manifest"])
        splits = recipe.prepared(config, info, loaded.splits)
        programs = _programs(stages, splits, config, layout, team, recipe.balance)
        run = _Run(recipe, config, info, place, team, stages, programs, splits["train"], layout, resume_hint)
        with _disk_faults(place):
            if fresh and budget_seconds is not None:
                total = _steps_within(run, budget_seconds - (time.monotonic() - began))
                now["steps"] = total
            ends = _ends(run, total)
            if fresh and steps is None and total < FEW_STEPS:
                team.say(f"drumjax: {total} steps in all are few to learn from; --steps N trains longer, for example --steps 2000")
            if fresh and team.is_first:
                folder.write_config(place, now)
            logs: contextlib.AbstractContextManager[Logs | NoLogs] = contextlib.nullcontext(NoLogs(total))
            if team.is_first:
                step = 0 if checkpoint is None else int(checkpoint.name)
                title, steps_per_epoch = f"training {recipe.name}", n / config.batch_size
                logs = open_logs(place, step=step, total=total, steps_per_epoch=steps_per_epoch, title=title)
            with logs as opened:
                _train_stages(run, ends, checkpoint, opened, stop)
        done = team.first(lambda: _outcome(place))
    last = place_of(place, done["last"])
    return TrainingResult(place, last, place_of(place, done["best"]), total, done["metrics"], time.monotonic() - began)


def _begin(place: Path, resume: str, steps: int | None, now: Mapping[str, Any]) -> dict[str, Any]:
    """What process 0 finds in the working directory: whether a training goes on, with how many steps, and from which checkpoint."""
    before, total, checkpoint = folder.begun(place, resume), now["steps"], None
    if before is not None:
        total = steps or before["steps"]
        if not folder.goes_on(place, before, {**now, "steps": total}):
            before, total = None, now["steps"]
    if before is not None:
        with _disk_faults(place):
            checkpoint = folder.good_checkpoint(place, {**now, "steps": total})
        if checkpoint is not None and int(checkpoint.name) >= total:
            raise Refused(f"{place}: nothing to do, all {total} steps are done; see {checkpoint}")
    found = {"checkpoint": None, "manifest": None} if checkpoint is None else {
        "checkpoint": int(checkpoint.name), "manifest": fingerprint(checkpoint)
    }  # fmt: skip
    return {"total": total, "goes_on": before is not None, **found}


def _outcome(place: Path) -> dict[str, Any]:
    last = latest(place)
    assert last is not None
    return {"last": int(last.name), "best": int(best(place).name), "metrics": read_card(last)["metrics"]}


def _check_team(team: Team, now: Mapping[str, Any], n: int, resume: str) -> None:
    """Whether all processes were called for one training, on one set of data."""
    data = {"source_sha256": now["data"].get("source_sha256"), "training examples": n}
    team.check_same({f"data: {name}": value for name, value in data.items()}, "give every process the same data, or a copy of them")
    versions = {name: now[name] for name in ("library_version", "jax_version")}
    asked = {"recipe": now["recipe"], "length": now["steps_from"], "--resume": resume, **versions}
    team.check_same(asked | folder.flat(now["config"]), "call every process with the same options and software")
    team.check_same({"devices of a process": jax.local_device_count()}, "give every process the same number of devices")


def _check_sight(team: Team, checkpoint: Path | None, manifest: str | None) -> None:
    """Whether this process sees the checkpoint that process 0 wants to go on from; its bytes are checked when it is restored."""
    if checkpoint is None or team.is_first:
        return
    remedy = "name a --workdir on a file system that all hosts share"
    if not checkpoint.is_dir():
        raise InputError(checkpoint, rule="the checkpoint that process 0 sees", found="nothing", remedy=remedy)
    if fingerprint(checkpoint) != manifest:
        raise InputError(checkpoint, rule="the checkpoint that process 0 sees", found="another", remedy=remedy)


@contextlib.contextmanager
def _disk_faults(place: Path) -> Iterator[None]:
    """Tells a fault of the disk as one: whatever was being written, earlier checkpoints are whole."""
    try:
        yield
    except OSError as error:
        if error.errno not in (*NO_ROOM, *NO_WRITING):
            raise
        cure = "make room" if error.errno in NO_ROOM else "make it writable"
        last = latest(place)
        remedy = f"{cure} and run again to resume from {last}" if last else f"{cure} and run again"
        raise InputError(place, rule="to write checkpoints and logs", found=error.strerror or str(error), remedy=remedy) from error


def _checked_config(recipe: Recipe, config: Any, seed: int | None) -> Any:
    config = recipe.presets["paper"] if config is None else config
    if not isinstance(config, recipe.config_type):
        raise TypeError(f"expected a {recipe.config_type.__name__} for {recipe.name}, found {type(config).__name__}")
    return config if seed is None else replace(config, seed=seed)


def _load(where: Any, kind: str) -> Any:
    from drumjax.datasets.load import load_data

    return load_data(where, kind)


def _check_balance(recipe: Recipe, config: Any, training: Mapping[str, np.ndarray], devices: int) -> None:
    """Whether a balanced batch can be split over the devices; `make_layout` would propose one of another number of classes."""
    classes = len(np.unique(training[recipe.balance]))
    if config.batch_size % devices:
        step = devices // math.gcd(devices, classes)
        raise InputError(
            "batch_size",
            rule=f"a multiple of the number of devices, {devices}",
            found=f"{config.batch_size}, {config.batch_size / classes:g} of each of {classes} classes",
            remedy=f"take a multiple of {step} of each class, or show the program fewer devices",
        )


def _programs(
    stages: Sequence[Stage], splits: Mapping[str, Any], config: Any, layout: Layout, team: Team, balance: str
) -> Callable[[int], Program]:
    """`(stage) -> its program`, made at the first call."""
    training = source_of(splits["train"], config, balance)
    held_out = splits.get("validation", {})
    if any(len(array) for array in held_out.values()):
        validation = source_of(held_out, config)
    else:
        team.say("drumjax: the validation split is empty: figures and thresholds are those of the training split")
        validation = training
    made: dict[int, Program] = {}

    def program(index: int) -> Program:
        if index not in made:
            stage = stages[index]
            made[index] = compile_program(
                stage.system, stage.optimizers, training, validation, ema_decay=config.ema_decay, layout=layout
            )
        return made[index]

    return program


def stage_ends(shares: Sequence[float], total: int) -> list[int]:
    """The step with which each stage ends; the shares are relative to their sum, and the last stage ends with `total`.

    Raises:
      ValueError: when a share is not above 0.
    """
    if not shares or min(shares) <= 0:
        raise ValueError(f"expected shares above 0, found {list(shares)}")
    return [round(total * float(part)) for part in np.cumsum(shares) / np.sum(shares)]


def _enter(run: _Run, index: int, state: State | None) -> State:
    """The first state of a stage, placed."""
    program = run.program(index)
    key = stage_key(run.config.seed, index)
    if index not in run.begun:
        ready = run.stages[index].begin
        with jax.default_device(run.layout.own_device()):
            run.begun[index] = Begin() if ready is None else ready(run.training)
    if index == 0:
        return program.start(key, run.begun[0])
    enter = run.stages[index].enter
    if enter is None or state is None:
        raise ValueError(f"expected stage {index} of {run.recipe.name} to have `enter`, which makes its state from the last one's")
    # Whatever `enter` made of them: steps are counted from the stage's beginning, and no two stages draw the same numbers.
    state = run.program(index - 1).fetch(state)
    entered = enter(state).replace(step=jax.numpy.zeros((), jax.numpy.int32), key=key)
    return program.place(begun_with(entered, run.begun[index], run.stages[index].optimizers, ema_decay=run.config.ema_decay))


def _abstract(run: _Run, index: int) -> State:
    state = run.program(0).abstract()
    for stage in run.stages[1 : index + 1]:
        assert stage.enter is not None
        state = jax.eval_shape(stage.enter, state)
    return state


def _ends(run: _Run, total: int) -> list[int]:
    ends = stage_ends([stage.share for stage in run.stages], total)
    if any(end == start for start, end in itertools.pairwise([0, *ends])):
        rule = f"at least a step for each of the {len(ends)} stages of {run.recipe.name}"
        raise InputError("--steps", rule=rule, found=f"{total} steps", remedy="train longer")
    return ends


def _train_stages(run: _Run, ends: Sequence[int], checkpoint: Path | None, logs: Logs | NoLogs, stop: Stop) -> None:
    starts, total = [0, *ends[:-1]], ends[-1]
    state, first = None, 0
    if checkpoint is not None:
        card = read_card(checkpoint)
        first = card["stage"]
        if first >= len(run.stages) or not starts[first] < card["step"] <= ends[first]:
            found, remedy = f"step {card['step']} of stage {first}", "move it elsewhere, or name another --workdir"
            raise InputError(checkpoint, rule="a step of this training", found=found, remedy=remedy)
        restored = folder.restore(checkpoint, _abstract(run, first))
        if starts[first] + int(restored.step) != card["step"]:
            found, remedy = f"that of step {starts[first] + int(restored.step)}", "move it elsewhere, or name another --workdir"
            raise InputError(checkpoint, rule=f"the state of step {card['step']}", found=found, remedy=remedy)
        state = run.program(first).place(restored)
        run.validated = {key: card[key] for key in ("play", "metrics", "validated_at_step")}
        run.team.say(f"drumjax: going on from step {card['step']} of {total}")
    run.saved_at = time.monotonic()
    for index in range(first, len(run.stages)):
        length = ends[index] - starts[index]
        stop.at_once = True  # all that was done is in a checkpoint; what follows is a compilation
        if state is None or index > first:
            state = _enter(run, index, state)
        program = run.program(index)
        schedule = schedule_of(run.config, program.steps_per_epoch, length)
        reports = run_steps(
            program,
            state,
            until=length,
            total=length,
            next_stop=schedule.next_stop,
            seconds=run.config.dispatch_seconds,
            offset=starts[index],
            agree=run.team.agree,
        )
        try:
            for report in reports:
                stop.at_once = False
                _after_dispatch(run, report, index, starts[index], program, schedule, logs, stop)
                state = report.state
        except NonFiniteLoss as error:
            last = latest(run.workdir)
            kept = f"; the last good checkpoint is {last}" if last else "; there is no checkpoint yet"
            raise NonFiniteLoss(error.step, error.what, path=run.workdir, kept=kept) from None


def _after_dispatch(
    run: _Run, report: Report, index: int, offset: int, program: Program, schedule: Schedule, logs: Logs | NoLogs, stop: Stop
) -> None:
    step = offset + report.step
    due = schedule.is_due(report.step)
    late = time.monotonic() - run.saved_at > run.config.checkpoint_every_seconds
    # A signal to one process stops all; whether it is time to save, process 0 says.
    everybody = run.team.gather([late, stop.requested])
    regular = schedule.is_one_in(run.config.checkpoint_every_validations, report.step)
    saves = regular or everybody[0][0] or any(requested for _, requested in everybody)
    state = program.fetch(report.state)
    if (due or saves) and (lost := folder.unsound(folder.checkpoint_items(state))):
        # Losses and gradients were finite: it came with an update, or with what losses keep besides parameters.
        raise NonFiniteLoss(step - 1, f"in the state that was to be saved, {', '.join(lost[:4])}")
    if due or (saves and run.validated is None):
        # A checkpoint without what playing needs would be of no use: the first one is always validated.
        sums = program.validate(report.state)
        assert sums is not None
        figures = {name: float(value) for name, value in run.recipe.summarise(sums).items()}
        play = run.recipe.play(run.config, run.info, sums) | run.recipe.shown(run.config, run.info, run.training)
        run.validated = {"play": play, "metrics": figures, "validated_at_step": step}
        if lost := [name for name, figure in figures.items() if not np.isfinite(figure)]:
            run.team.say(
                f"drumjax: not a finite number on the validation split at step {step}, left out of the card: {', '.join(lost)}"
            )
        if due and (loss := figures.get(run.recipe.anneal_by)) is not None:
            # On schedule only: what a signal makes us look at must not change what is trained.
            report.state = program.listen(report.state, run.team.agree(loss))
            state = program.fetch(report.state)
    logs.add(step, report.metrics, run.validated["metrics"] if due and run.validated else None)
    if not saves:
        return  # and a signal that came meanwhile has its checkpoint after the next dispatch
    logs.settle()  # before the checkpoint: from it on these rows are not written again
    _save(run, state, step, logs.total, index, regular)
    # Asked anew when process 0 has written: a signal may have come meanwhile, and its checkpoint is there already.
    if any(run.team.gather(stop.requested)) and step < logs.total:
        raise Stopped(f"stopped at step {step} of {logs.total}; {run.resume_hint}")


def _save(run: _Run, state: State, step: int, total: int, stage: int, regular: bool) -> None:
    assert run.validated is not None
    name, mode = run.recipe.criterion
    # Only checkpoints on schedule compete: which checkpoint is the best must not depend on when a signal came.
    # Those before `competes_from` measure another objective than the one that is trained in the end, and those of stages before
    # the last one lack what is trained later.
    of_last_stage = stage == len(run.stages) - 1
    competes = regular and of_last_stage and step >= run.recipe.competes_from(run.config) * total
    value = run.validated["metrics"][name] if competes else None
    card = {
        "system": run.recipe.name,
        "library_version": __version__,
        "step": step,
        "stage": stage,
        "config": dump_config(run.recipe.stored(run.config)),
        "data": run.info.to_json(),
        "criterion": {"name": name, "mode": mode, "value": value if value is not None and np.isfinite(value) else None},
        **run.validated,
    }
    if any(not np.isfinite(number) for number in jax.tree.leaves(card["play"]) if isinstance(number, float)):
        raise NonFiniteLoss(step - 1, "what the validation found for playing")
    card["metrics"] = {key: figure for key, figure in card["metrics"].items() if np.isfinite(figure)}
    if run.team.is_first:  # the state is the same in every process; one writes
        save(place_of(run.workdir, step), folder.checkpoint_items(state), {CARD: card})
        prune(run.workdir, run.config.keep_checkpoints)
    run.saved_at = time.monotonic()


def _steps_within(run: _Run, seconds: float) -> int:
    """How many steps fit into the time that is left, with their validations and checkpoints; at least 1.

    Every stage is compiled and timed on states that are thrown away: they are drawn again from the same keys, so that a run with
    `--budget` has the same bits as one with as many `--steps`.
    """
    began, seconds, team = time.monotonic(), run.team.agree(seconds), run.team
    shares = np.array([stage.share for stage in run.stages]) / sum(stage.share for stage in run.stages)
    endless = 1 << 30
    patience = min(4.0, 0.06 * seconds) / len(run.stages)
    state, a_step, tail = None, 0.0, 0.0
    for index, share in enumerate(shares):
        state = _enter(run, index, state)
        program = run.program(index)
        spent = steps = at = 0.0
        pace = run.config.dispatch_seconds
        for report in run_steps(
            program, state, until=endless, total=endless, next_stop=lambda _: endless, seconds=pace, agree=team.agree
        ):
            state = report.state
            if at:  # the first dispatch compiles
                spent, steps = spent + report.seconds, steps + report.step - at
            at = report.step
            if spent > patience and steps >= 3:
                break
        program.validate(state)
        looked = time.monotonic()
        program.validate(state)
        if team.is_first:
            try:
                save(run.workdir / folder.TIMING, folder.checkpoint_items(program.fetch(state)), {})
            finally:
                shutil.rmtree(run.workdir / folder.TIMING, ignore_errors=True)
        look = team.agree(time.monotonic() - looked)
        every = max(1.0, schedule_of(run.config, program.steps_per_epoch, endless).every)
        a_step += share * (spent / steps + look / every)
        tail = look
    left = team.agree(seconds * (1 - BUDGET_MARGIN) - (time.monotonic() - began) - tail)
    fitting = max(1, int(left / a_step))
    team.say(f"drumjax: {1e3 * a_step:.3g} ms a step: {fitting} steps fit into the budget")
    if left < a_step:
        team.say("drumjax: the budget is shorter than compiling and measuring takes; training goes over it")
    return fitting
