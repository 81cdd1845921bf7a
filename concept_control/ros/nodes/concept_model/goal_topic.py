"""The latched topic `concept_goal`: who starts late gets the goal in progress, and no other.

A controller that died and is started again goes on with the goal, and keeps it paused if it was.
A pause lasts until the word to resume: goals that come meanwhile are paused, too.
One that starts after the goal has ended must not move the arm for it: the goal is replaced there
by the word that it is over.

Threads: the executor's thread hears statuses, whoever grounds commands announces goals; a lock
keeps both apart.
"""

from __future__ import annotations

import threading
from copy import copy

from rclpy.node import Node

from concept_control.interfaces.constants import OUTCOMES
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.drawings import FIRST_ID, is_drawn


class GoalTopic:
    """Publishes goals and what is asked about them; hears when they end."""

    def __init__(self, node: Node, frame: str) -> None:
        """Make publisher and subscription; messages are in the fixed frame."""
        self._node, self._frame = node, frame
        self._lock = threading.Lock()
        self._number, self._command_id = 0, ''
        # Who starts late shall have it, paused or not; None as soon as it is given up.
        self._goal: ConceptGoal | None = None
        self._has_ended, self._is_paused = True, False
        self._publisher = node.create_publisher(ConceptGoal, 'concept_goal', qos.LATCHED)
        node.create_subscription(ConceptStatus, 'concept_status', self._on_status, qos.RELIABLE)

    def achieve(self, goal: ConceptGoal, command_id: str) -> None:
        """Number a goal and publish it; it replaces the one before."""
        with self._lock:
            self._number += 1
            goal.goal_id, goal.command_id = self._number, command_id
            self._goal, self._command_id, self._has_ended = goal, command_id, False
            self._publisher.publish(goal)
            if self._is_paused:
                self._publish_about_goal(ConceptCommand.PAUSE)

    def tell(self, command: ConceptCommand) -> None:
        """Pass on that the goal shall be cancelled, paused or resumed."""
        is_cancel = command.command == ConceptCommand.CANCEL
        with self._lock:
            if is_cancel and command.command_id not in ('', self._command_id):
                return  # what shall be cancelled was replaced or refused before
            self._is_paused = command.command == ConceptCommand.PAUSE
            if is_cancel:
                self._goal = None
            if self._goal is None:
                self._publish(command.command, command.command_id, command.expression)
            else:
                self._publish_about_goal(command.command)

    def _on_status(self, status: ConceptStatus) -> None:
        if status.source == 'concept_model':
            return
        with self._lock:
            if self._number < status.goal_id < FIRST_ID:
                # Of a concept_model before this one: count on from there.
                self._number, self._command_id = status.goal_id, status.command_id
                self._goal, self._has_ended = None, True
            is_over = status.goal_id == self._number and status.status in OUTCOMES
            if (is_over or is_drawn(status)) and not self._has_ended:
                self._goal, self._has_ended = None, True
                self._publish(ConceptGoal.ENDED, status.command_id, status.expression)

    def _publish_about_goal(self, command: int) -> None:
        """Publish with the goal in it: this message takes its place for those who start late."""
        message = copy(self._goal)
        assert message is not None
        message.command = command
        self._publisher.publish(message)

    def _publish(self, command: int, command_id: str, expression: str) -> None:
        self._publisher.publish(
            ConceptGoal(
                header=convert.header(convert.node_time(self._node), self._frame),
                goal_id=self._number,
                command_id=command_id,
                command=command,
                expression=expression,
            )
        )
