"""Drives of a robot: they turn trajectories, positions or torques into what the motors make.

These stand for hardware behind ros2_control's joint_trajectory_controller and
forward_command_controller, and do what drives of robots do: they follow what they are told within
the arm's speed and acceleration, also where it jumps because it was late on its way; and before
the first position or torque, and where these stop coming, a controlled stop brings the arm to rest
and holds it there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.guard import TORQUE_SPAN
from concept_control.control.plan import Plan
from concept_control.control.tracker import PlanTracker
from concept_control.errors import CommandError

FOLLOWING_TIME = 0.02
"""Time constant with which a loop's reference comes to the trajectory told [s]."""

SMOOTHING_TIME = 0.03
"""Time constant of the critically damped filter through which positions come, which have no times
of their own and arrive in bursts [s]; all joints are twice as late, and so on the path told."""

MAX_STEP = 0.01
"""Longest time for which a reference moves on at once [s]."""


class _Servo:
    """A stiff loop in each joint around a reference that moves within the arm's limits."""

    def __init__(self, arm: ArmDescription) -> None:
        self._arm, self._dynamics = arm, ArmDynamics(arm)
        self.release()

    def release(self) -> None:
        """Begin anew at what is measured next."""
        self._q: np.ndarray | None = None

    def effort(
        self,
        time: float,
        q: np.ndarray,
        qd: np.ndarray,
        target: tuple[np.ndarray, np.ndarray | None] | None,
    ) -> np.ndarray:
        """Return torques (n,) [N m].

        Args:
            time: Present time [s].
            q: (n,) measured positions [rad].
            qd: (n,) measured velocities [rad/s].
            target: Positions and velocities (n,) to go to, None for velocities that are not told;
                None: rest, wherever that is.
        """
        arm, top = self._arm, self._arm.acceleration_limits
        if self._q is None:
            self._q, self._qd, self._time = q.copy(), qd.copy(), time
        step = float(np.clip(time - self._time, 0.0, MAX_STEP))
        self._time, wanted = time, np.zeros_like(q)
        if target is not None:
            lag, velocity = target[0] - self._q, target[1]
            if velocity is None:
                pull = (lag / SMOOTHING_TIME - 2 * self._qd) / SMOOTHING_TIME
                wanted = self._qd + step * pull
            else:
                # From this speed a joint stops within its lag.
                stoppable = np.sqrt(2 * top * np.abs(lag))
                wanted = velocity + np.clip(lag / FOLLOWING_TIME, -stoppable, stoppable)
            wanted = np.clip(wanted, -arm.velocity_limits, arm.velocity_limits)
        acceleration = np.clip((wanted - self._qd) / max(step, 1e-3), -top, top)
        self._qd = self._qd + step * acceleration
        self._q = self._q + step * self._qd
        effort = self._dynamics.inverse(q, qd, acceleration)
        effort = effort + arm.stiffness * (self._q - q) + arm.damping * (self._qd - qd)
        return np.clip(effort, -arm.effort_limits, arm.effort_limits)


class TrajectoryDrive:
    """A joint_trajectory_controller on drives that keep to the arm's limits."""

    def __init__(self, arm: ArmDescription) -> None:
        self._tracker, self._servo = PlanTracker(arm), _Servo(arm)

    def follow(self, plan: Plan) -> None:
        """Take over a new plan, wherever it should be by now."""
        self._tracker.follow(plan)

    def effort(self, time: float, q: np.ndarray, qd: np.ndarray) -> np.ndarray:
        """Return torques (n,) [N m] for measured positions [rad] and velocities [rad/s]."""
        position, velocity, _ = self._tracker.reference(time, q)
        return self._servo.effort(time, q, qd, (position, velocity))


class _StreamedDrive(ABC):
    """A drive that is told numbers, one a joint, again and again."""

    def __init__(self, arm: ArmDescription, timeout: float = TORQUE_SPAN) -> None:
        """Hold the arm; stop it whenever no command has come for `timeout` [s]."""
        self._arm, self._timeout = arm, timeout
        self._servo = _Servo(arm)
        self._told, self._since = np.zeros(arm.num_joints), -np.inf

    def command(self, time: float, values: np.ndarray) -> None:
        """Go to joint positions (n,) [rad], or make torques (n,) [N m], from a time [s] on.

        Raises:
            CommandError: For another number of joints, or values not finite or out of range.
        """
        name, number = self._arm.name, self._arm.num_joints
        if values.shape != (number,):
            raise CommandError(f'{values.size} numbers for the {number} joints of {name}')
        if not np.isfinite(values).all():
            raise CommandError(f'{values} is not finite')
        self._check(values)
        self._told, self._since = values, time

    @abstractmethod
    def _check(self, values: np.ndarray) -> None:
        """Refuse values that are out of range."""


class PositionDrive(_StreamedDrive):
    """Position loops that go to what they are told as fast as the arm's limits allow."""

    def _check(self, values: np.ndarray) -> None:
        if (self._arm.beyond_limits(values) > 0.0).any():
            raise CommandError(f'positions {values} are beyond the limits of {self._arm.name}')

    def effort(self, time: float, q: np.ndarray, qd: np.ndarray) -> np.ndarray:
        """See `TrajectoryDrive.effort`."""
        is_fresh = time - self._since <= self._timeout
        return self._servo.effort(time, q, qd, (self._told, None) if is_fresh else None)


class EffortDrive(_StreamedDrive):
    """Motors that make the torque they were told last."""

    def _check(self, values: np.ndarray) -> None:
        if (np.abs(values) > self._arm.effort_limits * (1 + 1e-9)).any():
            raise CommandError(f'torques {values} are beyond the limits of {self._arm.name}')

    def effort(self, time: float, q: np.ndarray, qd: np.ndarray) -> np.ndarray:
        """See `TrajectoryDrive.effort`."""
        if time - self._since <= self._timeout:
            self._servo.release()
            return self._told
        return self._servo.effort(time, q, qd, None)
