"""One device, several, several processes: 100 steps of the recipes' networks end with the same parameters, to 1e-5.

A comparison is a network and a way to train it: split over 2, 4 or 8 virtual devices under `jit` or `pmap`, streamed, resumed on
another number of devices, or trained by two processes with a device each, which must give the bits of one process with two.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faults.lives import RECIPES, arrays_of
from faults.row import Row

SPREAD = Path(__file__).with_name("spread.py")
STEPS = 100
TOLERANCE = 1e-5
COMPARISONS: Sequence[tuple[str, Sequence[Any]]] = [
    ("conv", ["jit", 8]),
    ("gan", ["jit", 8]),
    ("conv", ["pmap", 8]),
    ("lstm", ["jit", 8]),
    ("pattern-vae", ["processes", 2]),
    ("conv", ["resume", 8, 1]),
    ("gan", ["pmap", 8]),
    ("lstm", ["pmap", 8]),
    ("gan", ["resume", 1, 8]),
    ("conv", ["stream", 8]),
    ("pattern-gan", ["processes", 2]),
    ("lstm", ["resume", 8, 2]),
    ("conv", ["jit", 2]),
    ("gan", ["jit", 4]),
    ("conv", ["pmap", 4]),
    ("gan", ["stream", 4]),
]
"""In this order; when all are made, again with the next seed."""
SECONDS = 600
"""So long a process may take; the machine may have other things to do."""


def environment(devices: int) -> dict[str, str]:
    """Of a process whose CPU stands for so many devices."""
    return {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}


def spread(model: str, seed: int, ways: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """What `spread.py` finds of a network."""
    job = json.dumps({"model": model, "seed": seed, "steps": STEPS, "ways": ways})
    done = subprocess.run(
        [sys.executable, str(SPREAD), job], env=environment(8), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{model}, seed {seed}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def fault_of(found: dict[str, Any], way: Sequence[Any]) -> str | None:
    """What is wrong with a comparison's differences."""
    if found["learnt"] < 1e-3:
        return f"the network moved by {found['learnt']:.1e} only: nothing is compared"
    differences = found[" ".join(map(str, way))]
    wrong = [f"{name} {value:.1e} apart" for name, value in differences.items() if not value <= TOLERANCE]
    return ", ".join(wrong) or None


def two_processes(name: str, seed: int, workdir: Path) -> tuple[float, str | None]:
    """`drumjax train` as two processes with a device each beside one with two: the largest difference, and what is wrong."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    words = [sys.executable, "-m", "drumjax", "train", name, "--data", "embedded", *RECIPES[name], "--steps", str(STEPS)]
    words += ["--seed", str(seed), "--batch-size", "16", "--ema-decay", "0.9", "--validate-every-epochs", "1"]
    places = [workdir / "one", workdir / "two"]
    joining = ["--coordinator", f"localhost:{port}", "--processes", "2", "--join-seconds", "120"]
    calls = [
        (["--workdir", str(places[0])], 2),
        *(([*joining, "--process", str(i), "--workdir", str(places[1])], 1) for i in (0, 1)),
    ]
    running = [
        subprocess.Popen([*words, *own], env=environment(devices), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for own, devices in calls
    ]
    try:
        for process in running:
            told, _ = process.communicate(timeout=SECONDS)
            if process.returncode:
                return float("nan"), f"exit code {process.returncode}: {told[-500:]}"
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()
    held_by = [arrays_of(place / "checkpoints" / str(STEPS)) for place in places]
    if held_by[0].keys() != held_by[1].keys():
        return float("nan"), "other arrays"
    pairs = [(held_by[0][key], held_by[1][key]) for key in held_by[0]]
    apart = max((float(np.max(np.abs(a.astype(np.float64) - b))) for a, b in pairs if a.size), default=float("nan"))
    return apart, None if all(a.tobytes() == b.tobytes() for a, b in pairs) else f"not the same bits, {apart:.1e} apart"


def run(n: int, seed: int, say: Callable[[str], None]) -> Row:
    """n comparisons, the first of `COMPARISONS` first; each network is trained on one device once for each seed.

    The row's details hold the largest difference of each comparison, and what the tolerance is.
    """
    began, failures, farthest = time.monotonic(), [], {}
    chosen = [(*COMPARISONS[k % len(COMPARISONS)], seed + k // len(COMPARISONS)) for k in range(n)]
    jobs: dict[tuple[str, int], list[Sequence[Any]]] = {}
    for model, way, its_seed in chosen:
        jobs.setdefault((model, its_seed), []).append(way)
    for (model, its_seed), ways in jobs.items():
        if ways[0][0] == "processes":
            with tempfile.TemporaryDirectory() as folder:
                apart, fault = two_processes(model, its_seed, Path(folder))
            results = [(ways[0], apart, fault)]
        else:
            found = spread(model, its_seed, ways)
            results = [(way, max(found[" ".join(map(str, way))].values()), fault_of(found, way)) for way in ways]
        for way, apart, fault in results:
            name = f"{model} {' '.join(map(str, way))} seed {its_seed}"
            say(f"{name}: {fault or f'{apart:.1e} apart'}")
            farthest[name] = apart
            if fault:
                failures.append(f"{name}: {fault}")
    details = {"farthest": farthest, "tolerance": TOLERANCE, "steps": STEPS}
    return Row("devices", n - len(failures), n, seed, time.monotonic() - began, tuple(failures), details)
