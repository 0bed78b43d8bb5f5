"""Drum maps: which MIDI pitches fall on which lane of a grid, and which pitch a lane is written as.

Sources: `tr808` Sec. "Electronic Dance Music Dataset" of Off the Beaten Track names the six instruments, the pitches are General
MIDI percussion (our decision); `pocket` is the map of PocketVAE's public code; `gm` is every General MIDI percussion key.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from types import MappingProxyType
from typing import Any

from drumjax.boundary import InputError, read_json


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


def drum_map_to_json(drum_map: DrumMap) -> dict[str, Any]:
    """The drum map as JSON-like data, in the form of a user's drum map file (see `load_drum_map`)."""
    return {
        "name": drum_map.name,
        "lanes": [
            {"name": lane, "in": list(pitches), "out": out}
            for lane, pitches, out in zip(drum_map.lanes, drum_map.in_pitches, drum_map.out_pitches, strict=True)
        ],
    }


def drum_map_from_json(value: Mapping[str, Any]) -> DrumMap:
    """The drum map that `drum_map_to_json` wrote or a user typed.

    Raises:
      ValueError: when a field is missing, unknown or of the wrong type, and when the map breaks the rules of `DrumMap`.
    """
    _fields(value, ("name", "lanes"), "a drum map")
    name, lanes = value["name"], value["lanes"]
    if not isinstance(name, str) or not isinstance(lanes, list):
        raise ValueError("a drum map: expected a string in 'name' and a list in 'lanes'")
    for number, lane in enumerate(lanes, 1):
        where = f"lane {number} of the drum map {name!r}"
        _fields(lane, ("name", "in", "out"), where)
        if not isinstance(lane["name"], str) or not isinstance(lane["in"], list):
            raise ValueError(f"{where}: expected a string in 'name' and a list of pitches in 'in'")
        for pitch in [*lane["in"], lane["out"]]:
            if type(pitch) is not int:
                raise ValueError(f"{where}: expected whole numbers as pitches, found {pitch!r}")
    return DrumMap(
        name=name,
        lanes=tuple(lane["name"] for lane in lanes),
        in_pitches=tuple(tuple(lane["in"]) for lane in lanes),
        out_pitches=tuple(lane["out"] for lane in lanes),
    )


def _fields(value: Any, names: tuple[str, ...], where: str) -> None:
    if not isinstance(value, Mapping) or set(value) != set(names):
        found = sorted(value) if isinstance(value, Mapping) else value
        raise ValueError(f"{where}: expected an object with the fields {', '.join(names)}, found {found!r}")


def load_drum_map(name_or_path: str | PathLike[str]) -> DrumMap:
    """A built-in drum map by its name, or a user's own from a small JSON file.

    The file: `{"name": "mine", "lanes": [{"name": "BD", "in": [35, 36], "out": 36}, ...]}`, lanes in the grid's order.

    Raises:
      InputError: when the name is unknown (the nearest known one is suggested) or the file breaks a rule.
    """
    name = str(name_or_path)
    if name in BUILT_IN:
        return BUILT_IN[name]
    if "/" not in name and "\\" not in name and not name.lower().endswith(".json"):
        near = difflib.get_close_matches(name.lower(), BUILT_IN, n=1, cutoff=0.5)
        raise InputError(
            name,
            rule=f"a built-in drum map ({', '.join(BUILT_IN)}) or a .json file",
            found="neither",
            remedy=f"perhaps you meant {near[0]!r}" if near else "choose one of these",
        )
    try:
        return drum_map_from_json(read_json(name_or_path, max_bytes=1 << 18))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(name_or_path, rule="a drum map", found=str(error), remedy="correct the file") from None
