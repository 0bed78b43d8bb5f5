"""A prepared data set as one .npz file: for machines without TFDS, and read without it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import IO, Any

import numpy as np

from drumjax.boundary import InputError, parse_json, reading, writing
from drumjax.datasets import info as patterns
from drumjax.datasets.info import PatternSet
from drumjax.datasets.kinds import KINDS, DataSet, content_sha256, read_info
from drumjax.datasets.sounds import info as sounds
from drumjax.datasets.sounds.info import SoundInfo, SoundSet
from drumjax.datasets.splits import SPLITS

MOST_BYTES = 1 << 30
"""The largest file of patterns that is read, packed and unpacked: some 300,000 of 6 lanes, the embedded set 180 times."""
MOST_SOUND_BYTES = 8 << 30
"""The largest file of sounds: 180,000 of a full second, 5 times the paper's set. They are not packed, for noise does not shrink."""
_BYTES, _RATIO = 64 << 20, 128
"""What is unpacked in any case, and how many times its own size a larger file may hold: the embedded set 59 times, zeros 1,000."""
_INFO_BYTES = 8 << 20
_INFO = "info"
_CONTENT = "content_sha256"
_WIDEST_TEXT = 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every member's time of writing, so that the file's bytes are a function of the data."""


def write_npz(path: str | PathLike[str], data: DataSet) -> None:
    """Writes a data set as one .npz file: arrays `SPLIT/NAME`, strings of fixed width, `info` as JSON text.

    The sounds of a split stand one behind the other in `SPLIT/audio`, without the zeros that fill their windows; `SPLIT/length`
    cuts them apart. Nothing is pickled, and the file's bytes are a function of the data.

    Raises:
      InputError: the file cannot be written there, or its name does not end in .npz.
    """
    if not str(path).endswith(".npz"):
        raise InputError(path, rule="a name that ends in .npz", found=str(path), remedy="name the output so: -o data.npz")
    arrays = {f"{split}/{name}": array for split, arrays in data.splits.items() for name, array in arrays.items()}
    arrays[_INFO] = np.array(json.dumps(data.info.to_json(), ensure_ascii=True))
    arrays[_CONTENT] = np.array(content_sha256(data))
    # np.savez_compressed would do, but stamps the time of writing on every member.
    with writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            if name.endswith("/audio"):
                _write_audio(archive, member, arrays[name], data.splits[name.partition("/")[0]]["length"].tolist())
                continue
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, arrays[name], allow_pickle=False)
            archive.writestr(member, buffer.getvalue(), zipfile.ZIP_DEFLATED)


def _write_audio(archive: zipfile.ZipFile, member: zipfile.ZipInfo, audio: np.ndarray, lengths: list[int]) -> None:
    with archive.open(member, "w", force_zip64=True) as out:
        header = {"descr": "<i2", "fortran_order": False, "shape": (sum(lengths),)}
        np.lib.format.write_array_header_1_0(out, header)
        for row, length in zip(audio, lengths, strict=True):
            out.write(row[:length].astype("<i2").tobytes())


def read_npz(path: str | PathLike[str]) -> DataSet:
    """The data set that `write_npz` wrote.

    Nothing is unpickled, and nothing is unpacked before its size is known: the archive's table and each array's header come first.

    Raises:
      InputError: the file is something else, is damaged, is too large, or breaks a rule of `PatternSet` or `SoundSet`.
    """
    with reading(path, max_bytes=MOST_SOUND_BYTES, what="an .npz file of prepared data") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            return _parse(path, file, size)
        except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds about a forged or damaged archive
            raise InputError(
                path,
                rule="an .npz file that 'drumjax data arrays' wrote",
                found=str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}",
                remedy="write it again from the prepared data: drumjax data arrays DIR -o F.npz",
            ) from None


def _parse(path: str | PathLike[str], file: IO[bytes], size: int) -> DataSet:
    with zipfile.ZipFile(file) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        if len(archive.infolist()) != len(members):
            raise ValueError("an array twice")
        is_sounds = all(f"{split}/audio" in members for split in SPLITS)
        names = (*sounds.NUMERIC, *sounds.TEXTS) if is_sounds else (*patterns.NUMERIC, *patterns.TEXTS)
        if set(members) != {_INFO, _CONTENT} | {f"{split}/{name}" for split in SPLITS for name in names}:
            raise ValueError(f"arrays {', '.join(sorted(members)[:8])} …, not those of drum patterns or sounds")
        _check_sizes(members, size, is_sounds)
        if is_sounds:
            info = SoundInfo.from_json(_info_json(path, _array(archive, members[_INFO])))
            _check_windows(info, size)
            return _read_sounds(archive, members, info)
        arrays = {name: _array(archive, member) for name, member in members.items()}
    value, content = _info_json(path, arrays.pop(_INFO)), str(arrays.pop(_CONTENT))
    splits = {split: {name: arrays[f"{split}/{name}"] for name in names} for split in SPLITS}
    said = read_info(value)
    made = KINDS[said.kind].make_set(said, splits)
    if not isinstance(made, PatternSet):
        raise ValueError(f"arrays of patterns that are said to be {said.kind!r}")
    found = patterns.check(made)
    _check_hash(patterns.content_sha256(found), content)
    return found


def _check_sizes(members: Mapping[str, zipfile.ZipInfo], size: int, is_sounds: bool) -> None:
    """Refuses an archive that unpacks to more than its own size can be worth."""
    packed = {name: member for name, member in members.items() if not (is_sounds and name.endswith("/audio"))}
    for name in set(members) - set(packed):
        # Not packed, so that nothing has to be believed: what it holds lies in the file.
        if members[name].compress_type != zipfile.ZIP_STORED or members[name].file_size > size:
            raise ValueError(f"{name}: {members[name].file_size:,} bytes that are packed into {size:,}")
    unpacked = sum(member.file_size for member in packed.values())
    if unpacked > min(MOST_BYTES, max(_BYTES, _RATIO * size)) or (not is_sounds and size > MOST_BYTES):
        raise ValueError(f"{unpacked:,} bytes when unpacked, which is too many for its {size:,}")
    for name in (_INFO, _CONTENT):
        if members[name].file_size > _INFO_BYTES:
            raise ValueError(f"{members[name].file_size:,} bytes of {name}, more than {_INFO_BYTES:,}")


def _check_windows(info: SoundInfo, size: int) -> None:
    """Refuses sounds that are all but nothing in their windows: a small file could otherwise ask for any memory."""
    filled = sum(info.counts.values()) * info.samples * 2
    if filled > max(_BYTES, _RATIO * size):
        raise ValueError(f"sounds that fill {filled:,} bytes of windows, which is too many for its {size:,}")


def _info_json(path: str | PathLike[str], text: np.ndarray) -> Any:
    try:
        return parse_json(path, str(text))
    except InputError as error:
        raise ValueError(f"{_INFO} with {error.found}, where {error.rule} is expected") from None


def _check_hash(found: str, expected: str) -> None:
    if found != expected:
        raise ValueError("arrays that do not fit the hash written with them")


def _read_sounds(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], info: SoundInfo) -> SoundSet:
    splits = {}
    for split in SPLITS:
        arrays = {name: _array(archive, members[f"{split}/{name}"]) for name in (*sounds.NUMERIC, *sounds.TEXTS) if name != "audio"}
        n, lengths = info.counts.get(split, 0), arrays["length"]
        if lengths.dtype != np.int32 or lengths.shape != (n,) or not ((lengths >= 1) & (lengths <= info.samples)).all():
            raise ValueError(f"{split}/length: expected {n} whole numbers from 1 to {info.samples}")
        shape, dtype = _header(archive, members[f"{split}/audio"])
        total = int(lengths.sum(dtype=np.int64))
        if shape != (total,) or dtype != np.dtype("<i2"):
            raise ValueError(f"{split}/audio: expected {total:,} samples of 16 bits, found {shape} of {dtype}")
        with archive.open(members[f"{split}/audio"]) as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            arrays["audio"] = sounds.filled(_rows(file, lengths.tolist()), n, info.samples)
        splits[split] = arrays
    found = sounds.check(SoundSet(info, splits))
    _check_hash(sounds.content_sha256(found), str(_array(archive, members[_CONTENT])))
    return found


def _rows(file: IO[bytes], lengths: Iterable[int]) -> Iterator[np.ndarray]:
    for length in lengths:
        data = file.read(2 * length)
        if len(data) != 2 * length:
            raise ValueError("audio: the archive ends too soon")
        yield np.frombuffer(data, "<i2")


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and type of an array, once its member is found to hold as much."""
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
    return shape, dtype


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    _header(archive, member)
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
