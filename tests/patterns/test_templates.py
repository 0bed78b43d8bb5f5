"""Templates and control patterns: golden cases by hand for every rule, and a plain loop that follows the page of rules."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.patterns.templates import (
    CLOSED_HAT,
    CRASH,
    KICK,
    OPEN_HAT,
    RIDE,
    SNARE,
    TOM,
    TemplateRules,
    augment_template,
    template,
    timing_pattern,
    velocity_pattern,
)

EIGHTHS = list(range(0, 32, 2))
ALL = list(range(32))
ANY = {(0, KICK): 100}
COMBINATIONS = [
    TemplateRules(*rules) for rules in itertools.product(("paper", "code"), ("backbeat", "paper", "code"), ("paper", "code"))
]  # type: ignore[arg-type]


def groove(hits: dict[tuple[int, int], int]) -> np.ndarray:
    """`{(step, lane): MIDI velocity}` as float32 (32, 7)."""
    velocity = np.zeros((32, 7), np.float32)
    for (step, lane), loud in hits.items():
        velocity[step, lane] = loud / 127
    return velocity


def on(grid: np.ndarray, lane: int) -> list[int]:
    return np.flatnonzero(grid[:, lane]).tolist()


def many(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random velocities and offsets of a MIDI file, sparse and dense ones, float32 (n, 32, 7) each."""
    rng = np.random.default_rng(seed)
    hit = rng.random((n, 32, 7)) < rng.uniform(0.02, 0.9, (n, 1, 7))
    velocity = np.where(hit, rng.integers(1, 128, hit.shape), 0) / np.float32(127)
    offset = np.where(hit, rng.integers(-60, 60, hit.shape), 0) / np.float32(60)
    return velocity.astype(np.float32), offset.astype(np.float32)


# Cymbals


@pytest.mark.parametrize(("hats", "rides", "lane"), [(5, 4, CLOSED_HAT), (4, 5, RIDE), (4, 4, CLOSED_HAT), (0, 0, CLOSED_HAT)])
def test_the_cymbals_with_more_hits_lead_and_a_tie_goes_to_the_hats(hats, rides, lane):
    hits = {(step, CLOSED_HAT): 90 for step in range(hats)} | {(16 + step, RIDE): 90 for step in range(rides)}
    made = template(groove(ANY | hits))
    assert on(made, lane) == EIGHTHS
    assert not made[:, ({CLOSED_HAT, RIDE} - {lane}).pop()].any()


def test_open_hats_count_with_the_hats_and_crashes_with_the_ride():
    hats = groove({(1, CLOSED_HAT): 90, (3, OPEN_HAT): 90, (5, RIDE): 90})
    rides = groove({(1, CLOSED_HAT): 90, (3, CRASH): 90, (5, RIDE): 90})
    assert on(template(hats), CLOSED_HAT) == EIGHTHS
    assert on(template(rides), RIDE) == EIGHTHS
    for made in (template(hats), template(rides)):
        assert not made[:, [OPEN_HAT, CRASH]].any()


@pytest.mark.parametrize(("count", "paper", "code"), [(23, EIGHTHS, EIGHTHS), (24, EIGHTHS, ALL), (25, ALL, ALL)])
def test_more_than_three_quarters_of_the_steps_make_sixteenths_and_in_the_code_as_many_do(count, paper, code):
    velocity = groove({(step, CLOSED_HAT): 30 for step in range(count)})
    assert on(template(velocity), CLOSED_HAT) == paper
    assert on(template(velocity, TemplateRules(cymbals="code")), CLOSED_HAT) == code


# Snare

GHOSTED = {(4, SNARE): 100, (12, SNARE): 80, (20, SNARE): 96, (28, SNARE): 84, (7, SNARE): 30, (9, SNARE): 90, (14, SNARE): 89}
"""Four backbeats of mean 90, the softest 80; a ghost note, one note as loud as the mean and one just below it."""


@pytest.mark.parametrize(
    ("rule", "stay"),
    [("backbeat", [4, 9, 12, 20, 28]), ("paper", [4, 9, 20]), ("code", [4, 9, 12, 14, 20, 28])],
)
def test_of_four_backbeats_each_rule_takes_its_threshold(rule, stay):
    assert on(template(groove(GHOSTED), TemplateRules(snare=rule)), SNARE) == stay


@pytest.mark.parametrize(
    ("rule", "stay"),
    # The mean of the backbeats that are hit is 92, so 9 and 14 go but in the code, whose softest of the four is 0 then: all stay.
    [("backbeat", [4, 20, 28, 2]), ("paper", [4, 20, 2]), ("code", [4, 20, 28, 7, 9, 14, 2])],
)
def test_of_three_backbeats_the_code_keeps_everything(rule, stay):
    hits = {key: loud for key, loud in GHOSTED.items() if key[0] != 12} | {(2, SNARE): 94}
    assert on(template(groove(hits), TemplateRules(snare=rule)), SNARE) == sorted(stay)


@pytest.mark.parametrize(
    ("rule", "stay"),
    # The mean of the two backbeats is 60, that of the other three (40, 70, 100) is 70.
    [("backbeat", [4, 9, 10, 20]), ("paper", [9, 10, 20]), ("code", [9, 10, 20])],
)
def test_of_two_backbeats_the_code_takes_the_mean_of_the_others(rule, stay):
    hits = {(4, SNARE): 50, (20, SNARE): 70, (7, SNARE): 40, (9, SNARE): 70, (10, SNARE): 100}
    assert on(template(groove(hits), TemplateRules(snare=rule)), SNARE) == stay


@pytest.mark.parametrize("rule", ["backbeat", "paper", "code"])
def test_without_a_backbeat_the_mean_of_the_others_is_the_threshold(rule):
    hits = {(2, SNARE): 40, (10, SNARE): 70, (18, SNARE): 100}
    assert on(template(groove(hits), TemplateRules(snare=rule)), SNARE) == [10, 18]


@pytest.mark.parametrize("rule", ["backbeat", "paper", "code"])
@pytest.mark.parametrize("loud", range(1, 128, 7))
def test_equal_hits_all_stay_however_a_mean_is_rounded(rule, loud):
    for steps in ((4, 12, 20, 28), (4, 12, 20), (4,), (1, 2, 3), (4, 12, 20, 28, 30, 31, 1)):
        made = template(groove({(step, SNARE): loud for step in steps}), TemplateRules(snare=rule))
        assert on(made, SNARE) == sorted(steps)


# Kick, toms


def test_kicks_louder_than_40_stay_and_in_the_code_as_loud_ones_too():
    velocity = groove({(0, KICK): 41, (8, KICK): 40, (16, KICK): 39, (24, KICK): 127})
    assert on(template(velocity), KICK) == [0, 24]
    assert on(template(velocity, TemplateRules(kick="code")), KICK) == [0, 8, 24]


def test_toms_never_stay():
    assert not template(groove({(step, TOM): 127 for step in range(32)}))[:, TOM].any()


def test_unknown_rules_are_refused():
    for field in ("cymbals", "snare", "kick"):
        with pytest.raises(ValueError, match=f"{field}: expected one of .*found 'papre'"):
            TemplateRules(**{field: "papre"})


# Control patterns


def test_velocities_round_to_tenths_and_fall_into_five_classes():
    # 0.25 (32/127 = .252) rounds to .3, 0.2 (25/127 = .197) to .2; above .95 to 1.
    levels = {0: 0, 1: 0, 12: 0, 25: 0, 31: 0, 32: 1, 50: 1, 57: 1, 58: 2, 76: 2, 82: 2, 83: 3, 101: 3, 107: 3, 108: 4, 127: 4}
    velocity = groove({(step, CLOSED_HAT): loud for step, loud in enumerate(levels) if loud})
    assert velocity_pattern(velocity)[: len(levels)].tolist() == list(levels.values())
    assert not velocity_pattern(velocity)[len(levels) :].any()


def test_the_pattern_is_the_ride_s_where_it_has_as_many_hits_as_the_closed_hat():
    hats = {(step, CLOSED_HAT): 127 for step in (0, 2)}
    rides = {(step, RIDE): 64 for step in (1, 3)}
    assert velocity_pattern(groove(hats | rides))[:4].tolist() == [0, 2, 0, 2]
    assert velocity_pattern(groove(hats | rides | {(5, CLOSED_HAT): 127, (7, OPEN_HAT): 1}))[:4].tolist() == [4, 0, 4, 0]
    assert velocity_pattern(groove(hats | rides | {(5, RIDE): 64}))[:4].tolist() == [0, 2, 0, 2]


def test_timing_is_the_sign_of_the_mean_of_what_is_hit():
    velocity = groove({(0, KICK): 90, (0, SNARE): 90, (1, KICK): 90, (2, KICK): 90, (2, RIDE): 90, (3, KICK): 90, (4, KICK): 1})
    offset = np.zeros((32, 7), np.float32)
    offset[0, [KICK, SNARE]] = -0.5, 0.25
    offset[1, KICK] = 1 / 60
    offset[2, [KICK, RIDE]] = 0.3, -0.3
    offset[4, KICK] = -1 / 60
    assert timing_pattern(velocity, offset)[:6].tolist() == [0, 2, 1, 1, 0, 1]
    assert set(timing_pattern(velocity, offset)[5:].tolist()) == {1}


def test_three_offsets_that_cancel_but_for_rounding_are_on_the_beat():
    velocity = groove({(0, KICK): 90, (0, SNARE): 90, (0, RIDE): 90})
    offset = np.zeros((32, 7), np.float32)
    offset[0, [KICK, SNARE, RIDE]] = np.array((1, 2, -3), np.float32) / 60
    assert offset[0].sum() != 0
    assert timing_pattern(velocity, offset)[0] == 1


# The loop, and the two kinds of arrays


def looped(velocity: np.ndarray, rules: TemplateRules) -> np.ndarray:
    """A template in plain Python, from whole MIDI velocities."""
    level = np.rint(velocity * 127).astype(int).tolist()
    made = np.zeros((32, 7), np.float32)
    snare = {step: level[step][SNARE] for step in range(32) if level[step][SNARE]}
    beats = {step: loud for step, loud in snare.items() if step in (4, 12, 20, 28)}
    rest = {step: loud for step, loud in snare.items() if step not in beats}
    mean = lambda hits: sum(hits.values()) / len(hits) if hits else 0  # noqa: E731
    if rules.snare == "code":
        threshold = min(level[step][SNARE] for step in (4, 12, 20, 28)) if len(beats) >= 3 else mean(rest)
    else:
        threshold = mean(beats) if beats else mean(rest)
    for step, loud in snare.items():
        made[step, SNARE] = loud >= threshold - 1e-9 or (rules.snare == "backbeat" and step in beats)
    for step in range(32):
        made[step, KICK] = level[step][KICK] > (39 if rules.kick == "code" else 40)
    hats = sum(bool(row[CLOSED_HAT]) + bool(row[OPEN_HAT]) for row in level)
    rides = sum(bool(row[RIDE]) + bool(row[CRASH]) for row in level)
    most = max(hats, rides)
    dense = most >= 24 if rules.cymbals == "code" else most > 24
    made[:: 1 if dense else 2, RIDE if rides > hats else CLOSED_HAT] = 1
    return made


@pytest.mark.parametrize("rules", COMBINATIONS, ids=lambda rules: f"{rules.cymbals}-{rules.snare}-{rules.kick}")
def test_templates_follow_the_loop(rules):
    velocity, _ = many()
    np.testing.assert_array_equal(template(velocity, rules), [looped(each, rules) for each in velocity])


def test_jax_gives_what_numpy_gives_jitted_and_mapped():
    velocity, offset = many(seed=1)
    three = [TemplateRules(), TemplateRules("code", "paper", "code"), TemplateRules("paper", "code", "code")]

    @jax.jit
    def all_of(velocity: Any, offset: Any) -> Any:
        made = [template(velocity, rules) for rules in three]
        return jnp.stack(made), jax.vmap(velocity_pattern)(velocity), jax.vmap(timing_pattern)(velocity, offset)

    made, velocities, timings = all_of(velocity, offset)
    np.testing.assert_array_equal(made, [template(velocity, rules) for rules in three])
    np.testing.assert_array_equal(velocities, velocity_pattern(velocity))
    np.testing.assert_array_equal(timings, timing_pattern(velocity, offset))
    assert (made.dtype, velocities.dtype, timings.dtype) == (jnp.float32, jnp.int32, jnp.int32)
    assert template(velocity).dtype == np.float32
    assert velocity_pattern(velocity).dtype == timing_pattern(velocity, offset).dtype == np.int32
    assert set(np.unique(velocity_pattern(velocity))) == {0, 1, 2, 3, 4}
    assert set(np.unique(timing_pattern(velocity, offset))) == {0, 1, 2}


# Augmentation


def changes(made: np.ndarray, before: np.ndarray) -> tuple[bool, bool, int | None, bool]:
    """Which of the four happened to a template with everything hit: told apart by what each leaves."""
    folded = not made[:, KICK].any() and not made[:, SNARE].any() and not made[:, RIDE].any()
    if folded:
        return False, False, None, True
    silent = np.flatnonzero(~made[:, RIDE].any(axis=-1) if made.ndim > 2 else made[:, RIDE] == 0)
    blank = int(silent[0]) if len(silent) else None
    if blank is not None:
        assert silent.tolist() == list(range(blank, blank + 8))
    heard = np.setdiff1d(np.arange(32), silent)
    thin = []
    for lane in (KICK, SNARE):
        kept = np.flatnonzero(made[:, lane]).tolist()
        quarters = [step for step in heard.tolist() if step % 4 == 0]
        assert kept in (heard.tolist(), quarters)
        thin.append(kept == quarters)
    return thin[0], thin[1], blank, False


def test_each_change_befalls_a_fifth_of_the_templates_and_leaves_what_it_should():
    before = np.zeros((32, 7), np.float32)
    before[:, [KICK, SNARE, RIDE]] = 1
    n = 3000
    keys = jax.vmap(lambda slot: jax.random.fold_in(jax.random.key(0), slot))(jnp.arange(n))
    program = jax.jit(jax.vmap(augment_template))
    made = np.asarray(program(np.broadcast_to(before, (n, 32, 7)), keys))
    assert made.dtype == np.float32
    found = [changes(each, before) for each in made]
    unfolded = [each for each in found if not each[3]]
    shares = [np.mean([each[0] for each in unfolded]), np.mean([each[1] for each in unfolded])]
    shares += [np.mean([each[2] is not None for each in unfolded]), 1 - len(unfolded) / n]
    # Four standard deviations of a share of 3,000 draws are 0.03.
    np.testing.assert_allclose(shares, 0.2, atol=0.033)
    assert {each[2] for each in unfolded} - {None} == set(range(25))
    both = np.mean([each[0] and each[1] for each in unfolded])
    assert 0.02 < both < 0.06  # independent: a fifth of a fifth
    for each in made[[change[3] for change in found]]:
        assert set(np.flatnonzero(each.any(axis=0)).tolist()) == {CLOSED_HAT}

    # What happens to a template hangs on its key, not on its place in the batch, nor on the others.
    templates = template(many(n, seed=2)[0])
    order = np.random.default_rng(3).permutation(n)
    np.testing.assert_array_equal(np.asarray(program(templates, keys))[order], program(templates[order], keys[order]))
