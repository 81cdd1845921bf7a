"""Costs from a residual of the state: small problems on which planners are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from concept_control.control.planners.interface import Quadratic

FD_STEP = 1e-6


@dataclass(frozen=True)
class ResidualCost:
    """Sum of squared residuals of the states and of scaled controls.

    Attributes:
        residual: Function from (..., nx) states to (..., K) residuals, weights included.
        control_weights: (nu,) factors on the squared controls.
        terminal: Factor on the residual's square at the horizon's end.
    """

    residual: Callable[[np.ndarray], np.ndarray]
    control_weights: np.ndarray
    terminal: float = 1.0

    def value(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return (...,) costs of trajectories (..., H + 1, nx) under controls (..., H, nu)."""
        running = (self.residual(states) ** 2).sum(axis=-1)
        effort = (self.control_weights * controls**2).sum(axis=(-1, -2))
        return running[..., :-1].sum(axis=-1) + self.terminal * running[..., -1] + effort

    def quadratize(
        self,
        states: np.ndarray,
        controls: np.ndarray,
        by_state: np.ndarray,
        by_control: np.ndarray,
    ) -> Quadratic:
        """Expand the cost around one trajectory by forward differences of the residual."""
        (points, nx), (horizon, nu) = states.shape, controls.shape
        steps = FD_STEP * np.eye(nx)
        residual = self.residual(states)
        moved = self.residual(states[:, None] + steps)
        jacobian = (moved - residual[:, None]).transpose(0, 2, 1) / FD_STEP
        weight = np.ones(points)
        weight[-1] = self.terminal
        transposed = 2 * weight[:, None, None] * jacobian.transpose(0, 2, 1)
        return Quadratic(
            value=float(self.value(states, controls)),
            state_gradient=(transposed @ residual[..., None])[..., 0],
            state_hessian=transposed @ jacobian,
            control_gradient=2 * self.control_weights * controls,
            control_hessian=np.tile(2 * np.diag(self.control_weights), (horizon, 1, 1)),
            mixed_hessian=np.zeros((horizon, nu, nx)),
        )
