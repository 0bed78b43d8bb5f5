"""What an evaluation takes of trained groove models: rebuilding and making grooves in bulk, and a classifier of genres.

A `GrooveInstrument` plays patterns of any length; here are windows of the models' own length, many at a time, and every variant's.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from drumjax import checkpoint
from drumjax.boundary import InputError, read_json
from drumjax.instruments import groove_table as table
from drumjax.instruments.common import blockwise, check_fits
from drumjax.instruments.groove import SYSTEM, GrooveInstrument
from drumjax.instruments.groove_evaluation import Classify, Made, Rebuilt
from drumjax.models import pocketvae
from drumjax.models.genre_classifier import GenreClassifierConfig, classify, init_classifier
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns.templates import ON_BEAT, VELOCITY_CLASSES, TemplateRules, template, timing_pattern, velocity_pattern

POCKETVAE, GENRE_CLASSIFIER = SYSTEM, "genre-classifier"
SYSTEMS = (POCKETVAE, GENRE_CLASSIFIER)
BLOCK = 64
"""Grooves in one call of a compiled function."""
_SECOND_STAGE = "2-step-vq"
"""The variant whose training has one, the prior's."""


def row_of(config: PocketVAEConfig) -> str:
    """Which of `groove_table.ROWS` a model is."""
    if config.variant == "1-step":
        return table.ONE_STEP
    return config.variant + config.use_genre * "+genres" + config.use_patterns * "+patterns"


@dataclass(frozen=True)
class TrainedGrooves:
    """A trained PocketVAE of any variant, see `groove_evaluation.GrooveModel`.

    Attributes:
      place: its checkpoint.
      instrument: the same, as it is played.
      trained: how long it was trained, in words.
    """

    place: Path
    instrument: GrooveInstrument
    trained: str

    @property
    def row(self) -> str:
        """Which of `groove_table.ROWS` it is."""
        return row_of(self.instrument.config)

    @property
    def rules(self) -> TemplateRules:
        """How templates were taken in its training."""
        return self.instrument.rules

    @property
    def codes(self) -> int:
        """Entries of its codebook."""
        return self.instrument.config.codes

    @property
    def makes(self) -> bool:
        """Whether it has a prior, from which grooves are made."""
        return "prior" in self.instrument.weights

    def rows(self, genres: Sequence[str]) -> np.ndarray:
        """Names of genres as weights, float32 (n, genres); those that it does not know are an even mixture of all."""
        known = self.instrument.genres
        weights = dict(zip(known, np.eye(len(known), dtype=np.float32), strict=True))
        return np.stack([weights.get(name, np.full(len(known), 1 / len(known), np.float32)) for name in genres])

    def rebuild(self, velocity: np.ndarray, offset: np.ndarray, genres: Sequence[str]) -> Rebuilt:
        """Grooves from their codes, decoded freely; see `groove_evaluation.GrooveModel`.

        Raises:
          InputError: where the model makes anything but finite numbers.
        """
        function, weights = _rebuilding(self.instrument.config, self.rules), self.instrument.weights
        made = blockwise(lambda *arrays: function(weights, *arrays), BLOCK)(
            velocity, offset, self.rows(genres), np.arange(len(velocity), dtype=np.int32)
        )
        self._check(made)
        return Rebuilt(made.pop("note") > 0, **made)

    def make(
        self, templates: np.ndarray, genres: Sequence[str], seed: int, velocity: np.ndarray | None, timing: np.ndarray | None
    ) -> Made:
        """New grooves on templates; see `groove_evaluation.GrooveModel`. The same seed gives the same draws for every genre and
        pattern.

        Raises:
          InputError: where the model makes anything but finite numbers.
          ValueError: a model without a prior, or without patterns where it is told them.
        """
        if not self.makes:
            raise ValueError("expected a model with a prior")
        if self.instrument.config.use_patterns and (velocity is None or timing is None):
            raise ValueError("expected velocity and timing patterns, which this model is told")
        none = np.zeros(templates.shape[:2], np.int32)
        function, weights, key = _making(self.instrument.config), self.instrument.weights, jax.random.key(seed)
        made = blockwise(lambda *arrays: function(weights, key, *arrays), BLOCK)(
            templates,
            self.rows(genres),
            none if velocity is None else velocity,
            none if timing is None else timing,
            np.arange(len(templates), dtype=np.int32),
        )
        self._check(made)
        return Made(made.pop("note") > 0, **made)

    def spell(self, codes: np.ndarray, templates: np.ndarray) -> Made:
        """Grooves of rows of codes; see `groove_evaluation.GrooveModel`.

        Raises:
          InputError: where the model makes anything but finite numbers.
        """
        function, weights = _spelling(self.instrument.config), self.instrument.weights
        even = self.rows([""] * len(codes))
        made = blockwise(lambda *arrays: function(weights, *arrays), BLOCK)(codes.astype(np.int32), templates, even)
        self._check(made)
        return Made(made.pop("note") > 0, **made)

    def _check(self, made: Mapping[str, np.ndarray]) -> None:
        if not all(np.isfinite(array).all() for array in made.values()):
            raise _diverged(self.place)


def load_grooves(place: Path) -> TrainedGrooves:
    """A trained PocketVAE from its checkpoint directory, whose files are verified first.

    Raises:
      InputError: a damaged checkpoint, or one of another system.
    """
    playing = checkpoint.load_playing(place)
    _check_system(place, playing.card, POCKETVAE)
    instrument = GrooveInstrument.from_checkpoint(playing, directory=place, name=str(place))
    return TrainedGrooves(place, instrument, how_long(place, playing.card))


def load_classifier(place: Path, genres: Sequence[str]) -> Classify | None:
    """A trained classifier from its checkpoint directory, for data of these genres; None where it does not know them all.

    Raises:
      InputError: a damaged checkpoint, or one of another system.
    """
    playing = checkpoint.load_playing(place)
    _check_system(place, playing.card, GENRE_CLASSIFIER)
    try:
        network, known = playing.card["config"]["model"], tuple(map(str, playing.card["play"]["genres"]))
    except (KeyError, TypeError) as error:
        raise InputError(
            place / checkpoint.CARD,
            rule="the network and the genres of a classifier",
            found=f"a card without them ({error!r})",
            remedy="train again with this version, or take another checkpoint",
        ) from error
    config = checkpoint.parse_config(GenreClassifierConfig, network, place / checkpoint.CARD)
    if not set(genres) <= set(known):
        return None
    params = playing.params.get("classifier", {})
    check_fits(place, jax.eval_shape(functools.partial(init_classifier, config), jax.random.key(0)), params)
    columns = [known.index(name) for name in genres]
    function = _classifying(config)

    def logits(note: np.ndarray, velocity: np.ndarray, offset: np.ndarray) -> np.ndarray:
        del note  # it is where there is a velocity
        made = cast(np.ndarray, blockwise(lambda *arrays: function(params, *arrays), BLOCK)(velocity, offset))
        if not np.isfinite(made).all():
            raise _diverged(place)
        return made[:, columns]

    return logits


def how_long(place: Path, card: Mapping[str, Any]) -> str:
    """How long a model was trained, in words: passes over its training set, of its modules and of its prior; "" where its card does
    not say.

    How many steps the whole training has is read in its working directory, where the checkpoint lies in one.
    """
    try:
        step, batch = int(card["step"]), int(card["config"]["batch_size"])
        n, share = int(card["data"]["counts"]["train"]), float(card["config"].get("prior_share", 0))
    except (KeyError, TypeError, ValueError):
        return ""
    two_stages = share > 0 and card["config"]["model"].get("variant") == _SECOND_STAGE
    total = step
    # Of an instrument, or of a checkpoint by itself, its last step stands for the length.
    with contextlib.suppress(InputError, KeyError, TypeError, ValueError):
        total = max(int(read_json(place.parent.parent / "config.json")["steps"]), step)
    first = min(round((1 - share) * total), step) if two_stages else step

    def passes(steps: int) -> str:
        return f"{steps * batch / max(n, 1):.3g}"

    said = f"{passes(first)} epochs ({first:,} steps of {batch})"
    return f"{said}, prior {passes(step - first)}" if two_stages else said


@functools.lru_cache(maxsize=16)
def _rebuilding(config: PocketVAEConfig, rules: TemplateRules) -> Callable[..., dict[str, jax.Array]]:
    def rebuild(weights, velocity, offset, genre, slot):
        params, extra = weights["params"], weights["extra"]
        told = genre if config.use_genre else None
        outlines = (velocity_pattern(velocity), timing_pattern(velocity, offset)) if config.use_patterns else (None, None)
        taken = template(velocity, rules)
        codes = pocketvae.encode(config, params, extra, velocity, offset, taken, told, *outlines)
        keys = pocketvae.item_keys(jax.random.key(0), slot)
        own = pocketvae.decode(config, params, extra, codes, taken, told, *outlines, keys=keys)
        made = {"note": own.note, "velocity": own.velocity, "offset": own.offset}
        if codes.velocity is not None and codes.timing is not None:
            note = (velocity > 0).astype(jnp.float32)
            made["velocity_given"] = pocketvae.decode_velocity(config, params, extra, codes.velocity, note, told, outlines[0])
            made["offset_given"] = pocketvae.decode_timing(config, params, extra, codes.timing, note, told, outlines[1])
        return made

    return jax.jit(rebuild)


@functools.lru_cache(maxsize=16)
def _making(config: PocketVAEConfig) -> Callable[..., dict[str, jax.Array]]:
    def make(weights, key, template, genre, velocity, timing, slot):
        params, extra = weights["params"], weights["extra"]
        told = genre if config.use_genre else None
        outlines = (velocity, timing) if config.use_patterns else (None, None)
        of_codes, of_notes = jax.random.split(key)
        codes = pocketvae.draw_codes(config, params, weights["prior"], template, told, keys=pocketvae.item_keys(of_codes, slot))
        keys = pocketvae.item_keys(of_notes, slot)
        made = pocketvae.decode(config, params, extra, codes, template, told, *outlines, keys=keys)
        played = {"velocity": made.note * made.velocity, "offset": made.note * made.offset}
        return {"note": made.note, **played, "codes": codes.note}

    return jax.jit(make)


@functools.lru_cache(maxsize=16)
def _spelling(config: PocketVAEConfig) -> Callable[..., dict[str, jax.Array]]:
    def spell(weights, codes, template, genre):
        params, extra = weights["params"], weights["extra"]
        told = genre if config.use_genre else None
        none = jnp.zeros((len(codes), config.expressive_code))
        outlines: tuple[jax.Array | None, jax.Array | None] = (None, None)
        if config.use_patterns:
            # Accents of the middle class, on the beat.
            even = jnp.ones(template.shape[:2], jnp.int32)
            outlines = VELOCITY_CLASSES // 2 * even, ON_BEAT * even
        made = pocketvae.decode(config, params, extra, pocketvae.Codes(codes, none, none), template, told, *outlines)
        played = {"velocity": made.note * made.velocity, "offset": made.note * made.offset}
        return {"note": made.note, **played, "codes": codes}

    return jax.jit(spell)


@functools.lru_cache(maxsize=8)
def _classifying(config: GenreClassifierConfig) -> Callable[..., jax.Array]:
    return jax.jit(lambda params, velocity, offset: classify(config, params, velocity, offset))


def _check_system(place: Path, card: Mapping[str, Any], system: str) -> None:
    if card.get("system") != system:
        remedy = f"name a training of 'drumjax train {system}'"
        raise InputError(place, rule=f"a model of {system!r}", found=f"one of {card.get('system')!r}", remedy=remedy)


def _diverged(place: Path) -> InputError:
    remedy = "its training diverged or has hardly begun: take another checkpoint, or train longer or at a lower rate"
    return InputError(place, rule="a model that makes finite numbers", found="infinity or NaN", remedy=remedy)
