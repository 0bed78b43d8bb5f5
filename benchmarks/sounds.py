"""How good are trained models of drum sounds? Data, schedule, time, figures and command of each training, in one table.

    python benchmarks/sounds.py small-real --cwae runs/cwae --mcnn runs/mcnn --data sounds/ -o results/sounds_small_real.json
    python benchmarks/sounds.py paper --mcnn runs/paper --data sounds/ -o results/sounds_paper.json --table results/sounds.md

Each call measures one pair of trainings (or a CWAE or an MCNN alone) on held-out sounds, as `drumjax evaluate --suite sounds` does,
and writes one file; with `--table` the table is made of all `sounds_*.json` beside it. What a training says of itself (its
configuration, its course) is read from its working directory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from common import machine, peak_memory_mib, show, write_json
from tyro.conf import Positional, arg

from drumjax import checkpoint
from drumjax.boundary import read_csv, read_json
from drumjax.cli.models import training_command, without_folders
from drumjax.datasets.load import load_sounds
from drumjax.instruments import sound_evaluation as suite
from drumjax.instruments.sound_parts import load_parts
from drumjax.metrics.report import report
from drumjax.train.recipe import recipe

POINTS = 12
"""Of the course of a training, evenly over its validations."""


@dataclass(frozen=True)
class Sounds:
    """Measure trained models of sounds on held-out ones."""

    name: Positional[str]
    """What the row is called."""
    data: str
    """Prepared sounds, or 'embedded': what the models are measured on, and what the classifier learns from."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The results, JSON."""
    cwae: Path | None = None
    """The working directory of a training of the CWAE."""
    mcnn: Path | None = None
    """The working directory of a training of the MCNN."""
    table: Path | None = None
    """A markdown table of all results in the folder of the output, written anew."""
    split: Literal["validation", "test"] = "test"
    """The held-out sounds."""
    per_class: int = suite.GENERATED
    """New sounds of each class for the classifier."""
    seed: int = 0
    """Of everything that is drawn."""


def training(workdir: Path) -> dict[str, Any]:
    """What a training was: command, data, configuration, time, and the course of its validation figures."""
    run = read_json(workdir / "config.json")
    rows = read_csv(workdir / "metrics.csv")
    figures = [name for name in rows[0] if name.startswith("valid_")]
    looks = [row for row in rows if any(row[name] for name in figures)]
    chosen = [looks[round(i * (len(looks) - 1) / max(min(POINTS, len(looks)) - 1, 1))] for i in range(min(POINTS, len(looks)))]
    best = checkpoint.read_card(checkpoint.best(workdir))
    steps, seconds = int(rows[-1]["step"]), float(rows[-1]["seconds"])
    return {
        "command": training_command(run, checkpoint.dump_config(recipe(run["recipe"]).presets["paper"])),
        "data": {
            "named": without_folders(run["data_named"]),
            **{key: run["data"][key] for key in ("name", "source_sha256", "counts", "licences")},
        },
        "config": run["config"],
        "steps": steps,
        "steps_asked_for": run["steps"],
        "step_of_the_best": best["step"],
        "seconds": seconds,
        "learning_rate_at_the_end": _float(rows[-1].get("learning_rate")),
        "course": [
            {"step": int(row["step"]), "seconds": float(row["seconds"])}
            | {name.removeprefix("valid_"): _float(row[name]) for name in figures}
            for row in chosen
        ],
        "weights": sum(math.prod(leaf["shape"]) for leaf in _leaves(checkpoint.load_playing(checkpoint.best(workdir)).params)),
    }


def _float(cell: str | None) -> float | None:
    return float(cell) if cell else None


def _leaves(tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, Mapping):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in _leaves(part)]
    return [{"shape": tree.shape}]


def measure(call: Sounds) -> dict[str, Any]:
    """One row: the trainings, and every figure of the suite."""
    workdirs = {name: path for name, path in (("cwae", call.cwae), ("mcnn", call.mcnn)) if path is not None}
    if not workdirs:
        raise SystemExit("expected a working directory, found none; name --cwae, --mcnn or both")
    parts = load_parts({name: checkpoint.best(path) for name, path in workdirs.items()})
    data = load_sounds(call.data)
    result = suite.evaluate(parts, data.splits, data.info.classes, call.split, per_class=call.per_class, seed=call.seed)
    n = data.info.counts[call.split]
    content = report(
        suite="sounds",
        model=call.name,
        data=without_folders(call.data),
        split=call.split,
        n=n,
        metrics=result.figures,
        held_out=suite.held_out(parts, data.info.source_sha256, call.split),
    )
    said = (
        suite.verdict_on_vocoder(result.figures, call.split, n),
        suite.verdict_on_classes(result.figures),
        suite.verdict_on_codes(result.figures),
    )
    return {
        "benchmark": "sounds",
        "name": call.name,
        "machine": machine(),
        "peak_memory_mib": round(peak_memory_mib()),
        "trainings": {name: training(path) for name, path in workdirs.items()},
        "evaluated_on": {
            "named": without_folders(call.data),
            **{key: data.info.to_json()[key] for key in ("name", "source_sha256", "class_counts")},
        },
        "seed": call.seed,
        "per_class": call.per_class,
        "verdict": [paragraph for paragraph in (*said, *result.notes) if paragraph],
        "report": content,
    }


COLUMNS = (
    "row", "trained on", "held-out sounds", "steps (best)", "time", *(suite.METHODS[name][0] for name in suite.METHODS),
    "MCNN − Griffin–Lim", "MCNN − Griffin–Lim in equal time (iterations)", "class accuracy (held-out sounds)",
    "discrepancy (prior, 95 %)", "times real time",
)  # fmt: skip


def cells(row: Mapping[str, Any]) -> list[str]:
    """The cells of a results file in the order of `COLUMNS`; of a method the spectral convergence, and the log-mel error."""
    figures, trainings = row["report"]["metrics"], row["trainings"]

    def number(name: str, form: str = ".3f") -> str:
        value = figures.get(name, {}).get("mean")
        return "" if value is None else format(value, form)

    def both(prefix: str) -> str:
        pair = [number(f"{prefix}_{measure}") for measure in ("spectral_convergence", "log_mel_error")]
        return " / ".join(pair) if any(pair) else ""

    def duel(rival: str) -> str:
        if f"mcnn_minus_{rival}_log_mel_error" not in figures:
            return ""
        ends = [figures[f"mcnn_minus_{rival}_{measure}"] for measure in ("spectral_convergence", "log_mel_error")]
        return " / ".join(f"{end['mean']:+.3f} ({end['interval'][0]:+.3f} to {end['interval'][1]:+.3f})" for end in ends)

    equal = duel("griffin_lim_equal_time")
    accuracy = number("class_accuracy", ".2f")
    return [
        row["name"],
        "; ".join(f"{name} {_trained_on(each)}" for name, each in trainings.items()),
        f"{row['evaluated_on']['name']} {row['report']['split']} ({row['report']['n']})",
        "; ".join(f"{name} {each['steps']:,} ({each['step_of_the_best']:,})" for name, each in trainings.items()),
        "; ".join(f"{name} {each['seconds'] / 60:.0f} min" for name, each in trainings.items()),
        *(both(name) for name in suite.METHODS),
        duel("griffin_lim"),
        f"{equal} ({number('griffin_lim_equal_time_iterations', '.0f')})" if equal else "",
        f"{accuracy} ({number('class_accuracy_held_out', '.2f')})" if accuracy else "",
        f"{number('mmd', '.4f')} ({number('mmd_null_95', '.4f')})" if number("mmd") else "",
        "; ".join(
            f"{suite.METHODS[name][0]} {number(f'{name}_real_time_factor', '.0f')}"
            for name in ("cwae", "mcnn", "chain", "griffin_lim")
            if number(f"{name}_real_time_factor")
        ),
    ]


def _trained_on(training: Mapping[str, Any]) -> str:
    """The data of a training, how many sounds of it, and the trainings that it began with."""
    config, data = training["config"], training["data"]
    earlier = [config[name] for name in ("start", "spectrograms_of") if config.get(name)]
    return f"{data['named']} ({data['counts']['train']:,})" + (f", after {' and '.join(earlier)}" if earlier else "")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: all rows, beneath it per class the MCNN's differences from Griffin-Lim, and every training's command."""
    lines = [
        "Of each method: spectral convergence (eq. 11) / log-mel error (eq. 12), means over the held-out sounds. MCNN and",
        "Griffin–Lim read the very same spectrograms; differences have 95 % bootstrap intervals over groups.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"| {' | '.join('---' for _ in COLUMNS)} |",
        *(f"| {' | '.join(cells(row))} |" for row in rows),
    ]
    for row in rows:
        figures = row["report"]["metrics"]
        lines += ["", f"## {row['name']}", "", *(f"{paragraph}\n" for paragraph in row["verdict"])]
        lines += [f"- {name}: `{each['command']}`" for name, each in row["trainings"].items()]
        machine_of = row["machine"]
        lines += [f"- measured on {machine_of['cpu']}, {machine_of['cores']} cores, {', '.join(machine_of['devices'])}", ""]
        first = "griffin_lim_log_mel_error "
        labels = [name.removeprefix(first) for name in figures if name.startswith(first)]
        methods = [name for name in suite.METHODS if f"{name}_log_mel_error" in figures]
        heads = ["class", *(suite.METHODS[name][0] for name in methods), "MCNN − Griffin–Lim", "class accuracy"]
        lines += [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
        for label in labels:
            accuracy = figures.get(f"class_accuracy {label}", {}).get("mean")
            of_label = [
                label,
                *(_pair(figures, name, label) for name in methods),
                _pair(figures, "mcnn_minus_griffin_lim", label, "+.3f"),
                "" if accuracy is None else f"{accuracy:.2f}",
            ]
            lines.append(f"| {' | '.join(of_label)} |")
    return "\n".join(lines) + "\n"


def _pair(figures: Mapping[str, Any], name: str, label: str, form: str = ".3f") -> str:
    keys = [f"{name}_{measure} {label}" for measure in ("spectral_convergence", "log_mel_error")]
    return " / ".join(format(figures[key]["mean"], form) for key in keys) if keys[0] in figures else ""


def main() -> None:
    call = tyro.cli(Sounds, description=__doc__)
    row = measure(call)
    show(f"{call.name} on {call.data}", ["figure", "value"], [list(pair) for pair in zip(COLUMNS, cells(row), strict=True)])
    print("\n".join(row["verdict"]))
    write_json(call.output, row)
    if call.table is not None:
        rows = [json.loads(path.read_text()) for path in sorted(call.output.parent.glob("sounds_*.json"))]
        call.table.write_text(table([each for each in rows if each.get("benchmark") == "sounds"]), encoding="utf-8")
        print(f"wrote {call.table}")


if __name__ == "__main__":
    main()
