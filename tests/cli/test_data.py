"""`drumjax data`: what is shown, built and written."""

from __future__ import annotations

import numpy as np

from drumjax.datasets.load import load_patterns


def test_inspecting_shows_what_is_usable_and_why_the_rest_is_not(command, small_folder) -> None:
    (small_folder / "bad.mid").write_bytes(b"RIFF....WAVE")
    shown = command("data inspect source")
    assert shown.code == 0
    assert "39 patterns of kind 'patterns' from 20 of 21 files" in shown.out
    for text in ("idm", "techno", "bad.mid", "a WAV sound file", "BD", "a build would split it into"):
        assert text in shown.out, text
    assert command("data inspect source --licence cc0").code == 2
    assert "nothing here is usable" in command("data inspect source --channel 3").out


def test_building_twice_does_nothing_twice(command, small_folder) -> None:
    first = command("data build source -o data")
    assert (first.code, "train with: drumjax train pattern-vae --data data" in first.out) == (0, True)
    again = command("data build source -o data")
    assert (again.code, again.out.startswith("nothing to do")) == (3, True)
    assert command("data inspect data").code == 0


def test_arrays_hold_the_same_patterns_as_the_folder(command, data) -> None:
    assert command("data arrays data -o data.npz").code == 0
    folder, arrays = load_patterns("data"), load_patterns("data.npz")
    assert folder.info == arrays.info
    for split, columns in folder.splits.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, arrays.splits[split][name])
