"""Time-stamped plans: what a planner hands to the tracker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Plan:
    """A trajectory of H steps for n joints, and how it came about.

    Attributes:
        stamp: Time of the first point [s], the clock of the joint state it was planned from.
        dt: Time between points [s].
        positions: (H + 1, n) joint positions [rad].
        velocities: (H + 1, n) joint velocities [rad/s].
        efforts: (H, n) feed-forward torques, each held for `dt` [N m].
        cost: Value of the planner's objective; NaN where it has none.
        solve_time: Wall-clock time the planner took [s], NaN where not measured.
    """

    stamp: float
    dt: float
    positions: np.ndarray
    velocities: np.ndarray
    efforts: np.ndarray
    cost: float = float('nan')
    solve_time: float = float('nan')

    @classmethod
    def from_states(
        cls, stamp: float, dt: float, states: np.ndarray, efforts: np.ndarray, **known: float
    ) -> Plan:
        """Return the plan of states (H + 1, 2n), positions first, and efforts (H, n)."""
        positions, velocities = np.hsplit(states, 2)
        return cls(stamp, dt, positions, velocities, efforts, **known)

    @property
    def num_steps(self) -> int:
        """Number of steps H."""
        return len(self.efforts)

    @property
    def end(self) -> float:
        """Time of the last point [s]."""
        return self.stamp + self.num_steps * self.dt

    def integrated(self) -> Plan:
        """Return the plan with the positions that its velocities lead to, linear in between.

        Planners step their dynamics otherwise. Only so is the acceleration of a cubic through
        positions and velocities, as a joint_trajectory_controller's, constant within a step.
        """
        mean = (self.velocities[1:] + self.velocities[:-1]) / 2
        positions = self.positions[0] + self.dt * np.cumsum(mean, axis=0)
        return replace(self, positions=np.vstack([self.positions[:1], positions]))

    def point(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return position and velocity (n,) of a point; after the last one, rest there."""
        if step >= self.num_steps:
            return self.positions[-1], np.zeros_like(self.velocities[-1])
        return self.positions[step], self.velocities[step]

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Interpolate at a time [s]; before the plan its first point, after it rest at its last.

        Returns:
            position (n,) [rad], velocity (n,) [rad/s], feed-forward effort (n,) [N m].
        """
        progress = (time - self.stamp) / self.dt
        if progress >= self.num_steps:
            return self.positions[-1], np.zeros_like(self.velocities[-1]), self.efforts[-1]
        step = max(int(progress), 0)
        fraction = max(progress - step, 0.0)
        velocity = self.velocities[step] + fraction * (
            self.velocities[step + 1] - self.velocities[step]
        )
        return self.along(np.array([time]))[0], velocity, self.efforts[step]

    def along(self, times: np.ndarray) -> np.ndarray:
        """Return the positions (K, n) at times (K,), by cubics through the points.

        Straight lines would have the speed jump at each point.
        """
        progress = np.clip((times - self.stamp) / self.dt, 0.0, self.num_steps)
        step = np.minimum(progress.astype(int), self.num_steps - 1)
        x = (progress - step)[:, None]
        begin, end = self.positions[step], self.positions[step + 1]
        leave, arrive = self.dt * self.velocities[step], self.dt * self.velocities[step + 1]
        rest = x * (1 - x) * ((1 - 2 * x) * (begin - end) + (1 - x) * leave - x * arrive)
        return begin + x * (end - begin) + rest

    def is_finite(self) -> bool:
        """Tell whether every number a robot would be sent is finite."""
        return bool(
            np.isfinite(self.stamp)
            and np.isfinite(self.positions).all()
            and np.isfinite(self.velocities).all()
            and np.isfinite(self.efforts).all()
        )
