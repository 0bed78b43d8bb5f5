"""Kits of generated sounds: which class plays which lane, how loud, and the folder that the command reads again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import MappingProxyType

import numpy as np

from drumjax.boundary import InputError
from drumjax.patterns.classes import CLASS_OF_PITCH
from drumjax.signal.rendering import Kit
from drumjax.signal.sound import Sound

MOST_TAKES = 8

STAND_INS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kick": ("tom",),
        "snare": ("clap", "rim"),
        "clap": ("snap", "snare"),
        "tom": ("conga", "kick"),
        "conga": ("bongo", "tom"),
        "bongo": ("conga", "tom"),
        "rim": ("snap", "clap", "snare"),
        "snap": ("clap", "rim"),
        "cowbell": ("conga", "bongo", "tom"),
        "cymbal": ("hihat_open", "tambourine"),
        "hihat_open": ("cymbal", "hihat_closed", "tambourine"),
        "hihat_closed": ("shaker", "tambourine", "hihat_open"),
        "tambourine": ("shaker", "hihat_closed"),
        "shaker": ("tambourine", "hihat_closed"),
    }
)
"""What plays a lane whose class a model does not know: the first of these that it knows (our decision)."""
LEVEL_LUFS: Mapping[str, float] = MappingProxyType(
    {
        "kick": -17.0, "snare": -21.5, "clap": -22.5, "tom": -20.5, "conga": -23.0, "bongo": -23.5, "rim": -26.0, "snap": -25.0,
        "cowbell": -25.0, "cymbal": -24.0, "hihat_open": -24.5, "hihat_closed": -28.5, "tambourine": -28.5, "shaker": -30.0,
    }
)  # fmt: skip
"""The loudest moment of a kit's sounds by class: that of the library's own drum machine, so that the two play together; of
classes that it has no voice for, near their neighbours' (our decision)."""
OTHER_LUFS = -24.0
"""Of a class of the user's own."""


@dataclass(frozen=True, eq=False)
class SoundKit(Kit):
    """A kit of generated sounds, with which `drumjax.signal.rendering` renders patterns as with any.

    Attributes:
      made: by lane the sounds themselves, the first and its takes, each with its provenance.
      classes: by lane the class that plays it, which is another one than the lane's where the model does not know that.
    """

    made: Mapping[str, tuple[Sound, ...]] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What plays what, as text."""
        named = ", ".join(f"{lane} {label}" for lane, label in self.classes.items())
        silent = [f"kit: no class of the model comes near {', '.join(self.silent)}"] if self.silent else []
        return [f"kit: {named}", *silent]

    def file_names(self) -> dict[str, list[str]]:
        """By lane the names of the files that `save` writes: `BD.wav`, or `BD/1.wav`, `BD/2.wav` of several takes.

        Raises:
          InputError: a lane whose name no file can have, or two that differ in case only.
        """
        seen: set[str] = set()
        for lane in self.made:
            if lane.casefold() in seen or lane.startswith(".") or not lane.strip() or set(lane) & set('/\\:*?"<>|\0'):
                remedy = "give the drum map's lanes names that a file can have, each another"
                raise InputError(lane, rule="a lane with a name for a file of its own", found="none", remedy=remedy)
            seen.add(lane.casefold())
        return {
            lane: [f"{lane}.wav"] if len(sounds) == 1 else [f"{lane}/{k + 1}.wav" for k in range(len(sounds))]
            for lane, sounds in self.made.items()
        }

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """Writes the sounds so that `--kit FOLDER` and `drumjax.synth.kits.load_kit` find each lane's takes in their order.

        Args:
          folder: made where it is not there; files of these names in it are replaced, others stay.

        Returns:
          The files.

        Raises:
          InputError: a lane without a name for a file, or a place that cannot be written.
        """
        paths = []
        for lane, names in self.file_names().items():
            for name, sound in zip(names, self.made[lane], strict=True):
                path = Path(folder) / name
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    found = error.strerror or str(error)
                    raise InputError(path.parent, rule="a folder to write to", found=found, remedy="name another") from error
                sound.save(path)
                paths.append(path)
        return paths


def class_of_pitch(pitch: int, classes: Sequence[str]) -> str | None:
    """The class that plays a General MIDI key: its own where it is among `classes`, else a neighbour's; None where none is."""
    label = CLASS_OF_PITCH.get(pitch)
    return next((name for name in (label, *STAND_INS.get(label or "", ())) if name in classes), None)


def at_level(sound: Sound, lufs: float) -> np.ndarray:
    """The samples at a loudness (the loudest moment), or as near as a peak of 1 lets them; silence stays silence."""
    from drumjax.signal.loudness import loudest_moment  # with SciPy's filters, for which nothing else waits

    now = loudest_moment(sound.audio, sound.sample_rate_hz)
    if not math.isfinite(now):
        return sound.audio
    return sound.audio * np.float32(min(10 ** ((lufs - now) / 20), 1 / float(np.abs(sound.audio).max())))
