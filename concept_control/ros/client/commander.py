"""`ConceptCommander`: give commands from a Python program and learn what became of them.

    with ConceptCommander() as robot:
        robot.go('between(red; blue, green)', timeout=60.0)
        print(robot.result(wait=90.0).text)

Threads: the commander has a node, an executor and a thread of its own. Its methods may be called
from any thread, also from callbacks of other nodes: none of them spins. `go` waits for the server
to be there, `result` as long as it is told to, the others not at all.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import rclpy
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from unique_identifier_msgs.msg import UUID

from concept_control.action import AchieveConcept
from concept_control.errors import ConceptControlError
from concept_control.interfaces.constants import ACHIEVE_ACTION, OUTCOMES, Outcome
from concept_control.msg import ConceptCommand, ConceptStatus
from concept_control.ros.bridge import qos

SERVER_LOST_AFTER = 5.0
"""Seconds without the action's server after which a goal on its way is given up."""

SILENCE = 3.0
"""Seconds without a sign of a goal after which it is sent to a server that was started since."""

ACCEPTANCE = 10.0
"""Seconds after which a goal that nobody has accepted is sent again."""

RESULT_PATIENCE = 3.0
"""Seconds by which a result may lag behind the status that ended the goal.

It never comes when the action's server was restarted in between: the controller went on, and its
status is the result then.
"""


class CommanderError(ConceptControlError):
    """A command that nobody took, or a result that did not come."""


@dataclass(frozen=True)
class Progress:
    """The latest feedback.

    Attributes:
        phase: Word for what the arm is doing.
        text: One sentence for a person.
        energy: Energy of the scene as perceived, NaN where unknown.
        elapsed: Time since the command was accepted [s].
        active_entity: Id of the entity being moved, -1 for none.
    """

    phase: str
    text: str
    energy: float
    elapsed: float
    active_entity: int


@dataclass(frozen=True)
class CommandResult:
    """How a command ended.

    Attributes:
        outcome: Way in which it ended.
        text: One sentence for a person.
        energy: Energy of the scene at the end, NaN where unknown.
        initial_energy: Energy when the goal was grounded, NaN where unknown.
    """

    outcome: Outcome
    text: str
    energy: float = float('nan')
    initial_energy: float = float('nan')

    @property
    def success(self) -> bool:
        """Whether the concept holds, by its energy."""
        return self.outcome is Outcome.SATISFIED


class _Attempt:
    """One command on its way; the executor's thread writes, other threads wait for `done`."""

    def __init__(self, goal: AchieveConcept.Goal) -> None:
        self.goal = goal
        self.id = uuid.uuid4()
        self.heard = 0.0
        self.servers: set[bytes] = set()
        self.ending: tuple[float, CommandResult] | None = None
        self.handle: Any = None
        self.feedback: Progress | None = None
        self.result: CommandResult | None = None
        self.wants_cancel = False
        self.done = threading.Event()

    def end(self, result: CommandResult) -> None:
        if self.result is None:
            self.result = result
            self.done.set()


def _unless_sent_again(
    attempt: _Attempt, hear: Callable[[_Attempt, Any], None]
) -> Callable[[Any], None]:
    """Return a callback on a sent command that does nothing once that is sent again."""
    number = attempt.id
    return lambda told: hear(attempt, told) if attempt.id == number else None


class ConceptCommander:
    """A client of the action `achieve_concept`, for programs."""

    def __init__(self, namespace: str = '', name: str = 'concept_commander') -> None:
        """Prepare a client of the robot whose nodes have a namespace; nothing is sent."""
        # A context of its own: it neither needs nor disturbs the caller's rclpy.
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        self._node = Node(name, namespace=namespace, context=self._context)
        self._client: Any = ActionClient(self._node, AchieveConcept, ACHIEVE_ACTION)
        self._commands = self._node.create_publisher(
            ConceptCommand, 'concept_command', qos.RELIABLE
        )
        self._node.create_subscription(
            ConceptStatus, 'concept_status', self._on_status, qos.RELIABLE
        )
        self._attempt: _Attempt | None = None
        self._server_seen = time.monotonic()
        self._lock = threading.Lock()
        self._node.create_timer(0.2, self._watch_server)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name='commander', daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; a command on its way goes on, use `cancel` to stop it."""
        self._executor.shutdown()
        self._thread.join(timeout=5.0)
        self._client.destroy()
        self._node.destroy_node()
        with contextlib.suppress(Exception):
            self._context.try_shutdown()

    def go(
        self, expression: str, timeout: float = 0.0, seed: int = 0, wait_for_server: float = 10.0
    ) -> None:
        """Ask for an expression; a command on its way is replaced.

        Args:
            expression: Expression such as `between(red; blue, green)`.
            timeout: Time after which it is given up, by the robot's clock [s]; 0: never.
            seed: Seed of every random choice.
            wait_for_server: Time that the action's server may take to appear [s].

        Raises:
            CommanderError: if nobody answers, or the timeout is negative or no number.
        """
        if not 0.0 <= timeout < float('inf'):
            raise CommanderError(f'a timeout of {timeout} s; expected a finite number, 0 for none')
        end = time.monotonic() + wait_for_server
        while not self._client.server_is_ready():
            if time.monotonic() > end:
                raise CommanderError(self._nobody(wait_for_server))
            time.sleep(0.02)
        attempt = _Attempt(
            AchieveConcept.Goal(expression=expression, timeout=float(timeout), seed=seed)
        )
        with self._lock:
            old, self._attempt = self._attempt, attempt
        if old is not None:
            old.end(CommandResult(Outcome.REPLACED, f'replaced by {expression}'))
        self._server_seen = time.monotonic()
        self._send(attempt)

    def _send(self, attempt: _Attempt) -> None:
        """Send a goal, perhaps again; what becomes of an earlier sending counts no more."""
        attempt.id, attempt.handle = uuid.uuid4(), None
        attempt.heard, attempt.servers = time.monotonic(), self._servers()
        future = self._client.send_goal_async(
            attempt.goal,
            feedback_callback=_unless_sent_again(attempt, self._on_feedback),
            goal_uuid=UUID(uuid=np.frombuffer(attempt.id.bytes, dtype=np.uint8)),
        )
        future.add_done_callback(_unless_sent_again(attempt, self._on_accepted))

    def _servers(self) -> set[bytes]:
        """Return who serves the action; one that was killed is still among them for a while."""
        topic = f'{self._node.resolve_service_name(ACHIEVE_ACTION)}/_action/feedback'
        infos = self._node.get_publishers_info_by_topic(topic)
        return {bytes(info.endpoint_gid) for info in infos}

    @property
    def is_done(self) -> bool:
        """Whether the last command has ended; true where none was given."""
        attempt = self._attempt
        return attempt is None or attempt.done.is_set()

    @property
    def feedback(self) -> Progress | None:
        """The latest feedback on the last command; None before the first."""
        return None if self._attempt is None else self._attempt.feedback

    def result(self, wait: float = 0.0) -> CommandResult:
        """Return how the last command ended.

        Args:
            wait: Time to wait for its end [s].

        Raises:
            CommanderError: if no command was given, or it has not ended by then.
        """
        attempt = self._attempt
        if attempt is None:
            raise CommanderError('no command was given; call go(expression) first')
        attempt.done.wait(wait)
        if attempt.result is None:
            feedback = attempt.feedback
            doing = 'nothing was heard of it' if feedback is None else f'it is at: {feedback.text}'
            raise CommanderError(f'the command has not ended within {wait:g} s; {doing}')
        return attempt.result

    def cancel(self) -> None:
        """Ask for the last command to be given up; `result` tells when it was. The arm holds."""
        attempt = self._attempt
        if attempt is None or attempt.done.is_set():
            return
        attempt.wants_cancel = True
        if attempt.handle is not None:
            attempt.handle.cancel_goal_async()
        # A concept_model that was started again meanwhile knows no such action any more.
        self._commands.publish(
            ConceptCommand(command=ConceptCommand.CANCEL, command_id=str(attempt.id))
        )

    def pause(self) -> None:
        """Let the arm hold, and keep the goal."""
        self._commands.publish(ConceptCommand(command=ConceptCommand.PAUSE))

    def resume(self) -> None:
        """Go on after a pause."""
        self._commands.publish(ConceptCommand(command=ConceptCommand.RESUME))

    def _on_accepted(self, attempt: _Attempt, done: Any) -> None:
        attempt.heard, handle = time.monotonic(), done.result()
        if handle is None or not handle.accepted:
            attempt.end(CommandResult(Outcome.REFUSED, 'the server did not accept the goal'))
            return
        attempt.handle = handle
        handle.get_result_async().add_done_callback(_unless_sent_again(attempt, self._on_result))
        if attempt.wants_cancel:
            handle.cancel_goal_async()

    def _on_result(self, attempt: _Attempt, done: Any) -> None:
        result = done.result().result
        attempt.end(
            CommandResult(Outcome(result.error), result.text, result.energy, result.initial_energy)
        )

    def _on_feedback(self, attempt: _Attempt, message: Any) -> None:
        attempt.heard = time.monotonic()
        told = {field.name: getattr(message.feedback, field.name) for field in fields(Progress)}
        attempt.feedback = Progress(**told)

    def _on_status(self, status: ConceptStatus) -> None:
        attempt = self._attempt
        if attempt is None or status.command_id != str(attempt.id) or attempt.ending:
            return
        attempt.heard = time.monotonic()
        if status.status in OUTCOMES:
            result = CommandResult(
                OUTCOMES[status.status], status.text, status.energy, status.initial_energy
            )
            attempt.ending = (time.monotonic(), result)

    def _watch_server(self) -> None:
        """A server that is gone never answers: end what waits for it, or ask the next one."""
        now = time.monotonic()
        if self._client.server_is_ready():
            self._server_seen = now
        attempt = self._attempt
        if attempt is None or attempt.done.is_set():
            return
        if attempt.ending:
            if now - attempt.ending[0] > RESULT_PATIENCE:
                attempt.end(attempt.ending[1])
        elif now - self._server_seen > SERVER_LOST_AFTER:
            attempt.end(CommandResult(Outcome.SHUT_DOWN, self._nobody(SERVER_LOST_AFTER)))
        elif self._is_lost(attempt, now - attempt.heard):
            self._node.get_logger().warning(
                f'{attempt.goal.expression}: concept_model was started again, or never answered; '
                'the command is sent again'
            )
            self._send(attempt)

    def _is_lost(self, attempt: _Attempt, silence: float) -> bool:
        """Tell whether a goal has gone to a server that is no more."""
        is_new = silence > SILENCE and bool(self._servers() - attempt.servers)
        return is_new or (attempt.handle is None and silence > ACCEPTANCE)

    def _nobody(self, seconds: float) -> str:
        action = self._node.resolve_service_name(ACHIEVE_ACTION)
        return (
            f'nobody serves the action {action} since {seconds:g} s; is concept_model running, in '
            'this namespace, in this ROS_DOMAIN_ID?'
        )

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()
