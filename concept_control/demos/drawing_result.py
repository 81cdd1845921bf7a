"""Drawing with the simulated arm, without ROS; and how far the line is from the policy's path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from concept_control.control.controller import ConceptController, Status
from concept_control.control.skills.drawing import TOUCH, DrawingGoal
from concept_control.policy.strokes import resample
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import Scene

TIME_LIMIT = 180.0
"""Simulated seconds after which a drawing is given up."""

LINE_POINTS = 2000
"""Points a line is divided into to be compared."""


@dataclass
class Drawn:
    """What the arm drew; world frame [m].

    Attributes:
        status: how it ended.
        text: why.
        lines: (L, 3) track of the tip, one a stroke, where it touched.
        paths: (T + 1, 2) of the policy, one a stroke.
        duration: simulated [s].
        plan_times: of the planner [s].
        guarded: control periods in which the guard changed something.
    """

    status: str
    text: str
    lines: list[np.ndarray]
    paths: list[np.ndarray]
    duration: float = 0.0
    plan_times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    guarded: int = 0

    def deviation(self) -> float:
        """Return the largest distance between line and path, either way [m]; inf if none."""
        if not self.lines or len(self.lines) != len(self.paths):
            return float('inf')
        return max(separation(line[:, :2], path) for line, path in zip(self.lines, self.paths))


def separation(line: np.ndarray, path: np.ndarray) -> float:
    """Return the Hausdorff distance of two curves (L, 2) and (M, 2)."""
    first, second = resample(line, LINE_POINTS), resample(path, LINE_POINTS)
    gaps = [
        np.linalg.norm(part[:, None] - second[None], axis=-1) for part in np.array_split(first, 20)
    ]
    distance = np.concatenate(gaps)
    return float(max(distance.min(axis=1).max(), distance.min(axis=0).max()))


def touching(track: Sequence[tuple[str, np.ndarray]], height: float) -> list[np.ndarray]:
    """Split a track of (phase, tip (3,)) into lines: where the tip was down and drew."""
    lines: list[np.ndarray] = []
    current: list[np.ndarray] = []
    for phase, tip in track:
        if phase == 'draw' and abs(tip[2] - height) <= TOUCH:
            current.append(tip)
        elif phase != 'draw' and len(current) > 1:
            lines.append(np.array(current))
            current = []
    if len(current) > 1:
        lines.append(np.array(current))
    return lines


def draw(scene: Scene, goal: DrawingGoal, loop: ClosedLoop | None = None) -> Drawn:
    """Let the simulated arm draw a goal."""
    loop = loop or ClosedLoop(scene, ConceptController(scene.arm))
    loop.controller.set_goal(goal)
    track: list[tuple[str, np.ndarray]] = []
    plans, guarded = [], 0
    while loop.world.time < TIME_LIMIT:
        output = loop.step()
        track.append((output.phase, loop.world.tool_pose()[0]))
        plans.append(output.solve_time)
        guarded += bool(output.guard)
        if output.status in (Status.SATISFIED, Status.FAILED):
            break
    times = np.array(plans)
    return Drawn(
        status=str(output.status),
        text=output.text,
        lines=touching(track, goal.height),
        paths=[stroke.path for stroke in goal.strokes],
        duration=loop.world.time,
        plan_times=times[np.isfinite(times)],
        guarded=guarded,
    )
