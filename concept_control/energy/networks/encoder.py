"""The set encoder: a first guess of the code from demonstrations."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.demonstration_fit import (
    NUM_AGREEMENTS,
    NUM_FITS,
    fit_agreement,
    fit_demonstrations,
)
from concept_control.energy.networks.energy_network import NetworkConfig
from concept_control.energy.networks.pooling import NUM_RAW, ScenePooling
from concept_control.energy.scene_batch import SceneBatch


class DemonstrationEncoder(nn.Module):
    """Encode a set of demonstrations of one concept, invariant under permutations of the set.

    Each demonstration is pooled by the statistics of the energy, with weights of its own and
    without a code, and embedded; in a few rounds each embedding is updated by the mean and maximum
    of all (as in deep sets, Zaheer et al. 2017). Mean, maximum and spread over the set, with the
    results of plain regression, determine both halves of the code, scaled by a layer norm.

    Args:
        config: Sizes.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.code_width = config.code_width
        width = config.encoder_width
        self.pooling = ScenePooling(
            1, config.encoder_hidden, config.attribute_width, config.channels
        )
        self.embed = nn.Linear(self.pooling.num_learned + NUM_RAW, width)
        self.mix_1 = nn.Linear(width, width)
        self.mix_2 = nn.Linear(width, width)
        self.rounds = nn.ModuleList(
            nn.Linear(3 * width, width) for _ in range(config.encoder_rounds)
        )
        # Zero at first, so that rounds can be added to a model that was trained without.
        for parameter in self.rounds.parameters():
            nn.init.zeros_(parameter)
        self.has_fits = config.encoder_fits
        fits = NUM_FITS if config.encoder_fits else 0
        self.agrees = config.intervals
        fits += NUM_AGREEMENTS if config.intervals else 0
        self.join = nn.Linear(3 * width + 1 + fits, width)
        self.deepen = nn.Linear(width, width)
        self.has_direct = config.encoder_direct > 0
        if self.has_direct:
            self.direct_values = nn.Linear(2 * NUM_RAW + fits, config.encoder_direct)
            self.direct_gate = nn.Linear(width, config.encoder_direct)
        self.out = nn.Linear(width + config.encoder_direct, 2 * config.code_width)
        with torch.no_grad():
            # Zero at first, for the same reason.
            self.join.weight[:, 3 * width + 1 :] = 0.0
            if self.has_direct:
                self.direct_values.weight[:, 2 * NUM_RAW :] = 0.0

    def forward(self, scene: SceneBatch, weights: torch.Tensor) -> torch.Tensor:
        """Return the codes (C, 2W) of C concepts, action half first.

        Args:
            scene: C * M events, the M demonstrations of each concept in a row.
            weights: (C, M) 1 for a demonstration, 0 for one to ignore.
        """
        concepts, shots = weights.shape
        nothing = scene.after.new_zeros(1, 1)
        statistics = self.pooling(
            scene, scene.attention.unsqueeze(1), self.pooling.condition(nothing)
        )
        value = torch.cat([statistics.learned, statistics.raw], dim=-1)[:, 0]
        value = functional.silu(self.embed(value))
        value = value + functional.silu(self.mix_1(value))
        value = value + functional.silu(self.mix_2(value))
        value = value.reshape(concepts, shots, -1)
        gate = weights.unsqueeze(-1)
        number = gate.sum(dim=1)
        mean, largest = _mean_and_largest(value, gate, number)
        for layer in self.rounds:
            seen = torch.stack([mean, largest], dim=1).flatten(1)
            seen = seen.unsqueeze(1).expand(-1, shots, -1)
            value = value + functional.silu(layer(torch.cat([value, seen], dim=-1)))
            mean, largest = _mean_and_largest(value, gate, number)
        variance = ((value - mean.unsqueeze(1)).square() * gate).sum(dim=1) / number
        spread = (variance + 1e-5).sqrt()
        fits = value.new_zeros(concepts, 0)
        raw = statistics.raw[:, 0]
        if self.has_fits:
            fits = fit_demonstrations(scene, raw, weights)
        if self.agrees:
            fits = torch.cat([fits, fit_agreement(scene, raw, weights)], dim=-1)
        joined = torch.cat([mean, largest, spread, 1 / number, fits], dim=-1)
        joined = functional.silu(self.join(joined))
        joined = joined + functional.silu(self.deepen(joined))
        if not self.has_direct:
            return normalise_code(self.out(joined), self.code_width)
        # A concept's parameters are often plain averages over the demonstrations; this path is
        # linear in them, and the gate selects among them.
        raw = raw.reshape(concepts, shots, -1)
        raw_mean = (raw * gate).sum(dim=1) / number
        raw_spread = ((raw - raw_mean.unsqueeze(1)).square() * gate).sum(dim=1) / number
        averages = torch.cat([raw_mean, (raw_spread + 1e-5).sqrt(), fits], dim=-1)
        direct = self.direct_values(averages) * self.direct_gate(joined)
        return normalise_code(self.out(torch.cat([joined, direct], dim=-1)), self.code_width)


def _mean_and_largest(
    value: torch.Tensor, gate: torch.Tensor, number: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and maximum (C, D) of values (C, M, D) where gates (C, M, 1) are 1."""
    mean = (value * gate).sum(dim=1) / number
    return mean, value.masked_fill(gate == 0, -torch.inf).amax(dim=1)


def normalise_code(code: torch.Tensor, code_width: int) -> torch.Tensor:
    """Return codes (..., 2W), or halves (..., W), each half at zero mean and unit variance."""
    halves = code.unflatten(-1, (-1, code_width))
    return functional.layer_norm(halves, (code_width,)).flatten(-2)
