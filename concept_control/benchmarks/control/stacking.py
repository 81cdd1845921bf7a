"""Stacking in the closed loop without ROS: towers, judged on true poses after two seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from concept_control.benchmarks.control.episodes import CameraPerception
from concept_control.benchmarks.control.tool_between import closed_form_goal
from concept_control.control.controller import ConceptController, Status
from concept_control.control.goal import GroundedGoal
from concept_control.simulation.closed_loop import ClosedLoop, LoopConfig
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld
from concept_control.world.entity import EntityState
from concept_control.world.workspace import Workspace

REST_TIME = 2.0
"""Time that a tower must stand before it is judged [s]."""

LARGEST_GAP = 0.005
"""Largest difference between a lower face and the upper face below it [m]."""

FIRST_LOOKS = 15
"""Number of control periods after which a tracker has seen everything more than once."""

MAX_DURATION = 90.0
"""Longest episode, simulated [s]."""


@dataclass(frozen=True)
class StackingTask:
    """Which tower to build from what.

    Attributes:
        name: Name for people.
        order: Ids of the blocks of the tower, from below.
        num_blocks: Number of blocks on the table.
        stacks: Stacks of the start, ids from below.
    """

    name: str
    order: tuple[int, ...]
    num_blocks: int
    stacks: tuple[tuple[int, ...], ...] = ()


TASKS = (
    StackingTask('one on another', (2, 1), 4),
    StackingTask('a tower of 3', (1, 2, 3), 3),
    StackingTask('a tower of 4', (1, 2, 3, 4), 4),
    StackingTask('a tower of 5', (1, 2, 3, 4, 5), 5),
    StackingTask('a tower of 3 turned over', (3, 2, 1), 4, ((1, 2, 3),)),
)


@dataclass(frozen=True)
class TowerEnergy:
    """Squared distances of each thing of a tower from the one below it, seen from above.

    Attributes:
        order: Rows of the tower, from below.
    """

    order: tuple[int, ...]

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, 2 (K - 1)) offsets, workspace units; arguments as of `ResidualEvaluator`."""
        above, below = list(self.order[1:]), list(self.order[:-1])
        return (positions[:, above] - positions[:, below]).reshape(len(positions), -1)

    def conjunct_residuals(self, *scene: np.ndarray) -> list[np.ndarray]:
        """Return the residuals of its only conjunct; arguments as of `residual`."""
        return [self.residual(*scene)]


def tower_goal(
    entities: Mapping[int, EntityState], order: Sequence[int], workspace: Workspace
) -> GroundedGoal:
    """Ground a tower where its lowest thing is, which comes down to the table.

    Args:
        entities: Entities by id.
        order: Ids of the tower, from below.
        workspace: Workspace of the arm.
    """
    ids = sorted(entities)
    rows = [ids.index(i) for i in order]
    sides = np.array([entities[i].size for i in ids]) / workspace.half_extent
    bottoms = np.concatenate([[0.0], np.cumsum(sides[rows, 2])[:-1]])

    def solve_again(places: np.ndarray) -> np.ndarray:
        wanted = places.copy()
        wanted[rows] = np.column_stack([np.tile(places[rows[0], :2], (len(rows), 1)), bottoms])
        return wanted

    lowest = entities[order[0]]
    moved = rows[1:] if lowest.top < 1.5 * lowest.size[2] else rows
    place = tuple(workspace.to_workspace(lowest.xy))
    goal = closed_form_goal(
        TowerEnergy(tuple(rows)),
        np.array([entities[i].xy for i in ids]),
        np.array([entities[i].size[:2].mean() for i in ids]),
        dict.fromkeys(moved, place),
        workspace,
        ids,
        dict(zip(rows, bottoms)),
    )
    return replace(goal, solver=solve_again)


def tower_faults(world: SimulatedWorld, order: Sequence[int]) -> np.ndarray:
    """Return (K - 1, 2) of each block above another: gap between their faces and offset [m]."""
    rows = np.array(order) - 1
    centres, sides = world.block_positions()[rows], world.scene.sizes[rows]
    gaps = np.abs(np.diff(centres[:, 2]) - (sides[1:] + sides[:-1]) / 2)
    offsets = np.linalg.norm(np.diff(centres[:, :2], axis=0), axis=1)
    return np.column_stack([gaps, offsets])


def stands(world: SimulatedWorld, order: Sequence[int]) -> bool:
    """Tell whether a tower stands: each block on the next, its centre over it."""
    rows = np.array(order) - 1
    gaps, offsets = tower_faults(world, order).T
    is_down = world.block_positions()[rows[0], 2] - world.scene.sizes[rows[0]] / 2 < LARGEST_GAP
    is_over = offsets < world.scene.sizes[rows[:-1]] / 2
    return bool(is_down and is_over.all() and (gaps < LARGEST_GAP).all())


def play_stacking(
    task: StackingTask, seed: int, arm: str, planner: str, backend: str | None
) -> dict[str, Any]:
    """Run one episode; return what came of it as plain values.

    Args:
        task: Tower to build.
        seed: Seed of the layout and the noise.
        arm: Name of an arm, or path of its YAML file.
        planner: Name of the planner.
        backend: Renderer of the simulated camera; None for true poses with 1 mm of noise.
    """
    scene = build_scene(
        SceneConfig(
            num_blocks=task.num_blocks, seed=seed, min_gap=0.06, arm=arm, stacks=task.stacks
        )
    )
    perception = None if backend is None else CameraPerception(scene, backend)
    timing = LoopConfig(position_noise=0.001, entity_delay=0.1, seed=seed)
    loop = ClosedLoop(scene, ConceptController(scene.arm, planner=planner), timing, perception)
    for _ in range(FIRST_LOOKS):
        loop.step()
    seen = loop.perceive()
    found: dict[str, Any] = {'task': task.name, 'seed': seed, 'stands': False, 'time': np.nan}
    try:
        order = [_id_at(seen, loop.world, block) for block in task.order]
    except LookupError as error:
        return {**found, 'text': str(error), 'gap_mm': np.nan, 'offset_mm': np.nan}
    loop.controller.set_goal(tower_goal(seen, order, scene.arm.workspace))
    output = loop.run(MAX_DURATION, lambda output: output.status is not Status.ACTIVE)[-1]
    time = loop.world.time
    loop.run(REST_TIME)
    gap, offset = 1000 * tower_faults(loop.world, task.order).max(axis=0)
    return {
        **found,
        'stands': stands(loop.world, task.order),
        'status': str(output.status),
        'text': output.text,
        'time': time,
        'gap_mm': float(gap),
        'offset_mm': float(offset),
    }


def _id_at(seen: Mapping[int, EntityState], world: SimulatedWorld, block: int) -> int:
    """Return the perceived id of a true block.

    Raises:
        LookupError: If nothing is perceived where it is.
    """
    centre, side = world.block_positions()[block - 1], world.scene.sizes[block - 1]
    near = [i for i, state in seen.items() if np.linalg.norm(state.position - centre) < side / 2]
    if len(near) != 1:
        raise LookupError(f'{len(near)} things are perceived where block {block} is')
    return near[0]
