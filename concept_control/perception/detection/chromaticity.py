"""Chromaticity: a colour space that shading hardly moves, and comparisons in it."""

from __future__ import annotations

import cv2
import numpy as np

EDGE_CHROMA, EDGE_LIGHTNESS = 0.10, 0.22
"""Changes of chroma, and of the logarithm of the light, over two pixels that make an edge."""

OTHER_CHROMA = 0.2
"""Difference of chroma from which a pixel is not taken for a body's without looking at all of its
neighbours."""

DARK_CHROMA = 0.15
"""Difference of chroma for the same, of pixels that are nearly black: there it is noise."""

CLIPPED = 250
"""Value from which a colour channel says only 'at least so much'."""

DARK = 0.12
"""Offset of R + G + B (0 .. 3), so that the chroma of black, which is noise, tends to neutral."""


def chromaticity(color: np.ndarray) -> np.ndarray:
    """Return (..., 3) float32 (red-green, yellow-blue, lightness) of (..., 3) uint8 RGB.

    The first two do not change when a surface is lit more or less; the third is the logarithm of
    the light, so that its differences do not depend on the exposure either.
    """
    rgb = color.astype(np.float32) * np.float32(1.0 / 255.0)
    total = rgb[..., 0] + rgb[..., 1] + rgb[..., 2] + np.float32(DARK)
    result = np.empty_like(rgb)
    result[..., 0] = (rgb[..., 0] - rgb[..., 1]) / total
    result[..., 1] = (rgb[..., 0] + rgb[..., 1] - 2.0 * rgb[..., 2]) / (2.0 * total)
    result[..., 2] = np.log(total)
    return result


def compare_chromaticity(
    colors: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compare pixels with a surface that may be lit more or less.

    Args:
        colors: (N, 3) chromaticity of the pixels, as from `chromaticity`.
        reference: (3,) chromaticity of the surface.

    Returns:
        (N,) difference of chroma, and (N,) bool whether it may be the same surface.
    """
    # Undo the damping of dark colours for the surface and redo it for each pixel's light.
    saturation = np.maximum(1.0 - DARK * np.exp(-colors[:, 2]), 0.0)
    own = max(1.0 - DARK * float(np.exp(-reference[2])), 0.3)
    expected = saturation[:, None] * (reference[:2] / own)
    tint = np.abs(colors[:, :2] - expected).sum(axis=1)
    return tint, tint < np.maximum(OTHER_CHROMA * saturation, DARK_CHROMA)


def color_edges(chroma: np.ndarray, radius: int) -> np.ndarray:
    """Return (H, W) bool where the surface's colour changes, whatever the light does slowly."""
    smooth = cv2.blur(chroma, (3, 3)) if radius > 1 else chroma
    step, one = np.array([-1.0, 0.0, 1.0]), np.ones(1)
    along = np.abs(cv2.sepFilter2D(smooth, cv2.CV_32F, step, one))
    across = np.abs(cv2.sepFilter2D(smooth, cv2.CV_32F, one, step))
    change = np.maximum(along, across)
    return (change[..., 0] + change[..., 1] > EDGE_CHROMA) | (change[..., 2] > EDGE_LIGHTNESS)
