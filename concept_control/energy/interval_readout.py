"""Bounds that a code sets to measurements: as an energy, how far each is out of its bounds.

"At most that far", "in that band", "a ring around it", "in that shape, as large as may be" all
keep plain numbers of the outcome within bounds. The code says which numbers and which bounds; how
far outside a number is needs no learning.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from concept_control.energy.code_reader import CodeReader
from concept_control.energy.measurement import NUM_MEASURES
from concept_control.energy.place_readout import NUM_FEATURES

_DIRECTIONS = 2
"""Directions that a code looks along from each of its points."""

_TIGHT = 3.0
"""Bounds begin nearly closed."""


class IntervalReadout(CodeReader):
    """Read how far measurements are out of the bounds that a code sets.

    Args:
        code_width: length of the conditioning vector.
        points: P, number of points that the code reads out, see `PlaceReadout`.
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
            measures: (B, G, NUM_MEASURES) from `measure`.
            places: (B, G, P * NUM_FEATURES) features of a `PlaceReading`.
            film: (B or 1, numbers) from `condition`.
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
