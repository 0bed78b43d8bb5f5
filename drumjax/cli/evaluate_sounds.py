"""The suite `sounds` of `drumjax evaluate`: from what was measured to a table, a page, pictures and clips."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from drumjax.boundary import InputError
from drumjax.cli.arguments import warnings_said

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

    from drumjax.datasets.sounds.info import SoundInfo
    from drumjax.instruments.sound_evaluation import SoundEvaluation, Tell
    from drumjax.instruments.sound_parts import Parts
    from drumjax.metrics.report import Figure
    from drumjax.serve.page import Section

SYSTEMS = ("cwae", "mcnn")
CLIPS = "sounds"
"""The folder of a report's clips."""
IN_A_PICTURE = 5
"""Sounds beside each other in a picture."""


CAPTIONS: Mapping[str, str] = {
    "spectrograms": "Sounds through every stage (Fig. 3); each sound is the median of its class by its error.",
    "waveforms": "The same sounds as waveforms (Fig. 4), the original above.",
    "new": "New sounds of codes drawn from the prior, one a class (Fig. 6): waveform, the CWAE's spectrogram, the waveform's own.",
    "errors": "Mean errors by class.",
    "confusion": "How the classifier of training sounds hears new sounds.",
    "confusion_held_out": "How it hears the data's own held-out sounds.",
    "codes": "Codes of the split by class.",
    "training": "The course of the training.",
}
"""By a picture's name, without the number of its page."""


class Clip(NamedTuple):
    """A sound of a report: its file's name in `CLIPS`, float32 (samples,) in [-1, 1], its rate, and what it is."""

    name: str
    audio: np.ndarray
    sample_rate_hz: int
    record: Mapping[str, Any]


def check_fits(parts: Parts, info: SoundInfo, data: str) -> None:
    """That a model can hear a data set.

    Raises:
      InputError: another rate or length, or a class that the model does not know.
    """
    ours = parts.mel.sample_rate_hz, parts.mel.samples
    if (theirs := (info.sample_rate_hz, info.samples)) != ours:
        raise InputError(
            data,
            rule=f"sounds of {ours[1]:,} samples at {ours[0]:,} Hz, as the model has them",
            found=f"{theirs[1]:,} at {theirs[0]:,} Hz",
            remedy="build the data for this model, or name the data that it was trained on",
        )
    if parts.encode is not None and (unknown := [name for name in info.classes if name not in parts.classes]):
        raise InputError(
            data,
            rule=f"classes that the model was trained on ({', '.join(parts.classes)})",
            found=", ".join(unknown),
            remedy="build the data with 'drumjax data build … --classes', or train a model on these",
        )


@contextlib.contextmanager
def progress() -> Iterator[Tell]:
    """What hears of progress: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        with warnings_said():
            yield tell


def verdicts(result: SoundEvaluation, split: str, n: int) -> list[str]:
    """What the figures say, a paragraph each; what was left out."""
    from drumjax.instruments import sound_evaluation as suite

    figures = result.figures
    said = [suite.verdict_on_vocoder(figures, split, n), suite.verdict_on_classes(figures), suite.verdict_on_codes(figures)]
    return [paragraph for paragraph in (*said, *result.notes) if paragraph]


def overall(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The figures of no part: what is of a class or of real sounds alone has a space in its name."""
    return {name: figure for name, figure in figures.items() if " " not in name}


def printed(result: SoundEvaluation) -> str:
    """The table that the command prints: methods against figures, then the rest."""
    from drumjax.instruments.sound_evaluation import METHODS
    from drumjax.metrics.sounds import DEFINITIONS, TITLES

    names = {method: METHODS[method][0] for method in result.methods}
    width = max(map(len, (*names.values(), "code_deviation_train", "class_accuracy_reconstructed")))
    lines = ["".join([f"{'':<{width}}", *(f"  {TITLES[measure]:>21}" for measure in DEFINITIONS)])]
    for method, name in names.items():
        cells = [_spread(result.figures[f"{method}_{measure}"]) for measure in DEFINITIONS]
        lines.append("".join([f"{name:<{width}}", *(f"  {cell:>21}" for cell in cells)]))
    of_methods = {f"{method}_{measure}" for method in METHODS for measure in DEFINITIONS}
    for name, figure in overall(result.figures).items():
        if name not in of_methods and "_minus_" not in name:
            lines.append(f"{name:<{width}}  {_spread(figure):>21}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _spread(figure: Figure) -> str:
    return _number(figure.mean) + (f" ± {_number(figure.sd)}" if figure.sd is not None and math.isfinite(figure.sd) else "")


def _interval(figure: Figure) -> str:
    low, high = figure.interval or (math.nan, math.nan)
    return f"{low:+.3g} to {high:+.3g}" if math.isfinite(low) else ""


def sections(
    said: Sequence[str], result: SoundEvaluation, pictures: Mapping[str, MplFigure], clips: Sequence[Clip]
) -> list[Section]:
    """The report's page: the verdict, sounds to hear, the figures with their definitions, by class, the pictures."""
    from drumjax.serve import page

    figures = result.figures
    rows = [[name, _number(f.mean), _number(f.sd), _interval(f), f.definition] for name, f in overall(figures).items()]
    return [
        page.Text("\n\n".join(said)),
        *_heard(result, clips),
        _at_a_glance(result),
        page.Table(
            "All figures with their definitions",
            ["figure", "mean", "sd", "95 % interval", "definition"],
            rows,
            note="Less is better of spectral convergence, log-mel error, log difference and discrepancy. Phases do not count: what "
            "a vocoder does to them is not in these figures, and has to be heard.",
            folded=True,
        ),
        *_by_class(result),
        *(page.Picture(name, CAPTIONS[Path(name).stem.rstrip("0123456789").rstrip("_")]) for name in pictures),
    ]


def _at_a_glance(result: SoundEvaluation) -> Section:
    """Methods against figures, and the differences of those that read the same spectrograms."""
    from drumjax.instruments.sound_evaluation import DUELS, METHODS
    from drumjax.metrics.sounds import DEFINITIONS, TITLES
    from drumjax.serve import page

    figures = result.figures
    rows = [[METHODS[name][0], *(_spread(figures[f"{name}_{measure}"]) for measure in DEFINITIONS)] for name in result.methods]
    for first, second in DUELS:
        if {first, second} <= set(result.methods):
            differences = [figures[f"{first}_minus_{second}_{measure}"] for measure in DEFINITIONS]
            cells = [f"{difference.mean:+.3g} ({_interval(difference)})" for difference in differences]
            rows.append([f"{METHODS[first][0]} − {METHODS[second][0]}", *cells])
    note = "Means and standard deviations over sounds; differences sound by sound with 95 % intervals. Less is better."
    return page.Table("Reconstruction", ["", *(TITLES[measure] for measure in DEFINITIONS)], rows, note=note)


def _heard(result: SoundEvaluation, clips: Sequence[Clip]) -> list[Section]:
    from drumjax.instruments.sound_evaluation import METHODS
    from drumjax.serve import page

    there = {clip.name for clip in clips}

    def source(label: str, stage: str) -> str | None:
        name = _clip_name(result.classes.index(label), label, stage)
        return f"{CLIPS}/{name}" if name in there else None

    stages = ["original", *(method for method in result.methods if method != "cwae")]
    parts: list[Section] = []
    if result.examples:
        heads = ["sound", "original", *(METHODS[method][0] for method in stages[1:])]
        rows = [
            (f"{example.label}: {example.name}", [source(example.label, stage) for stage in stages]) for example in result.examples
        ]
        parts.append(page.Clips("Reconstructions", heads, rows, note="Of each class the sound of the median error."))
    if result.new:
        rows = [(new.label, [source(new.label, "new")]) for new in result.new]
        parts.append(page.Clips("New sounds", ["class", "of a code drawn from the prior"], rows))
    return parts


def _by_class(result: SoundEvaluation) -> list[Section]:
    from drumjax.instruments.sound_evaluation import METHODS
    from drumjax.metrics.sounds import DEFINITIONS, TITLES
    from drumjax.serve import page

    figures = result.figures
    parts: list[Section] = []
    first = f"{result.methods[0]}_log_mel_error "
    slices = [name.removeprefix(first) for name in figures if name.startswith(first)]
    duel = "mcnn_minus_griffin_lim" if "mcnn" in result.methods else ""
    for measure in DEFINITIONS:
        heads = [METHODS[method][0] for method in result.methods] + (["MCNN − Griffin–Lim", "95 % interval"] if duel else [])
        rows = []
        for part in slices:
            cells = [_number(figures[f"{method}_{measure} {part}"].mean) for method in result.methods]
            if duel:
                difference = figures[f"{duel}_{measure} {part}"]
                cells += [f"{difference.mean:+.3g}", _interval(difference)]
            rows.append([part, *cells])
        title = f"{TITLES[measure].capitalize()} by class"
        parts.append(page.Table(title, ["class", *heads], rows, note=DEFINITIONS[measure], folded=measure == "log_difference"))
    columns = {
        "class_accuracy": "new sounds", "class_accuracy_reconstructed": "reconstructed", "class_accuracy_held_out": "held out",
        "class_accuracy_known": "training sounds, by folds",
    }  # fmt: skip
    parts += _table(result, "Class accuracy by class", {name: head for name, head in columns.items() if name in figures})
    for suffix, of in (("", "of the split"), ("_train", "of the split train")):
        columns = {
            f"mmd{suffix}": "discrepancy", f"mmd_null_mean{suffix}": "prior, mean", f"mmd_null_95{suffix}": "prior, 95 %",
            f"mmd_p{suffix}": "p", f"normality_p{suffix}": "normality, p", f"normality_rejected{suffix}": "dimensions that fail",
            f"code_mean{suffix}": "mean", f"code_deviation{suffix}": "deviation",
        }  # fmt: skip
        if f"mmd{suffix}" in figures:
            parts += _table(result, f"Codes by class, {of}", columns, folded=bool(suffix))
    return parts


def _table(result: SoundEvaluation, title: str, columns: Mapping[str, str], *, folded: bool = False) -> list[Section]:
    """A row a class that has any of the figures."""
    from drumjax.serve import page

    rows = []
    for label in result.classes:
        cells = [result.figures.get(f"{name} {label}") for name in columns]
        if any(cells):
            rows.append([label, *(_number(cell.mean) if cell else "" for cell in cells)])
    return [page.Table(title, ["class", *columns.values()], rows, folded=folded)] if rows else []


def draw(parts: Parts, result: SoundEvaluation, rows: Sequence[Mapping[str, str]]) -> dict[str, MplFigure]:
    """The report's pictures by file name: Figs. 3, 4 and 6 of the paper with this model's sounds, and the figures."""
    from drumjax import plots
    from drumjax.instruments.sound_evaluation import METHODS
    from drumjax.metrics.sounds import DEFINITIONS, TITLES

    made: dict[str, MplFigure] = {}
    for page, first in enumerate(range(0, len(result.examples), IN_A_PICTURE), 1):
        some = result.examples[first : first + IN_A_PICTURE]
        names = [example.label for example in some]
        # Two yardsticks that sound alike would only make every picture smaller.
        stages = {"original": "original"} | {name: METHODS[name][0] for name in result.methods if name != "griffin_lim_plain"}
        heard = {stage: title for stage, title in stages.items() if stage in some[0].audio}
        columns = {title: [example.mel[stage] for example in some] for stage, title in stages.items()}
        made[f"spectrograms_{page}.png"] = plots.spectrograms(names, columns, parts.mel)
        lines = {title: [example.audio[stage] for example in some] for stage, title in heard.items()}
        made[f"waveforms_{page}.png"] = plots.waveforms(names, lines, parts.mel)
    if result.new:
        sketches = [plots.Sketch(new.label, new.audio, new.mel) for new in result.new]
        made["new.png"] = plots.sound_sheet(sketches, parts.mel, columns=IN_A_PICTURE)
    shown = [name for name in result.classes if f"{result.methods[0]}_log_mel_error {name}" in result.figures]
    panels = {
        TITLES[measure]: {
            METHODS[method][0]: [result.figures[f"{method}_{measure} {name}"].mean for name in shown] for method in result.methods
        }
        for measure in list(DEFINITIONS)[:2]
    }
    made["errors.png"] = plots.class_bars(panels, shown)
    for name, file, asked in (("generated", "confusion.png", "class asked for"), ("held-out", "confusion_held_out.png", "class")):
        if name in result.heard:
            made[file] = plots.confusion(result.heard[name].counts, result.classes, asked=asked)
    if result.codes is not None and len(result.codes[0]) > 2:
        made["codes.png"] = plots.code_pca(*result.codes, result.classes)
    if rows:
        made["training.png"] = plots.training_curves(rows)
    return made


def clips_of(result: SoundEvaluation, model: str, sha256: str, sample_rate_hz: int, data: str, split: str, seed: int) -> list[Clip]:
    """What a report lets hear: the examples through all stages, and the new sounds. A sound beyond full scale is made softer."""
    from drumjax.provenance import provenance

    def clip(label: str, stage: str, audio: np.ndarray, **what: str) -> Clip:
        of = {"stage": stage, "class": label, "data": data, "split": split, **what}
        record = provenance("evaluate", model=model, model_sha256=sha256, seed=seed, parameters=of)
        return Clip(_clip_name(result.classes.index(label), label, stage), _bounded(audio), sample_rate_hz, record)

    examples = [
        clip(example.label, stage, audio, sound=example.name)
        for example in result.examples
        for stage, audio in example.audio.items()
    ]
    return examples + [clip(new.label, "new", new.audio) for new in result.new]


def _clip_name(number: int, label: str, stage: str) -> str:
    # Classes are named by whoever made the data: two may be alike once they are fit for a file's name.
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in label)[:40]
    return f"{number + 1:02}_{plain}_{stage}.wav"


def _bounded(audio: np.ndarray) -> np.ndarray:
    return audio / max(1.0, float(np.abs(audio).max()))
