"""Recipes: how a system is trained from start to end, found by name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from drumjax.boundary import InputError

if TYPE_CHECKING:  # a list of recipes is printed without waiting for JAX
    import numpy as np
    import optax

    from drumjax.systems.system import System
    from drumjax.train.annealing import AnnealedOptimizer
    from drumjax.train.engine import Begin, State


class Stage(NamedTuple):
    """A system, how it is optimised, and its part of the training.

    Attributes:
      system: what is trained.
      optimizers: `{player: optimiser}`, one for every player that has a loss.
      share: the stage's share of all steps; shares are relative to their sum.
      enter: makes the stage's first state from the last one's, usually with `engine.new_state`. None for the first stage, whose
        state comes from `system.init`; a later stage without it is an error.
      begin: `(arrays of the split train) -> ` what the stage's first state takes in the place of what was drawn: statistics
        measured on the training split, parameters of a trained checkpoint. Called once in a training, and not again when it is
        resumed; of several processes each calls it, and what process 0 has is taken. `system.init` draws the same shapes.
    """

    system: System
    optimizers: Mapping[str, optax.GradientTransformation | AnnealedOptimizer]
    share: float = 1.0
    enter: Callable[[State], State] | None = None
    begin: Callable[[Mapping[str, np.ndarray]], Begin] | None = None


class Recipe(NamedTuple):
    """A training by name.

    Attributes:
      name: as on the command line, e.g. `pattern-vae`.
      kind: of the data, e.g. `patterns`.
      config_type: a frozen dataclass that extends `train.config.TrainingConfig`.
      presets: `{name: config}`; `paper` is the default one.
      summaries: `{name: what it is, and what it gives up against the paper}`, a line for each preset.
      stages: `(config, data info) -> stages`, usually one.
      summarise: validation sums -> figures, e.g. `{"onset_f1": 0.97}`.
      play: `(config, data info, validation sums) -> ` what playing needs, JSON-like: drum map, threshold, genres; for the card.
      shown: `(config, data info, arrays of the split train) -> ` what playing needs of the training set itself, JSON-like and
        small; it goes into the card with what `play` gives.
      criterion: the figure by which checkpoints are compared, and whether more or less of it is better. Of several stages only the
        last one's checkpoints are.
      fitted: `(config, data info) -> config` with what the data decide (number of lanes, of classes) written in; this one is
        trained and stored.
      measured: `(config, arrays of the split train) -> config` with what the patterns themselves decide written in, after `fitted`.
      plays: the players whose weights playing needs, `()` for all: what `drumjax models pack` keeps.
      competes_from: `(config) -> ` the share of all steps, in [0, 1], from which on validations count for the best checkpoint:
        after warm-ups that change what is trained. Where none counts, the latest checkpoint is the best.
      anneal_by: the figure whose plateaus let learning rates fall (`OptimizerConfig.plateau_factor`); less of it is better.
      balance: the name of the array with each example's class, for batches with as many examples of each class; "" for batches of
        all examples alike. The batch is a multiple of the number of classes then, and as large for few examples as for many.
      whole_batch: the losses look across the examples of a batch (batch statistics, MMD), and so cannot be trained by `pmap`.
      stored: `(config) -> ` the configuration as `config.json` and cards tell of it: without the folders of this machine.
      prepared: `(config, data info, splits) -> splits` with arrays that are computed from the data before each training put in.
    """

    name: str
    kind: str
    config_type: type[Any]
    presets: Mapping[str, Any]
    summaries: Mapping[str, str]
    stages: Callable[[Any, Any], Sequence[Stage]]
    summarise: Callable[[Mapping[str, np.ndarray]], dict[str, float]]
    play: Callable[[Any, Any, Mapping[str, np.ndarray]], dict[str, Any]]
    criterion: tuple[str, Literal["max", "min"]]
    fitted: Callable[[Any, Any], Any] = lambda config, info: config
    measured: Callable[[Any, Mapping[str, np.ndarray]], Any] = lambda config, train: config
    plays: tuple[str, ...] = ()
    competes_from: Callable[[Any], float] = lambda config: 0.0
    anneal_by: str = "loss"
    balance: str = ""
    whole_batch: bool = False
    stored: Callable[[Any], Any] = lambda config: config
    prepared: Callable[[Any, Any, Mapping[str, Any]], Mapping[str, Any]] = lambda config, info, splits: splits
    shown: Callable[[Any, Any, Mapping[str, np.ndarray]], dict[str, Any]] = lambda config, info, train: {}


RECIPES: Mapping[str, str] = {
    "pattern-vae": "drumjax.train.recipes.pattern_vae",
    "pattern-gan": "drumjax.train.recipes.pattern_gan",
    "cwae": "drumjax.train.recipes.cwae",
    "mcnn": "drumjax.train.recipes.mcnn",
    "pocketvae": "drumjax.train.recipes.pocketvae",
    "genre-classifier": "drumjax.train.recipes.genre_classifier",
}
"""The module of every recipe; imported when it is asked for. Each has an attribute `RECIPE`."""


def recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
      InputError: when there is none of that name; the nearest one is suggested.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
        remedy = f"perhaps {near[0]} is meant" if near else "choose one of them"
        raise InputError("recipe", rule=f"one of {', '.join(RECIPES)}", found=name, remedy=remedy)
    return importlib.import_module(RECIPES[name]).RECIPE
