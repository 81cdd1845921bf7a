"""The action `achieve_concept`: goals can be recorded, execute, time out and end with the node."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from action_msgs.msg import GoalStatus as ActionStatus
from concept_control.action import AchieveConcept
from concept_control.msg import ConceptCommand, ConceptStatus
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from waiting import wait

from concept_control.interfaces.constants import ACHIEVE_ACTION, GoalStatus, Outcome
from concept_control.ros.bridge import qos
from concept_control.ros.nodes.concept_model import achieve_server
from concept_control.ros.nodes.concept_model.achieve_server import AchieveServer


class Bench:
    """The server on a node, a client of it and whoever records what is commanded."""

    def __init__(self):
        rclpy.init()
        self.executor, self.given, self.recorded = SingleThreadedExecutor(), [], []
        self.node, self.peer = rclpy.create_node('served'), rclpy.create_node('client')
        for node in (self.node, self.peer):
            self.executor.add_node(node)
        self.server = AchieveServer(self.node, self.given.append)
        self.client = ActionClient(self.peer, AchieveConcept, ACHIEVE_ACTION)
        self.peer.create_subscription(
            ConceptCommand, 'concept_command', self.recorded.append, qos.RELIABLE
        )

    def spin_until(self, condition):
        wait(lambda: self.executor.spin_once(timeout_sec=0.01) or condition(), deadline=30)

    def ask(self, **goal):
        self.spin_until(self.client.server_is_ready)
        sent = self.client.send_goal_async(AchieveConcept.Goal(**goal))
        self.spin_until(sent.done)
        return sent.result(), sent.result().get_result_async()

    def say(self, status):
        message = ConceptStatus(status=status, command_id=self.given[0].command_id, text='so')
        self.server.hear(message)

    def close(self):
        self.server.close()
        for node in (self.node, self.peer):
            node.destroy_node()
        rclpy.shutdown()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_a_goal_is_published_as_a_command_and_executing_when_the_arm_begins(bench):
    handle, answer = bench.ask(expression='near(red; blue)', seed=4)
    bench.spin_until(lambda: bench.recorded)
    (heard,) = bench.recorded
    assert (heard.command, heard.expression, heard.seed) == (0, 'near(red; blue)', 4)
    assert heard == bench.given[0] and bench.server.is_own(heard)
    assert not bench.server.is_own(ConceptCommand(command_id='of another'))
    assert handle.status == ActionStatus.STATUS_ACCEPTED
    bench.say(GoalStatus.ACTIVE)
    bench.spin_until(lambda: handle.status == ActionStatus.STATUS_EXECUTING)
    bench.say(GoalStatus.SATISFIED)
    bench.spin_until(answer.done)
    assert answer.result().status == ActionStatus.STATUS_SUCCEEDED
    assert answer.result().result.text == 'so'


def test_a_cancel_is_published_too_and_ends_a_goal_that_executes(bench):
    handle, answer = bench.ask(expression='near(red; blue)')
    bench.say(GoalStatus.ACTIVE)
    handle.cancel_goal_async()
    bench.spin_until(lambda: len(bench.recorded) == 2)
    assert bench.recorded[1].command == ConceptCommand.CANCEL
    bench.say(GoalStatus.CANCELLED)
    bench.spin_until(answer.done)
    assert answer.result().status == ActionStatus.STATUS_CANCELED


def test_a_cancel_that_nobody_confirms_ends_while_the_clock_stands_still(bench, monkeypatch):
    monkeypatch.setattr(achieve_server, 'CANCEL_PATIENCE', 0.2)
    bench.node.set_parameters([Parameter('use_sim_time', value=True)])
    handle, answer = bench.ask(expression='near(red; blue)')
    bench.say(GoalStatus.ACTIVE)
    handle.cancel_goal_async()
    bench.spin_until(answer.done)
    result = answer.result().result
    assert result.error == Outcome.CANCELLED and 'no controller has confirmed' in result.text


def test_a_timeout_goes_on_where_nobody_publishes_the_clock(bench, monkeypatch):
    monkeypatch.setattr(achieve_server, 'STANDSTILL', 0.2)
    monkeypatch.setattr(achieve_server, 'CANCEL_PATIENCE', 0.2)
    bench.node.set_parameters([Parameter('use_sim_time', value=True)])
    _, answer = bench.ask(expression='near(red; blue)', timeout=0.5)
    bench.spin_until(answer.done)
    assert answer.result().result.error == Outcome.TIMED_OUT


@pytest.mark.parametrize('has_begun', [False, True])
def test_who_waits_is_told_when_the_node_is_stopped(bench, has_begun):
    _, answer = bench.ask(expression='near(red; blue)')
    if has_begun:
        bench.say(GoalStatus.ACTIVE)
    bench.server.close()
    bench.spin_until(answer.done)
    assert answer.result().result.error == Outcome.SHUT_DOWN
    assert 'was stopped' in answer.result().result.text
    bench.server.close = lambda: None
