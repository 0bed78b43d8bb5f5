"""A disk that is full, and one that cannot be written: what was saved is whole, the message is clear, and the training goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drumjax import checkpoint


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 700 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def lived(faults, workdir: Path, steps: int = 60) -> tuple[int, str]:
    lives = faults("lives")
    training = lives.Training("pattern-vae", workdir, stepwise=False)
    command = training.command(options=["--keep-checkpoints", "50"], steps=steps)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"JAX_PLATFORMS": "cpu"})
    return done.returncode, done.stderr


def test_a_training_outlives_a_full_disk(faults, small_disk, tmp_path) -> None:
    workdir = small_disk / "work"
    code, told = lived(faults, workdir)
    assert code == 2, told
    (message,) = [line for line in told.splitlines() if line.startswith("drumjax: /")]
    assert "No space left on device" in message
    assert "Traceback" not in told
    good, damaged = checkpoint.check_all(workdir)
    assert good
    assert not damaged
    assert not [path for path in (workdir / "checkpoints").iterdir() if not path.name.isdecimal()]
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert lived(faults, workdir)[0] == 0
    assert lived(faults, tmp_path / "other")[0] == 0
    training = faults("lives").Training
    one, other = (training("pattern-vae", place, stepwise=False) for place in (tmp_path / "other", workdir))
    assert list(faults("lives").differences(one, other)) == []


def test_a_training_outlives_a_disk_that_was_taken_from_it(faults, small_disk) -> None:
    workdir = small_disk / "work"
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert lived(faults, workdir, steps=10)[0] == 0
    (last,) = checkpoint.list_checkpoints(workdir)[-1:]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, told = lived(faults, workdir, steps=10)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert (code, "Read-only file system" in told, "Traceback" in told) == (2, True, False), told
    checkpoint.verify(last)
