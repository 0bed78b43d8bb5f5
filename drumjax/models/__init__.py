"""The networks: pure Flax modules with their frozen configurations. Import from the family's own file, or from here."""

from drumjax.models.cwae import CWAEConfig, CWAEDecoder, CWAEEncoder
from drumjax.models.genre_classifier import GenreClassifier, GenreClassifierConfig
from drumjax.models.pattern_gan import PatternDiscriminator, PatternGANConfig
from drumjax.models.pattern_vae import PatternDecoder, PatternNetworkConfig, PatternTrunk, PatternVAE, PatternVAEConfig
from drumjax.models.pocketvae import PocketVAEConfig

__all__ = [
    "CWAEConfig",
    "CWAEDecoder",
    "CWAEEncoder",
    "GenreClassifier",
    "GenreClassifierConfig",
    "PatternDecoder",
    "PatternDiscriminator",
    "PatternGANConfig",
    "PatternNetworkConfig",
    "PatternTrunk",
    "PatternVAE",
    "PatternVAEConfig",
    "PocketVAEConfig",
]
