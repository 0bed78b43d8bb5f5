"""Trainings that are attacked: what they train, how a process of theirs is started, and how two of them are compared."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LIFE = Path(__file__).with_name("life.py")
KILLED = -9
COMMON = ["--data", "embedded", "--batch-size", "16", "--ema-decay", "0.9", "--validate-every-epochs", "0.1"]
_NETWORK = ["--preset", "small", "--model.encoder", "conv", "--model.conv-channels", "8", "8"]
_NETWORK += ["--model.encoder-widths", "16", "--model.decoder-widths", "16"]
RECIPES: Mapping[str, Sequence[str]] = {"pattern-vae": _NETWORK, "pattern-gan": _NETWORK}
"""The recipes under attack, so small that a life lasts three seconds; all keep a moving average."""
STEPS = 60
OPERATIONAL = ("dispatch_seconds", "checkpoint_every_seconds", "keep_checkpoints")


class Training(NamedTuple):
    """A training under attack.

    Attributes:
      recipe: one of `RECIPES`.
      workdir: where it trains.
      stepwise: a dispatch, and so a row of metrics.csv, is one step: all rows can be compared.
    """

    recipe: str
    workdir: Path
    stepwise: bool

    def command(self, spec: Mapping[str, Any] | None = None, options: Sequence[str] = (), steps: int | None = STEPS) -> list[str]:
        """The command line of one life."""
        words = ["train", self.recipe, *COMMON, *RECIPES[self.recipe], "--workdir", str(self.workdir)]
        # By its time and not by its room, which would be another program to compile.
        words += ["--dispatch-steps", "8", "--dispatch-seconds", "1e-9" if self.stepwise else "1"]
        words += [*(["--steps", str(steps)] if steps else []), *options]
        return [sys.executable, *([str(LIFE), json.dumps(spec)] if spec is not None else ["-m", "drumjax"]), *words]


def cache_of(place: Path) -> Path:
    """Where lives keep compiled programs: where the environment says, so that several rows compile once, else in `place`."""
    return Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or place / "compiled")


def environment(cache: Path | None) -> dict[str, str]:
    """Of a life: on the CPU, with compiled programs kept in `cache`, or compiled anew for None."""
    kept = {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    none = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    return os.environ | {"JAX_PLATFORMS": "cpu"} | (kept if cache else none)


def live(training: Training, cache: Path | None, spec: Mapping[str, Any] | None = None, **more: Any) -> tuple[int, str]:
    """One life to its end; its exit code, negative for a signal, and what it said."""
    done = subprocess.run(
        training.command(spec, **more), env=environment(cache), capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stderr


def arrays_of(checkpoint: Path) -> dict[str, np.ndarray]:
    """Every array of a checkpoint, with orbax alone: parameters, moving averages, optimiser state, keys and step."""
    import orbax.checkpoint as ocp

    found = {}
    for item in sorted((checkpoint / "state").iterdir()):
        with ocp.StandardCheckpointer() as checkpointer:
            for name, array in checkpointer.restore(item.absolute()).items():
                found[f"{item.name}/{name}"] = np.asarray(array)
    return found


def card_of(checkpoint: Path) -> dict[str, Any]:
    """The card, without what may differ between the lives of one training."""
    card = json.loads((checkpoint / "card.json").read_text())
    card["config"] = {name: value for name, value in card["config"].items() if name not in OPERATIONAL}
    return card


def rows_of(workdir: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv without the seconds."""
    with (workdir / "metrics.csv").open(newline="") as stream:
        return [{name: text for name, text in row.items() if name != "seconds"} for row in csv.DictReader(stream)]


def _validated(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with figures of the validation split, without those of training: they are means over a dispatch of any length."""
    kept = [{name: text for name, text in row.items() if name in ("step", "epoch") or name.startswith("valid_")} for row in rows]
    return [row for row in kept if any(text for name, text in row.items() if name.startswith("valid_"))]


def differences(one: Training, other: Training) -> Iterator[str]:
    """In what two finished trainings differ: nothing, where the attacks on one of them were withstood."""
    from drumjax.checkpoint import best, latest, verify

    if latest(other.workdir) is None:
        yield "no checkpoint"
        return
    for which, find in (("last", latest), ("best", best)):
        a, b = find(one.workdir), find(other.workdir)
        if a is None or b is None or a.name != b.name:
            yield f"the {which} checkpoint: {a and a.name} and {b and b.name}"
            continue
        verify(b)
        arrays, others = arrays_of(a), arrays_of(b)
        if arrays.keys() != others.keys():
            yield f"the arrays of the {which} checkpoint: {sorted(arrays.keys() ^ others.keys())}"
        for name in arrays.keys() & others.keys():
            x, y = arrays[name], others[name]
            if (x.dtype, x.shape, x.tobytes()) != (y.dtype, y.shape, y.tobytes()):
                yield f"{name} of the {which} checkpoint"
        card, other_card = card_of(a), card_of(b)
        if fields := [
            f"{key} {card.get(key)} and {other_card.get(key)}" for key in card | other_card if card.get(key) != other_card.get(key)
        ]:
            yield f"the card of the {which} checkpoint: {', '.join(fields)[:400]}"
    rows, others = rows_of(one.workdir), rows_of(other.workdir)
    if not (one.stepwise and other.stepwise):
        steps = [int(row["step"]) for row in others]
        if steps != sorted(set(steps)):
            yield "the order of the rows of metrics.csv"
        rows, others = _validated(rows), _validated(others)
    if rows != others:
        first = next((pair for pair in zip(rows, others, strict=False) if pair[0] != pair[1]), None)
        yield f"metrics.csv: {len(rows)} and {len(others)} rows, first {first}"
    left = sorted(path.name for path in (other.workdir / "checkpoints").iterdir() if not path.name.isdecimal())
    if any(not name.endswith(".bad") for name in left):
        yield f"left behind: {left}"
