"""What the generating verbs share: their options, how a pattern is named, and where the results go."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import itertools
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import tyro
from tyro.conf import DisallowNone, Positional, arg

from drumjax.boundary import InputError, read_head
from drumjax.patterns import DrumMap, Pattern
from drumjax.provenance import MOST_SEED

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.signal.rendering import Kit

Call = TypeVar("Call")
Model = Annotated[Positional[str], arg(metavar="MODEL")]
Start = Annotated[Positional[str], arg(metavar="START")]
Goal = Annotated[Positional[str], arg(metavar="GOAL")]
PATTERN_SUFFIXES = (".mid", ".midi", ".json")
SOUND_SUFFIXES = (".wav", ".flac")
PICTURE_SUFFIXES = (".png", ".pdf", ".svg")


def parse(call: type[Call], arguments: Sequence[str], prog: str) -> Call:
    """Reads a verb's arguments into its dataclass; `--help` prints its docstring with the examples as they stand.

    Raises:
      SystemExit: 0 after `--help`, 2 for a wrong call, with a message that suggests the nearest option.
      InputError: a number that the dataclass, or a configuration in it, refuses with a ValueError; an output without a name, as a
        shell leaves of a variable that is not set: it would mean the current folder.
    """
    if {"-o=", "--output="} & set(arguments) or {("-o", ""), ("--output", "")} & set(itertools.pairwise(arguments)):
        raise InputError("-o", rule="a file or a folder", found="an empty name", remedy="name one; the current folder is '.'")
    description = inspect.cleandoc(call.__doc__ or "")
    try:
        return tyro.cli(call, args=list(arguments), prog=prog, description=description, config=(DisallowNone,))
    except InputError:
        raise
    except ValueError as error:
        rule, _, found = str(error).removeprefix("expected ").partition(", found ")
        raise InputError("options", rule=rule, found=found, remedy=f"see '{prog} --help'") from error


class Humanizing(NamedTuple):
    """How a performance is humanised; see `drumjax.patterns.humanize`, and `drumjax.signal.rendering.Kit` of the takes."""

    seed: int
    velocity: float
    timing_ms: float
    takes: int


HUMAN_TAKES = 4


@dataclass(frozen=True, kw_only=True)
class Writing:
    """The options of every verb that writes music."""

    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """A .mid or .json file for all measures, or a folder for one file a measure: a name without a suffix, or with a stroke at its
    end. Default: the verb's name with .mid; with --wav or --plot no such file."""
    wav: Path | None = None
    """Render the music to this .wav or .flac file, 44,100 Hz, 16 bits."""
    plot: Path | None = None
    """Draw a picture of it to this .png, .pdf or .svg file."""
    kit: Path | None = None
    """A folder of one-shot sounds, one a lane, for --wav. Default: the library's own TR-808."""
    tempo_bpm: float | None = None
    """Tempo in beats a minute. Default: the paper's 129."""
    seed: int | None = None
    """Of all that is drawn at random."""

    def check(self) -> None:
        """That the numbers beside tempo and seed are in their ranges, before any work.

        Raises:
          InputError: one that is not, named by its option.
        """

    @property
    def sources(self) -> tuple[str, ...]:
        """The patterns that go in, as they were typed."""
        return ()

    @property
    def folders(self) -> tuple[str | Path | None, ...]:
        """The folders that go in, where they are folders."""
        return (self.kit,)

    @property
    def number(self) -> int:
        """How many patterns come out."""
        return 1


@dataclass(frozen=True, kw_only=True)
class Playing(Writing):
    """The options of every verb whose music may be humanised."""

    humanize_seed: int | None = None
    """The same seed makes the same errors. Default: that of --seed, else 0."""
    humanize_velocity: float | None = None
    """Standard deviation of a hit's velocity as a share of it, 0 to 0.25. Default: 0.08."""
    humanize_timing_ms: float | None = None
    """Standard deviation of a hit's time in milliseconds, 0 to 50. Default: 6."""
    humanize_takes: int | None = None
    """Takes of each drum that its hits go round, 1 to 8; of a kit's folder as many as it has. Default: 4."""

    @property
    def humanizing(self) -> Humanizing | None:
        """How to humanise, None where nobody asked for it.

        Raises:
          InputError: a setting out of range.
        """
        if not self.is_humanized:
            return None
        from drumjax.patterns import humanize as errors
        from drumjax.synth.tr808 import MOST_TAKES  # with SciPy's filters, for which a call without sound does not wait

        settings = Humanizing(
            seed=(self.seed or 0) if self.humanize_seed is None else self.humanize_seed,
            velocity=errors.VELOCITY if self.humanize_velocity is None else self.humanize_velocity,
            timing_ms=errors.TIMING_MS if self.humanize_timing_ms is None else self.humanize_timing_ms,
            takes=HUMAN_TAKES if self.humanize_takes is None else self.humanize_takes,
        )
        bounds = ((0, MOST_SEED), (0, errors.MOST_VELOCITY), (0, errors.MOST_TIMING_MS), (1, MOST_TAKES))
        for name, value, (least, most) in zip(Humanizing._fields, settings, bounds, strict=True):
            if not least <= value <= most:
                option, remedy = f"--humanize-{name.replace('_', '-')}", "choose a number in that range"
                raise InputError(option, rule=f"{least} to {most:,}", found=f"{value}", remedy=remedy)
        return settings

    @property
    def is_humanized(self) -> bool:
        """Whether any setting of it is given."""
        given = (self.humanize_seed, self.humanize_velocity, self.humanize_timing_ms, self.humanize_takes)
        return given != (None,) * 4

    def check(self) -> None:
        super().check()
        _ = self.humanizing


@dataclass(frozen=True, kw_only=True)
class Channelled(Writing):
    """The options of every verb that reads patterns."""

    tempo_bpm: float | None = None
    """Tempo in beats a minute. Default: the (start) pattern's own, of a grid without one the paper's 129."""
    channel: int | None = None
    """MIDI channel (1 to 16) of the drums, where it is not 10."""

    def check(self) -> None:
        super().check()
        if self.channel is None:
            return
        if not 1 <= self.channel <= 16:
            rule, found = "a channel from 1 to 16", f"channel {self.channel}"
            raise InputError("--channel", rule=rule, found=found, remedy="choose a number in that range")
        if self.sources and all(_names_embedded(parse_reference(source)[0]) for source in self.sources):
            found = "embedded patterns, which have none"
            raise InputError("--channel", rule="a file whose channel it is", found=found, remedy="leave it out")


@dataclass(frozen=True, kw_only=True)
class Reading(Channelled, Playing):
    """The options of every verb that reads patterns and may humanise what it makes of them."""


@dataclass(frozen=True, kw_only=True)
class Generating(Playing):
    """The options of every verb that makes music with a model."""

    model: str = "pattern-vae"
    """A shipped model's name (see 'drumjax models list') or the folder of one that you trained."""
    measures: int = 1
    """Number of patterns of 4 bars."""
    humanize: bool | None = None
    """Play as a drummer would: with small errors of timing and touch and, in sound, several takes of each drum in turn. Any of the
    options --humanize-… turns it on too."""

    @property
    def is_humanized(self) -> bool:
        return bool(self.humanize) or super().is_humanized

    @property
    def least_measures(self) -> int:
        """Of which there is anything to make."""
        return 1

    def check(self) -> None:
        from drumjax.instruments.pattern import MOST_MEASURES

        if self.humanize is False and super().is_humanized:
            found = "one of the options --humanize-…, which ask for it"
            raise InputError("--no-humanize", rule="nothing to be humanised", found=found, remedy="leave one of the two out")
        super().check()
        if not self.least_measures <= self.measures <= MOST_MEASURES:
            rule, found = f"{self.least_measures} to {MOST_MEASURES} measures", f"{self.measures}"
            raise InputError("--measures", rule=rule, found=found, remedy="choose a number in that range")

    @property
    def folders(self) -> tuple[str | Path | None, ...]:
        return self.kit, self.model

    @property
    def number(self) -> int:
        return self.measures


def destination(call: Writing) -> str | None:
    """Where the patterns go: what `-o` names, without it a file of the verb's name; None where sound or a picture is all."""
    if call.output is None and call.wav is None and call.plot is None:
        return f"{type(call).__name__.lower()}.mid"
    return call.output


def check_options(call: Writing) -> None:
    """Before any work: that a call's numbers are in their ranges, and that all its results can have the names it asks for.

    Raises:
      InputError: a tempo outside 20 to 400 beats a minute, a seed outside 0 to 2³² − 1, what the call's own `check` refuses, a
        suffix that is not written, a folder that is not there, a kit and no sound to play it in, or a result that would take the
        place of a pattern, a sound or a model that goes in, or of another result.
    """
    if call.tempo_bpm is not None and not 20 <= call.tempo_bpm <= 400:
        remedy = "choose a tempo in that range"
        raise InputError("--tempo-bpm", rule="20 to 400 beats a minute", found=f"{call.tempo_bpm:g}", remedy=remedy)
    if call.seed is not None and not 0 <= call.seed <= MOST_SEED:
        # Also where nothing is drawn: a record of such a seed could not be read.
        raise InputError("--seed", rule=f"a whole number from 0 to {MOST_SEED}", found=f"{call.seed}", remedy="choose one of these")
    call.check()
    output = destination(call)
    if output is not None and not names_folder(output):
        check_place(Path(output), "a pattern file", PATTERN_SUFFIXES)
    if call.wav is not None:
        check_place(call.wav, "a sound file", SOUND_SUFFIXES)
    if call.plot is not None:
        check_place(call.plot, "a picture", PICTURE_SUFFIXES)
    if call.kit is not None and call.wav is None:
        raise InputError("--kit", rule="--wav beside it", found="none", remedy="add --wav FILE to hear the kit, or leave it out")
    _check_inputs_stay(call, output)


def _check_inputs_stay(call: Writing, output: str | None) -> None:
    patterns = [Path(parse_reference(source)[0]) for source in call.sources]
    results = [path for path in (call.wav, call.plot) if path is not None]
    if output is not None and names_folder(output):
        # Of a folder's files only those are asked after that go in: their number may be any yet.
        results += [path for path in patterns if same_file(path.parent, Path(output)) and _is_part(path, call.number)]
    elif output is not None:
        results.append(Path(output))
    folders = [_real(Path(name)) for name in call.folders if name is not None and Path(name).is_dir()]
    for i, result in enumerate(results):
        taken = "a file that goes in" if any(same_file(result, pattern) for pattern in patterns) else ""
        if result.exists() and any(_real(result).is_relative_to(folder) for folder in folders):
            taken = "a file of the kit or the model"
        if any(same_file(result, other) for other in results[:i]):
            taken = "another result's name"
        if taken:
            raise InputError(result, rule="a name of its own for what is written", found=taken, remedy="choose another name")


def _real(path: Path) -> Path:
    """The path without links; unlike Path.resolve it takes a link that leads to itself."""
    return Path(os.path.realpath(path))


def same_file(one: Path, other: Path) -> bool:
    return _real(one) == _real(other) or (one.exists() and other.exists() and one.samefile(other))


def _is_part(path: Path, measures: int) -> bool:
    """Whether a folder of so many measures would get a file of this name; see `write_patterns`."""
    stem, width = path.stem, len(str(measures))
    return path.suffix == ".mid" and stem.isdecimal() and len(stem) == width and 1 <= int(stem) <= measures


def check_place(path: Path, what: str, suffixes: tuple[str, ...]) -> None:
    if path.suffix.lower() not in suffixes:
        found = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise InputError(path, rule=f"{what} that ends in {', '.join(suffixes)}", found=found, remedy="change the name")
    if not path.parent.is_dir():
        raise InputError(path, rule=f"a place to write {what}", found=f"no folder {path.parent}", remedy="make the folder first")


def names_folder(output: str) -> bool:
    """Whether `-o` means a folder of one file a measure: one there, a name without a suffix, or one that ends in a stroke."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir() or not Path(output).suffix


def load_instrument(model: str) -> PatternInstrument:
    """The instrument of `--model`, which plays patterns."""
    from drumjax.instruments.loading import load_patterns_instrument

    return load_patterns_instrument(model)


def load_kit(kit: Path | None, drum_map: DrumMap, *, takes: int = 1) -> Kit:
    """The sounds of `--kit`, by default the procedural TR-808; says which lanes the folder left to it."""
    if kit is None:
        from drumjax.synth.tr808 import kit_for

        return kit_for(drum_map, takes=takes)
    from drumjax.synth import kits

    loaded, report = kits.load_kit(kit, drum_map, takes=takes)
    for line in report.lines():
        print(line)
    return loaded


def parse_reference(argument: str) -> tuple[str, int | None]:
    """`FILE#k` → (FILE, k); k counts from 0; None where it is not given. A file of that very name wins."""
    if Path(argument).exists():
        return argument, None
    name, mark, index = argument.rpartition("#")
    if mark and index.isdigit():
        return name, int(index)
    return argument, None


def check_patterns(*arguments: str) -> None:
    """That the files and genres which arguments name are there: said before a model is loaded, which takes seconds.

    Raises:
      InputError: no such file, an empty one, or no such genre.
    """
    for argument in arguments:
        name, _ = parse_reference(argument)
        if _names_embedded(name):
            _embedded_genre(name, argument)
        else:
            read_head(name, what="a pattern file (.mid, .midi, .json, .csv)")


def load_pattern(argument: str, drum_map: DrumMap, *, steps: int = 64, channel: int | None = None) -> Pattern:
    """The pattern that an argument names: a MIDI or grid file, `FILE#k` (its k-th window, from 0), or `embedded:GENRE[#k]`.

    Without #k it is the first window that holds a hit. What was chosen where the file or the argument left it open, and what is not
    heard of the file, is told on standard error.

    Raises:
      InputError: no such file, genre or window, a silent window, or nothing that is a 4/4 pattern of the drum map.
    """
    name, index = parse_reference(argument)
    if _names_embedded(name):
        return _embedded(_embedded_genre(name, argument), index or 0, argument, drum_map)
    from drumjax.patterns.files import read_file_windows

    found = read_file_windows(name, drum_map=drum_map, steps=steps, channel=channel)
    first = next(iter(found.windows))
    k = first if index is None else index
    if k >= found.total:
        raise InputError(
            argument, rule=f"a window from 0 to {found.total - 1}", found=f"#{k}", remedy="the file holds no more windows"
        )
    if k not in found.windows:
        remedy = f"the first window with hits is {name}#{first}"
        raise InputError(argument, rule="a window with hits", found="silence in the drum map's lanes", remedy=remedy)
    lines = found.report.lines() if found.report else []
    if index is None and found.total > 1:
        silent = ", the first with hits" if k else ""
        lines.append(f"window {k} of {found.total}{silent}; {name}#k names another")
    for line in lines:
        print(f"{argument}: {line}", file=sys.stderr)
    # As typed: where no window was named, none is.
    return replace(found.windows[k], provenance={**(found.windows[k].provenance or {}), "path": argument})


def read_whole(
    argument: str,
    drum_map: DrumMap,
    *,
    channel: int | None = None,
    steps: int | None = None,
    window: int = 64,
    tell: bool = False,
) -> Pattern:
    """The pattern that an argument names, at its own length: a file whole, `FILE#k` its k-th window, or `embedded:GENRE[#k]`.

    Args:
      argument: as typed.
      drum_map: the lanes.
      channel: the MIDI channel.
      steps: the length that a record says: where the whole file has another, its first window with hits was read.
      window: steps of a window.
      tell: say on standard error what was chosen where the file left it open, and what is not heard of it.

    Raises:
      InputError: as `load_pattern`, and for a grid file of several patterns.
    """
    from drumjax.boundary import file_sha256
    from drumjax.patterns import read_file_patterns

    name, k = parse_reference(argument)
    check_patterns(argument)
    if k is not None or _names_embedded(name):
        return load_pattern(argument, drum_map, steps=window, channel=channel)
    patterns, faults, report = read_file_patterns(name, drum_map=drum_map, channel=channel)
    if not patterns:
        raise faults[0]
    if len(patterns) + len(faults) > 1:
        remedy = f"name one as {name}#0, {name}#1, …"
        raise InputError(name, rule="one pattern", found=f"{len(patterns) + len(faults)} patterns", remedy=remedy)
    if steps not in (None, patterns[0].steps):
        return load_pattern(argument, drum_map, steps=steps or window, channel=channel)
    for line in report.lines() if report and tell else []:
        print(f"{argument}: {line}", file=sys.stderr)
    entry = {"path": argument, "sha256": file_sha256(name)} | ({} if channel is None else {"channel": channel})
    return replace(patterns[0], provenance=entry)


def _names_embedded(name: str) -> bool:
    return name.startswith("embedded:") or (name == "embedded" and not Path(name).exists())


def _embedded_genre(name: str, argument: str) -> str:
    from drumjax.synth import grammar, grooves

    asked = name.removeprefix("embedded").removeprefix(":").casefold()
    if asked not in (*grammar.GENRES, *grooves.GENRES):
        known = ", ".join((*grammar.GENRES, *grooves.GENRES))
        raise InputError(argument, rule=f"a genre of {known}", found=repr(asked), remedy="write, for example, embedded:techno#3")
    return asked


def _embedded(genre: str, index: int, argument: str, drum_map: DrumMap) -> Pattern:
    """Pattern `index` of a built-in genre: four bars on the lanes of the TR-808, or a track on those of grooves."""
    import numpy as np

    from drumjax.patterns import POCKET, TR808
    from drumjax.synth import grammar, grooves

    of = TR808 if genre in grammar.GENRES else POCKET
    if drum_map != of:
        remedy = "name files instead" if of is TR808 else f"name a file, or a pattern of {', '.join(grammar.GENRES)}"
        raise InputError(argument, rule=f"a model of the drum map {of.name!r}", found=repr(drum_map.name), remedy=remedy)
    reference = f"embedded:{genre}#{index}"
    if of is POCKET:
        if index > MOST_SEED:
            raise InputError(argument, rule=f"a number from 0 to {MOST_SEED}", found=f"#{index}", remedy="choose one of these")
        track = grooves.compose(genre, index)
        sha256 = hashlib.sha256(track.velocity.tobytes() + track.offset.tobytes()).hexdigest()
        return replace(track, name=reference, provenance={"path": reference, "sha256": sha256})
    data = grammar.embedded()
    members = np.flatnonzero(data.genre == grammar.GENRES.index(genre))
    if index >= len(members):
        raise InputError(argument, rule=f"a number from 0 to {len(members) - 1}", found=f"#{index}", remedy=f"{genre} has no more")
    grid = data.velocity[members[index]]
    origin = {"path": reference, "sha256": hashlib.sha256(grid.tobytes()).hexdigest()}
    return Pattern.from_grid(grid / np.float32(127), name=reference, genre=genre, provenance=origin)


def write_patterns(patterns: Sequence[Pattern], output: str | None) -> list[Path]:
    """Writes all measures into one file, or each into one of a folder (see `names_folder`). Returns what was written."""
    from drumjax.patterns import concatenate

    if output is None:
        return []
    place = Path(output)
    if not names_folder(output):
        concatenate(patterns).save(place)
        return [place]
    make_folder(place)
    width = len(str(len(patterns)))
    paths = [place / f"{i + 1:0{width}d}.mid" for i in range(len(patterns))]
    for pattern, path in zip(patterns, paths, strict=True):
        pattern.save(path)
    return paths


def make_folder(folder: Path) -> None:
    """Makes a folder for results where there is none; InputError where it cannot be made or written."""
    with writing(folder, "a folder to write to"):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "no permission to write in it")


@contextlib.contextmanager
def warnings_said() -> Iterator[None]:
    """Turns what the library warns of into a line each, as everything else that a user is told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning):
        print(message)
    for warning in caught:
        if warning.category is not UserWarning:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


@contextlib.contextmanager
def writing(place: Path, what: str = "a place to write to") -> Iterator[None]:
    """Turns what the system says against writing (a full disk, no permission) into an InputError that names the place."""
    try:
        yield
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(place, rule=what, found=found, remedy="name another, or make room there") from error


def write_sound(samples: np.ndarray, path: Path, provenance: Any, kit: Kit) -> Path:
    """Writes a rendering with its provenance; a kit that was read is one of the inputs."""
    from drumjax.provenance import with_input
    from drumjax.signal.audio_file import write_audio

    record = provenance if kit.provenance is None else with_input(provenance, kit.provenance)
    write_audio(path, samples, kit.sample_rate_hz, record)
    return path


def write_picture(figure: Figure, path: Path) -> Path:
    """Writes a picture.

    Raises:
      InputError: it cannot be written there.
    """
    from drumjax.plots import save

    with writing(path):
        save(figure, path)
    return path


def say(*paths: Path) -> None:
    """Tells what was written, a line each."""
    for path in paths:
        print(f"wrote {path}")
