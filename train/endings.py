"""How a training ends without a result and without a fault: refused, or stopped by a signal."""

from __future__ import annotations

REFUSED = 3
"""The exit code of a command that had nothing to do, or refused to destroy work."""
STOPPED = 75
"""The exit code of a training that was stopped by a signal: run again to resume (EX_TEMPFAIL)."""


class Ended(Exception):
    """A training ended early. A program that calls `train` may catch it; the command prints it and exits with `code`.

    Attributes:
      code: the command's exit code.
    """

    code: int


class Refused(Ended):
    """Nothing to do, or something that would destroy work and is not done."""

    code = REFUSED


class Stopped(Ended):
    """A signal stopped the training after a checkpoint."""

    code = STOPPED
