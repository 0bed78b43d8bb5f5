"""Signals reach a process that is deep inside a compilation or a dispatch."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

# A hash over a huge key stretching holds the main thread in C without a look at signals, as a compilation does.
PROGRAM = """
import hashlib, sys
from drumjax.train.signals import caught_signals
with caught_signals() as stop:
    stop.at_once = sys.argv[1] == "nothing to save"
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)
"""


def started(state: str, stderr: int = subprocess.PIPE) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, state], stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_at_once_what_has_nothing_to_save(number) -> None:
    process = started("nothing to save")
    process.send_signal(number)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 75
    assert "run again to resume" in told


@pytest.mark.parametrize(("state", "signals"), [("nothing to save", 1), ("something to save", 2)])
def test_a_terminal_has_its_cursor_back_when_the_process_ends_at_once(state, signals) -> None:
    ours, theirs = os.openpty()
    process = started(state, theirs)
    os.close(theirs)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    process.wait(timeout=10)
    told = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(ours, 4096):
            told += part
    os.close(ours)
    assert b"\x1b[?25h" in told


def test_the_second_signal_ends_anything_at_once() -> None:
    process = started("something to save")
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert "a second signal ends at once" in told
