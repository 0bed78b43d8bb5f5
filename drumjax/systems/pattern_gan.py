"""How the pattern GAN learns (Off the Beaten Track, "Generative Adversarial Networks", eqs. 1 and 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.losses import discriminator_loss, generator_loss, masked_mean, r1_penalty
from drumjax.models.pattern_gan import PatternGANConfig, discriminate, draw_noise, generate, init_discriminator, init_generator
from drumjax.systems.system import Progress, System

VALIDATION_SAMPLES, THRESHOLD_SAMPLES = 512, 4096
"""A validation looks at the patterns of so many draws of noise, the same ones every time, the threshold at more of them, for the
number of hits varies much from pattern to pattern (our decision)."""


@dataclass(frozen=True)
class PatternGANLoss:
    """What is added to the losses of eqs. 1 and 2 so that the game stays stable. All 0 is the paper's game."""

    label_smoothing: float = 0.0
    """The discriminator's target for real patterns is 1 minus this (Salimans et al., 2016, Sec. 3.4)."""
    r1_weight: float = 0.0
    """γ of the gradient penalty on real patterns, γ / 2 ‖∇D(x)‖² (Mescheder et al., 2018, eq. 9)."""
    instance_noise: float = 0.0
    """Standard deviation of Gaussian noise on what the discriminator reads, real and generated, at the start of training; it falls
    linearly to 0 at the end (Sønderby et al., "Amortised MAP Inference for Image Super-resolution", 2017, Sec. 3.2)."""
    heard_from: float = 0.0
    """Generated velocities under this are 0 to the discriminator, and their gradients pass straight through (Bengio,
    Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013; for drum grids Dong and Yang,
    "Convolutional Generative Adversarial Networks with Binary Neurons for Polyphonic Music Generation", 2018). What is played is
    cut off at the stored threshold instead, which the number of hits decides; the two lie near to each other."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for field in ("r1_weight", "instance_noise"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"expected {field} of at least 0, found {getattr(self, field)}")
        if not 0 <= self.heard_from < 1:
            raise ValueError(f"expected heard_from in [0, 1), found {self.heard_from}")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"expected label_smoothing in [0, 0.5), found {self.label_smoothing}")


def threshold_for(values: jax.Array, hits_per_pattern: float) -> jax.Array:
    """The threshold at which patterns have so many hits on average.

    Args:
      values: float32 (n, steps, lanes), velocities before the threshold, at least 0.
      hits_per_pattern: the mean number of cells that shall reach it.

    Returns:
      float32 scalar, one of the values: as many as asked for are at least as large, up to ties and rounding to a whole number.
    """
    wanted = min(max(round(len(values) * hits_per_pattern), 1), values.size)
    # Numbers of at least 0 are in the order of their bits, and halving finds the place among them sooner than sorting.
    bits = jax.lax.bitcast_convert_type(values.astype(jnp.float32), jnp.int32)

    def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = low + (high - low + 1) // 2
        enough = jnp.sum(bits >= middle) >= wanted
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle - 1)

    found, _ = jax.lax.fori_loop(0, 31, halve, (jnp.int32(0), jnp.max(bits)))
    return jax.lax.bitcast_convert_type(found, jnp.float32)


def hamming(a: jax.Array, b: jax.Array) -> jax.Array:
    """The Hamming distances of all pairs, in cells: float32 (n, m), of hits as 0 or 1, (n, steps, lanes) and (m, steps, lanes)."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return a.sum(1)[:, None] + b.sum(1)[None] - 2 * (a @ b.T)


def pattern_gan_system(config: PatternGANConfig, loss: PatternGANLoss, hits_per_pattern: float) -> System:
    """The pattern GAN as a `System` with the players `discriminator` and `generator`, updated in this order.

    A batch holds `velocity`, float32 (items, steps, lanes) in [0, 1]. In a step as many patterns are
    generated, from noise drawn for the items' slots, so that the mini-batch is balanced; the generator's update draws anew.

    `validate` sums over the items x, with the patterns y of `VALIDATION_SAMPLES` fixed draws of noise at the threshold that gives
    `THRESHOLD_SAMPLES` of them `hits_per_pattern` hits on average: `items`; `threshold` and `fake_right` (the share of y that the
    discriminator finds), each times the items; `real_right`, the number of x that it takes for real; `distance`, the sum over x of
    the Hamming distance to the nearest y, in cells; `hits`, the number of x with a hit in each cell; and `rates`, the share of y
    with one times the items.
    """

    def init(key: jax.Array, batch: dict[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        of_discriminator, of_generator = jax.random.split(key)
        return {
            "discriminator": init_discriminator(config, of_discriminator),
            "generator": init_generator(config, of_generator),
        }, {}

    def velocities(params: Any, z: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(generate(config, params["generator"], z))

    def heard(x: jax.Array) -> jax.Array:
        return x - jax.lax.stop_gradient(jnp.where(x < loss.heard_from, x, 0)) if loss.heard_from else x

    def blurred(x: jax.Array, key: jax.Array, slots: jax.Array, progress: Progress) -> jax.Array:
        if not loss.instance_noise:
            return x
        draw = jax.vmap(lambda slot: jax.random.normal(jax.random.fold_in(key, slot), x.shape[1:]))
        return x + loss.instance_noise * (1 - progress.fraction) * draw(slots)

    def discriminator(params, extra, batch, key, progress):
        of_noise, of_real, of_fake = jax.random.split(key, 3)
        slots, mask, real = batch["slot"], batch["mask"], batch["velocity"]
        fake = blurred(heard(velocities(params, draw_noise(config, of_noise, slots))), of_fake, slots, progress)
        real = blurred(real, of_real, slots, progress)
        # One pass over both: a recurrent network's steps take hardly longer for twice the items.
        logits = discriminate(config, params["discriminator"], jnp.concatenate([real, fake]))
        of_real_logits, of_fake_logits = jnp.split(logits, 2)
        value = masked_mean(discriminator_loss(of_real_logits, of_fake_logits, smoothing=loss.label_smoothing), mask)
        metrics = {
            "real_accuracy": masked_mean((of_real_logits > 0).astype(jnp.float32), mask),
            "fake_accuracy": masked_mean((of_fake_logits <= 0).astype(jnp.float32), mask),
        }
        if loss.r1_weight:
            steepness = r1_penalty(lambda x: discriminate(config, params["discriminator"], x), real)
            metrics["r1"] = masked_mean(steepness, mask)
            value += 0.5 * loss.r1_weight * metrics["r1"]
        return value, (extra, metrics)

    def generator(params, extra, batch, key, progress):
        of_noise, of_fake = jax.random.split(key)
        fake = heard(velocities(params, draw_noise(config, of_noise, batch["slot"])))
        logits = discriminate(config, params["discriminator"], blurred(fake, of_fake, batch["slot"], progress))
        metrics = {"fooled": masked_mean((logits > 0).astype(jnp.float32), batch["mask"])}
        return masked_mean(generator_loss(logits), batch["mask"]), (extra, metrics)

    def validate(params, extra, batch):
        x, mask = batch["velocity"], batch["mask"]
        values = velocities(params, draw_noise(config, jax.random.key(0), jnp.arange(THRESHOLD_SAMPLES)))
        threshold, values = threshold_for(values, hits_per_pattern), values[:VALIDATION_SAMPLES]
        fake, real = (values >= threshold).astype(jnp.float32), (x > 0).astype(jnp.float32)
        found = discriminate(config, params["discriminator"], heard(values)) <= 0
        taken = discriminate(config, params["discriminator"], x) > 0
        items = jnp.sum(mask)
        return {
            "items": items,
            "threshold": items * threshold,
            "real_right": jnp.sum(taken * mask),
            "fake_right": items * jnp.mean(found),
            "distance": jnp.sum(jnp.min(hamming(real, fake), 1) * mask),
            "hits": jnp.sum(real * mask[:, None, None], 0),
            "rates": items * jnp.mean(fake, 0),
        }

    def sample(params, extra, key, condition):
        """Velocities, float32 (condition, steps, lanes): `condition` patterns of noise drawn from its distribution."""
        return velocities(params, draw_noise(config, key, jnp.arange(condition)))

    return System(init=init, losses={"discriminator": discriminator, "generator": generator}, validate=validate, sample=sample)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The figures of a validation, from the sums of `System.validate`.

    Returns:
      `distance_from_data`, the Hamming distance in cells from a validation pattern to the nearest of `VALIDATION_SAMPLES` generated
      ones, mean over validation patterns (small only where every region of the data is reached by patterns like its own);
      `cell_rate_error`, the mean absolute difference of the cells' shares of hits; `threshold`;
      `real_accuracy` and `fake_accuracy`,
      the shares of validation patterns and of generated ones that the discriminator knows for what they are.
    """
    items = max(float(sums["items"]), 1.0)
    return {
        "distance_from_data": float(sums["distance"]) / items,
        "cell_rate_error": float(np.mean(np.abs(np.asarray(sums["rates"]) - np.asarray(sums["hits"])))) / items,
        "threshold": float(sums["threshold"]) / items,
        "real_accuracy": float(sums["real_right"]) / items,
        "fake_accuracy": float(sums["fake_right"]) / items,
    }
