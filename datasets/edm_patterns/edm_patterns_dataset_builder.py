"""The TFDS builder of drum patterns: `embedded`, the library's own, and `folder`, a user's files.

Written as `array_record`, it needs no TensorFlow. A builder of a user's own data is made with `folder_config`:

    patterns = drumjax.datasets.build.prepare("my_patterns/").patterns
    builder = EdmPatterns(config=folder_config(patterns), data_dir=..., file_format="array_record")
    builder.download_and_prepare()

which is what `drumjax data build` does.
"""

from __future__ import annotations

import tensorflow_datasets as tfds

from drumjax.datasets.info import EMBEDDED
from drumjax.datasets.pattern_builder import PatternBuilder, PatternConfig, folder_config
from drumjax.datasets.prepare import embedded_set

__all__ = ["EdmPatterns", "PatternConfig", "folder_config"]


class EdmPatterns(PatternBuilder):
    """Drum patterns on a grid of 16th notes. See README.md."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Velocity, offset, genre, tempo, name, group and licence; 90/5/5 by group."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        PatternConfig(
            name=EMBEDDED,
            description="1,782 patterns of IDM, Electro and Techno, composed by the library's own grammar: nothing to download.",
            read=embedded_set,
        )
    ]
