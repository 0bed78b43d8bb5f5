"""Box plots of ratings between two words (Off the Beaten Track, Fig. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from drumjax.plots.style import GREY, INK, colour, shorten, styled


class Scale(NamedTuple):
    """The answers on one scale.

    Attributes:
      low: the word at 1.
      high: the word at the other end.
      group: scales of one group share a colour.
      answers: whole numbers, in any order; may be empty.
    """

    low: str
    high: str
    group: str
    answers: Sequence[int]


@styled
def box_plots(scales: Sequence[Scale], points: int, *, title: str = "") -> Figure:
    """A row a scale, its words at both ends; box from quartile to quartile, median, whiskers to 1.5 times their distance, mean.

    Behind each box every answer is a dot's share: its area grows with how many gave it, so that a box over few points does not hide
    them.

    Args:
      scales: at least one, from the top.
      points: of the scales, from 1.
      title: above.

    Raises:
      ValueError: no scales, or an answer off its scale.
    """
    if not scales or any(not 1 <= answer <= points for scale in scales for answer in scale.answers):
        raise ValueError(f"expected at least one scale, and answers from 1 to {points}")
    groups = list(dict.fromkeys(scale.group for scale in scales))
    figure = Figure(figsize=(7.4, 1.35 + 0.46 * len(scales)), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    axes = figure.subplots()
    for row, scale in enumerate(scales):
        if not len(scale.answers):
            axes.text((1 + points) / 2, row, "no answers", ha="center", va="center", color=GREY)
            continue
        tint = colour(groups.index(scale.group))
        values, counts = np.unique(np.asarray(scale.answers), return_counts=True)
        axes.scatter(
            values, np.full(len(values), row), s=260 * counts / counts.sum() + 12, color=tint, alpha=0.35, linewidth=0, zorder=4
        )
        axes.boxplot(
            [np.asarray(scale.answers, float)],
            positions=[row],
            widths=0.56,
            orientation="horizontal",
            showmeans=True,
            showfliers=False,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": (tint, 0.14), "edgecolor": tint, "linewidth": 1.1},
            whiskerprops={"color": tint, "linewidth": 1.1},
            capprops={"color": tint, "linewidth": 1.1},
            medianprops={"color": INK, "linewidth": 2.2, "solid_capstyle": "butt"},
            meanprops={"marker": "D", "markersize": 4.5, "markerfacecolor": "white", "markeredgecolor": INK},
            zorder=3,
        )
    axes.set_ylim(len(scales) - 0.5, -0.5)
    axes.set_xlim(0.6, points + 0.4)
    axes.set_xticks(range(1, points + 1))
    axes.set_yticks(range(len(scales)), [shorten(scale.low, 24) for scale in scales])
    other = axes.secondary_yaxis("right")
    other.set_yticks(range(len(scales)), [f"{shorten(scale.high, 24)}  (n = {len(scale.answers)})" for scale in scales])
    for side in (axes, other):
        side.tick_params(axis="y", length=0)
    for name in ("left", "bottom"):
        axes.spines[name].set_visible(False)
    other.spines["right"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    handles: list[Patch | Line2D] = [
        Patch(facecolor=(colour(i), 0.14), edgecolor=colour(i), label=shorten(group, 40)) for i, group in enumerate(groups)
    ]
    handles += [
        Line2D([], [], color=INK, linewidth=2.2, label="median"),
        Line2D([], [], marker="D", markersize=4.5, markerfacecolor="white", markeredgecolor=INK, linestyle="", label="mean"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    if title:
        axes.set_title(title)
    return figure
