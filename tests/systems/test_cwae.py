"""The CWAE's loss, validation sums and draws, and that it learns."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.decomposition

from drumjax.losses import IMQ_SCALES, log_magnitude_error, spectral_convergence
from drumjax.models.cwae import CWAEConfig, decode, encode, reconstruct_in_training
from drumjax.signal.mel import (
    MelConfig,
    Standardizer,
    fit_standardizer,
    from_int16,
    from_log_mel,
    log_mel,
    mel,
    standardize,
    unstandardize,
)
from drumjax.systems import Progress
from drumjax.systems.cwae import CWAELoss, cwae_system, noisy, principal_axes, prior_codes, standardized_log_mel, summarise
from drumjax.train.engine import make_step, new_state

MEL = MelConfig(sample_rate_hz=2000, samples=300, window_samples=64, hop_samples=32, fft_samples=128, bins=20)
SMALL = CWAEConfig(classes=3, frames=MEL.frames, bins=MEL.bins, channels=(2, 3), dense=(6,), latent=4)
QUICK = {"xla_backend_optimization_level": 0}
"""Half of the time that the compiler takes."""
NOW = Progress(jnp.int32(0), jnp.float32(0))


def batch_of(n, masked=0):
    """Noise that dies away, of classes in turn, and loudness by class; the last `masked` are padding."""
    rng = np.random.default_rng(3)
    label = np.arange(n) % 3
    fade = np.exp(-np.arange(MEL.samples) / (20 + 40 * label[:, None]))
    audio = rng.uniform(-1, 1, (n, MEL.samples)) * fade * 30_000
    return {
        "audio": jnp.asarray(audio, jnp.int16),
        "label": jnp.asarray(label, jnp.int32),
        "slot": jnp.arange(n),
        "mask": jnp.asarray(np.arange(n) < n - masked, jnp.float32),
    }


@pytest.fixture(scope="module")
def made():
    """A system whose standardiser fits its batch of 9."""
    system, batch = cwae_system(SMALL, CWAELoss(mmd_weight=0.2), MEL), batch_of(9)
    params, extra = jax.jit(system.init, compiler_options=QUICK)(jax.random.key(0), batch)
    standardizer = fit_standardizer([log_mel(mel(from_int16(batch["audio"]), MEL), MEL)])._asdict()
    return system, params, {**extra, "standardizer": standardizer}, batch


@pytest.fixture(scope="module")
def loss(made):
    system, params, _, _ = made

    def loss(extra, batch):
        return system.losses["cwae"](params, extra, batch, jax.random.key(1), NOW)

    return jax.jit(loss, compiler_options=QUICK)


@pytest.fixture(scope="module")
def validate(made):
    run = jax.jit(made[0].validate, compiler_options=QUICK)
    return lambda *arguments: jax.tree.map(np.asarray, run(*arguments))


def discrepancy(codes, prior):
    """Eq. 3 by a double loop."""

    def kernel(a, b):
        return sum(2 * len(a) * s / (2 * len(a) * s + np.sum((a - b) ** 2)) for s in IMQ_SCALES)

    n = len(codes)
    within = sum(kernel(x[i], x[j]) for x in (codes, prior) for i in range(n) for j in range(n) if i != j)
    return within / (n * (n - 1)) - 2 * sum(kernel(a, b) for a in codes for b in prior) / n**2


def test_loss_is_the_squared_error_plus_the_weighted_discrepancy_of_each_class(made, loss):
    _, params, extra, batch = made
    value, (new, metrics) = loss(extra, batch)
    x = standardized_log_mel(batch["audio"], MEL, Standardizer(**extra["standardizer"]))
    run = jax.jit(partial(reconstruct_in_training, SMALL), compiler_options=QUICK)
    z, y, stats = run(params["cwae"], extra["batch_stats"], x, batch["label"])
    z, prior = (np.asarray(a, np.float64) for a in (z, prior_codes(jax.random.key(1), batch["slot"], 4)))
    of_class = [np.asarray(batch["label"]) == c for c in range(3)]
    mmd = np.mean([discrepancy(z[own], prior[own]) for own in of_class])
    mse = np.mean(np.square(np.asarray(y) - np.asarray(x)))
    assert float(metrics["mse"]) == pytest.approx(mse, rel=1e-4)
    assert float(metrics["mmd"]) == pytest.approx(mmd, rel=1e-3)
    assert float(value) == pytest.approx(mse + 0.2 * mmd, rel=1e-4)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), new["batch_stats"], stats)
    jax.tree.map(np.testing.assert_array_equal, new["standardizer"], extra["standardizer"])


def test_the_decoder_may_learn_from_codes_with_noise_while_the_discrepancy_is_that_of_the_codes(made):
    _, params, extra, batch = made
    system = cwae_system(SMALL, CWAELoss(mmd_weight=0.2, code_noise=0.6), MEL)
    run = jax.jit(lambda key: system.losses["cwae"](params, extra, batch, key, NOW), compiler_options=QUICK)
    (_, (_, metrics)), (_, (_, other)) = run(jax.random.key(1)), run(jax.random.key(2))
    x = standardized_log_mel(batch["audio"], MEL, Standardizer(**extra["standardizer"]))
    draws = prior_codes(jax.random.fold_in(jax.random.key(1), 2**32 - 1), batch["slot"], 4)
    moved = partial(reconstruct_in_training, SMALL, moved=lambda z: 0.8 * z + 0.6 * draws)
    z, y, _ = jax.jit(moved, compiler_options=QUICK)(params["cwae"], extra["batch_stats"], x, batch["label"])
    assert float(metrics["mse"]) == pytest.approx(np.mean(np.square(np.asarray(y) - np.asarray(x))), rel=1e-4)
    assert float(metrics["mse"]) != pytest.approx(float(other["mse"]), rel=1e-3)
    prior = np.asarray(prior_codes(jax.random.key(1), batch["slot"], 4), np.float64)
    of_class = [np.asarray(batch["label"]) == c for c in range(3)]
    mmd = np.mean([discrepancy(np.asarray(z, np.float64)[own], prior[own]) for own in of_class])
    assert float(metrics["mmd"]) == pytest.approx(mmd, rel=1e-3)


def test_noise_leaves_standard_normal_codes_standard_normal_and_is_an_items_own():
    slots = jnp.arange(4000)
    z = jax.random.normal(jax.random.key(5), (4000, 8))
    moved = noisy(z, key=jax.random.key(6), slots=slots, share=0.6)
    np.testing.assert_allclose(np.std(moved), 1, atol=0.02)
    np.testing.assert_allclose(np.mean(np.asarray(moved) * np.asarray(z)), 0.8, atol=0.02)
    np.testing.assert_array_equal(noisy(z[7:9], key=jax.random.key(6), slots=slots[7:9], share=0.6), moved[7:9])
    assert noisy(z, key=jax.random.key(6), slots=slots, share=0.0) is z
    with pytest.raises(ValueError, match="code_noise of at least 0 and below 1, found 1"):
        CWAELoss(code_noise=1.0)


def test_the_printed_weight_is_ten_over_the_papers_batch():
    assert CWAELoss().mmd_weight * 704 == pytest.approx(10)
    assert CWAELoss().code_noise == 0
    with pytest.raises(ValueError, match="mmd_weight"):
        CWAELoss(mmd_weight=-1.0)


def test_what_the_model_sees_is_standardised_log_mel(made):
    _, _, extra, batch = made
    x = standardized_log_mel(batch["audio"], MEL, Standardizer(**extra["standardizer"]))
    assert x.shape == (9, MEL.frames, MEL.bins)
    varies = np.asarray(extra["standardizer"]["deviation"]) > 1e-3
    np.testing.assert_allclose(np.mean(x, 0)[varies], 0, atol=1e-3)
    np.testing.assert_allclose(np.std(x, 0)[varies], 1, atol=1e-3)


def test_order_of_a_batch_does_not_matter(made, loss):
    _, _, extra, batch = made
    order = np.random.default_rng(0).permutation(9)
    # With their slots: an item is compared with its own draws of the prior wherever it stands.
    shuffled = {name: a[order] for name, a in batch.items()}
    assert float(loss(extra, shuffled)[0]) == pytest.approx(float(loss(extra, batch)[0]), rel=1e-5)


def test_masked_items_change_no_validation_sum(made, validate):
    _, params, extra, _ = made
    batch = batch_of(9, masked=2)
    other = {**batch, "audio": batch["audio"].at[7:].set(1000), "label": batch["label"].at[7:].set(0)}
    for (path, one), another in zip(
        jax.tree.leaves_with_path(validate(params, extra, batch)),
        jax.tree.leaves(validate(params, extra, other)),
        strict=True,
    ):
        np.testing.assert_allclose(one, another, atol=1e-5, err_msg=jax.tree_util.keystr(path))


def test_validation_sums_give_the_figures_of_each_sound_and_of_scikit_learn(made, validate):
    _, params, extra, _ = made
    batch, standardizer = batch_of(9, masked=2), Standardizer(**extra["standardizer"])
    sums = validate(params, extra, batch)
    heard, label = mel(from_int16(batch["audio"][:7]), MEL), np.asarray(batch["label"][:7])
    x = standardize(log_mel(heard, MEL), standardizer)
    z = jax.jit(partial(encode, SMALL), compiler_options=QUICK)(params["cwae"], extra["batch_stats"], x, label)
    y = jax.jit(partial(decode, SMALL), compiler_options=QUICK)(params["cwae"], extra["batch_stats"], z, label)
    decoded = from_log_mel(unstandardize(y, standardizer), MEL)
    z, prior = (np.asarray(a, np.float64) for a in (z, prior_codes(jax.random.key(0), batch["slot"][:7], 4)))
    mmd = np.mean([discrepancy(z[label == c], prior[label == c]) for c in range(3)])
    figures = summarise(sums)
    mse = float(np.mean(np.square(np.asarray(y) - np.asarray(x))))
    assert figures == pytest.approx(
        {
            "loss": mse + 0.2 * mmd,
            "mse": mse,
            "mmd": mmd,
            "spectral_convergence": float(np.mean(spectral_convergence(heard, decoded))),
            "log_mel_error": float(np.mean(log_magnitude_error(heard, decoded))),
        },
        rel=1e-3,
    )
    np.testing.assert_array_equal(sums["code_items"], [3, 2, 2])
    np.testing.assert_allclose(sums["code_sum"][1], z[label == 1].sum(0), atol=1e-4)
    axes, expected = principal_axes(sums), sklearn.decomposition.PCA(3).fit(z)
    np.testing.assert_allclose(axes["mean"], expected.mean_, atol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(axes["components"] * expected.components_, 1)), 1, atol=1e-3)
    np.testing.assert_allclose(axes["deviations"], np.sqrt(expected.explained_variance_ * 6 / 7), rtol=1e-3)
    assert np.all(axes["components"][np.arange(3), np.abs(axes["components"]).argmax(1)] > 0)


def test_draws_are_an_items_own_and_samples_are_mel_magnitudes(made):
    system, params, extra, _ = made
    whole = prior_codes(jax.random.key(5), jnp.arange(8), 4)
    halves = [prior_codes(jax.random.key(5), slots, 4) for slots in (jnp.arange(4), jnp.arange(4, 8))]
    np.testing.assert_array_equal(whole, jnp.concatenate(halves))
    assert len(np.unique(np.asarray(whole))) == 32
    sample = jax.jit(lambda: [system.sample(params, extra, jax.random.key(0), jnp.arange(n) % 3) for n in (2, 5)])
    few, many = sample()
    assert many.shape == (5, MEL.frames, MEL.bins)
    assert 0 <= float(many.min()) < float(many.max())
    np.testing.assert_allclose(few, many[:2], rtol=1e-3, atol=1e-5)


def test_a_model_of_another_spectrogram_is_refused():
    with pytest.raises(ValueError, match="10 frames and 20 bins"):
        cwae_system(CWAEConfig(), CWAELoss(), MEL)


def test_two_steps_train_and_the_loss_falls_on_a_few_sounds(made, validate):
    system, params, extra, batch = made
    optimizers = {"cwae": optax.adam(1e-2)}
    step = jax.jit(make_step(system, optimizers), compiler_options=QUICK)
    state = new_state(params, extra, optimizers, jax.random.key(2))
    values = []
    for _ in range(60):
        state, metrics = step(state, batch, jnp.int32(60))
        values.append(float(metrics["mse"]))
        if len(values) == 2:
            for path, change in jax.tree.leaves_with_path(jax.tree.map(lambda a, b: np.abs(a - b).max(), state.params, params)):
                assert change > 0, jax.tree_util.keystr(path)
    assert np.mean(values[-5:]) < 0.5 * values[0]
    # The moving averages have followed: what is validated has learned too.
    validation = summarise(validate(state.params, state.extra, batch))
    assert validation["mse"] < 0.6 * values[0]
