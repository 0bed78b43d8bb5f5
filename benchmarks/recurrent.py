"""How fast are the LSTM and the GRU, beside a naive scan, Flax's stock layer and PyTorch's?

    python benchmarks/recurrent.py -o results/recurrent.json
    python benchmarks/recurrent.py --layer gru
    python benchmarks/recurrent.py --devices 2

The pattern VAE's recurrent layers (three LSTMs, both directions, 64 units each way), 64 patterns at a time, or one of PocketVAE's
encoders (a GRU, both directions, 256 units each way, 32 steps), 64 grooves at a time. Forward: the final states.
Training: gradient of the mean square of these and a step of Adam. JAX runs `calls` of them in one dispatch, as training does;
PyTorch runs as many, on a GPU where JAX is on one. The rivals take turns in one process, and the ratios are medians over rounds;
there is none between devices of different kinds.

With `--devices N` the CPU stands for N devices and the batch is split over them, which keeps N cores busy where the steps of one
recurrence cannot: XLA runs the loops of one device one after the other.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from common import comparable, interleaved, machine, ratio, show, torch_device, write_json
from tyro.conf import arg

from drumjax.models.pattern_vae import PatternVAEConfig
from drumjax.nn.gru import BidirectionalGRU, Weights, gru_weights
from drumjax.nn.recurrent import BidirectionalLSTM


@dataclass(frozen=True)
class Benchmark:
    """Measure the forms of a recurrent layer against each other."""

    layer: Literal["lstm", "gru"] = "lstm"
    """Which layer."""
    batch: int = 64
    """Patterns at a time."""
    calls: int = 20
    """Forward passes or training steps in one dispatch."""
    rounds: int = 15
    """Dispatches of each rival."""
    devices: int = 1
    """CPU devices over which the batch is split."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


class NaiveLSTM(nn.Module):
    """The equations in a `lax.scan`, left to JAX to differentiate; parameters and results as `BidirectionalLSTM`'s."""

    units: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(weights: tuple, state: tuple, item: jax.Array) -> tuple:
            wx, wh, b = weights
            h, c = state
            i, f, g, o = jnp.split(item @ wx + h @ wh + b, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        outputs, finals = [], []
        zero = jnp.zeros((x.shape[0], self.units))
        for direction in ("forward", "backward"):
            wx = self.param(f"{direction}_wx", nn.initializers.lecun_normal(), (x.shape[-1], 4 * self.units))
            wh = self.param(f"{direction}_wh", nn.initializers.lecun_normal(), (self.units, 4 * self.units))
            b = self.param(f"{direction}_b", nn.initializers.zeros, (4 * self.units,))
            reverse = direction == "backward"
            (h, _), output = jax.lax.scan(partial(step, (wx, wh, b)), (zero, zero), jnp.swapaxes(x, 0, 1), reverse=reverse)
            outputs.append(jnp.swapaxes(output, 0, 1))
            finals.append(h)
        return jnp.concatenate(outputs, -1), jnp.concatenate(finals, -1)


class StockLSTM(nn.Module):
    """Flax's own layers."""

    units: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        layers = (nn.RNN(nn.OptimizedLSTMCell(self.units)) for _ in range(2))
        outputs = nn.Bidirectional(*layers)(x)
        return outputs, jnp.concatenate([outputs[:, -1, : self.units], outputs[:, 0, self.units :]], -1)


class NaiveGRU(nn.Module):
    """The equations in a `lax.scan`, left to JAX to differentiate; parameters and results as `BidirectionalGRU`'s."""

    units: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(weights: Weights, h: jax.Array, item: jax.Array) -> tuple:
            xr, xz, xn = jnp.split(item @ weights.wx + weights.bx, 3, -1)
            hr, hz, hn = jnp.split(h @ weights.wh + weights.bh, 3, -1)
            r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
            h = (1 - z) * jnp.tanh(xn + r * hn) + z * h
            return h, h

        outputs, finals = [], []
        for direction in ("forward", "backward"):
            weights, zero = gru_weights(self, direction, x.shape[-1], self.units), jnp.zeros((x.shape[0], self.units))
            h, output = jax.lax.scan(partial(step, weights), zero, jnp.swapaxes(x, 0, 1), reverse=direction == "backward")
            outputs.append(jnp.swapaxes(output, 0, 1))
            finals.append(h)
        return jnp.concatenate(outputs, -1), jnp.concatenate(finals, -1)


class StockGRU(nn.Module):
    """Flax's own layers."""

    units: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        outputs = nn.Bidirectional(*(nn.RNN(nn.GRUCell(self.units)) for _ in range(2)))(x)
        return outputs, jnp.concatenate([outputs[:, -1, : self.units], outputs[:, 0, self.units :]], -1)


class Stack(nn.Module):
    """Layers of one form -> the last one's final states, (items, 2 units)."""

    layer: Callable[[int], nn.Module]
    config: PatternVAEConfig

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for _ in range(self.config.lstm_layers):
            x, final = self.layer(self.config.lstm_units)(x)
        return final


def jax_runs(
    layer: Callable[[int], nn.Module], config: PatternVAEConfig, x: np.ndarray, calls: int
) -> dict[str, Callable[[], Any]]:
    """Forward and training, `calls` times each in one dispatch."""
    model, optimizer = Stack(layer, config), optax.adam(1e-3)
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    everywhere = jax.NamedSharding(mesh, jax.P())
    batch = jax.device_put(x, jax.NamedSharding(mesh, jax.P("data")))
    params = jax.device_put(jax.jit(model.init)(jax.random.key(0), x[:1]), everywhere)
    state = jax.device_put((params, optimizer.init(params)), everywhere)

    @jax.jit
    def forward(params: Any, x: jax.Array) -> jax.Array:
        # The next input hangs on the last result: XLA would otherwise compute once what is the same each time.
        def once(x: jax.Array, _: None) -> tuple:
            final = model.apply(params, x)
            return x + 1e-6 * final.mean(), final.mean()

        return jax.lax.scan(once, x, None, length=calls)[1]

    @jax.jit
    def train(state: Any, x: jax.Array) -> Any:
        def once(state: Any, _: None) -> tuple:
            params, moments = state
            loss, gradient = jax.value_and_grad(lambda p: jnp.mean(model.apply(p, x) ** 2))(params)
            updates, moments = optimizer.update(gradient, moments)
            return (optax.apply_updates(params, updates), moments), loss

        return jax.lax.scan(once, state, None, length=calls)

    return {
        "forward": lambda: jax.block_until_ready(forward(params, batch)),
        "training": lambda: jax.block_until_ready(train(state, batch)),
    }


def torch_runs(layer: str, config: PatternVAEConfig, x: np.ndarray, calls: int, device: str) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch."""
    import torch
    from torch_pattern_vae import final_states, lstm_stack

    batch = torch.from_numpy(x).to(device)
    if layer == "lstm":
        stack, last = lstm_stack(config).to(device), final_states
    else:
        sizes = config.lanes, config.lstm_units, config.lstm_layers
        stack = torch.nn.GRU(*sizes, batch_first=True, bidirectional=True).to(device)

        def last(stack: Any, batch: Any) -> Any:
            return torch.cat(list(stack(batch)[1][-2:]), -1)

    optimizer = torch.optim.Adam(stack.parameters(), 1e-3)

    def forward() -> None:
        with torch.no_grad():
            for _ in range(calls):
                last(stack, batch)

        finish()

    def train() -> None:
        for _ in range(calls):
            optimizer.zero_grad()
            last(stack, batch).square().mean().backward()
            optimizer.step()
        finish()

    def finish() -> None:
        if device != "cpu":
            torch.cuda.synchronize()

    return {"forward": forward, "training": train}


def main() -> None:
    call = tyro.cli(Benchmark, description=__doc__)
    jax.config.update("jax_num_cpu_devices", call.devices)
    where, config = machine(), PatternVAEConfig()
    forms = {"naive scan": NaiveLSTM, "Flax": StockLSTM, "drumjax": BidirectionalLSTM}
    if call.layer == "gru":
        # Behind a dense layer of as many units, as in PocketVAE.
        config = PatternVAEConfig(steps=32, lanes=256, lstm_layers=1, lstm_units=256)
        forms = {"naive scan": NaiveGRU, "Flax": StockGRU, "drumjax": BidirectionalGRU}
    x = np.random.default_rng(0).random((call.batch, config.steps, config.lanes), np.float32)
    runs = {name: jax_runs(layer, config, x, call.calls) for name, layer in forms.items()}
    if importlib.util.find_spec("torch"):
        import torch

        device = torch_device()
        where |= {"torch": torch.__version__, "torch_threads": torch.get_num_threads(), "torch_device": device}
        runs["PyTorch"] = torch_runs(call.layer, config, x, call.calls, device)

    rows = []
    for task in ("forward", "training"):
        seconds = interleaved({name: run[task] for name, run in runs.items()}, call.rounds)
        for name, times in seconds.items():
            fair = name != "PyTorch" or comparable(where["torch_device"])
            quotient = ratio(times, seconds["drumjax"]) if fair else None
            rows.append([task, name, 1e3 * float(np.median(times)) / call.calls, quotient])
    columns = ["task", "form", "ms", "times drumjax's"]
    show(
        f"{config.lstm_layers} bidirectional {call.layer.upper()} layers, batch {call.batch}, {call.devices} devices", columns, rows
    )
    results = [dict(zip(columns, row, strict=True)) for row in rows]
    settings = {"layer": call.layer, "batch": call.batch, "calls": call.calls, "rounds": call.rounds, "devices": call.devices}
    write_json(call.output, {"benchmark": "recurrent", "machine": where, **settings, "results": results})


if __name__ == "__main__":
    main()
