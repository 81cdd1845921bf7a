"""Discrete-time dynamics for planners: MuJoCo models without contact, the arm with a payload."""

from __future__ import annotations

from functools import cache

import mujoco
import numpy as np
from mujoco import rollout

from concept_control.control.arm import derivation
from concept_control.control.arm.description import OWN, ArmDescription
from concept_control.errors import ArmError

FD_STEP = 1e-6
"""Step of MuJoCo's finite differences; forward ones are accurate to about this."""

PLAN_STEP = 0.025
"""Step of an arm's plans [s]. The controller reads them at any time between."""

SERVO_BANDWIDTH = 6.0
"""Bandwidth of the soft servos that sampling planners search through [rad/s]."""


class MujocoDynamics:
    """x' = f(x, u) of a MuJoCo model with x = [qpos, qvel] and one control per actuator.

    Attributes:
        model: MuJoCo model; its timestep is the step of f [s].
        num_states: Number of states, 2 n.
        num_controls: Number of controls m.
        lower, upper: (m,) limits of the controls.
        linearized_every: Number of steps of a trajectory between two at which derivatives are
            taken.

    Raises:
        ArmError: if positions and velocities differ in number or actuators have states.
    """

    linearized_every = 1

    def __init__(self, model: mujoco.MjModel) -> None:
        if model.nq != model.nv or model.na:
            raise ArmError(
                f'planning needs hinges and slides and stateless actuators; the model has nq = '
                f'{model.nq}, nv = {model.nv}, na = {model.na}'
            )
        self.model = model
        self.data = mujoco.MjData(model)
        self.num_states, self.num_controls = 2 * model.nv, model.nu
        limited = model.actuator_ctrllimited.astype(bool)
        self.lower = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
        self.upper = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
        self._rollout: rollout.Rollout | None = None

    @property
    def timestep(self) -> float:
        """Step of the dynamics [s]."""
        return float(self.model.opt.timestep)

    def rollout(self, state: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Apply (H, m) controls from a state (2n,); return (H + 1, 2n) states."""
        states = np.empty((len(controls) + 1, self.num_states))
        states[0] = state
        nv, data, model, step = self.model.nv, self.data, self.model, mujoco.mj_step
        qpos, qvel, ctrl = data.qpos, data.qvel, data.ctrl
        qpos[:], qvel[:] = state[:nv], state[nv:]
        for t, control in enumerate(controls):
            ctrl[:] = control
            step(model, data)
            states[t + 1, :nv] = qpos
            states[t + 1, nv:] = qvel
        return states

    def rollout_batch(self, state: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Apply (B, H, m) controls from one state (2n,); return (B, H + 1, 2n) states.

        One call of MuJoCo's batched rollout on one thread: control shares its machine.
        """
        batch, horizon, _ = controls.shape
        initial = np.concatenate([[0.0], state])  # full physics state: time, qpos, qvel
        if self._rollout is None:
            self._rollout = rollout.Rollout(nthread=0)
        later, _ = self._rollout.rollout(
            self.model,
            self.data,
            np.tile(initial, (batch, 1)),
            np.ascontiguousarray(controls),
        )
        states = np.empty((batch, horizon + 1, self.num_states))
        states[:, 0] = state
        states[:, 1:] = later[..., 1:]
        return states

    def rollout_feedback(
        self,
        state: np.ndarray,
        states: np.ndarray,
        controls: np.ndarray,
        gains: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Follow a nominal trajectory under feedback, clamping controls to their limits.

        Args:
            state: (2n,) state to start from.
            states: (H + 1, 2n) nominal states.
            controls: (H, m) nominal controls.
            gains: (H, m, 2n) feedback gains: u = controls + gains @ (x - states).

        Returns:
            (H + 1, 2n) states and (H, m) controls that were applied.
        """
        new_states, new_controls = np.empty_like(states), np.empty_like(controls)
        nv, data, model, step = self.model.nv, self.data, self.model, mujoco.mj_step
        qpos, qvel, ctrl = data.qpos, data.qvel, data.ctrl
        lower, upper = self.lower, self.upper
        qpos[:], qvel[:] = state[:nv], state[nv:]
        new_states[0] = state
        for t in range(len(controls)):
            control = controls[t] + gains[t] @ (new_states[t] - states[t])
            np.minimum(np.maximum(control, lower), upper, out=new_controls[t])
            ctrl[:] = new_controls[t]
            step(model, data)
            new_states[t + 1, :nv] = qpos
            new_states[t + 1, nv:] = qvel
        return new_states, new_controls

    def linearize(self, states: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Differentiate f along a trajectory, between every few steps by interpolation.

        Returns:
            (H, 2n, 2n) derivatives by the state and (H, 2n, m) by the control.
        """
        horizon, nx, nv = len(controls), self.num_states, self.model.nv
        count = 1 + -(-(horizon - 1) // self.linearized_every)
        knots = np.round(np.linspace(0, horizon - 1, count)).astype(int)
        by_state = np.empty((count, nx, nx))
        by_control = np.empty((count, nx, self.num_controls))
        data, model = self.data, self.model
        for i, t in enumerate(knots):
            data.qpos[:], data.qvel[:] = states[t, :nv], states[t, nv:]
            data.ctrl[:] = controls[t]
            mujoco.mjd_transitionFD(
                model, data, FD_STEP, False, by_state[i], by_control[i], None, None
            )
        if count == horizon:
            return by_state, by_control
        share = _interpolation(tuple(knots.tolist()))
        return (
            (share @ by_state.reshape(count, -1)).reshape(horizon, nx, nx),
            (share @ by_control.reshape(count, -1)).reshape(horizon, nx, -1),
        )

    def inverse(self, q: np.ndarray, qd: np.ndarray, qdd: np.ndarray) -> np.ndarray:
        """Return the (n,) joint torques that produce an acceleration (n,) [rad/s²]."""
        data = self.data
        data.qpos[:], data.qvel[:], data.qacc[:] = q, qd, qdd
        mujoco.mj_inverse(self.model, data)
        return data.qfrc_inverse.copy()

    def acceleration(self, q: np.ndarray, qd: np.ndarray, effort: np.ndarray) -> np.ndarray:
        """Return the (n,) accelerations [rad/s²] that joint torques (n,) produce."""
        rest = effort - self.inverse(q, qd, np.zeros_like(q))
        result = np.empty((1, self.model.nv))
        mujoco.mj_solveM(self.model, self.data, result, rest[None])
        return result[0]

    def holding_effort(self, q: np.ndarray) -> np.ndarray:
        """Return the (n,) joint torques that keep the system at rest at `q`."""
        zero = np.zeros(self.model.nv)
        return self.inverse(q, zero, zero)

    def holding_control(self, q: np.ndarray) -> np.ndarray:
        """Return the (m,) controls nearest to rest at `q`: motors that bear the weight."""
        effort = self.holding_effort(q)
        joints = self.model.actuator_trnid[:, 0]
        return effort[self.model.jnt_dofadr[joints]] / self.model.actuator_gear[:, 0]

    def efforts(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return the (..., H, m) torques that controls cause along states (..., H + 1, 2n)."""
        return controls


@cache
def _interpolation(knots: tuple[int, ...]) -> np.ndarray:
    """Return the shares (H, P) that P knots, the steps 0 to H - 1 among them, have in each."""
    steps = np.arange(knots[-1] + 1)
    return np.stack([np.interp(steps, knots, unit) for unit in np.eye(len(knots))], axis=1)


class ArmDynamics(MujocoDynamics):
    """The arm alone, free of contacts and joint stops, with what it carries as a point payload.

    Contacts are left out on purpose: differentiating through them costs forty times as much and
    the tasks touch blocks only along the vertical. Limits belong to the cost and to the guard.
    """

    # An arm's derivatives change little in a twentieth of a second.
    linearized_every = 2

    def __init__(self, arm: ArmDescription) -> None:
        super().__init__(self._compile(arm))
        self.arm = arm
        self._payload = self.model.body(f'{OWN}payload').id
        self._site = self.model.site(arm.tool_site).id

    def _compile(self, arm: ArmDescription) -> mujoco.MjModel:
        spec = arm.spec()
        site = spec.site(arm.tool_site)
        payload = site.parent.add_body(name=f'{OWN}payload', pos=site.pos, quat=site.quat)
        payload.explicitinertial = True
        payload.ipos = [0.0, 0.0, 0.0]
        payload.mass, payload.inertia = 1e-6, [1e-9] * 3
        spec.option.timestep = PLAN_STEP
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        # A rollout that diverges shall say so, not go on from another state.
        spec.option.disableflags |= (
            mujoco.mjtDisableBit.mjDSBL_CONSTRAINT | mujoco.mjtDisableBit.mjDSBL_AUTORESET
        )
        return spec.compile()

    def set_payload(self, mass: float, offset: np.ndarray) -> None:
        """Attach a mass [kg] at a point (3,) in the frame of the tool's tip [m]; 0 removes it."""
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, self.model.site_quat[self._site])
        position = self.model.site_pos[self._site] + rotation.reshape(3, 3) @ np.asarray(offset)
        self.model.body_pos[self._payload] = position
        self.model.body_mass[self._payload] = max(mass, 1e-6)
        self.model.body_inertia[self._payload] = max(mass, 1e-6) * 1e-3


class ServoDynamics(ArmDynamics):
    """The arm under soft joint servos: controls are positions asked for.

    Sampling planners search here: noise on torques mostly shakes an arm, noise on positions moves
    it. The servos are critically damped and so slow that the noise respects the acceleration
    limits; the plan's own torques and the tracker's gains are what the robot gets. Gravity is
    taken as compensated; efforts include what compensates it.
    """

    def _compile(self, arm: ArmDescription) -> mujoco.MjModel:
        model = super()._compile(arm)
        moved = derivation.inertia(model, arm.home)
        self.stiffness = SERVO_BANDWIDTH**2 * moved
        self.damping = 2 * SERVO_BANDWIDTH * moved - model.dof_damping
        model.opt.gravity[:] = 0.0
        model.actuator_biastype[:] = mujoco.mjtBias.mjBIAS_AFFINE
        model.actuator_gainprm[:, 0] = self.stiffness
        model.actuator_biasprm[:, 1] = -self.stiffness
        model.actuator_biasprm[:, 2] = -self.damping
        model.actuator_ctrlrange[:] = arm.position_limits
        model.actuator_forcerange[:] = np.outer(arm.effort_limits, [-1.0, 1.0])
        model.actuator_forcelimited[:] = 1
        return model

    def holding_control(self, q: np.ndarray) -> np.ndarray:
        """Return the (n,) positions to ask for to stay at `q`: themselves."""
        return q.copy()

    def efforts(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return the (..., H, n) torques of the servos along states (..., H + 1, 2n)."""
        limits, n = self.arm.effort_limits, self.arm.num_joints
        q, qd = states[..., :-1, :n], states[..., :-1, n:]
        return np.clip(self.stiffness * (controls - q) - self.damping * qd, -limits, limits)
