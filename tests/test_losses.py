"""Losses against closed forms, SciPy and Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from drumjax.losses import (
    IMQ_SCALES,
    cross_entropy,
    discriminator_loss,
    generator_loss,
    inverse_multiquadratic,
    kl_standard_normal,
    log_magnitude_error,
    mask_bce,
    masked_mean,
    mmd_by_class,
    mmd_imq,
    r1_penalty,
    soft_bce,
    spectral_convergence,
    squared_error,
)


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


def test_squared_error_and_cross_entropy_are_sums_over_an_item(jitted):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 5, 7, 2))
    np.testing.assert_allclose(
        jitted(squared_error)(a, b), [np.linalg.norm(x - y) ** 2 for x, y in zip(a, b, strict=True)], rtol=1e-5
    )
    logits, labels = rng.normal(scale=3, size=(5, 4, 6)), rng.integers(0, 6, (5, 4))
    expected = [
        sum(scipy.special.logsumexp(z) - z[k] for z, k in zip(*item, strict=True)) for item in zip(logits, labels, strict=True)
    ]
    np.testing.assert_allclose(jitted(cross_entropy)(logits, labels), expected, rtol=1e-5)


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


def spectra(items=3):
    """Pairs of magnitudes over several orders of magnitude, zeros among them."""
    made = np.exp(np.random.default_rng(6).normal(-3, 4, (2, items, 5, 7))).astype(np.float32)
    made[:, :, 3] = 0
    return made


def test_spectral_convergence_is_eq_11(jitted):
    reference, estimate = spectra()
    r, e = reference.astype(np.float64), estimate.astype(np.float64)
    expected = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(r, e, strict=True)]
    np.testing.assert_allclose(jitted(spectral_convergence)(reference, estimate), expected, rtol=1e-5)


def test_spectral_convergence_is_0_for_equal_spectra_and_1_for_silence(jitted):
    reference, _ = spectra()
    np.testing.assert_array_equal(jitted(spectral_convergence)(reference, reference), 0)
    np.testing.assert_allclose(jitted(spectral_convergence)(reference, np.zeros_like(reference)), 1, rtol=1e-6)


def test_log_magnitude_error_is_eq_12_with_its_normaliser_and_an_epsilon_of_1e_5(jitted):
    reference, estimate = spectra()
    r, e = np.log(reference.astype(np.float64) + 1e-5), np.log(estimate.astype(np.float64) + 1e-5)
    expected = [np.abs(a - b).sum() / np.abs(a).sum() for a, b in zip(r, e, strict=True)]
    np.testing.assert_allclose(jitted(log_magnitude_error)(reference, estimate), expected, rtol=1e-5)
    np.testing.assert_array_equal(jitted(log_magnitude_error)(reference, reference), 0)


def test_log_magnitude_error_takes_the_floor_that_it_is_given():
    reference, estimate = np.full((1, 2, 2), 3.0), np.full((1, 2, 2), 7.0)
    # |log 4 − log 8| / log 4
    assert float(log_magnitude_error(jnp.asarray(reference), jnp.asarray(estimate), floor=1.0)[0]) == pytest.approx(0.5)


@pytest.mark.parametrize("loss", [spectral_convergence, log_magnitude_error])
@pytest.mark.parametrize("case", ["equal", "silent reference", "silent estimate", "both silent", "huge"])
def test_spectral_losses_and_their_gradients_are_finite(loss, case):
    reference, estimate = spectra()
    silence = np.zeros_like(reference)
    reference, estimate = {
        "equal": (reference, reference),
        "silent reference": (silence, estimate),
        "silent estimate": (reference, silence),
        "both silent": (silence, silence),
        "huge": (1e15 * reference, 1e-15 * estimate),
    }[case]
    values, gradient = jax.jit(lambda r, e: (loss(r, e), jax.grad(lambda e: loss(r, e).sum())(e)))(reference, estimate)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()


def test_the_gradient_of_spectral_convergence_is_the_difference_over_both_norms():
    reference, estimate = spectra(1)
    difference = (estimate - reference).astype(np.float64)
    expected = difference / np.linalg.norm(difference) / np.linalg.norm(reference.astype(np.float64))
    found = jax.grad(lambda e: spectral_convergence(reference, e)[0])(jnp.asarray(estimate))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def test_mask_bce_is_the_mean_cross_entropy_over_samples_of_eq_9(jitted):
    rng = np.random.default_rng(7)
    logits, mask = rng.normal(scale=4, size=(3, 50)), np.arange(50) < np.array([[10], [50], [0]])
    p = scipy.special.expit(logits)
    expected = -np.where(mask, np.log(p), np.log1p(-p)).mean(1)
    np.testing.assert_allclose(jitted(mask_bce)(logits, mask.astype(np.float32)), expected, rtol=1e-5)


def test_mask_bce_of_no_opinion_is_log_2():
    np.testing.assert_allclose(mask_bce(jnp.zeros((1, 9)), jnp.ones((1, 9))), np.log(2), rtol=1e-6)


def kernel(a, b):
    """The inverse multiquadratic kernel of two codes, in plain Python."""
    square, base = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)), 2 * len(a)
    return sum(base * scale / (base * scale + square) for scale in (0.1, 0.2, 0.5, 1, 2, 5, 10))


def u_statistic(codes, prior):
    """Eq. 3 as it is printed."""
    n, pairs = len(codes), range(len(codes))
    within = sum(kernel(x[i], x[j]) for x in (codes, prior) for i in pairs for j in pairs if i != j) / (n * (n - 1))
    return within - 2 / n**2 * sum(kernel(codes[i], prior[j]) for i in pairs for j in pairs)


def test_the_kernels_base_is_128_at_64_dimensions_and_its_scales_are_those_of_the_waes_code():
    # Tolstikhin et al., "Wasserstein Auto-Encoders", the code for CelebA: C = 2 · d · σ² = 128 times each scale.
    assert IMQ_SCALES == (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    at_8 = jnp.zeros((1, 64)).at[0, 0].set(8.0)  # a squared distance of 64
    expected = sum(128 * s / (128 * s + 64) for s in IMQ_SCALES)
    assert float(inverse_multiquadratic(jnp.zeros((1, 64)), at_8)[0, 0]) == pytest.approx(expected, rel=1e-6)


def test_the_kernel_is_seven_at_distance_0_and_symmetric_and_positive_definite(jitted):
    x = np.random.default_rng(8).normal(size=(12, 5)).astype(np.float32)
    gram = np.asarray(jitted(inverse_multiquadratic)(x, x))
    np.testing.assert_allclose(np.diag(gram), 7, rtol=1e-5)
    np.testing.assert_allclose(gram, gram.T, rtol=1e-6)
    assert np.linalg.eigvalsh(gram.astype(np.float64)).min() > 0
    np.testing.assert_allclose(gram, [[kernel(a, b) for b in x.astype(np.float64)] for a in x.astype(np.float64)], rtol=1e-5)


def classes_of_codes():
    """Codes of four classes in mixed order, of 9, 1, 6 and no items; three items do not count."""
    rng = np.random.default_rng(9)
    label = rng.permutation([0] * 9 + [1] + [2] * 6).astype(np.int32)
    codes, prior = rng.normal(0.3, 1.5, (16, 6)), rng.normal(size=(16, 6))
    mask = np.ones(16)
    mask[np.flatnonzero(label == 0)[:2]] = 0
    mask[np.flatnonzero(label == 2)[3]] = 0
    return codes, prior, label, mask


@pytest.mark.parametrize("masked", [False, True])
def test_the_discrepancy_of_each_class_is_the_u_statistic_of_eq_3_as_a_double_loop(jitted, masked):
    codes, prior, label, mask = classes_of_codes()
    mask = mask if masked else np.ones(16)
    chosen = [(label == c) & (mask > 0) for c in range(4)]
    expected = [u_statistic(codes[own], prior[own]) if own.sum() > 1 else 0 for own in chosen]
    found, counts = jitted(lambda *given: mmd_by_class(*given[:3], 4, given[3]))(codes, prior, label, mask)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_array_equal(counts, [own.sum() for own in chosen])


def test_the_regulariser_is_the_mean_of_eq_4_over_the_classes_that_have_two_items():
    codes, prior, label, mask = classes_of_codes()
    expected = np.mean([u_statistic(codes[own], prior[own]) for c in (0, 2) for own in [(label == c) & (mask > 0)]])
    assert float(mmd_imq(codes, prior, label, 4, mask)) == pytest.approx(expected, abs=2e-5)
    assert float(mmd_imq(codes, prior, label, 11, mask)) == pytest.approx(expected, abs=2e-5)  # classes that the batch lacks


def test_no_class_of_two_items_gives_0_and_a_gradient_of_0():
    codes, label = jnp.ones((3, 4)), jnp.array([0, 1, 2])
    value, gradient = jax.jit(jax.value_and_grad(lambda z: mmd_imq(z, jnp.zeros((3, 4)), label, 3)))(codes)
    assert float(value) == 0
    np.testing.assert_array_equal(gradient, 0)


def test_the_u_statistic_is_unbiased_and_grows_with_the_shift_of_the_codes():
    draws = jax.jit(
        lambda key, shift: mmd_imq(
            shift + jax.random.normal(key, (128, 8)),
            jax.random.normal(jax.random.fold_in(key, 1), (128, 8)),
            jnp.arange(128) % 2,
            2,
        )
    )
    keys = jax.random.split(jax.random.key(0), 100)
    found = {shift: np.asarray([draws(key, shift) for key in keys]) for shift in (0.0, 0.25, 0.5, 1.0)}
    error = found[0.0].std() / np.sqrt(len(keys))
    assert abs(found[0.0].mean()) < 4 * error
    assert found[0.0].min() < 0  # an estimate without bias of what is 0 must be below it at times
    means = [values.mean() for values in found.values()]
    assert means == sorted(means)
    assert means[1] > 10 * error


def test_descending_the_discrepancy_brings_shifted_codes_to_the_prior():
    prior = jax.random.normal(jax.random.key(1), (64, 4))
    codes = 3 + 0.1 * jax.random.normal(jax.random.key(2), (64, 4))
    label = jnp.zeros(64, jnp.int32)
    step = jax.jit(lambda z: z - 100 * jax.grad(lambda z: mmd_imq(z, prior, label, 1))(z))
    for _ in range(200):
        codes = step(codes)
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(codes.mean(0), prior.mean(0), atol=0.25)
    np.testing.assert_allclose(codes.std(0), prior.std(0), atol=0.45)


def test_the_gradient_of_the_discrepancy_is_finite_for_codes_alike_and_codes_far_away():
    codes, prior = np.random.default_rng(3).normal(size=(2, 10, 64)).astype(np.float32)
    slope = jax.jit(jax.grad(lambda z: mmd_imq(z, prior, jnp.arange(10) % 2, 2)))
    for scale in (0, 1e-20, 1, 1e6, 1e18):
        assert np.isfinite(slope(np.float32(scale) * codes)).all(), scale
