"""Patterns as a musician reads them: lanes from the top, time to the right (Off the Beaten Track, Figs. 2 to 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle

from drumjax.patterns import STEPS_PER_QUARTER, Pattern
from drumjax.plots.style import GREY, PALE, shorten, styled

VELOCITY_COLOURS = LinearSegmentedColormap.from_list("velocity", ["#d3dae3", "#8fa1b5", "#40566f", "#0b1420"])
"""From a tint in which a ghost note still shows on white paper to black: lightness alone carries the velocity."""
_MANY_LANES = 12
_LANE_INCHES = 0.135


@styled
def pattern_sheet(patterns: Sequence[Pattern], *, columns: int = 2, title: str = "") -> Figure:
    """A page of patterns (Fig. 2): a row a lane, intensity = velocity, a line each bar, a tick each beat, microtiming to scale.

    Args:
      patterns: at least one; name and genre stand above each. Of a drum map of more than 12 lanes only those are drawn that a
        pattern of the page plays.
      columns: patterns side by side.
      title: above the page.
    """
    if not patterns:
        raise ValueError("expected at least one pattern to draw, found none")
    columns = min(columns, len(patterns))
    rows = -(-len(patterns) // columns)
    lanes = [_shown_lanes(pattern, patterns) for pattern in patterns]
    most = max(map(len, lanes))
    figure = Figure(
        figsize=(0.5 + 4.6 * columns, rows * (most * _LANE_INCHES + 0.42) + 0.55 + (0.35 if title else 0)),
        layout=ConstrainedLayoutEngine(h_pad=0.04, w_pad=0.06, hspace=0.02),
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(patterns) :]:
        axes.set_visible(False)
    for index, (pattern, shown) in enumerate(zip(patterns, lanes, strict=True)):
        axes = grid[index // columns, index % columns]
        last = index + columns >= len(patterns)
        _draw(axes, pattern, shown, lane_names=True, bar_numbers=last)
        # Both share a line of the picture's width.
        genre = shorten(pattern.genre, 18)
        axes.set_title(shorten(pattern.name, 47 - len(genre)) or f"pattern {index + 1}", loc="left", pad=4)
        axes.set_title(genre, loc="right", pad=4, color=GREY)
        if last:
            axes.set_xlabel("bar")
    if title:
        figure.suptitle(title, fontsize=12)
    velocity_legend(figure)
    return figure


@styled
def interpolation_beside_crossfade(
    interpolation: Sequence[Pattern], crossfade: Sequence[Pattern], *, columns: int = 6, title: str = ""
) -> Figure:
    """A transition (Figs. 3 and 4): the crossfade above, the interpolation below, a column a measure.

    Args:
      interpolation: the patterns of the transition, both ends included, at least 2, of one drum map.
      crossfade: as many, between the same ends.
      columns: the most measures side by side; longer transitions go on below, as evenly as they divide.
      title: above the page.
    """
    if len(interpolation) != len(crossfade) or len(interpolation) < 2:
        raise ValueError(
            f"expected two sequences of the same number of patterns, at least 2, found {len(interpolation)} and {len(crossfade)}"
        )
    measures = len(interpolation)
    blocks = -(-measures // columns)
    columns = -(-measures // blocks)
    lanes = _shown_lanes(interpolation[0], [*interpolation, *crossfade])
    height = len(lanes) * _LANE_INCHES
    figure = Figure(
        figsize=(0.8 + 1.75 * columns, blocks * (2 * height + 0.72) + 0.5 + (0.35 if title else 0)),
        layout=ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.03, hspace=0.0, wspace=0.0),
    )
    # A block is two rows; empty rows between them keep the pairs together.
    grid = figure.add_gridspec(3 * blocks - 1, columns, height_ratios=([height, height, 0.12] * blocks)[:-1])
    for measure in range(measures):
        block, column = divmod(measure, columns)
        for row, (name, sequence) in enumerate((("crossfade", crossfade), ("interpolation", interpolation))):
            axes = figure.add_subplot(grid[3 * block + row, column])
            _draw(axes, sequence[measure], lanes, lane_names=column == 0, bar_numbers=row == 1)
            if column == 0:
                axes.set_ylabel(name, fontweight="bold", labelpad=6)
                axes.set_xlabel("bar" if row == 1 else "", labelpad=1)
            if row == 0:
                genre = interpolation[measure].genre or crossfade[measure].genre
                axes.set_title(_measure_title(measure, measures - 1, genre), pad=5, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=12)
    velocity_legend(figure)
    return figure


def _measure_title(measure: int, last: int, genre: str) -> str:
    """The measure's number, its μ (eq. 6) or, at an end, which one it is."""
    if 0 < measure < last:
        return f"{measure + 1}  μ = {measure / last:.3g}"
    end = "goal" if measure else "start"
    return f"{measure + 1}  {end}: {shorten(genre, 14)}" if genre else f"{measure + 1}  {end}"


def _shown_lanes(pattern: Pattern, page: Sequence[Pattern]) -> list[int]:
    """All lanes of a small drum map, of a large one those that a pattern of the page with the same map plays."""
    if pattern.lanes <= _MANY_LANES:
        return list(range(pattern.lanes))
    played = np.any([other.hits.any(axis=0) for other in page if other.drum_map == pattern.drum_map], axis=0)
    return np.flatnonzero(played).tolist() or [0]


def _draw(axes: Axes, pattern: Pattern, lanes: Sequence[int], *, lane_names: bool, bar_numbers: bool) -> None:
    beat = 4 * STEPS_PER_QUARTER // pattern.metre[1]
    bar = pattern.metre[0] * beat
    cells = [(step, row, lane) for row, lane in enumerate(lanes) for step in np.flatnonzero(pattern.hits[:, lane])]
    boxes = [Rectangle((step + 0.5 * pattern.offset[step, lane], row - 0.42), 0.92, 0.84) for step, row, lane in cells]
    colours = VELOCITY_COLOURS([pattern.velocity[step, lane] for step, _, lane in cells])
    axes.add_collection(PatchCollection(boxes, facecolors=colours, linewidths=0, zorder=2))
    axes.hlines(np.arange(1, len(lanes)) - 0.5, 0, pattern.steps, color=PALE, linewidth=0.4, zorder=0)
    axes.vlines(np.arange(0, pattern.steps, beat), -0.5, len(lanes) - 0.5, color=PALE, linewidth=0.4, zorder=0)
    axes.vlines(np.arange(bar, pattern.steps, bar), -0.5, len(lanes) - 0.5, color=GREY, linewidth=0.8, zorder=1)
    axes.set_xlim(-0.25, pattern.steps + 0.25)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(True)
    bars = np.arange(0, pattern.steps, bar)
    axes.set_xticks(np.arange(0, pattern.steps, beat), minor=True)
    axes.set_xticks(bars, [str(1 + number) for number in range(len(bars))] if bar_numbers else [])
    axes.tick_params(axis="x", which="major", length=4, pad=1.5)
    axes.tick_params(axis="x", which="minor", length=2)
    axes.tick_params(axis="y", length=0, pad=3, labelsize=7.5)
    axes.set_yticks(range(len(lanes)), [pattern.drum_map.lanes[lane] for lane in lanes] if lane_names else [])


def velocity_legend(figure: Figure, besides: Sequence[Patch] = ()) -> None:
    """What the colours mean, at the foot of a page; `besides`: what else is drawn, before them."""
    levels = (0.25, 0.5, 0.75, 1.0)
    handles = [Patch(facecolor=VELOCITY_COLOURS(Normalize(0, 1)(level)), label=f"{level:g}") for level in levels]
    figure.legend(
        handles=[*besides, Patch(facecolor="none", label="velocity"), *handles],
        loc="outside lower right",
        ncols=len(levels) + 1 + len(besides),
        handlelength=1.0,
        handleheight=0.9,
        columnspacing=1.1,
        handletextpad=0.5,
        borderpad=0.1,
    )
