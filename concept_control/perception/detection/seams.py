"""The seam of a wall: the height from which on it is another block's.

There a wall stands elsewhere, has another colour or is lit otherwise; or a strip of what faces up
is seen below, of an upper face too narrow to be found as one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from concept_control.perception.detection.block_region import FACE_DEPTH, GUESS_SIGMA

REFERENCE_DEPTH = 0.016
"""Depth below an upper face up to which a wall is surely that of the block [m]."""

OTHER_PLACE, OTHER_CHROMA, OTHER_LIGHT = 0.004, 0.08, 0.25
"""Distance [m], difference of chroma and of the logarithm of the light from which a pixel of a
wall is not of the block whose wall is above it."""

WALL_NOISE = 2.0
"""Median deviations of a wall's own pixels by which colours must differ more than that."""

FOREIGN_SHARE = 0.4
"""Surplus of pixels of another block below one, as a share of all, from which there is one."""

OVERHANG = 0.0035
"""Height of a wall that nobody sees, from which the block above it stands over [m]."""

PLATEAU, PLATEAU_SHARE = 0.004, 0.5
"""Range of heights [m] with so large a share of what is seen below a block that it faces up."""


class Seam(NamedTuple):
    """Where a wall begins to be another block's.

    Attributes:
        height: Height above the table [m]; None if it is nowhere.
        is_foreign: (N,) bool, pixels unlike the wall of the block.
        is_level: Whether something that faces up is seen there.
    """

    height: float | None
    is_foreign: np.ndarray
    is_level: bool = False


class Wall(NamedTuple):
    """What is seen of a block, and of what may be below it.

    Attributes:
        xy: (N, 2) places of its pixels, world frame [m].
        heights: (N,) heights above the table [m].
        colors: (N, 3) chromaticity.
        top: Height of the block's upper face [m].
    """

    xy: np.ndarray
    heights: np.ndarray
    colors: np.ndarray
    top: float

    def find_seam(self, between: tuple[float, float], least: float, min_surplus: int) -> Seam:
        """Return the seam between two heights [m].

        Args:
            between: Lowest and highest it may be [m].
            least: Height of the flattest block [m].
            min_surplus: Surplus of pixels of another block from which there is one.
        """
        # A shadow changes the light alone: another colour or place says more.
        for is_foreign in self._foreign():
            height = self._seam(is_foreign, between, least, min_surplus)
            if height is not None:
                break
        return Seam(height, is_foreign)

    def find_level(
        self, seam: Seam, between: tuple[float, float], width: float, least: int
    ) -> Seam:
        """Return a seam put at what faces up below it, if the block is more like a cube so.

        Args:
            seam: Seam, or none.
            between: Lowest and highest it may be [m].
            width: Width of the block [m].
            least: Number of pixels from which something is seen.
        """
        low, high = between
        heights = self.heights
        if seam.height is not None:
            heights = heights[seam.is_foreign & (heights < seam.height)]
        ascending = np.sort(heights[(heights > low) & (heights < high + FACE_DEPTH)])
        # Of walls as much is seen at each height, of an upper face all at one.
        counts = np.searchsorted(ascending, ascending + PLATEAU, side='right')
        counts -= np.arange(len(ascending))
        most = int(counts.max(initial=0))
        if most < max(least, PLATEAU_SHARE * len(ascending)):
            return seam
        first = int(counts.argmax())
        level = float(np.median(ascending[first : first + most]))
        doubt = GUESS_SIGMA if seam.height is None else abs(self.top - seam.height - width)
        return (
            Seam(level, seam.is_foreign, True) if abs(self.top - level - width) < doubt else seam
        )

    def _foreign(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels unlike the wall right below an upper face, where it is.

        They are (N,) bool, first those of another colour or place, then also those lit otherwise.
        """
        xy, heights, colors, top = self
        foreign = np.zeros(len(xy), dtype=bool)
        unlike = foreign.copy()
        known = (heights < top - FACE_DEPTH) & (heights > top - REFERENCE_DEPTH)
        asked = heights <= top - REFERENCE_DEPTH
        if known.sum() < 6 or not asked.any():
            return foreign, unlike
        wall, tree = colors[known], cKDTree(xy[known])
        distance, nearest = tree.query(xy[asked], k=3)
        change = np.abs(colors[asked] - wall[nearest].mean(axis=1))
        _, own = tree.query(xy[known], k=4)
        spread = WALL_NOISE * np.median(np.abs(wall - wall[own[:, 1:]].mean(axis=1)), axis=0)
        foreign[asked] = change[:, :2].sum(axis=1) > OTHER_CHROMA + spread[:2].sum()
        foreign[asked] |= distance[:, 0] > OTHER_PLACE
        unlike[asked] = foreign[asked] | (change[:, 2] > OTHER_LIGHT + spread[2])
        return foreign, unlike

    def _seam(
        self,
        is_foreign: np.ndarray,
        between: tuple[float, float],
        least: float,
        min_surplus: int,
    ) -> float | None:
        """Return the height of the seam [m]; None if it is nowhere.

        What is farther below may be of anything, and a wall that is unlike what it should be
        already above tells nothing.
        """
        heights, top = self.heights, self.top
        low, high = between
        window = (heights > low - least) & (
            heights < max(high + FACE_DEPTH, top - REFERENCE_DEPTH)
        )
        order = np.flatnonzero(window)[np.argsort(heights[window])]
        ascending = heights[order]
        surplus = np.cumsum(np.where(is_foreign[order], 1, -1))
        allowed = np.flatnonzero(ascending > max(low, least))
        if not len(allowed):
            return None
        best = int(allowed[surplus[allowed].argmax()])
        if ascending[best] >= high:
            return None
        if surplus[best] < max(min_surplus, FOREIGN_SHARE * (best + 1)):
            return None
        above = ascending[min(best + 1, len(ascending) - 1)]
        gap = above - ascending[best]
        # What stands over hides the seam with its own lower edge.
        return float(above - (0.5 * gap if gap < OVERHANG else 0.0))
