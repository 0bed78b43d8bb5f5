"""The groove instrument: what it keeps and what it changes, how bars are joined, and what it refuses."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Any

import jax
import numpy as np
import pytest

import drumjax
from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments import loading
from drumjax.instruments.groove import GrooveInstrument
from drumjax.instruments.groove_functions import shapes_of, signatures
from drumjax.instruments.groove_outlines import (
    accent_classes,
    drawn_sketch,
    feel_classes,
    read_accents,
    read_feel,
    read_genre,
    sketch,
)
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns import GM, POCKET, TR808, Pattern, concatenate, read_midi_pattern
from drumjax.patterns.lanes import with_drum_map
from drumjax.patterns.templates import KICK, ON_BEAT, SNARE, TemplateRules, timing_pattern

GENRES = ("rock", "funk", "jazz")
BAR = 16


def played(bars: int, seed: int = 0, **fields: Any) -> Pattern:
    """Kick and snare with ghost notes and a hat, unevenly loud and off the grid, each bar another."""
    rng = np.random.default_rng(seed)
    hits = np.zeros((bars * BAR, 7), bool)
    hits[::8, KICK] = hits[4::8, SNARE] = hits[::2, 2] = True
    hits |= rng.random(hits.shape) < np.array([0.1, 0.15, 0, 0, 0.02, 0, 0])
    velocity = np.where(hits, rng.integers(20, 128, hits.shape) / 127, 0)
    offset = np.where(hits, rng.integers(-60, 60, hits.shape) / 60, 0)
    return Pattern(hits, velocity, offset, POCKET, **{"tempo_bpm": 100.0, **fields})


def test_the_notes_that_an_amount_takes_over_are_those_of_which_the_model_is_sure(grooves: GrooveInstrument) -> None:
    own = played(2)
    whole = grooves.groove(own, "funk", 3)
    changed = {amount: grooves.groove(own, "funk", 3, amount_notes=amount).hits != own.hits for amount in (0, 0.5, 0.8, 1)}
    np.testing.assert_array_equal(changed[1], whole.hits != own.hits)
    counts = [int(changed[amount].sum()) for amount in changed]
    assert counts[0] == 0 < counts[1] < counts[2] < counts[3]
    assert not any((changed[less] & ~changed[more]).any() for less, more in ((0, 0.5), (0.5, 0.8), (0.8, 1)))

    # The rule itself, from the logits of the very call.
    track = grooves._track(grooves._own(own), read_genre("funk", GENRES), 3, None, None)
    out: list[dict[str, np.ndarray]] = []
    run = GrooveInstrument._run

    def spied(self: Any, name: str, items: Any, **whole: Any) -> Any:
        out.append(run(self, name, items, **whole))
        return out[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GrooveInstrument, "_run", spied)
        grooves.groove(own, "funk", 3, amount_notes=0.8)
    chance = 1 / (1 + np.exp(-out[-1]["logits"][0].astype(np.float64)))
    other = np.where(track.pattern.hits, 1 - chance, chance)
    np.testing.assert_array_equal(changed[0.8], other >= 1 / 1.8)


def test_kept_notes_stay_and_others_are_added(grooves: GrooveInstrument) -> None:
    own = played(3)
    kept, free = grooves.groove(own, "rock", 1, keep_notes=True), grooves.groove(own, "rock", 1)
    assert kept.hits[own.hits].all()
    assert (kept.hits & ~own.hits).any()
    assert not free.hits[own.hits].all()


def test_amounts_mix_touch_and_timing_with_the_players_own(grooves: GrooveInstrument) -> None:
    own = played(2)
    mine = grooves.humanize(own, "jazz", 2, amount_velocity=0, amount_timing=0)
    assert mine.equals(own)
    model, half = grooves.humanize(own, "jazz", 2), grooves.humanize(own, "jazz", 2, amount_velocity=0.5, amount_timing=0.5)
    np.testing.assert_array_equal(model.hits, own.hits)
    assert np.abs(model.velocity - own.velocity).max() > 0.1
    np.testing.assert_allclose(half.velocity, (model.velocity + own.velocity) / 2, atol=1.01 / 127)
    np.testing.assert_allclose(half.offset, (model.offset + own.offset) / 2, atol=1.01 / 60)


def test_touch_and_timing_alone_leave_every_note_on_its_lane(grooves: GrooveInstrument) -> None:
    velocity = np.zeros((40, 47), np.float32)
    keys = {36: [0, 8, 16], 38: [4, 12], 37: [4], 50: [1], 41: [2], 54: [0, 5, 33], 42: [*range(0, 40, 2)]}
    for key, steps in keys.items():
        velocity[steps, key - 35] = {38: 0.8, 37: 0.4, 54: 0.777}.get(key, 0.6)
    offset = np.where(velocity > 0, 0.123, 0)
    song = Pattern(velocity > 0, velocity, offset, GM)
    made = grooves.humanize(song, "rock", 3)
    assert made.drum_map == GM
    np.testing.assert_array_equal(made.hits, song.hits)
    np.testing.assert_array_equal(made.velocity[:, 54 - 35], song.velocity[:, 54 - 35])  # a tambourine, which it does not know
    np.testing.assert_array_equal(made.offset[:, 54 - 35], song.offset[:, 54 - 35])
    on_lanes = grooves.humanize(with_drum_map(song, POCKET)[0], "rock", 3)
    for key, lane in ((36, KICK), (38, SNARE), (42, 2)):
        np.testing.assert_array_equal(made.velocity[:, key - 35], on_lanes.velocity[:, lane])
        np.testing.assert_array_equal(made.offset[:, key - 35], on_lanes.offset[:, lane])
    assert made.velocity[4, 2] == pytest.approx(made.velocity[4, 3] / 2, abs=0.51 / 127)  # the rim stays half as loud as the snare
    assert made.offset[4, 2] == made.offset[4, 3]
    assert made.velocity[1, 50 - 35] == on_lanes.velocity[1, 4] != made.velocity[2, 41 - 35] == on_lanes.velocity[2, 4]
    assert grooves.humanize(song, "rock", 3, amount_velocity=0, amount_timing=0).equals(song)
    with pytest.warns(UserWarning, match=r"knows no drum like gm54 \(3 hits\) of the pattern"):
        assert grooves.groove(song, "rock", 3).drum_map == POCKET


def test_drawn_notes_are_those_that_the_network_read_back(grooves: GrooveInstrument) -> None:
    seen: list[tuple[dict[str, Any], dict[str, np.ndarray]]] = []
    run = GrooveInstrument._run

    def spied(self: Any, name: str, items: Any, **whole: Any) -> Any:
        seen.append(({**items, **whole}, run(self, name, items, **whole)))
        return seen[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GrooveInstrument, "_run", spied)
        grooves.generate("rock", n=2, seed=1, notes="drawn")
    asked, made = seen[-1]
    assert 0 < made["note"].mean() < 1
    # Forced to read what it put out, it says the very same of the next step.
    key, threshold = asked.pop("key"), asked.pop("threshold")
    told = np.concatenate([made["note"], made["velocity"], made["offset"]], -1)
    forced = run(grooves, "play", asked | {"before": told, "settled": ~asked["settled"]}, key=key, threshold=threshold)
    np.testing.assert_allclose(forced["logits"], made["logits"], atol=1e-5)


def test_another_length_seed_genre_or_amount_compiles_nothing(grooves: GrooveInstrument, compilations: list[str]) -> None:
    grooves.groove(played(2), "rock", 1)
    grooves.transfer(played(2), played(2))
    compilations.clear()
    grooves.groove(played(5), "jazz=1,funk=2", 77, amount_notes=0.3, amount_velocity=0.1, amount_timing=0.2, temperature=2)
    grooves.groove(played(3), keep_notes=True, notes="drawn", feel="push", accents="94")
    grooves.humanize(played(1).window(0, 7))
    grooves.transfer(played(3), played(4), "funk", seed=8)
    grooves.generate(n=3, bars=3)
    assert not compilations


def test_what_a_user_does_not_give_is_taken_from_the_training_set(grooves: GrooveInstrument) -> None:
    (known,) = grooves.sketches["rock"]
    asked: list[dict[str, Any]] = []
    run = GrooveInstrument._run

    def spied(self: Any, name: str, items: Any, **whole: Any) -> Any:
        if name == "play":
            asked.append(items)
        return run(self, name, items, **whole)

    flat = Pattern.from_grid(np.where(played(3).hits, 0.8, 0), drum_map=POCKET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GrooveInstrument, "_run", spied)
        grooves.generate("rock", bars=3, seed=4)
        grooves.groove(flat, "rock")
        grooves.humanize(played(2), "rock")
    turned = np.roll(known.feel, 16), np.roll(known.accents, 16)
    for first in (0, 2):
        for name, classes, later in (("feel", known.feel, turned[0]), ("accents", known.accents, turned[1])):
            np.testing.assert_array_equal(asked[first][name][0], classes)
            np.testing.assert_array_equal(asked[first + 1][name][0], later)
    np.testing.assert_array_equal(asked[0]["template"][0], known.template)
    # Of a pattern that has its own they are its own; steps that it leaves open lean as the others.
    own, heard = timing_pattern(played(2).velocity, played(2).offset), played(2).hits.any(1)
    np.testing.assert_array_equal(asked[4]["feel"][0][heard], own[heard])
    assert not (asked[4]["feel"][0] == ON_BEAT)[~heard].any()

    sketches = {"rock": (known,) * 2, "funk": (known._replace(feel=0 * known.feel),)}
    drawn = [drawn_sketch(sketches, {"rock": 0.75, "funk": 0.25}, seed, slot) for seed in range(40) for slot in range(10)]
    assert 270 < sum(one is known for one in drawn) < 330
    assert drawn_sketch(sketches, {"jazz": 1.0}, 0, 0) is None


def test_a_longer_track_begins_as_a_shorter_one(grooves: GrooveInstrument) -> None:
    own = played(5)
    long, short = grooves.groove(own, "funk", 4), grooves.groove(own.window(0, 3 * BAR), "funk", 4)
    assert long.window(0, 3 * BAR).equals(short)
    odd = grooves.groove(own.window(0, 37), "funk", 4)
    assert (odd.steps, odd.tempo_bpm) == (37, 100.0)
    assert odd.window(0, 2 * BAR).equals(long.window(0, 2 * BAR))


def test_a_bar_goes_on_from_the_one_before(grooves: GrooveInstrument) -> None:
    """A loop of one bar becomes steady: no bar begins anew, as every second one does where windows are played by themselves."""
    bar = played(1, seed=5)
    loop = concatenate([bar] * 7)
    steady = grooves.transfer(bar, loop, "jazz", amount_notes=0)
    bars = steady.velocity.reshape(7, BAR, 7), steady.offset.reshape(7, BAR, 7)
    begins = grooves.transfer(bar, concatenate([bar] * 2), "jazz", amount_notes=0)
    for made, alone, tick in zip(bars, (begins.velocity, begins.offset), (1 / 127, 1 / 60), strict=True):
        seam = np.abs(alone[:BAR] - alone[BAR:]).max()
        assert seam > 3 * tick  # the second bar of a window is another than its first
        assert np.abs(made[6] - made[5]).max() <= 1.01 * tick
        assert np.abs(made[3] - made[2]).max() < 0.5 * seam


def test_a_window_keeps_what_is_settled_and_reads_it(grooves: GrooveInstrument) -> None:
    seen: list[dict[str, Any]] = []
    out: list[dict[str, np.ndarray]] = []
    run = GrooveInstrument._run

    def spied(self: Any, name: str, items: Any, **whole: Any) -> Any:
        made = run(self, name, items, **whole)
        if name == "play":
            seen.append({**items, **whole})
            out.append(made)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GrooveInstrument, "_run", spied)
        grooves.generate("funk", bars=4, seed=2)
    assert len(out) == 3
    for last, now, asked in zip(out[:-1], out[1:], seen[1:], strict=True):
        for name in ("note", "velocity", "offset"):
            np.testing.assert_array_equal(now[name][:, :BAR], last[name][:, BAR:])
        np.testing.assert_array_equal(now["note_code"][:, :4], last["note_code"][:, 4:])
        assert asked["given"].tolist() == [[True] * 4 + [False] * 4]
    other = seen[-1] | {"before": np.zeros_like(seen[-1]["before"])}
    key, threshold = other.pop("key"), other.pop("threshold")
    changed = run(grooves, "play", other, key=key, threshold=threshold)
    assert np.abs(changed["velocity"] - out[-1]["velocity"])[:, BAR : BAR + 4].max() > 1e-3


def test_silent_bars_stay_silent_and_a_single_bar_is_played_as_if_repeated(grooves: GrooveInstrument) -> None:
    own = played(5)
    hits = own.hits.copy()
    hits[2 * BAR : 3 * BAR] = False
    gap = dataclasses.replace(own, hits=hits, velocity=own.velocity * hits, offset=own.offset * hits)
    made = grooves.groove(gap, "rock", 1)
    assert not made.hits[2 * BAR : 3 * BAR].any()
    assert made.hits[3 * BAR :].any()
    track = grooves._track(gap, read_genre("rock", GENRES), 1, None, None)
    assert track.template[1, BAR:].sum() == track.template[2, :BAR].sum() == 0
    assert track.template[:, :, 2].sum(axis=1).tolist() == [16, 8, 8, 16]
    assert grooves.template_of(gap.window(0, 70))[:, 2].reshape(-1, 2).any(1).tolist() == [True] * 16 + [False] * 8 + [True] * 11
    one = played(1)
    assert grooves.groove(one, "rock", 1).equals(grooves.groove(concatenate([one, one]), "rock", 1).window(0, BAR))


def test_a_groove_depends_on_seed_and_number_alone(grooves: GrooveInstrument) -> None:
    two, three = grooves.generate(n=2, seed=5), grooves.generate(n=3, seed=5)
    assert all(a.equals(b) for a, b in zip(two, three, strict=False))
    assert not three[0].equals(three[1])
    assert not grooves.generate("rock", seed=6)[0].equals(grooves.generate("rock", seed=5)[0])
    # Names of mixes are names of files too, as the page on grooves uses them.
    mixed = grooves.generate({"rock": 0.6, "funk": 0.4}, n=2, seed=5)
    assert [groove.name for groove in mixed] == ["rock+funk 1", "rock+funk 2"]
    assert [pattern.genre for pattern in three] == ["rock", "funk", "jazz"]
    longer = grooves.generate(n=2, bars=3, seed=5)
    assert all(long.window(0, 2 * BAR).equals(short) for long, short in zip(longer, two, strict=True))
    assert grooves.generate("rock", bars=1, seed=5)[0].equals(grooves.generate("rock", seed=5)[0].window(0, BAR))


def test_genre_outlines_and_temperature_are_heard(grooves: GrooveInstrument) -> None:
    own = played(2)

    def offsets(**how: Any) -> np.ndarray:
        return grooves.humanize(own, **{"genre": "rock", **how}).offset

    assert not np.array_equal(offsets(), offsets(genre="jazz"))
    assert not np.array_equal(offsets(), offsets(genre={"rock": 0.5, "jazz": 0.5}))
    np.testing.assert_array_equal(offsets(), grooves.humanize(dataclasses.replace(own, genre="Rock")).offset)
    push, drawn = offsets(feel="push"), offsets(feel="p" * 32)
    np.testing.assert_array_equal(push, drawn)
    assert not np.array_equal(push, offsets(feel="laid_back"))
    np.testing.assert_array_equal(offsets(feel=[-1, 1]), offsets(feel="pl"))
    usual = [grooves.humanize(own, "rock", seed, temperature=0) for seed in (1, 2)]
    assert usual[0].equals(usual[1])
    loud, soft = (grooves.humanize(own, "rock", accents=accents).velocity for accents in ("9", "1"))
    assert not np.array_equal(loud, soft)
    assert grooves.groove(own, "rock", 1, notes="drawn").hits.sum() != grooves.groove(own, "rock", 1).hits.sum()


def test_a_transfer_takes_the_references_codes_bar_by_bar(grooves: GrooveInstrument) -> None:
    reference, own = played(3, seed=8), played(5, seed=9)
    track = grooves._track(own, read_genre("jazz", GENRES), 0, None, None)
    track = grooves._as_played(track, reference, drawn_feel=False, drawn_accents=True)
    turned = concatenate([reference, reference])
    genre = np.array([[0, 0, 1]], np.float32)
    for window in range(4):
        part = turned.window(window % 3 * BAR, 2 * BAR)
        alone = grooves._run("encode", {"velocity": part.velocity[None], "offset": part.offset[None], "genre": genre})
        for name, code in alone.items():
            np.testing.assert_allclose(track.codes[name][window], code[0], atol=1e-5, err_msg=name)
    assert not grooves.transfer(reference, own).equals(grooves.transfer(played(3, seed=10), own))


def test_microtiming_survives_a_midi_file(grooves: GrooveInstrument, tmp_path) -> None:
    for made in (grooves.groove(played(3), "funk", 3), grooves.generate("jazz", bars=4, seed=1)[0]):
        made.save(tmp_path / "a.mid")
        read, _ = read_midi_pattern(tmp_path / "a.mid", drum_map=POCKET)
        np.testing.assert_array_equal(read.hits, made.hits)
        np.testing.assert_array_equal(read.velocity, made.velocity)
        late = made.offset.copy()
        late[0] = np.maximum(late[0], 0)  # nothing is before the beginning of a file
        np.testing.assert_array_equal(read.offset, late)
        assert np.count_nonzero(made.offset[made.hits]) > 0.5 * made.hits.sum()


def test_any_pattern_is_played_or_refused_with_what_to_do(grooves: GrooveInstrument) -> None:
    own = played(2)

    def grid(lanes: int, drum_map: Any, *cells: tuple[int, int]) -> Pattern:
        values = np.zeros((32, lanes), np.float32)
        for cell in cells:
            values[cell] = 0.8
        return Pattern.from_grid(values, drum_map=drum_map, name="p")

    for sketched in (grid(7, POCKET, (0, 2)), grid(7, POCKET, (5, 4)), grid(6, TR808, (0, 0), (8, 1), (3, 4))):
        assert grooves.groove(sketched, "rock").drum_map == POCKET
    refused = [
        (dataclasses.replace(own, metre=(3, 4)), r"pattern in 4/4; found 3/4; choose one in 4/4"),
        (grid(7, POCKET), r"p: expected a pattern with hits; found silence; put a kick"),
        (grid(47, GM, (0, 45)), r"expected hits of the drum map 'pocket'; found hits on gm80 alone; read the file"),
        (Pattern.from_grid(np.zeros((0, 7)), drum_map=POCKET), r"1 to 4,096 bars; found no steps"),
        (Pattern.from_grid(np.ones((160_000, 7)), drum_map=POCKET), r"1 to 4,096 bars; found 10,000 bars; cut it"),
    ]
    for pattern, said in refused:
        for play in (
            grooves.groove,
            grooves.humanize,
            functools.partial(grooves.transfer, own),
            lambda p: grooves.transfer(p, own),
        ):
            with pytest.raises(InputError, match=said):
                play(pattern)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"genre": "fnk"}, "a genre of rock, funk, jazz; found 'fnk'; did you mean 'funk'"),
        ({"genre": {"funk": -1}}, "weights of at least 0"),
        ({"genre": "funk=nan"}, "genre: expected a genre, or weights such as jazz=0.7,funk=0.3; found 'funk=nan'"),
        ({"seed": -1}, "seed: expected a whole number"),
        ({"amount_notes": 2}, "amount_notes: expected a number from 0 to 1"),
        ({"amount_velocity": float("nan")}, "amount_velocity: expected a number from 0 to 1; found nan"),
        ({"amount_timing": -0.1}, "amount_timing: expected a number from 0 to 1"),
        ({"temperature": float("nan")}, "temperature: expected 0 to 10"),
        ({"notes": "many"}, "'likely' or 'drawn'"),
        ({"feel": "pxl"}, "one letter p, o or l a step; found 'pxl'"),
        ({"feel": "p" * 129}, "at most 128 steps; found 129"),
        ({"accents": "12a"}, "one digit from 0 to 9"),
        ({"accents": [0.5, 2]}, "accents from 0 to 1"),
    ]
    for options, said in wrong:
        with pytest.raises(InputError, match=said):
            grooves.groove(own, **options)
    with pytest.raises(InputError, match=r"bars: expected 1 to 40 bars, 4,096 in all; found 41"):
        grooves.generate(n=100, bars=41)
    plain = dataclasses.replace(grooves, config=dataclasses.replace(grooves.config, use_patterns=False))
    with pytest.raises(InputError, match="feel: expected a model that is told control patterns"):
        plain.groove(own, feel="push")
    deaf = dataclasses.replace(grooves, config=dataclasses.replace(grooves.config, use_genre=False))
    with pytest.raises(InputError, match="genre: expected a model that is told genres; found one that is not; leave it out"):
        deaf.humanize(own, "funk")
    assert deaf._genre(None, dataclasses.replace(own, genre="funk")) == read_genre(None, GENRES)


def test_outlines_and_genres_are_read_as_written() -> None:
    assert [read_feel(feel) for feel in ("push", "laid-back", "pol", [-0.2, 0, 3])] == ["push", "laid_back", "pol", "pol"]
    assert feel_classes("pol", 5).tolist() == [0, 1, 2, 0, 1]
    assert read_accents([0, 0.31, 0.95]) == "039"
    assert accent_classes("0234678", 9).tolist() == [0, 0, 1, 1, 2, 3, 3, 0, 0]
    assert accent_classes("59", 2).tolist() == [2, 4]
    assert read_genre("Hip-Hop", ("hiphop", "jazz")) == {"hiphop": 1.0}
    assert read_genre("jazz=3,hiphop=1", ("hiphop", "jazz")) == {"hiphop": 0.25, "jazz": 0.75}
    assert read_genre(None, GENRES) == dict.fromkeys(GENRES, 0.333333)
    drawn = np.stack([sketch({"rock": 1.0}, seed, 0, 48) for seed in range(40)])
    assert drawn[:, 0, KICK].all()
    assert (drawn[:, :, SNARE].sum(1) > 2).all()
    np.testing.assert_array_equal(drawn[:, 32:], drawn[:, :16])
    assert len({grid.tobytes() for grid in drawn}) > 20


@pytest.mark.parametrize(
    "config",
    [PocketVAEConfig(use_genre=False), PocketVAEConfig(variant="2-step-vae", use_patterns=True), PocketVAEConfig(variant="1-step")],
    ids=["without genres", "2-step-vae", "1-step"],
)
def test_every_variant_plays(config: PocketVAEConfig) -> None:
    """The shapes of all signatures at the paper's size, with the arguments that the instrument gives."""
    params, extra, prior = shapes_of(config)
    weights = {"params": params, "extra": extra} | ({} if prior is None else {"prior": prior})
    functions = signatures(config, TemplateRules())

    def like(*shape: int, of: Any = np.float32) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((2, *shape), of)

    key, grid = jax.ShapeDtypeStruct((2,), np.uint32), like(32, 7)
    item = {"key": key, "slot": like(of=np.int32), "window": like(of=np.int32), "temperature": like()}
    codes = jax.eval_shape(functions["encode"], weights, grid, grid, like(6))
    drawn = jax.eval_shape(functions["draw"], weights, **item)
    assert drawn.keys() == codes.keys() - ({"note_code"} if prior is not None else set())
    assert all(codes[name].shape == code.shape for name, code in drawn.items())
    steps = {"feel": like(32, of=np.int32), "accents": like(32, of=np.int32)} if config.use_patterns else {}
    given = {} if prior is None else {"given": like(8, of=np.bool_)}
    scalars = {name: like() for name in ("keep", "amount", "drawn")} | {"threshold": jax.ShapeDtypeStruct((), np.float32)}
    before = {"before": like(32, 21), "settled": like(32, of=np.bool_), "sounding": like(32)}
    told = {"template": grid, "genre": like(6), "own": grid, **codes, **given, **steps}
    made = jax.eval_shape(functions["play"], weights, **item, **told, **scalars, **before)
    assert made.pop("note_code").shape == codes["note_code"].shape
    assert {name: value.shape for name, value in made.items()} == dict.fromkeys(
        ("logits", "note", "velocity", "offset"), (2, 32, 7)
    )


def test_models_of_other_kinds_and_damaged_ones_are_refused(untrained_grooves, tmp_path) -> None:
    with pytest.raises(InputError, match="expected a model of grooves; found a model of patterns; name one"):
        loading.load_grooves_instrument("pattern-gan")
    with pytest.raises(InputError, match=r"found a model of grooves; .*play this one with 'drumjax groove'"):
        loading.load_patterns_instrument(untrained_grooves)
    playing = checkpoint.load_playing(checkpoint.find(untrained_grooves))
    faults: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"play": {}}, {}, "the drum map, genres, rules, threshold"),
        ({"play": {**playing.card["play"], "note_threshold": 2}}, {}, "the drum map, genres, rules, threshold"),
        ({"play": {**playing.card["play"], "genres": ["rock"]}}, {}, "7 lanes, 3 genres and grooves of 32 steps"),
        ({"play": {**playing.card["play"], "sketches": {"rock": ["50"]}}}, {}, "a sketch of three words of 32 characters"),
        ({}, {"prior": {}}, "weights that fit the configuration on its card, prior/"),
        ({}, {"prior": None}, r"with its second stage, .*; found one that stopped before it, at step 1; resume it"),
    ]
    for k, (card, params, said) in enumerate(faults):
        stored = {role: tree for role, tree in {**playing.params, **params}.items() if tree is not None}
        items = {"play": {"params": stored, "extra": playing.extra}}
        place = checkpoint.save(tmp_path / f"{k}" / "checkpoints" / "1", items, {checkpoint.CARD: {**playing.card, **card}})
        with pytest.raises(InputError, match=said):
            drumjax.load(place)


def test_signatures_are_named_as_they_are_documented(grooves: GrooveInstrument) -> None:
    functions = grooves.signatures()
    documented = inspect.getdoc(signatures) or ""
    for name, function in functions.items():
        assert f"- `{name}`:" in documented
        for argument in list(inspect.signature(function).parameters)[1:]:
            assert f"`{argument}`" in documented or argument.endswith("_code"), argument


def test_functions_can_be_exported_for_any_number_of_grooves(grooves: GrooveInstrument, compiled_quickly: None) -> None:
    """As StableHLO with a symbolic number of items, which is what a SavedModel holds."""
    rng, config = np.random.default_rng(0), grooves.config
    row = (config.steps,)
    own = played(2)
    arguments = {
        "encode": {"velocity": own.velocity, "offset": own.offset, "genre": np.ones(3) / 3},
        "draw": {"slot": 0, "window": 0, "temperature": 1.0},
    }
    codes = {"note_code": np.zeros(config.code_steps, np.int32), "given": np.zeros(config.code_steps, bool)}
    codes |= {name: rng.normal(size=config.expressive_code) for name in ("velocity_code", "timing_code")}
    arguments["play"] = {
        **arguments["draw"], **codes, "genre": np.ones(3) / 3, "template": own.hits * 1.0, "own": own.hits * 1.0, "keep": 0.0,
        "amount": 0.8, "sounding": np.ones(row), "drawn": 0.0, "before": np.zeros((config.steps, 3 * config.lanes)),
        "settled": np.zeros(row, bool), "feel": np.full(row, ON_BEAT), "accents": np.zeros(row, np.int32),
    }  # fmt: skip
    whole = {"key": np.array([0, 7], np.uint32), "threshold": np.float32(0.5)}
    (items,) = jax.export.symbolic_shape("items")
    for name, function in grooves.signatures().items():
        given = {key: value for key, value in whole.items() if key in inspect.signature(function).parameters}

        def batch(n: int, arguments: dict[str, Any] = arguments[name]) -> dict[str, np.ndarray]:
            def one(value: Any) -> np.ndarray:
                array = np.asarray(value)
                return array.astype({"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype))

            return {key: np.stack([one(value)] * n) for key, value in arguments.items()}

        abstract = {key: jax.ShapeDtypeStruct((items, *array.shape[1:]), array.dtype) for key, array in batch(1).items()}
        exported = jax.export.export(jax.jit(function))(grooves.weights, **given, **abstract)
        ours, theirs = (call(grooves.weights, **given, **batch(3)) for call in (jax.jit(function), jax.jit(exported.call)))
        assert set(ours) == set(theirs)
        for key in ours:
            np.testing.assert_allclose(theirs[key], ours[key], atol=1e-5, err_msg=f"{name} {key}")
