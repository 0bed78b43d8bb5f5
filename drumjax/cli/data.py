"""`drumjax data …`: look at pattern and sound files, and prepare them for training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from drumjax.boundary import InputError
from drumjax.cli.arguments import parse, say

Source = Annotated[Positional[str], arg(metavar="SOURCE")]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a source is read."""

    kind: str | None = None
    """What the files are: 'patterns', 'one-shots' or 'grooves' (performances in two-bar windows). Default: patterns or one-shots,
    what most of them are, and printed."""
    declared_licence: str | None = None
    """The licence of whatever states none itself, such as cc0 or cc-by-4.0."""
    licence: str = ""
    """Keep only examples under these, separated by commas, such as cc0,cc-by,bsd. Default: all."""
    drum_map: str = "tr808"
    """Patterns: which pitches fall on which lane: tr808, pocket, gm, or a JSON file of your own."""
    genres_csv: Path | None = None
    """Patterns, grooves: labels, a CSV with a column file, genre and, if you like, group and licence. Default: the info.csv of the
    Groove MIDI Dataset for grooves, else the folders are called like the genres."""
    channel: int | None = None
    """Patterns, grooves: MIDI channel (1 to 16) of the drums, where it is not 10."""
    genres: str = ""
    """Grooves: keep only these genres, separated by commas, such as rock,jazz,funk. Default: the six with most tracks."""
    cell: Literal["louder", "first"] = "louder"
    """Grooves: which of several notes of a drum on one 16th stays."""
    labels: UseAppendAction[tuple[Path, ...]] = ()
    """One-shots: labels, a CSV with a column file (or folder, for all files in it) and any of class, group and licence; may be
    given several times. Default: what folders and files are called."""
    classes_csv: Path | None = None
    """One-shots: your own words for drums, a CSV with the columns pattern and class, such as "ks_*,kick"."""
    classes: str = ""
    """One-shots: keep only these classes, separated by commas, such as kick,snare; classes of your own have to be named here."""


@dataclass(frozen=True)
class Inspect(Reading):
    """Show what of a folder or file is usable for training, and why the rest is not.

    Accepted and rejected files with reasons, examples per genre or class, duplicates, licences. Exit code 0 when something is
    usable, else 2.

    examples:
      drumjax data inspect my_patterns/
      drumjax data inspect patterns.json --licence cc0,cc-by,bsd
      drumjax data inspect my_samples/ --classes-csv words.csv
      drumjax data inspect groove/ --kind grooves
      drumjax data inspect embedded
    """

    source: Source
    """A folder of .mid, .json and .csv files or of .wav, .flac, .aiff, .ogg and .mp3 files, one such file, prepared data, or
    'embedded'."""
    rows: int = 20
    """How many lines of a long list are shown."""


@dataclass(frozen=True)
class Build(Reading):
    """Prepare a folder of patterns, one-shots or grooves for training: of one length, no duplicates, splits that never cut a group.

    Patterns: nine tenths become the split 'train', a twentieth each 'validation' and 'test', stratified by genre. One-shots: eight
    tenths and a tenth each, by class. Grooves: likewise, of the tracks, by genre. One bad file never stops a build. Exit code 3
    when the same data are there already.

    examples:
      drumjax data build my_patterns/ -o data/
      drumjax data build my_patterns/ -o data/ --licence cc0,cc-by --genres-csv labels.csv
      drumjax data build embedded -o data/
      drumjax data build my_samples/ -o sounds/ --classes kick,snare,hihat_closed
      drumjax data build embedded --kind one-shots --per-class 3000 -o sounds/
      drumjax data build groove/ --kind grooves -o grooves/ --seed 0
    """

    source: Source
    """A folder of .mid, .json and .csv files or of .wav, .flac, .aiff, .ogg and .mp3 files, one such file, or 'embedded'."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The folder that the prepared data go into."""
    with_embedded: bool = False
    """Add the embedded patterns, or embedded sounds of the same classes or grooves of the same genres, to those of the folder,
    where --licence admits theirs (apache-2.0)."""
    per_class: int | None = None
    """One-shots: how many embedded sounds of each class are made, of 'embedded' or --with-embedded. Default: 200."""
    seed: int = 0
    """Of the splits."""
    validation: float | None = None
    """Share of the examples on which choices are made. Default: 0.05 of patterns, 0.1 of one-shots and of the grooves' tracks."""
    test: float | None = None
    """Share of the examples on which figures are reported. Default: 0.05 of patterns, 0.1 of one-shots and of the grooves'
    tracks."""
    beam: str | None = None
    """One-shots: read and write with Apache Beam, on many machines: its options with commas, such as
    runner=DirectRunner,direct_num_workers=2. Needs pip install 'drumjax[beam]'."""
    rows: int = 20
    """How many lines of a long list are shown."""


@dataclass(frozen=True)
class Arrays:
    """Write prepared data as one .npz file, which trains on a machine without TensorFlow Datasets.

    examples:
      drumjax data arrays data/ -o data.npz && drumjax train pattern-vae --data data.npz --workdir runs/mine
      drumjax data arrays embedded --kind one-shots -o sounds.npz
    """

    source: Source
    """Prepared data: a folder of 'drumjax data build', or 'embedded'."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The .npz file."""
    kind: str | None = None
    """Which of several prepared sets is meant, 'patterns', 'one-shots' or 'grooves'. Default: what is there; of the embedded, the
    patterns."""


_OPTIONS_OF = {
    "patterns": ("drum_map", "genres_csv", "channel"),
    "one-shots": ("labels", "classes_csv", "classes", "per_class", "beam"),
    "grooves": ("genres", "cell", "genres_csv", "channel"),
}
"""What means something for one kind of data."""


def _options(call: Inspect | Build) -> dict[str, Any]:
    """The options of the source's kind; those of the others mean nothing there, and are not passed over."""
    from drumjax.datasets.kinds import GROOVES, ONE_SHOTS
    from drumjax.datasets.report import kind_of

    kind = kind_of(call.source, call.kind)
    options: dict[str, Any] = {
        "kind": kind,
        "licence": call.declared_licence,
        "licences": _list(call.licence),
    }
    for other, names in _OPTIONS_OF.items():
        if other != kind:
            _refuse(call, tuple(name for name in names if name not in _OPTIONS_OF[kind]), kind, other)
    if kind == ONE_SHOTS.name:
        return options | {"labels": call.labels, "classes_csv": call.classes_csv, "classes": _list(call.classes)}
    options |= {"genres_csv": call.genres_csv, "channel": call.channel}
    if kind == GROOVES.name:
        return options | {"genres": _list(call.genres), "cell": call.cell}
    from drumjax.patterns import load_drum_map

    return options | {"drum_map": load_drum_map(call.drum_map)}


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _refuse(call: Reading, names: tuple[str, ...], kind: str, other: str) -> None:
    for field in fields(call):
        if field.name in names and getattr(call, field.name) != field.default:
            flag = f"--{field.name.replace('_', '-')}"
            remedy = f"leave it out, or say --kind {other}"
            raise InputError(flag, rule=f"options for {kind}, which these are", found=f"one for {other}", remedy=remedy)


def inspect(arguments: list[str], prog: str) -> int:
    """`drumjax data inspect`."""
    call = parse(Inspect, arguments, prog)
    from drumjax.datasets.report import inspect_command

    return inspect_command(call.source, rows=call.rows, **_options(call))


def build(arguments: list[str], prog: str) -> int:
    """`drumjax data build`."""
    call = parse(Build, arguments, prog)
    from drumjax.datasets.report import build_command

    options = _options(call) | {"with_embedded": call.with_embedded, "seed": call.seed}
    others = {"per_class": call.per_class, "validation": call.validation, "test": call.test, "beam": call.beam}
    options |= {name: value for name, value in others.items() if value is not None}
    return build_command(call.source, call.output, rows=call.rows, **options)


def arrays(arguments: list[str], prog: str) -> int:
    """`drumjax data arrays`."""
    call = parse(Arrays, arguments, prog)
    from drumjax.datasets.build import arrays as write_arrays

    write_arrays(call.source, call.output, kind=call.kind)
    say(call.output)
    return 0
