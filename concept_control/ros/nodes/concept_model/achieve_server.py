"""The action `achieve_concept`: a goal becomes a `ConceptCommand`, statuses become feedback.

It gives the command to whoever answers the topic `concept_command` too, and learns what became of
it from the topics `concept_goal` and `concept_status`, so both ways are one.

Threads: everything runs in the executor's thread; nothing blocks and nothing spins. A goal stays
accepted until it ends, and is executed then, which takes no time: a coroutine that waits would
keep rclpy's executor busy.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from concept_control.action import AchieveConcept
from concept_control.interfaces.constants import ACHIEVE_ACTION, OUTCOMES, Outcome
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.drawings import is_drawn

TIMER_PERIOD = 0.1
"""Seconds between looks at the timeouts."""

CANCEL_PATIENCE = 10.0
"""Seconds of this machine after which a cancel that nobody confirmed counts as done."""


@dataclass
class Pending:
    """A goal on its way.

    Attributes:
        handle: Handle of the action's goal.
        command_id: Id of the command that it became.
        started: Time at which it began, node's clock [s]; the timeout counts from there.
        is_grounded: Whether the command has become a goal of the controller.
        timed_out: Whether it is cancelled for its timeout.
        cancelled_at: Time at which it was cancelled, machine's clock [s], which does not stop.
    """

    handle: ServerGoalHandle
    command_id: str
    started: float
    is_grounded: bool = False
    timed_out: bool = False
    cancelled_at: float | None = None


class AchieveServer:
    """Serves the action on a node."""

    def __init__(self, node: Node, give: Callable[[ConceptCommand], None]) -> None:
        """Start to serve; `give` takes a command and does not block."""
        self._node, self._give = node, give
        self._pending: dict[str, Pending] = {}
        self._server = ActionServer(
            node,
            AchieveConcept,
            ACHIEVE_ACTION,
            execute_callback=lambda _: AchieveConcept.Result(),  # never used: see _end
            handle_accepted_callback=self._on_accepted,
            goal_callback=lambda _: GoalResponse.ACCEPT,
            cancel_callback=self._on_cancel,
        )
        node.create_subscription(ConceptGoal, 'concept_goal', self._on_goal, qos.LATCHED_INPUT)
        node.create_subscription(ConceptStatus, 'concept_status', self.hear, qos.RELIABLE)
        node.create_timer(
            TIMER_PERIOD, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def close(self) -> None:
        """Stop serving; clients notice that the server is gone."""
        self._server.destroy()

    @property
    def _now(self) -> float:
        return convert.node_time(self._node)

    def _on_accepted(self, handle: ServerGoalHandle) -> None:
        request = handle.request
        pending = Pending(handle, str(uuid.UUID(bytes=bytes(handle.goal_id.uuid))), self._now)
        self._pending[pending.command_id] = pending
        command = ConceptCommand(
            command=ConceptCommand.ACHIEVE,
            command_id=pending.command_id,
            expression=request.expression,
            seed=request.seed,
        )
        command.header.stamp = self._node.get_clock().now().to_msg()
        self._give(command)

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        for pending in list(self._pending.values()):
            if pending.handle.goal_id == handle.goal_id:
                self._cancel(pending)
        return CancelResponse.ACCEPT

    def _cancel(self, pending: Pending) -> None:
        if pending.cancelled_at is None:
            pending.cancelled_at = time.monotonic()
            self._give(
                ConceptCommand(command=ConceptCommand.CANCEL, command_id=pending.command_id)
            )

    def _on_goal(self, goal: ConceptGoal) -> None:
        """Another command that became a goal replaces all that came before it."""
        if goal.command != ConceptCommand.ACHIEVE:
            return
        for pending in list(self._pending.values()):
            if goal.command_id == pending.command_id:
                pending.is_grounded = True
            elif pending.is_grounded:
                self._end(
                    pending,
                    Outcome.REPLACED,
                    f'replaced by another command: {goal.expression}',
                )

    def hear(self, status: ConceptStatus) -> None:
        """Take note of a status; one that comes twice counts once."""
        if is_drawn(status):
            # A drawing, which comes to the controller by a topic of its own.
            text = f'replaced by another command: {status.expression}'
            for replaced in [p for p in self._pending.values() if p.is_grounded]:
                self._end(replaced, Outcome.REPLACED, text)
        pending = self._pending.get(status.command_id)
        if pending is None:
            return
        if status.status in OUTCOMES:
            error, text = OUTCOMES[status.status], status.text
            if pending.timed_out and error == Outcome.CANCELLED:
                error = Outcome.TIMED_OUT
                text = f'not reached within {pending.handle.request.timeout:g} s'
            self._end(pending, error, text, status)
            return
        pending.handle.publish_feedback(
            AchieveConcept.Feedback(
                phase=status.phase,
                text=status.text,
                energy=status.energy,
                elapsed=self._now - pending.started,
                active_entity=status.active_entity,
            )
        )

    def _on_timer(self) -> None:
        now = self._now
        for pending in list(self._pending.values()):
            timeout = pending.handle.request.timeout
            pending.started = min(pending.started, now)  # the clock may jump back
            if 0.0 < timeout < now - pending.started and pending.cancelled_at is None:
                pending.timed_out = True
                self._cancel(pending)
            cancelled_at = pending.cancelled_at
            if cancelled_at is not None and time.monotonic() - cancelled_at > CANCEL_PATIENCE:
                error = Outcome.TIMED_OUT if pending.timed_out else Outcome.CANCELLED
                self._end(pending, error, 'cancelled, but no controller has confirmed it')

    def _end(
        self, pending: Pending, error: int, text: str, status: ConceptStatus | None = None
    ) -> None:
        del self._pending[pending.command_id]
        nan = float('nan')
        result = AchieveConcept.Result(
            success=error == Outcome.SATISFIED,
            error=error,
            text=text,
            energy=nan if status is None else status.energy,
            initial_energy=nan if status is None else status.initial_energy,
        )

        def finish(handle: ServerGoalHandle) -> AchieveConcept.Result:
            if result.success:
                handle.succeed()
            elif handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
            return result

        pending.handle.execute(finish)
