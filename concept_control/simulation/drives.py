"""Drives of a robot that is sent plain numbers: positions or torques, one at a time.

These stand for hardware behind ros2_control's forward_command_controller. Each keeps doing what it
was told last; before the first command it holds the arm where it stands.
"""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.errors import CommandError


class PositionDrive:
    """A stiff position loop in each joint, with the weight of the arm compensated."""

    def __init__(self, arm: ArmDescription) -> None:
        self._arm = arm
        self._dynamics = ArmDynamics(arm)
        self._target: np.ndarray | None = None
        self._velocity = np.zeros(arm.num_joints)
        self._since = -np.inf

    def command(self, time: float, values: np.ndarray) -> None:
        """Go to joint positions (n,) [rad] from a time [s] on.

        Raises:
            CommandError: For another number of joints, or values not finite or out of range.
        """
        _check(self._arm, values)
        lower, upper = self._arm.position_limits.T
        if ((values < lower) | (values > upper)).any():
            raise CommandError(f'positions {values} are beyond the limits of {self._arm.name}')
        if self._target is not None and time > self._since:
            speed = (values - self._target) / (time - self._since)
            limit = self._arm.velocity_limits
            self._velocity = np.clip(speed, -limit, limit)
        self._target, self._since = values, time

    def effort(self, time: float, q: np.ndarray, qd: np.ndarray) -> np.ndarray:
        """Return torques (n,) [N m] for measured positions [rad] and velocities [rad/s]."""
        if self._target is None:
            self._target = q.copy()
        arm = self._arm
        # Commands that stop coming end the motion.
        velocity = self._velocity if time - self._since < 0.05 else 0.0
        effort = self._dynamics.holding_effort(q)
        effort = effort + arm.stiffness * (self._target - q) + arm.damping * (velocity - qd)
        return np.clip(effort, -arm.effort_limits, arm.effort_limits)


class EffortDrive:
    """Motors that make the torque they were told last."""

    def __init__(self, arm: ArmDescription) -> None:
        self._arm = arm
        self._dynamics = ArmDynamics(arm)
        self._torque: np.ndarray | None = None

    def command(self, time: float, values: np.ndarray) -> None:
        """Make joint torques (n,) [N m].

        Raises:
            CommandError: For another number of joints, or values not finite or beyond the limits.
        """
        _check(self._arm, values)
        if (np.abs(values) > self._arm.effort_limits * (1 + 1e-9)).any():
            raise CommandError(f'torques {values} are beyond the limits of {self._arm.name}')
        self._torque = values

    def effort(self, time: float, q: np.ndarray, qd: np.ndarray) -> np.ndarray:
        """Return torques (n,) [N m]; brakes hold the arm until the first command."""
        if self._torque is None:
            return self._dynamics.holding_effort(q) - self._arm.damping * qd
        return self._torque


def _check(arm: ArmDescription, values: np.ndarray) -> None:
    if values.shape != (arm.num_joints,):
        raise CommandError(f'{values.size} numbers for the {arm.num_joints} joints of {arm.name}')
    if not np.isfinite(values).all():
        raise CommandError(f'{values} is not finite')
