"""What `drumjax data inspect` and `drumjax data build` show of a source: tables, and the two commands' work."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, cpu_count
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from drumjax.datasets import build as building
from drumjax.datasets.info import DataInfo, PatternSet
from drumjax.datasets.licences import admits
from drumjax.datasets.load import is_prepared, load_patterns
from drumjax.datasets.prepare import EMBEDDED, Example
from drumjax.datasets.sources import Collection, survey
from drumjax.datasets.splits import SPLITS, split_groups
from drumjax.patterns.midi import DRUM_CHANNEL

ROWS = 12
"""How many lines of a long list are shown."""


def inspect(source: str | PathLike[str], *, kind: str | None = None, **options: Any) -> Collection:
    """What is usable of a folder or file, possibly nothing, and why the rest is not.

    Args:
      source: as for `drumjax.datasets.sources.survey`.
      kind: see `drumjax.datasets.build.detect_kind`.
      **options: see `survey`.

    Raises:
      InputError: there is nothing to look at: no such folder, no pattern files in it, labels that cannot be read, an unknown kind.
    """
    building.detect_kind(source, kind)
    return survey(source, **options)


def inspect_command(
    source: str | PathLike[str],
    *,
    kind: str | None = None,
    rows: int = ROWS,
    console: Console | None = None,
    licences: Sequence[str] = (),
    processes: int | None = None,
    **options: Any,
) -> int:
    """Prints the report on a source and returns the exit code: 0 if something in it is usable, else 2.

    Args:
      source: a folder or file as for `survey`, a prepared folder, or "embedded".
      kind: see `inspect`.
      rows: how many lines of a long list are shown.
      console: where to print; by default standard output.
      licences: see `survey`.
      processes: how many read at once where there are many files; by default one a core.
      **options: `drum_map`, `steps`, `genres_csv`, `licence`, `channel` of `survey`.

    Raises:
      InputError: see `inspect`; options for files are given for data that are prepared.
    """
    console = console or Console()
    if str(source) == EMBEDDED or is_prepared(Path(source)):
        building.detect_kind(source, kind)
        building.refuse_reading_options(source, **options)
        patterns = load_patterns(source)
        usable = any(admits(licences, licence) for licence in patterns.info.licences)
        nothing = [] if usable else [Text(f"nothing here is under {', '.join(licences)}")]
        _show(console, [*pattern_set_tables(patterns), *nothing])
        return 0 if usable else 2
    reading = {"processes": processes or cpu_count() or 1, "progress": console.is_terminal}
    collection = inspect(source, kind=kind, licences=licences, **reading, **options)
    _show(console, tables(collection, rows))
    return 0 if collection.examples else 2


def build_command(
    source: str | PathLike[str],
    out_dir: str | PathLike[str],
    *,
    rows: int = ROWS,
    console: Console | None = None,
    processes: int | None = None,
    **options: Any,
) -> int:
    """Builds, prints what went in and what was left out, and returns the exit code: 0, or 3 where the same data were there already.

    Args:
      source: see `drumjax.datasets.build.build`.
      out_dir: likewise.
      rows: how many lines of a long list are shown.
      console: where to print; by default standard output.
      processes: how many read at once where there are many files; by default one a core.
      **options: the other arguments of `drumjax.datasets.build.prepare`.

    Raises:
      InputError: see `build`.
    """
    console = console or Console()
    built = building.build(source, out_dir, processes=processes or cpu_count() or 1, progress=console.is_terminal, **options)
    patterns, collection = built.prepared
    if not built.is_new:
        _show(console, [Text(f"nothing to do: {built.folder} holds these {_patterns(sum(patterns.info.counts.values()))} already")])
        return 3
    if collection is not None:
        _show(console, tables(collection, rows, with_splits=False))
    _show(console, pattern_set_tables(patterns, brief=collection is not None))
    train = f"drumjax train pattern-vae --data {shlex.quote(str(out_dir))} --workdir runs/mine"
    _show(console, [Text(f"wrote {built.folder}"), Text(f"train with: {train}")])
    return 0


def _show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Prints tables within the terminal's width, and lines unbroken, so that paths and commands can be copied."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def tables(collection: Collection, rows: int = ROWS, *, with_splits: bool = True) -> list[RenderableType]:
    """The report on a folder: what is in it by genre, lane and licence, what was left out and why.

    Args:
      collection: what `survey` found.
      rows: how many lines of a long list are shown.
      with_splits: whether to show how a build with default shares would split it.
    """
    used, read = len(collection.files), collection.files_read
    parts: list[RenderableType] = [
        Text(f"{collection.path}: {_patterns(len(collection.examples))} of kind 'patterns' from {used} of {_count(read, 'file')}")
    ]
    if collection.examples:
        parts += [_files(collection, rows), _genres(collection.examples, rows), _lanes(collection), _licences(collection.examples)]
    if collection.rejections:
        parts.append(_rejections(collection, rows))
    if any(read.channel != DRUM_CHANNEL for read in collection.channels):
        parts.append(_channels(collection))
    if left_out := _left_out(collection, rows):
        parts.append(left_out)
    if collection.examples and with_splits:
        parts.append(_split_preview(collection.examples))
    if not collection.examples:
        parts.append(Text("nothing here is usable"))
    return parts


def pattern_set_tables(patterns: PatternSet, *, brief: bool = False) -> list[RenderableType]:
    """The report on prepared data: examples by genre and split, and, unless `brief`, drum map and licences."""
    info = patterns.info
    table = _table("genre", *info.counts)
    by_split = {split: np.bincount(arrays["genre"], minlength=len(info.genres)) for split, arrays in patterns.splits.items()}
    for number, genre in enumerate(info.genres):
        table.add_row(Text(genre), *(str(by_split[split][number]) for split in info.counts))
    table.add_row("all", *(str(n) for n in info.counts.values()), style="bold")
    return [table] if brief else [_headline(info), table]


def _headline(info: DataInfo) -> Text:
    licences = ", ".join(f"{licence} ({n})" for licence, n in info.licences.items())
    return Text(
        f"{info.name}: {_patterns(sum(info.counts.values()))} of kind {info.kind!r}, prepared, drum map {info.drum_map.name!r}, "
        f"{info.steps} steps, licences {licences}"
    )


def _table(*columns: str, title: str | None = None) -> Table:
    """Numbers stand right; the first column and those called by a phrase stand left."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 or column in _PHRASES else "right", overflow="fold")
    return table


_PHRASES = frozenset(("found", "for example", "what", "genres", "first of them", "licence"))


def _files(collection: Collection, rows: int) -> Table:
    patterns: Counter[str] = Counter()
    genres: dict[str, Counter[str]] = defaultdict(Counter)
    for example in collection.examples:
        file = example.name.rpartition("#")[0]
        patterns[file] += 1
        genres[file][example.genre] += 1
    table = _table("accepted", "patterns", "genres")
    for file, n in _first(patterns.items(), rows):
        table.add_row(Text(file), str(n), Text(_in_words(genres[file])))
    _others(table, len(patterns) - rows, sum(list(patterns.values())[rows:]))
    return table


def _genres(examples: Sequence[Example], rows: int) -> Table:
    counts = Counter(example.genre for example in examples)
    groups: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        groups[example.genre].add(example.group)
    table = _table("genre", "patterns", "groups")
    ranked = counts.most_common()
    for genre, n in _first(ranked, max(rows, 24)):
        table.add_row(Text(genre), str(n), str(len(groups[genre])))
    _others(table, len(ranked) - max(rows, 24), sum(n for _, n in ranked[max(rows, 24) :]))
    return table


def _lanes(collection: Collection) -> Table:
    velocity = np.stack([example.velocity for example in collection.examples])
    hits = velocity > 0
    table = _table("lane", "hits", "in patterns", "mean velocity")
    for lane, name in enumerate(collection.drum_map.lanes):
        n = int(hits[..., lane].sum())
        if n or len(collection.drum_map.lanes) <= 16:
            mean = f"{velocity[..., lane].sum(dtype=np.float64) / n:.2f}" if n else "-"
            table.add_row(name, str(n), str(int(hits[..., lane].any(axis=1).sum())), mean)
    return table


def _licences(examples: Iterable[Example]) -> Table:
    table = _table("licence", "patterns")
    for licence, n in Counter(example.licence for example in examples).most_common():
        table.add_row(Text(licence), str(n))
    return table


def _rejections(collection: Collection, rows: int) -> Table:
    first: dict[str, str] = {}
    for rejection in collection.rejections:
        first.setdefault(rejection.reason, rejection.name)
    table = _table("rejected because", "times", "found", "for example")
    reasons = collection.reasons()
    for reason, n, found in _first(reasons, rows):
        table.add_row(Text(reason), str(n), Text(found), Text(first[reason]))
    _others(table, len(reasons) - rows, sum(n for _, n, _ in reasons[rows:]))
    return table


def _channels(collection: Collection) -> Table:
    """Which channel the drums of how many MIDI files were taken for, and why; shown where it was another than drums belong on."""
    files: dict[tuple[int, str], list[str]] = defaultdict(list)
    for name, channel, reason in collection.channels:
        files[channel, reason].append(name)
    table = _table("read from channel", "files", "what", "for example")
    for (channel, reason), names in sorted(files.items()):
        table.add_row(str(channel), str(len(names)), Text(reason), Text(names[0]))
    return table


def _left_out(collection: Collection, rows: int) -> Table | None:
    table = _table("left out", "times", "what")
    duplicates = collection.duplicates
    if duplicates:
        shown = ", ".join(f"{duplicate.name} = {duplicate.of}" for duplicate in duplicates[:3])
        mixed = sum(duplicate.genre != duplicate.genre_of for duplicate in duplicates)
        other = f"; {mixed} under another genre" if mixed else ""
        table.add_row("duplicates", str(len(duplicates)), Text(shown + (", …" if len(duplicates) > 3 else "") + other))
    if collection.dropped:
        shown = ", ".join(f"{where} ({n})" for where, n in list(collection.dropped.items())[:rows])
        more = ", …" if len(collection.dropped) > rows else ""
        what = f"in all files read, whatever the licence: {shown}{more}"
        table.add_row("hits outside the drum map", str(sum(collection.dropped.values())), Text(what))
    if collection.merged:
        table.add_row("hits under a louder one", str(collection.merged), "two notes on one cell: the louder stays")
    if collection.remainder_hits:
        what = f"ends of {collection.remainder_windows} patterns that fill no window of {collection.steps} steps"
        table.add_row("hits behind the last window", str(collection.remainder_hits), what)
    for name, files in (("files without a label", collection.unlabelled), ("labels without a file", collection.missing)):
        if files:
            table.add_row(name, str(len(files)), Text(", ".join(files[:3]) + (", …" if len(files) > 3 else "")))
    return table if table.row_count else None


def _split_preview(examples: Sequence[Example]) -> Text:
    try:
        counts = Counter(split_groups([example.group for example in examples], [example.genre for example in examples]))
    except ValueError as error:
        return Text(f"cannot be built as it is: {error}", style="yellow")
    return Text("a build would split it into " + ", ".join(f"{counts[split]} {split}" for split in SPLITS))


def _first(items: Iterable[Any], rows: int) -> list[Any]:
    return list(items)[:rows]


def _others(table: Table, others: int, n: int) -> None:
    if others > 0:
        table.add_row(f"… and {others} more", str(n))


def _in_words(counts: Mapping[str, int]) -> str:
    ranked = Counter(counts).most_common(3)
    more = len(counts) - len(ranked)
    return ", ".join(f"{name} {n}" for name, n in ranked) + (f" and {more} more" if more else "")


def _patterns(n: int) -> str:
    return _count(n, "pattern")


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
