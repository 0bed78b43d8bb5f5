"""Answers are read, or refused with file, row and reason."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.studies import make
from drumjax.studies.answers import COLUMNS, read_answers, sheet
from drumjax.studies.key import Settings, read_key, write_key

STUDY = "0123456789"
SETTINGS = Settings(subjects=6, seed=3)


@pytest.fixture(scope="module")
def key(key_of):
    return key_of(SETTINGS)


@pytest.fixture
def rows(key):
    """The answer sheet's rows."""
    return list(csv.DictReader(sheet(key, make.orders(SETTINGS)).splitlines()))


@pytest.fixture
def write(tmp_path):
    def written(rows, name="answers.csv", **how):
        path = tmp_path / name
        with path.open("w", encoding=how.pop("encoding", "utf-8"), newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), **how)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return written


def of(rows, experiment, subject=1):
    return [row for row in rows if row["experiment"] == experiment and row["subject"] == str(subject)]


def filled(rows, key):
    """Every answer right, every rating 4, every comment the listener's number."""
    for row in rows:
        if row["item"] == "comment":
            row["answer"] = f"comment {row['subject']}"
        elif row["experiment"] == "identification":
            row["answer"] = key.identification[int(row["subject"]) - 1][int(row["position"])].interpolation
        else:
            row["answer"] = "4"
    return rows


def test_the_sheet_asks_every_listener_everything(rows):
    assert list(rows[0]) == list(COLUMNS)
    assert [len(of(rows, name, 3)) for name in ("identification", "task", "robot")] == [8, 10, 7]
    assert len(rows) == 6 * 25


def test_a_sheet_filled_in_is_read_whole(rows, key, write):
    answers = read_answers([write(filled(rows, key))], key)
    assert len(answers.scores) == 36
    assert all(score.correct for score in answers.scores)
    assert {pair: sum(score.pair == pair for score in answers.scores) for pair in ("straight", "mixed")} == {
        "straight": 18,
        "mixed": 18,
    }
    assert answers.first[1] == 36
    assert {name: [len(each) for each in given.values()] for name, given in answers.ratings.items()} == {
        "task": [9] * 6,
        "robot": [6] * 6,
    }
    assert len(answers.comments) == 18
    assert {name: len(who) for name, who in answers.segments.items()} == dict.fromkeys(key.robot, 1)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_a_spreadsheet_has_saved_reads_as_what_the_page_saved(rows, key, write, separator):
    for row in filled(rows, key):
        row["seconds"] = "40.5"
    rows[-1]["answer"] = "one; two,\tthree"
    saved = [{f" {name.upper()} ": cell for name, cell in row.items()} for row in rows]
    for row in saved:
        row[" SECONDS "] = "40,5"
    answers = read_answers([write(rows)], key)
    assert answers.comments[-1][2] == "one; two,\tthree"
    assert answers.seconds["task"][0] == 40.5
    assert read_answers([write(saved, "saved.csv", delimiter=separator)], key) == answers


def test_a_comma_before_three_digits_is_no_point(rows, key, write):
    mine = of(filled(rows, key), "task")
    mine[0]["seconds"] = "1,000"
    with pytest.raises(InputError, match="seconds from 0"):
        read_answers([write(mine)], key)


def test_answers_are_empty_until_one_question_that_counts_is_answered(rows, key, write):
    assert read_answers([write(rows)], key).is_empty
    practice, pair = of(rows, "identification")[:2]
    facet, comment = of(rows, "task")[0], of(rows, "task")[-1]
    for row, answer, empty in ((practice, "first", True), (pair, "first", False), (facet, "3", False), (comment, "x", False)):
        assert read_answers([write([{**row, "answer": answer}])], key).is_empty == empty


def test_an_empty_sheet_is_sessions_without_answers(rows, key, write):
    answers = read_answers([write(rows)], key)
    assert answers.scores == ()
    assert {name: len(who) for name, who in answers.sessions.items()} == {"identification": 6, "task": 6, "robot": 6}


def test_many_files_are_one_set_and_practice_does_not_count(rows, key, write):
    filled(rows, key)
    paths = [write(of(rows, "identification", subject), f"{subject}.csv") for subject in (1, 2)]
    answers = read_answers(paths, key)
    assert len(answers.scores) == 12
    assert {score.subject for score in answers.scores} == {(STUDY, 1), (STUDY, 2)}


def test_a_wrong_answer_is_wrong(rows, key, write):
    mine = of(filled(rows, key), "identification")
    for row in mine[1:4]:
        row["answer"] = {"first": "second", "second": "first"}[row["answer"]]
    assert [score.correct for score in read_answers([write(mine)], key).scores] == [False] * 3 + [True] * 3


def test_a_byte_order_mark_and_windows_lines_are_welcome(rows, key, write):
    path = write(of(rows, "task"), encoding="utf-8-sig", lineterminator="\r\n")
    assert len(read_answers([path], key).sessions["task"]) == 1


def test_scored_answers_need_no_key(tmp_path):
    path = tmp_path / "scored.csv"
    path.write_text(
        "subject,pair,correct\n" + "".join(f"7,{pair},{int(i < 2)}\n" for pair in ("straight", "mixed") for i in range(3))
    )
    answers = read_answers([path])
    assert sum(score.correct for score in answers.scores) == 4


FAULTS = {
    "another study": ("study", "ffffffffff", "answers of the key's study"),
    "no study": ("study", "../../etc", "10 hexadecimal digits"),
    "an experiment": ("experiment", "dance", "an experiment of"),
    "subject 0": ("subject", "0", "from 1 to 6"),
    "an unknown subject": ("subject", "7", "from 1 to 6"),
    "no subject": ("subject", "", "from 1 to 6"),
    "a subject in other digits": ("subject", "٣", "from 1 to 6"),
    "a fraction of a subject": ("subject", "1.5", "from 1 to 6"),
    "a huge subject": ("subject", "9" * 5000, "from 1 to 6"),
    "a negative position": ("position", "-1", "in the column 'position'"),
    "a position too many": ("position", "9", "a position from 0 to 6"),
    "other sounds": ("stimulus", "0000000000 1111111111", "the sounds that subject 1 hears"),
    "an item": ("item", "tempo", "the item 'interpolation'"),
    "an answer": ("answer", "third", "'first' or 'second'"),
    "negative seconds": ("seconds", "-3", "seconds from 0"),
    "no seconds": ("seconds", "nan", "seconds from 0"),
    "plays": ("plays", "often", "in the column 'plays'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_row(rows, key, write, fault):
    column, value, rule = FAULTS[fault]
    mine = of(filled(rows, key), "identification")
    mine[2][column] = value
    path = write(mine)
    with pytest.raises(InputError, match=rule) as raised:
        read_answers([path], key)
    assert raised.value.path == str(path)
    assert "row 3" in raised.value.found


@pytest.mark.parametrize(
    ("experiment", "answer"), [("task", "0"), ("task", "8"), ("robot", "6"), ("robot", "3.5"), ("robot", "-1"), ("robot", "x")]
)
def test_answers_off_the_scale_are_refused(rows, key, write, experiment, answer):
    mine = of(rows, experiment)
    mine[1]["answer"] = answer
    with pytest.raises(InputError, match=r"a whole number from 1 to [57]"):
        read_answers([write(mine)], key)


def test_a_facet_that_is_none_and_a_segment_of_others_are_refused(rows, key, write):
    mine = of(rows, "robot")
    with pytest.raises(InputError, match="a facet of lively"):
        read_answers([write([{**mine[0], "item": "originality"}])], key)
    with pytest.raises(InputError, match="the segment that subject 1 hears"):
        read_answers([write([{**mine[0], "stimulus": key.robot[1]}])], key)


def test_two_answers_to_one_question_are_refused_in_one_file_and_in_two(rows, key, write):
    mine = of(filled(rows, key), "task")
    with pytest.raises(InputError, match="each question answered once"):
        read_answers([write([*mine, mine[4]])], key)
    with pytest.raises(InputError, match=r"as in row 1 of .*a\.csv"):
        read_answers([write(mine, "a.csv"), write(mine, "b.csv")], key)


def test_identification_without_the_key_is_refused_and_questionnaires_need_none(rows, key, write):
    filled(rows, key)
    with pytest.raises(InputError, match="--key"):
        read_answers([write(of(rows, "identification"))])
    assert len(read_answers([write(of(rows, "task"))]).ratings["task"]) == 1


def test_a_key_of_a_study_without_identification_is_not_that_of_its_answers(rows, key, write):
    with pytest.raises(InputError, match="which it did not hold"):
        read_answers([write(of(rows, "identification"))], replace(key, identification=()))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "names the columns|that can be read|answers"),
        (",".join(COLUMNS) + "\n", "answers"),
        ("a,b,c\n1,2,3\n", "the columns study"),
        (",".join(COLUMNS[:-1]) + "\n" + ",".join("x" * 8) + "\n", "no seconds"),
        (",".join([*COLUMNS, "more"]) + "\n" + ",".join("x" * 10) + "\n", "also 'more'"),
        (";".join(COLUMNS) + "\n" + ";".join("x" * 9) + "\n", "an experiment of"),
        (";".join(COLUMNS) + "\n" + ",".join("x" * 9) + "\n", "9 fields, as in the header"),
        ("|".join(COLUMNS) + "\n" + "|".join("x" * 9) + "\n", "the columns study"),
        (",".join([*COLUMNS, "Study"]) + "\n" + ",".join("x" * 10) + "\n", "a different name for each column"),
        (",".join([*COLUMNS, "study"]) + "\n", "a different name for each column"),
        ("subject,pair,correct\n1,practice,1\n", "'straight' or 'mixed'"),
        ("subject,pair,correct\n1,straight,2\n", "from 0 to 1"),
        ("subject,pair,correct\n" + "1,mixed,1\n" * 4, "at most 3 mixed pairs"),
        ("subject,pair,correct\n1,mixed\n", "3 fields"),
        ("\0" * 100, "CSV"),
    ],
)
def test_what_is_no_table_of_answers_is_refused(tmp_path, key, text, rule):
    path = tmp_path / "answers.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=rule):
        read_answers([path], key)


def test_scored_and_raw_answers_do_not_mix(rows, write, tmp_path):
    scored = tmp_path / "scored.csv"
    scored.write_text("subject,pair,correct\n1,mixed,1\n")
    with pytest.raises(InputError, match="answers of one form"):
        read_answers([write(of(rows, "task")), scored])


def test_a_comment_may_hold_anything_but_no_novel(rows, key, write):
    mine = of(rows, "task")
    mine[-1]["answer"] = 'a "b",\n<script>;\té'
    assert read_answers([write(mine)], key).comments == (("task", (STUDY, 1), 'a "b",\n<script>;\té'),)
    mine[-1]["answer"] = "x" * 10_001
    with pytest.raises(InputError, match="a comment of at most"):
        read_answers([write(mine)], key)


def test_a_key_comes_back_as_it_was_written(key, tmp_path):
    write_key(tmp_path / "key.json", key)
    assert read_key(tmp_path / "key.json") == key


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('"study"', '"studies"', "study: field required"),
        ('"subjects": 6', '"subjects": "6"', r"settings\.subjects"),
        ('"subjects": 6', '"subjects": 0', "subjects"),
        ('"pair": "practice"', '"pair": "mixed"', "a key that fits itself"),
    ],
)
def test_a_key_that_was_changed_is_refused(key, tmp_path, old, new, rule):
    path = tmp_path / "key.json"
    write_key(path, key)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=rule):
        read_key(path)


def test_a_key_that_names_unknown_sounds_is_refused(key, tmp_path):
    write_key(tmp_path / "key.json", replace(key, sounds=dict(list(key.sounds.items())[1:])))
    with pytest.raises(InputError, match="the unknown sound"):
        read_key(tmp_path / "key.json")


@pytest.mark.parametrize(
    "changed",
    [
        lambda trial: replace(trial, interpolation="second" if trial.interpolation == "first" else "first"),
        lambda trial: replace(trial, first=trial.second, second=trial.first),
        lambda trial: replace(trial, second=trial.first),
        lambda trial: replace(trial, pair="mixed" if trial.pair == "straight" else "straight"),
    ],
)
def test_a_key_whose_answers_are_not_those_of_its_sounds_is_refused(key, tmp_path, changed):
    second = key.identification[1]
    sessions = (key.identification[0], (*second[:3], changed(second[3]), *second[4:]), *key.identification[2:])
    write_key(tmp_path / "key.json", replace(key, identification=sessions))
    with pytest.raises(InputError, match="subject 2 with a pair that its sounds do not make"):
        read_key(tmp_path / "key.json")


def test_a_key_with_fewer_sessions_than_subjects_is_refused(key, tmp_path):
    write_key(tmp_path / "key.json", replace(key, identification=key.identification[:-1]))
    with pytest.raises(InputError, match="a key that fits itself"):
        read_key(tmp_path / "key.json")


@pytest.mark.parametrize("number", [-1, 9, 10**9])
def test_a_key_with_transitions_that_there_are_not_is_refused(key, tmp_path, number):
    sounds = {name: replace(sound, kind="crossfade", number=number) for name, sound in key.sounds.items()}
    write_key(tmp_path / "key.json", replace(key, sounds=sounds))
    with pytest.raises(InputError, match="of the number"):
        read_key(tmp_path / "key.json")
    write_key(tmp_path / "key.json", replace(key, genres=("idm",)))
    with pytest.raises(InputError, match="1 genres"):
        read_key(tmp_path / "key.json")


def test_damaged_answers_are_a_valid_result_or_one_error(rows, key, write, tmp_path):
    data = bytearray(write(filled(rows, key)).read_bytes())
    generator = np.random.default_rng(0)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(generator.integers(1, 6)):
            at = int(generator.integers(len(damaged)))
            match generator.integers(4):
                case 0:
                    damaged[at] = generator.integers(256)
                case 1:
                    del damaged[at : at + generator.integers(1, 200)]
                case 2:
                    damaged[at:at] = damaged[at : at + 120]
                case _:
                    damaged[at] = ord(generator.choice(list('",;\n\r\t0-')))
        (tmp_path / "damaged.csv").write_bytes(bytes(damaged))
        try:
            read_answers([tmp_path / "damaged.csv"], key)
            outcomes.add("read")
        except InputError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
