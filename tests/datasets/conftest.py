"""Small step-grid files, written with json alone: the library's own writers are not asked about its readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

GridWriter = Callable[..., Path]


@pytest.fixture
def grid(tmp_path: Path) -> GridWriter:
    """Writes patterns (`{"tracks": …}` and more) as a step-grid JSON file below the test's folder."""

    def write(name: str, patterns: Sequence[Mapping[str, Any]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"patterns": list(patterns)}))
        return path

    return write
