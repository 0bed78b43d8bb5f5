"""What prepared data have to be: no set that breaks a rule gets through, whatever way it came in."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from drumjax.datasets.info import DataInfo, PatternSet, check, content_sha256, name_order
from drumjax.datasets.prepare import Example, embedded_set, pattern_set, source_sha256
from drumjax.patterns import GM, POCKET, TR808
from drumjax.synth.grammar import embedded


def small_set(n: int = 12, **options) -> PatternSet:
    examples = []
    for i in range(n):
        velocity = np.zeros((64, 6), np.float32)
        velocity[i, i % 6] = 0.5
        offset = np.where(velocity > 0, np.float32(-0.25), np.float32(0))
        examples.append(Example(velocity, offset, "ab"[i % 2], 120.0 + i, f"f{i // 3}.mid#{i}", f"f{i // 3}", "mit"))
    return pattern_set(examples, name="small", source_sha256="0" * 64, **options)


def replaced(patterns: PatternSet, name: str, array: np.ndarray) -> PatternSet:
    splits = {split: dict(arrays) for split, arrays in patterns.splits.items()}
    splits["train"][name] = array
    return PatternSet(patterns.info, splits)


@pytest.mark.parametrize("drum_map", [TR808, POCKET, GM])
def test_data_info_survives_json(drum_map):
    info = dataclasses.replace(small_set().info, drum_map=drum_map)
    assert DataInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kind", "songs", "kind"),
        ("name", 3, "name"),
        ("source_sha256", "abc", "source_sha256"),
        ("genres", [], "genres"),
        ("genres", ["a", "a"], "genres"),
        ("genres", "ab", "genres"),
        ("drum_map", {"name": "x"}, "drum map"),
        ("steps", 0, "steps"),
        ("steps", 64.0, "steps"),
        ("steps", True, "steps"),
        ("counts", {"train": -1}, "counts"),
        ("counts", {"holdout": 1}, "counts"),
        ("counts", {"train": "9"}, "counts"),
        ("licences", [1], "licences"),
    ],
)
def test_data_info_of_a_wrong_type_or_range_is_refused(field, value, message):
    good = small_set().info.to_json()
    with pytest.raises(ValueError, match=message):
        DataInfo.from_json({**good, field: value})


@pytest.mark.parametrize("value", [None, [], {}, {"kind": "patterns"}])
def test_data_info_without_its_fields_is_refused(value):
    with pytest.raises(ValueError, match="expected the fields"):
        DataInfo.from_json(value)


def test_the_order_examples_come_in_does_not_matter():
    examples = [
        Example(np.eye(64, 6, -i, np.float32), np.zeros((64, 6), np.float32), "a", 120.0, f"f#{i}", f"f{i}", "mit")
        for i in range(12)
    ]
    first = pattern_set(examples, name="x", source_sha256="0" * 64)
    second = pattern_set(examples[::-1], name="x", source_sha256="0" * 64)
    assert content_sha256(first) == content_sha256(second)
    train = first.splits["train"]["name"].tolist()
    assert train == sorted(train, key=lambda name: int(name[2:]))
    assert name_order("a#9") < name_order("a#10") < name_order("b#0")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("velocity", lambda a: a[:, :-1], "shape"),
        ("velocity", lambda a: a.astype(np.float64), "float32"),
        ("velocity", lambda a: a + np.float32(1), "velocity"),
        ("velocity", lambda a: a * np.float32(0.01), "velocity"),
        ("velocity", lambda a: np.where(a > 0, np.float32(np.nan), a), "velocity"),
        ("offset", lambda a: a * np.float32(5), "offset"),
        ("offset", lambda a: a + np.float32(0.5), "offset"),
        ("genre", lambda a: a + 2, "genre"),
        ("genre", lambda a: a - 1, "genre"),
        ("tempo_bpm", lambda a: -a, "tempo_bpm"),
        ("tempo_bpm", lambda a: a * np.float32(np.inf), "tempo_bpm"),
        ("name", lambda a: np.repeat(a[:1], len(a)), "every name once"),
        ("name", lambda a: a.astype("S"), "strings"),
        ("licence", lambda a: np.array(["gpl"] * len(a)), "licences"),
    ],
)
def test_arrays_that_break_a_rule_are_refused(name, change, message):
    patterns = small_set()
    assert check(patterns) is patterns
    with pytest.raises(ValueError, match=message):
        check(replaced(patterns, name, change(patterns.splits["train"][name])))


def test_a_group_in_two_splits_is_refused():
    patterns = small_set()
    group = patterns.splits["train"]["group"].copy()
    group[0] = patterns.splits["test"]["group"][0]
    with pytest.raises(ValueError, match="each group in one split"):
        check(replaced(patterns, "group", group))


def test_missing_arrays_and_splits_are_refused():
    patterns = small_set()
    train = {name: array for name, array in patterns.splits["train"].items() if name != "offset"}
    with pytest.raises(ValueError, match="train: expected the arrays"):
        check(PatternSet(patterns.info, {**patterns.splits, "train": train}))
    with pytest.raises(ValueError, match="expected the splits"):
        check(PatternSet(patterns.info, {"train": patterns.splits["train"]}))


def test_the_content_hash_sees_every_array_and_nothing_else():
    patterns = small_set()
    base = content_sha256(patterns)
    assert base == content_sha256(small_set())
    for name, array in patterns.splits["train"].items():
        changed = array.copy()
        changed[-1] = "other" if array.dtype.kind == "U" else array[-1] * 2 + 1
        assert content_sha256(replaced(patterns, name, changed)) != base, name


def test_the_source_hash_sees_files_options_and_drum_map():
    files = {"a": "1" * 64, "b": "2" * 64}
    base = source_sha256(files, seed=0)
    assert base == source_sha256(dict(reversed(files.items())), seed=0)
    others = [
        source_sha256({**files, "a": "3" * 64}, seed=0),
        source_sha256({"a": files["a"]}, seed=0),
        source_sha256({"a": files["b"], "b": files["a"]}, seed=0),
        source_sha256(files, seed=1),
        source_sha256(files, seed=0, drum_map=POCKET),
        source_sha256(files, seed=0, licences=["mit"]),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_the_embedded_set_is_the_grammar_divided_by_127():
    patterns = embedded_set()
    assert patterns.info.genres == ("idm", "electro", "techno")
    assert sum(patterns.info.counts.values()) == 1782
    genre = np.concatenate([arrays["genre"] for arrays in patterns.splits.values()])
    assert np.bincount(genre).tolist() == [608, 690, 484]  # Table 1
    data = embedded()
    for arrays in patterns.splits.values():
        for name, velocity in zip(arrays["name"], arrays["velocity"], strict=True):
            of, _, k = name.removeprefix("embedded:").partition("#")
            source = data.velocity[np.flatnonzero(data.genre == patterns.info.genres.index(of))[int(k)]]
            np.testing.assert_array_equal(np.rint(velocity * 127), source)
        assert (arrays["tempo_bpm"] == 129).all()


def test_a_tenth_of_every_embedded_genre_is_held_out_in_equal_parts():
    patterns = embedded_set()
    held = {split: np.bincount(arrays["genre"], minlength=3) for split, arrays in patterns.splits.items()}
    for split in ("validation", "test"):
        np.testing.assert_allclose(held[split], 0.05 * np.array([608, 690, 484]), atol=3)


def test_another_seed_is_another_split_and_another_hash():
    first, second = embedded_set(), embedded_set(seed=1)
    assert first.info.source_sha256 != second.info.source_sha256
    assert set(first.splits["test"]["name"]) != set(second.splits["test"]["name"])
