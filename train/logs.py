"""What a training tells while it runs: metrics.csv, TensorBoard files, and a line or a bar on the terminal."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

from drumjax.boundary import InputError, read_bytes, write_bytes

PLAIN_LINE_SECONDS = 10.0
"""Without a terminal a line is printed about this often."""
METRICS = "metrics.csv"
METRICS_BYTES = 256 << 20
"""A longer table is taken for something else."""
STEP_DIGITS = 18
FIRST_COLUMNS = ("step", "epoch", "seconds")


def say(text: str) -> None:
    """A line for the user, on the error stream: the output stream is for results. A training goes on when no one reads it."""
    with contextlib.suppress(OSError):  # its reader has ended, or the terminal was closed
        print(text, file=sys.stderr, flush=True)


class _Patient:
    """The error stream, for the bar: what cannot be told is not told."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Table:
    """`metrics.csv`: a row a dispatch, a column a metric, empty where there is no value.

    What stands there and is no such table (a damaged file, another's, a pipe) is set aside as `metrics.csv.damaged` and said: no
    training is stopped by what it tells of itself, and nothing is destroyed.

    Args:
      path: the file; rows of steps after `step` are taken out of it, so that a resumed training does not tell of steps twice.
      step: the step from which training goes on.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.columns = path, list(FIRST_COLUMNS)
        rows: list[dict[str, Any]] = []
        if path.exists():
            self.columns, rows = self._read()
        # A process that was killed may have left half a row.
        whole = [row for row in rows if None not in row.values() and row["step"].isdecimal() and len(row["step"]) <= STEP_DIGITS]
        self._rewrite([row for row in whole if int(row["step"]) <= step])

    def _read(self) -> tuple[list[str], list[dict[str, Any]]]:
        try:
            text = read_bytes(self.path, max_bytes=METRICS_BYTES, what="a table of metrics").decode("utf-8", "replace")
            reader = csv.DictReader(io.StringIO(text, newline=""))
            columns, rows = list(reader.fieldnames or ()), list(reader)
            if columns[:1] != ["step"]:
                raise InputError(self.path, rule="a table of metrics", found="other columns", remedy="give it another name")
        except (InputError, csv.Error) as error:
            self._set_aside(error.found if isinstance(error, InputError) else str(error))
            return list(FIRST_COLUMNS), []
        return columns, rows

    def _set_aside(self, found: str) -> None:
        names = (f"{self.path.name}.damaged{number}" for number in itertools.chain([""], itertools.count(2)))
        place = next(self.path.with_name(name) for name in names if not os.path.lexists(self.path.with_name(name)))
        self.path.rename(place)
        say(f"{self.path}: found {found}; set aside as {place.name}, and begun anew")

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row; a metric that has no column yet gets one (the file is rewritten, once)."""
        if new := [name for name in row if name not in self.columns]:
            rows = self._read()[1]
            self.columns += new
            self._rewrite(rows)
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            csv.DictWriter(stream, self.columns, restval="", lineterminator="\n").writerow(row)

    def settle(self) -> None:
        """Waits until all rows are on the disk."""
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_bytes(self.path, text.getvalue().encode(), lasting=True)


class Logs:
    """All of them together. Made by `open_logs`."""

    def __init__(
        self, workdir: Path, step: int, total: int, steps_per_epoch: float, board: _Board | None, bar: Any, task: Any
    ) -> None:
        self.table = Table(workdir / METRICS, step)
        self.total, self.steps_per_epoch, self.board, self.bar, self.task = total, steps_per_epoch, board, bar, task
        self.began, self.spoke = time.monotonic(), -PLAIN_LINE_SECONDS
        self.compiled: tuple[float, int] | None = None

    def add(self, step: int, metrics: Mapping[str, float], figures: Mapping[str, float] | None) -> None:
        """Tells of a dispatch that ended with `step`, and of the validation after it if there was one."""
        seconds = time.monotonic() - self.began
        values = dict(metrics) | {f"valid_{name}": value for name, value in (figures or {}).items()}
        self.table.add({"step": step, "epoch": f"{step / self.steps_per_epoch:.3f}", "seconds": f"{seconds:.1f}"} | values)
        if self.board is not None:
            self.board.add(values, step)
            if figures:  # so that what is looked at meanwhile is up to the last validation
                self.board.writer.flush()
        shown = {name: value for name, value in values.items() if name.rpartition("/")[2] == "loss" or name.startswith("valid_")}
        text = "  ".join(f"{name} {value:.4g}" for name, value in list(shown.items())[:6])
        if self.bar is not None:
            self.bar.update(self.task, completed=step, text=f"loss {metrics['loss']:.4g}" if "loss" in metrics else "")
        elif seconds - self.spoke >= PLAIN_LINE_SECONDS or step == self.total:
            self.spoke = seconds
            pace = (seconds - self.compiled[0]) / max(1, step - self.compiled[1]) if self.compiled else None
            left = "" if pace is None else f", {pace * (self.total - step):.0f} s left"
            say(f"step {step}/{self.total}  {text}  {seconds:.0f} s{left}")
        self.compiled = self.compiled or (seconds, step)  # the pace is counted from the end of the first dispatch, which compiles
        if figures and self.bar is not None:
            self.bar.console.print(f"step {step}  {text}")

    def settle(self) -> None:
        """Waits until the rows are on the disk."""
        self.table.settle()


class NoLogs:
    """Those of a process that writes none: where several train together, one tells of it."""

    def __init__(self, total: int) -> None:
        self.total = total

    def add(self, step: int, metrics: Mapping[str, float], figures: Mapping[str, float] | None) -> None:
        """Nothing."""

    def settle(self) -> None:
        """Nothing."""


@contextlib.contextmanager
def open_logs(workdir: Path, *, step: int, total: int, steps_per_epoch: float, title: str) -> Iterator[Logs]:
    """Logs of a training that goes on from `step`; closed at the end."""
    with contextlib.ExitStack() as stack:
        board = _tensorboard(workdir, step, stack)
        bar = task = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            bar = stack.enter_context(
                Progress(*columns, TextColumn("{task.fields[text]}"), console=Console(file=cast(TextIO, _Patient(sys.stderr))))
            )
            task = bar.add_task(title, total=total, completed=step, text="compiling")
        else:
            say(f"{title}: step {step}/{total}, compiling")
        yield Logs(workdir, step, total, steps_per_epoch, board, bar, task)


class _Board:
    """A TensorBoard event file.

    Written in step with the training: tensorboardX's `SummaryWriter` hands events to a thread of its own, and waits for that thread
    for ever when a full disk has ended it.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        folder.mkdir(exist_ok=True)
        # The name holds the time in seconds, and a training may be resumed within one.
        self.writer = EventsWriter(str(folder / "events"), f".{step}.{os.getpid()}")
        if step:  # events of steps that are done again are hidden
            self.writer.write_event(Event(step=step + 1, file_version="brain.Event:2"))
            self.writer.write_event(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def add(self, values: Mapping[str, float], step: int) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
        self.writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))


def _tensorboard(workdir: Path, step: int, stack: contextlib.ExitStack) -> _Board | None:
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        say("TensorBoard files are left out: tensorboardX is not installed; metrics.csv holds the same numbers")
        return None
    board = _Board(workdir / "tensorboard", step)
    stack.callback(board.writer.close)
    return board
