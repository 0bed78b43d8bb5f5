"""What groove models can do, in figures: the suite `pocketvae` of `drumjax evaluate` (PocketVAE, Sec. 4.2).

Table 1: how well each variant rebuilds held-out grooves, beside the K-NN baseline and the paper's figures, on as many splits of a
data set as there are trainings for; how a classifier of genres hears what came out. Then control: grooves made on held-out
templates with every genre imposed (Fig. 5), with microtiming pushed and laid back (Fig. 6), and the codes that the prior draws for
each genre (Fig. 7).

Velocities and microtiming are rebuilt twice: on the true notes, as the public code does, and on the notes that the model itself put
out, the way it plays; the figures of the latter end in `_cascade`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from drumjax.instruments.groove_table import CASCADE, NEIGHBOURS, PAPER, ROWS, TEST_DATA, WITH_GENRES, over_splits
from drumjax.metrics import groove_neighbours
from drumjax.metrics import grooves as metrics
from drumjax.metrics.grooves import Metrical, Response
from drumjax.metrics.report import Figure
from drumjax.metrics.sound_classes import confusion
from drumjax.patterns.pattern import LEAST_VELOCITY
from drumjax.patterns.templates import (
    CLOSED_HAT,
    KICK,
    LAID_BACK,
    ON_BEAT,
    PUSHED,
    SNARE,
    TemplateRules,
    template,
    timing_pattern,
    velocity_pattern,
)

MOST_TEMPLATES = 1000
"""Of a larger split so many templates are drawn to make grooves on: each is played once in every genre."""
MOST_SPELT = 64
"""Of a larger codebook so many codes are heard and shown, as many as the paper's has."""

Tell = Callable[[str, int, int], None]
"""Hears of progress: what is done, how many of how many."""
Arrays = Mapping[str, np.ndarray]


class Rebuilt(NamedTuple):
    """Grooves as a model rebuilds them from their posteriors, decoding freely; all (n, steps, lanes).

    Attributes:
      note: bool.
      velocity: float32, on the model's own notes, not masked by them.
      offset: the same, half steps.
      velocity_given: on the true notes; None of a model whose velocities do not hang on notes.
      offset_given: the same.
    """

    note: np.ndarray
    velocity: np.ndarray
    offset: np.ndarray
    velocity_given: np.ndarray | None = None
    offset_given: np.ndarray | None = None


class Made(NamedTuple):
    """Grooves made on templates.

    Attributes:
      note: bool (n, steps, lanes).
      velocity: float32 of the same shape, 0 where there is no note.
      offset: the same, half steps.
      codes: int (n, length), what the notes were decoded from.
    """

    note: np.ndarray
    velocity: np.ndarray
    offset: np.ndarray
    codes: np.ndarray


class GrooveModel(Protocol):
    """What a trained model has to give to be measured."""

    @property
    def rules(self) -> TemplateRules:
        """How templates were taken in its training."""

    @property
    def trained(self) -> str:
        """How long it was trained, in words."""

    @property
    def codes(self) -> int:
        """Entries of its codebook."""

    @property
    def makes(self) -> bool:
        """Whether it makes grooves on templates: whether it has a prior."""

    def rebuild(self, velocity: np.ndarray, offset: np.ndarray, genres: Sequence[str]) -> Rebuilt:
        """Grooves (n, steps, lanes), each of a genre, as it rebuilds them; a genre that it does not know is none."""

    def make(
        self, templates: np.ndarray, genres: Sequence[str], seed: int, velocity: np.ndarray | None, timing: np.ndarray | None
    ) -> Made:
        """Grooves on templates (n, steps, lanes), each of a genre, with velocity and timing patterns int (n, steps) or None."""

    def spell(self, codes: np.ndarray, templates: np.ndarray) -> Made:
        """Grooves of rows of codes int (n, length) on templates, of no genre in particular and the usual touch and timing."""


Classify = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Notes, velocities and offsets (n, steps, lanes), 0 where there is no note → logits (n, genres) of the data's genres."""


@dataclass(frozen=True)
class Split:
    """One prepared data set, and what was trained on it.

    Attributes:
      name: of the data.
      genres: their names.
      train: `velocity`, `offset`, `genre` and `group` of the grooves that neighbours are taken from.
      test: the same of those that are measured.
      models: by their rows.
      classify: a classifier of these genres; None without one.
      same: whether `test` is `train`; then no groove of its own track is a groove's neighbour.
      foreign: whether the models were trained on data of another source.
      judge: how long the classifier was trained, in words.
    """

    name: str
    genres: tuple[str, ...]
    train: Arrays
    test: Arrays
    models: Mapping[str, GrooveModel]
    classify: Classify | None = None
    same: bool = False
    foreign: bool = False
    judge: str = ""

    def named(self, genre: np.ndarray) -> list[str]:
        """Genres by name."""
        return [self.genres[number] for number in genre]


class Trend(NamedTuple):
    """Fig. 4: velocities in [0, 1] and offsets in half steps at the metrical positions."""

    velocity: Metrical
    offset: Metrical


class Control(NamedTuple):
    """Fig. 6: grooves on one template (1, steps, lanes) that differ in their microtiming pattern alone, and the original."""

    template: np.ndarray
    original: Made
    pushed: Made
    neutral: Made
    laid_back: Made


@dataclass
class GrooveEvaluation:
    """What was found.

    Attributes:
      genres: of the data.
      figures: `ROW MEASURE`, and `ROW MEASURE split K` where there are several splits; see `groove_table.over_splits`.
      splits: how many splits each row was measured on.
      trained: how long each row's models were trained, in words; of the real data the classifier.
      trends: of the first split: by genre, by row.
      controlled: the row that `confusions` are of; "" without one.
      confusions: int64 (genres, genres), a template's genre by what was heard, for each genre that was imposed; "" is each its own.
      codes: int64 (genres, codes), how often each genre's sequences hold each code, of the first split's model; None without one
        that makes grooves.
      spelt: grooves of one code each, over and over, on a plain beat, of the same model, of the `MOST_SPELT` commonest; None alike.
      patterned: the row that `control` and `response` are of; "" without a model with patterns.
      control: an example of microtiming under control; None alike.
      response: the means of all templates of the first split under it; None alike.
      notes: what was left out and why, a sentence each.
    """

    genres: tuple[str, ...]
    figures: dict[str, Figure] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    trained: dict[str, str] = field(default_factory=dict)
    trends: dict[str, dict[str, Trend]] = field(default_factory=dict)
    controlled: str = ""
    confusions: dict[str, np.ndarray] = field(default_factory=dict)
    codes: np.ndarray | None = None
    spelt: Made | None = None
    patterned: str = ""
    control: Control | None = None
    response: Response | None = None
    notes: list[str] = field(default_factory=list)


def evaluate(splits: Sequence[Split], *, seed: int = 0, tell: Tell = lambda what, done, total: None) -> GrooveEvaluation:
    """All figures of the suite.

    Args:
      splits: at least one, all of the same genres, each with at least one groove in `train` and in `test`.
      seed: of the draws of intervals and of the grooves that are made.
      tell: hears of progress.

    Raises:
      ValueError: no split, or splits of other genres.
    """
    if len({split.genres for split in splits}) != 1:
        raise ValueError("expected at least one split, all of the same genres in the same order")
    result = GrooveEvaluation(splits[0].genres)
    of_rows: dict[str, list[dict[str, Figure]]] = {row: [] for row in ROWS}
    makers = [row for row in ROWS if any(row in split.models and split.models[row].makes for split in splits)]
    # Of several that make grooves, the paper shows the one with genres (Fig. 5).
    result.controlled = next((row for row in (WITH_GENRES, *reversed(makers)) if row in makers), "")
    total = sum(len(split.models) for split in splits)
    done = 0
    for split in splits:
        truth, genre, track = _true(split.test), split.test["genre"], split.test["group"]
        if split.classify is not None:
            logits = split.classify(truth["note"], truth["velocity"], truth["offset"])
            of_rows[TEST_DATA].append(metrics.genre_figures(logits, genre, track, "windows of the data", seed))
        rebuilt = {NEIGHBOURS: _neighbours(split)}
        for row in (row for row in ROWS if row in split.models):
            tell("rebuilding grooves", done, total)
            rebuilt[row] = split.models[row].rebuild(split.test["velocity"], split.test["offset"], split.named(genre))
            done += 1
        for row, made in rebuilt.items():
            of_rows[row].append(_figures_of(split, truth, made, f"windows rebuilt by {ROWS[row]}", seed))
        if split is splits[0]:
            result.trends = _trends(split, truth, rebuilt)
    for number, split in enumerate(splits):
        tell("making grooves on templates", number, len(splits))
        for row in (row for row in makers if row in split.models and split.models[row].makes):
            nth = sum(row in other.models for other in splits[:number])
            of_rows[row][nth] |= _control(split, row, result, seed)
    tell("making grooves on templates", len(splits), len(splits))
    for row, each in of_rows.items():
        if each:
            result.figures |= over_splits(row, each)
            result.splits[row] = len(each)
            lengths = dict.fromkeys(split.models[row].trained for split in splits if row in split.models)
            lengths |= dict.fromkeys(f"classifier {split.judge}" for split in splits if split.judge and row == TEST_DATA)
            result.trained[row] = "; ".join(length for length in lengths if length)
    result.notes = _notes(splits, makers)
    return result


# -- Reconstruction ------------------------------------------------------------------------------------------------------------


def _true(arrays: Arrays) -> dict[str, np.ndarray]:
    return {"note": arrays["velocity"] > 0, "velocity": arrays["velocity"], "offset": arrays["offset"]}


def _neighbours(split: Split) -> Rebuilt:
    """The K-NN baseline; templates are taken by the models' rules, which they share, or by ours."""
    rules = next((model.rules for model in split.models.values()), TemplateRules())
    templates, known = (np.asarray(template(arrays["velocity"], rules)) for arrays in (split.test, split.train))
    groups = (split.test["group"], split.train["group"]) if split.same else None
    made = groove_neighbours.combine(groove_neighbours.neighbours(templates, known, groups=groups), split.train)
    return Rebuilt(**made)


def played(note: np.ndarray, velocity: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is heard of a decoder's output: nothing where there is no note, and a hit's least velocity is 1/127."""
    loud = np.where(note, np.clip(velocity, LEAST_VELOCITY, 1), 0).astype(np.float32)
    return note, loud, np.where(note, offset, 0).astype(np.float32)


def _figures_of(split: Split, truth: Arrays, made: Rebuilt, what: str, seed: int) -> dict[str, Figure]:
    """A row's figures on one split: on true notes where the model can be given them, and on its own, named `…_cascade`."""
    figures: dict[str, Figure] = {}
    variants: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]] = {"": (made.velocity, made.offset, None)}
    if made.velocity_given is not None and made.offset_given is not None:
        variants = {"": (made.velocity_given, made.offset_given, truth["note"]), CASCADE: variants[""]}
    for suffix, (velocity, offset, given) in variants.items():
        on = "" if len(variants) == 1 else "; rebuilt on the true notes" if given is not None else "; on the model's own notes"
        estimate = {"note": made.note, "velocity": velocity, "offset": offset}
        for name, figure in metrics.evaluate(truth, estimate, given=given).items():
            if not name.startswith("note"):
                figures[f"{name}{suffix}"] = figure._replace(definition=figure.definition + on)
            elif not suffix:
                figures[name] = figure
        if split.classify is not None:
            logits = split.classify(*played(made.note, velocity, offset))
            heard = metrics.genre_figures(logits, split.test["genre"], split.test["group"], what + on, seed)
            figures |= {f"{name}{suffix}": figure for name, figure in heard.items()}
    return figures


def _trends(split: Split, truth: Arrays, rebuilt: Mapping[str, Rebuilt]) -> dict[str, dict[str, Trend]]:
    """Fig. 4: of real and rebuilt grooves, for every genre that the split has."""
    sets = {TEST_DATA: (truth["note"], truth["velocity"], truth["offset"])}
    sets |= {row: played(made.note, made.velocity, made.offset) for row, made in rebuilt.items()}
    trends: dict[str, dict[str, Trend]] = {}
    for number, genre in enumerate(split.genres):
        of = split.test["genre"] == number
        if of.any():
            trends[genre] = {
                row: Trend(metrics.metrical(velocity[of], note[of]), metrics.metrical(offset[of], note[of]))
                for row, (note, velocity, offset) in sets.items()
            }
    return trends


# -- Control -------------------------------------------------------------------------------------------------------------------


def _control(split: Split, row: str, result: GrooveEvaluation, seed: int) -> dict[str, Figure]:
    """Grooves on the split's templates, in their own genres, in every genre, and under timing patterns: figures and pictures."""
    model = split.models[row]
    n = len(split.test["velocity"])
    chosen = np.sort(np.random.default_rng(seed).choice(n, MOST_TEMPLATES, replace=False)) if n > MOST_TEMPLATES else np.arange(n)
    arrays = {name: split.test[name][chosen] for name in ("velocity", "offset", "genre", "group")}
    templates = np.asarray(template(arrays["velocity"], model.rules))
    velocity = np.asarray(velocity_pattern(arrays["velocity"]))
    timing = np.asarray(timing_pattern(arrays["velocity"], arrays["offset"]))
    figures: dict[str, Figure] = {}

    def make(genre: np.ndarray, timing: np.ndarray = timing) -> Made:
        return model.make(templates, split.named(genre), seed, velocity, timing)

    own = make(arrays["genre"])
    if row == result.controlled and result.codes is None:
        # A code means nothing in another training's codebook.
        result.codes = metrics.code_counts(own.codes, arrays["genre"], len(split.genres), model.codes)
        heard = metrics.commonest_codes(result.codes, MOST_SPELT)
        plain = np.repeat(plain_beat(*templates.shape[1:])[None], len(heard), 0)
        result.spelt = model.spell(np.repeat(heard[:, None], own.codes.shape[1], 1), plain)
    if split.classify is not None:
        figures |= _imposed(split, row, result, arrays, own, make)
    if row.endswith("patterns"):
        figures |= _timing(result, row, arrays, templates, make)
    return figures


def plain_beat(steps: int, lanes: int) -> np.ndarray:
    """Kick on one and three, snare on two and four, hats in eighths: float32 (steps, lanes)."""
    beat = np.zeros((steps, lanes), np.float32)
    beat[::8, KICK], beat[4::8, SNARE], beat[::2, CLOSED_HAT] = 1, 1, 1
    return beat


def _imposed(
    split: Split, row: str, result: GrooveEvaluation, arrays: Arrays, own: Made, make: Callable[[np.ndarray], Made]
) -> dict[str, Figure]:
    """How grooves in their own and in imposed genres are heard."""
    assert split.classify is not None
    genre, count = arrays["genre"], len(split.genres)
    heard = split.classify(own.note, own.velocity, own.offset).argmax(-1)
    _add_counts(result, row, "", genre, heard, count)
    share, interval = metrics.share_of_tracks(heard == genre, arrays["group"])
    what = f"grooves made on {len(genre)} held-out templates"
    figures = {"generated_accuracy": Figure(share, f"share of {what} in their own genre heard as that genre", interval=interval)}
    imposed, of_tracks, others = [], [], []
    for number, name in enumerate(split.genres):
        told = np.full(len(genre), number)
        made = make(told)
        logits = split.classify(made.note, made.velocity, made.offset)
        as_told = logits.argmax(-1)
        _add_counts(result, row, name, genre, as_told, count)
        heard_as = metrics.genre_figures(logits, told, arrays["group"], f"{what} with the genre {name} imposed")
        imposed.append(heard_as["genre_accuracy"].mean)
        of_tracks.append(heard_as["genre_accuracy_tracks"].mean)
        foreign = genre != number
        others.append(float((as_told == number)[foreign].mean()) if foreign.any() else np.nan)
        figures |= {
            f"imposed_accuracy {name}": heard_as["genre_accuracy"],
            f"imposed_accuracy_tracks {name}": heard_as["genre_accuracy_tracks"],
            f"unimposed_share {name}": Figure(
                float((heard == number).mean()), f"share of {what} in their own genres heard as {name}"
            ),
        }
    figures["imposed_accuracy"] = Figure(float(np.mean(imposed)), f"share of {what} heard as an imposed genre, mean over genres")
    figures["imposed_accuracy_tracks"] = Figure(
        float(np.mean(of_tracks)),
        f"share of tracks heard as an imposed genre by the mean probability over {what}, mean over genres",
    )
    figures["imposed_accuracy_others"] = Figure(
        float(np.nanmean(others)) if not np.isnan(others).all() else np.nan,
        f"share of {what} heard as an imposed genre, of those whose template is of another, mean over genres",
    )
    return figures


def _add_counts(result: GrooveEvaluation, row: str, imposed: str, genre: np.ndarray, heard: np.ndarray, count: int) -> None:
    if row == result.controlled:
        counts = confusion(genre, heard, count).counts
        result.confusions[imposed] = result.confusions.get(imposed, 0) + counts


def _timing(
    result: GrooveEvaluation, row: str, arrays: Arrays, templates: np.ndarray, make: Callable[..., Made]
) -> dict[str, Figure]:
    """How microtiming follows its control: pushed, on the beat and laid back on every step, all else alike."""
    steps = templates.shape[:2]
    made = {told: make(arrays["genre"], np.full(steps, told, np.int32)) for told in (PUSHED, ON_BEAT, LAID_BACK)}
    response = metrics.timing_response(*(each._asdict() for each in made.values()))
    if result.response is None:
        # The template whose response is the median one.
        swing = response.laid_back - response.pushed
        place = int(np.argsort(swing, kind="stable")[(len(swing) - 1) // 2])
        one = slice(place, place + 1)
        original = Made(arrays["velocity"][one] > 0, arrays["velocity"][one], arrays["offset"][one], made[ON_BEAT].codes[one])
        result.control = Control(templates[one], original, *(Made(*(array[one] for array in each)) for each in made.values()))
        result.response, result.patterned = response, row
    said = f"mean offset of a groove's hits, half steps, mean over {len(templates)} held-out templates, all steps "
    means = {"timing_pushed": ("pushed", response.pushed), "timing_neutral": ("on the beat", response.neutral)}
    means["timing_laid_back"] = "laid back", response.laid_back
    return {
        "timing_right": Figure(
            response.right, f"share of {len(templates)} held-out templates whose mean offset is earlier pushed than laid back"
        ),
        "timing_right_of_neutral": Figure(
            response.right_of_neutral,
            f"share of {len(templates)} held-out templates whose mean offset is earlier pushed than on the beat, and there earlier "
            "than laid back",
        ),
    } | {name: Figure(float(np.nanmean(values)), said + words) for name, (words, values) in means.items()}


# -- Words ---------------------------------------------------------------------------------------------------------------------


def _notes(splits: Sequence[Split], makers: Sequence[str]) -> list[str]:
    """What could not be measured."""
    notes = []
    trained = {TEST_DATA, NEIGHBOURS}.union(*(split.models for split in splits))
    missing = [ROWS[row] for row in ROWS if row in PAPER and row not in trained]
    if missing:
        notes.append(f"No rows {', '.join(missing)}: there is no training of theirs among those named.")
    judged = sum(split.classify is not None for split in splits)
    if 0 < judged < len(splits):
        notes.append(f"Genre accuracies are of {judged} of the {len(splits)} splits: the others have no classifier.")
    if not judged:
        notes.append("No genre accuracies: no classifier of these genres was named ('drumjax train genre-classifier').")
    if any(split.foreign for split in splits):
        notes.append(
            "The models were trained on other data; a genre that they do not know is an even mixture to them. K-NN's neighbours "
            "are of the training split of the data that are measured: it knows what they do not."
        )
    if not any(split.test["offset"].any() for split in splits):
        notes.append("These grooves have no microtiming, every hit is on its step: figures of microtiming say nothing here.")
    if not makers:
        notes.append("No grooves on templates: no model that was named has a prior.")
    elif not any(row.endswith("patterns") for row in makers):
        notes.append("No control of microtiming: no model that was named has patterns and a prior.")
    return notes


def verdict_on_control(result: GrooveEvaluation) -> list[str]:
    """How far genres and microtiming follow what they are told, in words, a paragraph each; none of what was not measured."""
    figures, said = result.figures, []
    name = f"{result.controlled} imposed_accuracy"
    if name in figures:
        own, others, tracks = (
            figures[f"{result.controlled} generated_accuracy"],
            figures[f"{name}_others"],
            figures[f"{name}_tracks"],
        )
        free = f"{result.controlled} unimposed_share"
        of = ", ".join(
            f"{genre} {figures[f'{name} {genre}'].mean:.2f} (without it {figures[f'{free} {genre}'].mean:.2f})"
            for genre in result.genres
        )
        said.append(
            f"Of grooves that {ROWS[result.controlled]} makes on held-out templates in their own genre, {100 * own.mean:.0f} % are "
            f"heard as it. With a genre imposed, {100 * figures[name].mean:.0f} % are heard as that one, mean over genres "
            f"({100 * others.mean:.0f} % on templates of other genres, and {100 * tracks.mean:.0f} % of whole tracks): {of}."
        )
    name = f"{result.patterned} timing_right"
    if name in figures:
        pushed, neutral, late = (figures[f"{result.patterned} timing_{way}"].mean for way in ("pushed", "neutral", "laid_back"))
        said.append(
            f"The mean offset is {pushed:+.3f} half steps pushed, {neutral:+.3f} on the beat and {late:+.3f} laid back; it is "
            f"earlier pushed than laid back on {100 * figures[name].mean:.1f} % of the templates."
        )
    return said
