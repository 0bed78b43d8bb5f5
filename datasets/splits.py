"""Which examples are held out: a pure function of the seed, the groups and the genres.

A tenth of the examples is held out, stratified by genre (the specification's 90/10), and that tenth is halved (our decision):
on `validation` choices are made (thresholds, the best step), on `test` figures are reported, so that no figure is chosen on what
it is measured on.

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
    groups: Sequence[str], genres: Sequence[str], *, seed: int = 0, validation: float = 0.05, test: float = 0.05
) -> list[str]:
    """The split of every example: "train", "validation" or "test".

    The same for any order of the examples. Every genre keeps at least one group in `train`; where there are enough groups, every
    split asked for gets one. `test` does not depend on the share of `validation`.

    Args:
      groups: (examples,) the group of every example; a group's examples get one split.
      genres: (examples,) the genre of every example; a group that spans several counts for the one that most of its examples
        have, the first in the alphabet among equals.
      seed: any integer.
      validation: share of the examples in [0, 1); 0 for no such split.
      test: likewise; together below 1.

    Raises:
      ValueError: for shares outside these ranges, lists of different lengths, or fewer groups than splits asked for.

    Source: our decision: 90/10 by genre as the pattern VAE's specification has it, the tenth halved, groups in hash order.
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
    strata: dict[str, list[str]] = defaultdict(list)
    for group in sorted(members, key=lambda group: _order(seed, group)):
        strata[min(members[group], key=lambda genre: (-members[group][genre], genre))].append(group)

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
    for name in asked:
        if name not in split_of.values():
            split_of[_spare(split_of, size, seed)] = name
    return [split_of[group] for group in groups]


def _order(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}/{group}".encode()).digest()


def _spare(split_of: dict[str, str], size: dict[str, int], seed: int) -> str:
    """The smallest group whose split has another one, from `train` if it can be."""
    groups_in = Counter(split_of.values())
    spare = [group for group, name in split_of.items() if groups_in[name] > 1]
    return min(spare, key=lambda group: (split_of[group] != "train", size[group], _order(seed, group)))
