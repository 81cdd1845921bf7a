"""`ros2 launch concept_control demo.launch.py` for real, where launch_pytest is installed.

Up, topics flow, a command is satisfied, also when the controller dies over it, and SIGINT ends
every process with exit code 0.
"""

import os
import signal

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed (a ROS 2 installation brings it)'
)
pytest.importorskip('launch_ros', reason='launch_ros is not installed (a ROS 2 brings it)')

import launch_pytest
from launched import Processes

from concept_control.ros.client.commander import ConceptCommander, Outcome

EXECUTABLES = {'arm_simulator', 'entity_extractor', 'concept_model', 'mpc_controller'}
PROCESSES = Processes()


@launch_pytest.fixture(scope='module')
def demo_launch():
    return PROCESSES.description(
        'demo.launch.py', camera='raycast', seed='1', namespace='tested', respawn='true'
    )


@pytest.mark.launch(fixture=demo_launch)
def test_a_command_is_satisfied():
    with ConceptCommander(namespace='tested') as robot:
        robot.go('between(red; blue, green)', wait_for_server=240.0)
        # Learning the words alone takes minutes on a busy machine.
        result = robot.result(wait=240.0)
        assert result.outcome is Outcome.SATISFIED, result.text
        assert robot.feedback is not None


@pytest.mark.launch(fixture=demo_launch)
def test_a_controller_that_dies_on_the_way_is_started_again_and_goes_on():
    with ConceptCommander(namespace='tested') as robot:
        robot.go('far(red; blue)', wait_for_server=60.0)
        PROCESSES.wait(lambda: robot.feedback is not None and robot.feedback.phase == 'carry')
        dead = PROCESSES.ids['mpc_controller']
        os.kill(dead, signal.SIGKILL)
        PROCESSES.wait(lambda: PROCESSES.ids['mpc_controller'] != dead)
        result = robot.result(wait=240.0)
        assert result.outcome is Outcome.SATISFIED, result.text
        assert PROCESSES.exit_codes.pop('mpc_controller') == -signal.SIGKILL


@pytest.mark.launch(fixture=demo_launch, shutdown=True)
def test_every_process_ends_cleanly():
    assert dict.fromkeys(EXECUTABLES, 0) == PROCESSES.exit_codes
