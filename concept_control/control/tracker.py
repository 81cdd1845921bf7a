"""The fast loop: joint torques that follow time-stamped plans."""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.plan import Plan

MAX_ERROR = 0.05
"""Largest distance of an arm from the plan it follows, up to which references go over from that
plan to the next one [rad, m]."""


class PlanTracker:
    """Follows the latest plan at the present time, whenever that plan was made.

    tau = effort + Kp (q_ref - q) + Kd (qd_ref - qd), all references interpolated at the present
    time: a plan that arrives late is entered where it should be by now, and one that never
    arrives leaves the arm at the last one's end. Made for 500 Hz; not thread-safe. Attribute
    `plan` is the one that is followed, None while holding.
    """

    def __init__(
        self, arm: ArmDescription, softness: float = 1.0, blend_time: float = 0.0
    ) -> None:
        """Start by holding what is measured first.

        Args:
            arm: Arm that is tracked.
            softness: Factor by which damping is divided, and stiffness by its square: a loop whose
                torques come late is stable only with smaller gains.
            blend_time: Time constant with which references go over from one plan to the next [s]:
                with one that comes late they would jump, and the arm with them.
        """
        self._arm, self._blend_time = arm, blend_time
        self._replaced: Plan | None = None
        self._offset: tuple[float, np.ndarray, np.ndarray] | None = None
        self._stiffness, self._damping = arm.stiffness / softness**2, arm.damping / softness
        self._dynamics = ArmDynamics(arm)
        self.plan: Plan | None = None
        self._hold: np.ndarray | None = None

    def follow(self, plan: Plan) -> None:
        """Take over a new plan; one stamped before the present one is ignored.

        A message that overtook another on the way must not turn the arm back.
        """
        if self.plan is None or plan.stamp >= self.plan.stamp:
            if self._replaced is None:
                self._replaced = self.plan
            self.plan, self._hold = plan, None

    def hold(self) -> None:
        """Drop the plan and hold the position measured next."""
        self.plan, self._hold = None, None
        self._replaced = self._offset = None

    def reference(self, time: float, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return position, velocity and effort (n,) to follow at a time [s].

        Args:
            time: Present time in the clock of the plans [s].
            q: (n,) measured positions [rad]; latched as what to hold when there is no plan.
        """
        plan = self.plan
        if plan is not None and time < plan.end:
            position, velocity, effort = plan.at(time)
        else:
            if self._hold is None:
                self._hold = q.copy() if plan is None else plan.positions[-1].copy()
            position, velocity = self._hold, np.zeros_like(q)
            effort = self._dynamics.holding_effort(self._hold)
        # What is left of the last plan goes as a critically damped spring does that begins with
        # the differences of position and velocity.
        shift = drift = np.zeros_like(position)
        # An offset of a time that has not come is of a clock that was turned back since.
        if self._offset is not None and self._offset[0] <= time:
            then, shift, drift = self._offset
            rate, elapsed = 1.0 / self._blend_time, time - then
            slope, share = drift + rate * shift, np.exp(-rate * elapsed)
            shift = share * (shift + slope * elapsed)
            drift = share * (drift - rate * slope * elapsed)
        if self._replaced is not None and self._blend_time > 0.0:
            before, speed, _ = self._replaced.at(time)
            shift, drift = before + shift - position, speed + drift - velocity
            # Where the arm has left the last plan, the new one begins where it is.
            if np.abs(position + shift - q).max() > MAX_ERROR:
                shift = drift = np.zeros_like(position)
            self._offset = time, shift, drift
        self._replaced = None
        return position + shift, velocity + drift, effort

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
