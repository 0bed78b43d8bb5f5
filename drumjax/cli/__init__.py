"""The command `drumjax`: a table of verbs, each in a file of its own that is imported only when it is called.

Exit codes: 0 done, 1 a bug, 2 the user's input or call is at fault (one message, no traceback), 3 nothing to do or refused,
or made again with other bytes, 75 stopped by a signal after a checkpoint: run again to resume; 130 stopped by Ctrl-C anywhere but
in a training.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from drumjax import __version__
from drumjax.boundary import InputError
from drumjax.train.endings import Ended

UNUSABLE_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
"""What the system says of a name that nothing can have."""


class Verb(NamedTuple):
    """Where a verb's function stands, as `module:function`, and what it does in one line."""

    where: str
    summary: str


VERBS = {
    "demo": Verb("drumjax.cli.demo:demo", "Play the shipped model, train a fresh one, and leave a page with both."),
    "doctor": Verb("drumjax.cli.doctor:doctor", "Check the installation, the devices and the shipped models."),
    "models list": Verb("drumjax.cli.models:list_models", "List the models that ship with the library."),
    "models show": Verb("drumjax.cli.models:show_model", "Show a model's card: data, licences, command, evaluation."),
    "models pack": Verb("drumjax.cli.models:pack_model", "Pack a trained model for sharing, with a card."),
    "data inspect": Verb("drumjax.cli.data:inspect", "Show what of a folder or file is usable, and why the rest is not."),
    "data build": Verb("drumjax.cli.data:build", "Prepare a folder of patterns for training."),
    "data arrays": Verb("drumjax.cli.data:arrays", "Write prepared data as one .npz file, for machines without TFDS."),
    "train": Verb("drumjax.cli.train:train", "Train a recipe on prepared or embedded data."),
    "evaluate": Verb("drumjax.cli.evaluate:evaluate", "Measure a trained model; write report.json and report.html."),
    "pattern interpolate": Verb("drumjax.cli.pattern:interpolate", "Drum patterns that lead from one pattern to another."),
    "pattern crossfade": Verb("drumjax.cli.pattern:crossfade", "The disc jockey's baseline: one pattern faded into another."),
    "pattern sample": Verb("drumjax.cli.pattern:sample", "New drum patterns from the model's prior."),
    "pattern wander": Verb("drumjax.cli.pattern:wander", "An autonomous drummer: a performance of any length."),
    "pattern humanize": Verb("drumjax.cli.pattern:humanize", "A pattern or song of yours as a drummer would play it."),
    "groove apply": Verb("drumjax.cli.groove:apply", "A sketch of a beat as a drummer would play it."),
    "groove transfer": Verb("drumjax.cli.groove:transfer", "The groove of a reference track on another beat."),
    "groove generate": Verb("drumjax.cli.groove:generate", "New grooves of a genre."),
    "groove humanize": Verb("drumjax.cli.groove:humanize", "Your very notes with a drummer's touch and timing."),
    "sound sample": Verb("drumjax.cli.sound:sample", "New drum sounds from the model's prior."),
    "sound at": Verb("drumjax.cli.sound:at", "The sound at a place of the codes' three principal components."),
    "sound encode": Verb("drumjax.cli.sound:encode", "Where a sound of yours stands in the model's space."),
    "sound vary": Verb("drumjax.cli.sound:vary", "Sounds near one of yours."),
    "sound morph": Verb("drumjax.cli.sound:morph", "Sounds that lead from one to another."),
    "sound humanize": Verb("drumjax.cli.sound:humanize", "One drum as a drummer hits it: a variation a hit."),
    "sound kit": Verb("drumjax.cli.sound:kit", "A kit of new sounds, one a lane, ready for --kit."),
    "again": Verb("drumjax.cli.again:again", "Make a file again, bit for bit, from its own provenance."),
    "study make": Verb("drumjax.cli.study:make", "A listening study: sounds, an offline page that asks, and the key."),
    "study analyse": Verb("drumjax.cli.study:analyse", "Scores, tests and box plots of a study's answers."),
}


def verb_help(prefix: str = "") -> str:
    """The list of verbs, or of those that begin with `prefix`."""
    chosen = {name: verb for name, verb in VERBS.items() if name.startswith(prefix)}
    width = max(map(len, chosen))
    lines = [f"  drumjax {name:<{width}}  {verb.summary}" for name, verb in chosen.items()]
    examples = [
        "  drumjax demo -o demo",
        "  drumjax pattern interpolate a.mid b.mid --measures 6 -o out.mid --wav out.wav --plot out.png",
        "  drumjax pattern interpolate embedded:electro embedded:techno#3 -o out.mid",
        "  drumjax groove apply beat.mid --genre funk -o out.mid --wav out.wav",
        "  drumjax sound kit --seed 3 -o my_kit/ && drumjax pattern sample --kit my_kit/ --wav song.wav",
        "  drumjax data build patterns/ -o data/ && drumjax train pattern-vae --data data/ --workdir runs/mine",
    ]
    return "\n".join(
        [
            f"drumjax {__version__}: machine-made drums.",
            "",
            "usage: drumjax VERB [arguments]      drumjax VERB --help shows a verb's arguments and examples.",
            "",
            *lines,
            "",
            "examples:",
            *[line for line in examples if line.startswith(f"  drumjax {prefix}")],
        ]
    )


def find_verb(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The verb that the command line begins with, and the arguments after it.

    Raises:
      InputError: no such verb; the nearest is suggested.
    """
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if len(arguments) >= words and name in VERBS:
            return name, list(arguments[words:])
    asked = " ".join(word for word in arguments[:2] if not word.startswith("-"))
    near = difflib.get_close_matches(asked, list(VERBS), n=1, cutoff=0.4)
    remedy = f"did you mean 'drumjax {near[0]}'? " if near else ""
    raise InputError(
        asked or "drumjax", rule="a verb", found="none of this name", remedy=f"{remedy}see 'drumjax --help' for the list"
    )


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(verb_help())
        return 0 if arguments else 2
    if arguments[0] in {"-V", "--version"}:
        print(f"drumjax {__version__}")
        return 0
    is_group = any(name.startswith(f"{arguments[0]} ") for name in VERBS)
    if is_group and (len(arguments) == 1 or arguments[1] in {"-h", "--help"}):
        print(verb_help(f"{arguments[0]} "))
        return 0 if len(arguments) > 1 else 2
    name, rest = find_verb(arguments)
    module, function = VERBS[name].where.split(":")

    from drumjax.cli.start import use_compilation_cache

    use_compilation_cache()
    verb: Callable[[list[str], str], int | None] = getattr(importlib.import_module(module), function)
    return verb(rest, f"drumjax {name}") or 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line (without the program's name; by default the process's own) and returns the exit code.

    Raises:
      SystemExit: from the parser of a verb, with code 0 after `--help` and 2 after a wrong call.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as on stderr: what a terminal cannot show is no reason to stop
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # now, while an error can be caught, and not when the interpreter ends
    except InputError as error:
        print(f"drumjax: {error}", file=sys.stderr)
        return 2
    except Ended as ended:
        print(f"drumjax: {ended}", file=sys.stderr)
        return ended.code
    except KeyboardInterrupt:
        print("drumjax: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: no error of ours. What is left goes nowhere, or the interpreter would
        # complain when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # Names come from the user, and any question after one (is it there? is it a folder?) may meet with this.
        if error.errno not in UNUSABLE_NAME:
            raise
        rule, remedy = "a name that the system takes", "name another"
        print(f"drumjax: {InputError(error.filename, rule=rule, found=str(error.strerror), remedy=remedy)}", file=sys.stderr)
        return 2
