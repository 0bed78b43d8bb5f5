"""How the pattern VAE learns (Off the Beaten Track, "Autoencoders and Variational Autoencoders", eqs. 3 to 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.losses import kl_standard_normal, masked_mean, soft_bce
from drumjax.models.pattern_vae import PatternVAE, PatternVAEConfig, decode, encode
from drumjax.systems.schedules import ramp
from drumjax.systems.system import Progress, System

THRESHOLDS = np.linspace(0.05, 0.95, 37, dtype=np.float32)
"""Where a decoded velocity may begin to count as a hit; the best one on the validation split is kept (our decision)."""


@dataclass(frozen=True)
class PatternVAELoss:
    """Weights of the loss."""

    kl_weight: float = 1.0
    """Weight of the KL term against the cross-entropy, both summed over a pattern (1 in eqs. 4 and 5; a field by our decision)."""
    kl_warmup: float = 0.1
    """Share of training over which the weight rises linearly from 0 (our decision); 0 for none."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for field in ("kl_weight", "kl_warmup"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"expected {field} of at least 0, found {getattr(self, field)}")


def kl_weight(loss: PatternVAELoss, progress: Progress) -> jax.Array:
    """The KL weight at a point of training: a linear warm-up, then constant."""
    return loss.kl_weight * ramp(progress, share=loss.kl_warmup)


def item_normal(key: jax.Array, slots: jax.Array, size: int) -> jax.Array:
    """Standard normal draws, one key an item: float32 (items, size), the same for an item however a batch is split."""
    return jax.vmap(lambda slot: jax.random.normal(jax.random.fold_in(key, slot), (size,)))(slots)


def pattern_vae_system(config: PatternVAEConfig, loss: PatternVAELoss) -> System:
    """The pattern VAE as a `System` with the one player `vae`.

    A batch holds `velocity`, float32 (items, steps, lanes) in [0, 1].

    `validate` sums, at the posterior's mean: `items`, `bce`, `kl`, `actual_hits`, and for every one of `THRESHOLDS` the matched
    hits `matched_hits`, the decoded hits `decoded_hits`, and `velocity_error`, the absolute velocity error over matched hits.
    """
    model = PatternVAE(config)

    def init(key: jax.Array, batch: dict[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        x = batch["velocity"][:1]
        return {"vae": model.init(key, x, jnp.zeros((1, config.latent)))["params"]}, {}

    def vae_loss(params, extra, batch, key, progress):
        x = batch["velocity"]
        noise = item_normal(key, batch["slot"], config.latent)
        mean, log_variance = encode(model, params["vae"], x)
        logits = decode(model, params["vae"], mean + jnp.exp(0.5 * log_variance) * noise)
        bce = masked_mean(soft_bce(logits, x), batch["mask"])
        kl = masked_mean(kl_standard_normal(mean, log_variance), batch["mask"])
        weight = kl_weight(loss, progress)
        return bce + weight * kl, (extra, {"bce": bce, "kl": kl, "kl_weight": weight})

    def validate(params, extra, batch):
        x, mask = batch["velocity"], batch["mask"]
        mean, log_variance = encode(model, params["vae"], x)
        logits = decode(model, params["vae"], mean)
        values = jax.nn.sigmoid(logits)
        hits = (x > 0) & (mask > 0)[:, None, None]

        def at(threshold: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            decoded = (values >= threshold) & (mask > 0)[:, None, None]
            matched = decoded & hits
            return jnp.sum(matched), jnp.sum(decoded), jnp.sum(jnp.where(matched, jnp.abs(values - x), 0))

        matched, decoded, error = jax.lax.map(at, jnp.asarray(THRESHOLDS))
        return {
            "items": jnp.sum(mask),
            "bce": jnp.sum(soft_bce(logits, x) * mask),
            "kl": jnp.sum(kl_standard_normal(mean, log_variance) * mask),
            "actual_hits": jnp.sum(hits),
            "matched_hits": matched,
            "decoded_hits": decoded,
            "velocity_error": error,
        }

    def sample(params, extra, key, condition):
        """Velocities, float32 (condition, steps, lanes): `condition` patterns decoded from codes drawn from the prior."""
        z = item_normal(key, jnp.arange(condition), config.latent)
        return jax.nn.sigmoid(decode(model, params["vae"], z))

    return System(init=init, losses={"vae": vae_loss}, validate=validate, sample=sample)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The figures of a validation, from the sums of `System.validate`, at the threshold with the best pooled onset F1.

    Returns:
      `loss` (bce + kl, the negative evidence bound at the posterior's mean), `bce`, `kl` in nats a pattern, `threshold`, `onset_f1`
      in [0, 1] and `velocity_error`, the mean absolute error in velocity over matched hits (nan without any).
    """
    items = max(float(sums["items"]), 1.0)
    matched = np.asarray(sums["matched_hits"], np.float64)
    f1 = 2 * matched / np.maximum(np.asarray(sums["decoded_hits"]) + float(sums["actual_hits"]), 1)
    best = int(np.argmax(f1))
    error = float(sums["velocity_error"][best]) / matched[best] if matched[best] else float("nan")
    bce, kl = float(sums["bce"]) / items, float(sums["kl"]) / items
    return {
        "loss": bce + kl,
        "bce": bce,
        "kl": kl,
        "threshold": float(THRESHOLDS[best]),
        "onset_f1": float(f1[best]),
        "velocity_error": error,
    }
