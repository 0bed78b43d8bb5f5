"""The networks: pure Flax modules with their frozen configurations. Import from the family's own file, or from here."""

from drumjax.models.cwae import CWAEConfig, CWAEDecoder, CWAEEncoder
from drumjax.models.pattern_gan import PatternDiscriminator, PatternGANConfig
from drumjax.models.pattern_vae import PatternDecoder, PatternNetworkConfig, PatternTrunk, PatternVAE, PatternVAEConfig

__all__ = [
    "CWAEConfig",
    "CWAEDecoder",
    "CWAEEncoder",
    "PatternDecoder",
    "PatternDiscriminator",
    "PatternGANConfig",
    "PatternNetworkConfig",
    "PatternTrunk",
    "PatternVAE",
    "PatternVAEConfig",
]
