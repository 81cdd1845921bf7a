"""Plain geometry that a code reads out of a scene: points, decisions and bounds.

"Between the two", "half a metre to its left" and "mirrored" are about one point: a weighted sum of
the positions of the attended and the subjects, now or before, and of a fixed place. "Left of here"
and "larger than the marker" are decisions about one entity: the minimum of a few signed
comparisons with thresholds. "At most that far" and "in that shape" keep measurements of the
outcome within bounds. The code determines weights, comparisons and bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.attributes import NUM_COMPARISONS
from concept_control.energy.networks.features import color_features, soft_length
from concept_control.energy.networks.measurement import NUM_MEASURES
from concept_control.energy.networks.pooling import RAW_PLACES, RAW_SECOND_MOMENT

_HIDDEN = 64
_INITIAL_SCALE = 0.2
_FADE = 4.0


class CodeReader(nn.Module):
    """A part of the energy whose parameters are a function of the code.

    They are small at first, so that it can be added to a model that was trained without.

    Args:
        code_width: Length of the conditioning vector.
        num_numbers: Number of parameters.
    """

    def __init__(self, code_width: int, num_numbers: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(code_width, _HIDDEN)
        self.film = nn.Linear(code_width + _HIDDEN, num_numbers)
        with torch.no_grad():
            self.film.weight.mul_(_INITIAL_SCALE)
            self.film.bias.zero_()

    def condition(self, code: torch.Tensor) -> torch.Tensor:
        """Return the parameters (B, num_numbers) for codes (B, code_width)."""
        return self.film(torch.cat([code, functional.silu(self.hidden(code))], dim=-1))


def kept_share(number: torch.Tensor) -> torch.Tensor:
    """Return the weight of the learned part beside a readout, nearly 1 for a number of 0."""
    return torch.sigmoid(number + _FADE)


NUM_ANCHORS = 3
"""The attended after, the subjects before, the attended before."""

NUM_OFFSETS = 3
"""Distance to a point, its part along the attended pair, its part beside it."""

NUM_FEATURES = 2 + NUM_OFFSETS
_NUM_NUMBERS = NUM_ANCHORS + 2 + 1 + 2 * NUM_OFFSETS
_SMALL = 1e-3


class PlaceReading(NamedTuple):
    """Offsets of the subjects of B events under G masks to P points.

    Attributes:
        features: (B, G, P * NUM_FEATURES) offsets and distances, inputs of the network.
        residuals: (B, G, P * NUM_FEATURES) residuals beside those of the network.
        kept: (B or 1, 1, 1) weight of the network's own residuals.
    """

    features: torch.Tensor
    residuals: torch.Tensor
    kept: torch.Tensor


class PlaceReadout(CodeReader):
    """Points that a code determines, and the subjects' offsets to them.

    Args:
        code_width: Length of the conditioning vector.
        points: P, number of points.
    """

    def __init__(self, code_width: int, points: int) -> None:
        super().__init__(code_width, points * _NUM_NUMBERS + 1)
        self.points = points

    def forward(self, raw: torch.Tensor, film: torch.Tensor) -> PlaceReading:
        """Return the subjects' offsets to the points.

        Args:
            raw: (B, G, NUM_RAW) plain geometry, see `Statistics`.
            film: (B or 1, P * numbers + 1) result of `condition`.
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


_NUM_COLORS = 6
_STRENGTH = -2.0


class Decision(CodeReader):
    """Decisions about single entities by comparisons that a code determines.

    Args:
        code_width: Length of the conditioning vector.
        attributes: R, number of attributes that are compared.
    """

    def __init__(self, code_width: int, attributes: int) -> None:
        sizes = [attributes * NUM_COMPARISONS, attributes, _NUM_COLORS, 3, 2]
        super().__init__(code_width, sum(sizes))
        self.attributes, self.sizes = attributes, sizes

    def forward(
        self, compared: torch.Tensor, colors: torch.Tensor, film: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores u and v (B, N, 2), and the weight (B or 1, 1, 1) of the learned ones.

        Args:
            compared: (B, N, NUM_COMPARISONS R) result of `compare`.
            colors: (B, N, 3) RGB in [0, 1].
            film: (B or 1, num_numbers) result of `condition`.
        """
        gains, shifts, center, tint, last = film.unsqueeze(1).split(self.sizes, dim=-1)
        scores = (gains * compared).unflatten(-1, (NUM_COMPARISONS, self.attributes)).sum(dim=-2)
        away = soft_length(color_features(colors) - center)
        alike = tint[..., :1] * (tint[..., 1:2] - away) + tint[..., 2:]
        least = -torch.cat([scores + shifts, alike], dim=-1).neg().logsumexp(dim=-1, keepdim=True)
        strength = (last[..., :1] + _STRENGTH).exp()
        either = torch.cat([functional.softplus(-least), functional.softplus(least)], dim=-1)
        return strength * either, kept_share(last[..., 1:])


_DIRECTIONS = 2
"""Number of directions from each point along which offsets have bounds."""

_TIGHT = 3.0
"""Shift of the widths, with which bounds are narrow at first."""


class IntervalReadout(CodeReader):
    """Excess of measurements over bounds that a code determines.

    Args:
        code_width: Length of the conditioning vector.
        points: P, number of points of the `PlaceReadout`.
    """

    def __init__(self, code_width: int, points: int) -> None:
        self.points = points
        self.num_values = NUM_MEASURES + points * (NUM_FEATURES + _DIRECTIONS)
        super().__init__(code_width, 3 * self.num_values + 2 * points * _DIRECTIONS)

    def forward(
        self, measures: torch.Tensor, places: torch.Tensor, film: torch.Tensor
    ) -> torch.Tensor:
        """Return residuals (B, G, num_values).

        Args:
            measures: (B, G, NUM_MEASURES) result of `measure`.
            places: (B, G, P * NUM_FEATURES) features of a `PlaceReading`.
            film: (B or 1, numbers) result of `condition`.
        """
        film = film.unsqueeze(1)
        gains, centers, widths, directions = film.split(
            [self.num_values] * 3 + [2 * self.points * _DIRECTIONS], dim=-1
        )
        away = places.unflatten(-1, (self.points, NUM_FEATURES))[..., :2]
        directions = directions.unflatten(-1, (self.points, _DIRECTIONS, 2))
        along = (directions * away.unsqueeze(-2)).sum(dim=-1)
        values = torch.cat([measures, places, along.flatten(-2)], dim=-1) - centers
        bounds = functional.softplus(widths - _TIGHT)
        return gains * (values - values.clamp(-bounds, bounds))
