"""How fast are grooves made in bulk, and how soon is one there?

    python benchmarks/groove_speed.py -o results/groove_speed.json
    python benchmarks/groove_speed.py --model runs/mine --grooves 4096

Bulk: `GrooveInstrument.generate`, grooves of 2 bars, from the seed to `Pattern`s. One: a call of `groove` on 2 bars in a process
that has made one before. Long: a call on 64 bars, played bar by bar. Without a model the weights are random, in the paper's shape
with genres and control patterns: time needs no trained ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from common import machine, peak_memory_mib, show, write_json
from tyro.conf import arg

from drumjax.instruments.groove import MOST_GROOVES, GrooveInstrument
from drumjax.instruments.groove_functions import shapes_of
from drumjax.instruments.loading import load_grooves_instrument
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns import POCKET, concatenate
from drumjax.patterns.templates import TemplateRules

LONG_BARS = 64


@dataclass(frozen=True)
class Benchmark:
    """Measure batch generation, one groove in a warm process, a long track, and peak memory."""

    model: str | None = None
    """A shipped model's name or the folder of one. Default: random weights."""
    grooves: int = 2048
    """How many are generated in bulk, 1,024 a call at most."""
    calls: int = 50
    """Warm grooves."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


def untrained() -> GrooveInstrument:
    """The paper's shape with random weights."""
    config, rng = PocketVAEConfig(use_patterns=True), np.random.default_rng(0)
    params, extra, prior = jax.tree.map(lambda leaf: rng.uniform(0.01, 0.05, leaf.shape).astype(np.float32), shapes_of(config))
    return GrooveInstrument(
        name="random",
        config=config,
        weights=jax.device_put({"params": params, "extra": extra, "prior": prior}),
        drum_map=POCKET,
        genres=tuple(f"genre {k}" for k in range(config.genres)),
        rules=TemplateRules(),
        threshold=0.5,
        card={},
        sha256="0" * 64,
    )


def seconds_of(call: Callable[[int], Any], calls: int) -> np.ndarray:
    """Seconds of each call, given its number, after one to compile."""
    call(calls)
    seconds = []
    for k in range(calls):
        began = time.perf_counter()
        call(k)
        seconds.append(time.perf_counter() - began)
    return np.array(seconds)


def main() -> None:
    call = tyro.cli(Benchmark, description=__doc__)
    where = machine()
    drummer = untrained() if call.model is None else load_grooves_instrument(call.model)
    at_once = min(call.grooves, MOST_GROOVES)
    rounds = -(-call.grooves // at_once)
    bulk = seconds_of(lambda k: drummer.generate(n=at_once, seed=k), rounds)
    sketches = drummer.generate(n=2, seed=1)
    long = concatenate([sketches[0]] * (LONG_BARS // 2))
    one = seconds_of(lambda k: drummer.groove(sketches[0], seed=k), call.calls)
    other = seconds_of(lambda k: drummer.transfer(sketches[1], sketches[0], seed=k), call.calls)
    whole = seconds_of(lambda k: drummer.groove(long, seed=k), max(call.calls // 10, 1))
    results = {
        "grooves_per_s": rounds * at_once / float(bulk.sum()),
        "warm_groove_ms_median": 1e3 * float(np.median(one)),
        "warm_groove_ms_p99": 1e3 * float(np.quantile(one, 0.99)),
        "warm_transfer_ms_median": 1e3 * float(np.median(other)),
        f"{LONG_BARS}_bars_ms_median": 1e3 * float(np.median(whole)),
        "peak_memory_mib": peak_memory_mib(),
    }
    show(f"grooves with {drummer.name}", ["figure", "value"], list(results.items()))
    write_json(call.output, {"benchmark": "groove_speed", "machine": where, "model": drummer.name, "results": results})


if __name__ == "__main__":
    main()
