"""Noise that a structured-light camera adds to a perfect image and depth map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class StructuredLightNoise:
    """Noise of a projector-and-camera depth sensor and of its colour camera.

    The depth follows the Kinect model of Handa et al., "A benchmark for RGB-D visual odometry, 3D
    reconstruction and SLAM" (ICRA 2014): lookups displaced sideways, Gaussian noise on the
    disparity, then rounding to the sensor's disparity step; with the shadow that a projector
    beside the camera leaves at edges, and grazing or random drop-outs (Nguyen, Izadi, Lovell,
    "Modeling Kinect sensor noise", 3DIMPVT 2012).

    Attributes:
        lateral_sigma: Sideways displacement of a lookup [pixels of a 640 pixel wide image].
        disparity_sigma: Noise of the disparity [steps].
        disparity_constant: Depth times disparity steps [m]; 351.3 m is the Kinect's, whose
            depth step is 2.8 mm at 1 m.
        baseline: Distance from projector to camera, along the image's x axis [m].
        dropout: Probability that a pixel has no depth at all.
        color_sigma: Noise of a channel at mid grey, 8-bit units.
        blur: Standard deviation of the colour camera's blur [pixels].
    """

    lateral_sigma: float = 0.5
    disparity_sigma: float = 1.0 / 6.0
    disparity_constant: float = 351.3
    baseline: float = 0.075
    dropout: float = 0.005
    color_sigma: float = 3.0
    blur: float = 0.5

    def apply(
        self, rng: np.random.Generator, color: np.ndarray, depth: np.ndarray, focal: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a noisy copy of a frame.

        Args:
            rng: Random generator.
            color: (H, W, 3) uint8 RGB.
            depth: (H, W) depth [m], NaN where nothing is.
            focal: Focal length of the camera [pixels].

        Returns:
            (H, W, 3) uint8 and (H, W) float32 with NaN holes.
        """
        image = color.astype(np.float32)
        if self.blur > 0:
            cv2.GaussianBlur(image, (0, 0), self.blur, dst=image)
        # Photon noise grows with the square root of the light.
        sigma = self.color_sigma * np.sqrt((image + 10.0) / 128.0)
        image += sigma * rng.standard_normal(image.shape, dtype=np.float32)
        noisy_color = np.clip(image + 0.5, 0, 255).astype(np.uint8)
        height, width = depth.shape
        lateral = self.lateral_sigma * width / 640.0
        rows, columns = np.mgrid[0:height, 0:width]
        shift = lateral * rng.standard_normal((2, height, width), dtype=np.float32)
        rows = np.clip(np.rint(rows + shift[0]), 0, height - 1).astype(int)
        columns = np.clip(np.rint(columns + shift[1]), 0, width - 1).astype(int)
        moved = depth[rows, columns]
        disparity = self.disparity_constant / moved
        disparity += self.disparity_sigma * rng.standard_normal(depth.shape, dtype=np.float32)
        noisy = (self.disparity_constant / np.rint(disparity)).astype(np.float32)
        # Something nearer may keep the projector's light away: seen from the projector a pixel
        # lies at column - focal * baseline / depth; it is dark if a pixel further left in the
        # camera's image falls on the same place or beyond.
        place = np.arange(width) + focal * self.baseline / np.nan_to_num(depth, nan=1e3)
        nearest = np.maximum.accumulate(place, axis=1)
        noisy[:, 1:][nearest[:, :-1] > place[:, 1:] + 0.5] = np.nan
        noisy[rng.random(depth.shape) < self.dropout] = np.nan
        return noisy_color, noisy
