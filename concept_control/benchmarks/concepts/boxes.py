"""Axis-aligned boxes, as the published protocols judge relations by."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

Boxes = np.ndarray
"""(..., 4): left, bottom, right, top."""


def boxes_from_centers(centers: np.ndarray, sizes: np.ndarray) -> Boxes:
    """Return the boxes (..., 4) of centres (..., 2) and side lengths (...), or sides (..., 2)."""
    centers = np.asarray(centers, dtype=float)
    half = np.asarray(sizes, dtype=float) / 2
    half = half if half.ndim == centers.ndim else half[..., None]
    return np.concatenate([centers - half, centers + half], axis=-1)


def area(box: Boxes) -> np.ndarray:
    """Return the areas (...) of boxes (..., 4)."""
    return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])


def shared(first: Boxes, second: Boxes) -> np.ndarray:
    """Return lengths (..., 2) that two boxes share along x and along y; negative is a gap."""
    return np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )


def overlap_area(first: Boxes, second: Boxes) -> np.ndarray:
    """Return the area (...) in both boxes."""
    return np.maximum(shared(first, second), 0.0).prod(axis=-1)


def any_collision(boxes: Boxes) -> np.ndarray:
    """Tell (...) where two of N boxes (..., N, 4) overlap; touching is none."""
    i, j = np.triu_indices(boxes.shape[-2], 1)
    return np.any(overlap_area(boxes[..., i, :], boxes[..., j, :]) > 0, axis=-1)


def corners(box: Boxes) -> np.ndarray:
    """Return the corners (4, 2) of one box (4,), counter-clockwise."""
    left, bottom, right, top = box
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])


def share_in_hull(box: Boxes, anchors: Boxes) -> float:
    """Return the share of a box (4,) in the convex hull of anchors (A, 4)."""
    # OpenCV's intersection of polygons is wrong where a corner lies on an edge, as here it may.
    common = corners(box)
    for *normal, offset in ConvexHull(np.concatenate([corners(a) for a in anchors])).equations:
        common = _clip(common, common @ normal + offset)
    x, y = common.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / float(area(box))


def _clip(polygon: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Return what a line leaves of a convex polygon (K, 2), `beyond` (K,) > 0 being cut off."""
    kept = []
    for i, j in zip(range(len(polygon)), np.roll(range(len(polygon)), -1), strict=True):
        if beyond[i] <= 0:
            kept.append(polygon[i])
        if beyond[i] * beyond[j] < 0:
            share = beyond[i] / (beyond[i] - beyond[j])
            kept.append(polygon[i] + share * (polygon[j] - polygon[i]))
    return np.reshape(kept, (-1, 2))
