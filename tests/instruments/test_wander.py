"""What a pattern GAN plays, and the autonomous drummer of both systems, against numpy in float64 and the closed form of eq. 8."""

from __future__ import annotations

import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

import drumjax
from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments.pattern import WANDER_BLOCK
from drumjax.models.pattern_gan import PatternGANConfig
from drumjax.patterns import Pattern, concatenate, wandering
from drumjax.provenance import read_provenance

NEAR_THRESHOLD = 1e-4
"""Velocities this near to the threshold may fall on either side of it in float32 and float64."""


@pytest.fixture(scope="module")
def gan(untrained_gan, compilation_cache):
    return drumjax.load(untrained_gan)


def generated(gan, noise: np.ndarray) -> np.ndarray:
    """The generator in float64: dense ReLU layers, then logistic units."""
    layers = jax.tree.map(lambda array: np.asarray(array, np.float64), gan.params["generator"])
    x = np.asarray(noise, np.float64)
    for i in range(len(gan.config.decoder_widths)):
        x = np.maximum(x @ layers[f"dense_{i}"]["kernel"] + layers[f"dense_{i}"]["bias"], 0)
    x = x @ layers["output"]["kernel"] + layers["output"]["bias"]
    return 1 / (1 + np.exp(-x.reshape(len(noise), gan.config.steps, gan.config.lanes)))


def swirl(measures: int, turn: float = 128) -> np.ndarray:
    """Eq. 8 in complex numbers, float64 (measures, 2)."""
    t = 2 * np.pi * np.arange(measures) / turn
    f = np.exp(2j * t) - np.exp(19j * t) / 2 + 1j * np.exp(-20j * t) / 3 + np.exp(20j * t) / 4
    return np.stack([f.real, f.imag], axis=1)


def assert_plays(patterns: list[Pattern], values: np.ndarray, threshold: float) -> None:
    velocity = np.stack([pattern.velocity for pattern in patterns])
    hits = np.stack([pattern.hits for pattern in patterns])
    clear = np.abs(values - threshold) > NEAR_THRESHOLD
    assert 0.05 < hits.mean() < 0.5
    np.testing.assert_array_equal(hits[clear], (values >= threshold)[clear])
    np.testing.assert_allclose(velocity[hits], values[hits], atol=NEAR_THRESHOLD)


def test_a_performance_is_the_generator_along_equation_8(gan) -> None:
    patterns = gan.wander(130)
    assert len(patterns) == 130
    assert_plays(patterns, generated(gan, swirl(130)), gan.threshold)
    assert len({pattern.hits.tobytes() for pattern in patterns}) > 60


def test_the_swirl_turns_at_any_speed(gan) -> None:
    assert_plays(gan.wander(20, turn=40), generated(gan, swirl(20, 40)), gan.threshold)


@pytest.mark.parametrize("path", wandering.PATHS)
def test_a_short_performance_is_the_beginning_of_a_long_one_bit_for_bit(gan, path) -> None:
    long = gan.wander(2 * WANDER_BLOCK + 3, path, seed=3)
    for measures in (1, 9, WANDER_BLOCK, WANDER_BLOCK + 1):
        short = gan.wander(measures, path, seed=3)
        assert all(a.equals(b) for a, b in zip(short, long, strict=False))
        assert len(short) == measures


@pytest.mark.parametrize("path", ["circle", "walk", "straight"])
def test_other_paths_are_decoded_from_their_own_points(gan, path) -> None:
    points = np.asarray(wandering.points(path, np.arange(20), 5))
    assert_plays(gan.wander(20, path, seed=5), generated(gan, points), gan.threshold)


def test_uniform_noise_is_led_through_the_same_quantiles_inside_its_support(gan) -> None:
    uniform = replace(gan, config=replace(gan.config, noise="uniform"))
    from scipy.stats import norm

    inside = 2 * norm.cdf(swirl(40)) - 1
    np.testing.assert_allclose(uniform.noise(np.arange(40)), inside, atol=1e-5)
    assert_plays(uniform.wander(40), generated(gan, inside), gan.threshold)
    drawn = uniform.signatures()["sample"](gan.params, jax.random.key_data(jax.random.key(0)), np.arange(4000))["code"]
    assert np.abs(drawn).max() < 1
    np.testing.assert_allclose(np.var(drawn, axis=0), 1 / 3, atol=0.03)


def test_a_vae_wanders_in_a_plane_that_the_seed_draws(tiny) -> None:
    codes = tiny.noise(np.arange(30), seed=2)
    plane = wandering.plane(tiny.config.latent, 2)
    np.testing.assert_allclose(codes @ plane.T, swirl(30), atol=2e-5)
    assert np.linalg.matrix_rank(codes, tol=1e-4) == 2
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), np.linalg.norm(swirl(30), axis=1), atol=2e-5)
    performance = tiny.wander(30, seed=2)
    for one, other in zip(performance, tiny.decode(codes), strict=True):
        np.testing.assert_allclose(one.velocity, other.velocity, atol=tiny.threshold + 1e-5)
    assert not np.array_equal(codes, tiny.noise(np.arange(30), seed=3))


def test_samples_are_generated_from_the_noise_of_the_training(gan) -> None:
    key = jax.random.key_data(jax.random.key(7))
    out = jax.tree.map(np.asarray, gan.signatures()["sample"](gan.params, key, np.arange(2000, dtype=np.int32)))
    np.testing.assert_allclose(np.cov(out["code"].T), np.eye(2), atol=5 * np.sqrt(2 / 2000))
    assert_plays(gan.sample(12, seed=7), generated(gan, out["code"][:12]), gan.threshold)
    assert_plays(gan.decode(out["code"][:12]), generated(gan, out["code"][:12]), gan.threshold)


def test_what_needs_an_encoder_is_refused_and_another_way_named(gan) -> None:
    pattern = gan.sample(1)[0]
    for call in (
        lambda: gan.interpolate(pattern, pattern),
        lambda: gan.encode([pattern]),
        lambda: gan.encode([]),
        lambda: gan.reconstruct([pattern]),
        lambda: gan.reconstruct_values(np.zeros((1, 64, 6))),
    ):
        with pytest.raises(InputError, match="found a pattern GAN, which has none; take a pattern VAE such as 'pattern-vae'"):
            call()
    assert gan.signatures().keys() == {"decode", "sample"}
    assert not gan.has_encoder


def test_a_crossfade_needs_no_encoder(gan) -> None:
    start, goal = gan.sample(2)
    faded = gan.crossfade(start, goal, 3)
    assert faded[0].equals(start)
    assert faded[-1].equals(goal)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measures": 0}, "expected 1 to 1024 measures; found 0"), ({"measures": 1025}, "found 1025"), ({"seed": -1}, "found -1"),
        ({"path": "spiral"}, "expected a path of swirl, circle, walk, straight; found 'spiral'"),
        ({"path": "walk", "turn": 9.0}, "expected no turn for the walk, which never comes back; found 9 measures"),
        ({"turn": 0.5}, "expected a turn of 2 to 65,536 measures; found 0.5"), ({"turn": float("nan")}, "found nan"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused(gan, options, said) -> None:
    with pytest.raises(InputError, match=said):
        gan.wander(**options)


def test_codes_of_one_dimension_have_no_path(gan) -> None:
    flat = replace(gan, config=PatternGANConfig(latent=1))
    with pytest.raises(InputError, match="at least 2 dimensions for a path in a plane; found 1"):
        flat.noise(np.arange(3))


def test_a_performance_says_where_it_came_from(gan, untrained_gan, tmp_path) -> None:
    concatenate(gan.wander(3, "walk", seed=11, tempo_bpm=140.0)).save(tmp_path / "a.mid")
    record = read_provenance(tmp_path / "a.mid")
    assert (record["verb"], record["seed"], record["inputs"]) == ("pattern wander", 11, [])
    assert record["model"] == {"name": str(untrained_gan), "sha256": checkpoint.fingerprint(untrained_gan)}
    assert record["parameters"] == {"measures": 3, "path": "walk", "turn": None, "tempo_bpm": 140.0}
    assert gan.wander(2)[1].provenance["parameters"] == {
        "measures": 2, "path": "swirl", "turn": 128.0, "tempo_bpm": 129.0, "part": 2,
    }  # fmt: skip


def test_a_training_folder_of_a_gan_plays_and_the_discriminator_stays_behind(gan, untrained_gan, tmp_path) -> None:
    shutil.copytree(untrained_gan, tmp_path / "work" / "checkpoints" / "1")
    playing = checkpoint.load_playing(untrained_gan)
    both = {**playing.params, "discriminator": {"w": np.ones(3, np.float32)}}
    place = tmp_path / "work" / "checkpoints" / "2"
    checkpoint.save(place, {"play": {"params": both, "extra": {}}}, {checkpoint.CARD: {**playing.card, "step": 2}})
    loaded = drumjax.load(place)
    assert loaded.params.keys() == {"generator"}
    assert all(a.equals(b) for a, b in zip(loaded.wander(3), gan.wander(3), strict=True))
    assert drumjax.load(tmp_path / "work").genres == ("idm",)
