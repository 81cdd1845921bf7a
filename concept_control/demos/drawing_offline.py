"""One drawing without ROS, as fast as it goes."""

from __future__ import annotations

from typing import Any

from concept_control.control.controller import ConceptController
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.demos.drawing_config import BLOCKS, DrawConfig, clear_layout
from concept_control.demos.drawing_report import draw, report, report_code_quality
from concept_control.demos.views import views_with_lines
from concept_control.language.goals import tool_goal
from concept_control.policy.drawing import load_strokes
from concept_control.reports.tables import counted
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import build_scene


def run_offline(config: DrawConfig) -> dict[str, Any]:
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
    extra_energy = None
    if extra:
        extra_energy = tool_goal(*config.extra_request(loop.world.tabletop(with_tool=True)))
    goal = DrawingGoal(
        strokes=config.strokes(parts, scene.arm.workspace, block),
        height=config.height,
        speed=config.speed,
        around=around,
        extra_energy=extra_energy,
        expression=f'draw {config.figure}',
    )
    model, data = loop.world.model, loop.world.data
    before = views_with_lines(model, data, [])
    size = f'{1000 * config.size:g} mm'
    print(f'drawing {config.figure}: {counted(len(goal.strokes), "stroke")}, {size}, {config.arm}')
    result = draw(loop, goal)
    after = views_with_lines(model, data, result.lines)
    return report(config, result, before, after, qualities)
