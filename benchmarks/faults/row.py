"""What one kind of attack came to: a row of `benchmarks/reliability.py`, and what the suite asserts on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """The outcome of n attacks of one kind.

    Attributes:
      name: the kind, such as `kills` or `MIDI`.
      passed: attacks that were withstood.
      total: attacks.
      seed: of all random choices; with `total` it repeats the row.
      seconds: how long they took.
      failures: for each attack that was not withstood a line that says which it was and what was seen.
      details: counts by sub-kind, and figures such as the longest time; JSON values.
    """

    name: str
    passed: int
    total: int
    seed: int
    seconds: float
    failures: tuple[str, ...] = ()
    details: Mapping[str, Any] = {}

    def line(self) -> str:
        """`kills       PASS 20/20   61 s`, or FAIL."""
        return f"{self.name:<12}{'PASS' if self.passed == self.total else 'FAIL'} {self.passed}/{self.total}  {self.seconds:.0f} s"
