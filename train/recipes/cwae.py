"""The conditional Wasserstein autoencoder of Neural Drum Machine, from prepared one-shots.

drumjax train cwae --data embedded --workdir runs/paper
drumjax train cwae --data embedded --workdir runs/small --preset small

A trained one can go on with other sounds of the same classes:

drumjax train cwae --data sounds/ --workdir runs/mine --preset small --start runs/small --steps 1000
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
from drumjax.models.cwae import CWAEConfig
from drumjax.signal.mel import MelConfig
from drumjax.systems.cwae import CWAELoss, cwae_system, principal_axes, summarise
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.engine import Begin
from drumjax.train.recipe import Recipe, Stage
from drumjax.train.recipes.sounds import check_classes, fitted_mel, fitted_model, measured_standardizer
from drumjax.train.recipes.trained import Trained, check_named, checked_earlier_data, last_name

AXES = 3
"""P1, P2 and P3 (Sec. "Interface")."""
ADAM = OptimizerConfig(learning_rate=1e-3, plateau_factor=0.5, plateau_patience=10)
"""Adam at 1e-3, halved after 10 epochs, a look each, without a better validation loss (Sec. "Experimental setup")."""
QUICK = OptimizerConfig(learning_rate=2e-3, schedule="cosine")
"""For a training of a fixed, short length (our decision)."""

SMALL_LOSS = CWAELoss(mmd_weight=0.163, code_noise=0.6)
"""The weight of the code of Tolstikhin et al., and a decoder that knows what lies between codes (our decisions, by measurement: of
874 sounds, new ones are heard as their class in .77 of the cases in the place of .35; docs/sounds.md says what it costs)."""


@dataclass(frozen=True)
class CWAETraining(TrainingConfig):
    """What a training of the CWAE is made of. The defaults are the paper's, or ours where it is silent."""

    per_class: int = 64
    """Sounds of each class in a batch ("balanced batches containing 64 samples for each class", Sec. "Experimental setup")."""
    batch_size: int = 704
    """Sounds in a step: `per_class` times the number of classes in the data, 704 for the paper's 11. Leave it out."""
    model: CWAEConfig = field(default_factory=CWAEConfig)
    """The network; the data decide the number of classes."""
    loss: CWAELoss = field(default_factory=CWAELoss)
    """The weights of the loss, and the noise on codes."""
    mel: MelConfig = field(default_factory=MelConfig)
    """The spectrograms."""
    optimizer: OptimizerConfig = ADAM
    """Adam at 1e-3, annealed on plateaus."""
    start: str = ""
    """A trained CWAE of the same classes (a training's folder, a checkpoint or an instrument) whose weights, moving averages and
    standardiser training begins with; "" draws the weights and measures the standardiser."""
    start_sha256: str = ""
    """The hash of its checkpoint: written by the training. Given, it must be that."""
    earlier_data: tuple[str, ...] = ()
    """The hashes of other data that it was trained on: written by the training, so that no report takes for held out what it may
    have learned from. Given, they must be those."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        super().__post_init__()
        if self.per_class < 1:
            raise ValueError(f"expected per_class of at least 1, found {self.per_class}")
        if self.model.latent < AXES:
            raise ValueError(f"expected model.latent of at least {AXES}, P1 to P{AXES}, found {self.model.latent}")


def fitted(config: CWAETraining, info: SoundInfo) -> CWAETraining:
    """The same configuration with the spectrogram, the classes and the batch of the data, and the hash of what it begins with.

    Raises:
      InputError: it asks for others, a class has no training sound, or what it begins with is damaged, of another system,
        spectrogram or network, or of other classes.
    """
    check_classes(info)
    mel = fitted_mel(config.mel, info)
    decided = {"classes": len(info.classes), "frames": mel.frames, "bins": mel.bins}
    batch_size = config.per_class * len(info.classes)
    if config.batch_size not in (CWAETraining.batch_size, batch_size):
        raise InputError(
            "batch_size",
            rule=f"{batch_size}, {config.per_class} of each of {len(info.classes)} classes",
            found=str(config.batch_size),
            remedy="leave it out, and choose --per-class",
        )
    config = replace(config, mel=mel, model=fitted_model(config.model, decided), batch_size=batch_size)
    check_named(config, "start", "start_sha256")
    used = []
    if config.start:
        started = _started(config)
        started.check_sha256(config.start_sha256)
        _check_classes_of(started, info)
        started.check_same("mel", config.mel)
        started.check_same("model", config.model)
        config = replace(config, start_sha256=started.sha256)
        used.append(started)
    return replace(config, earlier_data=checked_earlier_data(config.earlier_data, used, info))


def stored(config: CWAETraining) -> CWAETraining:
    """The same with the last name alone of what it begins with, which the hash tells for certain."""
    return replace(config, start=last_name(config.start))


def _started(config: CWAETraining) -> Trained:
    return Trained("--start", config.start, "cwae", checkpoint.MODEL, CWAETraining)


def _check_classes_of(started: Trained, info: SoundInfo) -> None:
    """Conditions are known by their numbers: the same classes in the same order."""
    if (classes := started.card["play"]["classes"]) != list(info.classes):
        raise InputError(
            started.place,
            rule=f"for {started.option} a model of the classes of the data, {', '.join(info.classes)}",
            found=", ".join(classes),
            remedy="build the data with these classes, or name another model",
        )


def stages(config: CWAETraining, info: SoundInfo) -> Sequence[Stage]:
    """One stage with the one player `cwae`, which begins with the standardiser of the split train, or with a trained one."""

    def begin(train: Mapping[str, np.ndarray]) -> Begin:
        if config.start:
            playing = checkpoint.load_playing(_started(config).place)
            return Begin(*(jax.tree.map(jnp.asarray, tree) for tree in (playing.params, playing.extra)))
        return Begin(extra={"standardizer": measured_standardizer(train["audio"], config.mel)._asdict()})

    system = cwae_system(config.model, config.loss, config.mel)
    return [Stage(system, {"cwae": make_optimizer(config.optimizer)}, begin=begin)]


def play(config: CWAETraining, info: SoundInfo, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What playing needs beside the weights: classes, spectrogram, and the principal axes of the validation's codes."""
    return {
        "classes": list(info.classes),
        "mel": dump_config(config.mel),
        "pca": {name: axis.tolist() for name, axis in principal_axes(sums, AXES).items()},
    }


PRESETS = {
    # The paper's own epoch is 37.5 steps, of 26,400 sounds; of fewer sounds a look comes as often.
    "paper": CWAETraining(epochs=0, iterations=110_000, validate_every_epochs=1, validate_every_steps=37),
    "small": CWAETraining(
        epochs=0,
        iterations=4000,
        validate_every_epochs=1,
        validate_every_steps=100,
        per_class=8,
        loss=SMALL_LOSS,
        optimizer=QUICK,
        model=CWAEConfig(channels=(16, 16, 16), dense=(256, 128)),
    ),
}
SUMMARIES = {
    "paper": "64 channels, 64 sounds of each class in a batch, 110,000 iterations: the network and schedule of the paper; a step "
    "of 704 sounds takes one CPU core about 27 s, so for an accelerator",
    "small": "16 channels, dense layers of 256 and 128, 8 sounds of each class in a batch, 4,000 iterations, noise on the codes: "
    "gives up detail and the paper's loss and schedule, for half an hour on 2 CPU cores",
}

RECIPE = Recipe(
    name="cwae",
    kind=KIND,
    config_type=CWAETraining,
    presets=PRESETS,
    summaries=SUMMARIES,
    stages=stages,
    summarise=summarise,
    play=play,
    criterion=("loss", "min"),
    fitted=fitted,
    stored=stored,
    balance="label",
    whole_batch=True,
)
