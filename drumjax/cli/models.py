"""`drumjax models …`: what ships, and what a model's card says."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from drumjax.boundary import InputError, read_json
from drumjax.cli.arguments import Model, parse, say


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

    examples:
      drumjax models pack runs/mine -o shared/mine --name mine --half
      drumjax models pack runs/mine/checkpoints/5000 -o shared/mine --name mine
      drumjax models pack runs/mine -o shared/mine --name mine --reports report/report.json --credits "Patterns: A. Person, CC BY"
    """

    workdir: Positional[Path]
    """The working directory of a training, of which the best checkpoint is taken, or one of its checkpoints/STEP."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The folder to write: a new one, or a packed model to replace."""
    name: str
    """What the model is called."""
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
        card = model_card(name)
        size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        print(f"{name}  system {card['system']}, {size / 1e6:.2f} MB, trained on {card['data']['name']}")
    return 0


def _lines(value: Any, name: str = "", depth: int = 0) -> list[str]:
    pad = "  " * depth
    if isinstance(value, dict):
        head = [f"{pad}{name}:"] if name else []
        return head + [line for key, item in value.items() for line in _lines(item, key, depth + bool(name))]
    if isinstance(value, list) and len(json.dumps(value)) > 100:
        return [f"{pad}{name}:", *[f"{pad}  - {json.dumps(item)}" for item in value]]
    return [f"{pad}{name}: {value if isinstance(value, str) else json.dumps(value)}"]


def show_model(arguments: list[str], prog: str) -> int:
    """`drumjax models show`."""
    call = parse(ShowModel, arguments, prog)
    from drumjax.instruments.loading import model_card, model_directory

    card = model_card(call.model)
    text = json.dumps(card, indent=1) if call.json else "\n".join([f"folder: {model_directory(call.model)}", *_lines(card)])
    print(text)
    return 0


def training_command(run: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The command that repeats a training: what its configuration differs in from the recipe's default one, as options."""
    words = ["drumjax", "train", run["recipe"], "--data", run["data_named"], "--workdir", "RUN", "--steps", str(run["steps"])]

    def differing(now: Mapping[str, Any], then: Mapping[str, Any], prefix: str = "") -> None:
        for key, value in now.items():
            if isinstance(value, Mapping):
                differing(value, then[key], f"{prefix}{key}.")
            elif value != then[key] and not (prefix == "" and key == "epochs"):
                words.append(f"--{prefix}{key}".replace("_", "-"))
                words.extend(map(str, value if isinstance(value, list) else [value]))

    differing(run["config"], defaults)
    return shlex.join(words)


def pack_model(arguments: list[str], prog: str) -> int:
    """`drumjax models pack`."""
    call = parse(PackModel, arguments, prog)
    from drumjax import checkpoint
    from drumjax.train.recipe import recipe

    place = checkpoint.find(call.workdir)
    config = (call.workdir if call.workdir != place else place.parents[1]) / "config.json"
    run = read_json(config)
    try:
        chosen = recipe(run["recipe"])
        command = training_command(run, checkpoint.dump_config(chosen.presets["paper"]))
    except (KeyError, TypeError) as error:
        raise InputError(
            config,
            rule="the configuration of a training of this version",
            found=f"one without {error}",
            remedy="name the --workdir of a 'drumjax train'",
        ) from error
    evaluations = []
    for path in call.reports:
        report = read_json(path)
        if not isinstance(report, dict) or not isinstance(report.get("metrics"), dict):
            raise InputError(path, rule="a report.json of 'drumjax evaluate'", found="something else", remedy="name such a file")
        overall = {name: figure["mean"] for name, figure in report["metrics"].items() if "→" not in name}
        evaluations.append({key: report[key] for key in ("suite", "data", "split", "n")} | {"metrics": overall})
    about = {"name": call.name, "command": command, "evaluation": evaluations, "credits": list(call.credits)}
    checkpoint.export_for_playing(
        place, call.output, name=call.name, kind=chosen.kind, half=call.half, about=about, players=chosen.plays or None
    )
    size = sum(path.stat().st_size for path in call.output.rglob("*") if path.is_file())
    print(f"packed step {place.name}, {size / 1e6:.2f} MB; play it with --model {call.output}")
    say(call.output)
    return 0
