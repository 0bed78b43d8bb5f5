"""Several processes on this machine, for the tests: each runs the toy or the command, and is waited for, but not for ever."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOY = Path(__file__).with_name("toy.py")
PATIENCE = 240.0
"""Seconds; far more than is needed, for a machine that has other things to do."""


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def started(command: Sequence[str], devices: int = 1, flags: str = "") -> subprocess.Popen[str]:
    """A process whose CPU stands for some devices, with more of the compiler's flags."""
    flags = f"--xla_force_host_platform_device_count={devices} {flags}"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def toy(arguments: dict[str, Any], devices: int = 1) -> subprocess.Popen[str]:
    """A process that trains the toy."""
    return started([sys.executable, str(TOY), json.dumps(arguments)], devices)


def toys(count: int, arguments: dict[str, Any], devices: int = 1, own: dict[int, dict[str, Any]] | None = None, **joining: Any):
    """So many processes that train the toy together.

    Args:
      count: of the processes.
      arguments: of all of them.
      devices: of each.
      own: `{process: arguments}` that only this one has.
      joining: what of the options to join is not as it should be, or `silence_seconds`.
    """
    join = {"coordinator": f"localhost:{free_port()}", "processes": count, "silence_seconds": 60, "join_seconds": 120} | joining
    return [
        toy(
            {**arguments, **(own or {}).get(i, {}), "join": {"process": i, **join, **(own or {}).get(i, {}).get("join", {})}},
            devices,
        )
        for i in range(count)
    ]


def ended(processes: Sequence[subprocess.Popen[str]], seconds: float = PATIENCE) -> list[tuple[int, str, str]]:
    """`(exit code, output, errors)` of each; none is left behind, whatever happens."""
    deadline = time.monotonic() + seconds
    try:
        results = []
        for process in processes:
            out, errors = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            results.append((process.returncode, out, errors))
        return results
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


def wait_for(path: Path, processes: Sequence[subprocess.Popen[str]]) -> None:
    """Waits until something is there; when it does not come, or a process ends before, no process is left behind."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            for process in processes:
                process.kill()
            raise AssertionError(f"{path} did not come: {ended(processes)}")
        time.sleep(0.02)
