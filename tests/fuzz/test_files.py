"""Hostile files by the thousand: each gives a valid result or an `InputError`, within 1 s and 256 MiB.

A failure's message ends with the command that makes its file again.
"""

from __future__ import annotations

import itertools
import random

import mido

from drumjax.boundary import read_midi

SEED = 3


def assert_withstood(row, total: int, valid: int) -> None:
    """All files were withstood, and enough of them were sound for the readers to be tried in depth."""
    assert row.failures == ()
    assert (row.passed, row.total, row.seed) == (total, total, SEED)
    assert sum(n for what, n in row.details.items() if what.endswith(" valid")) > valid
    assert 0 < row.details["longest_s"] < 1
    assert 0 < row.details["most_mib"] < 256


def test_two_thousand_midi_files_are_withstood(attacks) -> None:
    assert_withstood(attacks.run_midi(2_000, SEED), 2_000, 200)


def test_two_thousand_sound_files_are_withstood(attacks) -> None:
    assert_withstood(attacks.run_audio(2_000, SEED), 2_000, 200)


def test_text_files_are_withstood(attacks) -> None:
    assert_withstood(attacks.run_text(800, SEED), 800, 80)


def test_archives_are_withstood(attacks) -> None:
    assert_withstood(attacks.run_archives(300, SEED), 300, 20)


# The attacks themselves: what they make, and whether they would notice.


def test_a_case_is_a_function_of_its_kind_seed_and_number(attacks) -> None:
    for kind in attacks.KINDS:
        known = len(attacks.KINDS[kind].hand_made())
        first, again, other = ([case.make() for case in list(attacks.cases(kind, known + 9, seed))[known:]] for seed in (1, 1, 2))
        assert first == again
        assert len(set(first + other)) > 12


def test_hand_made_files_differ(attacks) -> None:
    for kind in attacks.KINDS.values():
        contents = [make() for make in kind.hand_made().values()]
        assert len(set(contents)) > 0.95 * len(contents) > 30


KEPT = ("text", "track_name", "set_tempo", "time_signature")


def kept(song: mido.MidiFile) -> list[list[tuple[int, mido.Message]]]:
    """For each track the events that the library reads, with their ticks from its beginning."""
    tracks = []
    for track in song.tracks:
        ticks = list(itertools.accumulate(message.time for message in track))
        tracks.append(
            [
                (tick, message.copy(time=0))
                for tick, message in zip(ticks, track, strict=True)
                if message.type in KEPT or (message.type == "note_on" and message.velocity)
            ]
        )
    return tracks


def test_songs_are_read_as_mido_reads_them(attacks, tmp_path) -> None:
    """Sound ones; of damaged ones those that both take, which are many where no length or status is at fault."""
    path = tmp_path / "a.mid"
    agreed = 0
    for seed in range(300):
        rng = random.Random(seed)
        song = attacks.midi_files.random_song(rng) if seed < 60 else attacks.midi_files.mutated(rng)
        path.write_bytes(song)
        try:
            mine = read_midi(path)
            mido_s = mido.MidiFile(path)
        except Exception:
            assert seed >= 60
            continue
        assert (mine.type, mine.ticks_per_beat) == (mido_s.type, mido_s.ticks_per_beat)
        assert kept(mine) == kept(mido_s)
        ends = [[sum(message.time for message in track) for track in song.tracks] for song in (mine, mido_s)]
        assert ends[0] == ends[1]
        agreed += 1
    assert agreed > 80


WEAKNESSES = {
    "raise KeyError('x')": "weak: KeyError: 'x'",
    "raise SystemExit": "weak: SystemExit",
    # However fast the machine is: more than is allowed, and less than what is killed.
    "import time\nend = time.process_time() + 1.5\nwhile time.process_time() < end: pass": " s in weak",
    "bytearray(300 << 20).count(1)": " MiB",
    "bytearray(4 << 30)": "weak: MemoryError",
    "10 ** 10 ** 9": "killed: it took too much processor time",  # never comes back to Python
    "os.abort()": "ended with -6",
}


def test_what_breaks_the_rules_is_a_failure_and_the_next_file_is_read(attacks, tmp_path, monkeypatch) -> None:
    """A reader that does what its file says, in Python."""
    script = (attacks.Path(attacks.__file__).with_name("reader.py")).read_text()
    weak = """
def weak(path):
    if path.read_bytes().startswith(b"weak "):
        exec(path.read_bytes()[5:].decode())


READERS["midi"] += ((weak, lambda read, path: None),)


def judge("""
    assert script.count("\ndef judge(") == 1
    (tmp_path / "reader.py").write_text(script.replace("\ndef judge(", weak))
    monkeypatch.setattr(attacks, "__file__", str(tmp_path / "files.py"))
    (tmp_path / "folder").mkdir()
    reader = attacks.Reader(tmp_path / "folder")
    try:
        for line, why in WEAKNESSES.items():
            assert why in attacks.judged(reader.judge("midi", b"weak " + line.encode())), line
            assert attacks.judged(reader.judge("midi", attacks.midi_files.hand_made()["valid"]())) == "", line
    finally:
        reader.close()


def test_a_failure_says_how_to_make_its_file_again(attacks) -> None:
    case = next(iter(attacks.cases("midi", 1, 7)))
    assert attacks.failure("midi", case, 7, "why") == (
        "midi #0 (valid): why [python benchmarks/faults/files.py midi --seed 7 --case 0 -o bad.mid]"
    )
