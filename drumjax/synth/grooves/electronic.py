"""Electronic: four on the floor with the hat between the beats, two-step breaks, half time; on pads, so nearly on the grid."""

from __future__ import annotations

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import HAT, KICK, OPEN, RIDE, SNARE, TOM, GrooveStyle, Habits, Manner, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, SOFT, euclid


def _percussion(dice: Dice, made: Theme, chance: float) -> None:
    """A figure as even as the grid allows on the tom's pad (`rhythm.euclid`)."""
    if dice.chance(chance):
        hits, length = dice.one(((3, 8), (3, 16), (5, 16), (7, 16), (2, 16), (4, 32)))
        figure = np.resize(euclid(hits, length, dice.below(length)), 32)
        made.put(TOM, np.flatnonzero(figure), dice.one((SOFT, NORMAL)))


def house(dice: Dice) -> Theme:
    """Two bars of four on the floor."""
    made = Theme()
    made.line(KICK, dice.one(("X...", "x...")))
    if dice.chance(0.45):
        made.put(
            KICK, dice.pick({(30,): 3, (15,): 1, (31,): 3, (14, 30): 2, (7, 23): 1, (27,): 1, (22, 31): 1, (11, 27): 1}), NORMAL
        )
    made.both(SNARE, (4, 12), dice.pick({NORMAL: 1, ACCENT: 2}))
    if dice.chance(0.5):
        made.put(SNARE, dice.pick({(7, 23): 1, (15, 31): 2, (31,): 2, (9, 25): 1, (14, 31): 1}), dice.one((GHOST, SOFT)))
    made.both(OPEN, (2, 6, 10, 14), dice.pick({NORMAL: 2, ACCENT: 1}))
    if dice.chance(0.15):
        made.clear(OPEN)
        made.both(RIDE, (2, 6, 10, 14), NORMAL)
    kind = dice.pick({"sixteenths": 4, "eighths": 2, "gallop": 2, "own": 4, "none": 1})
    if kind == "own":
        made.both(HAT, dice.several(dict.fromkeys(range(16), 1.0), dice.between(4, 9)), dice.one((SOFT, NORMAL)), 0.97)
        made.clear(HAT, np.flatnonzero(made.levels[:, OPEN]))
    elif kind != "none":
        made.line(HAT, {"sixteenths": dice.one(("xoxo", "ooxo", "xgog", "ogog")), "eighths": "x.x.", "gallop": "x.oo"}[kind])
        made.clear(HAT, np.flatnonzero(made.levels[:, OPEN]))
        if dice.chance(0.4):
            # A pad played by hand, not a loop.
            made.chance[:, HAT] = np.where(made.levels[:, HAT] == GHOST, 0.8, made.chance[:, HAT])
            made.hint(HAT, {3: 0.3, 7: 0.3, 11: 0.3, 15: 0.4}, GHOST)
    _percussion(dice, made, 0.55)
    return made


def breaks(dice: Dice) -> Theme:
    """Two bars of a two-step break: the kick on the one and late in the bar."""
    made = Theme()
    for bar in (0, 16):
        made.put(
            KICK, [bar + step for step in dice.pick({(0, 10): 6, (0, 2, 10): 3, (0, 7, 10): 2, (0, 10, 11): 2, (0, 6): 1})], NORMAL
        )
        made.put(KICK, [bar], ACCENT)
    made.both(SNARE, (4, 12), ACCENT)
    made.hint(SNARE, {7: 0.6, 9: 0.6, 15: 0.35, 14: 0.2, 1: 0.1}, dice.one((GHOST, SOFT)), dice.one((0.0, 0.6, 1.2)))
    made.line(dice.pick({HAT: 4, RIDE: 1}), dice.one(("x.o.", "xoxo", "x.x.", "xgog")))
    if dice.chance(0.4):
        made.put(OPEN, dice.one(((30,), (14, 30), (10, 26))), NORMAL)
        made.clear(HAT, np.flatnonzero(made.levels[:, OPEN]))
    _percussion(dice, made, 0.2)
    return made


def half_time(dice: Dice) -> Theme:
    """Two bars at half time: the clap on three, hats in sixteenths with gaps."""
    made = Theme()
    made.put(KICK, dice.pick({(0, 10, 22): 2, (0, 7, 16, 26): 2, (0, 3, 14, 19): 2, (0, 14, 20, 22): 1, (0, 6, 11, 16): 2}), ACCENT)
    made.both(SNARE, (8,), ACCENT)
    made.line(HAT, dice.one(("x.o.", "xoxo", "x.xo", "xo.o")))
    for run in (6, 14, 22, 30):
        if dice.chance(0.3):
            made.put(HAT, (run, run + 1), NORMAL)
    if dice.chance(0.5):
        made.put(OPEN, (dice.one((14, 22, 30, 6)),), NORMAL)
    _percussion(dice, made, 0.3)
    return made


def answer(dice: Dice, made: Theme) -> None:
    """A lane comes in or goes, a kick or a clap before the bar line."""
    kind = dice.pick({"kick": 3, "clap": 2, "tom": 2, "hat": 1})
    if kind == "kick":
        made.put(KICK, dice.one(((30,), (31,), (27, 30), (29,))), NORMAL)
    elif kind == "clap":
        made.put(SNARE, dice.one(((31,), (30, 31), (15, 31), (27,))), SOFT)
    elif kind == "tom":
        made.clear(TOM)
        _percussion(dice, made, 1.0)
    else:
        made.clear(HAT, range(28, 32))


_PADS = Habits(
    eighths=(0.99, 1.02),
    sixteenths=(1.0, 1.3),
    push_ms=((-2, 1), (-3, 6), (-3, 4), (-3, 4), (-3, 5), (-3, 4), (-2, 3)),
    body_ms=(-4, 2),
    drift_ms=(1, 8),
    jitter_ms=(1.5, 7),
    ghost=(0.2, 0.3),
    soft=(0.4, 0.55),
    normal=(0.65, 0.85),
    accent=(0.9, 1.1),
    gain=((0.95, 1.1), (0.85, 1.05), (0.7, 0.95), (0.75, 1.0), (0.65, 0.95), (0.65, 0.95), (0.7, 0.95)),
    touch=(0.01, 0.08),
    swell=(0.0, 0.03),
)
ELECTRONIC = GrooveStyle(
    manners={
        "house": Manner(house, (116, 126, 140), _PADS),
        "breaks": Manner(breaks, (126, 150, 178), _PADS._replace(sixteenths=(1.0, 1.15))),
        "half_time": Manner(half_time, (120, 140, 160), _PADS._replace(sixteenths=(1.0, 1.1))),
    },
    weights={"house": 64, "breaks": 24, "half_time": 12},
    answer=answer,
    lengths={4: 3, 8: 5, 16: 3},
    fill=0.3,
    fills={"kick_drop": 6, "snare_run": 3, "stop": 2, "open_hat": 1},
    crash=0.3,
)
