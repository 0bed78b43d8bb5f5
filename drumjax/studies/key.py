"""The key of a study: what was asked for, what each sound is, and who hears what. It stays with the experimenter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Literal

from drumjax.boundary import InputError, read_json, write_bytes
from drumjax.configs import dump_config, parse_config
from drumjax.patterns import MEASURE_STEPS
from drumjax.provenance import MOST_SEED
from drumjax.studies.design import GENRES, GROOVES, GROOVES_EACH, MOST_SUBJECTS, SEGMENTS
from drumjax.studies.stimuli import BAR_STEPS, LOUDNESS_LUFS, Ends, Path, duration_s

Experiment = Literal["identification", "task", "robot", "grooves"]
EXPERIMENTS: tuple[Experiment, ...] = ("identification", "task", "robot")
"""Those of Off the Beaten Track. PocketVAE's needs a model of grooves and performances of people, and is asked for by name."""
HUMAN_OR_AI, PREFERENCE = "human_or_ai", "preference"
"""The two types of questions on grooves."""
KEY_BYTES = 8 << 20
MOST_SECONDS = 600
"""No listener hears out a sound of more than ten minutes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides a study, beside its models, patterns and kit.

    Attributes:
      experiments: which of "identification", "task", "robot" and "grooves".
      seed: of the choice of patterns, of all orders and of the sounds' names; 0 to 2³² − 1.
      subjects: how many sessions there are, 1 to 1,000.
      measures: of a transition, both ends included; 2 to 64 (the paper: 6).
      path: of the interpolation through the codes (the paper: "slerp").
      crossfade_ends: what a crossfade leads from and to. "patterns" is the paper's sentence "for interpolations, the endpoints were
        the VAE's reconstructions", taken at its word; with "reconstructions" both begin and end alike.
      tempo_bpm: of every sound, 20 to 400 (the paper: 129); grooves keep the tempo they were played in.
      loudness_lufs: of every sound, −60 to 0; lower where a peak would pass −1 dBFS.
      segment_bars: of the robot experiment, a multiple of 4 from 8 to 80 (the paper says 40 and 60).

    Raises:
      ValueError: a number out of range; the message names it.
    """

    experiments: tuple[Experiment, ...] = EXPERIMENTS
    seed: int = 0
    subjects: int = 18
    measures: int = 6
    path: Path = "slerp"
    crossfade_ends: Ends = "patterns"
    tempo_bpm: float = 129.0
    loudness_lufs: float = LOUDNESS_LUFS
    segment_bars: int = 40

    def __post_init__(self) -> None:
        ranges = {
            "seed": (0, MOST_SEED),
            "subjects": (1, MOST_SUBJECTS),
            "measures": (2, 64),
            "tempo_bpm": (20, 400),
            "loudness_lufs": (-60, 0),
            "segment_bars": (8, 80),
        }
        for name, (least, most) in ranges.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"expected {name} from {least} to {most:,}, found {getattr(self, name)}")
        longest_s = duration_s(max(self.measures * MEASURE_STEPS, self.segment_bars * BAR_STEPS), self.tempo_bpm)
        if longest_s > MOST_SECONDS:
            raise ValueError(
                f"expected measures, segment_bars and tempo_bpm of sounds up to {MOST_SECONDS} s, found {longest_s:.0f} s"
            )
        if self.segment_bars % 4:
            raise ValueError(f"expected segment_bars to be a multiple of 4, found {self.segment_bars}")


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What a sound of the study is.

    Attributes:
      kind: "interpolation", "crossfade" or "segment"; "human", "ai" or "template" of the experiment on grooves.
      number: of its transition (3 · start genre + goal genre), segment or groove, from 0.
      start: the pattern a transition begins with, or the window of a data set that a groove or its template is of; "" for a
        segment.
      goal: the pattern it ends with; "" of all other sounds.
      start_bar: the bar of the performance that a segment begins with, from 0; None of all other sounds.
      loudness_lufs: as written, ITU-R BS.1770-4.
      peak_dbfs: as written.
      rms_dbfs: as written.
      rms_by_measure_dbfs: how the level runs, the tail left out; () for all but transitions.
      duration_s: tail included.
    """

    kind: Literal["interpolation", "crossfade", "segment", "human", "ai", "template"]
    number: int
    start: str = ""
    goal: str = ""
    start_bar: int | None = None
    loudness_lufs: float
    peak_dbfs: float
    rms_dbfs: float
    rms_by_measure_dbfs: tuple[float, ...] = ()
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A pair in a session, the sounds by name, and the answer that is right."""

    pair: Literal["practice", "straight", "mixed"]
    first: str
    second: str
    interpolation: Literal["first", "second"]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question on grooves: of which type, its sounds by name in the order in which they are heard, and whose they are.

    Of "preference" the first sound is the template. `truth` is whose groove is heard alone, "human" or "ai"; of a pair which one is
    the model's, "first" or "second".
    """

    question: Literal["human_or_ai", "preference"]
    sounds: tuple[str, ...]
    truth: Literal["human", "ai", "first", "second"]


@dataclass(frozen=True, kw_only=True)
class Key:
    """The key of a study.

    Attributes:
      study: its name, 10 hexadecimal digits; answers carry it.
      version: the library's.
      settings: what was asked for.
      genres: the names of the three genres, in the order of the transitions' numbers; () without the identification experiment.
      models: the models by role, "model", "drummer" and "grooves", as "NAME SHA256".
      kits: what was played, by experiment.
      sounds: by name.
      identification: a session for each listener, the practice pair first.
      robot: the segment that each listener hears.
      grooves: what each listener is asked of grooves.
    """

    study: str
    version: str
    settings: Settings
    genres: tuple[str, ...] = ()
    models: Mapping[str, str]
    kits: Mapping[str, str]
    sounds: Mapping[str, Sound]
    identification: tuple[tuple[Heard, ...], ...] = ()
    robot: tuple[str, ...] = ()
    grooves: tuple[tuple[Judged, ...], ...] = ()


def write_key(path: str | PathLike[str], key: Key) -> None:
    """Writes the key as JSON, whole or not at all.

    Raises:
      InputError: it cannot be written there.
    """
    write_bytes(path, (json.dumps(dump_config(key), indent=1, allow_nan=False) + "\n").encode())


def read_key(path: str | PathLike[str]) -> Key:
    """Reads a key that `write_key` wrote.

    Raises:
      InputError: no such file, no key, or one that contradicts itself.
    """
    key = parse_config(Key, read_json(path, max_bytes=KEY_BYTES), path)
    named = [name for session in key.identification for trial in session for name in (trial.first, trial.second)]
    named += [name for session in key.grooves for asked in session for name in asked.sounds]
    unknown = sorted({*named, *key.robot} - set(key.sounds))
    wrong = [i for i, session in enumerate(key.identification, 1) if [each.pair for each in session].count("practice") != 1]
    short = [len(each) for each in (key.identification, key.robot, key.grooves) if each and len(each) != key.settings.subjects]
    most = {"segment": SEGMENTS} | dict.fromkeys(("human", "ai", "template"), GROOVES)
    numbers = [name for name, sound in key.sounds.items() if not 0 <= sound.number < most.get(sound.kind, GENRES**2)]
    found = ""
    if numbers:
        found = f"the sound {numbers[0]!r} of the number {key.sounds[numbers[0]].number}"
    elif key.identification and len(key.genres) != GENRES:
        found = f"{len(key.genres)} genres"
    elif unknown:
        found = f"the unknown sound {unknown[0]!r}"
    elif short:
        found = f"{short[0]} sessions of {key.settings.subjects} subjects"
    elif wrong:
        found = f"subject {wrong[0]} without one practice pair"
    elif crossed := [i for i, session in enumerate(key.identification, 1) if not all(_fits(key, trial) for trial in session)]:
        found = f"subject {crossed[0]} with a pair that its sounds do not make"
    elif crossed := [i for i, session in enumerate(key.grooves, 1) if not _fit(key, session)]:
        found = f"subject {crossed[0]} with questions that the sounds do not make"
    if found:
        raise InputError(path, rule="a key that fits itself", found=found, remedy="take the key.json that the study was made with")
    return key


def _fits(key: Key, trial: Heard) -> bool:
    """Whether the right answer is the interpolation, the other sound a crossfade, and both of one transition unless it is mixed."""
    sounds = key.sounds[trial.first], key.sounds[trial.second]
    interpolation, crossfade = sounds if trial.interpolation == "first" else sounds[::-1]
    is_mixed = interpolation.number != crossfade.number
    return (interpolation.kind, crossfade.kind, is_mixed) == ("interpolation", "crossfade", trial.pair == "mixed")


def _fit(key: Key, session: tuple[Judged, ...]) -> bool:
    """Whether a session has ten questions of each type, and each the sounds that its truth says."""
    kinds = {"human": ("human",), "ai": ("ai",), "first": ("template", "ai", "human"), "second": ("template", "human", "ai")}
    for asked in session:
        sounds = [key.sounds[name] for name in asked.sounds]
        if (asked.question == PREFERENCE) != (len(sounds) > 1) or len({sound.number for sound in sounds}) != 1:
            return False
        if tuple(sound.kind for sound in sounds) != kinds[asked.truth]:
            return False
    return [asked.question for asked in session] == [HUMAN_OR_AI] * GROOVES_EACH + [PREFERENCE] * GROOVES_EACH
