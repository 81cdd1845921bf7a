"""Words of the first contact: parts of the table.

Every function returns distances (B, N) of points (B, N, 2) from the region; where there are two
alike, `which` (B, 1) says 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_control.concepts.family import Family
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.named.spatial import Region

FIELD = 0.5
"""Side of a field of the board of four by four [workspace units]."""

INSET = 0.06
"""Least distance of a thing on a field from the field's border [workspace units]."""

WORDS: list[Family] = []
region = partial(word, WORDS)


@dataclass(frozen=True, eq=False, kw_only=True)
class PlainRegion(Region):
    """A region without parameters.

    Attributes:
        judge: Distance of points from the region.
    """

    judge: Callable[..., np.ndarray]

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.judge(points)


class OneOfTwo(PlainRegion):
    """One of two regions; parameter (0 or 1)."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.integers(0, 2, (num_concepts, 1)).astype(float)

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.judge(points, rows[:, :1])


@region(PlainRegion)
def middle_square(points: np.ndarray) -> np.ndarray:
    """Be in the square in the middle of the table."""
    return np.maximum(np.abs(points).max(axis=-1) - 0.3, 0.0)


@region(PlainRegion)
def front_strip(points: np.ndarray) -> np.ndarray:
    """Be in the strip along the front edge of the table."""
    return np.maximum(points[..., 1] + 0.6, 0.0)


@region(PlainRegion)
def diamond(points: np.ndarray) -> np.ndarray:
    """Be in the diamond in the middle of the table."""
    return np.maximum(np.abs(points).sum(axis=-1) - 0.6, 0.0) / np.sqrt(2)


@region(PlainRegion, is_hard=True)
def edge_no_corner(points: np.ndarray) -> np.ndarray:
    """Be at an edge of the table, but not in a corner."""
    nearer, further = np.abs(points).max(axis=-1), np.abs(points).min(axis=-1)
    return np.maximum(np.maximum(0.75 - nearer, further - 0.55), 0.0)


@region(PlainRegion)
def on_a_diagonal(points: np.ndarray) -> np.ndarray:
    """Be on one of the two diagonals of the table."""
    apart = np.abs(points).max(axis=-1) - np.abs(points).min(axis=-1)
    return np.maximum(apart / np.sqrt(2) - 0.06, 0.0)


@region(OneOfTwo, is_hard=True)
def checkerboard(points: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Be on a field of one colour of a board of four by four."""
    at = (points + 1) / FIELD
    wrong = np.floor(at).sum(axis=-1) % 2 != which
    border = FIELD * np.abs(at - np.round(at)).min(axis=-1)
    return np.where(wrong, border + INSET, np.maximum(INSET - border, 0.0))


@region(OneOfTwo, is_hard=True)
def aisle_ends(points: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Be in the aisle through the middle of the table, but not in its middle."""
    x, y = np.abs(points[..., 0]), np.abs(points[..., 1])
    along, across = np.where(which == 0, x, y), np.where(which == 0, y, x)
    return np.maximum(np.maximum(across - 0.25, 0.4 - along), 0.0)
