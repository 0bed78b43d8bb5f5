"""Grooves out of tracks: two-bar windows of drum performances, which tracks and windows are kept, and which genre a style is.

A groove is a `Pattern` of `POCKET` with 32 steps: whether each lane is hit (N), how loud (V, `velocity`), and how early or late (M,
`offset`, in half steps, late positive). GrooVAE's own arrays have the opposite sign: `offset = -theirs`.

Source: PocketVAE, Sec. 3.1 and 3.2, and its public code (`prepare_data.py`, `data_utils.midi2matrix`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from drumjax.patterns.drum_map import POCKET
from drumjax.patterns.pattern import Pattern, concatenate
from drumjax.patterns.templates import KICK, SNARE, STEPS_PER_BAR

GROOVE_STEPS = 32
"""Two bars (Sec. 3.2)."""
GROOVE_HOP = 16
"""One bar from a window to the next (Sec. 3.2)."""
METRE = (4, 4)
ENDING_STEPS = 4
"""A last bar that is hit in its first quarter alone is the end of the bar before."""

GENRE_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # The paper's six. What the public code finds in its folders' and files' names stands first in each line.
        "electronic": (
            "electronic", "breakbeat", "dnb", "downtempo", "garage", "house", "jungle", "old skool", "techno", "trance",
            "drum & bass", "drum &amp; bass", "drum and bass", "drum n bass", "edm", "electro", "electronica", "idm", "dubstep",
        ),
        "rock": ("rock", "classic rock", "hard rock", "indie rock", "rock and roll", "rock n roll"),
        "funk": ("funk", "funky"),
        "jazz": ("jazz", "swing", "bebop"),
        "blues": ("blues",),
        "hiphop": ("hiphop", "hip hop", "trap", "rap", "boom bap"),
        # Other styles of the Groove MIDI Dataset, each a genre of its own where there are tracks enough.
        "afrobeat": ("afrobeat",),
        "afrocuban": ("afrocuban", "afro cuban"),
        "country": ("country",),
        "dance": ("dance", "disco"),
        "gospel": ("gospel",),
        "highlife": ("highlife",),
        "latin": ("latin", "bossa", "bossa nova", "samba", "salsa"),
        "middleeastern": ("middleeastern", "middle eastern"),
        "neworleans": ("neworleans", "new orleans", "second line"),
        "pop": ("pop",),
        "punk": ("punk",),
        "reggae": ("reggae", "dub", "ska"),
        "soul": ("soul", "motown", "rnb", "r & b", "r and b"),
    }
)  # fmt: skip
"""Every genre that is known and the style tags that mean it, in any case and with any marks between the words."""


def _plain(text: str) -> str:
    """A text of any script whose case and way of writing accents do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


def _key(text: str) -> str:
    """A style's name as letters and digits alone."""
    return "".join(mark for mark in _plain(text) if mark.isalnum())


_GENRE_OF_TAG = {_key(tag): genre for genre, tags in GENRE_ALIASES.items() for tag in tags}


WHOLE, BEGINNING, END = range(3)
"""Which part of a style's name is a tag of the table, the surest first."""


def genre_of_style(style: str, own: Iterable[str] = ()) -> str | None:
    """The genre that a style tag means, None where the table has none for it; see `style_meaning`."""
    found = style_meaning(style, own)
    return found[1] if found else None


def style_meaning(style: str, own: Iterable[str] = ()) -> tuple[int, str] | None:
    """The genre that a style tag means and which part of it says so, None where the table has none for it.

    The whole tag is looked up, then its beginning, a word less each time: "rock/indie" and "Rock Ballads" are rock, "hip-hop" is
    hiphop, "jazz/funk" is jazz, as the Groove MIDI Dataset writes the style first and its flavour after it. Then its end: "Deep
    House" is electronic, "Slow Blues" is blues.

    Args:
      style: as a table, a folder or a file says it.
      own: names of genres besides those of the table, each standing for itself.

    Returns:
      `WHOLE`, `BEGINNING` or `END`, and the genre.
    """
    of_tag = {**_GENRE_OF_TAG, **{_key(name): name for name in own}}
    words = re.findall(r"[^\W_]+|&", _plain(style))
    parts = {
        WHOLE: [words],
        BEGINNING: [words[:length] for length in range(len(words) - 1, 0, -1)],
        END: [words[start:] for start in range(1, len(words))],
    }
    for part, candidates in parts.items():
        for candidate in candidates:
            if genre := of_tag.get(_key("".join(candidate))):
                return part, genre
    return None


@dataclass(frozen=True)
class KeepRules:
    """Which tracks and windows are kept.

    Source: the paper keeps 4/4, at least 3 instruments, kick and snare except in jazz (Sec. 3.1); the public code asks for 10 hits
    in a track besides, and for the lanes in every window again.
    """

    least_hits: int = 10
    """Of a track."""
    least_lanes: int = 3
    """Lanes that are hit, of a track and of a window."""
    exempt: tuple[str, ...] = ("jazz",)
    """Genres that need neither kick nor snare."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        if self.least_hits < 1 or not 1 <= self.least_lanes <= len(POCKET.lanes):
            raise ValueError(
                f"expected at least 1 hit and 1 to {len(POCKET.lanes)} lanes, found {self.least_hits} and {self.least_lanes}"
            )


KEEP = KeepRules()


@dataclass(frozen=True)
class Fault:
    """Why a track or a window is not kept."""

    rule: str
    found: str


def check_groove(pattern: Pattern, rules: KeepRules = KEEP) -> Fault | None:
    """What is wrong with a track, None where it is kept: its metre, its hits, its lanes.

    Args:
      pattern: of `POCKET`, any length; its `genre` decides whether it may do without kick and snare.
      rules: which tracks are kept.
    """
    if pattern.metre != METRE:
        return Fault("a pattern in 4/4", f"{pattern.metre[0]}/{pattern.metre[1]}")
    hits = int(pattern.hits.sum())
    if hits < rules.least_hits:
        return Fault(f"a track of at least {rules.least_hits} hits", f"{hits}")
    return _lanes_fault(pattern, rules, "track")


def check_window(pattern: Pattern, rules: KeepRules = KEEP) -> Fault | None:
    """What is wrong with a window of a track that is kept: the lanes are asked for again; see `check_groove`."""
    return _lanes_fault(pattern, rules, "window")


def _lanes_fault(pattern: Pattern, rules: KeepRules, what: str) -> Fault | None:
    lanes: np.ndarray = np.any(pattern.hits, axis=0)
    if lanes.sum() < rules.least_lanes:
        return Fault(f"a {what} with {rules.least_lanes} lanes that are hit", f"{lanes.sum()}")
    if pattern.genre not in rules.exempt:
        for lane, name in ((KICK, "kick"), (SNARE, "snare")):
            if not lanes[lane]:
                exempt = f" (not asked of {', '.join(rules.exempt)})" if rules.exempt else ""
                return Fault(f"a {what} with a {name}{exempt}", f"no {name}")
    return None


def groove_windows(pattern: Pattern, steps: int = GROOVE_STEPS, hop: int = GROOVE_HOP) -> list[Pattern]:
    """All windows of a track, one bar apart, those without hits included, so that a window's number says where it stands.

    A track is filled up to whole bars with silence, and a shorter one than a window is repeated. Where more than a window's length
    is there, a last bar that is hit in its first quarter alone is left out: it is the last stroke of the bar before (our decision;
    the public code counts a track in quarters and so leaves out every last bar that does not reach its fourth).

    Args:
      pattern: of any length above 0.
      steps: of a window.
      hop: steps from a window to the next.

    Returns:
      Patterns of `steps` steps, at least one.

    Raises:
      ValueError: an empty pattern, or numbers below 1.

    Source: PocketVAE, Sec. 3.2.
    """
    if steps < 1 or hop < 1:
        raise ValueError(f"expected windows and hops of at least 1 step, found {steps} and {hop}")
    if not pattern.steps:
        raise ValueError("expected a pattern of at least 1 step, found none")
    whole = _padded(pattern, -(-pattern.steps // STEPS_PER_BAR) * STEPS_PER_BAR)
    if whole.steps > steps and not whole.hits[whole.steps - STEPS_PER_BAR + ENDING_STEPS :].any():
        whole = whole.window(0, whole.steps - STEPS_PER_BAR)
    if whole.steps < steps:
        whole = concatenate([whole] * -(-steps // whole.steps)).window(0, steps)
    return [whole.window(start, steps) for start in range(0, whole.steps - steps + 1, hop)]


def _padded(pattern: Pattern, steps: int) -> Pattern:
    more = ((0, steps - pattern.steps), (0, 0))
    if steps == pattern.steps:
        return pattern
    hits, velocity, offset = (np.pad(grid, more) for grid in (pattern.hits, pattern.velocity, pattern.offset))
    return replace(pattern, hits=hits, velocity=velocity, offset=offset)


def is_fill(name: str, beat_type: str = "") -> bool:
    """Whether a track is a drum fill: its table says so ("fill", "Fill-in"), or the path by which a source knows it.

    Source: the public code looks for "fill" in the path; the Groove MIDI Dataset has a column `beat_type`.
    """
    return "fill" in beat_type.lower() or "fill" in name.lower()
