"""`concept_model`: learns the concepts' codes and grounds commands into goals.

Threads: callbacks store the newest entities and queue commands; one worker learns the library
first and then grounds one command after another; what is taught meanwhile has a worker of its own
(`teaching.py`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from rclpy.node import Node

from concept_control.control.arm.description import ArmDescription
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, GroundingError, PerceptionError
from concept_control.interfaces.constants import CommandKind, allowed
from concept_control.language.goals import GoalConfig, plan_goal, request_goal
from concept_control.language.library import ConceptLibrary, LibraryConcept
from concept_control.language.library_store import default_folder
from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptStatus,
    EntityArray,
)
from concept_control.msg import ConceptLibrary as ConceptLibraryMessage
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.goals import goal_message, request_of_command
from concept_control.ros.bridge.programs import concept_message
from concept_control.ros.nodes.concept_model.achieve_server import AchieveServer
from concept_control.ros.nodes.concept_model.goal_topic import GoalTopic
from concept_control.ros.nodes.concept_model.goal_view import GoalView
from concept_control.ros.nodes.concept_model.teacher import Teacher
from concept_control.ros.runtime.diagnostics import Diagnostics, Report
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare, parameter
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.tabletop import Tabletop


@dataclass
class Parameters:
    """Parameters of the node."""

    arm: str = parameter(
        'franka', 'name of a shipped arm or path of an arm YAML (for its workspace)'
    )
    frame: str = parameter('world', 'fixed frame of the entities')
    model: str = parameter('', 'folder or file of the trained model; empty: the one shipped')
    device: str = parameter('auto', 'where to compute', choices=('auto', 'cpu', 'cuda'))
    num_demonstrations: int = parameter(5, 'per concept learned at the start', 1, 50)
    seed: int = parameter(0, 'of the demonstrations and inferences at the start', 0, 2**31 - 1)
    library: str = parameter(
        '',
        'folder of taught concepts; empty: $CONCEPT_CONTROL_LIBRARY, or '
        '~/.local/share/concept_control/concepts',
    )
    keep_disagreeing: bool = parameter(
        False, 'learn from demonstrations too that do not agree with one another', is_live=True
    )
    entities_timeout: float = parameter(
        10.0, 'wait for entities before refusing a command [s]', 0.0, 120.0, is_live=True
    )
    goal_energy: float = parameter(
        GoalConfig.max_energy,
        'a solution above this energy is none: about the square of the error in workspace units',
        1e-6,
        1.0,
        is_live=True,
    )
    move_tolerance: float = parameter(
        GoalConfig.move_tolerance,
        'entities that would move less stay [m]',
        0.0,
        0.05,
        is_live=True,
    )


class ConceptModelNode(Node):
    """Turns commands into grounded goals."""

    def __init__(self) -> None:
        super().__init__('concept_model')
        self.parameters = p = declare(self, Parameters)
        self.failure: Exception | None = None
        # One thread: a second one on a busy machine costs a hundred times what it brings.
        torch.set_num_threads(1)
        arm = ArmDescription.load(p.arm)
        self.workspace = arm.workspace
        self.model = ConceptModel.load(p.model or None, device=p.device)
        self.library = ConceptLibrary()
        self._entities: tuple[float, dict[int, EntityState], int] | None = None
        self._entities_heard = threading.Event()
        self._commands: queue.Queue[ConceptCommand | None] = queue.Queue()

        self._concepts = self.create_publisher(ConceptLibraryMessage, 'concepts', qos.LATCHED)
        self._goals = GoalTopic(self, p.frame)
        self._status = self.create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        self.create_subscription(EntityArray, 'entities', self._on_entities, qos.RELIABLE)
        self.create_subscription(
            ConceptCommand, 'concept_command', self._commands.put, qos.RELIABLE
        )
        self._view = GoalView(self, arm, self.model, p.frame)
        self._teacher = Teacher(
            self,
            self.workspace,
            p.frame,
            self.model,
            Path(p.library).expanduser() if p.library else default_folder(),
            seen=lambda: {} if self._entities is None else self._entities[1],
            library=lambda: self.library,
            on_learned=self._publish_library,
            on_said=self._say,
            on_failed=self._fail,
            keeps_disagreeing=lambda: p.keep_disagreeing,
        )
        self._action = AchieveServer(self, self._commands.put)
        self._answered: Counter[str] = Counter()
        self._last_refusal = ''
        self._diagnostics = Diagnostics(self, self._report)
        self._worker = threading.Thread(target=self._work, name='grounding', daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the workers within the few seconds that a launch system waits."""
        self._action.close()
        self._view.close()
        self._teacher.close()
        self._commands.put(None)
        self._worker.join(timeout=0.5)

    @property
    def now(self) -> float:
        """The node's time [s]."""
        return self.get_clock().now().nanoseconds * 1e-9

    def _on_entities(self, message: EntityArray) -> None:
        try:
            states = convert.entity_states(message, self.parameters.frame)
        except PerceptionError as error:
            self.get_logger().error(f'entities refused: {error}', throttle_duration_sec=2.0)
            return
        self._entities = (convert.seconds(message.header.stamp), states, int(message.session))
        if any(i != TOOL_ID for i in states):
            self._entities_heard.set()

    def _work(self) -> None:
        try:
            self._learn()
            while (command := self._commands.get()) is not None:
                self._respond(command)
        except Exception as error:
            self.get_logger().fatal(f'the concept model failed: {error!r}')
            self.failure = error

    def work_once(self) -> None:
        """Answer the commands that have come; what the worker does when it has learned."""
        while not self._commands.empty():
            command = self._commands.get()
            if command is not None:
                self._respond(command)

    def _respond(self, command: ConceptCommand) -> None:
        try:
            self._answer(command)
            self._answered['commands answered'] += 1
            self._last_refusal = ''
        except ConceptControlError as error:
            self._answered['commands refused'] += 1
            self._last_refusal = str(error)
            self._refuse(command, str(error))

    def _learn(self) -> None:
        """Infer the code of every word from demonstrations and publish the library."""
        p = self.parameters
        started = time.perf_counter()

        def report(concept: LibraryConcept) -> None:
            self.get_logger().debug(f'learned {concept.name}: energy {concept.energy:.3g}')

        self.library = ConceptLibrary.learn(
            self.model, None, p.num_demonstrations, p.seed, progress=report
        )
        self.get_logger().info(
            f'learned {len(self.library)} concepts from {p.num_demonstrations} demonstrations '
            f'each in {time.perf_counter() - started:.1f} s: '
            + ', '.join(concept.name for concept in self.library)
        )
        self._teacher.look()
        taught = [concept.name for concept in self.library if concept.source != 'shipped']
        if taught:
            self.get_logger().info(f'taught before: {", ".join(taught)}')
        self._publish_library()
        self._teacher.start()

    def _publish_library(self) -> None:
        message = ConceptLibraryMessage(header=convert.header(self.now, self.parameters.frame))
        message.concepts = [concept_message(concept) for concept in self.library]
        self._concepts.publish(message)

    def _say(self, name: str, text: str, is_good: bool) -> None:
        """Tell people what came of teaching."""
        if is_good:
            self.get_logger().info(text)
        else:
            self.get_logger().error(f'teaching refused: {text}')
        status = ConceptStatus.IDLE if is_good else ConceptStatus.REFUSED
        self._publish_status(status, name, text, phase='teach')

    def _fail(self, error: Exception) -> None:
        self.failure = error

    def _answer(self, command: ConceptCommand) -> None:
        if command.command not in list(CommandKind):
            raise GroundingError(f'command {command.command} is none of {allowed(CommandKind)}')
        if command.command == ConceptCommand.ACHIEVE:
            self._goals.achieve(self._ground(command), command.command_id)
        else:
            self._goals.tell(command)

    def _snapshot(self) -> tuple[dict[int, EntityState], int]:
        """Return what is seen now, by id, and the session of its ids."""
        if not self._entities_heard.wait(self.parameters.entities_timeout):
            raise GroundingError(
                "nothing was seen on the table: topic 'entities' brought no block within "
                f'{self.parameters.entities_timeout:g} s; is the camera running and the table in '
                'view?'
            )
        assert self._entities is not None
        _, states, session = self._entities
        return states, session

    def _ground(self, command: ConceptCommand) -> ConceptGoal:
        states, session = self._snapshot()
        scene = Tabletop.from_entities(states, self.workspace)
        if command.terms:
            codes = {concept.name: concept.code for concept in self.library}
            request = request_of_command(command, scene, codes)
        else:
            request = request_goal(
                command.expression, scene, self.model, self.library, int(command.seed)
            )
        p = self.parameters
        config = GoalConfig(max_energy=p.goal_energy, move_tolerance=p.move_tolerance)
        goal = plan_goal(request, self.model, self.workspace, config)
        self.get_logger().info(
            f'{goal.expression}: energy {goal.initial_energy:.3g} -> {goal.target_energy:.3g} by '
            f'moving {", ".join(f"#{i}" for i in goal.moved) or "nothing"}'
        )
        return goal_message(
            goal,
            request,
            convert.header(self.now, p.frame),
            session,
            self.model.fingerprint,
            heights={i: float(state.position[2]) for i, state in states.items()},
            workspace=self.workspace,
        )

    def _report(self) -> Report:
        entities = self._entities
        age = float('nan') if entities is None else self.now - entities[0]
        values = {
            'concepts': len(self.library),
            'commands waiting': self._commands.qsize(),
            'entities age [s]': f'{age:.3f}',
            **self._answered,
        }
        warning = 'still learning its concepts' if not len(self.library) else ''
        if self._last_refusal:
            warning = f'the last command was refused: {self._last_refusal}'
        return Report(values, warning)

    def _refuse(self, command: ConceptCommand, reason: str) -> None:
        self.get_logger().error(f'refused: {reason}')
        self._publish_status(
            ConceptStatus.REFUSED, command.expression, reason, command_id=command.command_id
        )

    def _publish_status(
        self, status: int, expression: str, text: str, phase: str = '', command_id: str = ''
    ) -> None:
        nan = float('nan')
        self._status.publish(
            ConceptStatus(
                header=convert.header(self.now, self.parameters.frame),
                status=status,
                source='concept_model',
                phase=phase,
                command_id=command_id,
                expression=expression,
                text=text,
                energy=nan,
                initial_energy=nan,
                active_entity=-1,
                plan_time=nan,
                plan_time_p50=nan,
                plan_time_p95=nan,
                plan_time_p99=nan,
            )
        )


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(ConceptModelNode)
