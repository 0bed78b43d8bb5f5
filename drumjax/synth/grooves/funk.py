"""Funk: a syncopated kick on the one, a backbeat in a carpet of ghost notes, hats in sixteenths or opened between the beats."""

from __future__ import annotations

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import HAT, KICK, OPEN, RIDE, SNARE, GrooveStyle, Habits, Manner, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, SOFT

_BEFORE = {(): 1, (2,): 6, (3,): 5, (2, 6): 3, (6,): 3, (7,): 3, (2, 7): 2, (3, 6): 3, (1,): 1}
_AFTER = {(10,): 7, (10, 13): 3, (8, 10): 2, (11,): 2, (9, 10): 2, (10, 11): 2, (10, 15): 2, (11, 14): 2, (7, 10): 3, (8, 11): 1}
_GHOSTS = {1: 0.35, 3: 0.3, 5: 0.3, 6: 0.2, 7: 0.8, 9: 0.75, 10: 0.2, 11: 0.4, 13: 0.35, 15: 0.65}


def _kick(dice: Dice, made: Theme) -> None:
    for bar in (0, 16):
        made.put(KICK, [bar + step for step in (0, *dice.pick(_BEFORE), *dice.pick(_AFTER))], NORMAL)
        made.put(KICK, [bar], ACCENT, 0.97)
    if dice.chance(0.5):
        made.hint(KICK, {14: 0.2, 15: 0.12, 6: 0.1, 11: 0.1}, SOFT)


def _backbeat(dice: Dice, made: Theme) -> None:
    kind = dice.pick({"two and four": 74, "late": 12, "early": 8, "two": 6})
    places = {"two and four": (4, 12, 20, 28), "late": (4, 12, 20, 30), "early": (4, 12, 20, 27), "two": (4, 14, 20, 28)}[kind]
    made.put(SNARE, places, ACCENT)
    made.hint(SNARE, {14: 0.08, 2: 0.06, 8: 0.05}, NORMAL, dice.one((0.0, 1.0)))
    made.hint(SNARE, _GHOSTS, GHOST, dice.one((0.3, 0.5, 0.8, 1.1)))
    if dice.chance(0.3):
        made.both(SNARE, (dice.one((7, 9, 15, 10)),), SOFT, 0.7)


def _cymbals(dice: Dice, made: Theme) -> None:
    kind = dice.pick({"eighths": 42, "sixteenths": 30, "ride": 14, "off": 14})
    if kind == "eighths":
        made.line(HAT, dice.one(("X.o.", "x.o.", "x.x.", "o.x.")))
        made.hint(HAT, {3: 0.3, 7: 0.4, 11: 0.3, 15: 0.35, 1: 0.2, 9: 0.2}, GHOST, dice.one((0.0, 0.5, 1.0)))
    elif kind == "sixteenths":
        made.line(HAT, dice.one(("xgog", "Xgog", "xgxg", "XoXo", "xogo")), 0.97)
    elif kind == "ride":
        made.line(RIDE, dice.one(("X.o.", "x.x.", "x.oo", "o.X.")))
        if dice.chance(0.6):
            made.both(HAT, dice.one(((4, 12), (2, 6, 10, 14))), SOFT, 0.9)
    else:
        made.line(HAT, dice.one(("..x.", "o.X.", "..X.")))
        made.hint(HAT, {0: 0.5, 8: 0.5, 7: 0.3, 15: 0.3}, SOFT)
    if dice.chance(0.62):
        places = dice.pick({(10, 26): 4, (14, 30): 4, (26,): 2, (30,): 2, (6, 22): 2, (10, 14, 26, 30): 1, (13, 29): 1})
        made.clear(HAT, places)
        made.put(OPEN, places, ACCENT, 0.92)


def theme(dice: Dice) -> Theme:
    """Two bars of sixteenth-note funk."""
    made = Theme()
    _cymbals(dice, made)
    _kick(dice, made)
    _backbeat(dice, made)
    # The foot seldom doubles the backbeat.
    made.clear(KICK, [step for step in (4, 12, 20, 28) if made.levels[step, SNARE] == ACCENT])
    return made


def answer(dice: Dice, made: Theme) -> None:
    """Another kick line, or another place where the hat opens, or other ghosts."""
    kind = dice.pick({"kick": 4, "open": 3, "ghosts": 3})
    if kind == "kick":
        made.clear(KICK)
        _kick(dice, made)
        made.clear(KICK, [step for step in (4, 12, 20, 28) if made.levels[step, SNARE] == ACCENT])
    elif kind == "open":
        made.put(OPEN, dice.one(((26,), (30,), (29,), (10, 26), (2,))), ACCENT)
    else:
        made.hint(SNARE, {1: 0.4, 3: 0.5, 6: 0.4, 7: 0.9, 11: 0.5, 14: 0.3}, GHOST)


_HABITS = Habits(
    eighths=(0.97, 1.05),
    sixteenths=(0.98, 1.35),
    push_ms=((-7, 3), (-5, 5), (-8, 0), (-8, 0), (-4, 5), (-7, 2), (-6, 4)),
    body_ms=(-18, -4),
    drift_ms=(9, 22),
    jitter_ms=(5, 12),
    ghost=(0.18, 0.36),
    soft=(0.34, 0.48),
    normal=(0.55, 0.74),
    accent=(0.88, 1.12),
    gain=((0.8, 1.0), (0.95, 1.1), (0.75, 1.0), (0.8, 1.0), (0.85, 1.1), (0.7, 1.0), (0.7, 0.95)),
    touch=(0.07, 0.14),
    swell=(0.04, 0.09),
)
FUNK = GrooveStyle(
    manners={"sixteenths": Manner(theme, (84, 102, 124), _HABITS)},
    weights={"sixteenths": 1},
    answer=answer,
    lengths={4: 3, 8: 5, 12: 2, 16: 3},
    fill=0.35,
    fills={"snare_run": 4, "open_hat": 4, "around_the_kit": 2, "kick_drop": 2, "stop": 2},
    crash=0.35,
)
