"""`concept_model`: learns the concepts' codes and grounds commands into goals.

Threads: callbacks store the newest entities, the newest command and what is taught; they pass on
at once that a goal shall be cancelled, paused or resumed. One worker learns the library first and
then grounds the command that waits. Another one, from then on, learns what is taught and looks
whether `concept_control teach` has put a concept into the folder.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NoReturn

from rclpy.node import Node
from std_msgs.msg import Header, String

from concept_control.control.arm.description import ArmDescription
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, GroundingError, PerceptionError
from concept_control.interfaces.constants import TEACH_PHASE, CommandKind, GoalStatus, allowed
from concept_control.language.goals import GoalConfig, plan_goal, request_goal
from concept_control.language.kept_words import learn_words
from concept_control.language.library import LibraryConcept
from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptStatus,
    Demonstration,
    EntityArray,
)
from concept_control.msg import ConceptLibrary as ConceptLibraryMessage
from concept_control.paths import library_folder
from concept_control.reports.tables import counted
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.goals import (
    concept_message,
    goal_message,
    request_of_command,
)
from concept_control.ros.nodes.concept_model.achieve_server import AchieveServer
from concept_control.ros.nodes.concept_model.concept_store import ConceptStore
from concept_control.ros.nodes.concept_model.goal_topic import GoalTopic
from concept_control.ros.nodes.concept_model.goal_view import GoalView
from concept_control.ros.nodes.concept_model.parameters import Parameters
from concept_control.ros.nodes.concept_model.teacher import Marker, Teacher, TeachingResult
from concept_control.ros.nodes.concept_model.waiting_command import WaitingCommand
from concept_control.ros.runtime.diagnostics import Diagnostics, Refusals, Report
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare
from concept_control.ros.runtime.worker import Worker
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop

LOOK_PERIOD = 1.0
"""Seconds between looks into the folder of taught concepts."""

MAX_WAITING = 200
"""Demonstrations and markers that wait to be worked on; more are refused."""


class ConceptModelNode(Node):
    """Turns commands into grounded goals."""

    def __init__(self) -> None:
        super().__init__('concept_model')
        self.parameters = p = declare(self, Parameters)
        self.failure: Exception | None = None
        arm = ArmDescription.load(p.arm)
        self.workspace = arm.workspace
        self.model = ConceptModel.load(p.model or None, p.device, p.energy)
        self._folder = Path(p.library).expanduser() if p.library else library_folder()
        self._store = ConceptStore(self._folder, self.model)
        self._teacher = Teacher(self.model, self._store, self.workspace, p)
        self._entities: convert.EntitySnapshot | None = None
        self._entities_heard = threading.Event()
        self._waiting = WaitingCommand()
        self._taught: queue.Queue[Demonstration | Marker | None] = queue.Queue(MAX_WAITING)

        self._concepts = self.create_publisher(ConceptLibraryMessage, 'concepts', qos.LATCHED)
        self._goals = GoalTopic(self, p.frame)
        self._status = self.create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        subscribe = self.create_subscription
        subscribe(EntityArray, 'entities', self._on_entities, qos.RELIABLE)
        subscribe(ConceptCommand, 'concept_command', self._hear_command, qos.RELIABLE)
        subscribe(Demonstration, 'demonstrations', self._on_taught, qos.RELIABLE)
        subscribe(String, 'demonstration_marker', self._on_marker, qos.RELIABLE)
        self._view = GoalView(self, arm, self.model, p.frame, lambda: self._entities)
        self._action = AchieveServer(self, self._on_command)
        self._counts: Counter[str] = Counter()
        self._last_refusal, self._refusals = '', Refusals()
        self._diagnostics = Diagnostics(self, self._report)
        self._grounding = Worker(self, 'grounding', self._work)
        self._teaching = Worker(self, 'teaching', self._teach)
        self._grounding.start()

    def close(self) -> None:
        """Stop the workers within the few seconds that a launch system waits."""
        self._action.close()
        self._view.close()
        if self._teaching.is_alive():
            self._taught.put(None)
        self._teaching.finish(timeout=3.0)
        self._waiting.close()
        self._grounding.finish(timeout=0.5)

    def _header(self) -> Header:
        return convert.header(convert.node_time(self), self.parameters.frame)

    def _on_entities(self, message: EntityArray) -> None:
        try:
            entities = convert.EntitySnapshot.from_message(message, self.parameters.frame)
        except PerceptionError as error:
            self._refusals.note('entities', str(error))
            self.get_logger().error(f'entities refused: {error}', throttle_duration_sec=2.0)
            return
        if entities.is_overtaken(self._entities):
            return
        self._entities = entities
        if any(i != TOOL_ID for i in entities.states):
            self._entities_heard.set()

    def _on_marker(self, message: String) -> None:
        entities = self._entities
        self._on_taught(Marker(message.data, {} if entities is None else entities.states))

    def _on_taught(self, event: Demonstration | Marker) -> None:
        try:
            self._taught.put_nowait(event)
        except queue.Full:
            self._counts['demonstrations dropped'] += 1
            text = f'dropped: {MAX_WAITING} demonstrations are waiting already'
            self._publish_taught(TeachingResult(event.name[:60], text, is_refused=True))

    def _hear_command(self, command: ConceptCommand) -> None:
        if not self._action.is_own(command):
            self._on_command(command)

    def _on_command(self, command: ConceptCommand) -> None:
        match command.command:
            case CommandKind.ACHIEVE:
                replaced = self._waiting.put(command)
                if replaced is not None:
                    text = f'replaced by another command: {command.expression}'
                    self._end_unheard(replaced, GoalStatus.REPLACED, text)
            case CommandKind.CANCEL:
                for given_up in self._waiting.cancel(command.command_id):
                    text = 'cancelled before it had become a goal'
                    self._end_unheard(given_up, GoalStatus.CANCELLED, text)
                self._goals.tell(command)
            case CommandKind.PAUSE | CommandKind.RESUME:
                self._goals.tell(command)
            case other:
                self._refuse(command, f'command {other} is none of {allowed(CommandKind)}')

    def _work(self) -> None:
        self._learn()
        self._teaching.start()
        while (command := self._waiting.take()) is not None:
            self._answer(command)

    def _answer(self, command: ConceptCommand) -> None:
        try:
            goal = self._ground(command)
        except ConceptControlError as error:
            reason = str(error)
            self._waiting.finish(lambda: self._refuse(command, reason))
        else:
            self._waiting.finish(lambda: self._achieve(goal, command.command_id))

    def _achieve(self, goal: ConceptGoal, command_id: str) -> None:
        self._goals.achieve(goal, command_id)
        self._counts['commands answered'] += 1
        self._last_refusal = ''

    def _learn(self) -> None:
        """Infer the code of every word from demonstrations and publish the library."""
        p = self.parameters
        started = time.perf_counter()

        def report(concept: LibraryConcept) -> None:
            self.get_logger().debug(f'learned {concept.name}: energy {concept.energy:.3g}')

        library = learn_words(
            self.model, self._folder, None, p.num_demonstrations, p.seed, progress=report
        )
        self._store.begin(library)
        self.get_logger().info(
            f'learned {counted(len(library), "concept")} from '
            f'{counted(p.num_demonstrations, "demonstration")} each in '
            f'{time.perf_counter() - started:.1f} s: '
            + ', '.join(concept.name for concept in library)
        )
        self._read_folder()
        taught = [concept.name for concept in self._store.library if concept.source != 'shipped']
        if taught:
            self.get_logger().info(f'taught before: {", ".join(taught)}')
        self._publish_library()

    def _teach(self) -> None:
        while True:
            try:
                event = self._taught.get(timeout=LOOK_PERIOD)
            except queue.Empty:
                if self._read_folder():
                    self._publish_library()
                continue
            if event is None:
                return
            result = self._teacher.handle(event)
            if result is not None:
                self._publish_taught(result)

    def _read_folder(self) -> bool:
        """Take in concepts from the folder; tell whether the library has changed."""
        has_changed, errors = self._store.read_folder()
        for error in errors:
            text = f'not taken into the library: {error}'
            self._refusals.note('a file of the library', error)
            self.get_logger().error(text)
            self._publish_status(status=GoalStatus.REFUSED, text=text, phase='library')
        return has_changed

    def _publish_library(self) -> None:
        message = ConceptLibraryMessage(header=self._header())
        message.concepts = [concept_message(concept) for concept in self._store.library]
        self._concepts.publish(message)

    def _publish_taught(self, result: TeachingResult) -> None:
        if result.has_learned:
            self._publish_library()
        if result.is_refused:
            self._refusals.note('teaching', result.text)
            self.get_logger().error(f'teaching refused: {result.text}')
        else:
            self.get_logger().info(result.text)
        self._publish_status(
            status=GoalStatus.REFUSED if result.is_refused else GoalStatus.IDLE,
            expression=result.name,
            text=result.text,
            phase=TEACH_PHASE,
        )

    def _snapshot(self) -> convert.EntitySnapshot:
        """Return what is seen now."""
        if not self._entities_heard.wait(self.parameters.entities_timeout):
            raise GroundingError(
                "nothing was seen on the table: topic 'entities' brought no block within "
                f'{self.parameters.entities_timeout:g} s; is the camera running and the table in '
                'view?'
            )
        assert self._entities is not None
        return self._entities

    def _ground(self, command: ConceptCommand) -> ConceptGoal:
        seen = self._snapshot()
        scene = Tabletop.from_entities(seen.states, self.workspace)
        library = self._store.library
        if command.terms:
            codes = {concept.name: concept.code for concept in library}
            request = request_of_command(command, scene, codes)
        else:
            request = request_goal(
                command.expression, scene, self.model, library, int(command.seed)
            )
        p = self.parameters
        config = GoalConfig(max_energy=p.goal_energy, move_tolerance=p.move_tolerance)
        goal = plan_goal(request, self.model, self.workspace, config)
        self.get_logger().info(
            f'{goal.expression}: energy {goal.initial_energy:.3g} -> {goal.target_energy:.3g} by '
            f'moving {", ".join(f"#{i}" for i in goal.moved) or "nothing"}'
            + ''.join(f'; {note}' for note in goal.notes)
        )
        return goal_message(
            goal,
            request,
            self._header(),
            seen.session,
            self.model.fingerprint,
            heights={i: float(state.position[2]) for i, state in seen.states.items()},
            workspace=self.workspace,
        )

    def _report(self) -> Report:
        entities, library = self._entities, self._store.library
        age = float('nan') if entities is None else convert.node_time(self) - entities.stamp
        values = {
            'concepts': len(library),
            'commands waiting': int(not self._waiting.is_empty),
            'entities age [s]': f'{age:.3f}',
            **self._counts,
        }
        warnings = ['' if len(library) else 'still learning its concepts', str(self._refusals)]
        if self._last_refusal:
            warnings.append(f'the last command was refused: {self._last_refusal}')
        return Report(values, '; '.join(filter(None, warnings)))

    def _refuse(self, command: ConceptCommand, reason: str) -> None:
        self.get_logger().error(f'refused: {reason}')
        self._counts['commands refused'] += 1
        self._last_refusal = reason
        self._publish_end(command, GoalStatus.REFUSED, reason)

    def _end_unheard(self, command: ConceptCommand, status: GoalStatus, text: str) -> None:
        """End a command that never became a goal; called by the executor's thread."""
        self._counts[f'commands {status.name.lower()}'] += 1
        # Straight to the action's server: so many may come that the topic loses some.
        self._action.hear(self._publish_end(command, status, text))

    def _publish_end(
        self, command: ConceptCommand, status: GoalStatus, text: str
    ) -> ConceptStatus:
        return self._publish_status(
            status=status,
            expression=command.expression,
            text=text,
            command_id=command.command_id,
        )

    def _publish_status(self, **fields: object) -> ConceptStatus:
        status = convert.status_message(self._header(), 'concept_model', **fields)
        self._status.publish(status)
        return status


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(ConceptModelNode)
