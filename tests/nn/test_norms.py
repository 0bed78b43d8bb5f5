"""Conditional batch normalisation against its definition in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.nn.norms import ConditionalBatchNorm, class_weights


@pytest.fixture
def layer():
    """A layer of 3 classes and 4 channels with parameters and moving averages of its own, its input and the items' classes."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(2, 3, (5, 6, 7, 4)), jnp.float32)
    variables = {
        "params": {name: jnp.asarray(rng.normal(size=(3, 4)), jnp.float32) for name in ("scale", "shift")},
        "batch_stats": {"mean": jnp.asarray(rng.normal(size=4)), "variance": jnp.asarray(rng.uniform(1, 2, 4))},
    }
    return variables, x, np.array([0, 2, 2, 1, 0])


def by_hand(variables, x, label, mean, variance):
    scale, shift = (np.asarray(variables["params"][name])[label][:, None, None] for name in ("scale", "shift"))
    return (np.asarray(x, np.float64) - mean) / np.sqrt(variance + 1e-5) * scale + shift


@pytest.mark.parametrize("jit", [False, True])
def test_in_training_the_batch_normalises_and_moves_the_averages(layer, jit):
    variables, x, label = layer
    module = ConditionalBatchNorm(train=True, decay=0.75)

    def apply(variables, x, weights):
        return module.apply(variables, x, weights, mutable=["batch_stats"])

    (scale, shift), new = (jax.jit(apply) if jit else apply)(variables, x, class_weights(jnp.asarray(label), 3))
    wide = np.asarray(x, np.float64)
    mean, variance = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
    np.testing.assert_allclose(x * scale + shift, by_hand(variables, x, label, mean, variance), atol=2e-5)
    old = variables["batch_stats"]
    np.testing.assert_allclose(new["batch_stats"]["mean"], 0.75 * old["mean"] + 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(new["batch_stats"]["variance"], 0.75 * old["variance"] + 0.25 * variance, rtol=1e-5)


def test_outside_training_the_averages_normalise_and_items_do_not_depend_on_each_other(layer):
    variables, x, label = layer
    weights = class_weights(jnp.asarray(label), 3)
    scale, shift = ConditionalBatchNorm().apply(variables, x, weights)
    stats = variables["batch_stats"]
    np.testing.assert_allclose(x * scale + shift, by_hand(variables, x, label, stats["mean"], stats["variance"]), atol=1e-5)
    alone, _ = ConditionalBatchNorm().apply(variables, x[1:2], weights[1:2])
    np.testing.assert_array_equal(alone[0], scale[1])


def test_a_mix_of_classes_has_the_mix_of_their_scales_and_shifts(layer):
    variables, x, _ = layer
    of_class = [ConditionalBatchNorm().apply(variables, x[:1], class_weights(jnp.array([c]), 3)) for c in range(3)]
    mixed = ConditionalBatchNorm().apply(variables, x[:1], class_weights(jnp.array([[0.2, 0.3, 0.5]]), 3))
    for part in range(2):
        expected = sum(share * pair[part] for share, pair in zip((0.2, 0.3, 0.5), of_class, strict=True))
        np.testing.assert_allclose(mixed[part], expected, atol=1e-5)


def test_labels_and_weights_of_other_shapes_are_refused():
    np.testing.assert_array_equal(class_weights(jnp.array([1, 0]), 3), [[0, 1, 0], [1, 0, 0]])
    for wrong in (jnp.zeros((2, 3), int), jnp.zeros(2), jnp.zeros((2, 4))):
        with pytest.raises(ValueError, match="expected int labels"):
            class_weights(wrong, 3)
