"""What answers say: scores against chance, and the spread of ratings.

Source: Off the Beaten Track, Sec. "Results"; of grooves PocketVAE, Sec. 4.1.

- **Scores.** A point for each pair told apart; a listener's score is out of 3 straight, 3 mixed and 6 in total. Standard deviations
  divide by n: so divided, one table of the paper's counts gives its three (0.8, 0.58, 1.03); divided by n − 1, none does.
- **Chi-squared.** Total scores in three groups, 0–2, 3 and 4–6, against Binomial(6, ½): 2 degrees of freedom, critical value 5.99.
  The paper does not name the grouping; this one gives its 25.92 for its counts (0, 2, 17), and its "(19)" is the number of
  listeners. The statistic has no sign: read it beside the mean. Its approximation wants at least 5 expected in each group, 16
  listeners.
- **Grooves** (PocketVAE, Sec. 4.1). Three shares: of the model's grooves those taken for a person's, of people's those taken for
  the model's, of pairs those in which the model's is preferred. Beside each stand Clopper and Pearson's interval of its answers,
  which takes them as independent, the interval over listeners (bootstrap; Wilson's of as many trials as listeners where all have
  one share), and the exact two-sided probability under ½ (ours: the paper gives shares alone). Whoever answered some counts with
  those.
- **Exact binomial test** (ours): all pairs of complete sessions against ½, one-sided, with the Clopper-Pearson interval.
- **Partial sessions.** A listener with fewer than six answers is named and left out of all figures of identification. A facet
  counts whoever rated it; Cronbach's alpha counts those who rated all facets of the factor.
- **Quartiles** are linear between the ranks (NumPy's default); whiskers reach to the last answer within 1.5 times their distance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from drumjax.metrics.grooves import share_of_tracks
from drumjax.studies.answers import PAIRS_EACH, Answers, Score, Subject
from drumjax.studies.design import GROOVES
from drumjax.studies.key import HUMAN_OR_AI, PREFERENCE
from drumjax.studies.questionnaires import Facet, Questionnaire

GROUPS = ((0, 2), (3, 3), (4, 6))
"""Total scores, first and last of each group."""
LEVEL = 0.05
LEAST_EXPECTED = 5.0


class Spread(NamedTuple):
    """Mean and standard deviation (divisor n) over listeners; NaN for none."""

    mean: float
    sd: float


class Identification(NamedTuple):
    """The identification experiment.

    Attributes:
      n: listeners with complete sessions.
      partial: those without, each with the number of pairs answered.
      scores: by complete listener straight and mixed points.
      straight: points of 3.
      mixed: points of 3.
      total: points of 6.
      observed: listeners in each of `GROUPS`.
      expected: likewise under chance.
      chi_squared: the statistic; NaN without listeners.
      degrees_of_freedom: 2.
      critical: the statistic's value at 5 %.
      p: its probability under chance.
      enough: whether every expected count is at least 5.
      correct: pairs told apart.
      pairs: pairs heard.
      binomial_p: probability of at least so many under chance.
      share_low: lower end of the 95 % interval of the share told apart.
      share_high: upper end.
    """

    n: int
    partial: tuple[tuple[Subject, int], ...]
    scores: Mapping[Subject, tuple[int, int]]
    straight: Spread
    mixed: Spread
    total: Spread
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    chi_squared: float
    degrees_of_freedom: int
    critical: float
    p: float
    enough: bool
    correct: int
    pairs: int
    binomial_p: float
    share_low: float
    share_high: float


class Share(NamedTuple):
    """A share of answers.

    Attributes:
      times: answers that are so.
      of: all.
      share: NaN of none, as all that follow.
      interval: 95 %, answers taken as independent.
      over_listeners: 95 %, listeners drawn.
      p: two-sided, under ½.
    """

    times: int
    of: int
    share: float
    interval: tuple[float, float]
    over_listeners: tuple[float, float]
    p: float


class Grooves(NamedTuple):
    """The experiment on grooves.

    Attributes:
      n: listeners who answered anything.
      partial: those who left questions out, each with the number answered.
      shares: by name, see `GROOVE_SHARES`.
      first: how often the first of a pair was preferred, and of how many.
    """

    n: int
    partial: tuple[tuple[Subject, int], ...]
    shares: Mapping[str, Share]
    first: tuple[int, int]


GROOVE_SHARES: Mapping[str, tuple[str, float]] = {
    "ai_taken_for_human": ("of the model's grooves were taken for a person's", 0.45),
    "human_taken_for_ai": ("of people's grooves were taken for the model's", 0.57),
    "ai_preferred": ("of the choices between two went to the model's groove", 0.537),
}
"""By name what they are, and what the paper found among 24 people (Fig. 3)."""


class Rated(NamedTuple):
    """The ratings of one facet; numbers are NaN where nobody rated it."""

    facet: Facet
    answers: tuple[int, ...]
    n: int
    mean: float
    sd: float
    median: float
    first_quartile: float
    third_quartile: float


class Ratings(NamedTuple):
    """A questionnaire's answers.

    Attributes:
      asked: the questionnaire.
      n: listeners who rated anything.
      partial: those who left facets out, each with the number rated.
      facets: in the questionnaire's order.
      alpha: by factor Cronbach's alpha and the listeners it is taken over.
    """

    asked: Questionnaire
    n: int
    partial: tuple[tuple[Subject, int], ...]
    facets: tuple[Rated, ...]
    alpha: Mapping[str, tuple[float, int]]


def identification(answers: Answers) -> Identification:
    """Scores and tests of the identification experiment."""
    by_subject: dict[Subject, list[Score]] = {subject: [] for subject in answers.sessions.get("identification", ())}
    for score in answers.scores:
        by_subject[score.subject].append(score)
    complete = {subject: scores for subject, scores in by_subject.items() if len(scores) == 2 * PAIRS_EACH}
    points = {
        subject: (
            sum(each.correct for each in scores if each.pair == "straight"),
            sum(each.correct for each in scores if each.pair == "mixed"),
        )
        for subject, scores in complete.items()
    }
    table = np.array(list(points.values()), int).reshape(-1, 2)
    totals = table.sum(axis=1)
    observed = tuple(int(((totals >= first) & (totals <= last)).sum()) for first, last in GROUPS)
    expected, chi_squared, p = chance_test(observed)
    correct, pairs = int(table.sum()), 2 * PAIRS_EACH * len(table)
    test = stats.binomtest(correct, pairs, 0.5, alternative="greater") if pairs else None
    interval = stats.binomtest(correct, pairs, 0.5).proportion_ci(0.95, "exact") if pairs else None
    return Identification(
        n=len(table),
        partial=tuple((subject, len(scores)) for subject, scores in by_subject.items() if subject not in complete),
        scores=points,
        straight=_spread(table[:, 0]),
        mixed=_spread(table[:, 1]),
        total=_spread(totals),
        observed=observed,
        expected=expected,
        chi_squared=chi_squared,
        degrees_of_freedom=len(GROUPS) - 1,
        critical=float(stats.chi2.ppf(1 - LEVEL, len(GROUPS) - 1)),
        p=p,
        enough=min(expected) >= LEAST_EXPECTED,
        correct=correct,
        pairs=pairs,
        binomial_p=float(test.pvalue) if test else math.nan,
        share_low=float(interval.low) if interval else math.nan,
        share_high=float(interval.high) if interval else math.nan,
    )


def grooves(answers: Answers) -> Grooves:
    """Shares of the experiment on grooves."""
    alone = [each for each in answers.judgements if each.question == HUMAN_OR_AI]
    pairs = [each for each in answers.judgements if each.question == PREFERENCE]
    told = {
        "ai_taken_for_human": [(each.subject, each.said == "human") for each in alone if each.truth == "ai"],
        "human_taken_for_ai": [(each.subject, each.said == "ai") for each in alone if each.truth == "human"],
        "ai_preferred": [(each.subject, each.said == each.truth) for each in pairs],
    }
    answered = Counter(each.subject for each in answers.judgements)
    return Grooves(
        n=len(answered),
        partial=tuple((subject, count) for subject, count in answered.items() if count < GROOVES),
        shares={name: _share(told[name]) for name in GROOVE_SHARES},
        first=(sum(each.said == "first" for each in pairs), len(pairs)),
    )


def _share(told: Sequence[tuple[Subject, bool]]) -> Share:
    count, of = sum(is_so for _, is_so in told), len(told)
    if not of:
        nothing = (math.nan, math.nan)
        return Share(0, 0, math.nan, nothing, nothing, math.nan)
    test = stats.binomtest(count, of, 0.5)
    interval = test.proportion_ci(0.95, "exact")
    share, over = share_of_tracks(np.array([is_so for _, is_so in told]), np.array([f"{a} {b}" for (a, b), _ in told]))
    return Share(count, of, share, (float(interval.low), float(interval.high)), over, float(test.pvalue))


def chance_test(observed: Sequence[int]) -> tuple[tuple[float, ...], float, float]:
    """The chi-squared test of scores in `GROUPS` against guessing: expected counts, statistic, probability (NaN for nobody)."""
    six = stats.binom(2 * PAIRS_EACH, 0.5)
    expected = sum(observed) * np.array([six.cdf(last) - six.cdf(first - 1) for first, last in GROUPS])
    if not sum(observed):
        return tuple(expected.tolist()), math.nan, math.nan
    test = stats.chisquare(observed, expected)
    return tuple(expected.tolist()), float(test.statistic), float(test.pvalue)


def ratings(answers: Answers, asked: Questionnaire) -> Ratings:
    """Medians, means, quartiles and consistency of a questionnaire."""
    given = {subject: rated for subject, rated in answers.ratings.get(asked.experiment, {}).items() if rated}
    names = [facet.name for facet in asked.facets]
    alpha = {}
    for factor in asked.factors:
        own = [facet.name for facet in asked.facets if facet.factor == factor]
        full = [[rated[name] for name in own] for rated in given.values() if all(name in rated for name in own)]
        alpha[factor] = (cronbach_alpha(np.array(full, float).reshape(-1, len(own))), len(full))
    return Ratings(
        asked=asked,
        n=len(given),
        partial=tuple((subject, len(rated)) for subject, rated in given.items() if len(rated) < len(names)),
        facets=tuple(
            _rated(facet, [rated[facet.name] for rated in given.values() if facet.name in rated]) for facet in asked.facets
        ),
        alpha=alpha,
    )


def cronbach_alpha(table: np.ndarray) -> float:
    """How well several scales agree (L. J. Cronbach, Psychometrika 16, 1951): k/(k−1) · (1 − Σ var of items / var of their sum).

    Args:
      table: float (listeners, items), at least two items.

    Returns:
      at most 1; may be negative. NaN for fewer than two listeners, or where all of them have the same sum.
    """
    people, items = table.shape
    if people < 2 or items < 2:
        return math.nan
    of_sum = table.sum(axis=1).var(ddof=1)
    if of_sum == 0:
        return math.nan
    return float(items / (items - 1) * (1 - table.var(axis=0, ddof=1).sum() / of_sum))


def _rated(facet: Facet, answers: Sequence[int]) -> Rated:
    if not answers:
        return Rated(facet, (), 0, *[math.nan] * 5)
    values = np.array(answers, float)
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75))
    return Rated(
        facet, tuple(answers), len(answers), float(values.mean()), float(values.std()), float(median), float(first), float(third)
    )


def _spread(values: np.ndarray) -> Spread:
    return Spread(float(values.mean()), float(values.std())) if len(values) else Spread(math.nan, math.nan)
