"""One page of HTML that needs no network: text, tables, pictures, sound, and patterns that are seen while they are heard.

The page refers to files beside it (or holds pictures itself) and to nothing else: style and script stand in it, and its content
security policy forbids all others. Every text that is put in is escaped, so names from files can be anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

from drumjax.patterns import STEPS_PER_QUARTER, Pattern

_HERE = Path(__file__).parent
_IMAGE_ENDINGS = (".png", ".svg", ".jpg", ".jpeg")
_SOUND_ENDINGS = (".wav", ".flac")


class Text(NamedTuple):
    """Paragraphs; a blank line parts them."""

    text: str
    title: str = ""


class Table(NamedTuple):
    """A table.

    Attributes:
      title: above it.
      columns: their headings.
      rows: one cell a column; columns whose cells are all numbers (or empty) are set flush right.
      note: beneath it.
      folded: only the title is seen until a reader opens it; for what is long.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""
    folded: bool = False


class Picture(NamedTuple):
    """A picture.

    Attributes:
      source: a file beside the page, as a path relative to it; or, to hold the picture in the page itself, its bytes as PNG.
      caption: beneath it, and read out to those who do not see it.
      title: above it.
    """

    source: str | bytes
    caption: str
    title: str = ""


class Player(NamedTuple):
    """Patterns that are played one after another: the one that sounds is shown large, its playhead follows the sound.

    Attributes:
      title: above it.
      patterns: at least one, of one drum map and tempo; the sound begins with the first one's step 0. Each name stands above its
        pattern ("measure 3" where there is none).
      audio: the sound, a file beside the page, as a path relative to it; None for patterns to look at only.
      files: files beside the page to take away, as (path relative to the page, what it is).
      text: between title and player.
    """

    title: str
    patterns: Sequence[Pattern]
    audio: str | None = None
    files: Sequence[tuple[str, str]] = ()
    text: str = ""


class Clips(NamedTuple):
    """Sounds to compare: a table with a player in each cell.

    Attributes:
      title: above it.
      columns: their headings, the first one's over the names.
      rows: the name of each row, and for every other column a sound, a file beside the page as a path relative to it, or None.
      note: beneath it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str | None]]]
    note: str = ""


Section = Text | Table | Picture | Player | Clips


def page(title: str, sections: Sequence[Section]) -> str:
    """A whole page.

    Args:
      title: of the page.
      sections: what stands on it, from the top.

    Raises:
      ValueError: for a reference to anything but a file beside the page or below, for a row with too many or too few cells, or for
        a player without patterns or with patterns of several drum maps or tempi.
    """
    body = ["<main>", f"<h1>{escape(title)}</h1>", *[_section(section) for section in sections], "</main>"]
    return document(title, body, _HERE / "page.css", _HERE / "page.js", ["img-src 'self' file: data:", "media-src 'self' file:"])


def document(title: str, body: Sequence[str], style: Path, script: Path, policy: Sequence[str]) -> str:
    """HTML that holds its style and its script, and whose content security policy lets no others in.

    Args:
      title: of the document.
      body: its HTML, line by line.
      style: the style sheet that goes into its head.
      script: the script that goes after the body.
      policy: what the policy allows beside them, as directives.
    """
    css, js = (path.read_text(encoding="utf-8") for path in (style, script))
    own = (f"style-src '{_fingerprint(css)}'", f"script-src '{_fingerprint(js)}'")
    allowed = "; ".join(("default-src 'none'", *policy, *own, "form-action 'none'", "base-uri 'none'"))
    # Built by hand: a template engine would be a dependency for thirty lines, and what is escaped is plain to see here.
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>{css}</style>",
            "</head>",
            "<body>",
            *body,
            f"<script>{js}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def write_page(path: str | os.PathLike[str], title: str, sections: Sequence[Section]) -> None:
    """Writes `page(title, sections)`; a file that stood there is replaced whole or not at all.

    Raises:
      ValueError: as `page`.
      OSError: when the folder cannot be written.
    """
    path = Path(path)
    text = page(title, sections)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)


def _section(section: Section) -> str:
    match section:
        case Text(text, title):
            body = _paragraphs(text)
        case Table(title=title):
            body = _table(section)
        case Picture(source, caption, title):
            if isinstance(source, bytes):
                address = f"data:image/png;base64,{base64.b64encode(source).decode()}"
                shown = f'<div class="picture"><img src="{address}" alt="{escape(caption)}"></div>'
            else:
                # Wide pictures are small on a page: a click shows the file itself.
                address = _reference(source, _IMAGE_ENDINGS)
                shown = f'<a class="picture" href="{address}"><img src="{address}" alt="{escape(caption)}"></a>'
            body = f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>"
        case Player(title=title):
            body = _player(section)
        case Clips(title=title):
            body = _clips(section)
    if isinstance(section, Table) and section.folded:
        return f"<section><details><summary><h2>{escape(title)}</h2></summary>{body}</details></section>"
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return f"<section>{heading}{body}</section>"


def _paragraphs(text: str) -> str:
    parts = (" ".join(part.split()) for part in text.replace("\r\n", "\n").split("\n\n"))
    return "".join(f"<p>{escape(part)}</p>" for part in parts if part)


def _table(table: Table) -> str:
    if uneven := [row for row in table.rows if len(row) != len(table.columns)]:
        raise ValueError(f"expected {len(table.columns)} cells in every row of the table {table.title!r}, found {uneven[0]}")
    cells = [[str(cell) for cell in row] for row in table.rows]
    classes = [
        ' class="number"' if any(row[i] for row in cells) and all(_is_number(row[i]) for row in cells) else ""
        for i in range(len(table.columns))
    ]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(table.columns, classes, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, classes, strict=True)) + "</tr>"
        for row in cells
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}'


def _clips(clips: Clips) -> str:
    if uneven := [name for name, sounds in clips.rows if 1 + len(sounds) != len(clips.columns)]:
        raise ValueError(
            f"expected {len(clips.columns)} cells in every row of the clips {clips.title!r}, found others in {uneven[0]!r}"
        )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in clips.columns)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f"<td>{_sound(source, f'{name}, {column}') if source is not None else ''}</td>"
            for source, column in zip(sounds, clips.columns[1:], strict=True)
        )
        + "</tr>"
        for name, sounds in clips.rows
    )
    note = f'<p class="note">{escape(clips.note)}</p>' if clips.note else ""
    return f'<div class="scroll"><table class="clips"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}'


def _is_number(cell: str) -> bool:
    """A number, with a sign, a unit of percent or a spread; or nothing."""
    parts = cell.replace("−", "-").replace("%", "").split("±")
    try:
        return not cell or bool([float(part) for part in parts])
    except ValueError:
        return False


def _sound(source: str, label: str) -> str:
    return f'<audio controls preload="metadata" src="{_reference(source, _SOUND_ENDINGS)}" aria-label="{escape(label)}"></audio>'


def _links(files: Sequence[tuple[str, str]]) -> str:
    items = (f'<li><a href="{_reference(path)}" download>{escape(label)}</a></li>' for path, label in files)
    return f'<ul class="files">{"".join(items)}</ul>'


def _player(player: Player) -> str:
    patterns = player.patterns
    if not patterns or len({(pattern.drum_map, pattern.tempo_bpm) for pattern in patterns}) != 1:
        raise ValueError(f"expected at least one pattern, all of one drum map and tempo, for the player {player.title!r}")
    data = {
        "step_s": patterns[0].step_s,
        "lanes": patterns[0].drum_map.lanes,
        "measures": [_measure(pattern, number) for number, pattern in enumerate(patterns, 1)],
    }
    # Inside a script element only a closing tag or a comment could end it, and both begin with "<".
    content = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return "".join(
        [
            _paragraphs(player.text),
            '<div class="player">',
            f'<script type="application/json">{content}</script>',
            '<p class="now" aria-live="polite"></p>',
            f'<canvas class="stage" role="img" aria-label="{escape(player.title)}: the pattern that is played"></canvas>',
            _sound(player.audio, player.title) if player.audio is not None else "",
            '<div class="measures"></div>',
            "</div>",
            "<noscript><p>The moving picture needs scripts; the sound does not.</p></noscript>",
            _links(player.files) if player.files else "",
        ]
    )


def _measure(pattern: Pattern, number: int) -> dict[str, Any]:
    beat = 4 * STEPS_PER_QUARTER // pattern.metre[1]
    return {
        "name": pattern.name or f"measure {number}",
        "genre": pattern.genre,
        "steps": pattern.steps,
        "beat": beat,
        "bar": beat * pattern.metre[0],
        # Time in steps, lane, MIDI velocity.
        "hits": [
            [round(step + 0.5 * float(pattern.offset[step, lane]), 3), lane, round(127 * float(pattern.velocity[step, lane]))]
            for step in range(pattern.steps)
            for lane in range(pattern.lanes)
            if pattern.hits[step, lane]
        ],
    }


def _reference(path: str, endings: Sequence[str] = ()) -> str:
    """A path beside the page as the value of an attribute.

    Raises:
      ValueError: for an absolute path, one that leaves the page's folder, an address with a scheme, or another ending.
    """
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise ValueError(f"expected a file beside the page, as a relative path with forward strokes, found {path!r}")
    if endings and pure.suffix.lower() not in endings:
        raise ValueError(f"expected a file that ends in {', '.join(endings)}, found {path!r}")
    # A colon in the first part would make it a scheme; quoted, as all but letters, digits and a few signs, it cannot.
    return escape(quote(path))


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
