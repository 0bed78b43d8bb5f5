"""The paper's own numbers, and statistics against other ways to compute them."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from drumjax.studies import analysis, report
from drumjax.studies.answers import Answers, Score
from drumjax.studies.questionnaires import CPAM, GODSPEED, QUESTIONNAIRES

# 19 listeners, 13 errors in 114 pairs, as (straight, mixed) errors: the one table that fits what the paper prints (see the test).
ERRORS = [(3, 0), (2, 1), (1, 1), (0, 2), (0, 1), (0, 1), (0, 1), *[(0, 0)] * 12]


def scored(errors):
    scores = []
    for number, both in enumerate(errors, 1):
        for kind, wrong in zip(("straight", "mixed"), both, strict=True):
            scores += [Score(("", number), kind, i >= wrong) for i in range(3)]
    subjects = tuple(dict.fromkeys(score.subject for score in scores))
    return Answers(tuple(scores), (0, 0), {}, (), {}, {}, {}, {"identification": subjects})


def rated(experiment, rows):
    given = {("s", number): row for number, row in enumerate(rows, 1)}
    return Answers((), (0, 0), {experiment: given}, (), {}, {}, {}, {experiment: tuple(given)})


def test_the_papers_counts_give_the_papers_scores():
    result = analysis.identification(scored(ERRORS))
    assert (result.n, result.pairs, result.pairs - result.correct) == (19, 114, 13)
    assert [round(each.mean, 2) for each in (result.straight, result.mixed, result.total)] == [2.68, 2.63, 5.32]
    assert [round(each.sd, 2) for each in (result.straight, result.mixed, result.total)] == [0.8, 0.58, 1.03]


def test_one_table_fits_the_papers_spreads_with_divisor_n_and_none_with_n_minus_1():
    def sd(errors, divisor):
        return math.sqrt((sum(e * e for e in errors) - sum(errors) ** 2 / 19) / divisor)

    # Two listeners score 3 and none less; 6 errors in straight pairs, 7 in mixed ones.
    kinds = [(0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]
    fitting = {19: [], 18: []}
    for worst in itertools.combinations_with_replacement([(3, 0), (2, 1), (1, 2), (0, 3)], 2):
        left = (6 - sum(a for a, _ in worst), 7 - sum(b for _, b in worst))
        for one, two, both in itertools.product(range(7), range(4), range(4)):
            counts = (left[1] - both - 2 * two, left[0] - both - 2 * one, one, both, two)
            if min(counts) < 0 or sum(counts) > 17:
                continue
            table = [*worst, *(kind for kind, n in zip(kinds, counts, strict=True) for _ in range(n))]
            straight, mixed = zip(*table, strict=True)
            for divisor, found in fitting.items():
                spreads = (sd(straight, divisor), sd(mixed, divisor), sd([a + b for a, b in table], divisor))
                if (round(spreads[0], 1), round(spreads[1], 2), round(spreads[2], 2)) == (0.8, 0.58, 1.03):
                    found.append(sorted(table))
    assert fitting == {19: [sorted(ERRORS[:7])], 18: []}


def test_the_papers_counts_give_the_papers_chi_squared():
    result = analysis.identification(scored(ERRORS))
    assert result.observed == (0, 2, 17)
    assert round(result.chi_squared, 2) == 25.92
    assert result.degrees_of_freedom == 2
    assert round(result.critical, 2) == 5.99
    # With two degrees of freedom the tail is an exponential.
    assert result.p == pytest.approx(math.exp(-result.chi_squared / 2))
    assert result.enough


def test_the_chi_squared_is_that_of_exact_binomial_probabilities():
    expected = [Fraction(19 * sum(comb(6, k) for k in group), 64) for group in ((0, 1, 2), (3,), (4, 5, 6))]
    statistic = sum((seen - due) ** 2 / due for seen, due in zip((0, 2, 17), expected, strict=True))
    counts, chi_squared, _ = analysis.chance_test((0, 2, 17))
    assert counts == pytest.approx([float(each) for each in expected])
    assert chi_squared == pytest.approx(float(statistic))


def test_the_binomial_test_is_the_sum_of_its_terms():
    result = analysis.identification(scored(ERRORS))
    tail = Fraction(sum(comb(114, k) for k in range(101, 115)), 2**114)
    assert result.binomial_p == pytest.approx(float(tail))
    assert result.share_low < 101 / 114 < result.share_high


def test_guessing_is_not_called_telling_apart():
    generator = np.random.default_rng(0)
    guesses = [(int(a), int(b)) for a, b in generator.binomial(3, 0.5, (64, 2))]
    result = analysis.identification(scored(guesses))
    assert result.chi_squared < result.critical
    assert "no difference from guessing" in report.verdict(result)[0]


def test_scores_worse_than_chance_are_not_called_better():
    result = analysis.identification(scored([(3, 3)] * 20))
    assert result.chi_squared > result.critical
    assert "worse than guessing" in report.verdict(result)[0]
    assert result.binomial_p > 0.99


def test_too_few_listeners_for_the_approximation_are_named():
    assert not analysis.identification(scored(ERRORS[:15])).enough
    assert analysis.identification(scored(ERRORS[:16])).enough
    assert "under 16" in report.verdict(analysis.identification(scored(ERRORS[:5])))[0]


def test_a_partial_session_is_reported_and_left_out():
    whole = scored(ERRORS)
    cut = Answers(whole.scores[:-2], *list(vars(whole).values())[1:])
    result = analysis.identification(cut)
    assert result.n == 18
    assert result.partial == ((("", 19), 4),)
    assert result.pairs == 108
    assert any("listener 19, 4 pairs" in line for line in report.lines(cut))


def test_nobody_gives_no_numbers_and_no_error():
    nobody = Answers((), (0, 0), {}, (), {}, {}, {}, {"identification": (("", 1),)})
    result = analysis.identification(nobody)
    assert result.n == 0
    assert math.isnan(result.total.mean)
    assert math.isnan(result.chi_squared)
    assert report.content(nobody)["identification"]["chi_squared"]["statistic"] is None


def test_cronbachs_alpha_is_that_of_the_mean_covariance():
    table = np.random.default_rng(1).integers(1, 8, (40, 4)).astype(float)
    table += np.arange(40)[:, None] / 10
    covariance = np.cov(table.T)
    mean_covariance = (covariance.sum() - np.trace(covariance)) / 12
    alpha = 4 * mean_covariance / (np.trace(covariance) / 4 + 3 * mean_covariance)
    assert analysis.cronbach_alpha(table) == pytest.approx(alpha)


def test_cronbachs_alpha_of_equal_items_is_one_and_of_nothing_undefined():
    column = np.array([1.0, 2, 5, 7])
    assert analysis.cronbach_alpha(np.stack([column] * 3, axis=1)) == pytest.approx(1)
    assert math.isnan(analysis.cronbach_alpha(np.ones((5, 3))))
    assert math.isnan(analysis.cronbach_alpha(np.ones((1, 3))))


def test_facets_have_median_mean_and_quartiles_of_who_answered_them():
    rows = [{"lively": score} for score in (1, 2, 3, 4)] + [{"lively": 5, "organic": 2}, {}]
    result = analysis.ratings(rated("robot", rows), GODSPEED)
    lively, organic, lifelike = result.facets[:3]
    assert (lively.n, lively.mean, lively.median, lively.first_quartile, lively.third_quartile) == (5, 3, 3, 2, 4)
    assert lively.sd == pytest.approx(math.sqrt(2))
    assert (organic.n, organic.median) == (1, 2)
    assert (lifelike.n, math.isnan(lifelike.mean)) == (0, True)
    assert result.n == 5
    assert len(result.partial) == 5


def test_alpha_counts_those_who_rated_the_whole_factor():
    names = [facet.name for facet in CPAM.facets]
    rows = [{name: 1 + (i + k) % 7 for k, name in enumerate(names)} for i in range(10)]
    del rows[0]["surprise"]
    alpha = analysis.ratings(rated("task", rows), CPAM).alpha
    assert {factor: n for factor, (_, n) in alpha.items()} == {"Novelty": 9, "Resolution": 10, "Style": 10}


def test_the_questionnaires_have_the_papers_factors_facets_and_anchors():
    assert {name: (each.points, len(each.facets)) for name, each in QUESTIONNAIRES.items()} == {"task": (7, 9), "robot": (5, 6)}
    counts = {factor: sum(facet.factor == factor for facet in CPAM.facets) for factor in CPAM.factors}
    assert counts == {"Novelty": 2, "Resolution": 4, "Style": 3}
    assert GODSPEED.factors == ("Animacy", "Perceived Intelligence")
    anchors = {(facet.low, facet.high) for each in QUESTIONNAIRES.values() for facet in each.facets}
    assert {
        ("Conventional", "Original"),
        ("Messy", "Elegant"),
        ("Artificial", "Lifelike"),
        ("Ignorant", "Knowledgeable"),
    } <= anchors
    assert len(anchors) == 15
