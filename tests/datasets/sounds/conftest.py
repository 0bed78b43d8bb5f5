"""Small sound files, each different from the others to the ear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 44_100


def stroke(number: int, *, seconds: float = 0.25, rate: int = RATE) -> np.ndarray:
    """A decaying mixture of a tone and noise, float64 (samples,) with a peak of 0.5: another drum for every number."""
    rng = np.random.default_rng(number)
    t = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * rng.uniform(80, 4000) * t)
    sound = (tone + rng.uniform(0.2, 2) * rng.normal(size=len(t))) * np.exp(-t / rng.uniform(0.02, 0.08))
    return 0.5 * sound / np.abs(sound).max()


def write(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Callable[..., Path]:
    """Writes samples, or the stroke of a number, as a file below the test's folder."""

    def make(name: str, samples: np.ndarray | int = 0, rate: int = RATE, **options: str) -> Path:
        return write(tmp_path / name, stroke(samples, rate=rate) if isinstance(samples, int) else samples, rate, **options)

    return make


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """30 files of three classes: ten drums each, in the formats that are read."""
    for i, folder in enumerate(("Kicks", "snare", "hat closed")):
        for k in range(10):
            write(tmp_path / "pack" / folder / f"{'abcdefghij'[k]}.{('wav', 'flac', 'ogg', 'aiff')[k % 4]}", stroke(10 * i + k))
    return tmp_path / "pack"
