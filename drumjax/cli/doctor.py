"""`drumjax doctor`: is the installation sound?"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from drumjax.boundary import InputError
from drumjax.cli.arguments import parse

PACKAGES = (
    "drumjax",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "tensorflow-datasets",
    "librosa",
    "soundfile",
    "mido",
)


@dataclass(frozen=True)
class Doctor:
    """Check the installation: versions, devices, the compilation cache, and every shipped model's hash and sound.

    Exit code 0 when all checks pass, 2 when a shipped model's files are damaged, 1 when anything else is wrong.

    examples:
      drumjax doctor
    """


def _versions() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)


def _devices() -> str:
    import jax

    return ", ".join(f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices())


def _compiles() -> str:
    import jax
    import jax.numpy as jnp

    total = float(jax.jit(lambda x: jnp.sum(x @ x))(jnp.ones((64, 64))))
    if total != 64.0**3:
        raise ArithmeticError(f"expected 64 ones squared to sum to {64**3}, found {total}")
    return "a compiled matrix product is right"


def _cache() -> str:
    return os.environ.get("JAX_COMPILATION_CACHE_DIR") or "none: its folder is missing, or open to other users"


def _model(name: str) -> Callable[[], str]:
    def check() -> str:
        from drumjax.instruments.groove import GrooveInstrument
        from drumjax.instruments.loading import load
        from drumjax.instruments.sound import SoundInstrument

        instrument = load(name)
        if isinstance(instrument, SoundInstrument):
            sounds = instrument.sample(n=len(instrument.classes))
            if all(sound.is_silent for sound in sounds):
                raise ArithmeticError("a sound of each class is silent")
            return f"hashes verified, a sound of each of {len(sounds)} classes"
        made = instrument.generate(n=4) if isinstance(instrument, GrooveInstrument) else instrument.sample(4)
        hits = sum(int(pattern.hits.sum()) for pattern in made)
        if not hits:
            raise ArithmeticError("four samples hold no hit")
        return f"hashes verified, {hits} hits in four samples"

    return check


def _sound() -> str:
    import numpy as np

    from drumjax.synth.tr808 import voices

    made = voices()
    if not all(np.isfinite(voice).all() and np.abs(voice).max() > 0.05 for voice in made.values()):
        raise ArithmeticError("a voice of the drum machine is silent or not finite")
    return f"{len(made)} voices of the drum machine"


def doctor(arguments: list[str], prog: str) -> int:
    """`drumjax doctor`."""
    parse(Doctor, arguments, prog)
    from drumjax.instruments.loading import shipped_models

    checks: dict[str, Callable[[], str]] = {
        "python": lambda: f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores",
        "packages": _versions,
        "devices": _devices,
        "compiler": _compiles,
        "compilation cache": _cache,
        "drum machine": _sound,
        **{f"model {name}": _model(name) for name in shipped_models()},
    }
    failed: list[Exception] = []
    for name, check in checks.items():
        try:
            print(f"ok    {name}: {check()}")
        except (InputError, ArithmeticError, ImportError, OSError, RuntimeError) as error:
            failed.append(error)
            print(f"FAIL  {name}: {error}")
    print("all is well" if not failed else f"{len(failed)} of {len(checks)} checks failed")
    if all(isinstance(error, InputError) for error in failed):
        return 2 if failed else 0
    return 1
