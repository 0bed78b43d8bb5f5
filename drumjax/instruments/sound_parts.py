"""What an evaluation takes apart: the autoencoder and the vocoder of a sound model, alone or together, each as functions of arrays.

A `SoundInstrument` plays; here every stage between a sound and its reconstruction is looked at, and a vocoder by itself too, which
is no instrument.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments.common import blockwise
from drumjax.instruments.sound_functions import compiled
from drumjax.models import mcnn
from drumjax.models.cwae import CWAEConfig
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.griffin_lim import griffin_lim
from drumjax.signal.mel import MelConfig, mel

CWAE, MCNN = "cwae", "mcnn"
BLOCK = 16
"""Sounds in one call of a compiled function: under 200 MB at the paper's size, whatever the data's size."""
ITERATIONS, MOMENTUM = 60, 0.99
"""Of the yardstick: Griffin and Lim's iteration with the momentum of Perraudin, Balazs and Søndergaard, 2013, librosa's default."""

Stage = Callable[..., np.ndarray]


class Parts(NamedTuple):
    """A sound model in parts. Functions take any number of items, at least one, and go through them in blocks.

    Attributes:
      mel: framing and bands of the spectrograms that all parts share.
      classes: those that the autoencoder was trained on; none without one.
      cards: of the checkpoints, by system.
      encode: sounds float32 (n, samples) with peak 1 and weights of classes float32 (n, classes) → codes (n, d); None without an
        autoencoder, as is `decode`.
      decode: codes and weights of classes → mel magnitudes (n, frames, bins).
      vocode: mel magnitudes → sounds (n, samples); None without a trained vocoder.
      latent: d; 0 without an autoencoder.
    """

    mel: MelConfig
    classes: tuple[str, ...]
    cards: Mapping[str, Mapping[str, Any]]
    encode: Stage | None
    decode: Stage | None
    vocode: Stage | None
    latent: int

    def rows(self, labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """Labels of a data set's classes as this model's weights of classes, float32 (n, classes)."""
        numbers = np.array([self.classes.index(name) for name in classes])
        return np.eye(len(self.classes), dtype=np.float32)[numbers[labels]]


def load_parts(members: Mapping[str, Path]) -> Parts:
    """The parts in checkpoints, whose files are verified first.

    Args:
      members: checkpoint directories by any names: one of a CWAE, one of an MCNN, or one of each.

    Returns:
      Functions that raise InputError where a model makes anything but finite numbers.

    Raises:
      InputError: a damaged checkpoint, one of another system, two of one system, or two of different spectrograms.
    """
    found: dict[str, tuple[Path, checkpoint.Playing]] = {}
    for place in members.values():
        playing = checkpoint.load_playing(place)
        system = str(playing.card.get("system"))
        if system not in (CWAE, MCNN) or system in found:
            raise InputError(
                place,
                rule="one checkpoint of 'cwae', one of 'mcnn', or both",
                found=f"two of {system!r}" if system in found else f"one of {playing.card.get('system')!r}",
                remedy="name a working directory of 'drumjax train cwae' or 'drumjax train mcnn', or an instrument of both",
            )
        found[system] = place, playing
    spectrograms = {system: _parsed(MelConfig, place, playing.card, "play", "mel") for system, (place, playing) in found.items()}
    if len(set(spectrograms.values())) > 1:
        raise InputError(
            found[MCNN][0],
            rule=f"the spectrogram of the autoencoder, {spectrograms[CWAE]}",
            found=f"{spectrograms[MCNN]}",
            remedy="train the vocoder on the same data with the same --mel",
        )
    config = next(iter(spectrograms.values()))
    cards = {system: playing.card for system, (_, playing) in found.items()}
    encode = decode = vocode = None
    classes: tuple[str, ...] = ()
    latent = 0
    if CWAE in found:
        place, playing = found[CWAE]
        shape = _parsed(CWAEConfig, place, playing.card, "config", "model")
        try:
            classes = tuple(map(str, playing.card["play"]["classes"]))
            weights = jax.device_put(
                {
                    "cwae": playing.params["cwae"],
                    "stats": playing.extra["batch_stats"],
                    "standardizer": dict(playing.extra["standardizer"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise _incomplete(place, error) from error
        functions, latent = compiled(shape, config, None), shape.latent
        encode = _finite(place, blockwise(lambda audio, rows: functions["encode"](weights, audio, rows)["code"], BLOCK))
        decode = _finite(place, blockwise(lambda code, rows: functions["decode"](weights, code, rows)["mel"], BLOCK))
    if MCNN in found:
        place, playing = found[MCNN]
        network = _parsed(MCNNConfig, place, playing.card, "config", "model")
        if MCNN not in playing.params:
            raise _incomplete(place, KeyError(MCNN))
        params = jax.device_put(playing.params[MCNN])
        of_mel = jax.jit(lambda params, magnitudes: mcnn.vocode(network, params, magnitudes))
        vocode = _finite(place, blockwise(lambda magnitudes: of_mel(params, magnitudes), BLOCK))
    return Parts(config, classes, cards, encode, decode, vocode, latent)


@functools.lru_cache(maxsize=8)
def heard_as(config: MelConfig) -> Stage:
    """Sounds float32 (n, samples) → mel magnitudes (n, frames, bins), in blocks."""
    compiled_mel = jax.jit(lambda audio: mel(audio, config))
    return blockwise(compiled_mel, BLOCK)


def yardstick(config: MelConfig, seed: int, *, iterations: int = ITERATIONS, momentum: float = MOMENTUM) -> Stage:
    """Mel magnitudes and the sounds' numbers, int (n,) → sounds by Griffin and Lim's iteration, in blocks.

    Phases begin at random, drawn from the seed and a sound's number alone: no two sounds share theirs, and a sound by itself has
    those that it has among others.
    """
    fold = jax.jit(jax.vmap(jax.random.fold_in, (None, 0)))
    key = jax.random.key(seed)
    return blockwise(
        lambda magnitudes, numbers: griffin_lim(magnitudes, config, fold(key, numbers), iterations=iterations, momentum=momentum),
        BLOCK,
    )


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Stretches of `size` that cover n items."""
    return (slice(first, min(first + size, n)) for first in range(0, n, size))


def _finite(place: Path, stage: Stage) -> Stage:
    """The stage, which raises InputError where it makes anything but numbers."""

    def run(*arrays: np.ndarray) -> np.ndarray:
        made = stage(*arrays)
        if not np.isfinite(made).all():
            wrong = sum(not np.isfinite(item).all() for item in made)
            raise InputError(
                place,
                rule="a model that makes finite numbers",
                found=f"infinity or NaN for {wrong} of {len(made)} sounds",
                remedy="its training diverged or has hardly begun: take another checkpoint, or train longer or at a lower rate",
            )
        return made

    return run


def _parsed(kind: type, place: Path, card: Mapping[str, Any], *path: str) -> Any:
    value: Any = card
    try:
        for name in path:
            value = value[name]
    except (KeyError, TypeError) as error:
        raise _incomplete(place, error) from error
    return checkpoint.parse_config(kind, value, place / checkpoint.CARD)


def _incomplete(place: Path, error: Exception) -> InputError:
    return InputError(
        place / checkpoint.CARD,
        rule="the classes, spectrogram, model configuration and weights that playing needs",
        found=f"a checkpoint without them ({error!r})",
        remedy="train again with this version, or take another checkpoint",
    )
