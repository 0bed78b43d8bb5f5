"""The pattern VAE of Off the Beaten Track, from prepared drum patterns.

drumjax train pattern-vae --data embedded --workdir runs/paper
drumjax train pattern-vae --data embedded --workdir runs/small --preset small
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drumjax.datasets.info import DataInfo
from drumjax.models.pattern_vae import PatternVAEConfig
from drumjax.systems.pattern_vae import PatternVAELoss, pattern_vae_system, summarise
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipes.patterns import fitted_network, play_patterns


@dataclass(frozen=True)
class PatternVAETraining(TrainingConfig):
    """What a training of the pattern VAE is made of. The defaults are the paper's, or ours where it is silent."""

    model: PatternVAEConfig = field(default_factory=PatternVAEConfig)
    """The network."""
    loss: PatternVAELoss = field(default_factory=PatternVAELoss)
    """The weights of the loss."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """Adam at 1e-3 (our decision)."""


def stages(config: PatternVAETraining, info: DataInfo) -> Sequence[Stage]:
    """One stage with the one player `vae`."""
    return [Stage(pattern_vae_system(config.model, config.loss), {"vae": make_optimizer(config.optimizer)})]


def fitted(config: PatternVAETraining, info: DataInfo) -> PatternVAETraining:
    """The same configuration with the network of `fitted_network`."""
    return replace(config, model=fitted_network(config.model, info))


def competes_from(config: PatternVAETraining) -> float:
    """The end of the KL warm-up: before it a code may say more than it will be allowed to, and onset F1 is too good."""
    return min(config.loss.kl_warmup, 1.0)


def play(config: PatternVAETraining, info: DataInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What playing needs beside the weights: lanes, genres, and the threshold of the best onset F1 on the validation split."""
    return play_patterns(info, summarise(dict(sums))["threshold"])


PRESETS = {
    "paper": PatternVAETraining(),
    # How much sooner a convolutional step is done on this machine: benchmarks/training.py, with --encoder lstm and conv.
    "small": PatternVAETraining(epochs=60, model=PatternVAEConfig(encoder="conv")),
}
SUMMARIES = {
    "paper": "three bidirectional LSTM layers, 200 epochs: the network of the paper",
    "small": "convolutional encoder, 60 epochs: gives up the LSTM that reads step by step, and so the paper's network, "
    "for a fraction of the time on a CPU",
}

RECIPE = Recipe(
    name="pattern-vae",
    kind="patterns",
    config_type=PatternVAETraining,
    presets=PRESETS,
    summaries=SUMMARIES,
    stages=stages,
    summarise=summarise,
    play=play,
    criterion=("onset_f1", "max"),
    fitted=fitted,
    competes_from=competes_from,
)
