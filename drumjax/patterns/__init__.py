"""Grids and MIDI: drum maps, patterns, reading and writing files.

`drumjax.patterns.paths` (interpolation) and `drumjax.patterns.wandering` are imported by their own names, because they draw in JAX,
and `drumjax.patterns.humanize` because its function has the same.
"""

from drumjax.patterns.drum_map import (
    BUILT_IN,
    GM,
    POCKET,
    TR808,
    DrumMap,
    drum_map_from_json,
    drum_map_to_json,
    load_drum_map,
)
from drumjax.patterns.files import (
    GRID_SUFFIXES,
    MIDI_SUFFIXES,
    FilePatterns,
    FileWindows,
    read_file_patterns,
    read_file_windows,
    read_patterns,
    read_windows,
)
from drumjax.patterns.grid_files import GridPattern, read_grid_file, write_grid_json
from drumjax.patterns.midi import MidiReport, read_midi_pattern, require_metre, write_midi
from drumjax.patterns.pattern import MEASURE_STEPS, PAPER_TEMPO_BPM, STEPS_PER_QUARTER, Pattern, concatenate
from drumjax.patterns.windows import WindowReport, windows

__all__ = [
    "BUILT_IN",
    "GM",
    "GRID_SUFFIXES",
    "MEASURE_STEPS",
    "MIDI_SUFFIXES",
    "PAPER_TEMPO_BPM",
    "POCKET",
    "STEPS_PER_QUARTER",
    "TR808",
    "DrumMap",
    "FilePatterns",
    "FileWindows",
    "GridPattern",
    "MidiReport",
    "Pattern",
    "WindowReport",
    "concatenate",
    "drum_map_from_json",
    "drum_map_to_json",
    "load_drum_map",
    "read_file_patterns",
    "read_file_windows",
    "read_grid_file",
    "read_midi_pattern",
    "read_patterns",
    "read_windows",
    "require_metre",
    "windows",
    "write_grid_json",
    "write_midi",
]
