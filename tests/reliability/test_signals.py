"""SIGTERM and SIGINT at random moments of `drumjax train`."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_signalled_trainings_stop_in_time_and_resume_to_the_same_bits(faults) -> None:
    signals = faults("signals")
    row = signals.run(12, 0, print)
    assert not row.failures
    assert row.passed == row.total == 12
    assert set(row.details["kinds"]) == set(signals.KINDS)
