"""Learning rates that change: they rise at first, fall on plateaus of the validation loss, or along a cosine to the end.

What a plateau is recognised by (the best loss, looks without a better one, how far the rate has fallen) is part of the optimiser's
state: it is stored in checkpoints, and a resumed training goes on as if never stopped. The compiled step multiplies its updates by
the scale that it finds there; `AnnealedOptimizer.listen` is called after a look at the validation split and changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax.contrib import reduce_on_plateau

from drumjax.systems.system import Progress

Tree = Any


class AnnealedState(NamedTuple):
    """The state of an annealed optimiser.

    Attributes:
      rule: that of the optimiser itself.
      plateau: optax's memory of the losses heard of, with the scale in (0, 1]; `()` where no plateau is waited for.
    """

    rule: Tree
    plateau: Tree


class AnnealedOptimizer(NamedTuple):
    """An optimiser in optax's shape that knows how far training is, and listens to validations.

    Attributes:
      init: `(params) -> state`.
      update: `(gradients, state, params, progress) -> (updates, state)`; the memory of plateaus stays as it is.
      listen: `(state.plateau, loss) -> state.plateau` after a validation; a loss that is not a number is no better one.
      learning_rate: `(state, progress) -> ` that of the update, a float32 scalar.
    """

    init: Callable[[Tree], AnnealedState]
    update: Callable[[Tree, AnnealedState, Tree, Progress], tuple[Tree, AnnealedState]]
    listen: Callable[[Tree, jax.Array], Tree]
    learning_rate: Callable[[AnnealedState, Progress], jax.Array]


def annealed(
    rule: optax.GradientTransformation,
    learning_rate: float,
    *,
    factor: float = 1.0,
    patience: int = 1,
    floor: float = 0.0,
    cosine: bool = False,
    warmup_steps: int = 0,
) -> AnnealedOptimizer:
    """An optimiser whose updates are scaled by what is left of its learning rate.

    Args:
      rule: the optimiser, with its constant learning rate.
      learning_rate: that rate, for the logs.
      factor: in (0, 1], by which the rate falls on a plateau, as optax's `reduce_on_plateau` recognises one; 1: it does not.
      patience: validations in a row without a better loss, at least 1. Better is less by a ten-thousandth (optax's default, and
        PyTorch's).
      floor: the learning rate that plateaus leave at least.
      cosine: whether the rate falls along half a cosine to 0 at the end (Loshchilov and Hutter, "SGDR", 2017, eq. 5, one cycle).
      warmup_steps: over which the rate rises in equal parts; the step after them is the first at the whole rate.
    """
    plateau = None if factor == 1 else reduce_on_plateau(factor=factor, patience=patience, min_scale=floor / learning_rate)

    def scale(state: AnnealedState, progress: Progress) -> jax.Array:
        left = jnp.float32(1) if plateau is None else state.plateau.scale
        if cosine:
            left = left * 0.5 * (1 + jnp.cos(jnp.pi * progress.fraction))
        return left * jnp.minimum((progress.step + 1) / (warmup_steps + 1), 1)

    def init(params: Tree) -> AnnealedState:
        return AnnealedState(rule.init(params), () if plateau is None else plateau.init(params))

    def update(gradients: Tree, state: AnnealedState, params: Tree, progress: Progress) -> tuple[Tree, AnnealedState]:
        updates, inner = rule.update(gradients, state.rule, params)
        left = scale(state, progress)
        return jax.tree.map(lambda u: left.astype(u.dtype) * u, updates), AnnealedState(inner, state.plateau)

    def listen(memory: Tree, loss: jax.Array) -> Tree:
        return memory if plateau is None else plateau.update({}, memory, value=loss)[1]

    return AnnealedOptimizer(init, update, listen, lambda state, progress: learning_rate * scale(state, progress))
