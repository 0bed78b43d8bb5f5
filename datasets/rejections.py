"""What was left out of a source, and why: common to all kinds of data."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import NamedTuple

from drumjax.boundary import InputError


class Rejection(NamedTuple):
    """Something that gave no example: a file, a pattern of a file (`FILE, pattern N (NAME)`) or a window (`FILE#k`)."""

    name: str
    reason: str
    found: str


def rejection(path: str, name: str, error: InputError) -> Rejection:
    """Why a file was refused, under its name below the source."""
    return Rejection(error.path.replace(path, name, 1), f"expected {error.rule}", error.found)


def fault(name: str, error: Exception) -> Rejection:
    """A fault of ours, which must not cost the user the other files; it is shown as what it is."""
    return Rejection(name, "drumjax failed on this file: please report it", f"{type(error).__name__}: {error}")


def nothing_usable(
    path: str | PathLike[str], what: str, files_read: int, reasons: Sequence[tuple[str, int, str]], advice: Sequence[str] = ()
) -> InputError:
    """What to say of a source that gave not one example: the commonest of `ranked_reasons`, and what would help if known."""
    said = "; ".join(f"{count} × {reason} (found {found})" for reason, count, found in reasons[:3])
    return InputError(
        path,
        rule=f"at least one usable {what}",
        found=f"none in {files_read} files: {said}",
        remedy="; ".join(advice) or f"see every reason with: drumjax data inspect {shlex.quote(str(path))} and the same options",
    )


def ranked_reasons(rejections: Iterable[Rejection]) -> list[tuple[str, int, str]]:
    """Why things were rejected, the commonest first: the reason, how often, and in words what was found instead."""
    found: dict[str, Counter[str]] = {}
    for each in rejections:
        found.setdefault(each.reason, Counter())[each.found] += 1
    ranked = sorted(found, key=lambda reason: -found[reason].total())
    return [(reason, found[reason].total(), _in_words(found[reason])) for reason in ranked]


def _in_words(counts: Counter[str], most: int = 3) -> str:
    """The commonest entries and how many others there are: "6/4, 3/4 and 2 others"."""
    names = ", ".join(name for name, _ in counts.most_common(most))
    others = len(counts) - most
    return f"{names} and {others} other{'s' * (others > 1)}" if others > 0 else names
