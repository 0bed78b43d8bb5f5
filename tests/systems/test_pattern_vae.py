"""The pattern VAE's losses, validation sums and draws."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from drumjax.models import PatternVAE, PatternVAEConfig
from drumjax.systems import Progress
from drumjax.systems.pattern_vae import THRESHOLDS, PatternVAELoss, item_normal, kl_weight, pattern_vae_system, summarise

SMALL = PatternVAEConfig(lstm_units=8, encoder_widths=(16, 16, 16, 16), decoder_widths=(16, 16, 16, 16))


@pytest.fixture(scope="module")
def trained(batch_of):
    system = pattern_vae_system(SMALL, PatternVAELoss())
    params, extra = system.init(jax.random.key(0), batch_of(2))
    return system, params, extra


def progress(fraction):
    return Progress(jnp.int32(0), jnp.float32(fraction))


def test_kl_weight_rises_linearly_over_the_first_tenth_and_then_stays():
    loss = PatternVAELoss(kl_weight=2.0)
    weights = [float(kl_weight(loss, progress(f))) for f in (0.0, 0.025, 0.05, 0.1, 0.5, 0.999)]
    np.testing.assert_allclose(weights, [0, 0.5, 1, 2, 2, 2], rtol=1e-6)
    assert float(kl_weight(PatternVAELoss(kl_warmup=0), progress(0))) == 1


def test_loss_is_cross_entropy_plus_weighted_kl(trained, batch_of):
    system, params, extra = trained
    total, (_, metrics) = system.losses["vae"](params, extra, batch_of(4), jax.random.key(1), progress(0.05))
    assert float(metrics["kl_weight"]) == pytest.approx(0.5)
    assert float(total) == pytest.approx(float(metrics["bce"]) + 0.5 * float(metrics["kl"]), rel=1e-6)


def test_masked_items_change_nothing(trained, batch_of):
    system, params, extra = trained
    whole, padded = batch_of(4), batch_of(6, masked=2)
    for batch in (whole, padded):
        batch["velocity"] = padded["velocity"][: len(batch["mask"])]
    loss = system.losses["vae"]
    a, b = (float(loss(params, extra, batch, jax.random.key(1), progress(1.0))[0]) for batch in (whole, padded))
    assert a == pytest.approx(b, rel=1e-5)
    for name, value in system.validate(params, extra, whole).items():
        np.testing.assert_allclose(value, system.validate(params, extra, padded)[name], rtol=1e-5, err_msg=name)


def test_draws_do_not_depend_on_how_a_batch_is_split():
    key = jax.random.key(5)
    whole = item_normal(key, jnp.arange(8), 4)
    halves = jnp.concatenate([item_normal(key, jnp.arange(4), 4), item_normal(key, jnp.arange(4, 8), 4)])
    np.testing.assert_array_equal(whole, halves)
    assert len(np.unique(np.asarray(whole))) == 32


def test_validation_sums_give_the_f1_of_scikit_learn(trained, batch_of):
    system, params, extra = trained
    batch = batch_of(5)
    sums = jax.tree.map(np.asarray, system.validate(params, extra, batch))
    model = PatternVAE(SMALL)
    mean, _ = model.apply({"params": params["vae"]}, batch["velocity"], method="encode")
    values = np.asarray(jax.nn.sigmoid(model.apply({"params": params["vae"]}, mean, method="decode")))
    hits = np.asarray(batch["velocity"]) > 0
    scores = [sklearn.metrics.f1_score(hits.ravel(), (values >= t).ravel(), zero_division=0) for t in THRESHOLDS]
    figures = summarise(sums)
    assert figures["onset_f1"] == pytest.approx(max(scores), abs=1e-6)
    assert figures["threshold"] == pytest.approx(float(THRESHOLDS[int(np.argmax(scores))]))
    matched = hits & (values >= figures["threshold"])
    expected = np.abs(values - np.asarray(batch["velocity"]))[matched].mean()
    assert figures["velocity_error"] == pytest.approx(expected, rel=1e-4)


def test_samples_are_velocities_and_item_i_does_not_depend_on_how_many_there_are(trained):
    system, params, extra = trained
    few, many = (np.asarray(system.sample(params, extra, jax.random.key(0), n)) for n in (2, 5))
    np.testing.assert_allclose(few, many[:2], atol=1e-6)
    assert many.shape == (5, 64, 6)
    assert many.min() >= 0
    assert many.max() <= 1


def test_convolutional_form_trains_through_the_same_system(batch_of):
    system = pattern_vae_system(replace(SMALL, encoder="conv", conv_channels=(8, 8, 8)), PatternVAELoss())
    params, extra = system.init(jax.random.key(0), batch_of(2))
    loss = jax.jit(jax.value_and_grad(lambda p: system.losses["vae"](p, extra, batch_of(4), jax.random.key(1), progress(0.5))[0]))
    first, gradient = loss(params)
    second, _ = loss(jax.tree.map(lambda p, g: p - 1e-4 * g, params, gradient))
    assert float(second) < float(first)
