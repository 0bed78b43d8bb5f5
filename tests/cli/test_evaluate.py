"""`drumjax evaluate`: the report, the page, the pictures."""

from __future__ import annotations

import html
import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import numpy as np

from drumjax.datasets.load import load_patterns


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
    assert list(content) == ["suite", "model", "data", "split", "n", "metrics"]
    n = load_patterns(data).info.counts["train"]
    assert list(content.values())[:5] == ["patterns", model[1], data, "train", n]
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
    assert {"pca.png", "transition_idm_techno.png"} <= {path.name for path in pictures}
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
