"""The process that opens hostile files: one after another, each through every public reader of its kind, under limits.

It reads lines `{"kind", "path"}` and answers each with a line `{"verdict", "said", "seconds", "mib", "slowest"}`. A verdict is
"valid" (a result that keeps the reader's own rules), "refused" (an `InputError`) or "failed" (anything else; `said` is what).

Limits:

- Processor time: `ITIMER_PROF` counts this process's own and kills it at `KILL_SECONDS` of a file, also inside a C library that
  never comes back. What it measures of a file that ends before is judged by whoever asked.
- Memory: the greatest resident size while a file is read, less the size before the first file (all libraries loaded, each reader
  used once). Linux sets that mark back on request; elsewhere it only rises, and names the first file that raised it too far. Not
  the address space, which counts what is reserved and never touched. That is limited too, to `ADDRESS_BYTES` above the beginning,
  so that a bomb ends in a `MemoryError` and not in the machine's memory; a `MemoryError` behind an `InputError` is a failure.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from faults.memory import forget_peak, peak_bytes

from drumjax.boundary import InputError, read_audio, read_audio_comment, read_csv, read_json, read_midi
from drumjax.datasets.info import PatternSet
from drumjax.datasets.load import load_data, load_patterns, load_sounds
from drumjax.datasets.npz import read_npz
from drumjax.datasets.sounds.files import LEAST_S, Clip, read_clip
from drumjax.datasets.sounds.info import SoundSet
from drumjax.datasets.sounds.labels import SoundLabel, read_sound_labels
from drumjax.datasets.sounds.sources import SoundCollection, survey_sounds
from drumjax.datasets.sources import Collection, Label, read_labels, survey
from drumjax.instruments.sound_codes import SoundCode, read_code
from drumjax.patterns import TR808, DrumMap, Pattern, load_drum_map
from drumjax.patterns.classes import ClassTable, class_of_names, load_class_table
from drumjax.patterns.files import FileWindows, read_file_windows
from drumjax.patterns.grid_files import GridPattern, read_grid_file, write_grid_json
from drumjax.patterns.midi import midi_bytes, read_midi_pattern, write_midi
from drumjax.provenance import is_record, read_provenance
from drumjax.signal.rendering import Kit
from drumjax.synth.kits import KitReport, load_kit, read_one_shot

KILL_SECONDS = 3.0
RATE_HZ, WINDOW = 22_050, 22_015
"""Of the sounds that models are trained on."""
ADDRESS_BYTES = 2 << 30
LONGEST_MESSAGE = 3_000
"""Characters of an error's message beside its path: more of a hostile file's content is no help to anyone."""


class Fault(Exception):
    """A result that breaks a rule of its reader."""


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise Fault(what)


# What every reader promises of its results. Written out here, not taken from the library.


def _pattern(pattern: Pattern) -> None:
    hits, velocity, offset = pattern.hits, pattern.velocity, pattern.offset
    _expect(hits.shape == velocity.shape == offset.shape and hits.shape[1] == 6, "grids of one shape")
    _expect((hits.dtype, velocity.dtype, offset.dtype) == (bool, np.float32, np.float32), "grids of their types")
    _expect(bool(np.isfinite(velocity).all() and np.isfinite(offset).all()), "finite grids")
    _expect(bool(((velocity == 0) == ~hits).all() and (velocity <= 1).all()), "velocities of 0 to 1, 0 where there is no hit")
    _expect(bool((offset >= -1).all() and (offset < 1).all() and (offset[~hits] == 0).all()), "offsets in [-1, 1)")
    _expect(4 <= pattern.tempo_bpm <= 1000, f"a tempo of 4 to 1,000, found {pattern.tempo_bpm}")
    _expect(1 <= pattern.metre[0] <= 64 and pattern.metre[1] in (1, 2, 4, 8, 16, 32, 64), f"a metre, found {pattern.metre}")
    _expect(1 <= pattern.steps <= 65_536 and isinstance(pattern.name, str), "1 to 65,536 steps")


def _song(song: Any, path: Path) -> None:
    _expect(song.type in (0, 1, 2) and song.ticks_per_beat > 0 and len(song.tracks) > 0, "a song")


def _written_midi(read: tuple[Pattern, Any], path: Path) -> None:
    """What was read, written and read again is the same; and written a second time, byte for byte."""
    first = replace(read[0], name="again")
    _pattern(first)
    written = path.with_name(f"again{path.suffix}")
    try:
        write_midi(written, first)
        content = written.read_bytes()
        second, _ = read_midi_pattern(written)
        write_midi(written, second)
        again = written.read_bytes()
    except InputError as error:
        raise Fault(f"no refusal of a file of its own: {error}") from None
    finally:
        written.unlink(missing_ok=True)
    _expect(np.array_equal(first.hits, second.hits), "the same hits when written and read again")
    _expect(np.array_equal(first.velocity, second.velocity), "the same velocities when written and read again")
    late = np.abs(first.offset - second.offset)
    late[0] = 0  # a note early on the first step is put at time 0
    _expect(bool((late <= 1.01 / 60).all()), "offsets within a tick when written and read again")
    _expect(first.metre == second.metre and abs(first.tempo_bpm / second.tempo_bpm - 1) < 1e-4, "the same metre and tempo")
    _expect(again == content, "the same bytes when written a second time")


def _written_grids(read: tuple[list[GridPattern], list[InputError]], path: Path) -> None:
    """The patterns that were accepted, written and read again, are the same bit for bit; and MIDI can be made of them."""
    accepted, rejected = read
    for item in accepted:
        _pattern(item.pattern)
        midi_bytes(item.pattern)
    for error in rejected:
        _message(error)
    if not accepted:
        raise rejected[0]
    written = path.with_name("again.json")
    try:
        write_grid_json(written, accepted)
        again, faults = read_grid_file(written)
    except InputError as error:
        raise Fault(f"no refusal of a file of its own: {error}") from None
    finally:
        written.unlink(missing_ok=True)
    _expect(not faults, f"no faults in a file of its own, found {faults[:1]}")
    _expect(all(a.pattern.equals(b.pattern) for a, b in zip(accepted, again, strict=True)), "the same grids when written and read")


def _windows(read: FileWindows, path: Path) -> None:
    _expect(len(read.windows) > 0 and max(read.windows) < read.total, "windows by their numbers")
    for window in read.windows.values():
        _pattern(window)
        _expect(window.steps == 64 and bool(window.hits.any()), "windows of 64 steps with a hit")


def _survey(read: Collection, path: Path) -> None:
    for name, reason, found in read.rejections:
        _expect("please report" not in reason, f"a reason, not a failure of its own: {name}: {found}")
        _expect(len(reason) + len(found) <= LONGEST_MESSAGE, "reasons of reasonable length")


def _record(read: dict[str, Any], path: Path) -> None:
    _expect(is_record(read) and len(json.dumps(read)) < 20_000, "a record")


def _sound(read: tuple[np.ndarray, int], path: Path) -> None:
    samples, rate = read
    _expect(samples.dtype == np.float32 and samples.ndim == 2, "float32 (frames, channels)")
    _expect(samples.shape[0] >= 1 and 1 <= samples.shape[1] <= 32 and 1_000 <= rate <= 768_000, f"{samples.shape} at {rate} Hz")
    _expect(bool(np.isfinite(samples).all()), "finite samples")


def _text(read: str, path: Path) -> None:
    _expect(isinstance(read, str), "text")


def _one_shot(read: np.ndarray, path: Path) -> None:
    _expect(read.dtype == np.float32 and read.ndim == 1 and len(read) > 0, "float32 (samples,)")
    _expect(bool(np.isfinite(read).all()), "finite samples of a kit")


def _clip(path: Path) -> Clip:
    """The file as a sound of a data set."""
    return read_clip(path, RATE_HZ, WINDOW)


def _stroke(read: Clip, path: Path) -> None:
    audio = read.audio
    _expect(audio.dtype == np.int16 and audio.ndim == 1 and LEAST_S * RATE_HZ <= len(audio) <= WINDOW, "a stroke in the window")
    _expect(int(np.abs(audio.astype(int)).max()) == 32_767 and bool(audio[-1]), "full scale, and no silence at the end")
    _expect(read.file_rate_hz >= 1_000, f"the file's rate, found {read.file_rate_hz}")


def _sounds(path: Path) -> SoundCollection:
    """The folder of the file as a source of one-shots."""
    return survey_sounds(path.parent, sample_rate_hz=RATE_HZ, samples=WINDOW)


def _surveyed(read: SoundCollection, path: Path) -> None:
    _expect(read.files_read == len(read.sounds) + len(read.rejections) == 1, "one sound, or one rejection")
    for name, reason, found in read.rejections:
        _expect("please report" not in reason, f"a reason, not a failure of its own: {name}: {found}")
        _expect(len(reason) + len(found) <= LONGEST_MESSAGE, "reasons of reasonable length")


def _kit(path: Path) -> tuple[Kit, KitReport]:
    """The folder of the file as a kit; whoever asks has put nothing else there."""
    return load_kit(path.parent, TR808)


def _sounding(read: tuple[Kit, KitReport], path: Path) -> None:
    kit, report = read
    _expect(all(np.isfinite(sound).all() for sound in kit.samples.values()), "a kit of finite samples")
    _expect(sum(map(len, report.lines())) < 10 * LONGEST_MESSAGE, "a short report")


def _json(read: Any, path: Path) -> None:
    json.dumps(read, allow_nan=False)


def _rows(read: list[dict[str, str]], path: Path) -> None:
    _expect(all(row.keys() == read[0].keys() for row in read), "rows of the same columns")


def _labels(read: dict[str, Label], path: Path) -> None:
    _expect(all(len(label.genre) <= 64 and label.genre.isprintable() for label in read.values()), "genres that can be printed")


def _sound_labels(read: dict[str, SoundLabel], path: Path) -> None:
    _expect(all(isinstance(text, str) for label in read.values() for text in label), "texts")


def _words(read: ClassTable, path: Path) -> None:
    _expect(len(read) > 0 and all(pattern and label for pattern, label in read), "words and their classes")
    class_of_names(("a kick of nonsense",), read)


def _code(read: tuple[SoundCode, str | None], path: Path) -> None:
    code, _ = read
    _expect(code.code.dtype == np.float32 and code.code.ndim == 1 and bool(np.isfinite(code.code).all()), "a finite code")
    _expect(len(code.position) == 3 and all(np.isfinite(code.position)), "a position")
    written = path.with_name("again code.json")
    try:
        code.save(written)
        again, _ = read_code(written)
    finally:
        written.unlink(missing_ok=True)
    _expect(np.array_equal(again.code, code.code) and again.mix == code.mix, "the same code when written and read again")


def _map(read: DrumMap, path: Path) -> None:
    _expect(len(read.lanes) == len(read.out_pitches) <= 128, "lanes of MIDI pitches")


def _examples(read: PatternSet | SoundSet, path: Path) -> None:
    for split, arrays in read.splits.items():
        n = read.info.counts[split]
        if isinstance(read, SoundSet):
            audio, length, label = arrays["audio"], arrays["length"], arrays["label"]
            _expect(audio.shape == (n, read.info.samples) and audio.dtype == np.int16, "windows of 16 bits")
            _expect(length.shape == label.shape == (n,) and bool(((length >= 1) & (length <= audio.shape[1])).all()), "lengths")
            _expect(bool(((label >= 0) & (label < len(read.info.classes))).all()), "labels of classes")
            _expect(all(not row[end:].any() for row, end in zip(audio, length, strict=True)), "zeros behind every sound")
            continue
        velocity = arrays["velocity"]
        _expect(velocity.shape == (n, read.info.steps, len(read.info.drum_map.lanes)), "shapes")
        _expect(bool(np.isfinite(velocity).all() and (velocity >= 0).all() and (velocity <= 1).all()), "velocities")
    _expect(not Path("unpickled").exists() and not path.with_name("unpickled").exists(), "that nothing was run")


READERS: dict[str, tuple[tuple[Callable[[Path], Any], Callable[[Any, Path], None]], ...]] = {
    "midi": (
        (read_midi_pattern, _written_midi),
        (read_midi, _song),
        (read_file_windows, _windows),
        (read_provenance, _record),
        (survey, _survey),
    ),
    "audio": (
        (read_audio, _sound),
        (read_audio_comment, _text),
        (read_one_shot, _one_shot),
        (_kit, _sounding),
        (_clip, _stroke),
        (_sounds, _surveyed),
        (read_provenance, _record),
    ),
    "json": (
        (read_grid_file, _written_grids),
        (read_json, _json),
        (read_file_windows, _windows),
        (survey, _survey),
        (load_drum_map, _map),
        (read_code, _code),
        (read_provenance, _record),
    ),
    "csv": (
        (read_grid_file, _written_grids),
        (read_csv, _rows),
        (read_file_windows, _windows),
        (survey, _survey),
        (read_labels, _labels),
        (read_sound_labels, _sound_labels),
        (load_class_table, _words),
    ),
    "archives": ((read_npz, _examples), (load_data, _examples), (load_patterns, _examples), (load_sounds, _examples)),
}
"""For each kind of file what reads it, and what must hold of the result; whether the file is valid, the first says."""


def _message(error: InputError) -> None:
    text = str(error)
    _expect(text.isprintable(), "a message of printable characters")
    _expect(len(text) <= LONGEST_MESSAGE + len(error.path), f"a message of reasonable length, found {len(text):,} characters")
    behind: BaseException | None = error
    while behind is not None:
        _expect(not isinstance(behind, MemoryError), "to refuse before memory runs out")
        behind = behind.__context__


def judge(kind: str, path: Path) -> dict[str, Any]:
    """Reads one file with every reader of its kind; each has the whole time and memory, and the greatest of each is told."""
    outcome: dict[str, Any] = {"verdict": "refused", "said": "", "seconds": 0.0, "mib": 0.0, "slowest": ""}
    gc.collect()
    for number, (read, check) in enumerate(READERS[kind]):
        try:
            with _measured(outcome, read.__name__):
                result = read(path)
            check(result, path)
            del result
            if number == 0:  # the others pass faults over, or look for something else
                outcome["verdict"] = "valid"
        except InputError as error:
            try:
                _message(error)
                outcome["said"] = outcome["said"] or str(error)
            except Fault as fault:
                return outcome | {"verdict": "failed", "said": f"{read.__name__}: expected {fault}: {str(error)[:300]}"}
        except Fault as fault:
            return outcome | {"verdict": "failed", "said": f"{read.__name__}: expected {fault}"}
        except BaseException as error:  # an attack's success, whatever it is
            return outcome | {"verdict": "failed", "said": f"{read.__name__}: {type(error).__name__}: {str(error)[:300]}"}
    return outcome


@contextlib.contextmanager
def _measured(outcome: dict[str, Any], reader: str) -> Iterator[None]:
    forget_peak()
    signal.setitimer(signal.ITIMER_PROF, KILL_SECONDS)  # stopped when the next is set: what is found is checked under it too
    began = time.process_time()
    try:
        yield
    finally:
        seconds = time.process_time() - began
        mib = (peak_bytes() - _before) / 2**20
        if seconds > outcome["seconds"]:
            outcome |= {"seconds": seconds, "slowest": reader}
        outcome["mib"] = max(outcome["mib"], mib)


_before = 0


def main() -> None:
    """Answers until its input ends."""
    global _before
    questions, answers = sys.stdin, os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    sys.stdout = io.StringIO()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warm = json.loads(next(questions))
    for kind, path in warm["files"]:
        judge(kind, Path(path))
    if Path("/proc/self/statm").exists():
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESS_BYTES,) * 2)
    gc.collect()
    gc.freeze()
    forget_peak()
    _before = peak_bytes()
    print(json.dumps({"verdict": "ready", "mib": _before / 2**20}), file=answers)
    for question in questions:
        asked = json.loads(question)
        print(json.dumps(judge(asked["kind"], Path(asked["path"]))), file=answers)


if __name__ == "__main__":
    main()
