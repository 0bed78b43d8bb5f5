"""What a sound model can do, in figures: the suite `sounds` of `drumjax evaluate` (Neural Drum Machine, Sec. "Experiments").

Reconstruction stage by stage, each from what the one before it made or from the original: the autoencoder's spectrogram, the
vocoder's sound of the original's spectrogram, the sound of the whole chain, and beside them Griffin and Lim's iteration on the same
spectrograms, which a vocoder has to beat. Codes beside the prior. New sounds as a classifier of real ones hears them. A model
without a vocoder, or a vocoder alone, has the figures that it can have.

Nothing but a block of spectrograms is in memory at a time; what is kept are numbers of sounds, codes and a classifier's features.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.instruments.evaluation import held_out as of_one
from drumjax.instruments.sound_parts import ITERATIONS, Parts, Stage, blocks, heard_as, yardstick
from drumjax.metrics import codes as code_metrics
from drumjax.metrics import sound_classes
from drumjax.metrics import sounds as metrics
from drumjax.metrics.report import Figure
from drumjax.signal.levels import peak, peak_normalized
from drumjax.signal.mel import FULL_SCALE
from drumjax.systems.cwae import prior_codes

METHODS: Mapping[str, tuple[str, str]] = {
    "cwae": ("CWAE", "the CWAE's spectrogram"),
    "chain": ("CWAE and MCNN", "the MCNN's sound of the CWAE's spectrogram"),
    "mcnn": ("MCNN", "the MCNN's sound of the original's own spectrogram"),
    "griffin_lim": ("Griffin–Lim", f"the sound of {ITERATIONS} Griffin–Lim iterations on the original's own spectrogram"),
    "griffin_lim_plain": (
        "plain Griffin–Lim",
        f"the same without momentum, Griffin and Lim's own iteration of 1984, {ITERATIONS} times",
    ),
    "griffin_lim_equal_time": (
        "Griffin–Lim in equal time",
        "the sound of as many Griffin–Lim iterations on the original's own spectrogram as fit in the time that the MCNN takes",
    ),
    "chain_griffin_lim": ("CWAE and Griffin–Lim", f"the sound of {ITERATIONS} Griffin–Lim iterations on the CWAE's spectrogram"),
}
"""By the name that figures begin with: what a picture calls it, and what is compared with the original."""
DUELS = (
    ("mcnn", "griffin_lim"),
    ("mcnn", "griffin_lim_plain"),
    ("mcnn", "griffin_lim_equal_time"),
    ("chain", "chain_griffin_lim"),
)
"""Which methods read the very same spectrograms."""
_ON_CWAE = {"chain": "mcnn", "chain_griffin_lim": "griffin_lim"}
"""Which method's stage reads the CWAE's spectrogram in these."""
GENERATED = 50
"""New sounds of each class for the classifier (our decision): an accuracy of .8 is known to ± .02 over 14 classes."""
MOST_KNOWN = 300
"""Training sounds of each class that the classifier learns from; of more, so many are drawn."""
MOST_CODES = 64
"""Training sounds of each class whose codes are tested beside the held-out ones: "the same order of magnitude as" the code's size
(Sec. "Experimental setup"), the number of a batch."""
FOR_TIMING = 20
_ROUNDS = 9
EMBEDDED = "embedded:"
"""How the names of the library's own synthesised sounds begin."""

Tell = Callable[[str, int, int], None]
"""Hears of progress: what is done, how many of how many sounds."""


class Example(NamedTuple):
    """One sound through all stages: the median of its class by the error of the last stage that the model has.

    Attributes:
      name: of the original.
      label: its class.
      audio: by method, and "original", float32 (samples,).
      mel: the same, mel magnitudes (frames, bins).
    """

    name: str
    label: str
    audio: dict[str, np.ndarray]
    mel: dict[str, np.ndarray]


class New(NamedTuple):
    """A new sound: its class, float32 (samples,) with peak 1, and the mel magnitudes (frames, bins) that it was made from."""

    label: str
    audio: np.ndarray
    mel: np.ndarray


class SoundEvaluation(NamedTuple):
    """What was found.

    Attributes:
      figures: by name.
      methods: which of `METHODS` were measured.
      classes: of the data.
      examples: one a class that the split has.
      new: one a class; none without an autoencoder.
      heard: how the classifier heard sounds, by what they were: "generated", "held-out", "reconstructed", and "known" where it was
        cross-validated; empty without an autoencoder or without two classes to tell apart.
      codes: of the split, (n, d), and their labels (n,); None without an autoencoder.
      notes: what was left out and why, a sentence each.
    """

    figures: dict[str, Figure]
    methods: tuple[str, ...]
    classes: tuple[str, ...]
    examples: list[Example]
    new: list[New]
    heard: dict[str, sound_classes.Heard]
    codes: tuple[np.ndarray, np.ndarray] | None
    notes: list[str]


def evaluate(
    parts: Parts,
    splits: Mapping[str, Mapping[str, np.ndarray]],
    classes: Sequence[str],
    split: str,
    *,
    per_class: int = GENERATED,
    seed: int = 0,
    tell: Tell = lambda what, done, total: None,
) -> SoundEvaluation:
    """All figures of the suite `sounds`.

    Args:
      parts: what is measured.
      splits: prepared data: for each split `audio` int16 (n, samples) with peak 32,767, `label`, `name`, `group`; the split that is
        measured has at least one sound. The classifier learns from `train`.
      classes: the names of the data's classes, all known to the autoencoder.
      split: the split that is measured.
      per_class: new sounds of each class.
      seed: of everything that is drawn.
      tell: hears of progress.
    """
    chosen, names = splits[split], tuple(classes)
    methods = _methods(parts)
    figures, equal = _equal_time(parts, chosen["audio"], seed, tell)
    stages = _stages(parts, seed, equal)
    measured = _measure(parts, chosen, names, methods, stages, tell)
    kinds = {kind: here for kind, here in _kinds(chosen["name"]).items() if 0 < here.sum() < len(here)}
    slices = metrics.by_class(chosen["label"], names) | kinds
    for method in methods:
        what = METHODS[method][1] + (f" ({equal} of them)" if method == "griffin_lim_equal_time" else "")
        of_method = metrics.summarise(measured.values[method], slices, what=what)
        figures |= {f"{method}_{name}": figure for name, figure in of_method.items()}
    for first, second in DUELS:
        if {first, second} <= set(methods):
            figures |= _duel(measured.values, first, second, chosen["group"], slices, seed)
    notes: list[str] = []
    new: list[New] = []
    heard: dict[str, sound_classes.Heard] = {}
    if parts.encode is not None:
        figures |= _code_figures(measured.codes, chosen["label"], names, "", seed)
        if split != "train":
            some = _some(splits["train"]["label"], MOST_CODES, seed)
            codes = _encode(parts, splits["train"], names, some, tell)
            figures |= _code_figures(codes, splits["train"]["label"][some], names, "_train", seed)
        new, features = _generate(parts, names, per_class, seed, tell)
        more, heard, notes = _classify(parts, splits["train"], names, measured, chosen, features, split, per_class, seed, tell)
        figures |= more
    figures |= _speeds(parts, chosen["audio"], seed, tell)
    examples = _examples(parts, chosen, names, methods, measured.values[_end(parts)]["log_difference"], stages)
    codes_of_split = None if parts.encode is None else (measured.codes, chosen["label"])
    return SoundEvaluation(figures, methods, names, examples, new, heard, codes_of_split, notes)


def held_out(parts: Parts, source_sha256: str, split: str) -> bool | None:
    """Whether a split was held out from the training of every part; None where it is not known of one and no other saw it."""
    each = [of_one(card, source_sha256, split) for card in parts.cards.values()]
    return False if False in each else None if None in each else True


def _methods(parts: Parts) -> tuple[str, ...]:
    """What can be measured of a model, in the order of `METHODS`."""
    if parts.encode is None:
        return ("mcnn", "griffin_lim", "griffin_lim_plain", "griffin_lim_equal_time")
    of_vocoder = ("chain", "mcnn", "griffin_lim_equal_time")
    return tuple(name for name in METHODS if parts.vocode is not None or name not in of_vocoder)


def _end(parts: Parts) -> str:
    """The method that is what the model itself makes of a sound."""
    if parts.encode is None:
        return "mcnn"
    return "chain" if parts.vocode is not None else "chain_griffin_lim"


# -- Reconstruction ------------------------------------------------------------------------------------------------------------


class _Stages(NamedTuple):
    """One block through all stages."""

    audio: dict[str, np.ndarray]
    mel: dict[str, np.ndarray]
    codes: np.ndarray


def _through(
    parts: Parts,
    audio: np.ndarray,
    rows: np.ndarray | None,
    numbers: np.ndarray,
    methods: Sequence[str],
    stages: Mapping[str, Stage],
) -> _Stages:
    """A block of sounds, float32 (n, samples) with peak 1, through every stage; their numbers say which phases begin with."""
    listen = heard_as(parts.mel)
    sounds, spectrograms = {"original": audio}, {"original": listen(audio)}
    codes = np.zeros((len(audio), 0), np.float32)
    if parts.encode is not None and parts.decode is not None:
        codes = parts.encode(audio, rows)
        spectrograms["cwae"] = parts.decode(codes, rows)
    for method in methods:
        if method != "cwae":
            stage, source = _ON_CWAE.get(method, method), "cwae" if method in _ON_CWAE else "original"
            sounds[method] = stages[stage](spectrograms[source], numbers)
            spectrograms[method] = listen(sounds[method])
    return _Stages(sounds, spectrograms, codes)


def _stages(parts: Parts, seed: int, equal: int) -> dict[str, Stage]:
    """What makes sound of spectrograms and the sounds' numbers, by the name of the method that takes the original's."""
    stages = {
        "griffin_lim": yardstick(parts.mel, seed),
        "griffin_lim_plain": yardstick(parts.mel, seed, momentum=0.0),
    }
    if (vocode := parts.vocode) is not None:
        stages["mcnn"] = lambda magnitudes, numbers: vocode(magnitudes)
        stages["griffin_lim_equal_time"] = yardstick(parts.mel, seed, iterations=equal)
    return stages


class _Measured(NamedTuple):
    """Of every sound: figures by method, code, and features of the original and of the last stage."""

    values: dict[str, dict[str, np.ndarray]]
    codes: np.ndarray
    originals: np.ndarray
    reconstructed: np.ndarray


def _measure(
    parts: Parts,
    arrays: Mapping[str, np.ndarray],
    classes: tuple[str, ...],
    methods: Sequence[str],
    stages: Mapping[str, Stage],
    tell: Tell,
) -> _Measured:
    n, last = len(arrays["audio"]), _end(parts)
    values: dict[str, list[dict[str, np.ndarray]]] = {method: [] for method in methods}
    codes, originals, reconstructed = [], [], []
    for part in blocks(n):
        tell("reconstructing", part.start, n)
        rows = parts.rows(arrays["label"][part], classes) if parts.encode else None
        made = _through(parts, _floats(arrays["audio"][part]), rows, np.arange(part.start, part.stop), methods, stages)
        for method in methods:
            values[method].append(metrics.measure(made.mel["original"], made.mel[method], parts.mel.floor))
        codes.append(made.codes)
        if parts.encode is not None:
            originals.append(sound_classes.features(made.mel["original"]))
            reconstructed.append(_features(made.mel[last], made.audio[last]))
    tell("reconstructing", n, n)
    joined = {
        method: {name: np.concatenate([each[name] for each in batches]) for name in batches[0]}
        for method, batches in values.items()
    }
    empty = np.zeros((0, 0), np.float32)
    return _Measured(
        joined,
        np.concatenate(codes),
        np.concatenate(originals) if originals else empty,
        np.concatenate(reconstructed) if reconstructed else empty,
    )


def _floats(audio: np.ndarray) -> np.ndarray:
    return audio.astype(np.float32) / np.float32(FULL_SCALE)


def _features(magnitudes: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """The classifier's features of sounds as if their peak were 1: a mel spectrogram scales with its sound."""
    peaks = peak(audio)[:, None, None]
    return sound_classes.features(magnitudes / (peaks + (peaks == 0)))


def _duel(
    values: Mapping[str, Mapping[str, np.ndarray]],
    first: str,
    second: str,
    groups: np.ndarray,
    slices: Mapping[str, np.ndarray],
    seed: int,
) -> dict[str, Figure]:
    """The paired differences of two methods, over all sounds and for every slice."""
    figures: dict[str, Figure] = {}
    everything = {"": np.ones(len(groups), bool)} | {f" {name}": here for name, here in slices.items()}
    for measure in metrics.DEFINITIONS:
        for name, here in everything.items():
            a, b = values[first][measure][here], values[second][measure][here]
            found = metrics.paired_difference(a, b, groups[here], seed=seed)
            definition = (
                f"{measure} of {METHODS[first][1]} minus that of {METHODS[second][1]}, mean and standard deviation over "
                f"{int(here.sum())} sounds{' of' + name if name else ''}; below 0 the first is nearer, as it is for "
                f"{100 * found.share_below:.0f} % of them; interval: 95 %, bootstrap over groups"
            )
            figures[f"{first}_minus_{second}_{measure}{name}"] = Figure(
                found.mean, definition, float((a - b).std()), interval=(found.low, found.high)
            )
    return figures


def _kinds(names: np.ndarray) -> dict[str, np.ndarray]:
    """Which sounds are recordings or instruments of others, and which are the library's own synthesised ones."""
    embedded = np.char.startswith(names.astype(np.str_), EMBEDDED)
    return {"real sounds": ~embedded, "embedded sounds": embedded}


# -- Codes ---------------------------------------------------------------------------------------------------------------------


def _some(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Numbers of at most `most` sounds of each class, drawn, in order."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)]
    return np.sort(np.concatenate([*drawn, np.zeros(0, np.int64)]))


def _encode(parts: Parts, arrays: Mapping[str, np.ndarray], classes: tuple[str, ...], some: np.ndarray, tell: Tell) -> np.ndarray:
    assert parts.encode is not None
    made = [np.zeros((0, parts.latent), np.float32)]
    for part in blocks(len(some)):
        tell("encoding training sounds", part.start, len(some))
        audio = _floats(arrays["audio"][some[part]])
        made.append(parts.encode(audio, parts.rows(arrays["label"][some[part]], classes)))
    return np.concatenate(made)


def _code_figures(codes: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], suffix: str, seed: int) -> dict[str, Figure]:
    """Discrepancy and normality of every class that has two codes at least, of the mean over them, and of all codes together."""
    groups = code_metrics.by_class(codes, labels, classes)
    where = " of the split train" if suffix else ""
    tests = {name: code_metrics.against_prior(group, seed=seed + i) for i, (name, group) in enumerate(groups.items())}
    figures: dict[str, Figure] = {}
    if not tests:
        return figures

    def add(test: code_metrics.AgainstPrior, suffix: str, what: str) -> None:
        null = f"the same for as many draws from the prior, {len(test.null)} times"
        figures[f"mmd{suffix}"] = Figure(test.mmd, f"squared discrepancy of {what} from the prior, unbiased (eqs. 3 and 4)")
        figures[f"mmd_null_mean{suffix}"] = Figure(test.null_mean, f"mmd{suffix}: mean of {null}")
        figures[f"mmd_null_95{suffix}"] = Figure(test.null_95, f"mmd{suffix}: 95 % quantile of {null}")
        figures[f"mmd_p{suffix}"] = Figure(test.p, f"mmd{suffix}: share of these draws that reach it, itself among them")

    add(code_metrics.averaged(list(tests.values())), suffix, f"the codes{where}, mean over {len(tests)} classes,")
    everything = {suffix: (codes, f"all {len(codes)} codes{where}")}
    for name, group in groups.items():
        add(tests[name], f"{suffix} {name}", f"the {len(group)} codes of {name}{where}")
        everything[f"{suffix} {name}"] = (group, f"the {len(group)} codes of {name}{where}")
    for name, (group, what) in everything.items():
        found, d = code_metrics.normality(group), group.shape[1]
        tests_said = f"Kolmogorov-Smirnov tests of {what} against the prior, each of {d} dimensions and the squared length"
        figures[f"normality_p{name}"] = Figure(
            found.p, f"least p-value of {tests_said}, adjusted for their number; below {code_metrics.LEVEL} not standard normal"
        )
        figures[f"normality_rejected{name}"] = Figure(found.rejected, f"share of dimensions that fail, adjusted: {tests_said}")
        figures[f"normality_distance{name}"] = Figure(
            found.distance, f"mean Kolmogorov-Smirnov distance of a dimension of {what} from N(0, 1)"
        )
        figures[f"code_mean{name}"] = Figure(found.mean, f"root mean square over dimensions of the mean of {what}; 0 of the prior")
        figures[f"code_deviation{name}"] = Figure(found.deviation, f"root mean square of a dimension of {what}; 1 of the prior")
    return figures


# -- New sounds ----------------------------------------------------------------------------------------------------------------


def _generate(parts: Parts, classes: tuple[str, ...], per_class: int, seed: int, tell: Tell) -> tuple[list[New], np.ndarray]:
    """One new sound of each class to look at, and the features of `per_class` of each, class by class."""
    assert parts.decode is not None
    listen = heard_as(parts.mel)
    vocode, iterate = parts.vocode, yardstick(parts.mel, seed)
    n = per_class * len(classes)
    labels = np.repeat(np.arange(len(classes)), per_class)
    codes = np.asarray(prior_codes(jax.random.key(seed), jnp.arange(n), parts.latent))
    shown, features = [], []
    for part in blocks(n):
        tell("generating", part.start, n)
        magnitudes = parts.decode(codes[part], parts.rows(labels[part], classes))
        audio = iterate(magnitudes, np.arange(part.start, part.stop)) if vocode is None else vocode(magnitudes)
        features.append(_features(listen(audio), audio))
        for row, number in enumerate(range(part.start, part.stop)):
            if number % per_class == 0:
                shown.append(New(classes[labels[number]], peak_normalized(audio[row]), magnitudes[row]))
    tell("generating", n, n)
    return shown, np.concatenate(features)


def _classify(
    parts: Parts,
    train: Mapping[str, np.ndarray],
    classes: tuple[str, ...],
    measured: _Measured,
    chosen: Mapping[str, np.ndarray],
    generated: np.ndarray,
    split: str,
    per_class: int,
    seed: int,
    tell: Tell,
) -> tuple[dict[str, Figure], dict[str, sound_classes.Heard], list[str]]:
    """How a classifier of the training sounds hears new, held-out and reconstructed ones, and training sounds in folds."""
    kinds = _kinds(train["name"])
    # Where there are real sounds, they alone say what a class sounds like.
    real = kinds["real sounds"] if len(np.unique(train["label"][kinds["real sounds"]])) > 1 else np.ones(len(train["name"]), bool)
    what = "real" if not kinds["embedded sounds"][real].any() else "embedded"
    pool = np.flatnonzero(real)
    some = pool[_some(train["label"][pool], MOST_KNOWN, seed)]
    labels = train["label"][some]
    if len(there := np.unique(labels)) < 2:
        return {}, {}, ["No class accuracy: it takes training sounds of two classes."]
    listen, known = heard_as(parts.mel), []
    for part in blocks(len(some)):
        tell("listening to training sounds", part.start, len(some))
        known.append(sound_classes.features(listen(_floats(train["audio"][some[part]]))))
    features = np.concatenate(known)
    tell("learning classes", 0, 2)
    count = len(classes)
    folds = sound_classes.cross_validated(features, labels, train["group"][some], count, seed=seed)
    tell("learning classes", 1, 2)
    classifier = sound_classes.fit(features, labels, seed=seed)
    asked = np.repeat(np.arange(count), per_class)
    # A class that the classifier never heard cannot be told by it.
    sets = {"generated": (generated, asked), "reconstructed": (measured.reconstructed, chosen["label"])}
    if split != "train":
        sets["held-out"] = (measured.originals, chosen["label"])
    heard: dict[str, sound_classes.Heard] = {}
    for name, (of_set, truth) in sets.items():
        judged = np.isin(truth, there)
        if judged.any():
            heard[name] = sound_classes.confusion(truth[judged], classifier.predict(of_set[judged]), count)
    if folds.counts.any():
        heard["known"] = folds
    tell("learning classes", 2, 2)
    end = METHODS[_end(parts)][0]
    says = {
        "generated": (f"sounds that {end} made of codes from the prior", ""),
        "reconstructed": (f"sounds of the split {split} as {end} reconstruct them", "_reconstructed"),
        "held-out": (f"sounds of the split {split}", "_held_out"),
        "known": ("training sounds, each by a classifier that knew none of its group,", "_known"),
    }
    learnt = f" It learnt from {len(some)} {what} sounds of the split train."
    figures: dict[str, Figure] = {}
    for name, found in heard.items():
        for figure_name, figure in sound_classes.evaluate(found, classes, says[name][0]).items():
            accuracy, _, label = figure_name.partition(" ")
            figures[f"{accuracy}{says[name][1]}{' ' + label if label else ''}"] = figure._replace(
                definition=figure.definition + ("." + learnt if not label else "")
            )
    unheard = [name for index, name in enumerate(classes) if index not in there]
    notes = [f"No class accuracy of {', '.join(unheard)}: there are no {what} training sounds of it."] if unheard else []
    return figures, heard, notes


# -- Speed ---------------------------------------------------------------------------------------------------------------------


def _equal_time(parts: Parts, audio: np.ndarray, seed: int, tell: Tell) -> tuple[dict[str, Figure], int]:
    """How many Griffin–Lim iterations fit in the time that the MCNN takes for one sound: a figure of it, and the number.

    A trained vocoder is wanted for its speed, so that what it has to beat is the iteration that is as quick. All are timed in turn,
    so that what else the machine does slows all of them; no iteration at all, and `ITERATIONS`, give the time of one.
    """
    if (vocode := parts.vocode) is None:
        return {}, 0
    original, number = heard_as(parts.mel)(_floats(audio[:1])), np.zeros(1, np.int32)
    none, many = (yardstick(parts.mel, seed, iterations=iterations) for iterations in (0, ITERATIONS))
    calls = [lambda: vocode(original), lambda: none(original, number), lambda: many(original, number)]
    for call in calls:
        call()
    taken = np.empty((_ROUNDS, len(calls)))
    for turn, column in np.ndindex(taken.shape):
        tell("timing the vocoder", turn, _ROUNDS)
        before = time.perf_counter()
        calls[column]()
        taken[turn, column] = time.perf_counter() - before
    tell("timing the vocoder", _ROUNDS, _ROUNDS)
    budget, at_least, all_of_them = np.median(taken, 0)
    iterations = fitting_iterations(budget, at_least, all_of_them)
    definition = (
        f"Griffin–Lim iterations that fit in the time that the MCNN takes for one sound, at least 1: {1e3 * budget:.2f} ms, where "
        f"none take {1e3 * at_least:.2f} ms and {ITERATIONS} take {1e3 * all_of_them:.2f}, medians of {_ROUNDS} warm calls; "
        f"on this machine ({_machine()}), and another each time"
    )
    return {"griffin_lim_equal_time_iterations": Figure(float(iterations), definition)}, iterations


def fitting_iterations(budget_s: float, none_s: float, all_s: float) -> int:
    """How many iterations fit in a time, from 1 to `ITERATIONS`, where none take `none_s` and `ITERATIONS` take `all_s`."""
    each = (all_s - none_s) / ITERATIONS
    return int(np.clip((budget_s - none_s) / each, 1, ITERATIONS)) if each > 0 else ITERATIONS


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{jax.default_backend()}, {cores} CPU cores"


def _speeds(parts: Parts, audio: np.ndarray, seed: int, tell: Tell) -> dict[str, Figure]:
    """How many seconds of sound the stages make in a second of time, one sound at a time."""
    original = heard_as(parts.mel)(_floats(audio[:1]))
    stages: dict[str, tuple[Callable[[], np.ndarray], int]] = {}
    iterate = yardstick(parts.mel, seed)
    stages["griffin_lim"] = lambda: iterate(original, np.zeros(1, np.int32)), 3
    if (vocode := parts.vocode) is not None:
        stages["mcnn"] = lambda: vocode(original), FOR_TIMING
    if (decode := parts.decode) is not None:
        code, row = np.zeros((1, parts.latent), np.float32), np.eye(len(parts.classes), dtype=np.float32)[:1]
        stages["cwae"] = lambda: decode(code, row), FOR_TIMING
        if vocode is not None:
            stages["chain"] = lambda: vocode(decode(code, row)), FOR_TIMING
    seconds = parts.mel.samples / parts.mel.sample_rate_hz
    figures = {}
    for number, (name, (stage, times)) in enumerate(stages.items()):
        tell("timing", number, len(stages))
        stage()
        taken = []
        for _ in range(times):
            before = time.perf_counter()
            stage()
            taken.append(time.perf_counter() - before)
        what = {"cwae": "the CWAE's decoder (spectrograms)", "chain": "decoder and MCNN together"}.get(name, METHODS[name][0])
        figures[f"{name}_real_time_factor"] = Figure(
            seconds / float(np.median(taken)),
            f"seconds of sound that {what} makes in a second, one sound of {seconds:.3f} s at a time, warm, median of {times} "
            f"calls; on this machine ({_machine()}), and another each time",
        )
    tell("timing", len(stages), len(stages))
    return figures


# -- Examples ------------------------------------------------------------------------------------------------------------------


def _examples(
    parts: Parts,
    arrays: Mapping[str, np.ndarray],
    classes: tuple[str, ...],
    methods: Sequence[str],
    errors: np.ndarray,
    stages: Mapping[str, Stage],
) -> list[Example]:
    """Of each class the sound of the median error (of an even number the better of the two), through all stages."""
    chosen = []
    for label in np.unique(arrays["label"]):
        members = np.flatnonzero(arrays["label"] == label)
        chosen.append(members[np.argsort(errors[members], kind="stable")[(len(members) - 1) // 2]])
    numbers = np.array(chosen)
    rows = parts.rows(arrays["label"][numbers], classes) if parts.encode else None
    made = _through(parts, _floats(arrays["audio"][numbers]), rows, numbers, methods, stages)
    return [
        Example(
            str(arrays["name"][number]),
            classes[arrays["label"][number]],
            {name: audio[i] for name, audio in made.audio.items()},
            {name: spectrogram[i] for name, spectrogram in made.mel.items()},
        )
        for i, number in enumerate(numbers)
    ]


# -- Words ---------------------------------------------------------------------------------------------------------------------


def verdict_on_vocoder(figures: Mapping[str, Figure], split: str, n: int) -> str:
    """Whether the trained vocoder beats Griffin and Lim's iteration, and by how much, in words; "" without a trained vocoder."""
    if "mcnn_minus_griffin_lim_log_mel_error" not in figures:
        return ""
    paragraphs = []
    equal = f"as many as fit in its own time ({figures['griffin_lim_equal_time_iterations'].mean:.0f})"
    rivals = {
        "griffin_lim": f"{ITERATIONS} iterations of Griffin-Lim",
        "griffin_lim_plain": f"{ITERATIONS} plain ones, without momentum",
        "griffin_lim_equal_time": equal,
    }
    for rival, said in rivals.items():
        sentences = []
        for measure in metrics.DEFINITIONS:
            name = f"mcnn_minus_{rival}_{measure}"
            a, b = (figures[f"{method}_{measure}"].mean for method in ("mcnn", rival))
            low, high = figures[name].interval or (np.nan, np.nan)
            clear = "nearer" if high < 0 else "farther" if low > 0 else "neither nearer nor farther for certain"
            of_classes = {
                key.removeprefix(f"{name} "): figure.mean
                for key, figure in figures.items()
                if key.startswith(f"{name} ") and not key.endswith(" sounds")
            }
            worse = [f"{label} (by {mean:.3g})" for label, mean in of_classes.items() if mean >= 0]
            where = f"in {len(of_classes) - len(worse)} of {len(of_classes)} classes"
            if 0 < len(worse) < len(of_classes):
                where += f", not in {', '.join(worse)}"
            sentences.append(
                f"by {metrics.TITLES[measure]} {clear}, {a:.3f} against {b:.3f} (difference {figures[name].mean:+.3f}, 95 % "
                f"interval {low:+.3f} to {high:+.3f}), nearer {where}"
            )
        paragraphs.append(
            f"From the same spectrograms of {n} sounds of the split {split}, the MCNN beside {said}: {'; '.join(sentences)}."
        )
    return "\n\n".join(paragraphs)


def verdict_on_classes(figures: Mapping[str, Figure]) -> str:
    """How new sounds are heard, beside real ones, in words; "" where that was not measured."""
    if "class_accuracy" not in figures:
        return ""
    said = f"Of new sounds, {100 * figures['class_accuracy'].mean:.0f} % are heard as the class that was asked for"
    beside = [
        f"{100 * figures[key].mean:.0f} % of {words}"
        for key, words in (
            ("class_accuracy_held_out", "the data's held-out sounds"),
            ("class_accuracy_known", "training sounds by classifiers that did not know them"),
            ("class_accuracy_reconstructed", "reconstructed ones"),
        )
        if key in figures and np.isfinite(figures[key].mean)
    ]
    return f"{said}; as their own, {', '.join(beside)}." if beside else f"{said}."


def verdict_on_codes(figures: Mapping[str, Figure]) -> str:
    """Whether codes follow the prior, in words; "" where that was not measured."""
    if "mmd" not in figures:
        return ""

    def of_classes(name: str, holds: Callable[[float], bool]) -> tuple[int, int]:
        each = [figure.mean for key, figure in figures.items() if key.startswith(f"{name} ")]
        return sum(map(holds, each)), len(each)

    apart, count = of_classes("mmd_p", lambda p: p < code_metrics.LEVEL)
    failed, _ = of_classes("normality_p", lambda p: p < code_metrics.LEVEL)
    return (
        f"The codes' discrepancy from the prior is {figures['mmd'].mean:.4g}, where as many draws from the prior come to "
        f"{figures['mmd_null_95'].mean:.4g} in one case of twenty; it is beyond that chance in {apart} of {count} classes. The "
        f"tests of normality fail in {failed} of {count}. A dimension of the codes has a deviation of "
        f"{figures['code_deviation'].mean:.2f}, where the prior has 1."
    )
