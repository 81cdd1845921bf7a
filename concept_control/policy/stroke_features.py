"""Features of a state by a code of points: how far the strokes are and where they lead.

A code that squeezes a figure into a few numbers underfits: places between what it keeps are lost
(Kim et al., "Attentive Neural Processes", ICLR 2019). So a code is the points of up to five
strokes, and a state attends to those near it.
"""

from __future__ import annotations

import math

import torch
from torch import nn

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
