"""The last check of plans, brakes, positions and torques before they leave for the arm.

It shares no code with the guard and the planners that make commands: a fault of theirs ends here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.plan import Plan

EXCESS = 1e-3
"""Excess over a limit of velocity or acceleration that is rounding, relative."""

MAX_PERIOD = 0.02
"""Longest time between two positions for which the arm may move from one to the other [s]."""

ROUNDING = 1e-6
"""Excess over a step's length that is rounding [rad, m]."""

MAX_SILENCE = 0.1
"""Time after the last position in which the arm has come to rest [s]."""

MAX_JUMP, MAX_KICK = 0.05, 0.5
"""Largest differences of position [rad, m] and velocity [rad/s, m/s], at the present, of a plan to
where the arm is, or was told to be by now."""

MAX_FOLLOWING_ERROR = 0.25
"""Largest distance from where the arm is to positions it is told [rad, m]. An arm that is farther
off does not follow: somebody else commands it, too, or holds it."""

MAX_BEYOND = 0.1
"""Largest distance beyond a position limit at which an arm is led back [rad, m]."""


@dataclass(frozen=True)
class Told:
    """Time [s], positions (n,) and velocities (n,) that were told or measured."""

    time: float
    q: np.ndarray
    velocity: np.ndarray


class CommandCheck:
    """Knows what the arm was told last and where it was measured; refuses what cannot follow.

    Not thread-safe: whoever publishes the commands owns it.

    Attributes:
        measured: Newest credible joint state; None before the first.
    """

    def __init__(self, arm: ArmDescription) -> None:
        self._arm = arm
        self.measured: Told | None = None
        self._plan: Plan | None = None
        self._position: Told | None = None
        self._error = 0.0

    def measure(self, time: float, q: np.ndarray, qd: np.ndarray) -> None:
        """Take over a credible joint state: stamp [s], positions (n,) and velocities (n,)."""
        self.measured = Told(time, q, qd)
        # Positions without feedback go on from here, and say no more of where the arm is.
        told = self.last or self.measured
        self._error = float(np.abs(told.q - q).max())

    def restart(self) -> None:
        """Forget what was told, as when the clock jumped."""
        self._plan = self._position = None
        self._error = 0.0

    def plan(self, plan: Plan) -> str:
        """Return why a plan must not be sent; empty if it may, and counts as told."""
        reason = self._plan_fault(plan)
        if not reason:
            self._plan = plan
        return reason

    def position(self, time: float, q: np.ndarray) -> str:
        """Return why positions (n,) must not be sent at a time [s]; empty if they are told."""
        reason, last = self._place_fault(q[None]), self.last
        velocity = np.zeros_like(q)
        if not reason and last is not None:
            lower, upper = self.reachable(last, time)
            jump = np.maximum(q - upper, lower - q).max()
            if jump > ROUNDING:
                reason = f'positions jump by {jump:.3g} more than speed and acceleration allow'
            elapsed = self.elapsed(time)
            velocity = (q - last.q) / elapsed if elapsed else last.velocity
        if not reason and self._error > MAX_FOLLOWING_ERROR:
            reason = f'the arm is {self._error:.3g} away: it does not follow'
        if not reason:
            self._position = Told(time, q, velocity)
        return reason

    @property
    def last(self) -> Told | None:
        """From what positions go on: those told last, or where the arm has got to since.

        After a silence it has come to rest, and it may have been moved by somebody else.
        """
        told, here = self._position, self.measured
        if told is None or here is None:
            return told or here
        return here if here.time - told.time > MAX_SILENCE else told

    def elapsed(self, time: float) -> float:
        """Return the time for which the arm may move from the last positions until a time [s]."""
        last = self.last
        return 0.0 if last is None else float(np.clip(time - last.time, 0.0, MAX_PERIOD))

    def reachable(self, last: Told, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest positions (n,) that may be told at a time [s]."""
        elapsed, limits = self.elapsed(time), self._arm.velocity_limits
        before = last.velocity
        gain = self._arm.acceleration_limits * elapsed
        slowest, fastest = np.clip([before - gain, before + gain], -limits, limits)
        return last.q + elapsed * slowest, last.q + elapsed * fastest

    def shares(self, speeds: np.ndarray, rates: np.ndarray) -> tuple[float, float]:
        """Return how much of the limits velocities and accelerations (..., n) need at most."""
        speed = np.abs(speeds) / self._arm.velocity_limits
        rate = np.abs(rates) / self._arm.acceleration_limits
        return max(float(speed.max()), 1e-9), max(float(rate.max()), 1e-9)

    def effort(self, effort: np.ndarray) -> str:
        """Return why torques (n,) must not be sent; empty if they may."""
        limits = self._arm.effort_limits
        if effort.shape != limits.shape or not np.isfinite(effort).all():
            return 'torques are not finite numbers, one a joint'
        if (np.abs(effort) > limits * (1 + EXCESS)).any():
            return 'torques exceed the limits'
        return ''

    def _plan_fault(self, plan: Plan) -> str:
        arm, n = self._arm, self._arm.num_joints
        if plan.positions.shape != plan.velocities.shape or plan.positions.shape[1:] != (n,):
            return f'plan of shapes {plan.positions.shape}, {plan.velocities.shape}'
        if not plan.is_finite() or not plan.dt > 0:
            return 'plan is not finite'
        reason = self._place_fault(plan.positions)
        if reason:
            return reason
        speed = np.abs(plan.velocities) / arm.velocity_limits
        if speed.max() > 1 + EXCESS:
            return f'plan has {speed.max():.3g} times a velocity limit'
        steps = np.abs(np.diff(plan.positions, axis=0))
        if (steps > arm.velocity_limits * plan.dt * (1 + EXCESS) + ROUNDING).any():
            return f'plan jumps by {steps.max():.3g} in {plan.dt:.3g} s'
        rate = np.abs(np.diff(plan.velocities, axis=0)) / plan.dt / arm.acceleration_limits
        if rate.max() > 1 + EXCESS:
            return f'plan has {rate.max():.3g} times an acceleration limit'
        if plan.velocities[-1].any():
            return 'plan does not end at rest'
        return self._jump(plan)

    def _jump(self, plan: Plan) -> str:
        """Return how far the arm would jump if it followed a plan now; empty for little."""
        here, told = self.measured, self._plan
        now = plan.stamp if here is None else max(plan.stamp, here.time)
        states = [(here.q, here.velocity)] if here is not None else []
        states += [told.at(now)[:2]] if told is not None else []
        states += [(self._position.q, self._position.velocity)] if self._position else []
        q, qd = plan.at(now)[:2]
        gaps = [(np.abs(q - q_).max(), np.abs(qd - qd_).max()) for q_, qd_ in states]
        if not gaps or any(gap <= MAX_JUMP and kick <= MAX_KICK for gap, kick in gaps):
            return ''
        gap, kick = min(gaps)
        return (
            f'plan starts {gap:.3g} from where the arm is and was told to be, {kick:.3g}/s faster '
            'or slower'
        )

    def _place_fault(self, positions: np.ndarray) -> str:
        """Check (T, n) positions; an arm that is beyond a limit may be led back from there."""
        if positions.shape[1:] != (self._arm.num_joints,) or not np.isfinite(positions).all():
            return 'positions are not finite numbers, one a joint'
        beyond = self._arm.beyond_limits(positions).max(axis=0)
        here = positions[0] if self.measured is None else self.measured.q
        allowed = np.clip(self._arm.beyond_limits(here), 0.0, MAX_BEYOND) + 1e-4
        if (beyond > allowed).any():
            joint = int(np.argmax(beyond - allowed))
            return f'{self._arm.joints[joint]} would go {beyond[joint]:.3g} beyond its limit'
        return ''
