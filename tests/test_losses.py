"""Losses against closed forms, SciPy and Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from drumjax.losses import discriminator_loss, generator_loss, kl_standard_normal, masked_mean, r1_penalty, soft_bce


@pytest.fixture(params=[False, True], ids=["plain", "jitted"])
def jitted(request):
    return jax.jit if request.param else (lambda f: f)


def test_kl_equals_the_closed_form_of_eq_4_with_the_usual_sign(jitted):
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 5, 4))
    variance = np.exp(log_variance)
    expected = -0.5 * np.sum(1 + np.log(variance) - mean**2 - variance, axis=-1)
    np.testing.assert_allclose(jitted(kl_standard_normal)(mean, log_variance), expected, rtol=1e-5)


def test_kl_agrees_with_a_monte_carlo_estimate():
    rng = np.random.default_rng(1)
    mean, log_variance = np.array([[0.7, -1.2]]), np.array([[-1.0, 0.4]])
    z = mean + np.exp(0.5 * log_variance) * rng.normal(size=(400_000, 2))
    log_q = -0.5 * (((z - mean) ** 2) / np.exp(log_variance) + log_variance).sum(1)
    log_p = -0.5 * (z**2).sum(1)
    assert float(kl_standard_normal(mean, log_variance)[0]) == pytest.approx(np.mean(log_q - log_p), rel=0.01)


def test_kl_of_the_prior_itself_is_exactly_zero():
    assert np.all(np.asarray(kl_standard_normal(jnp.zeros((3, 4)), jnp.zeros((3, 4)))) == 0)


def test_soft_bce_equals_scipy(jitted):
    rng = np.random.default_rng(2)
    logits, targets = rng.normal(scale=3, size=(5, 7, 2)), rng.uniform(size=(5, 7, 2))
    p = scipy.special.expit(logits)
    expected = -(scipy.special.xlogy(targets, p) + scipy.special.xlog1py(1 - targets, -p)).sum((1, 2))
    np.testing.assert_allclose(jitted(soft_bce)(logits, targets), expected, rtol=1e-5)


def test_soft_bce_is_least_at_the_targets_own_logit():
    targets = np.array([[0.2, 0.9]])
    at = scipy.special.logit(targets)
    np.testing.assert_allclose(jax.grad(lambda x: soft_bce(x, targets).sum())(jnp.asarray(at)), 0, atol=1e-6)
    floor = scipy.special.entr(targets).sum() + scipy.special.entr(1 - targets).sum()
    assert float(soft_bce(at, targets)[0]) == pytest.approx(floor, rel=1e-6)


def test_soft_bce_survives_huge_logits():
    logits, targets = jnp.array([[1e4, -1e4]]), jnp.array([[1.0, 0.0]])
    value, gradient = jax.value_and_grad(lambda x: soft_bce(x, targets).sum())(logits)
    assert float(value) == 0
    assert np.isfinite(np.asarray(gradient)).all()


def test_masked_mean_leaves_the_masked_items_out():
    assert float(masked_mean(jnp.array([1.0, 2.0, 100.0]), jnp.array([1.0, 1.0, 0.0]))) == 1.5
    assert float(masked_mean(jnp.array([1.0]), jnp.array([0.0]))) == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_adversarial_losses_are_the_cross_entropies_of_eqs_1_and_2(jitted, smoothing):
    rng = np.random.default_rng(4)
    real, fake = rng.normal(scale=4, size=(2, 9)).astype(np.float32)
    d_real, d_fake = scipy.special.expit(real.astype(np.float64)), scipy.special.expit(fake.astype(np.float64))
    expected = -(1 - smoothing) * np.log(d_real) - smoothing * np.log(1 - d_real) - np.log(1 - d_fake)
    loss = jitted(lambda real, fake: discriminator_loss(real, fake, smoothing=smoothing))
    np.testing.assert_allclose(loss(real, fake), expected, rtol=1e-4)
    np.testing.assert_allclose(jitted(generator_loss)(fake), -np.log(d_fake), rtol=1e-4)


def test_adversarial_losses_of_one_who_cannot_tell_are_log_2_and_of_one_who_can_stay_finite(jitted):
    zero, far = jnp.zeros(1), jnp.full(1, 200.0)
    assert float(jitted(discriminator_loss)(zero, zero)[0]) == pytest.approx(2 * np.log(2))
    assert float(jitted(generator_loss)(zero)[0]) == pytest.approx(np.log(2))
    assert float(jitted(discriminator_loss)(far, -far)[0]) == 0
    assert float(jitted(discriminator_loss)(-far, far)[0]) == 400
    # Non-saturating: the worse the generator does, the steeper its loss, up to 1.
    assert float(jax.grad(lambda x: generator_loss(x)[0])(-far)[0]) == -1


def test_r1_penalty_is_the_squared_length_of_the_gradient_by_hand(jitted):
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(4, 3, 2)).astype(np.float32), rng.normal(size=(3, 2)).astype(np.float32)
    # The gradient of tanh(w · x) is (1 - tanh²) w.
    slopes = 1 - np.tanh(np.einsum("nij,ij->n", x, w)) ** 2
    penalty = jitted(lambda x: r1_penalty(lambda x: jnp.tanh(jnp.einsum("nij,ij->n", x, w)), x))
    np.testing.assert_allclose(penalty(x), slopes**2 * np.sum(w**2), rtol=1e-4)
