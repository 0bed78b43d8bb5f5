"""Losses that systems share. All but the discrepancies, which are of whole sets, give one value an item; the systems average."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def kl_standard_normal(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """KL divergence of diagonal Gaussians from the standard normal, in nats.

    Off the Beaten Track, eq. 4, prints its negative; this is the usual sign, at least 0.

    Args:
      mean: (items, d).
      log_variance: (items, d), natural logarithm of the variance.

    Returns:
      float32 (items,), summed over the d dimensions.
    """
    mean, log_variance = mean.astype(jnp.float32), log_variance.astype(jnp.float32)
    return 0.5 * jnp.sum(jnp.square(mean) + jnp.expm1(log_variance) - log_variance, axis=-1)


def soft_bce(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Binary cross-entropy with soft targets, from logits, in nats (Off the Beaten Track, eq. 5 and "Deep and Recurrent Networks").

    Its least value is the targets' own entropy, which is above 0 for targets strictly between 0 and 1.

    Args:
      logits: (items, ...).
      targets: the same shape, in [0, 1].

    Returns:
      float32 (items,), summed over all but the first axis.
    """
    logits, targets = logits.astype(jnp.float32), targets.astype(jnp.float32)
    # log(1 + exp(l)) - l·t, written so that neither term overflows.
    losses = jnp.maximum(logits, 0) - logits * targets + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    return jnp.sum(losses, axis=tuple(range(1, losses.ndim)))


def squared_error(estimate: jax.Array, target: jax.Array) -> jax.Array:
    """The squared length of the difference (PocketVAE, eqs. 3 and 4).

    Args:
      estimate: (items, ...).
      target: the same shape.

    Returns:
      float32 (items,), summed over all but the first axis.
    """
    square = jnp.square(estimate.astype(jnp.float32) - target.astype(jnp.float32))
    return jnp.sum(square, axis=tuple(range(1, square.ndim)))


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """The cross-entropy of classes, in nats (PocketVAE, Sec. 3.4.4).

    Args:
      logits: (items, ..., classes).
      labels: int (items, ...), in [0, classes).

    Returns:
      float32 (items,), summed over all but the first axis: log(classes) a label for logits that are all the same.
    """
    chances = jax.nn.log_softmax(logits.astype(jnp.float32))
    losses = -jnp.take_along_axis(chances, labels[..., None], -1)[..., 0]
    return jnp.sum(losses, axis=tuple(range(1, losses.ndim)))


def discriminator_loss(real: jax.Array, fake: jax.Array, *, smoothing: float = 0.0) -> jax.Array:
    """What a discriminator minimises, from logits, in nats (Off the Beaten Track, eq. 1; Goodfellow et al., 2014).

    Args:
      real: (items,), logits of examples of the data.
      fake: (items,), logits of as many generated ones.
      smoothing: examples of the data have the target 1 - smoothing (one-sided label smoothing; Salimans et al., "Improved
        Techniques for Training GANs", 2016, Sec. 3.4); 0 is eq. 1.

    Returns:
      float32 (items,): L(D(x), 1) + L(D(G(z)), 0), 2 log 2 for a discriminator that cannot tell.
    """
    return soft_bce(real, jnp.full_like(real, 1 - smoothing)) + soft_bce(fake, jnp.zeros_like(fake))


def generator_loss(fake: jax.Array) -> jax.Array:
    """What a generator minimises, the non-saturating form, in nats: L(D(G(z)), 1) (Off the Beaten Track, eq. 2).

    Args:
      fake: (items,), the discriminator's logits of generated examples.

    Returns:
      float32 (items,).
    """
    return soft_bce(fake, jnp.ones_like(fake))


def r1_penalty(score: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """The squared length of a discriminator's gradient at examples of the data.

    Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", 2018, eq. 9, without its factor γ / 2.

    Args:
      score: (items, ...) → (items,), the logit of each item, which must depend on that item alone.
      x: (items, ...).

    Returns:
      float32 (items,), ‖∇ score(x)‖².
    """
    gradient = jax.grad(lambda x: jnp.sum(score(x)))(x)
    return jnp.sum(jnp.square(gradient.astype(jnp.float32)), axis=tuple(range(1, x.ndim)))


def spectral_convergence(reference: jax.Array, estimate: jax.Array) -> jax.Array:
    """‖reference − estimate‖ / ‖reference‖ in Frobenius norms over time and frequency (Neural Drum Machine, eq. 11).

    Args:
      reference: (items, frames, bins), mel magnitudes.
      estimate: the same shape.

    Returns:
      float32 (items,); 0 for equal spectra, 1 for a silent estimate. Of a silent reference, where eq. 11 says nothing, it is
      ‖estimate‖. Its gradient is finite everywhere.
    """
    reference, estimate = _flat(reference), _flat(estimate)
    norm = _norm(reference)
    return _norm(reference - estimate) / jnp.where(norm > 0, norm, 1)


def log_magnitude_error(reference: jax.Array, estimate: jax.Array, *, floor: float = 1e-5) -> jax.Array:
    """‖log(r + ε) − log(e + ε)‖₁ / ‖log(r + ε)‖₁ over time and frequency, SC_log (Neural Drum Machine, eq. 12).

    Args:
      reference: (items, frames, bins), mel magnitudes, at least 0.
      estimate: the same shape, at least 0.
      floor: ε, in the paper "a small number"; the value is our decision, and that of the log-mel spectrogram.

    Returns:
      float32 (items,), 0 for equal spectra.
    """
    reference, estimate = jnp.log(_flat(reference) + floor), jnp.log(_flat(estimate) + floor)
    total = jnp.sum(jnp.abs(reference), -1)
    return jnp.sum(jnp.abs(reference - estimate), -1) / jnp.where(total > 0, total, 1)


def mask_bce(logits: jax.Array, mask: jax.Array) -> jax.Array:
    """Binary cross-entropy of a sound's mask, from logits, the mean over its samples in nats (Neural Drum Machine, eqs. 6 and 9).

    Args:
      logits: (items, samples), the sum of the heads' m_h, before the sigmoid.
      mask: (items, samples) in [0, 1]: 1 for the sound's samples, 0 for the zeros that pad it.

    Returns:
      float32 (items,), log 2 for logits of 0.
    """
    return soft_bce(logits, mask) / logits.shape[-1]


IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The kernel's widths, as parts of its base (from the code of Tolstikhin et al., "Wasserstein Auto-Encoders", 2017)."""


def inverse_multiquadratic(a: jax.Array, b: jax.Array) -> jax.Array:
    """The kernel of the WAE for a standard normal prior: Σ C s / (C s + ‖a − b‖²), C = 2 d, over `IMQ_SCALES`, of all pairs.

    Neural Drum Machine, after eq. 5: "the multi-quadratics kernel as for CelebA in (Tolstikhin et al. 2017)"; base and scales are
    those of that paper's code.

    Args:
      a: (n, d).
      b: (m, d).

    Returns:
      float32 (n, m), in (0, 7].
    """
    a, b = a.astype(jnp.float32), b.astype(jnp.float32)
    square = jnp.sum(jnp.square(a), -1)[:, None] + jnp.sum(jnp.square(b), -1) - 2 * jnp.matmul(a, b.T, precision="highest")
    square = jnp.maximum(square, 0)
    base = 2.0 * a.shape[-1]
    return sum((base * scale / (base * scale + square) for scale in IMQ_SCALES), jnp.zeros_like(square))


def mmd_by_class(
    codes: jax.Array, prior: jax.Array, label: jax.Array, classes: int, mask: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """The squared maximum mean discrepancy of each class's codes from the prior, unbiased (Neural Drum Machine, eq. 3).

    Args:
      codes: (items, d), in any order of classes.
      prior: (items, d), as many draws from the standard normal; item i is compared with the draws of its own class's items.
      label: int32 (items,), in [0, classes).
      classes: how many there are.
      mask: (items,), 1 for the items that count; None for all.

    Returns:
      float32 (classes,), the discrepancies, which may be below 0, and are 0 for classes of fewer than two items; and float32
      (classes,), how many items of each class counted.
    """
    counted = jnp.ones(label.shape, jnp.float32) if mask is None else (mask > 0).astype(jnp.float32)
    counts = jax.ops.segment_sum(counted, label, classes)
    # All pairs at once, those of two classes weigh 0: at 704 codes three products of 704 × 64 × 704, no loop over classes.
    alike = (label[:, None] == label) * (counted[:, None] * counted)
    others = alike * (1 - jnp.eye(len(label)))
    n = counts[label]
    same = jnp.sum(others * (inverse_multiquadratic(codes, codes) + inverse_multiquadratic(prior, prior)), 1)
    cross = jnp.sum(alike * inverse_multiquadratic(codes, prior), 1)
    rows = jnp.where(n > 1, same / jnp.maximum(n * (n - 1), 1) - 2 * cross / jnp.maximum(n * n, 1), 0)
    return jax.ops.segment_sum(rows, label, classes), counts


def mmd_imq(codes: jax.Array, prior: jax.Array, label: jax.Array, classes: int, mask: jax.Array | None = None) -> jax.Array:
    """D_Z of the Neural Drum Machine, eq. 4: the mean of `mmd_by_class` over the classes that have at least two items here.

    Args: as `mmd_by_class`.

    Returns:
      float32 (), 0 where no class has two items.
    """
    discrepancies, counts = mmd_by_class(codes, prior, label, classes, mask)
    return masked_mean(discrepancies, (counts > 1).astype(jnp.float32))


def _flat(x: jax.Array) -> jax.Array:
    return x.astype(jnp.float32).reshape(x.shape[0], -1)


def _norm(x: jax.Array) -> jax.Array:
    """Euclidean norms of rows, with a gradient of 0 at 0."""
    square = jnp.sum(jnp.square(x), -1)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """The mean of the values (items,) whose mask (items,) is 1; 0 for an empty mask."""
    return jnp.sum(values * mask) / jnp.maximum(jnp.sum(mask), 1)
