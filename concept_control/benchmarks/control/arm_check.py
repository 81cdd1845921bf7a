"""What an arm can do, from its description: numbers, reaches in simulation, a picture, a YAML."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from concept_control.benchmarks.control.tool_between import (
    ARRIVED,
    DURATION,
    ToolCase,
    judge_tool,
    play_tool,
)
from concept_control.control.arm import derivation
from concept_control.control.arm.arm_file import MENAGERIE
from concept_control.control.arm.description import EFFORT_PERIOD, ArmDescription
from concept_control.control.arm.inverse_kinematics import reach_all
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.arm.workspace_search import (
    LOW_HEIGHT,
    TOP_HEIGHT,
    base_axis,
    horizontal_reach,
)
from concept_control.reports import page
from concept_control.reports.tables import text_table
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

NUM_REACHES = 3
"""Number of reaches that are tried."""

COLUMNS = ('joint', 'from', 'to', 'speed', 'acceleration', 'torque', 'stiffness', 'damping',
           'shakes at')  # fmt: skip


TOOLS = {
    'parallel': 'two fingers',
    'suction': 'a suction cup',
    'none': 'nothing that holds: it points and pushes',
}
"""Tools for people, by the kind of gripper."""


@dataclass(frozen=True)
class Reach:
    """One reach of the tool to the middle of two points, with the planner that the node uses.

    Attributes:
        is_reached: Whether the tool came to rest there.
        text: What came of it, for people.
    """

    is_reached: bool
    text: str


def joint_rows(arm: ArmDescription) -> list[list[str]]:
    """Return a row of `COLUMNS` for each joint: limits, gains, and the damping that shakes it."""
    model = arm.spec().compile()
    shaking = derivation.inertia(model, arm.home) / EFFORT_PERIOD
    limits = arm.velocity_limits, arm.acceleration_limits, arm.effort_limits
    values = np.column_stack([*limits, arm.stiffness, arm.damping, shaking])
    rows = []
    for i, name in enumerate(arm.joints):
        unit = 'm' if arm.slides[i] else 'rad'
        ends = (f'{end:.3g} {unit}' for end in arm.position_limits[i])
        rows.append([name, *ends, *(f'{value:.3g}' for value in values[i])])
    return rows


def arm_text(arm: ArmDescription) -> str:
    """Return what is known of an arm, as lines for a terminal."""
    table = text_table(COLUMNS, joint_rows(arm))
    return '\n'.join([f'{arm.name}: {arm.file.path}', '', table, '', *_facts(arm)])


def _facts(arm: ArmDescription) -> list[str]:
    kinematics, square = ArmKinematics(arm), arm.workspace
    tool = kinematics.tool(arm.home).position
    base = base_axis(kinematics, arm)
    facts = [
        f'tool: {TOOLS[arm.gripper]}, at home '
        f'at x {tool[0]:.3f}, y {tool[1]:.3f}, z {tool[2]:.3f} m',
        f'reach: {horizontal_reach(kinematics, arm, base):.2f} m from its axis at '
        f'x {base[0]:.2f}, y {base[1]:.2f} m',
        f'workspace: {2 * square.half_extent:.2f} m wide, its middle at x {square.center[0]:.2f}, '
        f'y {square.center[1]:.2f} m',
    ]
    steps = np.linspace(-0.95, 0.95, 7)
    grid = square.to_world(np.array([[x, y] for x in steps for y in steps]))
    for height in (LOW_HEIGHT, TOP_HEIGHT):
        places = np.column_stack([grid, np.full(len(grid), height)])
        share = reach_all(arm, kinematics, places)[1].mean()
        facts.append(
            f'reached, tool down, {1e3 * height:.0f} mm above the table: {share:.0%} of it'
        )
    for name, position in arm.locked.items():
        facts.append(f'fixed: {name} at {position:g}')
    if arm.derived:
        facts.append(f'derived, for no file says it: {", ".join(arm.derived)}')
    return facts


def try_reaches(source: str) -> list[Reach]:
    """Bring the tool to three places of the workspace in simulation, from home each time."""
    arm, reaches = ArmDescription.load(source), []
    for seed in range(NUM_REACHES):
        case = ToolCase.draw(arm, seed)
        run = judge_tool(play_tool(source, 'ilqg', case), case, arm)
        is_reached = run['rest'] < ARRIVED
        x, y = case.middle
        reaches.append(
            Reach(
                is_reached,
                f'reach to x {x:.3f}, y {y:.3f} m: {"done" if is_reached else "FAILED"}, '
                f'{1e3 * run["rest"]:.1f} mm off after {DURATION:g} s, at most '
                f'{run["speed"]:.0%} of the speed limits, {1e3 * run["plan_time"]:.0f} ms a plan',
            )
        )
    return reaches


def arm_picture(source: str) -> bytes:
    """Return a PNG of the arm at home at its table."""
    scene = build_scene(SceneConfig(arm=source))
    with SimulatedCamera(scene.model, 'oblique', 640, 480) as camera:
        color, _ = camera.render(scene.new_data())
    return cv2.imencode('.png', color[..., ::-1])[1].tobytes()


def write_arm_page(path: Path, arm: ArmDescription, source: str, reaches: list[Reach]) -> None:
    """Write a page with the same as the terminal shows, and the picture."""
    blocks = [
        page.image(arm_picture(source)),
        page.table(COLUMNS, joint_rows(arm)),
        *(page.paragraph(fact) for fact in _facts(arm)),
        *(page.paragraph(r.text, style='' if r.is_reached else 'no') for r in reaches),
    ]
    page.write_page(path, f'Arm {arm.name}', blocks)


def arm_yaml(arm: ArmDescription, source: str, folder: Path) -> str:
    """Return a commented YAML with all that is known of an arm, to be changed.

    Args:
        arm: Arm.
        source: Name or path that it was loaded by.
        folder: Folder that the YAML will be in, for the path of the arm's file.
    """
    file = arm.file.path.resolve()
    model = source if source.startswith(MENAGERIE) else os.path.relpath(file, folder.resolve())
    lines = [
        '# Lists follow `joints`; "derived" means that no file said it: check it.',
        f'name: {arm.name}',
        f'model: {model}',
        f'joints: [{", ".join(arm.joints)}]',
    ]
    if arm.locked:
        locked = ', '.join(f'{name}: {value:g}' for name, value in arm.locked.items())
        lines.append(f'locked: {{{locked}}}   # joints that stay there [rad, m]')
    if arm.base is not None:
        place = _list(arm.base.position)
        lines.append(f'base: {{position: {place}, yaw_degrees: {arm.base.yaw_degrees:g}}}')
    square = arm.workspace
    lines += [
        *_tool_lines(arm),
        f'home: {_list(arm.home, 4)}   # tool down, beside what the camera shall see',
        f'velocity_limits: {_list(arm.velocity_limits)}   # [rad/s, m/s]; begin with a tenth',
        f'acceleration_limits: {_list(arm.acceleration_limits)}   # [rad/s^2, m/s^2]',
        f'effort_limits: {_list(arm.effort_limits)}   # [N m, N]',
        '# stiffness and damping follow from the inertia; write both to choose them yourself.',
        'workspace:   # square of the table that is [-1, 1]^2',
        f'  center: {_list(square.center)}',
        f'  half_extent: {square.half_extent:g}',
        f'  yaw_degrees: {math.degrees(square.yaw):g}',
    ]
    marked = [
        f'{line}   # derived' if line.partition(':')[0] in arm.derived and '#' not in line else
        line.replace('   # ', '   # derived; ') if line.partition(':')[0] in arm.derived else line
        for line in lines
    ]  # fmt: skip
    if {'stiffness', 'damping'}.isdisjoint(arm.derived):
        marked += [f'stiffness: {_list(arm.stiffness)}', f'damping: {_list(arm.damping)}']
        marked = [line for line in marked if not line.startswith('# stiffness')]
    return '\n'.join(marked) + '\n'


def _tool_lines(arm: ArmDescription) -> list[str]:
    """Return the lines of a YAML about an arm's tool."""
    lines = [f'gripper: {arm.gripper}   # parallel, suction, or none: the tool points and pushes']
    if arm.fingers is not None:
        values = (f'{name}: {value:g}' for name, value in asdict(arm.fingers).items())
        lines.append(f'fingers: {{{", ".join(values)}}}   # [m, N]')
    if arm.left_out:
        lines.append(f'left_out: [{", ".join(arm.left_out)}]   # bodies that are not mounted')
    if (tool := arm.tool) is None:
        return [*lines, f'tool_site: {arm.tool_site}   # its z axis points out of the tool']
    return [
        *lines,
        'tool:',
        f'  body: {tool.body}   # link that carries it',
        f'  position: {_list(tool.position, 5)}   # of the tip, in the frame of the link [m]',
        f'  axis: {_list(tool.axis, 5)}   # out of the tool',
        f'  cup: {tool.cup:g}   # length of a suction cup that is drawn behind the tip [m]',
    ]


def _list(values: np.ndarray | tuple[float, ...], digits: int = 4) -> str:
    return f'[{", ".join(f"{round(float(v), digits):g}" for v in values)}]'
