"""What stands on what, among upright boxes: support now, and in the places they shall have."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from concept_control.world.entity import EntityState

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
        rims: (N,) thickness of the walls and of the floor of open boxes [m], 0 for what is solid.
        yaws: (N,) angles about the vertical [rad].
    """

    places: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    rims: np.ndarray
    yaws: np.ndarray

    @property
    def tops(self) -> np.ndarray:
        """(N,) heights of the upper faces [m]."""
        return self.places[:, 2] + self.heights

    @property
    def openings(self) -> np.ndarray:
        """(N,) distances between the walls of open boxes [m]."""
        return self.widths - 2 * self.rims

    def moved(self, rows: list[int], places: np.ndarray) -> Bodies:
        """Return the bodies with some rows where they are in places (N, 3) [m]."""
        changed = self.places.copy()
        changed[rows] = places[rows]
        return replace(self, places=changed)

    def is_in(self) -> np.ndarray:
        """Return (N, N) bool: whether the body of a row is in the open box of a column."""
        inside = np.array([self.around(place) for place in self.places])
        return inside & ~np.eye(len(inside), dtype=bool)

    def around(self, place: np.ndarray) -> np.ndarray:
        """Return (N,) bool: in which open boxes, below the rim, a place (3,) is."""
        away = np.linalg.norm(self.places[:, :2] - place[:2], axis=1)
        is_low = place[2] < self.tops - LEVEL_TOLERANCE
        is_low &= place[2] > self.places[:, 2] - LEVEL_TOLERANCE
        return (self.rims > 0) & (away < self.widths / 2 - self.rims) & is_low

    @property
    def carrying(self) -> np.ndarray:
        """(N, N) heights at which the body of a column would carry that of a row [m]."""
        return np.where(self.is_in(), self.places[:, 2] + self.rims, self.tops)

    def rests_on(self) -> np.ndarray:
        """Return (N, N) bool: whether the body of a row rests on that of a column, or in it."""
        away = self.places[:, None, :2] - self.places[None, :, :2]
        reach = OVERLAP * (self.widths[:, None] + self.widths) / 2
        bottoms = self.places[:, None, 2]
        is_level = (bottoms > LEVEL_TOLERANCE) | self.is_in()
        is_level &= np.abs(bottoms - self.carrying) <= LEVEL_TOLERANCE
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


def wall_posts(box: EntityState, per_side: int = 2) -> np.ndarray:
    """Return points (P, 2) along the middles of an open box's walls, from its own middle [m]."""
    along = np.arange(per_side) * 2 / per_side - 1
    side = np.column_stack([along, np.full(per_side, -1.0)])
    turns = box.yaw + np.arange(4) * np.pi / 2
    ways = [np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) for t in turns]
    return (box.width - box.rim) / 2 * np.concatenate([side @ way for way in ways])
