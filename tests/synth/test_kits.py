"""Folders of one-shots as kits: which file becomes which lane, and how each is made fit."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.patterns import GM, POCKET, TR808, Pattern
from drumjax.signal.rendering import render
from drumjax.synth.kits import _names, _voice, load_kit, read_one_shot
from drumjax.synth.tr808 import voices

RATE = 44_100


def tone(hz: float, *, rate: int = RATE, seconds: float = 0.2, lead_s: float = 0.0) -> np.ndarray:
    """A decaying sine after `lead_s` of silence, ending in zeros."""
    t = np.arange(round(seconds * rate)) / rate
    body = 0.5 * np.sin(2 * np.pi * hz * t) * np.exp(-t / 0.03)
    return np.concatenate([np.zeros(round(lead_s * rate)), body])


def write(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def pitch_hz(samples: np.ndarray, rate: int = RATE) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples, 1 << 17))) * rate / (1 << 17))


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("kick.wav", "BD"), ("BD_909.wav", "BD"), ("Bass Drum 2.wav", "BD"), ("MyKick01.wav", "BD"), ("snr-tight.flac", "SD"),
        ("hihat_closed_long.flac", "CH"), ("Closed Hat.wav", "CH"), ("HiHat.wav", "CH"), ("ClosedHH.wav", "CH"), ("ch01.wav", "CH"),
        ("hh open.wav", "OH"), ("OpenHat.wav", "OH"), ("hihat_open.flac", "OH"), ("oh.wav", "OH"), ("OH-2.wav", "OH"),
        ("rimshot.wav", "RS"), ("lm2_stick_h.flac", "RS"), ("Side Stick.wav", "RS"), ("cowbell.wav", "CB"), ("lm2_cowb.flac", "CB"),
        ("clap.wav", "CP"), ("Tom.wav", "MT"), ("low tom.wav", "LT"), ("tom_hi.wav", "HT"), ("floor-tom.wav", "LT"),
        ("ride.wav", "RD"), ("lm2_conga_hh.flac", "HC"), ("lm2_tom_hh.flac", "HT"), ("tom_ll.wav", "LT"), ("conga/hh.wav", "CH"),
        ("hihat_closed/ht_vl4.flac", "CH"), ("ht_vl4.flac", "HT"), ("perc/HC.wav", "HC"), ("8_hihatopen_hihat.flac", "OH"),
        ("Crash 16.wav", "CY"), ("claves.wav", "CL"), ("shaker.wav", "MA"), ("conga_l.wav", "LC"), ("bongo.wav", "MC"),
        ("snare/01.wav", "SD"), ("Kicks/Acoustic/deep.wav", "BD"), ("cymbal/lm2_ride.flac", "RD"),
        ("chord.wav", None), ("tomorrow.wav", None), ("bass.wav", None), ("override.wav", None), ("001.wav", None),
    ],
)  # fmt: skip
def test_names_say_what_a_file_is(name, voice):
    assert _voice(_names(Path(name))) == voice


def test_files_named_by_lane_folder_and_drum_are_found(tmp_path):
    write(tmp_path / "BD.wav", tone(100))
    write(tmp_path / "sd" / "take.flac", tone(200))
    write(tmp_path / "samples" / "hat closed.ogg", tone(3000))
    write(tmp_path / "Open Hat.mp3", tone(4000))
    write(tmp_path / "notes.wav", tone(500))
    (tmp_path / "read me.txt").write_text("no sound")
    kit, report = load_kit(tmp_path, TR808)
    assert dict(report.sources) == {
        "BD": "BD.wav", "SD": "sd/take.flac", "CH": "samples/hat closed.ogg", "OH": "Open Hat.mp3", "RS": None, "CB": None,
    }  # fmt: skip
    assert report.unknown == ("notes.wav",)
    assert report.refused == ()
    for lane, hz in (("BD", 100), ("SD", 200), ("CH", 3000), ("OH", 4000)):
        assert abs(pitch_hz(kit.samples[lane]) - hz) < 10
    for lane in ("RS", "CB"):
        np.testing.assert_array_equal(kit.samples[lane], voices()[lane])
    text = "\n".join(report.lines())
    assert "no file for RS, CB: the procedural TR-808 plays them" in text
    assert "1 files whose names say no lane: notes.wav" in text


def test_a_kits_provenance_is_the_folder_and_a_hash_of_lanes_and_files(tmp_path):
    bass, snare = write(tmp_path / "kit" / "BD.wav", tone(100)), write(tmp_path / "kit" / "SD.wav", tone(200))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (bass, snare)]
    digest = hashlib.sha256(f'[["BD", "{hashes[0]}"], ["SD", "{hashes[1]}"]]'.encode()).hexdigest()

    def origin():
        return load_kit(tmp_path / "kit", TR808)[0].provenance

    assert origin() == {"path": str(tmp_path / "kit"), "sha256": digest}
    write(tmp_path / "kit" / "notes.wav", tone(500))
    snare.rename(snare.with_name("snare.wav"))
    assert origin()["sha256"] == digest
    bass.rename(bass.with_name("RS.wav"))
    assert origin()["sha256"] != digest


def test_the_lanes_own_name_goes_before_what_the_vocabulary_says(tmp_path):
    write(tmp_path / "a kick.wav", tone(100))
    write(tmp_path / "bd.wav", tone(200))
    kit, report = load_kit(tmp_path, TR808)
    assert report.sources["BD"] == "bd.wav"
    assert abs(pitch_hz(kit.samples["BD"]) - 200) < 10
    kit, report = load_kit(tmp_path, GM)
    assert report.sources["gm36"] == "a kick.wav"


def test_a_neighbour_stands_in_where_no_file_is_nearer(tmp_path):
    write(tmp_path / "tom hi.wav", tone(180))
    write(tmp_path / "crash.wav", tone(5000))
    _, report = load_kit(tmp_path, POCKET)
    assert (report.sources["tom"], report.sources["ride"], report.sources["crash"]) == ("tom hi.wav", "crash.wav", "crash.wav")


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000])
def test_other_rates_are_resampled_without_a_change_of_pitch_or_length(tmp_path, rate):
    write(tmp_path / "kick.wav", tone(440, rate=rate), rate, subtype="FLOAT")
    samples = read_one_shot(tmp_path / "kick.wav")
    assert abs(pitch_hz(samples) - 440) < 4
    assert abs(len(samples) / RATE - 0.2) < 0.002
    expected = tone(440)
    lag = np.argmax(np.correlate(samples[:4000], expected[:3000], "valid"))
    np.testing.assert_allclose(samples[lag : lag + 3000], expected[:3000], atol=0.02)


def test_channels_are_averaged(tmp_path):
    left, right = tone(440), tone(880)
    write(tmp_path / "kick.wav", np.stack([left, right], 1), subtype="FLOAT")
    np.testing.assert_allclose(read_one_shot(tmp_path / "kick.wav")[40:4000], ((left + right) / 2)[40:4000], atol=0.01)


def test_silence_before_the_sound_is_cut_and_little_else(tmp_path):
    write(tmp_path / "kick.wav", tone(440, lead_s=0.3), subtype="FLOAT")
    samples = read_one_shot(tmp_path / "kick.wav")
    first = np.argmax(np.abs(samples) > 1e-3 * np.abs(samples).max())
    assert first <= 0.0006 * RATE
    assert 0.2 <= len(samples) / RATE < 0.201


def test_a_file_that_cannot_be_used_gives_way_to_the_next_and_is_reported(tmp_path):
    (tmp_path / "kick a.wav").write_bytes(b"RIFF no sound at all")
    write(tmp_path / "kick b.wav", np.zeros(1000))
    write(tmp_path / "kick c.wav", np.stack([tone(90), -tone(90)], 1), subtype="FLOAT")
    write(tmp_path / "kick d.wav", tone(90))
    _, report = load_kit(tmp_path, TR808)
    assert report.sources["BD"] == "kick d.wav"
    assert [name for name, _ in report.refused] == ["kick a.wav", "kick b.wav", "kick c.wav"]
    assert "silence" in report.refused[1][1]
    assert "cancel" in report.refused[2][1]
    assert any("left out kick a.wav" in line for line in report.lines())


@pytest.mark.parametrize("files", [(), ("notes.wav",), ("kick.wav",)])
def test_a_folder_with_nothing_usable_is_an_input_error(tmp_path, files):
    for file in files:
        write(tmp_path / file, np.zeros(100) if "kick" in file else tone(100))
    with pytest.raises(InputError, match="sounds for 'tr808'") as caught:
        load_kit(tmp_path, TR808)
    assert caught.value.path == str(tmp_path)
    assert "procedural TR-808" in caught.value.remedy


def test_a_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load_kit(tmp_path / "absent", TR808)


def test_a_file_may_give_sound_to_a_lane_that_the_machine_has_none_for(tmp_path):
    write(tmp_path / "gm71.wav", tone(2000))
    kit, report = load_kit(tmp_path, GM)
    assert report.sources["gm71"] == "gm71.wav"
    assert "gm71" not in kit.silent
    assert "gm72" in kit.silent
    assert any("no sound at all for gm58, gm72" in line for line in report.lines())


@pytest.mark.real_data
@pytest.mark.parametrize("drum_map", [TR808, POCKET], ids=lambda drum_map: drum_map.name)
def test_real_drum_machines_make_whole_kits(data_folder, drum_map):
    folder = data_folder / "oneshots_drummachines_pd"
    kit, report = load_kit(folder, drum_map)
    assert all(report.sources[lane] for lane in drum_map.lanes)
    assert report.refused == ()
    for lane, kind in (("BD", "kick"), ("SD", "snare"), ("CH", "hihat_closed"), ("OH", "hihat_open")):
        assert report.sources.get(lane, kind).startswith(kind), lane
    grid = np.zeros((64, len(drum_map.lanes)), np.float32)
    for lane in range(len(drum_map.lanes)):
        grid[8 * lane, lane] = 1
    sound = render(Pattern.from_grid(grid, drum_map=drum_map), kit)
    step = RATE * 60 / 129 / 4
    for lane in range(len(drum_map.lanes)):
        part = sound[round(8 * lane * step) :][: round(2 * step)]
        assert np.abs(part).max() > 0.01


def test_files_that_differ_in_a_last_number_are_takes_and_layers_and_other_drums_are_not(tmp_path):
    """The snare has three takes and another snare beside them; the kick's are layers; hats of two folders do not mix."""
    for i, name in enumerate(
        ["snare 1.wav", "snare 2.wav", "Snare 03.wav", "snare tight.wav", "kick_v1.wav", "kick_v2.wav",
         "a/hat_rr1.wav", "a/hat_rr2.wav", "b/hat_rr1.wav", "OH/left.wav", "OH/right.wav"]
    ):  # fmt: skip
        write(tmp_path / name, tone(200 + 100 * i))
    kit, report = load_kit(tmp_path, TR808, takes=8)
    assert {lane: (report.sources[lane], *report.takes.get(lane, ())) for lane in ("BD", "SD", "CH", "OH")} == {
        "BD": ("kick_v1.wav",),
        "SD": ("Snare 03.wav", "snare 1.wav", "snare 2.wav"),
        "CH": ("a/hat_rr1.wav", "a/hat_rr2.wav"),
        "OH": ("OH/left.wav", "OH/right.wav"),
    }
    assert [round(pitch_hz(sound), -2) for sound in kit.sounds("SD")] == [400, 200, 300]
    assert len(kit.sounds("RS")) == 8
    assert any(line == "kit: OH goes round 1 more: OH/right.wav" for line in report.lines())


def test_copies_that_again_made_are_no_takes_and_leave_the_hash_alone(tmp_path):
    for i, name in enumerate(["SD/1.wav", "SD/2.wav", "kick.wav"]):
        write(tmp_path / name, tone(200 + 100 * i))
    before, _ = load_kit(tmp_path, TR808, takes=4)
    for name in ("SD/1", "SD/2", "kick"):
        shutil.copy(tmp_path / f"{name}.wav", tmp_path / f"{name}.again.wav")
    kit, report = load_kit(tmp_path, TR808, takes=4)
    assert kit.provenance == before.provenance
    assert (report.takes, report.unknown) == ({"SD": ("SD/2.wav",)}, ())
    assert dict(report.refused) == dict.fromkeys(
        ["SD/1.again.wav", "SD/2.again.wav", "kick.again.wav"], "a copy that 'drumjax again' made"
    )


def test_no_more_takes_are_read_than_asked_for_and_a_broken_one_gives_way(tmp_path):
    for i in range(6):
        write(tmp_path / f"kick {i}.wav", tone(100 + 50 * i))
    (tmp_path / "kick 1.wav").write_bytes(b"RIFFnothing")
    one, _ = load_kit(tmp_path, TR808)
    three, report = load_kit(tmp_path, TR808, takes=3)
    assert len(one.sounds("BD")) == 1
    np.testing.assert_array_equal(one.samples["BD"], three.samples["BD"])
    assert report.takes["BD"] == ("kick 2.wav", "kick 3.wav")
    assert [name for name, _ in report.refused] == ["kick 1.wav"]


def test_a_kit_s_hash_changes_with_its_takes(tmp_path):
    write(tmp_path / "kick 1.wav", tone(100))
    write(tmp_path / "kick 2.wav", tone(120))

    def hashes() -> list[str]:
        return [load_kit(tmp_path, TR808, takes=takes)[0].provenance["sha256"] for takes in (1, 2)]

    before = hashes()
    write(tmp_path / "kick 2.wav", tone(140))
    after = hashes()
    assert before[0] == after[0]
    assert len({*before, *after}) == 3
