"""Grids and MIDI: drum maps, patterns, reading and writing files."""

from drumjax.patterns.drum_map import BUILT_IN, GM, POCKET, TR808, DrumMap
from drumjax.patterns.pattern import MEASURE_STEPS, PAPER_TEMPO_BPM, STEPS_PER_QUARTER, Pattern, concatenate

__all__ = [
    "BUILT_IN",
    "GM",
    "MEASURE_STEPS",
    "PAPER_TEMPO_BPM",
    "POCKET",
    "STEPS_PER_QUARTER",
    "TR808",
    "DrumMap",
    "Pattern",
    "concatenate",
]
