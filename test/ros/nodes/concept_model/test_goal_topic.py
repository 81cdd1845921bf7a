"""`concept_goal` as those see it who start late: the goal in progress, or that there is none."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus, ConceptTerm
from rclpy.executors import SingleThreadedExecutor
from waiting import wait

from concept_control.ros.bridge import qos
from concept_control.ros.bridge.drawings import FIRST_ID
from concept_control.ros.nodes.concept_model.goal_topic import GoalTopic


class Peer:
    """A `concept_model` reduced to its goals, and a controller reduced to its statuses."""

    def __init__(self):
        rclpy.init(args=[])
        self.nodes = [rclpy.create_node('model'), rclpy.create_node('arm')]
        self.executor = SingleThreadedExecutor()
        for node in self.nodes:
            self.executor.add_node(node)
        self.topic = GoalTopic(self.nodes[0], 'world')
        self._tells = self.nodes[1].create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        self.until(lambda: self._tells.get_subscription_count() == 1)

    def until(self, condition):
        def met():
            self.executor.spin_once(timeout_sec=0)
            return condition()

        wait(met)

    def achieve(self, command_id='a'):
        goal = ConceptGoal(expression='near(red; blue)', terms=[ConceptTerm(name='near')])
        self.topic.achieve(goal, command_id)
        return goal.goal_id

    def ask(self, command, command_id=''):
        self.topic.tell(ConceptCommand(command=command, command_id=command_id))

    def tell(self, status, goal_id, command_id='a'):
        heard = []
        subscription = self.nodes[0].create_subscription(
            ConceptStatus, 'concept_status', heard.append, qos.RELIABLE
        )
        self.until(lambda: self._tells.get_subscription_count() == 2)
        self._tells.publish(
            ConceptStatus(source='arm', status=status, goal_id=goal_id, command_id=command_id)
        )
        self.until(lambda: heard)
        self.nodes[0].destroy_subscription(subscription)
        self.until(lambda: self._tells.get_subscription_count() == 1)

    def late(self):
        """What somebody hears who starts now."""
        heard = []
        subscription = self.nodes[1].create_subscription(
            ConceptGoal, 'concept_goal', heard.append, qos.LATCHED_INPUT
        )
        self.until(lambda: heard)
        self.nodes[1].destroy_subscription(subscription)
        (goal,) = heard
        return goal.command, goal.goal_id, [term.name for term in goal.terms]


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.executor.shutdown()
    for node in peer.nodes:
        node.destroy_node()
    rclpy.shutdown()


def test_a_goal_is_there_until_its_end_is_told(peer):
    number = peer.achieve()
    peer.tell(ConceptStatus.ACTIVE, number)
    peer.tell(ConceptStatus.SATISFIED, number - 1)
    assert peer.late() == (ConceptCommand.ACHIEVE, number, ['near'])
    peer.tell(ConceptStatus.SATISFIED, number)
    assert peer.late() == (ConceptGoal.ENDED, number, [])
    assert peer.achieve() == number + 1
    assert peer.late() == (ConceptCommand.ACHIEVE, number + 1, ['near'])


def test_a_pause_carries_the_goal_and_after_a_cancel_nothing_does(peer):
    number = peer.achieve()
    peer.ask(ConceptCommand.PAUSE)
    assert peer.late() == (ConceptCommand.PAUSE, number, ['near'])
    peer.ask(ConceptCommand.CANCEL, 'of another')
    peer.ask(ConceptCommand.RESUME)
    assert peer.late() == (ConceptCommand.RESUME, number, ['near'])
    peer.ask(ConceptCommand.CANCEL, 'a')
    assert peer.late() == (ConceptCommand.CANCEL, number, [])
    peer.ask(ConceptCommand.RESUME)
    assert peer.late() == (ConceptCommand.RESUME, number, [])
    peer.tell(ConceptStatus.CANCELLED, number)
    assert peer.late() == (ConceptGoal.ENDED, number, [])


def test_goals_that_come_during_a_pause_are_paused_until_the_word_to_resume(peer):
    peer.achieve()
    peer.ask(ConceptCommand.PAUSE)
    number = peer.achieve('b')
    assert peer.late() == (ConceptCommand.PAUSE, number, ['near'])
    peer.ask(ConceptCommand.RESUME)
    number = peer.achieve('c')
    assert peer.late() == (ConceptCommand.ACHIEVE, number, ['near'])


def test_a_drawing_replaces_the_goal(peer):
    number = peer.achieve()
    peer.tell(ConceptStatus.ACTIVE, FIRST_ID + 1, 'b')
    assert peer.late() == (ConceptGoal.ENDED, number, [])


def test_a_restarted_model_counts_on_and_can_cancel_what_is_in_progress(peer):
    peer.tell(ConceptStatus.ACTIVE, 7)
    peer.ask(ConceptCommand.CANCEL, 'a')
    assert peer.late() == (ConceptCommand.CANCEL, 7, [])
    assert peer.achieve() == 8
    peer.tell(ConceptStatus.CANCELLED, 7)
    assert peer.late() == (ConceptCommand.ACHIEVE, 8, ['near'])
