"""The codebook on constructed cases, by hand and by its definition."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.nn.vector_quantizer import init_codebook, quantize, update_codebook

CODES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], np.float32)
BOOK = {"codes": CODES, "sums": 10 * CODES, "counts": np.full(3, 10, np.float32)}
Z = np.array([[[1.0, 0.5], [3.5, 0.5]], [[2.0, 0.0], [-1.0, 1.0]]], np.float32)
KEY = jax.random.key(0)


def test_the_nearest_code_is_chosen_and_of_two_the_first():
    indices, quantized = quantize(BOOK, Z)
    np.testing.assert_array_equal(indices, [[0, 1], [0, 0]])  # (2, 0) is as near to the first as to the second
    np.testing.assert_allclose(quantized, CODES[indices], atol=1e-6)
    assert indices.dtype == jnp.int32


def test_the_gradient_passes_straight_through_and_leaves_the_codebook_alone():
    weight = np.arange(8, dtype=np.float32).reshape(Z.shape)

    def score(z, codes):
        return jnp.sum(weight * quantize({**BOOK, "codes": codes}, z)[1])

    of_z, of_codes = jax.jit(jax.grad(score, (0, 1)))(Z, CODES)
    np.testing.assert_array_equal(of_z, weight)
    np.testing.assert_array_equal(of_codes, 0)


def test_an_update_moves_codes_by_hand_computed_averages():
    indices = quantize(BOOK, Z)[0]
    new = jax.jit(partial(update_codebook, decay=0.9, smoothing=0.5, dead_below=0.0))(BOOK, Z, indices, KEY)
    # The first code was chosen by three vectors, (1, .5), (2, 0) and (-1, 1); the second by one; the third by none.
    counts = np.array([0.9 * 10 + 0.1 * 3, 0.9 * 10 + 0.1, 9.0])
    sums = np.array([[0.1 * 2, 0.1 * 1.5], [0.9 * 40 + 0.1 * 3.5, 0.1 * 0.5], [0.0, 0.9 * 40]])
    smooth = (counts + 0.5) / (counts.sum() + 3 * 0.5) * counts.sum()
    np.testing.assert_allclose(new["counts"], counts, rtol=1e-6)
    np.testing.assert_allclose(new["sums"], sums, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new["codes"], sums / smooth[:, None], rtol=1e-5, atol=1e-6)


def test_a_dead_code_is_laid_upon_a_vector_of_the_batch_and_the_others_are_not():
    book = {**BOOK, "counts": np.array([10.0, 10.0, 0.01], np.float32)}
    update = jax.jit(partial(update_codebook, smoothing=0.0), static_argnames="dead_below")
    new = update(book, Z, quantize(BOOK, Z)[0], KEY)
    assert any(np.allclose(new["codes"][2], z, atol=1e-5) for z in Z.reshape(-1, 2))
    np.testing.assert_allclose(new["counts"][2], 4 / 3)  # an even share of four vectors
    alive = update(book, Z, quantize(BOOK, Z)[0], KEY, dead_below=0.0)
    np.testing.assert_allclose(new["codes"][:2], alive["codes"][:2], rtol=1e-5)


def test_what_nothing_ever_chose_stays_where_it_is_without_reseeding():
    book = init_codebook(KEY, 5, 2)
    new = update_codebook(book, Z, jnp.zeros((2, 2), jnp.int32), KEY, dead_below=0.0)
    np.testing.assert_array_equal(new["codes"][1:], book["codes"][1:])
    np.testing.assert_allclose(new["codes"][0], Z.reshape(-1, 2).mean(0), rtol=1e-3)


def test_a_codebook_far_from_the_data_finds_all_its_clusters():
    rng = np.random.default_rng(1)
    centres = np.array([[9.0, 9.0], [9.0, -9.0], [-9.0, 9.0], [30.0, 0.0]], np.float32)
    batches = centres[rng.integers(0, 4, (400, 32))] + rng.normal(0, 0.1, (400, 32, 2)).astype(np.float32)

    def learn(dead_below):
        def step(book, batch):
            z, key = batch
            return update_codebook(book, z, quantize(book, z)[0], key, dead_below=dead_below), None

        start = {**init_codebook(KEY, 16, 2), "codes": jnp.full((16, 2), 100.0)}
        return jax.lax.scan(step, start, (batches, jax.random.split(KEY, 400)))[0]["codes"]

    far = lambda codes: max(np.linalg.norm(np.asarray(codes) - c, axis=1).min() for c in centres)  # noqa: E731
    assert far(jax.jit(learn, static_argnums=0)(0.05)) < 0.2
    assert far(jax.jit(learn, static_argnums=0)(0.0)) > 5  # without re-seeding one code takes everything
