"""What can a code of d numbers carry? Onset F1 of reconstructions over the latent size and over the KL weight.

    python benchmarks/pattern_codes.py embedded -o results/codes_embedded.json --plot codes_embedded.png
    python benchmarks/pattern_codes.py my_patterns/ --seeds 5 -o results/codes_mine.json

Every point is a training from scratch by the recipe `pattern-vae`. Held out: the split `test`, at the threshold that is best on the
split `validation`. A seed draws the splits, the first weights and the noise. Points that the results file holds already are not
trained again, so a stopped run goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro
from common import machine, write_json
from tyro.conf import Positional, arg

from drumjax.datasets.build import prepare
from drumjax.metrics import patterns as metrics
from drumjax.models import PatternVAEConfig
from drumjax.systems.pattern_vae import PatternVAELoss, pattern_vae_system, summarise
from drumjax.train.config import OptimizerConfig, make_optimizer
from drumjax.train.engine import fit, played
from drumjax.train.recipes.pattern_vae import PatternVAETraining, fitted


@dataclass(frozen=True)
class Study:
    """Train the pattern VAE over latent sizes and KL weights, and say what each reconstructs."""

    source: Positional[str]
    """'embedded', or a folder of pattern files."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The results, JSON; points that it holds are kept."""
    plot: Path | None = None
    """The curves, PNG."""
    latents: tuple[int, ...] = (2, 4, 8, 16, 32)
    """Latent sizes d."""
    kl_weights: tuple[float, ...] = (1.0, 0.1, 0.01)
    """KL weights at which d is varied."""
    fine_kl_weights: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01)
    """KL weights at d = 4."""
    encoder: Literal["lstm", "conv"] = "conv"
    """The convolutional encoder takes a tenth of the time on a CPU."""
    decoder_widths: tuple[int, ...] = PatternVAEConfig().decoder_widths
    """Widths of the decoder's hidden layers."""
    epochs: float = 200.0
    """Passes over the training split."""
    learning_rate: float = OptimizerConfig().learning_rate
    """Of Adam."""
    kl_warmup: float = PatternVAELoss().kl_warmup
    """Share of a training over which the KL weight rises from 0."""
    seeds: int = 1
    """How many seeds, from 0."""


def points(study: Study) -> Iterator[tuple[int, float, int]]:
    """(d, KL weight, seed) of every training, the seeds outermost, so that a stopped run has whole curves."""
    grid = dict.fromkeys([*product(study.latents, study.kl_weights), *((4, weight) for weight in study.fine_kl_weights)])
    for seed in range(study.seeds):
        for latent, weight in grid:
            yield latent, weight, seed


def yardsticks(splits: Any) -> dict[str, float]:
    """What copying and averaging reach: on the training split without a pattern's own group, and on the test split."""
    train, test = splits["train"], splits["test"]
    hits = train["velocity"] > 0
    alone = metrics.evaluate_yardsticks(hits, hits, groups=(train["group"], train["group"]))
    held = metrics.evaluate_yardsticks(test["velocity"] > 0, hits)
    return {
        "neighbour_train": alone["neighbour_f1"].mean,
        "neighbour_test": held["neighbour_f1"].mean,
        "mean_pattern_train": alone["mean_pattern_f1"].mean,
        "mean_pattern_test": held["mean_pattern_f1"].mean,
    }


def train(study: Study, patterns: Any, latent: int, weight: float, seed: int) -> dict[str, Any]:
    """One training, and its figures on all splits at the validation split's threshold."""
    model = PatternVAEConfig(latent=latent, encoder=study.encoder, decoder_widths=study.decoder_widths)
    config = fitted(PatternVAETraining(seed=seed, epochs=study.epochs, model=model), patterns.info)
    system = pattern_vae_system(config.model, PatternVAELoss(kl_weight=weight, kl_warmup=study.kl_warmup))
    arrays = {
        split: {name: array for name, array in content.items() if array.dtype.kind != "U"}
        for split, content in patterns.splits.items()
    }
    began = time.monotonic()
    state, _ = fit(system, {"vae": make_optimizer(OptimizerConfig(learning_rate=study.learning_rate))}, arrays["train"], config)
    validate = jax.jit(system.validate)
    sums = {
        split: jax.tree.map(np.asarray, validate(played(state), state.extra, content | {"mask": np.ones(len(content["genre"]))}))
        for split, content in arrays.items()
    }
    figures = {split: summarise(part) for split, part in sums.items()}
    threshold = figures["validation"]["threshold"]
    f1 = {split: f1_at(part, threshold) for split, part in sums.items()}
    return {
        "latent": latent,
        "kl_weight": weight,
        "seed": seed,
        "f1_train": f1["train"],
        "f1_validation": f1["validation"],
        "f1_test": f1["test"],
        "kl_nats_train": figures["train"]["kl"],
        "threshold": threshold,
        "steps": int(state.step),
        "seconds": time.monotonic() - began,
        **yardsticks(patterns.splits),
    }


def f1_at(sums: dict[str, np.ndarray], threshold: float) -> float:
    """The pooled onset F1 at one of the thresholds that `System.validate` counts."""
    from drumjax.systems.pattern_vae import THRESHOLDS

    index = int(np.argmin(np.abs(THRESHOLDS - threshold)))
    return float(2 * sums["matched_hits"][index] / max(float(sums["decoded_hits"][index] + sums["actual_hits"]), 1.0))


def draw(rows: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    """F1 over d for each KL weight, and over the KL weight at d = 4; mean and spread over seeds."""
    from drumjax import plots

    def line(label: str, name: str, x: str, values: Sequence[float], **fixed: float) -> Any:
        cells = [[row[name] for row in rows if row[x] == v and all(row[k] == f for k, f in fixed.items())] for v in values]
        kept = [(v, cell) for v, cell in zip(values, cells, strict=True) if cell]
        return plots.Line(
            label, np.array([v for v, _ in kept]), np.array([np.mean(c) for _, c in kept]), np.array([np.std(c) for _, c in kept])
        )

    latents = sorted({row["latent"] for row in rows})
    weights = sorted({row["kl_weight"] for row in rows if row["latent"] != 4}, reverse=True)
    fine = sorted({row["kl_weight"] for row in rows if row["latent"] == 4})
    panels = []
    for split, said in (("train", "training patterns"), ("test", "held-out patterns")):
        levels = {
            "best copy": float(np.mean([row[f"neighbour_{split}"] for row in rows])),
            "mean pattern": float(np.mean([row[f"mean_pattern_{split}"] for row in rows])),
        }
        lines = [line(f"KL weight {w:g}", f"f1_{split}", "latent", latents, kl_weight=w) for w in weights or fine]
        panels.append(plots.Panel(f"over d, {said}", "latent size d", "onset F1", lines, levels, "even"))
    lines = [
        line(said, f"f1_{split}", "kl_weight", fine, latent=4) for split, said in (("train", "training"), ("test", "held out"))
    ]
    panels.append(plots.Panel("over the KL weight, d = 4", "KL weight", "onset F1", lines, {}, "even"))
    plots.save(plots.curves(panels, columns=3, title=title, share_y=True), path)


def main() -> None:
    study = tyro.cli(Study, description=__doc__)
    setting = {"source": Path(study.source).name, "encoder": study.encoder, "decoder_widths": list(study.decoder_widths)}
    setting |= {"epochs": study.epochs}
    # Recorded only where they differ from the recipe's: studies made before they could be chosen used these.
    free = {"learning_rate": OptimizerConfig().learning_rate, "kl_warmup": PatternVAELoss().kl_warmup}
    setting |= {name: getattr(study, name) for name, usual in free.items() if getattr(study, name) != usual}
    where = machine()
    rows: list[dict[str, Any]] = []
    if study.output.exists():
        before = json.loads(study.output.read_text())
        if before["setting"] != setting:
            raise SystemExit(f"{study.output}: holds another study ({before['setting']}); name another file")
        rows = before["rows"]
    done = {(row["latent"], row["kl_weight"], row["seed"]) for row in rows}
    data: dict[int, Any] = {}
    for latent, weight, seed in points(study):
        if (latent, weight, seed) in done:
            continue
        if seed not in data:
            data = {seed: prepare(study.source, seed=seed).patterns}
        rows.append(train(study, data[seed], latent, weight, seed))
        row = rows[-1]
        f1 = ", ".join(f"{split} {row[f'f1_{split}']:.3f}" for split in ("train", "validation", "test"))
        said = f"d {latent:2d}, KL weight {weight:<5g}, seed {seed}: onset F1 {f1}, best copy {row['neighbour_test']:.3f}"
        print(f"{said}; {row['seconds']:.0f} s", flush=True)
        write_json(study.output, {"benchmark": "pattern_codes", "setting": setting, "machine": where, "rows": rows})
    if study.plot:
        draw(rows, study.plot, f"Pattern VAE, {setting['source']}, {study.encoder} encoder, {study.epochs:g} epochs")


if __name__ == "__main__":
    main()
