"""What `drumjax data inspect` and `drumjax data build` show of one-shots."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from drumjax.datasets.sounds.info import SoundInfo
from drumjax.datasets.sounds.prepare import Sound, assign_splits
from drumjax.datasets.sounds.sources import SoundCollection
from drumjax.datasets.splits import SPLITS
from drumjax.datasets.tables import ROWS, count, first_of, in_words, licences_table, new_table, others, rejections_table


def sound_tables(collection: SoundCollection, rows: int = ROWS, *, with_splits: bool = True) -> list[RenderableType]:
    """The report on a tree of sound files: what is in it by folder, class and licence, what was left out and why.

    Args:
      collection: what `survey_sounds` found.
      rows: how many lines of a long list are shown.
      with_splits: whether to show how a build with default shares would split it.
    """
    sounds = collection.sounds
    read = count(collection.files_read, "file")
    parts: list[RenderableType] = [
        Text(f"{collection.path}: {count(len(sounds), 'sound')} of kind 'one-shots' from {len(collection.files)} of {read}")
    ]
    if sounds:
        parts += [_folders(sounds, rows), _classes(collection), licences_table((sound.licence for sound in sounds), "sounds")]
    if collection.rejections:
        parts.append(rejections_table(collection.rejections, rows))
    if (left_out := _left_out(collection)).row_count:
        parts.append(left_out)
    parts += [Text(line, style="yellow") for line in warnings(collection)]
    if sounds and with_splits:
        parts.append(_split_preview(sounds))
    if not sounds:
        parts.append(Text("nothing here is usable"))
    return parts


def warnings(collection: SoundCollection) -> list[str]:
    """What a user should know of data that can be built, a line each."""
    lines = []
    if collection.without:
        lines.append(f"no sound of: {', '.join(collection.without)}")
    if collection.taken_apart:
        lines.append(
            f"numbered files of {', '.join(collection.taken_apart)} are taken for different drums, or nothing could be held out of "
            "them: if they are takes of one, give them a group with --labels"
        )
    if collection.low_rates:
        rates = ", ".join(f"{rate:,} Hz ({n})" for rate, n in collection.low_rates.items())
        lines.append(f"files below {collection.sample_rate_hz:,} Hz have nothing above half their rate: {rates}")
    return lines


def sound_set_tables(info: SoundInfo, *, brief: bool = False) -> list[RenderableType]:
    """The report on prepared one-shots: sounds by class and split, and, unless `brief`, length and licences."""
    table = new_table("class", *info.counts)
    for label in info.classes:
        table.add_row(Text(label), *(str(info.class_counts[split][label]) for split in info.counts))
    table.add_row("all", *(str(n) for n in info.counts.values()), style="bold")
    licences = ", ".join(f"{licence} ({n})" for licence, n in info.licences.items())
    headline = Text(
        f"{info.name}: {count(sum(info.counts.values()), 'sound')} of kind {info.kind!r}, prepared, {info.sample_rate_hz:,} Hz, "
        f"at most {info.samples:,} samples, licences {licences}"
    )
    return [table] if brief else [headline, table]


def _folders(sounds: Sequence[Sound], rows: int) -> Table:
    """What was accepted, by folder: a tree has more files than anyone reads."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for sound in sounds:
        labels[sound.name.rpartition("/")[0] or "."][sound.label] += 1
    table = new_table("accepted", "sounds", "what")
    for folder, found in list(labels.items())[:rows]:
        table.add_row(Text(folder), str(found.total()), Text(in_words(found)))
    others(table, len(labels) - rows, sum(found.total() for found in list(labels.values())[rows:]))
    return table


def _classes(collection: SoundCollection) -> Table:
    table = new_table("class", "sounds", "groups", "median length")
    for label in collection.classes:
        of_class = [sound for sound in collection.sounds if sound.label == label]
        length_ms = 1000 * float(np.median([sound.length for sound in of_class])) / collection.sample_rate_hz
        table.add_row(label, str(len(of_class)), str(len({sound.group for sound in of_class})), f"{length_ms:.0f} ms")
    return table


def _left_out(collection: SoundCollection) -> Table:
    table = new_table("left out", "times", "what")
    copies = collection.duplicates
    if copies:
        shown = first_of([f"{copy.name} = {copy.of}" for copy in copies])
        mixed = sum(copy.label != copy.label_of for copy in copies)
        table.add_row("copies", str(len(copies)), Text(shown + (f"; {mixed} under another class" if mixed else "")))
    if collection.cut:
        seconds = collection.samples / collection.sample_rate_hz
        table.add_row("ends of longer sounds", str(collection.cut), f"what lies behind {seconds:.3f} s")
    for name, files in (("files without a label", collection.unlabelled), ("labels without a file", collection.missing)):
        if files:
            table.add_row(name, str(len(files)), Text(first_of(files)))
    return table


def _split_preview(sounds: Sequence[Sound]) -> Text:
    try:
        splits = assign_splits(sounds)
    except ValueError as error:
        return Text(f"cannot be built as it is: {error}", style="yellow")
    return Text("a build would split it into " + ", ".join(f"{len(splits[split])} {split}" for split in SPLITS))
