"""From a sound file to a sound of a data set."""

from __future__ import annotations

SOUND_SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
"""Names of files that may hold a one-shot."""
