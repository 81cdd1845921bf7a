"""A replay begins when everybody listens, not before, and never with two clocks."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import Concept, ConceptLibrary, EntityArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rosgraph_msgs.msg import Clock
from waiting import wait

from concept_control.ros.bridge import qos
from concept_control.ros.nodes.wait_until_ready import NotReadyError, WaitUntilReady


@pytest.fixture
def start():
    """Return a function that starts the node with parameters; its peers may be added."""
    executor = None

    def make(**parameters):
        nonlocal executor
        settings = [a for key, value in parameters.items() for a in ('-p', f'{key}:={value}')]
        rclpy.init(args=['--ros-args', *settings])
        executor = SingleThreadedExecutor()
        waiter, others = WaitUntilReady(), LifecycleNode('mpc_controller')
        for node in (waiter, others):
            executor.add_node(node)
        return waiter, others, lambda: executor.spin_once(timeout_sec=0.01)

    yield make
    for node in executor.get_nodes():
        node.destroy_node()
    rclpy.shutdown()


def spin_until(condition, spin):
    wait(lambda: spin() or condition(), deadline=30)


def teach(node):
    """Say, as concept_model does, what words there are."""
    library = node.create_publisher(ConceptLibrary, 'concepts', qos.LATCHED)
    library.publish(ConceptLibrary(concepts=[Concept(name='near')]))


def test_it_ends_when_everybody_is_there_and_not_before(start):
    waiter, others, spin = start()
    parts = ['concept_model', 'mpc_controller', 'entity_extractor']
    assert [text.split()[0] for text in waiter.missing()] == parts
    teach(others)
    spin_until(lambda: len(waiter.missing()) == 2, spin)
    others.create_publisher(EntityArray, 'entities', qos.RELIABLE)
    spin_until(lambda: len(waiter.missing()) == 1, spin)
    others.trigger_configure()
    spin_until(lambda: '(it is inactive)' in ''.join(waiter.missing()), spin)
    assert not waiter.is_done
    others.trigger_activate()
    spin_until(lambda: waiter.is_done, spin)
    assert waiter.failure is None


def test_a_second_clock_is_refused_by_name(start):
    waiter, others, spin = start()
    others.create_publisher(Clock, '/clock', qos.SENSOR)
    spin_until(lambda: waiter.failure, spin)
    assert isinstance(waiter.failure, NotReadyError) and not waiter.is_done
    assert 'mpc_controller makes a clock already' in str(waiter.failure)


def test_the_end_of_patience_names_who_is_missing(start):
    waiter, others, spin = start(timeout=1.0, perception='false', controller_name='left')
    teach(others)
    spin_until(lambda: waiter.failure, spin)
    assert 'waiting for left to be active (it is not there);' in str(waiter.failure)
