"""Parameters of the controller's node."""

from __future__ import annotations

from dataclasses import dataclass

from concept_control.control.arm.description import INTERFACES
from concept_control.control.planners.registry import PLANNERS
from concept_control.energy.model import ENERGIES
from concept_control.ros.runtime.parameters import parameter

ACTION_OUTPUT = 'follow_joint_trajectory'
"""Output by the action of that name of control_msgs, which need not be installed otherwise."""


@dataclass
class Parameters:
    """Parameters of the node."""

    autostart: bool = parameter(
        True, 'configure and activate at the start; else wait for transitions'
    )
    arm: str = parameter('franka', 'name of a shipped arm or path of an arm YAML')
    joint_prefix: str = parameter('', "prefix of the arm's joints in joint states and commands")
    frame: str = parameter('world', 'fixed frame of the entities')
    model: str = parameter('', 'folder or file of the trained model; empty: the one shipped')
    energy: str = parameter('agreement', 'energy of the concepts', choices=ENERGIES)
    planner: str = parameter(
        'ilqg',
        'what finds plans; the sampling ones (mppi, cem, predictive_sampling) are for comparison',
        choices=tuple(PLANNERS),
    )
    pushes: bool = parameter(
        False,
        'push blocks over the table instead of carrying them (experimental); an arm that '
        'has no gripper pushes anyway',
    )
    output: str = parameter(
        'joint_trajectory',
        'what the arm is sent: plans for a joint_trajectory_controller, on its topic or by its '
        'action, or positions or torques for a forward_command_controller, one for each joint '
        'state',
        choices=(*INTERFACES, ACTION_OUTPUT),
    )
    trajectory_action: str = parameter(
        'joint_trajectory_controller/follow_joint_trajectory',
        'name of the action (control_msgs) where output is follow_joint_trajectory',
    )
    gripper_action: str = parameter(
        '',
        'name of a ParallelGripperCommand action (control_msgs) that moves the fingers; empty: '
        'the topic gripper_command alone',
    )
    gripper_joint: str = parameter('gripper', 'name of the joint in goals of that action')
    gripper_positions: list[float] = parameter(
        [0.0, 0.0],
        'positions of that joint with the fingers closed and wide open [m or rad]; both zero: its '
        'position is the opening',
    )
    send_efforts: bool = parameter(
        True,
        'send feed-forward torques with trajectories; some controllers of arms refuse them',
        is_live=True,
    )
    publish_tf: bool = parameter(
        False,
        'publish robot_description, and TF of links and tool, for an arm that no '
        'robot_state_publisher speaks for',
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


def cross_check(p: Parameters) -> str:
    """Say what is wrong with the parameters together."""
    if p.status_rate > p.control_rate:
        return (
            f'status_rate ({p.status_rate:g}) must not be above control_rate '
            f'({p.control_rate:g}): a status tells of a plan'
        )
    return ''
