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
from drumjax.studies.key import EXPERIMENTS, Settings

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp; <!-- -->"
SETTINGS = Settings(subjects=6, seed=2, experiments=(*EXPERIMENTS, "grooves"))
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def key(key_of):
    return key_of(SETTINGS)


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
            elif each["name"] == "grooves":
                asked += [(" ".join(one["sounds"]), one["item"]) for one in each["trials"][subject - 1]] + [("", "comment")]
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


# Stands in for a listener's hands: it hears sounds without playing them, and leaves what it saw in the page.
HANDS = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const log = [];
const note = (text) => { if (!log.includes(text)) log.push(text); };
const $ = (selector) => document.querySelector(selector);
const begin = (subject, experiment) => {
  $("input[type=checkbox]").click();
  $("input[type=number]").value = subject;
  $("select").value = experiment;
  $("form").requestSubmit();
  $("button").click();
};
// A sound of ten seconds, heard from somewhere to its end.
const listen = (audio, from) => {
  const be = (name, value) => Object.defineProperty(audio, name, { configurable: true, value });
  be("duration", 10);
  be("played", { length: 1, start: () => 0, end: () => 10 });
  be("currentTime", from);
  audio.dispatchEvent(new Event("seeking"));
  for (let time = from; time <= 10; time += 0.25) {
    be("currentTime", time);
    audio.dispatchEvent(new Event("timeupdate"));
  }
  audio.dispatchEvent(new Event("ended"));
};
const hear = () => document.querySelectorAll("audio").forEach((audio) => listen(audio, 0));
const answer = (which) => {
  const choices = document.querySelectorAll("input[type=radio]");
  choices[which % choices.length].click();
  $("form button").click();
};
// The page's script begins anew, with what the browser has kept: a navigation would race against the browser's virtual time.
const reload = () => {
  const again = document.createElement("script");
  again.textContent = `{${[...document.scripts].find((each) => each.textContent.startsWith('"use strict"')).textContent}}`;
  document.body.append(again);
};
const leave = (found) => {
  const out = document.createElement("pre");
  out.id = "out";
  out.textContent = JSON.stringify({ log, ...found });
  document.body.append(out);
};
"""
LISTENER = """
(async () => {
  try {
    begin("SUBJECT", "EXPERIMENT");
    for (let i = 0; i < 30 && !/Thank/.test($("h1").textContent); i += 1) {
      if ($("textarea")) {
        $("textarea").value = '=1+1, "a"\\n<b>';
        $("button").click();
        continue;
      }
      const next = $("form button");
      const all = $("fieldset");
      if (i === 0 && $("audio")) {
        if (!(next.disabled && all.disabled)) note("answered before hearing");
        document.querySelectorAll("audio").forEach((audio) => listen(audio, 8));
        if (!all.disabled) note("a part was enough");
      }
      hear();
      // Sought to its end after it was heard: no second time.
      document.querySelectorAll("audio").forEach((audio) => listen(audio, 8));
      if (!next.disabled) note("next without an answer");
      answer(i);
      await wait(1);
    }
  } catch (error) {
    note(String(error));
  }
  leave({ table: $("textarea.csv").value, kept: localStorage.length });
})();
"""


def browse(key, folder, script, before=""):
    """What `script` leaves of the page in a browser; `before` runs before the page's own script."""
    scripts = [before, HANDS + script, f"{{{(page._HERE / 'listener.js').read_text()}}}"]
    # The page's own policy forbids other scripts than its own: these are let in for the test.
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts)
    text = made(key).replace("script-src '", f"script-src {allowed} '")
    text = text.replace("<main>", f"<script>{scripts[0]}</script><main>").replace(
        "</body>", f"<script>{scripts[1]}</script></body>"
    )
    (folder / "index.html").write_text(text)
    dom = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--virtual-time-budget=8000",
         f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "index.html").as_uri()],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    assert Reader(dom).elements
    out = re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)[1]
    return json.loads(out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


in_a_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium to open the page with")


@in_a_browser
@pytest.mark.parametrize(("experiment", "subject"), [("identification", 2), ("robot", 3), ("task", 6), ("grooves", 5)])
def test_a_browser_asks_everything_in_order_and_gives_a_table_that_is_read(key, tmp_path, experiment, subject):
    out = browse(key, tmp_path, LISTENER.replace("SUBJECT", str(subject)).replace("EXPERIMENT", experiment))
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
    # Once a pair; the drummer of all six questions once more for each; the task has no sounds.
    plays = {"identification": ["1"] * 7, "robot": list("123456"), "task": [""] * 9, "grooves": ["1"] * 20}[experiment]
    assert [row["plays"] for row in rows[:-1]] == plays
    answers = tmp_path / "answers.csv"
    answers.write_bytes(out["table"].encode())
    from drumjax.studies.answers import read_answers

    assert read_answers([answers], key).sessions[experiment] == (("0123456789", subject),)


RELOADING = """
(async () => {
  begin("1", "task");
  await wait(1500);
  reload();
  $("button").click();
  for (let i = 0; i < 9; i += 1) answer(i);
  $("textarea").value = "half a sent";
  $("textarea").dispatchEvent(new Event("input"));
  reload();
  const asked = $("h1").textContent;
  $("button").click();
  const comment = $("textarea").value;
  $("button").click();
  leave({ asked, comment, table: $("textarea.csv").value });
})();
"""


@in_a_browser
def test_a_reload_keeps_the_time_since_first_sight_and_a_comment_half_written(key, tmp_path):
    out = browse(key, tmp_path, RELOADING)
    rows = list(csv.DictReader(io.StringIO(out["table"], newline="")))
    assert out["asked"] == "Welcome back"
    assert 1.5 <= float(rows[0]["seconds"]) < 60
    assert all(float(row["seconds"]) < 1.5 for row in rows[1:9])
    assert out["comment"] == rows[-1]["answer"] == "half a sent"


FORGETFUL = "Storage.prototype.setItem = () => { throw new Error('denied'); };"
GUARDED = """
const guarded = () => {
  const leaving = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leaving);
  return leaving.defaultPrevented;
};
const seen = [guarded()];
begin("1", "task");
seen.push(guarded());
for (let i = 0; i < 9; i += 1) answer(i);
$("button").click();
seen.push(guarded());
$("a.button").addEventListener("click", (event) => event.preventDefault());
$("a.button").click();
seen.push(guarded());
leave({ seen });
"""


@in_a_browser
@pytest.mark.parametrize(("before", "seen"), [(FORGETFUL, [False, True, True, False]), ("", [False] * 4)])
def test_closing_the_page_is_guarded_where_it_would_lose_answers(key, tmp_path, before, seen):
    assert browse(key, tmp_path, GUARDED, before)["seen"] == seen


ERASING = """
const asked = [];
let say = true;
window.confirm = (text) => { asked.push(text); return say && asked.length < 3; };
begin("4", "task");
for (let i = 0; i < 9; i += 1) answer(i);
$("button").click();
const next = () => document.querySelector("button.quiet").click();
say = false;
next();
const refused = [asked.splice(0), localStorage.length];
if (SAVED) {
  $("a.button").addEventListener("click", (event) => event.preventDefault());
  $("a.button").click();
}
say = true;
next();
leave({ refused, asked, kept: localStorage.length });
"""


@in_a_browser
@pytest.mark.parametrize("saved", [False, True])
def test_answers_that_were_never_saved_are_erased_only_after_a_warning_of_the_loss(key, tmp_path, saved):
    out = browse(key, tmp_path, ERASING.replace("SAVED", str(saved).lower()))
    (warning,), kept = out["refused"]
    assert "never clicked" in warning
    assert "all answers of listener 4 are lost for good" in warning
    assert kept == 1
    assert len(out["asked"]) == (1 if saved else 2)
    assert ("never clicked" in out["asked"][0]) == (not saved)
    assert out["kept"] == 0
