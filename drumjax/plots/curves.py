"""Lines over a quantity: studies of a setting, and the course of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from drumjax.plots.style import DASHES, GREY, colour, marker, styled

_FEW = 16
"""Up to so many points a line shows each one."""
_OF_TIME = ("step", "epoch", "seconds")


class Line(NamedTuple):
    """One line of a panel.

    Attributes:
      label: its name; lines of one name look the same in all panels.
      x: (n,), increasing; every number finite.
      mean: (n,), what is drawn; NaN leaves a gap.
      sd: (n,), half the height of the band around the line; None for no band.
    """

    label: str
    x: Sequence[float] | np.ndarray
    mean: Sequence[float] | np.ndarray
    sd: Sequence[float] | np.ndarray | None = None


class Panel(NamedTuple):
    """One of several small pictures.

    Attributes:
      title: above it.
      x_label: what `x` is, with its unit.
      y_label: what the lines are, with their unit.
      lines: at least one.
      levels: yardsticks, horizontal lines by name.
      scale: of x: "linear", "log", or "even", which gives every value of x the same room and so has a place for 0 beside powers.
    """

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    levels: Mapping[str, float] = MappingProxyType({})
    scale: Literal["linear", "log", "even"] = "linear"


@styled
def curves(panels: Sequence[Panel], *, columns: int = 3, title: str = "", share_y: bool = False) -> Figure:
    """Small multiples with one legend: lines with bands, and yardsticks dashed across.

    Args:
      panels: at least one.
      columns: panels side by side.
      title: above all.
      share_y: one range of y for all panels, which then measure the same thing.
    """
    if not panels or any(not panel.lines for panel in panels):
        raise ValueError("expected at least one panel, and at least one line in each")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(line.label for panel in panels for line in panel.lines))
    most_points = {name: max(len(line.x) for panel in panels for line in panel.lines if line.label == name) for name in names}
    level_names = list(dict.fromkeys(name for panel in panels for name in panel.levels))
    figure = Figure(
        figsize=(0.7 + 3.3 * columns, 0.7 + 2.7 * rows + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06),
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_visible(False)
    for index, panel in enumerate(panels):
        axes = grid[index // columns, index % columns]
        places = _x_axis(axes, panel)
        for line in panel.lines:
            _line(axes, line, places, _look(names.index(line.label), most_points[line.label]))
        for name, level in panel.levels.items():
            axes.axhline(level, color=GREY, linestyle=DASHES[1 + level_names.index(name) % 3], linewidth=1.2, zorder=1)
        axes.set_xlabel(panel.x_label)
        if not share_y or index % columns == 0:
            axes.set_ylabel(panel.y_label)
        axes.set_title(panel.title)
        axes.grid(axis="y")
    handles = [Line2D([], [], label=name, **_look(i, most_points[name])) for i, name in enumerate(names)]
    handles += [
        Line2D([], [], color=GREY, linestyle=DASHES[1 + i % 3], linewidth=1.2, label=name) for i, name in enumerate(level_names)
    ]
    if len(handles) > 1:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 1 + columns))
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def training_curves(rows: Iterable[Mapping[str, str | float | None]], *, title: str = "") -> Figure:
    """The course of a training from the rows of its `metrics.csv`.

    Every figure gets a panel, in which its training and its validation (the column `valid_` and its name) are a line each. Cells
    that are empty or no number are left out, columns without any number are not drawn.

    Args:
      rows: one mapping from column to value per line of the file, as `csv.DictReader` gives them.
      title: above all.
    """
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        step = _float(row.get("step"))
        for column, cell in row.items():
            value = _float(cell)
            if column in _OF_TIME or step is None or value is None:
                continue
            figure = column.removeprefix("valid_")
            points.setdefault(figure, {}).setdefault("training" if figure == column else "validation", []).append((step, value))
    if not points:
        raise ValueError("expected rows with a column 'step' and at least one other number, found none")
    panels = [
        Panel(figure, "step", "", [Line(part, *zip(*sorted(pairs), strict=True)) for part, pairs in sorted(parts.items())])
        for figure, parts in points.items()
    ]
    return curves(panels, title=title)


def _x_axis(axes: Axes, panel: Panel) -> dict[float, float]:
    """Sets the scale and its ticks; where each x stands."""
    values = sorted({float(x) for line in panel.lines for x in line.x})
    if panel.scale == "even":
        places = {value: float(place) for place, value in enumerate(values)}
        axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        return places
    if panel.scale == "log":
        axes.set_xscale("log")
        if len(values) <= _FEW:
            axes.xaxis.set_major_locator(FixedLocator(values))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter("{x:g}")
    return {value: value for value in values}


def _look(index: int, points: int) -> dict[str, Any]:
    """Few points are told apart by markers, many by dashes."""
    if points <= _FEW:
        return {"color": colour(index), "marker": marker(index), "markersize": 4.5}
    return {"color": colour(index), "linestyle": DASHES[index % len(DASHES)]}


def _line(axes: Axes, line: Line, places: Mapping[float, float], look: Mapping[str, Any]) -> None:
    x, mean = np.array([places[float(x)] for x in line.x]), np.asarray(line.mean, np.float64)
    axes.plot(x, mean, zorder=3, **look)
    if line.sd is not None:
        sd = np.asarray(line.sd, np.float64)
        axes.fill_between(x, mean - sd, mean + sd, color=look["color"], alpha=0.18, linewidth=0, zorder=2)


def _float(cell: str | float | None) -> float | None:
    try:
        value = float(cell) if cell is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
