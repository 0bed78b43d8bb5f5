"""What all instruments share: checks of what a caller gives, keys of random draws, and how provenance names a pattern."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import jax
import numpy as np

from drumjax.boundary import InputError
from drumjax.patterns import Pattern
from drumjax.provenance import MOST_SEED, is_record


def is_a(value: object, kind: Any) -> bool:
    """`isinstance`, of what a caller without a type checker may give."""
    return isinstance(value, kind) and not isinstance(value, bool)


def is_whole(number: object) -> bool:
    return is_a(number, Integral)


def check_seed(seed: int) -> None:
    """Raises InputError for what is no seed."""
    if not (is_whole(seed) and 0 <= seed <= MOST_SEED):
        raise InputError("seed", rule=f"a whole number from 0 to {MOST_SEED}", found=str(seed), remedy="choose one of these")


def check_share(what: str, share: float) -> None:
    """Raises InputError for what is no number from 0 to 1."""
    if not (is_a(share, Real) and 0 <= share <= 1):
        raise InputError(what, rule="a number from 0 to 1", found=f"{share}", remedy="choose one in that range")


def key_of(seed: int) -> np.ndarray:
    """The key of a seed as the numbers that compiled functions take, uint32 (2,)."""
    return np.asarray(jax.random.key_data(jax.random.key(seed)))


def fold(key: np.ndarray, number: int) -> np.ndarray:
    """`jax.random.fold_in` of a key in numbers."""
    return np.asarray(jax.random.key_data(jax.random.fold_in(jax.random.wrap_key_data(jax.numpy.asarray(key)), number)))


def plain(value: Any) -> Any:
    """A number of numpy's as Python's own, which JSON can say."""
    return value.item() if isinstance(value, np.generic) else value


def pattern_input(pattern: Pattern) -> Mapping[str, Any]:
    """How provenance names a pattern that went in: the file it was read from, the record of what made it, or else its name and the
    hash of its velocities."""
    origin = pattern.provenance or {}
    if is_record(origin) or ("path" in origin and "sha256" in origin):
        return origin
    return {"name": pattern.name or "made by hand", "sha256": hashlib.sha256(pattern.velocity.tobytes()).hexdigest()}


def check_fits(directory: Any, wanted: Any, found: Any) -> None:
    """That arrays have the names and shapes that a configuration asks for.

    Raises:
      InputError: where one has not; it names the array.
    """

    def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
        leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
        return {jax.tree_util.keystr(path, simple=True, separator="/"): np.shape(leaf) for path, leaf in leaves}

    asked, stored = shapes(wanted), shapes(found)
    for name in sorted(asked.keys() | stored.keys()):
        if asked.get(name) != stored.get(name):
            rule = f"weights that fit the configuration on its card, {name} as {asked.get(name, 'none')}"
            remedy = "take another checkpoint, or train again"
            raise InputError(directory, rule=rule, found=f"{stored.get(name, 'none')}", remedy=remedy)


def blockwise(function: Callable[..., Any], size: int, small: int = 1) -> Callable[..., Any]:
    """A compiled function of arrays on any number of items, at least one: calls of `size` items each, or one of `small` where no
    more are asked for. What it gives, arrays or trees of them, comes back as NumPy's, as long as what went in."""

    def run(*arrays: np.ndarray) -> Any:
        made, n = [], len(arrays[0])
        at_once = small if n <= small else size
        for first in range(0, n, at_once):
            items = slice(first, min(first + at_once, n))
            count = items.stop - first
            # What fills up a block is its last item again: silence would be an odd thing to ask of a normalised network.
            padded = [np.concatenate([array[items], np.repeat(array[items][-1:], at_once - count, 0)]) for array in arrays]
            made.append(jax.tree.map(lambda result, count=count: np.asarray(result)[:count], function(*padded)))
        return jax.tree.map(lambda *parts: np.concatenate(parts), *made)

    return run
