"""How the MCNN learns to make sound of mel spectrograms (Neural Drum Machine, Sec. "MCNN inversion", eqs. 6 to 13)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.losses import log_magnitude_error, mask_bce, masked_mean, spectral_convergence
from drumjax.models import mcnn
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig, from_int16, log_mel, mel
from drumjax.systems.system import System


@dataclass(frozen=True)
class MCNNLoss:
    """Weights of the loss: α, β and γ of eq. 13, "which works well in practice"."""

    convergence_weight: float = 3.0
    """α, of the spectral convergence (eq. 11)."""
    log_weight: float = 10.0
    """β, of the log-scale mel-magnitude error (eq. 12)."""
    mask_weight: float = 1.0
    """γ, of the mask's cross-entropy (eq. 9)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for field in ("convergence_weight", "log_weight", "mask_weight"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"expected {field} of at least 0, found {getattr(self, field)}")


def target_mask(length: jax.Array, samples: int) -> jax.Array:
    """The mask M: 1 for a sound's own samples, 0 for the zeros that pad it (our decision). float32 (n, samples) of int32 (n,)."""
    return (jnp.arange(samples) < length[:, None]).astype(jnp.float32)


def mcnn_system(config: MCNNConfig, loss: MCNNLoss, mel_config: MelConfig) -> System:
    """The MCNN as a `System` with the one player `mcnn`.

    A batch holds `audio`, int16 (items, samples), and `length`, int32 (items,), each sound's samples before padding; where it holds
    `mel` too, magnitudes (items, frames, bins), the network reads these in the place of the sounds' own and is judged by the sounds
    all the same. Training hears the waveform through the soft mask, validation through the binary one that playing uses.

    `validate` sums over the items: `items`; `convergence`, `log_error` and `mask_bce`, eqs. 11, 12 and 9 through the soft mask,
    and `loss`, their weighted sum; `spectral_convergence` and `log_mel_error`, eqs. 11 and 12 through the binary mask;
    `log_difference`, the mean over frames and bins of |log(r + ε) - log(e + ε)|, binary mask; and `mask_right`, the share of
    samples at which the binary mask is the target's.

    `sample` takes mel magnitudes, float32 (n, frames, bins), and gives sounds, float32 (n, samples); the key is not used.

    Raises:
      ValueError: when the model's bins, hop or samples are not the spectrogram's.
    """
    ours = (config.bins, config.hop_samples, config.samples(mel_config.frames))
    if ours != (mel_config.bins, mel_config.hop_samples, mel_config.samples):
        raise ValueError(
            f"expected a model of {mel_config.bins} bins whose strides multiply to the hop of {mel_config.hop_samples} samples, "
            f"{mel_config.samples} in all; found {ours[0]}, {ours[1]} and {ours[2]}"
        )

    def init(key: jax.Array, batch: dict[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        return {"mcnn": mcnn.init(config, key)}, {}

    def terms(params: Any, batch: dict[str, jax.Array]) -> tuple[dict[str, jax.Array], jax.Array, jax.Array, jax.Array]:
        """The three terms and the loss of each item; the sounds' spectrogram; the waveform and the mask's logits."""
        reference = mel(from_int16(batch["audio"]), mel_config)
        given = batch["mel"].astype(jnp.float32) if "mel" in batch else reference
        waveform, mask = mcnn.synthesize(config, params["mcnn"], given)
        estimate = mel(waveform * jax.nn.sigmoid(mask), mel_config)
        each = {
            "convergence": spectral_convergence(reference, estimate),
            "log_error": log_magnitude_error(reference, estimate, floor=mel_config.floor),
            "mask_bce": mask_bce(mask, target_mask(batch["length"], mel_config.samples)),
        }
        weights = (loss.convergence_weight, loss.log_weight, loss.mask_weight)
        each["loss"] = sum(
            (weight * term for weight, term in zip(weights, each.values(), strict=True)), jnp.zeros_like(each["mask_bce"])
        )
        return each, reference, waveform, mask

    def mcnn_loss(params, extra, batch, key, progress):
        each, _, _, _ = terms(params, batch)
        means = {name: masked_mean(term, batch["mask"]) for name, term in each.items()}
        return means.pop("loss"), (extra, means)

    def validate(params, extra, batch):
        each, reference, waveform, mask = terms(params, batch)
        played = mel(mcnn.masked(waveform, mask), mel_config)
        right = (mask > 0) == (target_mask(batch["length"], mel_config.samples) > 0)
        each |= {
            "items": jnp.ones(len(mask)),
            "spectral_convergence": spectral_convergence(reference, played),
            "log_mel_error": log_magnitude_error(reference, played, floor=mel_config.floor),
            "log_difference": jnp.mean(jnp.abs(log_mel(reference, mel_config) - log_mel(played, mel_config)), (1, 2)),
            "mask_right": jnp.mean(right, 1),
        }
        return {name: jnp.sum(term * batch["mask"]) for name, term in each.items()}

    def sample(params, extra, key, condition):
        return mcnn.vocode(config, params["mcnn"], condition)

    return System(init=init, losses={"mcnn": mcnn_loss}, validate=validate, sample=sample)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The figures of a validation, means over sounds, from the sums of `System.validate`, by their names there."""
    items = max(float(sums["items"]), 1.0)
    return {name: float(total) / items for name, total in sums.items() if name != "items"}
