"""The set encoder: a first guess of the code from demonstrations."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.energy_network import NetworkConfig
from concept_control.energy.networks.pooling import NUM_RAW, ScenePooling
from concept_control.energy.scene_batch import SceneBatch


class DemonstrationEncoder(nn.Module):
    """Encode a set of demonstrations of one concept, invariant under permutations of the set.

    Each demonstration is pooled by the statistics of the energy, with weights of its own and
    without a code, and embedded; mean, maximum and spread over the set (deep sets, Zaheer et al.
    2017) determine both halves of the code, scaled by a layer norm.

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
        self.mix = nn.Linear(width, width)
        self.join = nn.Linear(3 * width + 1, width)
        self.deepen = nn.Linear(width, width)
        self.out = nn.Linear(width, 2 * config.code_width)

    def forward(self, scene: SceneBatch, weights: torch.Tensor) -> torch.Tensor:
        """Return the codes (C, 2W) of C concepts, action half first.

        Args:
            scene: C * M events, the M demonstrations of each concept in a row.
            weights: (C, M) 1 for a demonstration, 0 for one to ignore.
        """
        nothing = scene.after.new_zeros(1, 1)
        statistics = self.pooling(
            scene, scene.attention.unsqueeze(1), self.pooling.condition(nothing)
        )
        value = functional.silu(self.embed(torch.cat(statistics, dim=-1)[:, 0]))
        value = (value + functional.silu(self.mix(value))).unflatten(0, weights.shape)
        gate = weights.unsqueeze(-1)
        number = gate.sum(dim=1)
        mean = (value * gate).sum(dim=1) / number
        largest = value.masked_fill(gate == 0, -torch.inf).amax(dim=1)
        variance = ((value - mean.unsqueeze(1)).square() * gate).sum(dim=1) / number
        spread = (variance + 1e-5).sqrt()
        joined = functional.silu(self.join(torch.cat([mean, largest, spread, 1 / number], dim=-1)))
        joined = joined + functional.silu(self.deepen(joined))
        return normalise_code(self.out(joined), self.code_width)


def normalise_code(code: torch.Tensor, code_width: int) -> torch.Tensor:
    """Return codes (..., 2W), or halves (..., W), each half at zero mean and unit variance."""
    halves = code.unflatten(-1, (-1, code_width))
    return functional.layer_norm(halves, (code_width,)).flatten(-2)
