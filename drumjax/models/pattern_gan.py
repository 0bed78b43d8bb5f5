"""The drum-pattern GAN of Off the Beaten Track (Borghuis et al.), Sec. "Generative Adversarial Networks" and "Deep and Recurrent
Networks".

"The discriminator and the generator networks for the GAN had essentially the same architectures as the encoder and the decoder for
the VAE, respectively, except of course the GAN discriminator terminates with a single logistic unit", and its noise has two
dimensions for the swirl of eq. 8. (The paper prints "for the VAE" there: a slip, for the VAE's code has four.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from drumjax.models.pattern_vae import PatternDecoder, PatternNetworkConfig, PatternTrunk


@dataclass(frozen=True)
class PatternGANConfig(PatternNetworkConfig):
    """The shape of the pattern GAN: `encoder` names what its discriminator reads the steps with; the decoder is its generator."""

    latent: int = 2
    """Size d of the noise ("two-dimensional", Sec. "Deep and Recurrent Networks")."""
    noise: Literal["gaussian", "uniform"] = "gaussian"
    """What the noise is drawn from: a standard normal, or the uniform distribution on (-1, 1); the paper names both (Sec.
    "Generative Adversarial Networks"). The swirl of eq. 8 leaves the support of the second."""


class PatternDiscriminator(nn.Module):
    """The VAE's encoder with one logistic unit in the place of its heads.

    Call: float (items, steps, lanes), velocities in [0, 1] → float32 (items,), the logit of "this is a pattern of the data".
    """

    config: PatternGANConfig

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        features = PatternTrunk(self.config, name="trunk")(x).astype(jnp.float32)
        return nn.Dense(1, name="output")(features)[:, 0]


def init_generator(config: PatternGANConfig, key: jax.Array) -> Any:
    """The generator's first parameters."""
    return PatternDecoder(config).init(key, jnp.zeros((1, config.latent)))["params"]


def init_discriminator(config: PatternGANConfig, key: jax.Array) -> Any:
    """The discriminator's first parameters."""
    return PatternDiscriminator(config).init(key, jnp.zeros((1, config.steps, config.lanes)))["params"]


def generate(config: PatternGANConfig, params: Any, z: jax.Array) -> jax.Array:
    """The generator: logits of the velocities, float32 (n, steps, lanes), for noise `z` (n, d) and its parameters.

    A velocity is the sigmoid of its logit, as in the VAE's decoder.
    """
    return cast(jax.Array, PatternDecoder(config).apply({"params": params}, z))


def discriminate(config: PatternGANConfig, params: Any, x: jax.Array) -> jax.Array:
    """The discriminator: logits float32 (n,), above 0 where velocities `x` (n, steps, lanes) are rather the data's."""
    return cast(jax.Array, PatternDiscriminator(config).apply({"params": params}, x))


def draw_noise(config: PatternGANConfig, key: jax.Array, slots: jax.Array) -> jax.Array:
    """Noise for the generator, one key a slot: the same for an item however a batch is split.

    Args:
      config: says from which distribution.
      key: of the draw.
      slots: int32 (n,), the items' places in the whole batch.

    Returns:
      float32 (n, d).
    """
    keys = jax.vmap(lambda slot: jax.random.fold_in(key, slot))(slots)
    if config.noise == "uniform":
        return jax.vmap(lambda own: jax.random.uniform(own, (config.latent,), minval=-1.0, maxval=1.0))(keys)
    return jax.vmap(lambda own: jax.random.normal(own, (config.latent,)))(keys)
