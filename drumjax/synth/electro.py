"""Electro: a syncopated electro-funk kick around a fixed snare on two and four, busy hats, cowbell hooks, phrases of two bars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.rhythm import ACCENT, BAR, BD, CH, GHOST, NORMAL, OH, REST, SD, SOFT, at, contour, dealt, euclid, figure
from drumjax.synth.style import Style, Tier

_Places = Mapping[tuple[int, ...], float]
_FIRST: _Places = {(): 2, (6,): 6, (3,): 4, (3, 6): 4, (7,): 3, (2,): 1, (6, 7): 2, (2, 6): 1, (5,): 1, (2, 3): 1, (3, 7): 1}
"""Where the kick goes on after the downbeat, before the third beat."""
_SECOND: _Places = {
    (10,): 7, (8,): 1, (10, 11): 2, (10, 13): 2, (10, 14): 3, (8, 10): 2, (8, 11): 2, (11,): 3, (11, 14): 2, (9,): 1,
    (10, 15): 1, (14,): 2, (8, 14): 1, (9, 11): 1, (10, 11, 14): 1, (11, 13): 1,
}  # fmt: skip
"""And in the second half of the bar; the fourth beat belongs to the snare."""
_SPARSE_FIRST: _Places = {(): 3, (6,): 5, (3,): 3, (7,): 2}
_SPARSE_SECOND: _Places = {(10,): 6, (11,): 2, (8,): 2, (14,): 1}
_HOOKS = {
    "x..x..x...x.x...": 3,  # son clave
    "x..x...x..x.x...": 2,  # rumba clave
    "x..x..x...x..x..": 3,  # bossa nova
    "x..x..x.x..x..x.": 4,  # tresillo twice
    "x.x..x.x..x.x...": 2,
    "x...x..x..x.x...": 2,
    "x.xx.x.x.xx.x.x.": 1,
    "x..x.x..x..x.x..": 2,
    "..x...x...x...x.": 1,
    "x.x.x..x.x.x.x..": 2,
}


def kick(dice: Dice, tier: Tier) -> np.ndarray:
    """The downbeat, a syncopation before the third beat and one after it; on two and four the kick leaves room."""
    bar = at((0,), ACCENT)
    first = dice.pick(_FIRST if tier != "sparse" else _SPARSE_FIRST)
    second = dice.pick(_SECOND if tier != "sparse" else _SPARSE_SECOND)
    bar[[*first, *second]] = NORMAL
    if 10 in second and dice.chance(0.4):
        bar[10] = ACCENT
    if dice.chance(0.05):
        bar[[4, 8, 12]] = NORMAL
    return bar


def snare(dice: Dice, tier: Tier) -> np.ndarray:
    """Two and four; at times a pick-up, a doubled or a late stroke."""
    bar = at((4, 12), ACCENT if dice.chance(0.75) else NORMAL)
    family = dice.pick({"plain": 68, "pickup": 18 if tier != "sparse" else 6, "doubled": 8, "late": 6})
    if family == "pickup":
        bar[dice.several({7: 4, 9: 3, 15: 4, 14: 2, 2: 1}, dice.pick({1: 3, 2: 1}))] = GHOST
    elif family == "doubled":
        bar[dice.pick({15: 3, 14: 2, 6: 1})] = NORMAL
    elif family == "late":
        bar[12] = REST
        bar[dice.one((13, 11, 14))] = ACCENT
    return bar


def closed_hat(dice: Dice, tier: Tier) -> np.ndarray:
    """Running sixteenths with a metrical contour, or beats cut from them."""
    family = dice.pick({"sixteenths": {"sparse": 15, "medium": 42, "dense": 65}[tier], "eighths": 16, "cells": 32, "euclid": 6})
    if family == "sixteenths":
        return np.resize(figure(dice.pick({"Xoxo": 5, "xoXo": 3, "XoXo": 2, "xxxx": 2, "xgog": 3, "Xoox": 1, "xoxg": 2})), BAR)
    if family == "eighths":
        return np.resize(figure(dice.pick({"X.x.": 3, "x.X.": 2, "x.x.": 2, "x.o.": 1})), BAR)
    if family == "cells":
        cells = {"x.xx": 5, "xxx.": 4, "x.x.": 3, "xxxx": 2, "x..x": 2, ".xxx": 1, "x...": 1}
        one, other = dice.pick(cells), dice.pick(cells)
        onsets = figure(dice.pick({one * 4: 4, (one + other) * 2: 4, one * 3 + other: 3})) > 0
        return contour(onsets, dice.pick({"x": 3, "Xoxo": 3, "xo": 2, "Xxox": 1}))
    return contour(euclid(dice.pick({11: 2, 13: 2, 7: 1, 9: 1}), BAR), "Xoxo")


def open_hat(dice: Dice, tier: Tier) -> np.ndarray:
    """One landmark off the beat, seldom more."""
    places = {(14,): 7, (6,): 4, (10,): 4, (2,): 3, (6, 14): 4, (2, 10): 2, (7,): 1, (15,): 1, (2, 6, 10, 14): 3, (11,): 1}
    chosen = dice.pick(places)
    return at(chosen, dice.pick({NORMAL: 3, ACCENT: 2}))


def rim(dice: Dice, tier: Tier) -> np.ndarray:
    """A clave, a chatter of sixteenths, or strokes that answer the snare."""
    family = dice.pick({"clave": 45, "chatter": 30, "answer": 25})
    if family == "clave":
        return figure(dice.pick(_HOOKS))
    if family == "chatter":
        return dealt(
            euclid(dice.pick({5: 2, 7: 3, 9: 2}), BAR, dice.pick({0: 3, 1: 1, 2: 2, 3: 1})), dice.pick({"xoo": 2, "xo": 3, "o": 1})
        )
    return at(dice.pick({(7,): 2, (7, 15): 2, (9,): 1, (6, 14): 2, (3, 11): 2, (15,): 1, (2, 5): 1}), NORMAL)


def bell(dice: Dice, tier: Tier) -> np.ndarray:
    """The hook: a clave-like line of one bar, or of two with a different end."""
    hook = dealt(figure(dice.pick(_HOOKS)) > 0, dice.pick({"Xxx": 3, "Xx": 2, "x": 3, "xox": 1}))
    if tier == "sparse":
        hook[BAR // 2 :] = REST
    if dice.chance(0.45):
        second = hook.copy()
        end = figure(dice.pick({"x.x.x...": 2, "x..x..x.": 2, "........": 3, "x...x...": 2, "xx.xx...": 1, "..x.x.x.": 1}))
        second[BAR // 2 :] = end
        return np.concatenate([hook, second])
    return hook


def answer(dice: Dice, bar: np.ndarray) -> np.ndarray:
    """The second bar of a phrase: another end for the kick, and perhaps one more stroke."""
    bar = bar.copy()
    changes = {"kick": 6, "start": 2, "snare": 3, "open": 2, "hats": 1}
    for change in dice.several(changes, dice.pick({1: 3, 2: 2})):
        if change == "kick":
            bar[8:, BD] = REST
            places = dice.pick(_SECOND)
            bar[list(places), BD] = NORMAL
        elif change == "start":
            bar[1:8, BD] = REST
            places = dice.pick(_FIRST)
            bar[list(places), BD] = NORMAL
        elif change == "snare":
            bar[dice.pick({15: 4, 14: 2, 7: 2, 10: 1}), SD] = dice.pick({NORMAL: 2, SOFT: 2, GHOST: 1})
        elif change == "open":
            bar[dice.pick({14: 4, 10: 2, 6: 1}), OH] = NORMAL
        else:
            bar[12:, CH] = figure(dice.one(("x.x.", "xxxx", "x.xx", "x...")))
    return bar


ELECTRO = Style(
    lanes=(kick, snare, closed_hat, open_hat, rim, bell),
    presence={
        "sparse": (1, 0.92, 0.75, 0.3, 0.2, 0.25),
        "medium": (1, 0.98, 0.93, 0.5, 0.3, 0.45),
        "dense": (1, 1, 1, 0.65, 0.5, 0.65),
    },
    answer=answer,
    forms={"ABAB": 34, "AAAB": 26, "ABAC": 22, "AAAA": 18},
    fills={"none": 38, "snare_run": 18, "snare_flurry": 18, "kick_run": 8, "bell_run": 6, "rest": 7, "hat_lift": 5},
    edits={"mute": 4, "layer": 3, "kick": 3, "hats": 2, "fill": 4, "form": 2, "accent": 2, "enter": 1, "ghosts": 1},
)
