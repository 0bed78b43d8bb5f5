"""Preparing with Apache Beam's local runner gives the data that one machine gives."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.datasets.info import CARD
from drumjax.datasets.load import load_sounds
from drumjax.datasets.sounds.beam import Row, _parse_line, _read_line, make_record, pipeline_options
from drumjax.datasets.sounds.build import build_sounds
from drumjax.datasets.sounds.prepare import Sound, embedded_batch, embedded_names
from drumjax.datasets.sounds.sources import SoundTask, read_sound_file

with_beam = pytest.mark.skipif(
    not importlib.util.find_spec("apache_beam"), reason="Apache Beam is not installed: pip install 'drumjax[beam]'"
)


def test_what_a_worker_says_of_a_file_comes_back_without_its_samples(sound):
    good = SoundTask(str(sound("kick.wav", 1)), "kick.wav", 22_050, 22_015)
    i, read = _parse_line(_read_line((7, good)))
    expected = read_sound_file(good)
    assert i == 7
    assert read.audio is None
    assert (read.sha256, read.length, read.file_rate_hz, read.is_cut) == (
        expected.sha256, expected.length, expected.file_rate_hz, expected.is_cut,
    )  # fmt: skip
    np.testing.assert_array_equal(read.fingerprint, expected.fingerprint)
    bad = SoundTask(str(sound("silent.wav", np.zeros(99))), "silent.wav", 22_050, 22_015)
    assert _parse_line(_read_line((0, bad)))[1].rejection == read_sound_file(bad).rejection


def test_a_worker_makes_each_embedded_sound_by_itself():
    (*_, last) = embedded_names("snap", 3)
    name, features = make_record(Row(last, None))
    assert name == "embedded:snap#2"
    np.testing.assert_array_equal(features["audio"], embedded_batch("snap", 0, 3)[2])


def test_a_file_that_changes_in_between_is_not_taken_for_what_it_was(sound):
    task = SoundTask(str(sound("kick.wav", 1)), "kick.wav", 22_050, 22_015)
    seen = read_sound_file(task)
    row = Row(Sound("kick.wav", "g", "kick", "cc0", seen.length), task, seen.sha256)
    np.testing.assert_array_equal(make_record(row)[1]["audio"], seen.audio)
    sound("kick.wav", 2)  # another drum of the same length
    with pytest.raises(ValueError, match="changed while it was read"):
        make_record(row)


@pytest.mark.skipif(importlib.util.find_spec("apache_beam") is not None, reason="Apache Beam is installed")
def test_without_beam_the_extra_is_named(small_tree, tmp_path):
    with pytest.raises(InputError, match=r"pip install 'drumjax\[beam\]'"):
        build_sounds(small_tree, tmp_path / "out", beam="")
    assert not (tmp_path / "out").exists()


@with_beam
def test_beam_writes_what_one_machine_writes(small_tree, tmp_path):
    (small_tree / "Kicks" / "x.wav").write_bytes(b"RIFF no sound at all")
    options = {"licence": "CC0", "with_embedded": True, "per_class": 4}
    plain = build_sounds(small_tree, tmp_path / "plain", **options)
    beam = build_sounds(small_tree, tmp_path / "beam", beam="runner=DirectRunner", **options)
    assert beam.collection == plain.collection
    assert json.loads((beam.folder / CARD).read_text()) == json.loads((plain.folder / CARD).read_text())
    first, second = load_sounds(tmp_path / "plain"), load_sounds(tmp_path / "beam")
    assert first.info == second.info
    for split, columns in first.splits.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, second.splits[split][name])
    assert not build_sounds(small_tree, tmp_path / "plain", beam="runner=DirectRunner", **options).is_new
    assert [path.name for path in (tmp_path / "beam").iterdir()] == ["one_shots"]


@with_beam
@pytest.mark.parametrize("text", ["runner=NoSuchRunner", "no_such_option=3"])
def test_options_that_beam_does_not_know_are_input_errors(text):
    with pytest.raises(InputError, match="options of Apache Beam"):
        pipeline_options(text)
