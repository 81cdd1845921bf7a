"""The paper's experiment as a task for any controller: the tool goes between two points.

The energy is exact, the squared distance to the middle, so that errors are those of control. What
a controller did is recorded once a control period and judged here by geometry, whoever it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.inverse_kinematics import solve_ik
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.controller import ConceptController
from concept_control.control.goal import GroundedGoal, ResidualEvaluator
from concept_control.control.skills.task_view import TaskConfig
from concept_control.errors import ArmError
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import Scene, SceneConfig, build_scene
from concept_control.world.entity import EntityState
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class MidpointEnergy:
    """Squared distance of one entity to the middle of two others, rows of the goal's arrays."""

    subject: int
    first: int
    second: int

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, 2) offsets from the middle, workspace units."""
        middle = (positions[:, self.first] + positions[:, self.second]) / 2
        return positions[:, self.subject] - middle

    def conjunct_residuals(self, *scene: np.ndarray) -> list[np.ndarray]:
        """Return the residuals of its only conjunct; arguments as of `residual`."""
        return [self.residual(*scene)]


def closed_form_goal(
    evaluator: ResidualEvaluator,
    positions: np.ndarray,
    sizes: np.ndarray,
    targets: Mapping[int, Sequence[float]],
    workspace: Workspace,
    entity_ids: Sequence[int] | None = None,
) -> GroundedGoal:
    """Ground an exact energy whose solution is known.

    Args:
        evaluator: Energy in closed form.
        positions: (N, 2) positions of the entities, world frame [m].
        sizes: (N,) side lengths of the entities [m].
        targets: Solution by row, workspace units; these rows move.
        workspace: Workspace of the arm.
        entity_ids: Ids of the rows; None for 1 to N.
    """
    n = len(positions)
    ids = tuple(range(1, n + 1)) if entity_ids is None else tuple(entity_ids)
    before = workspace.to_workspace(positions)
    after = before.copy()
    for row, place in targets.items():
        after[row] = place
    colors = np.full((n, 3), 0.5)
    widths = np.asarray(workspace.length_to_workspace(np.asarray(sizes, dtype=float)))
    residual = evaluator.residual(before, np.stack([before, after]), colors, widths)
    energies = (residual**2).sum(axis=-1)
    moved = tuple(ids[row] for row in targets)
    return GroundedGoal(
        evaluator=evaluator,
        entity_ids=ids,
        before=before,
        colors=colors,
        sizes=widths,
        movable=moved,
        moved=moved,
        targets=after,
        initial_energy=float(energies[0]),
        target_energy=float(energies[1]),
    )


DURATION = 3.0
"""Duration of an episode [s]."""

ARRIVED, REACHED = 0.005, 0.001
"""Distances to the middle that count as arrived, and as reached at the end [m]."""


@dataclass(frozen=True)
class ToolCase:
    """Two points on the table; the arm starts at home, at rest.

    Attributes:
        seed: Seed of the points.
        points: (2, 2) positions [m], world frame.
    """

    seed: int
    points: np.ndarray

    @classmethod
    def draw(cls, arm: ArmDescription, seed: int) -> ToolCase:
        """Draw both points in the workspace of an arm."""
        rng = np.random.default_rng(seed)
        return cls(seed, arm.workspace.to_world(rng.uniform(-0.9, 0.9, (2, 2))))

    @property
    def middle(self) -> np.ndarray:
        """(2,) where the tool shall be [m]."""
        return self.points.mean(axis=0)


@dataclass(frozen=True)
class ToolPath:
    """What a controller did in K control periods.

    Attributes:
        period: Control period [s].
        tool: (K + 1, 3) position of the tip before and after every period [m].
        velocities: (K + 1, n) joint velocities, likewise [rad/s].
        plan_times: (K,) wall-clock times of planning [s]; the simulated clock stands still
            meanwhile.
    """

    period: float
    tool: np.ndarray
    velocities: np.ndarray
    plan_times: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """(K + 1,) [s]."""
        return self.period * np.arange(len(self.tool))

    def errors(self, case: ToolCase) -> np.ndarray:
        """Return (K + 1,) horizontal distances to the middle [m]."""
        return np.linalg.norm(self.tool[:, :2] - case.middle, axis=1)


def tool_scene(arm_name: str) -> Scene:
    """Return the scene of the task: the arm and an empty table."""
    return build_scene(SceneConfig(num_blocks=0, arm=arm_name))


def play_tool(arm_name: str, planner: str, case: ToolCase) -> ToolPath:
    """Run one episode with one of the package's planners."""
    scene = tool_scene(arm_name)
    arm = scene.arm
    marks = {
        i + 1: EntityState(np.array([*xy, 0.02]), np.full(3, 0.04))
        for i, xy in enumerate(case.points)
    }
    loop = ClosedLoop(scene, ConceptController(arm, planner=planner), perception=lambda _: marks)
    world = loop.world
    goal = closed_form_goal(
        MidpointEnergy(0, 1, 2),
        np.vstack([world.tool_pose()[0][:2], case.points]),
        np.full(3, 0.04),
        {0: arm.workspace.to_workspace(case.middle).tolist()},
        arm.workspace,
        (0, 1, 2),
    )
    loop.controller.set_goal(goal)
    tool, velocities, plan_times = [world.tool_pose()[0]], [world.joint_state()[1]], []
    while world.time < DURATION - 1e-9:
        plan_times.append(loop.step().solve_time)
        tool.append(world.tool_pose()[0])
        velocities.append(world.joint_state()[1])
    return ToolPath(
        loop.config.control_period, np.array(tool), np.array(velocities), np.array(plan_times)
    )


def straight_path(arm: ArmDescription, case: ToolCase, period: float) -> ToolPath:
    """Go straight in joint space at the limits of speed and acceleration: what the arm allows.

    No controller is so fast that leaves the limits any margin; how far a controller's integral is
    above this one says how much of it was left to gain.

    Raises:
        ArmError: If the arm cannot reach the middle.
    """
    kinematics = ArmKinematics(arm)
    end = solve_ik(arm, kinematics, np.array([*case.middle, TaskConfig().tool_height]))
    if end is None:
        raise ArmError(f'{arm.name} cannot reach {case.middle.round(3).tolist()}')
    way = end - arm.home
    length = np.maximum(np.abs(way), 1e-9)
    speed = float((arm.velocity_limits / length).min())
    acceleration = float((arm.acceleration_limits / length).min())
    # Shares of the way: a ramp up, perhaps a stretch at full speed, a ramp down.
    ramp = min(speed / acceleration, acceleration**-0.5)
    top = acceleration * ramp
    total = 1.0 / top + ramp
    times = period * np.arange(round(DURATION / period) + 1)
    up, down = np.minimum(times, ramp), np.clip(times - (total - ramp), 0.0, ramp)
    share = acceleration * up**2 / 2 + top * np.clip(times - ramp, 0.0, None)
    share -= acceleration * down**2 / 2 + top * np.clip(times - total, 0.0, None)
    rate = acceleration * (up - down)
    tool = kinematics.tool(arm.home + share[:, None] * way).position
    return ToolPath(period, tool, rate[:, None] * way, np.full(len(times) - 1, np.nan))


def judge_tool(path: ToolPath, case: ToolCase, arm: ArmDescription) -> dict[str, float]:
    """Measure an episode by geometry alone.

    Returns:
        `final`, the distance to the middle at the end [m]; `rest`, its median over the last half
        second [m]; `integral`, of its square over the episode [m² s]; `arrival`, when it was first
        below 5 mm [s], infinite for never; `plan_time`, the median [s]; `speed` and
        `acceleration`, the largest share of any joint's limit, accelerations as averages over a
        control period.
    """
    errors = path.errors(case)
    arrived = path.times[errors < ARRIVED]
    acceleration = np.diff(path.velocities, axis=0) / path.period
    return {
        'final': float(errors[-1]),
        'rest': float(np.median(errors[path.times > path.times[-1] - 0.5])),
        'integral': float(np.trapezoid(errors**2, dx=path.period)),
        'arrival': float(arrived[0]) if len(arrived) else float('inf'),
        'plan_time': float(np.nanmedian(path.plan_times)),
        'speed': float((np.abs(path.velocities) / arm.velocity_limits).max()),
        'acceleration': float((np.abs(acceleration) / arm.acceleration_limits).max()),
    }


def summarise_tool(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the share of episodes that reached the middle, medians, and the worst final error."""

    def median(key: str) -> float:
        return float(np.median([run[key] for run in runs]))

    return {
        'within_1_mm': float(np.mean([run['final'] < REACHED for run in runs])),
        'final_mm': 1e3 * median('final'),
        'rest_mm': 1e3 * median('rest'),
        'worst_mm': 1e3 * max(run['final'] for run in runs),
        'integral': median('integral'),
        'time_to_5_mm': median('arrival'),
        'plan_ms': 1e3 * median('plan_time'),
        'speed': max(run['speed'] for run in runs),
        'acceleration': max(run['acceleration'] for run in runs),
    }
