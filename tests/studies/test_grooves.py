"""The experiment on grooves: who is asked what, what is heard, and what the answers say."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from drumjax.boundary import InputError
from drumjax.patterns import POCKET, Pattern
from drumjax.studies import analysis, design, make, report, stimuli
from drumjax.studies.answers import read_answers, sheet
from drumjax.studies.key import Settings, read_key, write_key

SETTINGS = Settings(subjects=24, seed=7, experiments=("grooves",))


@pytest.fixture(scope="module")
def key(key_of):
    return key_of(SETTINGS)


def rows_of(key):
    return [row for row in csv.DictReader(sheet(key, {}).splitlines()) if row["item"] != "comment"]


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_each_listener_hears_twenty_grooves_and_two_in_a_row_the_two_versions_of_each():
    sessions = design.judgements(25, 3)
    for session in sessions:
        for part, of in ((session[:10], range(10)), (session[10:], range(10, 20))):
            assert sorted(each.groove for each in part) == list(of)
            assert sum(each.ai for each in part) == 5
    for one, other in zip(sessions[:24:2], sessions[1::2], strict=True):
        assert dict(one) == {groove: not ai for groove, ai in other}
    assert len({tuple(each.groove for each in session) for session in sessions}) == 25
    assert design.judgements(25, 3) == sessions != design.judgements(25, 4)


def test_grooves_are_of_twenty_tracks_whatever_their_order():
    groups = [f"track {i % 23}" for i in range(100)]
    chosen = design.tracks_heard(groups, 1)
    assert len({groups[i] for i in chosen}) == 20
    turned = design.tracks_heard(groups[46:] + groups[:46], 1)
    assert [groups[i] for i in chosen] == [(groups[46:] + groups[:46])[i] for i in turned]
    with pytest.raises(ValueError, match="at least 20 tracks, found 19"):
        design.tracks_heard(groups[:19], 1)


def test_the_model_hears_the_template_and_nothing_of_how_it_was_played(grooves):
    draw = np.random.default_rng(0)
    note = np.zeros((32, 7), bool)
    note[::8, 0] = note[4::8, 1] = note[::2, 2] = True
    velocity = np.where(note, 0.8, 0).astype(np.float32)
    played = Pattern(
        hits=note, velocity=velocity, offset=np.where(note, draw.uniform(-0.4, 0.4, note.shape), 0).astype(np.float32),
        drum_map=POCKET, tempo_bpm=97, name="x", genre=grooves.genres[0],
    )  # fmt: skip
    other = replace(played, velocity=velocity * np.float32(0.9), offset=0 * played.offset)
    human, ai, template = (stimuli.groove(grooves, played, kind, 5) for kind in ("human", "ai", "template"))
    assert all(each.steps == 64 and each.tempo_bpm == 97 for each in (human, ai, template))
    assert np.array_equal(human.velocity, np.tile(played.velocity, (2, 1)))
    assert np.array_equal(human.offset, np.tile(played.offset, (2, 1)))
    assert np.array_equal(template.hits[:32], note)
    assert not template.offset.any()
    assert set(np.unique(template.velocity)) == {0, np.float32(100 / 127)}
    assert stimuli.groove(grooves, other, "ai", 5).equals(ai)
    assert not stimuli.groove(grooves, played, "ai", 6).equals(ai)
    assert not ai.equals(human)


def test_the_papers_shares_come_from_as_many_answers_as_its_people_gave(key, tmp_path):
    # 24 people, five grooves of each kind alone and ten pairs: 54 of 120, 68 of 120 and 129 of 240 are its 45, 57 and 53.7 %.
    told: Counter[object] = Counter()
    rows = rows_of(key)
    for row in rows:
        asked = key.grooves[int(row["subject"]) - 1][int(row["position"]) - 1]
        if row["item"] == "preference":
            told["ai"] += 1
            mine = told["ai"] <= 129
            row["answer"] = asked.truth if mine else {"first": "second", "second": "first"}[asked.truth]
        else:
            told[asked.truth, 1] += 1
            fooled = told[asked.truth, 1] <= {"ai": 54, "human": 68}[asked.truth]
            row["answer"] = {"ai": "human", "human": "ai"}[asked.truth] if fooled else asked.truth
    answers = read_answers([write(tmp_path / "a.csv", rows)], key)
    found = analysis.grooves(answers)
    assert (found.n, found.partial, found.first[1]) == (24, (), 240)
    assert [(each.times, each.of) for each in found.shares.values()] == [(54, 120), (68, 120), (129, 240)]
    assert [round(100 * each.share) for each in found.shares.values()] == [45, 57, 54]
    low = stats.beta.ppf(0.025, 54, 120 - 54 + 1)
    high = stats.beta.ppf(0.975, 54 + 1, 120 - 54)
    assert found.shares["ai_taken_for_human"].interval == pytest.approx((low, high), abs=1e-6)
    below = stats.binom.cdf(54, 120, 0.5)
    assert found.shares["ai_taken_for_human"].p == pytest.approx(2 * below)
    # The first listeners were fooled always and the last never: listeners differ more than answers by chance.
    over = found.shares["ai_preferred"].over_listeners
    assert over[1] - over[0] > 1.5 * (found.shares["ai_preferred"].interval[1] - found.shares["ai_preferred"].interval[0])
    content = report.content(answers)["grooves"]["shares"]
    assert {name: each["paper"] for name, each in content.items()} == {
        "ai_taken_for_human": 0.45, "human_taken_for_ai": 0.57, "ai_preferred": 0.537
    }  # fmt: skip
    assert any(
        line.strip().startswith("53.8 % of the choices between two went to the model's groove") for line in report.lines(answers)
    )


def test_unanswered_questions_are_left_out_and_named(key, tmp_path):
    rows = rows_of(key)[:20]
    rows[0]["answer"] = "human"
    found = analysis.grooves(read_answers([write(tmp_path / "a.csv", rows)], key))
    assert found.partial == ((("0123456789", 1), 1),)
    assert np.isnan(found.shares["ai_preferred"].share)
    assert sum(each.of for each in found.shares.values()) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answer": "robot"}, "'human' or 'ai'"),
        ({"item": "preference"}, "the item 'human_or_ai' at position 1"),
        ({"stimulus": "0123456789"}, "the sounds that subject 1 hears at position 1"),
        ({"position": "21"}, "a position from 1 to 20"),
        ({"position": "2"}, "answered once"),
    ],
)
def test_answers_that_do_not_fit_the_key_are_refused(key, tmp_path, change, says):
    rows = rows_of(key)
    rows[0] |= {"answer": "human"} | change
    first = rows[1:2] + rows[:1] if change == {"position": "2"} else rows
    with pytest.raises(InputError, match=says):
        read_answers([write(tmp_path / "a.csv", first)], key)
    with pytest.raises(InputError, match="study's key"):
        read_answers([write(tmp_path / "a.csv", rows_of(key))])


def test_a_key_that_says_of_a_groove_what_it_is_not_is_refused(key, tmp_path):
    write_key(tmp_path / "key.json", key)
    assert read_key(tmp_path / "key.json") == key
    first, *rest = key.grooves[0]
    for wrong in (
        replace(first, truth="human" if first.truth == "ai" else "ai"),
        replace(first, sounds=key.grooves[0][10].sounds),
        replace(key.grooves[0][10], question="human_or_ai"),
    ):
        write_key(tmp_path / "key.json", replace(key, grooves=((wrong, *rest), *key.grooves[1:])))
        with pytest.raises(InputError, match="subject 1 with questions that the sounds do not make"):
            read_key(tmp_path / "key.json")


def test_a_sparse_sound_has_the_loudness_it_is_given():
    from drumjax.signal.loudness import integrated_loudness

    # A hit and a long decay, of which the gate hears less the softer all is.
    time = np.arange(4 * 44_100) / 44_100
    mono = (np.sin(400 * time) * np.exp(-3 * time)).astype(np.float32)
    made = make.finished(mono, 44_100, -45.0)
    assert integrated_loudness(made, 44_100) == pytest.approx(-45, abs=0.02)
    once = stimuli.at_loudness(stimuli.stereo(mono), stimuli.level(stimuli.stereo(mono), 44_100), -45.0)
    assert abs(integrated_loudness(once, 44_100) + 45) > 0.05
