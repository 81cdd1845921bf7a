"""Pinhole camera model: calibration, rays, projection and pose of an RGB-D camera.

Frames: the camera frame is the optical one of REP 103 (x right, y down, z along the axis). Pixel
(u, v) = (0, 0) is the *centre* of the first pixel, as in OpenCV and `sensor_msgs/CameraInfo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from concept_control.errors import PerceptionError

DISTORTION_MODELS = {'': (0,), 'plumb_bob': (0, 4, 5), 'rational_polynomial': (0, 8, 12, 14)}
"""Distortion models that are understood, and how many coefficients each may carry."""

FIELD_OF_VIEW = (2.0, 170.0)
"""Degrees a pinhole camera can see across; anything else is a broken calibration."""

MAX_ROUND_TRIP = 0.5
"""Pixels by which undistorting and distorting again may miss; beyond, a lens model is folded."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera, with lens distortion where there is some.

    Attributes:
        width: Image width [pixels].
        height: Image height [pixels].
        fx: Horizontal focal length [pixels].
        fy: Vertical focal length [pixels].
        cx: Column of the optical axis, 0 being the centre of the first pixel.
        cy: Row of the optical axis.
        distortion: OpenCV coefficients (k1, k2, p1, p2[, k3[, k4, k5, k6[, s1, s2, s3, s4[, tx,
            ty]]]]); empty for none.

    Raises:
        PerceptionError: For sizes, focal lengths or coefficients no camera can have.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise PerceptionError(
                f'an image of {self.width} x {self.height} pixels: both must be at least 1'
            )
        values = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if not np.isfinite(values).all():
            raise PerceptionError(f'the calibration holds a value that is not finite: {values}')
        if self.fx <= 0 or self.fy <= 0:
            raise PerceptionError(
                f'focal lengths must be positive pixels, got fx={self.fx}, fy={self.fy}: '
                'is the camera calibrated?'
            )
        for what, size, focal, center in (
            ('across', self.width, self.fx, self.cx),
            ('down', self.height, self.fy, self.cy),
        ):
            view = float(2.0 * np.rad2deg(np.arctan2(0.5 * size, focal)))
            if not FIELD_OF_VIEW[0] < view < FIELD_OF_VIEW[1]:
                raise PerceptionError(
                    f'a focal length of {focal:.4g} pixels for {size} pixels {what} means a view '
                    f'of {view:.3g} degrees; {FIELD_OF_VIEW[0]} to {FIELD_OF_VIEW[1]} are possible'
                )
            if not -size < center < 2 * size:
                raise PerceptionError(
                    f'the optical axis at pixel {center:.4g} {what} is nowhere near an image of '
                    f'{size} pixels'
                )
        if len(self.distortion) not in (0, 4, 5, 8, 12, 14):
            raise PerceptionError(
                f'{len(self.distortion)} distortion coefficients: 0, 4 or 5 (plumb_bob), or 8, 12 '
                'or 14 (rational_polynomial) are understood'
            )

    @classmethod
    def from_calibration(
        cls,
        width: int,
        height: int,
        k: Sequence[float],
        distortion: Sequence[float] = (),
        model: str = 'plumb_bob',
    ) -> Intrinsics:
        """Return the intrinsics that a `sensor_msgs/CameraInfo` describes.

        Args:
            width: Image width [pixels].
            height: Image height [pixels].
            k: (9,) row-major camera matrix of the raw image.
            distortion: Coefficients `d`; all zero counts as none.
            model: Distortion model of the message.

        Raises:
            PerceptionError: For an unknown model or a wrong number of values.
        """
        if model not in DISTORTION_MODELS:
            raise PerceptionError(
                f'distortion model {model!r} is not understood: '
                f'{", ".join(sorted(filter(None, DISTORTION_MODELS)))} are; rectify the images of '
                'other lenses, and take the calibration of the rectified ones'
            )
        coefficients = tuple(float(value) for value in distortion)
        if len(coefficients) not in DISTORTION_MODELS[model]:
            allowed = ' or '.join(str(n) for n in DISTORTION_MODELS[model])
            raise PerceptionError(
                f'{len(coefficients)} coefficients for model {model!r}: {allowed} are expected'
            )
        matrix = [float(value) for value in k]
        if len(matrix) != 9:
            raise PerceptionError(f'a camera matrix of {len(matrix)} values: 9 are expected')
        zero, one = (matrix[i] for i in (1, 3, 6, 7)), matrix[8]
        if any(zero) or (one != 1.0 and any(matrix)):
            raise PerceptionError(
                f'{matrix} is no camera matrix; expected fx 0 cx, 0 fy cy, 0 0 1 row by row'
            )
        if not any(coefficients):
            coefficients = ()
        return cls(
            int(width), int(height), matrix[0], matrix[4], matrix[2], matrix[5], coefficients
        )

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3) camera matrix K."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def rays(self) -> np.ndarray:
        """Return (H, W, 3) float64 directions of all pixels, camera frame, z = 1 (read-only).

        NaN where the lens model folds back on itself, which calibrations do beyond the points
        they were made from.

        Raises:
            PerceptionError: If that is most of the image.
        """
        return _pixel_rays(self)

    def undistort(self, pixels: np.ndarray) -> np.ndarray:
        """Return (N, 2) normalised image coordinates (x/z, y/z) of (N, 2) pixels (u, v)."""
        pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        if not self.distortion:
            return (pixels - (self.cx, self.cy)) / (self.fx, self.fy)
        undistorted = cv2.undistortPoints(
            pixels[:, None],
            self.matrix,
            np.array(self.distortion),
            criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9),
        )
        return undistorted[:, 0]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return (N, 2) pixels (u, v) of (N, 3) camera-frame points with z > 0.

        Raises:
            PerceptionError: If a point lies behind the camera.
        """
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        if len(points) == 0:
            return np.zeros((0, 2))
        if (points[:, 2] <= 0).any():
            raise PerceptionError('a point behind the camera cannot be projected (z <= 0)')
        if not self.distortion:
            return points[:, :2] / points[:, 2:] * (self.fx, self.fy) + (self.cx, self.cy)
        pixels, _ = cv2.projectPoints(
            points, np.zeros(3), np.zeros(3), self.matrix, np.array(self.distortion)
        )
        return pixels[:, 0]


@lru_cache(maxsize=8)
def _pixel_rays(intrinsics: Intrinsics) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(intrinsics.width), np.arange(intrinsics.height))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64)
    normalised = intrinsics.undistort(pixels)
    if intrinsics.distortion:
        with np.errstate(all='ignore'):
            again = intrinsics.project(np.column_stack([normalised, np.ones(len(normalised))]))
            is_folded = ~(np.abs(again - pixels).max(axis=1) < MAX_ROUND_TRIP)
        if is_folded.mean() > 0.5:
            raise PerceptionError(
                f'the distortion {intrinsics.distortion} cannot be undone in '
                f'{is_folded.mean():.0%} of the image: is the calibration of this camera?'
            )
        normalised[is_folded] = np.nan
    rays = np.ones((intrinsics.height, intrinsics.width, 3))
    rays[..., :2] = normalised.reshape(intrinsics.height, intrinsics.width, 2)
    rays.flags.writeable = False
    return rays


def check_frame(color: np.ndarray, depth: np.ndarray, intrinsics: Intrinsics) -> None:
    """Refuse a colour image, depth map and calibration that do not belong together.

    Raises:
        PerceptionError: Naming what came and what was expected.
    """
    expected = (intrinsics.height, intrinsics.width)
    if color.dtype != np.uint8 or color.shape != (*expected, 3):
        raise PerceptionError(
            f'the colour image is {color.dtype} {color.shape}; the calibration is for uint8 '
            f'{(*expected, 3)} (rows, columns, RGB)'
        )
    if not np.issubdtype(depth.dtype, np.floating) or depth.shape != expected:
        raise PerceptionError(
            f'the depth map is {depth.dtype} {depth.shape}; the calibration is for floating '
            f'point {expected}: use the depth registered to the colour camera'
        )


def pose_matrix(position: Sequence[float], rotation: Sequence[float]) -> np.ndarray:
    """Return the (4, 4) transform of a position [m] and a quaternion (x, y, z, w).

    Raises:
        PerceptionError: If the numbers are no pose.
    """
    values = np.array([*position, *rotation], dtype=float)
    is_pose = len(position) == 3 and len(rotation) == 4 and np.isfinite(values).all()
    if not is_pose or not np.linalg.norm(rotation) > 1e-6:
        raise PerceptionError(
            f'position {list(position)} and rotation {list(rotation)} are no pose; expected 3 '
            'finite metres and a quaternion x y z w'
        )
    transform = np.eye(4)
    transform[:3, :3] = Rotation.from_quat(rotation).as_matrix()
    transform[:3, 3] = position
    return transform
