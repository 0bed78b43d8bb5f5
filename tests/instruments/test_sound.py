"""The sound instrument: what its methods give, what they refuse, and that sound i is the same however many are asked for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile
from scipy import stats

import drumjax
from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments import loading
from drumjax.instruments.sound import SoundInstrument, _moved
from drumjax.instruments.sound_codes import SoundCode, label_text, parse_mix
from drumjax.models import cwae, mcnn
from drumjax.patterns import BUILT_IN, DrumMap
from drumjax.provenance import dumps
from drumjax.signal.griffin_lim import griffin_lim
from drumjax.signal.loudness import loudest_moment
from drumjax.signal.mel import Standardizer, from_log_mel, log_mel, mel, standardize, unstandardize
from drumjax.signal.sound import Sound
from drumjax.systems.cwae import prior_codes


def audios(made: list[Sound]) -> np.ndarray:
    return np.stack([sound.audio for sound in made])


def one_hot(sounds: SoundInstrument, label: str) -> np.ndarray:
    return np.eye(len(sounds.classes), dtype=np.float32)[[sounds.classes.index(label)]]


@pytest.fixture(scope="module")
def parts(untrained_sounds: Path) -> dict:
    """The packed members' weights, read anew."""
    members = checkpoint.find_members(untrained_sounds / "packed")
    model, vocoder = (checkpoint.load_playing(members[role]) for role in ("model", "vocoder"))
    return {
        "cwae": model.params["cwae"],
        "stats": model.extra["batch_stats"],
        "standardizer": Standardizer(**model.extra["standardizer"]),
        "pca": model.card["play"]["pca"],
        "mcnn": vocoder.params["mcnn"],
    }


@pytest.fixture
def click(tmp_path: Path) -> Path:
    """A decaying tone of 0.3 s at 44,100 Hz in two channels, with leading silence."""
    t = np.arange(13_230) / 44_100
    tone = 0.4 * np.sin(2 * np.pi * 900 * t) * np.exp(-20 * t)
    path = tmp_path / "click.wav"
    soundfile.write(path, np.repeat(np.concatenate([np.zeros(2000), tone])[:, None], 2, 1), 44_100)
    return path


# What a sound is made of


def test_a_sample_is_the_chain_of_its_parts(sounds, parts) -> None:
    """Against the networks themselves, called one by one."""
    label = np.repeat(one_hot(sounds, "snare"), 2, 0)

    @jax.jit
    def chain(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        z = prior_codes(key, np.arange(2), sounds.config.latent)
        y = cwae.decode(sounds.config, parts["cwae"], parts["stats"], z, label)
        heard = from_log_mel(unstandardize(y, parts["standardizer"]), sounds.mel)
        return heard, mcnn.vocode(sounds.vocoder, parts["mcnn"], heard)

    heard, audio = map(np.asarray, chain(jax.random.key(5)))
    made = sounds.sample("snare", 2, seed=5)
    np.testing.assert_allclose(audios(made), audio / np.abs(audio).max(1, keepdims=True), atol=1e-4)
    np.testing.assert_allclose(np.stack([sound.mel for sound in made]), heard, rtol=1e-4, atol=1e-6)
    assert [sound.label for sound in made] == ["snare", "snare"]
    assert made[0].sample_rate_hz == 22_050


def test_a_code_is_what_the_encoder_makes_of_the_window(sounds, parts, click) -> None:
    code = sounds.encode(click, "kick")
    audio = sounds.window(sounds._read(click))

    @jax.jit
    def encoded(audio: jax.Array) -> jax.Array:
        x = standardize(log_mel(mel(audio[None], sounds.mel), sounds.mel), parts["standardizer"])
        return cwae.encode(sounds.config, parts["cwae"], parts["stats"], x, one_hot(sounds, "kick"))[0]

    expected = encoded(audio)
    np.testing.assert_allclose(code.code, expected, rtol=1e-4, atol=1e-4)
    assert (np.abs(audio).max(), len(audio)) == (1.0, sounds.mel.samples)


def test_places_are_the_inverse_of_the_principal_components(sounds, parts) -> None:
    axes = {name: np.asarray(value) for name, value in parts["pca"].items()}
    place = np.array([0.5, -1.0, 0.25])
    code = axes["mean"] + (2 * place * axes["deviations"]) @ axes["components"]
    made = sounds.make(code[None], [{"kick": 1.0}])
    there = sounds.at(*place, "kick", reach=2)
    np.testing.assert_allclose(there.audio, made.audio[0] / np.abs(made.audio[0]).max(), atol=1e-4)
    assert sounds._position(code.astype(np.float32)) == pytest.approx(2 * place, abs=1e-5)


def test_sound_i_depends_on_the_seed_and_its_number_alone(sounds, click) -> None:
    many = sounds.sample("kick", 5, seed=3)
    np.testing.assert_array_equal(audios(many)[:2], audios(sounds.sample("kick", 2, seed=3)))
    np.testing.assert_array_equal(audios(many)[[4, 1]], audios(sounds.sample("kick", 5, seed=3, only=[4, 1])))
    assert not np.array_equal(audios(many)[:2], audios(sounds.sample("kick", 2, seed=4)))
    assert len(np.unique(audios(many), axis=0)) == 5
    for make in (
        lambda n, **only: sounds.vary(click, 0.5, n, 7, **only),
        lambda n, **only: sounds.humanize(click, n, 7, **only),
    ):
        np.testing.assert_array_equal(audios(make(5))[:3], audios(make(3)))
        np.testing.assert_array_equal(audios(make(5))[[3]], audios(make(5, only=[3])))


def test_classes_take_turns_where_none_is_asked_for(sounds) -> None:
    made = sounds.sample(n=6, seed=1)
    assert [sound.label for sound in made] == ["kick", "snare", "hihat_open", "hihat_closed", "kick", "snare"]
    np.testing.assert_array_equal(made[5].audio, sounds.sample("snare", 6, seed=1)[5].audio)


def test_the_class_and_its_share_matter(sounds) -> None:
    kick, mixed, snare = (sounds.sample(label, 1, 2)[0].audio for label in ("kick", {"kick": 0.5, "snare": 0.5}, "snare"))
    assert np.abs(kick - snare).max() > 0.1
    assert np.abs(kick - mixed).max() > 0.01
    np.testing.assert_array_equal(sounds.sample({"kick": 2, "snare": 0}, 1, 2)[0].audio, kick)


def test_a_distance_of_0_is_the_reconstruction_and_of_1_a_new_sound(sounds, click) -> None:
    here = sounds.vary(click, 0.0, 2, label="kick")
    made = sounds.reconstruct(click, "kick").audio[0]
    np.testing.assert_array_equal(here[0].audio, here[1].audio)
    np.testing.assert_allclose(here[0].audio, made / np.abs(made).max(), atol=1e-6)
    np.testing.assert_array_equal(sounds.vary(click, 1.0, 2, 9, "kick")[1].audio, sounds.sample("kick", 2, 9)[1].audio)
    near, far = (np.abs(sounds.vary(click, t, 1, 9, "kick")[0].mel - here[0].mel).mean() for t in (0.02, 0.6))
    assert near < far / 4


def test_a_morph_begins_and_ends_at_its_sounds_and_mixes_their_classes(sounds, click) -> None:
    goal = sounds.sample("snare", 1, 8)[0]
    made = sounds.morph(click, goal, 4, labels=("kick", None))
    np.testing.assert_array_equal(made[0].audio, sounds.vary(click, 0, label="kick")[0].audio)
    np.testing.assert_array_equal(made[-1].audio, sounds.vary(goal, 0)[0].audio)
    assert [sound.label for sound in made] == [
        "kick", "kick=0.75,snare=0.25", "kick=0.5,snare=0.5", "kick=0.25,snare=0.75", "snare"
    ]  # fmt: skip
    linear = sounds.morph(click, goal, 4, "lerp", ("kick", None))
    np.testing.assert_array_equal(linear[0].audio, made[0].audio)
    assert not np.array_equal(linear[2].audio, made[2].audio)
    np.testing.assert_array_equal(sounds.morph(click, goal, 4, labels=("kick", None), only=[3])[0].audio, made[3].audio)


def test_a_walk_is_standard_normal_at_every_hit_and_even(sounds) -> None:
    walks = np.stack([sounds._walk(np.array([0, seed], np.uint32), 12) for seed in range(200)])
    assert stats.kstest(walks[:, 0].ravel(), "norm").pvalue > 0.01
    assert stats.kstest(walks[:, 11].ravel(), "norm").pvalue > 0.01
    steps = [np.corrcoef(walks[:, k].ravel(), walks[:, k + 1].ravel())[0, 1] for k in range(11)]
    np.testing.assert_allclose(steps, 0.7, atol=0.06)
    np.testing.assert_array_equal(_moved(walks[0, 0], walks[0, 1], 0.0), walks[0, 0])


def test_hits_are_near_the_sound_and_differ(sounds, click) -> None:
    here = sounds.vary(click, 0)[0]
    hits = sounds.humanize(click, 6, 4, variation=0.05)
    assert len(np.unique(audios(hits), axis=0)) == 6
    apart = [np.abs(hit.mel - here.mel).mean() for hit in hits]
    other = [np.abs(sound.mel - here.mel).mean() for sound in sounds.vary(click, 1.0, 6, 4)]
    assert np.mean(apart) < np.mean(other) / 3
    np.testing.assert_array_equal(audios(sounds.humanize(click, 3, 4, variation=0.0)), audios([here] * 3))


def test_no_method_compiles_anything_twice(sounds, click, compilations) -> None:
    def play(n: int) -> None:
        sounds.sample("kick", n, 1)
        sounds.vary(click, 0.3, n)
        sounds.humanize(click, n)
        sounds.at(0, 0, 0, "snare")
        sounds.kit(1)

    play(3)
    before = len(compilations)
    play(4)
    sounds.sample({"kick": 0.5, "snare": 0.5}, 4, 2)
    assert len(compilations) == before


# Which class


def test_a_class_is_known_by_its_names(sounds) -> None:
    for name in ("bd", "Kick", "kick", "bass drum"):
        assert sounds.mix(name) == {"kick": 1.0}
    assert sounds.mix({"oh": 1, "hat-closed": 3}) == {"hihat_open": 0.25, "hihat_closed": 0.75}
    assert sounds.mix({"bd": 1, "kick": 1}) == {"kick": 1.0}
    for weights in ((1, 1, 1), (1, 2, 4), (0.1, 0.7, 12)):
        mix = sounds.mix(dict(zip(sounds.classes, weights, strict=False)))
        assert sum(mix.values()) == pytest.approx(1, abs=2e-6)
        assert sounds.mix(mix) == mix


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("hihat_opn", "did you mean 'hihat_open' or 'hihat_closed'"),
        ("glockenspiel", "expected a class of kick, snare, hihat_open, hihat_closed; found 'glockenspiel'; choose one of these"),
        ("cowbell", "a class that the model was trained on .*found 'cowbell'; choose one of these, or a model that was trained on"),
        ({}, "a class with a weight above 0; found none"),
        ({"kick": 0}, "a class with a weight above 0; found none"),
        ({"kick": 1, "snare": -0.1}, "weights of at least 0; found snare=-0.1"),
        ({"kick": float("nan")}, "weights of at least 0; found kick=nan"),
        (dict.fromkeys("abcde", 1.0), "at most 4 classes in a mix; found 5"),
    ],
)
def test_a_class_that_there_is_not_is_named(sounds, label, said) -> None:
    with pytest.raises(InputError, match=said):
        sounds.sample(label)


def test_the_class_of_a_sound_is_the_callers_the_names_the_records_or_the_best(sounds, click, tmp_path) -> None:
    assert (sounds.encode(click, "snare").label, sounds.encode(click, "snare").chosen_by) == ("snare", "given")
    named = click.rename(tmp_path / "Snare_04.wav")
    assert (sounds.encode(named).label, sounds.encode(named).chosen_by) == ("snare", "name")
    (tmp_path / "OH").mkdir()
    folder = named.rename(tmp_path / "OH" / "4.wav")
    assert (sounds.encode(folder).label, sounds.encode(folder).chosen_by) == ("hihat_open", "name")
    made = sounds.sample({"kick": 0.25, "snare": 0.75}, 1, 3)[0]
    assert (sounds.encode(made).mix, sounds.encode(made).chosen_by) == ({"kick": 0.25, "snare": 0.75}, "name")
    made.save(tmp_path / "x.wav")
    assert (sounds.encode(tmp_path / "x.wav").mix, sounds.encode(tmp_path / "x.wav").chosen_by) == (made_mix(made), "record")
    # Of a class that the model does not know, the sound decides: that of the least error, by hand.
    cowbell = folder.rename(tmp_path / "cowbell.wav")
    audio = sounds.window(sounds._read(cowbell))
    function = sounds._function("reconstruct")
    errors = [float(function(sounds.weights, audio[None], one_hot(sounds, label))["error"][0]) for label in sounds.classes]
    best = sounds.classes[int(np.argmin(errors))]
    assert (sounds.encode(cowbell).label, sounds.encode(cowbell).chosen_by) == (best, "sound")


def made_mix(sound: Sound) -> dict:
    return sound.provenance["parameters"]["label"]


def test_a_mix_is_read_as_it_is_written() -> None:
    assert parse_mix("kick") == "kick"
    assert parse_mix("kick=.7, snare = .3") == {"kick": 0.7, "snare": 0.3}
    assert label_text(parse_mix("kick=0.7,snare=0.3")) == "kick=0.7,snare=0.3"
    for text in ("kick=.7,snare", "kick=a", "=1", "kick=1,kick=2", "kick=nan"):
        with pytest.raises(InputError, match="classes and weights such as"):
            parse_mix(text)


# Numbers out of range

CODE = SoundCode(np.zeros(6, np.float32), {"kick": 1.0}, "given", (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.sample("kick", 0), "1 to 1,024 sounds; found 0"),
        (lambda s: s.sample("kick", 1025), "1 to 1,024 sounds; found 1025"),
        (lambda s: s.sample("kick", 1, -1), "a whole number from 0 to 4294967295; found -1"),
        (lambda s: s.sample("kick", 3, only=[3]), "numbers from 0 to 2"),
        (lambda s: s.at(float("nan"), 0, 0, "kick"), r"within ±16 standard deviations.*found nan, 0, 0 times 1"),
        (lambda s: s.at(9, 0, 0, "kick", reach=2), r"found 9, 0, 0 times 2"),
        (lambda s: s.at(0, 0, 0, "kick", reach=0), "the reach above 0"),
        (lambda s: s.at(0, float("inf"), 0, "kick"), "found 0, inf, 0"),
        (lambda s: s.vary(Sound(np.ones(9), 22_050), 1.1), "a number from 0 to 1; found 1.1"),
        (lambda s: s.vary(Sound(np.ones(9), 22_050), float("nan")), "a number from 0 to 1; found nan"),
        (lambda s: s.humanize(Sound(np.ones(9), 22_050), 2000), "1 to 1,024 sounds; found 2000"),
        (lambda s: s.morph(Sound(np.ones(9), 22_050), Sound(np.ones(9), 22_050), 0), "2 to 1,024 sounds.*found 1"),
        (lambda s: s.kit(0, takes=9), "1 to 8 takes; found 9"),
        (lambda s: s.kit(-1), "a whole number from 0"),
        (lambda s: s.sample("kick", 2.0), "1 to 1,024 sounds; found 2.0"),
        (lambda s: s.sample("kick", 1, 1.5), "a whole number from 0 to 4294967295; found 1.5"),
        (lambda s: s.sample("kick", 1, None), "a whole number from 0 to 4294967295; found None"),
        (lambda s: s.sample("kick", 3, only=[1.5]), "numbers from 0 to 2"),
        (lambda s: s.sample(["kick"]), r"a class's name, or class → weight; found \['kick'\]"),
        (lambda s: s.sample({"kick": "a"}), "weights of at least 0; found kick=a"),
        (lambda s: s.vary(Sound(np.ones(9), 22_050, "kick"), None), "a number from 0 to 1; found None"),
        (lambda s: s.morph(Sound(np.ones(9), 22_050), Sound(np.ones(9), 22_050), 1.5), "2 to 1,024 sounds.*found 1.5"),
        (lambda s: s.kit(0, takes=1.5), "1 to 8 takes; found 1.5"),
        (lambda s: s.encode(np.ones(9)), "a Sound, a SoundCode or a path; found ndarray; wrap samples as"),
        (lambda s: s.vary(dataclasses.replace(CODE, code=np.full(6, np.nan, np.float32))), "a code of finite numbers; found NaN"),
        (lambda s: s.encode(Sound(np.zeros(9), 22_050, name="x")), "x: expected a sound in the first 0.17 s, .*; found silence"),
        (lambda s: s.encode(Sound(np.append(np.zeros(9_000), 1), 22_050)), "sound: expected a sound in the first"),
    ],
)
def test_what_is_out_of_range_is_refused(sounds, call, said) -> None:
    with pytest.raises(InputError, match=said):
        call(sounds)


# Kits


def test_a_kit_has_a_sound_and_takes_for_each_lane_at_its_level(sounds) -> None:
    kit = sounds.kit(3, BUILT_IN["pocket"], takes=3)
    assert kit.classes == {
        "kick": "kick", "snare": "snare", "closed_hat": "hihat_closed", "open_hat": "hihat_open", "tom": "kick",
        "ride": "hihat_open", "crash": "hihat_open",
    }  # fmt: skip
    assert {lane: len(kit.sounds(lane)) for lane in kit.samples} == dict.fromkeys(kit.classes, 3)
    assert kit.chokes == ((("closed_hat", "open_hat"), ("open_hat",)),)
    for lane, want in (("kick", -17.0), ("snare", -21.5), ("closed_hat", -28.5)):
        for sound in kit.made[lane]:
            assert loudest_moment(sound.audio, 22_050) == pytest.approx(want, abs=0.1) or np.abs(sound.audio).max() == 1
    # A lane is the same in any kit of the same seed, and each lane its own.
    np.testing.assert_array_equal(kit.samples["snare"], sounds.kit(3, takes=1).samples["SD"])
    assert not np.array_equal(kit.made["ride"][0].audio, kit.made["crash"][0].audio)
    assert not np.array_equal(kit.samples["kick"], sounds.kit(4, takes=1).samples["BD"])
    assert len(np.unique(audios(list(kit.made["kick"])), axis=0)) == 3


def test_lanes_that_the_model_has_nothing_for_are_silent(sounds) -> None:
    kit = sounds.kit(takes=1)
    assert (kit.silent, kit.classes["RS"]) == (("CB",), "snare")
    assert "no class of the model comes near CB" in kit.lines()[-1]
    with pytest.raises(InputError, match=r"a drum map with a lane of the model's classes .*found 'whistles'"):
        sounds.kit(0, DrumMap("whistles", ("w",), ((71,),), (71,)))


@pytest.mark.parametrize("lanes", [("a/b", "c"), ("..", "c"), ("BD", "bd"), (" ", "x"), ("a\0", "x")])
def test_lanes_without_names_for_files_are_refused(sounds, tmp_path, lanes) -> None:
    kit = sounds.kit(0, DrumMap("mine", lanes, ((36,), (38,)), (36, 38)), takes=1)
    with pytest.raises(InputError, match="a lane with a name for a file of its own"):
        kit.save(tmp_path)
    assert not list(tmp_path.iterdir())


# Codes in files


def test_a_code_file_gives_the_code_back_to_the_bit(sounds, click, tmp_path) -> None:
    code = sounds.encode(click, {"kick": 1, "snare": 3})
    code.save(tmp_path / "c.json")
    read = sounds.encode(tmp_path / "c.json")
    np.testing.assert_array_equal(read.code, code.code)
    assert (read.mix, read.chosen_by, read.name) == (code.mix, code.chosen_by, "click")
    assert read.position == pytest.approx(code.position, rel=1e-6)
    np.testing.assert_array_equal(sounds.vary(tmp_path / "c.json", 0.4, 2)[1].audio, sounds.vary(code, 0.4, 2)[1].audio)
    assert sounds.encode(tmp_path / "c.json", "snare").mix == {"snare": 1.0}
    assert (tmp_path / "c.json").read_text().isascii()
    with pytest.raises(InputError, match=r"a code file that ends in \.json"):
        code.save(tmp_path / "c.wav")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "a code file of"),
        ({"code": [0.0] * 5}, "a code of 6 numbers"),
        ({"code": ["a"] * 6}, "a code of numbers"),
        ({"code": [1e300] * 6}, "a code of numbers"),
        ({"code": None}, "a code of numbers"),
        ({"class": {}}, "classes with weights"),
        ({"class": {"tuba": 1.0}}, "found 'tuba'"),
        ({"class": {"kick": -1.0}}, "weights of at least 0"),
        ({"class": "kick"}, "classes with weights"),
        ({"position": [1, 2]}, "a position of three numbers"),
        ({"class_chosen_by": "fate"}, "who chose the class"),
        ({"provenance": {"model": {"name": "x", "sha256": "ab" * 32}}}, "a code of this model"),
    ],
)
def test_a_code_file_that_is_none_of_this_model_is_refused(sounds, click, tmp_path, change, said) -> None:
    value = sounds.encode(click, "kick").to_json() | change
    (tmp_path / "c.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match=said) as refused:
        sounds.encode(tmp_path / "c.json")
    assert refused.value.path == str(tmp_path / "c.json")


# Vocoders, and how models are found


def test_a_model_by_itself_takes_the_vocoder_that_is_named(sounds, untrained_sounds) -> None:
    """Nothing but its precision distinguishes it from the packed one."""
    alone = drumjax.load(untrained_sounds / "cwae", vocoder=untrained_sounds / "mcnn")
    assert isinstance(alone, SoundInstrument)
    here = sounds.sample("kick", 1, 2)[0].audio
    assert np.abs(alone.sample("kick", 1, 2)[0].audio - here).mean() < 0.01 * np.abs(here).mean()
    assert alone.vocoder_input == {
        "path": str(untrained_sounds / "mcnn"),
        "sha256": checkpoint.fingerprint(untrained_sounds / "mcnn" / "checkpoints" / "1"),
    }
    packed = drumjax.load(untrained_sounds / "cwae", vocoder=untrained_sounds / "packed")  # its member of that role
    assert np.abs(packed.sample("kick", 1, 2)[0].audio - here).mean() < 0.01 * np.abs(here).mean()


def test_griffin_and_lim_need_no_vocoder(sounds, untrained_sounds) -> None:
    plain = drumjax.load(untrained_sounds / "packed", vocoder="griffin-lim")
    made = plain.sample("snare", 1, 4)[0]
    expected = np.asarray(griffin_lim(made.mel[None], sounds.mel, jax.random.key(0)))[0]
    np.testing.assert_allclose(made.audio, expected / np.abs(expected).max(), atol=1e-3)
    assert made.provenance["parameters"] == {"label": "snare", "n": 1, "vocoder": "griffin-lim"}


def test_the_shipped_vocoder_is_taken_where_it_fits(untrained_sounds, monkeypatch) -> None:
    monkeypatch.setattr(loading, "shipped_models", lambda: {"packed": untrained_sounds / "packed"})
    alone = drumjax.load(untrained_sounds / "cwae")
    assert alone.vocoder_input["path"] == "packed"
    monkeypatch.setattr(loading, "shipped_models", dict)
    with pytest.raises(InputError, match="none in its folder, and none of them among the shipped models; name one with --vocoder"):
        drumjax.load(untrained_sounds / "cwae")


def test_a_vocoder_of_other_spectrograms_is_refused(untrained_sounds) -> None:
    said = r"a vocoder of the model's spectrograms \(fft_samples 256\); found fft_samples 512; name a vocoder that was trained"
    with pytest.raises(InputError, match=said):
        drumjax.load(untrained_sounds / "cwae", vocoder=untrained_sounds / "other")
    with pytest.raises(InputError, match="expected a vocoder; found a model of the system 'cwae'"):
        drumjax.load(untrained_sounds / "cwae", vocoder=untrained_sounds / "cwae")
    with pytest.raises(InputError, match="found a vocoder alone; name the model whose spectrograms it hears"):
        drumjax.load(untrained_sounds / "mcnn")
    with pytest.raises(InputError, match=r"a model of sounds for a vocoder; found one of 'pattern-vae'"):
        drumjax.load("pattern-vae", vocoder="griffin-lim")


def test_each_kind_of_model_is_refused_where_the_other_is_wanted(untrained_sounds) -> None:
    with pytest.raises(InputError, match="expected a model of patterns; found a model of sounds"):
        loading.load_patterns_instrument(untrained_sounds / "packed")
    with pytest.raises(InputError, match="expected a model of sounds; found a model of patterns"):
        loading.load_sounds_instrument("pattern-gan")


def resaved(source: Path, place: Path, half: bool = False, **changes) -> Path:
    playing = checkpoint.load_playing(checkpoint.find(source))
    card = {**playing.card, **changes}
    tree = {"play": {"params": changes.pop("params", playing.params), "extra": changes.pop("extra", playing.extra)}}
    return checkpoint.save(place, tree, {checkpoint.CARD: {k: v for k, v in card.items() if k not in ("params", "extra")}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: {"play": {**p.card["play"], "classes": ["kick"] * 4}}, "1 classes for a model of 4"),
        (lambda p: {"play": {**p.card["play"], "classes": "kick"}}, "no names of classes"),
        (lambda p: {"play": {k: v for k, v in p.card["play"].items() if k != "pca"}}, "no principal components"),
        (lambda p: {"play": {**p.card["play"], "pca": {**p.card["play"]["pca"], "mean": [0.0]}}}, "mean of the principal"),
        (lambda p: {"play": {**p.card["play"], "mel": {**p.card["play"]["mel"], "bins": 25}}}, "spectrograms of 60 × 25"),
        (lambda p: {"play": {}}, "the spectrogram and the model configuration that playing needs"),
        (lambda p: {"config": {"model": {**p.card["config"]["model"], "dense": [17]}}}, "weights that fit the configuration"),
        (lambda p: {"params": {"cwae": {"encoder": p.params["cwae"]["encoder"]}}}, "weights that fit the configuration"),
        (lambda p: {"extra": {}}, "weights that fit the configuration"),
    ],
)
def test_a_card_that_cannot_be_played_is_refused(untrained_sounds, tmp_path, change, said) -> None:
    playing = checkpoint.load_playing(checkpoint.find(untrained_sounds / "cwae"))
    resaved(untrained_sounds / "cwae", tmp_path / "m", **change(playing))
    with pytest.raises(InputError, match=said) as caught:
        drumjax.load(tmp_path / "m", vocoder="griffin-lim")
    assert caught.value.path.startswith(str(tmp_path / "m"))


def test_weights_that_make_no_sound_are_the_models_fault(untrained_sounds, tmp_path) -> None:
    playing = checkpoint.load_playing(checkpoint.find(untrained_sounds / "mcnn"))
    params = {"mcnn": {**playing.params["mcnn"], "a": np.float32("nan")}}
    resaved(untrained_sounds / "mcnn", tmp_path / "m", params=params)
    broken = drumjax.load(untrained_sounds / "cwae", vocoder=tmp_path / "m")
    with pytest.raises(InputError, match="a code of which the model makes sound; found NaN"):
        broken.sample("kick")


# Records


def test_every_record_is_short_and_names_what_went_in(sounds, click, tmp_path) -> None:
    far = tmp_path.joinpath(*["ü" * 60] * 3)
    far.mkdir(parents=True)
    far = click.rename(far / "click.wav")
    mix = {"kick": 1 / 3, "snare": 1 / 7, "hihat_open": 0.1, "hihat_closed": 0.3}
    alone = dataclasses.replace(sounds, name="ö" * 200, vocoder_input={"path": "ä" * 200, "sha256": "ab" * 32})
    made = [
        *alone.sample(mix, 1024, 2**32 - 1, only=[1023]),
        *alone.morph(far, far, 1022, labels=(mix, mix), only=[1000]),
        *alone.vary(far, 1 / 3, 1024, 2**32 - 1, mix, only=[5]),
    ]
    for sound in made:
        record = sound.cropped(1 / 300, 1 / 30, silence_db=-61.2345678901234).provenance
        assert len(dumps(record)) <= 2000
        assert record["inputs"][-1]["sha256"] == "ab" * 32
    assert [len(sound.provenance["inputs"]) for sound in made] == [1, 3, 2]
    counted = sounds.sample("kick", np.int64(2), np.uint32(3))[1]  # NumPy's numbers are numbers
    assert dumps(counted.provenance) == dumps(sounds.sample("kick", 2, 3)[1].provenance)
    made_of_made = sounds.vary(sounds.sample("kick")[0])[0]
    assert made_of_made.provenance["inputs"][0]["verb"] == "sound sample"
