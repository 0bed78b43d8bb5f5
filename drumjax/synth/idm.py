"""IDM: broken beats, snares pushed off their place, ghost rolls, uneven density, bars cut and put together anew."""

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
    SD,
    SOFT,
    STEPS,
    at,
    dealt,
    euclid,
    figure,
    loop,
    ramp,
)
from drumjax.synth.style import Style, Tier

_KICK_WEIGHTS = dict(enumerate((0, 1, 2, 5, 1, 2, 5, 3, 3, 2, 6, 4, 1, 2, 4, 2)))
_ODD_CELLS = {(3, 7): 3, (2, 5): 3, (4, 9): 3, (5, 11): 2, (5, 13): 2, (2, 7): 2, (3, 11): 1, (7, 13): 1}


def kick(dice: Dice, tier: Tier) -> np.ndarray:
    """A broken line: nearly always the downbeat, then places that the metre does not expect, now and then a stumble."""
    bar = np.zeros(BAR, np.int8)
    if dice.chance(0.9):
        bar[0] = ACCENT
    count = dice.pick({"sparse": {1: 3, 2: 3}, "medium": {2: 4, 3: 4, 4: 1}, "dense": {3: 4, 4: 3, 5: 2}}[tier])
    chosen = dice.several(_KICK_WEIGHTS, count)
    bar[chosen] = NORMAL
    if dice.chance(0.35):
        bar[dice.one(chosen)] = ACCENT
    if dice.chance(0.3):
        before = dice.one(chosen) - 1
        if bar[before] == REST:
            bar[before] = SOFT
    return bar


def snare(dice: Dice, tier: Tier) -> np.ndarray:
    """A break's snare with ghosts, a displaced one, half time, or a wandering one; often with a roll of ghosts."""
    family = dice.pick({"break": 38, "displaced": 32, "half": 16, "wander": 14})
    if family == "break":
        bar = at((4, 12), ACCENT)
        bar[dice.several({7: 5, 9: 4, 15: 3, 2: 1, 14: 2, 10: 1}, {"sparse": 1, "medium": 2, "dense": 3}[tier])] = GHOST
    elif family == "displaced":
        places = [4, 12]
        places[dice.pick({0: 1, 1: 2})] += dice.pick({-2: 2, -1: 3, 1: 3, 2: 3, -3: 1, 3: 2})
        bar = at(places, ACCENT)
    elif family == "half":
        bar = at((dice.pick({8: 5, 9: 1, 7: 1, 10: 1}),), ACCENT)
    else:
        bar = dealt(euclid(dice.one((2, 3, 5)), BAR, dice.between(1, 5)), dice.pick({"Xo": 2, "Xg": 2, "xg": 1}))
    if dice.chance({"sparse": 0.25, "medium": 0.45, "dense": 0.65}[tier]):
        length, end = dice.between(2, 4), dice.pick({BAR: 4, 4: 2, 12: 2, 8: 2, 10: 1})
        roll = ramp(GHOST, dice.one((GHOST, SOFT)), length)
        free = bar[end - length : end] == REST
        bar[end - length : end][free] = roll[free]
    return bar


def closed_hat(dice: Dice, tier: Tier) -> np.ndarray:
    """Bursts, uneven Euclidean lines, sixteenths with holes, or a loop of odd length."""
    sparse = tier == "sparse"
    family = dice.pick({"bursts": 26, "euclid": 26, "holes": 8 if sparse else 22, "odd": 13, "eighths": 9, "cells": 4})
    if family == "bursts":
        bar = np.zeros(BAR, np.int8)
        starts = dice.several({0: 2, 2: 3, 3: 2, 5: 2, 6: 3, 8: 2, 10: 4, 11: 2, 13: 2}, 2 if sparse else dice.between(2, 3))
        for start in sorted(starts):
            length = min(dice.pick({2: 3, 3: 4, 4: 2, 5: 1}), BAR - start)
            bar[start : start + length] = ramp(*dice.pick({(ACCENT, SOFT): 3, (GHOST, NORMAL): 2, (NORMAL, GHOST): 2}), length)
        return bar
    if family == "euclid":
        hits = dice.pick({5: 3, 7: 4} if sparse else {7: 3, 9: 4, 11: 3, 13: 1})
        return dealt(euclid(hits, BAR, dice.below(4)), dice.pick({"xoo": 3, "Xogo": 2, "xo": 2, "xgo": 2}))
    if family == "holes":
        bar = np.resize(figure(dice.pick({"xoXo": 2, "xgog": 3, "ogxg": 3, "Xoxo": 1})), BAR)
        bar[dice.several(dict.fromkeys(range(1, BAR), 1), dice.between(3, 6))] = REST
        return bar
    if family == "odd":
        hits, period = dice.pick(_ODD_CELLS)
        return loop(dealt(euclid(hits, period), dice.pick({"xo": 2, "Xoo": 2, "xgo": 1})), dice.pick({STEPS: 3, 32: 2}))
    if family == "eighths":
        return np.resize(figure(dice.pick({"x.o.": 2, "X.o.": 1, "x.x.o.x.": 1})), BAR)
    return np.resize(figure(dice.pick({"x.xx": 1, "xxx.": 1, "xoxo": 2})), BAR)


def open_hat(dice: Dice, tier: Tier) -> np.ndarray:
    """One or two splashes, seldom where techno has them."""
    places = {2: 2, 3: 3, 5: 2, 6: 3, 7: 3, 9: 2, 10: 3, 11: 3, 13: 2, 14: 4, 15: 1}
    return at(dice.several(places, dice.pick({1: 4, 2: 2})), dice.pick({NORMAL: 3, SOFT: 2, ACCENT: 1}))


def rim(dice: Dice, tier: Tier) -> np.ndarray:
    """Ticks: a Euclidean line, a cluster, or a loop of odd length."""
    family = dice.pick({"euclid": 40, "cluster": 30, "odd": 30})
    if family == "euclid":
        hits = dice.pick({3: 2, 5: 3} if tier == "sparse" else {5: 3, 7: 3, 9: 1})
        return dealt(euclid(hits, BAR, dice.below(5)), dice.pick({"xgo": 3, "xog": 2, "xo": 2, "o": 1}))
    if family == "cluster":
        bar = np.zeros(BAR, np.int8)
        length = dice.between(3, 5)
        start = dice.pick({1: 2, 2: 1, 5: 3, 6: 2, 9: 3, 10: 3, 11: 1})
        bar[start : start + length] = ramp(*dice.one(((NORMAL, GHOST), (GHOST, NORMAL), (SOFT, SOFT))), length)
        return bar
    hits, period = dice.pick(_ODD_CELLS)
    return loop(
        dealt(euclid(hits, period, dice.below(period)), dice.pick({"xo": 2, "xog": 2, "o": 1})), dice.pick({STEPS: 3, 32: 2})
    )


def bell(dice: Dice, tier: Tier) -> np.ndarray:
    """A stroke or two in an odd place, or a slow loop of odd length."""
    if dice.chance(0.55):
        return at(
            dice.several({3: 3, 5: 2, 7: 3, 9: 2, 11: 3, 13: 3, 14: 1, 6: 1}, dice.pick({1: 3, 2: 2})), dice.one((NORMAL, SOFT))
        )
    return loop(dealt(euclid(dice.one((1, 2)), dice.one((7, 9, 11, 13))), "xo"))


def answer(dice: Dice, bar: np.ndarray) -> np.ndarray:
    """The bar as a sampler would cut it: beats swapped, repeated or turned round, a lane pushed by a 16th, the end thinned."""
    beats = bar.reshape(4, 4, -1).copy()
    cuts = {"swap": 4, "stutter": 4, "push": 4, "reverse": 2, "thin": 3, "late_snare": 4, "extra_kick": 3}
    for cut in dice.several(cuts, dice.pick({1: 3, 2: 4, 3: 1})):
        if cut == "swap":
            one, other = dice.pick({(2, 3): 3, (1, 3): 3, (1, 2): 2, (0, 2): 1})
            beats[[one, other]] = beats[[other, one]]
        elif cut == "stutter":
            beat = dice.one((1, 2, 3))
            beats[beat, 2:] = beats[beat, :2]
        elif cut == "push":
            lane = dice.pick({SD: 3, BD: 2, CH: 2})
            half = beats[2:, :, lane].reshape(-1)
            beats[2:, :, lane] = np.roll(half, dice.one((-1, 1))).reshape(2, 4)
        elif cut == "reverse":
            beats[3] = beats[3, ::-1]
        elif cut == "thin":
            beats[3, 1:, [CH, OH]] = REST
        elif cut == "late_snare":
            beats[3, :, SD] = figure(dice.pick({"..X.": 4, "...X": 2, ".X.g": 2, "gX..": 1, "..Xg": 2}))
        else:
            beats[3, dice.pick({1: 1, 2: 3, 3: 3}), BD] = NORMAL
    return beats.reshape(bar.shape)


IDM = Style(
    lanes=(kick, snare, closed_hat, open_hat, rim, bell),
    presence={
        "sparse": (1, 0.88, 0.7, 0.3, 0.4, 0.18),
        "medium": (1, 0.96, 0.88, 0.48, 0.5, 0.25),
        "dense": (1, 1, 0.95, 0.6, 0.7, 0.35),
    },
    answer=answer,
    forms={"ABAC": 26, "ABCD": 22, "AAAB": 20, "ABAB": 16, "AABC": 10, "AAAA": 6},
    fills={"none": 40, "stutter": 15, "snare_roll": 15, "rest": 10, "hat_burst": 12, "kick_run": 4, "rim_echo": 4},
    edits={"mute": 3, "layer": 3, "kick": 3, "hats": 2, "fill": 4, "form": 2, "accent": 1, "ghosts": 3, "cut": 3},
)
