"""How a composer makes another clip from a clip: one or two changes, the rest stays. An edit maps an idea to a new idea."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from drumjax.synth.dice import Dice
from drumjax.synth.rhythm import BAR, BD, CB, CH, GHOST, NORMAL, OH, REST, RS, SD, SOFT, STEPS
from drumjax.synth.style import Idea, Style, Tier

MINOR_LANES = (CH, OH, RS, CB)
"""Lanes that a clip can do without; kick and snare carry the theme."""


def used_lanes(idea: Idea) -> set[int]:
    """The lanes in which the idea has a hit before muting."""
    return {lane for bar in idea.bars.values() for lane in np.flatnonzero(bar.any(axis=0)).tolist()} | set(idea.layers)


def with_lane(idea: Idea, lane: int, levels: np.ndarray) -> Idea:
    """The idea with one lane replaced, in every bar (levels (16,)) or as a layer of its own (longer)."""
    layers = {other: layer for other, layer in idea.layers.items() if other != lane}
    if len(levels) != BAR:
        return idea._replace(layers={**layers, lane: np.resize(levels, STEPS)})
    bars = {letter: bar.copy() for letter, bar in idea.bars.items()}
    for bar in bars.values():
        bar[:, lane] = levels
    return idea._replace(bars=bars, layers=layers)


def with_fill(idea: Idea, fill: str, dice: Dice) -> Idea:
    """The idea with another fill, whose own choices are drawn now."""
    return idea._replace(fill=fill, fill_key=dice.below(2**31))


def _mute(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """One of the smaller lanes falls silent; the snare only now and then."""
    lanes = {lane: (1 if lane == SD else 4) for lane in (SD, *MINOR_LANES) if lane in used_lanes(idea)}
    if len(lanes) < 2:
        return idea
    return idea._replace(muted=(*idea.muted, (dice.pick(lanes), 0, STEPS)))


def _enter(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """A lane is silent for the first bars and then comes in."""
    lanes = [lane for lane in MINOR_LANES if lane in used_lanes(idea)]
    if not lanes:
        return idea
    return idea._replace(muted=(*idea.muted, (dice.one(lanes), 0, dice.pick({32: 3, 16: 1, 48: 1}))))


def _layer(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """A lane that the theme does without comes in."""
    free = {lane: style.presence["dense"][lane] for lane in MINOR_LANES if lane not in used_lanes(idea)}
    if not free:
        return idea
    lane = dice.pick(free)
    return with_lane(idea, lane, style.lanes[lane](dice, tier))


def _kick(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """One kick more, one less, or one moved by a 16th or two, in every bar alike."""
    line = idea.bars["A"][:, BD]
    movable = [step for step in range(1, BAR) if line[step]]
    change = dice.pick({"add": 3, "move": 3, "drop": 2}) if len(movable) > 1 else "add"
    bars = {letter: bar.copy() for letter, bar in idea.bars.items()}
    source = dice.one(movable) if change != "add" else -1
    target = (
        dice.pick({3: 2, 6: 2, 7: 2, 10: 3, 11: 2, 14: 4, 15: 3}) if change == "add" else (source + dice.one((-2, -1, 1, 2))) % BAR
    )
    for bar in bars.values():
        if change != "add":
            bar[source, BD] = REST
        if change != "drop":
            bar[target, BD] = max(bar[target, BD], NORMAL)
    return idea._replace(bars=bars)


def _hats(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """Other hats over the same drums."""
    lane = dice.pick({CH: 3, OH: 1})
    return with_lane(idea, lane, style.lanes[lane](dice, tier))


def _fill(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    others = {name: weight for name, weight in style.fills.items() if name not in (idea.fill, "none")}
    if idea.fill != "none" and dice.chance(0.25):
        return with_fill(idea, "none", dice)
    return with_fill(idea, dice.pick(others), dice)


def _form(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    return idea._replace(form=dice.pick({form: weight for form, weight in style.forms.items() if form != idea.form}))


def _accent(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """The same closed hats with another contour: the loudness moves on by an eighth, or is flattened."""
    bars = {letter: bar.copy() for letter, bar in idea.bars.items()}
    flat = dice.chance(0.3)
    for bar in bars.values():
        hit = bar[:, CH] > 0
        levels = np.full(BAR, NORMAL, np.int8) if flat else np.roll(np.where(hit, bar[:, CH], SOFT), 2)
        bar[:, CH] = np.where(hit, levels, REST)
    return idea._replace(bars=bars)


def _ghosts(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """Ghost strokes around the snare."""
    bars = {letter: bar.copy() for letter, bar in idea.bars.items()}
    for step in dice.several({7: 4, 9: 4, 15: 4, 14: 2, 2: 2, 10: 2, 6: 1, 3: 1}, dice.pick({1: 2, 2: 3, 3: 1})):
        for bar in bars.values():
            bar[step, SD] = max(bar[step, SD], GHOST)
    return idea._replace(bars=bars)


def _cut(dice: Dice, idea: Idea, style: Style, tier: Tier) -> Idea:
    """One of the answering bars is cut anew."""
    letter = dice.one(sorted(set(idea.form) - {"A"}) or ["B"])
    return idea._replace(bars={**idea.bars, letter: style.answer(dice, idea.bars["A"])})


EDITS: Mapping[str, Callable[[Dice, Idea, Style, Tier], Idea]] = {
    "mute": _mute,
    "enter": _enter,
    "layer": _layer,
    "kick": _kick,
    "hats": _hats,
    "fill": _fill,
    "form": _form,
    "accent": _accent,
    "ghosts": _ghosts,
    "cut": _cut,
}
