"""`ros2 launch concept_control demo.launch.py` for real, where launch_pytest is installed.

Up, topics flow, a command is satisfied, and SIGINT ends every process with exit code 0.
"""

from pathlib import Path

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed (a ROS 2 installation brings it)'
)
pytest.importorskip('launch_ros', reason='launch_ros is not installed (a ROS 2 brings it)')

import launch_pytest
from ament_index_python.packages import get_package_share_directory
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource

from concept_control.ros.commander import ConceptCommander, Outcome
from launch import LaunchDescription

EXECUTABLES = {'arm_simulator', 'entity_extractor', 'concept_model', 'mpc_controller'}
EXIT_CODES = {}


@launch_pytest.fixture(scope='module')
def demo_launch():
    path = Path(get_package_share_directory('concept_control')) / 'launch' / 'demo.launch.py'

    def note(event, context):
        EXIT_CODES[event.process_name.rsplit('-', 1)[0]] = event.returncode

    return LaunchDescription(
        [
            RegisterEventHandler(OnProcessExit(on_exit=note)),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(path)),
                launch_arguments={'camera': 'raycast', 'seed': '1', 'namespace': 'tested'}.items(),
            ),
            launch_pytest.actions.ReadyToTest(),
        ]
    )


@pytest.mark.launch(fixture=demo_launch)
def test_a_command_is_satisfied():
    with ConceptCommander(namespace='tested') as robot:
        robot.go('between(red; blue, green)', wait_for_server=240.0)
        # Learning the words alone takes minutes on a busy machine.
        result = robot.result(wait=240.0)
        assert result.outcome is Outcome.SATISFIED, result.text
        assert robot.feedback is not None


@pytest.mark.launch(fixture=demo_launch, shutdown=True)
def test_every_process_ends_cleanly():
    assert dict.fromkeys(EXECUTABLES, 0) == EXIT_CODES
