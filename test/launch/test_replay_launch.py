"""`ros2 launch concept_control replay.launch.py` for real, where launch_pytest and rosbag2 are.

The sample's command leads to the sample's goal again, and all processes end with the bag.
"""

import time
from pathlib import Path

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed (a ROS 2 installation brings it)'
)
pytest.importorskip('launch_ros', reason='launch_ros is not installed (a ROS 2 brings it)')
pytest.importorskip('rosbag2_py', reason='rosbag2 is not installed (a ROS 2 brings it)')

import launch_pytest
from ament_index_python.packages import get_package_share_directory
from concept_control.msg import ConceptCommand
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource

from concept_control.ros.monitor import Heard, Watch
from launch import LaunchDescription

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'
PROCESSES = {'concept_model', 'mpc_controller', 'wait_until_ready', 'player'}
EXIT_CODES = {}


def wait(condition, deadline):
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f'deadline passed; ended so far: {EXIT_CODES}'
        time.sleep(0.05)


@launch_pytest.fixture(scope='module')
def replay_launch():
    path = Path(get_package_share_directory('concept_control')) / 'launch' / 'replay.launch.py'

    def note(event, context):
        EXIT_CODES[event.process_name.rsplit('-', 1)[0]] = event.returncode

    return LaunchDescription(
        [
            RegisterEventHandler(OnProcessExit(on_exit=note)),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(path)),
                # Slowly: the goal must be there before the bag ends, on a busy machine too.
                launch_arguments={'bag': str(SAMPLE), 'rate': '0.2'}.items(),
            ),
            launch_pytest.actions.ReadyToTest(),
        ]
    )


@pytest.mark.launch(fixture=replay_launch)
def test_the_recorded_command_leads_to_a_goal_again():
    heard = Heard()
    with Watch(heard):
        wait(lambda: 'player' in EXIT_CODES or heard.goal is not None, deadline=300)
    assert heard.goal is not None, EXIT_CODES
    assert heard.goal.command == ConceptCommand.ACHIEVE
    assert heard.goal.expression == 'between(red; blue, green)'
    assert len(heard.goal.moved) == 1
    wait(lambda: set(EXIT_CODES) >= PROCESSES, deadline=120)


@pytest.mark.launch(fixture=replay_launch, shutdown=True)
def test_every_process_ends_with_the_bag():
    assert dict.fromkeys(PROCESSES, 0) == EXIT_CODES
