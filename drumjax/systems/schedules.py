"""What changes in the course of a training, as pure functions of how far it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from drumjax.systems.system import Progress


@dataclass(frozen=True)
class Forcing:
    """How often a recurrent decoder is given the true last step in training, and not its own."""

    end: float = 0.5
    """What the share of true steps falls to, exponentially, from 1; it stays there."""
    share: float = 0.02
    """The part of the training (of this stage's steps) over which it falls; 0: it is `end` from the first step on."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        if not 0 < self.end <= 1:
            raise ValueError(f"expected end above 0 and at most 1, found {self.end}")
        if not 0 <= self.share < math.inf:
            raise ValueError(f"expected share of at least 0, found {self.share}")


def forcing_ratio(forcing: Forcing, progress: Progress) -> jax.Array:
    """The probability of a true step, float32 scalar: end ** (fraction / share), at least `end`."""
    return jnp.float32(forcing.end) ** ramp(progress, share=forcing.share)


def ramp(progress: Progress, *, share: float, cycles: int = 1) -> jax.Array:
    """Rises from 0 to 1, linearly, and stays; begins anew with each cycle.

    Args:
      progress: how far training is.
      share: of a cycle, over which it rises; 0: it is 1 throughout.
      cycles: of equal length in the whole training, at least 1 (Fu et al., "Cyclical Annealing Schedule: A Simple Approach to
        Mitigating KL Vanishing", 2019).

    Returns:
      float32 scalar in [0, 1].
    """
    if share == 0:
        return jnp.float32(1)
    within = progress.fraction if cycles == 1 else jnp.mod(progress.fraction * cycles, 1)
    return jnp.minimum(within / share, 1)
