"""The MCNN in PyTorch, as a yardstick: the same layers, loss and optimizer as `drumjax.models.mcnn` and `drumjax.systems.mcnn`.

Needs PyTorch, which the project does not: import it only where `importlib.util.find_spec("torch")` finds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from drumjax.models.mcnn import CROP, MCNNConfig
from drumjax.signal.mel import FULL_SCALE, MelConfig, mel_filterbank


class Head(nn.Sequential):
    """Mel magnitudes (items, bins, frames) -> (items, 2, samples + 1): a part of the waveform and one of the mask."""

    def __init__(self, config: MCNNConfig) -> None:
        layers: list[nn.Module] = []
        inputs, half = config.bins, (config.width - 1) // 2
        for layer, outputs in enumerate(config.channels):
            layers.append(nn.ConvTranspose1d(inputs, outputs, config.width, config.stride, half, config.stride - 1, bias=False))
            if layer < len(config.channels) - 1 or config.last_elu:
                layers.append(nn.ELU(inplace=True))
            inputs = outputs
        super().__init__(*layers)


class TorchMCNN(nn.Module):
    """Mel magnitudes (items, frames, bins) -> waveform and mask logits, (items, samples) each."""

    def __init__(self, config: MCNNConfig) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(config) for _ in range(config.heads))
        self.weights = nn.Parameter(torch.full((config.heads,), 1 / config.heads))
        self.a, self.b = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))

    def forward(self, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        frames_last = mel.transpose(1, 2).contiguous()
        signals = torch.stack([head(frames_last) for head in self.heads])[..., :-CROP]
        x = torch.einsum("h,hns->ns", self.weights, signals[:, :, 0])
        return self.a * x / (1 + (self.b * x).abs()), signals[:, :, 1].sum(0)


def copy_weights(model: TorchMCNN, params: Mapping[str, Any]) -> None:
    """Gives the model the weights of `drumjax.models.mcnn`; PyTorch counts a transposed kernel's taps from the other end."""
    with torch.no_grad():
        for number, head in enumerate(model.heads):
            convs = [module for module in head if isinstance(module, nn.ConvTranspose1d)]
            for conv, kernels in zip(convs, params["layers"], strict=True):
                kernel = np.asarray(kernels[number])[::-1].transpose(1, 2, 0)
                conv.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
        for tensor, name in ((model.weights, "head_weights"), (model.a, "a"), (model.b, "b")):
            tensor.copy_(torch.from_numpy(np.array(params[name])))


def make_mel(config: MelConfig, device: str = "cpu") -> Callable[[torch.Tensor], torch.Tensor]:
    """Sound in [-1, 1], float32 (items, samples) -> mel magnitudes (items, frames, bins)."""
    bank, window = torch.tensor(mel_filterbank(config), device=device), torch.hann_window(config.window_samples, device=device)

    def mel(audio: torch.Tensor) -> torch.Tensor:
        n, hop, length = config.fft_samples, config.hop_samples, config.window_samples
        spectrum = torch.stft(audio, n, hop, length, window, pad_mode="constant", return_complex=True)
        return spectrum.abs().transpose(1, 2) @ bank

    return mel


def loss_of(
    model: TorchMCNN, mel: Callable[[torch.Tensor], torch.Tensor], audio: torch.Tensor, length: torch.Tensor, floor: float
) -> torch.Tensor:
    """Eq. 13 with the paper's weights, the mean over sounds: int16 (items, samples) and samples before padding (items,)."""
    reference = mel(audio / FULL_SCALE)
    waveform, logits = model(reference)
    estimate = mel(waveform * torch.sigmoid(logits))
    convergence = (reference - estimate).flatten(1).norm(dim=1) / reference.flatten(1).norm(dim=1)
    logs = (reference + floor).log(), (estimate + floor).log()
    log_error = (logs[0] - logs[1]).abs().sum((1, 2)) / logs[0].abs().sum((1, 2))
    target = (torch.arange(audio.shape[1], device=audio.device) < length[:, None]).float()
    return (3 * convergence + 10 * log_error).mean() + functional.binary_cross_entropy_with_logits(logits, target)


def make_step(
    config: MCNNConfig,
    mel_config: MelConfig,
    *,
    learning_rate: float = 1e-4,
    device: str = "cpu",
    threads: int | None = None,
    params: Mapping[str, Any] | None = None,
) -> Callable[[np.ndarray, np.ndarray], float]:
    """A training step with Adam: sounds int16 (items, samples), samples before padding (items,) -> the loss, when all is done.

    `threads` sets PyTorch's intra-op threads for the whole process, None leaves them (all cores); `params` are first weights of
    `drumjax.models.mcnn`.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = TorchMCNN(config).to(device)
    if params is not None:
        copy_weights(model, params)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    mel = make_mel(mel_config, device)

    def step(audio: np.ndarray, length: np.ndarray) -> float:
        optimizer.zero_grad()
        sounds, lengths = (torch.from_numpy(a).to(device) for a in (audio, length))
        loss = loss_of(model, mel, sounds, lengths, mel_config.floor)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
