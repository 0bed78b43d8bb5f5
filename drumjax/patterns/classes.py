"""Which drum a name or a MIDI key stands for: the classes of one-shots, and the one table of drum names that everything reads.

The table tells more drums apart than there are classes (a low tom from a high one): kits choose voices by it, data sets classes.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from types import MappingProxyType
from typing import NamedTuple

from drumjax.boundary import InputError, read_csv

CLASSES = ("kick", "clap", "snare", "hihat_open", "hihat_closed", "tambourine", "conga", "bongo", "shaker", "snap", "tom")
"""The 11 classes of the Neural Drum Machine (section 5.1), in its order."""
FURTHER_CLASSES = ("rim", "cowbell", "cymbal")
"""Ours, for the drums of a drum machine that the paper leaves out."""
ALL_CLASSES = CLASSES + FURTHER_CLASSES

ClassTable = Sequence[tuple[str, str]]
"""A user's own words for drums: pairs of a pattern and a class, "-" for no class; see `load_class_table`."""
NO_CLASS = "-"

_HAT = r"(?:hh|(?:hi ?)?hats?)"
_HOW_OPEN = re.compile(r"(?:(?:half|semi) )?(?:open(?:ed)?|closed?|pedal|foot|tight)s?")
"""Folders that hats are sorted into: "Hats/Open", "Open/HH"."""


class Drum(NamedTuple):
    """A drum that names tell apart.

    Attributes:
      name: ours.
      label: its class, None for a drum of none.
      expression: what names it, searched for in lower-case words with everything but letters as a blank.
    """

    name: str
    label: str | None
    expression: str


DRUMS = (
    # Before the hats: of a tom or conga "hh" is the highest of several.
    Drum("tom_low", "tom", r"\b(low? ?toms?|floor ?toms?|toms? (l|ll|lo|low|floor))\b"),
    Drum("tom_high", "tom", r"\b(hi(gh)? ?toms?|toms? (h|hh|hi|high))\b"),
    Drum("tom", "tom", r"\b((mid|rack|tom) ?toms?|toms?)\b"),
    Drum("conga_low", "conga", r"\b(congas? (l|ll|lo|low)|(muted ?)?low ?congas?)\b"),
    Drum("conga_high", "conga", r"\b(congas? (h|hh|hi|high)|hi(gh)? ?congas?)\b"),
    Drum("conga", "conga", r"\b((muted ?)?congas?)\b"),
    Drum("bongo_low", "bongo", r"\b(bongos? (l|ll|lo|low)|low ?bongos?)\b"),
    Drum("bongo_high", "bongo", r"\b(bongos? (h|hh|hi|high)|hi(gh)? ?bongos?)\b"),
    Drum("bongo", "bongo", r"\b(bongos?)\b"),
    Drum("hihat_open", "hihat_open", r"\b(oh|ohh|hho|oph|ohats?|openhats?|openhh|ophats?|openhihats?|hihatopen|hatopen|hhopen)\b"),
    Drum("hihat_open", "hihat_open", rf"\bopen(ed)?\b.*\b{_HAT}\b|\b{_HAT}\b.*\bopen(ed)?\b|\b(o|op) {_HAT}\b|\b{_HAT} (o|op)\b"),
    Drum(
        "hihat_closed",
        "hihat_closed",
        r"\b(ch|chh|hhc|closedhats?|closedhh|closedhihats?|hihatclosed|hatclosed|hhclosed?|clhats?)\b",
    ),
    Drum("hihat_closed", "hihat_closed", rf"\b(closed|pedal)\b.*\b{_HAT}\b|\b{_HAT}\b.*\b(closed|pedal)\b"),
    Drum("hihat", "hihat_closed", rf"\b{_HAT}\b"),
    Drum("rim", "rim", r"\b(rs|rims?|rim ?(shot|click)s?|side ?sticks?|cross ?sticks?|sticks?)\b"),
    Drum("cowbell", "cowbell", r"\b(cb|cow ?bells?|cowb|agogos?)\b"),
    Drum("clap", "clap", r"\b(cp|claps?|(hand|finger) ?claps?)\b"),
    Drum("snare", "snare", r"\b(sd|sn|snr|snares?( ?drums?)?)\b"),
    Drum("kick", "kick", r"\b(bd|kd|kicks?( ?drums?)?|kik|(b|bass) ?drums?)\b"),
    Drum("ride", "cymbal", r"\b(rd|rides?)\b"),
    Drum("cymbal", "cymbal", r"\b(cy|crash(es)?|cymbals?|china|splash)\b"),
    Drum("claves", None, r"\b(cl|claves?|wood ?blocks?)\b"),
    Drum("shaker", "shaker", r"\b(ma|maracas?|(egg ?)?shakers?|cabasas?)\b"),
    Drum("tambourine", "tambourine", r"\b(tamb|tamb?o?u?rines?)\b"),
    # Last, for "snap" is also what people call a hard kick or snare.
    Drum("snap", "snap", r"\b(snaps?|(finger|pinky) ?snaps?)\b"),
)
"""What a name says it is, the first line that fits."""
CODES = (
    Drum("tom_low", "tom", r"\blt\b"),
    Drum("tom", "tom", r"\bmt\b"),
    Drum("tom_high", "tom", r"\bht\b"),
    Drum("conga_low", "conga", r"\blc\b"),
    Drum("conga", "conga", r"\bmc\b"),
    Drum("conga_high", "conga", r"\bhc\b"),
)
"""Roland's short names, which others give to other drums ("hc" to a closed hat): read when neither name nor folder says more."""
_VAGUE = frozenset(("hihat", "cymbal"))
"""What a folder may be called whose files are told apart by their names: "Hats/open 1.wav", "Cymbals/Open Hat.wav"."""

_PITCHES = {
    "kick": (35, 36),
    "snare": (38, 40),
    "clap": (39,),
    "hihat_closed": (22, 42, 44),
    "hihat_open": (26, 46),
    "tom": (41, 43, 45, 47, 48, 50, 65, 66),
    "cymbal": (49, 51, 52, 53, 55, 57, 59),
    "rim": (37,),
    "tambourine": (54,),
    "cowbell": (56, 67, 68),
    "bongo": (60, 61),
    "conga": (62, 63, 64),
    "shaker": (69, 70, 82),
}
CLASS_OF_PITCH = MappingProxyType({pitch: label for label, pitches in _PITCHES.items() for pitch in pitches})
"""The class of each General MIDI percussion key; 22 and 26 are the edges of electronic hats, 65 to 68 timbales and agogos, the
nearest there is. No class comes near claves and wood blocks (75 to 77), whistles, guiros, cuicas, triangles and the vibraslap."""


def words(text: str) -> str:
    """A name as lower-case words with single blanks, without digits and marks: `ClosedHH_02` → "closed hh"."""
    return " ".join(re.findall("[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()))


def spoken_drums(names: Iterable[str]) -> Iterator[Drum]:
    """The drums that names may stand for, the likeliest first: what the names say, the first name first, then Roland's codes.

    Args:
      names: what a file is called, then the folders above it, the nearest first.
    """
    texts = [words(name) for name in names]
    for table in (DRUMS, CODES):
        for text in texts:
            yield from (drum for drum in table if _search(drum.expression, text))


@functools.lru_cache(maxsize=4096)
def _search(expression: str, text: str) -> bool:
    return re.search(expression, text) is not None


def class_of_name(text: str, table: ClassTable | None = None) -> str | None:
    """The class that a file's or folder's name says, None where it says none.

    The user's table comes first, then a class's own name, then our table.

    Args:
      text: a name without its ending, or a path, of which the last part counts: "BD 909", "hat-closed", "kit/Snare_01".
      table: the user's words, see `load_class_table`.
    """
    name = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return class_of_names([name], table)


def class_of_names(names: Sequence[str], table: ClassTable | None = None) -> str | None:
    """The class of a file, by its name and those of the folders above it.

    In this order (our decision): the user's table; a folder whose whole name is a class's or a drum's ("hihat_open", "Kicks"), the
    nearest first; the file's name; whatever else the folders' names say. Packs are sorted into folders with more care than files
    are named: "Snares/Clap Layer.wav" is a snare. A folder of "Hats" or "Cymbals" leaves it to the name which ("Hats/open 1.wav"),
    and of a hat a folder may say no more than that it is open ("Hats/Open/1.wav", "Open/HH 1.wav").

    Args:
      names: what the file is called, without its ending, then the folders above it, the nearest first.
      table: the user's words.
    """
    if stated := stated_class(names, table or ()):
        return None if stated == NO_CLASS else stated
    how_open = " ".join(text for text in map(words, reversed(names[1:])) if _HOW_OPEN.fullmatch(text))
    for folder in names[1:]:
        if own := _own_name(folder):
            return own
        text = words(folder)
        said = next((drum for drum in DRUMS if re.fullmatch(drum.expression, text)), None)
        if said and said.name in _VAGUE:
            said = next(spoken_drums([f"{folder} {names[0]}"]))
        if said:
            return _opened(said, how_open).label
    if own := _own_name(names[0]):
        return own
    first = next(spoken_drums(names), None)
    return _opened(first, how_open).label if first else None


def _opened(drum: Drum, how_open: str) -> Drum:
    """Of a hat of which nothing says that it is open or closed: what the folders around it say."""
    return next(spoken_drums([f"{how_open} hat"])) if drum.name == "hihat" else drum


def stated_class(names: Sequence[str], table: ClassTable) -> str | None:
    """What the user's words alone say of a file: a class, "-" for none, or None where they say nothing; see `class_of_names`."""
    return next((label for name in names for pattern, label in table if _fits(pattern, name)), None)


def _own_name(name: str) -> str | None:
    plain = re.sub(r"[\s_.-]+", "_", name.strip().casefold())
    return plain if plain in ALL_CLASSES else None


def _fits(pattern: str, name: str) -> bool:
    if fnmatch.fnmatchcase(name.casefold(), pattern.casefold()):
        return True
    spoken = words(pattern)
    return bool(spoken) and "*" not in pattern and f" {spoken} " in f" {words(name)} "


def load_class_table(path: str | PathLike[str]) -> tuple[tuple[str, str], ...]:
    """A user's words for drums, from a CSV file with the columns `pattern` and `class`.

    A pattern is a word or words that stand in a name ("bassdrum", "side stick"), or the whole name with `*` and `?` for what varies
    ("ks_*"); case does not matter. The class is one of `ALL_CLASSES` or a name for one of them ("BD"), a class of the user's own,
    or "-" for files to be left out. The first line that fits counts.

    Raises:
      InputError: the file is no such table, or an entry is empty or no name for a class.
    """
    rows = read_csv(path)
    if not rows or not {"pattern", "class"} <= set(rows[0]):
        found = f"the columns {', '.join(list(rows[0])[:8])}" if rows else "no rows"
        raise InputError(path, rule="columns pattern and class", found=found, remedy="write pattern,class into the first line")
    table = []
    for row in rows:
        pattern, label = row["pattern"].strip(), row["class"].strip()
        named = NO_CLASS if label == NO_CLASS else class_label(label)
        if not pattern or named is None:
            raise InputError(
                path,
                rule="a pattern and a class in every line, the class in letters, digits, '_' and '-'",
                found=f"{pattern!r},{label!r}",
                remedy=f"complete the line; classes are {', '.join(ALL_CLASSES)}, or '-' for none",
            )
        table.append((pattern, named))
    return tuple(table)


def class_label(text: str) -> str | None:
    """A class as somebody wrote it: "Hi-Hat Open" → "hihat_open", "BD" → "kick".

    What our table does not know whole is a class of the writer's own, in lower case; None for what cannot be a class's name.

    >>> class_label("Snares"), class_label("glass bell"), class_label("?")
    ('snare', 'glass_bell', None)
    """
    if own := _own_name(text):
        return own
    spoken = words(text)
    for drum in (*DRUMS, *CODES):
        if drum.label and re.fullmatch(drum.expression, spoken) and not re.search(r"\d", text):
            return drum.label
    plain = re.sub(r"[\s.]+", "_", text.strip().casefold())
    return plain if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", plain) else None


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Classes, each once, in the order of `ALL_CLASSES`; behind them those of the user's own in the alphabet's."""
    return tuple(
        sorted(set(labels), key=lambda label: (ALL_CLASSES.index(label) if label in ALL_CLASSES else len(ALL_CLASSES), label))
    )
