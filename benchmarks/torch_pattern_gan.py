"""The pattern GAN in PyTorch, as a yardstick: the same networks, losses and optimizers as `drumjax.models.pattern_gan`.

Needs PyTorch, which the project does not: import it only where `importlib.util.find_spec("torch")` finds one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch_pattern_vae import dense, final_states, lstm_stack

from drumjax.models.pattern_gan import PatternGANConfig


class Discriminator(nn.Module):
    """Float (items, steps, lanes) -> logits (items,)."""

    def __init__(self, config: PatternGANConfig) -> None:
        super().__init__()
        self.recurrent = config.encoder == "lstm"
        if self.recurrent:
            self.lstm = lstm_stack(config)
            features = 2 * config.lstm_units
        else:
            sizes = (config.lanes, *config.conv_channels)
            # A window of two strides, one step before and one behind the stride: `drumjax.nn.conv` with "SAME" padding.
            layers = [module for a, b in pairwise(sizes) for module in (nn.Conv1d(a, b, 4, 2, 1), nn.ReLU())]
            self.convolutions = nn.Sequential(*layers)
            features = config.conv_channels[-1] * config.steps // 2 ** len(config.conv_channels)
        self.trunk = dense((features, *config.encoder_widths, 1), relu_last=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = final_states(self.lstm, x) if self.recurrent else self.convolutions(x.transpose(1, 2)).flatten(1)
        return self.trunk(features)[:, 0]


def make_step(
    config: PatternGANConfig, learning_rate: float = 2e-4, device: str = "cpu", threads: int | None = None
) -> Callable[[np.ndarray], float]:
    """A step of both players by eqs. 1 and 2 with Adam(0.5, 0.999): batch, float32 (items, steps, lanes) -> the generator's loss.

    Written as it is in PyTorch's own DCGAN example but for one thing that is quicker here: real and generated patterns pass the
    discriminator together. `threads` sets PyTorch's intra-op threads for the whole process; None leaves them (all cores).
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    generator = dense((config.latent, *config.decoder_widths, config.steps * config.lanes), relu_last=False).to(device)
    discriminator = Discriminator(config).to(device)
    of_generator = torch.optim.Adam(generator.parameters(), learning_rate, (0.5, 0.999))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), learning_rate, (0.5, 0.999))
    loss = functional.binary_cross_entropy_with_logits

    def fakes(n: int) -> torch.Tensor:
        z = torch.randn(n, config.latent, device=device)
        return torch.sigmoid(generator(z)).reshape(n, config.steps, config.lanes)

    def step(batch: np.ndarray) -> float:
        real = torch.from_numpy(batch).to(device)
        n = len(real)
        targets = torch.cat([torch.ones(n, device=device), torch.zeros(n, device=device)])
        with torch.no_grad():
            fake = fakes(n)
        of_discriminator.zero_grad()
        # Twice the mean over both halves is the sum of the two means of eq. 1.
        (2 * loss(discriminator(torch.cat([real, fake])), targets)).backward()
        of_discriminator.step()
        discriminator.requires_grad_(False)  # the generator's update needs no gradient of the discriminator's weights
        of_generator.zero_grad()
        value = loss(discriminator(fakes(n)), targets[:n])
        value.backward()
        of_generator.step()
        discriminator.requires_grad_(True)
        return value.item()

    return step
