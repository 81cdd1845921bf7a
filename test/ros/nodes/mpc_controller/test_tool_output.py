"""Fingers by an action: a goal for each opening that is new, as soon as somebody serves it."""

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.control.arm.description import ArmDescription
from concept_control.errors import ConceptControlError, MissingDependencyError
from concept_control.ros.nodes.mpc_controller import tool_output
from concept_control.ros.nodes.mpc_controller.tool_output import VacuumOutput, make_tool_output


class Node:
    """Keeps what is published, by topic."""

    def __init__(self):
        self.said = {}

    def create_lifecycle_publisher(self, kind, topic, profile):
        self.said[topic] = []
        return SimpleNamespace(publish=self.said[topic].append)


class Client:
    """Keeps the goals of an action that nobody serves at first."""

    def __init__(self, node, action, name):
        self.name, self.goals, self.is_there = name, [], False

    def server_is_ready(self):
        return self.is_there

    def send_goal_async(self, goal):
        self.goals.append(goal)


def wanted(opening, attached=None):
    return SimpleNamespace(opening=opening, attached=attached, suction=False)


def test_each_opening_is_one_goal_and_what_is_held_is_said_once(monkeypatch):
    action = SimpleNamespace(Goal=lambda command: command)
    monkeypatch.setattr(
        tool_output, 'import_module', lambda _: SimpleNamespace(ParallelGripperCommand=action)
    )
    monkeypatch.setattr(tool_output, 'ActionClient', Client)
    node = Node()
    arm, angles = ArmDescription.load('franka_gripper'), [0.8, 0.0]
    tool = make_tool_output(node, arm, 'hand/move', 'jaw', angles)
    tool.send(wanted(float('nan')))
    tool.send(wanted(0.06))
    tool._client.is_there = True
    for opening, attached in ((0.06, False), (0.06, False), (0.0, True), (0.0, True)):
        tool.send(wanted(opening, attached))
    assert [g.name for g in tool._client.goals] == [['jaw']] * 2
    assert [g.position[0] for g in tool._client.goals] == pytest.approx([0.2, 0.8])
    assert [m.data for m in node.said['gripper_command']] == [0.06, 0.06, 0.06, 0.0, 0.0]
    assert [m.data for m in node.said['suction_state']] == [True]


def test_without_its_messages_the_action_is_refused_and_other_tools_need_none(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(tool_output, 'import_module', missing)
    with pytest.raises(MissingDependencyError, match='gripper_action needs control_msgs'):
        make_tool_output(Node(), ArmDescription.load('franka_gripper'), 'hand/move', 'jaw', [0, 0])
    assert isinstance(
        make_tool_output(Node(), ArmDescription.load('franka'), 'hand/move', 'jaw', [0, 0]),
        VacuumOutput,
    )


@pytest.mark.parametrize('positions', [[0.4], [0.4, 0.4], [0.0, float('nan')]])
def test_positions_of_a_gripper_that_say_nothing_are_refused(positions):
    with pytest.raises(ConceptControlError, match='gripper_positions'):
        make_tool_output(
            Node(), ArmDescription.load('franka_gripper'), 'hand/move', 'jaw', positions
        )
