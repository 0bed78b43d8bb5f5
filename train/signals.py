"""Stopping by SIGTERM or SIGINT (Ctrl-C): finish the dispatch, write a checkpoint, leave with exit code 75."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from drumjax.train.endings import STOPPED

SHOW_CURSOR = b"\x1b[?25h"
"""To a terminal: rich hides the cursor while its bar moves, and a process that ends at once does not close the bar."""


@dataclass
class Stop:
    """What a signal asks for, and what it may do.

    Attributes:
      requested: a signal has come; whoever trains looks here after each dispatch.
      at_once: nothing would be lost: the first signal ends the process without waiting (a compilation may take minutes).
    """

    requested: bool = False
    at_once: bool = False


@contextlib.contextmanager
def caught_signals(resume_hint: str = "run again to resume") -> Iterator[Stop]:
    """Signals are noted instead of ending the process; a second one ends it at once, with code 128 + its number.

    They are read by a thread of its own: Python runs its handlers between two bytecodes of the main thread, which may be inside a
    compilation or a dispatch for long. Outside the main thread of a program nothing is caught.

    Args:
      resume_hint: what the user is told to do where the first signal ends the process at once, with code 75.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    watched = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.signal(number, lambda *_: None) for number in watched}
    earlier_descriptor = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read, stop, watched, resume_hint), daemon=True, name="drumjax-signals").start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(earlier_descriptor)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(write)  # ends the thread


def _watch(read: int, stop: Stop, watched: tuple[int, ...], resume_hint: str) -> None:
    with open(read, "rb", buffering=0) as pipe:
        while byte := pipe.read(1):
            if (number := byte[0]) not in watched:
                continue
            if stop.requested:
                _show_cursor()
                os._exit(128 + number)
            if stop.at_once:
                _show_cursor()
                _say(f"stopped before the first new step; {resume_hint}")
                os._exit(STOPPED)
            stop.requested = True
            _say(f"{signal.Signals(number).name}: writing a checkpoint after this dispatch; a second signal ends at once")


def _show_cursor() -> None:
    with contextlib.suppress(OSError):
        if os.isatty(_stderr()):
            os.write(_stderr(), SHOW_CURSOR + b"\r\n")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(_stderr(), f"drumjax: {text}\n".encode())


def _stderr() -> int:
    return sys.__stderr__.fileno() if sys.__stderr__ else 2
