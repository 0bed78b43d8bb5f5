"""Every picture. Functions take data and return a matplotlib `Figure`; `save` writes it.

No picture touches pyplot or any other global state, so they can be drawn from threads of a server, and the same data give the same
file byte for byte. Colours can be told apart by colour-blind readers (Okabe and Ito 2008) and differ in lightness in print; what a
colour says, a marker or a dash says again.
"""

from drumjax.plots.boxes import Scale, box_plots
from drumjax.plots.curves import Line, Panel, curves, training_curves
from drumjax.plots.grooves import (
    Performance,
    code_use,
    derivation,
    genre_confusions,
    groove_sheet,
    metrical_trends,
    timing_responses,
)
from drumjax.plots.projection import Trajectory, pattern_pca
from drumjax.plots.sheets import interpolation_beside_crossfade, pattern_sheet
from drumjax.plots.sounds import Sketch, class_bars, code_pca, confusion, sound_sheet, spectrograms, waveforms
from drumjax.plots.statistics import hit_numbers, hit_rates
from drumjax.plots.style import save
from drumjax.plots.wandering import noise_path

__all__ = [
    "Line",
    "Panel",
    "Performance",
    "Scale",
    "Sketch",
    "Trajectory",
    "box_plots",
    "class_bars",
    "code_pca",
    "code_use",
    "confusion",
    "curves",
    "derivation",
    "genre_confusions",
    "groove_sheet",
    "hit_numbers",
    "hit_rates",
    "interpolation_beside_crossfade",
    "metrical_trends",
    "noise_path",
    "pattern_pca",
    "pattern_sheet",
    "save",
    "sound_sheet",
    "spectrograms",
    "timing_responses",
    "training_curves",
    "waveforms",
]
