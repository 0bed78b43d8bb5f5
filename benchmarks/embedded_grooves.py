"""How do the embedded grooves measure beside a real drummer's, are they all different, and are their genres distinct?

    python benchmarks/embedded_grooves.py --data groove/ -o results/embedded_grooves.json

`--data` is a folder of the Groove MIDI Dataset's layout (`info.csv`); its beats in 4/4 are taken, by the genre of their style.
Without it the embedded grooves are measured alone. Per genre: hits a bar, the share of soft snare hits, velocity and lateness at
the four metrical positions, how swung the eighths and sixteenths are, and how a track's timing wanders; how many two-bar windows
recur in other tracks; and how often a random forest on notes, velocities and microtiming names the genre of a window of a track it
has not seen, within each set and from one to the other.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from common import machine, show, write_json
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from tyro.conf import arg

from drumjax.boundary import InputError, read_csv
from drumjax.datasets.grooves.sources import groove_midi_table
from drumjax.patterns import POCKET, Pattern, read_midi_pattern
from drumjax.patterns.grooves import GROOVE_STEPS, KEEP, genre_of_style, is_fill
from drumjax.synth.grooves import GENRES, PER_GENRE, embedded

BEAT, BAR = 4, 16
SOFT = 0.3
"""A snare hit under this velocity counts as a ghost note."""
SNARE = 1
CYMBALS = [2, 3, 5]
"""Hats and ride: what carries the time."""
ENOUGH = 8
"""Beats that a track must show before its swing is measured."""
WINDOWS = 3
"""Windows of a track that the classifier is told, evenly spread."""
REAL = ("rock", "jazz", "funk", "hiphop", "blues", "dance")
"""Genres of the Groove MIDI Dataset that are measured; "dance" stands beside electronic."""
FEW = 10
"""A genre of fewer tracks is measured, and not classified."""


@dataclass(frozen=True)
class Comparison:
    """Measure the embedded grooves beside real ones."""

    output: Annotated[Path, arg(aliases=["-o"])]
    """The results, JSON."""
    data: Path | None = None
    """A folder of the Groove MIDI Dataset's layout."""
    per_genre: int = PER_GENRE
    """Embedded tracks of each genre."""
    seed: int = 0
    """Of the embedded grooves."""


def real_grooves(folder: Path) -> dict[str, list[Pattern]]:
    """The tracks of each genre of `REAL`: beats in 4/4, no fills, at least two bars."""
    table = groove_midi_table(folder)
    if table is None:
        raise InputError(
            folder, rule="the Groove MIDI Dataset's layout", found="no such info.csv", remedy="name the folder with its info.csv"
        )
    tracks: dict[str, list[Pattern]] = {}
    for row in read_csv(table):
        name, genre = row["midi_filename"], genre_of_style(row["style"])
        if genre in REAL and row["time_signature"] == "4-4" and not is_fill(name, row["beat_type"]):
            pattern, _ = read_midi_pattern(folder / name, drum_map=POCKET)
            if pattern.steps >= GROOVE_STEPS:
                tracks.setdefault(genre, []).append(pattern)
    return {genre: tracks[genre] for genre in REAL if genre in tracks}


def late_ms(track: Pattern) -> np.ndarray:
    """How late every cell is, in milliseconds, (steps, 7)."""
    return track.offset * (500 * track.step_s)


def at_positions(tracks: Sequence[Pattern], values: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """Mean and standard deviation over all hits at each of the positions 1, e, &, a."""
    pooled = [np.concatenate([v[p::BEAT][t.hits[p::BEAT]] for t, v in zip(tracks, values, strict=True)]) for p in range(BEAT)]
    return [(float(hits.mean()), float(hits.std())) if len(hits) else (np.nan, np.nan) for hits in pooled]


def swing(track: Pattern) -> tuple[float, float]:
    """Long to short of the eighths and of the sixteenths on hats and ride, NaN where too few beats show it.

    The eighths: of beats with a stroke on this beat, one on the next and just one between, and that 1.4 to 3.2 steps on; long is
    from the first to the second, short from the second to the third. The sixteenths: the same of eighths, with the stroke between
    0.4 to 1.6 steps on. Medians of the track.
    """
    when = (np.arange(track.steps)[:, None] + 0.5 * track.offset)[:, CYMBALS]
    times = np.unique(when[track.hits[:, CYMBALS]])
    # The bell of a ride and a hat struck together are one stroke.
    times = times[np.diff(times, prepend=-1.0) > 0.4]
    found: list[float] = []
    for unit, low, high in ((4, 1.4, 3.2), (2, 0.4, 1.6)):
        starts = np.arange(0, track.steps - unit, unit)
        ratios = []
        for start in starts:
            near = times[(times > start - 0.4) & (times < start + unit + 0.4)]
            if len(near) == 3 and abs(near[0] - start) < 0.4 and abs(near[2] - start - unit) < 0.4 and low < near[1] - start < high:
                ratios.append((near[1] - near[0]) / (near[2] - near[1]))
        found.append(float(np.median(ratios)) if len(ratios) >= ENOUGH else np.nan)
    return found[0], found[1]


def wandering(track: Pattern) -> tuple[float, float]:
    """A track's timing about its own mean at each step of the bar: its standard deviation in ms, and its correlation a beat on."""
    hits = track.hits[: track.steps // BAR * BAR]
    late = late_ms(track)[: len(hits)]
    step = np.where(hits.any(axis=1), late.sum(axis=1) / np.maximum(hits.sum(axis=1), 1), np.nan).reshape(-1, BAR)
    heard = np.isfinite(step).sum(axis=0) >= 3
    if len(step) < 3 or heard.sum() < 4:
        return np.nan, np.nan
    rest = np.where(heard, step - np.nanmean(np.where(heard, step, 0), axis=0), np.nan).ravel()
    return float(np.nanstd(rest)), float(np.nanmean(rest[:-BEAT] * rest[BEAT:]) / np.nanvar(rest))


def measures(tracks: Sequence[Pattern]) -> dict[str, Any]:
    """One genre's row."""
    snares = np.concatenate([track.velocity[track.hits[:, SNARE], SNARE] for track in tracks])
    swings = np.array([swing(track) for track in tracks])
    wander = np.array([wandering(track) for track in tracks])
    return {
        "tracks": len(tracks),
        "bars": round(sum(track.steps for track in tracks) / BAR),
        "tempo_bpm": [float(value) for value in np.quantile([track.tempo_bpm for track in tracks], (0.25, 0.5, 0.75))],
        "hits_a_bar": float(np.mean([track.hits.sum() * BAR / track.steps for track in tracks])),
        "hits_a_bar_by_lane": np.mean([track.hits.sum(axis=0) * BAR / track.steps for track in tracks], axis=0).tolist(),
        "soft_snares": float((snares < SOFT).mean()),
        "velocity": at_positions(tracks, [track.velocity for track in tracks]),
        "late_ms": at_positions(tracks, [late_ms(track) for track in tracks]),
        "eighths": middle(swings[:, 0]),
        "sixteenths": middle(swings[:, 1]),
        "wander_ms": float(np.nanmean(wander[:, 0])),
        "wander_a_beat_on": float(np.nanmean(wander[:, 1])),
    }


def middle(values: np.ndarray) -> list[float]:
    """Lower quartile, median, upper quartile and how many tracks show it."""
    seen = values[np.isfinite(values)]
    return [*np.quantile(seen, (0.25, 0.5, 0.75)).tolist(), len(seen)] if len(seen) else [np.nan, np.nan, np.nan, 0]


def cut(tracks: Mapping[str, Sequence[Pattern]], most: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of two bars, one a bar, at most so many of a track: features (n, 672), genres (n,), tracks (n,)."""
    features, genres, owners = [], [], []
    owner = 0
    for genre, own in tracks.items():
        for track in own:
            possible = range(0, track.steps - GROOVE_STEPS + 1, BAR)
            starts = [start for start in possible if track.hits[start : start + GROOVE_STEPS].sum() >= KEEP.least_hits]
            if most is not None and len(starts) > most:
                starts = [starts[place] for place in np.linspace(0, len(starts) - 1, most).astype(int)]
            for start in starts:
                part = slice(start, start + GROOVE_STEPS)
                features.append(np.concatenate([track.hits[part], track.velocity[part], track.offset[part]], axis=None))
                genres.append(genre)
                owners.append(owner)
            owner += 1
    return np.array(features, np.float32), np.array(genres), np.array(owners)


def forest() -> RandomForestClassifier:
    """The classifier, the same for every question."""
    return RandomForestClassifier(100, min_samples_leaf=2, class_weight="balanced", random_state=0)


def balanced(truth: np.ndarray, heard: np.ndarray) -> dict[str, float]:
    """The share of windows named rightly, of each genre and as their mean."""
    shares = {genre: float((heard[truth == genre] == genre).mean()) for genre in sorted(set(truth))}
    return {**shares, "mean": float(np.mean(list(shares.values())))}


def separability(ours: Mapping[str, Sequence[Pattern]], real: Mapping[str, Sequence[Pattern]]) -> dict[str, dict[str, float]]:
    """Shares named rightly: of all our genres, of those that both sets have in both, and across."""

    def within(tracks: Mapping[str, Sequence[Pattern]]) -> dict[str, float]:
        known, genres, owners = cut(tracks, WINDOWS)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        return balanced(genres, cross_val_predict(forest(), known, genres, groups=owners, cv=folds))

    def across(taught: Mapping[str, Sequence[Pattern]], asked: Mapping[str, Sequence[Pattern]]) -> dict[str, float]:
        known, genres, _ = cut(taught, WINDOWS)
        others, truth, _ = cut(asked, WINDOWS)
        return balanced(truth, forest().fit(known, genres).predict(others))

    heard = {"embedded, six genres": within(ours)}
    common = [genre for genre in GENRES if len(real.get(genre, ())) >= FEW]
    if common:
        mine, theirs = ({genre: tracks[genre] for genre in common} for tracks in (ours, real))
        heard |= {
            "embedded": within(mine),
            "real": within(theirs),
            "real, by embedded": across(mine, theirs),
            "embedded, by real": across(theirs, mine),
        }
    return heard


def repeats(tracks: Mapping[str, Sequence[Pattern]]) -> dict[str, Any]:
    """How many windows' notes occur in another track too, and whether any two tracks are the same."""
    features, _, owners = cut(tracks, None)
    notes = [hashlib.sha256(np.packbits(window[: GROOVE_STEPS * 7] > 0).tobytes()).digest() for window in features]
    of_note: dict[bytes, set[int]] = {}
    for note, owner in zip(notes, owners.tolist(), strict=True):
        of_note.setdefault(note, set()).add(owner)
    whole = [hashlib.sha256(t.velocity.tobytes() + t.offset.tobytes()).digest() for own in tracks.values() for t in own]
    return {
        "windows": len(notes),
        "different_notes": len(of_note),
        "shared_with_another_track": float(np.mean([len(of_note[note]) > 1 for note in notes])),
        "tracks": len(whole),
        "different_tracks": len(set(whole)),
    }


def cells(name: str, row: dict[str, Any]) -> list[Any]:
    """A row for the screen."""
    velocity = " ".join(f"{mean:.2f}" for mean, _ in row["velocity"])
    late = " ".join(f"{mean:+.0f}" for mean, _ in row["late_ms"])
    ratios = [f"{row[unit][1]:.2f} ({row[unit][0]:.2f}–{row[unit][2]:.2f}, {row[unit][3]})" for unit in ("eighths", "sixteenths")]
    return [
        name,
        row["tracks"],
        f"{row['tempo_bpm'][1]:.0f}",
        f"{row['hits_a_bar']:.1f}",
        f"{row['soft_snares']:.2f}",
        velocity,
        late,
        *ratios,
        f"{row['wander_ms']:.1f}",
        f"{row['wander_a_beat_on']:.2f}",
    ]


def main(study: Comparison) -> None:
    """Measures, prints the tables, writes the results."""
    where = machine()
    began = time.process_time()
    ours: dict[str, list[Pattern]] = {genre: [] for genre in GENRES}
    for track in embedded(study.seed, study.per_genre):
        ours[track.genre].append(track)
    seconds = time.process_time() - began
    real = real_grooves(study.data) if study.data is not None else {}
    rows = {
        "embedded": {genre: measures(tracks) for genre, tracks in ours.items()},
        "real": {genre: measures(tracks) for genre, tracks in real.items()},
    }
    columns = ["", "tracks", "bpm", "hits", "soft", "velocity 1 e & a", "late ms 1 e & a", "eighths", "sixteenths", "ms", "beat on"]
    show("grooves", columns, [cells(f"{kind} {genre}", row) for kind, own in rows.items() for genre, row in own.items()])
    heard = separability(ours, real)
    names = sorted({name for shares in heard.values() for name in shares} - {"mean"})
    show("named rightly", ["", *names, "mean"], [[kind, *(s.get(name) for name in [*names, "mean"])] for kind, s in heard.items()])
    again = {"embedded": repeats(ours)} | ({"real": repeats(real)} if real else {})
    show("repeats", ["", *again["embedded"]], [[kind, *counts.values()] for kind, counts in again.items()])
    print(f"  {len(GENRES) * study.per_genre / seconds:.0f} tracks a second of one core")
    result = {
        "benchmark": "embedded_grooves",
        "machine": where,
        "setting": {"per_genre": study.per_genre, "seed": study.seed, "soft": SOFT, "windows": WINDOWS},
        "rows": rows,
        "named_rightly": heard,
        "repeats": again,
        "tracks_per_cpu_s": len(GENRES) * study.per_genre / seconds,
    }
    write_json(study.output, result)


if __name__ == "__main__":
    main(tyro.cli(Comparison))
