"""The training engine: one state, one step, and a loop that runs many steps in one dispatch.

    state, history = fit(system, optimizers, {"x": x, "y": y}, TrainingConfig(epochs=20))

A step is a pure function of (state, batch, total steps), and its random key is `fold_in(key, step)`: a training that is stopped
and resumed, or cut into dispatches of another length, gives the same bits.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from drumjax.boundary import InputError
from drumjax.datasets.pipeline import Source, make_source
from drumjax.systems.system import Progress, System
from drumjax.train.annealing import AnnealedOptimizer
from drumjax.train.config import TrainingConfig
from drumjax.train.parallel import (
    Layout,
    Mode,
    compile_training,
    here,
    make_layout,
    of_first_process,
    place_everywhere,
    place_feed,
)

Tree = Any
Optimizers = Mapping[str, optax.GradientTransformation | AnnealedOptimizer]
Step = Callable[["State", dict[str, jax.Array], jax.Array], tuple["State", dict[str, jax.Array]]]


class NonFiniteLoss(InputError):
    """Training met a loss, a gradient or a state that is infinite or not a number. The state is lost, earlier checkpoints are good.

    Attributes:
      step: the step, counted from 0, whose loss or gradient it was.
      what: which of the metrics.
    """

    def __init__(self, step: int, what: str, *, path: str | PathLike[str] = "training", kept: str = "") -> None:
        self.step, self.what = step, what
        super().__init__(
            path,
            rule="finite losses, gradients and states",
            found=f"{what} not finite at step {step}",
            remedy="lower the learning rate, set gradient_clip_norm, or look for extreme values in the data" + kept,
        )


class State(flax.struct.PyTreeNode):
    """All that a training knows.

    Attributes:
      step: int32 scalar, steps done.
      params: `{player: tree}`.
      extra: what losses change besides parameters.
      opt: `{player: optimiser state}`.
      ema: moving average of `params`, `{}` where none is kept.
      key: the random key of the training; it never changes.
    """

    step: jax.Array
    params: dict[str, Tree]
    extra: Tree
    opt: dict[str, Tree]
    ema: dict[str, Tree]
    key: jax.Array


def new_state(params: dict[str, Tree], extra: Tree, optimizers: Optimizers, key: jax.Array, *, ema_decay: float = 0.0) -> State:
    """The state before the first step, from given parameters; `Stage.enter` uses it too."""
    opt = {player: optimizer.init(params[player]) for player, optimizer in optimizers.items()}
    # A copy: the step gives the state's buffers away, and a buffer can be given away once.
    ema = jax.tree.map(jnp.copy, params) if ema_decay else {}
    return State(jnp.zeros((), jnp.int32), params, extra, opt, ema, key)


def init_state(system: System, optimizers: Optimizers, key: jax.Array, batch: Tree, *, ema_decay: float = 0.0) -> State:
    """The state before the first step, freshly drawn from a key. The batch tells shapes."""
    first, later = jax.random.split(key)
    params, extra = system.init(first, batch)
    return new_state(params, extra, optimizers, later, ema_decay=ema_decay)


class Begin(NamedTuple):
    """What a stage begins with in the place of what was drawn, by name.

    Attributes:
      params: `{player: tree}`, such as those of a trained checkpoint.
      extra: `{name: tree}`, such as statistics measured on the training split.
    """

    params: Mapping[str, Tree] = {}
    extra: Mapping[str, Tree] = {}


def begun_with(state: State, begin: Begin, optimizers: Optimizers, *, ema_decay: float = 0.0) -> State:
    """A first state with its parts replaced.

    Raises:
      ValueError: a part is not there, or differs in structure, shape or dtype.
    """
    if not begin.params and not begin.extra:
        return state
    extra = {**state.extra, **begin.extra} if begin.extra else state.extra
    made = new_state({**state.params, **begin.params}, extra, optimizers, state.key, ema_decay=ema_decay)
    before, after = (
        {jax.tree_util.keystr(path): (np.shape(a), str(a.dtype)) for path, a in jax.tree_util.tree_leaves_with_path(tree)}
        for tree in (state, made)
    )
    if odd := [name for name in {**before, **after} if before.get(name) != after.get(name)]:
        name = odd[0]
        raise ValueError(f"expected {name} as the system drew it, {before.get(name)}, to begin with; found {after.get(name)}")
    return made


def stage_key(seed: int, stage: int) -> jax.Array:
    """The random key from which a stage's state is made; the first stage is 0."""
    return jax.random.fold_in(jax.random.key(seed), stage)


def played(state: State) -> dict[str, Tree]:
    """The parameters that are validated and played: the moving average where one is kept."""
    return state.ema or state.params


def make_step(system: System, optimizers: Optimizers, *, ema_decay: float = 0.0, axis_name: str | None = None) -> Step:
    """The step of a system.

    Players are updated in the order of `system.losses`; each loss sees what the players before it became, and its gradient is taken
    with respect to its own player's parameters only.

    Args:
      system: what is trained.
      optimizers: `{player: optimiser}` for each player with a loss.
      ema_decay: see `TrainingConfig.ema_decay`.
      axis_name: the mapped axis over which gradients, metrics and `extra` are averaged, under `pmap`.

    Returns:
      `step(state, batch, total_steps) -> (state, metrics)`. Metrics are the losses' own plus `loss` and `grad_norm`, and
      `learning_rate` where it changes, with the player's name before them (`generator/loss`) where there are several
      players.

    Raises:
      ValueError: when players with a loss and players with an optimiser are not the same.
    """
    if set(system.losses) != set(optimizers):
        raise ValueError(f"expected an optimiser for each of {sorted(system.losses)}, found {sorted(optimizers)}")
    prefix = {player: f"{player}/" if len(system.losses) > 1 else "" for player in system.losses}

    def mean(tree: Tree) -> Tree:
        if axis_name is None:
            return tree
        return jax.tree.map(lambda a: jax.lax.pmean(a, axis_name) if jnp.issubdtype(a.dtype, jnp.inexact) else a, tree)

    def step(state: State, batch: dict[str, jax.Array], total_steps: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        progress = Progress(state.step, state.step.astype(jnp.float32) / total_steps)
        key = jax.random.fold_in(state.key, state.step)
        params, extra, opt = dict(state.params), state.extra, dict(state.opt)
        metrics: dict[str, jax.Array] = {}
        for index, (player, loss) in enumerate(system.losses.items()):
            own_key = jax.random.fold_in(key, index)

            def own_loss(own, params=params, extra=extra, player=player, loss=loss, own_key=own_key):
                return loss({**params, player: own}, extra, batch, own_key, progress)

            (value, (extra, own_metrics)), gradient = mean(jax.value_and_grad(own_loss, has_aux=True)(params[player]))
            optimizer, own_metrics = optimizers[player], {**own_metrics, "loss": value, "grad_norm": optax.tree.norm(gradient)}
            if isinstance(optimizer, AnnealedOptimizer):
                own_metrics["learning_rate"] = optimizer.learning_rate(opt[player], progress)
                update, opt[player] = optimizer.update(gradient, opt[player], params[player], progress)
            else:
                update, opt[player] = optimizer.update(gradient, opt[player], params[player])
            params[player] = optax.apply_updates(params[player], update)
            metrics |= {prefix[player] + name: metric for name, metric in own_metrics.items()}
        ema = state.ema
        if ema_decay:
            decay = jnp.minimum(ema_decay, (1.0 + state.step) / (10.0 + state.step))
            ema = jax.tree.map(lambda old, new: (old + (1 - decay) * (new - old)).astype(old.dtype), ema, params)
        return State(state.step + 1, params, extra, opt, ema, state.key), metrics

    return step


class Program(NamedTuple):
    """A system compiled for one source, configuration and layout.

    Attributes:
      abstract: `() -> state` of shapes and dtypes, what `start` would give.
      start: `(key, begin) -> state`, freshly drawn but for what `begin` brings, and placed.
      place: `(state) -> state` on the devices, as the compiled dispatch wants it; of several processes the first one's.
      fetch: `(placed state) -> state` that this process can work with alone, where other processes hold a part of the placed one;
        else the same.
      prepare: `(first step, count) -> feed` on the devices; may run in another thread.
      advance: `(state, feed, count, total) -> (state, summary)`, asynchronous; the state given is used up.
      read: `(summary, first step) -> metrics` averaged over the dispatch; waits for it.
      validate: `(state) -> sums` over the validation data as float64, None where there are none.
      room: most steps in a dispatch.
      steps_per_epoch: steps in a pass over the training data; a fraction.
      listen: `(state, loss) -> state` after a look at the validation split: learning rates that fall on plateaus hear of it.
    """

    abstract: Callable[[], State]
    start: Callable[[jax.Array, Begin], State]
    place: Callable[[State], State]
    fetch: Callable[[State], State]
    prepare: Callable[[int, int], Tree]
    advance: Callable[[State, Tree, int, int], tuple[State, jax.Array]]
    read: Callable[[jax.Array, int], dict[str, float]]
    validate: Callable[[State], dict[str, np.ndarray] | None]
    room: int
    steps_per_epoch: float
    listen: Callable[[State, float], State] = lambda state, loss: state


def compile_program(
    system: System, optimizers: Optimizers, source: Source, validation: Source | None, *, ema_decay: float, layout: Layout
) -> Program:
    """Puts resident data on the devices and makes the functions that train; each is compiled at its first call, and once."""
    devices = layout.mesh.size if layout.mode == "pmap" else 1
    step = make_step(system, optimizers, ema_decay=ema_decay, axis_name=layout.axis_name)
    split = layout.split(0) if layout.mode == "jit" else None
    columns = layout.columns(source.batch_size)

    def batch_of(
        source: Source, resident: Tree, part: Tree, mask: jax.Array | None, split: Any, devices: int
    ) -> dict[str, jax.Array]:
        items = source.batch_size // devices
        slot = jnp.arange(items, dtype=jnp.int32)
        if devices > 1:
            slot += items * jax.lax.axis_index(layout.axis_name)
        batch = {**source.batch(resident, part), "slot": slot, "mask": jnp.ones(items) if mask is None else mask}
        return batch if split is None else jax.lax.with_sharding_constraint(batch, split)

    def first_state(key: jax.Array, batch: Tree) -> State:
        return init_state(system, optimizers, key, batch, ema_decay=ema_decay)

    def first_batch() -> Tree:
        # Gathered on the host: a program that only draws numbers is compiled sooner, and for one device.
        part = jax.tree.map(lambda a: a[0], source.feed(0, 1))
        return jax.tree.map(np.asarray, batch_of(source, source.resident, part, None, None, 1))

    def abstract() -> State:
        return jax.eval_shape(first_state, jax.random.key(0), first_batch())

    def start(key: jax.Array, begin: Begin = Begin()) -> State:  # noqa: B008 - it is empty and cannot be changed
        device = layout.own_device()
        # It runs once: on a CPU the compiler's first level gives the same bits, a fifth to two fifths sooner (8 s, not 10, of a
        # busy core for the LSTM); with its level 0, bits change.
        quick: dict[str, Any] | None = {"xla_backend_optimization_level": 1} if device.platform == "cpu" else None
        with jax.default_device(device):
            drawn = jax.jit(first_state, compiler_options=quick)(key, first_batch())
            return place(begun_with(drawn, begin, optimizers, ema_decay=ema_decay))

    def place(state: State) -> State:
        # On the devices with the sharding and the strong types that the dispatch returns: anything else compiles a second time.
        strong = jax.tree.map(lambda a: a if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else np.asarray(a), state)
        return place_everywhere(layout, of_first_process(layout, strong))

    def dispatch(state: State, resident: Tree, feed: Tree, count: jax.Array, total: jax.Array) -> tuple[State, jax.Array]:
        def one(state: State, i: jax.Array) -> tuple[State, jax.Array, jax.Array]:
            part = jax.tree.map(lambda a: a[i], feed)
            state, metrics = step(state, batch_of(source, resident, part, None, split, devices), total)
            names[:] = sorted(metrics)  # noted while tracing
            # One array: a loop that carries many scalars is slow.
            packed = jnp.stack([jnp.asarray(metrics[name], jnp.float32) for name in names])
            watched = jnp.array([k for k, name in enumerate(names) if is_watched(name)])
            return state, packed, jnp.isfinite(packed[watched]).all()

        def body(carry: Any) -> Any:
            i, state, sums, _ = carry
            state, packed, finite = one(state, i)
            return i + 1, state, sums + packed, finite

        shape = jax.eval_shape(lambda: one(state, jnp.int32(0))[1])
        # A while loop whose bound is an argument, where a scan would be compiled for its length: one program runs K = 1, K = 50 and
        # the remainder before a validation, and gives the same bits in each. It ends early at the first loss that is not finite.
        carry = (jnp.int32(0), state, jnp.zeros(shape.shape, shape.dtype), jnp.bool_(True))
        done, state, sums, finite = jax.lax.while_loop(lambda carry: (carry[0] < count) & carry[3], body, carry)
        return state, jnp.concatenate([sums, jnp.stack([done, finite]).astype(jnp.float32)])

    compiled = compile_training(layout, dispatch)
    resident = place_everywhere(layout, source.resident)
    names: list[str] = []

    def prepare(first_step: int, count: int) -> Tree:
        return place_feed(layout, source.feed(first_step, count, columns), source.batch_size)

    def advance(state: State, feed: Tree, count: int, total: int) -> tuple[State, jax.Array]:
        return compiled(state, resident, feed, np.int32(count), np.int32(total))

    def read(summary: jax.Array, first_step: int) -> dict[str, float]:
        values = np.asarray(summary, np.float64)
        done, finite = int(values[-2]), bool(values[-1])
        metrics = dict(zip(names, (values[:-2] / done).tolist(), strict=True))
        if not finite:
            bad = ", ".join(name for name in names if is_watched(name) and not np.isfinite(metrics[name]))
            raise NonFiniteLoss(first_step + done - 1, bad)
        return metrics

    validate = _compile_validation(system, validation, batch_of, layout) if validation is not None else lambda state: None
    fetch = functools.partial(here, layout)
    listen = _compile_listening(optimizers, layout)
    return Program(
        abstract, start, place, fetch, prepare, advance, read, validate, source.room, source.n / source.batch_size, listen
    )


def is_watched(name: str) -> bool:
    """Whether a metric that is not finite stops the training: every player's loss and length of the gradient."""
    return name.rpartition("/")[2] in ("loss", "grad_norm")


def _compile_validation(
    system: System, source: Source, batch_of: Callable[..., Any], layout: Layout
) -> Callable[[State], dict[str, np.ndarray]]:
    resident = place_everywhere(layout, source.resident)
    same, split = layout.replicated(), layout.split(1)
    layout, columns = layout._replace(mode="jit"), layout.columns(source.batch_size)

    def sums_of(params: Tree, extra: Tree, resident: Tree, feed: Tree, mask: jax.Array) -> dict[str, jax.Array]:
        def one(part_and_mask: Any) -> dict[str, jax.Array]:
            return system.validate(params, extra, batch_of(source, resident, *part_and_mask, layout.split(0), 1))

        return jax.lax.map(one, (feed, mask))

    compiled = jax.jit(sums_of, in_shardings=(same, same, same, split, split), out_shardings=same)

    def validate(state: State) -> dict[str, np.ndarray]:
        total: dict[str, np.ndarray] = {}
        for feed, mask in source.sweep(columns):
            placed = place_feed(layout, (feed, mask), source.batch_size)
            sums = compiled(played(state), state.extra, resident, *placed)
            for name, batches in sums.items():
                # Batches are added up in double precision on the host: counts stay exact in data of any size.
                total[name] = total.get(name, 0) + np.asarray(batches, np.float64).sum(0)
        return total

    return validate


def _compile_listening(optimizers: Optimizers, layout: Layout) -> Callable[[State, float], State]:
    listeners = {player: optimizer for player, optimizer in optimizers.items() if isinstance(optimizer, AnnealedOptimizer)}

    def heard(memories: dict[str, Tree], loss: jax.Array) -> dict[str, Tree]:
        return {player: listeners[player].listen(memory, loss) for player, memory in memories.items()}

    same = layout.replicated()
    compiled = jax.jit(heard, in_shardings=same, out_shardings=same)

    def listen(state: State, loss: float) -> State:
        if not listeners:
            return state
        memories = compiled({player: state.opt[player].plateau for player in listeners}, np.float32(loss))
        opt = {player: state.opt[player]._replace(plateau=memory) for player, memory in memories.items()}
        return state.replace(opt={**state.opt, **opt})

    return listen


@dataclass
class Report:
    """What one dispatch did.

    Attributes:
      state: the state after it. The next dispatch uses it up: copy or store it before asking for the next report. Another state
        that is put in its place, as `Program.listen` makes it, is the one that training goes on with.
      step: steps done by then.
      metrics: training metrics averaged over the dispatch.
      seconds: how long it took.
    """

    state: State
    step: int
    metrics: dict[str, float]
    seconds: float


def run_steps(
    program: Program,
    state: State,
    *,
    until: int,
    total: int,
    next_stop: Callable[[int], int],
    seconds: float,
    offset: int = 0,
    agree: Callable[[float], float] = float,
) -> Iterator[Report]:
    """Trains, one report a dispatch.

    Args:
      program: what is trained.
      state: a placed state; its `step` says where to begin.
      until: the step after which to end.
      total: the steps of the whole (of this stage), for schedules.
      next_stop: `(step) -> ` the first step after it at which the caller wants the state: a dispatch ends exactly there.
      seconds: about how long a dispatch may last.
      offset: added to a step in the order of the data, and in errors: the steps of earlier stages.
      agree: of the seconds that a dispatch took here makes those that all processes go by: dispatches of unequal length would wait
        for each other for ever.

    Raises:
      NonFiniteLoss: names the step.
    """
    step, count, measured = int(state.step), 1, False
    ahead: tuple[int, Future] | None = None

    def plan(step: int) -> int:
        return max(1, min(count, program.room, until - step, next_stop(step) - step))

    with ThreadPoolExecutor(1, "drumjax-feed") as worker:
        while step < until:
            n, feed = ahead or (plan(step), worker.submit(program.prepare, offset + step, plan(step)))
            ready, began = feed.result(), time.perf_counter()
            state, summary = program.advance(state, ready, n, total)
            step += n
            # The next batches are gathered while this dispatch runs.
            following = plan(step) if step < until else 0
            ahead = (following, worker.submit(program.prepare, offset + step, following)) if following else None
            metrics = program.read(summary, offset + step - n)
            took = agree(time.perf_counter() - began)
            report = Report(state, step, metrics, took)
            yield report
            state = report.state
            if measured:
                # Longer by a factor at most: a short dispatch is a poor measure of a long one.
                count = int(min(max(1.0, seconds * n / max(took, 1e-9)), 8 * n))
            measured = True  # the first dispatch holds the compilation


class Schedule(NamedTuple):
    """When the validation split is looked at: every `every` steps, and at the end; `schedule_of` makes one.

    Attributes:
      every: steps between, at least 1; may be a fraction, then steps are rounded.
      total: the last step.
    """

    every: float
    total: int

    def next_stop(self, step: int) -> int:
        """The first step after this one at which to validate."""
        k = int(step / self.every)
        while (stop := round(k * self.every)) <= step:
            k += 1
        return min(stop, self.total)

    def is_due(self, step: int) -> bool:
        """Whether to validate after this many steps."""
        return step > 0 and self.next_stop(step - 1) == step

    def is_one_in(self, k: int, step: int) -> bool:
        """Whether the look after this many steps is the k-th, the 2k-th, …, or the last one."""
        return step == self.total or (self.is_due(step) and round(step / self.every) % k == 0)


def fitting_batch(batch_size: int, n: int, devices: int = 1) -> int:
    """The batch for n training items: `batch_size`, or where there are fewer items the largest power of two among them.

    An epoch is at least one step then: small data are not trained for next to no steps. A power of two can be split over the usual
    numbers of devices, so that a training may go on with another number of them; each device has at least one item (our decision).
    """
    return min(batch_size, max(1 << (n.bit_length() - 1), devices)) if 0 < n < batch_size else batch_size


def steps_in(config: TrainingConfig, n: int) -> int:
    """The steps of a training on n items: `config.iterations`, or those that make `config.epochs` passes."""
    return config.iterations or max(1, math.ceil(config.epochs * n / config.batch_size))


def schedule_of(config: TrainingConfig, steps_per_epoch: float, total: int) -> Schedule:
    """When a training of `total` steps looks at its validation split."""
    return Schedule(max(config.validate_every_epochs * steps_per_epoch, config.validate_every_steps), total)


def fit(
    system: System,
    optimizers: Optimizers,
    data: Mapping[str, np.ndarray] | Sequence[Mapping[str, np.ndarray]],
    config: TrainingConfig,
    steps: int | None = None,
    *,
    validation: Mapping[str, np.ndarray] | Sequence[Mapping[str, np.ndarray]] | None = None,
    summarise: Callable[[Mapping[str, np.ndarray]], dict[str, float]] | None = None,
    anneal_by: str = "loss",
    balance: str = "",
    begin: Begin | None = None,
    parallel: Mode = "jit",
    devices: Sequence[jax.Device] | None = None,
) -> tuple[State, list[dict[str, Any]]]:
    """Trains a system on arrays, without files: for notebooks, sweeps and benchmarks. `train.run.train` is the one with files.

    Args:
      system: what is trained.
      optimizers: `{player: optimiser}`.
      data: arrays with the items first, or a random-access sequence of items, which is streamed.
      config: length, batches, seed.
      steps: how many; None for `config.epochs` or `config.iterations`.
      validation: data for `system.validate`, looked at every `config.validate_every_epochs` and at the end.
      summarise: validation sums -> figures; None: the sums themselves are in the history.
      anneal_by: the figure by which learning rates that fall on plateaus recognise one, as in `Recipe`.
      balance: the array with each item's class, for balanced batches; "" for others.
      begin: what the first state takes in the place of what is drawn.
      parallel: `jit` or `pmap`.
      devices: None for all.

    Returns:
      The state after the last step, on the devices, and the history: one row a dispatch with `step`, `seconds`, the training
      metrics averaged over the dispatch, and `valid_…` figures where there was a validation.

    Raises:
      NonFiniteLoss: names the step.
      InputError: the data are empty, or the batch cannot be split over the devices.
    """
    layout = make_layout(config.batch_size, parallel, devices)
    source = source_of(data, config, balance)
    program = compile_program(
        system,
        optimizers,
        source,
        None if validation is None else source_of(validation, config),
        ema_decay=config.ema_decay,
        layout=layout,
    )
    total = steps_in(config, source.n) if steps is None else steps
    schedule = schedule_of(config, program.steps_per_epoch, total)
    next_stop = schedule.next_stop if validation is not None else lambda step: total
    state: State = program.start(stage_key(config.seed, 0), begin or Begin())
    history: list[dict[str, Any]] = []
    for report in run_steps(program, state, until=total, total=total, next_stop=next_stop, seconds=config.dispatch_seconds):
        row: dict[str, Any] = {"step": report.step, "seconds": report.seconds, **report.metrics}
        if schedule.is_due(report.step) and (sums := program.validate(report.state)) is not None:
            figures = summarise(sums) if summarise else sums
            row |= {f"valid_{name}": figure for name, figure in figures.items()}
            if anneal_by in figures:
                report.state = program.listen(report.state, float(figures[anneal_by]))
        state = report.state
        history.append(row)
    return state, history


def source_of(
    data: Mapping[str, np.ndarray] | Sequence[Mapping[str, np.ndarray]], config: TrainingConfig, balance: str = ""
) -> Source:
    """The data as the configuration wants them brought to the device; `balance` names the array with each item's class."""
    return make_source(
        data,
        batch_size=config.batch_size,
        seed=config.seed,
        room=config.dispatch_steps,
        resident_limit_bytes=config.resident_limit_bytes,
        buffer_bytes=config.stream_buffer_bytes,
        balance=balance,
    )
