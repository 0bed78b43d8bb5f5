"""The networks: pure Flax modules with their frozen configurations. Import from the family's own file, or from here."""

from drumjax.models.pattern_gan import PatternDiscriminator, PatternGANConfig
from drumjax.models.pattern_vae import PatternDecoder, PatternNetworkConfig, PatternTrunk, PatternVAE, PatternVAEConfig

__all__ = [
    "PatternDecoder",
    "PatternDiscriminator",
    "PatternGANConfig",
    "PatternNetworkConfig",
    "PatternTrunk",
    "PatternVAE",
    "PatternVAEConfig",
]
