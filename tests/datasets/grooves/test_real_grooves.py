"""The Groove MIDI Dataset (training and validation files, without the test files): what is in it, counted here by other means."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import pytest

from drumjax.datasets.grooves.prepare import prepare_grooves
from drumjax.patterns.templates import SNARE, TemplateRules, template


@pytest.fixture(scope="module")
def prepared(data_folder):
    return prepare_grooves(data_folder / "gmd")


def test_the_six_largest_styles_of_its_tracks_without_fills_are_taken(prepared, data_folder):
    data, collection = prepared
    with (data_folder / "gmd" / "info.csv").open() as file:
        rows = list(csv.DictReader(file))
    plain = [row for row in rows if row["beat_type"] == "beat" and row["time_signature"] == "4-4"]
    styles = Counter(row["style"].partition("/")[0] for row in plain)
    assert (len(rows), len(plain)) == (1021, 414)
    assert styles.most_common(6) == [("rock", 183), ("latin", 45), ("jazz", 44), ("funk", 37), ("hiphop", 27), ("neworleans", 13)]
    assert data.info.genres == tuple(sorted(dict(styles.most_common(6))))
    left_out = data.info.left_out
    assert left_out["expected a track that is no fill"] == 595
    assert left_out["expected a pattern in 4/4"] == sum(row["beat_type"] == "beat" for row in rows) - 414
    assert left_out[f"expected a track of {', '.join(data.info.genres)}"] == 414 - sum(dict(styles.most_common(6)).values())
    assert len(collection.channels) == 414
    # 17 tracks are refused as they are, 3 have no window that is kept, and 1 is the same recording as the one before it.
    assert sum(n for reason, n in left_out.items() if reason.startswith(("expected a track with", "expected a track of at"))) == 17
    assert len({group for each in data.splits.values() for group in each["group"].tolist()}) == 328
    assert data.info.counts == {"train": 11725, "validation": 1240, "test": 1159}


def test_taken_literally_the_paper_s_snare_rule_deletes_three_of_ten_backbeats(prepared):
    velocity = np.concatenate([each["velocity"] for each in prepared[0].splits.values()])
    played = velocity[:, 4::8, SNARE] > 0
    stay = {
        rule: template(velocity, TemplateRules(snare=rule))[:, 4::8, SNARE].sum() / played.sum() for rule in ("backbeat", "paper")
    }
    assert stay["backbeat"] == 1
    assert 1 - stay["paper"] == pytest.approx(0.2994, abs=5e-5)
