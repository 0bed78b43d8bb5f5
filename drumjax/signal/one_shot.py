"""One-shots from files: one stroke in mono, at one rate, without the silence before it; and in the window that a model hears."""

from __future__ import annotations

from os import PathLike

import numpy as np

from drumjax.boundary import InputError, read_audio
from drumjax.signal.levels import peak_normalized

MAX_SECONDS = 30.0
"""A longer file is a recording, not a one-shot."""
_TRIM = 1e-3
"""What lies before the first sample above this part of the peak (−60 dB) is silence and is cut, but for 0.5 ms."""
_KEPT_S = 0.0005
_SILENCE = 1e-4
_ENDS_S = 0.005
"""A level other than 0 on which a file begins and ends for so long is a fault of the recorder, and no sound."""
_FADE_S = 0.005


def read_one_shot(path: str | PathLike[str], sample_rate_hz: int) -> np.ndarray:
    """A sound file as mono float32 (samples,) at the given rate, without the silence before it.

    Where that silence stands on another level than 0 and the end does too, the level is taken off, or the silence would be sound.

    Raises:
      InputError: what `boundary.read_audio` refuses; silence or a constant, in the file or in the mean of its channels; or a sound
        of which the rate keeps nothing.
    """
    channels, rate = read_audio(path, max_seconds=MAX_SECONDS)
    mono = channels.mean(axis=1)
    peak = np.abs(mono).max()
    if np.ptp(mono) < _SILENCE:
        cancelled = np.ptp(channels, axis=0).max() >= _SILENCE
        still = "a constant" if peak >= _SILENCE else "silence"  # which is heard no more than zeros
        raise InputError(
            path,
            rule="a sound above −80 dBFS",
            found="channels that cancel each other" if cancelled else still,
            remedy="export it in mono" if cancelled else "choose another file",
        )
    mono -= _offset(mono, rate)
    peak = np.abs(mono).max()
    start = max(int(np.argmax(np.abs(mono) > _TRIM * peak)) - round(_KEPT_S * rate), 0)
    sound = resampled(mono[start:], rate, sample_rate_hz)
    if np.abs(sound).max() < _SILENCE:
        raise InputError(
            path,
            rule=f"a sound above −80 dBFS at {sample_rate_hz:,} Hz",
            found=f"nothing below {sample_rate_hz // 2:,} Hz",
            remedy="choose another file",
        )
    return sound


def _offset(mono: np.ndarray, sample_rate_hz: int) -> np.float32:
    """The level that a sound (samples,) begins and ends on; 0 where it begins or ends with anything but a level that is heard."""
    n = round(_ENDS_S * sample_rate_hz)
    ends = mono[:n], mono[-n:]
    first, last = (np.median(end) for end in ends)
    level = np.float32(min(first, last, key=abs))
    is_level = len(mono) > 2 * n and first * last > 0 and max(map(np.ptp, ends)) < abs(level) / 2
    return level if is_level and abs(level) > _TRIM * np.abs(mono).max() else np.float32(0)


def resampled(mono: np.ndarray, sample_rate_hz: int, to_hz: int) -> np.ndarray:
    """Sound (samples,) at another rate, float32, by soxr at high quality; the same sound where the rates are the same."""
    if sample_rate_hz != to_hz:
        import librosa  # late: it takes over a second, and machines that train on prepared data may lack it

        mono = librosa.resample(np.asarray(mono, np.float32), orig_sr=sample_rate_hz, target_sr=to_hz, res_type="soxr_hq")
    return np.ascontiguousarray(mono, np.float32)


def windowed(sound: np.ndarray, samples: int, sample_rate_hz: int) -> np.ndarray:
    """A sound as models of a fixed length hear it: peak 1, padded with zeros, or cut and faded over the last 5 ms.

    Source: Neural Drum Machine, Sec. "Dataset" (padding and peak); the paper leaves longer sounds out, the cut is our decision.

    Args:
      sound: float (any number of samples, at least one).
      samples: the length of the window.
      sample_rate_hz: of both.

    Returns:
      float32 (samples,); silence stays silence.
    """
    kept = np.array(sound[:samples], np.float32)
    if len(sound) > samples:
        fade = min(round(_FADE_S * sample_rate_hz), samples)
        kept[samples - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    kept = peak_normalized(kept)
    return np.concatenate([kept, np.zeros(samples - len(kept), np.float32)])
