"""`mpc_controller`: minimises the goal's energy through the arm's dynamics.

A lifecycle node: *inactive* it listens and sends no commands, *active* it plans and commands. With
the parameter `autostart`, the default, it configures and activates itself.

Threads: callbacks store the newest joint state, entities and goal; one planning thread owns the
controller, plans at the control rate and publishes; another reads drawings. Transitions are made
by the executor's thread and take the lock that the planning thread holds while it works. A plan
that comes late is harmless: plans are time-stamped, and the tracker goes on along the last one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from concept_control.control.arm.description import INTERFACES, ArmDescription
from concept_control.control.controller import ConceptController, ControlOutput, Status
from concept_control.control.goal import GroundedGoal
from concept_control.control.plan import Plan
from concept_control.control.planners.registry import PLANNERS
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.control.skills.task_view import TaskConfig
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError, PerceptionError
from concept_control.interfaces.constants import GoalStatus
from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptStatus,
    DrawCommand,
    EntityArray,
)
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.drawings import READING, announced
from concept_control.ros.bridge.goals import grounded_goal
from concept_control.ros.nodes.mpc_controller.command_output import make_output
from concept_control.ros.nodes.mpc_controller.control_health import ControlHealth
from concept_control.ros.nodes.mpc_controller.drawing_reader import DrawingReader, Request
from concept_control.ros.runtime.diagnostics import Diagnostics, Report
from concept_control.ros.runtime.latest_value import LatestValue
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare, parameter
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.reidentification import EntityReidentifier


@dataclass
class Parameters:
    """Parameters of the node."""

    autostart: bool = parameter(
        True, 'configure and activate at the start; else wait for transitions'
    )
    arm: str = parameter('franka', 'name of a shipped arm or path of an arm YAML')
    frame: str = parameter('world', 'fixed frame of the entities')
    model: str = parameter('', 'folder or file of the trained model; empty: the one shipped')
    planner: str = parameter(
        'ilqg',
        'what finds plans; the sampling ones (mppi, cem, predictive_sampling) are for comparison',
        choices=tuple(PLANNERS),
    )
    pushes: bool = parameter(
        False,
        'push blocks over the table instead of carrying them (experimental); an arm without '
        'suction pushes anyway',
    )
    output: str = parameter(
        'joint_trajectory',
        'what the arm is sent: plans for a joint_trajectory_controller, or positions or torques '
        'for a forward_command_controller, one for each joint state',
        choices=INTERFACES,
    )
    send_efforts: bool = parameter(
        True,
        'send feed-forward torques with trajectories; some controllers of arms refuse them',
        is_live=True,
    )
    control_rate: float = parameter(
        50.0,
        'plans per second of the joint states clock; not below status_rate',
        5.0,
        200.0,
        is_live=True,
    )
    status_rate: float = parameter(
        10.0,
        'status messages per second of that clock; not above control_rate',
        1.0,
        50.0,
        is_live=True,
    )
    joints_timeout: float = parameter(
        0.5,
        'silence of the joint states that is reported as an error [s of the machine]',
        0.05,
        10.0,
        is_live=True,
    )
    goal_timeout: float = parameter(
        5.0,
        'a goal waits so long for the first entities before it is refused [s]',
        0.0,
        60.0,
        is_live=True,
    )


FRESH = 0.1
"""A joint state this young [s of the machine] is one to brake from."""

WATCH_PERIOD = 0.2
"""Seconds between looks at whether joint states still come."""

JointSample = tuple[float, np.ndarray, np.ndarray]
"""Stamp [s], positions [rad], velocities [rad/s]."""


def cross_check(p: Parameters) -> str:
    """Say what is wrong with the parameters together."""
    if p.status_rate > p.control_rate:
        return (
            f'status_rate ({p.status_rate:g}) must not be above control_rate '
            f'({p.control_rate:g}): a status tells of a plan'
        )
    return ''


class MpcController(LifecycleNode):
    """Plans and commands."""

    def __init__(self) -> None:
        super().__init__('mpc_controller')
        self.parameters = p = declare(self, Parameters, cross_check)
        self.failure: Exception | None = None
        # Two threads on a busy two-core machine turned 0.6 ms into 69 ms.
        torch.set_num_threads(1)
        self.health = ControlHealth()
        self._lock = threading.Lock()
        self._is_active = False
        self._num_drawings = 0
        self._reset()
        self._diagnostics = Diagnostics(self, self._report)
        if p.autostart:
            self.trigger_configure()
            if self.failure is not None:
                raise self.failure
            self.trigger_activate()

    def _reset(self) -> None:
        """Forget everything heard."""
        self._joints: LatestValue[JointSample] = LatestValue()
        self._last_joints: JointSample | None = None
        self._seen: dict[int, EntityState] = {}
        # The same by the ids that the goal in progress knows them by.
        self._entities: dict[int, EntityState] = {}
        self._entities_time: float | None = None
        self._session = 0
        self._identity: EntityReidentifier | None = None
        self._attached: bool | None = None
        self._goals: list[ConceptGoal] = []
        # What to draw for goals that are drawings, by goal id.
        self._drawings: dict[int, DrawCommand] = {}
        # Whether to pause was asked for while a drawing was being read.
        self._is_paused_meanwhile = False
        self._goal = ConceptGoal()
        self._goal_waits_since: float | None = None
        self._last_tick = self._last_status = -np.inf
        self._last_report: tuple[str, str, int] | None = None
        self._was_silent = False

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load arm and model, and listen; a failure is kept in `failure` and logged."""
        p = self.parameters
        try:
            self.arm = ArmDescription.load(p.arm)
            self.model = ConceptModel.load(p.model or None)
            self.controller = ConceptController(
                self.arm, TaskConfig(pushes=p.pushes), planner=p.planner
            )
        except ConceptControlError as error:
            self.get_logger().error(f'cannot be configured: {error}')
            if p.autostart:
                self.failure = error
            return TransitionCallbackReturn.FAILURE
        self._reset()
        self._reader = DrawingReader(self.arm, self.model)
        self._output = make_output(self, self.arm, p.output, lambda: p.send_efforts)
        self._suction = self.create_lifecycle_publisher(Bool, 'suction_command', qos.RELIABLE)
        self._status = self.create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        subscribe = self.create_subscription
        self._inputs = [
            subscribe(JointState, 'joint_states', self._on_joints, qos.SENSOR),
            subscribe(EntityArray, 'entities', self._on_entities, qos.RELIABLE),
            subscribe(Bool, 'suction_state', self._on_suction, qos.LATCHED),
            subscribe(ConceptGoal, 'concept_goal', self._on_goal, qos.LATCHED_INPUT),
            subscribe(DrawCommand, 'draw_command', self._on_draw, qos.RELIABLE),
        ]
        self._watch = self.create_timer(
            WATCH_PERIOD, self._on_watch, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._worker = threading.Thread(target=self._work, name='planning', daemon=True)
        self._worker.start()
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Pursue goals from now on."""
        super().on_activate(state)
        self._is_active = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake, give the goal up, and send no more commands."""
        self._stop_arm('the controller was deactivated')
        super().on_deactivate(state)
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and forget everything."""
        self._joints.close()
        self._worker.join(timeout=5.0)
        self._reader.close()
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self.destroy_timer(self._watch)
        self.destroy_publisher(self._status)
        self._output.close()
        self.destroy_lifecycle_publisher(self._suction)
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake and end."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Brake if the arm is commanded, and stop the planning thread."""
        if self._is_active and self.context.ok():
            self._stop_arm('the controller was stopped')
            # Nobody follows the brake's positions or torques any more: this one has to do.
            self._output.hold()
        self._joints.close()
        if hasattr(self, '_worker'):
            self._worker.join(timeout=5.0)
            self._reader.close()

    def destroy_node(self) -> None:
        """Destroy the node with its state machine.

        rclpy leaves that to Python's garbage collection, which a process that just ends does not
        wait for; it holds the node, and with it a segment of shared memory that would stay.
        """
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def _stop_arm(self, why: str) -> None:
        """Send a last plan that comes to rest, as far as the arm moves, and no more after it."""
        with self._lock:
            self._is_active = False
            was_pursued = self.controller.status in (Status.ACTIVE, Status.PAUSED)
            self._give_up(why)
            if was_pursued:
                # No tick will tell it any more.
                self._tell_of(self._goal, ConceptStatus.CANCELLED, why, 'hold')
            if self._last_joints is not None and self.health.silence < FRESH:
                self._send(self.controller.brake(*self._last_joints), is_last=True)
            for goal in self._goals:
                if goal.command == ConceptCommand.ACHIEVE:
                    self._refuse(goal, why)
            self._goals.clear()

    def _on_joints(self, message: JointState) -> None:
        try:
            positions, velocities = convert.joint_state_arrays(message, self.arm.joints)
            now = convert.seconds(message.header.stamp)
            if now < 0:
                raise CommandError(f'joint_states are stamped {now:.3f} s; expected >= 0')
        except CommandError as error:
            self.health.fallback('joint states refused')
            self.get_logger().error(f'joint states refused: {error}', throttle_duration_sec=2.0)
            return
        self.health.joints_heard()
        guarded = self._output.joints(now, positions, velocities)
        if guarded:
            self.health.fallback(guarded)
        self._joints.put((now, positions, velocities))

    def _on_entities(self, message: EntityArray) -> None:
        try:
            states = convert.entity_states(message, self.parameters.frame)
        except PerceptionError as error:
            self.health.fallback('entities refused')
            self.get_logger().error(f'entities refused: {error}', throttle_duration_sec=2.0)
            return
        states.pop(TOOL_ID, None)  # known better here, from the joint states
        if message.session != self._session:
            self._begin_session(int(message.session))
        identity = self._identity
        stamp = convert.seconds(message.header.stamp)
        self._seen = states
        self._entities = states if identity is None else identity.rename(states, stamp)
        self._entities_time = stamp

    def _begin_session(self, session: int) -> None:
        """Perception has given all ids anew: recognise those that a goal in progress speaks of."""
        is_busy = self.controller.status in (Status.ACTIVE, Status.PAUSED)
        self._identity = (
            EntityReidentifier(self._entities, self.controller.held) if is_busy else None
        )
        if is_busy:
            self.health.fallback('perception restarted: entities recognised by look and place')
            self.get_logger().warning(
                'perception has given all ids anew: going on with those of the goal, recognised '
                'by their colours and places'
            )
        self._session = session

    def _on_suction(self, message: Bool) -> None:
        self._attached = message.data

    def _on_goal(self, message: ConceptGoal) -> None:
        self._goals.append(message)

    def _on_draw(self, message: DrawCommand) -> None:
        self._num_drawings += 1
        goal = announced(message, self._num_drawings)
        self._drawings[goal.goal_id] = message
        self._goals.append(goal)

    def _on_watch(self) -> None:
        """Say it where joint states stop: the planning thread waits for them and cannot."""
        silence = self.health.silence
        is_silent = self.parameters.joints_timeout < silence < float('inf')
        if is_silent and not self._was_silent:
            self.health.fallback('joint states stopped')
            self.get_logger().error(
                f'joint states stopped {silence:.1f} s ago: no plans are sent, the arm rests at '
                'the end of the last one'
            )
            self._output.hold()
        if is_silent and self._last_report is not None:
            message = self._blank_status()
            status, phase, _ = self._last_report
            message.status, message.phase = GoalStatus[Status(status).name], phase
            message.text = f'joint states stopped {silence:.1f} s ago: no plans are sent'
            self._status.publish(message)
        self._was_silent = is_silent

    def _work(self) -> None:
        try:
            while (sample := self._joints.take()) is not None:
                self._tick(sample)
        except Exception as error:
            self.get_logger().fatal(f'planning failed: {error!r}')
            self.failure = error

    def work_once(self) -> None:
        """Plan for the newest joint state, if one has come; what the planning thread does."""
        sample = self._joints.poll()
        if sample is not None:
            self._tick(sample)

    def _tick(self, sample: JointSample) -> None:
        now = sample[0]
        # Half a joint-state period of slack, so that jitter does not skip a tick.
        if 0 <= now - self._last_tick < 0.9 / self.parameters.control_rate:
            return
        with self._lock:
            if now < self._last_tick:
                self._on_clock_jump()
            self._last_tick = now
            self._last_joints = sample
            if self._is_active:
                self._take_goals(now)
            self._control(*sample)

    def _on_clock_jump(self) -> None:
        self.health.fallback('the clock jumped back')
        self._output.restart()
        self.get_logger().warning('the clock jumped back: starting afresh')
        self._give_up('the clock jumped back')
        self._last_status = -np.inf
        self._entities_time = None

    def _control(self, now: float, positions: np.ndarray, velocities: np.ndarray) -> None:
        if not self._is_active:
            self._tell_inactive(now)
            return
        output = self.controller.update(
            now, positions, velocities, self._entities, self._attached, self._entities_time
        )
        if output.plan is not None:
            self._send(output.plan)
        self._suction.publish(Bool(data=output.suction))
        self.health.note(output, 1.0 / self.parameters.control_rate)
        report = (str(output.status), output.phase, output.active_entity)
        if output.guard:
            self.get_logger().warning(f'guard: {output.guard}', throttle_duration_sec=5.0)
        due = now - self._last_status >= 1.0 / self.parameters.status_rate
        if due or report != self._last_report:
            if report != self._last_report:
                self.get_logger().info(f'{output.status}, {output.phase}: {output.text}')
            self._last_status, self._last_report = now, report
            self._status.publish(self._status_message(now, output))

    def _send(self, plan: Plan, is_last: bool = False) -> None:
        self._output.send(plan, is_last)

    def _tell_inactive(self, now: float) -> None:
        """Say at the status rate that no commands are sent, and refuse goals."""
        while self._goals:
            goal = self._goals.pop(0)
            if goal.command == ConceptCommand.ACHIEVE:
                self._refuse(goal, 'the controller is not active: no commands are sent')
        if now - self._last_status >= 1.0 / self.parameters.status_rate:
            self._last_status = now
            message = self._blank_status()
            message.phase, message.text = 'inactive', 'not active: no commands are sent'
            self._status.publish(message)

    def _take_goals(self, now: float) -> None:
        if self._goals and self._entities_time is None:
            # A goal may overtake the first entities, as long as these come soon.
            if self._goal_waits_since is None or now < self._goal_waits_since:
                self._goal_waits_since = now
            if now - self._goal_waits_since < self.parameters.goal_timeout:
                return
        self._goal_waits_since = None
        while self._goals:
            message = self._goals.pop(0)
            try:
                self._take(message)
            except ConceptControlError as error:
                self._refuse(message, str(error))
        if self._reader.wanted is not None:
            self._take_drawing(self._reader.wanted)

    def _refuse(self, message: ConceptGoal, why: str) -> None:
        self.get_logger().error(f'goal refused: {why}')
        self._give_up('its successor was refused')
        self._tell_of(message, ConceptStatus.REFUSED, why)

    def _tell_of(self, message: ConceptGoal, status: int, text: str, phase: str = '') -> None:
        """Publish the status of a goal that is not the one being pursued."""
        told = self._blank_status()
        told.status, told.text, told.phase = status, text, phase
        told.expression, told.goal_id = message.expression, message.goal_id
        told.command_id = message.command_id
        self._status.publish(told)

    def _take(self, message: ConceptGoal) -> None:
        match message.command:
            case ConceptCommand.CANCEL:
                self._give_up_drawing('cancelled as asked')
                self._cancel('cancelled as asked')
            case ConceptCommand.PAUSE:
                self._catch_up(message)
                self._is_paused_meanwhile = True
                self.controller.pause()
            case ConceptCommand.RESUME:
                self._catch_up(message)
                self._is_paused_meanwhile = False
                self.controller.resume()
            case ConceptCommand.ACHIEVE if message.goal_id in self._drawings:
                self._give_up_drawing('another drawing was asked for')
                message.session, self._is_paused_meanwhile = self._session, False
                drawing = self._drawings.pop(message.goal_id)
                self._reader.ask(Request(message, drawing, self._seen))
                self._tell_of(message, ConceptStatus.ACTIVE, 'reading the drawing', READING)
            case ConceptCommand.ACHIEVE:
                self._begin_grounded(message)
            case ConceptGoal.ENDED:
                pass  # for controllers that start later; here it was the controller that said so
            case other:
                raise CommandError(f'a goal with command {other} is none that is known')

    def _take_drawing(self, wanted: Request) -> None:
        """Begin the drawing that is being read, if it has been."""
        try:
            drawing = self._reader.answer()
            if drawing is None:
                return
            speaks_of_ids = bool(wanted.command.around or wanted.command.beside)
            if speaks_of_ids and wanted.goal.session != self._session:
                raise CommandError(
                    'perception has given all ids anew while the drawing was being read; give '
                    'the command again'
                )
        except ConceptControlError as error:
            self._refuse(wanted.goal, str(error))
            return
        self._identity, self._entities = None, self._seen
        self._begin(wanted.goal, drawing)
        if self._is_paused_meanwhile:
            self.controller.pause()

    def _begin_grounded(self, message: ConceptGoal) -> None:
        self._give_up_drawing('another goal was given')
        # Whoever made the goal speaks of the ids of now.
        self._identity, self._entities = None, self._seen
        self._begin(
            message,
            grounded_goal(message, self._entities, self._session, self.model, self.arm.workspace),
        )

    def _catch_up(self, message: ConceptGoal) -> None:
        """Begin what shall be paused or resumed, if it was given before this node was started."""
        if message.terms and message.goal_id != self._goal.goal_id:
            self._begin_grounded(message)

    def _begin(self, message: ConceptGoal, goal: GroundedGoal | DrawingGoal) -> None:
        self._goal = message
        self.health.begin_goal()
        self.controller.set_goal(goal)

    def _give_up(self, why: str) -> None:
        """Give up what is pursued, and the drawing that is being read."""
        self._give_up_drawing(why)
        if self.controller.status in (Status.ACTIVE, Status.PAUSED):
            self._cancel(why)

    def _give_up_drawing(self, why: str) -> None:
        if self._reader.wanted is not None:
            self._tell_of(self._reader.wanted.goal, ConceptStatus.CANCELLED, why)
            self._reader.forget()

    def _cancel(self, why: str) -> None:
        self.get_logger().info(f'goal cancelled: {why}')
        self.controller.cancel(why)

    def _blank_status(self) -> ConceptStatus:
        nan = float('nan')
        return ConceptStatus(
            header=convert.header(max(self._last_status, 0.0), self.parameters.frame),
            goal_id=self._goal.goal_id,
            command_id=self._goal.command_id,
            expression=self._goal.expression,
            source='mpc_controller',
            energy=nan,
            initial_energy=nan,
            active_entity=-1,
            plan_time=nan,
            plan_time_p50=nan,
            plan_time_p95=nan,
            plan_time_p99=nan,
        )

    def _status_message(self, now: float, output: ControlOutput) -> ConceptStatus:
        message = self._blank_status()
        message.header = convert.header(now, self.parameters.frame)
        message.status = GoalStatus[output.status.name]
        message.phase = output.phase
        message.text = output.text
        message.energy = output.energy
        message.plan_time = output.solve_time
        if self._goal.goal_id:
            message.initial_energy = self._goal.initial_energy
            message.entities = self._goal.entities
            attended = {int(i) for term in self._goal.terms for i in term.arguments}
            message.attention = [float(int(i) in attended) for i in self._goal.entities]
        message.active_entity = output.active_entity
        self.health.fill(message)
        return message

    def _report(self) -> Report:
        state = 'active' if self._is_active else 'not active'
        age = float('nan')
        if self._entities_time is not None and self._last_joints is not None:
            age = self._last_joints[0] - self._entities_time
        return self.health.report(state, age, self.parameters.joints_timeout)


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(MpcController)
