"""The draws behind a batch of sounds: every parameter and every noise of a sound is a function of (label, seed, number) alone.

All come from the raw stream of NumPy's Philox, which never changes (NEP 19), by a counter of their own: neither the batch in which
a sound is made nor the version of NumPy matters.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

_COLUMNS = 576
"""Raw numbers set aside for the parameters of a sound."""


class Draws:
    """Parameters and noise of a batch of sounds.

    Parameters are named and drawn in the order of the calls; `drawn` holds the names and values so far. Arrays are (sounds, 1), or
    (sounds, count) where a count is given, so that they meet time (samples,) by broadcasting; they are read-only.

    Args:
      label: the class.
      seed: at least 0, below 2**64.
      numbers: of the sounds, int (sounds,), each in [0, 2**32).
      part: what is drawn, a name: other parts of one sound draw other numbers.
    """

    def __init__(self, label: str, seed: int, numbers: Sequence[int] | np.ndarray, part: str = "voice") -> None:
        self._keys = [(seed, (zlib.crc32(label.encode()) << 32) | int(number)) for number in numbers]
        self._part = zlib.crc32(part.encode())
        self._raw = np.stack([_raw(key, self._part, 0, _COLUMNS) for key in self._keys])
        self._column = 0
        self._stream = 0
        self.drawn: list[tuple[str, np.ndarray]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def only(self, rows: np.ndarray) -> Draws:
        """The draws of some of the sounds, which go on where these stand; rows int (n,)."""
        some = object.__new__(Draws)
        some._keys = [self._keys[row] for row in rows]
        some._part, some._column, some._stream = self._part, self._column, self._stream
        some._raw = self._raw[rows]
        some.drawn = []
        return some

    def uniform(self, name: str, low: float, high: float, count: int = 1) -> np.ndarray:
        """Even between two values."""
        return self._keep(name, low + (high - low) * self._unit(count))

    def log(self, name: str, low: float, high: float, count: int = 1) -> np.ndarray:
        """Even in the logarithm between two values above 0: for frequencies and times."""
        return self._keep(name, low * (high / low) ** self._unit(count))

    def around(self, name: str, middle: float, factor: float, count: int = 1) -> np.ndarray:
        """Most often near the middle and never further off than by the factor: triangular in the logarithm."""
        unit = self._unit(2 * count)
        return self._keep(name, middle * factor ** (unit[:, :count] + unit[:, count:] - 1))

    def chance(self, name: str, probability: float) -> np.ndarray:
        """1 with this probability, else 0."""
        return self._keep(name, (self._unit(1) < probability).astype(float))

    def pick(self, name: str, weights: Sequence[float]) -> np.ndarray:
        """The place of one of the weights, each as likely as its weight says; float, whole."""
        edges = np.cumsum(weights) / sum(weights)
        return self._keep(name, np.minimum((self._unit(1) >= edges).sum(axis=1, keepdims=True), len(edges) - 1).astype(float))

    def white(self, samples: int) -> np.ndarray:
        """White noise in [-1, 1), float64 (sounds, samples); another at every call."""
        self._stream += 1
        words = (samples + 1) // 2
        raw = np.stack([_raw(key, self._part, self._stream, words) for key in self._keys])
        # Two numbers of 32 bits a word, the low one first, whatever the machine's order of bytes.
        halves = np.stack([raw & np.uint64(0xFFFFFFFF), raw >> np.uint64(32)], axis=-1).reshape(len(raw), -1)
        return halves[:, :samples].astype(np.float64) * 2.0**-31 - 1.0

    def _unit(self, count: int) -> np.ndarray:
        first, self._column = self._column, self._column + count
        if self._column > _COLUMNS:
            raise RuntimeError(f"a voice draws more than {_COLUMNS} numbers")
        return (self._raw[:, first : self._column] >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _keep(self, name: str, values: np.ndarray) -> np.ndarray:
        values.setflags(write=False)
        self.drawn.append((name, values))
        return values


def _raw(key: tuple[int, int], part: int, stream: int, count: int) -> np.ndarray:
    # A counter of four words: NumPy counts in the lowest, the others keep parts and streams apart.
    counter = np.array([0, stream, part, 0], np.uint64)
    return np.random.Philox(counter=counter, key=np.array(key, np.uint64)).random_raw(count)
