"""What `drumjax data inspect` and `drumjax data build` show of a source: tables, and the two commands' work."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from drumjax.datasets import build as building
from drumjax.datasets.grooves.prepare import TEST as GROOVES_TEST
from drumjax.datasets.grooves.prepare import VALIDATION as GROOVES_VALIDATION
from drumjax.datasets.grooves.prepare import embedded_grooves, refuse_groove_options, split_tracks
from drumjax.datasets.grooves.sources import survey_grooves
from drumjax.datasets.info import EMBEDDED, DataInfo, PatternSet
from drumjax.datasets.kinds import GROOVES, KINDS, ONE_SHOTS, PATTERNS, DataSet, Info, detect_kind
from drumjax.datasets.licences import admits
from drumjax.datasets.load import is_prepared, load_data, prepared_folder, read_card
from drumjax.datasets.parallel import usable_cores
from drumjax.datasets.prepare import EMBEDDED_LICENCE, Example
from drumjax.datasets.sounds.build import check_embedded
from drumjax.datasets.sounds.info import SoundInfo
from drumjax.datasets.sounds.prepare import embedded_info
from drumjax.datasets.sounds.report import sound_set_tables, sound_tables
from drumjax.datasets.sounds.sources import SoundCollection, survey_sounds, wanted_classes
from drumjax.datasets.sources import Collection, survey
from drumjax.datasets.splits import SPLITS, split_groups
from drumjax.datasets.tables import ROWS, count, first_of, in_words, licences_table, new_table, others, rejections_table, show
from drumjax.patterns.classes import ALL_CLASSES
from drumjax.patterns.midi import DRUM_CHANNEL


def kind_of(source: str | PathLike[str], kind: str | None = None) -> str:
    """The kind of a source that may be prepared already: what is asked for, what its card says, or what its files say.

    Raises:
      InputError: see `detect_kind`; prepared data with a damaged card, or several.
    """
    if kind is None and str(source) != EMBEDDED and is_prepared(Path(source)):
        return str(read_card(prepared_folder(Path(source)))["info"].kind)
    return detect_kind(source, kind)


def inspect(source: str | PathLike[str], *, kind: str | None = None, **options: Any) -> Collection | SoundCollection:
    """What is usable of a folder or file, possibly nothing, and why the rest is not.

    Args:
      source: as for `drumjax.datasets.sources.survey`, `drumjax.datasets.sounds.sources.survey_sounds` or
        `drumjax.datasets.grooves.sources.survey_grooves`.
      kind: see `drumjax.datasets.kinds.detect_kind`.
      **options: see `survey`, `survey_sounds` and `survey_grooves`.

    Raises:
      InputError: there is nothing to look at: no such folder, no files of the kind in it, unreadable labels, an unknown kind.
    """
    read: dict[str, Callable[..., Collection | SoundCollection]] = {ONE_SHOTS.name: survey_sounds, GROOVES.name: survey_grooves}
    return read.get(detect_kind(source, kind), survey)(source, **options)


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
      source: a folder or file as for `inspect`, a prepared folder, or "embedded".
      kind: see `inspect`.
      rows: how many lines of a long list are shown.
      console: where to print; by default standard output.
      licences: see `survey`.
      processes: how many read at once where there are many files; by default one a core.
      **options: the others of `survey`, `survey_sounds` or `survey_grooves`.

    Raises:
      InputError: see `inspect`; options for files are given for data that are prepared.
    """
    console = console or Console()
    if str(source) == EMBEDDED or is_prepared(Path(source)):
        return _inspect_prepared(source, console, kind=kind, licences=licences, **options)
    reading = {"processes": processes or usable_cores(), "progress": console.is_terminal}
    collection = inspect(source, kind=kind, licences=licences, **reading, **options)
    if isinstance(collection, SoundCollection):
        show(console, sound_tables(collection, rows))
        return 0 if collection.sounds else 2
    show(console, tables(collection, rows))
    return 0 if collection.examples else 2


def _inspect_prepared(
    source: str | PathLike[str], console: Console, *, kind: str | None, licences: Sequence[str], **options: Any
) -> int:
    wanted = None if kind is None else detect_kind(source, kind)
    if str(source) == EMBEDDED and wanted == ONE_SHOTS.name:
        building.refuse_sound_options(source, **options)
        of = wanted_classes(options.get("classes") or ()) or ALL_CLASSES
        check_embedded(of)
        shown: DataSet | SoundInfo = embedded_info(classes=of)
    elif str(source) == EMBEDDED and wanted == GROOVES.name:
        genres = options.pop("genres", ())
        refuse_groove_options(source, **options)
        shown = embedded_grooves(genres=genres)
    else:
        shown = load_data(source, wanted)
        _REFUSE[shown.info.kind](source, **options)
    info: Info = shown if isinstance(shown, SoundInfo) else shown.info
    usable = any(admits(licences, licence) for licence in info.licences)
    nothing = [] if usable else [Text(f"nothing here is under {', '.join(licences)}")]
    if isinstance(shown, PatternSet):
        parts = pattern_set_tables(shown)
    else:
        parts = sound_set_tables(shown if isinstance(shown, SoundInfo) else shown.info)
    show(console, [*parts, *nothing])
    return 0 if usable else 2


_REFUSE: Mapping[str, Callable[..., None]] = {
    PATTERNS.name: building.refuse_reading_options,
    ONE_SHOTS.name: building.refuse_sound_options,
    GROOVES.name: refuse_groove_options,
}


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
      **options: the other arguments of `build`.

    Raises:
      InputError: see `build`.
    """
    console = console or Console()
    built = building.build(source, out_dir, processes=processes or usable_cores(), progress=console.is_terminal, **options)
    if isinstance(built, building.Built):
        patterns, collection = built.prepared
        info: Info = patterns.info
        left_out = tables(collection, rows, with_splits=False) if collection is not None else []
        went_in = pattern_set_tables(patterns, brief=collection is not None)
    else:
        info = built.info
        left_out = sound_tables(built.collection, rows, with_splits=False) if built.collection is not None else []
        went_in = sound_set_tables(built.info, brief=built.collection is not None)
    item = KINDS[info.kind].item
    warnings = []
    if options.get("with_embedded") and not admits(options.get("licences", ()), EMBEDDED_LICENCE):
        line = f"no embedded {item} was added: --licence does not let {EMBEDDED_LICENCE} through"
        warnings.append(Text(line, style="yellow"))
    if not built.is_new:
        there = f"nothing to do: {built.folder} holds these {count(sum(info.counts.values()), item)} already"
        show(console, [*warnings, Text(there)])
        return 3
    train = f"drumjax train {KINDS[info.kind].recipe} --data {shlex.quote(str(out_dir))} --workdir runs/mine"
    show(console, [*left_out, *warnings, *went_in, Text(f"wrote {built.folder}"), Text(f"train with: {train}")])
    return 0


def tables(collection: Collection, rows: int = ROWS, *, with_splits: bool = True) -> list[RenderableType]:
    """The report on a folder: what is in it by genre, lane and licence, what was left out and why.

    Args:
      collection: what `survey` found.
      rows: how many lines of a long list are shown.
      with_splits: whether to show how a build with default shares would split it.
    """
    used, read, item = len(collection.files), count(collection.files_read, "file"), KINDS[collection.kind].item
    parts: list[RenderableType] = [
        Text(f"{collection.path}: {count(len(collection.examples), item)} of kind {collection.kind!r} from {used} of {read}")
    ]
    if collection.examples:
        parts += [
            _files(collection, rows),
            _genres(collection.examples, f"{item}s", rows),
            _lanes(collection),
            licences_table((example.licence for example in collection.examples), f"{item}s"),
        ]
    if collection.rejections:
        parts.append(rejections_table(collection.rejections, rows))
    if collection.other_styles:
        parts.append(_other_styles(collection.other_styles, rows))
    parts += [Text(line, style="yellow") for line in collection.advice]
    if any(read.channel != DRUM_CHANNEL for read in collection.channels):
        parts.append(_channels(collection))
    if left_out := _left_out(collection, rows):
        parts.append(left_out)
    if collection.examples and with_splits:
        parts.append(_split_preview(collection))
    if not collection.examples:
        parts.append(Text("nothing here is usable"))
    return parts


def pattern_set_tables(patterns: PatternSet, *, brief: bool = False) -> list[RenderableType]:
    """The report on prepared data: examples by genre and split, and, unless `brief`, drum map and licences."""
    info = patterns.info
    table = new_table("genre", *info.counts)
    by_split = {split: np.bincount(arrays["genre"], minlength=len(info.genres)) for split, arrays in patterns.splits.items()}
    for number, genre in enumerate(info.genres):
        table.add_row(Text(genre), *(str(by_split[split][number]) for split in info.counts))
    table.add_row("all", *(str(n) for n in info.counts.values()), style="bold")
    return [table] if brief else [_headline(info), table]


def _headline(info: DataInfo) -> Text:
    licences = ", ".join(f"{licence} ({n})" for licence, n in info.licences.items())
    patterns = count(sum(info.counts.values()), KINDS[info.kind].item)
    return Text(
        f"{info.name}: {patterns} of kind {info.kind!r}, prepared, drum map {info.drum_map.name!r}, {info.steps} steps, "
        f"licences {licences}"
    )


def _files(collection: Collection, rows: int) -> Table:
    patterns: Counter[str] = Counter()
    genres: dict[str, Counter[str]] = defaultdict(Counter)
    for example in collection.examples:
        file = example.name.rpartition("#")[0]
        patterns[file] += 1
        genres[file][example.genre] += 1
    table = new_table("accepted", f"{KINDS[collection.kind].item}s", "genres")
    for file, n in list(patterns.items())[:rows]:
        table.add_row(Text(file), str(n), Text(in_words(genres[file])))
    others(table, len(patterns) - rows, sum(list(patterns.values())[rows:]))
    return table


def _genres(examples: Sequence[Example], items: str, rows: int) -> Table:
    counts = Counter(example.genre for example in examples)
    groups: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        groups[example.genre].add(example.group)
    table = new_table("genre", items, "tracks" if items == "grooves" else "groups")
    ranked = counts.most_common()
    for genre, n in ranked[: max(rows, 24)]:
        table.add_row(Text(genre), str(n), str(len(groups[genre])))
    others(table, len(ranked) - max(rows, 24), sum(n for _, n in ranked[max(rows, 24) :]))
    return table


def _other_styles(styles: Mapping[str, int], rows: int) -> Table:
    """What fell under none of the genres: `--genres` takes it in."""
    table = new_table("style of no genre here", "tracks")
    for style, n in list(styles.items())[:rows]:
        table.add_row(Text(style or "no style"), str(n))
    others(table, len(styles) - rows, sum(list(styles.values())[rows:]))
    return table


def _lanes(collection: Collection) -> Table:
    velocity = np.stack([example.velocity for example in collection.examples])
    hits = velocity > 0
    table = new_table("lane", "hits", f"in {KINDS[collection.kind].item}s", "mean velocity")
    for lane, name in enumerate(collection.drum_map.lanes):
        n = int(hits[..., lane].sum())
        if n or len(collection.drum_map.lanes) <= 16:
            mean = f"{velocity[..., lane].sum(dtype=np.float64) / n:.2f}" if n else "-"
            table.add_row(name, str(n), str(int(hits[..., lane].any(axis=1).sum())), mean)
    return table


def _channels(collection: Collection) -> Table:
    """Which channel the drums of how many MIDI files were taken for, and why; shown where it was another than drums belong on."""
    files: dict[tuple[int, str], list[str]] = defaultdict(list)
    for name, channel, reason in collection.channels:
        files[channel, reason].append(name)
    table = new_table("read from channel", "files", "what", "for example")
    for (channel, reason), names in sorted(files.items()):
        table.add_row(str(channel), str(len(names)), Text(reason), Text(names[0]))
    return table


def _left_out(collection: Collection, rows: int) -> Table | None:
    table = new_table("left out", "times", "what")
    duplicates = collection.duplicates
    if duplicates:
        shown = first_of([f"{duplicate.name} = {duplicate.of}" for duplicate in duplicates])
        mixed = sum(duplicate.genre != duplicate.genre_of for duplicate in duplicates)
        other = f"; {mixed} under another genre" if mixed else ""
        table.add_row("duplicates", str(len(duplicates)), Text(shown + other))
    if collection.dropped:
        shown = ", ".join(f"{where} ({n})" for where, n in list(collection.dropped.items())[:rows])
        more = ", …" if len(collection.dropped) > rows else ""
        what = f"in all files read, whatever the licence: {shown}{more}"
        table.add_row("hits outside the drum map", str(sum(collection.dropped.values())), Text(what))
    if collection.merged:
        table.add_row("hits under another", str(collection.merged), "two notes on one cell: one stays, by default the louder")
    if collection.remainder_hits:
        what = f"ends of {collection.remainder_windows} patterns that fill no window of {collection.steps} steps"
        table.add_row("hits behind the last window", str(collection.remainder_hits), what)
    for name, files in (("files without a label", collection.unlabelled), ("labels without a file", collection.missing)):
        if files:
            table.add_row(name, str(len(files)), Text(first_of(files)))
    return table if table.row_count else None


def _split_preview(collection: Collection) -> Text:
    examples = collection.examples
    try:
        if collection.kind == GROOVES.name:
            counts = Counter(split_tracks(examples, seed=0, validation=GROOVES_VALIDATION, test=GROOVES_TEST))
        else:
            counts = Counter(split_groups([example.group for example in examples], [example.genre for example in examples]))
    except ValueError as error:
        return Text(f"cannot be built as it is: {error}", style="yellow")
    return Text("a build would split it into " + ", ".join(f"{counts[split]} {split}" for split in SPLITS))
