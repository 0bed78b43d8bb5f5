"""Signals reach a process that is deep inside a compilation or a dispatch."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from drumjax.train.signals import caught_signals

# A hash over a huge key stretching holds the main thread in C without a look at signals, as a compilation does.
PROGRAM = """
import hashlib, sys
from drumjax.train.signals import caught_signals
with caught_signals() as stop:
    stop.at_once = sys.argv[1] == "nothing to save"
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)
"""


def started(state: str, stderr: int = subprocess.PIPE, program: str = PROGRAM) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", program, state], stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_training_in_the_background_of_a_script_takes_its_signals() -> None:
    process = started("nothing to save", program="import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + PROGRAM)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 75


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


# A program of somebody's, or a notebook: it goes on after what happens to the training in it.
GUEST = """
import hashlib, sys, time
from drumjax.train.endings import Stopped
from drumjax.train.signals import caught_signals
try:
    with caught_signals("call it again", own_process=False) as stop:
        stop.at_once = sys.argv[1] == "nothing to save"
        print("ready", flush=True)
        for _ in range(40):  # what is between two of Python's turns
            hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000)
except BaseException as error:
    print(type(error).__name__, error, flush=True)
time.sleep(0.2)
print("alive", flush=True)
"""


@pytest.mark.parametrize(
    ("state", "signals", "ended"),
    [
        ("nothing to save", [signal.SIGINT], "Stopped stopped before the first new step; call it again"),
        ("nothing to save", [signal.SIGTERM], "Stopped stopped before the first new step; call it again"),
        ("something to save", [signal.SIGINT, signal.SIGINT], "KeyboardInterrupt"),
        ("something to save", [signal.SIGTERM, signal.SIGINT], "KeyboardInterrupt"),
    ],
)
def test_the_process_of_a_caller_is_not_ended(state, signals, ended) -> None:
    process = started(state, program=GUEST)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.4)
    shown, _ = process.communicate(timeout=20)
    assert [line.strip() for line in shown.splitlines()] == [ended, "alive"]
    assert process.returncode == 0


def test_a_caller_that_is_told_twice_to_terminate_does() -> None:
    process = started("something to save", program=GUEST)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with caught_signals(own_process=False):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
