"""The pattern instrument against numpy in float64, its contracts, and what it refuses."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import jax
import numpy as np
import pytest

import drumjax
import drumjax.instruments.pattern as instrument_module
from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.datasets.load import load_patterns
from drumjax.instruments.pattern import MOST_MEASURES, PatternInstrument
from drumjax.metrics.patterns import onset_f1, played
from drumjax.patterns import POCKET, Pattern, concatenate, read_windows
from drumjax.provenance import read_provenance
from drumjax.synth.grammar import GENRES, embedded
from drumjax.systems.pattern_vae import THRESHOLDS

NEAR_THRESHOLD = 1e-4
"""Decoded velocities this near to the threshold may fall on either side of it in float32 and float64."""


@pytest.fixture(scope="module")
def ends() -> tuple[Pattern, Pattern]:
    """A start and a goal of different genres and tempi."""
    data = embedded()
    first, last = (int(np.flatnonzero(data.genre == GENRES.index(genre))[7]) for genre in ("electro", "techno"))
    start, goal = (Pattern.from_grid(data.velocity[i] / np.float32(127), name=f"pattern {i}") for i in (first, last))
    return replace(start, tempo_bpm=111.0), replace(goal, tempo_bpm=140.0)


@pytest.fixture(scope="module")
def some_patterns() -> list[Pattern]:
    grids = embedded().velocity[::150] / np.float32(127)
    return [Pattern.from_grid(grid, name=f"number {i}", tempo_bpm=100.0 + i) for i, grid in enumerate(grids)]


def decoded_by_numpy(tiny: PatternInstrument, codes: np.ndarray) -> np.ndarray:
    """The decoder in float64: dense ReLU layers, then logistic units."""
    layers = jax.tree.map(lambda array: np.asarray(array, np.float64), tiny.params["vae"]["decoder"])
    x = np.asarray(codes, np.float64)
    for i in range(len(tiny.config.decoder_widths)):
        x = np.maximum(x @ layers[f"dense_{i}"]["kernel"] + layers[f"dense_{i}"]["bias"], 0)
    x = x @ layers["output"]["kernel"] + layers["output"]["bias"]
    return 1 / (1 + np.exp(-x.reshape(len(codes), tiny.config.steps, tiny.config.lanes)))


def path_by_numpy(start: np.ndarray, goal: np.ndarray, steps: int, path: str) -> np.ndarray:
    """Eqs. 6 and 7 in float64, point by point."""
    a, b = np.asarray(start, np.float64), np.asarray(goal, np.float64)
    theta = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    points = []
    for i in range(steps + 1):
        mu = i / steps
        if path == "lerp":
            points.append((1 - mu) * a + mu * b)
        else:
            points.append(np.sin((1 - mu) * theta) / np.sin(theta) * a + np.sin(mu * theta) / np.sin(theta) * b)
    return np.array(points)


def assert_plays(patterns: list[Pattern], values: np.ndarray, threshold: float) -> None:
    """That patterns are these velocities from the threshold on."""
    velocity = np.stack([pattern.velocity for pattern in patterns])
    hits = np.stack([pattern.hits for pattern in patterns])
    clear = np.abs(values - threshold) > NEAR_THRESHOLD
    np.testing.assert_array_equal(hits[clear], (values >= threshold)[clear])
    np.testing.assert_allclose(velocity[hits], values[hits], atol=NEAR_THRESHOLD)
    assert not velocity[~hits].any()


def assert_same(first: list[Pattern], second: list[Pattern]) -> None:
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.hits, other.hits)
        np.testing.assert_allclose(one.velocity, other.velocity, atol=1e-5)


# Interpolation


@pytest.mark.parametrize("path", ["slerp", "lerp"])
@pytest.mark.parametrize("steps", [1, 5, 12])
def test_an_interpolation_is_eqs_6_and_7_and_a_plain_decode(tiny, ends, path, steps) -> None:
    codes = path_by_numpy(*tiny.encode(ends), steps, path)
    patterns = tiny.interpolate(*ends, steps, path=path)
    assert len(patterns) == steps + 1
    assert_plays(patterns, decoded_by_numpy(tiny, codes), tiny.threshold)


def test_the_ends_of_an_interpolation_are_the_reconstructions(tiny, ends) -> None:
    patterns = tiny.interpolate(*ends)
    assert_same([patterns[0], patterns[-1]], tiny.reconstruct(ends))


def test_both_paths_have_the_same_ends_and_another_middle(tiny, some_patterns) -> None:
    codes = tiny.encode(some_patterns)
    directions = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    far = int(np.abs(directions[1:] @ directions[0]).argmin()) + 1  # the one nearest to a right angle to the first
    curved, straight = (tiny.interpolate(some_patterns[0], some_patterns[far], 6, path=path) for path in ("slerp", "lerp"))
    assert_same([curved[0], curved[-1]], [straight[0], straight[-1]])
    assert np.abs(curved[3].velocity - straight[3].velocity).max() > 1e-3


def test_a_way_back_is_the_way_there_reversed(tiny, ends) -> None:
    assert_same(tiny.interpolate(*ends, 5), tiny.interpolate(ends[1], ends[0], 5)[::-1])


def test_an_interpolation_keeps_the_tempo_of_its_start(tiny, ends) -> None:
    assert {pattern.tempo_bpm for pattern in tiny.interpolate(*ends) + tiny.crossfade(*ends)} == {111.0}


def test_calls_of_other_lengths_compile_nothing_new(tiny, ends, compilations) -> None:
    fresh = replace(tiny, config=replace(tiny.config, decoder_widths=(48, 64)))  # a shape that no test has compiled
    layers = fresh.params["vae"]["decoder"]
    wider = {"kernel": np.ones((tiny.config.latent, 48), np.float32), "bias": np.zeros(48, np.float32)}
    second = {"kernel": np.ones((48, 64), np.float32), "bias": layers["dense_1"]["bias"]}
    decoder = {**layers, "dense_0": wider, "dense_1": second}
    fresh = replace(fresh, params={"vae": {**fresh.params["vae"], "decoder": decoder}})

    def calls(measures: int) -> None:
        fresh.interpolate(*ends, measures - 1, path="lerp" if measures % 2 else "slerp")
        fresh.sample(measures, seed=measures)
        fresh.reconstruct([ends[0]] * measures)

    calls(2)
    assert compilations  # the listener hears compilations
    compilations.clear()
    for measures in range(2, 9):
        calls(measures)
    assert compilations == []
    calls(9)
    assert compilations != []


@pytest.mark.parametrize("steps", [0, -1, MOST_MEASURES, 10**6])
def test_lengths_out_of_range_are_refused(tiny, ends, steps) -> None:
    for call in (tiny.interpolate, tiny.crossfade):
        with pytest.raises(InputError, match=f"expected 2 to {MOST_MEASURES} measures; found {steps + 1};"):
            call(*ends, steps)


def test_an_unknown_path_is_refused(tiny, ends) -> None:
    with pytest.raises(InputError, match="expected 'slerp' or 'lerp'; found 'spline'"):
        tiny.interpolate(*ends, path="spline")


def test_patterns_that_the_network_cannot_read_are_refused(tiny, ends) -> None:
    start, goal = ends
    pocket = Pattern.from_grid(np.zeros((64, len(POCKET.lanes))), drum_map=POCKET, name="seven lanes")
    waltz = replace(start, metre=(3, 4), name="waltz")
    for wrong, says in [
        (pocket, "seven lanes: expected the model's drum map 'tr808'; found 'pocket'"),
        (waltz, "waltz: expected a pattern in 4/4; found 3/4"),
        (start.window(0, 48), "expected a pattern of 64 steps; found 48"),
        (concatenate([start, start]), "expected a pattern of 64 steps; found 128"),
    ]:
        for call in (
            lambda wrong=wrong: tiny.interpolate(start, wrong),
            lambda wrong=wrong: tiny.interpolate(wrong, goal),
            lambda wrong=wrong: tiny.crossfade(wrong, goal),
            lambda wrong=wrong: tiny.reconstruct([goal, wrong]),
        ):
            with pytest.raises(InputError, match=says):
                call()


# Crossfade


@pytest.mark.parametrize("steps", [1, 5, 300])
def test_a_crossfade_is_eq_6_on_the_patterns_themselves(tiny, ends, steps) -> None:
    a, b = (pattern.velocity.astype(np.float64) for pattern in ends)
    patterns = tiny.crossfade(*ends, steps)
    assert len(patterns) == steps + 1
    for i, pattern in enumerate(patterns):
        faded = (1 - i / steps) * a + i / steps * b
        audible = faded >= 1 / 127 + 1e-6
        assert pattern.hits[audible].all()
        assert not pattern.hits[faded < 1 / 127 - 1e-6].any()
        np.testing.assert_allclose(pattern.velocity[audible], faded[audible], atol=1e-6)


def test_the_ends_of_a_crossfade_are_the_patterns_themselves(tiny, ends) -> None:
    patterns = tiny.crossfade(*ends, 4)
    assert patterns[0].equals(ends[0])
    assert patterns[-1].equals(ends[1])


# Sampling


def test_a_sample_depends_on_the_seed_and_its_number_alone(tiny) -> None:
    few, many = tiny.sample(3, seed=5), tiny.sample(20, seed=5)
    assert_same(few, many[:3])
    assert not any(np.array_equal(a.velocity, b.velocity) for a, b in zip(few, tiny.sample(3, seed=6), strict=True))


def test_samples_are_decoded_from_standard_normal_codes(tiny) -> None:
    key = jax.random.key_data(jax.random.key(3))
    out = jax.tree.map(np.asarray, tiny.signatures()["sample"](tiny.params, key, np.arange(4000, dtype=np.int32)))
    code = out["code"]
    assert code.shape == (4000, tiny.config.latent)
    # Five standard errors of 4,000 draws.
    np.testing.assert_allclose(code.mean(axis=0), 0, atol=5 / np.sqrt(4000))
    np.testing.assert_allclose(np.cov(code.T), np.eye(code.shape[1]), atol=5 * np.sqrt(2 / 4000))
    np.testing.assert_allclose(out["grid"][:50], decoded_by_numpy(tiny, code[:50]), atol=1e-5)
    assert_plays(tiny.sample(6, seed=3), out["grid"][:6], tiny.threshold)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**20])
def test_a_seed_that_no_key_holds_is_refused(tiny, seed) -> None:
    with pytest.raises(InputError, match=f"expected a whole number from 0 to 4294967295; found {seed}"):
        tiny.sample(1, seed=seed)


def test_no_samples_are_no_call(tiny) -> None:
    with pytest.raises(InputError, match="expected 1 to"):
        tiny.sample(0)


# Reconstruction


def test_a_reconstruction_is_the_decoded_code_with_the_patterns_own_tempo_and_name(tiny, some_patterns) -> None:
    reconstructed = tiny.reconstruct(some_patterns)
    assert_plays(reconstructed, decoded_by_numpy(tiny, tiny.encode(some_patterns)), tiny.threshold)
    assert_same(reconstructed, tiny.decode(tiny.encode(some_patterns)))
    assert [(new.name, new.tempo_bpm) for new in reconstructed] == [(old.name, old.tempo_bpm) for old in some_patterns]
    values = tiny.reconstruct_values(np.stack([pattern.velocity for pattern in some_patterns]))
    np.testing.assert_allclose(values, decoded_by_numpy(tiny, tiny.encode(some_patterns)), atol=1e-5)


def test_a_patterns_code_does_not_depend_on_its_company(tiny, some_patterns) -> None:
    together = tiny.encode(some_patterns)
    alone = np.concatenate([tiny.encode([pattern]) for pattern in some_patterns])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.shape == (len(some_patterns), tiny.config.latent)
    assert len(np.unique(together, axis=0)) > 1


def test_every_hit_reaches_the_stored_threshold(tiny, some_patterns) -> None:
    values = tiny.reconstruct_values(np.stack([pattern.velocity for pattern in some_patterns]))
    counts = []
    for threshold in (0.1, tiny.threshold, 0.6):
        patterns = replace(tiny, threshold=threshold).reconstruct(some_patterns)
        assert_plays(patterns, values, threshold)
        counts.append(sum(int(pattern.hits.sum()) for pattern in patterns))
    assert counts[0] > counts[1] > counts[2] > 0


def test_the_stored_threshold_is_the_best_one_on_the_validation_split(tiny) -> None:
    held_out = load_patterns("embedded").splits["validation"]["velocity"]
    values = tiny.reconstruct_values(held_out)
    scores = [onset_f1(held_out > 0, played(values, threshold) > 0) for threshold in THRESHOLDS]
    assert tiny.threshold == THRESHOLDS[int(np.argmax(scores))]
    assert tiny.card["metrics"]["onset_f1"] == pytest.approx(max(scores), abs=1e-6)
    assert tiny.card["play"]["threshold"] == tiny.threshold
    assert tiny.card["criterion"] == {"name": "onset_f1", "mode": "max", "value": tiny.card["metrics"]["onset_f1"]}


def test_nothing_in_gives_nothing_out(tiny) -> None:
    assert tiny.encode([]).shape == (0, tiny.config.latent)
    assert tiny.decode(np.zeros((0, tiny.config.latent))) == []
    assert tiny.reconstruct([]) == []
    assert tiny.reconstruct_values(np.zeros((0, 64, 6))).shape == (0, 64, 6)


# Provenance


def test_provenance_names_the_model_the_files_and_the_call(tiny, tiny_workdir, midi, tmp_path) -> None:
    files = [midi("a.mid", {(0, "BD"): 100, (8, "SD"): 90}), midi("b.mid", {(64, "CH"): 70, (4, "BD"): 60}, steps=128)]
    start, goal = read_windows(files[0])[0], read_windows(files[1])[1]
    made = tiny.interpolate(start, goal, 5, path="lerp")
    out = tmp_path / "out.mid"
    concatenate(made).save(out)
    origin = read_provenance(out)
    manifest = (checkpoint.best(tiny_workdir) / "manifest.json").read_bytes()
    assert origin == {
        "drumjax": drumjax.__version__,
        "verb": "pattern interpolate",
        "model": {"name": str(tiny_workdir), "sha256": hashlib.sha256(manifest).hexdigest()},
        "seed": None,
        "parameters": {"measures": 6, "path": "lerp", "tempo_bpm": start.tempo_bpm},
        "inputs": [
            {"path": f"{file}{number}", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for file, number in zip(files, ("", "#1"), strict=True)
        ],
    }
    for k, pattern in enumerate(made, start=1):
        assert pattern.provenance == {**origin, "parameters": {**origin["parameters"], "part": k}}


def test_every_verb_leaves_its_own_provenance(tiny, ends) -> None:
    sampled = tiny.sample(2, seed=9)[1].provenance
    assert (sampled["verb"], sampled["seed"], sampled["parameters"], sampled["inputs"]) == (
        "pattern sample",
        9,
        {"measures": 2, "tempo_bpm": 129.0, "part": 2},
        [],
    )
    faded = tiny.crossfade(*ends, 3)[0].provenance
    assert (faded["verb"], faded["parameters"]) == ("pattern crossfade", {"measures": 4, "tempo_bpm": 111.0, "part": 1})
    # A pattern that was never a file is named by the hash of its velocities.
    hashes = [hashlib.sha256(p.velocity.tobytes()).hexdigest() for p in ends]
    assert faded["inputs"] == [{"name": p.name or "made by hand", "sha256": h} for p, h in zip(ends, hashes, strict=True)]
    again = tiny.reconstruct([tiny.sample(1, seed=9)[0]])[0].provenance
    assert again["verb"] == "pattern reconstruct"


def test_what_is_made_of_what_was_made_can_be_saved(tiny, ends, tmp_path) -> None:
    third = tiny.interpolate(*tiny.interpolate(*tiny.sample(2, seed=1), 3)[1:3], 3)
    concatenate(third).save(tmp_path / "third.mid")
    assert read_provenance(tmp_path / "third.mid")["verb"] == "pattern interpolate"


def test_a_long_model_path_does_not_keep_the_music_from_being_saved(tiny, ends, tmp_path) -> None:
    far = replace(tiny, name="/" + "models/" * 400)
    concatenate(far.interpolate(*ends)).save(tmp_path / "far.mid")
    assert read_provenance(tmp_path / "far.mid")["model"]["name"].endswith("models/models/")


def test_velocities_survive_the_midi_file_to_a_step_of_1_127(tiny, ends, tmp_path) -> None:
    made = tiny.interpolate(*ends)
    concatenate(made).save(tmp_path / "out.mid")
    for pattern, read in zip(made, read_windows(tmp_path / "out.mid"), strict=True):
        np.testing.assert_array_equal(pattern.hits, read.hits)
        np.testing.assert_allclose(pattern.velocity, read.velocity, atol=0.5 / 127 + 1e-6)


def test_many_patterns_go_through_in_parts_and_come_out_the_same(tiny, some_patterns, monkeypatch) -> None:
    grids = np.stack([some_patterns[i % len(some_patterns)].velocity for i in range(2 * instrument_module.MOST_AT_ONCE + 9)])
    run, sizes = instrument_module._compiled(tiny.config), []

    def counted(name):
        def call(params, items):
            sizes.append(len(items))
            return run[name](params, items)

        return call

    monkeypatch.setattr(instrument_module, "_compiled", lambda _: {name: counted(name) for name in ("encode", "decode")})
    values = tiny.reconstruct_values(grids)
    assert sizes == [1024, 1024, 1024, 1024, 16, 16]
    few = tiny.reconstruct_values(grids[: len(some_patterns)])
    np.testing.assert_allclose(values, few[np.arange(len(grids)) % len(few)], atol=1e-5)
    codes = tiny.encode([some_patterns[0]] * (instrument_module.MOST_AT_ONCE + 1))
    assert codes.shape == (instrument_module.MOST_AT_ONCE + 1, tiny.config.latent)
    assert len(tiny.decode(codes)) == len(codes)
    assert max(sizes) == instrument_module.MOST_AT_ONCE
