"""Balance is counted, over 18, 19 and 54 listeners and several seeds."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from drumjax.studies import design

SEEDS = (0, 1, 3, 7, 2**32 - 1)


def test_the_nine_transitions_are_all_ordered_pairs_of_genres_and_use_each_pattern_once_at_each_end():
    transitions = design.transitions()
    assert [(each.start[0], each.goal[0]) for each in transitions] == [(a, b) for a in range(3) for b in range(3)]
    patterns = {(genre, which) for genre in range(3) for which in range(3)}
    assert {each.start for each in transitions} == {each.goal for each in transitions} == patterns
    assert all(each.start != each.goal for each in transitions)


@pytest.mark.parametrize("seed", SEEDS)
def test_there_are_nine_straight_and_nine_mixed_pairs(seed):
    pairs, transitions = design.pairs(seed), design.transitions()
    assert Counter(pair.kind for pair in pairs) == {"straight": 9, "mixed": 9}
    assert all(pair.interpolation == pair.crossfade for pair in pairs[:9])
    for pair in pairs[9:]:
        # Other genres at both ends, hence other patterns.
        one, other = transitions[pair.interpolation], transitions[pair.crossfade]
        assert one.start[0] != other.start[0]
        assert one.goal[0] != other.goal[0]
    for half in (pairs[:9], pairs[9:]):
        assert {pair.interpolation for pair in half} == {pair.crossfade for pair in half} == set(range(9))


def test_the_seed_decides_how_mixed_pairs_are_made():
    assert len({design.pairs(seed) for seed in range(20)}) == 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("subjects", [18, 19, 54])
def test_every_pair_is_heard_equally_often(subjects, seed):
    heard = Counter(trial.pair for session in design.sessions(subjects, seed) for trial in session.trials)
    assert set(heard) == set(range(18))
    assert sum(heard.values()) == 6 * subjects
    assert max(heard.values()) - min(heard.values()) == (0 if subjects % 3 == 0 else 1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("subjects", [18, 19, 54])
def test_the_interpolation_is_first_and_second_equally_often_in_each_pair(subjects, seed):
    first, heard = Counter(), Counter()
    for session in design.sessions(subjects, seed):
        for trial in session.trials:
            heard[trial.pair] += 1
            first[trial.pair] += trial.interpolation_first
    assert all(abs(2 * first[pair] - heard[pair]) <= heard[pair] % 2 for pair in heard)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("subjects", [18, 19, 54])
def test_the_interpolation_is_first_and_second_equally_often_at_each_position(subjects, seed):
    sessions = design.sessions(subjects, seed)
    for position in range(7):
        first = sum([session.practice, *session.trials][position].interpolation_first for session in sessions)
        assert abs(2 * first - subjects) == subjects % 2, position


def test_every_order_of_first_and_second_and_every_place_of_a_pair_occurs():
    sessions = [session for seed in range(20) for session in design.sessions(54, seed)]
    lines = Counter(tuple(trial.interpolation_first for trial in session.trials) for session in sessions)
    assert len(lines) == 20  # three of six
    assert all(54 - 5 * 10 < count < 54 + 5 * 10 for count in lines.values())  # two of each draw; 5 standard deviations
    places = Counter((trial.pair, place) for session in sessions for place, trial in enumerate(session.trials))
    assert len(places) == 18 * 6
    assert all(60 - 5 * 7.1 < count < 60 + 5 * 7.1 for count in places.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_session_has_three_straight_and_three_mixed_pairs_and_no_sound_twice(seed):
    pairs = design.pairs(seed)
    for session in design.sessions(54, seed):
        chosen = [pairs[trial.pair] for trial in session.trials]
        assert Counter(pair.kind for pair in chosen) == {"straight": 3, "mixed": 3}
        assert sum(trial.interpolation_first for trial in session.trials) == 3
        everything = [*chosen, pairs[session.practice.pair]]
        assert len({pair.interpolation for pair in everything}) == 7
        assert len({pair.crossfade for pair in everything}) == 7


@pytest.mark.parametrize("seed", SEEDS)
def test_the_genres_are_spread_over_a_session(seed):
    for session in design.sessions(18, seed):
        for kind in (range(9), range(9, 18)):
            transitions = [trial.pair % 9 for trial in session.trials if trial.pair in kind]
            assert sorted(each // 3 for each in transitions) == sorted(each % 3 for each in transitions) == [0, 1, 2]
            assert sum(each // 3 == each % 3 for each in transitions) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_over_18_listeners_every_straight_pair_is_practised_twice_and_sets_meet_equally(seed):
    sessions = design.sessions(18, seed)
    assert Counter(session.practice.pair for session in sessions) == dict.fromkeys(range(9), 2)

    def set_of(session, kind):
        return next(sum(divmod(trial.pair % 9, 3)) % 3 for trial in session.trials if (trial.pair < 9) == (kind == "straight"))

    met = Counter((set_of(session, "straight"), set_of(session, "mixed")) for session in sessions)
    assert met == {(a, b): 3 for a in range(3) for b in range(3) if a != b}


def test_sessions_depend_on_the_seed_and_not_on_how_many_there_are():
    assert design.sessions(54, 3)[:19] == design.sessions(19, 3)
    assert design.sessions(18, 3) != design.sessions(18, 4)
    orders = {tuple(trial.pair >= 9 for trial in session.trials) for session in design.sessions(54, 3)}
    assert len(orders) > 5


@pytest.mark.parametrize("subjects", [0, -1, 1001])
def test_a_number_of_subjects_out_of_range_is_an_error(subjects):
    for function in (design.sessions, design.segments_heard):
        with pytest.raises(ValueError, match="1 to 1,000 subjects"):
            function(subjects, 0)


@pytest.mark.parametrize("subjects", [6, 18, 38])
def test_segments_are_distributed_evenly(subjects):
    heard = Counter(design.segments_heard(subjects, 5))
    assert set(heard) == set(range(6))
    assert max(heard.values()) - min(heard.values()) == (0 if subjects % 6 == 0 else 1)


@pytest.mark.parametrize("bars", [8, 40, 60, 80])
@pytest.mark.parametrize("seed", SEEDS)
def test_segments_begin_in_the_middle_of_a_measure_and_do_not_overlap(bars, seed):
    starts = design.segment_starts(128, bars, seed)
    assert len(starts) == 6
    assert all(start % 4 == 2 for start in starts)
    assert all(later - start >= bars for start, later in itertools.pairwise(starts))
    assert starts[0] >= 0
    assert starts[-1] + bars <= 512


@pytest.mark.parametrize("bars", [0, 4, 42, 84])
def test_a_segment_of_another_length_is_an_error(bars):
    with pytest.raises(ValueError, match="expected a segment of"):
        design.segment_starts(128, bars, 0)


def test_questions_come_in_an_order_of_each_listener():
    orders = design.question_orders("abcdef", 50, 1, 0)
    assert all(sorted(order) == list("abcdef") for order in orders)
    assert len(set(orders)) > 40
    assert design.question_orders("abcdef", 50, 1, 1) != orders


def test_patterns_are_chosen_by_the_seed_whatever_their_order():
    names = [f"p{i}" for i in range(30)]
    chosen = {names[i] for i in design.chosen(names, 1, 5)}
    assert len(chosen) == 3
    assert chosen == {names[::-1][i] for i in design.chosen(names[::-1], 1, 5)}
    assert chosen != {names[i] for i in design.chosen(names, 1, 6)}
    with pytest.raises(ValueError, match="at least 3"):
        design.chosen(names[:2], 0, 0)


def test_shuffling_is_uniform():
    from drumjax.synth.dice import Dice

    dice = Dice(1)
    counts = Counter(tuple(design.shuffled("abc", dice)) for _ in range(6000))
    assert len(counts) == 6
    assert all(850 < count < 1150 for count in counts.values())  # 1,000 ± 5 standard deviations


def test_names_of_sounds_differ_and_say_nothing():
    names = {design.opaque(seed, kind, i) for seed in range(50) for kind in ("interpolation", "crossfade") for i in range(9)}
    assert len(names) == 900
    assert all(len(name) == 10 and set(name) <= set("0123456789abcdef") for name in names)
