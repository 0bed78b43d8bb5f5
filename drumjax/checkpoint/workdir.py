"""The checkpoints of a training's working directory, `WORKDIR/checkpoints/STEP`: which there are, and which is the best."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from drumjax.boundary import InputError
from drumjax.checkpoint.directory import CARD, REMEDY, check_step, file_fingerprint, read_card, read_manifest, verify
from drumjax.configs import Json


def place_of(workdir: str | os.PathLike[str], step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return Path(workdir) / "checkpoints" / str(step)


def list_checkpoints(workdir: str | os.PathLike[str]) -> list[Path]:
    """The checkpoint directories of a working directory, by rising step. What a killed process left half done is not among them."""
    folder = Path(workdir) / "checkpoints"
    found = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.name))


def latest(workdir: str | os.PathLike[str]) -> Path | None:
    """The checkpoint of the highest step, None where there is none."""
    return next(reversed(list_checkpoints(workdir)), None)


def check_all(workdir: str | os.PathLike[str]) -> tuple[list[Path], dict[Path, InputError]]:
    """The checkpoints whose every byte is as written, by rising step, and what is wrong with each of the others."""
    good: list[Path] = []
    faults: dict[Path, InputError] = {}
    for path in list_checkpoints(workdir):
        try:
            verify(path)
            good.append(path)
        except InputError as error:
            faults[path] = error
    return good, faults


def _checked_card(place: Path) -> dict[str, Json]:
    """The card, verified without reading the arrays: its hash in the sealed manifest, its step in the folder's name."""
    entry = read_manifest(place)["files"].get(CARD)
    if entry is None or not (place / CARD).is_file() or file_fingerprint(place / CARD) != entry:
        raise InputError(place / CARD, rule="the card of the manifest", found="another or none: damaged", remedy=REMEDY)
    check_step(place)
    return read_card(place)


def rank(workdir: str | os.PathLike[str]) -> tuple[Path, list[InputError]]:
    """`best`, and the faults of the cards that do not take part because of them."""
    ranked, faults, sound = [], [], list[Path]()
    for path in list_checkpoints(workdir):
        try:
            criterion = _checked_card(path).get("criterion")
        except InputError as error:
            if path.is_dir():  # else a training that is at work has removed it meanwhile
                faults.append(error)
            continue
        sound.append(path)
        criterion = criterion if isinstance(criterion, dict) else {}
        value = criterion.get("value")
        if isinstance(value, int | float) and value == value:
            ranked.append((value if criterion.get("mode") == "max" else -value, int(path.name), path))
    found = max(ranked)[2] if ranked else sound[-1] if sound else latest(workdir)
    if found is None:
        remedy = "name a working directory of drumjax train that has trained for a while"
        raise InputError(workdir, rule="a working directory with checkpoints", found="none", remedy=remedy)
    return found, faults


def best(workdir: str | os.PathLike[str]) -> Path:
    """The checkpoint whose card has the best value of its criterion; of equal ones the latest.

    Cards without a value (no validation at that step) or that are damaged do not take part; where none takes part, the latest with
    a sound card. The arrays are not looked at.

    Raises:
      InputError: when there is no checkpoint.
    """
    return rank(workdir)[0]


def put_aside(checkpoint: Path) -> Path:
    """Renames a checkpoint that is not to be used, `STEP` to `STEP.bad`, so that nothing counts it or takes it for a good one.

    It is kept for whoever wants to look into it; one that was put aside before it under the same step is removed.
    """
    place = checkpoint.with_name(checkpoint.name + ".bad")
    shutil.rmtree(place, ignore_errors=True)
    return checkpoint.rename(place)


def prune(workdir: str | os.PathLike[str], keep: int) -> list[Path]:
    """Removes all but the last `keep` checkpoints (at least 1) and the best one; returns what was removed."""
    paths = list_checkpoints(workdir)
    if not paths:
        return []
    kept = {*paths[-max(keep, 1) :], best(workdir)}
    removed = [path for path in paths if path not in kept]
    for path in removed:
        # Renamed first: a process killed half-way through the removal leaves no directory that looks like a checkpoint.
        going = path.with_name(path.name + ".removed")
        shutil.rmtree(going, ignore_errors=True)
        path.rename(going)
        shutil.rmtree(going)
    return removed


def clean(workdir: str | os.PathLike[str]) -> None:
    """Removes what a killed process left half written or half removed. Only for the process that holds the working directory."""
    folder = Path(workdir) / "checkpoints"
    for path in folder.iterdir() if folder.is_dir() else []:
        stem, _, ending = path.name.partition(".")
        if not stem.isdecimal() or ending not in ("tmp", "stale", "removed"):
            continue
        if ending == "stale" and not (folder / stem).exists():
            path.rename(folder / stem)  # killed between the two renames of a replacement: the old one is whole
        else:
            shutil.rmtree(path, ignore_errors=True)
