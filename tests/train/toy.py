"""The smallest system that has everything, for the tests of the engine; also a program, for those that need a process.

python tests/train/toy.py '{"workdir": "runs/toy", "steps": 100}'
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drumjax.systems.system import System
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.endings import Ended
from drumjax.train.engine import Begin, State, init_state, new_state
from drumjax.train.recipe import Recipe, Stage

FEATURES = 5


@dataclass(frozen=True)
class LineConfig(TrainingConfig):
    """A straight line is learnt from noisy looks at it."""

    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    noise: float = 0.1


def line_system(noise: float = 0.1, player: str = "line") -> System:
    """Linear regression, the inputs shaken by noise that is drawn for each item."""

    def init(key, batch):
        extra = {"seen": jnp.int32(0), "centre": jnp.zeros(batch["x"].shape[1:])}
        return {player: {"w": jax.random.normal(key, batch["x"].shape[1:]), "b": jnp.zeros(())}}, extra

    def loss(params, extra, batch, key, progress):
        own = params[player]
        shaken = jax.vmap(lambda i: noise * jax.random.normal(jax.random.fold_in(key, i), (FEATURES,)))(batch["slot"])
        error = (batch["x"] - extra["centre"] + shaken) @ own["w"] + own["b"] - batch["y"]
        return jnp.mean(error**2), ({**extra, "seen": extra["seen"] + 1}, {"fraction": progress.fraction, "bias": own["b"]})

    def validate(params, extra, batch):
        own = params[player]
        error = (batch["x"] - extra["centre"]) @ own["w"] + own["b"] - batch["y"]
        return {"squares": jnp.sum(batch["mask"] * error**2), "n": jnp.sum(batch["mask"])}

    return System(init, {player: loss}, validate, lambda params, extra, key, condition: condition @ params[player]["w"])


def line_data(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """n points near a line, with a text that no device can hold."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, FEATURES)).astype(np.float32)
    y = (x @ np.arange(FEATURES) + 1 + 0.1 * draw.normal(size=n)).astype(np.float32)
    return {"x": x, "y": y, "name": np.array([f"point {i}" for i in range(n)])}


def point_set(n: int = 203, held_out: int = 37, sha: str = "a" * 64) -> Any:
    """What a loader of data gives."""
    splits = {"train": line_data(n), "validation": line_data(held_out, 1) if held_out else {"x": np.zeros((0, FEATURES))}}
    content = {"kind": "points", "name": "toy", "source_sha256": sha}
    return SimpleNamespace(info=SimpleNamespace(**content, to_json=lambda: content), splits=splits)


def summarise(sums):
    return {"mse": float(sums["squares"] / sums["n"])}


def begin(train):
    """Measures the inputs."""
    return Begin(extra={"centre": jnp.mean(train["x"], 0)})


def one_stage(config, info):
    return [Stage(line_system(config.noise), {"line": make_optimizer(config.optimizer)}, begin=begin)]


def two_stages(config, info):
    """A quarter of the steps without noise; then a line of another name goes on from the first one's weights."""
    optimizers = {"second": make_optimizer(config.optimizer)}

    def enter(state: State) -> State:
        return new_state({"second": state.params["line"]}, state.extra, optimizers, state.key, ema_decay=config.ema_decay)

    first = Stage(line_system(0.0), {"line": make_optimizer(config.optimizer)}, share=1.0)
    return [first, Stage(line_system(config.noise, "second"), optimizers, share=3.0, enter=enter)]


ANNEALED = OptimizerConfig(plateau_factor=0.5, plateau_patience=1)
RECIPE = Recipe(
    name="line",
    kind="points",
    config_type=LineConfig,
    presets={"paper": LineConfig(optimizer=ANNEALED, ema_decay=0.9, validate_every_epochs=8, dispatch_steps=16)},
    summaries={"paper": "a line, and nothing given up"},
    stages=one_stage,
    summarise=summarise,
    play=lambda config, info, sums: {"offset": float(sums["n"])},
    criterion=("mse", "min"),
    anneal_by="mse",
)
TWO_STAGES = RECIPE._replace(name="two-lines", stages=two_stages)


def abstract_state(config: LineConfig) -> State:
    """Shapes and dtypes of the state of `RECIPE`."""
    stage = one_stage(config, None)[0]
    batch = {"x": jnp.zeros((config.batch_size, FEATURES))}
    return jax.eval_shape(
        lambda key: init_state(stage.system, stage.optimizers, key, batch, ema_decay=config.ema_decay), jax.random.key(0)
    )


class _Hiding:
    """A finder of modules that does not see what an accelerator machine may lack."""

    names = ("tensorflow", "tensorflow_datasets", "librosa", "soundfile", "mido", "tensorboardX")

    def __init__(self, finder: Any) -> None:
        self.finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return None if name.partition(".")[0] in self.names else self.finder.find_spec(name, path, target)


def stopping(at_validation: int) -> Any:
    """`summarise`, and a signal to ourselves at the k-th validation."""
    left = [at_validation]

    def summarise_and_stop(sums):
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.2)  # the thread that reads signals has its turn
        return summarise(sums)

    return summarise_and_stop


def main(arguments: dict[str, Any]) -> None:
    """Trains, alone or with other processes."""
    if arguments.pop("bare", False):
        sys.meta_path[:] = map(_Hiding, sys.meta_path)
    from drumjax.train.run import train

    config = replace(RECIPE.presets["paper"], **arguments.pop("config", {}))
    recipe, stop_at = RECIPE, arguments.pop("stop_at", None)
    if stop_at is not None:
        recipe = RECIPE._replace(summarise=stopping(stop_at))
    points = point_set(sha=arguments.pop("sha", "a" * 64))

    def run(team: Any = None) -> None:
        result = train(recipe, config, points, team=team, own_process=True, **arguments)
        print(result.steps, result.metrics["mse"], Path(result.checkpoint).name)

    if join := arguments.pop("join", None):
        from drumjax.train.hosts import as_process

        as_process(run, **join)
    else:
        run()


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except Ended as ended:
        print(ended, file=sys.stderr)
        sys.exit(ended.code)
