"""What befalls a training and a reader of files, and whether the library withstands it: attacks with fixed seeds, a row a kind.

    python benchmarks/reliability.py                                  # as the tests do it: minutes
    python benchmarks/reliability.py --scale full -o results/reliability.json
    python benchmarks/reliability.py --only kills --scale full        # 100 kills

Rows: `kills` (kill -9 at random moments and named points, then --resume auto, compared bit for bit), `signals` (SIGTERM, SIGINT),
`corruptions` (files of checkpoints), `devices` (one, eight virtual, several processes), and mutated, generated and hand-made files
of each kind: `midi`, `audio`, `text` (JSON and CSV), `archives`; and `sounds`, folders of sound files prepared for training.
docs/reliability.md says what each row promises. Exit code 1 where a row fails.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro
from common import machine, write_json
from tyro.conf import arg

from drumjax.boundary import InputError


class Attack(NamedTuple):
    """A row: where its function `run(n, seed, say) -> Row` stands, how many attacks CI makes, and how many the full scale."""

    where: str
    ci: int
    full: int


ATTACKS = {
    "kills": Attack("faults.kills:run", 20, 100),
    "signals": Attack("faults.signals:run", 12, 60),
    "corruptions": Attack("faults.corruption:run", 100, 1000),
    "midi": Attack("faults.files:run_midi", 2000, 20_000),
    "audio": Attack("faults.files:run_audio", 2000, 20_000),
    "text": Attack("faults.files:run_text", 500, 5_000),
    "archives": Attack("faults.files:run_archives", 100, 1_000),
    "sounds": Attack("faults.sound_folders:run", 120, 1_000),
    "devices": Attack("faults.devices:run", 3, 32),
}


@dataclass(frozen=True)
class Benchmark:
    """Attack trainings and readers; print PASS or FAIL for each kind of attack."""

    only: tuple[str, ...] = ()
    """The rows to make, of kills, signals, corruptions, midi, audio, text, archives, sounds, devices; all where none is named."""
    scale: Literal["ci", "full"] = "ci"
    """So many attacks as the tests make, or as the results on the page."""
    attacks: int | None = None
    """So many attacks of each kind instead."""
    seed: int = 0
    """Of all random choices."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The rows, JSON."""


def _find(name: str) -> Callable[[int, int, Callable[[str], None]], Any]:
    module, function = ATTACKS[name].where.split(":")
    found: Callable[[int, int, Callable[[str], None]], Any] = getattr(importlib.import_module(module), function)
    return found


def _chosen(only: tuple[str, ...]) -> list[str]:
    names = [name for word in only for name in word.split(",") if name] or list(ATTACKS)
    for name in names:
        if name not in ATTACKS:
            raise InputError("--only", rule=f"some of {', '.join(ATTACKS)}", found=name, remedy="name one of them")
    return names


def _attack(call: Benchmark, names: list[str]) -> list[dict[str, Any]]:
    where, rows = machine(), list[dict[str, Any]]()
    for name in names:
        count = call.attacks or getattr(ATTACKS[name], call.scale)
        began = time.monotonic()
        row = _find(name)(count, call.seed, lambda text: print(f"  {text}", file=sys.stderr, flush=True))
        print(row.line(), flush=True)
        for failure in row.failures:
            print(f"  {failure}", flush=True)
        rows.append({**row._asdict(), "key": name, "seconds": round(time.monotonic() - began, 1)})
        write_json(call.output, {"benchmark": "reliability", "machine": where, "scale": call.scale, "rows": rows})
    return rows


def main() -> None:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # the attacks need no accelerator, and many processes share this machine
    call = tyro.cli(Benchmark, description=__doc__)
    try:
        names = _chosen(call.only)
    except InputError as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory() as compiled:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", compiled)  # for all rows
        rows = _attack(call, names)
    sys.exit(any(row["passed"] < row["total"] for row in rows))


if __name__ == "__main__":
    main()
