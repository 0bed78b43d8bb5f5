"""How near reconstructed drum sounds come to the originals, as a vocoder's losses see it, and which of two methods comes nearer.

Conventions:
  - Sounds are compared by their mel magnitudes, float (n, frames, bins), at least 0, frames first (the paper writes bins × frames).
    Neither phases nor anything above the mel bands' resolution counts.
  - Every figure is one number a sound; means are taken over sounds, so that a loud or long sound weighs no more than another.
  - `floor` is what is added before a logarithm, the data's own (1e-5); logarithms are natural, so 0.115 is 1 dB.
  - A difference of two methods is taken sound by sound, first minus second: below 0 the first one is nearer. Its interval is a
    bootstrap over groups (takes of one drum are no independent witnesses), 95 % by percentiles.

Sources: spectral convergence and the log-mel error are eqs. 11 and 12 of Neural Drum Machine (after Arık, Jun and Diamos, "Fast
Spectrogram Inversion Using Multi-Head Convolutional Neural Networks", 2019), where they are losses. The log difference, which says
how many nats an element is off and does not depend on how much of a sound lies at the floor, and the intervals are our decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drumjax.metrics.report import Figure, over_items

FLOOR = 1e-5
RESAMPLES = 2000
DB_PER_NAT = 20 / np.log(10)
"""Of magnitudes: an error of 1 in natural logarithms is so many decibels."""

TITLES: Mapping[str, str] = {
    "spectral_convergence": "spectral convergence",
    "log_mel_error": "log-mel error",
    "log_difference": "log difference (nats)",
}
"""What pictures and tables call the figures of `DEFINITIONS`."""
DEFINITIONS: Mapping[str, str] = {
    "spectral_convergence": "‖m - m̂‖ / ‖m‖ of a sound's mel magnitudes, Frobenius norms over frames and bands (eq. 11)",
    "log_mel_error": "Σ|ln(m + floor) - ln(m̂ + floor)| / Σ|ln(m + floor)| over frames and bands of a sound (eq. 12)",
    "log_difference": "mean over frames and bands of |ln(m + floor) - ln(m̂ + floor)| of a sound's mel magnitudes; 0.115 is 1 dB",
}


def validate(reference: np.ndarray, estimate: np.ndarray) -> None:
    """Checks that two sets of spectrograms can be compared.

    Raises:
      ValueError: for different shapes, other than three axes, numbers that are not finite or below 0, or a silent reference, which
        no relative error is defined for.
    """
    if reference.shape != estimate.shape or reference.ndim != 3:
        raise ValueError(
            f"expected mel magnitudes (n, frames, bins) of one shape, found {reference.shape} and {estimate.shape}; "
            "stack single spectrograms"
        )
    for name, array in (("reference", reference), ("estimate", estimate)):
        if array.size and not (np.isfinite(array).all() and array.min() >= 0):
            raise ValueError(
                f"expected the {name} as finite magnitudes of at least 0, found {array.min()} to {array.max()}; "
                "undo the logarithm and the standardisation first"
            )
    if (silent := np.flatnonzero(~reference.any((1, 2)))).size:
        raise ValueError(f"expected references with sound in them, found silence in number {silent[0]}; leave silent sounds out")


def spectral_convergence(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """How far magnitudes are off, as a share of the sound's own (eq. 11): 0 is exact, 1 is what silence scores.

    Args:
      reference: mel magnitudes, float (n, frames, bins).
      estimate: of the same shape.

    Returns:
      float64 (n,), at least 0.
    """
    validate(reference, estimate)
    off, whole = (np.sqrt(np.square(x, dtype=np.float64).sum((1, 2))) for x in (reference - estimate, reference))
    return off / whole


def log_mel_error(reference: np.ndarray, estimate: np.ndarray, floor: float = FLOOR) -> np.ndarray:
    """The absolute difference of the logarithms as a share of the reference's (eq. 12): float64 (n,); arguments as above.

    The share depends on the level: a magnitude of 1 has the logarithm 0, one at the floor -11.5.
    """
    validate(reference, estimate)
    whole = np.abs(np.log(reference + floor)).sum((1, 2), dtype=np.float64)
    return _absolute(reference, estimate, floor).sum((1, 2), dtype=np.float64) / whole


def log_difference(reference: np.ndarray, estimate: np.ndarray, floor: float = FLOOR) -> np.ndarray:
    """The mean absolute difference of the logarithms over frames and bands: float64 (n,), in nats; arguments as above."""
    validate(reference, estimate)
    return _absolute(reference, estimate, floor).mean((1, 2), dtype=np.float64)


def _absolute(reference: np.ndarray, estimate: np.ndarray, floor: float) -> np.ndarray:
    return np.abs(np.log(reference + floor) - np.log(estimate + floor))


def measure(reference: np.ndarray, estimate: np.ndarray, floor: float = FLOOR) -> dict[str, np.ndarray]:
    """Each figure of `DEFINITIONS` for every sound, float64 (n,): what is kept of a batch whose spectrograms are let go."""
    return {
        "spectral_convergence": spectral_convergence(reference, estimate),
        "log_mel_error": log_mel_error(reference, estimate, floor),
        "log_difference": log_difference(reference, estimate, floor),
    }


class Difference(NamedTuple):
    """A paired difference.

    Attributes:
      mean: over all sounds.
      low, high: the ends of its interval; NaN for fewer than two groups, which nothing can be resampled of.
      share_below: share of sounds whose difference is below 0.
    """

    mean: float
    low: float
    high: float
    share_below: float


def paired_difference(
    first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """The mean of `first - second` over sounds, with its 95 % bootstrap interval over groups.

    Args:
      first: float (n,), one number a sound, n at least 1.
      second: the same of the other method.
      groups: (n,), what belongs together; None for every sound by itself.
      resamples: how often as many groups are drawn with replacement.
      seed: of the draws.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"expected one number a sound for both methods, found {first.shape} and {second.shape}")
    difference = first - second
    _, group = np.unique(np.arange(len(first)) if groups is None else groups, return_inverse=True)
    sizes = np.bincount(group)
    low = high = np.nan
    if len(sizes) > 1:
        drawn = np.random.default_rng(seed).integers(0, len(sizes), (resamples, len(sizes)))
        sums = np.bincount(group, difference)
        low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), (0.025, 0.975))
    return Difference(float(difference.mean()), float(low), float(high), float((difference < 0).mean()))


def evaluate(reference: np.ndarray, estimate: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> dict[str, Figure]:
    """All figures of one method, over all sounds and for each class (`NAME CLASS`).

    Args:
      reference: mel magnitudes of the originals, float (n, frames, bins).
      estimate: of the reconstructions, of the same shape.
      labels: int (n,), indices into `classes`.
      classes: their names; one without sounds has no figure.
    """
    return summarise(measure(reference, estimate), by_class(labels, classes))


def by_class(labels: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Which sounds are of each class that has any: bool (n,) by the class's name.

    Raises:
      ValueError: a label that is no class's number.
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(f"expected labels below {len(classes)}, found {labels.min()} to {labels.max()}")
    return {name: labels == index for index, name in enumerate(classes) if (labels == index).any()}


def summarise(values: Mapping[str, np.ndarray], parts: Mapping[str, np.ndarray], *, what: str = "") -> dict[str, Figure]:
    """The figures of what `measure` gave for every sound, over all and for each part of them (`NAME PART`).

    Args:
      values: float (n,) by the figure's name.
      parts: which sounds belong to a part, bool (n,) by its name; see `by_class`.
      what: what was compared with the originals, for the definitions.
    """
    figures: dict[str, Figure] = {}
    for name, of_sounds in values.items():
        of = f" of {what}" if what else ""
        over = f"mean and standard deviation over {len(of_sounds)} sounds"
        figures[name] = over_items(of_sounds, f"{name}{of}: {DEFINITIONS[name]}; {over}")
        for part, here in parts.items():
            figures[f"{name} {part}"] = over_items(of_sounds[here], f"{name}{of} over the {int(here.sum())} sounds of {part}")
    return figures
