"""What a file was made of, found again by its hash: the model, the patterns and the kit that its provenance names.

A record is what a file says, and a file may come from anyone. So its names are only where to look: something is taken for the model
or an input when its SHA-256 is the record's, and not otherwise. To be hashed it has to be a regular file of at most the size that
the library would read, or a folder read through the boundary; nothing that is read is shown, and no network path is tried. That
leaves a hostile record the power to have files hashed that the user could read anyway.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from drumjax.boundary import AUDIO_BYTES, CSV_BYTES, JSON_BYTES, MIDI_BYTES, AudioShape, InputError, file_sha256
from drumjax.patterns import Pattern
from drumjax.patterns.midi import MAX_TEMPO_BPM, MIN_TEMPO_BPM
from drumjax.provenance import PART, Named, Record

if TYPE_CHECKING:
    from drumjax.datasets.load import PatternSet
    from drumjax.patterns import DrumMap
    from drumjax.signal.rendering import Kit

Call = TypeVar("Call")
Data = TypeVar("Data", bound="PatternSet")
Write = Callable[[Path], None]
"""Writes what was made again to a path."""
PATTERN_BYTES = max(MIDI_BYTES, JSON_BYTES, CSV_BYTES)
MANIFEST_BYTES = 64 << 20
SHORTENED = "..."


@dataclass(frozen=True)
class Recall:
    """A file that is to be made again.

    Attributes:
      file: the file.
      origin: its provenance as it stands in it.
      record: the same, checked field by field.
      sound: what the file's header says of its length; None for patterns.
      model: what the user names as the model, None where the record's own name is to do.
      named: what the user names as inputs, in any order.
      found: grows by each file and folder that was found.
    """

    file: Path
    origin: Mapping[str, Any]
    record: Record
    sound: AudioShape | None = None
    model: str | None = None
    named: tuple[Path, ...] = ()
    found: list[Path] = field(default_factory=list)

    def fault(self, rule: str, found: str, remedy: str) -> InputError:
        """An error about what the file says."""
        return InputError(self.file, rule=rule, found=found, remedy=remedy)


# The parameters


def rebuild(
    recall: Recall, call_type: type[Call], must: Sequence[str], may: Sequence[str] = (), blank: Mapping[str, Any] | None = None
) -> Call:
    """The call of a verb with the record's seed and parameters.

    Args:
      recall: the file.
      call_type: the dataclass of the verb's call; its fields say of which types the parameters are.
      must: the parameters that the verb always writes.
      may: those that it writes where they were given.
      blank: values for the fields that a record does not hold and that have no default; the caller replaces them.

    Raises:
      InputError: a parameter that is missing, that this verb does not have, or of another type or range.
    """
    from drumjax.configs import parse_config

    given = {name: value for name, value in recall.record.parameters.items() if name != PART}
    other = f"make it with drumjax {recall.record.version}, which wrote it"
    for name in must:
        if name not in given:
            raise recall.fault(f"the parameter {name!r} in its provenance", "none", other)
    for name in given:
        if name not in (*must, *may):
            known = ", ".join((*must, *may, PART))
            raise recall.fault(f"parameters of '{recall.record.verb}' in its provenance ({known})", f"{name!r:.60}", other)
    tempo_bpm = given.get("tempo_bpm", MIN_TEMPO_BPM)
    call = parse_config(call_type, {**(blank or {}), **given, "seed": recall.record.seed}, recall.file)
    if not MIN_TEMPO_BPM <= tempo_bpm <= MAX_TEMPO_BPM:
        raise recall.fault(f"a tempo of {MIN_TEMPO_BPM} to {MAX_TEMPO_BPM:,} BPM in its provenance", f"{tempo_bpm!r:.40}", other)
    return call


def parts(recall: Recall, patterns: Sequence[Pattern]) -> list[Pattern]:
    """Those of a call's patterns that the file holds: all, or its part [first, last].

    Raises:
      InputError: a part that there is not, or sound of another length than the record says, which it would take to render.
    """
    part = recall.record.parameters.get(PART, [1, len(patterns)])
    first, last = part if isinstance(part, list) and len(part) == 2 else (part, part)
    if type(first) is not int or type(last) is not int or not 1 <= first <= last <= len(patterns):
        remedy = "get the file again from where it was made"
        raise recall.fault(f"parts from 1 to {len(patterns)} in its provenance", f"{part!r:.60}", remedy)
    chosen = list(patterns[first - 1 : last])
    if recall.sound is not None:
        seconds = sum(pattern.duration_s for pattern in chosen)
        heard = recall.sound.frames / max(recall.sound.sample_rate_hz, 1)
        if not seconds - 1 <= heard <= seconds + 60:
            remedy = "get the file again from where it was made"
            raise recall.fault(f"sound of the {seconds:,.1f} s that its provenance makes", f"{heard:,.1f} s", remedy)
    return chosen


# The model


def find_model(recall: Recall) -> str:
    """The folder of the record's model, as `drumjax.load` takes it.

    What the user names has to be it. Else it is looked for under its own name, among the shipped models, and by the end of its name
    in the current folder and beside the file. Of a working directory any checkpoint will do, not only the best one of today.

    Raises:
      InputError: there is none, or what is there has another hash.
    """
    entry = recall.record.model
    if entry is None:
        raise recall.fault("a model in its provenance", "none", "get the file again from where it was made")
    seen = []
    for name, directory in _models(recall, entry.name):
        with contextlib.suppress(InputError):
            sha256 = _model_sha256(directory)
            if sha256 == entry.sha256:
                recall.found.append(directory)
                return str(directory.absolute())
            if name in (entry.name, recall.model):
                seen.append(f"{name} with SHA-256 {sha256}")
    raise recall.fault(
        f"the model {entry.name!r} with SHA-256 {entry.sha256}",
        "; ".join(seen[:3]) or "no such model",
        "name the folder that holds it with --model",
    )


def _model_sha256(directory: Path) -> str:
    """What names a model in provenance: the hash of a checkpoint's manifest, or that over an instrument's members."""
    from drumjax.checkpoint import INSTRUMENT, fingerprint_members, read_instrument

    if (directory / INSTRUMENT).is_file() and len(members := read_instrument(directory)[1]) > 1:
        return fingerprint_members(members)
    return file_sha256(directory / "manifest.json", max_bytes=MANIFEST_BYTES)


def _models(recall: Recall, name: str) -> Iterator[tuple[str, Path]]:
    """The checkpoints and instruments that may be the record's model, each with the name by which it was found."""
    from drumjax.checkpoint import INSTRUMENT, find, list_checkpoints
    from drumjax.instruments.loading import model_folder, shipped_models

    def meant(folder: Path) -> Path:
        return folder if (folder / INSTRUMENT).is_file() else find(folder)

    if recall.model is not None:
        yield recall.model, meant(model_folder(recall.model))
        yield from ((recall.model, place) for place in list_checkpoints(recall.model))
        return
    yield from shipped_models().items()
    for place in _places(name, recall.file):
        if os.path.isdir(place):  # unlike Path.is_dir, False for any name that cannot be one
            with contextlib.suppress(InputError):
                yield str(place), meant(place)
            yield from ((str(place), other) for other in list_checkpoints(place))


def find_vocoder(recall: Recall, entry: Named) -> str:
    """The folder of a vocoder that went in beside the model, as `--vocoder` takes it.

    Looked for among what the user names as inputs, the shipped models, and as in `find_pattern`.

    Raises:
      InputError: none of the record's hash.
    """
    from drumjax.checkpoint import find_members, fingerprint, list_checkpoints
    from drumjax.instruments.loading import VOCODER, shipped_models

    def candidates(place: Path) -> list[Path]:
        found = list(list_checkpoints(place))
        with contextlib.suppress(InputError):
            members = find_members(place)
            found += [members[VOCODER]] if VOCODER in members else [members["model"]] if "model" in members else []
        return found

    right: list[Path] = []

    def sha256_of(place: Path) -> str:
        hashes = [(fingerprint(other), other) for other in candidates(place) if (other / "manifest.json").is_file()]
        right.extend(other for sha256, other in hashes if sha256 == entry.sha256)
        return entry.sha256 if right else hashes[0][0] if hashes else ""

    for place in shipped_models().values():
        if sha256_of(place) == entry.sha256:
            return str(right[-1].absolute())
    _find(recall, entry, (entry.name,), sha256_of)
    return str(right[-1].absolute())


# The inputs


def check_inputs(recall: Recall, least: int, most: int) -> None:
    """That the record has so many inputs; InputError where it has not."""
    if not least <= len(recall.record.inputs) <= most:
        rule = f"{least} inputs of '{recall.record.verb}' in its provenance" + (" and a kit" if most > least else "")
        raise recall.fault(rule, f"{len(recall.record.inputs)}", "get the file again from where it was made")


def find_pattern(recall: Recall, entry: Named) -> str:
    """A pattern that went in, as a pattern argument of the command line: FILE, FILE#k or embedded:GENRE#k.

    Raises:
      InputError: no file of the record's hash under its name, beside the file or among those that the user names; or a pattern
        that no file ever held.
    """
    if not entry.is_file:
        found = f"{entry.name!r:.60}, made in Python and never written"
        raise recall.fault("inputs that are files or built in", found, "make it again in Python, as it was made")
    if entry.name.startswith("embedded:"):
        return entry.name
    file, mark, k = entry.name.rpartition("#")
    if not mark or not k.isdecimal():
        file, k = entry.name, ""
    place = _find(recall, entry, (entry.name, file), lambda place: file_sha256(place, max_bytes=PATTERN_BYTES))
    # The whole of a file that is called so, else a window of one that is not.
    return str(place) if not k or place.name == PurePath(entry.name).name else f"{place}#{k}"


def find_sound(recall: Recall, entry: Named) -> str:
    """A sound file or code file that went in, looked for as in `find_pattern`.

    Raises:
      InputError: no file of the record's hash, or a sound that no file ever held.
    """
    if not entry.is_file:
        found = f"{entry.name!r:.60}, made in Python and never written"
        raise recall.fault("inputs that are files", found, "make it again in Python, as it was made")
    return str(_find(recall, entry, (entry.name,), lambda place: file_sha256(place, max_bytes=AUDIO_BYTES)))


def find_kit(recall: Recall, entry: Named | None, drum_map: DrumMap, sample_rate_hz: int, takes: int = 1) -> Kit:
    """The kit of a rendering with so many takes, at the rendering's rate; without an entry the library's own.

    Raises:
      InputError: no folder whose sounds have the record's hash, looked for as in `find_pattern`.
    """
    if entry is None:
        from drumjax.synth.tr808 import kit_for

        return kit_for(drum_map, sample_rate_hz, takes=takes)
    from drumjax.synth.kits import load_kit

    kits: list[Kit] = []

    def read(place: Path) -> str:
        kits.append(load_kit(place, drum_map, sample_rate_hz, takes=takes)[0])
        return (kits[-1].provenance or {}).get("sha256", "")

    _find(recall, entry, (entry.name,), read)
    return kits[-1]


def find_data(recall: Recall, entry: Named, load: Callable[[Path], Data] | None = None) -> Data:
    """The prepared data that patterns were chosen from; `load` reads them, by default as patterns.

    Raises:
      InputError: no data of the record's hash, looked for as in `find_pattern`.
    """
    from drumjax.datasets.load import load_patterns

    data: list[Any] = []

    def read(place: Path) -> str:
        data.append((load or load_patterns)(place))
        return data[-1].info.source_sha256

    _find(recall, entry, (entry.name,), read)
    return data[-1]


def check_made(recall: Recall, made: Mapping[str, Any]) -> None:
    """That what was made comes from inputs of the record's hashes: files may change meanwhile, built-in patterns with the version.

    Args:
      recall: the file.
      made: the provenance of what was made.

    Raises:
      InputError: where one differs.
    """
    for entry, now in zip(recall.record.inputs, made["inputs"], strict=False):
        if now.get("sha256") != entry.sha256:
            rule = f"the input {entry.name!r} with SHA-256 {entry.sha256}"
            raise recall.fault(
                rule, f"SHA-256 {now.get('sha256')}", f"make it with drumjax {recall.record.version}, which wrote it"
            )


def check_all_used(recall: Recall) -> None:
    """That everything that the user named as an input was one; InputError for what was not."""
    for place in recall.named:
        if place not in recall.found:
            wanted = "; ".join(f"{entry.name!r} with SHA-256 {entry.sha256}" for entry in recall.record.inputs)
            found = "a folder" if place.is_dir() else f"SHA-256 {file_sha256(place)}"
            raise InputError(
                place,
                rule=f"an input of {recall.file} ({wanted or 'it has none'})",
                found=found,
                remedy="leave it out, or name the right one",
            )


def _find(recall: Recall, entry: Named, names: Sequence[str], sha256_of: Callable[[Path], str]) -> Path:
    looked = [*recall.named, *(place for name in dict.fromkeys(names) for place in _places(name, recall.file))]
    seen = []
    for place in looked:
        if not os.path.exists(place):
            continue
        try:
            sha256 = sha256_of(place)
        except InputError as error:
            sha256, what = "", f"{place}: {error.found}"
        else:
            what = f"{place} with SHA-256 {sha256}"
        if sha256 == entry.sha256:
            recall.found.append(place)
            return place
        if place not in recall.found:  # what is another input is no wrong guess
            seen.append(what)
    raise recall.fault(
        f"the input {entry.name!r} with SHA-256 {entry.sha256}",
        "; ".join(seen[:4]) or "nothing of this name",
        "name the file or folder that holds it with --input",
    )


def _places(name: str, file: Path) -> Iterator[Path]:
    """Where something of a record's name may lie: there, beside the file, and by the last part of its name: it may have moved."""
    if name.startswith(("//", "\\\\")):
        return
    path = Path(name)
    if not name.startswith(SHORTENED):
        yield path
        if not path.is_absolute():
            yield file.parent / path
    if path.name:
        yield Path(path.name)
        yield file.parent / path.name
