"""The listener's page is read back by Python's parser; its script runs in a browser where one is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from drumjax.studies import make, page
from drumjax.studies.answers import sheet
from drumjax.studies.key import Key, Settings, Sound

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp; <!-- -->"
SETTINGS = Settings(subjects=6, seed=2)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def key():
    identification, robot = make.sessions(SETTINGS)
    level = {"loudness_lufs": -23.0, "peak_dbfs": -3.0, "rms_dbfs": -24.0, "duration_s": 45.65}
    names = {name for session in identification for trial in session for name in (trial.first, trial.second)} | set(robot)
    sounds = {name: Sound(kind="segment", number=0, **level) for name in names}
    return Key(
        study="0123456789",
        version="0",
        settings=SETTINGS,
        genres=("idm", "electro", "techno"),
        models={},
        kits={},
        sounds=sounds,
        identification=identification,
        robot=robot,
    )


class Reader(HTMLParser):
    """Elements, scripts and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.scripts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in {"meta", "br", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data


def made(key, consent=page.CONSENT):
    return page.listener_page(page.page_data(key, make.orders(key.settings), consent))


def test_the_page_asks_for_nothing_from_elsewhere(key):
    text = made(key)
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|<link|<iframe|sendBeacon", text)
    policy = next(each["content"] for tag, each in Reader(text).elements if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        content = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)[-1]
        assert f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    assert " style=" not in text
    assert not re.search(r"<[^>]* on\w+=", text)


def test_hostile_words_stay_words(key):
    calm, hostile = Reader(made(key, ["x"])), Reader(made(key, [HOSTILE]))
    assert calm.elements == hostile.elements
    assert json.loads(hostile.scripts[0])["consent"] == [HOSTILE]


def test_the_script_writes_html_nowhere():
    script = (page._HERE / "listener.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)


def test_sessions_on_the_page_are_those_of_the_sheet(key):
    """The order of everything that is asked, rebuilt from the page's data alone."""
    data = json.loads(Reader(made(key)).scripts[0])
    rows = list(csv.DictReader(io.StringIO(sheet(key, make.orders(SETTINGS)))))
    asked = []
    for subject in range(1, data["subjects"] + 1):
        for each in data["experiments"]:
            if each["name"] == "identification":
                asked += [(" ".join(pair), "interpolation") for pair in each["pairs"][subject - 1]] + [("", "comment")]
            else:
                heard = each["sounds"][subject - 1] if "sounds" in each else ""
                asked += [(heard, each["facets"][i]["name"]) for i in each["orders"][subject - 1]] + [(heard, "comment")]
    assert asked == [(row["stimulus"], row["item"]) for row in rows]


def test_the_picture_of_the_difference_has_a_fading_and_a_changing_row(key):
    shapes = [each for tag, each in Reader(page.difference_picture()).elements if tag == "polygon"]
    fading = [each for each in shapes if each["fill-opacity"] != "1.00"]
    assert len(shapes) == 6 + 10
    assert len(fading) == 8
    assert len({each["points"] for each in shapes[10:]}) == 6


# Stands in for a listener: agrees, hears every sound at once, answers, and leaves the table in the page.
LISTENER = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const log = [];
  try {
    document.querySelector("input[type=checkbox]").click();
    document.querySelector("input[type=number]").value = "SUBJECT";
    document.querySelector("select").value = "EXPERIMENT";
    document.querySelector("form").requestSubmit();
    document.querySelector("button").click();
    for (let i = 0; i < 20 && !/Thank/.test(document.querySelector("h1").textContent); i += 1) {
      const area = document.querySelector("textarea");
      if (area) {
        area.value = '=1+1, "a"\\n<b>';
        document.querySelector("button").click();
        continue;
      }
      const next = document.querySelector("form button");
      const all = document.querySelector("fieldset");
      for (const audio of document.querySelectorAll("audio")) {
        if (i === 0 && !(next.disabled && all.disabled)) log.push("answered before hearing");
        // First only the end of it is heard, then the whole.
        for (const from of i === 0 ? [8, 0] : [0]) {
          Object.defineProperty(audio, "played", { configurable: true, value: { length: 1, start: () => from, end: () => 10 } });
          Object.defineProperty(audio, "duration", { configurable: true, value: 10 });
          audio.dispatchEvent(new Event("ended"));
          if (from && !all.disabled) log.push("a part was enough");
        }
      }
      if (!next.disabled) log.push("next without an answer");
      const choices = document.querySelectorAll("input[type=radio]");
      choices[i % choices.length].click();
      next.click();
      await wait(1);
    }
  } catch (error) {
    log.push(String(error));
  }
  const out = document.createElement("pre");
  out.id = "out";
  out.textContent = JSON.stringify({ log, table: document.querySelector("textarea.csv").value, kept: localStorage.length });
  document.body.append(out);
})();
"""


@pytest.mark.skipif(not BROWSER, reason="no Chromium to open the page with")
@pytest.mark.parametrize(("experiment", "subject"), [("identification", 2), ("robot", 3), ("task", 6)])
def test_a_browser_asks_everything_in_order_and_gives_a_table_that_is_read(key, tmp_path, experiment, subject):
    listener = LISTENER.replace("SUBJECT", str(subject)).replace("EXPERIMENT", experiment)
    # The page's own policy forbids other scripts than its own: this one is let in for the test.
    allowed = base64.b64encode(hashlib.sha256(listener.encode()).digest()).decode()
    text = (
        made(key)
        .replace("script-src '", f"script-src 'sha256-{allowed}' '")
        .replace("</body>", f"<script>{listener}</script></body>")
    )
    (tmp_path / "index.html").write_text(text)
    dom = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--virtual-time-budget=4000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "index.html").as_uri()],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    found = Reader(dom)
    out = json.loads(
        re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )
    assert found.elements
    assert out["log"] == []
    assert out["kept"] == 1
    rows = list(csv.DictReader(io.StringIO(out["table"], newline="")))
    asked = [
        row
        for row in csv.DictReader(io.StringIO(sheet(key, make.orders(SETTINGS)), newline=""))
        if (row["experiment"], row["subject"]) == (experiment, str(subject))
    ]
    given = ("answer", "plays", "seconds")
    assert [{**row, **dict.fromkeys(given, "")} for row in rows] == asked
    assert all(row["answer"] for row in rows)
    assert rows[-1]["answer"] == '\'=1+1, "a"\n<b>'
    answers = tmp_path / "answers.csv"
    answers.write_bytes(out["table"].encode())
    from drumjax.studies.answers import read_answers

    assert read_answers([answers], key).sessions[experiment] == (("0123456789", subject),)
