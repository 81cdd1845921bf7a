"""The robot of a session: a simulated one that is started for it, or one that runs already."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from concept_control.demos.demo_run import blocks_of, say
from concept_control.demos.simulated_graph import START_TIMEOUT, GraphConfig, simulated_graph
from concept_control.errors import ConceptControlError
from concept_control.reports.tables import counted
from concept_control.ros.client.session import RobotSession

ATTACH_TIMEOUT = 15.0
"""Seconds in which a robot that runs already must be heard."""

Session = tuple[RobotSession, Callable[[], None]]
"""A client of the robot, and what raises if the robot is gone."""


@contextmanager
def simulated_session(config: GraphConfig) -> Iterator[Session]:
    """Start a simulated robot, which ends with the session.

    Raises:
        ConceptControlError: if it does not come up, or another one runs in the same ROS domain.
    """
    graph, logs = simulated_graph(config)
    say(f'starting {", ".join(config.executables)} (logs in {logs})')
    num_blocks = len(config.blocks)
    with RobotSession() as robot, graph:
        needed: dict[str, Callable[[], bool]] = {
            f'{counted(num_blocks, "block")} on the table': lambda: num_seen(robot) == num_blocks,
            'the words': lambda: bool(robot.concepts),
            'the controller': lambda: robot.status is not None,
        }
        for what, is_there in needed.items():
            graph.wait_for(is_there, START_TIMEOUT, what)
        if robot.num_robots > 1:
            raise ConceptControlError(
                'another robot runs in the same ROS domain; end it, give this one another '
                'ROS_DOMAIN_ID, or command that one with --attach'
            )
        yield robot, graph.check


@contextmanager
def attached_session(namespace: str) -> Iterator[Session]:
    """Command a robot that runs already, and goes on afterwards.

    Args:
        namespace: Namespace of its nodes.

    Raises:
        ConceptControlError: if none is heard.
    """
    with RobotSession(namespace) as robot:
        end = time.monotonic() + ATTACH_TIMEOUT
        while not robot.concepts:
            if time.monotonic() > end:
                domain = os.environ.get('ROS_DOMAIN_ID', '0')
                raise ConceptControlError(
                    f'no words were heard within {ATTACH_TIMEOUT:g} s; is concept_model running, '
                    f'in the namespace {namespace or "/"}, in ROS_DOMAIN_ID {domain}?'
                )
            time.sleep(0.02)
        yield robot, lambda: None


def num_seen(robot: RobotSession) -> int:
    """Return how many blocks are seen."""
    return 0 if robot.entities is None else len(blocks_of(robot.entities))
