"""Batches: their order, and the two ways to the device.

The order is a pure function of (seed, step): position `step · batch_size + i` of an endless run of epochs, each epoch a
permutation of the data drawn from (seed, epoch). A batch may straddle epochs. The order is computed on the host while the
previous dispatch runs: a few kilobytes of indices a dispatch cost nothing to send, a sort inside the compiled step would cost time.

A balanced batch holds as many items of each class, and each class runs through an endless run of epochs of its own, drawn from
(seed, class, epoch): a class of few items comes round more often.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from drumjax.boundary import InputError

Arrays = Mapping[str, np.ndarray]
WHOLE = slice(None)
"""All columns of a batch."""


def _draw_permutation(seed: int, epoch: int, n: int, run: int = 0) -> np.ndarray:
    # The raw words of a bit generator are what NumPy promises never to change; its shuffles are not. Runs are 2¹⁹² words apart.
    words = np.random.Philox(key=np.array([seed, epoch], np.uint64), counter=np.array([0, 0, 0, run], np.uint64)).random_raw(n)
    order = np.argsort(words, kind="stable").astype(np.int32)
    order.flags.writeable = False
    return order


_permutation = functools.lru_cache(maxsize=4)(_draw_permutation)
_permutation_of_class = functools.lru_cache(maxsize=64)(_draw_permutation)  # all classes that there are, by and by


def _positions(first: int, count: int, n: int, permutation: Callable[[int], np.ndarray]) -> np.ndarray:
    """Items at `count` positions of an endless run of epochs of n items each."""
    pieces = []
    while count:
        epoch, offset = divmod(first, n)
        piece = permutation(epoch)[offset : offset + count]
        pieces.append(piece)
        first, count = first + len(piece), count - len(piece)
    return np.concatenate(pieces)


def batch_indices(seed: int, first_step: int, n: int, batch_size: int, steps: int = 1) -> np.ndarray:
    """Which items the batches of some steps hold.

    Args:
      seed: 0 or more.
      first_step: 0 or more; any Python integer.
      n: items in the data, 1 to 2³¹ − 1; may be less than `batch_size`.
      batch_size: items in a batch.
      steps: how many batches.

    Returns:
      int32 (steps, batch_size), items from 0 to n − 1; every epoch of n positions holds each item once.
    """
    order = _positions(first_step * batch_size, steps * batch_size, n, lambda epoch: _permutation(seed, epoch, n))
    return order.reshape(steps, batch_size)


def balanced_indices(seed: int, first_step: int, classes: Sequence[np.ndarray], per_class: int, steps: int = 1) -> np.ndarray:
    """Which items the balanced batches of some steps hold.

    Args:
      seed: 0 or more.
      first_step: 0 or more; any Python integer.
      classes: for each class its items, int32 (at least 1,).
      per_class: items of a class in a batch; a class may have fewer, and its items then come more than once in a batch.
      steps: how many batches.

    Returns:
      int32 (steps, classes · per_class): first the items of the first class, then those of the second, …. What a class
      contributes is a run of epochs, each of which holds each of its items once, whatever the other classes hold.
    """
    runs = []
    for number, items in enumerate(classes):
        n = len(items)
        draw = functools.partial(_permutation_of_class, seed, n=n, run=number + 1)
        order = _positions(first_step * per_class, steps * per_class, n, draw)
        runs.append(items[order].reshape(steps, per_class))
    return np.concatenate(runs, axis=1)


class Order:
    """The order of batches: a pure function of the step.

    Args:
      n: items in the data.
      batch_size: items in a batch.
      seed: 0 or more.
      labels: for balanced batches the class of each item, integers (n,); the classes are the numbers that occur.

    Raises:
      InputError: a balanced batch cannot be split evenly among the classes.
    """

    def __init__(self, n: int, *, batch_size: int, seed: int, labels: np.ndarray | None = None) -> None:
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.classes: tuple[np.ndarray, ...] = ()
        if labels is not None:
            self.classes = tuple(np.flatnonzero(labels == label).astype(np.int32) for label in np.unique(labels))
            if batch_size % len(self.classes):
                raise InputError(
                    "batch_size",
                    rule=f"a multiple of the number of classes, {len(self.classes)}, for balanced batches",
                    found=str(batch_size),
                    remedy=f"take {-(-batch_size // len(self.classes)) * len(self.classes)}",
                )

    def __call__(self, first_step: int, count: int) -> np.ndarray:
        """The items of `count` batches: int32 (count, batch_size)."""
        if self.classes:
            return balanced_indices(self.seed, first_step, self.classes, self.batch_size // len(self.classes), count)
        return batch_indices(self.seed, first_step, self.n, self.batch_size, count)


class Source(Protocol):
    """Where a compiled dispatch takes its batches from.

    Attributes:
      n: items in the data.
      batch_size: items in a batch.
      room: batches that a feed has space for.
      resident: arrays that stay on the device, `{}` for none.
    """

    n: int
    batch_size: int
    room: int
    resident: dict[str, np.ndarray]

    def feed(self, first_step: int, count: int, columns: slice = WHOLE) -> dict[str, np.ndarray]:
        """What a dispatch of `count` ≤ `room` steps needs besides the resident arrays; leading axes (room, batch_size).

        Of several processes each reads only the columns of the batch, its second axis, that its own devices hold.
        """

    def sweep(self, columns: slice = WHOLE) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Feeds that pass over the data once, in order, with a mask float32 (room, batch_size), 0 where there is no item."""

    def batch(self, resident: dict[str, jax.Array], part: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """Inside the compiled dispatch: the batch made of the resident arrays and one batch's part of a feed."""


def numeric(arrays: Arrays) -> dict[str, np.ndarray]:
    """The arrays that a device can hold, in the precision that it computes in; names, licences and other text stay behind."""
    held = {name: np.asarray(array) for name, array in arrays.items()}
    return {
        name: array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)
        for name, array in held.items()
        if array.dtype.kind in "biuf" or array.dtype.name == "bfloat16"
    }


class Resident:
    """Data that lie on the device: the batches are gathered there, only indices travel.

    Args:
      arrays: items first.
      batch_size: items in a batch.
      seed: of the order.
      room: most batches in a feed.
      balance: the name of the array with each item's class, integers (n,), for balanced batches; "" for others.
    """

    def __init__(self, arrays: Arrays, *, batch_size: int, seed: int, room: int, balance: str = "") -> None:
        self.resident = numeric(arrays)
        self.n = _common_length({name: len(array) for name, array in self.resident.items()})
        self.batch_size, self.room = batch_size, room
        labels = self.resident[balance] if balance else None
        self.order = Order(self.n, batch_size=batch_size, seed=seed, labels=labels)

    def feed(self, first_step: int, count: int, columns: slice = WHOLE) -> dict[str, np.ndarray]:
        index = np.zeros((self.room, self.batch_size), np.int32)
        index[:count] = self.order(first_step, count)
        return {"index": index[:, columns]}

    def sweep(self, columns: slice = WHOLE) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        # All in one feed, whatever the room: one dispatch validates the whole split.
        index, mask = _in_order(self.n, self.batch_size, -(-self.n // self.batch_size))
        yield {"index": index[:, columns]}, mask[:, columns]

    def batch(self, resident: dict[str, jax.Array], part: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return {name: array[part["index"]] for name, array in resident.items()}


class Streaming:
    """Data that stay where they are: a feed holds the batches themselves.

    Args:
      items: a random-access source of `{name: array}`: any sequence, or one with `__getitems__` such as TFDS's `as_data_source`;
        `Columns` makes one of arrays.
      batch_size: items in a batch.
      seed: of the order, the same as `Resident`'s.
      room: most batches in a feed.
      buffer_bytes: most bytes in a feed; at least one batch is always held.
      balance: as of `Resident`; where `items` are no `Columns`, each is read once for its class.
    """

    resident: dict[str, np.ndarray] = {}  # noqa: RUF012 - the same for all: nothing is resident

    def __init__(
        self, items: Sequence[Arrays], *, batch_size: int, seed: int, room: int, buffer_bytes: int, balance: str = ""
    ) -> None:
        self.items, self.batch_size = items, batch_size
        self.n = _common_length({"items": len(items)})
        labels = _column(items, balance) if balance else None
        self.order = Order(self.n, batch_size=batch_size, seed=seed, labels=labels)
        batch_bytes = batch_size * sum(array.nbytes for array in numeric(items[0]).values())
        self.room = max(1, min(room, buffer_bytes // max(1, batch_bytes)))

    def feed(self, first_step: int, count: int, columns: slice = WHOLE) -> dict[str, np.ndarray]:
        return self._gather(self.order(first_step, count)[:, columns])

    def sweep(self, columns: slice = WHOLE) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        index, mask = _in_order(self.n, self.batch_size, -(-self.n // self.batch_size))
        for first in range(0, len(index), self.room):
            padded = np.zeros((self.room, self.batch_size), np.float32)
            padded[: len(mask[first : first + self.room])] = mask[first : first + self.room]
            yield self._gather(index[first : first + self.room, columns]), padded[:, columns]

    def batch(self, resident: dict[str, jax.Array], part: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return part

    def _gather(self, index: np.ndarray) -> dict[str, np.ndarray]:
        wanted = index.ravel()
        many = getattr(self.items, "__getitems__", None)
        if isinstance(self.items, Columns):
            held = self.items[wanted]
        else:
            items = many(wanted.tolist()) if many else [self.items[i] for i in wanted.tolist()]
            rows = [numeric(item) for item in items]
            held = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        # Fresh memory every time: on the CPU the device may keep the array that it is given.
        feed = {}
        for name, array in held.items():
            feed[name] = np.zeros((self.room, *index.shape[1:], *array.shape[1:]), array.dtype)
            feed[name][: len(index)] = array.reshape(*index.shape, *array.shape[1:])
        return feed


class Columns(Sequence[Arrays]):
    """Arrays seen as a random-access source of items."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = numeric(arrays)
        self.n = _common_length({name: len(array) for name, array in self.arrays.items()})

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: Any) -> Any:
        return {name: array[index] for name, array in self.arrays.items()}


def make_source(
    data: Arrays | Sequence[Arrays],
    *,
    batch_size: int,
    seed: int,
    room: int,
    resident_limit_bytes: int,
    buffer_bytes: int,
    balance: str = "",
) -> Resident | Streaming:
    """`Resident` for arrays of at most `resident_limit_bytes`, else `Streaming`; a sequence of items is always streamed.

    Raises:
      InputError: when there are no items, arrays differ in length, or a balanced batch cannot be split among the classes.
    """
    if isinstance(data, Mapping):
        if sum(array.nbytes for array in numeric(data).values()) <= resident_limit_bytes:
            return Resident(data, batch_size=batch_size, seed=seed, room=room, balance=balance)
        data = Columns(data)
    return Streaming(data, batch_size=batch_size, seed=seed, room=room, buffer_bytes=buffer_bytes, balance=balance)


def _column(items: Sequence[Arrays], name: str) -> np.ndarray:
    return items.arrays[name] if isinstance(items, Columns) else np.array([items[i][name] for i in range(len(items))])


def _common_length(lengths: Mapping[str, int]) -> int:
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        found = ", ".join(f"{name} {length}" for name, length in lengths.items()) or "no arrays"
        raise InputError(
            "data", rule="at least one item, and arrays of one length", found=found, remedy="look at drumjax data inspect"
        )
    return next(iter(lengths.values()))


def _in_order(n: int, batch_size: int, batches: int) -> tuple[np.ndarray, np.ndarray]:
    position = np.arange(batches * batch_size).reshape(batches, batch_size)
    return np.where(position < n, position, 0).astype(np.int32), (position < n).astype(np.float32)
