"""Pattern files by suffix and content, and the windows that `FILE#k` counts."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.patterns import GM, Pattern, read_file_windows, read_patterns, read_windows


def pattern(steps: int, *hits: int, **fields) -> Pattern:
    grid = np.zeros((steps, 6), np.float32)
    grid[list(hits), 0] = 1
    return Pattern.from_grid(grid, **fields)


def test_kind_comes_from_the_suffix_or_else_the_content(tmp_path):
    pattern(16, 0).save(tmp_path / "a.mid")
    pattern(16, 0).save(tmp_path / "a.json")
    (tmp_path / "a.csv").write_text("lane,steps\nBD,X...............\n")
    (tmp_path / "midi_without_suffix").write_bytes((tmp_path / "a.mid").read_bytes())
    (tmp_path / "grid.txt").write_bytes((tmp_path / "a.json").read_bytes())
    for name in ("a.mid", "a.json", "a.csv", "midi_without_suffix", "grid.txt"):
        (found,), faults = read_patterns(tmp_path / name)
        assert found.equals(pattern(16, 0)), name
        assert not faults


def test_drum_map_and_channel_are_passed_on(tmp_path):
    pattern(16, 0).save(tmp_path / "a.mid")
    assert read_patterns(tmp_path / "a.mid", drum_map=GM)[0][0].lanes == 47
    with pytest.raises(InputError, match="notes on channel 1"):
        read_windows(tmp_path / "a.mid", channel=1)


@pytest.mark.parametrize(("content", "found"), [(b"RIFF0000WAVE", "a WAV sound file"), (b"", "an empty file")])
def test_other_content_is_refused_with_what_it_is(tmp_path, content, found):
    (tmp_path / "a.xyz").write_bytes(content)
    with pytest.raises(InputError, match=f"found {found}"):
        read_patterns(tmp_path / "a.xyz")


def test_windows_are_counted_from_0_in_the_files_order(tmp_path):
    path = tmp_path / "a.mid"
    pattern(192, 0, 65, 130).save(path)
    found = read_windows(path)
    assert [np.flatnonzero(window.hits[:, 0]).tolist() for window in found] == [[0], [1], [2]]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert [window.provenance for window in found] == [
        {"path": str(path), "sha256": digest},
        {"path": f"{path}#1", "sha256": digest},
        {"path": f"{path}#2", "sha256": digest},
    ]


def test_silent_windows_count_and_are_left_out(tmp_path):
    path = tmp_path / "a.mid"
    pattern(320, 66, 256).save(path)
    found = read_file_windows(path)
    assert (list(found.windows), found.total) == ([1, 4], 5)
    assert [np.flatnonzero(window.hits[:, 0]).tolist() for window in found.windows.values()] == [[2], [0]]
    assert [window.provenance["path"] for window in found.windows.values()] == [f"{path}#1", f"{path}#4"]
    assert [window.provenance["path"] for window in read_windows(path)] == [f"{path}#1", f"{path}#4"]


def test_numbers_run_on_through_the_patterns_of_a_grid_file(tmp_path):
    rows = ["." * 64 + "x" * 64, "x" * 24, "x" * 64 + "." * 64, "X" * 64]  # the second cannot be cut into windows
    (tmp_path / "a.json").write_text(json.dumps([{"name": str(i), "tracks": {"BD": row}} for i, row in enumerate(rows)]))
    found = read_file_windows(tmp_path / "a.json")
    assert {k: window.name for k, window in found.windows.items()} == {1: "0", 2: "2", 4: "3"}
    assert (found.total, found.report) == (5, None)


def test_what_was_chosen_in_a_midi_file_comes_with_its_windows(midi):
    report = read_file_windows(midi("a.mid", {(0, 36): 100, (1, 49): 90}, channel=2)).report
    assert (report.channel, report.dropped) == (3, {49: 1})


def test_windows_run_through_all_usable_patterns_of_a_grid_file(tmp_path):
    entries = [
        {"name": "bad", "tracks": {"BD": "?"}},
        {"name": "waltz", "meter": "3/4", "tracks": {"BD": "x" * 64}},
        {"name": "one", "tracks": {"BD": "x..............."}},
        {"name": "odd", "tracks": {"BD": "x.x.x"}},
        {"name": "two", "tracks": {"BD": "x" * 64, "SD": "x" * 64}},
    ]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    assert [window.name for window in read_windows(tmp_path / "a.json")] == ["one", "two"]
    assert [window.name for window in read_windows(tmp_path / "a.json", metre=(3, 4))] == ["waltz"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"meter": "3/4", "tracks": {"BD": "x" * 64}}, "a pattern in 4/4; found 3/4"),
        ({"tracks": {"BD": "x" * 24}}, "a length that divides 64; found 24 steps"),
        ({"tracks": {"BD": "?"}}, "x, X, . and - in the row 'BD'"),
        ({"tracks": {"BD": "." * 100 + "x"}}, "hits in a whole window of 64 steps; found none"),
    ],
)
def test_a_file_without_a_usable_window_says_why(tmp_path, entry, message):
    (tmp_path / "a.json").write_text(json.dumps(entry))
    with pytest.raises(InputError, match=message):
        read_windows(tmp_path / "a.json")


@pytest.mark.smoke
def test_importing_patterns_draws_in_neither_mido_nor_jax():
    code = "import sys, drumjax.patterns; print([name for name in ('mido', 'jax', 'soundfile', 'scipy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
