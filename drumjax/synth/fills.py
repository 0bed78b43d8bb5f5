"""How a fourth bar can end. A fill changes the end of a pattern of levels (64, 6) in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.rhythm import ACCENT, BD, CB, CH, GHOST, NORMAL, OH, REST, RS, SD, SOFT, ramp


def _none(dice: Dice, grid: np.ndarray) -> None:
    pass


def _kick_drop(dice: Dice, grid: np.ndarray) -> None:
    grid[-dice.pick({4: 4, 8: 2, 6: 1}) :, BD] = REST


def _rest(dice: Dice, grid: np.ndarray) -> None:
    """Everything stops before the next downbeat, but for one sound."""
    length = dice.pick({4: 3, 3: 2, 2: 2})
    kept = dice.pick({CH: 3, SD: 1, CB: 1})
    for lane in set(range(grid.shape[1])) - {kept}:
        grid[-length:, lane] = REST


def _snare_run(dice: Dice, grid: np.ndarray) -> None:
    length = dice.pick({4: 5, 8: 2})
    grid[-length:, SD] = ramp(dice.one((GHOST, SOFT)), ACCENT, length)


def _snare_flurry(dice: Dice, grid: np.ndarray) -> None:
    places = dice.pick({(61, 63): 3, (62, 63): 3, (60, 61, 63): 2, (58, 61, 63): 2, (57, 60, 62): 2, (60, 62, 63): 2, (59, 62): 1})
    grid[-8:, SD] = np.where(grid[-8:, SD] == ACCENT, ACCENT, REST)
    grid[list(places), SD] = NORMAL
    grid[places[-1], SD] = ACCENT


def _snare_roll(dice: Dice, grid: np.ndarray) -> None:
    """Ghosts that swell into the next downbeat; longer and softer than a run."""
    length = dice.pick({4: 3, 6: 2, 8: 1})
    grid[-length:, SD] = ramp(GHOST, dice.one((SOFT, NORMAL, ACCENT)), length)


def _kick_run(dice: Dice, grid: np.ndarray) -> None:
    places = dice.pick({(60, 62): 2, (61, 62, 63): 2, (62, 63): 3, (58, 60, 62): 1, (59, 62): 2})
    grid[list(places), BD] = NORMAL


def _bell_run(dice: Dice, grid: np.ndarray) -> None:
    places = dice.pick({(60, 61, 62, 63): 1, (60, 62): 3, (58, 60, 62): 2, (59, 61, 63): 1})
    grid[-8:, CB] = REST
    grid[list(places), CB] = NORMAL


def _hat_lift(dice: Dice, grid: np.ndarray) -> None:
    grid[dice.pick({62: 4, 60: 1, 63: 1}), OH] = ACCENT


def _hat_burst(dice: Dice, grid: np.ndarray) -> None:
    length = dice.pick({4: 3, 6: 2, 3: 2})
    grid[-length:, [CH, OH]] = REST
    grid[-length:, CH] = ramp(*dice.one(((GHOST, ACCENT), (ACCENT, GHOST))), length)


def _stutter(dice: Dice, grid: np.ndarray) -> None:
    """The last beats repeat one short slice, as a buffer that hangs."""
    slice_steps, length = dice.pick({(2, 8): 2, (2, 4): 3, (3, 6): 2, (1, 4): 1, (4, 8): 1})
    start = len(grid) - length
    grid[start:] = np.resize(grid[start : start + slice_steps], (length, grid.shape[1]))


def _rim_echo(dice: Dice, grid: np.ndarray) -> None:
    """A stroke and its dying echoes, every three 16ths."""
    places = [63, 60, 57, 54][: dice.between(3, 4)][::-1]
    grid[places, RS] = [NORMAL, SOFT, SOFT, GHOST][-len(places) :]
    grid[places[0], RS] = NORMAL


FILLS: Mapping[str, Callable[[Dice, np.ndarray], None]] = {
    "none": _none,
    "kick_drop": _kick_drop,
    "rest": _rest,
    "snare_run": _snare_run,
    "snare_flurry": _snare_flurry,
    "snare_roll": _snare_roll,
    "kick_run": _kick_run,
    "bell_run": _bell_run,
    "hat_lift": _hat_lift,
    "hat_burst": _hat_burst,
    "stutter": _stutter,
    "rim_echo": _rim_echo,
}
