"""iLQG: model-predictive control by iterated linear-quadratic approximation."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from concept_control.control.arm.dynamics import MujocoDynamics
from concept_control.control.plan import Plan
from concept_control.control.planners.box_qp import box_qp
from concept_control.control.planners.interface import Cost, Quadratic, shifted


@dataclass(frozen=True)
class IlqgConfig:
    """How iLQG iterates.

    Attributes:
        horizon: Number of steps H.
        step_scales: Scales of the step in the line search, tried in this order.
        min_ratio: Smallest accepted ratio of actual to expected decrease of the cost.
        initial_regularization: Number added to the diagonal of the control Hessian at first.
        min_regularization, max_regularization: Bounds of that number: below the first it is zero,
            above the second the iteration gives up.
        regularization_factor: Base of its quadratic schedule.
    """

    horizon: int = 20
    step_scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.03)
    min_ratio: float = 1e-4
    initial_regularization: float = 1e-6
    min_regularization: float = 1e-8
    max_regularization: float = 1e3
    regularization_factor: float = 2.0


class Ilqg:
    """Iterative linear-quadratic control with a shifted warm start.

    After Tassa, Erez, Todorov, "Synthesis and stabilization of complex behaviors through online
    trajectory optimization", IROS 2012: regularisation on a quadratic schedule, backtracking line
    search on the true cost; control limits by a box-constrained program per step (Tassa, Mansard,
    Todorov, ICRA 2014).

    Deterministic, single-threaded; one instance per control loop.
    """

    def __init__(self, dynamics: MujocoDynamics, config: IlqgConfig | None = None) -> None:
        self.dynamics = dynamics
        self.config = config or IlqgConfig()
        self.reset()

    def reset(self) -> None:
        """Forget the warm start."""
        self._stamp: float | None = None
        self._states = np.zeros((0, 0))
        self._controls = np.zeros((0, 0))
        self._gains = np.zeros((0, 0, 0))
        self._regularization = self.config.initial_regularization
        self._schedule = 1.0

    def plan(
        self, time: float, q: np.ndarray, qd: np.ndarray, cost: Cost, iterations: int = 1
    ) -> Plan:
        """Improve the shifted last plan by at most `iterations` steps, to a local minimum."""
        start = clock.perf_counter()
        states, controls = self._warm_start(time, np.concatenate([q, qd]))
        value = float('nan')
        for _ in range(iterations):
            new_states, new_controls, value = self._iterate(states, controls, cost)
            if new_states is states:
                break
            states, controls = new_states, new_controls
        self._stamp, self._states, self._controls = time, states, controls
        return Plan.from_states(
            time,
            self.dynamics.timestep,
            states,
            controls,
            cost=value,
            solve_time=clock.perf_counter() - start,
        )

    def _warm_start(self, time: float, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift the last plan to the present and follow it from the present state."""
        horizon, dynamics = self.config.horizon, self.dynamics
        if self._stamp is not None:
            shift = (time - self._stamp) / dynamics.timestep
            if abs(shift) < horizon:
                states = shifted(self._states, shift)
                controls = shifted(self._controls, shift)
                self._gains = shifted(self._gains, shift)
                states, controls = dynamics.rollout_feedback(state, states, controls, self._gains)
                if np.isfinite(states).all():
                    return states, controls
        self.reset()
        hold = dynamics.holding_control(state[: dynamics.num_states // 2])
        controls = np.tile(np.clip(hold, dynamics.lower, dynamics.upper), (horizon, 1))
        self._gains = np.zeros((horizon, dynamics.num_controls, dynamics.num_states))
        return dynamics.rollout(state, controls), controls

    def _iterate(
        self, states: np.ndarray, controls: np.ndarray, cost: Cost
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Return a better trajectory and its cost, or the same one where none was found."""
        by_state, by_control = self.dynamics.linearize(states, controls)
        quadratic = cost.quadratize(states, controls, by_state, by_control)
        config, value = self.config, quadratic.value
        while (policy := self._backward(controls, quadratic, by_state, by_control)) is None:
            if self._regularization >= config.max_regularization:
                return states, controls, value
            self._raise_regularization()
        feedforward, gains, linear, square = policy
        self._gains = gains
        for scale in config.step_scales:
            expected = -scale * linear - 0.5 * scale**2 * square
            new_states, new_controls = self.dynamics.rollout_feedback(
                states[0], states, controls + scale * feedforward, gains
            )
            new_value = float(cost.value(new_states, new_controls))
            if expected > 0 and value - new_value > config.min_ratio * expected:
                self._schedule = min(1.0 / config.regularization_factor, self._schedule / 2.0)
                lowered = self._regularization * self._schedule
                is_small = lowered < config.min_regularization
                self._regularization = 0.0 if is_small else lowered
                return new_states, new_controls, new_value
        self._raise_regularization()
        return states, controls, value

    def _backward(
        self,
        controls: np.ndarray,
        quadratic: Quadratic,
        by_state: np.ndarray,
        by_control: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, float, float] | None:
        """Solve the linear-quadratic problem; None if it is not convex enough.

        The answer is (H, m) feed-forward steps, (H, m, nx) gains, and the linear and quadratic
        coefficients of the expected change of the cost in the step's scale.
        """
        horizon, m = controls.shape
        nx = by_state.shape[-1]
        feedforward, gains = np.zeros((horizon, m)), np.zeros((horizon, m, nx))
        low, high = self.dynamics.lower - controls, self.dynamics.upper - controls
        damping = self._regularization * np.eye(m)
        # States and controls side by side: a step is a few products, and `dot` is the quickest.
        step = np.concatenate([by_state, by_control], axis=2)
        gradient, hessian = quadratic.joined()
        v_x, v_xx = quadratic.state_gradient[-1], quadratic.state_hessian[-1]
        linear = square = 0.0
        rhs, policy = np.empty((m, 1 + nx)), np.empty((m, 1 + nx))
        for t in range(horizon - 1, -1, -1):
            forth, back = step[t], step[t].T
            q = gradient[t] + back.dot(v_x)
            q_q = hessian[t] + back.dot(v_xx.dot(forth))
            q_u, q_uu = q[nx:], q_q[nx:, nx:]
            rhs[:, 0], rhs[:, 1:] = q_u, q_q[nx:, :nx]
            _, solution, info = lapack.dposv(q_uu + damping, rhs)
            if info:
                return None
            np.negative(solution, out=policy)
            k = policy[:, 0]
            if np.count_nonzero((k < low[t]) | (k > high[t])):
                limited = box_qp(q_uu + damping, q_u, low[t], high[t], k)
                if limited is None:
                    return None
                policy[:], free = 0.0, limited[1]
                policy[:, 0] = limited[0]
                if free.any():
                    _, solution, _ = lapack.dposv(
                        (q_uu + damping)[np.ix_(free, free)], rhs[free, 1:]
                    )
                    policy[free, 1:] = -solution
            change = q_uu.dot(policy)
            linear += k.dot(q_u)
            square += k.dot(change[:, 0])
            change += rhs
            value = policy.T.dot(change) + rhs.T.dot(policy)
            v_x = q[:nx] + value[1:, 0]
            v_xx = q_q[:nx, :nx] + value[1:, 1:]
            v_xx = 0.5 * (v_xx + v_xx.T)
            feedforward[t], gains[t] = k, policy[:, 1:]
        return feedforward, gains, linear, square

    def _raise_regularization(self) -> None:
        self._schedule = max(self.config.regularization_factor, self._schedule * 2.0)
        raised = max(self._regularization, self.config.min_regularization) * self._schedule
        self._regularization = min(raised, self.config.max_regularization)
