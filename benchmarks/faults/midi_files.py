"""MIDI files that nobody should trust: made by hand, built at random from sound and unsound parts, and valid ones damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping

Content = Callable[[], bytes]
"""Made when it is needed: some files are megabytes."""

_NOTE = b"\x00\x99\x24\x64"
_END = b"\x00\xff\x2f\x00"
_LONGEST_DELTA = b"\xff\xff\xff\x7f"
_PROVENANCE = b'{"drumjax":"0.1.0","verb":"pattern sample","model":null,"seed":0,"parameters":{},"inputs":[]}'


def number(value: int) -> bytes:
    """A variable-length number; above 2**28 - 1 it has more bytes than the standard allows."""
    out = [value & 127]
    while value := value >> 7:
        out.append(value & 127 | 128)
    return bytes(reversed(out))


def header(midi_format: int = 1, tracks: int = 1, division: int = 480, length: int = 6) -> bytes:
    """The header chunk; numbers are cut to 16 bits."""
    return b"MThd" + struct.pack(">IHHH", length, midi_format & 0xFFFF, tracks & 0xFFFF, division & 0xFFFF)


def chunk(body: bytes, length: int | None = None, kind: bytes = b"MTrk") -> bytes:
    """A chunk, by default with its true length."""
    return kind + struct.pack(">I", len(body) if length is None else length) + body


def song(*tracks: bytes, midi_format: int = 1, division: int = 480) -> bytes:
    """A whole file."""
    return header(midi_format, len(tracks), division) + b"".join(map(chunk, tracks))


def meta(kind: int, content: bytes, length: int | None = None) -> bytes:
    """A meta event at once after the one before, by default with its true length."""
    return bytes((0, 0xFF, kind)) + number(len(content) if length is None else length) + content


def _beat(bars: int = 4) -> bytes:
    """A plain beat, note-offs and running status included, as long as the bars are."""
    quarter = b"\x00\x99\x24\x64\x00\x2a\x50" + b"\x78\x24\x00\x00\x2a\x00" + b"\x81\x68\x2a\x40"
    return quarter * 4 * bars


def hand_made() -> Mapping[str, Content]:
    """What is known to break readers, each by a name that says what it is."""
    plain = song(_beat() + _END)
    cases: dict[str, Content] = {
        "valid": lambda: plain,
        "empty": lambda: b"",
        "one byte": lambda: b"M",
        "only the signature": lambda: b"MThd",
        "header alone": lambda: header(),
        "header alone, no tracks": lambda: header(tracks=0),
        "65,535 tracks declared": lambda: header(tracks=65_535) + chunk(_beat() + _END),
        "65,535 empty tracks": lambda: header(tracks=65_535) + chunk(b"") * 65_535,
        "track count -32,768": lambda: header(tracks=-32_768) + chunk(_beat() + _END),
        "track count 0 before a track": lambda: header(tracks=0) + chunk(_beat() + _END),
        "track count one too high": lambda: header(tracks=2) + chunk(_beat() + _END),
        "track count one too low": lambda: header(tracks=1) + chunk(_beat() + _END) * 2,
        "1,024 tracks": lambda: song(*[_NOTE] * 1024),
        "1,024 tracks in succession": lambda: song(*[_beat(1)] * 1024, midi_format=2),
        "format 0 with three tracks": lambda: song(*[_beat() + _END] * 3, midi_format=0),
        "format 2": lambda: song(*[_beat() + _END] * 3, midi_format=2),
        "format 2, very long tracks": lambda: song(*[_NOTE + b"\xbf\x7f\x99\x24\x40"] * 1000, midi_format=2, division=1),
        "format 3": lambda: song(_beat() + _END, midi_format=3),
        "format 65,535": lambda: song(_beat() + _END, midi_format=65_535),
        "division 0": lambda: song(_beat() + _END, division=0),
        "division 1": lambda: song(_beat() + _END, division=1),
        "division 32,767": lambda: song(_beat() + _END, division=32_767),
        "division 7": lambda: song(_beat() + _END, division=7),
        "header length 0": lambda: header(length=0) + chunk(_beat() + _END),
        "header length 5": lambda: header(length=5) + chunk(_beat() + _END),
        "header length 7": lambda: header(length=7) + b"\0" + chunk(_beat() + _END),
        "header length 2**32 - 1": lambda: header(length=2**32 - 1) + chunk(_beat() + _END),
        "track length 2**32 - 1": lambda: header() + chunk(_beat() + _END, 2**32 - 1),
        "track length 2**31": lambda: header() + chunk(_beat() + _END, 2**31),
        "track length 0": lambda: header() + chunk(_beat() + _END, 0),
        "track length one short": lambda: header() + chunk(_beat() + _END, len(_beat() + _END) - 1),
        "delta time 2**28 - 1": lambda: song(_LONGEST_DELTA + b"\x99\x24\x64" + _END),
        "delta time 2**28 - 1 before the end": lambda: song(_NOTE + _LONGEST_DELTA + b"\xff\x2f\x00"),
        "delta times up to 2**28 - 1 in small steps": lambda: song(_NOTE + b"\xff\x7f\x24\x64" * 20_000 + _END, division=32_767),
        "a delta time without an end": lambda: song(b"\xff" * 1000),
        "a delta time of five bytes": lambda: song(b"\x81\x80\x80\x80\x00\x99\x24\x64" + _END),
        "a delta time of four bytes for 0": lambda: song(b"\x80\x80\x80\x00\x99\x24\x64" + b"\x83\x60\x24\x00" * 16 + _END),
        "data before a status": lambda: song(b"\x00\x24\x64" + _END),
        "running status after a meta event": lambda: song(_NOTE + meta(1, b"x") + b"\x00\x24\x50" + _beat() + _END),
        "running status after sysex": lambda: song(_NOTE + b"\x00\xf0\x01\xf7" + b"\x00\x24\x50" + _beat() + _END),
        "a data byte above 127": lambda: song(b"\x00\x99\xa4\xe4" + _beat() + _END),
        "all data bytes above 127": lambda: song(b"\x00\x99\xff\xff" * 64),
        "undefined status bytes": lambda: song(b"".join(bytes((0, status, 0)) for status in (0xF1, 0xF4, 0xF5, 0xF9, 0xFD))),
        "real-time messages": lambda: song(_NOTE + b"".join(bytes((0, status)) for status in range(0xF8, 0xFF)) + _beat()),
        "only sysex": lambda: song(b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7" + _END),
        "sysex without an end": lambda: song(b"\x00\xf0\x7f" + b"\x01" * 20),
        "sysex of 2**28 - 1 bytes": lambda: song(b"\x00\xf0" + _LONGEST_DELTA + b"\x01" * 20),
        "sysex of 2 MB": lambda: song(_NOTE + (b"\x00\xf0\x87\x68" + b"\x01" * 1000) * 2000 + _beat()),
        "sysex inside sysex": lambda: song(b"\x00\xf0\x03\xf0\x01\xf7" + _beat() + _END),
        "a split sysex": lambda: song(b"\x00\xf0\x02\x01\x02\x00\xf7\x02\x03\xf7" + _beat() + _END),
        "no end of track": lambda: song(_beat()),
        "two ends of track": lambda: song(_beat() + _END + _NOTE + _END),
        "an end of track with content": lambda: song(_beat() + b"\x00\xff\x2f\x05hello"),
        "notes behind the end of track": lambda: song(_END + _beat()),
        "no notes": lambda: song(meta(3, b"silence") + _END),
        "only note-offs": lambda: song(b"\x00\x89\x24\x40" * 64 + _END),
        "only notes of velocity 0": lambda: song(b"\x00\x99\x24\x00" * 64 + _END),
        "all channels at once": lambda: song(b"".join(bytes((1, 0x90 | c, 36, 100)) for c in range(16)) * 20 + _END),
        "every pitch": lambda: song(b"".join(bytes((60, 0x99, pitch, 100)) for pitch in range(128)) + _END),
        "every status": lambda: song(b"".join(bytes((1, status, 36, 64)) for status in range(0x80, 0x100)) + _END),
        "unknown meta events": lambda: song(b"".join(meta(kind, b"abc") for kind in range(128) if kind != 0x2F) + _beat()),
        "meta events of no length": lambda: song(b"".join(meta(kind, b"") for kind in range(128) if kind != 0x2F) + _beat()),
        "a meta kind above 127": lambda: song(meta(0xFF, b"x") + _beat() + _END),
        "meta length beyond the file": lambda: song(meta(1, b"x", 2**28 - 1) + _beat()),
        "meta length without an end": lambda: song(b"\x00\xff\x01\xff\xff\xff\xff\xff" + _beat()),
        "a text of 2 MB": lambda: song(meta(1, b"a" * 2_000_000) + _beat()),
        "65,000 texts": lambda: song(meta(1, b"{") * 65_000 + _beat()),
        "texts of control characters": lambda: song(meta(3, bytes(range(256)) * 4) + meta(1, b"\x1b[2J\x00\xff") + _beat() + _END),
        "tempo 0": lambda: song(meta(0x51, b"\0\0\0") + _beat() + _END),
        "tempo 1 microsecond": lambda: song(meta(0x51, b"\0\0\1") + _beat() + _END),
        "tempo 2**24 - 1": lambda: song(meta(0x51, b"\xff\xff\xff") + _beat() + _END),
        "tempo of 2 bytes": lambda: song(meta(0x51, b"\7\xa1") + _beat() + _END),
        "tempo of 200 bytes": lambda: song(meta(0x51, b"\7" * 200) + _beat() + _END),
        "metre 0/4": lambda: song(meta(0x58, b"\0\2\x18\x08") + _beat() + _END),
        "metre 4/2**255": lambda: song(meta(0x58, b"\4\xff\x18\x08") + _beat() + _END),
        "metre 255/1": lambda: song(meta(0x58, b"\xff\0\x18\x08") + _beat() + _END),
        "metre 1/64": lambda: song(meta(0x58, b"\1\6\x18\x08") + _beat() + _END),
        "metre 5/32": lambda: song(meta(0x58, b"\5\5\x18\x08") + _beat() + _END),
        "metre of 1 byte": lambda: song(meta(0x58, b"\4") + _beat() + _END),
        "key of 300 sharps": lambda: song(meta(0x59, b"\x7f\x05") + _beat() + _END),
        "SMPTE offset of nonsense": lambda: song(meta(0x54, b"\xff" * 5) + _beat() + _END),
        "sequence number of nonsense": lambda: song(meta(0, b"\1\2\3\4\5") + _beat() + _END),
        "provenance": lambda: song(meta(1, _PROVENANCE) + _beat() + _END),
        "provenance that is deep": lambda: song(meta(1, b'{"a":' * 300 + b"1" + b"}" * 300) + _beat() + _END),
        "provenance of wrong types": lambda: song(meta(1, _PROVENANCE.replace(b"{}", b"[]").replace(b"null", b"1e999")) + _beat()),
        "provenance twice": lambda: song(meta(1, _PROVENANCE) * 2 + _beat() + _END),
        "provenance with NaN": lambda: song(meta(1, _PROVENANCE.replace(b"0,", b"NaN,")) + _beat() + _END),
        "a length of 2**63 steps in the text": lambda: song(meta(1, b"drumjax steps 9223372036854775808") + _beat() + _END),
        "an early note on the first step": lambda: song(b"\x3b\x99\x24\x64" + b"\x83\x60\x24\x64" * 16 + _END),
        "notes on every boundary of two cells": lambda: song(b"\x3c\x99\x24\x64" * 200 + _END),
        "60,000 notes in a cell": lambda: song(b"\x00\x99\x24\x64" + b"\x00\x24\x65" * 60_000 + _beat()),
        "120,000 notes": lambda: song(b"\x00\x99\x24\x64" + b"\x01\x24\x65" * 120_000 + _END),
        "600,000 notes": lambda: song(b"\x00\x99\x24\x64" + b"\x01\x24\x65" * 600_000 + _END),
        "600,000 controllers": lambda: song(_beat() + b"\x00\xb9\x07\x64" + b"\x00\x07\x65" * 600_000 + _beat()),
        "250,000 tempi": lambda: song(_NOTE + meta(0x51, b"\7\xa1\x20") * 250_000 + _beat()),
        "15,000 tempi": lambda: song(_NOTE + b"".join(b"\1\xff\x51\3\7" + struct.pack(">H", i) for i in range(15_000)) + _beat()),
        "15,000 metres": lambda: song(_NOTE + b"\1\xff\x58\4\4\2\x18\x08\1\xff\x58\4\3\2\x18\x08" * 7_500 + _beat()),
        "200,000 metres": lambda: song(_NOTE + meta(0x58, b"\4\2\x18\x08") * 200_000 + _beat()),
        "65,536 sixteenths": lambda: song(_NOTE + number(65_536 * 120) + b"\x99\x24\x40" + _END),
        "65,535 sixteenths": lambda: song(_NOTE + number(65_535 * 120) + b"\x99\x24\x40" + _END),
        "trailing rubbish": lambda: plain + bytes(range(256)) * 40,
        "trailing second song": lambda: plain * 2,
        "foreign chunk before the track": lambda: header() + chunk(b"hello", kind=b"XFIH") + chunk(_beat() + _END),
        "foreign chunk of 2**32 - 1": lambda: header() + chunk(b"", 2**32 - 1, b"XFIH") + chunk(_beat() + _END),
        "nothing but foreign chunks": lambda: header() + chunk(b"hello", kind=b"XFIH") * 1000,
        "larger than the cap": lambda: plain + bytes(3 << 20),
        "the whole file of zero bytes": lambda: bytes(1000),
        "RIFF-wrapped (RMID)": lambda: (
            b"RIFF" + struct.pack("<I", len(plain) + 12) + b"RMIDdata" + struct.pack("<I", len(plain)) + plain
        ),
        "a header inside a track": lambda: song(plain + _beat()),
        "a WAV file": lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(28),
        "text": lambda: b"MThd is how such a file begins, but this is a sentence." * 10,
    }
    for frames in (24, 25, 29, 30):
        for ticks in (0, 40, 80):
            cases[f"SMPTE {frames} frames, {ticks} ticks"] = lambda d=(256 - frames) << 8 | ticks: song(_beat() + _END, division=d)
    cases["SMPTE -128 frames"] = lambda: song(_beat() + _END, division=0x8000)
    # At every byte: each is inside another field.
    small = song(meta(3, b"x") + meta(0x51, b"\7\xa1\x20") + _NOTE + b"\x83\x60\x24\x00" + b"\x00\xc9\x01" + _END)
    cases |= {f"cut off at byte {size}": lambda size=size: small[:size] for size in range(1, len(small))}
    return cases


def random_song(rng: random.Random, spoil: Callable[[bytearray], None] = lambda body: None) -> bytes:
    """A file that keeps the standard, but for what `spoil` does to the events of a track; the lengths are true all the same."""
    division = rng.choice((24, 96, 120, 192, 384, 480, 960, rng.randint(1, 32_767)))
    tracks = []
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        events = [meta(3, rng.randbytes(rng.randint(0, 20)))]
        if rng.random() < 0.7:
            events.append(meta(0x51, rng.randint(60_000, 15_000_000 if rng.random() < 0.1 else 1_000_000).to_bytes(3, "big")))
        if rng.random() < 0.5:
            events.append(meta(0x58, bytes((rng.choice((4, 4, 3, 5, 7, 12)), rng.randint(1, 4), 24, 8))))
        if rng.random() < 0.2:
            events.append(meta(1, _PROVENANCE if rng.random() < 0.5 else b"drumjax steps %d" % rng.randint(1, 100)))
        channel = 9 if rng.random() < 0.7 else rng.randint(0, 15)
        for _ in range(rng.randint(0, 120)):
            ticks = rng.choice((0, division // 4, division // 2, division, rng.randint(0, division)))
            pitch = rng.choice((35, 36, 38, 40, 42, 44, 46, 37, 56, 49, rng.randint(0, 127)))
            events.append(number(ticks) + bytes((0x90 | channel, pitch, rng.randint(0, 127))))
            if rng.random() < 0.2:
                events.append(b"\x00" + bytes((rng.choice((0xB0, 0xE0, 0xA0)) | channel, rng.randint(0, 127), 64)))
        body = bytearray(b"".join(events) + number(rng.randint(0, 4 * division)) + b"\xff\x2f\x00")
        spoil(body)
        tracks.append(bytes(body))
    return (
        song(*tracks, midi_format=1 if len(tracks) > 1 else 0, division=division)
        if rng.random() < 0.9
        else song(*tracks, midi_format=2, division=division)
    )


def generated(rng: random.Random) -> bytes:
    """A file of sound and unsound parts: declared numbers and true ones at odds, any event after any other."""
    wild = rng.choice((0.0, 0.01, 0.1, 1.0))
    """How likely an unsound part is chosen where there is a choice."""

    def odd() -> bool:
        return rng.random() < wild

    tracks = []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5)) if odd() else rng.randint(1, 3)):
        events = []
        for _ in range(rng.randint(0, 60)):
            delta = number(rng.randint(0, 2**28 - 1) if odd() else rng.choice((0, 0, 1, 60, 120, 480, rng.randint(0, 5_000))))
            kind = rng.random()
            if kind < 0.6:
                events.append(delta + bytes((rng.randint(0x80, 0xEF), rng.randint(0, 127), rng.randint(0, 127))))
                if 0xC0 <= events[-1][len(delta)] < 0xE0 and not odd():  # these have one byte of data
                    events[-1] = events[-1][:-1]
            elif kind < 0.7 and (events or odd()):
                events.append(delta + b"\x99\x24" + bytes((rng.randint(0, 127),)) + delta + b"\x26\x7f")
            elif kind < 0.9:
                which = rng.choice((0x01, 0x03, 0x51, 0x51, 0x54, 0x58, 0x58, 0x59, 0x7F, rng.randint(0, 255)))
                content = rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5, 8, 200)))
                if which == 0x2F and not odd():
                    which = 0x01
                if which == 0x51 and not odd():
                    content = rng.randint(1, 2**24 - 1).to_bytes(3, "big")
                if which == 0x58 and not odd():
                    content = bytes((rng.randint(1, 16), rng.randint(0, 6), 24, 8))
                length = len(content) + (rng.choice((-1, 1, 100)) if odd() else 0)
                events.append(delta + bytes((0xFF, which)) + number(max(length, 0)) + content)
            elif kind < 0.97 or not odd():
                content = rng.randbytes(rng.randint(0, 20))
                events.append(delta + rng.choice((b"\xf0", b"\xf7")) + number(len(content)) + content)
            else:
                events.append(delta + bytes((rng.randint(0xF0, 0xFF),)) + rng.randbytes(rng.randint(0, 3)))
        body = b"".join(events) + (b"" if odd() else _END)
        length = len(body) + (rng.choice((-5, -1, 1, 5, 1 << 20)) if odd() else 0)
        tracks.append(chunk(body, max(length, 0), rng.randbytes(4) if odd() else b"MTrk"))
    declared = rng.choice((0, 1, 2, len(tracks) + 1, 65_535, rng.randint(0, 65_535))) if odd() else len(tracks)
    division = rng.randint(0, 65_535) if odd() else rng.choice((96, 480, 480, 960, 1, rng.randint(1, 32_767)))
    return header(3 if odd() else rng.randint(0, 2), declared, division) + b"".join(tracks)


def mutated(rng: random.Random) -> bytes:
    """A valid file, damaged in one to eight places; every other one with its lengths set right, so that more of it is read."""
    if rng.random() < 0.5:

        def spoil(body: bytearray) -> None:
            for _ in range(rng.choice((1, 1, 2, 3, 8))):
                damage(body, rng)

        return random_song(rng, spoil)
    data = bytearray(random_song(rng))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        damage(data, rng)
        if rng.random() < 0.2:  # a length field: those of the header and of the tracks
            places = [4, 10, 12] + [i + 4 for i in range(len(data) - 8) if data[i : i + 4] == b"MTrk"]
            place = rng.choice(places)
            data[place : place + 2] = rng.choice((b"\0\0", b"\xff\xff", b"\x7f\xff", b"\x80\0", rng.randbytes(2)))
        if rng.random() < 0.15:  # a number that goes on
            place = rng.randrange(len(data) + 1)
            data[place:place] = b"\xff" * rng.randint(1, 6)
    return bytes(data)


def damage(data: bytearray, rng: random.Random) -> None:
    """One fault in place: a byte or bit changed, bytes put in, taken out, doubled, overwritten or zeroed, or the end cut off."""
    if not data:
        data += rng.randbytes(4)
    place = rng.randrange(len(data))
    if rng.random() < 0.3:
        place = min(place, rng.randrange(64))  # headers are short and matter most
    end = place + rng.choice((1, 2, 4, rng.randint(1, 64)))
    kind = rng.randrange(8)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        data[place:place] = rng.randbytes(rng.randint(1, 16))
    elif kind == 3:
        del data[place:end]
    elif kind == 4:
        data[place:place] = data[place:end]
    elif kind == 5:
        source = rng.randrange(len(data))
        data[place:end] = data[source : source + end - place]
    elif kind == 6:
        data[place:end] = bytes(min(end, len(data)) - place)
    else:
        del data[place:]
        data += b"" if data else b"\0"
