"""What the planning thread does: pursues goals, plans at the control rate, commands the arm.

Threading: one lock, held for a whole control period and for every transition, guards all of this
state. The planning thread calls `work`, the executor's thread `activate`, `deactivate` and
`close`. What the callbacks hear meanwhile waits in the `Inbox`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rclpy.impl.rcutils_logger import RcutilsLogger

from concept_control.control.controller import ConceptController, ControlOutput, Status
from concept_control.control.goal import GroundedGoal
from concept_control.control.plan import Plan
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError
from concept_control.interfaces.constants import GoalStatus
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge.drawings import READING
from concept_control.ros.bridge.goals import grounded_goal
from concept_control.ros.nodes.mpc_controller.command_output import CommandOutput
from concept_control.ros.nodes.mpc_controller.control_health import ControlHealth
from concept_control.ros.nodes.mpc_controller.drawing_reader import DrawingReader
from concept_control.ros.nodes.mpc_controller.inbox import Command, Inbox, Inputs, JointSample
from concept_control.ros.nodes.mpc_controller.parameters import Parameters
from concept_control.ros.nodes.mpc_controller.status import StatusReporter
from concept_control.world.entity import EntityState
from concept_control.world.reidentification import EntityReidentifier

JOINTS_PATIENCE = 0.01
"""Longest wait for a joint state before it is asked whether they have stopped [s]; then commands
go on without them at this period."""

NO_JOINTS_PATIENCE = 2.0
"""Time that the first joint state may take before statuses say that there is none [s]."""


class PlanningLoop:
    """Everything between what was heard and what is sent.

    Attributes:
        is_active: Whether commands are sent.
    """

    def __init__(
        self,
        controller: ConceptController,
        model: ConceptModel,
        inbox: Inbox,
        output: CommandOutput,
        move_tool: Callable[[ControlOutput], None],
        status: StatusReporter,
        health: ControlHealth,
        parameters: Parameters,
        clock: Callable[[], float],
        logger: RcutilsLogger,
    ) -> None:
        """Begin inactive; `clock` returns the node's time [s], live `parameters` may change."""
        self.controller, self._model = controller, model
        self._inbox, self._output, self._move_tool = inbox, output, move_tool
        self._status, self._health = status, health
        self._parameters, self._clock, self._logger = parameters, clock, logger
        self._reader = DrawingReader(controller.arm, model)
        self._lock = threading.Lock()
        self.is_active = False
        self._waiting: list[Command] = []
        self._waits_since: float | None = None
        self._joints: JointSample | None = None
        self._are_joints_silent = False
        self._attached: bool | None = None
        self._opening: float | None = None
        self._perception = convert.EntitySnapshot(-np.inf, {}, 0)
        # The same entities by the ids that the goal in progress knows them by.
        self._entities: dict[int, EntityState] = {}
        self._entities_time: float | None = None
        self._reidentifier: EntityReidentifier | None = None
        self._last_tick = -np.inf
        self._epoch = 0

    def activate(self) -> None:
        """Pursue goals from now on."""
        with self._lock:
            self.is_active = True

    def deactivate(self, why: str) -> None:
        """Send a last plan that comes to rest, as far as the arm moves, and no more after it."""
        with self._lock:
            self.is_active = False
            was_pursued = self._is_busy
            self._give_up(why)
            if was_pursued:
                # No tick will report it any more.
                self._status.report_other(self._status.goal, ConceptStatus.CANCELLED, why, 'hold')
            joints = self._joints
            if joints and self._health.silence < self.controller.joint_state_timeout:
                brake = self.controller.brake(joints.stamp, joints.positions, joints.velocities)
                self._send(brake, joints)
            self._output.end()
            self._refuse_all(why)

    def close(self) -> None:
        """Stop reading drawings."""
        self._reader.close()

    def work(self, inputs: Inputs) -> None:
        """Do what a snapshot of the inbox asks for; it has a joint state or they are late."""
        with self._lock:
            self._perceive(inputs)
            if inputs.joints is None:
                self._miss_joints()
            else:
                self._tick(inputs.joints)

    def _perceive(self, inputs: Inputs) -> None:
        """Take over what is new, by the ids that the goal in progress speaks of."""
        self._attached, self._opening = inputs.attached, inputs.opening
        perception = inputs.perception
        if perception is None or perception is self._perception:
            return
        if perception.session != self._perception.session:
            self._begin_session()
        self._perception, self._entities_time = perception, perception.stamp
        self._entities = dict(perception.states)
        if self._reidentifier is not None:
            self._entities = self._reidentifier.rename(self._entities, perception.stamp)

    def _begin_session(self) -> None:
        """Perception has given all ids anew: recognise those that a goal in progress speaks of."""
        if not self._is_busy:
            self._reidentifier = None
            return
        self._reidentifier = EntityReidentifier(self._entities, self.controller.held)
        self._health.fallback('perception restarted: entities recognised by look and place')
        self._logger.warning(
            'perception has given all ids anew: going on with those of the goal, recognised by '
            'their colours and places'
        )

    def _tick(self, joints: JointSample) -> None:
        now, self._joints, self._are_joints_silent = joints.stamp, joints, False
        if joints.epoch != self._epoch:
            is_back = now < self._last_tick
            self._start_afresh('the clock jumped back' if is_back else 'joint states began anew')
            self._epoch, self._last_tick = joints.epoch, -np.inf
        # Half a joint-state period of slack, so that jitter does not skip a tick.
        if now - self._last_tick < 0.9 / self._parameters.control_rate:
            return
        self._last_tick = now
        if self.is_active:
            self._take_commands(now)
            self._control(joints, now)
        else:
            self._refuse_all('the controller is not active: no commands are sent')
            self._status.report_inactive(now, self._parameters.status_rate)
        if self._entities_time is not None:
            self._health.entities_age = now - self._entities_time

    def _miss_joints(self) -> None:
        """Brake where joint states are stale by the node's clock, and say that they stopped.

        Where that clock stands still too, as with a simulator that is gone, there is nothing to
        brake.
        """
        joints, silence = self._joints, self._health.silence
        if joints is None:
            if self._health.age > NO_JOINTS_PATIENCE:
                self._status.repeat(f'{self._health.why_silent}: no plans are sent')
            return
        if self._clock() < joints.received:
            # A clock that went back tells no age, nor does it when it gets there again.
            self._joints = joints = replace(joints, received=np.inf)
        age = self._clock() - joints.received
        self._output.coast(joints.stamp + age)
        is_stale = age > self.controller.joint_state_timeout
        if not is_stale and silence <= self._parameters.joints_timeout:
            return
        if not self._are_joints_silent:
            self._health.fallback('joint states stopped')
            self._logger.error(f'joint states stopped {silence:.1f} s ago: the arm is to hold')
        if self.is_active and is_stale:
            self._control(joints, joints.stamp + age)
        else:
            self._status.repeat(f'{self._health.why_silent}: no plans are sent')
        self._are_joints_silent = True

    def _send(self, plan: Plan, joints: JointSample) -> None:
        refusal = self._output.send(plan, joints.epoch)
        if refusal:
            self.controller.take_back()
            self._health.refused('a plan', refusal)
            self._logger.error(f'a plan was not sent: {refusal}', throttle_duration_sec=2.0)

    def _start_afresh(self, why: str) -> None:
        self._health.fallback(why)
        self.controller.restart()
        self._logger.warning(f'{why}: starting afresh')
        self._give_up(why)
        self._status.restart_clock()
        self._entities_time, self._health.entities_age = None, float('nan')

    def _control(self, joints: JointSample, now: float) -> None:
        begin, asked_at = time.monotonic(), joints.received + now - joints.stamp
        output = self.controller.update(
            now,
            joints.positions,
            joints.velocities,
            self._entities,
            self._attached,
            self._entities_time,
            joints.stamp,
            joints.fault,
            self._output.told(joints.stamp),
            self._opening,
        )
        if output.plan is not None:
            # The node's clock may stand still while this thread has the processor.
            if self.controller.is_in_time(max(self._clock() - asked_at, time.monotonic() - begin)):
                self._send(output.plan, joints)
            else:
                self._health.fallback('a plan came late: the arm goes on along the last one')
        self._move_tool(output)
        self._health.note(output, 1.0 / self._parameters.control_rate)
        if output.guard:
            self._logger.warning(f'guard: {output.guard}', throttle_duration_sec=5.0)
        self._status.report(now, output, self._parameters.status_rate)

    def _take_commands(self, now: float) -> None:
        self._waiting += self._inbox.take_commands()
        self._drop_replaced()
        if self._waiting and self._entities_time is None:
            # A goal may overtake the first entities, as long as these come soon.
            if self._waits_since is None or now < self._waits_since:
                self._waits_since = now
            if now - self._waits_since < self._parameters.goal_timeout:
                return
        self._waits_since = None
        while self._waiting:
            command = self._waiting.pop(0)
            try:
                self._take(command)
            except ConceptControlError as error:
                self._refuse(command.goal, str(error))
        if self._reader.wanted is not None:
            self._take_drawing(self._reader.wanted)

    def _drop_replaced(self) -> None:
        """Begin nothing that the next command would end: to begin a goal takes its time."""
        kept, newest = [], None
        for command in reversed(self._waiting):
            if command.goal.command != ConceptCommand.ACHIEVE:
                kept.append(command)
            elif newest is None:
                newest = command
                kept.append(command)
            else:
                text = f'replaced by another command: {newest.goal.expression}'
                self._status.report_other(command.goal, GoalStatus.REPLACED, text)
        self._waiting = kept[::-1]

    def _take(self, command: Command) -> None:
        goal = command.goal
        match goal.command:
            case ConceptCommand.CANCEL:
                self.controller.resume()  # a cancel ends a pause, too
                self._give_up_drawing('cancelled as asked')
                self._cancel('cancelled as asked')
            case ConceptCommand.PAUSE:
                self._catch_up(goal)
                self.controller.pause()
            case ConceptCommand.RESUME:
                self._catch_up(goal)
                self.controller.resume()
            case ConceptCommand.ACHIEVE if command.drawing is not None:
                self._give_up_drawing('another drawing was asked for')
                goal.session = self._perception.session
                self._reader.ask(replace(command, entities=self._perception.states))
                self._status.report_other(
                    goal, ConceptStatus.ACTIVE, 'reading the drawing', READING
                )
            case ConceptCommand.ACHIEVE:
                self._begin_grounded(goal)
            case ConceptGoal.ENDED:
                pass  # for controllers that start later; here it was the controller that said so
            case other:
                raise CommandError(f'a goal with command {other} is none that is known')

    def _take_drawing(self, wanted: Command) -> None:
        """Begin the drawing that is being read, if it has been."""
        try:
            drawing = self._reader.answer()
            if drawing is None:
                return
            asked = wanted.drawing
            speaks_of_ids = asked is not None and (asked.around or asked.beside)
            if speaks_of_ids and wanted.goal.session != self._perception.session:
                raise CommandError(
                    'perception has given all ids anew while the drawing was being read; give '
                    'the command again'
                )
        except ConceptControlError as error:
            self._refuse(wanted.goal, str(error))
            return
        self._adopt_ids()
        self._begin(wanted.goal, drawing)

    def _begin_grounded(self, message: ConceptGoal) -> None:
        self._give_up_drawing('another goal was given')
        self._adopt_ids()
        seen, workspace = self._perception, self.controller.arm.workspace
        goal = grounded_goal(message, seen.states, seen.session, self._model, workspace)
        self._begin(message, goal)

    def _adopt_ids(self) -> None:
        """Go by perception's present ids again, which a new goal speaks of."""
        self._reidentifier, self._entities = None, dict(self._perception.states)

    def _catch_up(self, message: ConceptGoal) -> None:
        """Begin what shall be paused or resumed, if it was given before this node was started."""
        if message.terms and message.goal_id != self._status.goal.goal_id:
            self._begin_grounded(message)

    def _begin(self, message: ConceptGoal, goal: GroundedGoal | DrawingGoal) -> None:
        self._status.begin(message)
        self.controller.set_goal(goal)

    @property
    def _is_busy(self) -> bool:
        return self.controller.status in (Status.ACTIVE, Status.PAUSED)

    def _refuse_all(self, why: str) -> None:
        """Refuse every goal that waits, and forget all other commands."""
        commands, self._waiting = self._waiting + self._inbox.take_commands(), []
        for command in commands:
            if command.goal.command == ConceptCommand.ACHIEVE:
                self._refuse(command.goal, why)

    def _refuse(self, goal: ConceptGoal, why: str) -> None:
        self._logger.error(f'goal refused: {why}')
        self._health.refused('a goal', why)
        self._give_up('its successor was refused')
        self._status.report_other(goal, ConceptStatus.REFUSED, why)

    def _give_up(self, why: str) -> None:
        """Give up what is pursued, and the drawing that is being read."""
        self._give_up_drawing(why)
        if self._is_busy:
            self._cancel(why)

    def _give_up_drawing(self, why: str) -> None:
        if self._reader.wanted is not None:
            self._status.report_other(self._reader.wanted.goal, ConceptStatus.CANCELLED, why)
            self._reader.forget()

    def _cancel(self, why: str) -> None:
        self._logger.info(f'goal cancelled: {why}')
        self.controller.cancel(why)
