"""The networks: pure Flax modules with their frozen configurations. Import from the family's own file, or from here."""

from drumjax.models.pattern_vae import PatternDecoder, PatternTrunk, PatternVAE, PatternVAEConfig

__all__ = ["PatternDecoder", "PatternTrunk", "PatternVAE", "PatternVAEConfig"]
