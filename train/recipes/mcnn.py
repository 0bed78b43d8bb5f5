"""The vocoder of Neural Drum Machine, from prepared one-shots.

drumjax train mcnn --data embedded --workdir runs/paper
drumjax train mcnn --data embedded --workdir runs/small --preset small

A trained vocoder can go on to learn from what a CWAE makes of the sounds, with which it will be played:

drumjax train mcnn --data embedded --workdir runs/joint --preset small --start runs/small --spectrograms-of runs/cwae
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.configs import dump_config
from drumjax.datasets.sounds.info import KIND, SoundInfo
from drumjax.models.cwae import decode, encode
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig, Standardizer, from_log_mel, unstandardize
from drumjax.systems.cwae import standardized_log_mel
from drumjax.systems.mcnn import MCNNLoss, mcnn_system, summarise
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.engine import Begin
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipes.cwae import CWAETraining
from drumjax.train.recipes.sounds import chunks, fitted_mel, fitted_model
from drumjax.train.recipes.trained import Trained, check_named, checked_earlier_data, last_name

ADAM = OptimizerConfig(learning_rate=1e-4, plateau_factor=0.2, plateau_patience=50)
"""Adam (our decision) at 1e-4, a fifth of it after 50 epochs, a look each, without progress (Sec. "Experimental setup")."""
QUICK = OptimizerConfig(learning_rate=3e-3, gradient_clip_norm=1.0, schedule="cosine", warmup_steps=100)
"""Long strides for a short training (our decision, by measurement: three times the rate of 1e-3 learns much more in as many steps),
which need a warm-up and gradients that are cut."""
VOCODER = "vocoder"
"""The role of an MCNN in an instrument of several members."""


@dataclass(frozen=True)
class MCNNTraining(TrainingConfig):
    """What a training of the MCNN is made of. The defaults are the paper's, or ours where it is silent."""

    batch_size: int = 128
    """Sounds in a step (Sec. "Experimental setup"); of fewer sounds, the largest power of two among them."""
    model: MCNNConfig = field(default_factory=MCNNConfig)
    """The network."""
    loss: MCNNLoss = field(default_factory=MCNNLoss)
    """The weights of the loss."""
    mel: MelConfig = field(default_factory=MelConfig)
    """The spectrograms."""
    optimizer: OptimizerConfig = ADAM
    """Adam at 1e-4, annealed on plateaus."""
    start: str = ""
    """A trained MCNN (a training's folder, a checkpoint or an instrument) whose weights training begins with; "" draws them."""
    start_sha256: str = ""
    """The hash of its checkpoint: written by the training. Given, it must be that."""
    spectrograms_of: str = ""
    """A trained CWAE (as above): the MCNN reads what it makes of the sounds, and is judged by the sounds themselves, so that it
    learns to make up for what the CWAE loses (our decision); "" reads the sounds' own spectrograms."""
    spectrograms_sha256: str = ""
    """The hash of its checkpoint: written by the training. Given, it must be that."""
    earlier_data: tuple[str, ...] = ()
    """The hashes of other data that these were trained on: written by the training, so that no report takes for held out what
    one of them may have learned from. Given, they must be those."""


def _vocoder(config: MCNNTraining) -> Trained:
    return Trained("--start", config.start, "mcnn", VOCODER, MCNNTraining)


def _autoencoder(config: MCNNTraining) -> Trained:
    return Trained("--spectrograms-of", config.spectrograms_of, "cwae", checkpoint.MODEL, CWAETraining)


def fitted(config: MCNNTraining, info: SoundInfo) -> MCNNTraining:
    """The same configuration with the spectrogram of the data, and the hashes of what it builds on.

    Raises:
      InputError: it asks for another spectrogram, its network's strides do not multiply to the hop, or what it builds on is
        damaged, of another system, spectrogram or network, or does not know a class of the data.
    """
    mel = fitted_mel(config.mel, info)
    model = fitted_model(config.model, {"bins": mel.bins})
    if (model.hop_samples, model.samples(mel.frames)) != (mel.hop_samples, mel.samples):
        raise InputError(
            "model",
            rule=f"strides that multiply to the hop, {mel.hop_samples} samples, for sounds of {mel.samples}",
            found=f"{model.hop_samples} samples a frame, {model.samples(mel.frames)} in all",
            remedy="change the layers or --mel.hop-samples; data are built for a hop of 256",
        )
    config = replace(config, mel=mel, model=model)
    check_named(config, "start", "start_sha256")
    check_named(config, "spectrograms_of", "spectrograms_sha256")
    used = []
    if config.start:
        vocoder = _vocoder(config)
        vocoder.check_sha256(config.start_sha256)
        vocoder.check_same("mel", mel)
        vocoder.check_same("model", model)
        config = replace(config, start_sha256=vocoder.sha256)
        used.append(vocoder)
    if config.spectrograms_of:
        autoencoder = _autoencoder(config)
        autoencoder.check_sha256(config.spectrograms_sha256)
        autoencoder.check_same("mel", mel)
        _known_labels(autoencoder, info)
        config = replace(config, spectrograms_sha256=autoencoder.sha256)
        used.append(autoencoder)
    return replace(config, earlier_data=checked_earlier_data(config.earlier_data, used, info))


def stored(config: MCNNTraining) -> MCNNTraining:
    """The same with the last names alone of what it builds on, which the hashes tell for certain."""

    return replace(config, start=last_name(config.start), spectrograms_of=last_name(config.spectrograms_of))


def _known_labels(autoencoder: Trained, info: SoundInfo) -> np.ndarray:
    """The CWAE's number of each class of the data, int32 (classes,)."""
    known = list(autoencoder.card["play"]["classes"])
    if unknown := [name for name in info.classes if name not in known]:
        raise InputError(
            autoencoder.place,
            rule="a model that knows every class of the data",
            found=f"one that does not know {', '.join(unknown)}",
            remedy=f"name data of {', '.join(known)}, or another model",
        )
    return np.array([known.index(name) for name in info.classes], np.int32)


def prepared(config: MCNNTraining, info: SoundInfo, splits: Mapping[str, Any]) -> Mapping[str, Any]:
    """The splits with what the CWAE makes of the sounds of train and validation, where one is named.

    They are mel magnitudes, the array `mel`, float16 (n, frames, bins): 88 kB a sound at the paper's size. Half precision is within
    a two-thousandth of a magnitude, and within a three-hundredth of the logarithm's floor.
    """
    if not config.spectrograms_of:
        return splits
    autoencoder = _autoencoder(config)
    labels = _known_labels(autoencoder, info)
    playing = checkpoint.load_playing(autoencoder.place)
    model, mel_config = autoencoder.config.model, config.mel
    standardizer = Standardizer(**playing.extra["standardizer"])

    @jax.jit
    def remade(params: Any, stats: Any, standardizer: Standardizer, audio: jax.Array, label: jax.Array) -> jax.Array:
        x = standardized_log_mel(audio, mel_config, standardizer)
        y = decode(model, params, stats, encode(model, params, stats, x, label), label)
        return from_log_mel(unstandardize(y, standardizer), mel_config).astype(jnp.float16)

    def of_split(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        made = np.zeros((len(arrays["audio"]), mel_config.frames, mel_config.bins), np.float16)
        first = 0
        for audio, mask in chunks(arrays["audio"]):
            count = int(mask.sum())
            label = np.zeros(len(audio), np.int32)
            label[:count] = labels[arrays["label"][first : first + count]]
            part = remade(playing.params["cwae"], playing.extra["batch_stats"], standardizer, audio, label)
            made[first : first + count] = np.asarray(part)[:count]
            first += count
        return {**arrays, "mel": made}

    return {name: of_split(arrays) if name in ("train", "validation") else arrays for name, arrays in splits.items()}


def stages(config: MCNNTraining, info: SoundInfo) -> Sequence[Stage]:
    """One stage with the one player `mcnn`."""

    def begin(train: Mapping[str, np.ndarray]) -> Begin:
        playing = checkpoint.load_playing(_vocoder(config).place)
        return Begin(params={"mcnn": jax.tree.map(jnp.asarray, playing.params["mcnn"])})

    system = mcnn_system(config.model, config.loss, config.mel)
    return [Stage(system, {"mcnn": make_optimizer(config.optimizer)}, begin=begin if config.start else None)]


def play(config: MCNNTraining, info: SoundInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What playing needs beside the weights: the spectrogram that it reads."""
    return {"mel": dump_config(config.mel)}


PRESETS = {
    # The paper's own epoch is 206 steps, of 26,400 sounds; of fewer sounds a look comes as often.
    "paper": MCNNTraining(
        epochs=0, iterations=50_000, validate_every_epochs=1, validate_every_steps=206, checkpoint_every_validations=5
    ),
    "small": MCNNTraining(
        epochs=0,
        iterations=10_000,
        batch_size=16,
        ema_decay=0.999,
        validate_every_epochs=1,
        validate_every_steps=250,
        optimizer=QUICK,
        model=MCNNConfig(heads=4, channels=(64, 32, 16, 8, 8, 4, 4, 2)),
    ),
}
SUMMARIES = {
    "paper": "8 heads, batches of 128, 50,000 iterations: the network and schedule of the paper, for an accelerator",
    "small": "4 narrow heads, batches of 16, 10,000 iterations with long strides: gives up the paper's network and schedule, for "
    "half an hour on 2 CPU cores",
}

RECIPE = Recipe(
    name="mcnn",
    kind=KIND,
    config_type=MCNNTraining,
    presets=PRESETS,
    summaries=SUMMARIES,
    stages=stages,
    summarise=summarise,
    play=play,
    criterion=("loss", "min"),
    fitted=fitted,
    stored=stored,
    prepared=prepared,
)
