"""How soon is a new drum sound there: (code, class) → one second of audio, beside the same networks in PyTorch?

    python benchmarks/sound_latency.py -o results/sound_latency.json
    python benchmarks/sound_latency.py --preset small

The whole chain (CWAE's decoder, mel magnitudes, MCNN, binary mask) and the vocoder alone, warm, from NumPy arrays to NumPy arrays,
in batches of 1, 8 and 32; time needs no trained weights, so they are random. "drumjax" has the weights as arguments, arranged once;
"drumjax, constants" has them built into the program; "drumjax, as stored" arranges them at every call. PyTorch (where it is
installed) has copies of the weights, must give the same sounds, and runs eager and traced (`torch.jit.trace`, frozen), on all
cores. All take turns in one process, so that what else the machine does strikes all alike; ratios are medians over rounds. The
real-time factor is the vocoder's: seconds of sound made in a second.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro
from common import interleaved, machine, peak_memory_mib, ratio, show, write_json
from tyro.conf import arg

from drumjax.models import cwae, mcnn, sound_chain
from drumjax.models.cwae import CWAEConfig
from drumjax.models.mcnn import MCNNConfig
from drumjax.signal.mel import MelConfig
from drumjax.train.recipes import cwae as cwae_recipe
from drumjax.train.recipes import mcnn as mcnn_recipe

TOLERANCE = 1e-3
"""The two libraries' sounds may differ so much, where a full-scale sound is 1."""


@dataclass(frozen=True)
class Benchmark:
    """Measure the latency of the chain from code to sound."""

    preset: Literal["paper", "small"] = "paper"
    """The size of the networks."""
    batches: tuple[int, ...] = (1, 8, 32)
    """Sounds a call."""
    calls: int = 200
    """Calls of each rival for a single sound; of a batch as many fewer as it has sounds, at least a tenth."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


Rival = Callable[[], Any]


@dataclass(frozen=True)
class Chain:
    """The two networks with random weights, and the spectrogram between them."""

    cwae: CWAEConfig
    mcnn: MCNNConfig
    mel: MelConfig
    weights: sound_chain.Weights

    def draw(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes and classes."""
        rng = np.random.default_rng(batch)
        label = rng.integers(0, self.cwae.classes, batch).astype(np.int32)
        return rng.normal(size=(batch, self.cwae.latent)).astype(np.float32), label

    def mel_of(self, z: np.ndarray, label: np.ndarray) -> np.ndarray:
        """The mel magnitudes of codes."""
        return np.asarray(jax.jit(functools.partial(sound_chain.decode_mel, self.cwae, self.mel))(self.weights, z, label))


def random_chain(preset: str) -> Chain:
    """Networks of a preset's size; levels as after training: quiet log-mels that vary by a few nepers."""
    of_cwae, of_mcnn = cwae_recipe.PRESETS[preset].model, mcnn_recipe.PRESETS[preset]
    params, stats = jax.jit(functools.partial(cwae.init_cwae, of_cwae))(jax.random.key(0))
    shape = (of_cwae.frames, of_cwae.bins)
    weights = {
        "cwae": params,
        "stats": stats,
        "standardizer": {"mean": np.full(shape, -5, np.float32), "deviation": np.full(shape, 2, np.float32)},
        "mcnn": jax.jit(functools.partial(mcnn.init, of_mcnn.model))(jax.random.key(1)),
    }
    return Chain(of_cwae, of_mcnn.model, of_mcnn.mel, weights)


def our_rivals(chain: Chain, z: np.ndarray, label: np.ndarray, mel: np.ndarray) -> tuple[dict[str, Rival], Rival]:
    """Ways to run the chain, and the vocoder alone."""
    arranged = jax.block_until_ready(jax.jit(functools.partial(sound_chain.arrange, chain.mcnn))(chain.weights))
    stored = jax.device_put(chain.weights)
    configs = (chain.cwae, chain.mcnn, chain.mel)
    given = jax.jit(functools.partial(sound_chain.waveform_arranged, *configs))
    built_in = jax.jit(lambda z, label: sound_chain.waveform_arranged(*configs, arranged, z, label))
    as_stored = jax.jit(functools.partial(sound_chain.waveform, *configs))
    vocode = jax.jit(functools.partial(sound_chain.vocode, chain.mcnn))
    rivals = {
        "drumjax": lambda: np.asarray(given(arranged, z, label)),
        "drumjax, constants": lambda: np.asarray(built_in(z, label)),
        "drumjax, as stored": lambda: np.asarray(as_stored(stored, z, label)),
    }
    return rivals, lambda: np.asarray(vocode(arranged["mcnn"], mel))


def torch_rivals(chain: Chain, z: np.ndarray, label: np.ndarray, mel: np.ndarray) -> tuple[dict[str, Rival], dict[str, Rival]]:
    """PyTorch, eager and traced: the chain, and the vocoder alone."""
    import torch
    import torch_cwae
    import torch_mcnn

    of_cwae, vocoder = torch_cwae.TorchCWAE(chain.cwae).eval(), torch_mcnn.TorchMCNN(chain.mcnn).eval()
    torch_cwae.copy_weights(of_cwae, chain.weights["cwae"], chain.weights["stats"])
    torch_mcnn.copy_weights(vocoder, chain.weights["mcnn"])
    mean, deviation = (torch.from_numpy(np.array(chain.weights["standardizer"][name])) for name in ("mean", "deviation"))

    class Vocoder(torch.nn.Module):
        """Mel magnitudes (n, frames, bins) -> sounds (n, samples), through the binary mask."""

        def __init__(self) -> None:
            super().__init__()
            self.mcnn = vocoder

        def forward(self, mel: torch.Tensor) -> torch.Tensor:
            waveform, mask = self.mcnn(mel)
            return torch.where(mask > 0, waveform, torch.zeros(()))

    class Whole(torch.nn.Module):
        """Codes (n, latent) and classes (n,) -> sounds (n, samples)."""

        def __init__(self) -> None:
            super().__init__()
            self.decoder, self.vocoder = of_cwae.decoder, Vocoder()

        def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            log_mel = self.decoder(z, label) * deviation + mean
            return self.vocoder((log_mel.exp() - chain.mel.floor).clamp(min=0))

    def both(module: torch.nn.Module, *given: torch.Tensor) -> dict[str, Rival]:
        module.eval()
        with torch.inference_mode(), torch.no_grad():
            traced = torch.jit.freeze(torch.jit.trace(module, given))

        def caller(run: Any) -> Rival:
            def call() -> np.ndarray:
                with torch.inference_mode():
                    return run(*given).numpy()

            return call

        return {"PyTorch, eager": caller(module), "PyTorch, traced": caller(traced)}

    whole = both(Whole(), torch.from_numpy(z), torch.from_numpy(label).long())
    return whole, both(Vocoder(), torch.from_numpy(np.array(mel)))


def check_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Stops where the two libraries do not make the same sounds; at a mask of nearly one half they may differ in whole samples."""
    differing = float(np.mean(np.abs(ours - theirs) > TOLERANCE))
    if differing > 1e-3 or not np.any(ours):
        raise SystemExit(f"expected the same sounds from both, found {100 * differing:.2g} % of samples differing")


def main() -> None:
    call = tyro.cli(Benchmark, description=__doc__)
    where = machine()
    has_torch = importlib.util.find_spec("torch") is not None and jax.default_backend() == "cpu"
    if has_torch:
        import torch

        where |= {"torch": torch.__version__, "torch_threads": torch.get_num_threads(), "torch_device": "cpu"}
    chain = random_chain(call.preset)
    results: list[dict[str, Any]] = []
    for batch in call.batches:
        z, label = chain.draw(batch)
        mel = chain.mel_of(z, label)
        whole, vocoder = our_rivals(chain, z, label, mel)
        alone: dict[str, Rival] = {"drumjax": vocoder}
        if has_torch:
            of_torch, alone_of_torch = torch_rivals(chain, z, label, mel)
            whole, alone = whole | of_torch, alone | alone_of_torch
        for part, rivals in (("chain", whole), ("vocoder", alone)):
            for name, rival in rivals.items():
                if name != "drumjax":
                    check_same(rivals["drumjax"](), rival())
            seconds = interleaved(rivals, max(call.calls // batch, call.calls // 10, 1))
            results += [
                {
                    "part": part,
                    "batch": batch,
                    "rival": name,
                    "median_ms": 1e3 * float(np.median(times)),
                    "p99_ms": 1e3 * float(np.quantile(times, 0.99)),
                    "calls": len(times),
                    "ms_a_sound": 1e3 * float(np.median(times)) / batch,
                    "times drumjax's": ratio(times, seconds["drumjax"]),
                    "real_time_factor": batch * chain.mel.samples / chain.mel.sample_rate_hz / float(np.median(times)),
                }
                for name, times in seconds.items()
            ]
            columns = ["rival", "median_ms", "p99_ms", "ms_a_sound", "times drumjax's", "real_time_factor"]
            rows = [[row[name] for name in columns] for row in results[-len(seconds) :]]
            show(f"{part}, preset {call.preset}, batch {batch}", columns, rows)
    print(f"peak memory of the process, which holds all rivals at once: {peak_memory_mib():.0f} MiB")
    settings = {"preset": call.preset, "batches": list(call.batches), "peak_memory_of_all_rivals_mib": peak_memory_mib()}
    write_json(call.output, {"benchmark": "sound_latency", "machine": where, **settings, "results": results})


if __name__ == "__main__":
    main()
