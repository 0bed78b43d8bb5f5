"""The sound instrument's pure functions, from named arrays to named arrays: its methods call them, export writes them out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from drumjax.models import cwae, mcnn, sound_chain
from drumjax.models.cwae import CWAEConfig
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.griffin_lim import griffin_lim
from drumjax.signal.mel import MelConfig, Standardizer, from_log_mel, log_mel, mel, standardize, unstandardize
from drumjax.systems.cwae import prior_codes

Signatures = dict[str, Callable[..., dict[str, jax.Array]]]


def signatures(config: CWAEConfig, mel_config: MelConfig, vocoder: MCNNConfig | None) -> Signatures:
    """The instrument's pure functions, each `(weights, **named arrays) -> {name: array}`.

    `weights` are those of `drumjax.models.sound_chain.arrange`, with `axes`: `mean` (d,), `components` (3, d) and `deviations` (3,)
    of the principal components; Griffin and Lim's iteration needs no `mcnn`. `label` are weights of classes, float32 (n, classes).

    - `draw`: `key` uint32 (2,), `slot` int32 (n,) → `code` (n, d), standard normal, one key a slot.
    - `place`: `position` (n, 3), standard deviations along P1, P2 and P3 → `code` (n, d).
    - `encode`: `audio` float32 (n, samples) with peak 1, `label` → `code` (n, d).
    - `reconstruct`: the same → `code`, `mel` (n, frames, bins) and `error` (n,), the mean squared error of standardised log-mel.
    - `decode`: `code`, `label` → `mel` (n, frames, bins), magnitudes.
    - `vocode`: `mel` → `audio` (n, samples).
    - `play`: `code`, `label` → `mel` and `audio`; `sample`: `key`, `slot`, `label` → `code`, `mel` and `audio`;
      `at`: `position`, `label` → the same.
    """

    def scale(weights):
        return Standardizer(**weights["standardizer"])

    def draw(weights, key, slot):
        return {"code": prior_codes(jax.random.wrap_key_data(key), slot, config.latent)}

    def place(weights, position):
        axes = weights["axes"]
        return {"code": axes["mean"] + (position * axes["deviations"]) @ axes["components"]}

    def heard(weights, audio):
        return standardize(log_mel(mel(audio, mel_config), mel_config), scale(weights))

    def encode(weights, audio, label):
        return {"code": cwae.encode(config, weights["cwae"], weights["stats"], heard(weights, audio), label)}

    def reconstruct(weights, audio, label):
        x = heard(weights, audio)
        code = cwae.encode(config, weights["cwae"], weights["stats"], x, label)
        y = cwae.decode(config, weights["cwae"], weights["stats"], code, label)
        heard_again = from_log_mel(unstandardize(y, scale(weights)), mel_config)
        return {"code": code, "mel": heard_again, "error": jnp.mean(jnp.square(y - x), (1, 2))}

    def decode(weights, code, label):
        return {"mel": sound_chain.decode_mel(config, mel_config, weights, code, label)}

    def vocode(weights, mel):
        if vocoder is None:
            # The same phases for every sound: what is made of a spectrogram depends on it alone, not on its place in a batch.
            keys = jnp.broadcast_to(jax.random.fold_in(jax.random.key(0), 0), mel.shape[:1])
            return {"audio": griffin_lim(mel, mel_config, keys)}
        return {"audio": sound_chain.vocode(vocoder, weights["mcnn"], mel)[:, : mel_config.samples]}

    def play(weights, code, label):
        made = decode(weights, code, label)
        return {**made, **vocode(weights, made["mel"])}

    def sample(weights, key, slot, label):
        code = draw(weights, key, slot)["code"]
        return {"code": code, **play(weights, code, label)}

    def at(weights, position, label):
        code = place(weights, position)["code"]
        return {"code": code, **play(weights, code, label)}

    return {
        "draw": draw, "place": place, "encode": encode, "reconstruct": reconstruct, "decode": decode, "vocode": vocode,
        "play": play, "sample": sample, "at": at,
    }  # fmt: skip


@functools.lru_cache(maxsize=8)
def compiled(config: CWAEConfig, mel_config: MelConfig, vocoder: MCNNConfig | None) -> Signatures:
    """The functions of `signatures`, each compiled once for each number of items."""
    return {name: jax.jit(function) for name, function in signatures(config, mel_config, vocoder).items()}


def block_size() -> int:
    """How many sounds one call of a compiled function makes: on a CPU a larger batch is slower a sound, elsewhere it is free."""
    return 1 if jax.default_backend() == "cpu" else 32


@functools.lru_cache(maxsize=8)
def arranger(vocoder: MCNNConfig) -> Callable[[Any], Any]:
    """`drumjax.models.mcnn.arrange` of a vocoder's shape, compiled."""
    return jax.jit(functools.partial(mcnn.arrange, vocoder))


@functools.lru_cache(maxsize=8)
def shapes_of(config: CWAEConfig | MCNNConfig) -> Any:
    """The parameters of a network as abstract arrays; of a CWAE those and its moving averages."""
    if isinstance(config, CWAEConfig):
        return jax.eval_shape(functools.partial(cwae.init_cwae, config), jax.random.key(0))
    return jax.eval_shape(functools.partial(mcnn.init, config), jax.random.key(0))
