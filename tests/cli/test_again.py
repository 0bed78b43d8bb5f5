"""`drumjax again`: what the verbs and the library write is made once more, byte for byte, or it is said why not."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
import os
import re
import shutil
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

import drumjax
from drumjax import checkpoint
from drumjax.cli import VERBS
from drumjax.cli.again import WAYS
from drumjax.cli.arguments import Generating
from drumjax.instruments import pattern as instrument_module
from drumjax.patterns import concatenate, read_windows
from drumjax.patterns.humanize import humanize, humanize_all
from drumjax.patterns.midi import midi_bytes
from drumjax.provenance import dumps, provenance, read_provenance
from drumjax.signal.audio_file import write_audio
from drumjax.signal.rendering import render
from drumjax.synth.tr808 import kit_for

SHA = "ab" * 32
CALLS = [
    "interpolate a.mid b.mid",
    "interpolate a.mid long.mid#2 --measures 3 --path lerp --tempo-bpm 97.3 --seed 5",
    "interpolate two.mid two.mid --channel 3 --measures 2",
    "interpolate embedded:electro embedded:IDM#3 --measures 12",
    "interpolate grid.json#0 long.mid --path slerp --measures 2",
    "crossfade a.mid b.mid",
    "crossfade long.mid#1 two.mid --measures 4 --tempo-bpm 140 --channel 10 --seed 1",
    "crossfade embedded:techno#7 grid.json --measures 2",
    "sample",
    "sample --measures 3 --seed 4294967295",
    "sample --measures 2 --tempo-bpm 60.123456789 --seed 3",
    "wander --measures 3 --humanize",
    "wander --measures 5 --path circle --turn 7.5 --seed 9 --tempo-bpm 101.7",
    "wander --path walk --measures 2 --seed 1",
]
"""Every option that a file can depend on, and each kind of input."""
HUMAN = "--humanize --humanize-seed 4 --humanize-velocity 0.1 --humanize-timing-ms 9.5 --humanize-takes 3 --measures 2"
CALLS += [f"{words} {HUMAN}" for words in ("interpolate a.mid b.mid", "crossfade a.mid b.mid", "sample", "wander --seed 3")]
PLACES = {"model", "output", "wav", "plot", "kit"}
"""Fields of a call that say where something is: no file depends on how a place is called. A kit is an input of its sound."""


@pytest.fixture
def inputs(files, midi, tmp_path) -> Path:
    """`files`, with `two.mid` of other drums on the channels 3 and 10, the step grids of `grid.json`, and a kit in `clicks`."""
    midi("two.mid", {(s, "BD"): 90 + s for s in range(0, 32, 4)}, channel=2)
    track = mido.MidiFile(tmp_path / "two.mid").tracks[0]
    more = mido.MidiTrack([mido.Message("note_on", channel=9, note=38, velocity=77, time=24 * 4)])
    more.append(mido.MetaMessage("end_of_track", time=24 * 60))
    mido.MidiFile(type=1, ticks_per_beat=96, tracks=[track, more]).save(tmp_path / "two.mid")
    rows = {"BD": "x...x...x...x..." * 4, "SD": "....X.......X..." * 4}
    (tmp_path / "grid.json").write_text(json.dumps([{"name": "g", "genre": "house", "bpm": 97, "tracks": rows}]))
    (tmp_path / "clicks").mkdir()
    for lane, height in zip(("BD", "SD", "CH", "OH", "RS", "CB"), np.linspace(0.9, 0.2, 6), strict=True):
        soundfile.write(tmp_path / "clicks" / f"{lane}.wav", np.repeat([0.0, height, 0.0], 50), 44_100)
    return files


def assert_same(command, path: Path | str, *words: str) -> None:
    called = command("again", path, *words)
    assert (called.code, called.out.splitlines()[-1:]) == (0, [f"the same bytes as {path}"]), called
    written = Path(path).with_name(f"{Path(path).stem}.again{Path(path).suffix}")
    if "-o" not in words:
        assert written.read_bytes() == Path(path).read_bytes()
        written.unlink()


def assert_refused(called, *said: str) -> None:
    assert (called.code, called.out, called.err.count("\n")) == (2, "", 1), called
    assert called.err.startswith("drumjax: ")
    for words in said:
        assert words in called.err, called.err


def write_record(path: Path, record: object) -> Path:
    """A MIDI file that carries a record of anybody's."""
    text = record if isinstance(record, str) else json.dumps(record)
    track = mido.MidiTrack([mido.MetaMessage("text", text=text), mido.Message("note_on", channel=9, note=36, velocity=9, time=0)])
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(path)
    return path


# The same bytes


@pytest.mark.parametrize("words", CALLS)
def test_every_kind_of_file_of_every_call_is_made_again(command, inputs, model, words) -> None:
    kinds = {"o.mid": "w.wav", "o.json": "w.flac", "parts/": "k.wav --kit clicks"}
    for output, sound in kinds.items():
        called = command("pattern", *words.split(), "-o", output, "--wav", *sound.split(), *model)
        assert called.code == 0, called.err
        if output != "parts/":
            assert_same(command, output)
        assert_same(command, sound.split()[0])
    for part in sorted(Path("parts").iterdir())[::5]:
        assert_same(command, part)


def test_the_calls_name_every_option_that_a_file_can_depend_on() -> None:
    def all_calls(call: type) -> list[type]:
        return [each for child in call.__subclasses__() for each in (child, *all_calls(child))]

    calls = {call.__name__.lower(): call for call in all_calls(Generating)}
    for verb, call in calls.items():
        if f"pattern {verb}" not in VERBS:
            continue
        named = [words for words in CALLS if words.split()[0] == verb]
        shown = " ".join(named)
        for field in dataclasses.fields(call):
            if field.name not in {*PLACES, "start", "goal", "channels"}:
                assert f"--{field.name.replace('_', '-')} " in shown, (verb, field.name)


def test_the_shipped_model_needs_no_name(command, inputs) -> None:
    assert command("pattern interpolate a.mid embedded:techno --measures 2 -o o.mid").code == 0
    assert_same(command, "o.mid")
    (inputs / "pattern-vae").mkdir()  # by its name alone it would now be ambiguous
    assert_same(command, "o.mid")


def test_a_file_of_a_thousand_measures_is_made_again(command, inputs, model) -> None:
    for name in ("o.mid", "o.json"):
        assert command("pattern", "crossfade", "long.mid#1", "a.mid", "--measures", "1024", "-o", name, *model).code == 0
        assert_same(command, name)


def test_it_is_written_where_the_call_says_and_over_nothing(command, inputs, model) -> None:
    assert command("pattern", "interpolate", "a.mid", "b.mid", "-o", "o.mid", *model).code == 0
    before = {path: path.read_bytes() for path in inputs.rglob("*") if path.is_file()}
    (inputs / "folder").mkdir()
    for output, place in (("x.mid", "x.mid"), ("y.MIDI", "y.MIDI"), ("folder", "folder/o.mid"), ("new.mid/", None)):
        called = command("again", "o.mid", "-o", output)
        if place is None:
            assert_refused(called, "no folder new.mid")
        else:
            assert (called.code, Path(place).read_bytes()) == (0, Path("o.mid").read_bytes())
    os.link(inputs / "b.mid", inputs / "hard.mid")
    for output, said in (
        ("o.mid", "the file itself"),
        ("./o.mid", "the file itself"),
        ("b.mid", "what goes in"),
        ("hard.mid", "what goes in"),
        ("o.wav", "the same kind of file that ends in .mid, .midi"),
        ("o.json", "the same kind of file that ends in .mid, .midi"),
        ("missing/o.mid", "no folder missing"),
    ):
        assert_refused(command("again", "o.mid", "-o", output), said)
    assert {path: path.read_bytes() for path in before} == before


# What has moved, and what has changed


@pytest.fixture
def rendered(command, inputs, model) -> Path:
    """`o.wav`, an interpolation from a.mid to the third window of long.mid, played with the clicks."""
    words = ["--measures", "2", "--wav", "o.wav", "--kit", "clicks"]
    assert command("pattern", "interpolate", "a.mid", "long.mid#2", *words, *model).code == 0
    return inputs / "o.wav"


def test_inputs_that_have_moved_are_named_in_any_order(command, inputs, rendered) -> None:
    hashes = [entry["sha256"] for entry in read_provenance(rendered)["inputs"]]
    (inputs / "else" / "where").mkdir(parents=True)
    moved = [("a.mid", "else/first"), ("long.mid", "else/second.mid"), ("clicks", "else/where/kit")]
    for i, (old, new) in enumerate(moved):
        shutil.move(old, new)
        name = "long.mid#2" if old == "long.mid" else old
        given = list(itertools.chain.from_iterable(("--input", place) for _, place in moved[:i]))
        missing = command("again", "o.wav", *given)
        assert_refused(missing, f"the input '{name}' with SHA-256 {hashes[i]}", "nothing of this name", "--input")
    for order in itertools.permutations(new for _, new in moved):
        assert_same(command, "o.wav", *itertools.chain.from_iterable(("--input", place) for place in order))


def test_inputs_are_found_beside_the_file_and_in_the_current_folder(command, inputs, model, monkeypatch) -> None:
    far = inputs.joinpath(*["long_name_" * 5] * 8)
    far.mkdir(parents=True)
    for name in ("a.mid", "long.mid"):
        shutil.copy(name, far)
    words = ["pattern", "crossfade", far / "a.mid", f"{far}/long.mid#1", "--measures", "2", "-o"]
    assert command(*words, "o.mid", *model).code == 0
    assert all(entry["path"].startswith("...") for entry in read_provenance("o.mid")["inputs"])
    assert_same(command, "o.mid")  # copies of the same name and content lie here
    (inputs / "empty").mkdir()
    monkeypatch.chdir(inputs / "empty")
    called = command("again", inputs / "o.mid")
    assert called.code == 0
    for name in ("a.mid", "long.mid"):
        (inputs / name).unlink()
    assert_refused(command("again", inputs / "o.mid"), "nothing of this name")
    assert command("again", inputs / "o.mid", "--input", far / "long.mid", "--input", far / "a.mid").code == 0


def test_an_input_that_has_changed_is_told_with_both_hashes(command, inputs, rendered) -> None:
    expected = read_provenance(rendered)["inputs"]
    shutil.copy("b.mid", "a.mid")
    found = read_windows("b.mid")[0].provenance["sha256"]
    assert_refused(command("again", "o.wav"), f"'a.mid' with SHA-256 {expected[0]['sha256']}", f"a.mid with SHA-256 {found}")
    wrong = command("again", "o.wav", "--input", "b.mid")
    assert_refused(wrong, f"b.mid with SHA-256 {found}", "--input")


def test_a_kit_that_has_changed_is_told_with_both_hashes(command, inputs, rendered) -> None:
    soundfile.write(inputs / "clicks" / "BD.wav", np.repeat([0.0, 0.5, 0.0], 60), 44_100)
    expected = read_provenance(rendered)["inputs"][2]["sha256"]
    assert_refused(command("again", "o.wav"), f"the input 'clicks' with SHA-256 {expected}", "clicks with SHA-256 ")
    (inputs / "clicks" / "CB.wav").unlink()
    (inputs / "silent").mkdir()
    assert_refused(command("again", "o.wav", "--input", "silent"), expected, "silent: 0 sound files")


def test_what_is_named_and_did_not_go_in_is_refused(command, inputs, rendered) -> None:
    for stray in ("b.mid", "grid.json"):
        refused = command("again", "o.wav", "--input", stray)
        assert_refused(refused, f"{stray}: expected an input of o.wav ('a.mid' with SHA-256", "found SHA-256")
    assert_refused(command("again", "o.wav", "--input", "missing.mid"), "missing.mid: expected an input that is there")
    assert command("pattern sample -o s.mid").code == 0
    assert_refused(command("again", "s.mid", "--input", "clicks"), "it has none", "a folder")


def test_a_model_is_known_by_its_hash_wherever_it_is(command, inputs, model, tiny_workdir) -> None:
    assert command("pattern", "sample", "-o", "s.mid", *model).code == 0
    place = checkpoint.best(tiny_workdir)
    origin = read_provenance("s.mid")
    other = write_named(inputs / "m.mid", origin, "runs/mine")
    called = command("again", other)
    assert_refused(called, f"the model 'runs/mine' with SHA-256 {origin['model']['sha256']}", "no such model", "--model")
    for name in (tiny_workdir, place):
        called = command("again", other, "--model", name)
        assert (called.code, called.out.splitlines()[-1]) == (0, f"the same bytes as {other}")
    shutil.copytree(place, inputs / "mine")
    assert_same(command, "m.mid")  # by the last part of its name
    refused = command("again", other, "--model", "pattern-vae")
    assert_refused(refused, origin["model"]["sha256"], "found pattern-vae with SHA-256 ", "--model")
    assert_refused(command("again", other, "--model", "nothing"), "nothing: expected a shipped model's name or a model's folder")
    # A folder that is called like the shipped model is another model.
    shipped = write_named(inputs / "p.mid", origin, "pattern-vae")
    assert_refused(command("again", shipped), "found pattern-vae with SHA-256 ")


def write_named(path: Path, origin: dict, model: str) -> Path:
    """What a sample of this provenance is when the model was called otherwise."""
    (pattern,) = read_windows("s.mid")
    record = {**origin, "model": {**origin["model"], "name": model}}
    path.write_bytes(midi_bytes(dataclasses.replace(pattern, name="", provenance=record)))
    return path


def test_a_working_directory_that_has_trained_on_still_has_its_earlier_checkpoint(command, inputs, tiny_workdir) -> None:
    workdir = inputs / "run"
    shutil.copytree(tiny_workdir, workdir)
    earlier = checkpoint.best(workdir)
    assert command("pattern", "sample", "-o", "s.mid", "--model", "run").code == 0
    # As good as the one before and later: from now on it is what the working directory plays.
    checkpoint.export_for_playing(
        earlier, checkpoint.place_of(workdir, 100_000), name="later", kind="patterns", about={"step": 100_000}
    )
    assert checkpoint.best(workdir).name == "100000"
    assert checkpoint.fingerprint(checkpoint.best(workdir)) != checkpoint.fingerprint(earlier)
    assert_same(command, "s.mid")


# Other bytes


def test_a_file_that_was_changed_is_told_by_the_first_byte_that_differs(command, inputs, model) -> None:
    assert command("pattern", "crossfade", "a.mid", "b.mid", "-o", "o.mid", "--wav", "o.wav", *model).code == 0
    for name in ("o.mid", "o.wav"):
        content = bytearray(Path(name).read_bytes())
        content[-20] ^= 1
        Path(name).write_bytes(content)
        called = command("again", name)
        written = Path(name).with_suffix(f".again{Path(name).suffix}")
        assert (called.code, called.out) == (3, f"wrote {written}\n")
        assert f"{written}: differs from {name} from byte {len(content) - 20:,} on: it was changed since" in called.err
        assert written.read_bytes() != content
    longer = Path("o.again.mid").read_bytes()
    Path("o.mid").write_bytes(longer + b"\0")
    called = command("again", "o.mid")
    assert (called.code, f"from byte {len(longer):,} on" in called.err) == (3, True)


def test_another_version_is_told_and_goes_on(command, inputs, model, monkeypatch) -> None:
    monkeypatch.setattr(drumjax, "__version__", "0.0.9")
    assert command("pattern", "sample", "-o", "s.mid", "--wav", "s.wav", *model).code == 0
    monkeypatch.undo()
    os.chdir(inputs)
    for name in ("s.mid", "s.wav"):
        called = command("again", inputs / name)
        assert called.code == 0
        assert called.err == f"{inputs / name}: made by drumjax 0.0.9; this is {drumjax.__version__}\n"
    content = bytearray((inputs / "s.mid").read_bytes())
    content[-6] ^= 1
    (inputs / "s.mid").write_bytes(content)
    called = command("again", inputs / "s.mid")
    assert (called.code, "on: another version made it" in called.err) == (3, True)


# What Python saved


def test_files_saved_in_python_are_made_again(command, inputs, tiny) -> None:
    start, goal = read_windows("two.mid", channel=3)[0], read_windows("long.mid")[2]
    start = dataclasses.replace(start, tempo_bpm=np.float32(133.7))
    made = tiny.interpolate(start, goal, np.int64(4), path="lerp")
    concatenate(made).save("whole.mid")
    concatenate(made[1:4]).save("middle.json")
    made[2].save("third.mid")
    tiny.crossfade(start, goal, 2)[1].save("faded.json")
    tiny.sample(3, seed=np.uint32(8), tempo_bpm=100)[2].save("sampled.json")
    tiny.reconstruct([goal])[0].save("own.mid")
    humanize(tiny.reconstruct([read_windows("grid.json")[0]])[0], 4).save("own.json")
    concatenate(humanize_all(tiny.wander(3, "walk", seed=5), 6, timing_ms=20)).save("wandered.mid")
    kit = kit_for(tiny.drum_map, 22_050)
    write_audio("part.wav", render(made[1:3], kit), 22_050, concatenate(made[1:3]).provenance)
    for name in (
        "whole.mid",
        "middle.json",
        "third.mid",
        "faded.json",
        "sampled.json",
        "own.mid",
        "own.json",
        "wandered.mid",
        "part.wav",
    ):
        assert_same(command, name)
    shutil.move("long.mid", "elsewhere.mid")
    assert_same(command, "own.mid", "--input", "elsewhere.mid")


def test_python_and_the_command_write_the_same_bytes(command, inputs, model, tiny) -> None:
    start, goal = read_windows("a.mid", channel=10)[0], read_windows("long.mid", channel=10)[1]
    concatenate(tiny.interpolate(start, goal, 3)).save("python.mid")
    words = ["a.mid", "long.mid#1", "--measures", "4", "--channel", "10", "-o", "command.mid"]
    assert command("pattern", "interpolate", *words, *model).code == 0
    assert Path("python.mid").read_bytes() == Path("command.mid").read_bytes()


def test_what_no_file_ever_held_cannot_be_made_again(command, inputs, tiny) -> None:
    start, goal = read_windows("a.mid")[0], read_windows("b.mid")[0]
    by_hand = dataclasses.replace(start, provenance=None, name="mine")
    concatenate(tiny.crossfade(by_hand, goal, 1)).save("hand.mid")
    concatenate(tiny.crossfade(goal, tiny.sample(1)[0], 1)).save("made.mid")
    concatenate([*tiny.crossfade(start, goal, 1), *tiny.crossfade(goal, start, 1)]).save("joined.mid")
    assert_refused(command("again", "hand.mid"), "'mine', made in Python and never written")
    assert_refused(command("again", "made.mid"), "'pattern sample', made in Python and never written")
    assert_refused(command("again", "joined.mid"), "found 'concatenate'; it was joined in Python")


def test_files_without_a_record_are_refused(command, inputs, model) -> None:
    assert command("pattern", "sample", "--plot", "s.png", *model).code == 0
    for name, said in (
        ("s.png", "a PNG picture"),
        ("a.mid", "none in it"),
        ("clicks/BD.wav", "none in it"),
        ("missing.mid", "no such file"),
        ("clicks", "a folder"),
        ("grid.json", "JSON text"),
    ):
        assert_refused(command("again", name), said)


# Records of anybody's


def honest(**changes: object) -> dict:
    record = provenance(
        "pattern crossfade",
        model="pattern-vae",
        model_sha256=checkpoint.fingerprint(Path(drumjax.__file__).parent / "assets" / "pattern-vae"),
        seed=None,
        parameters={"measures": 2, "tempo_bpm": 129.0},
        inputs=[{"path": "embedded:idm#0", "sha256": SHA}, {"path": "embedded:techno#0", "sha256": SHA}],
    )
    return {**record, **changes}


PARAMETERS = {"measures": 2, "tempo_bpm": 129.0}
NAMES = [
    *(
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "/proc/kmsg",
        "../../../../../../etc/passwd",
        "/etc/shadow",
        "/",
        ".",
        "..",
        "",
    ),
    *(
        "a\0b",
        "\ud800",
        "x" * 1000,
        "//host/share/a.mid",
        "\\\\host\\share\\a.mid",
        "~/a.mid",
        "embedded:polka#0",
        "embedded:idm#9999",
    ),
    *("embedded:idm#" + "9" * 900, "embedded:idm#x", "#", "a.mid#99999999999999999999", "pipe", "loop", "...", ".../..", "\x1b[2J"),
]
HOSTILE = {
    "a version that clears the terminal": honest(drumjax="\x1b[2J"),
    "a version of many words": honest(drumjax="1.0\ndrumjax: all is well"),
    "no verb of ours": honest(verb="rm -rf"),
    "a verb with a module": honest(verb="os:system"),
    "a verb that draws nothing of files": honest(verb="train"),
    "no text as verb": honest(verb=["pattern crossfade"]),
    "an unknown field": honest(extra=1),
    "a model that is a text": honest(model="pattern-vae"),
    "a model of no hash": honest(model={"name": "pattern-vae", "sha256": ""}),
    "no model": honest(model=None),
    "a hash in capitals": honest(model={"name": "pattern-vae", "sha256": "AB" * 32}),
    "a seed of a crossfade that is a text": honest(seed="7"),
    "a huge seed": honest(seed=10**300),
    "a negative seed": honest(seed=-1),
    "a true seed": honest(seed=True),
    "parameters that are a list": honest(parameters=[2]),
    "no parameters": honest(parameters={}),
    "an output path": honest(parameters={**PARAMETERS, "output": "/etc/passwd"}),
    "a model as parameter": honest(parameters={**PARAMETERS, "model": "/etc"}),
    "a start as parameter": honest(parameters={**PARAMETERS, "start": "/etc/passwd"}),
    "channels as parameter": honest(parameters={**PARAMETERS, "channels": [1, 2]}),
    "measures that are a text": honest(parameters={**PARAMETERS, "measures": "2"}),
    "measures that are a fraction": honest(parameters={**PARAMETERS, "measures": 2.5}),
    "measures without end": honest(parameters={**PARAMETERS, "measures": 10**9}),
    "huge measures": honest(parameters={**PARAMETERS, "measures": 10**500}),
    "no measures": honest(parameters={**PARAMETERS, "measures": 0}),
    "a tempo of 0": honest(parameters={**PARAMETERS, "tempo_bpm": 0}),
    "a negative tempo": honest(parameters={**PARAMETERS, "tempo_bpm": -129.0}),
    "a huge tempo": honest(parameters={**PARAMETERS, "tempo_bpm": 1e300}),
    "a tempo that is no number": honest(parameters={**PARAMETERS, "tempo_bpm": float("nan")}),
    "an infinite tempo": honest(parameters={**PARAMETERS, "tempo_bpm": float("inf")}),
    "a huge whole tempo": honest(parameters={**PARAMETERS, "tempo_bpm": 10**400}),
    "a tempo that is a list": honest(parameters={**PARAMETERS, "tempo_bpm": [129]}),
    "a part of none": honest(parameters={**PARAMETERS, "part": 0}),
    "a part too far": honest(parameters={**PARAMETERS, "part": 3}),
    "parts the wrong way round": honest(parameters={**PARAMETERS, "part": [2, 1]}),
    "a part that is a text": honest(parameters={**PARAMETERS, "part": "1"}),
    "parts of parts": honest(parameters={**PARAMETERS, "part": [[1], [2]]}),
    "inputs that are an object": honest(inputs={"path": "a.mid"}),
    "inputs that are texts": honest(inputs=["a.mid", "b.mid"]),
    "one input": honest(inputs=honest()["inputs"][:1]),
    "a kit in a MIDI file": honest(inputs=[*honest()["inputs"], {"path": "clicks", "sha256": SHA}]),
    "many inputs": honest(inputs=honest()["inputs"] * 7),
    "an input of no hash": honest(inputs=[{"path": "a.mid"}, {"path": "b.mid"}]),
    "a channel of 17": honest(inputs=[{"path": "a.mid", "sha256": SHA, "channel": 17}] * 2),
    "an input of a verb": honest(inputs=[{"verb": "pattern sample", "seed": 1, "sha256": SHA}] * 2),
    "built-in patterns of other content": honest(),
    **{
        f"a performance with {name} {value!r:.20}": honest(
            verb="pattern wander", seed=1, inputs=[], parameters={**PARAMETERS, "path": "swirl", "turn": 9, name: value}
        )
        for name, values in {
            "turn": (0, -1, 1e308, 10**400, float("nan"), "9", [9]),
            "path": ("slerp", None, "../x"),
            "humanize": (True,),
            "humanize_seed": (-1, 2**32, 0.5, True),
            "humanize_velocity": (-1, 1, float("inf"), "0.1"),
            "humanize_timing_ms": (-1, 51, 10**400, float("nan")),
            "humanize_takes": (0, 9, 10**400, 2.5),
        }.items()
        for value in values
    },
    **{f"an input called {name!r:.40}": honest(inputs=[{"path": name, "sha256": SHA}] * 2) for name in NAMES},
    **{f"a model called {name!r:.40}": honest(model={"name": name, "sha256": SHA}) for name in NAMES},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_record_that_nobody_wrote_honestly_is_refused_in_a_line(command, inputs, case) -> None:
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    write_record(inputs / "x.mid", HOSTILE[case])
    before = sorted(inputs.rglob("*"))
    called = command("again", "x.mid")
    assert_refused(called)
    assert called.err.isprintable() or called.err[:-1].isprintable()
    assert sorted(inputs.rglob("*")) == before


@pytest.mark.parametrize(
    ("verb", "changed", "said"),
    [
        ("pattern interpolate", {"measures": -5, "path": "slerp"}, "expected 2 to 1024 measures as 'measures'"),
        ("pattern sample", {"measures": -5}, "expected 1 to 1024 measures as 'measures'"),
        ("pattern wander", {"path": "swirl", "turn": 1.0}, "expected a turn of 2 to 65,536 measures as 'turn'"),
    ],
)
def test_a_number_out_of_range_is_the_fault_of_the_file(command, inputs, verb, changed, said) -> None:
    ends = {} if verb == "pattern interpolate" else {"inputs": [], "seed": 1}
    write_record(inputs / "x.mid", honest(verb=verb, parameters={**PARAMETERS, **changed}, **ends))
    assert f"x.mid: {said} in its provenance; found" in command("again", "x.mid").err


@pytest.mark.parametrize("name", ["/", "..", "/proc", "/dev/zero", "a\0b", "x" * 1000, "//host/share", "pipe", "loop", ".../.."])
def test_a_kit_of_any_name_is_refused_in_a_line(command, inputs, name) -> None:
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    parameters = {"measures": 1, "tempo_bpm": 129.0}
    record = honest(verb="pattern sample", seed=1, parameters=parameters, inputs=[{"path": name, "sha256": SHA}])
    write_audio("x.wav", np.zeros(8 * 44_100), 44_100, record)
    assert_refused(command("again", "x.wav"), "the input ")


@pytest.mark.parametrize(
    "text",
    [
        "{" + '"a":' * 400 + "1" + "}" * 400,
        json.dumps(honest())[:-1],
        json.dumps(honest()) + " " * 2000,
        "[" * 1999,
        '{"drumjax":1e999}',
    ],
)
def test_a_text_that_is_no_record_is_none(command, inputs, text) -> None:
    write_record(inputs / "x.mid", text)
    assert_refused(command("again", "x.mid"), "found none in it")


def test_a_sound_whose_record_makes_hours_is_refused_before_they_are_made(command, inputs) -> None:
    for parameters in ({"measures": 1024, "tempo_bpm": 4.0}, {"measures": 1024, "tempo_bpm": 129.0}):
        record = provenance(
            "pattern sample", model="pattern-vae", model_sha256=honest()["model"]["sha256"], seed=1, parameters=parameters
        )
        write_audio("x.wav", np.zeros(44_100), 44_100, record)
        assert_refused(command("again", "x.wav"), "that its provenance makes; found 1.0 s")


def test_the_longest_record_that_a_call_can_write_fits(command, inputs, model) -> None:
    far = inputs.joinpath(*["ü" * 60] * 5)
    far.mkdir(parents=True)
    for name in ("a.mid", "b.mid"):
        shutil.copy(name, far)
    shutil.copytree("clicks", far / "clicks")
    words = [
        far / "a.mid",
        far / "b.mid",
        "--measures",
        "11",
        "--path",
        "lerp",
        "--tempo-bpm",
        "123.45678901234567",
        "--channel",
        "10",
    ]
    words += [
        "--humanize-seed",
        2**32 - 1,
        "--humanize-velocity",
        "0.12345678901234567",
        "--humanize-timing-ms",
        "9.876543210987654",
    ]
    words += ["--humanize-velocity", "0.12345678901234567", "--humanize-timing-ms", "12.345678901234567", "--humanize-takes", "8"]
    words += ["--humanize-seed", 2**32 - 1, "--seed", 2**32 - 1, "--wav", "o.wav", "--kit", far / "clicks"]
    called = command("pattern", "interpolate", *words, *model)
    assert called.code == 0
    assert len(dumps(read_provenance("o.wav"))) <= 2000
    assert_same(command, "o.wav", "--input", str(far / "clicks"))


def test_every_verb_that_records_itself_has_a_way_and_every_way_is_there() -> None:
    source = Path(instrument_module.__file__).read_text()
    recorded = {f"pattern {verb}" for verb in re.findall(r'self\._provenance\(\s*"(\w+)"', source)}
    assert len(recorded) >= 5
    assert recorded <= WAYS.keys()
    for where in WAYS.values():
        module, function = where.split(":")
        assert callable(getattr(importlib.import_module(module), function))
