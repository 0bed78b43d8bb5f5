"""What all tests share: where the real data lies, and its absence said aloud."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _data_folder() -> Path | None:
    """The folder that DRUMJAX_DATA names, by default ../shared/data beside the project where that exists."""
    if named := os.environ.get("DRUMJAX_DATA"):
        if not Path(named).is_dir():
            raise pytest.UsageError(f"DRUMJAX_DATA names no folder: {named}; unset it to run without real data")
        return Path(named)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return beside if beside.is_dir() else None


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data; whichever test asks for it is marked `real_data`."""
    folder = _data_folder()
    if folder is None:
        pytest.skip("no real data: set DRUMJAX_DATA to the folder that holds it")
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what reads real data and says so in the JUnit report, by which CI proves that it ran."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
        if item.get_closest_marker("real_data"):
            item.user_properties.append(("real_data", "yes"))
