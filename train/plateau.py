"""Learning rates that fall when the validation loss no longer does.

The memory (best loss, looks without a better one, how far the rate has fallen) is part of the optimiser's state: it is stored in
checkpoints, and a resumed training goes on as if never stopped. The compiled step multiplies its updates by the scale that it
finds there; `AnnealedOptimizer.listen` is called after a look at the validation split and changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax
from optax.contrib import ReduceLROnPlateauState, reduce_on_plateau

Tree = Any


class AnnealedState(NamedTuple):
    """The state of an annealed optimiser.

    Attributes:
      rule: that of the optimiser itself.
      plateau: optax's memory of the losses heard of, and the scale in (0, 1].
    """

    rule: Tree
    plateau: ReduceLROnPlateauState


class AnnealedOptimizer(NamedTuple):
    """An optimiser in optax's shape that listens to validations.

    Attributes:
      init: `(params) -> state`.
      update: `(gradients, state, params) -> (updates, state)`; the plateau's memory stays as it is.
      listen: `(plateau, loss) -> plateau` after a validation; a loss that is not a number is no better one.
      learning_rate: `(state) -> ` the rate of the next step, a float32 scalar.
    """

    init: Callable[[Tree], AnnealedState]
    update: Callable[..., tuple[Tree, AnnealedState]]
    listen: Callable[[ReduceLROnPlateauState, jax.Array], ReduceLROnPlateauState]
    learning_rate: Callable[[AnnealedState], jax.Array]


def annealed(rule: optax.GradientTransformation, learning_rate: float, *, factor: float, patience: int) -> AnnealedOptimizer:
    """An optimiser whose updates shrink on plateaus, as optax's `reduce_on_plateau` recognises them.

    Args:
      rule: the optimiser, with its constant learning rate.
      learning_rate: that rate, for the logs.
      factor: in (0, 1), by which the rate falls.
      patience: validations in a row without a better loss, at least 1. Better is less by a ten-thousandth (optax's default, and
        PyTorch's).
    """
    plateau = reduce_on_plateau(factor=factor, patience=patience)

    def init(params: Tree) -> AnnealedState:
        return AnnealedState(rule.init(params), plateau.init(params))

    def update(gradients: Tree, state: AnnealedState, params: Tree = None) -> tuple[Tree, AnnealedState]:
        updates, inner = rule.update(gradients, state.rule, params)
        return jax.tree.map(lambda u: state.plateau.scale * u, updates), AnnealedState(inner, state.plateau)

    def listen(memory: ReduceLROnPlateauState, loss: jax.Array) -> ReduceLROnPlateauState:
        return plateau.update({}, memory, value=loss)[1]

    return AnnealedOptimizer(init, update, listen, lambda state: learning_rate * state.plateau.scale)
