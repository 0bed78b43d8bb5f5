"""What the reports on all kinds of data are made of: tables that fit the terminal, and lists that say what they leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from drumjax.datasets.rejections import Rejection, ranked_reasons

ROWS = 12
"""How many lines of a long list are shown."""
_PHRASES = frozenset(("found", "for example", "what", "genres", "first of them", "licence"))


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Prints tables within the terminal's width, and lines unbroken, so that paths and commands can be copied."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def new_table(*columns: str, title: str | None = None) -> Table:
    """Numbers stand right; the first column and those called by a phrase stand left."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 or column in _PHRASES else "right", overflow="fold")
    return made


def rejections_table(rejections: Sequence[Rejection], rows: int) -> Table:
    """Why files gave nothing, the commonest reason first, each with an example."""
    first: dict[str, str] = {}
    for each in rejections:
        first.setdefault(each.reason, each.name)
    shown = new_table("rejected because", "times", "found", "for example")
    reasons = ranked_reasons(rejections)
    for reason, n, found in reasons[:rows]:
        shown.add_row(Text(reason), str(n), Text(found), Text(first[reason]))
    others(shown, len(reasons) - rows, sum(n for _, n, _ in reasons[rows:]))
    return shown


def licences_table(licences: Iterable[str], heading: str) -> Table:
    """How many of what `heading` names each licence has, the commonest first."""
    shown = new_table("licence", heading)
    for licence, n in Counter(licences).most_common():
        shown.add_row(Text(licence), str(n))
    return shown


def others(shown: Table, more: int, n: int) -> None:
    """A last row for what is not shown."""
    if more > 0:
        shown.add_row(f"… and {more} more", str(n))


def in_words(counts: Mapping[str, int]) -> str:
    """The commonest three entries with their numbers: "idm 3, techno 2 and 1 more"."""
    ranked = Counter(counts).most_common(3)
    more = len(counts) - len(ranked)
    return ", ".join(f"{name} {n}" for name, n in ranked) + (f" and {more} more" if more else "")


def first_of(names: Sequence[str], most: int = 3) -> str:
    """The first of many names: "a, b, c, …"."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def count(n: int, what: str) -> str:
    """A number of things: "1 sound", "1,105 sounds"."""
    return f"{n:,} {what}{'s' * (n != 1)}"
