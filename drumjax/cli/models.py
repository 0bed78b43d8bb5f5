"""`drumjax models …`: what ships, and what a model's card says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from drumjax.cli.arguments import Model, parse


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
