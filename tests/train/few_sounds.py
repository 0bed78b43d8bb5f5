"""A few short sounds, and recipes shrunken to them; also a program that trains the CWAE, for tests that need other devices.

python tests/train/few_sounds.py '{"workdir": "runs/few", "steps": 4}'
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from drumjax.datasets.sounds.info import KIND, SoundInfo, SoundSet
from drumjax.models.cwae import CWAEConfig
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig
from drumjax.train.config import OptimizerConfig
from drumjax.train.recipes import cwae, mcnn

SAMPLES = 1023
MEL = MelConfig(window_samples=128, hop_samples=64, fft_samples=128, bins=16)
HZ = {"kick": 200.0, "snare": 900.0, "shaker": 4000.0}


def sound_set(counts: Sequence[int] = (6, 3, 5), held_out: int = 2, classes: Sequence[str] = tuple(HZ), seed: int = 0) -> SoundSet:
    """Decaying tones of a pitch that their class decides: so many of each class to train on, and to look at."""
    draw = np.random.default_rng(seed)

    def split(numbers: Sequence[int], name: str) -> dict[str, np.ndarray]:
        label = np.repeat(np.arange(len(classes)), numbers).astype(np.int32)
        n, t = len(label), np.arange(SAMPLES) / 22_050
        length = draw.integers(SAMPLES // 3, SAMPLES + 1, n).astype(np.int32)
        audio = np.zeros((n, SAMPLES), np.int16)
        for i in range(n):
            hz = HZ[classes[label[i]]] * draw.uniform(0.7, 1.4)
            wave = np.exp(-t * draw.uniform(50, 200)) * np.sin(2 * np.pi * hz * t + 1) + 1e-3 * draw.normal(size=SAMPLES)
            audio[i, : length[i]] = np.round(32_767 * wave / np.abs(wave).max())[: length[i]]
        names = np.array([f"{name}/{i}.wav" for i in range(n)], np.str_)
        return {
            "audio": audio,
            "length": length,
            "label": label,
            "name": names,
            "group": names,
            "licence": np.array(["CC0-1.0"] * n),
        }

    splits = {"train": split(counts, "train"), "validation": split([held_out] * len(classes), "validation")}
    by_class = {name: {of: int(np.sum(arrays["label"] == k)) for k, of in enumerate(classes)} for name, arrays in splits.items()}
    info = SoundInfo(
        kind=KIND,
        name="few",
        source_sha256="b" * 64,
        classes=tuple(classes),
        sample_rate_hz=22_050,
        samples=SAMPLES,
        counts={name: len(arrays["label"]) for name, arrays in splits.items()},
        class_counts=by_class,
        licences={"CC0-1.0": sum(len(arrays["label"]) for arrays in splits.values())},
    )
    return SoundSet(info, splits)


def shrunken_cwae(**changes: Any) -> cwae.CWAETraining:
    """The preset `small` for these sounds; a look at the validation split every four steps."""
    settings = {
        "per_class": 4,
        "mel": MEL,
        "model": CWAEConfig(channels=(3,), dense=(8,), latent=4),
        "validate_every_steps": 4,
        "optimizer": replace(cwae.ADAM, learning_rate=1e-2, plateau_patience=1),
        "keep_checkpoints": 99,
    }
    return replace(cwae.PRESETS["small"], **(settings | changes))


def shrunken_mcnn(**changes: Any) -> mcnn.MCNNTraining:
    """The preset `small` for these sounds; a look at the validation split every four steps."""
    settings = {
        "batch_size": 4,
        "mel": MEL,
        "model": MCNNConfig(heads=2, channels=(4, 4, 4, 4, 2, 2)),
        "validate_every_steps": 4,
        "optimizer": replace(mcnn.ADAM, learning_rate=1e-2, plateau_patience=1),
        "keep_checkpoints": 99,
    }
    return replace(mcnn.PRESETS["small"], **(settings | changes))


STEADY = OptimizerConfig(name="sgd", learning_rate=1e-2)
"""Adam's first steps are signs: what was summed in another order would turn some of them."""


if __name__ == "__main__":
    from drumjax.train.run import train

    train(cwae.RECIPE, shrunken_cwae(per_class=8, optimizer=STEADY), sound_set(), **json.loads(sys.argv[1]))
