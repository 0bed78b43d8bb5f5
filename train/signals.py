"""Stopping by SIGTERM or SIGINT (Ctrl-C): finish the dispatch, write a checkpoint, leave with exit code 75."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

STOPPED = 75
"""The exit code of a training that was stopped by a signal: run again to resume (EX_TEMPFAIL)."""


class Stopped(SystemExit):
    """A signal stopped the training after a checkpoint; the process ends with code 75."""

    def __init__(self) -> None:
        super().__init__(STOPPED)


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
def caught_signals() -> Iterator[Stop]:
    """Signals are noted instead of ending the process; a second one ends it at once, with code 128 + its number.

    They are read by a thread of its own: Python runs its handlers between two bytecodes of the main thread, which may be inside a
    compilation or a dispatch for long. Outside the main thread of a program nothing is caught.
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
    threading.Thread(target=_watch, args=(read, stop, watched), daemon=True, name="drumjax-signals").start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(earlier_descriptor)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(write)  # ends the thread


def _watch(read: int, stop: Stop, watched: tuple[int, ...]) -> None:
    with open(read, "rb", buffering=0) as pipe:
        while byte := pipe.read(1):
            if (number := byte[0]) not in watched:
                continue
            if stop.requested:
                os._exit(128 + number)
            if stop.at_once:
                _say("stopped before the first new step; run again to resume")
                os._exit(STOPPED)
            stop.requested = True
            _say(f"{signal.Signals(number).name}: writing a checkpoint after this dispatch; a second signal ends at once")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"drumjax: {text}\n".encode())
