"""Trained weights on the disk: one directory format, the checkpoints of a training, and the instruments made of them.

- `drumjax.checkpoint.directory`: the format, written whole or not at all, verified before anything is restored.
- `drumjax.checkpoint.workdir`: the checkpoints of a working directory, and which of them is the best.
- `drumjax.checkpoint.instrument`: what is shared and played: directories of one checkpoint or of several.
"""

from drumjax.checkpoint.directory import (
    CARD,
    INSTRUMENT,
    MANIFEST,
    Playing,
    fingerprint,
    load,
    load_params,
    load_playing,
    read_card,
    save,
    verify,
)
from drumjax.checkpoint.instrument import (
    MODEL,
    Member,
    export_for_playing,
    export_members,
    find,
    find_members,
    fingerprint_members,
    read_instrument,
)
from drumjax.checkpoint.workdir import best, check_all, clean, latest, list_checkpoints, place_of, prune, put_aside
from drumjax.configs import dump_config, parse_config

__all__ = [
    "CARD", "INSTRUMENT", "MANIFEST", "MODEL", "Member", "Playing", "best", "check_all", "clean", "dump_config",
    "export_for_playing", "export_members", "find", "find_members", "fingerprint", "fingerprint_members", "latest",
    "list_checkpoints", "load", "load_params", "load_playing", "parse_config", "place_of", "prune", "put_aside", "read_card",
    "read_instrument", "save", "verify",
]  # fmt: skip
