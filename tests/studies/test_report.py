"""The box plots are read back from the figure, and a whole study's answers from the paper's counts to the report."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from drumjax import plots
from drumjax.plots.boxes import Scale, box_plots
from drumjax.serve.page import page
from drumjax.studies import make, report
from drumjax.studies.answers import read_answers, sheet
from drumjax.studies.key import Settings

# Errors of 19 listeners in straight and mixed pairs; see test_analysis.py.
ERRORS = [(3, 0), (2, 1), (1, 1), (0, 2), (0, 1), (0, 1), (0, 1), *[(0, 0)] * 12]


@pytest.fixture(scope="module")
def answers(key_of, tmp_path_factory):
    """The answer sheet of 19 listeners, filled in with the paper's errors and some ratings."""
    settings = Settings(subjects=19, seed=11)
    key, orders = key_of(settings), make.orders(settings)
    rows = list(csv.DictReader(sheet(key, orders).splitlines()))
    generator = np.random.default_rng(0)
    left = {subject: {"straight": a, "mixed": b} for subject, (a, b) in enumerate(ERRORS, 1)}
    for row in rows:
        subject = int(row["subject"])
        if row["item"] == "interpolation":
            trial = key.identification[subject - 1][int(row["position"])]
            wrong = left[subject].get(trial.pair, 0) > 0
            if wrong:
                left[subject][trial.pair] -= 1
            row["answer"] = {"first": "second", "second": "first"}[trial.interpolation] if wrong else trial.interpolation
            row["seconds"], row["plays"] = "40.5", "1"
        elif row["item"] == "comment":
            row["answer"] = "</td><script>alert(1)</script>" if subject == 1 else ""
        else:
            row["answer"] = str(generator.integers(1, 8 if row["experiment"] == "task" else 6))
    path = tmp_path_factory.mktemp("answers") / "all.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return read_answers([path], key)


def test_the_papers_counts_as_raw_answers_give_the_papers_figures(answers):
    content = report.content(answers)["identification"]
    scores = {name: (round(each["mean"], 2), round(each["sd"], 2)) for name, each in content["scores"].items()}
    assert scores == {"straight": (2.68, 0.8), "mixed": (2.63, 0.58), "total": (5.32, 1.03)}
    assert content["chi_squared"]["observed"] == [0, 2, 17]
    assert round(content["chi_squared"]["statistic"], 2) == 25.92
    assert (content["binomial"]["correct"], content["binomial"]["pairs"]) == (101, 114)
    assert content["median_seconds"] == 40.5
    assert content["said_first"]["of"] == 114
    assert len(content["by_subject"]) == 19


def test_the_report_is_json_and_has_every_number(answers):
    content = json.loads(json.dumps(report.content(answers), allow_nan=False))
    assert set(content) == {"studies", "identification", "task", "robot", "comments"}
    for name, n_facets, points in (("task", 9, 7), ("robot", 6, 5)):
        facets = content[name]["facets"]
        assert len(facets) == n_facets
        assert all(sum(facet["counts"]) == facet["n"] == 19 and len(facet["counts"]) == points for facet in facets.values())
        for facet in facets.values():
            values = np.repeat(np.arange(1, points + 1), facet["counts"])
            assert facet["mean"] == pytest.approx(values.mean())
            assert facet["median"] == np.median(values)
            assert facet["quartiles"] == [np.percentile(values, 25), np.percentile(values, 75)]
    assert sum(content["robot"]["listeners_by_segment"].values()) == 19


def test_the_page_shows_comments_as_text(answers):
    text = page("t", report.sections(answers, ["task.png", "robot.png"]))
    assert "<script>alert" not in text
    assert "&lt;/td&gt;&lt;script&gt;alert(1)" in text
    assert text.count('src="task.png"') == 1


def scales():
    return [Scale("Low", "High", "One", (1, 2, 3, 4, 7)), Scale("Bad", "Good", "One", (5,) * 4), Scale("A", "B", "Two", ())]


def test_boxes_stand_at_quartiles_medians_and_means():
    axes = box_plots(scales(), 7).axes[0]
    box = axes.patches[0].get_path().vertices
    assert (box[:, 0].min(), box[:, 0].max()) == (2, 4)
    lines = [line.get_xydata() for line in axes.lines]
    assert any(len(line) == 2 and (line[:, 0] == 3).all() for line in lines)  # the median of the first row
    assert any(len(line) == 1 and line[0].tolist() == [3.4, 0] for line in lines)  # its mean
    assert {(line[0, 0], line[1, 0]) for line in lines if len(line) == 2 and line[0, 1] == line[1, 1] == 0} == {(2, 1), (4, 7)}


def test_every_answer_is_a_dot_whose_area_grows_with_its_count():
    dots = [each for each in box_plots(scales(), 7).axes[0].collections if isinstance(each, PathCollection)]
    assert [point for each in dots for point in each.get_offsets().tolist()] == [[1, 0], [2, 0], [3, 0], [4, 0], [7, 0], [5, 1]]
    assert dots[1].get_sizes()[0] > dots[0].get_sizes()[0]


def test_rows_carry_their_words_and_an_empty_one_says_so():
    figure = box_plots(scales(), 7)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Low", "Bad", "A"]
    assert [text.get_text() for text in axes.texts] == ["no answers"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["One", "Two", "median", "mean"]


def test_answers_off_the_scale_and_no_scales_are_errors():
    with pytest.raises(ValueError, match="from 1 to 7"):
        box_plots([Scale("a", "b", "c", (8,))], 7)
    with pytest.raises(ValueError, match="at least one scale"):
        box_plots([], 7)


def test_the_same_answers_give_the_same_bytes(answers, tmp_path):
    assert set(report.pictures(answers)) == {"task.png", "robot.png"}
    for name in ("a.png", "b.png"):
        plots.save(report.pictures(answers)["task.png"], tmp_path / name, dpi=50)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
