"""An energy that is asked along a plan, and read from its linearisation beside it.

The line search of an iteration asks for the energy along trajectories that are millimetres from
the one that was just linearised; there the linearisation says the rest, and the next plan looks
again: real-time iterations do without a line search altogether (Diehl, Bock, Schlöder, "A
real-time iteration scheme for nonlinear optimization in optimal feedback control", SIAM J.
Control Optim. 2005). Further away the energy itself is asked.
"""

from __future__ import annotations

import numpy as np

from concept_control.control.costs.entity_energy import EntityEnergy

RADIUS = 3e-3
"""Distance from where it was linearised within which a residual counts as linear [m]."""


class LinearizedEnergy:
    """An energy of one entity's place that remembers its last linearisation."""

    def __init__(self, energy: EntityEnergy) -> None:
        self.energy = energy
        self._places = np.zeros((0, 2))
        self._residual = np.zeros((0, 0))
        self._jacobian = np.zeros((0, 0, 2))

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals at world positions (B, 2) [m]."""
        if xy.shape == self._places.shape:
            step = xy - self._places
            if np.hypot(*step.T).max(initial=0.0) <= RADIUS:
                return self._residual + (self._jacobian @ step[..., None])[..., 0]
        return self.energy.residual(xy)

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (B, K) residuals and their (B, K, 2) Jacobians [1/m], and remember them."""
        self._residual, self._jacobian = self.energy.linearize(xy)
        self._places = xy.copy()
        return self._residual, self._jacobian
