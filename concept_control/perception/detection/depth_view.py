"""Depth map with the pose of its camera: points and heights of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.detection.limits import BlockLimits


@dataclass(frozen=True)
class DepthView:
    """A depth map with the pose of its camera.

    Attributes:
        directions: (H, W, 3) float32 world-frame direction of each pixel per metre of depth.
        pose: (4, 4) pose of the optical frame in the world's.
        depth: (H, W) float32 depth [m], NaN in holes.
        height: (H, W) float32 height above the table [m], NaN in holes.
        focal: Focal length [pixels].
    """

    directions: np.ndarray
    pose: np.ndarray
    depth: np.ndarray
    height: np.ndarray
    focal: float

    @property
    def origin(self) -> np.ndarray:
        """(3,) camera centre, world frame [m]."""
        return self.pose[:3, 3]

    def points(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return (N, 3) world-frame points [m] of pixels."""
        return self.origin + self.directions[rows, columns] * self.depth[rows, columns][:, None]

    def on_plane(self, directions: np.ndarray, height: float) -> np.ndarray:
        """Return (N, 2) world x, y [m] where (N, 3) directions meet a horizontal plane.

        Args:
            directions: Directions from the camera, world frame.
            height: Height of the plane, world z [m].
        """
        steps = (height - self.origin[2]) / directions[:, 2:3]
        return self.origin[:2] + directions[:, :2] * steps


def check_pose(pose: np.ndarray) -> np.ndarray:
    """Return a camera pose as (4, 4) float64.

    Raises:
        PerceptionError: If it is none.
    """
    pose = np.asarray(pose, dtype=np.float64)
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise PerceptionError(f'a camera pose must be finite (4, 4), got {pose.shape}')
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise PerceptionError('the camera pose holds no rotation (is it row-major, and 4 x 4?)')
    return pose


def table_correction(view: DepthView, limits: BlockLimits) -> np.ndarray:
    """Return (H, W) metres to add to heights so that the table seen is flat and at zero."""
    rows = np.arange(4, view.height.shape[0], 9)
    columns = np.arange(4, view.height.shape[1], 9)
    rows, columns = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing='ij'))
    height = view.height[rows, columns]
    near = np.abs(height) < 2.0 * limits.min_height
    rows, columns, height = rows[near], columns[near], height[near]
    nothing = np.zeros((1, 1), dtype=np.float32)
    if len(rows) < 100:
        return nothing
    xy = view.points(rows, columns)[:, :2]
    basis = np.column_stack([np.ones(len(xy)), xy])
    plane = np.zeros(3)
    for cut in (np.inf, 0.006, 0.004):
        kept = np.abs(height - basis @ plane) < cut
        if kept.sum() < 100:
            return nothing
        plane = np.linalg.lstsq(basis[kept], height[kept], rcond=None)[0]
    if np.abs(plane).max() < 1e-5:
        return nothing
    origin, slopes = view.origin[:2], plane[1:]
    lift = view.directions[..., 0] * np.float32(slopes[0])
    lift += view.directions[..., 1] * np.float32(slopes[1])
    return -(view.depth * lift + np.float32(plane[0] + slopes @ origin))
