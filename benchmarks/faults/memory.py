"""How much memory a process has held, and the environment of the processes that tell of it.

The mark is the one that Linux keeps of each program. Not `ru_maxrss`, which a child begins with what its parent held: below a large
parent it never rises.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from pathlib import Path


def environment(**more: str) -> dict[str, str]:
    """That of a process that imports `faults` as this one does, wherever its script lies; faults of C libraries are told."""
    places = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONFAULTHANDLER": "1", "PYTHONPATH": os.pathsep.join(places)} | more


def forget_peak() -> None:
    """Sets the mark back to what is held now."""
    with contextlib.suppress(OSError):  # Linux alone has it
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The greatest resident size since it was last forgotten, in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
