"""Instruments: what is shared and played. A directory of one checkpoint or of several, and `instrument.json`, which names them.

```
INSTRUMENT/
  instrument.json     name, kind, and for each member its role, path and the SHA-256 of its manifest; sealed
  state/, card.json, manifest.json      of an instrument of one member, the `model` at `.`
  model/, vocoder/                      of an instrument of several, a checkpoint each, called by their roles
```
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from drumjax.boundary import InputError
from drumjax.checkpoint.directory import (
    CARD,
    INSTRUMENT,
    MANIFEST,
    REMEDY,
    appearing,
    fill,
    fingerprint,
    load_playing,
    read_sealed,
    sealed,
    to_json,
)
from drumjax.checkpoint.workdir import list_checkpoints, rank
from drumjax.configs import Json

MODEL = "model"
"""The role of the member that says what an instrument is: its card names the system."""


class Member(NamedTuple):
    """What becomes a member of an instrument.

    Attributes:
      checkpoint: a checkpoint directory.
      about: what else its card shall say: how it was trained, what it was measured to do, whom to credit.
      players: whose weights playing needs; None for all. A GAN is played without its discriminator.
    """

    checkpoint: str | os.PathLike[str]
    about: Mapping[str, Json] | None = None
    players: Collection[str] | None = None


def export_for_playing(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    name: str,
    kind: str,
    half: bool = False,
    about: Mapping[str, Json] | None = None,
    players: Collection[str] | None = None,
) -> Path:
    """Writes an instrument directory of the one member `model`; the other arguments are those of `export_members` and `Member`."""
    return export_members({MODEL: Member(checkpoint, about, players)}, out, name=name, kind=kind, half=half)


def export_members(members: Mapping[str, Member], out: str | os.PathLike[str], *, name: str, kind: str, half: bool = False) -> Path:
    """Writes an instrument directory: the weights and card of each member's checkpoint, without the training state.

    It appears at `out` whole or not at all.

    Args:
      members: by role, which is letters, digits and _; one of them is the `model`.
      out: the directory to write; replaced where it exists.
      name: what the instrument is called, e.g. `pattern-vae-808`.
      kind: what it plays, e.g. `patterns`.
      half: store float32 weights as float16; `load_playing` gives float32 again.

    Returns:
      `out` as a path. A single member lies at `.`, several lie in a folder each, called by their roles; `instrument.json` names
      them with the SHA-256 of their manifests.

    Raises:
      InputError: when a checkpoint is damaged or `out` is something else than an instrument or an empty directory.
      ValueError: when no member is the `model`, a role is no name for a folder, or half precision cannot hold a weight.
    """
    if MODEL not in members or not all(re.fullmatch(r"\w+", role, re.ASCII) for role in members):
        raise ValueError(f"expected roles of letters, digits and _ with {MODEL!r} among them, found {', '.join(members)}")
    out = Path(out)
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / INSTRUMENT).is_file())):
        raise InputError(out, rule="a new folder or an instrument to replace", found="other files", remedy="name another folder")
    with appearing(out) as building:
        entries = {}
        for role, member in members.items():
            path = "." if len(members) == 1 else role
            (building / path).mkdir(exist_ok=True)
            _fill_member(building / path, member, half=half)
            entries[role] = {"path": path, "sha256": fingerprint(building / path)}
        (building / INSTRUMENT).write_bytes(to_json(sealed({"name": name, "kind": kind, "members": entries})))
    return out


def _fill_member(building: Path, member: Member, *, half: bool) -> None:
    playing = load_playing(member.checkpoint)
    card = playing.card | {"stored_as": "float16" if half else "as trained"} | dict(member.about or {})
    params = {player: tree for player, tree in playing.params.items() if member.players is None or player in member.players}
    fill(building, {"play": {"params": params, "extra": playing.extra}}, {CARD: card}, half=half)


def fingerprint_members(members: Mapping[str, Path]) -> str:
    """The SHA-256 that names what is played: of one member its `fingerprint`, of several one over their roles and fingerprints."""
    hashes = {role: fingerprint(place) for role, place in members.items()}
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode("ascii")).hexdigest()


def read_instrument(directory: str | os.PathLike[str]) -> tuple[dict[str, Json], dict[str, Path]]:
    """The content of `instrument.json` and the directory of each member, whose manifests are checked against the stated hashes.

    Raises:
      InputError: when the file is damaged or a member is missing or another.
    """
    place = Path(directory)
    content = read_sealed(place / INSTRUMENT)
    stated, members = content.get("members"), {}
    texts = [content.get("name"), content.get("kind")]
    texts += [text for member in (stated.values() if isinstance(stated, dict) else [None]) for text in _texts(member)]
    if not isinstance(stated, dict) or not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise InputError(place / INSTRUMENT, rule="name, kind and members", found="something else", remedy=REMEDY)
    for role, member in stated.items():
        path = place / member["path"]
        if not path.resolve().is_relative_to(place.resolve()):
            raise InputError(place / INSTRUMENT, rule="members inside the instrument", found=member["path"], remedy=REMEDY)
        if not (path / MANIFEST).is_file():
            raise InputError(path / MANIFEST, rule=f"the member {role!r}", found="no checkpoint", remedy=REMEDY)
        if fingerprint(path) != member["sha256"]:
            raise InputError(path / MANIFEST, rule=f"the member {role!r} of {INSTRUMENT}", found="another one", remedy=REMEDY)
        members[role] = path
    return content, members


def _texts(member: object) -> list[object]:
    """What has to be text in a member's entry."""
    return [member.get("path"), member.get("sha256")] if isinstance(member, dict) else [None]


def find_members(path: str | os.PathLike[str]) -> dict[str, Path]:
    """The checkpoints that a path means, by role: those of an instrument, or as the `model` what `find` gives.

    Raises:
      InputError: as of `find`, and for an instrument that is damaged.
    """
    place = Path(path)
    return read_instrument(place)[1] if (place / INSTRUMENT).is_file() else {MODEL: find(place)}


def find(path: str | os.PathLike[str]) -> Path:
    """The checkpoint that a path means: a checkpoint itself, an instrument's member `model`, or a working directory's best.

    Raises:
      InputError: when the path is none of the three, or which is the best cannot be said because a card is damaged.
    """
    place = Path(path)
    if (place / INSTRUMENT).is_file():
        members = read_instrument(place)[1]
        if "model" not in members:
            raise InputError(
                place, rule="an instrument with a member 'model'", found=", ".join(members), remedy="name its kind's command"
            )
        return members["model"]
    if (place / MANIFEST).is_file() or (place / CARD).is_file():  # whoever reads it says what is missing
        return place
    if list_checkpoints(place):
        found, faults = rank(place)
        if faults:  # it may have been the best one: another is not played in its place unasked
            fault = faults[-1]
            none = any(Path(other.path).is_relative_to(found) for other in faults)
            remedy = (
                fault.remedy if none else f"{fault.remedy}, or train on, which puts it aside; the best of the others is {found}"
            )
            raise InputError(fault.path, rule=fault.rule, found=fault.found, remedy=remedy)
        return found
    remedy = "name a working directory of drumjax train, one of its checkpoints/STEP, or an instrument's folder"
    raise InputError(
        place, rule="a trained model", found="no such folder" if not place.exists() else "no checkpoint in it", remedy=remedy
    )
