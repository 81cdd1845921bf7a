"""What the callbacks put into the inbox comes out whole, in order, and wakes who waits."""

import threading
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.msg import ConceptGoal

from concept_control.ros.bridge.conversions import EntitySnapshot
from concept_control.ros.nodes.mpc_controller.inbox import Command, Inbox, JointSample


def sample(stamp):
    return JointSample(stamp, np.zeros(7), np.zeros(7), stamp)


def test_a_joint_state_is_taken_once_and_everything_else_stays():
    inbox, seen = Inbox(), EntitySnapshot(1.0, {}, 3)
    inbox.put(joints=sample(1.0))
    inbox.put(joints=sample(2.0))
    inbox.put(perception=seen)
    inbox.put(attached=True)
    first, second = inbox.take(0.0), inbox.take(0.0)
    assert first.joints.stamp == 2.0 and second.joints is None
    for inputs in (first, second):
        assert inputs.perception is seen and inputs.attached is True


def test_commands_put_by_many_threads_are_taken_once_each():
    inbox, taken = Inbox(), []

    def put(start):
        for number in range(start, start + 200):
            inbox.put_command(Command(ConceptGoal(goal_id=number)))

    threads = [threading.Thread(target=put, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken += inbox.take_commands()
    taken += inbox.take_commands()
    numbers = [command.goal.goal_id for command in taken]
    assert sorted(numbers) == [1000 * i + k for i in range(4) for k in range(200)]
    for i in range(4):
        own = [number for number in numbers if number // 1000 == i]
        assert own == sorted(own)


def test_who_waits_is_woken_by_a_joint_state_and_by_the_end():
    inbox, heard = Inbox(), []

    def work():
        while (inputs := inbox.take(60.0)) is not None:
            heard.append(inputs.joints.stamp)

    worker = threading.Thread(target=work)
    worker.start()
    inbox.put(joints=sample(1.0))
    deadline = time.monotonic() + 10.0
    while not heard and time.monotonic() < deadline:
        time.sleep(0.001)
    inbox.close()
    worker.join(timeout=10.0)
    assert not worker.is_alive() and heard == [1.0]
