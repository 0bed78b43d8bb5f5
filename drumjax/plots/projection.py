"""Patterns as points of a plane (Off the Beaten Track, Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from drumjax.plots.style import GREY, INK, colour, marker, shorten, styled


def principal_components(points: np.ndarray, number: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal component analysis by a singular value decomposition of the centred points.

    Args:
      points: float (n, features), n at least 2.
      number: how many components.

    Returns:
      The mean (features,), the components (number, features) of unit length, each turned so that its largest entry is positive, and
      their shares of the variance (number,), 0 where the points do not vary.
    """
    mean = points.mean(axis=0, dtype=np.float64)
    _, singular, components = np.linalg.svd(points - mean, full_matrices=False)
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    components = components * np.where(largest < 0, -1, 1)
    variance = singular**2
    return mean, components[:number], variance[:number] / max(variance.sum(), np.finfo(np.float64).tiny)


class Trajectory(NamedTuple):
    """A transition to be drawn among the patterns.

    Attributes:
      start: the genre of its start.
      goal: the genre of its goal.
      patterns: velocities (or codes), float (points, ...), both ends included, at least 2.
    """

    start: str
    goal: str
    patterns: np.ndarray


@styled
def pattern_pca(patterns: np.ndarray, genres: Sequence[str], trajectories: Sequence[Trajectory] = (), *, title: str = "") -> Figure:
    """Training patterns as dots by genre, and transitions as trajectories among them (Fig. 5).

    The plane is that of the first two principal components of `patterns`; trajectories are projected on it and do not turn it. A
    trajectory runs from the colour of its start's genre to that of its goal's and wears its number in the legend.

    Args:
      patterns: velocities (or codes), float (n, ...), n at least 3.
      genres: the genre of each pattern, (n,).
      trajectories: the transitions; each in the patterns' own form.
      title: above the picture.
    """
    flat = np.asarray(patterns, np.float64).reshape(len(patterns), -1)
    if len(flat) < 3 or flat.shape[1] < 2 or len(genres) != len(flat):
        raise ValueError(
            f"expected at least 3 patterns of at least 2 values and a genre for each, found the shape {np.shape(patterns)} and "
            f"{len(genres)} genres"
        )
    if any(len(each.patterns) < 2 for each in trajectories):
        raise ValueError("expected trajectories of at least 2 patterns, the start and the goal")
    names = sorted({*map(str, genres), *(end for each in trajectories for end in (each.start, each.goal))})
    ends = [(names.index(each.start), names.index(each.goal)) for each in trajectories]
    mean, components, shares = principal_components(flat)
    dots = (flat - mean) @ components.T
    paths = [(np.asarray(each.patterns, np.float64).reshape(len(each.patterns), -1) - mean) @ components.T for each in trajectories]

    figure = Figure(figsize=(8.2 if paths else 7.2, 5.4), layout="constrained")
    axes = figure.subplots()
    # Shuffled, or the genre drawn last would cover the others; by a fixed order, or no two pictures would be the same.
    order = np.random.default_rng(0).permutation(len(dots))
    for genre, name in enumerate(names):
        chosen = order[np.asarray(genres)[order] == name]
        axes.scatter(
            dots[chosen, 0], dots[chosen, 1], s=9, marker=marker(genre), color=colour(genre), alpha=0.28, linewidths=0, zorder=1
        )
    size = float(np.ptp(np.concatenate([dots, *paths]), axis=0).max()) or 1.0
    for path, (start, goal) in zip(paths, ends, strict=True):
        _trajectory(axes, path, start, goal)
    for number, (path, spot, place) in enumerate(zip(paths, *_number_places(paths, size), strict=True), 1):
        axes.annotate(
            str(number), tuple(path[spot]), tuple(place), ha="center", va="center", fontsize=7.5, fontweight="bold", zorder=7,
            bbox={"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": INK, "linewidth": 0.8},
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "zorder": 6},
        )  # fmt: skip
    axes.set_xlabel(f"First principal component ({100 * shares[0]:.1f} % of the variance)")
    axes.set_ylabel(f"Second principal component ({100 * shares[1]:.1f} % of the variance)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.04)
    if title:
        axes.set_title(title)
    _legend(figure, [shorten(name, 24) for name in names], ends)
    return figure


def _trajectory(axes: Axes, path: np.ndarray, start: int, goal: int) -> None:
    first, last = np.array(to_rgb(colour(start))), np.array(to_rgb(colour(goal)))
    share = (np.arange(len(path) - 1) / max(len(path) - 2, 1))[:, None]
    segments = LineCollection(
        list(np.stack([path[:-1], path[1:]], axis=1)), colors=(1 - share) * first + share * last, linewidths=1.7, zorder=3
    )
    segments.set_capstyle("round")
    segments.set_path_effects([withStroke(linewidth=3.4, foreground="white")])
    axes.add_collection(segments)
    axes.scatter(path[1:-1, 0], path[1:-1, 1], s=13, color=INK, edgecolors="white", linewidths=0.6, zorder=4)
    axes.scatter(
        path[0, 0], path[0, 1], s=52, marker=marker(start), color="white", edgecolors=colour(start), linewidths=1.8, zorder=5
    )
    axes.scatter(path[-1, 0], path[-1, 1], s=52, marker=marker(goal), color=colour(goal), edgecolors=INK, linewidths=1.0, zorder=5)


def _number_places(paths: Sequence[np.ndarray], size: float) -> tuple[list[int], list[np.ndarray]]:
    """Where the paths' numbers go: which point of its path each belongs to, and where it stands.

    On an interior point if that is free; otherwise beside one, as near as there is room, or as free as it gets. `size` is the
    width of the picture in units of the data.
    """
    room = 0.034 * size
    angles = np.arange(12) * (np.pi / 6)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets = np.concatenate([np.zeros((1, 2)), *(away * size * around for away in (0.05, 0.08, 0.12, 0.17, 0.23))])
    taken = [end for path in paths for end in (path[0], path[-1])]
    spots, places = [], []
    for index, path in enumerate(paths):
        others = [point for other, each in enumerate(paths) if other != index for point in _dense(each)]
        interior = np.arange(1, len(path) - 1) if len(path) > 2 else np.arange(len(path))
        # Offset by offset, and for each the points from the middle of the path outwards.
        interior = interior[np.argsort(np.abs(interior - (len(path) - 1) / 2), kind="stable")]
        candidates = (offsets[:, None] + path[interior]).reshape(-1, 2)
        free = _nearest(candidates, np.stack([*taken, *others]))
        # A number on its path is no obstacle to itself, one beside it would be.
        beside = slice(len(interior), None)
        free[beside] = np.minimum(free[beside], _nearest(candidates[beside], _dense(path)))
        enough = np.flatnonzero(free >= room)
        best = int(enough[0] if len(enough) else free.argmax())
        spots.append(int(interior[best % len(interior)]))
        places.append(candidates[best])
        taken.append(candidates[best])
    return spots, places


def _dense(path: np.ndarray) -> np.ndarray:
    """A path with nine points between every two of its own, so that distance to the points is distance to the line."""
    at = np.linspace(0, len(path) - 1, 10 * (len(path) - 1) + 1)
    return np.stack([np.interp(at, np.arange(len(path)), path[:, axis]) for axis in (0, 1)], axis=1)


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The distance from each point to the nearest of the others."""
    return np.linalg.norm(points[:, None] - others[None], axis=-1).min(axis=1)


def _legend(figure: Figure, genre_names: Sequence[str], ends: Sequence[tuple[int, int]]) -> None:
    def entry(label: str, **look: Any) -> Line2D:
        # A label that starts with an underscore would be left out: a hair space in front of it is not seen.
        label = f"\u200a{label}" if label.startswith("_") else label
        return Line2D([], [], label=label, **{"linestyle": "", "markersize": 6, "markeredgewidth": 0, **look})

    handles = [entry("Training patterns")]
    handles += [entry(name, marker=marker(genre), color=colour(genre)) for genre, name in enumerate(genre_names)]
    if ends:
        handles += [
            entry(""),
            entry("Transitions"),
            entry("start", marker="o", markerfacecolor="white", markeredgecolor=GREY, markeredgewidth=1.6),
            entry("goal", marker="o", markerfacecolor=GREY, markeredgecolor=INK, markeredgewidth=1.0),
        ]
        handles += [
            entry(f"{genre_names[start]} to {genre_names[goal]}", marker=f"$\\mathbf{{{number}}}$", color=INK)
            for number, (start, goal) in enumerate(ends, 1)
        ]
    legend = figure.legend(handles=handles, loc="outside right upper", alignment="left", handlelength=1.2)
    for text in legend.get_texts():
        if text.get_text() in ("Training patterns", "Transitions"):
            # A heading begins where the markers do.
            text.set_fontweight("bold")
            text.set_position((-1.9 * float(text.get_fontsize()), 0))
