"""Does the pattern GAN train stably, and what does each stabiliser do? Trainings from several seeds, and what they generate.

    python benchmarks/pattern_gan.py -o results/pattern_gan.json --plot pattern_gan.png
    python benchmarks/pattern_gan.py --settings paper --seeds 1 --epochs 50 -o results/pattern_gan_paper.json

Every training starts from scratch on the embedded patterns. Its last state is measured, none is picked: sets of patterns sampled at
the threshold that gives the training set's mean number of hits, beside held-out patterns (the splits `validation` and `test`
together) and independent cells (`drumjax.metrics.generation`). Trainings that the results file holds already are not made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from common import machine, write_json
from tyro.conf import arg

from drumjax.checkpoint import dump_config
from drumjax.datasets.load import load_patterns
from drumjax.metrics import generation
from drumjax.systems.pattern_gan import PatternGANLoss, summarise
from drumjax.train.engine import fit, played
from drumjax.train.recipes.pattern_gan import PRESETS, PatternGANTraining, fitted, measured, stages

SMALL = PRESETS["small"]
SETTINGS: Mapping[str, PatternGANTraining] = {
    **PRESETS,
    "small, no R1 penalty": replace(SMALL, loss=replace(SMALL.loss, r1_weight=0.0)),
    "small, no moving average": replace(SMALL, ema_decay=0.0),
    "small, soft velocities": replace(SMALL, loss=replace(SMALL.loss, heard_from=0.0)),
    "small, bare": replace(
        SMALL,
        loss=PatternGANLoss(),
        ema_decay=0.0,
        discriminator_optimizer=PRESETS["plain"].discriminator_optimizer,
        generator_optimizer=PRESETS["plain"].generator_optimizer,
    ),
}
"""The recipe's presets, and the preset `small` without one of its stabilisers, or without all and at the plain learning rate."""
TREND = (
    "distance_from_data",
    "cell_rate_error",
    "threshold",
    "real_accuracy",
    "fake_accuracy",
)
LOSSES = ("discriminator/loss", "generator/loss")
LOOKS = 20
"""Points of a trend."""
SETS = 10


@dataclass(frozen=True)
class Study:
    """Train the pattern GAN from several seeds in several settings."""

    output: Annotated[Path, arg(aliases=["-o"])]
    """The results, JSON; trainings that it holds are kept."""
    plot: Path | None = None
    """The trends, PNG."""
    settings: tuple[str, ...] = tuple(name for name in SETTINGS if name.startswith("small"))
    """Which: presets of the recipe, or 'small' without something."""
    seeds: int = 5
    """How many seeds, from 0."""
    epochs: float | None = None
    """Passes over the training split; None for the setting's own."""


def train(config: PatternGANTraining, patterns: Any) -> dict[str, Any]:
    """One training: its trend on the validation split, and the figures of what it generates in the end, mean over `SETS` sets."""
    arrays = {
        split: {name: array for name, array in content.items() if array.dtype.kind != "U"}
        for split, content in patterns.splits.items()
    }
    config = measured(fitted(config, patterns.info), arrays["train"])
    config = replace(config, validate_every_epochs=config.epochs / LOOKS)
    ((system, optimizers, *_),) = stages(config, patterns.info)
    began = time.monotonic()
    state, history = fit(system, optimizers, arrays["train"], config, validation=arrays["validation"], summarise=summarise)
    seconds = time.monotonic() - began
    looks = [row for row in history if f"valid_{TREND[0]}" in row]
    hits = {split: content["velocity"] > 0 for split, content in arrays.items()}
    held_out = np.concatenate([hits["validation"], hits["test"]])
    sample = jax.jit(lambda params, key: system.sample(params, {}, key, len(held_out)))
    values = [np.asarray(sample(played(state), jax.random.key(i))) for i in range(SETS)]
    threshold = looks[-1]["valid_threshold"]
    figures = generation.evaluate(
        [value >= threshold for value in values], hits["train"], arrays["train"]["genre"], patterns.info.genres, held_out
    )
    return {
        "steps": int(state.step),
        "seconds": seconds,
        "trend": [
            {"step": row["step"], **{name: row[f"valid_{name}"] for name in TREND}, **{name: row[name] for name in LOSSES}}
            for row in looks
        ],
        "figures": {name: figure.mean for name, figure in figures.items()},
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """For every setting and figure the mean and the standard deviation over seeds; the yardsticks' are the same for all."""
    of: dict[str, list[Mapping[str, float]]] = {}
    for row in rows:
        of.setdefault(row["setting"], []).append(row["figures"])
    return {
        setting: {
            name: [float(np.mean([each[name] for each in figures])), float(np.std([each[name] for each in figures]))]
            for name in figures[0]
        }
        for setting, figures in of.items()
    }


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The trends: mean and standard deviation over seeds, a line for each setting."""
    from drumjax import plots

    said = {
        "distance_from_data": "cells to the nearest of 512 samples",
        "cell_rate_error": "mean difference of hit rates",
        "generator/loss": "nats",
        "discriminator/loss": "nats",
    }
    names = list(dict.fromkeys(row["setting"] for row in rows))
    panels = []
    for name, unit in said.items():
        lines = []
        for setting in names:
            trends = [row["trend"] for row in rows if row["setting"] == setting]
            length = min(map(len, trends))
            values = np.array([[look[name] for look in trend[:length]] for trend in trends])
            steps = [look["step"] for look in trends[0][:length]]
            lines.append(plots.Line(setting, steps, values.mean(0), values.std(0)))
        panels.append(plots.Panel(name.replace("_", " "), "step", unit, lines))
    plots.save(plots.curves(panels, columns=2), path)


def main() -> None:
    study = tyro.cli(Study, description=__doc__)
    if unknown := set(study.settings) - set(SETTINGS):
        raise SystemExit(f"--settings: expected some of {', '.join(SETTINGS)}; found {', '.join(sorted(unknown))}")
    patterns, where = load_patterns("embedded"), machine()
    content: dict[str, Any] = {"benchmark": "pattern_gan", "machine": where, "configurations": {}, "rows": []}
    if study.output.exists():
        content = json.loads(study.output.read_text())
    rows: list[dict[str, Any]] = content["rows"]
    for name in study.settings:
        config = SETTINGS[name] if study.epochs is None else replace(SETTINGS[name], epochs=study.epochs)
        said = dump_config(config)
        if content["configurations"].setdefault(name, said) != said:
            raise SystemExit(f"{study.output}: holds trainings of another configuration of {name!r}; name another file")
    done = {(row["setting"], row["seed"]) for row in rows}
    for seed in range(study.seeds):
        for name in study.settings:
            if (name, seed) in done:
                continue
            config = SETTINGS[name] if study.epochs is None else replace(SETTINGS[name], epochs=study.epochs)
            rows.append({"setting": name, "seed": seed, **train(replace(config, seed=seed), patterns)})
            write_json(study.output, {**content, "rows": rows, "summary": summary(rows)})
    for name, figures in summary(rows).items():
        seeds = sum(row["setting"] == name for row in rows)
        print(f"{name}, {seeds} seeds")
        for figure in generation.DEFINITIONS:
            mean, sd = figures[figure]
            held, alone = (figures[figure + of][0] for of in (generation.OF_HELD_OUT, generation.OF_INDEPENDENT))
            print(f"  {figure:<20}{mean:8.3f} ± {sd:<8.3f} held out {held:8.3f}  independent cells {alone:8.3f}")
    if study.plot:
        draw(rows, study.plot)


if __name__ == "__main__":
    main()
