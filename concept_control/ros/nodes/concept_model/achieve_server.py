"""The action `achieve_concept`: a goal becomes a `ConceptCommand`, statuses become feedback.

It gives the command to whoever answers the topic `concept_command` too, and learns what became of
it from the topics `concept_goal` and `concept_status`, so both ways are one.

What a goal became is published on `concept_command` too, so that a recording can be done again.

Threads: everything runs in the executor's thread; nothing blocks and, before the node is closed,
nothing spins. A goal is executing from when the arm begins, but its callback runs when it has
ended, which takes no time: a coroutine that waits would keep rclpy's executor busy.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from concept_control.action import AchieveConcept
from concept_control.interfaces.constants import ACHIEVE_ACTION, OUTCOMES, GoalStatus, Outcome
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.drawings import is_drawn

TIMER_PERIOD = 0.1
"""Seconds between looks at the timeouts."""

STANDSTILL = 1.0
"""Seconds of this machine without a change of the node's clock after which timeouts go on by the
machine's own."""

LAST_SPINS = 10
"""Times that the executor is spun once more, for results on their way, when the node is closed."""

MAX_REMEMBERED = 200
"""Commands remembered as given by this server."""

CANCEL_PATIENCE = 10.0
"""Seconds of this machine after which a cancel that nobody confirmed counts as done."""


@dataclass
class Pending:
    """A goal on its way.

    Attributes:
        handle: Handle of the action's goal.
        command_id: Id of the command that it became.
        elapsed: Time since it was accepted, by the node's clock as long as that goes on [s].
        is_executing: Whether the arm has begun.
        is_grounded: Whether the command has become a goal of the controller.
        timed_out: Whether it is cancelled for its timeout.
        cancelled_at: Time at which it was cancelled, machine's clock [s], which does not stop.
    """

    handle: ServerGoalHandle
    command_id: str
    elapsed: float = 0.0
    is_executing: bool = False
    is_grounded: bool = False
    timed_out: bool = False
    cancelled_at: float | None = None


class _Server(ActionServer):
    """An action's server whose goals may be executing before their callback runs."""

    def notify_execute(self, goal_handle: ServerGoalHandle, execute_callback: Any) -> None:
        """Run the callback, if there is one already."""
        if execute_callback is not None:
            super().notify_execute(goal_handle, execute_callback)


class AchieveServer:
    """Serves the action on a node."""

    def __init__(self, node: Node, give: Callable[[ConceptCommand], None]) -> None:
        """Start to serve; `give` takes a command and does not block."""
        self._node, self._give = node, give
        self._pending: dict[str, Pending] = {}
        self._given: deque[tuple[str, int]] = deque(maxlen=MAX_REMEMBERED)
        self._clock = self._now
        self._ticked = self._moved = time.monotonic()
        self._commands = node.create_publisher(ConceptCommand, 'concept_command', qos.RELIABLE)
        self._server = _Server(
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
        """End all goals, and stop serving; called when nobody spins the node any more."""
        for pending in list(self._pending.values()):
            text = 'concept_model, which served it, was stopped; the controller may go on'
            self._end(pending, Outcome.SHUT_DOWN, text)
        executor = self._node.executor
        if executor is not None and self._given:
            for _ in range(LAST_SPINS):
                executor.spin_once(timeout_sec=0.01)
        self._server.destroy()

    def is_own(self, command: ConceptCommand) -> bool:
        """Tell whether a command that is heard was given by this server."""
        return (command.command_id, command.command) in self._given

    @property
    def _now(self) -> float:
        return convert.node_time(self._node)

    def _on_accepted(self, handle: ServerGoalHandle) -> None:
        request = handle.request
        pending = Pending(handle, str(uuid.UUID(bytes=bytes(handle.goal_id.uuid))))
        self._pending[pending.command_id] = pending
        command = ConceptCommand(
            command=ConceptCommand.ACHIEVE,
            command_id=pending.command_id,
            expression=request.expression,
            seed=request.seed,
        )
        self._tell(command)

    def _tell(self, command: ConceptCommand) -> None:
        """Give a command to the node, and publish it for others."""
        command.header.stamp = self._node.get_clock().now().to_msg()
        self._given.append((command.command_id, command.command))
        self._commands.publish(command)
        self._give(command)

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        for pending in list(self._pending.values()):
            if pending.handle.goal_id == handle.goal_id:
                self._cancel(pending)
        return CancelResponse.ACCEPT

    def _cancel(self, pending: Pending) -> None:
        if pending.cancelled_at is None:
            pending.cancelled_at = time.monotonic()
            self._tell(
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
        if status.status == GoalStatus.ACTIVE and not pending.is_executing:
            pending.is_executing = True
            pending.handle.execute()
        pending.handle.publish_feedback(
            AchieveConcept.Feedback(
                phase=status.phase,
                text=status.text,
                energy=status.energy,
                elapsed=pending.elapsed,
                active_entity=status.active_entity,
            )
        )

    def _on_timer(self) -> None:
        # By the node's clock; by the machine's own where that stands still, as without anybody who
        # publishes it.
        now, ticked = self._now, time.monotonic()
        if now != self._clock:
            self._moved = ticked
        stands_still = ticked - self._moved > STANDSTILL
        passed = ticked - self._ticked if stands_still else max(now - self._clock, 0.0)
        self._clock, self._ticked = now, ticked
        for pending in list(self._pending.values()):
            timeout = pending.handle.request.timeout
            pending.elapsed += passed
            if 0.0 < timeout < pending.elapsed and pending.cancelled_at is None:
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

        if pending.is_executing:
            self._server.notify_execute(pending.handle, finish)
        else:
            pending.handle.execute(finish)
