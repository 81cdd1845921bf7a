"""The energy of a step: E(x, a), low where a demonstrator at x would have taken the step a."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

CODE_STROKES = 5
CODE_POINTS = 32
CODE_SIZE = CODE_STROKES * CODE_POINTS * 2
"""Number of strokes in a code, of points in each stroke, and of values in the code."""

FINEST_HEAD, WIDEST_HEAD = 0.02, 0.6
"""Initial widths of the heads of attention, in sizes of the figure."""

NEAR = 0.05
"""Distance beyond which offsets count less and less, in sizes of the figure."""

FEATURES = 12
"""Number of features of each head."""


class StrokeFeatures(nn.Module):
    """Attention of a state to the points of a code, by distance, with heads of several widths."""

    progress: torch.Tensor

    def __init__(self, heads: int = 8) -> None:
        super().__init__()
        first, last = math.log(FINEST_HEAD), math.log(WIDEST_HEAD)
        self.log_widths = nn.Parameter(torch.linspace(first, last, heads))
        self.size = heads * FEATURES
        progress = torch.linspace(-1.0, 1.0, CODE_POINTS).repeat(CODE_STROKES)
        self.register_buffer('progress', progress, persistent=False)

    def forward(self, states: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return (B, size) features of states (B, 2) given codes (B, CODE_SIZE)."""
        strokes = codes.view(-1, CODE_STROKES, CODE_POINTS, 2)
        points = strokes.flatten(1, 2)
        along = torch.gradient(strokes, dim=2)[0]
        along = along.flatten(1, 2)
        along = along / (along.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()
        offsets = points - states.unsqueeze(1)
        square = offsets.square().sum(dim=-1)
        scale = (-2 * self.log_widths).exp() / 2
        weights = torch.softmax(-square.unsqueeze(1) * scale[:, None], dim=-1)  # (B, H, P)
        dx, dy = along.unbind(dim=-1)
        progress = self.progress.expand(len(points), -1)
        # Second moments tell a fork, or a crossing, from a stroke that goes straight on.
        values = [
            offsets,
            along,
            torch.stack(
                [dx * dx - dy * dy, dx * dy, progress, progress**2, progress * dx, progress * dy],
                dim=-1,
            ),
        ]
        means = weights @ torch.cat(values, dim=-1)
        gap = means[..., :2]
        near = gap / (gap.square().sum(dim=-1, keepdim=True) + NEAR**2).sqrt()
        return torch.cat([means, near], dim=-1).flatten(1)


@dataclass(frozen=True)
class PolicyConfig:
    """Sizes and kinds of a network.

    Attributes:
        state_size: Length of a state x.
        action_size: Length of an action a.
        z_dim: Number of features of a state, and of an action.
        hidden: Width of the fully connected network.
        state_width: Width of the layers between a state and its features; 0 means `z_dim`.
        state_depth: Number of these layers.
        is_coded: Whether a code conditions the energy, which then sees the state by its place
            among the code's strokes only.
        is_thesis: Whether activations and spectral norm are those of the thesis; otherwise
            everything is smooth, so that the energy has curvatures that control can use.
    """

    state_size: int = 2
    action_size: int = 2
    z_dim: int = 64
    hidden: int = 64
    state_width: int = 0
    state_depth: int = 1
    is_coded: bool = False
    is_thesis: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


class PolicyEnergy(nn.Module):
    """E(x, a[, c]) of a state, a step and, where there is one, a code.

    After J. He's thesis: feature networks of state (LeakyReLU) and action (ELU), then four layers
    with ReLU, a residual over the two hidden ones, spectral norm on layers 0 and 2 only, and no
    bias at the output.
    """

    def __init__(self, config: PolicyConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or PolicyConfig()
        state_activation: type[nn.Module] = nn.LeakyReLU if c.is_thesis else nn.SiLU
        action_activation: type[nn.Module] = nn.ELU if c.is_thesis else nn.SiLU
        self.activation: nn.Module = nn.ReLU() if c.is_thesis else nn.SiLU()
        widths = [c.state_width or c.z_dim] * c.state_depth
        self.strokes = StrokeFeatures() if c.is_coded else None
        seen = c.state_size if self.strokes is None else self.strokes.size
        self.state_features = _features([seen, *widths, c.z_dim], state_activation)
        self.action_features = _features([c.action_size, c.z_dim, c.z_dim], action_activation)
        self.layer0 = nn.Linear(2 * c.z_dim, c.hidden)
        self.layer1 = nn.Linear(c.hidden, c.hidden)
        self.layer2 = nn.Linear(c.hidden, c.hidden)
        self.layer3 = nn.Linear(c.hidden, 1, bias=False)
        if c.is_thesis:
            spectral_norm(self.layer0)
            spectral_norm(self.layer2)

    def forward(
        self, states: torch.Tensor, actions: torch.Tensor, codes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (B, M) energies.

        Args:
            states: (B, state_size) states.
            actions: (B, M, action_size) actions, M in each state.
            codes: (B, CODE_SIZE) codes, if and only if the network is coded.
        """
        return self.action_energies(self.encode_states(states, codes), actions)

    def encode_states(
        self, states: torch.Tensor, codes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (B, hidden), what states add to the first layer: the same for all actions."""
        if self.strokes is None:
            given = states
        else:
            assert codes is not None, 'a coded energy needs a code'
            given = self.strokes(states, codes)
        weight = self.layer0.weight[:, : self.config.z_dim]
        return self.state_features(given) @ weight.T + self.layer0.bias

    def action_energies(self, encoded: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return (B, M) energies of actions (B, M, action_size) in encoded states (B, hidden)."""
        weight = self.layer0.weight[:, self.config.z_dim :]
        first = encoded.unsqueeze(1) + self.action_features(actions) @ weight.T
        hidden = self.activation(first)
        inner = self.layer2(self.activation(self.layer1(hidden)))
        return self.layer3(self.activation(hidden + inner)).squeeze(-1)


def _features(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers)
