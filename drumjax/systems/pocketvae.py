"""How PocketVAE and its prior learn (PocketVAE, Sec. 3.4, eqs. 3 to 5).

Two systems, one after the other: the modules NOTE, VEL, TIME and SKEL together, with every variant of Table 1; then, on frozen
modules, the prior of the notes' codes. Templates and control patterns are taken from the velocities and offsets within the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.losses import cross_entropy, kl_standard_normal, masked_mean, soft_bce, squared_error
from drumjax.models.pocketvae import (
    Codes,
    PocketVAEConfig,
    Reconstruction,
    decode,
    draw_codes,
    draw_normal,
    encode,
    encode_notes,
    init_pocketvae,
    init_prior,
    item_keys,
    prior_logits,
    reconstruct_in_training,
)
from drumjax.nn.vector_quantizer import quantize
from drumjax.patterns.templates import TemplateRules, augment_template, template, timing_pattern, velocity_pattern
from drumjax.systems.schedules import Forcing, forcing_ratio, ramp
from drumjax.systems.system import Progress, System

FORCING = Forcing(end=0.5, share=10 / 500)
"""From 1 to .5 (Sec. 3.4.4), over 10 of 500 epochs (the public code, which goes on to .414)."""
PRIOR_FORCING = Forcing(end=0.44, share=30 / 500)
"""From 1 to .44 over 30 of 500 epochs (the public code)."""


@dataclass(frozen=True)
class PocketVAELoss:
    """Weights of the loss of the modules."""

    sums: Literal["sequence", "code"] = "sequence"
    """What the cross-entropy and the squared norms of eqs. 3 and 4 are summed over. `sequence`: over a groove's cells, the KL terms
    over a code's dimensions, all averaged over the batch (our decision; with means over the 224 cells a KL weight of .2 switches
    every dimension of the codes off). `code`: the public code, means over cells, and KL terms summed over the batch too."""
    commitment_weight: float = 0.2
    """Of the term that draws the NOTE encoder to the codebook (β of eq. 3, which prints the names of its two terms the other way
    round; the other one, which would move the codebook, has no gradient, for moving averages do that). In the public code the term
    that acts has the weight 1."""
    kl_weight: float = 0.2
    """β of eq. 4 at its height (Sec. 3.4.3), for every Gaussian of the variant. (The public code has .3 for a Gaussian NOTE and
    .001 for the 1-step model, with its own sums.)"""
    kl_cycles: int = 5
    """How many times β rises from 0 (the public code); 1: once (the paper)."""
    kl_ramp: float = 0.9
    """The part of a cycle over which it rises; then it stays until the next one (the public code)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        for field in ("commitment_weight", "kl_weight", "kl_ramp"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"expected {field} of at least 0, found {getattr(self, field)}")
        if self.kl_cycles < 1:
            raise ValueError(f"expected kl_cycles of at least 1, found {self.kl_cycles}")


def kl_weight(loss: PocketVAELoss, progress: Progress) -> jax.Array:
    """β at a point of training."""
    return loss.kl_weight * ramp(progress, share=loss.kl_ramp, cycles=loss.kl_cycles)


def grooves_of(batch: Mapping[str, jax.Array], rules: TemplateRules, patterns: bool) -> dict[str, jax.Array]:
    """A batch with what is taken from its velocities and offsets.

    Args:
      batch: `velocity` and `offset`, float32 (items, steps, lanes), and others.
      rules: of the templates.
      patterns: whether the control patterns are wanted.

    Returns:
      The batch with `note` and `template`, float32 of 0 and 1, (items, steps, lanes), and, where wanted, `velocity_pattern` and
      `timing_pattern`, int32 (items, steps).
    """
    velocity, offset = batch["velocity"], batch["offset"]
    groove = {**batch, "note": (velocity > 0).astype(jnp.float32), "template": template(velocity, rules)}
    if patterns:
        groove |= {"velocity_pattern": velocity_pattern(velocity), "timing_pattern": timing_pattern(velocity, offset)}
    return groove


def terms(reconstruction: Reconstruction, groove: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The parts of the loss, each float32 (items,), summed over a groove: `bce`; `velocity` and `timing`, the squared norms of eq.
    4; `commitment`, that of eq. 3, where there is a codebook; and `kl_…` for each Gaussian."""
    each = {
        "bce": soft_bce(reconstruction.logits, groove["note"]),
        "velocity": squared_error(reconstruction.velocity, groove["velocity"]),
        "timing": squared_error(reconstruction.offset, groove["offset"]),
    }
    if reconstruction.encoded is not None and reconstruction.quantized is not None:
        each["commitment"] = squared_error(reconstruction.encoded, jax.lax.stop_gradient(reconstruction.quantized))
    return each | {f"kl_{part}": kl_standard_normal(*gaussian) for part, gaussian in reconstruction.gaussians.items()}


def objective(
    loss: PocketVAELoss, each: Mapping[str, jax.Array], mask: jax.Array, beta: jax.Array, code_numbers: int, cells: int
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Eq. 5, over a batch.

    Args:
      loss: the weights, and what is summed.
      each: the `terms`.
      mask: float32 (items,), 1 for the items that count.
      beta: the weight of the KL terms.
      code_numbers: how many numbers a groove's row of codes has.
      cells: how many a groove has.

    Returns:
      The loss, and its parts before they are weighted: float32 scalars.
    """
    parts = {name: masked_mean(term, mask) for name, term in each.items()}
    if loss.sums == "code":
        means = {"bce": cells, "velocity": cells, "timing": cells, "commitment": code_numbers}
        parts = {name: part / means[name] if name in means else part * jnp.sum(mask) for name, part in parts.items()}
    weights = {"bce": 1.0, "velocity": 1.0, "timing": 1.0, "commitment": loss.commitment_weight}
    return sum((weights.get(name, beta) * part for name, part in parts.items()), jnp.float32(0)), parts


def pocketvae_system(
    config: PocketVAEConfig,
    loss: PocketVAELoss = PocketVAELoss(),
    forcing: Forcing = FORCING,
    rules: TemplateRules = TemplateRules(),  # noqa: B008 - frozen
    *,
    augment: bool = True,
) -> System:
    """The modules of PocketVAE, of any variant, as a `System` with the one player `pocketvae`.

    A batch holds `velocity`, float32 (items, steps, lanes) in [0, 1], above 0 where there is a note, `offset`, the same shape in
    [-1, 1), and `genre`, int32 (items,). Training batches are taken to have no padding: batch normalisation and the codebook count
    every item. The conditions of VEL and TIME are the true notes (the public code).

    `extra` holds, of the variant `2-step-vq`, `batch_stats` and `codebook`, moving averages; else nothing.

    `validate` decodes freely: notes from the posterior's codes or mean, each step reading a draw of the one before; velocities and
    offsets from the posterior's mean (the public code: a draw of it) on the true notes (the public code). It sums over the items:
    `items`; `bce`, `velocity` and `timing`, the parts of the loss; `step_f1`, the F1 of each step that is not silent in both, and
    `steps`, their number; `matched_notes`, `decoded_notes` and `actual_notes`; `cells`; and `codes` (codes,), how often each was
    chosen.

    `sample` takes `{"template", "genre", "velocity_pattern", "timing_pattern"}`, as far as the model is told them, and gives a
    `Groove`. Where there is a codebook and no player `prior`, codes are drawn evenly.
    """

    def init(key: jax.Array, batch: Mapping[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        params, extra = init_pocketvae(config, key)
        return {"pocketvae": params}, extra

    def pocketvae_loss(params, extra, batch, key, progress):
        of_items, of_templates, of_codebook = jax.random.split(key, 3)
        groove = grooves_of(batch, rules, config.use_patterns)
        if augment:
            groove["template"] = jax.vmap(augment_template)(groove["template"], item_keys(of_templates, batch["slot"]))
        ratio, beta = forcing_ratio(forcing, progress), kl_weight(loss, progress)
        reconstruction, extra = reconstruct_in_training(
            config,
            params["pocketvae"],
            extra,
            groove["velocity"],
            groove["offset"],
            *_conditions(groove),
            keys=item_keys(of_items, batch["slot"]),
            key=of_codebook,
            forcing=ratio,
        )
        each, code_numbers = terms(reconstruction, groove), config.code_steps * config.code_size
        value, parts = objective(loss, each, batch["mask"], beta, code_numbers, config.steps * config.lanes)
        return value, (extra, {**parts, "kl_weight": beta, "forcing": ratio})

    def validate(params, extra, batch):
        return _sums(config, params["pocketvae"], extra, grooves_of(batch, rules, config.use_patterns))[0]

    def sample(params, extra, key, condition):
        items, (of_codes, of_notes) = len(condition["template"]), jax.random.split(key)
        keys, conditions = item_keys(of_codes, jnp.arange(items)), _conditions(condition)
        if config.variant == "2-step-vq" and "prior" not in params:
            size = config.expressive_code
            own = [jax.vmap(lambda one, n=n: jax.random.fold_in(one, n))(keys) for n in range(3)]
            evenly = jax.vmap(lambda one: jax.random.randint(one, (config.code_steps,), 0, config.codes))(own[0])
            codes = Codes(evenly, draw_normal(own[1], size), draw_normal(own[2], size))
        else:
            codes = draw_codes(config, params["pocketvae"], params.get("prior"), *conditions[:2], keys=keys)
        return decode(config, params["pocketvae"], extra, codes, *conditions, keys=item_keys(of_notes, jnp.arange(items)))

    return System(init=init, losses={"pocketvae": pocketvae_loss}, validate=validate, sample=sample)


def prior_system(
    config: PocketVAEConfig,
    forcing: Forcing = PRIOR_FORCING,
    rules: TemplateRules = TemplateRules(),  # noqa: B008 - frozen
) -> System:
    """The prior of the notes' codes (Sec. 3.4.4) as a `System` with the one player `prior`, on frozen modules.

    Its batches and `extra` are those of `pocketvae_system`, of the variant `2-step-vq`, and it leaves the parameters `pocketvae`
    and `extra` alone. Codes are those of the posterior, without dropout, by the moving averages, as when a groove is played (the
    public code leaves its modules as in training, with dropout); templates are not augmented (the public code). The loss is the
    mean cross-entropy of a code, in nats.

    `validate` sums what `pocketvae_system` does, and `prior_loss`, the cross-entropies of an item's codes given the true ones
    before, and `prior_right`, how many of them were the likeliest, and `prior_codes`, their number.

    Raises:
      ValueError: the variant has no codebook.
    """
    if config.variant != "2-step-vq":
        raise ValueError(f"expected the variant 2-step-vq, whose codes a prior can be of, found {config.variant}")
    modules = pocketvae_system(config, rules=rules)

    def init(key: jax.Array, batch: Mapping[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        of_modules, of_prior = jax.random.split(key)
        params, extra = modules.init(of_modules, batch)
        return {**params, "prior": init_prior(config, of_prior)}, extra

    def prior_loss(params, extra, batch, key, progress):
        groove, frozen = grooves_of(batch, rules, False), params["pocketvae"]
        codes, _ = quantize(extra["codebook"], encode_notes(config, frozen, extra, groove["note"], groove["template"]))
        ratio = forcing_ratio(forcing, progress)
        keys = item_keys(key, batch["slot"])
        logits = prior_logits(config, frozen, params["prior"], codes, groove["template"], batch["genre"], keys=keys, forcing=ratio)
        value = masked_mean(cross_entropy(logits, codes), batch["mask"]) / config.code_steps
        return value, (extra, {"forcing": ratio})

    def validate(params, extra, batch):
        groove, mask = grooves_of(batch, rules, config.use_patterns), batch["mask"]
        sums, codes = _sums(config, params["pocketvae"], extra, groove)
        logits = prior_logits(config, params["pocketvae"], params["prior"], codes.note, groove["template"], batch["genre"])
        right = jnp.argmax(logits, -1) == codes.note
        return sums | {
            "prior_loss": jnp.sum(cross_entropy(logits, codes.note) * mask),
            "prior_right": jnp.sum(right * mask[:, None]),
            "prior_codes": jnp.sum(mask) * config.code_steps,
        }

    return System(init=init, losses={"prior": prior_loss}, validate=validate, sample=modules.sample)


def _conditions(groove: Mapping[str, jax.Array]) -> tuple[Any, ...]:
    """What the model's functions take after a groove, in their order."""
    return tuple(groove.get(name) for name in ("template", "genre", "velocity_pattern", "timing_pattern"))


def _sums(config: PocketVAEConfig, params: Any, extra: Any, groove: Mapping[str, jax.Array]) -> tuple[dict[str, jax.Array], Codes]:
    """The sums of a validation, see `pocketvae_system`, and the posterior's codes."""
    note, mask, conditions = groove["note"], groove["mask"], _conditions(groove)
    codes = encode(config, params, extra, groove["velocity"], groove["offset"], *conditions)
    keys = item_keys(jax.random.key(0), groove["slot"])
    made = decode(config, params, extra, codes, *conditions, keys=keys, note=None if config.variant == "1-step" else note)
    counted = mask[:, None]
    matched, decoded, actual = (jnp.sum(cells, -1) * counted for cells in (made.note * note, made.note, note))
    heard = decoded + actual > 0
    sums = {
        "items": jnp.sum(mask),
        "bce": jnp.sum(soft_bce(made.logits, note) * mask),
        "velocity": jnp.sum(squared_error(made.velocity, groove["velocity"]) * mask),
        "timing": jnp.sum(squared_error(made.offset, groove["offset"]) * mask),
        "step_f1": jnp.sum(2 * matched / jnp.where(heard, decoded + actual, 1)),
        "steps": jnp.sum(heard),
        "matched_notes": jnp.sum(matched),
        "decoded_notes": jnp.sum(decoded),
        "actual_notes": jnp.sum(actual),
        "cells": jnp.sum(mask) * note[0].size,
    }
    if config.variant == "2-step-vq":
        sums["codes"] = jnp.sum(jax.nn.one_hot(codes.note, config.codes) * mask[:, None, None], (0, 1))
    return sums, codes


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The figures of a validation, from the sums of `System.validate` of both systems.

    Returns:
      `loss`, by which learning rates fall and checkpoints are compared: of the modules the sum of `bce`, `velocity` and `timing` a
      groove, without the KL terms, whose weight comes and goes (the public code's plateaus likewise); of the prior `prior_loss`.
      `bce`, the notes' cross-entropy in nats a groove; `note_f1`, the mean over steps (Table 1), and `note_f1_micro`, over all
      notes; `velocity_mse` and `timing_mse`, means over all cells on the true notes (Table 1);
      where there is a codebook `codes_used`, how many of its entries were chosen, and `code_perplexity`, the exponential of their
      entropy; once there is a prior `prior_loss`, nats a code, and `prior_accuracy`, the share of codes that were the likeliest.
    """
    items, cells = max(float(sums["items"]), 1.0), max(float(sums["cells"]), 1.0)
    notes = float(sums["decoded_notes"]) + float(sums["actual_notes"])
    figures = {
        "loss": sum(float(sums[name]) for name in ("bce", "velocity", "timing")) / items,
        "bce": float(sums["bce"]) / items,
        "note_f1": float(sums["step_f1"]) / max(float(sums["steps"]), 1.0),
        "note_f1_micro": 2 * float(sums["matched_notes"]) / max(notes, 1.0),
        "velocity_mse": float(sums["velocity"]) / cells,
        "timing_mse": float(sums["timing"]) / cells,
    }
    if "codes" in sums:
        chosen = np.asarray(sums["codes"], np.float64)
        shares = chosen[chosen > 0] / max(chosen.sum(), 1.0)
        figures |= {
            "codes_used": float(np.count_nonzero(chosen)),
            "code_perplexity": float(np.exp(-np.sum(shares * np.log(shares)))),
        }
    if "prior_loss" in sums:
        codes = max(float(sums["prior_codes"]), 1.0)
        figures |= {"prior_loss": float(sums["prior_loss"]) / codes, "prior_accuracy": float(sums["prior_right"]) / codes}
        figures["loss"] = figures["prior_loss"]
    return figures
