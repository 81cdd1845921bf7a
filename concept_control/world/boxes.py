"""Boxes in any attitude, as which the parts of a robot are told to those who see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OrientedBoxes:
    """K boxes in the world frame.

    Attributes:
        centers: (K, 3) centres [m].
        rotations: (K, 3, 3) rotations from the boxes' axes to the world's.
        half_sizes: (K, 3) halves of the sides [m].
    """

    centers: np.ndarray
    rotations: np.ndarray
    half_sizes: np.ndarray

    def between(self, low: float, high: float) -> OrientedBoxes:
        """Return those that reach above the height `low` and below `high` [m]."""
        reach = np.einsum('kij,kj->ki', np.abs(self.rotations), self.half_sizes)[:, 2]
        height = self.centers[:, 2]
        kept = (height + reach > low) & (height - reach < high)
        return OrientedBoxes(self.centers[kept], self.rotations[kept], self.half_sizes[kept])

    def contain(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Tell which points (P, 3) [m] are in any box, or at most `margin` [m] beside it: (P,)."""
        inside = np.zeros(len(points), dtype=bool)
        for center, rotation, half in zip(self.centers, self.rotations, self.half_sizes):
            local = np.abs((points - center) @ rotation)
            inside |= (local <= half + margin).all(axis=1)
        return inside
