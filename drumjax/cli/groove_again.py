"""How `drumjax again` makes the files of `drumjax groove …`: with the verbs' own functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from drumjax.boundary import STEPS
from drumjax.cli import groove
from drumjax.cli.delivery import Made, checked, kit_entry, name_then, remake
from drumjax.cli.groove import Apply, Generate, Grooving, Humanize, Playing, Transfer
from drumjax.cli.recall import Recall, Write, find_model, find_pattern, rebuild
from drumjax.patterns import BUILT_IN

OUTLINES = ("genre", "feel", "accents", "takes")
"""What a record says where it was given; of a file that was saved in Python nothing of takes."""
PLAYED = ("drum_map", "steps", "tempo_bpm", "amount_velocity", "amount_timing", "genre")
NOTED = ("amount_notes", "keep_notes", "notes")
Call = TypeVar("Call", bound=Grooving)
Played = TypeVar("Played", bound=Playing)


def _rebuilt(recall: Recall, call_type: type[Call], must: tuple[str, ...], blank: Mapping[str, Any] | None = None) -> Call:
    may = tuple(name for name in OUTLINES if name not in must)
    return checked(recall, rebuild(recall, call_type, must, may, {"takes": 1} | dict(blank or {})))


def _played_again(
    recall: Recall, call_type: type[Played], make: Callable[[Played], Made], must: tuple[str, ...], sources: tuple[str, ...]
) -> Write:
    kit = kit_entry(recall, len(sources))
    call = _rebuilt(recall, call_type, must, dict.fromkeys(sources, ""))
    for name in (name for name in must if name.endswith("drum_map")):
        if getattr(call, name) not in BUILT_IN:
            remedy = "make it again in Python, as it was made"
            raise recall.fault(f"a drum map of {', '.join(BUILT_IN)} in its provenance", repr(getattr(call, name))[:60], remedy)
    for name in (name for name in must if name.endswith("steps")):
        if not 1 <= (getattr(call, name) or 0) <= STEPS:
            remedy = "get the file again from where it was made"
            raise recall.fault(f"{name!r} from 1 to {STEPS:,} in its provenance", f"{getattr(call, name)}", remedy)
    entries = recall.record.inputs[: len(sources)]
    found = [find_pattern(recall, entry) for entry in entries]
    named: dict[str, Any] = dict(zip(sources, found, strict=True)) | {"model": find_model(recall), "channel": entries[-1].channel}
    if len(sources) > 1:
        named["channels"] = tuple(entry.channel for entry in entries)
    made = make(replace(call, **named))
    patterns = [replace(pattern, name=name_then(pattern, entries[-1], found[-1])) for pattern in made.patterns]
    return remake(recall, made._replace(patterns=patterns), kit)


def apply_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `groove apply`."""
    return _played_again(recall, Apply, groove.make_apply, (*PLAYED, *NOTED, "temperature"), ("pattern",))


def humanize_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `groove humanize`."""
    return _played_again(recall, Humanize, groove.make_humanized, (*PLAYED, "temperature"), ("pattern",))


def transfer_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `groove transfer`."""
    must = (*PLAYED, *NOTED, "reference_steps", "reference_drum_map")
    return _played_again(recall, Transfer, groove.make_transfer, must, ("reference", "pattern"))


def generate_again(recall: Recall) -> Write:
    """How `drumjax again` makes the files of `groove generate`."""
    kit = kit_entry(recall, 0)
    call = _rebuilt(recall, Generate, ("n", "bars", "notes", "temperature", "tempo_bpm"))
    return remake(recall, groove.make_generated(replace(call, model=find_model(recall))), kit)
