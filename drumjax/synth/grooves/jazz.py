"""Jazz: the ride carries the time, the foot closes the hat on two and four, snare and kick comment; a bossa now and then."""

from __future__ import annotations

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import HAT, KICK, OPEN, RIDE, SNARE, TOM, GrooveStyle, Habits, Manner, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, SOFT


def swing(dice: Dice) -> Theme:
    """Two bars of swing: the ride's skip beats come and go, the left hand and the foot comp between them."""
    made = Theme()
    brushes = dice.chance(0.15)
    time = SNARE if brushes else RIDE if dice.chance(0.88) else OPEN
    made.both(time, (0, 8), NORMAL, 0.97)
    made.both(time, (4, 12), dice.pick({NORMAL: 2, ACCENT: 1}), 0.98)
    made.hint(time, {6: 0.85, 14: 0.85, 2: 0.12, 10: 0.12}, dice.one((SOFT, NORMAL)), dice.one((0.7, 0.9, 1.0)))
    made.both(HAT, (4, 12), dice.pick({SOFT: 1, NORMAL: 3}), dice.one((0.8, 0.95, 1.0)))
    busy = dice.one((0.4, 0.7, 1.0, 1.3))
    if not brushes:
        comping = {2: 0.22, 6: 0.22, 10: 0.25, 14: 0.3, 3: 0.1, 7: 0.12, 11: 0.1, 15: 0.1, 1: 0.14, 5: 0.12, 9: 0.14, 13: 0.12}
        made.hint(SNARE, comping, dice.pick({GHOST: 2, SOFT: 3}), busy)
        made.hint(SNARE, {4: 0.1, 12: 0.16, 8: 0.08, 0: 0.06}, NORMAL, busy)
        if dice.chance(0.25):
            made.both(SNARE, (12,), SOFT, 0.8)
    if dice.chance(0.5):
        made.both(KICK, (0, 4, 8, 12), GHOST, dice.one((0.5, 0.9)))
    else:
        made.both(KICK, (0,), SOFT, 0.5)
    bombs = {14: 0.16, 6: 0.12, 10: 0.1, 2: 0.08, 9: 0.05, 13: 0.05, 15: 0.06}
    for step, chance in bombs.items():
        for place in (step, step + 16):
            if dice.chance(0.4):
                made.put(KICK, [place], dice.pick({NORMAL: 3, ACCENT: 1}), min(1.0, 1.6 * chance * busy))
    if dice.chance(0.35):
        made.hint(TOM, {2: 0.06, 6: 0.08, 10: 0.06, 13: 0.05, 14: 0.1}, SOFT, busy)
    return made


def bossa(dice: Dice) -> Theme:
    """Straight eighths, the foot's ostinato and a clave on the rim."""
    made = Theme()
    made.line(dice.one((HAT, RIDE, RIDE)), dice.one(("x.o.", "x.x.", "o.o.")), 0.98)
    made.both(KICK, (0, 8), NORMAL)
    made.both(KICK, (6, 14), SOFT, 0.9)
    made.put(SNARE, dice.one(((0, 6, 12, 20, 26), (4, 10, 16, 22, 28), (0, 6, 12, 18, 26))), NORMAL, 0.95)
    if dice.chance(0.6):
        made.both(HAT, (4, 12), SOFT, 0.9)
    made.hint(SNARE, {2: 0.1, 7: 0.15, 10: 0.1, 15: 0.1}, GHOST)
    if dice.chance(0.4):
        made.hint(TOM, {10: 0.2, 14: 0.25}, SOFT)
    return made


def answer(dice: Dice, made: Theme) -> None:
    """The comping takes up other places."""
    lane = dice.pick({SNARE: 3, KICK: 2, TOM: 1})
    places = dice.several({2: 2, 6: 3, 10: 3, 14: 4, 18: 2, 22: 3, 26: 3, 30: 4, 25: 1, 29: 1}, dice.between(1, 3))
    made.put(lane, places, dice.pick({SOFT: 2, NORMAL: 2, ACCENT: 1}), 0.75)


_SWING = Habits(
    eighths=(1.45, 2.4),
    sixteenths=(0.95, 1.1),
    push_ms=((-6, 6), (-2, 12), (-8, 2), (-8, 2), (-4, 10), (-8, 2), (-6, 4)),
    body_ms=(-14, 2),
    drift_ms=(9, 22),
    jitter_ms=(7, 13),
    ghost=(0.16, 0.34),
    soft=(0.34, 0.5),
    normal=(0.52, 0.74),
    accent=(0.74, 1.02),
    gain=((0.8, 1.05), (0.85, 1.1), (0.75, 1.1), (0.85, 1.1), (0.9, 1.15), (0.8, 1.1), (0.75, 1.0)),
    touch=(0.1, 0.2),
    swell=(0.06, 0.14),
)
JAZZ = GrooveStyle(
    manners={
        "swing": Manner(swing, (92, 130, 210), _SWING),
        "bossa": Manner(bossa, (100, 130, 170), _SWING._replace(eighths=(0.97, 1.06), touch=(0.08, 0.15))),
    },
    weights={"swing": 9, "bossa": 1},
    answer=answer,
    lengths={4: 3, 8: 5, 12: 2, 16: 3},
    fill=0.3,
    fills={"eighths": 7, "around_the_kit": 1, "kick_drop": 1, "stop": 1},
    crash=0.25,
)
