"""Plans one after another: each begins as the last one goes on, until it can have arrived."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from concept_control.control.arm.dynamics import PLAN_STEP
from concept_control.control.command_check import Told
from concept_control.control.guard import Guard
from concept_control.control.plan import Plan

MAX_POSITION_DEVIATION = 0.03
MAX_VELOCITY_DEVIATION = 0.4
"""Largest deviations [rad, rad/s] of an arm that is on a plan. Planning goes on from the last plan
rather than from the measurement: references stay smooth and the tracker's stiffness counters
friction."""

LAGS = (0.0, 0.02, 0.04, 0.07, 0.1)
"""Times by which an arm on a plan may be behind it, as where commands reach it late [s]."""

MAX_PLAN_DELAY = 0.5
"""Longest time a plan may take to reach the arm [s], as on a busy machine. An arm on none of
the plans of that time is braked once and left to follow: to answer each late measurement with
another plan makes it swing, ever wider."""

MARGIN = 0.015
"""Time that a plan may take beyond the delays of late [s]: its way to the arm, and chance."""

MEMORY = 2.0
"""Time for which a delay is reckoned with [s]."""

BRAKE_STEPS = 40
"""Number of steps of a plan that brakes."""


@dataclass(frozen=True)
class TellingPositions:
    """How far an arm that takes positions one by one has been told to go.

    Attributes:
        motion: What it was told last. Its drives bring it there, so that plans go on from what was
            told: from what is measured, which is behind, they would turn back.
        lag: Time by which that is behind the plans, on their path [s].
    """

    motion: Told
    lag: float


class PlanSequence:
    """The plans that were sent of late.

    A plan takes its time to be made and sent, and meanwhile the arm goes on along the last one.
    So each plan repeats the last one's points up to its *seam*, later than it can arrive, and
    whenever it comes before that, the arm feels no jump.

    Attributes:
        told: What an arm is told that takes positions one by one; None where it is told something
            else, or nothing.
    """

    def __init__(self, guard: Guard) -> None:
        self.told: TellingPositions | None = None
        self._guard = guard
        self._plans: deque[Plan] = deque()
        self._delays: deque[tuple[float, float]] = deque()
        self._braked_at = -np.inf
        self._asked_at, self._seam_at = 0.0, np.inf

    @property
    def last(self) -> Plan | None:
        """The newest plan; None before the first."""
        return self._plans[-1] if self._plans else None

    def clear(self) -> None:
        """Forget all plans, as when the clock began anew."""
        self._plans.clear()
        self._delays.clear()
        self._braked_at = -np.inf

    def is_in_time(self, delay: float) -> bool:
        """Tell whether the newest plan may be sent; if not, the last one before it goes on.

        Args:
            delay: Time from the joint state that it answers until now [s].
        """
        self._delays.append((self._asked_at, min(delay, MAX_PLAN_DELAY)))
        if self._asked_at + delay <= self._seam_at:
            return True
        self.take_back()
        return False

    def take_back(self) -> None:
        """Forget the newest plan, which was not sent."""
        self._plans.pop()

    def start(self, time: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the next seam [s], and positions and velocities (n,) on the last plan there."""
        last = self._plans[-1]
        seam = self._seam(time)
        return last.stamp + seam * last.dt, *last.point(seam)

    def splice(self, time: float, plan: Plan) -> Plan:
        """Add a plan from the state of `start` at a time [s]; return it from the present on."""
        last, seam = self._plans[-1], self._seam(time)
        first = max(int((time - last.stamp) / last.dt), 0)
        steps = range(first, seam)
        points = [last.point(step) for step in steps]
        whole = replace(
            plan,
            stamp=last.stamp + first * last.dt,
            positions=np.vstack([*(q for q, _ in points), plan.positions]),
            velocities=np.vstack([*(qd for _, qd in points), plan.velocities]),
            efforts=np.vstack([*(self._effort(last, k) for k in steps), plan.efforts]),
        )
        self._asked_at, self._seam_at = time, plan.stamp
        self._plans.append(whole)
        return whole

    def brake(self, time: float, q: np.ndarray, qd: np.ndarray) -> Plan:
        """Add a plan that stops the arm, along the last one if it is there; return it.

        Args:
            time: Time of the joint state [s].
            q: (n,) measured positions [rad].
            qd: (n,) measured velocities [rad/s].
        """
        if self.is_on_track(time, q, qd):
            return self.brake_along(time)
        if self.told is not None:
            motion = self.told.motion
            time, q, qd = motion.time, motion.q, motion.velocity
        self._plans.clear()
        self._braked_at = self._asked_at = time
        self._seam_at = np.inf
        self._plans.append(self._guard.brake(time, PLAN_STEP, BRAKE_STEPS, q, qd))
        return self._plans[-1]

    def brake_along(self, time: float) -> Plan:
        """Add a plan that leaves the last one at the next seam to come to rest; return it."""
        seam, q, qd = self.start(time)
        return self.splice(time, self._guard.brake(seam, PLAN_STEP, BRAKE_STEPS, q, qd))

    def has_braked(self, time: float) -> bool:
        """Tell whether a brake from a measurement may still be on its way to the arm."""
        return time < self._braked_at + MAX_PLAN_DELAY

    def is_on_track(self, time: float, q: np.ndarray, qd: np.ndarray) -> bool:
        """Tell whether the arm follows one of the plans of late, and can go on with the last one.

        Plans take their time to reach the arm: a measurement that agrees with an earlier one
        means that the later ones are on their way.
        """
        while len(self._plans) > 1 and time - self._plans[0].stamp > MAX_PLAN_DELAY:
            self._plans.popleft()
        if not self._plans:
            return False
        if self.told is not None:
            # Positions wait on the path for an arm that does not follow.
            return self.told.lag < MAX_PLAN_DELAY
        if np.abs(self._plans[-1].at(time)[0] - q).max() > self._guard.config.max_deviation:
            return False
        return any(
            np.abs(planned_q - q).max() < MAX_POSITION_DEVIATION
            and np.abs(planned_qd - qd).max() < MAX_VELOCITY_DEVIATION
            for plan in reversed(self._plans)
            for planned_q, planned_qd, _ in (plan.at(time - lag) for lag in LAGS)
        )

    def _seam(self, time: float) -> int:
        """Return the number of the last plan's point at which the next one leaves it."""
        while self._delays and not 0.0 <= time - self._delays[0][0] < MEMORY:
            self._delays.popleft()
        lead = MARGIN + max((delay for _, delay in self._delays), default=0.0)
        last = self._plans[-1]
        return max(int(np.ceil((time + lead - last.stamp) / last.dt)), 1)

    def _effort(self, plan: Plan, step: int) -> np.ndarray:
        if step < plan.num_steps:
            return plan.efforts[step]
        return self._guard.holding_effort(plan.positions[-1])
