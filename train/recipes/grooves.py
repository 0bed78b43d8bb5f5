"""What the recipes of grooves share: the optimiser, networks that fit the data, and what playing needs of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from drumjax.boundary import InputError
from drumjax.datasets.grooves.info import GrooveInfo
from drumjax.models.genre_classifier import GenreClassifierConfig
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns.drum_map import drum_map_to_json
from drumjax.train.config import OptimizerConfig

ADAM = OptimizerConfig(learning_rate=2e-4, b1=0.5, b2=0.999, plateau_factor=0.5, plateau_patience=10, plateau_floor=1e-7)
"""Adam at 2e-4 with decays .5 and .999, halved after 10 epochs, a look each, without a better loss, to no less than 1e-7 (the
public code)."""
Network = TypeVar("Network", PocketVAEConfig, GenreClassifierConfig)


def fitted_network(network: Network, info: GrooveInfo) -> Network:
    """The same network for the grid and the genres of the data.

    Raises:
      InputError: the configuration asks for others of its own, or the data's do not fit the network.
    """
    default = type(network)()
    decided: dict[str, Any] = {"steps": info.steps, "lanes": len(info.drum_map.lanes), "genres": len(info.genres)}
    for name, value in decided.items():
        if (asked := getattr(network, name)) not in (getattr(default, name), value):
            raise InputError(
                f"model.{name}", rule=f"{value}, as in the data", found=str(asked), remedy="leave it out, the data decide"
            )
    return replace(network, **decided)


def play_grooves(info: GrooveInfo) -> dict[str, Any]:
    """What every player of grooves needs of the data: lanes, genres in the order of their numbers, and steps."""
    return {"drum_map": drum_map_to_json(info.drum_map), "genres": list(info.genres), "steps": info.steps}
