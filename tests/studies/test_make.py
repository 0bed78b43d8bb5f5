"""A study is made whole once, with a tiny model and short sounds; everything about it is measured in the files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.patterns import TR808, Pattern
from drumjax.patterns.drum_map import DrumMap
from drumjax.provenance import read_provenance
from drumjax.signal.loudness import integrated_loudness
from drumjax.signal.rendering import Kit, render, render_crossfade
from drumjax.studies import design, make, stimuli
from drumjax.studies.key import Settings, read_key
from drumjax.synth.tr808 import kit_for

SETTINGS = Settings(seed=5, subjects=6, measures=3, tempo_bpm=400.0, segment_bars=8)
GENRES = ("idm", "electro", "techno")


def chosen():
    from drumjax.synth.grammar import embedded

    data = embedded()
    patterns = {}
    for index, genre in enumerate(GENRES):
        grids = data.velocity[data.genre == index][:3]
        patterns[genre] = [
            Pattern.from_grid(
                grid / np.float32(127),
                name=f"embedded:{genre}#{k}",
                provenance={"path": f"embedded:{genre}#{k}", "sha256": hashlib.sha256(grid.tobytes()).hexdigest()},
            )
            for k, grid in enumerate(grids)
        ]
    return patterns


@pytest.fixture(scope="module")
def material(tiny):
    return make.Material(chosen(), tiny, kit_for(TR808), tiny, kit_for(stimuli.TOMS))


@pytest.fixture(scope="module")
def study(material, tmp_path_factory):
    """The folder and the key."""
    folder = tmp_path_factory.mktemp("study")
    return folder, make.write_study(folder, SETTINGS, material, say=lambda _: None)


@pytest.fixture(scope="module")
def sounds(study):
    """By name the samples, float64 (samples, 2)."""
    folder, key = study
    return {name: soundfile.read(folder / f"listener/sounds/{name}.wav")[0] for name in key.sounds}


def test_a_study_has_18_transitions_and_six_segments(study):
    folder, key = study
    kinds = [sound.kind for sound in key.sounds.values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"interpolation": 9, "crossfade": 9, "segment": 6}
    assert sorted(path.stem for path in (folder / "listener/sounds").iterdir()) == sorted(key.sounds)
    assert {path.name for path in folder.iterdir()} == {"listener", "key.json", "answer_sheet.csv"}
    assert {path.name for path in (folder / "listener").iterdir()} == {"sounds", "index.html"}
    assert read_key(folder / "key.json") == key


def test_every_sound_is_16_bit_stereo_at_44100_hz(study):
    folder, key = study
    for name in key.sounds:
        info = soundfile.info(folder / f"listener/sounds/{name}.wav")
        assert (info.samplerate, info.channels, info.subtype) == (44_100, 2, "PCM_16")


def test_sounds_last_as_long_as_their_measures_and_a_second(study, sounds):
    _, key = study
    assert stimuli.duration_s(6 * 64, 129) - 1 == pytest.approx(44.65, abs=0.005)
    assert stimuli.duration_s(40 * 16, 129) - 1 == pytest.approx(74.42, abs=0.005)
    for name, sound in key.sounds.items():
        bars = SETTINGS.segment_bars if sound.kind == "segment" else 4 * SETTINGS.measures
        assert len(sounds[name]) == round(44_100 * bars * 4 * 60 / 400) + 44_100
        assert sound.duration_s == pytest.approx(len(sounds[name]) / 44_100)


def test_no_sound_is_told_by_its_level(study, sounds):
    _, key = study
    heard = {name: integrated_loudness(samples, 44_100) for name, samples in sounds.items()}
    assert max(heard.values()) - min(heard.values()) < 0.02
    assert max(np.abs(samples).max() for samples in sounds.values()) <= 10 ** (-1 / 20) + 1e-4
    for name, sound in key.sounds.items():
        assert sound.loudness_lufs == pytest.approx(heard[name], abs=0.01)
        assert sound.peak_dbfs == pytest.approx(20 * np.log10(np.abs(sounds[name]).max()), abs=0.01)
        assert sound.rms_dbfs == pytest.approx(20 * np.log10(np.sqrt(np.mean(sounds[name] ** 2))), abs=0.01)


def test_the_loudness_gives_way_to_the_peaks():
    levels = [stimuli.Level(-20.0, -2.0, -21.0, 1.0), stimuli.Level(-24.0, -1.0, -25.0, 1.0)]
    assert stimuli.common_loudness(levels, -30.0) == -30.0
    # The second has no room above −24, for its peak is at −1 already.
    assert stimuli.common_loudness(levels, -10.0) == pytest.approx(-24.0, abs=0.1)
    assert stimuli.common_loudness(levels, -10.0) <= -24.0


def test_a_transition_is_the_interpolation_or_the_crossfade_of_its_patterns(study, sounds, material, tiny):
    _, key = study
    by_name = {pattern.name: replace(pattern, tempo_bpm=400.0) for patterns in material.patterns.values() for pattern in patterns}
    for kind in ("interpolation", "crossfade"):
        name, sound = next((name, each) for name, each in key.sounds.items() if each.kind == kind and each.number == 5)
        start, goal = by_name[sound.start], by_name[sound.goal]
        assert (start.name.split("#")[0], goal.name.split("#")[0]) == ("embedded:electro", "embedded:techno")
        if kind == "interpolation":
            patterns = tiny.interpolate(start, goal, 2)
            assert patterns[0].equals(tiny.reconstruct([start])[0])
            expected = render(patterns, material.kit)
        else:
            expected = render_crossfade(start, goal, 3, material.kit)
        gain = np.abs(sounds[name]).max() / np.abs(expected).max()
        np.testing.assert_allclose(sounds[name][:, 0], gain * expected, atol=1e-4)
        np.testing.assert_array_equal(sounds[name][:, 0], sounds[name][:, 1])


def test_a_crossfade_may_lead_between_reconstructions(material, tiny):
    start, goal = chosen()["idm"][:2]
    faded = stimuli.crossfade(tiny, start, goal, 2, "reconstructions", 400.0, material.kit)
    ends = [replace(pattern, tempo_bpm=400.0) for pattern in tiny.reconstruct([start, goal])]
    np.testing.assert_array_equal(faded, render_crossfade(*ends, 2, material.kit))


def test_a_crossfade_is_not_told_by_the_timing_of_its_patterns(material, tiny):
    start, goal = chosen()["idm"][:2]
    late = [replace(pattern, offset=np.where(pattern.hits, 0.5, 0)) for pattern in (start, goal)]
    faded = [stimuli.crossfade(tiny, *ends, 2, "patterns", 400.0, material.kit) for ends in ((start, goal), late)]
    np.testing.assert_array_equal(*faded)


def test_a_segment_is_its_bars_of_the_swirl_on_toms(study, sounds, material, tiny):
    _, key = study
    swirl = tiny.wander(128, path="swirl", tempo_bpm=400.0)
    name, sound = next((name, each) for name, each in key.sounds.items() if each.kind == "segment" and each.number == 2)
    measure, half = divmod(sound.start_bar, 4)
    assert half == 2
    hits = np.concatenate([pattern.velocity for pattern in swirl[measure : measure + 3]])[32 : 32 + 16 * 8]
    played = Pattern.from_grid(hits, drum_map=stimuli.TOMS, tempo_bpm=400.0)
    expected = render(played, material.toms)
    gain = np.abs(sounds[name]).max() / np.abs(expected).max()
    np.testing.assert_allclose(sounds[name][:, 0], gain * expected, atol=1e-4)


def test_rim_shot_and_cowbell_are_played_by_toms():
    grid = np.zeros((64, 6), np.float32)
    grid[0, TR808.lanes.index("RS")] = grid[32, TR808.lanes.index("CB")] = 1.0
    moved = stimuli.on_toms(Pattern.from_grid(grid))
    kit = kit_for(stimuli.TOMS)
    from drumjax.synth.tr808 import voices

    np.testing.assert_allclose(kit.samples["HT"], voices()["HT"], atol=1e-3)
    np.testing.assert_allclose(kit.samples["LT"], voices()["LT"], atol=1e-3)
    played = {lane: np.flatnonzero(moved.hits[:, i]).tolist() for i, lane in enumerate(moved.drum_map.lanes)}
    assert played == {"BD": [], "SD": [], "CH": [], "OH": [], "HT": [0], "LT": [32]}


def test_a_drummer_of_other_lanes_is_refused(tiny):
    other = DrumMap("mine", ("A", "B", "C", "D", "E", "F"), ((35,), (36,), (37,), (38,), (39,), (40,)), (35, 36, 37, 38, 39, 40))
    with pytest.raises(InputError, match="'tr808'"):
        stimuli.performance(replace(tiny, drum_map=other), 4, 129.0)
    with pytest.raises(InputError, match="measures of 64 steps"):
        stimuli.performance(replace(tiny, config=replace(tiny.config, steps=32)), 4, 129.0)


def test_what_listeners_get_says_nowhere_what_is_what(study):
    folder, key = study
    page = (folder / "listener/index.html").read_text()
    for name, sound in key.sounds.items():
        record = json.dumps(read_provenance(folder / f"listener/sounds/{name}.wav"))
        assert name in record
        if sound.kind != "segment":
            assert "interpolation" not in record
            assert '"crossfade"' not in record
    data = json.loads(page.split('id="study">')[1].split("</script>")[0])
    assert "straight" not in json.dumps(data)
    pairs = data["experiments"][0]["pairs"]
    assert [[list(pair) for pair in session] for session in pairs] == [
        [[trial.first, trial.second] for trial in session] for session in key.identification
    ]
    # Both sounds of a straight pair carry the same record but for their names.
    straight = next(trial for trial in key.identification[0] if trial.pair == "straight")
    one, other = (read_provenance(folder / f"listener/sounds/{name}.wav") for name in (straight.first, straight.second))
    one["parameters"].pop("file")
    other["parameters"].pop("file")
    assert one == other


def test_the_key_says_what_each_session_hears(study):
    _, key = study
    for session in key.identification:
        assert [trial.pair for trial in session].count("straight") == [trial.pair for trial in session].count("mixed") == 3
        assert session[0].pair == "practice"
        for trial in session:
            kinds = {"first": key.sounds[trial.first], "second": key.sounds[trial.second]}
            assert kinds[trial.interpolation].kind == "interpolation"
            assert {sound.kind for sound in kinds.values()} == {"interpolation", "crossfade"}
            first, second = kinds.values()
            assert ((first.start, first.goal) == (second.start, second.goal)) == (trial.pair != "mixed")
    assert sorted(key.robot) == sorted(name for name, sound in key.sounds.items() if sound.kind == "segment")


def test_the_same_settings_make_the_same_bytes_and_another_seed_others(study, material, tmp_path):
    folder, key = study
    alone = replace(SETTINGS, experiments=("task",))
    for name, settings in (("a", alone), ("b", alone), ("c", replace(alone, seed=6))):
        (tmp_path / name).mkdir()
        make.write_study(tmp_path / name, settings, make.Material({}), say=lambda _: None)
    a, b, c = ([(tmp_path / name / file).read_bytes() for file in ("key.json", "answer_sheet.csv")] for name in "abc")
    assert a == b
    assert all(one != other for one, other in zip(a, c, strict=True))
    stimulus = make.planned(SETTINGS, material)[3]
    samples = make.finished(stimulus.render(), 44_100, SETTINGS.loudness_lufs)
    written = soundfile.read(folder / f"listener/sounds/{stimulus.call.file}.wav", dtype="int16")[0]
    np.testing.assert_array_equal(written, np.rint(samples.astype(np.float64) * 32767).astype(np.int16))
    assert key.settings == SETTINGS


def test_the_drummer_that_ships_plays_six_different_segments():
    import drumjax

    played = stimuli.performance(drumjax.load("pattern-gan"), stimuli.PERFORMANCE_MEASURES, 129.0)
    assert played.steps == 512 * stimuli.BAR_STEPS
    segments = [played.window(16 * start, 640) for start in design.segment_starts(128, 40, 0)]
    assert len({segment.hits.tobytes() for segment in segments}) == 6
    # Every lane is heard somewhere, toms included, and no bar of a segment is silent.
    assert all(any(segment.hits[:, lane].any() for segment in segments) for lane in range(6))
    assert all(segment.hits.reshape(40, -1).any(axis=1).all() for segment in segments)


def test_a_silent_sound_is_refused_by_name(material, tmp_path):
    silent = Kit({lane: np.zeros(10) for lane in TR808.lanes}, 44_100)
    with pytest.raises(InputError, match=r"interpolation embedded:idm#0 → embedded:idm#1.*silence"):
        make.write_study(tmp_path, SETTINGS, replace(material, kit=silent))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("subjects", 0),
        ("measures", 1),
        ("measures", 65),
        ("tempo_bpm", 10.0),
        ("tempo_bpm", float("nan")),
        ("loudness_lufs", 1.0),
        ("segment_bars", 42),
        ("segment_bars", 84),
    ],
)
def test_settings_out_of_range_are_errors(field, value):
    with pytest.raises(ValueError, match=field):
        Settings(**{field: value})
