"""`drumjax evaluate`: the report, the page, the pictures."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import numpy as np
import pytest

from drumjax.datasets.info import PatternSet
from drumjax.datasets.load import load_patterns
from drumjax.datasets.npz import write_npz


class Links(HTMLParser):
    """The addresses that a page draws in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [unquote(value) for name, value in attrs if name in ("src", "href") and value]


def test_an_evaluation_leaves_a_report_a_page_and_pictures_the_same_each_time(command, data, model) -> None:
    words = ["evaluate", model[1], "--data", data, "--split", "train", "--transitions", "1", "--measures", "4", "--seed", "3"]
    called = command(*words, "-o", "r")
    assert (called.code, called.err) == (0, "")
    content = json.loads(Path("r/report.json").read_text())
    assert list(content) == ["suite", "model", "data", "split", "n", "held_out", "metrics"]
    n = load_patterns(data).info.counts["train"]
    assert list(content.values())[:6] == ["patterns", model[1], data, "train", n, None]
    figures = content["metrics"]
    for name, figure in figures.items():
        assert list(figure) == ["mean", "sd", "paper", "definition"], name
        assert figure["definition"], name
        assert isinstance(figure["mean"], float), name
    assert {"onset_f1", "neighbour_f1", "mean_pattern_f1", "gain_over_neighbour", "novelty", "onset_f1 idm"} <= set(figures)

    page = Path("r/report.html").read_text()
    for shown in (f"{figures['onset_f1']['mean']:.4g}", f"({n} patterns)"):
        assert shown in page
        assert shown in called.out
    assert html.escape(figures["novelty"]["definition"]) in page
    links = Links(page).found
    assert all(not link.startswith(("http", "/")) for link in links)
    pictures = sorted(Path("r").glob("*.png"))
    assert {link for link in links if link.endswith(".png")} == {path.name for path in pictures}
    assert {"pca.png", "training.png", "transition_idm_techno.png"} <= {path.name for path in pictures}
    for path in pictures:
        assert matplotlib.image.imread(path)[..., :3].std() > 0.02
    assert called.out.splitlines()[-len(pictures) - 2 :] == [f"wrote {p}" for p in ("r/report.json", "r/report.html", *pictures)]

    assert command(*words, "-o", "again").code == 0
    for path in (Path("r/report.json"), *pictures):
        assert path.read_bytes() == Path("again", path.name).read_bytes()


def test_a_split_without_patterns_is_refused(command, small_folder, model) -> None:
    assert command("data build source -o data --test 0").code == 0
    called = command("evaluate", model[1], "--data", "data", "-o", "r")
    assert (called.code, called.err.split("; ")[1:]) == (
        2,
        ["found none", "name another --split, or build the data with a share for it\n"],
    )
    assert not Path("r").exists()


def test_genres_of_any_name_have_their_figures_and_pictures(command, midi, model) -> None:
    draw = np.random.default_rng(0)
    for genre in ("Drum & Bass", "100% #1"):
        for i in range(4):
            midi(f"odd/{genre}/{i}.mid", {(int(step), "BD"): 100 for step in draw.choice(64, 12, replace=False)})
    assert command("data build odd -o data --validation 0.3 --test 0.3").code == 0
    assert command("evaluate", model[1], "--data", "data", "--transitions", "1", "-o", "r").code == 0
    links = Links(Path("r/report.html").read_text()).found
    pictures = {path.name for path in Path("r").glob("*.png")}
    assert {link for link in links if link.endswith(".png")} == pictures
    assert len(pictures) >= 2


def arrays(path: Path, groups: list[str], genres: tuple[str, ...], counts: dict[str, int]) -> None:
    """An .npz of embedded patterns, as if they were of other groups and genres."""
    whole, counts = load_patterns("embedded"), {"validation": 0, **counts}
    split = {name: {key: array[:n].copy() for key, array in whole.splits[name].items()} for name, n in counts.items()}
    for name, columns in split.items():
        n = counts[name]
        columns["genre"] = np.arange(n, dtype=np.int32) % len(genres)
        columns["group"] = np.array([f"{name} {groups[i % len(groups)]}" for i in range(n)], np.str_)
    info = replace(whole.info, genres=genres, counts=counts, licences={"apache-2.0": sum(counts.values())})
    write_npz(path, PatternSet(replace(info, source_sha256="0" * 64), split))


def test_a_set_of_two_training_patterns_of_one_group_has_a_report(command, model, tmp_path) -> None:
    arrays(tmp_path / "two.npz", ["one"], ("idm", "techno"), {"train": 2, "test": 2})
    said = "No picture of principal components: it takes 3 training patterns, there are 2."
    for split in ("train", "test"):
        called = command("evaluate", model[1], "--data", "two.npz", "--split", split, "-o", split)
        assert (called.code, called.err) == (0, "")
        assert said in called.out
        assert said in Path(split, "report.html").read_text()
        assert "pca.png" not in {path.name for path in Path(split).iterdir()}
    figures = {split: json.loads(Path(split, "report.json").read_text())["metrics"] for split in ("train", "test")}
    for name in ("neighbour_f1", "neighbour_f1_per_pattern", "gain_over_neighbour"):
        assert figures["train"][name]["mean"] is None
        assert isinstance(figures["test"][name]["mean"], float)
    assert "undefined here, for all training patterns are of one group" in figures["train"]["neighbour_f1"]["definition"]
    assert "there is no copy to compare it with" in Path("train/report.html").read_text()


def test_data_without_training_patterns_are_refused(command, model, tmp_path) -> None:
    arrays(tmp_path / "none.npz", ["a"], ("idm",), {"train": 0, "test": 3})
    called = command("evaluate", model[1], "--data", "none.npz", "-o", "r")
    assert (called.code, "expected patterns in the split 'train'; found none" in called.err) == (2, True)


def test_nothing_is_written_where_a_picture_fails(command, model, tmp_path, monkeypatch) -> None:
    arrays(tmp_path / "small.npz", ["a", "b"], ("idm", "techno"), {"train": 6, "test": 4})

    def fails(*_: object, **__: object) -> None:
        raise ArithmeticError("no picture")

    monkeypatch.setattr("drumjax.plots.interpolation_beside_crossfade", fails)
    with pytest.raises(ArithmeticError):
        command("evaluate", model[1], "--data", "small.npz", "-o", "r")
    assert list(Path("r").iterdir()) == []


def test_figures_of_pairs_that_are_left_out_and_genres_of_like_names_are_told_apart(command, model, tmp_path) -> None:
    genres = ("a b", "a/b", "a\\b", *(f"genre {i}" for i in range(4)))
    arrays(tmp_path / "seven.npz", list("abcdefgh"), genres, {"train": 14, "test": 7})
    called = command("evaluate", model[1], "--data", "seven.npz", "--transitions", "1", "-o", "r")
    assert called.code == 0
    assert "No figures for each pair of genres: they are given for up to 6, there are 7." in called.out
    assert not any("→" in name for name in json.loads(Path("r/report.json").read_text())["metrics"])
    assert {path.name for path in Path("r").glob("transition_*.png")} == {
        "transition_a_b_a_b.png",
        "transition_a_b_a_b_2.png",
        "transition_a_b_genre_0.png",
    }


def test_what_was_held_out_is_said_only_where_it_is_known(command, model, tmp_path) -> None:
    arrays(tmp_path / "other.npz", ["a", "b"], ("idm", "techno"), {"train": 6, "test": 4})
    wanted = {
        ("embedded", "test"): (True, "These patterns were held out from the model's training."),
        ("embedded", "train"): (False, "The model was trained on these patterns."),
        ("other.npz", "test"): (None, "Whether these patterns were held out from the model's training is not known"),
    }
    for (data, split), (held_out, said) in wanted.items():
        called = command("evaluate", model[1], "--data", data, "--split", split, "--transitions", "1", "-o", "r")
        assert said in called.out
        assert html.escape(said) in Path("r/report.html").read_text()
        assert json.loads(Path("r/report.json").read_text())["held_out"] is held_out


def test_a_torn_table_of_the_training_stops_no_report(command, data, tiny_workdir, tmp_path) -> None:
    shutil.copytree(tiny_workdir, tmp_path / "w")
    with (tmp_path / "w" / "metrics.csv").open("a") as table:
        table.write("81,0.")
    assert command("evaluate", "w", "--data", data, "--transitions", "1", "-o", "r").code == 0
    assert not Path("r/training.png").exists()


def test_a_gan_is_measured_by_what_it_generates(command, data, untrained_gan, tmp_path) -> None:
    words = ["evaluate", str(untrained_gan), "--data", data, "--sets", "2", "--seed", "5"]
    called = command(*words, "-o", "r")
    assert (called.code, called.err) == (0, "")
    content = json.loads(Path("r/report.json").read_text())
    n = load_patterns(data).info.counts["test"]
    assert [content[key] for key in ("suite", "split", "n", "held_out")] == ["generation", "test", n, None]
    names = ("precision", "coverage", "distance_to_data", "copies", "diversity", "cell_rate_error", "genre_share idm")
    for name in names:
        for of in ("", " of held-out patterns", " of independent cells"):
            assert isinstance(content["metrics"][name + of]["mean"], float)
    page = Path("r/report.html").read_text()
    table = {row[0]: row for row in (re.findall(r"<td[^>]*>(.*?)</td>", line) for line in page.split("<tr>")) if row}
    for name in names:
        figures = [content["metrics"][name + of] for of in ("", " of held-out patterns", " of independent cells")]
        expected = [figures[0]["mean"], figures[0]["sd"], figures[1]["mean"], figures[2]["mean"]]
        assert table[name][1:5] == [f"{value:.4g}" for value in expected]
    assert "independent cells" in called.out.splitlines()[0]
    pictures = {path.name for path in Path("r").glob("*.png")}
    assert pictures == {"hit_numbers.png", "hit_rates.png", "samples.png"} == {a for a in Links(page).found if a.endswith(".png")}
    assert command(*words, "-o", "again").code == 0
    for name in ("report.json", *pictures):
        assert Path("r", name).read_bytes() == Path("again", name).read_bytes()


def test_a_vae_is_measured_by_what_it_generates_where_that_is_asked_for(command, data, model) -> None:
    assert command("evaluate", model[1], "--data", data, "--suite", "generation", "--sets", "1", "-o", "r").code == 0
    assert json.loads(Path("r/report.json").read_text())["suite"] == "generation"
    assert "the best onset F1 on the validation split" in Path("r/report.html").read_text()


def test_what_a_suite_cannot_do_is_refused(command, data, model, untrained_gan) -> None:
    called = command("evaluate", str(untrained_gan), "--data", data, "--suite", "patterns")
    assert called.code == 2
    assert "expected a model with an encoder for the suite 'patterns'" in called.err
    assert "name --suite generation" in called.err
    called = command("evaluate", model[1], "--data", data, "--suite", "generation", "--split", "train")
    assert called.code == 2
    assert "held-out patterns for the suite 'generation'" in called.err
    assert not Path("report").exists()
