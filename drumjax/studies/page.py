"""The listener's page: one file of HTML that works from a folder without a network and saves the answers as CSV.

It refers to the sounds beside it and to nothing else: style, script and questions stand in it, and its content security policy
forbids all others. Who hears what, and every word on the page that belongs to the study, is decided here; the script shows it.
Nothing on the page says which sound is what: a listener who is determined to know could compare the sounds' samples, or make the
study again with the library.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from drumjax.serve.page import document
from drumjax.studies.answers import COLUMNS, MOST_COMMENT
from drumjax.studies.key import HUMAN_OR_AI, PREFERENCE, Key
from drumjax.studies.questionnaires import QUESTIONNAIRES

_HERE = Path(__file__).parent

TITLE = "Listening study"
CONSENT = (
    "This study is about drum patterns, and what a computer program makes of them. You take part of your own free will, and may "
    "stop at any moment without giving a reason.",
    "Your number, your answers and the time that each took are saved in a file that you hand over yourself. Your name is not asked "
    "for, and nothing leaves this computer by itself.",
    "Please use good headphones or loudspeakers, and choose a comfortable volume with the first sound.",
)
"""What a listener agrees to, unless the experimenter has words of their own."""

_TEXTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "identification": (
        "Interpolation or crossfade?",
        "Which of the two is the interpolation?",
        (
            "You will hear pairs of transitions between drum patterns. One of the two is a crossfade: the first pattern grows "
            "softer while the second grows louder. The other is an interpolation: at every step a new pattern is made, on the way "
            "from the first to the second.",
            "In some pairs both lead from the same pattern to the same pattern, in others they do not. Listen to both to the end, "
            "as often as you like, then say which one is the interpolation.",
            "There is one pair to practise, and six more. You will not be told whether an answer was right.",
        ),
    ),
    "task": (
        "A tool for transitions",
        "Where between these two words would you place the tool and what it made?",
        (
            "Before these questions, make a transition of your own with the tool: choose a start and a goal pattern and a length, "
            "listen to what comes, and change it until you like it or give up. The experimenter shows you how.",
            "Then rate the process and its result. Each of the nine questions is a scale of seven points between two words.",
        ),
    ),
    "robot": (
        "A drummer",
        "Where between these two words would you place the drummer?",
        (
            "You will hear an improvisation by an algorithmic drummer. Listen to it to the end, as often as you like.",
            "Then rate the drummer. Each of the six questions is a scale of five points between two words.",
        ),
    ),
    "grooves": (
        "Human or AI?",
        "",
        (
            "You will hear grooves of two bars, each played twice. Some were played by people on a drum kit, some were made by a "
            "computer program; all are heard with the same drum sounds.",
            "In ten questions you hear one groove and say who plays it. In ten more you hear a simple beat and two grooves on it, "
            "and say which of the two you prefer.",
            "Listen to every sound to its end, as often as you like. You will not be told whether an answer was right.",
        ),
    ),
}
"""By experiment its title, the question, and what a listener is told before."""


QUESTIONS: Mapping[str, Mapping[str, Any]] = {
    HUMAN_OR_AI: {
        "legend": "Who plays this groove?",
        "sounds": ["The groove"],
        "choices": [["human", "A person"], ["ai", "A computer program (AI)"]],
    },
    PREFERENCE: {
        "legend": "Which of the two grooves do you prefer?",
        "sounds": ["The simple beat", "First", "Second"],
        "choices": [["first", "The first"], ["second", "The second"]],
    },
}
"""On grooves, by type: the question, the sounds' labels, the answers and their words."""


def page_data(key: Key, orders: Mapping[str, Sequence[Sequence[str]]], consent: Sequence[str] = CONSENT) -> dict[str, Any]:
    """What the page's script is given, JSON-like: every session in its order, nothing of the key.

    Args:
      key: the study's.
      orders: by experiment ("task", "robot") the order of the facets for each listener.
      consent: paragraphs of the first screen.
    """
    experiments = []
    for name in key.settings.experiments:
        title, question, text = _TEXTS[name]
        told: dict[str, Any] = {"name": name, "title": title, "question": question, "text": text}
        if name == "identification":
            told["pairs"] = [[[trial.first, trial.second] for trial in session] for session in key.identification]
        elif name == "grooves":
            told["questions"] = QUESTIONS
            told["trials"] = [[{"item": each.question, "sounds": each.sounds} for each in session] for session in key.grooves]
        else:
            asked = QUESTIONNAIRES[name]
            index = {facet.name: i for i, facet in enumerate(asked.facets)}
            told["points"] = asked.points
            told["facets"] = [{"name": facet.name, "low": facet.low, "high": facet.high} for facet in asked.facets]
            told["orders"] = [[index[facet] for facet in order] for order in orders[name]]
            if name == "robot":
                told["sounds"] = key.robot
        experiments.append(told)
    return {
        "study": key.study,
        "title": TITLE,
        "subjects": key.settings.subjects,
        "columns": COLUMNS,
        "most_comment": MOST_COMMENT,
        "consent": list(consent),
        "experiments": experiments,
    }


def listener_page(data: Mapping[str, Any]) -> str:
    """The page around `page_data`."""
    # Inside a script element only a closing tag or a comment could end it, and both begin with "<".
    content = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    body = [
        "<main><noscript><p>This page needs scripts: please allow them for it.</p></noscript></main>",
        f'<template id="difference">{difference_picture()}</template>',
        f'<script type="application/json" id="study">{content}</script>',
    ]
    return document(str(data["title"]), body, _HERE / "listener.css", _HERE / "listener.js", ["media-src 'self' file:"])


def difference_picture(frames: int = 6) -> str:
    """The difference between a crossfade and an interpolation for the eye, as a figure: a disc on its way to a star.

    The paper shows an animation of two handwritten digits (Fig. 4); ours stands still and shows all steps at once.
    """
    fractions = [i / (frames - 1) for i in range(frames)]
    faded = [_shape(i, 0, 0.0, 1 - mu) + _shape(i, 0, 1.0, mu) for i, mu in enumerate(fractions)]
    made = [_shape(i, 1, mu, 1.0) for i, mu in enumerate(fractions)]
    words = "".join(
        f'<text x="0" y="{y}" font-size="15" fill="currentColor">{word}</text>'
        for y, word in ((18, "Crossfade"), (138, "Interpolation"))
    )
    said = (
        "Above, the crossfade: the disc fades out while the star fades in, both in one place. Below, the interpolation: every "
        "shape between them is new."
    )
    picture = f'<svg viewBox="0 0 {100 * frames} 240" role="img" aria-label="{escape(said)}">{words}{"".join(faded + made)}</svg>'
    return f"<figure>{picture}<figcaption>{escape(said)}</figcaption></figure>"


def _shape(column: int, row: int, mu: float, opacity: float) -> str:
    """A disc (mu = 0), a star (1) or a shape between them."""
    points = []
    for i in range(100):
        turn = 2 * math.pi * i / 100
        # The straight edges of a star of five points, from the middle: a triangle wave in 1 / r.
        wave = abs((5 * i / 100) % 1 - 0.5) * 2
        star = 1 / (1 / 42 + (1 / 18 - 1 / 42) * (1 - wave))
        radius = (1 - mu) * 34 + mu * star
        points.append(f"{100 * column + 50 + radius * math.sin(turn):.1f},{120 * row + 72 - radius * math.cos(turn):.1f}")
    return f'<polygon points="{" ".join(points)}" fill="currentColor" fill-opacity="{opacity:.2f}"/>' if opacity else ""
