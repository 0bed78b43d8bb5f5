"""The boundary: every kind of path, text and sound that is not what was asked for, and the time that the worst files take."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from drumjax import boundary
from drumjax.boundary import (
    InputError,
    describe,
    file_sha256,
    list_files,
    read_audio,
    read_audio_comment,
    read_bytes,
    read_csv,
    read_json,
    read_midi,
    write_bytes,
)

TONE = np.sin(np.arange(4410) / 10).astype(np.float32) * 0.5


# The error.


def test_an_error_says_path_rule_found_and_remedy_in_one_line():
    error = InputError(Path("a.mid"), rule="a MIDI file", found="a WAV sound file", remedy="name another")
    assert str(error) == "a.mid: expected a MIDI file; found a WAV sound file; name another"
    assert (error.path, error.rule, error.found, error.remedy) == ("a.mid", "a MIDI file", "a WAV sound file", "name another")


def test_an_error_crosses_processes_whole():
    error = InputError("a.mid", rule="r", found="f", remedy="m")
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.rule) == (str(error), "r")


def test_what_a_file_says_reaches_no_terminal_as_control_characters():
    error = InputError("a\udcff.mid", rule="r", found="\x1b[2J\nline", remedy="m")
    assert str(error) == r"a\udcff.mid: expected r; found \x1b[2J\nline; m"


# Bytes in.


def read(path, **options):
    return read_bytes(path, **{"max_bytes": 10, "what": "a test file"} | options)


def test_a_file_up_to_the_cap_is_read_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert read(path) == b"0123456789"
    assert read(str(path)) == b"0123456789"
    with pytest.raises(InputError, match="a test file of at most 9 bytes; found 10 bytes"):
        read(path, max_bytes=9)


def test_paths_that_are_no_readable_file_are_refused(tmp_path):
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for name, found in [
        ("empty", "an empty file"),
        (".", "a folder"),
        ("fifo", "a pipe, socket or device"),
        ("/dev/null", "a pipe, socket or device"),
        ("none", "no such file"),
        ("a\0b", "null byte"),
        ("n" * 300, "too long"),
        ("loop", "levels of symbolic links"),
        ("empty/a", "Not a directory"),
    ]:
        with pytest.raises(InputError, match=found) as caught:
            read(os.path.join(tmp_path, name))
        assert str(caught.value).count("expected") == 1


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").write_bytes(b"1")
    monkeypatch.setattr(boundary, "open", denied, raising=False)  # chmod would not stop tests that run as root
    with pytest.raises(InputError, match="no permission to read it"):
        read(tmp_path / "a")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that opens and cannot be read")
@pytest.mark.parametrize(
    "reader", [read, file_sha256, lambda path: boundary.read_head(path, what="a thing"), boundary.read_midi_texts]
)
def test_a_file_that_opens_and_cannot_be_read_is_refused(reader):
    """As on a failing disk: the first page of a process's memory answers with an error of input and output."""
    with pytest.raises(InputError, match="Input/output error; check the disk"):
        reader("/proc/self/mem")


def test_sha256_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"MThd\0\0\0\6", "a MIDI file"),
        (b"RIFF....WAVE", "a WAV sound file"),
        (b"RIFF....AVI ", "a RIFF file"),
        (b"OggS\0", "an Ogg sound file"),
        (b"FORM....AIFF", "an AIFF sound file"),
        (b"\xff\xfb\x90", "an MP3 sound file"),
        (b"\xef\xbb\xbf [1]", "JSON text"),
        (b"<?xml version='1.0'?>", "a web page or XML (did a download save an error page?)"),
        (b"\xff\xfea\0", "UTF-16 text"),
        (b"\x01\x02\x03\xfe", "bytes that begin 01 02 03 fe"),
    ],
)
def test_content_is_named_by_its_first_bytes(data, kind):
    assert describe(data) == kind


@pytest.mark.parametrize(("head", "kind"), [(b"RIFF....WAVE", "a WAV sound file"), (b"\x89PNG", "a PNG picture")])
def test_a_large_file_that_is_no_midi_file_is_called_what_it_is(tmp_path, head, kind):
    (tmp_path / "a.mid").write_bytes(head + bytes(boundary.MIDI_BYTES))
    with pytest.raises(InputError, match=f"expected a standard MIDI file; found {kind}; name a .mid file"):
        boundary.read_midi(tmp_path / "a.mid")


def test_a_midi_file_that_is_too_large_is_told_its_size(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"MThd" + bytes(boundary.MIDI_BYTES))
    with pytest.raises(InputError, match="at most 1,572,864 bytes; found 1,572,868 bytes"):
        boundary.read_midi(tmp_path / "a.mid")


# Folders.


def test_files_are_listed_at_any_depth_sorted_and_by_suffix_in_any_case(tmp_path):
    for name in ("b/x.MID", "a.mid", "b/c/y.midi", "z.wav", ".hidden.mid", "._a.mid", ".git/a.mid", "b/mid"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [str(path.relative_to(tmp_path)) for path in list_files(tmp_path, (".mid", ".midi"))] == [
        "a.mid",
        "b/c/y.midi",
        "b/x.MID",
    ]


def test_links_are_followed_to_files_inside_the_folder_only(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.mid").touch()
    (inside / "b.mid").symlink_to(inside / "a.mid")
    (inside / "c.mid").symlink_to(outside / "a.mid")
    (inside / "d").symlink_to(outside)
    (inside / "e").symlink_to(inside)
    assert [path.name for path in list_files(inside, (".mid",))] == ["a.mid", "b.mid"]


def test_folders_that_are_missing_or_too_full_are_refused(tmp_path):
    (tmp_path / "a.mid").touch()
    (tmp_path / "b.mid").touch()
    assert len(list_files(tmp_path, (".mid",), max_files=2)) == 2
    with pytest.raises(InputError, match="at most 1 files"):
        list_files(tmp_path, (".mid",), max_files=1)
    with pytest.raises(InputError, match="no such folder"):
        list_files(tmp_path / "none", (".mid",))
    with pytest.raises(InputError, match="found a file"):
        list_files(tmp_path / "a.mid", (".mid",))


# Bytes out.


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a"]


def test_files_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "a")
    write_bytes(tmp_path / "link", b"1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").read_bytes() == b"1"


def test_places_that_take_no_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name, found in [("none/a", "no folder"), (".", "a folder"), ("fifo", "a pipe, socket or device"), ("n" * 300, "too long")]:
        with pytest.raises(InputError, match=found):
            write_bytes(tmp_path / name, b"1")
    with pytest.raises(InputError, match="a pipe, socket or device"):
        write_bytes("/dev/null", b"1")
    assert os.listdir(tmp_path) == ["fifo"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "a"
    write_bytes(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(InputError, match="File too large; free space"):
            write_bytes(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


# JSON.


@pytest.fixture
def read_text(tmp_path):
    def read_text(reader, content, **options):
        path = tmp_path / "a"
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return reader(path, **options)

    return read_text


@pytest.mark.parametrize("value", [None, 1.5, "ü[[[{", [1, {"a": []}], {"a": {"b": '\\"[['}}])
def test_json_values_come_back(read_text, value):
    assert read_text(read_json, json.dumps(value)) == value
    assert read_text(read_json, "\ufeff" + json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "an empty file"),
        ("{", "line 1, column 2"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6"),
        ("[1] [2]", "Extra data"),
        ("[NaN]", "finite numbers; found NaN"),
        ("[-Infinity]", "finite numbers; found -Infinity"),
        ("[1e999]", "finite numbers; found 1e999"),
        ('{"a": 1, "b": 2, "a": 3}', "each key once in an object; found 'a' twice"),
        ('["\\ud800"]', "half a surrogate pair"),
        ("[" + "9" * 5000 + "]", "JSON; found Exceeds the limit"),
        ('["unterminated \\"[[[', "JSON; found Unterminated string"),
        (b'["\xff"]', "in UTF-8; found byte 0xff at position 2"),
        ('["a"]'.encode("utf-16"), "in UTF-8; found UTF-16 text"),
        (b"RIFF\xff\xff\xff\xffWAVE", "in UTF-8; found a WAV sound file"),
        ("[" * 33 + "]" * 33, "nested at most 32 deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested at most 32 deep"),
    ],
)
def test_faulty_json_is_refused_with_the_place(read_text, content, message):
    with pytest.raises(InputError, match=message):
        read_text(read_json, content)


def test_json_depth_counts_brackets_outside_strings(read_text):
    value = {"a": ["[" * 100, '"' + "{" * 100, "\\"]}
    assert read_text(read_json, json.dumps(value), max_depth=2) == value
    with pytest.raises(InputError, match="at most 1 deep"):
        read_text(read_json, json.dumps(value), max_depth=1)


def test_json_caps_its_values_by_its_greatest_size(read_text):
    """Of 64 bytes: 8 commas, and 2 strings or brackets."""
    assert read_text(read_json, "[" + "1," * 8 + "1]", max_bytes=64) == [1] * 9
    with pytest.raises(InputError, match="JSON of at most 8 values; found more"):
        read_text(read_json, "[" + "1," * 9 + "1]", max_bytes=64)
    with pytest.raises(InputError, match="JSON of at most 2 strings and brackets; found more"):
        read_text(read_json, '["a"]', max_bytes=64)


def test_json_caps_its_size(read_text):
    with pytest.raises(InputError, match="at most 5 bytes"):
        read_text(read_json, "[1, 2]", max_bytes=5)


# CSV.


def test_csv_rows_come_back_by_column(read_text):
    text = '\ufeffname, genre\r\n"a, ""b""",techno\r\n\r\nü,\r\n'
    assert read_text(read_csv, text) == [{"name": 'a, "b"', "genre": "techno"}, {"name": "ü", "genre": ""}]
    assert read_text(read_csv, "a,b\n") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "an empty file"),
        ("\n1,2\n", "found a blank line|different name"),
        ("a;b\n1;2\n", "columns separated by commas"),
        ("a\tb\n1\t2\n", "columns separated by commas"),
        ("a,b,a\n", "a different name for each column"),
        ("a,,b\n", "a different name for each column"),
        ("a,b\n1,2\n1\n", "2 fields, as in the header; found 1 in line 3"),
        ("a,b\n1,2,3\n", "2 fields, as in the header; found 3 in line 2"),
        ('a,b\n"1,2\n', "unexpected end of data"),
        ("a,b\n1,\x00\n", "a zero byte"),
        ("a,b\n" + "x" * 200_000 + ",1\n", "field larger than field limit"),
        (",".join(map(str, range(5000))), "at most 4,096 columns"),
        (b"a,b\n\xff,1\n", "in UTF-8"),
    ],
)
def test_faulty_csv_is_refused_with_the_place(read_text, content, message):
    with pytest.raises(InputError, match=message):
        read_text(read_csv, content)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_be_separated_by_what_its_reader_allows(read_text, separator) -> None:
    text = separator.join("ab") + "\n" + separator.join(["1", '"2,;\t3"']) + "\n"
    assert read_text(read_csv, text, separators=",;\t") == [{"a": "1", "b": "2,;\t3"}]


def test_csv_caps_its_rows(read_text):
    assert len(read_text(read_csv, "a\n1\n2\n", max_rows=2)) == 2
    with pytest.raises(InputError, match="at most 2 rows"):
        read_text(read_csv, "a\n1\n2\n3\n", max_rows=2)


# Sound.


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [("wav", "PCM_16", 2**-15), ("wav", "FLOAT", 0), ("flac", "PCM_24", 2**-22), ("aiff", "PCM_16", 2**-15)],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_back(tmp_path, suffix, subtype, tolerance, channels):
    path = tmp_path / f"a.{suffix}"
    expected = np.stack([TONE, -TONE][:channels], axis=1)
    soundfile.write(path, expected, 22_050, subtype=subtype)
    samples, rate = read_audio(path)
    assert (samples.dtype, samples.shape, rate) == (np.float32, (4410, channels), 22_050)
    np.testing.assert_allclose(samples, expected, atol=tolerance)


def wav(samples: bytes, *, rate: int = 44_100, channels: int = 1, declared: int | None = None) -> bytes:
    """A 16-bit WAV file written out by hand."""
    declared = len(samples) if declared is None else declared
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", declared) + samples
    return b"RIFF" + struct.pack("<I", min(4 + 8 + 16 + 8 + declared, 2**32 - 1)) + body


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\0", "a MIDI file"),
        (b"<html>", "a web page"),
        (b"RIFF\0\0\0\0WAVE", "a WAV sound file"),
        (wav(b""), "0 frames"),
        (wav(bytes(100), rate=999), "found 999 Hz"),
        (wav(bytes(100), rate=800_000), "found 800,000 Hz"),
        (wav(bytes(33 * 2), channels=33), "1 to 32 channels; found 33"),
        (wav(bytes(100), declared=1000), "1,000 bytes of sound, as the header says; found 100: the file is cut off"),
        (wav(bytes(2 * 1000 * 61), rate=1000), "at most 60 s of sound; found 61.0 s"),
    ],
)
def test_faulty_sound_is_refused_with_what_is_wrong(tmp_path, data, message):
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_audio(path)


def test_a_wav_file_from_a_pipe_has_no_length_and_is_read(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(struct.pack("<100h", *range(100)), declared=2**32 - 1))
    samples, _ = read_audio(path)
    np.testing.assert_array_equal(samples[:, 0], np.arange(100, dtype=np.float32) / 2**15)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, value):
    soundfile.write(tmp_path / "a.wav", np.float32([0, value]), 44_100, subtype="FLOAT")
    with pytest.raises(InputError, match="NaN or infinity"):
        read_audio(tmp_path / "a.wav")


def test_a_flac_file_cut_off_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).uniform(-1, 1, 44_100), 44_100)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError):
        read_audio(tmp_path / "a.flac")


def test_flac_from_a_pipe_does_not_know_its_length_and_is_called_so(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, TONE, 44_100)
    content = bytearray(path.read_bytes())
    assert int.from_bytes(content[22:26], "big") == 4410  # the low bytes of STREAMINFO's number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(InputError, match="a file that says how long it is; found no length: was it written into a pipe"):
        read_audio(path)


@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "G721_32"), ("wav", "GSM610"), ("wav", "NMS_ADPCM_16"), ("aiff", "DWVW_16")]
)
def test_codings_that_take_long_are_refused(tmp_path, suffix, subtype):
    soundfile.write(tmp_path / f"a.{suffix}", TONE, 8_000, subtype=subtype)
    with pytest.raises(InputError, match="expected samples as numbers"):
        read_audio(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("name", ["a.caf", "a.au", "a.mat"])
def test_formats_that_no_one_asked_for_are_refused(tmp_path, name):
    kind = {"a.mat": "MAT5"}.get(name, name[2:].upper())
    soundfile.write(tmp_path / name, TONE, 8_000, format=kind)
    with pytest.raises(InputError, match="a sound file"):
        read_audio(tmp_path / name)


def test_sound_that_no_sum_could_hold_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.float32([0, -1e5]), 44_100, subtype="FLOAT")
    assert read_audio(tmp_path / "a.wav")[0].min() == np.float32(-1e5)
    soundfile.write(tmp_path / "a.wav", np.float32([0, -3e38]), 44_100, subtype="FLOAT")
    with pytest.raises(InputError, match=r"1,000,000 times full scale; found 3e\+38"):
        read_audio(tmp_path / "a.wav")


def test_sound_caps_its_file_and_its_samples(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", TONE, 44_100)
    with pytest.raises(InputError, match="at most 100 bytes"):
        read_audio(tmp_path / "a.wav", max_bytes=100)
    with pytest.raises(InputError, match=r"at most 0\.05 s"):
        read_audio(tmp_path / "a.wav", max_seconds=0.05)
    monkeypatch.setattr(boundary, "AUDIO_SAMPLES", 4409)
    with pytest.raises(InputError, match="at most 4,409 samples"):
        read_audio(tmp_path / "a.wav")


def test_a_raw_suffix_is_no_way_around_the_header(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(range(200)))
    with pytest.raises(InputError, match="a sound file"):
        read_audio(tmp_path / "a.raw")


def test_a_file_without_a_comment_has_an_empty_one(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE, 44_100)
    assert read_audio_comment(tmp_path / "a.wav") == ""


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_sound_gives_samples_or_an_input_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    suffix = data.draw(st.sampled_from(["wav", "flac", "ogg", "aiff"]))
    path = folder / f"a.{suffix}"
    soundfile.write(path, TONE[:500], 8_000)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, min(len(content) - 1, 120)), max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        samples, rate = read_audio(path)
    except InputError:
        return
    assert np.isfinite(samples).all()
    assert 1_000 <= rate <= 768_000


@pytest.mark.real_data
def test_the_shared_sounds_are_read(data_folder):
    files = list_files(data_folder, (".wav", ".flac"))[::20] + list_files(data_folder, (".mp3",))[::10]
    assert len(files) > 50
    for path in files:
        samples, rate = read_audio(path)
        expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
        np.testing.assert_array_equal(samples, expected)
        assert rate == 44_100


# Time: "at most 1 s each", here with room for a busy machine.


def midi(*tracks: bytes) -> bytes:
    header = b"MThd\0\0\0\6\0\1" + len(tracks).to_bytes(2, "big") + b"\1\xe0"
    return header + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in tracks)


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        (read_midi, midi(b"\0\x99\x24\x40" * boundary.MIDI_NOTES)),
        (read_midi, midi(b"\1\xff\x51\3\7\xa1\x20" * 8_000)),
        (read_midi, midi((b"\0\xff\1\x87\x68" + b"a" * 1000) * 1500)),
        (read_midi, midi((b"\0\xf0\x87\x68" + b"\1" * 1000) * 1500)),
        (read_json, b"[" + b"[]," * 130_000 + b"1]"),
        (read_json, b"[" + b"1e300," * 1_000_000 + b"1]"),
        (read_json, b'"' + b'\\"' * 1_000_000),
        (read_json, b"{" + b",".join(b'"%d":1' % i for i in range(180_000)) + b"}"),
        (read_csv, b",".join(b"%d" % i for i in range(4096)) + (b"\n" + b"," * 4095) * 250),
    ],
    ids=["notes", "tempi", "texts", "sysex", "lists", "numbers", "quotes", "keys", "fields"],
)
def test_the_worst_files_take_seconds_at_most(read_text, reader, content):
    start = time.process_time()
    with pytest.raises(InputError, match="Unterminated") if content.startswith(b'"') else contextlib.nullcontext():
        read_text(reader, content)
    assert time.process_time() - start < 2


def test_a_file_system_that_flushes_no_folders_is_no_fault(tmp_path, monkeypatch) -> None:
    def refuse(number: int):
        def fsync(handle: int) -> None:
            raise OSError(number, os.strerror(number))

        return fsync

    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    boundary.flush_directory(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        boundary.flush_directory(tmp_path)
