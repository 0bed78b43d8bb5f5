"""The embedded grooves: frozen, all different, fit for the groove models, human in time and touch, and of their six genres."""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict

from drumjax.patterns import POCKET
from drumjax.patterns.grooves import check_groove, check_window, groove_windows
from drumjax.synth.dice import Dice
from drumjax.synth.grooves import GENRES, PER_GENRE, compose, embedded
from drumjax.synth.grooves.compose import NEIGHBOURS, STYLES
from drumjax.synth.grooves.endings import FILLS
from drumjax.synth.grooves.feel import Drummer, pink, play, swung
from drumjax.synth.grooves.style import HAT, KICK, OPEN, RIDE, SNARE, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, REST

SHA256 = "386b7c2571581515cde6d9c1c3d0dd90a19c98081ecf4f65b45fdc35c2672ab5"


@functools.cache
def tracks():
    """The published set."""
    return list(embedded())


def of(genre):
    return [track for track in tracks() if track.genre == genre]


def digest(patterns) -> str:
    """SHA-256 of MIDI velocities, ticks and tempi as little-endian integers in C order."""
    result = hashlib.sha256()
    for track in patterns:
        result.update(np.rint(track.velocity * 127).astype("<u1").tobytes())
        result.update(np.rint(track.offset * 60).astype("<i1").tobytes())
        result.update(int(track.tempo_bpm).to_bytes(2, "little"))
    return result.hexdigest()


def late_ms(genre, lane, positions, most=120):
    """Mean lateness of a lane at steps modulo 4, over tracks."""
    found = []
    for track in of(genre)[:most]:
        for position in positions:
            hits = track.hits[position::4, lane]
            found.append(track.offset[position::4, lane][hits] * track.step_s * 500)
    return float(np.concatenate(found).mean())


def test_the_published_set_never_changes():
    assert digest(tracks()) == SHA256


def test_a_track_hangs_on_its_own_number_alone():
    for genre in GENRES:
        again = compose(genre, 7)
        assert again.equals(of(genre)[7])
        assert again.tempo_bpm == of(genre)[7].tempo_bpm
        assert not compose(genre, 7, seed=1).equals(again)


def test_no_two_tracks_have_the_same_notes():
    notes = {(track.steps, np.packbits(track.hits).tobytes()) for track in tracks()}
    assert len(notes) == len(tracks()) == len(GENRES) * PER_GENRE


def test_tracks_are_whole_pairs_of_bars_in_whole_midi_velocities_and_ticks():
    for track in tracks():
        assert track.drum_map == POCKET
        assert track.steps in (64, 128, 192, 256)
        midi, ticks = track.velocity * 127, track.offset * 60
        np.testing.assert_allclose(midi, np.rint(midi), atol=1e-4)
        np.testing.assert_allclose(ticks, np.rint(ticks), atol=1e-4)


def test_the_models_can_learn_from_every_track_and_nearly_every_window():
    chosen = tracks()[::8]
    assert all(check_groove(track) is None for track in chosen)
    windows = [window for track in chosen for window in groove_windows(track)]
    assert np.mean([check_window(window) is None for window in windows]) > 0.99


def test_few_windows_have_the_notes_of_a_window_of_another_track():
    owners: dict[bytes, set[str]] = {}
    for track in tracks():
        for start in range(0, track.steps - 31, 16):
            owners.setdefault(track.hits[start : start + 32].tobytes(), set()).add(track.name)
    several = [names for names in owners.values() if len(names) > 1]
    assert len(several) < 0.02 * len(owners)


def test_the_wandering_falls_like_1_over_f():
    power = np.mean([np.abs(np.fft.rfft(pink(Dice(5, number), 512))) ** 2 for number in range(400)], axis=0)
    # Between the length of the slowest noise (128 steps) and a beat.
    band = slice(4, 128)
    slope, _ = np.polyfit(np.log(np.arange(257)[band]), np.log(power[band]), 1)
    assert -1.25 < slope < -0.75
    drawn = np.concatenate([pink(Dice(6, number), 128) for number in range(400)])
    assert abs(drawn.mean()) < 0.1
    assert 0.9 < drawn.std() < 1.1


def test_swing_divides_the_beat_then_its_halves():
    np.testing.assert_allclose(swung(1, 1), [0, 1, 2, 3])
    np.testing.assert_allclose(swung(2, 1), [0, 4 / 3, 8 / 3, 10 / 3])
    np.testing.assert_allclose(swung(1, 2), [0, 4 / 3, 2, 10 / 3])


def still(**changes) -> Drummer:
    """A drummer without errors."""
    nobody = Drummer(
        tempo_bpm=120.0, eighths=1.0, sixteenths=1.0, push_ms=np.zeros(7), drift_ms=0.0, jitter_ms=0.0,
        loudness=np.array([0, 0.25, 0.45, 0.7, 1.0]), gain=np.ones(7), touch=0.0, swell=0.0,
    )  # fmt: skip
    return nobody._replace(**changes)


def test_a_shuffled_eighth_lands_early_in_the_next_cell_and_the_louder_of_two_stays():
    levels = np.zeros((8, 7), np.int8)
    levels[[0, 2, 4], HAT] = NORMAL
    levels[6, HAT], levels[7, HAT] = GHOST, ACCENT
    velocity, ticks = play(Dice(0), levels, still(eighths=2.0))
    # A triplet is 160 ticks; 320 is 40 before the step at 360. The last eighth (800) and the 16th after it (880) share step 7.
    assert np.argwhere(velocity).tolist() == [[0, HAT], [3, HAT], [4, HAT], [7, HAT]]
    assert ticks[:, HAT].tolist() == [0, 0, 0, -40, 0, 0, 0, 40]
    assert velocity[:, HAT].tolist() == [89, 0, 0, 89, 89, 0, 0, 127]


def test_lateness_is_in_milliseconds_and_nothing_is_before_the_beginning():
    levels = np.zeros((4, 7), np.int8)
    levels[:, SNARE] = NORMAL
    # At 120 BPM a tick is 1.0417 ms.
    late, early = (play(Dice(0), levels, still(push_ms=np.full(7, ms))) for ms in (25.0, -25.0))
    assert late[1][:, SNARE].tolist() == [24, 24, 24, 24]
    assert early[1][:, SNARE].tolist() == [0, -24, -24, -24]


def test_ghosts_stay_soft_and_accents_loud_whatever_the_touch():
    levels = np.zeros((256, 7), np.int8)
    levels[::2, SNARE], levels[1::2, SNARE] = GHOST, ACCENT
    velocity, _ = play(Dice(3), levels, still(touch=0.9))
    assert velocity[::2, SNARE].max() <= 0.42 * 127 + 1
    assert velocity[1::2, SNARE].min() >= 0.6 * 127 - 1
    assert velocity[:, SNARE].max() == 127


def test_hints_fill_rests_only_and_chances_decide_how_often():
    theme = Theme()
    theme.both(SNARE, (4, 12), ACCENT)
    theme.hint(SNARE, {4: 0.5, 7: 0.5}, GHOST, 0.4)
    assert theme.levels[:, SNARE].nonzero()[0].tolist() == [4, 7, 12, 20, 23, 28]
    assert theme.levels[4, SNARE] == ACCENT
    assert theme.chance[[4, 7, 23], SNARE].tolist() == [1.0, 0.2, 0.2]


@pytest.mark.parametrize("name", sorted(FILLS))
def test_a_fill_changes_the_end_of_a_bar_and_not_its_first_half(name):
    for number in range(30):
        bar = np.zeros((16, 7), np.int8)
        bar[::2, HAT], bar[::4, KICK], bar[4::8, SNARE] = NORMAL, NORMAL, ACCENT
        before = bar.copy()
        FILLS[name](Dice(number), bar)
        assert np.array_equal(bar[:8], before[:8])
        assert not np.array_equal(bar[8:], before[8:])
        assert bar.min() >= REST
        assert bar.max() <= ACCENT


def test_every_weight_names_something_that_exists():
    for style in STYLES.values():
        assert set(style.weights) == set(style.manners)
        assert set(style.fills) <= set(FILLS)
    assert set(NEIGHBOURS) == set(STYLES) == set(GENRES)
    assert all(set(others) <= set(GENRES) for others in NEIGHBOURS.values())


def test_an_open_hat_is_no_closed_one_before_it_is_played():
    # Played strokes may meet in a cell by their lateness alone.
    both = [np.mean(track.hits[:, HAT] & track.hits[:, OPEN]) for track in of("electronic")]
    assert np.mean(both) < 0.002


def test_an_unknown_genre_is_named():
    with pytest.raises(ValueError, match="'polka'"):
        compose("polka", 0)


def test_ghost_notes_are_funks():
    def softness(genre):
        snares = np.concatenate([track.velocity[track.hits[:, SNARE], SNARE] for track in of(genre)])
        return np.mean(snares < 0.3), len(snares) / sum(track.steps / 16 for track in of(genre))

    share, number = zip(*(softness(genre) for genre in ("funk", "hiphop", "electronic")), strict=True)
    assert share[0] > 1.5 * share[1] > 1.5 * share[2]
    assert number[0] > 1.4 * number[1]


def test_jazz_and_blues_swing_their_eighths_and_the_others_do_not():
    def swings(genre):
        """The share of cymbal strokes between the beats that stand near two thirds of it."""
        third = total = 0
        for track in of(genre):
            when = (np.arange(track.steps)[:, None] + 0.5 * track.offset)[:, [HAT, OPEN, RIDE]]
            place = when[track.hits[:, [HAT, OPEN, RIDE]]] % 4
            between = (place > 1.6) & (place < 3.4)
            third += np.sum(np.abs(place[between] - 8 / 3) < 0.3)
            total += between.sum()
        return third / total

    swung_shares = {genre: swings(genre) for genre in GENRES}
    assert min(swung_shares["jazz"], swung_shares["blues"]) > 0.5
    assert max(swung_shares["rock"], swung_shares["electronic"]) < 0.2


def test_hip_hop_lays_its_backbeat_back_and_funk_pushes():
    behind = {genre: late_ms(genre, SNARE, (0,)) - late_ms(genre, HAT, (0,)) for genre in ("hiphop", "electronic")}
    assert behind["hiphop"] > 8 > 4 > abs(behind["electronic"])
    assert late_ms("funk", HAT, (0, 2)) < -8


def test_sixteenths_swing_most_in_hip_hop():
    lag = {genre: late_ms(genre, HAT, (1, 3)) - late_ms(genre, HAT, (0, 2)) for genre in ("hiphop", "funk", "rock")}
    assert lag["hiphop"] > lag["funk"] > lag["rock"]
    assert lag["hiphop"] > 12


def test_a_plain_classifier_tells_the_genres_apart_but_not_always():
    chosen = [track for genre in GENRES for track in of(genre)[:100]]
    windows = [track.window(32, 32) for track in chosen]
    known = np.array([np.concatenate([w.hits, w.velocity, w.offset], axis=None) for w in windows])
    genre = np.array([track.genre for track in chosen])
    forest = RandomForestClassifier(60, random_state=0)
    assert 0.7 < np.mean(cross_val_predict(forest, known, genre, cv=4) == genre) < 0.95
