"""The energy networks: E(x, a, w) = ||f(statistics(x, a, w), w)||² >= 0.

Pairwise as in Mordatch (arXiv 1811.02486), or unary as in the workshop paper, with the statistics
of `pooling` in place of one sum over pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.pooling import NUM_RAW, Conditioning, ScenePooling
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


ACTION = 1.0
"""Flag of the half of a code that is used to generate (x is optimised)."""

ARGUMENT = -1.0
"""Flag of the half of a code that is used to identify (a is optimised)."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the networks.

    Attributes:
        kind: 'pairwise' (arXiv 1811.02486) or 'unary' (the workshop paper).
        code_width: W, length of each half of a code.
        hidden: Width of the pair and single layers.
        attribute_width: Width of the layer that reads colour, size and motion.
        channels: Number of smooth-max channels.
        head_width: Width of f's two hidden layers.
        num_outputs: K, length of the residual.
        encoder_hidden: Width of the encoder's pair and single layers.
        encoder_width: Width of the encoder's other layers.
    """

    kind: str = 'pairwise'
    code_width: int = 32
    hidden: int = 32
    attribute_width: int = 24
    channels: int = 8
    head_width: int = 96
    num_outputs: int = 12
    encoder_hidden: int = 32
    encoder_width: int = 128


class EnergyConditioning(NamedTuple):
    """Everything that a code determines: one row per event, or one row for all.

    Attributes:
        pooling: Scales and shifts inside the statistics.
        head: (B, 4 head_width) scales and shifts of f's hidden layers.
        direct: (B, K, NUM_RAW + 1) linear part of f on the raw geometry, bias last.
    """

    pooling: Conditioning
    head: torch.Tensor
    direct: torch.Tensor

    def repeat(self, count: int) -> EnergyConditioning:
        """Return the conditioning with each row `count` times in a row."""
        return self._map(lambda value: value.repeat_interleave(count, dim=0))

    def detach(self) -> EnergyConditioning:
        """Return the conditioning without its graph."""
        return self._map(torch.Tensor.detach)

    def _map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> EnergyConditioning:
        return EnergyConditioning(Conditioning(*map(change, self.pooling)), *map(change, self[1:]))


class EnergyNetwork(nn.Module):
    """Residual network r(x, a, w) with E = ||r||², unary or pairwise.

    f is the sum of a part linear in the raw geometry, with coefficients from the code, for which
    "here" or "that far to the left" are exact and convex, and a non-linear part.

    Args:
        config: Sizes.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width, head = config.code_width + 1, config.head_width
        self.pooling = ScenePooling(
            width,
            config.hidden,
            config.attribute_width,
            config.channels,
            pairwise=config.kind == 'pairwise',
        )
        self.first = nn.Linear(self.pooling.num_learned + NUM_RAW, head)
        self.second = nn.Linear(head, head)
        self.last = nn.Linear(head, config.num_outputs)
        self.head_film = nn.Linear(width, 4 * head)
        self.direct_layer = nn.Linear(width, config.num_outputs * (NUM_RAW + 1))
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            self.direct_layer.weight.mul_(0.05)
            self.direct_layer.bias.mul_(0.3)

    def condition(self, code: torch.Tensor, operation: float) -> EnergyConditioning:
        """Return what halves of codes determine, one row for each; compute it once per concept.

        Args:
            code: (B, W) action halves or argument halves.
            operation: `ACTION` or `ARGUMENT`, the half that `code` is.
        """
        flag = torch.full_like(code[:, :1], operation)
        code = torch.cat([code, flag], dim=-1)
        direct = self.direct_layer(code).unflatten(-1, (self.config.num_outputs, NUM_RAW + 1))
        return EnergyConditioning(self.pooling.condition(code), self.head_film(code), direct)

    def forward(
        self, scene: SceneBatch, attention: torch.Tensor, conditioning: EnergyConditioning
    ) -> torch.Tensor:
        """Return the residual of events under masks.

        Args:
            scene: B events; their own attention is ignored.
            attention: (B, G, N) in [0, 1], G masks per event.
            conditioning: Conditioning, B rows or one for all.

        Returns:
            (B, G, K); the sum of squares is the energy.
        """
        learned, raw = self.pooling(scene, attention, conditioning.pooling)
        scale_1, shift_1, scale_2, shift_2 = conditioning.head.unsqueeze(1).chunk(4, dim=-1)
        value = self.first(torch.cat([learned, raw], dim=-1))
        value = functional.silu(value * (1 + scale_1) + shift_1)
        value = functional.silu(self.second(value) * (1 + scale_2) + shift_2)
        direct = conditioning.direct
        linear = torch.matmul(raw, direct[:, :, :-1].transpose(1, 2))
        return self.last(value) + linear + direct[:, :, -1].unsqueeze(1)

    def residual(self, scene: SceneBatch, code: torch.Tensor, operation: float) -> torch.Tensor:
        """Return the residual (B, K) of the scenes under their own attention.

        Args:
            scene: B events.
            code: (B, W) or (1, W), one half.
            operation: `ACTION` or `ARGUMENT`, the half that `code` is.
        """
        return self(scene, scene.attention.unsqueeze(1), self.condition(code, operation))[:, 0]

    def energy(self, scene: SceneBatch, code: torch.Tensor, operation: float) -> torch.Tensor:
        """Return the energy (B,) of the scenes under their own attention, see `residual`."""
        return self.residual(scene, code, operation).square().sum(dim=-1)
