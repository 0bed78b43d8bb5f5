"""The suite `pocketvae` of `drumjax evaluate`: which trainings belong to which data; from what was measured to a page."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from drumjax.boundary import InputError
from drumjax.cli.evaluate_sounds import CLIPS, Clip

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

    from drumjax.datasets.grooves.info import GrooveInfo, GrooveSet
    from drumjax.instruments.groove_evaluation import GrooveEvaluation, Made, Split
    from drumjax.metrics.report import Figure
    from drumjax.patterns import Pattern
    from drumjax.serve.page import Section

SYSTEMS = ("pocketvae", "genre-classifier")
_OF_ALL_SPLITS = ("kind", "genres", "drum_map", "steps", "licences", "left_out")
"""What is said of a data set that does not hang on the seed of its splits."""
_DEPTH = 2
"""How deep below a folder trainings are looked for."""

CAPTIONS: Mapping[str, str] = {
    "trends": "Mean velocities and microtiming of real grooves, and of rebuilt ones on their own notes, at the four 16ths of a "
    "quarter note, by genre (Fig. 4).",
    "confusion": "How grooves on held-out templates are heard, each in its own genre and with a genre imposed on all (Fig. 5).",
    "control": "One template played with its microtiming pushed, on the beat and laid back (Fig. 6): the median response.",
    "responses": "Mean microtiming of grooves on all held-out templates under the three patterns.",
    "codes": "Codes that the prior draws for each genre (Fig. 7).",
    "training": "The course of the training.",
}
"""By a picture's name."""


class Training(NamedTuple):
    """A checkpoint that was found: its directory, its card, and the folder in which it was found."""

    place: Path
    card: Mapping[str, Any]
    folder: Path

    @property
    def system(self) -> str:
        return str(self.card.get("system"))

    @property
    def data_sha256(self) -> str:
        """Of the data that it was trained on; "" where its card does not say."""
        return str(self._data.get("source_sha256", ""))

    def is_of_another_split(self, info: GrooveInfo) -> bool:
        """Whether it was trained on the same tracks, split otherwise: by all that a card says of them and no seed changes."""
        same = all(self._data.get(name) == value for name, value in info.to_json().items() if name in _OF_ALL_SPLITS)
        counts = self._data.get("counts")
        return same and isinstance(counts, Mapping) and sum(counts.values()) == sum(info.counts.values())

    @property
    def _data(self) -> Mapping[str, Any]:
        data = self.card.get("data")
        return data if isinstance(data, Mapping) else {}


# -- What was trained on what --------------------------------------------------------------------------------------------------


def find_trainings(folder: Path) -> list[Training]:
    """The models of grooves and classifiers of genres that a folder is or holds, at most two levels down; none of other systems.

    Raises:
      InputError: one of them is damaged.
    """
    from drumjax import checkpoint

    found = []
    for where, folders, files in os.walk(folder):
        here = Path(where)
        if checkpoint.INSTRUMENT in files or checkpoint.CARD in files or checkpoint.list_checkpoints(here):
            members = checkpoint.find_members(here)
            if checkpoint.MODEL in members:
                training = Training(members[checkpoint.MODEL], checkpoint.read_card(members[checkpoint.MODEL]), here)
                found += [training] if training.system in SYSTEMS else []
            folders.clear()
        elif len(here.relative_to(folder).parts) >= _DEPTH:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
    return found


def find_data(where: str) -> dict[str, GrooveSet]:
    """The prepared grooves that `--data` names, by name: one set, or all that a folder holds; of two alike the first.

    Raises:
      InputError: there are none.
    """
    from drumjax.datasets.grooves.info import BUILDER
    from drumjax.datasets.load import load_grooves, prepared_folders

    path = Path(where)
    if os.path.isdir(path):
        folders = [folder for folder in prepared_folders(path) if folder.parent.parent.name == BUILDER]
        places = [*folders, *sorted(path.glob("*.npz"))]
        if len(places) > 1:
            found: dict[str, tuple[str, GrooveSet]] = {}
            for place in places:
                each = load_grooves(place)
                found.setdefault(each.info.source_sha256, (str(place.relative_to(path)), each))
            return dict(found.values())
        if places:
            return {where: load_grooves(places[0])}
    return {where: load_grooves(where)}


def join(trainings: Sequence[Training], data: Mapping[str, GrooveSet], split: str) -> tuple[list[Split], bool | None]:
    """Every data set with the models that were trained on it; one data set with all models where none of them was.

    Args:
      trainings: of `find_trainings`.
      data: of `find_data`.
      split: what is measured.

    Returns:
      The splits, and whether what is measured was held out from all trainings, see `drumjax.instruments.evaluation.held_out`.

    Raises:
      InputError: a training on none of the data where others are on some or on another split of the same tracks, two of one row on
        the same data, data of other genres than the first, or a damaged model.
    """
    from drumjax.instruments.evaluation import held_out
    from drumjax.instruments.groove_evaluation import Split
    from drumjax.instruments.groove_parts import GENRE_CLASSIFIER, how_long, load_classifier, load_grooves
    from drumjax.instruments.groove_table import ROWS

    known = {each.info.source_sha256 for each in data.values()}
    lost = [training for training in trainings if training.data_sha256 not in known]
    strange = len(lost) == len(trainings) and len(data) == 1  # data of another source, such as other drummers' patterns
    if lost and not strange:
        remedy = "name the data that it was trained on too, or move it elsewhere"
        raise InputError(lost[0].folder, rule="a training on one of the data sets", found="one on other data", remedy=remedy)
    first_info = next(iter(data.values())).info
    first = first_info.genres
    for training in lost:
        if training.is_of_another_split(first_info):
            remedy = "name the data that it was trained on: here it would be measured on tracks that it has learned"
            found = "one on another split of the same tracks"
            raise InputError(training.folder, rule="a training on this split, or on other tracks", found=found, remedy=remedy)
    splits, held = [], []
    for name, each in data.items():
        if each.info.genres != first:
            remedy = "name data of the same genres, such as splits of one data set by several seeds"
            raise InputError(name, rule=f"the genres {', '.join(first)}", found=", ".join(each.info.genres), remedy=remedy)
        models: dict[str, Any] = {}
        of_rows: dict[str, Path] = {}
        classify, judge = None, ""
        for training in trainings:
            if not strange and training.data_sha256 != each.info.source_sha256:
                continue
            if training.system == GENRE_CLASSIFIER:
                row, title = GENRE_CLASSIFIER, "genre classifier"
                classify = load_classifier(training.place, each.info.genres)
                judge = how_long(training.place, training.card) if classify else ""
            else:
                model = load_grooves(training.place)
                check_fits(model.instrument.config.steps, model.instrument.drum_map, each, name)
                row, title = model.row, ROWS[model.row]
                models[row] = model
            if row in of_rows:
                remedy = "name a folder with one of them, or train the other on another split"
                raise InputError(
                    training.folder, rule=f"one {title} for each data set", found=f"another in {of_rows[row]}", remedy=remedy
                )
            of_rows[row] = training.folder
            held.append(held_out(training.card, each.info.source_sha256, split))
        arrays = each.splits["train"], each.splits[split]
        same = split == "train"
        splits.append(Split(name, each.info.genres, *arrays, models, classify, same=same, foreign=strange, judge=judge))
    return splits, False if False in held else None if None in held or not held else True


def check_fits(steps: int, drum_map: object, data: GrooveSet, name: str) -> None:
    """That a model can read a data set.

    Raises:
      InputError: other lanes or another length.
    """
    if drum_map != data.info.drum_map or steps != data.info.steps:
        found = f"{data.info.steps} steps on {data.info.drum_map.name!r}"
        remedy = "build the data with 'drumjax data build … --kind grooves'"
        raise InputError(name, rule=f"grooves of {steps} steps on the model's drum map", found=found, remedy=remedy)


# -- Words and tables ----------------------------------------------------------------------------------------------------------


def verdicts(result: GrooveEvaluation, counts: Mapping[str, int]) -> list[str]:
    """What the figures say, a paragraph each, and what was left out."""
    from drumjax.instruments import groove_evaluation as suite
    from drumjax.instruments import groove_table as table

    measured = ", ".join(f"{name} ({n} windows)" for name, n in counts.items())
    titles = {**table.ROWS, table.TEST_DATA: "the"}
    lengths = "; ".join(f"{titles[row]} {said}" for row, said in result.trained.items() if said)
    said = [f"Measured on {measured}. " + (f"Trained: {lengths}." if lengths else "")]
    said += [table.OTHER_DATA, *table.order_of_rows(result.figures), table.genres_kept(result.figures)]
    return [paragraph.strip() for paragraph in (*said, *suite.verdict_on_control(result), *result.notes) if paragraph]


def number(value: float | None) -> str:
    """Three digits, as the paper has them, and more of small numbers; "" for none."""
    if value is None or math.isnan(value):
        return ""
    return "∞" if math.isinf(value) else f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def spread(figure: Figure | None) -> str:
    """A figure and, over several splits, its standard deviation."""
    if figure is None:
        return ""
    return number(figure.mean) + (f" ± {number(figure.sd)}" if figure.sd is not None and math.isfinite(figure.sd) else "")


def table_rows(result: GrooveEvaluation, columns: Sequence[str], *, paper: bool) -> list[list[str]]:
    """Rows of a table: name, splits, a cell a column; where asked for, epochs of training, and below each row the paper's."""
    from drumjax.instruments.groove_table import NEIGHBOURS, PAPER, PAPER_EPOCHS, ROWS, TEST_DATA

    rows = []
    for row, title in ROWS.items():
        cells = [spread(result.figures.get(f"{row} {column}")) for column in columns]
        if any(cells):
            rows.append(
                [
                    title,
                    str(result.splits[row]),
                    *cells,
                    *[re.sub(r" epochs[^;]*|(?<=; )classifier ", "", result.trained[row])] * paper,
                ]
            )
        if paper and row in PAPER:
            theirs = [PAPER[row].get(column) for column in columns]
            said = ["" if pair is None else f"{pair[0]:g} ± {pair[1]:.3f}" for pair in theirs]
            epochs = "" if row in (TEST_DATA, NEIGHBOURS) else str(PAPER_EPOCHS)
            rows.append([f"{title}, paper" if not any(cells) else "paper", "5", *said, epochs])
    return rows


def _tables(result: GrooveEvaluation) -> list[tuple[str, str, list[str], list[list[str]]]]:
    """Title, note, headings and rows of every table."""
    from drumjax.instruments.groove_table import CASCADE, CODE_COLUMNS, COLUMNS

    on_true = (
        "Velocities and microtiming rebuilt on the true notes, as the paper's code does; of K-NN and 1-step as they come out, for "
        "theirs do not hang on notes. Errors are means over all 224 cells, silent ones too (those at hits stand below); means and "
        "standard deviations are over splits."
    )
    on_own = "The same on the notes that the model itself put out, the way it plays."
    cascade = {f"{name}{CASCADE}": title for name, title in COLUMNS.items() if name != "note_f1"}
    hits = {
        "velocity_mse_hits": "Vel. MSE at hits", "timing_mse_hits": "MT MSE at hits",
        f"velocity_mse_hits{CASCADE}": "Vel. MSE, cascade", f"timing_mse_hits{CASCADE}": "MT MSE, cascade",
        "genre_accuracy_tracks": "Genre acc. of tracks",
    }  # fmt: skip
    parts = [
        ("Table 1", on_true, COLUMNS, True),
        ("In a cascade", on_own, cascade, False),
        ("As the public code measures", "Where its definition is another than the paper's.", CODE_COLUMNS, False),
        ("At hits, and over tracks", "Errors on the cells that are hit in the reference.", hits, False),
    ]
    made = [
        (title, note, ["", "splits", *columns.values(), *["epochs"] * paper], table_rows(result, list(columns), paper=paper))
        for title, note, columns, paper in parts
    ]
    return [part for part in made if part[3]]


def printed(result: GrooveEvaluation) -> str:
    """The tables that the command prints."""
    lines = []
    for title, _, heads, rows in _tables(result):
        widths = [max(len(cell) for cell in column) for column in zip([title, *heads[1:]], *rows, strict=True)]
        lines += [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in ([title, *heads[1:]], *rows)
        ]
        lines.append("")
    return "\n".join(lines[:-1])


def sections(
    said: Sequence[str], result: GrooveEvaluation, pictures: Mapping[str, MplFigure], clips: Sequence[Clip]
) -> list[Section]:
    """The report's page: the verdict, the tables, control, pictures, the codes' sounds, and all figures with their definitions."""
    from drumjax.instruments.groove_table import ROWS
    from drumjax.serve import page

    parts: list[Section] = [page.Text("\n\n".join(said))]
    parts += [page.Table(title, heads, rows, note=note) for title, note, heads, rows in _tables(result)]
    if (name := f"{result.controlled} imposed_accuracy") in result.figures:
        rows = [
            [genre, *(spread(result.figures[f"{part} {genre}"]) for part in (f"{result.controlled} unimposed_share", name))]
            for genre in result.genres
        ]
        heads = ["genre", "heard as it, each in its own", "heard as it, it being imposed"]
        parts.append(page.Table("Genres imposed", heads, rows, note=f"Shares of grooves that {ROWS[result.controlled]} makes."))
    parts += [page.Picture(source, CAPTIONS[Path(source).stem]) for source in pictures]
    if clips:
        assert result.codes is not None
        said_of = [
            f"{code}, most in {result.genres[int(shares.argmax())]}" if shares.any() else f"{code}, never drawn"
            for code, shares in enumerate(_shares(result.codes).T)
        ]
        heard = [(said_of[clip.record["parameters"]["code"]], clip) for clip in clips]
        note = (
            "A bar of each code, the same on every quarter note of a plain beat, and the genre in which the prior draws it most. "
            f"Shown are {len(clips)}, the commonest of {result.codes.shape[1]} codes."
        )
        rows_of = [(name, [f"{CLIPS}/{clip.name}"]) for name, clip in heard]
        parts.append(page.Clips("Codes", ["code", "on a plain beat"], rows_of, note=note))
    rows = [[name, number(f.mean), number(f.sd), _interval(f), f.definition] for name, f in result.figures.items()]
    return [
        *parts,
        page.Table(
            "All figures with their definitions", ["figure", "mean", "sd", "95 % interval", "definition"], rows, folded=True
        ),
    ]


def _shares(codes: np.ndarray) -> np.ndarray:
    """Counts (genres, codes) as shares of a genre's."""
    return codes / np.maximum(codes.sum(1, keepdims=True), 1)


def _interval(figure: Figure) -> str:
    low, high = figure.interval or (math.nan, math.nan)
    return f"{low:.3f} to {high:.3f}" if math.isfinite(low) else ""


# -- Pictures ------------------------------------------------------------------------------------------------------------------


def draw(result: GrooveEvaluation, rows: Sequence[Mapping[str, str]]) -> dict[str, MplFigure]:
    """The report's pictures by file name: Figs. 4 to 7 of the paper with these models' grooves, and the course of a training."""
    from drumjax import plots
    from drumjax.instruments.groove_table import ROWS

    made: dict[str, MplFigure] = {}
    if result.trends:
        trends = {
            genre: {ROWS[row]: (trend.velocity.mean, trend.offset.mean) for row, trend in of.items()}
            for genre, of in result.trends.items()
        }
        made["trends.png"] = plots.metrical_trends(trends)
    if result.confusions:
        panels = {f"{genre} imposed" if genre else "own genre": counts for genre, counts in result.confusions.items()}
        made["confusion.png"] = plots.genre_confusions(panels, result.genres, title=ROWS[result.controlled])
    if result.control is not None and result.response is not None:
        control, response = result.control, result.response
        steps = control.template.shape[1]
        shown = [plots.Performance("original", _pattern(control.original), template=control.template[0])]
        ways = {"pushed": control.pushed, "on the beat": control.neutral, "laid back": control.laid_back}
        for told, (name, groove) in enumerate(ways.items()):
            shown.append(plots.Performance(name, _pattern(groove), control.template[0], timing=np.full(steps, told)))
        made["control.png"] = plots.groove_sheet(shown, title=ROWS[result.patterned])
        means = dict(zip(ways, (response.pushed, response.neutral, response.laid_back), strict=True))
        if all(np.isfinite(values).any() for values in means.values()):
            made["responses.png"] = plots.timing_responses(means, title=ROWS[result.patterned])
    if result.codes is not None and result.spelt is not None:
        heard = result.spelt.codes[:, 0]
        made["codes.png"] = plots.code_use(result.codes, result.genres, shown=heard, title=ROWS[result.controlled])
    if rows:
        made["training.png"] = plots.training_curves(rows)
    return made


def _pattern(made: Made, number: int = 0, steps: int | None = None) -> Pattern:
    """One of the grooves as a pattern, all of it or so many steps."""
    from dataclasses import replace

    from drumjax.patterns import POCKET, Pattern

    pattern = Pattern.from_grid(made.velocity[number, :steps], drum_map=POCKET)
    latest = np.nextafter(np.float32(1), np.float32(0))  # a pattern's offsets end before the next step's line
    offset = np.clip(made.offset[number, :steps], -1, latest)
    return replace(pattern, offset=np.where(pattern.hits, offset, 0).astype(np.float32))


# -- Sounds --------------------------------------------------------------------------------------------------------------------


def clips_of(result: GrooveEvaluation, splits: Sequence[Split], model: str, data: str, split: str) -> list[Clip]:
    """A bar of each of the commonest codes, played by the procedural TR-808; none without a model that makes grooves."""
    from drumjax.cli.arguments import load_kit
    from drumjax.patterns import POCKET
    from drumjax.patterns.templates import STEPS_PER_BAR
    from drumjax.provenance import provenance
    from drumjax.signal.rendering import render

    if result.spelt is None:
        return []
    played = next(split.models[result.controlled] for split in splits if result.controlled in split.models)
    sha256 = getattr(getattr(played, "instrument", None), "sha256", "")
    kit = load_kit(None, POCKET)
    clips = []
    for number, (code, *_) in enumerate(result.spelt.codes.tolist()):
        record = provenance(
            "evaluate", model=model, model_sha256=sha256, seed=None, parameters={"code": code, "data": data, "split": split}
        )
        audio = render(_pattern(result.spelt, number, STEPS_PER_BAR), kit, tail_s=0.2)
        clips.append(Clip(f"code_{code:02}.wav", audio, kit.sample_rate_hz, record))
    return clips
