"""How fast are spectra, in their two forms, beside librosa's?

    python benchmarks/spectra.py -o results/spectra.json
    python benchmarks/spectra.py --batch 1

Sounds of 22,015 samples, 86 frames (Neural Drum Machine). Magnitudes, mel spectrogram, the gradient of its mean square, inverse
transform, and 60 iterations of Griffin–Lim (the library's from the mel spectrogram). The matrix form exists for formats that cannot
hold an FFT; this says what it costs. "FFT, plain" takes all sounds at once and multiplies with the whole filterbank, empty as it
is, which is what the library does where there is no CPU. The rivals take turns in one process, and the ratios are medians over
rounds. librosa takes one sound after another; its `mel_to_audio` is left out: its inverse of the filterbank takes a second a sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import tyro
from common import interleaved, machine, ratio, show, write_json
from tyro.conf import arg

from drumjax.signal.griffin_lim import griffin_lim
from drumjax.signal.mel import MelConfig, mel, mel_filterbank
from drumjax.signal.spectrum import Form, istft, magnitudes, stft


@dataclass(frozen=True)
class Benchmark:
    """Measure the forms of spectra against each other."""

    batch: int = 32
    """Sounds at a time."""
    rounds: int = 15
    """Calls of each rival."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The results, JSON."""


Task = dict[str, Callable[[], Any]]


def tasks(batch: int, config: MelConfig) -> dict[str, Task]:
    """By task and rival what is measured; the first rival is the library's default."""
    audio = np.random.default_rng(0).uniform(-1, 1, (batch, config.samples)).astype(np.float32)
    spectrum = jax.jit(lambda x: stft(x, config))(audio)
    sizes = {"n_fft": config.fft_samples, "hop_length": config.hop_samples, "win_length": config.window_samples}
    spectra, bands = np.swapaxes(spectrum, 1, 2), mel(audio, config)
    levels = np.abs(spectra)

    def ours(function: Callable[[Any, Form], Any], given: Any) -> Task:
        def call(form: Form) -> Callable[[], Any]:
            program, on_device = jax.jit(lambda x: function(x, form)), jax.device_put(given)
            return lambda: jax.block_until_ready(program(on_device))

        return {"FFT": call("fft"), "matrix": call("matrix")}

    def librosa_mel() -> list[np.ndarray]:
        return [librosa.feature.melspectrogram(y=x, sr=config.sample_rate_hz, n_mels=config.bins, power=1, **sizes) for x in audio]

    def loss(x: jax.Array, form: Form) -> jax.Array:
        return jnp.mean(jnp.square(mel(x, config, form=form)))

    def whole(x: jax.Array) -> jax.Array:
        return jnp.matmul(magnitudes(x, config), mel_filterbank(config), precision="highest")

    def compiled(function: Callable[[Any], Any]) -> Callable[[], Any]:
        program, on_device = jax.jit(function), jax.device_put(audio)
        return lambda: jax.block_until_ready(program(on_device))

    return {
        "magnitudes": ours(lambda x, form: magnitudes(x, config, form=form), audio)
        | {"librosa": lambda: [np.abs(librosa.stft(x, **sizes)) for x in audio]},
        "mel": ours(lambda x, form: mel(x, config, form=form), audio) | {"FFT, plain": compiled(whole), "librosa": librosa_mel},
        "gradient of mel": ours(lambda x, form: jax.grad(loss)(x, form), audio)
        | {"FFT, plain": compiled(jax.grad(lambda x: jnp.mean(jnp.square(whole(x)))))},
        "inverse": ours(lambda s, form: istft(s, config, form=form), spectrum)
        | {"librosa": lambda: [librosa.istft(s, length=config.samples, **sizes) for s in spectra]},
        "Griffin–Lim": {
            "FFT": lambda: jax.block_until_ready(griffin_lim(bands, config, jax.random.key(0))),
            "librosa": lambda: [librosa.griffinlim(s, n_iter=60, length=config.samples, **sizes) for s in levels],
        },
    }


def main() -> None:
    call = tyro.cli(Benchmark, description=__doc__)
    where, rows = machine() | {"librosa": librosa.__version__}, []
    for task, rivals in tasks(call.batch, MelConfig()).items():
        rounds = call.rounds if task != "Griffin–Lim" else max(call.rounds // 5, 1)
        seconds = interleaved(rivals, rounds)
        rows += [
            [task, name, 1e3 * float(np.median(times)) / call.batch, ratio(times, seconds["FFT"])]
            for name, times in seconds.items()
        ]
    columns = ["task", "form", "ms a sound", "times the FFT form's"]
    show(f"spectra of {call.batch} sounds at a time", columns, rows)
    results = [dict(zip(columns, row, strict=True)) for row in rows]
    write_json(
        call.output, {"benchmark": "spectra", "machine": where, "batch": call.batch, "rounds": call.rounds, "results": results}
    )


if __name__ == "__main__":
    main()
