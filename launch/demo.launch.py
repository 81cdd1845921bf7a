"""The demonstration graph: `ros2 launch concept_control demo.launch.py`.

The same executables with the same parameter file as `concept_control demo`; give the command with

    ros2 topic pub --once /concept_command concept_control/msg/ConceptCommand \
        "{expression: 'between(red; blue, green)'}"
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Start the simulator, and the rest as beside a real robot."""
    share = Path(get_package_share_directory('concept_control'))
    passed_on = ('params_file', 'namespace', 'rviz', 'respawn', 'localhost_only', 'log_level')
    return LaunchDescription(
        [
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
                'camera',
                default_value='auto',
                description='how the simulated camera makes images: auto, egl, osmesa or raycast',
            ),
            DeclareLaunchArgument(
                'rviz', default_value='false', description='open RViz with the shipped view'
            ),
            DeclareLaunchArgument(
                'respawn', default_value='false', description='start a node again that has died'
            ),
            DeclareLaunchArgument(
                'localhost_only',
                default_value='true',
                description='discover nodes on this machine only',
            ),
            DeclareLaunchArgument(
                'log_level', default_value='info', description='debug, info, warn or error'
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share / 'launch' / 'bringup.launch.py')),
                launch_arguments={
                    **{name: LaunchConfiguration(name) for name in passed_on},
                    'use_sim_time': 'true',
                }.items(),
            ),
            Node(
                package='concept_control',
                executable='arm_simulator',
                name='arm_simulator',
                namespace=LaunchConfiguration('namespace'),
                # It makes the time, so the parameter file gives it the machine's own.
                parameters=[
                    LaunchConfiguration('params_file'),
                    {
                        'seed': LaunchConfiguration('seed'),
                        'backend': LaunchConfiguration('camera'),
                    },
                ],
                arguments=[
                    '--ros-args',
                    '--log-level',
                    ['arm_simulator:=', LaunchConfiguration('log_level')],
                ],
                respawn=LaunchConfiguration('respawn'),
                respawn_delay=1.0,
                output='screen',
            ),
        ]
    )
