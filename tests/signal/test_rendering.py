"""Rendering against closed forms: impulses where the metre says, sums where convolution says, chokes without clicks."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import oaconvolve

from drumjax.patterns import TR808, Pattern
from drumjax.signal.rendering import CEILING, HEADROOM, Kit, equal_power_crossfade, render, render_crossfade, velocity_gain
from drumjax.synth.tr808 import kit_for

RATE = 44_100
LANES = TR808.lanes
BD, SD, CH, OH, RS, CB = range(6)


def impulses(**options) -> Kit:
    """Every lane is one sample of 0.5."""
    return Kit(samples={lane: np.array([0.5]) for lane in LANES}, sample_rate_hz=RATE, **options)


def sines(chokes=(), seconds: float = 0.5) -> Kit:
    """Every lane is a sine of its own pitch under a half-wave: zero at both ends."""
    t = np.arange(round(seconds * RATE)) / RATE
    shape = np.sin(np.pi * t / seconds)
    return Kit({lane: 0.1 * shape * np.sin(2 * np.pi * 110 * (i + 1) * t) for i, lane in enumerate(LANES)}, RATE, chokes)


def pattern(hits: dict[tuple[int, int], float], *, offset: dict[tuple[int, int], float] | None = None, **fields) -> Pattern:
    """64 steps with velocities at (step, lane)."""
    velocity = np.zeros((64, 6), np.float32)
    offsets = np.zeros((64, 6), np.float32)
    for cell, value in hits.items():
        velocity[cell] = value
    for cell, value in (offset or {}).items():
        offsets[cell] = value
    return Pattern(hits=velocity > 0, velocity=velocity, offset=offsets, **fields)


def random_pattern(seed: int, density: float = 0.2) -> Pattern:
    generator = np.random.default_rng(seed)
    hits = generator.random((64, 6)) < density
    velocity = np.where(hits, generator.uniform(0.1, 1, (64, 6)), 0)
    return Pattern(hits=hits, velocity=velocity, offset=np.where(hits, generator.uniform(-1, 0.99, (64, 6)), 0))


def test_hits_fall_on_exactly_the_samples_of_the_metre_over_128_measures():
    """A 16th at 129 BPM is 5127.906… samples; the oracle counts in integers: 60 · 44,100 · k / (129 · 4), rounded."""
    performance = [pattern({(step, BD): 1.0 for step in range(64)})] * 128
    sound = render(performance, impulses())
    expected = [(2 * 60 * RATE * k + 129 * 4) // (2 * 129 * 4) for k in range(64 * 128)]
    np.testing.assert_array_equal(np.flatnonzero(sound), expected)
    np.testing.assert_allclose(sound[expected], 0.5 * HEADROOM, rtol=1e-6)


def test_the_length_is_that_of_the_steps_and_the_tail():
    six = [pattern({(0, BD): 1.0})] * 6
    assert len(render(six, impulses(), tail_s=0.5)) == round(6 * 64 * 15 / 129 * RATE) + round(0.5 * RATE)
    assert len(render(six[0], impulses(), tail_s=0.0)) == round(64 * 15 / 129 * RATE)


def test_each_pattern_keeps_its_own_tempo():
    slow, fast = pattern({(0, BD): 1.0, (63, BD): 1.0}, tempo_bpm=60.0), pattern({(1, BD): 1.0}, tempo_bpm=150.0)
    sound = render([slow, fast], impulses())
    assert np.flatnonzero(sound).tolist() == [0, round(63 * 0.25 * RATE), round((16 + 0.1) * RATE)]


def test_offsets_move_hits_by_half_steps():
    late = pattern({(4, BD): 1.0, (8, SD): 1.0, (0, RS): 1.0}, offset={(4, BD): 0.5, (8, SD): -1.0, (0, RS): -0.5}, tempo_bpm=120.0)
    step = 0.125 * RATE
    assert np.flatnonzero(render(late, impulses())).tolist() == [0, round(4.25 * step), round(7.5 * step)]


def test_an_early_first_step_of_a_later_pattern_sounds_before_the_bar():
    early = pattern({(0, BD): 1.0}, offset={(0, BD): -0.5}, tempo_bpm=120.0)
    assert np.flatnonzero(render([early, early], impulses())).tolist() == [0, round(63.75 * 0.125 * RATE)]


def test_gain_is_forty_log_of_velocity():
    velocities = np.array([1 / 127, 0.25, 0.5, 100 / 127, 1.0])
    np.testing.assert_allclose(20 * np.log10(velocity_gain(velocities)), 40 * np.log10(velocities), atol=1e-12)
    sound = render(pattern({(0, BD): 0.5, (4, BD): 1.0}), impulses())
    np.testing.assert_allclose(sound[sound != 0], [0.25 * 0.5 * HEADROOM, 0.5 * HEADROOM], rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_without_chokes_a_rendering_is_a_sum_of_convolutions(seed):
    kit, played = sines(), random_pattern(seed)
    sound = render(played, kit, tail_s=2.0)
    expected = np.zeros(len(sound))
    onsets = np.maximum(np.rint(played.onsets_s() * RATE), 0).astype(int)
    for index, lane in enumerate(LANES):
        train = np.zeros(len(sound))
        np.add.at(train, onsets[played.hits[:, index], index], played.velocity[played.hits[:, index], index].astype(float) ** 2)
        expected += oaconvolve(train, kit.samples[lane].astype(float))[: len(train)]
    assert np.abs(expected).max() * HEADROOM < CEILING
    np.testing.assert_allclose(sound, HEADROOM * expected, atol=2e-6)


def test_no_hits_are_silence():
    sound = render(pattern({}), kit_for(TR808))
    assert len(sound) == round(64 * 15 / 129 * RATE) + RATE
    assert not sound.any()


def test_a_closed_hat_ends_the_open_one_within_four_milliseconds():
    kit = Kit({"OH": 0.2 * np.ones(RATE), "CH": np.array([0.0, 0.0])}, RATE, ((("CH", "OH"), ("OH",)),))
    sound = render(pattern({(0, OH): 1.0, (4, CH): 1.0}), kit)
    strike = round(4 * 15 / 129 * RATE)
    fade = round(0.004 * RATE)
    np.testing.assert_allclose(sound[strike - 100 : strike], 0.2 * HEADROOM, rtol=1e-6)
    expected = 0.2 * HEADROOM * (0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / fade))
    np.testing.assert_allclose(sound[strike : strike + fade], expected, atol=1e-7)
    assert not sound[strike + fade :].any()


def test_chokes_leave_no_step_in_the_sound():
    """A cut at full level would jump by 0.1; a raised cosine of 4 ms over a level of 0.1 moves by 0.1 · π / (2 · 176) a sample."""
    kit = Kit({"OH": 0.2 * np.ones(RATE), "CH": np.array([0.0, 0.0])}, RATE, ((("CH", "OH"), ("OH",)),))
    played = pattern({(step, OH): 1.0 for step in range(2, 64, 8)} | {(step, CH): 1.0 for step in range(5, 64, 8)})
    sound = render(played, kit)
    starts = np.rint(played.onsets_s()[played.hits[:, OH], OH] * RATE).astype(int)
    jumps = np.abs(np.diff(sound))
    for start in starts:  # the fade-in of the flat test sound itself
        jumps[start - 1 : start + 40] = 0
    assert jumps.max() < 1.01 * 0.1 * np.pi / (2 * 176)


def test_hats_struck_together_do_not_choke_each_other():
    kit = Kit({"OH": 0.2 * np.ones(2000), "CH": np.array([0.0, 0.0])}, RATE, ((("CH",), ("OH",)),))
    alone, together = (render(pattern(dict.fromkeys(cells, 1.0)), kit) for cells in ([(0, OH)], [(0, OH), (0, CH)]))
    np.testing.assert_array_equal(alone, together)


def test_a_choke_across_the_bar_line_of_two_patterns_works():
    kit = Kit({"OH": 0.2 * np.ones(RATE), "CH": np.array([0.0, 0.0])}, RATE, ((("CH",), ("OH",)),))
    sound = render([pattern({(62, OH): 1.0}), pattern({(0, CH): 1.0})], kit)
    assert not sound[round(64 * 15 / 129 * RATE) + 200 :].any()


def test_other_lanes_are_not_choked():
    kit = sines(chokes=((("CH",), ("OH",)),))
    with_hat, without = (render(pattern({(0, BD): 1.0, **extra}), kit) for extra in ({(2, CH): 1.0}, {}))
    hat = render(pattern({(2, CH): 1.0}), kit)
    np.testing.assert_allclose(with_hat, without + hat, atol=1e-7)


def test_a_loud_mix_is_scaled_to_the_ceiling_and_a_quiet_one_left_alone():
    loud = Kit({lane: 0.9 * np.sin(np.arange(4410) / 20) for lane in LANES}, RATE)
    played = pattern({(0, lane): 1.0 for lane in range(6)})
    sound = render(played, loud)
    assert np.abs(sound).max() == pytest.approx(10 ** (-1 / 20), rel=1e-6)
    quiet = render(pattern({(0, BD): 1.0}), loud)
    assert np.abs(quiet).max() == pytest.approx(0.45, rel=1e-3)


@pytest.mark.parametrize("genre", ["idm", "electro", "techno"])
def test_embedded_patterns_on_the_machine_are_loud_enough_and_never_clip(genre):
    from drumjax.synth.grammar import GENRES, embedded

    data = embedded()
    grids = data.velocity[data.genre == GENRES.index(genre)][::40] / np.float32(127)
    for grid in grids:
        sound = render(Pattern.from_grid(grid), kit_for(TR808))
        assert 0.2 < np.abs(sound).max() <= CEILING
        assert -40 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -10
        assert abs(sound.mean()) < 1e-3
        assert sound[-1] == 0


@pytest.mark.parametrize("lane", range(6), ids=LANES)
def test_the_onsets_of_each_voice_can_be_heard_where_the_pattern_has_them(lane):
    """Oracle: librosa's onset detection; it needs a silence before the first onset and answers within two of its hops of 2.9 ms."""
    import librosa

    steps = [0, 6, 10, 16, 22, 28, 32, 38, 42, 48, 54, 60]
    sound = np.pad(render(pattern({(step, lane): 1.0 for step in steps}), kit_for(TR808)), (RATE // 2, 0))
    found = librosa.onset.onset_detect(y=sound, sr=RATE, units="time", hop_length=128) - 0.5
    np.testing.assert_allclose(found, np.array(steps) * 15 / 129, atol=0.006)


def test_kits_fade_edges_that_are_not_zero_and_leave_the_rest():
    flat = np.ones(RATE, np.float32)
    faded = Kit({"BD": flat}, RATE).samples["BD"]
    assert faded[0] == 0
    assert faded[-1] == 0
    assert np.all(faded[30:-140] == 1)
    assert np.abs(np.diff(faded)).max() < 0.08
    assert np.all(flat == 1)
    clean = np.sin(np.pi * np.arange(1001) / 1000) * np.sin(np.arange(1001))
    np.testing.assert_array_equal(Kit({"BD": clean}, RATE).samples["BD"], clean.astype(np.float32))


@pytest.mark.parametrize("bad", [np.zeros(0), np.zeros((10, 2)), np.array([0.0, np.nan])], ids=["empty", "stereo", "nan"])
def test_kits_refuse_what_is_no_sound(bad):
    with pytest.raises(ValueError, match="lane BD"):
        Kit({"BD": bad}, RATE)


def test_a_sample_longer_than_the_tail_is_faded_at_the_end():
    sound = render(pattern({(63, OH): 1.0}), Kit({"OH": 0.2 * np.ones(3 * RATE)}, RATE), tail_s=0.1)
    assert sound[-1] == 0
    assert sound[-200] > 0.09
    assert np.abs(np.diff(sound[-300:])).max() < 0.002


def test_hits_without_a_sound_are_errors_or_if_known_reported():
    played = pattern({(0, BD): 1.0, (4, CB): 1.0, (8, CB): 1.0})
    with pytest.raises(ValueError, match="lane CB has 2 hits"):
        render(played, Kit({"BD": np.array([0.5])}, RATE))
    with pytest.warns(UserWarning, match=r"CB \(2 hits\)"):
        sound = render(played, Kit({"BD": np.array([0.5])}, RATE, silent=("CB",)))
    assert np.count_nonzero(sound) == 1


def test_no_patterns_and_a_negative_tail_are_errors():
    with pytest.raises(ValueError, match="at least one pattern"):
        render([], impulses())
    with pytest.raises(ValueError, match="tail"):
        render(pattern({}), impulses(), tail_s=-1.0)


def test_equal_power_keeps_the_power_of_unrelated_sounds():
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((2, 200_000))
    mixed = equal_power_crossfade(a, b)
    assert mixed.dtype == np.float32
    for part in np.split(mixed, 10):
        assert np.mean(part**2) == pytest.approx(1, abs=0.05)


def test_equal_power_gains_square_to_one_and_begin_and_end_pure():
    ones, zeros = np.ones((1000, 2)), np.zeros((1000, 2))
    falling, rising = equal_power_crossfade(ones, zeros), equal_power_crossfade(zeros, ones)
    np.testing.assert_allclose(falling**2 + rising**2, 1, atol=1e-6)
    np.testing.assert_allclose([falling[0, 0], falling[-1, 0], rising[0, 0], rising[-1, 0]], [1, 0, 0, 1], atol=1e-7)
    np.testing.assert_allclose(falling[:, 0], np.cos(np.linspace(0, np.pi / 2, 1000)), atol=1e-6)


def test_a_crossfade_of_two_lengths_is_an_error():
    with pytest.raises(ValueError, match=r"\(3,\) and \(4,\)"):
        equal_power_crossfade(np.zeros(3), np.zeros(4))


def test_an_audio_crossfade_begins_as_the_start_and_ends_as_the_goal():
    start, goal = pattern({(step, BD): 1.0 for step in range(0, 64, 4)}), pattern({(step, SD): 1.0 for step in range(0, 64, 4)})
    kit = Kit({"BD": np.array([0.5]), "SD": np.array([0.0, 0.5])}, RATE)
    sound = render_crossfade(start, goal, 6, kit)
    assert len(sound) == len(render([start] * 6, kit))
    onsets = np.rint(np.arange(0, 6 * 64, 4) * 15 / 129 * RATE).astype(int)
    angle = np.linspace(0, np.pi / 2, round(6 * 64 * 15 / 129 * RATE))
    np.testing.assert_allclose(sound[onsets], 0.5 * HEADROOM * np.cos(angle[onsets]), atol=1e-6)
    np.testing.assert_allclose(sound[onsets + 1], 0.5 * HEADROOM * np.sin(angle[onsets + 1]), atol=1e-6)


def test_the_goal_of_an_audio_crossfade_takes_the_tempo_of_the_start():
    start = pattern({(0, BD): 1.0}, tempo_bpm=120.0)
    kit = impulses()
    same = render_crossfade(start, replace(start, tempo_bpm=90.0), 2, kit)
    np.testing.assert_array_equal(same, render_crossfade(start, start, 2, kit))


def test_an_audio_crossfade_needs_a_measure_and_one_length():
    start = pattern({(0, BD): 1.0})
    with pytest.raises(ValueError, match="at least 1 measure"):
        render_crossfade(start, start, 0, impulses())
    with pytest.raises(ValueError, match="64 and 32 steps"):
        render_crossfade(start, start.window(0, 32), 2, impulses())


def test_six_measures_render_in_well_under_a_tenth_of_a_second():
    from drumjax.synth.grammar import embedded

    kit = kit_for(TR808)
    performance = [Pattern.from_grid(grid / np.float32(127)) for grid in embedded().velocity[700:706]]
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        render(performance, kit)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.1


def test_an_audio_crossfade_of_any_length_has_the_gains_of_its_closed_form():
    """Longer than the parts in which it is made; the oracle makes the whole at once, bit for bit."""
    generator = np.random.default_rng(3)
    a, b = generator.uniform(-1, 1, (2, 300_001)).astype(np.float32)
    angle = np.linspace(0, np.pi / 2, len(a))
    expected = (np.cos(angle) * a + np.sin(angle) * b).astype(np.float32)
    np.testing.assert_array_equal(equal_power_crossfade(a, b), expected)
    np.testing.assert_array_equal(equal_power_crossfade(a[:1], b[:1]), a[:1])


def test_hits_go_round_the_takes_of_their_lane_in_the_order_of_time():
    """Impulses of different heights tell the takes apart; the other lane goes round its own two."""
    kit = Kit(
        {"BD": np.array([0.1]), "SD": np.array([0.5])}, RATE,
        takes={"BD": [np.array([0.2]), np.array([0.3])], "SD": [np.array([0.6])]},
    )  # fmt: skip
    played = pattern({(step, BD): 1.0 for step in (0, 2, 3, 9, 10, 40, 63)} | {(step, SD): 1.0 for step in (5, 6, 7)})
    sound = render([played, played], kit)
    onsets = np.rint((played.onsets_s()[:, :1] + np.array([0, played.duration_s])) * RATE).astype(int)
    heard = [sound[onsets[step, measure]] / HEADROOM for measure in (0, 1) for step in (0, 2, 3, 9, 10, 40, 63)]
    np.testing.assert_allclose(heard, [0.1, 0.2, 0.3] * 4 + [0.1, 0.2], rtol=1e-6)
    heard = [sound[onsets[step, measure]] / HEADROOM for measure in (0, 1) for step in (5, 6, 7)]
    np.testing.assert_allclose(heard, [0.5, 0.6] * 3, rtol=1e-6)


def test_takes_are_faded_and_checked_like_samples():
    kit = Kit({"BD": np.array([0.5])}, RATE, takes={"BD": [np.ones(RATE)]})
    assert kit.sounds("BD")[1][0] == 0
    assert not kit.sounds("BD")[1].flags.writeable
    with pytest.raises(ValueError, match="lane BD"):
        Kit({"BD": np.array([0.5])}, RATE, takes={"BD": [np.zeros(0)]})
    with pytest.raises(ValueError, match=r"\['SD'\]"):
        Kit({"BD": np.array([0.5])}, RATE, takes={"SD": [np.array([0.5])]})


def test_no_two_strokes_of_the_machine_in_a_row_are_the_same_where_it_has_takes():
    """And with one take, the default, all are."""
    played = pattern({(step, SD): 1.0 for step in range(0, 64, 8)}, tempo_bpm=60.0)
    strokes = {}
    for takes in (1, 4):
        sound = render(played, kit_for(TR808, takes=takes))
        strokes[takes] = [sound[first : first + RATE // 3] for first in range(0, len(sound) - RATE, 2 * RATE)]
    assert all(np.array_equal(stroke, strokes[1][0]) for stroke in strokes[1])
    for here, there in zip(strokes[4], strokes[4][1:], strict=False):
        assert np.corrcoef(here, there)[0, 1] < 0.9
    np.testing.assert_array_equal(strokes[4][0], strokes[4][4])
    np.testing.assert_array_equal(strokes[4][0], strokes[1][0])
