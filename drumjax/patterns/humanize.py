"""Small seeded errors of timing and touch, as a drummer makes them.

Source: Off the Beaten Track, Sec. "Robot experiment": listeners found the machine mechanical, which "could be addressed with
standard techniques to 'humanize' sequenced drum patterns by slightly randomizing the note onsets and velocities, and rotating
between multiple samples for each of the instruments". The rotation is the renderer's (`drumjax.signal.rendering.Kit`); the amounts
are our decision.

What happens to a hit depends on the seed, its lane and its step counted from the first of the performance, and on nothing else: not
on other hits, and not on how many measures follow. The draws are sums of four uniform numbers: bell-shaped, at most 3.46 standard
deviations out, and exact in binary arithmetic, so that they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from drumjax.patterns.pattern import LEAST_VELOCITY, Pattern
from drumjax.provenance import MOST_SEED, is_record, provenance

VELOCITY = 0.08
"""Standard deviation of a velocity, as a share of it: 1.3 dB in a rendering."""
TIMING_MS = 6.0
"""Standard deviation of an onset in milliseconds: a twentieth of a step at 129 BPM, at most 21 ms."""
MOST_VELOCITY = 0.25
MOST_TIMING_MS = 50.0
MOST_STEPS = 2**31
_LATEST = np.nextafter(np.float32(1), np.float32(0))
_ROOT_3 = float(np.sqrt(3.0))


def humanize(
    pattern: Pattern, seed: int = 0, *, velocity: float = VELOCITY, timing_ms: float = TIMING_MS, first_step: int = 0
) -> Pattern:
    """A pattern with a drummer's small errors. The hits stay the same hits.

    A velocity is multiplied by 1 + `velocity` · n; what would be louder than 1 is as much softer than 1, so that accents vary too.
    An onset moves by `timing_ms` · n, as far as its cell is wide; none moves to before the first step of a performance.

    Args:
      pattern: of any drum map and length; its own offsets are kept and added to.
      seed: from 0 to 2³² − 1.
      velocity: standard deviation of a velocity as a share of it, 0 to 0.25; 0 leaves velocities as they are.
      timing_ms: standard deviation of an onset in milliseconds, 0 to 50; 0 leaves onsets as they are.
      first_step: how many steps of the performance come before this pattern.

    Returns:
      The pattern, its provenance completed by the settings: as `humanize_seed`, `humanize_velocity` and `humanize_timing_ms` among
      the parameters of what a model made, else in a record of its own that names the pattern as its input.

    Raises:
      ValueError: a setting or a seed out of range.
    """
    _check(seed, velocity, timing_ms, first_step)
    touch, timing = _draws(seed, first_step, pattern.steps, pattern.lanes)
    velocities = pattern.velocity.astype(np.float64)
    offsets = pattern.offset.astype(np.float64)
    if velocity:
        velocities *= 1 + velocity * touch
        velocities = np.where(velocities > 1, 2 - velocities, velocities)
    if timing_ms:
        offsets += timing * (timing_ms / 1000 / (0.5 * pattern.step_s))
        if first_step == 0:
            offsets[0] = np.maximum(offsets[0], 0)
    return replace(
        pattern,
        velocity=np.where(pattern.hits, np.clip(velocities, LEAST_VELOCITY, 1).astype(np.float32), 0),
        offset=np.where(pattern.hits, np.clip(offsets.astype(np.float32), -1, _LATEST), 0),
        provenance=_recorded(pattern, seed, velocity, timing_ms, first_step),
    )


def humanize_all(
    patterns: Sequence[Pattern], seed: int = 0, *, velocity: float = VELOCITY, timing_ms: float = TIMING_MS, first_step: int = 0
) -> list[Pattern]:
    """Patterns that are played one after another: no two measures get the same errors, and more of them change none.

    Args:
      patterns: the performance.
      seed: see `humanize`.
      velocity: see `humanize`.
      timing_ms: see `humanize`.
      first_step: how many steps of the performance come before these patterns.

    Raises:
      ValueError: see `humanize`.
    """
    before = np.cumsum([first_step, *(pattern.steps for pattern in patterns)]).tolist()
    return [
        humanize(pattern, seed, velocity=velocity, timing_ms=timing_ms, first_step=first)
        for pattern, first in zip(patterns, before, strict=False)
    ]


def bell(raw: np.ndarray) -> np.ndarray:
    """Bell-shaped numbers from raw ones: mean 0, standard deviation 1, at most 3.46 out, exact in binary arithmetic.

    Args:
      raw: uint64 of a bit generator, (..., 4).

    Returns:
      float64 (...), each from the sum of four uniform numbers of 53 bits.
    """
    uniform = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (uniform.sum(axis=-1) - 2) * _ROOT_3


def _check(seed: int, velocity: float, timing_ms: float, first_step: int) -> None:
    if not 0 <= seed <= MOST_SEED:
        raise ValueError(f"expected a seed from 0 to {MOST_SEED}, found {seed}")
    if not 0 <= velocity <= MOST_VELOCITY:
        raise ValueError(f"expected a share of velocity from 0 to {MOST_VELOCITY}, found {velocity}")
    if not 0 <= timing_ms <= MOST_TIMING_MS:
        raise ValueError(f"expected a timing of 0 to {MOST_TIMING_MS:g} ms, found {timing_ms}")
    if not 0 <= first_step <= MOST_STEPS:
        raise ValueError(f"expected a first step of 0 to {MOST_STEPS:,}, found {first_step}")


def _draws(seed: int, first_step: int, steps: int, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Two draws of mean 0 and standard deviation 1 for every cell, float64 (steps, lanes).

    A lane has a stream of its own, in which every step owns eight numbers. NumPy keeps the raw streams of its generators (NEP 19).
    """
    drawn = np.empty((steps, lanes, 2))
    for lane in range(lanes):
        # Its counter counts blocks of four numbers.
        raw = np.random.Philox(key=seed + (lane << 64)).advance(2 * first_step).random_raw(8 * steps)
        drawn[:, lane] = bell(raw.reshape(steps, 2, 4))
    return drawn[..., 0], drawn[..., 1]


def _recorded(pattern: Pattern, seed: int, velocity: float, timing_ms: float, first_step: int) -> Mapping[str, Any]:
    origin = pattern.provenance
    settings: dict[str, Any] = {"humanize_seed": seed, "humanize_velocity": float(velocity), "humanize_timing_ms": float(timing_ms)}
    if origin is not None and is_record(origin):
        return {**origin, "parameters": {**origin["parameters"], **settings}}
    entries = [origin] if origin else []
    # What a file was read as: a whole song or its first window, by which drum map, at which tempo.
    settings |= {"drum_map": pattern.drum_map.name, "tempo_bpm": pattern.tempo_bpm, "steps": pattern.steps}
    if first_step:
        settings["first_step"] = first_step
    return provenance("pattern humanize", model=None, model_sha256=None, seed=None, parameters=settings, inputs=entries)
