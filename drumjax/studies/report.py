"""An analysis as people and programs read it: `report.json`, the page's sections, box plots, lines for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from drumjax.serve.page import Picture, Section, Table, Text
from drumjax.studies.analysis import GROOVE_SHARES, GROUPS, Grooves, Identification, Ratings, grooves, identification, ratings
from drumjax.studies.answers import Answers, Subject
from drumjax.studies.questionnaires import QUESTIONNAIRES, Questionnaire

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER = {"straight": (2.68, 0.8), "mixed": (2.63, 0.58), "total": (5.32, 1.03)}
"""Mean and standard deviation that the paper reports of the identification experiment, 19 listeners."""
PAPER_CHI_SQUARED = 25.92
_OF = {"straight": 3, "mixed": 3, "total": 6}


def analysed(answers: Answers) -> tuple[Identification | None, dict[str, Ratings]]:
    """The analyses of the experiments that the answers are of."""
    heard = identification(answers) if answers.sessions.get("identification") else None
    return heard, {name: ratings(answers, asked) for name, asked in QUESTIONNAIRES.items() if answers.sessions.get(name)}


def content(answers: Answers) -> dict[str, Any]:
    """The content of `report.json`: every number of the analysis, null where the answers leave it undefined."""
    heard, rated = analysed(answers)
    out: dict[str, Any] = {"studies": sorted({study for who in answers.sessions.values() for study, _ in who} - {""})}
    if heard is not None:
        out["identification"] = {
            "subjects": heard.n,
            "partial_sessions": _partial(heard.partial),
            "scores": {name: {"mean": getattr(heard, name).mean, "sd": getattr(heard, name).sd, "of": _OF[name]} for name in _OF},
            "by_subject": [
                {**_named(subject), "straight": straight, "mixed": mixed, "total": straight + mixed}
                for subject, (straight, mixed) in heard.scores.items()
            ],
            "chi_squared": {
                "groups": [list(group) for group in GROUPS],
                "observed": list(heard.observed),
                "expected": list(heard.expected),
                "statistic": heard.chi_squared,
                "degrees_of_freedom": heard.degrees_of_freedom,
                "critical_at_5_percent": heard.critical,
                "p": heard.p,
                "at_least_5_expected": heard.enough,
            },
            "binomial": {
                "correct": heard.correct,
                "pairs": heard.pairs,
                "share": heard.correct / heard.pairs if heard.pairs else None,
                "share_95_percent": [heard.share_low, heard.share_high],
                "p_one_sided": heard.binomial_p,
            },
            "said_first": {"times": answers.first[0], "of": answers.first[1]},
        }
    for name, each in rated.items():
        out[name] = {
            "questionnaire": each.asked.title,
            "points": each.asked.points,
            "subjects": each.n,
            "partial_sessions": _partial(each.partial),
            "facets": {
                one.facet.name: {
                    "factor": one.facet.factor,
                    "anchors": [one.facet.low, one.facet.high],
                    "n": one.n,
                    "mean": one.mean,
                    "sd": one.sd,
                    "median": one.median,
                    "quartiles": [one.first_quartile, one.third_quartile],
                    "counts": [one.answers.count(point) for point in range(1, each.asked.points + 1)],
                    "paper": {"mean": one.facet.paper_mean, "median": one.facet.paper_median, "n": each.asked.paper_n},
                }
                for one in each.facets
            },
            "cronbach_alpha": {factor: {"alpha": alpha, "n": n} for factor, (alpha, n) in each.alpha.items()},
        }
    if answers.sessions.get("grooves"):
        judged = grooves(answers)
        out["grooves"] = {
            "subjects": judged.n,
            "partial_sessions": _partial(judged.partial),
            "shares": {
                name: {
                    "times": each.times,
                    "of": each.of,
                    "share": each.share,
                    "share_95_percent": list(each.interval),
                    "share_95_percent_over_listeners": list(each.over_listeners),
                    "p_two_sided": each.p,
                    "paper": GROOVE_SHARES[name][1],
                }
                for name, each in judged.shares.items()
            },
            "preferred_first": {"times": judged.first[0], "of": judged.first[1]},
        }
    if answers.segments:
        out["robot"]["listeners_by_segment"] = {name: len(who) for name, who in sorted(answers.segments.items())}
    for name in answers.sessions:
        if answers.seconds.get(name):
            out[name]["median_seconds"] = median(answers.seconds[name])
        if answers.plays.get(name):
            out[name]["median_plays"] = median(answers.plays[name])
    out["comments"] = [{"experiment": name, **_named(subject), "text": text} for name, subject, text in answers.comments]
    return _json(out)


def lines(answers: Answers) -> list[str]:
    """The results in a few lines."""
    heard, rated = analysed(answers)
    out = []
    if heard is not None:
        out += [f"identification: {_count(heard.n, 'complete session')}", *_left_out(heard.partial, "pairs answered: left out")]
        if heard.n:
            spreads = ((name, getattr(heard, name)) for name in _OF)
            out += [f"  {name:<9} {spread.mean:.2f} ± {spread.sd:.2f} of {_OF[name]}" for name, spread in spreads]
            out += [f"  {sentence}" for sentence in verdict(heard)]
    if answers.sessions.get("grooves"):
        judged = grooves(answers)
        out += [f"grooves: {_count(judged.n, 'listener')}", *_left_out(judged.partial, "questions answered")]
        out += [f"  {sentence}" for sentence in verdict_on_grooves(judged)]
    for name, each in rated.items():
        out += [f"{name}: rated by {_count(each.n, 'listener')}", *_left_out(each.partial, "facets rated")]
        out += [
            f"  {f'{one.facet.low} – {one.facet.high}':<32} n {one.n:<3} mean {_number(one.mean):<4}  median {_number(one.median)}"
            for one in each.facets
        ]
        out += [f"  Cronbach's alpha, {factor}: {_number(alpha) or 'undefined'}" for factor, (alpha, _) in each.alpha.items()]
    return out


def verdict(heard: Identification) -> list[str]:
    """What the tests say of scores against chance, a sentence each."""
    observed = ", ".join(map(str, heard.observed))
    side = "better than" if heard.total.mean > 3 else "worse than" if heard.total.mean < 3 else "like"
    sure = heard.chi_squared > heard.critical
    chi = (
        f"Total scores 0–2, 3, 4–6 of ({observed}) listeners against chance: χ²({heard.degrees_of_freedom}) = "
        f"{heard.chi_squared:.2f} (critical value {heard.critical:.2f} at 5 %), p = {heard.p:.2g}: "
        + (f"not chance; on average {side} guessing." if sure else "no difference from guessing shown.")
    )
    if not heard.enough:
        chi += " Fewer than 5 listeners are expected in a group: do not rely on this test with under 16 of them."
    exact = (
        f"{heard.correct} of {heard.pairs} pairs told apart ({100 * heard.correct / heard.pairs:.1f} %, 95 % interval "
        f"{100 * heard.share_low:.1f} to {100 * heard.share_high:.1f} %); by guessing at least as many with probability "
        f"{heard.binomial_p:.2g} (exact binomial test)."
    )
    return [chi, exact]


def verdict_on_grooves(judged: Grooves) -> list[str]:
    """What was taken for what and preferred, a sentence each."""
    return [
        f"{_percent(each.share)} {GROOVE_SHARES[name][0]}: {each.times} of {each.of}, 95 % interval {_between(each.interval)}, "
        f"over listeners {_between(each.over_listeners)}; guessing is 50 % (p = {each.p:.2g}), the paper's "
        f"{_percent(GROOVE_SHARES[name][1])}."
        for name, each in judged.shares.items()
        if each.of
    ]


def pictures(answers: Answers) -> dict[str, Figure]:
    """Fig. 7 with these answers, by file name: (a) the task, (b) the robot experiment; only what was rated."""
    from drumjax import plots

    drawn = {}
    for name, each in analysed(answers)[1].items():
        if each.n:
            scales = [plots.Scale(one.facet.low, one.facet.high, one.facet.factor, one.answers) for one in each.facets]
            drawn[f"{name}.png"] = plots.box_plots(scales, each.asked.points, title=each.asked.title)
    return drawn


def sections(answers: Answers, drawn: Sequence[str]) -> list[Section]:
    """The page of an analysis, for `drumjax.serve.page`."""
    heard, rated = analysed(answers)
    out: list[Section] = []
    if heard is not None:
        out += _of_identification(heard, answers)
    if answers.sessions.get("grooves"):
        out += _of_grooves(grooves(answers))
    for name, each in rated.items():
        out += _of_ratings(each)
        if f"{name}.png" in drawn:
            caption = (
                "Box: quartiles; line: median; diamond: mean; whiskers: the last answer within 1.5 times the quartiles' distance. "
            )
            out.append(Picture(f"{name}.png", caption + "The dots are all answers, larger where more gave the same."))
    if answers.comments:
        rows = [[name, _label(subject), text] for name, subject, text in answers.comments]
        out.append(Table("Comments", ["experiment", "listener", "comment"], rows))
    return out


def _of_identification(heard: Identification, answers: Answers) -> list[Section]:
    said = verdict(heard) if heard.n else ["No listener has answered all six pairs."]
    said += _left_out(heard.partial, "pairs answered: left out of all figures")
    times, of = answers.first
    if of:
        said.append(f"“The first” was answered {times} times of {of}.")
    rows = [
        [name, _number(getattr(heard, name).mean), _number(getattr(heard, name).sd), str(_OF[name]), *map(_number, PAPER[name])]
        for name in _OF
    ]
    groups = [
        [f"{first}–{last}" if first < last else str(first), str(seen), _number(due)]
        for (first, last), seen, due in zip(GROUPS, heard.observed, heard.expected, strict=True)
    ]
    by_transition: dict[str, dict[str, list[bool]]] = {}
    for score in answers.scores:
        if score.subject in heard.scores and score.transition:
            by_transition.setdefault(score.transition, {"straight": [], "mixed": []})[score.pair].append(score.correct)
    pairs = [
        [name, *(f"{sum(told[kind])} of {len(told[kind])}" for kind in ("straight", "mixed"))]
        for name, told in sorted(by_transition.items())
    ]
    each = [[_label(subject), str(a), str(b), str(a + b)] for subject, (a, b) in heard.scores.items()]
    return [
        Text("\n\n".join(said), "Identification: interpolation or crossfade?"),
        Table(
            f"Scores of {_count(heard.n, 'listener')}",
            ["pairs", "mean", "sd", "of", "paper's mean", "paper's sd"],
            rows,
            note="A point for each pair told apart. Standard deviations divide by the number of listeners, as the paper's do.",
        ),
        Table(
            "Total scores in groups, against guessing",
            ["points", "listeners", "expected"],
            groups,
            note=f"The paper's 19 listeners were 0, 2 and 17, which gives its χ² of {PAPER_CHI_SQUARED}.",
        ),
        *([Table("Told apart, by the interpolation's transition", ["from → to", "straight", "mixed"], pairs)] if pairs else []),
        Table("Every listener", ["listener", "straight", "mixed", "total"], each, folded=True),
    ]


def _of_grooves(judged: Grooves) -> list[Section]:
    said = [*verdict_on_grooves(judged), *_left_out(judged.partial, "questions answered: counted with those")]
    said = said or ["No question on grooves is answered."]
    times, of = judged.first
    if of:
        said.append(f"“The first” was preferred {times} times of {of}.")
    rows = [
        [GROOVE_SHARES[name][0], f"{each.times} of {each.of}", _percent(each.share), _between(each.interval),
         _between(each.over_listeners), f"{each.p:.2g}" if each.of else "", _percent(GROOVE_SHARES[name][1])]
        for name, each in judged.shares.items()
    ]  # fmt: skip
    heads = ["", "answers", "share", "95 % interval", "over listeners", "p under ½", "paper's"]
    note = (
        "The first interval (Clopper and Pearson's) takes all answers as independent; that over listeners (bootstrap) does not: "
        "trust the wider. The paper's shares are of 24 people, other grooves and other sounds, and have no interval."
    )
    return [Text("\n\n".join(said), "Grooves: human or AI, and preference"), Table("Shares (Fig. 3)", heads, rows, note=note)]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if math.isfinite(share) else ""


def _between(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %" if math.isfinite(ends[0]) else ""


def _of_ratings(each: Ratings) -> list[Section]:
    asked: Questionnaire = each.asked
    said = [
        f"Rated by {_count(each.n, 'listener')} on {asked.points} points.",
        *_left_out(each.partial, "facets rated: counted where they rated"),
    ]
    rows = [
        [
            one.facet.factor,
            f"{one.facet.low} – {one.facet.high}",
            str(one.n),
            *map(_number, (one.mean, one.sd, one.median, one.first_quartile, one.third_quartile)),
            _number(one.facet.paper_mean),
            _number(one.facet.paper_median),
        ]
        for one in each.facets
    ]
    columns = ["factor", "scale", "n", "mean", "sd", "median", "1st quartile", "3rd quartile", "paper's mean", "paper's median"]
    alphas = [[factor, _number(alpha), str(n)] for factor, (alpha, n) in each.alpha.items()]
    asks = [[f"{facet.low} – {facet.high}", facet.name, facet.meaning] for facet in asked.facets if facet.meaning]
    return [
        Text("\n\n".join(said), asked.title),
        Table("Ratings", columns, rows, note=f"The paper's figures are of about {asked.paper_n} people; it gives no spread."),
        Table(
            "Cronbach's alpha",
            ["factor", "alpha", "n"],
            alphas,
            note="How far the facets of a factor agree; over listeners who rated all of them.",
        ),
        *([Table("What the scales ask", ["scale", "facet", "asks"], asks, folded=True)] if asks else []),
    ]


def _partial(partial: Sequence[tuple[Subject, int]]) -> list[dict[str, Any]]:
    return [{**_named(subject), "answered": n} for subject, n in partial]


def _left_out(partial: Sequence[tuple[Subject, int]], what: str) -> list[str]:
    return [f"Partial session: listener {_label(subject)}, {n} {what}." for subject, n in partial]


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _named(subject: Subject) -> Mapping[str, Any]:
    study, number = subject
    return {"study": study, "subject": number} if study else {"subject": number}


def _label(subject: Subject) -> str:
    study, number = subject
    return f"{number} of {study}" if study else str(number)


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _json(value: Any) -> Any:
    """The same without NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
