"""`drumjax data …`: look at pattern files, and prepare them for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from drumjax.cli.arguments import parse, say

Source = Annotated[Positional[str], arg(metavar="SOURCE")]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a source is read."""

    kind: str | None = None
    """What the files are: 'patterns' is the kind of this version. Default: detected, and printed."""
    drum_map: str = "tr808"
    """Which pitches fall on which lane: tr808, pocket, gm, or a JSON file of your own."""
    genres_csv: Path | None = None
    """Labels: a CSV with a column file, genre and, if you like, group and licence. Default: genre = first sub-folder."""
    declared_licence: str | None = None
    """The licence of whatever states none itself, such as cc0 or cc-by-4.0."""
    licence: str = ""
    """Keep only examples under these, separated by commas, such as cc0,cc-by,bsd. Default: all."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""


@dataclass(frozen=True)
class Inspect(Reading):
    """Show what of a folder or file is usable for training, and why the rest is not.

    Accepted and rejected files with reasons, patterns per genre, lanes used, duplicates, licences. Exit code 0 when something is
    usable, else 2.

    examples:
      drumjax data inspect my_patterns/
      drumjax data inspect patterns.json --licence cc0,cc-by,bsd
      drumjax data inspect embedded
    """

    source: Source
    """A folder of .mid, .json and .csv files, one such file, prepared data, or 'embedded'."""
    rows: int = 20
    """How many lines of a long list are shown."""


@dataclass(frozen=True)
class Build(Reading):
    """Prepare a folder of patterns for training: windows of 64 steps, no duplicates, splits that never cut a group.

    Nine tenths become the split 'train', a twentieth each 'validation' and 'test', stratified by genre. One bad file never stops a
    build. Exit code 3 when the same data are there already.

    examples:
      drumjax data build my_patterns/ -o data/
      drumjax data build my_patterns/ -o data/ --licence cc0,cc-by --genres-csv labels.csv
      drumjax data build embedded -o data/
    """

    source: Source
    """A folder of .mid, .json and .csv files, one such file, or 'embedded'."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The folder that the prepared data go into."""
    with_embedded: bool = False
    """Add the embedded patterns to those of the folder, where --licence admits theirs (apache-2.0)."""
    seed: int = 0
    """Of the splits."""
    validation: float = 0.05
    """Share of the patterns on which choices are made."""
    test: float = 0.05
    """Share of the patterns on which figures are reported."""
    rows: int = 20
    """How many lines of a long list are shown."""


@dataclass(frozen=True)
class Arrays:
    """Write prepared data as one .npz file, which trains on a machine without TensorFlow Datasets.

    examples:
      drumjax data arrays data/ -o data.npz && drumjax train pattern-vae --data data.npz --workdir runs/mine
    """

    source: Source
    """Prepared data: a folder of 'drumjax data build', or 'embedded'."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The .npz file."""


def _options(call: Reading) -> dict[str, Any]:
    from drumjax.patterns import load_drum_map

    return {
        "kind": call.kind,
        "drum_map": load_drum_map(call.drum_map),
        "genres_csv": call.genres_csv,
        "licence": call.declared_licence,
        "licences": tuple(part.strip() for part in call.licence.split(",") if part.strip()),
        "channel": call.channel,
    }


def inspect(arguments: list[str], prog: str) -> int:
    """`drumjax data inspect`."""
    call = parse(Inspect, arguments, prog)
    from drumjax.datasets.report import inspect_command

    return inspect_command(call.source, rows=call.rows, **_options(call))


def build(arguments: list[str], prog: str) -> int:
    """`drumjax data build`."""
    call = parse(Build, arguments, prog)
    from drumjax.datasets.report import build_command

    options = _options(call) | {
        "with_embedded": call.with_embedded,
        "seed": call.seed,
        "validation": call.validation,
        "test": call.test,
    }
    return build_command(call.source, call.output, rows=call.rows, **options)


def arrays(arguments: list[str], prog: str) -> int:
    """`drumjax data arrays`."""
    call = parse(Arrays, arguments, prog)
    from drumjax.datasets.build import arrays as write_arrays

    write_arrays(call.source, call.output)
    say(call.output)
    return 0
