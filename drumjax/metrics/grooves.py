"""How well grooves are rebuilt, and how far they follow what they are told: the figures of PocketVAE's Table 1 and of its Sec. 4.2.

Conventions:
  - A groove is three arrays (n, steps, lanes): `note`, bool, where there is a hit; `velocity`, float in [0, 1]; `offset`, float in
    [-1, 1], half steps, late positive. A decoder's velocity and offset may be other than 0 where there is no hit.
  - Metrical positions are the four 16ths of a quarter note, "1 e & a": step modulo 4.
  - Kullback-Leibler divergences are closed forms of two Gaussians with the means and standard deviations of all values at hits of a
    position, estimate from reference, in nats; velocities in 0 … 127, times in ticks, 120 a 16th (the paper; the public code). Of a
    position without hits it is undefined (NaN), of values that are all the same infinite.
  - Squared errors are means over all cells, those without a hit included (the paper; the public code).

What the paper and its public code have differently, both are here:
  - Note F1: the paper's is the mean over steps ("the average F1-score computed at each timestep"); steps silent in both are left
    out, for they say nothing (our reading). The public code's is pooled over all cells, `note_f1_micro`.
  - Metrical positions: the public code counts from position m (0 to 3) in strides of m + 4 instead of 4, its "e" is steps 1,
    6, 11, …: the figures that end in `_code`. It also takes the hits of the rebuilt notes, for values rebuilt on the true ones.

An accuracy over windows has an interval from the bootstrap over tracks, for windows of one track overlap and are no independent
trials (our decision; the paper gives standard deviations over five splits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drumjax.metrics.patterns import onset_f1, validate_hits
from drumjax.metrics.report import Figure

POSITIONS = ("1", "e", "&", "a")
FULL_VELOCITY, TICKS_OF_HALF_A_STEP = 127.0, 60.0
"""What velocities and offsets are multiplied by before distributions are compared."""
DRAWS = 2000
"""Of tracks, for an interval."""
LEVEL = 0.95
Layout = Literal["paper", "code"]

_KL = (
    "Kullback-Leibler divergence of the rebuilt {0} from the true, Gaussians at the hits of each of the four {1}, in nats, mean of "
    "the four"
)
_ON_HITS = "on the cells that are hit in the reference"
_STRIDES = "positions as the public code counts them (strides of 4, 5, 6 and 7 steps, where the rebuilt notes have hits)"
DEFINITIONS: Mapping[str, str] = {
    "note_f1": "F1 of the notes of a step over its lanes, mean over all steps that are not silent in both (the paper)",
    "note_f1_micro": "F1 of the notes pooled over all cells (the public code)",
    "velocity_mse": "mean squared error of velocities in [0, 1] over all cells",
    "velocity_mse_hits": f"mean squared error of velocities in [0, 1] {_ON_HITS}",
    "velocity_kl": _KL.format("velocities (0 to 127)", "metrical positions"),
    "velocity_kl_code": _KL.format("velocities (0 to 127)", _STRIDES),
    "timing_mse": "mean squared error of microtiming in half steps over all cells",
    "timing_mse_hits": f"mean squared error of microtiming in half steps {_ON_HITS}",
    "timing_kl": _KL.format("microtiming (ticks, 120 a 16th)", "metrical positions"),
    "timing_kl_code": _KL.format("microtiming (ticks, 120 a 16th)", _STRIDES),
}


class Metrical(NamedTuple):
    """Values at the four metrical positions.

    Attributes:
      mean: float64 (4,); NaN where there is no hit.
      sd: float64 (4,), the standard deviation (dividing by the number).
      hits: int64 (4,), how many.
    """

    mean: np.ndarray
    sd: np.ndarray
    hits: np.ndarray


class Response(NamedTuple):
    """How microtiming answers to a control.

    Attributes:
      pushed, neutral, laid_back: float64 (n,), a groove's mean offset over its hits, half steps; NaN of a groove without hits.
      right: the share of templates that are played earlier when pushed than when laid back; those without hits count as wrong.
      right_of_neutral: the share of those earlier than neutral when pushed and later when laid back.
    """

    pushed: np.ndarray
    neutral: np.ndarray
    laid_back: np.ndarray
    right: float
    right_of_neutral: float


def validate(reference: Mapping[str, np.ndarray], estimate: Mapping[str, np.ndarray]) -> None:
    """Checks that two sets of grooves can be compared cell by cell.

    Raises:
      ValueError: other shapes, notes that are not bool, or numbers out of range.
    """
    shape = reference["note"].shape
    if len(shape) != 3 or shape[1] % len(POSITIONS):
        raise ValueError(f"expected grooves (n, steps, lanes) of whole quarter notes, 4 steps each, found the shape {shape}")
    for who, arrays in (("reference", reference), ("estimate", estimate)):
        validate_hits(arrays["note"])
        for name, low in (("note", 0), ("velocity", 0), ("offset", -1)):
            array = arrays[name]
            if array.shape != shape:
                raise ValueError(f"expected the {who}'s {name} of the shape {shape}, found {array.shape}")
            if array.size and not (array.min() >= low and array.max() <= 1):
                raise ValueError(f"expected the {who}'s {name} in [{low}, 1], found {array.min()} to {array.max()}")


# -- Reconstruction ------------------------------------------------------------------------------------------------------------


def note_f1(reference: np.ndarray, estimate: np.ndarray) -> float:
    """The F1 of the notes of a step, mean over all steps that are not silent in both; 1 where all steps are.

    Args:
      reference: hits, bool (..., lanes).
      estimate: hits of the same shape.
    """
    validate_hits(reference, estimate)
    both = np.count_nonzero(reference, axis=-1) + np.count_nonzero(estimate, axis=-1)
    heard = both > 0
    if not heard.any():
        return 1.0
    return float((2 * np.count_nonzero(reference & estimate, axis=-1)[heard] / both[heard]).mean())


def metrical(values: np.ndarray, hits: np.ndarray, layout: Layout = "paper") -> Metrical:
    """Means and standard deviations of the values at hits, for each of the four metrical positions.

    Args:
      values: float (n, steps, lanes).
      hits: bool of the same shape.
      layout: "paper": a position is every fourth step. "code": position m (0 to 3) is every (m + 4)th step from m on.
    """
    columns = [slice(m, None, 4 if layout == "paper" else m + 4) for m in range(len(POSITIONS))]
    at = [np.asarray(values[:, column][hits[:, column]], np.float64) for column in columns]
    return Metrical(
        np.array([x.mean() if x.size else np.nan for x in at]),
        np.array([x.std() if x.size else np.nan for x in at]),
        np.array([x.size for x in at]),
    )


def gaussian_kl(mean: ArrayLike, sd: ArrayLike, other_mean: ArrayLike, other_sd: ArrayLike) -> np.ndarray:
    """The divergence of N(mean, sd²) from N(other_mean, other_sd²) in nats; infinite where one has no width, 0 of two alike.

    Args:
      mean: of the first, any shape.
      sd: of the first, at least 0.
      other_mean: of the second.
      other_sd: of the second, at least 0.
    """
    mean, sd, other_mean, other_sd = (np.asarray(each, np.float64) for each in (mean, sd, other_mean, other_sd))
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.log(other_sd / sd) + (np.square(sd) + np.square(mean - other_mean)) / (2 * np.square(other_sd)) - 0.5
    narrow = ((sd == 0) | (other_sd == 0)) & ~np.isnan(mean + other_mean)
    return np.where(narrow, np.where((sd == other_sd) & (mean == other_mean), 0.0, np.inf), kl)


def metrical_kl(
    values: np.ndarray, hits: np.ndarray, estimate: np.ndarray, estimate_hits: np.ndarray, layout: Layout = "paper"
) -> float:
    """The divergence of the estimate's values from the reference's, mean of the four metrical positions.

    Args:
      values: the reference's, float (n, steps, lanes).
      hits: the reference's, bool.
      estimate: values of the same shape.
      estimate_hits: bool.
      layout: see `metrical`.
    """
    true, rebuilt = metrical(values, hits, layout), metrical(estimate, estimate_hits, layout)
    return float(gaussian_kl(rebuilt.mean, rebuilt.sd, true.mean, true.sd).mean())


def evaluate(
    reference: Mapping[str, np.ndarray], estimate: Mapping[str, np.ndarray], *, given: np.ndarray | None = None
) -> dict[str, Figure]:
    """All figures of rebuilt grooves, as `DEFINITIONS` says.

    Args:
      reference: the true `note`, `velocity` and `offset`.
      estimate: the rebuilt ones, as a decoder gives them: not masked by the notes.
      given: the notes, bool (n, steps, lanes), on which velocity and offset were rebuilt; None: the estimate's own.
    """
    validate(reference, estimate)
    note, rebuilt = reference["note"], estimate["note"]
    on = rebuilt if given is None else given
    figures = {"note_f1": note_f1(note, rebuilt), "note_f1_micro": onset_f1(note, rebuilt)}
    for name, array, unit in (("velocity", "velocity", FULL_VELOCITY), ("timing", "offset", TICKS_OF_HALF_A_STEP)):
        true, made = (np.asarray(arrays[array], np.float64) for arrays in (reference, estimate))
        error = np.square(made - true)
        figures |= {
            f"{name}_mse": float(error.mean()) if error.size else np.nan,
            f"{name}_mse_hits": float(error[note].mean()) if note.any() else np.nan,
            f"{name}_kl": metrical_kl(unit * true, note, unit * made, on),
            f"{name}_kl_code": metrical_kl(unit * true, note, unit * made, rebuilt, "code"),
        }
    return {name: Figure(figures[name], definition) for name, definition in DEFINITIONS.items()}


# -- Genres --------------------------------------------------------------------------------------------------------------------


def share_of_tracks(right: np.ndarray, track: np.ndarray, seed: int = 0) -> tuple[float, tuple[float, float]]:
    """The share of windows that are right, and its 95 % interval by the bootstrap over tracks.

    Where all tracks have one share there is nothing to draw: then it is Wilson's interval for as many trials as tracks.

    Args:
      right: bool (n,).
      track: (n,), what each window was cut from.
      seed: of the draws.

    Returns:
      The share and the ends of the interval, NaN for no windows.
    """
    right = np.asarray(right, bool)
    if not len(right):
        return float("nan"), (float("nan"), float("nan"))
    _, which, counts = np.unique(track, return_inverse=True, return_counts=True)
    hits = np.bincount(which, weights=right)
    share = float(right.mean())
    if np.ptp(hits / counts) == 0:
        return share, wilson(share * len(counts), len(counts))
    drawn = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), DRAWS)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile((drawn @ hits) / (drawn @ counts), (tail, 1 - tail))
    return share, (float(low), float(high))


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (1927), of a number of successes that need not be whole."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + LEVEL) / 2)) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = np.sqrt(z2 * (share * (1 - share) + z2 / (4 * trials)) / trials) / (1 + z2 / trials)
    return float(max(middle - reach, 0.0)), float(min(middle + reach, 1.0))


def genre_figures(logits: np.ndarray, genre: np.ndarray, track: np.ndarray, what: str, seed: int = 0) -> dict[str, Figure]:
    """`genre_accuracy`, over windows, and `genre_accuracy_tracks`, a classifier's answers being averaged over a track's windows.

    Args:
      logits: of the classifier, float (n, genres).
      genre: int (n,), the right answers.
      track: (n,), what each window was cut from; all windows of a track are of one genre.
      what: which windows they are, in words.
      seed: of the draws.
    """
    logits, genre = np.asarray(logits, np.float64), np.asarray(genre)
    tracks, first, which = np.unique(track, return_index=True, return_inverse=True)
    share, interval = share_of_tracks(logits.argmax(-1) == genre, track, seed)
    chances = np.exp(logits - logits.max(-1, keepdims=True)) if len(logits) else logits
    chances /= chances.sum(-1, keepdims=True)
    of_tracks = np.zeros((len(tracks), logits.shape[-1]))
    np.add.at(of_tracks, which, chances)
    right = int((of_tracks.argmax(-1) == genre[first]).sum())
    return {
        "genre_accuracy": Figure(
            share,
            f"share of {what} classified as their genre; interval: bootstrap over {len(tracks)} tracks",
            interval=interval,
        ),
        "genre_accuracy_tracks": Figure(
            right / len(tracks) if len(tracks) else float("nan"),
            f"share of tracks classified right by the mean probability over their windows, of {what}; interval: Wilson's of "
            f"{len(tracks)} tracks",
            interval=wilson(right, len(tracks)) if len(tracks) else None,
        ),
    }


# -- Controls ------------------------------------------------------------------------------------------------------------------


def mean_offsets(offset: np.ndarray, note: np.ndarray) -> np.ndarray:
    """A groove's mean offset over its hits, float64 (n,), half steps, of (n, steps, lanes); NaN of one without hits."""
    hits = np.count_nonzero(note, axis=(1, 2))
    sums = np.where(note, offset, 0).sum((1, 2), dtype=np.float64)
    return np.where(hits > 0, sums / np.maximum(hits, 1), np.nan)


def timing_response(
    pushed: Mapping[str, np.ndarray], neutral: Mapping[str, np.ndarray], laid_back: Mapping[str, np.ndarray]
) -> Response:
    """How the mean microtiming of grooves answers to the controls pushed, on the beat and laid back (Fig. 6).

    Args:
      pushed: `note` and `offset` (n, steps, lanes) on n templates under the control pushed.
      neutral: on the same templates under the control on the beat.
      laid_back: under the control laid back.
    """
    early, middle, late = (mean_offsets(arrays["offset"], arrays["note"]) for arrays in (pushed, neutral, laid_back))
    right, around = early < late, (early < middle) & (middle < late)  # False of NaN
    n = len(right)
    return Response(early, middle, late, float(right.mean()) if n else np.nan, float(around.mean()) if n else np.nan)


def code_counts(codes: np.ndarray, genre: np.ndarray, genres: int, size: int) -> np.ndarray:
    """How often each genre's sequences hold each code (Fig. 7): int64 (genres, size).

    Args:
      codes: int (n, length), from 0 to size - 1.
      genre: int (n,), from 0 to genres - 1.
      genres: how many.
      size: codes in the codebook.
    """
    counts = np.zeros((genres, size), np.int64)
    np.add.at(counts, (np.repeat(genre, codes.shape[1]), codes.ravel()), 1)
    return counts


def commonest_codes(counts: np.ndarray, most: int) -> np.ndarray:
    """The codes that are the largest shares of what the genres use, each genre counting alike: int64 (at most `most`,), ascending.

    Args:
      counts: at least 0, (genres, codes); see `code_counts`.
      most: how many; of equally common ones the first.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.sort(np.argsort(-shares.mean(axis=0), kind="stable")[:most])
