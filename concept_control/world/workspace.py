"""The similarity between the table in front of the arm and the particle world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.errors import ArmError


@dataclass(frozen=True)
class Workspace:
    """A square of the table that maps to [-1, 1]² by one similarity transform.

    `p_world_xy = center + half_extent * R(yaw) @ p_workspace`. With the default yaw of -90° the
    workspace's +x ("right") is the world's -y and its +y ("above") is the world's +x: what a
    person behind the robot sees, and a camera above the table whose image is turned that way.

    Attributes:
        center: (2,) middle of the square [m] in the world frame (the robot's base).
        half_extent: Half the side of the square [m].
        yaw: Angle of the workspace's x axis about the world's z axis [rad].

    Raises:
        ArmError: if a value is not finite or the square has no area.
    """

    center: tuple[float, float] = (0.53, 0.0)
    half_extent: float = 0.24
    yaw: float = -np.pi / 2

    def __post_init__(self) -> None:
        values = np.array([*self.center, self.half_extent, self.yaw], dtype=float)
        if len(self.center) != 2 or not np.isfinite(values).all() or self.half_extent <= 0:
            raise ArmError(
                f'workspace of center {self.center}, half_extent {self.half_extent}, yaw '
                f'{self.yaw}: expected two finite coordinates, a positive half_extent and a '
                'finite yaw'
            )

    @property
    def rotation(self) -> np.ndarray:
        """(2, 2) rotation from workspace to world axes."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, -s], [s, c]])

    def to_world(self, xy_workspace: np.ndarray) -> np.ndarray:
        """Map (..., 2) workspace coordinates to world coordinates [m]."""
        xy = np.asarray(xy_workspace, dtype=float)
        return np.asarray(self.center) + self.half_extent * (xy @ self.rotation.T)

    def to_workspace(self, xy_world: np.ndarray) -> np.ndarray:
        """Map (..., 2) world coordinates [m] to workspace coordinates."""
        xy = np.asarray(xy_world, dtype=float) - np.asarray(self.center)
        return (xy @ self.rotation) / self.half_extent

    def length_to_world(self, length: float | np.ndarray) -> float | np.ndarray:
        """Convert a length in workspace units to metres."""
        return length * self.half_extent

    def length_to_workspace(self, length: float | np.ndarray) -> float | np.ndarray:
        """Convert a length in metres to workspace units."""
        return length / self.half_extent

    def bounds(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """Return x_min, x_max, y_min, y_max [m] of the square with a margin [m] around it."""
        reach = (self.half_extent + margin) * np.abs(self.rotation).sum(axis=1)
        (x, y), (dx, dy) = self.center, reach
        return float(x - dx), float(x + dx), float(y - dy), float(y + dy)

    def contains(self, xy_world: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Tell which (..., 2) world positions [m] lie at least `margin` [m] inside the square."""
        inside = np.abs(self.to_workspace(xy_world)) <= 1.0 - margin / self.half_extent
        return inside.all(axis=-1)

    def clipped(self, xy_world: np.ndarray) -> np.ndarray:
        """Return the places of the square that are nearest to (..., 2) world positions [m]."""
        return self.to_world(np.clip(self.to_workspace(xy_world), -1.0, 1.0))

    def distance_outside(self, xy_world: np.ndarray) -> float:
        """Return how far a place (2,) [m] in the world is outside the square, 0 inside [m]."""
        return float(np.linalg.norm(self.clipped(xy_world) - xy_world))
