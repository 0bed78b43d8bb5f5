"""A performance and its path through the noise (Off the Beaten Track, Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from drumjax.patterns import STEPS_PER_QUARTER, Pattern
from drumjax.plots.sheets import VELOCITY_COLOURS
from drumjax.plots.style import GREY, INK, PALE, styled

TIME_COLOURS = LinearSegmentedColormap.from_list("time", colormaps["viridis"](np.linspace(0, 0.92, 256)))
"""From dark blue over green to a yellow that white paper still shows; lightness alone tells early from late."""
_SILENCE = "#f2f2f2"
_BARS_SHOWN = 4
"""Rows of at most so many measures have room for bar lines."""
_MOST_ROWS = 16
_NUMBERS = 9
_ASIDE, _ROOM = 0.04, 0.14
"""How far a number stands from its dot, and from another number at least: as shares of the picture's half width."""
_ROW_INCHES = 0.34


@styled
def noise_path(
    measures: np.ndarray,
    curve: np.ndarray,
    patterns: Sequence[Pattern] = (),
    *,
    axis_names: tuple[str, str] = ("first component of the noise", "second component of the noise"),
    title: str = "",
) -> Figure:
    """A path through the plane of noise, coloured by time, with its measures marked; beside it the patterns that it passes.

    Circles stand at every whole distance from the origin. Every measure is a dot, some wear their number, the first is ringed.
    Beside them each row holds so many measures as the page takes, its lanes from the top, and begins with its measure's colour.

    Args:
      measures: where each measure is, float (n, 2), n at least 1.
      curve: points of the path from the first measure to the last, evenly in time, float (points, 2), at least 2 where n is.
      patterns: of each measure, all of one drum map and length, (n,); none for the path alone.
      axis_names: of the plane's axes.
      title: above all.
    """
    measures, curve = np.asarray(measures, np.float64), np.asarray(curve, np.float64)
    n = len(measures)
    if measures.shape != (n, 2) or not n or curve.ndim != 2 or curve.shape[1] != 2 or (n > 1 and len(curve) < 2):
        raise ValueError(f"expected points (n, 2) of a plane and a curve through them, found {measures.shape} and {curve.shape}")
    if patterns and (len(patterns) != n or len({(pattern.drum_map, pattern.steps) for pattern in patterns}) > 1):
        raise ValueError(f"expected a pattern for each of {n} measures, all of one drum map and length, found {len(patterns)}")
    each = _measures_a_row(n)
    rows = -(-n // each)
    height = max(5.6, 1.1 + _ROW_INCHES * rows) if patterns else 5.6
    figure = Figure(
        figsize=(13.0 if patterns else 6.2, height),
        layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.02, rect=(0, 0.012, 1, 0.976)),
    )
    grid = figure.add_gridspec(1, 2, width_ratios=(5.4, 7.4)) if patterns else figure.add_gridspec(1, 1)
    axes = figure.add_subplot(grid[0, 0])
    time = Normalize(1, max(n, 2))
    _path(axes, measures, curve, time)
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    if n > 1:
        figure.colorbar(
            ScalarMappable(time, TIME_COLOURS),
            ax=axes,
            location="bottom",
            label="measure",
            shrink=0.7,
            aspect=40,
            ticks=MaxNLocator(8, integer=True),
        )
    if patterns:
        _performance(figure, grid[0, 1], patterns, each, time)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def _path(axes: Axes, measures: np.ndarray, curve: np.ndarray, time: Normalize) -> None:
    n = len(measures)
    reach = max(float(np.abs(np.concatenate([measures, curve])).max()), 0.5)
    for radius in range(1, int(np.hypot(reach, reach)) + 1):
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=PALE, linewidth=0.8, zorder=0))
        axes.annotate(f"{radius}", (0, radius), color=GREY, fontsize=7, ha="center", va="bottom", zorder=1, annotation_clip=True)
    axes.axhline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    if n > 1:
        at = np.linspace(1, n, len(curve))
        lines = LineCollection(
            list(np.stack([curve[:-1], curve[1:]], axis=1)), cmap=TIME_COLOURS, norm=time, linewidths=1.1, zorder=2
        )
        lines.set_array((at[:-1] + at[1:]) / 2)
        lines.set_capstyle("round")
        axes.add_collection(lines)
    axes.scatter(
        measures[:, 0], measures[:, 1], s=15, c=np.arange(1, n + 1), cmap=TIME_COLOURS, norm=time, edgecolors="white",
        linewidths=0.5, zorder=3,
    )  # fmt: skip
    axes.scatter(measures[:1, 0], measures[:1, 1], s=46, facecolors="none", edgecolors=INK, linewidths=1.2, zorder=4)
    step = _measures_a_row(n, _NUMBERS)
    places: list[np.ndarray] = []
    for number in dict.fromkeys((1, n, *range(1 + step, n, step))):
        sides = [(side, measures[number - 1] + side * _ASIDE * reach) for side in (1, -1)]
        # A closed path ends near its start: the last one's number stands on the side away from the first one's.
        side, place = max(sides, key=lambda each: np.linalg.norm(each[1] - places[0])) if number == n > 1 else sides[0]
        if number not in (1, n) and np.linalg.norm(np.array(places) - place, axis=1).min() < _ROOM * reach:
            continue
        places.append(place)
        axes.annotate(
            f"{number}", tuple(measures[number - 1]), xytext=(7 * side, 6 * side), textcoords="offset points", ha="center",
            va="center", fontsize=7.5, color=INK, zorder=5, path_effects=[withStroke(linewidth=2.4, foreground="white")],
        )  # fmt: skip
    axes.set_xlim(-1.08 * reach, 1.08 * reach)
    axes.set_ylim(-1.08 * reach, 1.08 * reach)
    axes.set_aspect("equal")


def _performance(figure: Figure, place: SubplotSpec, patterns: Sequence[Pattern], each: int, time: Normalize) -> None:
    """Rows of `each` measures, each row an image of velocities with its time's colour at its head."""
    lanes, steps = patterns[0].lanes, patterns[0].steps
    rows = -(-len(patterns) // each)
    cells = np.zeros((rows * each, steps, lanes), np.float32)
    cells[: len(patterns)] = [pattern.velocity for pattern in patterns]
    images = cells.reshape(rows, each * steps, lanes).transpose(0, 2, 1)
    grid = place.subgridspec(max(rows, 8), 1, hspace=0.16)
    for row, image in enumerate(images):
        axes = figure.add_subplot(grid[row, 0])
        colours = VELOCITY_COLOURS(image)
        colours[image == 0] = to_rgba(_SILENCE)
        played = min(each, len(patterns) - row * each)
        colours[:, played * steps :] = 1
        axes.imshow(colours, aspect="auto", extent=(0, each, lanes - 0.5, -0.5), interpolation="antialiased", zorder=1)
        if each <= _BARS_SHOWN:
            bars = np.arange(0, played, patterns[0].metre[0] * 4 * STEPS_PER_QUARTER / patterns[0].metre[1] / steps)
            axes.vlines(bars, -0.5, lanes - 0.5, color="white", linewidth=0.8, zorder=2)
        if each <= _MOST_ROWS:
            axes.vlines(np.arange(1, played), -0.5, lanes - 0.5, color=GREY, linewidth=0.6, zorder=3)
        first = row * each + 1
        axes.axvspan(-0.012 * each, -0.003 * each, color=TIME_COLOURS(time(first)), zorder=3)
        axes.set_xlim(-0.012 * each, each)
        axes.set_xticks([])
        axes.set_yticks([(lanes - 1) / 2], [str(first)])
        axes.tick_params(axis="y", length=0, pad=2, labelsize=7)
        for side in ("top", "right", "left", "bottom"):
            axes.spines[side].set_visible(False)
        if row == 0:
            names = " ".join(patterns[0].drum_map.lanes) if lanes <= 8 else f"{lanes} lanes"
            what = "1 measure" if each == 1 else f"{each} measures"
            axes.set_title(f"{what} a row, from the top {names}", loc="left", pad=4, fontsize=8, color=GREY)


def _measures_a_row(n: int, rows: int = _MOST_ROWS) -> int:
    """The least power of two with which n measures fit into so many rows."""
    return 1 << max(-(-n // rows) - 1, 0).bit_length()
