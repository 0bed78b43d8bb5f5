"""One function over many files, in several processes where there are many."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

CHUNK = 16
"""Tasks that cross to a process at once."""
_AHEAD = 4
"""Chunks a process that are under way or wait to be taken: results never pile up, however slow the taker is."""


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[Task], Result], tasks: Sequence[Task], processes: int, chunk: int = CHUNK) -> Iterator[Result]:
    """The results in the tasks' order, those of a few chunks in memory at a time.

    Args:
      function: one that a module has at its top, and that raises nothing.
      tasks: what it is called with.
      processes: how many run it at once; fewer than 2 run it here. With more, call from under `if __name__ == "__main__"`, as
        `multiprocessing` asks.
      chunk: tasks that cross to a process at once.
    """
    if processes < 2:
        yield from map(function, tasks)
        return
    done = 0
    try:
        # Not forked: whoever calls may have threads (JAX has), and a forked child may then hang.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            waiting: deque[Future[list[Result]]] = deque()
            try:
                for first in range(0, len(tasks), chunk):
                    waiting.append(pool.submit(_run, function, tasks[first : first + chunk]))
                    if len(waiting) > _AHEAD * processes:
                        for result in waiting.popleft().result():
                            yield result
                            done += 1
                while waiting:
                    for result in waiting.popleft().result():
                        yield result
                        done += 1
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    except BrokenProcessPool:  # a worker was killed, for want of memory say: go on alone
        yield from map(function, tasks[done:])


def _run(function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    return [function(task) for task in tasks]


def with_bar(results: Iterator[Result], total: int, show: bool, what: str) -> Iterator[Result]:
    """The same results, with a bar on the terminal's standard error while they come."""
    if not show:
        return results
    from rich.console import Console
    from rich.progress import track

    return iter(track(results, total=total, description=what, console=Console(stderr=True), transient=True))
