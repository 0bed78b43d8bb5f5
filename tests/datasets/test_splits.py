"""Splits: shares, groups, genres, and what they must not depend on."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drumjax.datasets.splits import SPLITS, split_groups

SETS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=150).map(
    lambda pairs: ([f"g{group}" for group, _ in pairs], [f"genre {genre}" for _, genre in pairs])
)


def at_least(groups: list[str], n: int) -> bool:
    return len(set(groups)) >= n


@given(SETS, st.integers(-3, 3))
def test_a_group_is_never_cut_and_every_split_has_one(examples, seed):
    groups, genres = examples
    if not at_least(groups, 3):
        with pytest.raises(ValueError, match="at least 3 groups"):
            split_groups(groups, genres, seed=seed)
        return
    splits = split_groups(groups, genres, seed=seed)
    of_group = defaultdict(set)
    for group, split in zip(groups, splits, strict=True):
        of_group[group].add(split)
    assert all(len(found) == 1 for found in of_group.values())
    assert set(splits) == set(SPLITS)


@given(SETS, st.randoms(use_true_random=False))
def test_the_order_of_the_examples_does_not_matter(examples, rng: random.Random):
    groups, genres = examples
    if not at_least(groups, 3):
        return
    split_of = dict(zip(groups, split_groups(groups, genres), strict=True))
    order = list(range(len(groups)))
    rng.shuffle(order)
    shuffled = split_groups([groups[i] for i in order], [genres[i] for i in order])
    assert [split_of[groups[i]] for i in order] == shuffled


@given(SETS, st.floats(0, 0.4))
def test_the_test_split_does_not_depend_on_the_share_of_validation(examples, share):
    """While both have their groups from the shares: where a guarantee moves one, there is nothing to compare."""
    groups, genres = examples
    if not at_least(groups, 25):
        return
    first, second = (split_groups(groups, genres, validation=value, test=0.2) for value in (0.1, share))
    assert [split == "test" for split in first] == [split == "test" for split in second]


@settings(deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(0, 5))
def test_single_example_groups_give_the_shares_of_every_genre_within_one_example(sizes, seed):
    genres = [f"genre {i}" for i, size in enumerate(sizes) for _ in range(size)]
    if len(genres) < 3:
        return
    splits = split_groups([f"group {i}" for i in range(len(genres))], genres, seed=seed)
    for genre, total in Counter(genres).items():
        held = Counter(split for split, name in zip(splits, genres, strict=True) if name == genre)
        assert held["train"] >= 1 or len(genres) < len(sizes) + 2
        for name in ("validation", "test"):
            # Half an example of rounding, up to one and a half owed by the genres before (or by the guarantee of one a split).
            assert abs(held[name] - 0.05 * total) <= 2
    whole = Counter(splits)
    for name in ("validation", "test"):
        assert abs(whole[name] - 0.05 * len(genres)) <= 1


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 1, 2, 40])), min_size=3, max_size=30), st.integers(0, 5))
def test_every_genre_is_trained_on_where_there_are_two_groups_more_than_genres(members, seed):
    groups = [f"g{i}" for i, (_, size) in enumerate(members) for _ in range(size)]
    genres = [f"genre {genre}" for genre, size in members for _ in range(size)]
    splits = split_groups(groups, genres, seed=seed)
    assert set(splits) == set(SPLITS)
    if len(members) >= len(set(genres)) + 2:
        assert {genre for genre, split in zip(genres, splits, strict=True) if split == "train"} == set(genres)


def test_every_genre_keeps_a_group_to_train_on():
    groups = [f"g{i}" for i in range(9)]
    splits = split_groups(groups, ["a"] * 7 + ["b", "c"], validation=0.3, test=0.3)
    assert splits[7:] == ["train", "train"]


def test_another_seed_holds_out_others():
    groups, genres = [f"g{i}" for i in range(400)], ["a"] * 400
    first, second = (split_groups(groups, genres, seed=seed) for seed in (0, 1))
    held = [{group for group, split in zip(groups, splits, strict=True) if split == "test"} for splits in (first, second)]
    assert len(held[0]) == len(held[1]) == 20
    assert len(held[0] & held[1]) < 10


def test_the_first_groups_by_sha256_are_the_test_split():
    """The whole rule for one genre of single examples, computed by other means: which ones they are may never change silently."""
    import hashlib

    groups = [f"g{i}" for i in range(100)]
    order = sorted(groups, key=lambda group: hashlib.sha256(b"7/" + group.encode()).hexdigest())
    splits = split_groups(groups, ["a"] * 100, seed=7)
    assert {g for g, s in zip(groups, splits, strict=True) if s == "test"} == set(order[:5])
    assert {g for g, s in zip(groups, splits, strict=True) if s == "validation"} == set(order[5:10])


def test_a_group_of_several_genres_counts_for_the_commonest():
    """Twenty groups of two `b` and one `a`: all stand in one stratum, so an exact tenth of them is held out."""
    groups = [f"g{i}" for i in range(20) for _ in range(3)]
    splits = split_groups(groups, ["a", "b", "b"] * 20, validation=0.1, test=0.1)
    assert Counter(splits) == {"train": 48, "validation": 6, "test": 6}


def test_a_group_larger_than_the_share_is_passed_over_for_smaller_ones():
    """One file of 300 windows among a hundred of one never becomes the whole of a held-out split."""
    for seed in range(20):
        splits = split_groups(["long"] * 300 + [f"g{i}" for i in range(100)], ["a"] * 400, seed=seed)
        assert splits[0] == "train"
        assert Counter(splits) == {"train": 360, "validation": 20, "test": 20}


def test_adding_a_few_files_moves_few_of_the_others():
    """500 files, 10 more: fewer than the 10 new ones change place (measured over 20 seeds: at most 4)."""
    for seed in range(20):
        groups = [f"g{i}" for i in range(510)]
        genres = [f"genre {i % 3}" for i in range(510)]
        before, after = split_groups(groups[:500], genres[:500], seed=seed), split_groups(groups, genres, seed=seed)
        assert sum(a != b for a, b in zip(before, after[:500], strict=True)) < 10


def test_without_shares_there_are_no_such_splits():
    assert set(split_groups(["a", "b"], ["x", "x"], validation=0)) == {"train", "test"}
    assert split_groups(["a"], ["x"], validation=0, test=0) == ["train"]


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, 1.0), (float("nan"), 0.1)])
def test_impossible_shares_are_refused(validation, test):
    with pytest.raises(ValueError, match="shares of 0 or more"):
        split_groups(["a", "b", "c"], ["x"] * 3, validation=validation, test=test)


def test_of_each_genre_with_enough_groups_every_split_has_one_where_that_is_asked():
    """Groups of 6, 6, 4 and 4: by a share of 2 none is held out, for taking one would miss it by as much or more."""
    groups = [f"{genre}{group}" for genre in "ab" for group, n in enumerate((6, 6, 4, 4)) for _ in range(n)] + [
        "c0",
        "c1",
        "c2",
        "d0",
        "d1",
    ]
    genres = [group[0] for group in groups]
    splits = split_groups(groups, genres, validation=0.1, test=0.1, each=True)
    found = {genre: Counter(split for split, of in zip(splits, genres, strict=True) if of == genre) for genre in "abcd"}
    assert all(set(found[genre]) == set(SPLITS) for genre in "abc")
    assert found["a"]["train"] == found["b"]["train"] == 12
    assert found["d"]["train"] >= 1
    order = random.Random(0).sample(range(len(groups)), len(groups))
    again = split_groups([groups[i] for i in order], [genres[i] for i in order], validation=0.1, test=0.1, each=True)
    assert again == [splits[i] for i in order]


@given(SETS, st.integers(-3, 3))
def test_asking_for_each_genre_cuts_no_group_and_leaves_every_genre_something_to_train_on(examples, seed):
    groups, genres = examples
    if not at_least(groups, 3):
        return
    splits = split_groups(groups, genres, seed=seed, each=True)
    assert len(set(zip(groups, splits, strict=True))) == len(set(groups))
    assert set(splits) == set(SPLITS)
