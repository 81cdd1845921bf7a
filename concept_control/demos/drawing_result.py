"""Drawing by the simulated arm without ROS, and the distance between line and path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.distance import directed_hausdorff

from concept_control.control.controller import Status
from concept_control.control.skills.drawing import TOUCH, DrawingGoal
from concept_control.policy.strokes import resample
from concept_control.simulation.closed_loop import ClosedLoop

TIME_LIMIT = 180.0
"""Simulated seconds after which a drawing is given up."""

LINE_POINTS = 2000
"""Number of points a line is divided into to be compared."""


@dataclass
class DrawingResult:
    """What the arm drew; world frame [m].

    Attributes:
        status: Name of the controller's last status.
        text: Reason of that, one sentence for a person.
        lines: (L, 3) track of the tip where it touched, one a stroke.
        paths: (T + 1, 2) path of the policy, one a stroke.
        duration: Simulated time [s].
        plan_times: Planning times [s].
        guarded: Number of control periods in which the guard changed something.
    """

    status: str
    text: str
    lines: list[np.ndarray]
    paths: list[np.ndarray]
    duration: float
    plan_times: np.ndarray
    guarded: int = 0

    @cached_property
    def deviations(self) -> list[float]:
        """The largest distance of each line to its path, either way [m]."""
        return [
            hausdorff_distance(line[:, :2], path) for line, path in zip(self.lines, self.paths)
        ]

    def deviation(self) -> float:
        """Return the largest distance between line and path, either way [m]; inf if none."""
        is_complete = len(self.lines) == len(self.paths)
        return max(self.deviations, default=np.inf) if is_complete else np.inf


def hausdorff_distance(line: np.ndarray, path: np.ndarray) -> float:
    """Return the Hausdorff distance of two curves (L, 2) and (M, 2)."""
    first, second = resample(line, LINE_POINTS), resample(path, LINE_POINTS)
    return max(directed_hausdorff(first, second)[0], directed_hausdorff(second, first)[0])


def drawn_lines(track: Sequence[tuple[str, np.ndarray]], height: float) -> list[np.ndarray]:
    """Cut a track into the lines (L, 3) that the tip drew while it was down.

    Args:
        track: Phase of the controller and place (3,) of the tip [m], in the order of time.
        height: Height of the tip above the table while it draws [m].
    """
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


def draw(loop: ClosedLoop, goal: DrawingGoal) -> DrawingResult:
    """Let the simulated arm draw a goal, in `TIME_LIMIT` simulated seconds at most."""
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
    return DrawingResult(
        status=str(output.status),
        text=output.text,
        lines=drawn_lines(track, goal.height),
        paths=[stroke.path for stroke in goal.strokes],
        duration=loop.world.time,
        plan_times=times[np.isfinite(times)],
        guarded=guarded,
    )
