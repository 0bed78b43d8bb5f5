"""The page is read back by Python's own HTML parser, and by a browser where one is installed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from drumjax.patterns import GM, TR808, Pattern
from drumjax.serve import page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;\u2028 {} %s ]]> <!-- -->"
VOID = {"meta", "img", "br", "hr", "input", "link"}


class Reader(HTMLParser):
    """Elements with their attributes, visible text, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.open, self.scripts = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append([dict(attrs).get("type", ""), ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1] += data
        elif not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def data(self):
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


def some_patterns(n=3, **fields):
    generator = np.random.default_rng(0)
    grids = np.where(generator.random((n, 64, 6)) < 0.2, generator.uniform(0.1, 1, (n, 64, 6)), 0)
    return [Pattern.from_grid(grid, **fields) for grid in grids]


def every_section(text="plain", patterns=None):
    return [
        page.Text(text, text),
        page.Table(text, [text, "number"], [[text, 1.5], [text, ""]], note=text),
        page.Table(text, [text], [[text]], folded=True),
        page.Picture("pictures/a b.png", text, text),
        page.Picture(b"\x89PNG", text, text),
        page.Player(text, patterns or some_patterns(name=text, genre=text), "a.wav", [("a.mid", text)], text),
        page.Clips(text, [text, "original", text], [(text, ["sounds/a b.wav", None]), ("two", ["c.flac", "d.wav"])], note=text),
    ]


def test_every_tag_is_closed_and_every_text_is_shown():
    reader = Reader(page.page("The title", every_section()))
    assert {"h1", "h2", "table", "img", "audio", "canvas", "details", "a", "p"} <= {tag for tag, _ in reader.elements}
    assert "The title" in reader.texts
    assert reader.texts.count("plain") >= 13


def test_nothing_outside_the_folder_is_asked_for():
    text = page.page("title", every_section())
    reader = Reader(text)
    for _, attributes in reader.elements:
        for name in {"src", "href"} & set(attributes):
            assert re.match(r"(data:image/png;base64,|[^:/]+(/[^:]+)?$)", attributes[name]), attributes[name]
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttpRequest|<link|<iframe", text)


def test_the_policy_allows_the_style_and_the_script_that_stand_in_the_page_and_no_others():
    text = page.page("title", every_section())
    policy = next(each["content"] for each in Reader(text).all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)[1]
    script = re.search("<script>(.*?)</script>", text, re.DOTALL)[1]
    for kind, content in (("style", style), ("script", script)):
        fingerprint = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{fingerprint}'" in policy
    assert " style=" not in text
    assert not re.search(r"<[^>]* on\w+=", text)


def test_hostile_names_are_shown_as_they_are_and_run_nothing():
    calm, hostile = Reader(page.page("x", every_section("x"))), Reader(page.page(HOSTILE, every_section(HOSTILE)))
    # The same elements with the same attributes, whatever the names are.
    assert [(tag, set(attributes)) for tag, attributes in calm.elements] == [
        (tag, set(attributes)) for tag, attributes in hostile.elements
    ]
    assert len(hostile.scripts) == len(calm.scripts)
    assert HOSTILE in hostile.texts
    assert HOSTILE in [each.get("alt") for each in hostile.all("img")]
    assert hostile.data[0]["measures"][0]["name"] == HOSTILE


def test_a_player_holds_every_hit_of_its_patterns():
    patterns = some_patterns()
    patterns[1] = replace(patterns[1], offset=np.where(patterns[1].hits, -0.5, 0), metre=(3, 4), name="late")
    (data,) = Reader(page.page("title", [page.Player("player", patterns)])).data
    assert data["lanes"] == list(TR808.lanes)
    assert data["step_s"] == pytest.approx(60 / 129 / 4)
    assert [measure["name"] for measure in data["measures"]] == ["measure 1", "late", "measure 3"]
    assert [(measure["beat"], measure["bar"]) for measure in data["measures"]] == [(4, 16), (4, 12), (4, 16)]
    for measure, pattern in zip(data["measures"], patterns, strict=True):
        cells = {(round(at + 0.25 * (measure["name"] == "late"), 3), lane): velocity for at, lane, velocity in measure["hits"]}
        assert set(cells) == {(step, lane) for step, lane in zip(*np.nonzero(pattern.hits), strict=True)}
        assert all(velocity == round(127 * pattern.velocity[int(step), lane]) for (step, lane), velocity in cells.items())


def test_columns_of_numbers_are_set_flush_right():
    rows = [["a", "0.5", "1 ± 0.2", "93 %", ""], ["b", "", "−2", "7 %", "x"]]
    reader = Reader(page.page("title", [page.Table("t", ["n", "f", "s", "p", "mixed"], rows)]))
    assert [each.get("class") for each in reader.all("th")] == [None, "number", "number", "number", None]


def test_paragraphs_are_parted_by_blank_lines():
    reader = Reader(page.page("title", [page.Text("one\nline\r\n\r\ntwo\n\n\n\nthree")]))
    assert [text for text in reader.texts if text.strip()][-3:] == ["one line", "two", "three"]


@pytest.mark.parametrize("name", ["a b.wav", "ä#1?.wav", "100%.wav", "a:b.wav", "http://host/a.wav", '"x".wav', "sub/folder/a.wav"])
def test_a_name_of_a_file_can_be_anything_that_lies_beside_the_page(name):
    address = Reader(page.page("t", [page.Player("p", some_patterns(1), name)])).all("audio")[0]["src"]
    parts = urlsplit(address)
    assert parts[:2] + parts[3:] == ("", "", "", "")
    assert unquote(parts.path) == name


@pytest.mark.parametrize("name", ["/etc/a.wav", "../a.wav", "a/../../b.wav", "//host/a.wav", "C:\\a.wav", "", "a.exe"])
def test_what_does_not_lie_beside_the_page_is_an_error(name):
    with pytest.raises(ValueError, match=r"beside the page|ends in \.wav"):
        page.page("t", [page.Player("p", some_patterns(1), name)])


def test_faulty_tables_and_players_are_errors():
    with pytest.raises(ValueError, match="expected 2 cells"):
        page.page("t", [page.Table("t", ["a", "b"], [["only one"]])])
    with pytest.raises(ValueError, match="one drum map and tempo"):
        page.page("t", [page.Player("p", [])])
    with pytest.raises(ValueError, match="one drum map and tempo"):
        page.page("t", [page.Player("p", [*some_patterns(1), *some_patterns(1, tempo_bpm=100)])])
    with pytest.raises(ValueError, match="one drum map and tempo"):
        page.page("t", [page.Player("p", [*some_patterns(1), Pattern.from_grid(np.zeros((64, 47)), drum_map=GM)])])


def test_clips_have_a_player_in_each_cell_that_has_a_sound():
    reader = Reader(page.page("t", [page.Clips("Heard", ["sound", "original", "made"], [("kick", ["a.wav", None])])]))
    assert [(each["src"], each["aria-label"]) for each in reader.all("audio")] == [("a.wav", "kick, original")]
    assert len(reader.all("td")) == 2
    with pytest.raises(ValueError, match="expected 3 cells in every row of the clips 'Heard', found others in 'kick'"):
        page.page("t", [page.Clips("Heard", ["sound", "original", "made"], [("kick", ["a.wav"])])])
    with pytest.raises(ValueError, match="beside the page"):
        page.page("t", [page.Clips("Heard", ["sound", "original"], [("kick", ["/a/b.wav"])])])


def test_a_page_that_cannot_be_made_leaves_the_old_one(tmp_path):
    path = tmp_path / "index.html"
    page.write_page(path, "title", every_section())
    before = path.read_bytes()
    assert before.decode() == page.page("title", every_section())
    with pytest.raises(ValueError, match="beside the page"):
        page.write_page(path, "title", [page.Picture("/a.png", "c")])
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


@pytest.mark.skipif(not (shutil.which("chromium") or shutil.which("google-chrome")), reason="no Chromium to open the page with")
def test_a_browser_runs_the_player_and_none_of_the_names(tmp_path):
    page.write_page(tmp_path / "index.html", HOSTILE, every_section(HOSTILE))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    dom = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--virtual-time-budget=2000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "index.html").as_uri()],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    reader = Reader(dom)
    assert len(reader.all("button")) == 3
    assert [each["aria-current"] for each in reader.all("button")] == ["true", "false", "false"]
    # The stage was drawn: a canvas that no script has touched has no size of its own.
    assert all(int(each["width"]) > 0 for each in reader.all("canvas"))
    assert f"1 / 3 · {HOSTILE} · {HOSTILE}" in reader.texts
