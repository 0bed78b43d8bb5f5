"""`drumjax evaluate --suite pocketvae`: which trainings are measured on which data, the report, the page, the pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import matplotlib.image
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.cli import main
from drumjax.cli.evaluate_grooves import find_data, find_trainings, printed
from drumjax.configs import dump_config
from drumjax.datasets.grooves.info import GrooveInfo, GrooveSet, count_genres
from drumjax.datasets.info import check
from drumjax.datasets.npz import write_npz
from drumjax.instruments import groove_parts
from drumjax.instruments import groove_table as table
from drumjax.instruments.groove_evaluation import GrooveEvaluation
from drumjax.metrics.report import Figure
from drumjax.models.genre_classifier import GenreClassifierConfig, init_classifier
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns import POCKET
from drumjax.provenance import read_provenance

GENRES = ("rock", "funk", "jazz")


def groove_set(seed: int) -> GrooveSet:
    """A few random grooves, two windows a track."""
    draw = np.random.default_rng(seed)
    splits = {}
    for split, tracks in (("train", 6), ("validation", 3), ("test", 3)):
        n = 2 * tracks
        note = draw.random((n, 32, 7)) < 0.3
        note[:, ::4, :3] = True
        names = [f"{split}{i // 2}.mid#{i % 2}" for i in range(n)]
        splits[split] = {
            "velocity": np.where(note, draw.uniform(0.1, 1, note.shape), 0).astype(np.float32),
            "offset": np.where(note, draw.uniform(-0.5, 0.5, note.shape), 0).astype(np.float32),
            "genre": (np.arange(n) // 2 % 3).astype(np.int32),
            "tempo_bpm": np.full(n, 120, np.float32),
            "name": np.array(names),
            "group": np.array([name.split("#")[0] for name in names]),
            "licence": np.full(n, "CC0-1.0"),
        }
    info = GrooveInfo(
        kind="grooves", name=f"few {seed}", source_sha256=f"{seed}" * 64, genres=GENRES, drum_map=POCKET, steps=32,
        counts={split: len(arrays["genre"]) for split, arrays in splits.items()}, licences={"CC0-1.0": 24},
        genre_counts=count_genres(GENRES, splits), left_out={},
    )  # fmt: skip
    made = check(GrooveSet(info, splits))
    assert isinstance(made, GrooveSet)
    return made


@pytest.fixture(scope="module")
def place(untrained_grooves: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two splits in `data`, and in `runs` a model with patterns for each of them and a classifier for the first."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "data").mkdir()
    playing = checkpoint.load_playing(checkpoint.find(untrained_grooves))
    config = GenreClassifierConfig(genres=3, units=4)
    judge = jax.tree.map(np.asarray, jax.jit(lambda: init_classifier(config, jax.random.key(0)))())
    for seed in (0, 1):
        data = groove_set(seed)
        write_npz(folder / "data" / f"{seed}.npz", data)
        card = playing.card | {"data": data.info.to_json()}
        items = {"play": {"params": playing.params, "extra": playing.extra}}
        checkpoint.save(folder / "runs" / f"patterns-{seed}" / "checkpoints" / "1", items, {checkpoint.CARD: card})
        if not seed:
            play = {"genres": ["jazz", "rock", "funk"], "steps": 32}
            card |= {"system": "genre-classifier", "config": {"model": dump_config(config)}, "play": play}
            items = {"play": {"params": {"classifier": judge}, "extra": {}}}
            checkpoint.save(folder / "runs" / "judge" / "checkpoints" / "1", items, {checkpoint.CARD: card})
    return folder


@pytest.fixture(scope="module")
def report(place: Path, compiled_once: None) -> Path:
    words = ["evaluate", place / "runs", "--suite", "pocketvae", "--data", place / "data", "-o", place / "report"]
    assert main([str(word) for word in words]) == 0
    return place / "report"


def test_all_trainings_are_measured_each_on_the_data_that_it_was_trained_on(report: Path) -> None:
    content = json.loads((report / "report.json").read_text())
    assert list(content) == ["suite", "model", "data", "split", "n", "held_out", "metrics"]
    assert [content[key] for key in ("suite", "split", "n", "held_out")] == ["pocketvae", "test", 12, True]
    figures = content["metrics"]
    assert all(figure["definition"] for figure in figures.values())
    row = table.WITH_PATTERNS
    for measure in ("note_f1", "note_f1_micro", "velocity_mse", "velocity_mse_cascade", "timing_kl", "timing_kl_code"):
        each = [figures[f"{row} {measure} split {number}"]["mean"] for number in (1, 2)]
        assert each[0] != each[1]
        assert figures[f"{row} {measure}"]["mean"] == pytest.approx(np.mean(each))
    assert figures[f"{row} note_f1"]["paper"] == 0.972
    assert figures[f"{table.NEIGHBOURS} velocity_mse"]["paper"] == 0.037
    # The classifier was trained on the first split alone.
    assert f"{row} genre_accuracy split 1" in figures
    assert f"{row} genre_accuracy split 2" not in figures
    low, high = figures[f"{table.TEST_DATA} genre_accuracy"]["interval"]
    assert low <= figures[f"{table.TEST_DATA} genre_accuracy"]["mean"] <= high
    shares = [figures[f"{row} imposed_accuracy {genre}"]["mean"] for genre in GENRES]
    assert figures[f"{row} imposed_accuracy"]["mean"] == pytest.approx(np.mean(shares))
    assert 0 <= figures[f"{row} timing_right"]["mean"] <= 1


def test_the_page_has_the_tables_and_every_picture(report: Path) -> None:
    page = (report / "report.html").read_text()
    for title in ("Table 1", "In a cascade", "As the public code measures", "K-NN", "+ genres + patterns", "0.973 ± 0.004"):
        assert title in page
    assert "cannot be rebuilt" in page
    pictures = {path.name for path in report.glob("*.png")}
    assert pictures == {f"{name}.png" for name in ("trends", "confusion", "control", "responses", "codes")}
    for name in pictures:
        assert f'src="{name}"' in page
        assert matplotlib.image.imread(report / name).std() > 0


def test_every_code_is_heard(report: Path) -> None:
    page = (report / "report.html").read_text()
    clips = sorted((report / "sounds").iterdir())
    assert len(clips) == 8
    for clip in clips:
        assert f'src="sounds/{clip.name}"' in page
        assert clip.stat().st_size > 2 * 44100  # a bar at 120 beats a minute has two seconds
        record = read_provenance(clip)
        assert record is not None
        assert clip.name == f"code_{record['parameters']['code']:02}.wav"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("runs/patterns-0", "--data", "data/0.npz", "--suite", "sounds"), "leave --suite out"),
        (("data", "--data", "data/0.npz", "--suite", "pocketvae"), "found none"),
        (("runs", "--data", "data/0.npz"), "one on other data"),
        (("runs/patterns-0", "--data", "data/0.npz", "--classifier", "runs/patterns-1"), "genre-classifier"),
        (("runs/patterns-1", "--data", "data/0.npz"), "another split of the same tracks"),
        (("twice", "--data", "data"), "another in"),
    ],
)
def test_what_does_not_go_together_is_refused(place: Path, command, words, says: str) -> None:
    if words[0] == "twice" and not (place / "twice").exists():
        for name in ("a", "b"):
            shutil.copytree(place / "runs" / "patterns-0", place / "twice" / name)
    called = command("evaluate", *(str(place / word) if (place / word).exists() else word for word in words))
    assert called.code == 2
    assert says in " ".join(called.err.split())


def test_trainings_and_data_are_found_below_a_folder(place: Path, untrained_grooves: Path) -> None:
    found = find_trainings(place / "runs")
    assert [(each.folder.name, each.system) for each in found] == [
        ("judge", "genre-classifier"), ("patterns-0", "pocketvae"), ("patterns-1", "pocketvae")
    ]  # fmt: skip
    assert [each.folder for each in find_trainings(untrained_grooves)] == [untrained_grooves]
    assert [each.info.source_sha256[0] for each in find_data(str(place / "data")).values()] == ["0", "1"]


def test_the_same_data_twice_are_one_split(place: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copy(place / "data" / "0.npz", tmp_path / f"{name}.npz")
    shutil.copy(place / "data" / "1.npz", tmp_path / "c.npz")
    assert list(find_data(str(tmp_path))) == ["a.npz", "c.npz"]


def test_the_table_says_how_many_epochs_and_splits_each_row_has() -> None:
    result = GrooveEvaluation(GENRES)
    result.figures = {
        f"{table.TWO_STEP_VQ} note_f1": Figure(0.9704, "", 0.0042),
        f"{table.TEST_DATA} genre_accuracy": Figure(0.5, ""),
    }
    result.splits = {table.TWO_STEP_VQ: 2, table.TEST_DATA: 2}
    long = "18 epochs (900 steps of 64), prior 2; 17.9 epochs (900 steps of 64)"
    classifiers = "classifier 5.03 epochs (922 steps of 64); classifier 7 epochs (1,283 steps of 64)"
    result.trained = {table.TWO_STEP_VQ: long, table.TEST_DATA: classifiers}
    lines = [" ".join(line.split()) for line in printed(result).splitlines()]
    assert "2-step (VQ-VAE) 2 0.970 ± 0.0042 18; 17.9" in lines
    assert "Test data 2 0.500 classifier 5.03; 7" in lines
    assert "1-step, paper 5 0.816 ± 0.015 0.115 ± 0.017 0.025 ± 0.001 0.846 ± 0.072 0.013 ± 0.001 0.554 ± 0.033 500" in lines


def test_every_variant_that_can_be_trained_has_its_row() -> None:
    rows = {
        groove_parts.row_of(PocketVAEConfig(variant=variant, use_genre=genre, use_patterns=patterns))
        for variant in ("2-step-vq", "2-step-vae", "1-step")
        for genre in (False, True)
        for patterns in (False, True)
    }
    assert rows == set(table.ROWS) - {table.TEST_DATA, table.NEIGHBOURS}
    assert {table.TWO_STEP_VQ, table.TWO_STEP_VAE, table.WITH_GENRES, table.WITH_PATTERNS} < rows


def test_a_classifiers_columns_are_the_datas_genres(place: Path) -> None:
    judge = checkpoint.find(place / "runs" / "judge")
    arrays = groove_set(0).splits["test"]
    grooves = (arrays["velocity"] > 0, arrays["velocity"], arrays["offset"])
    of_data, own = (groove_parts.load_classifier(judge, genres) for genres in (GENRES, ("jazz", "rock", "funk")))
    assert of_data is not None
    assert own is not None
    assert np.array_equal(of_data(*grooves), own(*grooves)[:, [1, 2, 0]])
    assert groove_parts.load_classifier(judge, ("rock", "latin")) is None


def test_genres_that_a_model_does_not_know_are_none_in_particular(place: Path) -> None:
    model = groove_parts.load_grooves(checkpoint.find(place / "runs" / "patterns-0"))
    assert model.makes
    assert model.rows(["funk", "polka"]).tolist() == [[0, 1, 0], pytest.approx([1 / 3] * 3)]


def test_how_long_a_training_was_is_said_of_modules_and_prior(tmp_path: Path) -> None:
    config = {"batch_size": 64, "prior_share": 0.25, "model": {"variant": "2-step-vq"}}
    card = {"step": 1000, "config": config, "data": {"counts": {"train": 3200}}}
    place = tmp_path / "checkpoints" / "1000"
    (tmp_path / "config.json").write_text('{"steps": 1200}')
    assert groove_parts.how_long(place, card) == "18 epochs (900 steps of 64), prior 2"
    assert groove_parts.how_long(tmp_path, card) == "15 epochs (750 steps of 64), prior 5"
    card["config"] = config | {"model": {"variant": "1-step"}}
    assert groove_parts.how_long(place, card) == "20 epochs (1,000 steps of 64)"
    assert groove_parts.how_long(place, {}) == ""
