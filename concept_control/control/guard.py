"""The guard: what stands between any planner and the robot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.plan import Plan

CUT_STRIDE = 3
"""Number of points between the places at which a stop is tried."""

MAX_BRAKE_STEPS = 500
"""Largest number of steps of a brake, whatever velocity was measured."""

PLANNED = 0.9
"""Share of the limits of velocity and acceleration that plans use; the rest is for catching up."""

TORQUE_SPAN = 0.1
"""Time for which a torque may act [s], as when the next one is late: none may lead beyond a
velocity limit by then. Drives have to stop the arm after it."""

NOT_FINITE = 'torques are not finite: the arm is stopped'
"""What is said where torques that cannot be sent were replaced."""

TOLERANCE = 1e-6
"""Excess over a limit that counts as rounding: relative for rates, absolute [rad, m] for
positions."""


@dataclass(frozen=True)
class GuardConfig:
    """What is let through.

    Attributes:
        fence_margin: Largest distance of the tool beyond the workspace's square [m].
        floor: Lowest height of the tool's tip [m]; the table's top is at 0.
        ceiling: Highest height of the tip [m].
        max_deviation: Largest distance of a plan's start to the measured joints [rad].
        joint_state_timeout: Age of the joint state beyond which it is stale [s].
        entities_timeout: Age of the entities beyond which they are stale [s].
        min_prefix: Length of a plan [s] that must be in order: it is followed that far and then
            braked; a successor will have replaced it by then.
    """

    fence_margin: float = 0.14
    floor: float = -0.004
    ceiling: float = 1.0
    max_deviation: float = 0.15
    joint_state_timeout: float = 0.1
    entities_timeout: float = 2.0
    min_prefix: float = 0.1


@dataclass(frozen=True)
class GuardedPlan:
    """A plan that may be sent, and what was done to it.

    Attributes:
        plan: Plan that keeps every limit.
        reason: Reason why it is another one; empty if it is not.
        slowed: What it was slowed down for, which is ordinary; empty if it was not.
    """

    plan: Plan
    reason: str
    slowed: str = ''


class Guard:
    """Checks plans and torques of one arm against its limits and the fence.

    It knows nothing of goals or planners and keeps no state: the same inputs always get the same
    answer. A plan that breaks a rule late is followed up to there and then braked to a stop; one
    that breaks a rate limit early is followed as fast as the limits allow; one that breaks any
    other rule early is replaced by braking from the measured state.
    """

    def __init__(self, arm: ArmDescription, config: GuardConfig | None = None) -> None:
        self.arm = arm
        self.config = config or GuardConfig()
        self._kinematics = ArmKinematics(arm)
        self._dynamics = ArmDynamics(arm)
        self._acceleration = PLANNED * arm.acceleration_limits

    def check_joint_state(self, now: float, stamp: float) -> str:
        """Return why the arm must hold because its joint state is stale; empty if it need not.

        Args:
            now: Present time [s].
            stamp: Time of the latest joint state in the same clock [s].
        """
        age, limit = now - stamp, self.config.joint_state_timeout
        return '' if age <= limit else f'joint states stopped {age:.1f} s ago (limit {limit} s)'

    def check_entities(self, now: float, stamp: float) -> str:
        """Return why the arm must hold because the entities are stale; empty if it need not.

        Args:
            now: Present time [s].
            stamp: Time of the latest entities in the same clock [s].
        """
        age, limit = now - stamp, self.config.entities_timeout
        return '' if age <= limit else f'entities are {age:.1f} s old (limit {limit} s)'

    def check_plan(self, plan: Plan, q: np.ndarray, qd: np.ndarray) -> GuardedPlan:
        """Let a plan pass, limit its rates, or replace it by braking.

        Args:
            plan: Plan from any source.
            q: (n,) measured positions [rad], finite.
            qd: (n,) measured velocities [rad/s], finite.
        """
        refusal = self._malformed(plan, q)
        if refusal:
            return GuardedPlan(
                self.brake(plan.stamp, plan.dt, plan.num_steps, q, qd), f'{refusal}: braking'
            )
        full = self._cut(plan, plan.num_steps) if plan.velocities[-1].any() else plan
        places = self._breaks_of_place(full, q)
        broken = places | (self._rates(full).max(axis=(1, 2)) > 1.0 + TOLERANCE)
        if not broken.any():
            return GuardedPlan(full, '')
        first = int(np.argmax(broken))
        cause = self._cause(full, q, first)
        # Point `first` breaks a rule, so does the step that leads to it; and the stop needs room.
        shortest = max(int(np.ceil(self.config.min_prefix / plan.dt)), 1)
        for last in range(min(first - 1, plan.num_steps - 1), shortest - 1, -CUT_STRIDE):
            cut = self._cut(plan, last)
            if not self._breaks_of_place(cut, q).any():
                return GuardedPlan(cut, '')
        if not places.any():
            limited = self._cut(self._limited(plan), plan.num_steps)
            if not self._breaks_of_place(limited, q).any():
                return GuardedPlan(limited, '', f'{cause}: slowed down')
        return GuardedPlan(
            self.brake(plan.stamp, plan.dt, plan.num_steps, q, qd), f'{cause}: braking'
        )

    def check_effort(
        self, effort: np.ndarray, q: np.ndarray, qd: np.ndarray
    ) -> tuple[np.ndarray, str]:
        """Return joint torques (n,) that may be applied, and what was done to them.

        Torques that are not finite become a stop. Others are changed where the accelerations that
        they make, by the arm's mass matrix and without payload, exceed the limits, lead beyond a
        velocity limit within `TORQUE_SPAN`, or drive a joint further beyond a position limit.
        """
        arm, dynamics = self.arm, self._dynamics
        if not (np.isfinite(q).all() and np.isfinite(qd).all()):
            return np.zeros(arm.num_joints), 'joint state is not finite: no torque'
        top, speed = arm.acceleration_limits, arm.velocity_limits
        stop = np.clip(-qd / TORQUE_SPAN, -top, top)
        if effort.shape != q.shape or not np.isfinite(effort).all():
            result = dynamics.inverse(q, qd, stop)
            return np.clip(result, -arm.effort_limits, arm.effort_limits), NOT_FINITE
        wanted = dynamics.acceleration(q, qd, effort)
        lower, upper = arm.position_limits.T
        slowest = np.clip((-speed - qd) / TORQUE_SPAN, -top, top)
        fastest = np.clip((speed - qd) / TORQUE_SPAN, -top, top)
        slowest = np.where(q < lower, np.maximum(slowest, stop), slowest)
        fastest = np.where(q > upper, np.minimum(fastest, stop), fastest)
        allowed = np.clip(wanted, slowest, fastest)
        changed = np.abs(allowed - wanted) > TOLERANCE * top
        result = dynamics.inverse(q, qd, allowed) if changed.any() else effort
        clamped = np.clip(result, -arm.effort_limits, arm.effort_limits)
        reasons = []
        if changed.any():
            reasons.append(f'limits of motion of {self._names(changed)}')
        if (clamped != result).any():
            reasons.append(f'torque limit of {self._names(clamped != result)}')
        return clamped, '; '.join(reasons)

    def holding_effort(self, q: np.ndarray) -> np.ndarray:
        """Return the (n,) torques, within their limits, that bear the arm's weight at `q`."""
        limits = self.arm.effort_limits
        return np.clip(self._dynamics.holding_effort(q), -limits, limits)

    def brake(
        self,
        stamp: float,
        dt: float,
        steps: int,
        q: np.ndarray,
        qd: np.ndarray,
        within_limits: bool = True,
    ) -> Plan:
        """Plan to stop every joint at its acceleration limit, then to hold.

        Args:
            stamp: Time of the plan's first point [s]; not finite: 0, which only ever ages.
            dt: Time between points [s]; not finite or not positive: 0.02.
            steps: Number of steps, at least; more where the arm needs them to come to rest.
            q: (n,) measured positions [rad].
            qd: (n,) measured velocities [rad/s].
            within_limits: Whether joints stop faster than that before a position limit that they
                would pass.
        """
        dt = dt if np.isfinite(dt) and dt > 0 else 0.02
        to_rest = np.ceil(np.max(np.abs(qd) / self._acceleration) / dt)
        steps = max(steps, int(min(to_rest, MAX_BRAKE_STEPS)), 1)
        change = self._acceleration * dt * np.arange(steps + 1)[:, None]
        velocities = np.sign(qd) * np.maximum(np.abs(qd) - change, 0.0)
        lower, upper = self.arm.position_limits.T
        if within_limits:
            # What would pass a position limit slows down evenly instead; what comes too fast for
            # its acceleration limit ends at it all the same.
            way = dt * (velocities[1:] + velocities[:-1]).sum(axis=0) / 2
            room = np.where(way > 0, np.maximum(upper - q, 0.0), np.maximum(q - lower, 0.0))
            for joint in np.flatnonzero(np.abs(way) > room):
                step = abs(qd[joint]) * dt
                fewest = np.ceil(abs(qd[joint]) / (self.arm.acceleration_limits[joint] * dt))
                count = max(int(2 * room[joint] / step), int(fewest))
                velocities[:, joint] = qd[joint] * np.maximum(
                    1 - np.arange(steps + 1) / count, 0.0
                )
        means = (velocities[1:] + velocities[:-1]) / 2
        positions = q + np.vstack([np.zeros_like(q), np.cumsum(dt * means, axis=0)])
        if within_limits:
            positions = np.clip(positions, np.minimum(lower, q), np.maximum(upper, q))
        efforts = self._efforts(positions, velocities, dt)
        stamp = stamp if np.isfinite(stamp) else 0.0
        return Plan(stamp, dt, positions, velocities, efforts)

    def _malformed(self, plan: Plan, q: np.ndarray) -> str:
        """Return why a plan is none for this arm here and now; empty if it is."""
        n, steps = self.arm.num_joints, plan.num_steps
        shapes = (plan.positions.shape, plan.velocities.shape, plan.efforts.shape)
        if steps < 1 or shapes != ((steps + 1, n), (steps + 1, n), (steps, n)):
            return f'plan has shapes {shapes} for {n} joints'
        if not plan.is_finite() or not np.isfinite(plan.dt) or plan.dt <= 0:
            return 'plan is not finite'
        deviation = float(np.abs(plan.positions[0] - q).max())
        if deviation > self.config.max_deviation:
            return f'plan starts {deviation:.2f} rad from the measured joints'
        return ''

    def _breaks_of_place(self, plan: Plan, q: np.ndarray) -> np.ndarray:
        """Return (H + 1,) bool: which points lie beyond a position limit or the fence.

        What is found beyond a limit may come back, not go further.
        """
        allowed = np.maximum(self.arm.beyond_limits(q), 0.0) + TOLERANCE
        is_broken = (self.arm.beyond_limits(plan.positions) > allowed).any(axis=1)
        allowed_trespass = max(float(self._trespass(q[None])[0]), 0.0) + TOLERANCE
        return is_broken | (self._trespass(plan.positions) > allowed_trespass)

    def _rates(self, plan: Plan) -> np.ndarray:
        """Return (H + 1, 2, n) velocities and accelerations relative to their limits.

        The acceleration of a point is that of the step which leads to it.
        """
        speed = np.abs(plan.velocities) / self._top_speed(plan)
        rate = np.abs(np.diff(plan.velocities, axis=0)) / plan.dt / self._acceleration
        return np.stack([speed, np.vstack([np.zeros_like(rate[:1]), rate])], axis=1)

    def _top_speed(self, plan: Plan) -> np.ndarray:
        """Return (n,) largest speeds of a plan: what is found faster may not go faster still."""
        limits = self.arm.velocity_limits
        return np.clip(np.abs(plan.velocities[0]), PLANNED * limits, limits)

    def _cause(self, plan: Plan, q: np.ndarray, point: int) -> str:
        """Say which rule a point of a plan breaks."""
        allowed = np.maximum(self.arm.beyond_limits(q), 0.0) + TOLERANCE
        beyond = self.arm.beyond_limits(plan.positions[point]) > allowed
        if beyond.any():
            return f'position limit of {self._names(beyond)}'
        trespass = float(self._trespass(plan.positions[point : point + 1])[0])
        if trespass > max(float(self._trespass(q[None])[0]), 0.0) + TOLERANCE:
            return f'fence left by {1e3 * trespass:.0f} mm'
        speed, rate = self._rates(plan)[point]
        if speed.max() >= rate.max():
            return f'velocity limit of {self._names(speed > 1.0)}'
        return f'acceleration limit of {self._names(rate > 1.0)}'

    def _cut(self, plan: Plan, last: int) -> Plan:
        """Follow a plan up to a point, then come to rest."""
        stop = self.brake(
            plan.stamp + last * plan.dt,
            plan.dt,
            plan.num_steps - last,
            plan.positions[last],
            plan.velocities[last],
            within_limits=False,  # a cut that passes one is none
        )
        return replace(
            plan,
            positions=np.vstack([plan.positions[:last], stop.positions]),
            velocities=np.vstack([plan.velocities[:last], stop.velocities]),
            efforts=np.vstack([plan.efforts[:last], stop.efforts]),
        )

    def _trespass(self, q: np.ndarray) -> np.ndarray:
        """Return (T,) distances of the tool's tip beyond the fence [m], negative inside."""
        tip = self._kinematics.tool(q).position
        workspace, config = self.arm.workspace, self.config
        lateral = np.abs(workspace.to_workspace(tip[:, :2])).max(axis=-1) - 1.0
        above = np.maximum(config.floor - tip[:, 2], tip[:, 2] - config.ceiling)
        return np.maximum(lateral * workspace.half_extent - config.fence_margin, above)

    def _limited(self, plan: Plan) -> Plan:
        """Follow a plan's velocities as closely as the limits of velocity and acceleration allow.

        The path is left a little; a planner that starts from here will lead back to it.
        """
        top, change = self._top_speed(plan), self._acceleration * plan.dt
        velocities = np.empty_like(plan.velocities)
        velocities[0] = np.clip(plan.velocities[0], -top, top)
        for t in range(plan.num_steps):
            wanted = np.clip(plan.velocities[t + 1], -top, top)
            velocities[t + 1] = velocities[t] + np.clip(wanted - velocities[t], -change, change)
        limited = replace(plan, velocities=velocities).integrated()
        return replace(limited, efforts=self._efforts(limited.positions, velocities, plan.dt))

    def _efforts(self, positions: np.ndarray, velocities: np.ndarray, dt: float) -> np.ndarray:
        """Return (H, n) torques, within their limits, that follow a trajectory without payload."""
        accelerations = np.diff(velocities, axis=0) / dt
        states = zip(positions[:-1], velocities[:-1], accelerations)
        efforts = np.array([self._dynamics.inverse(*state) for state in states])
        return np.clip(efforts, -self.arm.effort_limits, self.arm.effort_limits)

    def _names(self, mask: np.ndarray) -> str:
        return ', '.join(name for name, flag in zip(self.arm.joints, mask) if flag)
