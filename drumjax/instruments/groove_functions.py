"""The groove instrument's pure functions, from named arrays to named arrays: its methods call them, export writes them out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp

from drumjax.models import pocketvae
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns.templates import CLOSED_HAT, ON_BEAT, RIDE, TemplateRules, template, timing_pattern, velocity_pattern

Signatures = dict[str, Callable[..., dict[str, jax.Array]]]
_NOTES, _VELOCITY, _TIMING, _FED = range(4)
"""What is drawn from an item's key."""


def signatures(config: PocketVAEConfig, rules: TemplateRules) -> Signatures:
    """The instrument's pure functions, each `(weights, **named arrays) -> {name: array}`.

    `weights` are `params` and `extra` of PocketVAE and, of a model with a codebook, `prior`. Grids are float32 (n, steps, lanes), a
    window of the model's length each; `genre` are weights of genres, float32 (n, genres). Models that are told no genres or control
    patterns leave `genre`, `feel` and `accents` unread.

    - `encode`: `velocity`, above 0 where there is a hit, `offset`, `genre` → `note_code`, `velocity_code`, `timing_code`: indices
      of the codebook int32 (n, codes) or the mean of a Gaussian (n, ·), and means (n, ·); of a 1-step model `note_code` alone.
      Templates and control patterns are taken from the groove.
    - `draw`: `key` uint32 (2,), `slot` and `window` int32 (n,), `temperature` (n,) → the codes that are Gaussian, each from the
      standard normal times the temperature. One key an item, from its slot and its window.
    - `play`: the same four, `template`, `genre`, the codes (of a codebook with `given` bool (n, codes), false where the code is to
      be drawn from the prior after those before it), `feel` and `accents` int32 (n, steps), classes of control patterns; of the
      player's own pattern `own` (0 or 1), `keep` (n,) and `amount` (n,), see below; `sounding` (n, steps), 0 where nothing is to
      be played; `drawn` (n,), 1 for the notes that the network drew and read back, 0 for the likelier ones; `threshold` scalar, the
      probability from which on a note is likely; `before` (n, steps, 3 lanes), notes, velocities and offsets that are settled, and
      `settled` bool (n, steps).
      → `note_code`, `logits`, `note`, `velocity` and `offset`.

    Where something is settled, the networks read it in the place of what they would have written, and go on from there: a window
    that begins with the bar before has no seam. Of the notes that differ from `own`, those are taken over of which the network is
    sure enough: at an `amount` a the probability of what replaces `own` is at least 1 / (1 + a). Where `keep` is 1, none of `own`
    is left out.
    """
    has_codebook, one_step = config.variant == "2-step-vq", config.variant == "1-step"

    def keys_of(key, slot, window):
        item = pocketvae.item_keys(jax.random.wrap_key_data(key), slot)
        return jax.vmap(jax.random.fold_in)(item, window)

    def keys_for(keys, part):
        return cast(jax.Array, pocketvae.fold(keys, part))

    def told(genre):
        return genre if config.use_genre else None

    def encode(weights, velocity, offset, genre):
        patterns = (velocity_pattern(velocity), timing_pattern(velocity, offset)) if config.use_patterns else (None, None)
        taken = template(velocity, rules)
        codes = pocketvae.encode(config, weights["params"], weights["extra"], velocity, offset, taken, told(genre), *patterns)
        return {f"{name}_code": code for name, code in codes._asdict().items() if code is not None}

    def draw(weights, key, slot, window, temperature):
        del weights
        keys = keys_of(key, slot, window)
        sizes = {} if has_codebook else {"note": (_NOTES, config.one_step_code if one_step else config.note_code)}
        if not one_step:
            sizes |= {"velocity": (_VELOCITY, config.expressive_code), "timing": (_TIMING, config.expressive_code)}
        scale = temperature[:, None]
        return {f"{name}_code": scale * pocketvae.draw_normal(keys_for(keys, part), size) for name, (part, size) in sizes.items()}

    def decided(logits, chance, own, keep, amount, sounding):
        """The notes, 0 or 1, where `chance` is the probability from which on there is one."""
        above = logits - (jnp.log(chance) - jnp.log1p(-chance))
        sure = -jnp.log(amount)[:, None, None]  # 1 / (1 + a) as a logit
        added, left_out = above >= sure, -above > sure
        played = jnp.where(own > 0, ~left_out | (keep[:, None, None] > 0), added)
        return (played & (sounding[..., None] > 0)).astype(logits.dtype)

    def outlines(note, feel, accents):
        """Control patterns as training knows them: silence is on the beat and in class 0, accents are those of the main cymbal."""
        if not config.use_patterns:
            return None, None
        hat, ride = note[..., CLOSED_HAT], note[..., RIDE]
        cymbal = jnp.where((hat.sum(-1) > ride.sum(-1))[:, None], hat, ride)
        return jnp.where(cymbal > 0, accents, 0), jnp.where(note.any(-1), feel, ON_BEAT)

    def play(
        weights, key, slot, window, temperature, template, genre, note_code, own, keep, amount, sounding, drawn, threshold, before,
        settled, given=None, velocity_code=None, timing_code=None, feel=None, accents=None,
    ):  # fmt: skip
        params, extra = weights["params"], weights["extra"]
        keys = keys_of(key, slot, window)
        fed = keys_for(keys, _FED)
        # Drawn notes are those that the network read back as its own: numbers of the same keys.
        chance = jnp.where(drawn[:, None, None] > 0, uniform(fed, own.shape[1:]), threshold)
        notes_before, velocity_before, offset_before = jnp.split(before, 3, -1)

        def settle(new, old):
            return jnp.where(settled[..., None], old, new)

        def decide(logits):
            return settle(decided(logits, chance, own, keep, amount, sounding), notes_before)

        if one_step:
            logits, velocity, offset, _ = pocketvae.decode_groove(
                config, params, extra, note_code, template, keys=fed, target=before, forcing=settled
            )
            note = decide(logits)
        else:
            code = note_code
            if has_codebook:
                note_code = pocketvae.sample_prior(
                    config, params, weights["prior"], template, told(genre),
                    keys=keys_for(keys, _NOTES), temperature=temperature[:, None, None], known=note_code, given=given,
                )  # fmt: skip
                code = extra["codebook"]["codes"][note_code]
            logits, _ = pocketvae.decode_notes(
                config, params, extra, code, template, told(genre), keys=fed, target=notes_before, forcing=settled
            )
            note = decide(logits)
            accents, feel = outlines(note, feel, accents)
            velocity = pocketvae.decode_velocity(
                config, params, extra, velocity_code, note, told(genre), accents, target=velocity_before, forcing=settled
            )
            offset = pocketvae.decode_timing(
                config, params, extra, timing_code, note, told(genre), feel, target=offset_before, forcing=settled
            )
        made = {"note_code": note_code, "logits": logits, "note": note}
        return made | {"velocity": settle(note * velocity, velocity_before), "offset": settle(note * offset, offset_before)}

    return {"encode": encode, "draw": draw, "play": play}


def uniform(keys: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """What `pocketvae.decode_notes` draws with, in (0, 1), one key an item, float32 (n, *shape)."""
    return jnp.maximum(jax.vmap(lambda key: jax.random.uniform(key, shape))(keys), 1e-7)


@functools.lru_cache(maxsize=8)
def compiled(config: PocketVAEConfig, rules: TemplateRules) -> Signatures:
    """The functions of `signatures`, each compiled once for each number of items."""
    return {name: jax.jit(function) for name, function in signatures(config, rules).items()}


@functools.lru_cache(maxsize=8)
def shapes_of(config: PocketVAEConfig) -> Any:
    """Abstract: PocketVAE's parameters, what training moves besides, and the prior's parameters (None without a codebook)."""
    key = jax.random.key(0)
    params, extra = jax.eval_shape(functools.partial(pocketvae.init_pocketvae, config), key)
    prior = jax.eval_shape(functools.partial(pocketvae.init_prior, config), key) if config.variant == "2-step-vq" else None
    return params, extra, prior
