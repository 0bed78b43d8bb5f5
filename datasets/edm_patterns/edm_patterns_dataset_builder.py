"""The TFDS builder of drum patterns: `embedded`, the library's own, and `folder`, a user's files.

Written as `array_record`, it needs no TensorFlow. A builder of a user's own data is made with `folder_config`:

    patterns = drumjax.datasets.build.prepare("my_patterns/").patterns
    builder = EdmPatterns(config=folder_config(patterns), data_dir=..., file_format="array_record")
    builder.download_and_prepare()

which is what `drumjax data build` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from drumjax.datasets.info import EMBEDDED, PatternSet, config_name
from drumjax.datasets.prepare import embedded_set


@dataclasses.dataclass(eq=False)
class EdmPatternsConfig(tfds.core.BuilderConfig):
    """What is in a data set.

    Attributes:
      patterns: the prepared patterns; None stands for the embedded set, which is only composed when it is asked for.
    """

    patterns: PatternSet | None = dataclasses.field(default=None, repr=False)

    def read(self) -> PatternSet:
        """The prepared patterns."""
        return embedded_set() if self.patterns is None else self.patterns


def folder_config(patterns: PatternSet) -> EdmPatternsConfig:
    """The configuration of prepared patterns."""
    info = patterns.info
    return EdmPatternsConfig(
        name=config_name(info),
        description=f"{sum(info.counts.values())} patterns of {len(info.genres)} genres from {info.name!r}.",
        patterns=patterns,
    )


class EdmPatterns(tfds.core.GeneratorBasedBuilder):
    """Drum patterns on a grid of 16th notes. See README.md."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Velocity, offset, genre, tempo, name, group and licence; 90/5/5 by group."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        EdmPatternsConfig(
            name=EMBEDDED,
            description="1,782 patterns of IDM, Electro and Techno, composed by the library's own grammar: nothing to download.",
        )
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        patterns = self.builder_config.read()
        grid = (patterns.info.steps, len(patterns.info.drum_map.lanes))
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "velocity": tfds.features.Tensor(shape=grid, dtype=np.float32),
                    "offset": tfds.features.Tensor(shape=grid, dtype=np.float32),
                    "genre": tfds.features.ClassLabel(names=list(patterns.info.genres)),
                    "tempo_bpm": tfds.features.Scalar(dtype=np.float32),
                    "name": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "licence": tfds.features.Text(),
                }
            ),
            supervised_keys=("velocity", "genre"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        del dl_manager  # everything is on this machine
        patterns = self.builder_config.read()
        return {split: self._generate_examples(arrays) for split, arrays in patterns.splits.items() if len(arrays["name"])}

    def _generate_examples(self, arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[str, dict[str, Any]]]:
        for i, name in enumerate(arrays["name"].tolist()):
            texts = {key: str(arrays[key][i]) for key in ("group", "licence")}
            yield (
                name,
                {key: arrays[key][i] for key in ("velocity", "offset", "tempo_bpm")}
                | texts
                | {
                    "name": name,
                    "genre": int(arrays["genre"][i]),
                },
            )
