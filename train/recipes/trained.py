"""What a training builds on: a trained model, checked before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.configs import dump_config, parse_config
from drumjax.datasets.sounds.info import SoundInfo

UNKNOWN = "unknown"
"""In the place of the hash of data of which a card says nothing."""


class Trained:
    """A trained member that a training builds on.

    Attributes:
      option: the option that names it, for messages.
      place: its checkpoint or folder of an instrument.
      card: its card.
      sha256: the hash of all its files.
      config: how it was trained.
    """

    def __init__(self, option: str, where: str, system: str, role: str, config_type: type[Any]) -> None:
        """Finds it and checks that it is whole.

        Args:
          option: such as "--start".
          where: a training's folder, a checkpoint or an instrument.
          system: the system that it has to be one of.
          role: the member that is meant of an instrument of several.
          config_type: of its training.

        Raises:
          InputError: there is none, it is damaged, or it is of another system.
        """
        members = checkpoint.find_members(Path(where))
        self.option, self.place = option, members[role if role in members else checkpoint.MODEL]
        checkpoint.verify(self.place)
        self.card = checkpoint.read_card(self.place)
        if self.card.get("system") != system:
            found = str(self.card.get("system"))
            raise InputError(
                self.place, rule=f"a trained {system} for {option}", found=found, remedy=f"name one of drumjax train {system}"
            )
        self.sha256 = checkpoint.fingerprint(self.place)
        self.config = parse_config(config_type, self.card.get("config"), self.place / checkpoint.CARD)

    def check_sha256(self, wanted: str) -> None:
        """Checks that it has the hash that is wanted; "" wants none.

        Raises:
          InputError: it has another one.
        """
        if wanted not in ("", self.sha256):
            raise InputError(
                self.place,
                rule=f"{self.option} with the hash {wanted}",
                found=self.sha256,
                remedy="leave the hash out, or name the other one",
            )

    def check_same(self, name: str, ours: Any) -> None:
        """Checks that a part of its configuration, such as `model`, equals that of the training that builds on it.

        Raises:
          InputError: names the first field that differs.
        """
        theirs = getattr(self.config, name)
        if differing := [key for key, value in dump_config(theirs).items() if dump_config(ours)[key] != value]:
            key = differing[0]
            raise InputError(
                self.place,
                rule=f"for {self.option} one whose {name}.{key} is {getattr(ours, key)}, as here",
                found=str(getattr(theirs, key)),
                remedy=f"give --{name}.{key.replace('_', '-')} as it has it, or name another",
            )

    def source_sha256s(self) -> set[str]:
        """The hashes of all data that it, and what it was built on, were trained on; `UNKNOWN` where its card does not say."""
        data = self.card.get("data")
        own = data.get("source_sha256") if isinstance(data, dict) else None
        return {own if isinstance(own, str) else UNKNOWN, *self.config.earlier_data}


def check_named(config: Any, name: str, hash_name: str) -> None:
    """Checks that a hash comes with the name of what it is the hash of.

    Raises:
      InputError: it comes alone.
    """
    if getattr(config, hash_name) and not getattr(config, name):
        raise InputError(hash_name, rule=f"a hash of what {name} names", found="a hash alone", remedy="leave it out")


def checked_earlier_data(given: tuple[str, ...], used: Iterable[Trained], info: SoundInfo) -> tuple[str, ...]:
    """The hashes of data other than a training's own that what it builds on was trained on, in order.

    Raises:
      InputError: others are given; () gives none.
    """
    found = tuple(sorted(set().union(*(one.source_sha256s() for one in used)) - {info.source_sha256}))
    if given not in ((), found):
        raise InputError("earlier_data", rule=", ".join(found) or "none", found=", ".join(given), remedy="leave it out")
    return found


def last_name(place: str) -> str:
    """The name of a folder without those that it lies in, which are nobody else's business; "" of ""."""
    return Path(place).resolve().name if place else ""
