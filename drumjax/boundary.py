"""The one door for bytes from outside, and the way out for files: size caps, structural checks and one error type.

Every reader here gives a valid result or raises `InputError`, whatever the file holds: at most about 1 s and 256 MiB on two slow
cores. The caps below are set from measurements (some 300,000 notes of MIDI a second), far above the largest real file seen
(155 kB and 42,242 events).
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import mido
    import numpy as np

StrPath = str | PathLike[str]

MIDI_BYTES = 3 << 19
MIDI_NOTES = 1 << 17
"""1,024 measures of 64 steps with 128 hits each, half as many again as patterns have on average."""
MIDI_CHANGES = 1 << 13
"""Texts, names, tempi and time signatures, which take mido longer than notes."""
MIDI_TRACKS = 1024
MIDI_TEXT_BYTES = 2048
STEPS = 1 << 16
"""The longest grid that is read: 4,096 bars of 4/4, over two hours at 120 BPM."""
JSON_BYTES = 8 << 20
"""A step-grid file of 1,024 measures as a model decodes them, with microtiming."""
JSON_DEPTH = 32
_BYTES_A_VALUE, _BYTES_A_PART = 8, 32
"""A file may have this many of its greatest number of bytes for each comma, and for each string or bracket: lists of nothing take
Python 30 times the memory of their text, and a second for each 5 MB."""
CSV_BYTES = 1 << 20
CSV_ROWS = 50_000
CSV_COLUMNS = 4_096
AGAIN = ".again"
"""What `drumjax again` puts behind a file's name: snare.wav as snare.again.wav."""
AUDIO_SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
"""How the names of files end that `read_audio` reads; it goes by their content."""
AUDIO_BYTES = 256 << 20
AUDIO_SAMPLES = 16 << 20
AUDIO_CHANNELS = 32
AUDIO_PEAK = 1e6
"""How far a float file may exceed full scale: 120 dB. Sums and squares of what is louder are infinite."""


_LONGEST = 500
"""Characters of a rule, and of what was found instead, that an error keeps."""


class InputError(ValueError):
    """What a user gave does not keep a rule. Shown as one message, without a traceback; the command ends with exit code 2.

    Attributes:
      path: the file, folder or argument at fault.
      rule: what was expected.
      found: what was found instead.
      remedy: what to do about it.
    """

    def __init__(self, path: StrPath, *, rule: str, found: str, remedy: str) -> None:
        # A file may hold a megabyte in the place of a name: more than this is no help to anyone.
        rule, found = (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in (rule, found))
        self.path, self.rule, self.found, self.remedy = str(path), rule, found, remedy
        # What a file says must not reach a terminal as control characters, nor a name that is not UTF-8 as lone surrogates.
        message = f"{self.path}: expected {rule}; found {found}; {remedy}"
        super().__init__("".join(char if char.isprintable() else ascii(char)[1:-1] for char in message))

    def __reduce__(self) -> tuple[Any, tuple[str, str, str, str]]:
        # Exceptions are rebuilt from `args` when they cross a process boundary; ours has keyword arguments only.
        return _rebuild, (self.path, self.rule, self.found, self.remedy)


def _rebuild(path: str, rule: str, found: str, remedy: str) -> InputError:
    return InputError(path, rule=rule, found=found, remedy=remedy)


# Any file.


def _open_regular(path: StrPath, what: str) -> io.BufferedReader:
    """An open regular file; `InputError` for everything else that a path can name."""

    def fail(found: str, remedy: str) -> InputError:
        return InputError(path, rule=f"{what} that can be read", found=found, remedy=remedy)

    try:
        status = os.stat(path)  # before opening: opening a device may do something, opening a FIFO waits
        if stat.S_ISDIR(status.st_mode):
            raise fail("a folder", "name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise fail("a pipe, socket or device", "save what it gives to a file and name that")
        return open(path, "rb")
    except FileNotFoundError:
        raise fail("no such file", "check the spelling and the folder") from None
    except PermissionError:
        raise fail("no permission to read it", "change the file's permissions") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise fail(str(error), "check the name") from None


@contextlib.contextmanager
def _reading(path: StrPath, what: str) -> Iterator[io.BufferedReader]:
    """A regular file that is read inside; what the system says against that, as of a failing disk, becomes an InputError."""
    with _open_regular(path, what) as file:
        try:
            yield file
        except OSError as error:
            raise InputError(path, rule=f"{what} that can be read", found=str(error), remedy="check the disk") from None


@contextlib.contextmanager
def reading(path: StrPath, *, max_bytes: int, what: str) -> Iterator[BinaryIO]:
    """A regular file of 1 to `max_bytes` bytes, open to be read in parts; the rest as for `read_bytes`."""
    with _reading(path, what) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise _too_large(path, what, max_bytes, size)
        if not size:
            raise _empty(path, what)
        yield file


def _too_large(path: StrPath, what: str, max_bytes: int, size: int) -> InputError:
    rule, remedy = f"{what} of at most {max_bytes:,} bytes", "split it, or check that it is the right file"
    return InputError(path, rule=rule, found=f"{size:,} bytes", remedy=remedy)


def _empty(path: StrPath, what: str) -> InputError:
    return InputError(path, rule=what, found="an empty file", remedy="export or download it again")


def read_bytes(path: StrPath, *, max_bytes: int, what: str) -> bytes:
    """The whole content of a regular file.

    Args:
      path: the file.
      max_bytes: the most bytes that are accepted.
      what: what the file should be, with its article, for the message: "a MIDI file".

    Raises:
      InputError: when the file is missing, empty, too large, not readable, or no regular file.
    """
    with _reading(path, what) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _too_large(path, what, max_bytes, os.path.getsize(path))
    if not data:
        raise _empty(path, what)
    return data


def file_sha256(path: StrPath, *, max_bytes: int | None = None) -> str:
    """The SHA-256 of a regular file's content, in hexadecimal; `InputError` as in `read_bytes`.

    With `max_bytes`, an empty file or a larger one is refused by what the system says of its size, before it is read: what the
    system makes up while it is read (/proc) is empty by that.
    """
    with _reading(path, "a file") as file:
        size = os.fstat(file.fileno()).st_size
        if max_bytes is not None and not 0 < size <= max_bytes:
            rule, found = f"a file of 1 to {max_bytes:,} bytes", f"{size:,} bytes"
            raise InputError(path, rule=rule, found=found, remedy="check that it is the right file")
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_head(path: StrPath, *, what: str) -> bytes:
    """The first 256 bytes of a regular file, for telling what it is; `InputError` as in `read_bytes`."""
    with _reading(path, what) as file:
        head = file.read(256)
    if not head:
        raise _empty(path, what)
    return head


_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"MThd", "a MIDI file"),
    (b"fLaC", "a FLAC sound file"),
    (b"OggS", "an Ogg sound file"),
    (b"FORM", "an AIFF sound file"),
    (b"ID3", "an MP3 sound file"),
    (b"\xff\xfb", "an MP3 sound file"),
    (b"\xff\xf3", "an MP3 sound file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


def describe(data: bytes) -> str:
    """What a file seems to be by its first bytes, in words: "a WAV sound file"."""
    if data[:4] == b"RIFF":
        return {b"WAVE": "a WAV sound file", b"RMID": "a MIDI file inside a RIFF file (RMID)"}.get(data[8:12], "a RIFF file")
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    head = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "a web page or XML (did a download save an error page?)"
    if head.startswith((b"{", b"[")):
        return "JSON text"
    if not data.strip(b"\0"):
        return "nothing but zero bytes"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:64]):
        return f"text that begins {data[:32].decode('ascii').strip()!r}"
    return f"bytes that begin {data[:8].hex(' ')}"


def list_files(folder: StrPath, suffixes: Sequence[str], max_files: int = 100_000) -> list[Path]:
    """The files below a folder whose names end in one of `suffixes`, sorted by path.

    Names that begin with a dot are left out (macOS leaves `._name.mid` beside `name.mid`). Linked folders are not entered; a linked
    file counts when it lies inside the folder.

    Args:
      folder: where to look, at any depth.
      suffixes: with their dots, in lower case: `(".mid", ".midi")`; the case of names does not matter.
      max_files: the most entries, of any name, that are looked at.

    Raises:
      InputError: when there is no such folder, or when it holds more than `max_files` entries.
    """
    root = Path(folder)
    if not os.path.isdir(root):  # unlike Path.is_dir, False for a name with a NUL
        found = "a file" if os.path.exists(root) else "no such folder"
        raise InputError(folder, rule="a folder", found=found, remedy="check the spelling")
    real_root = os.path.realpath(root)
    paths: list[Path] = []
    seen = 0
    for where, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen += len(folders) + len(names)
        if seen > max_files:
            raise InputError(
                folder,
                rule=f"a folder of at most {max_files:,} files and folders",
                found="more",
                remedy="name the sub-folder that holds the data",
            )
        for name in names:
            path = Path(where, name)
            if name.startswith(".") or not name.lower().endswith(tuple(suffixes)):
                continue
            if path.is_symlink() and not os.path.realpath(path).startswith(real_root + os.sep):
                continue
            paths.append(path)
    return sorted(paths)


def write_bytes(path: StrPath, data: bytes, *, lasting: bool = False) -> None:
    """Writes a file whole or not at all, see `writing`; `data` is all of its content."""
    with writing(path, lasting=lasting) as file:
        file.write(data)


@contextlib.contextmanager
def writing(path: StrPath, *, lasting: bool = False) -> Iterator[BinaryIO]:
    """A new file that is written inside, whole or not at all: a temporary file beside it, renamed at the end.

    A linked file is replaced where it lies. Whatever is raised inside leaves what was there before.

    Args:
      path: the file.
      lasting: wait for the disk, so that this holds when the machine itself dies, and not only the process.

    Raises:
      InputError: when the folder does not exist or cannot be written, when the path names something other than a regular file, and
        when the disk is full.
    """

    def fail(found: str, remedy: str) -> InputError:
        return InputError(path, rule="a place to write a file", found=found, remedy=remedy)

    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.exists(target) and not os.path.isfile(target):
        raise fail("a folder" if os.path.isdir(target) else "a pipe, socket or device", "name a file")
    if not os.path.isdir(folder):
        raise fail(f"no folder {folder}", "make the folder first, or name another")
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: its files are readable by their owner only, ours follow the umask like any other.
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "wb") as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, target)
        if lasting:
            flush_directory(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        raise fail(error.strerror or str(error), "free space or choose another folder") from None


def flush_directory(folder: StrPath) -> None:
    """Waits until the names in a folder are on the disk: a new file's content may be there and its name not.

    Some file systems know no flushing of folders (EINVAL, ENOTSUP) and keep names in order by themselves.

    Raises:
      OSError: when the folder cannot be opened or the disk fails.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


# Text.


def _read_text(path: StrPath, max_bytes: int, what: str) -> str:
    data = read_bytes(path, max_bytes=max_bytes, what=what)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = describe(data)
        if found.startswith(("bytes", "text", "JSON")):
            found = f"byte 0x{data[error.start]:02x} at position {error.start}"
        raise InputError(path, rule=f"{what} in UTF-8", found=found, remedy="save it as UTF-8 text") from None


# An unterminated string runs to the end, so that no input makes the scan start over at each of its quotes.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_JSON_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(path: StrPath, *, max_bytes: int = JSON_BYTES, max_depth: int = JSON_DEPTH) -> Any:
    """The value of a JSON file: strict UTF-8 (a byte order mark is allowed), numbers finite, the keys of an object unique.

    Args:
      path: the file.
      max_bytes: the largest file that is read.
      max_depth: the deepest nesting, counted before anything is parsed.

    Raises:
      InputError: when the file breaks one of these rules or is no JSON; the message gives the line.
    """
    text = _read_text(path, max_bytes, "a JSON file")
    return parse_json(path, text, max_depth=max_depth, max_values=max_bytes // _BYTES_A_VALUE)


def parse_json(path: StrPath, text: str, *, max_depth: int = JSON_DEPTH, max_values: int = JSON_BYTES // _BYTES_A_VALUE) -> Any:
    """The value of JSON text that stands in a file of another kind; rules and errors are those of `read_json`.

    Args:
      path: the file, for messages.
      text: of a length that its caller has limited.
      max_depth: the deepest nesting.
      max_values: the most commas; of strings, keys and brackets together a fourth of that.
    """

    def fail(rule: str, found: str, remedy: str = "correct the file") -> InputError:
        return InputError(path, rule=rule, found=found, remedy=remedy)

    if text.count(",") > max_values:
        raise fail(f"JSON of at most {max_values:,} values", "more", "split the file")
    depth = 0
    max_parts = max_values * _BYTES_A_VALUE // _BYTES_A_PART
    for part, token in enumerate(_JSON_TOKEN.finditer(text)):
        if part == max_parts:
            raise fail(f"JSON of at most {max_parts:,} strings and brackets", "more", "split the file")
        first = text[token.start()]
        depth += (first in "[{") - (first in "]}")
        if depth > max_depth:
            raise fail(f"JSON nested at most {max_depth} deep", "deeper nesting", "flatten the file")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, inner in pairs:
            if key in value:
                raise fail("each key once in an object", f"{key[:60]!r} twice")
            value[key] = inner
        return value

    def finite(literal: str) -> float:
        number = float(literal)
        if number - number != 0:
            raise fail("finite numbers", literal[:40])
        return number

    def constant(literal: str) -> float:
        raise fail("finite numbers", literal)

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=constant)
        if _JSON_SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair could not be printed or written
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise fail("JSON", f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeEncodeError:
        raise fail("JSON strings of whole characters", "half a surrogate pair (\\ud800 to \\udfff)") from None
    except (ValueError, RecursionError) as error:  # a number of more than 4,300 digits
        raise fail("JSON", str(error)) from None
    return value


def read_csv(path: StrPath, *, max_bytes: int = CSV_BYTES, max_rows: int = CSV_ROWS, separators: str = ",") -> list[dict[str, str]]:
    """The rows of a comma-separated file in UTF-8 whose first line names its columns; blank lines are passed over.

    Args:
      path: the file.
      max_bytes: of a larger one nothing is read.
      max_rows: under the header.
      separators: what may stand between columns; it is the one that the first line has most of.

    Raises:
      InputError: when the file is no such table: no header, a column named twice or not at all, a row with more or fewer fields
        than the header, too many rows or columns; the message gives the line.
    """
    text = _read_text(path, max_bytes, "a CSV file")

    def fail(rule: str, found: str, remedy: str = "correct the file") -> InputError:
        return InputError(path, rule=rule, found=found, remedy=remedy)

    if "\0" in text:
        raise fail("a CSV file", "a zero byte", "save it as UTF-8 text")
    separator = max(separators, key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    rows: list[dict[str, str]] = []
    try:
        header = list(reader.fieldnames or ())
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            raise fail("columns separated by commas", f"the header {header[0][:60]!r}", "save it with commas")
        if not any(name.strip() for name in header):
            raise fail("a first line that names the columns", "a blank line")
        if len(header) > CSV_COLUMNS:
            raise fail(f"at most {CSV_COLUMNS:,} columns", f"{len(header):,}")
        reader.fieldnames = header = [name.strip() for name in header]
        if len(set(header)) < len(header) or "" in header:
            raise fail("a different name for each column", f"the header {','.join(header)[:80]!r}", "name each column once")
        for row in reader:
            if None in row or None in row.values():
                size = sum(value is not None for name, value in row.items() if name is not None) + len(row.get(None) or ())
                raise fail(f"{len(header)} fields, as in the header", f"{size} in line {reader.line_num}")
            if len(rows) == max_rows:
                raise fail(f"at most {max_rows:,} rows", "more", "split the file")
            rows.append(row)
    except csv.Error as error:
        raise fail("a CSV file", f"{error} in line {reader.line_num}") from None
    return rows


# MIDI.


def read_midi(path: StrPath) -> mido.MidiFile:
    """A standard MIDI file of format 0, 1 or 2 with its time in ticks a quarter note.

    The chunks and events are walked here, since mido's own reader raises six kinds of exception, takes a header that declares
    65,535 tracks for an empty song, and takes twice as long. What nothing in the library reads, and what broken files are often
    broken in, is left out: the ends of notes (a drum has none), controllers and other channel messages, system exclusive messages,
    unknown chunks, and meta events other than texts (up to 2,048 bytes), track names, tempi, time signatures and the end of track.

    Returns:
      The file as mido has it, texts as latin-1.

    Raises:
      InputError: when the file is something else, is cut off, contradicts itself, counts time in SMPTE frames, or is larger than
        the caps of this module: 1.5 MiB, 131,072 notes, 8,192 texts and changes of tempo or metre, 1,024 tracks, 65,536 sixteenths.
    """
    import mido

    head = read_head(path, what="a MIDI file")  # what it is goes before how large it is: nobody can split a sound into MIDI files
    if not head.startswith(b"MThd"):
        raise InputError(
            path, rule="a standard MIDI file", found=describe(head), remedy="name a .mid file; sound has to be transcribed first"
        )
    data = read_bytes(path, max_bytes=MIDI_BYTES, what="a MIDI file")

    def fail(rule: str, found: str, remedy: str = "export it again from your sequencer") -> InputError:
        return InputError(path, rule=rule, found=found, remedy=remedy)

    if len(data) < 14:
        raise fail("a MIDI header of 14 bytes", f"{len(data)} bytes: the file is cut off")
    header_length = int.from_bytes(data[4:8], "big")
    midi_format, tracks, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if header_length < 6 or 8 + header_length > len(data):
        raise fail("a MIDI header that fits its file", f"a header length of {header_length:,}")
    if midi_format > 2:
        raise fail("MIDI format 0, 1 or 2", f"format {midi_format}")
    if division >= 0x8000:
        raise fail(
            "time in ticks a quarter note",
            f"SMPTE time ({256 - (division >> 8)} frames a second, {division & 255} ticks a frame)",
            "export it with a resolution in ticks a quarter note (PPQ)",
        )
    if division == 0:
        raise fail("at least 1 tick a quarter note", "0")
    if not 1 <= tracks <= MIDI_TRACKS:
        raise fail(f"1 to {MIDI_TRACKS:,} tracks", f"{tracks:,} declared in the header")

    read: list[mido.MidiTrack] = []
    position, notes, changes = 8 + header_length, 0, 0
    while position + 8 <= len(data):
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8
        if kind == b"MTrk":
            if position + length > len(data):
                raise fail(
                    f"{length:,} bytes of track {len(read) + 1}",
                    f"{len(data) - position:,}: the file is cut off",
                    "get the whole file",
                )
            kept, notes, changes = _read_track(data, position, position + length, division, len(read) + 1, notes, changes, fail)
            read.append(kept)
        elif len(read) == tracks:
            break  # what stands behind the last track is padding or another program's notes
        position += length
    if len(read) != tracks:
        raise fail(f"the {tracks:,} tracks that the header declares", f"{len(read):,}", "get the whole file, or export it again")
    return mido.MidiFile(type=midi_format, ticks_per_beat=division, tracks=read)


MIDI_HEAD_BYTES = 16 << 10


def read_midi_texts(path: StrPath) -> list[str]:
    """The text events of a MIDI file's first track that stand before its first note, as latin-1.

    Of a file of any length only the first 16 KiB are read, so that a piece too long for `read_midi` still tells what it is. Where
    the events cannot be read on, there are no more texts.

    Raises:
      InputError: when it is no regular file or begins otherwise than a MIDI file.
    """
    with _reading(path, "a MIDI file") as file:
        data = file.read(MIDI_HEAD_BYTES)
    if not data.startswith(b"MThd") or len(data) < 14:
        raise InputError(path, rule="a MIDI file", found=describe(data) if data else "an empty file", remedy="name a .mid file")
    position = 8 + int.from_bytes(data[4:8], "big")
    texts: list[str] = []

    try:
        while data[position : position + 4] != b"MTrk":
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "big")
            if position >= len(data):
                return []
        position += 8
        while True:
            _, position = _number(data, position)  # the time since the event before it
            first = data[position]
            if first not in (0xF0, 0xF7, 0xFF):
                return texts
            kind = data[position + 1] if first == 0xFF else None
            size, position = _number(data, position + (1 if kind is None else 2))
            content = data[position : position + size]
            position += size
            if kind == 0x2F or len(content) < size:
                return texts
            if kind == 0x01 and size <= MIDI_TEXT_BYTES:
                texts.append(content.decode("latin-1"))
    except (IndexError, ValueError):
        return texts


def _number(data: bytes, position: int) -> tuple[int, int]:
    """A MIDI variable-length number and where it ends; IndexError at the data's end, ValueError for one of more than 4 bytes."""
    value = 0
    for end in range(position + 1, position + 5):
        byte = data[end - 1]
        value = value << 7 | byte & 127
        if byte < 128:
            return value, end
    raise ValueError("a number of more than 4 bytes")


_KEPT_META = frozenset((0x01, 0x03, 0x2F, 0x51, 0x58))


def _meta(kind: int, content: bytes) -> dict[str, Any]:
    """What mido calls a meta event, and its fields."""
    if kind == 0x51:
        return {"type": "set_tempo", "tempo": int.from_bytes(content, "big")}
    if kind == 0x58:
        names = ("numerator", "denominator", "clocks_per_click", "notated_32nd_notes_per_beat")
        return {"type": "time_signature"} | dict(zip(names, (content[0], 2 ** content[1], *content[2:]), strict=True))
    text = content.decode("latin-1")
    return {"type": "text", "text": text} if kind == 0x01 else {"type": "track_name", "name": text}


def _read_track(
    data: bytes, position: int, end: int, division: int, track: int, notes: int, changes: int, fail: Any
) -> tuple[mido.MidiTrack, int, int]:
    """A track's kept events, their times counted over the others; and how many notes and other events there are so far."""
    from mido import Message, MetaMessage, MidiTrack

    max_ticks = STEPS * division // 4
    kept = MidiTrack()
    status = ticks = pending = 0

    def number() -> int:
        nonlocal position
        try:
            value, position = _number(data, position)
        except ValueError:
            raise fail("numbers of at most 4 bytes", f"a longer one in track {track} at byte {position + 4:,}") from None
        return value

    try:
        while position < end:
            delta = data[position]
            if delta < 128:
                position += 1
            else:
                delta = number()
            ticks += delta
            pending += delta
            if ticks > max_ticks:
                raise fail(
                    f"at most {STEPS:,} sixteenths of music", f"more in track {track}", "split the song or correct its times"
                )
            first = data[position]
            if first < 0xF0:
                if first >= 128:
                    status = first
                    position += 1
                elif status == 0:
                    raise fail("a status byte before the first data", f"none in track {track} at byte {position:,}")
                size = 1 if 0xC0 <= status < 0xE0 else 2
                if data[position] > 127 or data[position + size - 1] > 127:
                    raise fail("data bytes under 128", f"another in track {track} at byte {position:,}: the file is damaged")
                if 0x90 <= status < 0xA0 and data[position + 1]:  # of velocity 0 it ends a note
                    notes += 1
                    if notes > MIDI_NOTES:
                        raise fail(f"at most {MIDI_NOTES:,} notes", "more", "split the song, or leave out tracks without drums")
                    note, velocity = data[position], data[position + 1]
                    # Unchecked, which takes half the time: the ranges are known to be kept.
                    kept.append(Message("note_on", True, channel=status & 15, note=note, velocity=velocity, time=pending))
                    pending = 0
                position += size
            elif first == 0xFF:
                kind = data[position + 1]
                position += 2
                size = number()
                content = data[position : position + size]
                position += size
                if position > end:
                    break
                size_is_right = {0x2F: size == 0, 0x51: size == 3, 0x58: size == 4}.get(kind, size <= MIDI_TEXT_BYTES)
                if kind in _KEPT_META:
                    if not size_is_right:
                        if kind in (0x01, 0x03):
                            continue
                        raise fail(
                            "tempo, time signature and end of their sizes", f"{size} bytes in track {track} at byte {position:,}"
                        )
                    if kind == 0x58 and not (1 <= content[0] <= 64 and content[1] <= 6):
                        raise fail(
                            "a time signature of 1 to 64 beats of 1/1 to 1/64", f"{content[0]}/2^{content[1]} in track {track}"
                        )
                    if kind == 0x51 and not any(content):
                        raise fail("a tempo above 0 microseconds a quarter note", f"0 in track {track}")
                    if kind == 0x2F:
                        position = end  # what follows the end of the track is padding
                        break
                    changes += 1
                    if changes > MIDI_CHANGES:
                        raise fail(
                            f"at most {MIDI_CHANGES:,} texts and changes of tempo or metre", "more", "leave out the automation"
                        )
                    kept.append(MetaMessage(**_meta(kind, content), time=pending))
                    pending = 0
            elif first in (0xF0, 0xF7):
                position += 1
                size = number()
                position += size
            else:
                raise fail("MIDI events", f"the status byte 0x{first:02x} in track {track} at byte {position:,}")
    except IndexError:
        position = end + 1  # the last track of the file ends inside an event
    if position > end:
        raise fail(
            "events that fit their track", f"one that runs over the end of track {track}: the file is damaged", "get the file again"
        )
    kept.append(MetaMessage("end_of_track", time=pending))
    return kept, notes, changes


# Sound.


_SOUNDS = (b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b"ID3")
"""What sound files begin with. libsndfile reads a dozen more, of machines long gone, whose readers nobody has tried to break."""
_CODINGS = frozenset(("FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "VORBIS", "OPUS"))
"""How samples may be written, beside PCM and MPEG. Not in the codings of telephones: a minute of G.721 can take five seconds."""


@contextlib.contextmanager
def _open_sound(path: StrPath, max_bytes: int) -> Iterator[Any]:
    """An open `soundfile.SoundFile` whose errors are `InputError`."""
    import soundfile

    def fail(found: str, remedy: str) -> InputError:
        return InputError(path, rule="a sound file (WAV, FLAC, AIFF, OGG, MP3)", found=found, remedy=remedy)

    with _open_regular(path, "a sound file") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(4096)
        if not head:
            raise fail("an empty file", "export or download it again")
        if size > max_bytes:
            raise InputError(
                path,
                rule=f"a sound file of at most {max_bytes:,} bytes",
                found=f"{size:,} bytes",
                remedy="cut it to the part you need",
            )
        if not head.startswith(_SOUNDS) and not (head[0] == 0xFF and head[1:2] >= b"\xe0"):  # the last is a frame of MP3
            raise fail(describe(head), "convert it to WAV or FLAC")
        _check_wav_size(path, file, head, size)
        # By its descriptor: through a Python object, soundfile prints a traceback of its own for each seek outside a damaged file.
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        try:
            with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
                yield sound
        except (soundfile.SoundFileError, RuntimeError) as error:
            found = describe(head)
            reason = str(error).rsplit(": ", 1)[-1].strip(" .") or type(error).__name__
            raise fail(f"{found} ({reason})", "convert it to WAV or FLAC") from None


def _check_wav_size(path: StrPath, file: BinaryIO, head: bytes, size: int) -> None:
    """Refuses a WAV file that is shorter than its data chunk says: libsndfile would shorten the sound in silence."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return
    position = 12
    for _ in range(64):
        file.seek(position)
        chunk = file.read(8)
        if len(chunk) < 8:
            return
        length = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"data":
            # Programs that write into a pipe cannot know the length and leave it at the greatest there is.
            if length < 0x7FFFF000 and position + 8 + length > size:
                raise InputError(
                    path,
                    rule=f"{length:,} bytes of sound, as the header says",
                    found=f"{size - position - 8:,}: the file is cut off",
                    remedy="get the whole file",
                )
            return
        position += 8 + length + length % 2


def read_audio(path: StrPath, *, max_seconds: float = 60.0, max_bytes: int = AUDIO_BYTES) -> tuple[np.ndarray, int]:
    """The samples of a sound file: WAV (RF64 and W64 too), FLAC, AIFF, Ogg or MP3.

    Args:
      path: the file.
      max_seconds: the longest sound that is accepted.
      max_bytes: the largest file that is accepted.

    Returns:
      float32 (frames, channels), full scale ±1 (float files may exceed it), and the sample rate in Hz.

    Raises:
      InputError: when the file is something else, is cut off, holds no frames, NaN, infinity or a sample above 1,000,000 times
        full scale, has a rate outside 1,000 to 768,000 Hz, more than 32 channels, or more sound than the caps allow.
    """
    import numpy as np

    def fail(rule: str, found: str, remedy: str) -> InputError:
        return InputError(path, rule=rule, found=found, remedy=remedy)

    with _open_sound(path, max_bytes) as sound:
        rate, channels, frames = sound.samplerate, sound.channels, sound.frames
        if sound.subtype not in _CODINGS and not sound.subtype.startswith(("PCM", "MPEG")):
            raise fail(
                "samples as numbers (PCM, float), ADPCM, FLAC, Vorbis, Opus or MP3", sound.subtype_info, "convert it to WAV or FLAC"
            )
        if not 1_000 <= rate <= 768_000:
            raise fail("a sample rate of 1,000 to 768,000 Hz", f"{rate:,} Hz", "export it again, usually at 44,100 Hz")
        if not 1 <= channels <= AUDIO_CHANNELS:
            raise fail(f"1 to {AUDIO_CHANNELS} channels", f"{channels}", "export it in mono or stereo")
        if frames < 1:
            raise fail("at least one frame of sound", "0 frames", "export it again")
        if frames > 1 << 62:  # libsndfile cannot seek in such a file
            raise fail("a file that says how long it is", "no length: was it written into a pipe?", "convert it to WAV")
        if frames > max_seconds * rate:
            raise fail(f"at most {max_seconds:g} s of sound", f"{frames / rate:,.1f} s", "cut it to the part you need")
        if frames * channels > AUDIO_SAMPLES:
            raise fail(f"at most {AUDIO_SAMPLES:,} samples", f"{frames * channels:,}", "cut it, or export it in mono")
        samples = sound.read(frames, dtype="float32", always_2d=True)
        # An MP3 file does not say how long it is: libsndfile's guess was 3,900 frames too high in real ones.
        if len(samples) != frames and (sound.format != "MP3" or not len(samples)):
            raise fail(f"{frames:,} frames, as the header says", f"{len(samples):,}: the file is cut off", "get the whole file")
    if not np.isfinite(samples).all():
        raise fail("finite samples", "NaN or infinity", "export it again, without the faulty effect")
    if (peak := max(-samples.min(), samples.max())) > AUDIO_PEAK:
        raise fail(f"samples up to {AUDIO_PEAK:,.0f} times full scale", f"{peak:.3g}", "export it again at a usual level")
    return samples, rate


class AudioShape(NamedTuple):
    """How long a sound file says that it is: frames, channels, and frames a second."""

    frames: int
    channels: int
    sample_rate_hz: int


def read_audio_shape(path: StrPath, *, max_bytes: int = 8 << 30) -> AudioShape:
    """What a sound file's header says of its length; the sound itself is not read.

    Raises:
      InputError: when the file is no sound file.
    """
    with _open_sound(path, max_bytes) as sound:
        return AudioShape(sound.frames, sound.channels, sound.samplerate)


def read_audio_comment(path: StrPath, *, max_bytes: int = 8 << 30) -> str:
    """The comment of a WAV or FLAC file, "" where there is none; the sound itself is not read.

    Raises:
      InputError: when the file is no sound file.
    """
    with _open_sound(path, max_bytes) as sound:
        return sound.comment
