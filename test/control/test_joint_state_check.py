"""Which joint states are believed: those the arm can have come to."""

import numpy as np
import pytest

from concept_control.control.arm import ArmDescription
from concept_control.control.joint_state_check import JointStateCheck

ARM = ArmDescription.load('franka')
REST = np.zeros(ARM.num_joints)
PERIOD = 0.005


class Feed:
    """A check, and states that come to it one period after another."""

    def __init__(self, may_follow=True):
        self.check = JointStateCheck(ARM, may_follow=lambda old, new: may_follow)
        self.time = 0.0

    def __call__(self, q, qd=REST, age=0.0, source='arm'):
        self.time += PERIOD
        q = np.asarray(q, dtype=float)
        return self.check.refusal(self.time, self.time - age, q, qd, source)

    def settle(self, q=ARM.home, count=5):
        return [self(q) for _ in range(count)]


def elsewhere(joint=0, by=0.5):
    q = np.array(ARM.home, dtype=float)
    q[joint] += by
    return q


def test_states_are_believed_once_a_few_of_them_agree():
    feed = Feed()
    assert [bool(reason) for reason in feed.settle()] == [True, True, False, False, False]
    assert feed.check.fault(feed.time) == ''


@pytest.mark.parametrize('joint', range(ARM.num_joints))
def test_a_joint_that_moves_as_fast_as_it_may_is_believed_and_a_jump_is_not(joint):
    feed = Feed()
    feed.settle()
    step = ARM.velocity_limits[joint] * PERIOD
    for k in range(1, 20):
        assert feed(elsewhere(joint, -k * step)) == ''
    assert f'{ARM.joints[joint]} cannot have moved 0.3' in feed(elsewhere(joint, -19 * step + 0.3))
    assert feed(elsewhere(joint, -19 * step)) == ''  # the last credible one still counts


@pytest.mark.parametrize('there', [elsewhere(), ARM.home])
def test_a_second_publisher_is_refused_and_keeps_the_arm_in_place(there):
    feed = Feed()
    feed.settle()
    for _ in range(400):
        assert feed(ARM.home) == ''
        assert 'arm and other both publish' in feed(there, source='other')
    assert 'arm and other both publish' in feed.check.fault(feed.time)
    assert feed.check.fault(feed.time + 2.0) == '' and feed.check.epoch == 0


def test_two_publishers_from_the_start_are_never_believed():
    feed = Feed()
    assert all(feed(ARM.home) and feed(elsewhere()) for _ in range(400))


def test_a_publisher_that_was_started_again_is_believed_when_the_first_is_silent():
    feed = Feed()
    feed.settle()
    reasons = [feed(ARM.home, source='arm, again') for _ in range(400)]
    first = next(i for i, reason in enumerate(reasons) if not reason)
    assert feed.check.config.patience <= (first + 1) * PERIOD < 1.2
    assert not any(reasons[first:]) and feed.check.epoch == 1


def test_another_publisher_is_never_believed_while_the_first_is_there_though_silent():
    feed = Feed(may_follow=False)
    feed.settle()
    assert all(feed(ARM.home, source='other') for _ in range(400))
    assert feed(ARM.home) == ''


def test_what_no_arm_can_measure_is_refused():
    feed = Feed()
    feed.settle()
    upper = ARM.position_limits[:, 1]
    assert 'beyond its limit' in feed(upper + 0.5)
    assert 'times its velocity limit' in feed(ARM.home, qd=10 * ARM.velocity_limits)
    assert 'before the last credible one' in feed(ARM.home, age=0.5)
    assert feed(ARM.home) == ''


def test_states_of_another_time_are_believed_when_no_others_come():
    """As of a simulation that began again."""
    feed = Feed()
    feed.settle()
    reasons = [feed(ARM.home, age=500.0) for _ in range(400)]
    first = next(i for i, reason in enumerate(reasons) if not reason)
    assert feed.check.config.patience <= (first + 1) * PERIOD < 1.2
    assert not any(reasons[first:]) and feed.check.epoch == 1


def test_states_elsewhere_are_believed_when_the_arm_can_have_come_there():
    feed = Feed()
    feed.settle()
    reasons = [feed(elsewhere(by=-0.9)) for _ in range(400)]
    first = next(i for i, reason in enumerate(reasons) if not reason)
    assert 0.9 / (1.5 * ARM.velocity_limits[0]) - 0.02 < first * PERIOD < 1.0
    assert not any(reasons[first:])
