"""A decision for each entity from what a code reads out of it: the least of a few tests decides.

"Left of here", "larger than the marker", "nearly that red" and two of these at once are tests with
a sign and a threshold. The code says which; taking the least of them needs no learning.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.readout import NUM_COMPARISONS
from concept_control.energy.statistics import color_features, soft_length

_NUM_COLORS = 6
_HIDDEN = 64
_STRENGTH = -2.0
_FADE = 4.0


class Decision(nn.Module):
    """Decide for each entity under a code.

    Args:
        code_width: length of the conditioning vector.
        attributes: R, number of attributes that are compared.
    """

    def __init__(self, code_width: int, attributes: int) -> None:
        super().__init__()
        self.attributes = attributes
        self.sizes = [
            attributes * NUM_COMPARISONS,
            attributes,
            _NUM_COLORS,
            3,
            2,
        ]
        self.hidden = nn.Linear(code_width, _HIDDEN)
        self.film = nn.Linear(code_width + _HIDDEN, sum(self.sizes))
        with torch.no_grad():
            # It begins undecided and weak: a model that was trained without can be given it.
            self.film.weight.mul_(0.2)
            self.film.bias.zero_()

    @property
    def num_numbers(self) -> int:
        """Length of what a code turns into."""
        return sum(self.sizes)

    def condition(self, code: torch.Tensor) -> torch.Tensor:
        """Return what codes (B, code_width) turn into: (B, num_numbers)."""
        return self.film(torch.cat([code, functional.silu(self.hidden(code))], dim=-1))

    def forward(
        self, compared: torch.Tensor, colors: torch.Tensor, film: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decide.

        Args:
            compared: (B, N, NUM_COMPARISONS R) from `compare`.
            colors: (B, N, 3) RGB in [0, 1].
            film: (B or 1, num_numbers) from `condition`.

        Returns:
            u and v (B, N, 2) that stand beside those of the hidden layer, and how much (B or 1, 1,
            1) of those still counts.
        """
        gains, shifts, center, tint, last = film.unsqueeze(1).split(self.sizes, dim=-1)
        scores = (gains * compared).unflatten(-1, (NUM_COMPARISONS, self.attributes)).sum(dim=-2)
        away = soft_length(color_features(colors) - center)
        alike = tint[..., :1] * (tint[..., 1:2] - away) + tint[..., 2:]
        least = -torch.cat([scores + shifts, alike], dim=-1).neg().logsumexp(dim=-1, keepdim=True)
        strength = (last[..., :1] + _STRENGTH).exp()
        either = torch.cat([functional.softplus(-least), functional.softplus(least)], dim=-1)
        return strength * either, torch.sigmoid(last[..., 1:] + _FADE)
