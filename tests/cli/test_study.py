"""`drumjax study make` and `drumjax study analyse`, and a study's sounds made again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drumjax.cli import main
from drumjax.datasets.grooves.info import GrooveInfo, GrooveSet, count_genres
from drumjax.datasets.info import check
from drumjax.datasets.npz import write_npz
from drumjax.patterns import POCKET
from drumjax.provenance import read_provenance
from drumjax.signal.loudness import integrated_loudness

SHORT = ["--measures", "2", "--tempo-bpm", "400", "--subjects", "3", "--experiment", "identification"]


@pytest.fixture(scope="module")
def study(tiny_workdir: Path, tmp_path_factory) -> Path:
    """A study of three listeners on the embedded patterns, never to be written to."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    assert main(["study", "make", "-o", str(folder), "--model", str(tiny_workdir), *SHORT]) == 0
    return folder


def answered(study: Path, path: Path, right: bool = True) -> Path:
    """The answer sheet, every pair answered rightly or wrongly."""
    key = json.loads((study / "key.json").read_text())
    with (study / "answer_sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["item"] == "interpolation":
            row["answer"] = key["identification"][int(row["subject"]) - 1][int(row["position"])]["interpolation"]
            if not right:
                row["answer"] = {"first": "second", "second": "first"}[row["answer"]]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_study_goes_from_sounds_to_a_report(command, study, tmp_path):
    answers = answered(study, tmp_path / "answers.csv")
    called = command("study", "analyse", answers, "--key", study / "key.json", "-o", tmp_path / "report")
    assert (called.code, called.err) == (0, "")
    assert "total     6.00 ± 0.00 of 6" in called.out
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert report["identification"]["subjects"] == 3
    assert report["identification"]["binomial"]["correct"] == 18
    page = (tmp_path / "report/report.html").read_text()
    assert "told apart" in page
    assert "idm → techno" in page


def test_wrong_answers_are_counted_as_such(command, study, tmp_path):
    answers = answered(study, tmp_path / "answers.csv", right=False)
    assert "total     0.00 ± 0.00 of 6" in command("study", "analyse", answers, "--key", study / "key.json").out
    assert "18 pairs" in command("study", "analyse", answers, "--key", study / "key.json").out


def test_the_papers_counts_run_through_the_command(command, tmp_path):
    wrong = [(3, 0), (2, 1), (1, 1), (0, 2), (0, 1), (0, 1), (0, 1), *[(0, 0)] * 12]
    lines = [
        f"{subject},{pair},{int(i >= errors)}"
        for subject, both in enumerate(wrong, 1)
        for pair, errors in zip(("straight", "mixed"), both, strict=True)
        for i in range(3)
    ]
    (tmp_path / "paper.csv").write_text("\n".join(["subject,pair,correct", *lines]) + "\n")
    out = command("study analyse paper.csv -o report").out
    for figure in (
        "straight  2.68 ± 0.80 of 3",
        "mixed     2.63 ± 0.58 of 3",
        "total     5.32 ± 1.03 of 6",
        "χ²(2) = 25.92",
        "value 5.99",
    ):
        assert figure in out
    assert "101 of 114 pairs" in out


def test_ratings_become_box_plots(command, tmp_path):
    columns = "study,experiment,subject,position,stimulus,item,answer,plays,seconds\n"
    facets = ("lively", "organic", "lifelike", "competent", "knowledgeable", "intelligent")
    rows = [
        f"0123456789,robot,{s},{i},abc,{facet},{1 + (s + i) % 5},1,2.5" for s in range(1, 9) for i, facet in enumerate(facets, 1)
    ]
    (tmp_path / "robot.csv").write_text(columns + "\n".join(rows) + "\n")
    called = command("study analyse robot.csv")
    assert called.code == 0
    assert (tmp_path / "report/robot.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert report["robot"]["facets"]["lively"]["n"] == 8
    assert report["robot"]["facets"]["lively"]["paper"] == {"mean": 3.89, "median": 4, "n": 38}
    assert report["robot"]["median_seconds"] == 2.5
    assert 'src="robot.png"' in (tmp_path / "report/report.html").read_text()


@pytest.mark.parametrize("kind", ["interpolation", "crossfade"])
def test_a_sound_of_a_study_is_made_again_bit_for_bit(command, study, tmp_path, kind):
    key = json.loads((study / "key.json").read_text())
    name = next(name for name, sound in key["sounds"].items() if sound["kind"] == kind)
    called = command("again", study / f"listener/sounds/{name}.wav", "-o", tmp_path / "again.wav")
    assert (called.code, called.err) == (0, "")
    assert (tmp_path / "again.wav").read_bytes() == (study / f"listener/sounds/{name}.wav").read_bytes()


def test_a_segment_is_made_again_bit_for_bit(command, tiny_workdir, tmp_path):
    words = ["--experiment", "robot", "--drummer", tiny_workdir, "--tempo-bpm", "400", "--segment-bars", "8", "--subjects", "1"]
    assert command("study", "make", "-o", "study", *words).code == 0
    heard = tmp_path / "study/listener/sounds" / f"{json.loads((tmp_path / 'study/key.json').read_text())['robot'][0]}.wav"
    assert command("again", heard, "-o", "again.wav").code == 0
    assert (tmp_path / "again.wav").read_bytes() == heard.read_bytes()


@pytest.fixture(scope="module")
def groove_study(untrained_grooves: Path, compilation_cache: None, tmp_path_factory) -> Path:
    """A study on grooves for two listeners, never to be written to: twenty tracks of two windows each."""
    draw = np.random.default_rng(0)
    splits = {}
    for split, tracks in (("train", 1), ("test", 20)):
        note = draw.random((2 * tracks, 32, 7)) < 0.2
        note[:, ::4, :3] = True
        names = [f"{split}{i // 2}.mid#{i % 2}" for i in range(2 * tracks)]
        splits[split] = {
            "velocity": np.where(note, draw.integers(20, 128, note.shape) / np.float32(127), 0).astype(np.float32),
            "offset": np.where(note, draw.integers(-30, 30, note.shape) / np.float32(60), 0).astype(np.float32),
            "genre": np.zeros(2 * tracks, np.int32),
            "tempo_bpm": np.full(2 * tracks, 400, np.float32),
            "name": np.array(names),
            "group": np.array([name.split("#")[0] for name in names]),
            "licence": np.full(2 * tracks, "CC0-1.0"),
        }
    splits["validation"] = {name: array[:0] for name, array in splits["train"].items()}
    info = GrooveInfo(
        kind="grooves", name="few", source_sha256="5" * 64, genres=("funk",), drum_map=POCKET, steps=32,
        counts={split: len(arrays["genre"]) for split, arrays in splits.items()}, licences={"CC0-1.0": 42},
        genre_counts=count_genres(("funk",), splits), left_out={},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("groove_study")
    write_npz(folder / "few.npz", check(GrooveSet(info, splits)))
    words = ["--experiment", "grooves", "--grooves", untrained_grooves, "--data", folder / "few.npz", "--subjects", "2"]
    assert main(["study", "make", "-o", str(folder / "study"), *map(str, words)]) == 0
    return folder / "study"


def test_a_study_on_grooves_goes_from_sounds_and_midi_to_shares(command, groove_study, tmp_path):
    key = json.loads((groove_study / "key.json").read_text())
    assert [path.stem for path in sorted((groove_study / "midi").iterdir())] == sorted(key["sounds"])
    assert len({sound["start"].split("#")[0] for sound in key["sounds"].values()}) == 20
    levels = [integrated_loudness(*soundfile.read(path)) for path in (groove_study / "listener/sounds").iterdir()]
    assert len(levels) == 20 + 30
    assert max(levels) - min(levels) < 0.04
    with (groove_study / "answer_sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["item"] != "comment":
            truth = key["grooves"][int(row["subject"]) - 1][int(row["position"]) - 1]["truth"]
            # The first listener knows them all and likes the model's best; the second takes all for people and likes the first.
            row["answer"] = truth if row["subject"] == "1" else "human" if row["item"] == "human_or_ai" else "first"
    with (tmp_path / "answers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    called = command("study", "analyse", "answers.csv", "--key", groove_study / "key.json")
    assert (called.code, called.err) == (0, "")
    assert "50.0 % of the model's grooves were taken for a person's: 5 of 10" in called.out
    shares = json.loads((tmp_path / "report/report.json").read_text())["grooves"]["shares"]
    assert {name: (each["times"], each["of"]) for name, each in shares.items()} == {
        "ai_taken_for_human": (5, 10), "human_taken_for_ai": (0, 10), "ai_preferred": (15, 20)
    }  # fmt: skip
    page = (tmp_path / "report/report.html").read_text()
    assert "53.7 %" in page
    assert "75.0 %" in page


@pytest.mark.parametrize("kind", ["human", "ai", "template"])
def test_grooves_of_a_study_are_made_again_bit_for_bit_and_do_not_say_whose_they_are(command, groove_study, tmp_path, kind):
    key = json.loads((groove_study / "key.json").read_text())
    names = {sound["kind"]: name for name, sound in key["sounds"].items() if sound["number"] == 13}
    for place, again in ((f"listener/sounds/{names[kind]}.wav", "again.wav"), (f"midi/{names[kind]}.mid", "again.mid")):
        called = command("again", groove_study / place, "-o", again)
        assert (called.code, called.err) == (0, "")
        assert (tmp_path / again).read_bytes() == (groove_study / place).read_bytes()
    records = [read_provenance(groove_study / f"listener/sounds/{name}.wav") for name in names.values()]
    for record in records:
        assert record is not None
        assert record["parameters"].pop("file") in names.values()
    assert records[0] == records[1] == records[2]


def test_grooves_of_no_people_make_no_study(command, untrained_grooves, groove_study, tmp_path):
    words = ["study", "make", "-o", "study", "--experiment", "grooves", "--grooves", untrained_grooves]
    for data, says in (
        ("embedded", "performances of people"),
        (groove_study.parent / "few.npz", "at least 20 tracks in the split"),
    ):
        called = command(*words, "--data", data, "--split", "train")
        assert called.code == 2
        assert says in called.err
    assert not (tmp_path / "study").exists()


def test_a_sound_whose_record_was_changed_is_not_made(command, study, tmp_path):
    sound = next((study / "listener/sounds").glob("*.wav")).read_bytes()
    for old, new in (
        (b'"measures":2', b'"measures":9'),
        (b'"transition":', b'"transitiom":'),
        (b'"loudness_lufs":-', b'"loudness_lufs": '),
    ):
        assert old in sound
        (tmp_path / "changed.wav").write_bytes(sound.replace(old, new, 1))
        called = command("again changed.wav")
        assert called.code == 2, (old, called)
        assert "Traceback" not in called.err


def test_patterns_of_ones_own_make_a_study(command, files, model, midi):
    for i in range(9):
        midi(f"p{i}.mid", {(s, "BD"): 100 for s in range(0, 64, i + 1)} | {(1, "SD"): 90})
    named = [f"genre{i // 3}=p{i}.mid" for i in range(9)]
    called = command("study", "make", "-o", "study", *model, *SHORT, "--patterns", *named)
    assert (called.code, called.err) == (0, "")
    key = json.loads((files / "study/key.json").read_text())
    assert key["genres"] == ["genre0", "genre1", "genre2"]
    assert {sound["start"] for sound in key["sounds"].values()} == {f"p{i}.mid" for i in range(9)}
    heard = files / "study/listener/sounds" / f"{next(iter(key['sounds']))}.wav"
    assert command("again", heard, "-o", "again.wav").code == 0


def test_patterns_are_chosen_from_prepared_data(command, midi, model, tmp_path):
    for i in range(30):
        midi(f"source/{('a', 'b', 'c')[i % 3]}/{i}.mid", {(0, "BD"): 100, (1 + i, "SD"): 90, (2 + i, "CH"): 80})
    assert command("data build source -o data --validation 0.2 --test 0.2").code == 0
    called = command("study", "make", "-o", "study", *model, *SHORT, "--data", "data", "--seed", "4")
    assert (called.code, called.err) == (0, "")
    key = json.loads((tmp_path / "study/key.json").read_text())
    assert key["genres"] == ["a", "b", "c"]
    heard = tmp_path / "study/listener/sounds" / f"{next(iter(key['sounds']))}.wav"
    assert command("again", heard, "-o", "again.wav").code == 0
    assert (tmp_path / "again.wav").read_bytes() == heard.read_bytes()


def test_an_experimenter_has_words_of_their_own(command, tmp_path):
    (tmp_path / "consent.txt").write_text("One <b>word</b>.\n\nTwo\nwords.\n", encoding="utf-8")
    assert command("study make --experiment task --consent consent.txt -o study").code == 0
    page = (tmp_path / "study/listener/index.html").read_text()
    assert (
        json.dumps(["One <b>word</b>.", "Two words."])[1:-1].replace(", ", ",").replace("<", "\\u003c").replace(">", "\\u003e")
        in page
    )
    assert not (tmp_path / "study/listener/sounds").exists()


WRONG = {
    "a seed": ("--seed -1", "--seed: expected seed from 0"),
    "subjects": ("--subjects 0", "--subjects: expected subjects from 1 to 1,000; found 0; "),
    "bars": ("--segment-bars 42", "--segment-bars: expected segment-bars to be a multiple of 4; found 42; "),
    "a length": ("--measures 64 --tempo-bpm 20", "--measures: expected measures, segment-bars and tempo-bpm of sounds up to 600 s"),
    "no name": ("-o=", "-o: expected a file or a folder; found an empty name"),
    "an experiment": ("--experiment dance", "dance"),
    "no model": ("--model nowhere", "nowhere"),
    "a model that cannot interpolate": ("--model pattern-gan", "expected a model with an encoder"),
    "no drummer": ("--drummer nowhere --experiment robot", "nowhere"),
    "no data": ("--data nowhere", "nowhere"),
    "a genre": ("--genres idm,electro,polka", "genres"),
    "two genres": ("--genres idm electro", "three genres"),
    "eight patterns": ("--patterns a=embedded:idm#1 a=embedded:idm#2", "nine patterns"),
    "patterns and data": (
        "--data data --patterns "
        + " ".join(f"{genre}=embedded:{genre}#{k}" for genre in ("idm", "electro", "techno") for k in (1, 2, 3)),
        "leave one out",
    ),
    "a pattern without a genre": ("--patterns embedded:idm#1", "GENRE=PATTERN"),
    "the same pattern twice": (
        "--patterns " + " ".join(f"{genre}=embedded:{genre}#{k}" for genre in ("idm", "electro", "techno") for k in (1, 1, 2)),
        "nine different patterns",
    ),
    "no kit": ("--kit nowhere", "nowhere"),
    "no consent": ("--consent nowhere", "nowhere"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_call_is_one_message_and_no_files(command, model, tmp_path, wrong):
    words, said = WRONG[wrong]
    experiment = [] if "--experiment" in words else ["--experiment", "identification"]
    given = [] if "--model" in words else model
    called = command("study", "make", "-o", "study", *given, *experiment, *words.split())
    assert called.code == 2
    assert said in called.err
    assert "Traceback" not in called.err
    assert called.err.count("\n") == 1 or wrong in ("an experiment", "a genre")  # these the parser of the call refuses
    assert not (tmp_path / "study").exists()


def test_another_study_is_never_written_over(command, tmp_path):
    assert command("study make --experiment task -o study").code == 0
    before = (tmp_path / "study/key.json").read_bytes()
    called = command("study make --experiment task -o study --seed 9")
    assert called.code == 2
    assert "a new or an empty folder" in called.err
    assert (tmp_path / "study/key.json").read_bytes() == before


def test_one_session_is_one(command):
    assert "0 sounds, 1 session\n" in command("study make --experiment task --subjects 1 -o study").out


@pytest.mark.parametrize("words", [["-o", ""], ["--output", ""], ["-o="], ["--output="]])
def test_an_output_without_a_name_is_not_the_current_folder(command, tmp_path, words):
    (tmp_path / "scored.csv").write_text("subject,pair,correct\n1,mixed,1\n")
    for call in (["study", "analyse", "scored.csv"], ["study", "make", "--experiment", "task"]):
        called = command(*call, *words)
        assert (called.code, called.out) == (2, "")
        assert "-o: expected a file or a folder; found an empty name" in called.err
        assert [path.name for path in tmp_path.iterdir()] == ["scored.csv"]


def test_a_sheet_that_nobody_filled_in_is_nothing_to_do(command, study, tmp_path):
    called = command("study", "analyse", study / "answer_sheet.csv", "--key", study / "key.json")
    assert (called.code, called.out) == (3, "")
    assert "answer_sheet.csv: nothing to analyse, no question is answered there" in called.err
    assert called.err.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_wrong_answers_files_are_one_message_and_no_report(command, study, tmp_path):
    answers = answered(study, tmp_path / "answers.csv")
    for words in (["answers.csv"], ["nowhere.csv"], [], ["answers.csv", "--key", "nowhere.json"], ["answers.csv", "answers.csv"]):
        key = [] if "--key" in words or len(words) < 2 else ["--key", study / "key.json"]
        called = command("study", "analyse", *words, *key)
        assert called.code == 2, words
        assert "Traceback" not in called.err
    assert not (tmp_path / "report").exists()
    assert answers.exists()
