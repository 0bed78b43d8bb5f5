"""Data as one .npz file: the same arrays back, and nothing forged or damaged gets in."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drumjax.boundary import InputError
from drumjax.datasets.info import PatternSet, content_sha256
from drumjax.datasets.npz import read_npz, write_npz
from drumjax.datasets.prepare import Example, pattern_set


@pytest.fixture(scope="module")
def patterns() -> PatternSet:
    rng = np.random.default_rng(0)
    examples = []
    for i in range(12):
        velocity = np.where(rng.random((64, 6)) < 0.2, rng.integers(1, 128, (64, 6)) / np.float32(127), 0).astype(np.float32)
        offset = np.where(velocity > 0, rng.uniform(-1, 0.99, (64, 6)), 0).astype(np.float32)
        examples.append(Example(velocity, offset, "ab"[i % 2], 120.5, f"ü{i // 2}.mid#{i}", f"g{i // 2}", "mit"))
    return pattern_set(examples, name="x", source_sha256="0" * 64)


@pytest.fixture(scope="module")
def written(patterns, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    write_npz(path, patterns)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forged(path: Path, contents: dict[str, bytes]) -> Path:
    out = path.with_name("forged.npz")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return out


def npy(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def test_what_is_written_is_read_back_bit_for_bit(patterns, written):
    back = read_npz(written)
    assert back.info == patterns.info
    assert content_sha256(back) == content_sha256(patterns)
    for split, arrays in patterns.splits.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(back.splits[split][name], array)
            assert back.splits[split][name].dtype == array.dtype


def test_numpy_reads_it_without_pickle(patterns, written):
    with np.load(written, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["train/velocity"], patterns.splits["train"]["velocity"])
        assert file["test/name"].dtype.kind == "U"


def test_equal_data_give_equal_bytes(patterns, written, tmp_path):
    write_npz(tmp_path / "again.npz", patterns)
    assert (tmp_path / "again.npz").read_bytes() == written.read_bytes()


def test_reading_needs_neither_tfds_nor_jax(written):
    code = (
        "import sys; from drumjax.datasets.load import load_patterns; "
        f"print(load_patterns({str(written)!r}).info.name, *sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded[0] == "x"
    assert not {"tensorflow_datasets", "tensorflow", "array_record", "jax", "rich", "librosa"} & set(loaded)


def test_the_name_has_to_end_in_npz(patterns, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.npz"):
        write_npz(tmp_path / "x", patterns)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("train/velocity.npy", npy(np.zeros((2, 64, 6), np.float32)), "shape"),
        ("train/velocity.npy", npy(np.array([{}], object), allow_pickle=True), "an array of object"),
        ("train/velocity.npy", npy(np.zeros(3, "V8")), r"an array of \|V8"),
        ("train/velocity.npy", b"not an array", "magic string"),
        ("train/name.npy", npy(np.array(["x" * 2000] * 9)), "an array of <U2000"),
        ("info.npy", npy(np.array("{}")), "expected the fields"),
        ("info.npy", npy(np.array("not json")), "info with Expecting value"),
        ("info.npy", npy(np.array('{"kind": 1, "kind": 2}')), "info with 'kind' twice"),
        ("info.npy", npy(np.array("[" * 1000)), "info with deeper nesting"),
        ("info.npy", npy(np.array("x" * (3 << 20))), "bytes of info, more than"),
        ("content_sha256.npy", npy(np.array("0" * 64)), "do not fit the hash"),
        ("extra.npy", npy(np.zeros(1)), "not those of drum patterns"),
    ],
)
def test_a_forged_member_is_an_input_error(written, name, content, found):
    with pytest.raises(InputError, match=found) as caught:
        read_npz(forged(written, {**members(written), name: content}))
    assert "drumjax data arrays" in caught.value.remedy


def test_one_changed_velocity_is_found(written, patterns):
    velocity = patterns.splits["train"]["velocity"].copy()
    velocity[velocity > 0] = 1
    with pytest.raises(InputError, match="do not fit the hash"):
        read_npz(forged(written, {**members(written), "train/velocity.npy": npy(velocity)}))


def test_a_header_that_promises_more_than_the_archive_holds_allocates_nothing(written):
    """8 TB by its header: refused before numpy makes room for it."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (5368709120, 64, 6)})
    with pytest.raises(InputError, match="8,246,337,208,320 bytes by its header"):
        read_npz(forged(written, {**members(written), "train/velocity.npy": buffer.getvalue()}))


def test_an_archive_that_unpacks_to_more_than_the_cap_is_refused(written, monkeypatch):
    monkeypatch.setattr("drumjax.datasets.npz.MOST_BYTES", 50_000)
    with pytest.raises(InputError, match="when unpacked"):
        read_npz(forged(written, {**members(written), "train/offset.npy": bytes(1_000_000)}))


def test_an_archive_of_zeros_by_the_million_is_refused(written):
    """100 MB of rest in 100 kB: under the cap, and yet not what patterns pack into."""
    arrays = {"train/velocity.npy": npy(np.zeros((30_000, 64, 6), np.float32)), "train/offset.npy": npy(np.zeros((30_000, 64, 6)))}
    with pytest.raises(InputError, match="bytes when unpacked, which is too many for its"):
        read_npz(forged(written, members(written) | arrays))


def test_other_files_are_refused(tmp_path, written):
    for content in (b"PK\3\4 cut", b"MThd\0\0\0\6", written.read_bytes()[:-30], json.dumps({}).encode()):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(InputError):
            read_npz(tmp_path / "x.npz")
    with pytest.raises(InputError, match="no such file"):
        read_npz(tmp_path / "none.npz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_is_harmless_or_an_input_error(data, written, patterns, tmp_path):
    content = bytearray(written.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "flipped.npz"
    path.write_bytes(content)
    try:
        back = read_npz(path)
    except InputError:
        return
    assert content_sha256(back) == content_sha256(patterns)
