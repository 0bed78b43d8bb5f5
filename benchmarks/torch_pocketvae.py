"""PocketVAE in PyTorch, as a yardstick: the layers of `drumjax.models.pocketvae`, all variants and the prior, and their training.

PyTorch's own layers where it has them: `GRU`, `GRUCell` in a loop, `Conv1d`, `ConvTranspose1d`, `BatchNorm1d`. Needs PyTorch, which
the project does not: import it only where `importlib.util.find_spec("torch")` finds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from drumjax.models.pocketvae import TIMING_CLASSES, VELOCITY_CLASSES, PocketVAEConfig

Draw = Callable[[torch.Tensor], torch.Tensor]


def bidirectional(layer: nn.GRU, x: torch.Tensor, initial: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and final states, both directions side by side; one first state for both."""
    outputs, final = layer(x, None if initial is None else torch.stack([initial, initial]))
    return outputs, torch.cat([final[0], final[1]], -1)


def gru(features: int, units: int) -> nn.GRU:
    """One bidirectional layer."""
    return nn.GRU(features, units, batch_first=True, bidirectional=True)


class Skeleton(nn.Module):
    """(items, steps, lanes) -> (items, skeleton_code)."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        units = config.skeleton_units
        self.input, self.gru = nn.Linear(config.lanes, units), gru(units, units)
        self.output, self.drop = nn.Linear(2 * units, config.skeleton_code), nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(functional.leaky_relu(self.output(bidirectional(self.gru, self.input(x))[1]), 0.1))


class Conv(nn.Module):
    """(items, channels, steps) -> half or twice the steps."""

    def __init__(self, config: PocketVAEConfig, channels: int, features: int, widen: bool) -> None:
        super().__init__()
        layer = nn.ConvTranspose1d if widen else nn.Conv1d
        self.conv, self.norm = layer(channels, features, 4, 2, 1), nn.BatchNorm1d(features)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(functional.leaky_relu(self.norm(self.conv(x)), 0.2))


class NoteEncoder(nn.Module):
    """Notes, template, h_p -> (items, code_steps, code_size)."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        self.config, units = config, config.note_units
        self.initial = nn.Linear(config.skeleton_code, units)
        self.input = nn.Linear(config.lanes * (1 + config.template_in_encoder), units)
        self.gru, self.norm, self.drop = gru(units, units), nn.BatchNorm1d(2 * units), nn.Dropout(config.dropout)
        self.conv_0, self.conv_1 = Conv(config, 2 * units, units, False), Conv(config, units, units, False)
        self.code = nn.Linear(units, config.code_size)

    def forward(self, note: torch.Tensor, template: torch.Tensor, skeleton: torch.Tensor) -> torch.Tensor:
        x = torch.cat([note, template], -1) if self.config.template_in_encoder else note
        x, _ = bidirectional(self.gru, self.drop(self.input(x)), self.initial(skeleton))
        x = self.conv_1(self.conv_0(self.drop(self.norm(x.transpose(1, 2)))))
        return self.code(x.transpose(1, 2))


class Writer(nn.Module):
    """Two GRU cells in a loop and a dense layer."""

    def __init__(
        self, config: PocketVAEConfig, known: int, units: int, outputs: int, state_dropout: bool = False, hidden: int = 0
    ) -> None:
        super().__init__()
        self.outputs, self.config, self.state_dropout = outputs, config, state_dropout and config.dropped_states
        self.first, self.second = nn.GRUCell(outputs + known, units), nn.GRUCell(units, units)
        self.hidden = nn.Linear(units, hidden) if hidden else None
        self.output, self.drop = nn.Linear(hidden or units, outputs), nn.Dropout(config.dropout)

    def forward(
        self,
        known: torch.Tensor,
        initial: torch.Tensor,
        *,
        squash: Draw = nn.Identity(),  # noqa: B008 - it holds nothing
        head: Draw = nn.Identity(),  # noqa: B008
        feed: Draw = nn.Identity(),  # noqa: B008
        target: torch.Tensor | None = None,
        forcing: float = 1.0,
    ) -> torch.Tensor:
        h1, h2, fed, results = initial, initial, known.new_zeros(len(known), self.outputs), []
        for t in range(known.shape[1]):
            h1 = self.first(torch.cat([fed, known[:, t]], -1), h1)
            if t == 0:
                h2 = h1
            s1 = self.drop(h1)
            h2 = self.second(s1, h2)
            if self.config.dropped_states:
                h1 = s1
            x = squash(h2)
            if self.hidden is not None:
                x = functional.leaky_relu(self.hidden(x), 0.2)
            x = self.drop(x)
            if self.state_dropout:
                h2 = x
            results.append(head(self.output(x)))
            fed = feed(results[-1])
            if target is not None:
                fed = torch.where(torch.rand(len(fed), 1, device=fed.device) < forcing, target[:, t], fed)
        return torch.stack(results, 1)


def likelier(logits: torch.Tensor) -> torch.Tensor:
    """Notes at a probability of one half and more."""
    return (logits >= 0).to(logits.dtype)


def drawn(logits: torch.Tensor) -> torch.Tensor:
    """Notes by their probability."""
    return (torch.rand_like(logits) < torch.sigmoid(logits)).to(logits.dtype)


class NoteDecoder(nn.Module):
    """Entries of the codebook, template, h_p -> logits."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        units = config.note_units
        self.conv_0, self.conv_1 = Conv(config, config.code_size, units, True), Conv(config, units, units // 2, True)
        self.initial = nn.Linear(config.skeleton_code, units)
        self.writer = Writer(config, units // 2 + config.lanes, units, config.lanes, state_dropout=True)

    def forward(self, code: torch.Tensor, template: torch.Tensor, skeleton: torch.Tensor, **how: Any) -> torch.Tensor:
        x = self.conv_1(self.conv_0(code.transpose(1, 2))).transpose(1, 2)
        return self.writer(torch.cat([x, template], -1), self.initial(skeleton), **how)


class GaussianEncoder(nn.Module):
    """Inputs and conditions -> mean and log-variance."""

    def __init__(self, config: PocketVAEConfig, features: int, conditions: int, units: int, code: int) -> None:
        super().__init__()
        self.initial, self.input = nn.Linear(conditions, units), nn.Linear(features, units)
        self.gru, self.hidden, self.drop = gru(units, units), nn.Linear(2 * units, units), nn.Dropout(config.dropout)
        self.mean, self.log_variance = nn.Linear(units, code), nn.Linear(units, code)

    def forward(self, x: torch.Tensor, conditions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        _, final = bidirectional(self.gru, self.drop(self.input(x)), self.initial(conditions))
        x = self.drop(functional.leaky_relu(self.hidden(final), 0.1))
        return self.mean(x), self.log_variance(x)


class GaussianDecoder(nn.Module):
    """A code, conditions, what is known a step -> values."""

    def __init__(self, config: PocketVAEConfig, known: int, conditions: int, units: int, code: int) -> None:
        super().__init__()
        self.initial, self.drop = nn.Linear(code + conditions, units), nn.Dropout(config.dropout)
        self.writer = Writer(config, known, units, config.lanes)

    def forward(self, z: torch.Tensor, conditions: torch.Tensor, known: torch.Tensor, **how: Any) -> torch.Tensor:
        return self.writer(known, torch.tanh(self.drop(self.initial(torch.cat([z, conditions], -1)))), **how)


class OneStepEncoder(nn.Module):
    """[N, V, M, P] -> mean and log-variance."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        units, code = config.one_step_units, config.one_step_code
        self.input, self.gru_0, self.gru_1 = nn.Linear(4 * config.lanes, units), gru(units, units), gru(2 * units, units)
        self.hidden, self.drop = nn.Linear(2 * units, units), nn.Dropout(config.dropout)
        self.mean, self.log_variance = nn.Linear(units, code), nn.Linear(units, code)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, _ = bidirectional(self.gru_0, self.input(x))
        _, final = bidirectional(self.gru_1, self.drop(x))
        x = self.drop(functional.leaky_relu(self.hidden(final), 0.2))
        return self.mean(x), self.log_variance(x)


def three_heads(x: torch.Tensor) -> torch.Tensor:
    """Logits, velocities and offsets side by side."""
    note, velocity, offset = x.chunk(3, -1)
    return torch.cat([note, torch.sigmoid(velocity), torch.tanh(offset)], -1)


def feed_three(x: torch.Tensor) -> torch.Tensor:
    """The likelier notes with their velocities and offsets."""
    logits, velocity, offset = x.chunk(3, -1)
    note = likelier(logits)
    return torch.cat([note, note * velocity, note * offset], -1)


class OneStepDecoder(nn.Module):
    """A code and the template -> logits, velocities and offsets side by side."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        units = config.one_step_units
        self.initial = nn.Linear(config.one_step_code, units)
        self.writer = Writer(config, config.lanes, units, 3 * config.lanes, hidden=units)

    def forward(self, z: torch.Tensor, template: torch.Tensor, **how: Any) -> torch.Tensor:
        return self.writer(template, torch.tanh(self.initial(z)), head=three_heads, feed=feed_three, **how)


class Prior(nn.Module):
    """h_p with the genre, and true codes -> logits of the codes, each step reading the true code before it."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        units = config.prior_units
        self.initial = nn.Linear(config.skeleton_code + config.use_genre * config.genres, units)
        self.embedding = nn.Embedding(config.codes, units)
        self.first, self.second = nn.GRUCell(units, units), nn.GRUCell(units, units)
        self.output, self.drop = nn.Linear(units, config.codes), nn.Dropout(config.prior_dropout)

    def forward(self, conditions: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        h1 = h2 = self.initial(conditions)
        fed, results = torch.zeros_like(codes[:, 0]), []
        for t in range(codes.shape[1]):
            h1 = self.first(self.embedding(fed), h1)
            if t == 0:
                h2 = h1
            h1 = self.drop(h1)
            h2 = self.second(h1, h2)
            results.append(self.output(self.drop(h2)))
            fed = codes[:, t]
        return torch.stack(results, 1)


class TorchPocketVAE(nn.Module):
    """All parts of a variant, by the names that they have in `drumjax.models.pocketvae`; `codes` is the codebook."""

    def __init__(self, config: PocketVAEConfig) -> None:
        super().__init__()
        self.config, lanes = config, config.lanes
        if config.variant == "1-step":
            self.encoder, self.decoder = OneStepEncoder(config), OneStepDecoder(config)
            return
        self.skeleton = Skeleton(config)
        conditions = config.skeleton_code + config.use_genre * config.genres
        if config.variant == "2-step-vq":
            self.note_encoder, self.note_decoder = NoteEncoder(config), NoteDecoder(config)
            self.register_buffer("codes", torch.randn(config.codes, config.code_size))
            self.register_buffer("sums", torch.zeros(config.codes, config.code_size))
            self.register_buffer("counts", torch.zeros(config.codes))
        else:
            both, units = lanes * (1 + config.template_in_encoder), config.note_units
            self.note_encoder = GaussianEncoder(config, both, conditions, units, config.note_code)
            self.note_decoder = GaussianDecoder(config, lanes, conditions, units, config.note_code)
        for part, classes in (("velocity", VELOCITY_CLASSES), ("timing", TIMING_CLASSES)):
            told, units, code = config.use_patterns * classes, config.expressive_units, config.expressive_code
            setattr(self, f"{part}_encoder", GaussianEncoder(config, 2 * lanes + told, conditions, units, code))
            setattr(self, f"{part}_decoder", GaussianDecoder(config, lanes + told, conditions, units, code))

    def quantize(self, encoded: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Indices and entries, whose gradient passes straight through; in training the codebook moves, too."""
        flat = encoded.detach().reshape(-1, encoded.shape[-1])
        distances = self.codes.square().sum(1) - 2 * flat @ self.codes.T
        indices = distances.argmin(1)
        entries = self.codes[indices].view_as(encoded)
        if self.training:
            chosen, decay = functional.one_hot(indices, len(self.codes)).to(flat.dtype), self.config.codebook_decay
            self.counts.mul_(decay).add_(chosen.sum(0), alpha=1 - decay)
            self.sums.mul_(decay).add_(chosen.T @ flat, alpha=1 - decay)
            total = self.counts.sum()
            self.codes = self.sums / ((self.counts + 1e-5) / (total + len(self.codes) * 1e-5) * total)[:, None]
        return indices.view(encoded.shape[:2]), encoded + (entries - encoded).detach()

    def conditions(self, skeleton: torch.Tensor, genre: torch.Tensor | None) -> torch.Tensor:
        """With the genre where the model is told it."""
        if not self.config.use_genre:
            return skeleton
        return torch.cat([skeleton, functional.one_hot(genre, self.config.genres).to(skeleton.dtype)], -1)


def copy_weights(model: nn.Module, params: Mapping[str, Any], stats: Mapping[str, Any] | None = None) -> None:
    """Gives a module the weights and moving averages of the part that has its name in `drumjax.models.pocketvae`."""
    stats = stats or {}

    def put(tensor: torch.Tensor, value: Any) -> None:
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.array(value)))

    def put_cell(cell: nn.Module, own: Mapping[str, Any], name: str, suffix: str = "") -> None:
        for ours, theirs in (("wx", "weight_ih"), ("wh", "weight_hh"), ("bx", "bias_ih"), ("bh", "bias_hh")):
            put(getattr(cell, theirs + suffix), np.asarray(own[f"{name}_{ours}"]).T)

    if isinstance(model, Writer | Prior):
        put_cell(model.first, params, "first")
        put_cell(model.second, params, "second")
        for name in ("hidden", "output"):
            if f"{name}_kernel" in params:
                put(getattr(model, name).weight, np.asarray(params[f"{name}_kernel"]).T)
                put(getattr(model, name).bias, params[f"{name}_bias"])
    if isinstance(model, Prior):
        put(model.embedding.weight, params["embedding"])
    if isinstance(model, Conv):
        order = (1, 2, 0) if isinstance(model.conv, nn.ConvTranspose1d) else (2, 1, 0)
        put(model.conv.weight, np.asarray(params["kernel"]).transpose(order))
        put(model.conv.bias, params["bias"])
    for name, module in model.named_children():
        own = params.get(name)
        if isinstance(module, nn.Linear) and own is not None:
            put(module.weight, np.asarray(own["kernel"]).T)
            put(module.bias, own["bias"])
        elif isinstance(module, nn.GRU):
            put_cell(module, own, "forward", "_l0")
            put_cell(module, own, "backward", "_l0_reverse")
        elif isinstance(module, nn.BatchNorm1d):
            put(module.weight, own["norm"]["scale"][0])
            put(module.bias, own["norm"]["shift"][0])
            put(module.running_mean, stats[name]["norm"]["mean"])
            put(module.running_var, stats[name]["norm"]["variance"])
        elif own is not None:
            copy_weights(module, own, stats.get(name))


def reconstruct(
    config: PocketVAEConfig,
    params: Mapping[str, Any],
    extra: Mapping[str, Any],
    velocity: np.ndarray,
    offset: np.ndarray,
    template: np.ndarray,
    genre: np.ndarray,
) -> list[np.ndarray]:
    """What `2-step-vq` decodes freely of its own codes, with weights of `drumjax.models.pocketvae`: logits, velocities, offsets."""
    model = TorchPocketVAE(config).eval()
    copy_weights(model, params, extra["batch_stats"])
    model.codes.copy_(torch.from_numpy(np.array(extra["codebook"]["codes"])))
    v, m, p = (torch.from_numpy(a) for a in (velocity, offset, template))
    n = (v > 0).to(v.dtype)
    with torch.no_grad():
        of_template, of_note = model.skeleton(p), model.skeleton(n)
        code = model.quantize(model.note_encoder(n, p, of_template))[1]
        results = [model.note_decoder(code, p, of_template, feed=likelier)]
        conditions = model.conditions(of_note, torch.from_numpy(genre.astype(np.int64)))
        for part, value, head in (("velocity", v, torch.sigmoid), ("timing", m, torch.tanh)):
            z, _ = getattr(model, f"{part}_encoder")(torch.cat([value, n], -1), conditions)
            results.append(getattr(model, f"{part}_decoder")(z, conditions, n, head=head))
    return [result.numpy() for result in results]


def make_step(
    config: PocketVAEConfig,
    *,
    commitment_weight: float = 0.2,
    kl_weight: float = 0.2,
    forcing: float = 0.7,
    learning_rate: float = 2e-4,
    device: str = "cpu",
) -> Callable[..., float]:
    """A training step of `2-step-vq` with Adam: velocities, offsets, templates float (items, steps, lanes) and genres int (items,)
    -> the loss, when all work is done. Templates are as they come."""
    torch.manual_seed(0)
    model = TorchPocketVAE(config).to(device)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, (0.5, 0.999))

    def kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance).sum(1).mean()

    def step(velocity: np.ndarray, offset: np.ndarray, template: np.ndarray, genre: np.ndarray) -> float:
        v, m, p, g = (torch.from_numpy(a).to(device) for a in (velocity, offset, template, genre.astype(np.int64)))
        n = (v > 0).to(v.dtype)
        of_template, of_note = model.skeleton(torch.cat([p, n])).chunk(2)
        encoded = model.note_encoder(n, p, of_template)
        entries = model.quantize(encoded)[1]
        logits = model.note_decoder(entries, p, of_template, feed=drawn, target=n, forcing=forcing)
        loss = functional.binary_cross_entropy_with_logits(logits, n, reduction="sum") / len(n)
        loss = loss + commitment_weight * (encoded - entries.detach()).square().sum() / len(n)
        conditions = model.conditions(of_note, g)
        for part, value, head in (("velocity", v, torch.sigmoid), ("timing", m, torch.tanh)):
            mean, log_variance = getattr(model, f"{part}_encoder")(torch.cat([value, n], -1), conditions)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            decoder = getattr(model, f"{part}_decoder")
            out = decoder(z, conditions, n, head=head, target=value, forcing=forcing)
            loss = loss + (out - value).square().sum() / len(n) + kl_weight * kl(mean, log_variance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
