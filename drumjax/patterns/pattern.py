"""The grid that every system of the library reads and writes: `Pattern`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from drumjax.boundary import InputError
from drumjax.patterns.drum_map import TR808, DrumMap
from drumjax.provenance import joined

STEPS_PER_QUARTER = 4
"""A step is a 16th note (Off the Beaten Track, Sec. "Electronic Dance Music Dataset"; PocketVAE, Sec. 2.1)."""
MEASURE_STEPS = 64
"""The paper's "measure" is a pattern of 4 bars of 4/4 (Off the Beaten Track, Sec. "Electronic Dance Music Dataset")."""
PAPER_TEMPO_BPM = 129.0
"""The intended tempo of the paper's patterns: a measure lasts 7.44 s (same section)."""
LEAST_VELOCITY = float(np.float32(1 / 127))
"""A played hit is at least MIDI velocity 1: velocity 0 means note off."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """A drum pattern on a grid of 16th notes. Immutable; compare with `equals`.

    Attributes:
      hits: bool, (steps, lanes).
      velocity: float32 in [0, 1], (steps, lanes); at least 1/127 where there is a hit, 0 elsewhere.
      offset: float32 in [-1, 1), (steps, lanes); microtiming in half steps, late positive, 0 where there is no hit.
      drum_map: what the lanes are.
      tempo_bpm: quarter notes a minute.
      metre: beats a bar and the beat's note value, (4, 4) for 4/4.
      name: for reports and pictures.
      genre: the genre's name, "" where unknown.
      provenance: where the pattern came from, as JSON-like data: a record of `drumjax.provenance.provenance` for one that was made,
        `{"path", "sha256"}` for one that was read (with `channel`, where one was named), None for one made by hand.

    Raises:
      ValueError: when an array's shape or range breaks these rules.
    """

    hits: np.ndarray
    velocity: np.ndarray
    offset: np.ndarray
    drum_map: DrumMap = TR808
    tempo_bpm: float = PAPER_TEMPO_BPM
    metre: tuple[int, int] = (4, 4)
    name: str = ""
    genre: str = ""
    provenance: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        hits = np.array(self.hits, bool)
        if hits.ndim != 2 or hits.shape[1] != len(self.drum_map.lanes):
            raise ValueError(
                f"expected hits of shape (steps, {len(self.drum_map.lanes)}) for the drum map {self.drum_map.name!r}, "
                f"found {hits.shape}"
            )
        arrays = {"velocity": np.array(self.velocity, np.float32), "offset": np.array(self.offset, np.float32)}
        for field, array in arrays.items():
            if array.shape != hits.shape:
                raise ValueError(f"expected {field} of the hits' shape {hits.shape}, found {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"expected finite numbers in {field}, found NaN or infinity")
            if np.any(array[~hits] != 0):
                raise ValueError(f"expected {field} 0 where there is no hit, found {array[~hits][array[~hits] != 0][0]}")
        velocity, offset = arrays["velocity"], arrays["offset"]
        if np.any((velocity[hits] < LEAST_VELOCITY) | (velocity[hits] > 1)):
            raise ValueError("expected the velocity of hits in [1/127, 1]; divide MIDI velocities by 127")
        if np.any((offset < -1) | (offset >= 1)):
            raise ValueError("expected offsets in [-1, 1) half steps")
        if not 0 < self.tempo_bpm < 1e5:
            raise ValueError(f"expected a tempo above 0 beats a minute, found {self.tempo_bpm}")
        for array in (hits, velocity, offset):
            array.setflags(write=False)
        object.__setattr__(self, "tempo_bpm", float(self.tempo_bpm))  # written the same, whatever kind of number was given
        object.__setattr__(self, "hits", hits)
        object.__setattr__(self, "velocity", velocity)
        object.__setattr__(self, "offset", offset)

    @classmethod
    def from_grid(cls, grid: np.ndarray, *, threshold: float = LEAST_VELOCITY, **fields: Any) -> Pattern:
        """A pattern from velocities alone: a hit where `grid` reaches `threshold`, on the grid in time.

        Args:
          grid: float in [0, 1], (steps, lanes).
          threshold: the least value that is a hit; the default makes every velocity of 1/127 or more one.
          **fields: the other fields of `Pattern`.
        """
        grid = np.asarray(grid, np.float32)
        hits = grid >= threshold
        velocity = np.where(hits, np.clip(grid, LEAST_VELOCITY, 1), 0)
        return cls(hits=hits, velocity=velocity, offset=np.zeros_like(velocity), **fields)

    @property
    def steps(self) -> int:
        return self.hits.shape[0]

    @property
    def lanes(self) -> int:
        return self.hits.shape[1]

    @property
    def step_s(self) -> float:
        """How long a step lasts, in seconds."""
        return 60.0 / self.tempo_bpm / STEPS_PER_QUARTER

    @property
    def duration_s(self) -> float:
        return self.steps * self.step_s

    def onsets_s(self) -> np.ndarray:
        """The time of every cell in seconds, offset included, float64 (steps, lanes); negative for an early first step."""
        return (np.arange(self.steps)[:, None] + 0.5 * self.offset.astype(np.float64)) * self.step_s

    def equals(self, other: Pattern) -> bool:
        """Whether the drum map and all three grids are identical; tempo, name and provenance do not count."""
        return (
            self.drum_map == other.drum_map
            and np.array_equal(self.hits, other.hits)
            and np.array_equal(self.velocity, other.velocity)
            and np.array_equal(self.offset, other.offset)
        )

    def window(self, start: int, steps: int) -> Pattern:
        """The part from step `start`, `steps` long."""
        part = slice(start, start + steps)
        return replace(self, hits=self.hits[part], velocity=self.velocity[part], offset=self.offset[part])

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the pattern: MIDI where `path` ends in .mid or .midi, a step-grid file where it ends in .json.

        Raises:
          InputError: for another suffix, or when the file cannot be written there.
          ValueError: for a tempo or metre that MIDI cannot hold (`drumjax.patterns.write_midi`).
        """
        suffix = Path(path).suffix.lower()
        if suffix in (".mid", ".midi"):
            from drumjax.patterns.midi import write_midi

            write_midi(path, self)
        elif suffix == ".json":
            from drumjax.patterns.grid_files import write_grid_json

            write_grid_json(path, [self])
        else:
            raise InputError(
                path, rule="a pattern file's suffix", found=repr(suffix), remedy="name a file that ends in .mid, .midi or .json"
            )


def concatenate(patterns: Sequence[Pattern]) -> Pattern:
    """Patterns of one drum map played one after another, with the tempo, metre and name of the first.

    The provenance is theirs together: of all patterns of one call it is that of the call (see `drumjax.provenance.joined`).

    Raises:
      ValueError: for no patterns, or for patterns of several drum maps.
    """
    if not patterns:
        raise ValueError("expected at least one pattern to join, found none")
    if any(pattern.drum_map != patterns[0].drum_map for pattern in patterns):
        raise ValueError(f"expected one drum map, found {sorted({pattern.drum_map.name for pattern in patterns})}")
    return replace(
        patterns[0],
        hits=np.concatenate([pattern.hits for pattern in patterns]),
        velocity=np.concatenate([pattern.velocity for pattern in patterns]),
        offset=np.concatenate([pattern.offset for pattern in patterns]),
        provenance=joined([pattern.provenance for pattern in patterns]),
    )
