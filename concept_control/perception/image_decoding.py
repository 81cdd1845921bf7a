"""`sensor_msgs/Image` to colour images and depth maps, without cv_bridge.

Only the message's fields are looked at, so that it may come from rclpy or from a bag.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from concept_control.errors import PerceptionError

COLOR_CHANNELS = {
    'rgb8': (3, (0, 1, 2)),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
}
"""Colour encodings that are understood: bytes a pixel, and where R, G, B lie in them."""

DEPTH_TYPES = {'16UC1': ('u2', 1e-3), 'mono16': ('u2', 1e-3), '32FC1': ('f4', 1.0)}
"""Depth encodings that are understood: numpy type, and metres per unit (REP 118)."""

MAX_DEPTH = 100.0
"""Depth that no RGB-D camera measures: it means "nothing there", or a wrong format [m]."""


def decode_color(image: Any) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB of a message with the encoding rgb8, bgr8, rgba8 or bgra8.

    Raises:
        PerceptionError: For another encoding, or sizes that do not fit together.
    """
    if image.encoding not in COLOR_CHANNELS:
        raise PerceptionError(
            f'colour encoding {image.encoding!r} is not understood: '
            f'{", ".join(COLOR_CHANNELS)} are'
        )
    num_channels, order = COLOR_CHANNELS[image.encoding]
    pixels = _rows('colour', image, num_channels).reshape(image.height, image.width, num_channels)
    if order == (0, 1, 2) and num_channels == 3:
        return np.ascontiguousarray(pixels)
    return np.ascontiguousarray(pixels[..., list(order)])


def decode_depth(image: Any) -> np.ndarray:
    """Return the (H, W) float32 depth [m] along the optical axis; holes are NaN (REP 118).

    The encoding is 16UC1 or mono16 (millimetres, 0 is a hole) or 32FC1 (metres; NaN, infinite,
    zero, negative and beyond `MAX_DEPTH` are holes).

    Raises:
        PerceptionError: For another encoding, or sizes that do not fit together.
    """
    if image.encoding not in DEPTH_TYPES:
        raise PerceptionError(
            f'depth encoding {image.encoding!r} is not understood: {", ".join(DEPTH_TYPES)} are'
        )
    kind, scale = DEPTH_TYPES[image.encoding]
    dtype = np.dtype(('>' if image.is_bigendian else '<') + kind)
    rows = np.ascontiguousarray(_rows('depth', image, dtype.itemsize))
    depth = rows.view(dtype).reshape(image.height, image.width).astype(np.float32)
    if scale != 1.0:
        depth *= np.float32(scale)
    with np.errstate(invalid='ignore'):
        depth[~((depth > 0) & (depth < MAX_DEPTH))] = np.nan
    return depth


def _rows(what: str, image: Any, pixel_bytes: int) -> np.ndarray:
    """Return (H, W * pixel_bytes) bytes without the rows' padding."""
    height, width, step, data = image.height, image.width, image.step, image.data
    if height < 1 or width < 1:
        raise PerceptionError(f'a {what} image of {width} x {height} pixels is empty')
    if step < width * pixel_bytes:
        raise PerceptionError(
            f'{what} rows of {step} bytes cannot hold {width} pixels of {image.encoding}: '
            f'at least {width * pixel_bytes} bytes are needed'
        )
    if isinstance(data, np.ndarray):
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    else:
        try:
            flat = np.frombuffer(memoryview(data), dtype=np.uint8)
        except TypeError:
            flat = np.asarray(data, dtype=np.uint8)
    if flat.size != step * height:
        raise PerceptionError(
            f'{what} data of {flat.size} bytes for {height} rows of {step} bytes: '
            f'{step * height} are expected'
        )
    return flat.reshape(height, step)[:, : width * pixel_bytes]
