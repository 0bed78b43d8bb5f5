"""How fast are drum patterns made in bulk, and how soon is one interpolation there?

    python benchmarks/generation.py -o results/generation.json
    python benchmarks/generation.py --model runs/mine --patterns 10000

Bulk: codes from the prior to velocities, in batches, on the device and back in the host's memory. A pattern has 4 bars. Warm: a
call of `PatternInstrument.interpolate` for 6 measures in a process that has made one before. Cold: the whole command
`drumjax pattern interpolate a.mid b.mid --measures 6`, a new process each time, with the compilation cache of the runs before
and with an empty one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from common import machine, peak_memory_mib, show, write_json
from tyro.conf import arg

import drumjax
from drumjax.instruments.pattern import PatternInstrument
from drumjax.patterns import Pattern

BARS = 4


@dataclass(frozen=True)
class Benchmark:
    """Measure batch generation, warm and cold interpolation, and peak memory."""

    model: str = "pattern-vae"
    """A shipped model's name or the folder of one."""
    patterns: int = 100_000
    """How many are generated in bulk."""
    batch: int = 4096
    """Patterns at a time."""
    calls: int = 50
    """Warm interpolations."""
    processes: int = 5
    """Cold commands, with a warm compilation cache and without one each."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


def bulk(instrument: PatternInstrument, patterns: int, batch: int) -> tuple[float, int]:
    """Seconds for `patterns` patterns in batches, after one batch to compile; and the number of hits in all of them."""
    import jax

    sample = jax.jit(instrument.signatures()["sample"])
    key = np.asarray(jax.random.key_data(jax.random.key(0)))

    def make(first: int) -> int:
        slots = np.arange(first, first + batch, dtype=np.int32)
        grid = np.asarray(sample(instrument.params, key, slots)["grid"])[: max(patterns - first, 0)]
        return int(np.count_nonzero(grid >= instrument.threshold))

    make(0)
    began = time.perf_counter()
    hits = sum(make(first) for first in range(0, patterns, batch))
    return time.perf_counter() - began, hits


def warm(instrument: PatternInstrument, calls: int) -> np.ndarray:
    """Seconds of each warm interpolation of 6 measures between changing patterns."""
    ends = instrument.sample(calls + 1, seed=1)
    instrument.interpolate(ends[0], ends[1], 5)
    seconds = []
    for start, goal in pairwise(ends):
        began = time.perf_counter()
        made = instrument.interpolate(start, goal, 5)
        seconds.append(time.perf_counter() - began)
        assert len(made) == 6
    return np.array(seconds)


def cold(model: str, ends: list[Pattern], processes: int) -> dict[str, np.ndarray]:
    """Seconds of each whole command, by the state of the compilation cache before it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, pattern in zip(("a.mid", "b.mid"), ends, strict=True):
            pattern.save(place / name)
        command = [sys.executable, "-m", "drumjax", "pattern", "interpolate", str(place / "a.mid"), str(place / "b.mid")]
        command += ["--measures", "6", "-o", str(place / "out.mid"), "--model", model]

        def run(cache: Path) -> float:
            cache.mkdir(mode=0o700, exist_ok=True)
            environment = os.environ | {
                "JAX_COMPILATION_CACHE_DIR": str(cache),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.05",
            }
            began = time.perf_counter()
            subprocess.run(command, check=True, env=environment, capture_output=True)
            return time.perf_counter() - began

        empty = [run(place / f"cache{i}") for i in range(processes)]
        filled = [run(place / "cache0") for _ in range(processes)]
    return {"empty cache": np.array(empty), "filled cache": np.array(filled)}


def main() -> None:
    call = tyro.cli(Benchmark, description=__doc__)
    where = machine()
    instrument = drumjax.load(call.model)
    seconds, hits = bulk(instrument, call.patterns, call.batch)
    times = warm(instrument, call.calls)
    commands = cold(call.model, instrument.sample(2, seed=2), call.processes)
    results = {
        "patterns_per_s": call.patterns / seconds,
        "bars_per_s": BARS * call.patterns / seconds,
        "hits_per_pattern": hits / call.patterns,
        "warm_interpolation_ms_median": 1e3 * float(np.median(times)),
        "warm_interpolation_ms_p99": 1e3 * float(np.quantile(times, 0.99)),
        **{f"cold_command_s_median, {name}": float(np.median(values)) for name, values in commands.items()},
        **{f"cold_command_s_max, {name}": float(values.max()) for name, values in commands.items()},
        "peak_memory_mib": peak_memory_mib(),
    }
    show(f"generation with {call.model}: {call.patterns} patterns of {BARS} bars", ["figure", "value"], list(results.items()))
    write_json(call.output, {"benchmark": "generation", "machine": where, "model": call.model, "results": results})


if __name__ == "__main__":
    main()
