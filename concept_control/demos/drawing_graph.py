"""`concept_control draw`: simulator, perception and controller as processes, and one command.

Threads: the monitor's executor spins in a thread of its own and only stores what it hears; the
main thread starts, asks, waits and draws.
"""

from __future__ import annotations

import argparse
import bisect
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rclpy.node import Node

from concept_control.control.arm.description import ArmDescription
from concept_control.control.skills.drawing import TOUCH
from concept_control.demos.drawing_offline import (
    BLOCKS,
    block_of,
    report,
    report_code_quality,
    strokes_of,
)
from concept_control.demos.drawing_pictures import inked
from concept_control.demos.drawing_result import Drawn, touching
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError
from concept_control.language.goals import request_tool_goal
from concept_control.language.library import ConceptLibrary
from concept_control.msg import ConceptStatus, ConceptTerm, DrawCommand, Entity, EntityArray
from concept_control.policy.figures import Part, load_strokes
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.outcomes import ENDINGS
from concept_control.ros.bridge.programs import term_messages
from concept_control.ros.client.monitor import GraphState, MonitorThread, pixels
from concept_control.ros.runtime.process_graph import (
    Graph,
    NodeProcess,
    graph_environment,
    share_folder,
)
from concept_control.simulation.camera import SimulatedCamera
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import TOOL_ID, tool_state
from concept_control.world.tabletop import Tabletop

EXECUTABLES = ('arm_simulator', 'entity_extractor', 'mpc_controller')
START_TIMEOUT, DRAW_TIMEOUT = 180.0, 600.0
"""Wall-clock seconds for the nodes to come up, and for the drawing."""

CLEAR = 0.07
"""From the block to the line [m]."""

SETTLE_STATUSES = 3
"""Statuses after the last phase that are waited for, so that the track is complete."""


class DrawClient:
    """Gives the command and listens to where the tool truly is."""

    def __init__(self, node: Node) -> None:
        self.commands = node.create_publisher(DrawCommand, 'draw_command', qos.RELIABLE)
        self.track: list[tuple[float, np.ndarray]] = []
        node.create_subscription(EntityArray, 'ground_truth', self._on_truth, qos.RELIABLE)

    def close(self) -> None:
        """Nothing is to be finished."""

    def _on_truth(self, message: EntityArray) -> None:
        for entity in message.entities:
            if entity.id == TOOL_ID:
                p = entity.position
                stamp = convert.seconds(message.header.stamp)
                self.track.append((stamp, np.array([p.x, p.y, p.z])))


def run(args: argparse.Namespace) -> int:
    """Draw through the graph; return the exit code."""
    if args.train:
        raise CommandError('--train works without the graph only: add --no-ros')
    if args.arm != 'franka':
        raise CommandError('the graph of the demonstration has a franka: add --no-ros')
    torch.set_num_threads(1)
    figure = str(Path(args.figure).resolve()) if Path(args.figure).suffix else args.figure
    parts = load_strokes(figure, seed=args.seed)
    qualities = report_code_quality(parts)
    os.environ.update(graph_environment())
    logs = Path(tempfile.mkdtemp(prefix='concept_control_'))
    # Blocks lie in the way of most drawings: there is one out of the way, or those spoken of.
    colors = [BLOCKS[block_of(args.around) - 1]] if args.around else []
    if args.beside:
        colors = list(BLOCKS)
    simulator = {
        'seed': args.seed if colors else _clear_seed(args, parts),
        'truth_rate': 100.0,
        'colors': colors or ['white'],
        'min_gap': 0.1 if args.beside else 0.08,
    }
    nodes = [NodeProcess(EXECUTABLES[0], simulator), *map(NodeProcess, EXECUTABLES[1:])]
    heard = GraphState()
    pens: list[DrawClient] = []

    def attach(node: Node) -> DrawClient:
        pens.append(DrawClient(node))
        return pens[0]

    print(f'starting {", ".join(EXECUTABLES)} (logs in {logs})', flush=True)
    with (
        MonitorThread(heard, attach=attach),
        Graph(nodes, share_folder() / 'config' / 'demo.yaml', logs) as graph,
    ):
        pen = pens[0]

        def is_up() -> bool:
            blocks = heard.entities.entities if heard.entities else ()
            return (
                heard.view is not None
                and heard.image is not None
                and len([e for e in blocks if e.id != TOOL_ID]) >= max(len(colors), 1)
                and any(s.source == 'mpc_controller' for s in heard.statuses)
                and pen.commands.get_subscription_count() > 0
            )

        graph.wait_for(is_up, START_TIMEOUT, 'the graph to come up')
        assert heard.entities is not None
        blocks = [e for e in heard.entities.entities if e.id != TOOL_ID]
        command = DrawCommand(
            command_id='draw',
            figure=figure,
            size=args.size / 1000,
            height=args.height / 1000,
            speed=args.speed / 1000,
            seed=args.seed,
        )
        if args.at:
            command.center.x, command.center.y = (value / 1000 for value in args.at)
        if args.around:
            block = _of_color(blocks, args.around)
            command.around = block.id
        if args.beside:
            command.beside = _terms_beside(args, heard.entities)
        views = [m for m in (heard.view, heard.image) if m is not None]
        before = [pixels(message) for message in views]
        heard.statuses.clear()
        start = pen.track[-1][0]
        pen.commands.publish(command)
        print(f'command: draw {args.figure}', flush=True)

        def ended() -> ConceptStatus | None:
            mine = [s for s in list(heard.statuses) if s.command_id == 'draw']
            done = [s for s in mine if s.status in ENDINGS]
            return done[-1] if len(done) >= SETTLE_STATUSES or _is_refused(done) else None

        graph.wait_for(lambda: ended() is not None, DRAW_TIMEOUT, 'the drawing to end')
        last = ended()
        assert last is not None
        at = np.array([block.position.x, block.position.y]) if args.around else None
        strokes = strokes_of(args, parts, ArmDescription.load('franka').workspace, at)
        lines = _lines(pen, heard, args.height / 1000)
        drawn = Drawn(
            status=ENDINGS[last.status],
            text=last.text,
            lines=lines,
            paths=[stroke.path for stroke in strokes],
            duration=pen.track[-1][0] - start,
            plan_times=np.array([s.plan_time for s in heard.statuses if s.plan_time > 0]),
        )
        views = [m for m in (heard.view, heard.image) if m is not None]
        after = [
            _with_lines(pixels(message), name, lines)
            for message, name in zip(views, ('oblique', 'top'))
        ]
    return report(args, drawn, before, after, qualities)


def _of_color(blocks: Sequence[Entity], name: str) -> Entity:
    """Return the block that looks most like a colour."""
    wanted = np.array(NAMED_COLORS[name])
    gaps = [np.linalg.norm(wanted - [e.color.r, e.color.g, e.color.b]) for e in blocks]
    return blocks[int(np.argmin(gaps))]


def _terms_beside(args: argparse.Namespace, entities: EntityArray) -> list[ConceptTerm]:
    """Ground what is added to the drawing's energy, in what the graph sees."""
    model = ConceptModel.load()
    library = ConceptLibrary.learn(model)
    states = convert.entity_states(entities, entities.header.frame_id)
    workspace = ArmDescription.load('franka').workspace
    scene = Tabletop.from_entities({TOOL_ID: tool_state(), **states}, workspace)
    request = request_tool_goal(args.beside, scene, model, library, args.seed)
    return term_messages(request.program, scene.ids)


def _clear_seed(args: argparse.Namespace, parts: Sequence[Part]) -> int:
    """Return the seed of a layout whose block does not lie in the drawing's way."""
    strokes = strokes_of(args, parts, ArmDescription.load('franka').workspace)
    points = np.concatenate([stroke.path for stroke in strokes])
    for seed in range(args.seed, args.seed + 200):
        block = build_scene(SceneConfig(num_blocks=1, seed=seed, min_gap=0.08))
        if np.linalg.norm(points - block.initial_positions[0, :2], axis=1).min() > CLEAR:
            return seed
    raise CommandError(f'a drawing of {args.size:g} mm leaves no room for the block: draw smaller')


def _is_refused(statuses: list[ConceptStatus]) -> bool:
    return any(s.status == ConceptStatus.REFUSED for s in statuses)


def _lines(pen: DrawClient, heard: GraphState, height: float) -> list[np.ndarray]:
    """Return the parts of the track (L, 3) during which the tip was down and drew."""
    mine = [s for s in heard.statuses if s.command_id == 'draw']
    stamps = [convert.seconds(s.header.stamp) for s in mine]

    def phase_at(stamp: float) -> str:
        index = bisect.bisect_right(stamps, stamp) - 1
        return mine[index].phase if index >= 0 else ''

    track = [(phase_at(stamp), tip) for stamp, tip in list(pen.track)]
    lines = touching(track, height)
    return [line for line in lines if np.abs(line[:, 2] - height).max() <= TOUCH]


def _with_lines(image: np.ndarray, name: str, lines: list[np.ndarray]) -> np.ndarray:
    """Return what a camera of the simulated scene sees with lines drawn in."""
    model = build_scene(SceneConfig(num_blocks=0))
    data = model.new_data()
    height, width = image.shape[:2]
    with SimulatedCamera(model.model, name, width, height) as camera:
        _, depth = camera.render(data)
        pose = camera.T_world_camera(data)
        return inked(image, depth, pose, camera.intrinsics.matrix, lines, width=2)
