from __future__ import annotations

import json
import math

import numpy as np
import pytest

from drumjax.metrics.report import Figure, over_items, report, write_report_json


def a_report(**metrics):
    return report(suite="patterns", model="runs/ä", data="embedded", split="test", n=90, held_out=True, metrics=metrics)


def test_a_report_has_the_promised_fields(tmp_path):
    content = a_report(onset_f1=Figure(0.5, "pooled"), distance=Figure(3.0, "cells", sd=1.5, paper=2.0))
    write_report_json(tmp_path / "report.json", content)
    assert json.loads((tmp_path / "report.json").read_text()) == {
        "suite": "patterns",
        "model": "runs/ä",
        "data": "embedded",
        "split": "test",
        "n": 90,
        "held_out": True,
        "metrics": {
            "onset_f1": {"mean": 0.5, "sd": None, "paper": None, "definition": "pooled"},
            "distance": {"mean": 3.0, "sd": 1.5, "paper": 2.0, "definition": "cells"},
        },
    }
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_undefined_figures_are_null_and_numpy_numbers_are_numbers(tmp_path):
    content = a_report(nothing=over_items(np.array([]), "no items"), one=Figure(np.float32(0.25), "one", sd=np.float64(math.inf)))
    write_report_json(tmp_path / "report.json", content)
    metrics = json.loads((tmp_path / "report.json").read_text())["metrics"]
    assert metrics["nothing"]["mean"] is None
    assert metrics["nothing"]["sd"] is None
    assert metrics["one"] == {"mean": 0.25, "sd": None, "paper": None, "definition": "one"}


def test_a_failed_write_leaves_the_old_report(tmp_path):
    write_report_json(tmp_path / "report.json", a_report(one=Figure(1.0, "one")))
    before = (tmp_path / "report.json").read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_report_json(tmp_path / "report.json", {"n": math.nan})
    assert (tmp_path / "report.json").read_bytes() == before


def test_over_items_is_mean_and_standard_deviation():
    figure = over_items(np.array([[1, 2], [3, 6]]), "four", paper=2.5)
    assert figure == Figure(3.0, "four", sd=pytest.approx(math.sqrt(3.5)), paper=2.5)
