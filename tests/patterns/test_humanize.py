"""Humanising: the same hits, errors of the promised size and shape, and each hit's own whatever stands around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drumjax.patterns import GM, TR808, Pattern, concatenate, read_midi_pattern, write_midi
from drumjax.patterns.humanize import TIMING_MS, VELOCITY, humanize, humanize_all
from drumjax.patterns.pattern import LEAST_VELOCITY
from drumjax.provenance import dumps, provenance


def random_pattern(seed: int, *, density: float = 0.3, steps: int = 64, drum_map=TR808, low: float = 0.05, **fields) -> Pattern:
    generator = np.random.default_rng(seed)
    shape = (steps, len(drum_map.lanes))
    hits = generator.random(shape) < density
    velocity = np.where(hits, generator.uniform(low, 1, shape), 0)
    offset = np.where(hits, generator.uniform(-0.5, 0.5, shape), 0)
    return Pattern(hits=hits, velocity=velocity, offset=offset, drum_map=drum_map, **fields)


def full(velocity: float, measures: int = 40, **fields) -> list[Pattern]:
    """A hit in every cell."""
    return [Pattern.from_grid(np.full((64, 6), velocity, np.float32), **fields)] * measures


@given(
    st.integers(0, 2**32 - 1), st.floats(0, 0.25), st.floats(0, 50), st.floats(20, 400), st.sampled_from([0, 64, 65_000]),
    st.integers(0, 50),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_setting_gives_a_valid_pattern_of_the_same_hits(seed, velocity, timing_ms, tempo_bpm, first_step, which):
    """`Pattern` itself refuses velocities and offsets out of range."""
    pattern = random_pattern(which, low=LEAST_VELOCITY + 1e-6, tempo_bpm=tempo_bpm)
    made = humanize(pattern, seed, velocity=velocity, timing_ms=timing_ms, first_step=first_step)
    np.testing.assert_array_equal(made.hits, pattern.hits)
    assert (made.tempo_bpm, made.drum_map, made.metre) == (pattern.tempo_bpm, pattern.drum_map, pattern.metre)


def test_timing_has_the_promised_spread_in_milliseconds_at_any_tempo():
    for tempo_bpm in (90.0, 129.0, 174.0):
        made = humanize_all(full(0.5, tempo_bpm=tempo_bpm), 1, timing_ms=5.0)
        grid = made[0].step_s * np.arange(64)[:, None]
        errors_ms = 1000 * np.concatenate([pattern.onsets_s() - grid for pattern in made[1:]])
        assert errors_ms.std() == pytest.approx(5.0, rel=0.03)
        assert abs(errors_ms.mean()) < 0.15
        assert np.abs(errors_ms).max() < 5.0 * 3.4642


def test_velocities_have_the_promised_spread_as_a_share():
    values = np.concatenate([pattern.velocity for pattern in humanize_all(full(0.5), 2, velocity=0.1)])
    assert values.std() == pytest.approx(0.05, rel=0.03)
    assert values.mean() == pytest.approx(0.5, abs=0.002)


def test_errors_are_bell_shaped_and_unrelated_between_touch_timing_lanes_and_steps():
    """The sum of four uniform numbers has a kurtosis of 2.7, for a normal 3 and a uniform number 1.8."""
    made = humanize_all(full(0.5), 3)
    touch = np.concatenate([pattern.velocity for pattern in made[1:]]).astype(np.float64)
    late = np.concatenate([pattern.offset for pattern in made[1:]]).astype(np.float64)
    for errors in (touch, late):
        errors = errors - errors.mean()
        assert np.mean(errors**4) / np.mean(errors**2) ** 2 == pytest.approx(2.7, abs=0.1)
        assert np.abs(np.corrcoef(errors.T) - np.eye(6)).max() < 0.08
        assert abs(np.corrcoef(errors[1:].ravel(), errors[:-1].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(touch.ravel(), late.ravel())[0, 1]) < 0.03


def test_accents_at_full_velocity_vary_too():
    values = humanize(full(1.0)[0], 4).velocity
    assert values.max() <= 1
    assert len(np.unique(values)) > 300
    assert (1 - values).mean() == pytest.approx(VELOCITY * np.sqrt(2 / np.pi), rel=0.15)


def test_a_hit_s_error_does_not_depend_on_other_hits():
    pattern = random_pattern(0)
    kept = pattern.hits & (np.random.default_rng(1).random(pattern.hits.shape) < 0.5)
    thinned = replace(pattern, hits=kept, velocity=np.where(kept, pattern.velocity, 0), offset=np.where(kept, pattern.offset, 0))
    whole, part = humanize(pattern, 7), humanize(thinned, 7)
    np.testing.assert_array_equal(part.velocity[kept], whole.velocity[kept])
    np.testing.assert_array_equal(part.offset[kept], whole.offset[kept])


def test_a_long_performance_begins_as_a_short_one_and_measures_differ():
    short, long = humanize_all(full(0.5, 2), 9), humanize_all(full(0.5, 20), 9)
    assert all(a.equals(b) for a, b in zip(short, long[:2], strict=True))
    assert len({pattern.velocity.tobytes() for pattern in long}) == 20


def test_one_long_pattern_is_humanised_as_its_measures_are():
    measures = [random_pattern(seed) for seed in range(5)]
    assert humanize(concatenate(measures), 3).equals(concatenate(humanize_all(measures, 3)))


def test_seeds_differ_and_a_seed_repeats():
    pattern = random_pattern(0)
    assert humanize(pattern, 1).equals(humanize(pattern, 1))
    assert not humanize(pattern, 1).equals(humanize(pattern, 2))


def test_nothing_asked_for_changes_nothing():
    pattern = random_pattern(0)
    assert humanize(pattern, 1, velocity=0, timing_ms=0).equals(pattern)
    assert np.array_equal(humanize(pattern, 1, velocity=0).velocity, pattern.velocity)
    assert np.array_equal(humanize(pattern, 1, timing_ms=0).offset, pattern.offset)


@pytest.mark.parametrize("drum_map", [TR808, GM], ids=["tr808", "gm"])
def test_what_was_humanised_survives_the_midi_file(tmp_path, drum_map):
    """A file holds velocities to 1/127 and onsets to a tick, 1/60 of a half step: half of each may be lost, and no hit."""
    performance = concatenate(humanize_all([random_pattern(seed, drum_map=drum_map) for seed in range(4)], 5, timing_ms=12.0))
    write_midi(tmp_path / "a.mid", performance)
    read, report = read_midi_pattern(tmp_path / "a.mid", drum_map=drum_map)
    assert report.merged == 0
    np.testing.assert_array_equal(read.hits, performance.hits)
    np.testing.assert_allclose(read.velocity, performance.velocity, atol=0.5 / 127 + 1e-6)
    np.testing.assert_allclose(read.offset[1:], performance.offset[1:], atol=1 / 60)
    assert np.abs(read.offset[1:] - performance.offset[1:]).mean() < 0.3 / 60


def test_no_hit_of_the_first_step_comes_before_the_beginning():
    made = humanize_all(full(0.5, 2), 11)
    assert (made[0].offset[0] >= 0).all()
    assert (made[1].offset[0] < 0).any()


def test_the_settings_join_the_record_of_what_a_model_made():
    record = provenance("pattern sample", model="m", model_sha256="0" * 64, seed=3, parameters={"measures": 1})
    made = humanize(random_pattern(0, provenance=record), 8, velocity=0.1)
    settings = {"humanize_seed": 8, "humanize_velocity": 0.1, "humanize_timing_ms": TIMING_MS}
    assert made.provenance == {**record, "parameters": {"measures": 1, **settings}}
    assert dumps(made.provenance)


def test_a_file_that_was_humanised_is_named_as_the_input():
    origin = {"path": "a.mid", "sha256": "0" * 64}
    record = humanize(random_pattern(0, provenance=origin), 8).provenance
    assert (record["verb"], record["inputs"]) == ("pattern humanize", [origin])
    settings = {"humanize_seed": 8, "humanize_velocity": VELOCITY, "humanize_timing_ms": TIMING_MS}
    assert record["parameters"] == {**settings, "drum_map": "tr808", "tempo_bpm": 129.0, "steps": 64}
    assert humanize(random_pattern(0, provenance=origin), first_step=640).provenance["parameters"]["first_step"] == 640
    assert humanize(random_pattern(0), 8).provenance["inputs"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"velocity": 0.3}, "0 to 0.25, found 0.3"), ({"velocity": float("nan")}, "found nan"), ({"timing_ms": -1.0}, "0 to 50 ms"),
        ({"seed": -1}, "a seed from 0"), ({"seed": 2**32}, "a seed from 0"), ({"first_step": -1}, "first step"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        humanize(random_pattern(0), **options)
