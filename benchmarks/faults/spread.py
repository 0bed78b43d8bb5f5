"""One model trained over several numbers of this process's devices, in every way that must not matter.

python spread.py '{"model": "conv", "seed": 0, "steps": 100, "ways": [["jit", 8], ["pmap", 8], ["resume", 8, 1]]}'

The last line that it prints is JSON: for each way the largest differences from the training on one device.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from drumjax import checkpoint
from drumjax.datasets.load import load_patterns
from drumjax.train.engine import Program, State, compile_program, run_steps, source_of, stage_key
from drumjax.train.parallel import make_layout
from drumjax.train.recipe import recipe
from drumjax.train.workdir import checkpoint_items, restore

ITEMS = 203
"""Patterns that are trained on: no multiple of the batch, so that batches straddle epochs."""
SMALL = {"encoder_widths": (16,), "decoder_widths": (16,)}
MODELS = {
    "conv": ("pattern-vae", {"encoder": "conv", "conv_channels": (8, 8), **SMALL}),
    "lstm": ("pattern-vae", {"encoder": "lstm", "lstm_layers": 2, "lstm_units": 8, **SMALL}),
    "gan": ("pattern-gan", {"encoder": "conv", "conv_channels": (8, 8), **SMALL}),
}
"""The networks under comparison: the recipes' own, shrunken."""


class Spread:
    """A model, its data and its configuration; what the seed decides is decided here."""

    def __init__(self, model: str, seed: int, steps: int) -> None:
        name, network = MODELS[model]
        self.steps, chosen, patterns = steps, recipe(name), load_patterns("embedded")
        draw = np.random.default_rng(seed)
        self.data = {
            split: {
                "velocity": patterns.splits[split]["velocity"][draw.permutation(len(patterns.splits[split]["velocity"]))[:count]]
            }
            for split, count in (("train", ITEMS), ("validation", 37))
        }
        paper = chosen.presets["paper"]
        config = replace(paper, seed=seed, batch_size=16, ema_decay=0.9, model=replace(paper.model, **network))
        self.config = chosen.measured(config, self.data["train"])
        (self.stage,) = chosen.stages(self.config, patterns.info)

    @functools.cache  # noqa: B019 - one of these lives as long as the process
    def program(self, mode: str, devices: int, *, streamed: bool = False) -> Program:
        """Compiled for the first devices."""
        config = replace(self.config, resident_limit_bytes=0) if streamed else self.config
        layout = make_layout(config.batch_size, mode, jax.devices()[:devices])
        sources = [source_of(self.data[split], config) for split in ("train", "validation")]
        return compile_program(self.stage.system, self.stage.optimizers, *sources, ema_decay=config.ema_decay, layout=layout)

    def trained(self, program: Program, state: State, until: int) -> State:
        """The state after step `until`."""
        for report in run_steps(program, state, until=until, total=self.steps, next_stop=lambda step: until, seconds=0.2):
            state = report.state
        return state

    def end(self, way: list[Any]) -> State:
        """The state after all steps, by a way: ["jit", n], ["pmap", n], ["stream", n], ["resume", n, m]."""
        mode, devices = way[0], way[1]
        if mode != "resume":
            program = self.program("pmap" if mode == "pmap" else "jit", devices, streamed=mode == "stream")
            return self.trained(program, program.start(stage_key(self.config.seed, 0)), self.steps)
        first, second = self.program("jit", devices), self.program("jit", way[2])
        state = self.trained(first, first.start(stage_key(self.config.seed, 0)), self.steps // 2)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "state"
            checkpoint.save(place, checkpoint_items(state), {})
            return self.trained(second, second.place(restore(place, second.abstract())), self.steps)


def arrays(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree by path; keys are left out, they never change."""
    found = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path): np.array(leaf, np.float64)
        for path, leaf in found
        if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    }


def farthest(one: dict[str, np.ndarray], other: dict[str, np.ndarray], *, relative: bool = False) -> float:
    """The largest difference of two arrays of one name."""
    assert set(one) == set(other)
    return max(
        float(np.max(np.abs(one[name] - other[name]) / (np.maximum(1, np.abs(one[name])) if relative else 1))) for name in one
    )


def main(model: str, seed: int, steps: int, ways: list[list[Any]]) -> dict[str, Any]:
    """The differences of each way from one device."""
    spread = Spread(model, seed, steps)
    base = spread.program("jit", 1)
    start = arrays(base.start(stage_key(seed, 0)).params)
    state = spread.end(["jit", 1])
    host = jax.tree.map(lambda leaf: leaf if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.array(leaf), state)
    params, ema, sums = arrays(state.params), arrays(state.ema), arrays(base.validate(state))
    found = {"learnt": farthest(start, params)}
    for way in ways:
        mode, devices = way[0], way[-1]
        other = spread.end(way)
        program = spread.program("pmap" if mode == "pmap" else "jit", devices, streamed=mode == "stream")
        found[" ".join(map(str, way))] = {
            "params": farthest(params, arrays(other.params)),
            "ema": farthest(ema, arrays(other.ema)),
            # Of one state: a hit that is counted or not at a threshold would hide how far two sums are apart.
            "sums": farthest(sums, arrays(program.validate(program.place(host))), relative=True),
        }
    return found


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
