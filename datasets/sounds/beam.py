"""Preparing one-shots as Apache Beam pipelines, for collections beyond one machine: the extra `[beam]`.

Two pipelines, both of whose workers see the source and the output under the same paths (a shared disk). The first reads every file
and writes down what it is: length, hash, fingerprint, or why it is refused. From that the process that started it finds copies and
splits the rest, which takes some 5 kB of memory a sound. The second reads what was accepted again and writes it as TFDS's Beam
builders do. The data are those that one machine gives, bit for bit.
"""

from __future__ import annotations

import base64
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drumjax.boundary import InputError, file_sha256
from drumjax.datasets.info import EMBEDDED
from drumjax.datasets.rejections import Rejection
from drumjax.datasets.sounds.files import read_clip
from drumjax.datasets.sounds.prepare import Sound, embedded_batch
from drumjax.datasets.sounds.sources import SoundFile, SoundTask, read_sound_file

SHARD_BYTES = 128 << 20
"""The largest file of records; a worker holds one in memory while it writes it."""


class Row(NamedTuple):
    """A sound that a worker reads.

    Attributes:
      sound: what it is.
      task: its file; None for an embedded sound.
      sha256: of the file; "" for an embedded sound.
    """

    sound: Sound
    task: SoundTask | None
    sha256: str = ""


def pipeline_options(text: str) -> Any:
    """Beam's options, from "runner=DirectRunner,direct_num_workers=2" or "" for Beam's own choice.

    Raises:
      InputError: Beam is not installed, or knows no such option or runner.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners import create_runner
    except ImportError:
        raise InputError(
            "--beam", rule="Apache Beam", found="no module apache_beam", remedy="run: pip install 'drumjax[beam]'"
        ) from None
    flags = [f"--{part.strip()}" for part in text.split(",") if part.strip()]
    options = PipelineOptions(flags)
    known = options.get_all_options(drop_default=True)
    unknown = [flag for flag in flags if flag[2:].partition("=")[0] not in known]
    try:
        if unknown:
            raise ValueError(unknown[0])
        create_runner(options.get_all_options().get("runner") or "DirectRunner")
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError(
            "--beam",
            rule="options of Apache Beam, such as runner=DirectRunner,direct_num_workers=2",
            found=str(error),
            remedy="see Beam's pages for the runner's options",
        ) from None
    return options


def read_with_beam(tasks: Sequence[SoundTask], options: Any, place: Path) -> Iterator[SoundFile]:
    """What `read_sound_file` gives of every file but its samples, in the tasks' order.

    Args:
      tasks: the files.
      options: see `pipeline_options`.
      place: a folder that every worker sees.
    """
    import apache_beam as beam

    with tempfile.TemporaryDirectory(prefix=".survey-", dir=place) as folder:
        with beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | beam.Create(list(enumerate(tasks)))
                | beam.Reshuffle()
                | beam.Map(_read_line)
                | beam.io.WriteToText(f"{folder}/part")
            )
        found: dict[int, SoundFile] = {}
        for part in sorted(Path(folder).iterdir()):
            with open(part, encoding="utf-8") as lines:
                found.update(_parse_line(line) for line in lines)
    yield from (found[i] for i in range(len(tasks)))


def _read_line(numbered: tuple[int, SoundTask]) -> str:
    """What a file is, as a line of JSON."""
    i, task = numbered
    read = read_sound_file(task)
    if read.rejection:
        return json.dumps([i, list(read.rejection)])
    assert read.fingerprint is not None
    heard = base64.b64encode(read.fingerprint.tobytes()).decode()
    return json.dumps([i, None, read.sha256, read.length, heard, read.file_rate_hz, read.is_cut])


def _parse_line(line: str) -> tuple[int, SoundFile]:
    i, rejected, *rest = json.loads(line)
    if rejected:
        return i, SoundFile(Rejection(*rejected))
    sha256, length, heard, rate, is_cut = rest
    return i, SoundFile(None, sha256, None, length, np.frombuffer(base64.b64decode(heard), np.uint8), rate, is_cut)


def sound_pipeline(rows: Mapping[str, Sequence[Row]]) -> Callable[[str], Any]:
    """What gives a TFDS builder the sounds of each split as a Beam transform."""

    def pipeline(split: str) -> Any:
        import apache_beam as beam

        return (
            f"sounds of {split}" >> beam.Create(list(rows[split])) | f"spread {split}" >> beam.Reshuffle() | beam.Map(make_record)
        )

    return pipeline


def make_record(row: Row) -> tuple[str, dict[str, Any]]:
    """A sound's key and features, read or made on a worker.

    Raises:
      ValueError: the file is another than it was when it was looked at first, by its hash.
    """
    from drumjax.datasets.one_shots.one_shots_dataset_builder import record

    if row.task is None:
        label, _, number = row.sound.name.removeprefix(f"{EMBEDDED}:").partition("#")
        (audio,) = embedded_batch(label, int(number), 1)
    else:
        if file_sha256(row.task.path) != row.sha256:
            raise ValueError(f"{row.sound.name} changed while it was read")
        audio = read_clip(row.task.path, row.task.sample_rate_hz, row.task.samples).audio
    return record(row.sound, audio)


def download_config(options: Any) -> Any:
    """TFDS's way to hand Beam's options on."""
    import tensorflow_datasets as tfds

    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    return tfds.download.DownloadConfig(beam_options=options, max_shard_size=SHARD_BYTES)
