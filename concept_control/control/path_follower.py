"""Streamed positions: along the path of the plans, also where they are late.

A joint that catches up by itself leaves the path, and the tool with it: near the table a few
hundredths of a radian are enough to strike it. So what is late goes faster along its path, and
what the arm does not follow waits on it.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from concept_control.control.command_check import CommandCheck
from concept_control.control.plan import Plan

CATCH_UP_TIME = 0.15
"""Time constant with which what is late catches up [s]."""

MAX_RATE = 1.3
"""Largest rate at which it does: seconds of a plan that pass in a second."""

LOOK_AHEAD = np.linspace(0.0, 0.2, 8)
"""Times from now at which the path is looked at before what is late goes faster [s]."""

OFFSET_TIME = 0.2
"""Time constant with which positions come back to a path that they are not on [s]."""

MAX_LEAD = 0.2
"""Largest distance from where the arm is to positions that it shall go to next [rad, m]: they wait
for an arm that was stopped."""

MAX_GAP = 1e-3
"""Largest distance of a plan's first point from a path that it continues [rad, m]."""

ROUNDING = 1e-6
"""Movement that is rounding [rad, m]."""


class PathFollower:
    """Chooses the positions that are told next, so that an arm can follow them.

    Not thread-safe: whoever publishes the commands owns it.
    """

    def __init__(self, check: CommandCheck) -> None:
        """Begin without a path; `check` knows what was told last and where the arm is."""
        self._check = check
        self.forget()

    def forget(self) -> None:
        """Drop all plans."""
        self._plans: deque[Plan] = deque()
        self._progress: float | None = None
        self._rate = 0.0

    @property
    def end(self) -> float:
        """Time of the plans at which the path ends [s]; infinite without a path."""
        return self._plans[-1].end if self._plans else np.inf

    def lag(self, time: float) -> float:
        """Return by how much what was told last is late at a time [s]."""
        return 0.0 if self._progress is None else max(time - self._progress, 0.0)

    def follow(self, plan: Plan) -> None:
        """Go on along a plan: from the path until now, or from elsewhere if it begins there.

        One from before the present one has been overtaken on its way.
        """
        if self._plans:
            newest = self._plans[-1]
            if plan.stamp < newest.stamp:
                return
            if np.abs(newest.at(plan.stamp)[0] - plan.positions[0]).max() > MAX_GAP:
                self.forget()
        self._plans.append(plan)

    def position(self, time: float) -> np.ndarray:
        """Return the positions (n,) to tell at a time [s], after the first joint state.

        Without a path the arm is stopped.
        """
        last, here = self._check.last, self._check.measured
        assert last is not None
        elapsed = self._check.elapsed(time)
        if elapsed == 0.0:
            return last.q
        lower, upper = self._check.reachable(last, time)
        if not self._plans:
            return np.clip(last.q, lower, upper)
        if self._progress is None or last is here:
            self._progress = self._nearest(last.q)
        rate = self._wanted_rate(time, last.q)
        begin, ahead, now = self._path(np.array([self._progress, self._progress + elapsed, time]))
        if np.abs(now - begin).max() < ROUNDING:
            self._progress = time - elapsed * rate  # nothing moves: nothing is late
        offset = (last.q - begin) * np.exp(-elapsed / OFFSET_TIME)
        bounds = lower - begin - offset, upper - begin - offset
        self._rate = _allowed(rate, self._rate, ahead - begin, *bounds)
        self._progress += elapsed * self._rate
        while len(self._plans) > 1 and self._plans[1].stamp <= self._progress:
            self._plans.popleft()
        return np.clip(self._path(np.array([self._progress]))[0] + offset, lower, upper)

    def _wanted_rate(self, time: float, told: np.ndarray) -> float:
        """Return how fast to go on along the path: what is late faster, if the limits allow it."""
        assert self._progress is not None
        lag = time - self._progress
        rate = 1.0 + float(np.clip(lag / CATCH_UP_TIME, -0.5, MAX_RATE - 1.0))
        if rate > 1.0:
            speeds = np.diff(self._path(self._progress + LOOK_AHEAD), axis=0) / LOOK_AHEAD[1]
            rates = np.diff(speeds, axis=0) / LOOK_AHEAD[1]
            speed, change = self._check.shares(speeds, rates)
            rate = max(min(rate, 1.0 / speed, change**-0.5), 1.0)
        here = self._check.measured
        if here is not None and here.time >= time:
            lead = float(np.abs(told - here.q).max())
            rate *= float(np.clip(2.0 * (1.0 - lead / MAX_LEAD), 0.0, 1.0))
        return rate

    def _path(self, times: np.ndarray) -> np.ndarray:
        """Return the (K, n) positions of the newest plans that have begun by times (K,)."""
        positions = self._plans[0].along(times)
        for plan in list(self._plans)[1:]:
            positions = np.where((times >= plan.stamp)[:, None], plan.along(times), positions)
        return positions

    def _nearest(self, q: np.ndarray) -> float:
        """Return the time at which the path comes nearest to positions (n,)."""
        first, dt = self._plans[0].stamp, self._plans[0].dt
        times = np.arange(first, self.end + dt / 2, dt / 2)
        return float(times[np.abs(self._path(times) - q).max(axis=1).argmin()])


def _allowed(
    rate: float, before: float, step: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> float:
    """Return the rate nearest to a wanted one at which steps (n,) lead to within bounds (n,).

    Where a joint cannot slow down as its path does, the rate stays as it was before: a larger one
    would keep this joint on the path and take the others along ever faster.
    """
    moves = np.abs(step) > ROUNDING * 1e-3
    if not moves.any():
        return rate
    ends = np.sort([lower[moves] / step[moves], upper[moves] / step[moves]], axis=0)
    slowest, fastest = float(ends[0].max()), float(ends[1].min())
    return max(min(max(rate, min(slowest, before)), fastest), 0.0)
