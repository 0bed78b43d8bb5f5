"""What a data set of grooves is, once it is prepared: a `PatternSet` of two bars on `POCKET`'s lanes, and more said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from drumjax.datasets.info import DataInfo, PatternSet, counts_by_split, counts_from_json
from drumjax.patterns.drum_map import POCKET
from drumjax.patterns.grooves import GROOVE_STEPS

KIND = "grooves"
BUILDER = "groove"
"""The name of the TFDS builder, and so of the folder that a build makes."""


@dataclass(frozen=True)
class GrooveInfo(DataInfo):
    """What a prepared data set of grooves is. Goes into the checkpoint of every model that was trained on it.

    Attributes:
      genre_counts: grooves of every genre in every split.
      left_out: how many files, tracks and windows were left out for which reason, repetitions included.
    """

    KIND: ClassVar[str] = KIND
    genre_counts: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-like data."""
        by_genre = {split: dict(counts) for split, counts in self.genre_counts.items()}
        return super().to_json() | {"genre_counts": by_genre, "left_out": dict(self.left_out)}

    @classmethod
    def _fields_from_json(cls, value: Mapping[str, Any]) -> dict[str, Any]:
        read = super()._fields_from_json(value)
        if read["drum_map"] != POCKET or read["steps"] != GROOVE_STEPS:
            found = f"{read['drum_map'].name!r} and {read['steps']}"
            raise ValueError(f"expected the drum map {POCKET.name!r} and {GROOVE_STEPS} steps, found {found}")
        return read | {
            "genre_counts": counts_by_split(value, "genre_counts", read["genres"]),
            "left_out": counts_from_json(value, "left_out"),
        }

    def check_counts(self, splits: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Checks that the genres are those that are counted; ValueError where they are not."""
        if (found := count_genres(self.genres, splits)) != self.genre_counts:
            raise ValueError(f"expected the genres {self.genre_counts}, found {found}")


def count_genres(genres: tuple[str, ...], splits: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, int]]:
    """Grooves of every genre in every split."""
    return {
        split: dict(zip(genres, np.bincount(arrays["genre"], minlength=len(genres)).tolist(), strict=True))
        for split, arrays in splits.items()
    }


@dataclass(frozen=True, eq=False)
class GrooveSet(PatternSet):
    """Prepared grooves: the arrays of `PatternSet`, 32 steps and the 7 lanes of `POCKET`.

    N is `velocity > 0`, V is `velocity`, M is `offset`. A `group` is a track; its windows are in one split.
    """

    info: GrooveInfo
