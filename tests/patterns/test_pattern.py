"""Pattern: its invariants, times and saving."""

from __future__ import annotations

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.patterns import GM, TR808, Pattern, concatenate, read_grid_file, read_midi_pattern

HITS = np.eye(6, dtype=bool)


def fields(**changes):
    return {"hits": HITS, "velocity": HITS * 0.5, "offset": HITS * 0.0, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hits": HITS[:, :5]}, "expected hits of shape"),
        ({"hits": HITS[0]}, "expected hits of shape"),
        ({"velocity": np.zeros((5, 6))}, "expected velocity of the hits' shape"),
        ({"offset": HITS * np.nan}, "finite numbers in offset"),
        ({"velocity": np.full((6, 6), 0.5)}, "velocity 0 where there is no hit"),
        ({"offset": np.full((6, 6), 0.5)}, "offset 0 where there is no hit"),
        ({"velocity": HITS * 0.007}, "1/127"),
        ({"velocity": HITS * 1.01}, "1/127"),
        ({"offset": HITS * 1.0}, r"offsets in \[-1, 1\)"),
        ({"offset": HITS * -1.01}, r"offsets in \[-1, 1\)"),
        ({"tempo_bpm": 0.0}, "a tempo above 0"),
        ({"drum_map": GM}, "for the drum map 'gm'"),
    ],
)
def test_broken_rules_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Pattern(**fields(**changes))


def test_arrays_are_copied_and_frozen():
    velocity = np.float32(HITS * 0.5)
    pattern = Pattern(**fields(velocity=velocity))
    velocity[0, 0] = 1
    assert pattern.velocity[0, 0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        pattern.velocity[0, 0] = 1


def test_from_grid_makes_hits_where_the_threshold_is_reached():
    grid = np.zeros((2, 6), np.float32)
    grid[0, :4] = 0.3, 0.29, 1 / 127, 0.001
    assert Pattern.from_grid(grid, threshold=0.3).hits[0].tolist() == [True, False, False, False, False, False]
    assert Pattern.from_grid(grid).hits[0].tolist() == [True, True, True, False, False, False]


def test_times_follow_tempo_and_offset():
    pattern = Pattern(**fields(offset=HITS * -0.5, tempo_bpm=120))
    assert pattern.step_s == 0.125
    assert pattern.duration_s == 0.75
    assert pattern.onsets_s()[2, 2] == pytest.approx((2 - 0.25) * 0.125)
    assert pattern.onsets_s()[2, 0] == 0.25


def test_concatenate_and_window_are_inverse():
    pattern = Pattern(**fields(offset=HITS * -0.5))
    twice = concatenate([pattern, pattern])
    assert twice.steps == 12
    assert twice.window(6, 6).equals(pattern)
    with pytest.raises(ValueError, match="at least one pattern"):
        concatenate([])
    with pytest.raises(ValueError, match="one drum map"):
        concatenate([pattern, Pattern.from_grid(np.zeros((6, 47)), drum_map=GM)])


def test_save_writes_what_the_suffix_says(tmp_path):
    pattern = Pattern(**fields(velocity=HITS * np.float32(100 / 127), drum_map=TR808))
    pattern = concatenate([pattern] * 8).window(0, 48)
    for name in ("a.mid", "b.MIDI", "c.json"):
        pattern.save(tmp_path / name)
    assert read_midi_pattern(tmp_path / "a.mid")[0].equals(pattern)
    assert read_midi_pattern(tmp_path / "b.MIDI")[0].equals(pattern)
    assert read_grid_file(tmp_path / "c.json")[0][0].pattern.equals(pattern)


@pytest.mark.parametrize("name", ["a.wav", "a"])
def test_save_refuses_other_suffixes(tmp_path, name):
    with pytest.raises(InputError, match=r"a file that ends in \.mid"):
        Pattern(**fields()).save(tmp_path / name)
