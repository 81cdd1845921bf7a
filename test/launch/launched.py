"""A launch file as it is installed, its processes, and how they ended."""

import time
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

SHARE = Path(get_package_share_directory('concept_control'))


class Processes:
    """What is known of a launch's processes by executable.

    Attributes:
        ids: process id of the one that was started last.
        exit_codes: of the one that ended last.
    """

    def __init__(self):
        self.ids, self.exit_codes = {}, {}

    def description(self, launch_file, *beside, **arguments):
        """Describe a launch of a file, and of what stands beside it."""
        import launch_pytest
        from launch.actions import IncludeLaunchDescription, RegisterEventHandler
        from launch.event_handlers import OnProcessExit, OnProcessStart
        from launch.launch_description_sources import PythonLaunchDescriptionSource

        from launch import LaunchDescription

        def started(event, context):
            self.ids[executable(event)] = event.pid

        def ended(event, context):
            self.exit_codes[executable(event)] = event.returncode

        path = SHARE / 'launch' / launch_file
        return LaunchDescription(
            [
                RegisterEventHandler(OnProcessStart(on_start=started)),
                RegisterEventHandler(OnProcessExit(on_exit=ended)),
                *beside,
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(str(path)), launch_arguments=arguments.items()
                ),
                launch_pytest.actions.ReadyToTest(),
            ]
        )

    def wait(self, condition, deadline=240.0):
        """Wait until a condition holds."""
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f'deadline passed; ended so far: {self.exit_codes}'
            time.sleep(0.05)


def executable(event):
    return event.process_name.rsplit('-', 1)[0]


def simulator():
    """The simulated arm and camera, as a launch starts a node."""
    from launch_ros.actions import Node

    return Node(
        package='concept_control',
        executable='arm_simulator',
        parameters=[str(SHARE / 'config' / 'demo.yaml'), {'backend': 'raycast', 'seed': 1}],
        output='screen',
    )
