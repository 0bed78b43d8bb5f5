"""Drum sounds as spectrograms and waveforms (Neural Drum Machine, Figs. 3, 4 and 6), and what was measured of them.

Spectrograms are mel magnitudes of `MelConfig`, frames first as everywhere in the library; time runs to the right and frequency up,
on the mel scale with its ticks in Hz. Their colour is the level in dB, 0 for the loudest element of the first picture in the row: a
reconstruction that is too quiet looks too dark. In `sound_sheet` 0 is the loudest element of the picture itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from drumjax.plots.projection import principal_components
from drumjax.plots.style import GREY, INK, PALE, colour, marker, shorten, styled

if TYPE_CHECKING:
    from drumjax.signal.mel import MelConfig

LEVELS = "magma"
"""From black for silence to pale yellow: lightness alone carries the level."""
RANGE_DB = 80.0
"""What lies further below the loudest element is as dark as silence."""
_TICKS_HZ = (100, 500, 1000, 2000, 4000, 8000)
_LONGEST_NAME = 30
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\")


class Sketch(NamedTuple):
    """What a page shows of one sound.

    Attributes:
      name: above it.
      audio: float (samples,), in [-1, 1].
      mel: mel magnitudes (frames, bins) from which a vocoder made the sound; None where it was not made so.
    """

    name: str
    audio: np.ndarray
    mel: np.ndarray | None = None


@styled
def sound_sheet(sounds: Sequence[Sketch], config: MelConfig, *, columns: int = 4, title: str = "") -> Figure:
    """A page of sounds (Fig. 6): each one's waveform, below it the spectrogram that it was made from, and the waveform's own.

    Args:
      sounds: at least one. Where none of them has a `mel`, there is no row for it.
      config: of the spectrograms; every sound has its sample rate.
      columns: sounds side by side.
      title: above the page.
    """
    import jax.numpy as jnp  # for which no other picture waits

    from drumjax.signal.mel import mel

    if not sounds:
        raise ValueError("expected at least one sound to draw, found none")
    columns = min(columns, len(sounds))
    blocks = -(-len(sounds) // columns)
    parts = 3 if any(sound.mel is not None for sound in sounds) else 2
    figure = Figure(
        figsize=(0.9 + 2.3 * columns, blocks * (0.75 + 0.95 + 1.35 * (parts - 1)) + (0.35 if title else 0)),
        layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.04),
    )
    grid = figure.subplots(
        blocks * parts, columns, squeeze=False, sharex=True, gridspec_kw={"height_ratios": [0.75, *[1.15] * (parts - 1)] * blocks}
    )
    image: AxesImage | None = None
    labelled: set[int] = set()
    for place in range(blocks * columns):
        column = grid[parts * (place // columns) : parts * (place // columns + 1), place % columns]
        if place >= len(sounds):
            for axes in column:
                axes.set_visible(False)
            continue
        sound = sounds[place]
        _waveform(column[0], sound.audio, config, colour(0), place % columns == 0)
        column[0].set_title(shorten(sound.name, _LONGEST_NAME), loc="left")
        heard = np.asarray(mel(jnp.asarray(sound.audio, jnp.float32), config))
        rows = [("waveform's", heard)] if parts == 2 else [("decoder's", sound.mel), ("waveform's", heard)]
        for row, (axes, (label, magnitudes)) in enumerate(zip(column[1:], rows, strict=True), parts * (place // columns)):
            if magnitudes is None:
                axes.set_visible(False)
                continue
            labels = row not in labelled  # the first of its row that is drawn, which need not be the first of the sheet
            labelled.add(row)
            image = _spectrogram(axes, magnitudes, config, magnitudes.max(), labels)
            if labels:
                axes.set_ylabel(f"{label}\nfrequency (Hz)")
        for axes in column[:-1]:
            axes.tick_params(labelbottom=False)
        column[-1].tick_params(labelbottom=True)
        column[-1].set_xlabel("time (s)")
    _level_bar(figure, image, grid)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def spectrograms(
    names: Sequence[str], columns: Mapping[str, Sequence[np.ndarray]], config: MelConfig, *, title: str = ""
) -> Figure:
    """Sounds beside their reconstructions (Fig. 3): a row a sound, a column a stage.

    Args:
      names: of the sounds, at least one.
      columns: by the column's heading the mel magnitudes (frames, bins) of each sound; the first column is the original, whose
        loudest element is 0 dB for its row.
      config: of the spectrograms.
      title: above all.
    """
    if not names or not columns or any(len(column) != len(names) for column in columns.values()):
        raise ValueError(f"expected a spectrogram in every column for each of {len(names)} sounds, and at least one sound")
    figure = Figure(
        figsize=(1.3 + 2.4 * len(columns), 0.6 + 1.75 * len(names) + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05),
    )
    grid = figure.subplots(len(names), len(columns), squeeze=False, sharex=True, sharey=True)
    image: AxesImage | None = None
    for row, name in enumerate(names):
        loudest = next(iter(columns.values()))[row].max()
        for column, (heading, pictures) in enumerate(columns.items()):
            axes = grid[row, column]
            image = _spectrogram(axes, pictures[row], config, loudest, column == 0)
            if row == 0:
                axes.set_title(shorten(heading, _LONGEST_NAME))
            if column == 0:
                axes.set_ylabel(f"{shorten(name, 22)}\nfrequency (Hz)")
            if row == len(names) - 1:
                axes.set_xlabel("time (s)")
    _level_bar(figure, image, grid)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def waveforms(names: Sequence[str], rows: Mapping[str, Sequence[np.ndarray]], config: MelConfig, *, title: str = "") -> Figure:
    """Sounds above their reconstructions (Fig. 4): a column a sound, a row a stage.

    Args:
      names: of the sounds, at least one.
      rows: by the row's name the samples of each sound, float (samples,) in [-1, 1]; the first row is the original.
      config: says the sample rate.
      title: above all.
    """
    if not names or not rows or any(len(row) != len(names) for row in rows.values()):
        raise ValueError(f"expected a waveform in every row for each of {len(names)} sounds, and at least one sound")
    figure = Figure(
        figsize=(1.0 + 2.5 * len(names), 0.6 + 1.2 * len(rows) + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05),
    )
    grid = figure.subplots(len(rows), len(names), squeeze=False, sharex=True, sharey=True)
    for row, (stage, sounds) in enumerate(rows.items()):
        for column, audio in enumerate(sounds):
            axes = grid[row, column]
            _waveform(axes, audio, config, INK if row == 0 else colour(row - 1), column == 0)
            if row == 0:
                axes.set_title(shorten(names[column], _LONGEST_NAME))
            if column == 0:
                axes.set_ylabel(textwrap.fill(shorten(stage, _LONGEST_NAME), 14))
            if row == len(rows) - 1:
                axes.set_xlabel("time (s)")
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def confusion(counts: np.ndarray, classes: Sequence[str], *, asked: str = "class asked for", title: str = "") -> Figure:
    """Which class a classifier heard, for each class: the share of the row as lightness and, from 1 % on, as a number in percent.

    Args:
      counts: int (classes, classes), row = what it is, column = what it was taken for. A row of zeros stays empty.
      classes: their names.
      asked: what the rows are.
      title: above.
    """
    n = len(classes)
    figure = Figure(figsize=(2.2 + 0.42 * n, 1.9 + 0.36 * n), layout="constrained")
    axes = figure.subplots()
    image = draw_confusion(axes, counts, classes)
    axes.set_xlabel("class that the classifier hears")
    axes.set_ylabel(f"{asked} (sounds)")
    figure.colorbar(image, ax=axes, label="share of the row", shrink=0.85)
    if title:
        axes.set_title(title)
    return figure


def draw_confusion(axes: Axes, counts: np.ndarray, classes: Sequence[str]) -> AxesImage:
    """A confusion matrix without the names of its axes and without its scale; see `confusion`."""
    counts = np.asarray(counts)
    n = len(classes)
    if counts.shape != (n, n) or not n:
        raise ValueError(f"expected counts ({n}, {n}) for {n} classes, found {counts.shape}")
    totals = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(shares >= 0.01):
        share = shares[row, column]
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5, color="white" if share > 0.55 else INK)
    names = [shorten(name, 18) for name in classes]
    axes.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), [f"{name}  ({total})" for name, total in zip(names, totals[:, 0], strict=True)])
    axes.tick_params(length=0)
    return image


@styled
def class_bars(
    panels: Mapping[str, Mapping[str, Sequence[float] | np.ndarray]], classes: Sequence[str], *, title: str = ""
) -> Figure:
    """Figures per class side by side: a panel a figure, a group of bars a class, a bar a method.

    Args:
      panels: by what is measured, by the method's name, one value a class; NaN leaves a gap. All panels have the same methods.
      classes: their names, at least one.
      title: above all.
    """
    methods = list(next(iter(panels.values()), {}))
    values = {name: [np.asarray(panel.get(method, ()), np.float64) for method in methods] for name, panel in panels.items()}
    if not methods or not classes or any(bars.shape != (len(classes),) for panel in values.values() for bars in panel):
        raise ValueError(f"expected at least one panel of at least one method, each with {len(classes)} values, one a class")
    width = 0.8 / len(methods)
    figure = Figure(
        figsize=(max(5.0, 1.0 + len(classes) * (0.3 + 0.13 * len(methods))), 0.9 + 2.2 * len(panels) + (0.3 if title else 0)),
        layout=ConstrainedLayoutEngine(h_pad=0.06),
    )
    grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, bars) in zip(grid, values.items(), strict=True):
        for index, heights in enumerate(bars):
            at = np.arange(len(classes)) - 0.4 + width * (index + 0.5)
            axes.bar(
                at, np.nan_to_num(heights), width, color=(colour(index), 0.75), edgecolor="white", linewidth=0.4,
                hatch=_HATCHES[index % len(_HATCHES)], label=shorten(methods[index], _LONGEST_NAME) if axes is grid[0] else None,
            )  # fmt: skip
        axes.set_ylabel(name)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.tick_params(axis="x", length=0)
    grid[-1].set_xticks(
        range(len(classes)), [shorten(name, 18) for name in classes], rotation=45, ha="right", rotation_mode="anchor"
    )
    grid[-1].set_xlim(-0.6, len(classes) - 0.4)
    figure.legend(loc="outside upper center", ncols=max(1, min(len(methods), int(figure.get_figwidth() / 2.2))))
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


@styled
def code_pca(codes: np.ndarray, labels: np.ndarray, classes: Sequence[str], *, title: str = "") -> Figure:
    """Codes as dots by class, in the plane of their first two principal components; around them the prior's own spread.

    The circle holds 95 % of as many draws from the standard normal prior, in the plane of their own first two components: no plane
    chosen beforehand, for in the plane where few points spread most they spread further than the prior does.

    Args:
      codes: float (n, d), n at least 3, d at least 2.
      labels: int (n,), indices into `classes`.
      classes: their names.
      title: above.
    """
    codes, labels = np.asarray(codes, np.float64), np.asarray(labels)
    if codes.ndim != 2 or len(codes) < 3 or codes.shape[1] < 2 or labels.shape != (len(codes),):
        raise ValueError(
            f"expected codes (n, d) of n at least 3 and d at least 2, and n labels, found {codes.shape} and {labels.shape}"
        )
    mean, components, shares = principal_components(codes)
    dots = (codes - mean) @ components.T
    figure = Figure(figsize=(7.4, 5.4), layout="constrained")
    axes = figure.subplots()
    # Shuffled, or the class drawn last would cover the others; by a fixed order, or no two pictures would be the same.
    order = np.random.default_rng(0).permutation(len(dots))
    handles: list[Line2D] = []
    for index, name in enumerate(classes):
        chosen = order[labels[order] == index]
        if len(chosen):
            axes.scatter(
                dots[chosen, 0], dots[chosen, 1], s=13, marker=marker(index), color=colour(index), alpha=0.6, linewidths=0, zorder=2
            )
            handles.append(
                Line2D([], [], linestyle="", marker=marker(index), color=colour(index), markersize=6, markeredgewidth=0,
                       label=shorten(name, 24))
            )  # fmt: skip
    angles = np.linspace(0, 2 * np.pi, 361)
    prior = np.random.default_rng(0).normal(size=codes.shape)
    radius = np.quantile(np.linalg.norm(prior @ principal_components(prior)[1].T, axis=1), 0.95)
    centre = -mean @ components.T
    axes.plot(centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles), color=GREY, linestyle="--", linewidth=1.1)
    handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1.1, label="95 % of the prior"))
    axes.set_xlabel(f"First principal component ({100 * shares[0]:.1f} % of the variance)")
    axes.set_ylabel(f"Second principal component ({100 * shares[1]:.1f} % of the variance)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.04)
    figure.legend(handles=handles, loc="outside right upper", alignment="left", handlelength=1.6)
    if title:
        axes.set_title(title)
    return figure


def _time_axis(axes: Axes, config: MelConfig) -> None:
    axes.set_xlim(0, config.samples / config.sample_rate_hz)
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _spectrogram(axes: Axes, magnitudes: np.ndarray, config: MelConfig, loudest: float, labels: bool) -> AxesImage:
    from drumjax.signal.mel import mel_of_hz

    magnitudes = np.asarray(magnitudes, np.float64)
    level = 20 * np.log10(np.maximum(magnitudes, config.floor) / max(float(loudest), config.floor))
    hop = config.hop_samples / config.sample_rate_hz
    bins = magnitudes.shape[1]
    # A frame is centred on its time: its picture reaches half a hop to both sides.
    extent = (-hop / 2, (len(magnitudes) - 0.5) * hop, -0.5, bins - 0.5)
    image = axes.imshow(
        level.T, origin="lower", aspect="auto", extent=extent, cmap=LEVELS, vmin=-RANGE_DB, vmax=0, interpolation="nearest"
    )
    _time_axis(axes, config)
    # Filter k is centred on the (k + 1)-th of bins + 2 points that lie evenly on the mel scale.
    nyquist = config.sample_rate_hz / 2
    hz = np.array([tick for tick in _TICKS_HZ if tick < nyquist])
    axes.set_yticks(mel_of_hz(hz) / mel_of_hz(nyquist) * (bins + 1) - 1, [f"{tick:,}" for tick in hz])
    axes.tick_params(axis="y", labelleft=labels)
    return image


def _waveform(axes: Axes, audio: np.ndarray, config: MelConfig, tint: str, labels: bool) -> None:
    audio = np.asarray(audio, np.float64)
    axes.axhline(0, color=PALE, linewidth=0.6, zorder=1)
    axes.plot(np.arange(len(audio)) / config.sample_rate_hz, audio, color=tint, linewidth=0.6, zorder=2)
    _time_axis(axes, config)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1])
    axes.tick_params(axis="y", labelleft=labels)


def _level_bar(figure: Figure, image: AxesImage | None, grid: np.ndarray) -> None:
    if image is not None:
        figure.colorbar(image, ax=grid.ravel().tolist(), label="level (dB, the loudest is 0)", shrink=0.6, aspect=30, pad=0.015)
