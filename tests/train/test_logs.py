"""The table of metrics: what stands there already is kept, cut at the step, or set aside."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from drumjax.train.logs import Table

BEFORE = "step,epoch,seconds,loss\n1,0.1,1.0,5\n2,0.2,2.0,4\n3,0.3,3.0,3\n"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_after_the_step_are_told_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(BEFORE + f"{'9' * 5000},0,0,0\n4,0.4")
    table = Table(path, 2)
    table.add({"step": 3, "loss": 9, "more": 1})
    assert [(row["step"], row["loss"], row["more"]) for row in rows(path)] == [("1", "5", ""), ("2", "4", ""), ("3", "9", "1")]
    assert os.listdir(tmp_path) == ["metrics.csv"]


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a long field": (write(BEFORE.encode() + b"4," + b"x" * 200_000 + b",1,1\n"), "field larger than field limit"),
    "an open quotation": (write(b'step,"' + b"x" * 200_000), "field larger than field limit"),
    "another's table": (write(b"name,genre\na,b\n"), "other columns"),
    "noise": (write(bytes(range(256))), "other columns"),
    "a pipe": (os.mkfifo, "a pipe, socket or device"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a pipe, socket or device"),
    "a folder": (lambda path: (path / "in it").mkdir(parents=True), "a folder"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_no_table_is_set_aside_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    make, found = DAMAGED[case]
    path = tmp_path / "metrics.csv"
    for name in ("metrics.csv.damaged", "metrics.csv.damaged2"):
        make(path)
        before = os.lstat(path)
        Table(path, 2).add({"step": 3, "loss": 9})
        assert [row["loss"] for row in rows(path)] == ["9"]
        after = os.lstat(tmp_path / name)
        assert (after.st_ino, after.st_size, after.st_mode) == (before.st_ino, before.st_size, before.st_mode)
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"metrics.csv: found {found}" in said
        assert f"set aside as {name}, and begun anew" in said
        path.unlink()
