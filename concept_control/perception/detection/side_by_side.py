"""What has no upper face of its own, divided where another colour begins beside it."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from concept_control.perception.detection.chromaticity import color_edges, compare_chromaticity
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.faces import Resolution

TOUCHING = 0.008
"""Distance in a picture from above within which what is lower may carry what is higher, the rims
between them not being sure [m]."""

OVERLAP = 0.009
"""Heights at which both may be seen of two parts of which one carries the other [m]."""


def side_by_side(
    view: DepthView,
    chroma: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    resolution: Resolution,
) -> list[np.ndarray]:
    """Divide connected pixels into what stands side by side; what is below stays with its stack.

    Args:
        view: Depth of the frame.
        chroma: (H, W, 3) chromaticity of its colours.
        rows: (N,) rows of the pixels.
        columns: (N,) columns of the pixels.
        resolution: Resolution of the frame.

    Returns:
        Indices of the pixels of each part.
    """
    owner = _by_tint(chroma, rows, columns, resolution)
    if owner.max(initial=0) < 2:
        return [np.arange(len(rows))]
    xy, heights = view.points(rows, columns)[:, :2], view.height[rows, columns]
    parts = [np.flatnonzero(owner == index) for index in range(1, owner.max() + 1)]
    stacks: list[np.ndarray] = []
    for part in sorted(parts, key=lambda part: -np.percentile(heights[part], 90)):
        top = np.percentile(heights[part], 90)
        for index, stack in enumerate(stacks):
            is_below = top < np.percentile(heights[stack], 10) + OVERLAP
            if is_below and nearest_distance(xy[part], xy[stack]) < TOUCHING:
                stacks[index] = np.concatenate([stack, part])
                break
        else:
            stacks.append(part)
    return stacks


def nearest_distance(xy: np.ndarray, others: np.ndarray) -> float:
    """Return the smallest distance of (N, 2) places from (M, 2) others [m]."""
    return float(cKDTree(others).query(xy)[0].min())


def components(rows: np.ndarray, columns: np.ndarray, least: int) -> np.ndarray:
    """Return (N,) the connected component that pixels are of, from 1 on; 0 for small ones."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    rows, columns = rows - rows.min(), columns - columns.min()
    mask = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.uint8)
    mask[rows, columns] = 1
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    is_large = stats[:, cv2.CC_STAT_AREA] >= least
    is_large[0] = False
    return (np.cumsum(is_large) * is_large)[pieces[rows, columns]]


def _by_tint(
    chroma: np.ndarray, rows: np.ndarray, columns: np.ndarray, resolution: Resolution
) -> np.ndarray:
    """Return (N,) the part of one colour, however lit, that pixels are of, from 1 on."""
    margin = 2
    top, left = max(rows.min() - margin, 0), max(columns.min() - margin, 0)
    window = chroma[top : rows.max() + margin + 1, left : columns.max() + margin + 1]
    edges = color_edges(window * np.array([1, 1, 0], dtype=np.float32), resolution.radius)
    inner = np.flatnonzero(~edges[rows - top, columns - left])
    member = components(rows[inner], columns[inner], resolution.min_seed)
    inner, member = inner[member > 0], member[member > 0]
    tints: list[np.ndarray] = []
    for index in np.unique(member):
        tint = np.median(chroma[rows[inner], columns[inner]][member == index], axis=0)
        alike = [k for k, t in enumerate(tints, 1) if compare_chromaticity(tint[None], t)[1][0]]
        tints += [] if alike else [tint]
        member[member == index] = alike[0] if alike else len(tints)
    if len(tints) < 2:
        return np.ones(len(rows), dtype=np.int64)
    places = np.column_stack([rows, columns])
    return member[cKDTree(places[inner]).query(places)[1]]
