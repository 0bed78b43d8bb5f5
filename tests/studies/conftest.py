"""A key without a study: no sound is made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drumjax.studies import design, make
from drumjax.studies.key import Key, Settings, Sound


@pytest.fixture(scope="session")
def key_of() -> Callable[[Settings], Key]:
    """The key of a study of given settings, all sounds of one level."""

    def made(settings: Settings) -> Key:
        identification, robot = make.sessions(settings)
        named = {design.opaque(settings.seed, kind, number): (kind, number) for kind in make.TRANSITIONS for number in range(9)}
        named |= dict.fromkeys(robot, ("segment", 0))
        if "grooves" in settings.experiments:
            named |= {design.opaque(settings.seed, kind, i): (kind, i) for kind in make.OF_GROOVES for i in range(design.GROOVES)}
        level = {"loudness_lufs": -23.0, "peak_dbfs": -3.0, "rms_dbfs": -24.0, "duration_s": 45.65}
        return Key(
            study="0123456789",
            version="0",
            settings=settings,
            genres=("idm", "electro", "techno"),
            models={},
            kits={},
            sounds={name: Sound(kind=kind, number=number, **level) for name, (kind, number) in named.items()},  # type: ignore[arg-type]
            identification=identification,
            robot=robot,
            grooves=make.judged(settings),
        )

    return made
