"""An energy over the table as a picture that pages show."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from matplotlib import colormaps

OPACITY = 0.9
"""Opacity of the picture where the energy is least."""

_FLOOR = 1e-2
_PIXELS = 180


def heat_picture(energies: np.ndarray) -> str:
    """Return energies as a data URL: bright where they are least, clear where they are large.

    Args:
        energies: (S, S) energies >= 0, first row at the bottom of the picture.
    """
    # The square root reads as a distance; a logarithm of it shows bounds and distances alike.
    level = np.log10(np.sqrt(np.maximum(energies, 0.0)) + _FLOOR)
    low, high = np.log10(_FLOOR), np.log10(2.0)
    nearness = np.clip((high - level) / (high - low), 0.0, 1.0)
    smooth = cv2.resize(nearness[::-1].astype(np.float32), (_PIXELS, _PIXELS))
    image = colormaps['viridis'](smooth)
    image[..., 3] = OPACITY * np.sqrt(smooth)
    pixels = (255 * image[..., [2, 1, 0, 3]]).round().astype(np.uint8)
    data = cv2.imencode('.png', pixels)[1].tobytes()
    return 'data:image/png;base64,' + base64.b64encode(data).decode()
