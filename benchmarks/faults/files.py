"""Attacks by files: thousands of damaged, forged and monstrous ones, each read under limits of time and memory.

Every file is a function of its kind, a seed and a number, so that one line makes a failure again and leaves the file:

    python benchmarks/faults/files.py midi --seed 1 --case 1234 -o bad.mid

A file is withstood when every public reader of its kind gives a valid result or raises `InputError`, within `SECONDS` of processor
time and `MIB` of memory; see `reader.py` for what is measured. A reader's death is the failure of the file that it was reading.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":  # run by its path: the folder above is where its siblings are imported from
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from faults import archive_files, audio_files, midi_files, text_files
from faults.memory import environment
from faults.row import Row

SECONDS, MIB = 1.0, 256
TRIES = 3
WAIT_SECONDS = 60.0
"""A reader that neither answers nor uses the processor for so long hangs."""


class Kind(NamedTuple):
    """One kind of file.

    Attributes:
      suffix: with its dot.
      hand_made: what is known to be nasty, by name.
      makers: of further files, from random numbers; used in turn.
      known: a name that says what a sound file is: kits go by it.
    """

    suffix: str
    hand_made: Callable[[], Mapping[str, Callable[[], bytes]]]
    makers: Sequence[Callable[[random.Random], bytes]]
    known: str = "case"


KINDS = {
    "midi": Kind(".mid", midi_files.hand_made, (midi_files.mutated, midi_files.generated, midi_files.mutated)),
    "audio": Kind(".wav", audio_files.hand_made, (audio_files.mutated, audio_files.generated), known="kick"),
    "json": Kind(".json", text_files.hand_made_json, (text_files.generated_json, text_files.mutated_json)),
    "csv": Kind(".csv", text_files.hand_made_csv, (text_files.generated_csv, text_files.mutated_csv)),
    "archives": Kind(".npz", archive_files.hand_made, (archive_files.mutated, archive_files.generated)),
}


class Case(NamedTuple):
    """One file: its number and what it is."""

    number: int
    name: str
    make: Callable[[], bytes]


def cases(kind: str, n: int, seed: int) -> Iterator[Case]:
    """The first n files of a kind: all that are made by hand, then those that the seed decides."""
    known = KINDS[kind].hand_made()
    makers = KINDS[kind].makers
    for number in range(n):
        if number < len(known):
            name, make = next(itertools.islice(known.items(), number, None))
            yield Case(number, name, make)
        else:
            maker = makers[number % len(makers)]
            yield Case(number, maker.__name__, lambda maker=maker, number=number: maker(random.Random(f"{kind}/{seed}/{number}")))


class Reader:
    """A process that reads files, started again when it dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def judge(self, kind: str, content: bytes, suffix: str = "") -> dict[str, Any]:
        """What became of one file: the answer of `reader.py`, or a failure that says how the process ended."""
        path = self.folder / f"{KINDS[kind].known}{suffix or KINDS[kind].suffix}"
        path.write_bytes(content)
        try:
            process = self.process or self._start()
            return self._ask(process, {"kind": kind, "path": str(path)})
        finally:
            path.unlink()

    def _start(self) -> subprocess.Popen[str]:
        self.errors = open(self.folder.with_suffix(".err"), "w+b")  # noqa: SIM115 - as long as the process
        one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        # -P: the folder of the script is no place to import from; a module of ours there could take another's name.
        line = [sys.executable, "-P", str(Path(__file__).with_name("reader.py"))]
        self.process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=self.folder,
            env=environment(**one_thread),
        )
        warm = self.folder.with_name(f"{self.folder.name} warm")
        warm.mkdir(exist_ok=True)
        files = []
        for name, kind in KINDS.items():
            path = warm / f"{kind.known}{kind.suffix}"
            path.write_bytes(kind.hand_made()["valid"]())
            files.append((name, str(path)))
        # Twice the rate of a kit, so that what resamples is loaded too.
        (warm / "kick.wav").write_bytes(audio_files.encoded("WAV", "PCM_16", rate=22_050))
        answer = self._ask(self.process, {"files": files}, wait=10 * WAIT_SECONDS)
        if answer["verdict"] != "ready":
            raise RuntimeError(f"the reader did not start: {answer['said']}")
        return self.process

    def _ask(self, process: subprocess.Popen[str], question: Mapping[str, Any], wait: float = WAIT_SECONDS) -> dict[str, Any]:
        watch = threading.Timer(wait, process.kill)
        watch.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            watch.cancel()
        if answer.endswith("\n"):
            return json.loads(answer)
        self.process = None
        code = process.wait()
        self.errors.seek(0)
        last = self.errors.read()[-2_000:].decode("utf-8", "replace").strip()
        how = {-27: "killed: it took too much processor time", -9: "killed: it hung, or memory ran out", -11: "crashed"}
        return {
            "verdict": "failed",
            "said": f"{how.get(code, f'ended with {code}')} {last[-300:]}".strip(),
            "seconds": 0.0,
            "mib": 0.0,
        }

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.process = None
            self.errors.close()


def judged(answer: Mapping[str, Any]) -> str:
    """Why a file was not withstood; "" where it was."""
    if answer["verdict"] == "failed":
        return str(answer["said"])
    if answer["seconds"] > SECONDS:
        return f"{answer['seconds']:.2f} s in {answer['slowest']} ({answer['verdict']}: {answer['said'][:200]})"
    if answer["mib"] > MIB:
        return f"{answer['mib']:.0f} MiB ({answer['verdict']}: {answer['said'][:200]})"
    return ""


def run_files(name: str, kinds: Mapping[str, int], seed: int, say: Callable[[str], None]) -> Row:
    """Reads so many files of each kind, in as many processes as there are cores."""
    began = time.monotonic()
    work = iter([(kind, case) for kind, n in kinds.items() for case in cases(kind, n, seed)])
    lock = threading.Lock()
    answers: list[tuple[str, Case, dict[str, Any]]] = []
    broken: list[BaseException] = []

    def read_on(folder: Path) -> None:
        folder.mkdir()
        reader = Reader(folder)
        try:
            while True:
                with lock:
                    item = None if broken else next(work, None)
                if item is None:
                    return
                kind, case = item
                content = case.make()
                answer = reader.judge(kind, content)
                # On a busy machine even processor time grows, by caches that are shared: slow is what is slow every time.
                for _ in range(TRIES - 1):
                    if answer["verdict"] == "failed" or answer["seconds"] <= SECONDS:
                        break
                    answer = reader.judge(kind, content)
                with lock:
                    answers.append((kind, case, answer))
                    if why := judged(answer):
                        say(failure(kind, case, seed, why))
        except BaseException as error:
            broken.append(error)
        finally:
            reader.close()

    with tempfile.TemporaryDirectory() as folder:
        threads = [threading.Thread(target=read_on, args=(Path(folder, f"reader{i}"),)) for i in range(_cores())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if broken:
        raise broken[0]

    answers.sort(key=lambda item: (list(kinds).index(item[0]), item[1].number))
    failures = tuple(failure(kind, case, seed, why) for kind, case, answer in answers if (why := judged(answer)))
    counts = Counter(f"{kind} {answer['verdict']}" for kind, _, answer in answers)
    slowest = max(answers, key=lambda item: item[2]["seconds"])
    largest = max(answers, key=lambda item: item[2]["mib"])
    details = dict(counts) | {
        "longest_s": round(slowest[2]["seconds"], 3),
        "longest": f"{slowest[0]}: {slowest[1].name}",
        "most_mib": round(largest[2]["mib"], 1),
        "most": f"{largest[0]}: {largest[1].name}",
    }
    total = len(answers)
    return Row(name, total - len(failures), total, seed, time.monotonic() - began, failures, details)


def failure(kind: str, case: Case, seed: int, why: str) -> str:
    """One line: the file, why, and how to make it again."""
    again = f"python benchmarks/faults/files.py {kind} --seed {seed} --case {case.number} -o bad{KINDS[kind].suffix}"
    return f"{kind} #{case.number} ({case.name}): {why} [{again}]"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_midi(n: int, seed: int, say: Callable[[str], None] = print) -> Row:
    """n MIDI files."""
    return run_files("midi", {"midi": n}, seed, say)


def run_audio(n: int, seed: int, say: Callable[[str], None] = print) -> Row:
    """n sound files: WAV and FLAC, and a few of the other formats that are read."""
    return run_files("audio", {"audio": n}, seed, say)


def run_text(n: int, seed: int, say: Callable[[str], None] = print) -> Row:
    """n files of text, half JSON and half CSV."""
    return run_files("text", {"json": n - n // 2, "csv": n // 2}, seed, say)


def run_archives(n: int, seed: int, say: Callable[[str], None] = print) -> Row:
    """n archives: .npz, the one kind that is read."""
    return run_files("archives", {"archives": n}, seed, say)


def main() -> int:
    """Reads the files of one kind, or one of them; the exit code says whether all were withstood."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=2_000, help="how many files")
    parser.add_argument("--case", type=int, help="this file alone")
    parser.add_argument("-o", type=Path, help="where to leave it")
    words = parser.parse_args()
    if words.case is None:
        row = run_files(words.kind, {words.kind: words.n}, words.seed, print)
        print(row.line(), json.dumps(row.details, indent=1), sep="\n")
        return int(row.passed < row.total)
    case = next(itertools.islice(cases(words.kind, words.case + 1, words.seed), words.case, None))
    content = case.make()
    if words.o:
        words.o.write_bytes(content)
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder, "reader"))
        reader.folder.mkdir()
        answer = reader.judge(words.kind, content)
        reader.close()
    print(json.dumps({"case": case.name, "bytes": len(content)} | answer, indent=1))
    return int(bool(judged(answer)))


if __name__ == "__main__":
    sys.exit(main())
