"""Open boxes: a rim at one height around a lower floor, which things stand on.

A box is told from blocks in a ring by its thin walls. Its walls are taken out of the depth map,
so that what is in it is found like everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.silhouette import smallest_yaw
from concept_control.world.entity import RIM

SMALLEST, LARGEST = 0.06, 0.3
"""Sides of boxes that are looked for [m]."""

LEVEL = 0.003
"""Largest distance of the rim's pixels from one height [m]."""

SLACK = 0.004
"""Distance from a wall that counts as the wall, and step from it to the floor beside [m]."""

LEAST_RIM, LEAST_FLOOR = 0.85, 0.6
"""Share of the outline along which the rim is seen, and of the strip within it that is lower."""

_BINS = 12
"""Pieces of each side in which the rim is looked for."""


@dataclass(frozen=True)
class OpenBox:
    """An open box that a frame shows.

    Attributes:
        center: (2,) x and y [m].
        sides: (2,) outer sides along its own axes [m].
        yaw: Rotation about the vertical axis [rad], in (-pi/4, pi/4].
        height: Height of the rim above the table [m].
        rim: Rows and columns of the rim's pixels.
        walls: Rows and columns of the pixels of the rim and of the walls.
    """

    center: np.ndarray
    sides: np.ndarray
    yaw: float
    height: float
    rim: tuple[np.ndarray, np.ndarray]
    walls: tuple[np.ndarray, np.ndarray]

    def depth_inside(self, xy: np.ndarray) -> np.ndarray:
        """Return how far (N,) points (N, 2) [m] are within the outline, negative outside."""
        return (self.sides / 2 - np.abs(self._along(xy))).min(axis=1)

    def hold(self, xy: np.ndarray) -> np.ndarray:
        """Return (N,) bool: which points (N, 2) [m] are between the walls."""
        return self.depth_inside(xy) > RIM

    def seen_share(self, xy: np.ndarray) -> float:
        """Return the share of the outline that points (N, 2) [m] near it show."""
        along = self._along(xy) / (self.sides / 2)
        side = np.abs(along).argmax(axis=1)
        other = np.take_along_axis(along, 1 - side[:, None], axis=1)[:, 0]
        far = np.take_along_axis(along, side[:, None], axis=1)[:, 0] > 0
        piece = np.clip((other + 1) / 2 * _BINS, 0, _BINS - 1).astype(int)
        return len(np.unique((2 * side + far) * _BINS + piece)) / (4 * _BINS)

    def _along(self, xy: np.ndarray) -> np.ndarray:
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return (xy - self.center) @ np.array([[cos, -sin], [sin, cos]])


def find_open_boxes(view: DepthView, limits: BlockLimits) -> Iterator[OpenBox]:
    """Find the open boxes on the table whose whole rim a frame shows."""
    raised = (view.height > limits.min_height) & (view.height < limits.max_height)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(raised.astype(np.uint8))
    for label, (left, top, width, height, _) in enumerate(stats[1:], start=1):
        window = slice(top, top + height), slice(left, left + width)
        mask = labels[window] == label
        middle = view.depth[window][mask].mean() / view.focal
        if max(width, height) * middle < SMALLEST or min(width, height) < 8:
            continue
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        around = contours[0][:, 0]
        rim_height = float(np.percentile(view.height[window][around[:, 1], around[:, 0]], 75))
        rows, columns = np.nonzero(mask)
        found = _measure(view, rim_height, rows + top, columns + left)
        if found is not None and _is_hollow(view, found, window):
            yield found


def _measure(
    view: DepthView, height: float, rows: np.ndarray, columns: np.ndarray
) -> OpenBox | None:
    """Return the box around pixels with a rim at a height; None where there is no whole rim."""
    is_rim = np.abs(view.height[rows, columns] - height) < LEVEL
    if is_rim.sum() < 4 * _BINS:
        return None
    xy = view.points(rows, columns)[:, :2]
    center, sides, angle = cv2.minAreaRect(xy[is_rim].astype(np.float32))
    yaw, outer = smallest_yaw(np.deg2rad(angle), np.array(sides))
    if outer.min() < SMALLEST or outer.max() > LARGEST:
        return None
    pixels = rows, columns
    box = OpenBox(np.array(center), outer, yaw, height, pixels, pixels)
    near = box.depth_inside(xy) < RIM + SLACK
    chosen = near & is_rim
    if box.seen_share(xy[chosen]) < LEAST_RIM:
        return None
    rim, walls = ((rows[each], columns[each]) for each in (chosen, near))
    return replace(box, rim=rim, walls=walls)


def _is_hollow(view: DepthView, box: OpenBox, window: tuple[slice, slice]) -> bool:
    """Tell whether it is lower beside the walls within than at the rim."""
    rows, columns = (grid.ravel() for grid in np.mgrid[window])
    heights = view.height[rows, columns]
    depth = box.depth_inside(view.points(rows, columns)[:, :2])
    beside = (depth > RIM + SLACK) & (depth < RIM + 3 * SLACK) & ~np.isnan(heights)
    return bool((heights[beside] < box.height - 2 * LEVEL).mean() > LEAST_FLOOR)
