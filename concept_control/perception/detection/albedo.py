"""Albedo of a block: its colour apart from the light that falls on it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from concept_control.perception.detection.block_region import FACE_DEPTH, BlockRegion
from concept_control.perception.detection.chromaticity import CLIPPED
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.segmentation import TABLE

SHADOW = 0.7
"""Share of the usual light below which a place is in shadow; a table's pattern stays above."""

RING = 14
"""Half width in pixels of the patch of table around a block that shows the light."""


def scene_light(
    color: np.ndarray, labels: np.ndarray, table_color: np.ndarray | None
) -> np.ndarray | None:
    """Return the (3,) light: RGB of a white table, in 8-bit units; None if unknown.

    Args:
        color: (H, W, 3) uint8 RGB.
        labels: (H, W) labels of the segmentation.
        table_color: (3,) mean albedo of the table; None if unknown.
    """
    if table_color is None:
        return None
    sparse = slice(2, None, 7), slice(2, None, 7)
    table = color[sparse][labels[sparse] == TABLE]
    if len(table) < 100:
        return None
    # Shadows, mostly the arm's, are not what lights the table.
    brightness = table.sum(axis=1)
    lit = table[brightness > SHADOW * np.median(brightness)]
    if (lit.max(axis=1) >= CLIPPED).mean() > 0.2:
        return None
    return np.maximum(lit.mean(axis=0) / table_color, 1.0)


def measure_color(
    color: np.ndarray,
    view: DepthView,
    labels: np.ndarray,
    region: BlockRegion,
    table_color: np.ndarray | None,
    light: np.ndarray | None,
    gain: float,
) -> np.ndarray:
    """Return the (3,) RGB albedo of a block, in [0, 1].

    The light is that on the table, which faces up like the block's upper face: on the whole table,
    whose pattern averages out, or next to the block where that is in another light. Where the
    upper face is over-exposed, the walls show the ratio of the channels.

    Args:
        color: (H, W, 3) uint8 RGB.
        view: Depth of the same frame.
        labels: (H, W) labels of the segmentation.
        region: Pixels of the block.
        table_color: (3,) mean albedo of the table; None takes the light for white and right.
        light: (3,) light from `scene_light`; None if unknown.
        gain: Brightness of upper faces over that of walls, for blocks that show no upper face.
    """
    pixels = color[region.rows, region.columns]
    upper = view.height[region.rows, region.columns] > region.height - FACE_DEPTH
    walls = pixels[~upper]
    if upper.sum() < 8:
        upper = np.ones(len(pixels), dtype=bool)
    face = np.median(pixels[upper], axis=0)
    # Corners of an upper face that look out from under a block are as bright as any face.
    if region.in_stack and not region.is_top.any() and len(walls) >= 8:
        face = np.minimum(gain * np.median(walls, axis=0), 255.0)
    white = np.full(3, 255.0)
    if table_color is not None and light is not None:
        white = light
        near = _light_beside(color, labels, region, table_color)
        if near is not None and not SHADOW < near.sum() / light.sum() < 1.0 / SHADOW:
            white = near
    albedo = face / white
    clipped = face >= CLIPPED
    if clipped.any():
        albedo = _recover(albedo, clipped, pixels[~upper])
    return np.clip(albedo, 0.0, 1.0)


def wall_gain(color: np.ndarray, view: DepthView, regions: Sequence[BlockRegion]) -> float:
    """Return how much brighter upper faces are than walls; 1 where both are needed and unseen.

    Args:
        color: (H, W, 3) uint8 RGB.
        view: Depth of the same frame.
        regions: Regions of its blocks.
    """
    if all(region.is_top.any() or not region.in_stack for region in regions):
        return 1.0
    gains = []
    for region in regions:
        pixels = color[region.rows, region.columns].astype(float)
        wall = view.height[region.rows, region.columns] < region.height - FACE_DEPTH
        if min(region.is_top.sum(), wall.sum()) >= 8:
            face, side = (np.median(pixels[which], axis=0) for which in (region.is_top, wall))
            gains.append(face.sum() / max(side.sum(), 1.0))
    return float(np.median(gains)) if gains else 1.0


def _light_beside(
    color: np.ndarray, labels: np.ndarray, region: BlockRegion, table_color: np.ndarray
) -> np.ndarray | None:
    """Return the (3,) light next to a block, as `scene_light`."""
    top, left = max(region.rows.min() - RING, 0), max(region.columns.min() - RING, 0)
    window = slice(top, region.rows.max() + RING + 1), slice(left, region.columns.max() + RING + 1)
    # Pixels at a block's foot mix both colours.
    near = cv2.dilate((labels[window] != TABLE).astype(np.uint8), np.ones((5, 5), np.uint8))
    table = color[window][near == 0]
    if len(table) < 20:
        return None
    shown = np.median(table, axis=0)
    if (shown >= CLIPPED).any():
        return None
    return np.maximum(shown / table_color, 1.0)


def _recover(albedo: np.ndarray, clipped: np.ndarray, walls: np.ndarray) -> np.ndarray:
    """Return the albedo with over-exposed channels completed from less lit pixels."""
    # What is clipped is at least what was seen and at most white: take the middle without better.
    guess = np.where(clipped, 0.5 * (albedo + np.maximum(albedo, 1.0)), albedo)
    exposed = walls[(walls < CLIPPED).all(axis=1) & (walls.max(axis=1, initial=0) > 40)]
    if len(exposed) < 8:
        return guess
    wall = np.median(exposed, axis=0)
    anchor = ~clipped & (wall > 8)
    if anchor.any():
        gain = albedo[anchor].sum() / wall[anchor].sum()
        return np.where(clipped, np.clip(gain * wall, albedo, 1.0), albedo)
    # Nothing in the upper face is well exposed: the walls show the ratio.
    return np.where(clipped, wall * (guess[clipped].max() / wall[clipped].max()), albedo)
