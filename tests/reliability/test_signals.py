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


def test_a_process_that_only_waits_is_late_too(faults) -> None:
    ending, limit = faults("signals").Ending, faults("signals").SECONDS
    assert ending(75, 40.0, 3.0, "").took < limit  # it had a tenth of a core
    assert ending(75, 11.0, 10.9, "").took > limit
    assert ending(75, 150.0, 0.1, "").took > limit
