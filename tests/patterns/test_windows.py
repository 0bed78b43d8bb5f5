"""Windows: what is kept, repeated, dropped and counted."""

from __future__ import annotations

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.patterns import Pattern, WindowReport, windows


def pattern(steps: int, *hits: int, name: str = "p") -> Pattern:
    grid = np.zeros((steps, 6), np.float32)
    grid[list(hits), 0] = 1
    return Pattern.from_grid(grid, name=name)


def kicks(pattern: Pattern) -> list[int]:
    return np.flatnonzero(pattern.hits[:, 0]).tolist()


def test_windows_follow_one_another_and_the_remainder_is_counted():
    found, report = windows(pattern(150, 0, 65, 127, 130, 149))
    assert [kicks(window) for window in found] == [[0], [1, 63]]
    assert report == WindowReport(repeats=1, numbers=(0, 1), empty=0, remainder_steps=22, remainder_hits=2)


def test_windows_without_a_hit_are_dropped_and_counted():
    found, report = windows(pattern(192, 130))
    assert [kicks(window) for window in found] == [[2]]
    assert report == WindowReport(repeats=1, numbers=(2,), empty=2, remainder_steps=0, remainder_hits=0)


@pytest.mark.parametrize("steps", [1, 2, 16, 32])
def test_a_short_pattern_is_repeated_where_its_length_divides_the_window(steps):
    (found,), report = windows(pattern(steps, 0))
    assert kicks(found) == list(range(0, 64, steps))
    assert report == WindowReport(repeats=64 // steps, numbers=(0,), empty=0, remainder_steps=0, remainder_hits=0)


def test_a_whole_window_is_the_pattern_itself():
    (found,), report = windows(pattern(64, 5))
    assert found.equals(pattern(64, 5))
    assert report == WindowReport(1, (0,), 0, 0, 0)


@pytest.mark.parametrize("steps", [0, 24, 48, 63])
def test_a_short_pattern_of_another_length_is_refused_with_the_reason(steps):
    with pytest.raises(InputError, match=rf"a length that divides 64; found {steps} steps") as caught:
        windows(pattern(steps), path="a.mid")
    assert caught.value.path == "a.mid"


def test_other_lengths_of_windows():
    found, report = windows(pattern(20, 0, 9, 19), 8)
    assert [kicks(window) for window in found] == [[0], [1]]
    assert report == WindowReport(repeats=1, numbers=(0, 1), empty=0, remainder_steps=4, remainder_hits=1)
    with pytest.raises(ValueError, match="at least 1 step"):
        windows(pattern(20), 0)


def test_velocity_offset_and_facts_come_along():
    hits = np.zeros((128, 6), bool)
    hits[64, 2] = True
    whole = Pattern(hits=hits, velocity=hits * 0.5, offset=hits * -0.25, tempo_bpm=99, metre=(3, 4), genre="idm")
    (found,), _ = windows(whole)
    assert (found.velocity[0, 2], found.offset[0, 2]) == (0.5, -0.25)
    assert (found.tempo_bpm, found.metre, found.genre) == (99, (3, 4), "idm")
