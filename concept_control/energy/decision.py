"""A decision for each entity from what a code reads out of it: the least of a few tests decides.

"Left of here", "larger than the marker", "nearly that red" and two of these at once are tests with
a sign and a threshold. The code says which; taking the least of them needs no learning.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from concept_control.energy.code_reader import CodeReader, kept_share
from concept_control.energy.readout import NUM_COMPARISONS
from concept_control.energy.statistics import color_features, soft_length

_NUM_COLORS = 6
_STRENGTH = -2.0


class Decision(CodeReader):
    """Decide for each entity under a code.

    Args:
        code_width: length of the conditioning vector.
        attributes: R, number of attributes that are compared.
    """

    def __init__(self, code_width: int, attributes: int) -> None:
        sizes = [attributes * NUM_COMPARISONS, attributes, _NUM_COLORS, 3, 2]
        super().__init__(code_width, sum(sizes))
        self.attributes, self.sizes = attributes, sizes

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
        return strength * either, kept_share(last[..., 1:])
