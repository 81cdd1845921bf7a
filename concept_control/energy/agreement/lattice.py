"""Lattices that things stand on: a board's squares, the slots of a tray.

How surprising an agreement is depends on what else could have been shown. Where things stand on a
few lines only, that is no place between them, and equal coordinates are no coincidence.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from concept_control.energy.scene_batch import SceneBatch

_SAME = 0.01
"""Difference up to which coordinates are of one line [workspace units]."""

_WIDEST = 0.02
"""Width up to which coordinates are of one line: dense ones are each close to the next."""

_FEWEST = 12
"""Fewest different places from which on a lattice is told from chance."""

_PER_LINE = 2.0
"""Fewest different places for each line along either axis."""


class Lattice(NamedTuple):
    """Lines that things stand on.

    Attributes:
        x: (X,) coordinates of those along y, ascending.
        y: (Y,) coordinates of those along x, ascending.
    """

    x: torch.Tensor
    y: torch.Tensor

    @classmethod
    def of(cls, scene: SceneBatch) -> Lattice | None:
        """Return the lattice that all things of some events stand on, None if there is none."""
        is_there = scene.present > 0.5
        places = torch.cat([scene.before[is_there], scene.after[is_there]])
        parts = [_close_together(coordinate) for coordinate in places.unbind(dim=-1)]
        if any(part[-1] - part[0] > _WIDEST for each in parts for part in each):
            return None
        lines = cls(*(torch.stack([part.mean() for part in each]) for each in parts))
        # What stays in its place, in one event or in several, says nothing.
        different = len(torch.unique((places / _SAME).round(), dim=0))
        most = max(map(len, lines))
        return lines if different >= max(_FEWEST, _PER_LINE * most) else None

    def nearest(self, places: torch.Tensor) -> torch.Tensor:
        """Return the points (..., 2) of the lattice nearest to places (..., 2)."""
        found = [
            line[(coordinate.unsqueeze(-1) - line).abs().argmin(dim=-1)]
            for line, coordinate in zip(self, places.unbind(dim=-1))
        ]
        return torch.stack(found, dim=-1)


def _close_together(coordinates: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the parts of coordinates (P,) that are close together, ascending."""
    ordered = coordinates.sort().values
    ends = torch.nonzero(ordered.diff() > _SAME)[:, 0] + 1
    return ordered.tensor_split(ends)
