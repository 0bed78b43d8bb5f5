"""The pages keep up with the code. (The verbs need no test: the site takes them from the command.)"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import drumjax
import drumjax.train.recipe
from drumjax.cli.train import train
from drumjax.train.recipe import RECIPES

DOCS = Path(__file__).resolve().parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the pages are not beside the tests")


def test_every_public_module_is_in_the_reference() -> None:
    package = Path(drumjax.__file__).parent
    files = [
        Path(folder, file) for folder, _, files in os.walk(package, followlinks=True) for file in files if file.endswith(".py")
    ]
    names = {".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files}
    # Packages are listed by their modules, all but the first; the command has a page of its own.
    wanted = {name for name in names if not re.search(r"\._|^drumjax\.cli", name)}
    listed = {
        name for page in (DOCS / "reference").glob("*.md") for name in re.findall(r"^::: (\S+)", page.read_text("utf-8"), re.M)
    }
    assert listed == wanted | {"drumjax"}


def written() -> str:
    """README, pages and the recipes' own docstrings; a line that a backslash breaks is one."""
    folder = Path(drumjax.train.recipe.__file__).parent / "recipes"
    files = [DOCS.parent / "README.md", *DOCS.rglob("*.md"), *folder.glob("*.py")]
    return "\n".join(path.read_text("utf-8") for path in files).replace("\\\n", " ")


def test_trainings_on_the_pages_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("drumjax.cli.train._run", lambda chosen, call, team: asked.append(chosen.name))
    monkeypatch.setattr("drumjax.cli.train._split_cpu", lambda devices: None)
    monkeypatch.setattr("drumjax.train.hosts.as_process", lambda run, *where, **seconds: run(None))
    lines = re.findall(r"^(?:for .*do )?drumjax train (.*)", written(), re.M)
    for line in lines:
        words = re.split(r"\s+(?:#|&&|\|)|;", line)[0].split()
        # Placeholders for numbers of devices and hosts.
        assert train([word for word in words if word != "…"], "drumjax train") == 0, line
    assert set(asked) == set(RECIPES)
    assert len(asked) > 20


def test_fields_of_trainings_on_the_pages_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for name in RECIPES:
        with pytest.raises(SystemExit):
            train([name, "--help"], "drumjax train")
    existing = set(re.findall(r"--[a-z-]+\.[a-z0-9-]+", capsys.readouterr().out))
    named = set(re.findall(r"--[a-z-]+\.[a-z0-9-]+", written()))
    assert len(named) > 10
    assert named <= existing
