"""What stands on what, among upright boxes: support now, and in the places they shall have."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LEVEL_TOLERANCE = 0.012
"""Largest difference of two heights that count as one level [m]: the noise of perception, and less
than half of the smallest block."""

OVERLAP = 0.9
"""Distance of two bodies' centres, relative to the mean of their sides, below which one may stand
on the other."""


@dataclass(frozen=True)
class Bodies:
    """N upright boxes on a table.

    Attributes:
        places: (N, 3) centres x and y, and heights of the lower faces [m].
        widths: (N,) sides seen from above [m].
        heights: (N,) vertical sides [m].
    """

    places: np.ndarray
    widths: np.ndarray
    heights: np.ndarray

    @property
    def tops(self) -> np.ndarray:
        """(N,) heights of the upper faces [m]."""
        return self.places[:, 2] + self.heights

    def moved(self, rows: list[int], places: np.ndarray) -> Bodies:
        """Return the bodies with some rows where they are in places (N, 3) [m]."""
        changed = self.places.copy()
        changed[rows] = places[rows]
        return replace(self, places=changed)

    def rests_on(self) -> np.ndarray:
        """Return (N, N) bool: whether the body of a row rests on that of a column."""
        away = self.places[:, None, :2] - self.places[None, :, :2]
        reach = OVERLAP * (self.widths[:, None] + self.widths) / 2
        bottoms = self.places[:, None, 2]
        is_level = (bottoms > LEVEL_TOLERANCE) & (np.abs(bottoms - self.tops) <= LEVEL_TOLERANCE)
        rests = is_level & (np.linalg.norm(away, axis=-1) < reach)
        return rests & ~np.eye(len(rests), dtype=bool)

    def is_held(self) -> np.ndarray:
        """Return (N,) bool: whether a body stands on the table, or balanced on others."""
        rests = self.rests_on()
        held = self.places[:, 2] <= LEVEL_TOLERANCE
        for row in np.flatnonzero(~held):
            below = np.flatnonzero(rests[row])
            away = self.places[below, :2] - self.places[row, :2]
            is_over_one = (np.linalg.norm(away, axis=1) < self.widths[below] / 2).any()
            held[row] = is_over_one or bool((away @ away.T < 0).any())
        return held

    def with_carried(self, rows: list[int]) -> list[int]:
        """Return the rows, and those of everything that rests on them, directly or not."""
        rests, found = self.rests_on(), list(rows)
        for row in found:  # grows while it is gone through
            found += [int(i) for i in np.flatnonzero(rests[:, row]) if i not in found]
        return found
