"""Where a file came from: written into every file that the library makes, and read back.

Provenance is one ASCII JSON object of at most 2,000 bytes, as a text event of a MIDI file or the comment of a WAV or FLAC file.
ASCII, because MIDI texts have no declared encoding; 2,000 bytes, because libsndfile loses WAV comments over 2,045 bytes in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import drumjax
from drumjax.boundary import InputError, describe, read_audio_comment, read_head, read_midi

MAX_BYTES = 2_000
MAX_PATH_BYTES = 300
"""An input's or a model's path keeps its end, up to this many bytes of ASCII JSON, after "..."."""
_FIELDS = frozenset(("drumjax", "verb", "model", "seed", "parameters", "inputs"))


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
      parameters: the call's other arguments by name, JSON values. The output path is not among them: where a file was written does
        not say what it is.
      inputs: `{"path": as typed, "sha256": of the content}` for each file that was read (no hash for built-in patterns). A path
        longer than 300 bytes of ASCII JSON keeps its end, after "...". An input that is itself a record, of a pattern that was
        made and never written, is named by its verb, seed and hash.

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
    named = {"path": _end_of(str(entry["path"]))}
    return named | {"sha256": entry["sha256"]} if entry.get("sha256") else named


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
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no provenance: {error}") from None
    if not isinstance(value, dict) or not is_record(value):
        raise ValueError("no provenance: fields are missing")
    return value


def read_provenance(path: str | PathLike[str]) -> dict[str, Any]:
    """The provenance in a MIDI, WAV or FLAC file.

    Raises:
      InputError: when the file is none of these or carries no provenance.
    """
    head = read_head(path, what="a MIDI, WAV or FLAC file")
    if head.startswith(b"MThd"):
        texts = [message.text for track in read_midi(path).tracks for message in track if message.type == "text"]
    elif head.startswith((b"RIFF", b"fLaC")):
        texts = [read_audio_comment(path)]
    else:
        raise InputError(path, rule="a MIDI, WAV or FLAC file", found=describe(head), remedy="name a file that drumjax made")
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
