"""What planners, dynamics and costs know of each other."""

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


class Dynamics(Protocol):
    """Discrete-time dynamics x' = f(x, u) with box limits on u; see `MujocoDynamics`."""

    num_states: int
    num_controls: int
    lower: np.ndarray
    upper: np.ndarray

    @property
    def timestep(self) -> float:
        """Step of the dynamics [s]."""

    def rollout(self, state: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Apply (H, nu) controls; return (H + 1, nx) states."""

    def rollout_batch(self, state: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Apply (B, H, nu) controls; return (B, H + 1, nx) states."""

    def rollout_feedback(
        self, state: np.ndarray, states: np.ndarray, controls: np.ndarray, gains: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Follow a nominal trajectory under feedback; return states and applied controls."""

    def linearize(self, states: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (H, nx, nx) and (H, nx, nu) derivatives."""

    def holding_control(self, q: np.ndarray) -> np.ndarray:
        """Return controls (nu,) that keep the system at rest at `q`."""

    def efforts(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return the torques (..., H, m) that controls cause along states (..., H + 1, nx)."""


class Planner(Protocol):
    """Asked with a state and a cost, answers with a time-stamped plan; warm-started by itself."""

    def plan(
        self, time: float, q: np.ndarray, qd: np.ndarray, cost: Cost, iterations: int = 1
    ) -> Plan:
        """Plan from joint positions and velocities (n,) at a time [s]."""

    def reset(self) -> None:
        """Forget the warm start."""
