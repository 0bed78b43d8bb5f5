"""A procedural drum synthesiser: one-shots of fourteen classes by the thousand, from what the drums and machines behind them do."""

from drumjax.synth.one_shots.synthesis import SAMPLE_RATE_HZ, SAMPLES, VOICES, synthesize

__all__ = ["SAMPLES", "SAMPLE_RATE_HZ", "VOICES", "synthesize"]
