"""A training's working directory: one writer, what the training is (`config.json`), and the states in its checkpoints.

```
config.json      recipe, whole configuration, data with their hash, number of steps, library version
metrics.csv      a row a dispatch
tensorboard/     the same for TensorBoard
checkpoints/     see drumjax.checkpoint
```
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from drumjax import __version__
from drumjax.boundary import InputError, flush_directory, read_json, write_bytes
from drumjax.checkpoint import check_all, clean, dump_config, list_checkpoints, load, put_aside, read_card
from drumjax.train.config import OPERATIONAL
from drumjax.train.endings import Refused
from drumjax.train.engine import State, played
from drumjax.train.logs import METRICS, say

Tree = Any
CONFIG, LOCK, TIMING = "config.json", ".lock", ".timing"


@contextlib.contextmanager
def claimed(workdir: Path) -> Iterator[None]:
    """Makes the directory if need be and holds it: one process writes in it at a time. The system lets go of it if we die.

    A training that is refused before it wrote anything leaves nothing: no lock in a folder of others, no folder that was not there.

    Raises:
      Refused: when another process trains there.
      InputError: when it cannot be made or written.
    """
    made = [folder for folder in (workdir, *workdir.parents) if not folder.exists()]
    fresh = not (workdir / LOCK).exists()
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        for folder in made:
            flush_directory(folder.parent)
        lock = open(workdir / LOCK, "a")  # noqa: SIM115 - held open until the end, which is what holds the lock
    except OSError as error:
        _remove_empty(made)
        remedy = "name a folder that can be made and written"
        raise InputError(workdir, rule="a working directory", found=error.strerror or str(error), remedy=remedy) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have held this file until now and removed it: then it is no lock for the next one.
            if not os.path.samestat(os.fstat(lock.fileno()), (workdir / LOCK).stat()):
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):
            raise Refused(f"{workdir}: another training is at work there; wait for it, or name another --workdir") from None
        except OSError as error:  # as on a Lustre disk that is mounted without locks
            if fresh:
                (workdir / LOCK).unlink(missing_ok=True)
                _remove_empty(made)
            remedy = "name a --workdir on another disk, or have this one mounted with locks"
            found = error.strerror or str(error)
            raise InputError(workdir, rule="a file system on which files can be locked", found=found, remedy=remedy) from error
        try:
            yield
        except (InputError, Refused, KeyboardInterrupt):
            if fresh and not (workdir / CONFIG).exists():
                (workdir / LOCK).unlink(missing_ok=True)
                _remove_empty(made)
            raise


def _remove_empty(folders: Sequence[Path]) -> None:
    with contextlib.suppress(OSError):  # not empty, or never made
        for folder in folders:
            folder.rmdir()


def parse_budget(text: str) -> float:
    """Seconds of `90s`, `10m`, `1.5h`.

    Raises:
      InputError: when it is something else, or not above 0.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip())
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not seconds:
        raise InputError(
            "--budget", rule="a time such as 90s, 10m or 1h", found=repr(text), remedy="give a number above 0 and its unit"
        )
    return seconds


def begun(workdir: Path, resume: str) -> dict[str, Any] | None:
    """What `config.json` says of a training that was begun here; None where the directory is fresh.

    Raises:
      Refused: `resume` is "never" and the directory holds something.
      InputError: it holds something else than a training.
    """
    clean(workdir)
    for leftover in (TIMING, f"{TIMING}.tmp"):
        shutil.rmtree(workdir / leftover, ignore_errors=True)  # a process was killed while it measured its pace
    held = sorted(path.name for path in workdir.iterdir() if not path.name.startswith("."))  # ours that a killed process left
    if not held:
        return None
    if resume == "never":
        raise Refused(f"{workdir}: not empty, and --resume never starts anew; name another --workdir, or move this one away")
    if CONFIG not in held:
        found = ", ".join(held[:4]) + (", …" if len(held) > 4 else "")
        raise InputError(workdir, rule="a new or empty folder, or a training's", found=found, remedy="name another --workdir")
    content = read_json(workdir / CONFIG)
    wanted = {"recipe": str, "config": dict, "data": dict, "steps": int}
    if not isinstance(content, dict) or any(type(content.get(key)) is not kind for key, kind in wanted.items()):
        remedy = "restore it, or train in another --workdir"
        raise InputError(workdir / CONFIG, rule=f"an object with {', '.join(wanted)}", found="another", remedy=remedy)
    return content


def describe(recipe: str, config: Any, info: Any, where: str, steps: int, length: str) -> dict[str, Any]:
    """What goes into `config.json`.

    Args:
      recipe: its name.
      config: the whole configuration.
      info: what the data are; has `to_json()`.
      where: what the user named with --data.
      steps: the number of steps of the whole training.
      length: what decided it, e.g. `--budget 10m`.
    """
    return {
        "recipe": recipe,
        "config": dump_config(config),
        "data": info.to_json(),
        "data_named": where,
        "steps": steps,
        "steps_from": length,
        "library_version": __version__,
        "jax_version": jax.__version__,
        "python_version": sys.version.split()[0],
    }


def write_config(workdir: Path, content: Mapping[str, Any]) -> None:
    """Writes `config.json`, whole or not at all, to the disk: a checkpoint without it would be of no use."""
    write_bytes(workdir / CONFIG, (json.dumps(content, indent=1) + "\n").encode("ascii"), lasting=True)


def goes_on(workdir: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a training can go on: the same recipe, data, length, and configuration but for its operational fields.

    Returns:
      False for another training where the one that was begun here ended before its first checkpoint: nothing would be lost, and
      what it wrote beside checkpoints is removed.

    Raises:
      InputError: another training, where there are checkpoints; names every difference.
    """
    found = differences(before, now)
    if not found:
        return True
    if list_checkpoints(workdir):
        remedy = "give the same to go on with it, or name another --workdir to start anew"
        raise InputError(workdir, rule="the training that was begun here", found="; ".join(found), remedy=remedy)
    say(f"drumjax: the training that was begun here ended before its first checkpoint; begun anew, with {'; '.join(found)}")
    for name in (METRICS, CONFIG):
        (workdir / name).unlink(missing_ok=True)
    for events in (workdir / "tensorboard").glob("events*"):
        events.unlink()
    return False


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In what two trainings differ that tells one from another; both as `describe` gives them."""
    pairs = [("recipe", before["recipe"], now["recipe"]), ("steps", before["steps"], now["steps"])]
    pairs += [("data", before["data"].get("source_sha256"), now["data"]["source_sha256"])]
    old, new = flat(before["config"]), flat(now["config"])
    pairs += [(name, old.get(name), new.get(name)) for name in sorted({*old, *new}) if name not in OPERATIONAL]
    return [f"{name} {was!r} became {became!r}" for name, was, became in pairs if was != became]


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted names."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {name: value for key, child in tree.items() for name, value in flat(child, f"{prefix}.{key}" if prefix else key).items()}


def good_checkpoint(workdir: Path, now: Mapping[str, Any]) -> Path | None:
    """The last checkpoint of this training whose every byte is right; all others are told of and put aside.

    Put aside, they neither take the place of what is trained again, nor count among those that are kept.

    Args:
      workdir: the working directory.
      now: what is trained, as `describe` gives it.

    Raises:
      InputError: there are checkpoints, and none is good.
    """
    good, faults = check_all(workdir)
    for path in good:
        if found := _strangeness(read_card(path), now):
            faults[path] = InputError(path, rule="a checkpoint of this training", found=found, remedy="move it elsewhere")
    good = [path for path in good if path not in faults]
    for fault in faults.values():
        say(f"drumjax: damaged checkpoint passed over: {fault}")
    if not faults:
        return good[-1] if good else None
    if not good:
        remedy = "restore one from a backup, or name another --workdir to start anew"
        raise InputError(workdir / "checkpoints", rule="one good checkpoint", found=f"{len(faults)} damaged", remedy=remedy)
    for path in faults:
        say(f"drumjax: {path} is now {put_aside(path).name}")
    say(f"drumjax: going on from the last good checkpoint, {good[-1]}")
    return good[-1]


def _strangeness(card: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What a card says that one of this training would not say; "" for one of its own."""
    wanted: dict[str, type] = {"system": str, "config": dict, "data": dict, "play": dict, "metrics": dict}
    wanted |= dict.fromkeys(("step", "stage", "validated_at_step"), int)
    if lacking := [name for name, kind in wanted.items() if type(card.get(name)) is not kind]:
        return f"a card without {', '.join(lacking)}"
    if not 0 < card["step"] <= now["steps"] or card["stage"] < 0:
        return f"step {card['step']} of {now['steps']}, stage {card['stage']}"
    before = {"recipe": card["system"], "config": card["config"], "data": card["data"], "steps": now["steps"]}
    return "; ".join(differences(before, now))


def unsound(items: Mapping[str, Tree]) -> list[str]:
    """Names of the arrays with numbers that nothing good can come of: NaN anywhere, infinities in what is played.

    Args:
      items: what `checkpoint_items` gives. An optimiser may keep an infinity on purpose, such as the best loss so far.
    """
    found = []
    for item, tree in items.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if not jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact):
                continue
            name, array = jax.tree_util.keystr(path, simple=True, separator="/"), np.asarray(leaf)
            if (np.isnan(array) if name.startswith("opt/") else ~np.isfinite(array)).any():
                found.append(name if item != "play" or name.startswith("extra") else f"played {name}")
    return found


def checkpoint_items(state: State) -> dict[str, Tree]:
    """The items of a state's checkpoint: what playing needs, and the rest."""
    # Without a moving average the parameters are those that are played: they are stored once.
    rest = {"step": state.step, "opt": state.opt, "key": state.key, "params": state.params if state.ema else {}}
    return {"play": {"params": played(state), "extra": state.extra}, "training": rest}


def restore(path: Path, abstract: State) -> State:
    """The state of a checkpoint, verified, on the host.

    Raises:
      InputError: a file is damaged, or the checkpoint is of another system or configuration.
    """
    items = load(path, checkpoint_items(abstract))
    play, rest = items["play"], items["training"]
    averaged = bool(abstract.ema)
    return State(
        step=rest["step"],
        params=rest["params"] if averaged else play["params"],
        extra=play["extra"],
        opt=rest["opt"],
        ema=play["params"] if averaged else {},
        key=rest["key"],
    )
