"""What holds blocks is told here: a vacuum, or how far fingers shall open.

`gripper_command` is a topic, or with the parameter `gripper_action` a ParallelGripperCommand
action; control_msgs is needed only for that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from rclpy.action import ActionClient
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64

from concept_control.control.arm.description import ArmDescription
from concept_control.control.controller import ControlOutput
from concept_control.errors import ConceptControlError, MissingDependencyError
from concept_control.ros.bridge import qos


class VacuumOutput:
    """Switches a vacuum."""

    def __init__(self, node: LifecycleNode) -> None:
        """Make the publisher of a node."""
        self._node = node
        self._command = node.create_lifecycle_publisher(Bool, 'suction_command', qos.RELIABLE)

    def send(self, output: ControlOutput) -> None:
        """Tell it; called by the planning thread after each control period."""
        self._command.publish(Bool(data=output.suction))

    def close(self) -> None:
        """Tell it nothing more."""
        self._node.destroy_lifecycle_publisher(self._command)


class FingerOutput:
    """Opens and closes fingers, and says for them on `suction_state` whether they hold something.

    A gripper's driver tells how far it is open; what that means is known here.
    """

    def __init__(self, node: LifecycleNode) -> None:
        """Make the publishers of a node."""
        self._node, self._is_holding = node, False
        self._command = node.create_lifecycle_publisher(Float64, 'gripper_command', qos.RELIABLE)
        self._state = node.create_lifecycle_publisher(Bool, 'suction_state', qos.LATCHED)

    def send(self, output: ControlOutput) -> None:
        """Tell it; called by the planning thread after each control period."""
        if np.isfinite(output.opening):
            self._move(output.opening)
        if output.attached is not None and output.attached != self._is_holding:
            self._is_holding = output.attached
            self._state.publish(Bool(data=self._is_holding))

    def _move(self, opening: float) -> None:
        self._command.publish(Float64(data=opening))

    def close(self) -> None:
        """Tell it nothing more."""
        for publisher in (self._command, self._state):
            self._node.destroy_lifecycle_publisher(publisher)


class FingerAction(FingerOutput):
    """Gives the openings as goals to a control_msgs/ParallelGripperCommand action, too.

    Its goals are positions of the gripper's joint, which may be an angle, or one finger's way.
    """

    def __init__(
        self, node: LifecycleNode, name: str, joint: str, positions: Sequence[float], widest: float
    ) -> None:
        """Look for the action of a name, which moves a joint.

        Args:
            node: Node that commands.
            name: Name of the action.
            joint: Name of the joint in its goals.
            positions: Positions of the joint with the fingers closed and wide open [m or rad]; of
                two zeros, the joint's position is the opening.
            widest: Opening of the fingers that are wide open [m].

        Raises:
            MissingDependencyError: if control_msgs is not installed.
            ConceptControlError: if the positions are not two that differ, or two zeros.
        """
        if len(positions) != 2 or not np.isfinite(positions).all():
            raise ConceptControlError(
                'gripper_positions must be two numbers, of the joint with the fingers closed and '
                f'wide open, got {list(positions)}'
            )
        if any(positions) and positions[0] == positions[1]:
            raise ConceptControlError(
                f'gripper_positions are both {positions[0]}: closed and wide open must differ'
            )
        self._positions = tuple(positions) if any(positions) else (0.0, widest)
        self._widest = widest
        try:
            action: Any = import_module('control_msgs.action').ParallelGripperCommand
        except (ImportError, AttributeError) as error:
            raise MissingDependencyError(
                'gripper_action needs control_msgs: apt install ros-$ROS_DISTRO-control-msgs, or '
                f'leave it empty and listen to gripper_command ({error})'
            ) from error
        super().__init__(node)
        self._goal, self._joint, self._last = action.Goal, joint, float('nan')
        self._client: Any = ActionClient(node, action, name)

    def _move(self, opening: float) -> None:
        super()._move(opening)
        if opening != self._last and self._client.server_is_ready():
            self._last = opening
            share, (closed, wide) = opening / self._widest, self._positions
            position = float((1.0 - share) * closed + share * wide)
            wanted = JointState(name=[self._joint], position=[position])
            self._client.send_goal_async(self._goal(command=wanted))

    def close(self) -> None:
        """Tell it nothing more."""
        super().close()
        self._client.destroy()


def make_tool_output(
    node: LifecycleNode, arm: ArmDescription, action: str, joint: str, positions: Sequence[float]
) -> VacuumOutput | FingerOutput:
    """Return what tells an arm's tool; `action` is the name of its action, empty for the topic.

    Raises:
        MissingDependencyError: If it needs messages that are not installed.
        ConceptControlError: If the joint's positions say nothing.
    """
    if arm.fingers is None:
        return VacuumOutput(node)
    if not action:
        return FingerOutput(node)
    return FingerAction(node, action, joint, positions, arm.fingers.opening)
