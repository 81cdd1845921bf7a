"""The colour of a block apart from the light that falls on it."""

from __future__ import annotations

import cv2
import numpy as np

from concept_control.perception.segmentation import TABLE, Region, View

CLIPPED = 250
"""A channel from here on says only 'at least so much'."""

RING = 14
"""Half width in pixels of the patch of table around a block that shows the light."""


def measure_color(
    color: np.ndarray,
    view: View,
    labels: np.ndarray,
    region: Region,
    table_color: np.ndarray | None,
) -> np.ndarray:
    """Return the (3,) RGB albedo of a block, in [0, 1].

    The light is taken from the table beside the block, which faces up like the block's upper
    face. Where that face is over-exposed, its walls show the ratio of the channels.

    Args:
        color: (H, W, 3) uint8 RGB.
        view: the depth of the same frame.
        labels: (H, W) of the segmentation.
        region: the block.
        table_color: (3,) albedo of the table; None takes the light for white and right.
    """
    pixels = color[region.rows, region.columns]
    upper = view.height[region.rows, region.columns] > region.height - 0.004
    if upper.sum() < 8:
        upper = np.ones(len(pixels), dtype=bool)
    face = np.median(pixels[upper], axis=0)
    light = np.full(3, 255.0)
    if table_color is not None:
        light = _table_light(color, labels, region, table_color, light)
    albedo = face / light
    clipped = face >= CLIPPED
    if clipped.any():
        albedo = _recover(albedo, clipped, pixels[~upper])
    return np.clip(albedo, 0.0, 1.0)


def _table_light(
    color: np.ndarray,
    labels: np.ndarray,
    region: Region,
    table_color: np.ndarray,
    default: np.ndarray,
) -> np.ndarray:
    """Return (3,) what a white table would show next to a block, in 8-bit units."""
    top, left = max(region.rows.min() - RING, 0), max(region.columns.min() - RING, 0)
    window = slice(top, region.rows.max() + RING + 1), slice(left, region.columns.max() + RING + 1)
    # Pixels at a block's foot mix both colours.
    near = cv2.dilate((labels[window] != TABLE).astype(np.uint8), np.ones((5, 5), np.uint8))
    table = color[window][near == 0]
    if len(table) < 20:
        return default
    shown = np.median(table, axis=0)
    if (shown >= CLIPPED).any():
        return default
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
