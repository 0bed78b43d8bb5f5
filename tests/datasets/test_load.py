"""Loading: what `--data` may name, and what is said where it names something else."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drumjax.boundary import InputError
from drumjax.datasets.build import Built, build
from drumjax.datasets.info import CARD, content_sha256
from drumjax.datasets.load import is_prepared, load_patterns, prepared_folders


@pytest.fixture
def built(small_folder, tmp_path) -> Built:
    return build(small_folder, tmp_path / "out")


def test_the_embedded_set_needs_neither_tfds_nor_jax():
    code = "import sys; from drumjax.datasets.load import load_patterns; print(load_patterns('embedded').info.name, *sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded[0] == "embedded"
    assert not {"tensorflow_datasets", "array_record", "jax", "rich", "mido"} & set(loaded)


def test_a_raw_folder_gets_the_command_that_prepares_it_and_the_command_works(small_folder, tmp_path):
    spaced = tmp_path / "my patterns"
    shutil.copytree(small_folder, spaced)
    with pytest.raises(InputError) as caught:
        load_patterns(spaced)
    words = shlex.split(caught.value.remedy.removeprefix("run: ").partition(" and then")[0])
    assert words[:4] == ["drumjax", "data", "build", str(spaced)]
    assert words[4:] == ["-o", "my patterns-prepared"]
    assert build(words[3], tmp_path / words[5]).is_new


@pytest.mark.parametrize("name", ["a.mid", "a.json"])
def test_a_raw_file_gets_the_command_too(name, tmp_path):
    (tmp_path / name).write_bytes(b"MThd")
    with pytest.raises(InputError, match=f"drumjax data build {tmp_path / name} -o a-prepared"):
        load_patterns(tmp_path / name)


def test_nothing_there_and_nothing_of_the_kind_are_errors(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        load_patterns(tmp_path / "none")
    (tmp_path / "x.txt").write_text("x")
    for path in (tmp_path, tmp_path / "x.txt"):
        with pytest.raises(InputError, match="'drumjax data build' wrote, or 'embedded'"):
            load_patterns(path)


def test_of_several_prepared_sets_one_has_to_be_named(built, tmp_path):
    build("embedded", tmp_path / "other")
    with pytest.raises(InputError, match="one prepared data set; found 2: other/edm_patterns/embedded_"):
        load_patterns(tmp_path)
    assert load_patterns(tmp_path / "other").info.name == "embedded"
    assert len(prepared_folders(tmp_path)) == 2
    assert is_prepared(tmp_path / "out")
    assert is_prepared(built.folder)
    assert not is_prepared(tmp_path)


def test_a_moved_prepared_folder_is_loaded_as_before(built, tmp_path):
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    assert content_sha256(load_patterns(tmp_path / "elsewhere")) == content_sha256(built.prepared.patterns)


def test_a_folder_under_another_hash_is_refused(built):
    renamed = built.folder.parent.with_name("folder_0123456789abcdef")
    built.folder.parent.rename(renamed)
    with pytest.raises(InputError, match="named after its source's hash"):
        load_patterns(renamed / "1.0.0")


def changed(folder: Path, **fields: object) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **fields}))


def test_a_card_that_does_not_fit_the_examples_is_refused(built):
    card = json.loads((built.folder / CARD).read_text())
    changed(built.folder, info={**card["info"], "genres": ["techno", "idm"]})
    with pytest.raises(InputError, match="the genres"):
        load_patterns(built.folder)
    changed(built.folder, info=card["info"], content_sha256="0" * 64)
    with pytest.raises(InputError, match="do not fit the hash"):
        load_patterns(built.folder)
    counts = {**card["info"]["counts"], "train": 34}
    changed(built.folder, info={**card["info"], "counts": counts})
    with pytest.raises(InputError, match="shape"):
        load_patterns(built.folder)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"info": {}, "content_sha256": ""}', "not json"])
def test_a_damaged_card_is_refused(built, content):
    (built.folder / CARD).write_text(content)
    with pytest.raises(InputError):
        load_patterns(built.folder)


def test_a_features_file_cannot_have_modules_imported(built, tmp_path, monkeypatch):
    """TFDS looks for a feature's class in whatever module the file names, and importing a module runs it."""
    (tmp_path / "innocent.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    file = built.folder / "features.json"
    file.write_text(file.read_text().replace("tensorflow_datasets.core.features.text_feature.Text", "innocent.Text", 1))
    with pytest.raises(InputError, match=r"the class 'innocent\.Text', which is not of TFDS"):
        load_patterns(built.folder)


@pytest.mark.parametrize("pattern", ["*train*", "features.json", "dataset_info.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "zeros"])
def test_damaged_files_of_tfds_are_an_input_error(built, pattern, damage):
    (file,) = built.folder.glob(pattern)
    if damage == "gone":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else bytes(len(content)))
    with pytest.raises(InputError, match="build the data again"):
        load_patterns(built.folder)
