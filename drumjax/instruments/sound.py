"""The sound instrument: sample, place, encode, vary, morph and humanise drum sounds, and make kits of them.

Source: Neural Drum Machine, Sec. "Creative Applications". A conditional autoencoder (`drumjax.models.cwae`) makes a mel
spectrogram of a code and a class, a vocoder (`drumjax.models.mcnn`, or Griffin and Lim's iteration) makes sound of that.

Everything drawn at random is keyed by the seed and the number of the sound alone, and every sound is computed by itself or in a
block of a fixed size, so that sound i is the same to the bit however many are asked for.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import jax
import numpy as np

from drumjax import checkpoint
from drumjax.boundary import AUDIO_BYTES, InputError, file_sha256, read_audio_comment
from drumjax.instruments.common import check_fits, check_seed, check_share, fold, is_a, is_whole, key_of
from drumjax.instruments.sound_codes import Chooser, Label, SoundCode, label_text, parse_mix, read_code
from drumjax.instruments.sound_functions import Signatures, arranger, block_size, compiled, shapes_of, signatures
from drumjax.instruments.sound_kits import LEVEL_LUFS, MOST_TAKES, OTHER_LUFS, SoundKit, at_level, class_of_pitch
from drumjax.models.cwae import CWAEConfig
from drumjax.models.mcnn import MCNNConfig
from drumjax.patterns import TR808, DrumMap
from drumjax.patterns.classes import ALL_CLASSES, class_label, class_of_name
from drumjax.patterns.paths import fractions, lerp, slerp
from drumjax.provenance import in_part, is_record, loads, provenance
from drumjax.signal.levels import peak_normalized
from drumjax.signal.mel import MelConfig
from drumjax.signal.one_shot import read_one_shot, resampled, windowed
from drumjax.signal.rendering import hat_chokes
from drumjax.signal.sound import Sound

Config = TypeVar("Config", CWAEConfig, MCNNConfig)
Source = Sound | SoundCode | str | PathLike[str]
"""A sound, a code, or the path of a sound file or a code file (.json)."""
MOST_SOUNDS = 1024
"""More at a time are taken for a slip."""
MOST_MIXED = 4
"""Classes in a mix: more are heard as noise, and a record has room for so many."""
MOST_DEVIATIONS = 16.0
"""How far from the middle `at` goes, in standard deviations: beyond that every code has left the prior far behind."""
DISTANCE = 0.3
"""How far variations lie from their source where nobody says it."""
VARIATION = 0.1
"""How far a drummer's hits differ: the share of the prior's standard deviation by which humanised codes walk (our decision)."""
_STAY = 0.7
"""How much of one hit's error the next one keeps: an even walk, neither white noise nor a drift (our decision)."""
_TAKES_SLOT = 1 << 16
"""The number of a lane's walk is its pitch and this: no walk shares its draws with a sound."""
GRIFFIN_LIM = "griffin-lim"
"""What `--vocoder` calls Griffin and Lim's iteration, which needs no training."""


class Made(NamedTuple):
    """Some sounds before they are dressed: float32 (n, samples), mel magnitudes (n, frames, bins), codes (n, d)."""

    audio: np.ndarray
    mel: np.ndarray
    code: np.ndarray


@dataclass(frozen=True, eq=False)
class SoundInstrument:
    """A trained CWAE with a vocoder, ready to play. Make one with `drumjax.load`.

    Attributes:
      name: the model as the user named it: a shipped model's name or a folder.
      classes: the classes of sounds that it was trained on, in the order of its label.
      config: the CWAE's shape.
      mel: framing and bands of its spectrograms; its sample rate and length are those of every sound.
      vocoder: the MCNN's shape; None for Griffin and Lim's iteration.
      weights: what `signatures` take first, on the default device.
      card: everything that was stored beside the CWAE's weights.
      sha256: the hash of the checkpoint's manifest, or over those of both members: what names the model in provenance.
      vocoder_input: how provenance names a vocoder that is no member of the model, `{"path", "sha256"}`.
    """

    name: str
    classes: tuple[str, ...]
    config: CWAEConfig
    mel: MelConfig
    vocoder: MCNNConfig | None
    weights: Any = field(repr=False)
    card: Mapping[str, Any] = field(repr=False)
    sha256: str
    vocoder_input: Mapping[str, str] | None = None

    @classmethod
    def from_checkpoints(
        cls,
        model: checkpoint.Playing,
        vocoder: checkpoint.Playing | None,
        *,
        directory: Path,
        vocoder_directory: Path | None,
        name: str,
        sha256: str,
        vocoder_input: Mapping[str, str] | None = None,
    ) -> SoundInstrument:
        """An instrument from what `checkpoint.load_playing` returns of a CWAE and a vocoder; None for Griffin and Lim's iteration.

        Raises:
          InputError: a card that does not hold what playing needs, weights that do not fit it, or a vocoder of other spectrograms.
        """
        play, config = _play_of(model.card, directory, CWAEConfig)
        mel = checkpoint.parse_config(MelConfig, play["mel"], directory / checkpoint.CARD)
        classes, axes = _classes_and_axes(play, config, mel, directory)
        params, stats = shapes_of(config)
        scale = dict.fromkeys(("mean", "deviation"), jax.ShapeDtypeStruct((config.frames, config.bins), np.float32))
        check_fits(directory, {"cwae": params}, model.params)
        check_fits(directory, {"batch_stats": stats, "standardizer": scale}, model.extra)
        weights = {
            "cwae": model.params["cwae"],
            "stats": model.extra["batch_stats"],
            "standardizer": model.extra["standardizer"],
            "axes": axes,
        }
        shape = None
        if vocoder is not None and vocoder_directory is not None:
            play, shape = _play_of(vocoder.card, vocoder_directory, MCNNConfig)
            check_spectrograms(play["mel"], mel, vocoder_directory)
            if (shape.bins, shape.hop_samples) != (mel.bins, mel.hop_samples):
                rule, found = f"{mel.bins} bands and hops of {mel.hop_samples}", f"{shape.bins} and {shape.hop_samples}"
                raise InputError(vocoder_directory / checkpoint.CARD, rule=rule, found=found, remedy="take another checkpoint")
            check_fits(vocoder_directory, {"mcnn": shapes_of(shape)}, vocoder.params)
            weights["mcnn"] = arranger(shape)(vocoder.params["mcnn"])
        return cls(
            name=name,
            classes=classes,
            config=config,
            mel=mel,
            vocoder=shape,
            weights=jax.device_put(weights),
            card=model.card,
            sha256=sha256,
            vocoder_input=vocoder_input,
        )

    def signatures(self) -> Signatures:
        """See `signatures` of this module; `weights` is the first argument."""
        return signatures(self.config, self.mel, self.vocoder)

    @property
    def sample_rate_hz(self) -> int:
        return self.mel.sample_rate_hz

    # Classes

    def mix(self, label: Label) -> dict[str, float]:
        """A class or a mix of classes as this model knows them: class → weight, in the model's order; the weights sum to 1.

        Args:
          label: a class by any of its names ("bd", "hat-closed"), or class → weight.

        Raises:
          InputError: no class of that name, one that the model does not know, more than four, or weights that are below 0, not
            finite or all 0.
        """
        if not is_a(label, str | Mapping):
            remedy = "write 'kick' or {'kick': 0.7, 'snare': 0.3}"
            raise InputError("class", rule="a class's name, or class → weight", found=f"{label!r:.80}", remedy=remedy)
        given = {label: 1.0} if isinstance(label, str) else dict(label)
        for name, weight in given.items():
            if not (is_a(weight, Real) and math.isfinite(weight) and weight >= 0):
                raise InputError("mix", rule="weights of at least 0", found=f"{name}={weight}", remedy="change the weight")
        if len(given) > MOST_MIXED:
            found, remedy = f"{len(given)}", "leave the lightest out"
            raise InputError("mix", rule=f"at most {MOST_MIXED} classes in a mix", found=found, remedy=remedy)
        if not 0 < (total := sum(given.values())) < math.inf:
            raise InputError("mix", rule="a class with a weight above 0", found="none", remedy="write kick=0.7,snare=0.3")
        weights: dict[str, float] = {}
        for name, weight in given.items():
            known = self._class(name)
            weights[known] = weights.get(known, 0.0) + weight
        # Of six digits, and what sums to 1 up to them is left alone: a mix that was read from a record is that mix.
        total = 1.0 if abs(total - 1) < 1e-5 else total
        rounded = {name: float(f"{weights.get(name, 0.0) / total:.6g}") for name in self.classes}
        return {name: weight for name, weight in rounded.items() if weight > 0}

    def _class(self, text: str) -> str:
        wanted = class_label(text)
        if text in self.classes:
            return text
        if wanted in self.classes:
            return wanted
        known = ", ".join(self.classes)
        if wanted in ALL_CLASSES:
            remedy = f"choose one of these, or a model that was trained on {wanted}"
            raise InputError(self.name, rule=f"a class that the model was trained on ({known})", found=repr(wanted), remedy=remedy)
        near = difflib.get_close_matches(text.casefold(), self.classes, n=2, cutoff=0.5)
        remedy = f"did you mean {' or '.join(map(repr, near))}?" if near else "choose one of these"
        raise InputError("class", rule=f"a class of {known}", found=f"{text!r}", remedy=remedy)

    def _row(self, mix: Mapping[str, float]) -> np.ndarray:
        return np.array([mix.get(name, 0.0) for name in self.classes], np.float32)

    # Playing

    def sample(self, label: Label | None = None, n: int = 1, seed: int = 0, *, only: Sequence[int] | None = None) -> list[Sound]:
        """`n` new sounds of codes drawn from the prior. Sound i depends on (seed, i) alone, not on `n`.

        Args:
          label: a class or a mix; None for one class after another.
          n: 1 to 1,024.
          seed: 0 to 2³² − 1.
          only: the numbers, from 0, of those that are wanted; None for all.

        Raises:
          InputError: an unknown class, or a number out of range.
        """
        numbers = _numbers(n, only)
        check_seed(seed)
        mixes = [{self.classes[i % len(self.classes)]: 1.0} if label is None else self.mix(label) for i in numbers]
        codes = self._draw(key_of(seed), numbers)
        settings = {"n": n} if label is None else {"label": _plain(mixes[0]), "n": n}
        return self._sounds(self.make(codes, mixes), mixes, self._provenance("sample", settings, [], seed), numbers, n)

    def at(self, p1: float, p2: float, p3: float, label: Label, *, reach: float = 1.0) -> Sound:
        """The sound at a place of the three principal components of the codes: the paper's pad, its "Fine" knob and their range.

        Args:
          p1: along the first component, times `reach` in standard deviations of the codes; 0 is the mean code.
          p2: along the second.
          p3: along the third.
          label: a class or a mix.
          reach: what 1 means on all three, in standard deviations, above 0: the range selector of a pad from −1 to 1.

        Raises:
          InputError: an unknown class, a number that is not finite, or a place beyond 16 standard deviations.
        """
        place = np.array([p1, p2, p3], np.float64) * reach
        if not np.isfinite(place).all() or not reach > 0 or np.abs(place).max() > MOST_DEVIATIONS:
            found = f"{p1:g}, {p2:g}, {p3:g} times {reach:g}"
            rule = f"P1, P2 and P3 times the reach within ±{MOST_DEVIATIONS:g} standard deviations, the reach above 0"
            raise InputError("at", rule=rule, found=found, remedy="choose a place nearer to 0; ±2 holds most sounds")
        mix = self.mix(label)
        code = _numpy(self._run("place", np.asarray(place, np.float32)[None]), "code")
        settings = {"p1": float(p1), "p2": float(p2), "p3": float(p3), "reach": float(reach)}
        record = self._provenance("at", {"label": _plain(mix), **settings}, [], None)
        made = self.make(code, [mix])
        return self._sound(made, 0, mix, f"{label_text(mix)} at {p1:g} {p2:g} {p3:g}", record)

    def encode(self, source: Source, label: Label | None = None) -> SoundCode:
        """Where a sound stands in the space of codes.

        The encoder needs the class. It is the caller's `label`; else what the file's or its folder's name says; else
        what a sound that was made here was made as; else, or where the model does not know that class, the one under which its
        reconstruction has the least error. `SoundCode.chosen_by` says which.

        Args:
          source: a sound of any rate and length, whose first window is heard; the path of a sound file of at most 30 s; a code or
            the path of a code file, which keeps its code and takes the label.
          label: a class or a mix.

        Raises:
          InputError: a file that cannot be read, silence, an unknown class, or a code of another model.
        """
        if isinstance(source, str | PathLike) and Path(source).suffix.lower() == ".json":
            source = self.read_code(source)
        if isinstance(source, SoundCode):
            self._check_code(source)
            return source if label is None else replace(source, mix=self.mix(label), chosen_by="given")
        if not is_a(source, Sound | str | PathLike):
            remedy = "wrap samples as drumjax.signal.sound.Sound(audio, sample_rate_hz)"
            raise InputError("source", rule="a Sound, a SoundCode or a path", found=type(source).__name__, remedy=remedy)
        sound = source if isinstance(source, Sound) else self._read(source)
        audio = self.window(sound)
        said = sound.label if isinstance(source, Sound) else _named_class(Path(source))
        mix, chosen_by = self._class_of(audio, label, said, None if isinstance(source, Sound) else _recorded_label(source))
        code = _numpy(self._run("encode", audio[None], self._row(mix)[None]), "code")[0]
        record = self._provenance("encode", {"label": _plain(mix), "chosen_by": chosen_by}, [_input(sound)], None)
        return SoundCode(code, mix, chosen_by, self._position(code), sound.name, record)

    def vary(
        self,
        source: Source,
        distance: float = DISTANCE,
        n: int = 1,
        seed: int = 0,
        label: Label | None = None,
        *,
        only: Sequence[int] | None = None,
    ) -> list[Sound]:
        """Sounds near a given one. Sound i depends on (seed, i) alone, not on `n`.

        Variation i has the code √(1 − t²) z + t g for the code z of the source, the distance t and a draw g from the prior, so that
        variations of what the prior is likely to give are as likely (our decision).

        Args:
          source: as for `encode`.
          distance: t: 0 for what the model makes of the source itself, 1 for a new sound that owes it nothing but its class.
          n: 1 to 1,024.
          seed: 0 to 2³² − 1.
          label: as for `encode`.
          only: as for `sample`.

        Raises:
          InputError: as `encode`, and for a number out of range.
        """
        numbers = _numbers(n, only)
        check_seed(seed)
        check_share("distance", distance)
        start = self.encode(source, label)
        codes, mixes = _moved(start.code, self._draw(key_of(seed), numbers), distance), [start.mix] * len(numbers)
        settings = {"label": _plain(start.mix), "distance": float(distance), "n": n}
        record = self._provenance("vary", settings, [_origin(start)], seed)
        return self._sounds(self.make(codes, mixes), mixes, record, numbers, n, start.name)

    def morph(
        self,
        start: Source,
        goal: Source,
        steps: int = 4,
        path: Literal["slerp", "lerp"] = "slerp",
        labels: tuple[Label | None, Label | None] = (None, None),
        *,
        only: Sequence[int] | None = None,
    ) -> list[Sound]:
        """Sounds that lead from one to another: the codes along a path, the classes' weights mixed linearly.

        Args:
          start: as for `encode`; the first sound is what the model makes of it.
          goal: as for `encode`; the last sound is what the model makes of it.
          steps: at least 1, at most 1,023; steps + 1 sounds come back.
          path: "slerp", spherical interpolation of the codes, or "lerp", linear.
          labels: of start and goal, as for `encode`.
          only: as for `sample`, from 0 to `steps`.

        Raises:
          InputError: as `encode`, and for a number out of range or an unknown path.
        """
        if not (is_whole(steps) and 1 <= steps < MOST_SOUNDS):
            found, remedy = f"{steps + 1 if is_whole(steps) else steps!r}", "choose a number in that range"
            raise InputError("n", rule=f"2 to {MOST_SOUNDS:,} sounds, both ends included", found=found, remedy=remedy)
        if path not in ("slerp", "lerp"):
            raise InputError("path", rule="'slerp' or 'lerp'", found=repr(path), remedy="choose one of the two")
        numbers = _numbers(steps + 1, only)
        first, last = self.encode(start, labels[0]), self.encode(goal, labels[1])
        # The whole path, whichever of it is wanted: a shorter one might be rounded otherwise.
        mu = fractions(steps + 1)
        codes = np.asarray((slerp if path == "slerp" else lerp)(first.code, last.code, mu))[list(numbers)]
        mixes = [_between(first.mix, last.mix, float(mu[i]), self.classes) for i in numbers]
        ends = {"start_label": _plain(first.mix), "goal_label": _plain(last.mix)}
        record = self._provenance("morph", {**ends, "n": steps + 1, "path": path}, [_origin(first), _origin(last)], None)
        name = f"{first.name} to {last.name}"
        return self._sounds(self.make(codes, mixes), mixes, record, numbers, steps + 1, name)

    def humanize(
        self,
        source: Source,
        hits: int = 16,
        seed: int = 0,
        label: Label | None = None,
        *,
        variation: float = VARIATION,
        only: Sequence[int] | None = None,
    ) -> list[Sound]:
        """One drum as a drummer hits it: a variation a hit, along a small walk around the sound's code (paper, "Impact").

        Hit k has the code √(1 − s²) z + s x_k; x is a walk that stays standard normal and keeps 0.7 of itself from hit to hit. It
        is the same however many hits there are.

        Args:
          source: as for `encode`.
          hits: 1 to 1,024.
          seed: 0 to 2³² − 1.
          label: as for `encode`.
          variation: s, from 0 for no difference to 1.
          only: as for `sample`.

        Raises:
          InputError: as `encode`, and for a number out of range.
        """
        numbers = _numbers(hits, only)
        check_seed(seed)
        check_share("variation", variation)
        start = self.encode(source, label)
        walk = self._walk(key_of(seed), max(numbers) + 1)[list(numbers)]
        codes, mixes = _moved(start.code, walk, variation), [start.mix] * len(numbers)
        settings = {"label": _plain(start.mix), "variation": float(variation), "n": hits}
        record = self._provenance("humanize", settings, [_origin(start)], seed)
        return self._sounds(self.make(codes, mixes), mixes, record, numbers, hits, start.name)

    def kit(self, seed: int = 0, drum_map: DrumMap = TR808, *, takes: int = 4, variation: float = VARIATION) -> SoundKit:
        """A kit: a new sound for each lane, of the class of the key that the lane is written as, and further takes of it.

        A lane whose class the model does not know is played by a neighbour that it knows, else silent
        (`drumjax.instruments.sound_kits`). Takes are a walk around the first sound's code, as in `humanize`. Levels are those of
        the library's drum machine.

        Args:
          seed: 0 to 2³² − 1. A lane's sounds depend on the seed and on its key, not on the other lanes.
          drum_map: the lanes.
          takes: sounds a lane, 1 to 8, which its hits go round.
          variation: as in `humanize`.

        Raises:
          InputError: a number out of range, or a drum map of which the model plays no lane.
        """
        lanes = {
            lane: (pitch, class_of_pitch(pitch, self.classes))
            for lane, pitch in zip(drum_map.lanes, drum_map.out_pitches, strict=True)
        }
        playing = {lane: (pitch, label) for lane, (pitch, label) in lanes.items() if label is not None}
        if not playing:
            rule = f"a drum map with a lane of the model's classes ({', '.join(self.classes)})"
            raise InputError(self.name, rule=rule, found=f"{drum_map.name!r}", remedy="choose another drum map or model")
        sounds = {
            lane: tuple(replace(sound, name=lane) for sound in self.takes_of(pitch, label, takes, seed, variation=variation))
            for lane, (pitch, label) in playing.items()
        }
        return SoundKit(
            samples={lane: heard[0].audio for lane, heard in sounds.items()},
            sample_rate_hz=self.sample_rate_hz,
            chokes=hat_chokes(drum_map),
            name=f"{self.name} {seed}",
            silent=tuple(lane for lane in lanes if lane not in playing),
            takes={lane: [sound.audio for sound in heard[1:]] for lane, heard in sounds.items()},
            made=sounds,
            classes={lane: label for lane, (_, label) in playing.items()},
        )

    def takes_of(
        self, pitch: int, label: str, takes: int, seed: int, *, variation: float = VARIATION, only: Sequence[int] | None = None
    ) -> list[Sound]:
        """The takes of one lane of `kit`: of that which is written as the key `pitch` and played by the class `label`."""
        if not (is_whole(takes) and 1 <= takes <= MOST_TAKES):
            rule, found = f"1 to {MOST_TAKES} takes", f"{takes}"
            raise InputError("takes", rule=rule, found=found, remedy="choose a number in that range")
        if not 0 <= pitch <= 127:
            raise InputError("pitch", rule="a key from 0 to 127", found=f"{pitch}", remedy="choose one of these")
        numbers = _numbers(takes, only)
        check_seed(seed)
        check_share("variation", variation)
        key, mix = key_of(seed), self.mix(label)
        first = self._draw(key, [pitch])[0]
        walk = self._walk(fold(key, _TAKES_SLOT + pitch), max(numbers))
        codes = np.stack([first if k == 0 else _moved(first, walk[k - 1], variation) for k in numbers])
        settings = {"label": _plain(mix), "pitch": pitch, "variation": float(variation), "n": takes}
        mixes = [mix] * len(numbers)
        made = self._sounds(self.make(codes, mixes), mixes, self._provenance("kit", settings, [], seed), numbers, takes)
        return [replace(sound, audio=at_level(sound, LEVEL_LUFS.get(label, OTHER_LUFS))) for sound in made]

    # Below the methods

    def make(self, codes: np.ndarray, mixes: Sequence[Mapping[str, float]]) -> Made:
        """The sounds of codes (n, d), each of its own mix of classes, before levels and names."""
        labels = np.stack([self._row(mix) for mix in mixes])
        made = self._run("play", np.asarray(codes, np.float32), labels)
        return Made(_numpy(made, "audio"), _numpy(made, "mel"), np.asarray(codes, np.float32))

    def reconstruct(self, source: Source, label: Label | None = None) -> Made:
        """What the model makes of one sound: the decoder's spectrogram, and the vocoder's sound of it."""
        code = self.encode(source, label)
        return self.make(code.code[None], [code.mix])

    def window(self, sound: Sound) -> np.ndarray:
        """A sound as the model hears it: its rate and length, peak 1; float32 (samples,).

        Raises:
          InputError: silence.
        """
        audio = resampled(sound.audio, sound.sample_rate_hz, self.mel.sample_rate_hz)
        heard = windowed(audio, self.mel.samples, self.mel.sample_rate_hz)
        if not heard.any():
            rule = f"a sound in the first {self.mel.samples / self.mel.sample_rate_hz:.2f} s, which the model hears"
            raise InputError(sound.name or "sound", rule=rule, found="silence", remedy="choose another, or crop what is before it")
        return heard

    def read_code(self, path: str | PathLike[str]) -> SoundCode:
        """The code in a file that `SoundCode.save` wrote.

        Raises:
          InputError: a file that is none, a code of another model, or of a class that this one does not know.
        """
        code, sha256 = read_code(path)
        if sha256 not in (None, self.sha256):
            remedy = "name the model that it was made with, or encode the sound with this one"
            raise InputError(path, rule=f"a code of this model, SHA-256 {self.sha256}", found=f"one of {sha256:.64}", remedy=remedy)
        try:
            self._check_code(code)
            return replace(code, mix=self.mix(code.mix))
        except InputError as error:
            raise InputError(path, rule=error.rule, found=error.found, remedy=error.remedy) from None

    def _read(self, path: str | PathLike[str]) -> Sound:
        audio = read_one_shot(path, self.mel.sample_rate_hz)
        entry = {"path": fspath(path), "sha256": file_sha256(path, max_bytes=AUDIO_BYTES)}
        return Sound(peak_normalized(audio), self.mel.sample_rate_hz, name=Path(path).stem, provenance=entry)

    def _class_of(
        self, audio: np.ndarray, label: Label | None, said: str | None, recorded: Label | None
    ) -> tuple[dict[str, float], Chooser]:
        if label is not None:
            return self.mix(label), "given"
        ways: tuple[tuple[Label | None, Chooser], ...] = ((parse_mix(said) if said else None, "name"), (recorded, "record"))
        for known, chosen_by in ways:
            if known:
                with contextlib.suppress(InputError):  # a class that this model does not know: the next way is asked
                    return self.mix(known), chosen_by
        rows = np.eye(len(self.classes), dtype=np.float32)
        errors = _numpy(self._run("reconstruct", np.repeat(audio[None], len(rows), 0), rows), "error")
        return {self.classes[int(np.argmin(errors))]: 1.0}, "sound"

    def _check_code(self, code: SoundCode) -> None:
        if code.code.shape != (self.config.latent,):
            rule, found = f"a code of {self.config.latent} numbers", f"shape {code.code.shape}"
            raise InputError(code.name or "code", rule=rule, found=found, remedy="encode the sound with this model")
        if not np.isfinite(code.code).all():
            raise InputError(
                code.name or "code", rule="a code of finite numbers", found="NaN or infinity", remedy="encode it again"
            )

    def _position(self, code: np.ndarray) -> tuple[float, float, float]:
        axes = {name: np.asarray(value, np.float64) for name, value in self.weights["axes"].items()}
        along = axes["components"] @ (code - axes["mean"])
        p1, p2, p3 = (float(x / d) if d > 0 else 0.0 for x, d in zip(along, axes["deviations"], strict=True))
        return p1, p2, p3

    def _draw(self, key: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        """Draws from the prior, float32 (n, d)."""
        size = 1 << max(len(numbers) - 1, 0).bit_length()
        slots = np.zeros(size, np.int32)
        slots[: len(numbers)] = numbers
        return np.asarray(self._function("draw")(self.weights, key, slots)["code"])[: len(numbers)]

    def _walk(self, key: np.ndarray, hits: int) -> np.ndarray:
        """A stationary walk, float32 (hits, d): standard normal at every hit, its correlation from one to the next is 0.7."""
        steps = self._draw(key, range(hits)) if hits else np.zeros((0, self.config.latent), np.float32)
        walk = steps.copy()
        for k in range(1, hits):
            walk[k] = np.float32(_STAY) * walk[k - 1] + np.float32(math.sqrt(1 - _STAY**2)) * steps[k]
        return walk

    def _function(self, name: str) -> Callable[..., dict[str, jax.Array]]:
        return compiled(self.config, self.mel, self.vocoder)[name]

    def _run(self, name: str, *arrays: np.ndarray) -> list[dict[str, Any]]:
        """A function of items on any number of them, at least one, a block at a time."""
        function, size = self._function(name), block_size()
        blocks = []
        for first in range(0, len(arrays[0]), size):
            parts = [array[first : first + size] for array in arrays]
            count = len(parts[0])
            padded = [np.concatenate([part, np.repeat(part[-1:], size - count, 0)]) for part in parts]
            blocks.append({key: value[:count] for key, value in function(self.weights, *padded).items()})
        return blocks

    def _sound(self, made: Made, index: int, mix: Mapping[str, float], name: str, record: Mapping[str, Any]) -> Sound:
        audio = made.audio[index]
        if not np.isfinite(audio).all():
            remedy = "choose a code nearer to those of sounds; if they all fail, take another checkpoint"
            raise InputError(self.name, rule="a code of which the model makes sound", found="NaN or infinity", remedy=remedy)
        return Sound(peak_normalized(audio), self.mel.sample_rate_hz, label_text(mix), name, record, made.mel[index])

    def _sounds(
        self,
        made: Made,
        mixes: Sequence[Mapping[str, float]],
        record: Mapping[str, Any],
        numbers: Sequence[int],
        n: int,
        name: str = "",
    ) -> list[Sound]:
        """Sounds with their names and their parts of the call's record."""
        called = [
            f"{name or label_text(mix)} {i + 1}" if n > 1 else name or label_text(mix)
            for mix, i in zip(mixes, numbers, strict=True)
        ]
        records = [in_part(record, i + 1) if n > 1 else record for i in numbers]
        return [self._sound(made, k, mix, called[k], records[k]) for k, mix in enumerate(mixes)]

    def _provenance(
        self, verb: str, parameters: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]], seed: int | None
    ) -> dict[str, Any]:
        settings = {name: value.item() if isinstance(value, np.generic) else value for name, value in parameters.items()}
        settings |= {"vocoder": GRIFFIN_LIM} if self.vocoder is None else {}
        used = [] if self.vocoder_input is None else [self.vocoder_input]
        return provenance(
            f"sound {verb}",
            model=self.name,
            model_sha256=self.sha256,
            seed=None if seed is None else int(seed),
            parameters=settings,
            inputs=[*inputs, *used],
        )


def check_spectrograms(stated: Any, wanted: MelConfig, directory: Path) -> None:
    """That a vocoder was trained on spectrograms like the CWAE's; the InputError says in what they differ."""
    found = checkpoint.parse_config(MelConfig, stated, directory / checkpoint.CARD)
    if differing := [name for name in MelConfig.__dataclass_fields__ if getattr(found, name) != getattr(wanted, name)]:

        def said(config: MelConfig) -> str:
            return ", ".join(f"{name} {getattr(config, name)}" for name in differing)

        remedy = "name a vocoder that was trained on the same data and --mel, or --vocoder griffin-lim"
        raise InputError(
            directory, rule=f"a vocoder of the model's spectrograms ({said(wanted)})", found=said(found), remedy=remedy
        )


def _play_of(card: Mapping[str, Any], directory: Path, config_type: type[Config]) -> tuple[dict[str, Any], Config]:
    """What a card says for playing, and the network's shape."""
    play, config = card.get("play"), card.get("config")
    if not isinstance(play, dict) or not isinstance(config, dict) or not {"mel"} <= play.keys() or "model" not in config:
        raise InputError(
            directory / checkpoint.CARD,
            rule="the spectrogram and the model configuration that playing needs",
            found="a card without them",
            remedy="train again with this version, or take another checkpoint",
        )
    return play, checkpoint.parse_config(config_type, config["model"], directory / checkpoint.CARD)


def _classes_and_axes(
    play: Mapping[str, Any], config: CWAEConfig, mel: MelConfig, directory: Path
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    classes, axes = play.get("classes"), play.get("pca")
    shapes = {"mean": (config.latent,), "components": (3, config.latent), "deviations": (3,)}
    try:
        if not isinstance(axes, dict):
            raise ValueError("no principal components")
        if not isinstance(classes, list) or not all(isinstance(name, str) and name for name in classes):
            raise ValueError("no names of classes")
        if len(set(classes)) != config.classes or len(classes) != config.classes:
            raise ValueError(f"{len(set(classes))} classes for a model of {config.classes}")
        if (config.frames, config.bins) != (mel.frames, mel.bins):
            raise ValueError(f"spectrograms of {mel.frames} × {mel.bins} for a model of {config.frames} × {config.bins}")
        arrays = {name: np.asarray(axes[name], np.float32) for name in shapes}
        for name, shape in shapes.items():
            if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise ValueError(f"{name} of the principal components as {arrays[name].shape}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            directory / checkpoint.CARD,
            rule="classes, spectrogram and principal components that fit the model",
            found=f"{error}",
            remedy="take another checkpoint, or train again",
        ) from error
    return tuple(classes), arrays


def _numpy(blocks: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.concatenate([np.asarray(block[name]) for block in blocks])


def _moved(code: np.ndarray, draw: np.ndarray, share: float) -> np.ndarray:
    """√(1 − t²) z + t g, float32."""
    return (np.float32(math.sqrt(1 - share**2)) * code + np.float32(share) * draw).astype(np.float32)


def _between(start: Mapping[str, float], goal: Mapping[str, float], mu: float, classes: Sequence[str]) -> dict[str, float]:
    weights = {name: (1 - mu) * start.get(name, 0.0) + mu * goal.get(name, 0.0) for name in classes}
    return {name: weight for name, weight in weights.items() if weight > 0}


def _plain(mix: Mapping[str, float]) -> str | dict[str, float]:
    """What a record says of the classes: the class, or the weights of several."""
    return next(iter(mix)) if len(mix) == 1 else dict(mix)


def _numbers(n: int, only: Sequence[int] | None) -> Sequence[int]:
    """The numbers of the sounds that are wanted.

    Raises:
      InputError: more or fewer sounds than a call makes.
    """
    if not (is_whole(n) and 1 <= n <= MOST_SOUNDS):
        raise InputError("n", rule=f"1 to {MOST_SOUNDS:,} sounds", found=f"{n}", remedy="choose a number in that range")
    numbers = range(n) if only is None else only
    if len(numbers) == 0 or not all(is_whole(i) and 0 <= i < n for i in numbers):
        raise InputError("only", rule=f"numbers from 0 to {n - 1}", found=f"{list(numbers)[:8]}", remedy="choose some of these")
    return numbers


def _input(sound: Sound) -> Mapping[str, Any]:
    """How provenance names a sound that went in: its file, the record of what made it, or the hash of its samples."""
    origin = sound.provenance or {}
    if is_record(origin) or ("path" in origin and "sha256" in origin):
        return origin
    return {"name": sound.name or "made by hand", "sha256": hashlib.sha256(sound.audio.tobytes()).hexdigest()}


def _named_class(path: Path) -> str | None:
    """What a file's name says that it is, or failing that the name of its folder."""
    return class_of_name(path.stem) or class_of_name(path.parent.name)


def _recorded_label(path: str | PathLike[str]) -> Label | None:
    """What a sound file's own record says that it was made as; None where there is none."""
    try:
        parameters = loads(read_audio_comment(path))["parameters"]
        label = parameters.get("label")
    except (InputError, ValueError, AttributeError):
        return None
    if isinstance(label, str):
        return label
    is_mix = isinstance(label, dict) and all(type(weight) in (int, float) for weight in label.values())
    return label if is_mix else None


def _origin(code: SoundCode) -> Mapping[str, Any]:
    """How provenance names a code that went in: its file, the sound that it was encoded from, or else its hash."""
    origin = code.provenance or {}
    if is_record(origin):
        return origin["inputs"][0]
    if "path" in origin and "sha256" in origin:
        return origin
    return {"name": code.name or "made by hand", "sha256": hashlib.sha256(code.code.tobytes()).hexdigest()}
