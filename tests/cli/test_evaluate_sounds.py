"""`drumjax evaluate` of models of sounds: the report, the page, the pictures, the clips."""

from __future__ import annotations

import contextlib
import html
import io
import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import pytest
import soundfile

from drumjax.cli import main
from drumjax.datasets.npz import write_npz
from drumjax.datasets.sounds.info import SoundSet, check
from drumjax.metrics import codes as code_metrics
from drumjax.metrics import sound_classes
from drumjax.provenance import read_provenance

CLASSES = ("kick", "snare", "hihat_closed")


class Links(HTMLParser):
    """The addresses that a page draws in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [unquote(value) for name, value in attrs if name in ("src", "href") and value]


@pytest.fixture(scope="module")
def place(evaluated_sounds: Path) -> Path:
    return evaluated_sounds


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A small classifier and few draws from the prior: whether the figures are right is asked elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound_classes, "TREES", 10)
        draws = code_metrics.against_prior.__kwdefaults__
        patch.setattr(code_metrics.against_prior, "__kwdefaults__", {**draws, "draws": 20, "prior": 50})
        yield


@pytest.fixture(scope="module")
def report(place, compiled_once) -> tuple[Path, str]:
    """The report of the instrument, and what the command said."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        words = ["evaluate", place / "packed", "--data", place / "data.npz", "--per-class", 2, "-o", place / "report"]
        assert main([str(word) for word in words]) == 0
    return place / "report", said.getvalue()


def evaluate(command, place, model, *words, data="data.npz"):
    return command("evaluate", place / model, "--data", place / data, "--per-class", "2", *words)


def test_an_instrument_leaves_a_report_a_page_pictures_and_clips(report) -> None:
    folder, said = report
    content = json.loads((folder / "report.json").read_text())
    assert list(content) == ["suite", "model", "data", "split", "n", "held_out", "metrics"]
    assert [content[key] for key in ("suite", "split", "n", "held_out")] == ["sounds", "test", 9, True]
    figures = content["metrics"]
    assert all(figure["definition"] for figure in figures.values())
    methods = ("cwae", "chain", "mcnn", "griffin_lim", "griffin_lim_plain", "griffin_lim_equal_time", "chain_griffin_lim")
    for measure in ("spectral_convergence", "log_mel_error", "log_difference"):
        assert {f"{method}_{measure} {label}" for method in methods for label in CLASSES} <= set(figures)
        low, high = figures[f"mcnn_minus_griffin_lim_{measure}"]["interval"]
        assert low <= figures[f"mcnn_minus_griffin_lim_{measure}"]["mean"] <= high
    assert {"class_accuracy", "class_accuracy_held_out snare", "mmd kick", "mmd_null_95", "normality_p_train"} <= set(figures)
    assert 1 <= figures["griffin_lim_equal_time_iterations"]["mean"] <= 60
    assert {f"{stage}_real_time_factor" for stage in ("cwae", "mcnn", "griffin_lim", "chain")} <= set(figures)

    page = (folder / "report.html").read_text()
    assert html.escape(figures["mcnn_log_mel_error"]["definition"]) in page
    assert html.escape("These sounds were held out from the model's training.") in page
    links = Links(page).found
    pictures = sorted(folder.glob("*.png"))
    assert {link for link in links if link.endswith(".png")} == {path.name for path in pictures}
    assert {path.stem for path in pictures} == {
        "spectrograms_1", "waveforms_1", "new", "errors", "confusion", "confusion_held_out", "codes",
    }  # fmt: skip
    assert all(matplotlib.image.imread(path)[..., :3].std() > 0.02 for path in pictures)
    clips = sorted((folder / "sounds").iterdir())
    assert {link for link in links if link.endswith(".wav")} == {f"sounds/{path.name}" for path in clips}
    stages = ("original", "new", *methods[1:])
    assert {path.name for path in clips} == {f"{i:02}_{name}_{stage}.wav" for i, name in enumerate(CLASSES, 1) for stage in stages}
    for path in clips:
        samples, rate = soundfile.read(path)
        assert (len(samples), rate) == (3839, 22050)
        record = read_provenance(path)
        assert (record["verb"], record["parameters"]["class"]) == ("evaluate", path.stem.split("_", 1)[1].split("_")[0] + (
            "_closed" if "closed" in path.stem else ""
        ))  # fmt: skip
    for shown in ("MCNN", "class_accuracy", "real_time_factor", f"wrote {folder / 'sounds'}"):
        assert shown in said


def test_members_apart_have_the_figures_of_the_instrument_and_their_course(command, place, report) -> None:
    called = evaluate(command, place, "cwae", "--vocoder", place / "mcnn", "-o", "b")
    assert (called.code, called.err) == (0, "")
    first, second = (json.loads((folder / "report.json").read_text())["metrics"] for folder in (report[0], Path("b")))
    assert set(first) == set(second)
    for name in first:
        if "real_time" not in name and "equal_time" not in name:  # which are others each time
            assert first[name] == second[name], name
    assert Path("b/training.png").is_file()
    assert not (report[0] / "training.png").exists()


def test_an_autoencoder_alone_and_a_vocoder_alone_have_reports(command, place) -> None:
    assert evaluate(command, place, "cwae", "-o", "c", "--split", "train").code == 0
    content = json.loads(Path("c/report.json").read_text())
    assert content["held_out"] is False
    assert {"chain_griffin_lim_log_mel_error", "class_accuracy", "mmd"} <= set(content["metrics"])
    assert not [name for name in content["metrics"] if "mcnn" in name or name.endswith("_train") or "held_out" in name]
    called = evaluate(command, place, "mcnn", "-o", "v")
    assert called.code == 0
    assert "the MCNN beside 60 iterations of Griffin-Lim" in called.out
    assert "the MCNN beside as many as fit in its own time (" in called.out
    figures = json.loads(Path("v/report.json").read_text())["metrics"]
    assert "mcnn_minus_griffin_lim_plain_log_difference kick" in figures
    assert not [name for name in figures if name.startswith(("cwae", "chain", "class", "mmd"))]


def test_what_does_not_go_together_is_refused_before_anything_is_written(
    command, place, make_sound_set, untrained_gan, tmp_path
) -> None:
    other = make_sound_set(classes=("kick", "clap"))
    write_npz(tmp_path / "clap.npz", other)
    write_npz(tmp_path / "short.npz", make_sound_set(samples=3000))
    none = {split: {name: array[:0] if split == "test" else array for name, array in arrays.items()} for split, arrays in
            make_sound_set().splits.items()}  # fmt: skip
    info = make_sound_set().info
    empty = dict.fromkeys(CLASSES, 0)
    info = replace(info, counts={**info.counts, "test": 0}, class_counts={**info.class_counts, "test": empty},
                   licences={"CC0-1.0": info.counts["train"] + info.counts["validation"]})  # fmt: skip
    write_npz(tmp_path / "untested.npz", check(SoundSet(info, none)))
    shutil.copy(place / "data.npz", tmp_path / "data.npz")
    packed, gan = place / "packed", untrained_gan
    for words, said in (
        ((packed, "--data", "clap.npz"), "found clap; build the data"),
        ((packed, "--data", "short.npz"), "found 3,000 at 22,050 Hz"),
        ((packed, "--data", "untested.npz"), "sounds in the split 'test'; found none"),
        ((packed, "--data", "data.npz", "--suite", "patterns"), "found a model of sounds; leave --suite out"),
        ((gan, "--data", "embedded", "--suite", "sounds"), "found a model of patterns; name --suite patterns or generation"),
        ((gan, "--data", "embedded", "--vocoder", place / "mcnn"), "a model of sounds; found a model of patterns"),
        ((packed, "--data", "data.npz", "--vocoder", place / "cwae"), "found two of 'cwae'"),
        ((packed, "--data", "data.npz", "--per-class", "0"), "--per-class of at least 1"),
        ((packed, "--data", "embedded", "--vocoder", "nowhere"), "nowhere"),
    ):
        called = command("evaluate", *words, "-o", "r")
        assert called.code == 2, words
        assert said in called.err, (words, called.err)
        assert not Path("r").exists()
