"""Random choices that stay the same for ever: drawn from the raw Philox stream, the rest is ours.

NumPy promises that a bit generator's raw stream never changes (NEP 19) and promises nothing of the sort for `Generator.integers`,
`choice` or `shuffle`. A frozen data set may therefore use the raw stream only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from drumjax.patterns.humanize import bell

T = TypeVar("T")
_BLOCK = 64


class Dice:
    """A seeded source of choices.

    Args:
      *key: integers, each in [0, 2**32), four at most; the same key gives the same draws on every machine and NumPy version.
    """

    def __init__(self, *key: int) -> None:
        if len(key) > 4 or any(not 0 <= part < 2**32 for part in key):
            raise ValueError(f"expected at most four key parts in [0, 2**32), found {key}")
        self._bits = np.random.Philox(key=sum(part << (32 * place) for place, part in enumerate(key)))
        self._block: list[int] = []

    def real(self) -> float:
        """A float in [0, 1) with 53 random bits: the value that `Generator.random()` gives on the same stream."""
        if not self._block:
            self._block = self._bits.random_raw(_BLOCK).tolist()[::-1]
        return (self._block.pop() >> 11) * 2.0**-53

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.real() < probability

    def below(self, stop: int) -> int:
        """An integer in [0, stop), uniform to within stop / 2**53."""
        return int(self.real() * stop)

    def between(self, first: int, last: int) -> int:
        """An integer in [first, last], both ends included."""
        return first + self.below(last - first + 1)

    def pick(self, weights: Mapping[T, float]) -> T:
        """One of the keys, with a chance in proportion to its weight; weights are at least 0, their order counts."""
        rest = self.real() * sum(weights.values())
        chosen = None
        for item, weight in weights.items():
            if weight <= 0:
                continue
            chosen = item
            rest -= weight
            if rest < 0:
                break
        if chosen is None:
            raise ValueError(f"expected a weight above 0, found {dict(weights)}")
        return chosen

    def one(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[self.below(len(items))]

    def several(self, weights: Mapping[T, float], count: int) -> list[T]:
        """`count` different keys (all of them when there are fewer), drawn one after another as by `pick`."""
        left = {item: weight for item, weight in weights.items() if weight > 0}
        drawn = []
        for _ in range(min(count, len(left))):
            item = self.pick(left)
            drawn.append(item)
            del left[item]
        return drawn

    def bell(self, *shape: int) -> np.ndarray:
        """Numbers of mean 0 and standard deviation 1, bell-shaped, at most 3.46 out: sums of four uniform ones, float64.

        All draws share the raw stream: single ones take it in blocks of 64, this takes what is behind the last block begun.
        """
        return bell(self._bits.random_raw((*shape, 4)))

    def uniform(self, *shape: int) -> np.ndarray:
        """Numbers in [0, 1) of 53 random bits, float64, from the same stream as `bell`."""
        return (self._bits.random_raw(shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53
