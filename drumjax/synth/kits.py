"""Kits from a folder of one-shots: which file is which lane, and what was done about the lanes without one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from drumjax.boundary import AGAIN, AUDIO_SUFFIXES, InputError, file_sha256, list_files
from drumjax.patterns import DrumMap
from drumjax.patterns.classes import spoken_drums
from drumjax.signal import one_shot
from drumjax.signal.rendering import Kit, hat_chokes
from drumjax.synth.tr808 import SAMPLE_RATE_HZ, VOICE_OF_PITCH, kit_for

VOICE_OF_DRUM = MappingProxyType(
    {
        "tom_low": "LT", "tom": "MT", "tom_high": "HT", "conga_low": "LC", "conga": "MC", "conga_high": "HC", "bongo_low": "LC",
        "bongo": "MC", "bongo_high": "HC", "hihat_open": "OH", "hihat_closed": "CH", "hihat": "CH", "rim": "RS", "cowbell": "CB",
        "clap": "CP", "snare": "SD", "kick": "BD", "ride": "RD", "cymbal": "CY", "claves": "CL", "shaker": "MA", "tambourine": "MA",
    }
)  # fmt: skip
"""The drum machine's voice of each drum that `drumjax.patterns.classes` knows by name, the nearest there is: none for a snap."""
_TAKE = re.compile(r"[\s_.\-]*(?:rr|take|hit)?[\s_.\-]*\d+$")
"""The end of a name that numbers a take: "snare 2", "snare_rr3", "snare-take-04"."""
_LAYER = re.compile(r"(?:^|[\s_.\-])(?:v|vl|vel|velocity|layer)$")
"""What stands before a number that counts layers of loudness: these are no takes, they would jump in level from hit to hit."""
_NEIGHBOURS = {
    "LT": ("MT", "HT"),
    "MT": ("LT", "HT"),
    "HT": ("MT", "LT"),
    "LC": ("MC", "HC"),
    "MC": ("LC", "HC"),
    "HC": ("MC", "LC"),
    "RD": ("CY",),
    "CY": ("RD",),
}
"""Voices that may stand in for one that no file has."""


class KitReport(NamedTuple):
    """Where a kit's sounds come from.

    Attributes:
      sources: for each lane the file (a path below the folder), or None for a voice of the procedural TR-808.
      silent: lanes that neither has a sound for.
      refused: files that could not be used, with the reason.
      unknown: files whose names say no drum that the map has a lane for.
      takes: for each lane with further takes of its sound their files.
    """

    sources: Mapping[str, str | None]
    silent: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]
    takes: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def lines(self) -> list[str]:
        """The report as text: files, stand-ins, silence, faults."""
        files = [f"{lane} {source}" for lane, source in self.sources.items() if source is not None]
        stand_ins = [lane for lane, source in self.sources.items() if source is None]
        lines = [f"kit: {', '.join(files)}"]
        lines += [f"kit: {lane} goes round {len(names)} more: {', '.join(names)}" for lane, names in self.takes.items()]
        if stand_ins:
            lines.append(f"kit: no file for {', '.join(stand_ins)}: the procedural TR-808 plays them")
        if self.silent:
            lines.append(f"kit: no sound at all for {', '.join(self.silent)}")
        lines += [f"kit: left out {name}: {reason}" for name, reason in self.refused]
        if self.unknown:
            shown = ", ".join(self.unknown[:5]) + (", …" if len(self.unknown) > 5 else "")
            lines.append(f"kit: {len(self.unknown)} files whose names say no lane: {shown}")
        return lines


def load_kit(
    folder: str | Path, drum_map: DrumMap, sample_rate_hz: int = SAMPLE_RATE_HZ, *, takes: int = 1
) -> tuple[Kit, KitReport]:
    """The one-shots of a folder as a kit; a lane without a usable file gets its TR-808 voice.

    A file belongs to a lane when its name, or the folder it lies in, is the lane's (`BD.wav`, `BD/909.wav`); else by what its
    name, or failing that the name of the folder next above, says (`drumjax.patterns.classes.DRUMS`). Of several the first in the
    order of paths is taken; a file that cannot be used gives way to the next and is reported. Levels stay as recorded.

    Takes of one sound, which the lane's hits go round where more than one is asked for, are files of one folder whose names differ
    in a last number only (`snare 1.wav`, `snare 2.wav`; but not `snare_v1.wav`, a layer of loudness), or files in a folder of the
    lane's name (`SD/left.wav`, `SD/right.wav`). Copies that `drumjax again` made beside their originals (`2.again.wav`) are none.

    Args:
      folder: WAV, FLAC, AIFF, Ogg or MP3 files at any depth, at any rate, of any number of channels (averaged), of at most 30 s.
      drum_map: the lanes.
      sample_rate_hz: what the sounds are resampled to.
      takes: the most takes of a lane's sound, 1 to 8.

    Returns:
      The kit, and where its sounds come from. The kit's provenance is the folder as given and the SHA-256 of the JSON list of
      [lane, SHA-256 of the lane's file] in the lanes' order, a further pair for every take: it changes with what is heard, and with
      no other file of the folder.

    Raises:
      InputError: no such folder, or nothing in it that a lane can use.
      ValueError: another number of takes.
    """
    root = Path(folder)
    copies, paths = split_copies(list_files(root, AUDIO_SUFFIXES))
    words = {path: _names(path.relative_to(root)) for path in paths}
    spoken = {path: _voice(names) for path, names in words.items()}
    fallback = kit_for(drum_map, sample_rate_hz, takes=takes)
    sounds: dict[str, list[np.ndarray]] = {}
    files: dict[str, list[str]] = {}
    refused = {path.relative_to(root).as_posix(): "a copy that 'drumjax again' made" for path in copies}
    candidates = {lane: _candidates(lane, _lane_voice(drum_map, index), words, spoken) for index, lane in enumerate(drum_map.lanes)}
    for lane, ranked in candidates.items():
        first: Path | None = None
        for path in ranked:
            name = path.relative_to(root).as_posix()
            if name in refused or (first is not None and not _are_takes(first, path, lane)):
                continue
            try:
                sound = read_one_shot(path, sample_rate_hz)
            except InputError as error:
                refused[name] = f"expected {error.rule}, found {error.found}"
                continue
            first = first or path
            sounds.setdefault(lane, []).append(sound)
            files.setdefault(lane, []).append(name)
            if len(files[lane]) == takes:
                break
    if not sounds:
        found = f"{len(paths)} sound files" + (f", the first refused: {next(iter(refused.items()))}" if refused else "")
        raise InputError(
            folder,
            rule=f"sounds for {drum_map.name!r}, named by lane ({', '.join(drum_map.lanes[:7])}) or drum (kick.wav, snare/…)",
            found=found,
            remedy="rename the files, or leave the kit out to hear the procedural TR-808",
        )
    silent = tuple(lane for lane in fallback.silent if lane not in sounds)
    known = {path for ranked in candidates.values() for path in ranked}
    played = {lane: sounds.get(lane) or fallback.sounds(lane) for lane in drum_map.lanes if lane not in silent}
    kit = Kit(
        samples={lane: heard[0] for lane, heard in played.items()},
        sample_rate_hz=sample_rate_hz,
        chokes=hat_chokes(drum_map),
        name=root.resolve().name,
        silent=silent,
        provenance={"path": str(folder), "sha256": _files_sha256(root, files)},
        takes={lane: heard[1:] for lane, heard in played.items()},
    )
    report = KitReport(
        sources={lane: files[lane][0] if lane in files else None for lane in kit.samples},
        silent=silent,
        refused=tuple(refused.items()),
        unknown=tuple(path.relative_to(root).as_posix() for path in paths if path not in known),
        takes={lane: tuple(names[1:]) for lane, names in files.items() if len(names) > 1},
    )
    return kit, report


def split_copies(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The files that `drumjax again` made beside others, and the rest: a copy is no further take of its original."""
    parted: tuple[list[Path], list[Path]] = [], []
    for path in paths:
        parted[not path.stem.endswith(AGAIN)].append(path)
    return parted


def _files_sha256(root: Path, files: Mapping[str, list[str]]) -> str:
    pairs = [[lane, file_sha256(root / name)] for lane, names in files.items() for name in names]
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _are_takes(first: Path, other: Path, lane: str) -> bool:
    """Whether two files are takes of one sound; see `load_kit`."""
    if first.parent != other.parent:
        return False
    stems = [_TAKE.sub("", path.stem.casefold()) for path in (first, other)]
    if any(_LAYER.search(stem) for stem in stems):
        return False
    return stems[0] == stems[1] or first.parent.name.casefold() == lane.casefold()


def read_one_shot(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """`drumjax.signal.one_shot.read_one_shot`, at the drum machine's rate where none is given."""
    return one_shot.read_one_shot(path, sample_rate_hz)


def _names(relative: Path) -> list[str]:
    """What a file is called, then the folders above it, the nearest first."""
    return [relative.stem, *relative.parent.parts[::-1]]


def _voice(names: list[str]) -> str | None:
    return next((VOICE_OF_DRUM[drum.name] for drum in spoken_drums(names) if drum.name in VOICE_OF_DRUM), None)


def _lane_voice(drum_map: DrumMap, index: int) -> str | None:
    pitches = (drum_map.out_pitches[index], *drum_map.in_pitches[index])
    return next((VOICE_OF_PITCH[pitch] for pitch in pitches if pitch in VOICE_OF_PITCH), None)


def _candidates(lane: str, voice: str | None, words: Mapping[Path, list[str]], spoken: Mapping[Path, str | None]) -> list[Path]:
    """Files for a lane, the best first: those of the lane's own name, then of its voice, then of a neighbour's."""
    wanted = (voice, *_NEIGHBOURS.get(voice, ())) if voice else ()
    ranked = []
    for path, names in words.items():
        if any(name.casefold() == lane.casefold() for name in names[:2]):
            ranked.append((0, path))
        elif spoken[path] in wanted:
            ranked.append((1 + wanted.index(spoken[path]), path))
    return [path for _, path in sorted(ranked)]
