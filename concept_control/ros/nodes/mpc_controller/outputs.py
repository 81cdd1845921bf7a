"""Which output sends commands to the arm."""

from __future__ import annotations

from rclpy.node import Node

from concept_control.control.arm.description import ArmDescription
from concept_control.ros.nodes.mpc_controller.command_output import (
    CommandOutput,
    StreamedOutput,
    TrajectoryOutput,
)
from concept_control.ros.nodes.mpc_controller.parameters import ACTION_OUTPUT, Parameters
from concept_control.ros.nodes.mpc_controller.trajectory_action import (
    ActionServerLink,
    TrajectoryActionOutput,
)


def make_output(node: Node, arm: ArmDescription, p: Parameters) -> CommandOutput:
    """Return the output that the parameters ask for.

    Raises:
        MissingDependencyError: If it needs messages that are not installed.
    """
    if p.output == 'joint_trajectory':
        return TrajectoryOutput(node, arm, p.joint_prefix, lambda: p.send_efforts)
    if p.output == ACTION_OUTPUT:
        server = ActionServerLink(node, p.trajectory_action)
        return TrajectoryActionOutput(server, arm, p.joint_prefix, lambda: p.send_efforts)
    return StreamedOutput(node, arm, p.output == 'effort')
