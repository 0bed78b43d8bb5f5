"""A whole study from its settings: what every sound is, how it is made, who hears it, and how one of them is made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

import drumjax
from drumjax.boundary import InputError, write_bytes
from drumjax.configs import dump_config
from drumjax.instruments.groove import GrooveInstrument
from drumjax.instruments.pattern import PatternInstrument
from drumjax.patterns import Pattern
from drumjax.provenance import MOST_SEED, dumps, provenance, with_input
from drumjax.signal.audio_file import write_audio
from drumjax.signal.rendering import Kit, render
from drumjax.studies import design, stimuli
from drumjax.studies.answers import sheet
from drumjax.studies.key import HUMAN_OR_AI, PREFERENCE, Heard, Judged, Key, Settings, Sound, write_key
from drumjax.studies.page import CONSENT, listener_page, page_data
from drumjax.studies.questionnaires import CPAM, GODSPEED
from drumjax.synth.tr808 import MOST_TAKES

VERB = "study make"
LOUDNESS_ERROR = 0.02
"""Decibels that a sound of a study may be off."""
TRANSITIONS = ("interpolation", "crossfade")
OF_GROOVES = ("human", "ai", "template")
LISTENER, SOUNDS, PAGE, KEY, SHEET, MIDI = "listener", "sounds", "index.html", "key.json", "answer_sheet.csv", "midi"
"""What a study's folder holds: the folder for the listeners, and beside it what stays with the experimenter."""


@dataclass(frozen=True)
class Material:
    """What a study is made from.

    Attributes:
      patterns: three for each of three genres, by genre, each with a provenance; empty without the identification experiment.
      model: what interpolates them; None without the identification experiment.
      kit: what plays the transitions.
      drummer: what plays the robot experiment; None without it.
      toms: what plays it, with sounds for the lanes of `stimuli.TOMS`.
      grooves: what plays grooves; None without that experiment.
      performances: what people played, twenty patterns of the model's length; empty without that experiment.
      drums: what plays both in sound, with `stimuli.GROOVE_TAKES` takes.
      data: path and hash of the prepared data that the patterns or performances are from, where they cannot be named one by one;
        None elsewhere.
    """

    patterns: Mapping[str, Sequence[Pattern]]
    model: PatternInstrument | None = None
    kit: Kit | None = None
    drummer: PatternInstrument | None = None
    toms: Kit | None = None
    grooves: GrooveInstrument | None = None
    performances: Sequence[Pattern] = ()
    drums: Kit | None = None
    data: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class TransitionCall:
    """Everything that a transition's sound depends on beside model, patterns and kit: the parameters of its provenance.

    The kind is not among them, for the record stands in the listener's files; it is in the name of the file for those who know how
    names are made.

    Attributes:
      experiment: "identification".
      file: the name of the file.
      transition: its number.
      measures: see `Settings`, as are the other fields.
      path: see there.
      crossfade_ends: see there.
      tempo_bpm: see there.
      loudness_lufs: the loudness that the study's sounds have.
      names: start and goal in the prepared data that is the record's input; None where the inputs are the patterns themselves.
      seed: see there.

    Raises:
      ValueError: a number out of range, or a name that no study of the seed gives to this transition.
    """

    experiment: Literal["identification"] = "identification"
    file: str
    transition: int
    measures: int
    path: stimuli.Path
    crossfade_ends: stimuli.Ends
    tempo_bpm: float
    loudness_lufs: float
    names: tuple[str, str] | None = None
    seed: int

    def __post_init__(self) -> None:
        if self.file not in (design.opaque(self.seed, kind, self.transition) for kind in TRANSITIONS):
            raise ValueError(
                f"expected the name of a sound of transition {self.transition} and seed {self.seed}, found {self.file!r}"
            )
        _as_settings(self, "seed", "measures", "path", "crossfade_ends", "tempo_bpm", "loudness_lufs")

    @property
    def kind(self) -> str:
        """ "interpolation" or "crossfade"."""
        return next(kind for kind in TRANSITIONS if design.opaque(self.seed, kind, self.transition) == self.file)


@dataclass(frozen=True, kw_only=True)
class SegmentCall:
    """Everything that a segment's sound depends on beside drummer and kit: the parameters of its provenance.

    Attributes:
      experiment: "robot".
      file: the name of the file.
      segment: its number, from 0 to 5.
      segment_bars: see `Settings`, as are the other fields.
      tempo_bpm: see there.
      loudness_lufs: the loudness that the study's sounds have.
      seed: see there.

    Raises:
      ValueError: a number out of range.
    """

    experiment: Literal["robot"] = "robot"
    file: str
    segment: int
    segment_bars: int
    tempo_bpm: float
    loudness_lufs: float
    seed: int

    def __post_init__(self) -> None:
        if self.segment not in range(design.SEGMENTS):
            raise ValueError(f"expected a segment from 0 to {design.SEGMENTS - 1}, found {self.segment}")
        _as_settings(self, "seed", "segment_bars", "tempo_bpm", "loudness_lufs")

    @property
    def start_bar(self) -> int:
        """Where the segment begins in the performance."""
        return design.segment_starts(stimuli.PERFORMANCE_MEASURES, self.segment_bars, self.seed)[self.segment]


@dataclass(frozen=True, kw_only=True)
class GrooveCall:
    """Everything that the sound of a groove depends on beside model, data and kit: the parameters of its provenance.

    Whose groove it is is not among them, as in `TransitionCall`.

    Attributes:
      experiment: "grooves".
      file: the name of the file.
      groove: its number, from 0.
      name: of its window in the prepared data that is the record's input.
      takes: of each drum of the kit.
      loudness_lufs: the loudness that the study's sounds have.
      seed: see `Settings`.

    Raises:
      ValueError: a number out of range, or a name that no study of the seed gives to this groove.
    """

    experiment: Literal["grooves"] = "grooves"
    file: str
    groove: int
    name: str
    takes: int
    loudness_lufs: float
    seed: int

    def __post_init__(self) -> None:
        _as_settings(self, "seed", "loudness_lufs")
        if not (0 <= self.groove < design.GROOVES and 1 <= self.takes <= MOST_TAKES):
            found = f"{self.groove} and {self.takes}"
            raise ValueError(f"expected a groove from 0 to {design.GROOVES - 1} and 1 to {MOST_TAKES} takes, found {found}")
        if self.file not in (design.opaque(self.seed, kind, self.groove) for kind in OF_GROOVES):
            raise ValueError(f"expected the name of a sound of groove {self.groove} and seed {self.seed}, found {self.file!r}")

    @property
    def kind(self) -> str:
        """ "human", "ai" or "template"."""
        return next(kind for kind in OF_GROOVES if design.opaque(self.seed, kind, self.groove) == self.file)


def _as_settings(call: Any, *names: str) -> None:
    """That these fields are in the ranges that a study's settings have."""
    Settings(**{name: getattr(call, name) for name in names})


class Stimulus(NamedTuple):
    """A sound that is yet to be made.

    Attributes:
      call: what it is.
      kind: "interpolation", "crossfade" or "segment"; "human", "ai" or "template".
      number: of its transition, segment or groove.
      ends: the names of start and goal; of a groove that of its window, for a segment empty ones.
      model: what makes it.
      kit: what plays it.
      inputs: the patterns or data that go in, as provenance names them.
      render: makes it, mono float32 at its own level.
      pattern: what is rendered, of grooves; None elsewhere.
    """

    call: TransitionCall | SegmentCall | GrooveCall
    kind: Any
    number: int
    ends: tuple[str, str]
    model: PatternInstrument | GrooveInstrument
    kit: Kit
    inputs: Sequence[Mapping[str, Any]]
    render: Callable[[], np.ndarray]
    pattern: Pattern | None = None


def planned(settings: Settings, material: Material) -> list[Stimulus]:
    """Every sound of a study: 18 transitions, an interpolation and a crossfade for each of nine; six segments; twenty grooves of
    people and of the model each, and the templates of ten.

    Raises:
      InputError: a drummer that has no path through its noise, or other lanes than the TR-808's.
    """
    made = []
    if "identification" in settings.experiments:
        genres = list(material.patterns.values())
        for number, transition in enumerate(design.transitions()):
            start, goal = (genres[genre][which] for genre, which in transition)
            made += [_transition(settings, material, number, kind, start, goal) for kind in TRANSITIONS]
    if "robot" in settings.experiments:
        played = stimuli.performance(_there(material.drummer), stimuli.PERFORMANCE_MEASURES, settings.tempo_bpm)
        made += [_segment(settings, material, number, played) for number in range(design.SEGMENTS)]
    if "grooves" in settings.experiments:
        for number, performance in enumerate(material.performances):
            kinds = OF_GROOVES if number >= design.GROOVES_EACH else OF_GROOVES[:2]
            made += [_groove(settings, material, number, kind, performance) for kind in kinds]
    return made


def _there(part: Any) -> Any:
    if part is None:
        raise ValueError("expected material for every experiment of the settings")
    return part


def _transition(settings: Settings, material: Material, number: int, kind: str, start: Pattern, goal: Pattern) -> Stimulus:
    model, kit = _there(material.model), _there(material.kit)
    call = TransitionCall(
        file=design.opaque(settings.seed, kind, number),
        transition=number,
        measures=settings.measures,
        path=settings.path,
        crossfade_ends=settings.crossfade_ends,
        tempo_bpm=settings.tempo_bpm,
        loudness_lufs=settings.loudness_lufs,
        names=None if material.data is None else (start.name, goal.name),
        seed=settings.seed,
    )
    inputs = [dict(pattern.provenance or {}) for pattern in (start, goal)] if material.data is None else [material.data]
    return Stimulus(
        call, kind, number, (start.name, goal.name), model, kit, inputs, lambda: transition_sound(call, model, start, goal, kit)
    )


def _segment(settings: Settings, material: Material, number: int, played: Pattern) -> Stimulus:
    drummer, kit = _there(material.drummer), _there(material.toms)
    call = SegmentCall(
        file=design.opaque(settings.seed, "segment", number),
        segment=number,
        segment_bars=settings.segment_bars,
        tempo_bpm=settings.tempo_bpm,
        loudness_lufs=settings.loudness_lufs,
        seed=settings.seed,
    )
    return Stimulus(
        call, "segment", number, ("", ""), drummer, kit, [], lambda: stimuli.segment(played, call.start_bar, call.segment_bars, kit)
    )


def _groove(settings: Settings, material: Material, number: int, kind: str, played: Pattern) -> Stimulus:
    model, kit, data = _there(material.grooves), _there(material.drums), _there(material.data)
    call = GrooveCall(
        file=design.opaque(settings.seed, kind, number),
        groove=number,
        name=played.name,
        takes=stimuli.GROOVE_TAKES,
        loudness_lufs=settings.loudness_lufs,
        seed=settings.seed,
    )
    pattern = groove_pattern(call, model, played)
    return Stimulus(call, kind, number, (played.name, ""), model, kit, [data], lambda: render(pattern, kit), pattern)


def groove_pattern(call: GrooveCall, model: GrooveInstrument, played: Pattern) -> Pattern:
    """What is heard in a sound of the experiment on grooves; each of the model's has a seed of its own."""
    return stimuli.groove(model, played, call.kind, (call.seed + call.groove) % (MOST_SEED + 1))


def transition_sound(call: TransitionCall, model: PatternInstrument, start: Pattern, goal: Pattern, kit: Kit) -> np.ndarray:
    """A transition of the identification experiment: mono float32 at its own level."""
    if call.kind == "interpolation":
        return stimuli.interpolation(model, start, goal, call.measures, call.path, call.tempo_bpm, kit)
    return stimuli.crossfade(model, start, goal, call.measures, call.crossfade_ends, call.tempo_bpm, kit)


def segment_sound(call: SegmentCall, drummer: PatternInstrument, kit: Kit) -> np.ndarray:
    """A segment of the robot experiment, without the others: mono float32 at its own level."""
    played = stimuli.performance(drummer, stimuli.PERFORMANCE_MEASURES, call.tempo_bpm)
    return stimuli.segment(played, call.start_bar, call.segment_bars, kit)


def record_of(stimulus: Stimulus, loudness_lufs: float) -> dict[str, Any]:
    """The provenance of a sound at the study's loudness; who hears the study can read it, and it does not say which kind it is."""
    parameters = dump_config(replace(stimulus.call, loudness_lufs=loudness_lufs))
    parameters = {name: value for name, value in parameters.items() if name != "seed" and value is not None}
    record = provenance(
        VERB,
        model=stimulus.model.name,
        model_sha256=stimulus.model.sha256,
        seed=stimulus.call.seed,
        parameters=parameters,
        inputs=stimulus.inputs,
    )
    return record if stimulus.kit.provenance is None else with_input(record, stimulus.kit.provenance)


def finished(mono: np.ndarray, sample_rate_hz: int, loudness_lufs: float) -> np.ndarray:
    """A sound as it is written: stereo, at the study's loudness."""
    return _levelled(mono, sample_rate_hz, loudness_lufs)[0]


def _levelled(mono: np.ndarray, sample_rate_hz: int, loudness_lufs: float) -> tuple[np.ndarray, stimuli.Level]:
    """The same with its level; of a silent sound as it is."""
    samples = stimuli.stereo(mono)
    level = stimuli.level(samples, sample_rate_hz)
    for _ in range(4):
        if not np.isfinite(level.loudness_lufs) or abs(level.loudness_lufs - loudness_lufs) <= LOUDNESS_ERROR:
            break
        # Again where the gate of BS.1770 opens for other parts of a sparse sound once it is scaled.
        samples = stimuli.at_loudness(samples, level, loudness_lufs)
        level = stimuli.level(samples, sample_rate_hz)
    return samples, level


def orders(settings: Settings) -> dict[str, tuple[tuple[str, ...], ...]]:
    """By questionnaire in what order each listener gets its facets."""
    return {
        asked.experiment: design.question_orders([facet.name for facet in asked.facets], settings.subjects, settings.seed, stream)
        for stream, asked in enumerate((CPAM, GODSPEED))
        if asked.experiment in settings.experiments
    }


def sessions(settings: Settings) -> tuple[tuple[tuple[Heard, ...], ...], tuple[str, ...]]:
    """What each listener hears: pairs, the practice pair first, and the robot's segment; empty without the experiment."""
    seed = settings.seed
    pairs = design.pairs(seed)

    def heard(trial: design.Trial, practice: bool) -> Heard:
        pair = pairs[trial.pair]
        names = (design.opaque(seed, "interpolation", pair.interpolation), design.opaque(seed, "crossfade", pair.crossfade))
        first, second = names if trial.interpolation_first else names[::-1]
        right = "first" if trial.interpolation_first else "second"
        return Heard(pair="practice" if practice else pair.kind, first=first, second=second, interpolation=right)  # type: ignore[arg-type]

    identification = tuple(
        (heard(session.practice, True), *(heard(trial, False) for trial in session.trials))
        for session in (design.sessions(settings.subjects, seed) if "identification" in settings.experiments else ())
    )
    segments = design.segments_heard(settings.subjects, seed) if "robot" in settings.experiments else ()
    return identification, tuple(design.opaque(seed, "segment", segment) for segment in segments)


def judged(settings: Settings) -> tuple[tuple[Judged, ...], ...]:
    """What each listener is asked of grooves; empty without the experiment."""

    def asked(groove: int, ai: bool) -> Judged:
        human, model, template = (design.opaque(settings.seed, kind, groove) for kind in OF_GROOVES)
        if groove < design.GROOVES_EACH:
            return Judged(question=HUMAN_OR_AI, sounds=(model if ai else human,), truth="ai" if ai else "human")  # type: ignore[arg-type]
        pair = (model, human) if ai else (human, model)
        return Judged(question=PREFERENCE, sounds=(template, *pair), truth="first" if ai else "second")  # type: ignore[arg-type]

    sessions = design.judgements(settings.subjects, settings.seed) if "grooves" in settings.experiments else ()
    return tuple(tuple(asked(*each) for each in session) for session in sessions)


def write_study(
    folder: str | os.PathLike[str],
    settings: Settings,
    material: Material,
    *,
    consent: Sequence[str] = CONSENT,
    say: Callable[[str], None] = print,
) -> Key:
    """Makes a study in an empty folder: `listener/` with the page and its sounds, `key.json` and `answer_sheet.csv`; of grooves
    also `midi/` with what is heard.

    The key is written last: a folder without one is not whole.

    Args:
      folder: there, and empty.
      settings: what the study is.
      material: what it is made from.
      consent: paragraphs of the page's first screen.
      say: told of each step.

    Raises:
      InputError: a sound that came out silent or cannot be written; a model that cannot play its part.
    """
    folder = Path(folder)
    plan = planned(settings, material)
    for stimulus in plan:
        _check_record(stimulus)
    levels = [_measured(stimulus, settings.loudness_lufs) for stimulus in plan]
    loudness_lufs = stimuli.common_loudness(levels, settings.loudness_lufs)
    if plan and loudness_lufs < settings.loudness_lufs:
        say(f"all sounds at {loudness_lufs:.1f} LUFS: at {settings.loudness_lufs:g} one of them would peak above −1 dBFS")
    (folder / LISTENER / SOUNDS if plan else folder / LISTENER).mkdir(parents=True)
    sounds = {}
    # In the order of their names: what a folder lists by date says nothing either.
    for stimulus in sorted(plan, key=lambda each: each.call.file):
        samples, level = _levelled(stimulus.render(), stimulus.kit.sample_rate_hz, loudness_lufs)
        sounds[stimulus.call.file] = _described(stimulus, samples, level, settings.measures)
        path = folder / LISTENER / SOUNDS / f"{stimulus.call.file}.wav"
        record = record_of(stimulus, loudness_lufs)
        write_audio(path, samples, stimulus.kit.sample_rate_hz, record)
        if stimulus.pattern is not None:
            (folder / MIDI).mkdir(exist_ok=True)
            replace(stimulus.pattern, provenance=record).save(folder / MIDI / f"{stimulus.call.file}.mid")
    key = _key(settings, material, sounds)
    asked = orders(settings)
    page = listener_page(page_data(key, asked, consent))
    write_bytes(folder / LISTENER / PAGE, page.encode())
    # With a mark, by which spreadsheets know that it is UTF-8.
    write_bytes(folder / SHEET, sheet(key, asked).encode("utf-8-sig"))
    write_key(folder / KEY, key)
    say(f"{len(sounds)} sounds, {settings.subjects} session{'' if settings.subjects == 1 else 's'}")
    return key


def _check_record(stimulus: Stimulus) -> None:
    """That a sound's provenance has room in its file, before anything is written."""
    try:
        dumps(record_of(stimulus, stimulus.call.loudness_lufs))
    except ValueError as error:
        names = " and ".join(stimulus.ends)
        remedy = "give the patterns, or the files they are from, shorter names"
        raise InputError(names, rule="names that provenance has room for", found=str(error), remedy=remedy) from None


def _measured(stimulus: Stimulus, wanted_lufs: float) -> stimuli.Level:
    level = _levelled(stimulus.render(), stimulus.kit.sample_rate_hz, wanted_lufs)[1]
    if not np.isfinite(level.loudness_lufs):
        ends = " → ".join(filter(None, stimulus.ends))
        what = f"segment {stimulus.number + 1}" if stimulus.kind == "segment" else f"{stimulus.kind} {ends}"
        raise InputError(what, rule="a sound", found="silence", remedy="choose other patterns, another seed or another kit")
    return level


def _described(stimulus: Stimulus, samples: np.ndarray, level: stimuli.Level, measures: int) -> Sound:
    run: Iterable[float] = ()
    if stimulus.kind in TRANSITIONS:
        run = stimuli.measure_levels(samples, stimulus.kit.sample_rate_hz, measures)
    return Sound(
        kind=stimulus.kind,
        number=stimulus.number,
        start=stimulus.ends[0],
        goal=stimulus.ends[1],
        start_bar=stimulus.call.start_bar if isinstance(stimulus.call, SegmentCall) else None,
        loudness_lufs=round(level.loudness_lufs, 3),
        peak_dbfs=round(level.peak_dbfs, 3),
        rms_dbfs=round(level.rms_dbfs, 3),
        rms_by_measure_dbfs=tuple(round(max(each, -200.0), 3) for each in run),
        duration_s=round(level.duration_s, 6),
    )


def _key(settings: Settings, material: Material, sounds: Mapping[str, Sound]) -> Key:
    models = {
        role: f"{each.name} {each.sha256}"
        for role, each in (("model", material.model), ("drummer", material.drummer), ("grooves", material.grooves))
        if each
    }
    played_by = (("identification", material.kit), ("robot", material.toms), ("grooves", material.drums))
    kits = {name: kit.name for name, kit in played_by if kit is not None}
    identification, robot = sessions(settings)
    what = json.dumps([dump_config(settings), models, sorted(sounds), [each.start + each.goal for each in sounds.values()]])
    return Key(
        study=design.opaque(settings.seed, "study", what),
        version=drumjax.__version__,
        settings=settings,
        genres=tuple(material.patterns),
        models=models,
        kits=kits,
        sounds=dict(sorted(sounds.items())),
        identification=identification,
        robot=robot,
        grooves=judged(settings),
    )
