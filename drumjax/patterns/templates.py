"""Templates and control patterns of grooves: what is left of a performance when the groove is taken out, and its outlines.

A groove is a two-bar pattern of `POCKET`, 32 steps and 7 lanes. Its template is what a beginner would program; its velocity and
timing patterns are outlines that can be drawn by hand. The functions take arrays of NumPy or of JAX, jitted and vmapped or not,
with any axes before the last two, and give arrays of the same kind. Velocities are compared as the whole numbers from 0 to 127 that
they stand for, so that no answer hangs on how a mean was rounded, and both kinds of arrays give the same.

Source: PocketVAE, Sec. 3.2, "Note → Template" and "Velocity, Microtiming → Velocity, microtiming patterns"; its public code
(`data_utils.my_skeletonify`, `utils.compute_vel_contour`, `utils.compute_laidbackness`) where the paper leaves a choice, and as an
option where it does otherwise; the rest is our decision and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from drumjax.patterns.drum_map import POCKET

if TYPE_CHECKING:
    import jax

KICK, SNARE, CLOSED_HAT, OPEN_HAT, TOM, RIDE, CRASH = range(len(POCKET.lanes))
STEPS_PER_BAR = 16
BACKBEATS = slice(4, None, 8)
"""The second and fourth quarter of every bar."""
LEAST_KICK = 40
"""Of 127: kicks must be louder (paper), or as loud (code), to stay in a template."""
VELOCITY_CLASSES = 5
TIMING_CLASSES = 3
PUSHED, ON_BEAT, LAID_BACK = range(TIMING_CLASSES)
AUGMENT_SHARE = 0.2
"""How often each of the four changes befalls a template in training (the public code)."""
BLANK_STEPS = 8
_NO_TIME = 1e-4
"""Half steps: a sum of offsets under this is rounding. The finest MIDI file has ticks of 2.4e-4."""

CymbalRule = Literal["paper", "code"]
SnareRule = Literal["backbeat", "paper", "code"]
KickRule = Literal["paper", "code"]


@dataclass(frozen=True)
class TemplateRules:
    """How a template is taken from a performance."""

    cymbals: CymbalRule = "paper"
    """Every 16th where the main cymbals have more hits than 3/4 of the steps (paper), or as many (code); else every 8th."""
    snare: SnareRule = "backbeat"
    """Which snare hits stay, by a threshold. `backbeat`, our reading of the paper, which means to remove ghost notes: the threshold
    is the mean velocity on the backbeats; hits on the backbeats stay, others stay when they reach it. `paper`: the same threshold,
    taken literally, for every hit: it deletes each backbeat hit that is softer than the backbeats' mean. Without a hit on a
    backbeat, both take the mean of the others (our decision). `code`, for every hit: the threshold is the softest backbeat where
    all are hit, 0 where one is missing, and the mean of all other hits where more are missing."""
    kick: KickRule = "paper"
    """Kicks louder than 40 of 127 stay (paper), or as loud (code)."""

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown rule."""
        for field, allowed in (("cymbals", CymbalRule), ("snare", SnareRule), ("kick", KickRule)):
            if getattr(self, field) not in get_args(allowed):
                raise ValueError(f"{field}: expected one of {', '.join(get_args(allowed))}, found {getattr(self, field)!r}")


def template(velocity: Any, rules: TemplateRules = TemplateRules()) -> Any:
    """The template of a performance: kicks, the snare without ghost notes, and an even cymbal.

    - Cymbals: hats, or ride and crash, whichever have more hits together (of equals the hats), played evenly in 8ths or 16ths in
      the closed-hat or the ride lane, whether or not the player hit those steps.
    - Snare and kick: the hits that reach a threshold, see `TemplateRules`.
    - Toms, open hats and crashes: none.

    Args:
      velocity: float in [0, 1], (…, steps, 7), above 0 where there is a hit.
      rules: which of them apply.

    Returns:
      float32 of 0 and 1, of the same shape.

    Source: PocketVAE, Sec. 3.2; that the grid of cymbals is filled, and that a tie goes to the hats, are the public code's.
    """
    xp = velocity.__array_namespace__()
    level = _level(velocity, xp)
    steps = velocity.shape[-2]
    kick = level[..., KICK]
    kick = kick >= LEAST_KICK if rules.kick == "code" else kick > LEAST_KICK
    snare = _snare(level[..., SNARE], rules.snare, steps, xp)

    hits = xp.sum(velocity > 0, axis=-2, dtype=xp.int32)
    hats = hits[..., CLOSED_HAT] + hits[..., OPEN_HAT]
    rides = hits[..., RIDE] + hits[..., CRASH]
    with_ride = (rides > hats)[..., None]
    count = xp.maximum(rides, hats)[..., None]
    sixteenths = 4 * count >= 3 * steps if rules.cymbals == "code" else 4 * count > 3 * steps
    even = sixteenths | (xp.arange(steps) % 2 == 0)

    none = xp.zeros_like(kick)
    lanes = [kick, snare, even & ~with_ride, none, none, even & with_ride, none]
    return xp.stack(lanes, axis=-1).astype(xp.float32)


def _level(velocity: Any, xp: Any) -> Any:
    """Velocities as whole numbers, at least 1 where there is a hit."""
    whole = xp.rint(velocity * xp.float32(127)).astype(xp.int32)
    return xp.maximum(whole, (velocity > 0).astype(xp.int32))


def _snare(level: Any, rule: SnareRule, steps: int, xp: Any) -> Any:
    """Which hits of the snare stay, bool (…, steps)."""
    on_backbeat = xp.arange(steps) % 8 == 4
    hit = level > 0
    count = xp.sum(hit & on_backbeat, axis=-1, keepdims=True, dtype=xp.int32)
    total = xp.sum(xp.where(on_backbeat, level, 0), axis=-1, keepdims=True, dtype=xp.int32)
    others = xp.sum(hit, axis=-1, keepdims=True, dtype=xp.int32) - count
    others_total = xp.sum(level, axis=-1, keepdims=True, dtype=xp.int32) - total
    # A mean is compared as total and count: level ≥ total / count. Without a hit both are 0 and every hit stays.
    if rule == "code":
        softest = xp.min(level[..., BACKBEATS], axis=-1, keepdims=True)
        most = count > steps // 8 - 2
        return hit & xp.where(most, level >= softest, level * others >= others_total)
    reached = xp.where(count > 0, level * count >= total, level * others >= others_total)
    return hit & (reached | on_backbeat) if rule == "backbeat" else hit & reached


def velocity_pattern(velocity: Any) -> Any:
    """The outline of the cymbals' velocities (C_V): a class for every step.

    Of closed hat and ride the one with more hits, of equals the ride. A velocity is rounded to tenths; the classes 0 to 4 reach up
    to .2, .4, .6, .8 and 1. A silent step is in class 0.

    Args:
      velocity: float in [0, 1], (…, steps, 7).

    Returns:
      int32 in 0 to 4, (…, steps).

    Source: PocketVAE, Sec. 3.2; the choice of the lane and of the rounding are the public code's.
    """
    xp = velocity.__array_namespace__()
    hits = xp.sum(velocity > 0, axis=-2, dtype=xp.int32)
    with_hat = hits[..., CLOSED_HAT] > hits[..., RIDE]
    lane = xp.where(with_hat[..., None], velocity[..., CLOSED_HAT], velocity[..., RIDE])
    tenths = xp.rint(lane * xp.float32(10)).astype(xp.int32)
    return xp.maximum((tenths - 1) // 2, 0).astype(xp.int32)


def timing_pattern(velocity: Any, offset: Any) -> Any:
    """The outline of the microtiming (C_M): whether what is hit on a step is early, on the beat or late on the whole.

    Args:
      velocity: float in [0, 1], (…, steps, 7), above 0 where there is a hit.
      offset: float in [-1, 1), half steps, late positive, of the same shape.

    Returns:
      int32 (…, steps): 0 pushed, 1 on the beat, 2 laid back, by the sign of the hits' mean offset; 1 for a silent step.

    Source: PocketVAE, Sec. 3.2; silence as on the beat is the public code's.
    """
    xp = velocity.__array_namespace__()
    total = xp.sum(xp.where(velocity > 0, offset, 0), axis=-1)
    return ON_BEAT + (total > _NO_TIME).astype(xp.int32) - (total < -_NO_TIME).astype(xp.int32)


def augment_template(template: jax.Array, key: jax.Array) -> jax.Array:
    """A template as somebody else might have sketched it, for training. One example: `jax.vmap` it over a batch, a key for each.

    Each of these happens with probability .2, independently and in this order: the kick keeps only its quarter notes; the snare
    likewise; 8 steps in a row fall silent; all lanes become closed hats.

    Args:
      template: float32 of 0 and 1, (steps, 7).
      key: for this example alone, so that what happens to it does not depend on how a batch is split.

    Returns:
      float32 of 0 and 1, (steps, 7).

    Source: the public code (`Experiment._random_mask`, `_reduce_skel`), which draws the place of the silence and the last change
    once for a batch, and never lets the last 8 steps fall silent together; that every example has its own is our decision.
    """
    import jax
    import jax.numpy as jnp

    steps = template.shape[0]
    chance, place = jax.random.split(key)
    thin_kick, thin_snare, blank, fold = jax.random.uniform(chance, (4,)) < AUGMENT_SHARE
    start = jax.random.randint(place, (), 0, steps - BLANK_STEPS + 1)
    at = jnp.arange(steps)[:, None]
    lane = jnp.arange(len(POCKET.lanes))
    thinned = thin_kick & (lane == KICK) | thin_snare & (lane == SNARE)
    silent = blank & (at >= start) & (at < start + BLANK_STEPS)
    kept = jnp.where(thinned & (at % 4 != 0) | silent, 0, template)
    folded = jnp.max(kept, axis=1, keepdims=True) * (lane == CLOSED_HAT)
    return jnp.where(fold, folded, kept).astype(jnp.float32)
