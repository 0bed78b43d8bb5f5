"""Grooves out of tracks: windows, what is kept, genres of styles, fills, and which note of a cell stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drumjax.patterns import POCKET, Pattern, concatenate, read_midi_pattern
from drumjax.patterns.grooves import (
    GENRE_ALIASES,
    KeepRules,
    check_groove,
    check_window,
    genre_of_style,
    groove_windows,
    is_fill,
)
from drumjax.patterns.templates import CLOSED_HAT, KICK, SNARE, TOM


def track(steps: int, hits: dict[int, tuple[int, ...]] | None = None, genre: str = "rock") -> Pattern:
    """A track with a hit of each lane in `hits[step]`; by default kick, snare and hat in every quarter."""
    grid = np.zeros((steps, 7), np.float32)
    for step, lanes in (dict.fromkeys(range(0, steps, 4), (KICK, SNARE, CLOSED_HAT)) if hits is None else hits).items():
        grid[step, list(lanes)] = (1 + step) / 127
    return Pattern.from_grid(grid, drum_map=POCKET, genre=genre, tempo_bpm=90)


def firsts(pattern: Pattern) -> list[int]:
    """At which step of the track each window begins, told by the first velocity in it."""
    return [round(float(window.velocity[window.hits][0]) * 127) - 1 for window in groove_windows(pattern)]


def test_windows_are_two_bars_one_bar_apart():
    assert firsts(track(80)) == [0, 16, 32, 48]
    for k, window in enumerate(groove_windows(track(80))):
        assert window.equals(track(80).window(16 * k, 32))
        assert (window.tempo_bpm, window.genre) == (90, "rock")


def test_two_bars_are_one_window_and_one_bar_is_repeated():
    assert [window.equals(track(32)) for window in groove_windows(track(32))] == [True]
    (window,) = groove_windows(track(16))
    assert window.equals(concatenate([track(16), track(16)]))


def test_a_track_is_filled_up_to_whole_bars_before_it_is_repeated():
    (window,) = groove_windows(track(12))
    assert np.flatnonzero(window.hits[:, KICK]).tolist() == [0, 4, 8, 16, 20, 24]
    assert len(groove_windows(track(40))) == 2
    assert not groove_windows(track(40))[1].hits[24:].any()


def test_a_last_stroke_is_no_bar():
    """A bar with hits in its first quarter alone is left out, unless it is one of the two that a window needs."""
    assert len(groove_windows(track(48, {0: (KICK,), 20: (SNARE,), 32: (KICK,), 35: (KICK,)}))) == 1
    assert len(groove_windows(track(48, {0: (KICK,), 20: (SNARE,), 36: (KICK,)}))) == 2
    (window,) = groove_windows(track(32, {0: (KICK,), 16: (SNARE,)}))
    assert np.argwhere(window.hits).tolist() == [[0, KICK], [16, SNARE]]


def test_no_window_of_nothing():
    with pytest.raises(ValueError, match="at least 1 step, found none"):
        groove_windows(track(0))
    with pytest.raises(ValueError, match="windows and hops"):
        groove_windows(track(32), hop=0)


TEN = dict.fromkeys(range(0, 12, 4), (KICK, SNARE, CLOSED_HAT)) | {15: (KICK,)}
"""Ten hits of three lanes."""


@pytest.mark.parametrize(
    ("hits", "genre", "found"),
    [
        (TEN, "rock", None),
        (TEN | {15: ()}, "rock", "9"),
        (dict.fromkeys(range(5), (KICK, SNARE)), "rock", "2"),
        (dict.fromkeys(range(5), (KICK, TOM, CLOSED_HAT)), "rock", "no snare"),
        (dict.fromkeys(range(5), (SNARE, TOM, CLOSED_HAT)), "blues", "no kick"),
        (dict.fromkeys(range(5), (TOM, 5, CLOSED_HAT)), "jazz", None),
        (dict.fromkeys(range(5), (TOM, CLOSED_HAT)), "jazz", "2"),
    ],
)
def test_a_track_needs_ten_hits_three_lanes_kick_and_snare_but_in_jazz(hits, genre, found):
    fault = check_groove(track(32, hits, genre))
    assert (fault and fault.found) == found


def test_a_window_needs_the_lanes_again_and_not_the_hits():
    assert check_window(track(32, {0: (KICK, SNARE, TOM)})) is None
    fault = check_window(track(32, {0: (KICK, CLOSED_HAT, TOM)}))
    assert fault is not None
    assert fault.rule == "a window with a snare (not asked of jazz)"


def test_another_metre_is_no_groove():
    fault = check_groove(replace(track(24, dict.fromkeys(range(24), (KICK, SNARE, TOM))), metre=(3, 4)))
    assert fault is not None
    assert (fault.rule, fault.found) == ("a pattern in 4/4", "3/4")


def test_rules_can_be_stricter_but_not_senseless():
    assert check_groove(track(32, TEN), KeepRules(least_hits=11)) is not None
    assert check_groove(track(32, TEN), KeepRules(least_lanes=4)) is not None
    with pytest.raises(ValueError, match="1 to 7 lanes"):
        KeepRules(least_lanes=8)


@pytest.mark.parametrize(
    ("style", "genre"),
    [
        ("rock", "rock"), ("rock/indie", "rock"), ("Rock Ballads", "rock"), ("jazz/funk", "jazz"), ("funk/latin", "funk"),
        ("neworleans/funk", "neworleans"), ("New Orleans", "neworleans"), ("hip-hop", "hiphop"), ("Trap", "hiphop"),
        ("Drum & Bass", "electronic"), ("Drum &amp; Bass", "electronic"), ("DnB_170", "electronic"), ("Old Skool", "electronic"),
        ("latin/brazilian-samba", "latin"), ("rockabilly", None), ("", None), ("drummer1", None), ("my own", None),
        ("Deep House", "electronic"), ("slow blues", "blues"), ("Old School Hip Hop", "hiphop"), ("latin jazz", "latin"),
        ("Chicago R&B", "soul"), ("Power Rock GM", None),
    ],
)  # fmt: skip
def test_styles_mean_genres(style, genre):
    assert genre_of_style(style) == genre


def test_a_genre_of_one_s_own_stands_for_itself():
    assert genre_of_style("My Own/slow", ["my own"]) == "my own"
    assert genre_of_style("演歌 (slow)", ["演歌", "民謡"]) == "演歌"
    assert genre_of_style("FORRO\u0301", ["forró"]) == "forró"  # however the accent is written
    assert genre_of_style("forro", ["forró"]) is None


def test_no_alias_means_two_genres_and_every_genre_means_itself():
    tags = [tag for tags in GENRE_ALIASES.values() for tag in tags]
    assert len(set(tags)) == len(tags)
    assert all(genre_of_style(genre) == genre for genre in GENRE_ALIASES)
    assert {"electronic", "rock", "funk", "jazz", "blues", "hiphop"} <= set(GENRE_ALIASES)


def test_a_fill_is_known_by_its_name_or_its_table():
    assert is_fill("drummer1/session1/10_jazz-funk_116_fill_4-4.mid")
    assert is_fill("Fills/a.mid")
    assert is_fill("a.mid", "fill")
    assert is_fill("a.mid", "Fill-in")
    assert not is_fill("a.mid", "beat")


def notes(tmp_path, *events: tuple[int, int]) -> str:
    """A file of snare notes at 480 ticks a quarter: (tick, velocity)."""
    import mido

    messages, now = [], 0
    for tick, velocity in events:
        messages.append(mido.Message("note_on", channel=9, note=38, velocity=velocity, time=tick - now))
        now = tick
    mido.MidiFile(ticks_per_beat=480, tracks=[mido.MidiTrack(messages)]).save(tmp_path / "a.mid")
    return str(tmp_path / "a.mid")


@pytest.mark.parametrize(
    ("events", "louder", "first"),
    [
        (((470, 50), (490, 90)), (90, 10), (50, -10)),
        (((470, 90), (490, 50)), (90, -10), (90, -10)),
        (((460, 70), (485, 70)), (70, 5), (70, -20)),
        (((470, 50), (470, 80)), (80, -10), (80, -10)),
    ],
)
def test_of_several_notes_in_a_cell_the_louder_stays_or_the_first(events, louder, first, tmp_path):
    path = notes(tmp_path, *events)
    for cell, (velocity, ticks) in (("louder", louder), ("first", first)):
        pattern, report = read_midi_pattern(path, drum_map=POCKET, cell=cell)
        assert round(float(pattern.velocity[4, SNARE]) * 127) == velocity
        assert float(pattern.offset[4, SNARE]) * 60 == pytest.approx(ticks)
        assert report.merged == 1
