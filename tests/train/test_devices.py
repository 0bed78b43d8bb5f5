"""A training goes on with another number of devices; with the same number it ends with the same bits."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.train.endings import Stopped
from drumjax.train.run import train
from drumjax.train.workdir import restore

STEPS = 100


def on_eight(together, workdir: Path, **arguments) -> None:
    ((code, _, errors),) = together.ended([together.toy({"workdir": str(workdir), "steps": STEPS, **arguments}, devices=8)])
    assert code == (75 if arguments else 0), errors


def arrays(toy, workdir: Path) -> list[np.ndarray]:
    state = restore(checkpoint.latest(workdir), toy.abstract_state(toy.RECIPE.presets["paper"]))
    leaves = [jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(state)]
    return [np.asarray(leaf) for leaf in leaves]


@pytest.fixture(scope="module")
def on_one(toy, tmp_path_factory) -> list[np.ndarray]:
    workdir = tmp_path_factory.mktemp("one")
    train(toy.RECIPE, None, toy.point_set(), workdir, steps=STEPS)
    return arrays(toy, workdir)


def test_a_training_of_eight_devices_goes_on_with_one_and_with_eight(toy, together, on_one, tmp_path) -> None:
    assert jax.device_count() == 1
    on_eight(together, tmp_path / "stopped", stop_at=2)
    assert int(checkpoint.latest(tmp_path / "stopped").name) < STEPS
    for name in ("again", "one"):
        shutil.copytree(tmp_path / "stopped", tmp_path / name)
    on_eight(together, tmp_path / "again")
    on_eight(together, tmp_path / "through")
    for again, through in zip(arrays(toy, tmp_path / "again"), arrays(toy, tmp_path / "through"), strict=True):
        assert again.tobytes() == through.tobytes()
    train(toy.RECIPE, None, toy.point_set(), tmp_path / "one", steps=STEPS)
    for here, there in zip(on_one, arrays(toy, tmp_path / "one"), strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-5)


def test_a_training_of_one_device_goes_on_with_eight(toy, together, on_one, tmp_path) -> None:
    with pytest.raises(Stopped):
        train(toy.RECIPE._replace(summarise=toy.stopping(2)), None, toy.point_set(), tmp_path, steps=STEPS)
    assert int(checkpoint.latest(tmp_path).name) < STEPS
    on_eight(together, tmp_path)
    for here, there in zip(on_one, arrays(toy, tmp_path), strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-5)


def test_a_batch_that_eight_devices_cannot_share_is_an_error_before_anything_is_written(toy, together, tmp_path) -> None:
    workdir = tmp_path / "new"
    arguments = {"workdir": str(workdir), "steps": 9, "config": {"batch_size": 15}}
    ((code, _, errors),) = together.ended([together.toy(arguments, devices=8)])
    assert code != 0
    assert "batch_size: expected a multiple of the number of devices, 8; found 15; take 16" in errors
    assert not workdir.exists()


def test_a_device_reads_its_own_columns_of_a_batch_only(toy) -> None:
    from drumjax.datasets.pipeline import Columns, Resident, Streaming

    data = {name: array for name, array in toy.line_data(50).items() if name != "name"}
    for source in (
        Resident(data, batch_size=8, seed=1, room=4),
        Streaming(Columns(data), batch_size=8, seed=1, room=4, buffer_bytes=1 << 20),
    ):
        for whole, part in (
            (source.feed(5, 3), source.feed(5, 3, slice(2, 4))),
            (dict(enumerate(source.sweep())), dict(enumerate(source.sweep(slice(2, 4))))),
        ):
            for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(part), strict=True):
                np.testing.assert_array_equal(one[:, 2:4], other)


def test_unknown_ways_to_share_are_an_error(toy, tmp_path) -> None:
    with pytest.raises(InputError, match="jit or pmap"):
        train(toy.RECIPE, None, toy.point_set(), tmp_path / "new", steps=1, parallel="vmap")
    assert not (tmp_path / "new").exists()
