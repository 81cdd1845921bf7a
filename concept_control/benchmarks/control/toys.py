"""Toy problems on which every planner must show what it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics, MujocoDynamics, ServoDynamics
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.costs.arm_cost import ArmCost
from concept_control.control.costs.entity_energy import PointEnergy
from concept_control.control.planners.interface import Cost, Quadratic

PLANTS = Path(__file__).with_name('plants')
"""Folder of the plants of those that are no arms, in MJCF."""

FD_STEP = 1e-6
"""Step of forward differences of residuals."""


@dataclass(frozen=True)
class ResidualCost:
    """Sum of squared residuals of the states and of scaled controls.

    Attributes:
        residual: Function from (..., nx) states to (..., K) residuals, weights included.
        control_weights: (nu,) factors on the squared controls.
        terminal: Factor on the residual's square at the horizon's end.
    """

    residual: Callable[[np.ndarray], np.ndarray]
    control_weights: np.ndarray
    terminal: float = 1.0

    def value(self, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Return (...,) costs of trajectories (..., H + 1, nx) under controls (..., H, nu)."""
        running = (self.residual(states) ** 2).sum(axis=-1)
        effort = (self.control_weights * controls**2).sum(axis=(-1, -2))
        return running[..., :-1].sum(axis=-1) + self.terminal * running[..., -1] + effort

    def quadratize(
        self,
        states: np.ndarray,
        controls: np.ndarray,
        by_state: np.ndarray,
        by_control: np.ndarray,
    ) -> Quadratic:
        """Expand the cost around one trajectory by forward differences of the residual."""
        (points, nx), (horizon, nu) = states.shape, controls.shape
        steps = FD_STEP * np.eye(nx)
        residual = self.residual(states)
        moved = self.residual(states[:, None] + steps)
        jacobian = (moved - residual[:, None]).transpose(0, 2, 1) / FD_STEP
        weight = np.ones(points)
        weight[-1] = self.terminal
        transposed = 2 * weight[:, None, None] * jacobian.transpose(0, 2, 1)
        return Quadratic(
            value=float(self.value(states, controls)),
            state_gradient=(transposed @ residual[..., None])[..., 0],
            state_hessian=transposed @ jacobian,
            control_gradient=2 * self.control_weights * controls,
            control_hessian=np.tile(2 * np.diag(self.control_weights), (horizon, 1, 1)),
            mixed_hessian=np.zeros((horizon, nu, nx)),
        )


@dataclass(frozen=True)
class Toy:
    """A start, a cost and a test for success.

    Attributes:
        name: Name of the problem.
        dynamics: Dynamics that planners plan through; also the plant.
        cost: Cost that they minimise.
        start: (n,) positions, at rest.
        duration: Duration of an episode [s].
        error: Function from a state (2n,) to the distance that counts, in the problem's unit.
        tolerance: Largest error that is a success.
        unit: Unit of the error, for people.
        settings: Settings of planners that differ from their defaults.
    """

    name: str
    dynamics: MujocoDynamics
    cost: Cost
    start: np.ndarray
    duration: float
    error: Callable[[np.ndarray], float]
    tolerance: float
    unit: str
    settings: dict[str, object] = field(default_factory=dict)


def toys(planner: str, seed: int = 0) -> list[Toy]:
    """Build the problems for a planner; arms are planned for as suits it."""
    rng = np.random.default_rng(seed)
    return [
        _double_integrator(rng),
        _cart_pole(rng),
        _two_link(rng),
        _arm_reach(rng, servo=planner != 'ilqg'),
    ]


def _plant(name: str) -> MujocoDynamics:
    return MujocoDynamics(mujoco.MjModel.from_xml_path(str(PLANTS / f'{name}.xml')))


def _double_integrator(rng: np.random.Generator) -> Toy:
    return Toy(
        name='double integrator',
        dynamics=_plant('double_integrator'),
        cost=ResidualCost(lambda x: x * [2.0, 0.7], np.array([0.02]), terminal=10.0),
        start=rng.uniform(0.5, 1.5, 1),
        duration=4.0,
        error=lambda x: float(np.abs(x[0])),
        tolerance=0.01,
        unit='m',
        settings={'horizon': 40, 'noise': 0.2, 'num_knots': 4, 'max_noise': 0.5},
    )


def _cart_pole(rng: np.random.Generator) -> Toy:
    def residual(state: np.ndarray) -> np.ndarray:
        x, angle = state[..., 0], state[..., 1]
        upright = 2 * np.stack([np.sin(angle), 1 - np.cos(angle)], axis=-1)
        rest = state[..., 2:] * [0.15, 0.1]
        return np.concatenate([0.7 * x[..., None], upright, rest], axis=-1)

    return Toy(
        name='cart-pole swing-up',
        dynamics=_plant('cart_pole'),
        cost=ResidualCost(residual, np.array([0.002]), terminal=10.0),
        start=np.array([0.0, np.pi - rng.uniform(0.1, 0.3)]),
        duration=6.0,
        error=lambda x: float(np.abs(np.arctan2(np.sin(x[1]), np.cos(x[1])))),
        tolerance=0.1,
        unit='rad',
        settings={'horizon': 40, 'noise': 0.3, 'num_knots': 8, 'max_noise': 0.6},
    )


def _two_link(rng: np.random.Generator) -> Toy:
    reach, angle = rng.uniform(0.25, 0.5), rng.uniform(1.0, 2.5)
    target = reach * np.array([np.cos(angle), np.sin(angle)])

    def offset(state: np.ndarray) -> np.ndarray:
        first, second = state[..., 0], state[..., 0] + state[..., 1]
        tip = 0.3 * np.stack([np.cos(first) + np.cos(second), np.sin(first) + np.sin(second)], -1)
        return tip - target

    return Toy(
        name='two-link reach',
        dynamics=_plant('two_link'),
        cost=ResidualCost(
            lambda x: np.concatenate([10 * offset(x), 0.15 * x[..., 2:]], axis=-1),
            np.full(2, 0.01),
            terminal=10.0,
        ),
        start=np.array([0.0, 0.5]),
        duration=3.0,
        error=lambda x: float(np.linalg.norm(offset(x))),
        tolerance=0.005,
        unit='m',
        settings={'horizon': 25, 'noise': 0.15, 'num_knots': 3, 'max_noise': 0.4},
    )


def _arm_reach(rng: np.random.Generator, servo: bool) -> Toy:
    arm = ArmDescription.load('franka')
    kinematics = ArmKinematics(arm)
    target = arm.workspace.to_world(rng.uniform(-0.9, 0.9, 2))
    goal = np.array([*target, 0.1])
    n = arm.num_joints
    return Toy(
        name='seven-joint reach',
        dynamics=ServoDynamics(arm) if servo else ArmDynamics(arm),
        cost=ArmCost(arm, kinematics, PointEnergy(target), height=0.1),
        start=arm.home.copy(),
        duration=3.0,
        error=lambda x: float(np.linalg.norm(kinematics.tool(x[:n]).position - goal)),
        tolerance=0.005,
        unit='m',
    )
