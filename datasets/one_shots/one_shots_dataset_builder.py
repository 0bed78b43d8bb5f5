"""The TFDS builder of one-shots: `embedded`, made by the library's own synthesiser, and `folder`, a user's files.

Written as `array_record`, it needs no TensorFlow. A builder of a user's own data is made with `folder_config`:

    with drumjax.datasets.sounds.build.prepare_sounds("my_samples/") as prepared:
        builder = OneShots(config=folder_config(prepared.info, prepared.examples), data_dir=..., file_format="array_record")
        builder.download_and_prepare()

which is what `drumjax data build` does. Sounds are taken one by one and never held together.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from drumjax.datasets.info import EMBEDDED, config_name
from drumjax.datasets.sounds.info import SoundInfo, SoundSet
from drumjax.datasets.sounds.prepare import Sound, embedded_info, embedded_sounds

Examples = Callable[[str], Iterable[tuple[Sound, np.ndarray]]]
"""The sounds of a split with their samples, int16 (length,)."""


@dataclasses.dataclass(eq=False)
class OneShotsConfig(tfds.core.BuilderConfig):
    """What is in a data set.

    Attributes:
      sounds: what the data are, and the sounds of each split; None stands for the embedded ones, made when they are asked for.
      pipeline: gives a split's sounds as an Apache Beam transform in the place of `sounds`, see `drumjax.datasets.sounds.beam`.
    """

    sounds: tuple[SoundInfo, Examples] | None = dataclasses.field(default=None, repr=False)
    pipeline: Callable[[str], Any] | None = dataclasses.field(default=None, repr=False)


def folder_config(info: SoundInfo, examples: Examples, pipeline: Callable[[str], Any] | None = None) -> OneShotsConfig:
    """The configuration of prepared sounds."""
    return OneShotsConfig(
        name=config_name(info),
        description=f"{sum(info.counts.values())} sounds of {len(info.classes)} classes from {info.name!r}.",
        sounds=(info, examples),
        pipeline=pipeline,
    )


def set_examples(sounds: SoundSet) -> Examples:
    """The sounds of a set that is in memory."""

    def examples(split: str) -> Iterator[tuple[Sound, np.ndarray]]:
        arrays = sounds.splits[split]
        for i, length in enumerate(arrays["length"].tolist()):
            texts = {name: str(arrays[name][i]) for name in ("name", "group", "licence")}
            yield Sound(label=sounds.info.classes[arrays["label"][i]], length=length, **texts), arrays["audio"][i, :length]

    return examples


def record(sound: Sound, audio: np.ndarray) -> tuple[str, dict[str, Any]]:
    """A sound's key and features."""
    features = {"audio": audio, "label": sound.label, "name": sound.name, "group": sound.group, "licence": sound.licence}
    return sound.name, features


class OneShots(tfds.core.GeneratorBasedBuilder):
    """Drum sounds, one stroke each. See README.md."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Sound, class, name, group and licence; 80/10/10 by group."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        OneShotsConfig(
            name=EMBEDDED,
            description="200 sounds of each of 14 classes, made by the library's own synthesiser: nothing to download.",
        )
    ]

    @functools.cached_property
    def _sounds(self) -> tuple[SoundInfo, Examples]:
        """What the data are, and their sounds, of which the embedded ones are made when the first is taken."""
        if self.builder_config.sounds is not None:
            return self.builder_config.sounds
        made = functools.cache(lambda: set_examples(embedded_sounds()))
        return embedded_info(), lambda split: made()(split)

    def _info(self) -> tfds.core.DatasetInfo:
        info, _ = self._sounds
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # As bytes: TFDS writes whole numbers as 64 bits otherwise, negative ones as 80.
                    "audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding=tfds.features.Encoding.BYTES),
                    "label": tfds.features.ClassLabel(names=list(info.classes)),
                    "name": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "licence": tfds.features.Text(),
                }
            ),
            supervised_keys=("audio", "label"),
            metadata=tfds.core.MetadataDict(sample_rate_hz=info.sample_rate_hz, samples=info.samples),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # everything is on this machine
        info, _ = self._sounds
        return {split: self._generate_examples(split) for split, n in info.counts.items() if n}

    def _generate_examples(self, split: str) -> Any:
        if self.builder_config.pipeline is not None:
            return self.builder_config.pipeline(split)
        _, examples = self._sounds
        return (record(sound, audio) for sound, audio in examples(split))
