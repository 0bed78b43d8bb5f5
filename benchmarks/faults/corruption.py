"""Any file of a checkpoint flipped, cut, emptied, swapped, replaced: never a load in silence.

The attacked directory is that of a finished training with two checkpoints, beside an instrument that was packed from it. After each
attack it is read in every way that the library reads it: the checkpoint by training and by playing, the working directory by
playing and by a training that wants to go on, the instrument by playing. Each either gives exactly what was saved, or refuses and
names the file at fault; and where a good checkpoint is left, training goes on from it and says so.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from faults.lives import RECIPES, STEPS, Training, cache_of, live
from faults.row import Row

Rng = np.random.Generator


def files_of(folder: Path) -> list[Path]:
    """Every file below a folder, sorted."""
    return sorted(Path(where, name) for where, _, names in os.walk(folder) for name in names)


# Each attack changes something about `file`, one of the files of `checkpoint`, and returns what may be named as at fault: files or
# the folder; nothing where no harm was done.


def flip(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """One bit."""
    raw = bytearray(file.read_bytes())
    raw[draw.integers(len(raw))] ^= 1 << int(draw.integers(8))
    file.write_bytes(raw)
    return [file]


def scramble(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """Up to 16 bytes in a row become others."""
    raw = bytearray(file.read_bytes())
    start = int(draw.integers(len(raw)))
    part = raw[start : start + 16]
    raw[start : start + 16] = bytes(byte ^ int(draw.integers(1, 256)) for byte in part)
    file.write_bytes(raw)
    return [file]


def truncate(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """The end is lost, or all of it."""
    os.truncate(file, int(draw.integers(file.stat().st_size)))
    return [file]


def extend(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """Something stands behind the end."""
    with file.open("ab") as stream:
        stream.write(draw.bytes(int(draw.integers(1, 64))) if draw.random() < 0.5 else b"\n")
    return [file]


def delete(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """The file is not there."""
    file.unlink()
    return [file]


def zero(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """Zeros from somewhere to the end, as a disk that lost its cache leaves them."""
    raw = file.read_bytes()
    start = int(draw.integers(len(raw)))
    file.write_bytes(raw[:start] + bytes(len(raw) - start))
    return [file] if raw[start:].strip(b"\0") else []


def swap_within(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """Two files of one checkpoint change places."""
    others = [other for other in files_of(checkpoint) if other != file]
    other = others[draw.integers(len(others))]
    one, two = file.read_bytes(), other.read_bytes()
    file.write_bytes(two)
    other.write_bytes(one)
    return [file, other] if one != two else []


def swap_between(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """A file comes from the other checkpoint, under its own name or, where that differs, under that of a file of its folder.

    Of a manifest that was swapped nobody can say that it is not the rest: any file may be named.
    """
    (other,) = [place for place in checkpoint.parent.iterdir() if place != checkpoint]
    source = other / file.relative_to(checkpoint)
    if not source.exists():
        source = next(path for path in files_of(other / file.parent.relative_to(checkpoint)))
    same = source.read_bytes() == file.read_bytes()
    shutil.copy(source, file)
    return [] if same else [checkpoint if file.name == "manifest.json" else file]


def rename_steps(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """Two whole checkpoints change places."""
    (other,) = [place for place in checkpoint.parent.iterdir() if place != checkpoint]
    aside = checkpoint.with_name("aside")
    checkpoint.rename(aside)
    other.rename(checkpoint)
    aside.rename(other)
    return [checkpoint, other]


def link(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """The file becomes a link: to another place with the same bytes, to nothing, or to what never ends."""
    outside = checkpoint.parents[2] / "outside"
    shutil.copy(file, outside)
    file.unlink()
    file.symlink_to([outside, outside.with_name("nothing"), Path("/dev/zero")][draw.integers(3)])
    return [file]


def stranger(file: Path, checkpoint: Path, draw: Rng) -> list[Path]:
    """A file that nobody wrote there lies beside the others."""
    added = file.with_name(file.name + ".pkl")
    added.write_bytes(draw.bytes(20))
    return [added]


ATTACKS: Mapping[str, Callable[[Path, Path, Rng], list[Path]]] = {
    attack.__name__: attack
    for attack in (
        flip, scramble, truncate, extend, delete, zero, swap_within, swap_between, rename_steps, link, stranger,
    )
}  # fmt: skip


class Victim:
    """A finished training, what its checkpoints hold, and copies of it to attack."""

    def __init__(self, recipe: str, place: Path, cache: Path) -> None:
        from drumjax import checkpoint

        self.training, self.place = Training(recipe, place / "whole", stepwise=False), place
        code, told = live(self.training, cache, options=["--keep-checkpoints", "1"])
        assert code == 0, told
        self.config = json.loads((self.training.workdir / "config.json").read_text())
        found = checkpoint.list_checkpoints(self.training.workdir)
        if len(found) == 1:  # the last was the best
            shutil.rmtree(self.training.workdir)
            code, told = live(self.training, cache, options=["--keep-checkpoints", "2"])
            assert code == 0, told
            found = checkpoint.list_checkpoints(self.training.workdir)
        for extra in found[:-2]:
            shutil.rmtree(extra)
        self.steps = [path.name for path in found[-2:]]
        self.best = checkpoint.best(self.training.workdir).name
        self.target = self._target()
        places = {step: self.training.workdir / "checkpoints" / step for step in self.steps}
        self.saved = {step: (self.read(place), self.played(place)) for step, place in places.items()}
        self.instrument = place / "instrument"
        checkpoint.export_for_playing(found[-1], self.instrument, name="attacked", kind="patterns")
        self.packed = self.played(self.instrument)

    def _target(self) -> Any:
        """Shapes and types of the state, as training makes them to restore a checkpoint."""
        import jax

        from drumjax.checkpoint import parse_config
        from drumjax.datasets.load import load_patterns
        from drumjax.train.engine import init_state
        from drumjax.train.recipe import recipe
        from drumjax.train.workdir import checkpoint_items

        chosen, data = recipe(self.training.recipe), load_patterns("embedded")
        config = parse_config(chosen.config_type, self.config["config"])
        stage = chosen.stages(config, data.info)[-1]
        batch = {name: array[:2] for name, array in data.splits["train"].items() if array.dtype.kind in "fi"}
        batch |= {"slot": np.arange(2, dtype=np.int32), "mask": np.ones(2, np.float32)}

        def start(key: Any) -> Any:
            return init_state(stage.system, stage.optimizers, key, batch, ema_decay=config.ema_decay)

        return checkpoint_items(jax.eval_shape(start, jax.random.key(0)))

    def read(self, checkpoint: Path) -> dict[str, bytes]:
        """Every array of a checkpoint, as training restores it."""
        from drumjax.checkpoint import load

        return _bytes_of(load(checkpoint, self.target))

    def played(self, path: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Weights and card of what a path means, as playing loads them."""
        from drumjax.checkpoint import find, load_playing

        playing = load_playing(find(path))
        return _bytes_of({"params": playing.params, "extra": playing.extra}), playing.card

    def faults(self, what: str, names: list[Path], attempt: Callable[[], Any], saved: list[Any], harmless: bool) -> list[str]:
        """What is wrong with the outcome of one way to read: it must be one of `saved`, or a refusal that names one of `names`."""
        from drumjax.boundary import InputError

        try:
            given = attempt()
        except InputError as error:
            if harmless:
                return [f"{what} refused what was unharmed: {error}"]
            # Of a folder every file may be named.
            told = Path(error.path)
            near = any(told == name or name in told.parents for name in names)
            return [] if near else [f"{what} blamed {told.name}, not {names[0].name}: {error}"]
        except Exception as error:
            return [f"{what}: {type(error).__name__}: {error}"]
        return [] if given in saved else [f"{what} gave something else in silence"]

    def attack(self, kind: str, index: int, draw: Rng) -> list[str]:
        """One attack on a copy, and what was wrong with the answers to it."""
        folder = self.place / "attacked"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.training.workdir, folder / "work")
        shutil.copytree(self.instrument, folder / "instrument")
        if index % 7 == 3 and kind not in ("rename_steps", "swap_between"):
            files = files_of(folder / "instrument")
            names = ATTACKS[kind](files[draw.integers(len(files))], folder / "instrument" / ".", draw)
            return self._of_instrument(folder / "instrument", names)
        step = self.steps[index % 2]
        checkpoint = folder / "work" / "checkpoints" / step
        files = files_of(checkpoint)
        small = [path for path in files if path.parent == checkpoint]
        among = small if draw.random() < 0.3 else files  # card and manifest more often than one in twenty
        names = ATTACKS[kind](among[draw.integers(len(among))], checkpoint, draw)
        return self._of_workdir(folder / "work", step, names)

    def _of_instrument(self, folder: Path, names: list[Path]) -> list[str]:
        # Without its label an instrument is a checkpoint like any other, and a link to the same bytes is read like a file.
        saved = [self.packed]
        return self.faults("playing", names, lambda: self.played(folder), saved, harmless=not names)

    def _of_workdir(self, workdir: Path, step: str, names: list[Path]) -> list[str]:
        from drumjax.boundary import InputError
        from drumjax.checkpoint import verify
        from drumjax.train.workdir import good_checkpoint

        place = workdir / "checkpoints" / step
        saved, played = self.saved[step]
        faults = self.faults("restoring", names, lambda: self.read(place), [saved], harmless=not names)
        faults += self.faults("playing it", names, lambda: self.played(place), [played], harmless=not names)
        faults += self.faults("playing the best", names, lambda: self.played(workdir), [self.saved[self.best][1]], not names)
        told = io.StringIO()
        try:
            with contextlib.redirect_stderr(told):
                good = good_checkpoint(workdir, self.config)
        except InputError as error:
            both = len(names) == 2 and names[0].parent == names[1].parent == place.parent  # under a wrong name
            return faults if both else [*faults, f"no way to go on: {error}"]
        except Exception as error:
            return [*faults, f"going on: {type(error).__name__}: {error}"]
        if good is None:
            return [*faults, "going on from nothing"]
        verify(good)
        if self.read(good) != self.saved[good.name][0]:
            faults.append("going on from other arrays")
        said = "damaged checkpoint passed over" in told.getvalue()
        harmed = bool(names) and not _is_same(place, names)
        if said != harmed or place.exists() == harmed:
            faults.append(f"going on from {good.name} after {step} was attacked, said: {told.getvalue()!r}")
        return faults


def _is_same(place: Path, names: list[Path]) -> bool:
    """Whether the attack left what can be read as it was: the manifest may be a link to the same bytes."""
    return names == [place / "manifest.json"] and names[0].is_symlink()


def _bytes_of(tree: Any) -> dict[str, bytes]:
    import jax

    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        found[jax.tree_util.keystr(path)] = f"{array.dtype}{array.shape}".encode() + np.asarray(array).tobytes()
    return found


def run(n: int, seed: int, say: Callable[[str], None]) -> Row:
    """Attacks n copies of a training's checkpoints.

    Args:
      n: attacks, at least one.
      seed: of files, places and bytes.
      say: takes a line of progress.
    """
    began, draw = time.monotonic(), np.random.default_rng(seed)
    failures: list[str] = []
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        victims = [Victim(recipe, Path(folder) / recipe, cache_of(Path(folder))) for recipe in RECIPES]
        for k in range(n):
            kind, victim = list(ATTACKS)[k % len(ATTACKS)], victims[k // len(ATTACKS) % len(victims)]
            faults = victim.attack(kind, k // len(ATTACKS) // len(victims), draw)
            if faults:
                failures.append(f"{k} ({kind}, {victim.training.recipe}): {'; '.join(faults)}")
            kinds[kind] += 1
            if k % 100 == 99:
                say(f"{k + 1}/{n} corruptions, {time.monotonic() - began:.0f} s")
    details = {"recipes": list(RECIPES), "kinds": dict(kinds), "steps": STEPS}
    return Row("corruptions", n - len(failures), n, seed, time.monotonic() - began, tuple(failures), details)
