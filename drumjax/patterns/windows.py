"""Patterns of one length from patterns of any: consecutive windows.

Source: our decision for Off the Beaten Track's grids of 64 steps; the paper does not say how its patterns were cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from drumjax.boundary import InputError
from drumjax.patterns.pattern import MEASURE_STEPS, Pattern, concatenate


@dataclass(frozen=True)
class WindowReport:
    """What became of a pattern's steps.

    Attributes:
      repeats: how often the pattern was played to fill one window; 1 for one that is long enough.
      numbers: of the windows that hold a hit, counted from 0 with the others.
      empty: windows left out because they hold no hit.
      remainder_steps: steps behind the last whole window, left out.
      remainder_hits: hits in them.
    """

    repeats: int
    numbers: tuple[int, ...]
    empty: int
    remainder_steps: int
    remainder_hits: int


def windows(
    pattern: Pattern, steps: int = MEASURE_STEPS, *, path: str | PathLike[str] | None = None
) -> tuple[list[Pattern], WindowReport]:
    """The consecutive windows of a pattern.

    A pattern shorter than a window is repeated when `steps` is a multiple of its length. A remainder is dropped and counted, and so
    are windows without a hit.

    Args:
      pattern: of any length.
      steps: the length of a window.
      path: what an error names; by default the pattern's name.

    Returns:
      The windows that hold a hit, in order (possibly none), and the report.

    Raises:
      InputError: when the pattern is shorter than a window and its length does not divide it.
      ValueError: when `steps` is below 1.
    """
    if steps < 1:
        raise ValueError(f"expected windows of at least 1 step, found {steps}")
    if 0 < pattern.steps < steps and steps % pattern.steps == 0:
        repeats = steps // pattern.steps
        whole = [concatenate([pattern] * repeats)]
    elif pattern.steps < steps:
        raise InputError(
            path if path is not None else pattern.name or "pattern",
            rule=f"at least {steps} steps, or a length that divides {steps}",
            found=f"{pattern.steps} steps",
            remedy=f"lengthen the pattern to {steps} steps",
        )
    else:
        repeats = 1
        whole = [pattern.window(start, steps) for start in range(0, pattern.steps - steps + 1, steps)]
    numbers = tuple(k for k, window in enumerate(whole) if window.hits.any())
    rest = pattern.hits[pattern.steps - pattern.steps % steps :] if repeats == 1 else pattern.hits[:0]
    report = WindowReport(
        repeats=repeats,
        numbers=numbers,
        empty=len(whole) - len(numbers),
        remainder_steps=len(rest),
        remainder_hits=int(rest.sum()),
    )
    return [whole[k] for k in numbers], report
