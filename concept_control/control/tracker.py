"""The fast loop: joint torques that follow time-stamped plans."""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.plan import Plan


class PlanTracker:
    """Follows the latest plan at the present time, whenever that plan was made.

    tau = effort + Kp (q_ref - q) + Kd (qd_ref - qd), all references interpolated at the present
    time: a plan that arrives late is entered where it should be by now, and one that never
    arrives leaves the arm at the last one's end. Made for 500 Hz; not thread-safe. Attribute
    `plan` is the one that is followed, None while holding.
    """

    def __init__(self, arm: ArmDescription, softness: float = 1.0) -> None:
        """Start by holding what is measured first.

        A loop whose torques come late is stable only with smaller gains: stiffness is divided by
        the square of `softness`, damping by itself.
        """
        self._arm = arm
        self._stiffness, self._damping = arm.stiffness / softness**2, arm.damping / softness
        self._dynamics = ArmDynamics(arm)
        self.plan: Plan | None = None
        self._hold: np.ndarray | None = None

    def follow(self, plan: Plan) -> None:
        """Take over a new plan; one stamped before the present one is ignored.

        A message that overtook another on the way must not turn the arm back.
        """
        if self.plan is None or plan.stamp >= self.plan.stamp:
            self.plan, self._hold = plan, None

    def hold(self) -> None:
        """Drop the plan and hold the position measured next."""
        self.plan, self._hold = None, None

    def reference(self, time: float, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return position, velocity and effort (n,) to follow at a time [s].

        Args:
            time: Present time in the clock of the plans [s].
            q: (n,) measured positions [rad]; latched as what to hold when there is no plan.
        """
        plan = self.plan
        if plan is not None and time < plan.end:
            return plan.at(time)
        if self._hold is None:
            self._hold = q.copy() if plan is None else plan.positions[-1].copy()
        return self._hold, np.zeros_like(q), self._dynamics.holding_effort(self._hold)

    def effort(self, time: float, q: np.ndarray, qd: np.ndarray) -> np.ndarray:
        """Return joint torques (n,) [N m], clamped to the arm's limits.

        Args:
            time: Present time in the clock of the plans [s].
            q: (n,) measured positions [rad].
            qd: (n,) measured velocities [rad/s].
        """
        position, velocity, effort = self.reference(time, q)
        arm = self._arm
        effort = effort + self._stiffness * (position - q) + self._damping * (velocity - qd)
        return np.clip(effort, -arm.effort_limits, arm.effort_limits)
