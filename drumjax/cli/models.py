"""`drumjax models …`: what ships, and what a model's card says."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from tyro.conf import Positional, arg

from drumjax.boundary import InputError, read_json
from drumjax.cli.arguments import Model, parse, say

if TYPE_CHECKING:
    from drumjax.train.recipe import Recipe

MOST_LISTED = 20
"""Texts of a card that are shown one by one."""


@dataclass(frozen=True)
class ListModels:
    """List the models that ship with the library.

    examples:
      drumjax models list
    """


@dataclass(frozen=True)
class ShowModel:
    """Show a model's card: system, data and licences, the command that trained it, its evaluation.

    examples:
      drumjax models show pattern-vae
      drumjax models show runs/mine --json
    """

    model: Model
    """A shipped model's name, or the folder of one that you trained."""
    json: bool = False
    """Print the whole card as JSON."""


@dataclass(frozen=True)
class PackModel:
    """Pack a trained model for sharing: its weights and a card, without the optimiser's state.

    The card names the data with their licences, the command that trained it, and, from reports, what it was measured to do.
    A model of drum sounds is packed with the vocoder that makes sound of its spectrograms.

    examples:
      drumjax models pack runs/mine -o shared/mine --name mine --half
      drumjax models pack runs/mine/checkpoints/5000 -o shared/mine --name mine
      drumjax models pack runs/cwae --vocoder runs/mcnn -o shared/drums --name drums --half
      drumjax models pack runs/mine -o shared/mine --name mine --reports report/report.json --credits "Patterns: A. Person, CC BY"
    """

    workdir: Positional[Path]
    """The working directory of a training, of which the best checkpoint is taken, or one of its checkpoints/STEP."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The folder to write: a new one, or a packed model to replace."""
    name: str
    """What the model is called."""
    vocoder: Path | None = None
    """Of a model of drum sounds: the working directory of 'drumjax train mcnn', or one of its checkpoints/STEP."""
    half: bool = False
    """Store the weights in half precision: half the size."""
    reports: tuple[Path, ...] = ()
    """report.json files of 'drumjax evaluate'; their overall figures go into the card."""
    credits: tuple[str, ...] = ()
    """Whom the licences of the data ask to credit, a sentence each."""


def list_models(arguments: list[str], prog: str) -> int:
    """`drumjax models list`."""
    parse(ListModels, arguments, prog)
    from drumjax.instruments.loading import model_card, shipped_models

    for name, directory in shipped_models().items():
        card = model_card(directory)
        size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        print(f"{name}  system {card['system']}, {size / 1e6:.2f} MB, trained on {card['data']['name']}")
    return 0


def _lines(value: Any, name: str = "", depth: int = 0) -> list[str]:
    pad = "  " * depth
    if isinstance(value, dict):
        head = [f"{pad}{name}:"] if name else []
        return head + [line for key, item in value.items() for line in _lines(item, key, depth + bool(name))]
    if isinstance(value, list) and len(value) > MOST_LISTED and all(isinstance(item, str) for item in value):
        return [f"{pad}{name}: {len(value)} (see --json)"]
    if isinstance(value, list) and len(json.dumps(value)) > 100:
        return [f"{pad}{name}:", *[f"{pad}  - {json.dumps(item)}" for item in value]]
    return [f"{pad}{name}: {value if isinstance(value, str) else json.dumps(value)}"]


def show_model(arguments: list[str], prog: str) -> int:
    """`drumjax models show`."""
    call = parse(ShowModel, arguments, prog)
    from drumjax import checkpoint
    from drumjax.instruments.loading import model_folder

    members = checkpoint.find_members(model_folder(call.model))
    cards = {role: checkpoint.read_card(place) for role, place in members.items()}
    if len(cards) == 1:
        ((role, card),) = cards.items()
        print(json.dumps(card, indent=1) if call.json else "\n".join([f"folder: {members[role]}", *_lines(card)]))
    elif call.json:
        print(json.dumps(cards, indent=1))
    else:
        lines = [
            line for role, card in cards.items() for line in (f"{role}:", f"  folder: {members[role]}", *_lines(card, depth=1))
        ]
        print("\n".join(lines))
    return 0


def without_folders(named: str) -> str:
    """How data were named, without the folders of a machine, which are nobody else's business."""
    return Path(named).name if Path(named).is_absolute() else named


def training_command(run: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The command that repeats a training: what its configuration differs in from the recipe's default one, as options."""
    words = [
        "drumjax",
        "train",
        run["recipe"],
        "--data",
        without_folders(run["data_named"]),
        "--workdir",
        "RUN",
        "--steps",
        str(run["steps"]),
    ]

    def differing(now: Mapping[str, Any], then: Mapping[str, Any], prefix: str = "") -> None:
        for key, value in now.items():
            if isinstance(value, Mapping):
                differing(value, then[key], f"{prefix}{key}.")
            elif value != then[key] and f"{prefix}{key}" not in ("epochs", "iterations"):  # --steps says how long
                words.append(f"--{prefix}{'no_' if value is False else ''}{key}".replace("_", "-"))
                if not isinstance(value, bool):
                    words.extend(map(str, value if isinstance(value, list) else [value]))

    differing(run["config"], defaults)
    return shlex.join(words)


class _Trained(NamedTuple):
    """What of a training is packed: its checkpoint, the recipe, and the command that repeats it."""

    place: Path
    recipe: Recipe
    command: str


def _trained(workdir: Path) -> _Trained:
    """The best checkpoint of a working directory, or the one that is named.

    Raises:
      InputError: no training of this version.
    """
    from drumjax import checkpoint
    from drumjax.train.recipe import recipe

    place = checkpoint.find(workdir)
    if (workdir / checkpoint.INSTRUMENT).is_file():
        remedy = "name the --workdir of the training that it was packed from"
        raise InputError(workdir, rule="a training of 'drumjax train'", found="a packed model", remedy=remedy)
    config = (workdir if workdir != place else place.parents[1]) / "config.json"
    run = read_json(config)
    try:
        chosen = recipe(run["recipe"])
        return _Trained(place, chosen, training_command(run, checkpoint.dump_config(chosen.presets["paper"])))
    except (KeyError, TypeError) as error:
        raise InputError(
            config,
            rule="the configuration of a training of this version",
            found=f"one without {error}",
            remedy="name the --workdir of a 'drumjax train'",
        ) from error


def _evaluation(path: Path, row: str = "") -> dict[str, Any]:
    """The overall figures of a report, for a card; of a table of several models, such as PocketVAE's, those of a row."""
    report = read_json(path)
    if not isinstance(report, dict) or not isinstance(report.get("metrics"), dict):
        raise InputError(path, rule="a report.json of 'drumjax evaluate'", found="something else", remedy="name such a file")
    # Figures of a pair of genres have an arrow in their names, in the suite of sounds those of a class a space, in that of grooves
    # those of a row the row, and those of a split " split ".
    of_row = f"{row} " if report.get("suite") == "pocketvae" else ""
    part = {"sounds": " ", "pocketvae": " split "}.get(str(report.get("suite")), "→")
    overall = {
        name.removeprefix(of_row): figure["mean"]
        for name, figure in report["metrics"].items()
        if part not in name and name.startswith(of_row)
    }
    return {key: report[key] for key in ("suite", "data", "split", "n")} | {"metrics": overall}


def pack_model(arguments: list[str], prog: str) -> int:
    """`drumjax models pack`."""
    call = parse(PackModel, arguments, prog)
    from drumjax import checkpoint

    model = _trained(call.workdir)
    is_sound, kind = model.recipe.name == "cwae", model.recipe.kind
    if is_sound != (call.vocoder is not None):
        found = "none" if is_sound else "one, and a model that needs none"
        remedy = "name a training of 'drumjax train mcnn'" if is_sound else "leave it out"
        raise InputError("--vocoder", rule="a vocoder for a model of drum sounds", found=found, remedy=remedy)
    row = _row(model)
    about = {"name": call.name, "evaluation": [_evaluation(path, row) for path in call.reports], "credits": list(call.credits)}
    members = {checkpoint.MODEL: model}
    if call.vocoder is not None:
        members |= {"vocoder": _vocoder(call.vocoder, model)}
        kind = "sounds"
    packed = {
        role: checkpoint.Member(found.place, about | {"command": found.command}, found.recipe.plays or None)
        for role, found in members.items()
    }
    try:
        checkpoint.export_members(packed, call.output, name=call.name, kind=kind, half=call.half)
    except ValueError as error:  # a weight that half precision cannot hold
        if isinstance(error, InputError):
            raise
        rule, _, found = str(error).removeprefix("expected ").partition(", found ")
        raise InputError("--half", rule=rule, found=found, remedy="leave it out") from error
    size = sum(path.stat().st_size for path in call.output.rglob("*") if path.is_file())
    steps = " and ".join(found.place.name for found in members.values())
    played = (
        f"hear a model through it with --vocoder {call.output}"
        if model.recipe.name == "mcnn"
        else f"play it with --model {call.output}"
    )
    print(f"packed step {steps}, {size / 1e6:.2f} MB; {played}")
    say(call.output)
    return 0


def _row(model: _Trained) -> str:
    """Which row of Table 1 a model of grooves is; "" of others."""
    if model.recipe.name != "pocketvae":
        return ""
    from drumjax import checkpoint
    from drumjax.instruments.groove_parts import row_of
    from drumjax.models.pocketvae import PocketVAEConfig

    config = checkpoint.read_card(model.place).get("config")
    shape = config.get("model") if isinstance(config, dict) else None
    return row_of(checkpoint.parse_config(PocketVAEConfig, shape, model.place / checkpoint.CARD))


def _vocoder(workdir: Path, model: _Trained) -> _Trained:
    """The vocoder that is packed with a model of sounds; InputError where it hears other spectrograms, or is none."""
    from drumjax import checkpoint
    from drumjax.instruments.sound import check_spectrograms
    from drumjax.signal.mel import MelConfig

    found = _trained(workdir)
    if found.recipe.name != "mcnn":
        remedy = "name a training of 'drumjax train mcnn'"
        raise InputError(workdir, rule="a training of a vocoder", found=f"one of {found.recipe.name!r}", remedy=remedy)
    stated, hears = (checkpoint.read_card(place).get("play", {}).get("mel") for place in (model.place, found.place))
    check_spectrograms(hears, checkpoint.parse_config(MelConfig, stated, model.place / checkpoint.CARD), found.place)
    return found
