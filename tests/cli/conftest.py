"""The command as a function, and files to name on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from drumjax.cli import main


class Called(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Called]


@pytest.fixture(scope="session", autouse=True)
def compiled_once(compilation_cache) -> None:
    """Every test here shares what another has compiled, and none writes to the user's own cache."""


@pytest.fixture
def command(capsys, monkeypatch, tmp_path: Path) -> Command:
    """Calls `drumjax` in the test's folder; the arguments are words, or a whole line with blanks between them."""
    monkeypatch.chdir(tmp_path)

    def call(*words: Any) -> Called:
        arguments = words[0].split() if len(words) == 1 else [str(word) for word in words]
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = stop.code
        return Called(code, *capsys.readouterr())

    return call


@pytest.fixture
def files(midi, tmp_path: Path) -> Path:
    """A folder with `a.mid` at 125 beats a minute, `b.mid`, and `long.mid` of three windows; also the working directory."""
    midi("a.mid", {(s, "BD"): 110 for s in range(0, 64, 4)} | {(s, "CH"): 80 for s in range(2, 64, 4)}, tempo_bpm=125.0)
    midi("b.mid", {(s, "BD"): 100 for s in (0, 6, 16, 22, 32, 38, 48)} | {(s, "SD"): 120 for s in range(4, 64, 8)})
    midi("long.mid", {(s, "CB"): 90 for s in range(0, 64, 4)} | {(s, "OH"): 70 for s in range(66, 190, 3)}, steps=192)
    return tmp_path


@pytest.fixture
def model(tiny_workdir: Path) -> list[str]:
    """`--model` and the tiny one."""
    return ["--model", str(tiny_workdir)]


@pytest.fixture
def data(command, small_folder) -> str:
    """The small folder, prepared: what `--data` names."""
    assert command("data build source -o data --validation 0.2 --test 0.2").code == 0
    return "data"
