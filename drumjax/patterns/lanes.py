"""Patterns of one drum map as patterns of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drumjax.patterns.drum_map import DrumMap
from drumjax.patterns.pattern import Pattern


def lanes_in(drum_map: DrumMap, other: DrumMap) -> list[int | None]:
    """For each lane of a drum map the lane of another one that reads the key which it is written as; None where there is none."""
    if drum_map == other:
        return [*range(len(other.lanes))]
    return [other.lane_of_pitch.get(pitch) for pitch in drum_map.out_pitches]


def with_drum_map(pattern: Pattern, drum_map: DrumMap) -> tuple[Pattern, dict[str, int]]:
    """A pattern on the lanes of another drum map: each lane goes where the key that it is written as is read.

    Where two hits meet in a cell the louder stays, of equals the one of the earlier lane, as when a file is read. A pattern of that
    very drum map comes back as it is.

    Args:
      pattern: of any drum map.
      drum_map: the other one.

    Returns:
      The pattern, its provenance kept, and the hits that found no lane, by lane.
    """
    if pattern.drum_map == drum_map:
        return pattern, {}
    shape = (pattern.steps, len(drum_map.lanes))
    hits = np.zeros(shape, bool)
    velocity, offset = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    left_out: dict[str, int] = {}
    for lane, (name, to) in enumerate(zip(pattern.drum_map.lanes, lanes_in(pattern.drum_map, drum_map), strict=True)):
        if to is None:
            if count := int(pattern.hits[:, lane].sum()):
                left_out[name] = count
            continue
        louder = pattern.velocity[:, lane] > velocity[:, to]
        hits[:, to] |= pattern.hits[:, lane]
        velocity[louder, to] = pattern.velocity[louder, lane]
        offset[louder, to] = pattern.offset[louder, lane]
    return replace(pattern, hits=hits, velocity=velocity, offset=offset, drum_map=drum_map), left_out
