"""Techno: four on the floor, an open hat between the beats, few sounds, loops that turn against the bar."""

from __future__ import annotations

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.rhythm import (
    ACCENT,
    BAR,
    BD,
    CH,
    GHOST,
    NORMAL,
    OH,
    REST,
    RS,
    SD,
    SOFT,
    STEPS,
    at,
    contour,
    dealt,
    euclid,
    figure,
    loop,
)
from drumjax.synth.style import Style, Tier

_CELLS = {
    (1, 3): 4,
    (1, 5): 2,
    (2, 5): 3,
    (2, 7): 2,
    (3, 7): 2,
    (1, 6): 2,
    (2, 6): 1,
    (3, 10): 1,
    (5, 12): 1,
    (1, 7): 1,
    (4, 14): 1,
}
"""Hits and period of the loops that rim and cowbell play against the bar."""


def kick(dice: Dice, tier: Tier) -> np.ndarray:
    """The floor, and what the genre allows itself beside it."""
    floor = at((0, 4, 8, 12), ACCENT)
    if dice.chance(0.25):
        floor[[4, 12]] = NORMAL
    family = dice.pick({"straight": 60, "pickup": 14 if tier != "sparse" else 6, "rumble": 8, "double": 6, "broken": 9, "half": 3})
    if family == "pickup":
        floor[dice.pick({14: 4, 15: 3, 11: 2, 7: 2, 3: 1})] = NORMAL
    elif family == "rumble":
        floor[np.resize(figure(dice.pick({"..gg": 3, "..g.": 3, ".ggg": 1})), BAR) > 0] = GHOST
    elif family == "double":
        floor[dice.one((10, 6, 14))] = NORMAL
        floor[dice.one((3, 11, 15))] = SOFT
    elif family == "broken":
        return at(
            dice.pick({(0, 6, 10): 3, (0, 3, 6, 8, 11, 14): 2, (0, 3, 8, 11): 2, (0, 4, 7, 10, 12): 2, (0, 6, 8, 14): 1}), ACCENT
        )
    elif family == "half":
        floor[[4, 12]] = REST
    return floor


def clap(dice: Dice, tier: Tier) -> np.ndarray:
    """On two and four, or a single late one, or light off-beat strokes."""
    family = dice.pick({"backbeat": 60, "one": 14, "light": 14, "skip": 7, "off": 5})
    if family == "backbeat":
        return at((4, 12), dice.pick({ACCENT: 2, NORMAL: 3}))
    if family == "one":
        return at((dice.pick({12: 4, 4: 2, 15: 1, 7: 1}),), NORMAL)
    if family == "light":
        return at(dice.pick({(7,): 3, (3, 11): 2, (7, 15): 2, (14,): 2, (6, 14): 1}), SOFT)
    if family == "skip":
        return at((4, 12), NORMAL) + at((dice.one((7, 9, 15)),), GHOST)
    return contour(euclid(dice.one((3, 5)), BAR, 2 * dice.below(4)), "xo")


def closed_hat(dice: Dice, tier: Tier) -> np.ndarray:
    """Sixteenths with the loud one between the beats, off-beats, eighths, or a loop of three."""
    dense = tier == "dense"
    family = dice.pick({"sixteenths": 50 if dense else 32, "off": 22, "eighths": 14, "gallop": 12, "three": 8, "tick": 6})
    if family == "sixteenths":
        return np.resize(figure(dice.pick({"ooXo": 5, "xoXo": 4, "oooo": 2, "xxxx": 2, ".oxo": 3, "ogxg": 3, "Xoxo": 1})), BAR)
    if family == "off":
        return np.resize(figure(dice.pick({"..X.": 3, "..x.": 3, "..xo": 1})), BAR)
    if family == "eighths":
        return np.resize(figure(dice.pick({"o.X.": 3, "x.x.": 2, "x.X.": 1})), BAR)
    if family == "gallop":
        return np.resize(figure(dice.pick({"..xo": 3, "x.xo": 2, ".oX.": 2, "o.xx": 1})), BAR)
    if family == "three":
        return loop(figure(dice.pick({"x..": 2, "xo.": 2, "Xoo": 1})), dice.one((BAR, STEPS)))
    return at(dice.pick({(4, 12): 2, (0, 4, 8, 12): 2, (10,): 1}), SOFT)


def open_hat(dice: Dice, tier: Tier) -> np.ndarray:
    """Between the beats, all of them or a few."""
    level = dice.pick({NORMAL: 3, ACCENT: 2, SOFT: 1})
    return at(dice.pick({(2, 6, 10, 14): 68, (6, 14): 8, (2, 10): 5, (14,): 7, (10,): 6, (2,): 4, (2, 6, 10): 2}), level)


def rim(dice: Dice, tier: Tier) -> np.ndarray:
    """A loop whose period is not the bar's, or a Euclidean bar."""
    if dice.chance(0.65):
        hits, period = dice.pick(_CELLS)
        cell = dealt(euclid(hits, period, dice.below(period)), dice.pick({"x": 3, "xo": 2, "o": 2, "Xo": 1}))
        return loop(cell, dice.pick({STEPS: 4, 32: 3, BAR: 1}))
    hits = dice.pick({3: 3, 5: 3, 7: 2, 2: 2})
    return dealt(euclid(hits, BAR, dice.pick({0: 2, 2: 3, 3: 2, 1: 1, 6: 1})), dice.pick({"x": 2, "xo": 2, "xoo": 1}))


def bell(dice: Dice, tier: Tier) -> np.ndarray:
    """The same loops, or one stroke as a landmark."""
    if dice.chance(0.5):
        hits, period = dice.pick(_CELLS)
        return loop(
            dealt(euclid(hits, period, dice.below(period)), dice.pick({"o": 2, "xo": 2, "x": 1})), dice.pick({STEPS: 3, 32: 2})
        )
    if dice.chance(0.5):
        return at((dice.pick({2: 2, 6: 2, 10: 3, 14: 2, 7: 2, 3: 1, 11: 1}),), NORMAL)
    return at((dice.pick({6: 2, 10: 2, 14: 2, 27: 1, 30: 2, 22: 1, 19: 1}),), NORMAL, length=32)


def answer(dice: Dice, bar: np.ndarray) -> np.ndarray:
    """The same bar with one thing more, or one thing less."""
    bar = bar.copy()
    change = dice.pick({"pickup": 5, "open": 4, "drop": 3, "clap": 3, "hats": 2, "rim": 2})
    if change == "pickup":
        bar[dice.pick({14: 4, 15: 3, 11: 1}), BD] = NORMAL
    elif change == "open":
        bar[dice.pick({14: 3, 10: 2, 6: 1, 15: 1}), OH] = NORMAL
    elif change == "drop":
        bar[12:, BD] = REST
    elif change == "clap":
        bar[dice.pick({15: 3, 14: 2, 7: 1}), SD] = dice.one((GHOST, SOFT, NORMAL))
    elif change == "hats":
        bar[12:, CH] = figure(dice.one(("xoxo", "xxxx", "x.xx")))
    else:
        bar[dice.one((13, 14, 15, 11)), RS] = NORMAL
    return bar


TECHNO = Style(
    lanes=(kick, clap, closed_hat, open_hat, rim, bell),
    presence={
        "sparse": (1, 0.45, 0.6, 0.5, 0.35, 0.15),
        "medium": (1, 0.7, 0.8, 0.72, 0.45, 0.28),
        "dense": (1, 0.8, 0.95, 0.85, 0.65, 0.45),
    },
    answer=answer,
    forms={"AAAA": 38, "AAAB": 36, "ABAB": 16, "AABA": 10},
    fills={"none": 46, "kick_drop": 20, "snare_run": 9, "hat_lift": 11, "rest": 8, "rim_echo": 6},
    edits={"mute": 4, "layer": 4, "kick": 2, "hats": 3, "fill": 4, "form": 2, "accent": 2, "enter": 2},
)
