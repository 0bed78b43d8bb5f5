"""How fast do the networks train: many steps a dispatch against one, the encoders' forms, and PyTorch?

    python benchmarks/training.py -o results/training.json
    python benchmarks/training.py --encoder conv
    python benchmarks/training.py --system gan
    python benchmarks/training.py --system mcnn --steps 2 --batch 16
    python benchmarks/training.py --system mcnn --steps 10 --batch 16 --preset small
    python benchmarks/training.py --system cwae --steps 2 --batch 88
    python benchmarks/training.py --system cwae --steps 1 --batch 704 --rounds 3
    python benchmarks/training.py --system cwae --steps 10 --batch 88 --preset small
    python benchmarks/training.py --system pocketvae --steps 5

One process; the rivals take turns, so that what else the machine does strikes all alike; ratios are medians over rounds. Every
rival makes whole steps, on the embedded patterns or on decaying noise of one second: batch, forward, gradient, Adam. A step of the
GAN is one of each player, without stabilisers: as many generated patterns as real ones before the discriminator, and as many new
ones for the generator. `drumjax, K = n` is the engine of `drumjax train` with n steps a dispatch. PyTorch (where it is installed)
is the same network by its own layers, eager, on all cores, or on the GPU where JAX is on one; where the two are on devices of
different kinds there is no ratio. Of the MCNN the first losses of both, of the CWAE the first squared errors, from the same weights
and sounds must agree; of PocketVAE, which is trained on random grooves, half its steps fed with true ones, what both decode freely.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro
from common import comparable, interleaved, machine, peak_memory_mib, ratio, show, torch_device, write_json
from tyro.conf import arg

from drumjax.datasets.load import load_patterns
from drumjax.models import PatternGANConfig, PatternVAEConfig, pocketvae
from drumjax.models import pattern_vae as network
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.nn import conv
from drumjax.patterns.templates import template
from drumjax.signal.mel import FULL_SCALE, MelConfig
from drumjax.systems.cwae import cwae_system
from drumjax.systems.mcnn import mcnn_system
from drumjax.systems.pattern_gan import pattern_gan_system
from drumjax.systems.pattern_vae import PatternVAELoss, pattern_vae_system
from drumjax.systems.pocketvae import pocketvae_system
from drumjax.systems.schedules import Forcing
from drumjax.systems.system import System
from drumjax.train.config import OptimizerConfig, TrainingConfig, make_optimizer
from drumjax.train.engine import Optimizers, compile_program, source_of
from drumjax.train.parallel import make_layout
from drumjax.train.recipes import cwae as cwae_recipe
from drumjax.train.recipes import mcnn as mcnn_recipe
from drumjax.train.recipes import pattern_gan
from drumjax.train.recipes import pocketvae as pocketvae_recipe
from drumjax.train.recipes.pattern_vae import PatternVAETraining


@dataclass(frozen=True)
class Benchmark:
    """Measure training steps a second."""

    system: Literal["vae", "gan", "mcnn", "cwae", "pocketvae"] = "vae"
    """Which is trained: the pattern VAE, the pattern GAN, the vocoder or the autoencoder of one-shots, or PocketVAE's modules."""
    preset: Literal["paper", "small"] = "paper"
    """Of the vocoder, the autoencoder of one-shots and PocketVAE: the size of the network."""
    encoder: Literal["lstm", "conv"] = "lstm"
    """The paper's encoder (the GAN's discriminator), or the convolutional one (of the VAE also in XLA's stock form)."""
    batch: int = 64
    """Patterns, sounds or grooves a step."""
    steps: int = 50
    """Steps that each rival makes in a round; the larger K."""
    rounds: int = 7
    """How often each has its turn."""
    devices: int = 1
    """On a CPU: how many devices it stands for; the batch is split over them."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


def engine(arrays: Mapping[str, np.ndarray], which: str, encoder: str, batch: int, steps: int, k: int) -> Callable[[], None]:
    """`steps` steps by the engine, k a dispatch."""
    if which == "gan":
        gan = pattern_gan.measured(replace(pattern_gan.PRESETS["plain"], model=PatternGANConfig(encoder=encoder)), arrays)
        config: TrainingConfig = gan
        system = pattern_gan_system(gan.model, gan.loss, gan.hits_per_pattern)
        optimizers = {player: make_optimizer(pattern_gan.ADAM) for player in system.losses}
    else:
        config = PatternVAETraining()
        system = pattern_vae_system(PatternVAEConfig(encoder=encoder), PatternVAELoss())
        optimizers = {"vae": make_optimizer(OptimizerConfig())}
    return engine_of(system, optimizers, arrays, config, batch, steps, k)


def engine_of(
    system: System,
    optimizers: Optimizers,
    arrays: Mapping[str, np.ndarray],
    config: TrainingConfig,
    batch: int,
    steps: int,
    k: int,
) -> Callable[[], None]:
    """`steps` steps of a system by the engine, k a dispatch."""
    config = replace(config, batch_size=batch, dispatch_steps=max(k, 2))
    source = source_of(arrays, config, "label" if "label" in arrays else "")
    program = compile_program(system, optimizers, source, None, ema_decay=0.0, layout=make_layout(batch))
    state = program.start(jax.random.key(0))
    done = 0

    def run() -> None:
        nonlocal state, done
        for _ in range(0, steps, k):
            state, summary = program.advance(state, program.prepare(done, k), k, 10**6)
            done += k
        program.read(summary, done)

    return run


def stock_convolution(run: Callable[[], Callable[[], None]]) -> Callable[[], None]:
    """The same rival, built and compiled with XLA's own convolution."""
    ours = network.StridedConv

    class Stock(conv.StridedConv):
        form: conv.Form = "stock"

    network.StridedConv = Stock
    try:
        made = run()
        made()
    finally:
        network.StridedConv = ours
    return made


def torch_steps(
    arrays: Mapping[str, np.ndarray], which: str, encoder: str, batch: int, steps: int, device: str
) -> Callable[[], None]:
    """`steps` steps in PyTorch on batches drawn from the same patterns."""
    if which == "gan":
        import torch_pattern_gan

        step = torch_pattern_gan.make_step(PatternGANConfig(encoder=encoder), device=device)
    else:
        import torch_pattern_vae

        step = torch_pattern_vae.make_step(PatternVAEConfig(encoder=encoder), device=device)
    velocity, rng = arrays["velocity"], np.random.default_rng(0)

    def run() -> None:
        for _ in range(steps):
            step(velocity[rng.integers(0, len(velocity), batch)])

    return run


def torch_on(where: dict[str, Any]) -> str:
    """The kind of device that PyTorch is on, told of in `where` with its version and threads."""
    import torch

    device = torch_device()
    where |= {"torch": torch.__version__, "torch_threads": torch.get_num_threads(), "torch_device": device}
    return device


def check_same(agree: bool) -> None:
    """Leaves where the two libraries' networks do not agree."""
    if not agree:
        raise SystemExit("the two networks are not the same")


def noises(count: int, config: MelConfig) -> dict[str, np.ndarray]:
    """Decaying noise of .1 to 1 s, as one-shots are stored."""
    rng, time = np.random.default_rng(0), np.arange(config.samples)
    length = rng.integers(config.samples // 10, config.samples + 1, count)
    sound = rng.uniform(-1, 1, (count, config.samples)) * np.exp(-4 * time / length[:, None]) * (time < length[:, None])
    audio = np.round(sound / np.abs(sound).max(1, keepdims=True) * FULL_SCALE)
    return {"audio": audio.astype(np.int16), "length": length.astype(np.int32)}


def mcnn_rivals(call: Benchmark, where: dict[str, Any], many: str, one: str) -> dict[str, Any]:
    """The engine with `call.steps` steps a dispatch and with one, and PyTorch, whose first loss must be ours."""
    config = mcnn_recipe.PRESETS[call.preset]
    arrays = noises(4 * call.batch, config.mel)
    system = mcnn_system(config.model, config.loss, config.mel)
    optimizers = {"mcnn": make_optimizer(config.optimizer)}
    rivals: dict[str, Any] = {
        name: engine_of(system, optimizers, arrays, config, call.batch, call.steps, k) for name, k in ((many, call.steps), (one, 1))
    }
    if importlib.util.find_spec("torch"):
        import torch_mcnn

        device = torch_on(where)
        first = {name: a[: call.batch] for name, a in arrays.items()}
        params = jax.jit(system.init)(jax.random.key(0), first)[0]
        batch = first | {"mask": np.ones(call.batch, np.float32)}
        ours, _ = jax.jit(lambda params, batch: system.losses["mcnn"](params, {}, batch, jax.random.key(0), None))(params, batch)
        step = torch_mcnn.make_step(config.model, config.mel, device=device, params=params["mcnn"])
        theirs = step(first["audio"], first["length"])
        print(f"first loss: drumjax {float(ours):.5f}, PyTorch {theirs:.5f}")
        check_same(np.isclose(ours, theirs, rtol=1e-3))
        rng = np.random.default_rng(0)

        def torchs() -> None:
            for _ in range(call.steps):
                chosen = rng.integers(0, len(arrays["audio"]), call.batch)
                step(arrays["audio"][chosen], arrays["length"][chosen])

        rivals["PyTorch"] = torchs
    return rivals


def cwae_rivals(call: Benchmark, where: dict[str, Any], many: str, one: str) -> dict[str, Any]:
    """The engine with `call.steps` steps a dispatch and with one, and PyTorch, whose first squared error must be ours."""
    config = cwae_recipe.PRESETS[call.preset]
    if call.batch % config.model.classes:
        raise SystemExit(
            f"expected a batch of as many sounds of each of {config.model.classes} classes, found --batch {call.batch}"
        )
    arrays = noises(2 * call.batch, config.mel)
    arrays = {"audio": arrays["audio"], "label": np.arange(2 * call.batch, dtype=np.int32) % config.model.classes}
    # Noise on the codes, which `small` has, is drawn by each library in its own way.
    system = cwae_system(config.model, replace(config.loss, code_noise=0.0), config.mel)
    optimizers = {"cwae": make_optimizer(config.optimizer)}
    rivals: dict[str, Any] = {
        name: engine_of(system, optimizers, arrays, config, call.batch, call.steps, k) for name, k in ((many, call.steps), (one, 1))
    }
    if importlib.util.find_spec("torch"):
        import torch_cwae

        device = torch_on(where)
        first = {name: a[: 2 * config.model.classes] for name, a in arrays.items()}
        params, extra = jax.jit(system.init)(jax.random.key(0), first)
        items = len(first["audio"])
        batch = first | {"mask": np.ones(items, np.float32), "slot": np.arange(items)}
        run = jax.jit(lambda params, extra, batch: system.losses["cwae"](params, extra, batch, jax.random.key(0), None)[1][1])
        ours = float(run(params, extra, batch)["mse"])
        step = torch_cwae.make_step(
            config.model,
            config.mel,
            *(np.array(extra["standardizer"][name]) for name in ("mean", "deviation")),
            mmd_weight=config.loss.mmd_weight,
            learning_rate=config.optimizer.learning_rate,
            device=device,
            params=params["cwae"],
            stats=extra["batch_stats"],
        )
        theirs = step(first["audio"], first["label"])
        print(f"first squared error: drumjax {ours:.5f}, PyTorch {theirs:.5f}")
        check_same(np.isclose(ours, theirs, rtol=1e-3))
        rng = np.random.default_rng(0)

        def torchs() -> None:
            for _ in range(call.steps):
                chosen = rng.permutation(2 * call.batch)[: call.batch]
                step(arrays["audio"][chosen], arrays["label"][chosen])

        rivals["PyTorch"] = torchs
    return rivals


def grooves(count: int, config: PocketVAEConfig) -> dict[str, np.ndarray]:
    """Random ones, every third cell hit."""
    rng, shape = np.random.default_rng(0), (count, config.steps, config.lanes)
    velocity = np.where(rng.random(shape) < 1 / 3, rng.uniform(0.1, 1, shape), 0).astype(np.float32)
    offset = np.where(velocity > 0, rng.uniform(-1, 1, shape), 0).astype(np.float32)
    return {"velocity": velocity, "offset": offset, "genre": np.arange(count, dtype=np.int32) % config.genres}


def pocketvae_rivals(call: Benchmark, where: dict[str, Any], many: str, one: str) -> dict[str, Any]:
    """The engine with `call.steps` steps a dispatch and with one, and PyTorch, whose decoded grooves must be ours."""
    config = pocketvae_recipe.PRESETS[call.preset]
    arrays, forced = grooves(4 * call.batch, config.model), 0.5
    system = pocketvae_system(config.model, config.loss, Forcing(end=forced, share=0), config.rules)
    optimizers = {"pocketvae": make_optimizer(config.optimizer)}
    rivals: dict[str, Any] = {
        name: engine_of(system, optimizers, arrays, config, call.batch, call.steps, k) for name, k in ((many, call.steps), (one, 1))
    }
    if importlib.util.find_spec("torch"):
        import torch_pocketvae

        device = torch_on(where)
        templates = np.asarray(template(arrays["velocity"], config.rules), np.float32)
        few = [a[:4] for a in (arrays["velocity"], arrays["offset"], templates, arrays["genre"])]
        params, extra = jax.jit(partial(pocketvae.init_pocketvae, config.model))(jax.random.key(0))

        @jax.jit
        def free(params: Any, extra: Any, velocity: Any, offset: Any, template: Any, genre: Any) -> Any:
            codes = pocketvae.encode(config.model, params, extra, velocity, offset, template, genre)
            return pocketvae.decode(config.model, params, extra, codes, template, genre, note=(velocity > 0).astype(velocity.dtype))

        ours = free(params, extra, *few)
        theirs = torch_pocketvae.reconstruct(config.model, params, extra, *few)
        apart = max(np.abs(np.asarray(a) - b).max() for a, b in zip((ours.logits, ours.velocity, ours.offset), theirs, strict=True))
        print(f"decoded grooves are at most {apart:.1e} apart")
        check_same(apart < 1e-4)
        step = torch_pocketvae.make_step(config.model, forcing=forced, learning_rate=config.optimizer.learning_rate, device=device)
        rng = np.random.default_rng(0)

        def torchs() -> None:
            for _ in range(call.steps):
                chosen = rng.integers(0, len(templates), call.batch)
                step(*(a[chosen] for a in (arrays["velocity"], arrays["offset"], templates, arrays["genre"])))

        rivals["PyTorch"] = torchs
    return rivals


def pattern_rivals(call: Benchmark, where: dict[str, Any], many: str, one: str) -> dict[str, Any]:
    """The engine with `call.steps` steps a dispatch and with one, XLA's own convolution, and PyTorch."""
    arrays = {name: a for name, a in load_patterns("embedded").splits["train"].items() if a.dtype.kind != "U"}
    rivals: dict[str, Any] = {
        many: engine(arrays, call.system, call.encoder, call.batch, call.steps, call.steps),
        one: engine(arrays, call.system, call.encoder, call.batch, call.steps, 1),
    }
    if call.system == "vae" and call.encoder == "conv" and jax.default_backend() == "cpu":
        few = max(call.steps // 10, 1)  # it takes so long that a tenth of the steps must do
        stock = stock_convolution(lambda: engine(arrays, "vae", "conv", call.batch, few, few))
        rivals["drumjax, stock convolution, a tenth of the steps"] = stock
    if (call.system == "gan" or call.encoder == "lstm") and importlib.util.find_spec("torch"):
        device = torch_on(where)
        rivals["PyTorch"] = torch_steps(arrays, call.system, call.encoder, call.batch, call.steps, device)
    return rivals


def main() -> None:
    call = tyro.cli(Benchmark, description=__doc__)
    jax.config.update("jax_num_cpu_devices", call.devices)
    where = machine()
    many, one = f"drumjax, K = {call.steps}", "drumjax, K = 1"
    of_system = {"mcnn": mcnn_rivals, "cwae": cwae_rivals, "pocketvae": pocketvae_rivals}
    things = {"mcnn": "sounds", "cwae": "sounds", "pocketvae": "grooves"}.get(call.system, "patterns")
    sized = call.system in of_system
    rivals = of_system.get(call.system, pattern_rivals)(call, where, many, one)
    seconds = interleaved(rivals, call.rounds)
    rows = []
    for name, times in seconds.items():
        made = call.steps if "a tenth" not in name else max(call.steps // 10, 1)
        per_step = times / made
        steps_per_s = float(1 / np.median(per_step))
        fair = name != "PyTorch" or comparable(where["torch_device"])
        quotient = ratio(per_step, seconds[many] / call.steps) if fair else None
        rows.append([name, 1e3 / steps_per_s, steps_per_s, steps_per_s * call.batch, quotient])
    columns = ["rival", "ms a step", "steps/s", f"{things}/s", f"times {many}'s"]
    subject = f"{call.system.upper()}, preset {call.preset}" if sized else f"pattern {call.system.upper()}, encoder {call.encoder}"
    show(f"{subject}, batch {call.batch}, {call.devices} device(s)", columns, rows)
    print(f"peak memory of the process, which holds all rivals at once: {peak_memory_mib():.0f} MiB")
    results = [dict(zip(columns, row, strict=True)) for row in rows]
    settings = {
        "system": call.system,
        **({"preset": call.preset} if sized else {"encoder": call.encoder}),
        "batch": call.batch,
        "steps": call.steps,
        "rounds": call.rounds,
        "devices": call.devices,
    }
    memory = {"peak_memory_of_all_rivals_mib": peak_memory_mib()}
    write_json(call.output, {"benchmark": "training", "machine": where, **settings, **memory, "results": results})


if __name__ == "__main__":
    main()
