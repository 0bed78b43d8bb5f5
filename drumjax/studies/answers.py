"""Answers of listeners: one table for all experiments, read from CSV with every fault named.

A row is one answer. Its columns, in any order, their names in small letters or capitals; between them commas or, as some
spreadsheets write them, semicolons or tabs:

| column | what |
| --- | --- |
| `study` | the study's name, 10 hexadecimal digits |
| `experiment` | identification, task, robot or grooves |
| `subject` | the listener's number, from 1 |
| `position` | when it was asked: identification 0 (practice) to 6, else from 1 |
| `stimulus` | what was heard: `FIRST SECOND` in identification, the segment in robot, one or `TEMPLATE FIRST SECOND` in grooves |
| `item` | `interpolation` (which of the two is it?), the facet's name, `human_or_ai`, `preference`, or `comment` |
| `answer` | `first` or `second`, a whole number on the facet's scale, `human` or `ai`, or a text; empty where none was given |
| `plays` | how often the sound that was played least was heard whole; empty where nobody counted |
| `seconds` | from the question's first sight to its answer; empty where nobody counted |

Identification that is scored already, from elsewhere, comes with the columns `subject`, `pair` (straight or mixed) and `correct` (1
or 0) and no others.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import NamedTuple, TypeVar

from drumjax.boundary import InputError, read_csv
from drumjax.studies.design import MOST_SUBJECTS
from drumjax.studies.key import HUMAN_OR_AI, PREFERENCE, Key
from drumjax.studies.questionnaires import QUESTIONNAIRES, Questionnaire

COLUMNS = ("study", "experiment", "subject", "position", "stimulus", "item", "answer", "plays", "seconds")
SCORED = ("subject", "pair", "correct")
PAIRS_EACH = 3
"""Straight pairs of a session, and mixed ones."""
COMMENT = "comment"
INTERPOLATION = "interpolation"
SEPARATORS = ",;\t"
MOST_COMMENT = 10_000
MOST_FILES = 2_000

Asked = TypeVar("Asked")
Subject = tuple[str, int]
"""A listener: the study (or "" in scored answers) and the number in it."""


class Score(NamedTuple):
    """One scored pair of the identification experiment; `transition` is the interpolation's, "" where no key says it."""

    subject: Subject
    pair: str
    correct: bool
    transition: str = ""


class Judgement(NamedTuple):
    """An answered question on grooves, see `drumjax.studies.key.Judged`: of which groove, what is true, and what was said."""

    subject: Subject
    question: str
    groove: int
    truth: str
    said: str


@dataclass(frozen=True)
class Answers:
    """Everything that a set of files says, checked.

    Attributes:
      scores: identification, practice left out, answered pairs only.
      first: how often "first" was answered there, and of how many; (0, 0) where the answers came scored.
      ratings: by experiment ("task", "robot"), by listener, the answered facets.
      comments: (experiment, listener, text), in the order of the files.
      seconds: by experiment, the times that were taken.
      plays: by experiment, the counts of plays.
      segments: by segment's name the listeners of the robot experiment who heard it.
      sessions: by experiment the listeners who appear in any row.
      judgements: on grooves, answered questions only.
    """

    scores: tuple[Score, ...]
    first: tuple[int, int]
    ratings: Mapping[str, Mapping[Subject, Mapping[str, int]]]
    comments: tuple[tuple[str, Subject, str], ...]
    seconds: Mapping[str, tuple[float, ...]]
    plays: Mapping[str, tuple[int, ...]]
    segments: Mapping[str, tuple[Subject, ...]]
    sessions: Mapping[str, tuple[Subject, ...]]
    judgements: tuple[Judgement, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no question is answered that counts: practice does not."""
        rated = any(given for who in self.ratings.values() for given in who.values())
        return not (self.scores or self.judgements or self.comments or rated)


class _Row(NamedTuple):
    path: str
    number: int
    cells: Mapping[str, str]

    def fail(self, rule: str, found: str, remedy: str = "correct the file") -> InputError:
        return InputError(self.path, rule=rule, found=f"{found} in row {self.number}", remedy=remedy)

    def whole(self, column: str, least: int, most: int) -> int:
        text = self.cells[column].strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
            raise self.fail(f"a whole number from {least} to {most:,} in the column {column!r}", repr(text[:40]))
        return int(text)


def read_answers(paths: Sequence[str | PathLike[str]], key: Key | None = None) -> Answers:
    """Reads files of answers.

    Args:
      paths: one or many, of any listeners and experiments, raw or scored.
      key: the study's; needed for raw answers of the identification experiment and of that on grooves. With a key, subjects and
        sounds are checked too.

    Raises:
      InputError: what is no such table, or breaks one of its rules; the message gives the file and the row (counted from 1, blank
        lines left out). Two answers to one question are a fault, also in two files.
    """
    if len(paths) > MOST_FILES:
        raise InputError("answers", rule=f"at most {MOST_FILES:,} files", found=f"{len(paths):,}", remedy="join them")
    raw: list[_Row] = []
    scored: list[_Row] = []
    for path in paths:
        rows = _table(path)
        if not rows:
            raise InputError(path, rule="answers", found="no row of them", remedy="name a file that the study's page saved")
        kind = scored if set(rows[0]) == set(SCORED) else raw
        _check_columns(path, rows[0], SCORED if kind is scored else COLUMNS)
        kind += [_Row(str(path), number, cells) for number, cells in enumerate(rows, 1)]
    if raw and scored:
        raise InputError(scored[0].path, rule="answers of one form", found="scored ones beside raw ones", remedy="read them apart")
    return _from_scored(scored) if scored else _from_raw(raw, key)


def _table(path: str | PathLike[str]) -> list[dict[str, str]]:
    """A table of answers as the page saves it, or as a spreadsheet has saved it since."""
    rows = read_csv(path, separators=SEPARATORS)
    named = {name: name.lower() for name in rows[0]} if rows else {}
    if len(set(named.values())) < len(named):
        found = f"the header {', '.join(named)[:80]!r}"
        raise InputError(path, rule="a different name for each column", found=found, remedy="name each column once")
    return [{named[name]: cell for name, cell in row.items()} for row in rows]


def _check_columns(path: str | PathLike[str], row: Mapping[str, str], wanted: Sequence[str]) -> None:
    missing, unknown = [c for c in wanted if c not in row], [c for c in row if c not in wanted]
    if missing or unknown:
        found = f"no {', '.join(missing)}" if missing else f"also {', '.join(unknown)[:60]!r}"
        raise InputError(
            path, rule=f"the columns {', '.join(wanted)}", found=found, remedy="name a file that the study's page saved"
        )


def _from_scored(rows: Iterable[_Row]) -> Answers:
    scores = []
    counts: Counter[tuple[int, str]] = Counter()
    for row in rows:
        subject, pair = row.whole("subject", 1, MOST_SUBJECTS), row.cells["pair"].strip()
        if pair not in ("straight", "mixed"):
            raise row.fail("'straight' or 'mixed' in the column 'pair'", repr(pair[:40]))
        counts[subject, pair] += 1
        if counts[subject, pair] > PAIRS_EACH:
            raise row.fail(f"at most {PAIRS_EACH} {pair} pairs of a subject", f"one more of subject {subject}")
        scores.append(Score(("", subject), pair, bool(row.whole("correct", 0, 1))))
    return Answers(
        tuple(scores), (0, 0), {}, (), {}, {}, {}, {"identification": tuple(dict.fromkeys(each.subject for each in scores))}
    )


def _from_raw(rows: Iterable[_Row], key: Key | None) -> Answers:
    scores: list[Score] = []
    said_first: list[bool] = []
    judgements: list[Judgement] = []
    ratings: dict[str, dict[Subject, dict[str, int]]] = {}
    comments: list[tuple[str, Subject, str]] = []
    seconds: dict[str, list[float]] = {}
    plays: dict[str, list[int]] = {}
    segments: dict[str, dict[Subject, None]] = {}
    sessions: dict[str, dict[Subject, None]] = {}
    seen: dict[tuple[str, Subject, str], _Row] = {}
    for row in rows:
        experiment = row.cells["experiment"].strip()
        if experiment not in ("identification", "grooves", *QUESTIONNAIRES):
            raise row.fail(f"an experiment of identification, grooves, {', '.join(QUESTIONNAIRES)}", repr(experiment[:40]))
        subject = _subject(row, key)
        item, answer = row.cells["item"].strip(), row.cells["answer"].strip()
        position = row.whole("position", 0 if experiment == "identification" else 1, 1_000)
        question = f"position {position}" if item in (INTERPOLATION, HUMAN_OR_AI, PREFERENCE) else item
        if earlier := seen.get((experiment, subject, question)):
            where = f"row {earlier.number} of {earlier.path}"
            raise row.fail(
                "each question answered once",
                f"{question} of subject {subject[1]}, {experiment}, as in {where},",
                "keep one of the two",
            )
        seen[experiment, subject, question] = row
        sessions.setdefault(experiment, {})[subject] = None
        if item == COMMENT:
            if len(answer) > MOST_COMMENT:
                raise row.fail(f"a comment of at most {MOST_COMMENT:,} characters", f"{len(answer):,}")
            if answer:
                comments.append((experiment, subject, answer))
            continue
        if experiment == "identification":
            pair, right, transition = _trial(row, subject, position, item, key)
            if answer:
                if answer not in ("first", "second"):
                    raise row.fail("'first' or 'second' as an answer", repr(answer[:40]))
                if pair != "practice":
                    scores.append(Score(subject, pair, answer == right, transition))
                    said_first.append(answer == "first")
        elif experiment == "grooves":
            judgement = _judged(row, subject, position, item, answer, key)
            judgements += [judgement] if answer else []
        else:
            _rate(row, QUESTIONNAIRES[experiment], item, answer, ratings.setdefault(experiment, {}).setdefault(subject, {}))
            if experiment == "robot":
                segments.setdefault(_segment(row, subject, key), {})[subject] = None
        if answer:
            if row.cells["seconds"].strip():
                seconds.setdefault(experiment, []).append(_seconds(row))
            if row.cells["plays"].strip():
                plays.setdefault(experiment, []).append(row.whole("plays", 0, 10_000))
    return Answers(
        scores=tuple(scores),
        first=(sum(said_first), len(said_first)),
        ratings=ratings,
        comments=tuple(comments),
        seconds={name: tuple(values) for name, values in seconds.items()},
        plays={name: tuple(values) for name, values in plays.items()},
        segments={name: tuple(who) for name, who in segments.items()},
        sessions={name: tuple(who) for name, who in sessions.items()},
        judgements=tuple(judgements),
    )


def _subject(row: _Row, key: Key | None) -> Subject:
    study = row.cells["study"].strip()
    if not (len(study) == 10 and set(study) <= set("0123456789abcdef")):
        raise row.fail("a study's name of 10 hexadecimal digits", repr(study[:40]))
    if key is not None and study != key.study:
        raise row.fail(f"answers of the key's study {key.study}", f"the study {study}", "take the key.json of that study")
    most = MOST_SUBJECTS if key is None else key.settings.subjects
    return study, row.whole("subject", 1, most)


def _trial(row: _Row, subject: Subject, position: int, item: str, key: Key | None) -> tuple[str, str, str]:
    """The kind of the pair that this listener heard at this position, the right answer, and the interpolation's transition."""
    if item != INTERPOLATION:
        raise row.fail(f"the item {INTERPOLATION!r} or {COMMENT!r} in identification", repr(item[:40]))
    session = _needed(row, key).identification
    heard = _at(row, "identification", session, subject, position)
    _check_heard(row, (heard.first, heard.second), subject, position)
    assert key is not None
    number = key.sounds[heard.first if heard.interpolation == "first" else heard.second].number
    transition = " → ".join(key.genres[genre] for genre in divmod(number, 3))
    return heard.pair, heard.interpolation, transition


def _judged(row: _Row, subject: Subject, position: int, item: str, answer: str, key: Key | None) -> Judgement:
    """What this listener was asked of grooves at this position, and said; an answer that is none is a fault."""
    known = _needed(row, key)
    asked = _at(row, "grooves", known.grooves, subject, position - 1, first=1)
    if item != asked.question:
        raise row.fail(f"the item {asked.question!r} at position {position}", repr(item[:40]))
    _check_heard(row, asked.sounds, subject, position)
    choices = ("human", "ai") if item == HUMAN_OR_AI else ("first", "second")
    if answer and answer not in choices:
        raise row.fail(f"{choices[0]!r} or {choices[1]!r} as an answer", repr(answer[:40]))
    return Judgement(subject, item, known.sounds[asked.sounds[0]].number, asked.truth, answer)


def _needed(row: _Row, key: Key | None) -> Key:
    if key is None:
        raise InputError(
            row.path, rule="the study's key, which alone knows the answers", found="none", remedy="add --key STUDY/key.json"
        )
    return key


def _at(row: _Row, experiment: str, sessions: Sequence[Sequence[Asked]], subject: Subject, place: int, first: int = 0) -> Asked:
    """What the key says a listener heard; `place` counts from 0, positions in files from `first`."""
    if not sessions:
        raise row.fail("experiments of the key's study", f"{experiment}, which it did not hold")
    session = sessions[subject[1] - 1]
    if place >= len(session):
        raise row.fail(f"a position from {first} to {len(session) - 1 + first}", f"{place + first}")
    return session[place]


def _check_heard(row: _Row, sounds: Sequence[str], subject: Subject, position: int) -> None:
    if row.cells["stimulus"].split() != list(sounds):
        rule = f"the sounds that subject {subject[1]} hears at position {position}, {' '.join(sounds)}"
        raise row.fail(rule, repr(row.cells["stimulus"][:40]))


def _segment(row: _Row, subject: Subject, key: Key | None) -> str:
    heard = row.cells["stimulus"].strip()
    if key is not None and key.robot and heard != key.robot[subject[1] - 1]:
        raise row.fail(f"the segment that subject {subject[1]} hears, {key.robot[subject[1] - 1]}", repr(heard[:40]))
    return heard[:40]


def _rate(row: _Row, asked: Questionnaire, item: str, answer: str, given: dict[str, int]) -> None:
    if item not in {facet.name for facet in asked.facets}:
        raise row.fail(f"a facet of {', '.join(facet.name for facet in asked.facets)}, or {COMMENT}", repr(item[:40]))
    if answer:
        given[item] = row.whole("answer", 1, asked.points)


def _seconds(row: _Row) -> float:
    text = row.cells["seconds"].strip()
    if re.fullmatch(r"\d+,\d{1,2}", text):  # where a comma is the point; one before three digits would be ambiguous
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e6:
        raise row.fail("seconds from 0 to 1,000,000", repr(text[:40]))
    return value


def sheet(key: Key, orders: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """The answer sheet of a study as CSV: every question that every listener is asked, the answers empty.

    For studies without the page; and what the page saves has these rows, in this order, filled in.

    Args:
      key: the study's.
      orders: by experiment ("task", "robot") the order of the facets for each listener.
    """
    rows: list[list[object]] = []
    for subject in range(1, key.settings.subjects + 1):
        for experiment in key.settings.experiments:
            if experiment == "identification":
                for position, trial in enumerate(key.identification[subject - 1]):
                    rows.append([experiment, subject, position, f"{trial.first} {trial.second}", INTERPOLATION])
                rows.append([experiment, subject, len(key.identification[subject - 1]), "", COMMENT])
            elif experiment == "grooves":
                session = key.grooves[subject - 1]
                rows += [[experiment, subject, i, " ".join(each.sounds), each.question] for i, each in enumerate(session, 1)]
                rows.append([experiment, subject, len(session) + 1, "", COMMENT])
            else:
                heard = key.robot[subject - 1] if experiment == "robot" else ""
                asked = orders[experiment][subject - 1]
                rows += [[experiment, subject, position, heard, item] for position, item in enumerate([*asked, COMMENT], 1)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([key.study, *row, "", "", ""] for row in rows)
    return out.getvalue()
