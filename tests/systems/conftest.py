"""What tests of pattern systems train on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(scope="session")
def batch_of() -> Callable[..., dict[str, Any]]:
    """A batch of n random patterns, the last `masked` of them padding."""

    def batch_of(n, masked=0):
        rng = np.random.default_rng(3)
        grid = np.where(rng.uniform(size=(n, 64, 6)) < 0.2, rng.uniform(0.2, 1, (n, 64, 6)), 0).astype(np.float32)
        mask = np.ones(n, np.float32)
        if masked:
            mask[-masked:] = 0
        return {"velocity": jnp.asarray(grid), "slot": jnp.arange(n), "mask": jnp.asarray(mask)}

    return batch_of
