"""What every recipe's configuration has: length, batches, validation, checkpoints, and the optimiser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import optax

    from drumjax.train.annealing import AnnealedOptimizer


@dataclass(frozen=True)
class OptimizerConfig:
    """One player's optimiser. Defaults: Adam as Off the Beaten Track's systems use it (our decision, the paper names none)."""

    name: Literal["adam", "sgd"] = "adam"
    """The rule: Adam, or gradient descent with momentum."""
    learning_rate: float = 1e-3
    """Step size (our decision)."""
    b1: float = 0.9
    """Adam: decay of the first moment; sgd: momentum."""
    b2: float = 0.999
    """Adam: decay of the second moment; sgd does without."""
    eps: float = 1e-8
    """Adam: added to the root of the second moment; sgd does without."""
    gradient_clip_norm: float = 0.0
    """Gradients longer than this (global norm over the player's parameters) are shortened to it; 0 leaves them alone."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Whether the learning rate stays, or falls along half a cosine to 0 at the end of the training."""
    warmup_steps: int = 0
    """Over so many steps the learning rate rises to its full height."""
    plateau_factor: float = 1.0
    """The learning rate is multiplied by this whenever `plateau_patience` looks at the validation split in a row have shown no
    better loss; 1 leaves it alone."""
    plateau_patience: int = 10
    """Looks at the validation split without a better loss (by a ten-thousandth) before the learning rate falls."""
    plateau_floor: float = 0.0
    """Plateaus lower the learning rate to no less than this."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for field in ("learning_rate", "eps"):
            if not 0 < getattr(self, field) < math.inf:
                raise ValueError(f"expected {field} above 0, found {getattr(self, field)}")
        for field in ("b1", "b2"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"expected {field} in [0, 1), found {getattr(self, field)}")
        if not 0 <= self.gradient_clip_norm < math.inf:
            raise ValueError(f"expected gradient_clip_norm of at least 0, found {self.gradient_clip_norm}")
        if not 0 < self.plateau_factor <= 1:
            raise ValueError(f"expected plateau_factor above 0 and at most 1, found {self.plateau_factor}")
        if self.plateau_patience < 1:
            raise ValueError(f"expected plateau_patience of at least 1, found {self.plateau_patience}")
        if not 0 <= self.plateau_floor <= self.learning_rate:
            raise ValueError(f"expected plateau_floor from 0 to the learning rate, found {self.plateau_floor}")
        if self.warmup_steps < 0:
            raise ValueError(f"expected warmup_steps of at least 0, found {self.warmup_steps}")


def make_optimizer(config: OptimizerConfig) -> optax.GradientTransformation | AnnealedOptimizer:
    """The optimiser of a configuration, its state a pytree of arrays; an `AnnealedOptimizer` where its rate changes."""
    import optax

    if config.name == "adam":
        rule = optax.adam(config.learning_rate, b1=config.b1, b2=config.b2, eps=config.eps)
    else:
        rule = optax.sgd(config.learning_rate, momentum=config.b1)
    if config.gradient_clip_norm:
        rule = optax.chain(optax.clip_by_global_norm(config.gradient_clip_norm), rule)
    cosine = config.schedule == "cosine"
    if config.plateau_factor == 1 and not cosine and not config.warmup_steps:
        return rule
    from drumjax.train.annealing import annealed

    return annealed(
        rule,
        config.learning_rate,
        factor=config.plateau_factor,
        patience=config.plateau_patience,
        floor=config.plateau_floor,
        cosine=cosine,
        warmup_steps=config.warmup_steps,
    )


@dataclass(frozen=True)
class TrainingConfig:
    """Fields that every recipe's configuration inherits; the recipe adds its model, its losses' weights and its optimisers."""

    seed: int = 0
    """First weights, random draws and the order of batches; two runs of one seed are the same run."""
    batch_size: int = 64
    """Items in a step, over all devices together (our decision); of fewer items, the largest power of two among them."""
    epochs: float = 200.0
    """Length of the training in passes over the training split (our decision); 0: `iterations` decides. --steps and --budget take
    the place of both."""
    iterations: int = 0
    """Length of the training in steps, whatever the size of the data; 0: `epochs` decides."""
    validate_every_epochs: float = 5.0
    """Passes between two looks at the validation split. The end is always validated."""
    validate_every_steps: int = 1
    """At least so many steps lie between two looks: of few data a pass is a step or two, and too short to learn anything."""
    checkpoint_every_validations: int = 1
    """Looks at the validation split from one that writes a checkpoint to the next; the best checkpoint is one of these."""
    checkpoint_every_seconds: float = 120.0
    """At most about this much work is lost when the machine dies between two validations."""
    keep_checkpoints: int = 2
    """The last so many checkpoints stay, and the best one by the recipe's criterion."""
    ema_decay: float = 0.0
    """Moving average of the parameters, validated and played in their place; 0 for none. It warms up: (1 + step) / (10 + step)."""
    resident_limit_bytes: int = 1 << 30
    """Training data up to this size lie on the device for good; larger ones are streamed in the same order."""
    stream_buffer_bytes: int = 64 << 20
    """A streamed dispatch holds at most this much data; there are two, one computed with and one being filled."""
    dispatch_steps: int = 256
    """At most so many steps run in one dispatch."""
    dispatch_seconds: float = 1.0
    """Steps a dispatch are chosen so that it lasts about this long: what a signal waits for, at most about twice that."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for field in (
            "batch_size",
            "validate_every_steps",
            "checkpoint_every_validations",
            "keep_checkpoints",
            "dispatch_steps",
            "stream_buffer_bytes",
        ):
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of at least 1, found {getattr(self, field)}")
        for field in ("validate_every_epochs", "checkpoint_every_seconds", "dispatch_seconds"):
            if not 0 < getattr(self, field) < math.inf:
                raise ValueError(f"expected {field} above 0 and finite, found {getattr(self, field)}")
        if not 0 <= self.epochs < math.inf or self.iterations < 0:
            raise ValueError(f"expected epochs and iterations of at least 0 and finite, found {self.epochs} and {self.iterations}")
        if (self.epochs > 0) == (self.iterations > 0):
            found = f"epochs {self.epochs:g} and iterations {self.iterations}"
            raise ValueError(f"expected one of epochs and iterations above 0 and the other one 0, found {found}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"expected ema_decay in [0, 1), found {self.ema_decay}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"expected a seed from 0 to 2³² − 1, found {self.seed}")


OPERATIONAL = (
    "checkpoint_every_seconds",
    "keep_checkpoints",
    "resident_limit_bytes",
    "stream_buffer_bytes",
    "dispatch_steps",
    "dispatch_seconds",
)
"""Fields that change how a training runs and not what comes out: a resumed run may differ in them."""
