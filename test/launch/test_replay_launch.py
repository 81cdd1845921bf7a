"""`ros2 launch concept_control replay.launch.py` for real, where launch_pytest and rosbag2 are.

The sample's command leads to the sample's goal again, and all processes end with the bag.
"""

from pathlib import Path

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed (a ROS 2 installation brings it)'
)
pytest.importorskip('launch_ros', reason='launch_ros is not installed (a ROS 2 brings it)')
pytest.importorskip('rosbag2_py', reason='rosbag2 is not installed (a ROS 2 brings it)')

import launch_pytest
from concept_control.msg import ConceptCommand
from launched import Processes

from concept_control.ros.client.monitor import GraphState, MonitorThread

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'
EXECUTABLES = {'concept_model', 'mpc_controller', 'wait_until_ready', 'player'}
PROCESSES = Processes()


@launch_pytest.fixture(scope='module')
def replay_launch():
    # Slowly: the goal must be there before the bag ends, on a busy machine too.
    return PROCESSES.description('replay.launch.py', bag=str(SAMPLE), rate='0.2')


@pytest.mark.launch(fixture=replay_launch)
def test_the_recorded_command_leads_to_a_goal_again():
    heard, ended = GraphState(), PROCESSES.exit_codes
    with MonitorThread(heard):
        PROCESSES.wait(lambda: 'player' in ended or heard.goal is not None, deadline=300)
    assert heard.goal is not None, ended
    assert heard.goal.command == ConceptCommand.ACHIEVE
    assert heard.goal.expression == 'between(red; blue, green)'
    assert len(heard.goal.moved) == 1
    PROCESSES.wait(lambda: set(ended) >= EXECUTABLES)


@pytest.mark.launch(fixture=replay_launch, shutdown=True)
def test_every_process_ends_with_the_bag():
    assert dict.fromkeys(EXECUTABLES, 0) == PROCESSES.exit_codes
