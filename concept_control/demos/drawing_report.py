"""Report of a drawing: what is printed, the picture, the line and the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import directed_hausdorff

from concept_control.control.controller import Status
from concept_control.control.skills.drawing import TOUCH, DrawingGoal
from concept_control.demos.drawing_config import DrawConfig
from concept_control.demos.views import INK
from concept_control.output_files import replacing
from concept_control.policy.drawing import DrawingStroke
from concept_control.policy.metrics import nearest
from concept_control.policy.strokes import resample
from concept_control.reports.provenance import provenance
from concept_control.reports.run_film import draw_before_and_after
from concept_control.reports.tables import counted
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


GOOD_CODE = 0.05
"""Fréchet distance of a drawn figure to its examples, in sizes, above which people are told."""


def report_code_quality(parts: Sequence[DrawingStroke]) -> list[float]:
    """Print how well policies from a file draw their examples; return the Fréchet distances."""
    qualities = []
    for part in parts:
        if part.examples is None:
            continue
        distance = nearest(part.policy.rollout()[0], part.examples.positions)[0]
        qualities.append(distance)
        if distance > GOOD_CODE:
            print(f'{part.policy.name}: drawn {100 * distance:.1f} % of its size off')
    if qualities:
        how = 'a network each' if parts[0].policy.code is None else 'a code each for one network'
        print(
            f'{counted(len(qualities), "stroke")}, {how}, drawn {100 * np.median(qualities):.1f} '
            f'% of their size off (median), {100 * max(qualities):.1f} % at most'
        )
        if max(qualities) > GOOD_CODE and parts[0].policy.code is not None:
            print('a network for each may be nearer: --train --no-ros')
    return qualities


def report(
    config: DrawConfig,
    result: DrawingResult,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    qualities: Sequence[float],
) -> dict[str, Any]:
    """Write picture and line, and print how it went; return plain values for `--json`.

    Among them is whether it `succeeded`: the arm drew the figure within the tolerance.

    Args:
        config: Configuration of the drawing.
        result: Lines that were drawn.
        before: Images (H, W, 3) at the start, one a point of view.
        after: Images at the end, the line in them.
        qualities: Fréchet distances of the policies to their examples.
    """
    config.output.mkdir(parents=True, exist_ok=True)
    name = Path(config.figure).stem
    picture = config.output / f'{name}.png'
    _draw_picture(picture, f'draw {name}', before, after, result)
    arrays: dict[str, Any] = {f'line_{i + 1}': line for i, line in enumerate(result.lines)}
    with replacing(config.output / f'{name}.npz') as file:
        np.savez(file, **arrays)
    deviation = result.deviation()
    is_bent = config.extra_energy is not None
    is_good = result.status == 'satisfied' and (is_bent or deviation <= config.tolerance)
    numbers: dict[str, Any] = {
        'figure': config.figure,
        'succeeded': is_good,
        'status': result.status,
        'text': result.text,
        'deviation_mm': 1000 * deviation if np.isfinite(deviation) else None,
        'each_mm': [1000 * value for value in result.deviations],
        'tolerance_mm': 1000 * config.tolerance,
        'frechet_to_examples': list(qualities),
        'duration_s': result.duration,
        'guarded_periods': result.guarded,
        'provenance': provenance(),
    }
    if len(result.plan_times):
        p50, p99 = 1000 * np.percentile(result.plan_times, [50, 99])
        numbers |= {'plan_p50_ms': p50, 'plan_p99_ms': p99}
    print(f'picture: {picture}')
    limit = 'bent by what was added' if is_bent else f'tolerance {1000 * config.tolerance:g} mm'
    drawn = (
        f"the line at most {1000 * deviation:.2f} mm from the policy's path ({limit})"
        if np.isfinite(deviation)
        else f'{len(result.lines)} of {counted(len(result.paths), "stroke")} drawn'
    )
    print(
        f'RESULT: {"SUCCESS" if is_good else "FAILURE"}: {result.text}, {drawn}, '
        f'{result.duration:.1f} s simulated'
    )
    return numbers


def _draw_picture(
    path: Path,
    title: str,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    result: DrawingResult,
) -> None:
    """Write a PNG: the table before and after, and the lines beside the policy's paths."""
    rows = max(len(before), 1)
    figure = Figure(figsize=(15.5, 4.3 * rows), layout='constrained')
    grid = figure.add_gridspec(rows, 3, width_ratios=[1.33, 1.33, 1.0])
    draw_before_and_after(figure, grid, before, after)
    axis = figure.add_subplot(grid[:, 2])
    for number, (line, wanted) in enumerate(zip(result.lines, result.paths)):
        # Seen from above with the robot below: its -y is to the right, its x up.
        axis.plot(
            *(-1000 * wanted[:, 1], 1000 * wanted[:, 0]),
            color='0.75',
            linewidth=6,
            solid_capstyle='round',
            label="the policy's path" if number == 0 else None,
        )
        axis.plot(
            *(-1000 * line[:, 1], 1000 * line[:, 0]),
            color=np.array(INK) / 255,
            linewidth=1.4,
            label='the line the tool drew' if number == 0 else None,
        )
    worst = f'{1000 * max(result.deviations):.2f} mm' if result.lines else ''
    axis.set_title(f'largest distance between them {worst}' if worst else 'nothing was drawn')
    axis.set(xlabel='right of the robot [mm]', ylabel='in front of the robot [mm]')
    axis.set_aspect('equal')
    axis.margins(0.1)
    if axis.lines:
        axis.legend(loc='upper center', bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=9)
    figure.suptitle(title)
    with replacing(path) as file:
        figure.savefig(file, dpi=90)
