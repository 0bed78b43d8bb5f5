"""The pattern VAE of Off the Beaten Track, from prepared drum patterns.

drumjax train pattern-vae --data embedded --workdir runs/paper
drumjax train pattern-vae --data embedded --workdir runs/small --preset small
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drumjax.boundary import InputError
from drumjax.datasets.info import DataInfo
from drumjax.models.pattern_vae import PatternVAEConfig
from drumjax.patterns.drum_map import drum_map_to_json
from drumjax.systems.pattern_vae import PatternVAELoss, pattern_vae_system, summarise
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.recipe import Recipe, Stage


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
    """The same configuration for the grid of the data: a drum map of other lanes changes the first and last layer.

    Raises:
      InputError: the configuration asks for a grid of its own that is not the data's, or the data's does not fit the network.
    """
    steps, lanes = info.steps, len(info.drum_map.lanes)
    default = PatternVAEConfig()
    for name, asked, of_default, of_data in (
        ("steps", config.model.steps, default.steps, steps),
        ("lanes", config.model.lanes, default.lanes, lanes),
    ):
        if asked not in (of_default, of_data):
            raise InputError(
                f"model.{name}", rule=f"{of_data}, as in the data", found=str(asked), remedy="leave it out, the data decide"
            )
    try:
        return replace(config, model=replace(config.model, steps=steps, lanes=lanes))
    except ValueError as error:
        raise InputError(
            info.name, rule="patterns that the network can read", found=str(error), remedy="change the network"
        ) from None


def play(config: PatternVAETraining, info: DataInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What playing needs beside the weights: lanes, genres, and the threshold of the best onset F1 on the validation split."""
    return {
        "drum_map": drum_map_to_json(info.drum_map),
        "genres": list(info.genres),
        "steps": info.steps,
        "threshold": summarise(dict(sums))["threshold"],
    }


PRESETS = {
    "paper": PatternVAETraining(),
    # The convolutional encoder takes a step in a fifth of the time; 60 epochs reach the knee of the validation curve.
    "small": PatternVAETraining(epochs=60, model=PatternVAEConfig(encoder="conv")),
}

RECIPE = Recipe(
    name="pattern-vae",
    kind="patterns",
    config_type=PatternVAETraining,
    presets=PRESETS,
    stages=stages,
    summarise=summarise,
    play=play,
    criterion=("onset_f1", "max"),
    fitted=fitted,
)
