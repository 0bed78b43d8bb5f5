"""The pattern VAE of Off the Beaten Track, from prepared drum patterns.

drumjax train pattern-vae --data embedded --workdir runs/paper
drumjax train pattern-vae --data embedded --workdir runs/small --preset small
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from drumjax.boundary import InputError
from drumjax.datasets.info import DataInfo
from drumjax.models.pattern_vae import PatternNetworkConfig, PatternVAEConfig
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


Network = TypeVar("Network", bound=PatternNetworkConfig)


def fitted_network(network: Network, info: DataInfo) -> Network:
    """The same network for the grid of the data: a drum map of other lanes changes the first and last layer.

    Raises:
      InputError: the configuration asks for a grid of its own that is not the data's, or the data's does not fit the network.
    """
    steps, lanes = info.steps, len(info.drum_map.lanes)
    default = PatternNetworkConfig()
    for name, asked, of_default, of_data in (
        ("steps", network.steps, default.steps, steps),
        ("lanes", network.lanes, default.lanes, lanes),
    ):
        if asked not in (of_default, of_data):
            raise InputError(
                f"model.{name}", rule=f"{of_data}, as in the data", found=str(asked), remedy="leave it out, the data decide"
            )
    try:
        return replace(network, steps=steps, lanes=lanes)
    except ValueError as error:
        raise InputError(
            info.name, rule="patterns that the network can read", found=str(error), remedy="change the network"
        ) from None


def fitted(config: PatternVAETraining, info: DataInfo) -> PatternVAETraining:
    """The same configuration with the network of `fitted_network`."""
    return replace(config, model=fitted_network(config.model, info))


def competes_from(config: PatternVAETraining) -> float:
    """The end of the KL warm-up: before it a code may say more than it will be allowed to, and onset F1 is too good."""
    return min(config.loss.kl_warmup, 1.0)


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
