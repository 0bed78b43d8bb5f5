"""`drumjax evaluate`: a trained model in figures and pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
from tyro.conf import arg

from drumjax.boundary import InputError, read_csv
from drumjax.cli.arguments import Model, load_instrument, make_folder, parse, say, writing
from drumjax.cli.evaluate_sounds import CLIPS, SYSTEMS, Clip

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

    from drumjax.cli.evaluate_grooves import Training
    from drumjax.datasets.info import PatternSet
    from drumjax.instruments.evaluation import Evaluation, Generated
    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.metrics.report import Figure
    from drumjax.serve.page import Section

LEAST_FOR_PCA = 3


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained model on prepared data: report.json, report.html, pictures, and sounds of a model that makes sounds.

    The suite 'patterns', for a model with an encoder: reconstruction (onset F1, velocity error) beside two yardsticks, the best
    copy from the training set and the best constant pattern; transitions (novelty, smoothness, distance to the data) beside the
    crossfade's, over all and per pair of genres. The suite 'generation', for any model: patterns made from noise, how near to the
    data, how many of them copies, how various, how much of the data they cover; beside held-out patterns, and beside cells that
    know nothing of each other. The suite 'sounds', for models of sounds: reconstruction by the autoencoder, by the vocoder and by
    both, beside Griffin-Lim from the same spectrograms, over all and per class; codes beside the prior; new sounds as a classifier
    of the training sounds hears them; speed. The suite 'pocketvae', for models of grooves: Table 1 of its paper, of all trainings
    in a folder on all data in another, each on the data that it was trained on; genres imposed, microtiming pushed and laid back.
    Every figure stands with its definition.

    examples:
      drumjax evaluate pattern-vae --data embedded -o report/
      drumjax evaluate runs/mine --data data/ --split validation -o report/
      drumjax evaluate pattern-gan --data embedded -o report/
      drumjax evaluate pattern-vae --data embedded --suite generation -o report/
      drumjax evaluate runs/cwae --vocoder runs/mcnn --data data/ -o report/
      drumjax evaluate runs/mcnn --data data/ -o report/
      drumjax evaluate runs/ --suite pocketvae --data grooves/ -o report/
    """

    model: Model
    """A training's working directory, a model's folder, or a shipped model's name; of the suite 'pocketvae' also a folder of
    several trainings, classifiers of genres among them."""
    data: str
    """Prepared data (a folder of 'drumjax data build', an .npz of 'drumjax data arrays') or 'embedded'; of the suite 'pocketvae'
    also a folder of several, the splits."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")
    """The folder for report.json, report.html and the pictures."""
    split: Literal["train", "validation", "test"] = "test"
    """What is measured, or what generated patterns are held against; the model's choices (its threshold) were made on
    'validation'."""
    suite: Literal["patterns", "generation", "sounds", "pocketvae"] | None = None
    """The set of measures. Default: 'sounds' for a model of sounds, 'pocketvae' for one of grooves; for one of patterns 'patterns'
    where it has an encoder, else 'generation'."""
    transitions: int = 10
    """Of the suite 'patterns': transitions for every ordered pair of genres."""
    measures: int = 6
    """Of the suite 'patterns': patterns of a transition, ends included (the paper's experiment has 6)."""
    sets: int = 10
    """Of the suite 'generation': how many sets are made, each of as many patterns as the split has."""
    per_class: int = 50
    """Of the suite 'sounds': new sounds of each class for the classifier."""
    vocoder: str | None = None
    """Of the suite 'sounds': a trained vocoder to measure with an autoencoder's working directory. Without one, and without one in
    the model's folder, spectrograms are made sound by Griffin-Lim."""
    classifier: str | None = None
    """Of the suite 'pocketvae': a training of 'drumjax train genre-classifier', or a folder of several, beside those in MODEL."""
    seed: int = 0
    """Of the choice of transitions, or of what is generated."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for name, least in (("measures", 3), ("transitions", 1), ("sets", 1), ("per_class", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"expected --{name.replace('_', '-')} of at least {least}, found {getattr(self, name)}")


def figure_rows(figures: Mapping[str, Figure]) -> list[list[str]]:
    """A table's rows: name, mean, standard deviation, definition."""

    def number(value: float | None) -> str:
        return "" if value is None or math.isnan(value) else f"{value:.4g}"

    return [[name, number(figure.mean), number(figure.sd), figure.definition] for name, figure in figures.items()]


def check_fits(instrument: PatternInstrument, drum_map: object, steps: int, data: str) -> None:
    """That a model can read a data set.

    Raises:
      InputError: other lanes or another length.
    """
    if drum_map != instrument.drum_map or steps != instrument.config.steps:
        raise InputError(
            data,
            rule=f"patterns of {instrument.config.steps} steps on the model's drum map {instrument.drum_map.name!r}",
            found=f"{steps} steps on another one" if steps != instrument.config.steps else "another drum map",
            remedy="build the data with the model's drum map: 'drumjax data build … --drum-map'",
        )


def course(model: Path) -> list[dict[str, str]]:
    """The rows of `metrics.csv` where a training's working directory was named; none where the file cannot be read."""
    try:
        return read_csv(model / "metrics.csv")
    except InputError:
        return []  # it says nothing of how good the model is: a line that a killed training left half must not stop a report


def draw_pictures(
    result: Evaluation, train: Mapping[str, np.ndarray], genres: Sequence[str], rows: Sequence[Mapping[str, str]]
) -> dict[str, MplFigure]:
    """The report's pictures by file name.

    Figs. 3 to 5 of the paper with this model's patterns: PCA with trajectories, and interpolations beside crossfades; and the
    course of the training, where it is known.

    Args:
      result: the evaluation.
      train: the arrays of the split `train`; under `LEAST_FOR_PCA` patterns there is no PCA.
      genres: their names.
      rows: of the training's `metrics.csv`.
    """
    from drumjax import plots

    made: dict[str, MplFigure] = {}
    between = {t.genres: t for t in result.transitions if t.genres[0] != t.genres[1]} or {t.genres: t for t in result.transitions}
    if len(train["velocity"]) >= LEAST_FOR_PCA:
        names = [genres[g] for g in train["genre"]]
        trajectories = [plots.Trajectory(a, b, np.stack([p.velocity for p in t.interpolation])) for (a, b), t in between.items()]
        made["pca.png"] = plots.pattern_pca(train["velocity"], names, trajectories)
    if rows:
        made["training.png"] = plots.training_curves(rows)
    for (a, b), transition in list(between.items())[:3]:
        # Genres are named by whoever made the data: two may be alike once they are fit for a file's name.
        stem = f"transition_{_file_name(a)}_{_file_name(b)}"
        name = next(f"{stem}{end}.png" for end in ("", "_2", "_3") if f"{stem}{end}.png" not in made)
        made[name] = plots.interpolation_beside_crossfade(transition.interpolation, transition.crossfade)
    return made


def _file_name(genre: str) -> str:
    return re.sub(r"[^\w.&#%+-]", "_", genre)[:40]


def left_out(n_train: int, genres: Sequence[str]) -> list[str]:
    """What is left out of a report, and why."""
    from drumjax.instruments.evaluation import MOST_GENRES, gives_pairs

    lines = []
    if n_train < LEAST_FOR_PCA:
        lines.append(f"No picture of principal components: it takes {LEAST_FOR_PCA} training patterns, there are {n_train}.")
    if len(genres) > 1 and not gives_pairs(genres):
        lines.append(f"No figures for each pair of genres: they are given for up to {MOST_GENRES}, there are {len(genres)}.")
    return lines


def standing(held_out: bool | None, items: str = "patterns") -> str:
    """Whether the measured patterns or sounds were held out, in words."""
    if held_out is None:
        return (
            f"Whether these {items} were held out from the model's training is not known: it, or what it was begun with, was "
            "trained on other data than these."
        )
    return f"These {items} were held out from the model's training." if held_out else f"The model was trained on these {items}."


def sections(verdict: str, result: Evaluation, pictures: Iterable[str]) -> list[Section]:
    """The report's page: the verdict, the figures with their definitions, those of the pairs of genres, the pictures."""
    from drumjax.serve import page

    overall = {name: figure for name, figure in result.figures.items() if "→" not in name}
    pairs: dict[str, dict[str, str]] = {}
    for name, figure in result.figures.items():
        if "→" in name:
            measure, _, pair = name.partition(" ")
            pairs.setdefault(pair, {})[measure] = f"{figure.mean:.3g}"
    columns = list(next(iter(pairs.values()), {}))
    parts: list[Section] = [
        page.Text(verdict),
        page.Table(
            "Figures",
            ["figure", "mean", "sd", "definition"],
            figure_rows(overall),
            note="In a crossfade every velocity that sounds is a hit, as in its MIDI file. Novelty is an exact comparison: read it "
            "beside the distance to the data and the reconstruction, for a bad model is novel too.",
        ),
    ]
    if pairs:
        rows = [[pair, *(cells[column] for column in columns)] for pair, cells in pairs.items()]
        parts.append(page.Table("Transitions by pair of genres", ["from → to", *columns], rows, folded=True))
    return [*parts, *(page.Picture(name, Path(name).stem.replace("_", " ")) for name in pictures)]


def generation_rows(figures: Mapping[str, Figure]) -> list[list[str]]:
    """A table's rows for the suite `generation`: name, generated, standard deviation, held out, independent cells, definition."""
    from drumjax.metrics.generation import OF_HELD_OUT, OF_INDEPENDENT

    rows = {row[0]: row for row in figure_rows(figures)}
    return [
        [*row[:3], rows[name + OF_HELD_OUT][1], rows[name + OF_INDEPENDENT][1], row[3]]
        for name, row in rows.items()
        if not name.endswith((OF_HELD_OUT, OF_INDEPENDENT))
    ]


def generation_sections(said: str, result: Generated, pictures: Iterable[str]) -> list[Section]:
    """The page of the suite `generation`: the verdict, the figures beside their yardsticks, the pictures."""
    from drumjax.serve import page

    columns = ["figure", "generated", "sd", "held out", "independent cells", "definition"]
    note = (
        "Held out: patterns of the split, what a perfect model would score. Independent cells: each a hit at its rate in the data, "
        "whatever the others are. Recall alone is easily met: where patterns lie far apart their "
        "neighbourhoods reach everything. Read it beside precision and coverage."
    )
    parts: list[Section] = [page.Text(said), page.Table("Figures", columns, generation_rows(result.figures), note=note)]
    return [*parts, *(page.Picture(name, Path(name).stem.replace("_", " ")) for name in pictures)]


def draw_generation(
    instrument: PatternInstrument, result: Generated, seed: int, rows: Sequence[Mapping[str, str]]
) -> dict[str, MplFigure]:
    """The pictures of the suite `generation`: hits per step and lane, numbers of hits, ten patterns, the course of the training."""
    from drumjax import plots

    made = result.sets.reshape(-1, *result.sets.shape[2:])
    sets = {"training patterns": result.train, "generated": made, "held out": result.held_out}
    numbers = {
        name: np.count_nonzero(hits, axis=(1, 2)) for name, hits in (*sets.items(), ("independent cells", result.independent))
    }
    drawn = {
        "hit_rates.png": plots.hit_rates(sets, instrument.drum_map),
        "hit_numbers.png": plots.hit_numbers(numbers),
        "samples.png": plots.pattern_sheet(instrument.sample(min(10, result.sets.shape[1]), seed)),
    }
    return drawn | ({"training.png": plots.training_curves(rows)} if rows else {})


def evaluate(arguments: list[str], prog: str) -> int:
    """`drumjax evaluate`."""
    call = parse(Evaluate, arguments, prog)
    from drumjax import plots
    from drumjax.metrics.report import report, write_report_json
    from drumjax.serve import page

    if trainings := groove_trainings(call):
        measured = measure_grooves(call, trainings)
    elif members := sound_members(call):
        measured = measure_sounds(call, members)
    else:
        measured = measure_pattern_model(call)
    content = report(
        suite=measured.suite,
        model=call.model,
        data=call.data,
        split=call.split,
        n=measured.n,
        held_out=measured.held_out,
        metrics=measured.figures,
    )
    pictures = [call.output / name for name in measured.drawn]
    # Everything is there before the first file is written, and the report is the last.
    with writing(call.output):
        write_clips(call.output, measured.clips)
        for path, figure in zip(pictures, measured.drawn.values(), strict=True):
            plots.save(figure, path)
        page.write_page(call.output / "report.html", f"{call.model} on {call.data}", measured.sections)
        write_report_json(call.output / "report.json", content)
    print(measured.table)
    print("\n".join(measured.said))
    say(call.output / "report.json", call.output / "report.html", *pictures)
    if measured.clips:
        say(call.output / CLIPS)
    return 0


class Measured(NamedTuple):
    """What a suite hands over: its name, how many items it measured, figures, pictures by file name, the page, what is printed,
    whether the split was held out, and sounds by their files' names with what is known of them."""

    suite: str
    n: int
    figures: Mapping[str, Figure]
    drawn: Mapping[str, MplFigure]
    sections: list[Section]
    table: str
    said: list[str]
    held_out: bool | None
    clips: Sequence[Clip] = ()


def groove_trainings(call: Evaluate) -> list[Training]:
    """The models of grooves and the classifiers that were named; none where a model of something else was.

    Raises:
      InputError: no such model, a suite that does not go with it, or a classifier beside a model of something else or that is none.
    """
    from drumjax.cli.evaluate_grooves import find_trainings
    from drumjax.instruments.groove_parts import GENRE_CLASSIFIER
    from drumjax.instruments.loading import model_folder

    suite = "pocketvae"
    found = find_trainings(model_folder(call.model))
    if found and call.suite not in (None, suite):
        raise InputError(call.model, rule=f"a model for the suite {call.suite!r}", found="of grooves", remedy="leave --suite out")
    if not found and call.suite == suite:
        remedy = "name a training of 'drumjax train pocketvae', or a folder of several"
        raise InputError(call.model, rule=f"models for the suite {suite!r}", found="none", remedy=remedy)
    if call.classifier is None:
        return found
    if not found:
        raise InputError("--classifier", rule="a model of grooves", found="a model of something else", remedy="leave it out")
    beside = [each for each in find_trainings(model_folder(call.classifier)) if each.system == GENRE_CLASSIFIER]
    if not beside:
        remedy = "name a training of 'drumjax train genre-classifier'"
        raise InputError(call.classifier, rule="a classifier of genres", found="none", remedy=remedy)
    return [*found, *(each for each in beside if each.place not in {other.place for other in found})]


def sound_members(call: Evaluate) -> dict[str, Path]:
    """The checkpoints of a model of sounds, with the vocoder that was named; none of a model of patterns.

    Raises:
      InputError: no such model, or a suite or a vocoder that does not go with it.
    """
    from drumjax import checkpoint
    from drumjax.instruments.loading import VOCODER, model_folder, vocoder_directory

    members = checkpoint.find_members(model_folder(call.model))
    is_sounds = any(checkpoint.read_card(place).get("system") in SYSTEMS for place in members.values())
    if call.suite is not None and (call.suite == "sounds") != is_sounds:
        what, remedy = ("sounds", "leave --suite out") if is_sounds else ("patterns", "name --suite patterns or generation")
        raise InputError(call.model, rule=f"a model for the suite {call.suite!r}", found=f"a model of {what}", remedy=remedy)
    if call.vocoder is not None:
        if not is_sounds:
            raise InputError("--vocoder", rule="a model of sounds", found="a model of patterns", remedy="leave it out")
        members = {role: place for role, place in members.items() if role != VOCODER} | {VOCODER: vocoder_directory(call.vocoder)}
    return dict(members) if is_sounds else {}


def check_counts(data: str, counts: Mapping[str, int], splits: Iterable[str], least: int, items: str) -> None:
    """That splits have items to measure.

    Raises:
      InputError: one has too few.
    """
    for split in splits:
        if (count := counts.get(split, 0)) < least:
            remedy = "name another --split, or build the data with a share for it"
            rule = f"{items} in the split {split!r}" if least == 1 else f"at least {least} {items} in the split {split!r}"
            raise InputError(data, rule=rule, found=str(count) if count else "none", remedy=remedy)


def write_clips(output: Path, clips: Sequence[Clip]) -> None:
    """Writes the sounds of a report, each with its record."""
    if not clips:
        return
    from drumjax.signal.audio_file import write_audio

    make_folder(output / CLIPS)
    for clip in clips:
        write_audio(output / CLIPS / clip.name, clip.audio, clip.sample_rate_hz, clip.record)


def measure_sounds(call: Evaluate, members: Mapping[str, Path]) -> Measured:
    """The suite `sounds`."""
    from drumjax import checkpoint
    from drumjax.cli import evaluate_sounds as reporting
    from drumjax.datasets.load import load_sounds
    from drumjax.instruments import sound_evaluation as suite
    from drumjax.instruments.sound_parts import load_parts

    parts = load_parts(members)
    data = load_sounds(call.data)
    reporting.check_fits(parts, data.info, call.data)
    check_counts(call.data, data.info.counts, (call.split, "train") if parts.encode else (call.split,), 1, "sounds")
    make_folder(call.output)
    with reporting.progress() as tell:
        result = suite.evaluate(
            parts, data.splits, data.info.classes, call.split, per_class=call.per_class, seed=call.seed, tell=tell
        )
    n = data.info.counts[call.split]
    held_out = suite.held_out(parts, data.info.source_sha256, call.split)
    said = [*reporting.verdicts(result, call.split, n), standing(held_out, "sounds")]
    drawn = reporting.draw(parts, result, course(Path(call.model)))
    sha256 = checkpoint.fingerprint_members(members)
    clips = reporting.clips_of(result, call.model, sha256, parts.mel.sample_rate_hz, call.data, call.split, call.seed)
    page = reporting.sections(said, result, drawn, clips)
    return Measured("sounds", n, result.figures, drawn, page, reporting.printed(result), said, held_out, clips)


def measure_grooves(call: Evaluate, trainings: Sequence[Training]) -> Measured:
    """The suite `pocketvae`."""
    from drumjax.cli import evaluate_grooves as reporting
    from drumjax.cli.evaluate_sounds import progress
    from drumjax.instruments import groove_evaluation as suite

    data = reporting.find_data(call.data)
    for name, each in data.items():
        check_counts(name, each.info.counts, (call.split, "train"), 1, "grooves")
    splits, held_out = reporting.join(trainings, data, call.split)
    make_folder(call.output)
    with progress() as tell:
        result = suite.evaluate(splits, seed=call.seed, tell=tell)
    counts = {name: each.info.counts[call.split] for name, each in data.items()}
    said = [*reporting.verdicts(result, counts), standing(held_out, "grooves")]
    drawn = reporting.draw(result, course(Path(call.model)))
    clips = reporting.clips_of(result, splits, call.model, call.data, call.split)
    page = reporting.sections(said, result, drawn, clips)
    n = sum(counts.values())
    return Measured("pocketvae", n, result.figures, drawn, page, reporting.printed(result), said, held_out, clips)


def measure_pattern_model(call: Evaluate) -> Measured:
    """The suites `patterns` and `generation`."""
    from drumjax.datasets.load import load_patterns

    instrument = load_instrument(call.model)
    suite = call.suite or ("patterns" if "encode" in instrument.signatures() else "generation")
    if suite == "patterns":
        check_encodes(instrument, call.model)
    elif call.split == "train":
        remedy = "name 'test' or 'validation'"
        raise InputError("--split", rule="held-out patterns for the suite 'generation'", found="'train'", remedy=remedy)
    data = load_patterns(call.data)
    check_fits(instrument, data.info.drum_map, data.info.steps, call.data)
    check_counts(call.data, data.info.counts, (call.split, "train"), 1 if suite == "patterns" else 2, "patterns")
    make_folder(call.output)
    return (measure_patterns if suite == "patterns" else measure_generation)(call, instrument, data)


def check_encodes(instrument: PatternInstrument, model: str) -> None:
    """That a model can reconstruct.

    Raises:
      InputError: it has no encoder.
    """
    if "encode" not in instrument.signatures():
        raise InputError(
            model, rule="a model with an encoder for the suite 'patterns'", found="one without", remedy="name --suite generation"
        )


def measure_patterns(call: Evaluate, instrument: PatternInstrument, data: PatternSet) -> Measured:
    """The suite `patterns`."""
    from drumjax.instruments import evaluation as suite

    result = suite.evaluate(
        instrument,
        data.splits,
        data.info.genres,
        call.split,
        transitions_each=call.transitions,
        measures=call.measures,
        seed=call.seed,
    )
    held_out = suite.held_out(instrument.card, data.info.source_sha256, call.split)
    said = [
        suite.verdict(result.figures, call.split, data.info.counts[call.split], held_out),
        standing(held_out),
        f"A hit is a decoded velocity of at least {instrument.threshold:.3f}, the threshold stored with the model, chosen on the "
        "validation split of its own data.",
        *left_out(data.info.counts["train"], data.info.genres),
    ]
    drawn = draw_pictures(result, data.splits["train"], data.info.genres, course(Path(call.model)))
    rows = [row for row in figure_rows(result.figures) if "→" not in row[0]]
    width = max(len(row[0]) for row in rows)
    table = "\n".join(f"{name:<{width}}  {mean}{f' ± {sd}' if sd else ''}" for name, mean, sd, _ in rows)
    n = data.info.counts[call.split]
    return Measured("patterns", n, result.figures, drawn, sections("\n\n".join(said), result, drawn), table, said, held_out)


def measure_generation(call: Evaluate, instrument: PatternInstrument, data: PatternSet) -> Measured:
    """The suite `generation`."""
    from drumjax.instruments import evaluation as suite

    result = suite.evaluate_generation(instrument, data.splits, data.info.genres, call.split, sets=call.sets, seed=call.seed)
    held_out = suite.held_out(instrument.card, data.info.source_sha256, call.split)
    gan = instrument.card["system"] == "pattern-gan"
    chosen = "gives the training set's mean number of hits" if gan else "has the best onset F1 on the validation split"
    said = [
        suite.verdict_on_generation(result.figures, call.split),
        standing(held_out),
        f"A hit is a velocity of at least {instrument.threshold:.3f}, the threshold stored with the model; it {chosen} of its own "
        "data.",
    ]
    drawn = draw_generation(instrument, result, call.seed, course(Path(call.model)))
    rows = generation_rows(result.figures)
    width = max(len(row[0]) for row in rows)
    lines = [f"{name:<{width}}  {f'{mean} ± {sd}':<22}{held:<12}{independent}" for name, mean, sd, held, independent, _ in rows]
    table = "\n".join([f"{'':<{width}}  {'generated':<22}{'held out':<12}independent cells", *lines])
    n = data.info.counts[call.split]
    page = generation_sections("\n\n".join(said), result, drawn)
    return Measured("generation", n, result.figures, drawn, page, table, said, held_out)
