"""Whether codes follow the standard normal prior that new ones are drawn from.

Conventions:
  - `codes` are float (n, d), one row a sound; the prior is N(0, 1) in each of the d dimensions, all independent. It is fully known:
    nothing is estimated from the codes, so every test holds for any number of them, also for fewer than dimensions.
  - The codes of a class are tested by themselves, for every class has a prior of its own (Neural Drum Machine, eq. 4).

Two questions, two tests:
  - `against_prior`: is anything different? The discrepancy that the model was trained with (eq. 3), beside what it comes to for
    as many draws from the prior itself; its value alone says nothing, for it depends on the kernel and on n.
  - `normality`: what is different? Kolmogorov-Smirnov tests of each dimension against N(0, 1), and of the squared length against
    χ²(d), which a dependence between dimensions or a common scale moves; p-values adjusted for their number (Benjamini and
    Hochberg, 1995), so that normal codes fail any of them in 5 % of the cases.

Why not Henze and Zirkler's or Mardia's test: both estimate the covariance, which is singular for n ≤ d (classes have 3 to 300
held-out sounds, d is 64), and would pass codes of any mean and covariance, whereas samples are drawn with mean 0 and covariance 1.
The choice of tests is our decision; the paper says that "our latent distributions do not really match Gaussian distributions"
without a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Of the kernel: summed over (Tolstikhin et al., "Wasserstein Auto-Encoders", 2017, their code; the paper refers to it)."""
LEVEL = 0.05
DRAWS, PRIOR = 200, 1000
"""How many sets of draws from the prior stand for no difference, and how many draws codes and sets are compared with."""


def validate(codes: np.ndarray) -> None:
    """Checks that an array holds codes.

    Raises:
      ValueError: for anything but two axes, fewer than two codes, or numbers that are not finite.
    """
    if codes.ndim != 2 or len(codes) < 2 or not codes.shape[1]:
        raise ValueError(f"expected at least two codes (n, d), found the shape {codes.shape}")
    if not np.isfinite(codes).all():
        raise ValueError("expected finite codes, found infinities or NaNs; was the encoder trained?")


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The inverse multiquadratic kernel Σ C / (C + ‖x - y‖²), C = 2d times each of `SCALES`.

    Args:
      x: float (n, d).
      y: float (m, d).

    Returns:
      float64 (n, m), in (0, len(SCALES)].
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    squares = np.maximum(np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * (x @ y.T), 0)
    total = np.zeros_like(squares)
    for scale in SCALES:
        base = 2.0 * x.shape[1] * scale
        total += base / (base + squares)
    return total


def mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The squared maximum mean discrepancy of two sets, unbiased (eq. 3, there of sets of one size): about 0 for one distribution.

    Args:
      x: float (n, d), n at least 2.
      y: float (m, d), m at least 2.
    """
    validate(x)
    validate(y)
    return _within(x) + _within(y) - 2 * float(kernel(x, y).mean())


def _within(x: np.ndarray) -> float:
    """The mean of the kernel over pairs of different rows; a row's own value is 1 a scale."""
    n = len(x)
    return float((kernel(x, x).sum() - n * len(SCALES)) / (n * (n - 1)))


class AgainstPrior(NamedTuple):
    """The discrepancy from the prior and what chance makes of it.

    Attributes:
      mmd: squared, unbiased.
      null: float64 (draws,), the same for sets of as many draws from the prior.
    """

    mmd: float
    null: np.ndarray

    @property
    def null_mean(self) -> float:
        return float(self.null.mean())

    @property
    def null_95(self) -> float:
        """The 95 % quantile of what the prior itself comes to: codes above it differ from the prior."""
        return float(np.quantile(self.null, 0.95))

    @property
    def p(self) -> float:
        """The share of those sets that reach `mmd`, the codes counted among them: valid for any number of codes."""
        return float((1 + (self.null >= self.mmd).sum()) / (1 + len(self.null)))


def against_prior(codes: np.ndarray, *, seed: int = 0, draws: int = DRAWS, prior: int = PRIOR) -> AgainstPrior:
    """Compares codes (n, d) with `prior` draws, and `draws` sets of n draws with the same ones.

    Codes and sets meet the same draws, so under the prior they are exchangeable and `p` is exact whatever those draws are.
    """
    validate(codes)
    rng = np.random.default_rng(seed)
    n, d = codes.shape
    known = rng.standard_normal((prior, d))
    there = _within(known)

    def away(x: np.ndarray) -> float:
        return _within(x) + there - 2 * float(kernel(x, known).mean())

    null = np.array([away(rng.standard_normal((n, d))) for _ in range(draws)])
    return AgainstPrior(away(codes), null)


def averaged(tests: Sequence[AgainstPrior]) -> AgainstPrior:
    """The mean over classes (eq. 4) and what the prior comes to in it; each class has to have been drawn with a seed of its own."""
    return AgainstPrior(float(np.mean([test.mmd for test in tests])), np.mean([test.null for test in tests], 0))


class Normality(NamedTuple):
    """How codes differ from the standard normal.

    Attributes:
      p: the least adjusted p-value of all d + 1 tests; below `LEVEL` the codes are not standard normal.
      rejected: share of the d dimensions whose adjusted p-value is below `LEVEL`.
      distance: mean over dimensions of the Kolmogorov-Smirnov distance from N(0, 1), in [0, 1].
      length_p: p-value of the squared length's test, not adjusted.
      mean: root mean square over dimensions of the mean; 0 of the prior, about 1 / √n of n draws.
      deviation: root mean square over dimensions of the distance from the origin; 1 of the prior.
    """

    p: float
    rejected: float
    distance: float
    length_p: float
    mean: float
    deviation: float


def normality(codes: np.ndarray) -> Normality:
    """Tests codes (n, d) against the standard normal, dimension by dimension and in their length."""
    validate(codes)
    codes = np.asarray(codes, np.float64)
    tests = [stats.kstest(column, "norm") for column in codes.T]
    squares = np.square(codes).sum(1)
    length = stats.kstest(squares, "chi2", args=(codes.shape[1],))
    adjusted = stats.false_discovery_control([test.pvalue for test in (*tests, length)])
    return Normality(
        p=float(adjusted.min()),
        rejected=float((adjusted[:-1] < LEVEL).mean()),
        distance=float(np.mean([test.statistic for test in tests])),
        length_p=float(length.pvalue),
        mean=float(np.sqrt(np.square(codes.mean(0)).mean())),
        deviation=float(np.sqrt(squares.mean() / codes.shape[1])),
    )


def by_class(codes: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """The codes of each class that has at least two."""
    labels = np.asarray(labels)
    parts = {name: codes[labels == index] for index, name in enumerate(classes)}
    return {name: part for name, part in parts.items() if len(part) >= 2}
