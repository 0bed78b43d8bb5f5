"""PocketVAE (Lee, Kim and Nam, "PocketVAE: A Two-step Model for Groove Generation and Control", 2021), its prior and its variants.

A groove is notes N, velocities V and microtimings M, each (steps, lanes); a template P (steps, lanes) is what a user wrote.

    P → SKEL → h_p       N, P, h_p → NOTE encoder → 8 codes → NOTE decoder with P, h_p → N
    N → SKEL → h_n       V, N, h_n, genre, pattern → VEL encoder → z → VEL decoder with N, h_n, genre, pattern → V; TIME alike → M
    h_p, genre → prior → 8 codes

Layers and sizes are those of the paper (Sec. 3.4) and, where it says nothing, of the authors' public code. Ours are:
- the NOTE decoder widens 8 → 16 → 32 steps, aligned, so that a code is a quarter note as Sec. 3.4.2 says; the public decoder widens
  8 → 19 → 40 and keeps 32;
- the template stands beside the NOTE encoder's input (Sec. 3.4; the public code leaves it out);
- teacher forcing is drawn for each item and step; the public code draws it for a whole batch;
- TIME has VEL's dropout; the public code drops what its encoder's first state is made of, too;
- a Gaussian NOTE module is told the genre as VEL is (the public code), for it has no prior that could be. Its dropout is VEL's: the
  public code has none behind its encoder's first dense layer and at its decoder's first state.

Parameters are as many as PyTorch's, for every GRU has its two bias vectors; but the codebook and its moving sums, which PyTorch
counts (2,048 numbers), are no parameters here: they stand in `extra`, with the batch normalisations' moving averages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from drumjax.nn.conv import strided_conv, widened_conv
from drumjax.nn.dropout import Dropout
from drumjax.nn.gru import BidirectionalGRU, Decoder, autoregress, gru_weights
from drumjax.nn.initial import at_once, uniform
from drumjax.nn.norms import ConditionalBatchNorm, class_weights
from drumjax.nn.vector_quantizer import init_codebook, quantize, update_codebook

VELOCITY_CLASSES, TIMING_CLASSES = 5, 3
"""Of the control patterns C_V and C_M (Sec. 3.2)."""
Gaussian = tuple[jax.Array, jax.Array]
"""Mean and log-variance of a posterior, each float32 (items, size)."""


@dataclass(frozen=True)
class PocketVAEConfig:
    """The shape of PocketVAE. The defaults are the paper's, or its code's where the paper gives no value."""

    variant: Literal["2-step-vq", "2-step-vae", "1-step"] = "2-step-vq"
    """The notes' code is a row of codebook entries or a Gaussian, or one Gaussian stands for the whole groove (Sec. 3.3.2)."""
    use_genre: bool = True
    """VEL, TIME and the prior, or a Gaussian NOTE module, are told the genre (Sec. 3.4.5). The 1-step model never is."""
    use_patterns: bool = False
    """VEL and TIME are told the velocity and the microtiming pattern (Sec. 3.4.5)."""
    steps: int = 32
    """16ths of a groove (Sec. 3.2)."""
    lanes: int = 7
    """Drums (Sec. 3.2)."""
    genres: int = 6
    """How many there are (Sec. 3.1)."""
    template_in_encoder: bool = True
    """The template stands beside the notes that the NOTE encoder reads (Sec. 3.4); False is the public code."""
    skeleton_units: int = 128
    """Of SKEL, a direction (Sec. 3.4.1)."""
    skeleton_code: int = 16
    """Size of h_p and h_n (Sec. 3.4.1; the public code has 32)."""
    note_units: int = 256
    """Of the NOTE module, a direction or layer (Sec. 3.4.2)."""
    codes: int = 64
    """Entries K of the codebook (Sec. 3.4.2)."""
    code_size: int = 16
    """Size D of an entry (Sec. 3.4.2)."""
    note_code: int = 64
    """Size of a Gaussian NOTE module's code (the public code)."""
    expressive_units: int = 256
    """Of VEL and TIME, a direction or layer (Sec. 3.4.3)."""
    expressive_code: int = 64
    """Size of z_V and z_M (Sec. 3.4.3)."""
    one_step_units: int = 128
    """Of the 1-step model, a direction or layer (the public code)."""
    one_step_code: int = 16
    """Size of the 1-step model's code (the public code)."""
    prior_units: int = 64
    """Of the prior (the public code)."""
    dropout: float = 0.5
    """Rate in all but the prior (the public code)."""
    prior_dropout: float = 0.1
    """Rate in the prior (the public code)."""
    dropped_states: bool = True
    """The decoders' dropped states are also what their next step starts from (the public code); False: only what leaves a layer."""
    statistics_decay: float = 0.9
    """How much of the batch normalisations' moving averages stays at a step (PyTorch's momentum of .1)."""
    codebook_decay: float = 0.99
    """How much of the codebook's moving averages stays at a step (the public code)."""
    dead_below: float = 0.05
    """A code that is chosen less often than this part of an even share is laid upon a vector of the batch (our decision)."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size or rate out of range."""
        sizes: tuple[str, ...] = (
            "steps",
            "lanes",
            "genres",
            "skeleton_units",
            "skeleton_code",
            "note_units",
            "codes",
            "code_size",
            "note_code",
        )
        sizes += ("expressive_units", "expressive_code", "one_step_units", "one_step_code", "prior_units")
        for field in sizes:
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of at least 1, found {getattr(self, field)}")
        for field in ("dropout", "prior_dropout", "statistics_decay", "codebook_decay", "dead_below"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"expected {field} in [0, 1), found {getattr(self, field)}")
        if self.steps % 4:
            raise ValueError(f"expected steps in whole quarter notes of 4, found {self.steps}")
        if self.note_units % 2:
            raise ValueError(f"expected an even number of note_units, found {self.note_units}")

    @property
    def code_steps(self) -> int:
        """Codes of a groove, one a quarter note."""
        return self.steps // 4


class Reconstruction(NamedTuple):
    """What a groove came out as, and what a loss needs of its codes.

    Attributes:
      logits: of the notes, float32 (items, steps, lanes).
      velocity: (items, steps, lanes) in (0, 1), also where there is no note.
      offset: (items, steps, lanes) in (-1, 1), also where there is no note.
      gaussians: the posteriors by their part, `note`, `velocity`, `timing` or `groove`.
      encoded: the NOTE encoder's vectors (items, code_steps, code_size); None for other variants.
      codes: int32 (items, code_steps), which they chose; None for other variants.
      quantized: the codebook's entries in their place, their gradient being that of `encoded`; None for other variants.
    """

    logits: jax.Array
    velocity: jax.Array
    offset: jax.Array
    gaussians: dict[str, Gaussian]
    encoded: jax.Array | None = None
    codes: jax.Array | None = None
    quantized: jax.Array | None = None


def item_keys(key: jax.Array, slots: jax.Array) -> jax.Array:
    """One random key an item, from its slot int32 (items,): the same however a batch is split."""
    return jax.vmap(lambda slot: jax.random.fold_in(key, slot))(slots)


def fold(keys: jax.Array | None, n: int) -> jax.Array | None:
    """Other keys of the same items; None stays None."""
    return None if keys is None else jax.vmap(lambda key: jax.random.fold_in(key, n))(keys)


def _uniform(keys: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.vmap(lambda key: jax.random.uniform(key, shape))(keys)


def draw_normal(keys: jax.Array, size: int) -> jax.Array:
    """Codes from the Gaussians' prior, float32 (items, size)."""
    return jax.vmap(lambda key: jax.random.normal(key, (size,)))(keys)


def _dense(features: int, fan: int, name: str) -> nn.Dense:
    return nn.Dense(features, kernel_init=uniform(fan), bias_init=uniform(fan), name=name)


def _dense_on(x: jax.Array, features: int, name: str) -> jax.Array:
    return cast(jax.Array, _dense(features, x.shape[-1], name)(x))


class Skeleton(nn.Module):
    """SKEL (Sec. 3.4.1): notes or a template (items, steps, lanes) → (items, skeleton_code)."""

    config: PocketVAEConfig

    @nn.compact
    def __call__(self, x: jax.Array, drop: Dropout) -> jax.Array:
        config = self.config
        x = _dense_on(x, config.skeleton_units, "input")
        _, final = BidirectionalGRU(config.skeleton_units, name="gru")(x)
        return drop(nn.leaky_relu(_dense_on(final, config.skeleton_code, "output"), 0.1))


class _Norm(nn.Module):
    """Batch normalisation, by the batch in training, else by moving averages."""

    config: PocketVAEConfig
    train: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        norm = ConditionalBatchNorm(train=self.train, decay=self.config.statistics_decay, name="norm")
        scale, shift = norm(x, jnp.ones((x.shape[0], 1)))
        return x * scale + shift


class _Conv(nn.Module):
    """A convolution over two strides of 2, to half the steps or to twice as many; normalisation, leaky ReLU and dropout."""

    config: PocketVAEConfig
    features: int
    train: bool
    widen: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, drop: Dropout) -> jax.Array:
        # PyTorch's transposed convolutions count the channels of their output for the initial range.
        init = uniform(4 * (self.features if self.widen else x.shape[-1]))
        kernel = self.param("kernel", init, (4, x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        if self.train:
            # The batch's mean is taken away, and the bias with it: its gradient is rounding, of which Adam would make whole
            # strides, others on each number of devices.
            bias = jax.lax.stop_gradient(bias)
        x = (widened_conv if self.widen else strided_conv)(x, kernel) + bias
        return drop(nn.leaky_relu(_Norm(self.config, self.train, name="norm")(x), 0.2))


class NoteEncoder(nn.Module):
    """NOTE's encoder to codes (Sec. 3.4.2): notes, template, h_p → vectors (items, code_steps, code_size)."""

    config: PocketVAEConfig
    train: bool = False

    @nn.compact
    def __call__(self, note: jax.Array, template: jax.Array, skeleton: jax.Array, drop: Dropout) -> jax.Array:
        config, units = self.config, self.config.note_units
        initial = _dense_on(skeleton, units, "initial")
        x = jnp.concatenate([note, template], -1) if config.template_in_encoder else note
        x, _ = BidirectionalGRU(units, name="gru")(drop(_dense_on(x, units, "input")), jnp.tile(initial, 2))
        x = drop(_Norm(config, self.train, name="norm")(x))
        for n in range(2):
            x = _Conv(config, units, self.train, name=f"conv_{n}")(x, drop)
        return _dense_on(x, config.code_size, "code")


class NoteDecoder(nn.Module):
    """NOTE's decoder from codes (Sec. 3.4.2): see `_Writer`."""

    config: PocketVAEConfig
    train: bool = False

    @nn.compact
    def __call__(
        self, code: jax.Array, template: jax.Array, skeleton: jax.Array, drop: Dropout, **how: Any
    ) -> tuple[jax.Array, jax.Array]:
        config, units = self.config, self.config.note_units
        x = _Conv(config, units, self.train, widen=True, name="conv_0")(code, drop)
        x = _Conv(config, units // 2, self.train, widen=True, name="conv_1")(x, drop)
        initial = _dense_on(skeleton, units, "initial")
        writer = _Writer(config, units, config.lanes, state_dropout=True, name="writer")
        return writer(jnp.concatenate([x, template], -1), initial, drop, **how)


class _Writer(nn.Module):
    """Two GRUs that read what they wrote, and a dense layer.

    What is known at each step (items, steps, features) and the first layer's first state (items, units) → results and what was
    fed back, each (items, steps, outputs). `feed` makes from a step's result and its `inputs` what the next step reads, unless
    `forcing` (items, steps) or (items, steps, outputs) puts `target` (items, steps, outputs) in its place.

    Attributes:
      outputs: of the dense layer.
      state_dropout: what the second layer carries on is dropped, too, not only what the dense layer sees.
      squash: before the dense layer.
      hidden: units of another dense layer before it, with a leaky ReLU; 0 for none.
      head: from the dense layer's result to the writer's.
    """

    config: PocketVAEConfig
    units: int
    outputs: int
    state_dropout: bool = False
    squash: Callable[[jax.Array], jax.Array] = lambda x: x
    hidden: int = 0
    head: Callable[[jax.Array], jax.Array] = lambda x: x

    @nn.compact
    def __call__(
        self,
        known: jax.Array,
        initial: jax.Array,
        drop: Dropout,
        *,
        feed: Callable[[jax.Array, Any], jax.Array],
        inputs: Any = None,
        target: jax.Array | None = None,
        forcing: jax.Array | None = None,
    ) -> tuple[jax.Array, jax.Array]:
        units, outputs, (items, steps, features) = self.units, self.outputs, known.shape
        wx, wh, bx, bh = gru_weights(self, "first", outputs + features, units)
        second = gru_weights(self, "second", units, units)
        layers = [
            (self.param(f"{name}_kernel", uniform(fan), (fan, width)), self.param(f"{name}_bias", uniform(fan), (width,)))
            for name, fan, width in (("hidden", units, self.hidden), ("output", self.hidden or units, outputs))
            if width
        ]
        state_dropout = self.state_dropout and self.config.dropped_states
        drop_first, drop_second = drop.factors((steps, units)), drop.factors((steps, self.hidden or units))

        def emit(h: jax.Array, now: tuple) -> jax.Array:
            (_, factors), x = now, self.squash(h)
            if self.hidden:
                kernel, bias = layers[0]
                x = nn.leaky_relu(x @ kernel + bias, 0.2)
            kernel, bias = layers[-1]
            return self.head((x if factors is None else x * factors) @ kernel + bias)

        return autoregress(
            Decoder((wh, bh), second),
            known @ wx[outputs:] + bx,
            initial,
            jnp.zeros_like(known, shape=(items, outputs)),
            lambda fed: fed @ wx[:outputs],
            emit,
            lambda result, now: feed(result, now[0]),
            inputs=(inputs, None if state_dropout else drop_second),
            teacher=target,
            forcing=forcing,
            drop_first=drop_first,
            drop_second=drop_second if state_dropout else None,
            carry_dropped=self.config.dropped_states,
        )


class GaussianEncoder(nn.Module):
    """The encoder of VEL, TIME (Sec. 3.4.3) or a Gaussian NOTE: inputs and conditions → mean and log-variance (items, code)."""

    units: int
    code: int

    @nn.compact
    def __call__(self, x: jax.Array, conditions: jax.Array, drop: Dropout) -> Gaussian:
        initial = _dense_on(conditions, self.units, "initial")
        x = drop(_dense_on(x, self.units, "input"))
        _, final = BidirectionalGRU(self.units, name="gru")(x, jnp.tile(initial, 2))
        x = drop(nn.leaky_relu(_dense_on(final, self.units, "hidden"), 0.1))
        return _dense_on(x, self.code, "mean"), _dense_on(x, self.code, "log_variance")


class GaussianDecoder(nn.Module):
    """The decoder of VEL, TIME (Sec. 3.4.3) or a Gaussian NOTE: a code and conditions, what is known a step → see `_Writer`."""

    config: PocketVAEConfig
    units: int
    head: Callable[[jax.Array], jax.Array] = lambda x: x
    squash: Callable[[jax.Array], jax.Array] = lambda x: x

    @nn.compact
    def __call__(
        self, z: jax.Array, conditions: jax.Array, known: jax.Array, drop: Dropout, **how: Any
    ) -> tuple[jax.Array, jax.Array]:
        initial = jnp.tanh(drop(_dense_on(jnp.concatenate([z, conditions], -1), self.units, "initial")))
        writer = _Writer(self.config, self.units, self.config.lanes, squash=self.squash, head=self.head, name="writer")
        return writer(known, initial, drop, **how)


class OneStepEncoder(nn.Module):
    """The 1-step model's encoder (Sec. 3.3.2): [N, V, M, P] (items, steps, 4 lanes) → mean and log-variance."""

    config: PocketVAEConfig

    @nn.compact
    def __call__(self, x: jax.Array, drop: Dropout) -> Gaussian:
        units = self.config.one_step_units
        x = _dense_on(x, units, "input")
        x, _ = BidirectionalGRU(units, name="gru_0")(x)
        _, final = BidirectionalGRU(units, name="gru_1")(drop(x))
        x = drop(nn.leaky_relu(_dense_on(final, units, "hidden"), 0.2))
        code = self.config.one_step_code
        return _dense_on(x, code, "mean"), _dense_on(x, code, "log_variance")


def _three_heads(x: jax.Array) -> jax.Array:
    """Logits of the notes, velocities and offsets side by side, from the dense layer of the 1-step decoder."""
    note, velocity, offset = jnp.split(x, 3, -1)
    return jnp.concatenate([note, jax.nn.sigmoid(velocity), jnp.tanh(offset)], -1)


def _notes(logits: jax.Array, chance: jax.Array | None) -> jax.Array:
    """Notes drawn from their logits with uniform numbers, or, without these, those at a probability of one half and more."""
    drawn = logits >= 0 if chance is None else chance < jax.nn.sigmoid(logits)
    return jax.lax.stop_gradient(drawn.astype(logits.dtype))


def _feed_three(x: jax.Array, chance: jax.Array | None) -> jax.Array:
    logits, velocity, offset = jnp.split(x, 3, -1)
    note = _notes(logits, chance)
    return jnp.concatenate([note, note * velocity, note * offset], -1)


class OneStepDecoder(nn.Module):
    """The 1-step model's decoder: a code and the template → logits, velocities, offsets side by side; see `_Writer`."""

    config: PocketVAEConfig

    @nn.compact
    def __call__(self, z: jax.Array, template: jax.Array, drop: Dropout, **how: Any) -> tuple[jax.Array, jax.Array]:
        units = self.config.one_step_units
        initial = jnp.tanh(_dense_on(z, units, "initial"))
        writer = _Writer(self.config, units, 3 * self.config.lanes, hidden=units, head=_three_heads, name="writer")
        return writer(template, initial, drop, feed=_feed_three, **how)


class Prior(nn.Module):
    """The prior over rows of codes (Sec. 3.4.4): h_p with the genre → logits (items, code_steps, codes) and codes.

    Each step reads the code before it, the first one code 0 (the public code). `chance`, float32 (items, code_steps, codes), is
    added to the logits, and the code is the greatest.
    """

    config: PocketVAEConfig

    @nn.compact
    def __call__(
        self,
        conditions: jax.Array,
        drop: Dropout,
        *,
        chance: jax.Array,
        target: jax.Array | None = None,
        forcing: jax.Array | None = None,
    ) -> tuple[jax.Array, jax.Array]:
        config, units, steps = self.config, self.config.prior_units, self.config.code_steps
        initial = _dense_on(conditions, units, "initial")
        embedding = self.param("embedding", nn.initializers.normal(1.0), (config.codes, units))
        wx, wh, bx, bh = gru_weights(self, "first", units, units)
        second = gru_weights(self, "second", units, units)
        kernel = self.param("output_kernel", uniform(units), (units, config.codes))
        bias = self.param("output_bias", uniform(units), (config.codes,))
        table = embedding @ wx + bx

        def emit(h: jax.Array, now: tuple) -> jax.Array:
            factors = now[1]
            return (h if factors is None else h * factors) @ kernel + bias

        def feed(logits: jax.Array, now: tuple) -> jax.Array:
            # The greatest of logits with Gumbel noise is a draw of their distribution; noise times T, of the logits divided by T.
            return jnp.argmax(logits + now[0], -1).astype(jnp.int32)

        start = jnp.zeros_like(initial, jnp.int32, shape=(initial.shape[0],))
        return autoregress(
            Decoder((wh, bh), second),
            jnp.zeros_like(initial, shape=(initial.shape[0], steps, 3 * units)),
            initial,
            start,
            lambda fed: table[fed],
            emit,
            feed,
            inputs=(chance, drop.factors((steps, units))),
            teacher=target,
            forcing=forcing,
            drop_first=drop.factors((steps, units)),
            carry_dropped=config.dropped_states,
        )


# What a part of the model is called, and which of them a variant has.
def _modules(config: PocketVAEConfig, train: bool = False) -> dict[str, nn.Module]:
    if config.variant == "1-step":
        return {"encoder": OneStepEncoder(config), "decoder": OneStepDecoder(config)}
    modules: dict[str, nn.Module] = {"skeleton": Skeleton(config)}
    if config.variant == "2-step-vq":
        modules |= {"note_encoder": NoteEncoder(config, train), "note_decoder": NoteDecoder(config, train)}
    else:
        modules |= {
            "note_encoder": GaussianEncoder(config.note_units, config.note_code),
            "note_decoder": GaussianDecoder(config, config.note_units, squash=jnp.tanh),
        }
    for part, head in (("velocity", jax.nn.sigmoid), ("timing", jnp.tanh)):
        modules[f"{part}_encoder"] = GaussianEncoder(config.expressive_units, config.expressive_code)
        modules[f"{part}_decoder"] = GaussianDecoder(config, config.expressive_units, head=head)
    return modules


class _Parts:
    """The parts of a model with their parameters: `parts(name, *arguments)`. In training, batch statistics are gathered."""

    def __init__(self, config: PocketVAEConfig, params: Any, extra: Any, keys: jax.Array | None = None) -> None:
        self.config, self.params, self.stats = config, params, dict(extra.get("batch_stats", {}))
        self.train, self.drop = keys is not None, Dropout(keys, config.dropout)
        self.modules = _modules(config, self.train)

    def __call__(self, name: str, *arguments: Any, drop: Dropout | None = None, **how: Any) -> Any:
        variables = {"params": self.params[name], "batch_stats": self.stats.get(name, {})}
        drop = self.drop if drop is None else drop
        result, new = self.modules[name].apply(variables, *arguments, drop, mutable=["batch_stats"] if self.train else [], **how)
        if new.get("batch_stats"):
            self.stats[name] = new["batch_stats"]
        return result

    def conditions(self, skeleton: jax.Array, genre: jax.Array | None) -> jax.Array:
        """h_p or h_n, and the genre where the model is told it."""
        return _conditions(self.config, skeleton, genre)


def _conditions(config: PocketVAEConfig, skeleton: jax.Array, genre: jax.Array | None) -> jax.Array:
    if not config.use_genre:
        return skeleton
    if genre is None:
        raise ValueError("expected genres, for this model is told them (use_genre), found None")
    return jnp.concatenate([skeleton, class_weights(genre, config.genres)], -1)


def _with_pattern(config: PocketVAEConfig, x: list[jax.Array], pattern: jax.Array | None, classes: int) -> jax.Array:
    """Side by side, with the control pattern where the model is told it."""
    if config.use_patterns:
        if pattern is None:
            raise ValueError("expected a control pattern, for this model is told them (use_patterns), found None")
        x = [*x, jax.nn.one_hot(pattern, classes, dtype=x[0].dtype)]
    return jnp.concatenate(x, -1)


def init_pocketvae(config: PocketVAEConfig, key: jax.Array) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first parameters, by part, and what training moves besides: `batch_stats` and `codebook` ({} for variants without)."""
    steps, lanes, drop = config.steps, config.lanes, Dropout(None, 0.0)
    grid, skeleton = jnp.zeros((1, steps, lanes)), jnp.zeros((1, config.skeleton_code))
    conditions = jnp.zeros((1, config.skeleton_code + config.use_genre * config.genres))
    expressive = jnp.zeros((1, config.expressive_code))
    width = {"velocity": VELOCITY_CLASSES, "timing": TIMING_CLASSES}
    arguments: dict[str, tuple] = {
        "skeleton": (grid,),
        "encoder": (jnp.zeros((1, steps, 4 * lanes)),),
        "decoder": (jnp.zeros((1, config.one_step_code)), grid),
    }
    if config.variant == "2-step-vq":
        arguments["note_encoder"] = (grid, grid, skeleton)
        arguments["note_decoder"] = (jnp.zeros((1, config.code_steps, config.code_size)), grid, skeleton)
    else:
        both = jnp.zeros((1, steps, lanes * (1 + config.template_in_encoder)))
        arguments["note_encoder"] = (both, conditions)
        arguments["note_decoder"] = (jnp.zeros((1, config.note_code)), conditions, grid)
    for part, classes in width.items():
        told = config.use_patterns * classes
        arguments[f"{part}_encoder"] = (jnp.zeros((1, steps, 2 * lanes + told)), conditions)
        arguments[f"{part}_decoder"] = (expressive, conditions, jnp.zeros((1, steps, lanes + told)))
    modules, (of_weights, of_codes) = _modules(config), jax.random.split(key)

    def init() -> dict[str, Any]:
        made = {}
        for name, module in modules.items():
            feed: dict[str, Any] = {"feed": _notes if name == "note_decoder" else _as_it_is} if name.endswith("_decoder") else {}
            made[name] = module.init(of_weights, *arguments[name], drop, **feed)
        return made

    made = at_once(init, of_weights)
    params = {name: variables["params"] for name, variables in made.items()}
    if config.variant != "2-step-vq":
        return params, {}
    stats = {name: variables["batch_stats"] for name, variables in made.items() if "batch_stats" in variables}
    return params, {"batch_stats": stats, "codebook": init_codebook(of_codes, config.codes, config.code_size)}


def _as_it_is(x: jax.Array, _: Any) -> jax.Array:
    return x


def init_prior(config: PocketVAEConfig, key: jax.Array) -> dict[str, Any]:
    """The prior's first parameters."""
    conditions = jnp.zeros((1, config.skeleton_code + config.use_genre * config.genres))
    chance = jnp.zeros((1, config.code_steps, config.codes))
    init = partial(Prior(config).init, key, conditions, Dropout(None, 0.0), chance=chance)
    return cast(dict[str, Any], at_once(init, key)["params"])


def encode_notes(config: PocketVAEConfig, params: Any, extra: Any, note: jax.Array, template: jax.Array) -> jax.Array:
    """NOTE's vectors before the codebook, of the variant `2-step-vq`.

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: `batch_stats`.
      note: float (items, steps, lanes), 0 or 1.
      template: the same.

    Returns:
      float32 (items, code_steps, code_size); `quantize(extra["codebook"], ...)` makes codes of them.
    """
    parts = _Parts(config, params, extra)
    return cast(jax.Array, parts("note_encoder", note, template, parts("skeleton", template)))


def encode_notes_gaussian(
    config: PocketVAEConfig, params: Any, extra: Any, note: jax.Array, template: jax.Array, genre: jax.Array | None = None
) -> Gaussian:
    """NOTE's posterior, of the variant `2-step-vae`: arguments as `encode_notes`, and genres int (items,) or mixes of them."""
    parts = _Parts(config, params, extra)
    conditions = parts.conditions(parts("skeleton", template), genre)
    x = jnp.concatenate([note, template], -1) if config.template_in_encoder else note
    return cast(Gaussian, parts("note_encoder", x, conditions))


def decode_notes(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    code: jax.Array,
    template: jax.Array,
    genre: jax.Array | None = None,
    *,
    keys: jax.Array | None = None,
    target: jax.Array | None = None,
    forcing: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Notes of a code and a template, of both 2-step variants.

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: `batch_stats`.
      code: float (items, code_steps, code_size), entries of the codebook; of `2-step-vae` (items, note_code).
      template: float (items, steps, lanes), 0 or 1.
      genre: int (items,) or mixes (items, genres); of `2-step-vae` with `use_genre` alone.
      keys: (items,), from which the note is drawn that the next step reads (the public code); None: it is the likelier one.
      target: float (items, steps, lanes), notes that the next step reads instead where `forcing`.
      forcing: bool (items, steps) or (items, steps, lanes).

    Returns:
      The logits, float32 (items, steps, lanes), and what was fed back, 0 or 1, the same shape.
    """
    parts = _Parts(config, params, extra)
    return _decode_notes(parts, code, template, parts("skeleton", template), genre, keys, target, forcing)


def _decode_notes(
    parts: _Parts,
    code: jax.Array,
    template: jax.Array,
    skeleton: jax.Array,
    genre: jax.Array | None,
    keys: jax.Array | None,
    target: jax.Array | None,
    forcing: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    chance = None if keys is None else _uniform(keys, template.shape[1:])
    how: dict[str, Any] = {"feed": _notes, "inputs": chance, "target": target, "forcing": forcing}
    if parts.config.variant == "2-step-vq":
        return cast(tuple[jax.Array, jax.Array], parts("note_decoder", code, template, skeleton, **how))
    return cast(tuple[jax.Array, jax.Array], parts("note_decoder", code, parts.conditions(skeleton, genre), template, **how))


def _encode_expression(
    part: str,
    classes: int,
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    values: jax.Array,
    note: jax.Array,
    genre: jax.Array | None,
    pattern: jax.Array | None,
) -> Gaussian:
    parts = _Parts(config, params, extra)
    conditions = parts.conditions(parts("skeleton", note), genre)
    return cast(Gaussian, parts(f"{part}_encoder", _with_pattern(config, [values, note], pattern, classes), conditions))


def _decode_expression(
    part: str,
    classes: int,
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    z: jax.Array,
    note: jax.Array,
    genre: jax.Array | None,
    pattern: jax.Array | None,
    target: jax.Array | None,
    forcing: jax.Array | None,
) -> jax.Array:
    parts = _Parts(config, params, extra)
    conditions = parts.conditions(parts("skeleton", note), genre)
    known = _with_pattern(config, [note], pattern, classes)
    values, _ = parts(f"{part}_decoder", z, conditions, known, feed=_as_it_is, target=target, forcing=forcing)
    return cast(jax.Array, values)


def encode_velocity(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    velocity: jax.Array,
    note: jax.Array,
    genre: jax.Array | None = None,
    pattern: jax.Array | None = None,
) -> Gaussian:
    """VEL's posterior.

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: `batch_stats`.
      velocity: float (items, steps, lanes) in [0, 1].
      note: float (items, steps, lanes), 0 or 1.
      genre: int (items,), or mixes float (items, genres); with `use_genre` only.
      pattern: int (items, steps), the velocity pattern's classes; with `use_patterns` only.

    Returns:
      Mean and log-variance, float32 (items, expressive_code).
    """
    return _encode_expression("velocity", VELOCITY_CLASSES, config, params, extra, velocity, note, genre, pattern)


def encode_timing(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    offset: jax.Array,
    note: jax.Array,
    genre: jax.Array | None = None,
    pattern: jax.Array | None = None,
) -> Gaussian:
    """TIME's posterior: as `encode_velocity`, of offsets in [-1, 1) and the microtiming pattern."""
    return _encode_expression("timing", TIMING_CLASSES, config, params, extra, offset, note, genre, pattern)


def decode_velocity(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    z: jax.Array,
    note: jax.Array,
    genre: jax.Array | None = None,
    pattern: jax.Array | None = None,
    *,
    target: jax.Array | None = None,
    forcing: jax.Array | None = None,
) -> jax.Array:
    """Velocities of a code and notes.

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: `batch_stats`.
      z: float (items, expressive_code).
      note: as for `encode_velocity`, and `genre` and `pattern`.
      genre: see there.
      pattern: see there.
      target: float (items, steps, lanes), velocities that the next step reads instead where `forcing`.
      forcing: bool (items, steps) or (items, steps, lanes).

    Returns:
      float32 (items, steps, lanes) in (0, 1), also where there is no note.
    """
    return _decode_expression("velocity", VELOCITY_CLASSES, config, params, extra, z, note, genre, pattern, target, forcing)


def decode_timing(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    z: jax.Array,
    note: jax.Array,
    genre: jax.Array | None = None,
    pattern: jax.Array | None = None,
    *,
    target: jax.Array | None = None,
    forcing: jax.Array | None = None,
) -> jax.Array:
    """Offsets of a code and notes, in (-1, 1): as `decode_velocity`."""
    return _decode_expression("timing", TIMING_CLASSES, config, params, extra, z, note, genre, pattern, target, forcing)


def encode_groove(
    config: PocketVAEConfig, params: Any, extra: Any, velocity: jax.Array, offset: jax.Array, template: jax.Array
) -> Gaussian:
    """The posterior of the 1-step model: velocities (above 0 where there is a note), offsets and templates (items, steps, lanes)
    → mean and log-variance, float32 (items, one_step_code)."""
    x = jnp.concatenate([(velocity > 0).astype(velocity.dtype), velocity, offset, template], -1)
    return cast(Gaussian, _Parts(config, params, extra)("encoder", x))


def decode_groove(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    z: jax.Array,
    template: jax.Array,
    *,
    keys: jax.Array | None = None,
    target: jax.Array | None = None,
    forcing: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """A groove of the 1-step model's code.

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: {}.
      z: float (items, one_step_code).
      template: float (items, steps, lanes), 0 or 1.
      keys: as for `decode_notes`.
      target: float (items, steps, 3 lanes), notes, velocities and offsets that the next step reads instead where `forcing`.
      forcing: bool (items, steps) or (items, steps, 3 lanes).

    Returns:
      Logits of the notes, velocities and offsets, also where there is no note, and the notes that were fed back: each float32
      (items, steps, lanes).
    """
    return _decode_groove(_Parts(config, params, extra), z, template, keys, target, forcing)


def _decode_groove(
    parts: _Parts,
    z: jax.Array,
    template: jax.Array,
    keys: jax.Array | None,
    target: jax.Array | None,
    forcing: jax.Array | None,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    chance = None if keys is None else _uniform(keys, template.shape[1:])
    x, fed = parts("decoder", z, template, inputs=chance, target=target, forcing=forcing)
    logits, velocity, offset = jnp.split(x, 3, -1)
    return logits, velocity, offset, jnp.split(fed, 3, -1)[0]


def _run_prior(
    config: PocketVAEConfig,
    params: Any,
    prior: Any,
    template: jax.Array,
    genre: jax.Array | None,
    chance: jax.Array,
    drop: Dropout,
    **how: Any,
) -> tuple[jax.Array, jax.Array]:
    skeleton = jax.lax.stop_gradient(_Parts(config, params, {})("skeleton", template))
    run = Prior(config).apply({"params": prior}, _conditions(config, skeleton, genre), drop, chance=chance, **how)
    return cast(tuple[jax.Array, jax.Array], run)


def _gumbel(keys: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.vmap(lambda key: jax.random.gumbel(key, shape))(keys)


def prior_logits(
    config: PocketVAEConfig,
    params: Any,
    prior: Any,
    codes: jax.Array,
    template: jax.Array,
    genre: jax.Array | None = None,
    *,
    keys: jax.Array | None = None,
    forcing: jax.Array | float = 1.0,
) -> jax.Array:
    """The prior's logits of rows of codes; no gradient reaches SKEL.

    Args:
      config: the model's shape.
      params: of PocketVAE, of which SKEL is read.
      prior: the prior's parameters.
      codes: int32 (items, code_steps).
      template: float (items, steps, lanes), 0 or 1.
      genre: int (items,) or mixes (items, genres); with `use_genre` only.
      keys: (items,): training, with dropout and, below a `forcing` of 1, codes of the prior's own fed back; None: the true codes.
      forcing: the probability that a step reads the true code before it.

    Returns:
      float32 (items, code_steps, codes).
    """
    shape = (config.code_steps, config.codes)
    if keys is None:
        forced, chance = jnp.ones(codes.shape, bool), jnp.zeros((codes.shape[0], *shape))
    else:
        forced = _uniform(cast(jax.Array, fold(keys, 1)), codes.shape[1:]) < forcing
        chance = _gumbel(cast(jax.Array, fold(keys, 2)), shape)
    drop = Dropout(fold(keys, 3), config.prior_dropout)
    return _run_prior(config, params, prior, template, genre, chance, drop, target=codes, forcing=forced)[0]


def sample_prior(
    config: PocketVAEConfig,
    params: Any,
    prior: Any,
    template: jax.Array,
    genre: jax.Array | None = None,
    *,
    keys: jax.Array,
    temperature: jax.Array | float = 1.0,
    known: jax.Array | None = None,
    given: jax.Array | None = None,
) -> jax.Array:
    """Rows of codes drawn from the prior.

    Args: as `prior_logits`, and
      keys: (items,), from which the codes are drawn.
      temperature: at least 0, divides the logits; at 0 each code is the likeliest. A scalar, or (items, 1, 1).
      known: int32 (items, code_steps), codes that are not drawn where `given`; those behind them are drawn as of these.
      given: bool (items, code_steps).

    Returns:
      int32 (items, code_steps).
    """
    chance = _gumbel(keys, (config.code_steps, config.codes))
    how = {"target": known, "forcing": given}
    return _run_prior(config, params, prior, template, genre, temperature * chance, Dropout(None, 0.0), **how)[1]


def reconstruct_in_training(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    velocity: jax.Array,
    offset: jax.Array,
    template: jax.Array,
    genre: jax.Array | None = None,
    velocity_pattern: jax.Array | None = None,
    timing_pattern: jax.Array | None = None,
    *,
    keys: jax.Array,
    key: jax.Array,
    forcing: jax.Array | float,
) -> tuple[Reconstruction, Any]:
    """All parts at once, as they are trained: with dropout, by the batch's statistics, on the true notes (the public code).

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: `batch_stats` and `codebook`, or {}.
      velocity: float (items, steps, lanes) in [0, 1], above 0 where there is a note.
      offset: the same shape, in [-1, 1).
      template: the same shape, 0 or 1.
      genre: int (items,); with `use_genre` only.
      velocity_pattern: int (items, steps); with `use_patterns` only.
      timing_pattern: the same.
      keys: (items,): dropout, codes, what is fed back.
      key: says which vectors become codes in the place of dead ones.
      forcing: the probability that a step reads the true values before it, of each item and step.

    Returns:
      What came out, and `extra` with the new moving averages.
    """
    note = (velocity > 0).astype(velocity.dtype)
    parts = _Parts(config, params, extra, cast(jax.Array, fold(keys, 0)))

    def forced(n: int) -> jax.Array:
        return _uniform(cast(jax.Array, fold(keys, 10 + n)), note.shape[1:2]) < forcing

    def drawn(gaussian: Gaussian, n: int) -> jax.Array:
        mean, log_variance = gaussian
        return mean + jnp.exp(0.5 * log_variance) * draw_normal(cast(jax.Array, fold(keys, 20 + n)), mean.shape[-1])

    if config.variant == "1-step":
        gaussian = parts("encoder", jnp.concatenate([note, velocity, offset, template], -1))
        target = jnp.concatenate([note, velocity, offset], -1)
        logits, in_velocity, in_time, _ = _decode_groove(parts, drawn(gaussian, 0), template, fold(keys, 1), target, forced(0))
        return Reconstruction(logits, in_velocity, in_time, {"groove": gaussian}), extra

    items = len(note)
    # One pass over both: a recurrent network's steps take hardly longer for twice the items.
    both = Dropout(jnp.concatenate([cast(jax.Array, fold(keys, n)) for n in (2, 3)]), config.dropout)
    of_template, of_note = jnp.split(parts("skeleton", jnp.concatenate([template, note]), drop=both), [items])
    gaussians: dict[str, Gaussian] = {}
    encoded = codes = quantized = None
    if config.variant == "2-step-vq":
        encoded = parts("note_encoder", note, template, of_template)
        codes, quantized = quantize(extra["codebook"], encoded)
        code = quantized
    else:
        x = jnp.concatenate([note, template], -1) if config.template_in_encoder else note
        gaussians["note"] = parts("note_encoder", x, parts.conditions(of_template, genre))
        code = drawn(gaussians["note"], 0)
    logits, _ = _decode_notes(parts, code, template, of_template, genre, fold(keys, 1), note, forced(0))
    values = {}
    conditions = parts.conditions(of_note, genre)
    for n, (part, classes, value, pattern) in enumerate(
        (("velocity", VELOCITY_CLASSES, velocity, velocity_pattern), ("timing", TIMING_CLASSES, offset, timing_pattern)), 1
    ):
        gaussians[part] = parts(f"{part}_encoder", _with_pattern(config, [value, note], pattern, classes), conditions)
        known, z = _with_pattern(config, [note], pattern, classes), drawn(gaussians[part], n)
        values[part], _ = parts(f"{part}_decoder", z, conditions, known, feed=_as_it_is, target=value, forcing=forced(n))
    if encoded is not None and codes is not None:
        decay, dead = config.codebook_decay, config.dead_below
        codebook = update_codebook(extra["codebook"], encoded, codes, key, decay=decay, dead_below=dead)
        extra = {**extra, "batch_stats": parts.stats, "codebook": codebook}
    return Reconstruction(logits, values["velocity"], values["timing"], gaussians, encoded, codes, quantized), extra


class Codes(NamedTuple):
    """What stands for grooves.

    Attributes:
      note: int32 (items, code_steps), or a Gaussian's float32 (items, note_code); of the 1-step model (items, one_step_code).
      velocity: float32 (items, expressive_code); None of the 1-step model.
      timing: the same.
    """

    note: jax.Array
    velocity: jax.Array | None = None
    timing: jax.Array | None = None


class Groove(NamedTuple):
    """What codes stand for, each float32 (items, steps, lanes).

    Attributes:
      logits: of the notes.
      note: 0 or 1.
      velocity: in (0, 1), also where there is no note.
      offset: in (-1, 1), also where there is no note.
    """

    logits: jax.Array
    note: jax.Array
    velocity: jax.Array
    offset: jax.Array


def encode(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    velocity: jax.Array,
    offset: jax.Array,
    template: jax.Array,
    genre: jax.Array | None = None,
    velocity_pattern: jax.Array | None = None,
    timing_pattern: jax.Array | None = None,
) -> Codes:
    """The codes of grooves, of any variant: indices of the codebook, means of Gaussians. Arguments as `reconstruct_in_training`."""
    note = (velocity > 0).astype(velocity.dtype)
    if config.variant == "1-step":
        return Codes(encode_groove(config, params, extra, velocity, offset, template)[0])
    if config.variant == "2-step-vq":
        code, _ = quantize(extra["codebook"], encode_notes(config, params, extra, note, template))
    else:
        code, _ = encode_notes_gaussian(config, params, extra, note, template, genre)
    return Codes(
        code,
        encode_velocity(config, params, extra, velocity, note, genre, velocity_pattern)[0],
        encode_timing(config, params, extra, offset, note, genre, timing_pattern)[0],
    )


def draw_codes(
    config: PocketVAEConfig,
    params: Any,
    prior: Any,
    template: jax.Array,
    genre: jax.Array | None = None,
    *,
    keys: jax.Array,
    temperature: jax.Array | float = 1.0,
) -> Codes:
    """Codes of new grooves, of any variant: from the prior and from standard normals, which the temperature scales.

    `prior` is read by `2-step-vq` alone. Arguments as `sample_prior`; the temperature is a scalar.
    """
    own = [cast(jax.Array, fold(keys, n)) for n in range(3)]
    if config.variant == "1-step":
        return Codes(temperature * draw_normal(own[0], config.one_step_code))
    if config.variant == "2-step-vq":
        note = sample_prior(config, params, prior, template, genre, keys=own[0], temperature=temperature)
    else:
        note = temperature * draw_normal(own[0], config.note_code)
    size = config.expressive_code
    return Codes(note, temperature * draw_normal(own[1], size), temperature * draw_normal(own[2], size))


def decode(
    config: PocketVAEConfig,
    params: Any,
    extra: Any,
    codes: Codes,
    template: jax.Array,
    genre: jax.Array | None = None,
    velocity_pattern: jax.Array | None = None,
    timing_pattern: jax.Array | None = None,
    *,
    keys: jax.Array | None = None,
    note: jax.Array | None = None,
    drawn: bool = False,
) -> Groove:
    """Grooves of codes, in a cascade: velocities and offsets are those of the notes that came out (Sec. 3.4).

    Args:
      config: the model's shape.
      params: of PocketVAE, by part.
      extra: `batch_stats` and `codebook`, or {}.
      codes: see `Codes`.
      template: float (items, steps, lanes), 0 or 1.
      genre: int (items,) or mixes (items, genres); with `use_genre` only.
      velocity_pattern: int (items, steps); with `use_patterns` only.
      timing_pattern: the same.
      keys: (items,), as for `decode_notes`.
      note: notes (items, steps, lanes) on which VEL and TIME decode in the place of those that came out (the public code
        reconstructs on the true notes); not of the 1-step model.
      drawn: the notes are those that were drawn on the way, not those at a probability of one half and more.
    """
    if config.variant == "1-step":
        logits, velocity, offset, fed = decode_groove(config, params, extra, codes.note, template, keys=keys)
        return Groove(logits, fed if drawn else _notes(logits, None), velocity, offset)
    code = extra["codebook"]["codes"][codes.note] if config.variant == "2-step-vq" else codes.note
    logits, fed = decode_notes(config, params, extra, code, template, genre, keys=keys)
    out = fed if drawn else _notes(logits, None)
    given = out if note is None else note
    assert codes.velocity is not None
    assert codes.timing is not None
    velocity = decode_velocity(config, params, extra, codes.velocity, given, genre, velocity_pattern)
    offset = decode_timing(config, params, extra, codes.timing, given, genre, timing_pattern)
    return Groove(logits, out, velocity, offset)
