"""Whatever a path names that is no file to be read (a device without an end, a pipe without a writer, a folder, a socket) is
refused at once by every reader that the library has."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import drumjax
from drumjax.boundary import (
    InputError,
    file_sha256,
    read_audio,
    read_audio_comment,
    read_audio_shape,
    read_bytes,
    read_csv,
    read_head,
    read_json,
    read_midi,
    read_midi_texts,
)
from drumjax.datasets.load import load_data, load_patterns
from drumjax.datasets.npz import read_npz
from drumjax.datasets.sounds.files import read_clip
from drumjax.datasets.sounds.labels import read_sound_labels
from drumjax.datasets.sounds.sources import survey_sounds
from drumjax.datasets.sources import read_labels, survey
from drumjax.instruments.sound_codes import read_code
from drumjax.patterns import TR808, load_drum_map
from drumjax.patterns.classes import load_class_table
from drumjax.patterns.files import read_file_windows, read_patterns, read_windows
from drumjax.patterns.grid_files import read_grid_file
from drumjax.patterns.midi import read_midi_pattern
from drumjax.provenance import read_provenance
from drumjax.synth.kits import load_kit, read_one_shot

CORPUS = Path(__file__).resolve().parents[1] / "data" / "corpus"
Reader = Callable[[Path], Any]


def a_head(path: Path) -> bytes:
    return read_head(path, what="a file")


def some_bytes(path: Path) -> bytes:
    return read_bytes(path, max_bytes=10, what="a file")


def labelled(path: Path) -> Any:
    return survey(CORPUS, genres_csv=path)


def a_clip(path: Path) -> Any:
    return read_clip(path, 22_050, 22_015)


def a_kit(path: Path) -> Any:
    return load_kit(path, TR808)


READERS: dict[str, tuple[Reader, ...]] = {
    ".mid": (read_midi, read_midi_texts, read_midi_pattern, read_patterns, read_windows, read_file_windows, read_provenance),
    ".json": (read_json, read_grid_file, read_patterns, read_windows, load_drum_map, read_code),
    ".csv": (read_csv, read_grid_file, read_patterns, read_labels, labelled, read_sound_labels, load_class_table),
    ".wav": (read_audio, read_audio_comment, read_audio_shape, read_one_shot, a_clip, read_provenance),
    ".npz": (read_npz, load_patterns, load_data),
    "": (a_head, some_bytes, file_sha256, read_patterns, read_grid_file),
}
CASES = [(suffix, reader) for suffix, readers in READERS.items() for reader in readers]


def at_once(reader: Reader, path: Path) -> str:
    """What the reader's error says; a reader that is still at it after five seconds has failed."""
    outcome: list[Any] = []

    def read() -> None:
        try:
            outcome.append(reader(path))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert outcome, f"{reader.__name__} hangs"
    assert isinstance(outcome[0], InputError), repr(outcome[0])
    return outcome[0].found


@pytest.mark.parametrize(("suffix", "reader"), CASES)
def test_devices_without_an_end_and_pipes_without_a_writer_are_refused(suffix, reader, tmp_path) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    for name, target in (("zero", "/dev/zero"), ("null", "/dev/null"), ("to the pipe", f"pipe{suffix}")):
        (tmp_path / f"{name}{suffix}").symlink_to(target)
    for name in ("pipe", "zero", "null", "to the pipe"):
        found = at_once(reader, tmp_path / f"{name}{suffix}")
        assert found in ("a pipe, socket or device", "no such file or folder"), name


@pytest.mark.parametrize(("suffix", "reader"), CASES)
def test_folders_sockets_and_links_to_nowhere_are_refused(suffix, reader, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name has to be short
    Path(f"folder{suffix}").mkdir()
    Path(f"nowhere{suffix}").symlink_to("missing")
    Path(f"loop{suffix}").symlink_to(f"loop{suffix}")
    Path("file").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"socket{suffix}")
        for name in ("folder", "nowhere", "loop", "socket", "file/below"):
            assert at_once(reader, tmp_path / f"{name}{suffix}")


@pytest.mark.parametrize(
    ("suffix", "reader"), [*CASES, ("", survey), ("", survey_sounds), ("", load_patterns), ("", a_kit), ("", drumjax.load)]
)
def test_names_that_no_file_can_have_are_refused(suffix, reader, tmp_path) -> None:
    for name in (f"a\0b{suffix}", f"{'n' * 300}{suffix}", f"{'d/' * 3_000}a{suffix}"):
        assert at_once(reader, tmp_path / name)


def test_a_folder_of_pipes_and_devices_is_gone_through_at_once(tmp_path) -> None:
    for suffix in (".mid", ".json", ".csv", ".wav"):
        os.mkfifo(tmp_path / f"kick{suffix}")
        (tmp_path / f"snare{suffix}").symlink_to("/dev/zero")
        (tmp_path / f"hat{suffix}").symlink_to(f"kick{suffix}")
        (tmp_path / f"folder{suffix}").mkdir()
    assert "2 sound files, the first refused" in at_once(a_kit, tmp_path)  # the link to the device leads out of the folder
    outcome = survey(tmp_path)
    assert {rejection.found for rejection in outcome.rejections} == {"a pipe, socket or device"}
    assert not outcome.examples
    sounds = survey_sounds(tmp_path)
    assert {rejection.found for rejection in sounds.rejections} == {"a pipe, socket or device"}
    assert not sounds.sounds


def test_a_file_that_grows_while_it_is_read_is_read_up_to_the_cap(tmp_path) -> None:
    """`/proc` files give their size as 0 and go on for as long as they please."""
    endless = Path("/proc/self/environ")
    if not endless.exists():
        pytest.skip("no /proc")
    assert at_once(lambda path: read_bytes(path, max_bytes=1, what="a file"), endless)
