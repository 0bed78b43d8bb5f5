"""Procedural grooves of six genres, played rather than programmed: the data set behind the embedded default of the groove models."""

from drumjax.synth.grooves.compose import GENRES, PER_GENRE, compose, embedded

__all__ = ["GENRES", "PER_GENRE", "compose", "embedded"]
