"""Upper faces: surfaces that surely face up, and which pieces of them are of one block."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from concept_control.perception.detection.chromaticity import CLIPPED
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.limits import BlockLimits

TOP_SLOPE = 0.45
"""Height gained per metre of image footprint below which a surface faces up; walls have >= 1."""

SAME_CHROMA = 0.07
"""Difference of chroma below which two pieces have one colour."""

FINE_PIXELS = 7.5
"""Pixels across the smallest block from which there is room for smoothing."""


@dataclass(frozen=True)
class Resolution:
    """Resolution at which an image shows blocks, and sizes in pixels that follow from it.

    Attributes:
        footprint: Width of a pixel at the table [m].
        radius: Radius of the filters [pixels]; an upper face loses a rim this wide to them.
        min_seed: Least number of pixels of a piece of an upper face.
        min_region: Least number of pixels of a block.
    """

    footprint: float
    radius: int
    min_seed: int
    min_region: int

    @classmethod
    def of(cls, view: DepthView, limits: BlockLimits) -> Resolution:
        """Return the resolution at which a frame shows the smallest block."""
        footprint = float(np.nanmedian(view.depth)) / view.focal
        if limits.min_side / footprint > FINE_PIXELS:
            return cls(footprint, radius=2, min_seed=12, min_region=30)
        return cls(footprint, radius=1, min_seed=5, min_region=14)

    @property
    def rim(self) -> float:
        """Distance of walls from what surely faces up, seen somewhat aslant [m]."""
        return 0.002 + 1.6 * self.radius * self.footprint


@dataclass
class Face:
    """A connected piece of an upper face: where it is and what colour.

    Attributes:
        xy: (N, 2) float32 points on it, world frame [m].
        height: Height above the table [m].
        chroma: (3,) median chromaticity, as from `chromaticity`.
        center: (2,) centre of the smallest rectangle around it [m].
        axes: (2, 2) unit vectors along that rectangle's sides.
        half: (2,) half the rectangle's sides [m].
        is_clipped: Whether most of it is over-exposed.
    """

    xy: np.ndarray
    height: float
    chroma: np.ndarray
    center: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    is_clipped: bool

    @classmethod
    def measure(
        cls,
        view: DepthView,
        color: np.ndarray,
        chroma: np.ndarray,
        rows: np.ndarray,
        columns: np.ndarray,
    ) -> Face:
        """Return the piece of an upper face that these pixels of a frame show."""
        xy = view.points(rows, columns)[:, :2].astype(np.float32)
        height = float(np.median(view.height[rows, columns]))
        clipped = bool((color[rows, columns].max(axis=1) >= CLIPPED).mean() > 0.5)
        return cls.from_points(xy, height, np.median(chroma[rows, columns], axis=0), clipped)

    @classmethod
    def from_points(
        cls, xy: np.ndarray, height: float, chroma: np.ndarray, is_clipped: bool
    ) -> Face:
        """Return the piece of an upper face with these (N, 2) points [m]."""
        center, (width, length), angle = cv2.minAreaRect(xy)
        axis = np.deg2rad(angle)
        axes = np.array([[np.cos(axis), np.sin(axis)], [-np.sin(axis), np.cos(axis)]])
        half = 0.5 * np.array([width, length])
        return cls(xy, height, chroma, np.array(center), axes, half, is_clipped)

    def joined(self, other: Face) -> Face:
        """Return both pieces as one."""
        union = np.concatenate([self.xy, other.xy])
        share = len(self.xy) / len(union)
        return self.from_points(
            union,
            share * self.height + (1.0 - share) * other.height,
            share * self.chroma + (1.0 - share) * other.chroma,
            self.is_clipped or other.is_clipped,
        )

    def distance(self, xy: np.ndarray) -> np.ndarray:
        """Return (N,) distances [m] of (N, 2) points to the rectangle around it."""
        outside = np.abs((xy - self.center) @ self.axes.T) - self.half
        return np.linalg.norm(np.maximum(outside, 0.0), axis=1)

    def extent_with(self, xy: np.ndarray) -> float:
        """Return the longer side [m] of the rectangle around it and (N, 2) points."""
        return max(cv2.minAreaRect(np.concatenate([self.xy, xy]))[1])


def slope(view: DepthView, radius: int) -> np.ndarray:
    """Return (H, W) height gained per metre of image footprint, of planes fitted around pixels."""
    size = 2 * radius + 1
    height, valid = view.height, ~np.isnan(view.height)
    if not valid.all():
        filled = np.where(valid, height, np.float32(0.0))
        weight = cv2.blur(valid.astype(np.float32), (size, size))
        mean = cv2.blur(filled, (size, size)) / np.maximum(weight, np.float32(1e-3))
        height = np.where(valid, height, mean)
    ramp, ones = np.arange(-radius, radius + 1.0), np.ones(size)
    ramp /= size * (ramp**2).sum()
    along = cv2.sepFilter2D(height, cv2.CV_32F, ramp, ones)
    across = cv2.sepFilter2D(height, cv2.CV_32F, ones, ramp)
    footprint = np.where(valid, view.depth, np.float32(1.0)) * np.float32(1.0 / view.focal)
    return cv2.magnitude(along, across) / footprint


def merge_faces(
    labels: np.ndarray, seeds: list[Face], limits: BlockLimits
) -> tuple[np.ndarray, list[Face]]:
    """Join pieces of one upper face that a shadow's edge, a highlight or noise cut apart."""
    order = list(range(len(seeds)))
    joined = True
    while joined:
        joined = False
        for i, j in combinations(range(len(seeds)), 2):
            if order[i] == i and order[j] == j and _is_one_face(seeds[i], seeds[j], limits):
                seeds[i], order[j], joined = seeds[i].joined(seeds[j]), i, True
    roots = [i for i in range(len(seeds)) if order[i] == i]
    renumber = np.zeros(len(seeds) + 1, dtype=np.int32)
    for i in range(len(seeds)):
        root = i
        while order[root] != root:
            root = order[root]
        renumber[i + 1] = roots.index(root) + 1
    return renumber[labels], [seeds[i] for i in roots]


def _is_one_face(a: Face, b: Face, limits: BlockLimits) -> bool:
    if abs(a.height - b.height) > 0.005:
        return False
    if np.linalg.norm(a.center - b.center) > 1.5 * limits.max_side:
        return False
    if min(a.distance(b.xy).min(), b.distance(a.xy).min()) > 0.012:
        return False
    union = max(cv2.minAreaRect(np.concatenate([a.xy, b.xy]))[1])
    if union > limits.max_side:
        return False
    # Together a cube's face, or one too narrow to be a block: one body under different light.
    height = min(max(a.height, b.height), limits.max_height)
    is_cube = union < 1.1 * height
    is_part = 2.0 * min(a.half.min(), b.half.min()) < 0.6 * limits.min_side
    is_part &= union < 1.4 * height
    is_alike = np.abs(a.chroma[:2] - b.chroma[:2]).sum() < SAME_CHROMA
    return bool(is_cube or is_part or is_alike)
