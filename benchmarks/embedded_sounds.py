"""How do the embedded one-shots measure beside real ones, and would a classifier of either take the other for what they are?

    python benchmarks/embedded_sounds.py --data my_one_shots/ -o results/embedded_sounds.json --plot embedded_sounds.png

`--data` is a folder of real one-shots whose names or folders say their classes (kick/…, snare_01.wav); the folders right below it
count as collections. Without it the embedded sounds are measured alone. Per class: the median and quartiles of the spectral
centroid, of the time from the loudest moment to the last one within 20 dB of it, of the duration, of the zero crossings and of the
spectral flatness; how many sounds of a class the classifier of `drumjax.metrics.sound_classes` hears as that class when trained on
the other kind, within the embedded ones (five-fold), and within the real ones (folds that cut no collection: what a change of
collection costs by itself); and how far each of many embedded sounds is from the nearest other.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from common import machine, show, write_json
from tyro.conf import arg

from drumjax.boundary import AUDIO_SUFFIXES, InputError, list_files
from drumjax.metrics import sound_classes
from drumjax.patterns.classes import ALL_CLASSES, class_of_names
from drumjax.signal.mel import MelConfig, mel
from drumjax.signal.one_shot import read_one_shot, windowed
from drumjax.synth.one_shots import SAMPLE_RATE_HZ, SAMPLES, synthesize

MEASURES = ("centroid_hz", "decay_s", "duration_s", "crossings_hz", "flatness_db")
ENOUGH = 30
"""With fewer real sounds a class is thin, and its quartiles say little."""


@dataclass(frozen=True)
class Comparison:
    """Measure the embedded one-shots beside real ones."""

    output: Annotated[Path, arg(aliases=["-o"])]
    """The results, JSON."""
    data: Path | None = None
    """A folder of real one-shots."""
    plot: Path | None = None
    """Spectrograms, PNG: four embedded sounds and up to two real ones of each class."""
    per_class: int = 200
    """Embedded sounds of each class that are measured and classified."""
    nearest: int = 3000
    """Embedded sounds of each class among which no two may be alike; 0 for none."""
    seed: int = 0
    """Of the embedded sounds."""


def measures(audio: np.ndarray, rate: int = SAMPLE_RATE_HZ) -> dict[str, np.ndarray]:
    """What is measured of sounds, each (n,).

    Args:
      audio: float (n, samples), peak 1.
      rate: samples a second.
    """
    power = np.abs(np.fft.rfft(audio, axis=1)) ** 2
    hz = np.fft.rfftfreq(audio.shape[1], 1 / rate)
    window, hop = round(0.01 * rate), round(0.0025 * rate)
    squares = np.cumsum(np.pad(audio.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    starts = np.arange(0, audio.shape[1] - window, hop)
    level = squares[:, starts + window] - squares[:, starts]
    loudest = level.argmax(axis=1)
    last = level.shape[1] - 1 - (level > 0.01 * level.max(axis=1, keepdims=True))[:, ::-1].argmax(axis=1)
    begun = audio[:, : round(0.1 * rate)]
    smooth = power[:, 1 : 1 + power.shape[1] // 64 * 64 - 64].reshape(len(audio), -1, 64).mean(axis=2) + 1e-12
    return {
        "centroid_hz": (power * hz).sum(axis=1) / power.sum(axis=1),
        "decay_s": (last - loudest) * hop / rate,
        "duration_s": (audio.shape[1] - (np.abs(audio) > 1e-3)[:, ::-1].argmax(axis=1)) / rate,
        "crossings_hz": (np.signbit(begun[:, 1:]) != np.signbit(begun[:, :-1])).mean(axis=1) * rate / 2,
        "flatness_db": 10 * np.log10(np.exp(np.log(smooth).mean(axis=1)) / smooth.mean(axis=1)),
    }


def real_sounds(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sounds float32 (n, samples) at a peak of 1, their classes int (n,), and the collections that they are from, str (n,)."""
    sounds, labels, collections = [], [], []
    for path in list_files(folder, AUDIO_SUFFIXES):
        parts = path.relative_to(folder).parts
        label = class_of_names([path.stem, *parts[-2::-1]])
        if label is None:
            continue
        try:
            sounds.append(windowed(read_one_shot(path, SAMPLE_RATE_HZ), SAMPLES, SAMPLE_RATE_HZ))
        except InputError:
            continue
        labels.append(ALL_CLASSES.index(label))
        collections.append(parts[0])
    if not sounds:
        raise InputError(
            folder, rule="one-shots whose names say their classes", found="none", remedy="name them: kick/…, snare.wav"
        )
    return np.stack(sounds), np.array(labels), np.array(collections)


def embedded_sounds(per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sounds (n, samples) and classes (n,), as many of each class."""
    made = [synthesize(label, per_class, seed)[0] for label in ALL_CLASSES]
    return np.concatenate(made), np.repeat(np.arange(len(ALL_CLASSES)), per_class)


def features(audio: np.ndarray) -> np.ndarray:
    """What the classifier is told, a hundred sounds at a time."""
    config = MelConfig()
    magnitudes = jax.jit(lambda sounds: mel(sounds, config))
    parts = [
        sound_classes.features(np.asarray(magnitudes(np.resize(audio[i : i + 100], (100, SAMPLES)))))[: len(audio) - i]
        for i in range(0, len(audio), 100)
    ]
    return np.concatenate(parts)


def recognition(
    embedded: tuple[np.ndarray, np.ndarray], real: tuple[np.ndarray, np.ndarray, np.ndarray] | None
) -> dict[str, np.ndarray]:
    """Confusion counts (classes, classes), row = what a sound is, by what was trained on which."""
    classes = len(ALL_CLASSES)
    known, labels = features(embedded[0]), embedded[1]
    heard = {"embedded, of embedded": sound_classes.cross_validated(known, labels, np.arange(len(labels)), classes).counts}
    if real is not None:
        known_real, labels_real, collections = features(real[0]), real[1], real[2]
        by_real = sound_classes.fit(known_real, labels_real).predict(known)
        by_embedded = sound_classes.fit(known, labels).predict(known_real)
        heard["embedded, by real"] = sound_classes.confusion(labels, by_real, classes).counts
        heard["real, by embedded"] = sound_classes.confusion(labels_real, by_embedded, classes).counts
        heard["real, of other collections"] = sound_classes.cross_validated(known_real, labels_real, collections, classes).counts
    return heard


def fingerprints(audio: np.ndarray) -> np.ndarray:
    """Levels in dB of 24 bands in six moments, from the peak down to −70 dB, float32 (n, 144)."""
    edges_s = (0.0, 0.01, 0.03, 0.07, 0.15, 0.3, 1.0)
    levels = []
    for start_s, stop_s in pairwise(edges_s):
        part = audio[:, round(start_s * SAMPLE_RATE_HZ) : round(stop_s * SAMPLE_RATE_HZ)]
        power = np.abs(np.fft.rfft(part, 2048 if part.shape[1] < 2048 else None, axis=1)) ** 2 / part.shape[1]
        cuts = np.unique(np.geomspace(1, power.shape[1] - 1, 25).round().astype(int))
        bands = np.add.reduceat(power, cuts[:-1], axis=1)
        levels.append(np.pad(bands, ((0, 0), (0, 24 - bands.shape[1]))))
    level = 10 * np.log10(np.concatenate(levels, axis=1) + 1e-12)
    return np.maximum(level - level.max(axis=1, keepdims=True), -70.0).astype(np.float32)


def neighbours(per_class: int, seed: int) -> dict[str, Any]:
    """How far each embedded sound is from the nearest other of its class, and how fast they are made."""
    per_label, seconds, cpu = {}, 0.0, 0.0
    for label in ALL_CLASSES:
        prints, hashes = [], set()
        for first in range(0, per_class, 200):
            began, began_cpu = time.perf_counter(), time.process_time()
            audio, _ = synthesize(label, min(200, per_class - first), seed, first=first)
            seconds, cpu = seconds + time.perf_counter() - began, cpu + time.process_time() - began_cpu
            prints.append(fingerprints(audio))
            hashes |= {hashlib.sha256(sound).digest() for sound in np.round(audio * 32_767).astype(np.int16)}
        per_label[label] = {**spread(nearest_db(np.concatenate(prints))), "different": len(hashes)}
    made = per_class * len(ALL_CLASSES)
    return {"per_class": per_class, "db": per_label, "sounds_per_s": made / seconds, "sounds_per_cpu_s": made / cpu}


def nearest_db(prints: np.ndarray) -> np.ndarray:
    """The root mean square difference in dB to the nearest other, (n,)."""
    prints = prints.astype(np.float64)
    squares = (prints**2).sum(axis=1)
    found = np.empty(len(prints))
    for start in range(0, len(prints), 500):
        rows = slice(start, start + 500)
        distance = squares[rows, None] + squares - 2 * prints[rows] @ prints.T
        distance[np.arange(len(distance)), np.arange(start, start + len(distance))] = np.inf
        found[rows] = distance.min(axis=1)
    return np.sqrt(np.maximum(found, 0.0) / prints.shape[1])


def spread(values: np.ndarray) -> dict[str, float]:
    """Least, one in a hundred, and middle."""
    return {name: float(np.quantile(values, at)) for name, at in (("least", 0.0), ("hundredth", 0.01), ("median", 0.5))}


def quartiles(values: np.ndarray) -> list[float]:
    """Lower quartile, median, upper quartile."""
    return [float(value) for value in np.quantile(values, (0.25, 0.5, 0.75))]


def rows(
    embedded: tuple[np.ndarray, np.ndarray],
    real: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    heard: dict[str, np.ndarray],
) -> list[dict[str, Any]]:
    """One row a class."""
    found, found_real = measures(embedded[0]), measures(real[0]) if real is not None else {}
    table = []
    for index, label in enumerate(ALL_CLASSES):
        row: dict[str, Any] = {"class": label, "embedded": int((embedded[1] == index).sum())}
        row |= {f"embedded {name}": quartiles(found[name][embedded[1] == index]) for name in MEASURES}
        if real is not None and (theirs := real[1] == index).any():
            row["real"] = int(theirs.sum())
            row |= {f"real {name}": quartiles(found_real[name][theirs]) for name in MEASURES}
            row["outside"] = [
                name for name in MEASURES if not row[f"real {name}"][0] <= row[f"embedded {name}"][1] <= row[f"real {name}"][2]
            ]
        for name, counts in heard.items():
            if total := int(counts[index].sum()):
                row[name] = float(counts[index, index] / total)
                row[f"{name}, mostly"] = ALL_CLASSES[int(counts[index].argmax())]
        table.append(row)
    return table


def shown(quarters: list[float] | None) -> str:
    """`median (lower–upper)`."""
    if quarters is None:
        return ""
    low, middle, high = (f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2f}".removeprefix("0") for value in quarters)
    return f"{middle} ({low}–{high})"


def picture(embedded: np.ndarray, labels: np.ndarray, real: tuple[np.ndarray, np.ndarray, np.ndarray] | None, path: Path) -> None:
    """Four embedded sounds of each class and up to two real ones, mel spectrograms over 70 dB."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    config = MelConfig(bins=128)
    figure, axes = plt.subplots(len(ALL_CLASSES), 6, figsize=(9, 1.1 * len(ALL_CLASSES)), squeeze=False)
    for index, label in enumerate(ALL_CLASSES):
        columns = [("embedded", sound) for sound in embedded[labels == index][:4]]
        if real is not None:
            theirs = real[0][real[1] == index]
            columns += [("real", sound) for sound in theirs[:: max(len(theirs) - 1, 1)][:2]]
        for ax in axes[index]:
            ax.axis("off")
        for ax, (kind, sound) in zip(axes[index], columns, strict=False):
            level = 20 * np.log10(np.asarray(mel(sound[None], config))[0].T + 1e-6)
            ax.imshow(level, origin="lower", aspect="auto", vmin=level.max() - 70, vmax=level.max(), cmap="magma")
            ax.set_title(f"{label}, {kind}", fontsize=7, pad=2)
    figure.tight_layout(pad=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)
    print(f"wrote {path}")


def main(study: Comparison) -> None:
    """Measures, prints two tables, writes the results."""
    where = machine()
    embedded = embedded_sounds(study.per_class, study.seed)
    real = real_sounds(study.data) if study.data is not None else None
    heard = recognition(embedded, real)
    table = rows(embedded, real, heard)
    columns = ["class", "real", *(f"{name} {kind}" for name in MEASURES for kind in ("real", "embedded"))]
    cells = [
        [
            row["class"],
            row.get("real", 0),
            *(shown(row.get(f"{kind} {name}")) for name in MEASURES for kind in ("real", "embedded")),
        ]
        for row in table
    ]
    show("medians and quartiles", columns, cells)
    show("share heard as their class", ["class", *heard], [[row["class"], *(row.get(name) for name in heard)] for row in table])
    for name in ("centroid_hz", "decay_s") if real is not None else ():
        off = [row["class"] for row in table if name in row.get("outside", ()) and row["real"] >= ENOUGH]
        print(f"  {name}: the embedded median is outside the real quartiles in {', '.join(off) or 'no class'}")
    means = {name: sound_classes.Heard(counts).accuracy for name, counts in heard.items()}
    print("  mean over classes: " + ", ".join(f"{name} {mean:.3f}" for name, mean in means.items()))
    result: dict[str, Any] = {
        "benchmark": "embedded_sounds",
        "machine": where,
        "setting": {"per_class": study.per_class, "seed": study.seed},
        "rows": table,
        "means": means,
        "counts": {name: counts.tolist() for name, counts in heard.items()},
        "classes": list(ALL_CLASSES),
    }
    if real is not None:
        result["collections"] = sorted(set(real[2].tolist()))
    if study.nearest:
        near = neighbours(study.nearest, study.seed)
        result["nearest"] = near
        show(
            f"dB to the nearest of {study.nearest:,} of a class",
            ["class", "least", "hundredth", "median", "different"],
            [[label, *spreads.values()] for label, spreads in near["db"].items()],
        )
        print(f"  {near['sounds_per_s']:.0f} sounds a second, {near['sounds_per_cpu_s']:.0f} a second of one core")
    if study.plot is not None:
        picture(*embedded, real, study.plot)
    write_json(study.output, result)


if __name__ == "__main__":
    main(tyro.cli(Comparison))
