"""The embedded set: frozen, free of duplicates, of its three genres, and composed rather than scattered."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from drumjax.patterns import MEASURE_STEPS, TR808
from drumjax.synth import rhythm
from drumjax.synth.dice import Dice
from drumjax.synth.edits import EDITS
from drumjax.synth.electro import ELECTRO
from drumjax.synth.fills import FILLS
from drumjax.synth.grammar import COUNTS, GENRES, PALETTES, compose, embedded
from drumjax.synth.idm import IDM
from drumjax.synth.techno import TECHNO

BD, SD, CH, OH, RS, CB = range(6)
SHA256 = "1626a5576cd2c7f94988e856bdfa280ba11c6ff87bbd8316063247330be572d2"


def digest(data) -> str:
    """SHA-256 of velocity, genre and group as little-endian bytes in C order."""
    result = hashlib.sha256()
    for array, dtype in zip(data, ("<u1", "<i4", "<i4"), strict=True):
        result.update(np.ascontiguousarray(array, dtype).tobytes())
    return result.hexdigest()


def of(genre: str) -> np.ndarray:
    data = embedded()
    return data.velocity[data.genre == GENRES.index(genre)]


def test_the_published_set_never_changes():
    assert digest(embedded(0)) == SHA256


def test_a_second_composition_is_the_same_and_another_seed_is_another_set():
    assert digest(embedded.__wrapped__(0)) == SHA256
    assert digest(embedded.__wrapped__(1)) != SHA256


def test_the_counts_are_those_of_table_1_in_the_order_of_the_genres():
    data = embedded()
    assert data.velocity.shape == (1782, MEASURE_STEPS, len(TR808.lanes))
    assert data.velocity.dtype == np.uint8
    assert data.genre.dtype == data.group.dtype == np.int32
    assert np.bincount(data.genre).tolist() == [608, 690, 484] == [COUNTS[genre] for genre in GENRES]
    assert np.all(np.diff(data.genre) >= 0)


def test_no_pattern_occurs_twice_and_no_onset_grid_in_two_themes():
    data = embedded()
    assert len(np.unique(data.velocity.reshape(1782, -1), axis=0)) == 1782
    onsets, first = np.unique(data.velocity.reshape(1782, -1) > 0, axis=0, return_inverse=True)
    for grid in range(len(onsets)):
        assert len(np.unique(data.group[first == grid])) == 1


def test_groups_are_consecutive_runs_of_one_to_six_patterns_of_one_genre():
    data = embedded()
    sizes = np.bincount(data.group)
    assert sizes.min() >= 1
    assert sizes.max() <= 6
    assert np.all(np.isin(np.diff(data.group), (0, 1)))
    assert all(len(set(data.genre[data.group == group])) == 1 for group in range(len(sizes)))


def test_the_set_holds_what_compose_gives_in_the_order_of_the_index():
    for genre in GENRES:
        themes = np.concatenate([compose(genre, index) for index in range(5)])
        whole = {grid.tobytes() for grid in of(genre)}
        kept = [grid for grid in themes if grid.tobytes() in whole]
        np.testing.assert_array_equal(kept, of(genre)[: len(kept)])
        assert len(kept) >= len(themes) - 2


def test_arrays_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        embedded().velocity[0, 0, 0] = 1


def test_an_unknown_genre_is_named():
    with pytest.raises(ValueError, match="'polka'"):
        compose("polka", 0)


def test_every_pattern_has_a_kick_and_something_to_go_with_it():
    hits = embedded().velocity > 0
    assert hits[..., BD].any(axis=1).all()
    assert np.all(hits[..., SD:].sum(axis=(1, 2)) >= 3)


def test_an_open_hat_always_chokes_the_closed_one():
    velocity = embedded().velocity
    assert not np.any((velocity[..., OH] > 0) & (velocity[..., CH] > 0))


def test_a_theme_keeps_to_one_palette_of_four_loudness_classes():
    data = embedded()
    for group in range(data.group.max() + 1):
        used = set(np.unique(data.velocity[data.group == group]).tolist())
        assert any(used <= set(palette) for palette in PALETTES)
    for _, ghost, soft, normal, accent in PALETTES:
        assert 30 <= ghost <= 50 < soft < 80 <= normal <= 100 < 110 <= accent <= 127


@pytest.mark.parametrize("genre", GENRES)
def test_every_lane_is_used_in_a_genre_and_no_lane_but_the_kick_in_all_of_it(genre):
    use = (of(genre) > 0).any(axis=1).mean(axis=0)
    assert use[BD] == 1
    assert np.all(use[SD:] > 0.25)
    assert np.all(use[SD:] < 0.99)


@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(C=0.1, tol=1e-2), RandomForestClassifier(50, random_state=0)],
    ids=["logistic", "forest"],
)
def test_a_plain_classifier_tells_the_genres_apart_but_not_always(classifier):
    data = embedded()
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    flat = data.velocity.reshape(1782, -1) / 127
    accuracy = np.mean(cross_val_predict(classifier, flat, data.genre, groups=data.group, cv=folds) == data.genre)
    assert 0.87 < accuracy < 0.98


def test_techno_stands_on_four_kicks_and_the_others_do_not():
    floor = {genre: np.mean((of(genre)[:, :48:4, BD] > 0).all(axis=1)) for genre in GENRES}
    assert floor["techno"] > 0.6 > 0.1 > max(floor["electro"], floor["idm"])


def test_techno_opens_the_hat_between_the_beats():
    between = {genre: np.mean(of(genre)[:, 2::4, OH] > 0) for genre in GENRES}
    assert between["techno"] > 2 * between["electro"] > 4 * between["idm"]


def test_electro_holds_the_snare_on_two_and_four_under_a_syncopated_kick():
    backbeat, off_beat = {}, {}
    for genre in GENRES:
        hits = (of(genre) > 0).reshape(-1, 4, 16, 6)
        backbeat[genre] = np.mean(hits[:, :3, [4, 12], SD].all(axis=(1, 2)))
        kicks = hits[..., BD].sum(axis=(0, 1))
        off_beat[genre] = 1 - kicks[::4].sum() / kicks.sum()
    assert backbeat["electro"] > 0.75 > backbeat["techno"] > backbeat["idm"]
    assert min(off_beat["electro"], off_beat["idm"]) > 0.5 > 2 * off_beat["techno"] > 0.3


def test_electro_has_the_cowbell_and_the_busiest_hats():
    bells = {genre: np.mean(of(genre)[..., CB] > 0) for genre in GENRES}
    hats = {genre: np.mean(of(genre)[..., CH] > 0) for genre in GENRES}
    assert bells["electro"] > 2 * max(bells["idm"], bells["techno"])
    assert hats["electro"] > 1.3 * max(hats["idm"], hats["techno"])


def test_idm_has_the_ghosts_and_changes_from_bar_to_bar():
    ghosts, repeats, kick_bars = {}, {}, {}
    for genre in GENRES:
        velocity = of(genre)
        ghosts[genre] = np.mean(velocity[velocity > 0] <= 50)
        bars = velocity.reshape(-1, 4, 16, 6) > 0
        repeats[genre] = np.mean((bars[:, 1:] == bars[:, :1]).all(axis=(2, 3)))
        kick_bars[genre] = len(np.unique(bars[..., BD].reshape(-1, 16), axis=0)) / len(velocity)
    assert ghosts["idm"] > 2 * max(ghosts["electro"], ghosts["techno"])
    assert repeats["idm"] < min(repeats["electro"], repeats["techno"])
    assert kick_bars["idm"] > kick_bars["electro"] > kick_bars["techno"]


def test_a_few_kick_bars_carry_techno_and_a_long_tail_follows():
    bars = (of("techno")[..., BD] > 0).reshape(-1, 16)
    counts = np.sort(np.unique(bars, axis=0, return_counts=True)[1])[::-1]
    assert counts[0] / counts.sum() > 0.35
    assert np.sum(counts <= 8) > len(counts) / 2


def test_variations_lie_nearer_to_each_other_than_to_other_themes():
    data = embedded()
    hits = (data.velocity.reshape(1782, -1) > 0).astype(np.float32)
    distance = hits @ (1 - hits).T
    distance += distance.T
    same_theme = (data.group[:, None] == data.group) & ~np.eye(1782, dtype=bool)
    same_genre = (data.genre[:, None] == data.genre) & (data.group[:, None] != data.group)
    other_genre = data.genre[:, None] != data.genre
    medians = [np.median(distance[pairs]) for pairs in (same_theme, same_genre, other_genre)]
    assert 3 * medians[0] < medians[1] < medians[2]


def test_bars_repeat_far_more_often_than_shuffled_steps_would():
    bars = (embedded().velocity > 0).reshape(1782, 4, 16, 6)
    shuffled = np.random.default_rng(0).permuted(bars.reshape(1782, 64, 6), axis=1).reshape(bars.shape)
    third = [np.mean((grid[:, 2] == grid[:, 0]).mean(axis=(1, 2)) > 0.95) for grid in (bars, shuffled)]
    assert third[0] > 0.6 > 0.01 > third[1]


def test_fills_and_edits_that_the_genres_name_exist_and_all_are_used():
    styles = (IDM, ELECTRO, TECHNO)
    assert {name for style in styles for name in style.fills} == set(FILLS)
    assert {name for style in styles for name in style.edits} == set(EDITS)


def test_dice_give_the_doubles_of_numpys_generator():
    key = 7 + (3 << 32) + (11 << 64)
    expected = np.random.Generator(np.random.Philox(key=key)).random(200)
    dice = Dice(7, 3, 11)
    assert [dice.real() for _ in range(200)] == expected.tolist()


def test_dice_refuse_keys_that_would_run_into_each_other():
    with pytest.raises(ValueError, match="key parts"):
        Dice(2**32)


def test_picks_follow_their_weights_and_zero_weight_never_comes():
    dice = Dice(1)
    drawn = [dice.pick({"a": 3, "b": 0, "c": 1}) for _ in range(4000)]
    assert drawn.count("b") == 0
    assert abs(drawn.count("a") / 4000 - 0.75) < 0.03
    with pytest.raises(ValueError, match="weight above 0"):
        dice.pick({"a": 0})


def test_several_draws_without_putting_back():
    dice = Dice(2)
    for _ in range(100):
        assert sorted(dice.several(dict.fromkeys(range(5), 1), 7)) == list(range(5))


@pytest.mark.parametrize(
    ("hits", "length", "rhythm_text"),
    [(3, 8, "x..x..x."), (5, 8, "x.xx.xx."), (2, 5, "x..x."), (4, 16, "x...x...x...x...")],
)
def test_euclid_gives_the_necklaces_of_the_literature(hits, length, rhythm_text):
    """Oracle: the necklaces in Toussaint's table, equal up to rotation."""
    ours = "".join(".x"[hit] for hit in rhythm.euclid(hits, length).astype(int))
    assert ours in rhythm_text * 2
    assert ours[0] == "x"


def test_contours_follow_the_metre_and_dealt_levels_the_hits():
    onsets = np.array([True, False, True, True])
    assert rhythm.contour(onsets, "Xo").tolist() == [rhythm.ACCENT, 0, rhythm.ACCENT, rhythm.SOFT]
    assert rhythm.dealt(onsets, "Xo").tolist() == [rhythm.ACCENT, 0, rhythm.SOFT, rhythm.ACCENT]


def test_loops_turn_against_the_bar_and_restart():
    layer = rhythm.loop(rhythm.figure("x.."), 32)
    assert np.flatnonzero(layer[:32]).tolist() == list(range(0, 32, 3))
    np.testing.assert_array_equal(layer[:32], layer[32:])


def test_ramps_reach_both_ends_evenly():
    assert rhythm.ramp(1, 4, 4).tolist() == [1, 2, 3, 4]
    assert rhythm.ramp(4, 1, 4).tolist() == [4, 3, 2, 1]
    assert rhythm.ramp(1, 1, 3).tolist() == [1, 1, 1]
