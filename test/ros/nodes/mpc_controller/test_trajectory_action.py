"""Plans as goals of an action: what replaces what, and which end is a reason to hold."""

import re
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from action_msgs.msg import GoalStatus
from waiting import wait

from concept_control.control.arm.description import ArmDescription
from concept_control.control.plan import Plan
from concept_control.errors import MissingDependencyError
from concept_control.ros.nodes.mpc_controller.outputs import make_output
from concept_control.ros.nodes.mpc_controller.parameters import ACTION_OUTPUT, Parameters
from concept_control.ros.nodes.mpc_controller.trajectory_action import (
    FAULT_MEMORY,
    TrajectoryActionOutput,
)

ARM = ArmDescription.load('ur5e')
HAS_ACTION = find_spec('control_msgs') is not None
SUCCEEDED, CANCELED, ABORTED, REJECTED = (
    *(GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_CANCELED, GoalStatus.STATUS_ABORTED),
    GoalStatus.STATUS_UNKNOWN,
)


def rest(stamp):
    """A plan to stay at home."""
    zeros = 0.0 * ARM.home
    return Plan(
        stamp, 0.02, np.array([ARM.home] * 4), np.array([zeros] * 4), np.array([zeros] * 3)
    )


class Server:
    """Remembers its goals, which the test ends."""

    name = '/arm/follow_joint_trajectory'

    def __init__(self):
        self.goals, self.is_there, self.has_others = [], True, False

    def is_ready(self):
        return self.is_there

    def has_rivals(self):
        return self.has_others

    def send(self, trajectory, ended):
        self.goals.append((trajectory, ended))

    def end(self, number, status, code=0, text=''):
        self.goals[number][1](status, code, text)


@pytest.fixture
def following():
    """Return a server, the output to it, and a list with the time."""
    server, now = Server(), [100.0]
    output = TrajectoryActionOutput(server, ARM, 'left_', lambda: False, lambda: now[0])
    output.joints(0.0, ARM.home, 0.0 * ARM.home)
    return server, output, now


def test_each_plan_is_a_goal_and_a_replaced_one_may_end_as_the_server_likes(following):
    server, output, _ = following
    for i in range(3):
        assert output.send(rest(0.02 * i)) == ''
    first = server.goals[0][0]
    assert first.joint_names == [f'left_{joint}' for joint in ARM.joints]
    assert not first.points[0].effort and not any(first.points[-1].velocities)
    server.end(0, CANCELED, -1, 'Current goal cancelled due to new incoming action.')
    server.end(1, ABORTED)
    server.end(2, SUCCEEDED)
    assert output.fault() == '' == output.rivals()
    server.has_others = True
    assert output.rivals() == f'another node gives goals to {server.name}'


@pytest.mark.parametrize(
    ('number', 'end', 'words'),
    [
        (0, (REJECTED,), 'was not accepted'),
        (0, (ABORTED, -4, 'joint 3'), 'aborted: the arm left its path .*; joint 3'),
        (1, (ABORTED, -77), 'aborted: error code -77'),
        (1, (CANCELED,), 'cancelled'),
        (1, (ABORTED, -3), 'aborted: its time stamp is too old'),
    ],
)
def test_what_the_server_complains_of_is_a_reason_to_hold_for_a_while(
    following, number, end, words
):
    server, output, now = following
    for i in range(2):
        output.send(rest(0.02 * i))
    server.end(number, *end)
    assert output.fault().startswith(server.name)
    assert re.search(words, output.fault())
    now[0] += FAULT_MEMORY
    assert output.fault() == ''


def test_nothing_leaves_without_a_server_or_past_the_last_check(following):
    server, output, _ = following
    wild = rest(0.0)
    wild = replace(wild, positions=wild.positions + 50.0)
    assert output.send(wild) and not server.goals
    server.is_there = False
    assert f'nobody serves the action {server.name}' in output.send(rest(0.0))
    assert not server.goals


@pytest.fixture
def node():
    rclpy.init(args=[])
    node = rclpy.create_node('controller')
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.skipif(HAS_ACTION, reason='control_msgs is installed')
def test_without_control_msgs_the_package_is_named(node):
    with pytest.raises(MissingDependencyError, match=r'ros-.*-control-msgs'):
        make_output(node, ARM, Parameters(output=ACTION_OUTPUT))


@pytest.mark.skipif(not HAS_ACTION, reason='control_msgs is not installed')
def test_a_real_server_follows_replaces_and_aborts(node):
    from control_msgs.action import FollowJointTrajectory
    from rclpy.action import ActionServer

    parameters = Parameters(output=ACTION_OUTPUT)
    heard = []

    def abort(handle):
        heard.append(handle.request.trajectory)
        handle.abort()
        result = FollowJointTrajectory.Result()
        result.error_code, result.error_string = result.PATH_TOLERANCE_VIOLATED, 'too far'
        return result

    output = make_output(node, ARM, parameters)
    assert 'nobody serves' in output.send(rest(0.0))
    server = ActionServer(node, FollowJointTrajectory, parameters.trajectory_action, abort)
    output.joints(0.0, ARM.home, 0.0 * ARM.home)
    wait(lambda: rclpy.spin_once(node, timeout_sec=0.01) or output.send(rest(0.0)) == '')
    wait(lambda: rclpy.spin_once(node, timeout_sec=0.01) or output.fault())
    assert heard and 'the arm left its path' in output.fault() and 'too far' in output.fault()
    output.close()
    server.destroy()
