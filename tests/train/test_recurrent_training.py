"""What the engine promises, kept with the LSTM whose gradient is written by hand and whose loops write in place.

python tests/train/test_recurrent_training.py jit weights.npz  # as a program: a few steps on all devices
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest

from drumjax.datasets.load import load_patterns
from drumjax.models.pattern_vae import PatternVAEConfig
from drumjax.train.engine import Program, State, compile_program, source_of, stage_key
from drumjax.train.parallel import Mode, make_layout
from drumjax.train.recipes.pattern_vae import RECIPE, PatternVAETraining

MODEL = PatternVAEConfig(encoder="lstm", lstm_layers=2, lstm_units=8, encoder_widths=(16,), decoder_widths=(16,))
TOTAL = 50


def made(room: int, parallel: Mode = "jit") -> Program:
    """The recipe with a shrunken LSTM on 24 patterns, at most `room` steps a dispatch."""
    patterns = load_patterns("embedded")
    config = PatternVAETraining(model=MODEL, batch_size=8, dispatch_steps=room, ema_decay=0.9)
    (stage,) = RECIPE.stages(config, patterns.info)
    source = source_of({"velocity": patterns.splits["train"]["velocity"][:24]}, config)
    layout = make_layout(config.batch_size, parallel)
    return compile_program(stage.system, stage.optimizers, source, source, ema_decay=config.ema_decay, layout=layout)


def trained(program: Program, k: int, steps: int = TOTAL) -> State:
    """The state after some steps, k a dispatch."""
    state = program.start(stage_key(0, 0))
    for first in range(0, steps, k):
        state, summary = program.advance(state, program.prepare(first, k), k, TOTAL)
        program.read(summary, first)
    return state


def arrays(state: State) -> dict[str, np.ndarray]:
    """Every array of a state by its path, keys as their words."""
    found: dict[str, Any] = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}
    return {
        path: np.asarray(jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)
        for path, leaf in found.items()
    }


@pytest.fixture(scope="module")
def packed() -> Program:
    """50 steps a dispatch."""
    return made(TOTAL)


def test_one_step_a_dispatch_and_fifty_end_with_the_same_bits(packed) -> None:
    one, many = arrays(trained(made(1), 1)), arrays(trained(packed, TOTAL))
    begun = arrays(packed.start(stage_key(0, 0)))
    assert any("lstm" in path.lower() or "_wh" in path for path in many)
    for path, leaf in many.items():
        assert leaf.tobytes() == one[path].tobytes(), path
        if "_wh" in path:
            assert not np.array_equal(leaf, begun[path]), path


def test_a_dispatch_uses_up_the_state_it_is_given(packed) -> None:
    state = packed.start(stage_key(0, 0))
    leaves = jax.tree.leaves(state)
    assert not any(leaf.is_deleted() for leaf in leaves)
    after, _ = packed.advance(state, packed.prepare(0, 2), 2, TOTAL)
    assert all(leaf.is_deleted() for leaf in leaves)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(after))


def test_nothing_is_compiled_after_the_first_dispatch(packed, compilations) -> None:
    state = packed.start(stage_key(0, 0))
    state, summary = packed.advance(state, packed.prepare(0, 1), 1, TOTAL)
    packed.read(summary, 0)
    packed.validate(state)
    compilations.clear()
    step = 1
    for k in (3, 1, 7, 2):
        state, summary = packed.advance(state, packed.prepare(step, k), k, TOTAL + k)
        packed.read(summary, step)
        packed.validate(state)
        step += k
    assert int(state.step) == step
    assert compilations == []


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_eight_devices_give_the_parameters_of_one(packed, tmp_path, parallel) -> None:
    assert jax.device_count() == 1
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    command = [sys.executable, __file__, parallel, str(tmp_path / "eight.npz")]
    subprocess.run(command, env=environment, check=True, timeout=300, capture_output=True)
    one = arrays(trained(packed, 5, 10))
    with np.load(tmp_path / "eight.npz") as eight:
        assert set(eight) == set(one)
        for path, leaf in one.items():
            np.testing.assert_allclose(eight[path], leaf, rtol=0, atol=1e-5, err_msg=path)


if __name__ == "__main__":
    assert jax.device_count() == 8
    np.savez(sys.argv[2], **arrays(trained(made(TOTAL, sys.argv[1]), 5, 10)))
