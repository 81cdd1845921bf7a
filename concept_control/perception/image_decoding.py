"""Bytes of `sensor_msgs/Image` to colour images and depth maps, without cv_bridge."""

from __future__ import annotations

from collections.abc import Sequence

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

Buffer = bytes | bytearray | memoryview | np.ndarray | Sequence


def decode_color(
    encoding: str, height: int, width: int, step: int, is_bigendian: bool, data: Buffer
) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB image of a `sensor_msgs/Image`'s fields.

    Args:
        encoding: Encoding: rgb8, bgr8, rgba8 or bgra8.
        height: Number of rows.
        width: Number of columns.
        step: Number of bytes a row, padding included.
        is_bigendian: Byte order; irrelevant here, taken so that both decoders are called alike.
        data: Bytes of the rows.

    Raises:
        PerceptionError: For another encoding, or sizes that do not fit together.
    """
    if encoding not in COLOR_CHANNELS:
        raise PerceptionError(
            f'colour encoding {encoding!r} is not understood: {", ".join(COLOR_CHANNELS)} are'
        )
    num_channels, order = COLOR_CHANNELS[encoding]
    rows = _rows('colour', encoding, height, width, step, num_channels, data)
    pixels = rows.reshape(height, width, num_channels)
    if order == (0, 1, 2) and num_channels == 3:
        return np.ascontiguousarray(pixels)
    return np.ascontiguousarray(pixels[..., list(order)])


def decode_depth(
    encoding: str, height: int, width: int, step: int, is_bigendian: bool, data: Buffer
) -> np.ndarray:
    """Return the (H, W) float32 depth [m] along the optical axis; holes are NaN (REP 118).

    Args:
        encoding: 16UC1 or mono16 (millimetres, 0 is a hole) or 32FC1 (metres; NaN, infinite,
            zero, negative and beyond `MAX_DEPTH` are holes).
        height: Number of rows.
        width: Number of columns.
        step: Number of bytes a row, padding included.
        is_bigendian: Byte order of a value.
        data: Bytes of the rows.

    Raises:
        PerceptionError: For another encoding, or sizes that do not fit together.
    """
    if encoding not in DEPTH_TYPES:
        raise PerceptionError(
            f'depth encoding {encoding!r} is not understood: {", ".join(DEPTH_TYPES)} are'
        )
    kind, scale = DEPTH_TYPES[encoding]
    dtype = np.dtype(('>' if is_bigendian else '<') + kind)
    rows = _rows('depth', encoding, height, width, step, dtype.itemsize, data)
    values = np.ascontiguousarray(rows).view(dtype).reshape(height, width)
    depth = values.astype(np.float32)
    if scale != 1.0:
        depth *= np.float32(scale)
    with np.errstate(invalid='ignore'):
        depth[~((depth > 0) & (depth < MAX_DEPTH))] = np.nan
    return depth


def _rows(
    what: str, encoding: str, height: int, width: int, step: int, pixel_bytes: int, data: Buffer
) -> np.ndarray:
    """Return (H, W * pixel_bytes) bytes without the rows' padding."""
    if height < 1 or width < 1:
        raise PerceptionError(f'a {what} image of {width} x {height} pixels is empty')
    if step < width * pixel_bytes:
        raise PerceptionError(
            f'{what} rows of {step} bytes cannot hold {width} pixels of {encoding}: at least '
            f'{width * pixel_bytes} bytes are needed'
        )
    if isinstance(data, np.ndarray):
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    else:
        try:
            flat = np.frombuffer(memoryview(data), dtype=np.uint8)  # type: ignore[arg-type]
        except TypeError:
            flat = np.asarray(data, dtype=np.uint8)
    if flat.size != step * height:
        raise PerceptionError(
            f'{what} data of {flat.size} bytes for {height} rows of {step} bytes: '
            f'{step * height} are expected'
        )
    return flat.reshape(height, step)[:, : width * pixel_bytes]
