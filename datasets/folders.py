"""Prepared data on disk: a TFDS folder that names its source's hash, with a card of ours beside TFDS's own files.

    DIR/BUILDER/folder_0123456789abcdef/1.0.0/{*.array_record*, dataset_info.json, features.json, drumjax.json}

The folder is made in a temporary place inside DIR, read back, and renamed into place: what can be loaded is whole. Data that are
there already are never written over.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from drumjax.boundary import InputError, write_bytes
from drumjax.datasets.info import CARD
from drumjax.datasets.kinds import Info
from drumjax.datasets.load import prepared_folders, read_card, verify_folder

TEMPORARY = ".building-"


def already(out: Path, info: Info, content: str | None) -> Path | None:
    """The same data below `out`, None where there are none; data of another kind may lie beside them.

    Args:
      out: the folder.
      info: what the data are.
      content: the hash of what is in them; None where that is not known before they are written.

    Raises:
      InputError: something else of this kind lies there.
    """
    for folder in prepared_folders(out) if out.is_dir() else []:
        card = read_card(folder)
        if card["info"].kind != info.kind:
            continue
        same_source = card["info"].source_sha256 == info.source_sha256
        if same_source and content in (None, card["content_sha256"]):
            return folder
        raise InputError(
            out,
            rule="a folder without other prepared data of this kind",
            found=f"{folder.relative_to(out)}, made from "
            + ("the same source by another version" if same_source else f"{card['info'].name!r} with other files or options"),
            remedy="name another folder with -o, or remove that one",
        )
    return None


def write_folder(
    out: Path,
    info: Info,
    content: str | None,
    make_builder: Callable[[Path], Any],
    card: Callable[[Path], Mapping[str, Any]],
    **options: Any,
) -> tuple[Path, bool]:
    """Writes prepared data below `out`, or finds that they are there already.

    Args:
      out: the folder, which is made.
      info: what the data are.
      content: the hash of what is in them, see `already`.
      make_builder: the TFDS builder that writes them into a folder.
      card: gives what `drumjax.json` says, from the folder as TFDS has written it.
      **options: of the builder's `download_and_prepare`.

    Returns:
      The TFDS version folder, and whether it is new.

    Raises:
      InputError: another data set lies there, or the folder cannot be written.
    """
    try:
        made = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        try:
            return _write(out, make_builder, card, options), True
        finally:
            for empty in made:  # of a build that failed nothing is left, the folders that were made for it included
                with contextlib.suppress(OSError):
                    empty.rmdir()
    except OSError as error:
        if there := already(out, info, content):  # another process was faster
            return there, False
        raise unwritable(out, error) from error


def unwritable(out: Path, error: OSError) -> InputError:
    """What to say where prepared data cannot be written."""
    return InputError(
        out, rule="a folder to write prepared data to", found=error.strerror or str(error), remedy="name another with -o"
    )


def _write(
    out: Path, make_builder: Callable[[Path], Any], card: Callable[[Path], Mapping[str, Any]], options: Mapping[str, Any]
) -> Path:
    for stale in out.glob(f"{TEMPORARY}*"):  # of builds that were killed; a day is longer than any build takes
        if time.time() - stale.stat().st_mtime > 86_400:
            shutil.rmtree(stale, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=out))
    try:
        with _quiet(), _sorting_on_disk():
            builder = make_builder(temporary)
            try:
                builder.download_and_prepare(**options)
            except RuntimeError as error:  # how array_record says that the disk is full
                if "write() failed" not in str(error):
                    raise
                raise OSError(str(error).partition("write() failed: ")[2].partition(";")[0]) from error
        folder = Path(builder.data_dir)
        write_bytes(folder / CARD, json.dumps(card(folder), indent=1).encode())
        verify_folder(folder)
        name = folder.relative_to(temporary).parts[0]
        os.rename(temporary / name, out / name)
        return out / folder.relative_to(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS prints where it writes, with several bars, and absl warns of every configuration that is not in the class."""
    absl = logging.getLogger("absl")  # there since TFDS was imported
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        absl.setLevel(level)


@contextlib.contextmanager
def _sorting_on_disk() -> Iterator[None]:
    """TFDS sorts the examples of a split by a hash of their keys: up to 1 GB of them in memory, and more than that in files that it
    opens with TensorFlow alone. Here all of them wait in one file, and only their places are sorted.

    The class below has all that TFDS's writer asks of its own, and nothing of what is private to it.
    """
    from tensorflow_datasets.core import hashing, shuffle

    class OnDisk:
        """The same order, whatever the size."""

        def __init__(self, dirpath: Any, hash_salt: Any, disable_shuffling: bool = False, ignore_duplicates: bool = False) -> None:
            if disable_shuffling or ignore_duplicates:
                raise NotImplementedError("examples in another order than that of their keys' hash, or some twice")
            self._hasher = hashing.Hasher(hash_salt)
            self._file = tempfile.TemporaryFile(dir=dirpath)  # noqa: SIM115 - it goes with this object
            self._places: list[tuple[int, int, int]] = []
            self.size = 0

        @property
        def num_examples(self) -> int:
            return len(self._places)

        @property
        def bucket_lengths(self) -> list[int]:
            return [len(self._places)]

        def add(self, key: Any, data: bytes) -> None:
            self._places.append((self._hasher.hash_key(key), self.size, len(data)))
            self._file.write(data)
            self.size += len(data)

        def __iter__(self) -> Iterator[tuple[int, bytes]]:
            earlier: tuple[int, bytes] | None = None
            for hkey, start, size in sorted(self._places):
                self._file.seek(start)
                data = self._file.read(size)
                if earlier and earlier[0] == hkey:
                    raise shuffle.DuplicatedKeysError(data, earlier[1])
                yield (earlier := (hkey, data))

    before = shuffle.Shuffler
    shuffle.Shuffler = OnDisk
    try:
        yield
    finally:
        shuffle.Shuffler = before
