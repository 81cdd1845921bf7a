"""Segmentation of an RGB-D frame: the table, the blocks on it, and what is neither.

Depth says what stands above the table and which surfaces face up; colour, in a space that shading
hardly moves, says where one block's top ends and a touching one's begins. Colours are compared
with each other only: there is no palette.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from concept_control.perception.detection.block_region import BlockRegion
from concept_control.perception.detection.chromaticity import (
    chromaticity,
    color_edges,
    compare_chromaticity,
)
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.faces import (
    TOP_SLOPE,
    Face,
    Resolution,
    merge_faces,
    slope,
)
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.stacks import Columns
from concept_control.world.boxes import OrientedBoxes

TABLE, OTHER, HOLE = 0, -1, -2
"""Labels of pixels that are no block: the table, what else stands above it, and no depth."""

ROBOT_MARGIN = 0.01
"""Distance from a part of the robot at which nothing is told from it [m]."""

ABOVE_FACE = 0.008
"""Height above an upper face up to which a pixel may be of its block [m]."""


@dataclass(frozen=True)
class Segmentation:
    """Blocks found in a frame.

    Attributes:
        labels: (H, W) int32: `TABLE`, `OTHER` (arm, clutter), `HOLE` or a block's label >= 1.
        regions: Pixels of each block.
    """

    labels: np.ndarray
    regions: list[BlockRegion]


def segment(
    color: np.ndarray,
    view: DepthView,
    limits: BlockLimits,
    robot: OrientedBoxes | None = None,
) -> Segmentation:
    """Find the pixels of each block.

    Args:
        color: (H, W, 3) uint8 RGB.
        view: Depth of the same frame.
        limits: Limits of what may be on the table.
        robot: Parts of the robot that are no blocks; None where they are not known.

    Returns:
        Label map and regions; a region is a candidate, its fit decides.
    """
    labels = np.full(view.depth.shape, HOLE, dtype=np.int32)
    valid = ~np.isnan(view.height)
    labels[valid] = TABLE
    raised = view.height > limits.min_height
    labels[raised] = OTHER
    # Where the robot's parts are not known, what is higher than a block is taken for one of them.
    highest = limits.max_height if robot is None else max(limits.max_height, limits.max_stack)
    highest = min(highest, float(view.origin[2]) - limits.table_height)
    candidates = raised & (view.height < highest)
    if limits.bounds is not None:
        candidates &= _within(view, limits.bounds)
    if robot is not None:
        low, high = limits.table_height + np.array([limits.min_height, highest])
        nearby = robot.between(low, high)
        rows, columns = np.nonzero(candidates)
        is_robot = nearby.contain(view.points(rows, columns), ROBOT_MARGIN)
        candidates[rows[is_robot], columns[is_robot]] = False
    window = _bounding_window(candidates, margin=4)
    if window is None:
        return Segmentation(labels, [])
    inner = DepthView(
        view.directions[window],
        view.pose,
        view.depth[window],
        view.height[window],
        view.focal,
    )
    regions = _regions(inner, color[window], candidates[window], limits, robot is not None)
    top, left = window[0].start, window[1].start
    for region in regions:
        region.rows += top
        region.columns += left
        labels[region.rows, region.columns] = region.label
    return Segmentation(labels, regions)


def _within(view: DepthView, bounds: tuple[float, float, float, float]) -> np.ndarray:
    x = view.directions[..., 0] * view.depth + np.float32(view.origin[0])
    y = view.directions[..., 1] * view.depth + np.float32(view.origin[1])
    return (x > bounds[0]) & (x < bounds[1]) & (y > bounds[2]) & (y < bounds[3])


def _bounding_window(mask: np.ndarray, margin: int) -> tuple[slice, slice] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )


def _regions(
    view: DepthView,
    color: np.ndarray,
    candidates: np.ndarray,
    limits: BlockLimits,
    has_stacks: bool,
) -> list[BlockRegion]:
    chroma = chromaticity(color)
    resolution = Resolution.of(view, limits)
    faces_up = slope(view, resolution.radius) < TOP_SLOPE
    seeds = candidates & faces_up & ~color_edges(chroma, resolution.radius)
    num, labels, stats, _ = cv2.connectedComponentsWithStats(
        seeds.astype(np.uint8), connectivity=4
    )
    keep = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= resolution.min_seed) + 1
    renumber = np.zeros(num, dtype=np.int32)
    renumber[keep] = np.arange(1, len(keep) + 1)
    labels = renumber[labels]
    facts = [
        Face.measure(view, color, chroma, rows, columns)
        for rows, columns in _pixels_by_label(labels)
    ]
    labels, facts = merge_faces(labels, facts, limits)
    full = _assign(view, chroma, candidates, labels, facts, resolution, limits.max_height)
    regions = []
    for label, (rows, columns) in enumerate(_pixels_by_label(full), start=1):
        if len(rows) < resolution.min_region:
            continue
        is_top = labels[rows, columns] == label
        heights = view.height[rows, columns]
        upper = heights[is_top] if is_top.any() else heights
        height = float(np.median(upper) if is_top.any() else np.percentile(upper, 90))
        near = np.abs(upper - height) < 0.005
        if is_top.any() and near.any():
            height = float(upper[near].mean())
        regions.append(BlockRegion(label, rows, columns, is_top, height))
    if not has_stacks:
        return regions
    return Columns(view, chroma, candidates, regions, facts, limits, resolution).separate()


def _pixels_by_label(labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return rows and columns of the pixels of label 1, 2, ..."""
    pixels = np.flatnonzero(labels > 0)
    own = labels.ravel()[pixels]
    order = np.argsort(own, kind='stable')
    ends = np.searchsorted(own[order], np.arange(1, labels.max() + 1), side='right')
    pieces = np.split(pixels[order], ends)[:-1]
    return [np.divmod(piece, labels.shape[1]) for piece in pieces]


def _assign(
    view: DepthView,
    chroma: np.ndarray,
    candidates: np.ndarray,
    labels: np.ndarray,
    seeds: list[Face],
    resolution: Resolution,
    highest: float,
) -> np.ndarray:
    """Give the walls, edges and mixed pixels to the upper face they lie under or beside.

    A wall stands on its upper face's outline, so a pixel's own (x, y) says whose it is; colour
    decides between blocks that touch.
    """
    full = labels.copy()
    rows, columns = np.nonzero(candidates & (labels == 0))
    if len(rows) == 0:
        return full
    xy = view.points(rows, columns)[:, :2]
    heights = view.height[rows, columns]
    colors = chroma[rows, columns]
    best = np.full(len(rows), np.inf)
    owner = np.zeros(len(rows), dtype=np.int32)
    for k, seed in enumerate(seeds, start=1):
        distance = seed.distance(xy)
        tint, is_alike = compare_chromaticity(colors, seed.chroma)
        # The visible part of a ball reaches far beyond the cap that faces up.
        is_near = (distance < max(0.012, 0.45 * min(seed.height, highest))) & (
            heights < seed.height + ABOVE_FACE
        )
        cost = distance / 0.004 + tint / 0.08
        better = is_near & is_alike & (cost < best)
        best[better], owner[better] = cost[better], k
    full[rows, columns] = owner
    _place_pieces(view, chroma, full, candidates, seeds, resolution, highest)
    return full


def _place_pieces(
    view: DepthView,
    chroma: np.ndarray,
    full: np.ndarray,
    candidates: np.ndarray,
    seeds: list[Face],
    resolution: Resolution,
    highest: float,
) -> None:
    """Label what is left: discoloured walls, far corners, and bodies without a sure upper face.

    Over-exposure discolours a wall's upper face; of a block the arm nearly hides only a corner,
    or no upper face at all, may be seen.
    """
    rest = (candidates & (full == 0)).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=4)
    label = len(seeds)
    for piece in np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= 4) + 1:
        left, top, width, height, _ = stats[piece]
        window = (
            slice(max(top - 1, 0), top + height + 1),
            slice(max(left - 1, 0), left + width + 1),
        )
        mask = (pieces[window] == piece).astype(np.uint8)
        rows, columns = np.nonzero(mask)
        rows, columns = rows + window[0].start, columns + window[1].start
        xy = view.points(rows, columns)[:, :2].astype(np.float32)
        colors, heights = chroma[rows, columns], view.height[rows, columns]
        around = full[window][cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0]
        best, owner = resolution.rim, 0
        for k in np.unique(around[(around > 0) & (around <= len(seeds))]):
            seed = seeds[k - 1]
            low = heights < seed.height + ABOVE_FACE
            if not low.any():
                continue
            distance = float(np.median(seed.distance(xy[low])))
            share = float(compare_chromaticity(colors[low], seed.chroma)[1].mean())
            if share > 0.6 and seed.extent_with(xy[low]) < 1.5 * min(seed.height, highest):
                distance = min(distance, 0.9 * resolution.rim)
            # Light discolours a wall's face only where it is too much for the camera.
            if distance < best and (share > 0.4 or seed.is_clipped):
                best, owner = distance, int(k)
        if owner:
            low = heights < seeds[owner - 1].height + ABOVE_FACE
            full[rows[low], columns[low]] = owner
            rows, columns = rows[~low], columns[~low]
        if len(rows) >= 2 * resolution.min_region:
            label += 1
            full[rows, columns] = label
