"""Damaged checkpoints: never a load in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from drumjax import checkpoint
from drumjax.checkpoint import directory, workdir


@pytest.mark.slow
def test_a_hundred_damaged_checkpoints_are_refused_by_name_or_give_what_was_saved(faults) -> None:
    corruption = faults("corruption")
    row = corruption.run(100, 0, print)
    assert not row.failures
    assert row.passed == row.total == 100
    assert set(row.details["kinds"]) == set(corruption.ATTACKS)


@pytest.mark.slow
def test_the_attacks_would_see_a_reader_that_does_not_look(faults, monkeypatch) -> None:
    """Without the hashes, orbax loads what was damaged."""
    for module in (checkpoint, directory, workdir):  # wherever it is had by name
        monkeypatch.setattr(module, "verify", lambda place: directory.read_manifest(Path(place)))
    row = faults("corruption").run(11, 0, print)
    assert len(row.failures) >= 3
