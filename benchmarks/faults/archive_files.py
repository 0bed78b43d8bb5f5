"""Archives (.npz) that nobody should trust: members that should not be, tables that lie, arrays that are not, and bombs."""

from __future__ import annotations

import functools
import io
import json
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from faults.midi_files import damage

Content = Callable[[], bytes]
"""Made when it is needed: some files are megabytes."""

_WINDOW, _LONGEST = 2_000, 1 << 17
"""Samples of a one-shot's window: those of the files here, and the most that there may be."""


class _Touch:
    """What runs when it is unpickled: a file appears beside the archive."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("unpickled"),)


@functools.cache
def _members() -> Mapping[str, bytes]:
    """The members of a valid file of six patterns."""
    from drumjax.datasets.info import DataInfo, PatternSet
    from drumjax.datasets.npz import write_npz
    from drumjax.patterns import TR808

    rng = np.random.default_rng(0)
    splits = {}
    for split, n in (("train", 4), ("validation", 1), ("test", 1)):
        velocity = np.where(rng.random((n, 64, 6)) < 0.2, 100 / 127, 0).astype(np.float32)
        texts = {name: np.array([f"{split}{i}.mid#0" for i in range(n)]) for name in ("name", "group")}
        splits[split] = {
            "velocity": velocity,
            "offset": np.zeros_like(velocity),
            "genre": np.zeros(n, np.int32),
            "tempo_bpm": np.full(n, 120, np.float32),
            "licence": np.array(["CC0-1.0"] * n),
            **texts,
        }
    info = DataInfo(
        kind="patterns", name="fuzz", source_sha256="0" * 64, genres=("techno",), drum_map=TR808, steps=64,
        counts={"train": 4, "validation": 1, "test": 1}, licences={"CC0-1.0": 6},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.npz")
        write_npz(path, PatternSet(info, splits))
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@functools.cache
def _sounds() -> Mapping[str, bytes]:
    """The members of a valid file of six one-shots."""
    from drumjax.datasets.npz import write_npz
    from drumjax.datasets.sounds.info import SoundSet, filled, sound_info

    rng, splits, labels = np.random.default_rng(0), {}, {}
    for split, n in (("train", 4), ("validation", 1), ("test", 1)):
        rows = [rng.integers(-32_767, 32_767, 400).astype(np.int16) for _ in range(n)]
        for row in rows:
            row[[0, -1]] = 32_767
        names = np.array([f"kick/{split} {chr(97 + i)}.wav" for i in range(n)])
        splits[split] = {
            "audio": filled(rows, n, _WINDOW),
            "length": np.full(n, 400, np.int32),
            "label": np.zeros(n, np.int32),
            "name": names,
            "group": names,
            "licence": np.array(["CC0-1.0"] * n),
        }
        labels[split] = ["kick"] * n
    info = sound_info(
        labels, ["CC0-1.0"] * 6, name="fuzz", source_sha256="0" * 64, classes=("kick",), sample_rate_hz=22_050, samples=_WINDOW
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.npz")
        write_npz(path, SoundSet(info, splits))
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def _sounds_with(**arrays: Any) -> bytes:
    """The valid file of one-shots with other arrays in the split for training."""
    return packed({**_sounds(), **{f"train/{name}.npy": npy(array) for name, array in arrays.items()}})


def _many_sounds(n: int, samples: int = _LONGEST) -> bytes:
    """So many one-shots of one sample each, in windows as long as can be: little in the file, much in memory."""
    members = dict(_sounds())
    info = json.loads(str(np.lib.format.read_array(io.BytesIO(members["info.npy"]))))
    info |= {"samples": samples, "licences": {"CC0-1.0": n + 2}}
    info["counts"]["train"] = info["class_counts"]["train"]["kick"] = n
    members["info.npy"] = npy(json.dumps(info))
    names = np.arange(n).astype("U10")
    columns = {
        "audio": np.full(n, 32_767, np.int16),
        "length": np.ones(n, np.int32),
        "label": np.zeros(n, np.int32),
        "name": names,
        "group": names,
        "licence": np.array(["CC0-1.0"] * n),
    }
    return packed({**members, **{f"train/{name}.npy": npy(column) for name, column in columns.items()}})


def packed(members: Mapping[str, bytes], *more: tuple[str | zipfile.ZipInfo, bytes], stored: bool = False) -> bytes:
    """An archive of these members, and of more, which may have the same names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*members.items(), *more):
            archive.NameToInfo.clear()  # zipfile warns of a name that it writes twice
            # Sound is not packed: noise does not shrink.
            archive.writestr(name, content, zipfile.ZIP_STORED if str(name).endswith("/audio.npy") else None)
    return buffer.getvalue()


def npy(array: Any, *, pickled: bool = False) -> bytes:
    """An array as .npy."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), allow_pickle=pickled)
    return buffer.getvalue()


def npy_header(text: str, content: bytes = b"", version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """An .npy file with any header."""
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + text.encode() + content


def _replaced(name: str, content: bytes) -> bytes:
    return packed({**_members(), name: content})


def _array_header(descr: str, shape: str, order: bool = False) -> bytes:
    return npy_header(f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n")


def _forged(shape: str, descr: str = "<f4", content: bytes = b"", order: bool = False) -> bytes:
    return _replaced("train/velocity.npy", _array_header(descr, shape, order) + content)


def _with_info(**changes: Any) -> bytes:
    info = json.loads(str(np.lib.format.read_array(io.BytesIO(_members()["info.npy"]))))
    return _replaced("info.npy", npy(json.dumps({**info, **changes})))


def _patched(data: bytes, signature: bytes, offset: int, value: bytes, which: int = 0) -> bytes:
    """The archive with bytes of one of its headers changed: the n-th after a signature, in the n-th record."""
    place = -1
    for _ in range(which + 1):
        place = data.index(signature, place + 1)
    return data[: place + offset] + value + data[place + offset + len(value) :]


def _bomb(n: int) -> bytes:
    """An archive that keeps every rule but is nothing but zeros and holds n patterns."""
    members = dict(_members())
    info = json.loads(str(np.lib.format.read_array(io.BytesIO(members["info.npy"]))))
    info["counts"]["train"] = n
    members["info.npy"] = npy(json.dumps(info))
    for name in ("velocity", "offset"):
        head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 64, 6), }}"
        members[f"train/{name}.npy"] = npy_header(head + " " * (118 - len(head)) + "\n", bytes(n * 64 * 6 * 4))
    for name, value in (
        ("genre", np.zeros(n, np.int32)),
        ("tempo_bpm", np.ones(n, np.float32)),
        ("licence", np.array(["CC0-1.0"] * n)),
    ):
        members[f"train/{name}.npy"] = npy(value)
    for name in ("name", "group"):
        members[f"train/{name}.npy"] = npy(np.arange(n).astype("U10"))
    return packed(members)


def hand_made() -> Mapping[str, Content]:
    """What is known to break readers, each by a name that says what it is."""
    local, central, end = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"

    def valid() -> bytes:
        return packed(_members())

    def linked(kind: int) -> Content:
        def make() -> bytes:
            info = zipfile.ZipInfo("train/velocity.npy")
            info.create_system, info.external_attr = 3, (kind | 0o777) << 16
            return packed({k: v for k, v in _members().items() if k != "train/velocity.npy"}, (info, b"/etc/passwd"))

        return make

    def named(name: str) -> Content:
        return lambda: packed(_members(), (name, npy(np.zeros(3, np.float32))))

    def renamed(name: str) -> Content:
        def make() -> bytes:
            members = dict(_members())
            members[name] = members.pop("train/velocity.npy")
            return packed(members)

        return make

    return {
        "valid": valid,
        "valid, stored": lambda: packed(_members(), stored=True),
        "empty": lambda: b"",
        "no members": lambda: packed({}),
        "end record alone": lambda: end + bytes(18),
        "text": lambda: b"PK is how such a file begins",
        "traversal": named("../../escaped.npy"),
        "traversal with backslashes": named("..\\..\\escaped.npy"),
        "an absolute name": named("/tmp/escaped.npy"),
        "a drive letter": named("C:/escaped.npy"),
        "a folder": named("folder/"),
        "an empty name": lambda: _patched(valid(), b"PK\x01\x02", 28, bytes(2), which=3),
        "a name of 60,000 characters": named("a" * 60_000),
        "a name with a zero byte": named("train/velocity.npy\0.txt"),
        "names that differ in case": named("Train/velocity.npy"),
        "an array renamed to a traversal": renamed("../velocity.npy"),
        "an array without its suffix": renamed("train/velocity"),
        "an array with two suffixes": renamed("train/velocity.npy.npy"),
        "a symbolic link": linked(0o120000),
        "a device": linked(0o020000),
        "a FIFO": linked(0o010000),
        "an array twice": lambda: packed(_members(), ("train/velocity.npy", npy(np.zeros((4, 64, 6), np.float32)))),
        "all arrays twice": lambda: packed(_members(), *_members().items()),
        "an array too few": lambda: packed({k: v for k, v in _members().items() if k != "test/genre.npy"}),
        "20,000 members": lambda: packed({f"{i}.npy": b"" for i in range(20_000)}),
        "an array that is no array": lambda: _replaced("train/velocity.npy", b"hello"),
        "an empty array": lambda: _replaced("train/velocity.npy", b""),
        "an array cut off": lambda: _replaced("train/velocity.npy", _members()["train/velocity.npy"][:-1]),
        "an array with more behind": lambda: _replaced("train/velocity.npy", _members()["train/velocity.npy"] + bytes(100)),
        "objects": lambda: _replaced("train/velocity.npy", npy(np.array([_Touch()], object), pickled=True)),
        "objects for names": lambda: _replaced("train/name.npy", npy(np.array([_Touch()] * 4, object), pickled=True)),
        "objects for info": lambda: _replaced("info.npy", npy(np.array(_Touch(), object), pickled=True)),
        "a pickle for an array": lambda: _replaced("train/velocity.npy", b"\x80\x04cposix\nsystem\n."),
        "records": lambda: _forged("(4,)", "[('a', '<f4', (384,))]"),
        "records of objects": lambda: _forged("(4,)", "[('a', '|O')]"),
        "bytes": lambda: _forged("(4,)", "|S10", bytes(40)),
        "void": lambda: _forged("(4,)", "|V10", bytes(40)),
        "dates": lambda: _forged("(4,)", "<M8[s]", bytes(32)),
        "complex numbers": lambda: _forged("(4, 64, 6)", "<c8", bytes(8 * 4 * 384)),
        "doubles": lambda: _forged("(4, 64, 6)", "<f8", bytes(8 * 4 * 384)),
        "halves": lambda: _forged("(4, 64, 6)", "<f2", bytes(2 * 4 * 384)),
        "big-endian": lambda: _forged("(4, 64, 6)", ">f4", bytes(4 * 4 * 384)),
        "long doubles": lambda: _forged("(4, 64, 6)", "<f16", bytes(16 * 4 * 384)),
        "no type": lambda: _forged("(4, 64, 6)", ""),
        "a type of nonsense": lambda: _forged("(4, 64, 6)", "<f99"),
        "strings of 2**29 characters": lambda: _replaced("train/name.npy", _array_header("<U536870911", "(4,)")),
        "one string of 2**29 characters": lambda: _replaced("info.npy", _array_header("<U536870911", "()")),
        "strings of no characters": lambda: _replaced("train/name.npy", _array_header("<U0", "(4,)")),
        "2**62 numbers": lambda: _forged("(4611686018427387904,)"),
        "2**64 numbers": lambda: _forged("(4294967296, 4294967296)"),
        "2**32 x 2**32 x 0 numbers": lambda: _forged("(4294967296, 4294967296, 0)"),
        "-1 numbers": lambda: _forged("(-1, 64, 6)"),
        "-4 x -64 numbers": lambda: _forged("(-4, -64, 6)", content=bytes(4 * 4 * 384)),
        "40 axes": lambda: _forged("(1,)*40"),
        "65 axes": lambda: _forged(str((1,) * 65), content=bytes(4)),
        "a shape that is no tuple": lambda: _forged("[4, 64, 6]", content=bytes(4 * 4 * 384)),
        "a shape of true": lambda: _forged("(True, True, True)", content=bytes(4)),
        "a shape that is code": lambda: _forged("(__import__('os').system('touch unpickled'),)"),
        "a Fortran order": lambda: _forged("(4, 64, 6)", content=bytes(4 * 4 * 384), order=True),
        "a header 60,000 deep": lambda: _replaced("train/velocity.npy", npy_header("(" * 60_000)),
        "a header of 60,000 minus signs": lambda: _replaced("train/velocity.npy", npy_header("-" * 60_000 + "1")),
        "a header of 4 GB": lambda: _replaced("train/velocity.npy", npy_header("{}", version=(2, 0), length=2**32 - 1)),
        "array format 3": lambda: _replaced("train/velocity.npy", npy_header("{}", version=(3, 0))),
        "array format 255": lambda: _replaced("train/velocity.npy", npy_header("{}", version=(255, 0))),
        "NaN": lambda: _replaced("train/velocity.npy", npy(np.full((4, 64, 6), np.nan, np.float32))),
        "velocities of 2": lambda: _replaced("train/velocity.npy", npy(np.full((4, 64, 6), 2, np.float32))),
        "a genre of -1": lambda: _replaced("train/genre.npy", npy(np.full(4, -1, np.int32))),
        "info of 1e999": lambda: _replaced("info.npy", npy('{"steps":1e999}')),
        "info that is deep": lambda: _replaced("info.npy", npy("[" * 100_000)),
        "info that is a number": lambda: _replaced("info.npy", npy(np.float32(3))),
        "info that is a list": lambda: _replaced("info.npy", npy(np.array(["a", "b"]))),
        "info with a key twice": lambda: _replaced("info.npy", npy('{"kind":"patterns","kind":"x"}')),
        "info with half a surrogate": lambda: _with_info(name="\ud800"),
        "info with a number of 5,000 digits": lambda: _replaced("info.npy", npy('{"steps":' + "9" * 5_000 + "}")),
        "info of 2**20 patterns": lambda: _with_info(counts={"train": 1 << 20, "validation": 1, "test": 1}),
        "info of -1 patterns": lambda: _with_info(counts={"train": -1, "validation": 1, "test": 1}),
        "info of 65,536 steps": lambda: _with_info(steps=65_536),
        "info of 100,000 genres": lambda: _with_info(genres=[str(i) for i in range(100_000)]),
        "info of a genre of a megabyte": lambda: _with_info(genres=["a" * 1_000_000, "a" * 1_000_000]),
        "info of 10 MB": lambda: _with_info(name="a" * 10_000_000),
        "a hash of nonsense": lambda: _replaced("content_sha256.npy", npy("0" * 64)),
        "a hash of a megabyte": lambda: _replaced("content_sha256.npy", npy("0" * 1_000_000)),
        "a bomb of 20,000 patterns": lambda: _bomb(20_000),
        "a bomb of 200,000 patterns": lambda: _bomb(200_000),
        "a bomb in one array": lambda: _forged("(65536, 64, 6)", content=bytes(65_536 * 384 * 4)),
        "a bomb beside the arrays": lambda: packed(_members(), ("more.npy", bytes(100_000_000))),
        "sizes of 0 in the table": lambda: _patched(valid(), central, 24, bytes(4), which=3),
        "sizes of 2**32 - 1 in the table": lambda: _patched(valid(), central, 24, b"\xff" * 4, which=3),
        "sizes of 2**31 in the table": lambda: _patched(valid(), central, 24, b"\0\0\0\x80", which=3),
        "packed sizes of 2**31 in the table": lambda: _patched(valid(), central, 20, b"\0\0\0\x80", which=3),
        "packed sizes of 0 in the table": lambda: _patched(valid(), central, 20, bytes(4), which=3),
        "a false checksum": lambda: _patched(valid(), central, 16, b"abcd", which=3),
        "an unknown compression": lambda: _patched(valid(), central, 10, b"\x63\0", which=3),
        "BZIP2 in the table only": lambda: _patched(valid(), central, 10, b"\x0c\0", which=3),
        "an encrypted member": lambda: _patched(valid(), central, 8, b"\1\0", which=3),
        "a version of 255": lambda: _patched(valid(), central, 6, b"\xff\0", which=3),
        "an offset beyond the file": lambda: _patched(valid(), central, 42, b"\xff\xff\xff\x7f", which=3),
        "an offset into another member": lambda: _patched(valid(), central, 42, bytes(4), which=3),
        "overlapping members": lambda: _overlapping(),
        "zip64 of nonsense": lambda: _zip64(2**63),
        "zip64 of 1 TB": lambda: _zip64(2**40),
        "another name in the local header": lambda: _patched(valid(), local, 30, b"x", which=3),
        "an end record of 65,535 members": lambda: _patched(valid(), end, 10, b"\xff\xff"),
        "an end record of 2**32 - 1 bytes": lambda: _patched(valid(), end, 12, b"\xff" * 4),
        "an end record that starts at 2**32 - 1": lambda: _patched(valid(), end, 16, b"\xff" * 4),
        "a comment longer than the file": lambda: _patched(valid(), end, 20, b"\xff\xff"),
        "a disk of many": lambda: _patched(valid(), end, 4, b"\5\0\5\0"),
        "rubbish before": lambda: bytes(1_000) + valid(),
        "rubbish behind": lambda: valid() + bytes(1_000),
        "a gzip archive": lambda: b"\x1f\x8b\x08" + bytes(100),
        "a tar archive": lambda: b"a.npy".ljust(257, b"\0") + b"ustar\x0000" + bytes(248),
        "one .npy": lambda: npy(np.zeros(10)),
        "sounds": lambda: packed(_sounds()),
        "sounds, audio packed": lambda: packed({**_sounds(), "train/audio": b""}).replace(b"train/audio.npy", b"train/audiox.npy"),
        "sounds of which one is missing": lambda: _sounds_with(length=np.full(3, 400, np.int32)),
        "sounds of -1 samples": lambda: _sounds_with(length=np.array([-1, 401, 400, 400], np.int32)),
        "sounds of 0 samples": lambda: _sounds_with(length=np.array([0, 400, 400, 400], np.int32)),
        "sounds longer than their window": lambda: _sounds_with(length=np.array([1_600, 1, 1, 1], np.int32) * 4),
        "sounds whose lengths overflow": lambda: _sounds_with(length=np.full(4, 2**31 - 1, np.int32)),
        "sounds of floats": lambda: _sounds_with(audio=np.ones(1_600, np.float32)),
        "sounds of NaN": lambda: _sounds_with(audio=np.full(1_600, np.nan, np.float16)),
        "sounds of silence": lambda: _sounds_with(audio=np.zeros(1_600, np.int16)),
        "sounds too short for their lengths": lambda: _sounds_with(audio=np.ones(1_000, np.int16)),
        "sounds of class 1 of 1": lambda: _sounds_with(label=np.ones(4, np.int32)),
        "sounds of class -1": lambda: _sounds_with(label=np.full(4, -1, np.int32)),
        "sounds by name of patterns": lambda: packed({**_sounds(), "info.npy": _members()["info.npy"]}),
        "patterns by name of sounds": lambda: packed({**_members(), "info.npy": _sounds()["info.npy"]}),
        "60,000 sounds of one sample": lambda: _many_sounds(60_000),
        "2,000 sounds of one sample": lambda: _many_sounds(2_000),
        "380,000 sounds of one sample": lambda: _many_sounds(380_000, 22_015),
    }  # fmt: skip


def _overlapping() -> bytes:
    """All members of the table share the packed bytes of the greatest: a bomb without a ratio in any of them."""
    data = packed(_members(), ("zeros.npy", bytes(30_000_000)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        target = archive.getinfo("zeros.npy")
    fields = struct.pack("<III", target.CRC, target.compress_size, target.file_size)
    for which in range(len(names)):
        data = _patched(data, b"PK\x01\x02", 16, fields, which)
        data = _patched(data, b"PK\x01\x02", 42, struct.pack("<I", target.header_offset), which)
    return data


def _zip64(size: int) -> bytes:
    members = {k: v for k, v in _members().items() if k != "train/velocity.npy"}
    info = zipfile.ZipInfo("train/velocity.npy")
    info.extra = struct.pack("<HHQQ", 1, 16, size, size)
    data = packed(members, (info, _members()["train/velocity.npy"]))
    return _patched(data, b"PK\x01\x02", 20, b"\xff" * 8, which=len(members))


def generated(rng: random.Random) -> bytes:
    """Archives with one or two arrays of another shape, type or content, or another card."""
    members = dict(rng.choice((_members, _sounds))())
    for _ in range(rng.randint(1, 2)):
        name = rng.choice(list(members))
        kind = rng.randrange(5)
        if kind == 0:
            dtype = rng.choice(("<f4", ">f4", "<i4", "<i8", "<U3", "|S3", "|b1", "<f8", "|u1", "<c8"))
            shape = tuple(rng.choice((0, 1, 4, 6, 64)) for _ in range(rng.randint(0, 4)))
            members[name] = npy(np.zeros(shape, dtype))
        elif kind == 1:
            text = str(
                {
                    "descr": rng.choice(("<f4", "|O", "<U9", 3)),
                    "fortran_order": rng.choice((False, True, 0)),
                    "shape": rng.choice(((4,), (4, 64, 6), 4, (-1,), (10**12,), ())),
                }
            )
            members[name] = npy_header(
                text + "\n", rng.randbytes(rng.randint(0, 200)), rng.choice(((1, 0), (1, 0), (2, 0), (9, 9)))
            )
        elif kind == 2:
            del members[name]
        elif kind == 3:
            content = bytearray(members[name])
            damage(content, rng)
            members[name] = bytes(content)
        else:
            members[rng.choice(("more.npy", "../a.npy", "train/velocity", "é.npy"))] = members[name]
    return packed(members, stored=rng.random() < 0.3)


def mutated(rng: random.Random) -> bytes:
    """A valid archive, damaged in one to eight places, its table most."""
    data = bytearray(packed(rng.choice((_members, _sounds))(), stored=rng.random() < 0.5))
    for _ in range(rng.choice((1, 1, 2, 8))):
        if rng.random() < 0.5:
            place = rng.randrange(data.find(b"PK\x01\x02") % len(data), len(data))
            data[place] = rng.choice((0, 1, 0xFF, rng.randrange(256)))
        else:
            damage(data, rng)
    return bytes(data)
