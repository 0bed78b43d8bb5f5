"""From a sound file to a sound of a data set: one stroke from its onset, at full scale, in 16 bits."""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple

import numpy as np

from drumjax.boundary import InputError, read_audio_shape

LEAST_S = 0.005
"""A shorter one is a click, and no window of a spectrogram could tell what of."""
_TAIL = 3
"""What lies behind the last sample above this (−80 dB) is silence, and is no part of the sound: 16-bit dither stays below it."""
_HIT = 0.1
"""The window has to hold a sample of at least this part of the file's peak (−20 dB), or the hit comes later than that."""


class Clip(NamedTuple):
    """A sound from a file.

    Attributes:
      audio: int16 (length,), at most a window long, the loudest sample ±32,767.
      file_rate_hz: the rate of the file.
      is_cut: whether the file had more than the window holds.
    """

    audio: np.ndarray
    file_rate_hz: int
    is_cut: bool


def read_clip(path: str | PathLike[str], sample_rate_hz: int, samples: int) -> Clip:
    """The sound of a file: its channels' mean, resampled, from the onset on, as long as it is and at most a window long.

    The header is read first: a recording is refused without being read. Silence at the end is left off; what is longer than the
    window is cut and faded out over the last 5 ms (`drumjax.signal.one_shot.windowed`).

    Args:
      path: WAV, FLAC, AIFF, Ogg or MP3, of at most `drumjax.signal.one_shot.MAX_SECONDS`.
      sample_rate_hz: of the result.
      samples: the length of the window.

    Raises:
      InputError: what `drumjax.signal.one_shot.read_one_shot` refuses; a click; a hit that lies behind the window.
    """
    from drumjax.datasets.sounds.prepare import to_int16
    from drumjax.signal.one_shot import read_one_shot, windowed

    file_rate = read_audio_shape(path).sample_rate_hz
    sound = read_one_shot(path, sample_rate_hz)
    kept = sound[:samples]
    if np.abs(kept).max() < _HIT * np.abs(sound).max():
        raise InputError(
            path,
            rule=f"the hit within the first {samples / sample_rate_hz:.2f} s",
            found=f"it {np.argmax(np.abs(sound)) / sample_rate_hz:.1f} s behind the onset",
            remedy="cut the file so that it begins with the hit",
        )
    audio = to_int16(windowed(sound, samples, sample_rate_hz))
    length = int(np.flatnonzero(np.abs(audio.astype(np.int32)) > _TAIL)[-1]) + 1
    if length < LEAST_S * sample_rate_hz:
        raise InputError(
            path,
            rule=f"a sound of at least {1e3 * LEAST_S:g} ms",
            found=f"{1e3 * length / sample_rate_hz:.1f} ms",
            remedy="choose another file",
        )
    return Clip(audio[:length], file_rate, len(sound) > samples)
