"""Sound files out: exact samples, equal bytes, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.provenance import provenance
from drumjax.signal.audio_file import write_audio


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
@pytest.mark.parametrize("shape", [(999,), (999, 1), (333, 3)])
def test_samples_are_rounded_to_16_bits(tmp_path, suffix, shape):
    samples = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    samples.flat[:3] = -1, 1, 0
    path = tmp_path / f"a{suffix}"
    write_audio(path, samples, 48_000)
    pcm, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == 48_000
    assert soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_array_equal(pcm, np.rint(samples.astype(np.float64) * 32767).reshape(len(samples), -1))
    assert pcm.flat[:3].tolist() == [-32767, 32767, 0]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_equal_input_gives_equal_bytes(tmp_path, suffix):
    record = provenance("demo", model=None, model_sha256=None, seed=1, parameters={})
    samples = np.random.default_rng(0).uniform(-1, 1, 5000)
    for name in ("a", "b"):
        write_audio(tmp_path / f"{name}{suffix}", samples, 44_100, record)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), r"of shape \(samples,\)"),
        (np.zeros((2, 2, 2)), r"of shape \(samples,\)"),
        (np.float32(0), r"of shape \(samples,\)"),
        (np.array([0, np.nan]), "finite samples"),
        (np.array([0, -np.inf]), "finite samples"),
        (np.array([0.5, -1.25]), r"in \[-1, 1\], found 1.25"),
    ],
)
def test_sound_that_cannot_be_written_faithfully_is_refused(tmp_path, samples, message):
    with pytest.raises(ValueError, match=message):
        write_audio(tmp_path / "a.wav", samples, 44_100)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("a.mp3", "ends in .wav or .flac"), ("a", "ends in .wav"), ("none/a.wav", "no folder")]
)
def test_places_and_formats_that_are_not_offered_are_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        write_audio(tmp_path / name, np.zeros(10), 44_100)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_long_sound_is_written_in_parts_and_none_is_lost(tmp_path, suffix):
    """Longer than two parts and no multiple of one; the oracle rounds the whole in one go."""
    samples = np.random.default_rng(1).uniform(-1, 1, (300_001, 2)).astype(np.float32)
    write_audio(tmp_path / f"a{suffix}", samples, 44_100)
    pcm, _ = soundfile.read(tmp_path / f"a{suffix}", dtype="int16")
    np.testing.assert_array_equal(pcm, np.rint(samples.astype(np.float64) * 32767))


def test_a_fault_in_the_last_part_of_long_sound_is_found(tmp_path):
    samples = np.zeros(300_001, np.float32)
    for value, message in ((np.nan, "finite samples"), (1.5, r"found 1\.5")):
        samples[-1] = value
        with pytest.raises(ValueError, match=message):
            write_audio(tmp_path / "a.wav", samples, 44_100)
    assert not os.listdir(tmp_path)


SIXTEEN_MINUTES = """
import resource, sys
import numpy as np
from drumjax.patterns import TR808, Pattern
from drumjax.signal.audio_file import write_audio
from drumjax.signal.rendering import render, render_crossfade
from drumjax.synth.tr808 import kit_for

grids = np.random.default_rng(0).uniform(0, 1, (128, 64, 6)) * (np.random.default_rng(1).uniform(0, 1, (128, 64, 6)) < 0.25)
patterns, kit = [Pattern.from_grid(grid) for grid in grids], kit_for(TR808, takes=4)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.argv[1] == "render":
    sound = render(patterns, kit)
else:
    sound = render_crossfade(patterns[0], patterns[1], 40, kit)
write_audio(sys.argv[2], sound, kit.sample_rate_hz)
assert len(sound) == {"render": 42_051_914, "crossfade": 13_171_542}[sys.argv[1]]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in KiB on Linux")
@pytest.mark.parametrize(("how", "most_mib"), [("render", 300), ("crossfade", 160)])
def test_sixteen_minutes_are_rendered_and_written_in_little_memory(tmp_path, how, most_mib):
    """The sound of 128 measures takes 160 MiB and its file 80, where float64 throughout took over 1.1 GiB. A crossfade (here of 40)
    mixes two sounds of 50 MiB and writes 25."""
    run = subprocess.run(
        [sys.executable, "-c", SIXTEEN_MINUTES, how, str(tmp_path / "a.wav")],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert float(run.stdout) < most_mib
