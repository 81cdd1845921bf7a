"""One drawing without ROS, as fast as it goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.control.controller import ConceptController
from concept_control.control.goal import GroundedGoal
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.demos.drawing_config import BLOCKS, DrawConfig
from concept_control.demos.drawing_layout import clear_layout
from concept_control.demos.drawing_report import (
    DrawReport,
    overlay_lines,
    report,
    report_code_quality,
)
from concept_control.demos.drawing_result import draw
from concept_control.energy.model import ConceptModel
from concept_control.language.goals import request_tool_goal, tool_goal
from concept_control.language.library import ConceptLibrary
from concept_control.policy.drawing import load_strokes
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.simulation.world import SimulatedWorld

VIEWS = ('oblique', 'top')
"""Cameras of the pictures."""


def run_offline(config: DrawConfig) -> DrawReport:
    """Draw in this process, and report.

    Raises:
        ConceptControlError: If the figure, a colour or the extra energy is not known.
    """
    parts = list(load_strokes(config.figure, config.is_trained, config.seed))
    qualities = report_code_quality(parts)
    extra = config.extra_energy
    colors = BLOCKS if config.around or extra else ()
    scene = build_scene(clear_layout(config, parts, colors, min_gap=0.1))
    loop = ClosedLoop(scene, ConceptController(scene.arm))
    around = config.around_id()
    block = None if around is None else loop.world.block_positions()[around - 1, :2]
    goal = DrawingGoal(
        strokes=config.strokes(parts, scene.arm.workspace, block),
        height=config.height,
        speed=config.speed,
        around=around,
        extra_energy=extra_goal(loop.world, extra, config.seed) if extra else None,
        expression=f'draw {config.figure}',
    )
    before = frames(loop.world, [])
    size = f'{1000 * config.size:g} mm'
    print(f'drawing {config.figure}: {len(goal.strokes)} stroke(s), {size}, {config.arm}')
    result = draw(loop, goal)
    return report(config, result, before, frames(loop.world, result.lines), qualities)


def extra_goal(world: SimulatedWorld, expression: str, seed: int) -> GroundedGoal:
    """Ground a concept of the tool, whose energy is added, in the scene as it is.

    Raises:
        GroundingError: If it is not about the tool.
    """
    model = ConceptModel.load()
    library = ConceptLibrary.learn(model)
    scene = world.tabletop(with_tool=True)
    request = request_tool_goal(expression, scene, model, library, seed)
    return tool_goal(request, model)


def frames(world: SimulatedWorld, lines: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return what each camera sees, lines (L, 3) drawn in [m]."""
    images = []
    for name in VIEWS:
        with SimulatedCamera(world.model, name, 960, 720) as camera:
            images.append(overlay_lines(camera, world.data, lines))
    return images
