"""`sensor_msgs/Image` and `CompressedImage` to colour images and depth maps, without cv_bridge.

Only the message's fields are looked at, so that it may come from rclpy or from a bag.
"""

from __future__ import annotations

from typing import Any

import cv2
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

DEPTH_HEADER = np.dtype([('format', '<i4'), ('quantisation', '<f4', 2)])
"""What compressed_depth_image_transport puts before its PNG: a number of no use here, and A and B
of depth = A / (value - B), by which metres were made whole numbers."""


def decode_color(image: Any) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB of a message, compressed or rgb8, bgr8, rgba8 or bgra8.

    Raises:
        PerceptionError: For another encoding, or sizes that do not fit together.
    """
    if hasattr(image, 'format'):
        return np.ascontiguousarray(_unpacked('colour', image, 0, cv2.IMREAD_COLOR)[..., ::-1])
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
    zero, negative and beyond `MAX_DEPTH` are holes), either as compressedDepth packs it, too.

    Raises:
        PerceptionError: For another encoding, or sizes that do not fit together.
    """
    if hasattr(image, 'format'):
        return _without_holes(_unpacked_depth(image))
    if image.encoding not in DEPTH_TYPES:
        raise PerceptionError(
            f'depth encoding {image.encoding!r} is not understood: {", ".join(DEPTH_TYPES)} are'
        )
    kind, scale = DEPTH_TYPES[image.encoding]
    dtype = np.dtype(('>' if image.is_bigendian else '<') + kind)
    rows = np.ascontiguousarray(_rows('depth', image, dtype.itemsize))
    depth = rows.view(dtype).reshape(image.height, image.width).astype(np.float32)
    return _without_holes(depth * np.float32(scale))


def _without_holes(depth: np.ndarray) -> np.ndarray:
    with np.errstate(invalid='ignore'):
        depth[~((depth > 0) & (depth < MAX_DEPTH))] = np.nan
    return depth


def _unpacked_depth(image: Any) -> np.ndarray:
    """Return the depth (H, W) [m] that image_transport's `compressedDepth` has packed."""
    encoding = str(image.format).partition(';')[0].strip()
    if encoding not in DEPTH_TYPES or 'compressedDepth' not in image.format:
        raise PerceptionError(
            f'compressed depth of the format {image.format!r} is not understood: compressedDepth '
            f'of {", ".join(DEPTH_TYPES)} is'
        )
    packed = _unpacked('depth', image, DEPTH_HEADER.itemsize, cv2.IMREAD_UNCHANGED)
    if packed.dtype != np.uint16 or packed.ndim != 2:
        raise PerceptionError(f'compressed depth holds {packed.dtype} {packed.shape}, not 16 bits')
    if encoding != '32FC1':
        return packed.astype(np.float32) * np.float32(DEPTH_TYPES[encoding][1])
    a, b = np.frombuffer(_bytes(image), DEPTH_HEADER, count=1)['quantisation'][0]
    with np.errstate(all='ignore'):
        return np.where(packed > 0, a / (packed.astype(np.float32) - b), np.float32(np.nan))


def _unpacked(what: str, image: Any, start: int, flags: int) -> np.ndarray:
    """Return the pixels of a compressed image whose file begins at a byte."""
    data = _bytes(image)[start:]
    try:
        pixels = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as error:
        raise PerceptionError(f'a compressed {what} image cannot be unpacked: {error}') from error
    if pixels is None:
        raise PerceptionError(
            f'a compressed {what} image of {data.size} bytes, {image.format!r}, cannot be '
            'unpacked: JPEG and PNG can'
        )
    return pixels


def _bytes(image: Any) -> np.ndarray:
    """Return a message's data as a flat array of bytes."""
    if isinstance(image.data, np.ndarray):
        return np.ascontiguousarray(image.data).reshape(-1).view(np.uint8)
    try:
        return np.frombuffer(memoryview(image.data), dtype=np.uint8)
    except TypeError:
        return np.asarray(image.data, dtype=np.uint8)


def _rows(what: str, image: Any, pixel_bytes: int) -> np.ndarray:
    """Return (H, W * pixel_bytes) bytes without the rows' padding."""
    height, width, step = image.height, image.width, image.step
    if height < 1 or width < 1:
        raise PerceptionError(f'a {what} image of {width} x {height} pixels is empty')
    if step < width * pixel_bytes:
        raise PerceptionError(
            f'{what} rows of {step} bytes cannot hold {width} pixels of {image.encoding}: '
            f'at least {width * pixel_bytes} bytes are needed'
        )
    flat = _bytes(image)
    if flat.size != step * height:
        raise PerceptionError(
            f'{what} data of {flat.size} bytes for {height} rows of {step} bytes: '
            f'{step * height} are expected'
        )
    return flat.reshape(height, step)[:, : width * pixel_bytes]
