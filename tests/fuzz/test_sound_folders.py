"""Folders of sound files, most of them damaged: every whole one arrives, every other is taken or listed, none stops the rest."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

SEED = 3


@pytest.fixture(scope="module")
def folders(attacks):
    """The module `faults.sound_folders`."""
    return importlib.import_module("faults.sound_folders")


def test_a_folder_of_damaged_sounds_is_withstood(folders, compilation_cache) -> None:
    row = folders.run(120, SEED)
    assert row.failures == ()
    assert (row.passed, row.total, row.seed) == (120, 120, SEED)
    assert row.details["whole taken"] == 30
    # Some of the damaged ones are sounds all the same, most are not.
    assert 5 < sum(n for what, n in row.details.items() if what.endswith(" taken")) - 30 < 60
    assert row.details["encoded"] > 30
    assert 0 < row.details["most_mib"] < folders.MOST_MIB


def test_a_folder_is_a_function_of_its_seed(folders, tmp_path) -> None:
    def content(name, seed):
        (tmp_path / name).mkdir()
        planted = folders.plant(tmp_path / name, 30, seed)
        # Ogg has a serial number at random.
        files = {file: b"" if ".ogg" in file else (tmp_path / name / file).read_bytes()[:100_000] for file in planted}
        return {file: (planted[file].kind, content) for file, content in files.items()}

    one = content("one", 1)
    assert one == content("again", 1)
    assert one != content("other", 2)
    assert len({kind for kind, _ in one.values()}) > 8


def told(**changes):
    """What the reader tells of one whole sound that was taken."""
    return {"taken": ["a"], "copies": {}, "rejected": {}, "verdicts": {"a": "code"}} | changes


def test_what_breaks_the_rules_is_a_failure(folders) -> None:
    sound = np.sin(np.arange(2_000) / 9).astype(np.float32)
    stored = np.rint(sound / np.abs(sound).max() * 32_767).astype(np.int16)
    noise = np.random.default_rng(0).integers(-32_767, 32_768, 2_000).astype(np.int16)
    noise[0] = 32_767
    whole, silence = folders.Planted(0, "whole", sound), folders.Planted(0, "silence")
    kept = {"a": stored}

    def why(entry, arrays, **changes):
        return folders._why("a", entry, told(**changes), arrays)

    assert why(whole, kept) == ""
    assert "another sound" in why(whole, {"a": noise})
    assert "not in the data" in why(whole, {})
    assert "told of 0 times" in why(whole, {}, taken=[])
    assert "told of 2 times" in why(whole, kept, rejected={"a": "silence; found silence"})
    assert "lost" in why(whole, {}, taken=[], copies={"a": "b"})
    assert "lost" in why(whole, {}, taken=[], rejected={"a": "expected a sound; found silence"})
    assert "KeyError" in why(whole, kept, verdicts={"a": "KeyError: 'x'"})
    assert "not encoded" in why(whole, kept, verdicts={"a": "refused"})
    assert "below full scale" in why(folders.Planted(0, "damaged"), {"a": (stored // 2).astype(np.int16)})
    assert "please report" in why(
        silence, {}, taken=[], rejected={"a": "drumjax failed on this file: please report it; found KeyError"}
    )
    assert "expected 'silence' to be said" in why(silence, kept)
    assert why(silence, {}, taken=[], rejected={"a": "expected a sound; found silence"}, verdicts={"a": "refused"}) == ""
