"""`drumjax study make` and `drumjax study analyse`: a listening study from its sounds to its figures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from tyro.conf import Positional, arg

from drumjax.boundary import InputError, read_bytes
from drumjax.cli.arguments import (
    check_patterns,
    load_instrument,
    load_kit,
    load_pattern,
    make_folder,
    parse,
    say,
    warnings_said,
    writing,
)
from drumjax.cli.recall import Recall, Write, check_inputs, check_made, find_data, find_kit, find_model, find_pattern, rebuild
from drumjax.patterns import Pattern
from drumjax.studies.key import EXPERIMENTS, Ends, Settings
from drumjax.studies.key import Path as CodePath
from drumjax.train.endings import Refused

if TYPE_CHECKING:
    from drumjax.datasets.grooves.info import GrooveSet
    from drumjax.datasets.info import PatternSet
    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.studies.make import Material, TransitionCall

PATTERNS_EACH = 3
CONSENT_BYTES = 20_000


@dataclass(frozen=True, kw_only=True)
class Make:
    """Make a listening study: sounds, an offline page that asks and saves answers, and the key to them.

    identification: pairs of an interpolation and an equal-power crossfade, to be told apart; task: a questionnaire on
    the tool (CPAM); robot: segments of an autonomous drummer's performance and a questionnaire on it (Godspeed). Give
    listeners the folder listener/ and a number each; key.json stays with you. grooves, asked for by name: 'human or AI' and
    'preference', ten questions each, on grooves of people (--data, held-out tracks) and of a model on their templates; what is
    heard also lies in midi/.

    examples:
      drumjax study make -o study/
      drumjax study make -o study/ --experiment identification --subjects 54 --seed 7
      drumjax study make --patterns idm={a,b,c}.mid electro={d,e,f}.mid techno=g.mid#2 techno=embedded:techno#{3,9}
      drumjax study make -o study/ --experiment robot --drummer runs/gan --kit acoustic_kit/
      drumjax study make -o study/ --experiment grooves --grooves runs/mine --data groove_midi/ --kit acoustic_kit/ --subjects 24
    """

    output: Annotated[Path, arg(aliases=["-o"], metavar="DIR")] = Path("study")
    """The folder to make it in: a new or an empty one."""
    experiment: Literal["identification", "task", "robot", "grooves", "all"] = "all"
    """Which experiment; 'all' are the first three."""
    model: str = "pattern-vae"
    """What interpolates: a shipped model's name or the folder of one that you trained."""
    drummer: str = "pattern-gan"
    """What plays the robot experiment: a shipped model's name or the folder of one that you trained."""
    grooves: str = "pocketvae"
    """What plays grooves: a shipped model's name or the folder of one that you trained."""
    seed: int = 0
    """Decides which patterns are chosen, every order, and the sounds' names."""
    subjects: int = 18
    """How many sessions there are; multiples of 18 are balanced in every way, any number as nearly as can be."""
    data: str = "embedded"
    """Where the patterns are chosen from: prepared data (a folder or an .npz file), or 'embedded'. Of the experiment on grooves:
    prepared performances of people, such as the Groove MIDI Dataset, at least 20 tracks in the split."""
    split: Literal["train", "validation", "test"] = "test"
    """Of the experiment on grooves: where its tracks are drawn from. What it was trained on, a model may know."""
    genres: tuple[str, ...] = ()
    """Three genres of the data, where it has more."""
    patterns: tuple[str, ...] = ()
    """Nine patterns of your own choice instead, three for each of three genres, each as GENRE=PATTERN."""
    measures: int = 6
    """Length of a transition in measures of 4 bars, both ends included."""
    path: CodePath = "slerp"
    """Of the interpolations: spherical (the paper's choice) or linear."""
    crossfade_ends: Ends = "patterns"
    """What crossfades lead from and to: the patterns (as in the paper) or, as interpolations do, their reconstructions."""
    tempo_bpm: float = 129.0
    """Tempo of all sounds, in beats a minute; grooves keep their own."""
    loudness_lufs: float = Settings.loudness_lufs
    """Loudness of all sounds (ITU-R BS.1770); less where one of them would peak above -1 dBFS."""
    segment_bars: int = Settings.segment_bars
    """Length of a segment of the robot experiment, a multiple of 4; the paper says 40 and 60."""
    kit: Path | None = None
    """A folder of one-shot sounds; for the robot experiment an acoustic kit's, with toms. Default: the library's own TR-808."""
    consent: Path | None = None
    """A text file of what listeners agree to, blank lines between paragraphs. Default: a short text of the library's."""

    def settings(self) -> Settings:
        """Raises InputError for a number out of range, named by its option."""
        try:
            return Settings(
                experiments=EXPERIMENTS if self.experiment == "all" else (self.experiment,),
                seed=self.seed,
                subjects=self.subjects,
                measures=self.measures,
                path=self.path,
                crossfade_ends=self.crossfade_ends,
                tempo_bpm=self.tempo_bpm,
                loudness_lufs=self.loudness_lufs,
                segment_bars=self.segment_bars,
            )
        except ValueError as error:
            # The message begins with the setting, or the first of several.
            rule, _, found = str(error).removeprefix("expected ").replace("_", "-").partition(", found ")
            option = f"--{rule.split()[0].rstrip(',')}"
            raise InputError(option, rule=rule, found=found, remedy="choose another number") from None


@dataclass(frozen=True, kw_only=True)
class Analyse:
    """Analyse answers: scores and tests of the identification experiment, ratings and box plots of the questionnaires.

    Writes report.json, report.html and a picture for each questionnaire. Answers that do not keep the rules are refused
    with file, row and reason. Exit code 3: no question is answered, and nothing is written.

    examples:
      drumjax study analyse answers/*.csv --key study/key.json -o report/
      drumjax study analyse scored.csv
    """

    answers: Annotated[Positional[tuple[Path, ...]], arg(metavar="CSV")]
    """Files that the page saved, the answer sheet filled in, or scored answers (columns subject, pair, correct)."""
    key: Path | None = None
    """The study's key.json; answers of the identification experiment need it."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="DIR")] = Path("report")
    """The folder for report.json, report.html and the pictures."""


def make(arguments: list[str], prog: str) -> int:
    """`drumjax study make`."""
    call = parse(Make, arguments, prog)
    settings = call.settings()
    from drumjax.studies.make import KEY, LISTENER, PAGE, SHEET, write_study
    from drumjax.studies.page import CONSENT

    consent = read_consent(call.consent)
    if call.output.is_dir() and any(call.output.iterdir()):
        # Another study's key here would be lost, and with it the answers that listeners have given.
        raise InputError(call.output, rule="a new or an empty folder", found="files in it", remedy="name another -o")
    material = gather(call, settings)
    make_folder(call.output)
    with writing(call.output), warnings_said():
        key = write_study(call.output, settings, material, consent=consent or CONSENT)
    say(*(call.output / name for name in (f"{LISTENER}/{PAGE}", SHEET, KEY)))
    print(f"study {key.study}: give listeners {call.output / LISTENER}, all of it, and keep {call.output / KEY} to yourself")
    return 0


def read_consent(path: Path | None) -> list[str]:
    """The paragraphs of a text file; none where there is no file.

    Raises:
      InputError: no such file, one that is not UTF-8, too large, or empty.
    """
    if path is None:
        return []
    data = read_bytes(path, max_bytes=CONSENT_BYTES, what="a text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(path, rule="a text in UTF-8", found="other bytes", remedy="save it as UTF-8 text") from None
    found = [" ".join(part.split()) for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]
    if not found:
        raise InputError(path, rule="what listeners agree to", found="no text", remedy="write it, or leave --consent out")
    return found


def gather(call: Make, settings: Settings) -> Material:
    """Loads what a study is made from: models, patterns, kits.

    Raises:
      InputError: one of them is not there or does not fit.
    """
    from drumjax.studies.make import Material
    from drumjax.studies.stimuli import TOMS

    material = Material({})
    if "identification" in settings.experiments:
        named = _named(call.patterns)
        if named and (call.genres or call.data != "embedded"):
            found = "--data or --genres beside them"
            raise InputError("--patterns", rule="patterns of your own choice, or --data", found=found, remedy="leave one out")
        check_patterns(*(reference for references in named.values() for reference in references))
        model = load_instrument(call.model)
        model.require_encoder("interpolate between")
        patterns, data = (_loaded(named, model), None) if named else _chosen(call, model)
        material = Material(patterns, model, load_kit(call.kit, model.drum_map), data=data)
    if "robot" in settings.experiments:
        material = replace(material, drummer=load_instrument(call.drummer), toms=load_kit(call.kit, TOMS))
    if "grooves" in settings.experiments:
        material = _performed(call, material)
    return material


def _performed(call: Make, material: Material) -> Material:
    """The material of the experiment on grooves: a model, twenty windows of as many tracks, and drums."""
    from drumjax.cli.evaluate import standing
    from drumjax.cli.evaluate_grooves import check_fits
    from drumjax.datasets.info import EMBEDDED
    from drumjax.datasets.load import load_grooves
    from drumjax.instruments.evaluation import held_out
    from drumjax.instruments.loading import load_grooves_instrument
    from drumjax.patterns import POCKET
    from drumjax.studies.design import tracks_heard
    from drumjax.studies.stimuli import GROOVE_TAKES, template_of, window

    if call.data == EMBEDDED:
        remedy = "name prepared ones with --data ('drumjax data build gmd/ --kind grooves -o groove_midi/')"
        raise InputError("--data", rule="performances of people", found="the built-in patterns", remedy=remedy)
    data = load_grooves(call.data)
    if data.info.name == EMBEDDED:
        raise InputError(call.data, rule="performances of people", found="the embedded grooves", remedy="name other --data")
    model = load_grooves_instrument(call.grooves)
    check_fits(model.config.steps, model.drum_map, data, call.data)
    arrays = data.splits[call.split]
    played = [window(arrays, number, data.info.genres) for number in range(len(arrays["velocity"]))]
    heard = [number for number, pattern in enumerate(played) if template_of(pattern, model.rules).hits.any()]
    try:
        chosen = tracks_heard([str(arrays["group"][number]) for number in heard], call.seed)
    except ValueError as error:
        rule, _, found = str(error).removeprefix("expected ").partition(", found ")
        remedy = "name another --split or --data"
        raise InputError(call.data, rule=f"{rule} in the split {call.split!r}", found=found, remedy=remedy) from None
    print(standing(held_out(model.card, data.info.source_sha256, call.split), "grooves"))
    return replace(
        material,
        grooves=model,
        performances=[played[heard[number]] for number in chosen],
        drums=load_kit(call.kit, POCKET, takes=GROOVE_TAKES),
        data={"path": call.data, "sha256": data.info.source_sha256},
    )


def _named(arguments: Sequence[str]) -> dict[str, list[str]]:
    """`GENRE=PATTERN` nine times → the patterns by genre."""
    named: dict[str, list[str]] = {}
    for argument in arguments:
        genre, mark, reference = argument.partition("=")
        if not (genre and mark and reference):
            raise InputError("--patterns", rule="GENRE=PATTERN", found=repr(argument), remedy="write, for example, techno=a.mid")
        named.setdefault(genre, []).append(reference)
    counts = {genre: len(references) for genre, references in named.items()}
    if arguments and sorted(counts.values()) != [PATTERNS_EACH] * 3:
        found = ", ".join(f"{n} of {genre}" for genre, n in counts.items())
        raise InputError("--patterns", rule="nine patterns, three for each of three genres", found=found, remedy="name nine")
    return named


def _loaded(named: Mapping[str, Sequence[str]], model: PatternInstrument) -> dict[str, list[Pattern]]:
    loaded = {
        genre: [replace(load_pattern(each, model.drum_map, steps=model.config.steps), name=each) for each in references]
        for genre, references in named.items()
    }
    flat = [(pattern.name, pattern) for patterns in loaded.values() for pattern in patterns]
    for i, (name, pattern) in enumerate(flat):
        model.grid(pattern)
        for other, earlier in flat[:i]:
            if np.array_equal(pattern.velocity, earlier.velocity):
                raise InputError(name, rule="nine different patterns", found=f"the same hits as in {other}", remedy="name another")
    return loaded


def _chosen(call: Make, model: PatternInstrument) -> tuple[dict[str, list[Pattern]], dict[str, str] | None]:
    """Three patterns a genre that the seed chooses, and the data where they cannot be named one by one."""
    from drumjax.cli.evaluate import check_fits
    from drumjax.datasets.load import load_patterns
    from drumjax.studies.design import chosen

    data = load_patterns(call.data)
    check_fits(model, data.info.drum_map, data.info.steps, call.data)
    genres = call.genres or data.info.genres
    unknown = [genre for genre in genres if genre not in data.info.genres]
    if len(set(genres)) != 3 or len(genres) != 3 or unknown:
        rule = f"three genres of {', '.join(data.info.genres)}"
        found = f"{unknown[0]!r}" if unknown else ", ".join(genres)
        raise InputError("--genres" if call.genres else call.data, rule=rule, found=found, remedy="name three with --genres")
    of_genre = {genre: _of_genre(data, genre) for genre in genres}
    picked = {}
    for genre, names in of_genre.items():
        if len(names) < PATTERNS_EACH:
            raise InputError(
                call.data, rule="three patterns of each genre", found=f"{len(names)} of {genre}", remedy="name other --genres"
            )
        order = list(names)
        picked[genre] = [order[i] for i in chosen(order, data.info.genres.index(genre), call.seed)]
    if call.data == "embedded":
        return {genre: [load_pattern(name, model.drum_map) for name in names] for genre, names in picked.items()}, None
    return patterns_of(data, picked), {"path": call.data, "sha256": data.info.source_sha256}


def _of_genre(data: PatternSet, genre: str) -> list[str]:
    """The names of a genre's patterns, of all splits."""
    index = data.info.genres.index(genre)
    return [str(name) for arrays in data.splits.values() for name in arrays["name"][arrays["genre"] == index]]


def patterns_of(data: PatternSet, names: Mapping[str, Iterable[str]]) -> dict[str, list[Pattern]]:
    """Patterns of prepared data by genre and name.

    Raises:
      InputError: the data hold no pattern of that name.
    """
    where = {str(name): (arrays, i) for arrays in data.splits.values() for i, name in enumerate(arrays["name"])}
    found: dict[str, list[Pattern]] = {}
    for genre, wanted in names.items():
        for name in wanted:
            if name not in where:
                raise InputError(data.info.name, rule=f"a pattern {name!r}", found="none of this name", remedy="name the same data")
            arrays, i = where[name]
            grid = arrays["velocity"][i]
            origin = {"path": name, "sha256": hashlib.sha256(grid.tobytes()).hexdigest()}
            pattern = Pattern.from_grid(grid, drum_map=data.info.drum_map, name=name, genre=genre, provenance=origin)
            found.setdefault(genre, []).append(pattern)
    return found


def make_again(recall: Recall) -> Write:
    """How `drumjax again` makes a sound of a study."""
    from drumjax.instruments.loading import load_patterns_instrument as load
    from drumjax.signal.audio_file import write_audio
    from drumjax.studies import make as study
    from drumjax.studies.stimuli import BAR_STEPS, TOMS, duration_s

    other = "get the file again from where it was made"
    if recall.record.parameters.get("experiment") == "grooves":
        return groove_again(recall)
    if recall.sound is None:
        raise recall.fault("a sound, which is all that 'study make' records", "no sound", other)
    rate = recall.sound.sample_rate_hz
    common = ("experiment", "file", "tempo_bpm", "loudness_lufs")
    if recall.record.parameters.get("experiment") == "robot":
        check_inputs(recall, 0, 1)
        segment = rebuild(recall, study.SegmentCall, (*common, "segment", "segment_bars"))
        _check_length(recall, duration_s(segment.segment_bars * BAR_STEPS, segment.tempo_bpm))
        drummer = load(find_model(recall))
        kit = find_kit(recall, next(iter(recall.record.inputs), None), TOMS, rate)
        mono, loudness_lufs = study.segment_sound(segment, drummer, kit), segment.loudness_lufs
    else:
        must = (*common, "transition", "measures", "path", "crossfade_ends")
        call = rebuild(recall, study.TransitionCall, must, ("names",))
        sources = 1 if call.names else 2
        check_inputs(recall, sources, sources + 1)
        model = load(find_model(recall))
        _check_length(recall, duration_s(call.measures * model.config.steps, call.tempo_bpm))
        start, goal = _ends_again(recall, call, model)
        entry = recall.record.inputs[sources] if len(recall.record.inputs) > sources else None
        mono = study.transition_sound(call, model, start, goal, find_kit(recall, entry, model.drum_map, rate))
        loudness_lufs = call.loudness_lufs
    samples = study.finished(mono, rate, loudness_lufs)
    if not np.isfinite(samples).all() or np.abs(samples).max() > 1:
        raise recall.fault("the loudness of a study in its provenance", f"{loudness_lufs:g} LUFS, beyond full scale", other)
    return lambda place: write_audio(place, samples, rate, recall.origin)


def groove_again(recall: Recall) -> Write:
    """How `drumjax again` makes a groove of a study, in sound or as MIDI."""
    from drumjax.datasets.load import load_grooves
    from drumjax.instruments.loading import load_grooves_instrument
    from drumjax.patterns import POCKET
    from drumjax.signal.audio_file import write_audio
    from drumjax.signal.rendering import TAIL_S, render
    from drumjax.studies import make as study
    from drumjax.studies.stimuli import window

    check_inputs(recall, 1, 2)
    call = rebuild(recall, study.GrooveCall, ("experiment", "file", "groove", "name", "takes", "loudness_lufs"))
    model = load_grooves_instrument(find_model(recall))
    data: GrooveSet = find_data(recall, recall.record.inputs[0], load_grooves)
    places = [(arrays, int(i)) for arrays in data.splits.values() for i in np.flatnonzero(arrays["name"] == call.name)]
    if len(places) != 1:
        raise InputError(data.info.name, rule=f"one groove {call.name!r}", found=f"{len(places)}", remedy="name the same data")
    pattern = study.groove_pattern(call, model, window(*places[0], data.info.genres))
    if recall.sound is None:
        return lambda place: replace(pattern, provenance=dict(recall.origin)).save(place)
    _check_length(recall, pattern.duration_s + TAIL_S)
    entry = recall.record.inputs[1] if len(recall.record.inputs) > 1 else None
    rate = recall.sound.sample_rate_hz
    kit = find_kit(recall, entry, POCKET, rate, call.takes)
    samples = study.finished(render(pattern, kit), rate, call.loudness_lufs)
    if not np.isfinite(samples).all() or np.abs(samples).max() > 1:
        found, remedy = f"{call.loudness_lufs:g} LUFS, beyond full scale", "get the file again from where it was made"
        raise recall.fault("the loudness of a study in its provenance", found, remedy)
    return lambda place: write_audio(place, samples, rate, recall.origin)


def _check_length(recall: Recall, seconds: float) -> None:
    """That the file is as long as what its record would take to make."""
    heard = recall.sound.frames / recall.sound.sample_rate_hz if recall.sound and recall.sound.sample_rate_hz else 0.0
    if abs(heard - seconds) > 1:
        remedy = "get the file again from where it was made"
        raise recall.fault(f"sound of the {seconds:,.1f} s that its provenance makes", f"{heard:,.1f} s", remedy)


def _ends_again(recall: Recall, call: TransitionCall, model: PatternInstrument) -> list[Pattern]:
    if call.names is not None:
        data: PatternSet = find_data(recall, recall.record.inputs[0])
        return patterns_of(data, {"": call.names})[""]
    entries = recall.record.inputs[:2]
    steps = model.config.steps
    ends = [load_pattern(find_pattern(recall, each), model.drum_map, steps=steps, channel=each.channel) for each in entries]
    check_made(recall, {"inputs": [pattern.provenance or {} for pattern in ends]})
    return ends


def analyse(arguments: list[str], prog: str) -> int:
    """`drumjax study analyse`."""
    call = parse(Analyse, arguments, prog)
    if not call.answers:
        raise InputError("study analyse", rule="files of answers", found="none", remedy="name one or more .csv files")
    from drumjax import plots
    from drumjax.metrics.report import write_report_json
    from drumjax.serve import page
    from drumjax.studies import report
    from drumjax.studies.answers import read_answers
    from drumjax.studies.key import read_key

    answers = read_answers(call.answers, None if call.key is None else read_key(call.key))
    if answers.is_empty:
        named = ", ".join(map(str, call.answers[:3])) + (", …" if len(call.answers) > 3 else "")
        raise Refused(f"{named}: nothing to analyse, no question is answered there")
    content: dict[str, Any] = report.content(answers)
    drawn = report.pictures(answers)
    sections = report.sections(answers, list(drawn))
    make_folder(call.output)
    paths = [call.output / name for name in drawn]
    # Everything is there before the first file is written, and the report is the last.
    with writing(call.output):
        for path, figure in zip(paths, drawn.values(), strict=True):
            plots.save(figure, path)
        page.write_page(call.output / "report.html", "Answers of a listening study", sections)
        write_report_json(call.output / "report.json", content)
    print("\n".join(report.lines(answers)))
    say(call.output / "report.json", call.output / "report.html", *paths)
    return 0
