"""Plans as goals of a FollowJointTrajectory action, of which each replaces the one before.

control_msgs is needed only where this output is asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from concept_control.control.arm.description import ArmDescription
from concept_control.control.plan import Plan
from concept_control.errors import MissingDependencyError
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.mpc_controller.command_output import CommandOutput

REFUSED = {
    -1: 'the goal is invalid',
    -2: 'its joints are not those of the controller',
    -3: 'its time stamp is too old: do the clocks agree?',
    -4: 'the arm left its path by more than the tolerance',
    -5: 'the arm did not come to its end within the tolerance',
}
"""What error codes of FollowJointTrajectory's results mean."""

WHOEVER_REPLACES = (0, -1)
"""Codes that goals end with when another has replaced them."""

FAULT_MEMORY = 1.0
"""Time for which the arm holds after a goal that was refused or aborted [s of the machine]."""

Ended = Callable[[int, int, str], None]
"""Callback with a goal's status of `GoalStatus`, STATUS_UNKNOWN for one that was not accepted,
its error code and its text."""


class ActionServerLink:
    """A server of control_msgs/FollowJointTrajectory, as joint_trajectory_controller is one."""

    def __init__(self, node: Node, name: str) -> None:
        """Look for the action of a name.

        Raises:
            MissingDependencyError: if control_msgs is not installed.
        """
        try:
            action: Any = import_module('control_msgs.action').FollowJointTrajectory
        except ImportError as error:
            raise MissingDependencyError(
                'output follow_joint_trajectory needs control_msgs: apt install '
                f'ros-$ROS_DISTRO-control-msgs, or set output to joint_trajectory ({error})'
            ) from error
        self._node, self._goal = node, action.Goal
        self._client: Any = ActionClient(node, action, name)
        self.name = node.resolve_topic_name(name)

    def is_ready(self) -> bool:
        """Tell whether it is there."""
        return bool(self._client.server_is_ready())

    def send(self, trajectory: JointTrajectory, ended: Ended) -> None:
        """Give it a goal; `ended` is called when that has ended or was not accepted."""

        def answered(future: Any) -> None:
            handle = future.result()
            if not handle.accepted:
                ended(GoalStatus.STATUS_UNKNOWN, 0, '')
                return
            handle.get_result_async().add_done_callback(finished)

        def finished(future: Any) -> None:
            answer = future.result()
            ended(int(answer.status), int(answer.result.error_code), answer.result.error_string)

        goal = self._goal(trajectory=trajectory)
        self._client.send_goal_async(goal).add_done_callback(answered)

    def has_rivals(self) -> bool:
        """Tell whether another node gives it goals, too."""
        return int(self._node.count_clients(f'{self.name}/_action/send_goal')) > 1

    def close(self) -> None:
        """Give it up."""
        self._client.destroy()


class TrajectoryActionOutput(CommandOutput):
    """For a FollowJointTrajectory action server, which follows each plan by itself.

    Each goal replaces the one before, which then ends as the server likes to call it. That a goal
    was not accepted, or that the arm left its path, counts of every goal; any other end of the
    newest counts unless it has succeeded.
    """

    def __init__(
        self,
        server: ActionServerLink,
        arm: ArmDescription,
        prefix: str,
        sends_efforts: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send nothing yet.

        Args:
            server: Server that is given the goals.
            arm: Arm that is commanded.
            prefix: Prefix of its joints' names in commands.
            sends_efforts: Callable that tells whether trajectories carry feed-forward torques,
                asked for each.
            clock: Clock of the machine [s].
        """
        super().__init__(arm)
        self._server, self._clock = server, clock
        self._joints, self._sends_efforts = [prefix + j for j in arm.joints], sends_efforts
        self._newest, self._complaint = 0, (-FAULT_MEMORY, '')
        self._answers = threading.Lock()

    def send(self, plan: Plan, epoch: int = 0) -> str:
        """See `CommandOutput.send`."""
        if not self._server.is_ready():
            return (
                f'nobody serves the action {self._server.name}: is the controller active, and is '
                'that its name (trajectory_action)?'
            )
        return super().send(plan, epoch)

    def _tell(self, plan: Plan) -> None:
        with self._answers:
            self._newest += 1
            number = self._newest
        trajectory = convert.trajectory_message(plan, self._joints, self._sends_efforts())
        self._server.send(trajectory, lambda *end: self._ended(number, *end))

    def fault(self) -> str:
        """See `CommandOutput.fault`."""
        with self._answers:
            then, reason = self._complaint
        return reason if self._clock() - then < FAULT_MEMORY else ''

    def rivals(self) -> str:
        """See `CommandOutput.rivals`."""
        if not self._server.has_rivals():
            return ''
        return f'another node gives goals to {self._server.name}'

    def close(self) -> None:
        """See `CommandOutput.close`."""
        self._server.close()

    def _ended(self, number: int, status: int, code: int, text: str) -> None:
        with self._answers:
            is_replaced = number < self._newest and code in WHOEVER_REPLACES
            if status == GoalStatus.STATUS_UNKNOWN:
                reason = 'a trajectory was not accepted'
            elif status == GoalStatus.STATUS_SUCCEEDED or is_replaced:
                return
            else:
                how = 'cancelled' if status == GoalStatus.STATUS_CANCELED else 'aborted'
                why = '; '.join(filter(None, (REFUSED.get(code, ''), text)))
                reason = f'a trajectory was {how}: {why or f"error code {code}"}'
            self._complaint = self._clock(), f'{self._server.name}: {reason}'
