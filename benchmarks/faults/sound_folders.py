"""Folders of sound files as collectors have them, many of them damaged, through the whole preparation and through an instrument.

Every file is a function of the seed and its number (but for the serial number that Ogg has at random). A quarter of them are
whole: sounds of the procedural drummer in all containers, codings, rates and channels that are read; each has to arrive in the
prepared data, the same sound. The rest are such files cut off, with flipped bits, with lies in their headers, with lengths of
gigabytes, NaN or infinity in their samples; nothing, silence, a constant, a click, text by the name of a sound, recordings of ten
minutes; and what `audio_files` makes by hand and at random.

A file is withstood when the preparation takes it as a sound or lists it with a reason, when what has nothing usable is not taken,
and when `SoundInstrument.encode` gives a finite code or an `InputError`. All is read by `sound_reader.py`, in another process.
"""

from __future__ import annotations

import functools
import io
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from faults import audio_files
from faults.memory import environment
from faults.midi_files import damage
from faults.row import Row

from drumjax.datasets.load import load_data
from drumjax.datasets.sounds.info import SAMPLE_RATE_HZ, SAMPLES, SoundSet
from drumjax.patterns.classes import CLASSES
from drumjax.synth.one_shots import synthesize

FORMATS = (
    *[("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")],
    *[("FLAC", subtype) for subtype in ("PCM_16", "PCM_24")],
    *[("AIFF", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")],
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_24"),
    ("W64", "PCM_16"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
)
SUFFIXES = {"FLAC": ".flac", "AIFF": ".aiff", "OGG": ".ogg", "MP3": ".mp3"}
RATES = (8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000)
CHANNELS = (1, 1, 2, 8)
ALIKE = 0.9
"""The least correlation of a whole file's sound with what it was made of. 8 bits and MP3 have .95."""
MOST_MIB = 1024
"""The most memory that a preparation may take more than before."""
SAID = {
    "empty": "an empty file",
    "silence": "silence",
    "constant": "a constant",
    "click": "ms",
    "not a number": "NaN or infinity",
    "text": "a sound file",
    "ten minutes": "600.0 s",
}
"""What has nothing usable, and a part of what is said of it."""


class Planted(NamedTuple):
    """A file of a folder.

    Attributes:
      number: its own.
      kind: "whole", or what is wrong with it.
      sound: what it was made of, float32 (n,) at 22,050 Hz; None where a lossy or low rate leaves no way to compare.
    """

    number: int
    kind: str
    sound: np.ndarray | None = None


@functools.cache
def _sounds(label: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    return synthesize(label, n, 7)


def whole(sound: np.ndarray, rng: random.Random, formats: tuple[tuple[str, str], ...] = FORMATS) -> tuple[str, bytes, bool]:
    """A sound in a container, coding, rate and channels of chance: suffix, content, and whether much of it must be left."""
    import librosa

    container, subtype = rng.choice(formats)
    rate, channels = rng.choice(RATES), rng.choice(CHANNELS)
    if container in ("OGG", "MP3"):
        rate, channels = rng.choice((44_100, 48_000)), min(channels, 2)
    elif container == "AIFF" and channels > 2:
        channels = 2
    samples = librosa.resample(sound, orig_sr=SAMPLE_RATE_HZ, target_sr=rate)
    # In 8 bits a tenth of full scale has 25 levels, and little is left of a sound.
    samples *= rng.choice((0.9, 0.5, 0.9 if subtype == "PCM_U8" else 0.1)) / np.abs(samples).max()
    silence = np.zeros(round(rng.choice((0, 0, 0.01, 0.3)) * rate), np.float32)
    gains = np.array([1.0] + [rng.uniform(0.3, 1) for _ in range(channels - 1)], np.float32)
    block = np.concatenate([silence, samples, silence])[:, None] * gains
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, channels, subtype, format=container) as file:
        for first in range(0, len(block), 4096):  # in one piece libsndfile overflows its stack for long Vorbis
            file.write(block[first : first + 4096])
    content = bytearray(buffer.getvalue())
    if (place := content.find(b"PEAK", 0, 200)) > 0:
        content[place + 12 : place + 16] = bytes(4)  # the time of day
    return SUFFIXES.get(container, ".wav"), bytes(content), rate >= SAMPLE_RATE_HZ


def _wav(samples: np.ndarray, rate: int = 44_100) -> bytes:
    return audio_files.wav(samples.astype("<f4").tobytes(), tag=3, bits=32, rate=rate)


def _cut(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    suffix, content, _ = whole(sound, rng)
    return suffix, content[: rng.randrange(len(content))]


def _bits(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    suffix, content, _ = whole(sound, rng)
    data = bytearray(content)
    for _ in range(rng.choice((1, 8, 64, 1024))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return suffix, bytes(data)


def _header(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    suffix, content, _ = whole(sound, rng)
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(60)
        data[place : place + 4] = rng.choice((bytes(4), b"\xff" * 4, b"\0\0\0\x80", rng.randbytes(4)))
    return suffix, bytes(data)


def _length(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    if rng.random() < 0.3:
        return ".flac", audio_files.flac(info=audio_files._info(total=rng.choice((2**36 - 1, 2**31, 10**9))))
    _, content, _ = whole(sound, rng, (("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT")))
    data = bytearray(content)
    place = data.index(b"data") + 4
    for at in (4, place) if rng.random() < 0.5 else (place,):
        data[at : at + 4] = struct.pack("<I", rng.choice((2**32 - 1, 2**31, 2**31 - 1, 10**9, rng.getrandbits(32))))
    return ".wav", bytes(data)


def _damaged(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    suffix, content, _ = whole(sound, rng)
    data = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        damage(data, rng)
    return suffix, bytes(data)


def _not_a_number(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    samples = sound.copy()
    samples[rng.randrange(len(samples))] = rng.choice((np.nan, np.inf, -np.inf))
    return ".wav", _wav(samples)


def _quiet(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    return ".wav", _wav(sound * np.float32(10 ** rng.uniform(-7, -3)))


def _late(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    """A hit some time behind a noise that is no silence."""
    noise = np.float32(0.01) * np.random.default_rng(rng.getrandbits(32)).normal(size=rng.randrange(1, 60) * 4_410)
    return ".wav", _wav(np.concatenate([noise.astype(np.float32), sound]))


def _text(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    return rng.choice((".wav", ".flac", ".mp3", ".ogg")), rng.choice((b"<!doctype html><title>404</title>", b"not found\n"))


def _by_hand(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    cases = audio_files.hand_made()
    return rng.choice((".wav", ".flac", ".aif", ".mp3")), cases[rng.choice(sorted(cases))]()


def _at_random(sound: np.ndarray, rng: random.Random) -> tuple[str, bytes]:
    return rng.choice((".wav", ".flac")), rng.choice((audio_files.generated, audio_files.mutated))(rng)


DAMAGES: Mapping[str, Callable[[np.ndarray, random.Random], tuple[str, bytes]]] = {
    "cut off": _cut,
    "bits flipped": _bits,
    "header overwritten": _header,
    "length of gigabytes": _length,
    "damaged": _damaged,
    "made by hand": _by_hand,
    "made at random": _at_random,
    "quiet": _quiet,
    "late": _late,
    "not a number": _not_a_number,
    "text": _text,
    "empty": lambda sound, rng: (rng.choice((".wav", ".flac", ".aiff", ".ogg", ".mp3")), b""),
    "silence": lambda sound, rng: (".wav", _wav(np.zeros(rng.choice((1, 100, 44_100)), np.float32))),
    "constant": lambda sound, rng: (".wav", _wav(np.full(rng.choice((1_000, 44_100)), rng.uniform(0.1, 1), np.float32))),
    "click": lambda sound, rng: (
        ".wav",
        _wav(np.concatenate([np.ones(rng.randint(2, 40), np.float32), np.zeros(9_000, np.float32)])),
    ),
    "ten minutes": lambda sound, rng: (".wav", b""),
}
OFTEN = ("cut off", "bits flipped", "header overwritten", "length of gigabytes", "damaged", "made by hand", "made at random")


def plant(folder: Path, n: int, seed: int) -> dict[str, Planted]:
    """Fills a folder with n files; what they are, by their names below it."""
    planted = {}
    kinds = itertools.cycle(DAMAGES)
    of_label = Counter[str]()
    for number in range(n):
        rng = random.Random(f"sounds/{seed}/{number}")
        label = CLASSES[number % len(CLASSES)]
        sounds, lengths = _sounds(label, -(-n // len(CLASSES)))
        sound = sounds[of_label[label]][: lengths[of_label[label]]]
        of_label[label] += 1
        place = folder / label
        place.mkdir(exist_ok=True)
        if number % 4 == 0:
            suffix, content, much = whole(sound, rng)
            entry = Planted(number, "whole", sound if much else None)
        else:
            kind = rng.choice(OFTEN) if number % 4 == 1 else next(kinds)
            suffix, content = DAMAGES[kind](sound, rng)
            entry = Planted(number, kind)
        word = rng.choice(("hit", "Ünïcode", "it's", "a & b"))
        path = place / f"{number:05} {word} {chr(97 + number % 26)}{suffix}"
        path.write_bytes(content)
        if entry.kind == "ten minutes":
            _ten_minutes(path)
        planted[path.relative_to(folder).as_posix()] = entry
    return planted


def _ten_minutes(path: Path) -> None:
    """Ten minutes of one hit and silence, 53 MB of which the disk holds the first block."""
    size = 600 * 44_100 * 2
    head = audio_files.wav(audio_files._ramp(), declared=size)
    path.write_bytes(head[:4] + struct.pack("<I", 36 + size) + head[8:])
    os.truncate(path, 44 + size)


def run(n: int, seed: int, say: Callable[[str], None] = print) -> Row:
    """One folder of n files, prepared, loaded, and each file encoded."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name, "files"), Path(name, "data")
        folder.mkdir()
        planted = plant(folder, n, seed)
        line = [sys.executable, "-P", str(Path(__file__).with_name("sound_reader.py")), str(folder), str(out)]
        within = environment(JAX_PLATFORMS="cpu")
        done = subprocess.run(line, cwd=name, env=within, capture_output=True, text=True, check=False, timeout=60 + 2 * n)
        if done.returncode:
            failures = [f"all: the reader ended with {done.returncode}: {done.stderr[-1_000:].strip()}"] * n
            told: dict[str, Any] = {}
        else:
            told = json.loads(done.stdout.splitlines()[-1])
            failures = list(judged(planted, told, load_data(told["folder"])))
    for failure in failures[:20]:
        say(failure)
    details = {f"{what} taken": count for what, count in Counter(planted[file].kind for file in told.get("taken", ())).items()}
    details |= {name: told[name] for name in ("prepare_s", "encode_s", "most_mib", "encoded") if name in told}
    return Row("sounds", n - len(failures), n, seed, time.monotonic() - began, tuple(failures), details)


def judged(planted: Mapping[str, Planted], told: Mapping[str, Any], data: Any) -> list[str]:
    """For every file that was not withstood a line that says why."""
    assert isinstance(data, SoundSet)
    arrays = {
        str(name): audio[:length]
        for split in data.splits.values()
        for name, audio, length in zip(split["name"], split["audio"], split["length"], strict=True)
    }
    failures = []
    for name, entry in planted.items():
        if why := _why(name, entry, told, arrays):
            failures.append(f"#{entry.number} ({entry.kind}) {name}: {why}")
    if told["most_mib"] > MOST_MIB:
        failures.append(f"{told['most_mib']} MiB")
    return failures


def _why(name: str, entry: Planted, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Why a file was not withstood, "" where it was."""
    taken, copied, rejected = name in told["taken"], name in told["copies"], told["rejected"].get(name)
    if taken + copied + (rejected is not None) != 1:
        return f"told of {taken + copied + (rejected is not None)} times"
    if taken != (name in arrays):
        return "not in the data" if taken else "in the data, and not told of"
    if rejected and ("please report" in rejected or not 10 < len(rejected) < 3_000):
        return rejected
    verdict = told["verdicts"][name]
    if verdict not in ("code", "refused"):
        return f"encode: {verdict}"
    if entry.kind == "whole":
        if not taken:
            return f"a whole sound was lost: {rejected or 'as a copy'}"
        if verdict != "code":
            return "a whole sound was not encoded"
        if entry.sound is not None and (alike := correlation(entry.sound, arrays[name])) < ALIKE:
            return f"another sound, correlation {alike:.2f}"
    if taken:
        audio = arrays[name].astype(int)
        if np.abs(audio).max() != 32_767 or not 0 < len(audio) <= SAMPLES or not audio[-1]:
            return "a sound below full scale, or with silence at its end"
        if verdict != "code":
            return "taken as a sound, and not encoded"
    if entry.kind in SAID and (taken or copied or SAID[entry.kind] not in rejected):
        return f"expected {SAID[entry.kind]!r} to be said, found {rejected or 'a sound'}"
    return ""


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """The greatest normalised correlation over all delays, in eighths of a sample: files of another rate begin between samples."""
    size = 1 << (len(one) + len(other)).bit_length()
    spectra = [np.fft.rfft(x.astype(np.float64) / np.linalg.norm(x.astype(np.float64)), size) for x in (one, other)]
    return 8 * float(np.fft.irfft(spectra[0] * spectra[1].conj(), 8 * size).max())
