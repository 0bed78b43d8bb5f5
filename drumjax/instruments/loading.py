"""From a name or a folder to an instrument."""

from __future__ import annotations

import difflib
import os
from importlib import resources
from os import PathLike
from pathlib import Path

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments.pattern import PatternInstrument

DEFAULT_MODEL = "pattern-vae"


def shipped_models() -> dict[str, Path]:
    """The models inside the package: name → instrument directory."""
    folder = Path(str(resources.files("drumjax"))) / "assets"
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/instrument.json"))}


def model_directory(name_or_path: str | PathLike[str]) -> Path:
    """The checkpoint directory behind a shipped model's name, an instrument directory, a training's working directory (its best
    checkpoint) or a checkpoint directory itself.

    A `Path` of a folder that is there means the folder; the string `./pattern-vae` does too.

    Raises:
      InputError: nothing of the kind is there, or a shipped model and a folder of the same name.
    """
    shipped = shipped_models()
    path = Path(name_or_path)
    is_folder = os.path.isdir(path)  # unlike Path.is_dir, False for a name that no file can have
    if str(name_or_path) in shipped and not (isinstance(name_or_path, PathLike) and is_folder):
        if is_folder:
            raise InputError(
                path,
                rule="one model of this name",
                found="a shipped model and a folder",
                remedy=f"write .{os.sep}{path} for the folder; for the shipped model move to another folder",
            )
        return shipped[str(name_or_path)]
    if is_folder:
        return checkpoint.find(path)
    near = difflib.get_close_matches(str(name_or_path), shipped, n=1)
    raise InputError(
        path,
        rule="a shipped model's name or a model's folder",
        found="neither",
        remedy=(f"did you mean {near[0]!r}? " if near else "") + f"shipped models: {', '.join(shipped) or 'none'}",
    )


def load(name_or_path: str | PathLike[str] = DEFAULT_MODEL) -> PatternInstrument:
    """The instrument of a shipped model's name, or of a folder that training wrote; every file's hash is verified first.

    Raises:
      InputError: no such model, a damaged one, or one of a system that this version cannot play.
    """
    directory = model_directory(name_or_path)
    params, card = checkpoint.load_params(directory)
    return PatternInstrument.from_checkpoint(params, card, directory=directory, name=str(name_or_path))


def model_card(name_or_path: str | PathLike[str]) -> dict:
    """A model's card as it stands in its directory: system, configuration, data, metrics."""
    return checkpoint.read_card(model_directory(name_or_path))
