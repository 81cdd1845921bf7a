"""Region of an image that shows one block."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FACE_DEPTH = 0.004
"""Depth below an upper face up to which pixels count as on it [m]."""

GUESS_SIGMA = 0.006
"""Standard deviation of a lower face that follows from the width [m]."""


@dataclass
class BlockRegion:
    """The pixels of one block, and the heights between which it stands.

    Attributes:
        label: Value of its pixels in the label map.
        rows: (P,) rows of its pixels.
        columns: (P,) columns of its pixels.
        is_top: (P,) bool, pixels surely on the upper face.
        height: Height of the upper face above the table [m].
        siblings: Labels of blocks it was cut from by shape alone, their common border being
            a guess.
        base: Height of the lower face above the table [m].
        sigma: Standard deviation of both heights beyond that of a visible upper face [m].
        is_guessed: Whether the base follows from the width, as nothing of the foot is seen.
        in_stack: Whether it stands on another block or carries one.
        is_cube: Whether it is taken for as wide as high, as its outline does not tell its sides.
    """

    label: int
    rows: np.ndarray
    columns: np.ndarray
    is_top: np.ndarray
    height: float
    siblings: tuple[int, ...] = ()
    base: float = 0.0
    sigma: float = 0.0
    is_guessed: bool = False
    in_stack: bool = False
    is_cube: bool = False

    @property
    def thickness(self) -> float:
        """Height of the upper face above the lower one [m]."""
        return self.height - self.base

    def overlap(self, other: BlockRegion) -> float:
        """Return by how much both stand at the same heights [m]; negative if one is above."""
        return min(self.height, other.height) - max(self.base, other.base)

    def part(self, chosen: np.ndarray, label: int, base: float, height: float) -> BlockRegion:
        """Return some of its pixels, (P,) bool, as those of a block between other heights [m]."""
        return replace(
            self,
            label=label,
            rows=self.rows[chosen],
            columns=self.columns[chosen],
            is_top=self.is_top[chosen],
            height=height,
            base=base,
            sigma=GUESS_SIGMA,
        )
