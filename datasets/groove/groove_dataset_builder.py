"""The TFDS builder of grooves: `embedded`, the library's own, `groove_midi`, the Groove MIDI Dataset, and `folder`, a user's files.

Written as `array_record`, it needs no TensorFlow. A builder of files is made with `folder_config`:

    grooves, _ = drumjax.datasets.grooves.prepare.prepare_grooves("groove/")
    builder = Groove(config=folder_config(grooves), data_dir=..., file_format="array_record")
    builder.download_and_prepare()

which is what `drumjax data build --kind grooves` does. TFDS itself has a builder of the same name, for the Groove MIDI Dataset as
recordings and MIDI files; once this module is imported, `tfds.builder("groove")` is ours.
"""

from __future__ import annotations

import tensorflow_datasets as tfds

from drumjax.datasets.grooves.prepare import embedded_grooves
from drumjax.datasets.info import EMBEDDED
from drumjax.datasets.pattern_builder import PatternBuilder, PatternConfig, folder_config

__all__ = ["Groove", "PatternConfig", "folder_config"]


class Groove(PatternBuilder):
    """Two bars of drums with their microtiming. See README.md."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Velocity, offset, genre, tempo, name, group and licence; 80/10/10 by track."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        PatternConfig(
            name=EMBEDDED,
            description="Grooves of blues, electronic, funk, hiphop, jazz and rock, composed by the library: nothing to download.",
            read=embedded_grooves,
        )
    ]
