"""Which examples are held out: a pure function of the seed, the groups and the genres.

A tenth of the examples is held out, stratified by genre, and that tenth is halved (our decision): on `validation` choices are made
(thresholds, the best step), on `test` figures are reported, so that no figure is chosen on what it is measured on.

The unit is the group: the windows of one file, the bars of one song. A group is never cut, because its examples are often nearly
the same bar, and a held-out example whose neighbour was trained on measures memory.

Groups stand in the order of a hash of (seed, group) and are taken from the front while that brings their genre's count nearer to
its share (our decision). A plain threshold on the hash would never move a group when files are added, but the shares of a few
hundred patterns would then be off by their standard deviation (5 % of 500: 25 ± 5), and a genre of twenty would often have
nothing held out. With this rule shares are as exact as the groups allow, and adding files moves only groups near the ends of
their genre's shares.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

SPLITS = ("train", "validation", "test")


def split_groups(
    groups: Sequence[str],
    genres: Sequence[str],
    *,
    seed: int = 0,
    validation: float = 0.05,
    test: float = 0.05,
    each: bool = False,
) -> list[str]:
    """The split of every example: "train", "validation" or "test".

    The same for any order of the examples. Every split asked for gets a group, and every genre keeps one in `train`, unless there
    are too few groups for both. `test` does not depend on the share of `validation`, unless one of them is too small for a group.

    Args:
      groups: (examples,) the group of every example; a group's examples get one split.
      genres: (examples,) the genre of every example; a group that spans several counts for the one that most of its examples
        have, the first in the alphabet among equals.
      seed: any integer.
      validation: share of the examples in [0, 1); 0 for no such split.
      test: likewise; together below 1.
      each: whether every genre of at least as many groups as splits gets one in each, the smallest where it has none by its share:
        for figures that are stated genre by genre.

    Raises:
      ValueError: for shares outside these ranges, lists of different lengths, or fewer groups than splits asked for.

    Source: our decision: 90/10 by genre, the tenth halved, groups in hash order.
    """
    if len(groups) != len(genres):
        raise ValueError(f"expected a genre for every one of the {len(groups)} examples, found {len(genres)}")
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ValueError(
            f"expected shares of 0 or more that leave something to train on, found validation {validation}, test {test}"
        )
    asked = ["train"] + ["validation"] * (validation > 0) + ["test"] * (test > 0)
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for group, genre in zip(groups, genres, strict=True):
        members[group][genre] += 1
    if len(members) < len(asked):
        raise ValueError(
            f"expected at least {len(asked)} groups for the splits {', '.join(asked)}, found {len(members)}: "
            "a group (a file, a song) is never cut, so add files"
        )

    size = {group: count.total() for group, count in members.items()}
    genre_of = {group: min(count, key=lambda genre: (-count[genre], genre)) for group, count in members.items()}
    strata: dict[str, list[str]] = defaultdict(list)
    for group in sorted(members, key=lambda group: _order(seed, group)):
        strata[genre_of[group]].append(group)

    split_of = dict.fromkeys(members, "train")
    # What a genre could not give, because its groups are too large or its share is under half an example, the next one owes.
    owed = {"test": 0.0, "validation": 0.0}
    for genre in sorted(strata):
        rest = strata[genre]
        total = sum(size[group] for group in rest)
        for name, share in (("test", test), ("validation", validation)):
            target = share * total + owed[name]
            taken = 0
            for group in list(rest):
                if len(rest) > 1 and abs(taken + size[group] - target) < abs(taken - target):
                    split_of[group] = name
                    taken += size[group]
                    rest.remove(group)
            owed[name] = target - taken
    if each:
        for genre in sorted(strata):
            of_genre = [group for group in split_of if genre_of[group] == genre]
            for name in asked[1:] if len(of_genre) >= len(asked) else ():
                count = Counter(split_of[group] for group in of_genre)
                if not count[name]:
                    spare = [group for group in of_genre if count[split_of[group]] > 1]
                    split_of[min(spare, key=lambda group: (size[group], _order(seed, group)))] = name
    for name in asked:
        if name not in split_of.values():
            split_of[_spare(split_of, genre_of, size, seed)] = name
    return [split_of[group] for group in groups]


def _order(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}/{group}".encode()).digest()


def _spare(split_of: dict[str, str], genre_of: dict[str, str], size: dict[str, int], seed: int) -> str:
    """The group that is missed least: not a genre's only one to train on if it can be, then one of `train`, then a small one."""
    groups_in = Counter(split_of.values())
    trained_on = Counter(genre_of[group] for group, name in split_of.items() if name == "train")

    def cost(group: str) -> tuple[bool, bool, int, bytes]:
        in_train = split_of[group] == "train"
        return in_train and trained_on[genre_of[group]] == 1, not in_train, size[group], _order(seed, group)

    return min((group for group, name in split_of.items() if groups_in[name] > 1), key=cost)
