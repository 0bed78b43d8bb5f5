"""Which files are takes of one drum, by their names: they stay in one split.

A model that has heard the second of four hits on one snare knows the other three, and a figure on them measures memory.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

MOST_TAKES = 100
"""A longer numbered series is a collection ("Kick 001" to "Kick 480"), not one drum: real ones had 61 at most (our decision)."""
_WORDS = r"(?:rr|take|hit|v|vl|vel|velocity|layer|round|robin)"
_END = re.compile(rf"(?:[\s_.\-]+{_WORDS}?[\s_.\-]*\d+|\s*\(\d+\)|(?<=[a-z)])\d+|[\s_.\-]+{_WORDS})+$")
"""The end of a name that numbers a hit, with what it counts: "snare 2", "snare_v3_rr1_2", "Snare (4)", "kick12"."""
_START = re.compile(r"^\d+[\s_.\-]+(?=.*[a-z])")
"""A number in front, as in "12_snare_top"."""


def series(name: str) -> str:
    """What the takes of one drum share of their names: the folder, and the file's name without its numbers.

    >>> series("kit/Snare_vl2_rr3.wav"), series("kit/12_snare_top.flac"), series("a/01.wav"), series("a/tom low.wav")
    ('kit/snare', 'kit/snare_top', 'a/', 'a/tom low')

    Args:
      name: the file's path below the source, with `/` between folders.
    """
    folder, slash, file = name.rpartition("/")
    stem = (file.rpartition(".")[0] or file).casefold()
    stem = "" if stem.isdigit() else _START.sub("", _END.sub("", stem) or stem)
    return f"{folder}{slash}{stem}"


def take_groups(names: Sequence[str], labels: Sequence[str], given: Sequence[str]) -> tuple[list[str], list[str]]:
    """The group of every file.

    A class whose files make fewer than three groups could not be held out; its files are then groups by themselves.

    Args:
      names: paths below the source, with `/` between folders, each once.
      labels: the classes of the files.
      given: the groups that labels state, "" where they state none: these hold.

    Returns:
      The groups, and the classes whose series were taken apart.
    """
    of_file = [f"{label}:{series(name)}" for name, label in zip(names, labels, strict=True)]
    sizes = Counter(group for group, stated in zip(of_file, given, strict=True) if not stated)
    groups = [
        f"label:{stated}" if stated else group if sizes[group] <= MOST_TAKES else name
        for name, group, stated in zip(names, of_file, given, strict=True)
    ]
    by_label: dict[str, set[str]] = defaultdict(set)
    for group, label in zip(groups, labels, strict=True):
        by_label[label].add(group)
    count, free = Counter(labels), Counter(label for label, stated in zip(labels, given, strict=True) if not stated)
    apart = [label for label in sorted(by_label) if len(by_label[label]) < 3 <= count[label] and free[label] == count[label]]
    groups = [name if label in apart else group for name, label, group in zip(names, labels, groups, strict=True)]
    return groups, apart
