"""The attacks of benchmarks/faults, which the command benchmarks/reliability.py makes in larger numbers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def faults() -> Iterator[Callable[[str], Any]]:
    """`faults("kills")` is the module benchmarks/faults/kills.py."""
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not beside the tests")
    sys.path.insert(0, str(BENCHMARKS))
    yield lambda name: importlib.import_module(f"faults.{name}")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="session", autouse=True)
def compiled_once(compilation_cache) -> None:
    """Every test here shares what another has compiled."""
