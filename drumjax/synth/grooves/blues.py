"""Blues: shuffles, slow twelve-eight, and straight rhythm and blues; the backbeat behind, choruses of twelve bars."""

from __future__ import annotations

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import HAT, KICK, RIDE, SNARE, GrooveStyle, Habits, Manner, Theme
from drumjax.synth.rhythm import ACCENT, GHOST, NORMAL, SOFT


def _time(dice: Dice) -> int:
    return dice.pick({RIDE: 5, HAT: 4})


def shuffle(dice: Dice) -> Theme:
    """Two bars of shuffle: every beat long-short on the cymbal, and in a double shuffle on the snare too."""
    made = Theme()
    time = _time(dice)
    made.line(time, dice.one(("X.o.", "x.o.", "x.g.")), 0.98)
    if time == RIDE and dice.chance(0.5):
        made.both(HAT, (4, 12), SOFT, 0.95)
    kind = dice.pick({"beats": 4, "one and three": 5, "shuffled": 3})
    made.both(KICK, {"beats": (0, 4, 8, 12), "one and three": (0, 8), "shuffled": (0, 6, 8, 14)}[kind], NORMAL)
    made.hint(KICK, {2: 0.1, 6: 0.3, 10: 0.2, 14: 0.45}, SOFT, dice.one((0.4, 1.0)))
    if dice.chance(0.35):
        made.line(SNARE, "o.g." if dice.chance(0.6) else "g.g.", 0.95)
    else:
        made.hint(SNARE, {2: 0.3, 6: 0.35, 10: 0.35, 14: 0.5}, GHOST, dice.one((0.4, 1.0, 1.5)))
    made.both(SNARE, (4, 12), ACCENT)
    return made


def slow(dice: Dice) -> Theme:
    """Two bars of twelve-eight: three even strokes a beat on the cymbal."""
    made = Theme()
    time = _time(dice)
    made.line(time, dice.one(("Xoo.", "xoo.", "xgg.")), 0.97)
    made.both(SNARE, (4, 12), ACCENT)
    made.both(KICK, (0, 8), NORMAL)
    made.hint(KICK, {2: 0.15, 6: 0.55, 14: 0.6, 10: 0.2, 9: 0.1}, SOFT, dice.one((0.5, 1.0)))
    made.hint(SNARE, {1: 0.08, 2: 0.15, 6: 0.25, 9: 0.1, 10: 0.15, 13: 0.15, 14: 0.3}, GHOST, dice.one((0.5, 1.0)))
    return made


def straight(dice: Dice) -> Theme:
    """Two bars of straight rhythm and blues."""
    made = Theme()
    made.line(_time(dice), dice.one(("X.o.", "x.x.", "x.o.")))
    made.both(SNARE, (4, 12), ACCENT)
    made.both(KICK, dice.one(((0, 8), (0, 8, 10), (0, 6, 8), (0, 8, 14))), NORMAL)
    made.hint(KICK, {14: 0.3, 7: 0.1}, SOFT)
    made.hint(SNARE, {6: 0.2, 7: 0.25, 9: 0.25, 14: 0.2, 15: 0.2}, GHOST)
    return made


def answer(dice: Dice, made: Theme) -> None:
    """A pick-up into the next bar, by the foot or by the hand."""
    lane = dice.pick({KICK: 3, SNARE: 2})
    made.put(lane, dice.one(((30,), (26, 30), (22, 30), (14, 30))), dice.pick({SOFT: 1, NORMAL: 2}), 0.9)


_SHUFFLE = Habits(
    eighths=(1.7, 2.3),
    sixteenths=(0.95, 1.08),
    push_ms=((-5, 5), (2, 14), (-3, 7), (-3, 7), (0, 10), (-3, 7), (-4, 6)),
    body_ms=(-8, 6),
    drift_ms=(9, 22),
    jitter_ms=(6, 12),
    ghost=(0.15, 0.32),
    soft=(0.32, 0.46),
    normal=(0.5, 0.7),
    accent=(0.76, 1.02),
    gain=((0.75, 1.0), (0.9, 1.1), (0.7, 1.0), (0.75, 1.0), (0.9, 1.15), (0.75, 1.1), (0.75, 1.0)),
    touch=(0.08, 0.16),
    swell=(0.05, 0.11),
)
BLUES = GrooveStyle(
    manners={
        "shuffle": Manner(shuffle, (84, 122, 150), _SHUFFLE),
        "slow": Manner(slow, (50, 62, 78), _SHUFFLE._replace(eighths=(1.85, 2.15))),
        "straight": Manner(straight, (96, 118, 140), _SHUFFLE._replace(eighths=(0.98, 1.15))),
    },
    weights={"shuffle": 60, "slow": 25, "straight": 15},
    answer=answer,
    lengths={4: 3, 8: 3, 12: 5},
    fill=0.4,
    fills={"eighths": 6, "stop": 1, "kick_drop": 1},
    crash=0.45,
)
