"""What planners and costs know of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from concept_control.control.plan import Plan


@dataclass(frozen=True)
class Quadratic:
    """Second-order model of a cost along a trajectory of H steps.

    Attributes:
        value: Value of the cost.
        state_gradient: (H + 1, nx) gradient by the states.
        state_hessian: (H + 1, nx, nx) Hessian by the states, positive semi-definite
            (Gauss-Newton).
        control_gradient: (H, nu) gradient by the controls.
        control_hessian: (H, nu, nu) Hessian by the controls.
        mixed_hessian: (H, nu, nx) mixed second derivatives.
    """

    value: float
    state_gradient: np.ndarray
    state_hessian: np.ndarray
    control_gradient: np.ndarray
    control_hessian: np.ndarray
    mixed_hessian: np.ndarray

    def joined(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (H, nx + nu) gradients and Hessians by state and control side by side.

        Those by the last state are left out: no control follows it.
        """
        mixed = self.mixed_hessian
        return (
            np.concatenate([self.state_gradient[:-1], self.control_gradient], axis=1),
            np.concatenate(
                [
                    np.concatenate([self.state_hessian[:-1], mixed.transpose(0, 2, 1)], axis=2),
                    np.concatenate([mixed, self.control_hessian], axis=2),
                ],
                axis=1,
            ),
        )


class Cost(Protocol):
    """A cost of trajectories, evaluated for a whole horizon, or many, in one call."""

    def value(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return (...,) costs of trajectories (..., H + 1, nx) under controls (..., H, nu)."""

    def quadratize(
        self,
        states: np.ndarray,
        controls: np.ndarray,
        by_state: np.ndarray,
        by_control: np.ndarray,
    ) -> Quadratic:
        """Expand the cost around one trajectory, given the dynamics' (H, nx, nx), (H, nx, nu)."""


class Planner(Protocol):
    """Asked with a state and a cost, answers with a time-stamped plan; warm-started by itself."""

    def plan(
        self, time: float, q: np.ndarray, qd: np.ndarray, cost: Cost, iterations: int = 1
    ) -> Plan:
        """Plan from a state; the last plan, shifted to it, is where the search begins.

        Args:
            time: Time of the state [s].
            q: (n,) joint positions [rad].
            qd: (n,) joint velocities [rad/s].
            cost: Cost to minimise; may change from call to call.
            iterations: Upper bound on the steps of improvement.
        """

    def reset(self) -> None:
        """Forget the warm start."""


def shifted(trajectory: np.ndarray, steps: float) -> np.ndarray:
    """Read a trajectory (L, ...) `steps` later, or earlier; fractional steps interpolate.

    It goes on as it ends, and before it began it was as it begins: plans are asked for again from
    where the last one began, or a rounding error before.
    """
    index = np.clip(np.arange(len(trajectory)) + steps, 0, len(trajectory) - 1)
    low = index.astype(int)
    high = np.minimum(low + 1, len(trajectory) - 1)
    fraction = (index - low).reshape(-1, *[1] * (trajectory.ndim - 1))
    return (1.0 - fraction) * trajectory[low] + fraction * trajectory[high]
