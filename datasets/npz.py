"""A prepared data set as one .npz file: for machines without TFDS, and read without it."""

from __future__ import annotations

import io
import json
import zipfile
from os import PathLike

import numpy as np

from drumjax.boundary import InputError, parse_json, read_bytes, write_bytes
from drumjax.datasets.info import NUMERIC, TEXTS, DataInfo, PatternSet, check, content_sha256
from drumjax.datasets.splits import SPLITS

MOST_BYTES = 1 << 30
"""The largest file that is read, packed and unpacked: some 300,000 patterns of 6 lanes, the embedded set 180 times."""
_BYTES, _RATIO = 64 << 20, 128
"""What is unpacked in any case, and how many times its own size a larger file may hold: the embedded set 59 times, zeros 1,000."""
_INFO_BYTES = 8 << 20
_INFO = "info"
_CONTENT = "content_sha256"
_WIDEST_TEXT = 1024


def write_npz(path: str | PathLike[str], patterns: PatternSet) -> None:
    """Writes a `PatternSet` as one compressed .npz file: arrays `SPLIT/NAME`, strings of fixed width, `info` as JSON text.

    Nothing is pickled, and the file's bytes are a function of the data.

    Raises:
      InputError: the file cannot be written there, or its name does not end in .npz.
    """
    if not str(path).endswith(".npz"):
        raise InputError(path, rule="a name that ends in .npz", found=str(path), remedy="name the output so: -o patterns.npz")
    arrays = {f"{split}/{name}": array for split, arrays in patterns.splits.items() for name, array in arrays.items()}
    arrays[_INFO] = np.array(json.dumps(patterns.info.to_json(), ensure_ascii=True))
    arrays[_CONTENT] = np.array(content_sha256(patterns))
    buffer = io.BytesIO()
    # np.savez_compressed would do, but stamps the time of writing on every member.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, arrays[name], allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0)), member.getvalue(), zipfile.ZIP_DEFLATED
            )
    write_bytes(path, buffer.getvalue())


def read_npz(path: str | PathLike[str]) -> PatternSet:
    """The `PatternSet` that `write_npz` wrote.

    Nothing is unpickled, and nothing is unpacked before its size is known: the archive's table and each array's header come first.

    Raises:
      InputError: the file is something else, is damaged, is too large, or breaks a rule of `PatternSet`.
    """
    data = read_bytes(path, max_bytes=MOST_BYTES, what="an .npz file of drum patterns")
    try:
        return _parse(path, data)
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds about a forged or damaged archive
        raise InputError(
            path,
            rule="an .npz file that 'drumjax data arrays' wrote",
            found=str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}",
            remedy="write it again from the prepared data: drumjax data arrays DIR -o F.npz",
        ) from None


def _parse(path: str | PathLike[str], data: bytes) -> PatternSet:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        expected = {_INFO, _CONTENT} | {f"{split}/{name}" for split in SPLITS for name in (*NUMERIC, *TEXTS)}
        if set(members) != expected or len(archive.infolist()) != len(expected):
            raise ValueError(f"arrays {', '.join(sorted(members)[:8])} …, not those of drum patterns")
        size = sum(member.file_size for member in members.values())
        if size > min(MOST_BYTES, max(_BYTES, _RATIO * len(data))):
            raise ValueError(f"{size:,} bytes when unpacked, which is too many for its {len(data):,}")
        for name in (_INFO, _CONTENT):
            if members[name].file_size > _INFO_BYTES:
                raise ValueError(f"{members[name].file_size:,} bytes of {name}, more than {_INFO_BYTES:,}")
        arrays = {name: _array(archive, member) for name, member in members.items()}
    try:
        info = DataInfo.from_json(parse_json(path, str(arrays[_INFO])))
    except InputError as error:
        raise ValueError(f"{_INFO} with {error.found}, where {error.rule} is expected") from None
    splits = {split: {name: arrays[f"{split}/{name}"] for name in (*NUMERIC, *TEXTS)} for split in SPLITS}
    patterns = check(PatternSet(info, splits))
    if content_sha256(patterns) != str(arrays[_CONTENT]):
        raise ValueError("arrays that do not fit the hash written with them")
    return patterns


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{member.filename}: array format {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject or dtype.kind not in "fiU" or (dtype.kind == "U" and len(shape) and dtype.itemsize > 4 * _WIDEST_TEXT):
            raise ValueError(f"{member.filename}: an array of {dtype}")
        # As Python's whole numbers: a product of sizes may not wrap around.
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size > member.file_size:
            raise ValueError(f"{member.filename}: {size:,} bytes by its header, {member.file_size:,} in the archive")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
