"""The genre classifier's loss and figures, and that it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import sklearn.metrics

from drumjax.models.genre_classifier import GenreClassifierConfig
from drumjax.systems.genre_classifier import genre_classifier_system, summarise
from drumjax.train.engine import make_step, new_state

SMALL = GenreClassifierConfig(genres=3, units=8, dropout=0.0)
pytestmark = pytest.mark.usefixtures("compiled_quickly")


def test_it_learns_genres_by_their_cross_entropy_and_its_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    genre = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    # Genre k swings by k halves of a half step; otherwise they are alike.
    velocity = np.where(rng.uniform(size=(8, 32, 7)) < 0.3, 0.7, 0).astype(np.float32)
    offset = np.where(velocity > 0, 0.5 * genre[:, None, None] - 0.5, 0).astype(np.float32)
    batch = {name: jnp.asarray(array) for name, array in {"velocity": velocity, "offset": offset, "genre": genre}.items()}
    batch |= {"slot": jnp.arange(8), "mask": jnp.array([1.0] * 7 + [0.0])}
    system, optimizers = genre_classifier_system(SMALL), {"classifier": optax.adam(2e-2)}
    params, extra = jax.jit(system.init)(jax.random.key(0), batch)
    state = new_state(params, extra, optimizers, jax.random.key(1))
    step = jax.jit(make_step(system, optimizers))
    look = jax.jit(lambda p: (system.validate(p, {}, batch), system.sample(p, {}, None, batch)))
    own, history = slice(7), []  # the last is padding
    for n in range(60):
        sums, logits = jax.tree.map(np.asarray, look(state.params)) if n in (0, 59) else (None, None)
        state, metrics = step(state, batch, jnp.int32(60))
        history.append(float(metrics["loss"]))
        if sums is not None:
            expected = np.mean(scipy.special.logsumexp(logits[own], 1) - logits[own][np.arange(7), genre[own]])
            assert history[-1] == pytest.approx(expected, rel=1e-4)
            assert summarise(sums) == pytest.approx(
                {
                    "loss": expected,
                    "accuracy": sklearn.metrics.accuracy_score(genre[own], logits[own].argmax(1)),
                    "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(genre[own], logits[own].argmax(1)),
                },
                rel=1e-4,
            )
    assert history[0] == pytest.approx(np.log(3), rel=0.2)
    assert history[-1] < 0.3
