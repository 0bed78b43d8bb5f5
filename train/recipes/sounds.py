"""What the recipes of drum sounds share: spectrograms and networks that fit the data, and the statistics of a training split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import jax
import numpy as np

from drumjax.boundary import InputError
from drumjax.datasets.sounds.info import SoundInfo
from drumjax.signal.mel import MelConfig, Moments, Standardizer, fit_standardizer, from_int16, log_mel, mel, moments

CHUNK = 64
"""Sounds whose spectrograms are held at once: about 50 megabytes at the paper's size."""
Config = TypeVar("Config")


def fitted_mel(config: MelConfig, info: SoundInfo) -> MelConfig:
    """The same spectrogram for the rate and length of the data.

    Raises:
      InputError: the configuration asks for a rate or length of its own that is not the data's.
    """
    default = MelConfig()
    decided = {"sample_rate_hz": info.sample_rate_hz, "samples": info.samples}
    _check_decided("mel", config, default, decided, "as in the data", "leave it out, the data decide")
    return replace(config, **decided)


def fitted_model(model: Config, decided: Mapping[str, int]) -> Config:
    """The same network with the sizes that data and spectrogram decide.

    Raises:
      InputError: the configuration asks for another size.
    """
    default = type(model)()
    _check_decided("model", model, default, decided, "as in the data and under --mel", "leave it out, they decide")
    return replace(model, **decided)  # type: ignore[type-var]


def _check_decided(name: str, config: Any, default: Any, decided: Mapping[str, int], why: str, remedy: str) -> None:
    for field, value in decided.items():
        if (asked := getattr(config, field)) not in (getattr(default, field), value):
            raise InputError(f"{name}.{field}", rule=f"{value}, {why}", found=str(asked), remedy=remedy)


def check_classes(info: SoundInfo) -> None:
    """Whether each class has a sound to learn from.

    Raises:
      InputError: names the classes that have none.
    """
    if empty := [name for name in info.classes if not info.class_counts["train"].get(name, 0)]:
        raise InputError(
            info.name,
            rule="at least one training sound of each class",
            found=f"none of {', '.join(empty)}",
            remedy="add sounds of it, or build the data without it: drumjax data build --help",
        )


def chunks(audio: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sounds in order, int16 (CHUNK, samples), with a mask (CHUNK,): the last chunk is filled up with silence."""
    for first in range(0, len(audio), CHUNK):
        part = audio[first : first + CHUNK]
        filled = np.zeros((CHUNK, *audio.shape[1:]), audio.dtype)
        filled[: len(part)] = part
        yield filled, (np.arange(CHUNK) < len(part)).astype(np.float32)


@partial(jax.jit, static_argnums=2)
def _moments_of(audio: jax.Array, mask: jax.Array, config: MelConfig) -> Moments:
    return moments(log_mel(mel(from_int16(audio), config), config), mask)


def measured_standardizer(audio: np.ndarray, config: MelConfig) -> Standardizer:
    """Mean and deviation of every element of the log-mel spectrograms of sounds, of which few are held at once.

    Args:
      audio: int16 (at least 1, samples).
      config: of the spectrograms.

    Returns:
      float32 (frames, bins) each.
    """
    return fit_standardizer(_moments_of(part, mask, config) for part, mask in chunks(audio))
