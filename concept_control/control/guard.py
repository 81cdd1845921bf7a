"""The guard: what stands between any planner and the robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.arm import ArmDescription
from concept_control.control.dynamics import ArmDynamics
from concept_control.control.kinematics import ArmKinematics
from concept_control.control.plan import Plan

TOLERANCE = 1e-6
"""Excess over a limit that is rounding, relative for rates, absolute [rad, m] for positions."""


@dataclass(frozen=True)
class GuardConfig:
    """What is let through.

    Attributes:
        fence_margin: how far beyond the workspace's square the tool may go [m].
        floor: lowest height of the tool's tip [m]; the table's top is at 0.
        ceiling: highest height of the tip [m].
        max_deviation: largest distance of a plan's start to the measured joints [rad].
        joint_state_timeout: age of the joint state beyond which it is stale [s].
        entities_timeout: age of the entities beyond which they are stale [s].
        max_slowdown: largest factor by which a plan is stretched before it is refused.
    """

    fence_margin: float = 0.14
    floor: float = -0.004
    ceiling: float = 1.0
    max_deviation: float = 0.15
    joint_state_timeout: float = 0.1
    entities_timeout: float = 2.0
    max_slowdown: float = 4.0


@dataclass(frozen=True)
class GuardedPlan:
    """A plan that may be sent, and what was done to it; an empty reason means nothing."""

    plan: Plan
    reason: str


class Guard:
    """Checks plans and torques of one arm against its limits and the fence.

    It knows nothing of goals or planners and keeps no state: the same inputs always get the same
    answer. A plan that breaks a rate limit is slowed down, one that breaks any other rule is
    replaced by braking to a stop from the measured state.
    """

    def __init__(self, arm: ArmDescription, config: GuardConfig | None = None) -> None:
        self.arm = arm
        self.config = config or GuardConfig()
        self._kinematics = ArmKinematics(arm)
        self._dynamics = ArmDynamics(arm)

    def check_inputs(
        self, now: float, joint_stamp: float, entities_stamp: float | None = None
    ) -> str:
        """Return why the arm must hold because of stale inputs; empty if it need not.

        Args:
            now: [s].
            joint_stamp: of the latest joint state [s].
            entities_stamp: of the latest entities [s]; None where none are needed.
        """
        age = now - joint_stamp
        if not age <= self.config.joint_state_timeout:
            return f'joint state is {age:.2f} s old (limit {self.config.joint_state_timeout} s)'
        if entities_stamp is not None:
            age = now - entities_stamp
            if not age <= self.config.entities_timeout:
                return f'entities are {age:.1f} s old (limit {self.config.entities_timeout} s)'
        return ''

    def check_plan(self, plan: Plan, q: np.ndarray, qd: np.ndarray) -> GuardedPlan:
        """Let a plan pass, slow it down, or replace it by braking.

        Args:
            plan: from any source.
            q: (n,) measured positions [rad], finite.
            qd: (n,) measured velocities [rad/s], finite.
        """
        refusal = self._refusal(plan, q)
        if refusal:
            return GuardedPlan(self.brake(plan.stamp, plan.dt, plan.num_steps, q, qd), refusal)
        factor, cause = self._slowdown(plan)
        if factor <= 1.0 + TOLERANCE:
            return GuardedPlan(plan, '')
        if factor > self.config.max_slowdown:
            reason = f'{cause} {factor:.1f} times beyond its limit'
            return GuardedPlan(self.brake(plan.stamp, plan.dt, plan.num_steps, q, qd), reason)
        return GuardedPlan(self._stretched(plan, factor), f'slowed by {factor:.2f}: {cause}')

    def check_effort(
        self, effort: np.ndarray, q: np.ndarray, qd: np.ndarray
    ) -> tuple[np.ndarray, str]:
        """Return joint torques (n,) that may be applied, and what was done to them.

        Torques that are not finite become gravity compensation with damping; torques that push a
        joint further beyond a position or velocity limit become damping; all are clamped.
        """
        arm = self.arm
        if not (np.isfinite(q).all() and np.isfinite(qd).all()):
            return np.zeros(arm.num_joints), 'joint state is not finite: no torque'
        braking = self._dynamics.holding_control(q) - arm.damping * qd
        braking = np.clip(braking, -arm.effort_limits, arm.effort_limits)
        if effort.shape != q.shape or not np.isfinite(effort).all():
            return braking, 'torques are not finite: gravity compensation'
        relative = effort - self._dynamics.holding_control(q)
        lower, upper = arm.position_limits.T
        outward = ((q > upper) & (relative > 0)) | ((q < lower) & (relative < 0))
        faster = (np.abs(qd) > arm.velocity_limits) & (relative * qd > 0)
        result = np.where(outward | faster, braking, effort)
        clamped = np.clip(result, -arm.effort_limits, arm.effort_limits)
        reasons = []
        if outward.any():
            reasons.append(f'position limit of {self._names(outward)}')
        if faster.any():
            reasons.append(f'velocity limit of {self._names(faster)}')
        if (clamped != result).any():
            reasons.append(f'torque limit of {self._names(clamped != result)}')
        return clamped, '; '.join(reasons)

    def brake(self, stamp: float, dt: float, steps: int, q: np.ndarray, qd: np.ndarray) -> Plan:
        """Plan to stop every joint at its acceleration limit, then to hold.

        Args:
            stamp: of the plan [s]; not finite: 0, which only ever ages.
            dt: between points [s]; not finite or not positive: 0.02.
            steps: number of steps, at least 1.
            q: (n,) measured positions [rad].
            qd: (n,) measured velocities [rad/s].
        """
        dt = dt if np.isfinite(dt) and dt > 0 else 0.02
        steps = max(steps, 1)
        velocities = np.empty((steps + 1, len(q)))
        velocities[0] = qd
        change = self.arm.acceleration_limits * dt
        for t in range(steps):
            slower = np.maximum(np.abs(velocities[t]) - change, 0.0)
            velocities[t + 1] = np.sign(velocities[t]) * slower
        positions = q + np.vstack(
            [np.zeros_like(q), np.cumsum(dt * (velocities[1:] + velocities[:-1]) / 2, axis=0)]
        )
        lower, upper = self.arm.position_limits.T
        positions = np.clip(positions, np.minimum(lower, q), np.maximum(upper, q))
        accelerations = np.diff(velocities, axis=0) / dt
        efforts = np.array(
            [
                self._dynamics.inverse(*state)
                for state in zip(positions[:-1], velocities[:-1], accelerations)
            ]
        )
        efforts = np.clip(efforts, -self.arm.effort_limits, self.arm.effort_limits)
        stamp = stamp if np.isfinite(stamp) else 0.0
        return Plan(stamp, dt, positions, velocities, efforts, is_improved=False)

    def _refusal(self, plan: Plan, q: np.ndarray) -> str:
        """Return why a plan must not be followed at any speed; empty if it may."""
        n, steps = self.arm.num_joints, plan.num_steps
        shapes = (plan.positions.shape, plan.velocities.shape, plan.efforts.shape)
        if steps < 1 or shapes != ((steps + 1, n), (steps + 1, n), (steps, n)):
            return f'plan has shapes {shapes} for {n} joints'
        if not plan.is_finite() or not np.isfinite(plan.dt) or plan.dt <= 0:
            return 'plan is not finite'
        deviation = float(np.abs(plan.positions[0] - q).max())
        if deviation > self.config.max_deviation:
            return f'plan starts {deviation:.2f} rad from the measured joints'
        lower, upper = self.arm.position_limits.T
        beyond = np.maximum(plan.positions - upper, lower - plan.positions)
        # A joint found beyond its limit may come back, not go further.
        allowed = np.maximum(np.maximum(q - upper, lower - q), 0.0) + TOLERANCE
        if (beyond > allowed).any():
            return f'plan breaks the position limit of {self._names((beyond > allowed).any(0))}'
        trespass = self._trespass(plan.positions)
        if (trespass > max(self._trespass(q[None])[0], 0.0) + TOLERANCE).any():
            return f'plan leaves the fence by {1e3 * trespass.max():.0f} mm'
        return ''

    def _trespass(self, q: np.ndarray) -> np.ndarray:
        """Return (T,) distances of the tool's tip beyond the fence [m], negative inside."""
        tip = self._kinematics.tool(q).position
        workspace, config = self.arm.workspace, self.config
        lateral = np.abs(workspace.to_workspace(tip[:, :2])).max(axis=-1) - 1.0
        beyond = np.stack(
            [
                lateral * workspace.half_extent - config.fence_margin,
                config.floor - tip[:, 2],
                tip[:, 2] - config.ceiling,
            ]
        )
        return beyond.max(axis=0)

    def _slowdown(self, plan: Plan) -> tuple[float, str]:
        """Return by what factor a plan must be stretched in time, and why."""
        speed = np.abs(plan.velocities) / self.arm.velocity_limits
        rate = np.abs(np.diff(plan.velocities, axis=0)) / plan.dt / self.arm.acceleration_limits
        by_speed, by_rate = float(speed.max()), float(np.sqrt(rate.max()))
        if by_speed >= by_rate:
            return by_speed, f'velocity of {self._names(speed.max(0) == speed.max())}'
        return by_rate, f'acceleration of {self._names(rate.max(0) == rate.max())}'

    def _stretched(self, plan: Plan, factor: float) -> Plan:
        """Follow the same path `factor` times slower: inertial torques fall with its square."""
        hold = np.array([self._dynamics.holding_control(q) for q in plan.positions[:-1]])
        return Plan(
            stamp=plan.stamp,
            dt=plan.dt * factor,
            positions=plan.positions,
            velocities=plan.velocities / factor,
            efforts=hold + (plan.efforts - hold) / factor**2,
            gains=None,
            cost=plan.cost,
            solve_time=plan.solve_time,
            is_improved=plan.is_improved,
        )

    def _names(self, mask: np.ndarray) -> str:
        return ', '.join(name for name, flag in zip(self.arm.joints, mask) if flag)
