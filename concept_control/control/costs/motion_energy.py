"""Energies of how a point moves on the table, as residuals a planner can square."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class MotionEnergy(Protocol):
    """An energy of a point's position and velocity, such as that of a drawing policy's steps."""

    def residual(self, xy: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals at positions (B, 2) [m] and velocities (B, 2) [m/s]."""

    def linearize(
        self, xy: np.ndarray, velocity: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (B, K) residuals and their (B, K, 2) Jacobians by position and by velocity."""


class NoEnergy:
    """An energy of position that is zero everywhere, where only the motion counts."""

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, 0) residuals."""
        return np.zeros((len(xy), 0))

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (B, 0) residuals and (B, 0, 2) Jacobians."""
        return np.zeros((len(xy), 0)), np.zeros((len(xy), 0, 2))
