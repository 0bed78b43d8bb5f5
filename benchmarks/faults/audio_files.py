"""Sound files that nobody should trust: WAV written out by hand down to its chunks, FLAC down to its blocks, and both damaged."""

from __future__ import annotations

import functools
import io
import random
import struct
from collections.abc import Callable, Mapping

import numpy as np
import soundfile
from faults.midi_files import damage

Content = Callable[[], bytes]
"""Made when it is needed: some files are megabytes."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID = bytes.fromhex("0000 0000 1000 8000 00aa 0038 9b71")
"""The sub-format of WAVE_FORMAT_EXTENSIBLE behind its first two bytes, which are a format's tag."""


def riff(*chunks: bytes, size: int | None = None, kind: bytes = b"RIFF", form: bytes = b"WAVE") -> bytes:
    """A RIFF file, by default with its true size."""
    body = form + b"".join(chunks)
    return kind + struct.pack("<I", len(body) if size is None else size) + body


def chunk(kind: bytes, content: bytes, size: int | None = None, pad: bool = True) -> bytes:
    """A RIFF chunk, by default with its true size and padded to an even one."""
    return kind + struct.pack("<I", len(content) if size is None else size) + content + b"\0" * (pad and len(content) % 2)


def form(
    tag: int = _PCM, channels: int = 1, rate: int = 44_100, bits: int = 16, align: int | None = None, extra: bytes = b""
) -> bytes:
    """A `fmt ` chunk."""
    align = channels * ((bits + 7) // 8) if align is None else align
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align % 2**32, align % 2**16, bits) + extra)


def wav(samples: bytes, **fields: int) -> bytes:
    """A WAV file of a `fmt ` and a `data` chunk; `declared` is what the latter says of its size."""
    declared = fields.pop("declared", None)
    return riff(form(**fields), chunk(b"data", samples, declared))  # type: ignore[arg-type]


def _ramp(frames: int = 400, dtype: str = "<i2") -> bytes:
    """A kick-like burst."""
    time = np.arange(frames)
    wave = np.exp(-time / frames * 4) * np.sin(time / 9)
    return (wave * (30_000 if dtype == "<i2" else 0.9)).astype(dtype).tobytes()


@functools.cache
def encoded(container: str, subtype: str, channels: int = 1, rate: int = 44_100, frames: int = 2_000) -> bytes:
    """A file that libsndfile wrote, in blocks: in one it overflows its stack for long Vorbis."""
    time = np.arange(frames)
    wave = (0.8 * np.exp(-time / frames * 4) * np.sin(time / 9)).astype(np.float32)
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, channels, subtype, format=container) as file:
        for start in range(0, frames, 4096):
            file.write(np.repeat(wave[start : start + 4096, None], channels, axis=1))
    return buffer.getvalue()


def _float_wav(values: list[float], dtype: str = "<f4") -> bytes:
    return wav(np.array(values * 20, dtype).tobytes(), tag=_FLOAT, bits=8 * np.dtype(dtype).itemsize)


def flac_block(kind: int, content: bytes, size: int | None = None, last: bool = False) -> bytes:
    """A FLAC metadata block."""
    return bytes((kind | last << 7,)) + (len(content) if size is None else size).to_bytes(3, "big") + content


def _flac_parts() -> tuple[bytes, bytes]:
    """STREAMINFO and the frames of a small FLAC file."""
    data = encoded("FLAC", "PCM_16")
    place = 4
    while not data[place] & 128:
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    return data[8:42], data[place:]


def flac(*blocks: bytes, info: bytes | None = None, frames: bytes | None = None) -> bytes:
    """A FLAC file with further metadata blocks behind its STREAMINFO."""
    true_info, true_frames = _flac_parts()
    last = flac_block(1, b"", last=True)
    body = flac_block(0, true_info if info is None else info) + b"".join(blocks) + last
    return b"fLaC" + body + (true_frames if frames is None else frames)


def _info(rate: int = 44_100, channels: int = 1, bits: int = 16, total: int = 2_000, block: int = 4096) -> bytes:
    """A STREAMINFO whose numbers need not be those of the stream."""
    packed = (rate & 0xFFFFF) << 44 | (channels - 1 & 7) << 41 | (bits - 1 & 31) << 36 | total & (1 << 36) - 1
    return struct.pack(">HH", block, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)


def _comment(text: bytes, count: int = 1) -> bytes:
    entry = struct.pack("<I", len(text) + 8) + b"COMMENT=" + text
    return struct.pack("<I", 4) + b"fuzz" + struct.pack("<I", count) + entry * count


def hand_made() -> Mapping[str, Content]:
    """What is known to break readers, each by a name that says what it is."""
    samples = _ramp()
    plain = wav(samples)
    guid = struct.pack("<H", _PCM) + _GUID
    extensible = struct.pack("<HHI", 22, 16, 4) + guid
    cases: dict[str, Content] = {
        "valid": lambda: plain,
        "empty": lambda: b"",
        "RIFF and no more": lambda: b"RIFF",
        "RIFF WAVE and no more": lambda: riff(),
        "0 frames": lambda: wav(b""),
        "1 frame": lambda: wav(b"\0\x40"),
        "half a frame": lambda: wav(b"\0"),
        "an odd byte too many": lambda: wav(samples + b"\1"),
        "odd data without padding": lambda: riff(form(bits=8), chunk(b"data", samples[:401], pad=False), chunk(b"LIST", b"INFO")),
        "data size 2**32 - 1": lambda: wav(samples, declared=2**32 - 1),
        "data size 2**31 - 1": lambda: wav(samples, declared=2**31 - 1),
        "data size 2**31": lambda: wav(samples, declared=2**31),
        "data size 0 before data": lambda: wav(samples, declared=0),
        "data size one short": lambda: wav(samples, declared=len(samples) - 1),
        "data size one long": lambda: wav(samples, declared=len(samples) + 1),
        "RIFF size 0": lambda: riff(form(), chunk(b"data", samples), size=0),
        "RIFF size 2**32 - 1": lambda: riff(form(), chunk(b"data", samples), size=2**32 - 1),
        "RIFF size 10": lambda: riff(form(), chunk(b"data", samples), size=10),
        "no fmt": lambda: riff(chunk(b"data", samples)),
        "no data": lambda: riff(form()),
        "two fmt": lambda: riff(form(), form(channels=2, rate=8_000), chunk(b"data", samples)),
        "two fmt that differ in width": lambda: riff(form(bits=8), form(bits=32), chunk(b"data", samples)),
        "fmt after data": lambda: riff(chunk(b"data", samples), form()),
        "two data": lambda: riff(form(), chunk(b"data", samples), chunk(b"data", samples)),
        "fmt of 0 bytes": lambda: riff(chunk(b"fmt ", b""), chunk(b"data", samples)),
        "fmt of 14 bytes": lambda: riff(chunk(b"fmt ", form()[8:22]), chunk(b"data", samples)),
        "fmt size 2**32 - 1": lambda: riff(chunk(b"fmt ", form()[8:], 2**32 - 1), chunk(b"data", samples)),
        "0 Hz": lambda: wav(samples, rate=0),
        "1 Hz": lambda: wav(samples, rate=1),
        "4 GHz": lambda: wav(samples, rate=2**32 - 1),
        "2**31 Hz": lambda: wav(samples, rate=2**31),
        "768,000 Hz": lambda: wav(samples, rate=768_000),
        "0 channels": lambda: wav(samples, channels=0),
        "65,535 channels": lambda: wav(samples, channels=65_535),
        "1,024 channels": lambda: wav(samples * 8, channels=1024),
        "32 channels": lambda: wav(samples, channels=32),
        "block align 0": lambda: wav(samples, align=0),
        "block align 1": lambda: wav(samples, align=1),
        "block align 65,535": lambda: wav(samples, align=65_535),
        "0 bits": lambda: wav(samples, bits=0),
        "1 bit": lambda: wav(samples, bits=1),
        "12 bits": lambda: wav(samples, bits=12),
        "24 bits": lambda: wav(samples[:798], bits=24),
        "32 bits": lambda: wav(samples, bits=32),
        "64 bits": lambda: wav(samples, bits=64),
        "65,535 bits": lambda: wav(samples, bits=65_535),
        "mu-law": lambda: wav(samples, tag=7, bits=8),
        "A-law": lambda: wav(samples, tag=6, bits=8),
        "mu-law of 16 bits": lambda: wav(samples, tag=7, bits=16),
        "MS ADPCM without its table": lambda: wav(samples, tag=2, bits=4),
        "IMA ADPCM, align 0": lambda: wav(samples, tag=0x11, bits=4, align=0),
        "IMA ADPCM, no samples a block": lambda: riff(form(0x11, bits=4, align=256, extra=b"\2\0\0\0"), chunk(b"data", samples)),
        "GSM 6.10": lambda: riff(form(0x31, bits=0, align=65, extra=b"\2\0\x40\1"), chunk(b"data", samples)),
        "MP3 in WAV": lambda: wav(samples, tag=0x55, bits=0),
        "unknown format": lambda: wav(samples, tag=0x1234),
        "extensible": lambda: riff(form(_EXTENSIBLE, extra=extensible), chunk(b"data", samples)),
        "extensible without its part": lambda: riff(form(_EXTENSIBLE), chunk(b"data", samples)),
        "extensible, broken GUID": lambda: riff(form(_EXTENSIBLE, extra=extensible[:-3] + b"abc"), chunk(b"data", samples)),
        "extensible, part of 65,535 bytes": lambda: riff(
            form(_EXTENSIBLE, extra=b"\xff\xff" + extensible[2:]), chunk(b"data", samples)
        ),
        "extensible, 17 valid bits of 16": lambda: riff(
            form(_EXTENSIBLE, extra=extensible[:2] + b"\x11\0" + extensible[4:]), chunk(b"data", samples)
        ),
        "NaN": lambda: _float_wav([0.0, float("nan"), 0.5]),
        "Inf": lambda: _float_wav([0.0, float("inf"), 0.5]),
        "-Inf": lambda: _float_wav([0.0, float("-inf"), 0.5]),
        "denormals": lambda: _float_wav([0.0, 1e-40, -1e-45]),
        "3e38": lambda: _float_wav([0.0, 3e38, -3e38]),
        "1e300 in doubles": lambda: _float_wav([0.0, 1e300, -1e300], "<f8"),
        "NaN in doubles": lambda: _float_wav([0.0, float("nan")], "<f8"),
        "signalling NaN": lambda: wav(b"\1\0\xa0\x7f" * 50, tag=_FLOAT, bits=32),
        "float of 16 bits": lambda: wav(samples, tag=_FLOAT, bits=16),
        "silence": lambda: wav(bytes(800)),
        "quieter than -80 dB": lambda: wav(b"\1\0" * 400),
        "channels that cancel": lambda: wav(np.tile(np.array([[9000, -9000]], "<i2"), (200, 1)).tobytes(), channels=2),
        "a fact that lies": lambda: riff(form(), chunk(b"fact", b"\xff" * 4), chunk(b"data", samples)),
        "a comment": lambda: riff(form(), chunk(b"data", samples), chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"hello"))),
        "a comment of 8 MB": lambda: riff(
            form(), chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"a" * (8 << 20))), chunk(b"data", samples)
        ),
        "a comment of 16 kB": lambda: riff(
            form(), chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"{" * 16_000)), chunk(b"data", samples)
        ),
        "a comment without an end": lambda: riff(
            form(), chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"a", 2**32 - 1)), chunk(b"data", samples)
        ),
        "a LIST of 2**32 - 1": lambda: riff(form(), chunk(b"LIST", b"INFO", 2**32 - 1), chunk(b"data", samples)),
        "a comment that is no text": lambda: riff(
            form(), chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"\xff\xfe\0\x80" * 20)), chunk(b"data", samples)
        ),
        "100,000 empty chunks": lambda: riff(form(), chunk(b"junk", b"") * 100_000, chunk(b"data", samples)),
        "100 cue lists": lambda: riff(form(), chunk(b"cue ", struct.pack("<I", 2**31) + bytes(24)) * 100, chunk(b"data", samples)),
        "a cue list of 2**32 - 1": lambda: riff(form(), chunk(b"cue ", b"\xff" * 28), chunk(b"data", samples)),
        "a smpl of nonsense": lambda: riff(form(), chunk(b"smpl", b"\xff" * 60), chunk(b"data", samples)),
        "an inst of 1 byte": lambda: riff(form(), chunk(b"inst", b"\1"), chunk(b"data", samples)),
        "a bext of 1 byte": lambda: riff(form(), chunk(b"bext", b"\1"), chunk(b"data", samples)),
        "a bext of 2 MB": lambda: riff(form(), chunk(b"bext", b"\1" * (2 << 20)), chunk(b"data", samples)),
        "a PEAK of nonsense": lambda: riff(form(), chunk(b"PEAK", b"\xff" * 200), chunk(b"data", samples)),
        "a chunk that names none": lambda: riff(form(), chunk(b"\0\0\0\0", b"ab"), chunk(b"data", samples)),
        "RIFX, which is big-endian": lambda: b"RIFX" + plain[4:],
        "RF64 without ds64": lambda: b"RF64" + plain[4:],
        "RF64 with a ds64 of nonsense": lambda: riff(
            chunk(b"ds64", b"\xff" * 28), form(), chunk(b"data", samples, 2**32 - 1), kind=b"RF64"
        ),
        "RF64 of 2**40 bytes": lambda: riff(
            chunk(b"ds64", struct.pack("<QQQI", 2**40, 2**40, 2**39, 0)), form(), chunk(b"data", samples, 2**32 - 1), kind=b"RF64"
        ),
        "RF64, valid": lambda: riff(
            chunk(b"ds64", struct.pack("<QQQI", 1000, len(samples), len(samples) // 2, 0)),
            form(),
            chunk(b"data", samples, 2**32 - 1),
            kind=b"RF64",
            size=2**32 - 1,
        ),
        "a megabyte of zero bytes": lambda: bytes(1 << 20),
        "an hour of silence": lambda: wav(bytes(3600 * 1000), rate=1000, bits=8),
        "2,000,000 frames of 32 channels": lambda: wav(bytes(64_000_000), channels=32, rate=48_000, bits=8),
        "500,000 frames of 32 channels": lambda: wav(bytes(16_000_000), channels=32, rate=48_000, bits=8),
        "16,000,000 frames of 1 channel": lambda: wav(bytes(16_000_000), rate=768_000, bits=8),
        "20 s at an odd rate": lambda: wav(_ramp(440_000) + bytes(1_000_000), rate=44_101),
        "W64": lambda: encoded("W64", "PCM_16"),
        "W64 cut off": lambda: encoded("W64", "PCM_16")[:1000],
        "W64, lengths of nonsense": lambda: encoded("W64", "PCM_16")[:16] + b"\xff" * 8 + encoded("W64", "PCM_16")[24:],
        "FLAC": lambda: encoded("FLAC", "PCM_16"),
        "FLAC, 24 bits of 8 channels": lambda: encoded("FLAC", "PCM_24", 8),
        "FLAC, signature alone": lambda: b"fLaC",
        "FLAC, no STREAMINFO": lambda: b"fLaC" + flac_block(1, b"", last=True) + _flac_parts()[1],
        "FLAC, STREAMINFO cut off": lambda: b"fLaC" + flac_block(0, _info())[:20],
        "FLAC, STREAMINFO of 2**24 - 1": lambda: b"fLaC" + flac_block(0, _info(), 2**24 - 1) + _flac_parts()[1],
        "FLAC, STREAMINFO of zero bytes": lambda: flac(info=bytes(34)),
        "FLAC, STREAMINFO twice": lambda: flac(flac_block(0, _info(8_000, 2))),
        "FLAC, 0 Hz": lambda: flac(info=_info(rate=0)),
        "FLAC, 1,048,575 Hz": lambda: flac(info=_info(rate=0xFFFFF)),
        "FLAC, 8 channels of 1": lambda: flac(info=_info(channels=8)),
        "FLAC, 4 bits of 16": lambda: flac(info=_info(bits=4)),
        "FLAC, 32 bits of 16": lambda: flac(info=_info(bits=32)),
        "FLAC, unknown length": lambda: flac(info=_info(total=0)),
        "FLAC, 2**36 - 1 frames": lambda: flac(info=_info(total=2**36 - 1)),
        "FLAC, a frame too few declared": lambda: flac(info=_info(total=1_999)),
        "FLAC, a frame too many declared": lambda: flac(info=_info(total=2_001)),
        "FLAC, a million frames declared": lambda: flac(info=_info(total=1_000_000)),
        "FLAC, block size 0": lambda: flac(info=_info(block=0)),
        "FLAC, block size 65,535": lambda: flac(info=_info(block=65_535)),
        "FLAC, no frames": lambda: flac(frames=b""),
        "FLAC, frames of rubbish": lambda: flac(frames=b"\xff\xf8" * 5_000),
        "FLAC, frames of zero bytes": lambda: flac(frames=bytes(1 << 20)),
        "FLAC, frames twice": lambda: flac(frames=_flac_parts()[1] * 2),
        "FLAC, a seek table into the void": lambda: flac(flac_block(3, struct.pack(">QQH", 2**63, 2**63, 4096) * 50)),
        "FLAC, a seek table to itself": lambda: flac(flac_block(3, struct.pack(">QQH", 0, 0, 0) * 1000)),
        "FLAC, a seek table of 16 MB": lambda: flac(flac_block(3, struct.pack(">QQH", 0, 0, 0) * 900_000)),
        "FLAC, a seek table of 17 bytes": lambda: flac(flac_block(3, bytes(17))),
        "FLAC, 50,000 metadata blocks": lambda: flac(flac_block(1, b"") * 50_000),
        "FLAC, padding beyond the file": lambda: flac(flac_block(1, b"", 2**24 - 1)),
        "FLAC, reserved block kinds": lambda: flac(*(flac_block(kind, b"abc") for kind in range(7, 128))),
        "FLAC, a comment of 8 MB": lambda: flac(flac_block(4, _comment(b"a" * (8 << 20)))),
        "FLAC, 100,000 comments": lambda: flac(flac_block(4, _comment(b"a", 100_000))),
        "FLAC, comments by the 2**32": lambda: flac(flac_block(4, struct.pack("<I", 4) + b"fuzz" + b"\xff" * 4)),
        "FLAC, a comment longer than its block": lambda: flac(flac_block(4, b"\0\0\0\0\1\0\0\0\xff\xff\xff\x7fCOMMENT=a")),
        "FLAC, a picture of 15 MB": lambda: flac(flac_block(6, bytes(15 << 20))),
        "FLAC, a cue sheet of rubbish": lambda: flac(flac_block(5, b"\xff" * 500)),
        "FLAC, an ID3 tag before": lambda: b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + encoded("FLAC", "PCM_16"),
        "FLAC, an ID3 tag of 256 MB before": lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f" + encoded("FLAC", "PCM_16"),
        "FLAC bomb, two hours of silence": lambda: _silence(44_100 * 7_200),
        "FLAC bomb, 29 s of silence at 384 kHz": lambda: _silence(384_000 * 29, 384_000),
        "FLAC bomb, a million frames of 8 channels": lambda: _silence(1_000_000, 96_000, 8),
        "Ogg Vorbis": lambda: encoded("OGG", "VORBIS"),
        "Ogg, first page alone": lambda: encoded("OGG", "VORBIS")[:58],
        "Ogg Opus": lambda: encoded("OGG", "OPUS", rate=48_000),
        "Ogg, signature alone": lambda: b"OggS",
        "Ogg, pages of rubbish": lambda: b"OggS\0\2" + b"\xff" * 5_000,
        "AIFF": lambda: encoded("AIFF", "PCM_16"),
        "AIFF, rate of nonsense": lambda: encoded("AIFF", "PCM_16").replace(b"\x40\x0e\xac\x44", b"\x7f\xff\xff\xff"),
        "AIFF without SSND": lambda: encoded("AIFF", "PCM_16")[:54],
        "CAF": lambda: encoded("CAF", "PCM_16"),
        "AU": lambda: encoded("AU", "PCM_16"),
        "G.721": lambda: encoded("WAV", "G721_32"),
        "G.721, eight million samples": lambda: _telephone(4 << 20),
        "GSM 6.10 in AIFF": lambda: encoded("AIFF", "GSM610"),
        "DWVW": lambda: encoded("AIFF", "DWVW_24"),
        "Opus, 2,000,000 frames of 8 channels": lambda: encoded("OGG", "OPUS", 8, 48_000, 2_000_000),
        "MP3": lambda: encoded("MP3", "MPEG_LAYER_III"),
        "MP3, rubbish behind a frame": lambda: encoded("MP3", "MPEG_LAYER_III")[:500] + b"\xff\xfb" * 4_000,
        "MP3, an ID3 tag alone": lambda: b"ID3\4\0\0\0\0\x10\0" + bytes(2_000),
        "raw numbers": lambda: samples,
        "MATLAB": lambda: encoded("MAT5", "PCM_16"),
        "a MIDI file": lambda: b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0",
        "a web page": lambda: b"<!doctype html><title>404</title>",
    }
    cases |= {f"WAV cut off at byte {size}": lambda size=size: plain[:size] for size in (*range(1, 60), 100, len(plain) - 1)}
    small = encoded("FLAC", "PCM_16", frames=300)
    cases |= {
        f"FLAC cut off at byte {size}": lambda size=size: small[:size] for size in (*range(4, 60, 2), *range(60, len(small), 40))
    }
    return cases


def _telephone(size: int) -> bytes:
    """A WAV file of so many bytes of G.721, which takes a decoder as long as anything."""
    small = encoded("WAV", "G721_32")
    place = small.index(b"data")
    return (
        small[:4]
        + struct.pack("<I", place + size)
        + small[8 : place + 4]
        + struct.pack("<I", size)
        + bytes(range(256)) * (size // 256)
    )


@functools.cache
def _silence(frames: int, rate: int = 44_100, channels: int = 1) -> bytes:
    """Hours of nothing in kilobytes: blocks of constant samples, each with its number and checksums."""
    block = 60_000
    frames -= frames % block
    body = bytearray()
    depth = 0b100  # 16 bits
    subframe = b"\0\0\0" * channels
    for index in range(frames // block):
        head = b"\xff\xf8" + bytes((0x70, (channels - 1) << 4 | depth << 1)) + _utf8(index) + struct.pack(">H", block - 1)
        head += bytes((_crc(head, 8, 0x07),))
        body += head + subframe + _crc(head + subframe, 16, 0x8005).to_bytes(2, "big")
    info = struct.pack(">HH", block, block) + _info(rate, channels, total=frames)[4:]
    return b"fLaC" + flac_block(0, info, last=True) + bytes(body)


def _utf8(value: int) -> bytes:
    """A frame's number, written as UTF-8 writes a character."""
    return chr(value).encode("utf-8", "surrogatepass")


@functools.cache
def _crc_table(bits: int, polynomial: int) -> list[int]:
    top, mask = 1 << bits - 1, (1 << bits) - 1
    table = []
    for value in range(256):
        value <<= bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
        table.append(value)
    return table


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    table, value = _crc_table(bits, polynomial), 0
    for byte in data:
        value = (value << 8 & (1 << bits) - 1) ^ table[value >> bits - 8 ^ byte]
    return value


_ENCODED = (
    *[("WAV", subtype, 1) for subtype in ("PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "MS_ADPCM")],
    *[("WAV", subtype, 2) for subtype in ("PCM_16", "FLOAT", "IMA_ADPCM", "MS_ADPCM")],
    *[("FLAC", subtype, channels) for subtype in ("PCM_16", "PCM_24", "PCM_S8") for channels in (1, 2, 6)],
    ("WAVEX", "PCM_16", 2),
    ("RF64", "PCM_16", 1),
    ("W64", "PCM_16", 1),
    ("AIFF", "PCM_16", 2),
    ("AIFF", "FLOAT", 1),
    ("OGG", "VORBIS", 1),
    ("MP3", "MPEG_LAYER_III", 1),
)  # fmt: skip


def generated(rng: random.Random) -> bytes:
    """A WAV or FLAC file of sound and unsound parts: numbers that do not fit, chunks in any order."""
    if rng.random() < 0.3:
        info = _info(
            rate=rng.choice((0, 8_000, 44_100, 0xFFFFF)), channels=rng.randint(1, 8), bits=rng.randint(1, 32),
            total=rng.choice((0, 1, 2_000, rng.getrandbits(36))), block=rng.choice((0, 16, 4096, 65_535)),
        )  # fmt: skip
        blocks = [
            flac_block(rng.randint(0, 127), rng.randbytes(rng.randint(0, 60)), rng.randint(0, 80) if rng.random() < 0.1 else None)
            for _ in range(rng.randint(0, 4))
        ]
        frames = bytearray(_flac_parts()[1])
        if rng.random() < 0.5:
            damage(frames, rng)
        return flac(*blocks, info=info if rng.random() < 0.6 else None, frames=bytes(frames))
    bits = rng.choice((0, 1, 4, 8, 12, 16, 16, 16, 24, 32, 64, rng.randrange(65_536)))
    channels = rng.choice((0, 1, 1, 2, 2, 32, 33, rng.randrange(65_536)))
    tag = rng.choice((_PCM, _PCM, _PCM, _FLOAT, 2, 6, 7, 0x11, 0x31, 0x55, _EXTENSIBLE, rng.randrange(65_536)))
    rate = rng.choice((0, 1, 999, 1_000, 44_100, 44_100, 48_000, 768_000, 768_001, rng.getrandbits(32)))
    align = None if rng.random() < 0.7 else rng.randrange(65_536)
    extra = b"" if rng.random() < 0.5 else rng.randbytes(rng.randint(0, 40))
    if tag == _EXTENSIBLE and rng.random() < 0.7:
        extra = struct.pack("<HHI", 22, bits, rng.getrandbits(32)) + struct.pack("<H", rng.choice((_PCM, _FLOAT, 7))) + _GUID
    samples = (
        rng.randbytes(rng.choice((0, 1, 3, 500, 4_000))) if rng.random() < 0.5 else _ramp(dtype=rng.choice(("<i2", "<f4", "<f8")))
    )
    declared = len(samples) if rng.random() < 0.7 else rng.choice((0, 1, len(samples) + 1, 2**31, 2**32 - 1, rng.getrandbits(32)))
    chunks = [form(tag, channels, rate, bits, align, extra), chunk(b"data", samples, declared, pad=rng.random() < 0.9)]
    for _ in range(rng.randint(0, 3)):
        kind = rng.choice(
            (b"LIST", b"fact", b"cue ", b"smpl", b"inst", b"bext", b"PEAK", b"PAD ", b"fmt ", b"data", b"id3 ", rng.randbytes(4))
        )
        content = rng.choice((b"", b"INFO", b"adtl", b"\xff\xff\xff\xff")) + rng.randbytes(rng.randint(0, 80))
        size = None if rng.random() < 0.7 else rng.choice((0, 1, rng.getrandbits(32)))
        chunks.insert(rng.randint(0, len(chunks)), chunk(kind, content, size, pad=rng.random() < 0.8))
    return riff(*chunks, size=None if rng.random() < 0.7 else rng.getrandbits(32), kind=b"RIFF" if rng.random() < 0.95 else b"RIFX")


def mutated(rng: random.Random) -> bytes:
    """A file that libsndfile wrote, damaged in one to eight places, its headers most."""
    container, subtype, channels = rng.choice(_ENCODED)
    data = bytearray(encoded(container, subtype, channels, 44_100, rng.choice((64, 700))))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        damage(data, rng)
        if rng.random() < 0.2:  # a length or another number of the header
            place = rng.randrange(60)
            data[place : place + 4] = rng.choice((bytes(4), b"\xff" * 4, b"\0\0\0\x80", rng.randbytes(4)))
    return bytes(data)
