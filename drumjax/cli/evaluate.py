"""`drumjax evaluate`: a trained model in figures and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from tyro.conf import arg

from drumjax.boundary import InputError
from drumjax.cli.arguments import Model, load_instrument, make_folder, parse, say, writing

if TYPE_CHECKING:
    from drumjax.instruments.evaluation import Evaluation
    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.metrics.report import Figure
    from drumjax.serve.page import Section


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained model on prepared data: report.json, report.html and pictures.

    Reconstruction (onset F1, velocity error) beside two yardsticks, the best copy from the training set and the best constant
    pattern; transitions (novelty, smoothness, distance to the data) beside the crossfade's, over all and per pair of genres. Every
    figure stands with its definition.

    examples:
      drumjax evaluate pattern-vae --data embedded -o report/
      drumjax evaluate runs/mine --data data/ --split validation -o report/
    """

    model: Model
    """A training's working directory, a model's folder, or a shipped model's name."""
    data: str
    """Prepared data (a folder of 'drumjax data build', an .npz of 'drumjax data arrays') or 'embedded'."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")
    """The folder for report.json, report.html and the pictures."""
    split: Literal["train", "validation", "test"] = "test"
    """What is measured; the model's choices (its threshold) were made on 'validation'."""
    suite: Literal["patterns"] = "patterns"
    """The set of measures."""
    transitions: int = 10
    """Transitions for every ordered pair of genres."""
    measures: int = 6
    """Patterns of a transition, ends included (the paper's experiment has 6)."""
    seed: int = 0
    """Of the choice of transitions."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for name, least in (("measures", 3), ("transitions", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"expected --{name} of at least {least}, found {getattr(self, name)}")


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


def save_pictures(
    evaluation: Evaluation, instrument: PatternInstrument, splits: Mapping, genres: tuple, folder: Path
) -> list[Path]:
    """Figs. 3 to 5 of the paper with this model's patterns: PCA with trajectories, and interpolations beside crossfades."""
    from drumjax import plots

    paths = []
    between = {t.genres: t for t in evaluation.transitions if t.genres[0] != t.genres[1]} or {
        t.genres: t for t in evaluation.transitions
    }
    train = splits["train"]
    names = [genres[g] for g in train["genre"]]
    trajectories = [plots.Trajectory(a, b, np.stack([p.velocity for p in t.interpolation])) for (a, b), t in between.items()]
    path = folder / "pca.png"
    plots.save(plots.pattern_pca(train["velocity"], names, trajectories), path)
    paths.append(path)
    for (a, b), transition in list(between.items())[:3]:
        path = folder / f"transition_{a}_{b}.png".replace("/", "_").replace(" ", "_")
        plots.save(plots.interpolation_beside_crossfade(transition.interpolation, transition.crossfade), path)
        paths.append(path)
    return paths


def sections(verdict: str, result: Evaluation, pictures: Sequence[Path]) -> list[Section]:
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
    return [*parts, *(page.Picture(path.name, path.stem.replace("_", " ")) for path in pictures)]


def evaluate(arguments: list[str], prog: str) -> int:
    """`drumjax evaluate`."""
    call = parse(Evaluate, arguments, prog)
    from drumjax.datasets.load import load_patterns
    from drumjax.instruments import evaluation as suite
    from drumjax.metrics.report import report, write_report_json
    from drumjax.serve import page

    instrument = load_instrument(call.model)
    data = load_patterns(call.data)
    check_fits(instrument, data.info.drum_map, data.info.steps, call.data)
    n = data.info.counts.get(call.split, 0)
    if not n:
        remedy = "name another --split, or build the data with a share for it"
        raise InputError(call.data, rule=f"patterns in the split {call.split!r}", found="none", remedy=remedy)
    make_folder(call.output)
    result = suite.evaluate(
        instrument,
        data.splits,
        data.info.genres,
        call.split,
        transitions_each=call.transitions,
        measures=call.measures,
        seed=call.seed,
    )
    content = report(suite=call.suite, model=call.model, data=call.data, split=call.split, n=n, metrics=result.figures)
    gain = result.figures["gain_over_neighbour"].mean
    verdict = (
        f"On the split {call.split} ({n} patterns) the model reconstructs {'better' if gain > 0 else 'worse'} than the best copy "
        f"from the training set, by {abs(gain):.3f} in onset F1. A hit is a decoded velocity of at least "
        f"{instrument.threshold:.3f}, the threshold stored with the model, chosen on the validation split."
    )
    with writing(call.output):
        write_report_json(call.output / "report.json", content)
        pictures = save_pictures(result, instrument, data.splits, data.info.genres, call.output)
        page.write_page(call.output / "report.html", f"{call.model} on {call.data}", sections(verdict, result, pictures))
    rows = figure_rows(result.figures)
    width = max(len(row[0]) for row in rows)
    for name, mean, sd, _ in rows:
        if "→" not in name:
            print(f"{name:<{width}}  {mean}{f' ± {sd}' if sd else ''}")
    print(verdict)
    say(call.output / "report.json", call.output / "report.html", *pictures)
    return 0
