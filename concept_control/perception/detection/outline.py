"""Image polygon of a body on the table."""

from __future__ import annotations

import cv2
import numpy as np

from concept_control.perception.camera_model import Intrinsics

NUM_RING = 24
"""Number of points on a round body's rim."""


def outline_polygon(
    shape: str,
    position: np.ndarray,
    size: np.ndarray,
    yaw: float,
    intrinsics: Intrinsics,
    T_world_camera: np.ndarray,
) -> np.ndarray:
    """Return the (C, 2) convex image polygon (u, v) of a body in front of the camera.

    Args:
        shape: Shape class: cylinder, ball, or box for anything else.
        position: (3,) centre, world frame [m].
        size: (3,) side lengths or diameters [m].
        yaw: Rotation about the vertical axis [rad].
        intrinsics: Calibration of the camera.
        T_world_camera: (4, 4) pose of the optical frame.

    Raises:
        PerceptionError: If a part of the body lies behind the camera.
    """
    half = 0.5 * np.asarray(size, dtype=float)
    if shape == 'ball':
        points = position + _limb(half[0], position, T_world_camera[:3, 3])
    else:
        if shape == 'cylinder':
            angle = np.linspace(0.0, 2.0 * np.pi, NUM_RING, endpoint=False)
            ring = half[0] * np.column_stack([np.cos(angle), np.sin(angle)])
        else:
            cos, sin = np.cos(yaw), np.sin(yaw)
            corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * half[:2]
            ring = corners @ np.array([[cos, sin], [-sin, cos]])
        levels = np.repeat([half[2], -half[2]], len(ring))
        points = position + np.column_stack([np.tile(ring, (2, 1)), levels])
    camera = (points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    pixels = intrinsics.project(camera).astype(np.float32)
    return cv2.convexHull(pixels)[:, 0].astype(float)


def _limb(radius: float, position: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return (P, 3) points of a ball's visible rim, relative to its centre."""
    sight = position - origin
    distance = np.linalg.norm(sight)
    sight = sight / distance
    side = np.cross(sight, [0.0, 0.0, 1.0] if abs(sight[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    angle = np.linspace(0.0, 2.0 * np.pi, NUM_RING, endpoint=False)[:, None]
    rim = np.cos(angle) * side + np.sin(angle) * np.cross(sight, side)
    # Lines of sight touch the ball a little nearer than its centre.
    sin = min(radius / float(distance), 1.0)
    return radius * (np.sqrt(1.0 - sin * sin) * rim - sin * sight)
