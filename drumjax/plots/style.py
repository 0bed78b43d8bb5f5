"""What all pictures share: type, colours, and how a figure becomes a file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, ParamSpec

import matplotlib
from matplotlib.figure import Figure

P = ParamSpec("P")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without its yellow, which white paper swallows. Longer lists start again with other markers."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Literal["-", "--", "-.", ":"], ...] = ("-", "--", "-.", ":")
INK, GREY, PALE = "#222222", "#6b6b6b", "#d9d9d9"
"""For text and hits, for what explains, and for lines in the background."""

FORMATS = ("png", "pdf", "svg")
_STYLE: Mapping[Any, Any] = MappingProxyType(
    {
        # Comes with matplotlib: the same letters on every machine.
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8.5,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.7,
        "grid.color": PALE,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "text.color": INK,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        # Without a salt SVG ids are random.
        "svg.hashsalt": "drumjax",
        "pdf.fonttype": 42,
    }
)
# A file that says when it was made is never the same twice.
_METADATA: Mapping[str, Mapping[str, None]] = MappingProxyType(
    {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        "svg": {"Date": None, "Creator": None},
    }
)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """The drawing function, with the style of all pictures in force while it runs and nowhere else."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(dict(_STYLE)):
            return draw(*args, **kwargs)

    return drawn


def save(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 200) -> None:
    """Writes a figure; its format is what the path ends in: .png, .pdf or .svg. The same figure gives the same bytes.

    Args:
      figure: what one of the pictures returned.
      path: where to; its folder exists.
      dpi: dots per inch, for .png.

    Raises:
      ValueError: for a path that ends in anything else.
      OSError: when the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise ValueError(f"expected a picture's path to end in {', '.join('.' + each for each in FORMATS)}, found {path.name}")
    with matplotlib.rc_context(dict(_STYLE)):
        figure.savefig(path, format=kind, dpi=dpi, metadata=dict(_METADATA[kind]))


def shorten(text: str, most: int) -> str:
    """A name from a file as one line of at most so many characters, the cut marked; a dollar sign does not start a formula."""
    text = " ".join(text.split())
    return (text if len(text) <= most else text[: most - 1].rstrip() + "…").replace("$", r"\$")


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Shifted by one for every turn of the colours, so that no two of the first 49 share both."""
    return MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]
