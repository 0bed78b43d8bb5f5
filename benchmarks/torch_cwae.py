"""The CWAE in PyTorch, as a yardstick: the same layers, loss and optimizer as `drumjax.models.cwae` and `drumjax.systems.cwae`.

Needs PyTorch, which the project does not: import it only where `importlib.util.find_spec("torch")` finds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from drumjax.losses import IMQ_SCALES
from drumjax.models.cwae import KERNEL, PADDING, STRIDE, CWAEConfig
from drumjax.signal.mel import FULL_SCALE, MelConfig, mel_filterbank


class ConditionalNorm(nn.Module):
    """Batch normalisation, the class's scale and shift, and a ReLU: (items, channels, ...) and labels -> the same shape."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.shift = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        wide = x if x.ndim == 4 else x[:, :, None, None]
        y = self.norm(wide) * self.scale[label][:, :, None, None] + self.shift[label][:, :, None, None]
        return functional.relu(y).view_as(x)


class Dense(nn.Module):
    """Dense layers without bias, each with its normalisation and ReLU."""

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*sizes, bias=False) for sizes in pairwise(widths))
        self.norms = nn.ModuleList(ConditionalNorm(width, classes) for width in widths[1:])

    def forward(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x), label)
        return x


class Encoder(nn.Module):
    """Float (items, frames, bins) and labels (items,) -> codes (items, latent)."""

    def __init__(self, config: CWAEConfig) -> None:
        super().__init__()
        sizes = list(pairwise((1, *config.channels)))
        self.convs = nn.ModuleList(nn.Conv2d(*pair, KERNEL, STRIDE, PADDING, bias=False) for pair in sizes)
        self.norms = nn.ModuleList(ConditionalNorm(channels, config.classes) for channels in config.channels)
        frames, bins = config.sizes[-1]
        self.dense = Dense((frames * bins * config.channels[-1], *config.dense), config.classes)
        self.code = nn.Linear(config.dense[-1], config.latent)

    def forward(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        x = x[:, None]
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x), label)
        return self.code(self.dense(x.flatten(1), label))


class Decoder(nn.Module):
    """Codes (items, latent) and labels (items,) -> (items, frames, bins)."""

    def __init__(self, config: CWAEConfig) -> None:
        super().__init__()
        self.classes, self.size = config.classes, (config.channels[-1], *config.sizes[-1])
        self.dense = Dense((config.latent + config.classes, *config.dense[::-1]), config.classes)
        self.unflatten = nn.Linear(config.dense[0], int(np.prod(self.size)), bias=False)
        self.unflatten_norm = ConditionalNorm(config.channels[-1], config.classes)
        widths = (*config.channels[::-1], 1)
        convs = []
        for layer, pair in enumerate(pairwise(widths)):
            small, large = config.sizes[-1 - layer], config.sizes[-2 - layer]
            lengths = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(small, STRIDE, PADDING, KERNEL, strict=True)]
            missing = tuple(n - length for n, length in zip(large, lengths, strict=True))
            convs.append(nn.ConvTranspose2d(*pair, KERNEL, STRIDE, PADDING, missing, bias=layer == len(widths) - 2))
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(ConditionalNorm(channels, config.classes) for channels in widths[1:-1])

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        x = self.dense(torch.cat([z, functional.one_hot(label, self.classes).to(z.dtype)], 1), label)
        x = self.unflatten_norm(self.unflatten(x).view(-1, *self.size), label)
        for conv, norm in zip(self.convs, self.norms, strict=False):
            x = norm(conv(x), label)
        return self.convs[-1](x)[:, 0]


class TorchCWAE(nn.Module):
    """Both: spectrograms (items, frames, bins) and labels (items,) -> codes (items, latent), spectrograms (items, frames, bins)."""

    def __init__(self, config: CWAEConfig) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    def forward(self, x: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.encoder(x, label)
        return z, self.decoder(z, label)


def copy_weights(model: TorchCWAE, params: Mapping[str, Any], stats: Mapping[str, Any]) -> None:
    """Gives the model the weights and moving averages of `drumjax.models.cwae`."""

    def put(tensor: torch.Tensor, value: Any) -> None:
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.array(value)))

    def put_norm(norm: ConditionalNorm, part: str, name: str) -> None:
        put(norm.scale, params[part][name]["scale"])
        put(norm.shift, params[part][name]["shift"])
        put(norm.norm.running_mean, stats[part][name]["mean"])
        put(norm.norm.running_var, stats[part][name]["variance"])

    def flat_order(weights: np.ndarray) -> np.ndarray:
        # Ours are (frames, bins, channels) in the flat axis, which comes first; PyTorch's (channels, frames, bins).
        channels, frames, bins = model.decoder.size
        return np.asarray(weights).reshape(frames, bins, channels, -1).transpose(2, 0, 1, 3).reshape(len(weights), -1)

    for part in ("encoder", "decoder"):
        module, own = getattr(model, part), params[part]
        for layer, (linear, norm) in enumerate(zip(module.dense.layers, module.dense.norms, strict=True)):
            kernel = np.asarray(own[f"dense_{layer}"]["kernel"])
            put(linear.weight, (flat_order(kernel) if part == "encoder" and layer == 0 else kernel).T)
            put_norm(norm, part, f"dense_norm_{layer}")
    for layer, (conv, norm) in enumerate(zip(model.encoder.convs, model.encoder.norms, strict=True)):
        put(conv.weight, np.asarray(params["encoder"][f"conv_{layer}"]["kernel"]).transpose(3, 2, 0, 1))
        put_norm(norm, "encoder", f"conv_norm_{layer}")
    put(model.encoder.code.weight, np.asarray(params["encoder"]["code"]["kernel"]).T)
    put(model.encoder.code.bias, params["encoder"]["code"]["bias"])
    own, decoder = params["decoder"], model.decoder
    put(decoder.unflatten.weight, flat_order(np.asarray(own["unflatten"]["kernel"]).T))
    put_norm(decoder.unflatten_norm, "decoder", "unflatten_norm")
    for layer, (conv, norm) in enumerate(zip(decoder.convs, decoder.norms, strict=False)):
        put(conv.weight, np.asarray(own[f"conv_{len(decoder.norms) - layer}"]["kernel"]).transpose(2, 3, 0, 1))
        put_norm(norm, "decoder", f"conv_norm_{len(decoder.norms) - layer}")
    put(decoder.convs[-1].weight, np.asarray(own["output"]["kernel"]).transpose(2, 3, 0, 1))
    put(decoder.convs[-1].bias, np.asarray(own["output_bias"]).reshape(1))


def mmd(z: torch.Tensor, prior: torch.Tensor, label: torch.Tensor, classes: int) -> torch.Tensor:
    """`drumjax.losses.mmd_imq` in its own words: the mean over classes of the unbiased discrepancies."""
    base, total = 2.0 * z.shape[1], z.new_zeros(())

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        square = torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist").square()
        return sum(base * scale / (base * scale + square) for scale in IMQ_SCALES)

    counted = 0
    for own in range(classes):
        a, b = z[label == own], prior[label == own]
        n = len(a)
        if n > 1:
            inner = kernel(a, a).fill_diagonal_(0).sum() + kernel(b, b).fill_diagonal_(0).sum()
            total, counted = total + inner / (n * (n - 1)) - 2 * kernel(a, b).mean(), counted + 1
    return total / max(counted, 1)


def make_spectrograms(config: MelConfig, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """int16 (items, samples) -> log-mel float32 (items, frames, bins)."""
    bank, window = torch.tensor(mel_filterbank(config), device=device), torch.hann_window(config.window_samples, device=device)

    def spectrograms(audio: torch.Tensor) -> torch.Tensor:
        n, hop, length = config.fft_samples, config.hop_samples, config.window_samples
        spectrum = torch.stft(audio / FULL_SCALE, n, hop, length, window, pad_mode="constant", return_complex=True)
        return torch.log(spectrum.abs().transpose(1, 2) @ bank + config.floor)

    return spectrograms


def make_step(
    config: CWAEConfig,
    mel_config: MelConfig,
    mean: np.ndarray,
    deviation: np.ndarray,
    *,
    mmd_weight: float = 10 / 704,
    learning_rate: float = 1e-3,
    device: str = "cpu",
    params: Mapping[str, Any] | None = None,
    stats: Mapping[str, Any] | None = None,
) -> Callable[[np.ndarray, np.ndarray], float]:
    """A training step with Adam: sounds int16 (items, samples) and labels int (items,) -> the squared error, when all work is done.

    `mean` and `deviation` (frames, bins) standardise, `deviation` above 0; `params` and `stats` are weights and moving averages of
    `drumjax.models.cwae` to begin with.
    """
    torch.manual_seed(0)
    model = TorchCWAE(config)
    if params is not None and stats is not None:
        copy_weights(model, params, stats)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    spectrograms = make_spectrograms(mel_config, device)
    center, scale = (torch.tensor(a, device=device) for a in (mean, deviation))

    def step(audio: np.ndarray, label: np.ndarray) -> float:
        own = torch.from_numpy(label).long().to(device)
        x = (spectrograms(torch.from_numpy(audio).to(device)) - center) / scale
        optimizer.zero_grad()
        z, y = model(x, own)
        mse = functional.mse_loss(y, x)
        (mse + mmd_weight * mmd(z, torch.randn_like(z), own, config.classes)).backward()
        optimizer.step()
        return mse.item()

    return step
