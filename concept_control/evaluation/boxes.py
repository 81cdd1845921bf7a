"""Axis-aligned boxes, as the published protocols judge relations by."""

from __future__ import annotations

import cv2
import numpy as np

Boxes = np.ndarray
"""(..., 4): left, bottom, right, top."""


def boxes_of(centers: np.ndarray, sizes: np.ndarray) -> Boxes:
    """Return the boxes (..., 4) of squares with centres (..., 2) and side lengths (...)."""
    half = np.asarray(sizes, dtype=float)[..., None] / 2
    centers = np.asarray(centers, dtype=float)
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
    return (overlap_area(boxes[..., i, :], boxes[..., j, :]) > 0).any(axis=-1)


def corners(box: Boxes) -> np.ndarray:
    """Return the corners (4, 2) of one box (4,), counter-clockwise."""
    left, bottom, right, top = box
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])


def share_in_hull(box: Boxes, anchors: Boxes) -> float:
    """Return the share of a box (4,) in the convex hull of anchors (A, 4)."""
    points = np.concatenate([corners(anchor) for anchor in anchors]).astype(np.float32)
    common, _ = cv2.intersectConvexConvex(
        corners(box).astype(np.float32), cv2.convexHull(points)[:, 0]
    )
    return float(common) / float(area(box))
