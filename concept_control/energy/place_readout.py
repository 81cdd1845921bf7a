"""Points that a code reads out of a scene, and how far the subjects are from them.

"Between the two", "half a metre to its left", "where it was, mirrored" are all about one point: a
weighted sum of where the attended and the subjects are or were, and of a fixed place. The code
says which weights; the distance to the point needs no learning. The distance also splits into a
part along the line through two attended things and a part beside it, for "as far from one as from
the other" and the like.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from concept_control.energy.code_reader import CodeReader, kept_share
from concept_control.energy.statistics import RAW_PLACES, RAW_SECOND_MOMENT, soft_length

NUM_ANCHORS = 3
"""The attended after, the subjects before, the attended before."""

NUM_OFFSETS = 3
"""Distance to a point, its part along the attended pair, its part beside it."""

NUM_FEATURES = 2 + NUM_OFFSETS
_NUM_NUMBERS = NUM_ANCHORS + 2 + 1 + 2 * NUM_OFFSETS
_SMALL = 1e-3


class PlaceReading(NamedTuple):
    """How far the subjects of B events under G masks are from P points.

    Attributes:
        features: (B, G, P * NUM_FEATURES) for the network to look at.
        residuals: (B, G, P * NUM_FEATURES) that stand beside those of the network.
        kept: (B or 1, 1, 1) how much the network's own still count.
    """

    features: torch.Tensor
    residuals: torch.Tensor
    kept: torch.Tensor


class PlaceReadout(CodeReader):
    """Read points out of plain geometry under a code.

    Args:
        code_width: length of the conditioning vector.
        points: P, number of points.
    """

    def __init__(self, code_width: int, points: int) -> None:
        super().__init__(code_width, points * _NUM_NUMBERS + 1)
        self.points = points

    def forward(self, raw: torch.Tensor, film: torch.Tensor) -> PlaceReading:
        """Measure how far the subjects are from the points.

        Args:
            raw: (B, G, NUM_RAW) plain geometry, see `Statistics`.
            film: (B or 1, P * numbers + 1) from `condition`.
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
        kept = kept_share(film[:, -1:]).unsqueeze(1)
        return PlaceReading(features.flatten(2), residuals.flatten(2), kept)


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
