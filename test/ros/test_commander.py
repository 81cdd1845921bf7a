"""The client is one import, needs no bags, and turns to a server that was started anew."""

import contextlib
import subprocess
import sys
import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.action import AchieveConcept
from rclpy.action import ActionServer
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from concept_control.interfaces.constants import ACHIEVE_ACTION, Outcome
from concept_control.ros.client import commander


def test_the_client_is_importable_under_both_names_without_rosbags():
    program = (
        "import sys; sys.modules['rosbags'] = None\n"
        'from concept_control.ros.client import ConceptCommander, Outcome\n'
        'from concept_control.ros import commander\n'
        'assert commander.ConceptCommander is ConceptCommander and commander.Outcome is Outcome'
    )
    subprocess.run([sys.executable, '-c', program], check=True)


@contextlib.contextmanager
def server(answer, is_alive=True):
    """Serve the action until the end; one that is not alive is seen and never answers."""
    context = Context()
    rclpy.init(args=[], context=context)
    node = Node('server', context=context)
    action = ActionServer(node, AchieveConcept, ACHIEVE_ACTION, execute_callback=answer)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin():
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin, daemon=True)
    if is_alive:
        thread.start()
    yield
    executor.shutdown()
    if is_alive:
        thread.join()
    action.destroy()
    node.destroy_node()
    context.try_shutdown()


def satisfied(handle):
    handle.succeed()
    return AchieveConcept.Result(success=True, error=int(Outcome.SATISFIED), text='done')


@pytest.mark.parametrize(
    ('accepts', 'notices'), [(False, 'SILENCE'), (True, 'SILENCE'), (False, 'ACCEPTANCE')]
)
def test_a_command_that_went_to_a_dead_server_reaches_the_next_one(monkeypatch, accepts, notices):
    for name in ('SILENCE', 'ACCEPTANCE'):
        monkeypatch.setattr(commander, name, 0.3 if name == notices else 60.0)
    asleep, wake = threading.Event(), threading.Event()

    def silent(handle):
        asleep.set()
        wake.wait(20.0)
        return satisfied(handle)

    with server(silent, accepts), commander.ConceptCommander() as robot:
        robot.go('near(red; blue)')
        assert not accepts or asleep.wait(10.0)
        with server(satisfied):
            result = robot.result(wait=15.0)
        wake.set()
    assert result.success and result.text == 'done'
