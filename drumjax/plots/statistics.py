"""Sets of patterns beside each other: where their hits stand, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from drumjax.patterns import STEPS_PER_QUARTER, DrumMap
from drumjax.plots.style import DASHES, colour, shorten, styled

_BAR = 4 * STEPS_PER_QUARTER
_BINS = 24
_LONGEST_NAME, _LONGEST_LABEL = 60, 28


@styled
def hit_rates(sets: Mapping[str, np.ndarray], drum_map: DrumMap, *, title: str = "") -> Figure:
    """The share of patterns with a hit on each step of each lane, one band of cells for every set, all on one scale.

    Args:
      sets: hits by the set's name, bool (n, steps, lanes), n at least 1, at least one set.
      drum_map: names the lanes; the first stands at the top, as in the paper's Fig. 2.
      title: above all.
    """
    if not sets or any(not len(hits) for hits in sets.values()):
        raise ValueError("expected at least one set, and at least one pattern in each")
    rates = {name: hits.mean(0).T for name, hits in sets.items()}
    lanes, steps = next(iter(rates.values())).shape
    figure = Figure(figsize=(8, 0.8 + len(sets) * (0.45 + 0.17 * lanes)), layout=ConstrainedLayoutEngine(h_pad=0.06))
    grid = figure.subplots(len(sets), 1, squeeze=False, sharex=True)[:, 0]
    most = max(rate.max() for rate in rates.values()) or 1.0
    for axes, (name, rate) in zip(grid, rates.items(), strict=True):
        image = axes.imshow(rate, aspect="auto", cmap="Greys", vmin=0, vmax=most, interpolation="nearest")
        axes.set_yticks(range(lanes), list(drum_map.lanes))
        axes.set_xticks(range(0, steps, _BAR), [str(1 + step // _BAR) for step in range(0, steps, _BAR)])
        axes.set_title(shorten(name, _LONGEST_NAME), loc="left")
    grid[-1].set_xlabel("bar")
    figure.colorbar(image, ax=list(grid), label="share of patterns with a hit", shrink=0.9)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def hit_numbers(sets: Mapping[str, Sequence[int] | np.ndarray], *, title: str = "") -> Figure:
    """How many hits patterns have: the share of each set's patterns in bins of equal width.

    Args:
      sets: number of hits of each pattern by the set's name, at least one pattern in each.
      title: above all.
    """
    if not sets or any(not len(numbers) for numbers in sets.values()):
        raise ValueError("expected at least one set, and at least one pattern in each")
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    everything = np.concatenate([np.asarray(numbers) for numbers in sets.values()])
    edges = np.linspace(everything.min(), max(everything.max(), everything.min() + 1), _BINS + 1)
    for index, (name, numbers) in enumerate(sets.items()):
        shares = np.histogram(numbers, edges)[0] / len(numbers)
        axes.stairs(
            shares,
            edges,
            color=colour(index),
            linestyle=DASHES[index % len(DASHES)],
            linewidth=1.6,
            label=shorten(name, _LONGEST_LABEL),
        )
    axes.set_xlabel("hits of a pattern")
    axes.set_ylabel("share of patterns")
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=min(len(sets), 2))
    if title:
        figure.suptitle(title, fontsize=12)
    return figure
