"""The genre classifier that judges grooves, from prepared grooves.

drumjax train genre-classifier --data grooves/ --workdir runs/genres
drumjax train genre-classifier --data embedded --workdir runs/small --preset small
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drumjax.datasets.grooves.info import KIND, GrooveInfo
from drumjax.models.genre_classifier import GenreClassifierConfig
from drumjax.systems.genre_classifier import genre_classifier_system, summarise
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipes.grooves import ADAM, fitted_network, play_grooves


@dataclass(frozen=True)
class GenreClassifierTraining(TrainingConfig):
    """What a training of the genre classifier is made of. The defaults are those of PocketVAE's public code."""

    model: GenreClassifierConfig = field(default_factory=GenreClassifierConfig)
    """The network; the data decide the number of genres."""
    optimizer: OptimizerConfig = ADAM
    """Adam at 2e-4, halved on plateaus."""


def stages(config: GenreClassifierTraining, info: GrooveInfo) -> Sequence[Stage]:
    """One stage with the one player `classifier`."""
    return [Stage(genre_classifier_system(config.model), {"classifier": make_optimizer(config.optimizer)})]


def fitted(config: GenreClassifierTraining, info: GrooveInfo) -> GenreClassifierTraining:
    """The same configuration with the network of `fitted_network`."""
    return replace(config, model=fitted_network(config.model, info))


def play(config: GenreClassifierTraining, info: GrooveInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What judging needs beside the weights: lanes, genres and steps."""
    return play_grooves(info)


PRESETS = {
    "paper": GenreClassifierTraining(epochs=500, validate_every_epochs=1, checkpoint_every_validations=5),
    "small": GenreClassifierTraining(epochs=30, validate_every_epochs=1, optimizer=replace(ADAM, learning_rate=1e-3, b1=0.9)),
}
SUMMARIES = {
    "paper": "500 epochs at 2e-4: the public code's schedule",
    "small": "30 epochs with longer strides: gives up the schedule, for minutes on 2 CPU cores",
}

RECIPE = Recipe(
    name="genre-classifier",
    kind=KIND,
    config_type=GenreClassifierTraining,
    presets=PRESETS,
    summaries=SUMMARIES,
    stages=stages,
    summarise=summarise,
    play=play,
    # It judges by its first choice: the cross-entropy of one that grows sure of itself rises long before its choices get worse.
    criterion=("balanced_accuracy", "max"),
    fitted=fitted,
)
