"""How the genre classifier learns, by which grooves are judged (PocketVAE, Sec. 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.losses import cross_entropy, masked_mean
from drumjax.models.genre_classifier import GenreClassifierConfig, classify, init_classifier
from drumjax.models.pocketvae import item_keys
from drumjax.systems.system import System


def genre_classifier_system(config: GenreClassifierConfig) -> System:
    """The classifier as a `System` with the one player `classifier`; its loss is the mean cross-entropy (the public code).

    A batch holds `velocity`, float32 (items, steps, lanes) in [0, 1], above 0 where there is a note, `offset`, the same shape in
    [-1, 1), and `genre`, int32 (items,).

    `validate` sums over the items: `loss`, and of each genre `items` and `right`, both (genres,).

    `sample` takes a batch and gives the genres' logits, float32 (items, genres); the key is not used.
    """

    def init(key: jax.Array, batch: Mapping[str, jax.Array]) -> tuple[dict[str, Any], Any]:
        return {"classifier": init_classifier(config, key)}, {}

    def logits_of(params: Any, batch: Mapping[str, jax.Array], keys: jax.Array | None = None) -> jax.Array:
        return classify(config, params["classifier"], batch["velocity"], batch["offset"], keys=keys)

    def classifier_loss(params, extra, batch, key, progress):
        logits = logits_of(params, batch, item_keys(key, batch["slot"]))
        right = (jnp.argmax(logits, -1) == batch["genre"]).astype(jnp.float32)
        value = masked_mean(cross_entropy(logits, batch["genre"]), batch["mask"])
        return value, (extra, {"accuracy": masked_mean(right, batch["mask"])})

    def validate(params, extra, batch):
        logits, genre, mask = logits_of(params, batch), batch["genre"], batch["mask"]
        of_genre = jax.nn.one_hot(genre, config.genres) * mask[:, None]
        return {
            "loss": jnp.sum(cross_entropy(logits, genre) * mask),
            "items": jnp.sum(of_genre, 0),
            "right": jnp.sum(of_genre * (jnp.argmax(logits, -1) == genre)[:, None], 0),
        }

    def sample(params, extra, key, condition):
        return logits_of(params, condition)

    return System(init=init, losses={"classifier": classifier_loss}, validate=validate, sample=sample)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The figures of a validation, from the sums of `System.validate`.

    Returns:
      `loss`, the mean cross-entropy in nats; `accuracy`, the share of windows that are classified right; `balanced_accuracy`, the
      mean of these shares over the genres of which there is a window.
    """
    items, right = (np.asarray(sums[name], np.float64) for name in ("items", "right"))
    n = max(float(items.sum()), 1.0)
    here = items > 0
    return {
        "loss": float(sums["loss"]) / n,
        "accuracy": float(right.sum()) / n,
        "balanced_accuracy": float(np.mean(right[here] / items[here])) if here.any() else 0.0,
    }
