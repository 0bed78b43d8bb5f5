"""Codes of sounds and the classes that they are read as: what `encode` gives, and the files of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from drumjax.boundary import InputError, file_sha256, read_json, write_bytes

Label = str | Mapping[str, float]
"""A class by any of its names, or a mix: class → weight, at least 0; the weights are divided by their sum."""
Chooser = Literal["given", "name", "record", "sound"]
CODE_BYTES = 1 << 20
CODE_FORMAT = "drumjax sound code"


def label_text(mix: Mapping[str, float]) -> str:
    """A mix in words, as `--mix` takes it: "kick", or "kick=0.7,snare=0.3"."""
    if len(mix) == 1:
        return next(iter(mix))
    return ",".join(f"{name}={weight:g}" for name, weight in mix.items())


def parse_mix(text: str) -> Label:
    """`kick=0.7,snare=0.3` as class → weight; a text without "=" is a class.

    Raises:
      InputError: a part that is no class and weight, or a class twice.
    """
    if "=" not in text:
        return text
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, mark, weight = (piece.strip() for piece in part.partition("="))
        try:
            number = float(weight)
        except ValueError:
            number = math.nan
        if not name or not mark or math.isnan(number) or name in mix:
            found = f"{part.strip()!r:.60}"
            raise InputError("mix", rule="classes and weights such as kick=0.7,snare=0.3", found=found, remedy="correct this part")
        mix[name] = number
    return mix


@dataclass(frozen=True, eq=False)
class SoundCode:
    """Where a sound stands in the model's space: what `encode` gives, and `vary`, `morph` and `humanize` take.

    Attributes:
      code: float32 (d,).
      mix: the classes that the sound was read as, class → weight; the weights sum to 1.
      chosen_by: how the classes came about: "given" by the caller, the "name" of the file, the "record" of how the sound was made,
        or the "sound" itself: the class under which the model reconstructs it best.
      position: P1, P2 and P3 in standard deviations, as `at` takes them.
      name: for reports and files.
      provenance: as of a `Sound`.
    """

    code: np.ndarray
    mix: Mapping[str, float]
    chosen_by: Chooser
    position: tuple[float, float, float]
    name: str = ""
    provenance: Mapping[str, Any] | None = None

    @property
    def label(self) -> str:
        return label_text(self.mix)

    def to_json(self) -> dict[str, Any]:
        """What a code file holds; numbers of single precision, each the shortest that is read as the same."""
        return {
            "format": CODE_FORMAT,
            "name": self.name,
            "class": dict(self.mix),
            "class_chosen_by": self.chosen_by,
            "position": [_short(number) for number in self.position],
            "code": [_short(number) for number in self.code],
            "provenance": dict(self.provenance or {}),
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Writes a code file, ASCII JSON: what every verb that takes a sound takes in its place.

        Raises:
          InputError: a name that does not end in .json, or a place that cannot be written.
        """
        if Path(path).suffix.lower() != ".json":
            raise InputError(path, rule="a code file that ends in .json", found=f"{Path(path).suffix!r}", remedy="change the name")
        write_bytes(path, (json.dumps(self.to_json(), indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii"))


def read_code(path: str | PathLike[str]) -> tuple[SoundCode, str | None]:
    """The code in a file that `SoundCode.save` wrote, and the hash of the model that made it, None where the file does not say.

    Raises:
      InputError: a file that is none.
    """
    value = read_json(path, max_bytes=CODE_BYTES)

    def require(holds: object, rule: str, found: object) -> None:
        if not holds:
            raise InputError(path, rule=rule, found=f"{found!r:.80}", remedy="make it again with 'drumjax sound encode'")

    require(isinstance(value, dict) and value.get("format") == CODE_FORMAT, "a code file of 'drumjax sound encode'", value)
    code, mix, position = value.get("code"), value.get("class"), value.get("position")
    name, chosen_by, origin = value.get("name"), value.get("class_chosen_by"), value.get("provenance")
    require(_are_numbers(code), "a code of numbers", code)
    require(_are_numbers(position) and len(position) == 3, "a position of three numbers", position)
    require(isinstance(mix, dict) and _are_numbers(list(mix.values())), "classes with weights", mix)
    require(isinstance(name, str) and chosen_by in get_args(Chooser), "a name, and who chose the class", [name, chosen_by])
    model = origin.get("model") if isinstance(origin, dict) else None
    sha256 = model.get("sha256") if isinstance(model, dict) else None
    entry = {"path": fspath(path), "sha256": file_sha256(path)}
    p1, p2, p3 = position
    return SoundCode(np.array(code, np.float32), mix, chosen_by, (p1, p2, p3), name, entry), sha256 if isinstance(
        sha256, str
    ) else None


def _are_numbers(value: object) -> bool:
    """A list of at least one number, each within single precision."""
    largest = float(np.finfo(np.float32).max)
    return isinstance(value, list) and len(value) > 0 and all(type(x) in (int, float) and abs(x) <= largest for x in value)


def _short(number: Any) -> float:
    """A number of single precision as the shortest decimal that is read as the same."""
    return float(str(np.float32(number)))
