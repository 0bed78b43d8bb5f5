"""Every benchmark runs from its folder's own files and writes what it says, at its smallest."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from drumjax.datasets.parallel import usable_cores
from drumjax.patterns.classes import ALL_CLASSES
from drumjax.synth.grooves import GENRES as GROOVE_GENRES
from drumjax.synth.grooves import compose
from drumjax.synth.tr808 import voices

FOLDER = Path(__file__).parents[2] / "benchmarks"
HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture
def bench(compilation_cache, tmp_path):
    """Runs a script; its table and the JSON file that it wrote."""

    def run(name: str, *words: Any) -> tuple[str, dict[str, Any]]:
        line = [sys.executable, FOLDER / f"{name}.py", *words, "-o", tmp_path / "out.json"]
        done = subprocess.run([*map(str, line)], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout, json.loads((tmp_path / "out.json").read_text())

    return run


def benchmark(name: str) -> Any:
    """A script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # Where a dataclass looks for what its annotations mean.
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return module


def assert_where(result: dict[str, Any], name: str, *, torch: bool = False) -> None:
    assert result["benchmark"] == name
    assert result["machine"]["cores"] == usable_cores()
    assert ("torch_device" in result["machine"]) == (HAS_TORCH and torch)


def test_a_benchmark_that_is_kept_to_one_core_says_so(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1}, raising=False)
    assert benchmark("common").machine()["cores"] == 1


def test_every_script_has_a_test() -> None:
    scripts = {path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text()}
    assert scripts == {
        "embedded_grooves",
        "embedded_sounds",
        "generation",
        "groove_bounds",
        "groove_speed",
        "pattern_codes",
        "pattern_gan",
        "recurrent",
        "reliability",
        "sound_latency",
        "sounds",
        "spectra",
        "training",
    }


def test_generation(bench, tiny_workdir) -> None:
    words = ["--model", tiny_workdir, "--patterns", 50, "--batch", 32, "--calls", 2, "--processes", 1]
    shown, result = bench("generation", *words)
    assert_where(result, "generation")
    figures = result["results"]
    assert figures["bars_per_s"] == pytest.approx(4 * figures["patterns_per_s"])
    assert 1 < figures["hits_per_pattern"] < 384
    assert figures["cold_command_s_median, filled cache"] > 0.1
    assert all(name in shown for name in figures)


def test_bounds_of_the_codes_of_grooves(tmp_path) -> None:
    bounds = benchmark("groove_bounds")
    random = np.random.default_rng(0)
    # Two quarter notes over and over, the second with a ghost note: two corrections tell all there is.
    velocity = np.zeros((64, 32, 7), np.float32)
    velocity[:, ::4, 1] = 0.9
    ghosts = random.random((64, 8)) < 0.5
    velocity[:, 2::4, 1] = 0.2 * ghosts
    found = bounds.notes(velocity, velocity, (1, 2))
    assert found["different_corrections"] == 2
    assert found["entropy_bits"] == pytest.approx(1, abs=0.02)
    assert found["by_corrections"][2] == {"note_f1": 1, "note_f1_micro": 1}
    # With one, a ghost note is always there or never.
    notes = 512 + ghosts.sum()
    misses = min(ghosts.sum(), (~ghosts).sum())
    assert found["by_corrections"][1]["note_f1_micro"] == pytest.approx(
        2 * 512 / (512 + notes) if misses == ghosts.sum() else 2 * notes / (1024 + notes), abs=1e-6
    )

    hits = np.ones((4000, 32, 7), np.float32)
    spread = np.zeros(224)
    spread[:6] = (4, 2, 1, 0.5, 0.1, 0.01)
    train, test = (random.normal(size=(4000, 224)) * np.sqrt(spread) for _ in range(2))
    study = bounds.Bounds("", kl_weights=(100.0, 0.4, 0.2), code=2)
    left = bounds.expression(train.reshape(hits.shape), test.reshape(hits.shape), (hits, hits), study)
    assert left["notes_alone_mse"] * 224 == pytest.approx(spread.sum(), rel=0.1)
    assert left["without_kl_mse"] * 224 == pytest.approx(1.61, rel=0.1)
    assert left["by_kl_weight"][100.0] == {"mse": left["notes_alone_mse"], "kl_nats": 0, "numbers_in_use": 0}
    # Water-filling by hand: all above 0.2 is cut to it.
    assert left["by_kl_weight"][0.4]["mse"] * 224 == pytest.approx(4 * 0.2 + 0.11, rel=0.05)
    assert left["by_kl_weight"][0.4]["kl_nats"] == pytest.approx(0.5 * np.log(4 * 2 * 1 * 0.5 / 0.2**4), rel=0.05)
    assert left["by_kl_weight"][0.4]["numbers_in_use"] == 4


def test_bounds_of_prepared_grooves(bench) -> None:
    shown, result = bench("groove_bounds", "--data", "embedded", "--corrections", 1, 8, "--kl-weights", 0.2, 0.01)
    assert_where(result, "groove_bounds")
    by_number = result["results"]["notes"]["by_corrections"]
    assert by_number["1"]["note_f1"] < by_number["8"]["note_f1"] < 1
    timing = result["results"]["microtiming"]
    assert timing["by_kl_weight"]["0.01"]["mse"] < timing["by_kl_weight"]["0.2"]["mse"] < timing["notes_alone_mse"]
    assert "microtiming" in shown.lower()


def test_groove_speed(bench, untrained_grooves) -> None:
    shown, result = bench("groove_speed", "--model", untrained_grooves, "--grooves", 3, "--calls", 2)
    assert_where(result, "groove_speed")
    assert result["results"]["grooves_per_s"] > 1
    assert 0 < result["results"]["warm_groove_ms_median"] <= result["results"]["warm_groove_ms_p99"]
    assert all(name in shown for name in result["results"])


@pytest.mark.slow
@pytest.mark.parametrize(("system", "encoder"), [("vae", "conv"), ("vae", "lstm"), ("gan", "conv")])
def test_training(bench, system, encoder) -> None:
    shown, result = bench("training", "--system", system, "--encoder", encoder, "--batch", 4, "--steps", 2, "--rounds", 1)
    assert_where(result, "training", torch=(system, encoder) != ("vae", "conv"))
    rows = {row["rival"]: row for row in result["results"]}
    assert {"drumjax, K = 2", "drumjax, K = 1"} <= set(rows)
    assert ("PyTorch" in rows) == (HAS_TORCH and (system, encoder) != ("vae", "conv"))
    assert rows["drumjax, K = 2"]["times drumjax, K = 2's"] == 1
    for row in rows.values():
        assert row["patterns/s"] == pytest.approx(4 * row["steps/s"])
    assert "which holds all rivals at once" in shown
    assert result["peak_memory_of_all_rivals_mib"] > 50


@pytest.mark.slow
def test_training_of_the_vocoder(bench) -> None:
    words = ["--system", "mcnn", "--preset", "small", "--batch", 2, "--steps", 1, "--rounds", 1]
    shown, result = bench("training", *words)
    assert_where(result, "training", torch=True)
    rows = {row["rival"]: row for row in result["results"]}
    assert set(rows) == {"drumjax, K = 1"} | ({"PyTorch"} if HAS_TORCH else set())
    assert all(row["sounds/s"] == pytest.approx(2 * row["steps/s"]) for row in rows.values())
    assert ("first loss: drumjax" in shown) == HAS_TORCH
    assert result["preset"] == "small"


@pytest.mark.slow
def test_training_of_the_autoencoder_of_sounds(bench) -> None:
    words = ["--system", "cwae", "--preset", "small", "--batch", 11, "--steps", 1, "--rounds", 1]
    shown, result = bench("training", *words)
    assert_where(result, "training", torch=True)
    rows = {row["rival"]: row for row in result["results"]}
    assert set(rows) == {"drumjax, K = 1"} | ({"PyTorch"} if HAS_TORCH else set())
    assert all(row["sounds/s"] == pytest.approx(11 * row["steps/s"]) for row in rows.values())
    assert ("first squared error: drumjax" in shown) == HAS_TORCH
    assert result["preset"] == "small"


@pytest.mark.slow
def test_training_of_pocketvae(bench) -> None:
    words = ["--system", "pocketvae", "--preset", "small", "--batch", 4, "--steps", 1, "--rounds", 1]
    shown, result = bench("training", *words)
    assert_where(result, "training", torch=True)
    rows = {row["rival"]: row for row in result["results"]}
    assert set(rows) == {"drumjax, K = 1"} | ({"PyTorch"} if HAS_TORCH else set())
    assert all(row["grooves/s"] == pytest.approx(4 * row["steps/s"]) for row in rows.values())
    assert ("decoded grooves are at most" in shown) == HAS_TORCH
    assert result["preset"] == "small"


@pytest.mark.slow
def test_sound_latency(bench) -> None:
    shown, result = bench("sound_latency", "--preset", "small", "--batches", 1, 4, "--calls", 2)
    assert_where(result, "sound_latency", torch=True)
    ours = ["drumjax", "drumjax, constants", "drumjax, as stored"]
    theirs = ["PyTorch, eager", "PyTorch, traced"] if HAS_TORCH else []
    expected = [
        (part, batch, name)
        for batch in (1, 4)
        for part, names in (("chain", [*ours, *theirs]), ("vocoder", [*ours[:1], *theirs]))
        for name in names
    ]
    assert [(row["part"], row["batch"], row["rival"]) for row in result["results"]] == expected
    for row in result["results"]:
        assert 0 < row["median_ms"] <= row["p99_ms"]
        assert row["real_time_factor"] == pytest.approx(1e3 * 22_015 / 22_050 / row["ms_a_sound"])
    assert "vocoder, preset small, batch 4" in shown


@pytest.mark.slow
def test_sounds(bench, evaluated_sounds, tmp_path) -> None:
    words = ["--cwae", evaluated_sounds / "cwae", "--mcnn", evaluated_sounds / "mcnn", "--data", evaluated_sounds / "data.npz"]
    shown, result = bench("sounds", "few", *words, "--per-class", 2)
    assert_where(result, "sounds")
    assert (result["report"]["n"], result["report"]["held_out"]) == (9, True)
    training = result["trainings"]["cwae"]
    assert (training["steps"], training["step_of_the_best"], training["seconds"]) == (3, 1, 6.0)
    assert training["course"] == [{"step": 2, "seconds": 4.0, "loss": 1.5}, {"step": 3, "seconds": 6.0, "loss": 1.4}]
    assert training["command"].startswith("drumjax train cwae --data data.npz --workdir RUN --steps 3")
    assert training["weights"] > 1000
    (tmp_path / "out.json").rename(tmp_path / "sounds_few.json")
    figure = result["report"]["metrics"]["mcnn_minus_griffin_lim_log_mel_error"]
    table = benchmark("sounds").table([json.loads((tmp_path / "sounds_few.json").read_text())])
    assert f"{figure['mean']:+.3f} ({figure['interval'][0]:+.3f} to {figure['interval'][1]:+.3f})" in table
    iterations = result["report"]["metrics"]["griffin_lim_equal_time_iterations"]["mean"]
    assert f") ({iterations:.0f}) | " in table
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows] == ["row", "---", "few", "class", "---", "kick", "snare", "hihat_closed"]
    assert len({len(row) for row in rows[:3]}) == len({len(row) for row in rows[3:]}) == 1
    assert "the MCNN beside 60 iterations of Griffin-Lim" in shown


@pytest.mark.slow
def test_recurrent(bench) -> None:
    _, result = bench("recurrent", "--batch", 2, "--calls", 1, "--rounds", 1)
    assert_where(result, "recurrent", torch=True)
    forms = {"naive scan", "Flax", "drumjax"} | ({"PyTorch"} if HAS_TORCH else set())
    assert [(row["task"], row["form"]) for row in result["results"]] == [
        (task, form)
        for task in ("forward", "training")
        for form in (*("naive scan", "Flax", "drumjax"), *sorted(forms & {"PyTorch"}))
    ]
    assert all(row["times drumjax's"] == 1 for row in result["results"] if row["form"] == "drumjax")


@pytest.mark.slow
def test_pattern_gan_goes_on_with_a_study_and_keeps_another_apart(bench, tmp_path) -> None:
    words = ["--settings", "small", "--epochs", 0.2]
    _, result = bench("pattern_gan", *words, "--seeds", 1)
    assert_where(result, "pattern_gan")
    (row,) = result["rows"]
    assert (row["setting"], row["seed"], row["steps"]) == ("small", 0, 6)
    assert row["trend"][-1]["step"] == 6
    assert result["summary"]["small"]["coverage"] == [row["figures"]["coverage"], 0]
    (tmp_path / "out.json").write_text(json.dumps({**result, "rows": [{**row, "seconds": -1.0}]}))
    shown, again = bench("pattern_gan", *words, "--seeds", 2, "--plot", "trends.png")
    assert [each["seconds"] == -1 for each in again["rows"]] == [True, False]
    assert again["rows"][1]["figures"] != row["figures"]
    assert "small, 2 seeds" in shown
    assert (tmp_path / "trends.png").stat().st_size > 1000
    with pytest.raises(AssertionError, match="holds trainings of another configuration"):
        bench("pattern_gan", "--settings", "small", "--epochs", 0.3)


@pytest.mark.slow
def test_pattern_codes_goes_on_with_a_study_and_keeps_another_apart(bench, midi, tmp_path) -> None:
    for i in range(24):
        midi(f"source/{'ab'[i % 2]}/{i}.mid", {(s, "BD"): 100 for s in range(0, 64, 4)} | {(s, "SD"): 90 for s in range(i, 64, 5)})
    words = ["source", "--epochs", 1, "--latents", 2, "--kl-weights", 1, "--fine-kl-weights", 1, "--decoder-widths", 8]
    _, result = bench("pattern_codes", *words)
    assert_where(result, "pattern_codes")
    assert result["setting"] == {"source": "source", "encoder": "conv", "decoder_widths": [8], "epochs": 1.0}
    assert [(row["latent"], row["kl_weight"], row["seed"]) for row in result["rows"]] == [(2, 1, 0), (4, 1, 0)]
    assert all(0 <= row[f"f1_{split}"] <= 1 for row in result["rows"] for split in ("train", "validation", "test"))
    marked = {**result, "rows": [{**row, "seconds": -1.0} for row in result["rows"]]}
    del marked["machine"]  # as the first studies were written
    (tmp_path / "out.json").write_text(json.dumps(marked))
    _, again = bench("pattern_codes", *words, "--latents", 2, 3, "--plot", "curves.png")
    assert [row["seconds"] == -1 for row in again["rows"]] == [True, True, False]
    assert (tmp_path / "curves.png").stat().st_size > 1000
    with pytest.raises(AssertionError, match="holds another study"):
        bench("pattern_codes", *words, "--learning-rate", 1e-2)
    (tmp_path / "out.json").unlink()
    _, other = bench("pattern_codes", *words, "--latents", 4, "--learning-rate", 1e-2, "--kl-warmup", 0)
    assert other["setting"] == {**result["setting"], "learning_rate": 1e-2, "kl_warmup": 0.0}
    assert other["rows"][0]["f1_train"] != result["rows"][1]["f1_train"]


@pytest.mark.slow
def test_reliability_prints_a_row_a_kind_and_says_what_was_attacked(bench) -> None:
    shown, result = bench("reliability", "--only", "corruptions,signals", "--attacks", 2, "--seed", 3)
    assert_where(result, "reliability")
    assert [(row["key"], row["passed"], row["total"], row["seed"]) for row in result["rows"]] == [
        ("corruptions", 2, 2, 3),
        ("signals", 2, 2, 3),
    ]
    assert all(f"{row['name']:<12}PASS 2/2" in shown for row in result["rows"])


def test_reliability_knows_its_rows() -> None:
    line = [sys.executable, str(FOLDER / "reliability.py"), "--only", "floods"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "expected some of kills, signals, corruptions" in done.stderr


@pytest.mark.slow
def test_spectra(bench) -> None:
    shown, result = bench("spectra", "--batch", 1, "--rounds", 1)
    assert_where(result, "spectra")
    rows = {(row["task"], row["form"]): row for row in result["results"]}
    for task in ("magnitudes", "mel", "gradient of mel", "inverse"):
        assert rows[task, "FFT"]["times the FFT form's"] == 1
        assert rows[task, "matrix"]["ms a sound"] > 0
    assert ("Griffin–Lim", "librosa") in rows
    assert "plain" in shown


@pytest.mark.slow
def test_embedded_sounds_stand_beside_real_ones(bench, tmp_path) -> None:
    for lane, label in {"BD": "kick", "SD": "snare", "CB": "cowbell"}.items():
        for collection, rate in (("old", 22_050), ("new", 44_100)):
            path = tmp_path / "real" / collection / label / f"{lane}.wav"
            path.parent.mkdir(parents=True)
            soundfile.write(path, voices(rate)[lane], rate)
    (tmp_path / "real" / "old" / "kick" / "broken.wav").write_bytes(b"RIFF")
    words = ["--per-class", 6, "--nearest", 3, "--seed", 1]
    shown, result = bench("embedded_sounds", *words, "--data", "real", "--plot", "sheet.png")
    assert_where(result, "embedded_sounds")
    rows = {row["class"]: row for row in result["rows"]}
    assert tuple(rows) == ALL_CLASSES
    assert result["collections"] == ["new", "old"]
    assert rows["kick"]["real"] == 2
    assert "real" not in rows["snap"]
    # The TR-808's own bass drum and cowbell: their pitches, whatever the rate they are read at.
    assert rows["kick"]["real centroid_hz"][1] == pytest.approx(60, abs=15)
    assert 540 < rows["cowbell"]["real centroid_hz"][1] < 2_640
    assert (
        rows["kick"]["embedded centroid_hz"][1]
        < rows["snare"]["embedded centroid_hz"][1]
        < rows["shaker"]["embedded centroid_hz"][1]
    )
    for name in ("embedded, by real", "real, by embedded", "real, of other collections", "embedded, of embedded"):
        assert 0 <= rows["kick"][name] <= 1
        assert name in shown
    assert sum(map(sum, result["counts"]["embedded, by real"])) == 6 * len(ALL_CLASSES)
    near = result["nearest"]
    assert all(each["different"] == 3 and 0 < each["least"] <= each["median"] for each in near["db"].values())
    assert near["sounds_per_s"] > 0
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    _, alone = bench("embedded_sounds", "--per-class", 5, "--nearest", 0)
    assert "nearest" not in alone
    assert set(alone["means"]) == {"embedded, of embedded"}


@pytest.mark.slow
def test_embedded_grooves_stand_beside_real_ones(bench, tmp_path) -> None:
    rows = ["drummer,style,beat_type,time_signature,midi_filename"]
    for index in range(10):
        for genre in ("funk", "jazz"):
            # The embedded ones themselves stand for real ones.
            compose(genre, index).save(tmp_path / f"{genre}{index}.mid")
            rows.append(f"one,{genre}/any,beat,4-4,{genre}{index}.mid")
    rows += ["one,funk,fill,4-4,missing.mid", "one,funk,beat,3-4,missing.mid", "one,latin,beat,4-4,missing.mid"]
    (tmp_path / "info.csv").write_text("\n".join(rows))
    shown, result = bench("embedded_grooves", "--data", tmp_path, "--per-genre", 10)
    assert_where(result, "embedded_grooves")
    ours, real = result["rows"]["embedded"], result["rows"]["real"]
    assert set(ours) == set(GROOVE_GENRES)
    assert set(real) == {"funk", "jazz"}
    for genre in real:
        # What is read from files is what was measured before they were written.
        for name, values in ours[genre].items():
            np.testing.assert_allclose(np.array(real[genre][name], float), np.array(values, float), rtol=1e-3, err_msg=name)
    assert 1.5 < ours["jazz"]["eighths"][1] < 2.5
    assert 0.9 < ours["funk"]["eighths"][1] < 1.1
    assert result["repeats"]["embedded"]["different_tracks"] == 60
    assert result["named_rightly"]["real, by embedded"]["mean"] > 0.95
    assert "embedded, six genres" in shown
