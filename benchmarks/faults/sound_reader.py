"""The process that prepares a hostile folder of sounds and encodes each file: `sound_reader.py FOLDER OUT`.

It prints a line of JSON: the folder of the prepared data, what was taken, rejected and left out as a copy, what became of each file
in an instrument, and what it took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from faults.memory import peak_bytes

from drumjax.boundary import InputError
from drumjax.checkpoint import Playing
from drumjax.configs import dump_config
from drumjax.datasets.sounds.build import build_sounds
from drumjax.instruments.sound import SoundInstrument
from drumjax.models import cwae
from drumjax.patterns.classes import CLASSES
from drumjax.signal.mel import MelConfig


def untrained() -> SoundInstrument:
    """An instrument of the paper's classes that hears short windows, so that encoding costs little beside reading."""
    mel = MelConfig(samples=3839, window_samples=256, hop_samples=64, fft_samples=256, bins=24)
    config = cwae.CWAEConfig(classes=len(CLASSES), frames=mel.frames, bins=mel.bins, channels=(2, 2), dense=(16,), latent=6)
    params, stats = cwae.init_cwae(config, jax.random.key(1))
    shape = (mel.frames, mel.bins)
    extra = {"batch_stats": stats, "standardizer": {"mean": np.zeros(shape, np.float32), "deviation": np.ones(shape, np.float32)}}
    pca = {"mean": [0.0] * 6, "components": np.eye(3, 6).tolist(), "deviations": [1.0] * 3}
    play = {"classes": list(CLASSES), "mel": dump_config(mel), "pca": pca}
    card = {"system": "cwae", "config": {"model": dump_config(config)}, "play": play}
    model = Playing({"cwae": params}, extra, card)
    return SoundInstrument.from_checkpoints(
        model, None, directory=Path(), vocoder_directory=None, name="untrained", sha256="0" * 64
    )


def encoded(instrument: SoundInstrument, path: Path) -> str:
    """ "code", "refused", or what else happened."""
    try:
        code = instrument.encode(path)
    except InputError as error:
        text = str(error)
        return "refused" if text.isprintable() and len(text) < 3_000 + len(str(path)) else f"a message of {len(text)} characters"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return "code" if np.isfinite(code.code).all() else "a code of NaN or infinity"


def main() -> None:
    """See the module."""
    folder, out = map(Path, sys.argv[1:])
    instrument, before = untrained(), peak_bytes()
    clock = time.perf_counter()
    built = build_sounds(folder, out, processes=len(os.sched_getaffinity(0)))
    prepared = time.perf_counter() - clock
    assert built.collection is not None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    verdicts = {path.relative_to(folder).as_posix(): encoded(instrument, path) for path in files}
    told: dict[str, Any] = {
        "folder": str(built.folder),
        "taken": [sound.name for sound in built.collection.sounds],
        "copies": {copy.name: copy.of for copy in built.collection.duplicates},
        "rejected": {name: f"{reason}; found {found}" for name, reason, found in built.collection.rejections},
        "verdicts": verdicts,
        "encoded": sum(verdict == "code" for verdict in verdicts.values()),
        "prepare_s": round(prepared, 1),
        "encode_s": round(time.perf_counter() - clock - prepared, 1),
        "most_mib": round((peak_bytes() - before) / 2**20),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
