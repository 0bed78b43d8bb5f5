"""What an evaluation leaves behind: `report.json`, every figure with its spread, the paper's figure and its definition."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Figure(NamedTuple):
    """One number of an evaluation.

    Attributes:
      mean: the figure itself; a pooled figure is its own mean. NaN where the data leave it undefined.
      definition: what was counted over what, in one sentence, units included.
      sd: the standard deviation over the items that `mean` is taken over (dividing by their number); None for a pooled figure.
      paper: the paper's figure, None where it gives none.
      interval: the ends of the mean's 95 % interval, None where none was made.
    """

    mean: float
    definition: str
    sd: float | None = None
    paper: float | None = None
    interval: tuple[float, float] | None = None


def over_items(values: np.ndarray, definition: str, paper: float | None = None) -> Figure:
    """The figure of a measure that every item has: mean and standard deviation of `values`, of any shape; NaN for no items."""
    values = np.asarray(values, np.float64)
    if not values.size:
        return Figure(math.nan, definition, math.nan, paper)
    return Figure(float(values.mean()), definition, float(values.std()), paper)


def report(
    *, suite: str, model: str, data: str, split: str, n: int, metrics: Mapping[str, Figure], held_out: bool | None
) -> dict[str, Any]:
    """The content of `report.json`, JSON-like.

    Args:
      suite: which set of measures was taken, such as "patterns".
      model: what was evaluated, a name or a path.
      data: what it was evaluated on, a name or a path.
      split: the part of the data.
      n: how many items that part has.
      held_out: whether that part was held out from the model's training; None where it is not known.
      metrics: the figures by name. A NaN or an infinity, which JSON does not know, becomes null.
    """
    return {
        "suite": suite,
        "model": model,
        "data": data,
        "split": split,
        "n": n,
        "held_out": held_out,
        "metrics": {
            name: {
                "mean": _number(figure.mean),
                "sd": _number(figure.sd),
                "paper": _number(figure.paper),
                "definition": figure.definition,
            }
            | ({} if figure.interval is None else {"interval": [_number(end) for end in figure.interval]})
            for name, figure in metrics.items()
        },
    }


def write_report_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Writes what `report` returned; a file that stood there is replaced whole or not at all.

    Raises:
      ValueError: for a NaN or an infinity, which are not JSON.
      OSError: when the folder cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="ascii")
    partial.replace(path)


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
