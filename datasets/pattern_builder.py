"""What the TFDS builders of patterns have in common: the features of a `PatternSet`, and its examples one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from drumjax.datasets.info import PatternSet, config_name
from drumjax.datasets.kinds import KINDS


@dataclasses.dataclass(eq=False)
class PatternConfig(tfds.core.BuilderConfig):
    """What is in a data set.

    Attributes:
      read: gives the prepared patterns; an embedded set is only composed when it is asked for.
    """

    read: Callable[[], PatternSet] | None = dataclasses.field(default=None, repr=False)


def folder_config(patterns: PatternSet) -> PatternConfig:
    """The configuration of prepared patterns."""
    info = patterns.info
    return PatternConfig(
        name=config_name(info),
        description=f"{sum(info.counts.values())} {KINDS[info.kind].item}s of {len(info.genres)} genres from {info.name!r}.",
        read=lambda: patterns,
    )


class PatternBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Writes a `PatternSet`. Written as `array_record`, it needs no TensorFlow."""

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
