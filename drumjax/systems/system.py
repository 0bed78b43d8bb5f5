"""The shape that every system has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Tree = Any
"""A nested structure of arrays."""


class Progress(NamedTuple):
    """How far training is. Warm-ups, forcing cycles and fade-ins are functions of it.

    Attributes:
      step: int32 scalar, steps done before this one.
      fraction: float32 scalar, `step` over the total number of steps, in [0, 1).
    """

    step: jax.Array
    fraction: jax.Array


class System(NamedTuple):
    """Data and pure functions: everything that the training engine has to know about what it trains.

    Attributes:
      init: `(key, batch) -> (params, extra)`; `params` is `{player: tree}`, `extra` a tree that losses may change
        (codebooks, batch statistics), `{}` where there is none.
      losses: `{player: loss}` in the order in which players are updated in a step;
        `loss(params, extra, batch, key, progress) -> (scalar, (extra, metrics))`, metrics a flat dict of float32 scalars.
        Random draws are keyed per item, `fold_in(key, batch["slot"][i])`, so that a result does not depend on how a batch is split
        over devices.
      validate: `(params, extra, batch) -> {name: array}`: sums over the items whose `batch["mask"]` is 1; counts are sums too.
        The engine adds them up over the split; the recipe's `summarise` turns them into figures.
      sample: `(params, extra, key, condition) -> output`.

    A batch is a dict of arrays with the items first. The engine adds to the data's own arrays `slot`, int32 (items,), the
    item's place in the global batch, and `mask`, float32 (items,), 0 for padding.
    """

    init: Callable[[jax.Array, Tree], tuple[dict[str, Tree], Tree]]
    losses: Mapping[str, Callable[[dict[str, Tree], Tree, Tree, jax.Array, Progress], tuple[jax.Array, tuple[Tree, dict]]]]
    validate: Callable[[dict[str, Tree], Tree, Tree], dict[str, jax.Array]]
    sample: Callable[[dict[str, Tree], Tree, jax.Array, Any], Any]
