"""PocketVAE, from prepared grooves: its modules, then, on these, the prior of the notes' codes.

drumjax train pocketvae --data embedded --workdir runs/paper
drumjax train pocketvae --data grooves/ --workdir runs/small --preset small

The rows of Table 1, besides the nearest neighbours:

drumjax train pocketvae --data grooves/ --workdir runs/1-step --model.variant 1-step
drumjax train pocketvae --data grooves/ --workdir runs/vae --model.variant 2-step-vae --model.no-use-genre
drumjax train pocketvae --data grooves/ --workdir runs/vq --model.no-use-genre
drumjax train pocketvae --data grooves/ --workdir runs/genres
drumjax train pocketvae --data grooves/ --workdir runs/patterns --model.use-patterns
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from drumjax.configs import dump_config
from drumjax.datasets.grooves.info import KIND, GrooveInfo
from drumjax.models.pocketvae import PocketVAEConfig, init_prior
from drumjax.patterns.sketches import sketches_of
from drumjax.patterns.templates import TemplateRules
from drumjax.systems.pocketvae import FORCING, PRIOR_FORCING, PocketVAELoss, pocketvae_system, prior_system, summarise
from drumjax.systems.schedules import Forcing
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.engine import State, new_state, played
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipes.grooves import ADAM, fitted_network, play_grooves

NOTE_THRESHOLD = 0.5
"""The probability from which on a cell is a note (the public code)."""


@dataclass(frozen=True)
class PocketVAETraining(TrainingConfig):
    """What a training of PocketVAE is made of. The defaults are the paper's, or its code's where it is silent."""

    model: PocketVAEConfig = field(default_factory=PocketVAEConfig)
    """The network; the data decide the number of genres."""
    rules: TemplateRules = field(default_factory=TemplateRules)
    """How templates are taken from grooves."""
    augment: bool = True
    """Whether templates are changed at random while the modules learn (the public code)."""
    loss: PocketVAELoss = field(default_factory=PocketVAELoss)
    """The weights of the loss of the modules."""
    forcing: Forcing = FORCING
    """How often the modules' decoders are given true steps."""
    optimizer: OptimizerConfig = ADAM
    """The modules' Adam."""
    prior_share: float = 0.5
    """The second stage's part of all steps: as many as the first (the public code, 500 epochs each). A variant without a codebook
    has no second stage, and all steps are the modules'."""
    prior_forcing: Forcing = PRIOR_FORCING
    """How often the prior is given true codes."""
    prior_optimizer: OptimizerConfig = ADAM
    """The prior's Adam."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        super().__post_init__()
        if not 0 < self.prior_share < 1:
            raise ValueError(f"expected prior_share above 0 and below 1, found {self.prior_share}")


def stages(config: PocketVAETraining, info: GrooveInfo) -> Sequence[Stage]:
    """The modules, player `pocketvae`; then, where there is a codebook, the player `prior` beside them."""
    modules = Stage(
        pocketvae_system(config.model, config.loss, config.forcing, config.rules, augment=config.augment),
        {"pocketvae": make_optimizer(config.optimizer)},
        share=1 - config.prior_share,
    )
    if config.model.variant != "2-step-vq":
        return [modules]
    optimizers = {"prior": make_optimizer(config.prior_optimizer)}

    def enter(state: State) -> State:
        # The weights that are played: the moving average where one is kept.
        params = {**played(state), "prior": init_prior(config.model, jax.random.fold_in(state.key, 1))}
        return new_state(params, state.extra, optimizers, state.key, ema_decay=config.ema_decay)

    system = prior_system(config.model, config.prior_forcing, config.rules)
    return [modules, Stage(system, optimizers, share=config.prior_share, enter=enter)]


def fitted(config: PocketVAETraining, info: GrooveInfo) -> PocketVAETraining:
    """The same configuration with a network of the data's genres."""
    return replace(config, model=fitted_network(config.model, info))


def competes_from(config: PocketVAETraining) -> float:
    """Without a codebook, the height of the last KL cycle: below it a Gaussian may say more than it will be allowed to, and what is
    rebuilt is too good. With one only the second stage's checkpoints compete, which have the same modules."""
    if config.model.variant == "2-step-vq":
        return 0.0
    return 1 - max(1 - config.loss.kl_ramp, 0) / config.loss.kl_cycles


def play(config: PocketVAETraining, info: GrooveInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What playing needs beside the weights: lanes, genres, steps, how templates are taken, and the variant."""
    return play_grooves(info) | {
        "rules": dump_config(config.rules),
        "note_threshold": NOTE_THRESHOLD,
        "variant": config.model.variant,
    }


def shown(config: PocketVAETraining, info: GrooveInfo, train: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Templates and outlines of the training set, for a user who gives none."""
    return {"sketches": sketches_of(train, info.genres, config.rules)}


QUICK = replace(ADAM, learning_rate=4e-3, b1=0.9, plateau_factor=1.0, plateau_floor=0.0, schedule="cosine", warmup_steps=100)
"""For a training of a fixed, short length (our decision)."""
PRESETS = {
    "paper": PocketVAETraining(epochs=1000, validate_every_epochs=1, checkpoint_every_validations=5),
    "small": PocketVAETraining(
        epochs=0,
        iterations=8000,
        batch_size=32,
        validate_every_epochs=1,
        validate_every_steps=500,
        model=PocketVAEConfig(skeleton_units=64, note_units=128, expressive_units=128, dropout=0.1),
        loss=PocketVAELoss(kl_weight=0.02, kl_cycles=1, kl_ramp=0.5),
        optimizer=QUICK,
        prior_share=0.25,
        prior_optimizer=QUICK,
    ),
}
SUMMARIES = {
    "paper": "500 epochs of the modules and 500 of the prior at 2e-4: the network of the paper, the schedule of its code; for an "
    "accelerator",
    "small": "half the units, less dropout, a tenth of the KL weight, 6,000 steps of the modules and 2,000 of the prior on half "
    "the items with long strides: gives up the paper's network and schedule, for a CPU",
}

RECIPE = Recipe(
    name="pocketvae",
    kind=KIND,
    config_type=PocketVAETraining,
    presets=PRESETS,
    summaries=SUMMARIES,
    stages=stages,
    summarise=summarise,
    play=play,
    shown=shown,
    criterion=("loss", "min"),
    fitted=fitted,
    competes_from=competes_from,
    whole_batch=True,
)
