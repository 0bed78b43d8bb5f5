"""Grooves and what was learnt of them (PocketVAE, Figs. 1, 4, 5, 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle

from drumjax.patterns import STEPS_PER_QUARTER, Pattern
from drumjax.patterns.templates import (
    TIMING_CLASSES,
    VELOCITY_CLASSES,
    TemplateRules,
    template,
    timing_pattern,
    velocity_pattern,
)
from drumjax.plots.curves import Line, Panel, curves
from drumjax.plots.sheets import VELOCITY_COLOURS, velocity_legend
from drumjax.plots.sounds import draw_confusion
from drumjax.plots.style import COLOURS, DASHES, GREY, INK, PALE, colour, shorten, styled

POSITIONS = ("1", "e", "&", "a")
"""What musicians call the four 16ths of a quarter note (PocketVAE, Sec. 4.2)."""
FULL_VELOCITY, TICKS_OF_HALF_A_STEP = 127.0, 60.0
_TEMPLATE = COLOURS[1]
_NOTE_WIDTH, _CELL = 0.52, 0.84
_STEPS_A_LINE = 64
"""Longer grooves go on below."""
_LANE_INCHES, _STRIP_INCHES = 0.155, 0.125
_TIMINGS = ("pushed", "on the beat", "laid back")
_VELOCITIES = (".2", ".4", ".6", ".8", "1")
_LABEL = 34
_BINS = 24
_NAMED_CODES = 6
"""So many of a genre's codes wear their number."""
_RULES = TemplateRules()


class Performance(NamedTuple):
    """A groove and what it was made from.

    Attributes:
      label: what it is.
      groove: of any drum map and length.
      template: what it was played on, > 0 where the template has a hit, (steps, lanes); None for none.
      velocity: classes 0 to 4 of the velocity pattern, (steps,), as `drumjax.patterns.templates.velocity_pattern` gives them; None
        for none.
      timing: classes 0 to 2 of the microtiming pattern, (steps,), alike; None for none.
    """

    label: str
    groove: Pattern
    template: np.ndarray | None = None
    velocity: np.ndarray | None = None
    timing: np.ndarray | None = None


@styled
def groove_sheet(performances: Sequence[Performance], *, title: str = "") -> Figure:
    """Grooves under each other (Fig. 6): a row a lane, colour = velocity, a note beside its line by as much as it is early or late.

    A line runs through the middle of every step; a note is a box whose middle is its onset. Template hits are outlined in the cell
    of their step. Below a groove stand its control patterns, a row a class, filled on the steps that ask for it. More than four
    bars go on below.

    Args:
      performances: at least one; all are drawn to the scale of the longest line.
      title: above the page.

    Raises:
      ValueError: no performances, or a template or control pattern of another length than its groove.
    """
    if not performances:
        raise ValueError("expected at least one groove to draw, found none")
    for each in performances:
        _check(each)
    lines = [
        (each, start, min(each.groove.steps - start, _STEPS_A_LINE), start == 0)
        for each in performances
        for start in range(0, max(each.groove.steps, 1), _STEPS_A_LINE)
    ]
    longest = max(length for _, _, length, _ in lines)
    heights, parts = [], []
    for line, (each, _, _, _) in enumerate(lines):
        strips = [(name, n) for name, n in (("velocity", VELOCITY_CLASSES), ("timing", TIMING_CLASSES)) if _strip(each, name)]
        parts += [(line, "notes"), *((line, name) for name, _ in strips)]
        heights += [each.groove.lanes * _LANE_INCHES, *(n * _STRIP_INCHES + 0.02 for _, n in strips)]
    figure = Figure(
        figsize=(1.5 + 0.22 * max(longest, 24), sum(heights) + 0.36 * len(lines) + 0.1 * len(parts) + 0.5 + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.06, hspace=0.0),
    )
    grid = figure.add_gridspec(len(parts), 1, height_ratios=heights)
    for row, (line, name) in enumerate(parts):
        each, start, length, first = lines[line]
        axes = figure.add_subplot(grid[row, 0])
        if name == "notes":
            _notes(axes, each, start, length)
            axes.set_title(shorten(each.label, 3 * _LABEL) if first else "", loc="left", pad=3, fontsize=9)
        else:
            _pattern(axes, np.asarray(getattr(each, name))[start : start + length], name)
        under = row + 1 < len(parts) and parts[row + 1][0] == line
        _steps(axes, each.groove, start, length, longest, numbered=not under)
    with_template = any(each.template is not None for each in performances)
    velocity_legend(figure, [Patch(facecolor="none", edgecolor=_TEMPLATE, label="template")] if with_template else [])
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def derivation(groove: Pattern, rules: TemplateRules = _RULES, *, title: str = "") -> Figure:
    """What is taken from a performance (Fig. 1): its template, the outline of its cymbals' velocities, and that of its microtiming.

    Args:
      groove: 7 lanes of `drumjax.patterns.POCKET`.
      rules: of the template.
      title: above the page.
    """
    sketch = np.asarray(template(groove.velocity, rules))
    return groove_sheet(
        [
            Performance(
                "performance, with (b) its velocity pattern and (c) its microtiming pattern",
                groove,
                velocity=velocity_pattern(groove.velocity),
                timing=timing_pattern(groove.velocity, groove.offset),
            ),
            Performance("(a) template", Pattern.from_grid(sketch, drum_map=groove.drum_map, metre=groove.metre)),
        ],
        title=title,
    )


def metrical_trends(
    trends: Mapping[str, Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]]], *, title: str = ""
) -> Figure:
    """Mean velocity and microtiming of the hits on each 16th of a quarter note, a row of panels for two genres (Fig. 4).

    Args:
      trends: by genre, by what was measured (the test data, models): mean velocities in [0, 1] and mean offsets in half steps on
        "1", "e", "&" and "a", (4,) each; NaN leaves a gap.
      title: above all.
    """
    x = np.arange(len(POSITIONS))
    panels = []
    for genre, rows in trends.items():
        for place, (what, scale) in enumerate((("velocity, 0 to 127", FULL_VELOCITY), ("late, ticks", TICKS_OF_HALF_A_STEP))):
            lines = [Line(name, x, scale * np.asarray(means[place], np.float64)) for name, means in rows.items()]
            panels.append(Panel(shorten(genre, _LABEL), "", what, lines))
    figure = curves(panels, columns=4 if len(trends) > 1 else 2, title=title)
    for axes in figure.axes:
        axes.set_xticks(x, POSITIONS)
    return figure


@styled
def genre_confusions(panels: Mapping[str, np.ndarray], genres: Sequence[str], *, title: str = "") -> Figure:
    """How a classifier hears grooves, beside each other: of their templates' genre, and with a genre imposed on all (Fig. 5).

    Args:
      panels: by what was asked for, counts int (genres, genres), row = the template's genre, column = what was heard.
      genres: their names.
      title: above all.
    """
    if not panels:
        raise ValueError("expected at least one matrix, found none")
    n = len(genres)
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure = Figure(
        figsize=(0.9 + columns * (1.5 + 0.4 * n), 0.6 + rows * (1.3 + 0.34 * n) + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06),
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_visible(False)
    for index, (name, counts) in enumerate(panels.items()):
        axes = grid[index // columns, index % columns]
        image = draw_confusion(axes, counts, genres)
        axes.set_title(shorten(name, _LABEL), loc="left")
        axes.set_xlabel("genre that the classifier hears" if index + columns >= len(panels) else "")
        axes.set_ylabel("genre of the template (grooves)" if index % columns == 0 else "")
    figure.colorbar(image, ax=list(grid.ravel()), label="share of the row", shrink=0.8)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def timing_responses(means: Mapping[str, Sequence[float] | np.ndarray], *, title: str = "") -> Figure:
    """How early or late grooves on the same templates are, by the microtiming pattern they were given: shares in bins of one width.

    Args:
      means: by the pattern ("pushed", "on the beat", "laid back"), each groove's mean offset in half steps, NaN of a groove without
        hits.
      title: above.
    """
    finite = {name: (values := np.asarray(given, np.float64))[np.isfinite(values)] for name, given in means.items()}
    if not finite or any(not len(values) for values in finite.values()):
        raise ValueError("expected at least one pattern, and at least one groove with hits of each")
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    reach = max(float(np.abs(np.concatenate(list(finite.values()))).max()), 0.05) * TICKS_OF_HALF_A_STEP
    edges = np.linspace(-reach, reach, 2 * (_BINS // 2) + 1)
    for index, (name, values) in enumerate(finite.items()):
        ticks = values * TICKS_OF_HALF_A_STEP
        shares = np.histogram(ticks, edges)[0] / len(ticks)
        look: dict[str, Any] = {"color": colour(index), "linestyle": DASHES[index % len(DASHES)]}
        axes.stairs(shares, edges, linewidth=1.6, label=shorten(name, _LABEL), **look)
        axes.axvline(ticks.mean(), linewidth=1.0, **look)
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    axes.set_xlabel("mean microtiming of a groove, ticks (late: right); upright: mean")
    axes.set_ylabel("share of grooves")
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=min(len(finite), 3))
    if title:
        axes.set_title(title)
    return figure


@styled
def code_use(counts: np.ndarray, genres: Sequence[str], *, shown: np.ndarray | None = None, title: str = "") -> Figure:
    """How often each genre's sequences hold each code, as shares of the genre's codes (Fig. 7); the commonest wear their numbers.

    Args:
      counts: at least 0, (genres, codes). A row of zeros stays empty.
      genres: their names.
      shown: int (at least 1,), ascending, the codes that have a bar; None for all. Of large codebooks the commonest are enough.
      title: above all.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or len(counts) != len(genres) or not counts.size:
        raise ValueError(f"expected counts ({len(genres)}, codes) for {len(genres)} genres, found {counts.shape}")
    codes = counts.shape[1]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = np.arange(codes) if shown is None else shown
    figure = Figure(
        figsize=(max(5.0, 1.2 + 0.115 * len(shown)), 0.7 + 1.05 * len(genres) + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(h_pad=0.03),
    )
    grid = figure.subplots(len(genres), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    top = 1.28 * max(float(shares.max()), 1 / codes)
    for index, (axes, genre, row) in enumerate(zip(grid, genres, shares[:, shown], strict=True)):
        axes.bar(np.arange(len(shown)), row, 0.86, color=colour(index))
        axes.axhline(1 / codes, color=GREY, linestyle=":", linewidth=0.9)
        named: list[int] = []
        for bar in np.argsort(-row, kind="stable")[:_NAMED_CODES].tolist():
            # A number needs the room of as many bars as it has digits, or of two.
            if row[bar] > 1 / codes and all(abs(bar - other) >= max(2, len(f"{shown[-1]}")) for other in named):
                named.append(bar)
                axes.annotate(
                    f"{shown[bar]}", (bar, row[bar]), (0, 1.5), textcoords="offset points", ha="center", va="bottom", fontsize=7
                )
        axes.set_title(shorten(genre, _LABEL), loc="left", pad=2, fontsize=9)
        axes.set_xlim(-0.7, len(shown) - 0.3)
        axes.set_ylim(0, top)
        axes.tick_params(axis="x", length=2)
    if len(shown) < codes:
        grid[-1].set_xticks(np.arange(0, len(shown), 8), [f"{code}" for code in shown[::8]])
        said = f"code, {len(shown)} of {codes}, {shares[:, shown].sum() / max(shares.sum(), 1e-9):.0%} of all uses"
    else:
        said = "code"
    grid[-1].set_xlabel(f"{said}; dotted: all equally often")
    grid[len(grid) // 2].set_ylabel("share of the genre's codes")
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


# -- A sheet's parts -----------------------------------------------------------------------------------------------------------


def _check(each: Performance) -> None:
    steps, lanes = each.groove.steps, each.groove.lanes
    for name, shape in (("template", (steps, lanes)), ("velocity", (steps,)), ("timing", (steps,))):
        given = getattr(each, name)
        if given is not None and np.shape(given) != shape:
            raise ValueError(f"{each.label}: expected a {name} of the shape {shape}, found {np.shape(given)}")


def _strip(each: Performance, name: str) -> bool:
    return getattr(each, name) is not None


def _notes(axes: Axes, each: Performance, start: int, length: int) -> None:
    groove, lanes = each.groove, range(each.groove.lanes)
    part = groove.window(start, length)
    step, lane = np.nonzero(part.hits)
    if each.template is not None:
        cells = np.argwhere(np.asarray(each.template)[start : start + length] > 0)
        boxes = [Rectangle((s - _CELL / 2, row - _CELL / 2), _CELL, _CELL) for s, row in cells]
        axes.add_collection(PatchCollection(boxes, facecolors="none", edgecolors=_TEMPLATE, linewidths=0.9, zorder=3))
    middle = step + 0.5 * part.offset[step, lane]
    notes = [Rectangle((at - _NOTE_WIDTH / 2, row - 0.36), _NOTE_WIDTH, 0.72) for at, row in zip(middle, lane, strict=True)]
    colours = VELOCITY_COLOURS(part.velocity[step, lane])
    axes.add_collection(PatchCollection(notes, facecolors=colours, edgecolors=INK, linewidths=0.25, zorder=2))
    axes.set_yticks(list(lanes), list(groove.drum_map.lanes))
    axes.set_ylim(groove.lanes - 0.5, -0.5)
    axes.hlines(np.arange(1, groove.lanes) - 0.5, -0.5, length - 0.5, color=PALE, linewidth=0.4, zorder=0)


def _pattern(axes: Axes, classes: np.ndarray, name: str) -> None:
    """A control pattern: the highest class on top for velocities, the earliest for microtiming, as its names are read."""
    names = _VELOCITIES[::-1] if name == "velocity" else _TIMINGS
    rows = len(names) - 1 - classes if name == "velocity" else classes
    boxes = [Rectangle((step - 0.5, row - 0.5), 1, 1) for step, row in enumerate(rows.tolist())]
    axes.add_collection(PatchCollection(boxes, facecolors=INK, edgecolors="white", linewidths=0.4, zorder=2))
    labels = [f"velocity ≤ {text}" if text == "1" else text for text in names] if name == "velocity" else list(names)
    axes.set_yticks(range(len(names)), labels)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _steps(axes: Axes, groove: Pattern, start: int, length: int, longest: int, *, numbered: bool) -> None:
    beat = 4 * STEPS_PER_QUARTER // groove.metre[1]
    bar = groove.metre[0] * beat
    here = np.arange(start, start + length)
    for of, tint, width in ((here, PALE, 0.4), (here[here % beat == 0], GREY, 0.5), (here[here % bar == 0], INK, 0.9)):
        axes.vlines(of - start, *axes.get_ylim(), color=tint, linewidth=width, zorder=0.5)
    bars = here[here % bar == 0]
    axes.set_xlim(-0.75, longest - 0.25)
    axes.set_xticks(bars - start, [f"bar {1 + at // bar}" for at in bars] if numbered else [])
    axes.set_xticks((here - start)[here % beat == 0], minor=True)
    axes.tick_params(axis="x", which="major", length=4 if numbered else 0, pad=1.5, labelsize=7.5)
    axes.tick_params(axis="x", which="minor", length=2 if numbered else 0)
    axes.tick_params(axis="y", length=0, pad=3)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
