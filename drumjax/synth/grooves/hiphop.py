"""Hip hop: a heavy backbeat behind the beat, a kick in sixteenths around it, swung sixteenths, long repetition."""

from __future__ import annotations

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import HAT, KICK, OPEN, RIDE, SNARE, GrooveStyle, Habits, Manner, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, SOFT

_KICKS = {
    (0, 10): 6,
    (0, 7, 10): 6,
    (0, 3, 10): 4,
    (0, 2, 10): 3,
    (0, 7, 8): 3,
    (0, 9, 10): 3,
    (0, 6, 10): 3,
    (0, 7, 11): 3,
    (0, 8, 11): 2,
    (0, 10, 15): 3,
    (0, 3, 7, 10): 3,
    (0, 3, 8): 2,
    (0, 6, 11): 2,
    (0, 10, 13): 2,
    (0, 1, 10): 1,
    (0, 2, 7, 10, 15): 1,
}


def _kick(dice: Dice, made: Theme) -> None:
    first = dice.pick(_KICKS)
    second = dice.pick(_KICKS) if dice.chance(0.6) else first
    made.put(KICK, [*first, *(16 + step for step in second)], NORMAL)
    made.put(KICK, [0, 16], ACCENT, 0.98)
    made.clear(KICK, [16] if dice.chance(0.12) else [])
    if dice.chance(0.6):
        made.hint(KICK, {15: 0.3, 9: 0.15, 7: 0.2}, SOFT)


def theme(dice: Dice) -> Theme:
    """Two bars of a drummed break."""
    made = Theme()
    kind = dice.pick({"eighths": 50, "sixteenths": 14, "skips": 24, "ride": 6, "quarters": 6})
    if kind == "eighths":
        made.line(HAT, dice.one(("X.o.", "x.o.", "X.x.", "x.x.")))
        made.hint(HAT, {3: 0.2, 7: 0.25, 11: 0.2, 15: 0.3}, GHOST, dice.one((0.3, 1.0)))
    elif kind == "sixteenths":
        made.line(HAT, dice.one(("xgog", "Xgxg", "xoxo")))
    elif kind == "skips":
        made.line(HAT, dice.one(("x.o.", "X.o.", "X...")))
        made.both(
            HAT, dice.several({3: 2, 7: 3, 9: 2, 11: 3, 13: 1, 15: 3, 5: 1}, dice.between(2, 4)), dice.one((GHOST, SOFT)), 0.85
        )
    elif kind == "ride":
        made.line(RIDE, dice.one(("X.o.", "x...")))
    else:
        made.line(HAT, "X...")
        made.hint(HAT, {14: 0.5, 6: 0.3, 10: 0.3}, SOFT)
    if dice.chance(0.45):
        places = dice.pick({(30,): 4, (14, 30): 3, (26,): 2, (10, 26): 2, (6,): 2, (2, 18): 1, (15, 31): 1})
        made.clear(HAT, places)
        made.put(OPEN, places, ACCENT, 0.95)
    _kick(dice, made)
    half = dice.chance(0.07)
    made.both(SNARE, (8,) if half else (4, 12), ACCENT)
    made.clear(KICK, [step for step in range(32) if made.levels[step, SNARE] == ACCENT])
    if dice.chance(0.7):
        made.hint(SNARE, {7: 0.35, 9: 0.35, 15: 0.3, 1: 0.12, 11: 0.12, 13: 0.1}, GHOST, dice.one((0.5, 1.0, 1.4)))
    return made


def answer(dice: Dice, made: Theme) -> None:
    """Another kick in the second bar, an open hat, a kick left out."""
    kind = dice.pick({"kick": 5, "open": 2, "rest": 2})
    if kind == "kick":
        made.clear(KICK, range(16, 32))
        made.put(KICK, [16 + step for step in dice.pick(_KICKS)], NORMAL)
        made.clear(KICK, [step for step in range(32) if made.levels[step, SNARE] == ACCENT])
    elif kind == "open":
        made.put(OPEN, dice.one(((30,), (26,), (14, 30))), ACCENT)
    else:
        made.clear(KICK, range(17, 32))


_HABITS = Habits(
    eighths=(0.97, 1.08),
    sixteenths=(1.0, 1.65),
    push_ms=((-10, 4), (6, 26), (-4, 10), (-4, 10), (0, 10), (-4, 10), (-4, 6)),
    body_ms=(-10, 6),
    drift_ms=(8, 20),
    jitter_ms=(5, 11),
    ghost=(0.18, 0.36),
    soft=(0.36, 0.5),
    normal=(0.62, 0.82),
    accent=(0.95, 1.15),
    gain=((0.85, 1.05), (0.98, 1.1), (0.7, 1.0), (0.8, 1.0), (0.85, 1.1), (0.7, 1.0), (0.65, 0.9)),
    touch=(0.05, 0.12),
    swell=(0.02, 0.07),
)
HIPHOP = GrooveStyle(
    manners={"break": Manner(theme, (72, 90, 108), _HABITS)},
    weights={"break": 1},
    answer=answer,
    lengths={4: 4, 8: 5, 12: 1, 16: 2},
    fill=0.22,
    fills={"kick_drop": 4, "open_hat": 3, "snare_run": 2, "stop": 4},
    crash=0.3,
)
