"""What can the codes of PocketVAE hold on given grooves? Yardsticks without a network, to read a Table 1 beside.

    python benchmarks/groove_bounds.py --data embedded
    python benchmarks/groove_bounds.py --data gmd/ -o results/groove_bounds.json

All figures are of the split `test`; everything is fitted on `train`.

Notes. A quarter note is written as its template plus one of K corrections, which were found by K-means and moved to whole cells.
K = 64 is what a code of the paper's chooses among, and K = 1 what the template alone tells. Not a bound: the network reads the
whole groove, and what a code means may depend on the template and on what came before.

Velocity and microtiming. What a linear regression on the notes leaves is taken as Gaussian. Of all linear autoencoders with a loss
of squared error + β KL, summed over a groove, the best leaves min(β/2, λ) of each eigenvalue λ of the covariance of what is left
("reverse water-filling": Cover and Thomas, "Elements of Information Theory", 2006, Sec. 10.3.3; that a linear VAE reaches it: Lucas
et al., "Don't Blame the ELBO!", 2019). So β alone says how small the error can become, whatever the size of the code, unless a
network finds what no linear map does. Without KL a code of `--code` numbers leaves what lies outside the first eigenvectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from common import machine, show, write_json
from sklearn.cluster import MiniBatchKMeans
from tyro.conf import arg

from drumjax.datasets.load import load_data
from drumjax.metrics.grooves import note_f1
from drumjax.metrics.patterns import onset_f1
from drumjax.patterns.templates import template

STEPS_OF_A_CODE = 4
"""A code is a quarter note (PocketVAE, Sec. 3.4.2)."""


@dataclass(frozen=True)
class Bounds:
    """Say what codes can hold of grooves, without training a network."""

    data: str
    """Prepared grooves: a folder, an .npz file, or `embedded`."""
    corrections: tuple[int, ...] = (1, 16, 64, 256, 1024)
    """How many corrections K of a template a quarter note can choose among."""
    kl_weights: tuple[float, ...] = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
    """KL weights β."""
    code: int = 64
    """Numbers of a code of velocity or microtiming."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


def whole_cells(corrections: np.ndarray, number: int) -> np.ndarray:
    """Float32 (number or fewer, cells) of -1, 0 and 1: the centres of K-means over (n, cells), moved to whole cells."""
    found = MiniBatchKMeans(number, n_init=3, batch_size=4096, random_state=0).fit(corrections)
    return np.unique(np.round(found.cluster_centers_), axis=0).astype(np.float32)


def nearest(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n, cells) → each vector's nearest centre, (n, cells)."""
    distances = np.sum(centres**2, -1) - 2 * vectors @ centres.T
    return np.asarray(centres[np.argmin(distances, -1)])


def notes(train: np.ndarray, test: np.ndarray, numbers: tuple[int, ...]) -> dict[str, Any]:
    """Notes from K corrections of the template, velocities (n, steps, lanes) of both splits: F1 by K, and how varied they are."""
    sketch = np.asarray(template(test))
    cells = STEPS_OF_A_CODE * test.shape[-1]
    learned, held = (((x > 0) - y).reshape(-1, cells) for x, y in ((train, np.asarray(template(train))), (test, sketch)))
    rows = {}
    for number in numbers:
        # A correction can ask for a note where the template has one, of another groove: that is one note.
        made = nearest(held, whole_cells(learned, number)).reshape(test.shape) + sketch > 0.5
        rows[number] = {"note_f1": note_f1(test > 0, made), "note_f1_micro": onset_f1(test > 0, made)}
    _, counts = np.unique(learned, axis=0, return_counts=True)
    shares = np.sort(counts / counts.sum())[::-1]
    return {
        "by_corrections": rows,
        "different_corrections": len(counts),
        "share_of_the_64_most_frequent": float(shares[:64].sum()),
        "entropy_bits": float(-np.sum(shares * np.log2(shares))),
    }


def expression(train: np.ndarray, test: np.ndarray, hits: tuple[np.ndarray, np.ndarray], bounds: Bounds) -> dict[str, Any]:
    """What linear autoencoders leave of velocities or offsets given the notes, as mean squared errors over all cells.

    Values and hits (n, steps, lanes) of both splits.
    """
    cells = test[0].size
    given = [np.c_[part.reshape(len(part), -1), np.ones(len(part))] for part in hits]
    # A ridge of 10 grooves' weight: cells that hardly ever have a note get no coefficients of chance.
    weights = np.linalg.solve(given[0].T @ given[0] + 10 * np.eye(cells + 1), given[0].T @ train.reshape(len(train), -1))
    left = [(x.reshape(len(x), -1) - g @ weights) * g[:, :-1] for x, g in zip((train, test), given, strict=True)]
    vectors = np.linalg.eigh(np.cov(left[0].T))[1][:, ::-1]
    spread = np.mean(np.square(left[1] @ vectors), 0)
    by_weight = {}
    for weight in bounds.kl_weights:
        each = weight / 2
        by_weight[weight] = {
            "mse": float(np.minimum(spread, each).sum() / cells),
            "kl_nats": float(0.5 * np.log(np.maximum(spread / each, 1)).sum()),
            "numbers_in_use": int(np.sum(spread > each)),
        }
    return {
        "silence_mse": float(np.mean(np.square(test))),
        "notes_alone_mse": float(spread.sum() / cells),
        "by_kl_weight": by_weight,
        "without_kl_mse": float(spread[bounds.code :].sum() / cells),
    }


def main() -> None:
    bounds = tyro.cli(Bounds, description=__doc__)
    data = load_data(bounds.data, "grooves")
    train, test = data.splits["train"], data.splits["test"]
    hits = (train["velocity"] > 0).astype(np.float32), (test["velocity"] > 0).astype(np.float32)
    results: dict[str, Any] = {"notes": notes(train["velocity"], test["velocity"], bounds.corrections)}
    for name, field in (("velocity", "velocity"), ("microtiming", "offset")):
        results[name] = expression(train[field], test[field], hits, bounds)
    written = results["notes"]
    show(
        f"Notes of a quarter note as template + one of K corrections (test, {len(test['velocity'])} grooves; the training split "
        f"has {written['different_corrections']} different ones, {written['entropy_bits']:.1f} bits)",
        ("K", "note F1", "over all cells"),
        [(k, row["note_f1"], row["note_f1_micro"]) for k, row in written["by_corrections"].items()],
    )
    for name in ("velocity", "microtiming"):
        figures = results[name]
        show(
            f"{name.capitalize()} MSE of the best linear autoencoder, given the notes (silence {figures['silence_mse']:.4f}, notes "
            f"alone {figures['notes_alone_mse']:.4f}, {bounds.code} numbers without KL {figures['without_kl_mse']:.4f})",
            ("KL weight", "MSE", "KL in nats", "numbers in use"),
            [(w, row["mse"], row["kl_nats"], row["numbers_in_use"]) for w, row in figures["by_kl_weight"].items()],
        )
    setting = {"data": Path(bounds.data).name, "code": bounds.code, "source_sha256": data.info.source_sha256}
    write_json(bounds.output, {"benchmark": "groove_bounds", "setting": setting, "machine": machine(), "results": results})


if __name__ == "__main__":
    main()
