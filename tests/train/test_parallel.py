"""One device and eight: the same parameters, and checkpoints that go from one to the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.train.run import train

TOY = Path(__file__).with_name("toy.py")
STEPS = 100


@pytest.fixture(scope="module")
def one_device(toy, tmp_path_factory) -> Path:
    return train(toy.RECIPE, None, toy.point_set(), tmp_path_factory.mktemp("one"), steps=STEPS).checkpoint


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_eight_devices_give_the_parameters_of_one(one_device, tmp_path, parallel) -> None:
    assert jax.device_count() == 1
    arguments = {"workdir": str(tmp_path), "steps": STEPS, "parallel": parallel}
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    subprocess.run([sys.executable, str(TOY), json.dumps(arguments)], env=environment, check=True, timeout=120, capture_output=True)
    eight = checkpoint.load_playing(checkpoint.latest(tmp_path))  # made on 8 devices, read on 1
    one = checkpoint.load_playing(one_device)
    assert not np.array_equal(one.params["line"]["w"], np.zeros(5))
    for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(eight.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(one.card["metrics"]["mse"], eight.card["metrics"]["mse"], rtol=1e-4)
