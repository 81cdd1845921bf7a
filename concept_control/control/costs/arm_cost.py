"""The cost of an arm's trajectory: an energy of what it moves, and how well it behaves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from concept_control.control.arm.clearance import LinkClearance
from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import PLAN_STEP
from concept_control.control.arm.kinematics import DOWN, ArmKinematics, ToolMotion
from concept_control.control.costs.entity_energy import EntityEnergy, MotionEnergy
from concept_control.control.planners.interface import Quadratic
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class CostWeights:
    """Weights of the terms; every term is squared and summed over the horizon.

    Attributes:
        energy: Weight of the entity's energy, whose unit is m².
        energy_knee: Distance [m] beyond which the energy counts linearly, not quadratically, with
            distance: far goals must not ask for more acceleration than the arm has.
        motion: Weight of the energy of how the point moves.
        height: Weight of the height error [1/m²].
        tilt: Weight of the tool axis' deviation from straight down.
        heading: Weight of the sine of the heading's error.
        posture: Weight of the joints' distance to the posture [1/rad²]; only settles what the task
            leaves open.
        velocity: Weight of joint velocities [s²/rad²].
        acceleration: Weight of joint accelerations relative to their limits.
        effort: Weight of joint efforts relative to their limits; small, for gravity must be held.
        position_limit: Weight of the intrusion into the margin before a position limit [1/rad²].
        velocity_limit: Weight of the excess over the soft velocity limit, relative to the limit.
        acceleration_limit: Weight of the excess over the soft acceleration limit, relative to the
            limit.
        clearance: Weight of the intrusion into the free space around other entities, and of the
            links into that around the table and blocks [1/m²].
        terminal: Factor on the state terms at the horizon's end.
        terminal_velocity: Weight of joint velocities at the horizon's end [s²/rad²].
        position_margin: Width of the margin before position limits [rad].
        soft_limit: Share of velocity and acceleration limits that is free of cost.
    """

    energy: float = 50.0
    energy_knee: float = 0.10
    motion: float = 0.01
    height: float = 50.0
    tilt: float = 5.0
    heading: float = 0.3
    posture: float = 0.0002
    velocity: float = 0.02
    acceleration: float = 0.05
    effort: float = 1e-5
    position_limit: float = 20.0
    velocity_limit: float = 20.0
    acceleration_limit: float = 50.0
    clearance: float = 200.0
    terminal: float = 10.0
    terminal_velocity: float = 0.5
    position_margin: float = 0.08
    soft_limit: float = 0.72


@dataclass
class ArmCost:
    """Cost of joint trajectories x = [q, qd] of an arm, with Gauss-Newton expansions.

    The world frame is the arm's base; H is the horizon, n the number of joints.

    Attributes:
        arm: Arm with its limits and home.
        kinematics: Kinematics of the same arm.
        energy: Energy of the xy position of the moving point; None where only the posture counts:
            then height and tilt are free too.
        height: Height of the moving point above the table that is wanted [m].
        offset: (3,) moving point in the frame of the tool's tip [m]: zero for the tool itself, the
            centre of the block for a carried one.
        obstacles: (M, 2) centres of entities to keep away from [m].
        clearances: (M,) smallest distances to them [m].
        links: Clearance of the arm's links; None where they need none.
        heading: Direction of the tool's x axis about the vertical [rad]; None: any.
        fence: Square inside which the moving point is kept; None for no fence.
        motion: Energy of the point's xy position and velocity beside that of its position; None
            where only places count.
        posture: (n,) joint positions to stay near [rad]; None: the arm's home.
        weights: Weights of the terms.
    """

    arm: ArmDescription
    kinematics: ArmKinematics
    energy: EntityEnergy | None
    height: float = 0.0
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    obstacles: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    clearances: np.ndarray = field(default_factory=lambda: np.zeros(0))
    links: LinkClearance | None = None
    heading: float | None = None
    fence: Workspace | None = None
    motion: MotionEnergy | None = None
    posture: np.ndarray | None = None
    weights: CostWeights = field(default_factory=CostWeights)

    def value(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return (...,) costs of trajectories (..., H + 1, 2n) under efforts (..., H, n)."""
        tool: np.ndarray | float = 0.0
        n = self.arm.num_joints
        frames = self.kinematics.frames(states[..., :n])
        if self.energy is not None:
            is_moving = self.motion is not None
            motion = self.kinematics.tool(
                states[..., :n], self.offset, jacobians=is_moving, frames=frames
            )
            xy = motion.position[..., :2]
            residual = self.energy.residual(xy.reshape(-1, 2))
            tool = self._tool_value(motion, _square(residual).reshape(xy.shape[:-1]))
            if self.motion is not None:
                velocity = _velocity(motion, states[..., n:])
                residual = self.motion.residual(xy.reshape(-1, 2), velocity.reshape(-1, 2))
                tool = tool + self.weights.motion * _square(residual).reshape(xy.shape[:-1])
        if self.links is not None:
            tool = tool + self.weights.clearance * self.links.value(frames)
        return self._value(states, controls, tool)

    def _value(
        self, states: np.ndarray, controls: np.ndarray, tool: np.ndarray | float
    ) -> np.ndarray:
        """Add the terms of joints and efforts to those of the tool, (..., H + 1)."""
        w, arm, n = self.weights, self.arm, self.arm.num_joints
        q, qd = states[..., :n], states[..., n:]
        cost = tool + w.posture * _square(q - self._posture)
        cost += w.position_limit * _square(self._position_excess(q))
        total = cost[..., :-1].sum(axis=-1) + w.terminal * cost[..., -1]
        speed = _square(qd)
        total += w.velocity * speed[..., :-1].sum(axis=-1) + w.terminal_velocity * speed[..., -1]
        excess = _excess(qd / arm.velocity_limits, w.soft_limit)
        total += w.velocity_limit * _square(excess).sum(axis=-1)
        acceleration = np.diff(qd, axis=-2) / (PLAN_STEP * arm.acceleration_limits)
        total += w.acceleration * _square(acceleration).sum(axis=-1)
        excess = _excess(acceleration, w.soft_limit)
        total += w.acceleration_limit * _square(excess).sum(axis=-1)
        total += w.effort * _square(controls / arm.effort_limits).sum(axis=-1)
        return total

    def quadratize(
        self,
        states: np.ndarray,
        controls: np.ndarray,
        by_state: np.ndarray,
        by_control: np.ndarray,
    ) -> Quadratic:
        """Expand the cost around one trajectory (H + 1, 2n); Hessians are positive semi-definite.

        Args:
            states: (H + 1, 2n) states of the trajectory.
            controls: (H, n) controls along it.
            by_state: (H, 2n, 2n) derivatives of the dynamics by the state, for accelerations.
            by_control: (H, 2n, n) derivatives of the dynamics by the control.
        """
        w, n = self.weights, self.arm.num_joints
        points = len(states)
        q, qd = states[:, :n], states[:, n:]
        gradient, hessian = np.zeros((points, 2 * n)), np.zeros((points, 2 * n, 2 * n))
        # A view of the Hessians' diagonals, (H + 1, 2n).
        diagonal, tool = hessian.reshape(points, -1)[:, :: 2 * n + 1], np.zeros(points)

        frames = self.kinematics.frames(q)
        if self.energy is not None:
            poses = self.kinematics.tool(q, self.offset, jacobians=True, frames=frames)
            tool, gradient[:, :n], hessian[:, :n, :n] = self._tool_terms(self.energy, poses)
            if self.motion is not None:
                tool += self._add_motion_terms(self.motion, poses, qd, gradient, hessian)
        if self.links is not None:
            near, slope, curvature = self.links.linearize(frames)
            tool = tool + w.clearance * near
            gradient[:, :n] += w.clearance * slope
            hessian[:, :n, :n] += w.clearance * curvature
        beyond = self._position_excess(q)
        gradient[:, :n] += 2 * w.posture * (q - self._posture) + 2 * w.position_limit * beyond
        diagonal[:, :n] += 2 * w.posture + 2 * w.position_limit * (beyond != 0)
        gradient[-1] *= w.terminal
        hessian[-1] *= w.terminal

        weight = np.full((points, 1), w.velocity)
        weight[-1] = w.terminal_velocity
        limits = self.arm.velocity_limits
        excess = _excess(qd / limits, w.soft_limit)
        gradient[:, n:] += 2 * weight * qd + 2 * w.velocity_limit * excess / limits
        diagonal[:, n:] += 2 * weight + 2 * w.velocity_limit * (excess != 0) / limits**2

        value = float(self._value(states, controls, tool))
        quadratic = self._add_acceleration_terms(
            value, gradient, hessian, qd, by_state[:, n:], by_control[:, n:]
        )
        limits = self.arm.effort_limits
        quadratic.control_gradient[:] += 2 * w.effort * controls / limits**2
        quadratic.control_hessian[:] += 2 * w.effort * np.diag(limits**-2.0)
        return quadratic

    def _add_acceleration_terms(
        self,
        value: float,
        gradient: np.ndarray,
        hessian: np.ndarray,
        qd: np.ndarray,
        by_state: np.ndarray,
        by_control: np.ndarray,
    ) -> Quadratic:
        """Add accelerations relative to their limits: residuals of state and control together.

        The gradient (H + 1, 2n) and Hessian (H + 1, 2n, 2n) by the states are changed in place;
        the derivatives (H, n, 2n) and (H, n, n) are those of the next velocities.
        """
        w, n = self.weights, self.arm.num_joints
        scale = PLAN_STEP * self.arm.acceleration_limits
        acceleration = np.diff(qd, axis=0) / scale
        excess = _excess(acceleration, w.soft_limit)
        slope = (w.acceleration * acceleration + w.acceleration_limit * excess)[..., None]
        curvature = (w.acceleration + w.acceleration_limit * (excess != 0))[..., None]
        of_state = by_state.copy()
        of_state[:, np.arange(n), np.arange(n, 2 * n)] -= 1.0
        of_state /= scale[:, None]
        of_control = by_control / scale[:, None]
        state_t, control_t = of_state.transpose(0, 2, 1), of_control.transpose(0, 2, 1)
        gradient[:-1] += 2 * (state_t @ slope)[..., 0]
        hessian[:-1] += 2 * state_t @ (curvature * of_state)
        return Quadratic(
            value,
            gradient,
            hessian,
            control_gradient=2 * (control_t @ slope)[..., 0],
            control_hessian=2 * control_t @ (curvature * of_control),
            mixed_hessian=2 * control_t @ (curvature * of_state),
        )

    @property
    def _posture(self) -> np.ndarray:
        return self.arm.home if self.posture is None else self.posture

    def _tool_value(self, motion: ToolMotion, energy: np.ndarray) -> np.ndarray:
        """Return (...,) costs of tool poses, given the energies (...,) [m²] there."""
        w, xy = self.weights, motion.position[..., :2]
        cost = w.energy * _softened(energy, w.energy_knee)[0]
        cost += w.height * (motion.position[..., 2] - self.height) ** 2
        cost += w.tilt * _square(motion.axis - DOWN)
        if self.heading is not None:
            cost += w.heading * (motion.rotation[..., 0] @ _across(self.heading)) ** 2
        if len(self.obstacles):
            cost += w.clearance * _square(self._intrusion(xy)[0])
        if self.fence is not None:
            cost += w.clearance * _square(self._trespass(self.fence, xy))
        return cost

    def _add_motion_terms(
        self,
        energy: MotionEnergy,
        motion: ToolMotion,
        qd: np.ndarray,
        gradient: np.ndarray,
        hessian: np.ndarray,
    ) -> np.ndarray:
        """Add to gradient (H + 1, 2n) and Hessian (H + 1, 2n, 2n); return the value (H + 1,).

        How the velocity at given joint velocities changes with the joint positions is left out:
        beside how it changes with the joint velocities it is small.
        """
        velocity = _velocity(motion, qd)
        residual, by_xy, by_velocity = energy.linearize(motion.position[:, :2], velocity)
        assert motion.position_jacobian is not None
        planar = motion.position_jacobian[:, :2]
        jacobian = np.concatenate([by_xy @ planar, by_velocity @ planar], axis=-1)
        transposed = 2 * self.weights.motion * jacobian.transpose(0, 2, 1)
        gradient += (transposed @ residual[..., None])[..., 0]
        hessian += transposed @ jacobian
        return self.weights.motion * _square(residual)

    def _tool_terms(
        self, energy: EntityEnergy, motion: ToolMotion
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return value (H + 1,), gradient (H + 1, n) and Hessian (H + 1, n, n) by the joints."""
        w, xy = self.weights, motion.position[:, :2]
        residual, jacobian = energy.linearize(xy)
        value = self._tool_value(motion, _square(residual))
        # By the moving point's position: (H + 1, 3) and (H + 1, 3, 3).
        by_point, twice = np.zeros((len(xy), 3)), np.zeros((len(xy), 3, 3))
        factor = 2 * w.energy * _softened(_square(residual), w.energy_knee)[1]
        transposed = jacobian.transpose(0, 2, 1)
        by_point[:, :2] = factor[:, None] * (transposed @ residual[..., None])[..., 0]
        twice[:, :2, :2] = factor[:, None, None] * (transposed @ jacobian)
        by_point[:, 2] = 2 * w.height * (motion.position[:, 2] - self.height)
        twice[:, 2, 2] = 2 * w.height
        if len(self.obstacles):
            intrusion, direction = self._intrusion(xy)
            by_point[:, :2] -= 2 * w.clearance * (intrusion[..., None] * direction).sum(axis=-2)
            active = direction * (intrusion > 0)[..., None]
            twice[:, :2, :2] += 2 * w.clearance * (active.transpose(0, 2, 1) @ active)
        if self.fence is not None:
            beyond, axes = self._trespass(self.fence, xy), self.fence.rotation
            by_point[:, :2] += 2 * w.clearance * beyond @ axes.T
            outside = (beyond != 0)[:, None, :] * axes
            twice[:, :2, :2] += 2 * w.clearance * (outside @ axes.T)
        point, axis = motion.position_jacobian, motion.direction_jacobian(2)
        assert point is not None
        point_t, axis_t = point.transpose(0, 2, 1), axis.transpose(0, 2, 1)
        tilt = 2 * w.tilt
        gradient = point_t @ by_point[..., None]
        gradient += tilt * axis_t @ (motion.axis - DOWN)[..., None]
        hessian = point_t @ twice @ point + tilt * axis_t @ axis
        if self.heading is not None:
            across = _across(self.heading)
            turn = np.einsum('i,tin->tn', across, motion.direction_jacobian(0))[..., None]
            weight = 2 * w.heading
            error = motion.rotation[..., 0] @ across
            gradient += weight * error[:, None, None] * turn
            hessian += weight * turn @ turn.transpose(0, 2, 1)
        return value, gradient[..., 0], hessian

    def _trespass(self, fence: Workspace, xy: np.ndarray) -> np.ndarray:
        """Return (..., 2) signed distances beyond the fence along its own axes [m]."""
        return fence.half_extent * _excess(fence.to_workspace(xy), 1.0)

    def _intrusion(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (..., M) depths of intrusion [m] and (..., M, 2) unit vectors that lead out."""
        away = xy[..., None, :] - self.obstacles
        distance = np.sqrt(_square(away) + 1e-12)
        depth = np.maximum(self.clearances - distance, 0.0)
        return depth, away / distance[..., None]

    def _position_excess(self, q: np.ndarray) -> np.ndarray:
        """Return (..., n) signed intrusion into the margins before the position limits [rad]."""
        margin, limits = self.weights.position_margin, self.arm.position_limits
        over = np.maximum(q - (limits[:, 1] - margin), 0.0)
        return over + np.minimum(q - (limits[:, 0] + margin), 0.0)


def _velocity(motion: ToolMotion, qd: np.ndarray) -> np.ndarray:
    """Return (..., 2) horizontal velocities of the moving point [m/s]."""
    assert motion.position_jacobian is not None
    return (motion.position_jacobian[..., :2, :] @ qd[..., None])[..., 0]


def _across(heading: float) -> np.ndarray:
    """Return the (3,) horizontal unit vector to the left of a heading [rad]."""
    return np.array([-np.sin(heading), np.cos(heading), 0.0])


def _square(values: np.ndarray) -> np.ndarray:
    return np.einsum('...i,...i->...', values, values)


def _excess(ratio: np.ndarray, share: float) -> np.ndarray:
    """Return what exceeds the interval [-share, share], signed."""
    return np.maximum(ratio - share, 0.0) + np.minimum(ratio + share, 0.0)


def _softened(energy: np.ndarray, knee: float) -> tuple[np.ndarray, np.ndarray]:
    """Return an energy [m²] made linear in distance beyond the knee, and the factor's slope.

    It has the energy's minima but a bounded force.
    """
    root = np.sqrt(1.0 + energy / knee**2)
    return 2 * knee**2 * (root - 1.0), 1.0 / root
