"""The pattern GAN of Off the Beaten Track, from prepared drum patterns.

drumjax train pattern-gan --data embedded --workdir runs/paper
drumjax train pattern-gan --data embedded --workdir runs/small --preset small
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drumjax.datasets.info import DataInfo
from drumjax.models.pattern_gan import PatternGANConfig
from drumjax.systems.pattern_gan import PatternGANLoss, pattern_gan_system, summarise
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipes.patterns import fitted_network, play_patterns

ADAM = OptimizerConfig(learning_rate=2e-4, b1=0.5, b2=0.999)
"""Adam at 2e-4 with decays 0.5 and 0.999 (our decision, after Radford, Metz and Chintala, "Unsupervised Representation Learning
with Deep Convolutional Generative Adversarial Networks", 2016, Sec. 4; the paper names no optimiser)."""


@dataclass(frozen=True)
class PatternGANTraining(TrainingConfig):
    """What a training of the pattern GAN is made of. The defaults are the paper's, or ours where it is silent."""

    model: PatternGANConfig = field(default_factory=PatternGANConfig)
    """The two networks."""
    loss: PatternGANLoss = field(default_factory=PatternGANLoss)
    """What is added to the losses of eqs. 1 and 2."""
    discriminator_optimizer: OptimizerConfig = ADAM
    """The discriminator's Adam."""
    generator_optimizer: OptimizerConfig = ADAM
    """The generator's Adam."""
    hits_per_pattern: float = 0.0
    """Mean number of hits of a generated pattern, which decides the stored threshold; 0 for the training set's (our decision)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        super().__post_init__()
        if not 0 <= self.hits_per_pattern <= self.model.steps * self.model.lanes:
            raise ValueError(
                f"expected hits_per_pattern from 0 to the {self.model.steps * self.model.lanes} cells of a pattern, "
                f"found {self.hits_per_pattern}"
            )


def stages(config: PatternGANTraining, info: DataInfo) -> Sequence[Stage]:
    """One stage with the players `discriminator` and `generator`."""
    optimizers = {
        "discriminator": make_optimizer(config.discriminator_optimizer),
        "generator": make_optimizer(config.generator_optimizer),
    }
    return [Stage(pattern_gan_system(config.model, config.loss, config.hits_per_pattern), optimizers)]


def fitted(config: PatternGANTraining, info: DataInfo) -> PatternGANTraining:
    """The same configuration for the grid of the data.

    Raises:
      InputError: as `fitted_network`.
    """
    return replace(config, model=fitted_network(config.model, info))


def measured(config: PatternGANTraining, train: Mapping[str, np.ndarray]) -> PatternGANTraining:
    """The same configuration with the training set's mean number of hits, where none is asked for."""
    hits = float(np.count_nonzero(train["velocity"], axis=(1, 2)).mean())
    return config if config.hits_per_pattern else replace(config, hits_per_pattern=hits)


def play(config: PatternGANTraining, info: DataInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What playing needs beside the weights: lanes, genres, and the threshold that gives so many hits as was asked for."""
    return play_patterns(info, summarise(dict(sums))["threshold"])


STABLE = PatternGANLoss(r1_weight=1.0, heard_from=0.25)
"""What keeps the game stable, with a moving average of the weights (Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN
Training", 2019): without the penalty the discriminator wins and the generator falls back on a few patterns. Generated velocities
are cut off under the softest hits of the embedded patterns, 0.25. benchmarks/pattern_gan.py measures each."""
QUICK = replace(ADAM, learning_rate=1e-3)
"""Five times as long strides, for which the stable game has room (our decision, by the same measurements)."""

PRESETS = {
    "paper": PatternGANTraining(loss=STABLE, ema_decay=0.999),
    "plain": PatternGANTraining(),
    "small": PatternGANTraining(
        epochs=160,
        ema_decay=0.999,
        model=PatternGANConfig(encoder="conv", conv_channels=(32, 64, 64)),
        loss=STABLE,
        discriminator_optimizer=QUICK,
        generator_optimizer=QUICK,
    ),
}
SUMMARIES = {
    "paper": "discriminator of three bidirectional LSTM layers, 200 epochs: the networks of the paper, with a gradient penalty, a "
    "moving average, and generated velocities cut off under the softest hits of the built-in patterns",
    "plain": "the same networks, 200 epochs, with the losses of eqs. 1 and 2 alone: gives up stability",
    "small": "small convolutional discriminator, long strides, 160 epochs: gives up the LSTM that reads step by step, and so the "
    "paper's network, for minutes on a CPU",
}

RECIPE = Recipe(
    name="pattern-gan",
    kind="patterns",
    config_type=PatternGANTraining,
    presets=PRESETS,
    summaries=SUMMARIES,
    stages=stages,
    summarise=summarise,
    play=play,
    criterion=("distance_from_data", "min"),
    fitted=fitted,
    measured=measured,
    plays=("generator",),
    anneal_by="distance_from_data",
)
