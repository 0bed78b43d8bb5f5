"""The pattern GAN's losses, validation sums and draws."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from drumjax.models import PatternGANConfig
from drumjax.models.pattern_gan import discriminate, draw_noise, generate
from drumjax.systems import Progress
from drumjax.systems.pattern_gan import (
    THRESHOLD_SAMPLES,
    VALIDATION_SAMPLES,
    PatternGANLoss,
    hamming,
    pattern_gan_system,
    summarise,
    threshold_for,
)

SMALL = PatternGANConfig(
    encoder="conv", lstm_layers=1, lstm_units=4, conv_channels=(8, 8), encoder_widths=(16, 16), decoder_widths=(16, 16)
)
HITS = 60.0


def make(loss=None, **changes):
    config = replace(SMALL, **changes)
    system = pattern_gan_system(config, loss or PatternGANLoss(), HITS)
    params, extra = jax.jit(system.init)(jax.random.key(0), {})
    # The first logits are all nearly 0: other weights tell right from wrong formulas.
    return config, system, jax.tree.map(lambda leaf: 3 * leaf, params), extra


def by_hand(system, player, params, batch, *, fraction=0.5, jit=False):
    """A player's loss and metrics."""

    def call(params, batch, key):
        return system.losses[player](params, {}, batch, key, Progress(jnp.int32(5), jnp.float32(fraction)))

    value, (_, metrics) = (jax.jit(call) if jit else call)(params, batch, jax.random.key(1))
    return float(value), {name: float(metric) for name, metric in metrics.items()}


def log_sigmoid(x):
    return -np.logaddexp(0, -np.asarray(x, np.float64))


def test_the_discriminator_is_updated_before_the_generator():
    assert list(make()[1].losses) == ["discriminator", "generator"]


@pytest.mark.parametrize(("encoder", "jit"), [("conv", False), ("conv", True), ("lstm", True)])
def test_losses_are_equations_1_and_2(encoder, jit, batch_of):
    config, system, params, _ = make(encoder=encoder)
    batch, key = batch_of(6), jax.random.key(1)

    def logits_of_fakes(of_noise):
        z = draw_noise(config, of_noise, batch["slot"])
        return discriminate(config, params["discriminator"], jax.nn.sigmoid(generate(config, params["generator"], z)))

    real, fake = discriminate(config, params["discriminator"], batch["velocity"]), logits_of_fakes(jax.random.split(key, 3)[0])
    value, metrics = by_hand(system, "discriminator", params, batch, jit=jit)
    assert value == pytest.approx(-log_sigmoid(real).mean() - log_sigmoid(-np.asarray(fake)).mean(), rel=1e-4)
    assert metrics == pytest.approx({"real_accuracy": float(np.mean(real > 0)), "fake_accuracy": float(np.mean(fake <= 0))})
    fake = logits_of_fakes(jax.random.split(key)[0])
    value, metrics = by_hand(system, "generator", params, batch, jit=jit)
    assert value == pytest.approx(-log_sigmoid(fake).mean(), rel=1e-4)
    assert metrics == pytest.approx({"fooled": float(np.mean(fake > 0))})


def test_masked_items_change_nothing(batch_of):
    _, system, params, extra = make(PatternGANLoss(label_smoothing=0.1, r1_weight=2.0, instance_noise=0.3))
    batch = batch_of(6, masked=2)
    other = {**batch, "velocity": batch["velocity"].at[4:].set(0.7)}

    @jax.jit
    def everything(batch):
        values = {
            player: loss(params, extra, batch, jax.random.key(1), Progress(jnp.int32(5), jnp.float32(0.5)))
            for player, loss in system.losses.items()
        }
        return values, system.validate(params, extra, batch)

    for (path, one), another in zip(jax.tree.leaves_with_path(everything(batch)), jax.tree.leaves(everything(other)), strict=True):
        np.testing.assert_array_equal(one, another, err_msg=jax.tree_util.keystr(path))


def test_a_batch_in_two_halves_has_the_mean_of_their_losses(batch_of):
    _, system, params, _ = make(PatternGANLoss(r1_weight=2.0, instance_noise=0.3))
    batch = batch_of(8)
    for player in system.losses:
        whole, _ = by_hand(system, player, params, batch)
        halves = [
            by_hand(system, player, params, {name: a[part] for name, a in batch.items()})[0] for part in (slice(4), slice(4, 8))
        ]
        assert whole == pytest.approx(np.mean(halves), rel=1e-5)


def test_each_stabiliser_changes_what_it_says_and_nothing_at_0(batch_of):
    batch = batch_of(6)
    _, bare, params, _ = make()
    plain, _ = by_hand(bare, "discriminator", params, batch)

    def with_(**fields):
        return pattern_gan_system(SMALL, PatternGANLoss(**fields), HITS)

    smooth, _ = by_hand(with_(label_smoothing=0.1), "discriminator", params, batch)
    real = discriminate(SMALL, params["discriminator"], batch["velocity"])
    assert smooth - plain == pytest.approx(0.1 * float(jnp.mean(real)), abs=1e-5)
    steep, metrics = by_hand(with_(r1_weight=4.0), "discriminator", params, batch)
    assert metrics["r1"] > 0
    assert steep - plain == pytest.approx(2.0 * metrics["r1"], rel=1e-3)
    blurred = [by_hand(with_(instance_noise=0.5), "discriminator", params, batch, fraction=f)[0] for f in (0.0, 0.5, 1.0)]
    assert blurred[2] == pytest.approx(plain, rel=1e-6)
    assert len(set(blurred)) == 3
    # What will not be heard is 0 to the discriminator, and the generator still learns from there.
    deaf = with_(heard_from=0.5)
    z = draw_noise(SMALL, jax.random.split(jax.random.key(1), 3)[0], batch["slot"])
    values = jax.nn.sigmoid(generate(SMALL, params["generator"], z))
    fake = discriminate(SMALL, params["discriminator"], jnp.where(values < 0.5, 0, values))
    expected = -log_sigmoid(real).mean() - log_sigmoid(-np.asarray(fake)).mean()
    assert by_hand(deaf, "discriminator", params, batch)[0] == pytest.approx(expected, rel=1e-4)
    gradient = jax.grad(
        lambda p: deaf.losses["generator"](p, {}, batch, jax.random.key(1), Progress(jnp.int32(5), jnp.float32(0.5)))[0]
    )(params)
    assert np.count_nonzero(gradient["generator"]["output"]["bias"]) > 0.9 * 384
    # The generator's own loss knows of the noise and of what is heard.
    of_generator = by_hand(bare, "generator", params, batch)[0]
    assert by_hand(with_(label_smoothing=0.1, r1_weight=4.0), "generator", params, batch)[0] == of_generator
    assert by_hand(with_(instance_noise=0.5), "generator", params, batch)[0] != of_generator


@pytest.mark.parametrize(
    ("field", "value"), [("r1_weight", -1), ("heard_from", 1.0), ("instance_noise", np.inf), ("label_smoothing", 0.5)]
)
def test_numbers_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        PatternGANLoss(**{field: value})


def test_the_threshold_gives_the_hits_that_were_asked_for():
    values = jax.random.uniform(jax.random.key(0), (50, 64, 6))
    for hits in (1.0, 60.5, 384.0):
        assert np.count_nonzero(values >= threshold_for(values, hits)) == round(50 * hits)
        assert threshold_for(values, hits) == np.sort(values, axis=None)[-round(50 * hits)]
    assert threshold_for(values, 0.0) == values.max()
    assert threshold_for(jnp.array([[[0.0, 1.0, 1.0, 0.5]]]), 3.0) == 0.5
    assert threshold_for(jnp.zeros((2, 2, 2)), 1.0) == 0


def test_hamming_is_scipys():
    a, b = (np.random.default_rng(i).random((n, 64, 6)) < 0.3 for i, n in ((0, 4), (1, 7)))
    expected = 384 * cdist(a.reshape(4, -1), b.reshape(7, -1), "hamming")
    np.testing.assert_allclose(hamming(jnp.float32(a), jnp.float32(b)), expected)


def test_validation_sums_give_the_figures_of_a_double_loop(batch_of):
    config, system, params, extra = make(encoder="conv")
    batch = batch_of(5)
    figures = summarise(jax.tree.map(np.asarray, jax.jit(system.validate)(params, extra, batch)))
    values = np.asarray(system.sample(params, extra, jax.random.key(0), THRESHOLD_SAMPLES))
    assert np.count_nonzero(values >= figures["threshold"]) == pytest.approx(THRESHOLD_SAMPLES * HITS, rel=1e-4)
    values = values[:VALIDATION_SAMPLES]
    fakes, reals = values >= figures["threshold"], np.asarray(batch["velocity"]) > 0
    nearest = [min(np.count_nonzero(real != fake) for fake in fakes) for real in reals]
    assert figures["distance_from_data"] == pytest.approx(np.mean(nearest))
    assert figures["cell_rate_error"] == pytest.approx(np.abs(fakes.mean(0) - reals.mean(0)).mean(), rel=1e-5)
    of_reals, of_fakes = (np.asarray(discriminate(config, params["discriminator"], x)) for x in (batch["velocity"], values))
    assert figures["real_accuracy"] == pytest.approx(np.mean(of_reals > 0))
    assert figures["fake_accuracy"] == pytest.approx(np.mean(of_fakes <= 0))


def test_samples_are_velocities_and_item_i_does_not_depend_on_how_many_there_are():
    _, system, params, extra = make()
    few, many = (np.asarray(system.sample(params, extra, jax.random.key(0), n)) for n in (2, 5))
    np.testing.assert_allclose(few, many[:2], atol=1e-6)
    assert many.shape == (5, 64, 6)
    assert 0 <= many.min() < many.max() <= 1
