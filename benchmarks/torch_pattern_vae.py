"""The pattern VAE in PyTorch, as a yardstick: the same widths, loss and optimizer as `drumjax.models.pattern_vae`.

Needs PyTorch, which the project does not: import it only where `importlib.util.find_spec("torch")` finds one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from drumjax.models.pattern_vae import PatternNetworkConfig, PatternVAEConfig


def lstm_stack(config: PatternNetworkConfig) -> nn.LSTM:
    """The encoder's bidirectional layers. It has two biases where `drumjax.nn.recurrent` has their sum."""
    return nn.LSTM(config.lanes, config.lstm_units, config.lstm_layers, batch_first=True, bidirectional=True)


def final_states(lstm: nn.LSTM, x: torch.Tensor) -> torch.Tensor:
    """(items, steps, lanes) -> (items, 2 units): the last layer's final forward and backward h."""
    _, (h, _) = lstm(x)
    return torch.cat([h[-2], h[-1]], -1)


def dense(widths: Sequence[int], relu_last: bool) -> nn.Sequential:
    """Dense layers, a ReLU after each but, unless `relu_last`, the last."""
    layers = [module for sizes in pairwise(widths) for module in (nn.Linear(*sizes), nn.ReLU())]
    return nn.Sequential(*layers if relu_last else layers[:-1])


class TorchPatternVAE(nn.Module):
    """The LSTM variant: float (items, steps, lanes) in [0, 1] -> the loss, with KL weight 1."""

    def __init__(self, config: PatternVAEConfig) -> None:
        super().__init__()
        if config.encoder != "lstm":
            raise ValueError(f"expected encoder lstm, the only one written in PyTorch here; found {config.encoder}")
        self.lstm = lstm_stack(config)
        self.trunk = dense((2 * config.lstm_units, *config.encoder_widths), relu_last=True)
        self.mean = nn.Linear(config.encoder_widths[-1], config.latent)
        self.log_variance = nn.Linear(config.encoder_widths[-1], config.latent)
        self.decoder = dense((config.latent, *config.decoder_widths, config.steps * config.lanes), relu_last=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.trunk(final_states(self.lstm, x))
        mean, log_variance = self.mean(features), self.log_variance(features)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        bce = functional.binary_cross_entropy_with_logits(self.decoder(z), x.flatten(1), reduction="sum")
        kl = 0.5 * (torch.exp(log_variance) + mean**2 - 1 - log_variance).sum()
        return (bce + kl) / len(x)


def make_step(
    config: PatternVAEConfig, learning_rate: float = 1e-3, device: str = "cpu", threads: int | None = None
) -> Callable[[np.ndarray], float]:
    """A training step with Adam: batch, float32 (items, steps, lanes) -> its loss, when all work is done.

    `threads` sets PyTorch's intra-op threads for the whole process; None leaves them (all cores).
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = TorchPatternVAE(config).to(device)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)

    def step(batch: np.ndarray) -> float:
        optimizer.zero_grad()
        loss = model(torch.from_numpy(batch).to(device))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
