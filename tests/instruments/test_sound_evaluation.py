"""The suite `sounds`: stages that are known exactly in the place of networks, and networks against their own functions."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments import sound_evaluation as suite
from drumjax.instruments import sound_parts
from drumjax.metrics import codes as code_metrics
from drumjax.metrics import sound_classes
from drumjax.metrics import sounds as metrics
from drumjax.metrics.report import Figure
from drumjax.models import cwae, mcnn
from drumjax.signal.mel import MelConfig, Standardizer, from_log_mel, log_mel, mel, standardize, unstandardize

CLASSES = ("kick", "snare", "tom")
TINY = MelConfig(samples=255, window_samples=64, hop_samples=32, fft_samples=64, bins=16)


def numbered(n, classes=3, groups=None, prefix="pack/"):
    """Sounds whose spectrum is their class's own: label k sounds at the k-th of some frequencies, each a little different."""
    label = np.arange(n, dtype=np.int32) % classes
    draw = np.random.default_rng(n)
    wave = np.sin(np.arange(255) * (0.2 + 0.7 * label[:, None])) * draw.uniform(0.5, 1, (n, 255))
    audio = np.rint(32767 * wave / np.abs(wave).max(1, keepdims=True)).astype(np.int16)
    name = np.array([f"{prefix}{i}" for i in range(n)])
    return {"audio": audio, "label": label, "name": name, "group": name if groups is None else groups}


class Spied:
    """Parts whose stages are simple functions, and what went into each."""

    def __init__(self, codes=None, decoded=None, vocoder=True, autoencoder=True, classes=CLASSES):
        self.heard = {"encode": [], "decode": [], "mcnn": [], "griffin_lim": [], "griffin_lim_plain": []}
        self.heard["griffin_lim_equal_time"] = []
        self.numbers = []
        self.codes = codes or (lambda audio, rows: np.random.default_rng(0).normal(size=(len(audio), 4)).astype(np.float32))
        self.decoded = decoded or (lambda codes, rows: np.ones((len(codes), TINY.frames, TINY.bins), np.float32))
        self.parts = sound_parts.Parts(
            TINY, classes if autoencoder else (), {}, self.encode if autoencoder else None, self.decode if autoencoder else None,
            self.stage("mcnn") if vocoder else None, 4 if autoencoder else 0,
        )  # fmt: skip

    def encode(self, audio, rows):
        self.heard["encode"].append((audio, rows))
        return self.codes(audio, rows)

    def decode(self, codes, rows):
        self.heard["decode"].append((codes, rows))
        return self.decoded(codes, rows)

    def stage(self, name):
        def run(spectrogram, numbers=None):
            self.heard[name].append(spectrogram)
            if numbers is not None:
                self.numbers.append(np.asarray(numbers))
            # Loudness alone survives, so that methods and inputs can be told apart.
            level = spectrogram.mean((1, 2))[:, None] * (2 if name == "mcnn" else 1)
            return np.repeat(level, TINY.samples, 1).astype(np.float32)

        return run


@pytest.fixture
def spy(monkeypatch):
    def make(**what):
        spied = Spied(**what)

        def yardstick(config, seed, iterations=60, momentum=0.99):
            return spied.stage(
                "griffin_lim_plain" if not momentum else "griffin_lim" if iterations == 60 else "griffin_lim_equal_time"
            )

        monkeypatch.setattr(suite, "yardstick", yardstick)
        monkeypatch.setattr(suite, "fitting_iterations", lambda budget_s, none_s, all_s: 7)
        return spied

    monkeypatch.setattr(sound_classes, "TREES", 10)
    monkeypatch.setattr(code_metrics, "against_prior", functools.partial(code_metrics.against_prior, draws=50, prior=200))
    return make


def evaluate(spied, splits, split="test", classes=CLASSES, **options):
    return suite.evaluate(spied.parts, splits, classes, split, per_class=2, **options)


def test_the_vocoder_and_its_yardsticks_read_the_very_same_spectrograms(spy) -> None:
    spied, splits = spy(), {"train": numbered(9), "test": numbered(20)}
    evaluate(spied, splits)
    expected = np.asarray(mel(splits["test"]["audio"] / np.float32(32767), TINY))
    original = {name: [x for x in spied.heard[name] if not (x == 1).all()] for name in ("mcnn", "griffin_lim", "griffin_lim_plain")}
    original["griffin_lim_equal_time"] = spied.heard["griffin_lim_equal_time"]
    for spectrograms in original.values():
        # The split in blocks of 16 and 4; around them are examples and the timing, of other numbers of sounds.
        blocks = [x for x in spectrograms if len(x) in (16, 4)]
        np.testing.assert_allclose(np.concatenate(blocks), expected, rtol=1e-4, atol=1e-5)
        for first, second in zip(blocks, [x for x in original["mcnn"] if len(x) in (16, 4)], strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_sound_keeps_its_number_among_the_examples_so_that_what_is_heard_is_what_was_measured(spy) -> None:
    spied = spy()
    result = evaluate(spied, {"train": numbered(9), "test": numbered(20)})
    assert {tuple(numbers) for numbers in spied.numbers if len(numbers) in (16, 4)} == {tuple(range(16)), tuple(range(16, 20))}
    shown = {tuple(numbers) for numbers in spied.numbers if len(numbers) == 3}
    assert shown == {tuple(int(example.name.removeprefix("pack/")) for example in result.examples)}


def test_griffin_and_lim_in_equal_time_have_as_many_iterations_as_fit() -> None:
    assert suite.fitting_iterations(0.010, 0.002, 0.062) == 8
    assert suite.fitting_iterations(0.0109, 0.002, 0.062) == 8
    assert suite.fitting_iterations(0.001, 0.002, 0.062) == 1
    assert suite.fitting_iterations(0.5, 0.002, 0.062) == sound_parts.ITERATIONS
    assert suite.fitting_iterations(0.5, 0.002, 0.002) == sound_parts.ITERATIONS


def test_the_yardstick_draws_phases_by_the_number_of_a_sound_alone() -> None:
    spectrogram = np.repeat(np.asarray(mel(numbered(1)["audio"] / np.float32(32767), TINY)), 18, 0)
    iterate = sound_parts.yardstick(TINY, 0, iterations=1)
    together = iterate(spectrogram, np.arange(18))
    assert len({sound.tobytes() for sound in together}) == 18
    np.testing.assert_allclose(iterate(spectrogram[:1], np.array([17]))[0], together[17], atol=1e-5)


def test_figures_are_those_of_the_stages_output(spy) -> None:
    spied, splits = spy(decoded=lambda codes, rows: np.full((len(codes), TINY.frames, TINY.bins), 0.25)), {}
    splits["train"], splits["test"] = numbered(9), numbered(20)
    result = evaluate(spied, splits)
    reference = np.asarray(mel(splits["test"]["audio"] / np.float32(32767), TINY))
    expected = {
        "cwae": np.full_like(reference, 0.25),
        "chain": np.asarray(mel(np.full((20, TINY.samples), 0.5, np.float32), TINY)),
        "chain_griffin_lim": np.asarray(mel(np.full((20, TINY.samples), 0.25, np.float32), TINY)),
        "mcnn": np.asarray(mel(spied.stage("mcnn")(reference), TINY)),
        "griffin_lim": np.asarray(mel(spied.stage("griffin_lim")(reference), TINY)),
    }
    equal_time = ("griffin_lim_equal_time",)
    assert result.methods == ("cwae", "chain", "mcnn", "griffin_lim", "griffin_lim_plain", *equal_time, "chain_griffin_lim")
    assert result.figures["griffin_lim_equal_time_iterations"].mean == 7
    for method, estimate in expected.items():
        for name, values in metrics.measure(reference, estimate).items():
            figure = result.figures[f"{method}_{name}"]
            assert (figure.mean, figure.sd) == pytest.approx((values.mean(), values.std()), rel=1e-3, abs=1e-6)
            here = splits["test"]["label"] == 1
            assert result.figures[f"{method}_{name} snare"].mean == pytest.approx(values[here].mean(), rel=1e-3, abs=1e-6)
    a, b = (metrics.log_mel_error(reference, expected[method]) for method in ("mcnn", "griffin_lim"))
    duel = result.figures["mcnn_minus_griffin_lim_log_mel_error"]
    assert duel.mean == pytest.approx((a - b).mean(), rel=1e-3, abs=1e-6)
    assert duel.interval is not None
    assert duel.interval[0] <= duel.mean <= duel.interval[1]


def test_labels_are_translated_to_the_models_own_classes(spy) -> None:
    # The model knows more classes and in another order; its code says which class it was told.
    order = ("tom", "rim", "snare", "kick")
    spied = spy(codes=lambda audio, rows: rows.astype(np.float32), classes=order)
    result = evaluate(spied, {"train": numbered(9), "test": numbered(6)})
    codes, labels = result.codes
    assert [order[i] for i in codes.argmax(1)] == [CLASSES[i] for i in labels]
    asked = [[order[i] for i in rows.argmax(1)] for codes, rows in spied.heard["decode"] if len(codes) == 6][1]
    assert asked == ["kick"] * 2 + ["snare"] * 2 + ["tom"] * 2


def test_a_vocoder_alone_has_its_duel_and_an_autoencoder_alone_griffin_lim(spy) -> None:
    splits = {"train": numbered(9), "test": numbered(6)}
    alone = evaluate(spy(autoencoder=False), splits)
    assert alone.methods == ("mcnn", "griffin_lim", "griffin_lim_plain", "griffin_lim_equal_time")
    assert "mcnn_minus_griffin_lim_equal_time_log_mel_error tom" in alone.figures
    assert (alone.new, alone.heard, alone.codes) == ([], {}, None)
    assert "mcnn_minus_griffin_lim_log_mel_error tom" in alone.figures
    assert not [name for name in alone.figures if name.startswith(("mmd", "class", "cwae", "chain"))]
    without = evaluate(spy(vocoder=False), splits)
    assert without.methods == ("cwae", "griffin_lim", "griffin_lim_plain", "chain_griffin_lim")
    assert not [name for name in without.figures if "mcnn" in name]
    assert {"class_accuracy", "mmd", "mmd_train"} <= set(without.figures)
    assert suite.verdict_on_vocoder(without.figures, "test", 6) == ""
    assert suite.verdict_on_codes(alone.figures) == suite.verdict_on_classes(alone.figures) == ""


def test_sounds_of_the_right_class_are_heard_as_it_and_others_are_not(spy) -> None:
    splits = {"train": numbered(60), "test": numbered(12)}
    of_class = np.asarray(mel(numbered(3)["audio"] / np.float32(32767), TINY))
    sounds = numbered(3)["audio"] / np.float32(32767)

    def right(rows):
        # A vocoder of these parts gives the sound whose spectrogram it is given, at half its level: levels do not count.
        def run(spectrogram):
            nearest = np.square(spectrogram[:, None] - of_class).sum((2, 3)).argmin(1)
            return 0.5 * sounds[nearest]

        return run

    spied = spy(decoded=lambda codes, rows: of_class[rows.argmax(1)])
    result = suite.evaluate(spied.parts._replace(vocode=right(None)), splits, CLASSES, "test", per_class=4)
    assert result.figures["class_accuracy"].mean == 1
    assert result.figures["class_accuracy_held_out"].mean == 1
    assert result.figures["class_accuracy_reconstructed"].mean == 1
    assert result.figures["class_accuracy_known"].mean > 0.95
    swapped = spied.parts._replace(vocode=right(None), decode=lambda codes, rows: of_class[(rows.argmax(1) + 1) % 3])
    wrong = suite.evaluate(swapped, splits, CLASSES, "test", per_class=4)
    assert wrong.figures["class_accuracy"].mean == 0
    assert wrong.heard["generated"].counts.tolist() == [[0, 4, 0], [0, 0, 4], [4, 0, 0]]
    assert [new.label for new in wrong.new] == list(CLASSES)
    assert all(np.abs(new.audio).max() == pytest.approx(1) for new in result.new)


def test_a_classifier_learns_from_real_sounds_where_there_are_any(spy) -> None:
    def joined(a, b):
        return {key: np.concatenate([a[key], b[key]]) for key in a}

    embedded = numbered(30, prefix="embedded:")
    splits = {"train": joined(numbered(21), embedded), "test": joined(numbered(6), numbered(3, prefix="embedded:"))}
    result = evaluate(spy(), splits)
    assert "It learnt from 21 real sounds" in result.figures["class_accuracy"].definition
    assert "over the 6 sounds of real sounds" in result.figures["cwae_log_mel_error real sounds"].definition
    assert "mcnn_minus_griffin_lim_log_mel_error embedded sounds" in result.figures
    alone = evaluate(spy(), {"train": embedded, "test": numbered(6)})
    assert "It learnt from 30 embedded sounds" in alone.figures["class_accuracy"].definition
    assert not [name for name in alone.figures if name.endswith(" sounds")]


def test_a_class_without_training_sounds_is_left_out_and_said(spy) -> None:
    train = numbered(12, classes=2)
    result = evaluate(spy(), {"train": train, "test": numbered(6)})
    assert result.notes == ["No class accuracy of tom: there are no real training sounds of it."]
    assert "class_accuracy snare" in result.figures
    assert "class_accuracy tom" not in result.figures
    one = {key: array[::2] for key, array in train.items()}
    few = evaluate(spy(), {"train": one, "test": numbered(6)})
    assert few.notes == ["No class accuracy: it takes training sounds of two classes."]


def test_codes_of_the_prior_pass_and_shrunken_ones_do_not(spy) -> None:
    splits = {"train": numbered(120), "test": numbered(90)}
    for scale, passes in ((1.0, True), (0.5, False)):
        draw = np.random.default_rng(2)

        def codes(audio, rows, draw=draw, scale=scale):
            return (scale * draw.normal(size=(len(audio), 4))).astype(np.float32)

        figures = evaluate(spy(codes=codes), splits).figures
        assert (figures["mmd"].mean < figures["mmd_null_95"].mean) == passes
        assert (figures["mmd_p"].mean > 0.03) == (figures["normality_p"].mean > 0.03) == passes
        assert figures["code_deviation"].mean == pytest.approx(scale, abs=0.1)
        assert "64 codes" not in figures["mmd_train kick"].definition
        assert "40 codes of kick of the split train" in figures["mmd_train kick"].definition


def test_progress_is_told_of_everything_that_takes_long(spy) -> None:
    told: list[tuple[str, int, int]] = []
    evaluate(spy(), {"train": numbered(9), "test": numbered(20)}, tell=lambda *news: told.append(news))
    assert {what for what, _, _ in told} == {
        "reconstructing", "encoding training sounds", "generating", "listening to training sounds", "learning classes", "timing",
        "timing the vocoder",
    }  # fmt: skip
    assert all(0 <= done <= total for _, done, total in told)
    assert ("reconstructing", 16, 20) in told


def test_examples_are_the_medians_of_their_classes(spy) -> None:
    splits = {"train": numbered(9), "test": numbered(15)}
    result = evaluate(spy(), splits)
    reference = np.asarray(mel(splits["test"]["audio"] / np.float32(32767), TINY))
    errors = metrics.log_difference(reference, np.asarray(mel(np.full((15, TINY.samples), 2, np.float32), TINY)))
    for example in result.examples:
        members = np.flatnonzero(splits["test"]["label"] == CLASSES.index(example.label))
        number = int(example.name.removeprefix("pack/"))
        assert number in members
        assert errors[number] == pytest.approx(np.median(errors[members]), rel=1e-3)
        np.testing.assert_allclose(example.audio["original"], splits["test"]["audio"][number] / 32767, atol=1e-6)
        assert set(example.mel) == {"original", *result.methods}


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ([{"data": {"source_sha256": "a"}}], True),
        ([{"data": {"source_sha256": "a"}}, {"data": {"source_sha256": "b"}}], None),
        ([{}], None),
    ],
)
def test_a_split_is_held_out_where_no_part_was_trained_on_it(cards, expected) -> None:
    parts = Spied().parts._replace(cards=dict(enumerate(cards)))
    assert suite.held_out(parts, "a", "test") is expected


def test_the_split_train_was_not_held_out_whatever_the_other_part_knew() -> None:
    parts = Spied().parts._replace(cards={"cwae": {"data": {"source_sha256": "a"}}, "mcnn": {}})
    assert suite.held_out(parts, "a", "train") is False


def test_verdicts_say_who_is_nearer_for_certain_and_where_not() -> None:
    def duel(rival, low, high, kick, snare):
        figures = {}
        for measure in metrics.DEFINITIONS:
            figures[f"mcnn_{measure}"], figures[f"{rival}_{measure}"] = Figure(0.2, ""), Figure(0.3, "")
            name = f"mcnn_minus_{rival}_{measure}"
            figures |= {name: Figure((low + high) / 2, "", 0.1, interval=(low, high)), f"{name} real sounds": Figure(1.0, "")}
            figures |= {f"{name} kick": Figure(kick, ""), f"{name} snare": Figure(snare, "")}
        return figures

    figures = duel("griffin_lim", -0.2, -0.1, -0.3, 0.02) | duel("griffin_lim_plain", -0.1, 0.1, 0.1, 0.1)
    figures |= duel("griffin_lim_equal_time", -0.5, -0.4, -0.3, -0.3)
    figures["griffin_lim_equal_time_iterations"] = Figure(5.0, "")
    said = suite.verdict_on_vocoder(figures, "test", 7)
    assert said.startswith(
        "From the same spectrograms of 7 sounds of the split test, the MCNN beside 60 iterations of Griffin-Lim: "
    )
    nearer = "by log-mel error nearer, 0.200 against 0.300 (difference -0.150, 95 % interval -0.200 to -0.100), nearer in 1 of 2 "
    assert f"{nearer}classes, not in snare (by 0.02)" in said
    assert said.count("neither nearer nor farther for certain") == len(metrics.DEFINITIONS)
    assert said.count("nearer in 0 of 2 classes") == len(metrics.DEFINITIONS)
    assert "the MCNN beside as many as fit in its own time (5): by spectral convergence nearer" in said
    assert said.count("nearer in 2 of 2 classes") == len(metrics.DEFINITIONS)


# -- Networks ------------------------------------------------------------------------------------------------------------------


def test_loaded_parts_compute_what_the_networks_do_in_blocks_and_one_by_one(untrained_sounds, compilation_cache) -> None:
    members = checkpoint.find_members(untrained_sounds / "packed")
    parts = sound_parts.load_parts(members)
    assert parts.classes == ("kick", "snare", "hihat_open", "hihat_closed")
    draw = np.random.default_rng(0)
    labels = np.arange(18, dtype=np.int32) % 4
    rows = parts.rows(labels, parts.classes)
    codes = draw.normal(size=(18, parts.latent)).astype(np.float32)
    playing = checkpoint.load_playing(members["model"])
    config = checkpoint.parse_config(cwae.CWAEConfig, playing.card["config"]["model"], Path("x"))
    scale = Standardizer(**playing.extra["standardizer"])
    params, stats = playing.params["cwae"], playing.extra["batch_stats"]
    decode = jax.jit(lambda codes: from_log_mel(unstandardize(cwae.decode(config, params, stats, codes, labels), scale), parts.mel))
    expected = decode(codes)
    decoded = parts.decode(codes, rows)
    np.testing.assert_allclose(np.log(decoded + 1e-5), np.log(expected + 1e-5), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(parts.decode(codes[17:], rows[17:]), decoded[17:], rtol=1e-3, atol=1e-5)
    audio = draw.uniform(-1, 1, (2, parts.mel.samples)).astype(np.float32)
    x = standardize(log_mel(mel(audio, parts.mel), parts.mel), scale)
    np.testing.assert_allclose(
        parts.encode(audio, rows[:2]), cwae.encode(config, params, stats, x, labels[:2]), rtol=1e-3, atol=1e-3
    )
    vocoder = checkpoint.load_playing(members["vocoder"])
    network = checkpoint.parse_config(mcnn.MCNNConfig, vocoder.card["config"]["model"], Path("x"))
    quiet = np.minimum(decoded, 1)
    vocode = jax.jit(lambda spectrogram: mcnn.vocode(network, vocoder.params["mcnn"], spectrogram))
    np.testing.assert_allclose(parts.vocode(quiet), vocode(quiet), rtol=1e-3, atol=1e-5)


def test_members_that_do_not_belong_together_are_refused(untrained_sounds, untrained_gan) -> None:
    place = {name: checkpoint.find(untrained_sounds / name) for name in ("cwae", "mcnn", "other")}
    for members, said in (
        ({"a": untrained_gan}, "one of 'pattern-gan'"),
        ({"a": place["mcnn"], "b": place["other"]}, "two of 'mcnn'"),
        ({"a": place["cwae"], "b": place["other"]}, "the spectrogram of the autoencoder"),
    ):
        with pytest.raises(InputError, match=said):
            sound_parts.load_parts(members)


def test_a_checkpoint_without_what_playing_needs_is_refused(untrained_sounds, tmp_path) -> None:
    source = checkpoint.load_playing(checkpoint.find(untrained_sounds / "cwae"))
    for name, card in (("classes", {"play": {"mel": source.card["play"]["mel"]}}), ("config", {"config": {}})):
        items = {"play": {"params": source.params, "extra": source.extra}}
        place = checkpoint.save(tmp_path / name, items, {checkpoint.CARD: json.loads(json.dumps(dict(source.card) | card))})
        with pytest.raises(InputError, match="playing needs"):
            sound_parts.load_parts({"model": place})


def test_a_model_that_makes_no_numbers_is_named(untrained_sounds, tmp_path, compilation_cache) -> None:
    source = checkpoint.load_playing(checkpoint.find(untrained_sounds / "cwae"))
    mean = np.full_like(source.extra["standardizer"]["mean"], 1e4)
    extra = {**source.extra, "standardizer": {**source.extra["standardizer"], "mean": mean}}
    place = checkpoint.save(tmp_path / "1", {"play": {"params": source.params, "extra": extra}}, {checkpoint.CARD: source.card})
    parts = sound_parts.load_parts({"model": place})
    with pytest.raises(InputError, match="infinity or NaN for 3 of 3 sounds; its training diverged"):
        parts.decode(np.zeros((3, parts.latent), np.float32), np.eye(4, dtype=np.float32)[:3])
