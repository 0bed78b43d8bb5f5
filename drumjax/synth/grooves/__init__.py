"""Procedural grooves of six genres, played rather than programmed: the embedded data of the groove models."""

from drumjax.synth.grooves.compose import GENRES, PER_GENRE, compose, embedded

__all__ = ["GENRES", "PER_GENRE", "compose", "embedded"]
