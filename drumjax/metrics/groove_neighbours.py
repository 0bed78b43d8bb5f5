"""The K-NN baseline of PocketVAE (Sec. 3.3.1): grooves of the training set with the most similar templates, put together.

Similarity is the inner product of templates: the number of cells that both have. It favours templates of many notes; that is the
paper's choice. Of equally similar ones the first in the data's order is taken (our decision; the paper's library leaves it open):
so the baseline is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

K = 20
"""Neighbours (Sec. 3.3.1)."""
_PAIRS_AT_ONCE = 1 << 23


def neighbours(
    templates: np.ndarray, known: np.ndarray, k: int = K, *, groups: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """For every template the k of the training set with the largest inner product, the most similar first.

    Args:
      templates: binary (n, steps, lanes).
      known: binary (m, steps, lanes), those of the training set, m at least 1.
      k: how many; of a smaller training set as many as every template can have.
      groups: groups of the templates (n,) and of the known ones (m,); none of its own group is a neighbour. None: all may be.

    Returns:
      int64 (n, at most k), indices into `known`.

    Raises:
      ValueError: for templates of other shapes, an empty training set, or a group that holds all of it.
    """
    if templates.ndim != 3 or templates.shape[1:] != known.shape[1:] or not len(known):
        raise ValueError(
            f"expected templates (n, steps, lanes) and some known ones alike, found {templates.shape} and {known.shape}"
        )
    own = None
    k = min(k, len(known))
    if groups is not None:
        names, number = np.unique(np.concatenate([np.asarray(each) for each in groups]), return_inverse=True)
        own, theirs = number[: len(templates)], number[len(templates) :]
        k = min(k, len(known) - int(np.bincount(theirs, minlength=len(names))[own].max(initial=0)))
        if k < 1:
            raise ValueError("expected for every template a known one of another group, found a group that holds them all")
    # Exact: float32 holds every whole number up to 2^24. Of equal ones `top_k` gives the earlier first.
    left, right = (np.asarray(each).reshape(len(each), -1).astype(np.float32) for each in (templates, known))
    found = np.empty((len(left), k), np.int64)
    rows_at_once = max(1, _PAIRS_AT_ONCE // len(known))
    for first in range(0, len(left), rows_at_once):
        rows = slice(first, first + rows_at_once)
        similar = left[rows] @ right.T
        if own is not None:
            similar[own[rows, None] == theirs[None, :]] = -1
        found[rows] = jax.lax.top_k(similar, k)[1]
    return found


def combine(indices: np.ndarray, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The neighbours' grooves put together: a majority of notes, the mean of all velocities and offsets (eqs. 1 and 2).

    Args:
      indices: int (n, k), of `neighbours`.
      known: the training set's `velocity` and `offset`, float (m, steps, lanes), 0 where there is no hit.

    Returns:
      `note`, bool: in at least k / 2 of them; `velocity` and `offset`, float32, means over all k, those without the note included:
      (n, steps, lanes) each.
    """
    k = indices.shape[1]
    shape = (len(indices), *known["velocity"].shape[1:])
    votes, velocity, offset = np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape)
    for column in indices.T:
        votes += known["velocity"][column] > 0
        velocity += known["velocity"][column]
        offset += known["offset"][column]
    return {"note": 2 * votes >= k, "velocity": (velocity / k).astype(np.float32), "offset": (offset / k).astype(np.float32)}
