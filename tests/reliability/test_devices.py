"""One device and eight, jit and pmap: the recipes' networks end with the same parameters."""

from __future__ import annotations


def test_the_number_of_devices_and_how_they_share_a_batch_change_no_parameter(faults) -> None:
    row = faults("devices").run(3, 0, print)
    assert row.failures == ()
    assert (row.passed, row.total) == (3, 3)
    assert set(row.details["farthest"]) == {"conv jit 8 seed 0", "gan jit 8 seed 0", "conv pmap 8 seed 0"}


def test_a_difference_that_is_too_large_or_a_network_that_never_moved_is_a_failure(faults) -> None:
    fault_of, near, far = faults("devices").fault_of, {"params": 1e-6, "sums": 0.0}, {"params": 2e-5, "sums": 0.0}
    assert fault_of({"learnt": 0.1, "jit 8": near}, ["jit", 8]) is None
    assert fault_of({"learnt": 0.1, "jit 8": far}, ["jit", 8]) == "params 2.0e-05 apart"
    assert fault_of({"learnt": 0.1, "jit 8": {"params": float("nan")}}, ["jit", 8]) == "params nan apart"
    assert "nothing is compared" in fault_of({"learnt": 0.0, "jit 8": near}, ["jit", 8])
