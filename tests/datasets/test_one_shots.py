"""The TFDS builder of one-shots, by TFDS's own test case where TensorFlow is installed, and by the same checks without it."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_metadata

from drumjax.datasets import folders
from drumjax.datasets.one_shots.one_shots_dataset_builder import OneShots, OneShotsConfig, folder_config, set_examples
from drumjax.datasets.sounds.info import SoundSet, check, sound_info
from drumjax.datasets.sounds.prepare import Sound, arrays, assign_splits, to_int16

COUNTS = {"train": 32, "validation": 4, "test": 4}


def sound_set(level: int = 1) -> SoundSet:
    """40 noises of two classes and of different lengths."""
    rng = np.random.default_rng(level)
    made = []
    for i in range(40):
        audio = to_int16(rng.normal(size=50 + 17 * i))
        made.append((Sound(f"ü/{i}.wav", f"g{i}", ("kick", "snap")[i % 2], "cc0", len(audio)), audio))
    sounds = [sound for sound, _ in made]
    splits = assign_splits(sounds)
    info = sound_info(
        {split: [sounds[i].label for i in numbers] for split, numbers in splits.items()},
        [sound.licence for sound in sounds],
        name="mine",
        source_sha256=f"{level:02x}" * 32,
        classes=("kick", "snap"),
        samples=1000,
    )
    return check(SoundSet(info, {split: arrays([made[i] for i in numbers], info) for split, numbers in splits.items()}))


def config(sounds: SoundSet) -> OneShotsConfig:
    return folder_config(sounds.info, set_examples(sounds))


def prepared(sounds: SoundSet, folder: Path) -> OneShots:
    builder = OneShots(config=config(sounds), data_dir=folder, file_format="array_record")
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def builder(tmp_path_factory) -> OneShots:
    return prepared(sound_set(), tmp_path_factory.mktemp("tfds"))


def test_the_builder_is_registered():
    assert tfds.builder_cls("one_shots") is OneShots


@pytest.mark.smoke
def test_the_side_files_are_found_and_the_tags_are_valid_ones():
    metadata = OneShots.get_metadata()
    assert metadata.tags
    assert set(metadata.tags) <= set(dataset_metadata.valid_tags())
    assert "Neural Drum Machine" in metadata.citation
    assert "22,050 Hz" in metadata.description


def test_every_sound_comes_back_as_it_was_and_in_one_split_only(builder):
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == COUNTS
    features = builder.info.features
    assert (features["audio"].shape, features["audio"].np_dtype) == ((None,), np.int16)
    assert features["label"].names == ["kick", "snap"]
    heard = {}
    for split, columns in sound_set().splits.items():
        examples = {example["name"].decode(): example for example in builder.as_data_source(split)}
        assert sorted(examples) == sorted(columns["name"].tolist())
        for i, name in enumerate(columns["name"].tolist()):
            assert set(examples[name]) == {"audio", "label", "name", "group", "licence"}
            np.testing.assert_array_equal(examples[name]["audio"], columns["audio"][i, : columns["length"][i]])
            assert examples[name]["label"] == columns["label"][i]
            assert examples[name]["group"].decode() == columns["group"][i]
            assert examples[name]["licence"].decode() == columns["licence"][i]
        heard[split] = {example["audio"].tobytes() for example in examples.values()}
    for first, second in itertools.combinations(heard.values(), 2):
        assert not first & second


def test_a_sound_takes_its_length_in_bytes_and_little_more(builder):
    (file,) = Path(builder.data_dir).glob("*train*")
    columns = sound_set().splits["train"]
    # array_record fills its chunks up to 64 kB.
    assert file.stat().st_size < 2 * int(columns["length"].sum()) + (128 << 10)


def test_another_source_under_the_same_place_is_another_data_set(tmp_path):
    first, second = (prepared(sound_set(level), tmp_path) for level in (1, 2))
    assert first.data_dir != second.data_dir


def test_sorting_on_the_disk_gives_the_order_that_tfds_gives(builder, tmp_path, monkeypatch):
    opened = []
    temporary = tempfile.TemporaryFile
    monkeypatch.setattr(folders.tempfile, "TemporaryFile", lambda **options: opened.append(options) or temporary(**options))
    with folders._sorting_on_disk():
        other = prepared(sound_set(), tmp_path)
    assert len(opened) == len(COUNTS)  # TFDS did not pass it by
    for split in COUNTS:
        orders = [[example["name"] for example in each.as_data_source(split)] for each in (builder, other)]
        assert orders[0] == orders[1]
    for first, second in zip(*(sorted(Path(each.data_dir).glob("*record*")) for each in (builder, other)), strict=True):
        assert first.stat().st_size == second.stat().st_size


def test_an_example_that_comes_twice_is_refused_as_tfds_refuses_it(tmp_path, caplog):
    sounds = sound_set()
    twice = OneShotsConfig(name="twice", sounds=(sounds.info, lambda split: [*set_examples(sounds)(split)] * 2))
    builder = OneShots(config=twice, data_dir=tmp_path, file_format="array_record")
    with folders._sorting_on_disk(), pytest.raises(Exception, match="Failed to finalize writing"):
        builder.download_and_prepare()
    assert "Two examples share the same hashed key" in caplog.text


def test_tfds_alone_reads_a_prepared_folder_and_imports_no_tensorflow(builder):
    code = (
        "import sys, tensorflow_datasets as tfds; "
        f"data = tfds.builder_from_directory({str(builder.data_dir)!r}).as_data_source('validation'); "
        "print(len(data), data[0]['audio'].dtype, 'tensorflow' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "4 int16 False"


def test_the_embedded_configuration_makes_its_sounds_when_it_is_asked(monkeypatch, tmp_path):
    from drumjax.datasets.one_shots import one_shots_dataset_builder

    calls = []
    for name in ("embedded_info", "embedded_sounds"):
        original = getattr(one_shots_dataset_builder, name)
        monkeypatch.setattr(
            one_shots_dataset_builder,
            name,
            lambda name=name, original=original: calls.append(name) or original(classes=("snap",), per_class=5),
        )
    made = OneShots(config="embedded", data_dir=tmp_path, file_format="array_record")
    assert calls == ["embedded_info"]
    made.download_and_prepare()
    assert calls == ["embedded_info", "embedded_sounds"]
    assert {split: len(made.as_data_source(split)) for split in COUNTS} == {"train": 3, "validation": 1, "test": 1}


if importlib.util.find_spec("tensorflow"):
    from tensorflow_datasets import testing

    class TestFolderByTfds(testing.DatasetBuilderTestCase):
        DATASET_CLASS = OneShots
        SPLITS = COUNTS
        BUILDER_CONFIG_NAMES_TO_TEST = [config(sound_set())]  # noqa: RUF012
        EXAMPLE_DIR = str(Path(__file__).parent)

else:

    @pytest.mark.skip(reason="TFDS's own test case needs TensorFlow; the tests above make its checks without")
    def test_by_the_test_case_of_tfds():
        pass
