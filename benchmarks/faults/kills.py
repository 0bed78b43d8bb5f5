"""kill -9 at random moments and at named points; `--resume auto` until the training is done; nothing may differ from one that ran
through.

A chain is a training of several lives, each but the last of which is killed. Between two lives the disk may lose half a row of
metrics.csv, as it does when the machine itself dies.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from faults.life import LABELS
from faults.lives import KILLED, RECIPES, Training, cache_of, differences, environment, live
from faults.row import Row

LIVES = 5
"""The most kills of one chain."""
POINTS = [
    *("configured", "payload", "rename", "prune", "manifest"),
    *("compile", "row", "damaged", "moment", "pruning"),
    *("config", "flush", "moment", "renamed", "restore"),
    *("events", "card", "moment", "table", "hashing"),
    *("claim", "moment", "moment", "payload", "moment"),
]
"""Where lives end, in turn: labels of `life.LABELS`; `compile`, while the first program is built; `moment`, some time after some
file was touched; `damaged`, likewise after a start at which the last checkpoint is damaged."""


def whole_life(training: Training, cache: Path) -> Counter[str]:
    """Trains without an attack; how often each label occurs in it."""
    listing = training.workdir.with_suffix(".labels")
    code, told = live(training, cache, {"list": str(listing)})
    assert code == 0, told
    return Counter(listing.read_text().split())


def killed_from_outside(training: Training, cache: Path | None, label: str, count: int, after: float, options: list[str]) -> int:
    """A life that gets SIGKILL `after` seconds after the `count`-th moment of a label; its exit code, 0 where it ended before."""
    read, write = os.pipe()
    spec = {"at": label, "count": count, "tell": write}
    with open(os.devnull, "w") as nowhere:
        command = training.command(spec, options)
        process = subprocess.Popen(command, env=environment(cache), stderr=nowhere, stdout=nowhere, pass_fds=[write])
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as pipe:
        if pipe.read(3):  # nothing, where it ended before
            time.sleep(after)
            process.kill()
    return process.wait(300)


def damage_latest(training: Training) -> bool:
    """Spoils the last checkpoint where there is one before it: the training has to go back and write it again."""
    from drumjax.checkpoint import list_checkpoints

    found = list_checkpoints(training.workdir)
    if len(found) < 2:
        return False
    card = found[-1] / "card.json"
    card.write_bytes(card.read_bytes()[:-1])
    return True


def lose_half_a_row(training: Training, draw: np.random.Generator) -> None:
    """Cuts metrics.csv inside its last row, where that is not yet to be on the disk: no checkpoint has been written since."""
    from drumjax.checkpoint import latest

    table = training.workdir / "metrics.csv"
    raw, last = table.read_bytes() if table.exists() else b"", latest(training.workdir)
    start = raw.rstrip(b"\n").rfind(b"\n") + 1
    step = raw[start:].partition(b",")[0]
    if step.isdigit() and int(step) > (int(last.name) if last else 0):
        table.write_bytes(raw[: draw.integers(start, len(raw) + 1)])


def chain(
    training: Training, points: list[str], whole: Counter[str], cache: Path, draw: np.random.Generator
) -> tuple[Counter[str], bool]:
    """Kills a training at each of the points, as far as it comes to them; how often it died where, and whether it is finished."""
    died: Counter[str] = Counter()
    for point in points:
        options = ["--keep-checkpoints", str(draw.integers(1, 3)), "--checkpoint-every-seconds", str(draw.choice([120.0, 0.02]))]
        if point == "compile":
            # Longer than the first program takes to be built, shorter than all of them.
            code = killed_from_outside(training, None, "table", 1, draw.uniform(0.0, 1.5), options)
        elif point in ("moment", "damaged"):
            if point == "damaged" and not damage_latest(training):
                continue
            count = int(draw.integers(1, whole.total() // 3))
            code = killed_from_outside(training, cache, "any", count, draw.uniform(0.0, 0.1), options)
        elif point == "payload" and draw.random() < 0.5:
            code = killed_from_outside(training, cache, "payload", 1, draw.uniform(0.0, 0.03), options)
        else:
            # Not too far into a life: there has to be one after it.
            often = max(1, whole[point] // 5)
            spec = {"at": point, "count": int(draw.integers(1, often + 1))}
            code, _ = live(training, cache, spec, options=options)
        if code == 0:
            return died, True
        if code != KILLED:
            raise RuntimeError(f"a life ended with {code} before it was to die at {point}")
        died[point] += 1
        if draw.random() < 0.5:
            lose_half_a_row(training, draw)
    return died, False


def run(n: int, seed: int, say: Callable[[str], None]) -> Row:
    """Kills trainings of every recipe n times.

    Args:
      n: kills, at least one.
      seed: of the moments.
      say: takes a line of progress.
    """
    began, draw = time.monotonic(), np.random.default_rng(seed)
    died: Counter[str] = Counter()
    failures: list[str] = []
    passed = chains = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cache = cache_of(place)
        wholes = {}
        while (done := sum(died.values())) < n:
            names = list(RECIPES)
            recipe, stepwise = names[chains % len(names)], chains // len(names) % 2 == 0
            reference = Training(recipe, place / f"{recipe}-{stepwise}", stepwise)
            if (recipe, stepwise) not in wholes:
                wholes[recipe, stepwise] = whole_life(reference, cache)
            training = Training(recipe, place / f"chain{chains}", stepwise)
            points = [POINTS[(LIVES * chains + k) % len(POINTS)] for k in range(min(LIVES, n - done))]
            what, finished = Counter[str](), False
            try:
                what, finished = chain(training, points, wholes[recipe, stepwise], cache, draw)
                code, told = (0, "") if finished else live(training, cache)
                lost = "; ".join(differences(reference, training)) if code == 0 else f"exit code {code}: {told[-300:]}"
            except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as error:
                what, lost = what or Counter({points[0]: 1}), f"{type(error).__name__}: {error}"
            died += what
            if lost:
                failures.append(f"chain {chains} ({recipe}, killed at {', '.join(points)}): {lost}")
            else:
                passed += what.total()
            chains += 1
            say(f"{sum(died.values())}/{n} kills, {chains} trainings, {time.monotonic() - began:.0f} s")
    details = {"trainings": chains, "recipes": list(RECIPES), "points": {name: died[name] for name in sorted(died)}}
    unknown = set(died) - set(LABELS) - {"compile", "moment", "damaged"}
    assert not unknown, unknown
    return Row("kills", passed, sum(died.values()), seed, time.monotonic() - began, tuple(failures), details)
