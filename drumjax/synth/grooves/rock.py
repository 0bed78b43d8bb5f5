"""Rock: straight eighths, two and four hit hard, a kick that answers them, few ghosts, fills into a crash."""

from __future__ import annotations

from collections.abc import Mapping

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import HAT, KICK, OPEN, RIDE, SNARE, TOM, GrooveStyle, Habits, Manner, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, SOFT

_KICKS: Mapping[tuple[int, ...], float] = {
    (0, 8): 5,
    (0, 8, 10): 9,
    (0, 10): 6,
    (0, 6, 8): 3,
    (0, 2, 8, 10): 5,
    (0, 7, 8): 4,
    (0, 7, 10): 4,
    (0, 2, 10): 3,
    (0, 6, 10): 4,
    (0, 3, 8, 10): 2,
    (0, 8, 11): 2,
    (0, 6, 7, 10): 1,
    (0, 2, 6, 8, 10, 14): 2,
    (0, 4, 8, 12): 2,
    (0, 8, 9, 10): 1,
    (0, 3, 6, 10): 2,
}
_HALF_TIME_KICKS: Mapping[tuple[int, ...], float] = {(0, 10): 3, (0, 6): 2, (0, 7, 10): 1, (0, 3, 6): 2, (0, 14): 2}


def _kick(dice: Dice, theme: Theme, bars: Mapping[tuple[int, ...], float]) -> None:
    first = dice.pick(bars)
    second = dice.pick(bars) if dice.chance(0.5) else first
    theme.put(KICK, [*first, *(16 + step for step in second)], NORMAL)
    theme.put(KICK, [0, 16], ACCENT)
    if dice.chance(0.6):
        theme.hint(KICK, {14: 0.25, 15: 0.2, 7: 0.15, 11: 0.1, 2: 0.1}, SOFT, dice.one((0.5, 1.0)))


def _cymbals(dice: Dice, theme: Theme) -> None:
    kind = dice.pick({"eighths": 42, "ride": 20, "open": 12, "quarters": 9, "sixteenths": 8, "tom": 4, "both": 5})
    accents = dice.pick({"X.x.": 3, "X.o.": 4, "x.x.": 2, "x.o.": 2})
    if kind == "eighths":
        theme.line(HAT, accents)
        if dice.chance(0.4):
            places = dice.one(((14,), (30,), (6, 22), (14, 30)))
            theme.clear(HAT, places)
            theme.put(OPEN, places, NORMAL, 0.9)
        if dice.chance(0.4):
            theme.hint(HAT, {7: 0.3, 15: 0.4, 3: 0.15, 11: 0.2}, GHOST)
    elif kind == "ride":
        theme.line(RIDE, accents)
        if dice.chance(0.3):
            theme.both(HAT, (4, 12), SOFT, 0.8)
    elif kind == "open":
        theme.line(OPEN, dice.one((accents, "X...", "x.x.")))
    elif kind == "quarters":
        theme.line(dice.one((HAT, RIDE, OPEN)), "X..." if dice.chance(0.5) else "x...")
    elif kind == "sixteenths":
        theme.line(HAT, dice.one(("xgog", "Xoxo", "xoxo")))
    elif kind == "tom":
        theme.line(TOM, dice.one(("x.x.", "X.o.", "x.oo")))
        theme.put(SNARE, dice.one(((4, 12), (12,), (4, 12, 20, 28))), NORMAL)
    else:
        theme.line(HAT, "x.o.")
        theme.both(RIDE, dice.one(((2, 6, 10, 14), (0, 6, 10), (0, 8))), NORMAL, 0.9)


def theme(dice: Dice) -> Theme:
    """Two bars of straight rock."""
    made = Theme()
    _cymbals(dice, made)
    half = dice.chance(0.09)
    _kick(dice, made, _HALF_TIME_KICKS if half else _KICKS)
    made.both(SNARE, (8,) if half else (4, 12), ACCENT)
    made.clear(KICK, [step for step in (4, 12, 20, 28) if made.levels[step, SNARE] and dice.chance(0.85)])
    if dice.chance(0.12):
        made.both(SNARE, (6,) if dice.chance(0.5) else (14,), ACCENT)
    if dice.chance(0.65):
        made.hint(SNARE, {7: 0.3, 9: 0.3, 15: 0.25, 10: 0.12, 3: 0.12, 1: 0.08, 14: 0.1}, GHOST, dice.one((0.5, 1.0, 1.6)))
    return made


def answer(dice: Dice, made: Theme) -> None:
    """Another kick, another cymbal, or a few strokes more."""
    kind = dice.pick({"kick": 4, "snare": 2, "open": 2})
    if kind == "kick":
        made.clear(KICK)
        _kick(dice, made, _KICKS)
        made.clear(KICK, [step for step in (4, 12, 20, 28) if made.levels[step, SNARE]])
    elif kind == "snare":
        made.put(SNARE, dice.one(((26,), (30,), (22,), (14, 30), (27, 30))), NORMAL)
    else:
        made.put(OPEN, dice.one(((30,), (22,), (14, 30), (26,))), ACCENT)


_HABITS = Habits(
    eighths=(0.97, 1.06),
    sixteenths=(0.95, 1.1),
    push_ms=((-6, 4), (-2, 9), (-7, 2), (-7, 3), (-4, 6), (-4, 6), (-6, 4)),
    body_ms=(-12, 4),
    drift_ms=(9, 23),
    jitter_ms=(6, 13),
    ghost=(0.18, 0.36),
    soft=(0.38, 0.52),
    normal=(0.62, 0.8),
    accent=(0.88, 1.1),
    gain=((0.85, 1.05), (0.95, 1.1), (0.75, 1.05), (0.75, 1.0), (0.85, 1.1), (0.7, 1.0), (0.75, 1.0)),
    touch=(0.06, 0.13),
    swell=(0.04, 0.09),
)
ROCK = GrooveStyle(
    manners={"straight": Manner(theme, (80, 116, 170), _HABITS)},
    weights={"straight": 1},
    answer=answer,
    lengths={4: 3, 8: 5, 12: 2, 16: 3},
    fill=0.55,
    fills={"around_the_kit": 6, "snare_run": 4, "open_hat": 1, "stop": 1, "kick_drop": 1},
    crash=0.7,
)
