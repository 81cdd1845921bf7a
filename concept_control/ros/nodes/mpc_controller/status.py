"""The controller's `concept_status` messages: of the goal that is pursued, and of others.

Threading: one caller at a time; the planning loop calls it under its lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from rclpy.impl.rcutils_logger import RcutilsLogger

from concept_control.control.controller import ControlOutput, Status
from concept_control.interfaces.constants import GoalStatus
from concept_control.msg import ConceptGoal, ConceptStatus
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.mpc_controller.control_health import ControlHealth

REPEAT_PERIOD = 0.1
"""Time between two repetitions of a status [s of the machine]."""


class StatusReporter:
    """Publishes statuses at a rate, and at once where something has changed.

    Attributes:
        goal: Goal that is pursued, or was last.
    """

    def __init__(
        self,
        publish: Callable[[ConceptStatus], None],
        frame: str,
        health: ControlHealth,
        logger: RcutilsLogger,
    ) -> None:
        """Begin without a goal; `frame` is the fixed one of the entities."""
        self._publish, self._frame = publish, frame
        self._health, self._logger = health, logger
        self.goal = ConceptGoal()
        self._last_time = -np.inf
        self._last: tuple[Status, str, int] | None = None
        self._repeated_at = -np.inf

    def begin(self, goal: ConceptGoal) -> None:
        """Speak of a new goal from now on."""
        self.goal = goal
        self._health.begin_goal()

    def restart_clock(self) -> None:
        """Forget when the last status was sent, as when the clock jumped back."""
        self._last_time = -np.inf

    def report(self, now: float, output: ControlOutput, rate: float) -> None:
        """Publish what a control period brought, where it is new or a status is due.

        Args:
            now: Present time [s].
            output: Answer of the controller.
            rate: Statuses per second that are due in any case [1/s].
        """
        told = output.status, output.phase, output.active_entity
        is_new = told != self._last
        if not (is_new or self._is_due(now, rate)):
            return
        if is_new:
            self._logger.info(f'{output.status}, {output.phase}: {output.text}')
        self._last_time, self._last = now, told
        message = self._message(
            status=GoalStatus[output.status.name],
            phase=output.phase,
            text=output.text,
            energy=output.energy,
            plan_time=output.solve_time,
            active_entity=output.active_entity,
        )
        if self.goal.goal_id:
            message.initial_energy = self.goal.initial_energy
            message.entities = self.goal.entities
            attended = {int(i) for term in self.goal.terms for i in term.arguments}
            message.attention = [float(int(i) in attended) for i in self.goal.entities]
        self._health.fill(message)
        self._publish(message)

    def report_inactive(self, now: float, rate: float) -> None:
        """Say, when a status is due, that no commands are sent."""
        if self._is_due(now, rate):
            self._last_time = now
            text = 'not active: no commands are sent'
            self._publish(self._message(phase='inactive', text=text))

    def repeat(self, text: str) -> None:
        """Say again, now and then, what was reported last, with another text."""
        now = time.monotonic()
        if now - self._repeated_at >= REPEAT_PERIOD:
            self._repeated_at = now
            status, phase, _ = self._last or (Status.IDLE, 'waiting', -1)
            self._publish(self._message(status=GoalStatus[status.name], phase=phase, text=text))

    def report_other(self, goal: ConceptGoal, status: int, text: str, phase: str = '') -> None:
        """Publish the status of a goal that is not the one being pursued."""
        self._publish(self._message(goal, status=status, text=text, phase=phase))

    def _is_due(self, now: float, rate: float) -> bool:
        return now - self._last_time >= 1.0 / rate

    def _message(self, goal: ConceptGoal | None = None, **fields: object) -> ConceptStatus:
        goal = goal or self.goal
        header = convert.header(max(self._last_time, 0.0), self._frame)
        names = ('goal_id', 'command_id', 'expression')
        about = {name: getattr(goal, name) for name in names}
        return convert.status_message(header, 'mpc_controller', **about, **fields)
