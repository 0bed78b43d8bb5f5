"""Damaged checkpoints: never a load in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from drumjax.checkpoint import directory


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
    monkeypatch.setattr(directory, "verify", lambda place: directory.read_manifest(Path(place)))
    row = faults("corruption").run(11, 0, print)
    assert len(row.failures) >= 1  # how many depends on orbax's file names, which are drawn at random
