"""Dropout: shares, scale, and one key an item."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.nn.dropout import Dropout


@pytest.mark.parametrize("rate", [0.5, 0.1])
def test_the_share_of_zeros_is_the_rate_and_the_mean_stays(rate):
    keys = jax.random.split(jax.random.key(0), 4)
    factors = np.asarray(Dropout(keys, rate).factors((50, 101)))
    assert factors.shape == (4, 50, 101)
    np.testing.assert_allclose(np.unique(factors), [0, 1 / (1 - rate)], rtol=1e-6)
    # Six standard deviations of 20,200 draws.
    assert abs((factors == 0).mean() - rate) < 6 * np.sqrt(rate * (1 - rate) / factors.size)
    rows = (factors == 0).mean((0, 1))
    assert abs(rows - rate).max() < 6 * np.sqrt(rate * (1 - rate) / 200)


def test_what_is_dropped_of_an_item_hangs_on_its_key_alone_and_calls_differ():
    keys, x = jax.random.split(jax.random.key(1), 4), jnp.ones((4, 64))
    drop = Dropout(keys, 0.5)
    first, second = drop(x), drop(x)
    assert not np.array_equal(first, second)
    alone = Dropout(keys[2:], 0.5)
    np.testing.assert_array_equal(alone(x[2:]), first[2:])
    np.testing.assert_array_equal(alone(x[2:]), second[2:])
    assert not np.array_equal(first[0], first[1])


def test_nothing_is_dropped_without_keys_or_at_rate_0():
    x = jnp.ones((2, 3))
    assert Dropout(None, 0.5)(x) is x
    assert Dropout(jax.random.split(jax.random.key(0), 2), 0.0)(x) is x
