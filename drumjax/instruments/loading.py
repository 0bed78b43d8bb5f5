"""From a name or a folder to an instrument."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Mapping
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any, cast

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments.groove import SYSTEM as GROOVES
from drumjax.instruments.groove import GrooveInstrument
from drumjax.instruments.pattern import CONFIGS, PatternInstrument
from drumjax.instruments.sound import GRIFFIN_LIM, SoundInstrument, check_spectrograms

Name = str | PathLike[str]
"""A shipped model's name, or a folder."""
Instrument = PatternInstrument | SoundInstrument | GrooveInstrument
DEFAULT_MODEL, DEFAULT_SOUNDS, DEFAULT_GROOVES = "pattern-vae", "neural-drums", "pocketvae"
"""What plays patterns, what makes sounds, and what plays grooves, where no model is named."""
KINDS: Mapping[str, tuple[str, ...]] = {"patterns": tuple(CONFIGS), "sounds": ("cwae", "mcnn"), "grooves": (GROOVES,)}
"""The systems of the models of each kind, as `drumjax pattern`, `sound` and `groove` play them."""
VERBS = {"patterns": "pattern", "sounds": "sound", "grooves": "groove"}
VOCODER = "vocoder"
"""The role of the member of an instrument of sounds that makes sound of spectrograms."""


def shipped_models() -> dict[str, Path]:
    """The models inside the package: name → instrument directory."""
    folder = Path(str(resources.files("drumjax"))) / "assets"
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/instrument.json"))}


def model_folder(name_or_path: Name) -> Path:
    """The folder that a shipped model's name or a path means: an instrument, a working directory, or a checkpoint.

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
        return path
    near = difflib.get_close_matches(str(name_or_path), shipped, n=1)
    raise InputError(
        path,
        rule="a shipped model's name or a model's folder",
        found="neither",
        remedy=(f"did you mean {near[0]!r}? " if near else "") + f"shipped models: {', '.join(shipped) or 'none'}",
    )


def model_directory(name_or_path: Name) -> Path:
    """The checkpoint directory behind a shipped model's name, an instrument directory (its member `model`), a training's working
    directory (its best checkpoint) or a checkpoint directory itself; errors are those of `model_folder` and `checkpoint.find`."""
    return checkpoint.find(model_folder(name_or_path))


def load(name_or_path: Name = DEFAULT_MODEL, *, vocoder: Name | None = None) -> Instrument:
    """The instrument of a shipped model's name, or of a folder that training wrote; every file's hash is verified first.

    Args:
      name_or_path: the model.
      vocoder: for a model of sounds what makes sound of its spectrograms: a trained MCNN by name or folder, or "griffin-lim". None
        for the instrument's own; for a CWAE by itself the shipped one that was trained on the same spectrograms.

    Raises:
      InputError: no such model, a damaged one, one of a system that this version cannot play, or a vocoder of other spectrograms.
    """
    members = checkpoint.find_members(model_folder(name_or_path))
    if checkpoint.MODEL not in members:
        remedy = "take another, or pack it again with 'drumjax models pack'"
        raise InputError(
            name_or_path, rule="an instrument with a member 'model'", found=", ".join(members) or "none", remedy=remedy
        )
    playing, name = checkpoint.load_playing(members[checkpoint.MODEL]), str(name_or_path)
    system = playing.card.get("system")
    if system == "mcnn":
        remedy = f"name the model whose spectrograms it hears, and '--vocoder {name}' beside it"
        raise InputError(name_or_path, rule="a model that makes something", found="a vocoder alone", remedy=remedy)
    if system == "genre-classifier":
        remedy = "name a model of grooves; 'drumjax evaluate' takes the classifier beside one"
        raise InputError(name_or_path, rule="a model that makes something", found="a genre classifier", remedy=remedy)
    if system == "cwae":
        return _load_sounds(playing, members, vocoder, name)
    if vocoder is not None:
        raise InputError(name_or_path, rule="a model of sounds for a vocoder", found=f"one of {system!r}", remedy="leave it out")
    directory = members[checkpoint.MODEL]
    if system == GROOVES:
        return GrooveInstrument.from_checkpoint(playing, directory=directory, name=name)
    return PatternInstrument.from_checkpoint(playing.params, playing.card, directory=directory, name=name)


def load_patterns_instrument(name_or_path: Name = DEFAULT_MODEL) -> PatternInstrument:
    """`load`, of a model of patterns; InputError as of `load`, and for a model of another kind."""
    _check_kind(name_or_path, "patterns")
    return cast(PatternInstrument, load(name_or_path))


def load_sounds_instrument(name_or_path: Name = DEFAULT_SOUNDS, *, vocoder: Name | None = None) -> SoundInstrument:
    """`load`, of a model of sounds; InputError as of `load`, and for a model of another kind."""
    _check_kind(name_or_path, "sounds")
    return cast(SoundInstrument, load(name_or_path, vocoder=vocoder))


def load_grooves_instrument(name_or_path: Name = DEFAULT_GROOVES) -> GrooveInstrument:
    """`load`, of a model of grooves; InputError as of `load`, and for a model of another kind."""
    _check_kind(name_or_path, "grooves")
    return cast(GrooveInstrument, load(name_or_path))


def _check_kind(name_or_path: Name, wanted: str) -> None:
    """That a model is of a kind, before it is loaded: sounds would need a vocoder, and a large model takes a while."""
    system = model_card(name_or_path).get("system")
    found = next((kind for kind, systems in KINDS.items() if system in systems), None)
    if found is not None and found != wanted:
        remedy = f"name one (see 'drumjax models list'), or play this one with 'drumjax {VERBS[found]}'"
        raise InputError(name_or_path, rule=f"a model of {wanted}", found=f"a model of {found}", remedy=remedy)


def _load_sounds(playing: checkpoint.Playing, members: Mapping[str, Path], vocoder: Name | None, name: str) -> SoundInstrument:
    """The instrument of a CWAE with its own vocoder, the one that is named, or the shipped one."""
    directory, sha256 = members[checkpoint.MODEL], checkpoint.fingerprint_members(members)
    used: Path | None = None
    entry: dict[str, str] | None = None
    if vocoder is None and VOCODER in members:
        used = members[VOCODER]
    elif vocoder is None:
        shipped, used = _shipped_vocoder(playing, directory)
        entry = {"path": shipped, "sha256": checkpoint.fingerprint(used)}
    elif str(vocoder) != GRIFFIN_LIM:
        used = vocoder_directory(vocoder)
        entry = {"path": str(vocoder), "sha256": checkpoint.fingerprint(used)}
    heard = None if used is None else checkpoint.load_playing(used)
    if used is not None and heard is not None and heard.card.get("system") != "mcnn":
        found = f"a model of the system {heard.card.get('system')!r}"
        remedy = "name a training of 'drumjax train mcnn', or griffin-lim"
        raise InputError(vocoder or used, rule="a vocoder", found=found, remedy=remedy)
    return SoundInstrument.from_checkpoints(
        playing, heard, directory=directory, vocoder_directory=used, name=name, sha256=sha256, vocoder_input=entry
    )


def vocoder_directory(name_or_path: Name) -> Path:
    """The checkpoint of a vocoder: the member of that role of an instrument, else what `model_directory` gives."""
    members = checkpoint.find_members(model_folder(name_or_path))
    return members.get(VOCODER) or members[checkpoint.MODEL]


def _shipped_vocoder(playing: checkpoint.Playing, directory: Path) -> tuple[str, Path]:
    """The first shipped vocoder of the same spectrograms: the name of its instrument, and its checkpoint."""
    from drumjax.signal.mel import MelConfig

    play: Any = playing.card.get("play")
    stated = play.get("mel") if isinstance(play, dict) else None
    for name, place in shipped_models().items():
        members = checkpoint.find_members(place)
        if VOCODER in members and stated is not None:
            with contextlib.suppress(InputError):
                mel = checkpoint.parse_config(MelConfig, stated, directory / checkpoint.CARD)
                check_spectrograms(checkpoint.read_card(members[VOCODER])["play"]["mel"], mel, members[VOCODER])
                return name, members[VOCODER]
    raise InputError(
        directory,
        rule="a vocoder for the model's spectrograms",
        found="none in its folder, and none of them among the shipped models",
        remedy="name one with --vocoder DIR, such as a training of 'drumjax train mcnn', or --vocoder griffin-lim",
    )


def model_card(name_or_path: Name) -> dict:
    """A model's card as it stands in its directory: system, configuration, data, metrics."""
    return checkpoint.read_card(model_directory(name_or_path))
