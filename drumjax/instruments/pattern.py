"""The pattern instrument: interpolate, wander, sample and reconstruct drum patterns with a trained pattern VAE or pattern GAN.

Source: Off the Beaten Track, "Generating Interpolations", "A software instrument for start-goal interpolations" and "Using GANs for
autonomous drumming". A GAN has no encoder: what begins with given patterns (encode, reconstruct, interpolate) needs a VAE.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax.errors import FlaxError

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments.common import check_seed, key_of, pattern_input, plain
from drumjax.models import pattern_gan, pattern_vae
from drumjax.models.pattern_gan import PatternGANConfig
from drumjax.models.pattern_vae import PatternVAE, PatternVAEConfig
from drumjax.patterns import DrumMap, Pattern, drum_map_from_json, wandering
from drumjax.patterns.paths import crossfade, fractions, lerp, slerp
from drumjax.patterns.pattern import PAPER_TEMPO_BPM
from drumjax.provenance import in_part, provenance
from drumjax.systems.pattern_vae import item_normal

PatternConfig = PatternVAEConfig | PatternGANConfig
CONFIGS: Mapping[str, type[PatternConfig]] = MappingProxyType({"pattern-vae": PatternVAEConfig, "pattern-gan": PatternGANConfig})
"""The configuration's class for each system that can be played."""
LEAST_BUCKET = 8
"""Calls are padded to 8, 16, 32, … items, so that a few compiled programs serve every length."""
MOST_MEASURES = 1024
"""65,536 steps, the longest grid that the library reads again, over two hours at 129 BPM: a call for more is taken for a slip."""
WANDER_BLOCK = 64
"""A performance is made so many measures at a time, whatever its length: a program compiled for another number of items may round
otherwise, and a cell at the threshold would be a hit in one performance and none in a longer one."""

Signatures = dict[str, Callable[..., dict[str, jax.Array]]]


def signatures(config: PatternConfig) -> Signatures:
    """The instrument's pure functions, each `(params, **named arrays) -> {name: array}`: its methods call them, export writes them.

    A GAN has `decode` and `sample` alone, its noise is the `code`.

    - `encode`: `grid` float32 (n, steps, lanes) → `code`, `log_variance` (n, d): mean and log-variance of q(z|x).
    - `decode`: `code` (n, d) → `grid` float32 (n, steps, lanes), velocities before the threshold.
    - `interpolate`: `start`, `goal` (steps, lanes), `mu` (n,) in [0, 1], `spherical` bool scalar → `grid` (n, steps, lanes) and
      `code` (n, d), by eq. 7 where spherical and eq. 6 elsewhere.
    - `sample`: `key` uint32 (2,), `slot` int32 (n,) → `grid`, `code`: decoded from the prior, standard normal for a VAE and the
      noise of its training for a GAN, one key a slot.
    """
    return _of_gan(config) if isinstance(config, PatternGANConfig) else _of_vae(config)


def _of_gan(config: PatternGANConfig) -> Signatures:
    def decode(params, code):
        return {"grid": jax.nn.sigmoid(pattern_gan.generate(config, params["generator"], code))}

    def sample(params, key, slot):
        code = pattern_gan.draw_noise(config, jax.random.wrap_key_data(key), slot)
        return {"code": code, **decode(params, code)}

    return {"decode": decode, "sample": sample}


def _of_vae(config: PatternVAEConfig) -> Signatures:
    model = PatternVAE(config)

    def encode(params, grid):
        mean, log_variance = pattern_vae.encode(model, params["vae"], grid)
        return {"code": mean, "log_variance": log_variance}

    def decode(params, code):
        return {"grid": jax.nn.sigmoid(pattern_vae.decode(model, params["vae"], code))}

    def interpolate(params, start, goal, mu, spherical):
        first, last = encode(params, jnp.stack([start, goal]))["code"]
        code = jnp.where(spherical, slerp(first, last, mu), lerp(first, last, mu))
        return {"code": code, **decode(params, code)}

    def sample(params, key, slot):
        code = item_normal(jax.random.wrap_key_data(key), slot, config.latent)
        return {"code": code, **decode(params, code)}

    return {"encode": encode, "decode": decode, "interpolate": interpolate, "sample": sample}


@functools.lru_cache(maxsize=8)
def _compiled(config: PatternConfig) -> Mapping[str, Callable[..., dict[str, jax.Array]]]:
    return {name: _fitting(jax.jit(function)) for name, function in signatures(config).items()}


def _fitting(function: Callable[..., dict[str, jax.Array]]) -> Callable[..., dict[str, jax.Array]]:
    """The same; weights of another shape than the configuration asks for are the model's fault and not the program's."""

    def call(*arguments: Any, **named: Any) -> dict[str, jax.Array]:
        try:
            return function(*arguments, **named)
        except FlaxError as error:
            rule, remedy = "weights that fit the configuration on its card", "take another checkpoint, or train again"
            raise InputError("model", rule=rule, found=str(error).partition("(https")[0].strip(), remedy=remedy) from None

    return call


MOST_AT_ONCE = 1024
"""Longer calls are made in parts of so many items: their memory does not grow with the number of patterns."""


def _in_parts(function: Callable[[np.ndarray], jax.Array], items: np.ndarray) -> np.ndarray:
    """A function of (items, …) → (items, …) on any number of items, at least one, some at a time."""
    parts = (items[first : first + MOST_AT_ONCE] for first in range(0, len(items), MOST_AT_ONCE))
    return np.concatenate([np.asarray(function(_padded(part)))[: len(part)] for part in parts])


def _bucket(n: int) -> int:
    return max(LEAST_BUCKET, 1 << (n - 1).bit_length())


def _padded(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.repeat(array[-1:], _bucket(len(array)) - len(array), axis=0)])


def numbered(patterns: Sequence[Pattern]) -> list[Pattern]:
    """The patterns of one call, each with its number in its provenance where they are several: a file may be of one alone."""
    if len(patterns) == 1:
        return list(patterns)
    return [
        pattern if pattern.provenance is None else replace(pattern, provenance=in_part(pattern.provenance, k))
        for k, pattern in enumerate(patterns, start=1)
    ]


@dataclass(frozen=True, eq=False)
class PatternInstrument:
    """A trained pattern VAE or pattern GAN, ready to play. Make one with `drumjax.load`.

    Attributes:
      name: the model as the user named it: a shipped model's name or a folder.
      config: the network's shape.
      params: its weights, on the default device; of a GAN those of the generator.
      drum_map: what the lanes are.
      threshold: the decoded velocity from which on a cell is a hit, chosen in training and stored with the weights.
      genres: the genres of the data it was trained on.
      card: everything that was stored beside the weights.
      sha256: the hash of the checkpoint's manifest, which names it in provenance.
    """

    name: str
    config: PatternConfig
    params: Any = field(repr=False)  # nobody who types its name wants to see a hundred thousand numbers
    drum_map: DrumMap
    threshold: float
    genres: tuple[str, ...]
    card: Mapping[str, Any] = field(repr=False)
    sha256: str

    @classmethod
    def from_checkpoint(cls, params: Any, card: Mapping[str, Any], *, directory: Path, name: str) -> PatternInstrument:
        """An instrument from what `checkpoint.load_params` returns.

        Raises:
          InputError: the card is of another system, or does not hold what playing needs.
        """
        system = str(card.get("system"))
        if system not in CONFIGS:
            raise InputError(
                directory,
                rule=f"a checkpoint of {' or '.join(map(repr, CONFIGS))}",
                found=f"one of {card.get('system')!r}",
                remedy="name a pattern model: see 'drumjax models list', or train one with 'drumjax train pattern-vae'",
            )
        # Training also wrote the discriminator, which nobody plays.
        players = ("generator",) if system == "pattern-gan" else ("vae",)
        if not isinstance(params, Mapping) or not params.keys() >= set(players):
            found = f"those of {', '.join(params)}" if isinstance(params, Mapping) and params else "none"
            remedy = "take another checkpoint, or train again"
            raise InputError(directory, rule=f"the weights of the {players[0]}", found=found, remedy=remedy)
        try:
            play = card["play"]
            drum_map, threshold = drum_map_from_json(play["drum_map"]), float(play["threshold"])
            config, genres = card["config"]["model"], tuple(map(str, play["genres"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                directory / "card.json",
                rule="the drum map, threshold, genres and model configuration that playing needs",
                found=f"a card without them ({error!r})",
                remedy="train again with this version, or take another checkpoint",
            ) from error
        return cls(
            name=name,
            config=checkpoint.parse_config(CONFIGS[system], config, directory / "card.json"),
            params=jax.device_put({player: params[player] for player in players}),
            drum_map=drum_map,
            threshold=threshold,
            genres=genres,
            card=card,
            sha256=checkpoint.fingerprint(directory),
        )

    def signatures(self) -> Signatures:
        """See `signatures` of this module; the parameters are the first argument."""
        return signatures(self.config)

    @property
    def has_encoder(self) -> bool:
        """Whether the model reads patterns as well as making them: a VAE does, a GAN does not."""
        return isinstance(self.config, PatternVAEConfig)

    def require_encoder(self, verb: str) -> None:
        """Raises InputError where the model has no encoder; `verb` says what patterns it was wanted for."""
        if not self.has_encoder:
            raise InputError(
                self.name,
                rule=f"a model with an encoder, to {verb} patterns",
                found="a pattern GAN, which has none",
                remedy="take a pattern VAE such as 'pattern-vae'; what a GAN plays is 'sample' and 'wander'",
            )

    def grid(self, pattern: Pattern) -> np.ndarray:
        """A pattern as the network's input, float32 (steps, lanes); offsets are left aside.

        Raises:
          InputError: another drum map, length or metre than the network's.
        """
        what = pattern.name or "pattern"
        if pattern.drum_map != self.drum_map:
            raise InputError(
                what,
                rule=f"the model's drum map {self.drum_map.name!r}",
                found=f"{pattern.drum_map.name!r}",
                remedy="read the file with the model's drum map",
            )
        if pattern.metre != (4, 4):
            raise InputError(
                what, rule="a pattern in 4/4", found=f"{pattern.metre[0]}/{pattern.metre[1]}", remedy="choose a 4/4 pattern"
            )
        if pattern.steps != self.config.steps:
            raise InputError(
                what,
                rule=f"a pattern of {self.config.steps} steps",
                found=f"{pattern.steps}",
                remedy="cut or repeat it with drumjax.patterns.windows",
            )
        return pattern.velocity

    def encode(self, patterns: Sequence[Pattern]) -> np.ndarray:
        """The patterns' codes, the mean of q(z|x): float32 (patterns, d).

        Raises:
          InputError: a model without an encoder, or a pattern that the network cannot read.
        """
        self.require_encoder("encode")
        if not patterns:
            return np.zeros((0, self.config.latent), np.float32)
        encode = _compiled(self.config)["encode"]
        return _in_parts(lambda grids: encode(self.params, grids)["code"], np.stack([self.grid(pattern) for pattern in patterns]))

    def decode(self, codes: np.ndarray, **fields: Any) -> list[Pattern]:
        """The patterns of codes (n, d), a hit where the decoded velocity reaches the threshold; `fields` go to `Pattern`."""
        codes = np.asarray(codes, np.float32).reshape(-1, self.config.latent)
        if not len(codes):
            return []
        decode = _compiled(self.config)["decode"]
        return self._patterns(_in_parts(lambda part: decode(self.params, part)["grid"], codes), **fields)

    def reconstruct_values(self, grids: np.ndarray) -> np.ndarray:
        """D(E(x)) before the threshold for many patterns at once: float32 (n, steps, lanes) → the same shape, in [0, 1].

        Raises:
          InputError: a model without an encoder.
        """
        self.require_encoder("reconstruct")
        if not len(grids):
            return np.zeros_like(grids, np.float32)
        run = _compiled(self.config)

        def reconstruct(part: np.ndarray) -> jax.Array:
            return run["decode"](self.params, run["encode"](self.params, part)["code"])["grid"]

        return _in_parts(reconstruct, np.asarray(grids, np.float32))

    def reconstruct(self, patterns: Sequence[Pattern]) -> list[Pattern]:
        """D(E(x)) of each pattern, with the pattern's own tempo and name.

        Raises:
          InputError: a model without an encoder, or a pattern that the network cannot read.
        """
        self.require_encoder("reconstruct")
        decoded = self.decode(self.encode(patterns))
        return [
            replace(
                new,
                tempo_bpm=old.tempo_bpm,
                name=old.name,
                genre=old.genre,
                provenance=self._provenance("reconstruct", {"tempo_bpm": old.tempo_bpm}, [old]),
            )
            for new, old in zip(decoded, patterns, strict=True)
        ]

    def interpolate(self, start: Pattern, goal: Pattern, steps: int = 5, path: Literal["slerp", "lerp"] = "slerp") -> list[Pattern]:
        """Patterns that lead from one to another through the space of codes (eqs. 6 and 7, μ_i = i / steps).

        Args:
          start: where it begins; the first pattern is its reconstruction.
          goal: where it ends; the last pattern is its reconstruction.
          steps: L of the paper, at least 1; L + 1 patterns come back. (The command line's `--measures` is L + 1.)
          path: "slerp" (eq. 7, the paper's choice) or "lerp" (eq. 6).

        Returns:
          L + 1 patterns at the tempo of `start`.

        Raises:
          InputError: a model without an encoder, a pattern that the network cannot read, fewer than 1 step or more than 1,023, or
            an unknown path.
        """
        self.require_encoder("interpolate between")
        self._check_measures(steps + 1, least=2)
        if path not in ("slerp", "lerp"):
            raise InputError("path", rule="'slerp' or 'lerp'", found=repr(path), remedy="choose one of the two")
        mu = fractions(steps + 1)
        out = _compiled(self.config)["interpolate"](
            self.params, self.grid(start), self.grid(goal), _padded(mu), np.bool_(path == "slerp")
        )
        return self._patterns(
            np.asarray(out["grid"])[: steps + 1],
            tempo_bpm=start.tempo_bpm,
            provenance=self._provenance(
                "interpolate", {"measures": steps + 1, "path": path, "tempo_bpm": start.tempo_bpm}, [start, goal]
            ),
        )

    def crossfade(self, start: Pattern, goal: Pattern, steps: int = 5) -> list[Pattern]:
        """The baseline: eq. 6 on the patterns themselves, "using identity functions instead of E and D". L + 1 patterns."""
        self._check_measures(steps + 1, least=2)
        grids = crossfade(self.grid(start), self.grid(goal), steps + 1)
        origin = self._provenance("crossfade", {"measures": steps + 1, "tempo_bpm": start.tempo_bpm}, [start, goal])
        made = [Pattern.from_grid(grid, drum_map=self.drum_map, tempo_bpm=start.tempo_bpm, provenance=origin) for grid in grids]
        return numbered(made)

    def sample(self, n: int = 1, seed: int = 0, *, tempo_bpm: float = PAPER_TEMPO_BPM) -> list[Pattern]:
        """`n` new patterns from the prior, a GAN's from its noise. Pattern i depends on (seed, i) alone, not on `n`.

        Raises:
          InputError: fewer than 1 or more than 1,024 patterns, or a seed outside 0 to 2³² − 1.
        """
        self._check_measures(n, least=1)
        check_seed(seed)
        key = key_of(seed)
        out = _compiled(self.config)["sample"](self.params, key, np.arange(_bucket(n), dtype=np.int32))
        origin = self._provenance("sample", {"measures": n, "tempo_bpm": float(tempo_bpm)}, [], seed=seed)
        return self._patterns(np.asarray(out["grid"])[:n], tempo_bpm=tempo_bpm, provenance=origin)

    def wander(
        self,
        measures: int = 128,
        path: wandering.PathName = "swirl",
        seed: int = 0,
        *,
        turn: float | None = None,
        tempo_bpm: float = PAPER_TEMPO_BPM,
    ) -> list[Pattern]:
        """An autonomous drummer's performance: the patterns along a path through the noise.

        Source: Sec. "Using GANs for autonomous drumming". Made for a GAN with two-dimensional noise, where the path is that of
        `drumjax.patterns.wandering` itself. In a space of more dimensions, as a VAE's codes have, it lies in a plane through the
        origin that the seed draws; a GAN whose noise is uniform is led through the same quantiles of its own distribution. Measure
        k is the same however many there are.

        Args:
          measures: patterns of 4 bars, 1 to 1,024; the default is the paper's 512 bars.
          path: "swirl" (eq. 8), "circle", "walk" or "straight".
          seed: of the walk, of the straight line's direction, and of the plane where there are more than two dimensions.
          turn: measures of a turn; None for the path's own, 128 of the swirl. The walk has none.
          tempo_bpm: of all patterns.

        Raises:
          InputError: an unknown path, a number or turn or seed out of range, or a model with codes of one dimension.
        """
        self._check_measures(measures, least=1)
        decode = _compiled(self.config)["decode"]
        blocks = [
            decode(self.params, self.noise(np.arange(first, first + WANDER_BLOCK), path, seed, turn=turn))["grid"]
            for first in range(0, measures, WANDER_BLOCK)
        ]
        settings = {"measures": measures, "path": path, "turn": wandering.turn_of(path, turn), "tempo_bpm": float(tempo_bpm)}
        origin = self._provenance("wander", settings, [], seed=seed)
        return self._patterns(np.concatenate(blocks)[:measures], tempo_bpm=tempo_bpm, provenance=origin)

    def noise(self, at: np.ndarray, path: wandering.PathName = "swirl", seed: int = 0, *, turn: float | None = None) -> np.ndarray:
        """Where a performance is at given measures: codes for `decode`, float32 (points, d).

        Args:
          at: measures, float (points,), at least 0, not necessarily whole.
          path: see `wander`.
          seed: see `wander`.
          turn: see `wander`.

        Raises:
          InputError: see `wander`.
        """
        check_seed(seed)
        try:
            points = np.asarray(wandering.points(path, at, seed, turn))
            first, second = wandering.plane(self.config.latent, seed)
        except ValueError as error:
            rule, _, found = str(error).removeprefix("expected ").partition(", found ")
            raise InputError("path", rule=rule, found=found, remedy="choose another path, turn or model") from error
        codes = points[:, :1] * first + points[:, 1:] * second
        if isinstance(self.config, PatternGANConfig) and self.config.noise == "uniform":
            return np.asarray(wandering.to_uniform(codes))
        return codes

    def _patterns(self, grids: np.ndarray, **fields: Any) -> list[Pattern]:
        return numbered([Pattern.from_grid(grid, threshold=self.threshold, drum_map=self.drum_map, **fields) for grid in grids])

    def _provenance(self, verb: str, parameters: dict[str, Any], inputs: Sequence[Pattern], seed: int | None = None) -> dict:
        return provenance(
            f"pattern {verb}",
            model=self.name,
            model_sha256=self.sha256,
            seed=plain(seed),
            parameters={name: plain(value) for name, value in parameters.items()},
            inputs=[pattern_input(pattern) for pattern in inputs],
        )

    def _check_measures(self, measures: int, *, least: int) -> None:
        if not least <= measures <= MOST_MEASURES:
            raise InputError(
                "measures", rule=f"{least} to {MOST_MEASURES} measures", found=str(measures), remedy="choose a number in that range"
            )
