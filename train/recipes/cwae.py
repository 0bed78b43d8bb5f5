"""The conditional Wasserstein autoencoder of Neural Drum Machine, from prepared one-shots.

drumjax train cwae --data embedded --workdir runs/paper
drumjax train cwae --data embedded --workdir runs/small --preset small
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

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

AXES = 3
"""P1, P2 and P3 (Sec. "Interface")."""
ADAM = OptimizerConfig(learning_rate=1e-3, plateau_factor=0.5, plateau_patience=10)
"""Adam at 1e-3, halved after 10 epochs, a look each, without a better validation loss (Sec. "Experimental setup")."""
QUICK = OptimizerConfig(learning_rate=2e-3, schedule="cosine")
"""For a training of a fixed, short length (our decision)."""


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
    """The weights of the loss."""
    mel: MelConfig = field(default_factory=MelConfig)
    """The spectrograms."""
    optimizer: OptimizerConfig = ADAM
    """Adam at 1e-3, annealed on plateaus."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        super().__post_init__()
        if self.per_class < 1:
            raise ValueError(f"expected per_class of at least 1, found {self.per_class}")
        if self.model.latent < AXES:
            raise ValueError(f"expected model.latent of at least {AXES}, P1 to P{AXES}, found {self.model.latent}")


def fitted(config: CWAETraining, info: SoundInfo) -> CWAETraining:
    """The same configuration with the spectrogram, the classes and the batch of the data.

    Raises:
      InputError: it asks for others, or a class has no training sound.
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
    return replace(config, mel=mel, model=fitted_model(config.model, decided), batch_size=batch_size)


def stages(config: CWAETraining, info: SoundInfo) -> Sequence[Stage]:
    """One stage with the one player `cwae`, which begins with the standardiser of the split train."""

    def begin(train: Mapping[str, np.ndarray]) -> Begin:
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
        optimizer=QUICK,
        model=CWAEConfig(channels=(16, 16, 16), dense=(256, 128)),
    ),
}
SUMMARIES = {
    "paper": "64 channels, 64 sounds of each class in a batch, 110,000 iterations: the network and schedule of the paper; a step "
    "of 704 sounds takes one CPU core about 27 s, so for an accelerator",
    "small": "16 channels, dense layers of 256 and 128, 8 sounds of each class in a batch, 4,000 iterations: gives up detail and "
    "the paper's schedule, for half an hour on 2 CPU cores",
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
    balance="label",
    whole_batch=True,
)
