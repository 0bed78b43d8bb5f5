"""What benchmarks share: the machine, fair timing of rivals in one run, a table and a JSON file."""

from __future__ import annotations

import json
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from drumjax.datasets.parallel import usable_cores


def machine() -> dict[str, Any]:
    """Where the figures were measured; the cores are those that the process may run on, which `taskset` makes fewer."""
    import jax

    model = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    return {
        "cpu": model,
        "cores": usable_cores(),
        "devices": [f"{device.platform} {device.device_kind}" for device in jax.devices()],
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("drumjax", "jax", "jaxlib", "flax")},
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def torch_device() -> str:
    """Where PyTorch has to run beside JAX: `cuda` where JAX is on a GPU and PyTorch sees one, else `cpu`."""
    import jax
    import torch

    return "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"


def comparable(device: str) -> bool:
    """Whether PyTorch on this device is a rival of JAX: times of different kinds of devices say nothing of the libraries."""
    import jax

    return {"cpu": "cpu", "gpu": "cuda"}.get(jax.default_backend()) == device


def interleaved(rivals: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each call, float (rounds,), the rivals in turn, so that what else the machine does strikes all alike.

    Each is called once before, for compilation and caches. A call must return only when its work is done.
    """
    for call in rivals.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, call in rivals.items():
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    return {name: np.array(times) for name, times in seconds.items()}


def ratio(slower: np.ndarray, faster: np.ndarray) -> float:
    """How many times faster: the median over rounds of the quotient of neighbours in time."""
    return float(np.median(slower / faster))


def peak_memory_mib() -> float:
    """The most memory that this process has held so far, in MiB (resident, from the operating system)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table; None leaves a cell empty."""
    cells = [["" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(title)
    for row in (columns, *cells):
        print("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)))


def write_json(path: Path | None, content: Mapping[str, Any]) -> None:
    """Writes the results where they are wanted."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a study that goes on reads it again.
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(content, indent=1) + "\n")
        partial.replace(path)
        print(f"wrote {path}")
