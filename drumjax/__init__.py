"""drumjax: machine-made drums in JAX.

A model is a network (`drumjax.models`). A system is how it learns (`drumjax.systems`). An instrument is how it is played
(`drumjax.instruments`, and `drumjax.load` for short). This module imports nothing heavy by itself.
"""

from __future__ import annotations

from importlib import metadata
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drumjax.instruments.loading import Instrument

__version__ = metadata.version("drumjax")
__all__ = ["__version__", "load"]


def load(name_or_path: str | PathLike[str] = "pattern-vae", *, vocoder: str | PathLike[str] | None = None) -> Instrument:
    """An instrument, ready to play: of a shipped model's name, or of a folder that training wrote.

    Every file's hash is verified first. Example: `drumjax.load().sample(4, seed=1)[0].save("new.mid")`. A model of sounds takes a
    `vocoder` beside its own: the name or folder of a trained one, or "griffin-lim".

    Raises:
      InputError: no such model, a damaged one, or one of a system that this version cannot play, or a vocoder that does not fit.
    """
    from drumjax.instruments import loading

    return loading.load(name_or_path, vocoder=vocoder)
