"""Where a file came from: written into every file that the library makes, and read back.

Provenance is one ASCII JSON object of at most 2,000 bytes, as a text event of a MIDI file, the comment of a WAV or FLAC file, or
the value `provenance` of a grid file's pattern. ASCII, because MIDI texts have no declared encoding; 2,000 bytes, because
libsndfile loses WAV comments over 2,045 bytes in silence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import drumjax
from drumjax.boundary import InputError, describe, read_audio_comment, read_head, read_json, read_midi_texts

MAX_BYTES = 2_000
MAX_PATH_BYTES = 300
"""An input's or a model's path keeps its end, up to this many bytes of ASCII JSON, after "..."."""
PART = "part"
"""The parameter that says which of a call's patterns a file holds; a file of all of them has none."""
CONCATENATE = "concatenate"
"""The verb of patterns of several calls that were joined in Python."""
MOST_SEED = 2**32 - 1
_FIELDS = frozenset(("drumjax", "verb", "model", "seed", "parameters", "inputs"))
_VERSION = re.compile(r"[0-9A-Za-z.+!_-]{1,64}")
_SHA256 = re.compile("[0-9a-f]{64}")


def provenance(
    verb: str,
    *,
    model: str | None,
    model_sha256: str | None,
    seed: int | None,
    parameters: Mapping[str, Any],
    inputs: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What has to be known to make a file again: `drumjax again FILE` reads it.

    Args:
      verb: the command's words, "pattern interpolate".
      model: the model as the user named it, a long path by its end like an input's; None for verbs without one.
      model_sha256: the hash of the model's files.
      seed: the seed of all random draws; None for verbs that draw nothing.
      parameters: everything else that the outcome depends on, by name, JSON values. The output path is not among them: where a
        file was written does not say what it is.
      inputs: `{"path": as typed, "sha256": of the content}` for each file that was read, with `channel` where its reader chose a
        MIDI channel; `{"name", "sha256": of the velocities}` for a pattern that came from no file. A path or name longer than 300
        bytes of ASCII JSON keeps its end, after "...". An input that is itself a record, of a pattern that was made and never
        written, is named by its verb, seed and hash.

    Returns:
      A plain dict of JSON values with the keys drumjax (the library's version), verb, model, seed, parameters, inputs.
    """
    return {
        "drumjax": drumjax.__version__,
        "verb": verb,
        "model": None if model is None else {"name": _end_of(model), "sha256": model_sha256},
        "seed": seed,
        "parameters": dict(parameters),
        "inputs": [_input(entry) for entry in inputs],
    }


def with_input(record: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """A record with one more input, `{"path", "sha256"}` as in `provenance`: what a rendering was played with, say."""
    return {**record, "inputs": [*record["inputs"], _input(entry)]}


def _input(entry: Mapping[str, Any]) -> dict[str, Any]:
    if is_record(entry):
        return {"verb": entry["verb"], "seed": entry["seed"], "sha256": hashlib.sha256(dumps(entry).encode("ascii")).hexdigest()}
    if "verb" in entry:
        return dict(entry)  # named so by whoever used it first
    key = "path" if "path" in entry else "name"
    named = {key: _end_of(str(entry[key]))}
    return named | {name: entry[name] for name in ("sha256", "channel") if entry.get(name)}


def in_part(record: Mapping[str, Any], part: int | Sequence[int]) -> dict[str, Any]:
    """The record of one of the patterns that a call made, counted from 1, or of those from [first, last]."""
    return {**record, "parameters": {**record["parameters"], PART: part}}


def joined(origins: Sequence[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    """Where patterns that are played one after another came from, given where each came from; at least one.

    All parts of one call, in their order, are the call's own record again; some that follow each other are its parts [first, last].
    What else was made is a record of the verb "concatenate", which names what it was joined from. Patterns of one file are of that
    file; of several files, and of patterns made by hand, there is nothing to say.
    """
    runs: list[list[Mapping[str, Any] | None]] = []
    for origin in origins:
        if runs and _follows(runs[-1][-1], origin):
            runs[-1].append(origin)
        else:
            runs.append([origin])
    whole = [_of_run(run) for run in runs]
    if len(whole) == 1:
        return whole[0]
    if not any(entry is not None and is_record(entry) for entry in whole):
        return whole[0] if all(entry == whole[0] for entry in whole) else None
    named = [{"name": "made by hand"} if entry is None else entry for entry in whole]
    record = provenance(CONCATENATE, model=None, model_sha256=None, seed=None, parameters={}, inputs=named)
    try:
        dumps(record)
    except ValueError:
        digest = hashlib.sha256(json.dumps(named).encode("ascii")).hexdigest()
        record |= {"inputs": [{"name": f"{len(origins)} patterns", "sha256": digest}]}
    return record


def _part(origin: Mapping[str, Any]) -> int | None:
    part = origin["parameters"].get(PART) if is_record(origin) else None
    return part if isinstance(part, int) else None


def _whole(record: Mapping[str, Any]) -> dict[str, Any]:
    return {**record, "parameters": {name: value for name, value in record["parameters"].items() if name != PART}}


def _follows(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether the other is the next part of the same call."""
    if one is None or other is None or (part := _part(one)) is None:
        return False
    return _part(other) == part + 1 and _whole(one) == _whole(other)


def _of_run(run: Sequence[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    first, last = run[0], run[-1]
    if first is None or last is None or len(run) == 1:
        return first
    whole, ends = _whole(first), [part for part in (_part(first), _part(last)) if part is not None]
    number = whole["parameters"].get("measures", whole["parameters"].get("n"))
    return whole if ends == [1, number] else in_part(whole, ends)


def is_record(value: Mapping[str, Any]) -> bool:
    """Whether this is what `provenance` makes, and not only the path and hash of a file that was read."""
    return value.keys() >= _FIELDS


def _end_of(path: str) -> str:
    kept = path
    while len(json.dumps(kept)) - 2 > MAX_PATH_BYTES:
        kept = "..." + kept.removeprefix("...")[1:]
    return kept


def dumps(value: Mapping[str, Any]) -> str:
    """The provenance as one line of ASCII JSON, the same for equal values.

    Raises:
      ValueError: when it is longer than 2,000 bytes or holds something that is no finite JSON value.
    """
    try:
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except TypeError as error:
        raise ValueError(f"expected JSON values in provenance: {error}") from None
    if len(text) > MAX_BYTES:
        raise ValueError(
            f"expected provenance of at most {MAX_BYTES:,} bytes, found {len(text):,}; give fewer or shorter parameters"
        )
    return text


def loads(text: str) -> dict[str, Any]:
    """The provenance in a text that `dumps` wrote.

    Raises:
      ValueError: when the text is not provenance.
    """
    if len(text) > MAX_BYTES or not text.startswith("{"):
        raise ValueError("no provenance")
    try:
        value = json.loads(text)  # not by the boundary: a path that is no Unicode is written as halves of surrogate pairs
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no provenance: {error}") from None
    if not isinstance(value, dict) or not is_record(value):
        raise ValueError("no provenance: fields are missing")
    return value


class Named(NamedTuple):
    """A model or an input of a record.

    Attributes:
      name: what it was called: the model's name or folder, the input's path as typed, or what a pattern of no file was called.
      sha256: of what it held.
      channel: of a MIDI file whose reader named one, 1 to 16.
      is_file: whether the name is a path (or a pattern of the built-in set) and not that of a pattern that no file ever held.
    """

    name: str
    sha256: str
    channel: int | None = None
    is_file: bool = True


class Record(NamedTuple):
    """A record whose every field is of the type that `provenance` gives it; the parameters are still any JSON values.

    Attributes:
      version: of the library that wrote it.
      verb: the command's words.
      model: None for verbs without one.
      seed: 0 to 2³² − 1, None for verbs that draw nothing.
      parameters: by name.
      inputs: in their order.
    """

    version: str
    verb: str
    model: Named | None
    seed: int | None
    parameters: Mapping[str, Any]
    inputs: tuple[Named, ...]


def check_record(value: Mapping[str, Any], path: str | PathLike[str]) -> Record:
    """A record that was read, field by field: nothing missing, nothing unknown, everything of its type.

    Args:
      value: what `read_provenance` gave.
      path: the file that it was read from, which errors name.

    Raises:
      InputError: a field that is missing, unknown or of another type or range.
    """

    def check(ok: bool, rule: str, found: Any) -> None:
        if not ok:
            remedy = "make it with the drumjax that wrote it; one of this version writes no such record"
            raise InputError(path, rule=f"in its provenance {rule}", found=f"{found!r:.80}", remedy=remedy)

    def text(value: Any, what: str) -> str:
        check(isinstance(value, str) and 0 < len(value) <= MAX_BYTES, f"a text as {what}", value)
        return value

    def version(value: Any) -> str:
        check(_VERSION.fullmatch(text(value, "the version")) is not None, "a version such as 1.2.3", value)
        return value

    def whole(value: Any, what: str, least: int, most: int) -> int:
        check(type(value) is int and least <= value <= most, f"a whole number from {least} to {most} as {what}", value)
        return value

    def table(value: Any, what: str, must: frozenset[str], may: frozenset[str] = frozenset()) -> Mapping[str, Any]:
        check(isinstance(value, Mapping), f"an object as {what}", value)
        check(must <= value.keys() <= must | may, f"{', '.join(sorted(must))} and no more in {what}", sorted(value))
        return value

    def named(value: Any, what: str, key: str, may: frozenset[str] = frozenset()) -> Named:
        entry = table(value, what, frozenset((key, "sha256")), may)
        sha256 = text(entry["sha256"], f"the hash of {what}")
        check(_SHA256.fullmatch(sha256) is not None, f"a SHA-256 of 64 digits for {what}", sha256)
        channel = entry.get("channel")
        return Named(
            text(entry[key], f"the name of {what}"),
            sha256,
            None if channel is None else whole(channel, f"the channel of {what}", 1, 16),
            key == "path",
        )

    def one_input(value: Any, what: str) -> Named:
        check(isinstance(value, Mapping), f"an object as {what}", value)
        if "verb" in value:
            return named({key: item for key, item in value.items() if key != "seed"}, what, "verb")
        return named(value, what, "path", frozenset(("channel",))) if "path" in value else named(value, what, "name")

    table(value, "it", _FIELDS)
    model, seed, parameters, inputs = (value[key] for key in ("model", "seed", "parameters", "inputs"))
    check(isinstance(parameters, Mapping), "an object as parameters", parameters)
    check(isinstance(inputs, list), "a list as inputs", inputs)
    return Record(
        version=version(value["drumjax"]),
        verb=text(value["verb"], "the verb"),
        model=None if model is None else named(model, "the model", "name"),
        seed=None if seed is None else whole(seed, "the seed", 0, MOST_SEED),
        parameters=parameters,
        inputs=tuple(one_input(entry, f"input {i + 1}") for i, entry in enumerate(inputs)),
    )


def read_provenance(path: str | PathLike[str]) -> dict[str, Any]:
    """The provenance in a MIDI, WAV, FLAC, grid (.json) or code (.json) file.

    Of a MIDI file it is looked for before the first note, of a grid file in its patterns, which must agree.

    Raises:
      InputError: when the file is none of these or carries no provenance.
    """
    what = "a MIDI, WAV, FLAC or grid (.json) file"
    head = read_head(path, what=what)
    if head.startswith(b"MThd"):
        texts = read_midi_texts(path)
    elif head.startswith((b"RIFF", b"fLaC")):
        texts = [read_audio_comment(path)]
    elif head.lstrip().startswith(b"{"):
        texts = _grid_texts(path)
    else:
        raise InputError(
            path, rule=what, found=describe(head), remedy="name a file that drumjax made; pictures carry no provenance"
        )
    for text in texts:
        try:
            return loads(text)
        except ValueError:
            continue
    raise InputError(
        path,
        rule="a file with drumjax's provenance",
        found="none in it",
        remedy="name a file that drumjax made, as it was written: other programs drop it",
    )


def _grid_texts(path: str | PathLike[str]) -> list[str]:
    value = read_json(path)
    if isinstance(value, dict) and isinstance(value.get("provenance"), dict):
        return [json.dumps(value["provenance"], separators=(",", ":"))]  # a sound's code
    patterns = value.get("patterns") if isinstance(value, dict) else None
    entries = [entry.get("provenance") for entry in patterns if isinstance(entry, dict)] if isinstance(patterns, list) else []
    records = [json.dumps(entry, separators=(",", ":")) for entry in entries if isinstance(entry, dict)]
    if len(set(records)) > 1:
        remedy = "write the patterns into a file each, or joined by drumjax.patterns.concatenate"
        raise InputError(path, rule="patterns of one provenance", found=f"{len(set(records))} that differ", remedy=remedy)
    return records[:1]
