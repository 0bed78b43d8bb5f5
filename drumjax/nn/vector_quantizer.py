"""A codebook that follows what it encodes by moving averages, with a gradient that passes straight through.

van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017, Sec. 3 and appendix A.1. Codes that nothing
chooses any more are laid upon vectors of the batch (Dhariwal et al., "Jukebox", 2020, Sec. 3.1: "random restarts").
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Codebook = dict[str, Any]
"""`codes` float32 (k, size); `sums` float32 (k, size) and `counts` float32 (k,), moving averages of the sum and the number of the
vectors that chose a code in a batch. `codes` is `sums / counts`, the counts smoothed."""


def init_codebook(key: jax.Array, codes: int, size: int) -> Codebook:
    """Codes drawn from the standard normal, which nothing has chosen yet.

    With the defaults of `update_codebook` the first update lays them upon vectors of the batch, but for those that more than five
    even shares of it chose: these go to the middle of what chose them.
    """
    return {
        "codes": jax.random.normal(key, (codes, size)),
        "sums": jnp.zeros((codes, size)),
        "counts": jnp.zeros((codes,)),
    }


def quantize(codebook: Codebook, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The nearest codes of vectors.

    Args:
      codebook: see `Codebook`.
      z: float (..., size).

    Returns:
      int32 (...), the indices, the lowest of several equally near; and (..., size), the codes, whose gradient for z is that of z
      itself and for the codebook 0.
    """
    codes = jax.lax.stop_gradient(codebook["codes"])
    # Without the vector's own square, which is the same for all codes.
    distances = jnp.sum(jnp.square(codes), -1) - 2 * jnp.matmul(jax.lax.stop_gradient(z), codes.T, precision="highest")
    indices = jnp.argmin(distances, -1).astype(jnp.int32)
    return indices, z + jax.lax.stop_gradient(codes[indices] - z)


def update_codebook(
    codebook: Codebook,
    z: jax.Array,
    indices: jax.Array,
    key: jax.Array,
    *,
    decay: float = 0.99,
    smoothing: float = 1e-5,
    dead_below: float = 0.05,
) -> Codebook:
    """The codebook after a batch.

    Args:
      codebook: before it.
      z: float (..., size), the batch's vectors.
      indices: int32 (...), what they chose.
      key: says which vectors become codes.
      decay: how much of a moving average stays.
      smoothing: ε of the Laplace smoothing: counts become (count + ε) / (n + k ε) · n, n their sum.
      dead_below: a code whose count falls below this part of an even share of the batch is laid upon one of its vectors and counts
        as if it had had its even share; 0 for never.
    """
    z = jax.lax.stop_gradient(z).reshape(-1, z.shape[-1])
    number = len(codebook["codes"])
    chosen = jax.nn.one_hot(indices.reshape(-1), number, dtype=z.dtype)
    counts = decay * codebook["counts"] + (1 - decay) * chosen.sum(0)
    sums = decay * codebook["sums"] + (1 - decay) * jnp.matmul(chosen.T, z, precision="highest")
    if dead_below:
        share = len(z) / number
        dead = counts < dead_below * share
        drawn = z[jax.random.choice(key, len(z), (number,), replace=len(z) < number)]
        counts = jnp.where(dead, share, counts)
        sums = jnp.where(dead[:, None], share * drawn, sums)
    total = counts.sum()
    smooth = (counts + smoothing) / (total + number * smoothing) * total
    # What nothing ever chose stays where it is.
    codes = jnp.where(counts[:, None] > 0, sums / smooth[:, None], codebook["codes"])
    return {"codes": codes, "sums": sums, "counts": counts}
