"""One drawing through the graph: simulator, perception and controller as processes.

Threads: the monitor's executor spins in a thread of its own and only stores what it hears; the
calling thread starts, asks, waits and draws.
"""

from __future__ import annotations

import bisect
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node

from concept_control.control.arm.description import ArmDescription
from concept_control.control.skills.drawing import TOUCH
from concept_control.demos.demo_run import blocks_of, say
from concept_control.demos.drawing_config import BLOCKS, DrawConfig, clear_layout
from concept_control.demos.drawing_report import (
    DrawingResult,
    drawn_lines,
    report,
    report_code_quality,
)
from concept_control.demos.views import views_with_lines
from concept_control.interfaces.constants import OUTCOMES
from concept_control.msg import ConceptStatus, ConceptTerm, DrawCommand, Entity, EntityArray
from concept_control.paths import share_folder
from concept_control.policy.drawing import DrawingStroke, load_strokes
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.goals import term_messages
from concept_control.ros.client.monitor import GraphSnapshot, GraphState, MonitorThread
from concept_control.ros.runtime.process_graph import Graph, NodeProcess
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import TOOL_ID, tool_state
from concept_control.world.tabletop import Tabletop

ARM = 'franka'
"""Arm of the graph's parameter file."""

EXECUTABLES = ('arm_simulator', 'entity_extractor', 'mpc_controller')
"""Nodes that a drawing needs."""

START_TIMEOUT, DRAW_TIMEOUT = 180.0, 600.0
"""Wall-clock seconds for the nodes to come up, and for the drawing."""

COMMAND_ID = 'draw'
"""Id by which statuses speak of our command."""

SETTLE_STATUSES = 3
"""Statuses after the last phase that are waited for, so that the track is complete."""


class DrawClient:
    """Lets a graph that runs draw: gives the command and follows the tool."""

    def __init__(
        self,
        node: Node,
        graph: Graph,
        state: GraphState,
        config: DrawConfig,
        parts: Sequence[DrawingStroke],
    ) -> None:
        """Listen, on the node that gives the command, to where the tool truly is."""
        self._graph, self._state, self._config, self._parts = graph, state, config, parts
        self._workspace = ArmDescription.load(ARM).workspace
        self._commands = node.create_publisher(DrawCommand, 'draw_command', qos.RELIABLE)
        self._track: list[tuple[float, np.ndarray]] = []
        node.create_subscription(EntityArray, 'ground_truth', self._on_truth, qos.RELIABLE)

    def wait_for_graph(self, num_blocks: int, timeout: float) -> GraphSnapshot:
        """Wait until every part of the graph speaks and so many blocks are seen.

        Args:
            num_blocks: Number of blocks on the table.
            timeout: Time each part gets [s of the machine].
        """
        state = self._state

        def has_blocks() -> bool:
            return state.entities is not None and len(blocks_of(state.entities)) >= num_blocks

        parts: dict[str, Callable[[], bool]] = {
            'simulation': lambda: state.truth is not None and bool(self._track),
            'camera': lambda: state.image is not None and state.view is not None,
            'blocks': has_blocks,
            'controller': lambda: (
                any(s.source == 'mpc_controller' for s in state.statuses)
                and self._commands.get_subscription_count() > 0
            ),
        }
        self._graph.wait_for_all(parts, timeout)
        return state.snapshot()

    def draw(self, start: GraphSnapshot) -> DrawingResult:
        """Give the command in the scene as it is, and wait for its end."""
        command = self._command(start)
        self._state.statuses.clear()
        started = self._track[-1][0]
        self._commands.publish(command)
        say(f'command: draw {self._config.figure}')
        self._graph.wait_for(self._has_ended, DRAW_TIMEOUT, 'the drawing to end')
        last = self._endings()[-1]
        block = None
        if self._config.around:
            around = _of_color(start, self._config.around).position
            block = np.array([around.x, around.y])
        return DrawingResult(
            status=OUTCOMES[last.status].name.lower(),
            text=last.text,
            lines=self._lines(),
            paths=[s.path for s in self._config.strokes(self._parts, self._workspace, block)],
            duration=self._track[-1][0] - started,
            plan_times=np.array([s.plan_time for s in self._state.statuses if s.plan_time > 0]),
        )

    def _command(self, start: GraphSnapshot) -> DrawCommand:
        config = self._config
        command = DrawCommand(
            command_id=COMMAND_ID,
            figure=_absolute(config.figure),
            size=config.size,
            height=config.height,
            speed=config.speed,
            seed=config.seed,
        )
        if config.center:
            command.center.x, command.center.y = config.center
        if config.around:
            command.around = _of_color(start, config.around).id
        if config.extra_energy:
            command.beside = self._extra_terms(start.entities)
        return command

    def _extra_terms(self, entities: EntityArray) -> list[ConceptTerm]:
        """Ground what is added to the drawing's energy, in what the graph sees."""
        states = convert.entity_states(entities, entities.header.frame_id)
        scene = Tabletop.from_entities({TOOL_ID: tool_state(), **states}, self._workspace)
        request, _ = self._config.extra_request(scene)
        return term_messages(request.program, scene.ids)

    def _statuses(self) -> list[ConceptStatus]:
        """Return what was said about our command."""
        return [s for s in list(self._state.statuses) if s.command_id == COMMAND_ID]

    def _endings(self) -> list[ConceptStatus]:
        return [s for s in self._statuses() if s.status in OUTCOMES]

    def _has_ended(self) -> bool:
        endings = self._endings()
        is_refused = any(s.status == ConceptStatus.REFUSED for s in endings)
        return is_refused or len(endings) >= SETTLE_STATUSES

    def _lines(self) -> list[np.ndarray]:
        """Return the parts of the track (L, 3) during which the tip was down and drew."""
        statuses, height = self._statuses(), self._config.height
        stamps = [convert.seconds(s.header.stamp) for s in statuses]

        def phase_at(stamp: float) -> str:
            index = bisect.bisect_right(stamps, stamp) - 1
            return statuses[index].phase if index >= 0 else ''

        track = [(phase_at(stamp), tip) for stamp, tip in list(self._track)]
        lines = drawn_lines(track, height)
        return [line for line in lines if np.abs(line[:, 2] - height).max() <= TOUCH]

    def _on_truth(self, message: EntityArray) -> None:
        for entity in message.entities:
            if entity.id == TOOL_ID:
                p = entity.position
                stamp = convert.seconds(message.header.stamp)
                self._track.append((stamp, np.array([p.x, p.y, p.z])))


def run_graph(config: DrawConfig) -> dict[str, Any]:
    """Start the nodes, let them draw, and report.

    Raises:
        ConceptControlError: If a node dies, or the figure, a colour or the extra energy is not
            known.
    """
    parts = list(load_strokes(_absolute(config.figure), seed=config.seed))
    qualities = report_code_quality(parts)
    logs = Path(tempfile.mkdtemp(prefix='concept_control_'))
    # Blocks lie in the way of most drawings: there is one out of the way, or those spoken of.
    around = config.around_id()
    colors = ['white'] if around is None else [BLOCKS[around - 1]]
    if config.extra_energy:
        colors = list(BLOCKS)
    min_gap = 0.1 if config.extra_energy else 0.08
    simulator = {
        'seed': clear_layout(config, parts, colors, min_gap).seed,
        'truth_rate': 100.0,
        'colors': colors,
        'min_gap': min_gap,
    }
    nodes = [NodeProcess(EXECUTABLES[0], simulator), *map(NodeProcess, EXECUTABLES[1:])]
    state = GraphState()
    say(f'starting {", ".join(EXECUTABLES)} (logs in {logs})')
    with (
        MonitorThread(state) as monitor,
        Graph(nodes, share_folder() / 'config' / 'demo.yaml', logs) as graph,
    ):
        client = DrawClient(monitor, graph, state, config, parts)
        start = client.wait_for_graph(len(colors), START_TIMEOUT)
        result = client.draw(start)
        images = state.snapshot().frames()
    scene = build_scene(SceneConfig(num_blocks=0))
    after = views_with_lines(scene.model, scene.new_data(), result.lines, images)
    return report(config, result, start.frames(), after, qualities)


def _absolute(figure: str) -> str:
    """Return a file's path as the nodes can find it; the name of a policy stays."""
    return str(Path(figure).resolve()) if Path(figure).suffix else figure


def _of_color(snapshot: GraphSnapshot, name: str) -> Entity:
    """Return the block that looks most like a colour."""
    wanted = np.array(NAMED_COLORS[name])
    return min(
        blocks_of(snapshot.entities),
        key=lambda e: float(np.linalg.norm(wanted - [e.color.r, e.color.g, e.color.b])),
    )
