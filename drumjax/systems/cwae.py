"""How the conditional Wasserstein autoencoder learns (Neural Drum Machine, Sec. "The Conditional WAE", eqs. 3 to 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.losses import log_magnitude_error, masked_mean, mmd_by_class, mmd_imq, spectral_convergence
from drumjax.models.cwae import CWAEConfig, decode, encode, init_cwae, reconstruct_in_training
from drumjax.signal.mel import MelConfig, Standardizer, from_int16, from_log_mel, log_mel, mel, standardize, unstandardize
from drumjax.systems.system import System

NO_SLOT = 2**32 - 1
"""What no item is numbered: the key folded with it is none of the items' own."""


@dataclass(frozen=True)
class CWAELoss:
    """Weights of the loss, and what the decoder learns from."""

    mmd_weight: float = 10 / 704
    """Weight of D against the squared error, the mean over a sound's elements and over sounds. Eq. 5 as printed sums the error over
    the n = 704 sounds of a batch and adds 10 D; the ratio is kept at other sizes of batches. The code of Tolstikhin et al. comes to
    .163 on CelebA, eleven times as much: 100 against .05 of the error summed over 64 × 64 × 3 numbers."""
    code_noise: float = 0.0
    """The decoder learns from √(1 − t²) z + t g with this t in [0, 1) and g from the prior, the way in which sounds are varied: it
    then knows what lies between the codes of a few sounds, where the prior draws from (our decision). 0, the paper's, is z."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        if not 0 <= self.mmd_weight < math.inf:
            raise ValueError(f"expected mmd_weight of at least 0, found {self.mmd_weight}")
        if not 0 <= self.code_noise < 1:
            raise ValueError(f"expected code_noise of at least 0 and below 1, found {self.code_noise}")


def prior_codes(key: jax.Array, slots: jax.Array, latent: int) -> jax.Array:
    """Draws from the prior, the standard normal, one key an item: float32 (items, latent), the same however a batch is split."""
    return jax.vmap(lambda slot: jax.random.normal(jax.random.fold_in(key, slot), (latent,)))(slots)


def noisy(z: jax.Array, *, key: jax.Array, slots: jax.Array, share: float) -> jax.Array:
    """Codes moved towards draws from the prior, one key an item, so that standard normal ones stay so: √(1 − t²) z + t g."""
    return math.sqrt(1 - share**2) * z + share * prior_codes(key, slots, z.shape[-1]) if share else z


def standardized_log_mel(audio: jax.Array, config: MelConfig, standardizer: Standardizer) -> jax.Array:
    """What the CWAE sees of stored sounds: int16 (n, samples) → float32 (n, frames, bins)."""
    return standardize(log_mel(mel(from_int16(audio), config), config), standardizer)


def cwae_system(config: CWAEConfig, loss: CWAELoss, mel_config: MelConfig) -> System:
    """The CWAE as a `System` with the one player `cwae`.

    A batch holds `audio`, int16 (items, samples), and `label`, int32 (items,). Training batches are taken to have no padding: batch
    normalisation counts every item. A class of fewer than two items in a batch has no part in D.

    `extra` holds `batch_stats`, the moving averages of the batch normalisations, and `standardizer`, `{"mean", "deviation"}`,
    float32 (frames, bins), which are 0 and 1 until the training set has been measured (`drumjax.signal.mel.fit_standardizer`) and
    which losses leave alone.

    `validate` sums, with the moving averages: `items`; `mse`, each sound's mean squared error over its elements; `mmd`, the
    discrepancy of each class in this batch times its items, and `mmd_items`, its items where it has two at least, both (classes,);
    `mmd_weight`, the loss's times the items; `code_items` (classes,), `code_sum` (classes, latent) and `code_product` (latent,
    latent), Σ z zᵀ over all classes; and `spectral_convergence` and `log_mel_error`, eqs. 11 and 12 between the sounds' mel
    magnitudes and the decoded ones.

    `sample` takes labels, int32 (n,) or mixes of classes float32 (n, classes), and gives mel magnitudes, float32 (n, frames, bins),
    of codes drawn from the prior.

    Raises:
      ValueError: when model and spectrogram have not the same frames and bins.
    """
    if (config.frames, config.bins) != (mel_config.frames, mel_config.bins):
        raise ValueError(
            f"expected a model of the spectrogram's {mel_config.frames} frames and {mel_config.bins} bins, "
            f"found {config.frames} and {config.bins}"
        )

    def init(key: jax.Array, batch: dict[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        params, stats = init_cwae(config, key)
        shape = (config.frames, config.bins)
        return {"cwae": params}, {"batch_stats": stats, "standardizer": {"mean": jnp.zeros(shape), "deviation": jnp.ones(shape)}}

    def cwae_loss(params, extra, batch, key, progress):
        x = standardized_log_mel(batch["audio"], mel_config, Standardizer(**extra["standardizer"]))
        moved = partial(noisy, key=jax.random.fold_in(key, NO_SLOT), slots=batch["slot"], share=loss.code_noise)
        z, y, stats = reconstruct_in_training(config, params["cwae"], extra["batch_stats"], x, batch["label"], moved)
        mse = masked_mean(jnp.mean(jnp.square(y - x), (1, 2)), batch["mask"])
        prior = prior_codes(key, batch["slot"], config.latent)
        mmd = mmd_imq(z, prior, batch["label"], config.classes, batch["mask"])
        return mse + loss.mmd_weight * mmd, ({**extra, "batch_stats": stats}, {"mse": mse, "mmd": mmd})

    def validate(params, extra, batch):
        label, mask = batch["label"], batch["mask"]
        standardizer = Standardizer(**extra["standardizer"])
        heard = mel(from_int16(batch["audio"]), mel_config)
        x = standardize(log_mel(heard, mel_config), standardizer)
        z = encode(config, params["cwae"], extra["batch_stats"], x, label)
        y = decode(config, params["cwae"], extra["batch_stats"], z, label)
        decoded = from_log_mel(unstandardize(y, standardizer), mel_config)
        prior = prior_codes(jax.random.key(0), batch["slot"], config.latent)
        discrepancies, counts = mmd_by_class(z, prior, label, config.classes, mask)
        of_class = jax.nn.one_hot(label, config.classes) * mask[:, None]
        items = jnp.sum(mask)
        return {
            "items": items,
            "mse": jnp.sum(jnp.mean(jnp.square(y - x), (1, 2)) * mask),
            "mmd": discrepancies * counts,
            "mmd_items": jnp.where(counts > 1, counts, 0),
            "mmd_weight": loss.mmd_weight * items,
            "code_items": jnp.sum(of_class, 0),
            "code_sum": of_class.T @ z,
            "code_product": (z * mask[:, None]).T @ z,
            "spectral_convergence": jnp.sum(spectral_convergence(heard, decoded) * mask),
            "log_mel_error": jnp.sum(log_magnitude_error(heard, decoded, floor=mel_config.floor) * mask),
        }

    def sample(params, extra, key, condition):
        z = prior_codes(key, jnp.arange(len(condition)), config.latent)
        y = decode(config, params["cwae"], extra["batch_stats"], z, condition)
        return from_log_mel(unstandardize(y, Standardizer(**extra["standardizer"])), mel_config)

    return System(init=init, losses={"cwae": cwae_loss}, validate=validate, sample=sample)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The figures of a validation, from the sums of `System.validate`.

    Returns:
      `loss`, that of training at the moving averages; `mse`, of standardised log-mel; `mmd`, the mean over classes of the
      discrepancies from the prior, each the mean over batches by items (about 0 for codes of the prior, and then also below; 0
      where no batch had two items of a class); `spectral_convergence` and `log_mel_error`, means over sounds.
    """
    items = max(float(sums["items"]), 1.0)
    counts = np.asarray(sums["mmd_items"], np.float64)
    discrepancies = np.asarray(sums["mmd"], np.float64)[counts > 0] / counts[counts > 0]
    mmd = float(np.mean(discrepancies)) if len(discrepancies) else 0.0
    mse, weight = float(sums["mse"]) / items, float(sums["mmd_weight"]) / items
    return {
        "loss": mse + weight * mmd,
        "mse": mse,
        "mmd": mmd,
        "spectral_convergence": float(sums["spectral_convergence"]) / items,
        "log_mel_error": float(sums["log_mel_error"]) / items,
    }


def principal_axes(sums: Mapping[str, np.ndarray], count: int = 3) -> dict[str, np.ndarray]:
    """The principal components of a validation's codes, all classes together, from its sums (Sec. "Interface": P1, P2 and P3).

    Returns:
      float64: `mean` (latent,), `components` (count, latent), of length 1, the widest first, each with its largest entry above 0 so
      that it has one sign; and `deviations` (count,), the codes' standard deviations along them.
    """
    items = max(float(sums["items"]), 1.0)
    mean = np.sum(np.asarray(sums["code_sum"], np.float64), 0) / items
    covariance = np.asarray(sums["code_product"], np.float64) / items - np.outer(mean, mean)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    components = vectors.T[::-1][:count]
    largest = np.take_along_axis(components, np.argmax(np.abs(components), 1)[:, None], 1)
    return {
        "mean": mean,
        "components": components * np.where(largest < 0, -1, 1),
        "deviations": np.sqrt(np.maximum(values[::-1][:count], 0)),
    }
