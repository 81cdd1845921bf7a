"""A commander that also sees: the words, the things on the table, what the controller does.

Threads: as in `commander`; the executor's thread only stores, other threads read.
"""

from __future__ import annotations

import queue
import time
from functools import partial

from std_msgs.msg import String

from concept_control.interfaces.constants import TEACH_PHASE, GoalStatus
from concept_control.msg import Concept, ConceptCommand, ConceptGoal, ConceptStatus, EntityArray
from concept_control.msg import ConceptLibrary as ConceptLibraryMessage
from concept_control.ros.bridge import qos
from concept_control.ros.client.commander import CommanderError, ConceptCommander


class RobotSession(ConceptCommander):
    """Gives commands, teaches by markers and keeps the latest message of each kind.

    Attributes:
        concepts: Words that the robot knows, by name; empty before the first message.
        entities: What perception sees; None before the first message.
        status: Latest status of the controller; None before the first.
    """

    def __init__(self, namespace: str = '') -> None:
        """Listen to the robot whose nodes have a namespace; nothing is sent."""
        super().__init__(namespace, 'concept_session')
        self.concepts: dict[str, Concept] = {}
        self.entities: EntityArray | None = None
        self.status: ConceptStatus | None = None
        self._goal: ConceptGoal | None = None
        self._taught: queue.SimpleQueue[ConceptStatus] = queue.SimpleQueue()
        self._markers = self._node.create_publisher(String, 'demonstration_marker', qos.RELIABLE)
        subscribe = self._node.create_subscription
        subscribe(ConceptLibraryMessage, 'concepts', self._on_concepts, qos.LATCHED)
        subscribe(EntityArray, 'entities', partial(setattr, self, 'entities'), qos.RELIABLE)
        subscribe(ConceptGoal, 'concept_goal', self._on_goal, qos.LATCHED_INPUT)

    @property
    def goal(self) -> ConceptGoal | None:
        """The goal that the last command has become; None while it has not."""
        attempt, goal = self._attempt, self._goal
        is_it = attempt is not None and goal is not None and goal.command_id == str(attempt.id)
        return goal if is_it else None

    @property
    def num_robots(self) -> int:
        """How many nodes tell the words they know: more than one is one too many."""
        return self._node.count_publishers('concepts')

    def cancel(self) -> None:
        """Give up what the robot is doing, whoever has asked for it. The arm holds."""
        if self.is_done:
            self._commands.publish(ConceptCommand(command=ConceptCommand.CANCEL))
        super().cancel()

    def mark(self, text: str, wait: float) -> str:
        """Give a marker of a demonstration, see `teaching.segmenter`; return the answer.

        Args:
            text: Marker, such as "begin bridge(red; blue, green)" or "end".
            wait: Time to wait for the answer [s].

        Raises:
            CommanderError: if it is refused, nobody hears it, or there is no answer in time.
        """
        end = time.monotonic() + wait
        while not self._markers.get_subscription_count():
            if time.monotonic() > end:
                raise CommanderError('nobody listens to demonstration_marker')
            time.sleep(0.02)
        while not self._taught.empty():
            self._taught.get()
        self._markers.publish(String(data=text))
        try:
            answer = self._taught.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise CommanderError(f'{text!r} was not answered within {wait:g} s') from None
        if answer.status == GoalStatus.REFUSED:
            raise CommanderError(answer.text)
        return answer.text

    def _on_concepts(self, message: ConceptLibraryMessage) -> None:
        self.concepts = {concept.name: concept for concept in message.concepts}

    def _on_goal(self, message: ConceptGoal) -> None:
        if message.command == ConceptCommand.ACHIEVE:
            self._goal = message

    def _on_status(self, status: ConceptStatus) -> None:
        super()._on_status(status)
        if status.phase == TEACH_PHASE:
            self._taught.put(status)
        elif status.source != 'concept_model':
            self.status = status
