"""Files that once were read wrongly, by this library or by one beneath it, each with what is expected of it now.

tests/data/corpus/make.py makes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[1] / "data" / "corpus"
VALID = ""
EXPECTED = {
    # mido takes these three for empty songs, or reads the one track that is there.
    "midi/65535_tracks_declared.mid": "1 to 1,024 tracks; found 65,535",
    "midi/track_count_minus_1.mid": "1 to 1,024 tracks; found 65,535",
    "midi/no_tracks.mid": "1 to 1,024 tracks; found 0",
    # mido: ZeroDivisionError, or times without meaning.
    "midi/division_0.mid": "at least 1 tick a quarter note; found 0",
    "midi/smpte_25_frames.mid": "SMPTE time (25 frames a second, 40 ticks a frame)",
    "midi/tempo_0.mid": "a tempo above 0",
    "midi/delta_2_28.mid": "at most 65,536 sixteenths of music",
    # mido: EOFError, OSError, ValueError, IndexError, KeySignatureError, KeyError.
    "midi/no_bytes.mid": "an empty file",
    "midi/cut_off_in_a_note.mid": "the file is cut off",
    "midi/no_header.mid": "a standard MIDI file",
    "midi/rmid.mid": "a MIDI file inside a RIFF file (RMID)",
    "midi/data_byte_above_127.mid": "data bytes under 128",
    "midi/controller_byte_above_127.mid": "data bytes under 128",
    "midi/meta_shorter_than_its_kind.mid": "tempo, time signature and end of their sizes",
    "midi/key_signature_of_nonsense.mid": VALID,
    "midi/smpte_offset_of_nonsense.mid": VALID,
    "midi/sysex_without_end.mid": "one that runs over the end of track 1",
    # read_audio let soundfile's ValueError out, for sound that cannot be sought in. Such codings are refused, being slow too.
    "audio/gsm_cannot_be_sought.wav": "samples as numbers (PCM, float), ADPCM, FLAC, Vorbis, Opus or MP3; found GSM 6.10",
    # Finite samples that became infinite, or NaN, on their way into a kit.
    "audio/3e38_overflows_when_mixed.wav": "samples up to 1,000,000 times full scale; found 3e+38",
    "audio/3e38_overflows_when_resampled.wav": "samples up to 1,000,000 times full scale; found 3e+38",
    # soundfile reads these without a word.
    "audio/nan.wav": "finite samples",
    "audio/inf.wav": "finite samples",
    "audio/0_frames.wav": "at least one frame",
    "audio/data_longer_than_file.wav": "1,400 bytes of sound, as the header says; found 400",
    "audio/data_of_a_pipe.wav": VALID,
    # scipy: UnboundLocalError, ZeroDivisionError, OverflowError.
    "audio/no_fmt.wav": "a WAV sound file",
    "audio/no_data.wav": "a WAV sound file",
    "audio/no_channels.wav": "a WAV sound file",
    "audio/rf64_of_nonsense.wav": "a sound file (WAV, FLAC, AIFF, OGG, MP3)",
    "audio/0_hz.wav": "a WAV sound file",
    "audio/4_ghz.wav": "a WAV sound file",
    "audio/streaminfo_of_zeros.wav": "a FLAC sound file",
    "audio/padding_beyond_the_file.wav": "a FLAC sound file",
    # One of the formats of libsndfile that no one asked for.
    "audio/matlab.wav": "text that begins 'MATLAB 5.0 MAT-file'",
    # A record of nonsense was believed: AttributeError for a pattern played twice, ValueError when it was written as MIDI.
    "json/provenance_of_nonsense.json": VALID,
    "json/provenance_too_long_for_midi.json": VALID,
    # Messages of thousands of characters.
    "json/steps_of_3900_digits.json": "rows of one length of 1 to 65,536",
    "json/pitch_of_3900_digits.json": "an object with 'patterns' or 'tracks'",
    "json/field_of_3900_characters.json": "an object with 'patterns' or 'tracks'",
    "csv/column_of_3900_digits.csv": "a column 'lane'",
    # Time that grows with the rows, of which there were 150,000.
    "json/260_rows.json": "at most 256 rows; found 260",
    "json/deep.json": "JSON nested at most 32 deep",
    "json/nan.json": "finite numbers; found NaN",
    "json/key_twice.json": "each key once in an object; found 'tracks' twice",
    "csv/open_quote.csv": "unexpected end of data",
    "csv/superscript_step.csv": VALID,
    "csv/zero_bytes.csv": "a zero byte",
    "archives/traversal.npz": "not those of drum patterns",
    "archives/member_twice.npz": "an array twice",
    "archives/no_members.npz": "not those of drum patterns",
    "archives/objects.npz": "an array of object",
    "archives/8_tb_by_its_header.npz": "8,246,337,208,320 bytes by its header",
    "archives/shape_that_is_code.npz": "malformed node",
}


def test_every_file_of_the_corpus_has_its_expectation() -> None:
    assert {path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*")} == set(EXPECTED)
    assert all(path.stat().st_size <= 4096 for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_that_was_once_read_wrongly_is_read_rightly(attacks, hostile_reader, name) -> None:
    kind, said = name.split("/")[0], EXPECTED[name]
    answer = hostile_reader.judge(kind, (CORPUS / name).read_bytes())
    assert attacks.judged(answer) == ""
    assert answer["verdict"] == ("refused" if said else "valid"), answer["said"]
    assert said in answer["said"]
