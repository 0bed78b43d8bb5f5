"""Sound to files: 16-bit PCM in WAV or FLAC with provenance in the comment.

Float WAV and OGG are not offered: their bytes differ from run to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from drumjax.boundary import InputError, write_bytes
from drumjax.provenance import dumps

_FORMATS = {".wav": "WAV", ".flac": "FLAC"}
_BLOCK = 1 << 17
"""Frames that are looked at or written at a time: an hour of sound is rounded in float64 without a copy of it in float64."""


def write_audio(
    path: str | PathLike[str], samples: np.ndarray, sample_rate_hz: int, provenance: Mapping[str, Any] | None = None
) -> None:
    """Writes sound as 16-bit PCM, whole or not at all; equal input gives equal bytes.

    Args:
      path: ends in .wav or .flac.
      samples: float in [-1, 1], (samples,) or (samples, channels); 1 is written as 32,767.
      sample_rate_hz: samples a second.
      provenance: what `drumjax.provenance.provenance` made; None for none.

    Raises:
      InputError: for another suffix, or when the file cannot be written there.
      ValueError: for samples of another shape, none, NaN, infinity, or beyond ±1.
    """
    import soundfile

    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise InputError(path, rule="a sound file that ends in .wav or .flac", found=repr(suffix), remedy="change the name")
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or not samples.size:
        raise ValueError(f"expected samples of shape (samples,) or (samples, channels), found {samples.shape}")
    blocks = [samples[first : first + _BLOCK] for first in range(0, len(samples), _BLOCK)]
    if not all(np.isfinite(block).all() for block in blocks):
        raise ValueError("expected finite samples, found NaN or infinity")
    peak = max(float(np.abs(block).max()) for block in blocks)
    if peak > 1:
        raise ValueError(f"expected samples in [-1, 1], found {peak:.4g}; lower the level")
    buffer = BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(
        buffer, "w", samplerate=sample_rate_hz, channels=channels, format=_FORMATS[suffix], subtype="PCM_16"
    ) as sound:
        if provenance is not None:
            sound.comment = dumps(provenance)
        for block in blocks:
            # Rounded here: libsndfile rounds by the processor's mode and scales WAV and FLAC differently.
            sound.write(np.rint(block.astype(np.float64) * 32767).astype(np.int16))
    write_bytes(path, buffer.getvalue())
