"""Stopping by SIGTERM or SIGINT (Ctrl-C): finish the dispatch, write a checkpoint, leave with exit code 75."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drumjax.train.endings import STOPPED, Stopped

SHOW_CURSOR = b"\x1b[?25h"
"""To a terminal: rich hides the cursor while its bar moves, and a process that ends at once does not close the bar."""


@dataclass
class Stop:
    """What a signal asks for, and what it may do.

    Attributes:
      requested: a signal has come; whoever trains looks here after each dispatch.
      at_once: nothing would be lost: the first signal ends the training without waiting (a compilation may take minutes).
      count: signals that have come.
      leaving: `(code, text)`: called before a signal ends the process at once, with its exit code and what is said of it; a
        training of several processes tells the others.
    """

    requested: bool = False
    at_once: bool = False
    count: int = 0
    leaving: Callable[[int, str], object] = lambda code, text: None


@contextlib.contextmanager
def caught_signals(resume_hint: str = "run again to resume", *, own_process: bool = True) -> Iterator[Stop]:
    """Signals are noted instead of ending the process; what a second one does, or one that comes `at_once`, says `own_process`.

    They are read by a thread of its own: Python runs its handlers between two bytecodes of the main thread, which may be inside a
    compilation or a dispatch for long. Outside the main thread of a program nothing is caught.

    Args:
      resume_hint: what the user is told to do where the first signal ends the process at once, with code 75.
      own_process: the process is there for this training alone, as the command's is. While nothing would be lost the first signal
        ends it at once, with code 75, and a second one always, with code 128 + its number. In a notebook or another program, whose
        work is not ours to throw away, the first raises `Stopped` and the second KeyboardInterrupt, as soon as Python has its turn;
        but a second SIGTERM, which without us would have ended the process the first time, ends it.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    # Also where it was ignored, as under a script's `&`: whoever sends SIGINT to a training by hand gets a checkpoint.
    watched = (signal.SIGINT, signal.SIGTERM)
    handled = 0

    def handle(number: int, frame: object) -> None:
        nonlocal handled
        handled += 1  # the thread may not have had its turn yet
        if not own_process and (stop.at_once or max(handled, stop.count) > 1):
            raise KeyboardInterrupt

    earlier = {number: signal.signal(number, handle) for number in watched}
    earlier_descriptor = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    arguments = (read, stop, watched, resume_hint, own_process)
    threading.Thread(target=_watch, args=arguments, daemon=True, name="drumjax-signals").start()
    try:
        yield stop
    except KeyboardInterrupt:
        if not own_process and stop.at_once and handled == 1:
            raise Stopped(f"stopped before the first new step; {resume_hint}") from None
        raise
    finally:
        signal.set_wakeup_fd(earlier_descriptor)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(write)  # ends the thread


def _watch(read: int, stop: Stop, watched: tuple[int, ...], resume_hint: str, own_process: bool) -> None:
    with open(read, "rb", buffering=0) as pipe:
        while byte := pipe.read(1):
            if (number := byte[0]) not in watched:
                continue
            stop.count += 1
            if stop.count > 1:
                if own_process or number == signal.SIGTERM:
                    _show_cursor()
                    os._exit(128 + number)
                continue
            stop.requested = True
            if not stop.at_once:
                second = "a second signal ends at once" if own_process else "a second one does not wait for it"
                _say(f"{signal.Signals(number).name}: writing a checkpoint after this dispatch; {second}")
            elif own_process:
                _show_cursor()
                _say(text := f"stopped before the first new step; {resume_hint}")
                stop.leaving(STOPPED, text)
                os._exit(STOPPED)


def _show_cursor() -> None:
    with contextlib.suppress(OSError):
        if os.isatty(_stderr()):
            os.write(_stderr(), SHOW_CURSOR + b"\r\n")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(_stderr(), f"drumjax: {text}\n".encode())


def _stderr() -> int:
    return sys.__stderr__.fileno() if sys.__stderr__ else 2
