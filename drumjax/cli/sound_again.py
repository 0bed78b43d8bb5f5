"""How `drumjax again` makes the files of `drumjax sound …`: with the instrument's own methods, each sound by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from drumjax.boundary import InputError
from drumjax.cli.recall import Recall, Write, find_model, find_sound, find_vocoder, rebuild
from drumjax.instruments.loading import load_sounds_instrument
from drumjax.instruments.sound import SoundInstrument
from drumjax.instruments.sound_codes import Chooser
from drumjax.provenance import PART
from drumjax.signal.sound import Sound

Label = str | dict[str, float]
CROP = ("start_s", "end_s", "silence_db")
_PARAMETERS = frozenset(("n", "mix", "class", "distance", "variation", "path", "at", "takes", "pitch", "seed", "crop", "only"))
"""What errors of the instrument name that are about numbers in the record."""
T = TypeVar("T", bound="Recorded")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What every record of a sound may hold beside its verb's own parameters."""

    seed: int | None = None
    vocoder: Literal["griffin-lim"] | None = None
    start_s: float | None = None
    end_s: float | None = None
    silence_db: float | None = None


@dataclass(frozen=True, kw_only=True)
class SampleRecord(Recorded):
    """Of `sound sample`."""

    n: int
    label: Label | None = None


@dataclass(frozen=True, kw_only=True)
class AtRecord(Recorded):
    """Of `sound at`."""

    label: Label
    p1: float
    p2: float
    p3: float
    reach: float


@dataclass(frozen=True, kw_only=True)
class EncodeRecord(Recorded):
    """Of `sound encode`."""

    label: Label
    chosen_by: Chooser


@dataclass(frozen=True, kw_only=True)
class VaryRecord(Recorded):
    """Of `sound vary`."""

    n: int
    label: Label
    distance: float


@dataclass(frozen=True, kw_only=True)
class MorphRecord(Recorded):
    """Of `sound morph`."""

    n: int
    start_label: Label
    goal_label: Label
    path: Literal["slerp", "lerp"]


@dataclass(frozen=True, kw_only=True)
class HumanizeRecord(Recorded):
    """Of `sound humanize`."""

    n: int
    label: Label
    variation: float


@dataclass(frozen=True, kw_only=True)
class KitRecord(Recorded):
    """Of `sound kit`: of one lane's takes."""

    n: int
    label: str
    pitch: int
    variation: float


class Found(NamedTuple):
    """What a record was made with: the instrument, and the sounds and codes that went in."""

    instrument: SoundInstrument
    sources: list[str]


@contextlib.contextmanager
def _of_the_file(recall: Recall) -> Iterator[None]:
    """A number that the instrument refuses is the file's fault."""
    try:
        yield
    except InputError as error:
        if error.path not in _PARAMETERS:
            raise
        rule = f"{error.rule} as {error.path!r} in its provenance"
        raise recall.fault(rule, error.found, "get the file again from where it was made") from None


def _rebuilt(recall: Recall, record_type: type[T], must: Sequence[str], may: Sequence[str] = ()) -> T:
    sound = recall.record.verb != "sound encode"
    call = rebuild(recall, record_type, must, (*may, "vocoder", *(CROP if sound else ())))
    if sound == (recall.sound is None):
        kind = "a sound" if sound else "a code file"
        raise recall.fault(f"{kind}, as '{recall.record.verb}' writes", "another file", "get the file again from where it was made")
    return call


def _found(recall: Recall, call: Recorded, sources: int) -> Found:
    """The model, the vocoder beside it and the sources; a vocoder that was no part of the model stands behind the sources."""
    inputs = recall.record.inputs
    if not sources <= len(inputs) <= sources + (call.vocoder is None):
        rule = f"{sources} inputs of '{recall.record.verb}' in its provenance, and a vocoder"
        raise recall.fault(rule, f"{len(inputs)}", "get the file again from where it was made")
    model = find_model(recall)
    vocoder = call.vocoder or (find_vocoder(recall, inputs[sources]) if len(inputs) > sources else None)
    found = [find_sound(recall, entry) for entry in inputs[:sources]]
    return Found(load_sounds_instrument(Path(model), vocoder=vocoder), found)


def _number(recall: Recall, n: int) -> Sequence[int]:
    """Which of n sounds the file holds, from 0.

    Raises:
      InputError: none, or one that there is not.
    """
    part = recall.record.parameters.get(PART, 1 if n == 1 else None)
    if type(part) is not int or not 1 <= part <= n:
        remedy = "get the file again from where it was made"
        raise recall.fault(f"a part from 1 to {n} in its provenance", f"{part!r:.60}", remedy)
    return [part - 1]


def _write(recall: Recall, call: Recorded, made: Sequence[Sound]) -> Write:
    (sound,) = made
    with _of_the_file(recall):
        if (call.start_s, call.end_s, call.silence_db) != (None, None, None):
            sound = sound.cropped(call.start_s or 0.0, call.end_s, silence_db=call.silence_db)
    return replace(sound, provenance=recall.origin).save


def sample_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound sample`."""
    call = _rebuilt(recall, SampleRecord, ("n",), ("label",))
    with _of_the_file(recall):
        only = _number(recall, call.n)
        return _write(recall, call, _found(recall, call, 0).instrument.sample(call.label, call.n, call.seed or 0, only=only))


def at_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound at`."""
    call = _rebuilt(recall, AtRecord, ("label", "p1", "p2", "p3", "reach"))
    with _of_the_file(recall):
        instrument = _found(recall, call, 0).instrument
        return _write(recall, call, [instrument.at(call.p1, call.p2, call.p3, call.label, reach=call.reach)])


def encode_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound encode`."""
    call = _rebuilt(recall, EncodeRecord, ("label", "chosen_by"))
    with _of_the_file(recall):
        instrument, (source,) = _found(recall, call, 1)
        code = instrument.encode(source, call.label)
    # The file's name is the code's, and stays so: it may have another now.
    name = Path(recall.record.inputs[0].name).stem
    return replace(code, name=name, chosen_by=call.chosen_by, provenance=recall.origin).save


def vary_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound vary`."""
    call = _rebuilt(recall, VaryRecord, ("n", "label", "distance"))
    with _of_the_file(recall):
        only = _number(recall, call.n)
        instrument, (source,) = _found(recall, call, 1)
        return _write(recall, call, instrument.vary(source, call.distance, call.n, call.seed or 0, call.label, only=only))


def morph_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound morph`."""
    call = _rebuilt(recall, MorphRecord, ("n", "start_label", "goal_label", "path"))
    with _of_the_file(recall):
        only = _number(recall, call.n)
        instrument, (start, goal) = _found(recall, call, 2)
        labels = (call.start_label, call.goal_label)
        return _write(recall, call, instrument.morph(start, goal, call.n - 1, call.path, labels, only=only))


def humanize_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound humanize`."""
    call = _rebuilt(recall, HumanizeRecord, ("n", "label", "variation"))
    with _of_the_file(recall):
        only = _number(recall, call.n)
        instrument, (source,) = _found(recall, call, 1)
        made = instrument.humanize(source, call.n, call.seed or 0, call.label, variation=call.variation, only=only)
        return _write(recall, call, made)


def kit_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `sound kit`."""
    call = _rebuilt(recall, KitRecord, ("n", "label", "pitch", "variation"))
    with _of_the_file(recall):
        only = _number(recall, call.n)
        instrument = _found(recall, call, 0).instrument
        made = instrument.takes_of(call.pitch, call.label, call.n, call.seed or 0, variation=call.variation, only=only)
        return _write(recall, call, made)
