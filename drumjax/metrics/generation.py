"""How good a set of generated patterns is, without listeners: beside the data, beside held-out data, beside independent cells.

Conventions:
  - `hits` are bool (n, steps, lanes); velocities do not count. Distances are Hamming distances of hits, counted in cells.
  - The data are the training patterns, `train`. Of two sets compared with them, figures that depend on the size of a set (coverage,
    recall, distinct, everything about distributions) are comparable only for sets of one size: `evaluate` is given such sets.
  - A neighbourhood of a pattern in a set reaches to its k-th nearest other pattern of that set, that pattern included.

Sources: precision and recall, Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019;
coverage, Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020. They compare images by the features
of a classifier; here patterns are compared cell by cell (our decision). The other figures are our decisions: Off the Beaten Track
gives none for its GAN but its listeners' ratings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import wasserstein_distance

from drumjax.metrics.patterns import validate_hits
from drumjax.metrics.report import Figure, over_items

NEAR = 4
"""Patterns that differ in at most so many cells are nearly copies (our decision): two hits moved, of 384 cells."""
MANIFOLD_K = 3
"""Neighbours that span the manifolds of precision and recall (Kynkäänniemi et al., 2019, Sec. 3)."""
COVERAGE_K = 5
"""Neighbours that span the neighbourhoods of coverage (Naeem et al., 2020, Sec. 4)."""
OF_HELD_OUT, OF_INDEPENDENT = " of held-out patterns", " of independent cells"
"""How the yardsticks' figures are named, after the figure's own name."""

DEFINITIONS: Mapping[str, str] = {
    "cell_rate_error": "mean absolute difference, over cells, of the share of patterns with a hit there and the data's",
    "hits_mean": "mean number of hits of a pattern",
    "hits_sd": "standard deviation of the number of hits over patterns",
    "hits_distance": "1-Wasserstein distance of the numbers of hits of a pattern from the data's, in hits",
    "copies": "share of patterns whose hits equal those of a training pattern",
    "near_copies": f"share of patterns that differ from some training pattern in at most {NEAR} cells, copies included",
    "distance_to_data": "Hamming distance in cells from a pattern to the nearest training pattern, mean over patterns",
    "distance_from_data": "Hamming distance in cells from a training pattern to the nearest of the set, mean over the former",
    "diversity": "mean Hamming distance, in cells, of two different patterns of the set",
    "distinct": "share of different patterns in the set",
    "precision": f"share of patterns in the {MANIFOLD_K}-neighbourhood of some training pattern (Kynkäänniemi 2019)",
    "recall": f"share of training patterns in the {MANIFOLD_K}-neighbourhood of some pattern of the set (Kynkäänniemi 2019)",
    "coverage": f"share of training patterns whose {COVERAGE_K}-neighbourhood holds a pattern of the set (Naeem et al., 2020)",
    "nearest_used": "share of training patterns that are the nearest one of some pattern of the set",
    "genre_distance": "half the sum, over genres, of the absolute difference between the share of patterns whose nearest training "
    "pattern is of the genre and the genre's share of the data",
}


def hamming(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distances of all pairs, float32 (n, m), whole numbers, of hits `a` (n, steps, lanes) and `b` (m, steps, lanes)."""
    validate_hits(a, b)
    if a.ndim != 3 or a.shape[1:] != b.shape[1:]:
        raise ValueError(f"expected two sets (n, steps, lanes) of the same grid, found {a.shape} and {b.shape}")
    # Exact: float32 holds every whole number up to 2^24.
    left, right = (hits.reshape(len(hits), -1).astype(np.float32) for hits in (a, b))
    distances = left @ right.T
    distances *= -2
    distances += left.sum(1)[:, None]
    distances += right.sum(1)[None]
    return distances


def hit_rates(hits: np.ndarray) -> np.ndarray:
    """The share of patterns with a hit in each cell: float64 (steps, lanes), for hits (n, steps, lanes)."""
    validate_hits(hits)
    return hits.mean(0, dtype=np.float64)


def draw_independent(train: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The yardstick of no structure: every cell is a hit with its rate in the data, by itself: bool (n, steps, lanes)."""
    return np.random.default_rng(seed).random((n, *train.shape[1:])) < hit_rates(train)


def neighbourhood(distances: np.ndarray, k: int) -> np.ndarray:
    """How far each pattern's neighbourhood reaches.

    Args:
      distances: (n, n), of all pairs of a set.
      k: which nearest other pattern is the last inside; in a set of fewer others, the farthest.

    Returns:
      (n,), in the distances' unit; 0 for a pattern alone.
    """
    k = min(k, len(distances) - 1)
    # The pattern itself, at distance 0, is one of the k + 1 least.
    return np.partition(distances, k, axis=1)[:, k]


class Data:
    """The training patterns, and what is found out about them once for any number of sets.

    Attributes:
      hits: bool (m, steps, lanes).
      genre: int (m,), indices.
      among: float32 (m, m), their distances.
      reach, far_reach: (m,), their neighbourhoods of `MANIFOLD_K` and `COVERAGE_K`.
    """

    def __init__(self, hits: np.ndarray, genre: np.ndarray) -> None:
        if len(hits) < 2:
            raise ValueError(f"expected at least two training patterns, found {len(hits)}")
        self.hits, self.genre = hits, genre
        self.among = hamming(hits, hits)
        self.reach, self.far_reach = (neighbourhood(self.among, k) for k in (MANIFOLD_K, COVERAGE_K))


def genre_shares(nearest: np.ndarray, genre: np.ndarray, count: int) -> np.ndarray:
    """The share of patterns whose nearest training pattern, by its index (n,), is of each genre: float64 (count,)."""
    return np.bincount(genre[nearest], minlength=count) / len(nearest)


def measure(hits: np.ndarray, data: Data, genres: Sequence[str]) -> dict[str, float]:
    """All figures of one set, as `DEFINITIONS` says, and `genre_share NAME` for every genre.

    Args:
      hits: bool (n, steps, lanes), n at least 2.
      data: the training patterns.
      genres: their names.
    """
    if len(hits) < 2:
        raise ValueError(f"expected at least two patterns, found {len(hits)}")
    away, among = hamming(hits, data.hits), hamming(hits, hits)
    nearest, least = away.argmin(1), away.min(1)
    numbers, of_data = (np.count_nonzero(x, axis=(1, 2)) for x in (hits, data.hits))
    n = len(hits)
    shares, there = genre_shares(nearest, data.genre, len(genres)), np.bincount(data.genre, minlength=len(genres)) / len(data.genre)
    figures = {
        "cell_rate_error": float(np.abs(hit_rates(hits) - hit_rates(data.hits)).mean()),
        "hits_mean": float(numbers.mean()),
        "hits_sd": float(numbers.std()),
        "hits_distance": float(wasserstein_distance(numbers, of_data)),
        "copies": float((least == 0).mean()),
        "near_copies": float((least <= NEAR).mean()),
        "distance_to_data": float(least.mean()),
        "distance_from_data": float(away.min(0).mean()),
        "diversity": float(among.sum(dtype=np.float64) / (n * (n - 1))),
        "distinct": len(np.unique(np.packbits(hits.reshape(n, -1), axis=1), axis=0)) / n,
        "precision": float((away <= data.reach).any(1).mean()),
        "recall": float((away <= neighbourhood(among, MANIFOLD_K)[:, None]).any(0).mean()),
        "coverage": float((away <= data.far_reach).any(0).mean()),
        "nearest_used": len(np.unique(nearest)) / len(data.hits),
        "genre_distance": float(np.abs(shares - there).sum() / 2),
    }
    return figures | {f"genre_share {name}": float(share) for name, share in zip(genres, shares, strict=True)}


def evaluate(
    sets: Sequence[np.ndarray], train: np.ndarray, genre: np.ndarray, genres: Sequence[str], held_out: np.ndarray, *, seed: int = 0
) -> dict[str, Figure]:
    """Every figure of generated sets, and beside each what held-out data and independent cells come to.

    Args:
      sets: hits of generated patterns, bool (n, steps, lanes) each: figures are means and standard deviations over these sets.
      train: hits of the training patterns, bool (m, steps, lanes).
      genre: int (m,), their genres.
      genres: the names.
      held_out: hits of data that the generator was not trained on, bool (n, steps, lanes), as many as in a set.
      seed: of the independent cells, of which there are as many sets of n patterns.

    Returns:
      `NAME`, `NAME of held-out patterns` and `NAME of independent cells`, for `DEFINITIONS` and for each `genre_share GENRE`.
    """
    sizes = {len(hits) for hits in (*sets, held_out)}
    if not sets or len(sizes) > 1:
        raise ValueError(f"expected sets of one size, that of the held-out patterns, found {sorted(sizes)}")
    data, n = Data(train, genre), len(held_out)
    independent = [draw_independent(train, n, seed + i) for i in range(len(sets))]
    of_sets, of_independent = ([measure(hits, data, genres) for hits in group] for group in (sets, independent))
    of_held_out = measure(held_out, data, genres)
    figures: dict[str, Figure] = {}
    for name in of_held_out:
        what = DEFINITIONS.get(name) or f"share of patterns whose nearest training pattern is of the genre {name.partition(' ')[2]}"
        over = f"; mean and standard deviation over {len(sets)} sets of {n}"
        figures[name] = over_items(np.array([each[name] for each in of_sets]), f"{what}{over} generated patterns")
        figures[name + OF_HELD_OUT] = Figure(of_held_out[name], f"{what}; for the {n} held-out patterns")
        figures[name + OF_INDEPENDENT] = over_items(
            np.array([each[name] for each in of_independent]), f"{what}{over} patterns, each cell a hit at its rate in the data"
        )
    return figures
