"""Programs of this folder as modules: test modules cannot import one another."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def module_of(name: str) -> ModuleType:
    """`NAME.py` as a module."""
    spec = importlib.util.spec_from_file_location(f"drumjax_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The smallest system that has everything."""
    return module_of("toy")


@pytest.fixture(scope="session")
def few_sounds() -> ModuleType:
    """A few short sounds, and recipes shrunken to them."""
    return module_of("few_sounds")


@pytest.fixture(scope="session")
def together() -> ModuleType:
    """Trainings in processes of their own."""
    return module_of("together")


@pytest.fixture(scope="session", autouse=True)
def compiled_once(compilation_cache) -> None:
    """Every test here shares what another has compiled."""
