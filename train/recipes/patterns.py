"""What the recipes of drum patterns share: networks that fit the data's grid, and what playing needs of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from drumjax.boundary import InputError
from drumjax.datasets.info import DataInfo
from drumjax.models.pattern_vae import PatternNetworkConfig
from drumjax.patterns.drum_map import drum_map_to_json

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


def play_patterns(info: DataInfo, threshold: float) -> dict[str, Any]:
    """What playing patterns needs beside the weights: lanes, genres, steps, and the velocity from which a cell is a hit."""
    return {
        "drum_map": drum_map_to_json(info.drum_map),
        "genres": list(info.genres),
        "steps": info.steps,
        "threshold": threshold,
    }
