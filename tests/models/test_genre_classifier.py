"""The genre classifier: its size, what it reads, and one random key an item."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models.genre_classifier import GenreClassifierConfig, classify, init_classifier

TINY = GenreClassifierConfig(genres=3, steps=4, lanes=2, units=4)


@pytest.fixture(scope="module")
def classifier():
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(partial(init_classifier, TINY), jax.random.key(0))
    params = jax.tree.map(lambda a: jnp.asarray(rng.normal(0, 0.5, a.shape), jnp.float32), shapes)
    return params, jax.jit(partial(classify, TINY))


def test_parameters_are_as_many_as_those_of_pytorchs_layers():
    params = jax.eval_shape(partial(init_classifier, GenreClassifierConfig()), jax.random.key(0))
    dense, gates = 21 * 64 + 64 + 2 * 64 * 6 + 6, 3 * 64
    assert sum(a.size for a in jax.tree.leaves(params)) == dense + 2 * gates * (64 + 64 + 2) + 2 * gates * (128 + 64 + 2)


def test_offsets_count_where_there_is_a_note_and_nowhere_else(classifier):
    params, run = classifier
    rng = np.random.default_rng(1)
    velocity = (rng.random((5, 4, 2)) * (rng.random((5, 4, 2)) < 0.5)).astype(np.float32)
    offset = rng.uniform(-1, 1, velocity.shape).astype(np.float32)
    logits = run(params, velocity, offset)
    assert logits.shape == (5, 3)
    np.testing.assert_array_equal(run(params, velocity, np.where(velocity > 0, offset, 0.9)), logits)
    assert np.abs(run(params, velocity, -offset) - logits).max() > 1e-3


def test_dropout_of_an_item_is_the_same_however_the_batch_is_split(classifier):
    params, run = classifier
    velocity, offset = jnp.full((4, 4, 2), 0.5), jnp.zeros((4, 4, 2))
    keys = jax.random.split(jax.random.key(0), 4)
    whole = run(params, velocity, offset, keys=keys)
    np.testing.assert_allclose(run(params, velocity[2:], offset[2:], keys=keys[2:]), whole[2:], atol=1e-6)
    assert len(np.unique(np.round(whole, 4), axis=0)) == 4  # equal grooves, other keys


@pytest.mark.parametrize(("settings", "words"), [({"layers": 0}, "layers"), ({"dropout": 1.0}, "dropout")])
def test_shapes_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        GenreClassifierConfig(**settings)
