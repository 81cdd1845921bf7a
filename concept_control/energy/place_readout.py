"""Points that a code reads out of a scene, and how far the subjects are from them.

"Between the two", "half a metre to its left", "where it was, mirrored" are all about one point: a
weighted sum of where the attended and the subjects are or were, and of a fixed place. The code
says which weights; the distance to the point needs no learning. The distance also splits into a
part along the line through two attended things and a part beside it, for "as far from one as from
the other" and the like.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.statistics import RAW_PLACES, RAW_SECOND_MOMENT, soft_length

NUM_ANCHORS = 3
"""The attended after, the subjects before, the attended before."""

NUM_OFFSETS = 3
"""Distance to a point, its part along the attended pair, its part beside it."""

NUM_FEATURES = 2 + NUM_OFFSETS
_NUM_NUMBERS = NUM_ANCHORS + 2 + 1 + 2 * NUM_OFFSETS
_HIDDEN = 64
_SMALL = 1e-3
_FADE = 4.0


class PlaceReadout(nn.Module):
    """Read points out of plain geometry under a code.

    Args:
        code_width: length of the conditioning vector.
        points: P, number of points.
    """

    def __init__(self, code_width: int, points: int) -> None:
        super().__init__()
        self.points = points
        self.hidden = nn.Linear(code_width, _HIDDEN)
        self.film = nn.Linear(code_width + _HIDDEN, points * _NUM_NUMBERS + 1)
        with torch.no_grad():
            # Points begin without weight: a model that was trained without can be given them.
            self.film.weight.mul_(0.2)
            self.film.bias.zero_()

    def condition(self, code: torch.Tensor) -> torch.Tensor:
        """Return what codes (B, code_width) turn into: (B, P * numbers + 1)."""
        return self.film(torch.cat([code, functional.silu(self.hidden(code))], dim=-1))

    def forward(
        self, raw: torch.Tensor, film: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Measure how far the subjects are from the points.

        Args:
            raw: (B, G, NUM_RAW) plain geometry, see `Statistics`.
            film: (B or 1, P * numbers + 1) from `condition`.

        Returns:
            features (B, G, P * NUM_FEATURES), residuals (B, G, P * NUM_FEATURES) that stand beside
            those of the network, and how much (B or 1, 1, 1) the network's own still count.
        """
        numbers = film[:, :-1].unflatten(-1, (self.points, _NUM_NUMBERS)).unsqueeze(1)
        weights, place, gain, gains, wanted = numbers.split(
            [NUM_ANCHORS, 2, 1, NUM_OFFSETS, NUM_OFFSETS], dim=-1
        )
        places = raw[..., :RAW_PLACES].unflatten(-1, (-1, 2))
        subjects, anchors = places[..., :1, :], places[..., 1:, :]
        away = subjects - torch.matmul(weights, anchors) - place
        offsets = _offsets(away, raw[..., RAW_SECOND_MOMENT : RAW_SECOND_MOMENT + 2])
        features = torch.cat([away, offsets], dim=-1)
        residuals = torch.cat([gain * away, gains * (offsets - wanted)], dim=-1)
        kept = torch.sigmoid(film[:, -1:] + _FADE).unsqueeze(1)
        return features.flatten(2), residuals.flatten(2), kept


def _offsets(away: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return (B, G, P, NUM_OFFSETS) distances of vectors (B, G, P, 2) with an axis (B, G, 2).

    The axis is a second moment: at twice the angle of the line through the attended.
    """
    axis = (second / (soft_length(second) + _SMALL)).unsqueeze(2)
    x, y = away[..., :1], away[..., 1:]
    square = x.square() + y.square()
    # With complex numbers: Re(away² / axis), since the axis is at twice the angle.
    turned = (x.square() - y.square()) * axis[..., :1] + 2 * x * y * axis[..., 1:]
    along = (0.5 * (square + turned)).clamp(min=0.0)
    beside = (0.5 * (square - turned)).clamp(min=0.0)
    return (torch.cat([square, along, beside], dim=-1) + 1e-4).sqrt()
