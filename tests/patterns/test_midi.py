"""Reading against bytes typed by hand, a plain double loop and mido's own times; writing against reading."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drumjax.boundary import InputError
from drumjax.patterns import BUILT_IN, GM, TR808, DrumMap, Pattern, read_midi_pattern, require_metre, write_midi
from drumjax.provenance import provenance

ON, OFF = 0x99, 0x89
END = b"\x00\xff\x2f\x00"


def delta(ticks: int) -> bytes:
    """A variable-length number, written out by hand."""
    out = bytes([ticks & 0x7F])
    while ticks := ticks >> 7:
        out = bytes([ticks & 0x7F | 0x80]) + out
    return out


def event(ticks: int, *data: int) -> bytes:
    return delta(ticks) + bytes(data)


def tempo(ticks: int, microseconds: int) -> bytes:
    return event(ticks, 0xFF, 0x51, 3) + microseconds.to_bytes(3, "big")


def metre(ticks: int, beats: int, power: int) -> bytes:
    return event(ticks, 0xFF, 0x58, 4, beats, power, 24, 8)


def song(*tracks: bytes, kind: int = 0, division: int = 480, declared: int | None = None) -> bytes:
    count = len(tracks) if declared is None else declared
    header = b"MThd" + (6).to_bytes(4, "big") + b"".join(n.to_bytes(2, "big") for n in (kind, count, division))
    return header + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in tracks)


@pytest.fixture
def read(tmp_path):
    """Reads bytes as a file."""

    def read(data: bytes, **options):
        path = tmp_path / "song.mid"
        path.write_bytes(data)
        return read_midi_pattern(path, **options)

    return read


def cells(pattern: Pattern) -> dict[tuple[int, str], tuple[int, float]]:
    """{(step, lane): (MIDI velocity, offset)} of the hits."""
    return {
        (int(step), pattern.drum_map.lanes[lane]): (
            round(float(pattern.velocity[step, lane]) * 127),
            round(float(pattern.offset[step, lane]), 6),
        )
        for step, lane in zip(*np.nonzero(pattern.hits), strict=True)
    }


def test_running_status_is_followed(read):
    track = event(0, ON, 36, 100) + event(120, 36, 0) + event(120, 42, 64) + event(120, 42, 0) + event(0, 38, 127) + END
    pattern, report = read(song(track))
    assert cells(pattern) == {(0, "BD"): (100, 0), (2, "CH"): (64, 0), (3, "SD"): (127, 0)}
    assert (pattern.steps, report.notes, report.channel) == (16, 3, 10)


def test_running_status_survives_a_meta_event_in_between(read):
    # Forbidden by the standard, written by some programs and read by all.
    pattern, _ = read(song(event(0, ON, 36, 100) + tempo(0, 500_000) + event(120, 38, 90) + END))
    assert cells(pattern) == {(0, "BD"): (100, 0), (1, "SD"): (90, 0)}


def test_note_on_of_velocity_0_is_no_hit(read):
    pattern, report = read(song(event(0, ON, 36, 100) + event(240, ON, 36, 0) + END))
    assert list(cells(pattern)) == [(0, "BD")]
    assert report.notes == 1


@pytest.mark.parametrize("division", [1, 24, 96, 97, 333, 480, 960, 32767])
def test_the_same_beats_are_read_at_any_resolution(read, division):
    track = event(0, ON, 36, 100) + event(division, ON, 38, 90) + event(division, ON, 36, 80) + event(division, ON, 38, 70) + END
    pattern, report = read(song(track, division=division))
    assert cells(pattern) == {(0, "BD"): (100, 0), (4, "SD"): (90, 0), (8, "BD"): (80, 0), (12, "SD"): (70, 0)}
    assert report.ticks_per_quarter == division


def test_format_1_tracks_sound_together(read):
    conductor = tempo(0, 400_000) + END
    kick = event(0, ON, 36, 100) + event(480, ON, 36, 100) + END
    snare = event(240, ON, 38, 90) + END
    pattern, report = read(song(conductor, kick, snare, kind=1))
    assert cells(pattern) == {(0, "BD"): (100, 0), (2, "SD"): (90, 0), (4, "BD"): (100, 0)}
    assert pattern.tempo_bpm == 150
    assert (report.midi_format, report.tracks) == (1, 3)


def test_format_2_tracks_follow_each_other_from_bar_to_bar(read):
    first = tempo(0, 400_000) + event(0, ON, 36, 100) + event(1000, ON, 38, 90) + END
    melody = event(0, 0x90, 60, 100) + event(7680, 0x90, 61, 100) + END
    second = tempo(0, 600_000) + event(120, ON, 42, 80) + END
    pattern, report = read(song(first, melody, second, kind=2))
    assert cells(pattern) == {(0, "BD"): (100, 0), (8, "SD"): (90, round(40 / 60, 6)), (17, "CH"): (80, 0)}
    assert (pattern.steps, pattern.tempo_bpm, report.tempo_changes) == (32, 150, 0)


def test_offsets_are_half_steps_in_minus_1_to_1(read):
    # A step is 120 ticks: 59 late, 60 late (which is as early as can be for the next step), 61 late.
    track = event(59, ON, 36, 1) + event(120 + 1, ON, 38, 127) + event(120 + 1, ON, 42, 64) + END
    pattern, _ = read(song(track))
    assert cells(pattern) == {
        (0, "BD"): (1, round(59 / 60, 6)),
        (2, "SD"): (127, -1),
        (3, "CH"): (64, round(-59 / 60, 6)),
    }


def test_of_two_hits_in_a_cell_the_louder_wins_then_the_nearer_then_the_earlier(read):
    track = event(0, ON, 36, 50) + event(10, ON, 35, 90) + event(10, ON, 36, 60)
    track += event(480 - 50, ON, 38, 70) + event(20, ON, 40, 70) + event(470, ON, 42, 80) + event(40, ON, 44, 80) + END
    pattern, report = read(song(track))
    assert cells(pattern) == {
        (0, "BD"): (90, round(10 / 60, 6)),
        (4, "SD"): (70, round(-10 / 60, 6)),
        (8, "CH"): (80, round(-20 / 60, 6)),
    }
    assert (report.notes, report.merged) == (7, 4)


def test_tempo_is_the_one_in_force_longest_and_changes_are_counted(read):
    track = tempo(0, 500_000) + event(0, ON, 36, 100) + tempo(480, 400_000) + event(0, ON, 36, 100)
    track += tempo(960, 465_116) + event(0, ON, 36, 100) + event(480 * 5, OFF, 36, 0) + END
    pattern, report = read(song(track))
    assert pattern.tempo_bpm == 129
    assert report.tempo_changes == 2


def test_tempi_replaced_on_the_spot_or_repeated_are_no_changes(read):
    track = tempo(0, 900_000) + tempo(0, 400_000) + event(0, ON, 36, 100) + tempo(480, 400_000) + event(480, OFF, 36, 0) + END
    pattern, report = read(song(track))
    assert (pattern.tempo_bpm, report.tempo_changes) == (150, 0)


def test_a_file_without_tempo_and_metre_has_120_bpm_and_4_4(read):
    pattern, _ = read(song(event(0, ON, 36, 100) + END))
    assert (pattern.tempo_bpm, pattern.metre) == (120, (4, 4))


def test_3_4_is_read_and_refused_where_4_4_is_required(read):
    pattern, report = read(song(metre(0, 3, 2) + event(0, ON, 36, 100) + event(480 * 3, ON, 38, 100) + END))
    assert (pattern.metre, pattern.steps, report.metre_changes) == ((3, 4), 24, 0)
    with pytest.raises(InputError, match=r"expected a pattern in 4/4; found 3/4"):
        require_metre(pattern, (4, 4), "song.mid")
    require_metre(pattern, (3, 4), "song.mid")


def test_metre_is_the_one_in_force_longest_unless_given(read):
    track = metre(0, 3, 2) + event(0, ON, 36, 100) + metre(1440, 7, 3) + event(7 * 240 * 2, ON, 36, 100) + END
    pattern, report = read(song(track))
    assert (pattern.metre, report.metre_changes) == ((7, 8), 1)
    assert read(song(track), metre=(4, 4))[0].metre == (4, 4)
    with pytest.raises(ValueError, match="a metre of 1 to 64 beats"):
        read(song(track), metre=(0, 4))


def test_a_bar_of_5_32_is_rounded_up_to_whole_steps_at_the_end_only(read):
    track = metre(0, 5, 5) + event(0, ON, 36, 100) + event(4 * 120, ON, 36, 100) + END
    pattern, _ = read(song(track))
    assert pattern.steps == 5  # two bars of two steps and a half
    track = metre(0, 5, 5) + event(0, ON, 36, 100) + event(5 * 120, ON, 36, 100) + END
    assert read(song(track))[0].steps == 8  # three bars, 7.5 steps


def test_length_is_the_end_of_the_drum_tracks_in_whole_bars(read):
    short = event(0, ON, 36, 100) + END
    exactly_two = event(0, ON, 36, 100) + event(2 * 1920, 0xFF, 0x2F, 0)
    a_little_over = event(0, ON, 36, 100) + event(2 * 1920 + 59, 0xFF, 0x2F, 0)
    half_a_step_over = event(0, ON, 36, 100) + event(2 * 1920 + 60, 0xFF, 0x2F, 0)
    assert [read(song(track))[0].steps for track in (short, exactly_two, a_little_over, half_a_step_over)] == [16, 32, 32, 48]
    bass = event(0, 0x90, 40, 100) + event(9 * 1920, 0xFF, 0x2F, 0)
    assert read(song(short, bass, kind=1))[0].steps == 16
    rounds_into_bar_2 = event(1920 - 50, ON, 36, 100) + END
    assert read(song(rounds_into_bar_2))[0].steps == 32


def test_without_channel_10_the_channel_with_most_drum_pitches_is_taken_and_named(read):
    melody = b"".join(event(120, 0x90, 72, 100) for _ in range(50))
    drums = b"".join(event(0, 0x92, 36 + 2 * (i % 2), 100) + event(120, 0x82, 36 + 2 * (i % 2), 0) for i in range(8))
    bass = b"".join(event(0, 0x93, 36, 100) + event(480, 0x83, 36, 0) for i in range(4))
    pattern, report = read(song(melody + END, drums + END, bass + END, kind=1))
    assert report.channel == 3
    why = "no notes on channel 10, and this one has the most pitches of the drum map"
    assert report.channel_reason == why
    assert report.lines() == [f"channel 3: {why} (8 notes)"]
    assert report.other_channels == {1: 50, 4: 4}
    assert int(pattern.hits.sum()) == 8
    pattern, report = read(song(melody + END, drums + END, bass + END, kind=1), channel=4)
    assert (report.channel, report.channel_reason, int(pattern.hits.sum())) == (4, "as asked", 4)


def test_channel_10_is_taken_before_all_others(read):
    other = b"".join(event(0, 0x92, 36, 100) + event(120, 0x82, 36, 0) for _ in range(8))
    _, report = read(song(other + END, event(0, ON, 38, 100) + END, kind=1))
    assert (report.channel, report.notes, report.lines()) == (10, 1, [])


def test_a_named_channel_without_notes_is_refused_with_those_that_have_some(read):
    with pytest.raises(InputError, match=r"expected notes on channel 4; found notes on 1, 10"):
        read(song(event(0, ON, 36, 100) + event(0, 0x90, 60, 100) + END), channel=4)


@pytest.mark.parametrize("channel", [0, 17])
def test_channels_are_counted_from_1_to_16(read, channel):
    with pytest.raises(InputError, match="from 1 to 16"):
        read(song(event(0, ON, 36, 100) + END), channel=channel)


def test_notes_outside_the_map_are_counted_by_pitch(read):
    track = event(0, ON, 36, 100) + event(0, ON, 49, 100) + event(120, ON, 49, 90) + event(0, ON, 51, 90) + END
    pattern, report = read(song(track))
    assert report.dropped == {49: 2, 51: 1}
    assert list(cells(pattern)) == [(0, "BD")]
    assert "3 notes outside the drum map, by pitch: 49 (2), 51 (1)" in report.lines()


def test_a_file_with_no_note_of_the_map_says_which_pitches_it_holds(read):
    with pytest.raises(InputError, match=r"none on channel 10, which holds the pitches 49, 60; name another channel or drum map"):
        read(song(event(0, ON, 60, 100) + event(0, ON, 49, 100) + END))


def test_a_file_without_notes_is_refused(read):
    with pytest.raises(InputError, match="a MIDI file with notes"):
        read(song(tempo(0, 500_000) + END))


def test_bytes_that_nothing_reads_do_not_stop_a_file(read):
    """System exclusive, a key signature of 99 flats, a malformed SMPTE offset, an unknown meta event, an unknown chunk, padding."""
    junk = (
        event(60, 0xF0, 3, 1, 2, 0xF7) + event(60, 0xFF, 0x59, 2, 99, 9) + event(0, 0xFF, 0x54, 1, 255) + event(0, 0xFF, 0x7F, 1, 0)
    )
    data = song(event(0, ON, 36, 100) + junk + event(120, 38, 90) + END + b"\x00\x00\x00", declared=1)
    header, track = data[:14], data[14:]
    pattern, _ = read(header + b"XFIH\x00\x00\x00\x02ab" + track + b"\x00\x00\x00")
    assert cells(pattern) == {(0, "BD"): (100, 0), (2, "SD"): (90, 0)}


def test_a_longer_header_is_skipped(read):
    data = song(event(0, ON, 36, 100) + END)
    pattern, _ = read(data[:4] + (8).to_bytes(4, "big") + data[8:14] + b"\x07\x07" + data[14:])
    assert list(cells(pattern)) == [(0, "BD")]


GOOD = song(event(0, ON, 36, 100) + END)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file"),
        (GOOD[:10], "cut off"),
        (GOOD[:-2], "cut off"),
        (song(), "found 0 declared"),
        (song(END, declared=65_535), "found 65,535 declared"),
        (song(END, declared=3), "the 3 tracks that the header declares; found 1"),
        (song(END, END, kind=1, declared=1), "the 1 tracks that the header declares; found 2"),
        (song(GOOD, kind=7), "format 7"),
        (song(END, division=0), "at least 1 tick a quarter note; found 0"),
        (song(END, division=0xE728), r"SMPTE time \(25 frames a second, 40 ticks a frame\)"),
        (song(event(0, 36, 100) + END), "a status byte before the first data"),
        (song(event(0, ON, 36)), "runs over the end of track 1"),
        (song(event(0, ON, 36, 200) + END), "data bytes under 128"),
        (song(event(0, 0xF4, 1) + END), "status byte 0xf4"),
        (song(b"\xff\xff\xff\xff\x7f" + END), "numbers of at most 4 bytes"),
        (song(event(2**28 - 1, ON, 36, 100) + END), "at most 65,536 sixteenths"),
        (song(event(2**20, ON, 36, 100) * 9 + END), "at most 65,536 sixteenths"),
        (song((event(0, ON, 36, 100) + event(0, 36, 90)) * 70_000 + END), "at most 131,072 notes"),
        (song(event(0, 0xFF, 0x51, 3, 7, 161, 32) * 9_000 + END), "at most 8,192 texts and changes of tempo or metre"),
        (song(event(0, 0xB9, 7, 200) + END), "data bytes under 128"),
        (song(event(0, 0xFF, 0x51, 2, 1, 1) + END), "tempo, time signature and end of their sizes"),
        (song(tempo(0, 0) + END), "a tempo above 0"),
        (song(tempo(0, 1) + event(0, ON, 36, 100) + END), "a tempo of 4 to 1,000 BPM"),
        (song(tempo(0, 2**24 - 1) + event(0, ON, 36, 100) + END), "a tempo of 4 to 1,000 BPM; found 3.576"),
        (song(metre(0, 0, 2) + END), "a time signature"),
        (song(metre(0, 4, 255) + END), "a time signature"),
        (b"MThd" + b"\xff" * 30, "a MIDI header that fits its file"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a WAV sound file"),
        (b"RIFF\x24\x00\x00\x00RMIDdata", r"a MIDI file inside a RIFF file \(RMID\)"),
        (b"ID3\x04aaaaaaaaaaaaaaa", "an MP3 sound file"),
        (b"fLaC0000", "a FLAC sound file"),
        (b'{"patterns": []}', "JSON text"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"PK\x03\x04zip", "a ZIP archive"),
        (b"\x00" * 300, "nothing but zero bytes"),
        (b"kick, snare", "text that begins 'kick, snare'"),
    ],
)
def test_faulty_files_are_refused_with_what_is_wrong(read, data, message):
    with pytest.raises(InputError, match=message) as caught:
        read(data)
    assert caught.value.rule
    assert caught.value.found
    assert caught.value.remedy


def test_folders_and_missing_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="a folder"):
        read_midi_pattern(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_midi_pattern(tmp_path / "none.mid")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_a_pattern_or_an_input_error(tmp_path_factory, data):
    track = tempo(0, 465_116) + metre(0, 4, 2) + b"".join(event(60, ON, 36 + i % 8, 100) for i in range(20)) + END
    intact = bytearray(song(track, END, kind=1))
    for place in data.draw(st.lists(st.integers(0, len(intact) - 1), max_size=6)):
        intact[place] = data.draw(st.sampled_from([0, 1, 0x2F, 0x51, 0x7F, 0x80, 0x99, 0xF0, 0xF7, 0xFF]))
    keep = data.draw(st.one_of(st.just(len(intact)), st.integers(0, len(intact))))
    path = tmp_path_factory.mktemp("damaged") / "song.mid"
    path.write_bytes(bytes(intact[:keep]))
    try:
        pattern, report = read_midi_pattern(path)
    except InputError:
        return
    assert report.notes - report.merged == pattern.hits.sum()


# Against other ways to compute it.


def plain_grid(times: list[tuple[int, int, int]], steps: int, drum_map: DrumMap, division: int) -> tuple[np.ndarray, np.ndarray]:
    """(velocity, offset) of (tick, pitch, velocity) notes, one after another with floats."""
    velocity = np.zeros((steps, len(drum_map.lanes)), np.float32)
    offset = np.zeros_like(velocity)
    for tick, pitch, loud in sorted(times):
        for lane, pitches in enumerate(drum_map.in_pitches):
            if pitch in pitches:
                position = 4 * tick / division
                step = math.floor(position + 0.5)
                nearer = round(abs(2 * (position - step)) - abs(offset[step, lane]), 5) < 0
                louder = round(loud - 127 * velocity[step, lane], 3)
                if louder > 0 or (louder == 0 and nearer):
                    velocity[step, lane] = loud / 127
                    offset[step, lane] = 2 * (position - step)
    return velocity, offset


@settings(max_examples=60, deadline=None)
@given(
    division=st.sampled_from([24, 96, 120, 333, 480, 960]),
    notes=st.lists(
        st.tuples(st.integers(0, 3000), st.integers(33, 60), st.integers(1, 127)),
        min_size=1,
        max_size=60,
        unique_by=lambda n: n[:2],
    ),
    drum_map=st.sampled_from(list(BUILT_IN.values())),
)
def test_quantising_agrees_with_a_plain_loop(tmp_path_factory, division, notes, drum_map):
    track, now = b"", 0
    for tick, pitch, velocity in sorted(notes):
        track += event(tick - now, ON, pitch, velocity)
        now = tick
    path = tmp_path_factory.mktemp("song") / "song.mid"
    path.write_bytes(song(track + END, division=division))
    if not any(pitch in drum_map.lane_of_pitch for _, pitch, _ in notes):
        with pytest.raises(InputError, match="name another channel or drum map"):
            read_midi_pattern(path, drum_map=drum_map)
        return
    pattern, _ = read_midi_pattern(path, drum_map=drum_map)
    velocity, offset = plain_grid(notes, pattern.steps, drum_map, division)
    np.testing.assert_array_equal(pattern.velocity, velocity)
    np.testing.assert_allclose(pattern.offset, offset, atol=1e-6)
    assert pattern.steps % 16 == 0


def test_times_in_seconds_agree_with_midos_own(tmp_path):
    rng = np.random.default_rng(1)
    hits = rng.random((32, 6)) < 0.4
    offset = np.where(hits, rng.integers(-60, 60, hits.shape) / 60, 0)
    offset[0] = np.abs(offset[0])
    pattern = Pattern(hits=hits, velocity=hits * np.float32(0.5), offset=offset, tempo_bpm=100)
    write_midi(tmp_path / "a.mid", pattern)
    now, times = 0.0, []
    for message in mido.MidiFile(tmp_path / "a.mid"):
        now += message.time
        if message.type == "note_on":
            times.append(now)
    np.testing.assert_allclose(times, np.sort(pattern.onsets_s()[hits]), atol=1e-6)
    assert now == pytest.approx(pattern.duration_s, abs=1e-6)


# Writing.


@st.composite
def patterns(draw, drum_map: DrumMap) -> Pattern:
    """Patterns that MIDI holds exactly: velocities of 1/127, offsets of 1/60, none early on the first step."""
    steps = draw(st.integers(1, 70))
    seed, density = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.05, 0.4, 1.0]))
    rng = np.random.default_rng(seed)
    shape = steps, len(drum_map.lanes)
    hits = rng.random(shape) < density
    hits[rng.integers(steps), rng.integers(shape[1])] = True
    offset = np.where(hits, rng.integers(-60, 60, shape), 0)
    offset[0] = np.abs(offset[0]) % 60
    return Pattern(
        hits=hits,
        velocity=np.where(hits, rng.integers(1, 128, shape), 0) / 127,
        offset=offset / 60,
        drum_map=drum_map,
        tempo_bpm=draw(st.integers(30, 300)),
        metre=draw(st.sampled_from([(4, 4), (3, 4), (7, 8), (5, 32)])),
    )


USERS = DrumMap("mine", ("a", "b", "c"), ((0, 127), (64,), (36, 1)), (127, 64, 1))


@pytest.mark.parametrize("drum_map", [*BUILT_IN.values(), USERS], ids=lambda drum_map: drum_map.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back_identically(tmp_path_factory, drum_map, data):
    pattern = data.draw(patterns(drum_map))
    path = tmp_path_factory.mktemp("round") / "a.mid"
    write_midi(path, pattern)
    back, report = read_midi_pattern(path, drum_map=drum_map)
    assert back.equals(pattern)
    assert (back.tempo_bpm, back.metre, back.steps) == (pattern.tempo_bpm, pattern.metre, pattern.steps)
    assert (report.merged, report.dropped, report.channel) == (0, {}, 10)


def test_files_last_as_long_as_the_grid_and_no_note_overlaps_the_next(tmp_path):
    rng = np.random.default_rng(3)
    hits = np.ones((16, 6), bool)
    offset = rng.uniform(-1, 1, hits.shape).astype(np.float32)
    offset[3], offset[4] = 0.999, -1
    write_midi(tmp_path / "a.mid", Pattern(hits=hits, velocity=hits * 1.0, offset=offset, name="Übung 太鼓"))
    (track,) = mido.MidiFile(tmp_path / "a.mid").tracks
    assert sum(message.time for message in track) == 16 * 120
    now, sounding, ons = 0, set(), 0
    for message in track:
        now += message.time
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
            ons += 1
        elif message.type == "note_off":
            sounding.remove(message.note)
    assert (ons, sounding) == (96, set())
    assert track[0].name.encode("latin-1").decode("utf-8") == "Übung 太鼓"
    assert {message.channel for message in track if not message.is_meta} == {9}


def test_an_early_first_step_is_written_at_time_0(tmp_path):
    hits = np.zeros((16, 6), bool)
    hits[0, 0] = True
    write_midi(tmp_path / "a.mid", Pattern(hits=hits, velocity=hits * 1.0, offset=hits * -0.5))
    assert cells(read_midi_pattern(tmp_path / "a.mid")[0]) == {(0, "BD"): (127, 0)}


def test_the_least_velocity_is_written_as_1(tmp_path):
    grid = np.full((16, 6), 1 / 127, np.float32)
    write_midi(tmp_path / "a.mid", Pattern.from_grid(grid))
    np.testing.assert_array_equal(read_midi_pattern(tmp_path / "a.mid")[0].velocity, grid)


def test_what_would_not_be_read_back_is_not_written(tmp_path):
    dense = np.zeros((65_536, 6), np.float32)
    dense[:, :2] = 100 / 127
    write_midi(tmp_path / "a.mid", Pattern.from_grid(dense))
    assert read_midi_pattern(tmp_path / "a.mid")[0].equals(Pattern.from_grid(dense))
    dense[0, 2] = 1
    with pytest.raises(InputError, match="at most 131,072 hits in a MIDI file, which is what is read back; found 131,073"):
        write_midi(tmp_path / "b.mid", Pattern.from_grid(dense))


def test_an_empty_pattern_is_written_as_a_silent_file_of_its_length(tmp_path):
    write_midi(tmp_path / "a.mid", Pattern.from_grid(np.zeros((64, 6)), tempo_bpm=120))
    assert mido.MidiFile(tmp_path / "a.mid").length == pytest.approx(8)


def test_equal_patterns_give_equal_bytes_and_overwrite(tmp_path):
    pattern = Pattern.from_grid(np.eye(6, dtype=np.float32))
    record = provenance("pattern sample", model="vae", model_sha256="0" * 64, seed=3, parameters={"n": 1})
    write_midi(tmp_path / "a.mid", pattern)
    write_midi(tmp_path / "a.mid", replace(pattern, provenance=record))
    write_midi(tmp_path / "b.mid", replace(pattern, provenance=record))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.mid", "b.mid"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"tempo_bpm": 3.0}, "4 to 1,000 BPM"), ({"metre": (4, 3)}, "a metre of"), ({"metre": (0, 4)}, "a metre of")],
)
def test_what_midi_cannot_hold_is_refused(tmp_path, fields, message):
    with pytest.raises(ValueError, match=message):
        write_midi(tmp_path / "a.mid", Pattern.from_grid(np.ones((16, 6)), **fields))
    assert not os.listdir(tmp_path)


def test_a_missing_target_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="make the folder first"):
        write_midi(tmp_path / "none" / "a.mid", Pattern.from_grid(np.ones((16, 6))))


@pytest.mark.real_data
def test_groove_midi_files_agree_with_a_plain_count(data_folder):
    files = sorted((data_folder / "gmd").rglob("*.mid"))[::11]
    assert len(files) > 90
    for path in files:
        expected: Counter[int] = Counter()
        division = mido.MidiFile(path).ticks_per_beat
        loudest: dict[tuple[int, int], int] = {}
        for track in mido.MidiFile(path).tracks:
            tick = 0
            for message in track:
                tick += message.time
                if message.type == "note_on" and message.velocity > 0 and message.channel == 9:
                    expected[message.note] += 1
                    cell = math.floor(4 * tick / division + 0.5), message.note
                    loudest[cell] = max(loudest.get(cell, 0), message.velocity)
        pattern, report = read_midi_pattern(path, drum_map=GM)
        outside = {pitch: count for pitch, count in expected.items() if not 35 <= pitch <= 81}
        assert report.dropped == outside, path
        assert report.notes == sum(expected.values()) - sum(outside.values()), path
        inside = {cell: velocity for cell, velocity in loudest.items() if 35 <= cell[1] <= 81}
        assert int(pattern.hits.sum()) == len(inside), path
        got = {
            (int(s), int(lane) + 35): round(float(pattern.velocity[s, lane]) * 127)
            for s, lane in zip(*np.nonzero(pattern.hits), strict=True)
        }
        assert got == inside, path
        in_map = sum(count for pitch, count in expected.items() if pitch in TR808.lane_of_pitch)
        if in_map:
            assert read_midi_pattern(path)[1].notes == in_map, path
        else:
            with pytest.raises(InputError, match="notes of the drum map 'tr808'"):
                read_midi_pattern(path)


@pytest.mark.real_data
def test_multitrack_songs_are_read_from_channel_10(data_folder: Path):
    files = sorted(data_folder.glob("multitrack_*/midi/*.mid"))[::6]
    assert len(files) > 15
    for path in files:
        pattern, report = read_midi_pattern(path)
        assert report.channel == 10
        assert report.other_channels
        assert pattern.hits.any()
