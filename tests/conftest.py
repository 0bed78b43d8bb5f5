"""What all tests share: where the real data lies, and its absence said aloud."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _data_folder() -> Path | None:
    """The folder that DRUMJAX_DATA names, by default ../shared/data beside the project where that exists."""
    named = os.environ.get("DRUMJAX_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data; a test that asks for it should be marked `real_data`."""
    folder = _data_folder()
    if folder is None:
        pytest.skip("no real data: set DRUMJAX_DATA to the folder that holds it")
    return folder
