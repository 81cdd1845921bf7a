"""`mpc_controller`: minimises the goal's energy through the arm's dynamics.

A lifecycle node: *inactive* it listens and sends no commands, *active* it plans and commands. With
the parameter `autostart`, the default, it configures and activates itself. A plan that comes late
is harmless: plans are time-stamped, and the tracker goes on along the last one.

Threading: the executor's thread runs callbacks and transitions. Callbacks convert a message and
put it into the `Inbox`; joint states also go straight to the `CommandOutput`, which has a lock of
its own. One planning thread takes snapshots of the inbox to the `PlanningLoop`, whose lock makes
it wait while a transition is made. Drawings are read by the thread of the `DrawingReader`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from concept_control.control.arm.description import ArmDescription
from concept_control.control.controller import ConceptController, Status
from concept_control.control.goal import GroundedGoal
from concept_control.control.joint_state_check import WAITING, JointStateCheck
from concept_control.control.skills.task_view import TaskConfig
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError, PerceptionError
from concept_control.interfaces.joint_states import JointStateReader
from concept_control.msg import ConceptGoal, ConceptStatus, DrawCommand, EntityArray
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.drawings import announced
from concept_control.ros.nodes.mpc_controller.command_output import CommandOutput
from concept_control.ros.nodes.mpc_controller.control_health import JOINTS, ControlHealth
from concept_control.ros.nodes.mpc_controller.inbox import Command, Inbox, JointSample
from concept_control.ros.nodes.mpc_controller.outputs import make_output
from concept_control.ros.nodes.mpc_controller.parameters import Parameters, cross_check
from concept_control.ros.nodes.mpc_controller.planning_loop import JOINTS_PATIENCE, PlanningLoop
from concept_control.ros.nodes.mpc_controller.status import StatusReporter
from concept_control.ros.nodes.mpc_controller.tool_output import make_tool_output
from concept_control.ros.runtime.diagnostics import Diagnostics, Report
from concept_control.ros.runtime.node_process import run_node
from concept_control.ros.runtime.parameters import declare
from concept_control.ros.runtime.publishers import Publisher
from concept_control.ros.runtime.subscriptions import subscribe_suction_state
from concept_control.ros.runtime.worker import Worker
from concept_control.ros.visualization.frames import ArmFrames
from concept_control.world.entity import TOOL_ID

RIVALS_PERIOD = 0.25
"""Seconds between looks at who else commands the arm."""


class MpcController(LifecycleNode):
    """Plans and commands."""

    def __init__(self) -> None:
        super().__init__('mpc_controller')
        self.parameters = p = declare(self, Parameters, cross_check)
        self.failure: Exception | None = None
        self.health = ControlHealth()
        self._num_drawings, self._rivals, self._is_abandoned = 0, '', False
        self._diagnostics = Diagnostics(self, self._report)
        if p.autostart:
            self.trigger_configure()
            if self.failure is not None:
                raise self.failure
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load arm and model, and listen; a failure is kept in `failure` and logged."""
        p = self.parameters
        try:
            self.arm = ArmDescription.load(p.arm)
            self.model = ConceptModel.load(p.model or None, energy=p.energy)
            self.controller = ConceptController(
                self.arm, TaskConfig(pushes=p.pushes), planner=p.planner
            )
            self._output = self.make_output()
            self._tool = make_tool_output(
                self, self.arm, p.gripper_action, p.gripper_joint, p.gripper_positions
            )
            self._arm_frames = ArmFrames(self, self.arm, p.frame) if p.publish_tf else None
        except ConceptControlError as error:
            self.get_logger().error(f'cannot be configured: {error}')
            if p.autostart:
                self.failure = error
            return TransitionCallbackReturn.FAILURE
        self._reader = JointStateReader([p.joint_prefix + joint for joint in self.arm.joints])
        self._joint_check = JointStateCheck(self.arm, may_follow=Publisher.may_follow)
        self._status = self.create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        self._inbox = Inbox()
        self._loop = PlanningLoop(
            self.controller,
            self.model,
            self._inbox,
            self._output,
            self._tool.send,
            StatusReporter(self.publish_status, p.frame, self.health, self.get_logger()),
            self.health,
            p,
            self._now,
            self.get_logger(),
        )
        subscribe = self.create_subscription
        self._inputs = [
            subscribe(JointState, 'joint_states', self._on_joints, qos.NEWEST),
            subscribe(EntityArray, 'entities', self._on_entities, qos.RELIABLE),
            subscribe_suction_state(self, lambda told: self._inbox.put(attached=told.data))
            if self.arm.fingers is None
            else subscribe(Float64, 'gripper_state', self._on_gripper, qos.SENSOR),
            subscribe(ConceptGoal, 'concept_goal', self._on_goal, qos.LATCHED_INPUT),
            subscribe(DrawCommand, 'draw_command', self._on_draw, qos.RELIABLE),
        ]
        # By a clock that does not stop with the simulator's.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(RIVALS_PERIOD, self.look_for_rivals, clock=steady)
        self._worker = Worker(self, 'planning', self._work)
        self._worker.start()
        return TransitionCallbackReturn.SUCCESS

    def make_output(self) -> CommandOutput:
        """Make what sends commands to the arm."""
        return make_output(self, self.arm, self.parameters)

    def publish_status(self, status: ConceptStatus) -> None:
        """Send a status; called by the planning thread and in transitions."""
        self._status.publish(status)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Pursue goals from now on."""
        super().on_activate(state)
        self._loop.activate()
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake, give the goal up, and send no more commands."""
        self._loop.deactivate('the controller was deactivated')
        super().on_deactivate(state)
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and forget everything."""
        self._stop_threads()
        self.destroy_timer(self._timer)
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self.destroy_publisher(self._status)
        self._output.close()
        if self._arm_frames is not None:
            self._arm_frames.close()
        self._tool.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake and end."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Brake if the arm is commanded, and stop the planning thread."""
        if not hasattr(self, '_loop'):
            return
        if self._loop.is_active and self.context.ok():
            self._loop.deactivate('the controller was stopped')
            self._output.finish()
        self._stop_threads()

    def _stop_threads(self) -> None:
        self._inbox.close()
        self._worker.finish()
        self._loop.close()

    def destroy_node(self) -> None:
        """Destroy the node with its state machine.

        rclpy leaves that to Python's garbage collection, which a process that just ends does not
        wait for; it holds the node, and with it a segment of shared memory that would stay.
        """
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def uptime(self) -> float:
        """Return the time by the machine's own clock, which never jumps [s]."""
        return time.monotonic()

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def look_for_rivals(self) -> None:
        """Note who else commands the arm, and whether somebody gives goals: else it holds."""
        self._is_abandoned = self.count_publishers('concept_goal') == 0
        others = self._output.rivals()
        only_one = 'only one controller may command the arm: stop the other'
        self.health.rivals = self._rivals = f'{others}; {only_one}' if others else ''

    def _on_joints(self, message: JointState, info: Mapping[str, Any]) -> None:
        now, source = self.uptime(), Publisher.of(info, self, 'joint_states')
        try:
            reading = self._reader.read(message, self._now())
            self.health.foreign = self._reader.foreign
            if reading is None:
                return  # of another device, such as a gripper
            stamp, positions, velocities = reading
            reason = self._joint_check.refusal(now, stamp, positions, velocities, source)
        except CommandError as error:
            reason = self._joint_check.refuse(now, str(error), source)
        if reason == WAITING:
            return
        if reason:
            self.health.refused(JOINTS, reason)
            self.get_logger().error(f'joint states refused: {reason}', throttle_duration_sec=2.0)
            return
        for assumption in self._reader.assumptions[len(self.health.assumptions) :]:
            self.get_logger().warning(assumption)
            self.health.assumptions.append(assumption)
        self.health.joints_heard()
        if self._arm_frames is not None:
            self._arm_frames.publish(stamp, positions)
        epoch = self._joint_check.epoch
        guarded = self._output.joints(stamp, positions, velocities, epoch)
        if guarded:
            self.health.fallback(guarded)
        fault = self._joint_check.fault(now)
        fault = f'{JOINTS} refused: {fault}' if fault else self._rivals or self._other_fault()
        self._inbox.put(
            joints=JointSample(stamp, positions, velocities, self._now(), fault, epoch)
        )

    def _other_fault(self) -> str:
        """Return why the arm must hold though its joint states are credible; empty if not."""
        fault = self._output.fault()
        if not fault and self._is_abandoned:
            goal, status = self.controller.goal, self.controller.status
            if isinstance(goal, GroundedGoal) and status in (Status.ACTIVE, Status.PAUSED):
                fault = 'concept_model, which gave the goal, is gone: start it again'
        if fault and fault != self.health.fault:
            self.get_logger().error(f'the arm holds: {fault}')
        self.health.fault = fault
        return fault

    def _on_entities(self, message: EntityArray) -> None:
        try:
            seen = convert.EntitySnapshot.from_message(message, self.parameters.frame)
        except PerceptionError as error:
            self.health.refused('entities', str(error))
            self.get_logger().error(f'entities refused: {error}', throttle_duration_sec=2.0)
            return
        # The tool is known better here, from the joint states.
        blocks = {i: state for i, state in seen.states.items() if i != TOOL_ID}
        self._inbox.put(perception=replace(seen, states=blocks))

    def _on_gripper(self, message: Float64) -> None:
        if math.isfinite(message.data):
            self._inbox.put(opening=message.data)

    def _on_goal(self, message: ConceptGoal) -> None:
        self._inbox.put_command(Command(message))

    def _on_draw(self, message: DrawCommand) -> None:
        self._num_drawings += 1
        self._inbox.put_command(Command(announced(message, self._num_drawings), message))

    def _work(self) -> None:
        while (inputs := self._inbox.take(JOINTS_PATIENCE)) is not None:
            self._loop.work(inputs)

    def work_once(self) -> None:
        """Do at once what the planning thread would do with what has come."""
        inputs = self._inbox.take(0.0)
        if inputs is not None:
            self._loop.work(inputs)

    def _report(self) -> Report:
        is_active = hasattr(self, '_loop') and self._loop.is_active
        state = 'active' if is_active else 'not active'
        return self.health.report(state, self.parameters.joints_timeout)


def main() -> NoReturn:
    """Run the node until a signal."""
    run_node(MpcController)
