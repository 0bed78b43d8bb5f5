"""The sound instrument."""

from __future__ import annotations

import numpy as np


def test_a_sound(sounds) -> None:
    made = sounds.sample("kick", 3, seed=1)
    assert all(np.abs(s.audio).max() == 1 for s in made)
