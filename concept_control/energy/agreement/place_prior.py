"""The prior of relevance of places: which measurements do people mean?

The log odds of a measurement are a sum over the kinds it is of: its anchor, its scalar, its topic
and unit. So one that was not trained on has odds, too. The weights are learned
(`training/place_prior.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from concept_control.energy.agreement.usual_bounds import UsualBounds
from concept_control.energy.measurements.heights import HEIGHT, PILE
from concept_control.energy.measurements.measurement import Measurement
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.set_orders import LOOKS

MOST_ATTENDED = 2
"""Number of attended things from which on usual bounds, and the odds of regions, are the same."""

_START = -4.0
"""Log odds of any measurement before training."""

_REGION_ODDS = (-3.6, -3.6, -2.9, -4.1, -3.4)
"""Log odds of each kind of region of the table before training, see `KINDS` of `regions`."""

_SET_ODDS = {'count': -2.0, 'shape': -3.0, 'set place': -5.0, LOOKS: -2.0, PILE: 2.0}
"""Log odds that a measurement of a set matters, by topic, before its cost."""

_HEIGHT_ODDS = 2.5
"""Log odds by which a height is likelier to matter than what no kind tells: hardly anything gets
onto another thing without being meant to."""

_SET_COST = 0.7
"""Factor of the cost of a measurement of a set."""


def set_prior(measurements: Sequence[Measurement]) -> torch.Tensor:
    """Return the log odds (K,) that measurements of a set matter, set by hand."""
    return torch.tensor([_SET_ODDS[m.topic] - _SET_COST * m.cost for m in measurements])


def kinds_of(measurement: Measurement) -> tuple[str, ...]:
    """Return the kinds that a measurement is of."""
    anchor, _, scalar = measurement.name.partition(': ')
    about = f'topic {measurement.topic}', f'unit {measurement.unit}'
    return (f'anchor {anchor}', f'scalar {scalar}', *about)


def every_kind() -> tuple[str, ...]:
    """Return all kinds of measurements of places."""
    return tuple(sorted({kind for m in placement_measurements() for kind in kinds_of(m)}))


class PlacePrior(nn.Module):
    """Log odds that a measurement of a place matters, alone and where something is attended.

    Args:
        kinds: Kinds that have weights.
        usual: Measurement of each of the usual bounds, and how many things are attended where
            they are.
    """

    bounds: torch.Tensor
    regions: torch.Tensor

    def __init__(self, kinds: Sequence[str], usual: Sequence[tuple[str, int]] = ()) -> None:
        super().__init__()
        self.kinds = tuple(kinds)
        self.odds = nn.Linear(len(self.kinds), 2)
        nn.init.zeros_(self.odds.weight)
        nn.init.constant_(self.odds.bias, _START)
        # Of usual bounds the lower, the upper, the side that is missing and the log odds.
        self.names: tuple[tuple[str, int], ...] = tuple(usual)
        self.register_buffer('bounds', torch.zeros(len(self.names), 4))
        # Of regions of the table, by the number of attended, the log odds of each kind.
        self.register_buffer('regions', torch.tensor([_REGION_ODDS] * (MOST_ATTENDED + 1)))

    def forward(self, measurements: Sequence[Measurement], has_attended: bool) -> torch.Tensor:
        """Return the log odds (K,) of K measurements."""
        place = {kind: index for index, kind in enumerate(self.kinds)}
        pairs = [
            (row, place[kind])
            for row, measurement in enumerate(measurements)
            for kind in kinds_of(measurement)
            if kind in place
        ]
        known = torch.zeros(len(measurements), len(self.kinds))
        known[tuple(torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T)] = 1.0
        heights = [(_HEIGHT_ODDS - m.cost) * (m.topic == HEIGHT) for m in measurements]
        return self.odds(known)[:, int(has_attended)] + known.new_tensor(heights)

    def forget_usual(self) -> None:
        """Go back to no usual bounds, and odds of regions, from before training."""
        self.names, self.bounds = (), torch.zeros(0, 4)
        self.regions[:] = torch.tensor(_REGION_ODDS)

    def set_usual(
        self, bounds: Sequence[tuple[str, int, tuple[float, float, float, float]]]
    ) -> None:
        """Set the usual bounds: measurement, number of attended things, and the four numbers."""
        self.names = tuple((name, attended) for name, attended, _ in bounds)
        self.bounds = torch.tensor([numbers for _, _, numbers in bounds]).reshape(-1, 4)

    def region_odds(self, num_attended: int) -> torch.Tensor:
        """Return the log odds (5,) of each kind of region where so many are attended."""
        return self.regions[min(num_attended, MOST_ATTENDED)]

    def usual(self, measurements: Sequence[Measurement], num_attended: int) -> UsualBounds:
        """Return the bounds on some measurements that are usual where so many are attended."""
        place = {measurement.name: index for index, measurement in enumerate(measurements)}
        attended = min(num_attended, MOST_ATTENDED)
        rows = [
            row
            for row, (name, count) in enumerate(self.names)
            if count == attended and name in place
        ]
        index = torch.tensor([place[self.names[row][0]] for row in rows], dtype=torch.long)
        lower, upper, side, odds = self.bounds[rows].T
        return UsualBounds(index, lower, upper, side, odds)
