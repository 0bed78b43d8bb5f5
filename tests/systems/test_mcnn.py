"""The MCNN's loss, validation sums and training."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import optax
import pytest

from drumjax.models import mcnn
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig, from_int16, mel, mel_filterbank
from drumjax.systems import Progress
from drumjax.systems.mcnn import MCNNLoss, mcnn_system, summarise, target_mask
from drumjax.train.config import TrainingConfig
from drumjax.train.engine import fit

pytestmark = pytest.mark.usefixtures("compilation_cache")
MEL = MelConfig(samples=255, window_samples=32, hop_samples=8, fft_samples=64, bins=16)
SMALL = MCNNConfig(bins=16, heads=2, channels=(8, 4, 2))
QUICK = {"xla_backend_optimization_level": 0}
"""Half of the time that the compiler takes."""


def sounds(n=4, masked=0):
    """Decaying noise of different lengths, the last `masked` of them padding of the batch."""
    rng = np.random.default_rng(0)
    length = np.array([255, 120, 40, 3])[np.arange(n) % 4]
    time = np.arange(255)
    audio = rng.uniform(-1, 1, (n, 255)) * np.exp(-time / 60) * (time < length[:, None])
    mask = np.ones(n, np.float32)
    mask[n - masked :] = 0
    return {
        "audio": jnp.asarray(np.round(audio * 32_767), jnp.int16),
        "length": jnp.asarray(length, jnp.int32),
        "slot": jnp.arange(n),
        "mask": jnp.asarray(mask),
    }


@pytest.fixture(scope="module")
def system(compilation_cache):
    return mcnn_system(SMALL, MCNNLoss(), MEL)


@pytest.fixture(scope="module")
def params(system):
    return jax.jit(system.init, compiler_options=QUICK)(jax.random.key(0), sounds())[0]


@pytest.fixture(scope="module")
def value_and_grad(system):
    def loss(params, batch):
        value, (extra, metrics) = system.losses["mcnn"](params, {}, batch, jax.random.key(1), Progress(0, 0.0))
        return value, (extra, metrics)

    return jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=QUICK)


@partial(jax.jit, compiler_options=QUICK)
def heard_and_made(params, audio):
    return mcnn.synthesize(SMALL, params["mcnn"], mel(from_int16(audio), MEL))


def librosas_mel(audio):
    spectrum = librosa.stft(audio, n_fft=64, hop_length=8, win_length=32, center=True, pad_mode="constant")
    return (np.abs(spectrum).T @ mel_filterbank(MEL)).astype(np.float64)


def figures_by_hand(params, batch, item, binary):
    """Eqs. 11, 12 and 9 of one item in double precision, and the mean log difference and the share of right mask samples."""
    audio = np.asarray(batch["audio"][item]) / 32_767
    reference = librosas_mel(audio.astype(np.float32))
    waveform, logits = (np.asarray(a[item]) for a in heard_and_made(params, batch["audio"]))
    soft = 1 / (1 + np.exp(-logits.astype(np.float64)))
    target = np.arange(255) < int(batch["length"][item])
    estimate = librosas_mel((waveform * (soft > 0.5 if binary else soft)).astype(np.float32))
    difference = np.abs(np.log(reference + 1e-5) - np.log(estimate + 1e-5))
    convergence = np.linalg.norm(reference - estimate) / np.linalg.norm(reference)
    log_error = difference.sum() / np.abs(np.log(reference + 1e-5)).sum()
    bce = -np.mean(np.where(target, np.log(soft), np.log1p(-soft)))
    return convergence, log_error, bce, difference.mean(), np.mean((soft > 0.5) == target)


def test_the_loss_is_equation_13_with_the_papers_weights(params, value_and_grad):
    batch = sounds(4, masked=1)
    (value, (extra, metrics)), _ = value_and_grad(params, batch)
    convergence, log_error, bce, *_ = np.mean([figures_by_hand(params, batch, item, binary=False) for item in range(3)], 0)
    assert extra == {}
    expected = {"convergence": convergence, "log_error": log_error, "mask_bce": bce}
    assert {name: float(metric) for name, metric in metrics.items()} == pytest.approx(expected, rel=1e-3)
    assert float(value) == pytest.approx(3 * convergence + 10 * log_error + bce, rel=1e-3)


def test_validation_is_through_the_binary_mask(system, params):
    batch = sounds(4, masked=1)
    figures = summarise(jax.jit(system.validate, compiler_options=QUICK)(params, {}, batch))
    convergence, log_error, _, difference, right = np.mean([figures_by_hand(params, batch, i, binary=True) for i in range(3)], 0)
    soft = np.mean([figures_by_hand(params, batch, i, binary=False) for i in range(3)], 0)
    expected = {
        "convergence": soft[0],
        "log_error": soft[1],
        "mask_bce": soft[2],
        "loss": 3 * soft[0] + 10 * soft[1] + soft[2],
        "spectral_convergence": convergence,
        "log_mel_error": log_error,
        "log_difference": difference,
        "mask_right": right,
    }
    assert figures == pytest.approx(expected, rel=1e-3)


def test_it_reads_the_spectrograms_of_a_batch_that_has_some_and_is_judged_by_its_sounds(params, value_and_grad):
    batch = sounds()
    own = mel(from_int16(batch["audio"]), MEL)
    (expected, _), _ = value_and_grad(params, batch)
    (same, _), _ = value_and_grad(params, batch | {"mel": own})
    assert float(same) == pytest.approx(float(expected), rel=1e-5)
    (silent, (_, metrics)), _ = value_and_grad(params, batch | {"mel": jnp.zeros_like(own, jnp.float16)})
    assert float(metrics["convergence"]) == pytest.approx(1)
    assert float(silent) > float(expected)


def test_a_sample_is_what_the_vocoder_plays(system, params):
    heard = mel(from_int16(sounds()["audio"]), MEL)
    sound = system.sample(params, {}, jax.random.key(0), heard)
    assert sound.shape == (4, 255)
    np.testing.assert_array_equal(sound, mcnn.vocode(SMALL, params["mcnn"], heard))


@pytest.mark.parametrize("case", ["silence", "short"])
def test_gradients_are_finite_on_silence_and_on_single_samples(params, value_and_grad, case):
    batch = sounds()
    audio = np.zeros((4, 255), np.int16)
    if case == "short":
        audio[0, 0], audio[1, :2], audio[2, 254], audio[3, 0] = 32_767, -32_767, 1, 1
    batch |= {"audio": jnp.asarray(audio), "length": jnp.array([1, 2, 255, 0])}
    (value, _), gradient = value_and_grad(params, batch)
    assert np.isfinite(value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_padding_of_the_batch_has_no_gradient(params, value_and_grad):
    batch = sounds(4, masked=1)
    louder = batch | {"audio": batch["audio"].at[3].set(9000)}
    first, second = value_and_grad(params, batch)[1], value_and_grad(params, louder)[1]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), first, second)


def test_the_mask_covers_a_sounds_own_samples():
    expected = [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    np.testing.assert_array_equal(target_mask(jnp.array([2, 0, 4]), 4), np.float32(expected))


def test_loss_falls_on_four_sounds(system):
    data = {name: np.asarray(array) for name, array in sounds().items() if name in ("audio", "length")}
    config = TrainingConfig(batch_size=4, validate_every_epochs=1000)
    _, history = fit(system, {"mcnn": optax.adam(3e-3)}, data, config, 150, validation=data, summarise=summarise)
    assert history[-1]["valid_loss"] < 0.6 * history[0]["loss"]
    assert history[-1]["valid_mask_right"] > 0.8  # a mask of ones has .41


def test_two_trainings_of_one_seed_are_the_same(system):
    data = {name: np.asarray(array) for name, array in sounds().items() if name in ("audio", "length")}
    states = [fit(system, {"mcnn": optax.adam(1e-3)}, data, TrainingConfig(batch_size=2), 2)[0] for _ in range(2)]
    jax.tree.map(np.testing.assert_array_equal, *(jax.device_get(state.params) for state in states))


def test_a_model_of_another_spectrogram_is_refused():
    for config in (replace(SMALL, bins=8), replace(SMALL, channels=(4, 2))):
        with pytest.raises(ValueError, match="16 bins whose strides multiply to the hop of 8"):
            mcnn_system(config, MCNNLoss(), MEL)


@pytest.mark.parametrize("field", ["convergence_weight", "log_weight", "mask_weight"])
def test_weights_out_of_range_are_refused(field):
    for value in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=field):
            MCNNLoss(**{field: value})
