"""The TFDS builder, by TFDS's own test case where TensorFlow is installed, and by the same checks without it.

TFDS's `DatasetBuilderTestCase` cannot even be imported without TensorFlow (its base is `tf.test.TestCase`); builder, writer and
reader can. With tensorflow-cpu 2.21 the test case passes for both configurations.
"""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_metadata

from drumjax.datasets.edm_patterns.edm_patterns_dataset_builder import EdmPatterns, PatternConfig, folder_config
from drumjax.datasets.info import PatternSet
from drumjax.datasets.prepare import Example, embedded_set, pattern_set

EMBEDDED_COUNTS = {split: len(arrays["name"]) for split, arrays in embedded_set().splits.items()}


def folder_set(loudness: float = 0.5) -> PatternSet:
    examples = []
    for i in range(40):
        velocity = np.zeros((64, 6), np.float32)
        velocity[i, i % 6] = loudness
        examples.append(Example(velocity, np.zeros_like(velocity), "ab"[i % 2], 120.0, f"ü{i}.mid#0", f"ü{i}", "mit"))
    return pattern_set(examples, name="mine", source_sha256=f"{int(100 * loudness):02x}" * 32)


FOLDER_COUNTS = {"train": 36, "validation": 2, "test": 2}


def prepared(config: str | PatternConfig, folder: Path) -> EdmPatterns:
    builder = EdmPatterns(config=config, data_dir=folder, file_format="array_record")
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module", params=["embedded", "folder"])
def builder(request, tmp_path_factory) -> EdmPatterns:
    config = "embedded" if request.param == "embedded" else folder_config(folder_set())
    return prepared(config, tmp_path_factory.mktemp("tfds"))


def test_the_builder_is_registered():
    assert "edm_patterns" in tfds.list_builders(with_community_datasets=False)
    assert tfds.builder_cls("edm_patterns") is EdmPatterns


@pytest.mark.smoke
def test_the_side_files_are_found_and_the_tags_are_valid_ones():
    metadata = EdmPatterns.get_metadata()
    assert metadata.tags
    assert set(metadata.tags) <= set(dataset_metadata.valid_tags())
    assert "Off the Beaten Track" in metadata.citation
    assert "16th" in metadata.description


def test_the_counts_of_every_split_are_as_prepared(builder):
    counts = EMBEDDED_COUNTS if builder.builder_config.name == "embedded" else FOLDER_COUNTS
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == counts
    reloaded = EdmPatterns(config=builder.builder_config, data_dir=builder.data_dir_root)
    assert {split: len(reloaded.as_data_source(split)) for split in counts} == counts


def test_examples_have_the_features_shapes_and_types_that_are_declared(builder):
    features = builder.info.features
    assert features["velocity"].shape == features["offset"].shape == (64, 6)
    assert {features[name].np_dtype for name in ("velocity", "offset", "tempo_bpm")} == {np.float32}
    example = builder.as_data_source("train")[0]
    assert set(example) == set(features) == {"velocity", "offset", "genre", "tempo_bpm", "name", "group", "licence"}
    for name in ("velocity", "offset"):
        assert (example[name].shape, example[name].dtype) == ((64, 6), np.float32)
    assert features["genre"].names == list(builder.builder_config.read().info.genres)


def test_every_example_comes_back_as_it_was_and_in_one_split_only(builder):
    expected = builder.builder_config.read()
    grids = {}
    for split, arrays in expected.splits.items():
        examples = {example["name"].decode(): example for example in builder.as_data_source(split)}
        assert sorted(examples) == sorted(arrays["name"].tolist())
        for i, name in enumerate(arrays["name"].tolist()):
            np.testing.assert_array_equal(examples[name]["velocity"], arrays["velocity"][i])
            assert examples[name]["genre"] == arrays["genre"][i]
            assert examples[name]["tempo_bpm"] == arrays["tempo_bpm"][i]
            assert examples[name]["group"].decode() == arrays["group"][i]
            assert examples[name]["licence"].decode() == arrays["licence"][i]
        grids[split] = {example["velocity"].tobytes() for example in examples.values()}
    for first, second in itertools.combinations(grids.values(), 2):
        assert not first & second


def test_keys_do_not_hold_the_folder_they_were_read_from(builder):
    arrays = builder.builder_config.read().splits["test"]
    keys = [key for key, _ in builder._generate_examples(arrays)]
    assert keys == arrays["name"].tolist()
    assert len(set(keys)) == len(keys)


def test_another_source_under_the_same_place_is_another_data_set(tmp_path):
    """TFDS returns what lies under a known name: the names of two sources must differ."""
    first, second = prepared(folder_config(folder_set(0.5)), tmp_path), prepared(folder_config(folder_set(0.25)), tmp_path)
    assert first.data_dir != second.data_dir
    assert max(example["velocity"].max() for example in second.as_data_source("test")) == 0.25


def test_tfds_alone_reads_a_prepared_folder_and_imports_no_tensorflow(builder):
    code = (
        "import sys, tensorflow_datasets as tfds; "
        f"data = tfds.builder_from_directory({str(builder.data_dir)!r}).as_data_source('validation'); "
        "print(len(data), data[0]['velocity'].shape, 'tensorflow' in sys.modules)"
    )
    counts = EMBEDDED_COUNTS if builder.builder_config.name == "embedded" else FOLDER_COUNTS
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == f"{counts['validation']} (64, 6) False"


def test_writing_imports_no_tensorflow(tmp_path):
    code = (
        "import sys; from drumjax.datasets.build import build; "
        f"build('embedded', {str(tmp_path)!r}); print('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "False"


if importlib.util.find_spec("tensorflow"):
    from tensorflow_datasets import testing

    class TestEmbeddedByTfds(testing.DatasetBuilderTestCase):
        DATASET_CLASS = EdmPatterns
        SPLITS = EMBEDDED_COUNTS
        EXAMPLE_DIR = str(Path(__file__).parent)

    class TestFolderByTfds(testing.DatasetBuilderTestCase):
        DATASET_CLASS = EdmPatterns
        SPLITS = FOLDER_COUNTS
        BUILDER_CONFIG_NAMES_TO_TEST = [folder_config(folder_set())]  # noqa: RUF012
        EXAMPLE_DIR = str(Path(__file__).parent)

else:

    @pytest.mark.skip(reason="TFDS's own test case needs TensorFlow; the tests above make its checks without")
    def test_by_the_test_case_of_tfds():
        pass
