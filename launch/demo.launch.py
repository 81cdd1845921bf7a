"""The demonstration graph: `ros2 launch concept_control demo.launch.py`.

The same executables with the same parameter file as `concept_control demo`; give the command with

    ros2 topic pub --once /concept_command concept_control/msg/ConceptCommand \
        "{expression: 'between(red; blue, green)'}"
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

EXECUTABLES = ('arm_simulator', 'entity_extractor', 'concept_model', 'mpc_controller')


def generate_launch_description() -> LaunchDescription:
    """Start simulator, perception, concept model and controller."""
    share = Path(get_package_share_directory('concept_control'))
    arguments = [
        DeclareLaunchArgument(
            'params_file',
            default_value=str(share / 'config' / 'demo.yaml'),
            description='parameters of all nodes',
        ),
        DeclareLaunchArgument(
            'namespace', default_value='', description='prefix of every node and topic'
        ),
        DeclareLaunchArgument('seed', default_value='0', description='of the random layout'),
        DeclareLaunchArgument(
            'log_level', default_value='info', description='debug, info, warn or error'
        ),
    ]
    overrides = {'arm_simulator': [{'seed': LaunchConfiguration('seed')}]}
    nodes = [
        Node(
            package='concept_control',
            executable=executable,
            name=executable,
            namespace=LaunchConfiguration('namespace'),
            parameters=[LaunchConfiguration('params_file'), *overrides.get(executable, [])],
            arguments=[
                '--ros-args',
                '--log-level',
                [executable, ':=', LaunchConfiguration('log_level')],
            ],
            output='screen',
        )
        for executable in EXECUTABLES
    ]
    environment = [
        # Room for images in shared memory; nodes end when ros2 launch is gone, however it went.
        SetEnvironmentVariable(
            'FASTDDS_DEFAULT_PROFILES_FILE', str(share / 'config' / 'fastdds.xml')
        ),
        SetEnvironmentVariable('CONCEPT_CONTROL_EXIT_WITH_PARENT', str(os.getpid())),
        SetEnvironmentVariable('OMP_NUM_THREADS', '1'),
    ]
    return LaunchDescription([*arguments, *environment, *nodes])
