"""A thread that dies ends its node, with the reason in the log."""

import threading

import pytest

from concept_control.errors import CommandError
from concept_control.ros.runtime.worker import Worker


class Node:
    def __init__(self):
        self.failure, self.log = None, []

    def get_logger(self):
        return self

    def fatal(self, text):
        self.log.append(text)


@pytest.mark.parametrize(
    ('error', 'reason'),
    [(CommandError('no such arm'), 'no such arm'), (KeyError(3), 'KeyError(3)')],
)
def test_an_error_becomes_the_failure_of_the_node_and_is_logged(error, reason):
    def work():
        raise error

    node = Node()
    worker = Worker(node, 'physics', work)
    worker.start()
    worker.join(5.0)
    assert node.failure is error and node.log == [f'the physics thread failed: {reason}']


def test_what_fails_while_the_node_is_closed_is_no_news():
    stop, node = threading.Event(), Node()

    def work():
        stop.wait(5.0)
        raise KeyError('the node is gone')

    worker = Worker(node, 'camera', work)
    worker.start()
    worker._is_finishing = True
    stop.set()
    worker.finish()
    assert not worker.is_alive() and node.failure is None and node.log == []


def test_a_worker_that_was_never_started_is_finished():
    Worker(Node(), 'teaching', lambda: None).finish()
