"""`drumjax again FILE`: a file made once more from its own provenance, and compared with itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

import drumjax
from drumjax.boundary import AGAIN, InputError, read_audio_shape, read_head
from drumjax.cli.arguments import check_place, names_folder, parse, same_file, say, warnings_said, writing
from drumjax.cli.recall import Recall, Write, check_all_used
from drumjax.provenance import CONCATENATE, check_record, read_provenance

WAYS: Mapping[str, str] = {
    "pattern interpolate": "drumjax.cli.pattern:interpolate_again",
    "pattern crossfade": "drumjax.cli.pattern:crossfade_again",
    "pattern sample": "drumjax.cli.pattern:sample_again",
    "pattern wander": "drumjax.cli.pattern:wander_again",
    "pattern humanize": "drumjax.cli.pattern:humanize_again",
    "pattern reconstruct": "drumjax.cli.pattern:reconstruct_again",
    "groove apply": "drumjax.cli.groove_again:apply_again",
    "groove transfer": "drumjax.cli.groove_again:transfer_again",
    "groove generate": "drumjax.cli.groove_again:generate_again",
    "groove humanize": "drumjax.cli.groove_again:humanize_again",
    "sound sample": "drumjax.cli.sound_again:sample_again",
    "sound at": "drumjax.cli.sound_again:at_again",
    "sound encode": "drumjax.cli.sound_again:encode_again",
    "sound vary": "drumjax.cli.sound_again:vary_again",
    "sound morph": "drumjax.cli.sound_again:morph_again",
    "sound humanize": "drumjax.cli.sound_again:humanize_again",
    "sound kit": "drumjax.cli.sound_again:kit_again",
    "study make": "drumjax.cli.study:make_again",
}
"""How the files of each verb are made again: a record's verb → `module:function`.

The function takes a `drumjax.cli.recall.Recall` and returns what writes the file to a path (`Write`). It finds the model and the
inputs with the functions of `drumjax.cli.recall`, makes anew what the verb made with the verb's own function, and leaves the record
as it stands in the file: `recall.origin` goes into what is written. A verb is added by its line here and that function.
"""

KINDS: Mapping[bytes, tuple[str, ...]] = {b"MThd": (".mid", ".midi"), b"RIFF": (".wav",), b"fLaC": (".flac",)}
"""What a file begins with and the names that such a file may have; what begins otherwise is a grid file."""
DIFFERENT = 3


@dataclass(frozen=True)
class Again:
    """Make a file again, bit for bit, from the provenance that it carries, and say whether the bytes are the same.

    The model and the inputs are looked for where they were, among the shipped models, in the current folder and beside FILE, and
    are taken only where their hashes are the recorded ones. Exit code 0: the same bytes; 3: written, but the bytes differ; 2:
    something that went in is missing or has another hash.

    examples:
      drumjax again out.mid
      drumjax again out.wav -o check/out.wav
      drumjax again out.mid --model runs/mine --input moved/a.mid --input moved/b.mid
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """A MIDI, WAV, FLAC, grid (.json) or code (.json) file that drumjax made."""
    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """A file of the same kind, or a folder for one of the same name. Default: beside FILE, out.mid as out.again.mid."""
    model: str | None = None
    """The model, where it is not where it was: a shipped model's name or a folder. Its hash has to be the recorded one."""
    input: UseAppendAction[tuple[Path, ...]] = ()
    """A file, or the folder of a kit or a vocoder, that went in, where it is not where it was. May be repeated: hashes tell."""


def recalled(call: Again) -> Recall:
    """The file's record, checked, and what the user names.

    Raises:
      InputError: no file of drumjax's, or a record that no drumjax writes.
    """
    origin = read_provenance(call.file)
    rule = "a verb that can be repeated in its provenance"
    if origin["verb"] == CONCATENATE:
        raise InputError(
            call.file,
            rule=rule,
            found=repr(CONCATENATE),
            remedy="it was joined in Python from several calls; join them again there",
        )
    record = check_record(origin, call.file)
    if record.verb not in WAYS:
        remedy = f"made by drumjax {record.version}; verbs that can be repeated: {', '.join(WAYS)}"
        raise InputError(call.file, rule=rule, found=f"{record.verb!r:.60}", remedy=remedy)
    for place in call.input:
        if not place.exists():
            raise InputError(place, rule="an input that is there", found="no such file or folder", remedy="check the spelling")
    is_sound = read_head(call.file, what="a file").startswith((b"RIFF", b"fLaC"))
    return Recall(
        file=call.file,
        origin=origin,
        record=record,
        sound=read_audio_shape(call.file) if is_sound else None,
        model=call.model,
        named=call.input,
    )


def destination(call: Again) -> Path:
    """Where the file is written: never over itself.

    Raises:
      InputError: a name of another kind of file, no such folder, or the file itself.
    """
    suffixes = KINDS.get(read_head(call.file, what="a file")[:4], (".json",))
    suffix = call.file.suffix if call.file.suffix.lower() in suffixes else suffixes[0]
    if call.output is None:
        place = call.file.with_name(f"{call.file.stem}{AGAIN}{suffix}")
    elif names_folder(call.output):
        place = Path(call.output) / f"{call.file.stem}{suffix}"
    else:
        place = Path(call.output)
    check_place(place, "the same kind of file", suffixes)
    if same_file(place, call.file):
        raise InputError(place, rule="a name of its own for what is written", found="the file itself", remedy="choose another name")
    return place


def check_inputs_stay(place: Path, recall: Recall) -> None:
    """That nothing that went in is written over; InputError where it would be."""
    for found in recall.found:
        if same_file(place, found) or (found.is_dir() and place.exists() and place.resolve().is_relative_to(found.resolve())):
            raise InputError(
                place, rule="a name of its own for what is written", found="what goes in", remedy="choose another name"
            )


def first_difference(one: Path, other: Path) -> int | None:
    """The first byte, from 0, in which two files differ, or that only one of them has; None where they are equal."""
    position = 0
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            a, b = left.read(1 << 20), right.read(1 << 20)
            if a != b:
                return position + next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            if not a:
                return None
            position += len(a)


def again(arguments: list[str], prog: str) -> int:
    """`drumjax again`."""
    call = parse(Again, arguments, prog)
    recall = recalled(call)
    place = destination(call)
    version = recall.record.version
    if version != drumjax.__version__:
        print(f"{call.file}: made by drumjax {version}; this is {drumjax.__version__}", file=sys.stderr)
    module, function = WAYS[recall.record.verb].split(":")
    way: Callable[[Recall], Write] = getattr(importlib.import_module(module), function)
    with warnings_said():
        write = way(recall)
    check_all_used(recall)
    check_inputs_stay(place, recall)
    write(place)
    say(place)
    with writing(place, "files that can be compared"):
        differs = first_difference(call.file, place)
    if differs is None:
        print(f"the same bytes as {call.file}")
        return 0
    reason = (
        "another version made it"
        if version != drumjax.__version__
        else ("it was changed since, or made on another machine or with other versions of the libraries below")
    )
    print(f"drumjax: {place}: differs from {call.file} from byte {differs:,} on: {reason}", file=sys.stderr)
    return DIFFERENT
