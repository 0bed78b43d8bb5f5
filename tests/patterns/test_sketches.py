"""Sketches of performances: a golden case by hand, their text, and which performances are kept."""

from __future__ import annotations

import numpy as np
import pytest

from drumjax.patterns.sketches import read_sketch, sketch_of, sketch_text, sketches_of
from drumjax.patterns.templates import CLOSED_HAT, KICK, SNARE, TemplateRules


def test_a_sketch_is_the_template_and_the_outlines_with_silent_steps_filled() -> None:
    velocity, offset = np.zeros((2, 32, 7), np.float32)
    velocity[::16, KICK], velocity[4::8, SNARE], velocity[7, SNARE] = 0.9, 0.8, 0.2
    velocity[::8, CLOSED_HAT], velocity[4::8, CLOSED_HAT] = 1.0, 0.5
    offset[::16, KICK], offset[4::8, SNARE], offset[7, SNARE] = -0.1, 0.3, -0.5
    made = sketch_of(velocity, offset, TemplateRules())
    template, accents, feel = sketch_text(made).split()
    # Bits: kick 1, snare 2, hat 4. The hat is made even, the ghost note on step 7 goes.
    assert template == "5040604040406040" * 2
    # Quarters in the highest class and in the third by turns. Between them is no cymbal: a class below the quarters' usual
    # one, which is the lower of two that are as usual.
    assert accents == "41112111" * 4
    # Each bar's one is early by its kick, its third quarter on the beat, its backbeats late. Of the last 16ths only step 7 is
    # hit, early; the other two have the most usual class of all, which is late.
    assert feel == "pllplllpollplllp" * 2
    for one, other in zip(made, read_sketch(sketch_text(made), 32), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_no_sketch_is_refused() -> None:
    right = f"{'5' * 32} {'4' * 32} {'p' * 32}"
    assert read_sketch(right, 32).feel.tolist() == [0] * 32
    for wrong in ("", right[1:], right.replace("4", "5"), right.replace("p", "x"), right.replace("5", "g")):
        with pytest.raises(ValueError, match="expected"):
            read_sketch(wrong, 32)


def test_tracks_of_a_genre_take_turns_and_no_sketch_is_kept_twice() -> None:
    rng = np.random.default_rng(0)
    velocity = np.where(rng.random((24, 32, 7)) < 0.2, 0.8, 0).astype(np.float32)
    velocity[20:] = velocity[20]  # the same four times
    genre = np.repeat([0, 2], [20, 4])
    data = {"velocity": velocity, "offset": 0 * velocity, "genre": genre, "group": np.array(list("a" * 17 + "bcd" + "eeff"))}
    chosen = sketches_of(data, ("rock", "polka", "jazz"), TemplateRules(), most=6)
    assert {name: len(texts) for name, texts in chosen.items()} == {"rock": 6, "jazz": 1}
    texts = [sketch_text(sketch_of(one, 0 * one, TemplateRules())) for one in velocity[:20]]
    tracks = [data["group"][texts.index(text)] for text in chosen["rock"]]
    assert sorted(tracks[:4]) == ["a", "b", "c", "d"]
    assert tracks[4:] == ["a", "a"]
    assert sketches_of(data, ("rock", "polka", "jazz"), TemplateRules(), most=6) == chosen
