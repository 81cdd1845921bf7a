"""`mpc_controller` in this process: its life cycle, and what it does when its inputs go wrong."""

import threading
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import chain

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptStatus,
    DrawCommand,
    EntityArray,
)
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64
from trajectory_msgs.msg import JointTrajectory
from waiting import wait

from concept_control.benchmarks.graph.sane_messages import sane_messages
from concept_control.concepts import vocabulary
from concept_control.control.controller import Status
from concept_control.interfaces.constants import GoalStatus
from concept_control.policy.drawing import load_strokes
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import drawings, qos
from concept_control.ros.nodes.mpc_controller.node import MpcController


@cache
def near_code(model):
    return model.infer(vocabulary()['near'].demonstrations(seed=3)).to_array()


class Controller(MpcController):
    """Works when told to, and remembers what it said."""

    def _work(self):
        pass

    def on_configure(self, state):
        self.sent, self.said, self.coasted, self.now, self.up = [], [], [], 50.0, 0.0
        result = super().on_configure(state)
        self.controller.is_in_time = lambda delay: True  # however slow this machine is
        return result

    def make_output(self):
        output = super().make_output()
        output.send = self.note_sent
        output.coast = self.note_coast
        return output

    def _now(self):
        return self.now

    def note_sent(self, plan, epoch):
        self.sent.append(plan)
        return ''

    def uptime(self):
        return self.up

    def note_coast(self, time):
        self.coasted.append(time)

    def publish_status(self, status):
        self.said.append(status)

    @property
    def goal(self):
        return self._loop._status.goal


@pytest.fixture
def make():
    nodes = []

    def started(autostart=True, **parameters):
        values = {'autostart': str(autostart).lower()} | parameters
        pairs = (('-p', f'{name}:={value}') for name, value in values.items())
        rclpy.init(args=['--ros-args', *chain.from_iterable(pairs)])
        nodes.append(Controller())
        return nodes[-1]

    yield started
    for node in nodes:
        node.close()
        node.destroy_node()
    rclpy.try_shutdown()


class Peer:
    """Says what an arm, perception and a concept model would."""

    def __init__(self, node):
        self.node = node
        self.examples = {type(m): m for m in sane_messages(node.arm.joints).values()}

    def joints(self, time, **changes):
        """Say where the arm is; a new beginning is said until it is believed."""
        last = self.node._joint_check._last
        if last is None or time < last.stamp:
            self.node.up += 2.0
            for early in (0.002, 0.001):
                self.say_joints(self.joint_state(time - early, **changes))
        self.node.up += 0.02
        self.say_joints(self.joint_state(time, **changes))
        self.node.work_once()

    def say_joints(self, message, gid=b'arm'):
        self.node._on_joints(message, {'publisher_gid': {'data': gid}})

    def joint_state(self, time, **changes):
        message = deepcopy(self.examples[JointState])
        message.header.stamp = convert.stamp(time)
        message.position = self.node.arm.home.tolist()
        for name, value in changes.items():
            setattr(message, name, value)
        return message

    def entities(self, time, session=0):
        message = deepcopy(self.examples[EntityArray])
        message.header.stamp, message.session = convert.stamp(time), session
        self.node._on_entities(message)

    def goal(self, number=1, **changes):
        message = deepcopy(self.examples[ConceptGoal])
        message.model, message.goal_id = self.node.model.fingerprint, number
        message.terms[0].code = near_code(self.node.model)
        for name, value in changes.items():
            setattr(message, name, value)
        self.node._on_goal(message)

    def wait(self, duration):
        """Let the node's clock go on without a joint state."""
        self.node.now += duration
        self.node.work_once()

    def last(self):
        return self.node.said[-1]


def busy(make):
    node = make()
    peer = Peer(node)
    peer.entities(1.0)
    peer.goal()
    for step in range(5):
        peer.joints(1.0 + 0.02 * step)
    assert node.controller.status is Status.ACTIVE and node.sent
    return node, peer


def test_inactive_means_no_commands(make):
    node = make(autostart=False)
    node.trigger_configure()
    peer = Peer(node)
    peer.entities(1.0)
    peer.goal()
    peer.joints(1.0, velocity=[0.1] * node.arm.num_joints)
    assert node.sent == []
    assert node.said[0].status == ConceptStatus.REFUSED and 'not active' in node.said[0].text
    assert peer.last().phase == 'inactive'
    node.trigger_activate()
    peer.goal(2)
    peer.joints(1.1)
    assert node.sent and peer.last().status == ConceptStatus.ACTIVE
    node.sent.clear()
    node.health.joints_heard()  # just now, however slow this machine is
    node.trigger_deactivate()
    (brake,) = node.sent
    assert not brake.velocities[-1].any()
    peer.joints(1.5)
    assert len(node.sent) == 1 and peer.last().phase == 'inactive'
    node.trigger_cleanup()
    node.trigger_configure()
    node.trigger_activate()
    Peer(node).joints(5.0)
    assert node.controller.status is Status.IDLE


def test_a_clock_that_jumps_back_ends_the_task_with_the_reason(make):
    node, peer = busy(make)
    # Until joint states are believed again, a clock that has come past the last one tells no age.
    count = len(node.sent)
    for node.now in (0.01, 50.2):
        peer.wait(0.0)
    assert len(node.sent) == count and not max(node.coasted) > 0.0
    peer.joints(0.2)
    assert peer.last().status == ConceptStatus.CANCELLED and 'jumped back' in peer.last().text
    peer.entities(0.3)
    peer.goal(2)
    peer.joints(0.4)
    assert peer.last().status == ConceptStatus.ACTIVE


def test_an_arm_whose_driver_was_started_again_waits_for_a_command(make):
    """Though its clock is later than the last one heard, and its arm within reach."""
    node, peer = busy(make)
    node.up += 2.0
    home = node.arm.home + 0.05
    for stamp in (1.9, 1.91, 1.92):
        peer.say_joints(peer.joint_state(stamp, position=home.tolist()), b'again')
    node.work_once()
    assert peer.last().status == ConceptStatus.CANCELLED and 'began anew' in peer.last().text
    np.testing.assert_allclose(node.sent[-1].positions[0], home)


def test_a_clock_that_jumps_ahead_holds_until_entities_are_of_now(make):
    _, peer = busy(make)
    peer.joints(500.0)
    peer.joints(500.02)
    assert peer.last().phase == 'hold' and 'entities are' in peer.last().text
    peer.entities(500.03)
    peer.joints(500.04)
    assert peer.last().status == ConceptStatus.ACTIVE and peer.last().phase != 'hold'


def test_joint_states_that_stop_are_told(make):
    node, peer = busy(make)
    node.said.clear()
    node.health._joints_heard -= 10.0
    peer.wait(0.0)
    assert 'joint states stopped 10' in peer.last().text
    assert peer.last().status == ConceptStatus.ACTIVE and len(node.coasted) == 1
    report = node._report()
    assert 'joint states stopped' in report.error
    assert report.values['fallback: joint states stopped'] == 1
    peer.joints(11.0)
    assert not node._report().error


def test_joint_states_that_stop_while_time_goes_on_brake_the_arm(make):
    node, peer = busy(make)
    moving = [0.2] + [0.0] * (node.arm.num_joints - 1)
    peer.joints(1.1, velocity=moving)
    peer.entities(1.1)
    sent = len(node.sent)
    peer.wait(0.05)
    assert len(node.sent) == sent
    for _ in range(3):
        peer.wait(0.1)
    (brake,) = node.sent[sent:]
    assert 1.2 < brake.stamp <= 1.25 and not brake.velocities[-1].any()
    np.testing.assert_allclose(node.coasted, [1.15, 1.25, 1.35, 1.45])
    assert peer.last().status == ConceptStatus.ACTIVE and peer.last().phase == 'hold'
    assert 'joint states stopped 0.' in peer.last().text and 'holding' in peer.last().text
    node.said.clear()
    peer.joints(1.5)
    assert peer.last().phase != 'hold' and 'stopped' not in peer.last().text
    assert len(node.sent) == sent + 2


def test_joint_states_that_are_none_are_named_in_diagnostics(make):
    node, peer = busy(make)
    peer.joints(2.0, position=[float('nan')] * node.arm.num_joints)
    assert node._report().values['fallback: joint states refused'] == 1


def test_a_second_publisher_of_joint_states_makes_the_arm_hold(make):
    """The other one says that the arm is far away, and moves fast."""
    node, peer = busy(make)
    home, stamp = node.arm.home, 1.1
    node.sent.clear()
    for _ in range(30):
        stamp += 0.01
        wrong = peer.joint_state(
            stamp, position=(home + 0.6).tolist(), velocity=[1.0] * node.arm.num_joints
        )
        peer.say_joints(wrong, b'other')
        peer.joints(stamp)
    # One brake along the plan in progress, and nothing that begins where the arm is not.
    assert len(node.sent) == 1 and np.abs(node.sent[0].positions - home).max() < 0.2
    assert 'both publish' in peer.last().text and peer.last().phase == 'hold'
    report = node._report()
    assert 'the arm holds' in report.error and 'both publish' in report.warning
    assert report.values['fallback: joint states refused'] == 30
    node.up += 2.0
    node.sent.clear()
    for _ in range(30):
        stamp += 0.01
        peer.joints(stamp)
    assert node.sent and peer.last().status == ConceptStatus.ACTIVE
    assert 'refused' not in peer.last().text


def test_another_controller_of_the_arm_is_named_and_the_arm_holds(make):
    node, peer = busy(make)
    other = rclpy.create_node('teleoperation')
    other.create_publisher(ConceptGoal, 'concept_goal', qos.LATCHED)
    publisher = other.create_publisher(JointTrajectory, 'joint_trajectory', 10)
    wait(lambda: node.look_for_rivals() or node.health.rivals)
    peer.joints(1.2)
    assert peer.last().phase == 'hold' and '/teleoperation also publishes' in peer.last().text
    assert '/teleoperation' in node._report().error
    other.destroy_publisher(publisher)
    wait(lambda: node.look_for_rivals() or not node.health.rivals)
    peer.joints(1.3)
    assert peer.last().phase != 'hold' and not node._report().error
    other.destroy_node()


def test_the_arm_holds_while_who_gave_the_goal_is_gone_or_its_controller_complains(make):
    node, peer = busy(make)
    other = rclpy.create_node('concept_model')

    def give_goals():
        publisher = other.create_publisher(ConceptGoal, 'concept_goal', qos.LATCHED)
        wait(publisher.get_subscription_count)
        return publisher

    def spin_until(is_abandoned):
        wait(lambda: node.look_for_rivals() or node._is_abandoned == is_abandoned)

    other.destroy_publisher(give_goals())
    spin_until(True)
    peer.joints(1.2)
    assert peer.last().phase == 'hold' and 'concept_model' in peer.last().text
    assert peer.last().status == ConceptStatus.ACTIVE and 'start it again' in node._report().error
    give_goals()
    spin_until(False)
    peer.joints(1.3)
    assert peer.last().phase != 'hold' and not node._report().error
    node._output.fault = lambda: 'a trajectory was aborted'
    peer.joints(1.4)
    assert 'a trajectory was aborted: holding' in peer.last().text
    other.destroy_node()


def test_joint_states_of_another_device_are_none_of_the_arms(make):
    node = make()
    peer = Peer(node)
    peer.say_joints(JointState(name=['finger'], position=[0.02]))
    node.health._born -= 10.0
    peer.wait(0.0)
    for text in (peer.last().text, node._report().error):
        assert text.startswith('no joint states yet; what comes on joint_states names finger')
    assert 'fallback: joint states refused' not in node._report().values
    peer.joints(1.0, position=[float('nan')] * node.arm.num_joints)
    assert 'joint_states hold NaN' in node._report().warning
    assert 'last one was refused: joint_states hold NaN' in node.health.why_silent


def test_a_driver_without_velocities_and_with_a_prefix_is_served_and_this_is_said(make):
    node = make(joint_prefix='left_')
    peer = Peer(node)
    peer.entities(1.0)
    peer.goal()
    for step in range(5):
        names = [f'left_{joint}' for joint in node.arm.joints]
        peer.joints(1.0 + 0.02 * step, velocity=[], name=names)
    assert node.controller.status is Status.ACTIVE and node.sent
    assert 'differences of positions' in node._report().values['assumption 1']
    assert node._output._joints == names


def test_a_vacuum_driver_that_does_not_latch_is_heard(make):
    node = make()
    driver = rclpy.create_node('vacuum')
    publisher = driver.create_publisher(Bool, 'suction_state', qos_profile_sensor_data)

    def is_heard():
        publisher.publish(Bool(data=True))
        rclpy.spin_once(node, timeout_sec=0.05)
        return node._inbox._newest.attached

    wait(is_heard)
    driver.destroy_node()


def test_fingers_are_told_how_far_to_open_and_what_they_hold_is_said(make):
    node, told, held = make(arm='franka_gripper'), [], []
    driver = rclpy.create_node('gripper')
    driver.create_subscription(Float64, 'gripper_command', told.append, qos.RELIABLE)
    driver.create_subscription(Bool, 'suction_state', held.append, qos.LATCHED)
    wait(lambda: node._tool._command.get_subscription_count() == 1)
    peer = Peer(node)
    peer.entities(1.0)
    peer.goal()
    node._on_gripper(Float64(data=0.08))
    node._on_gripper(Float64(data=float('nan')))
    for step in range(5):
        peer.joints(1.0 + 0.02 * step)
    view, last = node.controller._view, node.controller._output(None, 0.0, -1, '')
    assert view.opening == 0.08 and view.attached is False
    assert last.opening == pytest.approx(view.entities[1].width + 0.016)
    node._tool.send(replace(last, opening=0.0, attached=True))

    def is_heard():
        rclpy.spin_once(driver, timeout_sec=0.05)
        return told and told[-1].data == 0.0 and held and held[-1].data

    wait(is_heard)
    assert told[0].data == pytest.approx(last.opening)
    driver.destroy_node()


def test_of_two_commands_the_newer_is_pursued(make):
    node, peer = busy(make)
    node.said.clear()
    peer.goal(2, command_id='b')
    peer.goal(3, command_id='c')
    peer.joints(1.2)
    assert (node.said[0].status, node.said[0].command_id) == (GoalStatus.REPLACED, 'b')
    assert (peer.last().goal_id, peer.last().command_id) == (3, 'c')
    peer.goal(4, command=ConceptCommand.CANCEL)
    peer.joints(1.3)
    assert peer.last().status == ConceptStatus.CANCELLED and peer.last().command_id == 'c'


def test_what_comes_during_a_pause_waits_for_the_word_to_resume(make):
    _, peer = busy(make)
    peer.goal(1, command=ConceptCommand.PAUSE)
    peer.goal(2)
    peer.joints(1.2)
    assert (peer.last().status, peer.last().goal_id) == (ConceptStatus.PAUSED, 2)
    peer.goal(2, command=ConceptCommand.RESUME)
    peer.joints(1.3)
    assert peer.last().status == ConceptStatus.ACTIVE


def test_a_goal_that_ended_is_not_begun_again(make):
    node = make()
    peer = Peer(node)
    peer.entities(1.0)
    peer.goal(5, command=ConceptGoal.ENDED)
    peer.joints(1.0)
    assert node.controller.status is Status.IDLE and peer.last().status == ConceptStatus.IDLE


def test_a_goal_that_was_paused_before_the_start_waits_to_be_resumed(make):
    node = make()
    peer = Peer(node)
    peer.entities(1.0)
    peer.goal(5, command=ConceptCommand.PAUSE)
    peer.joints(1.0)
    assert (peer.last().status, peer.last().goal_id) == (ConceptStatus.PAUSED, 5)
    peer.goal(5, command=ConceptCommand.RESUME)
    peer.joints(1.1)
    assert (peer.last().status, peer.last().goal_id) == (ConceptStatus.ACTIVE, 5)
    peer.goal(5, command=ConceptCommand.PAUSE, terms=[])
    peer.joints(1.2)
    assert peer.last().status == ConceptStatus.PAUSED


def test_who_stops_the_controller_ends_its_goal_and_those_that_wait(make):
    node, peer = busy(make)
    peer.goal(2)
    node.said.clear()
    node.trigger_deactivate()
    told = [(s.status, s.goal_id) for s in node.said]
    assert told == [(ConceptStatus.CANCELLED, 1), (ConceptStatus.REFUSED, 2)]
    assert all('deactivated' in s.text for s in node.said)


def test_a_goal_of_another_session_is_refused_and_one_on_its_way_goes_on(make):
    node, peer = busy(make)
    peer.entities(1.2, session=7)
    peer.joints(1.2)
    assert node.controller.status is Status.ACTIVE and set(node._loop._entities) == {1, 2, 3}
    peer.goal(2)
    peer.joints(1.3)
    refusal = [s for s in node.said if s.status == ConceptStatus.REFUSED][-1]
    assert 'ids anew' in refusal.text and refusal.goal_id == 2
    peer.goal(3, session=7)
    peer.joints(1.4)
    assert peer.last().status == ConceptStatus.ACTIVE and peer.last().goal_id == 3


@pytest.fixture
def gate(monkeypatch):
    """Let drawings be read once the gate is open, as if reading took until then."""
    gate = threading.Event()

    def gated(*arguments, **options):
        assert gate.wait(60.0)
        yield from load_strokes(*arguments, **options)

    monkeypatch.setattr(drawings, 'load_strokes', gated)
    yield gate
    gate.set()


def draw(peer, name, **changes):
    peer.node._on_draw(DrawCommand(figure='circle', command_id=name, size=0.1, **changes))


def test_plans_go_on_while_a_drawing_is_read(make, gate):
    node, peer = busy(make)
    draw(peer, 'drawing')
    sent = len(node.sent)
    for step in range(5):
        peer.joints(1.2 + 0.02 * step)
    assert node.controller.status is Status.ACTIVE and node.goal.goal_id == 1
    assert len(node.sent) > sent
    (told,) = [s for s in node.said if s.command_id == 'drawing']
    assert (told.status, told.phase) == (ConceptStatus.ACTIVE, 'read')
    gate.set()
    wait(lambda: peer.joints(node._loop._last_tick + 0.02) or node.goal.command_id == 'drawing')
    assert node.controller.status is Status.ACTIVE


@pytest.mark.parametrize('way', ['cancelled', 'replaced', 'deactivated', 'clock'])
def test_a_drawing_that_is_no_longer_wanted_is_not_begun_later(make, gate, way):
    node = make()
    peer = Peer(node)
    peer.entities(1.0)
    draw(peer, 'a')
    peer.joints(1.0)
    match way:
        case 'cancelled':
            peer.goal(4, command=ConceptCommand.CANCEL)
        case 'replaced':
            peer.goal(5, command_id='goal')
        case 'deactivated':
            node.trigger_deactivate()
            node.trigger_activate()
        case 'clock':
            peer.joints(0.5)
            peer.entities(0.5)
    now = 0.6 if way == 'clock' else 1.1
    peer.joints(now)
    assert [s.status for s in node.said if s.command_id == 'a'][-1] == ConceptStatus.CANCELLED
    assert (node.controller.status is Status.ACTIVE) == (way == 'replaced')
    gate.set()
    # Drawings are read in turn: once this one is begun, the first has long been read.
    draw(peer, 'b')
    wait(lambda: peer.joints(node._loop._last_tick + 0.02) or node.goal.command_id == 'b')
    told = [s.status for s in node.said if s.command_id == 'a']
    assert told[-1] == ConceptStatus.CANCELLED and told.count(ConceptStatus.ACTIVE) == 1


def test_a_drawing_read_while_paused_waits_and_a_bad_one_is_refused(make, gate):
    node = make()
    peer = Peer(node)
    peer.entities(1.0)
    draw(peer, 'a')
    peer.goal(4, command=ConceptCommand.PAUSE)
    peer.joints(1.0)
    gate.set()
    wait(lambda: peer.joints(node._loop._last_tick + 0.02) or node.goal.command_id == 'a')
    assert node.controller.status is Status.PAUSED
    peer.goal(5, command=ConceptCommand.RESUME)
    peer.joints(node._loop._last_tick + 0.02)
    assert node.controller.status is Status.ACTIVE
    node._on_draw(DrawCommand(figure='no such figure', command_id='b'))
    wait(
        lambda: (
            peer.joints(node._loop._last_tick + 0.02) or peer.last().status > ConceptStatus.ACTIVE
        )
    )
    (refusal,) = [s for s in node.said if s.status == ConceptStatus.REFUSED]
    assert refusal.command_id == 'b' and 'no such figure' in refusal.text


def test_a_drawing_around_an_entity_is_refused_when_perception_has_begun_anew(make, gate):
    node = make()
    peer = Peer(node)
    peer.entities(1.0)
    draw(peer, 'a', around=1)
    peer.joints(1.0)
    peer.entities(1.1, session=7)
    gate.set()
    wait(lambda: peer.joints(node._loop._last_tick + 0.02) or node._loop._reader.wanted is None)
    (refusal,) = [s for s in node.said if s.status == ConceptStatus.REFUSED]
    assert 'ids anew' in refusal.text and node.controller.status is Status.IDLE
