"""Batches: the order of an endless run of epochs, and the two ways to the device."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from drumjax.boundary import InputError
from drumjax.datasets.pipeline import Columns, Order, Resident, Streaming, balanced_indices, batch_indices, make_source
from drumjax.systems.system import System
from drumjax.train.config import TrainingConfig
from drumjax.train.engine import fit

ROOM = {"room": 8, "resident_limit_bytes": 1 << 20, "buffer_bytes": 1 << 20}


def columns(n: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(n)
    return {
        "x": draw.normal(size=(n, 3)).astype(np.float32),
        "k": np.arange(n),
        "flag": np.arange(n) % 2 == 0,
        "name": np.array([f"n{i}" for i in range(n)]),
    }


@pytest.mark.parametrize(("n", "batch"), [(10, 4), (64, 64), (1, 5), (3, 8), (1782, 64), (7, 20)])
def test_every_epoch_holds_every_item_once(n, batch) -> None:
    epochs = 5
    order = batch_indices(3, 0, n, batch, -(-epochs * n // batch)).ravel()[: epochs * n].reshape(epochs, n)
    assert (np.sort(order, axis=1) == np.arange(n)).all()
    if n > 9:
        assert len({tuple(row) for row in order}) == epochs  # each epoch has an order of its own


@pytest.mark.parametrize("first", [0, 5, 10**6, 10**15])
def test_a_batch_does_not_depend_on_how_many_are_asked_for(first) -> None:
    many = batch_indices(1, first, 101, 16, 9)
    assert many.dtype == np.int32
    assert many.shape == (9, 16)
    assert all((batch_indices(1, first + k, 101, 16)[0] == many[k]).all() for k in range(9))


def test_seeds_give_other_orders() -> None:
    assert (batch_indices(0, 0, 100, 100) != batch_indices(1, 0, 100, 100)).any()


def test_the_order_is_the_one_that_was_ever() -> None:
    # Counted by hand from the words of Philox-4x64-10 with the key (7, epoch): a resumed training of an older release meets the
    # same batches.
    words = [np.random.Philox(key=np.array([7, epoch], np.uint64)).random_raw(6) for epoch in (0, 1)]
    by_hand = [i for epoch in words for i in sorted(range(6), key=lambda i: epoch[i])]
    assert batch_indices(7, 0, 6, 4, 3).ravel().tolist() == by_hand
    assert by_hand == [4, 1, 3, 2, 5, 0, 3, 1, 2, 5, 4, 0]


def test_all_positions_are_equally_likely() -> None:
    counts = np.zeros((6, 6))
    for epoch in range(600):
        counts[np.arange(6), batch_indices(0, epoch, 6, 6)[0]] += 1
    assert ((counts - 100) ** 2 / 100).sum() < 60  # chi-squared, 25 degrees of freedom: beyond 60 once in 10,000 times


@pytest.mark.parametrize("n", [5, 16, 50])
def test_streamed_feeds_hold_what_resident_ones_point_at(n) -> None:
    data = columns(n)
    resident = Resident(data, batch_size=16, seed=2, room=4)
    streaming = Streaming(Columns(data), batch_size=16, seed=2, room=4, buffer_bytes=1 << 20)
    pointed, held = resident.feed(9, 3), streaming.feed(9, 3)
    assert set(held) == {"x", "k", "flag"}
    for k in range(3):
        expected = resident.batch(resident.resident, {name: array[k] for name, array in pointed.items()})
        got = streaming.batch({}, {name: array[k] for name, array in held.items()})
        for name in held:
            np.testing.assert_array_equal(got[name], expected[name])
            assert got[name].dtype == expected[name].dtype
    assert held["x"].shape == (4, 16, 3)
    for (first, mask), (second, other) in zip([*resident.sweep()], [*streaming.sweep()], strict=True):
        assert mask.sum() == other.sum() == n
        assert data["k"][first["index"]][mask == 1].tolist() == second["k"][other == 1].tolist() == list(range(n))


def test_a_streamed_feed_keeps_to_its_bytes_and_holds_a_batch_at_least() -> None:
    data = columns(100)
    batch_bytes = 16 * (3 * 4 + 4 + 1)
    assert Streaming(Columns(data), batch_size=16, seed=0, room=50, buffer_bytes=5 * batch_bytes + 1).room == 5
    assert Streaming(Columns(data), batch_size=16, seed=0, room=50, buffer_bytes=1).room == 1
    assert Streaming(Columns(data), batch_size=16, seed=0, room=3, buffer_bytes=1 << 30).room == 3


def test_size_decides_between_resident_and_streamed() -> None:
    data = columns(100)
    size = 100 * (3 * 4 + 4 + 1)
    small = make_source(data, batch_size=4, seed=0, **{**ROOM, "resident_limit_bytes": size})
    large = make_source(data, batch_size=4, seed=0, **{**ROOM, "resident_limit_bytes": size - 1})
    assert isinstance(small, Resident)
    assert isinstance(large, Streaming)
    assert small.resident["k"].dtype == np.int32


def test_many_items_are_fetched_in_one_call_where_the_source_can() -> None:
    calls = []

    class Many(list):
        def __getitems__(self, index):
            calls.append(index)
            return [self[i] for i in index]

    items = Many({"x": np.float32(i)} for i in range(9))
    streaming = Streaming(items, batch_size=4, seed=0, room=2, buffer_bytes=1 << 20)
    np.testing.assert_array_equal(streaming.feed(0, 2)["x"], batch_indices(0, 0, 9, 4, 2))
    assert len(calls) == 1


@pytest.mark.parametrize("data", [{}, {"x": np.zeros((0, 3))}, {"x": np.zeros(3), "y": np.zeros(4)}, {"name": np.array(["a"])}, []])
def test_data_without_items_or_of_unequal_lengths_are_an_error(data) -> None:
    with pytest.raises(InputError, match="at least one item"):
        make_source(data, batch_size=4, seed=0, **ROOM)


def test_resident_and_streamed_training_end_with_the_same_bits() -> None:
    def init(key, batch):
        return {"p": jax.random.normal(key, (3,))}, {}

    def loss(params, extra, batch, key, progress):
        return jnp.mean((batch["x"] @ params["p"] - batch["k"]) ** 2), (extra, {})

    system = System(init, {"p": loss}, lambda *_: {}, lambda *_: None)
    data = columns(50)
    states = []
    for limit, given in [(1 << 20, data), (0, data), (0, [{"x": data["x"][i], "k": data["k"][i]} for i in range(50)])]:
        config = TrainingConfig(batch_size=16, resident_limit_bytes=limit, stream_buffer_bytes=2000)
        states.append(fit(system, {"p": optax.adam(0.1)}, given, config, 40)[0])
    for state in states[1:]:
        for one, other in zip(jax.tree.leaves(states[0].opt), jax.tree.leaves(state.opt), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(states[0].params["p"], state.params["p"])


LABELS = np.repeat([0, 2, 3], [50, 7, 3])[np.random.default_rng(5).permutation(60)]
"""Classes of very unequal size; none has the number 1."""


def test_a_balanced_batch_holds_as_many_items_of_each_class() -> None:
    order = Order(60, batch_size=12, seed=3, labels=LABELS)(7, 40)
    assert order.shape == (40, 12)
    assert order.dtype == np.int32
    assert (LABELS[order] == np.repeat([0, 2, 3], 4)).all()


def test_each_class_runs_through_epochs_of_its_own() -> None:
    order = Order(60, batch_size=12, seed=3, labels=LABELS)(0, 50).reshape(50, 3, 4)
    for k, label in enumerate((0, 2, 3)):
        items, run = np.flatnonzero(label == LABELS), order[:, k].ravel()
        epochs = run[: len(run) // len(items) * len(items)].reshape(-1, len(items))
        assert (np.sort(epochs, 1) == items).all()
        assert len({tuple(epoch) for epoch in epochs}) > min(len(epochs), 5) / 2
    # Two classes of one size are not shuffled alike.
    twins = balanced_indices(3, 0, [np.arange(9, dtype=np.int32), np.arange(9, dtype=np.int32)], 9)[0].reshape(2, 9)
    assert (twins[0] != twins[1]).any()


def test_what_a_class_contributes_does_not_depend_on_how_large_the_others_are() -> None:
    first, others = np.arange(11, dtype=np.int32), [np.arange(20, 20 + n, dtype=np.int32) for n in (5, 31)]
    one, other = (balanced_indices(1, 4, [first, second], 6, 9) for second in others)
    np.testing.assert_array_equal(one[:, :6], other[:, :6])
    assert (one[:, 6:] != other[:, 6:]).any()


@pytest.mark.parametrize("first", [0, 5, 10**15])
def test_a_balanced_batch_does_not_depend_on_how_many_are_asked_for(first) -> None:
    order = Order(60, batch_size=12, seed=1, labels=LABELS)
    many = order(first, 9)
    assert all((order(first + k, 1)[0] == many[k]).all() for k in range(9))


def test_the_balanced_order_is_the_one_that_was_ever() -> None:
    # Counted by hand from the words of Philox-4x64-10 with the key (7, epoch) and the class's number, from 1, in the counter's
    # highest word: a resumed training of an older release meets the same batches.
    words = [
        [
            np.random.Philox(key=np.array([7, epoch], np.uint64), counter=np.array([0, 0, 0, k], np.uint64)).random_raw(3)
            for k in (1, 2)
        ]
        for epoch in (0, 1)
    ]
    runs = [[i for epoch in words for i in sorted(range(3), key=lambda i: epoch[k][i])] for k in (0, 1)]
    by_hand = [[*runs[0][2 * s : 2 * s + 2], *(3 + i for i in runs[1][2 * s : 2 * s + 2])] for s in range(3)]
    assert Order(6, batch_size=4, seed=7, labels=np.array([4, 4, 4, 9, 9, 9]))(0, 3).tolist() == by_hand
    assert by_hand == [[2, 1, 5, 4], [0, 2, 3, 4], [0, 1, 5, 3]]


def test_balanced_feeds_of_both_sources_hold_the_same_and_a_device_reads_its_columns() -> None:
    data = columns(60) | {"label": LABELS}
    items = [{name: array[i] for name, array in data.items()} for i in range(60)]
    settings = {"batch_size": 12, "seed": 2, "room": 4, "balance": "label"}
    pointed = Resident(data, **settings).feed(9, 3)["index"]
    for given in (Columns(data), items):
        streaming = Streaming(given, **settings, buffer_bytes=1 << 20)
        held = streaming.feed(9, 3)
        np.testing.assert_array_equal(held["k"][:3], pointed[:3])
        np.testing.assert_array_equal(streaming.feed(9, 3, slice(3, 6))["x"], held["x"][:, 3:6])
        assert sum(mask.sum() for _, mask in streaming.sweep()) == 60  # a validation is no balanced batch


def test_a_batch_that_the_classes_cannot_share_is_an_error() -> None:
    with pytest.raises(InputError, match="multiple of the number of classes, 3, for balanced batches; found 16; take 18"):
        make_source(columns(60) | {"label": LABELS}, batch_size=16, seed=0, **ROOM, balance="label")
