"""The studio beside a running graph: it shows what the nodes publish, and sends expressions."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from waiting import wait

from concept_control.errors import StudioError
from concept_control.language.expression import parse
from concept_control.language.judge import Judge
from concept_control.ros.runtime.simulated_graph import GraphConfig, simulated_graph
from concept_control.studio.arm_messages import Command, Push
from concept_control.studio.ros_link import RosRobot

pytestmark = pytest.mark.whole_machine


def test_a_running_graph_is_watched_and_commanded():
    config = GraphConfig(
        seed=2, blocks=('red', 'blue', 'green'), world='particles', interface='position'
    )
    graph, _ = simulated_graph(config)
    said = []
    with graph:
        robot = RosRobot('', 'franka', said.append)
        with pytest.raises(StudioError, match='no entities were heard'):
            robot.table()
        wait(lambda: robot.is_running and len(robot.table().things) == 3, graph)
        before = robot.table()
        assert [thing.color for thing in before.things] == ['red', 'blue', 'green']
        robot.send(Command('left_of(red; blue)'))
        wait(lambda: robot.state is not None and robot.state.status == 'satisfied', graph)
        assert robot.state.expression == 'left_of(red; blue)' and robot.curve()
        after = robot.table().tabletop()
        assert Judge(parse('left_of(red; blue)'), before.tabletop(), 0.0625)(after).holds
        for request in (Push(1, (0.0, 0.0)), before):
            with pytest.raises(StudioError, match='robot’s'):
                robot.send(request)
        robot.close()
    assert said == []
