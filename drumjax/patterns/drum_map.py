"""Drum maps: which MIDI pitches fall on which lane of a grid, and which pitch a lane is written as.

Sources: `tr808` Sec. "Electronic Dance Music Dataset" of Off the Beaten Track names the six instruments, the pitches are General
MIDI percussion (our decision); `pocket` is the map of PocketVAE's public code; `gm` is every General MIDI percussion key.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class DrumMap:
    """An ordered set of lanes.

    Attributes:
      name: what the map is called on the command line and in files.
      lanes: the lanes' short names, unique, in the order of a grid's second axis.
      in_pitches: for each lane the MIDI pitches (0 to 127) that are read into it; a pitch belongs to one lane at most.
      out_pitches: for each lane the MIDI pitch that it is written as; one of the lane's own `in_pitches`, so that what is written
        is read back.

    Raises:
      ValueError: when one of these rules is broken; the message names the lane.
    """

    name: str
    lanes: tuple[str, ...]
    in_pitches: tuple[tuple[int, ...], ...]
    out_pitches: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.lanes:
            raise ValueError(f"drum map {self.name!r}: expected at least one lane, found none")
        if not len(self.lanes) == len(self.in_pitches) == len(self.out_pitches):
            raise ValueError(
                f"drum map {self.name!r}: expected as many in_pitches and out_pitches as lanes ({len(self.lanes)}), "
                f"found {len(self.in_pitches)} and {len(self.out_pitches)}"
            )
        if len(set(self.lanes)) != len(self.lanes):
            raise ValueError(f"drum map {self.name!r}: lane names must differ, found {self.lanes}")
        seen: dict[int, str] = {}
        for lane, pitches, out in zip(self.lanes, self.in_pitches, self.out_pitches, strict=True):
            for pitch in pitches:
                if not 0 <= pitch <= 127:
                    raise ValueError(f"drum map {self.name!r}, lane {lane}: expected pitches 0 to 127, found {pitch}")
                if pitch in seen:
                    raise ValueError(f"drum map {self.name!r}: pitch {pitch} stands in lanes {seen[pitch]} and {lane}")
                seen[pitch] = lane
            if out not in pitches:
                raise ValueError(f"drum map {self.name!r}, lane {lane}: out pitch {out} is not among its in_pitches {pitches}")

    @property
    def lane_of_pitch(self) -> dict[int, int]:
        """The lane index of every pitch that the map reads."""
        return {pitch: lane for lane, pitches in enumerate(self.in_pitches) for pitch in pitches}


TR808 = DrumMap(
    name="tr808",
    lanes=("BD", "SD", "CH", "OH", "RS", "CB"),
    in_pitches=((35, 36), (38, 40), (42, 44), (46,), (37,), (56,)),
    out_pitches=(36, 38, 42, 46, 37, 56),
)
POCKET = DrumMap(
    name="pocket",
    lanes=("kick", "snare", "closed_hat", "open_hat", "tom", "ride", "crash"),
    in_pitches=(
        (35, 36),
        (37, 38, 39, 40),
        (22, 42, 44),
        (26, 46),
        (41, 43, 45, 47, 48, 50, 58),
        (51, 53, 56, 59),
        (49, 52, 55, 57),
    ),
    out_pitches=(35, 38, 42, 46, 47, 51, 49),
)
GM = DrumMap(
    name="gm",
    lanes=tuple(f"gm{pitch}" for pitch in range(35, 82)),
    in_pitches=tuple((pitch,) for pitch in range(35, 82)),
    out_pitches=tuple(range(35, 82)),
)
BUILT_IN = MappingProxyType({drum_map.name: drum_map for drum_map in (TR808, POCKET, GM)})
