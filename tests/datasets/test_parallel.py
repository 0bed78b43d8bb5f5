"""One function over many things, in order, whatever the number of processes."""

from __future__ import annotations

import os
import signal

from drumjax.datasets.parallel import in_order, usable_cores


def square(n: int) -> int:
    return n * n


def square_or_die(task: tuple[int, int]) -> int:
    n, parent = task
    if n == 20 and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def test_results_come_in_the_order_of_the_tasks():
    tasks = list(range(150))
    assert list(in_order(square, tasks, 2)) == list(in_order(square, tasks, 1)) == [n * n for n in tasks]
    assert list(in_order(square, [], 2)) == []


def test_no_more_tasks_are_under_way_than_a_few_chunks():
    """A taker that stops leaves at once, and what it did not ask for is not waited for."""
    results = in_order(square, range(10**7), 2, chunk=10)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    results.close()


def test_a_killed_process_costs_no_result():
    tasks = [(n, os.getpid()) for n in range(60)]
    assert list(in_order(square_or_die, tasks, 2, chunk=4)) == [n * n for n in range(60)]


def test_there_is_a_core_to_run_on():
    assert usable_cores() >= 1
