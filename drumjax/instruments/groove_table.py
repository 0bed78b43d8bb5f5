"""Table 1 of PocketVAE: its rows and columns, the paper's figures, and what a table of ours says beside it, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from drumjax.metrics.report import Figure, over_items

TEST_DATA, NEIGHBOURS = "test-data", "k-nn"
ONE_STEP, TWO_STEP_VAE, TWO_STEP_VQ = "1-step", "2-step-vae", "2-step-vq"
WITH_GENRES, WITH_PATTERNS = "2-step-vq+genres", "2-step-vq+genres+patterns"
ROWS: Mapping[str, str] = {
    TEST_DATA: "Test data",
    NEIGHBOURS: "K-NN",
    ONE_STEP: "1-step",
    TWO_STEP_VAE: "2-step (VAE)",
    "2-step-vae+genres": "2-step (VAE) + genres",
    "2-step-vae+patterns": "2-step (VAE) + patterns",
    "2-step-vae+genres+patterns": "2-step (VAE) + genres + patterns",
    TWO_STEP_VQ: "2-step (VQ-VAE)",
    "2-step-vq+patterns": "2-step (VQ-VAE) + patterns",
    WITH_GENRES: "2-step (VQ-VAE) + genres",
    WITH_PATTERNS: "2-step (VQ-VAE) + genres + patterns",
}
"""The rows of all variants that can be trained, by the names that figures begin with. Those of the paper are in `PAPER`."""
COLUMNS: Mapping[str, str] = {
    "note_f1": "Note F1",
    "velocity_kl": "Vel. KL",
    "velocity_mse": "Vel. MSE",
    "timing_kl": "MT KL",
    "timing_mse": "MT MSE",
    "genre_accuracy": "Genre acc.",
}
"""What the paper gives."""
CODE_COLUMNS: Mapping[str, str] = {
    "note_f1_micro": "Note F1 over all cells",
    "velocity_kl_code": "Vel. KL, its strides",
    "timing_kl_code": "MT KL, its strides",
}
"""What the public code measures otherwise."""
CASCADE = "_cascade"
"""Ends the names of figures of velocity and microtiming on the model's own notes."""
PAPER: Mapping[str, Mapping[str, tuple[float, float]]] = {
    TEST_DATA: {"genre_accuracy": (0.906, 0.042)},
    NEIGHBOURS: {
        "note_f1": (0.561, 0.029), "velocity_kl": (0.217, 0.025), "velocity_mse": (0.037, 0.003),
        "timing_kl": (0.191, 0.040), "timing_mse": (0.011, 0.001), "genre_accuracy": (0.487, 0.018),
    },
    ONE_STEP: {
        "note_f1": (0.816, 0.015), "velocity_kl": (0.115, 0.017), "velocity_mse": (0.025, 0.001),
        "timing_kl": (0.846, 0.072), "timing_mse": (0.013, 0.001), "genre_accuracy": (0.554, 0.033),
    },
    TWO_STEP_VAE: {
        "note_f1": (0.840, 0.024), "velocity_kl": (0.3664, 0.096), "velocity_mse": (0.0020, 0.000),
        "timing_kl": (0.0704, 0.027), "timing_mse": (0.004, 0.000), "genre_accuracy": (0.807, 0.026),
    },
    TWO_STEP_VQ: {
        "note_f1": (0.973, 0.004), "velocity_kl": (0.004, 0.003), "velocity_mse": (0.002, 0.000),
        "timing_kl": (0.0416, 0.016), "timing_mse": (0.003, 0.000), "genre_accuracy": (0.866, 0.028),
    },
    WITH_GENRES: {
        "note_f1": (0.973, 0.000), "velocity_kl": (0.004, 0.003), "velocity_mse": (0.002, 0.000),
        "timing_kl": (0.0439, 0.016), "timing_mse": (0.003, 0.000), "genre_accuracy": (0.898, 0.029),
    },
    WITH_PATTERNS: {
        "note_f1": (0.972, 0.005), "velocity_kl": (0.011, 0.009), "velocity_mse": (0.001, 0.000),
        "timing_kl": (0.0154, 0.006), "timing_mse": (0.002, 0.000), "genre_accuracy": (0.899, 0.037),
    },
}  # fmt: skip
"""Means and standard deviations over five splits of other data than ours."""
PAPER_EPOCHS = 500
"""Of the modules (the public code)."""
OTHER_DATA = (
    "The paper's figures are of other data: 2,841 tracks of the Groove MIDI Dataset, Groove Monkee, BFD3 and a collection from "
    "Reddit. Its published lists of files name none of the Groove MIDI or BFD3 ones, so that its training sets cannot be rebuilt: "
    "compare the order of the rows, not digits."
)
LADDER = (
    (TWO_STEP_VQ, TWO_STEP_VAE), (TWO_STEP_VQ, ONE_STEP), (TWO_STEP_VAE, ONE_STEP),
    *((row, NEIGHBOURS) for row in (TWO_STEP_VQ, WITH_GENRES, TWO_STEP_VAE, ONE_STEP)),
)  # fmt: skip
"""Which row stands above which: discrete codes above Gaussian ones, two steps above one, both above neighbours."""


def more_is_better(measure: str) -> bool:
    return measure.startswith(("note_f1", "genre_accuracy"))


def over_splits(row: str, each: Sequence[Mapping[str, Figure]]) -> dict[str, Figure]:
    """The figures of a row from those of every split: `ROW MEASURE` with the paper's beside it, and `ROW MEASURE split K`.

    The mean is over splits, its standard deviation too; of one split alone there is no deviation, and the interval is its own.

    Args:
      row: one of `ROWS`.
      each: the figures of the splits by measure; a measure that only some of them have is taken over those.
    """
    figures: dict[str, Figure] = {}
    for measure in dict.fromkeys(name for one in each for name in one):
        of = {number: one[measure] for number, one in enumerate(each, 1) if measure in one}
        paper = PAPER.get(row, {}).get(measure.removesuffix(CASCADE), (None, None))[0]
        first = next(iter(of.values()))
        if len(each) == 1:
            figures[f"{row} {measure}"] = first._replace(paper=paper)
            continue
        many = f"{len(of)} splits" if len(of) > 1 else "one split"
        mean = over_items([figure.mean for figure in of.values()], f"{first.definition}; mean over {many}", paper)  # type: ignore[arg-type]
        mean = mean if len(of) > 1 else mean._replace(sd=None)
        if all(figure.interval for figure in of.values()):
            ends = zip(*(figure.interval for figure in of.values() if figure.interval), strict=True)
            low, high = (sum(end) / len(of) for end in ends)
            mean = mean._replace(interval=(low, high), definition=f"{mean.definition}, of the ends of intervals too")
        figures[f"{row} {measure}"] = mean
        figures |= {f"{row} {measure} split {number}": figure for number, figure in of.items()}
    return figures


def order_of_rows(figures: Mapping[str, Figure]) -> list[str]:
    """Whether the rows stand in the paper's order, a sentence for each pair of `LADDER` that was measured."""
    said = []
    for upper, lower in LADDER:
        held, broken = [], []
        for measure, title in COLUMNS.items():
            a, b = (figures.get(f"{row} {measure}") for row in (upper, lower))
            if a is None or b is None or math.isnan(a.mean) or math.isnan(b.mean):
                continue
            (paper_a, _), (paper_b, _) = PAPER[upper][measure], PAPER[lower][measure]
            if paper_a == paper_b:
                continue
            better = a.mean > b.mean if more_is_better(measure) else a.mean < b.mean
            theirs = paper_a > paper_b if more_is_better(measure) else paper_a < paper_b
            words = f"{title} {a.mean:.3g} against {b.mean:.3g}"
            if theirs == better:
                held.append(words)
            else:
                near = abs(a.mean - b.mean) <= max(a.sd or 0.0, b.sd or 0.0)
                doubt = ", less apart than the deviation over splits" if near else ""
                broken.append(f"{words}{doubt} (in the paper {paper_a:g} against {paper_b:g})")
        if held or broken:
            sentence = f"{ROWS[upper]} beside {ROWS[lower]}: "
            sentence += f"as in the paper in {'; '.join(held)}" if held else "in nothing as in the paper"
            said.append(sentence + (f". Other than in the paper in {'; '.join(broken)}." if broken else "."))
    return said


def genres_kept(figures: Mapping[str, Figure]) -> str:
    """Whether rebuilt grooves are heard as their genres as often as real ones, in words; "" where no classifier was there."""
    name = f"{TEST_DATA} genre_accuracy"
    if name not in figures or figures[name].interval is None:
        return ""
    real = figures[name]
    low, high = real.interval or (math.nan, math.nan)
    parts = []
    for row in ROWS:
        if row != TEST_DATA and f"{row} genre_accuracy" in figures:
            share = figures[f"{row} genre_accuracy"].mean
            where = "within it" if low <= share <= high else "below it" if share < low else "above it"
            parts.append(f"{ROWS[row]} {share:.3f}, {where}")
    return (
        f"The classifier hears {real.mean:.3f} of the real windows as their genre (95 % interval over tracks {low:.3f} to "
        f"{high:.3f}). Of the rebuilt ones: {'; '.join(parts)}."
    )
