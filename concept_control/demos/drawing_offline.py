"""One drawing without ROS, from the command line's arguments to pictures and numbers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from concept_control.control.controller import ConceptController
from concept_control.control.goal import GroundedGoal
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.demos.drawing_pictures import draw_report, inked
from concept_control.demos.drawing_result import Drawn, draw, separation
from concept_control.energy.model import ConceptModel
from concept_control.errors import StrokeError
from concept_control.language.goals import request_tool_goal, tool_goal
from concept_control.language.library import ConceptLibrary
from concept_control.policy.figures import Part, load_strokes, place_strokes
from concept_control.policy.metrics import nearest
from concept_control.policy.step_energy import PolicyStroke
from concept_control.reports.json_file import write_json
from concept_control.reports.provenance import provenance
from concept_control.simulation.camera import SimulatedCamera
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld
from concept_control.world.workspace import Workspace

VIEWS = ('oblique', 'top')
GOOD_CODE = 0.05
"""Fréchet distance of a drawn figure to its examples, in sizes, above which people are told."""

BLOCKS = ('red', 'blue', 'green', 'yellow')


def run(args: argparse.Namespace) -> int:
    """Draw, report, and return the exit code."""
    torch.set_num_threads(1)
    parts = load_strokes(args.figure, args.train, args.seed)
    qualities = report_code_quality(parts)
    is_alone = not (args.around or args.beside)
    config = SceneConfig(num_blocks=0, arm=args.arm, seed=args.seed)
    if not is_alone:
        config = SceneConfig(
            num_blocks=len(BLOCKS), colors=BLOCKS, arm=args.arm, seed=args.seed, min_gap=0.1
        )
    scene = build_scene(config)
    loop = ClosedLoop(scene, ConceptController(scene.arm))
    workspace = scene.arm.workspace
    around = None
    block = None
    if args.around:
        around = block_of(args.around)
        block = loop.world.block_positions()[around - 1, :2]
    strokes = strokes_of(args, parts, workspace, block)
    goal = DrawingGoal(
        strokes=strokes,
        height=args.height / 1000,
        speed=args.speed / 1000,
        around=around,
        beside=beside_goal(loop, args.beside, args.seed) if args.beside else None,
        expression=f'draw {args.figure}',
    )
    before = pictures(loop.world, [])
    print(f'drawing {args.figure}: {len(strokes)} stroke(s), {args.size:g} mm, {args.arm}')
    drawn = draw(scene, goal, loop)
    after = pictures(loop.world, drawn.lines)
    return report(args, drawn, before, after, qualities)


def strokes_of(
    args: argparse.Namespace,
    parts: Sequence[Part],
    workspace: Workspace,
    block: np.ndarray | None = None,
) -> tuple[PolicyStroke, ...]:
    """Return the strokes where the command line wants them.

    Args:
        args: of the command line.
        parts: of the drawing.
        workspace: of the arm, in whose middle a drawing is that is wanted nowhere else.
        block: (2,) where the block is that it is drawn around [m], if any.
    """
    center = np.array(workspace.center) if args.at is None else np.array(args.at) / 1000
    if block is not None:
        center = block
    return place_strokes(parts, center, args.size / 1000, workspace.rotation, args.seed)


def report_code_quality(parts: Sequence[Part]) -> list[float]:
    """Say how well policies from a file draw their examples; return the Fréchet distances."""
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
            f'{len(qualities)} stroke(s), {how}, drawn {100 * np.median(qualities):.1f} % of '
            f'their size off (median), {100 * max(qualities):.1f} % at most'
        )
        if max(qualities) > GOOD_CODE and parts[0].policy.code is not None:
            print('a network for each may be nearer: --train --no-ros')
    return qualities


def block_of(color: str) -> int:
    """Return the id of the block of a colour.

    Raises:
        StrokeError: if there is none.
    """
    if color not in BLOCKS:
        raise StrokeError(f'no block is {color!r}; there are {", ".join(BLOCKS)}')
    return BLOCKS.index(color) + 1


def beside_goal(loop: ClosedLoop, expression: str, seed: int) -> GroundedGoal:
    """Ground a concept of the tool in the scene as it is, to be added to the strokes' energy.

    Raises:
        GroundingError: if it is not about the tool.
    """
    model = ConceptModel.load()
    library = ConceptLibrary.learn(model)
    scene = loop.world.tabletop(with_tool=True)
    return tool_goal(request_tool_goal(expression, scene, model, library, seed), model)


def pictures(world: SimulatedWorld, lines: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return what each camera sees, lines drawn in."""
    images = []
    for name in VIEWS:
        with SimulatedCamera(world.model, name, 960, 720) as camera:
            color, depth = camera.render(world.data)
            pose = camera.T_world_camera(world.data)
            images.append(inked(color, depth, pose, camera.intrinsics.matrix, lines))
    return images


def report(
    args: argparse.Namespace,
    drawn: Drawn,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    qualities: Sequence[float],
) -> int:
    """Write pictures and numbers, say how it went, and return the exit code."""
    args.save.mkdir(parents=True, exist_ok=True)
    paths = list(drawn.paths)
    each = [separation(line[:, :2], path) for line, path in zip(drawn.lines, paths)]
    name = Path(args.figure).stem
    picture = args.save / f'{name}.png'
    draw_report(picture, f'draw {name}', before, after, drawn.lines, paths, each)
    arrays: dict[str, Any] = {f'line_{i + 1}': line for i, line in enumerate(drawn.lines)}
    np.savez(args.save / f'{name}.npz', **arrays)
    deviation = drawn.deviation()
    is_bent = args.beside is not None
    is_good = drawn.status == 'satisfied' and (is_bent or deviation <= args.tolerance / 1000)
    numbers: dict[str, Any] = {
        'figure': args.figure,
        'status': drawn.status,
        'text': drawn.text,
        'deviation_mm': 1000 * deviation if np.isfinite(deviation) else None,
        'each_mm': [1000 * value for value in each],
        'tolerance_mm': args.tolerance,
        'frechet_to_examples': list(qualities),
        'duration_s': drawn.duration,
        'guarded_periods': drawn.guarded,
        'provenance': provenance(),
    }
    if len(drawn.plan_times):
        p50, p99 = 1000 * np.percentile(drawn.plan_times, [50, 99])
        numbers |= {'plan_p50_ms': p50, 'plan_p99_ms': p99}
    if args.json:
        write_json(args.json, numbers)
    print(f'picture: {picture}')
    bent = ' (bent by what was added)' if is_bent else f' (tolerance {args.tolerance:g} mm)'
    print(
        f'RESULT: {"SUCCESS" if is_good else "FAILURE"}: {drawn.text}, the line at most '
        f"{1000 * deviation:.2f} mm from the policy's path{bent}, {drawn.duration:.1f} s simulated"
    )
    return 0 if is_good else 1
