"""Patterns of one drum map as patterns of another."""

from __future__ import annotations

import numpy as np

from drumjax.patterns import POCKET, TR808, Pattern
from drumjax.patterns.drum_map import GM
from drumjax.patterns.lanes import with_drum_map
from drumjax.patterns.templates import CLOSED_HAT, KICK, OPEN_HAT, RIDE, SNARE


def played(drum_map, hits: dict[tuple[int, str], tuple[int, float]]) -> Pattern:
    """`{(step, lane): (MIDI velocity, offset)}` as four steps."""
    velocity = np.zeros((4, len(drum_map.lanes)), np.float32)
    offset = np.zeros_like(velocity)
    for (step, lane), (loud, late) in hits.items():
        velocity[step, drum_map.lanes.index(lane)] = loud / 127
        offset[step, drum_map.lanes.index(lane)] = late
    return Pattern(hits=velocity > 0, velocity=velocity, offset=offset, drum_map=drum_map, provenance={"path": "a", "sha256": "b"})


def heard(pattern: Pattern) -> dict[tuple[int, int], tuple[int, float]]:
    where = np.argwhere(pattern.hits).tolist()
    return {(t, lane): (round(float(pattern.velocity[t, lane]) * 127), float(pattern.offset[t, lane])) for t, lane in where}


def test_a_lane_goes_where_its_key_is_read_with_its_velocity_and_its_time():
    pattern = played(
        TR808, {(0, "BD"): (100, 0.5), (1, "SD"): (90, -0.5), (1, "CH"): (80, 0), (2, "OH"): (70, 0.25), (3, "CB"): (60, -1)}
    )
    made, left_out = with_drum_map(pattern, POCKET)
    assert heard(made) == {
        (0, KICK): (100, 0.5),
        (1, SNARE): (90, -0.5),
        (1, CLOSED_HAT): (80, 0),
        (2, OPEN_HAT): (70, 0.25),
        (3, RIDE): (60, -1),  # the cowbell's key, 56, is among the ride's
    }
    assert (made.drum_map, made.provenance, left_out) == (POCKET, pattern.provenance, {})


def test_of_two_lanes_in_a_cell_the_louder_stays_and_of_equals_the_earlier_lane():
    rim_louder, equal = {(0, "SD"): (50, 0.5), (0, "RS"): (51, -0.5)}, {(1, "SD"): (50, 0.5), (1, "RS"): (50, -0.5)}
    made, left_out = with_drum_map(played(TR808, rim_louder | equal), POCKET)
    assert heard(made) == {(0, SNARE): (51, -0.5), (1, SNARE): (50, 0.5)}
    assert left_out == {}


def test_hits_that_find_no_lane_are_counted():
    made, left_out = with_drum_map(played(POCKET, {(0, "kick"): (99, 0), (1, "tom"): (9, 0), (2, "tom"): (9, 0)}), TR808)
    assert [made.drum_map.lanes[lane] for _, lane in heard(made)] == ["BD"]
    assert left_out == {"tom": 2}
    assert with_drum_map(played(GM, {(0, "gm70"): (99, 0)}), POCKET)[1] == {"gm70": 1}


def test_a_pattern_of_that_map_comes_back_as_it_is():
    pattern = played(POCKET, {(0, "kick"): (99, 0)})
    assert with_drum_map(pattern, POCKET) == (pattern, {})
