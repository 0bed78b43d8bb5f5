"""The attacks of benchmarks/faults, as tests reach them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def attacks() -> Iterator[Any]:
    """The module `faults.files`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("faults.files")


@pytest.fixture(scope="module")
def hostile_reader(attacks: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A process that reads one file after another under limits."""
    reader = attacks.Reader(tmp_path_factory.mktemp("reader"))
    yield reader
    reader.close()
