"""Makes the files of this folder again: `python tests/data/corpus/make.py` from the project's root.

Each stands for a fault that a reader had, of ours or of the library beneath it, cut down to what shows the fault. What is expected
of each, and what it once did, stands in tests/fuzz/test_corpus.py. Files larger than 4 kB are made by benchmarks/faults instead.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "benchmarks"))

from faults.audio_files import chunk, flac, flac_block, form, riff, wav  # noqa: E402
from faults.midi_files import chunk as track  # noqa: E402
from faults.midi_files import header, meta, song  # noqa: E402

END = b"\x00\xff\x2f\x00"
BEAT = b"\x00\x99\x24\x64" + b"\x83\x60\x24\x50" * 15 + b"\x83\x60\xff\x2f\x00"
RAMP = struct.pack("<200h", *range(0, 20_000, 100))
DIGITS = b"9" * 3_900
ROW = "x...x...x...x..."


def grid(**fields: object) -> bytes:
    return json.dumps({"tracks": {"BD": ROW}, **fields}).encode()


def archive(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.NameToInfo.clear()
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def npy(descr: str, shape: str, content: bytes = b"") -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + content


def loud(channels: int) -> bytes:
    samples = np.array([3e38, -3e38, 3e38, 3e38] * 20, "<f4")
    return wav(np.repeat(samples, channels).tobytes(), tag=3, bits=32, channels=channels, rate=22_050)


NONSENSE = {"drumjax": 1, "verb": [], "model": {}, "seed": "x", "parameters": [], "inputs": 0}
FILES: dict[str, bytes] = {
    "midi/65535_tracks_declared.mid": header(tracks=65_535) + track(BEAT),
    "midi/no_tracks.mid": header(tracks=0),
    "midi/track_count_minus_1.mid": header(tracks=-1) + track(BEAT),
    "midi/division_0.mid": song(BEAT, division=0),
    "midi/smpte_25_frames.mid": song(BEAT, division=(256 - 25) << 8 | 40),
    "midi/delta_2_28.mid": song(b"\xff\xff\xff\x7f\x99\x24\x64" + END),
    "midi/no_bytes.mid": b"",
    "midi/cut_off_in_a_note.mid": song(BEAT)[:30],
    "midi/no_header.mid": track(BEAT),
    "midi/rmid.mid": b"RIFF"
    + struct.pack("<I", len(song(BEAT)) + 12)
    + b"RMIDdata"
    + struct.pack("<I", len(song(BEAT)))
    + song(BEAT),
    "midi/data_byte_above_127.mid": song(b"\x00\x99\xa4\x64" + END),
    "midi/controller_byte_above_127.mid": song(b"\x00\xb9\x07\xe4" + BEAT),
    "midi/key_signature_of_nonsense.mid": song(meta(0x59, b"\x7f\x05") + BEAT),
    "midi/smpte_offset_of_nonsense.mid": song(meta(0x54, b"\xff" * 5) + BEAT),
    "midi/meta_shorter_than_its_kind.mid": song(meta(0x58, b"\x04") + BEAT),
    "midi/sysex_without_end.mid": song(b"\x00\xf0\xff\xff\xff\x7f\x01"),
    "midi/tempo_0.mid": song(meta(0x51, b"\0\0\0") + BEAT),
    "audio/gsm_cannot_be_sought.wav": riff(form(0x31, bits=0, align=65, extra=b"\2\0\x40\1"), chunk(b"data", RAMP)),
    "audio/3e38_overflows_when_resampled.wav": loud(1),
    "audio/3e38_overflows_when_mixed.wav": loud(2),
    "audio/nan.wav": wav(np.array([0, np.nan], "<f4").tobytes(), tag=3, bits=32),
    "audio/inf.wav": wav(np.array([0, np.inf], "<f4").tobytes(), tag=3, bits=32),
    "audio/no_fmt.wav": riff(chunk(b"data", RAMP)),
    "audio/no_data.wav": riff(form()),
    "audio/no_channels.wav": wav(RAMP, channels=0),
    "audio/0_hz.wav": wav(RAMP, rate=0),
    "audio/4_ghz.wav": wav(RAMP, rate=2**32 - 1),
    "audio/0_frames.wav": wav(b""),
    "audio/data_longer_than_file.wav": wav(RAMP, declared=len(RAMP) + 1_000),
    "audio/data_of_a_pipe.wav": wav(RAMP, declared=2**32 - 1),
    "audio/rf64_of_nonsense.wav": riff(chunk(b"ds64", b"\xff" * 28), form(), chunk(b"data", RAMP, 2**32 - 1), kind=b"RF64"),
    "audio/streaminfo_of_zeros.wav": flac(info=bytes(34))[:600],
    "audio/padding_beyond_the_file.wav": flac(flac_block(1, b"", 2**24 - 1))[:600],
    "audio/matlab.wav": b"MATLAB 5.0 MAT-file".ljust(124, b" ") + b"\x00\x01IM" + bytes(200),
    "json/provenance_of_nonsense.json": grid(provenance=NONSENSE),
    "json/provenance_too_long_for_midi.json": grid(provenance=NONSENSE | {"drumjax": "a" * 2_500}),
    "json/steps_of_3900_digits.json": b'{"tracks":{"BD":"xx"},"steps":' + DIGITS + b"}",
    "json/pitch_of_3900_digits.json": b'{"name":"m","lanes":[{"name":"a","in":[],"out":' + DIGITS + b"}]}",
    "json/field_of_3900_characters.json": b'{"' + b"a" * 3_900 + b'":1}',
    "json/260_rows.json": json.dumps({"tracks": {str(i): "x" for i in range(260)}}).encode(),
    "json/deep.json": b"[" * 2_000 + b"]" * 2_000,
    "json/nan.json": b'{"bpm":NaN,"tracks":{"BD":"x..."}}',
    "json/key_twice.json": b'{"tracks":{"BD":"x..."},"tracks":{"BD":"...."}}',
    "csv/column_of_3900_digits.csv": b"lane," + DIGITS + b"\nBD,x\n",
    "csv/open_quote.csv": b'lane,steps\n"BD,x...\n',
    "csv/superscript_step.csv": "lane,1,\u00b2\nBD,x,x\n".encode(),
    "csv/zero_bytes.csv": b"lane,steps\nBD,\0\0\0\0\n",
    "archives/traversal.npz": archive(("../../escaped.npy", b"")),
    "archives/member_twice.npz": archive(("info.npy", b"1"), ("info.npy", b"2")),
    "archives/no_members.npz": archive(),
}
MEMBERS = [f"{split}/{name}.npy" for split in ("train", "validation", "test") for name in (
    "velocity", "offset", "genre", "tempo_bpm", "name", "group", "licence")]  # fmt: skip


def whole(name: str, content: bytes) -> bytes:
    """An archive of all the members that one of patterns has, one of them as given and the first to be read, the others empty."""
    others = [member for member in ("info.npy", "content_sha256.npy", *MEMBERS) if member != name]
    return archive((name, content), *((member, b"") for member in others))


FILES |= {
    "archives/objects.npz": whole("train/velocity.npy", npy("|O", "(1,)", b"\x80\x04cposix\nsystem\n(Vtouch unpickled\ntR.")),
    "archives/8_tb_by_its_header.npz": whole("train/velocity.npy", npy("<f4", "(5368709120, 64, 6)")),
    "archives/shape_that_is_code.npz": whole("train/velocity.npy", npy("<f4", "(__import__('os').system('touch unpickled'),)")),
}


def main() -> None:
    for name, content in FILES.items():
        if len(content) > 4096:
            raise ValueError(f"expected at most 4 kB, found {len(content):,} bytes for {name}")
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_bytes(content)


if __name__ == "__main__":
    main()
