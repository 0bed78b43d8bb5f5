"""How a phrase ends: fills on the last beats of its last bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.grooves.style import CRASH, HAT, KICK, OPEN, RIDE, SNARE, TOM
from drumjax.synth.rhythm import ACCENT, BAR, GHOST, NORMAL, REST, SOFT, ramp

Ending = Callable[[Dice, np.ndarray], None]
"""Changes the levels of a phrase's last bar in place, int8 (16, 7)."""


def _start(dice: Dice, bar: np.ndarray, lengths: Mapping[int, float]) -> int:
    """Empties the end of the bar from a drawn step on, but for the foot, and tells that step."""
    start = BAR - dice.pick(lengths)
    bar[start:, [SNARE, HAT, OPEN, TOM, RIDE, CRASH]] = REST
    return start


def snare_run(dice: Dice, bar: np.ndarray) -> None:
    """Sixteenths on the snare that grow."""
    start = _start(dice, bar, {4: 5, 6: 1, 8: 2})
    bar[start:, SNARE] = ramp(dice.pick({GHOST: 1, SOFT: 2, NORMAL: 2}), ACCENT, BAR - start)


def around_the_kit(dice: Dice, bar: np.ndarray) -> None:
    """From the snare to the toms, in sixteenths or with holes."""
    start = _start(dice, bar, {4: 3, 8: 4})
    for step in range(start, BAR):
        if step % 2 and dice.chance(0.3):
            continue
        lane = SNARE if step < (start + BAR) // 2 else TOM
        bar[step, lane] = ACCENT if step % 4 == 0 or dice.chance(0.3) else NORMAL


def eighths(dice: Dice, bar: np.ndarray) -> None:
    """Eighths on snare and tom, for swung styles: nothing between them."""
    start = _start(dice, bar, {4: 2, 8: 3})
    for step in range(start, BAR, 2):
        bar[step, dice.pick({SNARE: 2, TOM: 3})] = dice.pick({SOFT: 1, NORMAL: 2, ACCENT: 1})


def kick_drop(dice: Dice, bar: np.ndarray) -> None:
    """The foot rests."""
    bar[BAR - dice.pick({4: 2, 8: 2}) :, KICK] = REST


def open_hat(dice: Dice, bar: np.ndarray) -> None:
    """The hat opens before the bar line."""
    step = dice.pick({14: 4, 10: 1, 15: 1})
    bar[step:, [HAT, RIDE]] = REST
    bar[step, OPEN] = ACCENT


def stop(dice: Dice, bar: np.ndarray) -> None:
    """All but a last stroke or two are silent for a beat."""
    start = _start(dice, bar, {4: 3, 6: 1, 8: 1})
    bar[start:] = REST
    if dice.chance(0.7):
        bar[dice.one((start, BAR - 2)), SNARE] = ACCENT


FILLS: Mapping[str, Ending] = {
    "snare_run": snare_run,
    "around_the_kit": around_the_kit,
    "eighths": eighths,
    "kick_drop": kick_drop,
    "open_hat": open_hat,
    "stop": stop,
}
