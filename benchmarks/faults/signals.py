"""SIGTERM and SIGINT at random moments of `drumjax train`: a checkpoint and exit code 75 in time, and the same result in the end.

Kinds of attack, in turn:

- `moment`: a signal some milliseconds after some file was touched. It ends with 75 within 10 s, everything that was
  trained is in a checkpoint, and the resumed training ends like one that was left alone.
- `compiling`: a signal while the first program is compiled. Nothing is to be saved, so that the process ends at once.
- `second`: two signals while it trains. The second ends the process at once, with 128 + its number.
- `budget`: a signal to a training whose length was given as a time. The resumed one makes as many steps as were fixed before it.

Time is the process's own CPU time where the machine is shared: what another process takes is not ours to answer for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from faults.lives import RECIPES, STEPS, Training, cache_of, differences, environment, live
from faults.row import Row

KINDS = ("moment", "compiling", "moment", "second", "moment", "budget")
SECONDS = 10.0
"""A checkpoint is written and the process ended within this time."""
AT_ONCE = 2.0
"""What is called at once: the thread that reads signals needs its turn, and the kernel the process's memory back."""
FAR = 1_000_000
"""Steps that no attack waits for."""


class Ending(NamedTuple):
    """How a process took its signals: its exit code, seconds from the last of them to the end (of the clock, and of its own CPU
    time), and what it said."""

    code: int
    seconds: float
    cpu: float
    told: str

    @property
    def took(self) -> float:
        """Seconds that the process is answerable for: a tenth of the clock's at the least, or it could wait and use none."""
        return max(min(self.seconds, self.cpu + 0.5), self.seconds / 10)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def signalled(
    training: Training,
    cache: Path | None,
    label: str,
    after: float,
    numbers: Sequence[int],
    options: Sequence[str] = (),
    steps: int | None = STEPS,
    count: int = 1,
) -> Ending:
    """Sends signals `after` seconds after the `count`-th moment of a label; at most one is sent to a process that has ended.

    Between two signals the process has time to take note of the first.
    """
    read, write = os.pipe()
    words = training.command({"at": label, "count": count, "tell": write}, options, steps)
    process = subprocess.Popen(words, env=environment(cache), stderr=subprocess.PIPE, text=True, pass_fds=[write])
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as pipe:
        pipe.read(3)
    time.sleep(after)
    sent, cpu = time.monotonic(), 0.0
    for k, number in enumerate(numbers):
        if k:
            time.sleep(0.1)
        if process.poll() is None:
            sent, cpu = time.monotonic(), _cpu_seconds(process.pid)
            process.send_signal(number)
    before = os.times()
    _, told = process.communicate(timeout=300)
    spent = os.times()
    # What children used is counted when they are waited for: all of it, less what this one had used when the signal came.
    used = spent.children_user + spent.children_system - before.children_user - before.children_system - cpu
    return Ending(process.returncode, time.monotonic() - sent, max(used, 0.0), told)


def attack(kind: str, training: Training, reference: Training, moments: int, cache: Path, draw: np.random.Generator) -> str:
    """One attack; what was wrong, "" for nothing."""
    from drumjax.checkpoint import latest

    number = int(draw.choice([signal.SIGTERM, signal.SIGINT]))
    if kind == "compiling":
        ended = signalled(training, None, "table", draw.uniform(0.05, 0.4), [number], steps=FAR)
        if ended.code != 75 or ended.took > AT_ONCE:
            return f"exit code {ended.code} after {ended.took:.1f} s of a compilation"
        return "" if latest(training.workdir) is None else "a checkpoint of nothing"
    if kind == "second":
        ended = signalled(training, cache, "row", draw.uniform(0.0, 0.3), [number, number], steps=FAR)
        # A short dispatch and a small checkpoint may be done before the second one comes; it then ends a process that is on its way
        # out as it ends any (-number here, 128 + number in a shell).
        if ended.code not in (75, 128 + number, -number) or ended.took > AT_ONCE:
            return f"exit code {ended.code} after {ended.took:.1f} s, two signals {number}"
        return ""
    if kind == "budget":
        ended = signalled(training, cache, "row", draw.uniform(0.0, 0.3), [number], ["--budget", "60s"], steps=None)
        if ended.code != 75 or ended.took > SECONDS:
            return f"exit code {ended.code} after {ended.took:.1f} s: {ended.told[-200:]}"
        content = json.loads((training.workdir / "config.json").read_text())
        # The rest of ten seconds is not waited for: what counts is that the length is the one that was fixed.
        stopped = latest(training.workdir)
        assert stopped is not None
        again = signalled(training, cache, "row", 0.1, [number], ["--budget", "1h"], steps=None)
        later, kept = latest(training.workdir), json.loads((training.workdir / "config.json").read_text())
        assert later is not None
        if again.code not in (0, 75) or kept["steps"] != content["steps"] or int(later.name) < int(stopped.name):
            return f"{content['steps']} steps became {kept['steps']}; exit code {again.code}"
        return "" if f"of {content['steps']}" in again.told else f"resumed to another length: {again.told[-200:]}"
    count = int(draw.integers(1, moments))
    ended = signalled(training, cache, "any", draw.uniform(0.0, 0.1), [number], count=count)
    done = (last := latest(training.workdir)) is not None and int(last.name) == STEPS
    # Once the training is over a signal does what it does to any program.
    if ended.code not in ((0, 75, 130, -number) if done else (75,)) or ended.took > SECONDS:
        return f"exit code {ended.code} after {ended.took:.1f} s: {ended.told[-200:]}"
    if ended.code == 75 and latest(training.workdir) is None and "before the first new step" not in ended.told:
        return f"stopped without a checkpoint: {ended.told[-200:]}"
    code, told = live(training, cache)
    if code != (3 if done else 0):
        return f"resumed with exit code {code}: {told[-200:]}"
    return "; ".join(differences(reference, training))


def run(n: int, seed: int, say: Callable[[str], None]) -> Row:
    """Sends signals to n trainings.

    Args:
      n: trainings, at least one.
      seed: of moments and signals.
      say: takes a line of progress.
    """
    from faults.kills import whole_life

    began, draw = time.monotonic(), np.random.default_rng(seed)
    failures: list[str] = []
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cache = cache_of(place)
        references: dict[str, tuple[Training, int]] = {}
        for k in range(n):
            kind, recipe = KINDS[k % len(KINDS)], list(RECIPES)[k // len(KINDS) % len(RECIPES)]
            if recipe not in references:
                whole = Training(recipe, place / recipe, stepwise=False)
                references[recipe] = whole, whole_life(whole, cache).total()
            reference, moments = references[recipe]
            training = Training(recipe, place / f"training{k}", stepwise=False)
            try:
                fault = attack(kind, training, reference, moments, cache, draw)
            except (AssertionError, ValueError, OSError, subprocess.TimeoutExpired) as error:
                fault = f"{type(error).__name__}: {error}"
            if fault:
                failures.append(f"{k} ({kind}, {recipe}): {fault}")
            kinds[kind] += 1
            if k % 6 == 5:
                say(f"{k + 1}/{n} signals, {time.monotonic() - began:.0f} s")
    return Row("signals", n - len(failures), n, seed, time.monotonic() - began, tuple(failures), {"kinds": dict(kinds)})
