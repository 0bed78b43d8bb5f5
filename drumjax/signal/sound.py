"""What a sound model makes: one drum sound that knows how to save itself and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np

from drumjax.boundary import InputError
from drumjax.signal.audio_file import write_audio
from drumjax.signal.rendering import soft_edges

SILENCE_DB = -60.0
"""What lies this far below a sound's peak counts as silence when its end is cut off."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A mono sound. Immutable.

    Attributes:
      audio: float32 (samples,) in [-1, 1], at least one sample; copied and made read-only.
      sample_rate_hz: samples a second.
      label: its class, or the mix of classes that it was made as ("kick=0.7,snare=0.3"); "" where unknown.
      name: for reports, pictures and files.
      provenance: where it came from, as JSON-like data: a record of `drumjax.provenance.provenance` for one that was made,
        `{"path", "sha256"}` for one that was read, None for one made by hand.
      mel: the mel magnitudes (frames, bins) that a vocoder made it of, for pictures; None where it was not made so.

    Raises:
      ValueError: samples of another shape, none, NaN, infinity or beyond ±1; or a rate not above 0.
    """

    audio: np.ndarray
    sample_rate_hz: int
    label: str = ""
    name: str = ""
    provenance: Mapping[str, Any] | None = None
    mel: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        audio = np.array(self.audio, np.float32)
        if audio.ndim != 1 or not len(audio):
            raise ValueError(f"expected mono samples (samples,), at least one, found shape {audio.shape}")
        if not np.isfinite(audio).all():
            raise ValueError("expected finite samples, found NaN or infinity")
        if (peak := float(np.abs(audio).max())) > 1:
            raise ValueError(f"expected samples in [-1, 1], found {peak:.4g}; lower the level")
        if self.sample_rate_hz <= 0:
            raise ValueError(f"expected a sample rate above 0 Hz, found {self.sample_rate_hz}")
        audio.setflags(write=False)
        object.__setattr__(self, "audio", audio)

    @property
    def duration_s(self) -> float:
        return len(self.audio) / self.sample_rate_hz

    @property
    def is_silent(self) -> bool:
        """Whether every sample is 0."""
        return not self.audio.any()

    def save(self, path: str | PathLike[str]) -> None:
        """Writes it as 16-bit PCM, its provenance in the comment; see `drumjax.signal.audio_file.write_audio`."""
        write_audio(path, self.audio, self.sample_rate_hz, self.provenance)

    def cropped(self, start_s: float = 0.0, end_s: float | None = None, *, silence_db: float | None = None) -> Sound:
        """A part of it, what the paper's waveform view is for (Neural Drum Machine, Sec. "Interface").

        Edges that are not near zero are faded, over 0.5 ms at the start and 3 ms at the end; with `silence_db` also where nothing
        was cut. Silence keeps one sample.

        Args:
          start_s: where it begins, at least 0.
          end_s: where it ends; None, and what lies behind the end, for the end.
          silence_db: then what follows the last sample above this level, in dB of the part's peak and below 0, is cut; None to
            keep it.

        Raises:
          InputError: a part without a sample, or a number out of range. The record in `provenance` is told of numbers that differ
            from the defaults, by their names.
        """
        end = self.duration_s if end_s is None else end_s
        if not 0 <= start_s < min(end, self.duration_s):
            found = f"{start_s:g} to {end:g} s"
            raise InputError(
                "crop", rule=f"a part of the {self.duration_s:.3f} s", found=found, remedy="choose a start before the end"
            )
        if silence_db is not None and not -200 <= silence_db < 0:
            rule, found = "silence from -200 to below 0 dB", f"{silence_db:g}"
            raise InputError("crop", rule=rule, found=found, remedy="choose a level in that range")
        first = min(round(start_s * self.sample_rate_hz), len(self.audio) - 1)
        last = max(min(round(end * self.sample_rate_hz), len(self.audio)), first + 1) if end < self.duration_s else len(self.audio)
        part = np.array(self.audio[first:last])
        if silence_db is not None:
            heard = np.flatnonzero(np.abs(part) > np.abs(part).max() * 10 ** (silence_db / 20))
            part = part[: heard[-1] + 1 if len(heard) else 1]
        if len(part) < len(self.audio) or silence_db is not None:  # a model's window may end in the middle of a sound
            soft_edges(part, self.sample_rate_hz)
        return replace(self, audio=part, provenance=self._with(start_s=start_s or None, end_s=end_s, silence_db=silence_db))

    def _with(self, **numbers: float | None) -> Mapping[str, Any] | None:
        """The provenance with what was given among its parameters."""
        if self.provenance is None or "parameters" not in self.provenance:
            return self.provenance
        given = {name: float(number) for name, number in numbers.items() if number is not None}
        return {**self.provenance, "parameters": {**self.provenance["parameters"], **given}}
